/*
 * hpc_target.c
 *		Targets: in units of powers of two, and as logarithms.
 */
#include <math.h>
#include <string.h>

#include "hpc_frame.h"
#include "hpc_memory.h"

/* Fewer rows say nothing about skewness. */
#define MIN_ROWS_FOR_LOG 20

/* Deviations in the sums of third powers: 2^(3 * 30 + 31) fits 128 bits. */
#define DEVIATION_BITS 30

/* ---------- powers of two ---------- */

double
hpc_scale(double number, int exponent)
{
	/* at most three factors, each a power of two in range */
	while (exponent != 0)
	{
		int step = exponent > 1000    ? 1000
				   : exponent < -1000 ? -1000
									  : exponent;
		uint64_t bits = (uint64_t) (1023 + step) << 52;
		double factor;

		memcpy(&factor, &bits, sizeof(factor));
		number *= factor;
		exponent -= step;
	}
	return number;
}

int64_t
hpc_to_units(double number, int exponent)
{
	double scaled = hpc_scale(number, -exponent);
	double whole = floor(scaled);

	/* floor(scaled + 0.5) would move odd numbers above 2^52 */
	return (int64_t) whole + (scaled - whole >= 0.5);
}

int
hpc_exponent_above(double magnitude)
{
	uint64_t bits;
	int exponent;

	if (magnitude == 0)
		return 0;
	memcpy(&bits, &magnitude, sizeof(bits));
	exponent = (int) (bits >> 52 & 2047);
	if (exponent == 0) /* denormal */
		return hpc_exponent_above(hpc_scale(magnitude, 64)) - 64;
	return exponent - 1022;
}

/* ---------- logarithms ---------- */

/* Largest distance of any from origin. */
static hpc_status
largest_distance(hpc_env *env, const double *values, uint32_t n, double origin,
				 double *largest)
{
	*largest = 0;
	for (uint32_t i = 0; i < n; i++)
	{
		*largest = fmax(*largest, fabs(values[i] - origin));
		if (hpc_poll(env, i))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

static hpc_status
mean_of(hpc_env *env, const hpc_frame *frame, const double *values,
		double *mean)
{
	hpc_sum sum;

	hpc_sum_init(&sum);
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		hpc_sum_add_times(&sum, values[row], hpc_row_count(frame, row));
		if (hpc_poll(env, row))
			return HPC_CANCELLED;
	}
	*mean = hpc_sum_round(&sum) / (double) frame->ncopies;
	return HPC_OK;
}

/*
 * Size of the skewness of values[nrows], copies counted: exact sums of rounded
 * cubes.
 */
static hpc_status
measure_skewness(hpc_env *env, const hpc_frame *frame, const double *values,
				 double *skewness)
{
	double n = (double) frame->ncopies;
	double mean;
	double largest;
	int unit;
	__int128 squares = 0;
	__int128 cubes = 0;
	double variance;

	if (mean_of(env, frame, values, &mean) != HPC_OK ||
		largest_distance(env, values, frame->nrows, mean, &largest) != HPC_OK)
		return HPC_CANCELLED;
	unit = hpc_exponent_above(largest) - DEVIATION_BITS;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		__int128 d = hpc_to_units(values[row] - mean, unit);
		uint32_t count = hpc_row_count(frame, row);

		squares += d * d * count;
		cubes += d * d * d * count;
		if (hpc_poll(env, row))
			return HPC_CANCELLED;
	}
	variance = (double) squares / n;
	*skewness = variance > 0
					? fabs((double) cubes / n / (variance * sqrt(variance)))
					: 0;
	return HPC_OK;
}

/* ERROR: a target that has no logarithm. */
static hpc_status
fail_not_positive(hpc_env *env, double target)
{
	hpc_fail(env, HPC_BAD_DATA, "target %.15g has no logarithm", target);
	hpc_fail_hint(env, "Leave the row out with FILTER (WHERE ...), or say "
					   "log_target => false.");
	return HPC_BAD_DATA;
}

static hpc_status
take_logarithms(hpc_env *env, const hpc_frame *frame, double *logs)
{
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		logs[row] = hpc_log(frame->target[row]);
		if (hpc_poll(env, row))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/* Are the logarithms less skewed? */
static hpc_status
compare_skewness(hpc_env *env, const hpc_frame *frame, const double *logs,
				 bool *less)
{
	double before;
	double after;

	if (measure_skewness(env, frame, logs, &after) != HPC_OK ||
		measure_skewness(env, frame, frame->target, &before) != HPC_OK)
		return HPC_CANCELLED;
	*less = after < before;
	return HPC_OK;
}

hpc_status
hpc_frame_log_target(hpc_env *env, hpc_frame *frame, int64_t want)
{
	bool take = true;
	double *logs;
	hpc_status status;

	if (want == 0 || (want < 0 && (frame->target_min <= 0 ||
								   frame->ncopies < MIN_ROWS_FOR_LOG)))
		return HPC_OK;
	if (frame->target_min <= 0)
		return fail_not_positive(env, frame->target_min);
	logs = hpc_alloc(env, frame->nrows, sizeof(double));
	if (logs == NULL)
		return HPC_NO_MEMORY;
	status = take_logarithms(env, frame, logs);
	if (status == HPC_OK && want < 0)
		status = compare_skewness(env, frame, logs, &take);
	if (status != HPC_OK || !take)
	{
		hpc_free(env, logs);
		return status;
	}
	hpc_free(env, frame->target);
	frame->target = logs;
	frame->log_target = true;
	return HPC_OK;
}

/* ---------- sizes ---------- */

void
hpc_frame_target_range(const hpc_frame *frame, double *low, double *high)
{
	*low = frame->target_min;
	*high = frame->target_max;
	if (!frame->log_target)
		return;
	*low = hpc_log(*low);
	*high = hpc_log(*high);
}

hpc_status
hpc_frame_largest_target(hpc_env *env, const hpc_frame *frame, double *largest)
{
	return largest_distance(env, frame->target, frame->nrows, 0, largest);
}

hpc_status
hpc_frame_total_weight(hpc_env *env, const hpc_frame *frame, double *total)
{
	hpc_sum sum;

	*total = (double) frame->ncopies;
	if (frame->weight == NULL)
		return HPC_OK;
	hpc_sum_init(&sum);
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		hpc_sum_add_product(&sum, frame->weight[row],
							hpc_row_count(frame, row));
		if (hpc_poll(env, row))
			return HPC_CANCELLED;
	}
	*total = hpc_sum_round(&sum);
	return HPC_OK;
}
