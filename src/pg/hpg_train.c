/*
 * hpg_train.c
 *		hp_train(row, target [, params]): training as an aggregate.
 *
 * The transition function appends each row to a data set of the core, column
 * by column in the column's own width; the final function codes the data set
 * and grows the model.  Which columns are features is settled by the first
 * row: all but the target, where that is named, and the excluded ones.
 *
 * States of parallel workers are data sets too: they are sent flat and
 * appended to one another.  The order in which rows arrive is no part of the
 * result (see the core).
 *
 * The final function uses the data set up where it may (an ordinary
 * aggregate that no other one shares the state with) and keeps the model for
 * a second call; a window's frame may go on growing, so there it trains on a
 * copy.
 *
 * Memory: the bytes of the columns, an eighth of a byte for NULLs each, and
 * 8 bytes for the target per row; text once per distinct value.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "hpg.h"
#include "hpg_compat.h"
#include "hpg_fill.h"

HPG_FUNCTION(hp_train_accum_value);
HPG_FUNCTION(hp_train_accum_named);
HPG_FUNCTION(hp_train_combine);
HPG_FUNCTION(hp_train_serialize);
HPG_FUNCTION(hp_train_deserialize);
HPG_FUNCTION(hp_train_final);

typedef struct train_state
{
	MemoryContext context; /* of the state and all it points to */
	hpc_env env;
	Jsonb *jsonb; /* parameters as given, or NULL */
	hpg_params *params;
	char *target_name;    /* UTF-8; NULL: the target comes by value */
	hpc_dataset *dataset; /* NULL: no row with a target yet */
	uint64 nskipped;      /* rows without a target */

	/* the row type at hand; rebound by name when another one comes */
	MemoryContext bound; /* of what follows but the row type */
	hpg_rowtype *rowtype;
	uint64 identifier;
	const hpg_column **columns; /* of the features */
	const hpg_column *target;   /* where it is named */
	hpg_fill *fill;
	hpc_value *values; /* of the features */

	void *model; /* once trained */
} train_state;

static Jsonb *
copy_jsonb(Jsonb *jsonb)
{
	Jsonb *copy = palloc(VARSIZE(jsonb));

	memcpy(copy, jsonb, VARSIZE(jsonb));
	return copy;
}

static train_state *
make_state(MemoryContext parent, Jsonb *jsonb, const char *target_name)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "hp_train", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	train_state *state = palloc0(sizeof(train_state));

	state->context = context;
	hpg_env_init(&state->env, context, hpg_threads());
	state->jsonb = jsonb != NULL ? copy_jsonb(jsonb) : NULL;
	state->params = hpg_params_parse(state->jsonb, context);
	state->target_name = target_name != NULL ? pstrdup(target_name) : NULL;
	MemoryContextSwitchTo(before);
	return state;
}

/*
 * 5 and 5.0 are the same parameter: what the model keeps of either is its
 * canonical text.
 */
static bool
same_params(Jsonb *a, Jsonb *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return hpg_json_equal(a, b) ||
		   compareJsonbContainers(&a->root, &b->root) == 0;
}

static void
check_same_params(const train_state *state, Jsonb *jsonb)
{
	if (!same_params(state->jsonb, jsonb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("training parameters differ between rows"),
				 errhint("Give the same parameters for all rows of a group, "
						 "or GROUP BY them.")));
}

static void
check_same_target(const train_state *state, const char *name)
{
	if (strcmp(state->target_name, name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("target name differs between rows: \"%s\" and \"%s\"",
						hpg_name(state->target_name), hpg_name(name)),
				 errhint("A second argument of type text names the target "
						 "column. To train on a text column's values, cast it "
						 "to double precision.")));
}

/* ---------- binding the columns of a row type ---------- */

/* ROW(1, 2) has the names f1, f2: nothing to bind a prediction by. */
static void
refuse_nameless(const hpg_rowtype *rowtype)
{
	if (rowtype->type != RECORDOID || rowtype->ncolumns == 0)
		return;
	for (int i = 0; i < rowtype->ncolumns; i++)
	{
		if (strcmp(rowtype->columns[i].name, psprintf("f%d", i + 1)) != 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the columns of the row have no names"),
			 errdetail("ROW(...) names its columns f1, f2 and so on."),
			 errhint("Use a table's row, hp_select_features(h, ...), or a "
					 "subquery: FROM (SELECT a, b FROM houses) h.")));
}

static bool
is_excluded(const train_state *state, const char *name)
{
	for (int i = 0; i < state->params->nexclude; i++)
	{
		if (strcmp(state->params->exclude[i], name) == 0)
			return true;
	}
	return false;
}

static void target_missing(const train_state *state,
						   const hpg_rowtype *rowtype) pg_attribute_noreturn();

/* The target's name is no column: maybe it was meant as a value. */
static void
target_missing(const train_state *state, const hpg_rowtype *rowtype)
{
	const char **names = palloc(Max(rowtype->ncolumns, 1) * sizeof(char *));
	const char *nearest;

	for (int i = 0; i < rowtype->ncolumns; i++)
		names[i] = rowtype->columns[i].name;
	nearest = hpg_nearest_name(state->target_name, rowtype->ncolumns, names);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the row has no column \"%s\"",
					hpg_name(state->target_name)),
			 errdetail("A second argument of type text names the target "
					   "column."),
			 nearest != NULL
			 ? errhint("Perhaps you meant the column \"%s\".",
					   hpg_name(nearest))
			 : errhint("To train on a text column's values, cast it to "
					   "double precision.")));
}

/* What to write instead of a target column that is no number; or NULL. */
static char *
number_from(const hpg_column *column)
{
	const char *name = quote_identifier(hpg_name(column->name));

	switch (column->base_type)
	{
		case BOOLOID:
			return psprintf("%s::integer", name);
		case CASHOID:
			return psprintf("%s::numeric", name);
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case INTERVALOID:
			return psprintf("extract(epoch FROM %s)", name);
		default:
			if (column->kind == HPC_CATEGORY &&
				!type_is_enum(column->base_type))
				return psprintf("%s::double precision", name);
			return NULL;
	}
}

/* The target column, or an ERROR that says what is wrong with it. */
static const hpg_column *
find_target(const train_state *state, const hpg_rowtype *rowtype)
{
	const hpg_column *column = hpg_rowtype_find(rowtype, state->target_name);
	char *instead;

	if (column == NULL)
		target_missing(state, rowtype);
	if (column->kind == HPC_NUMBER)
		return column;
	instead = number_from(column);
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("target column \"%s\" has type %s, which is not a number",
					hpg_name(column->name), format_type_be(column->type)),
			 instead != NULL
			 ? errhint("Give its value instead, and leave the column out: "
					   "hp_train(..., %s, hp_forest(exclude => ARRAY[%s])).",
					   instead, quote_literal_cstr(hpg_name(column->name)))
			 : 0));
	return NULL;
}

static void
check_exclude(const train_state *state, const hpg_rowtype *rowtype)
{
	for (int i = 0; i < state->params->nexclude; i++)
	{
		if (hpg_rowtype_find(rowtype, state->params->exclude[i]) == NULL)
			hpg_column_missing(rowtype, state->params->exclude[i]);
	}
}

static void
refuse_type(const hpg_column *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" has type %s, which cannot be a feature",
					hpg_name(column->name), format_type_be(column->type)),
			 errhint("Leave it out with exclude => ARRAY[%s], choose columns "
					 "with hp_select_features, or cast it.",
					 quote_literal_cstr(hpg_name(column->name)))));
}

/* The features of a row type, in its order; returns how many. */
static int
choose_features(const train_state *state, const hpg_rowtype *rowtype,
				const hpg_column **columns)
{
	int n = 0;

	/* the mean looks at no feature, so it takes any row */
	if (state->params->core.algorithm == HPC_MEAN)
		return 0;
	for (int i = 0; i < rowtype->ncolumns; i++)
	{
		const hpg_column *column = &rowtype->columns[i];

		if (column == state->target || is_excluded(state, column->name))
			continue;
		if (column->kind == HPC_NO_KIND)
			refuse_type(column);
		for (int j = 0; j < n; j++)
		{
			if (strcmp(columns[j]->name, column->name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" appears more than once in the "
								"row",
								hpg_name(column->name)),
						 errhint("Give the columns different names, or name "
								 "those you want.")));
		}
		columns[n++] = column;
	}
	if (n == 0 && state->dataset == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the row has no column to learn from"),
				 errdetail("The target and excluded columns are no "
						   "features.")));
	return n;
}

static void
create_dataset(train_state *state, int nfeatures)
{
	hpc_column_spec *specs =
		palloc(Max(nfeatures, 1) * sizeof(hpc_column_spec));

	for (int i = 0; i < nfeatures; i++)
		specs[i] =
			(hpc_column_spec){state->columns[i]->name, state->columns[i]->kind,
							  state->columns[i]->storage,
							  state->columns[i]->integral};
	hpg_check_status(&state->env, hpc_dataset_create(&state->env, nfeatures,
													 specs, &state->dataset));
	pfree(specs);
}

/* Binds the columns of the data set, made from another row type. */
static void
rebind_features(train_state *state, const hpg_column **found, int nfound)
{
	int ncolumns = hpc_dataset_ncolumns(state->dataset);

	state->columns = palloc(Max(ncolumns, 1) * sizeof(hpg_column *));
	for (int i = 0; i < ncolumns; i++)
	{
		hpc_column_spec spec = hpc_dataset_column(state->dataset, i);
		const hpg_column *column = NULL;

		for (int j = 0; j < nfound && column == NULL; j++)
		{
			if (strcmp(found[j]->name, spec.name) == 0)
				column = found[j];
		}
		if (column == NULL)
			hpg_column_missing(state->rowtype, spec.name);
		if (column->kind != spec.kind || column->storage != spec.storage)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" has different types in the rows of "
							"one training",
							hpg_name(spec.name))));
		state->columns[i] = column;
	}
	if (nfound != ncolumns)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("rows of one training have different columns")));
}

/* Settles features and target for the row type in state->rowtype. */
static void
bind_rowtype(train_state *state)
{
	MemoryContext before = CurrentMemoryContext;
	hpg_rowtype *rowtype = state->rowtype;
	const hpg_column **found;
	int nfound;

	if (state->bound != NULL)
		MemoryContextReset(state->bound);
	else
		state->bound =
			AllocSetContextCreate(state->context, "hp_train binding",
								  ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(state->bound);
	found = palloc(Max(rowtype->ncolumns, 1) * sizeof(hpg_column *));
	refuse_nameless(rowtype);
	check_exclude(state, rowtype);
	if (state->target_name != NULL)
		state->target = find_target(state, rowtype);
	nfound = choose_features(state, rowtype, found);
	state->columns = found;
	if (state->dataset == NULL)
		create_dataset(state, nfound);
	else
		rebind_features(state, found, nfound);
	state->values = palloc(Max(nfound, 1) * sizeof(hpc_value));
	if (state->params->clean != NULL)
		state->fill = hpg_fill_compile(state->params->clean, rowtype, true,
									   state->bound);
	state->identifier = rowtype->identifier;
	MemoryContextSwitchTo(before);
}

/* ---------- rows ---------- */

/* Splits a row and binds its type. */
static void
read_row(train_state *state, HeapTupleHeader row)
{
	hpg_rowtype *rowtype = hpg_rowtype_of(state->rowtype, row, state->context);

	if (rowtype != state->rowtype || rowtype->identifier != state->identifier)
	{
		state->rowtype = rowtype;
		bind_rowtype(state);
	}
	hpg_row_deform(rowtype, row);
}

/* Appends the row last split. */
static void
append_row(train_state *state, double target)
{
	int ncolumns = hpc_dataset_ncolumns(state->dataset);

	if (!isfinite(target))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("target is %s in some row",
						isnan(target) ? "NaN" : "infinite"),
				 errhint("Leave such rows out with FILTER (WHERE ...); rows "
						 "whose target is NULL are skipped.")));
	if (state->fill != NULL)
		hpg_fill_apply(state->fill, state->rowtype);
	for (int i = 0; i < ncolumns; i++)
		hpg_row_value(state->rowtype, state->columns[i], &state->values[i]);
	hpg_check_status(&state->env,
					 hpc_dataset_append(&state->env, state->dataset,
										state->values, target));

	/* of a window's smaller frame; the executor has copied it */
	if (state->model != NULL)
		pfree(state->model);
	state->model = NULL;
}

static void
refuse_null_row(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("cannot train on a NULL row"),
			 errhint("Leave such rows out with FILTER (WHERE h IS DISTINCT "
					 "FROM NULL).")));
}

/* Argument 3, the parameters, where the aggregate has it and it is set. */
static Jsonb *
params_arg(FunctionCallInfo fcinfo)
{
	return PG_NARGS() > 3 && !PG_ARGISNULL(3) ? PG_GETARG_JSONB_P(3) : NULL;
}

/* hp_train_accum_value(internal, record, float8 [, jsonb]) returns internal */
Datum
hp_train_accum_value(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	Jsonb *jsonb = params_arg(fcinfo);
	train_state *state;

	if (PG_ARGISNULL(0))
		state = make_state(context, jsonb, NULL);
	else
	{
		state = (train_state *) PG_GETARG_POINTER(0);
		check_same_params(state, jsonb);
	}
	if (PG_ARGISNULL(2))
		state->nskipped++;
	else if (PG_ARGISNULL(1))
		refuse_null_row();
	else
	{
		read_row(state, PG_GETARG_HEAPTUPLEHEADER(1));
		append_row(state, PG_GETARG_FLOAT8(2));
	}
	PG_RETURN_POINTER(state);
}

/* The target's name in UTF-8; NULL is an ERROR. */
static const char *
target_name_arg(FunctionCallInfo fcinfo)
{
	uint32_t nbytes;
	char *name;

	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the target column must not be NULL"),
				 errhint("A second argument of type text names the target "
						 "column. To train on a text column's values, cast it "
						 "to double precision.")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	return hpg_to_utf8(name, (int) strlen(name), &nbytes);
}

/* hp_train_accum_named(internal, record, text [, jsonb]) returns internal */
Datum
hp_train_accum_named(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	Jsonb *jsonb = params_arg(fcinfo);
	const char *name = target_name_arg(fcinfo);
	train_state *state;
	hpc_value target;

	if (PG_ARGISNULL(0))
		state = make_state(context, jsonb, name);
	else
	{
		state = (train_state *) PG_GETARG_POINTER(0);
		check_same_params(state, jsonb);
		check_same_target(state, name);
	}
	if (PG_ARGISNULL(1))
		refuse_null_row();
	read_row(state, PG_GETARG_HEAPTUPLEHEADER(1));

	/* before any fill: a filled target would be an invented price */
	hpg_row_value(state->rowtype, state->target, &target);
	if (target.missing)
		state->nskipped++;
	else
		append_row(state, target.number);
	PG_RETURN_POINTER(state);
}

/* ---------- partial states ---------- */

/* A new, empty data set with the columns of another. */
static hpc_dataset *
empty_like(hpc_env *env, const hpc_dataset *dataset)
{
	int ncolumns = hpc_dataset_ncolumns(dataset);
	hpc_column_spec *specs =
		palloc(Max(ncolumns, 1) * sizeof(hpc_column_spec));
	hpc_dataset *made;

	for (int i = 0; i < ncolumns; i++)
		specs[i] = hpc_dataset_column(dataset, i);
	hpg_check_status(env, hpc_dataset_create(env, ncolumns, specs, &made));
	pfree(specs);
	return made;
}

/* hp_train_combine(internal, internal) returns internal */
Datum
hp_train_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	train_state *state;
	train_state *other;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	other = (train_state *) PG_GETARG_POINTER(1);
	if (PG_ARGISNULL(0))
		state = make_state(context, other->jsonb, other->target_name);
	else
	{
		state = (train_state *) PG_GETARG_POINTER(0);
		check_same_params(state, other->jsonb);
		if (state->target_name != NULL)
			check_same_target(state, other->target_name);
	}
	state->nskipped += other->nskipped;
	if (other->dataset != NULL)
	{
		if (state->dataset == NULL)
			state->dataset = empty_like(&state->env, other->dataset);
		hpg_check_status(&state->env,
						 hpc_dataset_merge(&state->env, state->dataset,
										   other->dataset));
	}
	PG_RETURN_POINTER(state);
}

/* |params: length, bytes|target: length, bytes|skipped|data set| */
Datum
hp_train_serialize(PG_FUNCTION_ARGS)
{
	train_state *state = (train_state *) PG_GETARG_POINTER(0);
	int params_size = state->jsonb != NULL ? (int) VARSIZE(state->jsonb) : 0;
	int name_size =
		state->target_name != NULL ? (int) strlen(state->target_name) + 1 : 0;
	size_t flat_size =
		state->dataset != NULL ? hpc_dataset_flat_size(state->dataset) : 0;
	StringInfoData message;

	hpg_aggregate_context(fcinfo);
	if (flat_size + params_size + name_size > MaxAllocSize / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a parallel worker has collected too many rows for "
						"training: %zu MB",
						flat_size >> 20),
				 errhint("SET max_parallel_workers_per_gather = 0 for this "
						 "query.")));
	pq_begintypsend(&message);
	enlargeStringInfo(&message,
					  (int) flat_size + params_size + name_size + 64);
	pq_sendint32(&message, params_size);
	pq_sendbytes(&message, (const char *) state->jsonb, params_size);
	pq_sendint32(&message, name_size);
	pq_sendbytes(&message, state->target_name, name_size);
	pq_sendint64(&message, state->nskipped);
	if (flat_size > 0)
	{
		hpc_dataset_to_flat(state->dataset, message.data + message.len);
		message.len += (int) flat_size;
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* A copy of the next bytes of a message, aligned; NULL for none. */
static void *
copy_bytes(StringInfo message)
{
	int size = (int) pq_getmsgint(message, 4);
	void *copy = NULL;

	if (size > 0)
	{
		copy = palloc(size);
		pq_copymsgbytes(message, copy, size);
	}
	return copy;
}

/* hp_train_deserialize(bytea, internal) returns internal */
Datum
hp_train_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData message;
	train_state *state;
	Jsonb *jsonb;
	char *name;

	hpg_aggregate_context(fcinfo);
	hpg_read_state(fcinfo, &message);
	jsonb = copy_bytes(&message);
	name = copy_bytes(&message);
	state = make_state(CurrentMemoryContext, jsonb, name);
	state->nskipped = (uint64) pq_getmsgint64(&message);
	if (message.cursor < message.len)
		hpg_check_status(
			&state->env,
			hpc_dataset_from_flat(&state->env, message.data + message.cursor,
								  (size_t) (message.len - message.cursor),
								  &state->dataset));
	PG_RETURN_POINTER(state);
}

/* ---------- the model ---------- */

/* The data set to train on: the state's own, or a copy of it. */
static hpc_dataset *
dataset_to_use(FunctionCallInfo fcinfo, train_state *state)
{
	hpc_dataset *dataset = state->dataset;

	if (AggCheckCallContext(fcinfo, NULL) == AGG_CONTEXT_AGGREGATE &&
		!AggStateIsShared(fcinfo))
		state->dataset = NULL;
	else
	{
		dataset = empty_like(&state->env, state->dataset);
		hpg_check_status(&state->env, hpc_dataset_merge(&state->env, dataset,
														state->dataset));
	}
	hpc_dataset_skip(dataset, state->nskipped);
	return dataset;
}

static void
train(FunctionCallInfo fcinfo, train_state *state)
{
	hpc_dataset *dataset = dataset_to_use(fcinfo, state);
	hpc_texts texts = {state->target_name, state->params->text,
					   state->params->clean_text};
	hpc_result result;

	hpg_check_status(&state->env,
					 hpc_train(&state->env, dataset, &state->params->core,
							   &texts, &result));
	hpg_report_findings(fcinfo, &result);
	hpc_dataset_free(&state->env, dataset);
	state->model = MemoryContextAlloc(state->context, result.nbytes);
	memcpy(state->model, result.model, result.nbytes);
	SET_VARSIZE(state->model, result.nbytes);
	state->env.resize(state->env.opaque, result.model, 0);
	state->env.resize(state->env.opaque, result.findings, 0);
}

/* hp_train_final(internal) returns hp_model */
Datum
hp_train_final(PG_FUNCTION_ARGS)
{
	train_state *state;

	hpg_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (train_state *) PG_GETARG_POINTER(0);
	if (state->model == NULL)
	{
		if (state->dataset == NULL || hpc_dataset_nrows(state->dataset) == 0)
		{
			if (!hpg_is_repeated(fcinfo, -1, ""))
				ereport(WARNING,
					(errmsg_plural("no model was trained: the target is NULL "
								   "in the " UINT64_FORMAT " row",
								   "no model was trained: the target is NULL "
								   "in all " UINT64_FORMAT " rows",
								   state->nskipped, state->nskipped)));
			PG_RETURN_NULL();
		}
		train(fcinfo, state);
	}
	PG_RETURN_POINTER(state->model);
}
