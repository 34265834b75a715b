/*
 * hpc_stream.c
 *		Data sets as bytes: what a process hands to another of its kind.
 *
 *		|format|columns|skipped|blocks|open rows|  rows of each block
 *		for each column
 *			|kind|storage|integral|name|  entries of its dictionary
 *		for each slot (columns, target, weight)
 *			a head and the packed values of each chunk
 *			the open cells
 *
 * Blocks travel as they are packed.  Numbers are native: both ends are the
 * same binary.  A reader believes nothing: whatever it accepts is a data set
 * that could have been collected, and what it allocates is bounded by the
 * bytes that it got.
 */
#include <math.h>
#include <string.h>

#include "hpc_dataset.h"
#include "hpc_memory.h"

#define FORMAT UINT64_C(0x6870642d32) /* "hpd-2" */
#define MAX_NAME_BYTES 65536

/* What is said of a chunk before its values. */
typedef struct chunk_head
{
	double base;
	double step;
	uint8_t packing;
	uint8_t decimals;
	uint8_t missing;
	uint8_t zero[5];
} chunk_head;

/* ---------- writing ---------- */

typedef struct writer
{
	hpc_write_piece write;
	void *opaque;
	hpc_status status; /* the first that is not HPC_OK; nothing is written
						* after it */
} writer;

static void
write_bytes(writer *w, const void *bytes, size_t nbytes)
{
	const char *next = bytes;

	while (nbytes > 0 && w->status == HPC_OK)
	{
		size_t n = nbytes < HPC_MAX_PIECE ? nbytes : HPC_MAX_PIECE;

		w->status = w->write(w->opaque, next, n);
		next += n;
		nbytes -= n;
	}
}

static void
write_u64(writer *w, uint64_t number)
{
	write_bytes(w, &number, sizeof(number));
}

static void
write_text(writer *w, const char *bytes, uint32_t nbytes)
{
	write_u64(w, nbytes);
	write_bytes(w, bytes, nbytes);
}

static void
write_column(writer *w, const hpc_column *column)
{
	const hpc_dictionary *dictionary = &column->dictionary;

	write_u64(w, column->kind);
	write_u64(w, column->storage);
	write_u64(w, column->integral);
	write_text(w, column->name, (uint32_t) strlen(column->name));
	write_u64(w, dictionary->nentries);
	for (uint32_t code = 0; code < dictionary->nentries; code++)
	{
		uint32_t nbytes;
		const char *entry = hpc_dictionary_entry(dictionary, code, &nbytes);

		write_text(w, entry, nbytes);
	}
}

static void
write_slot(writer *w, const hpc_dataset *dataset, uint32_t slot)
{
	const hpc_chunked *column = hpc_dataset_look(dataset, slot);

	for (uint32_t i = 0; i < dataset->nblocks; i++)
	{
		const hpc_chunk *chunk = &column->chunks[i];
		chunk_head head = {chunk->base,     chunk->step,    chunk->packing,
						   chunk->decimals, chunk->missing, {0}};

		write_bytes(w, &head, sizeof(head));
		write_bytes(w, chunk->values,
					hpc_chunk_nbytes(chunk,
									 hpc_dataset_block_rows(dataset, i)));
	}
	write_bytes(w, hpc_dataset_open(dataset, slot),
				dataset->nopen * sizeof(double));
}

hpc_status
hpc_dataset_to_stream(const hpc_dataset *dataset, hpc_write_piece write,
					  void *opaque)
{
	writer w = {write, opaque, HPC_OK};

	write_u64(&w, FORMAT);
	write_u64(&w, (uint64_t) dataset->ncolumns);
	write_u64(&w, dataset->nskipped);
	write_u64(&w, dataset->nblocks);
	write_u64(&w, dataset->nopen);
	for (uint32_t i = 0; i < dataset->nblocks; i++)
		write_u64(&w, hpc_dataset_block_rows(dataset, i));
	for (int i = 0; i < dataset->ncolumns; i++)
		write_column(&w, &dataset->columns[i]);
	for (uint32_t slot = 0; slot < hpc_dataset_nslots(dataset); slot++)
		write_slot(&w, dataset, slot);
	return w.status;
}

/* ---------- reading ---------- */

typedef struct reader
{
	hpc_env *env;
	hpc_read_piece read;
	void *opaque;
	hpc_dataset *dataset;
	char *text; /* [max_text] the text last read */
	size_t max_text;
} reader;

static hpc_status
corrupt(reader *r)
{
	return hpc_fail(r->env, HPC_CORRUPT, "invalid partial training state");
}

static hpc_status
read_bytes(reader *r, void *bytes, size_t nbytes)
{
	char *next = bytes;
	hpc_status status = HPC_OK;

	while (nbytes > 0 && status == HPC_OK)
	{
		size_t n = nbytes < HPC_MAX_PIECE ? nbytes : HPC_MAX_PIECE;

		status = r->read(r->opaque, next, n);
		next += n;
		nbytes -= n;
	}
	return status;
}

/* A number up to max. */
static hpc_status
read_u64(reader *r, uint64_t max, uint64_t *number)
{
	hpc_status status = read_bytes(r, number, sizeof(*number));

	return status == HPC_OK && *number > max ? corrupt(r) : status;
}

/*
 * A text into r->text, which grows while the text comes: a length that is a
 * lie costs no memory.
 */
static hpc_status
read_text(reader *r, uint64_t max, uint32_t *nbytes)
{
	uint64_t length;
	hpc_status status = read_u64(r, max, &length);

	for (uint64_t at = 0; status == HPC_OK && at < length;)
	{
		uint64_t left = length - at;
		uint64_t n = left < HPC_MAX_PIECE ? left : HPC_MAX_PIECE;

		if (at + n > r->max_text)
		{
			char *text = hpc_resize(r->env, r->text, 2 * (at + n), 1);

			if (text == NULL)
				return HPC_NO_MEMORY;
			r->text = text;
			r->max_text = 2 * (at + n);
		}
		status = read_bytes(r, r->text + at, n);
		at += n;
	}
	if (status == HPC_OK && length > 0 &&
		memchr(r->text, '\0', length) != NULL)
		return corrupt(r);
	*nbytes = (uint32_t) length;
	return status;
}

static hpc_status
read_name(reader *r, hpc_column *column)
{
	uint32_t nbytes;
	hpc_status status = read_text(r, MAX_NAME_BYTES, &nbytes);

	if (status != HPC_OK)
		return status;
	column->name = hpc_alloc0(r->env, (size_t) nbytes + 1, 1);
	if (column->name == NULL)
		return HPC_NO_MEMORY;
	if (nbytes > 0)
		memcpy(column->name, r->text, nbytes);
	return HPC_OK;
}

/* Entries must differ, or they would change their codes. */
static hpc_status
read_dictionary(reader *r, hpc_column *column)
{
	uint64_t max = column->kind == HPC_CATEGORY ? UINT32_MAX : 0;
	uint64_t nentries;
	hpc_status status = read_u64(r, max, &nentries);

	for (uint64_t i = 0; status == HPC_OK && i < nentries; i++)
	{
		uint32_t nbytes;
		uint32_t code;

		status = read_text(r, INT32_MAX, &nbytes);
		if (status == HPC_OK)
			status = hpc_dictionary_code(r->env, &column->dictionary, r->text,
										 nbytes, &code);
		if (status == HPC_OK && code != i)
			return corrupt(r);
		if (hpc_poll(r->env, i))
			return HPC_CANCELLED;
	}
	return status;
}

/* A kind and storage that hpc_dataset_create could get, and so on. */
static hpc_status
read_column(reader *r, hpc_column *column)
{
	uint64_t kind;
	uint64_t storage;
	uint64_t integral;
	hpc_status status = read_u64(r, HPC_TIME, &kind);

	if (status == HPC_OK)
		status = read_u64(r, HPC_STORE_CODE, &storage);
	if (status == HPC_OK)
		status = read_u64(r, true, &integral);
	if (status != HPC_OK)
		return status;
	if (kind == HPC_NO_KIND ||
		(kind == HPC_CATEGORY) != (storage == HPC_STORE_CODE))
		return corrupt(r);
	column->kind = (hpc_kind) kind;
	column->storage = (hpc_storage) storage;
	column->integral = integral != 0;
	status = read_name(r, column);
	return status == HPC_OK ? read_dictionary(r, column) : status;
}

/* ---------- values ---------- */

static bool
is_category(const hpc_dataset *dataset, uint32_t slot)
{
	return slot < (uint32_t) dataset->ncolumns &&
		   dataset->columns[slot].kind == HPC_CATEGORY;
}

static bool
all_are_codes(const double *values, uint32_t n, uint32_t nentries)
{
	for (uint32_t i = 0; i < n; i++)
	{
		if (!isnan(values[i]) && !(values[i] >= 0 && values[i] < nentries &&
								   values[i] == (double) (uint32_t) values[i]))
			return false;
	}
	return true;
}

static bool
all_are_finite(const double *values, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		if (!isfinite(values[i]))
			return false;
	}
	return true;
}

/* Are all weights such?  Notes whether one of them is not 1. */
static bool
all_are_weights(hpc_dataset *dataset, const double *values, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		if (!isfinite(values[i]) || values[i] <= 0)
			return false;
		dataset->weighted |= values[i] != 1;
	}
	return true;
}

/* May the slot hold these values? */
static bool
check_values(hpc_dataset *dataset, uint32_t slot, const double *values,
			 uint32_t n)
{
	uint32_t ncolumns = (uint32_t) dataset->ncolumns;

	if (is_category(dataset, slot))
		return all_are_codes(values, n,
							 dataset->columns[slot].dictionary.nentries);
	if (slot == ncolumns)
		return all_are_finite(values, n);
	return slot < ncolumns || all_are_weights(dataset, values, n);
}

/* Codes are read as integers, so base and step must be ones. */
static bool
check_head(bool category, const chunk_head *head)
{
	if (head->packing > HPC_PACK_DOUBLE || head->decimals > HPC_MAX_DECIMALS ||
		head->missing > 1)
		return false;
	if (!category || head->packing == HPC_PACK_SAME)
		return true;
	return head->packing <= HPC_PACK_32 && head->decimals == 0 &&
		   head->base >= 0 && head->base <= UINT32_MAX &&
		   head->base == floor(head->base) && head->step >= 0 &&
		   head->step <= UINT32_MAX && head->step == floor(head->step);
}

static bool
check_chunk(hpc_dataset *dataset, uint32_t slot, const hpc_chunk *chunk,
			uint32_t nrows)
{
	double values[256];

	for (uint32_t first = 0; first < nrows; first += 256)
	{
		uint32_t n = nrows - first < 256 ? nrows - first : 256;

		hpc_chunk_unpack(chunk, first, n, values);
		if (!check_values(dataset, slot, values, n))
			return false;
	}
	return true;
}

static hpc_status
read_chunk(reader *r, uint32_t slot, uint32_t nrows)
{
	hpc_chunked *column = hpc_dataset_slot(r->dataset, slot);
	hpc_chunk *chunk;
	chunk_head head;
	size_t nbytes;
	hpc_status status = read_bytes(r, &head, sizeof(head));

	if (status != HPC_OK)
		return status;
	if (!check_head(is_category(r->dataset, slot), &head))
		return corrupt(r);
	if (hpc_chunked_reserve(r->env, column, 1) != HPC_OK)
		return HPC_NO_MEMORY;
	chunk = &column->chunks[column->nchunks];
	*chunk = (hpc_chunk){NULL,         head.base,     head.step,
						 head.packing, head.decimals, head.missing != 0};
	nbytes = hpc_chunk_nbytes(chunk, nrows);
	if (nbytes > 0)
	{
		chunk->values = hpc_arena_alloc(r->env, &column->memory, nbytes);
		if (chunk->values == NULL)
			return HPC_NO_MEMORY;
	}
	column->nchunks++;
	status = read_bytes(r, chunk->values, nbytes);
	if (status == HPC_OK && !check_chunk(r->dataset, slot, chunk, nrows))
		return corrupt(r);
	return status;
}

static hpc_status
read_slot(reader *r, uint32_t slot)
{
	hpc_dataset *dataset = r->dataset;
	double *cells = hpc_dataset_open(dataset, slot);
	hpc_status status;

	for (uint32_t i = 0; i < dataset->nblocks; i++)
	{
		status = read_chunk(r, slot, hpc_dataset_block_rows(dataset, i));
		if (status != HPC_OK)
			return status;
		if (hpc_cancelled(r->env))
			return HPC_CANCELLED;
	}
	status = read_bytes(r, cells, dataset->nopen * sizeof(double));
	if (status == HPC_OK &&
		!check_values(dataset, slot, cells, dataset->nopen))
		return corrupt(r);
	return status;
}

/* ---------- the whole ---------- */

static hpc_status
read_blocks(reader *r)
{
	hpc_dataset *dataset = r->dataset;
	uint64_t nblocks;
	uint64_t nopen;
	hpc_status status = read_u64(r, INT32_MAX, &nblocks);

	if (status == HPC_OK)
		status = read_u64(r, hpc_dataset_most_open(dataset), &nopen);
	for (uint64_t i = 0; status == HPC_OK && i < nblocks; i++)
	{
		uint64_t nrows;

		status = read_u64(r, HPC_BLOCK_ROWS, &nrows);
		if (status == HPC_OK && nrows == 0)
			return corrupt(r);
		if (status == HPC_OK)
			status = hpc_dataset_reserve_blocks(r->env, dataset, 1);
		if (status != HPC_OK)
			return status;
		dataset->nrows += nrows;
		dataset->block_end[dataset->nblocks++] = (uint32_t) dataset->nrows;
		if (dataset->nrows > INT32_MAX)
			return corrupt(r);
	}
	if (status != HPC_OK)
		return status;
	dataset->nrows += nopen;
	if (dataset->nrows > INT32_MAX)
		return corrupt(r);
	status = hpc_dataset_reserve_open(r->env, dataset, (uint32_t) nopen);
	dataset->nopen = (uint32_t) nopen;
	return status;
}

static hpc_status
read_dataset(reader *r)
{
	uint64_t format;
	uint64_t ncolumns;
	hpc_status status = read_u64(r, UINT64_MAX, &format);

	if (status == HPC_OK && format != FORMAT)
		return corrupt(r);
	if (status == HPC_OK)
		status = read_u64(r, HPC_MAX_COLUMNS, &ncolumns);
	if (status == HPC_OK)
		status = hpc_dataset_make(r->env, (int) ncolumns, &r->dataset);
	if (status == HPC_OK)
		status = read_u64(r, UINT64_MAX, &r->dataset->nskipped);
	if (status == HPC_OK)
		status = read_blocks(r);
	for (int i = 0; status == HPC_OK && i < r->dataset->ncolumns; i++)
		status = read_column(r, &r->dataset->columns[i]);
	for (uint32_t slot = 0;
		 status == HPC_OK && slot < hpc_dataset_nslots(r->dataset); slot++)
		status = read_slot(r, slot);
	return status;
}

hpc_status
hpc_dataset_from_stream(hpc_env *env, hpc_read_piece read, void *opaque,
						hpc_dataset **dataset)
{
	reader r = {env, read, opaque, NULL, NULL, 0};
	hpc_status status = read_dataset(&r);

	hpc_free(env, r.text);
	if (status != HPC_OK)
	{
		hpc_dataset_free(env, r.dataset);
		r.dataset = NULL;
	}
	*dataset = r.dataset;
	return status;
}

/* ---------- in one block ---------- */

static hpc_status
count_piece(void *opaque, const void *bytes, size_t nbytes)
{
	size_t *count = opaque;

	(void) bytes;
	*count += nbytes;
	return HPC_OK;
}

size_t
hpc_dataset_flat_size(const hpc_dataset *dataset)
{
	size_t nbytes = 0;

	hpc_dataset_to_stream(dataset, count_piece, &nbytes);
	return nbytes;
}

static hpc_status
append_piece(void *opaque, const void *bytes, size_t nbytes)
{
	char **end = opaque;

	memcpy(*end, bytes, nbytes);
	*end += nbytes;
	return HPC_OK;
}

void
hpc_dataset_to_flat(const hpc_dataset *dataset, void *bytes)
{
	char *end = bytes;

	hpc_dataset_to_stream(dataset, append_piece, &end);
}

typedef struct flat
{
	hpc_env *env;
	const char *next;
	size_t nleft;
} flat;

static hpc_status
take_piece(void *opaque, void *bytes, size_t nbytes)
{
	flat *f = opaque;

	if (nbytes > f->nleft)
		return hpc_fail(f->env, HPC_CORRUPT, "invalid partial training state");
	memcpy(bytes, f->next, nbytes);
	f->next += nbytes;
	f->nleft -= nbytes;
	return HPC_OK;
}

hpc_status
hpc_dataset_from_flat(hpc_env *env, const void *bytes, size_t nbytes,
					  hpc_dataset **dataset)
{
	flat f = {env, bytes, nbytes};
	hpc_status status = hpc_dataset_from_stream(env, take_piece, &f, dataset);

	if (status == HPC_OK && f.nleft > 0)
	{
		hpc_dataset_free(env, *dataset);
		*dataset = NULL;
		return hpc_fail(env, HPC_CORRUPT, "invalid partial training state");
	}
	return status;
}
