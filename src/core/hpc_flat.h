/*
 * hpc_flat.h
 *		Writing and reading a flat run of bytes.
 *
 * A writer without bytes only measures.  A reader that runs past the end is
 * broken from then on and reads zeros, so that its user may look once, at the
 * end.  Integers are native: both ends are the same binary.
 */
#ifndef HPC_FLAT_H
#define HPC_FLAT_H

#include <string.h>

#include "hpc.h"

typedef struct hpc_flat_writer
{
	char *bytes; /* NULL: only measure */
	size_t nbytes;
} hpc_flat_writer;

typedef struct hpc_flat_reader
{
	const char *bytes;
	size_t nbytes;
	size_t at;
	bool broken;
} hpc_flat_reader;

static inline void
hpc_flat_write_bytes(hpc_flat_writer *writer, const void *bytes, size_t nbytes)
{
	if (writer->bytes != NULL && nbytes > 0)
		memcpy(writer->bytes + writer->nbytes, bytes, nbytes);
	writer->nbytes += nbytes;
}

static inline void
hpc_flat_write_u64(hpc_flat_writer *writer, uint64_t number)
{
	hpc_flat_write_bytes(writer, &number, sizeof(number));
}

static inline const char *
hpc_flat_read_bytes(hpc_flat_reader *reader, uint64_t nbytes)
{
	const char *bytes = reader->bytes + reader->at;

	if (reader->broken || nbytes > reader->nbytes - reader->at)
	{
		reader->broken = true;
		return NULL;
	}
	reader->at += nbytes;
	return bytes;
}

static inline uint64_t
hpc_flat_read_u64(hpc_flat_reader *reader)
{
	uint64_t number = 0;
	const char *bytes = hpc_flat_read_bytes(reader, sizeof(number));

	if (bytes != NULL)
		memcpy(&number, bytes, sizeof(number));
	return number;
}

#endif /* HPC_FLAT_H */
