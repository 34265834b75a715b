/*
 * test_proximity.c
 *		Rows that a forest treats alike: in each tree what a walk down, by value,
 *		says of both; shares of a prediction; memory and cancel.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_table.h"

#define MAX_TREES 1300
#define WORDS_FOR(n) (((n) + 511) / 512 * 8)

/* Rows to compare: those of a table, and strange ones. */
typedef struct rows
{
	const hpc_model *model;
	uint32_t nfeatures;
	uint32_t ntrees;
	uint32_t n;
	hpc_value *values; /* [n][nfeatures] */
} rows;

static const hpc_value *
row_of(const rows *r, uint32_t row)
{
	return r->values + (size_t) row * r->nfeatures;
}

/* table may be NULL. */
static void
rows_init(rows *r, const hpc_model *model, const hpt_table *table,
		  uint32_t nstrange)
{
	hpt_random random = {23};
	hpc_model_summary summary;
	uint32_t nlikely = table != NULL ? table->nrows : 0;

	hpc_model_summarize(model, &summary);
	r->model = model;
	r->nfeatures = (uint32_t) summary.nfeatures;
	r->ntrees = summary.ntrees;
	r->n = nlikely + nstrange;
	r->values = calloc((size_t) r->n * (r->nfeatures + 1), sizeof(hpc_value));
	for (uint32_t row = 0; row < r->n; row++)
	{
		hpc_value *values = r->values + (size_t) row * r->nfeatures;

		if (row < nlikely)
			hpt_model_values(model, table, row, values);
		for (int i = 0; i < summary.nfeatures && row >= nlikely; i++)
		{
			hpc_model_feature feature;

			hpc_model_feature_at(model, i, &feature);
			values[i] = hpt_strange_value(&random, &feature);
		}
	}
}

static hpc_proximity *
proximity_of(hpt_memory *memory, const rows *r, uint32_t row)
{
	hpc_proximity *proximity = NULL;

	hpt_memory_init(memory, 1);
	hpc_proximity_create(&memory->env, r->model, row_of(r, row), &proximity);
	return proximity;
}

/* The slow twin: the nodes of one row, and does another come through them? */
static uint32_t
slow_trees(const rows *r, const uint32_t *nodes, uint32_t row, uint64_t *trees)
{
	uint32_t ntrees = 0;

	memset(trees, 0, WORDS_FOR(r->ntrees) * sizeof(uint64_t));
	for (uint32_t tree = 0; tree < r->ntrees; tree++)
	{
		if (!hpt_model_passes(r->model, tree, row_of(r, row), nodes[tree]))
			continue;
		trees[tree / 64] |= UINT64_C(1) << (tree % 64);
		ntrees++;
	}
	return ntrees;
}

static void
find_nodes(const rows *r, uint32_t row, uint32_t *nodes)
{
	for (uint32_t tree = 0; tree < r->ntrees; tree++)
		nodes[tree] = hpt_model_node(r->model, tree, row_of(r, row),
									 HPC_PROXIMITY_COVER);
}

/* Rows that are like one in other trees than they should be. */
static uint32_t
count_wrong(const rows *r, uint32_t row, uint32_t *npairs)
{
	uint32_t nodes[MAX_TREES];
	uint64_t expected[WORDS_FOR(MAX_TREES)];
	uint64_t trees[WORDS_FOR(MAX_TREES)];
	hpt_memory memory;
	hpc_proximity *proximity = proximity_of(&memory, r, row);
	uint32_t nwrong = 0;

	if (proximity == NULL ||
		hpc_proximity_nwords(proximity) != WORDS_FOR(r->ntrees))
		return r->n;
	find_nodes(r, row, nodes);
	for (uint32_t other = 0; other < r->n; other++)
	{
		uint32_t n = slow_trees(r, nodes, other, expected);

		memset(trees, 0xff, sizeof(trees));
		nwrong +=
			hpc_proximity_trees(proximity, row_of(r, other), trees) != n ||
			memcmp(trees, expected, WORDS_FOR(r->ntrees) * sizeof(uint64_t)) !=
				0;
		*npairs += n > 0 && n < r->ntrees;
	}
	hpc_proximity_free(&memory.env, proximity);
	return nwrong + (memory.nblocks != 0);
}

/* Every step-th row is asked about. */
static void
check_trees(const char *what, const hpt_table *table, const hpc_params *params,
			uint32_t step)
{
	hpt_memory memory;
	size_t nbytes;
	hpc_model *model = hpt_table_model(&memory, table, params, 1, &nbytes);
	uint32_t nwrong = 0;
	uint32_t npairs = 0;
	rows r;

	rows_init(&r, model, table, table->nrows);
	for (uint32_t row = 0; row < r.n; row += step)
		nwrong += count_wrong(&r, row, &npairs);
	hpt_ok(nwrong == 0 && (npairs > r.n || r.ntrees == 1),
		   "%s: the trees that a walk by value finds", what);
	free(r.values);
	hpt_release(&memory.env, model);
}

static void
check_forests(void)
{
	hpc_params params = hpt_params(30);
	hpt_table table;

	hpt_table_houses(&table, 300, 3);
	params.min_leaf = 1;
	check_trees("full trees", &table, &params, 7);
	params.max_depth = 2;
	check_trees("short trees", &table, &params, 7);
	params = hpt_params(1);
	check_trees("one tree", &table, &params, 7);
	params = hpt_params(1);
	params.min_leaf = 200;
	check_trees("a root alone", &table, &params, 50);
	hpc_params_init(&params, HPC_EXTRA_TREES);
	params.trees = 30;
	params.leak = HPC_LEAK_ALLOW;
	check_trees("extra trees", &table, &params, 7);
	hpt_table_free(&table);

	/* a block has room for 512 */
	hpt_table_houses(&table, 100, 4);
	for (int64_t trees = 511; trees <= MAX_TREES;
		 trees += trees < 513 ? 1 : 512)
	{
		params = hpt_params(trees);
		check_trees("many trees", &table, &params, 60);
	}
	hpt_table_free(&table);
}

/* Any cut, any set, merged forests with categories unknown to some. */
static void
check_hand_made(void)
{
	for (int which = 0; which < HPT_HAND_MODELS; which++)
	{
		const char *name = NULL;
		uint32_t nwrong = 0;
		uint32_t npairs = 0;

		for (uint64_t seed = 0; seed < 20; seed++)
		{
			size_t nbytes;
			hpc_model *model = hpt_hand_sample(which, seed, &nbytes, &name);
			rows r;

			rows_init(&r, model, NULL, 100);
			for (uint32_t row = 0; row < r.n; row += 10)
				nwrong += count_wrong(&r, row, &npairs);
			free(r.values);
			free(model);
		}
		hpt_ok(nwrong == 0, "%s: the trees that a walk by value finds", name);
	}
}

/* ---------- shares ---------- */

/* The mean, over trees with a row in the node, of 1 / rows in the node. */
static double
slow_share(const rows *r, const uint32_t *nodes, uint32_t nrows, uint32_t row)
{
	double sum = 0;
	uint32_t nspeaking = 0;

	for (uint32_t tree = 0; tree < r->ntrees; tree++)
	{
		uint32_t nbeside = 0;

		for (uint32_t other = 0; other < nrows; other++)
			nbeside += hpt_model_passes(r->model, tree, row_of(r, other),
										nodes[tree]);
		nspeaking += nbeside > 0;
		if (nbeside > 0 &&
			hpt_model_passes(r->model, tree, row_of(r, row), nodes[tree]))
			sum += 1.0 / nbeside;
	}
	return nspeaking > 0 ? sum / nspeaking : 0;
}

/*
 * Of the first rows of r, which are counted; the one asked about is counted
 * and taken away again.
 */
static void
check_shares_of(const char *what, const rows *r, uint32_t asked,
				uint32_t nrows)
{
	uint32_t nodes[MAX_TREES];
	uint64_t trees[WORDS_FOR(MAX_TREES)];
	hpt_memory memory;
	hpc_proximity *proximity = proximity_of(&memory, r, asked);
	double sum = 0;
	int nwrong = 0;

	find_nodes(r, asked, nodes);
	hpc_proximity_trees(proximity, row_of(r, asked), trees);
	nwrong += hpc_proximity_share(proximity, trees) != 0;
	hpc_proximity_count(proximity, trees, 1);
	for (uint32_t row = 0; row < nrows; row++)
	{
		hpc_proximity_trees(proximity, row_of(r, row), trees);
		hpc_proximity_count(proximity, trees, 1);
	}
	hpc_proximity_trees(proximity, row_of(r, asked), trees);
	hpc_proximity_count(proximity, trees, -1);
	for (uint32_t row = 0; row < nrows; row++)
	{
		double share;

		hpc_proximity_trees(proximity, row_of(r, row), trees);
		share = hpc_proximity_share(proximity, trees);
		sum += share;
		nwrong += fabs(share - slow_share(r, nodes, nrows, row)) > 1e-12;
	}
	hpt_ok(nwrong == 0, "%s: shares of a prediction", what);
	hpt_ok(fabs(sum - 1) < 1e-12, "%s: they add up to 1", what);
	hpc_proximity_free(&memory.env, proximity);
}

/* With few rows counted, most trees have none in the node. */
static void
check_shares(void)
{
	hpc_params params = hpt_params(20);
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	rows r;

	hpt_table_houses(&table, 200, 5);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	rows_init(&r, model, &table, 0);
	check_shares_of("all rows", &r, 150, 150);
	check_shares_of("few rows", &r, 150, 8);
	free(r.values);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- failures ---------- */

static hpc_status
try(const rows *r, int64_t fail_at, int64_t cancel_at, hpt_memory *memory)
{
	hpc_proximity *proximity;
	hpc_status status;

	hpt_memory_init(memory, 1);
	memory->fail_at = fail_at;
	memory->cancel_at = cancel_at;
	status =
		hpc_proximity_create(&memory->env, r->model, row_of(r, 0), &proximity);
	hpc_proximity_free(&memory->env, proximity);
	return status;
}

static void
check_failures(void)
{
	hpc_params params = hpt_params(520);
	hpt_memory memory;
	hpt_memory scratch;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	rows r;
	int64_t nrequests;
	int64_t nchecks;
	int nwrong = 0;

	hpt_table_houses(&table, 60, 6);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	rows_init(&r, model, &table, 0);
	nwrong += try(&r, 0, 0, &scratch) != HPC_OK;
	nrequests = scratch.nrequests;
	nchecks = scratch.nchecks;
	for (int64_t i = 1; i <= nrequests; i++)
	{
		nwrong += try(&r, i, 0, &scratch) != HPC_NO_MEMORY;
		nwrong += scratch.nblocks != 0;
	}
	hpt_ok(nrequests > 10 && nwrong == 0, "each of %d allocations can fail",
		   (int) nrequests);
	for (int64_t i = 1; i <= nchecks; i++)
	{
		nwrong += try(&r, 0, i, &scratch) != HPC_CANCELLED;
		nwrong += scratch.nblocks != 0;
	}
	hpt_ok(nchecks > 500 && nwrong == 0,
		   "cancelled at any time, it leaves nothing behind");
	free(r.values);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

int
main(void)
{
	check_forests();
	check_hand_made();
	check_shares();
	check_failures();
	return hpt_done();
}
