/*
 * test_sort.c
 *		Radix sorts against the C library's qsort, and the order of doubles.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_sort.h"
#include "hpt.h"

#define MAX_N 70000

static hpc_pair pairs[MAX_N];
static hpc_pair expected[MAX_N];
static hpc_pair spare[MAX_N];
static uint64_t keys[MAX_N];
static uint64_t expected_keys[MAX_N];
static uint64_t spare_keys[MAX_N];

static int
compare_pairs(const void *a, const void *b)
{
	const hpc_pair *left = a;
	const hpc_pair *right = b;

	if (left->key != right->key)
		return left->key < right->key ? -1 : 1;
	return left->row < right->row ? -1 : left->row > right->row;
}

static int
compare_keys(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *) a;
	uint64_t right = *(const uint64_t *) b;

	return left < right ? -1 : left > right;
}

/* Rows number the pairs, so a stable sort orders equal keys by row. */
static void
check_pairs(uint32_t n, uint64_t mask, int shift)
{
	hpt_random random = {n};
	hpt_memory memory;
	bool passed = true;

	hpt_memory_init(&memory, 1);
	for (uint32_t i = 0; i < n; i++)
	{
		pairs[i].key = (hpt_random_bits(&random) & mask) << shift;
		pairs[i].row = i;
	}
	memcpy(expected, pairs, n * sizeof(hpc_pair));
	qsort(expected, n, sizeof(hpc_pair), compare_pairs);
	passed = hpc_sort_pairs(&memory.env, n, pairs, spare);
	for (uint32_t i = 0; i < n; i++)
		passed &= compare_pairs(&pairs[i], &expected[i]) == 0;
	hpt_ok(passed, "%u pairs, keys of mask %llx << %d", n,
		   (unsigned long long) mask, shift);
}

static void
check_pair_sorts(void)
{
	static const uint32_t sizes[] = {0, 1, 2, 31, 33, 1000, MAX_N};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		check_pairs(sizes[i], UINT64_MAX, 0);
		check_pairs(sizes[i], 3, 0);
		check_pairs(sizes[i], 0xff, 56);
		check_pairs(sizes[i], 0xfff, 20);
		check_pairs(sizes[i], 0, 0);
	}
}

/* A sort asks in each of its passes, and there are two for every byte. */
static void
check_cancel(void)
{
	hpt_memory memory;
	int ncancelled = 0;

	for (int at = 1; at <= 16; at++)
	{
		hpt_memory_init(&memory, 1);
		memory.cancel_at = at;
		for (uint32_t i = 0; i < MAX_N; i++)
		{
			keys[i] = hpc_mix(i);
			pairs[i] = (hpc_pair){keys[i], i};
		}
		ncancelled += !hpc_sort_pairs(&memory.env, MAX_N, pairs, spare) &&
					  memory.env.error.status == HPC_CANCELLED;
		hpt_memory_init(&memory, 1);
		memory.cancel_at = at;
		ncancelled += !hpc_sort_keys(&memory.env, MAX_N, keys, spare_keys) &&
					  memory.env.error.status == HPC_CANCELLED;
	}
	hpt_ok(ncancelled == 32, "a sort can be cancelled in every pass");
}

static void
check_keys(uint32_t n, uint64_t mask, int shift)
{
	hpt_random random = {n + mask};
	hpt_memory memory;
	bool passed;

	hpt_memory_init(&memory, 1);
	for (uint32_t i = 0; i < n; i++)
		keys[i] = (hpt_random_bits(&random) & mask) << shift;
	memcpy(expected_keys, keys, n * sizeof(uint64_t));
	qsort(expected_keys, n, sizeof(uint64_t), compare_keys);
	passed = hpc_sort_keys(&memory.env, n, keys, spare_keys);
	hpt_ok(passed && memcmp(keys, expected_keys, n * sizeof(uint64_t)) == 0,
		   "%u keys of mask %llx << %d", n, (unsigned long long) mask, shift);
}

static void
check_key_sorts(void)
{
	static const uint32_t sizes[] = {0, 1, 2, 31, 33, 1000, MAX_N};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		check_keys(sizes[i], UINT64_MAX, 0);
		check_keys(sizes[i], 3, 0);
		check_keys(sizes[i], 0xff, 56);
		check_keys(sizes[i], 0xfff, 20);
		check_keys(sizes[i], 0, 0);
	}
}

static void
check_doubles(void)
{
	static const double ascending[] = {-INFINITY, -DBL_MAX, -1e10,
									   -1,        -DBL_MIN, -5e-324,
									   0,         5e-324,   DBL_MIN,
									   0.5,       1,        1 + DBL_EPSILON,
									   1e10,      DBL_MAX,  INFINITY};
	size_t n = sizeof(ascending) / sizeof(ascending[0]);
	hpt_random random = {9};
	int nwrong = 0;

	for (size_t i = 0; i < n; i++)
		nwrong +=
			hpc_from_sortable(hpc_sortable(ascending[i])) != ascending[i] ||
			(i > 0 &&
			 hpc_sortable(ascending[i - 1]) >= hpc_sortable(ascending[i]));
	hpt_ok(nwrong == 0, "keys of doubles ascend with them and lead back");
	hpt_ok(hpc_sortable(-0.0) == hpc_sortable(0.0), "-0 sorts as 0");
	hpt_same_bits(hpc_from_sortable(hpc_sortable(-0.0)), 0,
				  "and comes back 0");
	for (int i = 0; i < 100000; i++)
	{
		double a = hpt_random_double(&random, -1022, 1023);
		double b = hpt_random_double(&random, -1022, 1023);

		nwrong += (a < b) != (hpc_sortable(a) < hpc_sortable(b)) ||
				  hpc_from_sortable(hpc_sortable(a)) != a;
	}
	hpt_ok(nwrong == 0, "random doubles too");
}

int
main(void)
{
	check_pair_sorts();
	check_cancel();
	check_key_sorts();
	check_doubles();
	return hpt_done();
}
