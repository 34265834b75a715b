/*
 * hpc_predict.h
 *		What predicting one row (hpc_predict.c) and many (hpc_batch.c) share.
 */
#ifndef HPC_PREDICT_H
#define HPC_PREDICT_H

#include "hpc_coder.h"
#include "hpc_masks.h"
#include "hpc_random.h"

/* In such units, whatever fits into a model adds up without overflow. */
#define HPC_LARGE_UNIT 0x1p40

/* NULL stands for whatever there was no memory for. */
struct hpc_predictor
{
	hpc_coder *coder;
	hpc_masks *masks; /* of the model's trees, or NULL */
	uint32_t nmembers;
	hpc_predictor *members[]; /* [nmembers] of a blend */
};

/*
 * Leaves of a row on their way to a prediction, in the order of the trees.  A
 * sum starts from the base.  A mean adds distances from its first leaf: the
 * mean of equal leaves is that leaf, and no mean lies beyond the leaves.
 *
 * unit: 1, or less where what is added overflows.
 */
typedef struct hpc_tally
{
	double origin;
	double sum;
} hpc_tally;

static inline void
hpc_tally_begin(hpc_tally *tally, const hpc_training_record *training,
				double first_leaf, double unit)
{
	bool is_mean = training->combine == HPC_COMBINE_MEAN;

	tally->origin = is_mean ? first_leaf * unit : 0;
	tally->sum = is_mean ? 0 : training->base * unit;
}

static inline void
hpc_tally_add(hpc_tally *tally, double leaf, double unit)
{
	tally->sum += leaf * unit - tally->origin;
}

static inline double
hpc_tally_end(const hpc_tally *tally, const hpc_training_record *training)
{
	return training->combine == HPC_COMBINE_MEAN
			   ? tally->origin + tally->sum / training->ntrees
			   : tally->sum;
}

_Static_assert(HPC_NO_CODE == UINT32_MAX && HPC_NODE_MISSING_LEFT == 1,
			   "no code, plus the flag, is 0");

/* 1 where the row goes to the right child. */
static inline uint32_t
hpc_goes_right(const hpc_model_view *view, const hpc_node *node,
			   const uint32_t *codes)
{
	uint32_t code = codes[node->u.split.feature];
	uint32_t missing_left = node->u.split.flags & HPC_NODE_MISSING_LEFT;

	if (node->u.split.flags & HPC_NODE_SET)
	{
		if (code == HPC_NO_CODE)
			return !missing_left;
		return !(view->sets[node->u.split.cut + code / 32] >> (code % 32) & 1);
	}

	/* no branch: no code plus one is the least code */
	return code + missing_left > node->u.split.cut + missing_left;
}

/*
 * Leaves of n pairs of a tree and a row.  The i-th pair has the tree with
 * number first_tree + i × tree_step, and the codes at i × code_step.
 */
extern void
hpc_walk(const hpc_model_view *view, uint32_t first_tree, uint32_t tree_step,
		 const uint32_t *codes, size_t code_step, uint32_t n, double *leaves);

/* Leaves of one row in n trees, of which roots has the first nodes. */
extern void hpc_walk_trees(const hpc_model_view *view, const uint32_t *roots,
						   const uint32_t *codes, uint32_t n, double *leaves);

/*
 * Predictions on the scale that was learned, a logarithm where log_scale is 1:
 * of trees, for a row's codes, or slots where there are masks; and of a linear
 * model.  coder and masks may be NULL.
 */
extern double hpc_predict_trees(const hpc_model_view *view,
								const hpc_masks *masks, const uint32_t *codes);
extern double
hpc_predict_terms(const hpc_model_view *view, const hpc_coder *coder,
				  const hpc_value *values);

/* The same of any model; predictor may be NULL. */
extern double
hpc_predict_raw(const hpc_model_view *view, const hpc_predictor *predictor,
				const hpc_value *values, uint32_t *codes);

/*
 * What a feature of a linear model adds for a value: parts[2], of which a
 * missing number has both.  Answers how many there are.
 */
extern int
hpc_predict_term(const hpc_model_view *view, const hpc_coder *coder,
				 uint32_t feature, const hpc_value *value, double parts[2]);

/* From the learned scale to that of the target. */
extern double
hpc_predict_retransform(const hpc_training_record *training, double raw);

/*
 * The mean of the trees in whose bag the row of this key is not, on the
 * learned scale.  False: there is none.
 */
extern bool
hpc_predict_outside(const hpc_model_view *view, const hpc_bag_rule *rule,
					uint64_t row_key, const uint32_t *codes, double *raw);

/*
 * Mean of the predictions of a blend's members, added as distances from the
 * first: the mean of equal predictions is that prediction.
 */
typedef struct hpc_blend_tally
{
	uint32_t nmembers;
	double origin;
	double sum;
	double scaled; /* of shares, which do not overflow */
} hpc_blend_tally;

/* raw: what the member, of this record, predicts. */
extern void
hpc_blend_add(hpc_blend_tally *tally, const hpc_training_record *blend,
			  const hpc_training_record *member, double raw);
extern double hpc_blend_end(const hpc_blend_tally *tally);

#endif /* HPC_PREDICT_H */
