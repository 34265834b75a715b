/*
 * test_judge.c
 *		Drift: the index and the verdicts against their definitions, and reports
 *		on simulated rows: how often they cry wolf, and what they find.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt.h"

/* ---------- the index ---------- */

static hpc_drift_counts
counts_of(int ngroups, const uint64_t *before, const uint64_t *now)
{
	hpc_drift_counts counts = {.ngroups = ngroups};

	for (int i = 0; i < ngroups; i++)
	{
		counts.before[i] = before[i];
		counts.now[i] = now[i];
		counts.nbefore += before[i];
		counts.nnow += now[i];
	}
	return counts;
}

static hpc_drift
compare(const hpc_drift_counts *counts)
{
	hpc_drift drift;

	hpc_drift_compare(counts, &drift);
	return drift;
}

static void
check_psi(void)
{
	static const uint64_t before[] = {100, 200, 300, 400, 0};
	static const uint64_t now[] = {40, 20, 30, 10, 0};
	static const uint64_t emptied[] = {50, 0, 30, 20, 0};
	double p[] = {100.5 / 1002, 200.5 / 1002, 300.5 / 1002, 400.5 / 1002};
	double q[] = {40.5 / 102, 20.5 / 102, 30.5 / 102, 10.5 / 102};
	hpc_drift_counts counts = counts_of(5, before, now);
	double psi = 0;

	for (int i = 0; i < 4; i++)
		psi += (q[i] - p[i]) * log(q[i] / p[i]);
	hpt_ok(fabs(compare(&counts).psi - psi) < 1e-14, "the index: %g", psi);
	hpt_ok(compare(&counts).most == 0, "what adds most to it");
	counts = counts_of(5, before, emptied);
	hpt_ok(compare(&counts).psi > 0.9 && isfinite(compare(&counts).psi),
		   "of an empty group: %g", compare(&counts).psi);
	counts = counts_of(5, before, before);
	hpt_ok(compare(&counts).psi == 0 && compare(&counts).most == -1 &&
			   compare(&counts).p_value == 1,
		   "equal counts");
}

/* The same shares, ten times the rows: chi-squared grows, the index hardly. */
static void
check_rows(void)
{
	static const uint64_t before[] = {1000, 1000, 1000, 1000, 0};
	static const uint64_t few[] = {8, 5, 5, 2, 0};
	static const uint64_t many[] = {80, 50, 50, 20, 0};
	hpc_drift_counts counts = counts_of(5, before, few);
	hpc_drift drift = compare(&counts);
	double sum = 0;

	hpt_ok(drift.psi > 0.1 && drift.p_value > 0.1, "20 rows: %.3f, %.3f",
		   drift.psi, drift.p_value);
	counts = counts_of(5, before, many);
	drift = compare(&counts);
	for (int i = 0; i < 4; i++)
	{
		double all = (double) (before[i] + many[i]);
		double here = all * 200 / 4200;
		double there = all * 4000 / 4200;

		sum += pow((double) many[i] - here, 2) / here +
			   pow((double) before[i] - there, 2) / there;
	}
	/* 3 degrees of freedom */
	hpt_ok(fabs(drift.p_value / (erfc(sqrt(sum / 2)) +
								 sqrt(2 * sum / M_PI) * exp(-sum / 2)) -
				1) < 1e-9,
		   "200 rows, by Pearson's formula: %.2g", drift.p_value);
}

/* Few rows join the values beside them, not the rows without a value. */
static void
check_leftover(void)
{
	static const uint64_t before[] = {500, 500, 3, 200};
	static const uint64_t now[] = {50, 60, 1, 40};
	static const double cells[2][3] = {{500, 503, 200}, {50, 61, 40}};
	hpc_drift_counts counts = counts_of(4, before, now);
	double sum = 0;

	for (int i = 0; i < 3; i++)
	{
		double all = cells[0][i] + cells[1][i];
		double there = all * 1203 / 1354;
		double here = all * 151 / 1354;

		sum += pow(cells[0][i] - there, 2) / there +
			   pow(cells[1][i] - here, 2) / here;
	}
	/* 2 degrees of freedom; half of the risk is that of the exact test */
	hpt_ok(fabs(compare(&counts).p_value / (2 * exp(-sum / 2)) - 1) < 1e-9,
		   "the last values are few: %.3g", compare(&counts).p_value);
}

/* ---------- what is rare, and what training never had ---------- */

static void
check_rare(void)
{
	static const uint64_t before[] = {500, 500, 0};
	static const uint64_t now[] = {18, 18, 4};
	static const uint64_t reversed[] = {20000, 20000, 400};
	hpc_drift_counts counts = counts_of(3, before, now);
	hpc_drift drift = compare(&counts);

	/* 40 over 4 by 1040 over 4, doubled; two tests of which it is one */
	hpt_ok(fabs(drift.p_value /
					(4 * 40.0 * 39 * 38 * 37 / (1040.0 * 1039 * 1038 * 1037)) -
				1) < 1e-9,
		   "missing values that were never missing: %.2g", drift.p_value);
	counts = counts_of(3, before, reversed);
	drift = compare(&counts);
	hpt_ok(drift.p_value > 1e-6 && drift.p_value < 1e-2,
		   "in a sample larger than the training: %.2g", drift.p_value);
}

static hpc_drift
compare_unseen(uint64_t nnow, uint64_t unseen, uint64_t singles)
{
	hpc_drift_counts counts = {.nbefore = 1000,
							   .nnow = nnow,
							   .nnever = 1,
							   .never = {unseen},
							   .singles = {singles}};

	return compare(&counts);
}

static void
check_never(void)
{
	hpc_drift drift = compare_unseen(100, 6, 0);

	hpt_ok(drift.far && drift.p_value < 1e-5 && isnan(drift.psi) &&
			   !drift.known,
		   "six of a hundred in unseen categories: %.2g", drift.p_value);
	drift = compare_unseen(100, 5, 0);
	hpt_ok(!drift.far, "five: not far");
	drift = compare_unseen(100, 6, 60);
	hpt_ok(drift.p_value > 0.4, "where 6 %% were single: %.2g", drift.p_value);
	drift = compare_unseen(100, 6, UINT64_MAX);
	hpt_ok(drift.p_value == 1, "more single ones than rows: %.2g",
		   drift.p_value);
	drift = compare_unseen(0, 0, 0);
	hpt_ok(isnan(drift.p_value) && !drift.far, "no rows");
}

/* ---------- ratios ---------- */

static hpc_drift
compare_ratios(double now, uint64_t nabove, uint64_t nbelow, uint64_t nbefore)
{
	hpc_drift_ratios ratios = {1.01, nbefore, now, nabove, nbelow};
	hpc_drift drift;

	hpc_drift_compare_ratios(&ratios, &drift);
	return drift;
}

static void
check_ratios(void)
{
	hpc_drift drift = compare_ratios(1.1, 10, 0, 0);

	hpt_ok(drift.far && drift.known &&
			   fabs(drift.p_value - 2.0 / 1024) < 1e-15,
		   "ten of ten above");
	hpt_ok(compare_ratios(1.1, 10, 0, 1000).p_value > 2.0 / 1024,
		   "rows held out are a sample, too");
	hpt_ok(fabs(compare_ratios(0.9, 0, 10, 0).p_value - 2.0 / 1024) < 1e-15,
		   "below");
	hpt_ok(!compare_ratios(1.05, 10, 0, 0).far, "less than 5 %% off");
	drift = compare_ratios(1.01, 0, 0, 0);
	hpt_ok(drift.known && drift.p_value == 1, "all equal to the median");
	drift = compare_ratios(NAN, 0, 0, 0);
	hpt_ok(!drift.known && isnan(drift.p_value) && !drift.far, "none");
}

/* ---------- verdicts ---------- */

#define NLINES 40

/* Benjamini and Hochberg, as they wrote it: the largest i with p(i) <= i q / m. */
static double
slow_cut(const hpc_drift *drifts, double q)
{
	double cut = -1;
	int m = 0;

	for (int i = 0; i < NLINES; i++)
		m += !isnan(drifts[i].p_value);
	for (int i = 0; i < NLINES; i++)
	{
		int rank = 0;

		for (int j = 0; j < NLINES; j++)
			rank += drifts[j].p_value <= drifts[i].p_value;
		if (drifts[i].p_value <= rank * q / m && drifts[i].p_value > cut)
			cut = drifts[i].p_value;
	}
	return cut;
}

static hpc_drift_verdict
slow_verdict(const hpc_drift *drift, double cut)
{
	if (drift->far)
		return drift->p_value <= cut ? HPC_DRIFT_FOUND : HPC_DRIFT_TOO_FEW;
	return drift->known ? HPC_DRIFT_STABLE : HPC_DRIFT_UNKNOWN;
}

static void
check_verdicts(void)
{
	hpt_random random = {5};
	bool passed = true;
	int nfound = 0;
	hpt_memory memory;

	hpt_memory_init(&memory, 1);
	for (int n = 0; n < 1000; n++)
	{
		hpc_drift drifts[NLINES];
		hpc_drift judged[NLINES];
		double cut;

		for (int i = 0; i < NLINES; i++)
		{
			double u = hpt_random_unit(&random);

			drifts[i] =
				(hpc_drift){.known = hpt_random_below(&random, 10) > 0,
							.far = hpt_random_below(&random, 4) > 0,
							.p_value = hpt_random_below(&random, 10) > 0
										   ? u * u * u * u
										   : NAN};
		}
		drifts[1].p_value = drifts[0].p_value;
		memcpy(judged, drifts, sizeof(drifts));
		passed &= hpc_drift_judge(&memory.env, judged, NLINES) == HPC_OK;
		cut = slow_cut(drifts, 0.05);
		for (int i = 0; i < NLINES; i++)
		{
			passed &= judged[i].verdict == slow_verdict(&drifts[i], cut);
			nfound += judged[i].verdict == HPC_DRIFT_FOUND;
		}
	}
	hpt_ok(passed && nfound > 1000, "verdicts, %d of them drift", nfound);
	hpt_ok(memory.nblocks == 0, "everything is freed");
	memory.fail_at = memory.nrequests + 1;
	hpt_ok(hpc_drift_judge(&memory.env, NULL, 0) == HPC_NO_MEMORY,
		   "no memory");
	memory.fail_at = 0;
	hpt_ok(hpc_drift_judge(&memory.env, NULL, 0) == HPC_OK, "no lines");
}

/* ---------- simulated reports ---------- */

/*
 * Tables of NUMBERS numbers, of which the odd ones are sometimes missing, and
 * of some categories with long tails.  Groups are made of the training's own
 * rows: deciles, and the most frequent categories; the others share one.
 */
#define NUMBERS 14
#define FEATURES 20
#define LAST (FEATURES - 1)
#define TRAINING 1000
#define MOST 1000
#define DECILES 10
#define OWN_GROUPS 9
#define CATEGORIES 4000
#define REPORTS 400

typedef struct shift
{
	double mean;    /* added to feature 0 */
	double missing; /* share of feature 1 that is missing, besides */
	double unseen;  /* share of the last one in a new category */
} shift;

static double training[TRAINING];
static double newer[MOST];

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* A value of a number; NaN: missing. */
static double
draw_number(hpt_random *random, int feature, const shift *by)
{
	double x = hpt_random_normal(random);
	double missing = feature % 2 == 1 ? 0.004 * feature : 0;

	if (feature == 0)
		x += by->mean;
	if (feature == 1)
		missing += by->missing;
	return hpt_random_unit(random) < missing ? NAN : x;
}

/* Rows by decile of the training, and beyond its ends. */
static void
count_numbers(hpc_drift_counts *counts, int nnow)
{
	int n = 0;

	for (int i = 0; i < TRAINING; i++)
	{
		if (!isnan(training[i]))
			training[n++] = training[i];
	}
	qsort(training, (size_t) n, sizeof(double), compare_doubles);
	counts->ngroups = DECILES + 1;
	counts->nnever = 2;
	counts->before[DECILES] = (uint64_t) (TRAINING - n);
	for (int i = 0; i < n; i++)
		counts->before[i * DECILES / n]++;
	for (int i = 0; i < nnow; i++)
	{
		int group = 0;

		if (isnan(newer[i]))
		{
			counts->now[DECILES]++;
			continue;
		}
		while (group < DECILES - 1 &&
			   newer[i] >= training[((group + 1) * n + DECILES - 1) / DECILES])
			group++;
		counts->now[group]++;
		counts->never[0] += newer[i] < training[0];
		counts->never[1] += newer[i] > training[n - 1];
	}
}

/* A category: many are rare. */
static double
draw_category(hpt_random *random, int feature, const shift *by)
{
	double u = hpt_random_unit(random);
	double power = 1 + feature - NUMBERS;

	if (feature == LAST && hpt_random_unit(random) < by->unseen)
		return CATEGORIES;
	return floor((CATEGORIES - 1) * pow(u, power * 2));
}

static void
count_categories(hpc_drift_counts *counts, int nnow)
{
	static uint64_t rows[CATEGORIES + 1];
	static int group[CATEGORIES + 1];

	memset(rows, 0, sizeof(rows));
	for (int i = 0; i < TRAINING; i++)
		rows[(int) training[i]]++;
	counts->ngroups = OWN_GROUPS + 2;
	counts->nnever = 1;
	for (int i = 0; i <= CATEGORIES; i++)
		group[i] = OWN_GROUPS;
	for (int g = 0; g < OWN_GROUPS; g++)
	{
		int most = -1;

		for (int i = 0; i <= CATEGORIES; i++)
		{
			if (group[i] == OWN_GROUPS && rows[i] > 0 &&
				(most < 0 || rows[i] > rows[most]))
				most = i;
		}
		if (most >= 0)
			group[most] = g;
	}
	for (int i = 0; i <= CATEGORIES; i++)
	{
		counts->before[group[i]] += rows[i];
		counts->singles[0] += rows[i] > 0 && group[i] == OWN_GROUPS;
	}
	for (int i = 0; i < nnow; i++)
	{
		counts->now[group[(int) newer[i]]]++;
		counts->never[0] += rows[(int) newer[i]] == 0;
	}
}

static hpc_drift
simulate_feature(hpt_random *random, int feature, int nnow, const shift *by)
{
	static const shift none = {0, 0, 0};
	bool number = feature < NUMBERS;
	hpc_drift_counts counts = {.nbefore = TRAINING, .nnow = (uint64_t) nnow};
	hpc_drift drift;

	for (int i = 0; i < TRAINING; i++)
		training[i] = number ? draw_number(random, feature, &none)
							 : draw_category(random, feature, &none);
	for (int i = 0; i < nnow; i++)
		newer[i] = number ? draw_number(random, feature, by)
						  : draw_category(random, feature, by);
	if (number)
		count_numbers(&counts, nnow);
	else
		count_categories(&counts, nnow);
	hpc_drift_compare(&counts, &drift);
	return drift;
}

/* Reports in which a feature drifts, and false alarms of the others. */
typedef struct tally
{
	int found[FEATURES];
	int false_alarms;
	int significant; /* reports in which a p-value is, whatever the size */
} tally;

static tally
simulate(int nreports, int nnow, const shift *by)
{
	hpt_random random = {(uint64_t) nnow * 3 + 1};
	hpt_memory memory;
	tally all = {{0}, 0, 0};

	hpt_memory_init(&memory, 1);
	for (int n = 0; n < nreports; n++)
	{
		hpc_drift drifts[FEATURES];
		bool alarm = false;
		bool significant = false;

		for (int i = 0; i < FEATURES; i++)
			drifts[i] = simulate_feature(&random, i, nnow, by);
		if (hpc_drift_judge(&memory.env, drifts, FEATURES) != HPC_OK)
			return all;
		for (int i = 0; i < FEATURES; i++)
		{
			bool found = drifts[i].verdict == HPC_DRIFT_FOUND;

			all.found[i] += found;
			alarm |= found && i > 1 && i != LAST;
			significant |= drifts[i].p_value <= 0.05;
		}
		all.false_alarms += alarm;
		all.significant += significant;
	}
	return all;
}

static void
check_false_alarms(int nnow)
{
	static const shift none = {0, 0, 0};
	tally all = simulate(REPORTS, nnow, &none);
	int alarms =
		all.false_alarms + all.found[0] + all.found[1] + all.found[LAST];

	hpt_ok(alarms <= REPORTS / 20,
		   "%d rows, no drift: %d of %d reports with an alarm", nnow, alarms,
		   REPORTS);
	/* 20 of 400, and three standard deviations; and not blind */
	hpt_ok(all.significant <= 33 && all.significant > 0,
		   "%d rows, no drift: %d with a small p-value", nnow,
		   all.significant);
}

static void
check_found(int nnow, double mean, double missing, double unseen)
{
	shift by = {mean, missing, unseen};
	tally all = simulate(100, nnow, &by);

	hpt_ok(all.found[0] >= 95 && all.found[1] >= 95 && all.found[LAST] >= 95,
		   "%d rows: found %d, %d, %d times of 100", nnow, all.found[0],
		   all.found[1], all.found[LAST]);
	hpt_ok(all.false_alarms <= 15, "%d with a false alarm besides",
		   all.false_alarms);
}

int
main(void)
{
	check_psi();
	check_rows();
	check_leftover();
	check_rare();
	check_never();
	check_ratios();
	check_verdicts();
	check_false_alarms(30);
	check_false_alarms(100);
	check_false_alarms(1000);
	check_found(30, 2, 0.3, 0.8);
	check_found(100, 0.9, 0.15, 0.4);
	check_found(1000, 0.45, 0.1, 0.2);
	return hpt_done();
}
