/*
 * hpc_sketch.c
 *		Which rows were there: the smallest of their hashes.
 */
#include "hpc_memory.h"
#include "hpc_sketch.h"

/* Lets a word sink into the heap[n] (greatest first) from its top. */
static void
sink(uint64_t *heap, uint32_t n, uint64_t word)
{
	uint32_t place = 0;

	for (;;)
	{
		uint32_t child = 2 * place + 1;

		if (child + 1 < n && heap[child + 1] > heap[child])
			child++;
		if (child >= n || heap[child] <= word)
			break;
		heap[place] = heap[child];
		place = child;
	}
	heap[place] = word;
}

/* Lets a word rise in the heap from its last place. */
static void
rise(uint64_t *heap, uint32_t place, uint64_t word)
{
	while (place > 0 && heap[(place - 1) / 2] < word)
	{
		heap[place] = heap[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	heap[place] = word;
}

/* From a heap to ascending words, each once. */
static void
finish(hpc_sketch *sketch)
{
	uint64_t *words = sketch->words;
	uint32_t n = 0;

	for (uint32_t left = sketch->nwords; left > 1; left--)
	{
		uint64_t greatest = words[0];

		sink(words, left - 1, words[left - 1]);
		words[left - 1] = greatest;
	}
	for (uint32_t i = 0; i < sketch->nwords; i++)
	{
		if (i == 0 || words[i] != words[i - 1])
			words[n++] = words[i];
	}
	sketch->nwords = n;
}

hpc_status
hpc_sketch_rows(hpc_env *env, const hpc_hash *rows, uint32_t nrows,
				hpc_sketch *sketch)
{
	uint32_t most = nrows < HPC_SKETCH_WORDS ? nrows : HPC_SKETCH_WORDS;
	uint64_t *words = hpc_alloc(env, most, sizeof(uint64_t));

	sketch->words = words;
	if (words == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t i = 0; i < most; i++)
		rise(words, i, hpc_sketch_word(rows[i]));
	for (uint32_t i = most; i < nrows; i++)
	{
		uint64_t word = hpc_sketch_word(rows[i]);

		if (word < words[0])
			sink(words, most, word);
		if (hpc_poll(env, i))
			return HPC_CANCELLED;
	}
	sketch->nwords = most;
	sketch->limit = most < nrows ? words[0] : HPC_SKETCH_COMPLETE;
	finish(sketch);
	return HPC_OK;
}

hpc_status
hpc_sketch_unite(hpc_env *env, hpc_sketch *sketch, const uint64_t *words,
				 uint32_t nwords, uint64_t limit)
{
	const uint64_t *own = sketch->words;
	uint32_t nown = own != NULL ? sketch->nwords : 0;
	hpc_sketch united = {.limit = limit};
	uint32_t i = 0;
	uint32_t j = 0;

	united.words = hpc_alloc(env, HPC_SKETCH_WORDS, sizeof(uint64_t));
	if (united.words == NULL)
		return HPC_NO_MEMORY;
	if (own != NULL && sketch->limit < limit)
		united.limit = sketch->limit;
	while (i < nown || j < nwords)
	{
		bool mine = j == nwords || (i < nown && own[i] <= words[j]);
		uint64_t word = mine ? own[i] : words[j];

		if (word > united.limit)
			break;
		if (united.nwords == HPC_SKETCH_WORDS)
		{
			united.limit = united.words[HPC_SKETCH_WORDS - 1];
			break;
		}
		united.words[united.nwords++] = word;
		i += i < nown && own[i] == word;
		j += j < nwords && words[j] == word;
	}
	hpc_sketch_free(env, sketch);
	*sketch = united;
	return HPC_OK;
}

void
hpc_sketch_free(hpc_env *env, hpc_sketch *sketch)
{
	hpc_free(env, sketch->words);
	sketch->words = NULL;
	sketch->nwords = 0;
}
