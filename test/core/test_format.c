/*
 * test_format.c
 *		docs/model-format.md says what the code does: every field of every record
 *		at its place, and none besides.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_model.h"
#include "hpt.h"

#define PAGE "docs/model-format.md"

/* A field as the code has it, under the heading of the page. */
typedef struct field
{
	const char *heading;
	const char *name;
	size_t offset;
	size_t size;
	bool found;
} field;

#define FIELD(heading, type, name)                                        \
	{                                                                     \
		heading, #name, offsetof(type, name), sizeof(((type *) 0)->name), \
			false                                                         \
	}
#define HEADER(name) FIELD("Header", struct hpc_model, name)
#define SECTION(name) FIELD("Section table", hpc_section, name)
#define TRAINING(name) FIELD("Training record", hpc_training_record, name)
#define SETTING(type, name) \
	FIELD("Training record", hpc_training_record, settings.name),
#define FEATURE(name) FIELD("Feature record", hpc_feature_record, name)
#define TERM(name) FIELD("Terms", hpc_linear_term, name)
#define CALIBRATION(name) FIELD("Calibration", hpc_calibration_record, name)
#define KNOT(name) FIELD("Knots", hpc_knot, name)
#define LEARNER(name) FIELD("Learner", hpc_learner_record, name)
#define SKETCH(name) FIELD("Row sketch", hpc_sketch_record, name)
#define DRIFT(name) FIELD("Groups of values", hpc_drift_record, name)
#define ENTRY(name) FIELD("Entries", hpc_drift_entry, name)
#define GROUP(name) FIELD("Groups", hpc_group, name)
#define KEY(name) FIELD("Tree keys", hpc_tree_key, name)

static field fields[] = {
	HEADER(container),
	HEADER(magic),
	HEADER(version),
	HEADER(nsections),
	HEADER(nbytes),
	HEADER(digest),
	SECTION(kind),
	SECTION(flags),
	SECTION(offset),
	SECTION(nbytes),
	TRAINING(algorithm),
	TRAINING(ntrees),
	TRAINING(combine),
	TRAINING(log_scale),
	TRAINING(nrows),
	TRAINING(nskipped),
	TRAINING(ndistinct),
	TRAINING(data_digest),
	TRAINING(target_min),
	TRAINING(target_max),
	TRAINING(target_mean),
	TRAINING(base),
	TRAINING(smearing),
	TRAINING(oob_rows),
	TRAINING(oob_mae),
	TRAINING(oob_rmse),
	TRAINING(oob_r2),
	TRAINING(target),
	TRAINING(params),
	TRAINING(clean),
	TRAINING(weight),
	HPC_SETTINGS(SETTING) FEATURE(name),
	FEATURE(kind),
	FEATURE(nsplits),
	FEATURE(first_threshold),
	FEATURE(nthresholds),
	FEATURE(first_category),
	FEATURE(ncategories),
	FEATURE(nmissing),
	FEATURE(min),
	FEATURE(max),
	FEATURE(gain),
	FEATURE(monotone),
	FEATURE(reserved),
	{"Nodes", "cut", offsetof(hpc_node, u.split.cut), 4, false},
	{"Nodes", "feature", offsetof(hpc_node, u.split.feature), 2, false},
	{"Nodes", "flags", offsetof(hpc_node, u.split.flags), 2, false},
	TERM(log1p),
	TERM(first_level),
	TERM(fill),
	TERM(low),
	TERM(high),
	TERM(center),
	TERM(coefficient),
	TERM(missing),
	TERM(unknown),
	CALIBRATION(by_spread),
	CALIBRATION(nknots),
	CALIBRATION(nscores),
	CALIBRATION(reserved),
	CALIBRATION(nrows),
	KNOT(at),
	KNOT(scale),
	LEARNER(version),
	LEARNER(reserved),
	DRIFT(held_ratio),
	DRIFT(nentries),
	DRIFT(ngroups),
	ENTRY(first_group),
	ENTRY(ngroups),
	GROUP(rows),
	GROUP(bound),
	SKETCH(nwords),
	SKETCH(reserved),
	SKETCH(limit),
	KEY(seed),
	KEY(number),
	KEY(reserved)};

#define NFIELDS (sizeof(fields) / sizeof(fields[0]))

/* Bytes of a type of the page; 0: as many as it takes. */
static size_t
size_of(const char *type)
{
	static const struct
	{
		const char *name;
		size_t size;
	} types[] = {{"u16", 2}, {"u32", 4},    {"u64", 8},     {"i64", 8},
				 {"f64", 8}, {"string", 8}, {"digest", 16}, {"i8", 1}};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i].name) == 0)
			return types[i].size;
	return 0;
}

/* Is a line of a table what the code has? */
static bool
is_right(const char *heading, unsigned offset, const char *type,
		 const char *name)
{
	for (size_t i = 0; i < NFIELDS; i++)
	{
		field *f = &fields[i];

		if (strcmp(f->heading, heading) != 0 || strcmp(f->name, name) != 0)
			continue;
		f->found = true;
		return f->offset == offset &&
			   (size_of(type) == f->size || strcmp(type, "zeros") == 0);
	}
	return false;
}

static void
check_page(FILE *page)
{
	char line[4096];
	char heading[100] = "";

	while (fgets(line, sizeof(line), page) != NULL)
	{
		unsigned offset;
		char type[20];
		char name[60];

		if (sscanf(line, "## %99[^\n]", heading) == 1)
			continue;
		if (sscanf(line, "| %u | %19s | `%59[^`]`", &offset, type, name) == 3)
			hpt_ok(is_right(heading, offset, type, name), "%s: %s", heading,
				   name);
	}
	for (size_t i = 0; i < NFIELDS; i++)
		if (!fields[i].found)
			hpt_ok(false, "%s: %s is not on the page", fields[i].heading,
				   fields[i].name);
}

/* "344 bytes." below a heading. */
static void
check_sizes(FILE *page)
{
	static const struct
	{
		const char *heading;
		size_t size;
	} records[] = {{"Section table", sizeof(hpc_section)},
				   {"Training record", sizeof(hpc_training_record)},
				   {"Feature record", sizeof(hpc_feature_record)},
				   {"Nodes", sizeof(hpc_node)},
				   {"Terms", sizeof(hpc_linear_term)},
				   {"Knots", sizeof(hpc_knot)},
				   {"Learner", sizeof(hpc_learner_record)},
				   {"Entries", sizeof(hpc_drift_entry)},
				   {"Groups", sizeof(hpc_group)},
				   {"Tree keys", sizeof(hpc_tree_key)}};
	char line[4096];
	char heading[100] = "";

	rewind(page);
	while (fgets(line, sizeof(line), page) != NULL)
	{
		unsigned size;
		char unit[20];

		if (sscanf(line, "## %99[^\n]", heading) == 1 ||
			sscanf(line, "%u %19s", &size, unit) != 2 ||
			strncmp(unit, "bytes", 5) != 0)
			continue;
		for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
			if (strcmp(heading, records[i].heading) == 0)
				hpt_ok(size == records[i].size, "%s: %u bytes", heading, size);
	}
}

int
main(void)
{
	FILE *page = fopen(PAGE, "r");

	if (hpt_ok(page != NULL, PAGE " is there"))
	{
		check_page(page);
		check_sizes(page);
		fclose(page);
	}
	return hpt_done();
}
