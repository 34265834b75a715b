/*
 * test_forest.c
 *		Whole forests: the same bytes whatever the order of rows and columns
 *		and the number of threads; out-of-bag metrics against a slow twin;
 *		tiny tables, cancelling, and running out of memory.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_forest.h"
#include "hpc_random.h"
#include "hpt_table.h"

/* ---------- the same bytes ---------- */

static bool
same_model(const hpt_table *table, const hpc_params *params, int nthreads,
		   const hpc_model *expected, size_t nbytes)
{
	hpt_memory memory;
	size_t n;
	hpc_model *model = hpt_table_model(&memory, table, params, nthreads, &n);
	bool same = n == nbytes && memcmp(model, expected, n) == 0;

	hpt_release(&memory.env, model);
	return same && memory.nblocks == 0;
}

static void
check_same_bytes(const char *what, const hpc_params *params, uint32_t nrows)
{
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;

	hpt_table_houses(&table, nrows, 1);
	model = hpt_table_model(&memory, &table, params, 1, &nbytes);
	hpt_ok(hpc_model_validate(&memory.env, model, nbytes) == HPC_OK,
		   "%s: a valid model of %d bytes", what, (int) nbytes);
	for (int nthreads = 2; nthreads <= 4; nthreads++)
		hpt_ok(same_model(&table, params, nthreads, model, nbytes),
			   "%s: the same bytes from %d threads", what, nthreads);
	hpt_table_shuffle(&table, 5);
	hpt_ok(same_model(&table, params, 2, model, nbytes),
		   "%s: the same bytes from shuffled rows", what);
	hpt_table_reverse_columns(&table);
	hpt_ok(same_model(&table, params, 3, model, nbytes),
		   "%s: the same bytes from columns in another order", what);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

static void
check_all_same_bytes(void)
{
	hpc_params params = hpt_params(7);

	check_same_bytes("defaults", &params, 600);
	params.bag = false;
	params.row_fraction = 0.5;
	check_same_bytes("half the rows", &params, 600);
	params.bag = true;
	params.max_leaves = 20;
	check_same_bytes("best first", &params, 600);
	params.max_leaves = 0;
	params.max_bins = 16;
	params.features = 2;
	check_same_bytes("16 bins", &params, 600);
	params.algorithm = HPC_MEAN;
	check_same_bytes("mean", &params, 50);
}

/* A seed, a row more, or a copy of a row, and the model is another. */
static void
check_different_bytes(void)
{
	hpc_params params = hpt_params(2);
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;

	hpt_table_houses(&table, 60, 2);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	params.seed++;
	hpt_ok(!same_model(&table, &params, 1, model, nbytes),
		   "another seed, another model");
	params.seed--;
	hpt_table_row(&table, table.target[0]);
	memcpy(table.values + 60 * table.ncolumns, table.values,
		   (size_t) table.ncolumns * sizeof(hpc_value));
	hpt_ok(!same_model(&table, &params, 1, model, nbytes),
		   "another copy of a row, another model");
	table.nrows--;
	hpt_ok(same_model(&table, &params, 1, model, nbytes),
		   "without them the same");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- out of bag, the slow way ---------- */

typedef struct slow_oob
{
	uint64_t nrows;
	double mae;
	double rmse;
	double r2;
} slow_oob;

static uint32_t
slow_weight(const hpc_frame *frame, const hpc_params *params, uint64_t tree,
			uint32_t row, uint32_t copy)
{
	uint64_t stream =
		hpc_stream(params->bag ? HPC_TAG_BAG : HPC_TAG_ROW_SAMPLE,
				   params->seed, tree);
	uint64_t bits = hpc_draw(stream, hpc_copy_key(frame->key[row], copy));
	hpc_poisson poisson;

	if (!params->bag)
		return params->row_fraction >= 1 ||
			   bits < hpc_share_threshold(params->row_fraction);
	hpc_poisson_init(&poisson, params->row_fraction);
	return hpc_poisson_draw(&poisson, bits);
}

/* A tree that draws nothing at all is grown on everything. */
static bool
bag_is_empty(const hpc_frame *frame, const hpc_params *params, uint64_t tree)
{
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		for (uint32_t copy = 0; copy < frame->count[row]; copy++)
		{
			if (slow_weight(frame, params, tree, row, copy) > 0)
				return false;
		}
	}
	return true;
}

static void
values_of(const hpc_frame *frame, uint32_t row, hpc_value *values)
{
	for (int i = 0; i < frame->nfeatures; i++)
	{
		const hpc_feature *feature = &frame->features[i];
		uint32_t rank = hpc_feature_rank(feature, row);

		values[i] = hpt_missing();
		if (rank == feature->nvalues)
			continue;
		values[i].missing = false;
		if (feature->kind == HPC_CATEGORY)
			values[i].bytes = hpc_dictionary_entry(&feature->categories, rank,
												   &values[i].nbytes);
		else
			values[i].number = feature->values[rank];
	}
}

/* Prediction from the trees that did not see copy 0; false: there is none. */
static bool
slow_prediction(const hpc_frame *frame, const hpc_params *params,
				const hpc_model *model, const bool *empty, uint32_t row,
				long double *prediction)
{
	hpc_value values[HPT_MAX_COLUMNS];
	long double sum = 0;
	uint32_t n = 0;

	values_of(frame, row, values);
	for (uint32_t tree = 0; tree < (uint32_t) params->trees; tree++)
	{
		if (empty[tree] || slow_weight(frame, params, tree, row, 0) > 0)
			continue;
		sum += hpt_model_tree_value(model, tree, values);
		n++;
	}
	*prediction = n > 0 ? sum / n : 0;
	return n > 0;
}

static slow_oob
measure_slowly(const hpc_frame *frame, const hpc_params *params,
			   const hpc_model *model)
{
	bool *empty = calloc((size_t) params->trees, sizeof(bool));
	slow_oob oob = {0, NAN, NAN, NAN};
	long double absolute = 0;
	long double squared = 0;
	long double spread = 0;

	for (uint32_t tree = 0; tree < (uint32_t) params->trees; tree++)
		empty[tree] = bag_is_empty(frame, params, tree);
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		long double target =
			ldexpl((long double) frame->target[row], frame->target_scale);
		long double prediction;

		if (!slow_prediction(frame, params, model, empty, row, &prediction))
			continue;
		oob.nrows += frame->count[row];
		absolute += frame->count[row] * fabsl(target - prediction);
		squared +=
			frame->count[row] * (target - prediction) * (target - prediction);
		spread += frame->count[row] * (target - frame->target_mean) *
				  (target - frame->target_mean);
	}
	if (oob.nrows > 0)
	{
		oob.mae = (double) (absolute / oob.nrows);
		oob.rmse = (double) sqrtl(squared / oob.nrows);
		oob.r2 = spread > 0 ? (double) (1 - squared / spread) : NAN;
	}
	free(empty);
	return oob;
}

static bool
near(double a, double b)
{
	return (isnan(a) && isnan(b)) ||
		   fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b)) + 1e-300;
}

/* The metrics in the model are those of its trees and bags. */
static void
check_oob(const char *what, const hpt_table *table, const hpc_params *params)
{
	hpt_memory memory;
	hpt_framed framed;
	hpc_model_summary summary;
	size_t nbytes;
	hpc_model *model = hpt_table_model(&memory, table, params, 2, &nbytes);
	slow_oob oob;

	hpt_table_frame(&memory.env, table, (uint32_t) params->max_bins, &framed);
	oob = measure_slowly(framed.frame, params, model);
	hpc_model_summarize(model, &summary);
	if (!hpt_ok(summary.oob_rows == oob.nrows &&
					near(summary.oob_mae, oob.mae) &&
					near(summary.oob_rmse, oob.rmse) &&
					near(summary.oob_r2, oob.r2),
				"%s: %d rows out of bag, MAE %.6g", what, (int) oob.nrows,
				oob.mae))
		hpt_note("got %d rows, MAE %.17g, RMSE %.17g (%.17g), R2 %.17g "
				 "(%.17g)",
				 (int) summary.oob_rows, summary.oob_mae, summary.oob_rmse,
				 oob.rmse, summary.oob_r2, oob.r2);
	hpt_framed_free(&memory.env, &framed);
	hpt_release(&memory.env, model);
}

static void
check_all_oob(void)
{
	hpc_params params = hpt_params(20);
	hpt_table table;

	hpt_table_houses(&table, 400, 3);
	check_oob("bags", &table, &params);
	params.row_fraction = 0.3;
	check_oob("small bags", &table, &params);
	params.bag = false;
	check_oob("samples of rows", &table, &params);
	params.row_fraction = 1;
	check_oob("all rows in every tree", &table, &params);
	params.bag = true;
	params.trees = 1;
	check_oob("one tree", &table, &params);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = 7;
	check_oob("a constant target", &table, &params);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = (row % 7) * 2e307;
	params.trees = 5;
	check_oob("targets near the largest double", &table, &params);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = (row % 7) * 1e-300;
	check_oob("targets near the smallest", &table, &params);
	hpt_table_free(&table);
}

/* ---------- a handful of rows ---------- */

/* Whatever the bags, predictions stay between the targets. */
static void
check_tiny(uint32_t nrows)
{
	hpc_params params = hpt_params(30);
	hpt_table table;
	hpt_memory memory;
	size_t nbytes;
	hpc_model *model;
	int nwrong = 0;
	uint32_t codes[HPT_MAX_COLUMNS];

	params.min_leaf = 1;
	hpt_table_houses(&table, nrows, 4);
	check_oob("a handful of rows", &table, &params);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	for (uint32_t row = 0; row < nrows; row++)
	{
		hpc_value values[HPT_MAX_COLUMNS];
		hpc_model_summary summary;
		double predicted;

		hpt_model_values(model, &table, row, values);
		hpc_model_summarize(model, &summary);
		predicted = hpc_model_predict(model, values, codes);
		nwrong += !(predicted >= summary.target_min &&
					predicted <= summary.target_max);
	}
	hpt_ok(nwrong == 0 &&
			   hpc_model_validate(&memory.env, model, nbytes) == HPC_OK,
		   "%u rows make a model", nrows);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- cancelling and running out of memory ---------- */

static hpc_status
train_with(const hpt_table *table, const hpc_params *params, int64_t fail_at,
		   int64_t cancel_at, int64_t *nblocks)
{
	hpt_memory memory;
	hpc_result result;
	hpc_status status;

	/* a crew now and then: it idles noisily on a busy machine */
	hpt_memory_init(&memory, (fail_at + cancel_at) % 16 == 0 ? 2 : 1);
	memory.fail_at = fail_at;
	memory.cancel_at = cancel_at;
	status = hpt_table_train(&memory.env, table, params, &result);
	if (status == HPC_OK)
		hpt_release(&memory.env, result.model);
	*nblocks = memory.nblocks;
	return status;
}

/* Every check cancels: by number until none is left, or beyond max. */
static void
check_cancel(const char *what, const hpt_table *table,
			 const hpc_params *params, int64_t max)
{
	int64_t nwrong = 0;
	int64_t n = 0;
	int64_t nblocks;
	hpc_status status = HPC_CANCELLED;

	while (status == HPC_CANCELLED && n < max)
	{
		n++;
		status = train_with(table, params, 0, n, &nblocks);
		nwrong += nblocks != 0;
	}
	hpt_ok(nwrong == 0 && (status == HPC_CANCELLED || status == HPC_OK) &&
			   n > 20,
		   "%s: cancelled at each of %d checks", what, (int) n);
}

static void
check_no_memory(const char *what, const hpt_table *table,
				const hpc_params *params)
{
	int64_t nwrong = 0;
	int64_t n = 0;
	int64_t nblocks;
	hpc_status status = HPC_NO_MEMORY;

	while (status == HPC_NO_MEMORY)
	{
		n++;
		status = train_with(table, params, n, 0, &nblocks);
		nwrong += nblocks != 0;
	}
	hpt_ok(nwrong == 0 && status == HPC_OK && n > 50,
		   "%s: each of %d allocations can fail", what, (int) n - 1);
}

/* Levels by the hundred: the sets of a tree outgrow their first room. */
static void
make_levels(hpt_table *table, int nrows, uint64_t nlevels)
{
	hpt_random random = {8};

	hpt_table_init(table);
	hpt_table_column(table, "level", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(table, "noise", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (int i = 0; i < nrows; i++)
	{
		uint32_t level = (uint32_t) hpt_random_below(&random, nlevels);
		hpc_value *row =
			hpt_table_row(table, (double) (hpc_mix(level) % 1000) +
									 floor(100 * hpt_random_unit(&random)));

		row[0] = hpt_level(level);
		row[1] = hpt_number(hpt_random_unit(&random));
	}
}

static void
check_many_levels(void)
{
	hpc_params params = hpt_params(3);
	hpt_memory memory;
	hpt_table table;
	hpc_model_view view;
	size_t nbytes;
	hpc_model *model;

	params.cat_min_rows = 0;
	params.min_leaf = 1;
	params.feature_fraction = 1;
	make_levels(&table, 3000, 1000);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpc_model_open(model, &view);
	hpt_ok(view.nset_words > 3 * 4096 &&
			   hpc_model_validate(&memory.env, model, nbytes) == HPC_OK,
		   "%d words of level sets", (int) view.nset_words);
	hpt_ok(same_model(&table, &params, 2, model, nbytes),
		   "the same from 2 threads");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
	params.trees = 1;
	make_levels(&table, 1200, 500);
	check_no_memory("many levels", &table, &params);
	hpt_table_free(&table);
}

static void
check_interruptions(void)
{
	hpc_params params = hpt_params(3);
	hpt_table table;

	hpt_table_houses(&table, 150, 9);
	params.leak = HPC_LEAK_ERROR;
	check_no_memory("a small table", &table, &params);
	check_cancel("a small table", &table, &params, 1000);
	hpt_table_free(&table);
	hpt_table_numbers(&table, 2, 30, 20, 6);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] =
			floor(table.values[2 * row].number * 10) + (row % 2) / 10.0;
	check_no_memory("a near leak", &table, &params);
	check_cancel("a near leak", &table, &params, 1000);
	hpt_table_free(&table);
}

int
main(void)
{
	check_all_same_bytes();
	check_different_bytes();
	check_all_oob();
	for (uint32_t nrows = 1; nrows <= 5; nrows++)
		check_tiny(nrows);
	check_many_levels();
	check_interruptions();
	return hpt_done();
}
