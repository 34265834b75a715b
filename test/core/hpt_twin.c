/*
 * hpt_twin.c
 *		A tree grown the slow way, to compare the grower's with.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_random.h"
#include "hpt_twin.h"

/* ---------- sums of a node ---------- */

static int
compare_codes(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *) a;
	uint32_t right = *(const uint32_t *) b;

	return left < right ? -1 : left > right;
}

/* Lists the codes in use in ascending order. */
static void
order_codes(hpt_twin *twin, const hpc_feature *feature)
{
	if ((uint64_t) twin->ncodes * 16 < feature->nbins)
	{
		qsort(twin->codes, twin->ncodes, sizeof(uint32_t), compare_codes);
		return;
	}
	twin->ncodes = 0;
	for (uint32_t code = 0; code < feature->nbins; code++)
	{
		if (twin->cells[code].count > 0)
			twin->codes[twin->ncodes++] = code;
	}
}

/* Sums the rows of a node by code; answers those without a value. */
static hpc_total
sum_codes(hpt_twin *twin, const hpt_twin_node *node,
		  const hpc_feature *feature)
{
	hpc_total missing = {0, 0, 0};

	for (uint32_t i = 0; i < twin->ncodes; i++)
		twin->cells[twin->codes[i]] = missing;
	twin->ncodes = 0;
	for (uint32_t i = 0; i < node->nrows; i++)
	{
		uint32_t code = hpc_code(feature, node->rows[i]);
		hpc_total held = twin->sample->held[node->rows[i]];

		if (code == feature->nbins)
		{
			missing = hpc_total_plus(missing, held);
			continue;
		}
		if (twin->cells[code].count == 0)
			twin->codes[twin->ncodes++] = code;
		twin->cells[code] = hpc_total_plus(twin->cells[code], held);
	}
	order_codes(twin, feature);
	return missing;
}

/* ---------- gains ---------- */

static double
value_of(const hpc_search *search, hpc_total child)
{
	double value = (double) child.sum / ((double) child.weight + search->l2);

	return fmin(fmax(value, search->lower), search->upper);
}

static double
decrease_by(const hpc_search *search, hpc_total child, double value)
{
	return value * (2 * (double) child.sum -
					((double) child.weight + search->l2) * value);
}

/* Root of the numerator of a plain gain. */
static double
root_of(const hpc_search *search, hpc_total left)
{
	return (double) ((__int128) left.sum * (__int128) search->node.weight -
					 (__int128) search->node.sum * (__int128) left.weight);
}

static double
gain_of(const hpc_search *search, hpc_total left)
{
	hpc_total right = hpc_total_less(search->node, left);
	double a;
	double b;
	double gain;

	if (search->judging == HPC_PLAIN)
		return root_of(search, left) / (double) left.weight *
			   (root_of(search, left) / (double) right.weight) /
			   (double) search->node.weight;
	a = value_of(search, left);
	b = value_of(search, right);
	if (search->sign * (b - a) < 0)
		return -1;
	gain = decrease_by(search, left, a) + decrease_by(search, right, b) -
		   decrease_by(search, search->node, value_of(search, search->node));
	return gain > 0 ? gain : -1;
}

static bool
is_allowed(const hpc_search *search, hpc_total left)
{
	hpc_total right = hpc_total_less(search->node, left);

	return left.count >= search->rules->min_leaf &&
		   right.count >= search->rules->min_leaf && left.count > 0 &&
		   right.count > 0;
}

/* Keeps a division if it is better, judged by its gain. */
static void
try_gain(const hpc_search *search, hpc_split *best, hpc_total left,
		 uint32_t cut, bool missing_left)
{
	if (is_allowed(search, left) && gain_of(search, left) > best->gain)
		*best = (hpc_split){gain_of(search, left), cut, missing_left, left};
}

/* The same, for plain divisions of numbers: gains as ratios. */
static void
try_ratio(const hpc_search *search, hpc_split *best, hpc_total left,
		  uint32_t cut, bool missing_left)
{
	double d = root_of(search, left);
	double e = best->gain < 0 ? 0 : root_of(search, best->left);
	double weights =
		(double) (left.weight * (search->node.weight - left.weight));
	double best_weights =
		best->gain < 0 ? 1
					   : (double) (best->left.weight *
								   (search->node.weight - best->left.weight));

	if (!is_allowed(search, left))
		return;
	if (best->gain < 0 || d * d * best_weights > e * e * weights)
		*best = (hpc_split){d * d / weights / (double) search->node.weight,
							cut, missing_left, left};
}

/* ---------- divisions of one feature ---------- */

static hpc_split
divide_number(hpt_twin *twin, const hpc_search *search)
{
	void (*try)(const hpc_search *, hpc_split *, hpc_total, uint32_t, bool) =
		search->judging == HPC_PLAIN ? try_ratio : try_gain;
	hpc_split best = {.gain = -1};
	hpc_total left = {0, 0, 0};

	for (uint32_t i = 0; i < twin->ncodes; i++)
	{
		uint32_t code = twin->codes[i];

		left = hpc_total_plus(left, twin->cells[code]);
		try(search, &best, left, code, false);
		if (search->missing.count > 0)
			try(search, &best, hpc_total_plus(left, search->missing), code,
				true);
	}
	return best;
}

static bool
level_before(const hpc_level *a, const hpc_level *b)
{
	if (a->order != b->order)
		return a->order < b->order;
	return a->tie < b->tie;
}

/* Levels of the feature at hand, rare ones pooled, in order of their means. */
static void
order_levels(hpt_twin *twin, const hpc_search *search,
			 const hpc_feature *feature)
{
	double unit = twin->rules->weight_unit;
	hpc_level pool = {.code = HPC_POOLED};

	twin->nlevels = twin->npooled = 0;
	for (uint32_t i = 0; i < twin->ncodes; i++)
	{
		hpc_level level = {.total = twin->cells[twin->codes[i]],
						   .code = twin->codes[i]};

		if ((double) level.total.weight < twin->rules->cat_min_rows * unit)
		{
			pool.total = hpc_total_plus(pool.total, level.total);
			twin->pooled[twin->npooled++] = level.code;
		}
		else
			twin->levels[twin->nlevels++] = level;
	}
	if (twin->npooled > 0)
		twin->levels[twin->nlevels++] = pool;
	for (uint32_t i = 0; i < twin->nlevels; i++)
	{
		hpc_level level = twin->levels[i];
		uint32_t place = i;

		level.order =
			root_of(search, level.total) /
			((double) level.total.weight + twin->rules->cat_smooth * unit);
		level.tie = hpc_mix(feature->name_hash + level.code);
		for (; place > 0 && level_before(&level, &twin->levels[place - 1]);
			 place--)
			twin->levels[place] = twin->levels[place - 1];
		twin->levels[place] = level;
	}
}

/* What the levels gain by chance; the variance anew for each feature. */
static double
chance_of(const hpt_twin *twin, const hpt_twin_node *node, int index,
		  double roots)
{
	return fmax(0, 0.6366197723675814 *
					   (roots * roots / (double) node->total.weight - 2)) *
		   twin->rules->chance[index] *
		   hpt_sample_variance(twin->sample, node->rows, node->nrows,
							   node->total) *
		   twin->rules->weight_unit;
}

static hpc_split
divide_levels(hpt_twin *twin, const hpt_twin_node *node,
			  const hpc_search *search, int index)
{
	hpc_split best = {.gain = -1};
	hpc_total left = {0, 0, 0};
	double roots = sqrt((double) search->missing.weight);

	for (uint32_t i = 0; i < twin->nlevels; i++)
	{
		roots += sqrt((double) twin->levels[i].total.weight);
		left = hpc_total_plus(left, twin->levels[i].total);
		try_gain(search, &best, left, i, false);
		if (search->missing.count > 0)
			try_gain(search, &best, hpc_total_plus(left, search->missing), i,
					 true);
	}
	if (best.gain > 0 && twin->rules->chance != NULL)
		best.gain = fmax(0, best.gain - chance_of(twin, node, index, roots));
	return best;
}

/* A division that was drawn, with what is missing on the better side. */
static hpc_split
take_drawn(const hpc_search *search, hpc_total left, uint32_t cut)
{
	hpc_split best = {.gain = -1};

	try_gain(search, &best, left, cut, false);
	if (search->missing.count > 0)
		try_gain(search, &best, hpc_total_plus(left, search->missing), cut,
				 true);
	return best;
}

/* Levels on the left first, each by its draw, but neither side empty. */
static hpc_split
draw_levels(hpt_twin *twin, const hpc_search *search, uint64_t draw)
{
	uint32_t n = twin->ncodes;
	uint32_t ndrawn = 0;
	uint32_t nleft = 0;
	hpc_total left = {0, 0, 0};

	for (uint32_t i = 0; i < n; i++)
		ndrawn += hpc_draw(draw, twin->codes[i]) >> 63;
	twin->nlevels = twin->npooled = 0;
	for (int side = 0; side < 2; side++)
	{
		for (uint32_t i = 0; i < n; i++)
		{
			bool goes_left = hpc_draw(draw, twin->codes[i]) >> 63;

			/* the last one changes sides where all are on one */
			if (i + 1 == n && (ndrawn == 0 || ndrawn == n))
				goes_left = ndrawn == 0;
			if (goes_left != (side == 0))
				continue;
			twin->levels[twin->nlevels++] =
				(hpc_level){.total = twin->cells[twin->codes[i]],
							.code = twin->codes[i]};
			nleft += goes_left;
			if (goes_left)
				left = hpc_total_plus(left, twin->cells[twin->codes[i]]);
		}
	}
	return take_drawn(search, left, nleft - 1);
}

/* The last code whose values are all up to x, at least the first. */
static uint32_t
last_up_to(const hpc_feature *feature, double x, uint32_t first)
{
	uint32_t code = first;

	while (code + 1 < feature->nbins && feature->high[code + 1] <= x)
		code++;
	return code;
}

static double
between(double a, double b)
{
	double middle = a * 0.5 + b * 0.5;

	return middle >= a && middle < b ? middle : a;
}

/* A threshold drawn from the range that the node has. */
static hpc_split
draw_threshold(hpt_twin *twin, const hpc_search *search,
			   const hpc_feature *feature, uint64_t draw, double *threshold)
{
	uint32_t first = twin->codes[0];
	uint32_t last = twin->codes[twin->ncodes - 1];
	double share = (double) (draw >> 11) * 0x1p-53;
	double x = feature->low[first] +
			   share * (feature->low[last] - feature->low[first]);
	hpc_total left = {0, 0, 0};
	uint32_t cut;

	if (!isfinite(x))
		x = feature->high[first + (uint32_t) (share * (last - first))];
	x = fmax(x, feature->high[first]);
	cut = last_up_to(feature, x, first);
	cut = cut < last ? cut : last - 1;
	*threshold = x;
	if (feature->low[cut + 1] <= x)
		*threshold = between(feature->high[cut], feature->low[cut + 1]);
	for (uint32_t i = 0; twin->codes[i] <= cut; i++)
		left = hpc_total_plus(left, twin->cells[twin->codes[i]]);
	return take_drawn(search, left, cut);
}

/* ---------- the best split of a node ---------- */

static uint64_t
draw_of(const hpt_twin *twin, const hpt_twin_node *node, int feature)
{
	return hpc_draw(twin->stream ^ node->path,
					twin->frame->features[feature].name_hash);
}

/* Midway between the values on both sides that the node has. */
static void
set_threshold(const hpt_twin *twin, hpt_twin_node *node,
			  const hpc_feature *feature)
{
	uint32_t i = 0;
	double x;

	while (i < twin->ncodes && twin->codes[i] <= node->cut)
		i++;
	if (i == twin->ncodes)
	{
		node->cut = feature->nbins - 1;
		node->threshold = INFINITY;
		return;
	}
	x = between(feature->high[node->cut], feature->low[twin->codes[i]]);
	node->cut = last_up_to(feature, x, node->cut);
	if (node->cut >= twin->codes[i])
		node->cut = twin->codes[i] - 1;
	node->threshold = x;
	/* a bin that x would cut goes right whole */
	if (feature->low[node->cut + 1] <= x)
		node->threshold =
			between(feature->high[node->cut], feature->low[node->cut + 1]);
}

static void
set_levels(const hpt_twin *twin, hpt_twin_node *node,
		   const hpc_feature *feature, uint32_t last)
{
	node->set = calloc(hpc_set_words(feature->nbins), sizeof(uint32_t));
	for (uint32_t code = 0; code < feature->nbins; code++)
	{
		bool left = node->missing_left;

		for (uint32_t i = 0; i < twin->nlevels; i++)
		{
			if (twin->levels[i].code == code)
				left = i <= last;
			for (uint32_t j = 0;
				 twin->levels[i].code == HPC_POOLED && j < twin->npooled; j++)
			{
				if (twin->pooled[j] == code)
					left = i <= last;
			}
		}
		if (left)
			node->set[code / 32] |= UINT32_C(1) << (code % 32);
	}
}

static hpc_search
search_of(const hpt_twin *twin, const hpt_twin_node *node)
{
	const hpc_grow_rules *rules = twin->rules;

	return (hpc_search){.rules = rules,
						.node = node->total,
						.judging = rules->l2 == 0 && rules->monotone == NULL
									   ? HPC_PLAIN
									   : HPC_BOUNDED,
						.l2 = rules->l2 * rules->weight_unit,
						.lower = node->lower,
						.upper = node->upper};
}

/* Tries a feature; keeps its split if it is the best.  False: constant. */
static bool
try_feature(hpt_twin *twin, hpt_twin_node *node, int index)
{
	const hpc_feature *feature = &twin->frame->features[index];
	bool category = feature->kind == HPC_CATEGORY;
	bool drawn;
	hpc_search search = search_of(twin, node);
	hpc_split split;
	double threshold = 0;

	search.missing = sum_codes(twin, node, feature);
	if (twin->ncodes == 0 || twin->ncodes + (search.missing.count > 0) < 2)
		return false;
	if (twin->rules->monotone != NULL)
		search.sign = twin->rules->monotone[index];
	drawn = twin->rules->random_cuts && twin->ncodes > 1;
	if (category && !drawn)
	{
		order_levels(twin, &search, feature);
		split = divide_levels(twin, node, &search, index);
	}
	else if (category)
		split = draw_levels(twin, &search, draw_of(twin, node, index));
	else if (drawn)
		split =
			draw_threshold(twin, &search, feature,
						   hpc_mix(draw_of(twin, node, index)), &threshold);
	else
		split = divide_number(twin, &search);
	if (split.gain < 0 || split.gain < node->gain ||
		(split.gain == node->gain &&
		 draw_of(twin, node, index) > draw_of(twin, node, node->feature)))
		return true;
	node->gain = split.gain;
	node->feature = index;
	node->left_total = split.left;
	node->cut = split.cut;
	node->missing_left = search.missing.count > 0
							 ? split.missing_left
							 : 2 * split.left.weight >= node->total.weight;
	free(node->set);
	node->set = NULL;
	node->threshold = threshold;
	if (category)
		set_levels(twin, node, feature, split.cut);
	else if (!drawn)
		set_threshold(twin, node, feature);
	return true;
}

static bool
is_pure(const hpt_twin *twin, const hpt_twin_node *node)
{
	const double *value = twin->sample->pure_value;

	if (value == NULL)
		return false;
	for (uint32_t i = 1; i < node->nrows; i++)
	{
		if (value[node->rows[i]] != value[node->rows[0]])
			return false;
	}
	return true;
}

/* The next untried feature, smallest draw first; all: in their order. */
static int
next_feature(const hpt_twin *twin, const hpt_twin_node *node, bool all,
			 const bool *tried, int nfeatures)
{
	const int *features = twin->sample->features;
	int best = -1;

	for (int i = 0; i < nfeatures; i++)
	{
		int feature = features != NULL ? features[i] : i;

		if (!tried[feature] &&
			(best < 0 || (!all && draw_of(twin, node, feature) <
									  draw_of(twin, node, best))))
			best = feature;
	}
	return best;
}

/* Finds the node's best split, if it may be split. */
static void
propose(hpt_twin *twin, hpt_twin_node *node)
{
	const hpc_grow_rules *rules = twin->rules;
	int nfeatures = twin->sample->features != NULL ? twin->sample->nfeatures
												   : twin->frame->nfeatures;
	bool *tried = calloc((size_t) twin->frame->nfeatures + 1, sizeof(bool));
	int wanted = rules->nfeatures_tried;

	node->gain = -1;
	if (node->nrows >= 2 && node->total.count >= 2 * rules->min_leaf &&
		(rules->max_depth == 0 || node->depth < rules->max_depth) &&
		!is_pure(twin, node))
	{
		for (int i = 0; i < nfeatures && wanted > 0; i++)
		{
			int feature =
				next_feature(twin, node, rules->nfeatures_tried >= nfeatures,
							 tried, nfeatures);

			tried[feature] = true;
			wanted -= try_feature(twin, node, feature);
		}
	}
	if (twin->sample->pure_value == NULL && node->gain <= 0)
		node->gain = -1;
	free(tried);
}

/* ---------- nodes ---------- */

static bool
goes_left(const hpt_twin *twin, const hpt_twin_node *node, uint32_t row)
{
	const hpc_feature *feature = &twin->frame->features[node->feature];
	uint32_t code = hpc_code(feature, row);

	if (code == feature->nbins)
		return node->missing_left;
	if (feature->kind == HPC_CATEGORY)
		return node->set[code / 32] >> (code % 32) & 1;
	/* by value, as predictions do */
	return feature->high[code] <= node->threshold;
}

static hpt_twin_node *
add_child(hpt_twin *twin, uint32_t parent_index, hpc_total total,
		  uint64_t side)
{
	hpt_twin_node *parent;
	hpt_twin_node *child;

	if (twin->nnodes == twin->max_nodes)
	{
		twin->max_nodes *= 2;
		twin->nodes =
			realloc(twin->nodes, twin->max_nodes * sizeof(hpt_twin_node));
	}
	parent = &twin->nodes[parent_index];
	child = &twin->nodes[twin->nnodes++];
	memset(child, 0, sizeof(*child));
	child->depth = parent->depth + 1;
	child->path = hpc_mix(2 * parent->path + side);
	child->total = total;
	child->lower = parent->lower;
	child->upper = parent->upper;
	child->rows = malloc((parent->nrows + 1) * sizeof(uint32_t));
	for (uint32_t i = 0; i < parent->nrows; i++)
	{
		if (goes_left(twin, parent, parent->rows[i]) == (side == 0))
			child->rows[child->nrows++] = parent->rows[i];
	}
	return child;
}

/* Values of the children's descendants stay on their side of the middle. */
static void
bound_children(hpt_twin *twin, uint32_t index)
{
	const hpt_twin_node *node = &twin->nodes[index];
	hpt_twin_node *left = &twin->nodes[node->left];
	hpt_twin_node *right = left + 1;
	hpc_search search = search_of(twin, node);
	double middle;

	if (twin->rules->monotone == NULL ||
		twin->rules->monotone[node->feature] == 0)
		return;
	middle = value_of(&search, left->total) * 0.5 +
			 value_of(&search, right->total) * 0.5;
	if (twin->rules->monotone[node->feature] > 0)
		left->upper = right->lower = middle;
	else
		left->lower = right->upper = middle;
}

static void
split_node(hpt_twin *twin, uint32_t index)
{
	hpc_total left = twin->nodes[index].left_total;
	hpc_total right = hpc_total_less(twin->nodes[index].total, left);

	twin->nodes[index].left = twin->nnodes;
	add_child(twin, index, left, 0);
	add_child(twin, index, right, 1);
	bound_children(twin, index);
	propose(twin, &twin->nodes[twin->nnodes - 2]);
	propose(twin, &twin->nodes[twin->nnodes - 1]);
}

/* The leaf to split next: any, or the one that gains most. */
static uint32_t
next_leaf(const hpt_twin *twin, uint32_t from)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t i = from; i < twin->nnodes; i++)
	{
		const hpt_twin_node *node = &twin->nodes[i];

		if (node->left != 0 || node->gain < 0)
			continue;
		if (twin->rules->max_leaves == 0)
			return i;
		if (best == UINT32_MAX || node->gain > twin->nodes[best].gain ||
			(node->gain == twin->nodes[best].gain &&
			 node->path < twin->nodes[best].path))
			best = i;
	}
	return best;
}

static void
plant(hpt_twin *twin)
{
	hpt_twin_node *root = &twin->nodes[0];
	const hpt_sample *sample = twin->sample;

	memset(root, 0, sizeof(*root));
	root->path = 1;
	root->lower = -INFINITY;
	root->upper = INFINITY;
	root->nrows = sample->nrows;
	root->rows = malloc((sample->nrows + 1) * sizeof(uint32_t));
	memcpy(root->rows, sample->rows, sample->nrows * sizeof(uint32_t));
	for (uint32_t i = 0; i < sample->nrows; i++)
		root->total =
			hpc_total_plus(root->total, sample->held[sample->rows[i]]);
	twin->nnodes = 1;
	propose(twin, root);
}

void
hpt_twin_grow(hpt_twin *twin, const hpc_frame *frame,
			  const hpc_grow_rules *rules, const hpt_sample *sample,
			  uint64_t stream)
{
	uint32_t max_leaves =
		rules->max_leaves > 0 ? rules->max_leaves : UINT32_MAX;
	uint32_t at = 0;

	*twin = (hpt_twin){.frame = frame,
					   .rules = rules,
					   .sample = sample,
					   .stream = stream,
					   .max_nodes = 64};
	twin->nodes = malloc(twin->max_nodes * sizeof(hpt_twin_node));
	twin->cells = calloc(HPC_MAX_BINS + 2, sizeof(hpc_total));
	twin->codes = malloc((HPC_MAX_BINS + 2) * sizeof(uint32_t));
	twin->levels = malloc((HPC_MAX_BINS + 2) * sizeof(hpc_level));
	twin->pooled = malloc((HPC_MAX_BINS + 2) * sizeof(uint32_t));
	plant(twin);
	for (uint32_t nleaves = 1; nleaves < max_leaves; nleaves++)
	{
		uint32_t leaf = next_leaf(twin, at);

		if (leaf == UINT32_MAX)
			break;
		/* where the order is of no matter, leaves stand in a queue */
		if (rules->max_leaves == 0)
			at = leaf;
		split_node(twin, leaf);
	}
	free(twin->cells);
	free(twin->codes);
	free(twin->levels);
	free(twin->pooled);
}

void
hpt_twin_free(hpt_twin *twin)
{
	for (uint32_t i = 0; i < twin->nnodes; i++)
	{
		free(twin->nodes[i].rows);
		free(twin->nodes[i].set);
	}
	free(twin->nodes);
	memset(twin, 0, sizeof(*twin));
}

const hpt_twin_node *
hpt_twin_leaf(const hpt_twin *twin, uint32_t row)
{
	const hpt_twin_node *node = twin->nodes;

	while (node->left != 0)
		node = &twin->nodes[node->left + !goes_left(twin, node, row)];
	return node;
}

/* ---------- comparing ---------- */

static bool
same_split(const hpt_twin *twin, const hpt_twin_node *a, const hpc_tree *tree,
		   const hpc_tree_node *b)
{
	const hpc_feature *feature = &twin->frame->features[a->feature];

	if (a->feature != b->feature || a->missing_left != b->missing_left ||
		a->gain != b->gain)
		return false;
	if (feature->kind == HPC_CATEGORY)
		return memcmp(a->set, tree->sets + b->at.set,
					  hpc_set_words(feature->nbins) * sizeof(uint32_t)) == 0;
	return a->cut == b->at.cut && a->threshold == b->threshold;
}

/*
 * The rows of a leaf are the twin's, and fall into it.  Of records it is only
 * known how many there are.
 */
static bool
same_leaf(const hpt_twin *twin, const hpt_twin_node *a, const hpc_tree *tree,
		  uint32_t leaf)
{
	const hpc_tree_node *b = &tree->nodes[leaf];
	uint32_t *rows;
	bool same;

	if (a->total.sum != b->sum || b->end < b->begin)
		return false;
	if (tree->rows == NULL)
		return b->end - b->begin == a->total.count;
	if (b->end > twin->sample->nrows || b->end - b->begin != a->nrows)
		return false;
	rows = malloc((a->nrows + 1) * sizeof(uint32_t));
	memcpy(rows, tree->rows + b->begin, a->nrows * sizeof(uint32_t));
	qsort(rows, a->nrows, sizeof(uint32_t), compare_codes);
	same = memcmp(rows, a->rows, a->nrows * sizeof(uint32_t)) == 0;
	for (uint32_t i = 0; i < a->nrows; i++)
		same &= hpc_tree_leaf(tree, twin->frame, a->rows[i]) == leaf;
	free(rows);
	return same;
}

static bool
same_node(const hpt_twin *twin, const hpt_twin_node *a, const hpc_tree *tree,
		  uint32_t index)
{
	const hpc_tree_node *b = &tree->nodes[index];

	if (a->total.weight != b->weight || a->total.count != b->cover ||
		(a->left == 0) != (b->left == 0))
		return false;
	if (tree->bounds != NULL && (tree->bounds[2 * index] != a->lower ||
								 tree->bounds[2 * index + 1] != a->upper))
		return false;
	if (a->left == 0)
		return same_leaf(twin, a, tree, index);
	return b->left > index && b->left + 1 < tree->nnodes &&
		   same_split(twin, a, tree, b);
}

uint32_t
hpt_twin_differences(const hpt_twin *twin, const hpc_tree *tree)
{
	/* which node of the tree stands for each of the twin's */
	uint32_t *image = calloc(twin->nnodes, sizeof(uint32_t));
	uint32_t ndifferences = twin->nnodes != tree->nnodes;

	for (uint32_t i = 0; i < twin->nnodes && ndifferences == 0; i++)
	{
		const hpt_twin_node *node = &twin->nodes[i];

		ndifferences += !same_node(twin, node, tree, image[i]);
		if (node->left == 0 || ndifferences > 0)
			continue;
		image[node->left] = tree->nodes[image[i]].left;
		image[node->left + 1] = tree->nodes[image[i]].left + 1;
	}
	free(image);
	return ndifferences;
}
