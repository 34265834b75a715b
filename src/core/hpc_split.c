/*
 * hpc_split.c
 *		The best way to divide the rows of a node by one feature.
 *
 * Cells stand in an order; a division sends a prefix of them left and the
 * rest right, and the missing rows, if there are any, to either side.  For
 * sums S and weights W the decrease of the sum of squares is
 *
 *		(S_left · W_right − S_right · W_left)² / (W · W_left · W_right)
 *
 * The numerator's root is computed as S_left · W − S · W_left in 128 bits,
 * exactly: with |target| <= 2^62 and W < 2^32 it stays below 2^126.  It is
 * rounded once, so equal divisions have equal gains to the bit, whichever
 * feature they come from and whichever side is called left.
 *
 * Numbers stand in the order of their values.  Categories stand in the order
 * of their mean targets, for which one of the prefixes is the best subset
 * (Fisher 1958; Breiman et al. 1984, section 9.4).  The means are shrunk
 * towards the node's by cat_smooth rows, and levels with fewer than
 * cat_min_rows rows are treated as one: a level seen a few times would
 * otherwise be placed by the noise in its targets.
 */
#include <string.h>

#include "hpc_split.h"

/* Fewer cells than this are sorted without asking whether to stop. */
#define CELLS_PER_POLL 1000

/* The exact numerator of a gain, rounded. */
static inline double
difference(hpc_total left, hpc_total node)
{
	return (double) (left.sum * (__int128) node.weight -
					 node.sum * (__int128) left.weight);
}

/* Tries a division and keeps it if it is strictly better. */
static inline void
try_division(hpc_split *best, hpc_total left, hpc_total node,
			 uint32_t last_cell, bool missing_left, uint64_t min_leaf)
{
	uint64_t right_weight = node.weight - left.weight;
	double d;
	double gain;

	if (left.weight < min_leaf || right_weight < min_leaf)
		return;
	d = difference(left, node);
	gain = d / (double) left.weight * (d / (double) right_weight);
	if (gain > best->gain)
	{
		best->gain = gain;
		best->last_cell = last_cell;
		best->missing_left = missing_left;
		best->left = left;
	}
}

hpc_split
hpc_split_find(const hpc_split_scratch *scratch, hpc_total node,
			   const hpc_split_rules *rules)
{
	hpc_split best = {.gain = -1};
	hpc_total left = {0, 0};
	bool has_missing = scratch->missing.weight > 0;
	uint64_t min_leaf = rules->min_leaf > 0 ? rules->min_leaf : 1;

	for (uint32_t i = 0; i < scratch->ncells; i++)
	{
		left.sum += scratch->cells[i].total.sum;
		left.weight += scratch->cells[i].total.weight;
		try_division(&best, left, node, i, false, min_leaf);
		if (has_missing && i + 1 < scratch->ncells)
		{
			hpc_total with_missing = {left.sum + scratch->missing.sum,
									  left.weight + scratch->missing.weight};

			try_division(&best, with_missing, node, i, true, min_leaf);
		}
	}
	if (best.gain >= 0)
		best.gain /= (double) node.weight;
	return best;
}

/* ---------- categories ---------- */

static inline bool
cell_before(const hpc_cell *a, const hpc_cell *b)
{
	if (a->order != b->order)
		return a->order < b->order;
	return a->tie < b->tie || (a->tie == b->tie && a->bin < b->bin);
}

/* Merge sort: no recursion, no allocation, n log n for any order. */
static void
sort_cells(hpc_split_scratch *scratch)
{
	hpc_cell *cells = scratch->cells;
	hpc_cell *spare = scratch->spare;
	uint32_t n = scratch->ncells;

	for (uint32_t width = 1; width < n; width *= 2)
	{
		if (n > CELLS_PER_POLL && scratch->crew != NULL &&
			hpc_crew_stopped(scratch->crew, scratch->worker))
			return;
		for (uint32_t start = 0; start < n; start += 2 * width)
		{
			uint32_t middle = n - start > width ? start + width : n;
			uint32_t end = n - start > 2 * width ? start + 2 * width : n;
			uint32_t left = start;
			uint32_t right = middle;

			for (uint32_t out = start; out < end; out++)
			{
				bool take_left = left < middle &&
								 (right == end ||
								  !cell_before(&cells[right], &cells[left]));

				spare[out] = cells[take_left ? left++ : right++];
			}
		}
		memcpy(cells, spare, n * sizeof(hpc_cell));
	}
}

/* Moves rare levels out of the cells into one pooled cell at the end. */
static void
pool_rare(hpc_split_scratch *scratch, double min_rows)
{
	hpc_cell pool = {.bin = HPC_POOLED};
	uint32_t n = 0;

	scratch->npooled = 0;
	for (uint32_t i = 0; i < scratch->ncells; i++)
	{
		const hpc_cell *cell = &scratch->cells[i];

		if ((double) cell->total.weight >= min_rows)
		{
			scratch->cells[n++] = *cell;
			continue;
		}
		pool.total.sum += cell->total.sum;
		pool.total.weight += cell->total.weight;
		scratch->pooled[scratch->npooled++] = cell->bin;
	}
	if (scratch->npooled > 0)
		scratch->cells[n++] = pool;
	scratch->ncells = n;
}

void
hpc_cells_order(hpc_split_scratch *scratch, const hpc_feature *feature,
				hpc_total node, const hpc_split_rules *rules)
{
	pool_rare(scratch, rules->cat_min_rows);
	for (uint32_t i = 0; i < scratch->ncells; i++)
	{
		hpc_cell *cell = &scratch->cells[i];

		cell->order = difference(cell->total, node) /
					  ((double) cell->total.weight + rules->cat_smooth);
		cell->tie = hpc_mix(feature->name_hash + cell->bin);
	}
	sort_cells(scratch);
}
