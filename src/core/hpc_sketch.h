/*
 * hpc_sketch.h
 *		Which rows were there: the smallest of their hashes.
 *
 * Of all different rows the HPC_SKETCH_WORDS smallest hashes are kept, one
 * 64-bit lane of each: a bottom-k sketch (Cohen, Kaplan 2007, "Summarizing
 * data using bottom-k sketches").  Hashes are as good as random, so these rows
 * are a sample of all; and of any other row whose hash is as small as the
 * limit it is known whether it was there.  Two lanes agree by chance once in
 * 2^64.
 *
 * A sketch is a function of the set of rows.  Memory is 64 kB; a row costs a
 * comparison, and the few that come among the smallest a step through a heap.
 */
#ifndef HPC_SKETCH_H
#define HPC_SKETCH_H

#include "hpc.h"

#define HPC_SKETCH_WORDS 8192

/* Nothing is left out: the limit where all rows are in the sketch. */
#define HPC_SKETCH_COMPLETE UINT64_MAX

typedef struct hpc_sketch
{
	uint64_t *words; /* [nwords] strictly ascending; NULL: no sketch */
	uint32_t nwords;
	uint64_t limit; /* up to here all words of the rows are there */
} hpc_sketch;

/* The lane of a hash that is kept. */
static inline uint64_t
hpc_sketch_word(hpc_hash row)
{
	return row.low;
}

/* The sketch of rows[nrows], which are better different. */
extern hpc_status hpc_sketch_rows(hpc_env *env, const hpc_hash *rows,
								  uint32_t nrows, hpc_sketch *sketch);

/*
 * Adds the rows of another sketch: what is left is known of both.  The first
 * one comes to an empty sketch (all zeros).
 */
extern hpc_status
hpc_sketch_unite(hpc_env *env, hpc_sketch *sketch, const uint64_t *words,
				 uint32_t nwords, uint64_t limit);

extern void hpc_sketch_free(hpc_env *env, hpc_sketch *sketch);

#endif /* HPC_SKETCH_H */
