/*
 * hpc_thresholds.c
 *		The distinct thresholds of a feature, numbered as they come.
 */
#include "hpc_sort.h"
#include "hpc_thresholds.h"

#define FIRST_MAX 64

/*
 * Places that are looked at.  Beyond, a threshold is kept without a place, and
 * may come twice: whoever makes up data for the hash function gains nothing.
 */
#define MAX_PROBES 32

void
hpc_thresholds_free(hpc_env *env, hpc_thresholds *thresholds)
{
	hpc_free(env, thresholds->keys);
	hpc_free(env, thresholds->places);
}

/* Keys ahead of their turn that places are fetched for. */
#define AHEAD 16

static inline uint32_t
first_place(const hpc_thresholds *t, uint64_t key)
{
	return (uint32_t) hpc_mix(key) & t->mask;
}

/* The place of a key, an empty one for it, or NULL. */
static uint32_t *
find_place(const hpc_thresholds *t, uint64_t key)
{
	uint32_t at = first_place(t, key);

	for (uint32_t probe = 0; probe < MAX_PROBES; probe++)
	{
		uint32_t *place = &t->places[(at + probe) & t->mask];

		if (*place == 0 || t->keys[*place - 1] == key)
			return place;
	}
	return NULL;
}

/* Room for twice as many, and places for two times that. */
static hpc_status
grow(hpc_env *env, hpc_thresholds *t)
{
	uint32_t max = t->max > 0 ? 2 * t->max : FIRST_MAX;
	uint64_t *keys;
	uint32_t *places;

	if (t->max > UINT32_MAX / 4)
		return hpc_fail(env, HPC_LIMIT, "a feature has too many thresholds");
	places = hpc_alloc(env, 2 * (size_t) max, sizeof(uint32_t));
	if (places == NULL)
		return HPC_NO_MEMORY;
	keys = hpc_resize(env, t->keys, max, sizeof(uint64_t));
	if (keys == NULL ||
		hpc_fill(env, places, 0, 2 * (size_t) max * sizeof(uint32_t)) !=
			HPC_OK)
	{
		t->keys = keys != NULL ? keys : t->keys;
		hpc_free(env, places);
		return keys == NULL ? HPC_NO_MEMORY : HPC_CANCELLED;
	}
	hpc_free(env, t->places);
	t->keys = keys;
	t->places = places;
	t->max = max;
	t->mask = 2 * max - 1;
	for (uint32_t i = 0; i < t->n; i++)
	{
		uint32_t *place;

		if (i + AHEAD < t->n)
			__builtin_prefetch(&places[first_place(t, keys[i + AHEAD])]);
		place = find_place(t, keys[i]);
		if (place != NULL)
			*place = i + 1;
		if (hpc_poll(env, i))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

void
hpc_thresholds_fetch(const hpc_thresholds *thresholds, double threshold)
{
	if (thresholds->max > 0)
		__builtin_prefetch(
			&thresholds
				 ->places[first_place(thresholds, hpc_sortable(threshold))]);
}

hpc_status
hpc_thresholds_add(hpc_env *env, hpc_thresholds *thresholds, double threshold,
				   uint32_t *number)
{
	uint64_t key = hpc_sortable(threshold);
	uint32_t *place;

	if (thresholds->n == thresholds->max)
	{
		hpc_status status = grow(env, thresholds);

		if (status != HPC_OK)
			return status;
	}
	place = find_place(thresholds, key);
	if (place != NULL && *place != 0)
	{
		*number = *place - 1;
		return HPC_OK;
	}
	*number = thresholds->n;
	thresholds->keys[thresholds->n++] = key;
	if (place != NULL)
		*place = thresholds->n;
	return HPC_OK;
}

hpc_status
hpc_thresholds_sort(hpc_env *env, const hpc_thresholds *thresholds,
					double *sorted, uint32_t *nsorted, uint32_t *place_of)
{
	uint32_t n = thresholds->n;
	hpc_pair *pairs = hpc_alloc(env, n, sizeof(hpc_pair));
	hpc_pair *spare = hpc_alloc(env, n, sizeof(hpc_pair));
	hpc_status status = HPC_NO_MEMORY;

	*nsorted = 0;
	if (pairs != NULL && spare != NULL)
	{
		for (uint32_t i = 0; i < n; i++)
			pairs[i] = (hpc_pair){thresholds->keys[i], i};
		status = hpc_sort_pairs(env, n, pairs, spare) ? HPC_OK : HPC_CANCELLED;
	}
	for (uint32_t i = 0; i < n && status == HPC_OK; i++)
	{
		if (i == 0 || pairs[i].key != pairs[i - 1].key)
			sorted[(*nsorted)++] = hpc_from_sortable(pairs[i].key);
		place_of[pairs[i].row] = *nsorted - 1;
		if (hpc_poll(env, i))
			status = HPC_CANCELLED;
	}
	hpc_free(env, pairs);
	hpc_free(env, spare);
	return status;
}
