/*
 * test_batch.c
 *		Rows predicted together: to the bit what each gets alone, whatever the
 *		model, the number of rows and of threads.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_table.h"

/* Rows enough to fill a batch of few features, and begin another. */
#define MANY_ROWS 70000

typedef struct rows
{
	const hpc_model *model;
	uint32_t nfeatures;
	uint32_t n;
	hpc_value *values; /* [n][nfeatures] */
	double *alone;     /* [n] */
	double *together;  /* [n] */
} rows;

/* n rows, nearly all of them strange. */
static void
rows_init(rows *r, const hpc_model *model, uint32_t n)
{
	hpt_random random = {41};
	uint32_t codes[HPT_MAX_COLUMNS];
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	r->model = model;
	r->nfeatures = (uint32_t) summary.nfeatures;
	r->n = n;
	r->values = calloc((size_t) n * (r->nfeatures + 1), sizeof(hpc_value));
	r->alone = calloc(n + 1, sizeof(double));
	r->together = calloc(n + 1, sizeof(double));
	for (uint32_t i = 0; i < n; i++)
	{
		hpc_value *values = r->values + (size_t) i * r->nfeatures;

		for (uint32_t j = 0; j < r->nfeatures; j++)
		{
			hpc_model_feature feature;

			hpc_model_feature_at(model, (int) j, &feature);
			values[j] = hpt_strange_value(&random, &feature);
		}
		r->alone[i] = hpc_model_predict(model, values, codes);
	}
}

static void
rows_free(rows *r)
{
	free(r->values);
	free(r->alone);
	free(r->together);
}

static hpc_status
predict_together(hpc_env *env, const rows *r)
{
	hpc_batch *batch;
	uint32_t ndone = 0;
	hpc_status status = hpc_batch_create(env, r->model, 0, &batch);

	for (uint32_t i = 0; i < r->n && status == HPC_OK; i++)
	{
		status =
			hpc_batch_add(env, batch, r->values + (size_t) i * r->nfeatures);
		if (status == HPC_OK && hpc_batch_room(batch) == 0)
		{
			uint32_t n = hpc_batch_nrows(batch);

			status = hpc_batch_predict(env, batch, r->together + ndone);
			ndone += n;
		}
	}
	if (status == HPC_OK)
		status = hpc_batch_predict(env, batch, r->together + ndone);
	hpc_batch_free(env, batch);
	return status;
}

/* Rows that get another prediction, or all of them where it fails. */
static uint32_t
count_wrong(rows *r, int nthreads)
{
	hpt_memory memory;
	uint32_t nwrong = 0;

	hpt_memory_init(&memory, nthreads);
	memset(r->together, 0xff, r->n * sizeof(double));
	if (predict_together(&memory.env, r) != HPC_OK || memory.nblocks != 0)
		return r->n + 1;
	for (uint32_t i = 0; i < r->n; i++)
		nwrong += memcmp(&r->alone[i], &r->together[i], sizeof(double)) != 0;
	return nwrong;
}

static void
check_hand_made(void)
{
	static const uint32_t sizes[] = {0, 1, 2, 47, 48, 49, 255, 256, 257, 3000};

	for (int which = 0; which < HPT_HAND_MODELS; which++)
	{
		const char *name = NULL;
		uint32_t nwrong = 0;

		for (uint64_t seed = 0; seed < 5; seed++)
		{
			size_t nbytes;
			hpc_model *model = hpt_hand_sample(which, seed, &nbytes, &name);

			for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			{
				rows r;

				rows_init(&r, model, sizes[i]);
				nwrong += count_wrong(&r, 1);
				rows_free(&r);
			}
			free(model);
		}
		hpt_ok(nwrong == 0, "%s: together as alone", name);
	}
}

/* So many rows that threads are started. */
static void
check_many(const char *what, const hpc_params *params)
{
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	rows r;

	hpt_table_houses(&table, 500, 11);
	model = hpt_table_model(&memory, &table, params, 1, &nbytes);
	rows_init(&r, model, MANY_ROWS);
	for (int nthreads = 1; nthreads <= 3; nthreads++)
		hpt_ok(count_wrong(&r, nthreads) == 0,
			   "%s: many rows as alone, threads: %d", what, nthreads);
	rows_free(&r);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* Sums beyond the largest double. */
static void
check_huge(void)
{
	hpc_params params = hpt_params(7);
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	rows r;

	params.min_leaf = 1;
	hpt_table_numbers(&table, 1, 20, 20, 14);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = row % 2 == 0 ? DBL_MAX : -DBL_MAX;
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	rows_init(&r, model, 500);
	hpt_ok(count_wrong(&r, 1) == 0, "leaves far apart");
	rows_free(&r);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

static void
check_failures(void)
{
	hpc_params params;
	hpt_memory memory;
	hpt_memory scratch;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	rows r;
	int64_t nrequests;
	int64_t nchecks;
	int nwrong = 0;

	hpc_params_init(&params, HPC_BOOST);
	params.early_stopping = false;
	params.rounds = 20;
	hpt_table_houses(&table, 300, 22);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	rows_init(&r, model, 2000);
	hpt_memory_init(&scratch, 1);
	nwrong += predict_together(&scratch.env, &r) != HPC_OK;
	nrequests = scratch.nrequests;
	nchecks = scratch.nchecks;
	for (int64_t i = 1; i <= nrequests; i++)
	{
		hpc_status status;

		hpt_memory_init(&scratch, 1);
		scratch.fail_at = i;
		status = predict_together(&scratch.env, &r);
		/* a predictor may be missing */
		nwrong += status != HPC_NO_MEMORY &&
				  (status != HPC_OK ||
				   memcmp(r.alone, r.together, r.n * sizeof(double)) != 0);
		nwrong += scratch.nblocks != 0;
	}
	hpt_ok(nrequests > 5 && nwrong == 0,
		   "with memory refused: an error, or the same predictions");
	for (int64_t i = 1; i <= nchecks; i++)
	{
		hpt_memory_init(&scratch, 1);
		scratch.cancel_at = i;
		nwrong += predict_together(&scratch.env, &r) != HPC_CANCELLED;
		nwrong += scratch.nblocks != 0;
	}
	hpt_ok(nchecks > 5 && nwrong == 0,
		   "cancelled at any time, it leaves nothing behind");
	rows_free(&r);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

int
main(void)
{
	hpc_params params = hpt_params(20);
	hpc_params members[2];

	check_hand_made();
	check_many("forest", &params);
	params.max_leaves = 30;
	check_many("small trees", &params);
	hpc_params_init(&members[0], HPC_BOOST);
	members[0].rounds = 20;
	members[0].log_target = 1;
	hpc_params_init(&members[1], HPC_LINEAR);
	members[1].log_target = 1;
	hpc_params_init(&params, HPC_BLEND);
	params.nmembers = 2;
	params.members = members;
	check_many("blend", &params);
	check_huge();
	check_failures();
	return hpt_done();
}
