/*
 * test_thresholds.c
 *		Numbers of thresholds, and where they go when they are sorted.
 */
#include <stdlib.h>
#include <string.h>

#include "hpc_sort.h"
#include "hpc_thresholds.h"
#include "hpt.h"

#define MAX 100000

typedef struct listed
{
	hpt_memory memory;
	hpc_thresholds thresholds;
	double added[MAX];
	uint32_t number[MAX];
	uint32_t nadded;
} listed;

static listed *
list_new(void)
{
	listed *list = calloc(1, sizeof(listed));

	hpt_memory_init(&list->memory, 1);
	return list;
}

static hpc_status
list_add(listed *list, double threshold)
{
	list->added[list->nadded] = threshold;
	return hpc_thresholds_add(&list->memory.env, &list->thresholds, threshold,
							  &list->number[list->nadded++]);
}

/* Each one is found where it went, and they ascend. */
static bool
is_sorted(listed *list, uint32_t *nsorted)
{
	uint32_t n = list->thresholds.n;
	double *sorted = malloc(n * sizeof(double));
	uint32_t *place_of = malloc(n * sizeof(uint32_t));
	bool good = hpc_thresholds_sort(&list->memory.env, &list->thresholds,
									sorted, nsorted, place_of) == HPC_OK;

	for (uint32_t i = 1; i < *nsorted; i++)
		good &= sorted[i - 1] < sorted[i];
	for (uint32_t i = 0; i < list->nadded; i++)
		good &= sorted[place_of[list->number[i]]] == list->added[i];
	free(sorted);
	free(place_of);
	return good;
}

static void
list_done(listed *list)
{
	hpc_thresholds_free(&list->memory.env, &list->thresholds);
	hpt_ok(list->memory.nblocks == 0, "nothing is left behind");
	free(list);
}

static void
check_repeats(void)
{
	listed *list = list_new();
	hpt_random random = {1};
	uint32_t nsorted;

	for (int i = 0; i < MAX; i++)
		list_add(list, (double) hpt_random_below(&random, 3000) - 1000.5);
	hpt_ok(list->thresholds.n == 3000, "each threshold has one number");
	hpt_ok(is_sorted(list, &nsorted) && nsorted == 3000,
		   "they are sorted, and found again");
	list_done(list);
}

static void
check_zeros(void)
{
	listed *list = list_new();
	uint32_t nsorted;

	list_add(list, 0.0);
	list_add(list, -0.0);
	list_add(list, -1e308);
	list_add(list, 5e-324);
	hpt_ok(list->number[0] == list->number[1], "0 and -0 are the same");
	hpt_ok(is_sorted(list, &nsorted) && nsorted == 3,
		   "from the least to the greatest double");
	list_done(list);
}

/* Thresholds that all want the same place of a small table, and come twice. */
static void
check_collisions(void)
{
	listed *list = list_new();
	double found[300];
	uint32_t nfound = 0;
	uint32_t nsorted;

	for (double x = 1; nfound < 300; x++)
		if ((hpc_mix(hpc_sortable(x)) & 0x3ff) == 0)
			found[nfound++] = x;
	for (uint32_t i = 0; i < 2 * nfound; i++)
		list_add(list, found[i % nfound]);
	hpt_ok(list->thresholds.n > nfound,
		   "where a table is crowded some have two numbers (%u of %u)",
		   list->thresholds.n - nfound, nfound);
	hpt_ok(is_sorted(list, &nsorted) && nsorted == nfound,
		   "and are one when sorted");
	list_done(list);
}

/* Refused or stopped at any time, there is a list that can be freed. */
static void
check_failures(void)
{
	int nwrong = 0;
	int nfailed = 0;

	for (int64_t at = 1; at <= 12; at++)
	{
		listed *list = list_new();
		hpc_status status = HPC_OK;

		list->memory.fail_at = at;
		for (int i = 0; i < 1000 && status == HPC_OK; i++)
			status = list_add(list, i);
		nfailed += status == HPC_NO_MEMORY;
		hpc_thresholds_free(&list->memory.env, &list->thresholds);
		nwrong += list->memory.nblocks != 0;
		free(list);
	}
	hpt_ok(nwrong == 0 && nfailed > 5, "out of memory, nothing is lost");
}

int
main(void)
{
	check_repeats();
	check_zeros();
	check_collisions();
	check_failures();
	return hpt_done();
}
