/*
 * test_split.c
 *		Divisions of a node against twins that try every one: prefixes of
 *		levels in exact integers and long double, and of few levels every
 *		subset.
 */
#include <math.h>
#include <string.h>

#include "hpc_split.h"
#include "hpt.h"

#define MAX_LEVELS 64
#define NAME_HASH 12345

/* A random node of levels, and what the search is told. */
typedef struct node
{
	hpc_grow_rules rules;
	hpc_search search;
	uint32_t n;
	hpc_level levels[MAX_LEVELS];
	hpc_level spare[MAX_LEVELS];
	uint32_t npooled;
	uint32_t pooled[MAX_LEVELS];
} node;

/* What a random node is made of. */
typedef struct recipe
{
	const char *what;
	uint64_t max_rows;   /* of a level */
	uint64_t max_weight; /* units of a row */
	int sum_bits;        /* of the q of a row */
	bool wide;
} recipe;

static const recipe recipes[] = {
	{"single rows", 1, 1, 20, false},
	{"rows", 100, 1, 20, false},
	{"rows of few values", 3, 1, 1, false},
	{"the widest narrow sums", 30000, 1, 20, false},
	{"weights", 50, 1000, 30, true},
	{"the widest sums", 300, 100000, 29, true},
};

#define NRECIPES (sizeof(recipes) / sizeof(recipes[0]))

static hpc_total
random_total(hpt_random *random, const recipe *r)
{
	hpc_total total;
	int64_t q = (int64_t) hpt_random_bits(random) >> (63 - r->sum_bits);

	total.count = 1 + hpt_random_below(random, r->max_rows);
	total.weight =
		r->max_weight == 1
			? total.count
			: total.count * (1 + hpt_random_below(random, r->max_weight));
	total.sum = q * (int64_t) total.weight +
				(int64_t) hpt_random_below(random, total.weight);
	return total;
}

/* Levels 0, 2, 4 ... of which some rows may be missing. */
static void
make_node(hpt_random *random, const recipe *r, uint32_t n, bool missing,
		  node *at)
{
	at->rules = (hpc_grow_rules){.min_leaf = 1, .weight_unit = 1};
	at->search = (hpc_search){.rules = &at->rules,
							  .bits = 22,
							  .judging = HPC_PLAIN,
							  .exact = !r->wide,
							  .lower = -INFINITY,
							  .upper = INFINITY};
	at->n = n;
	for (uint32_t i = 0; i < n; i++)
	{
		memset(&at->levels[i], 0, sizeof(hpc_level));
		at->levels[i].total = random_total(random, r);
		at->levels[i].code = 2 * i;
		at->search.node = hpc_total_plus(at->search.node, at->levels[i].total);
	}
	if (missing)
		at->search.missing = random_total(random, r);
	at->search.node = hpc_total_plus(at->search.node, at->search.missing);
}

static bool
near(long double a, long double b)
{
	return fabsl(a - b) <= 3e-15L * fmaxl(fabsl(a), fabsl(b));
}

static bool
same_total(hpc_total a, hpc_total b)
{
	return a.sum == b.sum && a.weight == b.weight && a.count == b.count;
}

/* ---------- gains, the slow way ---------- */

/* What is allowed; -1 where a side is too small. */
static long double
plain_gain(const hpc_search *search, hpc_total left)
{
	hpc_total right = hpc_total_less(search->node, left);
	__int128 difference = left.sum * (__int128) right.weight -
						  right.sum * (__int128) left.weight;

	if (left.count < search->rules->min_leaf ||
		right.count < search->rules->min_leaf || left.count == 0 ||
		right.count == 0)
		return -1;
	return (long double) difference / (long double) left.weight *
		   ((long double) difference / (long double) right.weight) /
		   (long double) search->node.weight;
}

static long double
slow_value(const hpc_search *search, hpc_total child)
{
	long double value =
		(long double) child.sum / ((long double) child.weight + search->l2);

	return fminl(fmaxl(value, search->lower), search->upper);
}

/* Decrease of the sum of squares when these rows get their value. */
static long double
slow_decrease(const hpc_search *search, hpc_total child)
{
	long double v = slow_value(search, child);

	return 2 * child.sum * v -
		   ((long double) child.weight + search->l2) * v * v;
}

/* Also with a penalty, bounds and signs; 0 or less: none. */
static long double
any_gain(const hpc_search *search, hpc_total left)
{
	hpc_total right = hpc_total_less(search->node, left);
	long double v;
	long double w;

	if (search->judging == HPC_PLAIN || plain_gain(search, left) < 0)
		return plain_gain(search, left);
	v = slow_value(search, left);
	w = slow_value(search, right);
	if (search->sign * (w - v) < 0)
		return -1;
	return slow_decrease(search, left) + slow_decrease(search, right) -
		   slow_decrease(search, search->node);
}

static hpc_total
prefix(const node *at, uint32_t last, bool missing_left)
{
	hpc_total left = {0, 0, 0};

	for (uint32_t i = 0; i <= last; i++)
		left = hpc_total_plus(left, at->levels[i].total);
	return missing_left ? hpc_total_plus(left, at->search.missing) : left;
}

static long double
best_prefix(const node *at)
{
	bool missing = at->search.missing.count > 0;
	long double best = -1;

	for (uint32_t last = 0; last < at->n; last++)
	{
		best = fmaxl(best, any_gain(&at->search, prefix(at, last, false)));
		if (missing)
			best = fmaxl(best, any_gain(&at->search, prefix(at, last, true)));
	}
	return best;
}

/* Is the division that was found as good as its gain says? */
static bool
split_is_honest(const node *at, const hpc_split *split)
{
	hpc_total left;

	if (split->cut >= at->n)
		return false;
	left = prefix(at, split->cut, split->missing_left);
	return same_total(left, split->left) &&
		   (at->search.judging == HPC_PLAIN
				? near(any_gain(&at->search, left), split->gain)
				: any_gain(&at->search, left) > 0);
}

/* ---------- prefixes ---------- */

static bool
best_is_found(const node *at)
{
	hpc_split split = hpc_levels_divide(&at->search, at->levels, at->n);
	long double best = best_prefix(at);

	if (best < 0)
		return split.gain < 0;
	return near(best, split.gain) && split_is_honest(at, &split);
}

static void
check_prefixes(const recipe *r, uint64_t min_leaf)
{
	hpt_random random = {min_leaf + r->max_rows};
	node at;
	int nwrong = 0;

	for (int i = 0; i < 2000; i++)
	{
		make_node(&random, r, 1 + (uint32_t) hpt_random_below(&random, 40),
				  i % 2 == 0, &at);
		at.rules.min_leaf = min_leaf;
		nwrong += !best_is_found(&at);
	}
	hpt_ok(nwrong == 0, "best of all prefixes: %s, min_leaf %d", r->what,
		   (int) min_leaf);
}

/* The same division seen from either side has the same gain to the bit. */
static void
check_mirror(const recipe *r)
{
	hpt_random random = {77};
	node at;
	int nwrong = 0;

	for (int i = 0; i < 2000; i++)
	{
		double gain;

		make_node(&random, r, 2 + (uint32_t) hpt_random_below(&random, 20),
				  false, &at);
		gain = hpc_levels_divide(&at.search, at.levels, at.n).gain;
		for (uint32_t j = 0; j < at.n / 2; j++)
		{
			hpc_level level = at.levels[j];

			at.levels[j] = at.levels[at.n - 1 - j];
			at.levels[at.n - 1 - j] = level;
		}
		nwrong += hpc_levels_divide(&at.search, at.levels, at.n).gain != gain;
	}
	hpt_ok(nwrong == 0, "gains do not depend on the side: %s", r->what);
}

/* A gain that is exactly zero is a division still, and the first one wins. */
static void
check_ties(void)
{
	hpt_random random = {1};
	hpc_split split;
	node at;

	make_node(&random, &recipes[0], 4, false, &at);
	for (uint32_t i = 0; i < 4; i++)
		at.levels[i].total = (hpc_total){10, 1, 1};
	at.search.node = (hpc_total){40, 4, 4};
	split = hpc_levels_divide(&at.search, at.levels, 4);
	hpt_ok(split.gain == 0 && split.cut == 0,
		   "equal targets are divided with gain 0");
	at.levels[0].total.sum = at.levels[3].total.sum = 20;
	at.search.node.sum = 60;
	split = hpc_levels_divide(&at.search, at.levels, 4);
	hpt_ok(split.cut == 0, "the first of equal gains wins");
	at.search.node = at.levels[0].total;
	hpt_ok(hpc_levels_divide(&at.search, at.levels, 1).gain < 0,
		   "one level cannot be divided");
	at.search.missing = (hpc_total){5, 2, 2};
	at.search.node = (hpc_total){25, 3, 3};
	split = hpc_levels_divide(&at.search, at.levels, 1);
	hpt_ok(split.gain > 0 && !split.missing_left && split.cut == 0,
		   "but from missing it can");
}

/* ---------- penalty, bounds and signs ---------- */

/*
 * Gains are sums that cancel: what is found must come near the best, seen
 * from the size of the sums.
 */
static bool
bounded_best_is_found(const node *at)
{
	hpc_split split = hpc_levels_divide(&at->search, at->levels, at->n);
	long double best = best_prefix(at);
	long double size = 0;
	hpc_total left;
	long double found;

	for (uint32_t i = 0; i < at->n; i++)
		size += fabsl((long double) at->levels[i].total.sum *
					  at->levels[i].total.sum / at->levels[i].total.weight);
	size += fabsl((long double) at->search.missing.sum) *
			fabsl((long double) at->search.missing.sum) /
			(at->search.missing.weight + 1);
	size *= 1e-12L;
	if (split.gain < 0)
		return best <= size;
	left = prefix(at, split.cut, split.missing_left);
	found = any_gain(&at->search, left);
	return same_total(left, split.left) && fabsl(found - split.gain) <= size &&
		   split.gain >= best - size;
}

static void
check_bounded(const recipe *r, double l2, int sign, bool bounds)
{
	hpt_random random = {(uint64_t) (l2 + sign + 2)};
	node at;
	int nwrong = 0;
	int nnone = 0;

	for (int i = 0; i < 2000; i++)
	{
		double mean;

		make_node(&random, r, 2 + (uint32_t) hpt_random_below(&random, 30),
				  i % 2 == 0, &at);
		mean = (double) at.search.node.sum / (double) at.search.node.weight;
		at.search.judging = HPC_BOUNDED;
		at.search.l2 = l2;
		at.search.sign = sign;
		if (bounds)
		{
			at.search.lower =
				mean - ldexp(hpt_random_unit(&random), r->sum_bits - 1);
			at.search.upper =
				mean + ldexp(hpt_random_unit(&random), r->sum_bits - 1);
		}
		nwrong += !bounded_best_is_found(&at);
		nnone += hpc_levels_divide(&at.search, at.levels, at.n).gain < 0;
	}
	hpt_ok(nwrong == 0 && nnone < 1500,
		   "%s, l2 %g, sign %d%s: the best, or none %d times", r->what, l2,
		   sign, bounds ? ", bounds" : "", nnone);
}

static void
check_values(void)
{
	hpc_search search = {.lower = -10, .upper = 4};

	hpt_same_bits(hpc_split_value(&search, (hpc_total){10, 4, 4}), 2.5,
				  "a value is the mean");
	search.l2 = 1;
	hpt_same_bits(hpc_split_value(&search, (hpc_total){10, 4, 4}), 2,
				  "shrunk by l2");
	hpt_same_bits(hpc_split_value(&search, (hpc_total){100, 4, 4}), 4,
				  "bounded above");
	hpt_same_bits(hpc_split_value(&search, (hpc_total){-100, 4, 4}), -10,
				  "and below");
}

/* ---------- categories ---------- */

static void
order(node *at)
{
	hpc_levels_order(&at->search, NAME_HASH, at->levels, at->spare, &at->n,
					 at->pooled, &at->npooled);
}

/* Best gain over all ways to send levels, and missing, left or right. */
static long double
best_subset(const node *at)
{
	long double best = -1;

	for (uint32_t subset = 0; subset < UINT32_C(1) << at->n; subset++)
	{
		hpc_total left = {0, 0, 0};

		for (uint32_t i = 0; i < at->n; i++)
		{
			if (subset >> i & 1)
				left = hpc_total_plus(left, at->levels[i].total);
		}
		best = fmaxl(best, plain_gain(&at->search, left));
		left = hpc_total_plus(left, at->search.missing);
		if (at->search.missing.count > 0)
			best = fmaxl(best, plain_gain(&at->search, left));
	}
	return best;
}

static void
check_subsets(const recipe *r)
{
	hpt_random random = {r->max_weight};
	node at;
	int nwrong = 0;

	for (int i = 0; i < 300; i++)
	{
		hpc_split split;
		long double best;

		make_node(&random, r, 2 + (uint32_t) hpt_random_below(&random, 8),
				  i % 2 == 0, &at);
		best = best_subset(&at);
		order(&at);
		split = hpc_levels_divide(&at.search, at.levels, at.n);
		nwrong += !near(best, split.gain) || !split_is_honest(&at, &split);
	}
	hpt_ok(nwrong == 0, "best of all subsets of levels: %s", r->what);
}

/* Levels ascend by their shrunken means. */
static bool
order_is_right(const node *at)
{
	const hpc_total *all = &at->search.node;
	long double smooth = at->rules.cat_smooth * at->rules.weight_unit;
	long double mean = (long double) all->sum / (long double) all->weight;
	long double last = -INFINITY;
	bool passed = true;

	for (uint32_t i = 0; i < at->n; i++)
	{
		hpc_total total = at->levels[i].total;
		long double shrunk = ((long double) total.sum + smooth * mean) /
							 ((long double) total.weight + smooth);

		passed &= shrunk >= last - (fabsl(last) + fabsl(mean)) * 1e-14L;
		last = shrunk;
	}
	return passed;
}

/* The levels that are rare are in the pool, all others stand alone. */
static bool
pool_is_right(const node *at, const hpc_level *before, uint32_t nbefore)
{
	double least = at->rules.cat_min_rows * at->rules.weight_unit;
	hpc_total expected = {0, 0, 0};
	hpc_total found = {0, 0, 0};
	uint32_t nrare = 0;
	bool passed = true;

	for (uint32_t i = 0; i < nbefore; i++)
	{
		if ((double) before[i].total.weight >= least)
			continue;
		expected = hpc_total_plus(expected, before[i].total);
		passed &= nrare < at->npooled && at->pooled[nrare] == 2 * i;
		nrare++;
	}
	for (uint32_t i = 0; i < at->n; i++)
	{
		const hpc_level *level = &at->levels[i];

		if (level->code == HPC_POOLED)
			found = hpc_total_plus(found, level->total);
		else
			passed &= (double) level->total.weight >= least &&
					  same_total(before[level->code / 2].total, level->total);
	}
	return passed && nrare == at->npooled &&
		   at->n == nbefore - nrare + (nrare > 0) &&
		   same_total(found, expected);
}

static void
check_pools(const recipe *r, double unit, double smooth, double min_rows)
{
	hpt_random random = {(uint64_t) (smooth + min_rows)};
	hpc_level before[MAX_LEVELS];
	node at;
	int nwrong = 0;

	for (int i = 0; i < 1000; i++)
	{
		uint32_t n = 1 + (uint32_t) hpt_random_below(&random, 40);

		make_node(&random, r, n, i % 3 == 0, &at);
		at.rules.weight_unit = unit;
		at.rules.cat_smooth = smooth;
		at.rules.cat_min_rows = min_rows;
		memcpy(before, at.levels, sizeof(before));
		order(&at);
		nwrong += !order_is_right(&at) || !pool_is_right(&at, before, n);
	}
	hpt_ok(nwrong == 0, "%s in order, smoothed by %g, pooled below %g",
		   r->what, smooth, min_rows);
}

/* Levels of equal means stand in the order of a hash, not that of codes. */
static void
check_level_ties(void)
{
	int nwrong = 0;
	node at;

	for (int turn = 0; turn < 2; turn++)
	{
		hpt_random random = {5};

		make_node(&random, &recipes[1], 40, false, &at);
		for (uint32_t i = 0; i < 40; i++)
		{
			at.levels[i].total = (hpc_total){14, 2, 2};
			at.levels[i].code = turn == 0 ? i : 39 - i;
		}
		at.search.node = (hpc_total){560, 80, 80};
		order(&at);
		for (uint32_t i = 1; i < 40; i++)
			nwrong += hpc_mix(NAME_HASH + at.levels[i - 1].code) >=
					  hpc_mix(NAME_HASH + at.levels[i].code);
	}
	hpt_ok(nwrong == 0, "equal levels are ordered by hash");
}

/* ---------- gains by chance ---------- */

/* Mean best gain of levels of noise, in variances, and what is expected. */
static void
check_chance(uint32_t n, uint64_t heavy, double tolerance)
{
	hpt_random random = {n + heavy};
	long double found = 0;
	double expected = 0;
	node at;

	for (int turn = 0; turn < 400; turn++)
	{
		make_node(&random, &recipes[0], n, false, &at);
		at.search.node = (hpc_total){0, 0, 0};
		for (uint32_t i = 0; i < n; i++)
		{
			/* the first one may be heavier than the others */
			uint64_t weight = i == 0 ? heavy : 100;
			double sum =
				1000 * sqrt((double) weight) * hpt_random_normal(&random);

			at.levels[i].total = (hpc_total){(int64_t) sum, weight, weight};
			at.search.node =
				hpc_total_plus(at.search.node, at.levels[i].total);
		}
		order(&at);
		found += hpc_levels_divide(&at.search, at.levels, at.n).gain / 1e6;
		expected = hpc_levels_chance(&at.search, at.levels, at.n);
	}
	found /= 400;
	hpt_ok(fabsl(found - expected) < tolerance,
		   "%u levels, one of weight %d, gain %.2Lf by chance, not %.2f", n,
		   (int) heavy, found, expected);
}

int
main(void)
{
	for (size_t i = 0; i < NRECIPES; i++)
	{
		check_prefixes(&recipes[i], 1);
		check_prefixes(&recipes[i], 5);
		check_prefixes(&recipes[i], 300);
		check_mirror(&recipes[i]);
		check_subsets(&recipes[i]);
		check_bounded(&recipes[i], 0, 1, false);
		check_bounded(&recipes[i], 0, -1, true);
		check_bounded(&recipes[i], 3.5, 0, false);
		check_bounded(&recipes[i], 2, 1, true);
	}
	check_ties();
	check_values();
	check_pools(&recipes[1], 1, 0, 0);
	check_pools(&recipes[1], 1, 0, 10);
	check_pools(&recipes[1], 1, 10, 10);
	check_pools(&recipes[1], 1, 1000, 31);
	check_pools(&recipes[1], 1, 3, 15.5);
	check_pools(&recipes[4], 500, 10, 20);
	check_level_ties();
	check_chance(2, 100, 1.2);
	check_chance(10, 100, 2);
	check_chance(60, 100, 4);
	/* off the middle it is a little more */
	check_chance(60, 6000, 12);
	return hpt_done();
}
