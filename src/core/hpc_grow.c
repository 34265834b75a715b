/*
 * hpc_grow.c
 *		Growing one tree: which node is split next, and its children.
 *
 * A node's split is looked for when its turn comes (depth first), or when it
 * is made (best first, with max_leaves): then the waiting nodes are a heap and
 * the one with the largest gain is split next, as in LightGBM.  Depth first
 * the smaller child goes first, so that at most log2(n) + 1 nodes wait.
 *
 * Each node's rows are summed by code as hpc_scan.h says: a node has either a
 * histogram, or its rows in lists once they are fewer than the codes of its
 * features on average.  Where all features may be tried, the histogram of the
 * larger child is what the smaller one's leaves of its parent's.  Where
 * features are drawn for each split, a feature is summed when it is tried.
 *
 * With bag->pure_value a node is split until it is pure even where the best
 * gain is zero (as with an exclusive or of two features), like scikit-learn's
 * trees.
 *
 * Monotone features: a division whose children's values are in the wrong
 * order is passed over, and the midpoint of these values bounds all
 * descendants, as in LightGBM's basic method.
 */
#include <math.h>
#include <string.h>

#include "hpc_grow_inside.h"

/* ---------- the list of waiting nodes ---------- */

static inline bool
splits_before(const hpc_pending *a, const hpc_pending *b)
{
	if (a->split.gain != b->split.gain)
		return a->split.gain > b->split.gain;
	return a->path < b->path;
}

/* Adds to the list: at its end, or (best first) into the heap. */
static void
put_waiting(hpc_grower *grower, const hpc_pending *node)
{
	hpc_pending *heap = grower->waiting;
	uint32_t place = grower->nwaiting++;

	if (grower->rules->max_leaves > 0)
	{
		while (place > 0 && splits_before(node, &heap[(place - 1) / 2]))
		{
			heap[place] = heap[(place - 1) / 2];
			place = (place - 1) / 2;
		}
	}
	heap[place] = *node;
}

static hpc_pending
take_waiting(hpc_grower *grower)
{
	hpc_pending *heap = grower->waiting;
	uint32_t n = --grower->nwaiting;
	uint32_t place = 0;
	hpc_pending first;
	hpc_pending last = heap[n];

	if (grower->rules->max_leaves == 0)
		return last;
	first = heap[0];
	for (;;)
	{
		uint32_t child = 2 * place + 1;

		if (child + 1 < n && splits_before(&heap[child + 1], &heap[child]))
			child++;
		if (child >= n || !splits_before(&heap[child], &last))
			break;
		heap[place] = heap[child];
		place = child;
	}
	heap[place] = last;
	return first;
}

/* ---------- nodes ---------- */

/* Keeps the set of a categorical split in the tree. */
static void
keep_set(hpc_grower *grower, hpc_tree_node *node)
{
	const hpc_feature *feature = &grower->frame->features[node->feature];
	hpc_tree *tree = &grower->tree;
	uint32_t words = hpc_set_words(feature->nbins);

	if (feature->kind != HPC_CATEGORY)
		return;
	if (tree->nset_words + words > tree->max_set_words)
	{
		grower->wants_room = true;
		grower->stopped = true;
		return;
	}
	node->at.set = tree->nset_words;
	memcpy(tree->sets + node->at.set, grower->best_set,
		   words * sizeof(uint32_t));
	tree->nset_words += words;
}

/* Makes the node for at; may it be split? */
static bool
make_node(hpc_grower *grower, const hpc_pending *at)
{
	hpc_tree_node *node = &grower->tree.nodes[at->node];
	const hpc_grow_rules *rules = grower->rules;

	memset(node, 0, sizeof(*node));
	node->weight = (uint32_t) at->total.weight;
	node->cover = (uint32_t) at->total.count;
	if (grower->tree.bounds != NULL)
	{
		grower->tree.bounds[2 * at->node] = at->lower;
		grower->tree.bounds[2 * at->node + 1] = at->upper;
	}
	return at->end - at->begin >= 2 && grower->nfeatures > 0 &&
		   at->total.count >= 2 * rules->min_leaf &&
		   (rules->max_depth == 0 || at->depth < rules->max_depth) &&
		   !hpc_rows_are_pure(grower, at);
}

static void
make_leaf(hpc_grower *grower, hpc_pending *at)
{
	hpc_tree_node *node = &grower->tree.nodes[at->node];

	node->begin = at->begin;
	node->end = at->end;
	node->sum = at->total.sum;
	hpc_grower_give(grower, &at->histogram);
	if (at->in_list)
		hpc_lists_to_rows(grower, at);
}

/* Lets a node wait for its turn, its split known if best comes first. */
static void
let_wait(hpc_grower *grower, hpc_pending *at)
{
	if (grower->rules->max_leaves > 0)
	{
		hpc_choose_split(grower, at);
		if (at->split.gain < 0)
		{
			make_leaf(grower, at);
			return;
		}
		keep_set(grower, &grower->tree.nodes[at->node]);
	}
	put_waiting(grower, at);
}

/*
 * The histograms of two children that will both be looked at, from their
 * parent's.
 */
static void
pass_histogram(hpc_grower *grower, hpc_pending *at, hpc_pending *small,
			   hpc_pending *large)
{
	if (at->histogram < 0)
		return;
	if (hpc_grower_suits_lists(grower, large->end - large->begin))
	{
		hpc_grower_give(grower, &at->histogram);
		return;
	}
	small->histogram = hpc_grower_take(grower);
	if (small->histogram < 0)
	{
		hpc_grower_give(grower, &at->histogram);
		return;
	}
	hpc_rows_fill(grower, small->begin, small->end, small->histogram);
	hpc_rows_subtract(grower, at->histogram, small->histogram);
	large->histogram = at->histogram;
	at->histogram = -1;
}

/* Bounds of the children where values have an order to keep. */
static void
pass_bounds(const hpc_grower *grower, const hpc_pending *at, hpc_pending *left,
			hpc_pending *right)
{
	const hpc_grow_rules *rules = grower->rules;
	int sign;
	hpc_pending *low;
	hpc_pending *high;
	hpc_search search = {.l2 = rules->l2 * rules->weight_unit,
						 .lower = at->lower,
						 .upper = at->upper};

	left->lower = right->lower = at->lower;
	left->upper = right->upper = at->upper;
	if (rules->monotone == NULL)
		return;
	sign = rules->monotone[grower->tree.nodes[at->node].feature];
	if (sign == 0)
		return;
	low = sign > 0 ? left : right;
	high = sign > 0 ? right : left;
	low->upper = high->lower =
		hpc_midpoint(hpc_split_value(&search, low->total),
					 hpc_split_value(&search, high->total));
}

/*
 * A child of at, field by field: to copy what has just been written in other
 * pieces stalls the processor.
 */
static inline void
make_child(const hpc_pending *at, hpc_pending *child, uint32_t node,
		   uint32_t begin, uint32_t end, uint64_t side)
{
	child->node = node;
	child->begin = begin;
	child->end = end;
	child->depth = at->depth + 1;
	child->path = hpc_mix(2 * at->path + side);
	child->histogram = -1;
	child->in_list = at->in_list;
	child->list = at->feature; /* which is divided first */
	for (int i = 0; i < HPC_CONSTANT_WORDS; i++)
		child->constant[i] = at->constant[i];
}

/*
 * Carries out the split of a node: makes its two children.  Those of the last
 * split stay leaves.
 */
static void
split_node(hpc_grower *grower, hpc_pending *at, bool last)
{
	hpc_tree *tree = &grower->tree;
	uint32_t middle = hpc_rows_partition(grower, at);
	hpc_pending left;
	hpc_pending right;
	bool left_is_larger = middle - at->begin >= at->end - middle;
	hpc_pending *small;
	hpc_pending *large;
	bool split_small;
	bool split_large;

	if (!hpc_grower_goes_on(grower, at->end - at->begin))
		return;
	make_child(at, &left, tree->nnodes, at->begin, middle, 0);
	make_child(at, &right, tree->nnodes + 1, middle, at->end, 1);
	left.total = at->split.left;
	right.total = hpc_total_less(at->total, at->split.left);
	small = left_is_larger ? &right : &left;
	large = left_is_larger ? &left : &right;
	pass_bounds(grower, at, &left, &right);
	tree->nodes[at->node].left = tree->nnodes;
	tree->nodes[at->node].gain = at->split.gain;
	tree->nnodes += 2;
	split_small = make_node(grower, small) && !last;
	split_large = make_node(grower, large) && !last;
	if (at->in_list && (split_small || split_large))
		hpc_lists_divide(grower, at);
	if (split_small || split_large)
		pass_histogram(grower, at, small, large);
	hpc_grower_give(grower, &at->histogram);
	if (split_large)
		let_wait(grower, large);
	else
		make_leaf(grower, large);
	if (split_small)
		let_wait(grower, small);
	else
		make_leaf(grower, small);
}

/* ---------- the tree ---------- */

/* May a feature gain something by chance, which the variance tells? */
static bool
has_chance(const hpc_grower *grower, int feature)
{
	return grower->rules->chance != NULL &&
		   grower->frame->features[feature].kind == HPC_CATEGORY &&
		   grower->frame->features[feature].nbins > 1;
}

static void
begin_tree(hpc_grower *grower, hpc_crew *crew, int worker, bool team,
		   uint64_t stream)
{
	grower->crew = crew;
	grower->worker = worker;
	grower->team = team && hpc_crew_nworkers(crew) > 1 &&
				   hpc_crew_nworkers(crew) <= grower->rules->nworkers;
	grower->stream = stream;
	grower->stopped = false;
	grower->work_since_poll = 0;
	grower->nwaiting = 0;
	grower->list_base = 0;
	grower->tree.nnodes = 1;
	grower->tree.nset_words = 0;
	grower->features = grower->bag.features;
	grower->nfeatures = grower->bag.nfeatures;
	if (grower->features == NULL)
	{
		grower->features = grower->all_features;
		grower->nfeatures = grower->frame->nfeatures;
	}
	grower->nbins = 0;
	grower->wants_squares = false;
	for (int i = 0; i < grower->nfeatures; i++)
	{
		int feature = grower->features[i];

		grower->nbins += grower->frame->features[feature].nbins;
		grower->wants_squares |= has_chance(grower, feature);
	}
	grower->sampled = !hpc_rules_try_all(grower->rules, grower->frame);
	grower->nunused = grower->nhistograms;
	for (int i = 0; i < grower->nhistograms; i++)
		grower->unused[i] = i;
	hpc_short_begin_tree(grower);
	hpc_plan_tree(&grower->plan, grower->features, grower->nfeatures);
}

hpc_tree *
hpc_tree_grow(hpc_grower *grower, hpc_crew *crew, int worker, bool team,
			  uint64_t stream)
{
	uint32_t max_leaves = grower->rules->max_leaves;
	uint32_t nleaves = 1;
	hpc_pending root = {.end = grower->bag.nrows,
						.path = 1,
						.lower = -INFINITY,
						.upper = INFINITY,
						.histogram = -1};

	begin_tree(grower, crew, worker, team, stream);
	root.total = hpc_rows_total(grower);
	if (make_node(grower, &root))
		let_wait(grower, &root);
	else
		make_leaf(grower, &root);
	while (grower->nwaiting > 0 && !grower->stopped &&
		   (max_leaves == 0 || nleaves < max_leaves))
	{
		hpc_pending at = take_waiting(grower);

		if (hpc_short_suits(grower, &at))
		{
			hpc_short_grow(grower, &at);
			continue;
		}
		if (max_leaves == 0)
		{
			hpc_choose_split(grower, &at);
			if (at.split.gain < 0)
			{
				make_leaf(grower, &at);
				continue;
			}
			keep_set(grower, &grower->tree.nodes[at.node]);
			if (grower->stopped)
				break;
		}
		nleaves++;
		split_node(grower, &at, nleaves == max_leaves);
	}
	while (grower->nwaiting > 0 && !grower->stopped)
		make_leaf(grower, &grower->waiting[--grower->nwaiting]);
	return grower->stopped ? NULL : &grower->tree;
}

uint32_t
hpc_tree_leaf(const hpc_tree *tree, const hpc_frame *frame, uint32_t row)
{
	uint32_t leaf;

	hpc_tree_leaves(tree, frame, &row, 1, &leaf);
	return leaf;
}

/* The leaves of n records, or of rows of the frame. */
static inline __attribute__((always_inline)) void
find_leaves(const hpc_tree *tree, const hpc_frame *frame, const uint32_t *rows,
			const hpc_lines *packs, const hpc_records *records, uint32_t first,
			bool moved, uint32_t n, uint32_t *leaves)
{
	const hpc_tree_node *nodes = tree->nodes;
	uint32_t nwalking = n;

	for (uint32_t i = 0; i < n; i++)
		leaves[i] = 0;
	while (nwalking > 0)
	{
		nwalking = 0;
		for (uint32_t i = 0; i < n; i++)
		{
			const hpc_tree_node *node = &nodes[leaves[i]];
			const hpc_feature *feature;
			uint32_t code;
			bool left;

			if (node->left == 0)
				continue;
			feature = &frame->features[node->feature];
			code = moved ? hpc_record_code(&packs->members[node->feature],
										   hpc_record(records, first + i))
						 : hpc_code(feature, rows[i]);
			left = hpc_tree_goes_left(tree, node, feature, code);
			leaves[i] = node->left + (left ? 0 : 1);
			__builtin_prefetch(&nodes[leaves[i]]);
			nwalking++;
		}
	}
}

void
hpc_tree_leaves(const hpc_tree *tree, const hpc_frame *frame,
				const uint32_t *rows, uint32_t nrows, uint32_t *leaves)
{
	find_leaves(tree, frame, rows, NULL, NULL, 0, false, nrows, leaves);
}

void
hpc_tree_record_leaves(const hpc_tree *tree, const hpc_frame *frame,
					   const hpc_lines *packs, const hpc_records *records,
					   uint32_t first, uint32_t n, uint32_t *leaves)
{
	find_leaves(tree, frame, NULL, packs, records, first, true, n, leaves);
}
