/*
 * test_sketch.c
 *		The rows that a model has seen, against a sorted list of all of them.
 */
#include <stdlib.h>
#include <string.h>

#include "hpc_model.h"
#include "hpt_section.h"
#include "hpt_table.h"

static int
compare_words(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a;
	uint64_t y = *(const uint64_t *) b;

	return (x > y) - (x < y);
}

/* Sorts words, each once; answers how many. */
static uint32_t
sort_words(uint64_t *words, uint32_t n)
{
	uint32_t kept = 0;

	qsort(words, n, sizeof(uint64_t), compare_words);
	for (uint32_t i = 0; i < n; i++)
	{
		if (kept == 0 || words[i] != words[kept - 1])
			words[kept++] = words[i];
	}
	return kept;
}

/* Is this what is left of words[n], sorted, under a limit? */
static bool
is_sketch_of(const hpc_sketch *sketch, const uint64_t *words, uint32_t n,
			 uint64_t limit)
{
	while (n > 0 && words[n - 1] > limit)
		n--;
	if (n > HPC_SKETCH_WORDS)
	{
		n = HPC_SKETCH_WORDS;
		limit = words[n - 1];
	}
	return sketch->nwords == n && sketch->limit == limit &&
		   memcmp(sketch->words, words, n * sizeof(uint64_t)) == 0;
}

/* ---------- sketches of hashes ---------- */

/* Random hashes; every seventh repeats a word; of few values where small. */
static hpc_hash *
make_rows(uint32_t n, uint64_t seed, bool falling)
{
	hpt_random random = {seed};
	hpc_hash *rows = malloc((n + 1) * sizeof(hpc_hash));

	for (uint32_t i = 0; i < n; i++)
	{
		rows[i].high = hpt_random_bits(&random);
		rows[i].low = falling ? UINT64_MAX - i * UINT64_C(1000003)
							  : hpt_random_bits(&random);
		if (i % 7 == 6)
			rows[i].low = rows[i / 2].low;
	}
	return rows;
}

static void
check_rows(uint32_t n, bool falling)
{
	hpc_hash *rows = make_rows(n, n + 1, falling);
	uint64_t *words = malloc((n + 1) * sizeof(uint64_t));
	uint64_t limit = HPC_SKETCH_COMPLETE;
	hpc_sketch sketch = {0};
	hpt_memory memory;
	uint32_t kept;

	hpt_memory_init(&memory, 1);
	hpt_ok(hpc_sketch_rows(&memory.env, rows, n, &sketch) == HPC_OK, "%u rows",
		   n);
	for (uint32_t i = 0; i < n; i++)
		words[i] = hpc_sketch_word(rows[i]);

	/* words that repeat each other take a place */
	qsort(words, n, sizeof(uint64_t), compare_words);
	if (n > HPC_SKETCH_WORDS)
	{
		n = HPC_SKETCH_WORDS;
		limit = words[n - 1];
	}
	kept = sort_words(words, n);
	hpt_ok(is_sketch_of(&sketch, words, kept, limit),
		   "the smallest %u, each once", kept);
	hpc_sketch_free(&memory.env, &sketch);
	hpt_ok(memory.nblocks == 0, "all is given back");
	free(words);
	free(rows);
}

/* Different rows from a common pool, so that sketches overlap. */
static void
check_union(uint32_t na, uint32_t nb, uint32_t npool)
{
	hpt_random random = {npool};
	hpc_hash *pool = make_rows(npool, 77, false);
	uint32_t n[2] = {na, nb};
	uint64_t *words = malloc((size_t) (na + nb) * sizeof(uint64_t));
	uint64_t limit = HPC_SKETCH_COMPLETE;
	hpc_sketch united[2] = {{0}, {0}};
	hpc_sketch own[2];
	hpt_memory memory;
	uint32_t kept = 0;

	hpt_memory_init(&memory, 1);
	for (int i = 0; i < 2; i++)
	{
		hpc_hash *rows = malloc(n[i] * sizeof(hpc_hash));

		for (uint32_t j = 0; j < n[i]; j++)
		{
			rows[j] = pool[hpt_random_below(&random, npool)];
			words[kept++] = rows[j].low;
		}
		hpc_sketch_rows(&memory.env, rows, n[i], &own[i]);
		if (own[i].limit < limit)
			limit = own[i].limit;
		free(rows);
	}
	kept = sort_words(words, kept);
	for (int i = 0; i < 4; i++)
	{
		const hpc_sketch *next = &own[i == 1 || i == 2];

		hpc_sketch_unite(&memory.env, &united[i / 2], next->words,
						 next->nwords, next->limit);
	}
	hpt_ok(is_sketch_of(&united[0], words, kept, limit) &&
			   is_sketch_of(&united[1], words, kept, limit),
		   "the union of %u and %u rows is that of all, in either order", na,
		   nb);
	for (int i = 0; i < 2; i++)
	{
		hpc_sketch_free(&memory.env, &united[i]);
		hpc_sketch_free(&memory.env, &own[i]);
	}
	hpt_ok(memory.nblocks == 0, "all is given back");
	free(words);
	free(pool);
}

static void
check_failures(void)
{
	hpc_hash *rows = make_rows(100, 1, false);
	hpc_sketch sketch;
	hpt_memory memory;

	hpt_memory_init(&memory, 1);
	memory.fail_at = 1;
	hpt_ok(hpc_sketch_rows(&memory.env, rows, 100, &sketch) == HPC_NO_MEMORY,
		   "no memory");
	hpt_ok(hpc_sketch_rows(&memory.env, rows, 100, &sketch) == HPC_OK,
		   "memory");
	memory.fail_at = memory.nrequests + 1;
	hpt_ok(hpc_sketch_unite(&memory.env, &sketch, sketch.words, sketch.nwords,
							sketch.limit) == HPC_NO_MEMORY &&
			   sketch.nwords > 0,
		   "no memory for a union: nothing is lost");
	hpc_sketch_free(&memory.env, &sketch);
	hpt_ok(memory.nblocks == 0, "all is given back");
	free(rows);
}

/* ---------- sketches of models ---------- */

static hpc_hash
hash_of(const hpc_model *model, const hpt_table *table, uint32_t row)
{
	hpc_value values[HPT_MAX_COLUMNS];

	hpt_model_values(model, table, row, values);
	return hpc_model_row_hash(model, values, table->target[row],
							  table->weight[row]);
}

/* Rows are seen, or above the limit; others are unseen, or above it. */
static void
check_sightings(const char *what, const hpc_model *model,
				const hpt_table *table, bool complete)
{
	uint32_t count[3] = {0, 0, 0};
	uint32_t others[3] = {0, 0, 0};

	for (uint32_t row = 0; row < table->nrows; row++)
	{
		hpc_hash hash = hash_of(model, table, row);

		if (table->weight[row] == 0)
			continue;
		count[hpc_model_sighting(model, hash)]++;
		hash.low ^= 1;
		others[hpc_model_sighting(model, hash)]++;
	}
	hpt_ok(hpc_model_has_sketch(model) && count[HPC_UNSEEN] == 0 &&
			   count[HPC_SEEN] > 0 && others[HPC_SEEN] == 0 &&
			   others[HPC_UNSEEN] > 0 &&
			   (count[HPC_NOT_SAMPLED] == 0) == complete &&
			   (others[HPC_NOT_SAMPLED] == 0) == complete,
		   "%s: all rows that it can know are seen, no others", what);
}

/* The words of a model are those of the rows, by the slow way. */
static void
check_words(const char *what, const hpc_model *model, const hpt_table *table)
{
	uint64_t *words = malloc(table->nrows * sizeof(uint64_t));
	size_t size;
	const hpc_sketch_record *record =
		hpt_section(model, HPC_SECTION_ROW_SKETCH, &size);
	uint64_t *own = malloc(size);
	hpc_sketch sketch = {own, record->nwords, record->limit};
	uint32_t n = 0;

	memcpy(own, hpc_sketch_record_words(record), size - sizeof(*record));
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		if (table->weight[row] > 0)
			words[n++] = hash_of(model, table, row).low;
	}
	n = sort_words(words, n);
	hpt_ok(is_sketch_of(&sketch, words, n, HPC_SKETCH_COMPLETE),
		   "%s: %u words of %u different rows", what, record->nwords, n);
	free(own);
	free(words);
}

static hpc_model *
train(hpt_memory *memory, const hpt_table *table, const hpc_params *params,
	  int nthreads)
{
	size_t nbytes;

	return hpt_table_model(memory, table, params, nthreads, &nbytes);
}

/* With weights, copies and rows of weight 0, in whatever order. */
static void
check_model(const char *what, uint32_t nrows, bool complete)
{
	hpc_params params = hpt_params(1);
	hpt_memory memory;
	hpt_memory again;
	hpt_table table;
	hpc_model *model;
	hpc_model *other;

	hpt_table_numbers(&table, 3, nrows, 1000, 5);
	hpt_table_weigh(&table, 3);
	for (uint32_t row = 0; row < nrows; row += 9)
		hpt_table_repeat(&table, row);
	for (uint32_t row = 0; row < nrows; row += 13)
		table.weight[row] = 0;
	model = train(&memory, &table, &params, 1);
	check_words(what, model, &table);
	check_sightings(what, model, &table, complete);
	hpt_table_shuffle(&table, 8);
	hpt_table_reverse_columns(&table);
	other = train(&again, &table, &params, 2);
	hpt_ok(strcmp(hpt_digest(model), hpt_digest(other)) == 0,
		   "%s: the same for shuffled rows and two threads", what);
	hpt_release(&again.env, other);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

static void
check_others(void)
{
	hpc_params params = hpt_params(3);
	hpc_params members[2] = {hpt_params(2), hpt_params(2)};
	hpt_memory memory;
	hpt_table table;
	hpc_model *model;

	hpt_table_houses(&table, 300, 1);
	hpc_params_init(&params, HPC_BLEND);
	params.leak = HPC_LEAK_ALLOW;
	params.members = members;
	params.nmembers = 2;
	members[1].seed = 2;
	model = train(&memory, &table, &params, 1);
	check_words("a blend", model, &table);
	hpt_ok(!hpc_model_has_sketch(hpc_model_member(model, 0)) &&
			   !hpc_model_has_sketch(hpc_model_member(model, 1)),
		   "its members have none");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);

	hpt_table_init(&table);
	for (int i = 0; i < 10; i++)
		hpt_table_row(&table, i);
	hpc_params_init(&params, HPC_MEAN);
	model = train(&memory, &table, &params, 1);
	hpt_ok(!hpc_model_has_sketch(model) &&
			   hpc_model_sighting(model, hash_of(model, &table, 0)) ==
				   HPC_NOT_SAMPLED,
		   "a model without features knows no rows");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- merged ---------- */

static void
check_merged(void)
{
	hpc_params params = hpt_params(1);
	hpt_table tables[2];
	hpt_memory memory[2];
	const hpc_model *models[2];
	hpc_model *bare;
	void *merged = NULL;
	size_t nbytes;

	for (int i = 0; i < 2; i++)
	{
		hpt_table_numbers(&tables[i], 3, i == 0 ? 9000 : 500, 1000,
						  (uint64_t) i);
		params.seed = i;
		models[i] = train(&memory[i], &tables[i], &params, 1);
	}
	hpc_model_merge(&memory[0].env, models, 2, &merged, &nbytes);
	check_sightings("merged, first rows", merged, &tables[0], false);
	check_sightings("merged, others", merged, &tables[1], false);
	hpt_release(&memory[0].env, merged);
	bare =
		hpt_with_section(models[1], HPC_SECTION_ROW_SKETCH, NULL, 0, &nbytes);
	hpt_release(&memory[1].env, (void *) (uintptr_t) models[1]);
	models[1] = bare;
	hpc_model_merge(&memory[0].env, models, 2, &merged, &nbytes);
	hpt_ok(!hpc_model_has_sketch(merged),
		   "merged with one that knows no rows: no more known");
	hpt_release(&memory[0].env, merged);
	hpt_release(&memory[0].env, (void *) (uintptr_t) models[0]);
	free(bare);
	for (int i = 0; i < 2; i++)
		hpt_table_free(&tables[i]);
}

int
main(void)
{
	static const uint32_t sizes[] = {0, 1, 2, 3, 10, 8191, 8192, 8193, 50000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		check_rows(sizes[i], i % 3 == 2);
	check_union(10, 20, 25);
	check_union(5000, 6000, 100000);
	check_union(5000, 6000, 5000);
	check_union(20000, 300, 100000);
	check_union(20000, 30000, 25000);
	check_failures();
	check_model("few rows", 700, true);
	check_model("many rows", 12000, false);
	check_others();
	check_merged();
	return hpt_done();
}
