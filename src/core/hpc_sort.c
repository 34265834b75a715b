/*
 * hpc_sort.c
 *		Radix sort, least significant byte first.
 *
 * A byte in which all keys agree costs nothing but its count: integers kept
 * as doubles take two or three passes.
 */
#include "hpc_memory.h"
#include "hpc_sort.h"

#define SMALL 32

bool
hpc_sort_pairs(hpc_env *env, uint64_t n, hpc_pair *pairs, hpc_pair *spare)
{
	hpc_pair *from = pairs;
	hpc_pair *to = spare;

	for (int shift = 0; shift < 64; shift += 8)
	{
		uint64_t count[256] = {0};
		uint64_t start = 0;

		if (hpc_cancelled(env))
			return false;
		for (uint64_t i = 0; i < n; i++)
			count[(from[i].key >> shift) & 255]++;
		if (n == 0 || count[(from[0].key >> shift) & 255] == n)
			continue;
		for (int digit = 0; digit < 256; digit++)
		{
			uint64_t here = count[digit];

			count[digit] = start;
			start += here;
		}
		for (uint64_t i = 0; i < n; i++)
			to[count[(from[i].key >> shift) & 255]++] = from[i];
		to = from;
		from = from == pairs ? spare : pairs;
	}
	if (from != pairs)
		memcpy(pairs, from, n * sizeof(hpc_pair));
	return true;
}

static void
insertion_sort(uint32_t n, uint64_t *keys)
{
	for (uint32_t i = 1; i < n; i++)
	{
		uint64_t key = keys[i];
		uint32_t place = i;

		for (; place > 0 && keys[place - 1] > key; place--)
			keys[place] = keys[place - 1];
		keys[place] = key;
	}
}

void
hpc_sort_upper(uint32_t n, uint64_t *keys, uint64_t *spare, int nbytes)
{
	uint64_t *from = keys;
	uint64_t *to = spare;

	if (n <= SMALL)
	{
		insertion_sort(n, keys);
		return;
	}
	for (int shift = 32; shift < 32 + 8 * nbytes; shift += 8)
	{
		uint32_t count[256] = {0};
		uint32_t start = 0;

		for (uint32_t i = 0; i < n; i++)
			count[(from[i] >> shift) & 255]++;
		if (count[(from[0] >> shift) & 255] == n)
			continue;
		for (int digit = 0; digit < 256; digit++)
		{
			uint32_t here = count[digit];

			count[digit] = start;
			start += here;
		}
		for (uint32_t i = 0; i < n; i++)
			to[count[(from[i] >> shift) & 255]++] = from[i];
		to = from;
		from = from == keys ? spare : keys;
	}
	if (from != keys)
		memcpy(keys, from, n * sizeof(uint64_t));
}
