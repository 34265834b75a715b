/*
 * hpc_thresholds.h
 *		The distinct thresholds of a feature, numbered as they come.
 *
 * A forest has a hundred splits for each threshold: most are met again, and
 * soon.
 */
#ifndef HPC_THRESHOLDS_H
#define HPC_THRESHOLDS_H

#include "hpc_memory.h"

/* Starts as zeros. */
typedef struct hpc_thresholds
{
	uint32_t n;
	uint32_t max;
	uint64_t *keys;   /* [n], of max: hpc_sortable; hardly any one twice */
	uint32_t *places; /* hash table with open addresses: index + 1; 0: none */
	uint32_t mask;    /* places - 1, a power of two less one */
} hpc_thresholds;

extern void hpc_thresholds_free(hpc_env *env, hpc_thresholds *thresholds);

/* Fetches what will be looked at when a threshold is added: a little later. */
extern void
hpc_thresholds_fetch(const hpc_thresholds *thresholds, double threshold);

/* The number of a finite threshold. */
extern hpc_status hpc_thresholds_add(hpc_env *env, hpc_thresholds *thresholds,
									 double threshold, uint32_t *number);

/*
 * Writes them to sorted, ascending, each once; answers in nsorted how many
 * there are (sorted has room for n), and in place_of[n] where each went.
 */
extern hpc_status
hpc_thresholds_sort(hpc_env *env, const hpc_thresholds *thresholds,
					double *sorted, uint32_t *nsorted, uint32_t *place_of);

#endif /* HPC_THRESHOLDS_H */
