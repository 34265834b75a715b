/*
 * test_merge.c
 *		Forests merged: what they predict together, in any order; what does not
 *		fit together; memory and cancel.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_model.h"
#include "hpc_random.h"
#include "hpt_section.h"
#include "hpt_table.h"

#define NMODELS 4
#define NTREES 6

/* Forests of an algorithm on rows of their own. */
typedef struct forests
{
	hpt_memory memory[NMODELS];
	hpt_table table[NMODELS];
	hpc_model *model[NMODELS];
} forests;

static hpc_params
forest_params(hpc_algorithm algorithm, int64_t trees)
{
	hpc_params params;

	hpc_params_init(&params, algorithm);
	params.trees = trees;
	params.log_target = 0;
	params.leak = HPC_LEAK_ALLOW;
	params.cat_min_rows = 0;
	params.bag = true;
	return params;
}

/*
 * same_rows: all on the rows of the first, with seeds of their own; else on
 * different rows, with levels that others have not, with one seed.
 */
static void
forests_init(forests *f, const hpc_params *params, bool same_rows)
{
	for (int i = 0; i < NMODELS; i++)
	{
		hpc_params own = *params;
		size_t nbytes;

		own.trees += i;
		if (same_rows)
			own.seed = 3 - i;
		hpt_table_houses(&f->table[i], 120, same_rows ? 1 : 1 + (uint64_t) i);
		f->model[i] =
			hpt_table_model(&f->memory[i], &f->table[i], &own, 1, &nbytes);
	}
}

static void
forests_free(forests *f)
{
	for (int i = 0; i < NMODELS; i++)
	{
		hpt_release(&f->memory[i].env, f->model[i]);
		hpt_table_free(&f->table[i]);
	}
}

static hpc_model *
merge(hpt_memory *memory, hpc_model *const *models, int n)
{
	void *merged = NULL;
	size_t nbytes;

	hpt_memory_init(memory, 1);
	if (hpc_model_merge(&memory->env, (const hpc_model *const *) models, n,
						&merged, &nbytes) != HPC_OK)
	{
		printf("Bail out! no merge: %s\n", memory->env.error.message);
		exit(1);
	}
	return merged;
}

static bool
same_models(const hpc_model *a, const hpc_model *b)
{
	return a->nbytes == b->nbytes &&
		   memcmp((const char *) a + sizeof(uint32_t),
				  (const char *) b + sizeof(uint32_t),
				  a->nbytes - sizeof(uint32_t)) == 0;
}

/* ---------- predictions ---------- */

/* The mean over the trees of all models, model by model. */
static double
mean_of_models(const forests *f, const hpc_value *values)
{
	uint32_t codes[HPT_MAX_COLUMNS];
	double sum = 0;
	double ntrees = 0;

	for (int i = 0; i < NMODELS; i++)
	{
		hpc_model_summary summary;

		hpc_model_summarize(f->model[i], &summary);
		sum += summary.ntrees * hpc_model_predict(f->model[i], values, codes);
		ntrees += summary.ntrees;
	}
	return sum / ntrees;
}

static bool
is_close(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (1 + fabs(b));
}

/* Rows of all tables, and strange ones. */
static int
count_wrong(const forests *f, const hpc_model *merged)
{
	uint32_t codes[HPT_MAX_COLUMNS];
	hpc_value values[HPT_MAX_COLUMNS];
	hpt_random random = {8};
	hpc_model_summary summary;
	int nwrong = 0;

	hpc_model_summarize(merged, &summary);
	for (int i = 0; i < NMODELS; i++)
	{
		for (uint32_t row = 0; row < 2 * f->table[i].nrows; row++)
		{
			if (row < f->table[i].nrows)
				hpt_model_values(merged, &f->table[i], row, values);
			for (int k = 0; k < summary.nfeatures && row >= f->table[i].nrows;
				 k++)
			{
				hpc_model_feature feature;

				hpc_model_feature_at(merged, k, &feature);
				values[k] = hpt_strange_value(&random, &feature);
			}
			nwrong += !is_close(hpc_model_predict(merged, values, codes),
								mean_of_models(f, values));
		}
	}
	return nwrong;
}

/*
 * Out of bag, the mean leaf of all trees whose bag the row is not in, by the
 * seed and number that each had.
 */
static bool
outside(const forests *f, const hpc_value *values, double target,
		double *prediction)
{
	double sum = 0;
	uint32_t count = 0;

	for (int i = 0; i < NMODELS; i++)
	{
		hpc_model_summary summary;
		hpc_bag_rule rule;
		uint64_t key =
			hpc_row_key(hpc_model_row_hash(f->model[i], values, target, 1));

		hpc_model_summarize(f->model[i], &summary);
		hpc_bag_rule_init(&rule, &summary.params);
		for (uint32_t tree = 0; tree < summary.ntrees; tree++)
		{
			hpc_model_node node;
			uint64_t stream = hpc_bag_stream(&rule, summary.seed, tree);

			if (hpc_bag_draw(&rule, stream, hpc_copy_key(key, 0)) > 0)
				continue;
			hpc_model_node_at(f->model[i], tree,
							  hpt_model_leaf(f->model[i], tree, values),
							  &node);
			sum += node.value;
			count++;
		}
	}
	*prediction = sum / count;
	return count > 0;
}

static int
count_wrong_outside(const forests *f, const hpc_model *merged, int *nfound)
{
	uint32_t codes[HPT_MAX_COLUMNS];
	hpc_value values[HPT_MAX_COLUMNS];
	int nwrong = 0;

	*nfound = 0;
	for (uint32_t row = 0; row < f->table[0].nrows; row++)
	{
		double target = f->table[0].target[row];
		double found = 0;
		double expected = 0;
		bool any;

		hpt_model_values(merged, &f->table[0], row, values);
		any = hpc_model_predict_oob(merged, values, target, 1, codes, &found);
		nwrong += any != outside(f, values, target, &expected) ||
				  (any && !is_close(found, expected));
		*nfound += any;
	}
	return nwrong;
}

static void
check_forests(const char *what, const hpc_params *params, bool same_rows)
{
	hpt_memory memory[2];
	hpc_model_summary summary;
	hpc_model *backwards[NMODELS];
	hpc_model *merged;
	hpc_model *again;
	int nfound;
	int nwrong;
	forests f;

	forests_init(&f, params, same_rows);
	merged = merge(&memory[0], f.model, NMODELS);
	hpt_ok(hpt_model_validate(merged, merged->nbytes) == HPC_OK,
		   "%s: merged they are a model", what);
	hpc_model_summarize(merged, &summary);
	hpt_ok(summary.merged && summary.ntrees == 4 * NTREES + 6 &&
			   summary.params.trees == summary.ntrees &&
			   summary.nrows == (same_rows ? 120 : 480) &&
			   summary.oob_rows == 0 && isnan(summary.oob_mae),
		   "of all their trees and rows");
	hpt_ok(count_wrong(&f, merged) == 0,
		   "that predicts the mean over all trees");
	nwrong = count_wrong_outside(&f, merged, &nfound);
	hpt_ok(nwrong == 0 && nfound > 100,
		   "and out of bag that over the trees outside, of %d rows", nfound);
	for (int i = 0; i < NMODELS; i++)
		backwards[i] = f.model[NMODELS - 1 - i];
	again = merge(&memory[1], backwards, NMODELS);
	hpt_ok(same_models(merged, again), "the same in any order");
	hpt_release(&memory[1].env, again);
	hpt_release(&memory[0].env, merged);
	hpt_ok(memory[0].nblocks == 0 && memory[1].nblocks == 0,
		   "and leaves nothing behind");
	forests_free(&f);
}

/* Trees keep their keys, whichever was merged first. */
static void
check_in_steps(void)
{
	hpc_params params = forest_params(HPC_FOREST, NTREES);
	hpt_memory memory[3];
	hpc_model *two[2];
	hpc_model *first;
	hpc_model *steps;
	hpc_model *once;
	hpc_model_view a;
	hpc_model_view b;
	forests f;

	forests_init(&f, &params, true);
	first = merge(&memory[0], f.model, 3);
	two[0] = first;
	two[1] = f.model[3];
	steps = merge(&memory[1], two, 2);
	once = merge(&memory[2], f.model, NMODELS);
	hpc_model_open(steps, &a);
	hpc_model_open(once, &b);
	hpt_ok(a.nnodes == b.nnodes && a.ntree_keys == b.ntree_keys &&
			   memcmp(a.nodes, b.nodes, a.nnodes * sizeof(hpc_node)) == 0 &&
			   memcmp(a.tree_keys, b.tree_keys,
					  a.ntree_keys * sizeof(hpc_tree_key)) == 0,
		   "merged in steps they have the same trees");
	two[0] = once;
	hpt_release(&memory[0].env, first);
	first = merge(&memory[0], two, 1);
	hpt_ok(same_models(first, once), "one alone stays what it is");
	hpt_release(&memory[0].env, first);
	hpt_release(&memory[1].env, steps);
	hpt_release(&memory[2].env, once);
	forests_free(&f);
}

/* ---------- what does not fit together ---------- */

static void
check_refused(const char *what, const hpc_model *a, const hpc_model *b,
			  const char *message)
{
	const hpc_model *models[2] = {a, b};
	void *merged;
	size_t nbytes;
	hpt_memory memory;
	hpc_status status;

	hpt_memory_init(&memory, 1);
	status = hpc_model_merge(&memory.env, models, 2, &merged, &nbytes);
	hpt_ok((status == HPC_BAD_PARAMETER || status == HPC_LIMIT) &&
			   strstr(memory.env.error.message, message) != NULL &&
			   memory.nblocks == 0,
		   "%s: %s", what, memory.env.error.message);
}

static hpc_model *
train(hpt_memory *memory, const hpc_params *params, const char *column)
{
	hpt_table table;
	hpc_model *model;
	size_t nbytes;

	hpt_table_init(&table);
	hpt_table_column(&table, "lot", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(&table, column,
					 strcmp(column, "zone") == 0 ? HPC_CATEGORY : HPC_NUMBER,
					 strcmp(column, "zone") == 0 ? HPC_STORE_CODE
												 : HPC_STORE_DOUBLE);
	for (uint32_t i = 0; i < 30; i++)
	{
		hpc_value *row = hpt_table_row(&table, 1 + i * 7 % 11);

		row[0] = hpt_number(i);
		row[1] = table.columns[1].kind == HPC_CATEGORY ? hpt_level(i % 3)
													   : hpt_number(i % 4);
	}
	model = hpt_table_model(memory, &table, params, 1, &nbytes);
	hpt_table_free(&table);
	return model;
}

static void
check_pair(const char *what, hpc_params a, const char *column_a, hpc_params b,
		   const char *column_b, const char *message)
{
	hpt_memory memory[2];
	hpc_model *one = train(&memory[0], &a, column_a);
	hpc_model *other = train(&memory[1], &b, column_b);

	check_refused(what, one, other, message);
	hpt_release(&memory[0].env, one);
	hpt_release(&memory[1].env, other);
}

static void
check_refusals(void)
{
	hpc_params forest = forest_params(HPC_FOREST, 2);
	hpc_params extra = forest_params(HPC_EXTRA_TREES, 2);
	hpc_params deep = forest;
	hpc_params logs = forest;
	hpc_params many = forest_params(HPC_FOREST, 50001);
	hpc_params more = many;
	hpc_params mean;
	hpc_params rising = forest;
	hpc_monotone sign = {"lot", 1};

	hpc_params_init(&mean, HPC_MEAN);
	deep.min_leaf = 1;
	deep.seed = logs.seed = more.seed = 9;
	logs.log_target = 1;
	rising.monotone = &sign;
	rising.nmonotone = 1;
	many.max_leaves = more.max_leaves = 2;
	check_pair("twice the same", forest, "rooms", forest, "rooms",
			   "a tree in common");
	check_pair("other trees", forest, "rooms", extra, "rooms",
			   "their algorithm");
	check_pair("no trees", mean, "rooms", mean, "rooms", "only forests");
	check_pair("another parameter", forest, "rooms", deep, "rooms",
			   "parameter min_leaf");
	check_pair("another scale", forest, "rooms", logs, "rooms",
			   "parameter log_target");
	check_pair("another sign", forest, "rooms", rising, "rooms",
			   "the sign of feature \"lot\"");
	check_pair("other columns", forest, "rooms", forest, "area",
			   "their features");
	check_pair("too many trees", many, "rooms", more, "rooms",
			   "would have 100002 trees");
}

/* A feature of one name, but of two kinds. */
static void
check_kinds(void)
{
	hpc_params params = forest_params(HPC_FOREST, 2);
	hpt_memory memory[2];
	hpt_table table;
	hpc_model *models[2];
	size_t nbytes;

	for (int i = 0; i < 2; i++)
	{
		hpt_table_init(&table);
		hpt_table_column(&table, "zone", i == 0 ? HPC_CATEGORY : HPC_NUMBER,
						 i == 0 ? HPC_STORE_CODE : HPC_STORE_DOUBLE);
		for (uint32_t row = 0; row < 20; row++)
			hpt_table_row(&table, row % 7)[0] =
				i == 0 ? hpt_level(row % 3) : hpt_number(row % 3);
		models[i] = hpt_table_model(&memory[i], &table, &params, 1, &nbytes);
		hpt_table_free(&table);
	}
	check_refused("another kind", models[0], models[1],
				  "the kind of feature \"zone\"");
	for (int i = 0; i < 2; i++)
		hpt_release(&memory[i].env, models[i]);
}

/* Models of a later learner stay of it, and do not go with present ones. */
static void
check_learners(void)
{
	static const hpc_learner_record later = {3, 0};
	hpc_params params = forest_params(HPC_FOREST, 2);
	hpt_memory memory[2];
	hpt_memory work;
	hpc_model *models[2];
	hpc_model *later_models[2];
	hpc_model *merged;
	hpc_model_summary summary;
	size_t nbytes;

	for (int i = 0; i < 2; i++)
	{
		params.seed = i;
		models[i] = train(&memory[i], &params, "rooms");
		later_models[i] = hpt_with_section(models[i], HPC_SECTION_LEARNER,
										   &later, sizeof(later), &nbytes);
	}
	check_refused("another learner", models[0], later_models[1],
				  "the version of their algorithm");
	merged = merge(&work, later_models, 2);
	hpc_model_summarize(merged, &summary);
	hpt_ok(summary.algorithm_version == 3 &&
			   hpc_model_validate(&work.env, merged, merged->nbytes) == HPC_OK,
		   "two of a later learner are merged to one");
	hpt_release(&work.env, merged);
	for (int i = 0; i < 2; i++)
	{
		hpt_release(&memory[i].env, models[i]);
		free(later_models[i]);
	}
}

/* ---------- memory, cancel ---------- */

static void
check_interruptions(bool cancel)
{
	hpc_params params = forest_params(HPC_FOREST, 2);
	hpc_status expected = cancel ? HPC_CANCELLED : HPC_NO_MEMORY;
	hpt_memory memory;
	hpc_status status;
	int64_t n = 0;
	int64_t nwrong = 0;
	forests f;

	forests_init(&f, &params, false);
	do
	{
		void *merged = NULL;
		size_t nbytes;

		hpt_memory_init(&memory, 1);
		if (cancel)
			memory.cancel_at = ++n;
		else
			memory.fail_at = ++n;
		status =
			hpc_model_merge(&memory.env, (const hpc_model *const *) f.model,
							NMODELS, &merged, &nbytes);
		nwrong += status != HPC_OK && status != expected;
		if (status == HPC_OK)
			hpt_release(&memory.env, merged);
		nwrong += memory.nblocks != 0;
	} while (status != HPC_OK && n < 10000);
	hpt_ok(nwrong == 0 && n > 5, "each of %d %s", (int) n - 1,
		   cancel ? "checks can cancel" : "allocations can fail");
	forests_free(&f);
}

int
main(void)
{
	hpc_params forest = forest_params(HPC_FOREST, NTREES);
	hpc_params extra = forest_params(HPC_EXTRA_TREES, NTREES);

	check_forests("forests of different rows", &forest, false);
	check_forests("forests of the same rows", &forest, true);
	check_forests("extra trees of different rows", &extra, false);
	check_in_steps();
	check_refusals();
	check_kinds();
	check_learners();
	check_interruptions(false);
	check_interruptions(true);
	return hpt_done();
}
