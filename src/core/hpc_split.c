/*
 * hpc_split.c
 *		Judging divisions of a node, and dividing categories.
 *
 * Categories stand in the order of their mean targets, for which one of the
 * prefixes is the best subset (Fisher 1958; Breiman et al. 1984, section
 * 9.4).  The means are shrunk towards the node's by cat_smooth rows, and
 * levels with fewer than cat_min_rows rows are treated as one: a level seen a
 * few times would otherwise be placed by the noise in its targets.
 *
 * The best prefix is chosen by the same targets that it is judged by, and
 * gains the more, the more levels there are, even if they are noise.  Trees
 * would divide by such columns rather than by a number that tells a little
 * (Loh and Shih 1997; Hothorn et al. 2006).  So the gain expected by chance
 * is taken off before a category is compared with other features.  Deviations
 * of levels of weights w are then normal, with variance σ² w; half of the sum
 * of their sizes is on either side, (Σ √w) σ / √(2π), and a division in the
 * middle gains four times its square over W:
 *
 *		2/π · σ² · (Σ √w)² / W
 *
 * where (Σ √w)² / W is the number of levels if all weigh the same.  Two of
 * them are taken off: two levels can be divided in one way only, as the values
 * of a boolean can.
 *
 * With a penalty l2 or bounds on values, a child with sum S and weight W gets
 * the value v = S / (W + l2), bounded, and contributes 2 S v − (W + l2) v² to
 * the decrease; a division that a monotone feature forbids is passed over.
 */
#include <math.h>

#include "hpc_sort.h"
#include "hpc_split.h"

/* Up to here insertion sorts faster than counting. */
#define SMALL_SORT 40

#define TWO_OVER_PI 0.6366197723675814

/* S_left · W − S · W_left, rounded. */
static inline double
difference(const hpc_search *search, hpc_total left)
{
	const hpc_total *node = &search->node;

	if (search->exact)
		return (double) (left.sum * (int64_t) node->weight -
						 node->sum * (int64_t) left.weight);
	return (double) ((__int128) left.sum * (int64_t) node->weight -
					 (__int128) node->sum * (int64_t) left.weight);
}

double
hpc_split_value(const hpc_search *search, hpc_total child)
{
	double value = (double) child.sum / ((double) child.weight + search->l2);

	value = value < search->lower ? search->lower : value;
	return value > search->upper ? search->upper : value;
}

/* What a child with this value takes off the sum of squares. */
static inline double
contribution(const hpc_search *search, hpc_total child, double value)
{
	return value * (2 * (double) child.sum -
					((double) child.weight + search->l2) * value);
}

static double
bounded_gain(const hpc_search *search, hpc_total left, hpc_total right)
{
	double left_value = hpc_split_value(search, left);
	double right_value = hpc_split_value(search, right);
	double before = hpc_split_value(search, search->node);
	double gain;

	if ((search->sign > 0 && left_value > right_value) ||
		(search->sign < 0 && left_value < right_value))
		return -1;
	gain = contribution(search, left, left_value) +
		   contribution(search, right, right_value) -
		   contribution(search, search->node, before);
	return gain > 0 ? gain : -1;
}

void
hpc_split_try(const hpc_search *search, hpc_split *best, hpc_total left,
			  uint32_t cut, bool missing_left)
{
	hpc_total right = hpc_total_less(search->node, left);
	double gain;

	if (left.count < search->rules->min_leaf ||
		right.count < search->rules->min_leaf || left.weight == 0 ||
		right.weight == 0)
		return;
	if (search->judging == HPC_PLAIN)
	{
		double d = difference(search, left);

		gain = d / (double) left.weight * (d / (double) right.weight) /
			   (double) search->node.weight;
	}
	else if (search->judging == HPC_PENALIZED)
		gain = hpc_split_penalized_gain(search, left, right);
	else
		gain = bounded_gain(search, left, right);
	if (gain > best->gain)
	{
		best->gain = gain;
		best->cut = cut;
		best->missing_left = missing_left;
		best->left = left;
	}
}

/* ---------- categories ---------- */

static inline bool
level_before(const hpc_level *a, const hpc_level *b)
{
	if (a->order != b->order)
		return a->order < b->order;
	return a->tie < b->tie || (a->tie == b->tie && a->code < b->code);
}

static void
insertion_sort(hpc_level *levels, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
	{
		hpc_level level = levels[i];
		uint32_t place = i;

		for (; place > 0 && level_before(&level, &levels[place - 1]); place--)
			levels[place] = levels[place - 1];
		levels[place] = level;
	}
}

/* Puts level pairs[i].row in place i. */
static void
permute_levels(hpc_level *levels, hpc_pair *pairs, uint32_t n)
{
	for (uint32_t first = 0; first < n; first++)
	{
		hpc_level held = levels[first];
		uint32_t place = first;

		while (pairs[place].row != first)
		{
			uint32_t from = pairs[place].row;

			levels[place] = levels[from];
			pairs[place].row = place;
			place = from;
		}
		levels[place] = held;
		pairs[place].row = place;
	}
}

/*
 * Sorts pairs, whose rows are levels, by order; those of equal orders by tie.
 * They are too few to ask whether to stop.
 */
static void
sort_pairs(const hpc_level *levels, hpc_pair *pairs, hpc_pair *spare,
		   uint32_t n)
{
	hpc_env unasked = {0};

	for (uint32_t i = 0; i < n; i++)
		pairs[i] = (hpc_pair){hpc_sortable(levels[i].order), i};
	hpc_sort_pairs(&unasked, n, pairs, spare);
	for (uint32_t first = 0, end; first < n; first = end)
	{
		for (end = first + 1; end < n && pairs[end].key == pairs[first].key;
			 end++)
			;
		if (end == first + 1)
			continue;
		for (uint32_t i = first; i < end; i++)
			pairs[i].key = levels[pairs[i].row].tie;
		hpc_sort_pairs(&unasked, end - first, pairs + first, spare);
	}
}

/* levels ascend by code.  spare[n] is scratch. */
static void
sort_levels(hpc_level *levels, hpc_level *spare, uint32_t n)
{
	hpc_pair *pairs = (hpc_pair *) spare;

	if (n <= SMALL_SORT)
	{
		insertion_sort(levels, n);
		return;
	}
	sort_pairs(levels, pairs, pairs + n, n);
	permute_levels(levels, pairs, n);
}

/* Moves rare levels into one pooled level at the end. */
static void
pool_rare(const hpc_search *search, hpc_level *levels, uint32_t *n,
		  uint32_t *pooled, uint32_t *npooled)
{
	double least = search->rules->cat_min_rows * search->rules->weight_unit;
	hpc_level pool = {.code = HPC_POOLED};
	uint32_t kept = 0;

	*npooled = 0;
	for (uint32_t i = 0; i < *n; i++)
	{
		if ((double) levels[i].total.weight >= least)
		{
			levels[kept++] = levels[i];
			continue;
		}
		pool.total = hpc_total_plus(pool.total, levels[i].total);
		pooled[(*npooled)++] = levels[i].code;
	}
	if (*npooled > 0)
		levels[kept++] = pool;
	*n = kept;
}

void
hpc_levels_order(const hpc_search *search, uint64_t name_hash,
				 hpc_level *levels, hpc_level *spare, uint32_t *n,
				 uint32_t *pooled, uint32_t *npooled)
{
	double smooth = search->rules->cat_smooth * search->rules->weight_unit;

	pool_rare(search, levels, n, pooled, npooled);
	for (uint32_t i = 0; i < *n; i++)
	{
		hpc_level *level = &levels[i];

		level->order = difference(search, level->total) /
					   ((double) level->total.weight + smooth);
		level->tie = hpc_mix(name_hash + level->code);
	}
	sort_levels(levels, spare, *n);
}

hpc_split
hpc_levels_divide(const hpc_search *search, const hpc_level *levels,
				  uint32_t n)
{
	hpc_split best = {.gain = -1};
	hpc_total left = {0, 0, 0};
	bool has_missing = search->missing.count > 0;

	for (uint32_t i = 0; i < n; i++)
	{
		left = hpc_total_plus(left, levels[i].total);
		if (i + 1 == n && !has_missing)
			break;
		hpc_split_try(search, &best, left, i, false);
		if (has_missing && i + 1 < n)
			hpc_split_try(search, &best, hpc_total_plus(left, search->missing),
						  i, true);
	}
	return best;
}

double
hpc_levels_chance(const hpc_search *search, const hpc_level *levels,
				  uint32_t n)
{
	double roots = sqrt((double) search->missing.weight);
	double nlevels;

	for (uint32_t i = 0; i < n; i++)
		roots += sqrt((double) levels[i].total.weight);
	nlevels = roots * roots / (double) search->node.weight;
	return nlevels > 2 ? TWO_OVER_PI * (nlevels - 2) : 0;
}
