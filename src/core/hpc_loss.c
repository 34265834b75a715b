/*
 * hpc_loss.c
 *		Losses of boosting (Friedman 2001, section 4).
 *
 *		loss		pseudo-residual			a leaf predicts
 *		squared		r						mean of r
 *		absolute	sign of r, halved		median of r
 *		quantile p	p or p - 1				p-quantile of r
 *		huber		r, cut to +-delta		median m of r, plus the mean of
 *											r - m, cut to +-delta
 *
 * where r is target minus prediction.  Signs tell a tree which rows belong
 * together, but not how far to go, so leaves look at r again.
 *
 * Quantiles are exact: the residual of a row, whatever the order of the
 * rows.  They are found by their bits, from the first to the last: weights
 * are added up by the next 11 bits, rows that cannot hold the quantile drop
 * out, and soon a handful is left.
 */
#include <math.h>

#include "hpc_loss.h"
#include "hpc_sort.h"

/* Rows looked at between two questions whether to stop. */
#define ROWS_PER_POLL 32768

static inline bool
stopped(const hpc_residuals *r, uint32_t i)
{
	return i % ROWS_PER_POLL == ROWS_PER_POLL - 1 &&
		   hpc_crew_stopped(r->crew, r->worker);
}

/* ---------- pseudo-residuals ---------- */

#define MAX_Q ((double) (INT64_C(1) << HPC_MAX_Q_BITS))

static inline double
cut(double x, double limit)
{
	x = x < limit ? x : limit;
	return x > -limit ? x : -limit;
}

static void
residuals(double limit, int step, uint32_t n, const double *residual,
		  int64_t *q)
{
	double per_unit = hpc_scale(1, -step);

	limit = limit * per_unit < MAX_Q ? limit * per_unit : MAX_Q;
	for (uint32_t i = 0; i < n; i++)
		q[i] = hpc_nearest(cut(residual[i] * per_unit, limit));
}

static void
signs(double quantile, int step, uint32_t n, const double *residual,
	  int64_t *q)
{
	double one = hpc_scale(1, -step);
	int64_t above = hpc_nearest(one * quantile);
	int64_t below = hpc_nearest(one * (quantile - 1));

	for (uint32_t i = 0; i < n; i++)
		q[i] = residual[i] > 0 ? above : residual[i] < 0 ? below : 0;
}

void
hpc_loss_gradient(const hpc_loss *loss, int step, uint32_t n,
				  const double *residual, int64_t *q)
{
	if (hpc_loss_has_signs(loss))
		signs(loss->quantile, step, n, residual, q);
	else if (loss->kind == HPC_LOSS_HUBER)
		residuals(loss->delta, step, n, residual, q);
	else
		residuals(INFINITY, step, n, residual, q);
}

/*
 * Delta changes from round to round, so huber losses of different rounds
 * cannot be compared; the absolute loss is as deaf to outliers.
 */
double
hpc_loss_held_out(const hpc_loss *loss, double residual)
{
	switch (loss->kind)
	{
		case HPC_LOSS_SQUARED:
			return residual * residual;
		case HPC_LOSS_QUANTILE:
			return residual > 0 ? residual * loss->quantile
								: residual * (loss->quantile - 1);
		default:
			return fabs(residual);
	}
}

/* ---------- quantiles ---------- */

#define DIGIT_BITS 11
#define NDIGITS (1u << DIGIT_BITS)

/* So few rows are sorted. */
#define FEW_ROWS 24

/* Where the search for a quantile is. */
typedef struct search
{
	const hpc_residuals *r;
	bool absolute;
	const uint32_t *rows; /* that may hold it */
	uint32_t n;
	uint64_t below; /* weight of it and the smaller ones among rows */
} search;

static inline uint64_t
sort_key(const search *s, uint32_t row)
{
	double residual = s->r->residual[row];

	return hpc_sortable(s->absolute ? fabs(residual) : residual);
}

static uint64_t
weight_of_rows(const hpc_residuals *r, const uint32_t *rows, uint32_t n)
{
	uint64_t weight = 0;

	for (uint32_t i = 0; i < n && !stopped(r, i); i++)
		weight += hpc_bag_weight(r->bag, rows[i]);
	return weight;
}

/* The answer among few rows. */
static uint64_t
choose_sorted(const search *s)
{
	uint64_t keys[FEW_ROWS] = {0};
	uint64_t weights[FEW_ROWS] = {0};
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < s->n; i++)
	{
		uint64_t key = sort_key(s, s->rows[i]);
		uint32_t at = i;

		for (; at > 0 && keys[at - 1] > key; at--)
		{
			keys[at] = keys[at - 1];
			weights[at] = weights[at - 1];
		}
		keys[at] = key;
		weights[at] = hpc_bag_weight(s->r->bag, s->rows[i]);
	}
	for (i = 0; i + 1 < s->n; i++)
	{
		sum += weights[i];
		if (sum >= s->below)
			break;
	}
	return keys[i];
}

/* Keeps the rows whose key has the digit in which the answer lies. */
static void
narrow_down(search *s, int shift)
{
	uint64_t weight[NDIGITS] = {0};
	uint32_t digit = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n && !stopped(s->r, i); i++)
	{
		uint32_t row = s->rows[i];

		weight[sort_key(s, row) >> shift & (NDIGITS - 1)] +=
			hpc_bag_weight(s->r->bag, row);
	}
	for (; digit < NDIGITS - 1 && weight[digit] < s->below; digit++)
		s->below -= weight[digit];
	for (uint32_t i = 0; i < s->n && !stopped(s->r, i); i++)
	{
		uint32_t row = s->rows[i];

		if ((sort_key(s, row) >> shift & (NDIGITS - 1)) == digit)
			s->r->spare[n++] = row;
	}
	s->rows = s->r->spare;
	s->n = n;
}

static double
choose(search *s)
{
	int shift = 64;

	while (s->n > FEW_ROWS && shift > 0)
	{
		shift = shift > DIGIT_BITS ? shift - DIGIT_BITS : 0;
		narrow_down(s, shift);
	}
	if (s->n > FEW_ROWS)
		s->n = 1; /* they are all equal */
	return s->n > 0 ? hpc_from_sortable(choose_sorted(s)) : 0;
}

double
hpc_residual_quantile(const hpc_residuals *r, const uint32_t *rows, uint32_t n,
					  double share, bool absolute)
{
	uint64_t weight = weight_of_rows(r, rows, n);
	double below = -floor(-share * (double) weight);
	search s = {r, absolute, rows, n, (uint64_t) below};

	if (s.below > weight)
		s.below = weight;
	if (s.below == 0)
		s.below = 1;
	return choose(&s);
}

/* ---------- leaves ---------- */

/* Bits of a residual cut to delta, in sums that no weight can overflow. */
#define HUBER_BITS 29

/* Sum of weight times r - center, cut to +-delta, over the weight. */
static double
mean_about(const hpc_loss *loss, const hpc_residuals *r, const uint32_t *rows,
		   uint32_t n, double center, double l2)
{
	int unit = hpc_exponent_above(loss->delta) - HUBER_BITS;
	double per_unit = hpc_scale(1, -unit);
	int64_t sum = 0;
	uint64_t weight = 0;

	for (uint32_t i = 0; i < n && !stopped(r, i); i++)
	{
		uint64_t w = hpc_bag_weight(r->bag, rows[i]);
		double about = cut(r->residual[rows[i]] - center, loss->delta);

		sum += (int64_t) w * hpc_nearest(about * per_unit);
		weight += w;
	}
	if (weight == 0)
		return 0;
	center *= (double) weight / ((double) weight + l2);
	return center + hpc_scale((double) sum / ((double) weight + l2), unit);
}

double
hpc_loss_leaf_value(const hpc_loss *loss, const hpc_residuals *r,
					const uint32_t *rows, uint32_t n, double l2)
{
	double value = hpc_residual_quantile(r, rows, n, loss->quantile, false);

	if (loss->kind == HPC_LOSS_HUBER)
		value = mean_about(loss, r, rows, n, value, l2);
	return value;
}
