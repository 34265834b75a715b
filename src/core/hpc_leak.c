/*
 * hpc_leak.c
 *		The leak guard.
 *
 * A copy of the target is a feature whose distinct values map one to one and
 * in order, rising or falling, onto the target's: the price itself, its
 * logarithm, its negative, the price in thousands.  Fewer than 20 distinct
 * values may do so by chance, unless they are the target's own.  Texts have no
 * order: one to one is enough.
 *
 * A near copy explains nearly all of the target on its own.  A forest on
 * that one feature measures it out of bag; it is grown only where the means
 * over a few dozen groups of neighbouring values come near the limit.
 */
#include <math.h>
#include <string.h>

#include "hpc_forest.h"
#include "hpc_leak.h"
#include "hpc_memory.h"
#include "hpc_random.h"

#define MIN_DISTINCT 20
#define MIN_ROWS 20 /* fewer say nothing */
#define GROUPS 64
#define GROUP_LIMIT 0.9 /* R² of group means worth a closer look */
#define LEAK_TREES 10
#define LEAK_MIN_LEAF 3
#define SAMPLE_ROWS 20000
#define MIN_ROWS_FOR_KEY 20
#define MIN_ROWS_FOR_SPARSE_KEY 100

/*
 * For each value of a feature, the one target rank that its rows have.
 * False: some value has two.
 */
static bool
one_target_each(const hpc_frame *frame, const hpc_feature *feature,
				uint32_t *target_of)
{
	memset(target_of, 0xff, feature->nvalues * sizeof(uint32_t));
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t rank = hpc_feature_rank(feature, row);

		if (rank == feature->nvalues)
			continue;
		if (target_of[rank] != UINT32_MAX &&
			target_of[rank] != frame->target_rank[row])
			return false;
		target_of[rank] = frame->target_rank[row];
	}
	return true;
}

static bool
strictly_ordered(const uint32_t *target_of, uint32_t n)
{
	bool rising = true;
	bool falling = true;

	for (uint32_t i = 1; i < n; i++)
	{
		rising &= target_of[i] > target_of[i - 1];
		falling &= target_of[i] < target_of[i - 1];
	}
	return rising || falling;
}

/* A name between single quotes, as SQL wants it; too long a one is cut. */
static const char *
quoted(const char *name, char *buffer, size_t size)
{
	size_t n = 0;

	buffer[n++] = '\'';
	for (; *name != '\0' && n + 4 < size; name++)
	{
		if (*name == '\'')
			buffer[n++] = '\'';
		buffer[n++] = *name;
	}
	buffer[n++] = '\'';
	buffer[n] = '\0';
	return buffer;
}

/* Are no two of the targets the same?  (Texts have no order to go by.) */
static hpc_status
all_different(hpc_env *env, const uint32_t *target_of, uint32_t n,
			  uint32_t ntargets, bool *different)
{
	bool *seen = hpc_alloc0(env, ntargets, sizeof(bool));

	if (seen == NULL)
		return HPC_NO_MEMORY;
	*different = true;
	for (uint32_t i = 0; i < n; i++)
	{
		*different &= !seen[target_of[i]];
		seen[target_of[i]] = true;
	}
	hpc_free(env, seen);
	return HPC_OK;
}

/* Is the feature the target itself, on every row that has it? */
static bool
is_target(const hpc_frame *frame, const hpc_feature *feature)
{
	if (feature->kind == HPC_CATEGORY || feature->nvalues < 2 ||
		frame->ncopies < MIN_ROWS)
		return false;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t rank = hpc_feature_rank(feature, row);

		if (rank < feature->nvalues &&
			feature->values[rank] !=
				hpc_scale((double) frame->target[row], frame->target_scale))
			return false;
	}
	return true;
}

/* Do its values, at least MIN_DISTINCT, map in order onto the target's? */
static hpc_status
is_copy(hpc_env *env, const hpc_frame *frame, const hpc_feature *feature,
		bool *copy)
{
	uint32_t *target_of;
	hpc_status status = HPC_OK;

	*copy = false;
	if (feature->nvalues < MIN_DISTINCT)
		return HPC_OK;
	target_of = hpc_alloc(env, feature->nvalues, sizeof(uint32_t));
	if (target_of == NULL)
		return HPC_NO_MEMORY;
	*copy = one_target_each(frame, feature, target_of);
	if (*copy && feature->kind != HPC_CATEGORY)
		*copy = strictly_ordered(target_of, feature->nvalues);
	else if (*copy)
		status = all_different(env, target_of, feature->nvalues,
							   frame->ntargets, copy);
	hpc_free(env, target_of);
	return status;
}

/* ERROR: the feature and what it gives away. */
static hpc_status
fail_leak(hpc_env *env, const hpc_feature *feature, bool same)
{
	char name[256];

	hpc_fail(env, HPC_LEAK, "column \"%s\" gives the target away",
			 feature->name);
	if (same)
		hpc_fail_detail(env, "It equals the target on every row.");
	else
		hpc_fail_detail(env,
						"Its %u distinct values map one to one%s onto the "
						"target's.",
						feature->nvalues,
						feature->kind == HPC_CATEGORY ? "" : " and in order");
	hpc_fail_hint(env,
				  "Leave it out with exclude => ARRAY[%s], or keep it with "
				  "leak => 'allow'.",
				  quoted(feature->name, name, sizeof(name)));
	return HPC_LEAK;
}

hpc_status
hpc_leak_check(hpc_env *env, const hpc_frame *frame)
{
	for (int i = 0; i < frame->nfeatures; i++)
	{
		const hpc_feature *feature = &frame->features[i];
		bool same;
		bool copy;
		hpc_status status;

		same = is_target(frame, feature);
		status = is_copy(env, frame, feature, &copy);
		if (status != HPC_OK)
			return status;
		if (hpc_cancelled(env))
			return HPC_CANCELLED;
		if (same || copy)
			return fail_leak(env, feature, same);
	}
	return HPC_OK;
}

/* ---------- near copies ---------- */

/* R² of the means over GROUPS groups of neighbouring values. */
static double
group_r2(const hpc_frame *frame, const hpc_feature *feature)
{
	hpc_total groups[GROUPS + 1] = {{0, 0}};
	hpc_total all = {0, 0};
	double total = 0;
	double between = 0;
	double mean;

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t rank = hpc_feature_rank(feature, row);
		hpc_total *group = &groups[(uint64_t) rank * GROUPS /
								   ((uint64_t) feature->nvalues + 1)];
		__int128 sum = (__int128) frame->target[row] * frame->count[row];

		group->sum += sum;
		group->weight += frame->count[row];
		all.sum += sum;
		all.weight += frame->count[row];
	}
	mean = (double) all.sum / (double) all.weight;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		double d = (double) frame->target[row] - mean;

		total += d * d * frame->count[row];
	}
	for (int i = 0; i <= GROUPS; i++)
	{
		double d;

		if (groups[i].weight == 0)
			continue;
		d = (double) groups[i].sum / (double) groups[i].weight - mean;
		between += d * d * (double) groups[i].weight;
	}
	return total > 0 ? between / total : 0;
}

/*
 * A frame of one feature and at most about SAMPLE_ROWS rows, drawn by their
 * content, that borrows the feature's values.
 */
typedef struct slice
{
	hpc_frame frame;
	hpc_feature feature;
} slice;

static void
free_slice(hpc_env *env, slice *part)
{
	hpc_free(env, part->frame.count);
	hpc_free(env, part->frame.key);
	hpc_free(env, part->frame.target);
	hpc_free(env, part->feature.ranks);
}

static bool
allocate_slice(hpc_env *env, slice *part, uint32_t nrows)
{
	part->frame.count = hpc_alloc(env, nrows, sizeof(uint32_t));
	part->frame.key = hpc_alloc(env, nrows, sizeof(uint64_t));
	part->frame.target = hpc_alloc(env, nrows, sizeof(int64_t));
	part->feature.ranks = hpc_alloc(env, nrows, sizeof(uint32_t));
	return part->frame.count != NULL && part->frame.key != NULL &&
		   part->frame.target != NULL && part->feature.ranks != NULL;
}

static hpc_status
cut_slice(hpc_env *env, const hpc_frame *frame, const hpc_feature *feature,
		  slice *part)
{
	uint64_t stream = hpc_stream(HPC_TAG_LEAK, 0, 0);
	uint64_t threshold =
		hpc_share_threshold((double) SAMPLE_ROWS / frame->nrows);
	__int128 sum = 0;
	uint32_t n = 0;

	memset(part, 0, sizeof(*part));
	if (!allocate_slice(env, part, frame->nrows))
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		if (frame->nrows > SAMPLE_ROWS &&
			hpc_draw(stream, frame->key[row]) >= threshold)
			continue;
		part->frame.count[n] = frame->count[row];
		part->frame.key[n] = frame->key[row];
		part->frame.target[n] = frame->target[row];
		((uint32_t *) part->feature.ranks)[n] = hpc_feature_rank(feature, row);
		part->frame.ncopies += frame->count[row];
		sum += (__int128) frame->target[row] * frame->count[row];
		n++;
	}
	part->feature.name = feature->name;
	part->feature.kind = feature->kind;
	part->feature.name_hash = feature->name_hash;
	part->feature.nvalues = feature->nvalues;
	part->feature.values = feature->values;
	part->feature.nbins = feature->nbins;
	part->feature.bin_of = feature->bin_of;
	part->feature.width = sizeof(uint32_t);
	part->frame.nrows = n;
	part->frame.nfeatures = 1;
	part->frame.features = &part->feature;
	part->frame.target_scale = frame->target_scale;
	if (n > 0)
		part->frame.target_mean =
			hpc_target_mean(&part->frame, sum, part->frame.ncopies);
	return HPC_OK;
}

static hpc_status
measure_feature(hpc_env *env, const hpc_frame *frame,
				const hpc_feature *feature, double *r2)
{
	slice part;
	hpc_params params;
	hpc_oob oob = {0, NAN, NAN, NAN};
	hpc_status status = cut_slice(env, frame, feature, &part);

	hpc_params_init(&params, HPC_FOREST);
	params.trees = LEAK_TREES;
	params.min_leaf = LEAK_MIN_LEAF;
	params.feature_fraction = 1;
	if (status == HPC_OK && part.frame.nrows > 0)
		status = hpc_forest_train(env, &part.frame, &params, NULL, &oob);
	free_slice(env, &part);
	*r2 = oob.r2;
	return status;
}

/* Has the feature values enough to be a copy of this target? */
static bool
may_be_copy(const hpc_frame *frame, const hpc_feature *feature)
{
	uint32_t least =
		frame->ntargets < MIN_DISTINCT ? frame->ntargets : MIN_DISTINCT;

	return frame->ncopies >= MIN_ROWS && frame->ntargets >= 2 &&
		   feature->nvalues >= least;
}

hpc_status
hpc_leak_measure(hpc_env *env, const hpc_frame *frame, double limit,
				 double *r2)
{
	for (int i = 0; i < frame->nfeatures; i++)
	{
		const hpc_feature *feature = &frame->features[i];
		hpc_status status;

		r2[i] = NAN;
		if (hpc_cancelled(env))
			return HPC_CANCELLED;
		if (!may_be_copy(frame, feature) ||
			group_r2(frame, feature) < GROUP_LIMIT * limit)
			continue;
		status = measure_feature(env, frame, feature, &r2[i]);
		if (status != HPC_OK)
			return status;
	}
	return HPC_OK;
}

/* ---------- keys ---------- */

bool
hpc_looks_like_key(const hpc_frame *frame, const hpc_feature *feature)
{
	double span;

	if (!feature->integral || feature->nmissing > 0 ||
		feature->nvalues != frame->ncopies ||
		frame->ncopies < MIN_ROWS_FOR_KEY)
		return false;
	span = feature->values[feature->nvalues - 1] - feature->values[0] + 1;
	return frame->ncopies >= MIN_ROWS_FOR_SPARSE_KEY ||
		   span <= 2 * (double) frame->ncopies;
}
