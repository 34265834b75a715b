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
	memset(cells, 0, ((size_t) feature->nbins + 1) * sizeof(CELL));
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

/*
 * The best division so far of a number, when gains are ratios of exact
 * numerators: compared by cross multiplication, without a division for each
 * candidate.
 */
typedef struct NAME(best)
{
	double numerator;
	double denominator;
	uint32_t at; /* code or place in the list */
	bool missing_left;
	CELL left;
} NAME(best);

/* What all candidates of a node share. */
typedef struct NAME(node)
{
	int bits;
	uint64_t least; /* rows on either side */
	uint64_t most;
	int64_t sum;
	int64_t weight;
} NAME(node);

static inline __attribute__((always_inline)) NAME(node)
	NAME(node_of)(const hpc_search *search)
{
	NAME(node)
	node = {search->bits, search->rules->min_leaf,
			search->node.count - search->rules->min_leaf, search->node.sum,
			(int64_t) search->node.weight};

	return node;
}

static inline __attribute__((always_inline)) void
NAME(try_ratio)(const NAME(node) * node, NAME(best) * best, CELL left,
				uint32_t at, bool missing_left)
{
	int bits = node->bits;
	hpc_total l = TOTAL(left);
	double d;
	double numerator;
	double denominator;

	(void) bits;
	if (l.count < node->least || l.count > node->most)
		return;
	d = DIFFERENCE(l, node);
	numerator = d * d;
	denominator =
		(double) ((int64_t) l.weight * (node->weight - (int64_t) l.weight));

	if (numerator * best->denominator > best->numerator * denominator)
	{
		/* keeps it a branch: conditional moves would chain the candidates */
		__asm__ volatile("");
		best->numerator = numerator;
		best->denominator = denominator;
		best->at = at;
		best->missing_left = missing_left;
		best->left = left;
	}
}

/* Ends a search by ratios. */
static hpc_split
NAME(split_of)(const hpc_search *search, const NAME(best) * best, uint32_t cut)
{
	hpc_split split = {.gain = -1};
	int bits = search->bits;

	(void) bits;
	if (best->numerator < 0)
		return split;
	split.gain =
		best->numerator / best->denominator / (double) search->node.weight;
	split.cut = cut;
	split.missing_left = best->missing_left;
	split.left = TOTAL(best->left);
	return split;
}

/* A list's codes are entry >> 16; a candidate is where the code changes. */
static hpc_split
NAME(divide_list)(const hpc_view *view, const hpc_search *search)
{
	const CELL *cell = view->slot_cells;
	const uint32_t *list = view->list;
	uint32_t n = view->nlist - 1;
	NAME(node) node = NAME(node_of)(search);
	NAME(best) best = {.numerator = -1, .denominator = 1};
	CELL left = {0};

	for (uint32_t i = 0; i < n; i++)
	{
		left += cell[HPC_LIST_SLOT(list[i])];
		if ((list[i] ^ list[i + 1]) >= 0x10000)
			NAME(try_ratio)(&node, &best, left, i, false);
	}
	return NAME(split_of)(search, &best, HPC_LIST_CODE(list[best.at]));
}

/* The same where some rows have no value: they try both sides. */
static hpc_split
NAME(divide_list_missing)(const hpc_view *view, const hpc_search *search)
{
	const CELL *cell = view->slot_cells;
	const uint32_t *list = view->list;
	uint32_t n = view->nlist;
	uint32_t nbins = view->feature->nbins;
	NAME(node) node = NAME(node_of)(search);
	NAME(best) best = {.numerator = -1, .denominator = 1};
	CELL left = {0};
	CELL missing = {0};

	for (; n > 0 && HPC_LIST_CODE(list[n - 1]) == nbins; n--)
		missing += cell[HPC_LIST_SLOT(list[n - 1])];
	for (uint32_t i = 0; i < n; i++)
	{
		left += cell[HPC_LIST_SLOT(list[i])];
		if ((list[i] ^ list[i + 1]) < 0x10000)
			continue;
		NAME(try_ratio)(&node, &best, left, i, false);
		if (i + 1 < n)
			NAME(try_ratio)(&node, &best, left + missing, i, true);
	}
	return NAME(split_of)(search, &best, HPC_LIST_CODE(list[best.at]));
}

static hpc_split
NAME(divide_cells)(const hpc_view *view, const hpc_search *search)
{
	const CELL *cell = view->cells;
	uint32_t nbins = view->feature->nbins;
	NAME(node) node = NAME(node_of)(search);
	NAME(best) best = {.numerator = -1, .denominator = 1};
	CELL missing = cell[nbins];
	CELL left = {0};
	bool has_missing = !IS_EMPTY(missing);
	uint32_t last = nbins;

	while (last > 0 && IS_EMPTY(cell[last - 1]))
		last--;
	for (uint32_t code = 0; code < last; code++)
	{
		if (IS_EMPTY(cell[code]))
			continue;
		left += cell[code];
		if (code + 1 == last && !has_missing)
			break;
		NAME(try_ratio)(&node, &best, left, code, false);
		if (has_missing && code + 1 < last)
			NAME(try_ratio)(&node, &best, left + missing, code, true);
	}
	return NAME(split_of)(search, &best, best.at);
}

/* The cells of a histogram, where gains are no ratios. */
static hpc_split
NAME(divide_cells_bounded)(const hpc_view *view, const hpc_search *search)
{
	const CELL *cell = view->cells;
	uint32_t nbins = view->feature->nbins;
	int bits = view->bits;
	hpc_split best = {.gain = -1};
	CELL missing = cell[nbins];
	CELL left = {0};
	bool has_missing = !IS_EMPTY(missing);
	uint32_t last = nbins;

	(void) bits;
	while (last > 0 && IS_EMPTY(cell[last - 1]))
		last--;
	for (uint32_t code = 0; code < last; code++)
	{
		if (IS_EMPTY(cell[code]))
			continue;
		left += cell[code];
		if (code + 1 == last && !has_missing)
			break;
		hpc_split_try(search, &best, TOTAL(left), code, false);
		if (has_missing && code + 1 < last)
			hpc_split_try(search, &best, TOTAL(left + missing), code, true);
	}
	return best;
}

static hpc_split
NAME(divide)(const hpc_view *view, const hpc_search *search)
{
	if (view->cells != NULL)
		return NAME(divide_cells)(view, search);
	return search->missing.count > 0 ? NAME(divide_list_missing)(view, search)
									 : NAME(divide_list)(view, search);
}
