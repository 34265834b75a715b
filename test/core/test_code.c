/*
 * test_code.c
 *		Columns as codes against twins that look for values and bins one by
 *		one.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_table.h"

#define COUNT(array) ((uint32_t) (sizeof(array) / sizeof((array)[0])))

/* ---------- columns, the slow way ---------- */

static int
compare_values(const hpc_value *a, const hpc_value *b)
{
	if (a->bytes != NULL)
		return hpc_compare_bytes(a->bytes, a->nbytes, b->bytes, b->nbytes);
	return a->number < b->number ? -1 : a->number > b->number;
}

static int
compare_for_qsort(const void *a, const void *b)
{
	return compare_values(a, b);
}

static bool
is_missing(const hpc_value *value)
{
	return value->missing || (value->bytes == NULL && isnan(value->number));
}

/* What a column should become. */
typedef struct slow_column
{
	uint32_t nvalues;
	hpc_value *values; /* [nvalues] ascending */
	uint64_t *rows_of; /* [nvalues] */
	uint64_t nmissing;
	uint32_t nbins;
	uint32_t *bin_of; /* [nvalues] */
} slow_column;

/* Bins of numbers: each takes its share of what is left. */
static void
bin_numbers(slow_column *slow, uint32_t max_bins)
{
	uint32_t rank = 0;
	uint64_t left = 0;

	for (uint32_t i = 0; i < slow->nvalues; i++)
		left += slow->rows_of[i];
	while (rank < slow->nvalues)
	{
		uint32_t open = max_bins - slow->nbins;
		uint64_t here = 0;

		do
		{
			slow->bin_of[rank] = slow->nbins;
			here += slow->rows_of[rank++];
		} while (rank < slow->nvalues && (open == 1 || here * open < left));
		left -= here;
		slow->nbins++;
	}
}

/* Bins of categories: those of fewer rows than so many share the last. */
static void
bin_categories(slow_column *slow)
{
	uint64_t least = 0;
	uint32_t nfrequent = UINT32_MAX;
	uint32_t bin = 0;

	while (nfrequent >= HPC_MAX_BINS)
	{
		least++;
		nfrequent = 0;
		for (uint32_t i = 0; i < slow->nvalues; i++)
			nfrequent += slow->rows_of[i] > least;
	}
	for (uint32_t i = 0; i < slow->nvalues; i++)
		slow->bin_of[i] = slow->rows_of[i] > least ? bin++ : nfrequent;
	slow->nbins = nfrequent + 1;
}

static void
look_slowly(const hpt_table *table, int column, uint32_t max_bins,
			slow_column *slow)
{
	bool category = table->columns[column].kind == HPC_CATEGORY;
	uint32_t most = category ? HPC_MAX_BINS : max_bins;

	memset(slow, 0, sizeof(*slow));
	slow->values = malloc((table->nrows + 1) * sizeof(hpc_value));
	slow->rows_of = calloc(table->nrows + 1, sizeof(uint64_t));
	slow->bin_of = malloc((table->nrows + 1) * sizeof(uint32_t));
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		hpc_value value = hpt_table_values(table, row)[column];

		if (is_missing(&value))
			slow->nmissing++;
		else
			slow->values[slow->nvalues++] = value;
	}
	qsort(slow->values, slow->nvalues, sizeof(hpc_value), compare_for_qsort);
	for (uint32_t i = 0, n = slow->nvalues, kept = 0; i < n; i++)
	{
		if (kept == 0 ||
			compare_values(&slow->values[kept - 1], &slow->values[i]) != 0)
			slow->values[kept++] = slow->values[i];
		slow->rows_of[kept - 1]++;
		slow->nvalues = kept;
	}
	for (uint32_t i = 0; i < slow->nvalues; i++)
		slow->bin_of[i] = i;
	if (slow->nvalues <= most)
		slow->nbins = slow->nvalues;
	else if (category)
		bin_categories(slow);
	else
		bin_numbers(slow, max_bins);
}

static void
forget(slow_column *slow)
{
	free(slow->values);
	free(slow->rows_of);
	free(slow->bin_of);
}

/* The code that a value should have. */
static uint32_t
slow_code(const slow_column *slow, const hpc_value *value)
{
	uint32_t low = 0;
	uint32_t high = slow->nvalues;

	if (is_missing(value))
		return slow->nbins;
	while (high - low > 1)
	{
		uint32_t middle = low + (high - low) / 2;

		if (compare_values(&slow->values[middle], value) <= 0)
			low = middle;
		else
			high = middle;
	}
	return slow->bin_of[low];
}

static uint32_t
count_wrong_bounds(const hpc_feature *feature, const slow_column *slow)
{
	uint32_t nwrong = 0;

	for (uint32_t i = 0; i < slow->nvalues; i++)
	{
		uint32_t bin = slow->bin_of[i];

		if (i == 0 || slow->bin_of[i - 1] != bin)
			nwrong += feature->low[bin] != slow->values[i].number;
		if (i + 1 == slow->nvalues || slow->bin_of[i + 1] != bin)
			nwrong += feature->high[bin] != slow->values[i].number;
	}
	if (slow->nvalues == 0)
		return nwrong + !isnan(feature->min) + !isnan(feature->max);
	return nwrong + (feature->min != slow->values[0].number) +
		   (feature->max != slow->values[slow->nvalues - 1].number);
}

static uint32_t
count_wrong_categories(const hpc_feature *feature, const slow_column *slow)
{
	bool pooled = slow->nbins < slow->nvalues;
	uint32_t nwrong = feature->categories.nentries != slow->nvalues ||
					  (feature->level_bin != NULL) != pooled ||
					  !isnan(feature->min) || !isnan(feature->max);

	for (uint32_t i = 0; nwrong == 0 && i < slow->nvalues; i++)
	{
		hpc_value value = {0};

		value.bytes =
			hpc_dictionary_entry(&feature->categories, i, &value.nbytes);
		nwrong += compare_values(&value, &slow->values[i]) != 0 ||
				  (pooled && feature->level_bin[i] != slow->bin_of[i]);
	}
	return nwrong;
}

static int
column_of(const hpt_table *table, const char *name)
{
	int column = 0;

	while (strcmp(table->columns[column].name, name) != 0)
		column++;
	return column;
}

/* Everything about a feature, and the codes of all rows. */
static bool
feature_is_right(const hpt_table *table, const hpc_frame *frame,
				 const hpc_feature *feature, uint32_t max_bins)
{
	int column = column_of(table, feature->name);
	slow_column slow;
	uint32_t nwrong;

	look_slowly(table, column, max_bins, &slow);
	nwrong = feature->nvalues != slow.nvalues ||
			 feature->nbins != slow.nbins ||
			 feature->nmissing != slow.nmissing ||
			 feature->width != (slow.nbins <= 255 ? 1 : 2) ||
			 feature->kind != table->columns[column].kind ||
			 feature->integral != table->columns[column].integral ||
			 feature->column != column;
	if (nwrong == 0)
		nwrong = feature->kind == HPC_CATEGORY
					 ? count_wrong_categories(feature, &slow)
					 : count_wrong_bounds(feature, &slow);
	for (uint32_t row = 0; nwrong == 0 && row < frame->nrows; row++)
	{
		uint32_t source = hpc_row_source(frame, row);

		nwrong += hpc_code(feature, row) !=
				  slow_code(&slow, &hpt_table_values(table, source)[column]);
	}
	forget(&slow);
	return nwrong == 0;
}

/* Narrow features have their place in a block, others none. */
static bool
blocks_are_right(const hpc_frame *frame)
{
	int nnarrow = 0;
	int nplaced = 0;
	bool right = true;

	for (int i = 0; i < frame->nfeatures; i++)
		nnarrow += frame->features[i].width == 1;
	for (int i = 0; i < frame->nblocks * HPC_BLOCK; i++)
	{
		int feature = frame->block_feature[i];

		if (feature < 0)
			continue;
		nplaced++;
		right &= frame->features[feature].width == 1 &&
				 frame->features[feature].stride == HPC_BLOCK &&
				 frame->features[feature].codes ==
					 frame->blocks[i / HPC_BLOCK] + i % HPC_BLOCK;
	}
	return right && nplaced == nnarrow &&
		   frame->nblocks == (nnarrow + HPC_BLOCK - 1) / HPC_BLOCK;
}

static void
check_columns(const char *what, const hpt_table *table, uint32_t max_bins)
{
	hpt_memory memory;
	hpt_framed framed;
	const hpc_frame *frame;
	int nwrong = 0;

	hpt_memory_init(&memory, 1);
	hpt_table_frame(&memory.env, table, max_bins, &framed);
	frame = framed.frame;
	nwrong = frame->nfeatures != table->ncolumns;
	for (int i = 0; i < frame->nfeatures; i++)
		nwrong +=
			!feature_is_right(table, frame, &frame->features[i], max_bins) ||
			(i > 0 && strcmp(frame->features[i - 1].name,
							 frame->features[i].name) >= 0);
	hpt_ok(nwrong == 0 && blocks_are_right(frame),
		   "%s, %u bins: %d features are coded", what, max_bins,
		   frame->nfeatures);
	hpt_framed_free(&memory.env, &framed);
	if (memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
}

static void
check_houses(void)
{
	static const uint32_t max_bins[] = {2, 3, 16, 254, 255, 256, 257, 65534};
	hpt_table table;

	hpt_table_houses(&table, 900, 8);
	for (uint32_t i = 0; i < COUNT(max_bins); i++)
		check_columns("houses", &table, max_bins[i]);
	hpt_table_free(&table);
	hpt_table_houses(&table, 1, 9);
	check_columns("one house", &table, 255);
	hpt_table_free(&table);
	hpt_table_houses(&table, 2500, 3);
	for (uint32_t i = 0; i < table.nrows * 8; i++)
	{
		if (hpc_mix(i) % 3 == 0)
			table.values[i] = hpt_missing();
	}
	check_columns("houses with holes", &table, 20);
	for (uint32_t row = 0; row < table.nrows; row++)
		hpt_table_values(&table, row)[1] = hpt_missing();
	check_columns("a column without values", &table, 255);
	hpt_table_free(&table);
}

/* ---------- columns of very many values ---------- */

/* nvalues different numbers on nrows rows, the low ones more often. */
static void
check_many_numbers(uint32_t nrows, uint32_t nvalues, uint32_t max_bins)
{
	hpt_random random = {nvalues};
	hpt_table table;

	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (uint32_t i = 0; i < nrows; i++)
	{
		double at = hpt_random_unit(&random) * hpt_random_unit(&random);
		uint64_t x = i < nvalues ? i : (uint64_t) (at * nvalues);

		hpt_table_row(&table, i % 1000)[0] = hpt_number((double) x * 0.37);
	}
	for (uint32_t row = nvalues; row < nrows; row += 10)
		hpt_table_values(&table, row)[0] = hpt_missing();
	check_columns("very many numbers", &table, max_bins);
	hpt_table_free(&table);
}

/* nvalues texts on twice as many rows, the first ones on more. */
static void
check_many_texts(uint32_t nvalues, uint32_t nfrequent)
{
	static char texts[70000][6];
	hpt_table table;

	hpt_table_init(&table);
	hpt_table_column(&table, "t", HPC_CATEGORY, HPC_STORE_CODE);
	for (uint32_t i = 0; i < 2 * nvalues + nfrequent; i++)
	{
		uint32_t text = i % nvalues;

		snprintf(texts[text], sizeof(texts[text]), "%05u", text * 37 % 70000);
		hpt_table_row(&table, i % 1000)[0] =
			(hpc_value){.bytes = texts[text], .nbytes = 5};
	}
	check_columns("very many texts", &table, 65534);
	hpt_table_free(&table);
}

/* nunique rows have a text of their own, the others share one. */
static void
check_unique_text(uint32_t nrows, uint32_t nunique, bool expected)
{
	hpt_memory memory;
	hpt_framed framed;
	hpt_table table;

	hpt_memory_init(&memory, 1);
	hpt_table_init(&table);
	hpt_table_column(&table, "y", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(&table, "t", HPC_CATEGORY, HPC_STORE_CODE);
	for (uint32_t i = 0; i < nrows; i++)
	{
		hpc_value *row = hpt_table_row(&table, i);

		row[0] = hpt_level(i % 2);
		row[1] = hpt_level(i < nunique ? i + 1 : 0);
	}
	hpt_table_frame(&memory.env, &table, 65534, &framed);
	hpt_ok(!framed.unique_text[0] && framed.unique_text[1] == expected &&
			   framed.frame->nfeatures == (expected ? 1 : 2) &&
			   strcmp(framed.frame->features[expected ? 0 : 1].name, "y") == 0,
		   "text unique on %u of %u rows is %s", nunique, nrows,
		   expected ? "left out" : "kept");
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* Long common prefixes, prefixes of each other, bytes above 127. */
static void
check_text_order(void)
{
	static const char *const texts[] = {"",
										"\x01",
										"12345678",
										"123456780",
										"123456789",
										"12345678\x80",
										"12345678\xff",
										"a",
										"ab",
										"abcdefgh",
										"abcdefghi",
										"abcdefghia",
										"abcdefghib",
										"b",
										"\xc3\xa4",
										"\xff"};
	hpt_table table;

	hpt_table_init(&table);
	hpt_table_column(&table, "t", HPC_CATEGORY, HPC_STORE_CODE);
	for (uint32_t i = 0; i < COUNT(texts); i++)
	{
		const char *text = texts[i * 7 % COUNT(texts)];

		hpt_table_row(&table, i)[0] =
			(hpc_value){.bytes = text, .nbytes = (uint32_t) strlen(text)};
	}
	check_columns("texts", &table, 255);
	hpt_table_free(&table);
}

int
main(void)
{
	check_houses();
	check_many_numbers(66000, 65534, 65534);
	check_many_numbers(66000, 65535, 65534);
	check_many_numbers(100000, 80000, 65534);
	check_many_numbers(100000, 80000, 255);
	check_many_numbers(100000, 80000, 2);
	check_many_texts(65534, 100);
	check_many_texts(65535, 100);
	check_many_texts(69000, 66000);
	check_unique_text(19, 19, false);
	check_unique_text(20, 10, false);
	check_unique_text(20, 11, true);
	check_unique_text(300, 250, true);
	check_text_order();
	return hpt_done();
}
