/*
 * hpt_case.c
 *		A table and parameters drawn from a seed: any algorithm, any options.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hpt_case.h"

static uint64_t
below(hpt_random *random, uint64_t n)
{
	return hpt_random_below(random, n);
}

/* True once in n times. */
static bool
once_in(hpt_random *random, uint64_t n)
{
	return below(random, n) == 0;
}

/* ---------- tables ---------- */

/* What a column is made of. */
typedef struct making
{
	uint64_t nvalues;
	double unit;
	bool holes;
	double effect; /* on the target */
} making;

static void
draw_columns(hpt_random *random, hpt_table *table, making *makings)
{
	static const char *const names[] = {"lot",  "Area", "zone", "year",
										"a b",  "pool", "X",    "rooms",
										"sold", "q",    "door", "h"};
	static const hpc_kind kinds[] = {HPC_NUMBER, HPC_NUMBER,  HPC_CATEGORY,
									 HPC_NUMBER, HPC_BOOLEAN, HPC_TIME};
	uint64_t ncolumns = below(random, 13);

	hpt_table_init(table);
	for (uint64_t i = 0; i < ncolumns; i++)
	{
		hpc_kind kind = kinds[below(random, 6)];
		making *m = &makings[i];

		m->nvalues = kind == HPC_BOOLEAN  ? 2
					 : once_in(random, 2) ? 1 + below(random, 12)
										  : 1 + below(random, 3000);
		m->unit = kind == HPC_BOOLEAN || once_in(random, 2) ? 1 : 0.37;
		m->holes = once_in(random, 3);
		m->effect = once_in(random, 2) ? 0 : 40 * hpt_random_unit(random);
		hpt_table_column(table, names[i], kind,
						 kind == HPC_CATEGORY ? HPC_STORE_CODE
											  : HPC_STORE_DOUBLE);
	}
}

/* A row, its target a noisy sum of what columns say. */
static void
draw_row(hpt_random *random, hpt_table *table, const making *makings)
{
	double target = 20 * hpt_random_normal(random);
	hpc_value *row = hpt_table_row(table, 0);

	for (int i = 0; i < table->ncolumns; i++)
	{
		const making *m = &makings[i];
		uint64_t x = below(random, m->nvalues);

		if (m->holes && once_in(random, 4))
		{
			target += m->effect;
			continue;
		}
		target += m->effect * (double) (x % 17);
		row[i] = table->columns[i].kind == HPC_CATEGORY
					 ? hpt_level((uint32_t) x)
					 : hpt_number((double) x * m->unit - 5);
	}
	table->target[table->nrows - 1] = target;
}

/* Turns targets into what the world has: prices, rates, ties, outliers. */
static void
shape_targets(hpt_random *random, hpt_table *table)
{
	uint64_t shape = below(random, 7);

	for (uint32_t row = 0; row < table->nrows; row++)
	{
		double *y = &table->target[row];

		switch (shape)
		{
			case 0: /* whole prices */
				*y = floor(100 * fabs(*y)) + 1000;
				break;
			case 1: /* skewed prices */
				*y = hpc_exp(*y / 100) * 1000;
				break;
			case 2: /* few different ones */
				*y = floor(*y / 50);
				break;
			case 3:
				*y *= 1e-300;
				break;
			case 4:
				*y *= 1e300;
				break;
			case 5:
				*y = row == 0 ? 1e15 : floor(*y);
				break;
			default:
				break;
		}
	}
}

static void
draw_table(hpt_random *random, hpt_table *table, uint32_t nrows)
{
	making makings[HPT_MAX_COLUMNS];
	bool weights = once_in(random, 3);
	bool strange = once_in(random, 4);

	draw_columns(random, table, makings);
	while (table->nrows < nrows)
	{
		if (table->nrows > 0 && once_in(random, 12))
			hpt_table_repeat(table, (uint32_t) below(random, table->nrows));
		else
			draw_row(random, table, makings);
	}
	shape_targets(random, table);
	/* of weight 0 are some, but not all */
	for (uint32_t row = 0; row < nrows && weights; row++)
	{
		table->weight[row] = (double) (below(random, 9) + (row == 0)) / 4;
		if (strange)
			table->weight[row] *= once_in(random, 2) ? 1e-99 : 1e99;
	}
}

/* ---------- parameters ---------- */

static bool
all_positive(const hpt_table *table)
{
	bool positive = true;

	for (uint32_t row = 0; row < table->nrows; row++)
		positive &= table->target[row] > 0 || table->weight[row] == 0;
	return positive;
}

static void
draw_tree_params(hpt_random *random, hpc_params *params)
{
	static const int64_t bins[] = {2, 9, 255, 256, 65534};

	if (once_in(random, 3))
		params->max_depth = 1 + (int64_t) below(random, 7);
	if (once_in(random, 2))
		params->min_leaf = 1 + (int64_t) below(random, 12);
	if (once_in(random, 2))
		params->max_leaves = 2 + (int64_t) below(random, 40);
	if (once_in(random, 2))
		params->feature_fraction = 0.2 + 0.8 * hpt_random_unit(random);
	if (once_in(random, 2))
		params->row_fraction = 0.2 + 0.8 * hpt_random_unit(random);
	if (once_in(random, 2))
		params->max_bins = bins[below(random, 5)];
	if (once_in(random, 3))
		params->cat_smooth = 20 * hpt_random_unit(random);
	if (once_in(random, 3))
		params->cat_min_rows = (double) below(random, 20);
}

static void
draw_bagged_params(hpt_random *random, hpc_params *params)
{
	params->trees = 1 + (int64_t) below(random, 6);
	params->bag = once_in(random, 2);
	if (once_in(random, 4))
		params->features = 1 + (int64_t) below(random, 9);
}

static void
draw_boost_params(hpt_random *random, hpc_params *params)
{
	params->rounds = 1 + (int64_t) below(random, 30);
	if (once_in(random, 2))
		params->learning_rate = 0.05 + 0.9 * hpt_random_unit(random);
	params->loss = (int64_t) below(random, 4);
	params->quantile = 0.05 + 0.9 * hpt_random_unit(random);
	params->huber_quantile = 0.2 + 0.8 * hpt_random_unit(random);
	params->early_stopping = once_in(random, 2);
	if (once_in(random, 2))
		params->l2 = 10 * hpt_random_unit(random);
}

static void
draw_linear_params(hpt_random *random, hpc_params *params)
{
	if (once_in(random, 2))
		params->l1 = hpt_random_unit(random);
	if (once_in(random, 2))
		params->l2 = hpt_random_unit(random);
}

static void
draw_params(hpt_random *random, const hpt_table *table,
			hpc_algorithm algorithm, hpc_params *params)
{
	hpc_params_init(params, algorithm);
	params->leak = HPC_LEAK_ALLOW;
	params->seed = (int64_t) below(random, 1000) - 500;
	if (algorithm == HPC_FOREST || algorithm == HPC_EXTRA_TREES ||
		algorithm == HPC_BOOST)
		draw_tree_params(random, params);
	if (algorithm == HPC_FOREST || algorithm == HPC_EXTRA_TREES)
		draw_bagged_params(random, params);
	if (algorithm == HPC_BOOST)
		draw_boost_params(random, params);
	if (algorithm == HPC_LINEAR)
		draw_linear_params(random, params);
	if (algorithm == HPC_MEAN || algorithm == HPC_BLEND)
		return;
	params->log_target = (int64_t) below(random, 3) - 1;
	if (params->log_target == 1 && !all_positive(table))
		params->log_target = 0;
	params->retransform = (int64_t) below(random, 2);
}

/* Signs for about half the columns that have an order, in order of names. */
static void
draw_monotone(hpt_random *random, hpt_case *drawn)
{
	for (int i = 0; i < drawn->table.ncolumns; i++)
	{
		const hpc_column_spec *column = &drawn->table.columns[i];
		int place = drawn->nmonotone;

		if (column->kind == HPC_CATEGORY || once_in(random, 2))
			continue;
		for (; place > 0 &&
			   strcmp(drawn->monotone[place - 1].column, column->name) > 0;
			 place--)
			drawn->monotone[place] = drawn->monotone[place - 1];
		drawn->monotone[place] =
			(hpc_monotone){column->name, once_in(random, 2) ? 1 : -1};
		drawn->nmonotone++;
	}
}

static void
use_monotone(const hpt_case *drawn, hpc_params *params)
{
	if (params->algorithm != HPC_FOREST &&
		params->algorithm != HPC_EXTRA_TREES && params->algorithm != HPC_BOOST)
		return;
	params->nmonotone = drawn->nmonotone;
	params->monotone = drawn->monotone;
}

static void
draw_members(hpt_random *random, hpt_case *drawn)
{
	static const hpc_algorithm algorithms[] = {HPC_BOOST, HPC_LINEAR,
											   HPC_FOREST, HPC_EXTRA_TREES};
	int nmembers = 2 + (int) below(random, HPT_CASE_MEMBERS - 1);

	for (int i = 0; i < nmembers; i++)
	{
		draw_params(random, &drawn->table, algorithms[below(random, 4)],
					&drawn->members[i]);
		use_monotone(drawn, &drawn->members[i]);
	}
	drawn->params.nmembers = nmembers;
	drawn->params.members = drawn->members;
}

/* ---------- cases ---------- */

static void
describe(hpt_case *drawn)
{
	int nparameters;
	const hpc_parameter *all = hpc_parameter_table(&nparameters);
	const hpt_table *table = &drawn->table;
	size_t size = sizeof(drawn->words);
	size_t n = (size_t) snprintf(drawn->words, size,
								 "seed %llu: %s, %u rows, %d columns",
								 (unsigned long long) drawn->seed,
								 hpc_algorithm_name(drawn->params.algorithm),
								 table->nrows, table->ncolumns);

	for (int i = 0; i < nparameters && n < size; i++)
	{
		if (!(all[i].algorithms >> drawn->params.algorithm & 1) ||
			!hpc_parameter_is_scalar(&all[i]))
			continue;
		n += (size_t) snprintf(drawn->words + n, size - n, ", %s %.3g",
							   all[i].name,
							   hpc_params_get(&drawn->params, &all[i]));
	}
	if (drawn->nmonotone > 0 && n < size)
		snprintf(drawn->words + n, size - n, ", %d signs", drawn->nmonotone);
}

void
hpt_case_init(hpt_case *drawn, uint64_t seed, hpc_algorithm algorithm,
			  uint32_t nrows)
{
	hpt_random random = {seed * 16 + algorithm};

	memset(drawn, 0, sizeof(*drawn));
	drawn->seed = seed;
	if (nrows == 0)
		nrows = 1 + (uint32_t) below(&random, once_in(&random, 4) ? 9 : 600);
	draw_table(&random, &drawn->table, nrows);
	draw_params(&random, &drawn->table, algorithm, &drawn->params);
	if (once_in(&random, 3))
		draw_monotone(&random, drawn);
	use_monotone(drawn, &drawn->params);
	if (algorithm == HPC_BLEND)
		draw_members(&random, drawn);
	describe(drawn);
}

void
hpt_case_free(hpt_case *drawn)
{
	hpt_table_free(&drawn->table);
	memset(drawn, 0, sizeof(*drawn));
}
