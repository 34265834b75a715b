/*
 * hpc_forest.c
 *		Random forest regression (Breiman 2001): trees on bags of rows,
 *		features drawn per split, predictions averaged.
 *
 * A copy of a row is in the bag of a tree as often as a Poisson(row_fraction)
 * draw keyed by its content and copy number says (the online bootstrap of
 * Oza and Russell 2001); without bag it is in once, with probability
 * row_fraction.  Copies of equal rows are interchangeable, so the bag is a
 * function of the multiset of rows.
 *
 * Trees are grown in rounds of one tree per worker.  Between rounds the
 * calling thread hands the trees, in order, to the writer.
 *
 * The out-of-bag prediction of a row is the mean over the trees whose bag
 * does not hold its copy 0.  Leaf values are added as integers, in units
 * that leave room for all trees: an order-free sum.
 */
#include <math.h>

#include "hpc_forest.h"
#include "hpc_memory.h"
#include "hpc_random.h"

/* Rows times features of a table that one thread trains on. */
#define SMALL_CELLS 100000

typedef struct forest
{
	hpc_env *env;
	const hpc_frame *frame;
	const hpc_params *params;
	hpc_grow_rules rules;
	hpc_poisson poisson;
	uint64_t row_threshold; /* without bag */
	int nworkers;
	hpc_grower **growers;   /* [nworkers] */
	const hpc_tree **grown; /* [nworkers] of the round at hand */
	uint64_t first_tree;    /* of the round at hand */

	/* out of bag; [frame->nrows] each, atomically added to */
	int64_t *oob_sum; /* units of 2^oob_scale */
	uint32_t *oob_count;
	int oob_scale;
} forest;

/* ---------- the bag ---------- */

/* How often a copy of a row is in the bag of a tree. */
static uint32_t
bag_weight(const forest *f, uint64_t stream, uint32_t row, uint32_t copy)
{
	uint64_t bits = hpc_draw(stream, hpc_copy_key(f->frame->key[row], copy));

	if (f->params->bag)
		return hpc_poisson_draw(&f->poisson, bits);
	return bits < f->row_threshold || f->params->row_fraction >= 1;
}

static uint64_t
bag_stream(const forest *f, uint64_t tree)
{
	return hpc_stream(f->params->bag ? HPC_TAG_BAG : HPC_TAG_ROW_SAMPLE,
					  f->params->seed, tree);
}

/* Puts the bag of a tree into samples; 0 also when asked to stop. */
static uint32_t
fill_bag(const forest *f, hpc_crew *crew, int worker, uint64_t tree,
		 hpc_sample *samples)
{
	const hpc_frame *frame = f->frame;
	uint64_t stream = bag_stream(f, tree);
	uint32_t n = 0;

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t weight = 0;

		if (row % 65536 == 65535 && hpc_crew_stopped(crew, worker))
			return 0;
		for (uint32_t copy = 0; copy < frame->count[row]; copy++)
			weight += bag_weight(f, stream, row, copy);
		if (weight > 0)
			samples[n++] = (hpc_sample){frame->target[row], row, weight};
	}
	return n;
}

/* Instead of a bag: every row, as often as it is there. */
static uint32_t
take_all_rows(const forest *f, hpc_sample *samples)
{
	const hpc_frame *frame = f->frame;

	for (uint32_t row = 0; row < frame->nrows; row++)
		samples[row] =
			(hpc_sample){frame->target[row], row, frame->count[row]};
	return frame->nrows;
}

/* ---------- out of bag ---------- */

static bool
has_oob(const hpc_params *params)
{
	return params->bag || params->row_fraction < 1;
}

/* Units in which leaf values of all trees can be added in 64 bits. */
static int
oob_scale(const forest *f)
{
	int bits = 1;

	while ((UINT64_C(1) << bits) < (uint64_t) f->params->trees)
		bits++;
	return f->frame->target_scale + bits + 1;
}

/* Adds the predictions of a tree for the rows outside of its bag. */
static void
add_oob(forest *f, hpc_crew *crew, int worker, const hpc_tree *tree,
		uint64_t number)
{
	uint64_t stream = bag_stream(f, number);

	for (uint32_t row = 0; row < f->frame->nrows; row++)
	{
		double value;
		int64_t units;

		if (row % 8192 == 8191 && hpc_crew_stopped(crew, worker))
			return;
		if (bag_weight(f, stream, row, 0) > 0)
			continue;
		value = tree->nodes[hpc_tree_leaf(tree, f->frame, row)].value;
		units = hpc_to_units(value, f->oob_scale);
		__atomic_fetch_add(&f->oob_sum[row], units, __ATOMIC_RELAXED);
		__atomic_fetch_add(&f->oob_count[row], 1, __ATOMIC_RELAXED);
	}
}

/* Out-of-bag prediction of a row that has one; exact where leaves agree. */
static double
oob_prediction(const forest *f, uint32_t row, int unit)
{
	int64_t n = f->oob_count[row];
	int64_t whole = f->oob_sum[row] / n;
	int64_t rest = f->oob_sum[row] % n;
	double units = (double) whole + (double) rest / (double) n;

	return hpc_scale(units, f->oob_scale - unit);
}

/*
 * Losses of the out-of-bag predictions, each an exact sum.  Targets are taken
 * in units of 2^unit, in which none exceeds 1: no square overflows.
 */
static hpc_status
measure_oob(const forest *f, hpc_oob *oob)
{
	const hpc_frame *frame = f->frame;
	int unit = frame->target_scale + HPC_TARGET_BITS;
	double mean = hpc_scale(frame->target_mean, -unit);
	hpc_sum absolute;
	hpc_sum squared;
	hpc_sum spread;

	hpc_sum_init(&absolute);
	hpc_sum_init(&squared);
	hpc_sum_init(&spread);
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t count = frame->count[row];
		double target =
			hpc_scale((double) frame->target[row], -HPC_TARGET_BITS);
		double error;

		if (hpc_poll(f->env, row))
			return HPC_CANCELLED;
		if (f->oob_count[row] == 0)
			continue;
		error = target - oob_prediction(f, row, unit);
		oob->nrows += count;
		hpc_sum_add_times(&absolute, fabs(error), count);
		hpc_sum_add_times(&squared, error * error, count);
		hpc_sum_add_times(&spread, (target - mean) * (target - mean), count);
	}
	if (oob->nrows > 0)
	{
		double nrows = (double) oob->nrows;
		double sse = hpc_sum_round(&squared);
		double sst = hpc_sum_round(&spread);

		oob->mae = hpc_scale(hpc_sum_round(&absolute) / nrows, unit);
		oob->rmse = hpc_scale(sqrt(sse / nrows), unit);
		oob->r2 = sst > 0 ? 1 - sse / sst : NAN;
	}
	return HPC_OK;
}

/* ---------- trees ---------- */

/*
 * The task of a worker: bag, grow, predict out of bag.  A bag that the draws
 * leave empty, as happens with a handful of rows, holds every row instead,
 * and so has no row outside.
 */
static void
grow_tree(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	forest *f = context;
	hpc_grower *grower = f->growers[task];
	uint64_t number = f->first_tree + task;
	hpc_sample *samples = hpc_grower_samples(grower);
	uint32_t nsamples = fill_bag(f, crew, worker, number, samples);
	bool drawn = nsamples > 0;

	if (!drawn)
		nsamples = take_all_rows(f, samples);
	f->grown[task] =
		hpc_tree_grow(grower, crew, worker, nsamples,
					  hpc_stream(HPC_TAG_FEATURE, f->params->seed, number));
	if (f->grown[task] != NULL && f->oob_sum != NULL && drawn)
		add_oob(f, crew, worker, f->grown[task], number);
}

/*
 * Grows one round of trees.  A tree that wanted more room for its sets is
 * grown again once it has it; the others keep what they have.
 */
static hpc_status
grow_round(forest *f, uint64_t ntrees, hpc_writer *writer)
{
	hpc_status status =
		hpc_crew_run(f->env, f->nworkers, ntrees, grow_tree, f);

	for (uint64_t i = 0; i < ntrees && status == HPC_OK; i++)
	{
		while (f->grown[i] == NULL && status == HPC_OK)
		{
			hpc_crew alone = {f->env, 1, 0, 0, false};

			if (hpc_grower_wants_room(f->growers[i]))
				status = hpc_grower_make_room(f->env, f->growers[i]);
			if (status == HPC_OK)
				grow_tree(&alone, 0, i, f);
			if (alone.stop)
				status = HPC_CANCELLED;
		}
		if (status == HPC_OK && writer != NULL)
			status = hpc_writer_add_tree(f->env, writer, f->grown[i]);
	}
	return status;
}

static hpc_status
grow_trees(forest *f, hpc_writer *writer)
{
	uint64_t ntrees = (uint64_t) f->params->trees;
	hpc_status status = HPC_OK;

	for (f->first_tree = 0; f->first_tree < ntrees && status == HPC_OK;
		 f->first_tree += (uint64_t) f->nworkers)
	{
		uint64_t left = ntrees - f->first_tree;
		uint64_t round =
			left < (uint64_t) f->nworkers ? left : (uint64_t) f->nworkers;

		status = grow_round(f, round, writer);
	}
	return status;
}

/* ---------- the driver ---------- */

/*
 * Is a tree over before threads have met twice?  Workers meet after each
 * round of trees; on a busy machine a meeting can cost milliseconds.
 */
static bool
is_small(const hpc_frame *frame)
{
	return (uint64_t) frame->nrows * (uint64_t) frame->nfeatures < SMALL_CELLS;
}

static int
features_tried(const hpc_frame *frame, const hpc_params *params)
{
	double wanted =
		params->features > 0
			? (double) params->features
			: floor(params->feature_fraction * frame->nfeatures + 0.5);

	if (wanted > frame->nfeatures)
		wanted = frame->nfeatures;
	return wanted < 1 ? 1 : (int) wanted;
}

static void
set_rules(forest *f)
{
	const hpc_params *params = f->params;

	f->rules.split.min_leaf = (uint64_t) params->min_leaf;
	f->rules.split.cat_smooth = params->cat_smooth;
	f->rules.split.cat_min_rows = params->cat_min_rows;
	f->rules.max_depth = (uint32_t) params->max_depth;
	f->rules.max_leaves = (uint32_t) params->max_leaves;
	f->rules.nfeatures_tried = features_tried(f->frame, params);
}

static hpc_status
allocate(forest *f)
{
	size_t nworkers = (size_t) f->nworkers;

	f->growers = hpc_alloc0(f->env, nworkers, sizeof(hpc_grower *));
	f->grown = hpc_alloc0(f->env, nworkers, sizeof(hpc_tree *));
	if (f->growers == NULL || f->grown == NULL)
		return HPC_NO_MEMORY;
	for (int i = 0; i < f->nworkers; i++)
	{
		f->growers[i] =
			hpc_grower_create(f->env, f->frame, &f->rules, f->frame->nrows);
		if (f->growers[i] == NULL)
			return HPC_NO_MEMORY;
	}
	if (!has_oob(f->params))
		return HPC_OK;
	f->oob_sum = hpc_alloc0(f->env, f->frame->nrows, sizeof(int64_t));
	f->oob_count = hpc_alloc0(f->env, f->frame->nrows, sizeof(uint32_t));
	return f->oob_sum != NULL && f->oob_count != NULL ? HPC_OK : HPC_NO_MEMORY;
}

static void
release(forest *f)
{
	for (int i = 0; f->growers != NULL && i < f->nworkers; i++)
		hpc_grower_free(f->env, f->growers[i]);
	hpc_free(f->env, f->growers);
	hpc_free(f->env, f->grown);
	hpc_free(f->env, f->oob_sum);
	hpc_free(f->env, f->oob_count);
}

hpc_status
hpc_forest_train(hpc_env *env, const hpc_frame *frame,
				 const hpc_params *params, hpc_writer *writer, hpc_oob *oob)
{
	forest f = {.env = env, .frame = frame, .params = params};
	hpc_status status;

	*oob = (hpc_oob){0, NAN, NAN, NAN};
	set_rules(&f);
	hpc_poisson_init(&f.poisson, params->row_fraction);
	f.row_threshold = hpc_share_threshold(params->row_fraction);
	f.oob_scale = oob_scale(&f);
	f.nworkers = is_small(frame) ? 1 : hpc_crew_size(env);
	if (f.nworkers > params->trees)
		f.nworkers = (int) params->trees;
	status = allocate(&f);
	if (status == HPC_OK)
		status = grow_trees(&f, writer);
	if (status == HPC_OK && f.oob_sum != NULL)
		status = measure_oob(&f, oob);
	release(&f);
	return status;
}
