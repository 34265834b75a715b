/*
 * hpc_outcome.c
 *		Predictions for rows held out: how they are distributed, and by how much
 *		they miss in the middle.
 *
 * Rows count as often as they are there, whatever their weight.  What is asked
 * are values at given ranks: rows are counted by buckets of values, and only
 * the buckets that hold such a rank are sorted.  That takes three passes over
 * the rows and no memory to speak of, unless most values are close together.
 *
 * Where logarithms are learned, it is they that are ranked, and their
 * differences; what is found is brought back.
 */
#include <math.h>

#include "hpc_drift.h"
#include "hpc_memory.h"
#include "hpc_predict.h"
#include "hpc_sort.h"

/* Buckets are at most so many, and for few rows about as many as these. */
#define LEAST_BUCKET_BITS 8
#define MOST_BUCKET_BITS 16

/* Ranks that are asked for together. */
#define MAX_RANKS (HPC_VALUE_GROUPS - 1)

/* The rows held out, by one of their values. */
typedef struct outcomes
{
	hpc_env *env;
	const hpc_frame *frame;
	const hpc_held *held;
	bool ratios;    /* values are prediction / target, not predictions */
	uint64_t total; /* rows that have a value, copies counted */
	uint64_t least; /* key, as in hpc_sortable ... */
	uint64_t greatest;
	int shift; /* ... of the bits in which those of a bucket differ */
	uint32_t nbuckets;
	uint64_t *through; /* [nbuckets] rows of it and those before it */
	bool *wanted;      /* [nbuckets] it holds a rank that is asked for */
	hpc_pair *pairs;   /* [npairs] rows of these, by key */
	uint32_t npairs;
} outcomes;

/* What was found at a rank. */
typedef struct quantile
{
	uint64_t rank; /* from 1; ascending */
	uint64_t key;
	uint64_t rows; /* with a key up to it */
} quantile;

/* The key of a row; false: it has no value. */
static inline bool
key_of(const outcomes *o, uint32_t row, uint64_t *key)
{
	double value = o->held->prediction[row];
	double target = o->frame->target[row];

	if (isnan(value))
		return false;
	if (o->ratios && !o->frame->log_target)
	{
		if (target <= 0)
			return false;
		value /= target;
	}
	else if (o->ratios)
		value -= target;
	*key = hpc_sortable(hpc_model_number(value));
	return true;
}

static inline uint32_t
bucket_of(const outcomes *o, uint64_t key)
{
	return (uint32_t) ((key - o->least) >> o->shift);
}

/* ---------- values at ranks ---------- */

/* The ends of the values, and how many there are. */
static hpc_status
find_ends(outcomes *o)
{
	o->total = 0;
	o->least = UINT64_MAX;
	o->greatest = 0;
	for (uint32_t row = 0; row < o->frame->nrows; row++)
	{
		uint64_t key;

		if (hpc_poll(o->env, row))
			return HPC_CANCELLED;
		if (!key_of(o, row, &key))
			continue;
		o->total += hpc_row_count(o->frame, row);
		o->least = key < o->least ? key : o->least;
		o->greatest = key > o->greatest ? key : o->greatest;
	}
	return HPC_OK;
}

static hpc_status
count_buckets(outcomes *o)
{
	int bits = LEAST_BUCKET_BITS;

	while (bits < MOST_BUCKET_BITS && o->frame->nrows >> bits > 0)
		bits++;
	o->shift = 0;
	while ((o->greatest - o->least) >> o->shift >> bits > 0)
		o->shift++;
	o->nbuckets = bucket_of(o, o->greatest) + 1;
	o->through = hpc_alloc0(o->env, o->nbuckets, sizeof(uint64_t));
	o->wanted = hpc_alloc0(o->env, o->nbuckets, sizeof(bool));
	if (o->through == NULL || o->wanted == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < o->frame->nrows; row++)
	{
		uint64_t key;

		if (hpc_poll(o->env, row))
			return HPC_CANCELLED;
		if (key_of(o, row, &key))
			o->through[bucket_of(o, key)] += hpc_row_count(o->frame, row);
	}
	for (uint32_t i = 1; i < o->nbuckets; i++)
		o->through[i] += o->through[i - 1];
	return HPC_OK;
}

/* Marks the buckets of the ranks; answers rows in them, copies counted. */
static uint64_t
mark_buckets(outcomes *o, const quantile *quantiles, int n)
{
	uint64_t nrows = 0;
	uint32_t bucket = 0;

	for (int i = 0; i < n; i++)
	{
		while (o->through[bucket] < quantiles[i].rank)
			bucket++;
		if (!o->wanted[bucket])
			nrows +=
				o->through[bucket] - (bucket > 0 ? o->through[bucket - 1] : 0);
		o->wanted[bucket] = true;
	}
	return nrows;
}

/* The rows of the buckets that are marked, by key. */
static hpc_status
sort_buckets(outcomes *o, uint64_t most)
{
	hpc_pair *spare;
	hpc_status status;

	if (most > o->frame->nrows)
		most = o->frame->nrows;
	o->pairs = hpc_alloc(o->env, most, sizeof(hpc_pair));
	if (o->pairs == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < o->frame->nrows; row++)
	{
		uint64_t key;

		if (hpc_poll(o->env, row))
			return HPC_CANCELLED;
		if (key_of(o, row, &key) && o->wanted[bucket_of(o, key)])
			o->pairs[o->npairs++] = (hpc_pair){key, row};
	}
	spare = hpc_alloc(o->env, o->npairs, sizeof(hpc_pair));
	if (spare == NULL)
		return HPC_NO_MEMORY;
	status = hpc_sort_pairs(o->env, o->npairs, o->pairs, spare)
				 ? HPC_OK
				 : HPC_CANCELLED;
	hpc_free(o->env, spare);
	return status;
}

/* Looks the ranks up among the sorted rows. */
static void
read_quantiles(const outcomes *o, quantile *quantiles, int n)
{
	uint32_t next = 0;
	uint64_t passed = 0;

	for (int i = 0; i < n; i++)
	{
		while (passed < quantiles[i].rank)
		{
			uint64_t key = o->pairs[next].key;
			uint32_t bucket = bucket_of(o, key);

			/* what lies between is in buckets that are not wanted */
			if (bucket > 0 && passed < o->through[bucket - 1])
				passed = o->through[bucket - 1];
			while (next < o->npairs && o->pairs[next].key == key)
				passed += hpc_row_count(o->frame, o->pairs[next++].row);
		}
		quantiles[i].key = o->pairs[next - 1].key;
		quantiles[i].rows = passed;
	}
}

/* Finds the values at n ranks among the total, which is known. */
static hpc_status
find_quantiles(outcomes *o, quantile *quantiles, int n)
{
	hpc_status status = count_buckets(o);

	if (status == HPC_OK)
		status = sort_buckets(o, mark_buckets(o, quantiles, n));
	if (status == HPC_OK)
		read_quantiles(o, quantiles, n);
	hpc_free(o->env, o->through);
	hpc_free(o->env, o->wanted);
	hpc_free(o->env, o->pairs);
	o->through = NULL;
	o->wanted = NULL;
	o->pairs = NULL;
	o->npairs = 0;
	return status;
}

/* ---------- predictions and ratios ---------- */

/* Groups up to each tenth; the last has no end. */
static hpc_status
group_predictions(outcomes *o, const hpc_training_record *record,
				  hpc_groups *groups)
{
	quantile tenths[MAX_RANKS];
	uint64_t before = 0;
	hpc_status status;

	for (uint64_t i = 0; i < MAX_RANKS; i++)
		tenths[i].rank =
			((i + 1) * o->total + HPC_VALUE_GROUPS - 1) / HPC_VALUE_GROUPS;
	status = find_quantiles(o, tenths, MAX_RANKS);
	if (status != HPC_OK)
		return status;
	for (int i = 0; i < MAX_RANKS; i++)
	{
		double bound =
			hpc_predict_retransform(record, hpc_from_sortable(tenths[i].key));
		bool beyond = groups->ngroups == 0 ||
					  bound > groups->group[groups->ngroups - 1].bound;

		if (!beyond || tenths[i].rows == o->total)
			continue;
		groups->group[groups->ngroups++] =
			(hpc_group){tenths[i].rows - before, bound};
		before = tenths[i].rows;
	}
	groups->group[groups->ngroups++] =
		(hpc_group){o->total - before, INFINITY};
	groups->group[groups->ngroups++] = (hpc_group){0, 0};
	return HPC_OK;
}

/* What a value between predictions and targets stands for. */
static double
ratio_of(const hpc_training_record *record, uint64_t key)
{
	return hpc_predict_retransform(record, hpc_from_sortable(key));
}

/* The mean of the two in the middle. */
static hpc_status
find_median(outcomes *o, const hpc_training_record *record, double *ratio)
{
	quantile middle[2] = {{.rank = (o->total + 1) / 2},
						  {.rank = o->total / 2 + 1}};
	hpc_status status = find_quantiles(o, middle, 2);

	if (status == HPC_OK)
		*ratio = hpc_midpoint(ratio_of(record, middle[0].key),
							  ratio_of(record, middle[1].key));
	return status;
}

hpc_status
hpc_outcome_measure(hpc_env *env, const hpc_frame *frame, const hpc_held *held,
					const hpc_training_record *record, hpc_outcome *outcome)
{
	outcomes o = {.env = env, .frame = frame, .held = held};
	hpc_training_record own = *record;
	hpc_status status;

	outcome->predictions.ngroups = 0;
	outcome->ratio = NAN;
	if (held->prediction == NULL || frame->groups == NULL)
		return HPC_OK;
	own.log_scale = frame->log_target;
	own.smearing = hpc_model_smearing(record->smearing);
	status = find_ends(&o);
	if (status == HPC_OK && o.total > 0)
		status = group_predictions(&o, &own, &outcome->predictions);
	o.ratios = true;
	if (status == HPC_OK)
		status = find_ends(&o);
	if (status == HPC_OK && o.total > 0)
		status = find_median(&o, &own, &outcome->ratio);
	return status;
}
