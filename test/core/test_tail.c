/*
 * test_tail.c
 *		Tails of distributions against tables, integrals and sums term by term.
 */
#include <math.h>

#include "hpc_tail.h"
#include "hpt.h"

static bool
is_near(double actual, double expected, double tolerance)
{
	if (fabs(actual - expected) <= tolerance * fabs(expected))
		return true;
	hpt_note("%.17g, not %.17g", actual, expected);
	return false;
}

static void
check_log_gamma(void)
{
	double factorial = 1;
	bool passed = true;

	for (int n = 1; n <= 20; n++)
	{
		passed &= fabs(hpc_log_gamma(n) - log(factorial)) < 4e-14;
		factorial *= n;
	}
	hpt_ok(passed, "factorials");
	passed = true;
	for (int i = 0; i < 68; i++)
	{
		double x = 0.5 * pow(1.37, i);

		passed &= fabs(hpc_log_gamma(x) - lgamma(x)) <
				  4e-14 + 4e-15 * fabs(lgamma(x));
	}
	hpt_ok(passed, "as the C library");
}

/* Abramowitz, Stegun, table 26.8, and further out by exact formulas. */
static void
check_chi_squared_table(void)
{
	static const struct
	{
		int df;
		double x;
		double p;
	} points[] = {
		{1, 3.841458820694124, 0.05},   {1, 6.634896601021213, 0.01},
		{2, 5.991464547107979, 0.05},   {5, 11.070497693516351, 0.05},
		{10, 18.307038053275146, 0.05}, {10, 29.58829844507442, 0.001},
		{11, 19.675137572682491, 0.05}, {11, 3.053484106640681, 0.99},
	};
	bool passed = true;

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		passed &= is_near(hpc_chi_squared_tail(points[i].x, points[i].df),
						  points[i].p, 1e-12);
	hpt_ok(passed, "quantiles of tables");
	hpt_ok(hpc_chi_squared_tail(0, 3) == 1 &&
			   hpc_chi_squared_tail(-1, 3) == 1 &&
			   hpc_chi_squared_tail(1e5, 3) == 0,
		   "ends");
}

/*
 * By their finite sums (Abramowitz, Stegun 26.4.4, 26.4.5), which have no
 * series or fraction to stop.
 */
static double
slow_chi_squared(double x, int df)
{
	double root = sqrt(x);
	double term;
	double sum = 0;

	if (df % 2 == 0)
	{
		term = exp(-x / 2);
		for (int i = 0; i < df / 2; i++)
		{
			sum += term;
			term *= x / (2 * (i + 1));
		}
		return sum;
	}
	term = root * exp(-x / 2) * sqrt(2 / M_PI);
	for (int i = 1; i < df; i += 2)
	{
		sum += term;
		term *= x / (i + 2);
	}
	return erfc(root / sqrt(2)) + sum;
}

static void
check_chi_squared(void)
{
	bool passed = true;

	for (int df = 1; df <= 40; df++)
	{
		for (int i = 0; i < 62; i++)
		{
			double x = 0.01 * pow(1.21, i);

			passed &= is_near(hpc_chi_squared_tail(x, df),
							  slow_chi_squared(x, df), 1e-12);
		}
	}
	hpt_ok(passed, "chi-squared by finite sums");
}

/* P(X = k) as a product of fractions, in pairs that stay near 1. */
static double
slow_urn(const hpc_urn *urn, uint64_t k)
{
	double n = (double) (urn->nhere + urn->nthere);
	double marked = (double) urn->nmarked;
	double here = (double) urn->nhere;

	return exp(lgamma(marked + 1) - lgamma((double) k + 1) -
			   lgamma(marked - (double) k + 1) + lgamma(n - marked + 1) -
			   lgamma(here - (double) k + 1) -
			   lgamma(n - marked - here + (double) k + 1) - lgamma(n + 1) +
			   lgamma(here + 1) + lgamma(n - here + 1));
}

static bool
urn_is_right(const hpc_urn *urn)
{
	uint64_t unmarked = urn->nhere + urn->nthere - urn->nmarked;
	uint64_t low = urn->nhere > unmarked ? urn->nhere - unmarked : 0;
	uint64_t high = urn->nhere < urn->nmarked ? urn->nhere : urn->nmarked;
	double below = 0;
	bool passed = true;

	for (uint64_t k = low; k <= high; k++)
	{
		double above = 0;

		for (uint64_t i = high; i > k; i--)
			above += slow_urn(urn, i);
		above += slow_urn(urn, k);
		below += slow_urn(urn, k);
		passed &= is_near(hpc_urn_at_least(urn, k), above, 1e-10);
		passed &= is_near(hpc_urn_at_most(urn, k), below, 1e-10);
	}
	passed &= hpc_urn_at_least(urn, high + 1) == 0;
	return passed;
}

static void
check_urns(void)
{
	hpt_random random = {7};
	hpc_urn tea = {4, 4, 4};
	hpc_urn vast = {1000, UINT64_C(1000000000), 3};
	bool passed = true;

	for (int i = 0; i < 300; i++)
	{
		hpc_urn urn = {hpt_random_below(&random, 60) + 1,
					   hpt_random_below(&random, 400), 0};

		urn.nmarked = hpt_random_below(&random, urn.nhere + urn.nthere + 1);
		passed &= urn_is_right(&urn);
	}
	hpt_ok(passed, "urns, term by term");
	/* Fisher's lady tasting tea: 1/70, 17/70 */
	hpt_ok(is_near(hpc_urn_at_least(&tea, 4), 1.0 / 70, 1e-13) &&
			   is_near(hpc_urn_at_least(&tea, 3), 17.0 / 70, 1e-13),
		   "the lady tasting tea");
	hpt_ok(is_near(hpc_urn_at_least(&vast, 3), 1e3 * 999 * 998 / 1e27, 1e-5),
		   "a billion rows");
}

/* P(X = k) by Polya's urn, one value after the other. */
static double
slow_above(int n, double half, int k)
{
	double p = 1;

	for (int i = 0; i < k; i++)
		p *= (half + i) / (2 * half + i) * (n - i) / (i + 1);
	for (int i = 0; i < n - k; i++)
		p *= (half + i) / (2 * half + k + i);
	return p;
}

static bool
above_is_right(uint64_t n, uint64_t nbefore)
{
	hpc_above above = {n, nbefore};
	double half = nbefore > 0 ? ((double) nbefore + 1) / 2 : 1e13;
	double below = 0;
	bool passed = true;

	for (uint64_t k = 0; k <= n; k++)
	{
		below += slow_above((int) n, half, (int) k);
		passed &= is_near(hpc_above_at_most(&above, k), below, 1e-9);
		passed &= is_near(hpc_above_at_least(&above, n - k), below, 1e-9);
	}
	return passed;
}

static void
check_above(void)
{
	hpc_above coins = {10, 0};
	hpc_above many = {1000000, 0};
	bool passed = true;

	for (uint64_t n = 1; n < 80; n += 13)
	{
		passed &= above_is_right(n, 0);
		passed &= above_is_right(n, 1);
		passed &= above_is_right(n, 30);
		passed &= above_is_right(n, 999);
	}
	hpt_ok(passed, "counts above a median, one by one");
	hpt_ok(is_near(hpc_above_at_least(&coins, 9), 11.0 / 1024, 1e-13) &&
			   hpc_above_at_least(&coins, 0) == 1 &&
			   hpc_above_at_most(&coins, 10) == 1,
		   "coins");
	/* three standard deviations, with the correction for continuity */
	hpt_ok(is_near(hpc_above_at_least(&many, 501500),
				   erfc(1499.5 / 500 / sqrt(2)) / 2, 1e-3),
		   "a million coins");
}

int
main(void)
{
	check_log_gamma();
	check_chi_squared_table();
	check_chi_squared();
	check_urns();
	check_above();
	return hpt_done();
}
