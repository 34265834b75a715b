/*
 * hpc_scan.h
 *		Sums over the rows of a node, by the codes of its features.
 *
 * Two forms of the same sums:
 *
 *	histogram	a cell for each code of each feature that the tree may use.
 *				Costs a pass over the rows and one over the cells; that of a
 *				node's larger child is the node's less the smaller child's.
 *	list		for each feature the node's rows in the order of their codes,
 *				each code << 16 | slot, where slot numbers the rows of a part
 *				of the tree.  Costs a sort once; children inherit the order.
 *
 * Histograms suit nodes with many rows for their codes, lists the others.
 * Sums are integers: the form does not show in the result, and neither does
 * the order of rows.
 *
 * All functions exist for narrow and for wide cells (hpc_grow.h).
 */
#ifndef HPC_SCAN_H
#define HPC_SCAN_H

#include "hpc_lines.h"
#include "hpc_split.h"

/* Rows that a list can number. */
#define HPC_LIST_ROWS 65536

#define HPC_LIST_CODE(entry) ((entry) >> 16)
#define HPC_LIST_SLOT(entry) ((entry) &0xffff)

/* So many rows ahead of their turn rows are fetched that are far apart. */
#define HPC_AHEAD 32

/*
 * Are rows, ascending, so far apart that the processor would not fetch them by
 * itself?
 */
static inline bool
hpc_rows_are_far(const uint32_t *rows, uint32_t nrows)
{
	return nrows > 4 * HPC_AHEAD && (rows[nrows - 1] - rows[0]) / 2 > nrows;
}

/* Eight bytes of a row side by side, and those of them that are counted. */
typedef struct hpc_block_use
{
	const unsigned char *codes; /* of row i: at codes + i * stride */
	size_t stride;
	bool leads;   /* the first of what shares a line of the cache */
	size_t cells; /* of the first byte; HPC_NARROW_CELLS further the next */
	int nused;
	uint8_t used[HPC_BLOCK];
} hpc_block_use;

/* A feature of two bytes. */
typedef struct hpc_wide_use
{
	const unsigned char *codes;
	size_t stride;
	bool leads;
	size_t cells;
} hpc_wide_use;

/* What is read of each row. */
typedef struct hpc_reading
{
	int nblocks;
	hpc_block_use *blocks; /* [nblocks] */
	int nwide;
	hpc_wide_use *wide; /* [nwide] */
} hpc_reading;

/* Histograms of the features of a tree (hpc_plan.c). */
typedef struct hpc_histogram_plan
{
	const hpc_frame *frame;
	const hpc_lines *lines; /* or NULL */
	size_t *offset; /* [nfeatures] first cell; SIZE_MAX: not in the tree */
	hpc_reading plain;
	hpc_reading packed; /* lines: bytes have their cells apart, as packs */

	/* cells in use: those of each feature, neighbours joined */
	int nranges;
	size_t *range_begin; /* [nranges] */
	size_t *range_end;
} hpc_histogram_plan;

/* Cells of a histogram of all features, and of all packs. */
extern size_t hpc_plan_cells(const hpc_frame *frame);
extern size_t hpc_plan_packed_cells(const hpc_lines *lines);

/*
 * Room for a plan, which must be freed even if that fails; then the plan for
 * the features of a tree, ascending.
 */
extern hpc_status
hpc_plan_create(hpc_env *env, const hpc_frame *frame, const hpc_lines *lines,
				hpc_histogram_plan *plan);
extern void hpc_plan_free(hpc_env *env, hpc_histogram_plan *plan);
extern void
hpc_plan_tree(hpc_histogram_plan *plan, const int *features, int nfeatures);

/*
 * A histogram in the making, of nrows rows, from which follows what is read:
 * begun, rows added in pieces, and ended.  With a piece of HPC_FILL_ROWS, what
 * is read of it stays in a near cache while block after block is added;
 * ncoming rows follow it in the array.
 */
typedef struct hpc_filling
{
	const hpc_histogram_plan *plan;
	bool wide;
	const void *cells; /* of the bag, by row */
	void *histogram;
	void *packs; /* [hpc_plan_packed_cells] scratch ... */
	bool summed; /* ... unless they have all rows from the beginning */
	uint32_t nrows;
} hpc_filling;

#define HPC_FILL_ROWS 1024

extern void hpc_fill_begin(const hpc_filling *filling);
extern void hpc_fill_rows(const hpc_filling *filling, const uint32_t *rows,
						  uint32_t nrows, uint32_t ncoming);
extern void hpc_fill_end(const hpc_filling *filling);

/* The same for one feature, which needs no plan. */
extern void hpc_narrow_fill_feature(const hpc_feature *feature,
									const uint32_t *rows, uint32_t nrows,
									const hpc_narrow *cell, hpc_narrow *cells);
extern void
hpc_wide_fill_feature(const hpc_feature *feature, const uint32_t *rows,
					  uint32_t nrows, const hpc_wide *cell, hpc_wide *cells);

/* to += from, or from -= less: the cells in use of whole histograms. */
extern void hpc_narrow_add(const hpc_histogram_plan *plan, hpc_narrow *to,
						   const hpc_narrow *from);
extern void hpc_wide_add(const hpc_histogram_plan *plan, hpc_wide *to,
						 const hpc_wide *from);
extern void hpc_narrow_subtract(const hpc_histogram_plan *plan,
								hpc_narrow *from, const hpc_narrow *less);
extern void hpc_wide_subtract(const hpc_histogram_plan *plan, hpc_wide *from,
							  const hpc_wide *less);

/* The sums of a cell. */
static inline hpc_total
hpc_narrow_total(hpc_narrow cell, int bits)
{
	uint64_t weight = (uint64_t) cell & ((UINT64_C(1) << bits) - 1);
	hpc_total total = {cell >> bits, weight, weight};

	return total;
}

static inline hpc_total
hpc_wide_total(hpc_wide cell)
{
	hpc_total total = {cell[0], (uint64_t) cell[1] >> 32,
					   (uint64_t) cell[1] & UINT32_MAX};

	return total;
}

/*
 * A feature's cells [nbins + 1], or its list [n] with the cells of its slots:
 * what of it a node has.
 */
typedef struct hpc_view
{
	const hpc_feature *feature;
	const void *cells;    /* of a histogram, or NULL */
	const uint32_t *list; /* of nlist entries */
	uint32_t nlist;
	const void *slot_cells; /* by slot */
	bool wide;
	int bits;
} hpc_view;

/*
 * Least and greatest code that the node has, missing apart.  False: none.
 */
extern bool
hpc_view_range(const hpc_view *view, uint32_t *first, uint32_t *last);

/* Sums of codes first .. last. */
extern hpc_total
hpc_view_sum(const hpc_view *view, uint32_t first, uint32_t last);

/* Sums of the codes below last whose values are all up to x; of a list. */
extern hpc_total
hpc_view_sum_up_to(const hpc_view *view, uint32_t last, double x);

/*
 * Sums of the rows without a value.  Of lists that is known at once to be
 * nothing, mostly.
 */
static inline void
hpc_view_missing(const hpc_view *view, hpc_total *missing)
{
	uint32_t nbins = view->feature->nbins;

	if (view->list == NULL ||
		HPC_LIST_CODE(view->list[view->nlist - 1]) == nbins)
		*missing = hpc_view_sum(view, nbins, nbins);
	else
	{
		missing->sum = 0;
		missing->weight = 0;
		missing->count = 0;
	}
}

/* The next code above this one that the node has; there must be one. */
extern uint32_t hpc_view_next(const hpc_view *view, uint32_t code);

/* The levels of a category, ascending by code; answers how many. */
extern uint32_t hpc_view_levels(const hpc_view *view, hpc_level *levels);

/* Best division by a number. */
extern void hpc_view_divide(const hpc_view *view, const hpc_search *search,
							hpc_split *split);

/* Tasks ask whether to stop after this many rows times features. */
#define HPC_CELLS_PER_POLL 1000000

#endif /* HPC_SCAN_H */
