/*
 * test_shap.c
 *		Shapley values of trees against their definition, over all subsets of
 *		the features; against those of XGBoost; deep trees; trees that are
 *		none.
 *
 * test/golden/xgboost_shap.py has made the vectors and says what is in them.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_coder.h"
#include "hpc_shap.h"
#include "hpt_table.h"

#define VECTORS "test/golden/xgboost_shap.txt"
#define MAX_SUBSETS_OF 18

/* ---------- the definition ---------- */

/* A tree's answer if only the features in known are. */
static double
answer(const hpc_model *model, uint32_t tree, uint32_t at, uint32_t known,
	   const hpc_value *values)
{
	hpc_model_node node;
	hpc_model_node left;
	hpc_model_node right;
	double total;

	hpc_model_node_at(model, tree, at, &node);
	if (node.left == 0)
		return node.value;
	if (known >> node.feature & 1)
		return answer(model, tree,
					  node.left + (hpt_model_goes_left(model, tree, at, values)
									   ? 0
									   : 1),
					  known, values);
	hpc_model_node_at(model, tree, node.left, &left);
	hpc_model_node_at(model, tree, node.left + 1, &right);
	total = (double) left.cover + right.cover;
	return answer(model, tree, node.left, known, values) *
			   (total > 0 ? left.cover / total : 0.5) +
		   answer(model, tree, node.left + 1, known, values) *
			   (total > 0 ? right.cover / total : 0.5);
}

/* Mean or sum of the trees. */
static double
answer_of_all(const hpc_model *model, uint32_t known, const hpc_value *values)
{
	hpc_model_view view;
	double sum = 0;

	hpc_model_open(model, &view);
	for (uint32_t tree = 0; tree < view.training->ntrees; tree++)
		sum += answer(model, tree, 0, known, values);
	return view.training->combine == HPC_COMBINE_MEAN
			   ? sum / view.training->ntrees
			   : view.training->base + sum;
}

/* |S|! (n - |S| - 1)! / n! */
static double
weight_of(uint32_t known, int n)
{
	int size = __builtin_popcount(known);
	double weight = 1.0 / n;

	for (int i = 0; i < size; i++)
		weight *= (double) (size - i) / (n - 1 - i);
	return weight;
}

static void
define(const hpc_model *model, const hpc_value *values, double *base,
	   double *contributions)
{
	static double answers[1 << MAX_SUBSETS_OF];
	hpc_model_view view;
	int n;

	hpc_model_open(model, &view);
	n = (int) view.nfeatures;
	for (uint32_t known = 0; known < 1u << n; known++)
		answers[known] = answer_of_all(model, known, values);
	*base = answers[0];
	for (int i = 0; i < n; i++)
	{
		contributions[i] = 0;
		for (uint32_t known = 0; known < 1u << n; known++)
		{
			if (!(known >> i & 1))
				contributions[i] +=
					weight_of(known, n) *
					(answers[known | 1u << i] - answers[known]);
		}
	}
}

/* ---------- comparing ---------- */

typedef struct explained
{
	double base;
	double contributions[HPT_MAX_COLUMNS];
} explained;

static void
explain(const hpc_model *model, const hpc_value *values, explained *out)
{
	hpt_memory memory;
	hpc_model_view view;
	uint32_t codes[HPT_MAX_COLUMNS];
	hpc_shap *shap;

	hpt_memory_init(&memory, 1);
	hpc_model_open(model, &view);
	hpc_code_row(&view, NULL, values, codes);
	if (hpc_shap_create(&memory.env, &view, &shap) != HPC_OK ||
		hpc_shap_explain(&memory.env, shap, &view, codes, &out->base,
						 out->contributions) != HPC_OK)
		abort();
	hpc_shap_free(&memory.env, shap);
	if (memory.nblocks != 0)
		abort();
}

/* Greatest distance from the definition, as a share of the answers' size. */
static double
distance(const hpc_model *model, const hpc_value *values)
{
	hpc_model_view view;
	explained found;
	explained defined;
	double size;
	double worst;

	hpc_model_open(model, &view);
	explain(model, values, &found);
	define(model, values, &defined.base, defined.contributions);
	size = fabs(defined.base) + 1e-300;
	worst = fabs(found.base - defined.base);
	for (uint32_t i = 0; i < view.nfeatures; i++)
	{
		double error = fabs(found.contributions[i] - defined.contributions[i]);

		size += fabs(defined.contributions[i]);
		worst = error > worst ? error : worst;
	}
	return worst / size;
}

/* Covers by chance, many of them 0, that add up. */
static void
draw_covers(hpc_model *model, hpt_random *random)
{
	hpc_model_view view;
	uint32_t *covers;

	hpc_model_open(model, &view);
	covers = (uint32_t *) ((char *) model +
						   ((const char *) view.covers - (char *) model));
	for (uint32_t tree = 0; tree < view.training->ntrees; tree++)
		for (uint32_t i = view.trees[tree + 1]; i-- > view.trees[tree];)
		{
			uint32_t left = view.nodes[i].left;

			if (left == 0)
				covers[i] = (uint32_t) (hpt_random_below(random, 3) *
										hpt_random_below(random, 1000));
			else
				covers[i] = covers[view.trees[tree] + left] +
							covers[view.trees[tree] + left + 1];
		}
}

/* Small trees with features of each kind, rows likely and strange. */
static void
check_hand_made(void)
{
	static const int with_trees[] = {1, 2, 3, HPT_HAND_MERGED};
	hpt_random random = {29};
	hpc_value values[HPT_HAND_FEATURES];

	for (int k = 0; k < 4; k++)
	{
		const char *name = NULL;
		double worst = 0;
		int nuseless = 0;

		for (uint64_t seed = 0; seed < 20; seed++)
		{
			size_t nbytes;
			hpc_model *model =
				hpt_hand_sample(with_trees[k], seed, &nbytes, &name);
			hpc_model_view view;

			hpc_model_open(model, &view);
			if (seed % 2 == 1)
				draw_covers(model, &random);
			for (int i = 0; i < 20; i++)
			{
				double error;
				explained out;

				hpt_strange_row(&random, model, values);
				error = distance(model, values);
				worst = error > worst ? error : worst;
				explain(model, values, &out);
				for (uint32_t j = 0; j < view.nfeatures; j++)
					nuseless += view.features[j].nsplits == 0 &&
								out.contributions[j] != 0;
			}
			free(model);
		}
		hpt_ok(worst < 1e-13, "%s: as defined, to %.1e", name, worst);
		hpt_ok(nuseless == 0, "%s: a feature without splits adds 0", name);
	}
}

/* Trees of a training, full, with missing values and categories. */
static void
check_trained(void)
{
	hpc_params params = hpt_params(5);
	hpt_memory memory;
	hpt_table table;
	hpc_value values[HPT_MAX_COLUMNS];
	size_t nbytes;
	hpc_model *model;
	double worst = 0;

	params.min_leaf = 1;
	hpt_table_houses(&table, 300, 31);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	for (uint32_t row = 0; row < 10; row++)
	{
		double error;

		hpt_model_values(model, &table, row, values);
		error = distance(model, values);
		worst = error > worst ? error : worst;
	}
	hpt_ok(worst < 1e-13, "full trees of a training: as defined, to %.1e",
		   worst);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- deep trees ---------- */

static hpc_model *
one_full_tree(hpt_memory *memory, hpt_table *table)
{
	hpc_params params = hpt_params(1);
	size_t nbytes;

	params.bag = false;
	params.min_leaf = 1;
	params.feature_fraction = 1;
	return hpt_table_model(memory, table, &params, 1, &nbytes);
}

#define DEPTH 60

/* A forest of the tree in hand->tree. */
static hpc_model *
model_of_tree(hpt_hand *hand)
{
	static const hpc_texts texts = {NULL, NULL, NULL, NULL};
	hpc_env *env = &hand->memory.env;
	hpc_writer *writer = hpc_writer_create(env, &hand->frame);
	hpc_training_record record = {0};
	hpc_params params;
	void *model = NULL;
	size_t nbytes;

	hpc_params_init(&params, HPC_FOREST);
	hpc_model_record_params(&params, &record);
	hpc_writer_add_tree(env, writer, &hand->tree);
	if (hpc_writer_finish(env, writer, &record, &texts, &model, &nbytes) !=
		HPC_OK)
		abort();
	hpc_writer_free(env, writer);
	return model;
}

static uint32_t
depth_of(const hpc_model *model, uint32_t at)
{
	hpc_model_node node;
	uint32_t left;
	uint32_t right;

	hpc_model_node_at(model, 0, at, &node);
	if (node.left == 0)
		return 0;
	left = depth_of(model, node.left);
	right = depth_of(model, node.left + 1);
	return 1 + (left > right ? left : right);
}

static void
check_rows(const char *what, const hpc_model *model, const hpt_table *table,
		   double tolerance)
{
	double worst = 0;

	for (uint32_t row = 0; row < table->nrows; row += 5)
	{
		hpc_value values[HPT_MAX_COLUMNS];
		double error;

		hpt_model_values(model, table, row, values);
		error = distance(model, values);
		worst = error > worst ? error : worst;
	}
	hpt_ok(worst < tolerance, "%s: as defined, to %.1e, at depth %u", what,
		   worst, depth_of(model, 0));
}

/* A path of DEPTH splits on whatever feature, with a leaf at each. */
static void
grow_path(hpt_hand *hand, hpc_tree_node *nodes, uint32_t *sets)
{
	hpt_random *random = &hand->random;
	hpc_tree *tree = &hand->tree;
	uint32_t at = 0;

	*tree = (hpc_tree){.nodes = nodes, .nnodes = 1, .sets = sets};
	nodes[0] = (hpc_tree_node){.cover = UINT32_MAX};
	for (int depth = 0; depth < DEPTH; depth++)
	{
		hpc_tree_node *node = &nodes[at];
		uint32_t goes_on = (uint32_t) hpt_random_below(random, 2);

		node->left = tree->nnodes;
		node->feature = (uint16_t) hpt_random_below(random, 6);
		node->missing_left = hpt_random_below(random, 2) == 1;
		node->threshold = hpt_random_unit(random) * 600;
		node->gain = 0;
		node->at.set = tree->nset_words;
		for (int i = 0; i < HPT_HAND_WORDS; i++)
			sets[tree->nset_words++] = (uint32_t) hpt_random_bits(random);
		for (uint32_t i = 0; i < 2; i++)
			nodes[tree->nnodes++] =
				(hpc_tree_node){.value = hpt_random_normal(random)};
		at = node->left + goes_on;
		nodes[at].cover =
			(uint32_t) (node->cover * (1 - 0.3 * hpt_random_unit(random)));
		nodes[node->left + 1 - goes_on].cover = node->cover - nodes[at].cover;
	}
}

/* Shares that become tiny, and the same features again and again. */
static void
check_deep(void)
{
	static hpc_tree_node nodes[2 * DEPTH + 1];
	static uint32_t sets[DEPTH * HPT_HAND_WORDS];
	double worst = 0;

	for (uint64_t seed = 1; seed <= 10; seed++)
	{
		hpt_random random = {seed};
		hpt_hand hand;
		hpc_model *model;

		hpt_hand_init(&hand, seed);
		grow_path(&hand, nodes, sets);
		model = model_of_tree(&hand);
		if (depth_of(model, 0) != DEPTH)
			abort();
		for (int i = 0; i < 20; i++)
		{
			hpc_value values[HPT_HAND_FEATURES];
			double error;

			hpt_strange_row(&random, model, values);
			error = distance(model, values);
			worst = error > worst ? error : worst;
		}
		hpt_hand_release(&hand, model);
		hpt_hand_free(&hand);
	}
	hpt_ok(worst < 1e-13, "paths of %d splits: as defined, to %.1e", DEPTH,
		   worst);
}

/* Each row has a feature of its own, and every one is on the path. */
static void
check_many_features(void)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f",
										"g", "h", "i", "j", "k", "l",
										"m", "n", "o", "p", "q", "r"};
	hpt_memory memory;
	hpt_table table;
	hpc_model *model;
	double target = 1;

	hpt_table_init(&table);
	for (int i = 0; i < MAX_SUBSETS_OF; i++)
		hpt_table_column(&table, names[i], HPC_NUMBER, HPC_STORE_DOUBLE);
	for (int row = 0; row < MAX_SUBSETS_OF; row++, target *= 4)
	{
		hpc_value *values = hpt_table_row(&table, target);

		for (int i = 0; i < MAX_SUBSETS_OF; i++)
			values[i] = hpt_number(i == row);
	}
	model = one_full_tree(&memory, &table);
	hpt_ok(depth_of(model, 0) == MAX_SUBSETS_OF - 1,
		   "a path of many features");

	/* the definition adds up 131072 numbers for each feature */
	check_rows("many features on a path", model, &table, 1e-12);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* Leaves, or differences of them, beyond the largest double. */
static void
check_huge(void)
{
	hpc_params params = hpt_params(7);
	hpt_memory memory;
	hpt_table table;
	explained out;
	size_t nbytes;
	hpc_model *model;
	hpc_value values[1];
	uint32_t code;
	double predicted;

	params.min_leaf = 1;
	hpt_table_numbers(&table, 1, 20, 20, 14);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = row % 2 == 0 ? DBL_MAX : -DBL_MAX;
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpt_model_values(model, &table, 0, values);
	explain(model, values, &out);
	predicted = hpc_model_predict(model, values, &code);
	hpt_ok(isfinite(out.base) && isfinite(out.contributions[0]) &&
			   fabs(out.base / 4 + out.contributions[0] / 4 - predicted / 4) <
				   DBL_MAX * 1e-12,
		   "leaves of the size of the largest double");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- cancel and memory ---------- */

static void
check_ends(void)
{
	hpc_params params = hpt_params(80);
	hpt_memory memory;
	hpt_table table;
	uint32_t codes[HPT_MAX_COLUMNS];
	hpc_value values[HPT_MAX_COLUMNS];
	size_t nbytes;
	hpc_model *model;
	hpc_model_view view;
	explained out;
	hpc_shap *shap;
	int64_t n;
	int nwrong = 0;

	params.min_leaf = 1;
	hpt_table_houses(&table, 200, 41);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpc_model_open(model, &view);
	hpt_model_values(model, &table, 0, values);
	hpc_code_row(&view, NULL, values, codes);
	for (n = 1;; n++)
	{
		hpt_memory short_of;
		hpc_status status;

		hpt_memory_init(&short_of, 1);
		short_of.fail_at = n;
		status = hpc_shap_create(&short_of.env, &view, &shap);
		if (status == HPC_OK)
		{
			hpc_shap_free(&short_of.env, shap);
			nwrong += short_of.nblocks != 0;
			break;
		}
		nwrong += status != HPC_NO_MEMORY || short_of.nblocks != 0;
	}
	hpt_ok(nwrong == 0 && n > 8, "each of %d allocations may fail",
		   (int) n - 1);
	hpt_memory_init(&memory, 1);
	hpc_shap_create(&memory.env, &view, &shap);
	memory.cancel_at = memory.nchecks + 1;
	hpt_ok(hpc_shap_explain(&memory.env, shap, &view, codes, &out.base,
							out.contributions) == HPC_CANCELLED,
		   "explaining can be cancelled");
	hpc_shap_free(&memory.env, shap);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- XGBoost ---------- */

/* Numbers among the features of hpt_hand. */
static const int numbers[] = {0, 1, 2, 4};
#define NNUMBERS 4
#define MAX_NODES 512

static void
give_up(const char *why)
{
	printf("Bail out! " VECTORS ": %s\n", why);
	exit(1);
}

static double
read_number(FILE *file)
{
	double number;

	if (fscanf(file, "%lf", &number) != 1)
		give_up("a number is missing");
	return number;
}

/* XGBoost sends what is less than a float to the left. */
static void
read_tree(FILE *file, hpc_tree *tree)
{
	memset(tree->nodes, 0, MAX_NODES * sizeof(hpc_tree_node));
	if (fscanf(file, " tree %u", &tree->nnodes) != 1 ||
		tree->nnodes > MAX_NODES)
		give_up("no tree");
	for (uint32_t i = 0; i < tree->nnodes; i++)
	{
		hpc_tree_node *node = &tree->nodes[i];

		double value;

		node->left = (uint32_t) read_number(file);
		node->cover = (uint32_t) read_number(file);
		value = read_number(file);
		if (node->left == 0)
		{
			node->value = value;
			continue;
		}
		node->threshold = nextafter(value, -INFINITY);
		node->feature = (uint16_t) numbers[(int) read_number(file)];
		node->missing_left = read_number(file) != 0;
	}
}

static hpc_model *
read_model(FILE *file, hpt_hand *hand, double base, unsigned ntrees)
{
	static const hpc_texts texts = {NULL, NULL, NULL, NULL};
	static hpc_tree_node nodes[MAX_NODES];
	hpc_env *env = &hand->memory.env;
	hpc_writer *writer = hpc_writer_create(env, &hand->frame);
	hpc_training_record record = {0};
	hpc_tree tree = {.nodes = nodes};
	hpc_params params;
	void *model = NULL;
	size_t nbytes;

	hpc_params_init(&params, HPC_BOOST);
	hpc_model_record_params(&params, &record);
	hpc_writer_set_base(writer, base);
	for (unsigned i = 0; i < ntrees; i++)
	{
		read_tree(file, &tree);
		hpc_writer_add_tree(env, writer, &tree);
	}
	if (hpc_writer_finish(env, writer, &record, &texts, &model, &nbytes) !=
		HPC_OK)
		give_up("no model");
	hpc_writer_free(env, writer);
	return model;
}

/* Greatest distance, as a share of the prediction's size. */
static double
compare_row(FILE *file, const hpc_model *model)
{
	hpc_value values[HPT_HAND_FEATURES] = {{0}};
	double expected[NNUMBERS];
	double size;
	double worst;
	explained out;

	for (int i = 0; i < HPT_HAND_FEATURES; i++)
		values[i] = hpt_missing();
	for (int i = 0; i < NNUMBERS; i++)
		values[numbers[i]] = hpt_number(read_number(file));
	for (int i = 0; i < NNUMBERS; i++)
		expected[i] = read_number(file);
	explain(model, values, &out);
	size = fabs(out.base);
	worst = fabs(read_number(file) - out.base);
	for (int i = 0; i < NNUMBERS; i++)
	{
		double error = fabs(expected[i] - out.contributions[numbers[i]]);

		size += fabs(expected[i]);
		worst = error > worst ? error : worst;
	}
	return worst / size;
}

static void
check_xgboost(void)
{
	FILE *file = fopen(VECTORS, "r");
	char name[64];
	unsigned ntrees;
	unsigned nrows;
	int nmodels = 0;
	double base;

	if (file == NULL)
		give_up("could not be opened");
	if (fscanf(file, "# xgboost %*s") == EOF)
		give_up("is empty");
	for (; fscanf(file, " model %63s %u %u %lf", name, &ntrees, &nrows,
				  &base) == 4;
		 nmodels++)
	{
		hpt_hand hand;
		hpc_model *model;
		double worst = 0;

		hpt_hand_init(&hand, 1);
		model = read_model(file, &hand, base, ntrees);
		for (unsigned i = 0; i < nrows; i++)
		{
			double error = compare_row(file, model);

			worst = error > worst ? error : worst;
		}
		hpt_ok(worst < 1e-5, "xgboost, %s: %u rows, to %.1e", name, nrows,
			   worst);
		hpt_hand_release(&hand, model);
		hpt_hand_free(&hand);
	}
	if (!feof(file))
		give_up("something else than a model");
	fclose(file);
	hpt_ok(nmodels >= 4, "%d models of xgboost", nmodels);
}

int
main(void)
{
	check_hand_made();
	check_trained();
	check_deep();
	check_many_features();
	check_huge();
	check_ends();
	check_xgboost();
	return hpt_done();
}
