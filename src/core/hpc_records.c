/*
 * hpc_records.c
 *		Rows that move with all that is read of them: their division.
 *
 * In place, and in no order, which nothing asks for: sums of integers do not
 * depend on it.  Blocks are read from both ends, what stands on the wrong
 * side is noted without a branch, and the two are swapped (Edelkamp, Weiss 2016,
 * "BlockQuicksort: avoiding branch mispredictions in quicksort", section 3).
 */
#include "hpc_memory.h"
#include "hpc_random.h"
#include "hpc_records.h"

/* Rows that are looked at before some are swapped. */
#define BLOCK 128

/* ---------- by one worker ---------- */

static inline __attribute__((always_inline)) uint32_t
goes_right(const hpc_records *records, const hpc_divider *divider, uint32_t i,
		   bool by_draw)
{
	if (by_draw)
		return hpc_draw(divider->stream, records->keys[i]) >=
			   divider->threshold;
	return divider->right[records->rows[i].code[divider->place]];
}

static inline __attribute__((always_inline)) void
swap_rows(const hpc_records *records, uint32_t i, uint32_t j, bool moves_keys)
{
	hpc_record row = records->rows[i];

	records->rows[i] = records->rows[j];
	records->rows[j] = row;
	if (moves_keys)
	{
		uint64_t key = records->keys[i];

		records->keys[i] = records->keys[j];
		records->keys[j] = key;
	}
}

/* Divides rows left .. right - 1; answers the first that went right. */
static inline __attribute__((always_inline)) uint32_t
divide_few(const hpc_records *records, const hpc_divider *divider,
		   uint32_t left, uint32_t right, bool by_draw, bool moves_keys)
{
	for (;;)
	{
		while (left < right && !goes_right(records, divider, left, by_draw))
			left++;
		while (left < right &&
			   goes_right(records, divider, right - 1, by_draw))
			right--;
		if (left == right)
			return left;
		swap_rows(records, left++, --right, moves_keys);
	}
}

/* The same with constants, so that nothing is asked in the loops. */
static inline __attribute__((always_inline)) uint32_t
divide_many(const hpc_records *records, const hpc_divider *divider,
			uint32_t left, uint32_t right, hpc_crew *crew, int worker,
			bool by_draw, bool moves_keys)
{
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
				nleft += goes_right(records, divider, left + i, by_draw);
			}
		}
		if (nright == 0)
		{
			first_right = 0;
			for (uint32_t i = 0; i < BLOCK; i++)
			{
				wrong_right[nright] = (uint8_t) i;
				nright +=
					1 - goes_right(records, divider, right - 1 - i, by_draw);
			}
		}
		nswaps = nleft < nright ? nleft : nright;
		for (uint32_t i = 0; i < nswaps; i++)
			swap_rows(records, left + wrong_left[first_left + i],
					  right - 1 - wrong_right[first_right + i], moves_keys);
		nleft -= nswaps;
		nright -= nswaps;
		first_left += nswaps;
		first_right += nswaps;
		left += nleft == 0 ? BLOCK : 0;
		right -= nright == 0 ? BLOCK : 0;
		if (++npolls % (HPC_ITEMS_PER_POLL / BLOCK) == 0 &&
			hpc_crew_stopped(crew, worker))
			return left;
	}
	/* what has been noted and not been swapped is found again */
	return divide_few(records, divider, left, right, by_draw, moves_keys);
}

static uint32_t
divide(const hpc_records *records, const hpc_divider *divider, uint32_t left,
	   uint32_t right, hpc_crew *crew, int worker)
{
	if (divider->by_draw)
		return divide_many(records, divider, left, right, crew, worker, true,
						   true);
	if (records->keys != NULL)
		return divide_many(records, divider, left, right, crew, worker, false,
						   true);
	return divide_many(records, divider, left, right, crew, worker, false,
					   false);
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
	const hpc_records *records;
	const hpc_divider *divider;
	uint32_t first;
	uint32_t n;
	uint32_t nparts;
	uint32_t nleft[HPC_MAX_THREADS]; /* of each part */
	uint32_t middle;
	uint32_t nswaps;
} team_division;

static uint32_t
part_begin(const team_division *t, uint64_t part)
{
	return t->first + (uint32_t) ((uint64_t) t->n * part / t->nparts);
}

static void
divide_part(hpc_crew *crew, int worker, uint64_t part, void *context)
{
	team_division *t = context;
	uint32_t begin = part_begin(t, part);

	t->nleft[part] = divide(t->records, t->divider, begin,
							part_begin(t, part + 1), crew, worker) -
					 begin;
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
	bool moves_keys = t->records->keys != NULL;
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
		swap_rows(t->records, left.at, right.at, moves_keys);
		if (++i == end)
			break;
		walk_on(t, &left);
		walk_on(t, &right);
	}
}

static bool
divide_by_team(team_division *t, hpc_crew *crew)
{
	if (hpc_crew_share(crew, t->nparts, divide_part, t) != HPC_OK)
		return false;
	t->middle = t->first;
	for (uint32_t part = 0; part < t->nparts; part++)
		t->middle += t->nleft[part];
	for (uint32_t part = 0; part < t->nparts; part++)
	{
		uint32_t begin;
		uint32_t end;

		wrong_stretch(t, part, true, &begin, &end);
		t->nswaps += end - begin;
	}
	return hpc_crew_share(crew, t->nparts, swap_part, t) == HPC_OK;
}

uint32_t
hpc_records_divide(const hpc_records *records, const hpc_divider *divider,
				   uint32_t first, uint32_t n, hpc_crew *crew, int worker,
				   int nworkers, bool *stopped)
{
	team_division t = {.records = records,
					   .divider = divider,
					   .first = first,
					   .n = n,
					   .nparts = (uint32_t) nworkers};

	if (nworkers > 1)
		*stopped |= !divide_by_team(&t, crew);
	else
	{
		t.middle = divide(records, divider, first, first + n, crew, worker);
		*stopped |= n > HPC_ITEMS_PER_POLL && hpc_crew_stopped(crew, worker);
	}
	return *stopped ? 0 : t.middle - first;
}
