/*
 * hpc_split.h
 *		The best way to divide the rows of a node by one feature.
 */
#ifndef HPC_SPLIT_H
#define HPC_SPLIT_H

#include "hpc_frame.h"
#include "hpc_parallel.h"

/* A row in the bag of a tree. */
typedef struct hpc_sample
{
	int64_t target;  /* units of the frame's target_scale */
	uint32_t row;    /* of the frame */
	uint32_t weight; /* times drawn, at least 1 */
} hpc_sample;

/* Weighted sum of targets over some rows of a node; exact. */
typedef struct hpc_total
{
	__int128 sum;
	uint64_t weight;
} hpc_total;

/* The rows of a node that share a bin. */
typedef struct hpc_cell
{
	hpc_total total;
	double order; /* categories: what they are sorted by */
	uint64_t tie; /* categories: decides between equal orders */
	uint32_t bin; /* POOLED: the levels in the pool */
} hpc_cell;

#define HPC_POOLED UINT32_MAX

typedef struct hpc_split_rules
{
	uint64_t min_leaf;
	double cat_smooth;
	double cat_min_rows;
} hpc_split_rules;

/* Scratch of one worker; sizes are for the largest feature and node. */
typedef struct hpc_split_scratch
{
	hpc_cell *cells;      /* [max_cells] */
	hpc_cell *spare;      /* [max_cells] */
	uint64_t *keys;       /* [nsamples] */
	uint64_t *spare_keys; /* [nsamples] */
	uint32_t *pooled;     /* [max_cells] levels in the pool */
	uint32_t npooled;
	uint32_t ncells;
	hpc_total missing;
	hpc_crew *crew; /* whom to ask whether to stop, or NULL */
	int worker;
} hpc_split_scratch;

/* How to divide a node; gain < 0: not at all. */
typedef struct hpc_split
{
	double gain;        /* decrease of the sum of squares, units² */
	uint32_t last_cell; /* cells 0 .. last_cell go left */
	bool missing_left;
	hpc_total left;
} hpc_split;

/*
 * Fills scratch->cells with the bins of a feature that the samples have, in
 * ascending order, and scratch->missing.
 */
extern void
hpc_cells_fill(hpc_split_scratch *scratch, const hpc_feature *feature,
			   uint32_t nsamples, const hpc_sample *samples);

/*
 * Orders the cells of a category for the split search: by shrunken mean,
 * rare levels pooled.  When the crew stopped they are in no order.
 */
extern void
hpc_cells_order(hpc_split_scratch *scratch, const hpc_feature *feature,
				hpc_total node, const hpc_split_rules *rules);

/* Best division of the cells in their present order. */
extern hpc_split hpc_split_find(const hpc_split_scratch *scratch,
								hpc_total node, const hpc_split_rules *rules);

#endif /* HPC_SPLIT_H */
