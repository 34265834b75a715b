/*
 * hpc_linear.h
 *		Linear regression with an elastic net penalty.
 */
#ifndef HPC_LINEAR_H
#define HPC_LINEAR_H

#include "hpc_frame.h"
#include "hpc_oob.h"
#include "hpc_writer.h"

/*
 * Fits coefficients to the frame's rows (targets as the frame has them, maybe
 * logarithms) and hands them to the writer.  l1 and l2 in params are replaced
 * by what was chosen.  held gets the inner folds' predictions.
 */
extern hpc_status
hpc_linear_train(hpc_env *env, const hpc_frame *frame, hpc_params *params,
				 hpc_writer *writer, hpc_held *held);

#endif /* HPC_LINEAR_H */
