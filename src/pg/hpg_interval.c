/*
 * hpg_interval.c
 *		hp_predict_interval(model or name, row, coverage): a prediction and an
 *		interval around it; hp_coverage: the share of targets that intervals
 *		hold.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "hpg.h"

HPG_FUNCTION(hp_predict_interval);
HPG_FUNCTION(hp_predict_interval_name);
HPG_FUNCTION(hp_coverage_accum);
HPG_FUNCTION(hp_coverage_combine);
HPG_FUNCTION(hp_coverage_final);

/* ---------- intervals ---------- */

static void
fail_without_intervals(const hpc_model *model)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the model has no prediction intervals"),
			 summary.merged
				 ? errdetail("It was merged: which rows its trees have not "
							 "seen is not known together.")
				 : errdetail("Its training held no rows out, or too few, to "
							 "learn from them how far predictions are off."),
			 errhint("Intervals come with hp_boost (early_stopping), "
					 "hp_linear, hp_forest of 50 trees or more, "
					 "hp_extra_trees of as many with bag => true, and blends "
					 "of these, trained on 20 rows or more.")));
}

void
hpg_check_interval(const hpc_model *model, double coverage)
{
	if (!(coverage > 0 && coverage < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("coverage must be between 0 and 1, not %s",
						float8out_internal(coverage)),
				 errhint("0.9 asks for intervals that hold nine of ten "
						 "targets.")));
	if (!hpc_model_has_intervals(model))
		fail_without_intervals(model);
}

/* The row type of the result, looked up once per call site. */
static TupleDesc
result_desc(FunctionCallInfo fcinfo, hpg_call *call)
{
	if (call->result == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(call->context);
		TupleDesc desc;

		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
			desc->natts != 3)
			elog(ERROR, "hp_interval is not what hp_predict_interval returns");
		call->result = BlessTupleDesc(CreateTupleDescCopy(desc));
		MemoryContextSwitchTo(before);
	}
	return call->result;
}

static Datum
predict_interval(FunctionCallInfo fcinfo, hpg_resolver resolve)
{
	bool nulls[3] = {false};
	hpg_loaded *loaded;
	HeapTupleHeader row;
	hpg_binding *binding = hpg_call_bind(fcinfo, resolve, &loaded, &row);
	double coverage = PG_GETARG_FLOAT8(2);
	hpc_interval interval;
	Datum values[3];

	hpg_check_interval(loaded->model, coverage);
	hpg_binding_predict_interval(binding, loaded, row, coverage, &interval);
	values[0] = Float8GetDatum(interval.prediction);
	values[1] = Float8GetDatum(interval.lower);
	values[2] = Float8GetDatum(interval.upper);
	return HeapTupleGetDatum(
		heap_form_tuple(result_desc(fcinfo, hpg_call_of(fcinfo)), values,
						nulls));
}

/*
 * hp_predict_interval(model hp_model, r record, coverage double precision)
 * returns hp_interval
 */
Datum
hp_predict_interval(PG_FUNCTION_ARGS)
{
	return predict_interval(fcinfo, hpg_call_model);
}

/*
 * hp_predict_interval(name text, r record, coverage double precision)
 * returns hp_interval
 */
Datum
hp_predict_interval_name(PG_FUNCTION_ARGS)
{
	return predict_interval(fcinfo, hpg_call_named);
}

/* ---------- coverage ---------- */

/* The state: how many targets there were, and how many inside. */
enum
{
	SEEN,
	INSIDE,
	NCOUNTS
};

/*
 * Counts of a state that may be written to: the aggregate's own, or, where
 * somebody else calls, a copy's.
 */
static int64 *
counts_of(ArrayType *state)
{
	if (ARR_NDIM(state) != 1 || ARR_DIMS(state)[0] != NCOUNTS ||
		ARR_HASNULL(state) || ARR_ELEMTYPE(state) != INT8OID)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("state of hp_coverage must be two numbers")));
	return (int64 *) ARR_DATA_PTR(state);
}

static ArrayType *
own_state(FunctionCallInfo fcinfo)
{
	return AggCheckCallContext(fcinfo, NULL) ? PG_GETARG_ARRAYTYPE_P(0)
											 : PG_GETARG_ARRAYTYPE_P_COPY(0);
}

/* hp_coverage_accum(bigint[], actual, lower, upper) returns bigint[] */
Datum
hp_coverage_accum(PG_FUNCTION_ARGS)
{
	ArrayType *state = own_state(fcinfo);
	int64 *counts = counts_of(state);
	double actual = PG_GETARG_FLOAT8(1);

	counts[SEEN]++;
	counts[INSIDE] +=
		actual >= PG_GETARG_FLOAT8(2) && actual <= PG_GETARG_FLOAT8(3);
	PG_RETURN_ARRAYTYPE_P(state);
}

/* hp_coverage_combine(bigint[], bigint[]) returns bigint[] */
Datum
hp_coverage_combine(PG_FUNCTION_ARGS)
{
	ArrayType *state = own_state(fcinfo);
	int64 *counts = counts_of(state);
	const int64 *others = counts_of(PG_GETARG_ARRAYTYPE_P(1));

	for (int i = 0; i < NCOUNTS; i++)
		counts[i] += others[i];
	PG_RETURN_ARRAYTYPE_P(state);
}

/* hp_coverage_final(bigint[]) returns double precision */
Datum
hp_coverage_final(PG_FUNCTION_ARGS)
{
	const int64 *counts = counts_of(PG_GETARG_ARRAYTYPE_P(0));

	if (counts[SEEN] == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8((double) counts[INSIDE] / (double) counts[SEEN]);
}
