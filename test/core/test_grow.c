/*
 * test_grow.c
 *		One tree: what must hold in any tree, the best split of every node
 *		against a twin that tries all, and trees known beforehand.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_grow.h"
#include "hpt_table.h"

/* A frame, a bag of its rows, and the tree grown on it. */
typedef struct growth
{
	hpt_memory memory;
	hpt_framed framed;
	const hpc_frame *frame;
	hpc_grow_rules rules;
	uint32_t nsamples;
	hpc_sample *samples; /* as given to the grower */
	hpc_tree tree;       /* a copy; sets too */
} growth;

static hpc_grow_rules
rules_of(uint64_t min_leaf, uint32_t max_depth, uint32_t max_leaves, int tried)
{
	return (hpc_grow_rules){.split = {min_leaf, 10, 5},
							.max_depth = max_depth,
							.max_leaves = max_leaves,
							.nfeatures_tried = tried};
}

/* Bag of all rows with random weights, in a random order. */
static void
draw_bag(growth *g, uint64_t seed)
{
	hpt_random random = {seed};

	g->samples = malloc(g->frame->nrows * sizeof(hpc_sample));
	g->nsamples = 0;
	for (uint32_t row = 0; row < g->frame->nrows; row++)
	{
		uint32_t weight = (uint32_t) hpt_random_below(&random, 3);

		if (weight > 0)
			g->samples[g->nsamples++] =
				(hpc_sample){g->frame->target[row], row, weight};
	}
	hpt_shuffle(&random, g->samples, g->nsamples, sizeof(hpc_sample));
}

static void
begin(growth *g, const hpt_table *table, uint32_t max_bins)
{
	memset(g, 0, sizeof(*g));
	hpt_memory_init(&g->memory, 1);
	hpt_table_frame(&g->memory.env, table, max_bins, &g->framed);
	g->frame = g->framed.frame;
}

static void
drop_tree(growth *g)
{
	free(g->tree.nodes);
	free(g->tree.sets);
	memset(&g->tree, 0, sizeof(g->tree));
}

static void
end(growth *g)
{
	drop_tree(g);
	free(g->samples);
	hpt_framed_free(&g->memory.env, &g->framed);
	if (g->memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
}

/* Grows on the samples; keeps a copy of the tree. */
static void
grow(growth *g, hpc_grow_rules rules, uint64_t stream)
{
	hpc_crew crew = {&g->memory.env, 1, 0, 0, false};
	hpc_grower *grower;
	const hpc_tree *tree;

	drop_tree(g);
	g->rules = rules;
	grower = hpc_grower_create(&g->memory.env, g->frame, &g->rules,
							   g->frame->nrows);
	do
	{
		memcpy(hpc_grower_samples(grower), g->samples,
			   g->nsamples * sizeof(hpc_sample));
		tree = hpc_tree_grow(grower, &crew, 0, g->nsamples, stream);
	} while (tree == NULL && hpc_grower_wants_room(grower) &&
			 hpc_grower_make_room(&g->memory.env, grower) == HPC_OK);
	g->tree = *tree;
	g->tree.nodes = malloc(tree->nnodes * sizeof(hpc_tree_node));
	memcpy(g->tree.nodes, tree->nodes, tree->nnodes * sizeof(hpc_tree_node));
	g->tree.sets = malloc((tree->nset_words + 1) * sizeof(uint32_t));
	memcpy(g->tree.sets, tree->sets, tree->nset_words * sizeof(uint32_t));
	hpc_grower_free(&g->memory.env, grower);
}

/* ---------- where rows go ---------- */

static bool
goes_left(const growth *g, const hpc_tree_node *node, uint32_t row)
{
	const hpc_feature *feature = &g->frame->features[node->feature];
	uint32_t rank = hpc_feature_rank(feature, row);

	if (rank == feature->nvalues)
		return node->missing_left;
	if (feature->kind == HPC_CATEGORY)
		return (g->tree.sets[node->set + rank / 32] & 1u << rank % 32) != 0;
	return feature->values[rank] <= node->threshold;
}

/* Is the node on the way of the row? */
static bool
reaches(const growth *g, uint32_t node, uint32_t row)
{
	uint32_t at = 0;

	while (at < node && g->tree.nodes[at].left != 0)
		at = g->tree.nodes[at].left +
			 (goes_left(g, &g->tree.nodes[at], row) ? 0 : 1);
	return at == node;
}

static hpc_total
total_of(const growth *g, uint32_t node)
{
	hpc_total total = {0, 0};

	for (uint32_t i = 0; i < g->nsamples; i++)
	{
		const hpc_sample *sample = &g->samples[i];

		if (!reaches(g, node, sample->row))
			continue;
		total.sum += (__int128) sample->target * sample->weight;
		total.weight += sample->weight;
	}
	return total;
}

static bool
is_pure(const growth *g, uint32_t node)
{
	int64_t target = 0;
	bool any = false;

	for (uint32_t i = 0; i < g->nsamples; i++)
	{
		if (!reaches(g, node, g->samples[i].row))
			continue;
		if (any && g->samples[i].target != target)
			return false;
		target = g->samples[i].target;
		any = true;
	}
	return true;
}

static uint32_t
depth_of(const growth *g, uint32_t node)
{
	uint32_t depth = 0;

	while (node != 0)
	{
		uint32_t parent = 0;

		while (g->tree.nodes[parent].left != node &&
			   g->tree.nodes[parent].left + 1 != node)
			parent++;
		node = parent;
		depth++;
	}
	return depth;
}

static uint32_t
count_leaves(const hpc_tree *tree)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < tree->nnodes; i++)
		n += tree->nodes[i].left == 0;
	return n;
}

/* Gain in target² × rows from the totals of the children. */
static long double
gain_of(hpc_total left, hpc_total right)
{
	__int128 d = left.sum * (__int128) right.weight -
				 right.sum * (__int128) left.weight;
	long double weight = (long double) (left.weight + right.weight);
	long double gain = (long double) d / (long double) left.weight *
					   ((long double) d / (long double) right.weight) / weight;

	return ldexpl(gain, -2 * HPC_TARGET_BITS);
}

static bool
near(long double a, long double b)
{
	return fabsl(a - b) <= 1e-14L * fmaxl(fabsl(a), fabsl(b));
}

/* ---------- what must hold in any tree ---------- */

static bool
split_is_sound(const growth *g, uint32_t i, hpc_total total)
{
	const hpc_tree_node *node = &g->tree.nodes[i];
	hpc_total left = total_of(g, node->left);
	hpc_total right = total_of(g, node->left + 1);
	uint64_t min_leaf = g->rules.split.min_leaf;

	return node->left > i && node->left + 1 < g->tree.nnodes &&
		   left.sum + right.sum == total.sum &&
		   left.weight + right.weight == total.weight &&
		   left.weight >= min_leaf && right.weight >= min_leaf &&
		   left.weight > 0 && right.weight > 0 &&
		   near(gain_of(left, right), node->gain) && !is_pure(g, i) &&
		   (g->rules.max_depth == 0 || depth_of(g, i) < g->rules.max_depth);
}

/* Ranks up to last_rank are the values up to the threshold. */
static bool
threshold_is_sound(const growth *g, const hpc_tree_node *node)
{
	const hpc_feature *feature = &g->frame->features[node->feature];
	bool passed = true;

	if (feature->kind == HPC_CATEGORY)
		return true;
	for (uint32_t rank = 0; rank < feature->nvalues; rank++)
		passed &= (rank <= node->last_rank) ==
				  (feature->values[rank] <= node->threshold);
	return passed;
}

/* A leaf that is neither pure nor too small has been left on purpose. */
static bool
leaf_is_sound(const growth *g, uint32_t i, hpc_total total)
{
	return total.weight < 2 * g->rules.split.min_leaf || is_pure(g, i) ||
		   g->rules.split.min_leaf > 1 || g->rules.max_leaves > 0 ||
		   (g->rules.max_depth > 0 && depth_of(g, i) == g->rules.max_depth);
}

static void
check_tree(const growth *g, const char *what)
{
	uint32_t nwrong = 0;

	for (uint32_t i = 0; i < g->tree.nnodes; i++)
	{
		const hpc_tree_node *node = &g->tree.nodes[i];
		hpc_total total = total_of(g, i);

		nwrong +=
			total.weight == 0 || node->cover != total.weight ||
			node->value != hpc_target_mean(g->frame, total.sum, total.weight);
		nwrong += node->left != 0 ? !split_is_sound(g, i, total) ||
										!threshold_is_sound(g, node)
								  : !leaf_is_sound(g, i, total);
	}
	for (uint32_t row = 0; row < g->frame->nrows; row++)
		nwrong += !reaches(g, hpc_tree_leaf(&g->tree, g->frame, row), row);
	hpt_ok(nwrong == 0 && (g->rules.max_leaves == 0 ||
						   count_leaves(&g->tree) <= g->rules.max_leaves),
		   "%s: %u nodes are sound", what, g->tree.nnodes);
}

static void
check_trees(void)
{
	hpt_table table;
	growth g;

	hpt_table_houses(&table, 250, 21);
	begin(&g, &table, 65535);
	draw_bag(&g, 1);
	grow(&g, rules_of(1, 0, 0, 3), 11);
	check_tree(&g, "full");
	grow(&g, rules_of(1, 0, 0, 8), 12);
	check_tree(&g, "full, all features");
	grow(&g, rules_of(7, 0, 0, 3), 13);
	check_tree(&g, "min_leaf 7");
	grow(&g, rules_of(1, 4, 0, 3), 14);
	check_tree(&g, "max_depth 4");
	grow(&g, rules_of(2, 0, 9, 3), 15);
	check_tree(&g, "max_leaves 9");
	hpt_ok(count_leaves(&g.tree) == 9, "all of them are used");
	grow(&g, rules_of(1, 0, 1, 3), 15);
	hpt_ok(g.tree.nnodes == 1, "max_leaves 1 is the mean");
	grow(&g, rules_of(1000000000, 0, 0, 3), 15);
	hpt_ok(g.tree.nnodes == 1, "so is a min_leaf beyond the rows");
	grow(&g, rules_of(1, 0, 1000000000, 3), 11);
	check_tree(&g, "more leaves than rows");
	end(&g);
	begin(&g, &table, 6);
	draw_bag(&g, 2);
	grow(&g, rules_of(2, 0, 0, 8), 16);
	check_tree(&g, "6 bins");
	end(&g);
	hpt_table_free(&table);
}

/* ---------- the best split of every node ---------- */

/* Best gain of one number over all thresholds and sides of missing. */
static long double
best_of_feature(const growth *g, uint32_t node, const hpc_feature *feature)
{
	hpc_total total = total_of(g, node);
	hpc_total missing = {0, 0};
	hpc_total *at = calloc((size_t) feature->nvalues + 1, sizeof(hpc_total));
	hpc_total left = {0, 0};
	long double best = -1;

	for (uint32_t i = 0; i < g->nsamples; i++)
	{
		const hpc_sample *sample = &g->samples[i];
		hpc_total *cell = &at[hpc_feature_rank(feature, sample->row)];

		if (!reaches(g, node, sample->row))
			continue;
		cell->sum += (__int128) sample->target * sample->weight;
		cell->weight += sample->weight;
	}
	missing = at[feature->nvalues];
	for (uint32_t rank = 0; rank < feature->nvalues; rank++)
	{
		for (int side = 0; side < 2; side++)
		{
			hpc_total l = left;
			hpc_total r;

			l.sum += at[rank].sum + (side == 1 ? missing.sum : 0);
			l.weight += at[rank].weight + (side == 1 ? missing.weight : 0);
			r.sum = total.sum - l.sum;
			r.weight = total.weight - l.weight;
			if (l.weight >= g->rules.split.min_leaf &&
				r.weight >= g->rules.split.min_leaf && l.weight > 0 &&
				r.weight > 0)
				best = fmaxl(best, gain_of(l, r));
		}
		left.sum += at[rank].sum;
		left.weight += at[rank].weight;
	}
	free(at);
	return best;
}

/* With all features tried, no other split would have gained more. */
static void
check_best(const char *what, const hpt_table *table, uint64_t min_leaf)
{
	growth g;
	uint32_t nwrong = 0;

	begin(&g, table, 65535);
	draw_bag(&g, 3);
	grow(&g, rules_of(min_leaf, 0, 0, table->ncolumns), 17);
	for (uint32_t i = 0; i < g.tree.nnodes; i++)
	{
		long double best = -1;

		if (g.tree.nodes[i].left == 0)
			continue;
		for (int j = 0; j < g.frame->nfeatures; j++)
			best = fmaxl(best, best_of_feature(&g, i, &g.frame->features[j]));
		nwrong += !near(best, g.tree.nodes[i].gain);
	}
	hpt_ok(nwrong == 0, "%s: each of %u splits is the best", what,
		   count_leaves(&g.tree) - 1);
	end(&g);
}

/* Numbers with a third of the values missing, missing telling something. */
static void
make_holes(hpt_table *table, uint64_t seed)
{
	hpt_random random = {seed};
	size_t n = (size_t) table->nrows * (size_t) table->ncolumns;

	for (size_t i = 0; i < n; i++)
	{
		if (hpt_random_below(&random, 3) != 0)
			continue;
		table->values[i] = hpt_missing();
		table->target[i / (size_t) table->ncolumns] += 20;
	}
}

static void
check_best_splits(void)
{
	hpt_table table;

	hpt_table_numbers(&table, 3, 150, 40, 1);
	check_best("numbers", &table, 1);
	check_best("numbers, min_leaf 10", &table, 10);
	make_holes(&table, 2);
	check_best("missing values", &table, 1);
	check_best("missing values, min_leaf 10", &table, 10);
	hpt_table_free(&table);
}

/* ---------- trees known beforehand ---------- */

static void
check_planted(void)
{
	hpt_table table;
	growth g;
	const hpc_tree_node *root;
	uint32_t x2 = 2;

	hpt_table_numbers(&table, 5, 400, 100, 4);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] =
			(table.values[row * 5 + x2].number <= 6.25 ? 100 : 200) + row % 3;
	begin(&g, &table, 65535);
	draw_bag(&g, 4);
	grow(&g, rules_of(1, 0, 0, 5), 18);
	root = &g.tree.nodes[0];
	hpt_ok(root->feature == x2 && root->threshold > 6.2 &&
			   root->threshold < 6.4,
		   "a planted split is found");
	hpt_ok(root->threshold == 6.3125,
		   "halfway between the values on either side");
	end(&g);
	hpt_table_free(&table);
}

/* No single split of an exclusive or gains anything, yet two levels do. */
static void
check_xor(void)
{
	hpt_table table;
	growth g;
	uint32_t nwrong = 0;

	hpt_table_init(&table);
	hpt_table_column(&table, "a", HPC_NUMBER, HPC_STORE_INT16);
	hpt_table_column(&table, "b", HPC_CATEGORY, HPC_STORE_CODE);
	for (int i = 0; i < 80; i++)
	{
		hpc_value *row = hpt_table_row(&table, (i ^ i / 2) & 1);

		row[0] = hpt_number(i & 1);
		row[1] = hpt_level((i / 2) & 1);
	}
	begin(&g, &table, 65535);
	g.samples = malloc(g.frame->nrows * sizeof(hpc_sample));
	g.nsamples = g.frame->nrows;
	for (uint32_t row = 0; row < g.frame->nrows; row++)
		g.samples[row] =
			(hpc_sample){g.frame->target[row], row, g.frame->count[row]};
	grow(&g, rules_of(1, 0, 0, 2), 19);
	for (uint32_t i = 0; i < g.tree.nnodes; i++)
		nwrong += g.tree.nodes[i].left == 0 && g.tree.nodes[i].cover != 20;
	hpt_ok(g.tree.nodes[0].gain == 0 && g.tree.nnodes == 7 && nwrong == 0,
		   "an exclusive or is taken apart");
	check_tree(&g, "exclusive or");
	end(&g);
	hpt_table_free(&table);
}

static void
check_pure(void)
{
	hpt_table table;
	growth g;

	hpt_table_numbers(&table, 2, 100, 50, 6);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = 181500.37;
	begin(&g, &table, 65535);
	draw_bag(&g, 5);
	grow(&g, rules_of(1, 0, 0, 2), 20);
	hpt_ok(g.tree.nnodes == 1 && g.tree.nodes[0].value == 181500.37,
		   "a pure node is never split, its value exact");
	end(&g);
	hpt_table_free(&table);
}

/* Missing tells the target, values do not: all values go one way. */
static void
check_missing_split(void)
{
	hpt_table table;
	growth g;
	const hpc_tree_node *root;

	hpt_table_numbers(&table, 1, 90, 30, 7);
	for (uint32_t row = 0; row < table.nrows; row++)
	{
		table.target[row] = row % 3 == 0 ? 5 : 1;
		if (row % 3 == 0)
			table.values[row] = hpt_missing();
	}
	begin(&g, &table, 65535);
	draw_bag(&g, 6);
	grow(&g, rules_of(1, 0, 0, 1), 21);
	root = &g.tree.nodes[0];
	hpt_ok(g.tree.nnodes == 3 && isinf(root->threshold) &&
			   !root->missing_left &&
			   root->last_rank == g.frame->features[0].nvalues - 1,
		   "missing alone on one side");
	check_tree(&g, "missing alone");
	end(&g);
	hpt_table_free(&table);
}

/* Infinities are values; the threshold beside one stays on its side. */
static void
check_infinite_values(void)
{
	static const double values[] = {-INFINITY, -1e308, 0, 1e308, INFINITY};
	hpt_table table;
	growth g;

	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (int i = 0; i < 50; i++)
		hpt_table_row(&table, (i % 5) * (i % 5) + i / 1000.0)[0] =
			hpt_number(values[i % 5]);
	begin(&g, &table, 65535);
	draw_bag(&g, 7);
	grow(&g, rules_of(1, 0, 0, 1), 22);
	hpt_ok(count_leaves(&g.tree) == 5, "each infinite value has a leaf");
	for (uint32_t i = 0; i < g.tree.nnodes; i++)
	{
		if (g.tree.nodes[i].left != 0 &&
			!threshold_is_sound(&g, &g.tree.nodes[i]))
			hpt_ok(false, "threshold %g", g.tree.nodes[i].threshold);
	}
	end(&g);
	hpt_table_free(&table);
}

/* ---------- order of samples, order of splits ---------- */

static bool
same_trees(const hpc_tree *a, const hpc_tree *b)
{
	bool same = a->nnodes == b->nnodes && a->nset_words == b->nset_words;

	for (uint32_t i = 0; same && i < a->nnodes; i++)
		same = a->nodes[i].left == b->nodes[i].left &&
			   a->nodes[i].feature == b->nodes[i].feature &&
			   a->nodes[i].missing_left == b->nodes[i].missing_left &&
			   a->nodes[i].last_rank == b->nodes[i].last_rank &&
			   a->nodes[i].set == b->nodes[i].set &&
			   a->nodes[i].threshold == b->nodes[i].threshold &&
			   a->nodes[i].value == b->nodes[i].value &&
			   a->nodes[i].gain == b->nodes[i].gain &&
			   a->nodes[i].cover == b->nodes[i].cover;
	return same &&
		   memcmp(a->sets, b->sets, a->nset_words * sizeof(uint32_t)) == 0;
}

static void
check_sample_order(uint32_t max_bins, hpc_grow_rules rules, const char *what)
{
	hpt_random random = {5};
	hpt_table table;
	growth g;
	hpc_tree first;

	hpt_table_houses(&table, 2000, 31);
	begin(&g, &table, max_bins);
	draw_bag(&g, 8);
	grow(&g, rules, 23);
	first = g.tree;
	memset(&g.tree, 0, sizeof(g.tree));
	hpt_shuffle(&random, g.samples, g.nsamples, sizeof(hpc_sample));
	grow(&g, rules, 23);
	hpt_ok(same_trees(&first, &g.tree) && first.nnodes > 20,
		   "shuffled samples, the same tree: %s", what);
	free(first.nodes);
	free(first.sets);
	end(&g);
	hpt_table_free(&table);
}

/*
 * Leaves of a full tree cut back the slow way: of the splits that could be
 * made, make the one with the largest gain.
 */
static void
choose_splits(const hpc_tree *full, uint32_t max_leaves, bool *chosen)
{
	memset(chosen, 0, full->nnodes * sizeof(bool));
	for (uint32_t leaves = 1; leaves < max_leaves; leaves++)
	{
		uint32_t best = UINT32_MAX;

		for (uint32_t i = 0; i < full->nnodes; i++)
		{
			bool open = i == 0;

			for (uint32_t parent = 0; parent < i && !open; parent++)
				open = chosen[parent] && (full->nodes[parent].left == i ||
										  full->nodes[parent].left + 1 == i);
			if (open && !chosen[i] && full->nodes[i].left != 0 &&
				(best == UINT32_MAX ||
				 full->nodes[i].gain > full->nodes[best].gain))
				best = i;
		}
		if (best == UINT32_MAX)
			return;
		chosen[best] = true;
	}
}

/* Is the tree below b the tree below a, cut to the chosen splits? */
static bool
is_cut(const hpc_tree *full, uint32_t a, const bool *chosen,
	   const hpc_tree *cut, uint32_t b)
{
	const hpc_tree_node *in_full = &full->nodes[a];
	const hpc_tree_node *in_cut = &cut->nodes[b];

	if (in_full->value != in_cut->value || in_full->cover != in_cut->cover ||
		chosen[a] != (in_cut->left != 0))
		return false;
	if (!chosen[a])
		return true;
	return in_full->feature == in_cut->feature &&
		   in_full->threshold == in_cut->threshold &&
		   is_cut(full, in_full->left, chosen, cut, in_cut->left) &&
		   is_cut(full, in_full->left + 1, chosen, cut, in_cut->left + 1);
}

static void
check_best_first(void)
{
	static const uint32_t max_leaves[] = {2, 3, 8, 31, 60};
	hpt_table table;
	growth g;
	hpc_tree full;
	bool *chosen;

	hpt_table_houses(&table, 400, 41);
	begin(&g, &table, 65535);
	draw_bag(&g, 9);
	grow(&g, rules_of(1, 0, 0, 3), 24);
	full = g.tree;
	memset(&g.tree, 0, sizeof(g.tree));
	chosen = malloc(full.nnodes * sizeof(bool));
	for (int i = 0; i < 5; i++)
	{
		choose_splits(&full, max_leaves[i], chosen);
		grow(&g, rules_of(1, 0, max_leaves[i], 3), 24);
		hpt_ok(is_cut(&full, 0, chosen, &g.tree, 0) &&
				   count_leaves(&g.tree) == max_leaves[i],
			   "%u leaves by the largest gains", max_leaves[i]);
	}
	free(chosen);
	free(full.nodes);
	free(full.sets);
	end(&g);
	hpt_table_free(&table);
}

/* Other streams, other features; every feature is tried at some node. */
static void
check_streams(void)
{
	hpt_table table;
	growth g;
	uint32_t nsplits[4] = {0};
	uint32_t ndifferent = 0;

	hpt_table_numbers(&table, 4, 300, 50, 51);
	begin(&g, &table, 65535);
	draw_bag(&g, 10);
	for (uint64_t stream = 0; stream < 20; stream++)
	{
		grow(&g, rules_of(5, 0, 0, 1), hpc_mix(stream));
		nsplits[g.tree.nodes[0].feature]++;
	}
	for (int i = 0; i < 4; i++)
		ndifferent += nsplits[i] > 0;
	hpt_ok(ndifferent == 4, "with one feature tried, each comes first");
	end(&g);
	hpt_table_free(&table);
}

int
main(void)
{
	check_trees();
	check_best_splits();
	check_planted();
	check_xor();
	check_pure();
	check_missing_split();
	check_infinite_values();
	check_sample_order(65535, rules_of(1, 0, 0, 4), "full");
	check_sample_order(16, rules_of(1, 0, 0, 4), "16 bins");
	check_sample_order(65535, rules_of(3, 0, 40, 8), "best first");
	check_best_first();
	check_streams();
	return hpt_done();
}
