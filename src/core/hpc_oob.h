/*
 * hpc_oob.h
 *		How far predictions of training rows by trees or folds that did not
 *		see them are off.
 */
#ifndef HPC_OOB_H
#define HPC_OOB_H

#include "hpc_frame.h"

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

/*
 * Measures prediction[nrows], on the frame's scale (logarithms with
 * log_target); NaN: the row has none.
 */
extern hpc_status hpc_oob_measure(hpc_env *env, const hpc_frame *frame,
								  const double *prediction, hpc_oob *oob);

#endif /* HPC_OOB_H */
