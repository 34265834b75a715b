/*
 * hpc_forest.h
 *		Bagged trees over one frame.
 */
#ifndef HPC_FOREST_H
#define HPC_FOREST_H

#include "hpc_oob.h"
#include "hpc_writer.h"

/*
 * Grows params->trees trees into the writer (NULL: only what they predict out
 * of bag is wanted).  held gets the predictions out of bag.  The rows of the
 * frame may take another order (hpc_arrange.h), also where it fails.
 */
extern hpc_status
hpc_forest_train(hpc_env *env, hpc_frame *frame, const hpc_params *params,
				 hpc_writer *writer, hpc_held *held);

#endif /* HPC_FOREST_H */
