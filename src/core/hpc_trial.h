/*
 * hpc_trial.h
 *		Tries sets of features: how well boosted trees on them predict rows held
 *		out, and what each of the features does for that.
 */
#ifndef HPC_TRIAL_H
#define HPC_TRIAL_H

#include "hpc_frame.h"
#include "hpc_parallel.h"

/* The workplace, made once and used for trial after trial. */
typedef struct hpc_trial hpc_trial;

/* *trial is to be freed even after a failure. */
extern hpc_status hpc_trial_create(hpc_env *env, const hpc_frame *frame,
								   int64_t seed, hpc_trial **trial);
extern void hpc_trial_free(hpc_env *env, hpc_trial *trial);

/* Workers that a crew for trials has. */
extern int hpc_trial_nworkers(const hpc_trial *trial);

/*
 * R² on rows held out with features[n], ascending; NaN where no row is held
 * out or all targets are equal.
 */
extern hpc_status hpc_trial_run(hpc_trial *trial, hpc_crew *crew,
								const int *features, int n, double *r2);

/*
 * The same, and losses[n]: what each feature's values, once they are shuffled
 * among the rows held out, take away from R².
 */
extern hpc_status
hpc_trial_shuffle(hpc_trial *trial, hpc_crew *crew, const int *features, int n,
				  double *r2, double *losses);

#endif /* HPC_TRIAL_H */
