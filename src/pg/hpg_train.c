/*
 * hpg_train.c
 *		hp_train(row, target [, params]): training as an aggregate.
 *
 * The transition function appends each row to a data set of the core
 * (hpg_collect.c); the final function codes the data set and trains the model.
 *
 * States of parallel workers are data sets too: they are sent as streams of
 * bytes, large ones by a file (hpg_spill.c), and appended to one another.  The
 * order in which rows arrive is no part of the result (see the core).
 *
 * The final function uses the data set up where it may (an ordinary
 * aggregate that no other one shares the state with) and keeps the model for
 * a second call; a window's frame may go on growing, so there it trains on a
 * copy.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/memutils.h"

#include "hpg_collect.h"
#include "hpg_compat.h"

HPG_FUNCTION(hp_train_accum_value);
HPG_FUNCTION(hp_train_accum_named);
HPG_FUNCTION(hp_train_combine);
HPG_FUNCTION(hp_train_serialize);
HPG_FUNCTION(hp_train_deserialize);
HPG_FUNCTION(hp_train_final);

typedef struct train_state
{
	Jsonb *jsonb; /* parameters as given, or NULL */
	hpg_collector *rows;
	void *model; /* once trained */
} train_state;

static train_state *
make_state(MemoryContext parent, Jsonb *jsonb, const char *target_name)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "hp_train", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	train_state *state = palloc0(sizeof(train_state));

	state->jsonb = hpg_copy_varlena(jsonb);
	state->rows = hpg_collector_make(hpg_params_parse(state->jsonb, context),
									 target_name, false);
	MemoryContextSwitchTo(before);
	return state;
}

/* ---------- rows ---------- */

/* Argument 3, the parameters, where the aggregate has it and it is set. */
static Jsonb *
params_arg(FunctionCallInfo fcinfo)
{
	return PG_NARGS() > 3 && !PG_ARGISNULL(3) ? PG_GETARG_JSONB_P(3) : NULL;
}

/* The state, for one more row. */
static train_state *
state_for_row(FunctionCallInfo fcinfo, const char *target_name)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	Jsonb *jsonb = params_arg(fcinfo);
	train_state *state;

	if (PG_ARGISNULL(0))
		return make_state(context, jsonb, target_name);
	state = (train_state *) PG_GETARG_POINTER(0);
	hpg_check_same_params(state->jsonb, jsonb);
	if (target_name != NULL)
		hpg_check_same_target(state->rows, target_name);

	/* a window's frame has grown; the executor has copied the model */
	if (state->model != NULL)
		state->rows->env.resize(state->rows->env.opaque, state->model, 0);
	state->model = NULL;
	return state;
}

/* hp_train_accum_value(internal, record, float8 [, jsonb]) returns internal */
Datum
hp_train_accum_value(PG_FUNCTION_ARGS)
{
	train_state *state = state_for_row(fcinfo, NULL);

	if (PG_ARGISNULL(2))
		hpg_collect_skip(state->rows, 0);
	else
	{
		hpg_collect_read(state->rows, fcinfo, 1);
		hpg_collect_append(state->rows, PG_GETARG_FLOAT8(2), 0);
	}
	PG_RETURN_POINTER(state);
}

/* hp_train_accum_named(internal, record, text [, jsonb]) returns internal */
Datum
hp_train_accum_named(PG_FUNCTION_ARGS)
{
	const char *name = hpg_target_name_arg(fcinfo, 2);
	train_state *state = state_for_row(fcinfo, name);
	double target;

	hpg_collect_read(state->rows, fcinfo, 1);
	if (hpg_collect_target(state->rows, &target))
		hpg_collect_append(state->rows, target, 0);
	else
		hpg_collect_skip(state->rows, 0);
	PG_RETURN_POINTER(state);
}

/* ---------- partial states ---------- */

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
		state = make_state(context, other->jsonb, other->rows->target_name);
	else
	{
		state = (train_state *) PG_GETARG_POINTER(0);
		hpg_check_same_params(state->jsonb, other->jsonb);
		if (state->rows->target_name != NULL)
			hpg_check_same_target(state->rows, other->rows->target_name);
	}
	hpg_collector_merge(state->rows, other->rows);
	PG_RETURN_POINTER(state);
}

/*
 * hp_train_serialize(internal) returns bytea
 *
 *		| params | target | rows |
 */
Datum
hp_train_serialize(PG_FUNCTION_ARGS)
{
	train_state *state = (train_state *) PG_GETARG_POINTER(0);
	StringInfoData message;

	hpg_aggregate_context(fcinfo);
	pq_begintypsend(&message);
	hpg_send_varlena(&message, state->jsonb);
	hpg_send_name(&message, state->rows->target_name);
	hpg_collector_send(fcinfo, &message, state->rows);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
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
	jsonb = hpg_receive_varlena(&message);
	name = hpg_receive_name(&message);
	state = make_state(CurrentMemoryContext, jsonb, name);
	hpg_collector_receive(fcinfo, &message, state->rows);
	PG_RETURN_POINTER(state);
}

/* ---------- the model ---------- */

/* The data set to train on: the state's own, or a copy of it. */
static hpc_dataset *
dataset_to_use(FunctionCallInfo fcinfo, hpg_collector *rows)
{
	hpc_dataset *dataset = rows->dataset;

	if (AggCheckCallContext(fcinfo, NULL) == AGG_CONTEXT_AGGREGATE &&
		!AggStateIsShared(fcinfo))
		rows->dataset = NULL;
	else
	{
		dataset = hpg_dataset_like(&rows->env, rows->dataset);
		hpg_check_status(&rows->env, hpc_dataset_merge(&rows->env, dataset,
													   rows->dataset));
	}
	hpc_dataset_skip(dataset, rows->nskipped);
	return dataset;
}

static void
train(FunctionCallInfo fcinfo, train_state *state)
{
	hpg_collector *rows = state->rows;
	hpc_env *env = &rows->env;
	hpc_dataset *dataset = dataset_to_use(fcinfo, rows);
	hpc_result result;

	hpg_collector_train(fcinfo, rows, dataset, rows->params, &result);
	hpc_dataset_free(env, dataset);
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
		if (!hpg_collector_has_rows(fcinfo, state->rows))
			PG_RETURN_NULL();
		train(fcinfo, state);
	}
	PG_RETURN_POINTER(state->model);
}
