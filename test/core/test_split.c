/*
 * test_split.c
 *		The best division against twins that try every one: prefixes of cells
 *		in exact integers and long double, and for categories every subset.
 */
#include <math.h>
#include <string.h>

#include "hpc_split.h"
#include "hpt.h"

#define MAX_CELLS 64

static hpc_cell cells[MAX_CELLS];
static hpc_cell spare[MAX_CELLS];
static uint32_t pooled[MAX_CELLS];

/* What a random node is made of. */
typedef struct recipe
{
	uint32_t ncells;
	uint64_t max_weight;
	int target_bits; /* of the sums per row */
	bool missing;
} recipe;

static hpc_total
random_total(hpt_random *random, const recipe *r)
{
	hpc_total total;
	int64_t mean = (int64_t) hpt_random_bits(random) >> (63 - r->target_bits);

	total.weight = 1 + hpt_random_below(random, r->max_weight);
	total.sum = (__int128) mean * (__int128) total.weight +
				(__int128) hpt_random_below(random, total.weight);
	return total;
}

static hpc_total
plus(hpc_total a, hpc_total b)
{
	return (hpc_total){a.sum + b.sum, a.weight + b.weight};
}

/* Fills the scratch; answers the node's total. */
static hpc_total
make_node(hpt_random *random, const recipe *r, hpc_split_scratch *scratch)
{
	hpc_total node = {0, 0};

	memset(scratch, 0, sizeof(*scratch));
	scratch->cells = cells;
	scratch->spare = spare;
	scratch->pooled = pooled;
	scratch->ncells = r->ncells;
	for (uint32_t i = 0; i < r->ncells; i++)
	{
		memset(&cells[i], 0, sizeof(hpc_cell));
		cells[i].total = random_total(random, r);
		cells[i].bin = 2 * i;
		node = plus(node, cells[i].total);
	}
	if (r->missing)
		scratch->missing = random_total(random, r);
	return plus(node, scratch->missing);
}

/* Decrease of the sum of squares; -1 where a side is too small. */
static long double
slow_gain(hpc_total left, hpc_total node, uint64_t min_leaf)
{
	hpc_total right = {node.sum - left.sum, node.weight - left.weight};
	__int128 difference;

	if (left.weight < min_leaf || right.weight < min_leaf)
		return -1;
	difference = left.sum * (__int128) right.weight -
				 right.sum * (__int128) left.weight;
	return (long double) difference / (long double) left.weight *
		   ((long double) difference / (long double) right.weight) /
		   (long double) node.weight;
}

static bool
near(long double a, long double b)
{
	return fabsl(a - b) <= 1e-15L * fmaxl(fabsl(a), fabsl(b));
}

/* ---------- numbers ---------- */

static long double
slow_best_prefix(const hpc_split_scratch *scratch, hpc_total node,
				 uint64_t min_leaf)
{
	long double best = -1;

	for (uint32_t last = 0; last < scratch->ncells; last++)
	{
		hpc_total left = {0, 0};
		long double gain;

		for (uint32_t i = 0; i <= last; i++)
			left = plus(left, scratch->cells[i].total);
		gain = slow_gain(left, node, min_leaf);
		best = gain > best ? gain : best;
		if (scratch->missing.weight == 0)
			continue;
		gain = slow_gain(plus(left, scratch->missing), node, min_leaf);
		best = gain > best ? gain : best;
	}
	return best;
}

/* Is the division that was found as good as its gain says? */
static bool
split_is_honest(const hpc_split_scratch *scratch, hpc_total node,
				const hpc_split *split, uint64_t min_leaf)
{
	hpc_total left = {0, 0};

	for (uint32_t i = 0; i <= split->last_cell; i++)
		left = plus(left, scratch->cells[i].total);
	if (split->missing_left)
		left = plus(left, scratch->missing);
	return split->last_cell < scratch->ncells && left.sum == split->left.sum &&
		   left.weight == split->left.weight &&
		   near(slow_gain(left, node, min_leaf), split->gain);
}

static bool
best_prefix_is_found(hpt_random *random, const recipe *r, uint64_t min_leaf)
{
	hpc_split_rules rules = {.min_leaf = min_leaf};
	hpc_split_scratch scratch;
	hpc_total node = make_node(random, r, &scratch);
	hpc_split split = hpc_split_find(&scratch, node, &rules);
	long double best =
		slow_best_prefix(&scratch, node, min_leaf > 0 ? min_leaf : 1);

	if (best < 0)
		return split.gain < 0;
	return near(best, split.gain) &&
		   split_is_honest(&scratch, node, &split,
						   min_leaf > 0 ? min_leaf : 1);
}

static void
check_prefixes(const char *what, recipe r, uint64_t min_leaf)
{
	hpt_random random = {r.max_weight + (uint64_t) r.target_bits};
	int nwrong = 0;

	for (int i = 0; i < 2000; i++)
	{
		r.ncells = 1 + (uint32_t) hpt_random_below(&random, 40);
		r.missing = i % 2 == 0;
		nwrong += !best_prefix_is_found(&random, &r, min_leaf);
	}
	hpt_ok(nwrong == 0, "best of all prefixes: %s, min_leaf %d", what,
		   (int) min_leaf);
}

/* A gain that is exactly zero is a division still, and the first one wins. */
static void
check_ties(void)
{
	hpc_split_rules rules = {.min_leaf = 1};
	hpc_split_scratch scratch = {.cells = cells, .ncells = 4};
	hpc_total node = {40, 4};
	hpc_split split;

	memset(cells, 0, sizeof(cells));
	for (uint32_t i = 0; i < 4; i++)
		cells[i].total = (hpc_total){10, 1};
	split = hpc_split_find(&scratch, node, &rules);
	hpt_ok(split.gain == 0 && split.last_cell == 0,
		   "equal targets are divided with gain 0");
	cells[0].total.sum = cells[3].total.sum = 20;
	node.sum = 60;
	split = hpc_split_find(&scratch, node, &rules);
	hpt_ok(split.last_cell == 0, "the first of equal gains wins");
	scratch.ncells = 1;
	node = cells[0].total;
	hpt_ok(hpc_split_find(&scratch, node, &rules).gain < 0,
		   "one cell cannot be divided");
	scratch.missing = (hpc_total){5, 2};
	node = plus(node, scratch.missing);
	split = hpc_split_find(&scratch, node, &rules);
	hpt_ok(split.gain > 0 && !split.missing_left && split.last_cell == 0,
		   "but from missing it can");
}

/* The same division seen from either side has the same gain to the bit. */
static void
check_mirror(void)
{
	hpt_random random = {77};
	recipe r = {0, 1000000, 40, false};
	hpc_split_rules rules = {.min_leaf = 1};
	int nwrong = 0;

	for (int i = 0; i < 2000; i++)
	{
		hpc_split_scratch scratch;
		hpc_total node;
		double gain;

		r.ncells = 2 + (uint32_t) hpt_random_below(&random, 20);
		node = make_node(&random, &r, &scratch);
		gain = hpc_split_find(&scratch, node, &rules).gain;
		for (uint32_t j = 0; j < r.ncells / 2; j++)
		{
			hpc_cell cell = cells[j];

			cells[j] = cells[r.ncells - 1 - j];
			cells[r.ncells - 1 - j] = cell;
		}
		nwrong += hpc_split_find(&scratch, node, &rules).gain != gain;
	}
	hpt_ok(nwrong == 0, "gains do not depend on the side");
}

/* ---------- categories ---------- */

/* Best gain over all ways to send levels, and missing, left or right. */
static long double
slow_best_subset(const hpc_split_scratch *scratch, hpc_total node)
{
	uint32_t nsubsets = UINT32_C(1) << scratch->ncells;
	long double best = -1;

	for (uint32_t subset = 0; subset < nsubsets; subset++)
	{
		hpc_total left = {0, 0};
		long double gain;

		for (uint32_t i = 0; i < scratch->ncells; i++)
		{
			if (subset >> i & 1)
				left = plus(left, scratch->cells[i].total);
		}
		gain = slow_gain(left, node, 1);
		best = gain > best ? gain : best;
		if (scratch->missing.weight == 0)
			continue;
		gain = slow_gain(plus(left, scratch->missing), node, 1);
		best = gain > best ? gain : best;
	}
	return best;
}

static void
check_subsets(const char *what, recipe r)
{
	hpt_random random = {r.max_weight};
	hpc_feature feature = {.kind = HPC_CATEGORY, .name_hash = 12345};
	hpc_split_rules rules = {.min_leaf = 1};
	int nwrong = 0;

	for (int i = 0; i < 300; i++)
	{
		hpc_split_scratch scratch;
		hpc_total node;
		hpc_split split;
		long double best;

		r.ncells = 2 + (uint32_t) hpt_random_below(&random, 8);
		r.missing = i % 2 == 0;
		node = make_node(&random, &r, &scratch);
		best = slow_best_subset(&scratch, node);
		hpc_cells_order(&scratch, &feature, node, &rules);
		split = hpc_split_find(&scratch, node, &rules);
		nwrong += !near(best, split.gain) ||
				  !split_is_honest(&scratch, node, &split, 1);
	}
	hpt_ok(nwrong == 0, "best of all subsets of levels: %s", what);
}

/* Cells ascend by their shrunken means. */
static bool
order_is_right(const hpc_split_scratch *scratch, hpc_total node, double smooth)
{
	long double mean = (long double) node.sum / (long double) node.weight;
	long double last = -INFINITY;
	bool passed = true;

	for (uint32_t i = 0; i < scratch->ncells; i++)
	{
		hpc_total total = scratch->cells[i].total;
		long double shrunk = ((long double) total.sum + smooth * mean) /
							 ((long double) total.weight + smooth);

		passed &= shrunk >= last - fabsl(last) * 1e-12L;
		last = shrunk;
	}
	return passed;
}

/* The levels that are rare are in the pool, all others have a cell. */
static bool
pool_is_right(const hpc_split_scratch *scratch, const hpc_total *before,
			  uint32_t nbefore, double min_rows)
{
	hpc_total expected = {0, 0};
	hpc_total found = {0, 0};
	uint32_t nrare = 0;
	bool passed = true;

	for (uint32_t i = 0; i < nbefore; i++)
	{
		if ((double) before[i].weight >= min_rows)
			continue;
		expected = plus(expected, before[i]);
		passed &= nrare < scratch->npooled && scratch->pooled[nrare] == 2 * i;
		nrare++;
	}
	for (uint32_t i = 0; i < scratch->ncells; i++)
	{
		const hpc_cell *cell = &scratch->cells[i];

		if (cell->bin == HPC_POOLED)
			found = plus(found, cell->total);
		else
			passed &= (double) cell->total.weight >= min_rows &&
					  before[cell->bin / 2].sum == cell->total.sum &&
					  before[cell->bin / 2].weight == cell->total.weight;
	}
	return passed && nrare == scratch->npooled &&
		   scratch->ncells == nbefore - nrare + (nrare > 0) &&
		   found.sum == expected.sum && found.weight == expected.weight;
}

static void
check_pools(double smooth, double min_rows)
{
	hpt_random random = {(uint64_t) (smooth + min_rows)};
	hpc_feature feature = {.kind = HPC_CATEGORY, .name_hash = 999};
	hpc_split_rules rules = {1, smooth, min_rows};
	recipe r = {0, 30, 30, false};
	int nwrong = 0;

	for (int i = 0; i < 1000; i++)
	{
		hpc_total before[MAX_CELLS];
		hpc_split_scratch scratch;
		hpc_total node;

		r.ncells = 1 + (uint32_t) hpt_random_below(&random, 40);
		r.missing = i % 3 == 0;
		node = make_node(&random, &r, &scratch);
		for (uint32_t j = 0; j < r.ncells; j++)
			before[j] = cells[j].total;
		hpc_cells_order(&scratch, &feature, node, &rules);
		nwrong += !order_is_right(&scratch, node, smooth) ||
				  !pool_is_right(&scratch, before, r.ncells, min_rows);
	}
	hpt_ok(nwrong == 0, "levels in order, smoothed by %g, pooled below %g",
		   smooth, min_rows);
}

/* Levels of equal means stand in an order of their own, not that of bins. */
static void
check_level_ties(void)
{
	hpc_feature feature = {.kind = HPC_CATEGORY, .name_hash = 4242};
	hpc_split_rules rules = {.min_leaf = 1};
	hpc_split_scratch scratch = {.cells = cells,
								 .spare = spare,
								 .pooled = pooled,
								 .ncells = 40};
	uint32_t first[40];
	int nsame = 0;
	int nfixed = 0;

	for (int turn = 0; turn < 2; turn++)
	{
		memset(cells, 0, sizeof(cells));
		scratch.ncells = 40;
		for (uint32_t i = 0; i < 40; i++)
		{
			cells[i].total = (hpc_total){14, 2};
			cells[i].bin = turn == 0 ? i : 39 - i;
		}
		hpc_cells_order(&scratch, &feature, (hpc_total){560, 80}, &rules);
		for (uint32_t i = 0; i < 40; i++)
		{
			nsame += turn == 1 && first[i] == cells[i].bin;
			nfixed += cells[i].bin == i;
			first[i] = cells[i].bin;
		}
	}
	hpt_ok(nsame == 40 && nfixed < 20, "equal levels are ordered by hash");
}

int
main(void)
{
	recipe plain = {0, 1, 20, false};
	recipe weighted = {0, 100, 20, false};
	recipe wide = {0, 40000000, 62, false};

	check_prefixes("single rows", plain, 1);
	check_prefixes("single rows", plain, 0);
	check_prefixes("single rows", plain, 5);
	check_prefixes("weights", weighted, 1);
	check_prefixes("weights", weighted, 300);
	check_prefixes("weights", weighted, 5000);
	check_prefixes("the widest sums", wide, 1);
	check_ties();
	check_mirror();
	check_subsets("single rows", plain);
	check_subsets("weights", weighted);
	check_subsets("the widest sums", wide);
	check_pools(0, 0);
	check_pools(0, 10);
	check_pools(10, 10);
	check_pools(1000, 31);
	check_pools(3, 15.5);
	check_level_ties();
	return hpt_done();
}
