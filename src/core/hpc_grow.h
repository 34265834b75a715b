/*
 * hpc_grow.h
 *		Growing one tree on weighted rows of a frame.
 */
#ifndef HPC_GROW_H
#define HPC_GROW_H

#include "hpc_parallel.h"
#include "hpc_split.h"

/*
 * A node as it grows.  Children stand side by side, after their parent:
 * left and left + 1.
 */
typedef struct hpc_tree_node
{
	uint32_t left; /* 0: a leaf */
	uint32_t feature;
	bool missing_left;
	uint32_t last_rank; /* numbers: ranks up to this go left */
	uint64_t set;       /* categories: first word in the tree's sets */
	double threshold;   /* numbers: values up to this go left */
	double value;       /* mean target of the node */
	double gain;        /* decrease of the sum of squares, in units
						 * of 2^HPC_TARGET_BITS targets, squared */
	uint64_t cover;     /* weighted rows */
} hpc_tree_node;

typedef struct hpc_tree
{
	uint32_t nnodes;
	hpc_tree_node *nodes;
	uint64_t nset_words;
	uint64_t max_set_words;
	uint32_t *sets; /* bit per category: goes left */
} hpc_tree;

typedef struct hpc_grow_rules
{
	hpc_split_rules split;
	uint32_t max_depth;  /* 0: no limit */
	uint32_t max_leaves; /* 0: no limit */
	int nfeatures_tried; /* features per split */
} hpc_grow_rules;

/* One worker's workplace, made once and used for tree after tree. */
typedef struct hpc_grower hpc_grower;

/*
 * max_samples: the most samples a tree can have.  NULL: out of memory.
 */
extern hpc_grower *
hpc_grower_create(hpc_env *env, const hpc_frame *frame,
				  const hpc_grow_rules *rules, uint32_t max_samples);
extern void hpc_grower_free(hpc_env *env, hpc_grower *grower);

/* Where to put the samples of the next tree: room for max_samples. */
extern hpc_sample *hpc_grower_samples(hpc_grower *grower);

/*
 * Grows a tree on the first nsamples samples, which it reorders.  NULL when
 * the crew stopped, or when the tree's sets did not fit: then
 * hpc_grower_wants_room is true, hpc_grower_make_room (which allocates, so
 * not from a worker) helps, and the tree must be grown again.
 */
extern const hpc_tree *
hpc_tree_grow(hpc_grower *grower, hpc_crew *crew, int worker,
			  uint32_t nsamples, uint64_t feature_stream);
extern bool hpc_grower_wants_room(const hpc_grower *grower);
extern hpc_status hpc_grower_make_room(hpc_env *env, hpc_grower *grower);

/* The leaf that a row of the frame falls into. */
extern uint32_t
hpc_tree_leaf(const hpc_tree *tree, const hpc_frame *frame, uint32_t row);

#endif /* HPC_GROW_H */
