/*
 * hpc_random.c
 *		Integer thresholds for keyed draws.
 *
 * Probabilities become integers once, by a fixed sequence of IEEE
 * operations, so that a draw is a comparison of integers.
 */
#include <math.h>

#include "hpc_random.h"

#define TWO_TO_64 18446744073709551616.0

uint64_t
hpc_share_threshold(double share)
{
	return share >= 1 ? UINT64_MAX : (uint64_t) floor(share * TWO_TO_64);
}

void
hpc_poisson_init(hpc_poisson *poisson, double mean)
{
	double term = hpc_exp(-mean);
	double cumulative = 0;

	for (int k = 0; k < HPC_POISSON_MAX; k++)
	{
		cumulative += term;
		poisson->threshold[k] = hpc_share_threshold(cumulative);
		term = term * mean / (k + 1);
	}
}

void
hpc_bag_rule_init(hpc_bag_rule *rule, const hpc_params *params)
{
	rule->bag = params->bag;
	rule->takes_all = params->row_fraction >= 1;
	rule->threshold = hpc_share_threshold(params->row_fraction);
	hpc_poisson_init(&rule->poisson, params->row_fraction);
}
