/*
 * test_grow_records.c
 *		Trees on rows that move: as a slow twin's, by one worker and by a team;
 *		each record ends up in the leaf that it belongs to, and none is lost.
 */
#include <stdlib.h>
#include <string.h>

#include "hpt_growth.h"

/* Narrow columns of both kinds, some with holes; in at most eight packs. */
static void
make_table(hpt_random *random, uint32_t nrows, hpt_table *table)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f",
										"g", "h", "i", "j", "k", "l"};
	uint64_t ncolumns = 1 + hpt_random_below(random, 12);
	uint64_t nvalues[12];
	bool holes[12];

	hpt_table_init(table);
	for (uint64_t i = 0; i < ncolumns; i++)
	{
		bool category = hpt_random_below(random, 3) == 0;
		bool many = ncolumns <= 8 && hpt_random_below(random, 2) == 0;

		nvalues[i] = 1 + hpt_random_below(random, many ? 250 : 9);
		holes[i] = hpt_random_below(random, 3) == 0;
		hpt_table_column(table, names[i], category ? HPC_CATEGORY : HPC_NUMBER,
						 category ? HPC_STORE_CODE : HPC_STORE_DOUBLE);
	}
	while (table->nrows < nrows)
	{
		hpc_value *row =
			hpt_table_row(table, (double) hpt_random_below(random, 300));

		for (int i = 0; i < table->ncolumns; i++)
		{
			uint64_t x = hpt_random_below(random, nvalues[i]);

			if (holes[i] && hpt_random_below(random, 4) == 0)
				continue;
			row[i] = table->columns[i].kind == HPC_CATEGORY
						 ? hpt_level((uint32_t) x)
						 : hpt_number((double) x);
			table->target[table->nrows - 1] += (double) (x % 7 * 20 + x);
		}
	}
}

/* Rules, and features that the tree may use. */
static void
vary(hpt_growth *g, hpt_random *random, int8_t *signs, double *chance,
	 int *features)
{
	int nfeatures = g->frame->nfeatures;

	g->rules =
		hpt_rules(1 + hpt_random_below(random, 20),
				  2 + (uint32_t) hpt_random_below(random, 60), nfeatures);
	g->rules.l2 = (double) hpt_random_below(random, 3) * 1.5;
	if (hpt_random_below(random, 4) == 0)
		g->rules.max_depth = 1 + (uint32_t) hpt_random_below(random, 8);
	for (int i = 0; i < nfeatures; i++)
	{
		bool category = g->frame->features[i].kind == HPC_CATEGORY;

		signs[i] = category ? 0 : (int8_t) hpt_random_below(random, 3) - 1;
		chance[i] = hpt_random_unit(random);
		if (hpt_random_below(random, 4) > 0 || i + 1 == nfeatures)
			features[g->sample.nfeatures++] = i;
	}
	if (hpt_random_below(random, 2) == 0)
		g->rules.monotone = signs;
	if (hpt_random_below(random, 2) == 0)
		g->rules.chance = chance;
	if (hpt_random_below(random, 2) == 0)
		g->sample.features = features;
	else
		g->sample.nfeatures = 0;
	g->stream = hpt_random_bits(random);
}

/* Down the tree by the codes that a record carries. */
static uint32_t
leaf_of(const hpt_growth *g, uint32_t record)
{
	uint32_t leaf;

	hpc_tree_record_leaves(g->tree, g->frame, g->packs,
						   &hpc_grower_bag(g->grower)->records, record, 1,
						   &leaf);
	return leaf;
}

static size_t record_size;

static int
compare_records(const void *a, const void *b)
{
	return memcmp(a, b, record_size);
}

/* The records are those of the sample, and stand by their leaves. */
static bool
records_are_in_place(hpt_growth *g)
{
	hpc_bag *bag = hpc_grower_bag(g->grower);
	size_t size = bag->records.size;
	uint32_t nrecords = bag->nrows;
	unsigned char *after = malloc(nrecords * size);
	uint32_t nplaced = 0;
	bool right = true;

	for (uint32_t leaf = 0; leaf < g->tree->nnodes; leaf++)
	{
		const hpc_tree_node *node = &g->tree->nodes[leaf];

		if (node->left != 0)
			continue;
		nplaced += node->end - node->begin;
		for (uint32_t i = node->begin; i < node->end; i++)
			right &= leaf_of(g, i) == leaf;
	}
	memcpy(after, bag->records.rows, nrecords * size);
	hpt_sample_fill(&g->sample, g->frame, g->packs, g->grower);
	record_size = size;
	qsort(after, nrecords, size, compare_records);
	qsort(bag->records.rows, nrecords, size, compare_records);
	right &= nplaced == nrecords && bag->nrows == nrecords &&
			 memcmp(after, bag->records.rows, nrecords * size) == 0;
	free(after);
	return right;
}

static bool
grows_as_twin(hpt_growth *g, uint32_t *nnodes)
{
	bool same;

	g->rules.nrecords = hpt_sample_copies(&g->sample);
	same = hpt_growth_is_as_twin(g, nnodes);
	return same && records_are_in_place(g);
}

static bool
random_tree_is_as_twin(uint64_t seed, uint32_t *nnodes)
{
	hpt_random random = {seed};
	int8_t signs[HPT_MAX_COLUMNS];
	double chance[HPT_MAX_COLUMNS];
	int features[HPT_MAX_COLUMNS];
	hpt_table table;
	hpt_growth g;
	bool passed;

	/* about the sizes at which blocks begin and end */
	make_table(&random, 2 + (uint32_t) hpt_random_below(&random, 900), &table);
	hpt_growth_begin(&g, &table, 255);
	vary(&g, &random, signs, chance, features);
	g.narrow_registers = seed % 3 == 0;
	hpt_sample_draw(&g.sample, g.frame, &random, 1, 0);
	*nnodes = 0;
	/* a category of all different levels may leave no column */
	passed = g.frame->nblocks == 0 || grows_as_twin(&g, nnodes);
	hpt_growth_end(&g);
	hpt_table_free(&table);
	return passed;
}

static void
check_small(void)
{
	uint64_t ntotal = 0;
	uint64_t nwrong = 0;
	uint64_t first = 0;

	for (uint64_t seed = 1; seed <= 500; seed++)
	{
		uint32_t nnodes;

		if (!random_tree_is_as_twin(seed, &nnodes))
			first = nwrong++ == 0 ? seed : first;
		ntotal += nnodes;
	}
	if (!hpt_ok(nwrong == 0 && ntotal > 5000,
				"500 small tables: %d nodes as the twin's", (int) ntotal))
		hpt_note("%d are not, first seed %d", (int) nwrong, (int) first);
}

static void
check_teams(void)
{
	hpt_random random = {4};
	hpt_table table;
	hpt_growth g;

	make_table(&random, 60000, &table);
	hpt_growth_begin(&g, &table, 255);
	hpt_sample_draw(&g.sample, g.frame, &random, 1, 0);
	g.rules = hpt_rules(20, 60, g.frame->nfeatures);
	g.team = true;
	for (int nworkers = 1; nworkers <= 5; nworkers++)
	{
		uint32_t nnodes;
		bool same;

		g.nworkers = nworkers;
		same = grows_as_twin(&g, &nnodes);
		hpt_ok(same && nnodes > 100, "%d workers: %d nodes as the twin's",
			   nworkers, (int) nnodes);
	}
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

/* Cancelled at each check: no tree. */
static void
check_cancel(void)
{
	hpt_random random = {5};
	hpt_table table;
	hpt_growth g;
	hpc_status status = HPC_CANCELLED;
	int n;
	int nwrong = 0;

	make_table(&random, 150000, &table);
	hpt_growth_begin(&g, &table, 255);
	hpt_sample_draw(&g.sample, g.frame, &random, 1, 0);
	g.rules = hpt_rules(20, 60, g.frame->nfeatures);
	g.rules.nrecords = hpt_sample_copies(&g.sample);
	for (n = 0; status == HPC_CANCELLED && n < 300; n++)
	{
		g.team = n % 2 == 1;
		g.nworkers = 1 + n % 2;
		g.memory.nchecks = 0;
		g.memory.cancel_at = n + 1;
		status = hpt_growth_grow(&g);
		nwrong += (g.tree == NULL) != (status == HPC_CANCELLED);
	}
	hpt_ok(status == HPC_OK && nwrong == 0 && n > 5,
		   "a tree can be cancelled at each of %d checks", n - 1);
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

int
main(void)
{
	check_small();
	check_teams();
	check_cancel();
	return hpt_done();
}
