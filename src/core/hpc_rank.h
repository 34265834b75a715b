/*
 * hpc_rank.h
 *		The values of a column, sorted and numbered.
 */
#ifndef HPC_RANK_H
#define HPC_RANK_H

#include "hpc_dataset.h"
#include "hpc_sort.h"

/*
 * Numbers the distinct values of a column of numbers in ascending order, if
 * there are at most max_values: ranks[nrows] gets each row's, missing
 * nvalues, and values[nvalues] is allocated here.  With more, *too_many is
 * true and nothing else is of use.
 */
extern hpc_status
hpc_rank_numbers(hpc_env *env, const hpc_dataset *dataset,
				 const hpc_chunked *column, uint32_t max_values,
				 uint32_t *ranks, double **values, uint32_t *nvalues,
				 bool *too_many);

/*
 * The values of a column of numbers as sortable keys (hpc_sort.h) in
 * ascending order, with repeats and without what is missing; allocated here.
 */
extern hpc_status
hpc_sorted_keys(hpc_env *env, const hpc_dataset *dataset,
				const hpc_chunked *column, uint64_t **keys, uint32_t *nkeys);

/*
 * Turns the dictionary codes in ranks[nrows] into ranks in byte order of the
 * entries (HPC_MISSING_CODE into the number of entries), which are copied, in
 * that order, to the empty dictionary categories.
 */
extern hpc_status
hpc_rank_categories(hpc_env *env, const hpc_dictionary *dictionary,
					uint32_t nrows, uint32_t *ranks,
					hpc_dictionary *categories);

#endif /* HPC_RANK_H */
