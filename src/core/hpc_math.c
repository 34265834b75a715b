/*
 * hpc_math.c
 *		exp, log and log1p that give the same bits on every machine.
 *
 * A C library may compute these differently on each CPU (with fused
 * multiply-add or without, by another table), and a metric or a model would
 * depend on where it was computed.  Here each is one fixed sequence of IEEE
 * additions, multiplications and divisions of doubles.  The compiler must
 * neither contract nor reorder them (-ffp-contract=off, no fast-math).
 *
 * Each function reduces its argument to a short interval about 0, where the
 * Taylor series, cut below 1/16 ulp, is all that is needed:
 *
 *		exp(x) = 2^k exp(r)		r = x - k ln 2,   |r| <= ln 2 / 2
 *		log(x) = k ln 2 + log(m)	x = 2^k m,    sqrt(1/2) <= m < sqrt(2)
 *
 * ln 2 is kept as a sum of two doubles, of which the first has so many zeros
 * at its end that its product with any k that occurs is exact.
 *
 * The error is below 1 ulp (tested against wider arithmetic, promised: 2 ulp),
 * also where results are denormal.  A NaN comes out as one fixed NaN.
 *
 * Literature: Muller, "Elementary Functions" (3rd ed. 2016), chapters 3 and
 * 11; Ng in Sun's fdlibm (1993) for the form of the sum in log_near_1.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "hpc.h"

_Static_assert(FLT_EVAL_METHOD == 0, "doubles must be computed as doubles");

/* ln 2 to 32 bits, and the rest of it */
static const double ln2_high = 0x1.62e42feep-1;
static const double ln2_low = 0x1.a39ef35793c76p-33;

static inline double
the_nan(void)
{
	uint64_t bits = UINT64_C(0x7ff8000000000000);
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* 2^k for -1022 <= k <= 1023 */
static inline double
power_of_2(int k)
{
	uint64_t bits = (uint64_t) (k + 1023) << 52;
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* x * 2^k, rounded once, for x near 1 and k as exp needs them */
static double
scale(double x, int k)
{
	if (k > 1023)
		return x * power_of_2(1023) * 2;
	if (k >= -1021)
		return x * power_of_2(k);
	return x * power_of_2(k + 100) * power_of_2(-100);
}

/*
 * exp(r) - 1 - r for |r| <= 0.35.  The first term left out, r^14 / 14!, is
 * below 2^-57 of exp(r).
 */
static double
exp_tail(double r)
{
	/* 1/2!, 1/3!, ... 1/13! */
	static const double coefficient[12] = {
		1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
		1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
		1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0,
	};
	double p = coefficient[11];
	int i;

	for (i = 10; i >= 0; i--)
		p = coefficient[i] + r * p;
	return r * r * p;
}

double
hpc_exp(double x)
{
	double k;
	double high;
	double low;
	double r;

	if (x != x)
		return the_nan();
	if (x > 709.79)
		return INFINITY; /* also past the largest double */
	if (x < -745.14)
		return 0; /* below half the smallest denormal */
	k = floor(x * 1.4426950408889634 + 0.5);
	high = x - k * ln2_high;
	low = k * ln2_low;
	r = high - low;

	/* what rounding r lost counts in the first order only */
	return scale(1 + (high + (exp_tail(r) - low)), (int) k);
}

/*
 * x = 2^k m with sqrt(1/2) <= m < sqrt(2), for finite x > 0.
 */
static double
split_power(double x, int *k)
{
	uint64_t bits;
	double m;

	*k = 0;
	if (x < DBL_MIN)
	{
		x *= 0x1p54;
		*k = -54;
	}
	memcpy(&bits, &x, sizeof(bits));
	*k += (int) (bits >> 52) - 1023;
	bits = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1023) << 52;
	memcpy(&m, &bits, sizeof(m));
	if (m >= 1.4142135623730951)
	{
		m /= 2;
		(*k)++;
	}
	return m;
}

/*
 * k ln 2 + log(1 + f) + c, where c is small beside the rest.
 *
 * With s = f / (2 + f), log(1 + f) = 2 atanh(s) = 2 s + s R, where R is the
 * series below in s^2; and 2 s = f - s f = f - (h - s h) with h = f^2 / 2.
 * So log(1 + f) = f - (h - s (h + R)), where f, the largest term, is exact.
 * The first term of R left out is below 2^-59 of the result.
 */
static double
log_near_1(double f, int k, double c)
{
	/* 2/3, 2/5, ... 2/21 */
	static const double coefficient[10] = {
		2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11,
		2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21,
	};
	double s = f / (2 + f);
	double z = s * s;
	double h = 0.5 * f * f;
	double r = coefficient[9];
	int i;

	for (i = 8; i >= 0; i--)
		r = coefficient[i] + z * r;
	r *= z;
	return k * ln2_high + (f - (h - (s * (h + r) + (k * ln2_low + c))));
}

double
hpc_log(double x)
{
	double m;
	int k;

	if (x != x || x < 0)
		return the_nan();
	if (x == 0)
		return -INFINITY;
	if (x > DBL_MAX)
		return x;
	m = split_power(x, &k);
	return log_near_1(m - 1, k, 0);
}

double
hpc_log1p(double x)
{
	double u;
	double m;
	double lost;
	int k;

	if (x != x || x < -1)
		return the_nan();
	if (x == -1)
		return -INFINITY;
	if (x > DBL_MAX || fabs(x) < 0x1p-54)
		return x; /* -0 too */
	if (x > -0.29 && x < 0.41)
		return log_near_1(x, 0, 0);

	/* log(u + lost) = log(u) + lost / u, lost being below half an ulp of u */
	u = 1 + x;
	lost = x >= 1 ? 1 - (u - x) : x - (u - 1);
	m = split_power(u, &k);
	return log_near_1(m - 1, k, lost / u);
}
