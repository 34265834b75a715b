/*
 * hpc_dataset.c
 *		Rows collected for training.
 *
 * A column is a list of chunks, each allocated once and never moved, so that
 * a row costs its width and no block outgrows what one allocation may be.
 * Chunks double from 64 to 65,536 rows: a group of few rows stays small.
 *
 *		chunk 0      64 rows   |values ........|missing bits|
 *		chunk 1     128 rows   |values ................|missing bits|
 *		...
 *		chunk 10 on 65,536 rows
 *
 * Appending writes all columns at row nrows and counts the row last, so a
 * failed allocation leaves the rows as they were.
 */
#include <math.h>
#include <string.h>

#include "hpc_dataset.h"
#include "hpc_flat.h"
#include "hpc_memory.h"

#define FIRST_ROWS 64
#define DOUBLINGS 10
#define FULL_ROWS (FIRST_ROWS << DOUBLINGS)
#define ROWS_BEFORE_FULL (FIRST_ROWS * ((1 << DOUBLINGS) - 1))

static const size_t storage_width[] = {
	[HPC_STORE_INT16] = 2,  [HPC_STORE_INT32] = 4, [HPC_STORE_FLOAT] = 4,
	[HPC_STORE_DOUBLE] = 8, [HPC_STORE_CODE] = 4,
};

const char *
hpc_kind_name(hpc_kind kind)
{
	static const char *const names[] = {"unusable", "number", "boolean",
										"category", "time"};

	return names[kind];
}

/* ---------- chunks ---------- */

static uint32_t
chunk_rows(uint32_t chunk)
{
	return chunk < DOUBLINGS ? (uint32_t) FIRST_ROWS << chunk : FULL_ROWS;
}

static size_t
chunk_size(hpc_storage storage, uint32_t chunk)
{
	return chunk_rows(chunk) * storage_width[storage] + chunk_rows(chunk) / 8;
}

/* Chunk and place in it of a row. */
static inline uint32_t
locate(uint64_t row, uint32_t *place)
{
	uint32_t chunk;

	if (row >= ROWS_BEFORE_FULL)
	{
		*place = (uint32_t) ((row - ROWS_BEFORE_FULL) % FULL_ROWS);
		return (uint32_t) (DOUBLINGS + (row - ROWS_BEFORE_FULL) / FULL_ROWS);
	}
	chunk = 31 - (uint32_t) __builtin_clz((uint32_t) row / FIRST_ROWS + 1);
	*place = (uint32_t) row - FIRST_ROWS * ((1u << chunk) - 1);
	return chunk;
}

/* Number of chunks that nrows rows take. */
static uint32_t
chunks_for(uint64_t nrows)
{
	uint32_t place;

	return nrows == 0 ? 0 : locate(nrows - 1, &place) + 1;
}

static hpc_status
add_chunk(hpc_env *env, hpc_chunked *column)
{
	char *chunk;

	if (column->nchunks == column->max_chunks)
	{
		uint32_t max = column->max_chunks > 0 ? column->max_chunks * 2 : 4;
		char **chunks = hpc_resize(env, column->chunks, max, sizeof(char *));

		if (chunks == NULL)
			return HPC_NO_MEMORY;
		column->chunks = chunks;
		column->max_chunks = max;
	}
	chunk = hpc_alloc(env, chunk_size(column->storage, column->nchunks), 1);
	if (chunk == NULL)
		return HPC_NO_MEMORY;
	column->chunks[column->nchunks++] = chunk;
	return HPC_OK;
}

void
hpc_chunked_free(hpc_env *env, hpc_chunked *column)
{
	for (uint32_t i = 0; i < column->nchunks; i++)
		hpc_free(env, column->chunks[i]);
	hpc_free(env, column->chunks);
	column->chunks = NULL;
	column->nchunks = column->max_chunks = 0;
}

static inline uint8_t *
missing_bits(const hpc_chunked *column, uint32_t chunk)
{
	return (uint8_t *) column->chunks[chunk] +
		   chunk_rows(chunk) * storage_width[column->storage];
}

static inline bool
get_missing(const hpc_chunked *column, uint32_t chunk, uint32_t place)
{
	return (missing_bits(column, chunk)[place / 8] >> (place % 8)) & 1;
}

static inline void
set_missing(hpc_chunked *column, uint32_t chunk, uint32_t place, bool missing)
{
	uint8_t *byte = &missing_bits(column, chunk)[place / 8];
	uint8_t bit = (uint8_t) (1u << (place % 8));

	*byte = missing ? (uint8_t) (*byte | bit) : (uint8_t) (*byte & ~bit);
}

static inline double
get_number(const hpc_chunked *column, uint32_t chunk, uint32_t place)
{
	const char *values = column->chunks[chunk];

	switch (column->storage)
	{
		case HPC_STORE_INT16:
			return ((const int16_t *) values)[place];
		case HPC_STORE_INT32:
			return ((const int32_t *) values)[place];
		case HPC_STORE_FLOAT:
			return ((const float *) values)[place];
		case HPC_STORE_CODE:
			return ((const uint32_t *) values)[place];
		case HPC_STORE_DOUBLE:
			break;
	}
	return ((const double *) values)[place];
}

static inline void
set_number(hpc_chunked *column, uint32_t chunk, uint32_t place, double number)
{
	char *values = column->chunks[chunk];

	switch (column->storage)
	{
		case HPC_STORE_INT16:
			((int16_t *) values)[place] = (int16_t) number;
			break;
		case HPC_STORE_INT32:
			((int32_t *) values)[place] = (int32_t) number;
			break;
		case HPC_STORE_FLOAT:
			((float *) values)[place] = (float) number;
			break;
		case HPC_STORE_CODE:
			((uint32_t *) values)[place] = (uint32_t) number;
			break;
		case HPC_STORE_DOUBLE:
			((double *) values)[place] = number;
			break;
	}
}

/* Writes one number at a row, adding the chunk that it opens. */
static hpc_status
put_number(hpc_env *env, hpc_chunked *column, uint64_t row, double number,
		   bool missing)
{
	uint32_t place;
	uint32_t chunk = locate(row, &place);

	if (chunk == column->nchunks && add_chunk(env, column) != HPC_OK)
		return HPC_NO_MEMORY;
	set_number(column, chunk, place, missing ? 0 : number);
	set_missing(column, chunk, place, missing);
	return HPC_OK;
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
hpc_dataset_create(hpc_env *env, int ncolumns, const hpc_column_spec *columns,
				   hpc_dataset **dataset)
{
	hpc_dataset *made = hpc_alloc0(env, 1, sizeof(hpc_dataset));

	*dataset = NULL;
	if (made == NULL)
		return HPC_NO_MEMORY;
	made->target.storage = HPC_STORE_DOUBLE;
	made->columns = hpc_alloc0(env, (size_t) ncolumns, sizeof(hpc_column));
	if (made->columns == NULL)
	{
		hpc_free(env, made);
		return HPC_NO_MEMORY;
	}
	for (int i = 0; i < ncolumns; i++)
	{
		hpc_column *column = &made->columns[i];

		column->name = copy_name(env, columns[i].name);
		if (column->name == NULL)
		{
			hpc_dataset_free(env, made);
			return HPC_NO_MEMORY;
		}
		made->ncolumns = i + 1;
		column->kind = columns[i].kind;
		column->integral = columns[i].integral;
		column->values.storage = columns[i].storage;
	}
	*dataset = made;
	return HPC_OK;
}

void
hpc_dataset_free(hpc_env *env, hpc_dataset *dataset)
{
	if (dataset == NULL)
		return;
	for (int i = 0; dataset->columns != NULL && i < dataset->ncolumns; i++)
	{
		hpc_column *column = &dataset->columns[i];

		hpc_free(env, column->name);
		hpc_chunked_free(env, &column->values);
		hpc_dictionary_free(env, &column->dictionary);
	}
	hpc_free(env, dataset->columns);
	hpc_chunked_free(env, &dataset->target);
	hpc_free(env, dataset);
}

static hpc_status
put_value(hpc_env *env, hpc_column *column, uint64_t row,
		  const hpc_value *value)
{
	double number = value->number;
	bool missing = value->missing;

	if (column->kind == HPC_CATEGORY && !missing)
	{
		uint32_t code;
		hpc_status status =
			hpc_dictionary_code(env, &column->dictionary, value->bytes,
								value->nbytes, &code);

		if (status != HPC_OK)
			return status;
		number = code;
	}
	else if (!missing)
		missing = isnan(number);
	return put_number(env, &column->values, row, number, missing);
}

hpc_status
hpc_dataset_append(hpc_env *env, hpc_dataset *dataset, const hpc_value *values,
				   double target)
{
	uint64_t row = dataset->nrows;

	if (row >= INT32_MAX)
		return hpc_fail(env, HPC_LIMIT, "cannot train on more than %d rows",
						INT32_MAX);
	for (int i = 0; i < dataset->ncolumns; i++)
	{
		hpc_status status =
			put_value(env, &dataset->columns[i], row, &values[i]);

		if (status != HPC_OK)
			return status;
	}
	if (put_number(env, &dataset->target, row, target, false) != HPC_OK)
		return HPC_NO_MEMORY;
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

int
hpc_dataset_ncolumns(const hpc_dataset *dataset)
{
	return dataset->ncolumns;
}

hpc_column_spec
hpc_dataset_column(const hpc_dataset *dataset, int column)
{
	const hpc_column *which = &dataset->columns[column];
	hpc_column_spec spec = {which->name, which->kind, which->values.storage,
							which->integral};

	return spec;
}

static size_t
chunked_nbytes(const hpc_chunked *column)
{
	size_t nbytes = 0;

	for (uint32_t i = 0; i < column->nchunks; i++)
		nbytes += chunk_size(column->storage, i);
	return nbytes;
}

size_t
hpc_dataset_nbytes(const hpc_dataset *dataset)
{
	size_t nbytes = chunked_nbytes(&dataset->target);

	for (int i = 0; i < dataset->ncolumns; i++)
		nbytes += chunked_nbytes(&dataset->columns[i].values) +
				  dataset->columns[i].dictionary.max_bytes;
	return nbytes;
}

void
hpc_dataset_doubles(const hpc_dataset *dataset, const hpc_chunked *column,
					double *out)
{
	uint64_t row = 0;

	for (uint32_t chunk = 0; row < dataset->nrows; chunk++)
	{
		for (uint32_t place = 0;
			 place < chunk_rows(chunk) && row < dataset->nrows; place++)
			out[row++] = get_missing(column, chunk, place)
							 ? NAN
							 : get_number(column, chunk, place);
	}
}

void
hpc_dataset_codes(const hpc_dataset *dataset, const hpc_chunked *column,
				  uint32_t *out)
{
	uint64_t row = 0;

	for (uint32_t chunk = 0; row < dataset->nrows; chunk++)
	{
		const uint32_t *codes = (const uint32_t *) column->chunks[chunk];

		for (uint32_t place = 0;
			 place < chunk_rows(chunk) && row < dataset->nrows; place++)
			out[row++] = get_missing(column, chunk, place) ? HPC_MISSING_CODE
														   : codes[place];
	}
}

/* ---------- merging ---------- */

static bool
same_columns(const hpc_dataset *a, const hpc_dataset *b)
{
	if (a->ncolumns != b->ncolumns)
		return false;
	for (int i = 0; i < a->ncolumns; i++)
	{
		if (strcmp(a->columns[i].name, b->columns[i].name) != 0 ||
			a->columns[i].kind != b->columns[i].kind ||
			a->columns[i].values.storage != b->columns[i].values.storage)
			return false;
	}
	return true;
}

/* The column's codes for the entries of another's dictionary. */
static hpc_status
map_codes(hpc_env *env, hpc_column *column, const hpc_column *other,
		  uint32_t *code_of)
{
	for (uint32_t code = 0; code < other->dictionary.nentries; code++)
	{
		uint32_t nbytes;
		const char *bytes =
			hpc_dictionary_entry(&other->dictionary, code, &nbytes);
		hpc_status status = hpc_dictionary_code(env, &column->dictionary,
												bytes, nbytes, &code_of[code]);

		if (status != HPC_OK)
			return status;
		if (hpc_poll(env, code))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/* Appends the values of other, codes as code_of says (NULL: as they are). */
static hpc_status
append_values(hpc_env *env, hpc_chunked *column, uint64_t first_row,
			  const hpc_chunked *other, uint64_t nrows,
			  const uint32_t *code_of)
{
	for (uint64_t row = 0; row < nrows; row++)
	{
		uint32_t place;
		uint32_t chunk = locate(row, &place);
		bool missing = get_missing(other, chunk, place);
		double number = get_number(other, chunk, place);

		if (code_of != NULL && !missing)
			number = code_of[(uint32_t) number];
		if (put_number(env, column, first_row + row, number, missing) !=
			HPC_OK)
			return HPC_NO_MEMORY;
		if (hpc_poll(env, row))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

static hpc_status
merge_column(hpc_env *env, hpc_column *column, uint64_t first_row,
			 const hpc_column *other, uint64_t nrows)
{
	uint32_t *code_of = NULL;
	hpc_status status = HPC_OK;

	if (column->kind == HPC_CATEGORY)
	{
		code_of = hpc_alloc(env, other->dictionary.nentries, sizeof(uint32_t));
		status = code_of != NULL ? map_codes(env, column, other, code_of)
								 : HPC_NO_MEMORY;
	}
	if (status == HPC_OK)
		status = append_values(env, &column->values, first_row, &other->values,
							   nrows, code_of);
	hpc_free(env, code_of);
	return status;
}

hpc_status
hpc_dataset_merge(hpc_env *env, hpc_dataset *dataset, const hpc_dataset *other)
{
	uint64_t first_row = dataset->nrows;
	hpc_status status;

	if (!same_columns(dataset, other))
		return hpc_fail(env, HPC_BAD_DATA,
						"rows of one training have different columns");
	if (first_row + other->nrows > INT32_MAX)
		return hpc_fail(env, HPC_LIMIT, "cannot train on more than %d rows",
						INT32_MAX);
	for (int i = 0; i < dataset->ncolumns; i++)
	{
		status = merge_column(env, &dataset->columns[i], first_row,
							  &other->columns[i], other->nrows);
		if (status != HPC_OK)
			return status;
	}
	status = append_values(env, &dataset->target, first_row, &other->target,
						   other->nrows, NULL);
	if (status != HPC_OK)
		return status;
	dataset->nrows = first_row + other->nrows;
	dataset->nskipped += other->nskipped;
	return HPC_OK;
}

/* ---------- the flat form ---------- */

/*
 * |ncolumns|nrows|nskipped| then per column |kind|storage|integral|name
 * length|name|entries|entry lengths and bytes|chunks|, and the target's
 * chunks.  Written and read by the same binary, so integers are native.
 */
static void
write_chunks(hpc_flat_writer *writer, const hpc_chunked *column)
{
	for (uint32_t i = 0; i < column->nchunks; i++)
		hpc_flat_write_bytes(writer, column->chunks[i],
							 chunk_size(column->storage, i));
}

static void
write_column(hpc_flat_writer *writer, const hpc_column *column)
{
	size_t name_length = strlen(column->name) + 1;

	hpc_flat_write_u64(writer, column->kind);
	hpc_flat_write_u64(writer, column->values.storage);
	hpc_flat_write_u64(writer, column->integral);
	hpc_flat_write_u64(writer, name_length);
	hpc_flat_write_bytes(writer, column->name, name_length);
	hpc_flat_write_u64(writer, column->dictionary.nentries);
	for (uint32_t code = 0; code < column->dictionary.nentries; code++)
	{
		uint32_t length;
		const char *entry =
			hpc_dictionary_entry(&column->dictionary, code, &length);

		hpc_flat_write_u64(writer, length);
		hpc_flat_write_bytes(writer, entry, length);
	}
	hpc_flat_write_u64(writer, column->values.nchunks);
	write_chunks(writer, &column->values);
}

static void
write_dataset(hpc_flat_writer *writer, const hpc_dataset *dataset)
{
	hpc_flat_write_u64(writer, (uint64_t) dataset->ncolumns);
	hpc_flat_write_u64(writer, dataset->nrows);
	hpc_flat_write_u64(writer, dataset->nskipped);
	for (int i = 0; i < dataset->ncolumns; i++)
		write_column(writer, &dataset->columns[i]);
	hpc_flat_write_u64(writer, dataset->target.nchunks);
	write_chunks(writer, &dataset->target);
}

size_t
hpc_dataset_flat_size(const hpc_dataset *dataset)
{
	hpc_flat_writer writer = {NULL, 0};

	write_dataset(&writer, dataset);
	return writer.nbytes;
}

void
hpc_dataset_to_flat(const hpc_dataset *dataset, void *bytes)
{
	hpc_flat_writer writer = {bytes, 0};

	write_dataset(&writer, dataset);
}

static hpc_status
read_chunks(hpc_env *env, hpc_flat_reader *reader, hpc_chunked *column)
{
	uint64_t nchunks = hpc_flat_read_u64(reader);

	for (uint64_t i = 0; i < nchunks; i++)
	{
		size_t nbytes = chunk_size(column->storage, (uint32_t) i);
		const char *bytes = hpc_flat_read_bytes(reader, nbytes);

		if (bytes == NULL)
			break;
		if (add_chunk(env, column) != HPC_OK)
			return HPC_NO_MEMORY;
		memcpy(column->chunks[i], bytes, nbytes);
	}
	return HPC_OK;
}

/* A kind, storage and terminated name that hpc_dataset_create could get. */
static const char *
read_specification(hpc_flat_reader *reader, hpc_column *column)
{
	uint64_t kind = hpc_flat_read_u64(reader);
	uint64_t storage = hpc_flat_read_u64(reader);
	uint64_t integral = hpc_flat_read_u64(reader);
	uint64_t length = hpc_flat_read_u64(reader);
	const char *name = hpc_flat_read_bytes(reader, length);

	if (name == NULL || length == 0 ||
		memchr(name, '\0', length) != name + length - 1 || kind < HPC_NUMBER ||
		kind > HPC_TIME || storage > HPC_STORE_CODE ||
		(kind == HPC_CATEGORY) != (storage == HPC_STORE_CODE))
	{
		reader->broken = true;
		return NULL;
	}
	column->kind = (hpc_kind) kind;
	column->values.storage = (hpc_storage) storage;
	column->integral = integral != 0;
	return name;
}

/* Entries must be texts, and differ, or they would change their codes. */
static hpc_status
read_dictionary(hpc_env *env, hpc_flat_reader *reader, hpc_column *column)
{
	uint64_t nentries = hpc_flat_read_u64(reader);

	if (nentries > 0 && column->kind != HPC_CATEGORY)
		reader->broken = true;
	for (uint64_t i = 0; i < nentries && !reader->broken; i++)
	{
		uint64_t length = hpc_flat_read_u64(reader);
		const char *entry = hpc_flat_read_bytes(reader, length);
		uint32_t code;
		hpc_status status;

		if (entry == NULL || length > INT32_MAX ||
			memchr(entry, '\0', length) != NULL)
		{
			reader->broken = true;
			break;
		}
		status = hpc_dictionary_code(env, &column->dictionary, entry,
									 (uint32_t) length, &code);
		if (status != HPC_OK)
			return status;
		if (code != i)
			reader->broken = true;
	}
	return HPC_OK;
}

static hpc_status
read_column(hpc_env *env, hpc_flat_reader *reader, hpc_column *column)
{
	const char *name = read_specification(reader, column);
	hpc_status status;

	if (name == NULL)
		return HPC_OK;
	column->name = copy_name(env, name);
	if (column->name == NULL)
		return HPC_NO_MEMORY;
	status = read_dictionary(env, reader, column);
	if (status != HPC_OK)
		return status;
	return read_chunks(env, reader, &column->values);
}

/* Has the column all its rows, and each code an entry? */
static bool
column_is_whole(const hpc_column *column, uint64_t nrows)
{
	if (column->values.nchunks < chunks_for(nrows))
		return false;
	for (uint64_t row = 0; column->kind == HPC_CATEGORY && row < nrows; row++)
	{
		uint32_t place;
		uint32_t chunk = locate(row, &place);

		if (!get_missing(&column->values, chunk, place) &&
			((const uint32_t *) column->values.chunks[chunk])[place] >=
				column->dictionary.nentries)
			return false;
	}
	return true;
}

static bool
target_is_whole(const hpc_chunked *target, uint64_t nrows)
{
	if (target->nchunks < chunks_for(nrows))
		return false;
	for (uint64_t row = 0; row < nrows; row++)
	{
		uint32_t place;
		uint32_t chunk = locate(row, &place);

		if (get_missing(target, chunk, place) ||
			!isfinite(get_number(target, chunk, place)))
			return false;
	}
	return true;
}

/* Reads into a data set whose columns are allocated and cleared. */
static hpc_status
read_dataset(hpc_env *env, hpc_flat_reader *reader, hpc_dataset *dataset,
			 int ncolumns)
{
	dataset->nrows = hpc_flat_read_u64(reader);
	dataset->nskipped = hpc_flat_read_u64(reader);
	dataset->target.storage = HPC_STORE_DOUBLE;
	if (dataset->nrows > INT32_MAX)
		reader->broken = true;
	for (int i = 0; i < ncolumns && !reader->broken; i++)
	{
		hpc_status status = read_column(env, reader, &dataset->columns[i]);

		dataset->ncolumns = i + 1;
		if (status != HPC_OK)
			return status;
		if (!reader->broken &&
			!column_is_whole(&dataset->columns[i], dataset->nrows))
			reader->broken = true;
	}
	if (read_chunks(env, reader, &dataset->target) != HPC_OK)
		return HPC_NO_MEMORY;
	if (reader->broken || reader->at != reader->nbytes ||
		!target_is_whole(&dataset->target, dataset->nrows))
		return hpc_fail(env, HPC_CORRUPT, "invalid partial training state");
	return HPC_OK;
}

hpc_status
hpc_dataset_from_flat(hpc_env *env, const void *bytes, size_t nbytes,
					  hpc_dataset **dataset)
{
	hpc_flat_reader reader = {bytes, nbytes, 0, false};
	uint64_t ncolumns = hpc_flat_read_u64(&reader);
	hpc_status status;

	*dataset = NULL;
	if (ncolumns > nbytes / 8 || ncolumns > INT32_MAX)
		return hpc_fail(env, HPC_CORRUPT, "invalid partial training state");
	status = hpc_dataset_create(env, 0, NULL, dataset);
	if (status != HPC_OK)
		return status;
	hpc_free(env, (*dataset)->columns);
	(*dataset)->columns = hpc_alloc0(env, ncolumns, sizeof(hpc_column));
	if ((*dataset)->columns == NULL)
		status = HPC_NO_MEMORY;
	else
		status = read_dataset(env, &reader, *dataset, (int) ncolumns);
	if (status != HPC_OK)
	{
		hpc_dataset_free(env, *dataset);
		*dataset = NULL;
	}
	return status;
}
