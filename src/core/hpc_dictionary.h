/*
 * hpc_dictionary.h
 *		Distinct byte strings, numbered in the order of arrival.
 *
 * Open addressing over an arena of bytes: entry i is the bytes
 * start[i] .. start[i + 1].
 */
#ifndef HPC_DICTIONARY_H
#define HPC_DICTIONARY_H

#include "hpc.h"

typedef struct hpc_dictionary
{
	uint32_t nentries;
	uint32_t max_entries;
	uint64_t *start; /* [max_entries + 1] */
	char *bytes;
	uint64_t max_bytes;
	uint32_t *slots; /* entry + 1, or 0; a power of two of them */
	uint32_t nslots;
} hpc_dictionary;

/* An all-zero dictionary is empty and valid. */
extern void hpc_dictionary_free(hpc_env *env, hpc_dictionary *dictionary);

/* The code of the bytes, adding them when they are new. */
extern hpc_status
hpc_dictionary_code(hpc_env *env, hpc_dictionary *dictionary,
					const char *bytes, uint32_t nbytes, uint32_t *code);

/* Memory taken. */
extern size_t hpc_dictionary_nbytes(const hpc_dictionary *dictionary);
extern const char *hpc_dictionary_entry(const hpc_dictionary *dictionary,
										uint32_t code, uint32_t *nbytes);

/* Words of a set of categories, a bit each, as in trees and models. */
static inline uint32_t
hpc_set_words(uint32_t ncategories)
{
	return ncategories / 32 + 1;
}

#endif /* HPC_DICTIONARY_H */
