/*
 * test_train.c
 *		Training from end to end: tables at the edge of what can be learned
 *		from, trees as deep as they come, blends, and what the caller is told.
 */
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_model.h"
#include "hpt_section.h"
#include "hpt_table.h"

/* ---------- the edges ---------- */

/* Trains, validates, predicts all rows; between the targets, else false. */
static bool
trains(const hpt_table *table, const hpc_params *params,
	   hpc_model_summary *summary)
{
	hpt_memory memory;
	hpc_value values[HPT_MAX_COLUMNS];
	uint32_t codes[HPT_MAX_COLUMNS];
	size_t nbytes;
	hpc_model *model = hpt_table_model(&memory, table, params, 2, &nbytes);
	bool passed = hpc_model_validate(&memory.env, model, nbytes) == HPC_OK;

	hpc_model_summarize(model, summary);
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		double predicted;

		hpt_model_values(model, table, row, values);
		predicted = hpc_model_predict(model, values, codes);
		passed &= predicted >= summary->target_min &&
				  predicted <= summary->target_max;
	}
	hpt_model_exercise(model);
	memset(&summary->texts, 0, sizeof(summary->texts));
	hpt_release(&memory.env, model);
	return passed && memory.nblocks == 0;
}

static void
check_constant_target(void)
{
	hpc_params params = hpt_params(10);
	hpc_model_summary summary;
	hpt_table table;

	hpt_table_houses(&table, 100, 1);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = 181500.37;
	hpt_ok(trains(&table, &params, &summary) && summary.nnodes == 10 &&
			   summary.target_mean == 181500.37,
		   "a constant target: ten leaves");
	hpt_ok(summary.oob_mae == 0 && summary.oob_rmse == 0 &&
			   isnan(summary.oob_r2),
		   "without error, R2 undefined");
	hpt_table_free(&table);
}

static void
check_missing_columns(void)
{
	hpc_params params = hpt_params(10);
	hpc_model_summary summary;
	hpt_table table;

	hpt_table_houses(&table, 100, 1);
	for (uint32_t row = 0; row < table.nrows; row++)
	{
		table.values[row * 8 + 1] = hpt_missing();
		table.values[row * 8 + 2] = hpt_missing();
	}
	hpt_ok(trains(&table, &params, &summary) && summary.nfeatures == 8,
		   "two columns without any value");
	for (uint32_t i = 0; i < table.nrows * 8; i++)
		table.values[i] = hpt_missing();
	hpt_ok(trains(&table, &params, &summary) && summary.nnodes == 10,
		   "no value at all: ten leaves");
	hpt_table_free(&table);
	hpt_table_init(&table);
	hpt_table_row(&table, 1);
	hpt_table_row(&table, 2);
	params.bag = false;
	hpt_ok(trains(&table, &params, &summary) && summary.nfeatures == 0 &&
			   summary.target_mean == 1.5,
		   "no column at all");
	hpt_table_free(&table);
}

/* Targets at either end of the doubles. */
static void
check_targets(const char *what, double unit)
{
	hpc_params params = hpt_params(10);
	hpc_model_summary summary;
	hpt_table table;

	params.min_leaf = 1;
	hpt_table_houses(&table, 100, 1);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = (row % 11 - 5.0) * unit;
	hpt_ok(trains(&table, &params, &summary) &&
			   summary.target_min == -5 * unit &&
			   summary.target_max == 5 * unit,
		   "targets %s", what);
	hpt_ok(summary.oob_mae > 0 && isfinite(summary.oob_mae) &&
			   summary.oob_rmse >= summary.oob_mae &&
			   isfinite(summary.oob_rmse) && summary.oob_r2 < 1,
		   "have out-of-bag errors: MAE %g, RMSE %g", summary.oob_mae,
		   summary.oob_rmse);
	hpt_table_free(&table);
}

static void
check_few_rows(void)
{
	hpc_params params = hpt_params(25);
	hpc_model_summary summary;
	hpt_table table;

	for (uint32_t nrows = 1; nrows <= 5; nrows++)
	{
		params.min_leaf = 1;
		hpt_table_houses(&table, nrows, nrows);
		hpt_ok(trains(&table, &params, &summary) && summary.nrows == nrows &&
				   summary.oob_rows <= nrows,
			   "%u rows", nrows);
		hpt_table_free(&table);
	}
}

/* Thousands of copies of a few rows. */
static void
check_copies(void)
{
	hpc_params params = hpt_params(5);
	hpc_model_summary summary;
	hpt_table table;

	hpt_table_numbers(&table, 2, 3, 100, 7);
	while (table.nrows < 5000)
	{
		double target = table.target[table.nrows % 3];
		hpc_value *row = hpt_table_row(&table, target);

		memcpy(row, table.values + (table.nrows - 1) % 3 * 2,
			   2 * sizeof(hpc_value));
	}
	hpt_ok(trains(&table, &params, &summary) && summary.ndistinct == 3 &&
			   summary.nrows == 5000,
		   "5000 rows, 3 of them different");
	hpt_table_free(&table);
}

/* As many columns as a table of the database can have. */
static void
check_many_columns(void)
{
	static char names[1600][8];
	static hpc_column_spec columns[1600];
	static hpc_value values[1600];
	hpc_params params = hpt_params(2);
	const hpc_texts texts = {0};
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_result result;
	hpc_model_summary summary;
	hpc_status status;

	hpt_memory_init(&memory, 1);
	for (int i = 0; i < 1600; i++)
	{
		snprintf(names[i], sizeof(names[i]), "c%d", i);
		columns[i] =
			(hpc_column_spec){names[i], HPC_NUMBER, HPC_STORE_FLOAT, false};
	}
	hpc_dataset_create(&memory.env, 1600, columns, &dataset);
	for (uint64_t row = 0; row < 40; row++)
	{
		for (uint64_t i = 0; i < 1600; i++)
			values[i] = hpt_number((double) (hpc_mix(row * 1600 + i) % 100));
		hpc_dataset_append(&memory.env, dataset, values,
						   values[7].number + (double) row / 100, 1);
	}
	hpc_dataset_skip(dataset, 12);
	status = hpc_train(&memory.env, dataset, &params, &texts, &result);
	hpt_ok(status == HPC_OK && hpc_model_validate(&memory.env, result.model,
												  result.nbytes) == HPC_OK,
		   "1600 columns");
	hpc_model_summarize(result.model, &summary);
	hpt_ok(summary.nfeatures == 1600 && summary.nskipped == 12 &&
			   summary.texts.target == NULL,
		   "all are features; skipped rows are counted");
	hpt_release(&memory.env, result.model);
	hpt_release(&memory.env, result.findings);
	hpc_dataset_free(&memory.env, dataset);
}

/* Rows of weight 0 are skipped, and the mean is weighted. */
static void
check_weights(void)
{
	hpc_params params = hpt_params(3);
	hpc_model_summary summary;
	hpt_table table;

	hpt_table_numbers(&table, 2, 50, 20, 3);
	for (uint32_t row = 0; row < table.nrows; row++)
	{
		table.target[row] = row % 2 == 0 ? 10 : 20;
		table.weight[row] = row % 2 == 0 ? 3 : 1;
	}
	table.weight[0] = 0;
	table.target[0] = 1e9;
	hpt_ok(trains(&table, &params, &summary) && summary.nrows == 49 &&
			   summary.nskipped == 1 && summary.target_max == 20 &&
			   summary.target_mean == (24 * 3 * 10 + 25 * 20) / 97.0,
		   "rows of weight 0 do not count, the mean is weighted");
	params.algorithm = HPC_MEAN;
	hpt_ok(trains(&table, &params, &summary) && summary.nnodes == 0,
		   "so with the mean");
	hpt_table_free(&table);
}

/* ---------- blends ---------- */

/* A blend is told its parameters as text, its members are not. */
static hpc_status
train_to(hpt_memory *memory, const hpt_table *table, const hpc_params *params,
		 hpc_result *result, hpc_dataset **dataset)
{
	bool blend = params->algorithm == HPC_BLEND;
	const hpc_texts texts = {"price", blend ? "{\"members\": []}" : NULL, NULL,
							 NULL};

	hpt_memory_init(memory, 1);
	*dataset = hpt_table_dataset(&memory->env, table);
	return hpc_train(&memory->env, *dataset, params, &texts, result);
}

static void
release(hpt_memory *memory, hpc_result *result, hpc_dataset *dataset)
{
	hpt_release(&memory->env, result->model);
	hpt_release(&memory->env, result->findings);
	hpc_dataset_free(&memory->env, dataset);
	if (memory->nblocks != 0)
		hpt_ok(false, "everything is freed");
}

/*
 * A member is the model that its parameters give alone, to the byte, but for
 * what the blend knows of the rows.
 */
static bool
member_is(const hpc_model *member, const hpt_table *table,
		  const hpc_params *params)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_result alone;
	bool same = false;

	if (train_to(&memory, table, params, &alone, &dataset) == HPC_OK)
	{
		size_t nbytes;
		hpc_model *bare = hpt_bare(alone.model, &nbytes);

		same = nbytes == member->nbytes &&
			   memcmp((const char *) member + 4, (const char *) bare + 4,
					  nbytes - 4) == 0;
		free(bare);
	}
	release(&memory, &alone, dataset);
	return same;
}

static void
check_blend(const char *what, const hpt_table *table,
			const hpc_params *members, int nmembers)
{
	hpc_params params;
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_result result;
	hpc_model_summary summary;
	int nwrong = 0;

	hpc_params_init(&params, HPC_BLEND);
	params.leak = members[0].leak;
	params.nmembers = nmembers;
	params.members = members;
	if (!hpt_ok(train_to(&memory, table, &params, &result, &dataset) == HPC_OK,
				"%s: trained", what))
	{
		hpt_note("%s", memory.env.error.message);
		release(&memory, &result, dataset);
		return;
	}
	hpc_model_summarize(result.model, &summary);
	hpt_ok(summary.nmembers == nmembers &&
			   strcmp(summary.texts.params, "{\"members\": []}") == 0 &&
			   hpc_model_validate(&memory.env, result.model, result.nbytes) ==
				   HPC_OK,
		   "a valid model of %d members", nmembers);
	for (int i = 0; i < nmembers; i++)
		nwrong +=
			!member_is(hpc_model_member(result.model, i), table, &members[i]);
	hpt_ok(nwrong == 0, "each the model that it is alone");
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		hpc_value values[HPT_MAX_COLUMNS];
		uint32_t codes[HPT_MAX_COLUMNS];
		double found;
		double expected;

		hpt_model_values(result.model, table, row, values);
		found = hpc_model_predict(result.model, values, codes);
		expected = hpt_model_slow_predict(result.model, values);
		nwrong += !(fabs(found - expected) <= 1e-12 * fabs(expected));
	}
	hpt_ok(nwrong == 0, "that predicts their mean");
	release(&memory, &result, dataset);
}

static void
check_blends(void)
{
	hpc_params members[3] = {hpt_params(3), hpt_params(4), hpt_params(2)};
	hpt_table table;

	hpt_table_houses(&table, 300, 5);
	members[1].algorithm = HPC_EXTRA_TREES;
	members[2].bag = false;
	check_blend("three forests", &table, members, 3);
	members[0].log_target = members[1].log_target = members[2].log_target = 1;
	check_blend("on logarithms", &table, members, 3);
	members[1].log_target = 0;
	check_blend("some of them", &table, members, 3);
	hpc_params_init(&members[0], HPC_BOOST);
	hpc_params_init(&members[1], HPC_LINEAR);
	members[0].rounds = 30;
	members[0].leak = members[1].leak = HPC_LEAK_ALLOW;
	check_blend("boosting and a linear model", &table, members, 2);
	hpt_table_free(&table);
}

/* A blend looks for leaks, keys and unique text once. */
static void
check_blend_findings(void)
{
	hpc_params members[2] = {hpt_params(3), hpt_params(4)};
	hpc_params params;
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_result result;
	hpt_table table;

	hpt_table_init(&table);
	hpt_table_column(&table, "id", HPC_NUMBER, HPC_STORE_INT32);
	hpt_table_column(&table, "name", HPC_CATEGORY, HPC_STORE_CODE);
	for (uint32_t i = 0; i < 100; i++)
	{
		hpc_value *row = hpt_table_row(&table, hpc_mix(i) % 7);

		row[0] = hpt_number(i);
		row[1] = hpt_level(i);
	}
	members[0].leak = members[1].leak = HPC_LEAK_ERROR;
	hpc_params_init(&params, HPC_BLEND);
	params.nmembers = 2;
	params.members = members;
	hpt_ok(train_to(&memory, &table, &params, &result, &dataset) == HPC_OK &&
			   result.nfindings == 2 &&
			   result.findings[0].kind == HPC_FOUND_UNIQUE_TEXT &&
			   strcmp(result.findings[0].column, "name") == 0 &&
			   result.findings[1].kind == HPC_FOUND_KEY &&
			   strcmp(result.findings[1].column, "id") == 0,
		   "a blend tells of a key and of unique text, once");
	release(&memory, &result, dataset);
	for (uint32_t i = 0; i < 100; i++)
		table.target[i] = -3.0 * i;
	hpt_ok(train_to(&memory, &table, &params, &result, &dataset) == HPC_LEAK &&
			   result.model == NULL &&
			   strstr(memory.env.error.message, "\"id\"") != NULL,
		   "and refuses a leak");
	release(&memory, &result, dataset);
	hpt_table_free(&table);
}

/* ---------- a handful of rows by any algorithm ---------- */

static void
check_few_rows_of(hpc_algorithm algorithm)
{
	hpc_params params;
	int nwrong = 0;

	hpc_params_init(&params, algorithm);
	params.leak = HPC_LEAK_ALLOW;
	params.trees = params.rounds = 20;
	for (uint32_t nrows = 1; nrows <= 5; nrows++)
	{
		for (uint64_t seed = 0; seed < 4; seed++)
		{
			hpt_memory memory;
			hpt_table table;
			size_t nbytes;
			hpc_model *model;

			hpt_table_houses(&table, nrows, seed);
			/* all equal, or weights beyond measure */
			for (uint32_t row = 0; row < nrows && seed == 2; row++)
				table.target[row] = 42;
			for (uint32_t row = 0; row < nrows && seed == 3; row++)
				table.weight[row] = row % 2 == 0 ? 1e-100 : 1e100;
			model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
			nwrong += hpc_model_validate(&memory.env, model, nbytes) != HPC_OK;
			for (uint32_t row = 0; row < nrows; row++)
			{
				hpc_value values[HPT_MAX_COLUMNS];
				uint32_t codes[HPT_MAX_COLUMNS];
				double predicted;

				hpt_model_values(model, &table, row, values);
				predicted = hpc_model_predict(model, values, codes);
				nwrong += !isfinite(predicted) ||
						  (seed == 2 && fabs(predicted - 42) > 1e-9);
			}
			hpt_release(&memory.env, model);
			hpt_table_free(&table);
			nwrong += memory.nblocks != 0;
		}
	}
	hpt_ok(nwrong == 0, "one to five rows by %s",
		   hpc_algorithm_name(algorithm));
}

/* ---------- deep trees ---------- */

/* Training in a thread with little stack. */
typedef struct deep
{
	const hpt_table *table;
	const hpc_params *params;
	bool passed;
	uint64_t nnodes;
} deep;

static void *
train_in_thread(void *arg)
{
	deep *d = arg;
	hpc_model_summary summary;

	d->passed = trains(d->table, d->params, &summary);
	d->nnodes = summary.nnodes;
	return NULL;
}

static void
check_deep(const char *what, const hpt_table *table, hpc_params params,
		   uint64_t min_nodes)
{
	deep d = {table, &params, false, 0};
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 * 1024);
	if (pthread_create(&thread, &attributes, train_in_thread, &d) == 0)
		pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
	hpt_ok(d.passed && d.nnodes >= min_nodes, "%s: %d nodes, little stack",
		   what, (int) d.nnodes);
}

/*
 * Targets that alternate along x: the best split cuts a row off an end, so
 * the tree is nearly as deep as it has rows.
 */
static void
check_deep_trees(void)
{
	hpc_params params = hpt_params(1);
	hpt_table table;

	params.bag = false;
	params.min_leaf = 1;
	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_INT32);
	for (uint32_t i = 0; i < 3000; i++)
		hpt_table_row(&table, i % 2)[0] = hpt_number(i);
	check_deep("3,000 alternating rows", &table, params, 2 * 3000 - 1);
	params.max_leaves = 1000000000;
	check_deep("best first", &table, params, 2 * 3000 - 1);
	hpt_table_free(&table);
	params.max_leaves = 0;
	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_INT32);
	for (uint32_t i = 0; i < 100000; i++)
		hpt_table_row(&table, i * 1.01 + i % 7)[0] = hpt_number(i);
	check_deep("100,000 sorted rows", &table, params, 2 * 60000);
	hpt_table_free(&table);
}

int
main(void)
{
	check_constant_target();
	check_missing_columns();
	check_targets("near the largest double", 3e307);
	check_targets("near the smallest normal double", DBL_MIN * 4);
	check_targets("below the normal doubles", 1e-320);
	check_few_rows();
	check_copies();
	check_many_columns();
	check_weights();
	check_blends();
	check_blend_findings();
	check_few_rows_of(HPC_MEAN);
	check_few_rows_of(HPC_FOREST);
	check_few_rows_of(HPC_EXTRA_TREES);
	check_few_rows_of(HPC_BOOST);
	check_few_rows_of(HPC_LINEAR);
	check_deep_trees();
	return hpt_done();
}
