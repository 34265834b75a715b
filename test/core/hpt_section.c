/*
 * hpt_section.c
 *		Models with one optional section more, less, or another.
 */
#include <stdlib.h>
#include <string.h>

#include "hpt_model.h"
#include "hpt_section.h"

const void *
hpt_section(const hpc_model *model, uint32_t kind, size_t *size)
{
	for (uint32_t i = 0; i < model->nsections; i++)
	{
		const hpc_section *section = &model->sections[i];

		if (section->kind != kind)
			continue;
		*size = section->nbytes;
		return (const char *) model + section->offset;
	}
	*size = 0;
	return NULL;
}

static void
append(hpc_model *to, const hpc_section *section, const void *content,
	   size_t *at)
{
	hpc_section *own = &to->sections[to->nsections++];

	*own = *section;
	own->offset = *at;
	if (section->nbytes > 0)
		memcpy((char *) to + *at, content, section->nbytes);
	*at += (section->nbytes + 7) / 8 * 8;
}

hpc_model *
hpt_with_section(const hpc_model *model, uint32_t kind, const void *content,
				 size_t size, size_t *nbytes)
{
	const hpc_section added = {kind, HPC_SECTION_OPTIONAL, 0, size};
	size_t had;
	bool has = hpt_section(model, kind, &had) != NULL;
	uint32_t nsections = model->nsections + (content != NULL) - has;
	size_t at =
		sizeof(struct hpc_model) + (size_t) nsections * sizeof(hpc_section);
	hpc_model *made =
		calloc(1, model->nbytes + sizeof(hpc_section) + size + 8);
	bool placed = content == NULL;

	memcpy(made, model, sizeof(*made));
	made->nsections = 0;
	for (uint32_t i = 0; i < model->nsections; i++)
	{
		const hpc_section *section = &model->sections[i];

		if (!placed && section->kind >= kind)
			append(made, &added, content, &at);
		placed |= section->kind >= kind;
		if (section->kind != kind)
			append(made, section, (const char *) model + section->offset, &at);
	}
	if (!placed)
		append(made, &added, content, &at);
	made->nbytes = *nbytes = at;
	hpt_model_seal(made);
	return made;
}

hpc_model *
hpt_bare(const hpc_model *model, size_t *nbytes)
{
	return hpt_with_section(model, HPC_SECTION_ROW_SKETCH, NULL, 0, nbytes);
}
