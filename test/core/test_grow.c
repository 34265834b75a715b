/*
 * test_grow.c
 *		One tree against a twin grown the slow way: on small tables by any
 *		rules, and on large ones where histograms, subtraction, lists and the
 *		team come into play.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_growth.h"

/* ---------- small tables, any rules ---------- */

/* Which of the many rules of a growth are not the usual ones. */
typedef enum variety
{
	PLAIN,
	BOUNDED, /* penalty and monotone features */
	RANDOM,  /* cuts */
	NUMBERS  /* and no other columns */
} variety;

/*
 * Columns of every kind; some narrow, some wide, some with holes.  Of numbers
 * one table in three has holes.
 */
static void
make_table(hpt_random *random, variety what, hpt_table *table)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f",
										"g", "h", "i", "j", "k", "l"};
	bool whole = what == NUMBERS && hpt_random_below(random, 3) > 0;
	uint32_t nrows = 2 + (uint32_t) hpt_random_below(random, 400);
	uint64_t nvalues[12];
	uint64_t holes[12];

	hpt_table_init(table);
	for (uint64_t i = 0; i < 1 + hpt_random_below(random, 12); i++)
	{
		bool category = hpt_random_below(random, 3) == 0 && what != NUMBERS;

		nvalues[i] =
			1 +
			hpt_random_below(random, hpt_random_below(random, 2) ? 1000 : 9);
		holes[i] = whole ? 0 : hpt_random_below(random, 3);
		hpt_table_column(table, names[i], category ? HPC_CATEGORY : HPC_NUMBER,
						 category ? HPC_STORE_CODE : HPC_STORE_DOUBLE);
	}
	while (table->nrows < nrows)
	{
		hpc_value *row =
			hpt_table_row(table, floor(100 * hpt_random_normal(random)));

		for (int i = 0; i < table->ncolumns; i++)
		{
			uint64_t x = hpt_random_below(random, nvalues[i]);

			if (holes[i] == 1 && hpt_random_below(random, 4) == 0)
				continue;
			row[i] = table->columns[i].kind == HPC_CATEGORY
						 ? hpt_level((uint32_t) x)
						 : hpt_number((double) x / 8);
			table->target[table->nrows - 1] += (double) (x % 7 * 20);
		}
	}
}

static void
vary(hpt_growth *g, hpt_random *random, variety what, int8_t *signs,
	 double *chance, int *features)
{
	hpc_grow_rules *rules = &g->rules;
	int nfeatures = g->frame->nfeatures;

	rules->min_leaf =
		1 + hpt_random_below(random, 2) * hpt_random_below(random, 20);
	rules->cat_smooth = (double) hpt_random_below(random, 3) * 7;
	rules->cat_min_rows = (double) hpt_random_below(random, 3) * 4;
	if (hpt_random_below(random, 4) == 0)
		rules->max_depth = 1 + (uint32_t) hpt_random_below(random, 8);
	if (hpt_random_below(random, 2) == 0 && what != NUMBERS)
		rules->max_leaves = 1 + (uint32_t) hpt_random_below(random, 60);
	if (hpt_random_below(random, 2) == 0)
		rules->nfeatures_tried =
			1 + (int) hpt_random_below(random, (uint64_t) nfeatures + 1);
	rules->random_cuts = what == RANDOM;
	if (what == BOUNDED)
		rules->l2 = (double) hpt_random_below(random, 3) * 1.5;
	for (int i = 0; i < nfeatures; i++)
		signs[i] = g->frame->features[i].kind == HPC_CATEGORY
					   ? 0
					   : (int8_t) hpt_random_below(random, 3) - 1;
	if (what == BOUNDED && hpt_random_below(random, 3) > 0)
		rules->monotone = signs;
	for (int i = 0; i < nfeatures; i++)
		chance[i] = hpt_random_unit(random);
	if (hpt_random_below(random, 3) > 0)
		rules->chance = chance;
	g->stream = hpt_random_bits(random);
	if (hpt_random_below(random, 4) == 0)
	{
		for (int i = 0; i < nfeatures; i++)
		{
			if (hpt_random_below(random, 2) == 0 || i + 1 == nfeatures)
				features[g->sample.nfeatures++] = i;
		}
		g->sample.features = features;
	}
}

static bool
random_growth_is_as_twin(uint64_t seed, variety what, uint32_t *nnodes)
{
	hpt_random random = {seed};
	int8_t signs[HPT_MAX_COLUMNS];
	double chance[HPT_MAX_COLUMNS];
	int features[HPT_MAX_COLUMNS];
	bool weighted = hpt_random_below(&random, 3) == 0;
	hpt_table table;
	hpt_growth g;
	int bits;
	bool passed;

	make_table(&random, what, &table);
	hpt_growth_begin(&g, &table,
					 hpt_random_below(&random, 3) == 0 ? 16 : 65534);
	vary(&g, &random, what, signs, chance, features);
	if (weighted)
		g.rules.weight_unit = 30;
	bits = hpt_random_below(&random, 2) ? 0 : 30;
	hpt_sample_draw(&g.sample, g.frame, &random, weighted ? 60 : 1, bits);
	if (bits == 0)
		g.sample.pure_value = g.frame->target;
	g.wide = true;
	passed = hpt_growth_is_as_twin(&g, nnodes);
	g.wide = false;
	/* narrow cells know no weights but copies */
	if (!weighted)
		passed &= hpt_growth_is_as_twin(&g, nnodes);
	g.narrow_registers = true;
	if (!weighted)
		passed &= hpt_growth_is_as_twin(&g, nnodes);
	hpt_growth_end(&g);
	hpt_table_free(&table);
	return passed;
}

static void
check_small(const char *name, variety what)
{
	uint64_t ntotal = 0;
	uint64_t nwrong = 0;
	uint64_t first = 0;

	for (uint64_t seed = 1; seed <= 700; seed++)
	{
		uint32_t nnodes;

		if (!random_growth_is_as_twin(seed + 10000 * (uint64_t) what, what,
									  &nnodes))
			first = nwrong++ == 0 ? seed : first;
		ntotal += nnodes;
	}
	if (!hpt_ok(nwrong == 0 && ntotal > 20000,
				"700 small tables, %s: %d nodes as the twin's", name,
				(int) ntotal))
		hpt_note("%d are not, first seed %d", (int) nwrong, (int) first);
}

/* ---------- large tables ---------- */

/*
 * A number of few values, one of many, one of so many that it has two bytes
 * and bins, a category of many levels; a target that depends on them.
 */
static void
make_large(hpt_table *table, uint32_t nrows)
{
	hpt_random random = {nrows};

	hpt_table_init(table);
	hpt_table_column(table, "few", HPC_NUMBER, HPC_STORE_INT16);
	hpt_table_column(table, "many", HPC_NUMBER, HPC_STORE_INT16);
	hpt_table_column(table, "most", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "level", HPC_CATEGORY, HPC_STORE_CODE);
	while (table->nrows < nrows)
	{
		hpc_value *row = hpt_table_row(table, 0);
		uint64_t few = hpt_random_below(&random, 12);
		uint64_t many = hpt_random_below(&random, 3000);
		double most = hpt_random_unit(&random);
		uint32_t level = (uint32_t) hpt_random_below(&random, 300);

		row[0] = hpt_number((double) few);
		row[1] = hpt_number((double) many);
		row[2] = many % 50 == 0 ? hpt_missing() : hpt_number(most);
		row[3] = hpt_level(level);
		table->target[table->nrows - 1] =
			floor(1000 * ((double) few + sqrt((double) many) + 20 * most +
						  (double) (hpc_mix(level) % 10) +
						  hpt_random_normal(&random)));
	}
}

/* How a large tree went through its rows. */
static void
check_large(const char *what, hpt_growth *g, uint32_t least_nodes)
{
	uint32_t nnodes;
	bool same = hpt_growth_is_as_twin(g, &nnodes);

	hpt_ok(same && nnodes >= least_nodes, "%s: %d nodes as the twin's", what,
		   (int) nnodes);
}

static void
check_large_trees(void)
{
	hpt_random random = {77};
	hpt_table table;
	hpt_growth g;

	/* so many that a part of the tree is in lists, and best first none */
	make_large(&table, 70000);
	hpt_growth_begin(&g, &table, 20000);
	hpt_sample_draw(&g.sample, g.frame, &random, 1, 0);
	g.sample.pure_value = g.frame->target;
	check_large("full", &g, 60000);
	g.rules.min_leaf = 40;
	check_large("min_leaf 40", &g, 1500);
	g.rules.max_leaves = 300;
	check_large("best first", &g, 599);
	g.rules.nfeatures_tried = 2;
	check_large("best first, 2 features tried", &g, 599);
	g.rules.max_leaves = 0;
	check_large("2 features tried", &g, 1500);
	g.rules.random_cuts = true;
	check_large("random cuts", &g, 1000);
	hpt_growth_end(&g);
	hpt_growth_begin(&g, &table, 255);
	hpt_sample_draw(&g.sample, g.frame, &random, 50, 0);
	g.wide = true;
	g.rules.weight_unit = 25;
	g.rules.min_leaf = 20;
	check_large("weights, 255 bins", &g, 1500);
	g.rules.max_leaves = 200;
	check_large("weights, best first", &g, 399);
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

/* Two groups of eight, one of them with empty lanes. */
static void
check_many_numbers(void)
{
	hpt_random random = {3};
	hpt_table table;
	hpt_growth g;

	hpt_table_numbers(&table, 11, 4000, 900, 31);
	hpt_growth_begin(&g, &table, 900);
	hpt_sample_draw(&g.sample, g.frame, &random, 1, 0);
	g.sample.pure_value = g.frame->target;
	check_large("full, 11 numbers", &g, 4000);
	hpt_ok(g.grower->suits_short, "in lanes");
	g.rules.nfeatures_tried = 4;
	check_large("4 of 11 numbers tried", &g, 4000);
	hpt_ok(g.grower->suits_short, "in lanes");
	g.narrow_registers = true;
	check_large("without the widest registers", &g, 4000);
	g.rules.nfeatures_tried = 3;
	check_large("3 of 11 numbers tried", &g, 4000);
	hpt_ok(!g.grower->suits_short, "one by one");
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

/*
 * Histograms so large that the pool holds a few of them, and nodes that wait
 * with more: they are summed anew.
 */
static void
check_exhausted_pool(void)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
	hpt_random random = {5};
	hpt_table table;
	hpt_growth g;

	hpt_table_init(&table);
	for (int i = 0; i < 7; i++)
		hpt_table_column(&table, names[i], HPC_NUMBER, HPC_STORE_DOUBLE);
	while (table.nrows < 66000)
	{
		hpc_value *row = hpt_table_row(&table, 0);

		for (int i = 0; i < 7; i++)
		{
			double x = hpt_random_unit(&random);

			row[i] = hpt_number(x);
			table.target[table.nrows - 1] += floor(1000 * x * i);
		}
	}
	hpt_growth_begin(&g, &table, 50000);
	hpt_sample_draw(&g.sample, g.frame, &random, 9, 0);
	g.wide = true;
	g.rules.max_leaves = 40;
	g.rules.min_leaf = 100;
	check_large("histograms by the dozen", &g, 79);
	hpt_ok(g.grower->nhistograms < 20 && g.grower->max_list == 0,
		   "%d for all nodes that wait", g.grower->nhistograms);
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

/* ---------- teams ---------- */

static bool
same_trees(const hpc_tree *a, const hpc_tree *b)
{
	bool same = a->nnodes == b->nnodes && a->nset_words == b->nset_words;

	for (uint32_t i = 0; same && i < a->nnodes; i++)
	{
		const hpc_tree_node *x = &a->nodes[i];
		const hpc_tree_node *y = &b->nodes[i];

		same = x->left == y->left && x->sum == y->sum &&
			   x->weight == y->weight && x->cover == y->cover;
		if (x->left == 0)
			continue;
		same &= x->feature == y->feature && x->gain == y->gain &&
				x->missing_left == y->missing_left &&
				x->threshold == y->threshold && x->at.cut == y->at.cut;
	}
	return same &&
		   memcmp(a->sets, b->sets, a->nset_words * sizeof(uint32_t)) == 0;
}

/* What a tree needs to outlive its grower. */
static hpc_tree
copy_tree(const hpc_tree *tree)
{
	hpc_tree copy = *tree;

	copy.nodes = malloc(tree->nnodes * sizeof(hpc_tree_node));
	memcpy(copy.nodes, tree->nodes, tree->nnodes * sizeof(hpc_tree_node));
	copy.sets = malloc((tree->nset_words + 1) * sizeof(uint32_t));
	memcpy(copy.sets, tree->sets, tree->nset_words * sizeof(uint32_t));
	return copy;
}

static void
check_team(const char *what, hpt_growth *g)
{
	hpc_tree alone;
	bool passed;

	g->team = false;
	g->nworkers = 1;
	hpt_growth_grow(g);
	alone = copy_tree(g->tree);
	g->team = true;
	for (int nworkers = 2; nworkers <= 4; nworkers++)
	{
		g->nworkers = nworkers;
		passed = hpt_growth_grow(g) == HPC_OK && same_trees(&alone, g->tree);
		hpt_ok(passed && alone.nnodes > 300, "%s: a team of %d, equal trees",
			   what, nworkers);
	}
	free(alone.nodes);
	free(alone.sets);
}

static void
check_teams(void)
{
	hpt_random random = {78};
	hpt_table table;
	hpt_growth g;

	make_large(&table, 40000);
	hpt_growth_begin(&g, &table, 255);
	hpt_sample_draw(&g.sample, g.frame, &random, 1, 0);
	g.rules.min_leaf = 20;
	check_team("depth first", &g);
	g.rules.max_leaves = 200;
	check_team("best first", &g);
	g.rules.nfeatures_tried = 2;
	check_team("2 features tried", &g);
	hpt_sample_draw(&g.sample, g.frame, &random, 7, 0);
	g.wide = true;
	g.rules.nfeatures_tried = 4;
	check_team("wide", &g);
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

/* ---------- the order of rows ---------- */

/* Which bag row stands where is of no matter, but that they ascend. */
static void
check_row_order(hpc_grow_rules rules, const char *what)
{
	hpt_table table;
	hpt_growth g;
	hpc_tree first;

	hpt_table_houses(&table, 2000, 31);
	hpt_growth_begin(&g, &table, 300);
	for (uint32_t row = 0; row < g.frame->nrows; row++)
	{
		/* by content, so that the same rows are in the bag each time */
		uint64_t count = g.frame->key[row] % 3;

		g.sample.held[row] =
			(hpc_total){(int64_t) g.frame->target[row] * (int64_t) count,
						count, count};
		if (count > 0)
			g.sample.rows[g.sample.nrows++] = row;
	}
	g.sample.weight_bits = 14;
	g.rules = rules;
	hpt_growth_grow(&g);
	first = copy_tree(g.tree);
	hpt_growth_end(&g);
	hpt_table_shuffle(&table, 3);
	hpt_table_reverse_columns(&table);
	hpt_growth_begin(&g, &table, 300);
	for (uint32_t row = 0; row < g.frame->nrows; row++)
	{
		uint64_t count = g.frame->key[row] % 3;

		g.sample.held[row] =
			(hpc_total){(int64_t) g.frame->target[row] * (int64_t) count,
						count, count};
		if (count > 0)
			g.sample.rows[g.sample.nrows++] = row;
	}
	g.sample.weight_bits = 14;
	g.rules = rules;
	hpt_growth_grow(&g);
	hpt_ok(same_trees(&first, g.tree) && first.nnodes > 50,
		   "shuffled rows and columns, the same tree of %u nodes: %s",
		   first.nnodes, what);
	hpt_growth_end(&g);
	free(first.nodes);
	free(first.sets);
	hpt_table_free(&table);
}

/* ---------- room ---------- */

/* Sets of levels outgrow their first room. */
static void
check_room(void)
{
	hpt_random random = {8};
	hpt_table table;
	hpt_growth g;
	bool same;

	hpt_table_init(&table);
	hpt_table_column(&table, "level", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(&table, "noise", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (int i = 0; i < 3000; i++)
	{
		uint32_t level = (uint32_t) hpt_random_below(&random, 1000);
		hpc_value *row =
			hpt_table_row(&table, (double) (hpc_mix(level) % 1000) +
									  floor(100 * hpt_random_unit(&random)));

		row[0] = hpt_level(level);
		row[1] = hpt_number(hpt_random_unit(&random));
	}
	hpt_growth_begin(&g, &table, 65534);
	hpt_growth_take_all(&g);
	g.rules.cat_min_rows = 0;
	same = hpt_growth_is_as_twin(&g, NULL);
	hpt_ok(same && g.nrooms > 0 && g.tree->nset_words > 4096,
		   "a tree of %u words of sets is grown again %d times",
		   g.tree->nset_words, g.nrooms);
	g.nrooms = 0;
	g.rules.max_leaves = 1000;
	same = hpt_growth_is_as_twin(&g, NULL);
	hpt_ok(same && g.nrooms > 0, "best first too");
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

/* ---------- stopping ---------- */

/* Cancelled at each check: no tree, nothing lost. */
static void
check_cancel(void)
{
	hpt_random random = {9};
	hpt_table table;
	hpt_growth g;
	hpc_status status = HPC_CANCELLED;
	int64_t n;
	int64_t nwrong = 0;

	make_large(&table, 120000);
	hpt_growth_begin(&g, &table, 255);
	hpt_sample_draw(&g.sample, g.frame, &random, 1, 0);
	g.rules.min_leaf = 10;
	for (n = 0; status == HPC_CANCELLED && n < 200; n++)
	{
		g.memory.nchecks = 0;
		g.memory.cancel_at = n + 1;
		status = hpt_growth_grow(&g);
		nwrong += (g.tree == NULL) != (status == HPC_CANCELLED);
	}
	hpt_ok(status == HPC_OK && nwrong == 0 && n > 3,
		   "a tree can be cancelled at each of %d checks", (int) n - 1);
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

/* Each allocation of a workplace can fail. */
static void
check_no_memory(void)
{
	hpt_table table;
	hpt_growth g;
	int64_t n = 0;
	int64_t nwrong = 0;
	int8_t signs[8] = {0, 1};

	hpt_table_houses(&table, 60, 5);
	hpt_growth_begin(&g, &table, 255);
	hpt_growth_take_all(&g);
	g.rules.monotone = signs;
	for (;; n++)
	{
		int64_t nblocks = g.memory.nblocks;

		g.memory.nrequests = 0;
		g.memory.fail_at = n + 1;
		g.grower = hpc_grower_create(&g.memory.env, g.frame, g.lines, &g.rules,
									 n % 2);
		if (g.grower != NULL)
			break;
		nwrong += g.memory.nblocks != nblocks;
	}
	hpt_ok(nwrong == 0 && n > 20, "each of %d allocations can fail", (int) n);
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

int
main(void)
{
	check_small("plain rules", PLAIN);
	check_small("penalty and signs", BOUNDED);
	check_small("random cuts", RANDOM);
	check_small("numbers", NUMBERS);
	check_large_trees();
	check_many_numbers();
	check_exhausted_pool();
	check_teams();
	check_row_order(hpt_rules(1, 0, 4), "full");
	check_row_order(hpt_rules(3, 40, 8), "best first");
	check_room();
	check_cancel();
	check_no_memory();
	return hpt_done();
}
