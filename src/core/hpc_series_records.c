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
 * subtract what the leaf adds, see how large q has become, and sum q for the root
 * of the next tree.  Where rows are drawn, records have keys, and what is drawn is divided from the rest in
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
	double residual = hpc_scale(frame->target[row], -s->rules->unit);

	for (uint32_t copy = 0; copy < hpc_row_count(frame, row); copy++)
	{
		if (records->keys != NULL)
			records->keys[s->nrecords] = hpc_copy_key(frame->key[row], copy);
		hpc_record_make(hpc_record(records, s->nrecords++), residual, frame,
						s->rules->packs, row);
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
	const hpc_records *records = &s->bag->records;
	hpc_sum sum;

	hpc_sum_init(&sum);
	for (uint32_t i = 0; i < s->nrecords; i++)
	{
		if (hpc_crew_poll(crew, worker, i))
			break;
		hpc_sum_add(&sum, hpc_record_residual(hpc_record(records, i)));
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
		unsigned char *record = hpc_record(&s->bag->records, i);
		double residual = hpc_record_residual(record) - base;
		double size = fabs(residual);

		hpc_record_set_residual(record, residual);
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

/*
 * Rows of one leaf, which adds value; or of any, where it adds nothing.  Sums
 * their cells on the way, for the root of the next tree.
 */
static inline __attribute__((always_inline)) void
tally_records(const hpc_series *s, hpc_series_tally *t, double value,
			  unsigned char *record, uint32_t n, hpc_narrow *cells, int npacks)
{
	double per_unit = hpc_scale(1, -s->step);
	int bits = s->bag->weight_bits;
	uint64_t sum = 0;
	double most = 0;

	for (uint32_t i = 0; i < n; i++, record += hpc_record_size(npacks))
	{
		double residual = hpc_record_residual(record) - value;
		double x = residual * per_unit;
		double size = fabs(x);
		int64_t q = hpc_nearest(x);

		hpc_record_set_residual(record, residual);
		sum += (uint64_t) (q < 0 ? -q : q);
		most = size > most ? size : most;
		hpc_record_add(record, (hpc_narrow) ((uint64_t) q << bits) + 1, cells,
					   NULL, npacks);
	}
	t->sum += sum;
	t->most = most > t->most ? most : t->most;
}

static void
tally_stretch(hpc_series *s, int worker, double value, uint32_t first,
			  uint32_t n)
{
	hpc_series_tally *t = &s->tallies[worker];
	unsigned char *record = hpc_record(&s->bag->records, first);
	hpc_narrow *cells = hpc_grower_packs(s->grower, worker);

#define CASE(m)                                            \
	case m:                                                \
		tally_records(s, t, value, record, n, cells, (m)); \
		break
	switch (s->rules->packs->npacks)
	{
		HPC_BLOCK_CASES(CASE);
	}
#undef CASE
}

/* n rows of a leaf, or of any where there is no tree. */
typedef void (*stretch)(hpc_series *s, int worker, double value,
						uint32_t first, uint32_t n);

/* What of rows first .. end - 1 is in the bag, leaf by leaf. */
static void
pass_leaves(hpc_series *s, int worker, uint32_t first, uint32_t end,
			stretch pass)
{
	const hpc_tree *tree = s->tree;

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
			pass(s, worker, s->value[i], from, to - from);
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
		tally_stretch(s, worker, 0, first, end - first);
}

/* ---------- where rows are drawn ---------- */

static inline void
update_record(const hpc_records *records, uint32_t i, double value)
{
	unsigned char *record = hpc_record(records, i);

	hpc_record_set_residual(record, hpc_record_residual(record) - value);
}

static void
update_stretch(hpc_series *s, int worker, double value, uint32_t first,
			   uint32_t n)
{
	(void) worker;
	for (uint32_t i = first; i < first + n; i++)
		update_record(&s->bag->records, i, value);
}

/* Rows of the bag know their leaf, others walk. */
static void
update_chunk(hpc_series *s, int worker, uint32_t chunk)
{
	uint32_t first = chunk * CHUNK;
	uint32_t end = hpc_chunk_end(first, CHUNK, s->nrecords);
	const hpc_records *records = &s->bag->records;
	uint32_t leaves[HPC_WALKERS];

	if (first < s->bag->nrows)
		pass_leaves(s, worker, first, end, update_stretch);
	for (uint32_t i = first > s->bag->nrows ? first : s->bag->nrows; i < end;
		 i += HPC_WALKERS)
	{
		uint32_t n = hpc_chunk_end(i, HPC_WALKERS, end) - i;

		hpc_tree_record_leaves(s->tree, s->rules->frame, s->rules->packs,
							   records, i, n, leaves);
		for (uint32_t j = 0; j < n; j++)
			update_record(records, i + j, s->value[leaves[j]]);
	}
}

static hpc_divider
draw_divider(const hpc_series *s)
{
	return (hpc_divider){.by_draw = true,
						 .stream =
							 hpc_stream(HPC_TAG_ROW_SAMPLE,
										s->rules->params->seed, s->round),
						 .threshold = s->rules->row_threshold};
}

static void
count_chunk(hpc_series *s, int worker, uint32_t chunk)
{
	hpc_divider divider = draw_divider(s);
	uint32_t first = chunk * CHUNK;
	uint32_t end = hpc_chunk_end(first, CHUNK, s->nrecords);
	uint32_t n = 0;

	for (uint32_t i = first; i < end; i++)
		n += !hpc_record_goes_right(&s->bag->records, &divider, i);
	s->tallies[worker].sum += n;
}

/* Brings what is drawn to the front.  False: stopped. */
static bool
draw_records(hpc_series *s, hpc_crew *crew, int worker)
{
	hpc_divider divider = draw_divider(s);

	if (!record_pass(s, crew, worker, count_chunk, s->nrecords))
		return false;
	s->bag->nrows = (uint32_t) hpc_series_count(s).sum;
	return hpc_records_divide(&s->bag->records, &divider, 0, s->nrecords,
							  s->bag->nrows, crew, worker,
							  s->nteam > 0 ? s->nteam : 1);
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

/* Where some q are no numbers, being too large, their sum is none either. */
static void
forget_large(hpc_series *s)
{
	double most_q = (double) (INT64_C(1) << HPC_MAX_Q_BITS);

	if (hpc_series_count(s).most < most_q)
		return;
	for (int i = 0; i == 0 || i < s->nteam; i++)
	{
		s->tallies[i].sum = 0;
		s->tallies[i].most = most_q;
	}
}

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
	if (!update(s, crew, worker))
		return false;
	if (s->takes_all)
		s->bag->nrows = s->nrecords;
	else if (!draw_records(s, crew, worker))
		return false;
	hpc_grower_clear_packs(s->grower);
	s->bag->summed = true;
	if (!record_pass(s, crew, worker, tally_chunk, s->bag->nrows))
		return false;
	forget_large(s);
	s->bag->per_unit = hpc_scale(1, -s->step);
	return true;
}
