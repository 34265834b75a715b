/*
 * hpc_grow.c
 *		Growing one tree.
 *
 * The samples of a node are a contiguous range; splitting a node partitions
 * its range in place:
 *
 *		| ........ node 0 ........ |
 *		| .. node 1 .. | . node 2 .|
 *		| 3 | .. 4 ... | . node 2 .|
 *
 * A node's split is found when the node is made, and nodes that have one
 * wait in a list.  Without max_leaves the last of the list is split next
 * (depth first; the smaller child is put on top, so the list holds at most
 * log2(n) + 1 nodes).  With max_leaves the one with the largest gain is split
 * next (best first, as in LightGBM), the list being a heap.
 *
 * The order of features, and which of two equal gains wins, is decided by a
 * hash of the tree, the path to the node and the feature's name.  A node is
 * split until it is pure even where the best gain is zero (as with an
 * exclusive or of two features), like scikit-learn's trees.
 */
#include <math.h>
#include <string.h>

#include "hpc_grow.h"
#include "hpc_memory.h"
#include "hpc_random.h"

#define FIRST_SET_WORDS 4096

/* Rows looked at between two questions whether to stop. */
#define ROWS_PER_POLL 100000

/* A node whose split is known, waiting to be carried out. */
typedef struct pending
{
	uint32_t node;
	uint32_t begin; /* its samples: begin .. end - 1 */
	uint32_t end;
	uint32_t depth;
	uint64_t path; /* hash of the way from the root */
	hpc_total total;
	hpc_split split; /* last_cell is not meaningful here */
} pending;

struct hpc_grower
{
	const hpc_frame *frame;
	const hpc_grow_rules *rules;
	hpc_tree tree;
	bool wants_room;
	hpc_sample *samples; /* [max_samples] */
	hpc_split_scratch scratch;
	pending *waiting; /* [max_waiting] */
	uint32_t nwaiting;
	uint64_t *feature_hash; /* [nfeatures] of the node at hand */
	int *order;             /* [nfeatures] heap of features yet to be tried */
	uint32_t *best_set;     /* [max_set_words of a feature] */

	/* of the tree at hand */
	hpc_crew *crew;
	int worker;
	uint64_t stream;
	uint64_t rows_since_poll;
	bool stopped;
};

/* ---------- the workplace ---------- */

/* No tree has more leaves than samples, whatever max_leaves says. */
static uint32_t
most_leaves(const hpc_grow_rules *rules, uint32_t max_samples)
{
	uint32_t leaves = max_samples > 0 ? max_samples : 1;

	return rules->max_leaves > 0 && rules->max_leaves < leaves
			   ? rules->max_leaves
			   : leaves;
}

static uint32_t
max_nodes(const hpc_grow_rules *rules, uint32_t max_samples)
{
	return 2 * most_leaves(rules, max_samples) - 1;
}

static uint32_t
max_waiting(const hpc_grow_rules *rules, uint32_t max_samples)
{
	return rules->max_leaves > 0 ? most_leaves(rules, max_samples) + 1 : 64;
}

static bool
allocate_scratch(hpc_env *env, hpc_grower *grower, uint32_t max_samples)
{
	const hpc_frame *frame = grower->frame;
	hpc_split_scratch *scratch = &grower->scratch;
	uint32_t max_cells = 2;
	uint32_t max_words = 1;

	for (int i = 0; i < frame->nfeatures; i++)
	{
		const hpc_feature *feature = &frame->features[i];

		if (feature->nbins + 2 > max_cells)
			max_cells = feature->nbins + 2;
		if (feature->kind == HPC_CATEGORY &&
			hpc_set_words(feature->nvalues) > max_words)
			max_words = hpc_set_words(feature->nvalues);
	}
	scratch->cells = hpc_alloc(env, max_cells, sizeof(hpc_cell));
	scratch->spare = hpc_alloc(env, max_cells, sizeof(hpc_cell));
	scratch->pooled = hpc_alloc(env, max_cells, sizeof(uint32_t));
	scratch->keys = hpc_alloc(env, max_samples, sizeof(uint64_t));
	scratch->spare_keys = hpc_alloc(env, max_samples, sizeof(uint64_t));
	grower->best_set = hpc_alloc(env, max_words, sizeof(uint32_t));
	return scratch->cells != NULL && scratch->spare != NULL &&
		   scratch->pooled != NULL && scratch->keys != NULL &&
		   scratch->spare_keys != NULL && grower->best_set != NULL;
}

hpc_grower *
hpc_grower_create(hpc_env *env, const hpc_frame *frame,
				  const hpc_grow_rules *rules, uint32_t max_samples)
{
	hpc_grower *grower = hpc_alloc0(env, 1, sizeof(hpc_grower));
	size_t nfeatures = (size_t) frame->nfeatures;

	if (grower == NULL)
		return NULL;
	grower->frame = frame;
	grower->rules = rules;
	grower->tree.max_set_words = FIRST_SET_WORDS;
	grower->tree.sets = hpc_alloc(env, FIRST_SET_WORDS, sizeof(uint32_t));
	grower->tree.nodes =
		hpc_alloc(env, max_nodes(rules, max_samples), sizeof(hpc_tree_node));
	grower->samples = hpc_alloc(env, max_samples, sizeof(hpc_sample));
	grower->waiting =
		hpc_alloc(env, max_waiting(rules, max_samples), sizeof(pending));
	grower->feature_hash = hpc_alloc(env, nfeatures, sizeof(uint64_t));
	grower->order = hpc_alloc(env, nfeatures, sizeof(int));
	if (grower->tree.sets == NULL || grower->tree.nodes == NULL ||
		grower->samples == NULL || grower->waiting == NULL ||
		grower->feature_hash == NULL || grower->order == NULL ||
		!allocate_scratch(env, grower, max_samples))
	{
		hpc_grower_free(env, grower);
		return NULL;
	}
	return grower;
}

void
hpc_grower_free(hpc_env *env, hpc_grower *grower)
{
	if (grower == NULL)
		return;
	hpc_free(env, grower->tree.sets);
	hpc_free(env, grower->tree.nodes);
	hpc_free(env, grower->samples);
	hpc_free(env, grower->waiting);
	hpc_free(env, grower->feature_hash);
	hpc_free(env, grower->order);
	hpc_free(env, grower->best_set);
	hpc_free(env, grower->scratch.cells);
	hpc_free(env, grower->scratch.spare);
	hpc_free(env, grower->scratch.pooled);
	hpc_free(env, grower->scratch.keys);
	hpc_free(env, grower->scratch.spare_keys);
	hpc_free(env, grower);
}

hpc_sample *
hpc_grower_samples(hpc_grower *grower)
{
	return grower->samples;
}

bool
hpc_grower_wants_room(const hpc_grower *grower)
{
	return grower->wants_room;
}

hpc_status
hpc_grower_make_room(hpc_env *env, hpc_grower *grower)
{
	uint64_t words = grower->tree.max_set_words * 4;
	uint32_t *sets =
		hpc_resize(env, grower->tree.sets, words, sizeof(uint32_t));

	if (sets == NULL)
		return HPC_NO_MEMORY;
	grower->tree.sets = sets;
	grower->tree.max_set_words = words;
	grower->wants_room = false;
	return HPC_OK;
}

/* ---------- the list of waiting nodes ---------- */

static inline bool
splits_before(const pending *a, const pending *b)
{
	if (a->split.gain != b->split.gain)
		return a->split.gain > b->split.gain;
	return a->path < b->path;
}

/* Adds to the list: at its end, or (best first) into the heap. */
static void
put_waiting(hpc_grower *grower, const pending *node)
{
	pending *heap = grower->waiting;
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

static pending
take_waiting(hpc_grower *grower)
{
	pending *heap = grower->waiting;
	uint32_t n = --grower->nwaiting;
	uint32_t place = 0;
	pending first;
	pending last = heap[n];

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

/* ---------- finding a node's split ---------- */

/* Counts work; every now and then asks whether to go on. */
static bool
keep_going(hpc_grower *grower, uint32_t nrows)
{
	grower->rows_since_poll += nrows + 1000;
	if (grower->rows_since_poll >= ROWS_PER_POLL)
	{
		grower->rows_since_poll = 0;
		if (hpc_crew_stopped(grower->crew, grower->worker))
			grower->stopped = true;
	}
	return !grower->stopped;
}

/* The set of levels that go left, as bits. */
static void
write_set(hpc_grower *grower, const hpc_feature *feature,
		  const hpc_split *split)
{
	const hpc_split_scratch *scratch = &grower->scratch;
	uint32_t *set = grower->best_set;
	bool left = split->missing_left;

	/* levels that the node does not have go where missing goes */
	memset(set, left ? 0xff : 0,
		   hpc_set_words(feature->nvalues) * sizeof(uint32_t));
	for (uint32_t i = 0; i < scratch->ncells; i++)
	{
		bool goes_left = i <= split->last_cell;
		bool pooled = scratch->cells[i].bin == HPC_POOLED;
		uint32_t n = pooled ? scratch->npooled : 1;

		if (goes_left == left)
			continue;
		for (uint32_t j = 0; j < n; j++)
		{
			uint32_t level =
				pooled ? scratch->pooled[j] : scratch->cells[i].bin;

			set[level / 32] ^= UINT32_C(1) << (level % 32);
		}
	}
	/* bits beyond the last level stay clear */
	for (uint32_t bit = feature->nvalues;
		 bit < 32 * hpc_set_words(feature->nvalues); bit++)
		set[bit / 32] &= ~(UINT32_C(1) << (bit % 32));
}

/* Midpoint of two values a < b, never reaching b. */
static double
midpoint(double a, double b)
{
	double middle = a * 0.5 + b * 0.5;

	return middle >= a && middle < b ? middle : a;
}

/* Highest and lowest rank that the node's samples have on either side. */
static void
nearest_ranks(const hpc_feature *feature, uint32_t nsamples,
			  const hpc_sample *samples, uint32_t last_bin, uint32_t *below,
			  uint32_t *above)
{
	*below = 0;
	*above = UINT32_MAX;
	for (uint32_t i = 0; i < nsamples; i++)
	{
		uint32_t rank = hpc_feature_rank(feature, samples[i].row);

		if (rank == feature->nvalues)
			continue;
		if (feature->bin_of[rank] <= last_bin)
			*below = rank > *below ? rank : *below;
		else
			*above = rank < *above ? rank : *above;
	}
}

/*
 * The threshold halfway between the nearest values that the node has on
 * either side, and the last rank that it sends left.
 */
static void
set_threshold(hpc_grower *grower, hpc_tree_node *node,
			  const hpc_feature *feature, const pending *at,
			  const hpc_split *split)
{
	const hpc_split_scratch *scratch = &grower->scratch;
	uint32_t below = scratch->cells[split->last_cell].bin;
	uint32_t above;

	if (split->last_cell + 1 == scratch->ncells)
	{
		/* every value goes left, missing goes right */
		node->threshold = INFINITY;
		node->last_rank = feature->nvalues - 1;
		return;
	}
	above = scratch->cells[split->last_cell + 1].bin;
	if (feature->bin_of != NULL)
		nearest_ranks(feature, at->end - at->begin,
					  grower->samples + at->begin, below, &below, &above);
	node->threshold = midpoint(feature->values[below], feature->values[above]);
	while (below + 1 < above)
	{
		uint32_t rank = below + (above - below) / 2;

		if (feature->values[rank] <= node->threshold)
			below = rank;
		else
			above = rank;
	}
	node->last_rank = below;
}

/* Where training saw nothing missing, it goes to the larger child. */
static bool
default_side(const hpc_split_scratch *scratch, const hpc_split *split,
			 hpc_total total)
{
	if (scratch->missing.weight > 0)
		return split->missing_left;
	return 2 * split->left.weight >= total.weight;
}

/* Tries one feature; keeps its split in node and at if it is the best. */
static bool
try_feature(hpc_grower *grower, pending *at, int index)
{
	const hpc_feature *feature = &grower->frame->features[index];
	hpc_tree_node *node = &grower->tree.nodes[at->node];
	hpc_split_scratch *scratch = &grower->scratch;
	hpc_split split;

	hpc_cells_fill(scratch, feature, at->end - at->begin,
				   grower->samples + at->begin);
	if (feature->kind == HPC_CATEGORY && scratch->ncells > 1)
		hpc_cells_order(scratch, feature, at->total, &grower->rules->split);
	if (scratch->ncells + (scratch->missing.weight > 0) < 2)
		return false;
	split = hpc_split_find(scratch, at->total, &grower->rules->split);
	if (split.gain < at->split.gain || split.gain < 0 ||
		(split.gain == at->split.gain &&
		 grower->feature_hash[index] >= grower->feature_hash[node->feature]))
		return true;
	split.missing_left = default_side(scratch, &split, at->total);
	at->split = split;
	node->feature = (uint32_t) index;
	node->missing_left = split.missing_left;
	if (feature->kind == HPC_CATEGORY)
		write_set(grower, feature, &split);
	else
		set_threshold(grower, node, feature, at, &split);
	return true;
}

/* Restores the heap of untried features, smallest hash first, below place. */
static void
sift_feature(hpc_grower *grower, int nuntried, int place)
{
	const uint64_t *hash = grower->feature_hash;
	int *heap = grower->order;
	int feature = heap[place];

	for (;;)
	{
		int child = 2 * place + 1;

		if (child + 1 < nuntried && hash[heap[child + 1]] < hash[heap[child]])
			child++;
		if (child >= nuntried || hash[heap[child]] >= hash[feature])
			break;
		heap[place] = heap[child];
		place = child;
	}
	heap[place] = feature;
}

/* Takes the feature with the smallest hash off the heap. */
static int
next_feature(hpc_grower *grower, int nuntried)
{
	int feature = grower->order[0];

	grower->order[0] = grower->order[nuntried - 1];
	sift_feature(grower, nuntried - 1, 0);
	return feature;
}

/*
 * Looks for the best split among nfeatures_tried features that are not
 * constant in the node, in the order of their hashes.
 */
static void
find_split(hpc_grower *grower, pending *at)
{
	const hpc_frame *frame = grower->frame;
	int wanted = grower->rules->nfeatures_tried;
	bool choose = wanted < frame->nfeatures;

	at->split.gain = -1;
	for (int i = 0; i < frame->nfeatures; i++)
	{
		grower->order[i] = i;
		grower->feature_hash[i] =
			hpc_draw(grower->stream ^ at->path, frame->features[i].name_hash);
	}
	for (int i = frame->nfeatures / 2 - 1; i >= 0 && choose; i--)
		sift_feature(grower, frame->nfeatures, i);
	for (int i = 0; i < frame->nfeatures && wanted > 0; i++)
	{
		int feature = choose ? next_feature(grower, frame->nfeatures - i) : i;

		if (!keep_going(grower, at->end - at->begin))
			return;
		wanted -= try_feature(grower, at, feature);
	}
}

/* Keeps the set of a categorical split in the tree. */
static void
keep_set(hpc_grower *grower, hpc_tree_node *node)
{
	const hpc_feature *feature = &grower->frame->features[node->feature];
	hpc_tree *tree = &grower->tree;
	uint32_t words = hpc_set_words(feature->nvalues);

	if (feature->kind != HPC_CATEGORY)
		return;
	if (tree->nset_words + words > tree->max_set_words)
	{
		grower->wants_room = true;
		grower->stopped = true;
		return;
	}
	node->set = tree->nset_words;
	memcpy(tree->sets + node->set, grower->best_set, words * sizeof(uint32_t));
	tree->nset_words += words;
}

/* ---------- nodes ---------- */

/* Sums the samples of a node; are all their targets equal? */
static bool
sum_samples(const hpc_grower *grower, pending *at)
{
	const hpc_sample *samples = grower->samples;
	int64_t first = samples[at->begin].target;
	bool pure = true;

	at->total.sum = 0;
	at->total.weight = 0;
	for (uint32_t i = at->begin; i < at->end; i++)
	{
		at->total.sum += (__int128) samples[i].target * samples[i].weight;
		at->total.weight += samples[i].weight;
		pure &= samples[i].target == first;
	}
	return pure;
}

/* Fills in a node made for the samples of at, and finds its split. */
static void
make_node(hpc_grower *grower, pending *at)
{
	hpc_tree_node *node = &grower->tree.nodes[at->node];
	const hpc_grow_rules *rules = grower->rules;
	bool pure = sum_samples(grower, at);
	uint64_t min_leaf = rules->split.min_leaf;

	memset(node, 0, sizeof(*node));
	node->value =
		hpc_target_mean(grower->frame, at->total.sum, at->total.weight);
	node->cover = at->total.weight;
	if (pure || at->end - at->begin < 2 || at->total.weight < 2 * min_leaf ||
		(rules->max_depth > 0 && at->depth >= rules->max_depth))
		return;
	find_split(grower, at);
	if (at->split.gain < 0 || grower->stopped)
		return;
	keep_set(grower, node);
	node->gain = hpc_scale(at->split.gain, -2 * HPC_TARGET_BITS);
	put_waiting(grower, at);
}

static inline bool
goes_left(const hpc_tree *tree, const hpc_tree_node *node,
		  const hpc_feature *feature, uint32_t row)
{
	uint32_t rank = hpc_feature_rank(feature, row);

	if (rank == feature->nvalues)
		return node->missing_left;
	if (feature->kind == HPC_CATEGORY)
		return tree->sets[node->set + rank / 32] >> (rank % 32) & 1;
	return rank <= node->last_rank;
}

/* Partitions the samples of a node in place; returns the middle. */
static uint32_t
partition(hpc_grower *grower, const pending *at)
{
	const hpc_tree_node *node = &grower->tree.nodes[at->node];
	const hpc_feature *feature = &grower->frame->features[node->feature];
	hpc_sample *samples = grower->samples;
	uint32_t left = at->begin;
	uint32_t right = at->end;

	while (left < right)
	{
		if (goes_left(&grower->tree, node, feature, samples[left].row))
			left++;
		else
		{
			hpc_sample sample = samples[left];

			samples[left] = samples[--right];
			samples[right] = sample;
		}
	}
	return left;
}

/* Carries out the split of a node: makes its two children. */
static void
split_node(hpc_grower *grower, const pending *at)
{
	hpc_tree *tree = &grower->tree;
	uint32_t middle = partition(grower, at);
	pending left = {.node = tree->nnodes,
					.begin = at->begin,
					.end = middle,
					.depth = at->depth + 1,
					.path = hpc_mix(2 * at->path)};
	pending right = {.node = tree->nnodes + 1,
					 .begin = middle,
					 .end = at->end,
					 .depth = at->depth + 1,
					 .path = hpc_mix(2 * at->path + 1)};
	bool left_is_larger = middle - at->begin >= at->end - middle;

	tree->nodes[at->node].left = tree->nnodes;
	tree->nnodes += 2;
	make_node(grower, left_is_larger ? &left : &right);
	make_node(grower, left_is_larger ? &right : &left);
}

const hpc_tree *
hpc_tree_grow(hpc_grower *grower, hpc_crew *crew, int worker,
			  uint32_t nsamples, uint64_t feature_stream)
{
	uint32_t max_leaves = grower->rules->max_leaves;
	uint32_t nleaves = 1;
	pending root = {.node = 0, .begin = 0, .end = nsamples, .path = 1};

	grower->crew = crew;
	grower->worker = worker;
	grower->scratch.crew = crew;
	grower->scratch.worker = worker;
	grower->stream = feature_stream;
	grower->stopped = false;
	grower->rows_since_poll = 0;
	grower->nwaiting = 0;
	grower->tree.nnodes = 1;
	grower->tree.nset_words = 0;
	make_node(grower, &root);
	while (grower->nwaiting > 0 && !grower->stopped &&
		   (max_leaves == 0 || nleaves < max_leaves))
	{
		pending at = take_waiting(grower);

		split_node(grower, &at);
		nleaves++;
	}
	return grower->stopped ? NULL : &grower->tree;
}

uint32_t
hpc_tree_leaf(const hpc_tree *tree, const hpc_frame *frame, uint32_t row)
{
	uint32_t at = 0;

	while (tree->nodes[at].left != 0)
	{
		const hpc_tree_node *node = &tree->nodes[at];
		bool left =
			goes_left(tree, node, &frame->features[node->feature], row);

		at = node->left + (left ? 0 : 1);
	}
	return at;
}
