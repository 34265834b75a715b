/*
 * test_select.c
 *		Ranking features: useful ones come first, copies and noise last, what is
 *		no feature is told of, and the order of rows does not matter.
 */
#include <math.h>
#include <string.h>

#include "hpt_table.h"

/* The ranking of a table by nthreads. */
static hpc_status
rank_table(hpt_memory *memory, const hpt_table *table, int nthreads,
		   hpc_candidate *candidates, hpc_dataset **dataset)
{
	hpc_params params;

	hpc_params_init(&params, HPC_BOOST);
	memory->env.nthreads = nthreads;
	*dataset = hpt_table_dataset(&memory->env, table);
	if (*dataset == NULL)
		return HPC_NO_MEMORY;
	return hpc_select(&memory->env, *dataset, &params, candidates);
}

/* Columns, most of them more than once:
 *
 *		target = 4 big + 2 medium (by level) + small + noise
 */
static void
make_table(hpt_table *table, uint32_t nrows)
{
	hpt_random random = {7};

	hpt_table_init(table);
	hpt_table_column(table, "noise1", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "noise2", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(table, "big", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "big_again", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "medium", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(table, "small", HPC_BOOLEAN, HPC_STORE_INT16);
	hpt_table_column(table, "id", HPC_NUMBER, HPC_STORE_INT32);
	table->columns[6].integral = true;
	hpt_table_column(table, "constant", HPC_NUMBER, HPC_STORE_INT16);
	hpt_table_column(table, "empty", HPC_NUMBER, HPC_STORE_INT16);
	hpt_table_column(table, "price", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "about", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "deed", HPC_CATEGORY, HPC_STORE_CODE);
	for (uint32_t i = 0; i < nrows; i++)
	{
		double big = (double) hpt_random_below(&random, 50) / 10;
		uint32_t medium = (uint32_t) hpt_random_below(&random, 5);
		bool small = hpt_random_below(&random, 3) == 0;
		double target = 4 * big + 2 * (medium * 3 % 5) + small +
						0.5 * hpt_random_normal(&random);
		hpc_value *row = hpt_table_row(table, target);

		row[0] = hpt_number(hpt_random_unit(&random));
		row[1] = hpt_level((uint32_t) hpt_random_below(&random, 30));
		row[2] = hpt_number(big);
		row[3] = hpt_number(-2 * big);
		row[4] = hpt_level(medium);
		row[5] = hpt_number(small);
		row[6] = hpt_number(i);
		row[7] = hpt_number(1);
		row[9] = hpt_number(2 * target);
		row[10] = hpt_number(floor(20 * target));
		row[11] = hpt_level(i);
	}
}

static const hpc_candidate *
find(const hpc_candidate *candidates, int n, const char *name, int *place)
{
	for (*place = 0; *place < n; (*place)++)
	{
		if (strcmp(candidates[*place].column, name) == 0)
			return &candidates[*place];
	}
	return NULL;
}

static void
check_verdict(const hpc_candidate *candidates, int n, const char *name,
			  hpc_verdict verdict)
{
	int place;
	const hpc_candidate *found = find(candidates, n, name, &place);

	hpt_ok(found != NULL && found->verdict == verdict, "%s: verdict %d", name,
		   (int) verdict);
}

static void
check_ranking(void)
{
	hpt_memory memory;
	hpt_table table;
	hpc_candidate found[HPT_MAX_COLUMNS];
	hpc_dataset *dataset;
	double sum = 0;
	int nranked = 0;
	int place;
	const hpc_candidate *copy;

	hpt_memory_init(&memory, 1);
	make_table(&table, 600);
	hpt_ok(rank_table(&memory, &table, 1, found, &dataset) == HPC_OK,
		   "a table is ranked");
	hpt_ok(strncmp(found[0].column, "big", 3) == 0, "the most useful first");
	hpt_is_string(found[1].column, "medium", "then the next");
	hpt_is_string(found[2].column, "small", "then the least useful");
	while (nranked < table.ncolumns && found[nranked].verdict == HPC_RANKED)
		sum += found[nranked++].score;
	hpt_ok(nranked == 6, "columns that may be features are ranked");
	hpt_ok(sum > 0.9 && sum < 1, "scores add up to R²: %.3f", sum);
	hpt_ok(found[0].score > 0.5 && found[1].score > 0.05 &&
			   found[2].score > 0.001 && found[3].score < 0.002,
		   "scores are what joining gains");
	copy = find(found, nranked,
				found[0].column[3] == '_' ? "big" : "big_again", &place);
	hpt_ok(copy != NULL && place > 2, "a copy comes after what is useful");
	if (copy != NULL)
		hpt_is_string(copy->same != NULL ? copy->same : "", found[0].column,
					  "and says the same as the first");
	hpt_ok(found[0].same == NULL && found[1].same == NULL &&
			   found[2].same == NULL,
		   "which is not said of others");
	check_verdict(found, table.ncolumns, "id", HPC_IS_KEY);
	check_verdict(found, table.ncolumns, "constant", HPC_IS_CONSTANT);
	check_verdict(found, table.ncolumns, "empty", HPC_IS_CONSTANT);
	check_verdict(found, table.ncolumns, "price", HPC_IS_TARGET);
	check_verdict(found, table.ncolumns, "about", HPC_IS_NEAR_TARGET);
	check_verdict(found, table.ncolumns, "deed", HPC_IS_UNIQUE_TEXT);
	hpt_ok(find(found, table.ncolumns, "empty", &place)->missing == 1 &&
			   found[0].missing == 0,
		   "missing values are counted");
	hpc_dataset_free(&memory.env, dataset);
	hpt_ok(memory.nblocks == 0, "nothing is left behind");
	hpt_table_free(&table);
}

static bool
same_ranking(const hpc_candidate *a, const hpc_candidate *b, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(a[i].column, b[i].column) != 0 ||
			a[i].verdict != b[i].verdict ||
			memcmp(&a[i].score, &b[i].score, sizeof(double)) != 0)
			return false;
	}
	return true;
}

/* Rows in another order, by another number of threads. */
static void
check_order(const char *what, hpt_table *table)
{
	hpt_memory memory;
	hpc_candidate one[HPT_MAX_COLUMNS];
	hpc_candidate other[HPT_MAX_COLUMNS];
	hpc_dataset *first;
	hpc_dataset *second;

	hpt_memory_init(&memory, 1);
	rank_table(&memory, table, 1, one, &first);
	hpt_table_shuffle(table, 3);
	rank_table(&memory, table, 2, other, &second);
	hpt_ok(same_ranking(one, other, table->ncolumns),
		   "%s: neither the order of rows nor threads matter", what);
	hpc_dataset_free(&memory.env, first);
	hpc_dataset_free(&memory.env, second);
}

static void
check_orders(void)
{
	hpt_table table;

	make_table(&table, 150);
	check_order("many columns", &table);
	hpt_table_weigh(&table, 5);
	check_order("weights", &table);
	hpt_table_free(&table);
	hpt_table_houses(&table, 150, 1);
	check_order("equal rows", &table);
	hpt_table_free(&table);
	hpt_table_numbers(&table, 2, 5500, 80, 1);
	check_order("more rows than are looked at", &table);
	hpt_table_free(&table);
}

/* More columns than are tried one by one. */
#define NMANY 30

/* Noise, and a signal in the last column and another one. */
static void
check_many_columns(void)
{
	static char names[NMANY][8];
	hpt_random random = {11};
	hpt_memory memory;
	hpt_table table;
	hpc_candidate found[HPT_MAX_COLUMNS];
	hpc_dataset *dataset;

	hpt_memory_init(&memory, 1);
	hpt_table_init(&table);
	for (int i = 0; i < NMANY; i++)
	{
		names[i][0] = 'x';
		names[i][1] = (char) ('a' + i / 10);
		names[i][2] = (char) ('0' + i % 10);
		hpt_table_column(&table, names[i], HPC_NUMBER, HPC_STORE_DOUBLE);
	}
	for (uint32_t row = 0; row < 200; row++)
	{
		hpc_value *values = hpt_table_row(&table, 0);

		for (int i = 0; i < NMANY; i++)
			values[i] = hpt_number((double) hpt_random_below(&random, 30));
		table.target[row] = 3 * values[NMANY - 1].number + values[17].number +
							hpt_random_normal(&random);
	}
	hpt_ok(rank_table(&memory, &table, 1, found, &dataset) == HPC_OK,
		   "many columns are ranked");
	hpt_is_string(found[0].column, "xc9", "the signal is found");
	hpt_is_string(found[1].column, "xb7", "and the weaker one");
	check_order("many", &table);
	hpc_dataset_free(&memory.env, dataset);
	hpt_table_free(&table);
}

/* Tables with next to nothing in them. */
static void
check_little(void)
{
	hpt_memory memory;
	hpt_table table;
	hpc_candidate found[HPT_MAX_COLUMNS];
	hpc_dataset *dataset;

	hpt_memory_init(&memory, 1);
	hpt_table_init(&table);
	hpt_table_column(&table, "a", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(&table, "b", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_row(&table, 5)[0] = hpt_number(1);
	hpt_ok(rank_table(&memory, &table, 1, found, &dataset) == HPC_OK &&
			   found[0].verdict == HPC_IS_CONSTANT &&
			   found[1].verdict == HPC_IS_CONSTANT,
		   "one row: all is constant");
	hpc_dataset_free(&memory.env, dataset);
	hpt_table_row(&table, 5)[0] = hpt_number(2);
	hpt_ok(rank_table(&memory, &table, 1, found, &dataset) == HPC_OK &&
			   found[0].verdict == HPC_RANKED && isnan(found[0].score),
		   "a constant target: nothing to explain");
	hpc_dataset_free(&memory.env, dataset);
	hpt_table_free(&table);
	hpt_table_init(&table);
	hpt_table_row(&table, 5);
	hpt_ok(rank_table(&memory, &table, 1, found, &dataset) == HPC_OK,
		   "no column");
	hpc_dataset_free(&memory.env, dataset);
	hpt_table_free(&table);
	hpt_ok(memory.nblocks == 0, "nothing is left behind");
}

/* Ranks with a request refused or a check cancelled. */
static hpc_status
try_ranking(const hpt_table *table, int64_t fail_at, int64_t cancel_at,
			int64_t *nblocks)
{
	hpt_memory memory;
	hpc_candidate found[HPT_MAX_COLUMNS];
	hpc_dataset *dataset;
	hpc_status status;

	hpt_memory_init(&memory, 1);
	memory.fail_at = fail_at;
	memory.cancel_at = cancel_at;
	status = rank_table(&memory, table, 1, found, &dataset);
	hpc_dataset_free(&memory.env, dataset);
	*nblocks = memory.nblocks;
	return status;
}

static void
check_failures(void)
{
	hpt_table table;
	hpc_status status = HPC_NO_MEMORY;
	int64_t nblocks;
	int64_t n = 0;
	int64_t nwrong = 0;

	hpt_table_numbers(&table, 3, 40, 9, 1);
	/* trials are all alike, and test_trial.c looks at each request of one */
	for (n = 1; status == HPC_NO_MEMORY; n += 1 + n / 40)
	{
		status = try_ranking(&table, n, 0, &nblocks);
		nwrong += nblocks != 0;
	}
	hpt_ok(nwrong == 0 && status == HPC_OK && n > 200,
		   "any allocation can fail");
	status = HPC_CANCELLED;
	nwrong = 0;
	for (n = 1; status == HPC_CANCELLED; n = n + n / 4 + 1)
	{
		status = try_ranking(&table, 0, n, &nblocks);
		nwrong += nblocks != 0;
	}
	hpt_ok(nwrong == 0 && status == HPC_OK && n > 20,
		   "it can be cancelled anywhere");
	hpt_table_free(&table);
}

int
main(void)
{
	check_ranking();
	check_orders();
	check_many_columns();
	check_little();
	check_failures();
	return hpt_done();
}
