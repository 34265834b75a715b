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

#include "executor/executor.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
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
	Datum *rows;           /* [room], or NULL: not wanted; and so on */
	double *predictions;   /* [room] */
	double coverage;
	hpc_interval *intervals; /* [room] */
	Datum *warnings;         /* [room] */
} predict_job;

enum
{
	ROW,
	PREDICTION,
	LOWER,
	UPPER,
	WARNINGS,
	NRESULTS
};

static void
set(Datum *values, bool *nulls, int column, Datum value)
{
	values[column] = value;
	nulls[column] = false;
}

/* Into the result goes the i-th row that waits. */
static void
put_row(predict_job *job, uint32 i)
{
	bool nulls[NRESULTS] = {true, true, true, true, true};
	Datum values[NRESULTS];

	if (job->rows != NULL)
		set(values, nulls, ROW, job->rows[i]);
	set(values, nulls, PREDICTION, Float8GetDatum(job->predictions[i]));
	if (job->intervals != NULL)
	{
		set(values, nulls, LOWER, Float8GetDatum(job->intervals[i].lower));
		set(values, nulls, UPPER, Float8GetDatum(job->intervals[i].upper));
	}
	if (job->warnings != NULL)
		set(values, nulls, WARNINGS, job->warnings[i]);
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
		put_row(job, i);
	MemoryContextReset(job->waiting);
	job->nbytes = 0;
}

static Datum
form_row(const hpg_rowtype *rowtype, size_t *nbytes)
{
	HeapTuple tuple = hpg_row_form(rowtype);

	*nbytes += tuple->t_len;
	return HeapTupleGetDatum(tuple);
}

static void
begin_rows(void *opaque, TupleDesc desc)
{
	predict_job *job = opaque;

	job->attnums = hpg_source_columns(desc, job->rowtype);
}

/* Without a model there is nothing but the row. */
static void
put_unpredicted(predict_job *job)
{
	bool nulls[NRESULTS] = {true, true, true, true, true};
	Datum values[NRESULTS];

	if (job->with_rows)
		set(values, nulls, ROW, form_row(job->rowtype, &job->nbytes));
	tuplestore_putvalues(job->info->setResult, job->info->setDesc, values,
						 nulls);
}

/* What is asked about a row besides its prediction, which can wait. */
static const hpc_value *
look_at_row(predict_job *job, uint32 place)
{
	MemoryContext old = MemoryContextSwitchTo(job->waiting);
	const hpc_value *values;

	/* as it came, before the fill of the model is applied to it */
	if (job->rows != NULL)
		job->rows[place] = form_row(job->rowtype, &job->nbytes);
	MemoryContextSwitchTo(old);
	if (job->warnings == NULL)
		values = hpg_binding_used_values(job->binding);
	else
	{
		Datum warnings;

		values = hpg_binding_all_values(job->binding);
		warnings = hpg_warnings(job->model, values);
		job->nbytes += VARSIZE(DatumGetPointer(warnings));
		MemoryContextSwitchTo(job->waiting);
		job->warnings[place] = datumCopy(warnings, false, -1);
		MemoryContextSwitchTo(old);
	}
	if (job->intervals != NULL)
		hpg_binding_interval(job->binding, job->model, job->coverage,
							 &job->intervals[place]);
	return values;
}

static void
predict_row(void *opaque, TupleTableSlot *slot)
{
	predict_job *job = opaque;
	const hpc_value *values;

	hpg_source_row(slot, job->attnums, job->rowtype);
	if (job->model == NULL)
	{
		put_unpredicted(job);
		return;
	}
	values = look_at_row(job, hpc_batch_nrows(job->batch));
	hpg_check_status(&job->env, hpc_batch_add(&job->env, job->batch, values));
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
	if (!PG_ARGISNULL(4))
	{
		job->coverage = PG_GETARG_FLOAT8(4);
		hpg_check_interval(job->model, job->coverage);
		job->intervals =
			palloc_extended(room * sizeof(hpc_interval), MCXT_ALLOC_HUGE);
	}
	if (!PG_ARGISNULL(5) && PG_GETARG_BOOL(5))
		job->warnings = palloc_extended(room * sizeof(Datum), MCXT_ALLOC_HUGE);
}

/*
 * hp_predict_rows(model hp_model, r anyelement, source text DEFAULT NULL,
 * source_rows boolean DEFAULT true, coverage float8 DEFAULT NULL, warnings
 * boolean DEFAULT false) returns TABLE (source_row anyelement, prediction
 * float8, lower float8, upper float8, warnings text[])
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
