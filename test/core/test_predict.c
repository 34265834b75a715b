/*
 * test_predict.c
 *		Predictions against a walk through the nodes by value, on rows of the
 *		training and on rows it never saw; what linear models, sums and blends
 *		promise.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_table.h"

/* ---------- against the slow walk ---------- */

/* A model and what the core makes of it to predict many rows. */
typedef struct ways
{
	hpt_memory memory;
	const hpc_model *model;
	hpc_predictor *predictor;
} ways;

static void
ways_init(ways *w, const hpc_model *model)
{
	hpt_memory_init(&w->memory, 1);
	w->model = model;
	if (hpc_predictor_create(&w->memory.env, model, &w->predictor) != HPC_OK)
		abort();
}

static void
ways_free(ways *w)
{
	hpc_predictor_free(&w->memory.env, w->predictor);
	if (w->memory.nblocks != 0)
		abort();
}

static bool
same_prediction(const ways *w, const hpc_value *values)
{
	uint32_t codes[HPT_MAX_COLUMNS];
	double fast = hpc_predictor_predict(w->predictor, w->model, values, codes);
	double walked = hpc_model_predict(w->model, values, codes);
	double slow = hpt_model_slow_predict(w->model, values);

	return w->predictor != NULL && memcmp(&fast, &slow, sizeof(fast)) == 0 &&
		   memcmp(&walked, &slow, sizeof(walked)) == 0;
}

/* At a threshold exactly, and at the doubles beside it. */
static int
count_wrong_at_thresholds(const ways *w, const hpc_value *like)
{
	hpc_model_view view;
	hpc_value values[HPT_MAX_COLUMNS];
	int nwrong = 0;

	hpc_model_open(w->model, &view);
	memcpy(values, like, view.nfeatures * sizeof(hpc_value));
	for (uint32_t i = 0; i < view.nfeatures; i++)
	{
		const hpc_feature_record *feature = &view.features[i];
		uint32_t step = feature->nthresholds / 50 + 1;

		for (uint32_t j = 0; j < feature->nthresholds; j += step)
		{
			double t = view.thresholds[feature->first_threshold + j];

			values[i] = hpt_number(t);
			nwrong += !same_prediction(w, values);
			values[i] = hpt_number(nextafter(t, -INFINITY));
			nwrong += !same_prediction(w, values);
			values[i] = hpt_number(nextafter(t, INFINITY));
			nwrong += !same_prediction(w, values);
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
	ways w;
	int nwrong = 0;

	hpt_table_houses(&table, 500, 11);
	model = hpt_table_model(&memory, &table, params, 1, &nbytes);
	ways_init(&w, model);
	for (uint32_t row = 0; row < table.nrows; row++)
	{
		hpt_model_values(model, &table, row, values);
		nwrong += !same_prediction(&w, values);
	}
	hpt_ok(nwrong == 0, "%s: rows of the training", what);
	nwrong = count_wrong_at_thresholds(&w, values);
	hpt_ok(nwrong == 0, "%s: at and beside thresholds", what);
	for (int i = 0; i < 3000; i++)
	{
		hpt_strange_row(&random, model, values);
		nwrong += !same_prediction(&w, values);
	}
	hpt_ok(nwrong == 0, "%s: rows never seen", what);
	ways_free(&w);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* A blend of logarithms takes one more logarithm the slow way. */
static bool
near_prediction(const ways *w, const hpc_value *values)
{
	uint32_t codes[HPT_MAX_COLUMNS];
	double fast = hpc_predictor_predict(w->predictor, w->model, values, codes);
	double walked = hpc_model_predict(w->model, values, codes);
	double slow = hpt_model_slow_predict(w->model, values);

	return fast == walked && fabs(fast - slow) <= 1e-13 * fabs(slow);
}

/* One model of each sort, on rows likely and strange. */
static void
check_hand_made(void)
{
	hpt_random random = {23};
	hpc_value values[HPT_MAX_COLUMNS];

	for (int which = 0; which < HPT_HAND_MODELS; which++)
	{
		const char *name = NULL;
		int nwrong = 0;

		for (uint64_t seed = 0; seed < 20; seed++)
		{
			size_t nbytes;
			hpc_model *model = hpt_hand_sample(which, seed, &nbytes, &name);
			hpc_model_summary summary;
			ways w;

			ways_init(&w, model);
			hpc_model_summarize(model, &summary);
			for (int i = 0; i < 500; i++)
			{
				hpt_strange_row(&random, model, values);
				nwrong += summary.nmembers > 0 && summary.log_scale
							  ? !near_prediction(&w, values)
							  : !same_prediction(&w, values);
			}
			if (summary.ntrees > 0)
				nwrong += count_wrong_at_thresholds(&w, values);
			ways_free(&w);
			free(model);
		}
		hpt_ok(nwrong == 0, "%s: as by value, one value at a time", name);
	}
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

/* ---------- no prediction is infinite ---------- */

/* A model of trees of one leaf, on a base. */
static hpc_model *
model_of_leaves(hpt_hand *hand, double base, const double *leaves,
				uint32_t nleaves)
{
	const hpc_texts texts = {NULL, NULL, NULL, NULL};
	hpc_env *env = &hand->memory.env;
	hpc_training_record record = {.smearing = 10};
	hpc_params params;
	hpc_writer *writer = hpc_writer_create(env, &hand->frame);
	void *model = NULL;
	size_t nbytes;

	hpc_params_init(&params, HPC_BOOST);
	params.retransform = HPC_RETRANSFORM_MEAN;
	hpc_model_record_params(&params, &record);
	hpc_writer_set_base(writer, base);
	for (uint32_t i = 0; i < nleaves; i++)
	{
		hpt_hand_grow(hand, 1);
		hand->tree.nodes[0].value = leaves[i];
		hpc_writer_add_tree(env, writer, &hand->tree);
	}
	hpc_writer_finish(env, writer, &record, &texts, &model, &nbytes);
	hpc_writer_free(env, writer);
	return model;
}

static double
predict_leaves(double base, double leaf1, double leaf2, bool log_target)
{
	const double leaves[2] = {leaf1, leaf2};
	hpc_value values[HPT_HAND_FEATURES] = {{0}};
	uint32_t codes[HPT_HAND_FEATURES];
	hpt_hand hand;
	hpc_model *model;
	double predicted;

	hpt_hand_init(&hand, 1);
	for (int i = 0; i < HPT_HAND_FEATURES; i++)
		values[i] = hpt_missing();
	hand.frame.log_target = log_target;
	model = model_of_leaves(&hand, base, leaves, 2);
	hpt_ok(hpc_model_validate(&hand.memory.env, model, model->nbytes) ==
			   HPC_OK,
		   "a model of leaves is valid");
	predicted = hpc_model_predict(model, values, codes);
	hpt_hand_release(&hand, model);
	hpt_hand_free(&hand);
	return predicted;
}

static void
check_overflow(void)
{
	hpt_same_bits(predict_leaves(DBL_MAX, DBL_MAX, DBL_MAX, false), DBL_MAX,
				  "a sum beyond the largest double");
	hpt_same_bits(predict_leaves(-DBL_MAX, -DBL_MAX, -1, false), -DBL_MAX,
				  "and below the least");
	hpt_same_bits(predict_leaves(DBL_MAX, DBL_MAX, -DBL_MAX, false), DBL_MAX,
				  "a sum that overflows only on the way");
	hpt_same_bits(predict_leaves(700, 5, 5, true), DBL_MAX,
				  "an exponential beyond the largest double");
	hpt_same_bits(predict_leaves(709, 0, 0, true), DBL_MAX,
				  "a smearing factor beyond it");
	hpt_same_bits(predict_leaves(-1e300, 1, 1, true), 0,
				  "the exponential of almost nothing");
	hpt_same_bits(predict_leaves(1, 2, 3, true), hpc_exp(6) * 10,
				  "the mean is the median times the smearing factor");
}

/* Members whose sum, or whose distance, is beyond the largest double. */
static void
check_huge_members(void)
{
	static const double leaf[3][2] = {{DBL_MAX, DBL_MAX},
									  {DBL_MAX, -DBL_MAX},
									  {-DBL_MAX, -DBL_MAX}};
	static const double expected[3] = {DBL_MAX, 0, -DBL_MAX};
	const hpc_texts texts = {NULL, NULL, NULL, NULL};
	hpc_training_record record = {.algorithm = HPC_BLEND};

	for (int i = 0; i < 3; i++)
	{
		hpc_value values[HPT_HAND_FEATURES];
		uint32_t codes[HPT_HAND_FEATURES];
		void *members[2];
		void *model = NULL;
		size_t nbytes;
		hpt_hand hand;

		hpt_hand_init(&hand, 1);
		for (int j = 0; j < HPT_HAND_FEATURES; j++)
			values[j] = hpt_missing();
		for (int j = 0; j < 2; j++)
			members[j] = model_of_leaves(&hand, 0, &leaf[i][j], 1);
		hpc_model_blend(&hand.memory.env, &record, &texts, &hand.frame,
						(const void *const *) members, 2, NULL, NULL, &model,
						&nbytes);
		hpt_same_bits(hpc_model_predict(model, values, codes), expected[i],
					  "the mean of huge members is within them");
		for (int j = 0; j < 2; j++)
			hpt_hand_release(&hand, members[j]);
		hpt_hand_release(&hand, model);
		hpt_hand_free(&hand);
	}
}

/* ---------- a linear model by its rules ---------- */

/* The contribution of "area" alone; every other term is 0. */
static double
linear_of(const hpc_linear_term *area, hpc_value value)
{
	const hpc_texts texts = {NULL, NULL, NULL, NULL};
	hpc_linear_term terms[HPT_HAND_FEATURES] = {*area};
	const double levels[200] = {0};
	const double gain[HPT_HAND_FEATURES] = {1};
	hpc_value values[HPT_HAND_FEATURES];
	uint32_t codes[HPT_HAND_FEATURES];
	hpc_training_record record = {0};
	hpc_params params;
	hpt_hand hand;
	hpc_writer *writer;
	void *model = NULL;
	size_t nbytes;
	double predicted;

	hpc_params_init(&params, HPC_LINEAR);
	hpc_model_record_params(&params, &record);
	hpt_hand_init(&hand, 1);
	writer = hpc_writer_create(&hand.memory.env, &hand.frame);
	hpc_writer_set_base(writer, 100);
	hpc_writer_set_linear(&hand.memory.env, writer, terms, levels, 73, gain);
	hpc_writer_finish(&hand.memory.env, writer, &record, &texts, &model,
					  &nbytes);
	hpc_writer_free(&hand.memory.env, writer);
	for (int i = 0; i < HPT_HAND_FEATURES; i++)
		values[i] = hpt_missing();
	values[0] = value;
	predicted = hpc_model_predict(model, values, codes);
	hpt_hand_release(&hand, model);
	hpt_hand_free(&hand);
	return predicted;
}

static void
check_linear(void)
{
	hpc_linear_term area = {.fill = 20,
							.low = 10,
							.high = 30,
							.center = 16,
							.coefficient = 2,
							.missing = 7};

	hpt_same_bits(linear_of(&area, hpt_number(18)), 104, "within the range");
	hpt_same_bits(linear_of(&area, hpt_number(1e9)), 128, "clipped above");
	hpt_same_bits(linear_of(&area, hpt_number(-INFINITY)), 88,
				  "clipped below");
	hpt_same_bits(linear_of(&area, hpt_missing()), 115,
				  "missing: the fill, and its own");
	hpt_same_bits(linear_of(&area, hpt_number(NAN)), 115, "NaN is missing");
	area.log1p = 1;
	area.center = 0;
	hpt_same_bits(linear_of(&area, hpt_number(12)), 100 + 2 * hpc_log1p(12),
				  "by its logarithm");
}

/* ---------- hashes of rows ---------- */

/* A weight of 1 is as none; others count. */
static void
check_weight_hashes(void)
{
	const char *name;
	size_t nbytes;
	hpc_model *model = hpt_hand_sample(1, 1, &nbytes, &name);
	hpt_random random = {3};
	hpc_value values[HPT_MAX_COLUMNS];
	hpc_hash plain;
	hpc_hash half;
	hpc_hash weighted;

	hpt_strange_row(&random, model, values);
	plain = hpc_model_row_hash(model, values, 5, 1);
	half = hpc_model_row_hash(model, values, 5, 0.5);
	weighted = hpc_hash_weight(plain, 0.5);
	hpt_ok(half.low == weighted.low && half.high == weighted.high &&
			   half.low != plain.low,
		   "the weight of a row is part of its hash");
	free(model);
}

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
													table.target[row], 1));
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
	check_hand_made();
	check_overflow();
	check_huge_members();
	check_linear();
	check_weight_hashes();
	return hpt_done();
}
