/*
 * test_oob.c
 *		Out-of-bag losses in models against a twin that walks every tree and
 *		draws every bag anew.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_oob.h"
#include "hpc_random.h"
#include "hpt_sample.h"
#include "hpt_table.h"

/* Values of a row of the frame, in the order of its features. */
static void
values_of(const hpc_frame *frame, const hpt_table *table, uint32_t row,
		  hpc_value *values)
{
	uint32_t source = hpc_row_source(frame, row);

	for (int i = 0; i < frame->nfeatures; i++)
		values[i] = hpt_table_values(table, source)[frame->features[i].column];
}

typedef struct slow_oob
{
	uint64_t nrows;
	double mae;
	double rmse;
	double r2;
	double smearing;
} slow_oob;

/* Prediction from the trees that did not see copy 0; false: there is none. */
static bool
slow_prediction(const hpc_frame *frame, const hpc_params *params,
				const hpc_model *model, const bool *unfit,
				const hpc_value *values, uint32_t row, long double *prediction)
{
	long double sum = 0;
	uint32_t n = 0;

	for (uint32_t tree = 0; tree < (uint32_t) params->trees; tree++)
	{
		if (unfit[tree] || hpt_bag_draw(frame, params, tree, row, 0) > 0)
			continue;
		sum += hpt_model_tree_value(model, tree, values);
		n++;
	}
	*prediction = n > 0 ? sum / n : 0;
	return n > 0;
}

static slow_oob
measure_slowly(const hpc_frame *frame, const hpt_table *table,
			   const hpc_params *params, const hpc_model *model)
{
	bool *unfit = calloc((size_t) params->trees, sizeof(bool));
	slow_oob oob = {0, NAN, NAN, NAN, 1};
	long double weights = 0;
	long double absolute = 0;
	long double squared = 0;
	long double spread = 0;
	long double smearing = 0;

	for (uint32_t tree = 0; tree < (uint32_t) params->trees; tree++)
		unfit[tree] = hpt_bag_is_unfit(frame, params, tree);
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		long double target = table->target[hpc_row_source(frame, row)];
		long double weight = (long double) hpc_row_count(frame, row) *
							 hpc_row_weight(frame, row);
		hpc_value values[HPT_MAX_COLUMNS];
		long double prediction;

		values_of(frame, table, row, values);
		if (!slow_prediction(frame, params, model, unfit, values, row,
							 &prediction))
			continue;
		if (frame->log_target)
			prediction = expl(prediction);
		oob.nrows += hpc_row_count(frame, row);
		weights += weight;
		smearing += weight * target / prediction;
		absolute += weight * fabsl(target - prediction);
		squared += weight * (target - prediction) * (target - prediction);
		spread += weight * (target - frame->target_mean) *
				  (target - frame->target_mean);
	}
	if (oob.nrows > 0)
	{
		oob.mae = (double) (absolute / weights);
		oob.rmse = (double) sqrtl(squared / weights);
		oob.r2 = spread > 0 ? (double) (1 - squared / spread) : NAN;
		if (frame->log_target)
			oob.smearing = (double) (smearing / weights);
	}
	free(unfit);
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
	hpc_frame_log_target(&memory.env, framed.frame, params->log_target);
	oob = measure_slowly(framed.frame, table, params, model);
	hpc_model_summarize(model, &summary);
	if (!hpt_ok(summary.oob_rows == oob.nrows &&
					near(summary.oob_mae, oob.mae) &&
					near(summary.oob_rmse, oob.rmse) &&
					near(summary.oob_r2, oob.r2) &&
					near(summary.smearing, oob.smearing),
				"%s: %d rows out of bag, MAE %.6g, smearing %.6g", what,
				(int) oob.nrows, oob.mae, oob.smearing))
		hpt_note("got %d rows, MAE %.17g, RMSE %.17g (%.17g), R2 %.17g "
				 "(%.17g), smearing %.17g",
				 (int) summary.oob_rows, summary.oob_mae, summary.oob_rmse,
				 oob.rmse, summary.oob_r2, oob.r2, summary.smearing);
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
	params.log_target = 1;
	check_oob("logarithms", &table, &params);
	hpt_table_weigh(&table, 4);
	check_oob("logarithms with weights", &table, &params);
	params.log_target = 0;
	check_oob("weights", &table, &params);
	params.row_fraction = 0.3;
	check_oob("small bags", &table, &params);
	params.bag = false;
	check_oob("samples of rows", &table, &params);
	params.algorithm = HPC_EXTRA_TREES;
	check_oob("extra trees", &table, &params);
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

static void
check_tiny(hpc_algorithm algorithm, bool weights)
{
	hpc_params params = hpt_params(30);
	hpt_table table;

	params.algorithm = algorithm;
	params.min_leaf = 1;
	for (uint32_t nrows = 1; nrows <= 5; nrows++)
	{
		hpt_table_houses(&table, nrows, 4);
		if (weights)
			hpt_table_weigh(&table, nrows);
		check_oob("a handful of rows", &table, &params);
		hpt_table_free(&table);
	}
}

int
main(void)
{
	check_all_oob();
	check_tiny(HPC_FOREST, false);
	check_tiny(HPC_FOREST, true);
	check_tiny(HPC_EXTRA_TREES, true);
	return hpt_done();
}
