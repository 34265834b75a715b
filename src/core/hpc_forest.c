/*
 * hpc_forest.c
 *		Random forests (Breiman 2001) and extra trees (Geurts, Ernst, Wehenkel
 *		2006): trees on bags of rows, features drawn per split, predictions
 *		averaged.
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
 * that leave room for all trees: an order-free sum.  So are their squares, of
 * which comes how far the trees disagree.
 */
#include <math.h>
#include <string.h>

#include "hpc_arrange.h"
#include "hpc_calibrate.h"
#include "hpc_chance.h"
#include "hpc_fixed.h"
#include "hpc_forest.h"
#include "hpc_memory.h"
#include "hpc_predict.h"
#include "hpc_random.h"

/* Rows times features of a table that one thread trains on. */
#define SMALL_CELLS 20000

/* Rows of those outside of a bag that are looked at together. */
#define MIN_WALKERS 128
#define MAX_WALKERS 4096
#define WALKER_CODES 65536

/* What a worker needs for the rows outside of a bag. */
typedef struct walkers
{
	uint64_t *outside; /* bit per row of the frame */
	hpc_node *nodes;   /* of a tree */
	uint32_t *rows;    /* [max_walkers] */
	uint32_t *codes;   /* [max_walkers][nfeatures] */
	double *leaves;    /* [max_walkers] */
} walkers;

typedef struct forest
{
	hpc_env *env;
	const hpc_frame *frame;
	const hpc_params *params;
	hpc_fixed fixed;
	hpc_grow_rules rules;
	int8_t *monotone; /* [nfeatures], or NULL */
	double *chance;   /* [nfeatures], or NULL */
	hpc_bag_rule bag_rule;
	int gain_scale; /* exponent of gains in the model's units */
	int nworkers;
	hpc_lines *lines;
	hpc_grower **growers; /* [nworkers] */
	hpc_tree **grown;     /* [nworkers] of the round at hand */
	uint64_t first_tree;  /* of the round at hand */
	hpc_writer *writer;

	/* out of bag; NULL where there is no such thing */
	walkers *walkers; /* [nworkers] */
	uint32_t max_walkers;
	int64_t *oob_sum;    /* [frame->nrows] units of 2^oob_scale, and in how */
	uint32_t *oob_count; /* many trees: atomically added to */
	int oob_scale;
	int64_t *oob_squares; /* [frame->nrows] likewise, of distances from the
						   * center, units of 2^spread_scale; or NULL */
	double oob_center;
	int spread_scale;
} forest;

/* ---------- the bag ---------- */

/* How often a copy of a row is in the bag of a tree. */
static inline uint32_t
bag_weight(const forest *f, uint64_t stream, uint32_t row, uint32_t copy)
{
	return hpc_bag_draw(&f->bag_rule, stream,
						hpc_copy_key(f->frame->key[row], copy));
}

/* Puts a row into the bag, copies times. */
static inline void
put_row(const forest *f, hpc_bag *bag, uint32_t row, uint32_t copies)
{
	uint64_t weight =
		copies * (uint64_t) hpc_fixed_weight(&f->fixed, f->frame, row);

	/* next to nothing, beside the others */
	if (weight == 0)
		return;
	bag->rows[bag->nrows++] = row;
	hpc_bag_put(bag, row, weight, copies,
				hpc_fixed_target(&f->fixed, f->frame->target[row]));
}

/*
 * Fills the bag of a tree, and notes which rows' copy 0 is outside.  False:
 * nothing was drawn, or more than sums are sure to hold.
 */
static bool
fill_bag(const forest *f, hpc_crew *crew, int worker, uint64_t tree,
		 hpc_bag *bag, uint64_t *outside)
{
	const hpc_frame *frame = f->frame;
	uint64_t stream = hpc_bag_stream(&f->bag_rule, f->params->seed, tree);
	uint64_t drawn = 0;
	uint64_t bits = 0;

	bag->nrows = 0;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t weight = bag_weight(f, stream, row, 0);
		uint32_t count = hpc_row_count(frame, row);

		if (hpc_crew_poll(crew, worker, row))
			return true;
		bits |= (uint64_t) (weight == 0) << row % 64;
		if (outside != NULL && (row % 64 == 63 || row + 1 == frame->nrows))
		{
			outside[row / 64] = bits;
			bits = 0;
		}
		for (uint32_t copy = 1; copy < count; copy++)
			weight += bag_weight(f, stream, row, copy);
		drawn += weight;
		if (weight > 0)
			put_row(f, bag, row, weight);
	}
	return bag->nrows > 0 && drawn <= 2 * frame->ncopies + HPC_POISSON_MAX;
}

/* Instead of a bag: every row, as often as it is there. */
static void
take_all_rows(const forest *f, hpc_bag *bag)
{
	bag->nrows = 0;
	for (uint32_t row = 0; row < f->frame->nrows; row++)
		put_row(f, bag, row, hpc_row_count(f->frame, row));
}

/* ---------- leaves ---------- */

/* Mean of the targets in a leaf from a sum finer than that of its node. */
static double
fine_mean(const forest *f, const hpc_bag *bag, const hpc_tree *tree,
		  const hpc_tree_node *leaf, hpc_crew *crew, int worker)
{
	const double *target = f->frame->target;
	double first = target[tree->rows[leaf->begin]];
	int64_t sum = 0;
	bool pure = true;

	for (uint32_t i = leaf->begin; i < leaf->end; i++)
	{
		uint32_t row = tree->rows[i];

		if (hpc_crew_poll(crew, worker, i))
			break;
		sum += (int64_t) hpc_bag_weight(bag, row) *
			   hpc_fixed_fine_target(&f->fixed, target[row]);
		pure &= target[row] == first;
	}
	return pure ? first
				: hpc_fixed_mean(f->fixed.fine_step, f->fixed.fine_center, sum,
								 leaf->weight);
}

static double
leaf_value(const forest *f, const hpc_bag *bag, const hpc_tree *tree,
		   uint32_t index, hpc_crew *crew, int worker)
{
	const hpc_tree_node *leaf = &tree->nodes[index];
	const hpc_fixed *fixed = &f->fixed;
	double value = fixed->lossless
					   ? hpc_fixed_mean(fixed->step, fixed->center, leaf->sum,
										leaf->weight)
					   : fine_mean(f, bag, tree, leaf, crew, worker);
	double center;

	if (tree->bounds == NULL)
		return value;
	/* bounds are distances from the center, in steps */
	center = hpc_scale((double) fixed->center, fixed->step);
	value = hpc_scale(value - center, -fixed->step);
	return center +
		   hpc_scale(hpc_tree_bounded(tree, index, value), fixed->step);
}

static void
set_values(const forest *f, const hpc_bag *bag, hpc_tree *tree, hpc_crew *crew,
		   int worker)
{
	for (uint32_t i = 0; i < tree->nnodes; i++)
	{
		hpc_tree_node *node = &tree->nodes[i];

		if (hpc_crew_poll(crew, worker, i))
			return;
		if (node->left == 0)
			node->value = leaf_value(f, bag, tree, i, crew, worker);
		else
			node->gain = hpc_scale(node->gain, f->gain_scale);
	}
}

/* ---------- out of bag ---------- */

static bool
has_oob(const hpc_params *params)
{
	return params->bag || params->row_fraction < 1;
}

static uint32_t
words_of_rows(const hpc_frame *frame)
{
	return (frame->nrows + 63) / 64;
}

/* Numbers below 2^this leave room for the sum over all trees in 63 bits. */
static int
bits_to_add(const forest *f)
{
	int bits = 1;

	while ((UINT64_C(1) << bits) < (uint64_t) f->params->trees)
		bits++;
	return 62 - bits;
}

/* The targets' distance from a center is less than 2^this. */
static int
exponent_around(const forest *f, double center)
{
	double low;
	double high;

	hpc_frame_target_range(f->frame, &low, &high);
	/* the distance itself may overflow */
	center /= 2;
	return 1 + hpc_exponent_above(fmax(high / 2 - center, center - low / 2));
}

/*
 * Units in which leaf values of all trees can be added in 64 bits, one bit
 * spare for rounding, and the squares of their distances.
 */
static void
set_oob_units(forest *f)
{
	int bits = bits_to_add(f);

	f->oob_scale = hpc_exponent_above(f->fixed.largest) - bits + 1;
	f->oob_center = hpc_scale((double) f->fixed.center, f->fixed.step);
	f->spread_scale = exponent_around(f, f->oob_center) - bits / 2 + 1;
}

static void
add_prediction(forest *f, uint32_t row, double value)
{
	int64_t units = hpc_to_units(value, f->oob_scale);

	__atomic_fetch_add(&f->oob_sum[row], units, __ATOMIC_RELAXED);
	__atomic_fetch_add(&f->oob_count[row], 1, __ATOMIC_RELAXED);
	if (f->oob_squares != NULL)
	{
		units =
			hpc_to_units(value / 2 - f->oob_center / 2, f->spread_scale - 1);
		__atomic_fetch_add(&f->oob_squares[row], units * units,
						   __ATOMIC_RELAXED);
	}
}

/* The tree as it will stand in the model, but with codes of the frame. */
static void
copy_nodes(const forest *f, const hpc_tree *tree, hpc_node *nodes)
{
	for (uint32_t i = 0; i < tree->nnodes; i++)
	{
		const hpc_tree_node *from = &tree->nodes[i];
		hpc_node *to = &nodes[i];
		bool is_set;

		to->left = from->left;
		if (from->left == 0)
		{
			memcpy(to->u.value, &from->value, sizeof(double));
			continue;
		}
		is_set = f->frame->features[from->feature].kind == HPC_CATEGORY;
		to->u.split.cut = is_set ? from->at.set : from->at.cut;
		to->u.split.feature = from->feature;
		to->u.split.flags =
			(uint16_t) ((from->missing_left ? HPC_NODE_MISSING_LEFT : 0) |
						(is_set ? HPC_NODE_SET : 0));
	}
}

/* Codes of rows, as a walk wants them. */
static void
gather_codes(const hpc_frame *frame, const uint32_t *rows, uint32_t nrows,
			 uint32_t *codes)
{
	for (int i = 0; i < frame->nfeatures; i++)
	{
		const hpc_feature *feature = &frame->features[i];
		uint32_t *to = codes + i;

		for (uint32_t j = 0; j < nrows; j++, to += frame->nfeatures)
		{
			uint32_t code = hpc_code(feature, rows[j]);

			*to = code == feature->nbins ? HPC_NO_CODE : code;
		}
	}
}

static void
add_predictions(forest *f, const hpc_tree *tree, const walkers *w,
				uint32_t nrows)
{
	const uint32_t first_node = 0;
	const hpc_model_view view = {.trees = &first_node,
								 .nodes = w->nodes,
								 .sets = tree->sets};

	gather_codes(f->frame, w->rows, nrows, w->codes);
	hpc_walk(&view, 0, 0, w->codes, (size_t) f->frame->nfeatures, nrows,
			 w->leaves);
	for (uint32_t i = 0; i < nrows; i++)
		add_prediction(f, w->rows[i], w->leaves[i]);
}

/* Adds the predictions of a tree for the rows outside of its bag. */
static void
add_oob(forest *f, hpc_crew *crew, int worker, const hpc_tree *tree,
		const walkers *w)
{
	uint32_t nwords = words_of_rows(f->frame);
	uint32_t n = 0;

	copy_nodes(f, tree, w->nodes);
	for (uint32_t word = 0; word < nwords; word++)
	{
		for (uint64_t bits = w->outside[word]; bits != 0; bits &= bits - 1)
			w->rows[n++] = word * 64 + (uint32_t) __builtin_ctzll(bits);
		if (n + 64 <= f->max_walkers && word + 1 < nwords)
			continue;
		if (hpc_crew_stopped(crew, worker))
			return;
		add_predictions(f, tree, w, n);
		n = 0;
	}
}

/*
 * The standard deviation of n leaves whose mean is given, and their squares:
 * an estimate that does not depend on n.
 */
static double
spread_of(const forest *f, double mean, int64_t squares, uint32_t n)
{
	double distance =
		hpc_scale(mean / 2 - f->oob_center / 2, 1 - f->spread_scale);
	double rest = (double) squares - n * distance * distance;

	return n > 1 && rest > 0 ? hpc_scale(sqrt(rest / (n - 1)), f->spread_scale)
							 : 0;
}

static void
settle_row(const forest *f, uint32_t row, hpc_held *held)
{
	uint32_t n = f->oob_count[row];
	double mean =
		n > 0 ? hpc_fixed_mean(f->oob_scale, 0, f->oob_sum[row], n) : NAN;

	held->prediction[row] = mean;
	if (f->oob_squares != NULL)
		held->spread[row] =
			n > 0 ? spread_of(f, mean, f->oob_squares[row], n) : NAN;
}

/* The share of the trees that have a row outside of their bag. */
static double
share_outside(const hpc_params *params)
{
	return params->bag ? hpc_exp(-params->row_fraction)
					   : 1 - params->row_fraction;
}

static hpc_status
hand_over_held(const forest *f, hpc_held *held)
{
	uint32_t nrows = f->frame->nrows;

	held->prediction = hpc_alloc(f->env, nrows, sizeof(double));
	if (f->oob_squares != NULL)
		held->spread = hpc_alloc(f->env, nrows, sizeof(double));
	held->excess =
		(1 / share_outside(f->params) - 1) / (double) f->params->trees;
	if (held->prediction == NULL ||
		(f->oob_squares != NULL && held->spread == NULL))
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < nrows; row++)
	{
		settle_row(f, row, held);
		if (hpc_poll(f->env, row))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/* ---------- trees ---------- */

/*
 * The task of a worker: bag, grow, predict out of bag.  Instead of a bag that
 * cannot be used, which happens with a handful of rows, every row is taken,
 * and so none is outside.
 */
static void
grow_tree(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	forest *f = context;
	hpc_grower *grower = f->growers[task];
	uint64_t number = f->first_tree + task;
	hpc_bag *bag = hpc_grower_bag(grower);
	const walkers *w = f->walkers != NULL ? &f->walkers[task] : NULL;
	bool drawn;
	hpc_tree *tree;

	bag->weight_bits = f->fixed.weight_bits;
	bag->pure_value = f->frame->target;
	drawn =
		fill_bag(f, crew, worker, number, bag, w != NULL ? w->outside : NULL);
	if (!drawn)
		take_all_rows(f, bag);
	tree = hpc_tree_grow(grower, crew, worker, false,
						 hpc_stream(HPC_TAG_FEATURE, f->params->seed, number));
	f->grown[task] = tree;
	if (tree == NULL)
		return;
	set_values(f, bag, tree, crew, worker);
	if (w != NULL && drawn)
		add_oob(f, crew, worker, tree, w);
}

/*
 * Grows one round of trees.  A tree that wanted more room for its sets is
 * grown again once it has it; the others keep what they have.
 */
static hpc_status
grow_round(forest *f, hpc_crew *crew, uint64_t ntrees)
{
	hpc_status status = hpc_crew_share(crew, ntrees, grow_tree, f);

	for (uint64_t i = 0; i < ntrees && status == HPC_OK; i++)
	{
		while (f->grown[i] == NULL && status == HPC_OK)
		{
			if (hpc_grower_wants_room(f->growers[i]))
				status = hpc_grower_make_room(f->env, f->growers[i]);
			if (status == HPC_OK)
				grow_tree(crew, 0, i, f);
			if (hpc_crew_stopped(crew, 0))
				status = HPC_CANCELLED;
		}
		if (status == HPC_OK && f->writer != NULL && f->first_tree + i == 0)
			status = hpc_writer_expect(f->env, f->writer, f->grown[0],
									   (uint64_t) f->params->trees);
		if (status == HPC_OK && f->writer != NULL)
			status = hpc_writer_add_tree(f->env, f->writer, f->grown[i]);
	}
	return status;
}

/* The body of the crew. */
static hpc_status
grow_trees(hpc_crew *crew, void *context)
{
	forest *f = context;
	uint64_t ntrees = (uint64_t) f->params->trees;
	hpc_status status = HPC_OK;

	if (f->writer != NULL)
		hpc_progress(f->env, "trees", 0, ntrees);
	for (f->first_tree = 0; f->first_tree < ntrees && status == HPC_OK;
		 f->first_tree += (uint64_t) f->nworkers)
	{
		uint64_t left = ntrees - f->first_tree;
		uint64_t round =
			left < (uint64_t) f->nworkers ? left : (uint64_t) f->nworkers;

		status = grow_round(f, crew, round);
		if (status == HPC_OK && f->writer != NULL)
			hpc_progress(f->env, "trees", f->first_tree + round, ntrees);
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

	f->rules.min_leaf = (uint64_t) params->min_leaf;
	f->rules.cat_smooth = params->cat_smooth;
	f->rules.cat_min_rows = params->cat_min_rows;
	f->rules.max_depth = (uint32_t) params->max_depth;
	f->rules.max_leaves = (uint32_t) params->max_leaves;
	f->rules.nfeatures_tried = features_tried(f->frame, params);
	f->rules.random_cuts = params->algorithm == HPC_EXTRA_TREES;
	f->rules.monotone = f->monotone;
	f->rules.chance = f->chance;
	f->rules.weight_unit = f->fixed.weight_unit;
	f->rules.nworkers = 1;
}

static uint32_t
count_walkers(const hpc_frame *frame)
{
	uint32_t n = WALKER_CODES / (uint32_t) (frame->nfeatures + 1);

	return n < MIN_WALKERS ? MIN_WALKERS : n > MAX_WALKERS ? MAX_WALKERS : n;
}

/* About what the walkers of a worker take. */
static uint64_t
walker_bytes(const forest *f)
{
	return hpc_most_nodes(&f->rules, f->frame) * sizeof(hpc_node) +
		   words_of_rows(f->frame) * sizeof(uint64_t);
}

static hpc_status
allocate_walkers(forest *f, walkers *w)
{
	size_t nfeatures = (size_t) f->frame->nfeatures;
	size_t n = f->max_walkers;

	w->outside = hpc_alloc(f->env, words_of_rows(f->frame), sizeof(uint64_t));
	w->nodes = hpc_alloc(f->env, hpc_most_nodes(&f->rules, f->frame),
						 sizeof(hpc_node));
	w->rows = hpc_alloc(f->env, n, sizeof(uint32_t));
	w->codes = hpc_alloc(f->env, n * nfeatures, sizeof(uint32_t));
	w->leaves = hpc_alloc(f->env, n, sizeof(double));
	return w->outside != NULL && w->nodes != NULL && w->rows != NULL &&
				   w->codes != NULL && w->leaves != NULL
			   ? HPC_OK
			   : HPC_NO_MEMORY;
}

static hpc_status
allocate_oob(forest *f)
{
	size_t nrows = f->frame->nrows;

	f->max_walkers = count_walkers(f->frame);
	f->walkers = hpc_alloc0(f->env, (size_t) f->nworkers, sizeof(walkers));
	if (f->walkers == NULL)
		return HPC_NO_MEMORY;
	for (int i = 0; i < f->nworkers; i++)
	{
		if (allocate_walkers(f, &f->walkers[i]) != HPC_OK)
			return HPC_NO_MEMORY;
	}
	f->oob_sum = hpc_alloc(f->env, nrows, sizeof(int64_t));
	f->oob_count = hpc_alloc(f->env, nrows, sizeof(uint32_t));
	if (f->oob_sum == NULL || f->oob_count == NULL)
		return HPC_NO_MEMORY;
	if (hpc_fill(f->env, f->oob_sum, 0, nrows * sizeof(int64_t)) != HPC_OK ||
		hpc_fill(f->env, f->oob_count, 0, nrows * sizeof(uint32_t)) != HPC_OK)
		return HPC_CANCELLED;
	if (f->writer == NULL || f->params->trees < HPC_CALIBRATED_TREES)
		return HPC_OK;
	f->oob_squares = hpc_alloc(f->env, nrows, sizeof(int64_t));
	if (f->oob_squares == NULL)
		return HPC_NO_MEMORY;
	return hpc_fill(f->env, f->oob_squares, 0, nrows * sizeof(int64_t));
}

static hpc_status
allocate(forest *f)
{
	size_t nworkers = (size_t) f->nworkers;

	if (hpc_rules_try_all(&f->rules, f->frame))
	{
		hpc_status status = hpc_lines_create(f->env, f->frame, &f->lines);

		if (status != HPC_OK)
			return status;
	}
	f->growers = hpc_alloc0(f->env, nworkers, sizeof(hpc_grower *));
	f->grown = hpc_alloc0(f->env, nworkers, sizeof(hpc_tree *));
	if (f->growers == NULL || f->grown == NULL)
		return HPC_NO_MEMORY;
	for (int i = 0; i < f->nworkers; i++)
	{
		f->growers[i] = hpc_grower_create(f->env, f->frame, f->lines,
										  &f->rules, f->fixed.wide);
		if (f->growers[i] == NULL)
			return HPC_NO_MEMORY;
	}
	if (!has_oob(f->params))
		return HPC_OK;
	return allocate_oob(f);
}

static void
release(forest *f)
{
	for (int i = 0; f->growers != NULL && i < f->nworkers; i++)
		hpc_grower_free(f->env, f->growers[i]);
	for (int i = 0; f->walkers != NULL && i < f->nworkers; i++)
	{
		hpc_free(f->env, f->walkers[i].outside);
		hpc_free(f->env, f->walkers[i].nodes);
		hpc_free(f->env, f->walkers[i].rows);
		hpc_free(f->env, f->walkers[i].codes);
		hpc_free(f->env, f->walkers[i].leaves);
	}
	hpc_free(f->env, f->growers);
	hpc_lines_free(f->env, f->lines);
	hpc_free(f->env, f->grown);
	hpc_free(f->env, f->walkers);
	hpc_free(f->env, f->monotone);
	hpc_free(f->env, f->chance);
	hpc_free(f->env, f->oob_sum);
	hpc_free(f->env, f->oob_count);
	hpc_free(f->env, f->oob_squares);
}

static hpc_status
prepare(forest *f, hpc_frame *frame)
{
	const hpc_params *params = f->params;
	hpc_status status =
		hpc_fixed_choose(f->env, frame, HPC_POISSON_MAX, &f->fixed);

	if (status == HPC_OK)
		status = hpc_monotone_signs(f->env, frame, params, &f->monotone);
	if (status == HPC_OK && params->algorithm != HPC_EXTRA_TREES)
		status = hpc_chance_shares(f->env, frame, &f->chance);
	if (status != HPC_OK)
		return status;
	if (f->writer != NULL)
		hpc_writer_set_monotone(f->writer, f->monotone);
	set_rules(f);
	hpc_bag_rule_init(&f->bag_rule, params);
	set_oob_units(f);
	f->gain_scale = 2 * (f->fixed.step - hpc_exponent_above(f->fixed.largest));
	f->nworkers = is_small(frame) ? 1 : hpc_crew_size(f->env);
	if (f->nworkers > params->trees)
		f->nworkers = (int) params->trees;
	status =
		hpc_grower_count(f->env, frame, &f->rules, f->fixed.wide,
						 has_oob(params) ? walker_bytes(f) : 0, &f->nworkers);
	if (status == HPC_OK)
		status = hpc_arrange_for(f->env, frame, (uint64_t) params->trees,
								 (uint32_t) params->max_leaves);
	return status == HPC_OK ? allocate(f) : status;
}

hpc_status
hpc_forest_train(hpc_env *env, hpc_frame *frame, const hpc_params *params,
				 hpc_writer *writer, hpc_held *held)
{
	forest f = {.env = env,
				.frame = frame,
				.params = params,
				.writer = writer};
	hpc_status status;

	*held = (hpc_held){NULL, NULL, 0};
	status = prepare(&f, frame);
	if (status == HPC_OK)
		status = hpc_crew_open(env, f.nworkers, grow_trees, &f);
	if (status == HPC_OK && f.oob_sum != NULL)
		status = hand_over_held(&f, held);
	release(&f);
	return status;
}
