/*
 * test_rank.c
 *		Ranks of the values of a column against twins that sort with the C
 *		library and search.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_rank.h"
#include "hpt_table.h"

/* A data set of one column of numbers, and the numbers. */
typedef struct column
{
	hpt_memory memory;
	hpc_dataset *dataset;
	uint32_t nrows;
	double *numbers;
} column;

static void
begin(column *c, uint32_t nrows)
{
	const hpc_column_spec spec = {"x", HPC_NUMBER, HPC_STORE_DOUBLE, false};

	hpt_memory_init(&c->memory, 1);
	c->nrows = 0;
	c->numbers = malloc((nrows + 1) * sizeof(double));
	hpc_dataset_create(&c->memory.env, 1, &spec, &c->dataset);
}

static void
add(column *c, double number)
{
	hpc_value value = hpt_number(number);

	hpc_dataset_append(&c->memory.env, c->dataset, &value, 1, 1);
	c->numbers[c->nrows++] = number;
}

static void
end(column *c)
{
	hpc_dataset_free(&c->memory.env, c->dataset);
	free(c->numbers);
	if (c->memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
}

static int
compare_numbers(const void *a, const void *b)
{
	double left = *(const double *) a;
	double right = *(const double *) b;

	return left < right ? -1 : left > right;
}

/* The numbers without NaN, sorted; repeats are left out if distinct. */
static double *
sorted_numbers(const column *c, bool distinct, uint32_t *n)
{
	double *sorted = malloc((c->nrows + 1) * sizeof(double));
	uint32_t nsorted = 0;
	uint32_t nkept = 0;

	for (uint32_t row = 0; row < c->nrows; row++)
	{
		if (!isnan(c->numbers[row]))
			sorted[nsorted++] = c->numbers[row];
	}
	qsort(sorted, nsorted, sizeof(double), compare_numbers);
	for (uint32_t i = 0; i < nsorted; i++)
	{
		if (!distinct || nkept == 0 || sorted[nkept - 1] != sorted[i])
			sorted[nkept++] = sorted[i];
	}
	*n = nkept;
	return sorted;
}

/* ---------- numbers ---------- */

/* Ranks that do not lead back to the numbers. */
static uint32_t
count_wrong(const column *c, const uint32_t *ranks, const double *values,
			uint32_t nvalues)
{
	uint32_t nwrong = 0;

	for (uint32_t row = 0; row < c->nrows; row++)
	{
		if (isnan(c->numbers[row]))
			nwrong += ranks[row] != nvalues;
		else
			nwrong +=
				ranks[row] >= nvalues || values[ranks[row]] != c->numbers[row];
	}
	return nwrong;
}

static void
check_ranks(column *c, const char *what)
{
	uint32_t nexpected;
	double *expected = sorted_numbers(c, true, &nexpected);
	uint32_t *ranks = malloc((c->nrows + 1) * sizeof(uint32_t));
	double *values = NULL;
	uint32_t nvalues = 0;
	bool too_many = true;
	uint32_t nwrong;
	hpc_status status =
		hpc_rank_numbers(&c->memory.env, c->dataset,
						 &c->dataset->columns[0].values, nexpected, ranks,
						 &values, &nvalues, &too_many);

	if (status != HPC_OK || too_many || nvalues != nexpected)
		nwrong = UINT32_MAX;
	else
	{
		nwrong = count_wrong(c, ranks, values, nvalues);
		/* bits: -0 has become 0 */
		for (uint32_t i = 0; i < nvalues; i++)
			nwrong += values[i] != expected[i] ||
					  (values[i] == 0 && signbit(values[i]) != 0);
	}
	hpt_ok(nwrong == 0, "%s: %u values of %u rows", what, nexpected, c->nrows);
	hpt_release(&c->memory.env, values);
	free(expected);
	free(ranks);
}

/* One value less than there are is too few. */
static void
check_too_many(column *c, const char *what)
{
	uint32_t n;
	double *expected = sorted_numbers(c, true, &n);
	uint32_t *ranks = malloc((c->nrows + 1) * sizeof(uint32_t));
	double *values = NULL;
	uint32_t nvalues;
	bool too_many = false;
	hpc_status status = hpc_rank_numbers(&c->memory.env, c->dataset,
										 &c->dataset->columns[0].values, n - 1,
										 ranks, &values, &nvalues, &too_many);

	hpt_ok(status == HPC_OK && too_many && values == NULL,
		   "%s: %u values are too many", what, n);
	free(expected);
	free(ranks);
}

static void
check_sorted_keys(column *c, const char *what)
{
	uint32_t n;
	double *expected = sorted_numbers(c, false, &n);
	uint64_t *keys = NULL;
	uint32_t nkeys = 0;
	uint32_t nwrong = 0;
	hpc_status status =
		hpc_sorted_keys(&c->memory.env, c->dataset,
						&c->dataset->columns[0].values, &keys, &nkeys);

	for (uint32_t i = 0; status == HPC_OK && i < n && i < nkeys; i++)
		nwrong += hpc_from_sortable(keys[i]) != expected[i];
	hpt_ok(status == HPC_OK && nkeys == n && nwrong == 0,
		   "%s: all of %u sorted", what, n);
	hpt_release(&c->memory.env, keys);
	free(expected);
}

/* nvalues different numbers, one in seven missing. */
static void
check_numbers(const char *what, uint32_t nrows, uint32_t nvalues,
			  double (*shape)(uint64_t))
{
	hpt_random random = {nrows + nvalues};
	column c;

	begin(&c, nrows);
	while (c.nrows < nrows)
	{
		uint64_t i = hpt_random_below(&random, nvalues);

		add(&c, hpt_random_below(&random, 7) == 0 ? NAN : shape(i));
	}
	check_ranks(&c, what);
	check_too_many(&c, what);
	check_sorted_keys(&c, what);
	end(&c);
}

static double
whole(uint64_t i)
{
	return (double) i - 100;
}

static double
any(uint64_t i)
{
	hpt_random random = {i};

	return hpt_random_double(&random, -1022, 1023);
}

/* Numbers that differ in their last bits only. */
static double
close_by(uint64_t i)
{
	return 1e6 + (double) i * 0x1p-33;
}

static void
check_strange_numbers(void)
{
	static const double strange[] = {0,         -0.0,     NAN,      INFINITY,
									 -INFINITY, DBL_MAX,  -DBL_MAX, 5e-324,
									 -5e-324,   DBL_MIN,  -NAN,     0,
									 -0.0,      INFINITY, 1,        -1};
	column c;

	begin(&c, 100);
	for (int i = 0; i < 100; i++)
		add(&c, strange[i * 7 % 16]);
	check_ranks(&c, "numbers at the edge");
	check_sorted_keys(&c, "numbers at the edge");
	end(&c);
	begin(&c, 3);
	for (int i = 0; i < 3; i++)
		add(&c, NAN);
	check_ranks(&c, "nothing but missing");
	check_sorted_keys(&c, "nothing but missing");
	end(&c);
}

/* ---------- categories ---------- */

static hpc_value
text_of(uint64_t i, char *buffer)
{
	static const char *const prefixes[] = {"", "a", "same prefix ", "\xc3"};
	uint32_t n = 0;
	const char *prefix = prefixes[i % 4];

	while (prefix[n] != '\0')
	{
		buffer[n] = prefix[n];
		n++;
	}
	for (i /= 4; i > 0; i /= 200)
		buffer[n++] = (char) (i % 200 + 50);
	return (hpc_value){.bytes = buffer, .nbytes = n};
}

/* Ranks of categories that are not those of the texts that went in. */
static uint32_t
count_wrong_texts(const hpc_dictionary *categories, const uint64_t *texts,
				  const uint32_t *ranks, uint32_t nrows)
{
	uint32_t nwrong = 0;

	for (uint32_t row = 0; row < nrows; row++)
	{
		char buffer[32];
		hpc_value text = text_of(texts[row], buffer);
		uint32_t nbytes;
		const char *bytes;

		if (texts[row] == UINT64_MAX || ranks[row] >= categories->nentries)
		{
			nwrong +=
				texts[row] != UINT64_MAX || ranks[row] != categories->nentries;
			continue;
		}
		bytes = hpc_dictionary_entry(categories, ranks[row], &nbytes);
		nwrong += hpc_compare_bytes(bytes, nbytes, text.bytes, text.nbytes);
	}
	for (uint32_t i = 1; i < categories->nentries; i++)
	{
		uint32_t na;
		uint32_t nb;
		const char *a = hpc_dictionary_entry(categories, i - 1, &na);
		const char *b = hpc_dictionary_entry(categories, i, &nb);

		nwrong += hpc_compare_bytes(a, na, b, nb) >= 0;
	}
	return nwrong;
}

static void
check_texts(uint32_t nrows, uint64_t ntexts)
{
	hpt_random random = {ntexts};
	hpt_memory memory;
	hpc_dictionary dictionary = {0};
	hpc_dictionary categories = {0};
	uint64_t *texts = malloc((nrows + 1) * sizeof(uint64_t));
	uint32_t *ranks = malloc((nrows + 1) * sizeof(uint32_t));
	hpc_status status;

	hpt_memory_init(&memory, 1);
	for (uint32_t row = 0; row < nrows; row++)
	{
		char buffer[32];
		hpc_value text;

		texts[row] = hpt_random_below(&random, ntexts);
		text = text_of(texts[row], buffer);
		if (hpt_random_below(&random, 9) == 0)
		{
			texts[row] = UINT64_MAX;
			ranks[row] = HPC_MISSING_CODE;
		}
		else
			hpc_dictionary_code(&memory.env, &dictionary, text.bytes,
								text.nbytes, &ranks[row]);
	}
	status = hpc_rank_categories(&memory.env, &dictionary, nrows, ranks,
								 &categories);
	hpt_ok(status == HPC_OK && categories.nentries == dictionary.nentries &&
			   count_wrong_texts(&categories, texts, ranks, nrows) == 0,
		   "%u texts of %u rows in byte order", categories.nentries, nrows);
	hpc_dictionary_free(&memory.env, &dictionary);
	hpc_dictionary_free(&memory.env, &categories);
	free(texts);
	free(ranks);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* ---------- refusals ---------- */

static hpc_status
rank_everything(column *c)
{
	uint32_t *ranks = malloc((c->nrows + 1) * sizeof(uint32_t));
	const hpc_chunked *values = &c->dataset->columns[0].values;
	double *numbers = NULL;
	uint64_t *keys = NULL;
	uint32_t n;
	bool too_many;
	hpc_status status =
		hpc_rank_numbers(&c->memory.env, c->dataset, values, UINT32_MAX - 1,
						 ranks, &numbers, &n, &too_many);

	if (status == HPC_OK)
		status =
			hpc_sorted_keys(&c->memory.env, c->dataset, values, &keys, &n);
	hpt_release(&c->memory.env, numbers);
	hpt_release(&c->memory.env, keys);
	free(ranks);
	return status;
}

/* Each allocation fails, each check cancels: nothing is left behind. */
static void
check_refusals(void)
{
	column c;
	int64_t nblocks;
	int64_t nwrong = 0;
	int64_t n[2];

	begin(&c, 80000);
	while (c.nrows < 80000)
		add(&c, c.nrows % 3 == 0 ? NAN : (double) hpc_mix(c.nrows));
	nblocks = c.memory.nblocks;
	for (int which = 0; which < 2; which++)
	{
		hpc_status expected = which == 0 ? HPC_NO_MEMORY : HPC_CANCELLED;
		hpc_status status = expected;

		for (n[which] = 0; status == expected; n[which]++)
		{
			c.memory.nrequests = c.memory.nchecks = 0;
			c.memory.fail_at = which == 0 ? n[which] + 1 : 0;
			c.memory.cancel_at = which == 1 ? n[which] + 1 : 0;
			status = rank_everything(&c);
			nwrong += c.memory.nblocks != nblocks;
		}
		nwrong += status != HPC_OK;
	}
	hpt_ok(nwrong == 0 && n[0] > 15 && n[1] > 4,
		   "%d allocations can fail, %d checks can cancel", (int) n[0] - 1,
		   (int) n[1] - 1);
	end(&c);
}

int
main(void)
{
	check_numbers("whole numbers", 2, 1, whole);
	check_numbers("whole numbers", 50, 10, whole);
	check_numbers("whole numbers", 30000, 255, whole);
	check_numbers("whole numbers", 30000, 257, whole);
	check_numbers("whole numbers", 100000, 70000, whole);
	check_numbers("any numbers", 20000, 15000, any);
	check_numbers("close numbers", 20000, 4096, close_by);
	check_strange_numbers();
	check_texts(1, 1);
	check_texts(500, 20);
	check_texts(30000, 100000);
	check_refusals();
	return hpt_done();
}
