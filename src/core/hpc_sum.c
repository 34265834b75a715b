/*
 * hpc_sum.c
 *		Exact sums of doubles: the same bits in whatever order they come.
 *
 * A double is an integer of 53 bits times a power of two not below 2^-1074.
 * So every sum of doubles is an integer in units of 2^-1074, of some 2,100
 * bits plus room for carries, and integers add without rounding:
 *
 *		chunk    66        ...        2          1          0
 *		      +--------+--------+----------+----------+----------+
 *		      | sign   |        | 2^64 ... | 2^32 ... | 1, 2 ... |  units
 *		      +--------+--------+----------+----------+----------+
 *		                            |   53 bits, shifted   |
 *
 * A chunk is a signed 64-bit number with the weight of 32 bits, so its upper
 * half takes the carries of many additions.  One addend changes no chunk by
 * more than 2^53; after carry() chunks 0 to 65 lie within 0 and 2^32.
 *
 * Invariant: |chunk| < (nadds + 1) * 2^53 for all but the last one, with
 * nadds at most MAX_ADDS.  The last chunk holds what is beyond 2^1038 and
 * the sign; it would take 2^77 of the largest double to overflow it.
 *
 * Cost: an addition touches two chunks; every MAX_ADDS additions pay one pass
 * over all of them.  Rounding costs two passes.
 *
 * The rounded sum is rounded once, to nearest, ties to even.  A sum of zero
 * is +0, whatever the signs of its zeros.  Intermediate sums cannot overflow.
 *
 * Literature: Neal, "Fast exact summation using small and large
 * superaccumulators" (2015), section 2; Kulisch (2002) for the idea.
 */
#include <math.h>
#include <string.h>

#include "hpc.h"

__extension__ typedef unsigned __int128 uint128;

#define MASK32 UINT64_C(0xffffffff)
#define MAX_ADDS 512

/* Beyond this position no finite double has a bit. */
#define NBITS (2046 + 52)

enum
{
	SAW_NAN = 1,
	SAW_PLUS_INFINITY = 2,
	SAW_MINUS_INFINITY = 4
};

/* A finite double taken apart: mantissa * 2^(shift - 1074), with sign. */
typedef struct parts
{
	uint64_t mantissa;
	int shift;
	bool negative;
} parts;

static inline uint64_t
double_bits(double x)
{
	uint64_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

static inline double
double_of_bits(uint64_t bits)
{
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

static inline bool
is_finite(double x)
{
	return (double_bits(x) >> 52 & 0x7ff) != 0x7ff;
}

/* x must be finite. */
static inline parts
take_apart(double x)
{
	uint64_t bits = double_bits(x);
	int exponent = (int) (bits >> 52 & 0x7ff);
	parts p;

	p.negative = (bits >> 63) != 0;
	p.mantissa = bits & ((UINT64_C(1) << 52) - 1);
	p.shift = 0;
	if (exponent > 0)
	{
		p.mantissa |= UINT64_C(1) << 52;
		p.shift = exponent - 1;
	}
	return p;
}

/* x or -x, without a branch: signs of residuals are hard to foretell. */
static inline int64_t
with_sign(int64_t x, bool negative)
{
	int64_t mask = -(int64_t) negative;

	return (x ^ mask) - mask;
}

static void
note_nonfinite(hpc_sum *sum, double x)
{
	if (x != x)
		sum->nonfinite |= SAW_NAN;
	else
		sum->nonfinite |= x > 0 ? SAW_PLUS_INFINITY : SAW_MINUS_INFINITY;
}

/* Brings all chunks but the last within 0 and 2^32 - 1; the value stays. */
static void
carry(hpc_sum *sum)
{
	int64_t over = 0;
	int i;

	for (i = 0; i < HPC_SUM_CHUNKS - 1; i++)
	{
		int64_t total = sum->chunk[i] + over;
		int64_t low = (int64_t) ((uint64_t) total & MASK32);

		over = (total - low) / (INT64_C(1) << 32);
		sum->chunk[i] = low;
	}
	sum->chunk[HPC_SUM_CHUNKS - 1] += over;
	sum->nadds = 0;
}

/* Makes room for one more change of each chunk by up to 2^53. */
static inline void
count_addition(hpc_sum *sum)
{
	if (++sum->nadds > MAX_ADDS)
	{
		carry(sum);
		sum->nadds = 1;
	}
}

/*
 * Adds an integer of up to 106 bits times 2^(shift - 1074).  Zero words are
 * passed over: they may lie beyond the last chunk.
 */
static void
add_wide(hpc_sum *sum, uint128 integer, int shift, bool negative)
{
	int i = shift / 32;
	int rest = shift % 32;
	uint64_t word = (uint64_t) (integer << rest) & MASK32;

	count_addition(sum);
	integer >>= 32 - rest;
	for (;;)
	{
		if (word != 0)
			sum->chunk[i] += with_sign((int64_t) word, negative);
		if (integer == 0)
			break;
		word = (uint64_t) integer & MASK32;
		integer >>= 32;
		i++;
	}
}

void
hpc_sum_init(hpc_sum *sum)
{
	memset(sum, 0, sizeof(*sum));
}

void
hpc_sum_add(hpc_sum *sum, double x)
{
	parts p;
	int64_t low;
	int64_t high;
	int64_t *chunk;

	if (!is_finite(x))
	{
		note_nonfinite(sum, x);
		return;
	}
	count_addition(sum);
	p = take_apart(x);
	chunk = sum->chunk + p.shift / 32;
	low = (int64_t) ((p.mantissa << p.shift % 32) & MASK32);
	high = (int64_t) (p.mantissa >> (32 - p.shift % 32));
	chunk[0] += with_sign(low, p.negative);
	chunk[1] += with_sign(high, p.negative);
}

/* The same as that many calls of hpc_sum_add. */
void
hpc_sum_add_times(hpc_sum *sum, double x, uint32_t times)
{
	parts p;

	if (times == 0)
		return;
	if (!is_finite(x))
	{
		note_nonfinite(sum, x);
		return;
	}
	p = take_apart(x);
	add_wide(sum, (uint128) p.mantissa * times, p.shift, p.negative);
}

/* integer / 2^bits, rounded to nearest, ties to even. */
static uint128
shift_right_rounded(uint128 integer, int bits)
{
	uint128 whole;
	uint128 rest;
	uint128 half;

	if (bits >= 108)
		return 0;
	whole = integer >> bits;
	rest = integer - (whole << bits);
	half = (uint128) 1 << (bits - 1);
	if (rest > half || (rest == half && (whole & 1) != 0))
		whole++;
	return whole;
}

/*
 * Adds x * y without rounding it to a double first.  The product is exact as
 * far as the accumulator's unit 2^-1074 goes; what a tiny product has below
 * is rounded to that unit, ties to even (a function of x and y alone, so the
 * order of additions still does not matter).  A product that rounds to an
 * infinity as a double counts as that infinity.
 */
void
hpc_sum_add_product(hpc_sum *sum, double x, double y)
{
	double rounded = x * y;
	parts p;
	parts q;
	uint128 integer;
	int shift;

	if (!is_finite(rounded))
	{
		note_nonfinite(sum, rounded);
		return;
	}
	p = take_apart(x);
	q = take_apart(y);
	integer = (uint128) p.mantissa * q.mantissa;
	shift = p.shift + q.shift - 1074;
	if (shift < 0)
	{
		integer = shift_right_rounded(integer, -shift);
		shift = 0;
	}
	add_wide(sum, integer, shift, p.negative != q.negative);
}

void
hpc_sum_merge(hpc_sum *sum, const hpc_sum *other)
{
	hpc_sum addend = *other;
	int i;

	carry(&addend);
	count_addition(sum);
	for (i = 0; i < HPC_SUM_CHUNKS; i++)
		sum->chunk[i] += addend.chunk[i];
	sum->nonfinite |= other->nonfinite;
}

/* What IEEE addition gives of the infinities and NaNs that were seen. */
static double
round_nonfinite(uint32_t nonfinite)
{
	if (nonfinite == SAW_PLUS_INFINITY)
		return INFINITY;
	if (nonfinite == SAW_MINUS_INFINITY)
		return -INFINITY;
	return double_of_bits(UINT64_C(0x7ff8000000000000));
}

/* Turns the sum into sign and magnitude, chunks within 0 and 2^32 - 1. */
static bool
make_magnitude(hpc_sum *sum)
{
	int i;

	carry(sum);
	if (sum->chunk[HPC_SUM_CHUNKS - 1] >= 0)
		return false;
	for (i = 0; i < HPC_SUM_CHUNKS; i++)
		sum->chunk[i] = -sum->chunk[i];
	carry(sum);
	return true;
}

/*
 * The magnitude's 64 bits from position low upwards; below 0 there are only
 * zeros.  A bit lost below low is remembered in *sticky.
 */
static uint64_t
bits_from(const hpc_sum *sum, int low, bool *sticky)
{
	uint64_t bits = 0;
	int i;

	*sticky = false;
	for (i = 0; i < HPC_SUM_CHUNKS; i++)
	{
		uint64_t word = (uint64_t) sum->chunk[i];
		int shift = 32 * i - low;

		if (shift >= 64 || word == 0)
			continue;
		if (shift >= 0)
			bits |= word << shift;
		else if (shift > -32)
		{
			bits |= word >> -shift;
			if ((word & ((UINT64_C(1) << -shift) - 1)) != 0)
				*sticky = true;
		}
		else
			*sticky = true;
	}
	return bits;
}

/* Position of the magnitude's highest bit, or -1 where it is zero. */
static int
highest_bit(const hpc_sum *sum)
{
	int i;
	int bit;

	for (i = HPC_SUM_CHUNKS - 1; i >= 0; i--)
	{
		if (sum->chunk[i] != 0)
		{
			for (bit = 0; (uint64_t) sum->chunk[i] >> bit > 1; bit++)
				;
			return 32 * i + bit;
		}
	}
	return -1;
}

/* A magnitude as a double, rounded once. */
static double
round_magnitude(const hpc_sum *sum)
{
	int highest = highest_bit(sum);
	uint64_t bits;
	uint64_t mantissa;
	uint64_t rest;
	bool sticky;

	if (highest >= NBITS)
		return INFINITY;
	if (highest < 53)
	{
		/* units of 2^-1074 are how denormals are written */
		return double_of_bits(bits_from(sum, 0, &sticky));
	}
	bits = bits_from(sum, highest - 63, &sticky);
	mantissa = bits >> 11;
	rest = bits & 0x7ff;
	if (rest > 0x400 || (rest == 0x400 && (sticky || (mantissa & 1) != 0)))
		mantissa++;

	/*
	 * The leading bit of the mantissa adds one to the exponent, and so does
	 * the carry of a mantissa rounded up to 2^53; past the largest double
	 * this makes the bits of infinity.
	 */
	return double_of_bits(((uint64_t) (highest - 52) << 52) + mantissa);
}

double
hpc_sum_round(const hpc_sum *sum)
{
	hpc_sum copy = *sum;
	bool negative;
	double magnitude;

	if (sum->nonfinite != 0)
		return round_nonfinite(sum->nonfinite);
	negative = make_magnitude(&copy);
	magnitude = round_magnitude(&copy);
	return negative ? -magnitude : magnitude;
}

/* low is 0 where high is not finite. */
void
hpc_sum_round2(const hpc_sum *sum, double *high, double *low)
{
	hpc_sum rest = *sum;

	*high = hpc_sum_round(sum);
	*low = 0;
	if (!is_finite(*high))
		return;
	hpc_sum_add(&rest, -*high);
	*low = hpc_sum_round(&rest);
}

/*
 * Adds factor times the sum of others, which is taken apart into doubles: the
 * first three hold 159 bits of it, more than two values of a double can differ
 * by without being equal.
 */
static void
add_multiple(hpc_sum *sum, const hpc_sum *other, double factor)
{
	hpc_sum rest = *other;
	int i;

	for (i = 0; i < 3; i++)
	{
		double piece = hpc_sum_round(&rest);

		hpc_sum_add_product(sum, factor, piece);
		if (!is_finite(piece))
			return;
		hpc_sum_add(&rest, -piece);
	}
}

/*
 * The mean m is rounded, so all is made to hold for any m near it:
 *
 *		deviations = D - r^2 / n,	D = sum (x - m)^2 = squares - 2 m sum + n m^2
 *									r = sum (x - m)	  = sum - n m
 *
 * of which n D - r^2 is summed exactly, and divided by n last.  Squares below
 * 2^-1074 are lost: values all below 1e-162 count as equal.
 */
double
hpc_sum_deviations(const hpc_sum *values, const hpc_sum *squares, uint64_t n)
{
	double count = (double) n;
	double mean = hpc_sum_round(values) / count;
	hpc_sum about = *squares;
	hpc_sum rest = *values;
	hpc_sum total;
	hpc_sum nm;
	double high;
	double low;

	if (!is_finite(mean) || squares->nonfinite != 0)
		return hpc_sum_round(squares) - mean;
	add_multiple(&about, values, -mean);
	add_multiple(&about, values, -mean);
	hpc_sum_init(&nm);
	hpc_sum_add_product(&nm, mean, count);
	add_multiple(&about, &nm, mean);
	add_multiple(&rest, &nm, -1);

	hpc_sum_init(&total);
	add_multiple(&total, &about, count);
	hpc_sum_round2(&rest, &high, &low);
	hpc_sum_add_product(&total, -high, high);
	hpc_sum_add_product(&total, -high, 2 * low);
	hpc_sum_add_product(&total, -low, low);
	return hpc_sum_round(&total) / count;
}
