/*
 * hpc_calibrate.c
 *		How far off a model's predictions are, for intervals around them.
 *
 * Everything here is an order statistic of rows held out, so the order of the
 * rows does not matter.
 */
#include <math.h>

#include "hpc_calibrate.h"
#include "hpc_memory.h"
#include "hpc_sort.h"

/* Of the errors of a group this percentage is at most the usual one. */
#define USUAL 80

/* Rows without which intervals would say nothing. */
#define MIN_ROWS 20

#define ROWS_PER_KNOT 100
#define MAX_KNOTS 20
#define MAX_SCORES 500

/* Of squared errors, at most this is put down to there being fewer trees. */
#define MOST_EXCESS 0.5

/* No scale is less than this part of that of all rows. */
#define LEAST_SCALE 0x1p-10

/* The rows held out. */
typedef struct examples
{
	hpc_env *env;
	const hpc_frame *frame;
	const hpc_held *held;
	uint32_t n;      /* different ones */
	uint64_t ntotal; /* copies counted */
	hpc_pair *pairs; /* [n] by what was sorted last */
	hpc_pair *spare; /* [n] */
	uint64_t *keys;  /* [n] errors of a stretch of pairs ... */
	uint64_t *spare_keys;
} examples;

static double
error_of(const examples *e, uint32_t row)
{
	return hpc_model_number(
		fabs(e->frame->target[row] - e->held->prediction[row]));
}

static double
difficulty_of(const examples *e, uint32_t row)
{
	return e->held->spread != NULL ? e->held->spread[row]
								   : e->held->prediction[row];
}

static hpc_status
gather(examples *e)
{
	const hpc_frame *frame = e->frame;

	e->pairs = hpc_alloc(e->env, frame->nrows, sizeof(hpc_pair));
	if (e->pairs == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		if (hpc_poll(e->env, row))
			return HPC_CANCELLED;
		if (isnan(e->held->prediction[row]))
			continue;
		e->pairs[e->n++] =
			(hpc_pair){hpc_sortable(difficulty_of(e, row)), row};
		e->ntotal += hpc_row_count(frame, row);
	}
	e->spare = hpc_alloc(e->env, e->n, sizeof(hpc_pair));
	e->keys = hpc_alloc(e->env, e->n, sizeof(uint64_t));
	e->spare_keys = hpc_alloc(e->env, e->n, sizeof(uint64_t));
	return e->spare != NULL && e->keys != NULL && e->spare_keys != NULL
			   ? HPC_OK
			   : HPC_NO_MEMORY;
}

static void
release(examples *e)
{
	hpc_free(e->env, e->pairs);
	hpc_free(e->env, e->spare);
	hpc_free(e->env, e->keys);
	hpc_free(e->env, e->spare_keys);
}

/* ---------- knots ---------- */

/* The usual error of the pairs from begin to end.  False: asked to stop. */
static bool
usual_error(examples *e, uint32_t begin, uint32_t end, double *usual)
{
	uint32_t n = end - begin;

	for (uint32_t i = 0; i < n; i++)
		e->keys[i] = hpc_sortable(error_of(e, e->pairs[begin + i].row));
	if (!hpc_sort_keys(e->env, n, e->keys, e->spare_keys))
		return false;
	*usual = hpc_from_sortable(e->keys[(uint64_t) n * USUAL / 100]);
	return true;
}

/* Where rows of equal difficulty to those before the end stop. */
static uint32_t
end_of_equals(const examples *e, uint32_t end)
{
	while (end < e->n && e->pairs[end].key == e->pairs[end - 1].key)
		end++;
	return end;
}

/*
 * Cuts the rows, by difficulty, into groups, each the knot of its middle row.
 * Rows as difficult as one another are in one group.
 */
static hpc_status
tie_knots(examples *e, hpc_calibration_record *c)
{
	hpc_knot *knots = (hpc_knot *) (c + 1);
	uint32_t wanted = e->n / ROWS_PER_KNOT;
	double least;
	uint32_t begin = 0;

	wanted = wanted < 1 ? 1 : wanted > MAX_KNOTS ? MAX_KNOTS : wanted;
	if (!hpc_sort_pairs(e->env, e->n, e->pairs, e->spare) ||
		!usual_error(e, 0, e->n, &least))
		return HPC_CANCELLED;
	least = least > 0 ? least * LEAST_SCALE : 1;
	for (uint32_t i = 1; i <= wanted; i++)
	{
		uint32_t end = (uint32_t) ((uint64_t) e->n * i / wanted);
		double usual;

		if (end <= begin)
			continue;
		end = end_of_equals(e, end);
		if (!usual_error(e, begin, end, &usual))
			return HPC_CANCELLED;
		knots[c->nknots++] =
			(hpc_knot){hpc_from_sortable(
						   e->pairs[begin + (end - begin) / 2].key),
					   fmax(usual, least)};
		begin = end;
	}
	return HPC_OK;
}

double
hpc_calibration_scale(const hpc_calibration_record *calibration,
					  double difficulty)
{
	const hpc_knot *knots = hpc_calibration_knots(calibration);
	uint32_t right = 0;
	double share;

	while (right < calibration->nknots && knots[right].at < difficulty)
		right++;
	if (right == 0)
		return knots[0].scale;
	if (right == calibration->nknots)
		return knots[right - 1].scale;
	share = (difficulty / 2 - knots[right - 1].at / 2) /
			(knots[right].at / 2 - knots[right - 1].at / 2);
	return knots[right - 1].scale * (1 - share) + knots[right].scale * share;
}

/* ---------- scores ---------- */

/* Rank, from 1, of the i-th of m scores kept of n. */
static uint64_t
rank_of(uint64_t i, uint64_t m, uint64_t n)
{
	return (uint64_t) (((unsigned __int128) (i + 1) * n + m - 1) / m);
}

/* The largest error, or spread. */
static double
largest_number(const examples *e)
{
	double largest = 0;

	for (uint32_t i = 0; i < e->n; i++)
	{
		uint32_t row = e->pairs[i].row;

		largest = fmax(largest, fmax(error_of(e, row), difficulty_of(e, row)));
	}
	return largest;
}

/*
 * The mean of a third of the trees varies more than that of all: the part of
 * an error that stays if the whole forest predicts, on average over the rows.
 */
static hpc_status
measure_excess(examples *e, double *part)
{
	hpc_sum errors;
	hpc_sum spreads;
	double excess;
	int unit;

	*part = 1;
	if (e->held->spread == NULL)
		return HPC_OK;
	unit = hpc_exponent_above(largest_number(e));
	hpc_sum_init(&errors);
	hpc_sum_init(&spreads);
	for (uint32_t i = 0; i < e->n; i++)
	{
		uint32_t row = e->pairs[i].row;
		double error = hpc_scale(error_of(e, row), -unit);
		double spread = hpc_scale(e->held->spread[row], -unit);
		uint32_t count = hpc_row_count(e->frame, row);

		hpc_sum_add_times(&errors, error * error, count);
		hpc_sum_add_times(&spreads, spread * spread, count);
		if (hpc_poll(e->env, i))
			return HPC_CANCELLED;
	}
	excess =
		e->held->excess * hpc_sum_round(&spreads) / hpc_sum_round(&errors);
	if (excess > 0)
		*part =
			excess < MOST_EXCESS ? sqrt(1 - excess) : sqrt(1 - MOST_EXCESS);
	return HPC_OK;
}

static double
score_of(const examples *e, const hpc_calibration_record *c, double part,
		 uint32_t row)
{
	return hpc_model_number(part * error_of(e, row) /
							hpc_calibration_scale(c, difficulty_of(e, row)));
}

/* Keeps scores at even distances in rank, the largest among them. */
static hpc_status
keep_scores(examples *e, hpc_calibration_record *c)
{
	double *scores = (double *) ((hpc_knot *) (c + 1) + c->nknots);
	uint64_t passed = 0;
	uint32_t kept = 0;
	double part;
	hpc_status status = measure_excess(e, &part);

	if (status != HPC_OK)
		return status;
	for (uint32_t i = 0; i < e->n; i++)
	{
		e->pairs[i].key = hpc_sortable(score_of(e, c, part, e->pairs[i].row));
		if (hpc_poll(e->env, i))
			return HPC_CANCELLED;
	}
	if (!hpc_sort_pairs(e->env, e->n, e->pairs, e->spare))
		return HPC_CANCELLED;
	for (uint32_t i = 0; i < e->n; i++)
	{
		passed += hpc_row_count(e->frame, e->pairs[i].row);
		while (kept < c->nscores &&
			   rank_of(kept, c->nscores, e->ntotal) <= passed)
			scores[kept++] = hpc_from_sortable(e->pairs[i].key);
	}
	return HPC_OK;
}

double
hpc_calibration_score(const hpc_calibration_record *calibration,
					  double coverage)
{
	uint64_t n = calibration->nrows;
	uint64_t m = calibration->nscores;
	double wanted = coverage * ((double) n + 1);
	uint64_t rank;
	uint64_t i;

	/* 0.95 of 20 is 19, not the next beyond a rounding error */
	wanted = -floor(-wanted * (1 - 1e-12));
	if (!(wanted <= (double) n))
		return INFINITY;
	rank = wanted < 1 ? 1 : (uint64_t) wanted;
	i = (uint64_t) (((unsigned __int128) rank * m + n - 1) / n) - 1;
	while (rank_of(i, m, n) < rank)
		i++;
	return hpc_calibration_scores(calibration)[i];
}

/* ---------- the section ---------- */

uint64_t
hpc_calibration_bytes(const hpc_calibration_record *calibration)
{
	return sizeof(hpc_calibration_record) +
		   calibration->nknots * sizeof(hpc_knot) +
		   calibration->nscores * sizeof(double);
}

static hpc_status
calibrate(examples *e, hpc_calibration_record **calibration)
{
	hpc_calibration_record *c;
	hpc_status status;

	if (e->ntotal < MIN_ROWS)
		return HPC_OK;
	c = hpc_alloc0(e->env, 1,
				   sizeof(hpc_calibration_record) +
					   MAX_KNOTS * sizeof(hpc_knot) +
					   MAX_SCORES * sizeof(double));
	if (c == NULL)
		return HPC_NO_MEMORY;
	*calibration = c;
	c->by_spread = e->held->spread != NULL;
	c->nrows = e->ntotal;
	c->nscores = e->ntotal < MAX_SCORES ? (uint32_t) e->ntotal : MAX_SCORES;
	status = tie_knots(e, c);
	return status == HPC_OK ? keep_scores(e, c) : status;
}

hpc_status
hpc_calibrate(hpc_env *env, const hpc_frame *frame, const hpc_held *held,
			  hpc_calibration_record **calibration)
{
	examples e = {.env = env, .frame = frame, .held = held};
	hpc_status status;

	*calibration = NULL;
	if (held->prediction == NULL)
		return HPC_OK;
	status = gather(&e);
	if (status == HPC_OK)
		status = calibrate(&e, calibration);
	release(&e);
	if (status != HPC_OK)
	{
		hpc_free(env, *calibration);
		*calibration = NULL;
	}
	return status;
}
