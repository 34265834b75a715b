/*
 * hpg_tree.c
 *		All that a model has learned, to be read: hp_tree(model, n) answers the
 *		nodes of a tree as rows, model::jsonb the whole.
 *
 * Trees and nodes are numbered from 1.  The trees of a blend's members follow
 * each other.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/tuplestore.h"

#include "hpg.h"

HPG_FUNCTION(hp_tree);
HPG_FUNCTION(hp_model_to_jsonb);

/* Categories that the rule of a node names. */
#define NAMED_CATEGORIES 5

/* More nodes make a jsonb of a size that PostgreSQL does not take. */
#define MAX_JSON_NODES 1000000

/* A node, and what stands around it. */
typedef struct tree_node
{
	hpc_model_node node;
	hpc_model_feature feature; /* of a split */
	uint32 parent;             /* number, or 0 */
	uint32 depth;
} tree_node;

/* ---------- words ---------- */

/* Categories that go left, in the server's encoding. */
static char **
left_categories(const hpc_model *model, const tree_node *at, int *n)
{
	char **names = palloc(sizeof(char *) * Max(at->feature.ncategories, 1));

	*n = 0;
	for (uint32 i = 0; i < at->feature.ncategories; i++)
	{
		uint32_t nbytes;
		const char *bytes;

		if (!(at->node.set[i / 32] >> (i % 32) & 1))
			continue;
		bytes = hpc_model_category(model, at->node.feature, i, &nbytes);
		names[(*n)++] = hpg_from_utf8(bytes, nbytes);
	}
	return names;
}

static char *
threshold_text(const tree_node *at)
{
	char *time = NULL;

	if (at->feature.kind == HPC_TIME)
		time = hpg_time_json(at->node.threshold);
	return time != NULL ? time : float8out_internal(at->node.threshold);
}

/* Which rows go to the left child: "lot_area <= 9600.5 or missing". */
static char *
rule_of(const tree_node *at, char **names, int n)
{
	StringInfoData rule;

	initStringInfo(&rule);
	appendStringInfoString(&rule, hpg_name(at->feature.name));
	if (at->feature.kind == HPC_CATEGORY)
	{
		appendStringInfoString(&rule, " in (");
		for (int i = 0; i < Min(n, NAMED_CATEGORIES); i++)
			appendStringInfo(&rule, "%s%s", i > 0 ? ", " : "", names[i]);
		if (n > NAMED_CATEGORIES)
			appendStringInfo(&rule, ", %d more", n - NAMED_CATEGORIES);
		appendStringInfoChar(&rule, ')');
	}
	else if (at->feature.kind == HPC_BOOLEAN && at->node.threshold >= 0 &&
			 at->node.threshold < 1)
		appendStringInfoString(&rule, " is false");
	else
		appendStringInfo(&rule, " <= %s", threshold_text(at));
	if (at->node.missing_left)
		appendStringInfoString(&rule, " or missing");
	return rule.data;
}

/* ---------- trees ---------- */

/* Trees and nodes, of a blend those of its members. */
static void
count_all(const hpc_model *model, uint64 *ntrees, uint64 *nnodes)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	*ntrees = summary.ntrees;
	*nnodes = summary.nnodes;
	for (int i = 0; i < summary.nmembers; i++)
	{
		hpc_model_summary member;

		hpc_model_summarize(hpc_model_member(model, i), &member);
		*ntrees += member.ntrees;
		*nnodes += member.nnodes;
	}
}

/* The model that tree n, from 1, belongs to, and its index there. */
static const hpc_model *
find_tree(const hpc_model *model, int32 n, uint32 *index)
{
	hpc_model_summary summary;
	uint64 ntrees;
	uint64 nnodes;

	count_all(model, &ntrees, &nnodes);
	if (n < 1 || (uint64) n > ntrees)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 ntrees > 0
					 ? errmsg("there is no tree %d: the model has " UINT64_FORMAT, n, ntrees)
					 : errmsg("the model has no trees"),
				 ntrees > 0
					 ? errhint("Trees are numbered from 1.")
					 : errhint("model::jsonb shows the terms of a linear model.")));
	*index = (uint32) n - 1;
	hpc_model_summarize(model, &summary);
	for (int i = 0; i < summary.nmembers; i++)
	{
		const hpc_model *member = hpc_model_member(model, i);
		hpc_model_summary its;

		hpc_model_summarize(member, &its);
		if (*index < its.ntrees)
			return member;
		*index -= its.ntrees;
	}
	return model;
}

/* Parents and depths of all nodes: children stand after their parent. */
static tree_node *
read_tree(const hpc_model *model, uint32 tree, uint32 *nnodes)
{
	tree_node *nodes;

	*nnodes = hpc_model_tree_size(model, tree);
	nodes = palloc_extended(sizeof(tree_node) * (Size) *nnodes,
							MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 i = 0; i < *nnodes; i++)
	{
		tree_node *at = &nodes[i];

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		hpc_model_node_at(model, tree, i, &at->node);
		if (at->node.left == 0)
			continue;
		hpc_model_feature_at(model, at->node.feature, &at->feature);
		for (uint32 child = at->node.left; child < at->node.left + 2; child++)
		{
			nodes[child].parent = i + 1;
			nodes[child].depth = at->depth + 1;
		}
	}
	return nodes;
}

/* ---------- rows ---------- */

enum
{
	NODE,
	PARENT,
	DEPTH,
	RULE,
	FEATURE,
	THRESHOLD,
	CATEGORIES,
	MISSING,
	LEFT_CHILD,
	RIGHT_CHILD,
	ROWS,
	VALUE,
	NCOLUMNS
};

static void
put_node(ReturnSetInfo *result, const hpc_model *model, const tree_node *at,
		 uint32 number)
{
	Datum values[NCOLUMNS];
	bool nulls[NCOLUMNS];
	bool is_leaf = at->node.left == 0;
	bool is_set = !is_leaf && at->feature.kind == HPC_CATEGORY;
	char **names = NULL;
	int n = 0;

	memset(nulls, true, sizeof(nulls));
#define PUT(column, value) (nulls[column] = false, values[column] = (value))
	PUT(NODE, Int32GetDatum((int32) number));
	PUT(DEPTH, Int32GetDatum((int32) at->depth));
	PUT(ROWS, Int64GetDatum(at->node.cover));
	if (at->parent > 0)
		PUT(PARENT, Int32GetDatum((int32) at->parent));
	if (is_leaf)
		PUT(VALUE, Float8GetDatum(at->node.value));
	else
	{
		if (is_set)
		{
			names = left_categories(model, at, &n);
			PUT(CATEGORIES, hpg_text_array(names, n));
		}
		else
			PUT(THRESHOLD, Float8GetDatum(at->node.threshold));
		PUT(RULE, CStringGetTextDatum(rule_of(at, names, n)));
		PUT(FEATURE, CStringGetTextDatum(hpg_name(at->feature.name)));
		PUT(MISSING,
			CStringGetTextDatum(at->node.missing_left ? "left" : "right"));
		PUT(LEFT_CHILD, Int32GetDatum((int32) at->node.left + 1));
		PUT(RIGHT_CHILD, Int32GetDatum((int32) at->node.left + 2));
	}
#undef PUT
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* hp_tree(model hp_model, n integer) returns table (node, parent, ...) */
Datum
hp_tree(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext per_node =
		AllocSetContextCreate(CurrentMemoryContext, "hp_tree node",
							  ALLOCSET_DEFAULT_SIZES);
	uint32 tree;
	const hpc_model *model = find_tree(
		hpg_call_model(hpg_call_of(fcinfo), PG_GETARG_DATUM(0))->model,
		PG_GETARG_INT32(1), &tree);
	uint32 nnodes;
	tree_node *nodes = read_tree(model, tree, &nnodes);
	MemoryContext old;

	InitMaterializedSRF(fcinfo, 0);
	old = MemoryContextSwitchTo(per_node);
	for (uint32 i = 0; i < nnodes; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put_node(result, model, &nodes[i], i + 1);
		MemoryContextReset(per_node);
	}
	MemoryContextSwitchTo(old);
	return (Datum) 0;
}

/* ---------- JSON ---------- */

static void
push_split(JsonbParseState **state, const hpc_model *model,
		   const tree_node *at)
{
	hpg_push_named_string(state, "feature", hpg_name(at->feature.name));
	if (at->feature.kind == HPC_CATEGORY)
	{
		int n;
		char **names = left_categories(model, at, &n);

		hpg_push_key(state, "categories");
		pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
		for (int i = 0; i < n; i++)
			hpg_push_element(state, names[i]);
		pushJsonbValue(state, WJB_END_ARRAY, NULL);
	}
	else
		hpg_push_named_number(state, "threshold", at->node.threshold);
	hpg_push_named_string(state, "missing",
						  at->node.missing_left ? "left" : "right");
	hpg_push_named_integer(state, "left", (int64) at->node.left + 1);
	hpg_push_named_integer(state, "right", (int64) at->node.left + 2);
}

static void
push_trees(JsonbParseState **state, const hpc_model *model, uint32 ntrees)
{
	hpg_push_key(state, "trees");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (uint32 tree = 0; tree < ntrees; tree++)
	{
		uint32 nnodes;
		tree_node *nodes = read_tree(model, tree, &nnodes);

		pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
		for (uint32 i = 0; i < nnodes; i++)
		{
			CHECK_FOR_INTERRUPTS();
			pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
			hpg_push_named_integer(state, "rows", nodes[i].node.cover);
			if (nodes[i].node.left == 0)
				hpg_push_named_number(state, "value", nodes[i].node.value);
			else
				push_split(state, model, &nodes[i]);
			pushJsonbValue(state, WJB_END_OBJECT, NULL);
		}
		pushJsonbValue(state, WJB_END_ARRAY, NULL);
		pfree(nodes);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
push_levels(JsonbParseState **state, const hpc_model *model, int index,
			const hpc_model_feature *feature, const double *levels)
{
	hpg_push_key(state, "coefficients");
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (uint32 i = 0; i < feature->ncategories; i++)
	{
		uint32_t nbytes;
		const char *bytes = hpc_model_category(model, index, i, &nbytes);

		hpg_push_named_number(state, hpg_from_utf8(bytes, nbytes), levels[i]);
	}
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
	CHECK_FOR_INTERRUPTS();
}

/* What each feature adds to the prediction of a linear model. */
static void
push_terms(JsonbParseState **state, const hpc_model *model, int nfeatures)
{
	hpg_push_key(state, "terms");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < nfeatures; i++)
	{
		hpc_model_feature feature;
		hpc_model_term term;

		hpc_model_feature_at(model, i, &feature);
		hpc_model_term_at(model, i, &term);
		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		hpg_push_named_string(state, "feature", hpg_name(feature.name));
		hpg_push_named_number(state, "missing", term.missing);
		if (feature.kind == HPC_CATEGORY)
		{
			push_levels(state, model, i, &feature, term.levels);
			hpg_push_named_number(state, "unknown", term.unknown);
		}
		else
		{
			hpg_push_named_number(state, "coefficient", term.coefficient);
			hpg_push_named_number(state, "center", term.center);
			hpg_push_named_number(state, "fill", term.fill);
			hpg_push_named_number(state, "low", term.low);
			hpg_push_named_number(state, "high", term.high);
			hpg_push_key(state, "log1p");
			hpg_push_bool(state, term.log1p);
		}
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* An object with the trees or terms of a model that is no blend. */
static void
push_learned(JsonbParseState **state, const hpc_model *model)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	if (summary.algorithm == HPC_LINEAR)
		push_terms(state, model, summary.nfeatures);
	else
		push_trees(state, model, summary.ntrees);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static void
push_all_learned(JsonbParseState **state, const hpc_model *model)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	hpg_push_key(state, "learned");
	if (summary.nmembers == 0)
	{
		push_learned(state, model);
		return;
	}
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < summary.nmembers; i++)
		push_learned(state, hpc_model_member(model, i));
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* hp_model_to_jsonb(hp_model) returns jsonb */
Datum
hp_model_to_jsonb(PG_FUNCTION_ARGS)
{
	const hpc_model *model = hpg_arg_model(fcinfo, 0);
	JsonbParseState *state = NULL;
	uint64 ntrees;
	uint64 nnodes;

	count_all(model, &ntrees, &nnodes);
	if (nnodes > MAX_JSON_NODES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the model is too large to be shown as jsonb"),
				 errdetail("It has " UINT64_FORMAT
						   " nodes; %d are possible.",
						   nnodes, MAX_JSON_NODES),
				 errhint("hp_tree(model, n) returns the nodes of one tree, hp_model_info(model) all but the trees.")));
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	hpg_push_info(&state, model);
	push_all_learned(&state, model);
	PG_RETURN_JSONB_P(
		JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}
