/*
 * hpc_cover.h
 *		Trees by the rows that came through them in training: what a tree
 *		answers where not all of a row is known.
 *
 * Where it is not known which child a row goes to, it goes to each with the
 * share of the node's training rows that went there (the covers, in bag).
 */
#ifndef HPC_COVER_H
#define HPC_COVER_H

#include <string.h>

#include "hpc_memory.h"
#include "hpc_model.h"

/* One tree of a model. */
typedef struct hpc_cover_tree
{
	const hpc_node *nodes;
	const uint32_t *covers;
	uint32_t nnodes;
} hpc_cover_tree;

extern hpc_cover_tree
hpc_cover_tree_of(const hpc_model_view *view, uint32_t tree);

/* Nodes of the largest tree. */
extern uint32_t hpc_cover_most_nodes(const hpc_model_view *view);

/*
 * Share of a node's rows that went to child, which is left or left + 1.  A
 * node that no row came to, as models from elsewhere may have, halves them.
 */
static inline double
hpc_cover_share(const hpc_cover_tree *tree, uint32_t left, uint32_t child)
{
	double total = (double) tree->covers[left] + tree->covers[left + 1];

	return total > 0 ? tree->covers[child] / total : 0.5;
}

static inline double
hpc_leaf_value(const hpc_node *leaf)
{
	double value;

	memcpy(&value, leaf->u.value, sizeof(value));
	return value;
}

/*
 * Depths[nnodes], 0 of the root, and the greatest.  HPC_CORRUPT: a node has two
 * parents, which a walk through all of the tree must not meet.
 */
extern hpc_status hpc_cover_depths(hpc_env *env, const hpc_cover_tree *tree,
								   uint32_t *depths, uint32_t *deepest);

/* Means[nnodes] of the leaves below each node, by their shares. */
extern hpc_status
hpc_cover_means(hpc_env *env, const hpc_cover_tree *tree, double *means);

#endif /* HPC_COVER_H */
