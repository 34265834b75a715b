/*
 * hpc_chance.c
 *		How much of what categories say of the target may be chance.
 *
 * The best division of many levels gains something whatever they are: their
 * means differ by the noise in them (hpc_levels_chance in hpc_split.c).  What
 * of it is taken off the gains of a category depends on how much of the
 * differences between its levels is noise, by the analysis of variance over
 * all rows (Fisher 1925): with F the mean square between levels over the mean
 * square within them, 1 / F is the share of noise, 1 for a column of noise.
 *
 * To take off all of it in any case would stop a boosted series early.
 * Trees take out of the levels' means noise and effect alike.  Once a share s
 * of both is taken, a division gains (1 - s)^2 of what it gained at first, and
 * the best s is that of the effect, 1 - 1 / F (the best linear prediction of
 * random effects): gain by chance times 1 / F is what is left then.  But an F
 * over all rows also sees what levels owe to other features, which trees know
 * too; hence the square root of 1 / F, between both.
 *
 * Sums are exact, in units of the largest target times 2^-29.
 */
#include <math.h>
#include <string.h>

#include "hpc_chance.h"
#include "hpc_memory.h"

#define TARGET_BITS 29
#define WEIGHT_BITS 30

__extension__ typedef unsigned __int128 squares;

/* Rows of a level, or of all. */
typedef struct level_sum
{
	int64_t weight; /* units */
	int64_t sum;    /* of weight × q */
} level_sum;

typedef struct variance
{
	hpc_env *env;
	const hpc_frame *frame;
	int step;        /* q is in units of 2^step */
	int weight_step; /* weights in units of 2^weight_step */
	int64_t center;
	level_sum all;
	double squares;    /* of all rows, of weight × q^2 */
	level_sum *levels; /* [most codes + 1] */
} variance;

static inline int64_t
row_target(const variance *v, uint32_t row)
{
	return hpc_to_units(v->frame->target[row], v->step) - v->center;
}

static inline int64_t
row_weight(const variance *v, uint32_t row)
{
	int64_t count = hpc_row_count(v->frame, row);

	if (v->frame->weight == NULL)
		return count;
	return count * hpc_to_units(v->frame->weight[row], v->weight_step);
}

static hpc_status
choose_units(variance *v)
{
	double largest;
	double weight;
	hpc_status status = hpc_frame_largest_target(v->env, v->frame, &largest);

	if (status == HPC_OK)
		status = hpc_frame_total_weight(v->env, v->frame, &weight);
	if (status != HPC_OK)
		return status;
	v->step = hpc_exponent_above(largest) - TARGET_BITS;
	if (v->frame->weight != NULL)
		v->weight_step = hpc_exponent_above(weight) - WEIGHT_BITS;
	return HPC_OK;
}

/* Sums of all rows, with the mean as the origin of q. */
static hpc_status
sum_rows(variance *v)
{
	squares sum = 0;

	for (int pass = 0; pass < 2; pass++)
	{
		v->all = (level_sum){0, 0};
		for (uint32_t row = 0; row < v->frame->nrows; row++)
		{
			int64_t q = row_target(v, row);
			int64_t weight = row_weight(v, row);

			v->all.weight += weight;
			v->all.sum += weight * q;
			if (pass == 1)
				sum += (squares) (weight * q * (__int128) q);
			if (hpc_poll(v->env, row))
				return HPC_CANCELLED;
		}
		if (pass == 0 && v->all.weight > 0)
			v->center = v->all.sum / v->all.weight;
	}
	v->squares = (double) sum;
	return HPC_OK;
}

/* The sum of squares that a level's mean explains. */
static inline double
explained(level_sum level)
{
	return (double) level.sum * (double) level.sum / (double) level.weight;
}

static hpc_status
measure_share(variance *v, const hpc_feature *feature, double *share)
{
	double unit = hpc_scale(1, -v->weight_step);
	double nlevels = 0;
	double sum = 0;
	double between;
	double within;

	memset(v->levels, 0, ((size_t) feature->nbins + 1) * sizeof(level_sum));
	for (uint32_t row = 0; row < v->frame->nrows; row++)
	{
		level_sum *level = &v->levels[hpc_code(feature, row)];
		int64_t weight = row_weight(v, row);

		level->weight += weight;
		level->sum += weight * row_target(v, row);
		if (hpc_poll(v->env, row))
			return HPC_CANCELLED;
	}
	for (uint32_t code = 0; code <= feature->nbins; code++)
	{
		if (v->levels[code].weight == 0)
			continue;
		nlevels++;
		sum += explained(v->levels[code]);
	}
	*share = 1;
	if (nlevels < 2 || (double) v->all.weight <= nlevels * unit)
		return HPC_OK;
	between = (sum - explained(v->all)) / (nlevels - 1);
	within = (v->squares - sum) / ((double) v->all.weight / unit - nlevels);
	if (between > within)
		*share = sqrt(fmax(within, 0) / between);
	return HPC_OK;
}

/* Most codes that a category has, or 0. */
static uint32_t
most_codes(const hpc_frame *frame)
{
	uint32_t most = 0;

	for (int i = 0; i < frame->nfeatures; i++)
	{
		const hpc_feature *feature = &frame->features[i];

		if (feature->kind == HPC_CATEGORY && feature->nbins > most)
			most = feature->nbins;
	}
	return most;
}

hpc_status
hpc_chance_shares(hpc_env *env, const hpc_frame *frame, double **shares)
{
	size_t nfeatures = (size_t) frame->nfeatures;
	uint32_t ncodes = most_codes(frame);
	variance v = {.env = env, .frame = frame};
	hpc_status status;

	*shares = NULL;
	if (ncodes == 0)
		return HPC_OK;
	*shares = hpc_alloc0(env, nfeatures, sizeof(double));
	v.levels = hpc_alloc(env, (size_t) ncodes + 1, sizeof(level_sum));
	status = *shares != NULL && v.levels != NULL ? HPC_OK : HPC_NO_MEMORY;
	if (status == HPC_OK)
		status = choose_units(&v);
	if (status == HPC_OK)
		status = sum_rows(&v);
	for (int i = 0; i < frame->nfeatures && status == HPC_OK; i++)
	{
		if (frame->features[i].kind == HPC_CATEGORY)
			status = measure_share(&v, &frame->features[i], &(*shares)[i]);
	}
	hpc_free(env, v.levels);
	return status;
}
