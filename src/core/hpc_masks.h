/*
 * hpc_masks.h
 *		Trees of up to 64 leaves as bit masks, for predictions by the million.
 *
 * A tree is a mask with a bit per leaf, from the left.  The code of a feature
 * tells which leaves it rules out: those to the left of each split that it
 * sends to the right.  Masks of all features, ANDed, leave the leaf where the
 * row ends as the lowest bit (Lucchese et al., "QuickScorer", SIGIR 2015).
 * There the masks of all splits that are false are looked up one by one; here
 * the masks of a group of trees lie side by side, made in advance for each
 * code of a feature, so that a row costs one AND per feature and vector of
 * trees, whatever its values.
 *
 *		group of 32 trees,	  lot_area	code 0	| ffffffff ffffffff ...
 *		masks of 32 bits				code 1	| fffffff0 ffffffff ...
 *												  tree 0   tree 1
 *
 * The masks hold nothing that points into the model, and give the leaves that
 * a walk through the trees gives, to the bit.
 */
#ifndef HPC_MASKS_H
#define HPC_MASKS_H

#include "hpc_model.h"

typedef struct hpc_masks hpc_masks;

/* Most trees in a group. */
#define HPC_MASKS_GROUP 128

/*
 * Masks of a model's trees: HPC_OK, or HPC_CANCELLED.  NULL where a walk is the
 * better way (no trees, or one of more than 64 leaves, or masks of many
 * megabytes) and where memory is short.
 */
extern hpc_status
hpc_masks_create(hpc_env *env, const hpc_model_view *view, hpc_masks **masks);
extern void hpc_masks_free(hpc_env *env, hpc_masks *masks);

/* No wider registers than every machine of the kind has: for tests. */
extern void hpc_masks_make_narrow(hpc_masks *masks);

/* Turns the codes of a row (hpc_coder.h) into what hpc_masks_leaves needs. */
extern void hpc_masks_slots(const hpc_masks *masks, uint32_t *codes);

/*
 * The leaves of the trees of a group, 0, 1, 2 ..., for a row; answers how many
 * trees that are, up to HPC_MASKS_GROUP, and 0 beyond the last group.
 */
extern uint32_t hpc_masks_leaves(const hpc_masks *masks, const uint32_t *slots,
								 uint32_t group, double *leaves);

#endif /* HPC_MASKS_H */
