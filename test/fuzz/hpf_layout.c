/*
 * hpf_layout.c
 *		Bytes that look like a model: signed, and changed where it hurts.
 *
 * A digest cannot be guessed, and few random changes of a model leave its
 * section table whole.  So changes are made in one section at a time, of a
 * field or an element rather than of a byte, and signed afterwards: what is
 * left to find out is the structure.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_model.h"
#include "hpf.h"

/* ---------- signing ---------- */

static void
seal(hpc_model *model, size_t nbytes)
{
	hpc_env never_stops = {0};

	model->magic = HPC_MODEL_MAGIC;
	model->version = HPC_MODEL_VERSION;
	model->nbytes = nbytes;
	hpc_model_compute_digest(&never_stops, model, &model->digest);
}

/* The section of a table that lies in the block; NULL: it does not. */
static hpc_section *
section_at(hpc_model *model, size_t nbytes, uint32_t which)
{
	size_t table_end =
		sizeof(struct hpc_model) + ((size_t) which + 1) * sizeof(hpc_section);
	hpc_section *section = &model->sections[which];

	if (nbytes < table_end || section->offset % 8 != 0 ||
		section->offset < table_end || section->offset > nbytes ||
		section->nbytes > nbytes - section->offset)
		return NULL;
	return section;
}

/*
 * The member that begins at an offset of the block, where the section table
 * says that members are; NULL: there is none.
 */
static hpc_model *
member_at(hpc_model *model, const hpc_section *members, uint64_t at)
{
	hpc_model *member = (hpc_model *) ((char *) model + at);
	uint64_t left = members->offset + members->nbytes - at;

	if (left < sizeof(struct hpc_model) ||
		member->nbytes < sizeof(struct hpc_model) || member->nbytes > left ||
		member->nbytes % 8 != 0)
		return NULL;
	return member;
}

static void
seal_members(hpc_model *model, size_t nbytes)
{
	const hpc_section *members =
		section_at(model, nbytes, HPC_SECTION_MEMBERS - 1);
	hpc_model *member;

	if (members == NULL)
		return;
	for (uint64_t at = members->offset;
		 (member = member_at(model, members, at)) != NULL;
		 at += member->nbytes)
		seal(member, member->nbytes);
}

void
hpf_seal(void *bytes, size_t nbytes)
{
	if (nbytes < sizeof(struct hpc_model))
		return;
	seal_members(bytes, nbytes);
	seal(bytes, nbytes);
}

void
hpf_reseed(void *bytes)
{
	hpc_model *model = bytes;
	hpc_training_record *training =
		(hpc_training_record *) ((char *) model + model->sections[0].offset);

	training->settings.seed ^= 1;
	seal(model, model->nbytes);
}

/* ---------- changing ---------- */

/* A mutation at work. */
typedef struct mutation
{
	uint64_t state; /* of its draws (splitmix64) */
	hpf_change *change;
} mutation;

static uint64_t
draw(mutation *m, uint64_t n)
{
	uint64_t z = m->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % n;
}

/* A field of 4 or 8 bytes becomes one that is likely to be wrong. */
static void
change_field(mutation *m, uint8_t *bytes, size_t nbytes)
{
	static const uint64_t integers[] = {0,
										1,
										2,
										7,
										31,
										0xff,
										0xffff,
										0x7fffffff,
										0x80000000,
										0xffffffff,
										UINT64_MAX,
										INT64_MAX,
										(uint64_t) 1 << 32};
	static const double numbers[] = {0,        -0.0,   1,        -1,
									 0.5,      1e300,  -1e300,   DBL_MAX,
									 -DBL_MAX, 5e-324, INFINITY, -INFINITY,
									 NAN,      1e15,   DBL_MIN};
	size_t width = draw(m, 3) == 0 ? 8 : 4;
	size_t nfields = nbytes / width;
	uint8_t *field;
	uint64_t value = 0;

	if (nfields == 0)
		return;
	field = bytes + draw(m, nfields) * width;
	switch (draw(m, 4))
	{
		case 0:
			value = integers[draw(m, sizeof(integers) / sizeof(uint64_t))];
			break;
		case 1:
			width = nbytes - (size_t) (field - bytes) >= 8 ? 8 : width;
			memcpy(&value, &numbers[draw(m, sizeof(numbers) / 8)], width);
			break;
		case 2:
			memcpy(&value, field, width);
			value += draw(m, 5) - 2;
			break;
		default:
			memcpy(&value, bytes + draw(m, nfields) * width, width);
	}
	memcpy(field, &value, width);
}

/* An element takes the place of another. */
static void
copy_element(mutation *m, uint8_t *bytes, size_t nbytes, size_t element)
{
	size_t nelements = nbytes / element;

	if (nelements > 1)
		memmove(bytes + draw(m, nelements) * element,
				bytes + draw(m, nelements) * element, element);
}

/* Where the record of a section counts the last of its arrays; or NULL. */
static uint32_t *
count_of(hpc_model *model, const hpc_section *section)
{
	char *start = (char *) model + section->offset;

	if (section->kind == HPC_SECTION_CALIBRATION &&
		section->nbytes >= sizeof(hpc_calibration_record))
		return &((hpc_calibration_record *) start)->nscores;
	if (section->kind == HPC_SECTION_DRIFT &&
		section->nbytes >= sizeof(hpc_drift_record))
		return &((hpc_drift_record *) start)->ngroups;
	if (section->kind == HPC_SECTION_ROW_SKETCH &&
		section->nbytes >= sizeof(hpc_sketch_record))
		return &((hpc_sketch_record *) start)->nwords;
	return NULL;
}

/*
 * Adds an element, a copy of the last, to a section, or takes the last away.
 * Answers the size of the block then, whose offsets fit, and mostly the number
 * of elements where there is one.
 */
static size_t
resize_section(mutation *m, hpc_model *model, size_t nbytes, size_t max,
			   uint32_t which, size_t element)
{
	hpc_section *section = &model->sections[which];
	char *start = (char *) model + section->offset;
	size_t before = section->nbytes;
	bool grow = draw(m, 2) == 0;
	size_t after = grow ? before + element : before - element;
	size_t old_end = (before + 7) / 8 * 8;
	size_t new_end = (after + 7) / 8 * 8;
	size_t behind = nbytes - section->offset;
	uint32_t *count = count_of(model, section);

	if (before < element || behind < old_end ||
		nbytes - old_end + new_end > max)
		return nbytes;
	memmove(start + new_end, start + old_end, behind - old_end);
	if (grow)
		memmove(start + before, start + before - element, element);
	memset(start + after, 0, new_end - after);
	if (count != NULL && draw(m, 4) > 0)
		*count += grow ? 1 : UINT32_MAX;
	section->nbytes = after;
	for (uint32_t i = which + 1; i < model->nsections; i++)
		model->sections[i].offset += new_end - old_end;
	return nbytes - old_end + new_end;
}

static size_t
element_of(const hpc_section *section)
{
	if (section->kind == HPC_SECTION_TREE_KEYS)
		return sizeof(hpc_tree_key);
	if (section->kind == HPC_SECTION_DRIFT)
		return sizeof(hpc_group);
	if (section->kind < HPC_SECTION_TRAINING ||
		section->kind > HPC_KNOWN_SECTIONS)
		return 8;
	return hpc_section_element((hpc_section_kind) section->kind);
}

static size_t
change_model(mutation *m, hpc_model *model, size_t nbytes, size_t max);

/* One of the members, which keeps its size. */
static void
change_member(mutation *m, hpc_model *model, const hpc_section *members)
{
	uint64_t at = members->offset;
	uint64_t skip = draw(m, HPC_MIN_MEMBERS);
	hpc_model *member = member_at(model, members, at);

	while (member != NULL && skip-- > 0)
	{
		at += member->nbytes;
		member = member_at(model, members, at);
	}
	if (member != NULL)
		change_model(m, member, member->nbytes, member->nbytes);
}

/* A section that has something in it, if that is soon found. */
static hpc_section *
draw_section(mutation *m, hpc_model *model, size_t nbytes, uint32_t *which)
{
	for (int tries = 0; tries < 20; tries++)
	{
		hpc_section *section;

		*which = (uint32_t) draw(m, model->nsections);
		section = section_at(model, nbytes, *which);
		if (section != NULL && section->nbytes > 0)
			return section;
	}
	return NULL;
}

/* A change inside a section, or of its size. */
static size_t
change_section(mutation *m, hpc_model *model, size_t nbytes, size_t max)
{
	uint32_t which;
	hpc_section *section = draw_section(m, model, nbytes, &which);
	uint8_t *bytes = (uint8_t *) model;

	if (section == NULL)
		return m->change(bytes, nbytes, max);
	bytes += section->offset;
	if (section->kind == HPC_SECTION_MEMBERS)
	{
		change_member(m, model, section);
		return nbytes;
	}
	switch (draw(m, 16))
	{
		case 0:
			return resize_section(m, model, nbytes, max, which,
								  element_of(section));
		case 1:
			copy_element(m, bytes, section->nbytes, element_of(section));
			return nbytes;
		case 2:
			m->change(bytes, section->nbytes, section->nbytes);
			return nbytes;
		default:
			change_field(m, bytes, section->nbytes);
			return nbytes;
	}
}

/* The size of the block then; the digest is left as it was. */
static size_t
change_model(mutation *m, hpc_model *model, size_t nbytes, size_t max)
{
	size_t header = sizeof(struct hpc_model);
	uint32_t nsections = nbytes < header ? 0 : model->nsections;
	size_t table_end = header + nsections * sizeof(hpc_section);

	/* where there is no table, and now and then elsewhere: anything */
	if (nsections == 0 || nsections > HPC_MAX_SECTIONS ||
		nbytes <= table_end || draw(m, 32) == 0)
		return m->change((uint8_t *) model, nbytes, max);
	if (draw(m, 32) == 0)
	{
		change_field(m, (uint8_t *) model, table_end);
		return nbytes;
	}
	return change_section(m, model, nbytes, max);
}

size_t
hpf_mutate_model(uint8_t *bytes, size_t nbytes, size_t max, unsigned seed,
				 hpf_change *change)
{
	mutation m = {seed, change};
	hpc_model *model = malloc(max + sizeof(struct hpc_model));

	if (model == NULL)
		return change(bytes, nbytes, max);
	memcpy(model, bytes, nbytes);
	do
		nbytes = change_model(&m, model, nbytes, max);
	while (draw(&m, 3) == 0);

	/* one in eight stays unsigned */
	if (draw(&m, 8) > 0)
		hpf_seal(model, nbytes);
	memcpy(bytes, model, nbytes);
	free(model);
	return nbytes;
}
