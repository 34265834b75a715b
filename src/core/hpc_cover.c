/*
 * hpc_cover.c
 *		Trees by the rows that came through them in training.
 *
 * Children stand after their parent, so that depths are found from the first
 * node to the last, and means from the last to the first.
 */
#include "hpc_cover.h"

hpc_cover_tree
hpc_cover_tree_of(const hpc_model_view *view, uint32_t tree)
{
	uint32_t first = view->trees[tree];

	return (hpc_cover_tree){view->nodes + first, view->covers + first,
							view->trees[tree + 1] - first};
}

uint32_t
hpc_cover_most_nodes(const hpc_model_view *view)
{
	uint32_t most = 0;

	for (uint32_t tree = 0; tree < view->training->ntrees; tree++)
	{
		uint32_t nnodes = view->trees[tree + 1] - view->trees[tree];

		most = nnodes > most ? nnodes : most;
	}
	return most;
}

hpc_status
hpc_cover_depths(hpc_env *env, const hpc_cover_tree *tree, uint32_t *depths,
				 uint32_t *deepest)
{
	hpc_status status =
		hpc_fill(env, depths, 0, tree->nnodes * sizeof(uint32_t));

	*deepest = 0;
	for (uint32_t i = 0; i < tree->nnodes && status == HPC_OK; i++)
	{
		uint32_t left = tree->nodes[i].left;

		if (hpc_poll(env, i))
			return HPC_CANCELLED;
		if (left == 0)
			continue;
		depths[left] = depths[left + 1] = depths[i] + 1;
		*deepest = depths[left] > *deepest ? depths[left] : *deepest;
	}
	return status;
}

hpc_status
hpc_cover_means(hpc_env *env, const hpc_cover_tree *tree, double *means)
{
	for (uint32_t i = tree->nnodes; i-- > 0;)
	{
		uint32_t left = tree->nodes[i].left;

		if (hpc_poll(env, i))
			return HPC_CANCELLED;
		if (left == 0)
			means[i] = hpc_leaf_value(&tree->nodes[i]);
		else
			means[i] = hpc_model_number(
				means[left] * hpc_cover_share(tree, left, left) +
				means[left + 1] * hpc_cover_share(tree, left, left + 1));
	}
	return HPC_OK;
}
