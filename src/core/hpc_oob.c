/*
 * hpc_oob.c
 *		Losses of predictions for rows that were held out in training.
 *
 * Sums are exact (hpc_sum), of losses in units of the power of two above the
 * largest target, so that squares cannot overflow.
 */
#include <math.h>

#include "hpc_memory.h"
#include "hpc_oob.h"

typedef struct losses
{
	hpc_sum weight;
	hpc_sum absolute;
	hpc_sum squared;
	hpc_sum spread;
	hpc_sum smearing;
} losses;

static void
add_losses(losses *sums, double weight, double error, double deviation)
{
	hpc_sum_add(&sums->weight, weight);
	hpc_sum_add_product(&sums->absolute, weight, fabs(error));
	hpc_sum_add_product(&sums->squared, weight, error * error);
	hpc_sum_add_product(&sums->spread, weight, deviation * deviation);
}

void
hpc_held_free(hpc_env *env, hpc_held *held)
{
	hpc_free(env, held->prediction);
	hpc_free(env, held->spread);
	*held = (hpc_held){NULL, NULL, 0};
}

hpc_status
hpc_oob_measure(hpc_env *env, const hpc_frame *frame, const hpc_held *held,
				hpc_oob *oob)
{
	int unit = hpc_exponent_above(
		fmax(fabs(frame->target_min), fabs(frame->target_max)));
	double mean = hpc_scale(frame->target_mean, -unit);
	losses sums;
	double weight;

	*oob = (hpc_oob){0, NAN, NAN, NAN, 1};
	if (held->prediction == NULL)
		return HPC_OK;
	hpc_sum_init(&sums.weight);
	hpc_sum_init(&sums.absolute);
	hpc_sum_init(&sums.squared);
	hpc_sum_init(&sums.spread);
	hpc_sum_init(&sums.smearing);
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t count = hpc_row_count(frame, row);
		double target = frame->target[row];
		double predicted = held->prediction[row];

		if (hpc_poll(env, row))
			return HPC_CANCELLED;
		if (isnan(predicted))
			continue;
		weight = hpc_row_weight(frame, row) * count;
		oob->nrows += count;
		if (frame->log_target)
		{
			hpc_sum_add_product(&sums.smearing, weight,
								hpc_exp(target - predicted));
			target = hpc_exp(target);
			predicted = hpc_exp(predicted);
		}
		target = hpc_scale(target, -unit);
		add_losses(&sums, weight, target - hpc_scale(predicted, -unit),
				   target - mean);
	}
	weight = hpc_sum_round(&sums.weight);
	if (oob->nrows > 0 && weight > 0)
	{
		double sse = hpc_sum_round(&sums.squared);
		double sst = hpc_sum_round(&sums.spread);

		oob->mae = hpc_scale(hpc_sum_round(&sums.absolute) / weight, unit);
		oob->rmse = hpc_scale(sqrt(sse / weight), unit);
		oob->r2 = sst > 0 ? 1 - sse / sst : NAN;
		if (frame->log_target)
			oob->smearing = hpc_sum_round(&sums.smearing) / weight;
	}
	return HPC_OK;
}
