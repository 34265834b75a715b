/*
 * hpt_sample.h
 *		Rows in bags: drawn at random, and drawn as the forest should.
 */
#ifndef HPT_SAMPLE_H
#define HPT_SAMPLE_H

#include "hpc_split.h"
#include "hpt.h"

/* Rows of a frame as they are in a bag. */
typedef struct hpt_sample
{
	uint32_t nrows;
	uint32_t *rows;      /* [nrows] ascending */
	hpc_total *held;     /* [frame->nrows] by row of the frame */
	int weight_bits;     /* of narrow cells */
	int nfeatures;       /* that the tree may use ... */
	const int *features; /* ... NULL: all */
	const double *pure_value;
} hpt_sample;

extern void hpt_sample_init(hpt_sample *sample, const hpc_frame *frame);
extern void hpt_sample_free(hpt_sample *sample);

/*
 * Draws rows with 0 to 3 copies each, of weights 1 .. max_weight, and q below
 * 2^bits in size: the frame's targets, rounded, where bits is 0.
 */
extern void hpt_sample_draw(hpt_sample *sample, const hpc_frame *frame,
							hpt_random *random, uint64_t max_weight, int bits);

/* Variance of the q of some rows, which add up to total. */
extern double
hpt_sample_variance(const hpt_sample *sample, const uint32_t *rows,
					uint32_t nrows, hpc_total total);

/*
 * Puts the sample into a grower's bag; into records, of the packs in lines,
 * only where weights are copies.
 */
extern void hpt_sample_fill(const hpt_sample *sample, const hpc_frame *frame,
							const hpc_lines *lines, hpc_grower *grower);

/* Rows of the sample, copies counted: the records that it makes. */
extern uint32_t hpt_sample_copies(const hpt_sample *sample);

/* ---------- bags of a forest, the slow way ---------- */

/* How often a copy of a row is in the bag of a tree. */
extern uint32_t hpt_bag_draw(const hpc_frame *frame, const hpc_params *params,
							 uint64_t tree, uint32_t row, uint32_t copy);

/* Copies of a row that are in the bag of a tree. */
extern uint32_t hpt_bag_count(const hpc_frame *frame, const hpc_params *params,
							  uint64_t tree, uint32_t row);

/* A tree that draws nothing at all, or far too much, takes every row. */
extern bool hpt_bag_is_unfit(const hpc_frame *frame, const hpc_params *params,
							 uint64_t tree);

#endif /* HPT_SAMPLE_H */
