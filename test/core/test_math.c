/*
 * test_math.c
 *		hpc_exp, hpc_log, hpc_log1p against the C library's long double
 *		versions, at random points, at the edges, and bit by bit at points
 *		kept from a run (the same on every machine).
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "hpt.h"

typedef double (*function)(double);
typedef long double (*wide_function)(long double);

/* Distance of actual from exact in units of the last place of the result. */
static double
error_in_ulp(double actual, long double exact)
{
	double nearest = (double) exact;
	double ulp = nextafter(fabs(nearest), INFINITY) - fabs(nearest);

	if (isinf(nearest) || isinf(actual))
		return actual == nearest ? 0 : INFINITY;
	return (double) (fabsl(actual - exact) / ulp);
}

/* Largest error over n points, drawn uniformly or by exponent. */
static void
check_range(const char *name, function f, wide_function wide, double low,
			double high, bool by_exponent)
{
	hpt_random random = {20240131};
	double worst = 0;
	double worst_at = 0;
	int i;

	for (i = 0; i < 100000; i++)
	{
		double u = hpt_random_unit(&random);
		double x =
			by_exponent ? low * pow(high / low, u) : low + (high - low) * u;
		double error = error_in_ulp(f(x), wide(x));

		if (!(error <= worst))
		{
			worst = error;
			worst_at = x;
		}
	}
	if (!hpt_ok(worst < 1, "%s on [%g, %g]%s: error below 1 ulp", name, low,
				high, by_exponent ? " by exponent" : ""))
		hpt_note("%g ulp at %a", worst, worst_at);
}

static void
check_accuracy(void)
{
	check_range("exp", hpc_exp, expl, -745, 709.7, false);
	check_range("exp", hpc_exp, expl, -1, 1, false);
	check_range("exp", hpc_exp, expl, -745.2, -707, false);
	check_range("exp", hpc_exp, expl, 1e-300, 1, true);
	check_range("exp", hpc_exp, expl, -1e-300, -1, true);
	check_range("log", hpc_log, logl, 5e-324, 1e-300, true);
	check_range("log", hpc_log, logl, 1e-300, 1e300, true);
	check_range("log", hpc_log, logl, 0.5, 2, false);
	check_range("log", hpc_log, logl, 0.999, 1.001, false);
	check_range("log1p", hpc_log1p, log1pl, 1e-320, 1e300, true);
	check_range("log1p", hpc_log1p, log1pl, -1e-300, -0.9999999999, true);
	check_range("log1p", hpc_log1p, log1pl, -0.999999, 1, false);
	check_range("log1p", hpc_log1p, log1pl, 0.3, 4, false);
	check_range("log1p", hpc_log1p, log1pl, 1e3, 1e6, false);
}

/* Neighbours of the points where the code changes its way. */
static void
check_seams(void)
{
	static const double log_at[] = {
		0.70710678118654752, 1,       2,      4, 0.5, 1.4142135623730951,
		2.8284271247461903,  DBL_MIN, DBL_MAX};
	static const double log1p_at[] = {-0.29,   0.41,     -0.5,    1,
									  3,       0x1p52,   0x1p53,  0x1p54,
									  0x1p-54, -0x1p-54, DBL_MIN, DBL_MAX,
									  -1};
	static const double exp_at[] = {0,
									0.34657359027997264,
									709.78271289338397,
									-708.39641853226408,
									-707.7,
									-709.1,
									-745.13321910194122,
									1.0397207708};
	double worst = 0;
	size_t i;
	int step;

#define WORST(at, f, wide)                                               \
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++)                     \
	{                                                                    \
		double x = at[i];                                                \
		for (step = 0; step < 20; step++)                                \
			x = nextafter(x, -INFINITY);                                 \
		for (step = 0; step < 40; step++, x = nextafter(x, INFINITY))    \
		{                                                                \
			double error = isnan(wide(x)) ? (isnan(f(x)) ? 0 : 9)        \
										  : error_in_ulp(f(x), wide(x)); \
			if (!(error <= worst))                                       \
				worst = error;                                           \
		}                                                                \
	}

	WORST(log_at, hpc_log, logl);
	WORST(log1p_at, hpc_log1p, log1pl);
	WORST(exp_at, hpc_exp, expl);
	if (!hpt_ok(worst < 1, "error below 1 ulp at the seams"))
		hpt_note("%g ulp", worst);
}

static void
check_special_cases(void)
{
	double nan_bits;
	uint64_t bits = UINT64_C(0x7ff8000000000000);

	memcpy(&nan_bits, &bits, sizeof(bits));
	hpt_same_bits(hpc_exp(0), 1, "exp(0)");
	hpt_same_bits(hpc_exp(-0.0), 1, "exp(-0)");
	hpt_same_bits(hpc_exp(INFINITY), INFINITY, "exp(inf)");
	hpt_same_bits(hpc_exp(-INFINITY), 0, "exp(-inf)");
	hpt_same_bits(hpc_exp(710), INFINITY, "exp overflows");
	hpt_same_bits(hpc_exp(-746), 0, "exp underflows");
	hpt_same_bits(hpc_exp(-745.13321910194110), 5e-324,
				  "exp reaches the smallest denormal");
	hpt_same_bits(hpc_exp(-NAN), nan_bits, "exp(NaN)");
	hpt_same_bits(hpc_log(1), 0, "log(1)");
	hpt_same_bits(hpc_log(0), -INFINITY, "log(0)");
	hpt_same_bits(hpc_log(-0.0), -INFINITY, "log(-0)");
	hpt_same_bits(hpc_log(-1), nan_bits, "log(-1)");
	hpt_same_bits(hpc_log(INFINITY), INFINITY, "log(inf)");
	hpt_same_bits(hpc_log(-INFINITY), nan_bits, "log(-inf)");
	hpt_same_bits(hpc_log(-NAN), nan_bits, "log(NaN)");
	hpt_same_bits(hpc_log1p(0), 0, "log1p(0)");
	hpt_same_bits(hpc_log1p(-0.0), -0.0, "log1p(-0)");
	hpt_same_bits(hpc_log1p(-1), -INFINITY, "log1p(-1)");
	hpt_same_bits(hpc_log1p(-1.5), nan_bits, "log1p below -1");
	hpt_same_bits(hpc_log1p(INFINITY), INFINITY, "log1p(inf)");
	hpt_same_bits(hpc_log1p(-INFINITY), nan_bits, "log1p(-inf)");
	hpt_same_bits(hpc_log1p(-NAN), nan_bits, "log1p(NaN)");
	hpt_same_bits(hpc_log1p(5e-324), 5e-324, "log1p of a denormal");
}

/* Results of a run, digested: another machine must give the same bits. */
static void
check_bits(const char *name, function f, double low, double high,
		   const char *expected)
{
	hpt_random random = {7};
	hpc_sha256 sha;
	hpc_digest digest;
	char hex[33];
	int i;

	hpc_sha256_begin(&sha);
	for (i = 0; i < 10000; i++)
	{
		double y = f(low + (high - low) * hpt_random_unit(&random));
		uint64_t bits;
		uint8_t bytes[8];
		int b;

		memcpy(&bits, &y, sizeof(bits));
		for (b = 0; b < 8; b++)
			bytes[b] = (uint8_t) (bits >> (8 * b));
		hpc_sha256_add(&sha, bytes, sizeof(bytes));
	}
	digest = hpc_sha256_end(&sha);
	hpc_digest_to_hex(&digest, hex);
	hpt_is_string(hex, expected, name);
}

int
main(void)
{
	check_accuracy();
	check_seams();
	check_special_cases();
	check_bits("exp gives the recorded bits", hpc_exp, -50, 50,
			   "a90b81f5b500deef5d0ff3070a016f2f");
	check_bits("log gives the recorded bits", hpc_log, 0, 1000,
			   "7956120f8b1a0d76a73cb5cbae3e9215");
	check_bits("log1p gives the recorded bits", hpc_log1p, -1, 10,
			   "637c552f38b87f8d1dc1dc75f9c6d937");
	return hpt_done();
}
