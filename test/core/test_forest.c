/*
 * test_forest.c
 *		Whole forests: every tree against a twin grown the slow way on a bag
 *		drawn the slow way, the same bytes whatever the order of rows and the
 *		number of threads, weights, tiny tables, cancelling, and running out
 *		of memory.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_chance.h"
#include "hpc_fixed.h"
#include "hpc_forest.h"
#include "hpc_memory.h"
#include "hpc_random.h"
#include "hpt_table.h"
#include "hpt_twin.h"

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
check_same_bytes(const char *what, const hpc_params *params, bool weights)
{
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;

	/* so large that threads share the trees */
	hpt_table_houses(&table, 3000, 1);
	if (weights)
		hpt_table_weigh(&table, 2);
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

	check_same_bytes("a forest", &params, false);
	check_same_bytes("weights", &params, true);
	params.bag = false;
	params.row_fraction = 0.5;
	check_same_bytes("half the rows", &params, false);
	params.bag = true;
	params.max_leaves = 20;
	check_same_bytes("best first", &params, false);
	params.algorithm = HPC_EXTRA_TREES;
	check_same_bytes("extra trees, best first", &params, true);
	params.max_leaves = 0;
	params.max_bins = 16;
	params.features = 2;
	check_same_bytes("extra trees in 16 bins", &params, false);
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
	hpt_table_repeat(&table, 0);
	hpt_ok(!same_model(&table, &params, 1, model, nbytes),
		   "another copy of a row, another model");
	table.nrows--;
	hpt_ok(same_model(&table, &params, 1, model, nbytes),
		   "without them the same");
	table.weight[7] = 2;
	hpt_ok(!same_model(&table, &params, 1, model, nbytes),
		   "another weight, another model");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- trees, the slow way ---------- */

static void
draw_sample(const hpc_frame *frame, const hpc_params *params,
			const hpc_fixed *fixed, uint64_t tree, hpt_sample *sample)
{
	bool all = hpt_bag_is_unfit(frame, params, tree);

	sample->nrows = 0;
	sample->pure_value = frame->target;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint64_t count = all ? hpc_row_count(frame, row)
							 : hpt_bag_count(frame, params, tree, row);
		uint64_t weight = count * hpc_fixed_weight(fixed, frame, row);
		int64_t q = hpc_fixed_target(fixed, frame->target[row]);

		sample->held[row] = (hpc_total){q * (int64_t) weight, weight, count};
		if (count > 0)
			sample->rows[sample->nrows++] = row;
	}
}

static hpc_grow_rules
rules_of(const hpc_frame *frame, const hpc_params *params,
		 const hpc_fixed *fixed, const int8_t *signs, const double *chance)
{
	double tried =
		params->features > 0
			? (double) params->features
			: floor(params->feature_fraction * frame->nfeatures + 0.5);

	return (
		hpc_grow_rules){.min_leaf = (uint64_t) params->min_leaf,
						.cat_smooth = params->cat_smooth,
						.cat_min_rows = params->cat_min_rows,
						.max_depth = (uint32_t) params->max_depth,
						.max_leaves = (uint32_t) params->max_leaves,
						.nfeatures_tried =
							(int) fmax(1,
									   fmin(tried, (double) frame->nfeatures)),
						.random_cuts = params->algorithm == HPC_EXTRA_TREES,
						.monotone = signs,
						.chance = chance,
						.weight_unit = fixed->weight_unit};
}

/* Mean of the targets in a leaf, within its bounds. */
static long double
leaf_mean(const hpc_frame *frame, const hpc_fixed *fixed,
		  const hpt_sample *sample, const hpt_twin_node *leaf)
{
	long double center = ldexpl((long double) fixed->center, fixed->step);
	long double mean = 0;

	for (uint32_t i = 0; i < leaf->nrows; i++)
		mean += (long double) sample->held[leaf->rows[i]].weight *
				frame->target[leaf->rows[i]];
	mean /= leaf->total.weight;
	mean = fmaxl(mean, center + ldexpl(leaf->lower, fixed->step));
	return fminl(mean, center + ldexpl(leaf->upper, fixed->step));
}

/* Values of a row of the frame, in the order of its features. */
static void
values_of(const hpc_frame *frame, const hpt_table *table, uint32_t row,
		  hpc_value *values)
{
	uint32_t source = hpc_row_source(frame, row);

	for (int i = 0; i < frame->nfeatures; i++)
		values[i] = hpt_table_values(table, source)[frame->features[i].column];
}

/* Rows for which a tree of the model does not predict what it should. */
static uint32_t
count_wrong_values(const hpc_frame *frame, const hpt_table *table,
				   const hpc_fixed *fixed, const hpt_sample *sample,
				   const hpt_twin *twin, const hpc_model *model, uint32_t tree)
{
	uint32_t nwrong = 0;

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		hpc_value values[HPT_MAX_COLUMNS];
		long double expected =
			leaf_mean(frame, fixed, sample, hpt_twin_leaf(twin, row));
		double found;

		values_of(frame, table, row, values);
		found = hpt_model_tree_value(model, tree, values);
		nwrong += !(fabsl(found - expected) <=
					1e-12L * (fabsl(expected) + fabsl(frame->target_max)));
	}
	return nwrong;
}

/* Adds what the splits of a tree gained, by feature. */
static void
add_gains(const hpt_twin *twin, double *gains, uint32_t *nsplits)
{
	for (uint32_t i = 0; i < twin->nnodes; i++)
	{
		const hpt_twin_node *node = &twin->nodes[i];

		if (node->left == 0)
			continue;
		gains[node->feature] += node->gain;
		nsplits[node->feature]++;
	}
}

/* Features have the shares of the gains that the twins say. */
static bool
gains_are_right(const hpc_model *model, int nfeatures, const double *gains,
				const uint32_t *nsplits)
{
	double all = 0;
	double expected = 0;
	bool right = true;

	for (int i = 0; i < nfeatures; i++)
	{
		hpc_model_feature feature;

		hpc_model_feature_at(model, i, &feature);
		all += feature.gain;
		expected += gains[i];
	}
	for (int i = 0; i < nfeatures; i++)
	{
		hpc_model_feature feature;

		hpc_model_feature_at(model, i, &feature);
		right &= feature.nsplits == nsplits[i] &&
				 fabs(feature.gain * expected - gains[i] * all) <=
					 1e-9 * expected * all;
	}
	return right;
}

/* Each tree of a model against one grown the slow way. */
static void
check_trees(const char *what, const hpt_table *table, const hpc_params *params)
{
	hpt_memory memory;
	hpt_framed framed;
	hpc_fixed fixed;
	hpt_sample sample;
	hpc_grow_rules rules;
	int8_t *signs;
	double *chance;
	size_t nbytes;
	hpc_model *model = hpt_table_model(&memory, table, params, 2, &nbytes);
	uint32_t nwrong = 0;
	hpc_model_summary summary;
	uint64_t nnodes = 0;
	double gains[HPT_MAX_COLUMNS] = {0};
	uint32_t nsplits[HPT_MAX_COLUMNS] = {0};

	hpc_model_summarize(model, &summary);
	hpt_table_frame(&memory.env, table, (uint32_t) params->max_bins, &framed);
	hpc_frame_log_target(&memory.env, framed.frame, params->log_target);
	hpc_fixed_choose(&memory.env, framed.frame, HPC_POISSON_MAX, &fixed);
	hpc_monotone_signs(&memory.env, framed.frame, params, &signs);
	hpc_chance_shares(&memory.env, framed.frame, &chance);
	rules = rules_of(framed.frame, params, &fixed, signs, chance);
	hpt_sample_init(&sample, framed.frame);
	for (uint32_t tree = 0; tree < (uint32_t) params->trees; tree++)
	{
		hpt_twin twin;

		draw_sample(framed.frame, params, &fixed, tree, &sample);
		hpt_twin_grow(&twin, framed.frame, &rules, &sample,
					  hpc_stream(HPC_TAG_FEATURE, params->seed, tree));
		nwrong += count_wrong_values(framed.frame, table, &fixed, &sample,
									 &twin, model, tree);
		nnodes += twin.nnodes;
		add_gains(&twin, gains, nsplits);
		hpt_twin_free(&twin);
	}
	hpt_ok(nwrong == 0 && nnodes == summary.nnodes &&
			   gains_are_right(model, summary.nfeatures, gains, nsplits),
		   "%s: %d nodes, trees as grown the slow way", what, (int) nnodes);
	hpt_sample_free(&sample);
	hpc_free(&memory.env, signs);
	hpc_free(&memory.env, chance);
	hpt_framed_free(&memory.env, &framed);
	hpt_release(&memory.env, model);
	if (memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
}

static void
check_all_trees(void)
{
	static const hpc_monotone signs[] = {{"area", 1},
										 {"lot", 1},
										 {"rooms", -1}};
	hpc_params params = hpt_params(6);
	hpt_table table;

	hpt_table_houses(&table, 500, 13);
	check_trees("bags", &table, &params);
	params.min_leaf = 1;
	params.max_bins = 10;
	params.row_fraction = 0.4;
	check_trees("small bags, 10 bins", &table, &params);
	params.bag = false;
	check_trees("samples of rows", &table, &params);
	params.max_leaves = 12;
	params.row_fraction = 1;
	check_trees("best first on all rows", &table, &params);
	params.algorithm = HPC_EXTRA_TREES;
	check_trees("extra trees, best first", &table, &params);
	params.max_leaves = 0;
	params.max_bins = 65534;
	check_trees("extra trees", &table, &params);
	hpt_table_weigh(&table, 14);
	check_trees("extra trees with weights", &table, &params);
	params.algorithm = HPC_FOREST;
	params.bag = true;
	check_trees("weights", &table, &params);
	params.log_target = 1;
	check_trees("logarithms with weights", &table, &params);
	params.monotone = signs;
	params.nmonotone = 3;
	check_trees("monotone logarithms with weights", &table, &params);
	params.log_target = 0;
	params.max_depth = 5;
	check_trees("monotone with weights, depth 5", &table, &params);
	hpt_table_free(&table);
}

static bool
near(double a, double b)
{
	return (isnan(a) && isnan(b)) ||
		   fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b)) + 1e-300;
}

/* ---------- weights and copies ---------- */

/* A row of weight 2 is two rows, for trees on all rows. */
static void
check_weight_is_copies(hpc_algorithm algorithm, int64_t max_leaves)
{
	hpc_params params = hpt_params(3);
	hpt_table table;
	hpt_memory memory[2];
	hpc_model *models[2];
	size_t nbytes;
	uint32_t nwrong = 0;
	uint32_t nrows = 400;

	params.algorithm = algorithm;
	params.bag = false;
	params.min_leaf = 1;
	params.max_leaves = max_leaves;
	hpt_table_numbers(&table, 4, nrows, 50, 21);
	for (uint32_t row = 0; row < nrows; row++)
		table.target[row] = floor(table.target[row]);
	for (uint32_t row = 0; row < nrows; row += 3)
		table.weight[row] = 2;
	models[0] = hpt_table_model(&memory[0], &table, &params, 1, &nbytes);
	for (uint32_t row = 0; row < nrows; row += 3)
	{
		table.weight[row] = 1;
		hpt_table_repeat(&table, row);
	}
	models[1] = hpt_table_model(&memory[1], &table, &params, 1, &nbytes);
	for (uint32_t row = 0; row < nrows; row++)
	{
		hpc_value values[HPT_MAX_COLUMNS];
		uint32_t codes[HPT_MAX_COLUMNS];

		hpt_model_values(models[0], &table, row, values);
		nwrong += !near(hpc_model_predict(models[0], values, codes),
						hpc_model_predict(models[1], values, codes));
	}
	hpt_ok(nwrong == 0, "%s, %d leaves: a row of weight 2 is two rows",
		   hpc_algorithm_name(algorithm), (int) max_leaves);
	hpt_release(&memory[0].env, models[0]);
	hpt_release(&memory[1].env, models[1]);
	hpt_table_free(&table);
}

/* All weights times a power of two: the same trees. */
static void
check_weight_unit(void)
{
	hpc_params params = hpt_params(3);
	hpt_table table;
	hpt_memory memory[2];
	hpc_model *models[2];
	size_t nbytes;
	uint32_t nwrong = 0;

	hpt_table_houses(&table, 300, 22);
	hpt_table_weigh(&table, 23);
	params.bag = false;
	for (int i = 0; i < 2; i++)
	{
		models[i] = hpt_table_model(&memory[i], &table, &params, 1, &nbytes);
		for (uint32_t row = 0; row < table.nrows; row++)
			table.weight[row] *= 0x1p-30;
	}
	for (uint32_t row = 0; row < table.nrows; row++)
	{
		hpc_value values[HPT_MAX_COLUMNS];
		uint32_t codes[HPT_MAX_COLUMNS];

		hpt_model_values(models[0], &table, row, values);
		nwrong += !near(hpc_model_predict(models[0], values, codes),
						hpc_model_predict(models[1], values, codes));
	}
	/* cat_smooth and cat_min_rows are in rows of weight 1 */
	hpt_ok(nwrong > 0, "the unit of weights matters to categories");
	hpt_release(&memory[1].env, models[1]);
	hpt_release(&memory[0].env, models[0]);
	hpt_table_free(&table);
}

/* ---------- a handful of rows ---------- */

/* Whatever the bags, predictions stay between the targets. */
static void
check_tiny(uint32_t nrows, hpc_algorithm algorithm, bool weights)
{
	hpc_params params = hpt_params(30);
	hpt_table table;
	hpt_memory memory;
	size_t nbytes;
	hpc_model *model;
	int nwrong = 0;
	uint32_t codes[HPT_MAX_COLUMNS];
	hpc_model_summary summary;

	params.algorithm = algorithm;
	params.min_leaf = 1;
	hpt_table_houses(&table, nrows, 4);
	if (weights)
		hpt_table_weigh(&table, nrows);
	check_trees("a handful of rows", &table, &params);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpc_model_summarize(model, &summary);
	for (uint32_t row = 0; row < nrows; row++)
	{
		hpc_value values[HPT_MAX_COLUMNS];
		double predicted;

		hpt_model_values(model, &table, row, values);
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

/* ---------- room for sets ---------- */

/* Levels by the hundred: the sets of a tree outgrow their first room. */
static void
make_levels(hpt_table *table, int nrows, uint64_t nlevels)
{
	hpt_random random = {8};

	hpt_table_init(table);
	hpt_table_column(table, "level", HPC_CATEGORY, HPC_STORE_CODE);
	for (int i = 0; i < 8; i++)
	{
		static const char *const names[] = {"a", "b", "c", "d",
											"e", "f", "g", "h"};

		hpt_table_column(table, names[i], HPC_NUMBER, HPC_STORE_DOUBLE);
	}
	for (int i = 0; i < nrows; i++)
	{
		uint32_t level = (uint32_t) hpt_random_below(&random, nlevels);
		hpc_value *row =
			hpt_table_row(table, (double) (hpc_mix(level) % 1000) +
									 floor(100 * hpt_random_unit(&random)));

		row[0] = hpt_level(level);
		for (int j = 1; j < 9; j++)
			row[j] = hpt_number(hpt_random_unit(&random));
	}
}

static void
check_many_levels(void)
{
	hpc_params params = hpt_params(5);
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
	for (int nthreads = 2; nthreads <= 3; nthreads++)
		hpt_ok(same_model(&table, &params, nthreads, model, nbytes),
			   "the same from %d threads", nthreads);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- cancelling and running out of memory ---------- */

/* Every check cancels, by number, until none is left. */
static void
check_cancel(const char *what, const hpt_table *table,
			 const hpc_params *params)
{
	int64_t nwrong = 0;
	int64_t n = 0;
	int64_t nblocks;
	hpc_status status = HPC_CANCELLED;

	for (; status == HPC_CANCELLED; n++)
	{
		status = hpt_table_try(table, params, 0, n + 1, &nblocks);
		nwrong += nblocks != 0;
	}
	hpt_ok(nwrong == 0 && status == HPC_OK && n > 5,
		   "%s: cancelled at each of %d checks", what, (int) n - 1);
}

static void
check_interruptions(void)
{
	hpc_params params = hpt_params(3);
	hpt_table table;

	hpt_table_houses(&table, 150, 9);
	hpt_table_weigh(&table, 10);
	params.leak = HPC_LEAK_ERROR;
	hpt_table_fails("a small table", &table, &params);
	check_cancel("a small table", &table, &params);
	hpt_table_free(&table);
	hpt_table_numbers(&table, 2, 30, 20, 6);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] =
			floor(table.values[2 * row].number * 10) + (row % 2) / 10.0;
	hpt_table_fails("a near leak", &table, &params);
	check_cancel("a near leak", &table, &params);
	hpt_table_free(&table);
	params = hpt_params(1);
	params.cat_min_rows = 0;
	params.feature_fraction = 1;
	make_levels(&table, 1200, 500);
	hpt_table_fails("many levels", &table, &params);
	hpt_table_free(&table);
}

/* Progress is told from 0 on, after each round of trees, up to the last. */
typedef struct told
{
	hpt_memory memory;
	uint64_t ncalls;
	uint64_t done;
	uint64_t total;
	bool backwards;
} told;

static void
listen(void *opaque, const char *unit, uint64_t done, uint64_t total)
{
	told *t = (told *) opaque;

	t->ncalls++;
	t->backwards |=
		(t->ncalls > 1 && done <= t->done) || strcmp(unit, "trees") != 0;
	t->done = done;
	t->total = total;
}

static void
check_progress(void)
{
	hpc_params params = hpt_params(9);
	hpc_result result;
	hpt_table table;
	told t;
	hpc_status status;

	memset(&t, 0, sizeof(t));
	hpt_memory_init(&t.memory, 2);
	t.memory.env.progress = listen;
	/* the memory comes first in what is told */
	t.memory.env.opaque = &t;
	hpt_table_houses(&table, 3000, 9);
	status = hpt_table_train(&t.memory.env, &table, &params, &result);
	hpt_ok(status == HPC_OK && t.ncalls >= 5 && !t.backwards && t.done == 9 &&
			   t.total == 9,
		   "progress is told %d times", (int) t.ncalls);
	hpt_release(&t.memory.env, result.model);
	hpt_table_free(&table);
}

int
main(void)
{
	check_all_same_bytes();
	check_different_bytes();
	check_all_trees();
	check_weight_is_copies(HPC_FOREST, 0);
	check_weight_is_copies(HPC_FOREST, 20);
	check_weight_is_copies(HPC_EXTRA_TREES, 0);
	check_weight_unit();
	for (uint32_t nrows = 1; nrows <= 5; nrows++)
	{
		check_tiny(nrows, HPC_FOREST, false);
		check_tiny(nrows, HPC_EXTRA_TREES, true);
	}
	check_many_levels();
	check_interruptions();
	check_progress();
	return hpt_done();
}
