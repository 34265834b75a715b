/*
 * hpc_leak.h
 *		The leak guard: features that give the target away, and keys.
 */
#ifndef HPC_LEAK_H
#define HPC_LEAK_H

#include "hpc_frame.h"

/*
 * HPC_LEAK with its words when the feature is a copy of the target.  The
 * frame holds the targets of nrows rows that are not folded yet; ranks[nrows]
 * are those among the feature's values (low, or categories), nvalues where
 * missing.
 */
extern hpc_status hpc_leak_check(hpc_env *env, const hpc_frame *frame,
								 const hpc_feature *feature, uint32_t nrows,
								 const uint32_t *ranks);

/* The same for a column that has too many values for ranks. */
extern hpc_status
hpc_leak_check_many(hpc_env *env, const hpc_frame *frame,
					const hpc_feature *feature, const hpc_dataset *dataset,
					const hpc_chunked *column);

/* R² that is as good as a copy. */
#define HPC_NEAR_LEAK 0.99

/*
 * R² out of bag of a forest on each feature alone, r2[nfeatures]; NaN where
 * it cannot come near limit.
 */
extern hpc_status hpc_leak_measure(hpc_env *env, const hpc_frame *frame,
								   double limit, double *r2);

/* Is it an integer that differs on every row? */
extern bool
hpc_looks_like_key(const hpc_frame *frame, const hpc_feature *feature);

#endif /* HPC_LEAK_H */
