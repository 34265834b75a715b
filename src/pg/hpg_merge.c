/*
 * hpg_merge.c
 *		hp_merge: an aggregate that makes one forest of several.
 *
 * The state keeps the models; the final function puts their trees together,
 * in an order that is not that of the rows.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "hpg.h"

HPG_FUNCTION(hp_merge_accum);
HPG_FUNCTION(hp_merge_final);

typedef struct merge_state
{
	MemoryContext context;
	int nmodels;
	int max_models;
	const hpc_model **models; /* [max_models] */
	uint64 nnodes;            /* of all */
} merge_state;

static merge_state *
state_arg(FunctionCallInfo fcinfo, MemoryContext context)
{
	merge_state *state;

	if (!PG_ARGISNULL(0))
		return (merge_state *) PG_GETARG_POINTER(0);
	state = MemoryContextAllocZero(context, sizeof(merge_state));
	state->context = context;
	state->max_models = 8;
	state->models =
		MemoryContextAlloc(context, state->max_models * sizeof(hpc_model *));
	return state;
}

/* Before memory is spent on what can come to nothing. */
static void
check_size(const merge_state *state)
{
	if (state->nnodes <= HPC_MODEL_MAX_NODES)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("merged forest would be too large"),
			 errdetail("The first %d models have " UINT64_FORMAT
					   " nodes, and a model holds " UINT64_FORMAT ".",
					   state->nmodels, state->nnodes,
					   (uint64) HPC_MODEL_MAX_NODES),
			 errhint("Merge fewer models, or train them with fewer trees or a "
					 "larger min_leaf.")));
}

/* hp_merge_accum(internal, hp_model) returns internal */
Datum
hp_merge_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	merge_state *state = state_arg(fcinfo, context);
	hpc_model_summary summary;
	MemoryContext before;

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);
	before = MemoryContextSwitchTo(context);
	if (state->nmodels == state->max_models)
	{
		state->max_models *= 2;
		state->models =
			repalloc(state->models, state->max_models * sizeof(hpc_model *));
	}
	state->models[state->nmodels] =
		(const hpc_model *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(1));
	MemoryContextSwitchTo(before);
	hpc_model_summarize(state->models[state->nmodels++], &summary);
	state->nnodes += summary.nnodes;
	check_size(state);
	PG_RETURN_POINTER(state);
}

/* hp_merge_final(internal) returns hp_model */
Datum
hp_merge_final(PG_FUNCTION_ARGS)
{
	merge_state *state;
	hpc_env env;
	void *model;
	size_t nbytes;

	hpg_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (merge_state *) PG_GETARG_POINTER(0);
	if (state->nmodels == 0)
		PG_RETURN_NULL();
	/* the result must outlive the call, which is in a shorter context */
	hpg_env_init(&env, CurrentMemoryContext, 1);
	hpg_check_status(&env, hpc_model_merge(&env, state->models, state->nmodels,
										   &model, &nbytes));
	SET_VARSIZE(model, nbytes);
	PG_RETURN_POINTER(model);
}
