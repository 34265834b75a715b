/*
 * hpc_chunk.c
 *		Some thousand values of a column, packed.
 *
 * Most columns of a table of houses hold whole numbers of a narrow range, or
 * such numbers of cents, days or hundreds.  A chunk counts how many steps a
 * value stands above the least one, in as few bits as the greatest count
 * needs:
 *
 *		1,950  2,010  1,987  NULL     base 1,950, step 1:    0 60 37 255
 *		85,000  129,900  750,000      base 85,000, step 100: 0 449 6650
 *		2.5  1  3                     base 10, step 5, one decimal: 3 0 4
 *
 * Values that are none of these stay floats or doubles.  A value always comes
 * out as the double that went in: whatever is packed is unpacked in mind and
 * compared, and -0 is not 0.  All arithmetic is on whole numbers below 2^53,
 * so it is exact but for the division by a power of ten, which is the same
 * each time.
 *
 * This is frame-of-reference coding (Goldstein, Ramakrishnan, Shaft 1998,
 * "Compressing relations and indexes") with whole bytes, since each value is
 * read many times; decimals as in Afroozeh, Kuffo and Boncz 2023 ("ALP:
 * adaptive lossless floating-point compression").
 */
#include <math.h>
#include <string.h>

#include "hpc_chunk.h"
#include "hpc_memory.h"

/* Whole numbers up to here, and differences of them, are exact doubles. */
#define MAX_UNITS 0x1p52

static const double units_per_one[HPC_MAX_DECIMALS + 1] = {1, 10, 100, 1000,
														   10000};

static const size_t packed_width[] = {
	[HPC_PACK_SAME] = 0, [HPC_PACK_8] = 1,     [HPC_PACK_16] = 2,
	[HPC_PACK_32] = 4,   [HPC_PACK_FLOAT] = 4, [HPC_PACK_DOUBLE] = 8,
};

size_t
hpc_chunk_nbytes(const hpc_chunk *chunk, uint32_t n)
{
	return n * packed_width[chunk->packing];
}

static inline bool
same_bits(double a, double b)
{
	uint64_t bits_a;
	uint64_t bits_b;

	memcpy(&bits_a, &a, sizeof(a));
	memcpy(&bits_b, &b, sizeof(b));
	return bits_a == bits_b;
}

/* ---------- what the values have in common ---------- */

/* How values are whole numbers of units. */
typedef struct range
{
	int64_t low; /* units */
	int64_t high;
	uint64_t step; /* divides all differences */
	bool missing;  /* there are values that are none */
} range;

static inline int64_t
nearest_units(double value, double per_one)
{
	double scaled = value * per_one;

	if (per_one != 1)
		scaled += scaled < 0 ? -0.5 : 0.5;
	return (int64_t) scaled;
}

/* Is a value so many units, and nothing else? */
static inline bool
is_whole(double value, double per_one)
{
	return fabs(value * per_one) <= MAX_UNITS &&
		   same_bits((double) nearest_units(value, per_one) / per_one, value);
}

/* Inlined, since it is quick where per_one is known to be 1. */
static inline __attribute__((always_inline)) bool
find_range(const double *values, uint32_t n, double per_one, range *found)
{
	found->low = INT64_MAX;
	found->high = INT64_MIN;
	found->missing = false;
	for (uint32_t i = 0; i < n; i++)
	{
		int64_t units;

		if (isnan(values[i]))
		{
			found->missing = true;
			continue;
		}
		if (!is_whole(values[i], per_one))
			return false;
		units = nearest_units(values[i], per_one);
		found->low = units < found->low ? units : found->low;
		found->high = units > found->high ? units : found->high;
	}
	return true;
}

/* The number of decimals with which all values are whole numbers, or -1. */
static int
find_decimals(const double *values, uint32_t n, range *found)
{
	if (find_range(values, n, 1, found))
		return 0;
	for (int decimals = 1; decimals <= HPC_MAX_DECIMALS; decimals++)
	{
		if (find_range(values, n, units_per_one[decimals], found))
			return decimals;
	}
	return -1;
}

static uint64_t
common_divisor(uint64_t a, uint64_t b)
{
	while (b != 0)
	{
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* The greatest step; usually a few values tell that it is 1. */
static void
find_step(const double *values, uint32_t n, int decimals, range *found)
{
	found->step = 0;
	for (uint32_t i = 0; i < n && found->step != 1; i++)
	{
		int64_t units;

		if (isnan(values[i]))
			continue;
		units = nearest_units(values[i], units_per_one[decimals]);
		found->step =
			common_divisor((uint64_t) (units - found->low), found->step);
	}
	if (found->step == 0)
		found->step = 1;
}

static bool
all_same(const double *values, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
	{
		if (isnan(values[0]) ? !isnan(values[i])
							 : !same_bits(values[i], values[0]))
			return false;
	}
	return true;
}

static bool
all_floats(const double *values, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		if (!isnan(values[i]) && (double) (float) values[i] != values[i])
			return false;
	}
	return true;
}

/* ---------- packing ---------- */

/* The packing for up to nsteps steps; HPC_PACK_DOUBLE: none. */
static hpc_packing
packing_for(uint64_t nsteps, bool missing)
{
	if (nsteps <= (uint64_t) UINT8_MAX - missing)
		return HPC_PACK_8;
	if (nsteps <= (uint64_t) UINT16_MAX - missing)
		return HPC_PACK_16;
	if (nsteps <= (uint64_t) UINT32_MAX - missing)
		return HPC_PACK_32;
	return HPC_PACK_DOUBLE;
}

/* Packs as steps, if that can be. */
static bool
choose_steps(const double *values, uint32_t n, hpc_chunk *chunk)
{
	range found;
	int decimals = find_decimals(values, n, &found);
	uint64_t span;
	hpc_packing packing;

	if (decimals < 0)
		return false;
	span = (uint64_t) (found.high - found.low);
	found.step = 1;
	packing = packing_for(span, found.missing);
	if (packing != HPC_PACK_8)
	{
		find_step(values, n, decimals, &found);
		packing = packing_for(span / found.step, found.missing);
	}
	if (packing == HPC_PACK_DOUBLE)
		return false;
	chunk->packing = (uint8_t) packing;
	chunk->decimals = (uint8_t) decimals;
	chunk->base = (double) found.low;
	chunk->step = (double) found.step;
	chunk->missing = found.missing;
	return true;
}

static void
choose_packing(const double *values, uint32_t n, hpc_chunk *chunk)
{
	if (all_same(values, n))
	{
		chunk->packing = HPC_PACK_SAME;
		chunk->base = values[0];
		return;
	}
	if (!choose_steps(values, n, chunk))
		chunk->packing =
			all_floats(values, n) ? HPC_PACK_FLOAT : HPC_PACK_DOUBLE;
}

/* The steps of a value that is packed as such. */
static inline uint64_t
steps_of(const hpc_chunk *chunk, double value)
{
	double units = value;

	if (chunk->decimals > 0)
		units = (double) nearest_units(value, units_per_one[chunk->decimals]);
	if (chunk->step == 1)
		return (uint64_t) (int64_t) (units - chunk->base);
	return (uint64_t) (int64_t) ((units - chunk->base) / chunk->step);
}

#define PACK_STEPS(type)             \
	for (uint32_t i = 0; i < n; i++) \
	((type *) chunk->values)[i] =    \
		isnan(values[i]) ? (type) -1 : (type) steps_of(chunk, values[i])

static void
fill(hpc_chunk *chunk, const double *values, uint32_t n)
{
	switch ((hpc_packing) chunk->packing)
	{
		case HPC_PACK_8:
			PACK_STEPS(uint8_t);
			break;
		case HPC_PACK_16:
			PACK_STEPS(uint16_t);
			break;
		case HPC_PACK_32:
			PACK_STEPS(uint32_t);
			break;
		case HPC_PACK_FLOAT:
			for (uint32_t i = 0; i < n; i++)
				((float *) chunk->values)[i] = (float) values[i];
			break;
		case HPC_PACK_DOUBLE:
			memcpy(chunk->values, values, n * sizeof(double));
			break;
		case HPC_PACK_SAME:
			break;
	}
}

hpc_status
hpc_chunk_pack(hpc_env *env, hpc_arena *arena, const double *values,
			   uint32_t n, hpc_chunk *chunk)
{
	memset(chunk, 0, sizeof(*chunk));
	choose_packing(values, n, chunk);
	if (chunk->packing == HPC_PACK_SAME)
		return HPC_OK;
	chunk->values = hpc_arena_alloc(env, arena, hpc_chunk_nbytes(chunk, n));
	if (chunk->values == NULL)
		return HPC_NO_MEMORY;
	fill(chunk, values, n);
	return HPC_OK;
}

/* ---------- unpacking ---------- */

#define UNPACK_STEPS(type, is_missing)                                       \
	for (uint32_t i = 0; i < n; i++)                                         \
	{                                                                        \
		type steps = ((const type *) chunk->values)[first + i];              \
                                                                             \
		out[i] =                                                             \
			(is_missing) && steps == (type) -1 ? none : base + step * steps; \
	}

/* The loop is written for each width, without and with missing values. */
#define UNPACK(type)                  \
	do                                \
	{                                 \
		if (chunk->missing)           \
			UNPACK_STEPS(type, true)  \
		else                          \
			UNPACK_STEPS(type, false) \
	} while (0)

void
hpc_chunk_unpack(const hpc_chunk *chunk, uint32_t first, uint32_t n,
				 double *out)
{
	const double none = NAN;
	const double base = chunk->base;
	const double step = chunk->step;
	const double per_one = units_per_one[chunk->decimals];

	switch ((hpc_packing) chunk->packing)
	{
		case HPC_PACK_SAME:
			for (uint32_t i = 0; i < n; i++)
				out[i] = base;
			return;
		case HPC_PACK_8:
			UNPACK(uint8_t);
			break;
		case HPC_PACK_16:
			UNPACK(uint16_t);
			break;
		case HPC_PACK_32:
			UNPACK(uint32_t);
			break;
		case HPC_PACK_FLOAT:
			for (uint32_t i = 0; i < n; i++)
				out[i] = ((const float *) chunk->values)[first + i];
			return;
		case HPC_PACK_DOUBLE:
			memcpy(out, (const double *) chunk->values + first,
				   n * sizeof(double));
			return;
	}
	if (per_one != 1)
	{
		for (uint32_t i = 0; i < n; i++)
			out[i] /= per_one;
	}
}

void
hpc_chunk_unpack_codes(const hpc_chunk *chunk, uint32_t first, uint32_t n,
					   uint32_t *out)
{
	const uint32_t none = UINT32_MAX;
	uint32_t base;
	uint32_t step;

	if (chunk->packing == HPC_PACK_SAME)
	{
		base = isnan(chunk->base) ? none : (uint32_t) chunk->base;
		for (uint32_t i = 0; i < n; i++)
			out[i] = base;
		return;
	}
	base = (uint32_t) chunk->base;
	step = (uint32_t) chunk->step;
	if (chunk->packing == HPC_PACK_8)
		UNPACK(uint8_t);
	else if (chunk->packing == HPC_PACK_16)
		UNPACK(uint16_t);
	else
		UNPACK(uint32_t);
}
