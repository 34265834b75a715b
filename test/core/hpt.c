/*
 * hpt.c
 *		What the unit tests of the core share: TAP lines, an environment that
 *		counts and refuses memory, and random numbers from a seed.
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpt.h"

static int nchecked;
static int nfailed;

bool
hpt_ok(bool passed, const char *format, ...)
{
	va_list args;

	nchecked++;
	if (!passed)
		nfailed++;
	printf("%sok %d - ", passed ? "" : "not ", nchecked);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	return passed;
}

void
hpt_note(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

bool
hpt_same_bits(double actual, double expected, const char *name)
{
	bool same = memcmp(&actual, &expected, sizeof(actual)) == 0;

	hpt_ok(same, "%s", name);
	if (!same)
		hpt_note("got %a (%.17g), expected %a (%.17g)", actual, actual,
				 expected, expected);
	return same;
}

bool
hpt_is_string(const char *actual, const char *expected, const char *name)
{
	bool same = strcmp(actual, expected) == 0;

	hpt_ok(same, "%s", name);
	if (!same)
		hpt_note("got \"%s\", expected \"%s\"", actual, expected);
	return same;
}

int
hpt_done(void)
{
	printf("1..%d\n", nchecked);
	return nfailed > 0;
}

/* ---------- memory ---------- */

/* The resize hook: malloc and its kin, with a count and planned refusals. */
static void *
resize(void *opaque, void *ptr, size_t size)
{
	hpt_memory *memory = opaque;
	void *block;

	if (size == 0)
	{
		if (ptr != NULL)
			memory->nblocks--;
		free(ptr);
		return NULL;
	}
	memory->nrequests++;
	if (memory->nrequests == memory->fail_at)
		return NULL;
	block = realloc(ptr, size);
	if (block != NULL && ptr == NULL)
		memory->nblocks++;
	return block;
}

static bool
check(void *opaque)
{
	hpt_memory *memory = opaque;

	memory->nchecks++;
	return memory->nchecks == memory->cancel_at;
}

void
hpt_memory_init(hpt_memory *memory, int nthreads)
{
	memset(memory, 0, sizeof(*memory));
	memory->env.resize = resize;
	memory->env.check = check;
	memory->env.opaque = memory;
	memory->env.nthreads = nthreads;
}

/* ---------- random numbers ---------- */

uint64_t
hpt_random_bits(hpt_random *random)
{
	uint64_t x = random->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

uint64_t
hpt_random_below(hpt_random *random, uint64_t n)
{
	return hpt_random_bits(random) % n;
}

double
hpt_random_unit(hpt_random *random)
{
	return (double) (hpt_random_bits(random) >> 11) * 0x1p-53;
}

/* Sum of twelve uniform numbers. */
double
hpt_random_normal(hpt_random *random)
{
	double sum = -6;
	int i;

	for (i = 0; i < 12; i++)
		sum += hpt_random_unit(random);
	return sum;
}

double
hpt_random_double(hpt_random *random, int low, int high)
{
	uint64_t range = (uint64_t) (high - low + 1);
	double mantissa = 1 + hpt_random_unit(random);
	int exponent = low + (int) hpt_random_below(random, range);

	if (hpt_random_bits(random) & 1)
		mantissa = -mantissa;
	return ldexp(mantissa, exponent);
}

void
hpt_shuffle(hpt_random *random, void *items, size_t n, size_t size)
{
	char *base = items;
	size_t i;
	size_t j;
	size_t b;

	for (i = n; i > 1; i--)
	{
		j = (size_t) hpt_random_below(random, i);
		for (b = 0; b < size; b++)
		{
			char held = base[(i - 1) * size + b];

			base[(i - 1) * size + b] = base[j * size + b];
			base[j * size + b] = held;
		}
	}
}
