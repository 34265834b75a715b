/*
 * hpc_grow_short.c
 *		Subtrees of few rows, all features of a node at once.
 *
 * Most nodes of a full tree have a few rows, and what their splits cost is
 * not arithmetic but short loops whose ends no processor foretells.  Here a
 * loop over the rows of a node serves eight features, a feature in each lane
 * of a vector:
 *
 *	- a row has a line of keys: rank << 8 | slot per feature, where ranks
 *	  number the codes that the subtree has, and slots its rows;
 *	- the lines of a node are sorted lane by lane, by a network of least and
 *	  greatest keys (Batcher 1968), which has no branch;
 *	- a pass over the sorted lines sums what goes left and keeps the best
 *	  division of each lane by masks.
 *
 * What is computed, and how equal gains are told apart, is that of hpc_scan.c
 * and hpc_choose.c: trees are the same to the bit.  It suits trees that grow
 * depth first on numbers without a penalty or bounds, from nodes in which no
 * value is missing.
 */
#include <string.h>

#include "hpc_cpu.h"
#include "hpc_grow_inside.h"
#include "hpc_memory.h"
#include "hpc_random.h"

#define SHORT_ROWS 32
#define LANES 8

/* A feature in a lane costs so many times less than one that is tried alone. */
#define LANE_GAIN 4

/* Keys of a row: a lane for each feature of a group. */
typedef int16_t line __attribute__((vector_size(2 * LANES)));

typedef double quad __attribute__((vector_size(32)));
typedef int64_t quad_mask __attribute__((vector_size(32)));

/* Ranks and slots are below SHORT_ROWS. */
#define KEY(rank, slot) ((int16_t) ((rank) << 8 | (slot)))
#define KEY_RANK(key) ((uint32_t) (key) >> 8)

/* Exchanges of the networks for 2 .. SHORT_ROWS lines together. */
#define MAX_EXCHANGES 3000

/* Two lines to be put in order: where they are, in bytes. */
typedef struct exchange
{
	uint16_t low;
	uint16_t high;
} exchange;

/* A node of the subtree: its rows are member[begin .. end - 1]. */
typedef struct short_node
{
	uint32_t node;
	uint32_t begin;
	uint32_t end;
	uint32_t depth;
	uint64_t path;
	int64_t sum;
	int64_t weight;
} short_node;

/* The best divisions by the features of half a group. */
typedef struct half_best
{
	quad numerator; /* -1: none */
	quad denominator;
	quad_mask line; /* after which it divides */
} half_best;

/* A division of a node. */
typedef struct short_split
{
	double gain;   /* < 0: none */
	int lane;      /* by features[lane] */
	uint32_t rank; /* the last that goes left ... */
	uint32_t next; /* ... and the first that goes right */
} short_split;

/* What the subtree at hand is looked up in. */
struct hpc_short
{
	exchange exchanges[MAX_EXCHANGES];
	uint32_t network[SHORT_ROWS + 2]; /* that of n lines begins there */

	uint32_t begin; /* first row in the bag */
	uint32_t nrows;
	uint8_t member[SHORT_ROWS]; /* slots, node by node */
	uint8_t spare[SHORT_ROWS];
	short_node waiting[SHORT_ROWS];
	int nwaiting;

	/* by slot */
	uint32_t row[SHORT_ROWS];
	int64_t sum[SHORT_ROWS];
	int64_t weight[SHORT_ROWS];
	int64_t term[SHORT_ROWS]; /* sum × W − S × weight, of the node at hand */
	double real_weight[SHORT_ROWS];

	bool wide; /* the processor has wide vectors */
	int ngroups;
	line *lines;     /* [ngroups][SHORT_ROWS] by slot */
	uint16_t *codes; /* [ngroups * LANES][SHORT_ROWS] by rank */

	/* of the node at hand */
	line *sorted; /* [ngroups][SHORT_ROWS] */
	double *gain; /* [ngroups * LANES] of the best division; < 0: none */
	int64_t *at;  /* [ngroups * LANES] line after which it divides */
};

/* ---------- making it ---------- */

/* Merge exchange, Knuth 5.2.2, algorithm M, for n lines. */
static uint32_t
put_network(exchange *exchanges, uint32_t n)
{
	uint32_t count = 0;
	uint32_t top = 1;

	while (2 * top < n)
		top *= 2;
	for (uint32_t p = top; p > 0; p /= 2)
	{
		uint32_t q = top;
		uint32_t r = 0;

		for (uint32_t d = p;; d = q - p, q /= 2, r = p)
		{
			for (uint32_t i = 0; i + d < n; i++)
			{
				if ((i & p) == r)
					exchanges[count++] =
						(exchange){(uint16_t) (i * sizeof(line)),
								   (uint16_t) ((i + d) * sizeof(line))};
			}
			if (q == p)
				break;
		}
	}
	return count;
}

hpc_short *
hpc_short_create(hpc_env *env, int nfeatures)
{
	hpc_short *work = hpc_alloc0(env, 1, sizeof(hpc_short));
	size_t ngroups = ((size_t) nfeatures + LANES - 1) / LANES;
	uint32_t count = 0;

	if (work == NULL)
		return NULL;
	for (uint32_t n = 2; n <= SHORT_ROWS; n++)
	{
		work->network[n] = count;
		count += put_network(work->exchanges + count, n);
	}
	work->network[SHORT_ROWS + 1] = count;
	work->wide = hpc_has_wide_registers();
	work->lines = hpc_alloc(env, ngroups, SHORT_ROWS * sizeof(line));
	work->codes =
		hpc_alloc(env, ngroups, LANES * SHORT_ROWS * sizeof(uint16_t));
	work->sorted = hpc_alloc(env, ngroups, SHORT_ROWS * sizeof(line));
	work->gain = hpc_alloc(env, ngroups, LANES * sizeof(double));
	work->at = hpc_alloc(env, ngroups, LANES * sizeof(int64_t));
	if (work->lines == NULL || work->codes == NULL || work->sorted == NULL ||
		work->gain == NULL || work->at == NULL)
	{
		hpc_short_free(env, work);
		return NULL;
	}
	return work;
}

void
hpc_short_free(hpc_env *env, hpc_short *work)
{
	if (work == NULL)
		return;
	hpc_free(env, work->lines);
	hpc_free(env, work->codes);
	hpc_free(env, work->sorted);
	hpc_free(env, work->gain);
	hpc_free(env, work->at);
	hpc_free(env, work);
}

void
hpc_short_make_narrow(hpc_short *work)
{
	work->wide = false;
}

/* ---------- the best division of a node ---------- */

/* Written so that compilers make it the instructions for least and greatest. */
static inline void
exchange_lines(line *low, line *high)
{
	line a = *low;
	line b = *high;
	line least = a;
	line greatest = b;

	for (int i = 0; i < LANES; i++)
	{
		least[i] = a[i] < b[i] ? a[i] : b[i];
		greatest[i] = a[i] < b[i] ? b[i] : a[i];
	}
	*low = least;
	*high = greatest;
}

/* Brings the lines of a node into the order of each lane's keys. */
static void
sort_lines(hpc_short *work, const short_node *at, int group)
{
	const line *lines = work->lines + group * SHORT_ROWS;
	line *sorted = work->sorted + group * SHORT_ROWS;
	uint32_t n = at->end - at->begin;
	const exchange *end = work->exchanges + work->network[n + 1];

	for (uint32_t i = 0; i < n; i++)
		sorted[i] = lines[work->member[at->begin + i]];
	for (const exchange *x = work->exchanges + work->network[n]; x < end; x++)
		exchange_lines((line *) ((char *) sorted + x->low),
					   (line *) ((char *) sorted + x->high));
}

/* b, and a where the mask is set. */
#define CHOOSE(type, mask, a, b) \
	((type) ((quad_mask) (b) ^ (((quad_mask) (a) ^ (quad_mask) (b)) & (mask))))

/* Judges the divisions after a line; weights are those on the left. */
static inline __attribute__((always_inline)) void
judge(half_best *best, const int64_t *d, const quad *weight, const quad *node,
	  const quad *least, const line *changes, int first, int64_t at)
{
	quad_mask may = {(*changes)[first], (*changes)[first + 1],
					 (*changes)[first + 2], (*changes)[first + 3]};
	quad_mask here = {at, at, at, at};
	quad root = {(double) d[0], (double) d[1], (double) d[2], (double) d[3]};
	quad rest = *node - *weight;
	quad numerator = root * root;
	quad denominator = *weight * rest;
	quad_mask better =
		may & (*weight >= *least) & (rest >= *least) &
		(numerator * best->denominator > best->numerator * denominator);

	best->numerator = CHOOSE(quad, better, numerator, best->numerator);
	best->denominator = CHOOSE(quad, better, denominator, best->denominator);
	best->line = CHOOSE(quad_mask, better, here, best->line);
}

static inline __attribute__((always_inline)) void
put_best(const half_best *best, const quad *node, double *gain, int64_t *at)
{
	quad gains = best->numerator / best->denominator / *node;

	memcpy(gain, &gains, sizeof(gains));
	memcpy(at, &best->line, sizeof(best->line));
}

/*
 * The best divisions by the features of a group, whose lines are sorted: a
 * pass over what goes left.  All weights are integers, and exact.
 */
static inline __attribute__((always_inline)) void
divide_group(hpc_short *work, int group, uint32_t n, double node_weight,
			 double min_leaf)
{
	const line *sorted = work->sorted + group * SHORT_ROWS;
	const uint8_t *keys = (const uint8_t *) sorted;
	const int64_t *term = work->term;
	const double *weight = work->real_weight;
	quad node = {node_weight, node_weight, node_weight, node_weight};
	quad least = {min_leaf, min_leaf, min_leaf, min_leaf};
	half_best low = {{-1, -1, -1, -1}, {1, 1, 1, 1}, {0}};
	half_best high = low;
	quad low_weight = {0};
	quad high_weight = {0};
	int64_t d[LANES] = {0};

	for (uint32_t i = 0; i + 1 < n; i++, keys += sizeof(line))
	{
		/* ranks differ */
		line changes = (sorted[i] ^ sorted[i + 1]) > 255;

		for (int lane = 0; lane < LANES; lane++)
			d[lane] += term[keys[2 * lane]];
		low_weight += (quad){weight[keys[0]], weight[keys[2]], weight[keys[4]],
							 weight[keys[6]]};
		high_weight += (quad){weight[keys[8]], weight[keys[10]],
							  weight[keys[12]], weight[keys[14]]};
		judge(&low, d, &low_weight, &node, &least, &changes, 0, i);
		judge(&high, d + 4, &high_weight, &node, &least, &changes, 4, i);
	}
	put_best(&low, &node, work->gain + group * LANES,
			 work->at + group * LANES);
	put_best(&high, &node, work->gain + group * LANES + LANES / 2,
			 work->at + group * LANES + LANES / 2);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void
divide_group_wide(hpc_short *work, int group, uint32_t n, double node_weight,
				  double min_leaf)
{
	divide_group(work, group, n, node_weight, min_leaf);
}
#else
#define divide_group_wide divide_group_narrow
#endif

static void
divide_group_narrow(hpc_short *work, int group, uint32_t n, double node_weight,
					double min_leaf)
{
	divide_group(work, group, n, node_weight, min_leaf);
}

static uint64_t
lane_draw(const hpc_grower *grower, const short_node *at, int lane)
{
	int feature = grower->features[lane];

	return hpc_draw(grower->stream ^ at->path,
					grower->frame->features[feature].name_hash);
}

/* The lane with the greatest gain, or -1; of equal ones the least draw wins. */
static int
best_of_all(const hpc_grower *grower, const short_node *at)
{
	const hpc_short *work = grower->shorts;
	const double *gain = work->gain;
	int nlanes = work->ngroups * LANES;
	double most = -1;
	int best = -1;
	uint64_t least = 0;
	bool drawn = false;

	for (int i = 0; i < nlanes; i++)
		most = gain[i] > most ? gain[i] : most;
	for (int first = 0; first < nlanes && most >= 0; first += LANES)
	{
		uint32_t equal = 0;

		for (int i = 0; i < LANES; i++)
			equal |= (uint32_t) (gain[first + i] == most) << i;
		for (; equal != 0; equal &= equal - 1)
		{
			int lane = first + __builtin_ctz(equal);
			uint64_t draw;

			if (best < 0)
			{
				best = lane;
				continue;
			}
			if (!drawn)
				least = lane_draw(grower, at, best);
			drawn = true;
			draw = lane_draw(grower, at, lane);
			if (draw < least)
			{
				least = draw;
				best = lane;
			}
		}
	}
	return best;
}

/* The same among the nfeatures_tried lanes with the least draws that vary. */
static int
best_of_some(hpc_grower *grower, const short_node *at)
{
	const hpc_short *work = grower->shorts;
	const double *gain = work->gain;
	uint32_t n = at->end - at->begin;
	int wanted = grower->rules->nfeatures_tried;
	int nuntried = 0;
	int best = -1;

	for (int lane = 0; lane < grower->nfeatures; lane++)
	{
		const line *sorted = work->sorted + lane / LANES * SHORT_ROWS;

		if (KEY_RANK(sorted[0][lane % LANES]) ==
			KEY_RANK(sorted[n - 1][lane % LANES]))
			continue;
		grower->order[nuntried++] = lane;
		grower->feature_hash[lane] = lane_draw(grower, at, lane);
	}
	hpc_order_untried(grower, nuntried);
	for (; nuntried > 0 && wanted > 0; nuntried--, wanted--)
	{
		int lane = hpc_next_untried(grower, nuntried);

		if (gain[lane] >= 0 && (best < 0 || gain[lane] > gain[best]))
			best = lane;
	}
	return best;
}

/*
 * Two rows can be divided in one way, by any lane that varies: equal gains, of
 * which the least draw wins.
 */
static short_split
divide_pair(const hpc_grower *grower, const short_node *at)
{
	const hpc_short *work = grower->shorts;
	uint8_t one = work->member[at->begin];
	uint8_t other = work->member[at->begin + 1];
	double root =
		(double) (work->sum[one] * at->weight - at->sum * work->weight[one]);
	double numerator = root * root;
	double denominator = work->real_weight[one] * work->real_weight[other];
	int64_t min_leaf = (int64_t) grower->rules->min_leaf;
	uint64_t least = 0;
	short_split split = {.gain = -1};

	if (work->weight[one] < min_leaf || work->weight[other] < min_leaf)
		return split;
	for (int group = 0; group < work->ngroups; group++)
	{
		const line *lines = work->lines + group * SHORT_ROWS;
		line change = (lines[one] ^ lines[other]) & ~255;
		uint64_t draw;

		for (int i = 0; i < LANES; i++)
		{
			if (change[i] == 0)
				continue;
			draw = lane_draw(grower, at, group * LANES + i);
			if (split.gain >= 0 && draw >= least)
				continue;
			least = draw;
			split.gain = numerator / denominator / (double) at->weight;
			split.lane = group * LANES + i;
		}
	}
	if (split.gain >= 0)
	{
		const line *lines = work->lines + split.lane / LANES * SHORT_ROWS;
		uint32_t a = KEY_RANK(lines[one][split.lane % LANES]);
		uint32_t b = KEY_RANK(lines[other][split.lane % LANES]);

		split.rank = a < b ? a : b;
		split.next = a < b ? b : a;
	}
	return split;
}

/* hpc_choose_split for a node of the subtree. */
static short_split
choose_short_split(hpc_grower *grower, const short_node *at)
{
	hpc_short *work = grower->shorts;
	double min_leaf = (double) grower->rules->min_leaf;
	uint32_t n = at->end - at->begin;
	short_split split = {.gain = -1};
	int lane;

	for (uint32_t i = at->begin; i < at->end; i++)
	{
		uint8_t slot = work->member[i];

		work->term[slot] =
			work->sum[slot] * at->weight - at->sum * work->weight[slot];
	}
	for (int group = 0; group < work->ngroups; group++)
	{
		sort_lines(work, at, group);
		if (work->wide)
			divide_group_wide(work, group, n, (double) at->weight, min_leaf);
		else
			divide_group_narrow(work, group, n, (double) at->weight, min_leaf);
	}
	lane =
		grower->sampled ? best_of_some(grower, at) : best_of_all(grower, at);
	if (lane >= 0)
	{
		const line *sorted =
			work->sorted + lane / LANES * SHORT_ROWS + work->at[lane];

		split.gain = work->gain[lane];
		split.lane = lane;
		split.rank = KEY_RANK(sorted[0][lane % LANES]);
		split.next = KEY_RANK(sorted[1][lane % LANES]);
	}
	return split;
}

/* ---------- nodes ---------- */

/* hpc_rows_are_pure for a node of the subtree. */
static bool
is_pure(const hpc_grower *grower, const short_node *at)
{
	const hpc_short *work = grower->shorts;
	const double *value = grower->bag.pure_value;
	const uint8_t *member = work->member + at->begin;
	uint32_t n = at->end - at->begin;
	uint32_t i = 1;

	if (value == NULL ||
		hpc_targets_differ(work->sum[member[0]],
						   (uint64_t) work->weight[member[0]],
						   work->sum[member[1]],
						   (uint64_t) work->weight[member[1]]))
		return false;
	while (i < n && value[work->row[member[i]]] == value[work->row[member[0]]])
		i++;
	return i == n;
}

static bool
may_split(const hpc_grower *grower, const short_node *at)
{
	const hpc_grow_rules *rules = grower->rules;

	return at->end - at->begin >= 2 &&
		   (uint64_t) at->weight >= 2 * rules->min_leaf &&
		   (rules->max_depth == 0 || at->depth < rules->max_depth) &&
		   !is_pure(grower, at);
}

static void
make_leaf(hpc_grower *grower, const short_node *at)
{
	hpc_tree_node *node = &grower->tree.nodes[at->node];

	node->begin = grower->shorts->begin + at->begin;
	node->end = grower->shorts->begin + at->end;
	node->sum = at->sum;
}

/* Makes the node for a child, which waits, or is a leaf. */
static void
make_child(hpc_grower *grower, const short_node *at)
{
	hpc_tree_node *node = &grower->tree.nodes[at->node];
	hpc_short *work = grower->shorts;

	memset(node, 0, sizeof(*node));
	node->weight = node->cover = (uint32_t) at->weight;
	if (may_split(grower, at))
		work->waiting[work->nwaiting++] = *at;
	else
		make_leaf(grower, at);
}

/* Divides the rows of a node, both sides in their old order. */
static void
divide_members(hpc_short *work, const short_node *at, const short_split *split,
			   short_node *left)
{
	const int16_t *keys =
		(const int16_t *) (work->lines + split->lane / LANES * SHORT_ROWS) +
		split->lane % LANES;
	int16_t last = KEY(split->rank, 255);
	uint8_t *member = work->member + at->begin;
	uint32_t n = at->end - at->begin;
	uint32_t nleft = 0;
	uint32_t nright = 0;

	left->sum = 0;
	left->weight = 0;
	for (uint32_t i = 0; i < n; i++)
	{
		uint8_t slot = member[i];
		int64_t goes_left = keys[slot * LANES] <= last;

		member[nleft] = slot;
		work->spare[nright] = slot;
		left->sum += work->sum[slot] & -goes_left;
		left->weight += work->weight[slot] & -goes_left;
		nleft += (uint32_t) goes_left;
		nright += 1 - (uint32_t) goes_left;
	}
	for (uint32_t i = 0; i < nright; i++)
		member[nleft + i] = work->spare[i];
	left->begin = at->begin;
	left->end = at->begin + nleft;
}

static void
split_short(hpc_grower *grower, const short_node *at, const short_split *split)
{
	hpc_short *work = grower->shorts;
	hpc_tree *tree = &grower->tree;
	hpc_tree_node *node = &tree->nodes[at->node];
	int feature = grower->features[split->lane];
	const uint16_t *codes = work->codes + split->lane * SHORT_ROWS;
	short_node left;
	short_node right;

	divide_members(work, at, split, &left);
	left.node = tree->nnodes;
	left.depth = at->depth + 1;
	left.path = hpc_mix(2 * at->path);
	right.node = tree->nnodes + 1;
	right.begin = left.end;
	right.end = at->end;
	right.depth = at->depth + 1;
	right.path = hpc_mix(2 * at->path + 1);
	right.sum = at->sum - left.sum;
	right.weight = at->weight - left.weight;
	node->left = tree->nnodes;
	node->gain = split->gain;
	node->feature = (uint16_t) feature;
	node->missing_left = 2 * left.weight >= at->weight;
	hpc_settle_threshold(&grower->frame->features[feature], codes[split->rank],
						 codes[split->next], node);
	tree->nnodes += 2;
	/* the larger waits */
	if (left.end - left.begin >= right.end - right.begin)
	{
		make_child(grower, &left);
		make_child(grower, &right);
	}
	else
	{
		make_child(grower, &right);
		make_child(grower, &left);
	}
}

/* ---------- subtrees ---------- */

/* Slots for the rows of a node in lists, noted in side. */
static void
number_rows(hpc_grower *grower, const hpc_pending *at)
{
	hpc_short *work = grower->shorts;
	const uint32_t *list =
		hpc_grower_list(grower, at->list) + at->begin - grower->list_base;

	work->begin = at->begin;
	work->nrows = at->end - at->begin;
	for (uint32_t i = 0; i < work->nrows; i++)
	{
		uint32_t slot = HPC_LIST_SLOT(list[i]);
		hpc_total total =
			hpc_narrow_total(((const hpc_narrow *) grower->slot_cell)[slot],
							 grower->bag.weight_bits);

		grower->side[slot] = (uint8_t) i;
		work->member[i] = (uint8_t) i;
		work->row[i] = grower->slot_row[slot];
		work->sum[i] = total.sum;
		work->weight[i] = (int64_t) total.weight;
		work->real_weight[i] = (double) total.weight;
	}
}

/* The keys of a feature; all are equal where it is known to be constant. */
static void
rank_feature(hpc_grower *grower, const hpc_pending *at, int lane)
{
	hpc_short *work = grower->shorts;
	int feature = grower->features[lane];
	const uint32_t *list =
		hpc_grower_list(grower, feature) + at->begin - grower->list_base;
	uint16_t *codes = work->codes + lane * SHORT_ROWS;
	int16_t *keys =
		(int16_t *) (work->lines + lane / LANES * SHORT_ROWS) + lane % LANES;
	uint32_t rank = 0;

	codes[0] = (uint16_t) HPC_LIST_CODE(list[0]);
	for (uint32_t i = 0; i < work->nrows; i++)
	{
		uint32_t slot = grower->side[HPC_LIST_SLOT(list[i])];

		if (i > 0)
			rank += (list[i] ^ list[i - 1]) >= 0x10000;
		codes[rank] = (uint16_t) HPC_LIST_CODE(list[i]);
		keys[slot * LANES] = KEY(rank, slot);
	}
}

void
hpc_short_begin_tree(hpc_grower *grower)
{
	const hpc_grow_rules *rules = grower->rules;
	int ngroups = (grower->nfeatures + LANES - 1) / LANES;

	grower->shorts->ngroups = ngroups;
	grower->suits_short =
		!grower->wide && !rules->random_cuts && rules->max_leaves == 0 &&
		rules->monotone == NULL && rules->l2 == 0 &&
		ngroups * LANES / LANE_GAIN <= rules->nfeatures_tried;
	for (int i = 0; i < grower->nfeatures; i++)
	{
		if (grower->frame->features[grower->features[i]].kind == HPC_CATEGORY)
			grower->suits_short = false;
	}
}

bool
hpc_short_suits(const hpc_grower *grower, const hpc_pending *at)
{
	if (!grower->suits_short || !at->in_list ||
		at->end - at->begin > SHORT_ROWS)
		return false;
	for (int i = 0; i < grower->nfeatures; i++)
	{
		int feature = grower->features[i];
		const uint32_t *list =
			hpc_grower_list(grower, feature) - grower->list_base;

		if (!hpc_is_constant(at, feature) &&
			HPC_LIST_CODE(list[at->end - 1]) ==
				grower->frame->features[feature].nbins)
			return false;
	}
	return true;
}

void
hpc_short_grow(hpc_grower *grower, const hpc_pending *at)
{
	hpc_short *work = grower->shorts;
	uint32_t *rows = grower->bag.rows + at->begin;
	short_node root = {.node = at->node,
					   .end = at->end - at->begin,
					   .depth = at->depth,
					   .path = at->path,
					   .sum = at->total.sum,
					   .weight = (int64_t) at->total.weight};

	if (!hpc_grower_goes_on(grower, SHORT_ROWS * (uint64_t) work->ngroups *
										LANES * LANES))
		return;
	number_rows(grower, at);
	for (int group = 0; group < work->ngroups; group++)
	{
		line *lines = work->lines + group * SHORT_ROWS;

		for (uint32_t i = 0; i < work->nrows; i++)
		{
			int16_t key = KEY(0, i);

			lines[i] = (line){key, key, key, key, key, key, key, key};
		}
	}
	for (int lane = 0; lane < grower->nfeatures; lane++)
	{
		if (!hpc_is_constant(at, grower->features[lane]))
			rank_feature(grower, at, lane);
	}
	work->waiting[0] = root;
	work->nwaiting = 1;
	while (work->nwaiting > 0)
	{
		short_node node = work->waiting[--work->nwaiting];
		short_split split = node.end - node.begin == 2
								? divide_pair(grower, &node)
								: choose_short_split(grower, &node);

		if (grower->bag.pure_value == NULL && split.gain <= 0)
			split.gain = -1;
		if (split.gain < 0)
			make_leaf(grower, &node);
		else
			split_short(grower, &node, &split);
	}
	for (uint32_t i = 0; i < work->nrows; i++)
		rows[i] = work->row[work->member[i]];
}
