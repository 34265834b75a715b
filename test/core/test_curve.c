/*
 * test_curve.c
 *		The error of the first trees of a model, against twins that predict
 *		each row anew for each point.
 */
#include <math.h>
#include <string.h>

#include "hpc_model.h"
#include "hpc_random.h"
#include "hpt_table.h"

/* From the learned scale to that of the target. */
static double
answer_of(const hpc_model_summary *summary, double raw)
{
	if (!summary->log_scale)
		return raw;
	return exp(raw) * (summary->params.retransform == HPC_RETRANSFORM_MEAN
						   ? summary->smearing
						   : 1);
}

/* Is the row outside the bag of a tree? */
static bool
is_outside(const hpc_model *model, const hpc_value *values, double target,
		   double weight, uint32_t tree)
{
	hpc_hash hash = hpc_model_row_hash(model, values, target, weight);
	hpc_model_view view;
	hpc_params params;
	hpc_bag_rule rule;
	hpc_tree_key key;

	hpc_model_open(model, &view);
	hpc_model_recorded_params(view.training, &params);
	hpc_bag_rule_init(&rule, &params);
	key = hpc_model_tree_key(&view, tree);
	return hpc_bag_draw(&rule, hpc_bag_stream(&rule, key.seed, key.number),
						hpc_copy_key(hpc_row_key(hash), 0)) == 0;
}

/* What the first ntrees trees say; false: none of them may. */
static bool
slow_answer(const hpc_model *model, const hpt_table *table, uint32_t row,
			uint32_t ntrees, bool oob, double *answer)
{
	hpc_value values[HPT_MAX_COLUMNS];
	hpc_model_summary summary;
	long double sum = 0;
	uint32_t n = 0;

	hpc_model_summarize(model, &summary);
	hpt_model_values(model, table, row, values);
	for (uint32_t tree = 0; tree < ntrees; tree++)
	{
		if (oob && !is_outside(model, values, table->target[row],
							   table->weight[row], tree))
			continue;
		sum += hpt_model_tree_value(model, tree, values);
		n++;
	}
	if (n == 0)
		return false;
	if (summary.algorithm == HPC_BOOST)
		sum += summary.base;
	else
		sum /= n;
	*answer = answer_of(&summary, (double) sum);
	return true;
}

static bool
same_point(const hpc_curve *curve, int point, const hpc_model *model,
		   const hpt_table *table, bool oob)
{
	long double sum = 0;
	uint64_t n = 0;
	double error;

	for (uint32_t row = 0; row < table->nrows; row++)
	{
		double answer;

		if (!slow_answer(model, table, row, curve->ntrees[point], oob,
						 &answer))
			continue;
		sum += fabsl((long double) table->target[row] - answer);
		n++;
	}
	error = hpc_curve_error(curve, point);
	if (n == 0)
		return isnan(error) && curve->nrows[point] == 0;
	return curve->nrows[point] == n &&
		   fabs(error - (double) (sum / n)) <= 1e-9 * fabs(error);
}

static void
fill_curve(hpc_curve *curve, const hpc_model *model, const hpt_table *table,
		   bool oob, bool backwards)
{
	hpc_value values[HPT_MAX_COLUMNS];
	uint32_t codes[HPT_MAX_COLUMNS];

	for (uint32_t i = 0; i < table->nrows; i++)
	{
		uint32_t row = backwards ? table->nrows - 1 - i : i;

		hpt_model_values(model, table, row, values);
		if (oob)
			hpc_curve_add_oob(curve, model, values, table->target[row],
							  table->weight[row], codes);
		else
			hpc_curve_add(curve, model, values, table->target[row], codes);
	}
}

/* The last point is the model's own error, to the bit. */
static double
own_error(const hpc_model *model, const hpt_table *table, bool oob)
{
	hpc_value values[HPT_MAX_COLUMNS];
	uint32_t codes[HPT_MAX_COLUMNS];
	uint64_t n = 0;
	hpc_sum sum;

	hpc_sum_init(&sum);
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		double target = table->target[row];
		double answer;

		hpt_model_values(model, table, row, values);
		if (!oob)
			answer = hpc_model_predict(model, values, codes);
		else if (!hpc_model_predict_oob(model, values, target,
										table->weight[row], codes, &answer))
			continue;
		hpc_sum_add(&sum, fabs(target - answer));
		n++;
	}
	return hpc_sum_round(&sum) / (double) n;
}

static void
check_curve(const char *what, const hpt_table *table, const hpc_params *params,
			bool oob)
{
	hpt_memory memory;
	size_t nbytes;
	hpc_model *model = hpt_table_model(&memory, table, params, 2, &nbytes);
	hpc_curve curve;
	hpc_curve backwards;
	int nwrong = 0;
	bool any = hpc_curve_init(&curve, model);
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	hpt_ok(any && curve.npoints >= 2 && curve.ntrees[0] == 1 &&
			   curve.ntrees[curve.npoints - 1] == summary.ntrees,
		   "%s: a curve from one tree to all", what);
	fill_curve(&curve, model, table, oob, false);
	for (int i = 0; i < curve.npoints; i++)
		nwrong += (i > 0 && curve.ntrees[i] <= curve.ntrees[i - 1]) ||
				  !same_point(&curve, i, model, table, oob);
	hpt_ok(nwrong == 0, "%s: each of %d points", what, curve.npoints);
	hpt_same_bits(hpc_curve_error(&curve, curve.npoints - 1),
				  own_error(model, table, oob), what);
	hpc_curve_init(&backwards, model);
	fill_curve(&backwards, model, table, oob, true);
	nwrong = 0;
	for (int i = 0; i < curve.npoints; i++)
	{
		double a = hpc_curve_error(&curve, i);
		double b = hpc_curve_error(&backwards, i);

		nwrong += memcmp(&a, &b, sizeof(a)) != 0;
	}
	hpt_ok(nwrong == 0, "%s: whatever the order of the rows", what);
	hpt_release(&memory.env, model);
}

static void
check_curves(void)
{
	hpc_params params = hpt_params(40);
	hpt_table table;

	hpt_table_houses(&table, 300, 5);
	check_curve("a forest", &table, &params, false);
	check_curve("a forest out of bag", &table, &params, true);
	params.log_target = 1;
	params.retransform = HPC_RETRANSFORM_MEAN;
	check_curve("logarithms, brought back to the mean", &table, &params,
				false);
	hpt_table_weigh(&table, 4);
	check_curve("weights, out of bag", &table, &params, true);
	params.trees = 2;
	check_curve("two trees", &table, &params, true);
	params.algorithm = HPC_BOOST;
	params.rounds = 300; /* more than are walked at once */
	params.early_stopping = false;
	check_curve("boosting", &table, &params, false);
	hpt_table_free(&table);
}

/* Errors of which the sum would overflow are infinite, and never NaN. */
static void
check_large(void)
{
	hpc_params params = hpt_params(8);
	hpt_memory memory;
	hpc_curve curve;
	hpt_table table;
	hpc_model *model;
	size_t nbytes;
	int nwrong = 0;

	hpt_table_houses(&table, 60, 5);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = (row % 2) * 3e307;
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpc_curve_init(&curve, model);
	fill_curve(&curve, model, &table, false, false);
	for (int i = 0; i < curve.npoints; i++)
		nwrong += !(hpc_curve_error(&curve, i) >= 0);
	hpt_ok(nwrong == 0, "targets near the largest double");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

static void
check_none(hpc_algorithm algorithm, const char *what)
{
	hpc_params params = hpt_params(1);
	hpt_memory memory;
	hpc_curve curve;
	hpt_table table;
	hpc_model *model;
	size_t nbytes;

	params.algorithm = algorithm;
	hpt_table_houses(&table, 60, 5);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpt_ok(!hpc_curve_init(&curve, model), "no curve of %s", what);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

int
main(void)
{
	check_curves();
	check_large();
	check_none(HPC_FOREST, "one tree");
	check_none(HPC_LINEAR, "a linear model");
	check_none(HPC_MEAN, "the mean");
	return hpt_done();
}
