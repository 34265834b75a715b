/*
 * hpg_study.c
 *		What the rows of a source say of a model: all the figures of hp_report.
 *
 * First the digest of the rows tells whether they are those of the training;
 * if so the model has seen them, and only its trees that did not may speak.
 * A second pass predicts them.  What needs more work per row, or memory, is
 * measured on a sample of a large source, drawn by hash of the rows' content.
 *
 * Memory: 16 bytes a row for the pairs (actual, predicted), 8 for the misses,
 * 12 more while there are dates, 8 more for a while for order statistics.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "hpg_study.h"
#include "hpg_study_rows.h"

/* Rows of a sample, about. */
#define SAMPLE_SIZE 20000

void *
hpg_study_resize(hpg_study *study, void *old, size_t nbytes)
{
	hpc_error *error = &study->env.error;
	void *block = study->env.resize(study->env.opaque, old, Max(nbytes, 1));

	if (block != NULL)
		return block;
	strlcpy(error->message,
			"not enough memory to study the rows of the source",
			sizeof(error->message));
	snprintf(error->detail, sizeof(error->detail),
			 "%zu bytes more were asked for.", nbytes);
	strlcpy(error->hint,
			"Give fewer rows as the source, or let the administrator raise "
			"houseprice.max_memory.",
			sizeof(error->hint));
	hpg_check_status(&study->env, HPC_NO_MEMORY);
	return NULL;
}

void *
hpg_study_alloc(hpg_study *study, size_t nbytes)
{
	return hpg_study_resize(study, NULL, nbytes);
}

static void
release(hpg_study *study, void *block)
{
	study->env.resize(study->env.opaque, block, 0);
}

/* ---------- whose rows they are ---------- */

static void
digest_rows(hpg_study *study, hpg_rows *rows)
{
	hpc_set_digest set = {0, 0, 0};

	hpg_rows_rewind(rows);
	while (hpg_rows_next(rows))
		hpc_set_digest_add(&set,
						   hpc_model_row_hash(study->model,
											  hpg_rows_features(rows),
											  rows->actual, rows->weight));
	study->digest = hpc_set_digest_end(&set);
	study->nwithout = rows->nwithout;
	study->nzero = rows->nzero;
}

static hpg_origin
origin_of(const hpg_study *study)
{
	if (memcmp(&study->digest, &study->summary.data_digest,
			   sizeof(hpc_digest)) != 0)
		return HPG_NEW_ROWS;
	return hpc_model_has_bags(study->model) ? HPG_OUT_OF_BAG : HPG_FROM_MEMORY;
}

/* ---------- predicting them ---------- */

/* One pass over the rows. */
typedef struct pass
{
	hpg_study *study;
	hpg_rows *rows;
	const hpc_value *values; /* of the row at hand */
	uint32_t *codes;
	hpc_batch *batch;     /* rows that wait, or NULL */
	int64 begun;          /* the first of them */
	double *predictions;  /* of a batch */
	uint64 sampled_below; /* hashes of rows in the sample */
	hpc_model_feature *features;
	hpg_unlike *unlike; /* [nfeatures] */
} pass;

static void
predict_waiting(pass *p)
{
	uint32 n = hpc_batch_nrows(p->batch);
	hpg_study *study = p->study;

	hpg_check_status(&study->env,
					 hpc_batch_predict(&study->env, p->batch, p->predictions));
	for (uint32 i = 0; i < n; i++)
		study->pairs[p->begun + i].predicted = p->predictions[i];
	p->begun += n;
}

static void
predict_row(pass *p, hpg_pair *pair)
{
	hpg_study *study = p->study;

	pair->actual = p->rows->actual;
	pair->predicted = get_float8_nan();
	if (p->batch == NULL)
	{
		if (!hpc_model_predict_oob(study->model, p->values, p->rows->actual,
								   p->rows->weight, p->codes,
								   &pair->predicted))
			study->nnever++;
		return;
	}
	hpg_check_status(&study->env,
					 hpc_batch_add(&study->env, p->batch, p->values));
	if (hpc_batch_room(p->batch) == 0)
		predict_waiting(p);
}

static bool
is_sampled(const pass *p)
{
	return p->sampled_below == PG_UINT64_MAX ||
		   hpc_model_row_hash(p->study->model, p->values, p->rows->actual, 1)
				   .high < p->sampled_below;
}

static void
sample_row(pass *p)
{
	hpg_study *study = p->study;
	double actual = p->rows->actual;

	study->nsampled++;
	if (study->has_intervals)
		hpg_study_cover(study, p->values, actual, p->codes);
	if (!study->has_curve)
		return;
	if (study->origin == HPG_OUT_OF_BAG)
		hpc_curve_add_oob(&study->curve, study->model, p->values, actual,
						  p->rows->weight, p->codes);
	else
		hpc_curve_add(&study->curve, study->model, p->values, actual,
					  p->codes);
}

static void
warn_of_row(pass *p)
{
	bool any = false;

	for (int i = 0; i < p->study->summary.nfeatures; i++)
	{
		hpg_warning warning =
			hpg_warning_of(p->study->model, i, &p->features[i], &p->values[i]);

		if (warning == HPG_NO_WARNING)
			continue;
		p->unlike[i].nrows++;
		p->unlike[i].by[warning]++;
		any = true;
	}
	p->study->nunlike += any;
}

static void
begin_pass(pass *p, hpg_study *study, hpg_rows *rows)
{
	int nfeatures = study->summary.nfeatures;
	int64 nrows = rows->nread; /* of the pass before */

	memset(p, 0, sizeof(*p));
	p->study = study;
	p->rows = rows;
	p->codes = palloc0(Max(nfeatures, 1) * sizeof(uint32_t));
	p->sampled_below = nrows <= SAMPLE_SIZE
						   ? PG_UINT64_MAX
						   : PG_UINT64_MAX / (uint64) nrows * SAMPLE_SIZE;
	p->features = palloc(Max(nfeatures, 1) * sizeof(hpc_model_feature));
	p->unlike = palloc0(Max(nfeatures, 1) * sizeof(hpg_unlike));
	for (int i = 0; i < nfeatures; i++)
	{
		hpc_model_feature_at(study->model, i, &p->features[i]);
		p->unlike[i].feature = i;
	}
	study->pairs = hpg_study_alloc(study, nrows * sizeof(hpg_pair));
	if (study->origin == HPG_OUT_OF_BAG)
		return;
	hpg_check_status(&study->env, hpc_batch_create(&study->env, study->model,
												   0, &p->batch));
	p->predictions =
		hpg_study_alloc(study, hpc_batch_room(p->batch) * sizeof(double));
}

/* Most rows first, then in the order of the features. */
static int
compare_unlike(const void *a, const void *b)
{
	const hpg_unlike *one = a;
	const hpg_unlike *other = b;

	if (one->nrows != other->nrows)
		return one->nrows > other->nrows ? -1 : 1;
	return one->feature - other->feature;
}

static void
end_pass(pass *p)
{
	hpg_study *study = p->study;
	int nfeatures = study->summary.nfeatures;

	if (p->batch != NULL)
	{
		predict_waiting(p);
		hpc_batch_free(&study->env, p->batch);
		release(study, p->predictions);
	}
	study->unlike = p->unlike;
	qsort(study->unlike, nfeatures, sizeof(hpg_unlike), compare_unlike);
	while (study->nunlike_features < nfeatures &&
		   study->unlike[study->nunlike_features].nrows > 0)
		study->nunlike_features++;
}

static void
predict_rows(hpg_study *study, hpg_rows *rows)
{
	pass p;

	begin_pass(&p, study, rows);
	hpg_rows_rewind(rows);
	while (hpg_rows_next(rows))
	{
		p.values = hpg_rows_features(rows);
		predict_row(&p, &study->pairs[rows->nread - 1]);
		if (is_sampled(&p))
			sample_row(&p);
		if (study->origin == HPG_NEW_ROWS)
			warn_of_row(&p);
	}
	end_pass(&p);
}

/* ---------- misses ---------- */

static bool
all_positive(const hpg_study *study, int64 nrows)
{
	for (int64 i = 0; i < nrows; i++)
	{
		const hpg_pair *pair = &study->pairs[i];

		if (!isnan(pair->predicted) &&
			!(pair->actual > 0 && pair->predicted > 0))
			return false;
	}
	return true;
}

static void
find_misses(hpg_study *study, int64 nrows)
{
	study->relative = all_positive(study, nrows);
	study->misses = hpg_study_alloc(study, nrows * sizeof(double));
	for (int64 i = 0; i < nrows; i++)
	{
		const hpg_pair *pair = &study->pairs[i];

		if (i % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		study->misses[i] = study->relative
							   ? hpc_log(pair->predicted / pair->actual)
							   : pair->predicted - pair->actual;
	}
}

double
hpg_shown_miss(const hpg_study *study, double miss)
{
	return study->relative ? hpc_exp(miss) - 1 : miss;
}

/* Lets go of the rows without a prediction. */
static void
close_ranks(hpg_study *study, int64 nrows)
{
	for (int64 i = 0; i < nrows; i++)
	{
		if (isnan(study->pairs[i].predicted))
			continue;
		study->pairs[study->n] = study->pairs[i];
		study->misses[study->n] = study->misses[i];
		study->n++;
	}
}

/* ---------- figures ---------- */

void
hpg_quantiles(double *values, int64 n, double at[HPG_QUANTILES])
{
	static const double shares[HPG_QUANTILES] = {0.05, 0.25, 0.5, 0.75, 0.95};

	for (int i = 0; i < HPG_QUANTILES; i++)
	{
		int64 rank = (int64) (shares[i] * (double) (n - 1) + 0.5);

		hpg_select_nth(values, n, rank);
		at[i] = values[rank];
	}
}

/* What always saying the mean of the training would be worth. */
static void
judge_mean(hpg_study *study)
{
	hpg_pair *pairs = hpg_study_alloc(study, study->n * sizeof(hpg_pair));

	for (int64 i = 0; i < study->n; i++)
	{
		pairs[i].actual = study->pairs[i].actual;
		pairs[i].predicted = study->summary.target_mean;
	}
	hpg_evaluate(pairs, study->n, &study->mean_says);
	release(study, pairs);
}

int
hpg_third_of(const hpg_study *study, double predicted)
{
	int third = 0;

	while (third < HPG_THIRDS - 1 && predicted >= study->cuts[third])
		third++;
	return third;
}

static void
cut_thirds(hpg_study *study, double *values)
{
	for (int64 i = 0; i < study->n; i++)
		values[i] = study->pairs[i].predicted;
	for (int i = 0; i < HPG_THIRDS - 1; i++)
	{
		int64 rank = study->n * (i + 1) / HPG_THIRDS;

		hpg_select_nth(values, study->n, rank);
		study->cuts[i] = values[rank];
	}
}

/* By how much the predictions of a third are too high, all together. */
typedef struct balance
{
	hpc_sum actual;
	hpc_sum predicted;
} balance;

static void
measure_third(hpg_study *study, int third, double *values)
{
	hpg_box *box = &study->thirds[third];
	balance sums;

	hpc_sum_init(&sums.actual);
	hpc_sum_init(&sums.predicted);
	box->n = 0;
	for (int64 i = 0; i < study->n; i++)
	{
		const hpg_pair *pair = &study->pairs[i];

		if (i % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		if (hpg_third_of(study, pair->predicted) != third)
			continue;
		values[box->n++] = study->misses[i];
		hpc_sum_add(&sums.actual, pair->actual);
		hpc_sum_add(&sums.predicted, pair->predicted);
	}
	if (box->n == 0)
		return;
	hpg_quantiles(values, box->n, box->at);
	box->bias =
		study->relative
			? hpc_sum_round(&sums.predicted) / hpc_sum_round(&sums.actual) - 1
			: hpg_mean(&sums.predicted, box->n) -
				  hpg_mean(&sums.actual, box->n);
}

static void
measure(hpg_study *study)
{
	double *values;

	hpg_evaluate(study->pairs, study->n, &study->model_says);
	judge_mean(study);
	values = hpg_study_alloc(study, study->n * sizeof(double));
	cut_thirds(study, values);
	for (int i = 0; i < HPG_THIRDS; i++)
		measure_third(study, i, values);
	release(study, values);
	hpg_study_coverage(study);
}

hpg_study *
hpg_study_make(const hpc_model *model, const char *source, const char *target)
{
	hpg_study *study = palloc0(sizeof(hpg_study));
	hpg_rows rows;
	int64 nrows;

	study->model = model;
	hpc_model_summarize(model, &study->summary);
	hpg_env_init(&study->env, CurrentMemoryContext, hpg_threads());
	hpg_rows_open(&rows, model, source, target);
	study->target = rows.target->name;
	digest_rows(study, &rows);
	study->origin = origin_of(study);
	study->has_curve = study->origin != HPG_FROM_MEMORY &&
					   hpc_curve_init(&study->curve, model);
	study->has_intervals =
		study->origin == HPG_NEW_ROWS && hpc_model_has_intervals(model);
	predict_rows(study, &rows);
	nrows = rows.nread;
	find_misses(study, nrows);
	hpg_study_spread(study, &rows);
	hpg_study_dates(study, &rows);
	close_ranks(study, nrows);
	if (study->n > 0)
		measure(study);
	hpg_rows_close(&rows);
	return study;
}
