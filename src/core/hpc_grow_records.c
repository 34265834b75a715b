/*
 * hpc_grow_records.c
 *		Rows that move with all that is read of them.
 *
 * Where the rows of a tree are numbers of rows, each look at a row of a small
 * node fetches lines of the cache of which it needs a few bytes: with ten
 * million rows that is most of the time of boosting.  Where a row has one
 * block of codes, it is as cheap to move the row itself: 16 bytes, and all
 * that follows walks memory upwards.
 *
 * Division is in place and does not keep an order, which nothing asks for:
 * sums of integers do not depend on it.  Blocks are read from both ends, what
 * stands on the wrong side is noted without a branch, and the two are swapped
 * (Edelkamp, Weiss 2016, "BlockQuicksort: avoiding branch mispredictions in
 * quicksort", section 3).
 */
#include "hpc_grow_inside.h"

/* Records that are looked at before some are swapped. */
#define BLOCK 128

/* ---------- sums ---------- */

static inline __attribute__((always_inline)) void
add_records(const hpc_block_use *use, const hpc_record *records, uint32_t n,
			double per_unit, int bits, hpc_narrow *cells, int nused,
			bool dense)
{
	for (uint32_t i = 0; i < n; i++)
	{
		const unsigned char *code = records[i].code;
		uint64_t q = (uint64_t) hpc_nearest(records[i].residual * per_unit);
		hpc_narrow amount = (hpc_narrow) (q << bits) + 1;

		/* by hand: at -O2 compilers leave a loop of eight as it is */
#define ADD_PLACE(j)                                             \
	if (nused > (j))                                             \
	{                                                            \
		int place = dense ? (j) : use->used[j];                  \
                                                                 \
		cells[place * HPC_NARROW_CELLS + code[place]] += amount; \
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

void
hpc_records_fill(const hpc_grower *grower, uint32_t begin, uint32_t n,
				 hpc_narrow *histogram)
{
	const hpc_bag *bag = &grower->bag;
	const hpc_block_use *use = grower->plan.plain.blocks;
	const hpc_record *records = bag->records + begin;
	double per_unit = bag->per_unit;
	int bits = bag->weight_bits;
	hpc_narrow *cells = histogram + use->cells;
	bool dense = use->used[use->nused - 1] == use->nused - 1;

#define CASE(m)                                                            \
	case m:                                                                \
		if (dense)                                                         \
			add_records(use, records, n, per_unit, bits, cells, m, true);  \
		else                                                               \
			add_records(use, records, n, per_unit, bits, cells, m, false); \
		break
	switch (use->nused)
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
}

hpc_squares
hpc_records_squares(const hpc_grower *grower, uint32_t begin, uint32_t n)
{
	const hpc_record *records = grower->bag.records + begin;
	double per_unit = grower->bag.per_unit;
	hpc_squares sum = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		int64_t q = hpc_nearest(records[i].residual * per_unit);

		sum += (hpc_squares) (q * (__int128) q);
	}
	return sum;
}

/* ---------- division ---------- */

/* A split, as one byte of a record tells it. */
typedef struct divider
{
	hpc_grower *grower;
	int place;
	uint8_t right[HPC_NARROW_CELLS]; /* by code: 1 goes right */
} divider;

static void
make_divider(hpc_grower *grower, uint32_t node, divider *d)
{
	const hpc_tree_node *split = &grower->tree.nodes[node];
	const hpc_feature *feature = &grower->frame->features[split->feature];

	d->grower = grower;
	d->place = (int) (feature->codes - grower->frame->blocks[0]);
	memset(d->right, 0, sizeof(d->right));
	for (uint32_t code = 0; code <= feature->nbins; code++)
		d->right[code] =
			!hpc_tree_goes_left(&grower->tree, split, feature, code);
}

static inline bool
goes_right(const divider *d, const hpc_record *record)
{
	return d->right[record->code[d->place]];
}

static inline void
swap_records(hpc_record *a, hpc_record *b)
{
	hpc_record between = *a;

	*a = *b;
	*b = between;
}

/* Divides what lies between left and right; answers the middle. */
static hpc_record *
divide_few(const divider *d, hpc_record *left, hpc_record *right)
{
	for (;;)
	{
		while (left < right && !goes_right(d, left))
			left++;
		while (left < right && goes_right(d, right - 1))
			right--;
		if (left == right)
			return left;
		swap_records(left++, --right);
	}
}

/*
 * Divides records[n]; answers how many go left.  They all are there, but not
 * divided, when the crew is stopped.
 */
static uint32_t
divide_records(const divider *d, int worker, hpc_record *records, uint32_t n)
{
	const unsigned place = (unsigned) d->place;
	hpc_record *left = records;
	hpc_record *right = records + n;
	uint8_t wrong_left[BLOCK];  /* from left on, upwards ... */
	uint8_t wrong_right[BLOCK]; /* ... and from right - 1 on, downwards */
	uint32_t nleft = 0;         /* noted, and not yet swapped */
	uint32_t nright = 0;
	uint32_t first_left = 0;
	uint32_t first_right = 0;
	uint32_t npolls = 0;

	while (right - left >= 2 * BLOCK)
	{
		uint32_t nswaps;

		if (nleft == 0)
		{
			first_left = 0;
			for (uint32_t i = 0; i < BLOCK; i++)
			{
				wrong_left[nleft] = (uint8_t) i;
				nleft += d->right[left[i].code[place]];
			}
		}
		if (nright == 0)
		{
			first_right = 0;
			for (uint32_t i = 0; i < BLOCK; i++)
			{
				wrong_right[nright] = (uint8_t) i;
				nright += 1 - d->right[(right - 1 - i)->code[place]];
			}
		}
		nswaps = nleft < nright ? nleft : nright;
		for (uint32_t i = 0; i < nswaps; i++)
			swap_records(left + wrong_left[first_left + i],
						 right - 1 - wrong_right[first_right + i]);
		nleft -= nswaps;
		nright -= nswaps;
		first_left += nswaps;
		first_right += nswaps;
		left += nleft == 0 ? BLOCK : 0;
		right -= nright == 0 ? BLOCK : 0;
		if (++npolls % (HPC_ITEMS_PER_POLL / BLOCK) == 0 &&
			hpc_crew_stopped(d->grower->crew, worker))
			return 0;
	}
	/* what has been noted and not been swapped is found again */
	return (uint32_t) (divide_few(d, left, right) - records);
}

/* ---------- by a crew ---------- */

/*
 * Each worker divides a part; then what stands on the wrong side of the middle
 * of all is swapped, the i-th such record to the left of it with the i-th to
 * the right:
 *
 *		| left 0 : right 0 | left 1 : right 1 |
 *		                  middle
 *		            xxxxxxx      x
 */
typedef struct team_division
{
	divider divider;
	hpc_record *records;
	uint32_t n;
	uint32_t nparts;
	uint32_t nleft[HPC_MAX_THREADS]; /* of each part */
	uint32_t middle;
	uint32_t nswaps;
} team_division;

static uint32_t
part_begin(const team_division *t, uint64_t part)
{
	return (uint32_t) ((uint64_t) t->n * part / t->nparts);
}

static void
divide_part(hpc_crew *crew, int worker, uint64_t part, void *context)
{
	team_division *t = context;
	uint32_t begin = part_begin(t, part);

	(void) crew;
	t->nleft[part] = divide_records(&t->divider, worker, t->records + begin,
									part_begin(t, part + 1) - begin);
}

/*
 * Of a part the stretch that stands on the wrong side: to the left of the
 * middle what goes right, or to the right what goes left.
 */
static void
wrong_stretch(const team_division *t, uint32_t part, bool left,
			  uint32_t *begin, uint32_t *end)
{
	uint32_t from = part_begin(t, part);
	uint32_t between = from + t->nleft[part];

	*begin = left ? between : from;
	*end = left ? part_begin(t, part + 1) : between;
	if (left && *end > t->middle)
		*end = t->middle;
	if (!left && *begin < t->middle)
		*begin = t->middle;
	if (*end < *begin)
		*end = *begin;
}

/* A walk over the records on the wrong side, from the i-th on. */
typedef struct wrong_walk
{
	bool left;
	uint32_t part;
	uint32_t at;
	uint32_t end;
} wrong_walk;

static wrong_walk
walk_from(const team_division *t, bool left, uint32_t i)
{
	wrong_walk walk = {.left = left};

	wrong_stretch(t, 0, left, &walk.at, &walk.end);
	while (i >= walk.end - walk.at)
	{
		i -= walk.end - walk.at;
		wrong_stretch(t, ++walk.part, left, &walk.at, &walk.end);
	}
	walk.at += i;
	return walk;
}

/* To the next one; there must be one. */
static inline void
walk_on(const team_division *t, wrong_walk *walk)
{
	walk->at++;
	while (walk->at == walk->end)
		wrong_stretch(t, ++walk->part, walk->left, &walk->at, &walk->end);
}

static void
swap_part(hpc_crew *crew, int worker, uint64_t part, void *context)
{
	team_division *t = context;
	uint32_t first = (uint32_t) ((uint64_t) t->nswaps * part / t->nparts);
	uint32_t end = (uint32_t) ((uint64_t) t->nswaps * (part + 1) / t->nparts);
	wrong_walk left;
	wrong_walk right;

	(void) crew;
	(void) worker;
	if (first == end)
		return;
	left = walk_from(t, true, first);
	right = walk_from(t, false, first);
	for (uint32_t i = first;;)
	{
		swap_records(&t->records[left.at], &t->records[right.at]);
		if (++i == end)
			break;
		walk_on(t, &left);
		walk_on(t, &right);
	}
}

static uint32_t
divide_by_team(hpc_grower *grower, team_division *t)
{
	if (hpc_crew_share(grower->crew, t->nparts, divide_part, t) != HPC_OK)
	{
		grower->stopped = true;
		return 0;
	}
	for (uint32_t part = 0; part < t->nparts; part++)
		t->middle += t->nleft[part];
	for (uint32_t part = 0; part < t->nparts; part++)
	{
		uint32_t begin;
		uint32_t end;

		wrong_stretch(t, part, true, &begin, &end);
		t->nswaps += end - begin;
	}
	if (hpc_crew_share(grower->crew, t->nparts, swap_part, t) != HPC_OK)
		grower->stopped = true;
	return t->middle;
}

uint32_t
hpc_records_partition(hpc_grower *grower, const hpc_pending *at)
{
	uint32_t n = at->end - at->begin;
	int nworkers = hpc_rows_team(grower, n);
	team_division t = {.records = grower->bag.records + at->begin,
					   .n = n,
					   .nparts = (uint32_t) nworkers};

	make_divider(grower, at->node, &t.divider);
	if (nworkers > 1)
		return at->begin + divide_by_team(grower, &t);
	t.middle = divide_records(&t.divider, grower->worker, t.records, n);
	if (n > HPC_ITEMS_PER_POLL &&
		hpc_crew_stopped(grower->crew, grower->worker))
		grower->stopped = true;
	return at->begin + t.middle;
}
