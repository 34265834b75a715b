/*
 * hpc_gate.c
 *		Is a candidate good enough to take the place of a released model?
 *
 * Both are scored on the same rows, each of which gives two losses, c and r.
 * The candidate is good enough when the mean of d = c - k r is not above 0 for
 * all rows like these, k being 1 + the tolerance (its square where the metric
 * is a root).  Only pairs tell that: what makes a house hard to price is in
 * both losses and cancels.  A one-sided bound of 95 % is laid above and below
 * the mean of d; the verdict is passed when the upper one is not above 0,
 * worse when the lower one is, and else the rows do not decide.
 *
 * Losses have long tails, squared ones above all, and so have their
 * differences; Student's t then errs to one side.  A few rows cost much, most
 * samples have too few of them, and then both mean and spread are too small.
 * Two things are done about it:
 *
 * Hall's transformation corrects t by the skewness (Hall 1992, "On the removal
 * of skewness by transformation", J. R. Statist. Soc. B 54, section 2; it is
 * monotone, which Johnson's of 1978 is not).  With a = skewness / (3 sqrt n)
 *
 *		g(T) = T + a T^2 + a^2 T^3 / 3 + a / 2
 *
 * is distributed about as T is without skewness.  The bound is the wider one of
 * t's and this: the correction is there to prevent verdicts, never to make one.
 *
 * A sample is less skewed than what it is drawn from, too.  So the bound moves
 * out as if half a row more, like the worst one seen, had been found.  The half
 * is by simulation: without it a candidate at the margin passes 8 % of the
 * time where the differences are those of prices in Ames, with it 6 %, and for
 * differences without tails the bound is 3 % wider at 1,000 rows.  No bound
 * holds for all there is (Bahadur and Savage 1956): a disaster that one row in
 * thousands meets is not seen in hundreds.
 *
 * All sums are exact, so that a verdict is a function of the multiset of rows.
 */
#include <math.h>
#include <string.h>

#include "hpc_gate.h"

/* Quantiles of the normal distribution: 95 % and 80 %. */
#define NORMAL_95 1.6448536269514722
#define NORMAL_80 0.8416212335729143

/* ---------- metrics ---------- */

static const char *const metric_names[HPC_NMETRICS] = {"mae", "rmse", "rmsle",
													   "mape"};

const char *
hpc_metric_name(hpc_metric metric)
{
	return metric_names[metric];
}

bool
hpc_metric_by_name(const char *name, hpc_metric *metric)
{
	for (int i = 0; i < HPC_NMETRICS; i++)
	{
		*metric = (hpc_metric) i;
		if (strcmp(metric_names[i], name) == 0)
			return true;
	}
	return false;
}

static bool
is_root(hpc_metric metric)
{
	return metric == HPC_METRIC_RMSE || metric == HPC_METRIC_RMSLE;
}

/* Loss of a prediction, and what it is the square of; NaN: it is none. */
typedef struct row_loss
{
	double loss;
	double root;
} row_loss;

/* False: it has no loss. */
static bool
find_loss(hpc_metric metric, double actual, double predicted, row_loss *loss)
{
	double error = actual - predicted;

	if (metric == HPC_METRIC_RMSLE)
	{
		if (actual < 0 || predicted < 0)
			return false;
		error = hpc_log1p(predicted) - hpc_log1p(actual);
	}
	if (metric == HPC_METRIC_MAPE && actual == 0)
		return false;
	loss->root = is_root(metric) ? error : NAN;
	if (is_root(metric))
		loss->loss = error * error;
	else if (metric == HPC_METRIC_MAPE)
		loss->loss = fabs(error) / fabs(actual);
	else
		loss->loss = fabs(error);
	return true;
}

/* A relative difference of the metric as one of mean losses, and back. */
static double
of_losses(hpc_metric metric, double difference)
{
	return is_root(metric) ? (2 + difference) * difference : difference;
}

static double
of_metric(hpc_metric metric, double difference)
{
	if (!is_root(metric))
		return difference;
	/* sqrt(1 + x) - 1, without the difference; a bound may lie below -1 */
	return difference > -1 ? difference / (sqrt(1 + difference) + 1) : -1;
}

/* ---------- a mean and its bounds ---------- */

typedef struct moments
{
	double n;
	double mean;
	double error; /* standard error of the mean */
	double skewness;
	double least;
	double most;
} moments;

static void
mean_init(hpc_mean *mean)
{
	for (int i = 0; i < 3; i++)
		hpc_sum_init(&mean->powers[i]);
	mean->least = INFINITY;
	mean->most = -INFINITY;
}

static void
mean_add(hpc_mean *mean, double x)
{
	hpc_sum_add(&mean->powers[0], x);
	hpc_sum_add_product(&mean->powers[1], x, x);
	hpc_sum_add_product(&mean->powers[2], x * x, x);
	if (x < mean->least)
		mean->least = x;
	if (x > mean->most)
		mean->most = x;
}

/*
 * The third central moment over the cube of the standard deviation.  It is 0
 * where the mean is so large beside the deviation that the powers do not tell;
 * then the bounds are far from 0 in any case.
 */
static double
skewness_of(const hpc_mean *mean, double m, double variance, double n)
{
	double square = hpc_sum_round(&mean->powers[1]) / n;
	double cube = hpc_sum_round(&mean->powers[2]) / n;
	double third = cube - 3 * m * square + 2 * m * m * m;
	double most = (n - 2) / sqrt(n - 1);
	double skewness;

	if (!(variance > 1e-8 * m * m))
		return 0;
	skewness = third / (variance * sqrt(variance));
	return skewness > most ? most : skewness < -most ? -most : skewness;
}

/* Of at least two values. */
static void
find_moments(const hpc_mean *mean, uint64_t nrows, moments *found)
{
	double n = (double) nrows;
	double squares =
		hpc_sum_deviations(&mean->powers[0], &mean->powers[1], nrows);

	found->n = n;
	found->mean = hpc_sum_round(&mean->powers[0]) / n;
	found->error = sqrt(squares / (n - 1) / n);
	found->skewness = skewness_of(mean, found->mean, squares / n, n);
	found->least = mean->least;
	found->most = mean->most;
}

double
hpc_student_95(uint64_t freedom)
{
	static const double few[5] = {INFINITY, 6.313751514675043,
								  2.919985580353726, 2.353363434801824,
								  2.131846786326649};
	double z = NORMAL_95;
	double z2 = z * z;
	double f = (double) freedom;
	double g[4];

	if (freedom < 5)
		return few[freedom];
	g[0] = (z2 + 1) * z / 4;
	g[1] = ((5 * z2 + 16) * z2 + 3) * z / 96;
	g[2] = (((3 * z2 + 19) * z2 + 17) * z2 - 15) * z / 384;
	g[3] =
		((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) * z / 92160;
	return z + (g[0] + (g[1] + (g[2] + g[3] / f) / f) / f) / f;
}

static double
cube_root(double x)
{
	double root;

	if (x == 0)
		return 0;
	root = hpc_exp(hpc_log(fabs(x)) / 3);
	return x < 0 ? -root : root;
}

/* The T for which g(T) is y. */
static double
unbend(double y, double skewness, double n)
{
	double a = skewness / (3 * sqrt(n));
	double over = y - a / 2;
	double w = cube_root(1 + 3 * a * over);

	/* (w - 1) / a, without the difference */
	return 3 * over / (w * w + w + 1);
}

/* How far the bounds of the mean lie above and below it. */
static double
reach_above(const moments *m, double t)
{
	double bent = -unbend(-t, m->skewness, m->n);

	return (bent > t ? bent : t) * m->error + (m->most - m->mean) / m->n / 2;
}

static double
reach_below(const moments *m, double t)
{
	double bent = unbend(t, m->skewness, m->n);

	return (bent > t ? bent : t) * m->error + (m->mean - m->least) / m->n / 2;
}

/* ---------- the gate ---------- */

void
hpc_gate_init(hpc_gate *gate, hpc_metric metric, double tolerance)
{
	gate->metric = metric;
	gate->factor = 1 + of_losses(metric, tolerance);
	gate->nrows = 0;
	hpc_sum_init(&gate->candidate);
	hpc_sum_init(&gate->released);
	mean_init(&gate->over);
	mean_init(&gate->change);
}

static void
add_loss(hpc_sum *sum, const row_loss *loss)
{
	if (isnan(loss->root))
		hpc_sum_add(sum, loss->loss);
	else
		hpc_sum_add_product(sum, loss->root, loss->root);
}

bool
hpc_gate_add(hpc_gate *gate, double actual, double candidate, double released)
{
	row_loss c;
	row_loss r;

	if (!find_loss(gate->metric, actual, candidate, &c) ||
		!find_loss(gate->metric, actual, released, &r))
		return false;
	gate->nrows++;
	add_loss(&gate->candidate, &c);
	add_loss(&gate->released, &r);
	mean_add(&gate->over, c.loss - gate->factor * r.loss);
	mean_add(&gate->change, c.loss - r.loss);
	return true;
}

static double
metric_of(const hpc_gate *gate, const hpc_sum *losses)
{
	double mean = hpc_sum_round(losses) / (double) gate->nrows;

	return is_root(gate->metric) ? sqrt(mean) : mean;
}

static hpc_gate_verdict
judge(const moments *over, double t)
{
	if (over->n < HPC_GATE_MIN_ROWS)
		return HPC_GATE_UNDECIDED;
	if (over->mean + reach_above(over, t) <= 0)
		return HPC_GATE_PASSED;
	if (over->mean - reach_below(over, t) > 0)
		return HPC_GATE_WORSE;
	return HPC_GATE_UNDECIDED;
}

/*
 * Rows for a candidate that is equal in truth to pass in four cases of five,
 * where n rows have such a standard error.  Bounds are a tenth wider than
 * those of a normal distribution once there are hundreds.  Error and tolerance
 * are relative, of losses.
 */
static double
rows_needed(double n, double error, double tolerance)
{
	double ratio = 1.1 * (NORMAL_95 + NORMAL_80) * error / tolerance;
	double rows = ceil(n * ratio * ratio);

	if (!(tolerance > 0))
		return NAN;
	return rows > HPC_GATE_MIN_ROWS ? rows : HPC_GATE_MIN_ROWS;
}

/* What the mean losses say, relative to that of the released model. */
static void
compare(const hpc_gate *gate, hpc_gate_result *result)
{
	double t = hpc_student_95(gate->nrows - 1);
	double scale = hpc_sum_round(&gate->released) / (double) gate->nrows;
	moments over;
	moments change;
	double above;
	double below;

	find_moments(&gate->over, gate->nrows, &over);
	find_moments(&gate->change, gate->nrows, &change);
	result->verdict = judge(&over, t);
	if (scale == 0)
		return;
	above = (over.mean + reach_above(&over, t)) / scale + gate->factor - 1;
	below = (over.mean - reach_below(&over, t)) / scale + gate->factor - 1;
	result->difference = of_metric(gate->metric, change.mean / scale);
	result->upper = of_metric(gate->metric, above);
	result->lower = of_metric(gate->metric, below);
	result->detectable =
		of_metric(gate->metric, reach_above(&change, t) / scale);
	result->rows_needed =
		rows_needed(over.n, over.error / scale, gate->factor - 1);
}

bool
hpc_gate_end(const hpc_gate *gate, hpc_gate_result *result)
{
	*result = (hpc_gate_result){
		HPC_GATE_UNDECIDED, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
	if (gate->nrows == 0)
		return true;
	result->candidate = metric_of(gate, &gate->candidate);
	result->released = metric_of(gate, &gate->released);
	for (int i = 0; i < 3; i++)
	{
		if (!isfinite(hpc_sum_round(&gate->over.powers[i])) ||
			!isfinite(hpc_sum_round(&gate->change.powers[i])))
			return false;
	}
	if (gate->nrows >= 2)
		compare(gate, result);
	return true;
}
