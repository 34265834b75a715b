/*
 * test_dataset.c
 *		Rows in chunks: what goes in comes out, also through merging, the
 *		flat form, refused allocations, and flat bytes that nobody wrote.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_dataset.h"
#include "hpt_table.h"

static const hpc_column_spec columns[] = {
	{"small", HPC_NUMBER, HPC_STORE_INT16, true},
	{"medium", HPC_NUMBER, HPC_STORE_INT32, true},
	{"single", HPC_NUMBER, HPC_STORE_FLOAT, false},
	{"wide", HPC_TIME, HPC_STORE_DOUBLE, false},
	{"word", HPC_CATEGORY, HPC_STORE_CODE, false},
};

#define NCOLUMNS 5

/* ---------- rows that are a function of their number ---------- */

static bool
missing_at(uint64_t row, int column)
{
	return hpc_mix(row * NCOLUMNS + (uint64_t) column) % 5 == 0;
}

static double
number_at(uint64_t row, int column)
{
	uint64_t bits = hpc_mix(row + 1000 * (uint64_t) column);

	switch (column)
	{
		case 0:
			return (int16_t) bits;
		case 1:
			return (int32_t) bits;
		case 2:
			return (float) (int32_t) bits / 3;
		default:
			return (double) (int64_t) bits / 7;
	}
}

static uint32_t
level_at(uint64_t row)
{
	return (uint32_t) (hpc_mix(row) % 500);
}

static double
target_at(uint64_t row)
{
	return (double) row / 3;
}

static hpc_status
append_row(hpc_env *env, hpc_dataset *dataset, uint64_t row)
{
	hpc_value values[NCOLUMNS];

	for (int i = 0; i < NCOLUMNS - 1; i++)
	{
		values[i] = hpt_number(number_at(row, i));
		values[i].missing = missing_at(row, i);
	}
	/* NaN counts as missing too */
	if (missing_at(row, 3))
		values[3] = hpt_number(NAN);
	values[4] = hpt_level(level_at(row));
	values[4].missing = missing_at(row, 4);
	return hpc_dataset_append(env, dataset, values, target_at(row));
}

static hpc_dataset *
rows_from(hpc_env *env, uint64_t begin, uint64_t end)
{
	hpc_dataset *dataset = NULL;

	if (hpc_dataset_create(env, NCOLUMNS, columns, &dataset) != HPC_OK)
		return NULL;
	for (uint64_t row = begin; row < end; row++)
	{
		if (append_row(env, dataset, row) != HPC_OK)
		{
			hpc_dataset_free(env, dataset);
			return NULL;
		}
	}
	return dataset;
}

/* Values of a column that are not as they should be, from row first on. */
static uint64_t
count_wrong_numbers(const hpc_dataset *dataset, int column, uint64_t first)
{
	uint64_t n = hpc_dataset_nrows(dataset);
	double *numbers = malloc(n * sizeof(double));
	uint64_t nwrong = 0;

	hpc_dataset_doubles(dataset, &dataset->columns[column].values, numbers);
	for (uint64_t row = 0; row < n; row++)
		nwrong += missing_at(first + row, column)
					  ? !isnan(numbers[row])
					  : numbers[row] != number_at(first + row, column);
	free(numbers);
	return nwrong;
}

static uint64_t
count_wrong_words(const hpc_dataset *dataset, uint64_t first)
{
	uint64_t n = hpc_dataset_nrows(dataset);
	const hpc_column *column = &dataset->columns[4];
	uint32_t *codes = malloc(n * sizeof(uint32_t));
	uint64_t nwrong = 0;

	hpc_dataset_codes(dataset, &column->values, codes);
	for (uint64_t row = 0; row < n; row++)
	{
		hpc_value expected = hpt_level(level_at(first + row));
		const char *bytes;
		uint32_t nbytes;

		if (missing_at(first + row, 4) || codes[row] == HPC_MISSING_CODE)
		{
			nwrong +=
				!missing_at(first + row, 4) || codes[row] != HPC_MISSING_CODE;
			continue;
		}
		bytes = hpc_dictionary_entry(&column->dictionary, codes[row], &nbytes);
		nwrong += hpc_compare_bytes(bytes, nbytes, expected.bytes,
									expected.nbytes) != 0;
	}
	free(codes);
	return nwrong;
}

/* Does the data set hold the rows first .. first + nrows - 1? */
static bool
holds_rows(const hpc_dataset *dataset, uint64_t first, uint64_t nrows)
{
	uint64_t nwrong = hpc_dataset_nrows(dataset) != nrows;
	double *targets = malloc((nrows + 1) * sizeof(double));

	hpc_dataset_doubles(dataset, &dataset->target, targets);
	for (uint64_t row = 0; row < nrows; row++)
		nwrong += targets[row] != target_at(first + row);
	for (int i = 0; i < NCOLUMNS - 1; i++)
		nwrong += count_wrong_numbers(dataset, i, first);
	nwrong += count_wrong_words(dataset, first);
	free(targets);
	return nwrong == 0;
}

/* ---------- what goes in comes out ---------- */

/* At and beside the ends of chunks: 64, 64 + 128, ..., then 65,536 each. */
static const uint64_t sizes[] = {0,      1,      63,     64,    65,    191,
								 192,    193,    5000,   65471, 65472, 65473,
								 131007, 131008, 131009, 140000};

#define NSIZES (sizeof(sizes) / sizeof(sizes[0]))

static void
check_round_trips(void)
{
	for (size_t i = 0; i < NSIZES; i++)
	{
		hpt_memory memory;
		hpc_dataset *dataset;

		hpt_memory_init(&memory, 1);
		dataset = rows_from(&memory.env, 7, 7 + sizes[i]);
		hpt_ok(holds_rows(dataset, 7, sizes[i]), "%d rows", (int) sizes[i]);
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
	dataset = rows_from(&memory.env, 0, 10);
	for (int i = 0; i < NCOLUMNS; i++)
	{
		spec = hpc_dataset_column(dataset, i);
		nwrong += strcmp(spec.name, columns[i].name) != 0 ||
				  spec.kind != columns[i].kind ||
				  spec.storage != columns[i].storage ||
				  spec.integral != columns[i].integral;
	}
	hpc_dataset_skip(dataset, 3);
	hpc_dataset_skip(dataset, 4);
	hpt_ok(nwrong == 0 && hpc_dataset_ncolumns(dataset) == NCOLUMNS,
		   "columns are as specified");
	hpt_ok(hpc_dataset_nskipped(dataset) == 7, "skipped rows are counted");
	hpt_ok(hpc_dataset_nbytes(dataset) >= 64 * (2 + 4 + 4 + 8 + 4 + 8),
		   "bytes are counted");
	hpc_dataset_free(&memory.env, dataset);
	hpc_dataset_free(&memory.env, NULL);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* ---------- merging ---------- */

static void
check_merge(uint64_t cut, uint64_t end)
{
	hpt_memory memory;
	hpc_dataset *first;
	hpc_dataset *second;
	hpc_status status;

	hpt_memory_init(&memory, 1);
	first = rows_from(&memory.env, 0, cut);
	second = rows_from(&memory.env, cut, end);
	hpc_dataset_skip(first, 1);
	hpc_dataset_skip(second, 2);
	status = hpc_dataset_merge(&memory.env, first, second);
	hpt_ok(status == HPC_OK && holds_rows(first, 0, end) &&
			   hpc_dataset_nskipped(first) == 3 &&
			   holds_rows(second, cut, end - cut),
		   "rows 0 to %d and from there to %d", (int) cut, (int) end);
	hpc_dataset_free(&memory.env, first);
	hpc_dataset_free(&memory.env, second);
}

/* A data set whose columns differ in one respect. */
static void
check_merge_refused(const char *what, hpc_column_spec other, int ncolumns)
{
	hpc_column_spec changed[NCOLUMNS];
	hpt_memory memory;
	hpc_dataset *first;
	hpc_dataset *second;

	memcpy(changed, columns, sizeof(changed));
	changed[1] = other;
	hpt_memory_init(&memory, 1);
	first = rows_from(&memory.env, 0, 10);
	hpc_dataset_create(&memory.env, ncolumns, changed, &second);
	hpt_ok(hpc_dataset_merge(&memory.env, first, second) == HPC_BAD_DATA &&
			   holds_rows(first, 0, 10),
		   "%s is refused", what);
	hpc_dataset_free(&memory.env, first);
	hpc_dataset_free(&memory.env, second);
}

static void
check_merges(void)
{
	hpc_column_spec other = columns[1];

	check_merge(0, 0);
	check_merge(0, 100);
	check_merge(100, 100);
	check_merge(64, 65);
	check_merge(100, 70000);
	check_merge(65472, 131010);
	check_merge_refused("another number of columns", other, 4);
	other.name = "medium ";
	check_merge_refused("another name", other, NCOLUMNS);
	other = columns[1];
	other.kind = HPC_TIME;
	check_merge_refused("another kind", other, NCOLUMNS);
	other = columns[1];
	other.storage = HPC_STORE_DOUBLE;
	check_merge_refused("another storage", other, NCOLUMNS);
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
	bool passed;

	hpt_memory_init(&memory, 1);
	memory.fail_at = fail_at;
	while (dataset == NULL && hpc_dataset_create(&memory.env, NCOLUMNS,
												 columns, &dataset) != HPC_OK)
		continue;
	for (uint64_t row = 0; row < 300; row++)
	{
		if (append_row(&memory.env, dataset, row) != HPC_OK)
			row--;
	}
	while (more == NULL)
		more = rows_from(&memory.env, 300, 500);
	passed = holds_rows(dataset, 0, 300);
	if (hpc_dataset_merge(&memory.env, dataset, more) != HPC_OK)
		passed &= holds_rows(dataset, 0, 300) &&
				  hpc_dataset_merge(&memory.env, dataset, more) == HPC_OK;
	passed &= holds_rows(dataset, 0, 500);
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
	hpt_ok(passed && fail_at > 30,
		   "each of %d allocations can fail and be tried again",
		   (int) fail_at - 1);
}

/* ---------- the flat form ---------- */

static char *
flat_form(const hpc_dataset *dataset, size_t *nbytes)
{
	char *bytes;

	*nbytes = hpc_dataset_flat_size(dataset);
	bytes = calloc(*nbytes + 1, 1);
	hpc_dataset_to_flat(dataset, bytes);
	return bytes;
}

static void
check_flat(uint64_t nrows)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_dataset *copy = NULL;
	size_t nbytes;
	char *bytes;
	bool passed;

	hpt_memory_init(&memory, 1);
	dataset = rows_from(&memory.env, 0, nrows);
	hpc_dataset_skip(dataset, 5);
	bytes = flat_form(dataset, &nbytes);
	passed =
		hpc_dataset_from_flat(&memory.env, bytes, nbytes, &copy) == HPC_OK &&
		holds_rows(copy, 0, nrows) && hpc_dataset_nskipped(copy) == 5;
	/* and it can be added to */
	if (passed)
		passed = append_row(&memory.env, copy, nrows) == HPC_OK &&
				 holds_rows(copy, 0, nrows + 1) &&
				 hpc_dataset_merge(&memory.env, dataset, copy) == HPC_OK;
	hpt_ok(passed, "flat form of %d rows", (int) nrows);
	hpc_dataset_free(&memory.env, dataset);
	hpc_dataset_free(&memory.env, copy);
	if (memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
	free(bytes);
}

/* Reads exactly nbytes bytes (so that a sanitizer sees one too many). */
static hpc_status
read_flat(const char *bytes, size_t nbytes, bool use)
{
	char *exact = malloc(nbytes > 0 ? nbytes : 1);
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_status status;

	memcpy(exact, bytes, nbytes);
	hpt_memory_init(&memory, 1);
	status = hpc_dataset_from_flat(&memory.env, exact, nbytes, &dataset);
	free(exact);
	if (status == HPC_OK && use && hpc_dataset_nrows(dataset) > 0)
	{
		hpc_params params = hpt_params(1);
		hpc_texts texts = {0};
		hpc_result result;

		hpc_train(&memory.env, dataset, &params, &texts, &result);
		hpt_release(&memory.env, result.model);
		hpt_release(&memory.env, result.findings);
	}
	hpc_dataset_free(&memory.env, dataset);
	if (memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
	return status;
}

static void
check_truncated(void)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	size_t nbytes;
	char *bytes;
	size_t nwrong = 0;

	hpt_memory_init(&memory, 1);
	dataset = rows_from(&memory.env, 0, 40);
	bytes = flat_form(dataset, &nbytes);
	hpc_dataset_free(&memory.env, dataset);
	for (size_t n = 0; n < nbytes; n++)
		nwrong += read_flat(bytes, n, false) != HPC_CORRUPT;
	hpt_ok(nwrong == 0, "refused when cut off at any of %d lengths",
		   (int) nbytes);
	hpt_ok(read_flat(bytes, nbytes + 1, false) == HPC_CORRUPT,
		   "refused with a byte too many");
	free(bytes);
}

/* Refused, or good enough to train on. */
static void
check_flipped(void)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	size_t nbytes;
	size_t nread = 0;
	char *bytes;

	hpt_memory_init(&memory, 1);
	dataset = rows_from(&memory.env, 0, 12);
	bytes = flat_form(dataset, &nbytes);
	hpc_dataset_free(&memory.env, dataset);
	for (size_t at = 0; at < nbytes; at++)
	{
		char kept = bytes[at];

		bytes[at] ^= (char) (1 << at % 8);
		nread += read_flat(bytes, nbytes, true) == HPC_OK;
		bytes[at] = kept ^ (char) 0xff;
		nread += read_flat(bytes, nbytes, true) == HPC_OK;
		bytes[at] = kept;
	}
	hpt_ok(nread > 0,
		   "any changed byte is refused or harmless (%d of %d read)",
		   (int) nread, (int) nbytes * 2);
	free(bytes);
}

/* Every 8-byte word replaced by a number that is hard to bear. */
static void
check_hostile_words(void)
{
	static const uint64_t numbers[] = {
		0,         UINT64_MAX,        UINT64_C(1) << 63,           UINT32_MAX,
		INT32_MAX, UINT64_C(1) << 32, UINT64_C(0x7ff8000000000000)};
	hpt_memory memory;
	hpc_dataset *dataset;
	size_t nbytes;
	size_t nrefused = 0;
	char *bytes;

	hpt_memory_init(&memory, 1);
	dataset = rows_from(&memory.env, 0, 12);
	bytes = flat_form(dataset, &nbytes);
	hpc_dataset_free(&memory.env, dataset);
	for (size_t at = 0; at + 8 <= nbytes; at++)
	{
		char kept[8];

		memcpy(kept, bytes + at, 8);
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		{
			memcpy(bytes + at, &numbers[i], 8);
			nrefused += read_flat(bytes, nbytes, i < 2) == HPC_CORRUPT;
		}
		memcpy(bytes + at, kept, 8);
	}
	hpt_ok(nrefused > 100, "so is any hostile word");
	free(bytes);
}

int
main(void)
{
	check_round_trips();
	check_properties();
	check_merges();
	check_refusals();
	check_flat(0);
	check_flat(1);
	check_flat(64);
	check_flat(65);
	check_flat(70000);
	check_truncated();
	check_flipped();
	check_hostile_words();
	return hpt_done();
}
