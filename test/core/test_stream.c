/*
 * test_stream.c
 *		Data sets as bytes: there and back, through broken pipes, refused
 *		allocations, and bytes that nobody wrote.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_rows.h"
#include "hpt_table.h"

/* ---------- in one block ---------- */

static char *
flat_form(const hpc_dataset *dataset, size_t *nbytes)
{
	char *bytes;

	*nbytes = hpc_dataset_flat_size(dataset);
	bytes = calloc(*nbytes + 1, 1);
	hpc_dataset_to_flat(dataset, bytes);
	return bytes;
}

static void
check_flat(uint64_t first, uint64_t nrows)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_dataset *copy = NULL;
	size_t nbytes;
	char *bytes;
	bool passed;

	hpt_memory_init(&memory, 1);
	dataset = hpt_rows_dataset(&memory.env, first, first + nrows);
	hpc_dataset_skip(dataset, 5);
	bytes = flat_form(dataset, &nbytes);
	passed =
		hpc_dataset_from_flat(&memory.env, bytes, nbytes, &copy) == HPC_OK &&
		hpt_rows_hold(copy, first, nrows) && hpc_dataset_nskipped(copy) == 5;
	/* and it can be added to */
	for (uint64_t row = first + nrows; passed && row < first + nrows + 70;
		 row++)
		passed = hpt_rows_append(&memory.env, copy, row) == HPC_OK;
	passed = passed && hpt_rows_hold(copy, first, nrows + 70) &&
			 hpc_dataset_merge(&memory.env, dataset, copy) == HPC_OK;
	hpt_ok(passed, "flat form of %d rows, %d bytes", (int) nrows,
		   (int) nbytes);
	hpc_dataset_free(&memory.env, dataset);
	hpc_dataset_free(&memory.env, copy);
	if (memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
	free(bytes);
}

/* ---------- the stream ---------- */

/* A pipe that breaks when so many pieces have gone through. */
typedef struct pipe_end
{
	char *bytes;
	size_t nbytes;
	size_t at;
	size_t greatest; /* piece */
	int nleft;       /* pieces; negative: any number */
} pipe_end;

static hpc_status
push(void *opaque, const void *bytes, size_t nbytes)
{
	pipe_end *p = opaque;

	if (p->nleft-- == 0)
		return HPC_LIMIT;
	p->greatest = nbytes > p->greatest ? nbytes : p->greatest;
	p->bytes = realloc(p->bytes, p->nbytes + nbytes);
	memcpy(p->bytes + p->nbytes, bytes, nbytes);
	p->nbytes += nbytes;
	return HPC_OK;
}

static hpc_status
pull(void *opaque, void *bytes, size_t nbytes)
{
	pipe_end *p = opaque;

	if (p->nleft-- == 0 || nbytes > p->nbytes - p->at)
		return HPC_LIMIT;
	p->greatest = nbytes > p->greatest ? nbytes : p->greatest;
	memcpy(bytes, p->bytes + p->at, nbytes);
	p->at += nbytes;
	return HPC_OK;
}

/* A text of three pieces, among others. */
static hpc_dataset *
rows_with_long_text(hpc_env *env)
{
	size_t nbytes = 2 * HPC_MAX_PIECE + 1000;
	char *text = malloc(nbytes);
	hpc_dataset *dataset = hpt_rows_dataset(env, 0, 300);
	hpc_value values[HPT_ROW_COLUMNS];

	memset(text, 'x', nbytes);
	for (int i = 0; i < HPT_ROW_COLUMNS; i++)
		values[i] = hpt_missing();
	values[HPT_ROW_WORD] =
		(hpc_value){.bytes = text, .nbytes = (uint32_t) nbytes};
	hpc_dataset_append(env, dataset, values, 100, 1);
	free(text);
	return dataset;
}

static void
check_stream(void)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_dataset *copy = NULL;
	pipe_end p = {.nleft = -1};
	size_t nbytes;
	char *flat;
	bool passed;

	hpt_memory_init(&memory, 1);
	dataset = rows_with_long_text(&memory.env);
	flat = flat_form(dataset, &nbytes);
	passed = hpc_dataset_to_stream(dataset, push, &p) == HPC_OK &&
			 p.nbytes == nbytes && memcmp(p.bytes, flat, nbytes) == 0;
	hpt_ok(passed && p.greatest <= HPC_MAX_PIECE,
		   "the stream comes in pieces of up to %d bytes", (int) p.greatest);
	p.greatest = 0;
	passed = hpc_dataset_from_stream(&memory.env, pull, &p, &copy) == HPC_OK &&
			 p.at == p.nbytes && hpc_dataset_nrows(copy) == 301 &&
			 p.greatest <= HPC_MAX_PIECE;
	free(flat);
	if (passed)
	{
		flat = flat_form(copy, &nbytes);
		passed = p.nbytes == nbytes && memcmp(p.bytes, flat, nbytes) == 0;
		free(flat);
	}
	hpt_ok(passed, "and is read in such");
	free(p.bytes);
	hpc_dataset_free(&memory.env, dataset);
	hpc_dataset_free(&memory.env, copy);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* Broken after each number of pieces, at either end. */
static void
check_broken_stream(void)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_dataset *copy;
	pipe_end whole = {.nleft = -1};
	int npieces;
	int nwrong = 0;

	hpt_memory_init(&memory, 1);
	dataset = hpt_rows_dataset(&memory.env, 0, 300);
	hpc_dataset_to_stream(dataset, push, &whole);
	npieces = -1 - whole.nleft;
	for (int i = 0; i < npieces; i++)
	{
		pipe_end in = {.nleft = i};
		pipe_end out = {whole.bytes, whole.nbytes, 0, 0, i};

		nwrong += hpc_dataset_to_stream(dataset, push, &in) != HPC_LIMIT ||
				  in.nleft != -1;
		nwrong += hpc_dataset_from_stream(&memory.env, pull, &out, &copy) !=
					  HPC_LIMIT ||
				  copy != NULL;
		free(in.bytes);
	}
	hpc_dataset_free(&memory.env, dataset);
	free(whole.bytes);
	hpt_ok(nwrong == 0 && npieces > 100 && memory.nblocks == 0,
		   "broken after each of %d pieces", npieces);
}

static void
check_refused_reading(void)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_dataset *copy = NULL;
	hpc_status status = HPC_NO_MEMORY;
	size_t nbytes;
	char *bytes;
	int64_t nblocks;
	bool passed = true;
	int64_t fail_at = 0;

	hpt_memory_init(&memory, 1);
	dataset = hpt_rows_dataset(&memory.env, 0, 700);
	bytes = flat_form(dataset, &nbytes);
	nblocks = memory.nblocks;
	while (status == HPC_NO_MEMORY && passed)
	{
		memory.nrequests = 0;
		memory.fail_at = ++fail_at;
		status = hpc_dataset_from_flat(&memory.env, bytes, nbytes, &copy);
		passed =
			status == HPC_OK || (copy == NULL && memory.nblocks == nblocks &&
								 memory.env.error.status == HPC_NO_MEMORY);
	}
	hpt_ok(passed && status == HPC_OK && hpt_rows_hold(copy, 0, 700) &&
			   fail_at > 50,
		   "each of %d allocations can fail in reading", (int) fail_at - 1);
	hpc_dataset_free(&memory.env, dataset);
	hpc_dataset_free(&memory.env, copy);
	free(bytes);
}

/* ---------- bytes that nobody wrote ---------- */

/* Reads exactly nbytes bytes (so that a sanitizer sees one too many). */
static hpc_status
read_flat(const char *bytes, size_t nbytes, bool use)
{
	char *exact = malloc(nbytes > 0 ? nbytes : 1);
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_status status;

	memcpy(exact, bytes, nbytes);
	hpt_memory_init(&memory, 1);
	status = hpc_dataset_from_flat(&memory.env, exact, nbytes, &dataset);
	free(exact);
	if (status == HPC_OK && use && hpc_dataset_nrows(dataset) > 0)
	{
		hpc_params params = hpt_params(1);
		hpc_texts texts = {0};
		hpc_result result;

		hpc_train(&memory.env, dataset, &params, &texts, &result);
		hpt_release(&memory.env, result.model);
		hpt_release(&memory.env, result.findings);
	}
	hpc_dataset_free(&memory.env, dataset);
	if (memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
	return status;
}

static void
check_truncated(void)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	size_t nbytes;
	char *bytes;
	size_t nwrong = 0;

	hpt_memory_init(&memory, 1);
	dataset = hpt_rows_dataset(&memory.env, 0, 70);
	bytes = flat_form(dataset, &nbytes);
	hpc_dataset_free(&memory.env, dataset);
	for (size_t n = 0; n < nbytes; n++)
		nwrong += read_flat(bytes, n, false) != HPC_CORRUPT;
	hpt_ok(nwrong == 0, "refused when cut off at any of %d lengths",
		   (int) nbytes);
	hpt_ok(read_flat(bytes, nbytes + 1, false) == HPC_CORRUPT,
		   "refused with a byte too many");
	free(bytes);
}

/*
 * A stream of 65 rows of one column of words, all with the target 1.  The
 * words are "a" and "b": of each of the 64 rows of the block by turns, or
 * all "a", which takes no bytes; the open row has "b".  From its end:
 */
#define AT_WEIGHT 8 /* of the open row */
#define AT_TARGET 40
#define AT_CODE 72
#define AT_HEAD 160 /* of the chunk of codes, where they take turns */
#define AT_WORD_B 161
#define AT_PLAIN_WORD_B (161 - 64)
#define AT_ROWS (nbytes - 40)

static char *
two_words(bool turns, size_t *nbytes)
{
	static const hpc_column_spec column = {"w", HPC_CATEGORY, HPC_STORE_CODE,
										   false};
	hpt_memory memory;
	hpc_dataset *dataset;
	char *bytes;

	hpt_memory_init(&memory, 1);
	hpc_dataset_create(&memory.env, 1, &column, &dataset);
	for (uint32_t i = 0; i < 65; i++)
	{
		hpc_value value = hpt_level(i == 64 || (turns && i % 2 == 1));

		hpc_dataset_append(&memory.env, dataset, &value, 1, 1);
	}
	bytes = flat_form(dataset, nbytes);
	hpc_dataset_free(&memory.env, dataset);
	return bytes;
}

/* Reads a stream and frees it; its number of rows, or the status. */
static int
read_and_free(char *bytes, size_t nbytes, bool *weighted)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	int result;

	hpt_memory_init(&memory, 1);
	result = hpc_dataset_from_flat(&memory.env, bytes, nbytes, &dataset);
	if (result == HPC_OK)
	{
		*weighted = hpc_dataset_has_weights(dataset);
		result = (int) hpc_dataset_nrows(dataset);
	}
	hpc_dataset_free(&memory.env, dataset);
	free(bytes);
	return result;
}

/* The same for one whose bytes have been changed at one place. */
static int
read_changed(size_t from_end, const void *change, size_t nchanged,
			 bool *weighted)
{
	size_t nbytes;
	char *bytes = two_words(true, &nbytes);

	memcpy(bytes + nbytes - from_end, change, nchanged);
	return read_and_free(bytes, nbytes, weighted);
}

static void
check_number(size_t from_end, double number, bool good, const char *what)
{
	bool weighted = false;
	int result = read_changed(from_end, &number, sizeof(number), &weighted);

	hpt_ok(result == (good ? 65 : HPC_CORRUPT) && weighted == (number == 2.5),
		   "%s %g: %s", what, number, good ? "read" : "refused");
}

/* A base or step that no value takes must still be one of codes. */
static bool
reads_idle(double base, double step, bool missing)
{
	struct
	{
		double base;
		double step;
		uint8_t packing;
		uint8_t decimals;
		uint8_t missing;
		uint8_t zero[5];
		uint8_t steps[64];
	} change = {base, step, HPC_PACK_8, 0, missing, {0}, {0}};
	bool weighted;

	memset(change.steps, missing ? 255 : 0, sizeof(change.steps));
	return read_changed(AT_HEAD, &change, sizeof(change), &weighted) == 65;
}

/* A block of no rows, and a word twice, that nothing else gives away. */
static void
check_hidden_faults(void)
{
	const uint64_t no_rows = 0;
	const double code = 0;
	bool weighted;
	size_t nbytes;
	char *bytes = two_words(false, &nbytes);

	hpt_ok(read_and_free(bytes, nbytes, &weighted) == 65,
		   "one word, 64 times");
	bytes = two_words(false, &nbytes);
	memcpy(bytes + nbytes - AT_ROWS, &no_rows, 8);
	hpt_ok(read_and_free(bytes, nbytes, &weighted) == HPC_CORRUPT,
		   "a block without rows is refused");
	bytes = two_words(false, &nbytes);
	bytes[nbytes - AT_PLAIN_WORD_B] = 'a';
	memcpy(bytes + nbytes - AT_CODE, &code, 8);
	hpt_ok(read_and_free(bytes, nbytes, &weighted) == HPC_CORRUPT,
		   "a word twice is refused");
}

/* Each rule for what may be. */
static void
check_rules(void)
{
	bool weighted;

	check_number(AT_WEIGHT, 2.5, true, "weight");
	check_number(AT_WEIGHT, 0, false, "weight");
	check_number(AT_WEIGHT, -1, false, "weight");
	check_number(AT_WEIGHT, NAN, false, "weight");
	check_number(AT_WEIGHT, INFINITY, false, "weight");
	check_number(AT_TARGET, -7, true, "target");
	check_number(AT_TARGET, NAN, false, "target");
	check_number(AT_TARGET, -INFINITY, false, "target");
	check_number(AT_CODE, 0, true, "code");
	check_number(AT_CODE, NAN, true, "code");
	check_number(AT_CODE, 0.5, false, "code");
	check_number(AT_CODE, 2, false, "code");
	check_number(AT_CODE, -1, false, "code");
	check_number(AT_HEAD, 0, true, "base of codes");
	check_number(AT_HEAD, 1, false, "base of codes");
	check_number(AT_HEAD, -1, false, "base of codes");
	check_number(AT_HEAD - 8, 2, false, "step of codes");
	hpt_ok(reads_idle(1, 3, false) && !reads_idle(0, 1e300, false) &&
			   !reads_idle(0, -1, false) && !reads_idle(0, 2.5, false) &&
			   !reads_idle(0, NAN, false),
		   "a step that is no code is refused");
	hpt_ok(reads_idle(1, 3, true) && !reads_idle(1e300, 1, true) &&
			   !reads_idle(-1, 1, true) && !reads_idle(2.5, 1, true) &&
			   !reads_idle(NAN, 1, true),
		   "a base that is no code is refused");
	hpt_ok(read_changed(AT_WORD_B, "c", 1, &weighted) == 65 &&
			   read_changed(AT_WORD_B, "", 1, &weighted) == HPC_CORRUPT,
		   "a word with a zero is refused");
}

/* Refused, or good enough to train on. */
static void
check_flipped(void)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	size_t nbytes;
	size_t nread = 0;
	char *bytes;

	hpt_memory_init(&memory, 1);
	dataset = hpt_rows_dataset(&memory.env, 0, 70);
	bytes = flat_form(dataset, &nbytes);
	hpc_dataset_free(&memory.env, dataset);
	for (size_t at = 0; at < nbytes; at++)
	{
		char kept = bytes[at];

		bytes[at] ^= (char) (1 << at % 8);
		nread += read_flat(bytes, nbytes, true) == HPC_OK;
		bytes[at] = kept ^ (char) 0xff;
		nread += read_flat(bytes, nbytes, true) == HPC_OK;
		bytes[at] = kept;
	}
	hpt_ok(nread > 0,
		   "any changed byte is refused or harmless (%d of %d read)",
		   (int) nread, (int) nbytes * 2);
	free(bytes);
}

/* Every place filled with a number that is hard to bear. */
static void
check_hostile_words(void)
{
	static const uint64_t numbers[] = {
		0,
		UINT64_MAX,
		UINT64_C(1) << 63,
		UINT32_MAX,
		INT32_MAX,
		UINT64_C(1) << 32,
		UINT64_C(0x7ff8000000000000), /* NaN */
		UINT64_C(0x7ff0000000000000), /* infinity */
		UINT64_C(0x7fe1234567890123), /* 1e308 */
		UINT64_C(0x3fe0000000000000), /* 0.5 */
	};
	hpt_memory memory;
	hpc_dataset *dataset;
	size_t nbytes;
	size_t nrefused = 0;
	char *bytes;

	hpt_memory_init(&memory, 1);
	dataset = hpt_rows_dataset(&memory.env, 0, 70);
	bytes = flat_form(dataset, &nbytes);
	hpc_dataset_free(&memory.env, dataset);
	for (size_t at = 0; at + 8 <= nbytes; at++)
	{
		char kept[8];

		memcpy(kept, bytes + at, 8);
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		{
			memcpy(bytes + at, &numbers[i], 8);
			nrefused += read_flat(bytes, nbytes, i < 2) == HPC_CORRUPT;
		}
		memcpy(bytes + at, kept, 8);
	}
	hpt_ok(nrefused > 1000, "so is any hostile word (%d refused)",
		   (int) nrefused);
	free(bytes);
}

int
main(void)
{
	check_flat(0, 0);
	check_flat(0, 1);
	check_flat(0, 64);
	check_flat(0, 65);
	check_flat(0, 70000);
	check_flat(HPT_ROW_WEIGHTY - 100, 300);
	check_stream();
	check_broken_stream();
	check_refused_reading();
	check_truncated();
	check_rules();
	check_hidden_faults();
	check_flipped();
	check_hostile_words();
	return hpt_done();
}
