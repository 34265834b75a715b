/*
 * hpc_rank.h
 *		The values of a column as ranks among its sorted distinct values.
 */
#ifndef HPC_RANK_H
#define HPC_RANK_H

#include "hpc_dataset.h"
#include "hpc_sort.h"

/* Room to sort the rows of a column, used for one after the other. */
typedef struct hpc_rank_scratch
{
	uint32_t nrows;
	hpc_pair *pairs; /* [nrows] */
	hpc_pair *spare; /* [nrows] */
} hpc_rank_scratch;

/*
 * Ranks of numbers[nrows] among their distinct values; NaN gets rank nvalues.
 * values[nvalues], ascending, is allocated here.
 */
extern hpc_status hpc_rank_numbers(hpc_env *env, hpc_rank_scratch *scratch,
								   const double *numbers, uint32_t *ranks,
								   double **values, uint32_t *nvalues);

/*
 * Turns the dictionary codes in ranks[nrows] into ranks in byte order of the
 * entries (HPC_MISSING_CODE into the number of entries), which are copied, in that order, to the empty dictionary
 * categories.
 */
extern hpc_status
hpc_rank_categories(hpc_env *env, const hpc_dictionary *dictionary,
					uint32_t nrows, uint32_t *ranks,
					hpc_dictionary *categories);

#endif /* HPC_RANK_H */
