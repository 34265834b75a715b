/*
 * test_fixed.c
 *		Targets as integers: that sums fit whatever a bag holds, what is kept
 *		of the targets, and who is named when that is too little.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_fixed.h"
#include "hpc_random.h"
#include "hpt.h"

#define MAX_ROWS 3000

/* A frame that is nothing but targets, counts and weights. */
typedef struct targets
{
	hpc_frame frame;
	double target[MAX_ROWS];
	double weight[MAX_ROWS];
	uint32_t count[MAX_ROWS];
	hpt_memory memory;
	hpc_fixed fixed;
} targets;

static void
begin(targets *t, uint32_t nrows)
{
	memset(&t->frame, 0, sizeof(t->frame));
	hpt_memory_init(&t->memory, 1);
	t->frame.nrows = nrows;
	t->frame.ncopies = nrows;
	t->frame.target = t->target;
}

static void
give_counts(targets *t, hpt_random *random, uint64_t most)
{
	t->frame.count = t->count;
	t->frame.ncopies = 0;
	for (uint32_t row = 0; row < t->frame.nrows; row++)
	{
		t->count[row] = 1 + (uint32_t) hpt_random_below(random, most);
		t->frame.ncopies += t->count[row];
	}
}

static void
give_weights(targets *t, hpt_random *random, int low, int high)
{
	t->frame.weight = t->weight;
	for (uint32_t row = 0; row < t->frame.nrows; row++)
		t->weight[row] = fabs(hpt_random_double(random, low, high));
}

static hpc_status
choose(targets *t)
{
	hpc_status status = hpc_fixed_choose(&t->memory.env, &t->frame,
										 HPC_POISSON_MAX, &t->fixed);

	if (t->memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
	return status;
}

/* ---------- the bounds ---------- */

/* The most that a bag can hold, added up exactly. */
typedef struct extremes
{
	unsigned __int128 weight;
	unsigned __int128 sum;
	unsigned __int128 fine_sum;
} extremes;

static unsigned __int128
magnitude(int64_t q)
{
	return q < 0 ? -(unsigned __int128) q : (unsigned __int128) q;
}

/* Twice all rows, and the heaviest once more as often as it can be drawn. */
static extremes
find_extremes(const targets *t)
{
	extremes all = {0, 0, 0};
	extremes most = {0, 0, 0};

	for (uint32_t row = 0; row < t->frame.nrows; row++)
	{
		double target = t->target[row];
		unsigned __int128 units =
			(unsigned __int128) hpc_fixed_weight(&t->fixed, &t->frame, row) *
			hpc_row_count(&t->frame, row);
		extremes mine = {
			units, units * magnitude(hpc_fixed_target(&t->fixed, target)),
			units * magnitude(hpc_fixed_fine_target(&t->fixed, target))};

		all.weight += mine.weight;
		all.sum += mine.sum;
		all.fine_sum += mine.fine_sum;
		most.weight = mine.weight > most.weight ? mine.weight : most.weight;
		most.sum = mine.sum > most.sum ? mine.sum : most.sum;
		most.fine_sum =
			mine.fine_sum > most.fine_sum ? mine.fine_sum : most.fine_sum;
	}
	all.weight = 2 * all.weight + HPC_POISSON_MAX * most.weight;
	all.sum = 2 * all.sum + HPC_POISSON_MAX * most.sum;
	all.fine_sum = 2 * all.fine_sum + HPC_POISSON_MAX * most.fine_sum;
	return all;
}

static bool
bounds_hold(const targets *t)
{
	const hpc_fixed *fixed = &t->fixed;
	extremes bag = find_extremes(t);
	int weight_bits = fixed->wide ? 31 : fixed->weight_bits;
	int sum_bits = fixed->wide ? 62 : 62 - fixed->weight_bits;

	return bag.weight < (unsigned __int128) 1 << weight_bits &&
		   bag.sum < (unsigned __int128) 1 << sum_bits &&
		   bag.fine_sum < (unsigned __int128) 1 << 62 &&
		   fixed->fine_step <= fixed->step;
}

/* Is the target, in units, still itself? */
static bool
is_kept(const targets *t, uint32_t row)
{
	int64_t units =
		hpc_fixed_target(&t->fixed, t->target[row]) + t->fixed.center;

	return hpc_scale((double) units, t->fixed.step) == t->target[row];
}

static bool
all_kept(const targets *t)
{
	bool kept = true;

	for (uint32_t row = 0; row < t->frame.nrows; row++)
		kept &= is_kept(t, row);
	return kept;
}

static int
compare_numbers(const void *a, const void *b)
{
	double left = *(const double *) a;
	double right = *(const double *) b;

	return left < right ? -1 : left > right;
}

/* sorted[n]: the distinct targets; answers n. */
static uint32_t
sort_distinct(const targets *t, double *sorted)
{
	uint32_t n = 0;

	memcpy(sorted, t->target, t->frame.nrows * sizeof(double));
	qsort(sorted, t->frame.nrows, sizeof(double), compare_numbers);
	for (uint32_t row = 0; row < t->frame.nrows; row++)
	{
		if (n == 0 || sorted[n - 1] != sorted[row])
			sorted[n++] = sorted[row];
	}
	return n;
}

/*
 * Narrow cells have thousands of units between the quartiles of the distinct
 * targets; wide ones keep apart what is not nearly equal.
 */
static bool
units_are_fine(const targets *t)
{
	static double sorted[MAX_ROWS];
	uint32_t n = sort_distinct(t, sorted);
	long double spread = n < 5 ? 0
							   : (long double) sorted[n - 1 - (n - 1) / 4] -
									 sorted[(n - 1) / 4];
	bool fine = true;

	if (!t->fixed.wide)
		return spread == 0 || ldexpl(spread, -t->fixed.step) >= 4095;
	for (uint32_t i = 1; i < n; i++)
		fine &= (long double) sorted[i] - sorted[i - 1] <= spread * 0x1p-20L ||
				hpc_fixed_target(&t->fixed, sorted[i - 1]) <
					hpc_fixed_target(&t->fixed, sorted[i]);
	return fine;
}

/* What is lost is less than a unit, and units are fine enough. */
static bool
losses_are_small(const targets *t)
{
	const hpc_fixed *fixed = &t->fixed;
	bool small = true;

	for (uint32_t row = 0; row < t->frame.nrows; row++)
	{
		int64_t q = hpc_fixed_target(fixed, t->target[row]);
		long double back =
			ldexpl((long double) (q + fixed->center), fixed->step);

		small &= fabsl(back - t->target[row]) <= ldexpl(0.5L, fixed->step);
	}
	return small && (fixed->lossless || units_are_fine(t));
}

/* ---------- random tables ---------- */

/* One way to make up targets. */
typedef struct recipe
{
	const char *what;
	double (*draw)(hpt_random *random);
	bool may_hide; /* outliers of 1e15 may hide the others */
} recipe;

static double
draw_price(hpt_random *random)
{
	return (double) (34900 + hpt_random_below(random, 700000));
}

static double
draw_cents(hpt_random *random)
{
	return floor(1e7 * hpt_random_unit(random)) / 100;
}

static double
draw_any(hpt_random *random)
{
	return hpt_random_double(random, -8, 8);
}

static double
draw_unit(hpt_random *random)
{
	return hpt_random_unit(random);
}

static double
draw_huge(hpt_random *random)
{
	return hpt_random_double(random, 1010, 1023);
}

static double
draw_denormal(hpt_random *random)
{
	return (double) (int64_t) hpt_random_below(random, 1000000) * 0x1p-1074;
}

static double
draw_far(hpt_random *random)
{
	return 1e9 + hpt_random_unit(random);
}

/* Prices of which one in a thousand is a typing error. */
static double
draw_outliers(hpt_random *random)
{
	return hpt_random_below(random, 1000) == 0 ? 1e15 : draw_price(random);
}

static double
draw_equal(hpt_random *random)
{
	(void) random;
	return 181500.37;
}

static const recipe recipes[] = {{"prices", draw_price, false},
								 {"prices with cents", draw_cents, false},
								 {"numbers of many sizes", draw_any, false},
								 {"shares", draw_unit, false},
								 {"near the largest double", draw_huge, false},
								 {"denormals", draw_denormal, false},
								 {"far from 0", draw_far, false},
								 {"prices with outliers", draw_outliers, true},
								 {"all equal", draw_equal, false}};

/* Tables of 1 to MAX_ROWS rows; with copies, and with weights. */
static void
check_tables(const recipe *r, const char *with, bool copies, bool weights)
{
	static targets t;
	hpt_random random = {(uint64_t) copies + 2 * (uint64_t) weights};
	int nwrong = 0;
	int nlossless = 0;
	int nwide = 0;
	int nrefused = 0;

	for (int i = 0; i < 60; i++)
	{
		hpc_status status;

		begin(&t, 1 + (uint32_t) hpt_random_below(&random,
												  i % 3 == 0 ? 10 : MAX_ROWS));
		for (uint32_t row = 0; row < t.frame.nrows; row++)
			t.target[row] = r->draw(&random);
		if (copies)
			give_counts(&t, &random, i % 2 == 0 ? 3 : 5000);
		if (weights)
			give_weights(&t, &random, i % 2 == 0 ? -3 : -200,
						 i % 2 == 0 ? 3 : 200);
		status = choose(&t);
		nrefused += status == HPC_BAD_DATA;
		if (status == HPC_OK)
			nwrong += all_kept(&t) < t.fixed.lossless || !losses_are_small(&t);
		else
			nwrong += status != HPC_BAD_DATA || !r->may_hide ||
					  strstr(t.memory.env.error.message, " 1e+15 ") == NULL;
		nwrong += !bounds_hold(&t) || (weights && !t.fixed.wide);
		nlossless += t.fixed.lossless;
		nwide += t.fixed.wide;
	}
	hpt_ok(nwrong == 0, "%s%s: sums fit (%d lossless, %d wide, %d refused)",
		   r->what, with, nlossless, nwide, nrefused);
}

static void
check_all_tables(void)
{
	for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++)
	{
		check_tables(&recipes[i], "", false, false);
		check_tables(&recipes[i], " with copies", true, false);
		check_tables(&recipes[i], " with weights", false, true);
		check_tables(&recipes[i], " with both", true, true);
	}
}

/* Bounds are closest where rows are few: thousands of tiny tables. */
static void
check_tiny_tables(bool weights)
{
	static targets t;
	hpt_random random = {19};
	int nwrong = 0;

	for (int i = 0; i < 30000; i++)
	{
		double size = 1 + hpt_random_unit(&random);

		begin(&t, 2 + (uint32_t) hpt_random_below(&random, 6));
		for (uint32_t row = 0; row < t.frame.nrows; row++)
			t.target[row] = i % 2 == 0 ? size * hpt_random_normal(&random)
									   : size * (double) (row % 2);
		if (weights)
			give_weights(&t, &random, -2, 2);
		nwrong += choose(&t) != HPC_OK || !bounds_hold(&t);
	}
	hpt_ok(nwrong == 0, "tiny tables%s: sums fit",
		   weights ? " with weights" : "");
}

/* ---------- what must not be lost ---------- */

/* Integers, and integers times any power of two. */
static void
check_lossless(int exponent)
{
	static targets t;
	hpt_random random = {11};
	int nwrong = 0;

	for (int i = 0; i < 50; i++)
	{
		begin(&t, MAX_ROWS);
		for (uint32_t row = 0; row < MAX_ROWS; row++)
			t.target[row] = ldexp(draw_price(&random), exponent);
		t.target[0] = ldexp(34901, exponent);
		nwrong += choose(&t) != HPC_OK || !t.fixed.lossless || t.fixed.wide ||
				  t.fixed.step != exponent || !all_kept(&t);
	}
	hpt_ok(nwrong == 0, "integers times 2^%d lose nothing", exponent);
}

/* ---------- means ---------- */

static void
check_means(void)
{
	hpt_random random = {12};
	int nwrong = 0;

	for (int i = 0; i < 200000; i++)
	{
		uint64_t weight = 1 + (hpt_random_bits(&random) >>
							   (34 + hpt_random_below(&random, 30)));
		int64_t center = (int64_t) hpt_random_bits(&random) >>
						 (2 + hpt_random_below(&random, 62));
		int64_t sum = (int64_t) hpt_random_bits(&random) >>
					  (2 + hpt_random_below(&random, 62));
		__int128 total = (__int128) center * (__int128) weight + sum;
		long double exact = (long double) total / (long double) weight;
		double mean = hpc_fixed_mean(-20, center, sum, weight);

		nwrong += fabsl(ldexpl(mean, 20) - exact) >
				  fabsl(exact) * 0x1p-52L + 0x1p-52L;
	}
	hpt_ok(nwrong == 0, "means of sums of units");
}

/* The mean of copies of one target is that target, to the bit. */
static void
check_pure_means(void)
{
	static targets t;
	hpt_random random = {13};
	int nwrong = 0;
	int nkept = 0;

	for (int i = 0; i < 300; i++)
	{
		begin(&t, 2 + (uint32_t) hpt_random_below(&random, 50));
		for (uint32_t row = 0; row < t.frame.nrows; row++)
			t.target[row] = i % 2 == 0 ? draw_cents(&random)
									   : hpt_random_double(&random, -3, 20);
		choose(&t);
		for (uint32_t row = 0; row < t.frame.nrows; row++)
		{
			int64_t weight = 1 + (int64_t) hpt_random_below(&random, 24);
			int64_t q = hpc_fixed_fine_target(&t.fixed, t.target[row]);
			double mean =
				hpc_fixed_mean(t.fixed.fine_step, t.fixed.fine_center,
							   q * weight, (uint64_t) weight);

			/* where the finest units lose something there is no hope */
			if (hpc_scale((double) (q + t.fixed.fine_center),
						  t.fixed.fine_step) != t.target[row])
				continue;
			nkept++;
			nwrong += mean != t.target[row];
		}
	}
	hpt_ok(nwrong == 0 && nkept > 3000,
		   "means of equal targets are the target");
}

/* ---------- outliers ---------- */

static void
check_outlier(double outlier, const char *shown, bool log_target)
{
	static targets t;

	begin(&t, 1000);
	for (uint32_t row = 0; row < 1000; row++)
		t.target[row] = 1 + (double) row / 1024;
	t.target[500] = outlier;
	t.frame.log_target = log_target;
	hpt_ok(choose(&t) == HPC_BAD_DATA &&
			   strstr(t.memory.env.error.message, shown) != NULL &&
			   t.memory.env.error.detail[0] != '\0' &&
			   t.memory.env.error.hint[0] != '\0',
		   "an outlier that hides the others is named: %s", shown);
}

static void
check_outliers(void)
{
	static targets t;

	check_outlier(1e300, " 1e+300 ", false);
	check_outlier(-1e25, " -1e+25 ", false);
	check_outlier(-DBL_MAX, "-1.79769313486232e+308", false);
	/* the logarithms are what is far apart, but prices are what is shown */
	check_outlier(-1e22, "target value 0 ", true);
	begin(&t, 1000);
	for (uint32_t row = 0; row < 1000; row++)
		t.target[row] = 100000 + row;
	t.target[3] = 1e15;
	hpt_ok(choose(&t) == HPC_OK && t.fixed.lossless && t.fixed.wide,
		   "1e15 among integers is none");
	for (uint32_t row = 0; row < 1000; row++)
		t.target[row] += (double) row / 1024;
	t.target[3] = 1e15;
	hpt_ok(choose(&t) == HPC_OK && t.fixed.wide, "nor among fractions");
	/* closer than anyone could mean */
	for (uint32_t row = 0; row < 1000; row++)
		t.target[row] = 1 + (double) row * DBL_EPSILON;
	t.target[0] = 1e6;
	hpt_ok(choose(&t) == HPC_OK, "targets equal but for rounding may merge");
}

/* Numbers as a sensor gives them: many, close, and none an outlier. */
static void
check_many_targets(bool weights)
{
	enum
	{
		N = 400000
	};
	hpt_random random = {15};
	hpt_memory memory;
	hpc_fixed fixed;
	hpc_frame frame = {.nrows = N, .ncopies = N};

	hpt_memory_init(&memory, 1);
	frame.target = malloc(N * sizeof(double));
	frame.weight = weights ? malloc(N * sizeof(double)) : NULL;
	for (uint32_t row = 0; row < N; row++)
	{
		frame.target[row] = exp(3 * hpt_random_normal(&random));
		if (weights)
			frame.weight[row] = 0.5 + row % 2;
	}
	hpt_ok(hpc_fixed_choose(&memory.env, &frame, 24, &fixed) == HPC_OK,
		   "of many targets%s some may be very close",
		   weights ? " with weights" : "");
	free(frame.target);
	free(frame.weight);
}

/* ---------- refusals ---------- */

static void
check_refusals(void)
{
	static targets t;
	hpc_status status = HPC_NO_MEMORY;
	int64_t n;

	begin(&t, 1000);
	for (uint32_t row = 0; row < 1000; row++)
		t.target[row] = 1 + (double) row * 1e-9;
	t.target[1] = 1e12;
	for (n = 0; status == HPC_NO_MEMORY; n++)
	{
		t.memory.nrequests = 0;
		t.memory.fail_at = n + 1;
		status = choose(&t);
	}
	hpt_ok(status != HPC_CANCELLED && n > 2, "each of %d allocations can fail",
		   (int) n - 1);
}

static void
check_cancel(void)
{
	enum
	{
		N = 200000
	};
	hpt_memory memory;
	hpc_fixed fixed;
	hpc_frame frame = {.nrows = N, .ncopies = N};
	hpc_status status = HPC_CANCELLED;
	int n;

	frame.target = malloc(N * sizeof(double));
	frame.weight = malloc(N * sizeof(double));
	for (uint32_t row = 0; row < N; row++)
	{
		frame.target[row] = (double) (hpc_mix(row) >> 11) * 1e-7;
		frame.weight[row] = 0.5 + row % 2;
	}
	for (n = 0; status == HPC_CANCELLED; n++)
	{
		hpt_memory_init(&memory, 1);
		memory.cancel_at = n + 1;
		status = hpc_fixed_choose(&memory.env, &frame, 24, &fixed);
	}
	hpt_ok(status == HPC_OK && n > 3 * 3, "each of %d checks can cancel",
		   n - 1);
	free(frame.target);
	free(frame.weight);
}

int
main(void)
{
	check_all_tables();
	check_tiny_tables(false);
	check_tiny_tables(true);
	check_lossless(0);
	check_lossless(3);
	check_lossless(-7);
	check_lossless(900);
	check_lossless(-1070);
	check_means();
	check_pure_means();
	check_outliers();
	check_many_targets(false);
	check_many_targets(true);
	check_refusals();
	check_cancel();
	return hpt_done();
}
