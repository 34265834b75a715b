/*
 * hpg_train.c
 *		hp_train(row, target [, params]): training as an aggregate.
 *
 * The transition function appends each row to a data set of the core, column
 * by column; the final function codes the data set and trains the model.
 * Which columns are features is settled by the first row (hpg_features.c).
 * Rows without a target are counted, and rows of weight 0 are left out.
 *
 * States of parallel workers are data sets too: they are sent as streams of
 * bytes, large ones by a file (hpg_spill.c), and appended to one another.  The
 * order in which rows arrive is no part of the result (see the core).
 *
 * The final function uses the data set up where it may (an ordinary
 * aggregate that no other one shares the state with) and keeps the model for
 * a second call; a window's frame may go on growing, so there it trains on a
 * copy.
 *
 * Memory: that of the data set, which packs its rows (hpc_dataset.c).
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
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
	uint64 nweightless;   /* rows of weight 0 */

	/* the row type at hand; rebound by name when another one comes */
	MemoryContext bound; /* of what follows but the row type */
	hpg_rowtype *rowtype;
	uint64 identifier;
	hpg_features *features;
	const hpg_column **columns; /* of the data set's columns */
	hpg_fill *fill;
	hpc_value *values; /* of the data set's columns */

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

/* A data set with a column for each feature. */
static void
create_dataset(train_state *state)
{
	int n = state->features->nfeatures;
	hpc_column_spec *specs = palloc(Max(n, 1) * sizeof(hpc_column_spec));

	if (n == 0 && state->params->has_features)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the row has no column to learn from"),
				 errdetail("The target, the weight and excluded columns are "
						   "no features.")));
	for (int i = 0; i < n; i++)
	{
		const hpg_column *column = state->features->features[i];

		specs[i] = (hpc_column_spec){column->name, column->kind,
									 column->storage, column->integral};
	}
	hpg_check_status(&state->env, hpc_dataset_create(&state->env, n, specs,
													 &state->dataset));
	state->columns = state->features->features;
	pfree(specs);
}

/* The feature for a column of the data set, made from another row type. */
static const hpg_column *
rebind_feature(const train_state *state, const hpc_column_spec *spec)
{
	const hpg_features *features = state->features;
	const hpg_column *column = NULL;

	for (int i = 0; i < features->nfeatures && column == NULL; i++)
	{
		if (strcmp(features->features[i]->name, spec->name) == 0)
			column = features->features[i];
	}
	if (column == NULL)
		hpg_column_missing(state->rowtype, spec->name);
	if (column->kind != spec->kind || column->storage != spec->storage)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has different types in the rows of one "
						"training",
						hpg_name(spec->name))));
	return column;
}

static void
rebind_features(train_state *state)
{
	int ncolumns = hpc_dataset_ncolumns(state->dataset);

	state->columns = palloc(Max(ncolumns, 1) * sizeof(hpg_column *));
	for (int i = 0; i < ncolumns; i++)
	{
		hpc_column_spec spec = hpc_dataset_column(state->dataset, i);

		state->columns[i] = rebind_feature(state, &spec);
	}
	if (state->features->nfeatures != ncolumns)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("rows of one training have different columns")));
}

/* Settles features, target and weight for the row type in state->rowtype. */
static void
bind_rowtype(train_state *state)
{
	MemoryContext before = CurrentMemoryContext;

	if (state->bound != NULL)
		MemoryContextReset(state->bound);
	else
		state->bound =
			AllocSetContextCreate(state->context, "hp_train binding",
								  ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(state->bound);
	state->features =
		hpg_features_choose(state->params, state->target_name, state->rowtype);
	if (state->dataset == NULL)
		create_dataset(state);
	else
		rebind_features(state);
	state->values =
		palloc(Max(state->features->nfeatures, 1) * sizeof(hpc_value));
	if (state->params->clean != NULL)
		state->fill = hpg_fill_compile(state->params->clean, state->rowtype,
									   true, state->bound);
	state->identifier = state->rowtype->identifier;
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

/* A window's frame has grown: the model of the smaller one is out of date. */
static void
forget_model(train_state *state)
{
	/* the executor has copied it */
	if (state->model != NULL)
		state->env.resize(state->env.opaque, state->model, 0);
	state->model = NULL;
}

static void
skip_row(train_state *state)
{
	state->nskipped++;
	forget_model(state);
}

/* Of the row last split: before any fill, which would invent one. */
static double
weight_of_row(const train_state *state)
{
	const hpg_column *column = state->features->weight;
	hpc_value value;

	if (column == NULL)
		return 1;
	hpg_row_value(state->rowtype, column, &value);
	return hpg_weight_value(column, &value);
}

/* Appends the row last split. */
static void
append_row(train_state *state, double target)
{
	int ncolumns = hpc_dataset_ncolumns(state->dataset);
	double weight = weight_of_row(state);

	if (weight == 0)
	{
		state->nweightless++;
		return;
	}
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
										state->values, target, weight));
	forget_model(state);
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
		skip_row(state);
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
	hpg_row_value(state->rowtype, state->features->target, &target);
	if (target.missing)
		skip_row(state);
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
	state->nweightless += other->nweightless;
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

/*
 * hp_train_serialize(internal) returns bytea
 *
 *		| params: length, bytes | target: length, bytes | rows without a
 *		target | rows of weight 0 | data set |
 */
Datum
hp_train_serialize(PG_FUNCTION_ARGS)
{
	train_state *state = (train_state *) PG_GETARG_POINTER(0);
	int params_size = state->jsonb != NULL ? (int) VARSIZE(state->jsonb) : 0;
	int name_size =
		state->target_name != NULL ? (int) strlen(state->target_name) + 1 : 0;
	StringInfoData message;

	hpg_aggregate_context(fcinfo);
	pq_begintypsend(&message);
	pq_sendint32(&message, params_size);
	pq_sendbytes(&message, (const char *) state->jsonb, params_size);
	pq_sendint32(&message, name_size);
	pq_sendbytes(&message, state->target_name, name_size);
	pq_sendint64(&message, state->nskipped);
	pq_sendint64(&message, state->nweightless);
	hpg_send_dataset(fcinfo, &message, &state->env, state->dataset);
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
	state->nweightless = (uint64) pq_getmsgint64(&message);
	state->dataset = hpg_receive_dataset(fcinfo, &message, &state->env);
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
	hpc_texts texts = {.target = state->target_name,
					   .params = state->params->text,
					   .clean = state->params->clean_text,
					   .weight = state->params->weight};
	hpc_result result;

	hpg_check_status(&state->env,
					 hpc_train(&state->env, dataset, &state->params->core,
							   &texts, &result));
	hpg_report_findings(fcinfo, &result);
	hpc_dataset_free(&state->env, dataset);
	state->env.resize(state->env.opaque, result.findings, 0);
	state->model = result.model;
	SET_VARSIZE(state->model, result.nbytes);
}

/* No row had both a target and a weight. */
static void
warn_no_rows(const train_state *state)
{
	uint64 nrows = state->nskipped + state->nweightless;

	if (state->nweightless > 0)
		ereport(WARNING,
				(errmsg_plural("no model was trained: the target is NULL or "
							   "the weight 0 in the " UINT64_FORMAT " row",
							   "no model was trained: the target is NULL or "
							   "the weight 0 in all " UINT64_FORMAT " rows",
							   nrows, nrows)));
	else
		ereport(WARNING,
				(errmsg_plural("no model was trained: the target is NULL in "
							   "the " UINT64_FORMAT " row",
							   "no model was trained: the target is NULL in "
							   "all " UINT64_FORMAT " rows",
							   nrows, nrows)));
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
				warn_no_rows(state);
			PG_RETURN_NULL();
		}
		train(fcinfo, state);
	}
	PG_RETURN_POINTER(state->model);
}
