/*
 * hpc_leak.h
 *		The leak guard: features that give the target away.
 */
#ifndef HPC_LEAK_H
#define HPC_LEAK_H

#include "hpc_frame.h"

/* HPC_LEAK, with the feature named, where one is a copy of the target. */
extern hpc_status hpc_leak_check(hpc_env *env, const hpc_frame *frame);

/*
 * R² out of bag of a small forest on each feature alone, where it may exceed
 * limit; elsewhere NaN.  r2[nfeatures]
 */
extern hpc_status hpc_leak_measure(hpc_env *env, const hpc_frame *frame,
								   double limit, double *r2);

/* Does the feature number the rows, as a key does? */
extern bool
hpc_looks_like_key(const hpc_frame *frame, const hpc_feature *feature);

#endif /* HPC_LEAK_H */
