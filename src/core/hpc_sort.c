/*
 * hpc_sort.c
 *		Radix sort, least significant byte first.
 *
 * A byte in which all keys agree costs nothing but its count: integers kept
 * as doubles take two or three passes.
 */
#include "hpc_memory.h"
#include "hpc_sort.h"

/*
 * One sort for keys alone and for keys with rows: TYPE is what is sorted,
 * KEY(x) its key.
 */
#define DEFINE_SORT(NAME, TYPE, KEY)                                       \
	bool NAME(hpc_env *env, uint64_t n, TYPE *items, TYPE *spare)          \
	{                                                                      \
		TYPE *from = items;                                                \
		TYPE *to = spare;                                                  \
                                                                           \
		for (int shift = 0; shift < 64; shift += 8)                        \
		{                                                                  \
			uint64_t count[256] = {0};                                     \
			uint64_t start = 0;                                            \
                                                                           \
			for (uint64_t i = 0; i < n; i++)                               \
			{                                                              \
				count[(KEY(from[i]) >> shift) & 255]++;                    \
				if (hpc_poll(env, i))                                      \
					return false;                                          \
			}                                                              \
			if (n == 0 || count[(KEY(from[0]) >> shift) & 255] == n)       \
				continue;                                                  \
			for (int digit = 0; digit < 256; digit++)                      \
			{                                                              \
				uint64_t here = count[digit];                              \
                                                                           \
				count[digit] = start;                                      \
				start += here;                                             \
			}                                                              \
			for (uint64_t i = 0; i < n; i++)                               \
			{                                                              \
				to[count[(KEY(from[i]) >> shift) & 255]++] = from[i];      \
				if (hpc_poll(env, i))                                      \
					return false;                                          \
			}                                                              \
			to = from;                                                     \
			from = from == items ? spare : items;                          \
		}                                                                  \
		if (from != items)                                                 \
			return hpc_copy(env, items, from, n * sizeof(TYPE)) == HPC_OK; \
		return true;                                                       \
	}

#define PAIR_KEY(pair) (pair).key
#define SELF_KEY(key) (key)

DEFINE_SORT(hpc_sort_pairs, hpc_pair, PAIR_KEY)
DEFINE_SORT(hpc_sort_keys, uint64_t, SELF_KEY)
