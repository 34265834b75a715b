/*
 * hpc_dataset.c
 *		Rows collected for training.
 *
 * The last rows are open: a matrix of doubles, a run per column, into which
 * appending a row writes one cell per column.  When it is full, its rows
 * become a block: each run is packed as narrow as it can be (hpc_chunk.c), and
 * the matrix is empty again.
 *
 *		            block 0      block 1      ...      open
 *		column 0   |8 bits     |8 bits      |        |doubles ........  |
 *		column 1   |16 bits    |8 bits      |        |doubles ........  |
 *		target     |16 bits    |32 bits     |        |doubles ........  |
 *		weight     |same       |same        |        |doubles ........  |
 *
 * The matrix holds 16 rows at first and grows with the data set, so that a
 * group of few rows stays small: beyond 64 rows it has room for half as many
 * as are packed.  It stays below HPC_BLOCK_ROWS rows and a megabyte, so that
 * it is at home in a cache.  Blocks may have any number of rows: a data set
 * takes over the blocks of another as they are.
 *
 * Codes of categories are numbers like others, a missing value is NaN, and
 * so a column of either kind is treated alike.
 *
 * A row is counted last, and blocks are counted after all columns have their
 * chunk, so a failed allocation leaves the rows as they were.
 */
#include <math.h>
#include <string.h>

#include "hpc_dataset.h"
#include "hpc_memory.h"

#define FIRST_OPEN_ROWS 16
#define FIRST_BLOCK_ROWS 64
#define MAX_OPEN_CELLS 131072
#define CACHE_LINE_CELLS 8

const char *
hpc_kind_name(hpc_kind kind)
{
	static const char *const names[] = {"unusable", "number", "boolean",
										"category", "time"};

	return names[kind];
}

/* ---------- chunks of a column ---------- */

hpc_status
hpc_chunked_reserve(hpc_env *env, hpc_chunked *column, uint32_t nmore)
{
	uint32_t max = column->max_chunks > 0 ? column->max_chunks : 2;
	hpc_chunk *chunks;

	if (column->nchunks + nmore <= column->max_chunks)
		return HPC_OK;
	while (max < column->nchunks + nmore)
		max *= 2;
	chunks = hpc_resize(env, column->chunks, max, sizeof(hpc_chunk));
	if (chunks == NULL)
		return HPC_NO_MEMORY;
	column->chunks = chunks;
	column->max_chunks = max;
	return HPC_OK;
}

static hpc_status
add_chunk(hpc_env *env, hpc_chunked *column, const double *values, uint32_t n)
{
	if (hpc_chunked_reserve(env, column, 1) != HPC_OK ||
		hpc_chunk_pack(env, &column->memory, values, n,
					   &column->chunks[column->nchunks]) != HPC_OK)
		return HPC_NO_MEMORY;
	column->nchunks++;
	return HPC_OK;
}

void
hpc_chunked_free(hpc_env *env, hpc_chunked *column)
{
	hpc_arena_free(env, &column->memory);
	hpc_free(env, column->chunks);
	column->chunks = NULL;
	column->nchunks = column->max_chunks = 0;
}

/*
 * Drops what a block that did not come about has left in some columns; its
 * bytes are lost until the column is freed.
 */
static void
drop_unfinished(hpc_dataset *dataset)
{
	for (uint32_t slot = 0; slot < hpc_dataset_nslots(dataset); slot++)
	{
		hpc_chunked *column = hpc_dataset_slot(dataset, slot);

		if (column->nchunks > dataset->nblocks)
			column->nchunks = dataset->nblocks;
	}
}

/* ---------- blocks and open rows ---------- */

hpc_status
hpc_dataset_reserve_blocks(hpc_env *env, hpc_dataset *dataset, uint32_t nmore)
{
	uint32_t max = dataset->max_blocks > 0 ? dataset->max_blocks : 4;
	uint32_t *ends;

	if (dataset->nblocks + nmore <= dataset->max_blocks)
		return HPC_OK;
	while (max < dataset->nblocks + nmore)
		max *= 2;
	ends = hpc_resize(env, dataset->block_end, max, sizeof(uint32_t));
	if (ends == NULL)
		return HPC_NO_MEMORY;
	dataset->block_end = ends;
	dataset->max_blocks = max;
	return HPC_OK;
}

/* Packs the open rows into a block of their own. */
static hpc_status
seal(hpc_env *env, hpc_dataset *dataset)
{
	hpc_status status = hpc_dataset_reserve_blocks(env, dataset, 1);

	for (uint32_t slot = 0;
		 status == HPC_OK && slot < hpc_dataset_nslots(dataset); slot++)
		status = add_chunk(env, hpc_dataset_slot(dataset, slot),
						   hpc_dataset_open(dataset, slot), dataset->nopen);
	if (status != HPC_OK)
	{
		drop_unfinished(dataset);
		return status;
	}
	dataset->block_end[dataset->nblocks++] = (uint32_t) dataset->nrows;
	dataset->nopen = 0;
	return HPC_OK;
}

hpc_status
hpc_dataset_reserve_open(hpc_env *env, hpc_dataset *dataset, uint32_t max)
{
	uint32_t nslots = hpc_dataset_nslots(dataset);
	uint32_t stride = max;
	double *open;

	if (max <= dataset->max_open)
		return HPC_OK;
	/* the cells of a row must not all fall into one set of the cache */
	if (max >= 32 * CACHE_LINE_CELLS)
		stride += CACHE_LINE_CELLS;
	open = hpc_alloc(env, (size_t) stride * nslots, sizeof(double));
	if (open == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t slot = 0; slot < nslots && dataset->nopen > 0; slot++)
		memcpy(open + (size_t) slot * stride, hpc_dataset_open(dataset, slot),
			   dataset->nopen * sizeof(double));
	hpc_free(env, dataset->open);
	dataset->open = open;
	dataset->max_open = max;
	dataset->stride = stride;
	return HPC_OK;
}

uint32_t
hpc_dataset_most_open(const hpc_dataset *dataset)
{
	uint32_t limit = MAX_OPEN_CELLS / hpc_dataset_nslots(dataset);
	uint32_t rows = FIRST_BLOCK_ROWS;

	while (rows < HPC_BLOCK_ROWS && 2 * rows <= limit)
		rows *= 2;
	return rows;
}

/* How many rows should be open at most when there are nrows of them? */
static uint32_t
open_goal(const hpc_dataset *dataset, uint64_t nrows)
{
	uint32_t most = hpc_dataset_most_open(dataset);
	uint32_t rows = FIRST_OPEN_ROWS;

	while (rows < most &&
		   rows <= (rows < FIRST_BLOCK_ROWS ? nrows : nrows / 4))
		rows *= 2;
	return rows;
}

/* Makes room for nmore open rows, at most hpc_dataset_most_open(). */
static hpc_status
make_room(hpc_env *env, hpc_dataset *dataset, uint32_t nmore)
{
	uint32_t rows;

	if (dataset->nopen + nmore <= dataset->max_open)
		return HPC_OK;
	rows = open_goal(dataset, dataset->nrows);
	if (dataset->nopen > 0 && dataset->nopen + nmore > rows &&
		seal(env, dataset) != HPC_OK)
		return HPC_NO_MEMORY;
	while (rows < dataset->nopen + nmore)
		rows *= 2;
	return hpc_dataset_reserve_open(env, dataset, rows);
}

/* ---------- making and filling ---------- */

static char *
copy_name(hpc_env *env, const char *name)
{
	size_t nbytes = strlen(name) + 1;
	char *copy = hpc_alloc(env, nbytes, 1);

	if (copy != NULL)
		memcpy(copy, name, nbytes);
	return copy;
}

hpc_status
hpc_dataset_make(hpc_env *env, int ncolumns, hpc_dataset **dataset)
{
	hpc_dataset *made;

	*dataset = NULL;
	if (ncolumns > HPC_MAX_COLUMNS)
		return hpc_fail(env, HPC_LIMIT, "cannot train on more than %d columns",
						HPC_MAX_COLUMNS);
	made = hpc_alloc0(env, 1, sizeof(hpc_dataset));
	if (made == NULL)
		return HPC_NO_MEMORY;
	made->columns = hpc_alloc0(env, (size_t) ncolumns, sizeof(hpc_column));
	if (made->columns == NULL)
	{
		hpc_free(env, made);
		return HPC_NO_MEMORY;
	}
	made->ncolumns = ncolumns;
	for (uint32_t slot = 0; slot < hpc_dataset_nslots(made); slot++)
		hpc_dataset_slot(made, slot)->slot = slot;
	*dataset = made;
	return HPC_OK;
}

hpc_status
hpc_dataset_create(hpc_env *env, int ncolumns, const hpc_column_spec *columns,
				   hpc_dataset **dataset)
{
	hpc_status status = hpc_dataset_make(env, ncolumns, dataset);

	if (status != HPC_OK || *dataset == NULL)
		return status;
	for (int i = 0; i < ncolumns; i++)
	{
		hpc_column *column = &(*dataset)->columns[i];

		column->kind = columns[i].kind;
		column->storage = columns[i].storage;
		column->integral = columns[i].integral;
		column->name = copy_name(env, columns[i].name);
		if (column->name == NULL)
		{
			hpc_dataset_free(env, *dataset);
			*dataset = NULL;
			return HPC_NO_MEMORY;
		}
	}
	return HPC_OK;
}

void
hpc_dataset_free(hpc_env *env, hpc_dataset *dataset)
{
	if (dataset == NULL)
		return;
	for (uint32_t slot = 0; slot < hpc_dataset_nslots(dataset); slot++)
		hpc_chunked_free(env, hpc_dataset_slot(dataset, slot));
	for (int i = 0; i < dataset->ncolumns; i++)
	{
		hpc_free(env, dataset->columns[i].name);
		hpc_dictionary_free(env, &dataset->columns[i].dictionary);
	}
	hpc_free(env, dataset->columns);
	hpc_free(env, dataset->block_end);
	hpc_free(env, dataset->open);
	hpc_free(env, dataset);
}

static hpc_status
refuse_rows(hpc_env *env)
{
	return hpc_fail(env, HPC_LIMIT, "cannot train on more than %d rows",
					INT32_MAX);
}

hpc_status
hpc_dataset_append(hpc_env *env, hpc_dataset *dataset, const hpc_value *values,
				   double target, double weight)
{
	uint32_t ncolumns = (uint32_t) dataset->ncolumns;
	size_t stride;
	double *cell;

	if (weight == 0)
	{
		dataset->nskipped++;
		return HPC_OK;
	}
	if (dataset->nrows >= INT32_MAX)
		return refuse_rows(env);
	if (dataset->nopen == dataset->max_open &&
		make_room(env, dataset, 1) != HPC_OK)
		return HPC_NO_MEMORY;
	stride = dataset->stride;
	cell = dataset->open + dataset->nopen;
	for (uint32_t i = 0; i < ncolumns; i++, cell += stride)
	{
		hpc_column *column = &dataset->columns[i];

		if (values[i].missing)
			*cell = NAN;
		else if (column->kind == HPC_CATEGORY)
		{
			uint32_t code;
			hpc_status status =
				hpc_dictionary_code(env, &column->dictionary, values[i].bytes,
									values[i].nbytes, &code);

			if (status != HPC_OK)
				return status;
			*cell = code;
		}
		else
			*cell = values[i].number;
	}
	cell[0] = target;
	cell[stride] = weight;
	dataset->weighted |= weight != 1;
	dataset->nopen++;
	dataset->nrows++;
	return HPC_OK;
}

void
hpc_dataset_skip(hpc_dataset *dataset, uint64_t nrows)
{
	dataset->nskipped += nrows;
}

/* ---------- reading ---------- */

uint64_t
hpc_dataset_nrows(const hpc_dataset *dataset)
{
	return dataset->nrows;
}

uint64_t
hpc_dataset_nskipped(const hpc_dataset *dataset)
{
	return dataset->nskipped;
}

bool
hpc_dataset_has_weights(const hpc_dataset *dataset)
{
	return dataset->weighted;
}

int
hpc_dataset_ncolumns(const hpc_dataset *dataset)
{
	return dataset->ncolumns;
}

hpc_column_spec
hpc_dataset_column(const hpc_dataset *dataset, int column)
{
	const hpc_column *which = &dataset->columns[column];
	hpc_column_spec spec = {which->name, which->kind, which->storage,
							which->integral};

	return spec;
}

static size_t
chunked_nbytes(const hpc_dataset *dataset, const hpc_chunked *column)
{
	size_t nbytes = column->max_chunks * sizeof(hpc_chunk);

	for (uint32_t i = 0; i < column->nchunks && i < dataset->nblocks; i++)
		nbytes += hpc_chunk_nbytes(&column->chunks[i],
								   hpc_dataset_block_rows(dataset, i));
	return nbytes;
}

size_t
hpc_dataset_nbytes(const hpc_dataset *dataset)
{
	uint32_t nslots = hpc_dataset_nslots(dataset);
	size_t nbytes = (size_t) dataset->stride * nslots * sizeof(double) +
					dataset->max_blocks * sizeof(uint32_t);

	for (uint32_t slot = 0; slot < nslots; slot++)
		nbytes += chunked_nbytes(dataset, hpc_dataset_look(dataset, slot));
	for (int i = 0; i < dataset->ncolumns; i++)
		nbytes += hpc_dictionary_nbytes(&dataset->columns[i].dictionary);
	return nbytes;
}

/* The block of a sealed row. */
static uint32_t
find_block(const hpc_dataset *dataset, uint64_t row)
{
	uint32_t low = 0;
	uint32_t high = dataset->nblocks - 1;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (row < dataset->block_end[middle])
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* A run of rows that lie together. */
typedef struct run
{
	uint32_t block; /* nblocks: the open rows */
	uint32_t place; /* of the first, in the block */
	uint32_t n;
} run;

/* The run that the first of n rows begins. */
static run
first_run(const hpc_dataset *dataset, uint64_t first, uint32_t n)
{
	uint64_t nsealed = dataset->nrows - dataset->nopen;
	run found = {dataset->nblocks, (uint32_t) (first - nsealed), n};
	uint32_t left;

	if (first < nsealed)
	{
		found.block = find_block(dataset, first);
		left = dataset->block_end[found.block] - (uint32_t) first;
		found.place = hpc_dataset_block_rows(dataset, found.block) - left;
		found.n = n < left ? n : left;
	}
	return found;
}

void
hpc_dataset_read(const hpc_dataset *dataset, const hpc_chunked *column,
				 uint64_t first, uint32_t n, double *out)
{
	while (n > 0)
	{
		run here = first_run(dataset, first, n);

		if (here.block < dataset->nblocks)
			hpc_chunk_unpack(&column->chunks[here.block], here.place, here.n,
							 out);
		else
			memcpy(out, hpc_dataset_open(dataset, column->slot) + here.place,
				   here.n * sizeof(double));
		first += here.n;
		out += here.n;
		n -= here.n;
	}
}

static void
cells_to_codes(const double *cells, uint32_t n, uint32_t *out)
{
	for (uint32_t i = 0; i < n; i++)
		out[i] = isnan(cells[i]) ? HPC_MISSING_CODE : (uint32_t) cells[i];
}

void
hpc_dataset_read_codes(const hpc_dataset *dataset, const hpc_chunked *column,
					   uint64_t first, uint32_t n, uint32_t *out)
{
	while (n > 0)
	{
		run here = first_run(dataset, first, n);

		if (here.block < dataset->nblocks)
			hpc_chunk_unpack_codes(&column->chunks[here.block], here.place,
								   here.n, out);
		else
			cells_to_codes(hpc_dataset_open(dataset, column->slot) +
							   here.place,
						   here.n, out);
		first += here.n;
		out += here.n;
		n -= here.n;
	}
}

/* ---------- merging ---------- */

/* What is needed to bring the rows of one data set into another. */
typedef struct joiner
{
	hpc_env *env;
	hpc_dataset *to;
	const hpc_dataset *from;
	uint32_t *code_of; /* codes there for codes here; NULL: the same */
	double *scratch;   /* [HPC_BLOCK_ROWS] */
} joiner;

static bool
same_columns(const hpc_dataset *a, const hpc_dataset *b)
{
	if (a->ncolumns != b->ncolumns)
		return false;
	for (int i = 0; i < a->ncolumns; i++)
	{
		if (strcmp(a->columns[i].name, b->columns[i].name) != 0 ||
			a->columns[i].kind != b->columns[i].kind ||
			a->columns[i].storage != b->columns[i].storage)
			return false;
	}
	return true;
}

/* Fills code_of with the codes of other's entries, adding new ones. */
static hpc_status
map_codes(joiner *j, hpc_dictionary *dictionary, const hpc_dictionary *other)
{
	bool same = true;

	j->code_of = hpc_alloc(j->env, other->nentries, sizeof(uint32_t));
	if (j->code_of == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t code = 0; code < other->nentries; code++)
	{
		uint32_t nbytes;
		const char *bytes = hpc_dictionary_entry(other, code, &nbytes);
		hpc_status status = hpc_dictionary_code(j->env, dictionary, bytes,
												nbytes, &j->code_of[code]);

		if (status != HPC_OK)
			return status;
		same &= j->code_of[code] == code;
		if (hpc_poll(j->env, code))
			return HPC_CANCELLED;
	}
	if (same)
	{
		hpc_free(j->env, j->code_of);
		j->code_of = NULL;
	}
	return HPC_OK;
}

static void
copy_cells(const uint32_t *code_of, const double *cells, uint32_t n,
		   double *out)
{
	for (uint32_t i = 0; i < n; i++)
		out[i] = code_of == NULL || isnan(cells[i])
					 ? cells[i]
					 : code_of[(uint32_t) cells[i]];
}

/* Adds a copy of a chunk of n values. */
static hpc_status
copy_chunk(joiner *j, hpc_chunked *column, const hpc_chunk *chunk, uint32_t n)
{
	hpc_chunk *copy = &column->chunks[column->nchunks];
	size_t nbytes = hpc_chunk_nbytes(chunk, n);

	*copy = *chunk;
	if (nbytes > 0)
	{
		copy->values = hpc_arena_alloc(j->env, &column->memory, nbytes);
		if (copy->values == NULL)
			return HPC_NO_MEMORY;
		memcpy(copy->values, chunk->values, nbytes);
	}
	column->nchunks++;
	return HPC_OK;
}

/* Adds a chunk of n codes, as they are called there. */
static hpc_status
recode_chunk(joiner *j, hpc_chunked *column, const hpc_chunk *chunk,
			 uint32_t n)
{
	hpc_chunk_unpack(chunk, 0, n, j->scratch);
	copy_cells(j->code_of, j->scratch, n, j->scratch);
	return add_chunk(j->env, column, j->scratch, n);
}

static hpc_status
join_chunk(joiner *j, uint32_t slot, uint32_t i)
{
	hpc_chunked *column = hpc_dataset_slot(j->to, slot);
	const hpc_chunk *chunk = &hpc_dataset_look(j->from, slot)->chunks[i];
	uint32_t n = hpc_dataset_block_rows(j->from, i);

	return j->code_of != NULL ? recode_chunk(j, column, chunk, n)
							  : copy_chunk(j, column, chunk, n);
}

static hpc_status
join_chunks(joiner *j, uint32_t slot)
{
	if (hpc_chunked_reserve(j->env, hpc_dataset_slot(j->to, slot),
							j->from->nblocks) != HPC_OK)
		return HPC_NO_MEMORY;
	for (uint32_t i = 0; i < j->from->nblocks; i++)
	{
		if (join_chunk(j, slot, i) != HPC_OK)
			return HPC_NO_MEMORY;
		if (hpc_cancelled(j->env))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

static hpc_status
join_slot(joiner *j, uint32_t slot)
{
	hpc_dataset *to = j->to;
	const hpc_dataset *from = j->from;
	hpc_status status = HPC_OK;

	j->code_of = NULL;
	if (slot < (uint32_t) to->ncolumns &&
		to->columns[slot].kind == HPC_CATEGORY)
		status = map_codes(j, &to->columns[slot].dictionary,
						   &from->columns[slot].dictionary);
	if (status == HPC_OK)
		status = join_chunks(j, slot);
	if (status == HPC_OK)
		copy_cells(j->code_of, hpc_dataset_open(from, slot), from->nopen,
				   hpc_dataset_open(to, slot) + to->nopen);
	hpc_free(j->env, j->code_of);
	return status;
}

/* Counts the rows that have come. */
static void
count_joined(hpc_dataset *to, const hpc_dataset *from)
{
	uint32_t nsealed = (uint32_t) (to->nrows - to->nopen);

	for (uint32_t i = 0; i < from->nblocks; i++)
		to->block_end[to->nblocks++] = nsealed + from->block_end[i];
	to->nopen += from->nopen;
	to->nrows += from->nrows;
	to->nskipped += from->nskipped;
	to->weighted |= from->weighted;
}

hpc_status
hpc_dataset_merge(hpc_env *env, hpc_dataset *to, const hpc_dataset *from)
{
	joiner j = {.env = env, .to = to, .from = from};
	hpc_status status = HPC_OK;

	if (!same_columns(to, from))
		return hpc_fail(env, HPC_BAD_DATA,
						"rows of one training have different columns");
	if (to->nrows + from->nrows > INT32_MAX)
		return refuse_rows(env);
	if (make_room(env, to, from->nopen) != HPC_OK ||
		hpc_dataset_reserve_blocks(env, to, from->nblocks) != HPC_OK)
		return HPC_NO_MEMORY;
	j.scratch = hpc_alloc(env, HPC_BLOCK_ROWS, sizeof(double));
	if (j.scratch == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t slot = 0; status == HPC_OK && slot < hpc_dataset_nslots(to);
		 slot++)
		status = join_slot(&j, slot);
	hpc_free(env, j.scratch);
	if (status == HPC_OK)
		count_joined(to, from);
	else
		drop_unfinished(to);
	return status;
}
