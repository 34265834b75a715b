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

/* Puts the header of a model right that fills a block of nbytes bytes. */
static void
seal(hpc_model *model, size_t nbytes)
{
	model->magic = HPC_MODEL_MAGIC;
	model->version = HPC_MODEL_VERSION;
	model->nbytes = nbytes;
	hpt_model_seal(model);
}

/* Seals what can be taken for members, where the section table says so. */
static void
seal_members(hpc_model *model, size_t nbytes)
{
	const hpc_section *section = &model->sections[HPC_SECTION_MEMBERS - 1];
	uint64_t at;
	uint64_t end;

	if (nbytes <
			(size_t) ((const char *) (section + 1) - (const char *) model) ||
		section->offset % 8 != 0 || section->offset > nbytes ||
		section->nbytes > nbytes - section->offset)
		return;
	at = section->offset;
	end = at + section->nbytes;
	while (end - at >= sizeof(struct hpc_model))
	{
		hpc_model *member = (hpc_model *) ((char *) model + at);

		if (member->nbytes < sizeof(struct hpc_model) ||
			member->nbytes > end - at || member->nbytes % 8 != 0)
			return;
		at += member->nbytes;
		seal(member, member->nbytes);
	}
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
	if (nbytes >= sizeof(struct hpc_model))
	{
		seal_members(model, nbytes);
		seal(model, nbytes);
		try_model(model, nbytes);
	}
	free(model);
	return 0;
}
