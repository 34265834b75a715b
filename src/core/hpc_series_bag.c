/*
 * hpc_series_bag.c
 *		The bag of a boosting round: passes over the rows that bring residuals
 *		up to date and turn them into integers.
 *
 * Rows are passed over in chunks that fit a near cache, which are the tasks
 * of the crew where a whole one works on the series.  In a chunk, the last
 * tree's prediction is subtracted, then the chunk's part of the next bag is
 * filled: its rows at the place of the chunk, whose gaps are closed when all
 * chunks are done.
 *
 * q is the residual in units of 2^step, and step such that the exact sum of
 * |weight × q| fits the bag.  It follows that sum from round to round: the
 * next bag has finer units where there is room, or larger ones where there
 * soon is none, and a bag in which the sum is too large is filled again.
 */
#include <string.h>

#include "hpc_memory.h"
#include "hpc_random.h"
#include "hpc_series_inside.h"

/* In a pass by one worker. */
#define CHUNKS_PER_POLL 16

/* Finer units than 2^this are of no use. */
#define LEAST_STEP (-1000)

/* ---------- passes over rows ---------- */

typedef struct pass_task
{
	hpc_series *s;
	hpc_pass pass;
} pass_task;

static void
run_chunk(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	const pass_task *t = context;

	(void) crew;
	t->pass(t->s, worker, (uint32_t) task);
}

bool
hpc_series_pass(hpc_series *s, hpc_crew *crew, int worker, hpc_pass pass,
				uint32_t nchunks)
{
	pass_task task = {s, pass};

	for (int i = 0; i == 0 || i < s->nteam; i++)
	{
		s->tallies[i].sum = 0;
		s->tallies[i].most = 0;
		hpc_sum_init(&s->tallies[i].loss);
	}
	if (s->nteam > 0)
		return hpc_crew_share(crew, nchunks, run_chunk, &task) == HPC_OK;
	for (uint32_t chunk = 0; chunk < nchunks; chunk++)
	{
		if (chunk % CHUNKS_PER_POLL == CHUNKS_PER_POLL - 1 &&
			hpc_crew_stopped(crew, worker))
			return false;
		pass(s, 0, chunk);
	}
	return true;
}

bool
hpc_series_row_pass(hpc_series *s, hpc_crew *crew, int worker, hpc_pass pass)
{
	return hpc_series_pass(s, crew, worker, pass,
						   hpc_count_chunks(s->rules->frame->nrows,
											HPC_CHUNK));
}

hpc_series_tally
hpc_series_count(const hpc_series *s)
{
	hpc_series_tally all = s->tallies[0];

	for (int i = 1; i < s->nteam; i++)
	{
		const hpc_series_tally *t = &s->tallies[i];

		all.sum += t->sum;
		all.most = t->most > all.most ? t->most : all.most;
		hpc_sum_merge(&all.loss, &t->loss);
	}
	return all;
}

/* ---------- rows of the bag ---------- */

/* How many copies of a row are in the bag of the round. */
static inline uint32_t
draw_copies(const hpc_series *s, uint64_t stream, uint32_t row)
{
	const hpc_frame *frame = s->rules->frame;
	uint32_t count = hpc_row_count(frame, row);
	uint32_t drawn = 0;

	if (hpc_series_holds_out(s, row))
		return 0;
	if (s->takes_all)
		return count;
	for (uint32_t copy = 0; copy < count; copy++)
		drawn += hpc_draw(stream, hpc_copy_key(frame->key[row], copy)) <
				 s->rules->row_threshold;
	return drawn;
}

/* Weight of one copy of a row, as the bag has it; at least 1. */
static inline uint64_t
unit_weight(const hpc_series_rules *rules, uint32_t row)
{
	int64_t weight;

	if (rules->frame->weight == NULL)
		return 1;
	weight = hpc_to_units(rules->frame->weight[row], rules->weight_step);
	return weight < 1 ? 1 : (uint64_t) weight;
}

/*
 * A chunk of rows that are there once and weigh 1.  Without branches, which
 * draws would make hard to foretell: rows that are not drawn get their cells
 * too, and nobody looks.
 */
static inline __attribute__((always_inline)) void
fill_chosen(hpc_series *s, hpc_series_tally *t, uint32_t first, uint32_t n,
			const int64_t *q, bool all)
{
	const uint64_t *key = s->rules->frame->key + first;
	uint64_t stream =
		hpc_stream(HPC_TAG_ROW_SAMPLE, s->rules->params->seed, s->round);
	hpc_narrow *cells = s->bag->narrow + first;
	uint32_t *rows = s->bag->rows + first;
	uint16_t *place = s->place + first;
	int bits = s->bag->weight_bits;
	uint64_t sum = 0;
	int64_t most = 0;
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		bool drawn = all || (!hpc_series_holds_out(s, first + i) &&
							 (s->takes_all || hpc_draw(stream, key[i]) <
												  s->rules->row_threshold));
		int64_t size = drawn ? q[i] < 0 ? -q[i] : q[i] : 0;

		cells[i] = (int64_t) ((uint64_t) q[i] << bits) + 1;
		if (!all) /* they all will be in a leaf */
			place[i] = HPC_WALKS;
		rows[k] = first + i;
		k += drawn;
		sum += (uint64_t) size;
		most = size > most ? size : most;
	}
	t->sum += sum;
	t->most = (double) most > t->most ? (double) most : t->most;
	s->chunk_rows[first / HPC_CHUNK] = k;
}

/* The same with a constant, so that nothing is asked where all are drawn. */
static void
fill_single(hpc_series *s, hpc_series_tally *t, uint32_t first, uint32_t n,
			const int64_t *q)
{
	if (s->takes_all && s->held_out == HPC_NO_FOLD)
		fill_chosen(s, t, first, n, q, true);
	else
		fill_chosen(s, t, first, n, q, false);
}

/* A chunk in general. */
static void
fill_drawn(hpc_series *s, hpc_series_tally *t, uint32_t first, uint32_t n,
		   const int64_t *q)
{
	uint64_t stream =
		hpc_stream(HPC_TAG_ROW_SAMPLE, s->rules->params->seed, s->round);
	uint32_t *rows = s->bag->rows + first;
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t copies = draw_copies(s, stream, first + i);
		uint64_t weight = copies * unit_weight(s->rules, first + i);
		uint64_t size = (uint64_t) (q[i] < 0 ? -q[i] : q[i]);
		double product = (double) size * (double) weight;

		s->place[first + i] = HPC_WALKS;
		if (copies == 0)
			continue;
		rows[k++] = first + i;
		hpc_bag_put(s->bag, first + i, weight, copies, q[i]);
		/* a larger product is too large in any case, and shows in most */
		if (product < 0x1p62)
			t->sum += size * weight;
		t->most = product > t->most ? product : t->most;
	}
	s->chunk_rows[first / HPC_CHUNK] = k;
}

static void
fill_chunk(hpc_series *s, int worker, uint32_t chunk)
{
	const hpc_series_rules *rules = s->rules;
	uint32_t first = chunk * HPC_CHUNK;
	uint32_t n = hpc_chunk_end(first, HPC_CHUNK, rules->frame->nrows) - first;
	int64_t q[HPC_CHUNK];

	hpc_loss_gradient(&s->loss, s->step, n, s->residual + first, q);
	if (!rules->wide && rules->frame->count == NULL)
		fill_single(s, &s->tallies[worker], first, n, q);
	else
		fill_drawn(s, &s->tallies[worker], first, n, q);
}

/* Rows that walk down the last tree learn their leaf. */
static void
walk_rows(hpc_series *s, const uint32_t *rows, uint32_t n)
{
	uint32_t leaves[HPC_WALKERS];

	hpc_tree_leaves(s->tree, s->rules->frame, rows, n, leaves);
	for (uint32_t i = 0; i < n; i++)
		s->residual[rows[i]] -= s->value[leaves[i]];
}

/* Subtracts the last tree's prediction from the residuals of a chunk. */
static void
update_chunk(hpc_series *s, uint32_t chunk)
{
	uint32_t first = chunk * HPC_CHUNK;
	uint32_t end = hpc_chunk_end(first, HPC_CHUNK, s->rules->frame->nrows);
	uint32_t walkers[HPC_WALKERS] = {0};
	uint32_t n = 0;

	for (uint32_t row = first; row < end; row++)
	{
		uint32_t node = s->place[row];

		if (node != HPC_WALKS)
		{
			s->residual[row] -= s->value[node];
			continue;
		}
		walkers[n++] = row;
		if (n == HPC_WALKERS)
		{
			walk_rows(s, walkers, n);
			n = 0;
		}
	}
	walk_rows(s, walkers, n);
}

static void
update_and_fill_chunk(hpc_series *s, int worker, uint32_t chunk)
{
	update_chunk(s, chunk);
	fill_chunk(s, worker, chunk);
}

/* Closes the gaps between the rows of the chunks. */
static void
gather_rows(hpc_series *s)
{
	uint32_t nchunks = hpc_count_chunks(s->rules->frame->nrows, HPC_CHUNK);
	uint32_t *rows = s->bag->rows;
	uint32_t n = 0;

	for (uint32_t chunk = 0; chunk < nchunks; chunk++)
	{
		if (n != chunk * HPC_CHUNK)
			memmove(rows + n, rows + (size_t) chunk * HPC_CHUNK,
					s->chunk_rows[chunk] * sizeof(uint32_t));
		n += s->chunk_rows[chunk];
	}
	s->bag->nrows = n;
}

/* ---------- units of q ---------- */

int
hpc_safe_step(const hpc_series_rules *rules, double limit)
{
	int bits = rules->sum_bits - rules->weight_bits;
	int step;

	if (bits >= HPC_MAX_Q_BITS)
		bits = HPC_MAX_Q_BITS - 1;
	step = hpc_exponent_above(limit) - bits;
	return step > LEAST_STEP ? step : LEAST_STEP;
}

/*
 * Looks whether the sum of |weight × q| fits the bag, with a bit to spare for
 * the next round, and makes use of what room there is.  True: the bag must
 * be filled again.
 */
static bool
adjust_step(hpc_series *s, const hpc_series_tally *t)
{
	int room = s->rules->sum_bits - hpc_exponent_above((double) t->sum);
	int room_of_q = HPC_MAX_Q_BITS - hpc_exponent_above(t->most);
	bool settled = s->settled;

	s->settled = true;
	if (room_of_q < room)
		room = room_of_q;
	if (room < 1 || (room > 2 && s->step - room >= LEAST_STEP))
		s->next_step = s->step - room + 1;
	return room < 0 || (!settled && t->most > 0 && room > 2);
}

/* Huber's delta, of the residuals in the bag.  True: fill it again. */
static bool
adjust_delta(hpc_series *s, hpc_crew *crew, int worker)
{
	hpc_residuals r = {s->residual, s->bag, s->spare, crew, worker};

	if (s->settled)
		return false;
	s->settled = true;
	s->loss.delta = hpc_residual_quantile(&r, s->bag->rows, s->bag->nrows,
										  s->loss.huber_quantile, true);
	s->next_step = hpc_safe_step(s->rules, s->loss.delta);
	return true;
}

/* True: the bag must be filled again. */
static bool
adjust(hpc_series *s, hpc_crew *crew, int worker)
{
	hpc_series_tally t = hpc_series_count(s);

	if (s->bag->nrows == 0 && !s->takes_all)
	{
		s->takes_all = true;
		return true;
	}
	if (s->loss.kind == HPC_LOSS_SQUARED)
		return adjust_step(s, &t);
	if (s->loss.kind == HPC_LOSS_HUBER)
		return adjust_delta(s, crew, worker);
	return false;
}

/* ---------- the whole bag ---------- */

bool
hpc_series_take_all(hpc_series *s, hpc_crew *crew, int worker)
{
	s->takes_all = true;
	if (!hpc_series_row_pass(s, crew, worker, fill_chunk))
		return false;
	gather_rows(s);
	return true;
}

/* Residuals that know the last tree, and a bag of them.  False: stopped. */
static bool
fill_bag(hpc_series *s, hpc_crew *crew, int worker)
{
	hpc_pass pass = s->tree != NULL ? update_and_fill_chunk : fill_chunk;

	if (s->bag->records.rows != NULL)
		return hpc_series_record_pass(s, crew, worker);
	if (!hpc_series_row_pass(s, crew, worker, pass))
		return false;
	gather_rows(s);
	return true;
}

bool
hpc_series_fill(hpc_series *s, hpc_crew *crew, int worker)
{
	s->takes_all = s->rules->params->row_fraction >= 1;
	if (s->loss.kind == HPC_LOSS_HUBER)
		s->settled = false;
	/* a bag that has to be filled anew for its round keeps its units */
	if (s->nbegun == s->round)
		s->step = s->next_step;
	s->nbegun = s->round + 1;
	while (fill_bag(s, crew, worker))
	{
		s->tree = NULL;
		if (!adjust(s, crew, worker))
			return !hpc_crew_stopped(crew, worker);
		s->step = s->next_step;
	}
	return false;
}
