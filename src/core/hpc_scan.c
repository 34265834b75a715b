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

hpc_total
hpc_narrow_total(hpc_narrow cell, int bits)
{
	uint64_t weight = (uint64_t) cell & ((UINT64_C(1) << bits) - 1);
	hpc_total total = {cell >> bits, weight, weight};

	return total;
}

hpc_total
hpc_wide_total(hpc_wide cell)
{
	hpc_total total = {cell[0], (uint64_t) cell[1] >> 32,
					   (uint64_t) cell[1] & UINT32_MAX};

	return total;
}

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
hpc_view_missing(const hpc_view *view)
{
	uint32_t nbins = view->feature->nbins;
	hpc_total none = {0, 0, 0};

	if (view->cells == NULL &&
		HPC_LIST_CODE(view->list[view->nlist - 1]) != nbins)
		return none;
	return hpc_view_sum(view, nbins, nbins);
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

hpc_split
hpc_view_divide(const hpc_view *view, const hpc_search *search)
{
	return view->wide ? hpc_wide_divide(view, search)
					  : hpc_narrow_divide(view, search);
}
