/*
 * test_predict.c
 *		Predictions against a walk through the nodes by value, on rows of the
 *		training and on rows it never saw.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "hpc_model.h"
#include "hpt_table.h"

/* ---------- against the slow walk ---------- */

/* Mean of the trees, as distances from the first, added in their order. */
static double
slow_prediction(const hpc_model *model, const hpc_value *values)
{
	double first = hpt_model_tree_value(model, 0, values);
	hpc_model_summary summary;
	double sum = 0;

	hpc_model_summarize(model, &summary);
	for (uint32_t tree = 1; tree < summary.ntrees; tree++)
		sum += hpt_model_tree_value(model, tree, values) - first;
	return first + sum / summary.ntrees;
}

static bool
same_prediction(const hpc_model *model, const hpc_value *values)
{
	uint32_t codes[HPT_MAX_COLUMNS];
	double fast = hpc_model_predict(model, values, codes);
	double slow = slow_prediction(model, values);

	return memcmp(&fast, &slow, sizeof(fast)) == 0;
}

/* A value that training may never have met. */
static hpc_value
strange_value(hpt_random *random, const hpc_model_feature *feature)
{
	static const double numbers[] = {0,       -0.0,   1,        -1e300,
									 DBL_MAX, 5e-324, INFINITY, -INFINITY,
									 NAN,     -NAN};
	static const char text[] = "\xff\xfe never seen, and rather long";
	hpc_value value = hpt_missing();

	if (hpt_random_below(random, 5) == 0)
		return value;
	value.missing = false;
	if (feature->kind == HPC_CATEGORY)
	{
		if (hpt_random_below(random, 2) == 0)
			return hpt_level((uint32_t) hpt_random_below(random, 100));
		value.bytes = text;
		value.nbytes = (uint32_t) hpt_random_below(random, sizeof(text));
	}
	else if (hpt_random_below(random, 2) == 0)
		value.number = numbers[hpt_random_below(random, 10)];
	else
		value.number = feature->min + (feature->max - feature->min) * 1.2 *
										  hpt_random_unit(random);
	return value;
}

static void
strange_row(hpt_random *random, const hpc_model *model, hpc_value *values)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	for (int i = 0; i < summary.nfeatures; i++)
	{
		hpc_model_feature feature;

		hpc_model_feature_at(model, i, &feature);
		values[i] = strange_value(random, &feature);
	}
}

/* At a threshold exactly, and at the doubles beside it. */
static int
count_wrong_at_thresholds(const hpc_model *model, const hpc_value *like)
{
	hpc_model_view view;
	hpc_value values[HPT_MAX_COLUMNS];
	int nwrong = 0;

	hpc_model_open(model, &view);
	memcpy(values, like, view.nfeatures * sizeof(hpc_value));
	for (uint32_t i = 0; i < view.nfeatures; i++)
	{
		const hpc_feature_record *feature = &view.features[i];
		uint32_t step = feature->nthresholds / 50 + 1;

		for (uint32_t j = 0; j < feature->nthresholds; j += step)
		{
			double t = view.thresholds[feature->first_threshold + j];

			values[i] = hpt_number(t);
			nwrong += !same_prediction(model, values);
			values[i] = hpt_number(nextafter(t, -INFINITY));
			nwrong += !same_prediction(model, values);
			values[i] = hpt_number(nextafter(t, INFINITY));
			nwrong += !same_prediction(model, values);
		}
		values[i] = like[i];
	}
	return nwrong;
}

static void
check_walks(const char *what, const hpc_params *params)
{
	hpt_random random = {17};
	hpt_memory memory;
	hpt_table table;
	hpc_value values[HPT_MAX_COLUMNS];
	size_t nbytes;
	hpc_model *model;
	int nwrong = 0;

	hpt_table_houses(&table, 500, 11);
	model = hpt_table_model(&memory, &table, params, 1, &nbytes);
	for (uint32_t row = 0; row < table.nrows; row++)
	{
		hpt_model_values(model, &table, row, values);
		nwrong += !same_prediction(model, values);
	}
	hpt_ok(nwrong == 0, "%s: rows of the training", what);
	nwrong = count_wrong_at_thresholds(model, values);
	hpt_ok(nwrong == 0, "%s: at and beside thresholds", what);
	for (int i = 0; i < 3000; i++)
	{
		strange_row(&random, model, values);
		nwrong += !same_prediction(model, values);
	}
	hpt_ok(nwrong == 0, "%s: rows never seen", what);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- rules that can be told from outside ---------- */

/* A fully grown tree of all rows gives every training row its own target. */
static void
check_memory_of_rows(void)
{
	hpc_params params = hpt_params(3);
	hpt_memory memory;
	hpt_table table;
	hpc_value values[HPT_MAX_COLUMNS];
	uint32_t codes[HPT_MAX_COLUMNS];
	size_t nbytes;
	hpc_model *model;
	int nwrong = 0;

	params.bag = false;
	params.min_leaf = 1;
	hpt_table_houses(&table, 400, 12);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	for (uint32_t row = 0; row < table.nrows; row++)
	{
		hpt_model_values(model, &table, row, values);
		nwrong += hpc_model_predict(model, values, codes) != table.target[row];
	}
	hpt_ok(nwrong == 0, "full trees know every row to the bit");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

static double
predict_one(const hpc_model *model, hpc_value value)
{
	uint32_t code;

	return hpc_model_predict(model, &value, &code);
}

/* What was never seen goes where missing goes. */
static void
check_unseen(void)
{
	hpc_params params = hpt_params(1);
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;

	params.bag = false;
	params.min_leaf = 1;
	params.cat_min_rows = 0;
	params.cat_smooth = 0;
	hpt_table_init(&table);
	hpt_table_column(&table, "t", HPC_CATEGORY, HPC_STORE_CODE);
	for (int i = 0; i < 30; i++)
	{
		hpc_value *row = hpt_table_row(&table, i % 3);

		if (i % 3 < 2)
			row[0] = hpt_level((uint32_t) i % 3);
	}
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpt_ok(predict_one(model, hpt_level(0)) == 0 &&
			   predict_one(model, hpt_level(1)) == 1 &&
			   predict_one(model, hpt_missing()) == 2,
		   "levels and missing have their own ways");
	hpt_ok(predict_one(model, hpt_level(2)) == 2 &&
			   predict_one(model, (hpc_value){.bytes = "", .nbytes = 0}) == 2,
		   "a level never seen goes where missing goes");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* Where training had no missing value, it goes to the larger child. */
static void
check_larger_child(void)
{
	hpc_params params = hpt_params(1);
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;

	params.bag = false;
	params.min_leaf = 1;
	for (int small = 0; small < 2; small++)
	{
		hpt_table_init(&table);
		hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_DOUBLE);
		for (int i = 0; i < 30; i++)
		{
			bool high = i < (small == 0 ? 20 : 10);

			hpt_table_row(&table, high)[0] = hpt_number(high ? 10 : 0);
		}
		model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
		hpt_ok(predict_one(model, hpt_missing()) == (small == 0) &&
				   predict_one(model, hpt_number(NAN)) == (small == 0),
			   "missing and NaN go to the larger child, %s",
			   small == 0 ? "on the right" : "on the left");
		hpt_ok(predict_one(model, hpt_number(5)) == 0 &&
				   predict_one(model, hpt_number(nextafter(5, 6))) == 1 &&
				   predict_one(model, hpt_number(INFINITY)) == 1 &&
				   predict_one(model, hpt_number(-INFINITY)) == 0,
			   "a value at the threshold goes left, beyond it right");
		hpt_release(&memory.env, model);
		hpt_table_free(&table);
	}
}

static void
check_mean(void)
{
	hpc_params params;
	hpt_memory memory;
	hpt_table table;
	hpc_value values[HPT_MAX_COLUMNS];
	uint32_t codes[HPT_MAX_COLUMNS];
	size_t nbytes;
	hpc_model *model;
	double sum = 0;

	hpc_params_init(&params, HPC_MEAN);
	hpt_table_houses(&table, 256, 13);
	for (uint32_t row = 0; row < table.nrows; row++)
		sum += table.target[row];
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpt_model_values(model, &table, 5, values);
	hpt_same_bits(hpc_model_predict(model, values, codes), sum / 256,
				  "the mean is the mean");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* Leaves whose sum, or whose distance, is beyond the largest double. */
static void
check_huge_leaves(void)
{
	hpc_params params = hpt_params(7);
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	double mean = 0;
	double predicted;

	params.min_leaf = 1;
	hpt_table_numbers(&table, 1, 20, 20, 14);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = DBL_MAX;
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpt_same_bits(predict_one(model, hpt_number(1)), DBL_MAX,
				  "the mean of the largest doubles is the largest double");
	hpt_release(&memory.env, model);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = row % 2 == 0 ? DBL_MAX : -DBL_MAX;
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	for (uint32_t tree = 0; tree < 7; tree++)
		mean += hpt_model_tree_value(model, tree, table.values) / 7;
	predicted = predict_one(model, table.values[0]);
	hpt_ok(fabs(predicted - mean) <= fabs(mean) * 1e-12 + DBL_MAX * 1e-15,
		   "so is the mean of leaves far apart (%g)", predicted);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- hashes of rows ---------- */

/* The hashes of the training rows add up to the model's data digest. */
static void
check_row_hashes(void)
{
	hpc_params params = hpt_params(1);
	hpt_memory memory;
	hpt_table table;
	hpc_value values[HPT_MAX_COLUMNS];
	hpc_model_summary summary;
	hpc_set_digest set = {0};
	hpc_digest digest;
	size_t nbytes;
	hpc_model *model;

	hpt_table_houses(&table, 300, 15);
	/* zeros of either sign and NaN, as the model sees them */
	table.values[1].number = -0.0;
	table.values[6] = hpt_number(NAN);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	for (uint32_t row = 0; row < table.nrows; row++)
	{
		hpt_model_values(model, &table, row, values);
		hpc_set_digest_add(&set, hpc_model_row_hash(model, values,
													table.target[row]));
	}
	digest = hpc_set_digest_end(&set);
	hpc_model_summarize(model, &summary);
	hpt_ok(memcmp(&digest, &summary.data_digest, sizeof(digest)) == 0,
		   "row hashes add up to the data digest");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

int
main(void)
{
	hpc_params params = hpt_params(10);

	check_walks("forest", &params);
	params.min_leaf = 1;
	params.cat_min_rows = 0;
	check_walks("full trees", &params);
	params.max_bins = 8;
	params.max_leaves = 12;
	check_walks("small trees", &params);
	check_memory_of_rows();
	check_unseen();
	check_larger_child();
	check_mean();
	check_huge_leaves();
	check_row_hashes();
	return hpt_done();
}
