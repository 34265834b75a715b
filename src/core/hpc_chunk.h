/*
 * hpc_chunk.h
 *		Some thousand values of a column, packed.
 */
#ifndef HPC_CHUNK_H
#define HPC_CHUNK_H

#include "hpc_memory.h"

/* What is kept of each value. */
typedef enum hpc_packing
{
	HPC_PACK_SAME, /* nothing: every value is base */
	HPC_PACK_8,    /* steps above base, in 8 bits */
	HPC_PACK_16,
	HPC_PACK_32,
	HPC_PACK_FLOAT,
	HPC_PACK_DOUBLE
} hpc_packing;

#define HPC_MAX_DECIMALS 4

typedef struct hpc_chunk
{
	void *values; /* NULL for HPC_PACK_SAME */
	double base;
	double step;
	uint8_t packing;
	uint8_t decimals; /* base and steps count units of 10^-decimals */
	bool missing;     /* all bits set in a number of steps: no value */
} hpc_chunk;

/* Bytes of n values. */
extern size_t hpc_chunk_nbytes(const hpc_chunk *chunk, uint32_t n);

/*
 * Packs values[n], missing as NaN, n > 0, into the arena; each will come out
 * as it was.
 */
extern hpc_status
hpc_chunk_pack(hpc_env *env, hpc_arena *arena, const double *values,
			   uint32_t n, hpc_chunk *chunk);

/* Values first .. first + n - 1, missing as NaN. */
extern void hpc_chunk_unpack(const hpc_chunk *chunk, uint32_t first,
							 uint32_t n, double *out);

/* The same for whole numbers below 2^32 - 1; missing is UINT32_MAX. */
extern void hpc_chunk_unpack_codes(const hpc_chunk *chunk, uint32_t first,
								   uint32_t n, uint32_t *out);

#endif /* HPC_CHUNK_H */
