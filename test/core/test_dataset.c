/*
 * test_dataset.c
 *		Collected rows: what goes in comes out, in few bytes, also through
 *		merging and refused allocations.
 */
#include <string.h>

#include "hpt_rows.h"
#include "hpt_table.h"

/* ---------- what goes in comes out ---------- */

/* At and beside places where the open rows grow, or are packed. */
static const uint64_t sizes[] = {0,   1,    15,   16,    17,    63,    64,
								 65,  127,  128,  129,   192,   255,   256,
								 257, 1000, 5000, 65535, 65536, 65537, 140000};

#define NSIZES (sizeof(sizes) / sizeof(sizes[0]))

static void
check_round_trips(void)
{
	for (size_t i = 0; i < NSIZES; i++)
	{
		hpt_memory memory;
		hpc_dataset *dataset;

		hpt_memory_init(&memory, 1);
		dataset = hpt_rows_dataset(&memory.env, 7, 7 + sizes[i]);
		hpt_ok(hpt_rows_hold(dataset, 7, sizes[i]), "%d rows", (int) sizes[i]);
		hpc_dataset_free(&memory.env, dataset);
		if (memory.nblocks != 0)
			hpt_ok(false, "everything is freed");
	}
}

static void
check_properties(void)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_column_spec spec;
	int nwrong = 0;

	hpt_memory_init(&memory, 1);
	dataset = hpt_rows_dataset(&memory.env, 0, 10);
	for (int i = 0; i < HPT_ROW_COLUMNS; i++)
	{
		spec = hpc_dataset_column(dataset, i);
		nwrong += strcmp(spec.name, hpt_row_columns[i].name) != 0 ||
				  spec.kind != hpt_row_columns[i].kind ||
				  spec.storage != hpt_row_columns[i].storage ||
				  spec.integral != hpt_row_columns[i].integral;
	}
	hpc_dataset_skip(dataset, 3);
	hpc_dataset_skip(dataset, 4);
	hpt_ok(nwrong == 0 && hpc_dataset_ncolumns(dataset) == HPT_ROW_COLUMNS,
		   "columns are as specified");
	hpt_ok(hpc_dataset_nskipped(dataset) == 7, "skipped rows are counted");
	hpc_dataset_free(&memory.env, dataset);
	hpc_dataset_free(&memory.env, NULL);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/*
 * Bytes of n rows of seven whole numbers of up to two bytes, of a price in
 * hundreds, and of a word.
 */
static size_t
bytes_of_houses(uint64_t nrows)
{
	hpc_column_spec specs[8];
	hpt_random random = {3};
	hpt_memory memory;
	hpc_dataset *dataset;
	size_t nbytes;

	for (int i = 0; i < 8; i++)
	{
		static const char *const names[] = {"a", "b", "c", "d",
											"e", "f", "g", "h"};

		specs[i] = hpt_row_columns[i < 7 ? 1 : HPT_ROW_WORD];
		specs[i].name = names[i];
	}
	hpt_memory_init(&memory, 1);
	hpc_dataset_create(&memory.env, 8, specs, &dataset);
	for (uint64_t row = 0; row < nrows; row++)
	{
		hpc_value values[8];

		for (int i = 0; i < 7; i++)
			values[i] = hpt_number(
				(double) hpt_random_below(&random, i < 4 ? 200 : 20000));
		values[7] = hpt_level((uint32_t) hpt_random_below(&random, 20));
		hpc_dataset_append(&memory.env, dataset, values,
						   100.0 * (double) hpt_random_below(&random, 9000),
						   1);
	}
	nbytes = hpc_dataset_nbytes(dataset);
	hpc_dataset_free(&memory.env, dataset);
	return nbytes;
}

static void
check_bytes(void)
{
	size_t few = bytes_of_houses(16);
	size_t some = bytes_of_houses(1000);
	size_t many = bytes_of_houses(400000);

	/* four columns of 1 byte, three of 2, a word of 1, a price of 2 */
	hpt_ok(many >= 400000 * 13 && many < 400000 * 15,
		   "%.1f bytes a row, of 400,000", (double) many / 400000);
	hpt_ok(few < 3000 && some < 50000, "%d bytes for 16 rows, %d for 1,000",
		   (int) few, (int) some);
}

/* A freed column; the others stay. */
static void
check_emptied(void)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	size_t before;

	hpt_memory_init(&memory, 1);
	dataset = hpt_rows_dataset(&memory.env, 0, 50000);
	before = hpc_dataset_nbytes(dataset);
	for (int i = 0; i < HPT_ROW_COLUMNS; i++)
	{
		if (i != 3)
			hpc_chunked_free(&memory.env, &dataset->columns[i].values);
	}
	hpt_ok(hpc_dataset_nbytes(dataset) < before - 50000 * 8 &&
			   hpt_rows_wrong_numbers(dataset, 3) == 0,
		   "columns are given back one by one");
	hpc_dataset_free(&memory.env, dataset);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* ---------- weights ---------- */

static void
check_weights(void)
{
	hpc_value values[HPT_ROW_COLUMNS];
	hpt_memory memory;
	hpc_dataset *dataset;

	for (int i = 0; i < HPT_ROW_COLUMNS; i++)
		values[i] = hpt_missing();
	hpt_memory_init(&memory, 1);
	dataset = hpt_rows_dataset(&memory.env, 0, 1000);
	hpc_dataset_append(&memory.env, dataset, values, 5, 0);
	hpt_ok(hpc_dataset_nskipped(dataset) == 1 &&
			   hpt_rows_hold(dataset, 0, 1000),
		   "a row of weight 0 is skipped");
	hpc_dataset_free(&memory.env, dataset);
	dataset = hpt_rows_dataset(&memory.env, HPT_ROW_WEIGHTY,
							   HPT_ROW_WEIGHTY + 70000);
	hpt_ok(hpt_rows_hold(dataset, HPT_ROW_WEIGHTY, 70000),
		   "rows with weights");
	hpc_dataset_free(&memory.env, dataset);
	dataset = hpt_rows_dataset(&memory.env, HPT_ROW_WEIGHTY - 1000,
							   HPT_ROW_WEIGHTY + 1);
	hpt_ok(hpt_rows_hold(dataset, HPT_ROW_WEIGHTY - 1000, 1001),
		   "the last row has a weight");
	hpc_dataset_free(&memory.env, dataset);
}

/* ---------- merging ---------- */

static void
check_merge(uint64_t begin, uint64_t cut, uint64_t end)
{
	hpt_memory memory;
	hpc_dataset *first;
	hpc_dataset *second;
	hpc_status status;

	hpt_memory_init(&memory, 1);
	first = hpt_rows_dataset(&memory.env, begin, cut);
	second = hpt_rows_dataset(&memory.env, cut, end);
	hpc_dataset_skip(first, 1);
	hpc_dataset_skip(second, 2);
	status = hpc_dataset_merge(&memory.env, first, second);
	hpt_ok(status == HPC_OK && hpt_rows_hold(first, begin, end - begin) &&
			   hpc_dataset_nskipped(first) == 3 &&
			   hpt_rows_hold(second, cut, end - cut),
		   "rows %d to %d and from there to %d", (int) begin, (int) cut,
		   (int) end);
	/* again, the other way round */
	hpc_dataset_free(&memory.env, first);
	first = hpt_rows_dataset(&memory.env, begin, cut);
	status = hpc_dataset_merge(&memory.env, second, first);
	hpt_ok(status == HPC_OK && hpt_rows_hold(second, begin, end - begin),
		   "the other way round");
	hpc_dataset_free(&memory.env, first);
	for (uint64_t row = end; row < end + 300; row++)
		status |= hpt_rows_append(&memory.env, second, row);
	hpt_ok(status == HPC_OK && hpt_rows_hold(second, begin, end + 300 - begin),
		   "and added to");
	hpc_dataset_free(&memory.env, second);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* Any number of parts of any size, put together in any order. */
static void
check_parts(uint64_t seed)
{
	hpt_random random = {seed};
	hpc_dataset *parts[40];
	hpt_memory memory;
	size_t nparts = hpt_random_below(&random, 40) + 1;
	uint64_t begin = hpt_random_below(&random, 2) * (HPT_ROW_WEIGHTY - 500);
	uint64_t row = begin;
	bool passed = true;

	hpt_memory_init(&memory, 1);
	for (size_t i = 0; i < nparts; i++)
	{
		uint64_t n = hpt_random_below(&random, i % 10 == 9 ? 12000
											   : i % 3     ? 40
														   : 500);

		parts[i] = hpt_rows_dataset(&memory.env, row, row + n);
		row += n;
	}
	hpt_shuffle(&random, parts, nparts, sizeof(parts[0]));
	for (; nparts > 1; nparts--)
	{
		hpc_dataset *to = parts[hpt_random_below(&random, nparts - 1)];
		hpc_dataset *from = parts[nparts - 1];

		passed &= hpc_dataset_merge(&memory.env, to, from) == HPC_OK;
		hpc_dataset_free(&memory.env, from);
	}
	hpt_ok(passed && hpt_rows_hold(parts[0], begin, row - begin),
		   "%d rows in parts", (int) (row - begin));
	hpc_dataset_free(&memory.env, parts[0]);
	if (memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
}

/* A data set whose columns differ in one respect. */
static void
check_merge_refused(const char *what, hpc_column_spec other, int ncolumns)
{
	hpc_column_spec changed[HPT_ROW_COLUMNS];
	hpt_memory memory;
	hpc_dataset *first;
	hpc_dataset *second;

	memcpy(changed, hpt_row_columns, sizeof(changed));
	changed[1] = other;
	hpt_memory_init(&memory, 1);
	first = hpt_rows_dataset(&memory.env, 0, 10);
	hpc_dataset_create(&memory.env, ncolumns, changed, &second);
	hpt_ok(hpc_dataset_merge(&memory.env, first, second) == HPC_BAD_DATA &&
			   hpt_rows_hold(first, 0, 10),
		   "%s is refused", what);
	hpc_dataset_free(&memory.env, first);
	hpc_dataset_free(&memory.env, second);
}

static void
check_merges(void)
{
	hpc_column_spec other = hpt_row_columns[1];

	check_merge(0, 0, 0);
	check_merge(0, 0, 100);
	check_merge(0, 100, 100);
	check_merge(0, 64, 65);
	check_merge(0, 100, 70000);
	check_merge(0, 65472, 131010);
	check_merge(900, 1100, 9000);
	check_merge(HPT_ROW_WEIGHTY - 3000, HPT_ROW_WEIGHTY - 100,
				HPT_ROW_WEIGHTY + 3000);
	for (uint64_t seed = 1; seed <= 20; seed++)
		check_parts(seed);
	check_merge_refused("another number of columns", other,
						HPT_ROW_COLUMNS - 1);
	other.name = "medium ";
	check_merge_refused("another name", other, HPT_ROW_COLUMNS);
	other = hpt_row_columns[1];
	other.kind = HPC_TIME;
	check_merge_refused("another kind", other, HPT_ROW_COLUMNS);
	other = hpt_row_columns[1];
	other.storage = HPC_STORE_DOUBLE;
	check_merge_refused("another storage", other, HPT_ROW_COLUMNS);
}

/* Cancelled at any time, it is as if nothing had been asked. */
static void
check_cancelled_merge(void)
{
	hpt_memory memory;
	hpc_dataset *first;
	hpc_dataset *second;
	hpc_status status = HPC_CANCELLED;
	bool passed = true;
	int ncancelled = 0;

	hpt_memory_init(&memory, 1);
	first = hpt_rows_dataset(&memory.env, 0, 900);
	second = hpt_rows_dataset(&memory.env, 900, 3000);
	while (status == HPC_CANCELLED && passed)
	{
		memory.nchecks = 0;
		memory.cancel_at = ++ncancelled;
		status = hpc_dataset_merge(&memory.env, first, second);
		passed = status == HPC_OK ? hpt_rows_hold(first, 0, 3000)
								  : hpt_rows_hold(first, 0, 900);
	}
	hpt_ok(passed && ncancelled > 10, "a merge is cancelled at %d places",
		   ncancelled - 1);
	hpc_dataset_free(&memory.env, first);
	hpc_dataset_free(&memory.env, second);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* ---------- refused allocations ---------- */

/*
 * With request number fail_at refused, a failed append or merge changes
 * nothing, and trying again works.
 */
static bool
survives_refusal(int64_t fail_at, bool *refused)
{
	hpt_memory memory;
	hpc_dataset *dataset = NULL;
	hpc_dataset *more = NULL;
	hpc_status status;
	bool passed;

	hpt_memory_init(&memory, 1);
	memory.fail_at = fail_at;
	while (dataset == NULL &&
		   hpc_dataset_create(&memory.env, HPT_ROW_COLUMNS, hpt_row_columns,
							  &dataset) != HPC_OK)
		continue;
	for (uint64_t row = 800; row < 1100; row++)
	{
		if (hpt_rows_append(&memory.env, dataset, row) != HPC_OK)
			row--;
	}
	while (more == NULL)
		more = hpt_rows_dataset(&memory.env, 1100, 1300);
	passed = hpt_rows_hold(dataset, 800, 300);
	status = hpc_dataset_merge(&memory.env, dataset, more);
	if (status != HPC_OK)
	{
		passed &= status == HPC_NO_MEMORY && hpt_rows_hold(dataset, 800, 300);
		passed &= hpc_dataset_merge(&memory.env, dataset, more) == HPC_OK;
	}
	passed &= hpt_rows_hold(dataset, 800, 500);
	hpc_dataset_free(&memory.env, dataset);
	hpc_dataset_free(&memory.env, more);
	*refused = memory.nrequests >= fail_at;
	return passed && memory.nblocks == 0;
}

static void
check_refusals(void)
{
	int64_t fail_at = 0;
	bool refused = true;
	bool passed = true;

	while (refused)
		passed &= survives_refusal(++fail_at, &refused);
	hpt_ok(passed && fail_at > 60,
		   "each of %d allocations can fail and be tried again",
		   (int) fail_at - 1);
}

int
main(void)
{
	check_round_trips();
	check_properties();
	check_bytes();
	check_emptied();
	check_weights();
	check_merges();
	check_cancelled_merge();
	check_refusals();
	return hpt_done();
}
