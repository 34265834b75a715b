/*
 * hpc_layout.c
 *		The parts of a model side by side, in one block.
 *
 * The sections are gone through twice: to measure, and to write.
 */
#include <string.h>

#include "hpc_memory.h"
#include "hpc_writer_inside.h"

/* The block while sections are laid out and written. */
typedef struct layout
{
	hpc_env *env;
	hpc_model *model; /* NULL: only measure */
	uint64_t nbytes;
	uint64_t nodes; /* where their section begins */
	uint32_t nsections;
	bool cancelled;
} layout;

/* Opens a section of nbytes; where to write it, or NULL when measuring. */
static char *
add_section(layout *out, hpc_section_kind kind, uint64_t nbytes)
{
	uint64_t at = out->nbytes;
	uint64_t padded = (nbytes + 7) / 8 * 8;
	char *section;

	out->nbytes += padded;
	out->nsections++;
	if (out->model == NULL)
		return NULL;
	out->model->sections[out->nsections - 1] =
		(hpc_section){(uint32_t) kind, 0, at, nbytes};
	section = (char *) out->model + at;
	memset(section + nbytes, 0, padded - nbytes);
	return section;
}

/* Copies into a section, unless asked to stop. */
static void
copy_bytes(layout *out, char *to, const void *bytes, uint64_t nbytes)
{
	if (!out->cancelled)
		out->cancelled = hpc_copy(out->env, to, bytes, nbytes) != HPC_OK;
}

/* The nodes from the block's start to their section, unless asked to stop. */
static void
move_nodes(layout *out, uint64_t nbytes)
{
	char *from = (char *) out->model;

	for (uint64_t left = nbytes; left > 0 && !out->cancelled;)
	{
		size_t piece = left < HPC_BYTES_PER_POLL ? left : HPC_BYTES_PER_POLL;

		left -= piece;
		memmove(from + out->nodes + left, from + left, piece);
		if (left > 0)
			out->cancelled = hpc_cancelled(out->env);
	}
}

static void
add_bytes(layout *out, hpc_section_kind kind, const void *bytes,
		  uint64_t nbytes)
{
	char *section = add_section(out, kind, nbytes);

	if (section != NULL)
		copy_bytes(out, section, bytes, nbytes);
}

/* Members side by side, with nothing in the word of their container. */
static void
add_members(layout *out, const hpc_writer *writer)
{
	uint64_t nbytes = 0;
	char *at;

	for (int i = 0; i < writer->nmembers; i++)
		nbytes += ((const hpc_model *) writer->members[i])->nbytes;
	at = add_section(out, HPC_SECTION_MEMBERS, nbytes);
	for (int i = 0; at != NULL && i < writer->nmembers; i++)
	{
		const hpc_model *member = writer->members[i];

		copy_bytes(out, at, member, member->nbytes);
		((hpc_model *) at)->container = 0;
		at += member->nbytes;
	}
}

/* The sections that are there where they have something in them. */
static void
lay_out_optional(layout *out, const hpc_writer *writer)
{
	for (uint32_t i = 0; i < HPC_NOPTIONAL; i++)
	{
		const hpc_growing *section = &writer->optional[i];

		if (section->nbytes == 0)
			continue;
		add_bytes(out, HPC_FIRST_OPTIONAL + i, section->bytes,
				  section->nbytes);
		if (out->model != NULL)
			out->model->sections[out->nsections - 1].flags =
				HPC_SECTION_OPTIONAL;
	}
}

static void
lay_out(layout *out, const hpc_writer *writer, const hpc_assembly *parts)
{
	uint32_t noptional = 0;

	for (int i = 0; i < HPC_NOPTIONAL; i++)
		noptional += writer->optional[i].nbytes > 0;
	out->nsections = 0;
	out->nbytes = sizeof(struct hpc_model) +
				  (HPC_KNOWN_SECTIONS + noptional) * sizeof(hpc_section);
	add_bytes(out, HPC_SECTION_TRAINING, &parts->training,
			  sizeof(parts->training));
	add_bytes(out, HPC_SECTION_FEATURES, parts->features.bytes,
			  parts->features.nbytes);
	add_bytes(out, HPC_SECTION_THRESHOLDS, parts->thresholds.bytes,
			  parts->thresholds.nbytes);
	add_bytes(out, HPC_SECTION_CATEGORIES, parts->categories.bytes,
			  parts->categories.nbytes);
	add_bytes(out, HPC_SECTION_TREES, writer->trees.bytes,
			  writer->trees.nbytes);
	out->nodes = out->nbytes;
	add_section(out, HPC_SECTION_NODES, writer->nodes.nbytes);
	add_bytes(out, HPC_SECTION_COVERS, writer->covers.bytes,
			  writer->covers.nbytes);
	add_bytes(out, HPC_SECTION_SETS, writer->sets.bytes, writer->sets.nbytes);
	add_bytes(out, HPC_SECTION_STRINGS, parts->strings.bytes,
			  parts->strings.nbytes);
	add_bytes(out, HPC_SECTION_LINEAR, writer->terms.bytes,
			  writer->terms.nbytes);
	add_bytes(out, HPC_SECTION_LEVELS, writer->levels.bytes,
			  writer->levels.nbytes);
	add_members(out, writer);
	lay_out_optional(out, writer);
}

hpc_status
hpc_layout_write(hpc_env *env, hpc_writer *writer, const hpc_assembly *parts,
				 void **block, size_t *nbytes)
{
	layout out = {.env = env};
	hpc_model *model;

	lay_out(&out, writer, parts);
	if (out.nbytes > HPC_MODEL_MAX_BYTES)
		return hpc_writer_too_large(env, writer);
	model = hpc_resize(env, writer->nodes.bytes, out.nbytes, 1);
	if (model == NULL)
		return HPC_NO_MEMORY;
	writer->nodes.bytes = NULL;
	out.model = model;
	move_nodes(&out, writer->nodes.nbytes);
	memset(model, 0, sizeof(*model));
	model->magic = HPC_MODEL_MAGIC;
	model->version = HPC_MODEL_VERSION;
	model->nsections = out.nsections;
	model->nbytes = out.nbytes;
	lay_out(&out, writer, parts);
	if (out.cancelled || !hpc_model_compute_digest(env, model, &model->digest))
	{
		hpc_free(env, model);
		return HPC_CANCELLED;
	}
	*block = model;
	*nbytes = out.nbytes;
	return HPC_OK;
}
