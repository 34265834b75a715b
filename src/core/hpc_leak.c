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
#include "hpc_sort.h"

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
 * For each value of a feature, the one target that its rows have; NaN: no row
 * has the value.  False: some value has two.
 */
static hpc_status
one_target_each(hpc_env *env, const hpc_frame *frame, uint32_t nrows,
				const uint32_t *ranks, uint32_t nvalues, double *target_of,
				bool *one)
{
	*one = false;
	for (uint32_t i = 0; i < nvalues; i++)
	{
		target_of[i] = NAN;
		if (hpc_poll(env, i))
			return HPC_CANCELLED;
	}
	for (uint32_t row = 0; row < nrows; row++)
	{
		double target = frame->target[row];
		double *known;

		if (hpc_poll(env, row))
			return HPC_CANCELLED;
		if (ranks[row] == nvalues)
			continue;
		known = &target_of[ranks[row]];
		if (!isnan(*known) && *known != target)
			return HPC_OK;
		*known = target;
	}
	*one = true;
	return HPC_OK;
}

static bool
strictly_ordered(const double *target_of, uint32_t n)
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

/* Are no two of the targets the same?  (Texts have no order to go by.) */
static hpc_status
all_different(hpc_env *env, const double *target_of, uint32_t n,
			  bool *different)
{
	uint64_t *keys = hpc_alloc(env, n, sizeof(uint64_t));
	uint64_t *spare = hpc_alloc(env, n, sizeof(uint64_t));
	hpc_status status = keys != NULL && spare != NULL ? HPC_OK : HPC_NO_MEMORY;

	for (uint32_t i = 0; i < n && status == HPC_OK; i++)
	{
		keys[i] = hpc_sortable(target_of[i]);
		if (hpc_poll(env, i))
			status = HPC_CANCELLED;
	}
	if (status == HPC_OK && !hpc_sort_keys(env, n, keys, spare))
		status = HPC_CANCELLED;
	*different = true;
	for (uint32_t i = 1; i < n && status == HPC_OK; i++)
	{
		*different &= keys[i] != keys[i - 1];
		if (hpc_poll(env, i))
			status = HPC_CANCELLED;
	}
	hpc_free(env, keys);
	hpc_free(env, spare);
	return status;
}

/* Do its values, at least MIN_DISTINCT, map in order onto the target's? */
static hpc_status
is_copy(hpc_env *env, const hpc_frame *frame, const hpc_feature *feature,
		uint32_t nrows, const uint32_t *ranks, bool *copy)
{
	double *target_of;
	hpc_status status;

	*copy = false;
	if (feature->nvalues < MIN_DISTINCT)
		return HPC_OK;
	target_of = hpc_alloc(env, feature->nvalues, sizeof(double));
	if (target_of == NULL)
		return HPC_NO_MEMORY;
	status = one_target_each(env, frame, nrows, ranks, feature->nvalues,
							 target_of, copy);
	if (*copy && feature->kind != HPC_CATEGORY)
		*copy = strictly_ordered(target_of, feature->nvalues);
	else if (*copy)
		status = all_different(env, target_of, feature->nvalues, copy);
	hpc_free(env, target_of);
	return status;
}

/* Is the feature the target itself, on every row that has it? */
static hpc_status
is_target(hpc_env *env, const hpc_frame *frame, const hpc_feature *feature,
		  uint32_t nrows, const uint32_t *ranks, bool *same)
{
	*same = false;
	if (feature->kind == HPC_CATEGORY || feature->nvalues < 2 ||
		nrows < MIN_ROWS)
		return HPC_OK;
	for (uint32_t row = 0; row < nrows; row++)
	{
		if (ranks[row] < feature->nvalues &&
			feature->low[ranks[row]] != frame->target[row])
			return HPC_OK;
		if (hpc_poll(env, row))
			return HPC_CANCELLED;
	}
	*same = true;
	return HPC_OK;
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

/* ERROR: the feature and what it gives away. */
static hpc_status
fail_leak(hpc_env *env, const hpc_feature *feature, uint32_t nvalues,
		  bool same)
{
	char name[256];

	hpc_fail(env, HPC_LEAK, "column \"%s\" gives the target away",
			 feature->name);
	if (same)
		hpc_fail_detail(env, "It equals the target on every row.");
	else if (nvalues > 0)
		hpc_fail_detail(env,
						"Its %u distinct values map one to one%s onto the "
						"target's.",
						nvalues,
						feature->kind == HPC_CATEGORY ? "" : " and in order");
	else
		hpc_fail_detail(env, "Its values map one to one and in order onto the "
							 "target's.");
	hpc_fail_hint(env,
				  "Leave it out with exclude => ARRAY[%s], or keep it with "
				  "leak => 'allow'.",
				  quoted(feature->name, name, sizeof(name)));
	return HPC_LEAK;
}

hpc_status
hpc_leak_check(hpc_env *env, const hpc_frame *frame,
			   const hpc_feature *feature, uint32_t nrows,
			   const uint32_t *ranks)
{
	bool same;
	bool copy;
	hpc_status status = is_target(env, frame, feature, nrows, ranks, &same);

	if (status == HPC_OK)
		status = is_copy(env, frame, feature, nrows, ranks, &copy);
	if (status == HPC_OK && (same || copy))
		return fail_leak(env, feature, feature->nvalues, same);
	return status;
}

/* ---------- columns of very many numbers ---------- */

#define PROBE_ROWS 1024

/*
 * The first n rows as pairs[*npairs] of value and row in the order of values,
 * what is missing left out.  False: asked to stop.
 */
static bool
pair_rows(hpc_env *env, const hpc_dataset *dataset, const hpc_chunked *column,
		  uint32_t n, hpc_pair *pairs, hpc_pair *spare, uint32_t *npairs)
{
	double numbers[PROBE_ROWS];

	*npairs = 0;

	for (uint32_t row = 0; row < n; row += PROBE_ROWS)
	{
		uint32_t here = n - row < PROBE_ROWS ? n - row : PROBE_ROWS;

		hpc_dataset_read(dataset, column, row, here, numbers);
		for (uint32_t i = 0; i < here; i++)
		{
			if (!isnan(numbers[i]))
				pairs[(*npairs)++] =
					(hpc_pair){hpc_sortable(numbers[i]), row + i};
		}
		if (row / PROBE_ROWS % 64 == 63 && hpc_cancelled(env))
			return false;
	}
	return hpc_sort_pairs(env, *npairs, pairs, spare);
}

/*
 * Could these rows, in the order of their values, be those of a copy?  Where
 * there are none, they could.
 */
static hpc_status
pairs_fit_copy(hpc_env *env, const double *target, const hpc_pair *pairs,
			   uint32_t n, bool *copy, bool *same)
{
	bool rising = true;
	bool falling = true;

	*same = n > 0;
	for (uint32_t i = 0; i < n; i++)
	{
		double here = target[pairs[i].row];

		if (hpc_poll(env, i))
			return HPC_CANCELLED;
		*same &= here == hpc_from_sortable(pairs[i].key);
		if (i == 0)
			continue;
		if (pairs[i].key == pairs[i - 1].key)
			rising &= falling &= here == target[pairs[i - 1].row];
		else
		{
			rising &= here > target[pairs[i - 1].row];
			falling &= here < target[pairs[i - 1].row];
		}
	}
	*copy = rising || falling;
	return HPC_OK;
}

/* Looks at the first n rows only. */
static hpc_status
check_rows(hpc_env *env, const hpc_frame *frame, const hpc_dataset *dataset,
		   const hpc_chunked *column, uint32_t n, bool *copy, bool *same)
{
	hpc_pair *pairs = hpc_alloc(env, n, sizeof(hpc_pair));
	hpc_pair *spare = hpc_alloc(env, n, sizeof(hpc_pair));
	hpc_status status = HPC_NO_MEMORY;
	uint32_t npairs;

	if (pairs != NULL && spare != NULL)
		status = pair_rows(env, dataset, column, n, pairs, spare, &npairs)
					 ? HPC_OK
					 : HPC_CANCELLED;
	if (status == HPC_OK)
		status = pairs_fit_copy(env, frame->target, pairs, npairs, copy, same);
	hpc_free(env, pairs);
	hpc_free(env, spare);
	return status;
}

hpc_status
hpc_leak_check_many(hpc_env *env, const hpc_frame *frame,
					const hpc_feature *feature, const hpc_dataset *dataset,
					const hpc_chunked *column)
{
	uint32_t nrows = (uint32_t) dataset->nrows;
	bool copy;
	bool same;
	/* hardly any column outlives the first rows */
	hpc_status status =
		check_rows(env, frame, dataset, column,
				   nrows < PROBE_ROWS ? nrows : PROBE_ROWS, &copy, &same);

	if (status == HPC_OK && copy)
		status = check_rows(env, frame, dataset, column, nrows, &copy, &same);
	if (status == HPC_OK && copy)
		return fail_leak(env, feature, 0, same);
	return status;
}

/* ---------- near copies ---------- */

/* Rows to look at: all, or about SAMPLE_ROWS drawn by their content. */
typedef struct sample
{
	uint32_t nrows;
	uint32_t *rows;
	int64_t *units; /* [nrows] targets less their mean, below 2^UNIT_BITS */
} sample;

#define UNIT_BITS 40

static void
free_sample(hpc_env *env, sample *rows)
{
	hpc_free(env, rows->rows);
	hpc_free(env, rows->units);
}

static hpc_status
draw_sample(hpc_env *env, const hpc_frame *frame, sample *drawn)
{
	uint64_t stream = hpc_stream(HPC_TAG_LEAK, 0, 0);
	uint64_t threshold =
		hpc_share_threshold((double) SAMPLE_ROWS / frame->nrows);
	bool all = frame->nrows <= SAMPLE_ROWS;
	int unit = hpc_exponent_above(
				   fmax(fabs(frame->target_min), fabs(frame->target_max))) -
			   UNIT_BITS + 1;
	int64_t mean = hpc_to_units(frame->target_mean, unit);
	size_t most = frame->nrows;

	drawn->nrows = 0;
	drawn->rows = hpc_alloc(env, most, sizeof(uint32_t));
	drawn->units = hpc_alloc(env, most, sizeof(int64_t));
	if (drawn->rows == NULL || drawn->units == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		if (hpc_poll(env, row))
			return HPC_CANCELLED;
		if (!all && hpc_draw(stream, frame->key[row]) >= threshold)
			continue;
		drawn->rows[drawn->nrows] = row;
		drawn->units[drawn->nrows++] =
			hpc_to_units(frame->target[row], unit) - mean;
	}
	return HPC_OK;
}

typedef struct group
{
	__int128 sum;
	uint64_t weight;
} group;

/* R² of the means over GROUPS groups of neighbouring values. */
static double
group_r2(const hpc_frame *frame, const sample *drawn,
		 const hpc_feature *feature)
{
	group groups[GROUPS + 1] = {{0, 0}};
	group all = {0, 0};
	unsigned __int128 squares = 0;
	double between = 0;
	double total;

	for (uint32_t i = 0; i < drawn->nrows; i++)
	{
		uint32_t code = hpc_code(feature, drawn->rows[i]);
		uint32_t count = hpc_row_count(frame, drawn->rows[i]);
		group *its = &groups[(uint64_t) code * GROUPS /
							 ((uint64_t) feature->nbins + 1)];
		__int128 unit = drawn->units[i];

		its->sum += unit * count;
		its->weight += count;
		all.sum += unit * count;
		all.weight += count;
		squares += (unsigned __int128) (unit * unit) * count;
	}
	if (all.weight == 0)
		return 0;
	total = (double) squares -
			(double) all.sum / (double) all.weight * (double) all.sum;
	for (int i = 0; i <= GROUPS; i++)
	{
		if (groups[i].weight > 0)
			between += (double) groups[i].sum / (double) groups[i].weight *
					   (double) groups[i].sum;
	}
	between -= (double) all.sum / (double) all.weight * (double) all.sum;
	return total > 0 ? between / total : 0;
}

/* A frame of one feature and the drawn rows. */
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
	hpc_free(env, part->feature.codes);
}

static hpc_status
cut_slice(hpc_env *env, const hpc_frame *frame, const sample *drawn,
		  const hpc_feature *feature, slice *part)
{
	hpc_frame *cut = &part->frame;
	size_t n = drawn->nrows;

	memset(part, 0, sizeof(*part));
	cut->count = hpc_alloc(env, n, sizeof(uint32_t));
	cut->key = hpc_alloc(env, n, sizeof(uint64_t));
	cut->target = hpc_alloc(env, n, sizeof(double));
	part->feature = *feature;
	part->feature.codes = hpc_alloc(env, n, sizeof(uint16_t));
	part->feature.width = part->feature.stride = sizeof(uint16_t);
	if (cut->count == NULL || cut->key == NULL || cut->target == NULL ||
		part->feature.codes == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t row = drawn->rows[i];

		cut->count[i] = hpc_row_count(frame, row);
		cut->key[i] = frame->key[row];
		cut->target[i] = frame->target[row];
		cut->ncopies += cut->count[i];
		((uint16_t *) part->feature.codes)[i] =
			(uint16_t) hpc_code(feature, row);
	}
	cut->nrows = (uint32_t) n;
	cut->nfeatures = 1;
	cut->features = &part->feature;
	cut->target_min = frame->target_min;
	cut->target_max = frame->target_max;
	cut->target_mean = frame->target_mean;
	return HPC_OK;
}

static hpc_status
measure_feature(hpc_env *env, const hpc_frame *frame, const sample *drawn,
				const hpc_feature *feature, double *r2)
{
	slice part;
	hpc_params params;
	hpc_oob oob = {0, NAN, NAN, NAN, 1};
	hpc_held held = {NULL, NULL, 0};
	hpc_status status = cut_slice(env, frame, drawn, feature, &part);

	hpc_params_init(&params, HPC_FOREST);
	params.trees = LEAK_TREES;
	params.min_leaf = LEAK_MIN_LEAF;
	params.feature_fraction = 1;
	if (status == HPC_OK)
		status = hpc_forest_train(env, &part.frame, &params, NULL, &held);
	if (status == HPC_OK)
		status = hpc_oob_measure(env, &part.frame, &held, &oob);
	hpc_held_free(env, &held);
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
	sample drawn = {0, NULL, NULL};
	hpc_status status = draw_sample(env, frame, &drawn);

	for (int i = 0; i < frame->nfeatures && status == HPC_OK; i++)
	{
		const hpc_feature *feature = &frame->features[i];

		r2[i] = NAN;
		if (hpc_cancelled(env))
			status = HPC_CANCELLED;
		else if (drawn.nrows > 0 && may_be_copy(frame, feature) &&
				 group_r2(frame, &drawn, feature) >= GROUP_LIMIT * limit)
			status = measure_feature(env, frame, &drawn, feature, &r2[i]);
	}
	free_sample(env, &drawn);
	return status;
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
	span = feature->max - feature->min + 1;
	return frame->ncopies >= MIN_ROWS_FOR_SPARSE_KEY ||
		   span <= 2 * (double) frame->ncopies;
}
