/*
 * hpg_predict_rows.c
 *		hp_predict_rows(model, NULL::t, source): the rows of a source, each with
 *		its prediction.
 *
 * The source's rows are read one by one, and wait, as the rows of the result
 * and as codes in the core's batch; when that is full they are predicted
 * together, by several threads, and go on into the result.  So memory holds
 * one batch, whatever the size of the source.
 */
#include "postgres.h"

#include "access/heaptoast.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "hpg.h"

HPG_FUNCTION(hp_predict_rows);

/* Wide rows make a batch shorter. */
#define MAX_WAITING ((size_t) 16 << 20)

typedef struct predict_job
{
	ReturnSetInfo *info; /* result and its descriptor */
	hpg_rowtype *rowtype;
	int *attnums; /* see hpg_source_columns */
	bool with_rows;

	/* NULL without a model */
	const hpc_model *model;
	hpg_binding *binding;
	hpc_batch *batch;
	hpc_env env;

	MemoryContext waiting; /* of the rows in the batch */
	size_t nbytes;         /* of them */
	Datum *rows;           /* [room], or NULL: not wanted */
	double *predictions;   /* [room] */
} predict_job;

/* NULL stands for NULL. */
static void
put_row(predict_job *job, const Datum *row, const double *prediction)
{
	bool nulls[2] = {row == NULL, prediction == NULL};
	Datum values[2];

	values[0] = nulls[0] ? 0 : *row;
	values[1] = nulls[1] ? 0 : Float8GetDatum(*prediction);

	tuplestore_putvalues(job->info->setResult, job->info->setDesc, values,
						 nulls);
}

static void
predict_batch(predict_job *job)
{
	uint32 nrows = hpc_batch_nrows(job->batch);

	hpg_check_status(&job->env, hpc_batch_predict(&job->env, job->batch,
												  job->predictions));
	for (uint32 i = 0; i < nrows; i++)
		put_row(job, job->rows != NULL ? &job->rows[i] : NULL,
				&job->predictions[i]);
	MemoryContextReset(job->waiting);
	job->nbytes = 0;
}

/* The row that is in rowtype->values as a datum, nothing of it elsewhere. */
static Datum
form_row(const hpg_rowtype *rowtype, size_t *nbytes)
{
	HeapTuple tuple =
		toast_build_flattened_tuple(rowtype->desc, rowtype->values,
									rowtype->nulls);

	*nbytes += tuple->t_len;
	return HeapTupleGetDatum(tuple);
}

static void
begin_rows(void *opaque, TupleDesc desc)
{
	predict_job *job = opaque;

	job->attnums = hpg_source_columns(desc, job->rowtype);
}

/* Without a model predictions are NULL. */
static void
put_unpredicted(predict_job *job)
{
	Datum row = 0;

	if (job->with_rows)
		row = form_row(job->rowtype, &job->nbytes);
	put_row(job, job->with_rows ? &row : NULL, NULL);
}

static void
predict_row(void *opaque, TupleTableSlot *slot)
{
	predict_job *job = opaque;
	hpg_rowtype *rowtype = job->rowtype;

	hpg_source_row(slot, job->attnums, rowtype);
	if (job->model == NULL)
	{
		put_unpredicted(job);
		return;
	}
	if (job->with_rows)
	{
		MemoryContext old = MemoryContextSwitchTo(job->waiting);

		job->rows[hpc_batch_nrows(job->batch)] =
			form_row(rowtype, &job->nbytes);
		MemoryContextSwitchTo(old);
	}
	hpg_check_status(&job->env,
					 hpc_batch_add(&job->env, job->batch,
								   hpg_binding_used_values(job->binding)));
	if (hpc_batch_room(job->batch) == 0 || job->nbytes > MAX_WAITING)
		predict_batch(job);
}

static void
begin_batch(predict_job *job, FunctionCallInfo fcinfo, MemoryContext context)
{
	hpg_call *call = palloc(sizeof(hpg_call));
	uint32 room;

	hpg_call_init(call, context);
	job->model = hpg_call_model(call, PG_GETARG_DATUM(0))->model;
	job->binding = hpg_binding_make(job->model, job->rowtype, context);
	hpg_env_init(&job->env, context, hpg_threads());
	hpg_check_status(&job->env,
					 hpc_batch_create(&job->env, job->model, 0, &job->batch));
	job->waiting = AllocSetContextCreate(context, "hp_predict_rows waiting",
										 ALLOCSET_DEFAULT_SIZES);
	room = hpc_batch_room(job->batch);
	if (job->with_rows)
		job->rows = palloc_extended(room * sizeof(Datum), MCXT_ALLOC_HUGE);
	job->predictions = palloc_extended(room * sizeof(double), MCXT_ALLOC_HUGE);
}

/*
 * hp_predict_rows(model hp_model, r anyelement, source text DEFAULT NULL,
 * source_rows boolean DEFAULT true) returns TABLE (source_row anyelement,
 * prediction float8)
 */
Datum
hp_predict_rows(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "hp_predict_rows",
							  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	predict_job job = {.info = (ReturnSetInfo *) fcinfo->resultinfo};
	hpg_sink sink = {begin_rows, predict_row, &job};

	job.rowtype = hpg_source_rowtype(fcinfo, 1, "hp_predict_rows", context);
	InitMaterializedSRF(fcinfo, 0);
	job.with_rows = PG_ARGISNULL(3) || PG_GETARG_BOOL(3);
	if (!PG_ARGISNULL(0))
		begin_batch(&job, fcinfo, context);
	hpg_source_stream(PG_ARGISNULL(2) ? NULL
									  : text_to_cstring(PG_GETARG_TEXT_PP(2)),
					  job.rowtype->type, &sink);
	if (job.model != NULL)
		predict_batch(&job);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
