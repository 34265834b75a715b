/*
 * hpc_likeness.c
 *		Features that say the same of the target.
 *
 * What a feature says of the target is the mean target of the rows that have
 * its value: a number for each row, whatever the feature's kind.  Another
 * feature knows as much of it as its groups explain of the variance of these
 * means: the correlation ratio (Pearson 1905; Fisher 1925), 1 where it
 * determines them.  Values are taken in groups of neighbours, at most GROUPS,
 * so that many values do not seem to know more than they do.
 *
 * Weights of rows do not count here.  Sums are of integers, in units of the largest target times 2^-TARGET_BITS.
 *
 * Cost: a pass over the rows for each pair that is compared.
 */
#include <math.h>

#include "hpc_likeness.h"
#include "hpc_memory.h"

#define GROUPS 32
#define TARGET_BITS 40

/* A feature that alone explains less than this says next to nothing. */
#define LEAST_SHARE 0.05

/* Of what a feature says, so much is most of it. */
#define MOST 0.75

/* A feature is compared with so many that stand first. */
#define FIRST 40

__extension__ typedef __int128 wide;

typedef struct group
{
	wide sum;
	uint64_t count;
} group;

/* What a feature says: the mean target of each of its groups. */
typedef struct saying
{
	int64_t mean[GROUPS + 1];
	double share; /* of the variance of the target */
	double total; /* sum of squares of the means, by row */
} saying;

typedef struct likeness
{
	hpc_env *env;
	const hpc_frame *frame;
	int64_t *target; /* [nrows] less the mean */
	double total;    /* sum of squares */
} likeness;

static inline uint32_t
group_of(const hpc_feature *feature, uint32_t row)
{
	uint64_t codes = (uint64_t) feature->nbins + 1;
	uint64_t code = hpc_code(feature, row);

	return (uint32_t) (codes <= GROUPS ? code : code * GROUPS / codes);
}

/* Sum of squares that the means of groups explain; means[GROUPS] or NULL. */
static double
explained(const group *groups, int64_t *means)
{
	double between = 0;

	for (int i = 0; i <= GROUPS; i++)
	{
		double mean = 0;

		if (groups[i].count > 0)
			mean = (double) groups[i].sum / (double) groups[i].count;
		between += mean * (double) groups[i].sum;
		if (means != NULL)
			means[i] = (int64_t) floor(mean + 0.5);
	}
	return between;
}

/* Targets as integers around 0. */
static hpc_status
take_targets(likeness *l)
{
	const hpc_frame *frame = l->frame;
	double largest;
	wide sum = 0;
	wide squares = 0;
	int64_t mean;
	int unit;
	hpc_status status = hpc_frame_largest_target(l->env, frame, &largest);

	l->target = hpc_alloc(l->env, frame->nrows, sizeof(int64_t));
	if (l->target == NULL)
		return HPC_NO_MEMORY;
	unit = hpc_exponent_above(largest) - TARGET_BITS;
	for (uint32_t row = 0; row < frame->nrows && status == HPC_OK; row++)
	{
		l->target[row] = hpc_to_units(frame->target[row], unit);
		sum += (wide) l->target[row] * hpc_row_count(frame, row);
		if (hpc_poll(l->env, row))
			status = HPC_CANCELLED;
	}
	mean = (int64_t) (sum / (wide) frame->ncopies);
	for (uint32_t row = 0; row < frame->nrows && status == HPC_OK; row++)
	{
		l->target[row] -= mean;
		squares +=
			(wide) l->target[row] * l->target[row] * hpc_row_count(frame, row);
		if (hpc_poll(l->env, row))
			status = HPC_CANCELLED;
	}
	l->total = (double) squares;
	return status;
}

static void
hear(const likeness *l, const hpc_feature *feature, saying *said)
{
	const hpc_frame *frame = l->frame;
	group groups[GROUPS + 1] = {{0, 0}};

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		group *its = &groups[group_of(feature, row)];
		uint32_t count = hpc_row_count(frame, row);

		its->sum += (wide) l->target[row] * count;
		its->count += count;
	}
	said->total = explained(groups, said->mean);
	said->share = l->total > 0 ? said->total / l->total : 0;
}

/* How much of what a feature says another one knows. */
static double
known_share(const likeness *l, const hpc_feature *feature, const saying *said,
			const hpc_feature *other)
{
	const hpc_frame *frame = l->frame;
	group groups[GROUPS + 1] = {{0, 0}};

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		group *its = &groups[group_of(other, row)];
		uint32_t count = hpc_row_count(frame, row);

		its->sum += (wide) said->mean[group_of(feature, row)] * count;
		its->count += count;
	}
	return explained(groups, NULL) / said->total;
}

/* Among order[n], the one that knows most of what a feature says, or -1. */
static int
find_same(const likeness *l, int index, const int *order, int n)
{
	const hpc_feature *feature = &l->frame->features[index];
	double most = MOST;
	int same = -1;
	saying said;

	hear(l, feature, &said);
	if (said.share < LEAST_SHARE)
		return -1;
	for (int i = 0; i < n && i < FIRST; i++)
	{
		double known =
			known_share(l, feature, &said, &l->frame->features[order[i]]);

		if (known > most)
		{
			most = known;
			same = order[i];
		}
	}
	return same;
}

hpc_status
hpc_likeness_find(hpc_env *env, const hpc_frame *frame, const int *order,
				  int n, int *same)
{
	likeness l = {.env = env, .frame = frame};
	hpc_status status = take_targets(&l);

	for (int i = 0; i < n && status == HPC_OK; i++)
	{
		same[i] = find_same(&l, order[i], order, i);
		if (hpc_cancelled(env))
			status = HPC_CANCELLED;
	}
	hpc_free(env, l.target);
	return status;
}
