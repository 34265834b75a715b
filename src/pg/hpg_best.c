/*
 * hpg_best.c
 *		hp_best_features(row, target, k [, params]): the ranking of
 *		hp_rank_features as an aggregate that answers names.
 *
 * The state is that of a training (hpg_training.c) and k, which must be the same
 * on all rows.  The final function keeps its answer, as that of hp_train does.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "hpg_compat.h"
#include "hpg_training.h"

HPG_FUNCTION(hp_best_features_accum_value);
HPG_FUNCTION(hp_best_features_accum_named);
HPG_FUNCTION(hp_best_features_combine);
HPG_FUNCTION(hp_best_features_serialize);
HPG_FUNCTION(hp_best_features_deserialize);
HPG_FUNCTION(hp_best_features_final);

typedef struct best_state
{
	MemoryContext context; /* of all it points to */
	hpg_training *training;
	int k;
	Datum names; /* the answer; 0: not known yet */
} best_state;

/* ---------- rows ---------- */

static best_state *
make_state(MemoryContext context, int k)
{
	best_state *state = MemoryContextAllocZero(context, sizeof(best_state));

	state->context = context;
	state->k = k;
	return state;
}

static void
check_k(int k)
{
	if (k < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of features must be at least 1, not %d", k)));
}

static void
check_same_k(const best_state *state, int k)
{
	if (state->k != k)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of features differs between rows: %d and %d",
						state->k, k)));
}

/* The state in argument 0, or a new one; k is argument 3. */
static best_state *
state_of(FunctionCallInfo fcinfo, MemoryContext context)
{
	best_state *state;
	int k;

	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("number of features must not be NULL")));
	k = PG_GETARG_INT32(3);
	if (PG_ARGISNULL(0))
	{
		check_k(k);
		return make_state(context, k);
	}
	state = (best_state *) PG_GETARG_POINTER(0);
	check_same_k(state, k);
	return state;
}

/* Lets the state know the parameters, argument 4, and the target's name. */
static best_state *
open_state(FunctionCallInfo fcinfo, const char *target)
{
	best_state *state = state_of(fcinfo, hpg_aggregate_context(fcinfo));
	Jsonb *params = NULL;

	if (PG_NARGS() > 4 && !PG_ARGISNULL(4))
		params = PG_GETARG_JSONB_P(4);
	state->training =
		hpg_training_of(state->training, state->context, params, target);
	state->training->params->any_type = true;
	state->names = 0; /* a window's frame has grown */
	return state;
}

/*
 * hp_best_features_accum_value(internal, record, float8, int [, jsonb]) returns
 * internal
 */
Datum
hp_best_features_accum_value(PG_FUNCTION_ARGS)
{
	best_state *state = open_state(fcinfo, NULL);

	hpg_training_add_value(state->training, fcinfo);
	PG_RETURN_POINTER(state);
}

/*
 * hp_best_features_accum_named(internal, record, text, int [, jsonb]) returns
 * internal
 */
Datum
hp_best_features_accum_named(PG_FUNCTION_ARGS)
{
	best_state *state = open_state(fcinfo, hpg_target_name_arg(fcinfo, 2));

	hpg_training_add_named(state->training, hpg_row_arg(fcinfo, 1));
	PG_RETURN_POINTER(state);
}

/* ---------- partial states ---------- */

/* hp_best_features_combine(internal, internal) returns internal */
Datum
hp_best_features_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	best_state *state =
		PG_ARGISNULL(0) ? NULL : (best_state *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
	{
		best_state *other = (best_state *) PG_GETARG_POINTER(1);

		if (state == NULL)
			state = make_state(context, other->k);
		check_same_k(state, other->k);
		state->training =
			hpg_training_merge(state->training, context, other->training);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* hp_best_features_serialize(internal) returns bytea: k, then the training */
Datum
hp_best_features_serialize(PG_FUNCTION_ARGS)
{
	best_state *state = (best_state *) PG_GETARG_POINTER(0);
	StringInfoData message;

	hpg_aggregate_context(fcinfo);
	pq_begintypsend(&message);
	pq_sendint32(&message, state->k);
	hpg_training_send(fcinfo, &message, state->training);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* hp_best_features_deserialize(bytea, internal) returns internal */
Datum
hp_best_features_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData message;
	best_state *state;

	hpg_aggregate_context(fcinfo);
	hpg_read_state(fcinfo, &message);
	state = make_state(CurrentMemoryContext, (int) pq_getmsgint(&message, 4));
	state->training = hpg_training_receive(fcinfo, &message);
	PG_RETURN_POINTER(state);
}

/* ---------- the answer ---------- */

/* The names of the first k that are ranked. */
static Datum
best_names(const best_state *state, hpc_dataset *dataset)
{
	int ncolumns = hpc_dataset_ncolumns(dataset);
	hpc_candidate *candidates = hpg_rank_columns(state->training, dataset);
	char **names = palloc(Max(ncolumns, 1) * sizeof(char *));
	int n = 0;

	while (n < ncolumns && n < state->k && candidates[n].verdict == HPC_RANKED)
	{
		names[n] = hpg_name(candidates[n].column);
		n++;
	}
	return hpg_text_array(names, n);
}

/* hp_best_features_final(internal) returns text[] */
Datum
hp_best_features_final(PG_FUNCTION_ARGS)
{
	best_state *state;
	hpc_dataset *dataset;

	hpg_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (best_state *) PG_GETARG_POINTER(0);
	if (state->names == 0)
	{
		MemoryContext before = MemoryContextSwitchTo(state->context);

		dataset = hpg_training_rows(fcinfo, state->training);
		if (dataset != NULL)
		{
			state->names = best_names(state, dataset);
			hpc_dataset_free(&state->training->rows->env, dataset);
		}
		MemoryContextSwitchTo(before);
	}
	if (state->names == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(state->names);
}
