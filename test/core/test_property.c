/*
 * test_property.c
 *		What must hold of every training, on random tables by random options.
 *
 * Shuffled rows, columns in another order and other numbers of threads give
 * the same bytes, or the same error; the model is valid, predicts nothing
 * that is not finite, and a cancelled or starved training leaves nothing
 * behind.  A failure names the seed that brings it back.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpt_case.h"

/* How a training ended. */
typedef struct outcome
{
	hpc_status status;
	char message[512];
	size_t nbytes;
	hpc_model *model; /* malloc'd, or NULL */
} outcome;

static outcome
train(const hpt_case *drawn, int nthreads, int64_t fail_at, int64_t cancel_at)
{
	hpt_memory memory;
	hpc_result result;
	outcome o = {0};

	hpt_memory_init(&memory, nthreads);
	memory.fail_at = fail_at;
	memory.cancel_at = cancel_at;
	o.status =
		hpt_table_train(&memory.env, &drawn->table, &drawn->params, &result);
	memcpy(o.message, memory.env.error.message, sizeof(o.message));
	if (o.status == HPC_OK)
	{
		o.nbytes = result.nbytes;
		o.model = malloc(result.nbytes);
		memcpy(o.model, result.model, result.nbytes);
		hpt_release(&memory.env, result.model);
	}
	if (memory.nblocks != 0)
		hpt_ok(false, "%s: %d blocks are left", drawn->words,
			   (int) memory.nblocks);
	return o;
}

static bool
same_outcome(const outcome *a, const outcome *b)
{
	if (a->status != b->status)
		return false;
	if (a->status != HPC_OK)
		return strcmp(a->message, b->message) == 0;
	return a->nbytes == b->nbytes &&
		   memcmp(a->model, b->model, a->nbytes) == 0;
}

/* Does the training of another order or crew end as the first one? */
static bool
ends_alike(const hpt_case *drawn, int nthreads, const outcome *first,
		   const char *what)
{
	outcome other = train(drawn, nthreads, 0, 0);
	bool same = same_outcome(first, &other);

	if (!same)
		hpt_note("%s, %d threads: %s: %s | %s", what, nthreads, drawn->words,
				 first->message, other.message);
	free(other.model);
	return same;
}

/* Valid, and finite for rows that it has seen and rows that it has not. */
static bool
model_is_sound(const hpt_case *drawn, const outcome *o)
{
	hpt_random random = {drawn->seed};
	hpt_memory memory;
	hpc_model_summary summary;
	bool sound;

	hpt_memory_init(&memory, 1);
	sound = hpc_model_validate(&memory.env, o->model, o->nbytes) == HPC_OK;
	if (!sound)
		hpt_note("invalid: %s: %s", drawn->words, memory.env.error.message);
	hpc_model_summarize(o->model, &summary);
	for (int i = 0; sound && i < 50; i++)
	{
		hpc_value values[HPT_MAX_COLUMNS];
		uint32_t codes[HPT_MAX_COLUMNS];

		if (i < (int) drawn->table.nrows && i % 2 == 0)
			hpt_model_values(o->model, &drawn->table, (uint32_t) i, values);
		else
		{
			for (int j = 0; j < summary.nfeatures; j++)
			{
				hpc_model_feature feature;

				hpc_model_feature_at(o->model, j, &feature);
				values[j] = hpt_strange_value(&random, &feature);
			}
		}
		sound = isfinite(hpc_model_predict(o->model, values, codes));
	}
	return sound;
}

/* All orders and crews of one case. */
static bool
case_holds(uint64_t seed, hpc_algorithm algorithm, uint32_t nrows,
		   hpc_status *status)
{
	hpt_case drawn;
	outcome first;
	bool holds;

	hpt_case_init(&drawn, seed, algorithm, nrows);
	first = train(&drawn, 1, 0, 0);
	*status = first.status;
	holds = first.status == HPC_OK ? model_is_sound(&drawn, &first)
								   : first.status == HPC_BAD_DATA;
	if (!holds)
		hpt_note("%s: status %d %s", drawn.words, (int) first.status,
				 first.message);
	holds &= ends_alike(&drawn, 2, &first, "as it is");
	hpt_table_shuffle(&drawn.table, seed);
	holds &= ends_alike(&drawn, 1, &first, "shuffled");
	hpt_table_reverse_columns(&drawn.table);
	holds &= ends_alike(&drawn, 4, &first, "shuffled, columns reversed");
	free(first.model);
	hpt_case_free(&drawn);
	return holds;
}

static void
check_cases(hpc_algorithm algorithm, uint64_t ncases, uint32_t nrows)
{
	uint64_t nwrong = 0;
	uint64_t nmodels = 0;

	for (uint64_t seed = 1; seed <= ncases; seed++)
	{
		hpc_status status;

		nwrong += !case_holds(seed, algorithm, nrows, &status);
		nmodels += status == HPC_OK;
	}
	hpt_ok(nwrong == 0 && nmodels > ncases / 2,
		   "%s, %d tables%s: the same bytes in any order, %d models",
		   hpc_algorithm_name(algorithm), (int) ncases,
		   nrows > 0 ? " of many rows" : "", (int) nmodels);
}

/* ---------- refusals ---------- */

/*
 * Allocation number n fails, or check number n cancels, for all n up to where
 * nothing comes of it.
 */
static void
check_refusals(uint64_t seed, hpc_algorithm algorithm, uint32_t nrows,
			   bool cancel)
{
	hpc_status expected = cancel ? HPC_CANCELLED : HPC_NO_MEMORY;
	hpt_case drawn;
	outcome o = {.status = expected};
	int64_t n = 0;

	hpt_case_init(&drawn, seed, algorithm, nrows);
	while (o.status == expected)
	{
		n++;
		o = train(&drawn, n % 16 == 0 ? 2 : 1, cancel ? 0 : n, cancel ? n : 0);
		free(o.model);
	}
	if (!hpt_ok(o.status == HPC_OK || o.status == HPC_BAD_DATA,
				"%s, seed %d: each of %d %s", hpc_algorithm_name(algorithm),
				(int) seed, (int) n - 1,
				cancel ? "checks can cancel" : "allocations can fail"))
		hpt_note("%s: status %d %s", drawn.words, (int) o.status, o.message);
	hpt_case_free(&drawn);
}

/* A seed of the command line is looked at alone. */
int
main(int argc, char **argv)
{
	if (argc == 4)
	{
		hpc_status status;

		hpt_ok(case_holds(strtoull(argv[2], NULL, 10),
						  hpc_algorithm_by_name(argv[1]),
						  (uint32_t) strtoul(argv[3], NULL, 10), &status),
			   "%s %s %s", argv[1], argv[2], argv[3]);
		return hpt_done();
	}
	for (int i = HPC_MEAN; i < HPC_NALGORITHMS; i++)
	{
		hpc_algorithm algorithm = (hpc_algorithm) i;

		check_cases(algorithm, algorithm == HPC_MEAN ? 20 : 60, 0);
		check_refusals(3, algorithm, 40, false);
		check_refusals(4, algorithm, 100, false);
		check_refusals(3, algorithm, 40, true);
		check_refusals(5, algorithm, 10000, true);
	}
	check_cases(HPC_FOREST, 4, 20000);
	check_cases(HPC_EXTRA_TREES, 3, 20000);
	check_cases(HPC_BOOST, 6, 20000);
	check_cases(HPC_BOOST, 2, 55000);
	check_cases(HPC_LINEAR, 2, 20000);
	return hpt_done();
}
