/*
 * hpc_scan_template.h
 *		What hpc_scan.c does for one kind of cell; included once for each.
 *
 * CELL			the type
 * NAME(x)		the name of x for this type
 * TOTAL(c)		the sums of cell c, an hpc_total; may use bits
 * IS_EMPTY(c)	has no row
 */

/*
 * Adds rows to the cells of nused bytes of a block.  The chains of additions
 * to one feature's cells run side by side.  Rows that are far apart are
 * fetched ahead of their turn.
 */
static inline __attribute__((always_inline)) void
NAME(add_block)(const hpc_block_use *use, const uint32_t *rows, uint32_t nrows,
				const CELL *cell, CELL *cells, int nused, bool dense,
				uint32_t ahead)
{
	const unsigned char *codes = use->codes;
	size_t stride = use->stride;

	for (uint32_t i = 0; i < nrows; i++)
	{
		uint32_t row = rows[i];
		const unsigned char *mine = codes + row * stride;
		CELL amount = cell[row];

		if (ahead > 0)
		{
			uint32_t coming = rows[i + ahead];

			__builtin_prefetch(codes + coming * stride);
			__builtin_prefetch(&cell[coming]);
		}
		/* by hand: at -O2 compilers leave a loop of eight as it is */
#define ADD_PLACE(j)                                             \
	if (nused > (j))                                             \
	{                                                            \
		int place = dense ? (j) : use->used[j];                  \
                                                                 \
		cells[place * HPC_NARROW_CELLS + mine[place]] += amount; \
	}
		ADD_PLACE(0)
		ADD_PLACE(1)
		ADD_PLACE(2)
		ADD_PLACE(3)
		ADD_PLACE(4)
		ADD_PLACE(5)
		ADD_PLACE(6)
		ADD_PLACE(7)
#undef ADD_PLACE
	}
}

/*
 * The same with constants, so that nothing is asked in the loop.  The first
 * nahead rows have the one HPC_AHEAD of them fetched.
 */
static void
NAME(fill_block)(const hpc_block_use *use, const uint32_t *rows,
				 uint32_t nrows, uint32_t nahead, const CELL *cell,
				 CELL *cells)
{
	bool dense = use->used[use->nused - 1] == use->nused - 1;

#define ADD(n, dense, ahead, first, count) \
	NAME(add_block)                        \
	(use, rows + (first), count, cell, cells, n, dense, ahead)
#define CASE(n)                                       \
	case n:                                           \
		if (nahead > 0 && dense)                      \
			ADD(n, true, HPC_AHEAD, 0, nahead);       \
		else if (nahead > 0)                          \
			ADD(n, false, HPC_AHEAD, 0, nahead);      \
		if (dense)                                    \
			ADD(n, true, 0, nahead, nrows - nahead);  \
		else                                          \
			ADD(n, false, 0, nahead, nrows - nahead); \
		break
	switch (use->nused)
	{
		HPC_BLOCK_CASES(CASE);
	}
#undef CASE
#undef ADD
}

static inline __attribute__((always_inline)) void
NAME(add_codes)(const unsigned char *codes, int width, size_t stride,
				const uint32_t *rows, uint32_t nrows, uint32_t nahead,
				const CELL *cell, CELL *cells)
{
	for (uint32_t i = 0; i < nrows; i++)
	{
		uint32_t row = rows[i];
		const unsigned char *at = codes + row * stride;

		if (i < nahead)
			__builtin_prefetch(codes + rows[i + HPC_AHEAD] * stride);
		cells[width == 1 ? *at : *(const uint16_t *) at] += cell[row];
	}
}

void
NAME(fill_feature)(const hpc_feature *feature, const uint32_t *rows,
				   uint32_t nrows, const CELL *cell, CELL *cells)
{
	if (feature->width == 1)
		NAME(add_codes)
	(feature->codes, 1, HPC_BLOCK, rows, nrows, 0, cell, cells);
	else if (feature->stride == 2)
		NAME(add_codes)(feature->codes, 2, 2, rows, nrows, 0, cell, cells);
}

/* Adds rows to the cells of all that is read; ncoming more follow. */
static void
NAME(fill)(const hpc_reading *reading, const uint32_t *rows, uint32_t nrows,
		   uint32_t ncoming, const CELL *cell, CELL *of_blocks, CELL *of_wide)
{
	uint32_t nahead = 0;

	if (hpc_rows_are_far(rows, nrows))
		nahead = ncoming < HPC_AHEAD ? nrows + ncoming - HPC_AHEAD : nrows;
	for (int i = 0; i < reading->nblocks; i++)
	{
		const hpc_block_use *use = &reading->blocks[i];

		NAME(fill_block)
		(use, rows, nrows, use->leads ? nahead : 0, cell,
		 of_blocks + use->cells);
	}
	for (int i = 0; i < reading->nwide; i++)
	{
		const hpc_wide_use *use = &reading->wide[i];

		NAME(add_codes)
		(use->codes, 2, use->stride, rows, nrows, use->leads ? nahead : 0,
		 cell, of_wide + use->cells);
	}
}

/* Adds the cells of a pack to those of a member, whose codes take steps. */
static void
NAME(sum_member)(const CELL *cells, uint32_t ncells, uint32_t step,
				 uint32_t ncodes, CELL *to)
{
	for (uint32_t from = 0; from < ncells;)
	{
		for (uint32_t code = 0; code < ncodes; code++)
		{
			for (uint32_t i = 0; i < step; i++)
				to[code] += cells[from++];
		}
	}
}

/* What packs hold goes to their members. */
static void
NAME(unpack)(const hpc_histogram_plan *plan, const CELL *packs,
			 CELL *histogram)
{
	for (int i = 0; i < plan->lines->npacks; i++)
	{
		const hpc_pack *pack = &plan->lines->packs[i];
		uint32_t step = 1;

		for (int j = 0; j < pack->nmembers; j++)
		{
			int member = pack->member[j];
			uint32_t ncodes = hpc_codes_in_use(&plan->frame->features[member]);

			if (plan->offset[member] != SIZE_MAX)
				NAME(sum_member)
			(packs + (size_t) i * HPC_NARROW_CELLS, pack->ncells, step, ncodes,
			 histogram + plan->offset[member]);
			step *= ncodes;
		}
	}
}

void
NAME(add)(const hpc_histogram_plan *plan, CELL *to, const CELL *from)
{
	for (int range = 0; range < plan->nranges; range++)
	{
		for (size_t i = plan->range_begin[range]; i < plan->range_end[range];
			 i++)
			to[i] += from[i];
	}
}

void
NAME(subtract)(const hpc_histogram_plan *plan, CELL *from, const CELL *less)
{
	for (int range = 0; range < plan->nranges; range++)
	{
		for (size_t i = plan->range_begin[range]; i < plan->range_end[range];
			 i++)
			from[i] -= less[i];
	}
}

/* Sum of the cells of list entries. */
static CELL
NAME(sum_list)(const hpc_view *view, uint32_t begin, uint32_t end)
{
	const CELL *cell = view->slot_cells;
	CELL sum = {0};

	for (uint32_t i = begin; i < end; i++)
		sum += cell[HPC_LIST_SLOT(view->list[i])];
	return sum;
}

/* Of those of codes below last whose values are all up to x. */
static CELL
NAME(sum_up_to)(const hpc_view *view, uint32_t last, double x)
{
	const double *high = view->feature->high;
	const CELL *cell = view->slot_cells;
	CELL sum = {0};

	for (uint32_t i = 0; i < view->nlist; i++)
	{
		uint32_t code = HPC_LIST_CODE(view->list[i]);

		if (code >= last || high[code] > x)
			break;
		sum += cell[HPC_LIST_SLOT(view->list[i])];
	}
	return sum;
}

static CELL
NAME(sum_cells)(const hpc_view *view, uint32_t first, uint32_t last)
{
	const CELL *cell = view->cells;
	CELL sum = {0};

	for (uint32_t code = first; code <= last; code++)
		sum += cell[code];
	return sum;
}

/* Levels from a histogram. */
static uint32_t
NAME(cell_levels)(const hpc_view *view, hpc_level *levels)
{
	const CELL *cell = view->cells;
	int bits = view->bits;
	uint32_t n = 0;

	(void) bits;
	for (uint32_t code = 0; code < view->feature->nbins; code++)
	{
		if (IS_EMPTY(cell[code]))
			continue;
		levels[n].total = TOTAL(cell[code]);
		levels[n++].code = code;
	}
	return n;
}

/* Levels from a list. */
static uint32_t
NAME(list_levels)(const hpc_view *view, hpc_level *levels)
{
	const CELL *cell = view->slot_cells;
	int bits = view->bits;
	uint32_t n = 0;
	uint32_t i = 0;

	(void) bits;
	while (i < view->nlist)
	{
		uint32_t code = HPC_LIST_CODE(view->list[i]);
		CELL sum = {0};

		if (code == view->feature->nbins)
			break;
		for (; i < view->nlist && HPC_LIST_CODE(view->list[i]) == code; i++)
			sum += cell[HPC_LIST_SLOT(view->list[i])];
		levels[n].total = TOTAL(sum);
		levels[n++].code = code;
	}
	return n;
}

/* The best division so far of a number, and what all candidates share. */
typedef struct NAME(best)
{
	const hpc_search *search;
	hpc_split split; /* where gains are no ratios */

	/* where they are */
	int bits;
	uint64_t least; /* rows on either side */
	uint64_t most;
	int64_t sum;
	int64_t weight;
	ratio ratio;
	uint32_t cut;
	bool missing_left;
	CELL left;
} NAME(best);

static inline __attribute__((always_inline)) void
NAME(begin)(NAME(best) * best, const hpc_search *search)
{
	best->search = search;
	best->split = (hpc_split){.gain = -1};
	best->bits = search->bits;
	best->least = search->rules->min_leaf;
	best->most = search->node.count - search->rules->min_leaf;
	best->sum = search->node.sum;
	best->weight = (int64_t) search->node.weight;
	best->ratio = (ratio){-1, 1};
	best->cut = 0;
	best->missing_left = false;
	best->left = (CELL){0};
}

static inline __attribute__((always_inline)) void
NAME(try_penalized)(NAME(best) * best, hpc_total left, uint32_t cut,
					bool missing_left)
{
	double gain =
		hpc_split_penalized_gain(best->search, left,
								 hpc_total_less(best->search->node, left));

	if (gain <= best->split.gain)
		return;
	best->split.gain = gain;
	best->split.cut = cut;
	best->split.missing_left = missing_left;
	best->split.left = left;
}

static inline __attribute__((always_inline)) void
NAME(keep)(NAME(best) * best, CELL left, uint32_t cut, bool missing_left)
{
	best->cut = cut;
	best->missing_left = missing_left;
	best->left = left;
}

/*
 * Tries the division that sends left cells left.  Gains that are ratios of
 * exact numerators are compared by cross multiplication, without a division
 * for each candidate.
 */
static inline __attribute__((always_inline)) void
NAME(try)(NAME(best) * best, CELL left, uint32_t cut, bool missing_left,
		  hpc_judging judging)
{
	int bits = best->bits;
	hpc_total l = TOTAL(left);
	double d;
	double numerator;
	double denominator;

	(void) bits;
	if (judging == HPC_BOUNDED)
	{
		hpc_split_try(best->search, &best->split, l, cut, missing_left);
		return;
	}
	if (l.count < best->least || l.count > best->most)
		return;
	if (judging == HPC_PENALIZED)
	{
		NAME(try_penalized)(best, l, cut, missing_left);
		return;
	}
	d = DIFFERENCE(l, best);
	numerator = d * d;
	denominator =
		(double) ((int64_t) l.weight * (best->weight - (int64_t) l.weight));
	if (numerator * best->ratio.denominator >
		best->ratio.numerator * denominator)
	{
		/* keeps it a branch: conditional moves would chain the candidates */
		__asm__ volatile("");
		best->ratio = (ratio){numerator, denominator};
		NAME(keep)(best, left, cut, missing_left);
	}
}

static inline __attribute__((always_inline)) void
NAME(end)(NAME(best) * best, hpc_split *split)
{
	int bits = best->bits;
	hpc_total left;

	(void) bits;
	if (best->ratio.numerator < 0)
	{
		*split = best->split;
		return;
	}
	left = TOTAL(best->left);
	split->gain = best->ratio.numerator / best->ratio.denominator /
				  (double) best->search->node.weight;
	split->cut = best->cut;
	split->missing_left = best->missing_left;
	split->left = left;
}

/*
 * Tries divisions that are found: what goes left, and code << 16 and whatever.
 * Where values are missing each has two candidates, the second of which has
 * them on the left.
 */
static inline __attribute__((always_inline)) void
NAME(try_found)(NAME(best) * best, CELL *candidate, const uint32_t *entry,
				uint32_t n, bool has_missing, hpc_judging judging)
{
#ifdef JUDGE_WIDE
	if (judging == HPC_PLAIN && best->search->wide_registers)
	{
		int place = JUDGE_WIDE(best->search, candidate, n, &best->ratio);
		uint32_t cut = place >= 0 ? HPC_LIST_CODE(entry[place]) : 0;

		if (place >= 0)
			NAME(keep)(best, candidate[place], cut, has_missing && place % 2);
		return;
	}
#endif
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t cut = HPC_LIST_CODE(entry[i]);

		NAME(try)(best, candidate[i], cut, has_missing && i % 2, judging);
	}
}

/* Notes a division: once, or with what is missing on either side. */
static inline __attribute__((always_inline)) uint32_t
NAME(note)(CELL left, const CELL *missing, uint32_t at, CELL *candidate,
		   uint32_t *entry)
{
	candidate[0] = left;
	entry[0] = at;
	if (missing == NULL)
		return 1;
	candidate[1] = left + *missing;
	entry[1] = at;
	return 2;
}

/*
 * Where the code changes in entries begin .. end - 1 of a list: what goes left
 * there, and the entry.  Without branches, which ties would make hard to
 * foretell.  Answers how many.
 */
static inline __attribute__((always_inline)) uint32_t
NAME(find_in_list)(const hpc_view *view, uint32_t begin, uint32_t end,
				   CELL *left, const CELL *missing, CELL *candidate,
				   uint32_t *entry)
{
	const CELL *cell = view->slot_cells;
	const uint32_t *list = view->list;
	CELL sum = *left;
	uint32_t n = 0;

	for (uint32_t i = begin; i < end; i++)
	{
		uint32_t differs = (list[i] ^ list[i + 1]) >= 0x10000;

		sum += cell[HPC_LIST_SLOT(list[i])];
		n += differs *
			 NAME(note)(sum, missing, list[i], candidate + n, entry + n);
	}
	*left = sum;
	return n;
}

/* The same in cells begin .. end - 1 that are not empty. */
static inline __attribute__((always_inline)) uint32_t
NAME(find_in_cells)(const CELL *cell, uint32_t begin, uint32_t end, CELL *left,
					const CELL *missing, CELL *candidate, uint32_t *entry)
{
	CELL sum = *left;
	uint32_t n = 0;

	for (uint32_t code = begin; code < end; code++)
	{
		uint32_t differs = !IS_EMPTY(cell[code]);

		sum += cell[code];
		n += differs *
			 NAME(note)(sum, missing, code << 16, candidate + n, entry + n);
	}
	*left = sum;
	return n;
}

/*
 * The best division by a number.  That which leaves nothing on the right is
 * tried, too, and refused as it has no rows there.
 */
static inline __attribute__((always_inline)) void
NAME(divide_with)(const hpc_view *view, const hpc_search *search, bool in_list,
				  bool has_missing, hpc_judging judging, hpc_split *split)
{
	const CELL *cell = in_list ? view->slot_cells : view->cells;
	const uint32_t *list = view->list;
	uint32_t nbins = view->feature->nbins;
	uint32_t n = in_list ? view->nlist : nbins;
	/* the last are written, but not candidates */
	CELL candidate[MOST_CANDIDATES];
	uint32_t entry[MOST_CANDIDATES];
	uint32_t step = has_missing ? CANDIDATES / 2 : CANDIDATES;
	NAME(best) best;
	CELL left = {0};
	CELL missing = {0};
	const CELL *both = has_missing ? &missing : NULL;

	NAME(begin)(&best, search);
	if (in_list)
	{
		for (; has_missing && HPC_LIST_CODE(list[n - 1]) == nbins; n--)
			missing += cell[HPC_LIST_SLOT(list[n - 1])];
		/* where the list ends, no code follows */
		n -= !has_missing;
	}
	else
	{
		missing = cell[nbins];
		while (n > 0 && IS_EMPTY(cell[n - 1]))
			n--;
	}
	for (uint32_t begin = 0; begin < n; begin += step)
	{
		uint32_t end = n - begin > step ? begin + step : n;
		uint32_t found = in_list ? NAME(find_in_list)(view, begin, end, &left,
													  both, candidate, entry)
								 : NAME(find_in_cells)(cell, begin, end, &left,
													   both, candidate, entry);

		NAME(try_found)(&best, candidate, entry, found, has_missing, judging);
	}
	NAME(end)(&best, split);
}

/* The same with constants, so that nothing is asked in the loops. */
static void
NAME(divide)(const hpc_view *view, const hpc_search *search, hpc_split *split)
{
	bool has_missing = search->missing.count > 0;
	bool in_list = view->cells == NULL;
	hpc_judging judging = search->judging;

#define DIVIDE(in_list, has_missing, judging) \
	NAME(divide_with)(view, search, in_list, has_missing, judging, split)
	if (judging == HPC_PLAIN && in_list && !has_missing)
		DIVIDE(true, false, HPC_PLAIN);
	else if (judging == HPC_PLAIN && in_list)
		DIVIDE(true, true, HPC_PLAIN);
	else if (judging == HPC_PLAIN && !has_missing)
		DIVIDE(false, false, HPC_PLAIN);
	else if (judging == HPC_PLAIN)
		DIVIDE(false, true, HPC_PLAIN);
	else if (judging == HPC_PENALIZED && !in_list && !has_missing)
		DIVIDE(false, false, HPC_PENALIZED);
	else if (judging == HPC_PENALIZED)
		DIVIDE(in_list, has_missing, HPC_PENALIZED);
	else
		DIVIDE(in_list, has_missing, HPC_BOUNDED);
#undef DIVIDE
}
