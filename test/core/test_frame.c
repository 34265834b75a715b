/*
 * test_frame.c
 *		The canonical form: what it holds is the multiset of rows that went
 *		in, and nothing else, whatever the order of rows and columns.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_table.h"

/* Order of two categories, which may be of two features. */
static int
compare_categories(const hpc_feature *a, uint32_t i, const hpc_feature *b,
				   uint32_t j)
{
	uint32_t na;
	uint32_t nb;
	const char *bytes_a = hpc_dictionary_entry(&a->categories, i, &na);
	const char *bytes_b = hpc_dictionary_entry(&b->categories, j, &nb);

	return hpc_compare_bytes(bytes_a, na, bytes_b, nb);
}

/* ---------- equal frames ---------- */

static bool
same_feature(const hpc_frame *frame, const hpc_feature *a,
			 const hpc_feature *b)
{
	bool same = strcmp(a->name, b->name) == 0 && a->kind == b->kind &&
				a->integral == b->integral && a->name_hash == b->name_hash &&
				a->nvalues == b->nvalues && a->nmissing == b->nmissing &&
				a->width == b->width && a->nbins == b->nbins &&
				(a->bin_of == NULL) == (b->bin_of == NULL);

	for (uint32_t i = 0; same && i < a->nvalues; i++)
		same = a->kind == HPC_CATEGORY ? compare_categories(a, i, b, i) == 0
									   : a->values[i] == b->values[i];
	same = same && (a->bin_of == NULL ||
					memcmp(a->bin_of, b->bin_of,
						   (a->nvalues + 1) * sizeof(uint32_t)) == 0);
	return same && memcmp(a->ranks, b->ranks,
						  (size_t) frame->nrows * (size_t) a->width) == 0;
}

static bool
same_frames(const hpc_frame *a, const hpc_frame *b)
{
	size_t n = a->nrows;
	bool same =
		a->nrows == b->nrows && a->ncopies == b->ncopies &&
		a->nfeatures == b->nfeatures && a->ntargets == b->ntargets &&
		a->target_scale == b->target_scale && a->target_min == b->target_min &&
		a->target_max == b->target_max && a->target_mean == b->target_mean &&
		memcmp(&a->data_digest, &b->data_digest, sizeof(hpc_digest)) == 0;

	same = same && memcmp(a->count, b->count, n * sizeof(uint32_t)) == 0 &&
		   memcmp(a->key, b->key, n * sizeof(uint64_t)) == 0 &&
		   memcmp(a->target, b->target, n * sizeof(int64_t)) == 0 &&
		   memcmp(a->target_rank, b->target_rank, n * sizeof(uint32_t)) == 0;
	for (int i = 0; same && i < a->nfeatures; i++)
		same = same_feature(a, &a->features[i], &b->features[i]);
	return same;
}

static void
check_order(const char *what, uint32_t max_bins, bool reverse)
{
	hpt_memory memory;
	hpt_framed first;
	hpt_framed second;
	hpt_table table;

	hpt_memory_init(&memory, 1);
	hpt_table_houses(&table, 1500, 5);
	hpt_table_frame(&memory.env, &table, max_bins, &first);
	hpt_table_shuffle(&table, 99);
	if (reverse)
		hpt_table_reverse_columns(&table);
	hpt_table_frame(&memory.env, &table, max_bins, &second);
	hpt_ok(same_frames(first.frame, second.frame), "%s does not show, %u bins",
		   what, max_bins);
	hpt_framed_free(&memory.env, &first);
	hpt_framed_free(&memory.env, &second);
	hpt_table_free(&table);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* ---------- a frame holds its table ---------- */

/* The value of a frame's row. */
static hpc_value
value_in(const hpc_feature *feature, uint32_t row)
{
	uint32_t rank = hpc_feature_rank(feature, row);
	hpc_value value = {0};

	if (rank == feature->nvalues)
		value.missing = true;
	else if (feature->kind == HPC_CATEGORY)
		value.bytes =
			hpc_dictionary_entry(&feature->categories, rank, &value.nbytes);
	else
		value.number = feature->values[rank];
	return value;
}

static bool
same_value(const hpc_value *a, const hpc_value *b)
{
	bool a_missing = a->missing || isnan(a->number);

	if (a_missing || b->missing)
		return a_missing && b->missing;
	if (a->bytes != NULL)
		return hpc_compare_bytes(a->bytes, a->nbytes, b->bytes, b->nbytes) ==
			   0;
	return a->number == b->number;
}

static int
column_of(const hpt_table *table, const char *name)
{
	int column = 0;

	while (strcmp(table->columns[column].name, name) != 0)
		column++;
	return column;
}

static bool
is_row(const hpt_table *table, uint32_t table_row, const hpc_frame *frame,
	   uint32_t row)
{
	const hpc_value *values =
		table->values + (size_t) table_row * (size_t) table->ncolumns;

	if (table->target[table_row] !=
		hpc_scale((double) frame->target[row], frame->target_scale))
		return false;
	for (int i = 0; i < frame->nfeatures; i++)
	{
		const hpc_feature *feature = &frame->features[i];
		hpc_value value = value_in(feature, row);

		if (!same_value(&values[column_of(table, feature->name)], &value))
			return false;
	}
	return true;
}

/* Each row of the frame stands count times in the table, none is left. */
static void
check_content(const hpt_table *table, const hpc_frame *frame)
{
	uint64_t ntotal = 0;
	uint32_t nwrong = 0;

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t ncopies = 0;

		for (uint32_t i = 0; i < table->nrows; i++)
			ncopies += is_row(table, i, frame, row);
		nwrong += ncopies != frame->count[row];
		ntotal += ncopies;
	}
	hpt_ok(nwrong == 0 && ntotal == table->nrows &&
			   frame->ncopies == table->nrows,
		   "%u rows are folded into %u with counts", table->nrows,
		   frame->nrows);
}

static void
check_feature(const hpc_frame *frame, const hpc_feature *feature)
{
	uint64_t nmissing = 0;
	uint32_t nwrong = 0;
	bool *used = calloc((size_t) feature->nvalues + 1, sizeof(bool));

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t rank = hpc_feature_rank(feature, row);

		used[rank] = true;
		nmissing += rank == feature->nvalues ? frame->count[row] : 0;
	}
	for (uint32_t i = 0; i < feature->nvalues; i++)
		nwrong += !used[i];
	for (uint32_t i = 1; i < feature->nvalues; i++)
		nwrong += feature->kind == HPC_CATEGORY
					  ? compare_categories(feature, i - 1, feature, i) >= 0
					  : feature->values[i - 1] >= feature->values[i];
	hpt_ok(nwrong == 0 && nmissing == feature->nmissing,
		   "%s: %u values ascend, each in use, %d missing", feature->name,
		   feature->nvalues, (int) nmissing);
	free(used);
}

static void
check_frame(void)
{
	hpt_memory memory;
	hpt_framed framed;
	hpt_table table;
	int nunsorted = 0;

	hpt_memory_init(&memory, 1);
	hpt_table_houses(&table, 700, 6);
	hpt_table_frame(&memory.env, &table, 65535, &framed);
	hpt_ok(framed.frame->nfeatures == table.ncolumns, "all columns are kept");
	check_content(&table, framed.frame);
	for (int i = 0; i < framed.frame->nfeatures; i++)
	{
		check_feature(framed.frame, &framed.frame->features[i]);
		nunsorted += i > 0 && strcmp(framed.frame->features[i - 1].name,
									 framed.frame->features[i].name) >= 0;
	}
	hpt_ok(nunsorted == 0, "features stand in byte order of their names");
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
}

/* Values that are equal though they look different, and the reverse. */
static void
check_equal_values(void)
{
	hpt_memory memory;
	hpt_framed framed;
	hpt_table table;

	hpt_memory_init(&memory, 1);
	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_row(&table, 1)[0] = hpt_number(0.0);
	hpt_table_row(&table, 1)[0] = hpt_number(-0.0);
	hpt_table_row(&table, 2)[0] = hpt_missing();
	hpt_table_row(&table, 2)[0] = hpt_number(NAN);
	hpt_table_row(&table, 2)[0] = hpt_number(-NAN);
	hpt_table_row(&table, 0.0)[0] = hpt_number(INFINITY);
	hpt_table_row(&table, -0.0)[0] = hpt_number(INFINITY);
	hpt_table_row(&table, -0.0)[0] = hpt_number(-INFINITY);
	hpt_table_frame(&memory.env, &table, 65535, &framed);
	hpt_ok(framed.frame->nrows == 4 && framed.frame->ntargets == 3 &&
			   framed.frame->features[0].nvalues == 3 &&
			   framed.frame->features[0].nmissing == 3,
		   "-0 is 0, NaN is missing, infinity is a number");
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
}

/* Ranks take 1, 2 or 4 bytes, at the very borders. */
static void
check_width(uint32_t nvalues, int width)
{
	hpt_memory memory;
	hpt_framed framed;
	hpt_table table;
	const hpc_feature *feature;
	uint32_t nwrong = 0;

	hpt_memory_init(&memory, 1);
	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_INT32);
	for (uint32_t i = 0; i < nvalues; i++)
		hpt_table_row(&table, i)[0] = hpt_number(i);
	hpt_table_row(&table, -1)[0] = hpt_missing();
	hpt_table_frame(&memory.env, &table, 65535, &framed);
	feature = &framed.frame->features[0];
	for (uint32_t row = 0; row <= nvalues; row++)
	{
		double target = hpc_scale((double) framed.frame->target[row],
								  framed.frame->target_scale);
		uint32_t rank = hpc_feature_rank(feature, row);

		nwrong += target < 0 ? rank != nvalues : rank != (uint32_t) target;
	}
	hpt_ok(nwrong == 0 && feature->width == width,
		   "ranks of %u values take %d bytes", nvalues, width);
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
}

/* ---------- text ---------- */

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
	hpt_table_frame(&memory.env, &table, 65535, &framed);
	hpt_ok(!framed.unique_text[0] && framed.unique_text[1] == expected &&
			   framed.frame->nfeatures == (expected ? 1 : 2) &&
			   strcmp(framed.frame->features[expected ? 0 : 1].name, "y") == 0,
		   "text unique on %u of %u rows is %s", nunique, nrows,
		   expected ? "left out" : "kept");
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
}

/* Long common prefixes, prefixes of each other, bytes above 127. */
static void
check_text_order(void)
{
	static const char *const ascending[] = {"",
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
	int n = (int) (sizeof(ascending) / sizeof(ascending[0]));
	hpt_memory memory;
	hpt_framed framed;
	hpt_table table;
	int nwrong = 0;

	hpt_memory_init(&memory, 1);
	hpt_table_init(&table);
	hpt_table_column(&table, "t", HPC_CATEGORY, HPC_STORE_CODE);
	for (int i = 0; i < n; i++)
	{
		const char *text = ascending[(i * 7) % n];

		hpt_table_row(&table, (i * 7) % n)[0] =
			(hpc_value){.bytes = text, .nbytes = (uint32_t) strlen(text)};
	}
	hpt_table_frame(&memory.env, &table, 65535, &framed);
	for (uint32_t row = 0; row < framed.frame->nrows; row++)
		nwrong += hpc_feature_rank(&framed.frame->features[0], row) !=
				  (uint32_t) hpc_scale((double) framed.frame->target[row],
									   framed.frame->target_scale);
	hpt_ok(nwrong == 0, "texts are ranked by their bytes");
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
}

/* ---------- bins ---------- */

/* Bins ascend with ranks, none is empty, the last is at most max_bins - 1. */
static void
check_bins(const hpt_table *table, uint32_t max_bins)
{
	hpt_memory memory;
	hpt_framed framed;
	uint32_t nwrong = 0;
	int nbinned = 0;

	hpt_memory_init(&memory, 1);
	hpt_table_frame(&memory.env, table, max_bins, &framed);
	for (int i = 0; i < framed.frame->nfeatures; i++)
	{
		const hpc_feature *feature = &framed.frame->features[i];
		bool few =
			feature->kind == HPC_CATEGORY || feature->nvalues <= max_bins;

		nwrong += (feature->bin_of == NULL) != few;
		if (few)
		{
			nwrong += feature->nbins != feature->nvalues;
			continue;
		}
		nbinned++;
		nwrong += feature->nbins > max_bins || feature->bin_of[0] != 0 ||
				  feature->bin_of[feature->nvalues] != feature->nbins;
		for (uint32_t rank = 1; rank < feature->nvalues; rank++)
		{
			uint32_t step = feature->bin_of[rank] - feature->bin_of[rank - 1];

			nwrong += step > 1;
		}
		nwrong += feature->bin_of[feature->nvalues - 1] != feature->nbins - 1;
	}
	hpt_ok(nwrong == 0 && nbinned > 0, "%d features in at most %u bins",
		   nbinned, max_bins);
	hpt_framed_free(&memory.env, &framed);
}

/* Distinct values: bins hold equal shares.  One heavy value: a bin alone. */
static void
check_bin_shares(uint32_t nrows, uint32_t max_bins, bool heavy)
{
	hpt_memory memory;
	hpt_framed framed;
	hpt_table table;
	const hpc_feature *feature;
	uint32_t sizes[64] = {0};
	uint32_t nwrong = 0;

	hpt_memory_init(&memory, 1);
	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (uint32_t i = 0; i < nrows; i++)
		hpt_table_row(&table, i)[0] =
			hpt_number(heavy && i % 2 == 0 ? 0 : (double) i);
	hpt_table_frame(&memory.env, &table, max_bins, &framed);
	feature = &framed.frame->features[0];
	for (uint32_t row = 0; row < framed.frame->nrows; row++)
		sizes[feature->bin_of[hpc_feature_rank(feature, row)]]++;
	for (uint32_t bin = 0; bin < feature->nbins; bin++)
	{
		double share = (double) nrows / max_bins;

		if (heavy)
			share = bin == 0 ? (nrows + 1) / 2
							 : (double) nrows / 2 / (max_bins - 1);
		nwrong += fabs(sizes[bin] - share) > 1.01;
	}
	hpt_ok(nwrong == 0 && feature->nbins == max_bins,
		   "%u rows in %u bins of equal shares%s", nrows, max_bins,
		   heavy ? " beside a heavy value" : "");
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
}

static void
check_all_bins(void)
{
	static const uint32_t max_bins[] = {2, 3, 16, 255};
	hpt_table table;

	hpt_table_houses(&table, 1500, 8);
	for (int i = 0; i < 4; i++)
		check_bins(&table, max_bins[i]);
	hpt_table_free(&table);
	check_bin_shares(1000, 2, false);
	check_bin_shares(1000, 7, false);
	check_bin_shares(1001, 64, false);
	check_bin_shares(1000, 5, true);
	check_bin_shares(64, 63, false);
}

/* ---------- targets ---------- */

/* Each target comes back from its integer to the bit. */
static void
check_targets(const char *what, const double *targets, uint32_t n)
{
	hpt_memory memory;
	hpt_framed framed;
	hpt_table table;
	const hpc_frame *frame;
	uint32_t nwrong = 0;
	hpc_status status;

	hpt_memory_init(&memory, 1);
	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_INT32);
	for (uint32_t i = 0; i < n; i++)
		hpt_table_row(&table, targets[i])[0] = hpt_number(i);
	status = hpt_table_frame(&memory.env, &table, 65535, &framed);
	frame = framed.frame;
	for (uint32_t row = 0; status == HPC_OK && row < frame->nrows; row++)
	{
		double target = targets[hpc_feature_rank(&frame->features[0], row)];
		int64_t units = frame->target[row];

		nwrong += hpc_scale((double) units, frame->target_scale) != target;
		nwrong += units >= INT64_C(1) << 62 || units <= -(INT64_C(1) << 62);
		/* the mean of copies of a target is the target */
		nwrong += hpc_target_mean(frame, (__int128) units * 3, 3) != target;
		nwrong +=
			hpc_target_mean(frame, (__int128) units * 7919, 7919) != target;
	}
	hpt_ok(status == HPC_OK && nwrong == 0, "targets %s become integers",
		   what);
	if (status == HPC_OK)
		hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
}

#define COUNT(array) ((uint32_t) (sizeof(array) / sizeof((array)[0])))

static void
check_all_targets(void)
{
	static const double prices[] = {34900, 755000, 181500.99, 1024.01, -12.75};
	static const double zeros[] = {0, 0, -0.0};
	static const double huge[] = {DBL_MAX, -DBL_MAX, 1e308, 0};
	static const double tiny[] = {5e-324, 1e-323, -2e-320, 0};
	static const double small[] = {DBL_MIN, -DBL_MIN, DBL_MIN * 1.5};
	static const double one[] = {0.1};

	check_targets("like prices", prices, COUNT(prices));
	check_targets("all zero", zeros, COUNT(zeros));
	check_targets("near the largest double", huge, COUNT(huge));
	check_targets("below the smallest normal one", tiny, COUNT(tiny));
	check_targets("at the smallest normal one", small, COUNT(small));
	check_targets("of one row", one, COUNT(one));
}

/* Beside outlier the other targets would become one. */
static void
check_outlier(double outlier, double other, const char *shown)
{
	hpt_memory memory;
	hpt_framed framed;
	hpt_table table;
	hpc_status status;

	hpt_memory_init(&memory, 1);
	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_INT32);
	hpt_table_row(&table, other);
	hpt_table_row(&table, other * 1.5);
	hpt_table_row(&table, outlier);
	status = hpt_table_frame(&memory.env, &table, 65535, &framed);
	hpt_ok(status == HPC_BAD_DATA &&
			   strstr(memory.env.error.message, shown) != NULL &&
			   memory.env.error.detail[0] != '\0' &&
			   memory.env.error.hint[0] != '\0',
		   "an outlier of %s that would hide the others is named", shown);
	hpt_ok(framed.frame == NULL && memory.nblocks == 0, "everything is freed");
	hpt_table_free(&table);
}

/* A mean in 128 bits against long double, over sums of any size. */
static void
check_means(void)
{
	hpt_random random = {12};
	hpc_frame frame = {.target_scale = -20};
	int nwrong = 0;

	for (int i = 0; i < 100000; i++)
	{
		uint64_t weight = 1 + (hpt_random_bits(&random) >>
							   (33 + hpt_random_below(&random, 30)));
		int64_t unit = (int64_t) hpt_random_bits(&random) >>
					   (2 + hpt_random_below(&random, 60));
		__int128 sum = (__int128) unit * (__int128) weight +
					   (__int128) hpt_random_below(&random, weight);
		long double exact = (long double) sum / (long double) weight;
		double mean = hpc_target_mean(&frame, sum, weight);

		nwrong += fabsl(ldexpl(mean, 20) - exact) > fabsl(exact) * 0x1p-52L;
	}
	hpt_ok(nwrong == 0, "means of sums of units");
}

static void
check_scale(void)
{
	hpt_same_bits(hpc_scale(3, 10), 3072, "3 times 2^10");
	hpt_same_bits(hpc_scale(-0x1p-1074, 2097), -0x1p1023,
				  "from the least to the largest");
	hpt_same_bits(hpc_scale(0x1p1023, -2097), 0x1p-1074, "and back");
	hpt_same_bits(hpc_scale(0, 1135), 0, "0 stays 0");
	hpt_same_bits(hpc_scale(1, 1024), INFINITY, "too large: infinity");
}

/* ---------- refusals ---------- */

/* Cancelling at any check, or refusing any allocation, frees everything. */
static void
check_refusals(void)
{
	hpt_memory memory;
	hpt_framed framed;
	hpt_table table;
	int64_t n;
	int64_t nwrong = 0;

	hpt_table_houses(&table, 120, 3);
	for (n = 1;; n++)
	{
		hpc_status status;

		hpt_memory_init(&memory, 1);
		memory.fail_at = n;
		status = hpt_table_frame(&memory.env, &table, 16, &framed);
		if (status == HPC_OK)
			break;
		nwrong += status != HPC_NO_MEMORY || memory.nblocks != 0;
	}
	hpt_ok(nwrong == 0 && n > 100, "each of %d allocations can fail",
		   (int) n - 1);
	hpt_framed_free(&memory.env, &framed);
	for (n = 1;; n++)
	{
		hpc_status status;

		hpt_memory_init(&memory, 1);
		memory.cancel_at = n;
		status = hpt_table_frame(&memory.env, &table, 16, &framed);
		if (status == HPC_OK)
			break;
		nwrong += status != HPC_CANCELLED || memory.nblocks != 0;
	}
	hpt_ok(nwrong == 0 && n > 20, "each of %d checks can cancel", (int) n - 1);
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
}

int
main(void)
{
	check_order("the order of rows", 65535, false);
	check_order("the order of rows", 20, false);
	check_order("the order of columns", 65535, true);
	check_order("the order of columns", 20, true);
	check_frame();
	check_equal_values();
	check_width(255, 1);
	check_width(256, 2);
	check_width(65535, 2);
	check_width(65536, 4);
	check_unique_text(19, 19, false);
	check_unique_text(20, 10, false);
	check_unique_text(20, 11, true);
	check_unique_text(300, 250, true);
	check_text_order();
	check_all_bins();
	check_all_targets();
	check_outlier(1e300, 1e-5, "1e+300");
	check_outlier(-1e25, 1, "-1e+25");
	check_means();
	check_scale();
	check_refusals();
	return hpt_done();
}
