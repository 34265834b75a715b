/*
 * hpc_series_records.c
 *		A boosted series whose rows are records that the grower moves.
 *
 * Records stand by the leaves of the last tree, in an order that nothing
 * depends on, and hold the residuals:
 *
 *		| leaf | leaf | .. leaf .. | not in the bag |
 *
 * Where all are in each bag, a round is one pass over them between two trees:
 * subtract what the leaf adds, and see how large q has become.  Where rows are
 * drawn, records have keys, and what is drawn is divided from the rest in
 * between.  Copies of a row are records of their own; rows held out stay where
 * they are and walk.
 */
#include <math.h>

#include "hpc_random.h"
#include "hpc_series_inside.h"

/* Records in a task: |q| of all of them add up in 64 bits. */
#define CHUNK 8192

_Static_assert(CHUNK <= UINT64_C(1) << (63 - HPC_MAX_Q_BITS),
			   "sums of a chunk overflow");

/* False: stopped. */
static bool
record_pass(hpc_series *s, hpc_crew *crew, int worker, hpc_pass pass,
			uint32_t nrecords)
{
	return hpc_series_pass(s, crew, worker, pass,
						   hpc_count_chunks(nrecords, CHUNK));
}

/* ---------- the start ---------- */

static void
load_row(hpc_series *s, uint32_t row)
{
	const hpc_frame *frame = s->rules->frame;
	const hpc_records *records = &s->bag->records;
	hpc_record record = {.residual =
							 hpc_scale(frame->target[row], -s->rules->unit)};

	memcpy(record.code, frame->blocks[0] + (size_t) row * HPC_BLOCK,
		   HPC_BLOCK);
	for (uint32_t copy = 0; copy < hpc_row_count(frame, row); copy++)
	{
		if (records->keys != NULL)
			records->keys[s->nrecords] = hpc_copy_key(frame->key[row], copy);
		records->rows[s->nrecords++] = record;
	}
}

void
hpc_series_load(hpc_series *s, hpc_crew *crew, int worker)
{
	const hpc_frame *frame = s->rules->frame;

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		if (!hpc_series_holds_out(s, row))
			load_row(s, row);
		if (hpc_crew_poll(crew, worker, row))
			return;
	}
	for (uint32_t i = 0; i < s->nheld; i++)
		s->residual[i] = hpc_scale(frame->target[s->held[i]], -s->rules->unit);
	s->bag->nrows = s->nrecords;
}

double
hpc_series_record_mean(const hpc_series *s, hpc_crew *crew, int worker)
{
	const hpc_record *rows = s->bag->records.rows;
	hpc_sum sum;

	hpc_sum_init(&sum);
	for (uint32_t i = 0; i < s->nrecords; i++)
	{
		if (hpc_crew_poll(crew, worker, i))
			break;
		hpc_sum_add(&sum, rows[i].residual);
	}
	return s->nrecords > 0 ? hpc_sum_round(&sum) / s->nrecords : 0;
}

static void
subtract_base(hpc_series *s, int worker, uint32_t chunk)
{
	hpc_series_tally *t = &s->tallies[worker];
	uint32_t first = chunk * CHUNK;
	uint32_t end = hpc_chunk_end(first, CHUNK, s->nrecords);
	double base = hpc_scale(s->base, -s->rules->unit);

	for (uint32_t i = first; i < end; i++)
	{
		double *residual = &s->bag->records.rows[i].residual;
		double size;

		*residual -= base;
		size = fabs(*residual);
		t->most = size > t->most ? size : t->most;
	}
}

bool
hpc_series_record_base(hpc_series *s, hpc_crew *crew, int worker)
{
	double base = hpc_scale(s->base, -s->rules->unit);

	for (uint32_t i = 0; i < s->nheld; i++)
		s->residual[i] -= base;
	return record_pass(s, crew, worker, subtract_base, s->nrecords);
}

/* ---------- rows of the bag ---------- */

/* Rows of one leaf, which adds value; or of any, where it adds nothing. */
static void
tally_stretch(hpc_series *s, hpc_series_tally *t, double value,
			  hpc_record *rows, uint32_t n)
{
	double per_unit = hpc_scale(1, -s->step);
	double most_q = (double) (INT64_C(1) << HPC_MAX_Q_BITS);
	uint64_t total = 0;
	uint64_t sum = 0;
	int64_t most = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		double residual = rows[i].residual - value;
		double x = residual * per_unit;
		int64_t q;
		int64_t size;

		rows[i].residual = residual;
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
	t->most = (double) most > t->most ? (double) most : t->most;
}

/* Part of a leaf's rows, or of any where there is no tree. */
typedef void (*stretch)(hpc_series *s, hpc_series_tally *t, double value,
						hpc_record *rows, uint32_t n);

/* What of rows first .. end - 1 is in the bag, leaf by leaf. */
static void
pass_leaves(hpc_series *s, int worker, uint32_t first, uint32_t end,
			stretch pass)
{
	const hpc_tree *tree = s->tree;
	hpc_series_tally *t = &s->tallies[worker];
	hpc_record *rows = s->bag->records.rows;

	for (uint32_t i = 0; i < tree->nnodes; i++)
	{
		const hpc_tree_node *node = &tree->nodes[i];
		uint32_t from;
		uint32_t to;

		if (node->left != 0)
			continue;
		from = node->begin > first ? node->begin : first;
		to = node->end < end ? node->end : end;
		if (from < to)
			pass(s, t, s->value[i], rows + from, to - from);
	}
}

static void
tally_chunk(hpc_series *s, int worker, uint32_t chunk)
{
	uint32_t first = chunk * CHUNK;
	uint32_t end = hpc_chunk_end(first, CHUNK, s->bag->nrows);

	if (s->tree != NULL)
		pass_leaves(s, worker, first, end, tally_stretch);
	else
		tally_stretch(s, &s->tallies[worker], 0, s->bag->records.rows + first,
					  end - first);
}

/* ---------- where rows are drawn ---------- */

static void
update_stretch(hpc_series *s, hpc_series_tally *t, double value,
			   hpc_record *rows, uint32_t n)
{
	(void) s;
	(void) t;
	for (uint32_t i = 0; i < n; i++)
		rows[i].residual -= value;
}

/* Rows of the bag know their leaf, others walk. */
static void
update_chunk(hpc_series *s, int worker, uint32_t chunk)
{
	uint32_t first = chunk * CHUNK;
	uint32_t end = hpc_chunk_end(first, CHUNK, s->nrecords);
	hpc_record *rows = s->bag->records.rows;
	uint32_t leaves[HPC_WALKERS];

	if (first < s->bag->nrows)
		pass_leaves(s, worker, first, end, update_stretch);
	for (uint32_t i = first > s->bag->nrows ? first : s->bag->nrows; i < end;
		 i += HPC_WALKERS)
	{
		uint32_t n = hpc_chunk_end(i, HPC_WALKERS, end) - i;

		hpc_tree_record_leaves(s->tree, s->rules->frame, rows + i, n, leaves);
		for (uint32_t j = 0; j < n; j++)
			rows[i + j].residual -= s->value[leaves[j]];
	}
}

/* Brings what is drawn to the front.  False: stopped. */
static bool
draw_records(hpc_series *s, hpc_crew *crew, int worker)
{
	hpc_divider divider = {.by_draw = true,
						   .stream =
							   hpc_stream(HPC_TAG_ROW_SAMPLE,
										  s->rules->params->seed, s->round),
						   .threshold = s->rules->row_threshold};
	bool stopped = false;

	s->bag->nrows =
		hpc_records_divide(&s->bag->records, &divider, 0, s->nrecords, crew,
						   worker, s->nteam > 0 ? s->nteam : 1, &stopped);
	return !stopped;
}

/* ---------- rows held out ---------- */

static void
update_held_chunk(hpc_series *s, int worker, uint32_t chunk)
{
	uint32_t first = chunk * HPC_CHUNK;
	uint32_t end = hpc_chunk_end(first, HPC_CHUNK, s->nheld);
	uint32_t leaves[HPC_WALKERS];

	(void) worker;
	for (uint32_t i = first; i < end; i += HPC_WALKERS)
	{
		uint32_t n = hpc_chunk_end(i, HPC_WALKERS, end) - i;

		hpc_tree_leaves(s->tree, s->rules->frame, s->held + i, n, leaves);
		for (uint32_t j = 0; j < n; j++)
			s->residual[i + j] -= s->value[leaves[j]];
	}
}

/* ---------- a round ---------- */

/* Residuals that know the last tree, but for those that a tally will tell. */
static bool
update(hpc_series *s, hpc_crew *crew, int worker)
{
	if (s->tree == NULL)
		return true;
	if (s->nheld > 0 &&
		!hpc_series_pass(s, crew, worker, update_held_chunk,
						 hpc_count_chunks(s->nheld, HPC_CHUNK)))
		return false;
	if (s->bag->records.keys == NULL)
		return true;
	if (!record_pass(s, crew, worker, update_chunk, s->nrecords))
		return false;
	s->tree = NULL;
	return true;
}

bool
hpc_series_record_pass(hpc_series *s, hpc_crew *crew, int worker)
{
	hpc_series_tally t;

	if (!update(s, crew, worker))
		return false;
	if (s->takes_all)
		s->bag->nrows = s->nrecords;
	else if (!draw_records(s, crew, worker))
		return false;
	if (!record_pass(s, crew, worker, tally_chunk, s->bag->nrows))
		return false;
	t = hpc_series_count(s);
	s->bag->per_unit = hpc_scale(1, -s->step);
	s->bag->sum =
		(hpc_narrow) (t.total << s->bag->weight_bits) + s->bag->nrows;
	return true;
}
