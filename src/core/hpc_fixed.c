/*
 * hpc_fixed.c
 *		Choosing the units in which targets are integers.
 *
 * With C bits for the sum of weights, narrow cells leave 62 - C for the sum of
 * |weight × q|.  The unit is the largest power of two of which all targets
 * are multiples (1 for whole numbers), if sums fit; else the smallest for
 * which they do.  Where that would leave fewer than 2^12 units between the
 * quartiles of the distinct targets, cells are wide and have 62 bits.
 *
 * Leaves get means of targets in the finest unit that 62 bits allow.  Where
 * even there targets become one that differ by more than a millionth of the
 * distance between the quartiles, it is an error: some target is so far from
 * the others that beside it they have no digits left.
 *
 * Quartiles are of distinct targets, since more than half of the rows may
 * have the same one, and say nothing of the few far ones.
 *
 * The bound: with copies drawn Poisson(1), the weight of a bag exceeds twice
 * the table's, plus the most that one row can have, with a probability below
 * 1e-13 (Chernoff); the forest looks, and does not use such a bag.
 */
#include <math.h>
#include <string.h>

#include "hpc_fixed.h"
#include "hpc_memory.h"
#include "hpc_sort.h"

#define SUM_BITS 62
#define LEAST_SPREAD 4096 /* units */
#define MAX_WEIGHT_BITS 31

/* Units in which magnitudes are added up: 31 bits each. */
#define MAGNITUDE_BITS 31

/* Targets closer than this may become one, relative to themselves ... */
#define MERGE_TOLERANCE 1e-12

/* ... or to the distance between the quartiles. */
#define MERGE_SPREAD 0x1p-20

/* Fewer distinct targets than this have no quartiles. */
#define LEAST_DISTINCT 5

/* What is known of the targets of a frame. */
typedef struct target_facts
{
	uint32_t copies;
	double least;
	double greatest;
	double center;
	int lowest_bit; /* all are multiples of 2^this */
	double weight;  /* of all rows, in units */
	double heaviest;
	int magnitude_step;
	double magnitude;   /* sum of weight × |y - center|, in that step */
	double largest;     /* of weight × |y - center|, likewise */
	double half_spread; /* half the distance between the quartiles */
} target_facts;

/* Exponent of the lowest bit set in a number. */
static int
lowest_bit(double number)
{
	uint64_t bits;
	int exponent;

	memcpy(&bits, &number, sizeof(bits));
	exponent = (int) (bits >> 52 & 2047);
	bits &= (UINT64_C(1) << 52) - 1;
	if (exponent > 0)
		bits |= UINT64_C(1) << 52;
	else
		exponent = 1;
	return bits == 0 ? 1023 : exponent - 1075 + __builtin_ctzll(bits);
}

/*
 * Units of weight: 31 bits for twice the sum of all and the heaviest row's
 * copies.
 */
static hpc_status
choose_weight_step(hpc_env *env, const hpc_frame *frame, target_facts *facts,
				   hpc_fixed *fixed)
{
	hpc_sum sum;
	double total;
	double heaviest = 0;

	fixed->weight_step = 0;
	fixed->weight_unit = 1;
	if (frame->weight == NULL)
		return HPC_OK;
	hpc_sum_init(&sum);
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		double weight = frame->weight[row] * hpc_row_count(frame, row);

		hpc_sum_add(&sum, weight);
		if (weight > heaviest)
			heaviest = weight;
		if (hpc_poll(env, row))
			return HPC_CANCELLED;
	}
	total = 2 * hpc_sum_round(&sum) + facts->copies * heaviest;
	fixed->weight_step = hpc_exponent_above(total) - MAX_WEIGHT_BITS + 1;
	fixed->weight_unit = hpc_scale(1, -fixed->weight_step);
	return HPC_OK;
}

static hpc_status
scan_range(hpc_env *env, const hpc_frame *frame, target_facts *facts)
{
	facts->least = facts->greatest = frame->target[0];
	facts->lowest_bit = 1023;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		double target = frame->target[row];
		int bit = lowest_bit(target);

		if (target < facts->least)
			facts->least = target;
		if (target > facts->greatest)
			facts->greatest = target;
		if (bit < facts->lowest_bit)
			facts->lowest_bit = bit;
		if (hpc_poll(env, row))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/* Size of the largest target. */
static double
largest_target(const target_facts *facts)
{
	return fmax(fabs(facts->least), fabs(facts->greatest));
}

/* Center: the mean, which is what makes the sum of |q| small. */
static hpc_status
scan_center(hpc_env *env, const hpc_frame *frame, target_facts *facts)
{
	int unit = hpc_exponent_above(largest_target(facts));
	hpc_sum sum;

	hpc_sum_init(&sum);
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		hpc_sum_add_times(&sum, hpc_scale(frame->target[row], -unit),
						  hpc_row_count(frame, row));
		if (hpc_poll(env, row))
			return HPC_CANCELLED;
	}
	facts->center =
		hpc_scale(hpc_sum_round(&sum) / (double) frame->ncopies, unit);
	return HPC_OK;
}

/* How far apart targets are: sums of integers that are rounded up. */
static hpc_status
scan_magnitudes(hpc_env *env, const hpc_frame *frame, const hpc_fixed *fixed,
				target_facts *facts)
{
	double distance = fmax(facts->greatest * 0.5 - facts->center * 0.5,
						   facts->center * 0.5 - facts->least * 0.5);
	unsigned __int128 magnitude = 0;
	uint64_t weight = 0;

	facts->magnitude_step = hpc_exponent_above(distance) + 1 - MAGNITUDE_BITS;
	facts->largest = facts->heaviest = 0;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		double half = frame->target[row] * 0.5 - facts->center * 0.5;
		uint64_t units = hpc_fixed_weight(fixed, frame, row) *
						 (uint64_t) hpc_row_count(frame, row);
		uint64_t far =
			(uint64_t) hpc_to_units(fabs(half), facts->magnitude_step - 1) + 1;

		weight += units;
		magnitude += (unsigned __int128) far * units;
		facts->largest = fmax(facts->largest, (double) far * (double) units);
		facts->heaviest = fmax(facts->heaviest, (double) units);
		if (hpc_poll(env, row))
			return HPC_CANCELLED;
	}
	facts->weight = (double) weight;
	facts->magnitude = (double) magnitude;
	return HPC_OK;
}

/* Bits of a number that a bound must stay below. */
static int
bits_above(double bound)
{
	return hpc_exponent_above(bound);
}

/* The smallest step for which sums of weight × q have at most these bits. */
static int
smallest_step(const target_facts *facts, int bits)
{
	/* rounding adds up to half a unit, and centering another, per weight */
	double rounding = 2 * facts->weight + facts->copies * facts->heaviest;
	double sum = 2 * facts->magnitude + facts->copies * facts->largest;
	int step = facts->magnitude_step + hpc_exponent_above(sum) - bits;
	/* y itself in these units must fit as well */
	int least = hpc_exponent_above(largest_target(facts)) - SUM_BITS + 1;

	if (step < least)
		step = least;
	while (hpc_scale(sum, facts->magnitude_step - step) + rounding >=
		   hpc_scale(1, bits))
		step++;
	return step;
}

static void
choose_steps(const target_facts *facts, hpc_fixed *fixed)
{
	double bag = 2 * facts->weight + facts->copies * facts->heaviest;
	int smallest;

	fixed->wide = false;
	fixed->weight_bits = bits_above(bag);
	smallest = smallest_step(facts, SUM_BITS - fixed->weight_bits);
	fixed->lossless = facts->lowest_bit >= smallest;
	fixed->step = fixed->lossless ? facts->lowest_bit : smallest;
	fixed->fine_step = smallest_step(facts, SUM_BITS);
	if (fixed->fine_step < facts->lowest_bit)
		fixed->fine_step = facts->lowest_bit;
}

static void
choose_wide(const target_facts *facts, hpc_fixed *fixed)
{
	fixed->wide = true;
	fixed->step = fixed->fine_step;
	fixed->lossless = facts->lowest_bit >= fixed->step;
}

/* ---------- all targets in order ---------- */

static hpc_status
fail_merged(hpc_env *env, const hpc_frame *frame, const target_facts *facts,
			double a, double b)
{
	double outlier =
		facts->greatest - facts->center >= facts->center - facts->least
			? facts->greatest
			: facts->least;

	if (frame->log_target)
	{
		outlier = hpc_exp(outlier);
		a = hpc_exp(a);
		b = hpc_exp(b);
	}
	hpc_fail(env, HPC_BAD_DATA,
			 "target value %.15g is too far from the others", outlier);
	hpc_fail_detail(env,
					"Beside it the targets %.17g and %.17g cannot be told "
					"apart.",
					a, b);
	hpc_fail_hint(env,
				  "Correct the row or leave it out with FILTER (WHERE ...).");
	return HPC_BAD_DATA;
}

/* keys[*n]: the distinct targets in order; spare[frame->nrows]. */
static bool
sort_targets(hpc_env *env, const hpc_frame *frame, uint64_t *keys,
			 uint64_t *spare, uint32_t *n)
{
	uint32_t nkept = 0;

	for (uint32_t row = 0; row < frame->nrows; row++)
		keys[row] = hpc_sortable(frame->target[row]);
	if (!hpc_sort_keys(env, frame->nrows, keys, spare))
		return false;
	for (uint32_t i = 0; i < frame->nrows; i++)
	{
		if (nkept == 0 || keys[i] != keys[nkept - 1])
			keys[nkept++] = keys[i];
		if (hpc_poll(env, i))
			return false;
	}
	*n = nkept;
	return true;
}

static double
half_distance(const uint64_t *keys, uint32_t from, uint32_t to)
{
	return hpc_from_sortable(keys[to]) * 0.5 -
		   hpc_from_sortable(keys[from]) * 0.5;
}

/* Distance of the quartiles; of very few targets, of the nearest two. */
static double
half_spread(const uint64_t *keys, uint32_t n)
{
	double least;

	if (n >= LEAST_DISTINCT)
		return half_distance(keys, (n - 1) / 4, n - 1 - (n - 1) / 4);
	least = n > 1 ? half_distance(keys, 0, 1) : 0;
	for (uint32_t i = 2; i < n; i++)
		least = fmin(least, half_distance(keys, i - 1, i));
	return least;
}

/* Do targets become one that are not nearly equal? */
static hpc_status
check_merges(hpc_env *env, const hpc_frame *frame, const target_facts *facts,
			 const hpc_fixed *fixed, const uint64_t *keys, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
	{
		double a = hpc_from_sortable(keys[i - 1]);
		double b = hpc_from_sortable(keys[i]);

		if (hpc_fixed_fine_target(fixed, a) ==
				hpc_fixed_fine_target(fixed, b) &&
			b - a > MERGE_TOLERANCE * fmax(fabs(a), fabs(b)) &&
			b - a > 2 * MERGE_SPREAD * facts->half_spread)
			return fail_merged(env, frame, facts, a, b);
		if (hpc_poll(env, i))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/* Takes wide cells where narrow ones hide too much, or says who is to blame. */
static hpc_status
look_closely(hpc_env *env, const hpc_frame *frame, target_facts *facts,
			 hpc_fixed *fixed)
{
	uint64_t *keys = hpc_alloc(env, frame->nrows, sizeof(uint64_t));
	uint64_t *spare = hpc_alloc(env, frame->nrows, sizeof(uint64_t));
	hpc_status status = HPC_NO_MEMORY;
	uint32_t n;

	if (keys != NULL && spare != NULL)
		status =
			sort_targets(env, frame, keys, spare, &n) ? HPC_OK : HPC_CANCELLED;
	if (status == HPC_OK)
	{
		facts->half_spread = half_spread(keys, n);
		if (hpc_scale(facts->half_spread, -fixed->step) < LEAST_SPREAD * 0.5 &&
			n > 1)
			choose_wide(facts, fixed);
		status = check_merges(env, frame, facts, fixed, keys, n);
	}
	hpc_free(env, keys);
	hpc_free(env, spare);
	return status;
}

hpc_status
hpc_fixed_choose(hpc_env *env, const hpc_frame *frame, uint32_t copies,
				 hpc_fixed *fixed)
{
	target_facts facts = {.copies = copies};
	hpc_status status = scan_range(env, frame, &facts);

	if (status == HPC_OK)
		status = scan_center(env, frame, &facts);
	if (status == HPC_OK)
		status = choose_weight_step(env, frame, &facts, fixed);
	if (status == HPC_OK)
		status = scan_magnitudes(env, frame, fixed, &facts);
	if (status != HPC_OK)
		return status;
	fixed->largest = largest_target(&facts);
	choose_steps(&facts, fixed);
	if (frame->weight != NULL)
		choose_wide(&facts, fixed);
	fixed->fine_center = hpc_to_units(facts.center, fixed->fine_step);
	if (!fixed->lossless)
		status = look_closely(env, frame, &facts, fixed);
	fixed->center = hpc_to_units(facts.center, fixed->step);
	return status;
}

double
hpc_fixed_mean(int step, int64_t center, int64_t sum, uint64_t weight)
{
	int64_t whole = sum / (int64_t) weight;
	int64_t rest = sum % (int64_t) weight;

	/* a pure node has no rest: its mean is the target itself, to the bit */
	return hpc_scale((double) (center + whole) +
						 (double) rest / (double) weight,
					 step);
}
