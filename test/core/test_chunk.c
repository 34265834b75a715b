/*
 * test_chunk.c
 *		Packed values come out as they went in, to the bit, in as few bytes
 *		as they can be.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_chunk.h"
#include "hpc_memory.h"
#include "hpt.h"

#define MAX_VALUES 600

/* The same double; any NaN is as good as another. */
static bool
same_value(double a, double b)
{
	if (isnan(a) || isnan(b))
		return isnan(a) && isnan(b);
	return memcmp(&a, &b, sizeof(a)) == 0;
}

/* Do all values come out, from whatever place on? */
static bool
comes_out(const hpc_chunk *chunk, const double *values, uint32_t n,
		  hpt_random *random)
{
	double out[MAX_VALUES + 1];
	uint32_t nwrong = 0;

	for (int i = 0; i < 5; i++)
	{
		uint32_t first = i == 0 ? 0 : (uint32_t) hpt_random_below(random, n);
		uint32_t count =
			i == 0 ? n : (uint32_t) hpt_random_below(random, n - first + 1);

		out[count] = 42;
		hpc_chunk_unpack(chunk, first, count, out);
		for (uint32_t j = 0; j < count; j++)
			nwrong += !same_value(out[j], values[first + j]);
		nwrong += out[count] != 42;
	}
	return nwrong == 0;
}

/* Bytes that n values take; SIZE_MAX: they do not come out as they were. */
static size_t
packed_bytes(const double *values, uint32_t n, hpt_random *random)
{
	hpt_memory memory;
	hpc_arena arena = {0};
	hpc_chunk chunk;
	size_t nbytes = SIZE_MAX;

	hpt_memory_init(&memory, 1);
	if (hpc_chunk_pack(&memory.env, &arena, values, n, &chunk) != HPC_OK)
		return SIZE_MAX;
	if (comes_out(&chunk, values, n, random))
		nbytes = hpc_chunk_nbytes(&chunk, n);
	hpc_arena_free(&memory.env, &arena);
	return memory.nblocks == 0 ? nbytes : SIZE_MAX;
}

/* ---------- as narrow as can be ---------- */

/* A few values, and bytes for each of them. */
typedef struct width_case
{
	const char *what;
	double values[6];
	int n;
	size_t width;
} width_case;

static const width_case width_cases[] = {
	{"one value", {7.25}, 1, 0},
	{"equal values", {M_PI, M_PI, M_PI}, 3, 0},
	{"nothing but missing values", {NAN, NAN}, 2, 0},
	{"zeros of both signs", {0.0, -0.0}, 2, 4},
	{"a value and a missing one", {-3, NAN}, 2, 1},
	{"a fraction and a missing one", {M_PI, NAN}, 2, 8},
	{"255 steps", {1000, 1255, 1001}, 3, 1},
	{"256 steps", {1000, 1256, 1001}, 3, 2},
	{"254 steps and a missing value", {1000, 1254, NAN, 1001}, 4, 1},
	{"255 steps and a missing value", {1000, 1255, NAN, 1001}, 4, 2},
	{"65,535 steps", {-30000, 35535, -29999}, 3, 2},
	{"65,536 steps", {-30000, 35536, -29999}, 3, 4},
	{"65,534 steps and a missing value", {NAN, -30000, 35534, 1}, 4, 2},
	{"65,535 steps and a missing value", {NAN, -30000, 35535, 1}, 4, 4},
	{"2^32 - 1 steps", {5, 4294967300.0, 6}, 3, 4},
	{"2^32 steps", {5, 4294967301.0, 6}, 3, 8},
	{"2^32 - 2 steps and a missing value", {5, 4294967299.0, 6, NAN}, 4, 4},
	{"2^32 - 1 steps and a missing value", {5, 4294967300.0, 6, NAN}, 4, 8},
	{"hundreds", {85000, 129900, 75000, NAN}, 4, 2},
	{"hundreds, and one that is not", {85000, 159900, 75001, NAN}, 4, 4},
	{"days", {0, 86400e6, 250 * 86400e6, NAN}, 4, 1},
	{"days long ago", {-9131 * 86400e6, -1 * 86400e6, -3 * 86400e6}, 3, 2},
	{"far from zero", {0x1p52, 0x1p52 - 200, 0x1p52 - 3}, 3, 1},
	{"whole numbers far apart", {-0x1p52, 0x1p52, 1}, 3, 4},
	{"whole doubles far apart", {-0x1p52, 0x1p52, 0x1p52 - 1}, 3, 8},
	{"odd beyond 2^53", {0x1p53 + 2, 0x1p53 - 1, 0x1p53}, 3, 8},
	{"halves", {2.5, 1, 3, 1.5, NAN}, 5, 1},
	{"tenths", {0.1, 0.2, 0.3, 0.7}, 4, 1},
	{"negative tenths", {-0.1, 0.1, -0.3, 0.7}, 4, 1},
	{"cents", {1234.56, 99.99, 250000}, 3, 4},
	{"ten thousandths", {0.0001, 0.0003, 0.025}, 3, 1},
	{"what is no tenth", {0.1 + 0.2, 0.1, 0.2}, 3, 8},
	{"hundred thousandths", {0.00001, 0.00003, 0.02501}, 3, 8},
	{"floats", {1 / 3.0f, 2 / 3.0f, NAN}, 3, 4},
	{"a float and zero below", {1 / 3.0f, -0.0}, 2, 4},
	{"doubles", {1 / 3.0, 2 / 3.0, NAN}, 3, 8},
	{"infinities", {INFINITY, -INFINITY, 0}, 3, 4},
	{"an infinity and a double", {INFINITY, 0.3, 1 / 3.0}, 3, 8},
	{"denormal", {4.9e-324, 0, 2.2e-310}, 3, 8},
	{"greatest", {DBL_MAX, -DBL_MAX, 1}, 3, 8},
	{"greatest floats", {FLT_MAX, -FLT_MAX, FLT_TRUE_MIN}, 3, 4},
};

#define NWIDTHS (sizeof(width_cases) / sizeof(width_cases[0]))

static void
check_widths(void)
{
	hpt_random random = {1};

	for (size_t i = 0; i < NWIDTHS; i++)
	{
		const width_case *c = &width_cases[i];
		uint32_t n = (uint32_t) c->n;
		size_t nbytes = packed_bytes(c->values, n, &random);

		if (!hpt_ok(nbytes == n * c->width, "%s", c->what))
			hpt_note("%d bytes, not %d", (int) nbytes, (int) (n * c->width));
	}
}

/* ---------- to the bit ---------- */

/* Numbers of some kind, to be mixed. */
static double
draw(hpt_random *random, int kind)
{
	static const double units[] = {1, 10, 100, 1000, 10000, 100000, 86400e6};
	double whole = (double) (int64_t) hpt_random_bits(random);
	uint64_t below = hpt_random_bits(random) % 50 + 1;
	uint64_t bits = hpt_random_bits(random);
	double any;

	switch (kind)
	{
		case 0:
			return (double) (bits % 256);
		case 1:
			return 1e6 + (double) (bits % 65536);
		case 2:
			return (double) (int32_t) bits;
		case 3: /* whole numbers of up to 52 bits and beyond */
			return floor(whole / (double) (UINT64_C(1) << below));
		case 4: /* decimals */
			return (double) (bits % 100000) / units[below % 7];
		case 5: /* and multiples */
			return (double) (bits % 300) * units[below % 7];
		case 6:
			return (float) hpt_random_double(random, -60, 60);
		case 7:
			return hpt_random_double(random, -1000, 1000);
		default: /* any bits at all */
			memcpy(&any, &bits, sizeof(any));
			return any;
	}
}

#define NKINDS 9

/* Mostly of one kind, some of another, some missing. */
static void
check_random(int kind)
{
	hpt_random random = {(uint64_t) kind + 100};
	double values[MAX_VALUES];
	int nwrong = 0;

	for (int round = 0; round < 3000; round++)
	{
		uint32_t n = (uint32_t) hpt_random_below(&random, MAX_VALUES) + 1;
		int other = (int) hpt_random_below(&random, NKINDS);
		uint64_t rarely = hpt_random_below(&random, 3) == 0 ? 50 : 1000000;

		for (uint32_t i = 0; i < n; i++)
		{
			values[i] = draw(&random, kind);
			if (hpt_random_below(&random, rarely) == 0)
				values[i] = draw(&random, other);
			if (hpt_random_below(&random, rarely) == 0)
				values[i] = NAN;
		}
		nwrong += packed_bytes(values, n, &random) == SIZE_MAX;
	}
	hpt_ok(nwrong == 0, "numbers of kind %d come out to the bit", kind);
}

/* ---------- codes ---------- */

static bool
codes_come_out(uint32_t ncodes, uint32_t step, bool missing,
			   hpt_random *random)
{
	double values[MAX_VALUES];
	uint32_t out[MAX_VALUES];
	hpt_memory memory;
	hpc_arena arena = {0};
	hpc_chunk chunk;
	uint32_t first = (uint32_t) hpt_random_below(random, MAX_VALUES);
	uint32_t nwrong = 0;

	for (uint32_t i = 0; i < MAX_VALUES; i++)
		values[i] = missing && hpt_random_below(random, 4) == 0
						? NAN
						: step * (double) hpt_random_below(random, ncodes);
	hpt_memory_init(&memory, 1);
	if (hpc_chunk_pack(&memory.env, &arena, values, MAX_VALUES, &chunk) !=
		HPC_OK)
		return false;
	hpc_chunk_unpack_codes(&chunk, first, MAX_VALUES - first, out);
	for (uint32_t i = 0; i < MAX_VALUES - first; i++)
		nwrong += isnan(values[first + i])
					  ? out[i] != UINT32_MAX
					  : out[i] != (uint32_t) values[first + i];
	hpc_arena_free(&memory.env, &arena);
	return nwrong == 0;
}

static void
check_codes(void)
{
	static const uint32_t sizes[] = {1,     2,     255,
									 256,   257,   65535,
									 65536, 65537, UINT32_C(1) << 30};
	hpt_random random = {5};
	bool passed = true;

	for (int round = 0; round < 200; round++)
	{
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		{
			passed &= codes_come_out(sizes[i], 1, false, &random);
			passed &= codes_come_out(sizes[i], 1, true, &random);
		}
		passed &= codes_come_out(100, 77, true, &random);
	}
	hpt_ok(passed, "codes come out as integers");
}

static void
check_refused(void)
{
	static const double values[] = {1, 2, 3};
	hpt_memory memory;
	hpc_arena arena = {0};
	hpc_chunk chunk;

	hpt_memory_init(&memory, 1);
	memory.fail_at = 1;
	hpt_ok(hpc_chunk_pack(&memory.env, &arena, values, 3, &chunk) ==
				   HPC_NO_MEMORY &&
			   memory.nblocks == 0,
		   "no memory");
}

int
main(void)
{
	check_widths();
	for (int kind = 0; kind < NKINDS; kind++)
		check_random(kind);
	check_codes();
	check_refused();
	return hpt_done();
}
