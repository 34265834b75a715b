/*
 * hpt_twin.h
 *		A tree grown the slow way, to compare the grower's with.
 *
 * The twin sums the rows of each node anew for each feature, tries every
 * division in turn, and knows neither histograms nor lists, neither stacks
 * nor threads.  It keeps the rules that decide between equal gains and the
 * order of the few operations on doubles, so that trees must be equal to the
 * bit.
 */
#ifndef HPT_TWIN_H
#define HPT_TWIN_H

#include "hpt_sample.h"

typedef struct hpt_twin_node
{
	uint32_t left; /* 0: a leaf */
	uint32_t depth;
	uint64_t path;
	uint32_t nrows;
	uint32_t *rows; /* ascending */
	hpc_total total;
	double lower;
	double upper;

	/* its best split, if it may be split; gain < 0: none */
	double gain;
	int feature;
	uint32_t cut;
	bool missing_left;
	double threshold;
	uint32_t *set; /* bit per code: goes left */
	hpc_total left_total;
} hpt_twin_node;

typedef struct hpt_twin
{
	const hpc_frame *frame;
	const hpc_grow_rules *rules;
	const hpt_sample *sample;
	uint64_t stream;
	uint32_t nnodes;
	uint32_t max_nodes;
	hpt_twin_node *nodes;

	/* sums of the node and feature at hand */
	hpc_total *cells; /* by code, 0 where not in use */
	uint32_t ncodes;
	uint32_t *codes; /* [ncodes] ascending, missing apart */
	hpc_level *levels;
	uint32_t nlevels;
	uint32_t *pooled;
	uint32_t npooled;
} hpt_twin;

extern void hpt_twin_grow(hpt_twin *twin, const hpc_frame *frame,
						  const hpc_grow_rules *rules,
						  const hpt_sample *sample, uint64_t stream);
extern void hpt_twin_free(hpt_twin *twin);

/* The leaf that a row of the frame falls into. */
extern const hpt_twin_node *hpt_twin_leaf(const hpt_twin *twin, uint32_t row);

/* How many nodes of the tree are not as the twin's. */
extern uint32_t
hpt_twin_differences(const hpt_twin *twin, const hpc_tree *tree);

#endif /* HPT_TWIN_H */
