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
 * Adds rows to the cells of nused features of a block, whose codes lie in one
 * line of the cache.  The chains of additions to one feature's cells run side
 * by side.  Rows that are far apart are fetched ahead of their turn.
 */
static inline __attribute__((always_inline)) void
NAME(add_block)(const unsigned char *codes, const uint32_t *rows,
				uint32_t nrows, const CELL *cell, const uint8_t *used,
				CELL *cells, int nused, bool dense, uint32_t ahead)
{
	for (uint32_t i = 0; i < nrows; i++)
	{
		uint32_t row = rows[i];
		const unsigned char *mine = codes + (size_t) row * HPC_BLOCK;
		CELL amount = cell[row];

		if (ahead > 0)
		{
			uint32_t coming = rows[i + ahead];

			__builtin_prefetch(codes + (size_t) coming * HPC_BLOCK);
			__builtin_prefetch(&cell[coming]);
		}
		/* by hand: at -O2 compilers leave a loop of eight as it is */
#define ADD_PLACE(j)                                             \
	if (nused > (j))                                             \
	{                                                            \
		int place = dense ? (j) : used[j];                       \
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

/* The same with constants, so that nothing is asked in the loop. */
static void
NAME(fill_block)(const unsigned char *codes, const uint32_t *rows,
				 uint32_t nrows, const CELL *cell, const uint8_t *used,
				 int nused, CELL *cells)
{
	bool dense = used[nused - 1] == nused - 1;
	uint32_t nahead = hpc_rows_are_far(rows, nrows) ? nrows - HPC_AHEAD : 0;

#define ADD(n, dense, ahead, first, count) \
	NAME(add_block)                        \
	(codes, rows + (first), count, cell, used, cells, n, dense, ahead)
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
	switch (nused)
	{
		CASE(1);
		CASE(2);
		CASE(3);
		CASE(4);
		CASE(5);
		CASE(6);
		CASE(7);
		CASE(8);
	}
#undef CASE
#undef ADD
}

static inline __attribute__((always_inline)) void
NAME(add_codes)(const unsigned char *codes, int width, int stride,
				const uint32_t *rows, uint32_t nrows, const CELL *cell,
				CELL *cells)
{
	for (uint32_t i = 0; i < nrows; i++)
	{
		uint32_t row = rows[i];
		const unsigned char *at = codes + (size_t) row * stride;

		cells[width == 1 ? *at : *(const uint16_t *) at] += cell[row];
	}
}

void
NAME(fill_feature)(const hpc_feature *feature, const uint32_t *rows,
				   uint32_t nrows, const CELL *cell, CELL *cells)
{
	if (feature->width == 1)
		NAME(add_codes)
	(feature->codes, 1, HPC_BLOCK, rows, nrows, cell, cells);
	else if (feature->stride == 2)
		NAME(add_codes)(feature->codes, 2, 2, rows, nrows, cell, cells);
}

void
NAME(fill)(const hpc_histogram_plan *plan, const uint32_t *rows,
		   uint32_t nrows, const CELL *cell, CELL *histogram)
{
	for (int i = 0; i < plan->nblocks; i++)
		NAME(fill_block)
	(plan->frame->blocks[plan->block[i]], rows, nrows, cell,
	 plan->block_used + i * HPC_BLOCK, plan->block_nused[i],
	 histogram + plan->block_offset[i]);
	for (int i = 0; i < plan->nwide; i++)
		NAME(add_codes)
	(plan->frame->features[plan->wide[i]].codes, 2, 2, rows, nrows, cell,
	 histogram + plan->offset[plan->wide[i]]);
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
	double numerator;
	double denominator;
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
	best->numerator = -1;
	best->denominator = 1;
	best->cut = 0;
	best->missing_left = false;
	best->left = (CELL){0};
}

/*
 * Tries the division that sends left cells left.  Gains that are ratios of
 * exact numerators are compared by cross multiplication, without a division
 * for each candidate.
 */
static inline __attribute__((always_inline)) void
NAME(try)(NAME(best) * best, CELL left, uint32_t cut, bool missing_left,
		  bool plain)
{
	int bits = best->bits;
	hpc_total l = TOTAL(left);
	double d;
	double numerator;
	double denominator;

	(void) bits;
	if (!plain)
	{
		hpc_split_try(best->search, &best->split, l, cut, missing_left);
		return;
	}
	if (l.count < best->least || l.count > best->most)
		return;
	d = DIFFERENCE(l, best);
	numerator = d * d;
	denominator =
		(double) ((int64_t) l.weight * (best->weight - (int64_t) l.weight));
	if (numerator * best->denominator > best->numerator * denominator)
	{
		/* keeps it a branch: conditional moves would chain the candidates */
		__asm__ volatile("");
		best->numerator = numerator;
		best->denominator = denominator;
		best->cut = cut;
		best->missing_left = missing_left;
		best->left = left;
	}
}

static inline __attribute__((always_inline)) void
NAME(end)(NAME(best) * best, hpc_split *split)
{
	int bits = best->bits;
	hpc_total left;

	(void) bits;
	if (best->numerator < 0)
	{
		*split = best->split;
		return;
	}
	left = TOTAL(best->left);
	split->gain = best->numerator / best->denominator /
				  (double) best->search->node.weight;
	split->cut = best->cut;
	split->missing_left = best->missing_left;
	split->left = left;
}

/*
 * Where the code changes in entries begin .. end - 1 of a list: what goes left
 * there, and the entry.  Without branches, which ties would make hard to
 * foretell.  Answers how many.
 */
static inline __attribute__((always_inline)) uint32_t
NAME(find_candidates)(const hpc_view *view, uint32_t begin, uint32_t end,
					  CELL *left, CELL *candidate, uint32_t *entry)
{
	const CELL *cell = view->slot_cells;
	const uint32_t *list = view->list;
	CELL sum = *left;
	uint32_t n = 0;

	for (uint32_t i = begin; i < end; i++)
	{
		sum += cell[HPC_LIST_SLOT(list[i])];
		candidate[n] = sum;
		entry[n] = list[i];
		n += (list[i] ^ list[i + 1]) >= 0x10000;
	}
	*left = sum;
	return n;
}

/*
 * A list's candidates are where the code changes.  What has no value, at the
 * end, tries both sides.
 */
static inline __attribute__((always_inline)) void
NAME(divide_list)(const hpc_view *view, const hpc_search *search,
				  bool has_missing, bool plain, hpc_split *split)
{
	const CELL *cell = view->slot_cells;
	const uint32_t *list = view->list;
	uint32_t nbins = view->feature->nbins;
	uint32_t n = view->nlist;
	CELL candidate[CANDIDATES];
	uint32_t entry[CANDIDATES];
	NAME(best) best;
	CELL left = {0};
	CELL missing = {0};

	NAME(begin)(&best, search);
	for (; has_missing && HPC_LIST_CODE(list[n - 1]) == nbins; n--)
		missing += cell[HPC_LIST_SLOT(list[n - 1])];
	for (uint32_t begin = 0; begin < n - !has_missing; begin += CANDIDATES)
	{
		uint32_t end = n - !has_missing;
		uint32_t found;

		if (end - begin > CANDIDATES)
			end = begin + CANDIDATES;
		found =
			NAME(find_candidates)(view, begin, end, &left, candidate, entry);
		for (uint32_t i = 0; i < found; i++)
		{
			NAME(try)
			(&best, candidate[i], HPC_LIST_CODE(entry[i]), false, plain);
			if (has_missing && (i + 1 < found || end < n))
				NAME(try)
			(&best, candidate[i] + missing, HPC_LIST_CODE(entry[i]), true,
			 plain);
		}
	}
	NAME(end)(&best, split);
}

static inline __attribute__((always_inline)) void
NAME(divide_cells)(const hpc_view *view, const hpc_search *search, bool plain,
				   hpc_split *split)
{
	const CELL *cell = view->cells;
	uint32_t nbins = view->feature->nbins;
	NAME(best) best;
	CELL missing = cell[nbins];
	CELL left = {0};
	bool has_missing = !IS_EMPTY(missing);
	uint32_t last = nbins;

	NAME(begin)(&best, search);
	while (last > 0 && IS_EMPTY(cell[last - 1]))
		last--;
	for (uint32_t code = 0; code < last; code++)
	{
		if (IS_EMPTY(cell[code]))
			continue;
		left += cell[code];
		if (code + 1 == last && !has_missing)
			break;
		NAME(try)(&best, left, code, false, plain);
		if (has_missing && code + 1 < last)
			NAME(try)(&best, left + missing, code, true, plain);
	}
	NAME(end)(&best, split);
}

/* The same with constants, so that nothing is asked in the loops. */
static void
NAME(divide)(const hpc_view *view, const hpc_search *search, hpc_split *split)
{
	bool has_missing = search->missing.count > 0;

	if (view->cells != NULL && search->plain)
		NAME(divide_cells)(view, search, true, split);
	else if (view->cells != NULL)
		NAME(divide_cells)(view, search, false, split);
	else if (search->plain && !has_missing)
		NAME(divide_list)(view, search, false, true, split);
	else if (search->plain)
		NAME(divide_list)(view, search, true, true, split);
	else
		NAME(divide_list)(view, search, has_missing, false, split);
}
