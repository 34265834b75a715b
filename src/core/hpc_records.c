/*
 * hpc_records.c
 *		Rows that move with all that is read of them: their division.
 *
 * In place, and in no order, which nothing asks for: sums of integers do not
 * depend on it.  It is known how many go left, and so how far the left side
 * will reach.  Both sides are walked upwards, what stands on the wrong one is
 * noted without a branch, a bit for each row of a block, and as many are
 * swapped (after Edelkamp, Weiss 2016, "BlockQuicksort: avoiding branch
 * mispredictions in quicksort", section 3):
 *
 *		| ....x..x.xx...  . | ...x.....x  ..... |
 *		 left ->      middle  right ->
 *
 * A crew shares the chunks of both sides (after Tsigas, Zhang 2003, "A simple,
 * fast parallel implementation of Quicksort", section 3.1): each worker takes
 * the next one of a side when it has no more wrong rows there.  When a side has
 * no more chunks, what a worker has left of the other is swapped with what
 * others have.
 */
#include "hpc_cpu.h"
#include "hpc_records.h"

/* Rows that are looked at at a time: as many as a word has bits. */
#define BLOCK 64

/* Rows that a worker takes at a time. */
#define CHUNK 2048

#define LEFT 0
#define RIGHT 1

/* Rows of a side that a worker has taken. */
typedef struct stock
{
	uint32_t next; /* of those that have not been looked at ... */
	uint32_t end;
	uint32_t block; /* the last block that has ... */
	uint64_t wrong; /* ... and which of its rows stand on the wrong side */
} stock;

typedef struct division
{
	const hpc_records *records;
	const hpc_divider *divider;
	uint64_t next[2]; /* row of each side that nobody has taken; atomic */
	uint32_t end[2];
	stock left_over[HPC_MAX_THREADS][2]; /* of each worker's */
} division;

void
hpc_record_make(unsigned char *record, double residual, const hpc_frame *frame,
				const hpc_lines *packs, uint32_t row)
{
	hpc_record_set_residual(record, residual);
	for (int i = 0; i < packs->npacks; i++)
		record[HPC_RECORD_CODES + i] =
			hpc_pack_byte(frame, &packs->packs[i], row);
}

/* ---------- rows on the wrong side ---------- */

/* Which of n <= BLOCK rows go right: a bit each. */
static inline __attribute__((always_inline)) uint64_t
look(const hpc_records *records, const hpc_divider *divider, uint32_t first,
	 uint32_t n)
{
	uint64_t right = 0;

	for (uint32_t i = 0; i < n; i++)
		right |= (uint64_t) hpc_record_goes_right(records, divider, first + i)
				 << i;
	return right;
}

#ifdef __x86_64__

static inline long long
word_at(const unsigned char *place)
{
	long long word;

	memcpy(&word, place, sizeof(word));
	return word;
}

/*
 * The same of a block, not by draw: eight rows at a time look up their bits
 * together.
 */
HPC_WIDE_TARGET static uint64_t
look_wide(const hpc_records *records, const hpc_divider *divider,
		  uint32_t first)
{
	size_t size = records->size;
	/* the last word of a record, which all of its codes are in */
	const unsigned char *last =
		hpc_record(records, first) + size - sizeof(uint64_t);
	size_t place = HPC_RECORD_CODES + (size_t) divider->pack + 8 - size;
	__m128i to_front = _mm_cvtsi32_si128((int) (8 * place));
	__m256i table =
		_mm256_loadu_si256((const __m256i *) (const void *) divider->right);
	uint64_t right = 0;

	for (uint32_t i = 0; i < BLOCK; i += 8, last += 8 * size)
	{
		__m256i row0145 =
			_mm256_set_epi64x(word_at(last + 5 * size),
							  word_at(last + 4 * size), word_at(last + size),
							  word_at(last));
		__m256i row2367 = _mm256_set_epi64x(word_at(last + 7 * size),
											word_at(last + 6 * size),
											word_at(last + 3 * size),
											word_at(last + 2 * size));
		__m256 low = _mm256_castsi256_ps(_mm256_srl_epi64(row0145, to_front));
		__m256 high = _mm256_castsi256_ps(_mm256_srl_epi64(row2367, to_front));
		/* the low half of each word: rows 0 to 7 */
		__m256i bytes = _mm256_castps_si256(
			_mm256_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0)));
		/* bits 5 to 7 choose the word, as the others do the bit in it */
		__m256i word = _mm256_srli_epi32(_mm256_slli_epi32(bytes, 24), 24 + 5);
		__m256i to_sign = _mm256_andnot_si256(bytes, _mm256_set1_epi32(31));
		__m256i bits =
			_mm256_sllv_epi32(_mm256_permutevar8x32_epi32(table, word),
							  to_sign);

		right |=
			(uint64_t) (uint32_t) _mm256_movemask_ps(_mm256_castsi256_ps(bits))
			<< i;
	}
	return right;
}

#else

static inline uint64_t
look_wide(const hpc_records *records, const hpc_divider *divider,
		  uint32_t first)
{
	return look(records, divider, first, BLOCK);
}

#endif

/*
 * Looks for the next rows of a side on the wrong one, as long as there are some
 * in stock.  False: there are none.
 */
static inline __attribute__((always_inline)) bool
find_wrong(const division *d, stock *s, int side)
{
	while (s->wrong == 0 && s->next < s->end)
	{
		uint32_t n = s->end - s->next < BLOCK ? s->end - s->next : BLOCK;
		uint64_t all = n < BLOCK ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
		uint64_t right;

		if (n == BLOCK && d->records->wide && !d->divider->by_draw)
			right = look_wide(d->records, d->divider, s->next);
		else
			right = look(d->records, d->divider, s->next, n);
		s->wrong = side == LEFT ? right : right ^ all;
		s->block = s->next;
		s->next += n;
	}
	return s->wrong != 0;
}

/* Takes the next chunk of a side.  False: there is none. */
static bool
take_chunk(division *d, stock *s, int side)
{
	uint64_t next =
		__atomic_fetch_add(&d->next[side], CHUNK, __ATOMIC_RELAXED);

	if (next >= d->end[side])
		return false;
	s->next = (uint32_t) next;
	s->end = d->end[side] - s->next < CHUNK ? d->end[side] : s->next + CHUNK;
	return true;
}

/* ---------- swapping ---------- */

/* A record is longer than one word and not longer than two, which may overlap. */
static inline __attribute__((always_inline)) void
swap_rows(const hpc_records *records, uint32_t i, uint32_t j, bool moves_keys)
{
	unsigned char *a = hpc_record(records, i);
	unsigned char *b = hpc_record(records, j);
	size_t last = records->size - sizeof(uint64_t);
	uint64_t of_a[2];
	uint64_t of_b[2];

	memcpy(&of_a[0], a, sizeof(uint64_t));
	memcpy(&of_a[1], a + last, sizeof(uint64_t));
	memcpy(&of_b[0], b, sizeof(uint64_t));
	memcpy(&of_b[1], b + last, sizeof(uint64_t));
	memcpy(a, &of_b[0], sizeof(uint64_t));
	memcpy(a + last, &of_b[1], sizeof(uint64_t));
	memcpy(b, &of_a[0], sizeof(uint64_t));
	memcpy(b + last, &of_a[1], sizeof(uint64_t));
	if (moves_keys)
	{
		uint64_t key = records->keys[i];

		records->keys[i] = records->keys[j];
		records->keys[j] = key;
	}
}

/* Swaps wrong rows of a block on the left with those of one on the right. */
static inline void
swap_blocks(const hpc_records *records, stock *left, stock *right)
{
	bool moves_keys = records->keys != NULL;

	while (left->wrong != 0 && right->wrong != 0)
	{
		uint32_t i = (uint32_t) __builtin_ctzll(left->wrong);
		uint32_t j = (uint32_t) __builtin_ctzll(right->wrong);

		swap_rows(records, left->block + i, right->block + j, moves_keys);
		left->wrong &= left->wrong - 1;
		right->wrong &= right->wrong - 1;
	}
}

/* ---------- by one worker, and by a crew ---------- */

static void
divide_chunks(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	division *d = context;
	stock left = {0};
	stock right = {0};
	uint32_t ntaken = 0;

	for (;;)
	{
		while (!find_wrong(d, &left, LEFT) && take_chunk(d, &left, LEFT))
			ntaken++;
		while (!find_wrong(d, &right, RIGHT) && take_chunk(d, &right, RIGHT))
			ntaken++;
		if (left.wrong == 0 || right.wrong == 0)
			break;
		swap_blocks(d->records, &left, &right);
		if (ntaken >= HPC_ITEMS_PER_POLL / CHUNK)
		{
			ntaken = 0;
			if (hpc_crew_stopped(crew, worker))
				break;
		}
	}
	d->left_over[task][LEFT] = left;
	d->left_over[task][RIGHT] = right;
}

/* Swaps what tasks have left on the left with what others have on the right. */
static void
divide_left_over(division *d, int ntasks)
{
	int i = 0;
	int j = 0;

	while (i < ntasks && j < ntasks)
	{
		stock *left = &d->left_over[i][LEFT];
		stock *right = &d->left_over[j][RIGHT];

		if (!find_wrong(d, left, LEFT))
			i++;
		else if (!find_wrong(d, right, RIGHT))
			j++;
		else
			swap_blocks(d->records, left, right);
	}
}

bool
hpc_records_divide(const hpc_records *records, const hpc_divider *divider,
				   uint32_t first, uint32_t n, uint32_t nleft, hpc_crew *crew,
				   int worker, int nworkers)
{
	division d = {.records = records,
				  .divider = divider,
				  .next = {first, first + nleft},
				  .end = {first + nleft, first + n}};

	if (nworkers == 1)
	{
		divide_chunks(crew, worker, 0, &d);
		return n <= HPC_ITEMS_PER_POLL || !hpc_crew_stopped(crew, worker);
	}
	if (hpc_crew_share(crew, (uint64_t) nworkers, divide_chunks, &d) != HPC_OK)
		return false;
	divide_left_over(&d, nworkers);
	return true;
}
