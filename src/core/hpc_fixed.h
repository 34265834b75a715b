/*
 * hpc_fixed.h
 *		Targets as integers, for sums that do not depend on the order of rows.
 *
 * A target y is q = y / 2^step - center, rounded, where center is the mean in
 * these units: the sum of |weight × q| over any bag stays below a bound.
 */
#ifndef HPC_FIXED_H
#define HPC_FIXED_H

#include "hpc_frame.h"

typedef struct hpc_fixed
{
	bool wide;       /* cells must be wide (hpc_grow.h) */
	int weight_bits; /* of narrow cells */
	int step;
	int64_t center;
	bool lossless;  /* every target is a multiple of 2^step */
	double largest; /* size of the largest target */

	/* as fine as the sum of one bag's weight × q can be in 64 bits */
	int fine_step;
	int64_t fine_center;

	/* units of weight 1, for sample weights */
	int weight_step;
	double weight_unit;
} hpc_fixed;

/*
 * Chooses the units of a frame's targets.  copies: the most that a bag can
 * hold of one copy of a row; all bags but improbable ones hold at most twice
 * the frame's weight.  HPC_BAD_DATA, naming the outlier, when targets that
 * differ would become one.
 */
extern hpc_status hpc_fixed_choose(hpc_env *env, const hpc_frame *frame,
								   uint32_t copies, hpc_fixed *fixed);

/* Units of weight of one copy of a row. */
static inline uint32_t
hpc_fixed_weight(const hpc_fixed *fixed, const hpc_frame *frame, uint32_t row)
{
	return frame->weight == NULL ? 1
								 : (uint32_t) hpc_to_units(frame->weight[row],
														   fixed->weight_step);
}

static inline int64_t
hpc_fixed_target(const hpc_fixed *fixed, double target)
{
	return hpc_to_units(target, fixed->step) - fixed->center;
}

static inline int64_t
hpc_fixed_fine_target(const hpc_fixed *fixed, double target)
{
	return hpc_to_units(target, fixed->fine_step) - fixed->fine_center;
}

/* The mean of weight targets whose q sum up to sum. */
extern double
hpc_fixed_mean(int step, int64_t center, int64_t sum, uint64_t weight);

#endif /* HPC_FIXED_H */
