/*
 * hpc_grow_rows.c
 *		The rows of a tree that grows: divided, summed, sorted.
 *
 * The rows of a node are a contiguous range; splitting a node divides its
 * range, both sides in their old order, so that memory is walked upwards:
 *
 *		| ........ node 0 ........ |
 *		| .. node 1 .. | . node 2 .|
 *		| 3 | .. 4 ... | . node 2 .|
 *
 * In the lists each feature has the same ranges, with the rows of a range in
 * the order of its codes.
 */
#include <string.h>

#include "hpc_grow_inside.h"

/* Nodes of fewer rows are not worth a crew. */
#define TEAM_ROWS 16384

/* Up to here insertion sorts faster than counting. */
#define SMALL_SORT 40

int
hpc_rows_team(const hpc_grower *grower, uint32_t nrows)
{
	return grower->team && nrows >= TEAM_ROWS ? hpc_crew_nworkers(grower->crew)
											  : 1;
}

/* ---------- cells ---------- */

static inline const void *
bag_cells(const hpc_grower *grower)
{
	return grower->wide ? (const void *) grower->bag.wide : grower->bag.narrow;
}

/* What a cell of the bag, or of the slots, holds. */
static inline hpc_total
cell_total(const hpc_grower *grower, const void *cells, uint32_t i)
{
	return grower->wide ? hpc_wide_total(((const hpc_wide *) cells)[i])
						: hpc_narrow_total(((const hpc_narrow *) cells)[i],
										   grower->bag.weight_bits);
}

/* ---------- histograms ---------- */

/*
 * The sum of weight × q² over n rows, or slots of a list: exact.  cells: of
 * the bag, or of the slots.
 */
static inline hpc_squares
sum_squares(const hpc_grower *grower, const void *cells, const uint32_t *rows,
			uint32_t n, uint32_t mask)
{
	hpc_squares sum = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		hpc_total row = cell_total(grower, cells, rows[i] & mask);
		int64_t q = row.weight > 1 ? row.sum / (int64_t) row.weight : row.sum;

		sum += (hpc_squares) (row.sum * (__int128) q);
	}
	return sum;
}

/* Pieces of HPC_FILL_ROWS rows between polls. */
static uint32_t
pieces_per_poll(const hpc_grower *grower)
{
	return (uint32_t) (HPC_CELLS_PER_POLL / HPC_FILL_ROWS /
						   (grower->nfeatures + 1) +
					   1);
}

/* Adds records to the packs of a histogram that is begun. */
static void
fill_records(hpc_grower *grower, int worker, const hpc_filling *filling,
			 uint32_t begin, int histogram)
{
	uint32_t nrows = filling->nrows;
	uint32_t piece = pieces_per_poll(grower) * HPC_FILL_ROWS;
	hpc_squares squares = 0;

	grower->squares[histogram] = 0;
	if (filling->summed && !grower->wants_squares)
		return;
	for (uint32_t i = 0; i < nrows; i += piece)
	{
		uint32_t n = nrows - i < piece ? nrows - i : piece;

		if (i > 0 && hpc_crew_stopped(grower->crew, worker))
			return;
		if (!filling->summed)
			hpc_records_fill(grower, begin + i, n, filling->packs);
		if (grower->wants_squares)
			squares += hpc_records_squares(grower, begin + i, n);
	}
	grower->squares[histogram] = squares;
}

/* Fills a histogram with rows, part of a node's; number part has its scratch. */
static void
fill_pieces(hpc_grower *grower, int worker, int part, uint32_t begin,
			uint32_t nrows, int histogram)
{
	const uint32_t *rows;
	uint32_t pieces = pieces_per_poll(grower);
	size_t npacked = grower->max_packed * (size_t) part;
	hpc_filling filling = {
		.plan = &grower->plan,
		.wide = grower->wide,
		.cells = bag_cells(grower),
		.histogram = hpc_grower_histogram(grower, histogram),
		.packs = grower->packs + npacked * grower->cell_size,
		.summed = grower->bag.summed,
		.nrows = nrows,
	};
	hpc_squares squares = 0;

	hpc_fill_begin(&filling);
	if (grower->bag.records.rows != NULL)
	{
		fill_records(grower, worker, &filling, begin, histogram);
		hpc_fill_end(&filling);
		return;
	}
	rows = grower->bag.rows + begin;
	for (uint32_t i = 0; i < nrows; i += HPC_FILL_ROWS)
	{
		uint32_t left = nrows - i;
		uint32_t n = left < HPC_FILL_ROWS ? left : HPC_FILL_ROWS;

		if (i / HPC_FILL_ROWS % pieces == pieces - 1 &&
			hpc_crew_stopped(grower->crew, worker))
			return;
		hpc_fill_rows(&filling, rows + i, n, left - n);
		if (grower->wants_squares)
			squares +=
				sum_squares(grower, filling.cells, rows + i, n, UINT32_MAX);
	}
	hpc_fill_end(&filling);
	grower->squares[histogram] = squares;
}

/* What the tasks of a crew share: one part of the rows each. */
typedef struct team_work
{
	hpc_grower *grower;
	const hpc_pending *at;
	uint32_t begin;
	uint32_t end;
	uint32_t nparts;
	uint32_t nleft[HPC_MAX_THREADS]; /* of each part */
	uint32_t middle;
	int into; /* histogram */
} team_work;

static uint32_t
part_begin(const team_work *work, uint64_t part)
{
	return work->begin + (uint32_t) ((uint64_t) (work->end - work->begin) *
									 part / work->nparts);
}

/* The histogram that a part is summed in. */
static int
part_histogram(const team_work *work, uint64_t part)
{
	return part == 0 ? work->into : work->grower->nhistograms + (int) part;
}

static void
fill_part(hpc_crew *crew, int worker, uint64_t part, void *context)
{
	team_work *work = context;
	uint32_t begin = part_begin(work, part);

	(void) crew;
	fill_pieces(work->grower, worker, (int) part, begin,
				part_begin(work, part + 1) - begin,
				part_histogram(work, part));
}

void
hpc_rows_fill(hpc_grower *grower, uint32_t begin, uint32_t end, int histogram)
{
	/* what has been summed is in the parts of all workers */
	int nworkers =
		hpc_rows_team(grower, grower->bag.summed ? UINT32_MAX : end - begin);
	void *into = hpc_grower_histogram(grower, histogram);
	team_work work = {.grower = grower,
					  .begin = begin,
					  .end = end,
					  .nparts = (uint32_t) nworkers,
					  .into = histogram};

	if (nworkers == 1)
		fill_pieces(grower, grower->worker, 0, begin, end - begin, histogram);
	else if (hpc_crew_share(grower->crew, (uint64_t) nworkers, fill_part,
							&work) != HPC_OK)
		grower->stopped = true;
	grower->bag.summed = false;
	for (int part = 1; part < nworkers; part++)
	{
		int other = part_histogram(&work, (uint64_t) part);
		const void *from = hpc_grower_histogram(grower, other);

		grower->squares[histogram] += grower->squares[other];
		if (grower->wide)
			hpc_wide_add(&grower->plan, into, from);
		else
			hpc_narrow_add(&grower->plan, into, from);
	}
}

void
hpc_rows_subtract(hpc_grower *grower, int from, int less)
{
	void *parent = hpc_grower_histogram(grower, from);
	const void *smaller = hpc_grower_histogram(grower, less);

	grower->squares[from] -= grower->squares[less];
	if (grower->wide)
		hpc_wide_subtract(&grower->plan, parent, smaller);
	else
		hpc_narrow_subtract(&grower->plan, parent, smaller);
}

hpc_total
hpc_rows_total(hpc_grower *grower)
{
	const hpc_bag *bag = &grower->bag;
	hpc_narrow narrow = 0;
	hpc_wide wide = {0, 0};

	if (bag->records.rows != NULL)
		return hpc_narrow_total(hpc_records_sum(grower), bag->weight_bits);
	for (uint32_t i = 0; i < bag->nrows; i++)
	{
		if (i % HPC_ITEMS_PER_POLL == HPC_ITEMS_PER_POLL - 1 &&
			!hpc_grower_goes_on(grower, HPC_ITEMS_PER_POLL))
			break;
		if (grower->wide)
			wide += bag->wide[bag->rows[i]];
		else
			narrow += bag->narrow[bag->rows[i]];
	}
	return grower->wide ? hpc_wide_total(wide)
						: hpc_narrow_total(narrow, bag->weight_bits);
}

/* ---------- dividing rows ---------- */

/*
 * Divides rows[n] into left, which may be rows or lie before them, and right,
 * both in their old order; returns how many go left.  Both are written for
 * each row, so that no branch depends on one.
 */
static inline __attribute__((always_inline)) uint32_t
divide_by_code(const unsigned char *codes, int width, size_t stride,
			   uint32_t cut, uint32_t missing, bool missing_left,
			   const uint32_t *rows, uint32_t n, uint32_t *left,
			   uint32_t *right)
{
	uint32_t nahead = hpc_rows_are_far(rows, n) ? n - HPC_AHEAD : 0;
	uint32_t nleft = 0;
	uint32_t nright = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t row = rows[i];
		const unsigned char *at = codes + row * stride;
		uint32_t code = width == 1 ? *at : *(const uint16_t *) at;
		uint32_t goes_left =
			(code <= cut) | ((code == missing) & (uint32_t) missing_left);

		if (i < nahead)
			__builtin_prefetch(codes + rows[i + HPC_AHEAD] * stride);
		left[nleft] = row;
		right[nright] = row;
		nleft += goes_left;
		nright += 1 - goes_left;
	}
	return nleft;
}

static uint32_t
divide_by_set(const hpc_tree *tree, const hpc_tree_node *node,
			  const hpc_feature *feature, const uint32_t *rows, uint32_t n,
			  uint32_t *left, uint32_t *right)
{
	uint32_t nleft = 0;
	uint32_t nright = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t row = rows[i];
		uint32_t goes_left =
			hpc_tree_goes_left(tree, node, feature, hpc_code(feature, row));

		left[nleft] = row;
		right[nright] = row;
		nleft += goes_left;
		nright += 1 - goes_left;
	}
	return nleft;
}

static uint32_t
divide_stretch(const hpc_grower *grower, const hpc_tree_node *node,
			   const uint32_t *rows, uint32_t n, uint32_t *left,
			   uint32_t *right)
{
	const hpc_feature *feature = &grower->frame->features[node->feature];

	if (feature->kind == HPC_CATEGORY)
		return divide_by_set(&grower->tree, node, feature, rows, n, left,
							 right);
	if (feature->width == 1)
		return divide_by_code(feature->codes, 1, HPC_BLOCK, node->at.cut,
							  feature->nbins, node->missing_left, rows, n,
							  left, right);
	return divide_by_code(feature->codes, 2, (size_t) feature->stride,
						  node->at.cut, feature->nbins, node->missing_left,
						  rows, n, left, right);
}

/*
 * Divides rows in place, those of the right side into spare.  When the crew
 * is stopped, rows still are rows of the bag, but spare has not all.
 */
static uint32_t
divide_rows(const hpc_grower *grower, int worker, uint32_t node,
			uint32_t *rows, uint32_t n, uint32_t *spare)
{
	uint32_t nleft = 0;

	for (uint32_t i = 0; i < n; i += HPC_ITEMS_PER_POLL)
	{
		uint32_t here =
			n - i < HPC_ITEMS_PER_POLL ? n - i : HPC_ITEMS_PER_POLL;

		if (i > 0 && hpc_crew_stopped(grower->crew, worker))
			break;
		nleft += divide_stretch(grower, &grower->tree.nodes[node], rows + i,
								here, rows + nleft, spare + i - nleft);
	}
	return nleft;
}

/* One part of the rows: left ones at its front, right ones in spare. */
static void
divide_part(hpc_crew *crew, int worker, uint64_t part, void *context)
{
	team_work *work = context;
	hpc_grower *grower = work->grower;
	uint32_t begin = part_begin(work, part);
	uint32_t end = part_begin(work, part + 1);

	(void) crew;
	work->nleft[part] =
		divide_rows(grower, worker, work->at->node, grower->bag.rows + begin,
					end - begin, grower->spare + begin);
}

/* Right ones of a part to their place; left ones have been moved. */
static void
place_part(hpc_crew *crew, int worker, uint64_t part, void *context)
{
	team_work *work = context;
	hpc_grower *grower = work->grower;
	uint32_t begin = part_begin(work, part);
	uint32_t n = part_begin(work, part + 1) - begin;
	uint32_t to = work->middle;

	(void) crew;
	(void) worker;
	for (uint64_t before = 0; before < part; before++)
		to += part_begin(work, before + 1) - part_begin(work, before) -
			  work->nleft[before];
	memcpy(grower->bag.rows + to, grower->spare + begin,
		   (n - work->nleft[part]) * sizeof(uint32_t));
}

static uint32_t
partition_by_team(hpc_grower *grower, const hpc_pending *at, int nworkers)
{
	uint32_t *rows = grower->bag.rows;
	team_work work = {.grower = grower,
					  .at = at,
					  .begin = at->begin,
					  .end = at->end,
					  .nparts = (uint32_t) nworkers,
					  .middle = at->begin};

	if (hpc_crew_share(grower->crew, work.nparts, divide_part, &work) !=
		HPC_OK)
		grower->stopped = true;
	for (uint32_t part = 0; part < work.nparts; part++)
	{
		memmove(rows + work.middle, rows + part_begin(&work, part),
				work.nleft[part] * sizeof(uint32_t));
		work.middle += work.nleft[part];
	}
	if (hpc_crew_share(grower->crew, work.nparts, place_part, &work) != HPC_OK)
		grower->stopped = true;
	return work.middle;
}

static uint32_t
partition_rows(hpc_grower *grower, const hpc_pending *at)
{
	uint32_t n = at->end - at->begin;
	uint32_t *rows = grower->bag.rows + at->begin;
	int nworkers = hpc_rows_team(grower, n);
	uint32_t nleft;

	if (nworkers > 1)
		return partition_by_team(grower, at, nworkers);
	nleft =
		divide_rows(grower, grower->worker, at->node, rows, n, grower->spare);
	if (n > HPC_ITEMS_PER_POLL &&
		hpc_crew_stopped(grower->crew, grower->worker))
		grower->stopped = true;
	else
		memcpy(rows + nleft, grower->spare, (n - nleft) * sizeof(uint32_t));
	return at->begin + nleft;
}

/* ---------- lists ---------- */

static void
insertion_sort(uint32_t *list, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
	{
		uint32_t entry = list[i];
		uint32_t place = i;

		for (; place > 0 && list[place - 1] > entry; place--)
			list[place] = list[place - 1];
		list[place] = entry;
	}
}

/* Sorts entries by their codes, up to most; slots ascend already. */
static void
sort_list(uint32_t *list, uint32_t *spare, uint32_t n, uint32_t most)
{
	uint32_t *from = list;
	uint32_t *to = spare;

	if (n <= SMALL_SORT)
	{
		insertion_sort(list, n);
		return;
	}
	for (int shift = 16; shift < 32 && most >> (shift - 16) > 0; shift += 8)
	{
		uint32_t last =
			most >> (shift - 16) < 255 ? most >> (shift - 16) : 255;
		uint32_t count[256] = {0};
		uint32_t start = 0;

		for (uint32_t i = 0; i < n; i++)
			count[from[i] >> shift & 255]++;
		if (count[from[0] >> shift & 255] == n)
			continue;
		for (uint32_t digit = 0; digit <= last; digit++)
		{
			uint32_t here = count[digit];

			count[digit] = start;
			start += here;
		}
		for (uint32_t i = 0; i < n; i++)
			to[count[from[i] >> shift & 255]++] = from[i];
		to = from;
		from = from == list ? spare : list;
	}
	if (from != list)
		memcpy(list, from, n * sizeof(uint32_t));
}

/* Rows whose lines are copied at a time, to a near cache. */
#define LINE_BATCH 128

/* Writes a part of the list of a feature whose codes are in copies of lines. */
static void
write_narrow(const hpc_member *member, const unsigned char *byte,
			 size_t stride, uint32_t n, uint32_t slot, uint32_t *list)
{
	for (uint32_t i = 0; i < n; i++, byte += stride)
		/* n lines are written; NOLINTNEXTLINE(clang-analyzer-core.*) */
		list[i] = (uint32_t) member->code[*byte] << 16 | (slot + i);
}

static void
write_wide(const unsigned char *code, size_t stride, uint32_t n, uint32_t slot,
		   uint32_t *list)
{
	for (uint32_t i = 0; i < n; i++, code += stride)
		list[i] = (uint32_t) * (const uint16_t *) (const void *) code << 16 |
				  (slot + i);
}

/* Of all features of a line, for n <= LINE_BATCH rows from slot on. */
static void
write_from_line(hpc_grower *grower, const hpc_line *line, const uint32_t *rows,
				uint32_t n, uint32_t slot)
{
	const hpc_lines *lines = grower->plan.lines;
	const size_t *used = grower->plan.offset;
	_Alignas(HPC_LINE_BYTES) unsigned char copy[LINE_BATCH * HPC_LINE_BYTES];
	const unsigned char *wide = copy + line->nblocks * HPC_BLOCK;
	size_t stride = line->stride;

	for (uint32_t i = 0; i < n; i++)
	{
		for (size_t at = 0; at < stride; at += HPC_BLOCK)
			memcpy(copy + i * stride + at, line->codes + rows[i] * stride + at,
				   HPC_BLOCK);
	}
	for (int i = 0; i < line->npacks; i++)
	{
		const hpc_pack *pack = &lines->packs[line->first_pack + i];

		for (int j = 0; j < pack->nmembers; j++)
		{
			int feature = pack->member[j];

			if (used[feature] != SIZE_MAX)
				write_narrow(&lines->members[feature], copy + i, stride, n,
							 slot, hpc_grower_list(grower, feature) + slot);
		}
	}
	for (int i = 0; i < line->nwide; i++)
	{
		int feature = lines->wide[line->first_wide + i];

		if (used[feature] != SIZE_MAX)
			write_wide(wide + 2 * i, stride, n, slot,
					   hpc_grower_list(grower, feature) + slot);
	}
}

/*
 * The lists of all features, not yet in order.  Where there are lines, a row's
 * is fetched once for all of its codes.
 */
static void
write_lists(hpc_grower *grower, const uint32_t *rows, uint32_t n,
			uint32_t first)
{
	const hpc_lines *lines = grower->plan.lines;

	for (int i = 0; i < grower->nfeatures && lines == NULL; i++)
	{
		const hpc_feature *feature =
			&grower->frame->features[grower->features[i]];
		uint32_t *list = hpc_grower_list(grower, grower->features[i]) + first;

		for (uint32_t j = 0; j < n; j++)
			list[j] = hpc_code(feature, rows[j]) << 16 | (first + j);
	}
	for (int i = 0; lines != NULL && i < lines->nlines; i++)
	{
		for (uint32_t j = 0; j < n; j += LINE_BATCH)
			write_from_line(grower, &lines->lines[i], rows + j,
							n - j < LINE_BATCH ? n - j : LINE_BATCH,
							first + j);
	}
}

void
hpc_rows_to_lists(hpc_grower *grower, hpc_pending *at)
{
	const uint32_t *rows = grower->bag.rows + at->begin;
	uint32_t n = at->end - at->begin;
	uint32_t first = at->begin - grower->list_base;

	memcpy(grower->slot_row + first, rows, n * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
	{
		if (grower->wide)
			((hpc_wide *) grower->slot_cell)[first + i] =
				grower->bag.wide[rows[i]];
		else
			((hpc_narrow *) grower->slot_cell)[first + i] =
				grower->bag.narrow[rows[i]];
	}
	write_lists(grower, rows, n, first);
	for (int i = 0; i < grower->nfeatures; i++)
	{
		int index = grower->features[i];

		if (!hpc_grower_goes_on(grower, n))
			return;
		sort_list(hpc_grower_list(grower, index) + first, grower->spare, n,
				  grower->frame->features[index].nbins);
	}
	at->in_list = true;
	at->list = grower->features[0];
}

/*
 * Copies a few entries.  Most lists are shorter than what a call of memcpy
 * costs, into which compilers would turn the loop if it had no barrier.
 */
static inline void
copy_entries(uint32_t *to, const uint32_t *from, uint32_t n)
{
	if (n > 64)
	{
		memcpy(to, from, n * sizeof(uint32_t));
		return;
	}
	for (uint32_t i = 0; i < n; i++)
	{
		to[i] = from[i];
		__asm__ volatile("" ::: "memory");
	}
}

/* Divides a list by the sides of its slots, both in their old order. */
static void
divide_list(hpc_grower *grower, uint32_t *list, uint32_t n)
{
	const uint8_t *side = grower->side;
	uint32_t *spare = grower->spare;
	uint32_t nleft = 0;
	uint32_t nright = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t entry = list[i];
		uint32_t left = side[HPC_LIST_SLOT(entry)];

		list[nleft] = entry;
		spare[nright] = entry;
		nleft += left;
		nright += 1 - left;
	}
	copy_entries(list + nleft, spare, nright);
}

/* Notes the side of each slot of a node, and divides its feature's list. */
static uint32_t
partition_list(hpc_grower *grower, const hpc_pending *at)
{
	const hpc_tree_node *node = &grower->tree.nodes[at->node];
	const hpc_feature *feature = &grower->frame->features[node->feature];
	uint32_t *list =
		hpc_grower_list(grower, node->feature) + at->begin - grower->list_base;
	uint32_t n = at->end - at->begin;
	uint32_t nleft = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		bool left = hpc_tree_goes_left(&grower->tree, node, feature,
									   HPC_LIST_CODE(list[i]));

		grower->side[HPC_LIST_SLOT(list[i])] = left;
		nleft += left;
	}
	/* a number's list is in order already */
	if (feature->kind == HPC_CATEGORY || node->missing_left)
		divide_list(grower, list, n);
	return at->begin + nleft;
}

void
hpc_lists_divide(hpc_grower *grower, const hpc_pending *at)
{
	int divided = grower->tree.nodes[at->node].feature;
	uint32_t n = at->end - at->begin;

	for (int i = 0; i < grower->nfeatures; i++)
	{
		int feature = grower->features[i];

		if (feature == divided || hpc_is_constant(at, feature))
			continue;
		if (!hpc_grower_goes_on(grower, n))
			return;
		divide_list(grower,
					hpc_grower_list(grower, feature) + at->begin -
						grower->list_base,
					n);
	}
}

uint32_t
hpc_rows_partition(hpc_grower *grower, const hpc_pending *at)
{
	if (grower->bag.records.rows != NULL)
		return hpc_records_partition(grower, at);
	return at->in_list ? partition_list(grower, at)
					   : partition_rows(grower, at);
}

double
hpc_rows_squares(hpc_grower *grower, const hpc_pending *at)
{
	const uint32_t *rows;
	uint32_t n = at->end - at->begin;
	hpc_squares sum = 0;

	if (at->histogram >= 0)
		return (double) grower->squares[at->histogram];
	if (at->in_list)
	{
		rows =
			hpc_grower_list(grower, at->list) + at->begin - grower->list_base;
		return (double) sum_squares(grower, grower->slot_cell, rows, n,
									HPC_LIST_ROWS - 1);
	}
	rows = grower->bag.rows + at->begin;
	for (uint32_t i = 0; i < n; i += HPC_ITEMS_PER_POLL)
	{
		uint32_t here =
			n - i < HPC_ITEMS_PER_POLL ? n - i : HPC_ITEMS_PER_POLL;

		if (i > 0 && !hpc_grower_goes_on(grower, HPC_ITEMS_PER_POLL))
			break;
		sum +=
			sum_squares(grower, bag_cells(grower), rows + i, here, UINT32_MAX);
	}
	return (double) sum;
}

static inline bool
slots_differ(const hpc_grower *grower, uint32_t one, uint32_t other)
{
	hpc_total a = cell_total(grower, grower->slot_cell, one);
	hpc_total b = cell_total(grower, grower->slot_cell, other);

	return hpc_targets_differ(a.sum, a.weight, b.sum, b.weight);
}

/* Most nodes show by their first two cells, at hand, that they are not. */
bool
hpc_rows_are_pure(const hpc_grower *grower, const hpc_pending *at)
{
	const double *value = grower->bag.pure_value;
	const uint32_t *rows;
	uint32_t n = at->end - at->begin;
	uint32_t i = 1;

	if (value == NULL)
		return false;
	rows = grower->bag.rows + at->begin;
	if (at->in_list)
	{
		const uint32_t *list =
			hpc_grower_list(grower, at->list) + at->begin - grower->list_base;
		double first;

		if (n > 1 && slots_differ(grower, HPC_LIST_SLOT(list[0]),
								  HPC_LIST_SLOT(list[1])))
			return false;
		first = value[grower->slot_row[HPC_LIST_SLOT(list[0])]];
		while (i < n &&
			   value[grower->slot_row[HPC_LIST_SLOT(list[i])]] == first)
			i++;
	}
	else
	{
		while (i < n && value[rows[i]] == value[rows[0]])
			i++;
	}
	return i == n;
}

void
hpc_lists_to_rows(hpc_grower *grower, const hpc_pending *at)
{
	const uint32_t *list =
		hpc_grower_list(grower, at->list) + at->begin - grower->list_base;
	uint32_t *rows = grower->bag.rows + at->begin;

	for (uint32_t i = 0; i < at->end - at->begin; i++)
		rows[i] = grower->slot_row[HPC_LIST_SLOT(list[i])];
}
