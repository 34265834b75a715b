/*
 * test_scan.c
 *		Sums over the rows of a node by code: histograms, lists, and twins that
 *		look through the rows for every code.
 *
 * All is done for narrow and for wide cells, and what histograms and lists
 * say must be equal to the bit.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_cpu.h"
#include "hpc_scan.h"
#include "hpt_table.h"

#define WEIGHT_BITS 14
#define MAX_ROWS 3000

/* Rows of a frame with random cells. */
typedef struct node
{
	hpt_memory memory;
	hpt_framed framed;
	const hpc_frame *frame;
	bool wide;
	uint32_t n;
	uint32_t rows[MAX_ROWS];  /* [n] ascending */
	hpc_total held[MAX_ROWS]; /* by row of the frame */
	hpc_narrow narrow[MAX_ROWS];
	hpc_wide wide_cells[MAX_ROWS];

	/* of one feature, in either form */
	hpc_wide cells[70000]; /* wide or narrow ones */
	uint32_t list[MAX_ROWS];
	uint32_t slot_row[MAX_ROWS];
	hpc_wide slot_cells[MAX_ROWS];
} node;

static node at;

/*
 * Twenty columns: so many narrow ones that they need three blocks, wide
 * ones, categories, missing values, one without any value.
 */
static void
make_table(hpt_table *table, uint32_t nrows)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g",
										"h", "i", "j", "k", "l", "m", "n",
										"o", "p", "q", "r", "s", "t"};
	static const uint64_t nvalues[] = {2,   3,    255, 256, 50000, 7,  1,
									   254, 100,  60,  10,  20,    30, 12,
									   5,   2000, 90,  4,   300,   40};
	hpt_random random = {nrows};

	hpt_table_init(table);
	for (int i = 0; i < 20; i++)
		hpt_table_column(table, names[i],
						 i % 5 == 3 ? HPC_CATEGORY : HPC_NUMBER,
						 i % 5 == 3 ? HPC_STORE_CODE : HPC_STORE_DOUBLE);
	while (table->nrows < nrows)
	{
		hpc_value *row = hpt_table_row(table, table->nrows);

		for (int i = 0; i < 20; i++)
		{
			uint64_t x = hpt_random_below(&random, nvalues[i]);

			if (i == 6 || (i % 3 == 0 && x % 4 == 0))
				continue;
			row[i] = i % 5 == 3 ? hpt_level((uint32_t) x % HPT_LABELS)
								: hpt_number((double) x);
		}
	}
}

static void
begin(uint32_t nrows)
{
	hpt_table table;

	hpt_memory_init(&at.memory, 1);
	make_table(&table, nrows);
	hpt_table_frame(&at.memory.env, &table, 65534, &at.framed);
	at.frame = at.framed.frame;
	hpt_table_free(&table);
}

static void
end(void)
{
	hpt_framed_free(&at.memory.env, &at.framed);
	if (at.memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
}

/* About a share of the rows, each with a random cell. */
static void
draw_rows(hpt_random *random, double share, bool wide)
{
	at.wide = wide;
	at.n = 0;
	for (uint32_t row = 0; row < at.frame->nrows; row++)
	{
		uint32_t copies = 1 + (uint32_t) hpt_random_below(random, 4);
		int64_t weight =
			wide ? copies * (1 + (int64_t) hpt_random_below(random, 100000))
				 : copies;
		int64_t q = (int64_t) hpt_random_bits(random) >> (wide ? 33 : 34);

		at.held[row] = (hpc_total){q * weight, (uint64_t) weight, copies};
		at.narrow[row] = q * weight * (INT64_C(1) << WEIGHT_BITS) + weight;
		at.wide_cells[row] = (hpc_wide){q * weight, weight << 32 | copies};
		if (hpt_random_unit(random) < share || row == 0)
			at.rows[at.n++] = row;
	}
}

static bool
same_total(hpc_total a, hpc_total b)
{
	return a.sum == b.sum && a.weight == b.weight && a.count == b.count;
}

static const hpc_feature *
feature_at(int i)
{
	return &at.frame->features[i];
}

/* Sums of the rows whose codes are first .. last. */
static hpc_total
slow_sum(const hpc_feature *feature, uint32_t first, uint32_t last)
{
	hpc_total sum = {0, 0, 0};

	for (uint32_t i = 0; i < at.n; i++)
	{
		uint32_t code = hpc_code(feature, at.rows[i]);

		if (code >= first && code <= last)
			sum = hpc_total_plus(sum, at.held[at.rows[i]]);
	}
	return sum;
}

static hpc_total
cell_total(const void *cells, size_t i)
{
	return at.wide ? hpc_wide_total(((const hpc_wide *) cells)[i])
				   : hpc_narrow_total(((const hpc_narrow *) cells)[i],
									  WEIGHT_BITS);
}

/* ---------- cells ---------- */

static void
check_cells(void)
{
	hpt_random random = {1};
	int nwrong = 0;

	for (int i = 0; i < 10000; i++)
	{
		int bits = 1 + (int) hpt_random_below(&random, 31);
		uint64_t weight = hpt_random_below(&random, UINT64_C(1) << bits);
		int64_t sum = (int64_t) hpt_random_bits(&random) >> (bits + 1);
		uint64_t count = hpt_random_bits(&random) >> 33;
		hpc_total total =
			hpc_narrow_total(sum * (INT64_C(1) << bits) + (int64_t) weight,
							 bits);

		nwrong += !same_total(total, (hpc_total){sum, weight, weight});
		weight = hpt_random_bits(&random) >> 33;
		total =
			hpc_wide_total((hpc_wide){sum, (int64_t) (weight << 32 | count)});
		nwrong += !same_total(total, (hpc_total){sum, weight, count});
	}
	hpt_ok(nwrong == 0, "cells hold sums, weights and rows");
}

/* ---------- histograms of several features ---------- */

/* The plan of a tree with some features: used has a bit for each. */
static void
plan_features(hpc_histogram_plan *plan, uint64_t used)
{
	int features[HPT_MAX_COLUMNS];
	int n = 0;

	for (int i = 0; i < at.frame->nfeatures; i++)
	{
		if (used >> i & 1)
			features[n++] = i;
	}
	hpc_plan_tree(plan, features, n);
}

/* Room for a histogram, with what no sum would leave alone. */
static void *
make_cells(size_t ncells)
{
	size_t size = at.wide ? sizeof(hpc_wide) : sizeof(hpc_narrow);
	void *cells = aligned_alloc(16, (ncells + 1) * 16);

	memset(cells, 0x5a, ncells * size);
	return cells;
}

/* The histogram of rows begin .. end_row - 1, in pieces of some size. */
static void *
make_histogram(const hpc_histogram_plan *plan, uint32_t begin,
			   uint32_t end_row, uint32_t piece)
{
	hpc_filling filling = {
		.plan = plan,
		.wide = at.wide,
		.cells = at.wide ? (const void *) at.wide_cells : at.narrow,
		.histogram = make_cells(hpc_plan_cells(at.frame)),
		.packs = make_cells(hpc_plan_packed_cells(plan->lines)),
		.nrows = end_row - begin,
	};

	hpc_fill_begin(&filling);
	for (uint32_t i = begin; i < end_row; i += piece)
	{
		uint32_t n = end_row - i < piece ? end_row - i : piece;

		hpc_fill_rows(&filling, at.rows + i, n, end_row - i - n);
	}
	hpc_fill_end(&filling);
	free(filling.packs);
	return filling.histogram;
}

/* Codes whose cells are not the sums of their rows. */
static int
count_wrong_cells(const hpc_histogram_plan *p, const void *histogram)
{
	int nwrong = 0;

	for (int i = 0; i < at.frame->nfeatures; i++)
	{
		const hpc_feature *feature = feature_at(i);
		hpc_total *sums;

		if (p->offset[i] == SIZE_MAX)
			continue;
		sums = calloc((size_t) feature->nbins + 1, sizeof(hpc_total));
		for (uint32_t j = 0; j < at.n; j++)
		{
			hpc_total *sum = &sums[hpc_code(feature, at.rows[j])];

			*sum = hpc_total_plus(*sum, at.held[at.rows[j]]);
		}
		for (uint32_t code = 0; code <= feature->nbins; code++)
			nwrong += !same_total(cell_total(histogram, p->offset[i] + code),
								  sums[code]);
		free(sums);
	}
	return nwrong;
}

/* In two parts that are added, then by subtraction; answers wrong cells. */
static int
check_parts(const hpc_histogram_plan *plan, uint32_t cut, uint32_t piece)
{
	void *whole = make_histogram(plan, 0, cut, piece);
	void *part = make_histogram(plan, cut, at.n, piece);
	int nwrong;

	if (at.wide)
		hpc_wide_add(plan, whole, part);
	else
		hpc_narrow_add(plan, whole, part);
	nwrong = count_wrong_cells(plan, whole);
	if (at.wide)
		hpc_wide_subtract(plan, whole, part);
	else
		hpc_narrow_subtract(plan, whole, part);
	at.n = cut;
	nwrong += count_wrong_cells(plan, whole);
	free(whole);
	free(part);
	return nwrong;
}

/* From blocks, and from lines where there are so many rows. */
static void
check_histograms(bool wide, bool in_lines)
{
	hpt_random random = {2};
	hpc_lines *lines = NULL;
	hpc_histogram_plan plan = {0};
	int nwrong = 0;

	if (in_lines)
		hpc_lines_create(&at.memory.env, at.frame, &lines);
	hpc_plan_create(&at.memory.env, at.frame, lines, &plan);
	for (int turn = 0; turn < 60; turn++)
	{
		uint64_t used =
			turn == 0 ? UINT64_MAX
					  : hpt_random_bits(&random) | hpt_random_bits(&random);
		uint32_t piece = 1 + (uint32_t) hpt_random_below(&random, 2000);

		draw_rows(&random, turn % 3 == 0 ? 1 : hpt_random_unit(&random), wide);
		plan_features(&plan, turn % 5 == 1 ? 1u << turn % 20 : used);
		nwrong +=
			check_parts(&plan, (uint32_t) hpt_random_below(&random, at.n + 1),
						piece);
	}
	hpc_plan_free(&at.memory.env, &plan);
	hpt_ok(nwrong == 0 && (lines != NULL) ==
							  (in_lines && at.frame->nrows >= HPC_LINE_ROWS),
		   "%s histograms of %d rows %s, added and subtracted",
		   wide ? "wide" : "narrow", (int) at.frame->nrows,
		   in_lines ? "in lines" : "in blocks");
	hpc_lines_free(&at.memory.env, lines);
}

/* ---------- views ---------- */

static hpc_view
view_of(const hpc_feature *feature)
{
	return (
		hpc_view){.feature = feature, .wide = at.wide, .bits = WEIGHT_BITS};
}

static hpc_view
histogram_view(const hpc_feature *feature)
{
	hpc_view view = view_of(feature);

	memset(at.cells, 0, ((size_t) feature->nbins + 1) * sizeof(hpc_wide));
	if (at.wide)
		hpc_wide_fill_feature(feature, at.rows, at.n, at.wide_cells, at.cells);
	else
		hpc_narrow_fill_feature(feature, at.rows, at.n, at.narrow,
								(hpc_narrow *) at.cells);
	view.cells = at.cells;
	return view;
}

static int
compare_entries(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *) a;
	uint32_t right = *(const uint32_t *) b;

	return left < right ? -1 : left > right;
}

/* Slots number the rows backwards, to show that they need not ascend. */
static hpc_view
list_view(const hpc_feature *feature)
{
	hpc_view view = view_of(feature);

	for (uint32_t i = 0; i < at.n; i++)
	{
		uint32_t slot = at.n - 1 - i;

		at.list[i] = hpc_code(feature, at.rows[i]) << 16 | slot;
		if (at.wide)
			at.slot_cells[slot] = at.wide_cells[at.rows[i]];
		else
			((hpc_narrow *) at.slot_cells)[slot] = at.narrow[at.rows[i]];
	}
	qsort(at.list, at.n, sizeof(uint32_t), compare_entries);
	view.list = at.list;
	view.nlist = at.n;
	view.slot_cells = at.slot_cells;
	return view;
}

/* The codes that the rows have, ascending, missing apart; answers how many. */
static uint32_t
codes_of(const hpc_feature *feature, uint32_t *codes)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < at.n; i++)
	{
		uint32_t code = hpc_code(feature, at.rows[i]);

		if (code < feature->nbins)
			codes[n++] = code;
	}
	qsort(codes, n, sizeof(uint32_t), compare_entries);
	for (uint32_t i = 0, all = n, kept = 0; i < all; i++)
	{
		if (kept == 0 || codes[kept - 1] != codes[i])
			codes[kept++] = codes[i];
		n = kept;
	}
	return n;
}

/* Range, sums, neighbours and levels of a feature. */
static int
count_wrong_answers(const hpc_view *view, hpt_random *random)
{
	static uint32_t codes[MAX_ROWS];
	static hpc_level levels[MAX_ROWS];
	const hpc_feature *feature = view->feature;
	uint32_t n = codes_of(feature, codes);
	uint32_t first;
	uint32_t last;
	hpc_total missing;
	int nwrong;

	hpc_view_missing(view, &missing);
	nwrong = !same_total(missing,
						 slow_sum(feature, feature->nbins, feature->nbins));
	if (hpc_view_range(view, &first, &last) != (n > 0))
		return nwrong + 1;
	if (n == 0)
		return nwrong + (hpc_view_levels(view, levels) != 0);
	nwrong += first != codes[0] || last != codes[n - 1];
	for (uint32_t i = 0; i + 1 < n; i++)
		nwrong += hpc_view_next(view, codes[i]) != codes[i + 1];
	for (int turn = 0; turn < 5; turn++)
	{
		uint32_t a = (uint32_t) hpt_random_below(random, feature->nbins + 1);
		uint32_t b = (uint32_t) hpt_random_below(random, feature->nbins + 1);

		nwrong += !same_total(hpc_view_sum(view, a < b ? a : b, a < b ? b : a),
							  slow_sum(feature, a < b ? a : b, a < b ? b : a));
	}
	nwrong += hpc_view_levels(view, levels) != n;
	for (uint32_t i = 0; i < n; i++)
		nwrong += levels[i].code != codes[i] ||
				  !same_total(levels[i].total,
							  slow_sum(feature, codes[i], codes[i]));
	return nwrong;
}

static void
check_views(bool wide)
{
	hpt_random random = {3};
	int nwrong = 0;

	for (int turn = 0; turn < 30; turn++)
	{
		draw_rows(&random, turn % 3 == 0 ? 0.01 : 0.2, wide);
		for (int i = 0; i < at.frame->nfeatures; i++)
		{
			hpc_view view = histogram_view(feature_at(i));

			nwrong += count_wrong_answers(&view, &random);
			view = list_view(feature_at(i));
			nwrong += count_wrong_answers(&view, &random);
		}
	}
	hpt_ok(nwrong == 0, "what %s histograms and lists say of rows",
		   wide ? "wide" : "narrow");
}

/* ---------- divisions ---------- */

static bool
near(long double a, long double b)
{
	return fabsl(a - b) <= 3e-15L * fmaxl(fabsl(a), fabsl(b));
}

static long double
gain_of(const hpc_search *search, hpc_total left)
{
	hpc_total right = hpc_total_less(search->node, left);
	__int128 d = left.sum * (__int128) right.weight -
				 right.sum * (__int128) left.weight;

	if (left.count < search->rules->min_leaf ||
		right.count < search->rules->min_leaf)
		return -1;
	return (long double) d / (long double) left.weight *
		   ((long double) d / (long double) right.weight) /
		   (long double) search->node.weight;
}

/* Best gain over all cuts and sides of missing. */
static long double
best_gain(const hpc_feature *feature, const hpc_search *search)
{
	static uint32_t codes[MAX_ROWS];
	uint32_t n = codes_of(feature, codes);
	hpc_total left = {0, 0, 0};
	long double best = -1;

	for (uint32_t i = 0; i < n; i++)
	{
		left = hpc_total_plus(left, slow_sum(feature, codes[i], codes[i]));
		best = fmaxl(best, gain_of(search, left));
		best = fmaxl(best,
					 gain_of(search, hpc_total_plus(left, search->missing)));
	}
	return best;
}

static bool
same_split(const hpc_split *a, const hpc_split *b)
{
	if (a->gain < 0)
		return b->gain < 0;
	return a->gain == b->gain && a->cut == b->cut &&
		   a->missing_left == b->missing_left && same_total(a->left, b->left);
}

/* The sums on the left are those of the division, and so is the gain. */
static bool
split_is_honest(const hpc_feature *feature, const hpc_search *search,
				const hpc_split *split)
{
	hpc_total left;

	if (split->gain < 0)
		return true;
	left = slow_sum(feature, 0, split->cut);
	if (split->missing_left)
		left = hpc_total_plus(left, search->missing);
	return same_total(left, split->left) && split->cut < feature->nbins &&
		   (search->judging != HPC_PLAIN ||
			near(gain_of(search, left), split->gain));
}

static hpc_search
search_of(const hpc_feature *feature, const hpc_grow_rules *rules, int turn)
{
	double mean;
	hpc_search search = {.rules = rules,
						 .bits = WEIGHT_BITS,
						 .judging = turn % 2 == 0 ? HPC_PLAIN : HPC_BOUNDED,
						 .exact = !at.wide,
						 .wide_registers = hpc_has_wide_registers(),
						 .l2 = turn % 3,
						 .sign = turn % 5 % 3 - 1,
						 .lower = -INFINITY,
						 .upper = INFINITY};

	search.node = slow_sum(feature, 0, feature->nbins);
	search.missing = slow_sum(feature, feature->nbins, feature->nbins);
	mean = (double) search.node.sum / (double) search.node.weight;
	if (turn % 4 == 1)
		search.lower = mean - 1e8;
	if (turn % 4 == 3)
		search.upper = mean + 1e8;
	return search;
}

/* ---------- wide registers ---------- */

#define MAX_ENTRIES 300

/*
 * What the cells of a turn hold: of all sizes that have room, few values, so
 * that divisions gain the same, or one.
 */
static hpc_narrow
random_cell(hpt_random *random, int turn, int bits)
{
	int64_t weight =
		1 + (int64_t) hpt_random_below(random, turn % 4 == 0 ? 3 : 1);
	int room = 62 - bits - 10;
	int64_t q = (int64_t) hpt_random_bits(random) >> (64 - room);

	if (turn % 3 == 1)
		q = 7 * (q % 2);
	if (turn % 11 == 2)
		q = INT64_C(1) << (room - 1);
	return q * weight * (INT64_C(1) << bits) + weight;
}

/*
 * A list and a histogram of a node with up to MAX_ENTRIES rows: found with
 * wide registers and without, their best division is the same.  Answers how
 * many differ.
 */
static int
count_differences(hpt_random *random, int turn)
{
	static hpc_narrow cells[MAX_ENTRIES + 1];
	uint32_t n = 2 + (uint32_t) hpt_random_below(random, MAX_ENTRIES - 1);
	hpc_feature feature = {.kind = HPC_NUMBER,
						   .nbins =
							   1 + (uint32_t) hpt_random_below(random,
															   MAX_ENTRIES)};
	hpc_grow_rules rules = {.min_leaf = turn % 5 == 0
											? 1 + hpt_random_below(random, n)
											: 1,
							.weight_unit = 1};
	hpc_search search = {.rules = &rules,
						 .bits = 12 + turn % 20,
						 .judging = HPC_PLAIN,
						 .exact = true};
	hpc_view views[] = {{.feature = &feature,
						 .bits = search.bits,
						 .cells = cells},
						{.feature = &feature,
						 .bits = search.bits,
						 .list = at.list,
						 .nlist = n,
						 .slot_cells = at.slot_cells}};
	hpc_split split[4];
	hpc_narrow all = 0;

	memset(cells, 0, sizeof(cells));
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t code =
			(uint32_t) hpt_random_below(random,
										feature.nbins + (turn % 2 == 0));
		hpc_narrow cell = random_cell(random, turn, search.bits);

		((hpc_narrow *) at.slot_cells)[i] = cell;
		at.list[i] = code << 16 | i;
		cells[code] += cell;
		all += cell;
	}
	qsort(at.list, n, sizeof(uint32_t), compare_entries);
	search.node = hpc_narrow_total(all, search.bits);
	search.missing = hpc_narrow_total(cells[feature.nbins], search.bits);
	if (HPC_LIST_CODE(at.list[0]) == HPC_LIST_CODE(at.list[n - 1]))
		return 0; /* nobody divides by a constant */
	for (int i = 0; i < 4; i++)
	{
		search.wide_registers = i % 2 == 1 && hpc_has_wide_registers();
		hpc_view_divide(&views[i / 2], &search, &split[i]);
	}
	return !same_split(&split[0], &split[1]) +
		   !same_split(&split[0], &split[2]) +
		   !same_split(&split[0], &split[3]);
}

static void
check_registers(void)
{
	hpt_random random = {4};
	int nwrong = 0;

	for (int turn = 0; turn < 20000; turn++)
		nwrong += count_differences(&random, turn);
	hpt_ok(nwrong == 0, "wide registers find the same divisions%s",
		   hpc_has_wide_registers() ? "" : " (there are none)");
}

/* ---------- divisions of random tables ---------- */

/* Both forms find the same division, and of plain ones the best. */
static bool
divides_well(const hpc_feature *feature, const hpc_grow_rules *rules, int turn)
{
	hpc_search search = search_of(feature, rules, turn);
	hpc_view view = histogram_view(feature);
	uint32_t first;
	uint32_t last;
	hpc_split of_cells;
	hpc_split of_list;

	/* as the grower does: only of features that are not constant */
	if (search.node.count < 2 * rules->min_leaf ||
		!hpc_view_range(&view, &first, &last) ||
		(first == last && search.missing.count == 0))
		return true;
	hpc_view_divide(&view, &search, &of_cells);
	view = list_view(feature);
	hpc_view_divide(&view, &search, &of_list);
	if (!same_split(&of_cells, &of_list) ||
		!split_is_honest(feature, &search, &of_list))
		return false;
	return search.judging != HPC_PLAIN ||
		   near(fmaxl(best_gain(feature, &search), -1), of_list.gain);
}

/* A penalty alone is judged as with bounds that are nowhere near. */
static bool
penalizes_well(const hpc_feature *feature, const hpc_grow_rules *rules,
			   int turn)
{
	hpc_search search = search_of(feature, rules, turn);
	hpc_view views[] = {histogram_view(feature), list_view(feature)};
	bool passed = true;
	uint32_t first;
	uint32_t last;

	if (search.node.count < 2 * rules->min_leaf ||
		!hpc_view_range(&views[0], &first, &last) ||
		(first == last && search.missing.count == 0))
		return true;
	search.l2 = 1 + turn % 3;
	search.sign = 0;
	search.lower = -INFINITY;
	search.upper = INFINITY;
	search.before = hpc_split_value_gain(&search, search.node);
	for (int i = 0; i < 2; i++)
	{
		hpc_split bounded;
		hpc_split penalized;

		search.judging = HPC_BOUNDED;
		hpc_view_divide(&views[i], &search, &bounded);
		search.judging = HPC_PENALIZED;
		hpc_view_divide(&views[i], &search, &penalized);
		passed &= same_split(&bounded, &penalized);
	}
	return passed;
}

static void
check_divisions(bool wide, uint64_t min_leaf)
{
	hpc_grow_rules rules = {.min_leaf = min_leaf, .weight_unit = 1};
	hpt_random random = {min_leaf};
	int nwrong = 0;

	for (int turn = 0; turn < 40; turn++)
	{
		draw_rows(&random, turn % 3 == 0 ? 0.01 : 0.1, wide);
		for (int i = 0; i < at.frame->nfeatures; i++)
		{
			if (feature_at(i)->kind != HPC_CATEGORY)
				nwrong += !divides_well(feature_at(i), &rules, turn) +
						  !penalizes_well(feature_at(i), &rules, turn);
		}
	}
	hpt_ok(nwrong == 0, "%s: equal divisions from both, min_leaf %d",
		   wide ? "wide" : "narrow", (int) min_leaf);
}

int
main(void)
{
	check_cells();
	check_registers();
	begin(2600);
	for (int wide = 0; wide < 2; wide++)
	{
		check_histograms(wide, false);
		check_histograms(wide, true);
		check_views(wide);
		check_divisions(wide, 1);
		check_divisions(wide, 4);
		check_divisions(wide, 60);
	}
	end();
	return hpt_done();
}
