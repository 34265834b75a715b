/*
 * hpc_boost.h
 *		Histogram gradient boosting over one frame.
 */
#ifndef HPC_BOOST_H
#define HPC_BOOST_H

#include "hpc_oob.h"
#include "hpc_writer.h"

/*
 * Boosts at most params->rounds trees into the writer; with early_stopping
 * the number that predicts rows held out best, which replaces
 * params->rounds, and held gets what it predicts for these.  The rows of the
 * frame may take another order (hpc_arrange.h), also where it fails.
 */
extern hpc_status
hpc_boost_train(hpc_env *env, hpc_frame *frame, hpc_params *params,
				hpc_writer *writer, hpc_held *held);

#endif /* HPC_BOOST_H */
