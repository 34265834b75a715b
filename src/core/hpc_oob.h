/*
 * hpc_oob.h
 *		How far predictions of training rows by trees or folds that did not
 *		see them are off.
 */
#ifndef HPC_OOB_H
#define HPC_OOB_H

#include "hpc_frame.h"

/*
 * Predictions of training rows by trees or folds that did not see them, on the
 * scale that was learned: blocks of env, [nrows] of the frame, for
 * hpc_held_free.
 */
typedef struct hpc_held
{
	double *prediction; /* NaN: the row has none; NULL: no row has one */
	double *spread;     /* standard deviation of the trees' predictions beside
						 * it; NULL: they do not predict by themselves */
	double excess;      /* by how much the mean of these trees varies more than
						 * that of all trees: variance in units of spread² */
} hpc_held;

extern void hpc_held_free(hpc_env *env, hpc_held *held);

typedef struct hpc_oob
{
	uint64_t nrows; /* rows with such a prediction, copies counted */
	double mae;     /* weighted, on the scale of the target as given; NaN where
					 * there are none */
	double rmse;
	double r2;       /* NaN where the target is constant */
	double smearing; /* with log_target: weighted mean of exp(target -
					  * prediction) (Duan 1983), else 1 */
} hpc_oob;

/* Measures what was held out; nothing where there is no prediction. */
extern hpc_status hpc_oob_measure(hpc_env *env, const hpc_frame *frame,
								  const hpc_held *held, hpc_oob *oob);

#endif /* HPC_OOB_H */
