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

hpc_status
hpc_rank_numbers(hpc_env *env, hpc_rank_scratch *scratch,
				 const double *numbers, uint32_t *ranks, double **values,
				 uint32_t *nvalues)
{
	hpc_pair *pairs = scratch->pairs;
	uint32_t npresent = 0;
	uint32_t n = 0;

	for (uint32_t row = 0; row < scratch->nrows; row++)
	{
		if (isnan(numbers[row]))
			continue;
		pairs[npresent].key = hpc_sortable(numbers[row]);
		pairs[npresent++].row = row;
	}
	if (!hpc_sort_pairs(env, npresent, pairs, scratch->spare))
		return HPC_CANCELLED;
	for (uint32_t i = 0; i < npresent; i++)
		n += i == 0 || pairs[i].key != pairs[i - 1].key;
	*values = hpc_alloc(env, n, sizeof(double));
	if (*values == NULL)
		return HPC_NO_MEMORY;
	*nvalues = n;
	n = 0;
	for (uint32_t i = 0; i < npresent; i++)
	{
		if (i == 0 || pairs[i].key != pairs[i - 1].key)
			(*values)[n++] = hpc_from_sortable(pairs[i].key);
		ranks[pairs[i].row] = n - 1;
		if (hpc_poll(env, i))
			return HPC_CANCELLED;
	}
	for (uint32_t row = 0; row < scratch->nrows; row++)
	{
		if (isnan(numbers[row]))
			ranks[row] = n;
	}
	return HPC_OK;
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
	for (uint32_t width = 1; width < n; width *= 2)
	{
		if (hpc_cancelled(env))
			return false;
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
			}
		}
		memcpy(entries, scratch, n * sizeof(uint32_t));
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
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t nbytes;
		const char *bytes = hpc_dictionary_entry(dictionary, i, &nbytes);

		pairs[i].key = prefix_key(bytes, nbytes);
		pairs[i].row = i;
	}
	status = HPC_CANCELLED;
	if (!hpc_sort_pairs(env, n, pairs, spare))
		goto done;
	for (uint32_t i = 0; i < n; i++)
		order[i] = pairs[i].row;
	for (uint32_t start = 0; start < n; start = end)
	{
		for (end = start + 1; end < n && pairs[end].key == pairs[start].key;
			 end++)
			;
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
		if (hpc_poll(env, i))
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
