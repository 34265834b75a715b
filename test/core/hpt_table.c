/*
 * hpt_table.c
 *		Tables for the tests of the learner, and the models made from them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_model.h"
#include "hpt_table.h"

/* ---------- tables ---------- */

/* Memory of the tests themselves: running out ends the program. */
static void *
grab(void *ptr, size_t nbytes)
{
	void *block = realloc(ptr, nbytes > 0 ? nbytes : 1);

	if (block == NULL)
	{
		printf("Bail out! out of memory\n");
		exit(1);
	}
	return block;
}

void
hpt_table_init(hpt_table *table)
{
	memset(table, 0, sizeof(*table));
}

void
hpt_table_free(hpt_table *table)
{
	free(table->values);
	free(table->target);
	free(table->weight);
	hpt_table_init(table);
}

void
hpt_table_column(hpt_table *table, const char *name, hpc_kind kind,
				 hpc_storage storage)
{
	table->columns[table->ncolumns++] =
		(hpc_column_spec){name, kind, storage,
						  kind == HPC_NUMBER && (storage == HPC_STORE_INT16 ||
												 storage == HPC_STORE_INT32)};
}

hpc_value
hpt_number(double number)
{
	return (hpc_value){.number = number};
}

hpc_value
hpt_missing(void)
{
	return (hpc_value){.missing = true};
}

hpc_value
hpt_level(uint32_t i)
{
	static char labels[HPT_LABELS][4];
	char *label = labels[i];
	hpc_value value = {.bytes = label};

	if (label[0] == '\0')
	{
		char reversed[4];
		uint32_t n = 0;
		uint32_t rest = i + 1;

		for (; rest > 0; rest = (rest - 1) / 26)
			reversed[n++] = (char) ('a' + (rest - 1) % 26);
		for (uint32_t j = 0; j < n; j++)
			label[j] = reversed[n - 1 - j];
	}
	value.nbytes = (uint32_t) strlen(label);
	return value;
}

hpc_value *
hpt_table_row(hpt_table *table, double target)
{
	size_t ncolumns = (size_t) table->ncolumns;
	hpc_value *row;

	if (table->nrows == table->max_rows)
	{
		table->max_rows = table->max_rows * 2 + 64;
		table->values = grab(table->values,
							 table->max_rows * ncolumns * sizeof(hpc_value));
		table->target = grab(table->target, table->max_rows * sizeof(double));
		table->weight = grab(table->weight, table->max_rows * sizeof(double));
	}
	row = hpt_table_values(table, table->nrows);
	for (size_t i = 0; i < ncolumns; i++)
		row[i] = hpt_missing();
	table->weight[table->nrows] = 1;
	table->target[table->nrows++] = target;
	return row;
}

hpc_value *
hpt_table_values(const hpt_table *table, uint32_t row)
{
	return table->values + (size_t) row * (size_t) table->ncolumns;
}

void
hpt_table_repeat(hpt_table *table, uint32_t row)
{
	hpc_value *copy = hpt_table_row(table, table->target[row]);

	table->weight[table->nrows - 1] = table->weight[row];
	memcpy(copy, hpt_table_values(table, row),
		   (size_t) table->ncolumns * sizeof(hpc_value));
}

/* Columns in an order that is not that of their names. */
static void
add_house_columns(hpt_table *table)
{
	hpt_table_init(table);
	hpt_table_column(table, "rooms", HPC_NUMBER, HPC_STORE_INT16);
	hpt_table_column(table, "area", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "zone", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(table, "street", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(table, "pool", HPC_BOOLEAN, HPC_STORE_INT16);
	hpt_table_column(table, "sold", HPC_TIME, HPC_STORE_DOUBLE);
	hpt_table_column(table, "ratio", HPC_NUMBER, HPC_STORE_FLOAT);
	hpt_table_column(table, "lot", HPC_NUMBER, HPC_STORE_INT32);
}

void
hpt_table_houses(hpt_table *table, uint32_t nrows, uint64_t seed)
{
	hpt_random random = {seed};

	add_house_columns(table);
	while (table->nrows < nrows)
	{
		double rooms = 1 + (double) hpt_random_below(&random, 9);
		double area = floor(30000 * hpt_random_unit(&random)) / 100;
		double lot = (double) hpt_random_below(&random, 100000);
		uint32_t zone = (uint32_t) hpt_random_below(&random, 7);
		uint32_t street = (uint32_t) (60 * hpt_random_unit(&random) *
									  hpt_random_unit(&random));
		bool pool = hpt_random_below(&random, 20) == 0;
		double price = 20000 + 9000 * rooms + 700 * area + 0.1 * lot +
					   15000 * (zone % 3) + (pool ? 30000 : 0) +
					   5000 * hpt_random_normal(&random);
		uint32_t copies = hpt_random_below(&random, 10) == 0 ? 3 : 1;
		hpc_value ratio = hpt_random_below(&random, 3) == 0
							  ? hpt_missing()
							  : hpt_number((float) hpt_random_unit(&random));
		hpc_value sold =
			hpt_number(floor(1e6 * hpt_random_unit(&random)) * 8.64e10);

		while (copies-- > 0 && table->nrows < nrows)
		{
			hpc_value *row = hpt_table_row(table, floor(price / 100) * 100);

			row[0] = hpt_number(rooms);
			row[1] = hpt_number(area);
			row[2] = zone == 6 ? hpt_missing() : hpt_level(zone);
			row[3] = hpt_level(street);
			row[4] = hpt_number(pool);
			row[5] = sold;
			row[6] = ratio;
			row[7] = hpt_number(lot);
		}
	}
}

void
hpt_table_numbers(hpt_table *table, int ncolumns, uint32_t nrows,
				  uint32_t nvalues, uint64_t seed)
{
	static const char *const names[] = {"x0", "x1", "x2", "x3", "x4", "x5",
										"x6", "x7", "x8", "x9", "xa", "xb"};
	hpt_random random = {seed};

	hpt_table_init(table);
	for (int i = 0; i < ncolumns; i++)
		hpt_table_column(table, names[i], HPC_NUMBER, HPC_STORE_DOUBLE);
	while (table->nrows < nrows)
	{
		hpc_value *row = hpt_table_row(table, 0);
		double sum = hpt_random_normal(&random);

		for (int i = 0; i < ncolumns; i++)
		{
			double x = (double) hpt_random_below(&random, nvalues) / 8;

			row[i] = hpt_number(x);
			sum += (i + 1) * x;
		}
		table->target[table->nrows - 1] = floor(sum * 1000) / 1000;
	}
}

void
hpt_table_weigh(hpt_table *table, uint64_t seed)
{
	hpt_random random = {seed};

	for (uint32_t row = 0; row < table->nrows; row++)
	{
		bool one = hpt_random_below(&random, 2) == 0;
		uint64_t halves = 1 + hpt_random_below(&random, 40);

		table->weight[row] = one ? 1 : (double) halves / 2;
	}
}

void
hpt_table_shuffle(hpt_table *table, uint64_t seed)
{
	size_t row_size = (size_t) table->ncolumns * sizeof(hpc_value);
	hpt_random random = {seed};

	/* the same seed puts all in the same order */
	hpt_shuffle(&random, table->values, table->nrows, row_size);
	random.state = seed;
	hpt_shuffle(&random, table->target, table->nrows, sizeof(double));
	random.state = seed;
	hpt_shuffle(&random, table->weight, table->nrows, sizeof(double));
}

void
hpt_table_reverse_columns(hpt_table *table)
{
	int n = table->ncolumns;

	for (int i = 0; i < n / 2; i++)
	{
		hpc_column_spec column = table->columns[i];

		table->columns[i] = table->columns[n - 1 - i];
		table->columns[n - 1 - i] = column;
	}
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		hpc_value *values = hpt_table_values(table, row);

		for (int i = 0; i < n / 2; i++)
		{
			hpc_value value = values[i];

			values[i] = values[n - 1 - i];
			values[n - 1 - i] = value;
		}
	}
}

/* ---------- into the core ---------- */

hpc_dataset *
hpt_table_dataset(hpc_env *env, const hpt_table *table)
{
	hpc_dataset *dataset;

	if (hpc_dataset_create(env, table->ncolumns, table->columns, &dataset) !=
		HPC_OK)
		return NULL;
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		if (hpc_dataset_append(env, dataset, hpt_table_values(table, row),
							   table->target[row],
							   table->weight[row]) != HPC_OK)
		{
			hpc_dataset_free(env, dataset);
			return NULL;
		}
	}
	return dataset;
}

hpc_status
hpt_table_frame(hpc_env *env, const hpt_table *table, uint32_t max_bins,
				hpt_framed *framed)
{
	const hpc_frame_rules rules = {.max_bins = max_bins};

	return hpt_table_frame_by(env, table, &rules, framed);
}

hpc_status
hpt_table_frame_by(hpc_env *env, const hpt_table *table,
				   const hpc_frame_rules *rules, hpt_framed *framed)
{
	hpc_status status;

	memset(framed, 0, sizeof(*framed));
	framed->dataset = hpt_table_dataset(env, table);
	if (framed->dataset == NULL)
		return env->error.status;
	status = hpc_frame_create(env, framed->dataset, rules, &framed->frame,
							  framed->unique_text);
	if (status != HPC_OK)
		hpt_framed_free(env, framed);
	return status;
}

void
hpt_framed_free(hpc_env *env, hpt_framed *framed)
{
	if (framed->frame != NULL)
		hpc_frame_free(env, framed->frame);
	hpc_dataset_free(env, framed->dataset);
	memset(framed, 0, sizeof(*framed));
}

hpc_params
hpt_params(int64_t trees)
{
	hpc_params params;

	hpc_params_init(&params, HPC_FOREST);
	params.trees = trees;
	params.feature_fraction = 0.5;
	params.min_leaf = 2;
	params.cat_smooth = 10;
	params.cat_min_rows = 5;
	params.leak = HPC_LEAK_ALLOW;
	params.seed = 42;
	return params;
}

hpc_status
hpt_table_train(hpc_env *env, const hpt_table *table, const hpc_params *params,
				hpc_result *result)
{
	const hpc_texts texts = {"price", "{\"trees\": 3}", NULL, NULL};
	hpc_dataset *dataset = hpt_table_dataset(env, table);
	hpc_status status;

	memset(result, 0, sizeof(*result));
	if (dataset == NULL)
		return env->error.status;
	status = hpc_train(env, dataset, params, &texts, result);
	hpt_release(env, result->findings);
	result->findings = NULL;
	result->nfindings = 0;
	hpc_dataset_free(env, dataset);
	return status;
}

void
hpt_release(hpc_env *env, void *block)
{
	hpc_free(env, block);
}

hpc_status
hpt_table_try(const hpt_table *table, const hpc_params *params,
			  int64_t fail_at, int64_t cancel_at, int64_t *nblocks)
{
	hpt_memory memory;
	hpc_result result;
	hpc_status status;

	/* a crew now and then: it idles noisily on a busy machine */
	hpt_memory_init(&memory, (fail_at + cancel_at) % 8 == 0 ? 2 : 1);
	memory.fail_at = fail_at;
	memory.cancel_at = cancel_at;
	status = hpt_table_train(&memory.env, table, params, &result);
	if (status == HPC_OK)
		hpt_release(&memory.env, result.model);
	*nblocks = memory.nblocks;
	return status;
}

void
hpt_table_fails(const char *what, const hpt_table *table,
				const hpc_params *params)
{
	int64_t nwrong = 0;
	int64_t n = 0;
	int64_t nblocks;
	hpc_status status = HPC_NO_MEMORY;

	for (; status == HPC_NO_MEMORY; n++)
	{
		status = hpt_table_try(table, params, n + 1, 0, &nblocks);
		nwrong += nblocks != 0;
	}
	hpt_ok(nwrong == 0 && status == HPC_OK && n > 50,
		   "%s: each of %d allocations can fail", what, (int) n - 1);
}

hpc_model *
hpt_table_model(hpt_memory *memory, const hpt_table *table,
				const hpc_params *params, int nthreads, size_t *nbytes)
{
	hpc_result result;
	hpc_status status;

	hpt_memory_init(memory, nthreads);
	status = hpt_table_train(&memory->env, table, params, &result);
	if (status != HPC_OK)
	{
		printf("Bail out! training failed: %s\n", memory->env.error.message);
		exit(1);
	}
	*nbytes = result.nbytes;
	return result.model;
}

void
hpt_model_values(const hpc_model *model, const hpt_table *table, uint32_t row,
				 hpc_value *values)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	for (int i = 0; i < summary.nfeatures; i++)
	{
		hpc_model_feature feature;
		int column = 0;

		hpc_model_feature_at(model, i, &feature);
		while (strcmp(table->columns[column].name, feature.name) != 0)
			column++;
		values[i] = hpt_table_values(table, row)[column];
	}
}
