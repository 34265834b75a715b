/*
 * fuzz_model.c
 *		Models of any origin: refused, or good to be read and predicted with.
 *
 * A digest cannot be guessed, so the bytes are tried twice: as they are, and
 * with magic, version, size and digest put right, also those of the members
 * of a blend, which leaves the structure to the checks behind the digest.
 */
#include <stdlib.h>
#include <string.h>

#include "hpc_model.h"
#include "hpf.h"
#include "hpt_table.h"

/* Validates a model; reads it through if it is accepted. */
static void
try_model(const hpc_model *model, size_t nbytes)
{
	hpt_memory memory;
	hpc_status status;

	hpt_memory_init(&memory, 1);
	status = hpc_model_validate(&memory.env, model, nbytes);
	if (status == HPC_OK)
		hpt_model_exercise(model);
	else if (status != HPC_CORRUPT || memory.env.error.status != status ||
			 memory.env.error.message[0] == '\0')
		abort();
	if (memory.nblocks != 0)
		abort();
}

int
hpf_model(const uint8_t *bytes, size_t nbytes)
{
	/* of exactly this size, so that a sanitizer sees a byte too many */
	hpc_model *model = calloc(nbytes > 0 ? nbytes : 1, 1);

	if (model == NULL)
		return 0;
	if (nbytes > 0)
		memcpy(model, bytes, nbytes);
	try_model(model, nbytes);
	hpf_seal(model, nbytes);
	try_model(model, nbytes);
	free(model);
	return 0;
}
