/*
 * test_frame.c
 *		The coded form as a whole: what it holds is the multiset of rows that
 *		went in, and nothing else, whatever the order of rows and columns.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_table.h"

/* ---------- equal frames ---------- */

static bool
same_categories(const hpc_feature *a, const hpc_feature *b)
{
	bool same = a->categories.nentries == b->categories.nentries;

	for (uint32_t i = 0; same && i < a->categories.nentries; i++)
	{
		uint32_t na;
		uint32_t nb;
		const char *bytes_a = hpc_dictionary_entry(&a->categories, i, &na);
		const char *bytes_b = hpc_dictionary_entry(&b->categories, i, &nb);

		same = hpc_compare_bytes(bytes_a, na, bytes_b, nb) == 0;
	}
	return same && (a->level_bin == NULL) == (b->level_bin == NULL) &&
		   (a->level_bin == NULL ||
			memcmp(a->level_bin, b->level_bin,
				   a->nvalues * sizeof(uint32_t)) == 0);
}

static bool
same_feature(const hpc_feature *a, const hpc_feature *b)
{
	size_t nbytes = a->nbins * sizeof(double);

	if (strcmp(a->name, b->name) != 0 || a->kind != b->kind ||
		a->integral != b->integral || a->name_hash != b->name_hash ||
		a->nvalues != b->nvalues || a->nmissing != b->nmissing ||
		a->nbins != b->nbins || a->width != b->width ||
		memcmp(&a->min, &b->min, sizeof(double)) != 0 ||
		memcmp(&a->max, &b->max, sizeof(double)) != 0)
		return false;
	if (a->kind == HPC_CATEGORY)
		return same_categories(a, b);
	return memcmp(a->low, b->low, nbytes) == 0 &&
		   memcmp(a->high, b->high, nbytes) == 0;
}

static const hpc_frame *ordered;

static int
compare_keys(const void *a, const void *b)
{
	uint64_t left = ordered->key[*(const uint32_t *) a];
	uint64_t right = ordered->key[*(const uint32_t *) b];

	return left < right ? -1 : left > right;
}

/* Rows of a frame by their keys, which are those of their content. */
static uint32_t *
order_rows(const hpc_frame *frame)
{
	uint32_t *rows = malloc((frame->nrows + 1) * sizeof(uint32_t));

	for (uint32_t row = 0; row < frame->nrows; row++)
		rows[row] = row;
	ordered = frame;
	qsort(rows, frame->nrows, sizeof(uint32_t), compare_keys);
	return rows;
}

static bool
same_row(const hpc_frame *a, uint32_t i, const hpc_frame *b, uint32_t j)
{
	bool same = a->key[i] == b->key[j] && a->target[i] == b->target[j] &&
				hpc_row_count(a, i) == hpc_row_count(b, j) &&
				hpc_row_weight(a, i) == hpc_row_weight(b, j);

	for (int f = 0; f < a->nfeatures; f++)
		same &= hpc_code(&a->features[f], i) == hpc_code(&b->features[f], j);
	return same;
}

static bool
same_rows(const hpc_frame *a, const hpc_frame *b)
{
	uint32_t *rows_a = order_rows(a);
	uint32_t *rows_b = order_rows(b);
	bool same = true;

	for (uint32_t i = 0; i < a->nrows; i++)
		same &= same_row(a, rows_a[i], b, rows_b[i]);
	free(rows_a);
	free(rows_b);
	return same;
}

static bool
same_frames(const hpc_frame *a, const hpc_frame *b)
{
	bool same =
		a->nrows == b->nrows && a->ncopies == b->ncopies &&
		a->nfeatures == b->nfeatures && a->ntargets == b->ntargets &&
		a->target_min == b->target_min && a->target_max == b->target_max &&
		a->target_mean == b->target_mean &&
		(a->weight == NULL) == (b->weight == NULL) &&
		memcmp(&a->data_digest, &b->data_digest, sizeof(hpc_digest)) == 0;

	for (int i = 0; same && i < a->nfeatures; i++)
		same = same_feature(&a->features[i], &b->features[i]);
	return same && same_rows(a, b);
}

/* Random weights, of which some are 1; equal rows may differ in them. */
static void
weigh(hpt_table *table, uint64_t seed)
{
	hpt_random random = {seed};

	for (uint32_t row = 0; row < table->nrows; row++)
		table->weight[row] = (double) (1 + hpt_random_below(&random, 3)) / 2;
}

static void
check_order(uint32_t max_bins, bool weights)
{
	hpt_memory memory;
	hpt_framed first;
	hpt_framed second;
	hpt_table table;

	hpt_memory_init(&memory, 1);
	hpt_table_houses(&table, 1500, 5);
	if (weights)
		weigh(&table, 6);
	hpt_table_frame(&memory.env, &table, max_bins, &first);
	hpt_table_shuffle(&table, 99);
	hpt_table_frame(&memory.env, &table, max_bins, &second);
	hpt_ok(same_frames(first.frame, second.frame),
		   "the order of rows does not show, %u bins%s", max_bins,
		   weights ? ", weights" : "");
	hpt_framed_free(&memory.env, &second);
	hpt_table_reverse_columns(&table);
	hpt_table_frame(&memory.env, &table, max_bins, &second);
	hpt_ok(same_frames(first.frame, second.frame),
		   "nor does the order of columns");
	hpt_framed_free(&memory.env, &first);
	hpt_framed_free(&memory.env, &second);
	hpt_table_free(&table);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* ---------- rows, the slow way ---------- */

static int
compare_values(const hpc_value *a, const hpc_value *b)
{
	if (a->bytes != NULL)
		return hpc_compare_bytes(a->bytes, a->nbytes, b->bytes, b->nbytes);
	return a->number < b->number ? -1 : a->number > b->number;
}

static bool
is_missing(const hpc_value *value)
{
	return value->missing || (value->bytes == NULL && isnan(value->number));
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
equal_rows(const hpt_table *table, uint32_t a, uint32_t b)
{
	const hpc_value *row_a = hpt_table_values(table, a);
	const hpc_value *row_b = hpt_table_values(table, b);
	bool equal = table->target[a] == table->target[b] &&
				 table->weight[a] == table->weight[b];

	for (int i = 0; equal && i < table->ncolumns; i++)
	{
		if (is_missing(&row_a[i]) || is_missing(&row_b[i]))
			equal = is_missing(&row_a[i]) && is_missing(&row_b[i]);
		else
			equal = compare_values(&row_a[i], &row_b[i]) == 0;
	}
	return equal;
}

/* Each row of the frame stands count times in the table, none is left. */
static bool
rows_are_right(const hpt_table *table, const hpc_frame *frame)
{
	uint64_t ntotal = 0;
	uint32_t nwrong = 0;

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t source = hpc_row_source(frame, row);
		uint32_t ncopies = 0;

		for (uint32_t i = 0; i < table->nrows; i++)
			ncopies += equal_rows(table, i, source);
		nwrong += ncopies != hpc_row_count(frame, row) ||
				  frame->target[row] != table->target[source] ||
				  hpc_row_weight(frame, row) != table->weight[source];
		ntotal += ncopies;
	}
	return nwrong == 0 && ntotal == table->nrows &&
		   frame->ncopies == table->nrows;
}

/* The digest of all rows, hashed value by value in order of names. */
static hpc_digest
slow_digest(const hpt_table *table, const hpc_frame *frame)
{
	hpc_hash target_key = hpc_column_key("", HPC_NUMBER);
	hpc_set_digest set = {0};

	for (uint32_t row = 0; row < table->nrows; row++)
	{
		hpc_value target = hpt_number(table->target[row]);
		hpc_hash hash = {0, 0};

		for (int i = 0; i < frame->nfeatures; i++)
		{
			const hpc_feature *feature = &frame->features[i];
			hpc_value value =
				hpt_table_values(table, row)[column_of(table, feature->name)];

			value.missing = is_missing(&value);
			hash =
				hpc_hash_combine(hash,
								 hpc_value_hash(hpc_column_key(feature->name,
															   feature->kind),
												feature->kind, &value));
		}
		hash = hpc_hash_combine(hash, hpc_value_hash(target_key, HPC_NUMBER,
													 &target));
		hpc_set_digest_add(&set, hpc_hash_weight(hash, table->weight[row]));
	}
	return hpc_set_digest_end(&set);
}

/* Targets: their range, their mean, how many there are. */
static bool
targets_are_right(const hpt_table *table, const hpc_frame *frame)
{
	long double sum = 0;
	long double weights = 0;
	double least = INFINITY;
	double greatest = -INFINITY;
	uint32_t ndistinct = 0;

	for (uint32_t row = 0; row < table->nrows; row++)
	{
		bool first = true;

		for (uint32_t i = 0; i < row && first; i++)
			first = table->target[i] != table->target[row];
		ndistinct += first;
		least = fmin(least, table->target[row]);
		greatest = fmax(greatest, table->target[row]);
		sum += (long double) table->target[row] * table->weight[row];
		weights += table->weight[row];
	}
	return frame->target_min == least && frame->target_max == greatest &&
		   frame->ntargets == (ndistinct < 64 ? ndistinct : 64) &&
		   fabsl(frame->target_mean - sum / weights) <=
			   1e-15L * fabsl(frame->target_mean) &&
		   !frame->log_target;
}

static void
check_rows(const char *what, const hpt_table *table, uint32_t max_bins)
{
	hpt_memory memory;
	hpt_framed framed;
	const hpc_frame *frame;
	hpc_digest digest;

	hpt_memory_init(&memory, 1);
	hpt_table_frame(&memory.env, table, max_bins, &framed);
	frame = framed.frame;
	digest = slow_digest(table, frame);
	hpt_ok(table->nrows > 5000 || (rows_are_right(table, frame) &&
								   targets_are_right(table, frame)),
		   "%s: %u rows are folded into %u", what, table->nrows, frame->nrows);
	hpt_ok(memcmp(&digest, &frame->data_digest, sizeof(digest)) == 0,
		   "the digest is that of all rows");
	hpt_framed_free(&memory.env, &framed);
	if (memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
}

static void
check_houses(void)
{
	hpt_table table;

	hpt_table_houses(&table, 900, 8);
	check_rows("houses", &table, 16);
	check_rows("houses", &table, 65534);
	weigh(&table, 7);
	check_rows("houses with weights", &table, 65534);
	hpt_table_free(&table);
	hpt_table_houses(&table, 1, 9);
	check_rows("one house", &table, 255);
	hpt_table_free(&table);
	hpt_table_numbers(&table, 1, 70000, 70000, 4);
	check_rows("many numbers", &table, 255);
	hpt_table_free(&table);
}

/* ---------- values ---------- */

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
	hpt_table_frame(&memory.env, &table, 65534, &framed);
	hpt_ok(framed.frame->nrows == 4 && framed.frame->ntargets == 3 &&
			   framed.frame->features[0].nvalues == 3 &&
			   framed.frame->features[0].nmissing == 3,
		   "-0 is 0, NaN is missing, infinity is a number");
	hpt_same_bits(framed.frame->features[0].low[1], 0, "-0 has become 0");
	hpt_same_bits(framed.frame->target_min, 0, "among targets too");
	hpt_same_bits(framed.frame->target[2], 0, "in every row");
	hpt_same_bits(framed.frame->target[3], 0, "whichever came first");
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
}

/* A mean of targets that cannot be added up in doubles. */
static void
check_mean(const char *what, double a, double b, double expected)
{
	hpt_memory memory;
	hpt_framed framed;
	hpt_table table;

	hpt_memory_init(&memory, 1);
	hpt_table_init(&table);
	hpt_table_row(&table, a);
	hpt_table_row(&table, a);
	hpt_table_row(&table, b);
	hpt_table_row(&table, b);
	hpt_table_frame(&memory.env, &table, 65534, &framed);
	hpt_same_bits(framed.frame->target_mean, expected, what);
	hpt_ok(framed.frame->nrows == (a == b ? 1 : 2) &&
			   framed.frame->nfeatures == 0,
		   "rows without columns differ by target");
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
}

/* Weights whose sums could overflow are refused, by their value. */
static void
check_weight_range(double weight, const char *shown)
{
	hpt_memory memory;
	hpt_framed framed;
	hpt_table table;
	hpc_status status;

	hpt_memory_init(&memory, 1);
	hpt_table_numbers(&table, 2, 100, 10, 3);
	for (uint32_t row = 0; row < 100; row += 7)
		table.weight[row] = weight;
	status = hpt_table_frame(&memory.env, &table, 255, &framed);
	if (shown == NULL)
		hpt_ok(status == HPC_OK, "a weight of %g", weight);
	else
		hpt_ok(status == HPC_BAD_DATA &&
				   strstr(memory.env.error.message, shown) != NULL &&
				   memory.env.error.hint[0] != '\0',
			   "a weight of %g is refused", weight);
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* ---------- a data set that is kept ---------- */

static void
check_keep(uint32_t nrows)
{
	const hpc_frame_rules keep = {.max_bins = 255, .keep = true};
	const hpc_frame_rules last = {.max_bins = 255};
	hpt_memory memory;
	hpt_framed first;
	hpc_frame *second;
	hpt_table table;

	hpt_memory_init(&memory, 1);
	hpt_table_houses(&table, nrows, 17);
	weigh(&table, 18);
	hpt_table_frame_by(&memory.env, &table, &keep, &first);
	hpt_ok(hpc_frame_create(&memory.env, first.dataset, &last, &second,
							first.unique_text) == HPC_OK &&
			   same_frames(first.frame, second),
		   "a data set of %u rows that is kept makes the same frame again",
		   nrows);
	hpc_frame_free(&memory.env, second);
	hpt_framed_free(&memory.env, &first);
	hpt_table_free(&table);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* ---------- refusals ---------- */

/* Cancelling at any check, or refusing any allocation, frees everything. */
static void
check_refusals(const char *what, const hpt_table *table, uint32_t max_bins,
			   bool cancel, int64_t least)
{
	hpc_status expected = cancel ? HPC_CANCELLED : HPC_NO_MEMORY;
	hpc_status status = expected;
	hpt_memory memory;
	hpt_framed framed;
	int64_t n;
	int64_t nwrong = 0;

	for (n = 0; status == expected; n++)
	{
		hpt_memory_init(&memory, 1);
		if (cancel)
			memory.cancel_at = n + 1;
		else
			memory.fail_at = n + 1;
		status = hpt_table_frame(&memory.env, table, max_bins, &framed);
		if (status == HPC_OK)
			hpt_framed_free(&memory.env, &framed);
		nwrong += memory.nblocks != 0;
	}
	hpt_ok(nwrong == 0 && status == HPC_OK && n > least, "%s: each of %d %s",
		   what, (int) n - 1,
		   cancel ? "checks can cancel" : "allocations can fail");
}

/* ---------- fewer rows ---------- */

/* Does a row of the frame say what its row of the table does? */
static bool
is_row_of(const hpc_frame *frame, uint32_t row, const hpt_table *table)
{
	uint32_t source = hpc_row_source(frame, row);
	const hpc_value *values = hpt_table_values(table, source);
	bool same = frame->target[row] == table->target[source] &&
				hpc_row_weight(frame, row) == table->weight[source];

	for (int i = 0; i < frame->nfeatures; i++)
	{
		const hpc_feature *feature = &frame->features[i];
		uint32_t code = hpc_code(feature, row);

		if (feature->kind != HPC_CATEGORY && code < feature->nbins)
			same &= feature->low[code] <= values[feature->column].number &&
					values[feature->column].number <= feature->high[code];
		same &= (code == feature->nbins) == values[feature->column].missing;
	}
	return same;
}

/* The rows that are kept are whole, about as many, and the same ones. */
static void
check_thinning(bool repeat)
{
	hpt_memory memory;
	hpt_table table;
	hpt_framed framed;
	hpc_status status;
	uint64_t ncopies = 0;
	uint64_t keys = 0;
	uint64_t again = 0;
	int nwrong = 0;

	hpt_memory_init(&memory, 1);
	hpt_table_numbers(&table, 9, 4000, 5000, 8);
	weigh(&table, 4);
	if (repeat)
		hpt_table_repeat(&table, 5);
	for (int round = 0; round < 2; round++)
	{
		hpt_table_frame(&memory.env, &table, 300, &framed);
		status =
			hpc_frame_thin(&memory.env, framed.frame, HPC_TAG_SELECT, 1, 1000);
		for (uint32_t row = 0; row < framed.frame->nrows; row++)
		{
			nwrong += !is_row_of(framed.frame, row, &table);
			ncopies += hpc_row_count(framed.frame, row);
			*(round == 0 ? &keys : &again) += framed.frame->key[row];
		}
		hpt_ok(status == HPC_OK && framed.frame->nrows > 900 &&
				   framed.frame->nrows < 1100,
			   "%u rows are kept", framed.frame->nrows);
		hpt_ok(nwrong == 0 && ncopies == framed.frame->ncopies,
			   "and are what they were");
		ncopies = 0;
		hpt_framed_free(&memory.env, &framed);
		hpt_table_shuffle(&table, 2);
	}
	hpt_ok(keys == again, "they are the same in any order");
	hpt_table_frame(&memory.env, &table, 300, &framed);
	hpc_frame_thin(&memory.env, framed.frame, HPC_TAG_SELECT, 1, 4001);
	hpt_ok(framed.frame->nrows == 4000, "few enough rows stay all");
	hpt_framed_free(&memory.env, &framed);
	hpt_ok(memory.nblocks == 0, "nothing is left behind");
	hpt_table_free(&table);
}

static void
check_all_refusals(void)
{
	hpt_table table;

	hpt_table_houses(&table, 120, 3);
	weigh(&table, 4);
	check_refusals("houses", &table, 16, false, 90);
	check_refusals("houses", &table, 16, true, 5);
	hpt_table_free(&table);
	hpt_table_numbers(&table, 1, 70000, 1, 5);
	for (uint32_t row = 0; row < table.nrows; row++)
		hpt_table_values(&table, row)[0] = hpt_number(row * 0.5);
	hpt_table_repeat(&table, 7);
	check_refusals("many numbers", &table, 255, false, 15);
	check_refusals("many numbers", &table, 255, true, 15);
	hpt_table_free(&table);
}

int
main(void)
{
	check_order(65534, false);
	check_order(20, false);
	check_order(255, true);
	check_houses();
	check_equal_values();
	check_mean("a mean near the largest double", DBL_MAX, DBL_MAX, DBL_MAX);
	check_mean("a mean of opposites", DBL_MAX, -DBL_MAX, 0);
	check_mean("a mean of denormals", 5e-324, 1.5e-323, 1e-323);
	check_weight_range(1e100, NULL);
	check_weight_range(1e-100, NULL);
	check_weight_range(1.7e308, " 1.7e+308 ");
	check_weight_range(2e-100, NULL);
	check_weight_range(5e-324, " 4.94065645841247e-324 ");
	check_keep(50);
	check_keep(20000);
	check_thinning(false);
	check_thinning(true);
	check_all_refusals();
	return hpt_done();
}
