/*
 * test_sum.c
 *		Exact sums against a slow twin, long integers added bit by bit, and
 *		the cases that break sums in floating point.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "hpt.h"

/* ---------- the slow twin ---------- */

/*
 * A two's complement integer in units of 2^-TWIN_POINT, one byte a digit,
 * low digit first.  Wide enough for products of any two doubles.
 */
#define TWIN_POINT 2200
#define TWIN_DIGITS 560

typedef struct twin
{
	uint8_t digit[TWIN_DIGITS];
} twin;

/* Adds value * 2^exponent. */
static void
twin_add_integer(twin *t, uint64_t value, int exponent, bool negative)
{
	int bit;

	for (bit = 0; bit < 64; bit++)
	{
		int at = exponent + TWIN_POINT + bit;
		int over;
		int i;

		if ((value >> bit & 1) == 0)
			continue;
		over = negative ? -(1 << at % 8) : 1 << at % 8;
		for (i = at / 8; i < TWIN_DIGITS && over != 0; i++)
		{
			int total = t->digit[i] + over;

			t->digit[i] = (uint8_t) (total & 255);
			over = total > 255 ? 1 : total < 0 ? -1 : 0;
		}
	}
}

/* Takes a double apart by frexp, another way than hpc_sum.c does. */
static uint64_t
integer_of(double x, int *exponent)
{
	double fraction = frexp(fabs(x), exponent);

	*exponent -= 53;
	return (uint64_t) ldexp(fraction, 53);
}

static void
twin_add(twin *t, double x)
{
	int exponent;
	uint64_t value = integer_of(x, &exponent);

	twin_add_integer(t, value, exponent, x < 0);
}

/* Schoolbook product of halves. */
static void
twin_add_product(twin *t, double x, double y)
{
	int ex;
	int ey;
	uint64_t a = integer_of(x, &ex);
	uint64_t b = integer_of(y, &ey);
	uint64_t ah = a >> 32;
	uint64_t al = a & 0xffffffff;
	uint64_t bh = b >> 32;
	uint64_t bl = b & 0xffffffff;
	bool negative = (x < 0) != (y < 0);

	twin_add_integer(t, al * bl, ex + ey, negative);
	twin_add_integer(t, al * bh, ex + ey + 32, negative);
	twin_add_integer(t, ah * bl, ex + ey + 32, negative);
	twin_add_integer(t, ah * bh, ex + ey + 64, negative);
}

static int
twin_bit(const twin *t, int at)
{
	return at < 0 ? 0 : t->digit[at / 8] >> at % 8 & 1;
}

/* Negates: complement and add one. */
static void
twin_negate(twin *t)
{
	int i;

	for (i = 0; i < TWIN_DIGITS; i++)
		t->digit[i] = (uint8_t) ~t->digit[i];
	twin_add_integer(t, 1, -TWIN_POINT, false);
}

/* Rounded to nearest, ties to even. */
static double
twin_round(twin t)
{
	bool negative = twin_bit(&t, 8 * TWIN_DIGITS - 1);
	uint64_t mantissa = 0;
	int top = 8 * TWIN_DIGITS - 1;
	int last;
	int at;
	bool rest = false;

	if (negative)
		twin_negate(&t);
	while (top >= 0 && !twin_bit(&t, top))
		top--;
	if (top < 0)
		return 0;
	last = top - 52;
	if (last < TWIN_POINT - 1074)
		last = TWIN_POINT - 1074;
	for (at = top; at >= last; at--)
		mantissa = mantissa << 1 | (uint64_t) twin_bit(&t, at);
	for (at = 0; at < last - 1; at++)
		rest = rest || twin_bit(&t, at);
	if (twin_bit(&t, last - 1) && (rest || (mantissa & 1)))
		mantissa++;
	return ldexp(negative ? -(double) mantissa : (double) mantissa,
				 last - TWIN_POINT);
}

/* ---------- random sums ---------- */

#define MAX_ADDENDS 3000

static double
sum_of(const double *x, size_t n)
{
	hpc_sum sum;
	size_t i;

	hpc_sum_init(&sum);
	for (i = 0; i < n; i++)
		hpc_sum_add(&sum, x[i]);
	return hpc_sum_round(&sum);
}

static double
twin_sum_of(const double *x, size_t n)
{
	twin t;
	size_t i;

	memset(&t, 0, sizeof(t));
	for (i = 0; i < n; i++)
		twin_add(&t, x[i]);
	return twin_round(t);
}

/* Addends with exponents in a range, some cancelled by their negatives. */
static size_t
make_addends(hpt_random *random, double *x, int low, int high)
{
	size_t n = 1 + (size_t) hpt_random_below(random, 50);
	size_t i;

	for (i = 0; i < n; i++)
	{
		x[i] = hpt_random_double(random, low, high);
		if (i > 0 && hpt_random_below(random, 3) == 0)
			x[i] = -x[hpt_random_below(random, i)];
	}
	return n;
}

static void
check_against_twin(int low, int high)
{
	hpt_random random = {17};
	double x[64];
	int nwrong = 0;
	int i;

	for (i = 0; i < 2000; i++)
	{
		size_t n = make_addends(&random, x, low, high);
		double ours = sum_of(x, n);
		double twins = twin_sum_of(x, n);

		if (memcmp(&ours, &twins, sizeof(ours)) != 0)
			nwrong++;
	}
	if (!hpt_ok(nwrong == 0, "sums of doubles from 2^%d to 2^%d are exact",
				low, high))
		hpt_note("%d of 2000 differ", nwrong);
}

static void
check_products(int low, int high)
{
	hpt_random random = {18};
	int nwrong = 0;
	int trial;

	for (trial = 0; trial < 1000; trial++)
	{
		int n = 1 + (int) hpt_random_below(&random, 20);
		double ours;
		double twins;
		hpc_sum sum;
		twin t;
		int i;

		hpc_sum_init(&sum);
		memset(&t, 0, sizeof(t));
		for (i = 0; i < n; i++)
		{
			double x = hpt_random_double(&random, low, high);
			double y = hpt_random_double(&random, low, high);

			hpc_sum_add_product(&sum, x, y);
			twin_add_product(&t, x, y);

			/* and take away the rounded product: what it lost remains */
			if (hpt_random_below(&random, 2) == 0)
			{
				hpc_sum_add(&sum, -(x * y));
				twin_add(&t, -(x * y));
			}
		}
		ours = hpc_sum_round(&sum);
		twins = twin_round(t);
		if (memcmp(&ours, &twins, sizeof(ours)) != 0)
			nwrong++;
	}
	if (!hpt_ok(nwrong == 0,
				"sums of products of doubles from 2^%d to 2^%d "
				"are exact",
				low, high))
		hpt_note("%d of 1000 differ", nwrong);
}

static void
check_times(void)
{
	hpt_random random = {19};
	int nwrong = 0;
	int trial;

	for (trial = 0; trial < 1000; trial++)
	{
		double x = hpt_random_double(&random, -1074, 990);
		uint32_t times = (uint32_t) hpt_random_bits(&random);
		double ours;
		double twins;
		hpc_sum sum;
		twin t;

		if (trial % 2 == 0)
			times >>= hpt_random_below(&random, 32);
		hpc_sum_init(&sum);
		memset(&t, 0, sizeof(t));
		hpc_sum_add_times(&sum, x, times);
		twin_add_product(&t, x, times);
		hpc_sum_add(&sum, 1.0 / 3);
		twin_add(&t, 1.0 / 3);
		ours = hpc_sum_round(&sum);
		twins = twin_round(t);
		if (memcmp(&ours, &twins, sizeof(ours)) != 0)
			nwrong++;
	}
	if (!hpt_ok(nwrong == 0, "adding times over is exact"))
		hpt_note("%d of 1000 differ", nwrong);
}

/* Any order and any grouping gives the same bits. */
static void
check_order(void)
{
	static double x[MAX_ADDENDS];
	hpt_random random = {20};
	hpc_sum parts[5];
	double expected;
	int nwrong = 0;
	int trial;
	int i;

	for (i = 0; i < MAX_ADDENDS; i++)
		x[i] = hpt_random_double(&random, -300, 300);
	expected = sum_of(x, MAX_ADDENDS);
	for (trial = 0; trial < 50; trial++)
	{
		double merged;

		hpt_shuffle(&random, x, MAX_ADDENDS, sizeof(x[0]));
		for (i = 0; i < 5; i++)
			hpc_sum_init(&parts[i]);
		for (i = 0; i < MAX_ADDENDS; i++)
			hpc_sum_add(&parts[i % 5], x[i]);
		for (i = 1; i < 5; i++)
			hpc_sum_merge(&parts[0], &parts[i]);
		merged = hpc_sum_round(&parts[0]);
		if (sum_of(x, MAX_ADDENDS) != expected || merged != expected)
			nwrong++;
	}
	hpt_ok(nwrong == 0, "50 shuffles, whole and merged: the same bits");
}

/* Many additions and merges, past every carry. */
static void
check_many(void)
{
	hpc_sum sum;
	hpc_sum addend;
	int i;

	hpc_sum_init(&sum);
	for (i = 0; i < 3000000; i++)
		hpc_sum_add(&sum, i % 2 ? 0x1.fffffffffffffp31 : 0x1.fffffffffffffp0);
	hpt_same_bits(hpc_sum_round(&sum),
				  0x1.fffffffffffffp31 * 1500000 +
					  0x1.fffffffffffffp0 * 1500000,
				  "three million additions");
	hpc_sum_init(&sum);
	for (i = 0; i < 100000; i++)
		hpc_sum_add(&sum, -DBL_MAX);
	for (i = 0; i < 100000; i++)
		hpc_sum_add(&sum, DBL_MAX);
	hpt_same_bits(hpc_sum_round(&sum), 0, "the largest doubles cancel");
	hpc_sum_init(&sum);
	hpc_sum_init(&addend);
	hpc_sum_add(&addend, -0x1.fffffffffffffp31);
	for (i = 0; i < 100000; i++)
		hpc_sum_merge(&sum, &addend);
	hpt_same_bits(hpc_sum_round(&sum), -0x1.fffffffffffffp31 * 100000,
				  "a hundred thousand merges");
}

/* ---------- single cases ---------- */

static void
check_sum2(double x, double y, double z, double expected, const char *name)
{
	double addends[3];

	addends[0] = x;
	addends[1] = y;
	addends[2] = z;
	hpt_same_bits(sum_of(addends, 3), expected, name);
}

static void
check_cases(void)
{
	const double tiny = 0x1p-1074;

	check_sum2(1e308, 1, -1e308, 1, "1e308 + 1 - 1e308");
	check_sum2(1e308, 1e308, -1e308, 1e308, "no overflow on the way");
	check_sum2(DBL_MAX, DBL_MAX, 0, INFINITY, "overflow of the sum");
	check_sum2(-DBL_MAX, -DBL_MAX, 0, -INFINITY, "the same below");
	check_sum2(DBL_MAX, 0x1p969, 0, DBL_MAX, "just not an overflow");
	check_sum2(DBL_MAX, 0x1p970, 0, INFINITY, "a tie rounds to infinity");
	check_sum2(DBL_MAX, 0x1p970, -tiny, DBL_MAX, "less than the tie");
	check_sum2(0, 0, 0, 0, "zero");
	check_sum2(-0.0, -0.0, -0.0, 0, "a sum of zero is +0");
	check_sum2(tiny, tiny, tiny, 3 * tiny, "denormals");
	check_sum2(-tiny, DBL_MIN, 0, DBL_MIN - tiny, "largest denormal");
	check_sum2(DBL_MIN, tiny, -DBL_MIN, tiny, "smallest denormal");
	check_sum2(1, 0x1p-53, 0, 1, "a tie goes to even, down");
	check_sum2(1 + 0x1p-52, 0x1p-53, 0, 1 + 0x1p-51, "a tie to even, up");
	check_sum2(1, 0x1p-53, tiny, 1 + 0x1p-52, "a tie broken far below");
	check_sum2(1, 0x1p-53, -tiny, 1, "a tie broken the other way");
	check_sum2(INFINITY, 1, -1e308, INFINITY, "infinity");
	check_sum2(-INFINITY, 1, DBL_MAX, -INFINITY, "minus infinity");
	hpt_ok(isnan(sum_of((double[]){INFINITY, 1, -INFINITY}, 3)),
		   "infinities of both signs make NaN");
	hpt_ok(isnan(sum_of((double[]){1, NAN, INFINITY}, 3)), "NaN stays");
}

static double
product(double x, double y)
{
	hpc_sum sum;

	hpc_sum_init(&sum);
	hpc_sum_add_product(&sum, x, y);
	return hpc_sum_round(&sum);
}

static void
check_product_cases(void)
{
	const double tiny = 0x1p-1074;

	hpt_same_bits(product(3, -4), -12, "3 * -4");
	hpt_same_bits(product(0, -4), 0, "0 * -4");
	hpt_same_bits(product(1e200, 1e200), INFINITY, "product overflows");
	hpt_same_bits(product(1e200, -1e200), -INFINITY, "the same below");
	hpt_same_bits(product(DBL_MAX, 1), DBL_MAX, "the largest product");
	hpt_same_bits(product(0x1p-1000, 0x1p-73), 2 * tiny, "a denormal");
	hpt_same_bits(product(0x1.8p-1000, 0x1p-74), 2 * tiny,
				  "half a unit rounds to even");
	hpt_same_bits(product(0x1p-1000, 0x1p-75), 0, "half a unit, down");
	hpt_same_bits(product(0x1.8p-1000, 0x1p-75), tiny, "three quarters");
	hpt_same_bits(product(1e-200, -1e-200), 0, "far below a unit");
	hpt_same_bits(product(tiny, tiny), 0, "the smallest product");
	hpt_ok(isnan(product(INFINITY, 0)), "infinity times 0 is NaN");
	hpt_same_bits(product(-INFINITY, 2), -INFINITY, "infinity times 2");
	hpt_ok(isnan(product(NAN, 2)), "NaN times 2");
}

static void
check_times_cases(void)
{
	hpc_sum sum;

	hpc_sum_init(&sum);
	hpc_sum_add_times(&sum, INFINITY, 0);
	hpc_sum_add_times(&sum, NAN, 0);
	hpt_same_bits(hpc_sum_round(&sum), 0, "zero times is nothing");
	hpc_sum_add_times(&sum, DBL_MAX, UINT32_MAX);
	hpc_sum_add_times(&sum, -DBL_MAX, UINT32_MAX);
	hpc_sum_add(&sum, 0.1);
	hpt_same_bits(hpc_sum_round(&sum), 0.1, "large times cancel");
	hpc_sum_add_times(&sum, -INFINITY, 2);
	hpt_same_bits(hpc_sum_round(&sum), -INFINITY, "infinity twice");
}

static void
check_round2(void)
{
	hpt_random random = {21};
	hpc_sum sum;
	double high;
	double low;
	int i;

	hpc_sum_init(&sum);
	hpc_sum_add(&sum, 1e16);
	hpc_sum_add(&sum, 1);
	hpc_sum_add(&sum, 0x1p-40);
	hpc_sum_round2(&sum, &high, &low);
	hpt_ok(high == 1e16 + 2 && low == -1 + 0x1p-40, "high and low part");
	hpc_sum_init(&sum);
	for (i = 0; i < 1000; i++)
		hpc_sum_add_product(&sum, 1e8 + hpt_random_unit(&random), 1e8);
	hpc_sum_round2(&sum, &high, &low);
	hpc_sum_add(&sum, -high);
	hpt_ok(high == high + low && low != 0 && hpc_sum_round(&sum) == low,
		   "low is what high left");
	hpc_sum_add(&sum, INFINITY);
	hpc_sum_round2(&sum, &high, &low);
	hpt_ok(high == INFINITY && low == 0, "infinity leaves nothing");
}

/* ---------- deviations from the mean ---------- */

static double
deviations_of(const double *x, size_t n)
{
	hpc_sum values;
	hpc_sum squares;
	size_t i;

	hpc_sum_init(&values);
	hpc_sum_init(&squares);
	for (i = 0; i < n; i++)
	{
		hpc_sum_add(&values, x[i]);
		hpc_sum_add_product(&squares, x[i], x[i]);
	}
	return hpc_sum_deviations(&values, &squares, n);
}

/* A constant column has no deviations, not even rounding errors. */
static void
check_constants(void)
{
	static double x[100];
	hpt_random random = {22};
	int nwrong = 0;
	int trial;
	size_t i;

	for (trial = 0; trial < 1000; trial++)
	{
		x[0] = hpt_random_double(&random, -300, 300);
		for (i = 1; i < 100; i++)
			x[i] = x[0];
		if (deviations_of(x, 1 + (size_t) trial % 100) != 0)
			nwrong++;
	}
	hpt_ok(nwrong == 0, "equal values have no deviations");
}

/* Two passes in wider arithmetic, for a mean far from 0. */
static void
check_deviations(double offset)
{
	static double x[1000];
	hpt_random random = {23};
	long double mean = 0;
	long double expected = 0;
	double actual;
	size_t i;

	for (i = 0; i < 1000; i++)
	{
		x[i] = offset + hpt_random_normal(&random);
		mean += (x[i] - (long double) offset) / 1000;
	}
	for (i = 0; i < 1000; i++)
	{
		long double d = x[i] - (long double) offset - mean;

		expected += d * d;
	}
	actual = deviations_of(x, 1000);
	if (!hpt_ok(fabs(actual / (double) expected - 1) < 4e-15,
				"deviations around %g", offset))
		hpt_note("got %.17g, expected %.17Lg", actual, expected);
}

static void
check_deviation_cases(void)
{
	hpt_same_bits(deviations_of((double[]){1, 2, 3}, 3), 2, "of 1, 2, 3");
	hpt_same_bits(deviations_of((double[]){1e15 + 1, 1e15 + 2, 1e15 + 3}, 3),
				  2, "the same beyond 1e15");
	hpt_same_bits(deviations_of((double[]){1, 1 + 0x1p-52}, 2), 0x1p-105,
				  "of neighbours");
	hpt_same_bits(deviations_of((double[]){7}, 1), 0, "of one value");
	hpt_ok(isnan(deviations_of((double[]){1, INFINITY}, 2)),
		   "of infinity: NaN");
	hpt_ok(isnan(deviations_of((double[]){1, NAN}, 2)), "of NaN: NaN");
	check_constants();
	check_deviations(0);
	check_deviations(180000);
	check_deviations(-1e9);
	check_deviations(1e15);
}

int
main(void)
{
	check_deviation_cases();
	check_cases();
	check_product_cases();
	check_times_cases();
	check_against_twin(-60, 60);
	check_against_twin(-5, 0);
	check_against_twin(-1080, -1000);
	check_against_twin(950, 1023);
	check_against_twin(-1074, 1023);
	check_products(-20, 20);
	check_products(-480, 500);
	check_times();
	check_order();
	check_many();
	check_round2();
	return hpt_done();
}
