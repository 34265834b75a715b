/*
 * hpc_sort.h
 *		Sorting without comparisons and without hidden allocations.
 */
#ifndef HPC_SORT_H
#define HPC_SORT_H

#include <string.h>

#include "hpc.h"

/* A key and the row it belongs to. */
typedef struct hpc_pair
{
	uint64_t key;
	uint32_t row;
} hpc_pair;

/*
 * Sorts pairs[n] by key, equal keys in their old order.  spare[n] is scratch.
 * False when env asked to stop; the pairs are then in no order.
 */
extern bool
hpc_sort_pairs(hpc_env *env, uint64_t n, hpc_pair *pairs, hpc_pair *spare);

/* The same for keys alone. */
extern bool
hpc_sort_keys(hpc_env *env, uint64_t n, uint64_t *keys, uint64_t *spare);

/* Bits of a double in the order of its value; -0 as 0; not for NaN. */
static inline uint64_t
hpc_sortable(double number)
{
	uint64_t bits;

	number += 0.0; /* -0 + 0 is 0 */
	memcpy(&bits, &number, sizeof(bits));
	return (bits >> 63) ? ~bits : bits | (UINT64_C(1) << 63);
}

static inline double
hpc_from_sortable(uint64_t key)
{
	uint64_t bits = (key >> 63) ? key & ~(UINT64_C(1) << 63) : ~key;
	double number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

#endif /* HPC_SORT_H */
