/*
 * hpc_dataset.h
 *		Rows collected for training, inside the core.
 */
#ifndef HPC_DATASET_H
#define HPC_DATASET_H

#include "hpc_dictionary.h"

#define HPC_MISSING_CODE UINT32_MAX

typedef struct hpc_chunked
{
	hpc_storage storage;
	uint32_t nchunks;
	uint32_t max_chunks;
	char **chunks; /* values, then a bit per value: missing */
} hpc_chunked;

typedef struct hpc_column
{
	char *name;
	hpc_kind kind;
	bool integral;
	hpc_chunked values;
	hpc_dictionary dictionary; /* of HPC_STORE_CODE */
} hpc_column;

struct hpc_dataset
{
	int ncolumns;
	uint64_t nrows;
	uint64_t nskipped;
	hpc_column *columns;
	hpc_chunked target; /* HPC_STORE_DOUBLE, none missing */
};

/* Copies a column as doubles, missing as NaN.  out[nrows] */
extern void hpc_dataset_doubles(const hpc_dataset *dataset,
								const hpc_chunked *column, double *out);

/* Copies dictionary codes, missing as HPC_MISSING_CODE.  out[nrows] */
extern void hpc_dataset_codes(const hpc_dataset *dataset,
							  const hpc_chunked *column, uint32_t *out);

/* Gives the memory of a column's values back, when they have been coded. */
extern void hpc_chunked_free(hpc_env *env, hpc_chunked *column);

#endif /* HPC_DATASET_H */
