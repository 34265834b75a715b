/*
 * hpc_split.h
 *		The best way to divide the rows of a node by one feature.
 *
 * A division sends some of the codes that a node has left and the others
 * right.  For sums S and weights W it decreases the weighted sum of squares by
 *
 *		(S_left · W − S · W_left)² / (W · W_left · W_right)
 *
 * where the root of the numerator is an exact integer, rounded once: equal
 * divisions have equal gains to the bit, whichever feature they come from and
 * whichever side is called left.  With a penalty or bounds on the values of
 * the children, gains are sums of doubles, computed by one fixed sequence.
 */
#ifndef HPC_SPLIT_H
#define HPC_SPLIT_H

#include "hpc_grow.h"

/* Sums over some rows of a node; exact. */
typedef struct hpc_total
{
	int64_t sum;     /* of weight × q */
	uint64_t weight; /* units */
	uint64_t count;  /* rows, copies counted */
} hpc_total;

static inline hpc_total
hpc_total_less(hpc_total a, hpc_total b)
{
	hpc_total rest = {a.sum - b.sum, a.weight - b.weight, a.count - b.count};

	return rest;
}

static inline hpc_total
hpc_total_plus(hpc_total a, hpc_total b)
{
	hpc_total both = {a.sum + b.sum, a.weight + b.weight, a.count + b.count};

	return both;
}

/* The rows of a node that share a code of a category. */
typedef struct hpc_level
{
	hpc_total total;
	double order; /* what they are sorted by */
	uint64_t tie; /* decides between equal orders */
	uint32_t code;
} hpc_level;

/* How divisions are judged. */
typedef enum hpc_judging
{
	HPC_BOUNDED,   /* by bounds on values and the order of monotone features */
	HPC_PENALIZED, /* by a penalty alone */
	HPC_PLAIN      /* by neither */
} hpc_judging;

/* What a search has to know. */
typedef struct hpc_search
{
	const hpc_grow_rules *rules;
	hpc_total node;
	hpc_total missing; /* rows without a value of the feature */
	int bits;          /* weight_bits of narrow cells */
	hpc_judging judging;
	bool exact;          /* products of sums and weights fit 64 bits */
	bool wide_registers; /* may be used */
	double l2;           /* in weight units; not if plain */
	double before;       /* hpc_split_value_gain of the node, if penalized */
	int sign;            /* monotone in this feature */
	double lower;        /* bounds on the values of the children */
	double upper;
} hpc_search;

/*
 * A division.  gain < 0: none.  Numbers: codes up to cut go left.
 * Categories: the levels up to place cut do, in the order they are in.
 */
typedef struct hpc_split
{
	double gain; /* decrease of the sum of squares, units of q, squared */
	uint32_t cut;
	bool missing_left;
	hpc_total left;
} hpc_split;

/* What the mean of some rows, shrunk, takes off the sum of squares. */
static inline double
hpc_split_value_gain(const hpc_search *search, hpc_total rows)
{
	double weight = (double) rows.weight + search->l2;
	double value = (double) rows.sum / weight;

	return value * (2 * (double) rows.sum - weight * value);
}

/* Gain of a penalized division; -1 where it is not above 0. */
static inline double
hpc_split_penalized_gain(const hpc_search *search, hpc_total left,
						 hpc_total right)
{
	double gain = hpc_split_value_gain(search, left) +
				  hpc_split_value_gain(search, right) - search->before;

	return gain > 0 ? gain : -1;
}

/* Keeps the division if it is better than best. */
extern void hpc_split_try(const hpc_search *search, hpc_split *best,
						  hpc_total left, uint32_t cut, bool missing_left);

/* Value of a child: its mean, shrunk and bounded. */
extern double hpc_split_value(const hpc_search *search, hpc_total child);

/*
 * Orders levels[*n], ascending by code, for the search: by shrunken mean; rare
 * ones, whose codes go to pooled[*npooled], become one.  spare[*n] is
 * scratch.
 */
extern void hpc_levels_order(const hpc_search *search, uint64_t name_hash,
							 hpc_level *levels, hpc_level *spare, uint32_t *n,
							 uint32_t *pooled, uint32_t *npooled);

/* Best division of levels[n] in their present order. */
extern hpc_split hpc_levels_divide(const hpc_search *search,
								   const hpc_level *levels, uint32_t n);

/*
 * What the best division of levels[n], with missing, gains by chance where
 * they tell nothing: in variances of a row's q, times its weight.
 */
extern double hpc_levels_chance(const hpc_search *search,
								const hpc_level *levels, uint32_t n);

#define HPC_POOLED UINT32_MAX /* code of the pool */

#endif /* HPC_SPLIT_H */
