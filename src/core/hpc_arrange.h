/*
 * hpc_arrange.h
 *		Rows that trees treat alike, side by side.
 */
#ifndef HPC_ARRANGE_H
#define HPC_ARRANGE_H

#include "hpc_frame.h"

/*
 * Does it pay before so many trees of at most so many leaves (0: no limit) are
 * grown by numbers of rows, and is there memory for it?  A frame that is pinned
 * stays as it is.
 */
extern bool hpc_arrange_pays(const hpc_env *env, const hpc_frame *frame,
							 uint64_t ntrees, uint32_t max_leaves);

/*
 * Gives the rows of a frame another order, which shows in nothing but how long
 * it takes to learn from them.
 */
extern hpc_status hpc_arrange(hpc_env *env, hpc_frame *frame);

/* The same where it pays. */
extern hpc_status hpc_arrange_for(hpc_env *env, hpc_frame *frame,
								  uint64_t ntrees, uint32_t max_leaves);

#endif /* HPC_ARRANGE_H */
