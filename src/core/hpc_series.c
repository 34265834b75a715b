/*
 * hpc_series.c
 *		A series of boosted trees, each grown on what those before it left.
 *
 * A series owns the residual of each row, target minus prediction so far,
 * which is all that boosting has to know.  A round is
 *
 *		bag		draw rows; turn residuals into integers   (hpc_series_bag.c)
 *		grow	a tree on them                            (hpc_grow.c)
 *		leaves	what each leaf adds to the prediction     (hpc_loss.c)
 *		place	the rows of the bag learn their leaf from the tree's lists
 *		bag		subtract the leaves from the residuals; draw rows ...
 *
 * Residuals are doubles, in units of the power of two above the largest
 * target.  Each row's is changed by the same doubles in the same order,
 * whatever happens to other rows.  What depends on many rows is a sum of
 * integers, a maximum, a quantile, or an hpc_sum: exact in any order.
 *
 * Memory: 10 bytes a row (residual, place), 4 more where leaves are renewed,
 * and 16 of the grower (cell, row number, scratch), 8 more where cells are
 * wide.  Where rows are records (hpc_series_records.c), 8 and one for each pack
 * of codes in all, and 8 more where they are drawn.
 */
#include <math.h>

#include "hpc_chance.h"
#include "hpc_memory.h"
#include "hpc_random.h"
#include "hpc_series_inside.h"

/* Rows of a tree's lists in a task. */
#define LIST_ROWS 65536

/* What narrow cells must leave to the mean of |q|. */
#define LEAST_MEAN_BITS 12
#define LEAST_MEAN 4096.0

#define CELL_BITS 62
#define MAX_WEIGHT_BITS 31

/* ---------- leaves ---------- */

static double
l2_weight(const hpc_series_rules *rules)
{
	return rules->params->l2 * rules->grow.weight_unit;
}

/* What a leaf predicts, in units of 2^unit, before the learning rate. */
static double
leaf_value(const hpc_series *s, const hpc_tree_node *node, hpc_crew *crew,
		   int worker)
{
	hpc_residuals r = {s->residual, s->bag, s->spare, crew, worker};
	double l2 = l2_weight(s->rules);

	if (!hpc_loss_renews_leaves(&s->loss))
		return hpc_scale((double) node->sum / ((double) node->weight + l2),
						 s->step);
	r.spare += node->begin;
	return hpc_loss_leaf_value(&s->loss, &r, s->tree->rows + node->begin,
							   node->end - node->begin, l2);
}

static void
find_leaf_value(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	hpc_series *s = context;
	const hpc_tree_node *node = &s->tree->nodes[task];

	if (node->left == 0)
		s->value[task] = leaf_value(s, node, crew, worker);
}

/* False: stopped. */
static bool
find_leaf_values(hpc_series *s, hpc_crew *crew, int worker)
{
	if (s->nteam > 0 && hpc_loss_renews_leaves(&s->loss))
		return hpc_crew_share(crew, s->tree->nnodes, find_leaf_value, s) ==
			   HPC_OK;
	for (uint32_t i = 0; i < s->tree->nnodes; i++)
		find_leaf_value(crew, worker, i, s);
	return !hpc_crew_stopped(crew, worker);
}

/* Means of the leaves below each node, weighted by their rows. */
static void
average_leaves(hpc_series *s)
{
	const hpc_tree_node *nodes = s->tree->nodes;

	for (uint32_t i = s->tree->nnodes; i-- > 0;)
	{
		uint32_t left = nodes[i].left;
		double nleft;
		double nright;

		s->mean[i] = s->value[i];
		if (left == 0)
			continue;
		nleft = nodes[left].cover;
		nright = nodes[left + 1].cover;
		s->mean[i] = (s->mean[left] * nleft + s->mean[left + 1] * nright) /
					 (nleft + nright);
	}
}

/*
 * Where monotone constraints hold, the leaves on one side of a split must lie
 * below those on the other: on either side of the middle between their means.
 * Any middle would do, and the grower has found one for leaves that predict
 * the mean of q; quantiles of residuals, of which q are the signs, need
 * their own.
 */
static void
bound_leaves(hpc_series *s)
{
	hpc_tree *tree = s->tree;
	double *bounds = tree->bounds;

	average_leaves(s);
	bounds[0] = -INFINITY;
	bounds[1] = INFINITY;
	for (uint32_t i = 0; i < tree->nnodes; i++)
	{
		uint32_t left = tree->nodes[i].left;
		double middle;
		int sign;

		if (left == 0)
			continue;
		sign = s->rules->monotone[tree->nodes[i].feature];
		middle = hpc_tree_bounded(tree, i,
								  s->mean[left] / 2 + s->mean[left + 1] / 2);
		for (uint32_t child = left; child <= left + 1; child++)
		{
			bounds[2 * child] = bounds[2 * i];
			bounds[2 * child + 1] = bounds[2 * i + 1];
		}
		if (sign != 0)
		{
			bounds[2 * (sign > 0 ? left : left + 1) + 1] = middle;
			bounds[2 * (sign > 0 ? left + 1 : left)] = middle;
		}
	}
}

/* Cuts values to the bounds that monotone constraints set. */
static void
cut_leaves(hpc_series *s)
{
	bool signs = hpc_loss_has_signs(&s->loss);
	int step = signs ? 0 : s->step;

	if (signs)
		bound_leaves(s);
	for (uint32_t i = 0; i < s->tree->nnodes; i++)
	{
		if (s->tree->nodes[i].left == 0)
			s->value[i] =
				hpc_scale(hpc_tree_bounded(s->tree, i,
										   hpc_scale(s->value[i], -step)),
						  step);
	}
}

/*
 * What the leaves add, for the model, and back from its scale for the
 * residuals: they differ where the model's numbers end.
 */
static void
set_leaves(hpc_series *s)
{
	const hpc_series_rules *rules = s->rules;

	for (uint32_t i = 0; i < s->tree->nnodes; i++)
	{
		hpc_tree_node *node = &s->tree->nodes[i];

		if (node->left != 0)
		{
			node->gain =
				hpc_scale(node->gain, 2 * s->step + rules->weight_step);
			continue;
		}
		node->value = hpc_model_number(
			hpc_scale(s->value[i] * rules->params->learning_rate,
					  rules->unit));
		s->value[i] = hpc_scale(node->value, -rules->unit);
	}
}

/* ---------- where rows are ---------- */

/* Rows in a part of the tree's lists learn their leaf. */
static void
place_chunk(hpc_series *s, int worker, uint32_t chunk)
{
	const hpc_tree *tree = s->tree;
	uint32_t first = chunk * LIST_ROWS;
	uint32_t end = hpc_chunk_end(first, LIST_ROWS, s->bag->nrows);

	(void) worker;
	for (uint32_t i = 0; i < tree->nnodes; i++)
	{
		const hpc_tree_node *node = &tree->nodes[i];
		uint16_t place = i < HPC_WALKS ? (uint16_t) i : HPC_WALKS;
		uint32_t from;
		uint32_t to;

		if (node->left != 0)
			continue;
		from = node->begin > first ? node->begin : first;
		to = node->end < end ? node->end : end;
		for (uint32_t at = from; at < to; at++)
			s->place[tree->rows[at]] = place;
	}
}

static bool
place_rows(hpc_series *s, hpc_crew *crew, int worker)
{
	/* records stand where they are */
	if (s->bag->records.rows != NULL)
		return true;
	return hpc_series_pass(s, crew, worker, place_chunk,
						   hpc_count_chunks(s->bag->nrows, LIST_ROWS));
}

/* ---------- rows held out ---------- */

/* Losses of a chunk of the rows held out. */
static void
judge_chunk(hpc_series *s, int worker, uint32_t chunk)
{
	const hpc_frame *frame = s->rules->frame;
	double *now = s->held_now + (s->round - s->first - 1) * s->nheld;
	hpc_sum *loss = &s->tallies[worker].loss;
	uint32_t first = chunk * HPC_CHUNK;
	uint32_t end = hpc_chunk_end(first, HPC_CHUNK, s->nheld);

	for (uint32_t i = first; i < end; i++)
	{
		uint32_t row = s->held[i];

		now[i] = s->residual[s->bag->records.rows != NULL ? i : row];
		hpc_sum_add_product(loss, hpc_loss_held_out(&s->loss, now[i]),
							hpc_row_weight(frame, row) *
								hpc_row_count(frame, row));
	}
}

static bool
judge(hpc_series *s, hpc_crew *crew, int worker)
{
	hpc_series_tally t;

	if (s->nheld == 0)
		return true;
	if (!hpc_series_pass(s, crew, worker, judge_chunk,
						 hpc_count_chunks(s->nheld, HPC_CHUNK)))
		return false;
	t = hpc_series_count(s);
	s->loss_now[s->round - s->first - 1] = hpc_sum_round(&t.loss);
	return true;
}

/* ---------- rounds ---------- */

/*
 * The features of the round: those with the smallest draws.  Finds, bit by
 * bit, the least limit that ndrawn draws do not exceed.
 */
static void
draw_features(hpc_series *s, uint64_t stream)
{
	const hpc_series_rules *rules = s->rules;
	uint64_t limit = 0;
	int n = 0;

	for (int i = 0; i < rules->nusable; i++)
		s->draws[i] =
			hpc_draw(stream,
					 rules->frame->features[rules->usable[i]].name_hash);
	for (int bit = 63; bit >= 0; bit--)
	{
		int below = 0;

		for (int i = 0; i < rules->nusable; i++)
			below += s->draws[i] < (limit | UINT64_C(1) << bit);
		if (below < rules->ndrawn)
			limit |= UINT64_C(1) << bit;
	}
	for (int i = 0; i < rules->nusable && n < rules->ndrawn; i++)
	{
		if (s->draws[i] <= limit)
			s->features[n++] = rules->usable[i];
	}
	s->bag->nfeatures = n;
	s->bag->features = s->features;
}

/* Grows the next tree on the filled bag, which is then used up. */
static bool
grow(hpc_series *s, hpc_crew *crew, int worker)
{
	uint64_t stream =
		hpc_stream(HPC_TAG_FEATURE, s->rules->params->seed, s->round);

	draw_features(s, stream);
	s->filled = false;
	s->tree =
		hpc_tree_grow(s->grower, crew, worker, s->nteam > 0, hpc_mix(stream));
	if (s->tree == NULL || !find_leaf_values(s, crew, worker))
		return false;
	if (s->tree->bounds != NULL)
		cut_leaves(s);
	set_leaves(s);
	return s->tray == NULL || hpc_tray_put(s->tray, s->tree);
}

/* One round.  False: it has not begun. */
static bool
advance(hpc_series *s, hpc_crew *crew, int worker)
{
	if (!s->filled)
	{
		s->tree = NULL;
		s->filled = hpc_series_fill(s, crew, worker);
	}
	if (!s->filled || !grow(s, crew, worker) || !place_rows(s, crew, worker))
		return false;
	s->round++;
	s->filled = hpc_series_fill(s, crew, worker);
	return s->filled && judge(s, crew, worker);
}

/* ---------- the start ---------- */

static void
copy_targets(hpc_series *s, int worker, uint32_t chunk)
{
	const hpc_frame *frame = s->rules->frame;
	uint32_t first = chunk * HPC_CHUNK;
	uint32_t end = hpc_chunk_end(first, HPC_CHUNK, frame->nrows);

	(void) worker;
	for (uint32_t row = first; row < end; row++)
		s->residual[row] = hpc_scale(frame->target[row], -s->rules->unit);
}

static void
subtract_base(hpc_series *s, int worker, uint32_t chunk)
{
	hpc_series_tally *t = &s->tallies[worker];
	uint32_t first = chunk * HPC_CHUNK;
	uint32_t end = hpc_chunk_end(first, HPC_CHUNK, s->rules->frame->nrows);
	double base = hpc_scale(s->base, -s->rules->unit);

	for (uint32_t row = first; row < end; row++)
	{
		double size;

		s->residual[row] -= base;
		size = fabs(s->residual[row]);
		t->most = size > t->most ? size : t->most;
	}
}

/* Weighted mean of the targets, still in residual, of the rows in the bag. */
static double
mean_target(const hpc_series *s, hpc_crew *crew, int worker)
{
	const hpc_frame *frame = s->rules->frame;
	hpc_sum sum;
	hpc_sum weights;
	double weight;

	hpc_sum_init(&sum);
	hpc_sum_init(&weights);
	for (uint32_t i = 0; i < s->bag->nrows; i++)
	{
		uint32_t row = s->bag->rows[i];

		if (hpc_crew_poll(crew, worker, i))
			break;
		weight = hpc_row_weight(frame, row) * hpc_row_count(frame, row);
		hpc_sum_add_product(&sum, s->residual[row], weight);
		hpc_sum_add(&weights, weight);
	}
	weight = hpc_sum_round(&weights);
	return weight > 0 ? hpc_sum_round(&sum) / weight : 0;
}

/* The constant that predicts the rows in the bag best. */
static double
find_base(const hpc_series *s, hpc_crew *crew, int worker)
{
	hpc_residuals r = {s->residual, s->bag, s->spare, crew, worker};

	if (s->loss.kind == HPC_LOSS_SQUARED)
		return mean_target(s, crew, worker);
	return hpc_residual_quantile(&r, s->bag->rows, s->bag->nrows,
								 s->loss.quantile, false);
}

/* Residuals of the constant that predicts best.  False: stopped. */
static bool
begin_with_base(hpc_series *s, hpc_crew *crew, int worker)
{
	if (s->bag->records.rows != NULL)
	{
		hpc_series_load(s, crew, worker);
		s->base =
			hpc_scale(hpc_series_record_mean(s, crew, worker), s->rules->unit);
		return hpc_series_record_base(s, crew, worker);
	}
	if (!hpc_series_row_pass(s, crew, worker, copy_targets) ||
		!hpc_series_take_all(s, crew, worker))
		return false;
	s->base = hpc_scale(find_base(s, crew, worker), s->rules->unit);
	return hpc_series_row_pass(s, crew, worker, subtract_base);
}

/* False: stopped; then the series is of no use any more. */
static bool
start(hpc_series *s, hpc_crew *crew, int worker)
{
	s->started = true;
	if (!begin_with_base(s, crew, worker))
		return false;
	s->idle = s->bag->nrows == 0;
	s->next_step = hpc_safe_step(s->rules, hpc_loss_has_signs(&s->loss)
											   ? 0.99 /* just below 2^0 */
											   : hpc_series_count(s).most);
	return !hpc_crew_stopped(crew, worker);
}

bool
hpc_series_advance(hpc_series *s, hpc_grower *grower, hpc_crew *crew,
				   int worker, uint64_t goal)
{
	s->grower = grower;
	s->bag = hpc_grower_bag(grower);
	s->bag->weight_bits = s->rules->weight_bits;
	if (!s->started && !start(s, crew, worker))
		return false;
	if (s->idle)
		s->round = goal;
	while (s->round < goal)
	{
		if (!advance(s, crew, worker))
			return false;
	}
	return true;
}

void
hpc_series_lose_bag(hpc_series *s)
{
	s->filled = false;
}

/* ---------- rules ---------- */

static hpc_loss
choose_loss(const hpc_params *params)
{
	hpc_loss loss = {.kind = params->loss,
					 .quantile = 0.5,
					 .huber_quantile = params->huber_quantile};

	if (loss.kind == HPC_LOSS_QUANTILE)
		loss.quantile = params->quantile;
	return loss;
}

/* Units of residuals; and of weights, so that 31 bits are enough. */
static hpc_status
choose_units(hpc_env *env, hpc_series_rules *rules)
{
	double largest;
	double weight;
	hpc_status status = hpc_frame_largest_target(env, rules->frame, &largest);

	if (status == HPC_OK)
		status = hpc_frame_total_weight(env, rules->frame, &weight);
	if (status != HPC_OK)
		return status;
	rules->unit = hpc_exponent_above(largest);
	if (rules->frame->weight != NULL)
		rules->weight_step = hpc_exponent_above(weight) - MAX_WEIGHT_BITS;
	return HPC_OK;
}

/* Do narrow cells leave enough bits to the mean of |q|? */
static bool
narrow_suffices(const hpc_series_rules *rules)
{
	int bits = CELL_BITS - 2 * rules->weight_bits;

	if (rules->frame->weight != NULL)
		return false;
	if (hpc_loss_has_signs(&rules->loss))
		return hpc_scale(hpc_loss_mean_sign(&rules->loss), bits) >= LEAST_MEAN;
	/* two bits of room */
	return bits - 2 >= LEAST_MEAN_BITS;
}

static void
choose_cells(hpc_series_rules *rules)
{
	const hpc_frame *frame = rules->frame;

	rules->weight_bits = hpc_exponent_above((double) frame->ncopies);
	rules->wide = !narrow_suffices(rules);
	rules->sum_bits = CELL_BITS;
	if (!rules->wide)
		rules->sum_bits -= rules->weight_bits;
	if (frame->weight != NULL)
		/* rounded up to 1, the lightest rows may add what all others do */
		rules->weight_bits = MAX_WEIGHT_BITS + 1;
}

/* What feature_fraction is where it is not given: of few columns more. */
#define DEFAULT_FRACTION 0.25
#define DEFAULT_FEATURES 4

static hpc_status
choose_features(hpc_env *env, hpc_series_rules *rules)
{
	const hpc_frame *frame = rules->frame;
	double share;

	rules->usable = hpc_alloc(env, (size_t) frame->nfeatures, sizeof(int));
	if (rules->usable == NULL)
		return HPC_NO_MEMORY;
	for (int i = 0; i < frame->nfeatures; i++)
	{
		const hpc_feature *feature = &frame->features[i];

		if (feature->nbins + (feature->nmissing > 0) > 1)
			rules->usable[rules->nusable++] = i;
	}
	share = rules->params->feature_fraction * rules->nusable;
	if (rules->params->feature_fraction == 0)
		share = fmax(DEFAULT_FRACTION * rules->nusable, DEFAULT_FEATURES);
	rules->ndrawn = share < 1 ? 1 : (int) floor(share + 0.5);
	if (rules->ndrawn > rules->nusable)
		rules->ndrawn = rules->nusable;
	return HPC_OK;
}

hpc_status
hpc_series_rules_init(hpc_env *env, hpc_series_rules *rules,
					  const hpc_frame *frame, const hpc_params *params)
{
	hpc_status status;

	*rules = (hpc_series_rules){.frame = frame,
								.params = params,
								.batch = 1,
								.loss = choose_loss(params)};
	status = choose_units(env, rules);
	if (status == HPC_OK)
		status = hpc_monotone_signs(env, frame, params, &rules->monotone);
	if (status == HPC_OK)
		status = hpc_chance_shares(env, frame, &rules->chance);
	if (status == HPC_OK)
		status = choose_features(env, rules);
	if (status != HPC_OK)
		return status;
	choose_cells(rules);
	rules->row_threshold = hpc_share_threshold(params->row_fraction);
	rules->grow =
		(hpc_grow_rules){.min_leaf = (uint64_t) params->min_leaf,
						 .cat_smooth = params->cat_smooth,
						 .cat_min_rows = params->cat_min_rows,
						 .l2 = params->l2,
						 .max_depth = (uint32_t) params->max_depth,
						 .max_leaves = (uint32_t) params->max_leaves,
						 .nfeatures_tried = frame->nfeatures,
						 .monotone = rules->monotone,
						 .chance = rules->chance,
						 .weight_unit = hpc_scale(1, -rules->weight_step),
						 .nworkers = 1};
	return HPC_OK;
}

void
hpc_series_rules_free(hpc_env *env, hpc_series_rules *rules)
{
	hpc_free(env, rules->monotone);
	hpc_free(env, rules->chance);
	hpc_free(env, rules->usable);
}

/* ---------- a new series ---------- */

/* No tree has more. */
static size_t
most_nodes(const hpc_series_rules *rules)
{
	uint64_t leaves = rules->frame->nrows;

	if (rules->grow.max_leaves > 0 && rules->grow.max_leaves < leaves)
		leaves = rules->grow.max_leaves;
	return (size_t) (2 * leaves);
}

static hpc_status
list_held_out(hpc_env *env, hpc_series *s)
{
	const hpc_series_rules *rules = s->rules;
	uint32_t n = 0;

	if (s->held_out == HPC_NO_FOLD)
		return HPC_OK;
	for (uint32_t row = 0; row < rules->frame->nrows; row++)
		n += rules->fold[row] == s->held_out;
	s->held = hpc_alloc(env, n, sizeof(uint32_t));
	s->held_now = hpc_alloc(env, rules->batch * n, sizeof(double));
	s->loss_now = hpc_alloc(env, rules->batch, sizeof(double));
	if (s->held == NULL || s->held_now == NULL || s->loss_now == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < rules->frame->nrows; row++)
	{
		if (rules->fold[row] == s->held_out)
			s->held[s->nheld++] = row;
		if (hpc_poll(env, row))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

static bool
allocate(hpc_env *env, hpc_series *s)
{
	const hpc_series_rules *rules = s->rules;
	size_t nrows = rules->frame->nrows;
	size_t nworkers = s->nteam > 0 ? (size_t) s->nteam : 1;

	if (rules->grow.nrecords > 0)
		nrows = 0; /* records have it all */
	s->residual = hpc_alloc(env, nrows > 0 ? nrows : s->nheld, sizeof(double));
	s->place = hpc_alloc(env, nrows, sizeof(uint16_t));
	s->chunk_rows = hpc_alloc(env, nrows / HPC_CHUNK + 1, sizeof(uint32_t));
	s->features = hpc_alloc(env, (size_t) rules->ndrawn, sizeof(int));
	s->draws = hpc_alloc(env, (size_t) rules->nusable, sizeof(uint64_t));
	s->value = hpc_alloc(env, most_nodes(rules), sizeof(double));
	s->tallies = hpc_alloc(env, nworkers, sizeof(hpc_series_tally));
	if (rules->monotone != NULL)
		s->mean = hpc_alloc(env, most_nodes(rules), sizeof(double));
	if (hpc_loss_renews_leaves(&rules->loss))
		s->spare = hpc_alloc(env, nrows, sizeof(uint32_t));
	return s->residual != NULL && s->place != NULL && s->chunk_rows != NULL &&
		   s->features != NULL && s->draws != NULL && s->value != NULL &&
		   s->tallies != NULL &&
		   (rules->monotone == NULL || s->mean != NULL) &&
		   (!hpc_loss_renews_leaves(&rules->loss) || s->spare != NULL);
}

hpc_status
hpc_series_init(hpc_env *env, hpc_series *s, const hpc_series_rules *rules,
				int nteam, int held_out, hpc_tray *tray)
{
	hpc_status status;

	*s = (hpc_series){.rules = rules,
					  .nteam = nteam,
					  .held_out = held_out,
					  .loss = rules->loss,
					  .tray = tray};
	status = list_held_out(env, s);
	if (status == HPC_OK && !allocate(env, s))
		status = HPC_NO_MEMORY;
	return status;
}

void
hpc_series_free(hpc_env *env, hpc_series *s)
{
	hpc_free(env, s->residual);
	hpc_free(env, s->place);
	hpc_free(env, s->chunk_rows);
	hpc_free(env, s->features);
	hpc_free(env, s->draws);
	hpc_free(env, s->value);
	hpc_free(env, s->mean);
	hpc_free(env, s->spare);
	hpc_free(env, s->tallies);
	hpc_free(env, s->held);
	hpc_free(env, s->held_now);
	hpc_free(env, s->loss_now);
}
