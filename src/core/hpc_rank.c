/*
 * hpc_rank.c
 *		The values of a column as ranks among its sorted distinct values.
 *
 * Numbers are sorted by the bits of their doubles, texts by their bytes: by
 * radix on the first eight, then the runs that agree in them by comparison.
 * Neither a locale nor the order of rows has a say.
 */
#include <math.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_rank.h"

/* ---------- numbers ---------- */

/* Rows read at a time. */
#define BLOCK_ROWS 4096

#define FIRST_BITS 9

/* A set of numbers, by the bits of their doubles, in order of arrival. */
typedef struct number_set
{
	uint32_t nvalues;
	int bits;        /* there are 2^bits slots */
	uint64_t *keys;  /* [2^(bits - 1)] by arrival */
	uint32_t *slots; /* [2^bits] arrival + 1; 0: empty */
} number_set;

static void
free_set(hpc_env *env, number_set *set)
{
	hpc_free(env, set->keys);
	hpc_free(env, set->slots);
}

static inline uint32_t
slot_of(const number_set *set, uint64_t key)
{
	uint64_t mixed = (key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t mask = (UINT32_C(1) << set->bits) - 1;
	uint32_t slot = (uint32_t) (mixed >> (64 - set->bits));

	while (set->slots[slot] != 0 && set->keys[set->slots[slot] - 1] != key)
		slot = (slot + 1) & mask;
	return slot;
}

/* Makes room for one more; slots are at most half full. */
static hpc_status
grow_set(hpc_env *env, number_set *set)
{
	int bits = set->bits + 1;
	uint64_t *keys =
		hpc_resize(env, set->keys, (size_t) 1 << (bits - 1), sizeof(uint64_t));
	uint32_t *slots;

	if (keys == NULL)
		return HPC_NO_MEMORY;
	set->keys = keys;
	slots = hpc_alloc0(env, (size_t) 1 << bits, sizeof(uint32_t));
	if (slots == NULL)
		return HPC_NO_MEMORY;
	hpc_free(env, set->slots);
	set->slots = slots;
	set->bits = bits;
	for (uint32_t i = 0; i < set->nvalues; i++)
		set->slots[slot_of(set, keys[i])] = i + 1;
	return HPC_OK;
}

/*
 * Puts n numbers into the set and their places of arrival into ranks, NaN as
 * UINT32_MAX.  Stops when the set has more than max_values.
 */
static hpc_status
add_numbers(hpc_env *env, number_set *set, const double *numbers, uint32_t n,
			uint32_t max_values, uint32_t *ranks)
{
	for (uint32_t i = 0; i < n; i++)
	{
		uint64_t key;
		uint32_t slot;

		if (isnan(numbers[i]))
		{
			ranks[i] = UINT32_MAX;
			continue;
		}
		key = hpc_sortable(numbers[i]);
		slot = slot_of(set, key);
		if (set->slots[slot] == 0)
		{
			set->keys[set->nvalues++] = key;
			set->slots[slot] = set->nvalues;
			if (set->nvalues > max_values)
				return HPC_OK;
			if (set->nvalues == UINT32_C(1) << (set->bits - 1))
			{
				ranks[i] = set->nvalues - 1;
				if (grow_set(env, set) != HPC_OK)
					return HPC_NO_MEMORY;
				continue;
			}
		}
		ranks[i] = set->slots[slot] - 1;
	}
	return HPC_OK;
}

static hpc_status
collect_numbers(hpc_env *env, number_set *set, const hpc_dataset *dataset,
				const hpc_chunked *column, uint32_t max_values,
				uint32_t *ranks)
{
	double *numbers = hpc_alloc(env, BLOCK_ROWS, sizeof(double));
	uint64_t nrows = dataset->nrows;
	hpc_status status = numbers != NULL ? HPC_OK : HPC_NO_MEMORY;

	for (uint64_t row = 0;
		 row < nrows && status == HPC_OK && set->nvalues <= max_values;
		 row += BLOCK_ROWS)
	{
		uint32_t n =
			(uint32_t) (nrows - row < BLOCK_ROWS ? nrows - row : BLOCK_ROWS);

		hpc_dataset_read(dataset, column, row, n, numbers);
		status = add_numbers(env, set, numbers, n, max_values, ranks + row);
		if (status == HPC_OK && row % (16 * BLOCK_ROWS) == 0 &&
			hpc_cancelled(env))
			status = HPC_CANCELLED;
	}
	hpc_free(env, numbers);
	return status;
}

/* Sorts the set's values and renumbers ranks accordingly. */
static hpc_status
order_numbers(hpc_env *env, const number_set *set, uint32_t nrows,
			  uint32_t *ranks, double *values)
{
	uint32_t n = set->nvalues;
	hpc_pair *pairs = hpc_alloc(env, n, sizeof(hpc_pair));
	hpc_pair *spare = hpc_alloc(env, n, sizeof(hpc_pair));
	uint32_t *rank_of = hpc_alloc(env, n, sizeof(uint32_t));
	hpc_status status = HPC_NO_MEMORY;

	if (pairs != NULL && spare != NULL && rank_of != NULL)
	{
		for (uint32_t i = 0; i < n; i++)
			pairs[i] = (hpc_pair){set->keys[i], i};
		status = hpc_sort_pairs(env, n, pairs, spare) ? HPC_OK : HPC_CANCELLED;
	}
	for (uint32_t i = 0; i < n && status == HPC_OK; i++)
	{
		values[i] = hpc_from_sortable(pairs[i].key);
		rank_of[pairs[i].row] = i;
	}
	for (uint32_t row = 0; row < nrows && status == HPC_OK; row++)
	{
		ranks[row] = ranks[row] == UINT32_MAX ? n : rank_of[ranks[row]];
		if (hpc_poll(env, row))
			status = HPC_CANCELLED;
	}
	hpc_free(env, pairs);
	hpc_free(env, spare);
	hpc_free(env, rank_of);
	return status;
}

hpc_status
hpc_rank_numbers(hpc_env *env, const hpc_dataset *dataset,
				 const hpc_chunked *column, uint32_t max_values,
				 uint32_t *ranks, double **values, uint32_t *nvalues,
				 bool *too_many)
{
	number_set set = {0, 0, NULL, NULL};
	hpc_status status;

	*values = NULL;
	*too_many = false;
	set.bits = FIRST_BITS - 1;
	status = grow_set(env, &set);
	if (status == HPC_OK)
		status =
			collect_numbers(env, &set, dataset, column, max_values, ranks);
	if (status == HPC_OK && set.nvalues > max_values)
		*too_many = true;
	else if (status == HPC_OK)
	{
		*nvalues = set.nvalues;
		*values = hpc_alloc(env, set.nvalues, sizeof(double));
		status = *values == NULL
					 ? HPC_NO_MEMORY
					 : order_numbers(env, &set, (uint32_t) dataset->nrows,
									 ranks, *values);
	}
	free_set(env, &set);
	return status;
}

hpc_status
hpc_sorted_keys(hpc_env *env, const hpc_dataset *dataset,
				const hpc_chunked *column, uint64_t **keys, uint32_t *nkeys)
{
	uint64_t nrows = dataset->nrows;
	uint64_t *spare = hpc_alloc(env, nrows, sizeof(uint64_t));
	double *numbers = hpc_alloc(env, BLOCK_ROWS, sizeof(double));
	hpc_status status = HPC_NO_MEMORY;
	uint32_t n = 0;

	*keys = hpc_alloc(env, nrows, sizeof(uint64_t));
	if (*keys != NULL && spare != NULL && numbers != NULL)
		status = HPC_OK;
	for (uint64_t row = 0; row < nrows && status == HPC_OK; row += BLOCK_ROWS)
	{
		uint32_t here =
			(uint32_t) (nrows - row < BLOCK_ROWS ? nrows - row : BLOCK_ROWS);

		hpc_dataset_read(dataset, column, row, here, numbers);
		for (uint32_t i = 0; i < here; i++)
		{
			if (!isnan(numbers[i]))
				(*keys)[n++] = hpc_sortable(numbers[i]);
		}
		if (row % (16 * BLOCK_ROWS) == 0 && hpc_cancelled(env))
			status = HPC_CANCELLED;
	}
	if (status == HPC_OK && !hpc_sort_keys(env, n, *keys, spare))
		status = HPC_CANCELLED;
	*nkeys = n;
	hpc_free(env, spare);
	hpc_free(env, numbers);
	return status;
}

/* ---------- categories ---------- */

/* First eight bytes of an entry, in the order of memcmp. */
static uint64_t
prefix_key(const char *bytes, uint32_t nbytes)
{
	uint64_t key = 0;

	for (uint32_t i = 0; i < 8; i++)
		key = key << 8 | (i < nbytes ? (uint8_t) bytes[i] : 0);
	return key;
}

static int
compare_entries(const hpc_dictionary *dictionary, uint32_t a, uint32_t b)
{
	uint32_t na;
	uint32_t nb;
	const char *bytes_a = hpc_dictionary_entry(dictionary, a, &na);
	const char *bytes_b = hpc_dictionary_entry(dictionary, b, &nb);

	return hpc_compare_bytes(bytes_a, na, bytes_b, nb);
}

/* Merge sort of entries[n] by their bytes.  False: asked to stop. */
static bool
sort_entries(hpc_env *env, const hpc_dictionary *dictionary, uint32_t *entries,
			 uint32_t *scratch, uint32_t n)
{
	uint64_t ndone = 0;

	for (uint32_t width = 1; width < n; width *= 2)
	{
		for (uint32_t start = 0; start < n; start += 2 * width)
		{
			uint32_t middle = n - start > width ? start + width : n;
			uint32_t end = n - start > 2 * width ? start + 2 * width : n;
			uint32_t left = start;
			uint32_t right = middle;

			for (uint32_t out = start; out < end; out++)
			{
				bool take_left =
					left < middle &&
					(right == end || compare_entries(dictionary, entries[left],
													 entries[right]) <= 0);

				scratch[out] = entries[take_left ? left++ : right++];
				if (hpc_poll_texts(env, ndone++))
					return false;
			}
		}
		if (hpc_copy(env, entries, scratch, n * sizeof(uint32_t)) != HPC_OK)
			return false;
	}
	return true;
}

/*
 * order[n]: the entries of a dictionary in byte order.  A radix sort on the
 * first eight bytes, then runs that agree in them by comparison.
 */
static hpc_status
order_entries(hpc_env *env, const hpc_dictionary *dictionary, uint32_t *order)
{
	uint32_t n = dictionary->nentries;
	hpc_pair *pairs = hpc_alloc(env, n, sizeof(hpc_pair));
	hpc_pair *spare = hpc_alloc(env, n, sizeof(hpc_pair));
	uint32_t *scratch = hpc_alloc(env, n, sizeof(uint32_t));
	hpc_status status = HPC_NO_MEMORY;
	uint32_t end;

	if (pairs == NULL || spare == NULL || scratch == NULL)
		goto done;
	status = HPC_CANCELLED;
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t nbytes;
		const char *bytes = hpc_dictionary_entry(dictionary, i, &nbytes);

		pairs[i].key = prefix_key(bytes, nbytes);
		pairs[i].row = i;
		if (hpc_poll(env, i))
			goto done;
	}
	if (!hpc_sort_pairs(env, n, pairs, spare))
		goto done;
	for (uint32_t i = 0; i < n; i++)
	{
		order[i] = pairs[i].row;
		if (hpc_poll(env, i))
			goto done;
	}
	for (uint32_t start = 0; start < n; start = end)
	{
		for (end = start + 1; end < n && pairs[end].key == pairs[start].key;
			 end++)
			;
		if (end / HPC_ITEMS_PER_POLL > start / HPC_ITEMS_PER_POLL &&
			hpc_cancelled(env))
			goto done;
		if (!sort_entries(env, dictionary, order + start, scratch,
						  end - start))
			goto done;
	}
	status = HPC_OK;
done:
	hpc_free(env, pairs);
	hpc_free(env, spare);
	hpc_free(env, scratch);
	return status;
}

hpc_status
hpc_rank_categories(hpc_env *env, const hpc_dictionary *dictionary,
					uint32_t nrows, uint32_t *ranks,
					hpc_dictionary *categories)
{
	uint32_t n = dictionary->nentries;
	uint32_t *order = hpc_alloc(env, n, sizeof(uint32_t));
	uint32_t *rank_of = hpc_alloc(env, n, sizeof(uint32_t));
	hpc_status status = HPC_NO_MEMORY;

	if (order != NULL && rank_of != NULL)
		status = order_entries(env, dictionary, order);
	for (uint32_t i = 0; i < n && status == HPC_OK; i++)
	{
		uint32_t nbytes;
		uint32_t code;
		const char *bytes =
			hpc_dictionary_entry(dictionary, order[i], &nbytes);

		rank_of[order[i]] = i;
		status = hpc_dictionary_code(env, categories, bytes, nbytes, &code);
		if (status == HPC_OK && hpc_poll_texts(env, i))
			status = HPC_CANCELLED;
	}
	for (uint32_t row = 0; row < nrows && status == HPC_OK; row++)
	{
		ranks[row] = ranks[row] == HPC_MISSING_CODE ? n : rank_of[ranks[row]];
		if (hpc_poll(env, row))
			status = HPC_CANCELLED;
	}
	hpc_free(env, order);
	hpc_free(env, rank_of);
	return status;
}
