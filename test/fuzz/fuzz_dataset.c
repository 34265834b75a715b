/*
 * fuzz_dataset.c
 *		Flat rows of any origin: refused, or as good as rows that were
 *		appended: they can be merged, written again and trained on.
 */
#include <stdlib.h>
#include <string.h>

#include "hpc_dataset.h"
#include "hpf.h"
#include "hpt_table.h"

/* Enough to go everywhere, few enough to go there often. */
#define MAX_ROWS 200
#define MAX_COLUMNS 30

static void
require(bool kept)
{
	if (!kept)
		abort();
}

/* Column names must differ, which the flat form leaves to its writer. */
static bool
names_differ(const hpc_dataset *dataset)
{
	for (int i = 0; i < hpc_dataset_ncolumns(dataset); i++)
	{
		for (int j = 0; j < i; j++)
		{
			if (strcmp(hpc_dataset_column(dataset, i).name,
					   hpc_dataset_column(dataset, j).name) == 0 ||
				hpc_dataset_column(dataset, i).name[0] == '\0')
				return false;
		}
	}
	return hpc_dataset_ncolumns(dataset) == 0 ||
		   hpc_dataset_column(dataset, 0).name[0] != '\0';
}

/* What was read can be written and read again, and merged with the copy. */
static void
write_and_merge(hpc_env *env, hpc_dataset *dataset)
{
	uint64_t nrows = hpc_dataset_nrows(dataset);
	size_t nbytes = hpc_dataset_flat_size(dataset);
	void *bytes = malloc(nbytes);
	hpc_dataset *copy = NULL;

	if (bytes == NULL)
		return;
	hpc_dataset_to_flat(dataset, bytes);
	require(hpc_dataset_from_flat(env, bytes, nbytes, &copy) == HPC_OK &&
			hpc_dataset_has_weights(copy) == hpc_dataset_has_weights(dataset));
	free(bytes);
	require(hpc_dataset_merge(env, dataset, copy) == HPC_OK &&
			hpc_dataset_nrows(dataset) == 2 * nrows);
	hpc_dataset_free(env, copy);
}

static void
train(hpc_env *env, hpc_dataset *dataset)
{
	hpc_params params = hpt_params(2);
	const hpc_texts texts = {"y", NULL, NULL, NULL};
	hpc_result result;
	hpc_status status;

	params.max_bins = 16;
	params.min_leaf = 1;
	params.leak = HPC_LEAK_ERROR;
	status = hpc_train(env, dataset, &params, &texts, &result);
	require(status == HPC_OK || status == HPC_BAD_DATA || status == HPC_LEAK);
	if (status == HPC_OK)
	{
		require(hpc_model_validate(env, result.model, result.nbytes) ==
				HPC_OK);
		hpt_model_exercise(result.model);
	}
	hpt_release(env, result.model);
	hpt_release(env, result.findings);
}

int
hpf_dataset(const uint8_t *bytes, size_t nbytes)
{
	char *exact = malloc(nbytes > 0 ? nbytes : 1);
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_status status;

	if (exact == NULL)
		return 0;
	if (nbytes > 0)
		memcpy(exact, bytes, nbytes);
	hpt_memory_init(&memory, 1);
	status = hpc_dataset_from_flat(&memory.env, exact, nbytes, &dataset);
	free(exact);
	require(status == HPC_OK || (status == HPC_CORRUPT && dataset == NULL));
	if (status == HPC_OK && hpc_dataset_nrows(dataset) > 0 &&
		hpc_dataset_nrows(dataset) <= MAX_ROWS &&
		hpc_dataset_ncolumns(dataset) <= MAX_COLUMNS && names_differ(dataset))
	{
		write_and_merge(&memory.env, dataset);
		train(&memory.env, dataset);
	}
	hpc_dataset_free(&memory.env, dataset);
	require(memory.nblocks == 0);
	return 0;
}
