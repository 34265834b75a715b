/*
 * hpg_digest.c
 *		hp_digest(r): one short text that names the content of a table.
 *
 * The digest is of the multiset of rows: their order, the plan, the number of
 * workers and the order of the columns do not matter; every value, every name
 * and the number of equal rows do.  Row hashes are added, so states of
 * parallel workers simply add up.  A NULL row counts as a row of its own; no
 * rows at all have a digest too.
 *
 * Cost: one hash per value (see hpg_hash.c).
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "hpg_compat.h"
#include "hpg.h"

typedef struct digest_state
{
	hpc_set_digest set;
	hpg_rowtype *rowtype;
	hpg_call call; /* of hp_digest(model, ...) */
	hpc_digest model_digest;
} digest_state;

HPG_FUNCTION(hp_digest_accum);
HPG_FUNCTION(hp_digest_accum_model);
HPG_FUNCTION(hp_digest_combine);
HPG_FUNCTION(hp_digest_serialize);
HPG_FUNCTION(hp_digest_deserialize);
HPG_FUNCTION(hp_digest_final);

static digest_state *
state_arg(FunctionCallInfo fcinfo, MemoryContext context)
{
	if (!PG_ARGISNULL(0))
		return (digest_state *) PG_GETARG_POINTER(0);
	return MemoryContextAllocZero(context, sizeof(digest_state));
}

/* hp_digest_accum(internal, record) returns internal */
Datum
hp_digest_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	digest_state *state = state_arg(fcinfo, context);
	hpc_hash null_row = {0, 0};
	HeapTupleHeader row;

	if (PG_ARGISNULL(1))
	{
		hpc_set_digest_add(&state->set, hpc_hash_bytes(null_row, NULL, 0));
		PG_RETURN_POINTER(state);
	}
	row = PG_GETARG_HEAPTUPLEHEADER(1);
	state->rowtype = hpg_rowtype_of(state->rowtype, row, context);
	hpg_row_deform(state->rowtype, row);
	hpc_set_digest_add(&state->set, hpg_row_hash(state->rowtype));
	PG_RETURN_POINTER(state);
}

/* ---------- what a model consumes ---------- */

/* The target of the row: the argument, else the column that the model names. */
static bool
target_of_row(FunctionCallInfo fcinfo, const hpc_texts *texts,
			  hpg_binding *binding, double *target)
{
	if (PG_NARGS() > 3)
	{
		*target = PG_ARGISNULL(3) ? 0 : PG_GETARG_FLOAT8(3);
		return !PG_ARGISNULL(3);
	}
	return hpg_binding_own_target(binding, texts, "hp_digest", target);
}

/*
 * hp_digest_accum_model(internal, hp_model, record [, float8])
 * returns internal: rows as the training of the model counts them, so that
 * over its training rows the digest is the model's data digest
 */
Datum
hp_digest_accum_model(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	digest_state *state = state_arg(fcinfo, context);
	const hpc_model *model =
		hpg_call_same_model(fcinfo, 1, hpg_call_model, &state->call, context,
							&state->model_digest)
			->model;
	hpc_model_summary summary;
	const hpc_value *values;
	HeapTupleHeader row;
	double target;
	double weight;

	row = hpg_arg_row(fcinfo, 2);
	hpg_binding_of(&state->call.binding, model, row, context);
	values = hpg_binding_values(state->call.binding, row);
	hpc_model_summarize(model, &summary);
	if (!target_of_row(fcinfo, &summary.texts, state->call.binding, &target))
		PG_RETURN_POINTER(state);
	weight = hpg_binding_weight(state->call.binding, summary.texts.weight);
	if (weight != 0)
		hpc_set_digest_add(&state->set,
						   hpc_model_row_hash(model, values, target, weight));
	PG_RETURN_POINTER(state);
}

/* ---------- partial states, and the result ---------- */

/* hp_digest_combine(internal, internal) returns internal */
Datum
hp_digest_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	digest_state *state = state_arg(fcinfo, context);

	if (!PG_ARGISNULL(1))
		hpc_set_digest_merge(&state->set,
							 &((digest_state *) PG_GETARG_POINTER(1))->set);
	PG_RETURN_POINTER(state);
}

/* hp_digest_serialize(internal) returns bytea */
Datum
hp_digest_serialize(PG_FUNCTION_ARGS)
{
	digest_state *state = (digest_state *) PG_GETARG_POINTER(0);
	StringInfoData bytes;

	hpg_aggregate_context(fcinfo);
	pq_begintypsend(&bytes);
	pq_sendint64(&bytes, state->set.nrows);
	pq_sendint64(&bytes, state->set.low);
	pq_sendint64(&bytes, state->set.high);
	PG_RETURN_BYTEA_P(pq_endtypsend(&bytes));
}

/* hp_digest_deserialize(bytea, internal) returns internal */
Datum
hp_digest_deserialize(PG_FUNCTION_ARGS)
{
	digest_state *state = palloc0(sizeof(digest_state));
	StringInfoData bytes;

	hpg_aggregate_context(fcinfo);
	hpg_read_state(fcinfo, &bytes);
	state->set.nrows = (uint64) pq_getmsgint64(&bytes);
	state->set.low = (uint64) pq_getmsgint64(&bytes);
	state->set.high = (uint64) pq_getmsgint64(&bytes);
	pq_getmsgend(&bytes);
	PG_RETURN_POINTER(state);
}

/* hp_digest_final(internal) returns text */
Datum
hp_digest_final(PG_FUNCTION_ARGS)
{
	hpc_set_digest set = {0, 0, 0};
	hpc_digest digest;
	char hex[2 * HPC_DIGEST_SIZE + 1];

	if (!PG_ARGISNULL(0))
		set = ((digest_state *) PG_GETARG_POINTER(0))->set;
	digest = hpc_set_digest_end(&set);
	hpc_digest_to_hex(&digest, hex);
	PG_RETURN_TEXT_P(cstring_to_text(hex));
}
