/*
 * hpc_groups.h
 *		How the values of a feature were distributed: groups of them, and how
 *		many rows each has.
 *
 * Numbers and times: quantile groups, at most HPC_VALUE_GROUPS, each of about
 * as many rows as the others; where there are no more different values than
 * that, each has a group.  Groups meet halfway between the values beside them,
 * so that any later value lies in one.  Booleans: false and true.  Categories:
 * the most frequent ones, the most frequent first and among equals in byte
 * order, then all others together, those that come later included.  Last comes
 * the group of what is missing.
 *
 * Groups are counts and order statistics: a function of the multiset of values.
 */
#ifndef HPC_GROUPS_H
#define HPC_GROUPS_H

#include "hpc.h"

#define HPC_VALUE_GROUPS 10
#define HPC_MAX_GROUPS (HPC_VALUE_GROUPS + 1)

/* As it stands in a model (hpc_model.h). */
typedef struct hpc_group
{
	uint64_t rows; /* copies counted, whatever their weight */
	double bound;  /* greatest value, the last one's is infinite; number of the
					* category, of all others -1; of what is missing 0 */
} hpc_group;

typedef struct hpc_groups
{
	uint32_t ngroups; /* 0: nothing is known */
	hpc_group group[HPC_MAX_GROUPS];
} hpc_groups;

/* Groups of numbers, which come in ascending order. */
typedef struct hpc_grouper
{
	hpc_groups *groups;
	uint64_t total;
	uint64_t left; /* rows that are in no closed group ... */
	uint64_t here; /* ... and those of the open one */
	uint32_t more; /* groups that may still be closed, the open one included */
	bool each;     /* every value has a group */
	double last;
} hpc_grouper;

/* nrows of nvalues (or so many that it does not matter) different values. */
extern void hpc_grouper_begin(hpc_grouper *grouper, hpc_groups *groups,
							  uint64_t nrows, uint32_t nvalues);

/* rows of values from low to high, which stay together; above those before. */
extern void
hpc_grouper_add(hpc_grouper *grouper, double low, double high, uint64_t rows);
extern void hpc_grouper_end(hpc_grouper *grouper, uint64_t nmissing);

/* Of the values[nvalues], ascending, that occur rows_of times each. */
extern void hpc_group_numbers(hpc_groups *groups, hpc_kind kind,
							  const double *values, const uint32_t *rows_of,
							  uint32_t nvalues, uint64_t nmissing);

/* Of categories 0 .. nvalues - 1.  False: asked to stop. */
extern bool
hpc_group_categories(hpc_env *env, hpc_groups *groups, const uint32_t *rows_of,
					 uint32_t nvalues, uint64_t nmissing);

/* Midpoint of two values a < b, never reaching b. */
static inline double
hpc_midpoint(double a, double b)
{
	double middle = a * 0.5 + b * 0.5;

	return middle >= a && middle < b ? middle : a;
}

#endif /* HPC_GROUPS_H */
