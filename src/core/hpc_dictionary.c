/*
 * hpc_dictionary.c
 *		Distinct byte strings, numbered in the order of arrival.
 *
 * The codes depend on the order of arrival; whoever needs order-free codes
 * sorts the entries (hpc_frame.c does).
 */
#include <string.h>

#include "hpc_dictionary.h"
#include "hpc_memory.h"
#include "hpc_text.h"

#define FIRST_SLOTS 16

void
hpc_dictionary_free(hpc_env *env, hpc_dictionary *dictionary)
{
	hpc_free(env, dictionary->start);
	hpc_free(env, dictionary->bytes);
	hpc_free(env, dictionary->slots);
	memset(dictionary, 0, sizeof(*dictionary));
}

size_t
hpc_dictionary_nbytes(const hpc_dictionary *dictionary)
{
	return dictionary->max_bytes + dictionary->nslots * sizeof(uint32_t) +
		   dictionary->max_entries * sizeof(uint64_t);
}

int
hpc_compare_bytes(const char *a, uint32_t na, const char *b, uint32_t nb)
{
	uint32_t n = na < nb ? na : nb;
	int order = n > 0 ? memcmp(a, b, n) : 0;

	if (order != 0)
		return order;
	return (na > nb) - (na < nb);
}

const char *
hpc_dictionary_entry(const hpc_dictionary *dictionary, uint32_t code,
					 uint32_t *nbytes)
{
	uint64_t start = dictionary->start[code];

	*nbytes = (uint32_t) (dictionary->start[code + 1] - start);
	return dictionary->bytes + start;
}

/* Slot of the bytes, or the empty slot where they belong. */
static uint32_t
find_slot(const hpc_dictionary *dictionary, const char *bytes, uint32_t nbytes)
{
	uint32_t mask = dictionary->nslots - 1;
	uint32_t slot = hpc_text_hash(dictionary->slots, bytes, nbytes) & mask;

	while (dictionary->slots[slot] != 0)
	{
		uint32_t length;
		const char *entry =
			hpc_dictionary_entry(dictionary, dictionary->slots[slot] - 1,
								 &length);

		if (length == nbytes && hpc_text_is_same(entry, bytes, nbytes))
			break;
		slot = (slot + 1) & mask;
	}
	return slot;
}

static hpc_status
grow_slots(hpc_env *env, hpc_dictionary *dictionary)
{
	hpc_dictionary grown = *dictionary;
	hpc_status status;

	grown.nslots =
		dictionary->nslots > 0 ? dictionary->nslots * 2 : FIRST_SLOTS;
	grown.slots = hpc_alloc(env, grown.nslots, sizeof(uint32_t));
	if (grown.slots == NULL)
		return HPC_NO_MEMORY;
	status = hpc_fill(env, grown.slots, 0, grown.nslots * sizeof(uint32_t));
	for (uint32_t code = 0; code < grown.nentries && status == HPC_OK; code++)
	{
		uint32_t length;
		const char *entry = hpc_dictionary_entry(&grown, code, &length);

		grown.slots[find_slot(&grown, entry, length)] = code + 1;
		if (hpc_poll_texts(env, code))
			status = HPC_CANCELLED;
	}
	hpc_free(env, status == HPC_OK ? dictionary->slots : grown.slots);
	if (status == HPC_OK)
		*dictionary = grown;
	return status;
}

/* Makes room for one more entry of nbytes. */
static hpc_status
reserve(hpc_env *env, hpc_dictionary *dictionary, uint32_t nbytes)
{
	uint64_t used =
		dictionary->nentries > 0 ? dictionary->start[dictionary->nentries] : 0;

	if (dictionary->nentries == dictionary->max_entries)
	{
		uint32_t max =
			dictionary->max_entries > 0 ? dictionary->max_entries * 2 : 8;
		uint64_t *start = hpc_resize(env, dictionary->start, (size_t) max + 1,
									 sizeof(uint64_t));

		if (start == NULL)
			return HPC_NO_MEMORY;
		if (dictionary->max_entries == 0)
			start[0] = 0;
		dictionary->start = start;
		dictionary->max_entries = max;
	}
	/* an entry has an address even if all are empty */
	if (dictionary->bytes == NULL || used + nbytes > dictionary->max_bytes)
	{
		uint64_t max = 2 * (used + nbytes) + 64;
		char *bytes = hpc_resize(env, dictionary->bytes, max, 1);

		if (bytes == NULL)
			return HPC_NO_MEMORY;
		dictionary->bytes = bytes;
		dictionary->max_bytes = max;
	}
	return HPC_OK;
}

hpc_status
hpc_dictionary_code(hpc_env *env, hpc_dictionary *dictionary,
					const char *bytes, uint32_t nbytes, uint32_t *code)
{
	uint32_t slot;
	hpc_status status = HPC_OK;

	if (dictionary->nentries >= UINT32_C(1) << 30)
		return hpc_fail(env, HPC_LIMIT,
						"a text column has more than 2^30 different values");
	if (dictionary->nentries + 1 > dictionary->nslots / 2)
		status = grow_slots(env, dictionary);
	if (status != HPC_OK)
		return status;
	slot = find_slot(dictionary, bytes, nbytes);
	if (dictionary->slots[slot] == 0)
	{
		uint64_t start;

		if (reserve(env, dictionary, nbytes) != HPC_OK)
			return HPC_NO_MEMORY;
		start = dictionary->start[dictionary->nentries];
		if (nbytes > 0)
			memcpy(dictionary->bytes + start, bytes, nbytes);
		dictionary->nentries++;
		dictionary->start[dictionary->nentries] = start + nbytes;
		dictionary->slots[slot] = dictionary->nentries;
	}
	*code = dictionary->slots[slot] - 1;
	return HPC_OK;
}
