/*
 * hpc_choose.c
 *		The best split of a node.
 *
 * Each feature that may be tried proposes its best division (hpc_scan.c for
 * numbers, hpc_split.c for categories).  The order of features, and which of
 * two equal gains wins, is decided by a hash of the tree, the path to the
 * node and the feature's name.
 *
 * Extra trees (Geurts, Ernst, Wehenkel 2006) try one random division per
 * feature: a threshold uniform between the least and the greatest value that
 * the node has, or a random half of the levels.
 */
#include <math.h>
#include <string.h>

#include "hpc_grow_inside.h"
#include "hpc_random.h"

/* ---------- one feature ---------- */

/* Sums the rows of a node by the codes of one feature, into cells. */
static void
fill_cells(hpc_grower *grower, const hpc_pending *at,
		   const hpc_feature *feature, void *cells)
{
	memset(cells, 0, ((size_t) feature->nbins + 1) * grower->cell_size);
	for (uint32_t row = at->begin; row < at->end; row += HPC_ITEMS_PER_POLL)
	{
		const uint32_t *rows = grower->bag.rows + row;
		uint32_t left = at->end - row;
		uint32_t n = left < HPC_ITEMS_PER_POLL ? left : HPC_ITEMS_PER_POLL;

		if (row > at->begin && hpc_crew_stopped(grower->crew, grower->worker))
		{
			grower->stopped = true;
			return;
		}
		if (grower->wide)
			hpc_wide_fill_feature(feature, rows, n, grower->bag.wide, cells);
		else
			hpc_narrow_fill_feature(feature, rows, n, grower->bag.narrow,
									cells);
	}
}

/* What is known of a feature in a node; of no use once stopped. */
static hpc_view
view_feature(hpc_grower *grower, const hpc_pending *at, int index)
{
	const hpc_feature *feature = &grower->frame->features[index];
	hpc_view view = {.feature = feature,
					 .wide = grower->wide,
					 .bits = grower->bag.weight_bits};

	if (at->in_list)
	{
		view.list =
			hpc_grower_list(grower, index) + at->begin - grower->list_base;
		view.nlist = at->end - at->begin;
		view.slot_cells = grower->slot_cell;
	}
	else if (!grower->sampled)
		view.cells = (char *) hpc_grower_histogram(grower, at->histogram) +
					 grower->plan.offset[index] * grower->cell_size;
	else
	{
		void *cells = hpc_grower_histogram(grower, grower->nhistograms);

		fill_cells(grower, at, feature, cells);
		view.cells = cells;
	}
	return view;
}

/* The set of codes that go left, as bits; levels without rows with missing. */
static void
write_set(hpc_grower *grower, const hpc_feature *feature,
		  const hpc_split *split, uint32_t nlevels, uint32_t npooled)
{
	uint32_t *set = grower->best_set;
	bool left = split->missing_left;
	uint32_t nwords = hpc_set_words(feature->nbins);

	memset(set, left ? 0xff : 0, nwords * sizeof(uint32_t));
	for (uint32_t i = 0; i < nlevels; i++)
	{
		bool goes_left = i <= split->cut;
		bool pooled = grower->levels[i].code == HPC_POOLED;
		uint32_t n = pooled ? npooled : 1;

		if (goes_left == left)
			continue;
		for (uint32_t j = 0; j < n; j++)
		{
			uint32_t code =
				pooled ? grower->pooled[j] : grower->levels[i].code;

			set[code / 32] ^= UINT32_C(1) << (code % 32);
		}
	}
	/* bits beyond the last code stay clear */
	for (uint32_t bit = feature->nbins; bit < 32 * nwords; bit++)
		set[bit / 32] &= ~(UINT32_C(1) << (bit % 32));
}

/* The last of codes cut .. most whose values are all up to x. */
static uint32_t
last_code_up_to(const hpc_feature *feature, uint32_t cut, uint32_t most,
				double x)
{
	uint32_t low = cut;
	uint32_t high = most;

	while (low < high)
	{
		uint32_t middle = low + (high - low + 1) / 2;

		if (feature->high[middle] <= x)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/*
 * Sets cut and threshold of a node for a division near x, that sends code cut
 * left and code above right, so that codes and values agree: a bin that x
 * would cut goes right whole.
 */
static void
set_threshold(hpc_tree_node *node, const hpc_feature *feature, uint32_t cut,
			  uint32_t above, double x)
{
	node->at.cut = last_code_up_to(feature, cut, above - 1, x);
	node->threshold = x;
	if (feature->low[node->at.cut + 1] <= x)
		node->threshold = hpc_midpoint(feature->high[node->at.cut],
									   feature->low[node->at.cut + 1]);
}

void
hpc_settle_threshold(const hpc_feature *feature, uint32_t cut, uint32_t above,
					 hpc_tree_node *node)
{
	set_threshold(node, feature, cut, above,
				  hpc_midpoint(feature->high[cut], feature->low[above]));
}

/* Halfway between the nearest values that the node has. */
static void
settle_threshold(const hpc_view *view, uint32_t cut, uint32_t last,
				 hpc_tree_node *node)
{
	if (cut < last)
	{
		hpc_settle_threshold(view->feature, cut, hpc_view_next(view, cut),
							 node);
		return;
	}
	/* every value goes left, missing goes right */
	node->at.cut = view->feature->nbins - 1;
	node->threshold = INFINITY;
}

/* Where training saw nothing missing, it goes to the larger child. */
static bool
default_side(const hpc_search *search, const hpc_split *split)
{
	if (search->missing.count > 0)
		return split->missing_left;
	return 2 * split->left.weight >= search->node.weight;
}

/* A draw for the node and feature at hand. */
static uint64_t
feature_draw(const hpc_grower *grower, const hpc_pending *at, int index)
{
	return hpc_draw(grower->stream ^ at->path,
					grower->frame->features[index].name_hash);
}

/* Keeps the better side for what is missing. */
static hpc_split
try_both_sides(const hpc_search *search, hpc_total left, uint32_t cut)
{
	hpc_split best = {.gain = -1};

	hpc_split_try(search, &best, left, cut, false);
	if (search->missing.count > 0)
		hpc_split_try(search, &best, hpc_total_plus(left, search->missing),
					  cut, true);
	return best;
}

/* A threshold between the least and the greatest value that a node has. */
static double
draw_threshold(const hpc_grower *grower, const hpc_pending *at, int index,
			   uint32_t first, uint32_t last)
{
	const hpc_feature *feature = &grower->frame->features[index];
	uint64_t draw = hpc_mix(feature_draw(grower, at, index));
	double share = (double) (draw >> 11) * 0x1p-53;
	double low = feature->low[first];
	double x = low + share * (feature->low[last] - low);

	/* a range beyond the largest double: by codes instead */
	if (!isfinite(x))
		x = feature
				->high[first + (uint32_t) (share * (double) (last - first))];
	return x < feature->high[first] ? feature->high[first] : x;
}

/* The division that it makes. */
static hpc_split
try_threshold(const hpc_view *view, const hpc_search *search, uint32_t first,
			  uint32_t last, double x)
{
	uint32_t cut;

	if (view->list != NULL)
		return try_both_sides(search, hpc_view_sum_up_to(view, last, x), 0);
	cut = last_code_up_to(view->feature, first, last - 1, x);
	return try_both_sides(search, hpc_view_sum(view, first, cut), cut);
}

/*
 * A random half of the levels goes left: each by the bit of a draw, one of
 * both sides at least.  Levels are reordered.
 */
static hpc_split
random_levels(hpc_grower *grower, const hpc_pending *at,
			  const hpc_search *search, int index, uint32_t nlevels)
{
	uint64_t draw = feature_draw(grower, at, index);
	hpc_level *levels = grower->levels;
	hpc_total left = {0, 0, 0};
	uint32_t nleft = 0;

	for (uint32_t i = 0; i < nlevels; i++)
	{
		bool goes_left = hpc_draw(draw, levels[i].code) >> 63;

		if (i + 1 == nlevels && nleft == 0)
			goes_left = true;
		if (i + 1 == nlevels && nleft == i)
			goes_left = nleft == 0;
		if (goes_left)
		{
			hpc_level level = levels[i];

			left = hpc_total_plus(left, level.total);
			levels[i] = levels[nleft];
			levels[nleft++] = level;
		}
	}
	return try_both_sides(search, left, nleft - 1);
}

/* Variance of q over the rows of the node. */
static double
node_variance(hpc_grower *grower, const hpc_pending *at)
{
	if (grower->variance < 0)
	{
		double weight = (double) at->total.weight;
		double mean = (double) at->total.sum / weight;

		grower->variance =
			fmax(0, hpc_rows_squares(grower, at) / weight - mean * mean);
	}
	return grower->variance;
}

/* The best division of the levels, less what it would gain by chance. */
static hpc_split
divide_levels(hpc_grower *grower, const hpc_pending *at,
			  const hpc_search *search, int index, uint32_t nlevels)
{
	const hpc_grow_rules *rules = grower->rules;
	hpc_split split = hpc_levels_divide(search, grower->levels, nlevels);
	double chance;

	if (split.gain <= 0 || rules->chance == NULL)
		return split;
	chance = hpc_levels_chance(search, grower->levels, nlevels);
	if (chance > 0)
		split.gain = fmax(0, split.gain - chance * rules->chance[index] *
											  node_variance(grower, at) *
											  rules->weight_unit);
	return split;
}

/* The division by a category; its set is in best_set when it is the best. */
static hpc_split
divide_category(hpc_grower *grower, const hpc_pending *at,
				const hpc_view *view, const hpc_search *search, int index,
				uint32_t *nlevels, uint32_t *npooled)
{
	hpc_split none = {.gain = -1};

	*npooled = 0;
	*nlevels = hpc_view_levels(view, grower->levels);
	if (*nlevels + (search->missing.count > 0) < 2)
	{
		*nlevels = 0;
		return none;
	}
	if (grower->rules->random_cuts && *nlevels > 1)
		return random_levels(grower, at, search, index, *nlevels);
	hpc_levels_order(search, view->feature->name_hash, grower->levels,
					 grower->spare_levels, nlevels, grower->pooled, npooled);
	return divide_levels(grower, at, search, index, *nlevels);
}

/* Does the new split of a feature win over the best so far? */
static inline bool
is_better(hpc_grower *grower, const hpc_pending *at, int index, double gain,
		  double best)
{
	if (gain != best)
		return gain > best;
	return gain >= 0 && feature_draw(grower, at, index) <
							feature_draw(grower, at, at->feature);
}

static hpc_judging
judging_of(const hpc_grow_rules *rules)
{
	if (rules->monotone != NULL)
		return HPC_BOUNDED;
	return rules->l2 != 0 ? HPC_PENALIZED : HPC_PLAIN;
}

/* What a search has to know of the node; the feature is still to come. */
static hpc_search
prepare_search(const hpc_grower *grower, const hpc_pending *at)
{
	const hpc_grow_rules *rules = grower->rules;
	hpc_search search = {.rules = rules,
						 .node = at->total,
						 .bits = grower->bag.weight_bits,
						 .exact = !grower->wide,
						 .wide_registers = grower->wide_registers &&
										   at->total.weight <= UINT32_MAX,
						 .judging = judging_of(rules),
						 .l2 = rules->l2 * rules->weight_unit,
						 .lower = at->lower,
						 .upper = at->upper};

	if (search.judging == HPC_PENALIZED)
		search.before = hpc_split_value_gain(&search, at->total);
	return search;
}

/* Adds what it has to know of the feature.  False: it is constant here. */
static inline bool
focus_search(const hpc_grower *grower, const hpc_view *view, int index,
			 hpc_search *search)
{
	uint32_t first;
	uint32_t last;

	if (grower->rules->monotone != NULL)
		search->sign = grower->rules->monotone[index];
	if (view->list != NULL)
	{
		if (HPC_LIST_CODE(view->list[0]) ==
			HPC_LIST_CODE(view->list[view->nlist - 1]))
			return false;
		hpc_view_missing(view, &search->missing);
		return true;
	}
	hpc_view_missing(view, &search->missing);
	return hpc_view_range(view, &first, &last) &&
		   (first < last || search->missing.count > 0);
}

/* The best division of a node by a feature. */
static inline void
propose_split(hpc_grower *grower, const hpc_pending *at, int index,
			  const hpc_view *view, const hpc_search *search, hpc_split *split)
{
	uint32_t first;
	uint32_t last;
	uint32_t nlevels;
	uint32_t npooled;

	if (view->feature->kind == HPC_CATEGORY)
		*split = divide_category(grower, at, view, search, index, &nlevels,
								 &npooled);
	else if (grower->rules->random_cuts &&
			 hpc_view_range(view, &first, &last) && first < last)
		*split = try_threshold(view, search, first, last,
							   draw_threshold(grower, at, index, first, last));
	else
		hpc_view_divide(view, search, split);
}

/*
 * Tries one feature; exchanges best and spare if its split, written to spare,
 * is the best.  False: the feature is constant here.
 */
static inline bool
try_feature(hpc_grower *grower, hpc_pending *at, int index, hpc_search *search,
			hpc_split **best, hpc_split **spare)
{
	hpc_view view = view_feature(grower, at, index);
	hpc_split *split = *spare;

	if (grower->stopped || !focus_search(grower, &view, index, search))
		return false;
	propose_split(grower, at, index, &view, search, split);
	if (is_better(grower, at, index, split->gain, (*best)->gain))
	{
		*spare = *best;
		*best = split;
		at->feature = index;
	}
	return true;
}

/*
 * Puts into the node what carries out its split.  That is found once more,
 * which costs less than to keep it of each split that was the best for a
 * while.
 */
static void
settle_split(hpc_grower *grower, hpc_pending *at, hpc_search *search)
{
	hpc_tree_node *node = &grower->tree.nodes[at->node];
	int index = at->feature;
	hpc_view view = view_feature(grower, at, index);
	uint32_t first;
	uint32_t last;

	if (grower->stopped)
		return;
	focus_search(grower, &view, index, search);
	node->feature = (uint16_t) index;
	node->missing_left = default_side(search, &at->split);
	if (view.feature->kind == HPC_CATEGORY)
	{
		hpc_split split;
		uint32_t nlevels;
		uint32_t npooled;

		split = divide_category(grower, at, &view, search, index, &nlevels,
								&npooled);
		split.missing_left = node->missing_left;
		write_set(grower, view.feature, &split, nlevels, npooled);
		return;
	}
	hpc_view_range(&view, &first, &last);
	if (grower->rules->random_cuts && first < last)
		set_threshold(node, view.feature, first, last,
					  draw_threshold(grower, at, index, first, last));
	else
		settle_threshold(&view, at->split.cut, last, node);
}

/* ---------- all features ---------- */

/* Restores the heap of what is untried, smallest hash first, below place. */
static void
sift_untried(hpc_grower *grower, int nuntried, int place)
{
	const uint64_t *hash = grower->feature_hash;
	int *heap = grower->order;
	int item = heap[place];

	for (;;)
	{
		int child = 2 * place + 1;

		if (child + 1 < nuntried && hash[heap[child + 1]] < hash[heap[child]])
			child++;
		if (child >= nuntried || hash[heap[child]] >= hash[item])
			break;
		heap[place] = heap[child];
		place = child;
	}
	heap[place] = item;
}

void
hpc_order_untried(hpc_grower *grower, int nuntried)
{
	for (int i = nuntried / 2 - 1; i >= 0; i--)
		sift_untried(grower, nuntried, i);
}

int
hpc_next_untried(hpc_grower *grower, int nuntried)
{
	int item = grower->order[0];

	grower->order[0] = grower->order[nuntried - 1];
	sift_untried(grower, nuntried - 1, 0);
	return item;
}

/* The features that may vary, as a heap; answers how many. */
static int
order_features(hpc_grower *grower, const hpc_pending *at)
{
	int n = 0;

	for (int i = 0; i < grower->nfeatures; i++)
	{
		int feature = grower->features[i];

		if (hpc_is_constant(at, feature))
			continue;
		grower->order[n++] = feature;
		grower->feature_hash[feature] = feature_draw(grower, at, feature);
	}
	hpc_order_untried(grower, n);
	return n;
}

/* Brings the node's rows into the form that its features are read from. */
static void
prepare_rows(hpc_grower *grower, hpc_pending *at)
{
	uint32_t n = at->end - at->begin;

	if (at->in_list)
		return;
	if (hpc_grower_suits_lists(grower, n))
	{
		hpc_grower_give(grower, &at->histogram);
		if (grower->rules->max_leaves == 0)
			grower->list_base = at->begin;
		hpc_rows_to_lists(grower, at);
	}
	else if (!grower->sampled && at->histogram < 0)
	{
		at->histogram = hpc_grower_take(grower);
		if (at->histogram < 0)
			at->histogram = grower->nhistograms; /* scratch */
		hpc_rows_fill(grower, at->begin, at->end, at->histogram);
	}
}

/* Rows and cells that are looked at for a feature's best split. */
static uint64_t
feature_work(const hpc_grower *grower, const hpc_pending *at, int feature)
{
	uint64_t nrows = at->end - at->begin;

	return at->in_list ? nrows
					   : nrows + grower->frame->features[feature].nbins;
}

/*
 * Looks for the best split among nfeatures_tried features that are not
 * constant in the node, in the order of their hashes.
 */
void
hpc_choose_split(hpc_grower *grower, hpc_pending *at)
{
	int wanted = grower->rules->nfeatures_tried;
	bool choose = wanted < grower->nfeatures;
	int n = grower->nfeatures;
	hpc_search search = prepare_search(grower, at);
	hpc_split splits[2];
	hpc_split *best = &splits[0];
	hpc_split *spare = &splits[1];

	best->gain = -1;
	grower->variance = -1;
	prepare_rows(grower, at);
	if (choose)
		n = order_features(grower, at);
	for (int i = 0; i < n && wanted > 0; i++)
	{
		int feature =
			choose ? hpc_next_untried(grower, n - i) : grower->features[i];

		if (!choose && hpc_is_constant(at, feature))
			continue;
		if (!hpc_grower_goes_on(grower, feature_work(grower, at, feature)))
			break;
		if (try_feature(grower, at, feature, &search, &best, &spare))
			wanted--;
		else
			hpc_set_constant(at, feature);
	}
	at->split = *best;
	if (grower->stopped)
		at->split.gain = -1;
	if (grower->bag.pure_value == NULL && at->split.gain <= 0)
		at->split.gain = -1;
	if (at->split.gain >= 0)
		settle_split(grower, at, &search);
	if (at->histogram >= grower->nhistograms)
		at->histogram = -1;
}
