/*
 * hpt_model.h
 *		Models for tests: made by hand, read the slow way, of doubtful origin.
 */
#ifndef HPT_MODEL_H
#define HPT_MODEL_H

#include "hpc_writer.h"
#include "hpt.h"

/* Digest of a model in hex, in a buffer that the next calls but 3 reuse. */
extern const char *hpt_digest(const hpc_model *model);

/* ---------- made by hand ---------- */

#define HPT_HAND_FEATURES 6
#define HPT_HAND_LEAVES 24
#define HPT_HAND_WORDS 4

/*
 * A frame without rows, of which a writer reads features and targets: two
 * numbers, a boolean, a time, and two categories, one of which has more
 * levels than bins; and a tree on it.  With a smaller frame.nfeatures models
 * have the first ones only.
 */
typedef struct hpt_hand
{
	hpt_memory memory;
	hpt_random random;
	hpc_frame frame;
	hpc_feature features[HPT_HAND_FEATURES];
	uint64_t words[5]; /* of the frame's sketch */
	hpc_groups groups[HPT_HAND_FEATURES];
	hpc_tree tree;
	hpc_tree_node nodes[2 * HPT_HAND_LEAVES - 1];
	uint32_t sets[HPT_HAND_LEAVES * HPT_HAND_WORDS];
} hpt_hand;

extern void hpt_hand_init(hpt_hand *hand, uint64_t seed);
extern void hpt_hand_free(hpt_hand *hand);

/* Level of a category of the frame, existing or not. */
extern hpc_value hpt_hand_level(uint32_t i);

/* A random tree in hand->tree: any feature, any cut, any value. */
extern void hpt_hand_grow(hpt_hand *hand, uint32_t nleaves);

/*
 * A random model of the algorithm: 4 trees, terms, or the members of params
 * (each with its log_target).  Release it with hpt_hand_release.
 */
extern hpc_model *
hpt_hand_model(hpt_hand *hand, const hpc_params *params, size_t *nbytes);
extern void hpt_hand_release(hpt_hand *hand, void *model);

/* One model of each sort, malloc'd; the last is a merged forest. */
#define HPT_HAND_MODELS 8
#define HPT_HAND_MERGED 7

extern hpc_model *
hpt_hand_sample(int which, uint64_t seed, size_t *nbytes, const char **name);

/* A value of a feature, now and then one that no training has met. */
extern hpc_value
hpt_strange_value(hpt_random *random, const hpc_model_feature *feature);

/* One of each feature. */
extern void
hpt_strange_row(hpt_random *random, const hpc_model *model, hpc_value *values);

/* ---------- slow twins ---------- */

/* Does a row go to the left child of a split? */
extern bool hpt_model_goes_left(const hpc_model *model, uint32_t tree,
								uint32_t node, const hpc_value *values);

/* Leaf (index in the tree) of tree number for a row, by value. */
extern uint32_t
hpt_model_leaf(const hpc_model *model, uint32_t tree, const hpc_value *values);

/*
 * The node that the row comes to while as many rows of the training as cover
 * did so; and whether a row comes through a node.
 */
extern uint32_t hpt_model_node(const hpc_model *model, uint32_t tree,
							   const hpc_value *values, uint32_t cover);
extern bool hpt_model_passes(const hpc_model *model, uint32_t tree,
							 const hpc_value *values, uint32_t node);

/* Prediction of one tree, by value. */
extern double hpt_model_tree_value(const hpc_model *model, uint32_t tree,
								   const hpc_value *values);

/* Prediction of any model, by value, where nothing overflows. */
extern double
hpt_model_slow_predict(const hpc_model *model, const hpc_value *values);

/* ---------- models of doubtful origin ---------- */

/*
 * Reads all that a model has to tell and predicts a few rows; for models
 * that were accepted, so that a sanitizer sees what they would have done.
 * Answers a sum of everything, of no meaning; ends the program where a
 * prediction is not finite.
 */
extern uint64_t hpt_model_exercise(const hpc_model *model);

/*
 * Validates bytes in a block of exactly their size, so that a sanitizer sees
 * one too many, and exercises what is accepted.
 */
extern hpc_status hpt_model_validate(const void *bytes, size_t nbytes);

/* Makes the digest fit the bytes, so that other checks come to bear. */
extern void hpt_model_seal(hpc_model *model);

#endif /* HPT_MODEL_H */
