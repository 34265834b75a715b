/*
 * hpc_likeness.h
 *		Features that say the same of the target.
 */
#ifndef HPC_LIKENESS_H
#define HPC_LIKENESS_H

#include "hpc_frame.h"

/*
 * For each of order[n], features of the frame, the one before it from which
 * most of what it says of the target is known: same[n]; -1 where it says next
 * to nothing, or there is none.
 */
extern hpc_status hpc_likeness_find(hpc_env *env, const hpc_frame *frame,
									const int *order, int n, int *same);

#endif /* HPC_LIKENESS_H */
