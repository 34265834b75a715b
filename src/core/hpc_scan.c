/*
 * hpc_scan.c
 *		Sums over the rows of a node, by the codes of its features.
 *
 * The loops are in hpc_scan_template.h, compiled here for narrow and for wide
 * cells, like the sort_template.h of PostgreSQL.  A narrow addition touches 8
 * bytes, and its sums and products fit 64 bits; wide cells are for sample
 * weights and for targets that need more bits.
 */
#include <string.h>

#include "hpc_scan.h"

/* Candidates of a list that are found, then judged, at a time. */
#define CANDIDATES 64

/* Lists up to here are judged by masks, not branches. */
#define SHORT_LIST 32

#define CELL hpc_narrow
#define NAME(x) hpc_narrow_##x
#define TOTAL(c) hpc_narrow_total(c, bits)
#define IS_EMPTY(c) ((c) == 0)
#define DIFFERENCE(l, node) \
	((double) ((l).sum * (node)->weight - (node)->sum * (int64_t) (l).weight))
#include "hpc_scan_template.h"
#undef CELL
#undef NAME
#undef TOTAL
#undef IS_EMPTY
#undef DIFFERENCE

#define CELL hpc_wide
#define NAME(x) hpc_wide_##x
#define TOTAL(c) hpc_wide_total(c)
#define IS_EMPTY(c) ((c)[1] == 0)
#define DIFFERENCE(l, node)                          \
	((double) ((__int128) (l).sum * (node)->weight - \
			   (__int128) (node)->sum * (int64_t) (l).weight))
#include "hpc_scan_template.h"

/* Are lines read, or rows that move, rather than blocks? */
static inline bool
reads_packs(const hpc_filling *filling)
{
	const hpc_lines *lines = filling->plan->lines;

	return lines != NULL &&
		   (filling->nrows >= HPC_LINE_ROWS || lines->nlines == 0);
}

void
hpc_fill_begin(const hpc_filling *filling)
{
	const hpc_histogram_plan *plan = filling->plan;
	size_t cell_size = filling->wide ? sizeof(hpc_wide) : sizeof(hpc_narrow);

	for (int i = 0; i < plan->nranges; i++)
		memset((char *) filling->histogram + plan->range_begin[i] * cell_size,
			   0, (plan->range_end[i] - plan->range_begin[i]) * cell_size);
	if (reads_packs(filling) && !filling->summed)
		memset(filling->packs, 0,
			   hpc_plan_packed_cells(plan->lines) * cell_size);
}

void
hpc_fill_rows(const hpc_filling *filling, const uint32_t *rows, uint32_t nrows,
			  uint32_t ncoming)
{
	bool packs = reads_packs(filling);
	const hpc_reading *reading =
		packs ? &filling->plan->packed : &filling->plan->plain;
	void *blocks = packs ? filling->packs : filling->histogram;

	if (filling->wide)
		hpc_wide_fill(reading, rows, nrows, ncoming, filling->cells, blocks,
					  filling->histogram);
	else
		hpc_narrow_fill(reading, rows, nrows, ncoming, filling->cells, blocks,
						filling->histogram);
}

void
hpc_fill_end(const hpc_filling *filling)
{
	if (!reads_packs(filling))
		return;
	if (filling->wide)
		hpc_wide_unpack(filling->plan, filling->packs, filling->histogram);
	else
		hpc_narrow_unpack(filling->plan, filling->packs, filling->histogram);
}

/* Place in the list of the first code that is not below this one. */
static uint32_t
list_place(const hpc_view *view, uint32_t code)
{
	uint32_t low = 0;
	uint32_t high = view->nlist;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (HPC_LIST_CODE(view->list[middle]) < code)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

hpc_total
hpc_view_sum(const hpc_view *view, uint32_t first, uint32_t last)
{
	if (view->cells != NULL)
		return view->wide
				   ? hpc_wide_total(hpc_wide_sum_cells(view, first, last))
				   : hpc_narrow_total(hpc_narrow_sum_cells(view, first, last),
									  view->bits);
	first = list_place(view, first);
	last = list_place(view, last + 1);
	return view->wide
			   ? hpc_wide_total(hpc_wide_sum_list(view, first, last))
			   : hpc_narrow_total(hpc_narrow_sum_list(view, first, last),
								  view->bits);
}

hpc_total
hpc_view_sum_up_to(const hpc_view *view, uint32_t last, double x)
{
	return view->wide ? hpc_wide_total(hpc_wide_sum_up_to(view, last, x))
					  : hpc_narrow_total(hpc_narrow_sum_up_to(view, last, x),
										 view->bits);
}

static bool
cell_is_empty(const hpc_view *view, uint32_t code)
{
	return view->wide ? ((const hpc_wide *) view->cells)[code][1] == 0
					  : ((const hpc_narrow *) view->cells)[code] == 0;
}

bool
hpc_view_range(const hpc_view *view, uint32_t *first, uint32_t *last)
{
	uint32_t nbins = view->feature->nbins;
	uint32_t n = view->nlist;

	if (view->cells == NULL)
	{
		if (HPC_LIST_CODE(view->list[0]) == nbins)
			return false;
		if (HPC_LIST_CODE(view->list[n - 1]) == nbins)
			n = list_place(view, nbins);
		*first = HPC_LIST_CODE(view->list[0]);
		*last = HPC_LIST_CODE(view->list[n - 1]);
		return true;
	}
	for (*first = 0; *first < nbins && cell_is_empty(view, *first); (*first)++)
		;
	for (*last = nbins; *last > *first && cell_is_empty(view, *last - 1);
		 (*last)--)
		;
	(*last)--;
	return *first < nbins;
}

uint32_t
hpc_view_next(const hpc_view *view, uint32_t code)
{
	if (view->cells == NULL)
		return HPC_LIST_CODE(view->list[list_place(view, code + 1)]);
	do
		code++;
	while (cell_is_empty(view, code));
	return code;
}

uint32_t
hpc_view_levels(const hpc_view *view, hpc_level *levels)
{
	if (view->cells != NULL)
		return view->wide ? hpc_wide_cell_levels(view, levels)
						  : hpc_narrow_cell_levels(view, levels);
	return view->wide ? hpc_wide_list_levels(view, levels)
					  : hpc_narrow_list_levels(view, levels);
}

typedef double pair_of_doubles __attribute__((vector_size(16)));
typedef int64_t pair_of_integers __attribute__((vector_size(16)));

static inline pair_of_integers
choose_pair(pair_of_integers mask, pair_of_integers a, pair_of_integers b)
{
	return (a & mask) | (b & ~mask);
}

/*
 * hpc_narrow_divide of a short list without missing values: computes and
 * compares the same, but keeps the better one by masks, which in short lists
 * costs less than branches that no processor could foretell.
 */
static void
divide_short_list(const hpc_view *view, const hpc_search *search,
				  hpc_split *split)
{
	int bits = search->bits;
	int64_t sum = search->node.sum;
	int64_t weight = (int64_t) search->node.weight;
	uint64_t least = search->rules->min_leaf;
	uint64_t choice = search->node.count - 2 * least;
	hpc_narrow candidate[SHORT_LIST];
	uint32_t entry[SHORT_LIST];
	hpc_narrow all = 0;
	uint32_t n = hpc_narrow_find_candidates(view, 0, view->nlist - 1, &all,
											candidate, entry);
	pair_of_doubles best = {1, -1};    /* denominator, numerator */
	pair_of_integers best_at = {0, 0}; /* candidate, entry */

	for (uint32_t i = 0; i < n; i++)
	{
		int64_t left_weight = candidate[i] & ((INT64_C(1) << bits) - 1);
		int64_t allowed = -((uint64_t) left_weight - least <= choice);
		double d =
			(double) ((candidate[i] >> bits) * weight - sum * left_weight);
		double numerator = d * d;
		double denominator = (double) (left_weight * (weight - left_weight));
		pair_of_doubles cross =
			best * (pair_of_doubles){numerator, denominator};
		pair_of_doubles mine = {cross[0], cross[0]};
		pair_of_doubles theirs = {cross[1], cross[1]};
		pair_of_integers better = mine > theirs;

		better &= (pair_of_integers){allowed, allowed};
		best = (pair_of_doubles) choose_pair(
			better,
			(pair_of_integers) (pair_of_doubles){denominator, numerator},
			(pair_of_integers) best);
		best_at =
			choose_pair(better, (pair_of_integers){candidate[i], entry[i]},
						best_at);
	}
	split->gain = -1;
	if (best[1] < 0)
		return;
	split->gain = best[1] / best[0] / (double) weight;
	split->cut = HPC_LIST_CODE((uint32_t) best_at[1]);
	split->missing_left = false;
	split->left = hpc_narrow_total(best_at[0], bits);
}

void
hpc_view_divide(const hpc_view *view, const hpc_search *search,
				hpc_split *split)
{
	if (view->cells == NULL && view->nlist <= SHORT_LIST && !view->wide &&
		search->judging == HPC_PLAIN && search->missing.count == 0)
		divide_short_list(view, search, split);
	else if (view->wide)
		hpc_wide_divide(view, search, split);
	else
		hpc_narrow_divide(view, search, split);
}
