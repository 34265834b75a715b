/*
 * test_target.c
 *		Powers of two, and targets that become logarithms.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_table.h"

/* ---------- powers of two ---------- */

static void
check_scale(void)
{
	hpt_random random = {3};
	int nwrong = 0;

	hpt_same_bits(hpc_scale(3, 10), 3072, "3 times 2^10");
	hpt_same_bits(hpc_scale(-0x1p-1074, 2097), -0x1p1023,
				  "from the least to the largest");
	hpt_same_bits(hpc_scale(0x1p1023, -2097), 0x1p-1074, "and back");
	hpt_same_bits(hpc_scale(0, 1135), 0, "0 stays 0");
	hpt_same_bits(hpc_scale(1, 1024), INFINITY, "too large: infinity");
	hpt_same_bits(hpc_scale(1, -1100), 0, "too small: 0");
	for (int i = 0; i < 100000; i++)
	{
		double number = hpt_random_double(&random, -300, 300);
		int exponent = (int) hpt_random_below(&random, 1400) - 700;

		nwrong += hpc_scale(number, exponent) != ldexp(number, exponent);
	}
	hpt_ok(nwrong == 0, "as ldexp does");
}

/* Rounded to the nearest, halves up. */
static void
check_units(void)
{
	static const struct
	{
		double number;
		int exponent;
		int64_t units;
	} cases[] = {{5, 1, 3},
				 {-5, 1, -2},
				 {2.4999999999999996, 0, 2},
				 {-2.5, 0, -2},
				 {0.49999999999999994, 0, 0},
				 {-0.49999999999999994, 0, 0},
				 {0, 5, 0},
				 {-0.0, -5, 0},
				 {0x1p52 + 1, 0, (INT64_C(1) << 52) + 1},
				 {0x1.fffffffffffffp61, 0,
				  (INT64_C(1) << 62) - (INT64_C(1) << 9)},
				 {-0x1p62, 0, -(INT64_C(1) << 62)},
				 {0x1p-1074, -1074, 1},
				 {0x1.8p-1072, -1074, 6},
				 {0x1p1023, 963, INT64_C(1) << 60},
				 {1e-300, 0, 0},
				 {-1e-300, 0, 0}};
	hpt_random random = {4};
	int nwrong = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		int64_t units = hpc_to_units(cases[i].number, cases[i].exponent);

		if (!hpt_ok(units == cases[i].units, "%a in units of 2^%d",
					cases[i].number, cases[i].exponent))
			hpt_note("got %lld", (long long) units);
	}
	for (int i = 0; i < 100000; i++)
	{
		double number = hpt_random_double(&random, -20, 50);
		int exponent = (int) hpt_random_below(&random, 30) - 10;
		long double exact = floorl(ldexpl(number, -exponent) + 0.5L);

		nwrong += (long double) hpc_to_units(number, exponent) != exact;
	}
	hpt_ok(nwrong == 0, "random numbers in random units");
}

static void
check_exponents(void)
{
	static const double numbers[] = {1,       0.75,     0x1p-1074, DBL_MIN,
									 DBL_MAX, 0x1p1023, 1e-310,    3};
	int nwrong = 0;

	hpt_ok(hpc_exponent_above(0) == 0, "of 0");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
	{
		long double power = ldexpl(1, hpc_exponent_above(numbers[i]));

		nwrong += !(power / 2 <= numbers[i] && numbers[i] < power);
	}
	hpt_ok(nwrong == 0, "the power of two above a number");
}

/* ---------- logarithms ---------- */

/* A frame of these targets, each row different. */
static hpc_status
log_target(const double *targets, uint32_t n, int64_t want, hpt_memory *memory,
		   hpt_framed *framed)
{
	hpt_table table;
	hpc_status status;

	hpt_memory_init(memory, 1);
	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_INT32);
	for (uint32_t i = 0; i < n; i++)
		hpt_table_row(&table, targets[i])[0] = hpt_number(i);
	status = hpt_table_frame(&memory->env, &table, 65534, framed);
	if (status == HPC_OK)
		status = hpc_frame_log_target(&memory->env, framed->frame, want);
	hpt_table_free(&table);
	return status;
}

/* Are the targets logarithms, as they should be, or as they were? */
static bool
targets_are(const hpc_frame *frame, const double *targets, bool logarithms)
{
	bool passed = frame->log_target == logarithms;

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		double target = targets[row];

		passed &=
			frame->target[row] == (logarithms ? hpc_log(target) : target);
	}
	return passed;
}

static void
check_decision(const char *what, const double *targets, uint32_t n,
			   int64_t want, bool expected)
{
	hpt_memory memory;
	hpt_framed framed;
	hpc_status status = log_target(targets, n, want, &memory, &framed);

	hpt_ok(status == HPC_OK && targets_are(framed.frame, targets, expected),
		   "%s: %s", what, expected ? "logarithms" : "as they are");
	hpt_framed_free(&memory.env, &framed);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* Skewness of numbers as they stand in the book. */
static long double
slow_skewness(const double *numbers, uint32_t n)
{
	long double mean = 0;
	long double squares = 0;
	long double cubes = 0;

	for (uint32_t i = 0; i < n; i++)
		mean += numbers[i] / (long double) n;
	for (uint32_t i = 0; i < n; i++)
	{
		long double d = numbers[i] - mean;

		squares += d * d / n;
		cubes += d * d * d / n;
	}
	return cubes / (squares * sqrtl(squares));
}

/* Decisions by the data, on targets between even and very skewed. */
static void
check_skewness(void)
{
	enum
	{
		N = 60
	};
	hpt_random random = {7};
	int nlogs = 0;
	int nwrong = 0;

	for (int i = 0; i < 400; i++)
	{
		double targets[N];
		double logs[N];
		double spread = 3 * hpt_random_unit(&random);
		hpt_memory memory;
		hpt_framed framed;
		bool expected;

		for (int j = 0; j < N; j++)
		{
			targets[j] = 1000 * exp(spread * hpt_random_normal(&random)) +
						 1e5 * hpt_random_unit(&random);
			logs[j] = log(targets[j]);
		}
		expected =
			fabsl(slow_skewness(logs, N)) < fabsl(slow_skewness(targets, N));
		nlogs += expected;
		nwrong += log_target(targets, N, -1, &memory, &framed) != HPC_OK ||
				  !targets_are(framed.frame, targets, expected);
		hpt_framed_free(&memory.env, &framed);
	}
	hpt_ok(nwrong == 0 && nlogs > 50 && nlogs < 350,
		   "the less skewed is taken, %d of 400 times the logarithm", nlogs);
}

static void
check_decisions(void)
{
	double skewed[25];
	double even[25];

	for (int i = 0; i < 25; i++)
	{
		skewed[i] = ldexp(1, i);
		even[i] = 100 + i;
	}
	check_decision("a geometric series", skewed, 25, -1, true);
	check_decision("an arithmetic series", even, 25, -1, false);
	check_decision("an arithmetic series, as told", even, 25, 1, true);
	check_decision("a geometric series, as told", skewed, 25, 0, false);
	check_decision("20 rows", skewed, 20, -1, true);
	check_decision("19 rows are too few", skewed, 19, -1, false);
	skewed[7] = 0;
	check_decision("a zero among them", skewed, 25, -1, false);
	for (int i = 0; i < 25; i++)
		skewed[i] = 42;
	check_decision("a constant", skewed, 25, -1, false);
	for (int i = 0; i < 25; i++)
		skewed[i] = ldexp(1, 960 + i);
	check_decision("near the largest double", skewed, 25, -1, true);
	for (int i = 0; i < 25; i++)
		skewed[i] = ldexp(1, i - 1074);
	check_decision("below the normal doubles", skewed, 25, -1, true);
}

static void
check_not_positive(double target, const char *shown)
{
	double targets[3] = {5, 1, 2};
	hpt_memory memory;
	hpt_framed framed;
	hpc_status status;

	targets[1] = target;
	status = log_target(targets, 3, 1, &memory, &framed);
	hpt_ok(status == HPC_BAD_DATA &&
			   strstr(memory.env.error.message, shown) != NULL &&
			   memory.env.error.hint[0] != '\0' && !framed.frame->log_target,
		   "%s has no logarithm", shown);
	hpt_framed_free(&memory.env, &framed);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* Copies of rows count in the decision. */
static void
check_copies(void)
{
	hpt_memory memory;
	hpt_framed framed;
	hpt_table table;

	hpt_memory_init(&memory, 1);
	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_INT32);
	/* 1 2 4 ... 512, of which 512 stands there 2,000 times: skewed below */
	for (int i = 0; i < 2010; i++)
		hpt_table_row(&table, ldexp(1, i < 9 ? i : 9))[0] =
			hpt_number(i < 9 ? i : 9);
	hpt_table_frame(&memory.env, &table, 65534, &framed);
	hpt_ok(framed.frame->nrows == 10 &&
			   hpc_frame_log_target(&memory.env, framed.frame, -1) == HPC_OK &&
			   !framed.frame->log_target,
		   "copies count");
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
}

static void
check_refusals(void)
{
	hpt_memory memory;
	hpt_framed framed;
	double targets[25];

	for (int i = 0; i < 25; i++)
		targets[i] = ldexp(1, i);
	log_target(targets, 25, 0, &memory, &framed);
	memory.fail_at = memory.nrequests + 1;
	hpt_ok(hpc_frame_log_target(&memory.env, framed.frame, 1) ==
				   HPC_NO_MEMORY &&
			   targets_are(framed.frame, targets, false),
		   "without memory targets stay as they are");
	hpt_framed_free(&memory.env, &framed);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* Every pass over the rows asks whether to go on. */
static void
check_cancel(void)
{
	enum
	{
		N = 140000
	};
	hpt_memory memory;
	hpc_status status = HPC_CANCELLED;
	int64_t n;
	int64_t nwrong = 0;

	for (n = 0; status == HPC_CANCELLED; n++)
	{
		hpc_frame frame = {.nrows = N, .ncopies = N, .target_min = 1};

		hpt_memory_init(&memory, 1);
		frame.target =
			memory.env.resize(memory.env.opaque, NULL, N * sizeof(double));
		for (uint32_t row = 0; row < N; row++)
			frame.target[row] = 1 + row % 7 * (double) row;
		memory.cancel_at = n + 1;
		status = hpc_frame_log_target(&memory.env, &frame, -1);
		hpt_release(&memory.env, frame.target);
		nwrong += memory.nblocks != 0;
	}
	hpt_ok(status == HPC_OK && nwrong == 0 && n > 14,
		   "each of %d checks can cancel", (int) n - 1);
}

int
main(void)
{
	check_scale();
	check_units();
	check_exponents();
	check_decisions();
	check_skewness();
	check_not_positive(0, "target 0 ");
	check_not_positive(-1.5, "target -1.5 ");
	check_copies();
	check_refusals();
	check_cancel();
	return hpt_done();
}
