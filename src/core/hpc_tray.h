/*
 * hpc_tray.h
 *		Trees that wait until it is known whether the model wants them.
 */
#ifndef HPC_TRAY_H
#define HPC_TRAY_H

#include "hpc_writer.h"

typedef struct hpc_tray_tree
{
	uint64_t node; /* first one */
	uint64_t word; /* of its sets, first one */
	uint32_t nnodes;
	uint64_t nset_words;
} hpc_tray_tree;

/* Begins as zeros.  Trees lie side by side, in the order in which they came. */
typedef struct hpc_tray
{
	uint64_t ntrees;
	uint64_t max_trees;
	hpc_tray_tree *trees;
	uint64_t nnodes;
	uint64_t max_nodes;
	hpc_tree_node *nodes;
	uint64_t nwords;
	uint64_t max_words;
	uint32_t *words;
	bool full; /* a tree did not fit: its sizes, to make room for */
	uint64_t wanted_nodes;
	uint64_t wanted_words;
} hpc_tray;

/* Copies a tree; for any thread.  False, and tray->full: it does not fit. */
extern bool hpc_tray_put(hpc_tray *tray, const hpc_tree *tree);
extern hpc_status hpc_tray_make_room(hpc_env *env, hpc_tray *tray);

/* Tree 0 .. ntrees - 1, without rows and bounds; it points into the tray. */
extern hpc_tree hpc_tray_tree_at(const hpc_tray *tray, uint64_t i);

/* Drops all trees and keeps the room. */
extern void hpc_tray_clear(hpc_tray *tray);

/* Hands the first n trees to the writer and drops them. */
extern hpc_status
hpc_tray_write(hpc_env *env, hpc_tray *tray, uint64_t n, hpc_writer *writer);
extern void hpc_tray_free(hpc_env *env, hpc_tray *tray);

#endif /* HPC_TRAY_H */
