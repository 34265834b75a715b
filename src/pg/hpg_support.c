/*
 * hpg_support.c
 *		What the planner asks about functions of ours (supportnodes.h).
 *
 * hp_predict_rows answers each row of the source beside its prediction.  Where
 * a query does not look at that column, forming and keeping the rows is a third
 * of the work of a fast model, so the call is told to leave it NULL.
 *
 * hp_predict and its kin cost what their model does: 30 nanoseconds or 30
 * microseconds.  Where it is known to the planner, in a literal, or in a
 * parameter of a prepared statement that is planned with its values, it tells
 * when workers pay and which of two conditions comes first.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "hpg.h"

HPG_FUNCTION(hp_predict_support);
HPG_FUNCTION(hp_predict_rows_support);

/* COST of hp_predict in the script of the extension. */
#define PREDICT_COST 100

enum
{
	ROW_COLUMN = 1, /* source_row in the result of hp_predict_rows */
	ROW_ARG = 1,    /* its arguments, from 0 */
	SOURCE_ARG = 2,
	SOURCE_ROWS_ARG = 3
};

/* ---------- what does a prediction cost? ---------- */

/* What cpu_operator_cost stands for here, in nanoseconds. */
#define OPERATOR_TIME 10.0

/* The model that the planner knows the argument to be, or NULL. */
static const hpc_model *
known_model(PlannerInfo *root, Node *argument)
{
	const Const *value = (const Const *) argument;

	if (root != NULL)
		value = (const Const *) estimate_expression_value(root, argument);
	if (!IsA(value, Const) || value->constisnull ||
		VARATT_IS_EXTENDED(DatumGetPointer(value->constvalue)))
		return NULL;
	return (const hpc_model *) DatumGetPointer(value->constvalue);
}

/*
 * The declared cost of the function, less that of hp_predict, is what it does
 * besides.
 */
static double
cost_besides(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	double cost = 0;

	if (HeapTupleIsValid(tuple))
	{
		cost = ((Form_pg_proc) GETSTRUCT(tuple))->procost - PREDICT_COST;
		ReleaseSysCache(tuple);
	}
	return Max(cost, 0);
}

static bool
estimate_cost(SupportRequestCost *request)
{
	const FuncExpr *call = (const FuncExpr *) request->node;
	const hpc_model *model;

	if (call == NULL || !IsA(call, FuncExpr))
		return false;
	model = known_model(request->root, linitial(call->args));
	if (model == NULL)
		return false;
	request->startup = 0;
	request->per_tuple =
		cpu_operator_cost * (hpc_predict_time(model) / OPERATOR_TIME +
							 cost_besides(request->funcid));
	return true;
}

/* hp_predict_support(internal) returns internal */
Datum
hp_predict_support(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestCost) &&
		estimate_cost((SupportRequestCost *) request))
		PG_RETURN_POINTER(request);
	PG_RETURN_POINTER(NULL);
}

/* ---------- is the column of rows looked at? ---------- */

typedef struct usage
{
	Query *query;
	Oid function;
	int depth; /* of subqueries inside the query */
	int ncalls;
	bool row_used;
} usage;

/* A call that is what an entry of the range table consists of. */
static bool
is_call_entry(const RangeTblEntry *rte, Oid function)
{
	const RangeTblFunction *item;

	if (rte->rtekind != RTE_FUNCTION || list_length(rte->functions) != 1)
		return false;
	item = linitial_node(RangeTblFunction, rte->functions);
	return IsA(item->funcexpr, FuncExpr) &&
		   ((FuncExpr *) item->funcexpr)->funcid == function;
}

static bool find_usage(Node *node, void *context);

static void
look_at_var(const Var *var, usage *u)
{
	const RangeTblEntry *rte;

	if ((int) var->varlevelsup != u->depth)
		return;
	rte = rt_fetch(var->varno, u->query->rtable);
	if (is_call_entry(rte, u->function))
		u->row_used |=
			var->varattno == ROW_COLUMN || var->varattno == InvalidAttrNumber;
	else if (rte->rtekind == RTE_JOIN)
	{
		int depth = u->depth;

		if (var->varattno == InvalidAttrNumber)
			u->row_used = true;
		else
		{
			/* what a join's column stands for is said on the query's level */
			u->depth = 0;
			find_usage(list_nth(rte->joinaliasvars, var->varattno - 1), u);
			u->depth = depth;
		}
	}
}

/* True ends the walk. */
static bool
find_usage(Node *node, void *context)
{
	usage *u = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
		look_at_var((Var *) node, u);
	else if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == u->function)
		u->ncalls++;
	else if (IsA(node, Query))
	{
		bool ends;

		u->depth++;
		ends = query_tree_walker((Query *) node, find_usage, u,
								 QTW_IGNORE_JOINALIASES);
		u->depth--;
		return ends;
	}
	return u->row_used || expression_tree_walker(node, find_usage, u);
}

/*
 * The planner does not say which call it asks about.  So none may have its
 * rows looked at, and none may stand elsewhere than in FROM.
 */
static bool
are_rows_used(Query *query, Oid function)
{
	usage u = {.query = query, .function = function};
	int nentries = 0;
	ListCell *cell;

	foreach(cell, query->rtable)
		nentries += is_call_entry(lfirst_node(RangeTblEntry, cell), function);
	query_tree_walker(query, find_usage, &u, QTW_IGNORE_JOINALIASES);
	return u.row_used || u.ncalls != nentries;
}

/* The call without its rows, or NULL where it has to stay as it is. */
static Node *
leave_rows_out(const SupportRequestSimplify *request)
{
	const FuncExpr *call = request->fcall;
	const Const *wanted = list_nth(call->args, SOURCE_ROWS_ARG);
	FuncExpr *without;

	if (request->root == NULL || !IsA(wanted, Const) || wanted->constisnull ||
		!DatumGetBool(wanted->constvalue) ||
		are_rows_used(request->root->parse, call->funcid))
		return NULL;
	without = (FuncExpr *) copyObjectImpl(call);
	lfirst(list_nth_cell(without->args, SOURCE_ROWS_ARG)) =
		makeBoolConst(false, false);
	return (Node *) without;
}

/* ---------- how many rows will there be? ---------- */

/* As many as the table of the row type has; of a query nothing is known. */
static bool
estimate_rows(SupportRequestRows *request)
{
	const FuncExpr *call = (const FuncExpr *) request->node;
	const Node *source;
	HeapTuple tuple;
	double ntuples;

	if (!IsA(call, FuncExpr))
		return false;
	source = list_nth(call->args, SOURCE_ARG);
	if (!IsA(source, Const) || !((const Const *) source)->constisnull)
		return false;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(get_typ_typrelid(exprType(
										list_nth(call->args, ROW_ARG)))));
	if (!HeapTupleIsValid(tuple))
		return false;
	ntuples = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
	ReleaseSysCache(tuple);
	/* never analyzed: less than 0 */
	if (ntuples < 0)
		return false;
	request->rows = clamp_row_est(ntuples);
	return true;
}

/* hp_predict_rows_support(internal) returns internal */
Datum
hp_predict_rows_support(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(leave_rows_out((SupportRequestSimplify *) request));
	if (IsA(request, SupportRequestRows) &&
		estimate_rows((SupportRequestRows *) request))
		PG_RETURN_POINTER(request);
	PG_RETURN_POINTER(NULL);
}
