/*
 * hpc_tail.h
 *		Tails of distributions, for tests of significance.
 */
#ifndef HPC_TAIL_H
#define HPC_TAIL_H

#include "hpc.h"

/* The logarithm of the gamma function of x > 0. */
extern double hpc_log_gamma(double x);

/* P(X >= x) where X is a sum of squares of df > 0 standard normals. */
extern double hpc_chi_squared_tail(double x, int df);

/*
 * An urn of nhere + nthere balls, of which nmarked are marked: how many of the
 * marked ones come among nhere that are drawn?
 */
typedef struct hpc_urn
{
	uint64_t nhere;
	uint64_t nthere;
	uint64_t nmarked;
} hpc_urn;

/* P(X >= k), P(X <= k): the hypergeometric distribution. */
extern double hpc_urn_at_least(const hpc_urn *urn, uint64_t k);
extern double hpc_urn_at_most(const hpc_urn *urn, uint64_t k);

/*
 * How many of n values lie above the median of nbefore others from the same
 * continuous distribution?  nbefore 0: above its true median.
 */
typedef struct hpc_above
{
	uint64_t n;
	uint64_t nbefore;
} hpc_above;

extern double hpc_above_at_least(const hpc_above *above, uint64_t k);
extern double hpc_above_at_most(const hpc_above *above, uint64_t k);

#endif /* HPC_TAIL_H */
