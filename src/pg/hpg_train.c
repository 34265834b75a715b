/*
 * hpg_train.c
 *		hp_train(row, target [, params]): training as an aggregate.
 *
 * The transition function appends each row to a data set of the core
 * (hpg_training.c); the final function codes the data set and trains the model.
 *
 * The final function uses the data set up where it may (an ordinary
 * aggregate that no other one shares the state with) and keeps the model for
 * a second call; a window's frame may go on growing, so there it trains on a
 * copy.
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "utils/memutils.h"

#include "hpg_compat.h"
#include "hpg_training.h"

HPG_FUNCTION(hp_train_accum_value);
HPG_FUNCTION(hp_train_accum_named);
HPG_FUNCTION(hp_train_combine);
HPG_FUNCTION(hp_train_serialize);
HPG_FUNCTION(hp_train_deserialize);
HPG_FUNCTION(hp_train_final);

typedef struct train_state
{
	hpg_training *training;
	void *model; /* once trained */
} train_state;

/* ---------- rows ---------- */

/* Argument 3, the parameters, where the aggregate has it and it is set. */
static Jsonb *
params_arg(FunctionCallInfo fcinfo)
{
	return PG_NARGS() > 3 && !PG_ARGISNULL(3) ? PG_GETARG_JSONB_P(3) : NULL;
}

/* The state in argument 0, or a new one. */
static train_state *
state_arg(FunctionCallInfo fcinfo, MemoryContext context)
{
	return PG_ARGISNULL(0)
			   ? MemoryContextAllocZero(context, sizeof(train_state))
			   : (train_state *) PG_GETARG_POINTER(0);
}

/* The state, for one more row. */
static train_state *
state_for_row(FunctionCallInfo fcinfo, const char *target_name)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	train_state *state = state_arg(fcinfo, context);

	state->training = hpg_training_of(state->training, context,
									  params_arg(fcinfo), target_name);
	/* a window's frame has grown; the executor has copied the model */
	if (state->model != NULL)
	{
		hpc_env *env = &state->training->rows->env;

		env->resize(env->opaque, state->model, 0);
		state->model = NULL;
	}
	return state;
}

/* hp_train_accum_value(internal, record, float8 [, jsonb]) returns internal */
Datum
hp_train_accum_value(PG_FUNCTION_ARGS)
{
	train_state *state = state_for_row(fcinfo, NULL);

	hpg_training_add_value(state->training, fcinfo);
	PG_RETURN_POINTER(state);
}

/* hp_train_accum_named(internal, record, text [, jsonb]) returns internal */
Datum
hp_train_accum_named(PG_FUNCTION_ARGS)
{
	train_state *state = state_for_row(fcinfo, hpg_target_name_arg(fcinfo, 2));

	hpg_training_add_named(state->training, hpg_row_arg(fcinfo, 1));
	PG_RETURN_POINTER(state);
}

/* ---------- partial states ---------- */

/* hp_train_combine(internal, internal) returns internal */
Datum
hp_train_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	train_state *state;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	state = state_arg(fcinfo, context);
	state->training =
		hpg_training_merge(state->training, context,
						   ((train_state *) PG_GETARG_POINTER(1))->training);
	PG_RETURN_POINTER(state);
}

/* hp_train_serialize(internal) returns bytea */
Datum
hp_train_serialize(PG_FUNCTION_ARGS)
{
	train_state *state = (train_state *) PG_GETARG_POINTER(0);
	StringInfoData message;

	hpg_aggregate_context(fcinfo);
	pq_begintypsend(&message);
	hpg_training_send(fcinfo, &message, state->training);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* hp_train_deserialize(bytea, internal) returns internal */
Datum
hp_train_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData message;
	train_state *state = palloc0(sizeof(train_state));

	hpg_aggregate_context(fcinfo);
	hpg_read_state(fcinfo, &message);
	state->training = hpg_training_receive(fcinfo, &message);
	PG_RETURN_POINTER(state);
}

/* ---------- the model ---------- */

static void
train(FunctionCallInfo fcinfo, train_state *state)
{
	hpg_collector *rows = state->training->rows;
	hpc_dataset *dataset = hpg_training_rows(fcinfo, state->training);
	hpc_result result;

	hpg_collector_train(fcinfo, rows, dataset, rows->params, &result);
	hpc_dataset_free(&rows->env, dataset);
	state->model = result.model;
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
		if (!hpg_collector_has_rows(fcinfo, state->training->rows))
			PG_RETURN_NULL();
		train(fcinfo, state);
	}
	PG_RETURN_POINTER(state->model);
}
