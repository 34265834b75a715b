/*
 * test_gate.c
 *		The gate: quantiles against a table, verdicts against a slow twin, and
 *		how often a candidate passes that is exactly at the margin.
 */
#include <math.h>
#include <stdlib.h>

#include "hpc_gate.h"
#include "hpt.h"

#define MAX_ROWS 1000

/* A holdout: what was paid, and what two models say. */
typedef struct row
{
	double actual;
	double candidate;
	double released;
} row;

static hpc_gate_result
gate_rows(hpc_metric metric, double tolerance, const row *rows, int nrows)
{
	hpc_gate_result result;
	hpc_gate gate;

	hpc_gate_init(&gate, metric, tolerance);
	for (int i = 0; i < nrows; i++)
		if (!hpc_gate_add(&gate, rows[i].actual, rows[i].candidate,
						  rows[i].released))
			hpt_ok(false, "row %d has a loss", i);
	if (!hpc_gate_end(&gate, &result))
		hpt_ok(false, "losses are in range");
	return result;
}

/* ---------- quantiles ---------- */

/* Fisher and Yates 1963, table III, to more digits. */
static void
check_quantiles(void)
{
	static const struct
	{
		uint64_t freedom;
		double t;
		double error;
	} table[] = {{1, 6.313751515, 1e-8},   {2, 2.919985580, 1e-8},
				 {3, 2.353363435, 1e-8},   {4, 2.131846786, 1e-8},
				 {5, 2.015048373, 1e-3},   {10, 1.812461123, 1e-4},
				 {20, 1.724718243, 1e-6},  {29, 1.699127027, 1e-7},
				 {60, 1.670648865, 1e-8},  {120, 1.657650899, 1e-8},
				 {1000, 1.646378818, 1e-8}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		hpt_ok(fabs(hpc_student_95(table[i].freedom) - table[i].t) <
				   table[i].error,
			   "t of %d degrees of freedom: %.9f", (int) table[i].freedom,
			   hpc_student_95(table[i].freedom));
	hpt_ok(fabs(hpc_student_95(1000000000) - 1.6448536) < 1e-6,
		   "of very many: the normal distribution's");
	hpt_ok(isinf(hpc_student_95(0)), "of none: infinite");
}

/* ---------- the slow twin ---------- */

static long double
twin_loss(hpc_metric metric, double actual, double predicted)
{
	long double e = (long double) actual - predicted;

	switch (metric)
	{
		case HPC_METRIC_MAE:
			return fabsl(e);
		case HPC_METRIC_RMSE:
			return e * e;
		case HPC_METRIC_RMSLE:
			e = log1pl(predicted) - log1pl(actual);
			return e * e;
		default:
			return fabsl(e / actual);
	}
}

/* g of the header comment of hpc_gate.c. */
static long double
twin_bend(long double t, long double a)
{
	return t + a * t * t + a * a * t * t * t / 3 + a / 2;
}

/* The T with g(T) = y, by halves. */
static long double
twin_unbend(long double y, long double a)
{
	long double low = -1e4L;
	long double high = 1e4L;

	for (int i = 0; i < 120; i++)
	{
		long double middle = (low + high) / 2;

		if (twin_bend(middle, a) < y)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* The upper bound of the mean of x, two passes; sign -1: the lower one. */
static long double
twin_bound(const long double *x, int n, int sign)
{
	long double t = hpc_student_95((uint64_t) n - 1);
	long double m = 0;
	long double s2 = 0;
	long double s3 = 0;
	long double worst = -1e300L;
	long double a;
	long double bent;

	for (int i = 0; i < n; i++)
		m += sign * x[i] / n;
	for (int i = 0; i < n; i++)
	{
		long double d = sign * x[i] - m;

		s2 += d * d / n;
		s3 += d * d * d / n;
		worst = d > worst ? d : worst;
	}
	a = s2 > 0 ? s3 / (s2 * sqrtl(s2)) / (3 * sqrtl(n)) : 0;
	bent = -twin_unbend(-t, a);
	return sign *
		   (m + (bent > t ? bent : t) * sqrtl(s2 / (n - 1)) + worst / n / 2);
}

static bool
is_near(double actual, long double expected)
{
	return fabsl(actual - expected) <= 1e-9L * (1 + fabsl(expected));
}

static long double
twin_relative(hpc_metric metric, long double of_losses)
{
	return metric == HPC_METRIC_RMSE || metric == HPC_METRIC_RMSLE
			   ? sqrtl(1 + of_losses) - 1
			   : of_losses;
}

/* All that the gate says of the rows, by definition. */
static bool
agrees_with_twin(hpc_metric metric, double tolerance, const row *rows, int n)
{
	hpc_gate_result result = gate_rows(metric, tolerance, rows, n);
	bool root = metric == HPC_METRIC_RMSE || metric == HPC_METRIC_RMSLE;
	long double k = root ? (1 + (long double) tolerance) * (1 + tolerance)
						 : 1 + (long double) tolerance;
	static long double over[MAX_ROWS];
	static long double change[MAX_ROWS];
	long double c = 0;
	long double r = 0;
	long double upper;
	long double lower;

	for (int i = 0; i < n; i++)
	{
		long double lc = twin_loss(metric, rows[i].actual, rows[i].candidate);
		long double lr = twin_loss(metric, rows[i].actual, rows[i].released);

		c += lc / n;
		r += lr / n;
		over[i] = lc - k * lr;
		change[i] = lc - lr;
	}
	upper = twin_bound(over, n, 1);
	lower = twin_bound(over, n, -1);
	return is_near(result.candidate, root ? sqrtl(c) : c) &&
		   is_near(result.released, root ? sqrtl(r) : r) &&
		   is_near(result.difference, twin_relative(metric, c / r - 1)) &&
		   is_near(result.upper, twin_relative(metric, upper / r + k - 1)) &&
		   (lower / r + k <= 0 ||
			is_near(result.lower, twin_relative(metric, lower / r + k - 1))) &&
		   is_near(result.detectable,
				   twin_relative(metric,
								 (twin_bound(change, n, 1) - c + r) / r)) &&
		   result.verdict == (n < 30       ? HPC_GATE_UNDECIDED
							  : upper <= 0 ? HPC_GATE_PASSED
							  : lower > 0  ? HPC_GATE_WORSE
										   : HPC_GATE_UNDECIDED);
}

/* Prices, and two models' errors that have something in common. */
static void
make_rows(hpt_random *random, row *rows, int n, double spread)
{
	for (int i = 0; i < n; i++)
	{
		double common = hpt_random_normal(random);
		double tail = exp(spread * hpt_random_normal(random)) / 10;

		rows[i].actual = 1e5 * exp(hpt_random_normal(random) / 3);
		rows[i].candidate =
			rows[i].actual *
			exp(tail * (common + hpt_random_normal(random) / 2));
		rows[i].released =
			rows[i].actual *
			exp(tail * (common + hpt_random_normal(random) / 2));
	}
}

static void
check_twin(void)
{
	static row rows[MAX_ROWS];
	int seen[3] = {0};

	for (int metric = 0; metric < HPC_NMETRICS; metric++)
	{
		hpt_random random = {(uint64_t) metric + 40};
		int nwrong = 0;

		for (int trial = 0; trial < 300; trial++)
		{
			int n = 2 + (int) hpt_random_below(&random, 150);
			double tolerance = hpt_random_unit(&random) - 0.4;

			make_rows(&random, rows, n, hpt_random_unit(&random));
			if (!agrees_with_twin((hpc_metric) metric, tolerance, rows, n))
				nwrong++;
			seen[gate_rows((hpc_metric) metric, tolerance, rows, n).verdict]++;
		}
		hpt_ok(nwrong == 0, "%s: as by definition",
			   hpc_metric_name((hpc_metric) metric));
	}
	hpt_ok(seen[HPC_GATE_UNDECIDED] > 100 && seen[HPC_GATE_PASSED] > 100 &&
			   seen[HPC_GATE_WORSE] > 100,
		   "with all verdicts: %d, %d, %d", seen[0], seen[1], seen[2]);
}

/* ---------- order ---------- */

static bool
same_result(const hpc_gate_result *a, const hpc_gate_result *b)
{
	return a->verdict == b->verdict && a->candidate == b->candidate &&
		   a->released == b->released && a->difference == b->difference &&
		   a->lower == b->lower && a->upper == b->upper &&
		   a->detectable == b->detectable && a->rows_needed == b->rows_needed;
}

static void
check_order(void)
{
	static row rows[MAX_ROWS];
	hpt_random random = {50};
	hpc_gate_result first;
	int nsame = 0;

	make_rows(&random, rows, MAX_ROWS, 2);
	first = gate_rows(HPC_METRIC_RMSE, 0.05, rows, MAX_ROWS);
	for (int i = 0; i < 20; i++)
	{
		hpc_gate_result next;

		hpt_shuffle(&random, rows, MAX_ROWS, sizeof(row));
		next = gate_rows(HPC_METRIC_RMSE, 0.05, rows, MAX_ROWS);
		nsame += same_result(&first, &next);
	}
	hpt_ok(nsame == 20, "in any order the same, to the bit");
}

/* ---------- how often it errs ---------- */

/*
 * Errors of both models.  In truth the candidate's mean loss is the released
 * one's times factor: the mean absolute error, or the mean square.  On a
 * share of the rows its errors are some times as large as on others.
 */
typedef struct world
{
	const char *name;
	bool squared;
	double costly; /* share of such rows, and how many times */
	double times;
	double spread; /* of what houses have in common */
} world;

static void
draw_rows(const world *w, hpt_random *random, double factor, row *rows, int n)
{
	double mean =
		1 + w->costly * ((w->squared ? w->times * w->times : w->times) - 1);
	double scale = w->squared ? sqrt(factor / mean) : factor / mean;

	for (int i = 0; i < n; i++)
	{
		double house = exp(w->spread * hpt_random_normal(random));
		double common = hpt_random_normal(random);
		double c = scale * (0.8 * common + 0.6 * hpt_random_normal(random));
		double r = 0.8 * common + 0.6 * hpt_random_normal(random);

		if (hpt_random_unit(random) < w->costly)
			c *= w->times;
		rows[i] = (row){0, house * c, house * r};
	}
}

/* Does the candidate pass by Student's t alone? */
static bool
passes_plainly(const world *w, const row *rows, int n)
{
	double mean = 0;
	double squares = 0;

	for (int i = 0; i < n; i++)
	{
		double c = fabs(rows[i].candidate);
		double r = 1.05 * fabs(rows[i].released);
		double x = w->squared ? c * c - r * r : c - r;

		mean += x / n;
		squares += x * x / n;
	}
	return mean + hpc_student_95((uint64_t) n - 1) *
					  sqrt((squares - mean * mean) / (n - 1)) <=
		   0;
}

#define NTRIALS 2000

/* Shares of trials with each verdict, and in which t alone passes. */
static void
tally(const world *w, double factor, int n, double share[3], double *plain)
{
	static row rows[MAX_ROWS];
	hpc_metric metric = w->squared ? HPC_METRIC_RMSE : HPC_METRIC_MAE;
	hpt_random random = {(uint64_t) n};

	share[0] = share[1] = share[2] = *plain = 0;
	for (int trial = 0; trial < NTRIALS; trial++)
	{
		draw_rows(w, &random, factor, rows, n);
		share[gate_rows(metric, 0.05, rows, n).verdict] += 1.0 / NTRIALS;
		*plain += passes_plainly(w, rows, n) / (double) NTRIALS;
	}
}

/* The worlds are about as hard as prices in Ames. */
static void
check_margin(void)
{
	static const world worlds[] = {{"errors alike", false, 0, 1, 0},
								   {"houses differ", false, 0, 1, 1},
								   {"some cost", false, 0.2, 3, 0.5},
								   {"squares", true, 0, 1, 0.5},
								   {"squares, some cost", true, 0.3, 2, 0.2}};
	static const int sizes[] = {30, 100, 300};
	double most_plain = 0;
	double share[3];
	double plain;

	for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++)
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++)
		{
			const world *w = &worlds[i];

			tally(w, w->squared ? 1.05 * 1.05 : 1.05, sizes[j], share, &plain);
			hpt_ok(share[HPC_GATE_PASSED] <= 0.06 &&
					   share[HPC_GATE_WORSE] <= 0.06,
				   "at the margin, %s, %d rows: %.1f %% pass (by t alone "
				   "%.1f %%), %.1f %% are worse",
				   w->name, sizes[j], 100 * share[HPC_GATE_PASSED],
				   100 * plain, 100 * share[HPC_GATE_WORSE]);
			most_plain = plain > most_plain ? plain : most_plain;
		}
	hpt_ok(most_plain > 0.07, "t alone would let %.1f %% pass",
		   100 * most_plain);
}

/* An equal candidate passes once there are rows; one 20 % worse is found. */
static void
check_power(void)
{
	static const world alike = {"", false, 0, 1, 0.5};
	static row rows[MAX_ROWS];
	hpt_random random = {3};
	hpc_gate_result result;
	double share[3];
	double plain;

	draw_rows(&alike, &random, 1, rows, MAX_ROWS);
	result = gate_rows(HPC_METRIC_MAE, 0.1, rows, MAX_ROWS);
	hpt_ok(result.verdict == HPC_GATE_PASSED,
		   "an equal candidate passes with a tolerance of 10 %%");
	hpt_ok(result.detectable < 0.1 && result.detectable > 0.03,
		   "as the smallest difference says: %.3f", result.detectable);
	tally(&alike, 1.3, 300, share, &plain);
	hpt_ok(share[HPC_GATE_WORSE] > 0.9,
		   "one that is off by 30 %% more is worse: %.2f",
		   share[HPC_GATE_WORSE]);
	tally(&alike, 1, 40, share, &plain);
	hpt_ok(share[HPC_GATE_UNDECIDED] > 0.85,
		   "40 rows decide little: %.2f undecided", share[HPC_GATE_UNDECIDED]);
}

/* As many rows as are said to be needed are enough four times out of five. */
static void
check_rows_needed(void)
{
	static const world alike = {"", false, 0, 1, 0.2};
	static row rows[MAX_ROWS];
	hpt_random random = {4};
	int npassed = 0;
	int needed;

	draw_rows(&alike, &random, 1, rows, MAX_ROWS);
	needed = (int) gate_rows(HPC_METRIC_MAE, 0.15, rows, MAX_ROWS).rows_needed;
	for (int trial = 0; trial < 1000; trial++)
	{
		draw_rows(&alike, &random, 1, rows, needed);
		npassed += gate_rows(HPC_METRIC_MAE, 0.15, rows, needed).verdict ==
				   HPC_GATE_PASSED;
	}
	hpt_ok(npassed > 720 && npassed < 880,
		   "of equal ones on %d rows %d in 1000 pass", needed, npassed);
}

/* ---------- edges ---------- */

static void
check_edges(void)
{
	row rows[60];
	hpc_gate_result result;
	hpc_gate gate;
	hpc_metric metric;

	hpc_gate_init(&gate, HPC_METRIC_MAE, 0.05);
	hpt_ok(hpc_gate_end(&gate, &result) && isnan(result.candidate) &&
			   result.verdict == HPC_GATE_UNDECIDED,
		   "no rows decide nothing");
	hpc_gate_add(&gate, 1, 2, 3);
	hpt_ok(hpc_gate_end(&gate, &result) && result.candidate == 1 &&
			   result.released == 2 && isnan(result.upper),
		   "one row has losses, and no bounds");

	for (int i = 0; i < 60; i++)
		rows[i] = (row){100 + i, 110 + i, 110 + i};
	result = gate_rows(HPC_METRIC_MAE, 0, rows, 60);
	hpt_ok(result.verdict == HPC_GATE_PASSED && result.difference == 0 &&
			   result.detectable == 0,
		   "the same predictions pass with a tolerance of 0");
	result = gate_rows(HPC_METRIC_MAE, 0, rows, 29);
	hpt_ok(result.verdict == HPC_GATE_UNDECIDED,
		   "but not on less than 30 rows");
	for (int i = 0; i < 60; i++)
		rows[i].released = rows[i].actual;
	result = gate_rows(HPC_METRIC_RMSE, 0.05, rows, 60);
	hpt_ok(result.verdict == HPC_GATE_WORSE && isnan(result.difference),
		   "beside a model that is never off, others are worse");
	for (int i = 0; i < 60; i++)
		rows[i].candidate = rows[i].actual;
	result = gate_rows(HPC_METRIC_RMSE, 0.05, rows, 60);
	hpt_ok(result.verdict == HPC_GATE_PASSED, "unless they are not off");

	hpc_gate_init(&gate, HPC_METRIC_RMSE, 0.05);
	hpc_gate_add(&gate, 0, 1e200, 1);
	hpt_ok(!hpc_gate_end(&gate, &result), "squares beyond doubles are said");
	hpc_gate_init(&gate, HPC_METRIC_RMSLE, 0.05);
	hpt_ok(!hpc_gate_add(&gate, 1, -1, 1) && !hpc_gate_add(&gate, 1, 1, -1) &&
			   !hpc_gate_add(&gate, -1, 1, 1) && gate.nrows == 0,
		   "negative values have no logarithm");
	hpc_gate_init(&gate, HPC_METRIC_MAPE, 0.05);
	hpt_ok(!hpc_gate_add(&gate, 0, 1, 1) && hpc_gate_add(&gate, -1, 1, 1),
		   "0 has no percentage");
	hpt_ok(hpc_metric_by_name("rmsle", &metric) &&
			   metric == HPC_METRIC_RMSLE &&
			   !hpc_metric_by_name("r2", &metric),
		   "metrics have names");
}

int
main(void)
{
	check_quantiles();
	check_twin();
	check_order();
	check_margin();
	check_power();
	check_rows_needed();
	check_edges();
	return hpt_done();
}
