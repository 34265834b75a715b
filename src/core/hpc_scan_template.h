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
				  bool has_missing, hpc_judging judging, hpc_split *split)
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
			(&best, candidate[i], HPC_LIST_CODE(entry[i]), false, judging);
			if (has_missing && (i + 1 < found || end < n))
				NAME(try)
			(&best, candidate[i] + missing, HPC_LIST_CODE(entry[i]), true,
			 judging);
		}
	}
	NAME(end)(&best, split);
}

static inline __attribute__((always_inline)) void
NAME(divide_cells)(const hpc_view *view, const hpc_search *search,
				   hpc_judging judging, hpc_split *split)
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
		NAME(try)(&best, left, code, false, judging);
		if (has_missing && code + 1 < last)
			NAME(try)(&best, left + missing, code, true, judging);
	}
	NAME(end)(&best, split);
}

/* The same with constants, so that nothing is asked in the loops. */
static void
NAME(divide)(const hpc_view *view, const hpc_search *search, hpc_split *split)
{
	bool has_missing = search->missing.count > 0;

	if (view->cells != NULL && search->judging == HPC_PLAIN)
		NAME(divide_cells)(view, search, HPC_PLAIN, split);
	else if (view->cells != NULL && search->judging == HPC_PENALIZED)
		NAME(divide_cells)(view, search, HPC_PENALIZED, split);
	else if (view->cells != NULL)
		NAME(divide_cells)(view, search, HPC_BOUNDED, split);
	else if (search->judging == HPC_PLAIN && !has_missing)
		NAME(divide_list)(view, search, false, HPC_PLAIN, split);
	else if (search->judging == HPC_PLAIN)
		NAME(divide_list)(view, search, true, HPC_PLAIN, split);
	else if (search->judging == HPC_PENALIZED)
		NAME(divide_list)(view, search, has_missing, HPC_PENALIZED, split);
	else
		NAME(divide_list)(view, search, has_missing, HPC_BOUNDED, split);
}
