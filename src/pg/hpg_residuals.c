/*
 * hpg_residuals.c
 *		hp_residuals(model, NULL::t, source): the rows of a source by how far
 *		their target is from what the model says, in units of what is usual.
 *
 * What is usual is measured so that the rows looked for do not count: the unit
 * is 1.4826 times the median absolute deviation from the median, which for a
 * normal distribution is the standard deviation (Rousseeuw and Croux 1993,
 * "Alternatives to the median absolute deviation").  Deviations are differences
 * on the scale that the model has learned, of logarithms where it has.
 *
 * A forest predicts a row of its training by the trees that did not see it; an
 * answer from memory would hide what is looked for.  Other models cannot, and
 * say so, unless the caller knows that the rows are none of the training.
 *
 * Rows go through a tuplesort, which takes work_mem and then disk; in memory
 * stay 8 bytes for each.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"

#include "hpg.h"
#include "hpg_compat.h"

HPG_FUNCTION(hp_residuals);

/* The inverse of the upper quartile of a standard normal distribution. */
#define NORMAL_UNIT 1.4826022185056018

#define FEWEST_PLACES 1024

/* Columns of the rows that are sorted: first what sorts them. */
enum
{
	SIZE, /* of the deviation, less than 0: large ones come first */
	HASH_LOW,
	HASH_HIGH,
	NKEYS,

	SOURCE_ROW = NKEYS,
	ACTUAL,
	PREDICTED,
	DEVIATION,
	NCOLUMNS
};

typedef struct residual_job
{
	ReturnSetInfo *info; /* result and its descriptor */
	hpc_env env;
	hpg_loaded *loaded;
	hpc_model_summary summary;
	bool out_of_bag;

	/* the source */
	hpg_rowtype *rowtype;
	int *attnums;             /* see hpg_source_columns */
	char *target_name;        /* UTF-8 */
	const hpg_column *target; /* among the columns of the source */
	hpg_binding *binding;

	/* what comes of it */
	Tuplesortstate *sort;
	TupleTableSlot *slot; /* for the rows that are sorted */
	uint64 n;
	uint64 nplaces;
	double *deviations; /* [nplaces], finite ones */
} residual_job;

/* ---------- rows of the source ---------- */

/* The target may be a column that the row type lacks. */
static void
begin_rows(void *opaque, TupleDesc desc)
{
	residual_job *job = opaque;
	hpg_rowtype *given = hpg_rowtype_make(desc, CurrentMemoryContext);

	job->attnums = hpg_source_columns(desc, job->rowtype);
	job->target = hpg_target_column(given, job->target_name);
}

/*
 * What the model says of the row in rowtype.  False: every tree has it in its
 * bag.
 */
static bool
predict(residual_job *job, double actual, double *predicted)
{
	if (!job->out_of_bag)
	{
		*predicted = hpg_binding_predict_values(job->binding, job->loaded);
		return true;
	}
	hpg_binding_all_values(job->binding);
	return hpg_binding_predict_oob(
		job->binding, job->loaded->model, actual,
		hpg_binding_weight(job->binding, job->summary.texts.weight),
		predicted);
}

/* Of a price that has no logarithm: beyond all others. */
static double
deviation_of(const residual_job *job, double actual, double predicted)
{
	if (!job->summary.log_scale)
		return actual - predicted;
	if (actual <= 0)
		return -get_float8_infinity();
	return hpc_log(actual) - hpc_log(predicted);
}

static void
gather_deviation(residual_job *job, double deviation)
{
	if (!isfinite(deviation))
		return;
	if (job->n == job->nplaces)
	{
		job->nplaces = Max(2 * job->nplaces, FEWEST_PLACES);
		job->deviations = hpg_resize(&job->env, job->deviations,
									 job->nplaces * sizeof(double));
	}
	job->deviations[job->n++] = deviation;
}

/* NULL as target: no prediction, and no residual.  NaN counts as one. */
static void
measure_row(residual_job *job, const hpc_value *target, Datum *values,
			bool *nulls)
{
	double actual = target->number;
	double predicted;
	double deviation;

	values[ACTUAL] = Float8GetDatum(actual);
	nulls[ACTUAL] = target->missing;
	if (target->missing || isnan(actual) || !predict(job, actual, &predicted))
	{
		nulls[PREDICTED] = nulls[DEVIATION] = nulls[SIZE] = true;
		return;
	}
	deviation = deviation_of(job, actual, predicted);
	gather_deviation(job, deviation);
	values[PREDICTED] = Float8GetDatum(predicted);
	values[DEVIATION] = Float8GetDatum(deviation);
	values[SIZE] = Float8GetDatum(-fabs(deviation));
}

static void
take_row(void *opaque, TupleTableSlot *slot)
{
	residual_job *job = opaque;
	Datum *values = job->slot->tts_values;
	bool *nulls = job->slot->tts_isnull;
	hpc_value target;
	hpc_hash hash;

	hpg_source_row(slot, job->attnums, job->rowtype);
	hpg_datum_value(slot->tts_values[job->target->attnum],
					slot->tts_isnull[job->target->attnum],
					job->target->base_type, HPC_NUMBER, &target);

	/* before the model's fill changes the row */
	ExecClearTuple(job->slot);
	memset(nulls, false, NCOLUMNS * sizeof(bool));
	hash = hpg_row_hash(job->rowtype);
	values[HASH_LOW] = Int64GetDatum((int64) hash.low);
	values[HASH_HIGH] = Int64GetDatum((int64) hash.high);
	values[SOURCE_ROW] = HeapTupleGetDatum(hpg_row_form(job->rowtype));
	measure_row(job, &target, values, nulls);
	ExecStoreVirtualTuple(job->slot);
	tuplesort_puttupleslot(job->sort, job->slot);
}

/* ---------- what is usual ---------- */

static int
compare_numbers(const void *a, const void *b, void *arg)
{
	return float8_cmp_internal(*(const double *) a, *(const double *) b);
}

/* Of n > 0 numbers, which are sorted. */
static double
median(double *numbers, uint64 n)
{
	qsort_interruptible(numbers, n, sizeof(double), compare_numbers, NULL);
	return numbers[(n - 1) / 2] / 2 + numbers[n / 2] / 2;
}

/* The unit of standardized residuals; 0: there is none. */
static double
usual_deviation(residual_job *job)
{
	double middle;

	if (job->n == 0)
		return 0;
	middle = median(job->deviations, job->n);
	for (uint64 i = 0; i < job->n; i++)
		job->deviations[i] = fabs(job->deviations[i] - middle);
	return NORMAL_UNIT * median(job->deviations, job->n);
}

/* ---------- the result ---------- */

static void
begin_sort(residual_job *job)
{
	static const Oid types[NCOLUMNS] = {FLOAT8OID, INT8OID,   INT8OID,  0,
										FLOAT8OID, FLOAT8OID, FLOAT8OID};
	AttrNumber keys[NKEYS] = {SIZE + 1, HASH_LOW + 1, HASH_HIGH + 1};
	Oid operators[NKEYS] = {Float8LessOperator, Int8LessOperator,
							Int8LessOperator};
	Oid collations[NKEYS] = {InvalidOid, InvalidOid, InvalidOid};
	bool nulls_first[NKEYS] = {false, false, false};
	TupleDesc desc = CreateTemplateTupleDesc(NCOLUMNS);

	for (int i = 0; i < NCOLUMNS; i++)
		TupleDescInitEntry(desc, (AttrNumber) (i + 1), NULL,
						   i == SOURCE_ROW ? job->rowtype->type : types[i], -1,
						   0);
	job->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	job->sort =
		tuplesort_begin_heap(desc, NKEYS, keys, operators, collations,
							 nulls_first, work_mem, NULL, TUPLESORT_NONE);
}

static void
put_row(const residual_job *job, TupleTableSlot *sorted, double unit)
{
	const Datum *from = sorted->tts_values;
	bool has_none = sorted->tts_isnull[DEVIATION];
	bool nulls[5] = {false, sorted->tts_isnull[ACTUAL], has_none, has_none,
					 has_none || unit == 0};
	Datum values[5] = {from[SOURCE_ROW], from[ACTUAL], from[PREDICTED]};

	if (!has_none)
		values[3] = Float8GetDatum(DatumGetFloat8(from[ACTUAL]) -
								   DatumGetFloat8(from[PREDICTED]));
	if (!nulls[4])
		values[4] = Float8GetDatum(DatumGetFloat8(from[DEVIATION]) / unit);
	tuplestore_putvalues(job->info->setResult, job->info->setDesc, values,
						 nulls);
}

static void
put_rows(residual_job *job)
{
	double unit = usual_deviation(job);
	TupleTableSlot *sorted =
		MakeSingleTupleTableSlot(job->slot->tts_tupleDescriptor,
								 &TTSOpsMinimalTuple);

	tuplesort_performsort(job->sort);
	while (tuplesort_gettupleslot(job->sort, true, false, sorted, NULL))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(sorted);
		put_row(job, sorted, unit);
	}
	ExecDropSingleTupleTableSlot(sorted);
	ExecDropSingleTupleTableSlot(job->slot);
	tuplesort_end(job->sort);
}

/* ---------- the call ---------- */

/*
 * The column with the actual values: the one that is named, or that of the
 * model.  The bags of a row are drawn with the target of its training, so out
 * of bag it has to be that.
 */
static char *
target_of(const residual_job *job, text *named)
{
	const char *own = job->summary.texts.target;
	char *name;

	if (named == NULL && own == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the model does not name its target"),
				 errdetail("It was trained on a target given by value."),
				 errhint("Name the column that holds it: hp_residuals(..., "
						 "target => 'sale_price').")));
	if (named == NULL)
		return pstrdup(own);
	name = hpg_utf8_copy(VARDATA_ANY(named), (int) VARSIZE_ANY_EXHDR(named));
	if (job->out_of_bag && own != NULL && strcmp(own, name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the target of the model is column \"%s\", not \"%s\"",
						hpg_name(own), hpg_name(name)),
				 errdetail("Which trees had a row in their bag depends on the "
						   "target that it was trained on."),
				 errhint("Of rows that are none of the training, oob => false "
						 "compares any column with the prediction.")));
	return name;
}

static void
begin_job(residual_job *job, FunctionCallInfo fcinfo, MemoryContext context)
{
	hpg_call *call = palloc(sizeof(hpg_call));

	hpg_call_init(call, context);
	job->loaded = hpg_call_model(call, PG_GETARG_DATUM(0));
	hpc_model_summarize(job->loaded->model, &job->summary);
	job->out_of_bag = PG_ARGISNULL(4) || PG_GETARG_BOOL(4);
	if (job->out_of_bag)
		hpg_check_bags(job->loaded->model,
					   "Train a forest on the same rows; or give rows that "
					   "are none of the training, with oob => false.");
	job->target_name =
		target_of(job, PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3));
	job->binding = hpg_binding_make(job->loaded->model, job->rowtype, context);
	hpg_env_init(&job->env, context, 1);
	begin_sort(job);
}

/*
 * hp_residuals(model hp_model, r anyelement, source text DEFAULT NULL, target
 * text DEFAULT NULL, oob boolean DEFAULT true) returns TABLE (source_row
 * anyelement, actual float8, predicted float8, residual float8, standardized
 * float8)
 */
Datum
hp_residuals(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "hp_residuals",
							  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	residual_job job = {.info = (ReturnSetInfo *) fcinfo->resultinfo};
	hpg_sink sink = {begin_rows, take_row, &job};

	job.rowtype = hpg_source_rowtype(fcinfo, 1, "hp_residuals", context);
	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(0))
	{
		begin_job(&job, fcinfo, context);
		hpg_source_stream(PG_ARGISNULL(2)
							  ? NULL
							  : text_to_cstring(PG_GETARG_TEXT_PP(2)),
						  job.rowtype->type, &sink);
		put_rows(&job);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
