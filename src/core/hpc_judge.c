/*
 * hpc_judge.c
 *		Do newer rows differ from those of the training, and by more than
 *		chance?
 *
 * How much: the population stability index, the sum over groups of
 * (q - p) ln(q / p), p and q being the shares of a group before and now.  So
 * that an empty group is not infinitely far off, each group gets half a row
 * more on both sides (Krichevsky and Trofimov); a group that is empty on both
 * sides counts for nothing.  Above 0.1 by custom is worth a look, above 0.25
 * much.  An index over G groups of n rows is about (G - 1) / n by chance alone:
 * 0.3 of 30 rows.  Hence it takes both, size and significance.
 *
 * Significance: a chi-squared test of both samples, in which neighbouring
 * groups are put together until each has 5 rows to be expected on both sides.
 * What is rare would be lost in that, so each group of which fewer rows are to
 * be expected is also tested by itself, exactly (Fisher), and so is what
 * training never had: values below its least, above its greatest, categories
 * that it did not know.  Half of the chance of a false alarm goes to the
 * chi-squared test and half to all exact ones together (Bonferroni).
 *
 * Never seen: where x of n rows lie above all N of the training, the pooled
 * x greatest are all new, with chance (n over x) / (n + N over x).  Categories
 * are less simple: where training has many that it saw once, the next row is a
 * new one as often as the last one was (Good and Turing).  So the categories
 * that may have been single count as if they, too, were unseen.
 *
 * Ratios: how many lie above the median of the rows held out, whose own number
 * limits what can be said.
 *
 * A report asks many questions, so p-values are adjusted (Benjamini and
 * Hochberg): of the drifts that reports find, 5 % at most are false.
 *
 * Literature: Siddiqi, "Credit Risk Scorecards" (2006), chapter 9 for the index
 * and its limits; Krichevsky, Trofimov, "The performance of universal
 * encoding" (1981); Cochran, "Some methods for strengthening the common
 * chi-squared tests" (1954); Fisher, "Statistical Methods for Research
 * Workers" (5th ed. 1934), section 21.02; Good, "The population frequencies of
 * species" (1953); Benjamini, Hochberg, "Controlling the false discovery rate"
 * (1995).
 */
#include <math.h>

#include "hpc_memory.h"
#include "hpc_sort.h"
#include "hpc_tail.h"

#define SIGNIFICANCE 0.05
/* an index beyond HPC_DRIFT_FAR_PSI matters, */
#define FAR_NEVER 0.05 /* so does this share of rows unlike all of training, */
#define FAR_RATIO 0.05 /* and a median ratio that is off by this share */
#define LEAST_EXPECTED 5
#define MORE_ROWS 0.5 /* in each group, for the index */

/* ---------- the index ---------- */

/* Groups that have rows. */
static int
groups_in_use(const hpc_drift_counts *counts)
{
	int n = 0;

	for (int i = 0; i < counts->ngroups; i++)
		n += counts->before[i] > 0 || counts->now[i] > 0;
	return n;
}

static void
find_psi(const hpc_drift_counts *counts, hpc_drift *drift)
{
	double more = MORE_ROWS * groups_in_use(counts);
	double most = 0;

	drift->psi = 0;
	for (int i = 0; i < counts->ngroups; i++)
	{
		double p;
		double q;
		double term;

		if (counts->before[i] == 0 && counts->now[i] == 0)
			continue;
		p = ((double) counts->before[i] + MORE_ROWS) /
			((double) counts->nbefore + more);
		q = ((double) counts->now[i] + MORE_ROWS) /
			((double) counts->nnow + more);
		term = (q - p) * hpc_log(q / p);
		drift->psi += term;
		if (q > p && term > most)
		{
			most = term;
			drift->most = i;
		}
	}
}

/* ---------- significance ---------- */

/* Rows of both samples that are put together. */
typedef struct cell
{
	double before;
	double now;
} cell;

/*
 * Rows that are to be expected of a group of so many in both samples, in the
 * smaller sample.
 */
static double
expected(const hpc_drift_counts *counts, double nrows)
{
	double before = (double) counts->nbefore;
	double now = (double) counts->nnow;

	return nrows * fmin(before, now) / (before + now);
}

/* What is too few for a cell of its own joins the last one, if there is one. */
static void
join_last(cell *cells, int n, cell *open)
{
	if (n == 0)
		return;
	cells[n - 1].before += open->before;
	cells[n - 1].now += open->now;
	*open = (cell){0, 0};
}

/*
 * The groups as cells of enough rows: neighbours together, the missing ones
 * alone where they are enough.  Answers the number of cells.
 */
static int
make_cells(const hpc_drift_counts *counts, cell *cells)
{
	cell open = {0, 0};
	int n = 0;

	for (int i = 0; i < counts->ngroups; i++)
	{
		bool missing = i == counts->ngroups - 1;
		double before = (double) counts->before[i];
		double now = (double) counts->now[i];
		bool alone =
			missing && expected(counts, before + now) >= LEAST_EXPECTED;

		if (alone)
		{
			join_last(cells, n, &open);
			cells[n++] = (cell){before, now};
			continue;
		}
		open.before += before;
		open.now += now;
		if (expected(counts, open.before + open.now) < LEAST_EXPECTED)
			continue;
		cells[n++] = open;
		open = (cell){0, 0};
	}
	join_last(cells, n, &open);
	return n;
}

/* The chi-squared test of two samples; NaN: there are no two cells. */
static double
test_cells(const hpc_drift_counts *counts)
{
	double scale = sqrt((double) counts->nbefore / (double) counts->nnow);
	cell cells[HPC_DRIFT_GROUPS];
	int n = make_cells(counts, cells);
	double sum = 0;

	if (n < 2)
		return NAN;
	for (int i = 0; i < n; i++)
	{
		double off = scale * cells[i].now - cells[i].before / scale;

		sum += off * off / (cells[i].now + cells[i].before);
	}
	return hpc_chi_squared_tail(sum, n - 1);
}

/* Of exact tests the least p-value, and how many there are. */
typedef struct exact_tests
{
	int n;
	double least;
} exact_tests;

static void
add_test(exact_tests *tests, double p_value)
{
	tests->n++;
	tests->least = fmin(tests->least, p_value);
}

static void
test_rare_groups(const hpc_drift_counts *counts, exact_tests *tests)
{
	for (int i = 0; i < counts->ngroups; i++)
	{
		uint64_t n = counts->before[i] + counts->now[i];
		hpc_urn urn = {counts->nnow, counts->nbefore, n};
		double more;
		double fewer;

		if (n == 0 || expected(counts, (double) n) >= LEAST_EXPECTED)
			continue;
		more = hpc_urn_at_least(&urn, counts->now[i]);
		fewer = hpc_urn_at_most(&urn, counts->now[i]);
		add_test(tests, 2 * fmin(more, fewer));
	}
}

static void
test_never_seen(const hpc_drift_counts *counts, exact_tests *tests)
{
	for (int i = 0; i < counts->nnever; i++)
	{
		uint64_t singles = counts->singles[i] < counts->nbefore
							   ? counts->singles[i]
							   : counts->nbefore;
		hpc_urn urn = {counts->nnow, counts->nbefore,
					   singles + counts->never[i]};

		add_test(tests, hpc_urn_at_least(&urn, counts->never[i]));
	}
}

/* Shares the chance of a false alarm between all tests. */
static double
p_value_of(const hpc_drift_counts *counts)
{
	exact_tests exact = {0, 1};
	double cells = counts->ngroups > 0 ? test_cells(counts) : NAN;

	test_rare_groups(counts, &exact);
	test_never_seen(counts, &exact);
	if (exact.n == 0)
		return cells;
	if (isnan(cells))
		return fmin(1, exact.n * exact.least);
	return fmin(1, 2 * fmin(cells, exact.n * exact.least));
}

static const hpc_drift nothing_known = {.psi = NAN,
										.p_value = NAN,
										.most = -1};

/* Does the share of rows unlike all of the training matter? */
static bool
never_matters(const hpc_drift_counts *counts)
{
	uint64_t n = 0;

	for (int i = 0; i < counts->nnever; i++)
		n += counts->never[i];
	return (double) n > FAR_NEVER * (double) counts->nnow;
}

void
hpc_drift_compare(const hpc_drift_counts *counts, hpc_drift *drift)
{
	*drift = nothing_known;
	if (counts->nnow == 0 || counts->nbefore == 0)
		return;
	drift->known = counts->ngroups > 0;
	if (drift->known)
		find_psi(counts, drift);
	drift->p_value = p_value_of(counts);
	drift->far = drift->psi > HPC_DRIFT_FAR_PSI || never_matters(counts);
}

void
hpc_drift_compare_ratios(const hpc_drift_ratios *ratios, hpc_drift *drift)
{
	hpc_above above = {ratios->nabove + ratios->nbelow, ratios->nbefore};

	*drift = nothing_known;
	if (isnan(ratios->now))
		return;
	drift->known = true;
	drift->p_value =
		fmin(1, 2 * fmin(hpc_above_at_least(&above, ratios->nabove),
						 hpc_above_at_most(&above, ratios->nabove)));
	drift->far =
		fabs(ratios->now - ratios->before) > FAR_RATIO * fabs(ratios->before);
}

/* ---------- verdicts ---------- */

/*
 * Adjusts the p-values of drifts, given in rising order: to the least rate of
 * false discoveries at which they would be discoveries.
 */
static void
adjust(hpc_drift *drifts, const hpc_pair *order, uint32_t n)
{
	double least = 1;

	for (uint32_t rank = n; rank > 0; rank--)
	{
		hpc_drift *drift = &drifts[order[rank - 1].row];

		least = fmin(least, drift->p_value * n / rank);
		drift->p_value = least;
	}
}

static hpc_drift_verdict
verdict_of(const hpc_drift *drift)
{
	if (drift->far)
		return drift->p_value <= SIGNIFICANCE ? HPC_DRIFT_FOUND
											  : HPC_DRIFT_TOO_FEW;
	return drift->known ? HPC_DRIFT_STABLE : HPC_DRIFT_UNKNOWN;
}

hpc_status
hpc_drift_judge(hpc_env *env, hpc_drift *drifts, int n)
{
	hpc_pair *order = hpc_alloc(env, (size_t) n, 2 * sizeof(hpc_pair));
	bool sorted;
	uint32_t m = 0;

	if (order == NULL)
		return HPC_NO_MEMORY;
	for (int i = 0; i < n; i++)
	{
		if (!isnan(drifts[i].p_value))
			order[m++] =
				(hpc_pair){hpc_sortable(drifts[i].p_value), (uint32_t) i};
	}
	sorted = hpc_sort_pairs(env, m, order, order + n);
	if (sorted)
		adjust(drifts, order, m);
	hpc_free(env, order);
	if (!sorted)
		return HPC_CANCELLED;
	for (int i = 0; i < n; i++)
		drifts[i].verdict = verdict_of(&drifts[i]);
	return HPC_OK;
}
