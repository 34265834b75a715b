/*
 * hpg_drift_state.c
 *		The state of hp_drift: counts, and what the model says of its training.
 *
 * A state has a few hundred bytes for each feature that predictions depend on,
 * whatever the number of rows.  It holds what a report needs of the model, so
 * that whoever makes it needs no model: the leader of a parallel plan has none.
 *
 * Ratios are counted in cells of a width of 0.1 %, 8 kB for each power of two
 * that occurs.  How many lie above the median of the training, which the test
 * asks, is counted exactly.
 *
 * All of it is counts, which add up: whatever the order of the rows, the plan
 * and the number of workers, the report is the same.
 *
 * Cost for a row: a prediction, and for each feature the search for its group.
 */
#include "postgres.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "hpg_drift.h"

#define PREDICTIONS 0

/* of ratios, and of the bits of doubles that make a cell */
#define LEAST_RATIO (1.0 / 256)
#define GREATEST_RATIO 256.0
#define DROPPED_BITS (52 - HPG_RATIO_BITS)
#define FIRST_CELL ((1023 - HPG_RATIO_OCTAVES / 2) << HPG_RATIO_BITS)
#define LAST_CELL (HPG_RATIO_OCTAVES * HPG_RATIO_CELLS - 1)

enum
{
	NEVER_BELOW = 0,
	NEVER_ABOVE,
	NEVER_UNSEEN = 0,
	NEVER_MISSING = 2
};

/* ---------- what the model says ---------- */

static char *
number_name(hpc_kind kind, double number)
{
	return kind == HPC_TIME ? hpg_number_text(kind, number)
							: psprintf("%.7g", number);
}

static char *
range_name(hpc_kind kind, const hpc_model_group *group)
{
	if (kind == HPC_BOOLEAN)
		return pstrdup(isinf(group->upper) ? "true" : "false");
	if (isinf(group->lower) && isinf(group->upper))
		return pstrdup("any");
	if (isinf(group->lower))
		return psprintf("up to %s", number_name(kind, group->upper));
	if (isinf(group->upper))
		return psprintf("above %s", number_name(kind, group->lower));
	return psprintf("%s to %s", number_name(kind, group->lower),
					number_name(kind, group->upper));
}

/* What a group is called in a report. */
static char *
group_name(const hpc_model *model, const hpg_drift_line *line,
		   const hpc_model_group *group)
{
	const char *bytes;
	uint32 nbytes;

	switch (group->kind)
	{
		case HPC_GROUP_RANGE:
			return range_name(line->kind, group);
		case HPC_GROUP_CATEGORY:
			bytes = hpc_model_category(model, line->index, group->category,
									   &nbytes);
			return hpg_quoted(bytes, nbytes);
		case HPC_GROUP_OTHERS:
			return pstrdup("others");
		default:
			return pstrdup("NULL");
	}
}

/*
 * Groups of a line.  Answers how many of them are a category that the training
 * has seen more than once.
 */
static int
begin_groups(hpg_drift_line *line, const hpc_model *model)
{
	hpc_drift_counts *counts = &line->counts;
	int nfamiliar = 0;

	counts->ngroups = hpc_model_ngroups(model, line->index);
	Assert(counts->ngroups <= HPC_DRIFT_GROUPS);
	line->groups = palloc0(Max(counts->ngroups, 1) * sizeof(char *));
	line->others = -1;
	for (int i = 0; i < counts->ngroups; i++)
	{
		hpc_model_group group;

		hpc_model_group_at(model, line->index, i, &group);
		counts->before[i] = group.rows;
		counts->nbefore += group.rows;
		line->groups[i] = group_name(model, line, &group);
		if (group.kind == HPC_GROUP_OTHERS)
			line->others = i;
		nfamiliar += group.kind == HPC_GROUP_CATEGORY && group.rows > 1;
	}
	return nfamiliar;
}

static void
begin_feature(hpg_drift_line *line, const hpc_model *model,
			  const hpc_model_feature *feature, uint64 nrows)
{
	hpc_drift_counts *counts = &line->counts;
	int nfamiliar;

	line->kind = feature->kind;
	line->name = hpg_name(feature->name);
	line->missing_before = feature->nmissing;
	line->rows_before = nrows;
	nfamiliar = begin_groups(line, model);
	counts->nnever = feature->kind == HPC_CATEGORY ? 1 : 2;
	if (counts->ngroups == 0)
	{
		counts->nbefore = nrows;
		line->never_missing = feature->nmissing == 0;
		if (line->never_missing)
			counts->nnever = NEVER_MISSING + 1;
	}
	if (feature->kind == HPC_CATEGORY)
		counts->singles[NEVER_UNSEEN] =
			feature->ncategories - (uint32) nfamiliar;
}

static void
begin_ratios(hpg_drift *drift, const hpc_model *model)
{
	const hpc_drift_counts *held = &drift->lines[PREDICTIONS].counts;

	drift->ratios.before = hpc_model_held_ratio(model);
	if (isnan(drift->ratios.before))
		drift->ratios.before = 1;
	else
		drift->ratios.nbefore = held->nbefore;
}

void
hpg_drift_begin(hpg_drift *drift, const hpc_model *model)
{
	MemoryContext before = MemoryContextSwitchTo(drift->context);
	hpc_model_summary summary;
	hpg_drift_line *line;

	hpc_model_summarize(model, &summary);
	drift->lines =
		MemoryContextAllocExtended(drift->context,
								   (summary.nfeatures + 1) *
									   sizeof(hpg_drift_line),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	drift->features =
		palloc0((summary.nfeatures + 1) * sizeof(hpc_model_feature));
	line = &drift->lines[drift->nlines++];
	line->index = summary.nfeatures;
	line->kind = HPC_NUMBER;
	line->name = pstrdup("(prediction)");
	begin_groups(line, model);
	for (int i = 0; i < summary.nfeatures; i++)
	{
		hpc_model_feature *feature = &drift->features[drift->nlines];

		hpc_model_feature_at(model, i, feature);
		if (!feature->used)
			continue;
		line = &drift->lines[drift->nlines++];
		line->index = i;
		begin_feature(line, model, feature, summary.nrows);
	}
	begin_ratios(drift, model);
	MemoryContextSwitchTo(before);
}

/* ---------- a row ---------- */

/* feature: NULL for a prediction. */
static void
add_value(hpg_drift_line *line, const hpc_model *model,
		  const hpc_model_feature *feature, const hpc_value *value)
{
	hpc_drift_counts *counts = &line->counts;
	int group = -1;

	counts->nnow++;
	if (counts->ngroups > 0)
	{
		group = hpc_model_group_of(model, line->index, value);
		counts->now[group]++;
	}
	if (feature == NULL)
		return;
	if (value->missing || (line->kind != HPC_CATEGORY && isnan(value->number)))
	{
		line->missing++;
		counts->never[NEVER_MISSING] += line->never_missing;
	}
	else if (line->kind == HPC_CATEGORY)
		counts->never[NEVER_UNSEEN] +=
			group == line->others &&
			!hpc_model_knows(model, line->index, value);
	else
	{
		counts->never[NEVER_BELOW] += value->number < feature->min;
		counts->never[NEVER_ABOVE] += value->number > feature->max;
	}
}

/*
 * The cell of a ratio: the bits of its exponent and the first ones of its
 * fraction, which rise with it.
 */
static uint64 *
ratio_cell(hpg_drift *drift, double ratio)
{
	uint64 *cells;
	int cell = 0;
	uint64 bits;

	ratio = Min(ratio, GREATEST_RATIO);
	if (ratio > LEAST_RATIO)
	{
		memcpy(&bits, &ratio, sizeof(bits));
		cell = Min((int) (bits >> DROPPED_BITS) - FIRST_CELL, LAST_CELL);
	}
	cells = drift->ratios.octaves[cell / HPG_RATIO_CELLS];
	if (cells == NULL)
	{
		cells = MemoryContextAllocZero(drift->context,
									   HPG_RATIO_CELLS * sizeof(uint64));
		drift->ratios.octaves[cell / HPG_RATIO_CELLS] = cells;
	}
	return &cells[cell % HPG_RATIO_CELLS];
}

static void
add_ratio(hpg_drift *drift, double ratio)
{
	hpg_ratio_counts *ratios = &drift->ratios;

	ratios->n++;
	ratios->nabove += ratio > ratios->before;
	ratios->nbelow += ratio < ratios->before;
	(*ratio_cell(drift, ratio))++;
}

void
hpg_drift_add(hpg_drift *drift, const hpc_model *model,
			  const hpc_value *values, double prediction, double actual)
{
	hpc_value value = {.number = prediction};

	drift->n++;
	for (int i = 1; i < drift->nlines; i++)
		add_value(&drift->lines[i], model, &drift->features[i],
				  &values[drift->lines[i].index]);
	add_value(&drift->lines[PREDICTIONS], model, NULL, &value);
	if (actual > 0 && !isinf(actual))
		add_ratio(drift, prediction / actual);
}

/* ---------- together ---------- */

static void
merge_line(hpg_drift_line *line, const hpg_drift_line *other)
{
	line->missing += other->missing;
	line->counts.nnow += other->counts.nnow;
	for (int i = 0; i < line->counts.ngroups; i++)
		line->counts.now[i] += other->counts.now[i];
	for (int i = 0; i < line->counts.nnever; i++)
		line->counts.never[i] += other->counts.never[i];
}

static void
merge_ratios(hpg_drift *drift, const hpg_ratio_counts *other)
{
	hpg_ratio_counts *ratios = &drift->ratios;

	ratios->n += other->n;
	ratios->nabove += other->nabove;
	ratios->nbelow += other->nbelow;
	for (int i = 0; i < HPG_RATIO_OCTAVES; i++)
	{
		if (other->octaves[i] == NULL)
			continue;
		if (ratios->octaves[i] == NULL)
			ratios->octaves[i] =
				MemoryContextAllocZero(drift->context,
									   HPG_RATIO_CELLS * sizeof(uint64));
		for (int j = 0; j < HPG_RATIO_CELLS; j++)
			ratios->octaves[i][j] += other->octaves[i][j];
	}
}

void
hpg_drift_merge(hpg_drift *drift, const hpg_drift *other)
{
	drift->n += other->n;
	for (int i = 0; i < drift->nlines; i++)
		merge_line(&drift->lines[i], &other->lines[i]);
	merge_ratios(drift, &other->ratios);
}

/* ---------- as bytes ---------- */

static void
send_numbers(StringInfo message, const uint64_t *numbers, int n)
{
	for (int i = 0; i < n; i++)
		pq_sendint64(message, numbers[i]);
}

static void
receive_numbers(StringInfo message, uint64_t *numbers, int n)
{
	for (int i = 0; i < n; i++)
		numbers[i] = (uint64) pq_getmsgint64(message);
}

static void
send_text(StringInfo message, const char *text)
{
	pq_sendint32(message, strlen(text) + 1);
	pq_sendbytes(message, text, (int) strlen(text) + 1);
}

static char *
receive_text(StringInfo message)
{
	int nbytes = (int) pq_getmsgint(message, 4);

	return memcpy(palloc(nbytes), pq_getmsgbytes(message, nbytes), nbytes);
}

static void
send_line(StringInfo message, const hpg_drift_line *line)
{
	const hpc_drift_counts *counts = &line->counts;

	pq_sendint32(message, line->index);
	pq_sendint32(message, line->kind);
	send_text(message, line->name);
	pq_sendint64(message, line->missing_before);
	pq_sendint64(message, line->rows_before);
	pq_sendint64(message, line->missing);
	pq_sendbyte(message, line->never_missing);
	pq_sendint64(message, counts->nbefore);
	pq_sendint64(message, counts->nnow);
	pq_sendint32(message, counts->ngroups);
	send_numbers(message, counts->before, counts->ngroups);
	send_numbers(message, counts->now, counts->ngroups);
	pq_sendint32(message, counts->nnever);
	send_numbers(message, counts->never, counts->nnever);
	send_numbers(message, counts->singles, counts->nnever);
	for (int i = 0; i < counts->ngroups; i++)
		send_text(message, line->groups[i]);
}

static void
receive_line(StringInfo message, hpg_drift_line *line)
{
	hpc_drift_counts *counts = &line->counts;

	line->index = (int) pq_getmsgint(message, 4);
	line->kind = (hpc_kind) pq_getmsgint(message, 4);
	line->name = receive_text(message);
	line->missing_before = (uint64) pq_getmsgint64(message);
	line->rows_before = (uint64) pq_getmsgint64(message);
	line->missing = (uint64) pq_getmsgint64(message);
	line->never_missing = pq_getmsgbyte(message);
	counts->nbefore = (uint64) pq_getmsgint64(message);
	counts->nnow = (uint64) pq_getmsgint64(message);
	counts->ngroups = (int) pq_getmsgint(message, 4);
	receive_numbers(message, counts->before, counts->ngroups);
	receive_numbers(message, counts->now, counts->ngroups);
	counts->nnever = (int) pq_getmsgint(message, 4);
	receive_numbers(message, counts->never, counts->nnever);
	receive_numbers(message, counts->singles, counts->nnever);
	line->groups = palloc0(Max(counts->ngroups, 1) * sizeof(char *));
	for (int i = 0; i < counts->ngroups; i++)
		line->groups[i] = receive_text(message);
}

static void
send_ratios(StringInfo message, const hpg_ratio_counts *ratios)
{
	pq_sendfloat8(message, ratios->before);
	pq_sendint64(message, ratios->nbefore);
	pq_sendint64(message, ratios->n);
	pq_sendint64(message, ratios->nabove);
	pq_sendint64(message, ratios->nbelow);
	for (int i = 0; i < HPG_RATIO_OCTAVES; i++)
	{
		pq_sendbyte(message, ratios->octaves[i] != NULL);
		if (ratios->octaves[i] != NULL)
			send_numbers(message, ratios->octaves[i], HPG_RATIO_CELLS);
	}
}

static void
receive_ratios(StringInfo message, hpg_ratio_counts *ratios)
{
	ratios->before = pq_getmsgfloat8(message);
	ratios->nbefore = (uint64) pq_getmsgint64(message);
	ratios->n = (uint64) pq_getmsgint64(message);
	ratios->nabove = (uint64) pq_getmsgint64(message);
	ratios->nbelow = (uint64) pq_getmsgint64(message);
	for (int i = 0; i < HPG_RATIO_OCTAVES; i++)
	{
		if (pq_getmsgbyte(message) == 0)
			continue;
		ratios->octaves[i] = palloc(HPG_RATIO_CELLS * sizeof(uint64));
		receive_numbers(message, ratios->octaves[i], HPG_RATIO_CELLS);
	}
}

void
hpg_drift_send(const hpg_drift *drift, StringInfo message)
{
	pq_sendbytes(message, (const char *) &drift->digest,
				 sizeof(drift->digest));
	pq_sendint64(message, drift->n);
	pq_sendint32(message, drift->nlines);
	for (int i = 0; i < drift->nlines; i++)
		send_line(message, &drift->lines[i]);
	send_ratios(message, &drift->ratios);
}

hpg_drift *
hpg_drift_receive(StringInfo message)
{
	hpg_drift *drift = palloc0(sizeof(hpg_drift));

	drift->context = CurrentMemoryContext;
	pq_copymsgbytes(message, (char *) &drift->digest, sizeof(drift->digest));
	drift->n = (uint64) pq_getmsgint64(message);
	drift->nlines = (int) pq_getmsgint(message, 4);
	drift->lines =
		MemoryContextAllocExtended(drift->context,
								   drift->nlines * sizeof(hpg_drift_line),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < drift->nlines; i++)
		receive_line(message, &drift->lines[i]);
	receive_ratios(message, &drift->ratios);
	return drift;
}

/* ---------- the median ---------- */

static double
middle_of_cell(int cell)
{
	uint64 bits = (uint64) (cell + FIRST_CELL) << DROPPED_BITS |
				  UINT64CONST(1) << (DROPPED_BITS - 1);
	double middle;

	memcpy(&middle, &bits, sizeof(middle));
	return middle;
}

/* The middle of the cell in which the ratio of this rank, from 0, lies. */
static double
ratio_of_rank(const hpg_ratio_counts *ratios, uint64 rank)
{
	for (int cell = 0; cell <= LAST_CELL; cell++)
	{
		const uint64 *cells = ratios->octaves[cell / HPG_RATIO_CELLS];

		if (cells == NULL)
			continue;
		if (rank < cells[cell % HPG_RATIO_CELLS])
			return middle_of_cell(cell);
		rank -= cells[cell % HPG_RATIO_CELLS];
	}
	return get_float8_nan();
}

double
hpg_drift_median_ratio(const hpg_ratio_counts *ratios)
{
	if (ratios->n == 0)
		return get_float8_nan();
	return (ratio_of_rank(ratios, (ratios->n - 1) / 2) +
			ratio_of_rank(ratios, ratios->n / 2)) /
		   2;
}
