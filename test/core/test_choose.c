/*
 * test_choose.c
 *		Splits known beforehand: planted ones, those that gain nothing, by
 *		missing and by infinite values, and within monotone bounds; columns
 *		of noise that would win by chance.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_growth.h"

/* ---------- monotone features ---------- */

/* Value of a row by the tree: its leaf's mean within bounds. */
static double
value_in_tree(const hpt_growth *g, uint32_t row)
{
	uint32_t leaf = hpc_tree_leaf(g->tree, g->frame, row);
	const hpc_tree_node *node = &g->tree->nodes[leaf];

	return hpc_tree_bounded(g->tree, leaf,
							(double) node->sum / (double) node->weight);
}

/*
 * All pairs of values of two features on a grid, of which x0 may only rise,
 * x1 only fall, x2 do as it likes: steps against the sign.
 */
static void
check_monotone(uint64_t seed, uint32_t max_leaves, double l2)
{
	int8_t signs[3] = {1, -1, 0};
	hpt_random random = {seed};
	hpt_table table;
	hpt_growth g;
	int nwrong = 0;
	int nfree = 0;

	/* the grid itself: ten values of each, in order */
	hpt_table_numbers(&table, 3, 1000, 1, seed);
	for (uint32_t row = 0; row < 1000; row++)
	{
		hpc_value *values = hpt_table_values(&table, row);
		double noise = 40 * hpt_random_normal(&random);

		for (uint32_t i = 0, rest = row; i < 3; i++, rest /= 10)
			values[i] = hpt_number(rest % 10);
		table.target[row] = floor(10 * (values[0].number - values[1].number +
										values[2].number + noise));
	}
	hpt_growth_begin(&g, &table, 65534);
	hpt_sample_draw(&g.sample, g.frame, &random, 1, 0);
	g.rules.monotone = signs;
	g.rules.max_leaves = max_leaves;
	g.rules.l2 = l2;
	hpt_growth_grow(&g);
	for (uint32_t row = 0; row < 1000; row++)
	{
		double here = value_in_tree(&g, row);

		if (row % 10 < 9)
			nwrong += value_in_tree(&g, row + 1) < here;
		if (row / 10 % 10 < 9)
			nwrong += value_in_tree(&g, row + 10) > here;
		if (row / 100 < 9)
			nfree += value_in_tree(&g, row + 100) < here;
	}
	hpt_ok(nwrong == 0 && nfree > 0 && g.tree->nnodes > 20,
		   "monotone on the whole grid, %u nodes", g.tree->nnodes);
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

/* A falling feature is a rising one seen in a mirror. */
static void
check_mirror(void)
{
	int8_t sign = 1;
	hpt_table table;
	hpt_growth g;
	double values[400];
	int nwrong = 0;

	hpt_table_numbers(&table, 1, 400, 1, 3);
	for (uint32_t row = 0; row < 400; row++)
	{
		hpt_table_values(&table, row)[0] = hpt_number(row);
		table.target[row] = (double) (hpc_mix(row) % 1000 + row);
	}
	for (int turn = 0; turn < 2; turn++)
	{
		hpt_random random = {6};

		hpt_growth_begin(&g, &table, 65534);
		hpt_sample_draw(&g.sample, g.frame, &random, 1, 0);
		g.rules.monotone = &sign;
		g.rules.min_leaf = 5;
		hpt_growth_grow(&g);
		for (uint32_t row = 0; row < 400; row++)
		{
			double value = value_in_tree(&g, row);

			/* others may lie on a threshold */
			if (turn == 1 && g.sample.held[row].count > 0)
				nwrong += value != values[row];
			values[row] = value;
			hpt_table_values(&table, row)[0].number *= -1;
		}
		hpt_growth_end(&g);
		sign = -1;
	}
	hpt_ok(nwrong == 0, "rising along x is falling along -x");
	hpt_table_free(&table);
}

/* ---------- trees known beforehand ---------- */

static uint32_t
count_leaves(const hpc_tree *tree)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < tree->nnodes; i++)
		n += tree->nodes[i].left == 0;
	return n;
}

static void
check_planted(void)
{
	hpt_table table;
	hpt_growth g;
	const hpc_tree_node *root;
	int x2 = 2;

	hpt_table_numbers(&table, 5, 400, 100, 4);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] =
			(hpt_table_values(&table, row)[x2].number <= 6.25 ? 100 : 200) +
			row % 3;
	hpt_growth_begin(&g, &table, 65534);
	hpt_growth_take_all(&g);
	hpt_growth_grow(&g);
	root = &g.tree->nodes[0];
	hpt_ok(root->feature == x2 && root->threshold == 6.3125,
		   "a planted split is found, halfway between its neighbours");
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

/* No single split of an exclusive or gains anything, yet two levels do. */
static void
check_xor(void)
{
	hpt_table table;
	hpt_growth g;
	uint32_t nwrong = 0;

	hpt_table_init(&table);
	hpt_table_column(&table, "a", HPC_NUMBER, HPC_STORE_INT16);
	hpt_table_column(&table, "b", HPC_CATEGORY, HPC_STORE_CODE);
	for (int i = 0; i < 80; i++)
	{
		hpc_value *row = hpt_table_row(&table, (i ^ i / 2) & 1);

		row[0] = hpt_number(i & 1);
		row[1] = hpt_level((i / 2) & 1);
	}
	hpt_growth_begin(&g, &table, 65534);
	hpt_growth_take_all(&g);
	hpt_growth_grow(&g);
	for (uint32_t i = 0; i < g.tree->nnodes; i++)
		nwrong += g.tree->nodes[i].left == 0 && g.tree->nodes[i].cover != 20;
	hpt_ok(g.tree->nodes[0].gain == 0 && g.tree->nnodes == 7 && nwrong == 0,
		   "an exclusive or is taken apart");
	g.sample.pure_value = NULL;
	hpt_growth_grow(&g);
	hpt_ok(g.tree->nnodes == 1, "but not where splits must gain something");
	for (uint32_t row = 0; row < g.frame->nrows; row++)
		g.sample.held[row].sum = 7 * (int64_t) g.sample.held[row].count;
	hpt_growth_grow(&g);
	hpt_ok(g.tree->nnodes == 1, "nor equal targets");
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

/* Missing tells the target, values do not: all values go one way. */
static void
check_missing_split(void)
{
	hpt_table table;
	hpt_growth g;
	const hpc_tree_node *root;

	hpt_table_numbers(&table, 1, 90, 30, 7);
	for (uint32_t row = 0; row < table.nrows; row++)
	{
		table.target[row] = row % 3 == 0 ? 5 : 1;
		if (row % 3 == 0)
			table.values[row] = hpt_missing();
	}
	hpt_growth_begin(&g, &table, 65534);
	hpt_growth_take_all(&g);
	hpt_growth_grow(&g);
	root = &g.tree->nodes[0];
	hpt_ok(g.tree->nnodes == 3 && isinf(root->threshold) &&
			   !root->missing_left &&
			   root->at.cut == g.frame->features[0].nbins - 1,
		   "missing alone on one side");
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

/* Infinities are values; the threshold beside one stays on its side. */
static void
check_infinite_values(void)
{
	static const double values[] = {-INFINITY, -1e308, 0, 1e308, INFINITY};
	hpt_table table;
	hpt_growth g;

	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (int i = 0; i < 50; i++)
		hpt_table_row(&table, (i % 5) * (i % 5))[0] =
			hpt_number(values[i % 5]);
	hpt_growth_begin(&g, &table, 65534);
	hpt_growth_take_all(&g);
	for (int drawn = 0; drawn < 2; drawn++)
	{
		uint32_t nwrong = 0;

		g.rules.random_cuts = drawn;
		nwrong += !hpt_growth_is_as_twin(&g, NULL);
		for (uint32_t row = 0; row < g.frame->nrows; row++)
		{
			const hpc_tree_node *node = g.tree->nodes;

			while (node->left != 0)
				node = g.tree->nodes + node->left +
					   (g.frame->features[0]
							.low[hpc_code(&g.frame->features[0], row)] >
						node->threshold);
			nwrong += node->end - node->begin != 1;
		}
		hpt_ok(count_leaves(g.tree) == 5 && nwrong == 0,
			   "each infinite value has a leaf%s",
			   drawn ? ", by random cuts too" : "");
	}
	hpt_growth_end(&g);
	hpt_table_free(&table);
}

/* ---------- categories and chance ---------- */

/*
 * A table of one number that tells little, one category of noise and one that
 * shifts the target by so much: what is the root divided by?
 */
static int
root_feature(uint64_t seed, uint32_t nlevels, double slope, double shift,
			 double share, uint64_t max_weight)
{
	const double shares[] = {0, share, share};
	hpt_random random = {seed};
	hpt_table table;
	hpt_growth g;
	int feature;

	hpt_table_init(&table);
	hpt_table_column(&table, "a number", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(&table, "b noise", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(&table, "c levels", HPC_CATEGORY, HPC_STORE_CODE);
	for (uint32_t i = 0; i < 2000; i++)
	{
		double x = hpt_random_unit(&random);
		uint32_t level = (uint32_t) hpt_random_below(&random, nlevels);
		double effect = (double) (hpc_mix(level) % 1001) / 500 - 1;
		double target =
			1000 * hpt_random_normal(&random) + slope * x + shift * effect;
		hpc_value *row = hpt_table_row(&table, floor(target));

		row[0] = hpt_number(x);
		row[1] = hpt_level((uint32_t) hpt_random_below(&random, nlevels));
		row[2] = hpt_level(level);
	}
	hpt_growth_begin(&g, &table, 65534);
	hpt_growth_take_all(&g);
	if (max_weight > 1)
	{
		g.wide = true;
		g.rules.weight_unit = (double) max_weight;
		for (uint32_t i = 0; i < g.frame->nrows; i++)
		{
			g.sample.held[i].sum *= (int64_t) max_weight;
			g.sample.held[i].weight *= max_weight;
		}
	}
	g.rules.chance = shares;
	g.rules.max_leaves = 2;
	g.rules.min_leaf = 20;
	hpt_growth_grow(&g);
	feature = g.tree->nnodes > 1 ? g.tree->nodes[0].feature : -1;
	hpt_growth_end(&g);
	hpt_table_free(&table);
	return feature;
}

static void
check_noise(uint32_t nlevels, uint64_t max_weight)
{
	int nnumber = 0;
	int nchance = 0;
	int nlevel = 0;

	for (uint64_t seed = 1; seed <= 40; seed++)
	{
		/* the number explains 4 % of the variance */
		nnumber += root_feature(seed, nlevels, 700, 0, 1, max_weight) == 0;
		nchance += root_feature(seed, nlevels, 700, 0, 0, max_weight) > 0;
		nlevel += root_feature(seed, nlevels, 700, 1000, 1, max_weight) == 2;
	}
	hpt_ok(nnumber >= 38,
		   "a weak number wins over noise of %u levels: %d of 40", nlevels,
		   nnumber);
	hpt_ok(nlevels < 100 || nchance >= 38,
		   "which would win by chance: %d of 40", nchance);
	hpt_ok(nlevel >= 38, "%u levels that tell win over both: %d of 40",
		   nlevels, nlevel);
}

int
main(void)
{
	for (uint64_t seed = 1; seed <= 5; seed++)
		check_monotone(seed, seed % 2 == 0 ? 50 : 0, (double) (seed % 3));
	check_mirror();
	check_planted();
	check_xor();
	check_missing_split();
	check_infinite_values();
	check_noise(20, 1);
	check_noise(200, 1);
	check_noise(200, 1000);
	check_noise(400, 1);
	return hpt_done();
}
