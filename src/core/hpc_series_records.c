/*
 * hpc_series_records.c
 *		A boosted series whose rows are records that the grower moves.
 *
 * Records stand by the leaves of the last tree, in an order that nothing
 * depends on, and hold the residuals.  A round is one pass over them between
 * two trees: subtract what the leaf adds, and see how large q has become.
 * Copies of a row are records of their own.
 */
#include <math.h>

#include "hpc_random.h"
#include "hpc_series_inside.h"

/* Records in a task. */
#define CHUNK 65536

/* False: stopped. */
static bool
record_pass(hpc_series *s, hpc_crew *crew, int worker, hpc_pass pass)
{
	return hpc_series_pass(s, crew, worker, pass,
						   hpc_count_chunks(s->bag->nrows, CHUNK));
}

void
hpc_series_load(hpc_series *s, hpc_crew *crew, int worker)
{
	const hpc_frame *frame = s->rules->frame;
	hpc_record *to = s->bag->records;

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		hpc_record record = {
			.residual = hpc_scale(frame->target[row], -s->rules->unit)};

		memcpy(record.code, frame->blocks[0] + (size_t) row * HPC_BLOCK,
			   HPC_BLOCK);
		for (uint32_t copy = hpc_row_count(frame, row); copy > 0; copy--)
			*to++ = record;
		if (hpc_crew_poll(crew, worker, row))
			return;
	}
	s->bag->nrows = (uint32_t) (to - s->bag->records);
}

double
hpc_series_record_mean(const hpc_series *s, hpc_crew *crew, int worker)
{
	const hpc_bag *bag = s->bag;
	hpc_sum sum;

	hpc_sum_init(&sum);
	for (uint32_t i = 0; i < bag->nrows; i++)
	{
		if (hpc_crew_poll(crew, worker, i))
			break;
		hpc_sum_add(&sum, bag->records[i].residual);
	}
	return bag->nrows > 0 ? hpc_sum_round(&sum) / bag->nrows : 0;
}

static void
subtract_base(hpc_series *s, int worker, uint32_t chunk)
{
	hpc_series_tally *t = &s->tallies[worker];
	uint32_t first = chunk * CHUNK;
	uint32_t end = hpc_chunk_end(first, CHUNK, s->bag->nrows);
	double base = hpc_scale(s->base, -s->rules->unit);

	for (uint32_t i = first; i < end; i++)
	{
		double *residual = &s->bag->records[i].residual;

		*residual -= base;
		t->most = fmax(t->most, fabs(*residual));
	}
}

bool
hpc_series_record_base(hpc_series *s, hpc_crew *crew, int worker)
{
	return record_pass(s, crew, worker, subtract_base);
}

/* Records of one leaf, which adds value; or of any, which adds nothing. */
static void
pass_stretch(hpc_series *s, hpc_series_tally *t, double value,
			 hpc_record *records, uint32_t n)
{
	double per_unit = hpc_scale(1, -s->step);
	double most_q = (double) (INT64_C(1) << HPC_MAX_Q_BITS);
	uint64_t total = 0;
	uint64_t sum = 0;
	int64_t most = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		double residual = records[i].residual - value;
		double x = residual * per_unit;
		int64_t q;
		int64_t size;

		records[i].residual = residual;
		/* what is larger is found to be too large */
		x = x < most_q ? x : most_q;
		x = x > -most_q ? x : -most_q;
		q = hpc_nearest(x);
		size = q < 0 ? -q : q;
		total += (uint64_t) q;
		sum += (uint64_t) size;
		most = size > most ? size : most;
	}
	t->total += total;
	t->sum += sum;
	t->most = fmax(t->most, (double) most);
}

static void
tally_chunk(hpc_series *s, int worker, uint32_t chunk)
{
	const hpc_tree *tree = s->tree;
	hpc_series_tally *t = &s->tallies[worker];
	hpc_record *records = s->bag->records;
	uint32_t first = chunk * CHUNK;
	uint32_t end = hpc_chunk_end(first, CHUNK, s->bag->nrows);

	if (tree == NULL)
		pass_stretch(s, t, 0, records + first, end - first);
	for (uint32_t i = 0; tree != NULL && i < tree->nnodes; i++)
	{
		const hpc_tree_node *node = &tree->nodes[i];
		uint32_t from;
		uint32_t to;

		if (node->left != 0)
			continue;
		from = node->begin > first ? node->begin : first;
		to = node->end < end ? node->end : end;
		if (from < to)
			pass_stretch(s, t, s->value[i], records + from, to - from);
	}
}

bool
hpc_series_record_pass(hpc_series *s, hpc_crew *crew, int worker)
{
	hpc_series_tally t;

	if (!record_pass(s, crew, worker, tally_chunk))
		return false;
	t = hpc_series_count(s);
	s->bag->per_unit = hpc_scale(1, -s->step);
	s->bag->sum =
		(hpc_narrow) (t.total << s->bag->weight_bits) + s->bag->nrows;
	return true;
}
