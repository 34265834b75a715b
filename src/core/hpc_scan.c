/*
 * hpc_scan.c
 *		Sums over the rows of a node, by the codes of its features.
 *
 * The loops are in hpc_scan_template.h, compiled here for narrow and for wide
 * cells, like the sort_template.h of PostgreSQL.  A narrow addition touches 8
 * bytes, and its sums and products fit 64 bits; wide cells are for sample
 * weights and for targets that need more bits.
 */
#include <string.h>

#include "hpc_cpu.h"
#include "hpc_scan.h"

/* Candidates of a list that are found, then judged, at a time. */
#define CANDIDATES 64

/* Room behind them, to judge some together. */
#define MORE_CANDIDATES 4
#define MOST_CANDIDATES (CANDIDATES + MORE_CANDIDATES)

/* A gain, times the weight of the node. */
typedef struct ratio
{
	double numerator; /* below 0: none */
	double denominator;
} ratio;

#ifdef __x86_64__

/* A product modulo 2^64 of which one factor is below 2^32. */
#define TIMES(a, factor)                                                      \
	_mm256_add_epi64(                                                         \
		_mm256_mul_epu32(a, factor),                                          \
		_mm256_slli_epi64(_mm256_mul_epu32(_mm256_srli_epi64(a, 32), factor), \
						  32))

/* Integers below 2^32 as doubles: in the last bits of 2^52. */
HPC_WIDE_TARGET static inline __m256d
wide_doubles(__m256i x)
{
	__m256d shift = _mm256_set1_pd(0x1p52);

	return _mm256_sub_pd(_mm256_or_pd(_mm256_castsi256_pd(x), shift), shift);
}

/*
 * Signed integers as doubles, rounded once.  The halves of x + 2^63 are put
 * into the last bits of 2^84 and of 2^52; what is too much is taken off, which
 * is exact, before they are added.
 */
HPC_WIDE_TARGET static inline __m256d
wide_rounded(__m256i x)
{
	__m256i shifted = _mm256_xor_si256(x, _mm256_set1_epi64x(INT64_MIN));
	__m256d high =
		_mm256_or_pd(_mm256_castsi256_pd(_mm256_srli_epi64(shifted, 32)),
					 _mm256_set1_pd(0x1p84));
	__m256i low =
		_mm256_blend_epi32(shifted,
						   _mm256_castpd_si256(_mm256_set1_pd(0x1p52)), 0xaa);

	return _mm256_add_pd(_mm256_sub_pd(high, _mm256_set1_pd(0x1p84 + 0x1p63 +
															0x1p52)),
						 _mm256_castsi256_pd(low));
}

/*
 * The best of so many candidates, or -1 where none is better than best: as
 * hpc_narrow_try finds it, which compares products, but four at a time and
 * almost without branches.  Quotients tell which are next to the greatest;
 * these, mostly one, are compared.  No other can come out of the comparisons.
 * Behind the candidates there is room for MORE_CANDIDATES.
 */
HPC_WIDE_TARGET static int
wide_judge(const hpc_search *search, hpc_narrow *candidate, uint32_t n,
		   ratio *best)
{
	__m128i bits = _mm_cvtsi32_si128(search->bits);
	__m256i weights = _mm256_set1_epi64x((INT64_C(1) << search->bits) - 1);
	/* of a sum that has been shifted like an unsigned number */
	__m256i sign = _mm256_set1_epi64x(INT64_MIN >> search->bits);
	__m256i sum = _mm256_set1_epi64x(search->node.sum);
	__m256i weight = _mm256_set1_epi64x((int64_t) search->node.weight);
	__m256d all = _mm256_set1_pd((double) search->node.weight);
	__m256d least = _mm256_set1_pd((double) search->rules->min_leaf);
	__m256d refused = _mm256_set1_pd(-1);
	__m256d most = refused;
	double numerators[MOST_CANDIDATES];
	double denominators[MOST_CANDIDATES];
	double quotients[MOST_CANDIDATES];
	uint64_t near = 0;
	int place = -1;

	/* refused, as they weigh nothing */
	memset(candidate + n, 0, MORE_CANDIDATES * sizeof(hpc_narrow));
	for (uint32_t i = 0; i < n; i += 4)
	{
		__m256i cell = _mm256_loadu_si256(
			(const __m256i *) (const void *) (candidate + i));
		__m256i of_left = _mm256_and_si256(cell, weights);
		__m256i left_sum = _mm256_sub_epi64(
			_mm256_xor_si256(_mm256_srl_epi64(cell, bits), sign), sign);
		__m256d root = wide_rounded(
			_mm256_sub_epi64(TIMES(left_sum, weight), TIMES(sum, of_left)));
		__m256d left = wide_doubles(of_left);
		__m256d right = _mm256_sub_pd(all, left);
		__m256d numerator = _mm256_mul_pd(root, root);
		__m256d denominator = _mm256_mul_pd(left, right);
		__m256d may = _mm256_and_pd(_mm256_cmp_pd(left, least, _CMP_GE_OQ),
									_mm256_cmp_pd(right, least, _CMP_GE_OQ));
		__m256d quotient =
			_mm256_blendv_pd(refused, _mm256_div_pd(numerator, denominator),
							 may);

		_mm256_storeu_pd(numerators + i, numerator);
		_mm256_storeu_pd(denominators + i, denominator);
		_mm256_storeu_pd(quotients + i, quotient);
		most = _mm256_max_pd(most, quotient);
	}
	most = _mm256_max_pd(most, _mm256_permute2f128_pd(most, most, 1));
	most = _mm256_max_pd(most, _mm256_permute_pd(most, 5));
	if (_mm256_cvtsd_f64(most) < 0)
		return -1;
	most = _mm256_mul_pd(most, _mm256_set1_pd(1 - 0x1p-40));
	for (uint32_t i = 0; i < n; i += 4)
		near |= (uint64_t) (uint32_t) _mm256_movemask_pd(
					_mm256_cmp_pd(_mm256_loadu_pd(quotients + i), most,
								  _CMP_GE_OQ))
				<< i;
	for (; near != 0; near &= near - 1)
	{
		int at = __builtin_ctzll(near);

		if (numerators[at] * best->denominator >
			best->numerator * denominators[at])
		{
			*best = (ratio){numerators[at], denominators[at]};
			place = at;
		}
	}
	return place;
}

#endif

#define CELL hpc_narrow
#define NAME(x) hpc_narrow_##x
#define TOTAL(c) hpc_narrow_total(c, bits)
#define IS_EMPTY(c) ((c) == 0)
#define DIFFERENCE(l, node) \
	((double) ((l).sum * (node)->weight - (node)->sum * (int64_t) (l).weight))
#ifdef __x86_64__
#define JUDGE_WIDE wide_judge
#endif
#include "hpc_scan_template.h"
#undef JUDGE_WIDE
#undef CELL
#undef NAME
#undef TOTAL
#undef IS_EMPTY
#undef DIFFERENCE

#define CELL hpc_wide
#define NAME(x) hpc_wide_##x
#define TOTAL(c) hpc_wide_total(c)
#define IS_EMPTY(c) ((c)[1] == 0)
#define DIFFERENCE(l, node)                          \
	((double) ((__int128) (l).sum * (node)->weight - \
			   (__int128) (node)->sum * (int64_t) (l).weight))
#include "hpc_scan_template.h"

/* Are lines read, or rows that move, rather than blocks? */
static inline bool
reads_packs(const hpc_filling *filling)
{
	const hpc_lines *lines = filling->plan->lines;

	return lines != NULL &&
		   (filling->nrows >= HPC_LINE_ROWS || lines->nlines == 0);
}

void
hpc_fill_begin(const hpc_filling *filling)
{
	const hpc_histogram_plan *plan = filling->plan;
	size_t cell_size = filling->wide ? sizeof(hpc_wide) : sizeof(hpc_narrow);

	for (int i = 0; i < plan->nranges; i++)
		memset((char *) filling->histogram + plan->range_begin[i] * cell_size,
			   0, (plan->range_end[i] - plan->range_begin[i]) * cell_size);
	if (reads_packs(filling) && !filling->summed)
		memset(filling->packs, 0,
			   hpc_plan_packed_cells(plan->lines) * cell_size);
}

void
hpc_fill_rows(const hpc_filling *filling, const uint32_t *rows, uint32_t nrows,
			  uint32_t ncoming)
{
	bool packs = reads_packs(filling);
	const hpc_reading *reading =
		packs ? &filling->plan->packed : &filling->plan->plain;
	void *blocks = packs ? filling->packs : filling->histogram;

	if (filling->wide)
		hpc_wide_fill(reading, rows, nrows, ncoming, filling->cells, blocks,
					  filling->histogram);
	else
		hpc_narrow_fill(reading, rows, nrows, ncoming, filling->cells, blocks,
						filling->histogram);
}

void
hpc_fill_end(const hpc_filling *filling)
{
	if (!reads_packs(filling))
		return;
	if (filling->wide)
		hpc_wide_unpack(filling->plan, filling->packs, filling->histogram);
	else
		hpc_narrow_unpack(filling->plan, filling->packs, filling->histogram);
}

/* Place in the list of the first code that is not below this one. */
static uint32_t
list_place(const hpc_view *view, uint32_t code)
{
	uint32_t low = 0;
	uint32_t high = view->nlist;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (HPC_LIST_CODE(view->list[middle]) < code)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

hpc_total
hpc_view_sum(const hpc_view *view, uint32_t first, uint32_t last)
{
	if (view->cells != NULL)
		return view->wide
				   ? hpc_wide_total(hpc_wide_sum_cells(view, first, last))
				   : hpc_narrow_total(hpc_narrow_sum_cells(view, first, last),
									  view->bits);
	first = list_place(view, first);
	last = list_place(view, last + 1);
	return view->wide
			   ? hpc_wide_total(hpc_wide_sum_list(view, first, last))
			   : hpc_narrow_total(hpc_narrow_sum_list(view, first, last),
								  view->bits);
}

hpc_total
hpc_view_sum_up_to(const hpc_view *view, uint32_t last, double x)
{
	return view->wide ? hpc_wide_total(hpc_wide_sum_up_to(view, last, x))
					  : hpc_narrow_total(hpc_narrow_sum_up_to(view, last, x),
										 view->bits);
}

static bool
cell_is_empty(const hpc_view *view, uint32_t code)
{
	return view->wide ? ((const hpc_wide *) view->cells)[code][1] == 0
					  : ((const hpc_narrow *) view->cells)[code] == 0;
}

bool
hpc_view_range(const hpc_view *view, uint32_t *first, uint32_t *last)
{
	uint32_t nbins = view->feature->nbins;
	uint32_t n = view->nlist;

	if (view->cells == NULL)
	{
		if (HPC_LIST_CODE(view->list[0]) == nbins)
			return false;
		if (HPC_LIST_CODE(view->list[n - 1]) == nbins)
			n = list_place(view, nbins);
		*first = HPC_LIST_CODE(view->list[0]);
		*last = HPC_LIST_CODE(view->list[n - 1]);
		return true;
	}
	for (*first = 0; *first < nbins && cell_is_empty(view, *first); (*first)++)
		;
	for (*last = nbins; *last > *first && cell_is_empty(view, *last - 1);
		 (*last)--)
		;
	(*last)--;
	return *first < nbins;
}

uint32_t
hpc_view_next(const hpc_view *view, uint32_t code)
{
	if (view->cells == NULL)
		return HPC_LIST_CODE(view->list[list_place(view, code + 1)]);
	do
		code++;
	while (cell_is_empty(view, code));
	return code;
}

uint32_t
hpc_view_levels(const hpc_view *view, hpc_level *levels)
{
	if (view->cells != NULL)
		return view->wide ? hpc_wide_cell_levels(view, levels)
						  : hpc_narrow_cell_levels(view, levels);
	return view->wide ? hpc_wide_list_levels(view, levels)
					  : hpc_narrow_list_levels(view, levels);
}

void
hpc_view_divide(const hpc_view *view, const hpc_search *search,
				hpc_split *split)
{
	if (view->wide)
		hpc_wide_divide(view, search, split);
	else
		hpc_narrow_divide(view, search, split);
}
