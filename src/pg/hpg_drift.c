/*
 * hpg_drift.c
 *		hp_drift(model, r [, actual]): do these rows differ from those that the
 *		model was trained on?
 *
 * The model may be given by name: whoever watches over a released model needs
 * no right to its weights.
 *
 * States are in hpg_drift_state.c, reports in hpg_drift_report.c.
 */
#include "postgres.h"

#include "funcapi.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "hpg_compat.h"
#include "hpg_drift.h"

HPG_FUNCTION(hp_drift_accum);
HPG_FUNCTION(hp_drift_accum_name);
HPG_FUNCTION(hp_drift_combine);
HPG_FUNCTION(hp_drift_serialize);
HPG_FUNCTION(hp_drift_deserialize);
HPG_FUNCTION(hp_drift_final);

/* ---------- rows ---------- */

static hpg_drift *
state_arg(FunctionCallInfo fcinfo, MemoryContext context)
{
	hpg_drift *drift;

	if (!PG_ARGISNULL(0))
		return (hpg_drift *) PG_GETARG_POINTER(0);
	drift = MemoryContextAllocZero(context, sizeof(hpg_drift));
	drift->context = context;
	return drift;
}

/* The argument, else the target column of the row; NaN: there is no value. */
static double
actual_of_row(FunctionCallInfo fcinfo, const hpg_binding *binding)
{
	double actual;

	if (PG_NARGS() > 3)
		return PG_ARGISNULL(3) ? get_float8_nan() : PG_GETARG_FLOAT8(3);
	return hpg_binding_target(binding, &actual) ? actual : get_float8_nan();
}

static hpg_drift *
add_row(FunctionCallInfo fcinfo, hpg_resolver resolve)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	hpg_drift *drift = state_arg(fcinfo, context);
	hpg_loaded *loaded = hpg_call_same_model(fcinfo, 1, resolve, &drift->call,
											 context, &drift->digest);
	HeapTupleHeader row = hpg_arg_row(fcinfo, 2);
	hpg_binding *binding =
		hpg_binding_of(&drift->call.binding, loaded->model, row, context);
	const hpc_value *values = hpg_binding_values(binding, row);

	if (drift->nlines == 0)
		hpg_drift_begin(drift, loaded->model);
	else if (drift->features == NULL)
		elog(ERROR, "rows cannot be added to a combined state");
	hpg_drift_add(drift, loaded->model, values,
				  hpg_binding_predict_read(binding, loaded),
				  actual_of_row(fcinfo, binding));
	return drift;
}

/*
 * hp_drift_accum(internal, hp_model, record [, double precision]) returns
 * internal
 */
Datum
hp_drift_accum(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(add_row(fcinfo, hpg_call_model));
}

/*
 * hp_drift_accum(internal, text, record [, double precision]) returns
 * internal: the model that is released under the name
 */
Datum
hp_drift_accum_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(add_row(fcinfo, hpg_call_named));
}

/* ---------- partial states, and the result ---------- */

/* A copy in the memory of the aggregate, from the bytes. */
static hpg_drift *
copy_state(const hpg_drift *drift, MemoryContext context)
{
	MemoryContext before;
	StringInfoData bytes;
	hpg_drift *copy;

	initStringInfo(&bytes);
	hpg_drift_send(drift, &bytes);
	before = MemoryContextSwitchTo(context);
	copy = hpg_drift_receive(&bytes);
	MemoryContextSwitchTo(before);
	pfree(bytes.data);
	return copy;
}

/* hp_drift_combine(internal, internal) returns internal */
Datum
hp_drift_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	hpg_drift *drift;
	hpg_drift *other;

	if (PG_ARGISNULL(1))
		HPG_RETURN_STATE_AS_IT_CAME();
	other = (hpg_drift *) PG_GETARG_POINTER(1);
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(copy_state(other, context));
	drift = (hpg_drift *) PG_GETARG_POINTER(0);
	if (memcmp(&drift->digest, &other->digest, sizeof(hpc_digest)) != 0)
		hpg_models_differ();
	hpg_drift_merge(drift, other);
	PG_RETURN_POINTER(drift);
}

/* hp_drift_serialize(internal) returns bytea */
Datum
hp_drift_serialize(PG_FUNCTION_ARGS)
{
	StringInfoData bytes;

	hpg_aggregate_context(fcinfo);
	pq_begintypsend(&bytes);
	hpg_drift_send((hpg_drift *) PG_GETARG_POINTER(0), &bytes);
	PG_RETURN_BYTEA_P(pq_endtypsend(&bytes));
}

/* hp_drift_deserialize(bytea, internal) returns internal */
Datum
hp_drift_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData bytes;
	hpg_drift *drift;

	hpg_aggregate_context(fcinfo);
	hpg_read_state(fcinfo, &bytes);
	drift = hpg_drift_receive(&bytes);
	pq_getmsgend(&bytes);
	PG_RETURN_POINTER(drift);
}

/* hp_drift_final(internal) returns hp_drift_line[] */
Datum
hp_drift_final(PG_FUNCTION_ARGS)
{
	Oid type;

	hpg_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	get_call_result_type(fcinfo, &type, NULL);
	PG_RETURN_DATUM(
		hpg_drift_report((hpg_drift *) PG_GETARG_POINTER(0), type));
}
