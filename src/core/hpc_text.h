/*
 * hpc_text.h
 *		Short texts in hash tables: bytes are read by the word.
 */
#ifndef HPC_TEXT_H
#define HPC_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t
hpc_text_word(const char *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* Up to eight bytes as a word; with their number it tells them all. */
static inline uint64_t
hpc_text_tail(const char *bytes, uint32_t nbytes)
{
	uint32_t first;
	uint32_t last;

	if (nbytes >= sizeof(first))
	{
		memcpy(&first, bytes, sizeof(first));
		memcpy(&last, bytes + nbytes - sizeof(last), sizeof(last));
		return first | (uint64_t) last << 32;
	}
	if (nbytes == 0)
		return 0;
	return (uint64_t) (uint8_t) bytes[0] |
		   (uint64_t) (uint8_t) bytes[nbytes / 2] << 8 |
		   (uint64_t) (uint8_t) bytes[nbytes - 1] << 16;
}

static inline bool
hpc_text_is_same(const char *a, const char *b, uint32_t nbytes)
{
	if (nbytes <= 8)
		return hpc_text_tail(a, nbytes) == hpc_text_tail(b, nbytes);
	if (nbytes <= 16)
		return hpc_text_word(a) == hpc_text_word(b) &&
			   hpc_text_word(a + nbytes - 8) == hpc_text_word(b + nbytes - 8);
	return memcmp(a, b, nbytes) == 0;
}

/* Both halves of a product: each bit of a word reaches all of the hash. */
static inline uint64_t
hpc_text_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128) a * b;

	return (uint64_t) product ^ (uint64_t) (product >> 64);
}

/*
 * Multiplying and folding as in wyhash (Wang Yi 2019).  The key is the place
 * of the table, of which those who write texts know nothing, so that they
 * cannot make them collide.
 */
static inline uint32_t
hpc_text_hash(const void *table, const char *bytes, uint32_t nbytes)
{
	uint64_t key = (uint64_t) (uintptr_t) table ^ UINT64_C(0xa0761d6478bd642f);
	uint64_t hash = key ^ nbytes;

	for (; nbytes > 8; nbytes -= 8, bytes += 8)
		hash = hpc_text_fold(hash ^ hpc_text_word(bytes),
							 key ^ UINT64_C(0xe7037ed1a0b428db));
	hash = hpc_text_fold(hash ^ hpc_text_tail(bytes, nbytes),
						 key ^ UINT64_C(0x8ebc6af09c88c6e3));
	return (uint32_t) hpc_text_fold(hash, UINT64_C(0x589965cc75374cc3));
}

#endif /* HPC_TEXT_H */
