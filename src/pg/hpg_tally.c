/*
 * hpg_tally.c
 *		How often each value occurs: exact medians and modes in one pass.
 *
 * Numbers are kept as (value, count) pairs in one array:
 *
 *		[ sorted, values distinct | as they came ]
 *
 * When the array is full it is sorted and equal values are merged; it grows
 * only if more than half is left.  So a column of years costs a page whatever
 * the number of rows, and one without repetitions 16 to 32 bytes a value.
 *
 * Texts are kept in a hash table with open addressing, their bytes in blocks.
 *
 * Both are functions of the multiset alone: ties go to the smallest number or
 * to the first text in byte order, and merging two tallies is adding counts.
 * -0 counts as 0.  NaN must not come in.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "hpg_fit.h"

#define FIRST_CAPACITY 256
#define BLOCK_BYTES ((size_t) 65536)

/* Bytes that a pair takes on its way from a worker. */
#define PAIR_BYTES 16

typedef struct number_pair
{
	double value;
	uint64 count;
} number_pair;

struct hpg_number_tally
{
	hpc_env *env;
	size_t nused;
	size_t capacity;
	number_pair *pairs;
};

typedef struct text_entry
{
	const char *bytes; /* NULL: free */
	uint32 nbytes;
	uint32 hash;
	uint64 count;
} text_entry;

struct hpg_text_tally
{
	hpc_env *env;
	size_t nused;
	size_t capacity; /* a power of two */
	text_entry *entries;
	char *block; /* where the next bytes go */
	size_t block_left;
};

/* ---------- states ---------- */

/* A state that goes through the tuple queue is one datum. */
static void
check_room(StringInfo out, size_t nbytes)
{
	if (nbytes < MaxAllocSize && (size_t) out->len + nbytes < MaxAllocSize)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("too many distinct values for a parallel plan"),
			 errhint("Set max_parallel_workers_per_gather to 0, or fit fewer columns.")));
}

/* ---------- numbers ---------- */

hpg_number_tally *
hpg_number_tally_create(hpc_env *env)
{
	hpg_number_tally *tally = hpg_resize(env, NULL, sizeof(hpg_number_tally));

	memset(tally, 0, sizeof(*tally));
	tally->env = env;
	return tally;
}

/* Sorting many values takes long enough to be cancelled. */
static int
compare_pairs(const void *a, const void *b)
{
	double x = ((const number_pair *) a)->value;
	double y = ((const number_pair *) b)->value;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

static void
compact(hpg_number_tally *tally)
{
	number_pair *pairs = tally->pairs;
	size_t nused = 0;

	if (tally->nused == 0)
		return;
	qsort(pairs, tally->nused, sizeof(number_pair), compare_pairs);
	for (size_t i = 1; i < tally->nused; i++)
	{
		if (pairs[i].value == pairs[nused].value)
			pairs[nused].count += pairs[i].count;
		else
			pairs[++nused] = pairs[i];
	}
	tally->nused = nused + 1;
}

static void
make_room(hpg_number_tally *tally)
{
	size_t capacity;

	compact(tally);
	if (tally->capacity > 0 && tally->nused <= tally->capacity / 2)
		return;
	capacity = Max(FIRST_CAPACITY, tally->capacity * 2);
	tally->pairs =
		hpg_resize(tally->env, tally->pairs, capacity * sizeof(number_pair));
	tally->capacity = capacity;
}

void
hpg_number_tally_add(hpg_number_tally *tally, double value, uint64 times)
{
	if (tally->nused == tally->capacity)
		make_room(tally);
	tally->pairs[tally->nused].value = value == 0 ? 0 : value;
	tally->pairs[tally->nused].count = times;
	tally->nused++;
}

void
hpg_number_tally_merge(hpg_number_tally *tally, hpg_number_tally *other)
{
	compact(other);
	for (size_t i = 0; i < other->nused; i++)
		hpg_number_tally_add(tally, other->pairs[i].value,
							 other->pairs[i].count);
}

bool
hpg_number_tally_mode(hpg_number_tally *tally, double *mode)
{
	uint64 most = 0;

	compact(tally);
	for (size_t i = 0; i < tally->nused; i++)
		if (tally->pairs[i].count > most)
		{
			most = tally->pairs[i].count;
			*mode = tally->pairs[i].value;
		}
	return most > 0;
}

/* The value at a position among all values in order. */
static double
value_at(const hpg_number_tally *tally, uint64 position)
{
	size_t i = 0;

	while (position >= tally->pairs[i].count)
		position -= tally->pairs[i++].count;
	return tally->pairs[i].value;
}

bool
hpg_number_tally_median(hpg_number_tally *tally, double *lower, double *upper)
{
	uint64 total = 0;

	compact(tally);
	for (size_t i = 0; i < tally->nused; i++)
		total += tally->pairs[i].count;
	if (total == 0)
		return false;
	*lower = value_at(tally, (total - 1) / 2);
	*upper = value_at(tally, total / 2);
	return true;
}

void
hpg_number_tally_send(hpg_number_tally *tally, StringInfo out)
{
	compact(tally);
	check_room(out, tally->nused * PAIR_BYTES);
	pq_sendint64(out, tally->nused);
	for (size_t i = 0; i < tally->nused; i++)
	{
		pq_sendfloat8(out, tally->pairs[i].value);
		pq_sendint64(out, tally->pairs[i].count);
	}
}

void
hpg_number_tally_receive(hpg_number_tally *tally, StringInfo in)
{
	uint64 n = (uint64) pq_getmsgint64(in);

	for (uint64 i = 0; i < n; i++)
	{
		double value = pq_getmsgfloat8(in);

		hpg_number_tally_add(tally, value, (uint64) pq_getmsgint64(in));
	}
}

/* ---------- texts ---------- */

hpg_text_tally *
hpg_text_tally_create(hpc_env *env)
{
	hpg_text_tally *tally = hpg_resize(env, NULL, sizeof(hpg_text_tally));

	memset(tally, 0, sizeof(*tally));
	tally->env = env;
	return tally;
}

/* The entry of these bytes, or the free one where they belong. */
static text_entry *
find_entry(text_entry *entries, size_t capacity, uint32 hash,
		   const char *bytes, uint32 nbytes)
{
	size_t i = hash & (capacity - 1);

	while (entries[i].bytes != NULL &&
		   !(entries[i].hash == hash && entries[i].nbytes == nbytes &&
			 memcmp(entries[i].bytes, bytes, nbytes) == 0))
		i = (i + 1) & (capacity - 1);
	return &entries[i];
}

/* At most half full, so that probes are short. */
static void
grow_table(hpg_text_tally *tally)
{
	size_t capacity = Max(FIRST_CAPACITY, tally->capacity * 2);
	text_entry *entries =
		hpg_resize(tally->env, NULL, capacity * sizeof(text_entry));

	memset(entries, 0, capacity * sizeof(text_entry));
	for (size_t i = 0; i < tally->capacity; i++)
	{
		const text_entry *entry = &tally->entries[i];

		if (entry->bytes != NULL)
			*find_entry(entries, capacity, entry->hash, entry->bytes,
						entry->nbytes) = *entry;
	}
	if (tally->entries != NULL)
		hpg_resize(tally->env, tally->entries, 0);
	tally->entries = entries;
	tally->capacity = capacity;
}

/* A copy that lasts as long as the tally. */
static const char *
keep_bytes(hpg_text_tally *tally, const char *bytes, uint32 nbytes)
{
	char *copy;

	if (nbytes > BLOCK_BYTES / 4)
		copy = hpg_resize(tally->env, NULL, nbytes);
	else
	{
		/* the empty text needs an address too */
		if (tally->block_left <= nbytes)
		{
			tally->block = hpg_resize(tally->env, NULL, BLOCK_BYTES);
			tally->block_left = BLOCK_BYTES;
		}
		copy = tally->block;
		tally->block += nbytes;
		tally->block_left -= nbytes;
	}
	memcpy(copy, bytes, nbytes);
	return copy;
}

void
hpg_text_tally_add(hpg_text_tally *tally, const char *bytes, uint32 nbytes,
				   uint64 times)
{
	uint32 hash = hash_bytes((const unsigned char *) bytes, (int) nbytes);
	text_entry *entry;

	if (tally->nused * 2 >= tally->capacity)
		grow_table(tally);
	entry = find_entry(tally->entries, tally->capacity, hash, bytes, nbytes);
	if (entry->bytes == NULL)
	{
		entry->bytes = keep_bytes(tally, bytes, nbytes);
		entry->nbytes = nbytes;
		entry->hash = hash;
		tally->nused++;
	}
	entry->count += times;
}

void
hpg_text_tally_merge(hpg_text_tally *tally, const hpg_text_tally *other)
{
	for (size_t i = 0; i < other->capacity; i++)
	{
		const text_entry *entry = &other->entries[i];

		if (entry->bytes != NULL)
			hpg_text_tally_add(tally, entry->bytes, entry->nbytes,
							   entry->count);
	}
}

/* Byte order; of two that begin alike the shorter comes first. */
static bool
is_before(const text_entry *a, const text_entry *b)
{
	return hpc_compare_bytes(a->bytes, a->nbytes, b->bytes, b->nbytes) < 0;
}

bool
hpg_text_tally_mode(const hpg_text_tally *tally, const char **bytes,
					uint32 *nbytes)
{
	const text_entry *best = NULL;

	for (size_t i = 0; i < tally->capacity; i++)
	{
		const text_entry *entry = &tally->entries[i];

		if (entry->bytes != NULL &&
			(best == NULL || entry->count > best->count ||
			 (entry->count == best->count && is_before(entry, best))))
			best = entry;
	}
	if (best == NULL)
		return false;
	*bytes = best->bytes;
	*nbytes = best->nbytes;
	return true;
}

void
hpg_text_tally_send(const hpg_text_tally *tally, StringInfo out)
{
	pq_sendint64(out, tally->nused);
	for (size_t i = 0; i < tally->capacity; i++)
	{
		const text_entry *entry = &tally->entries[i];

		if (entry->bytes == NULL)
			continue;
		check_room(out, entry->nbytes + PAIR_BYTES);
		pq_sendint64(out, entry->count);
		pq_sendint32(out, entry->nbytes);
		pq_sendbytes(out, entry->bytes, (int) entry->nbytes);
	}
}

void
hpg_text_tally_receive(hpg_text_tally *tally, StringInfo in)
{
	uint64 n = (uint64) pq_getmsgint64(in);

	for (uint64 i = 0; i < n; i++)
	{
		uint64 count = (uint64) pq_getmsgint64(in);
		uint32 nbytes = pq_getmsgint(in, 4);

		hpg_text_tally_add(tally, pq_getmsgbytes(in, (int) nbytes), nbytes,
						   count);
	}
}
