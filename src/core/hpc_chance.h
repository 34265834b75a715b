/*
 * hpc_chance.h
 *		How much of what categories say of the target may be chance.
 */
#ifndef HPC_CHANCE_H
#define HPC_CHANCE_H

#include "hpc_frame.h"

/*
 * By feature, the share of the gain by chance that a category has to do
 * without, 0 .. 1; allocated here, NULL where the frame has no category.
 */
extern hpc_status
hpc_chance_shares(hpc_env *env, const hpc_frame *frame, double **shares);

#endif /* HPC_CHANCE_H */
