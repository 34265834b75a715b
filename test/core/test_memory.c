/*
 * test_memory.c
 *		Filling and copying with questions in between; and how much memory a
 *		training touches for the first time between two questions whether to
 *		stop, which is what makes a cancel wait.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "hpc_memory.h"
#include "hpt.h"
#include "hpt_table.h"

#define MEGABYTE ((size_t) 1 << 20)

/*
 * The thread sanitizer keeps a shadow of the memory, several times as large,
 * whose faults would be counted too.
 */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define FAULTS_ARE_OURS false
#endif
#endif
#ifndef FAULTS_ARE_OURS
#define FAULTS_ARE_OURS true
#endif

/* ---------- pieces ---------- */

static const size_t sizes[] = {0,
							   1,
							   HPC_BYTES_PER_POLL - 1,
							   HPC_BYTES_PER_POLL,
							   HPC_BYTES_PER_POLL + 1,
							   3 * HPC_BYTES_PER_POLL + 5};

static void
check_pieces(size_t nbytes)
{
	size_t npieces = (nbytes + HPC_BYTES_PER_POLL - 1) / HPC_BYTES_PER_POLL;
	unsigned char *from = malloc(nbytes + 1);
	unsigned char *to = malloc(nbytes + 1);
	hpt_memory memory;
	bool filled = true;

	hpt_memory_init(&memory, 1);
	to[nbytes] = 1;
	filled &= hpc_fill(&memory.env, to, 0xab, nbytes) == HPC_OK;
	for (size_t i = 0; i < nbytes; i++)
	{
		filled &= to[i] == 0xab;
		from[i] = (unsigned char) hpc_mix(i);
	}
	hpt_ok(filled && to[nbytes] == 1, "%zu bytes are filled", nbytes);
	hpt_ok(hpc_copy(&memory.env, to, from, nbytes) == HPC_OK &&
			   memcmp(to, from, nbytes) == 0 && to[nbytes] == 1,
		   "%zu bytes are copied", nbytes);
	hpt_ok(memory.nchecks == (npieces > 1 ? 2 * (int64_t) (npieces - 1) : 0),
		   "with a question between two pieces");
	for (size_t at = 1; at < npieces; at++)
	{
		hpt_memory_init(&memory, 1);
		memory.cancel_at = (int64_t) at;
		hpt_ok(hpc_fill(&memory.env, to, 0, nbytes) == HPC_CANCELLED &&
				   memory.env.error.status == HPC_CANCELLED,
			   "a fill can be cancelled after %zu pieces", at);
		hpt_memory_init(&memory, 1);
		memory.cancel_at = (int64_t) at;
		hpt_ok(hpc_copy(&memory.env, to, from, nbytes) == HPC_CANCELLED,
			   "and a copy");
	}
	free(from);
	free(to);
}

/* ---------- memory that is touched ---------- */

/*
 * An environment whose large blocks are the kernel's own, so that each page
 * faults when it is touched for the first time, and whose check counts these
 * faults.
 */
typedef struct touched
{
	bool counting;
	long before; /* faults when last asked */
	long most;   /* between two questions */
} touched;

typedef struct header
{
	size_t size; /* with the header */
	bool mapped;
} header;

_Static_assert(sizeof(header) == 16, "blocks are aligned to 16 bytes");

#define MAPPED_FROM 65536

static long
faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static void *
new_block(size_t size)
{
	header *block;

	size += sizeof(header);
	block = size < MAPPED_FROM ? malloc(size)
							   : mmap(NULL, size, PROT_READ | PROT_WRITE,
									  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (block == NULL || block == MAP_FAILED)
		return NULL;
	*block = (header){size, size >= MAPPED_FROM};
	return block + 1;
}

static void
release(header *block)
{
	if (block->mapped)
		munmap(block, block->size);
	else
		free(block);
}

static void *
resize(void *opaque, void *ptr, size_t size)
{
	header *old = ptr != NULL ? (header *) ptr - 1 : NULL;
	void *block = NULL;

	(void) opaque;
	if (old != NULL && old->mapped && size + sizeof(header) >= MAPPED_FROM)
	{
		/* as the C library does: pages move, bytes do not */
		old = mremap(old, old->size, size + sizeof(header), MREMAP_MAYMOVE);
		if (old == MAP_FAILED)
			return NULL;
		old->size = size + sizeof(header);
		return old + 1;
	}
	if (size > 0)
	{
		block = new_block(size);
		if (block == NULL)
			return NULL;
	}
	if (old != NULL && block != NULL)
		memcpy(block, ptr,
			   size < old->size - sizeof(header) ? size
												 : old->size - sizeof(header));
	if (old != NULL)
		release(old);
	return block;
}

static bool
check(void *opaque)
{
	touched *t = opaque;
	long now = faults();

	if (t->counting && now - t->before > t->most)
		t->most = now - t->before;
	t->before = now;
	return false;
}

/* Faults of touching that many megabytes, with whatever a sanitizer adds. */
static long
faults_of(size_t nmegabytes)
{
	size_t nbytes = nmegabytes * MEGABYTE;
	long before = faults();
	char *block = new_block(nbytes);
	long n;

	memset(block, 1, nbytes);
	n = faults() - before;
	release((header *) (void *) block - 1);
	return n;
}

#define NROWS 400000
#define NCOLUMNS 5

/* Numbers few and many, dates, and words: half of the rows occur twice. */
static hpc_dataset *
make_rows(hpc_env *env)
{
	static const hpc_column_spec columns[NCOLUMNS] = {
		{"area", HPC_NUMBER, HPC_STORE_INT32, true},
		{"rooms", HPC_NUMBER, HPC_STORE_INT32, true},
		{"exact", HPC_NUMBER, HPC_STORE_DOUBLE, false},
		{"sold", HPC_TIME, HPC_STORE_DOUBLE, false},
		{"street", HPC_CATEGORY, HPC_STORE_CODE, false},
	};
	hpc_dataset *dataset;
	hpc_status status = hpc_dataset_create(env, NCOLUMNS, columns, &dataset);

	for (uint64_t row = 0; row < NROWS && status == HPC_OK; row++)
	{
		uint64_t bits = hpc_mix(row % (NROWS * 3 / 4));
		char word[32];
		hpc_value values[NCOLUMNS] = {{.number = (double) (bits % 30000)},
									  {.number = (double) (bits % 11),
									   .missing = bits % 7 == 0},
									  {.number = (double) bits / 7},
									  {.number =
										   (double) (bits % 100000 * 86400)},
									  {.bytes = word, .nbytes = 24}};

		memset(word, 's', sizeof(word));
		for (int i = 0; i < 5; i++)
			word[19 + i] = (char) ('0' + (bits % 200000 >> 4 * i & 15));
		status = hpc_dataset_append(env, dataset, values,
									(double) (bits % 1000 + bits % 11), 1);
	}
	return status == HPC_OK ? dataset : NULL;
}

/* No more than this may be touched between two questions. */
#define MOST_MEGABYTES 4

static void
check_touched(const char *what, const hpc_params *params)
{
	touched t = {false, 0, 0};
	hpc_env env = {.resize = resize,
				   .check = check,
				   .opaque = &t,
				   .nthreads = 1};
	hpc_dataset *dataset = make_rows(&env);
	hpc_texts texts = {0};
	hpc_result result;
	long limit = faults_of(MOST_MEGABYTES);

	t.before = faults();
	t.counting = true;
	if (!hpt_ok(hpc_train(&env, dataset, params, &texts, &result) == HPC_OK,
				"%s: trained", what))
	{
		hpt_note("%s", env.error.message);
		return;
	}
	check(&t);
	hpt_ok(t.most <= limit,
		   "between two questions no more than %d MB are touched anew",
		   MOST_MEGABYTES);
	hpt_note("%ld page faults at most, of %ld", t.most, limit);
	hpc_free(&env, result.model);
	hpc_free(&env, result.findings);
	hpc_dataset_free(&env, dataset);
}

static void
check_algorithms(void)
{
	hpc_params params;

	hpc_params_init(&params, HPC_MEAN);
	check_touched("mean", &params);
	hpc_params_init(&params, HPC_LINEAR);
	params.l1 = params.l2 = 1;
	check_touched("linear", &params);
	hpc_params_init(&params, HPC_FOREST);
	params.trees = 2;
	params.min_leaf = 1000;
	check_touched("forest", &params);
	hpc_params_init(&params, HPC_EXTRA_TREES);
	params.trees = 2;
	params.min_leaf = 1000;
	check_touched("extra trees", &params);
	for (int loss = HPC_LOSS_SQUARED; loss <= HPC_LOSS_HUBER;
		 loss += HPC_LOSS_HUBER)
	{
		hpc_params_init(&params, HPC_BOOST);
		params.rounds = 2;
		params.loss = loss;
		check_touched("boost", &params);
	}
}

/* ---------- stopped among many rows ---------- */

#define NSTOPS 12

/* Trains on fresh rows; at question number cancel_at it is told to stop. */
static hpc_status
train_until(hpt_memory *memory, const hpc_params *params, int64_t cancel_at)
{
	hpc_texts texts = {0};
	hpc_result result;
	hpc_dataset *dataset;
	hpc_status status;

	hpt_memory_init(memory, 1);
	dataset = make_rows(&memory->env);
	memory->nchecks = 0;
	memory->cancel_at = cancel_at;
	status = hpc_train(&memory->env, dataset, params, &texts, &result);
	hpc_free(&memory->env, result.model);
	hpc_free(&memory->env, result.findings);
	hpc_dataset_free(&memory->env, dataset);
	return status;
}

/* Loops over rows ask only where there are many: other tests have few. */
static void
check_stops(const char *what, const hpc_params *params)
{
	hpt_memory memory;
	int64_t n;
	bool passed;

	passed = train_until(&memory, params, 0) == HPC_OK;
	n = memory.nchecks;
	for (int64_t i = 0; i < NSTOPS; i++)
		passed &= train_until(&memory, params, 1 + i * (n - 1) / NSTOPS) ==
					  HPC_CANCELLED &&
				  memory.nblocks == 0;
	hpt_ok(passed, "%s: stopped at %d of %d questions, nothing is left", what,
		   NSTOPS, (int) n);
}

static void
check_stopped(void)
{
	hpc_params params;

	hpc_params_init(&params, HPC_MEAN);
	check_stops("mean", &params);
	hpc_params_init(&params, HPC_FOREST);
	params.trees = 1;
	params.max_depth = 2;
	check_stops("forest", &params);
}

/* ---------- arenas ---------- */

/* Pieces of any size keep what is put into them, in a few blocks. */
static void
check_arena(size_t most, size_t npieces)
{
	unsigned char **pieces = malloc(npieces * sizeof(*pieces));
	size_t *sizes_of = malloc(npieces * sizeof(*sizes_of));
	hpt_random random = {most};
	hpc_arena arena = {0};
	hpt_memory memory;
	size_t asked = 0;
	bool passed = true;

	hpt_memory_init(&memory, 1);
	for (size_t i = 0; i < npieces; i++)
	{
		sizes_of[i] = 1 + hpt_random_below(&random, most);
		pieces[i] = hpc_arena_alloc(&memory.env, &arena, sizes_of[i]);
		memset(pieces[i], (int) i, sizes_of[i]);
		passed &= (uintptr_t) pieces[i] % 16 == 0;
		asked += sizes_of[i] + 16;
	}
	for (size_t i = 0; i < npieces; i++)
	{
		for (size_t j = 0; j < sizes_of[i]; j++)
			passed &= pieces[i][j] == (unsigned char) i;
	}
	hpt_ok(passed && memory.nblocks < 64 &&
			   arena.total <= asked * 4 / 3 + most + 32,
		   "%d pieces of up to %d bytes in %d blocks", (int) npieces,
		   (int) most, (int) memory.nblocks);
	memory.fail_at = memory.nrequests + 1;
	hpt_ok(hpc_arena_alloc(&memory.env, &arena, (size_t) 1 << 30) == NULL,
		   "a piece that is refused");
	hpc_arena_free(&memory.env, &arena);
	hpt_ok(memory.nblocks == 0, "is freed");
	free(pieces);
	free(sizes_of);
}

int
main(void)
{
	check_arena(1, 1);
	check_arena(100, 10000);
	check_arena(10000, 1000);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		check_pieces(sizes[i]);
	if (FAULTS_ARE_OURS)
		check_algorithms();
	check_stopped();
	return hpt_done();
}
