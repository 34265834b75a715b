/*
 * hpt_section.c
 *		Models with one optional section more, less, or another.
 */
#include <stdio.h>
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
	uint32_t flags = kind > HPC_KNOWN_SECTIONS ? HPC_SECTION_OPTIONAL : 0;
	const hpc_section added = {kind, flags, 0, size};
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
	hpc_model *half =
		hpt_with_section(model, HPC_SECTION_ROW_SKETCH, NULL, 0, nbytes);
	hpc_model *bare =
		hpt_with_section(half, HPC_SECTION_DRIFT, NULL, 0, nbytes);

	free(half);
	return bare;
}

/* The members of a blend, side by side, without what came after 0.1.0. */
static char *
members_before(const hpc_model *model, int nmembers, size_t *size)
{
	size_t most;
	const char *members = hpt_section(model, HPC_SECTION_MEMBERS, &most);
	char *before = malloc(most + 1);

	*size = 0;
	for (int i = 0; i < nmembers; i++)
	{
		const hpc_model *member = (const hpc_model *) members;
		size_t nbytes;
		hpc_model *own = hpt_as_before(member, &nbytes);

		memcpy(before + *size, own, nbytes);
		*size += nbytes;
		members += member->nbytes;
		free(own);
	}
	return before;
}

hpc_model *
hpt_as_before(const hpc_model *model, size_t *nbytes)
{
	hpc_model *bare = hpt_bare(model, nbytes);
	hpc_model *before =
		hpt_with_section(bare, HPC_SECTION_LEARNER, NULL, 0, nbytes);
	hpc_model_summary summary;

	free(bare);
	hpc_model_summarize(model, &summary);
	if (summary.nmembers > 0)
	{
		size_t size;
		char *members = members_before(model, summary.nmembers, &size);

		bare = before;
		before =
			hpt_with_section(bare, HPC_SECTION_MEMBERS, members, size, nbytes);
		free(bare);
		free(members);
	}
	return before;
}

/* ---------- reading ---------- */

static uint64_t
read_group(const hpc_model *model, int feature, int group)
{
	hpc_model_group shown;

	hpc_model_group_at(model, feature, group, &shown);
	if (shown.kind == HPC_GROUP_CATEGORY)
	{
		uint32_t nbytes;

		hpc_model_category(model, feature, shown.category, &nbytes);
		return shown.rows + nbytes;
	}
	return shown.rows + hpc_model_group_rows(model, feature, group);
}

static void
place_values(hpt_random *random, const hpc_model *model, int feature,
			 int nfeatures, int ngroups)
{
	hpc_model_feature like = {.kind = HPC_NUMBER};

	if (feature < nfeatures)
		hpc_model_feature_at(model, feature, &like);
	for (int i = 0; i < 10; i++)
	{
		hpc_value value = hpt_strange_value(random, &like);
		int group = hpc_model_group_of(model, feature, &value);

		if (group < 0 || group >= ngroups)
		{
			printf("Bail out! a value without a group\n");
			abort();
		}
	}
}

uint64_t
hpt_read_sections(const hpc_model *model)
{
	hpt_random random = {1};
	hpc_hash row = {0, 0};
	hpc_model_summary summary;
	uint64_t sum;

	hpc_model_summarize(model, &summary);
	sum = summary.algorithm_version + hpc_model_has_sketch(model);
	for (int i = 0; i < 64; i++)
	{
		row.low = hpt_random_bits(&random) >> i;
		sum += (uint64_t) hpc_model_sighting(model, row);
	}
	sum += hpc_model_held_ratio(model) > 1;
	for (int i = 0; i <= summary.nfeatures; i++)
	{
		int ngroups = hpc_model_ngroups(model, i);

		for (int group = 0; group < ngroups; group++)
			sum += read_group(model, i, group);
		if (ngroups > 0)
			place_values(&random, model, i, summary.nfeatures, ngroups);
	}
	return sum;
}
