/*
 * test_loss.c
 *		Losses of boosting: pseudo-residuals, weighted quantiles found by bits
 *		against sorting, leaf values.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_loss.h"
#include "hpt.h"

#define MAX_ROWS 3000

/* Rows in a bag, wide and narrow. */
typedef struct sample
{
	uint32_t n;
	double residual[MAX_ROWS];
	uint32_t rows[MAX_ROWS];
	uint32_t spare[MAX_ROWS];
	hpc_narrow narrow[MAX_ROWS];
	hpc_wide wide[MAX_ROWS];
	uint64_t weight[MAX_ROWS];
	hpc_bag bag;
	hpc_residuals view;
} sample;

typedef struct pair
{
	double value;
	uint64_t weight;
} pair;

static int
compare_pairs(const void *a, const void *b)
{
	double x = ((const pair *) a)->value;
	double y = ((const pair *) b)->value;

	return (x > y) - (x < y);
}

static double
sorted_quantile(const sample *s, double share, bool absolute)
{
	pair *pairs = malloc((s->n + 1) * sizeof(pair));
	double total = 0;
	double sum = 0;
	double answer = 0;

	for (uint32_t i = 0; i < s->n; i++)
	{
		double r = s->residual[s->rows[i]];

		pairs[i] = (pair){absolute ? fabs(r) : r, s->weight[s->rows[i]]};
		total += (double) pairs[i].weight;
	}
	qsort(pairs, s->n, sizeof(pair), compare_pairs);
	for (uint32_t i = 0; i < s->n; i++)
	{
		answer = pairs[i].value;
		sum += (double) pairs[i].weight;
		if (sum >= share * total)
			break;
	}
	free(pairs);
	return answer;
}

/* Every other row of twice as many, with residuals of a kind. */
static void
fill_sample(sample *s, hpt_random *random, uint32_t n, int kind)
{
	s->n = n;
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t row = n - 1 - i;
		double r = hpt_random_normal(random);

		if (kind == 1)
			r = floor(2 * r); /* ties, and zeros */
		if (kind == 2)
			r = hpt_random_double(random, -1000, 1000);
		s->rows[i] = row;
		s->residual[row] = r;
		s->weight[row] = kind == 0 ? 1 : 1 + hpt_random_below(random, 100);
		s->narrow[row] =
			(int64_t) ((uint64_t) -17 << 20) + (int64_t) s->weight[row];
		s->wide[row] =
			(hpc_wide){-17, (int64_t) (s->weight[row] << 32 | s->weight[row])};
	}
}

static void
check_quantiles(sample *s)
{
	static const double shares[] = {0.0001, 0.1, 0.5, 0.77, 0.9999, 1};
	hpt_random random = {1};
	int nwrong = 0;
	int n = 0;

	for (uint32_t nrows = 1; nrows < MAX_ROWS; nrows += 1 + nrows / 3)
	{
		for (int kind = 0; kind < 3; kind++)
		{
			fill_sample(s, &random, nrows, kind);
			for (int i = 0; i < 12; i++)
			{
				double share = shares[i / 2];
				double got;

				s->bag.narrow = i % 2 == 0 ? s->narrow : NULL;
				got = hpc_residual_quantile(&s->view, s->rows, nrows, share,
											kind == 2);
				nwrong += got != sorted_quantile(s, share, kind == 2);
				n++;
			}
		}
	}
	hpt_ok(nwrong == 0, "%d weighted quantiles, as by sorting", n);
	hpt_same_bits(hpc_residual_quantile(&s->view, s->rows, 0, 0.5, false), 0,
				  "the quantile of nothing is 0");
}

/* ---------- pseudo-residuals ---------- */

static void
check_gradient(void)
{
	hpt_random random = {2};
	hpc_loss squared = {.kind = HPC_LOSS_SQUARED, .quantile = 0.5};
	hpc_loss huber = {.kind = HPC_LOSS_HUBER, .quantile = 0.5, .delta = 0.75};
	hpc_loss quantile = {.kind = HPC_LOSS_QUANTILE, .quantile = 0.25};
	int nwrong = 0;
	int64_t q;
	double r;

	for (int i = 0; i < 10000; i++)
	{
		r = hpt_random_normal(&random);
		hpc_loss_gradient(&squared, -30, 1, &r, &q);
		nwrong += fabs((double) q - r * 0x1p30) > 0.5;
		hpc_loss_gradient(&huber, -30, 1, &r, &q);
		nwrong += fabs((double) q - fmax(-0.75, fmin(0.75, r)) * 0x1p30) > 0.5;
		hpc_loss_gradient(&quantile, -10, 1, &r, &q);
		nwrong += q != (r > 0 ? 256 : -768);
	}
	hpt_ok(nwrong == 0, "pseudo-residuals are rounded to the nearest unit");
	r = 0;
	hpc_loss_gradient(&quantile, -10, 1, &r, &q);
	hpt_ok(q == 0, "a residual of 0 has no sign");
	r = -1e300;
	hpc_loss_gradient(&squared, -30, 1, &r, &q);
	hpt_ok(q == -(INT64_C(1) << HPC_MAX_Q_BITS),
		   "a residual beyond all units is cut");
}

/* ---------- leaves and losses ---------- */

static void
check_huber_leaf(sample *s)
{
	hpt_random random = {3};
	hpc_loss huber = {.kind = HPC_LOSS_HUBER, .quantile = 0.5, .delta = 0.7};
	double median;
	double sum = 0;
	double weight = 0;

	fill_sample(s, &random, 500, 1);
	s->bag.narrow = NULL;
	for (uint32_t i = 0; i < s->n; i++)
		s->residual[i] += hpt_random_unit(&random);
	median = sorted_quantile(s, 0.5, false);
	for (uint32_t i = 0; i < s->n; i++)
	{
		double w = (double) s->weight[i];

		sum += w * (median + fmax(-0.7, fmin(0.7, s->residual[i] - median)));
		weight += w;
	}
	hpt_ok(fabs(hpc_loss_leaf_value(&huber, &s->view, s->rows, s->n, 0) -
				sum / weight) < 1e-8,
		   "huber: median and mean of what is cut");
	hpt_ok(fabs(hpc_loss_leaf_value(&huber, &s->view, s->rows, s->n, 1000) -
				sum / (weight + 1000)) < 1e-8,
		   "huber: shrunk by l2");
	huber.delta = 0;
	hpt_same_bits(hpc_loss_leaf_value(&huber, &s->view, s->rows, s->n, 0),
				  median, "huber: with delta 0 the median");
}

static void
check_held_out(void)
{
	hpc_loss loss = {.kind = HPC_LOSS_SQUARED, .quantile = 0.2};

	hpt_ok(hpc_loss_held_out(&loss, -3) == 9, "squared loss");
	loss.kind = HPC_LOSS_ABSOLUTE;
	hpt_ok(hpc_loss_held_out(&loss, -3) == 3, "absolute loss");
	loss.kind = HPC_LOSS_QUANTILE;
	hpt_ok(fabs(hpc_loss_held_out(&loss, -3) - 2.4) < 1e-12 &&
			   fabs(hpc_loss_held_out(&loss, 3) - 0.6) < 1e-12,
		   "quantile loss");
}

static hpc_status
check_all(hpc_crew *crew, void *context)
{
	sample *s = context;

	s->bag.wide = s->wide;
	s->bag.weight_bits = 20;
	s->view = (hpc_residuals){s->residual, &s->bag, s->spare, crew, 0};
	check_quantiles(s);
	check_gradient();
	check_huber_leaf(s);
	check_held_out();
	return HPC_OK;
}

int
main(void)
{
	static sample s;
	hpt_memory memory;

	hpt_memory_init(&memory, 1);
	hpc_crew_open(&memory.env, 1, check_all, &s);
	return hpt_done();
}
