/*
 * hpc_tail.c
 *		Tails of distributions, for tests of significance.
 *
 * As fixed sequences of IEEE operations over hpc_exp and hpc_log: a verdict
 * must not depend on the machine.
 *
 * Chi-squared: the regularised incomplete gamma function, by its series below
 * the bend of the distribution and by a continued fraction beyond.  Relative
 * error below 1e-13 where the result is above 1e-300 (tested).
 *
 * Counts: the probability of one count from logarithms of gamma functions, its
 * neighbours by their ratios, and their sum from the count outwards until
 * nothing is added any more, on the side where that is the smaller one.
 * Logarithms of gamma functions of n are known to about n log n * 1e-16, so the
 * relative error is below 1e-12 for thousands of rows, and 1e-5 for a billion.
 * Cost: some standard deviations of the count, a few nanoseconds each.
 *
 * The count above a median: where the nbefore others are fixed, a value lies
 * above their median with a probability that has a beta distribution of
 * (nbefore + 1) / 2 twice, and the count is beta-binomial; binomial where the
 * median itself is known.
 *
 * Literature: Abramowitz, Stegun, "Handbook of Mathematical Functions" (1964),
 * 6.1.41, 6.5.29, 6.5.31; Lentz, "Generating Bessel functions" (1976) for the
 * continued fraction; Mathisen, "A method of testing the hypothesis that two
 * samples are from the same population" (1943) for the count above a median.
 */
#include <float.h>
#include <math.h>

#include "hpc_tail.h"

/* ---------- the gamma function ---------- */

/* From here on Stirling's series is exact to the last bits. */
#define STIRLING_FROM 16

double
hpc_log_gamma(double x)
{
	static const double half_log_2_pi = 0.91893853320467274178;
	double product = 1;
	double inverse;
	double square;
	double series;

	if (!(x > 0))
		return NAN;
	while (x < STIRLING_FROM)
		product *= x++;
	inverse = 1 / x;
	square = inverse * inverse;
	series =
		inverse *
		(1.0 / 12 -
		 square *
			 (1.0 / 360 -
			  square * (1.0 / 1260 - square * (1.0 / 1680 - square / 1188))));
	return (x - 0.5) * hpc_log(x) - x + half_log_2_pi + series -
		   hpc_log(product);
}

/* ---------- chi-squared ---------- */

#define MOST_TERMS 100000

/* The lower incomplete gamma function by y^a exp(-y) / Gamma(a + 1). */
static double
gamma_series(double a, double y)
{
	double term = 1;
	double sum = 1;

	for (int i = 1; i < MOST_TERMS && term > sum * DBL_EPSILON / 8; i++)
	{
		term *= y / (a + i);
		sum += term;
	}
	return sum;
}

/* The upper one by y^a exp(-y) / Gamma(a). */
static double
gamma_fraction(double a, double y)
{
	double b = y + 1 - a;
	double c = 1 / DBL_MIN;
	double d = 1 / b;
	double fraction = d;

	for (int i = 1; i < MOST_TERMS; i++)
	{
		double numerator = -i * (i - a);
		double step;

		b += 2;
		d = 1 / (numerator * d + b);
		c = b + numerator / c;
		step = c * d;
		fraction *= step;
		if (fabs(step - 1) < 2 * DBL_EPSILON)
			break;
	}
	return fraction;
}

double
hpc_chi_squared_tail(double x, int df)
{
	double a = 0.5 * df;
	double y = 0.5 * x;
	double scale;

	if (!(y > 0))
		return 1;
	scale = a * hpc_log(y) - y - hpc_log_gamma(a);
	if (y < a + 1)
		return 1 - hpc_exp(scale) / a * gamma_series(a, y);
	return hpc_exp(scale) * gamma_fraction(a, y);
}

/* ---------- counts ---------- */

/* A distribution of counts low .. high, with one peak. */
typedef struct count_law
{
	double low;
	double high;
	double middle; /* the mean */
	double (*log_probability)(const struct count_law *law, double k);

	/* the probability of k + 1 by that of k */
	double (*ratio)(const struct count_law *law, double k);
	double n;
	double a;
	double b;
} count_law;

/* The sum of the probabilities of k and of all counts further out. */
static double
sum_outwards(const count_law *law, double k, bool up)
{
	double term = hpc_exp(law->log_probability(law, k));
	double sum = term;

	while (up ? k < law->high : k > law->low)
	{
		if (up)
			term *= law->ratio(law, k++);
		else
			term /= law->ratio(law, --k);
		if (term <= sum * DBL_EPSILON / 64)
			break;
		sum += term;
	}
	return sum < 1 ? sum : 1;
}

static double
at_least(const count_law *law, double k)
{
	if (k <= law->low)
		return 1;
	if (k > law->high)
		return 0;
	return k > law->middle ? sum_outwards(law, k, true)
						   : 1 - sum_outwards(law, k - 1, false);
}

static double
at_most(const count_law *law, double k)
{
	if (k >= law->high)
		return 1;
	if (k < law->low)
		return 0;
	return k < law->middle ? sum_outwards(law, k, false)
						   : 1 - sum_outwards(law, k + 1, true);
}

static double
log_choose(double n, double k)
{
	return hpc_log_gamma(n + 1) - hpc_log_gamma(k + 1) -
		   hpc_log_gamma(n - k + 1);
}

/* n drawn, a marked balls, b others */
static double
urn_log_probability(const count_law *law, double k)
{
	return log_choose(law->a, k) + log_choose(law->b, law->n - k) -
		   log_choose(law->a + law->b, law->n);
}

static double
urn_ratio(const count_law *law, double k)
{
	return (law->a - k) / (k + 1) * (law->n - k) / (law->b - law->n + k + 1);
}

static count_law
urn_law(const hpc_urn *urn)
{
	count_law law = {.n = (double) urn->nhere, .a = (double) urn->nmarked};
	double all = law.n + (double) urn->nthere;

	law.b = all - law.a;
	law.low = fmax(0, law.n - law.b);
	law.high = fmin(law.n, law.a);
	law.middle = all > 0 ? law.n * (law.a / all) : 0;
	law.log_probability = urn_log_probability;
	law.ratio = urn_ratio;
	return law;
}

double
hpc_urn_at_least(const hpc_urn *urn, uint64_t k)
{
	count_law law = urn_law(urn);

	return at_least(&law, (double) k);
}

double
hpc_urn_at_most(const hpc_urn *urn, uint64_t k)
{
	count_law law = urn_law(urn);

	return at_most(&law, (double) k);
}

/* n values, each above with a probability that is beta(a, a) */
static double
above_log_probability(const count_law *law, double k)
{
	double a = law->a;

	return log_choose(law->n, k) + hpc_log_gamma(k + a) +
		   hpc_log_gamma(law->n - k + a) - hpc_log_gamma(law->n + 2 * a) -
		   2 * hpc_log_gamma(a) + hpc_log_gamma(2 * a);
}

static double
above_ratio(const count_law *law, double k)
{
	return (law->n - k) / (k + 1) * (k + law->a) / (law->n - k - 1 + law->a);
}

/* the same with a probability of 1/2 */
static double
half_log_probability(const count_law *law, double k)
{
	static const double log_2 = 0.69314718055994530942;

	return log_choose(law->n, k) - law->n * log_2;
}

static double
half_ratio(const count_law *law, double k)
{
	return (law->n - k) / (k + 1);
}

static count_law
above_law(const hpc_above *above)
{
	count_law law = {.n = (double) above->n, .high = (double) above->n};

	law.middle = law.n / 2;
	law.a = ((double) above->nbefore + 1) / 2;
	law.log_probability =
		above->nbefore > 0 ? above_log_probability : half_log_probability;
	law.ratio = above->nbefore > 0 ? above_ratio : half_ratio;
	return law;
}

double
hpc_above_at_least(const hpc_above *above, uint64_t k)
{
	count_law law = above_law(above);

	return at_least(&law, (double) k);
}

double
hpc_above_at_most(const hpc_above *above, uint64_t k)
{
	count_law law = above_law(above);

	return at_most(&law, (double) k);
}
