/*
 * hpc_dataset.h
 *		Rows collected for training, inside the core.
 */
#ifndef HPC_DATASET_H
#define HPC_DATASET_H

#include "hpc_chunk.h"
#include "hpc_dictionary.h"

#define HPC_MISSING_CODE UINT32_MAX

/* The values of one column: sealed ones here, open ones in the data set. */
typedef struct hpc_chunked
{
	uint32_t slot; /* which of the open columns */
	uint32_t nchunks;
	uint32_t max_chunks;
	hpc_chunk *chunks;
	hpc_arena memory; /* of their values */
} hpc_chunked;

typedef struct hpc_column
{
	char *name;
	hpc_kind kind;
	hpc_storage storage;
	bool integral;
	hpc_chunked values;
	hpc_dictionary dictionary; /* of HPC_CATEGORY */
} hpc_column;

struct hpc_dataset
{
	int ncolumns;
	uint64_t nrows;
	uint64_t nskipped;
	hpc_column *columns;
	hpc_chunked target; /* none missing */
	hpc_chunked weight; /* likewise */
	bool weighted;      /* some weight is not 1 */

	/* sealed rows: those of block b end before row block_end[b] */
	uint32_t nblocks;
	uint32_t max_blocks;
	uint32_t *block_end;

	/* open rows: row r of slot s is open[s * stride + r] */
	uint32_t nopen;
	uint32_t max_open;
	uint32_t stride;
	double *open;
};

/* Not: all weights are 1. */
extern bool hpc_dataset_has_weights(const hpc_dataset *dataset);

/*
 * Copies the values of rows first .. first + n - 1, missing as NaN; of a
 * category its dictionary codes, missing as HPC_MISSING_CODE.  out[n]
 */
extern void
hpc_dataset_read(const hpc_dataset *dataset, const hpc_chunked *column,
				 uint64_t first, uint32_t n, double *out);
extern void
hpc_dataset_read_codes(const hpc_dataset *dataset, const hpc_chunked *column,
					   uint64_t first, uint32_t n, uint32_t *out);

/*
 * Gives the memory of a column's values back, when they have been coded.
 * The data set can then no more be added to.
 */
extern void hpc_chunked_free(hpc_env *env, hpc_chunked *column);

/* ---------- for those who build a data set from its parts ---------- */

#define HPC_MAX_COLUMNS 32767

/* Rows in a block, and open rows, at most. */
#define HPC_BLOCK_ROWS 8192

static inline uint32_t
hpc_dataset_block_rows(const hpc_dataset *dataset, uint32_t block)
{
	uint32_t begin = block > 0 ? dataset->block_end[block - 1] : 0;

	return dataset->block_end[block] - begin;
}

/* Columns of values: the features, the target, the weight. */
static inline uint32_t
hpc_dataset_nslots(const hpc_dataset *dataset)
{
	return (uint32_t) dataset->ncolumns + 2;
}

static inline hpc_chunked *
hpc_dataset_slot(hpc_dataset *dataset, uint32_t slot)
{
	uint32_t ncolumns = (uint32_t) dataset->ncolumns;

	if (slot < ncolumns)
		return &dataset->columns[slot].values;
	return slot == ncolumns ? &dataset->target : &dataset->weight;
}

/* The same, to look at. */
static inline const hpc_chunked *
hpc_dataset_look(const hpc_dataset *dataset, uint32_t slot)
{
	uint32_t ncolumns = (uint32_t) dataset->ncolumns;

	if (slot < ncolumns)
		return &dataset->columns[slot].values;
	return slot == ncolumns ? &dataset->target : &dataset->weight;
}

/* The open cells of a slot. */
static inline double *
hpc_dataset_open(const hpc_dataset *dataset, uint32_t slot)
{
	return dataset->open + (size_t) slot * dataset->stride;
}

/* A data set of ncolumns columns that are all zeros yet. */
extern hpc_status
hpc_dataset_make(hpc_env *env, int ncolumns, hpc_dataset **dataset);

/* Rows that may be open at most; the more columns, the fewer. */
extern uint32_t hpc_dataset_most_open(const hpc_dataset *dataset);

/* Makes room for max open rows, keeping those that are there. */
extern hpc_status
hpc_dataset_reserve_open(hpc_env *env, hpc_dataset *dataset, uint32_t max);

/* Makes room for so many more blocks, and for so many more chunks. */
extern hpc_status
hpc_dataset_reserve_blocks(hpc_env *env, hpc_dataset *dataset, uint32_t nmore);
extern hpc_status
hpc_chunked_reserve(hpc_env *env, hpc_chunked *column, uint32_t nmore);

#endif /* HPC_DATASET_H */
