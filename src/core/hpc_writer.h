/*
 * hpc_writer.h
 *		Building a model: trees come one by one, the bytes at the end.
 */
#ifndef HPC_WRITER_H
#define HPC_WRITER_H

#include "hpc_drift.h"
#include "hpc_grow.h"

typedef struct hpc_writer hpc_writer;

extern hpc_writer *hpc_writer_create(hpc_env *env, const hpc_frame *frame);
extern void hpc_writer_free(hpc_env *env, hpc_writer *writer);

/* Makes room for ntrees trees that are about as large as this one. */
extern hpc_status hpc_writer_expect(hpc_env *env, hpc_writer *writer,
									const hpc_tree *tree, uint64_t ntrees);

/* Keeps a tree.  HPC_LIMIT when the model would become too large. */
extern hpc_status
hpc_writer_add_tree(hpc_env *env, hpc_writer *writer, const hpc_tree *tree);

/* The key of the tree that was added last; all trees have one, or none. */
extern hpc_status
hpc_writer_add_key(hpc_env *env, hpc_writer *writer, hpc_tree_key key);

/*
 * The model predicts base plus the sum of its trees or terms, not the mean of
 * its trees.  A model without trees and terms predicts its base; without that
 * the mean of the targets.
 */
extern void hpc_writer_set_base(hpc_writer *writer, double base);

/* What is known of the rows held out; nothing, if this is not called. */
extern void
hpc_writer_set_outcome(hpc_writer *writer, const hpc_outcome *outcome);

/* The learner was not the present one (hpc_algorithm_version). */
extern void hpc_writer_set_version(hpc_writer *writer, uint32_t version);

/* Signs of the features [nfeatures], copied; NULL: all 0. */
extern void hpc_writer_set_monotone(hpc_writer *writer, const int8_t *signs);

/* Gains [nfeatures] of the features, beyond those of the trees' nodes. */
extern void hpc_writer_add_gain(hpc_writer *writer, const double *gain);

/*
 * The terms[nfeatures] and levels[nlevels] of a linear model, copied: one
 * level per category, those of a feature from its first_level on.  The
 * intercept is the model's base.  gain[nfeatures], not negative: the size of
 * each feature's standardised coefficients.
 */
extern hpc_status
hpc_writer_set_linear(hpc_env *env, hpc_writer *writer,
					  const hpc_linear_term *terms, const double *levels,
					  uint32_t nlevels, const double *gain);

/* What its predictions are off by, copied. */
extern hpc_status
hpc_writer_set_calibration(hpc_env *env, hpc_writer *writer,
						   const hpc_calibration_record *calibration);

/*
 * The finished model, a block from env.  record holds what is not known from
 * the trees and the frame: params (hpc_model_record_params), skipped rows,
 * OOB losses and smearing (anything but a positive number: 1).
 */
extern hpc_status
hpc_writer_finish(hpc_env *env, hpc_writer *writer,
				  const hpc_training_record *record, const hpc_texts *texts,
				  void **model, size_t *nbytes);

/*
 * A blend of finished models, which it copies.  They have been trained on the
 * features of the frame; record and texts as in hpc_writer_finish; calibration
 * and outcome may be NULL.
 */
extern hpc_status
hpc_model_blend(hpc_env *env, const hpc_training_record *record,
				const hpc_texts *texts, const hpc_frame *frame,
				const void *const *members, int nmembers,
				const hpc_calibration_record *calibration,
				const hpc_outcome *outcome, void **model, size_t *nbytes);

#endif /* HPC_WRITER_H */
