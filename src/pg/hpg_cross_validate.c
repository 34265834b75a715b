/*
 * hpg_cross_validate.c
 *		hp_cross_validate, hp_cross_validate_forward: a score for each fold;
 *		hp_summary of such scores.
 *
 * The rows are those of hpg_folds.c.  A score is what the aggregates of
 * hpg_metrics.c would answer for the rows held out, to the bit; a metric that
 * they leave undefined is NULL.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "hpg_compat.h"
#include "hpg_folds.h"
#include "hpg_pair.h"

HPG_FUNCTION(hp_cross_validate_final);
HPG_FUNCTION(hp_summary);

/* Rows between looks for an interrupt. */
#define ROWS_PER_CHECK 8192

/* The columns of hp_fold_score, in their order. */
enum
{
	SCORE_FOLD,
	SCORE_TRAIN_ROWS,
	SCORE_TEST_ROWS,
	SCORE_METRICS,
	SCORE_DIGEST = SCORE_METRICS + HPG_METRICS,
	SCORE_COLUMNS
};

/* ---------- scores ---------- */

static void
measure(const hpg_trial *trial, hpg_metric *metrics)
{
	hpg_totals totals;

	hpg_totals_init(&totals);
	for (uint64 i = 0; trial->trained && i < trial->nheld; i++)
	{
		hpg_pair pair = {trial->actual[i], trial->predicted[i]};

		if (i % ROWS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		hpg_totals_add(&totals, &pair);
	}
	hpg_totals_metrics(&totals, metrics);
}

static Datum
make_score(TupleDesc desc, int fold, const hpg_trial *trial)
{
	Datum values[SCORE_COLUMNS];
	bool nulls[SCORE_COLUMNS] = {false};
	hpg_metric metrics[HPG_METRICS];
	char hex[33];

	measure(trial, metrics);
	values[SCORE_FOLD] = Int32GetDatum(fold);
	values[SCORE_TRAIN_ROWS] = Int64GetDatum((int64) trial->nlearned);
	values[SCORE_TEST_ROWS] = Int64GetDatum((int64) trial->nheld);
	for (int i = 0; i < HPG_METRICS; i++)
	{
		values[SCORE_METRICS + i] = Float8GetDatum(metrics[i].value);
		nulls[SCORE_METRICS + i] = !metrics[i].defined;
	}
	hpc_digest_to_hex(&trial->digest, hex);
	values[SCORE_DIGEST] = CStringGetTextDatum(hex);
	nulls[SCORE_DIGEST] = !trial->trained;
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

static void
warn_of_empty_folds(FunctionCallInfo fcinfo, int nempty, int nfolds)
{
	if (nempty > 0 && !hpg_is_repeated(fcinfo, -2, ""))
		ereport(WARNING,
				(errmsg_plural("%d of %d folds has no rows to hold out, or no "
							   "others to learn from",
							   "%d of %d folds have no rows to hold out, or no "
							   "others to learn from",
							   nempty, nempty, nfolds),
				 errdetail("Their metrics are NULL."),
				 errhint("Use fewer folds, or a key with more values.")));
}

static Datum
cross_validate(FunctionCallInfo fcinfo, const hpg_folds *folds, Oid type)
{
	const char *name = folds->use == HPG_CROSS_VALIDATE
						   ? "hp_cross_validate"
						   : "hp_cross_validate_forward";
	TupleDesc desc = hpg_element_desc(type, SCORE_COLUMNS);
	hpc_fold *fold = hpg_folds_cut(folds);
	Datum *scores = palloc(folds->nfolds * sizeof(Datum));
	int nempty = 0;

	for (int i = 0; i < folds->nfolds; i++)
	{
		hpg_trial trial;

		hpg_progress_of(&folds->rows->env, name, "folds", i, folds->nfolds);
		hpg_folds_try(fcinfo, folds, folds->candidates[0], &fold[i], &trial);
		scores[i] = make_score(desc, i, &trial);
		nempty += !trial.trained;
		hpg_trial_free(folds, &trial);
	}
	hpg_progress_of(&folds->rows->env, name, "folds", folds->nfolds,
					folds->nfolds);
	warn_of_empty_folds(fcinfo, nempty, folds->nfolds);
	return hpg_composite_array(type, folds->nfolds, scores);
}

/* hp_cross_validate_final(internal) returns hp_fold_score[] */
Datum
hp_cross_validate_final(PG_FUNCTION_ARGS)
{
	hpg_folds *folds;
	Oid type;

	hpg_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	folds = (hpg_folds *) PG_GETARG_POINTER(0);
	if (!hpg_collector_has_rows(fcinfo, folds->rows))
		PG_RETURN_NULL();
	get_call_result_type(fcinfo, &type, NULL);
	return cross_validate(fcinfo, folds, type);
}

/* ---------- their summary ---------- */

/* The columns of hp_score_summary: a mean and a deviation for each metric. */
enum
{
	SUMMARY_FOLDS,
	SUMMARY_TEST_ROWS,
	SUMMARY_METRICS,
	SUMMARY_COLUMNS = SUMMARY_METRICS + 2 * HPG_METRICS
};

typedef struct summary
{
	int nfolds; /* with metrics */
	int64 nrows;
	int n[HPG_METRICS]; /* folds where it is defined */
	hpc_sum sum[HPG_METRICS];
	hpc_sum squares[HPG_METRICS];
} summary;

static void
add_score(summary *s, HeapTupleHeader score)
{
	bool any = false;
	bool isnull;
	Datum datum;

	for (int i = 0; i < HPG_METRICS; i++)
	{
		double value;

		datum = GetAttributeByNum(score, (AttrNumber) (SCORE_METRICS + i + 1),
								  &isnull);
		if (isnull)
			continue;
		any = true;
		value = DatumGetFloat8(datum);
		s->n[i]++;
		hpc_sum_add(&s->sum[i], value);
		hpc_sum_add_product(&s->squares[i], value, value);
	}
	datum = GetAttributeByNum(score, SCORE_TEST_ROWS + 1, &isnull);
	if (any && !isnull)
		s->nrows += DatumGetInt64(datum);
	s->nfolds += any;
}

static Datum
make_summary(FunctionCallInfo fcinfo, const summary *s)
{
	Datum values[SUMMARY_COLUMNS] = {0};
	bool nulls[SUMMARY_COLUMNS] = {false};
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != SUMMARY_COLUMNS)
		elog(ERROR, "hp_score_summary is not what hp_summary returns");
	values[SUMMARY_FOLDS] = Int32GetDatum(s->nfolds);
	values[SUMMARY_TEST_ROWS] = Int64GetDatum(s->nrows);
	for (int i = 0; i < HPG_METRICS; i++)
	{
		int at = SUMMARY_METRICS + 2 * i;
		int n = s->n[i];

		nulls[at] = n == 0;
		nulls[at + 1] = n < 2;
		if (n > 0)
			values[at] = Float8GetDatum(hpg_mean(&s->sum[i], n));
		if (n > 1)
			values[at + 1] = Float8GetDatum(sqrt(
				hpc_sum_deviations(&s->sum[i], &s->squares[i], (uint64) n) /
				(n - 1)));
	}
	return HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* hp_summary(scores hp_fold_score[]) returns hp_score_summary */
Datum
hp_summary(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	summary *s = palloc0(sizeof(summary));
	Datum *scores;
	bool *nulls;
	int n;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE,
					  &scores, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			add_score(s, DatumGetHeapTupleHeader(scores[i]));
	}
	return make_summary(fcinfo, s);
}
