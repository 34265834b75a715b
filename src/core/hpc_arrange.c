/*
 * hpc_arrange.c
 *		Rows that trees treat alike, side by side.
 *
 * The rows of a node are numbers, ascending, and where they are one in a
 * hundred each look at one fetches a line of the cache for a few bytes: in
 * large tables that is what dividing and summing them costs.  But what a tree
 * puts into one node other trees of the same forest or series mostly put
 * together, too.  So a small tree is grown first, of all rows, and the rows
 * take the order of its leaves: then those of later nodes lie close, and rows
 * that follow each other walk the same way.
 *
 * Nothing depends on the order of rows, so models are the same.
 */
#include "hpc_arrange.h"
#include "hpc_memory.h"
#include "hpc_scan.h"

/* Of fewer rows enough are near a processor anyway. */
#define LEAST_ROWS 300000

/* It costs about as much as trees of so many levels together gain. */
#define LEAST_LEVELS 150

/* Leaves of the small tree. */
#define LEAVES 64

/* Bits of its targets: as many as narrow cells have room for, or so many. */
#define MOST_BITS 20
#define LEAST_BITS 8

typedef struct arrangement
{
	hpc_env *env;
	const hpc_frame *frame;
	hpc_grow_rules rules;
	hpc_grower *grower;
	const hpc_tree *tree;
	int weight_bits;
	double center; /* of the targets ... */
	double half;   /* ... and how far they are away from it */
	double unit;   /* what q is of that distance */
} arrangement;

static int
weight_bits(const hpc_frame *frame)
{
	return hpc_exponent_above((double) frame->ncopies);
}

/* What the weight of all rows leaves. */
static int
target_bits(const hpc_frame *frame)
{
	int bits = 62 - 2 * weight_bits(frame);

	return bits < MOST_BITS ? bits : MOST_BITS;
}

/* About what it takes: rows and cells of the tree, its histograms, a copy. */
static uint64_t
bytes_needed(const hpc_frame *frame)
{
	uint64_t ncells = hpc_plan_cells(frame);

	return frame->nrows *
			   (uint64_t) (3 * sizeof(uint32_t) + 2 * sizeof(uint64_t)) +
		   (LEAVES + HPC_MAX_THREADS) * ncells * sizeof(hpc_narrow);
}

/* Levels of a tree that is in balance. */
static uint64_t
count_levels(const hpc_frame *frame, uint32_t max_leaves)
{
	uint32_t leaves = max_leaves > 0 && max_leaves < frame->nrows
						  ? max_leaves
						  : frame->nrows;

	return (uint64_t) hpc_exponent_above(leaves);
}

bool
hpc_arrange_pays(const hpc_env *env, const hpc_frame *frame, uint64_t ntrees,
				 uint32_t max_leaves)
{
	return !frame->pinned && frame->nfeatures > 0 &&
		   frame->nrows >= LEAST_ROWS &&
		   ntrees * count_levels(frame, max_leaves) >= LEAST_LEVELS &&
		   target_bits(frame) >= LEAST_BITS &&
		   (env->memory_left == NULL ||
			env->memory_left(env->opaque) / 4 > bytes_needed(frame));
}

/* All rows, as often as they are there. */
static void
fill_bag(const arrangement *a, hpc_crew *crew, hpc_bag *bag)
{
	const hpc_frame *frame = a->frame;

	bag->weight_bits = a->weight_bits;
	bag->nrows = 0;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t copies = hpc_row_count(frame, row);
		double distance = (frame->target[row] / 2 - a->center / 2) / a->half;

		bag->rows[bag->nrows++] = row;
		hpc_bag_put(bag, row, copies, copies, hpc_nearest(distance * a->unit));
		if (hpc_crew_poll(crew, 0, row))
			return;
	}
}

/* The body of the crew. */
static hpc_status
grow(hpc_crew *crew, void *context)
{
	arrangement *a = context;
	hpc_grower *grower = a->grower;
	bool team = hpc_crew_nworkers(crew) > 1;
	hpc_status status = HPC_OK;

	while (a->tree == NULL && status == HPC_OK)
	{
		fill_bag(a, crew, hpc_grower_bag(grower));
		a->tree = hpc_tree_grow(grower, crew, 0, team, 0);
		if (hpc_crew_stopped(crew, 0))
			return HPC_CANCELLED;
		if (hpc_grower_wants_room(grower))
			status = hpc_grower_make_room(a->env, grower);
	}
	return status;
}

/* False: they are all the same, to the precision at hand. */
static bool
measure_targets(arrangement *a)
{
	double low;
	double high;

	hpc_frame_target_range(a->frame, &low, &high);
	a->center = high / 2 + low / 2;
	a->half = high / 2 - low / 2;
	a->unit = hpc_scale(1, target_bits(a->frame));
	return a->half > 0;
}

hpc_status
hpc_arrange(hpc_env *env, hpc_frame *frame)
{
	int nworkers = hpc_crew_size(env);
	double least = frame->nrows / (8.0 * LEAVES);
	arrangement a = {.env = env,
					 .frame = frame,
					 .rules = {.min_leaf = 1 + (uint64_t) least,
							   .cat_min_rows = least,
							   .max_leaves = LEAVES,
							   .nfeatures_tried = frame->nfeatures,
							   .weight_unit = 1,
							   .nworkers = nworkers},
					 .weight_bits = weight_bits(frame)};
	hpc_status status;

	if (!measure_targets(&a))
		return HPC_OK;
	a.grower = hpc_grower_create(env, frame, NULL, &a.rules, false);
	if (a.grower == NULL)
		return HPC_NO_MEMORY;
	status = hpc_crew_open(env, nworkers, grow, &a);
	if (status == HPC_OK)
		status = hpc_frame_reorder(env, frame, a.tree->rows);
	hpc_grower_free(env, a.grower);
	return status;
}

hpc_status
hpc_arrange_for(hpc_env *env, hpc_frame *frame, uint64_t ntrees,
				uint32_t max_leaves)
{
	return hpc_arrange_pays(env, frame, ntrees, max_leaves)
			   ? hpc_arrange(env, frame)
			   : HPC_OK;
}
