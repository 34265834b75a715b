/*
 * hpc_tray.c
 *		Trees that wait until it is known whether the model wants them.
 *
 * Boosting that stops early finds out only later which round was the best.
 * The tree of a round is copied to a tray, without its rows; when a round
 * turns out to be the best so far, its tree and those before it are the
 * model's for sure and leave.  So a tray holds no more trees than boosting
 * goes on without getting better.
 *
 * Workers put trees, which is why putting does not allocate.
 */
#include <string.h>

#include "hpc_memory.h"
#include "hpc_tray.h"

bool
hpc_tray_put(hpc_tray *tray, const hpc_tree *tree)
{
	if (tray->ntrees == tray->max_trees ||
		tray->max_nodes - tray->nnodes < tree->nnodes ||
		tray->max_words - tray->nwords < tree->nset_words)
	{
		tray->full = true;
		tray->wanted_nodes = tree->nnodes;
		tray->wanted_words = tree->nset_words;
		return false;
	}
	tray->trees[tray->ntrees++] =
		(hpc_tray_tree){tray->nnodes, tray->nwords, tree->nnodes,
						tree->nset_words};
	memcpy(tray->nodes + tray->nnodes, tree->nodes,
		   tree->nnodes * sizeof(hpc_tree_node));
	tray->nnodes += tree->nnodes;
	if (tree->nset_words > 0)
		memcpy(tray->words + tray->nwords, tree->sets,
			   tree->nset_words * sizeof(uint32_t));
	tray->nwords += tree->nset_words;
	return true;
}

/* No room is made for fewer items. */
#define FEW_ITEMS 1024

/* Room for more items, and half as many again as there are. */
static bool
enlarge(hpc_env *env, void **items, uint64_t *max, uint64_t used,
		uint64_t more, size_t size)
{
	uint64_t wanted = used + used / 2 + (more > FEW_ITEMS ? more : FEW_ITEMS);
	void *larger;

	if (*max - used >= more && *items != NULL)
		return true;
	larger = hpc_resize(env, *items, wanted, size);
	if (larger == NULL)
		return false;
	*items = larger;
	*max = wanted;
	return true;
}

hpc_status
hpc_tray_make_room(hpc_env *env, hpc_tray *tray)
{
	if (!enlarge(env, (void **) &tray->trees, &tray->max_trees, tray->ntrees,
				 1, sizeof(hpc_tray_tree)) ||
		!enlarge(env, (void **) &tray->nodes, &tray->max_nodes, tray->nnodes,
				 tray->wanted_nodes, sizeof(hpc_tree_node)) ||
		!enlarge(env, (void **) &tray->words, &tray->max_words, tray->nwords,
				 tray->wanted_words, sizeof(uint32_t)))
		return HPC_NO_MEMORY;
	tray->full = false;
	return HPC_OK;
}

/* Drops the first n trees. */
static void
drop(hpc_tray *tray, uint64_t n)
{
	bool some = n < tray->ntrees;
	uint64_t node = some ? tray->trees[n].node : tray->nnodes;
	uint64_t word = some ? tray->trees[n].word : tray->nwords;

	tray->ntrees -= n;
	tray->nnodes -= node;
	tray->nwords -= word;
	if (!some)
		return;
	memmove(tray->trees, tray->trees + n,
			tray->ntrees * sizeof(hpc_tray_tree));
	memmove(tray->nodes, tray->nodes + node,
			tray->nnodes * sizeof(hpc_tree_node));
	memmove(tray->words, tray->words + word, tray->nwords * sizeof(uint32_t));
	for (uint64_t i = 0; i < tray->ntrees; i++)
	{
		tray->trees[i].node -= node;
		tray->trees[i].word -= word;
	}
}

hpc_tree
hpc_tray_tree_at(const hpc_tray *tray, uint64_t i)
{
	const hpc_tray_tree *kept = &tray->trees[i];

	return (hpc_tree){.nnodes = kept->nnodes,
					  .nodes = tray->nodes + kept->node,
					  .nset_words = kept->nset_words,
					  .max_set_words = kept->nset_words,
					  .sets = tray->words + kept->word};
}

hpc_status
hpc_tray_write(hpc_env *env, hpc_tray *tray, uint64_t n, hpc_writer *writer)
{
	hpc_status status = HPC_OK;

	if (n == 0)
		return HPC_OK;
	for (uint64_t i = 0; i < n && status == HPC_OK; i++)
	{
		hpc_tree tree = hpc_tray_tree_at(tray, i);

		status = hpc_cancelled(env) ? HPC_CANCELLED
									: hpc_writer_add_tree(env, writer, &tree);
	}
	drop(tray, n);
	return status;
}

void
hpc_tray_clear(hpc_tray *tray)
{
	tray->ntrees = 0;
	tray->nnodes = 0;
	tray->nwords = 0;
}

void
hpc_tray_free(hpc_env *env, hpc_tray *tray)
{
	hpc_free(env, tray->trees);
	hpc_free(env, tray->nodes);
	hpc_free(env, tray->words);
}
