/*
 * hpc_design.c
 *		The columns of a linear model, made from the features of a frame.
 *
 * All that is learned here is a function of the weight that the rows of each
 * code have, and these are sums of integers: units of weight.  From them a
 * fixed sequence of operations, over codes in their order, leads to the rest.
 *
 *		number		clipped, where there are more than two values, so that
 *					1/64 of the rows, but at most 16, lie beyond on either
 *					side: one typing error must not bend a line;
 *					log(1 + x) where no value is negative and that is less
 *					skewed; the median where missing, and a flag if 5 rows
 *					are; standardised
 *		category	a flag for each level of at least 3 rows, missing being a
 *					level; the others share one, if they are 10 rows
 *					together.  Levels that training never saw go with these.
 *
 * The rules and their numbers were chosen by the errors of cross-validation
 * on some twenty tables: clipping is what matters most.
 *
 * A bin with several values (from 65,534 distinct ones on) counts as its
 * middle: finer than any coefficient can tell.
 *
 * The number of columns is bounded, since time and memory go with its square:
 * where there are too many flags, levels need more rows, the same for all
 * features.
 *
 * Cost: two passes over the codes; 8 bytes for each code of a number.
 */
#include <math.h>
#include <string.h>

#include "hpc_design.h"
#include "hpc_memory.h"

#define MAX_COLUMNS 2000

#define CLIP_SHARE 64
#define CLIP_ROWS 16
#define MISSING_ROWS 5
#define LEVEL_ROWS 3
#define POOL_ROWS 10

/* A transform is worth it from this skewness on. */
#define LEAST_SKEWNESS 0.3

/* Rows that a level needs: one step of the ladder, each a quarter higher. */
#define LADDER_STEPS 100
#define LADDER_RATIO 1.25

/* Weights are kept with this many bits. */
#define WEIGHT_BITS 31

typedef struct maker
{
	hpc_env *env;
	const hpc_frame *frame;
	hpc_design *design;
	int64_t *units_of; /* [codes of a feature] */
	int ncategories;
	double ladder[LADDER_STEPS];     /* weights that flags may need */
	uint64_t at_least[LADDER_STEPS]; /* flags that have so much */
	double level_units;              /* what they need indeed */
} maker;

/* ---------- weights of rows ---------- */

/* Weight of a row and its copies, in units of 2^unit. */
static double
row_mass(const hpc_frame *frame, uint32_t row, int unit)
{
	return hpc_scale(hpc_row_weight(frame, row), -unit) *
		   hpc_row_count(frame, row);
}

/* The power of two above all weights. */
static hpc_status
weight_unit(const maker *m, int *unit)
{
	double largest = 0;

	for (uint32_t row = 0; row < m->frame->nrows; row++)
	{
		double weight = hpc_row_weight(m->frame, row);

		largest = weight > largest ? weight : largest;
		if (hpc_poll(m->env, row))
			return HPC_CANCELLED;
	}
	*unit = hpc_exponent_above(largest);
	return HPC_OK;
}

/* Weights as integers, in units of a power of two. */
static hpc_status
weigh_rows(const maker *m, uint32_t *units)
{
	const hpc_frame *frame = m->frame;
	double largest = 0;
	int unit = 0;
	int exponent;
	hpc_status status = weight_unit(m, &unit);

	for (uint32_t row = 0; row < frame->nrows && status == HPC_OK; row++)
	{
		double mass = row_mass(frame, row, unit);

		largest = mass > largest ? mass : largest;
		if (hpc_poll(m->env, row))
			status = HPC_CANCELLED;
	}
	exponent = hpc_exponent_above(largest) - WEIGHT_BITS;
	for (uint32_t row = 0; row < frame->nrows && status == HPC_OK; row++)
	{
		units[row] =
			(uint32_t) hpc_to_units(row_mass(frame, row, unit), exponent);
		if (hpc_poll(m->env, row))
			status = HPC_CANCELLED;
	}
	return status;
}

static hpc_status
set_units(maker *m)
{
	const hpc_frame *frame = m->frame;
	hpc_design *design = m->design;
	hpc_status status = HPC_OK;

	if (frame->weight != NULL || frame->count != NULL)
	{
		design->units = hpc_alloc(m->env, frame->nrows, sizeof(uint32_t));
		if (design->units == NULL)
			return HPC_NO_MEMORY;
		if (frame->weight != NULL)
			status = weigh_rows(m, design->units);
		else
			memcpy(design->units, frame->count,
				   frame->nrows * sizeof(uint32_t));
	}
	for (uint32_t row = 0; row < frame->nrows && status == HPC_OK; row++)
	{
		uint32_t units = hpc_design_units(design, row);

		design->total_units += units;
		if (units > design->most_units)
			design->most_units = units;
		if (hpc_poll(m->env, row))
			status = HPC_CANCELLED;
	}
	design->row_units = (double) design->total_units / (double) frame->ncopies;
	return status;
}

/* ---------- the target ---------- */

/* A target in units, so that squares cannot overflow. */
static double
scaled_target(const hpc_design *design, uint32_t row)
{
	return hpc_scale(design->frame->target[row], -design->target_unit);
}

/* Sum of units × (target - center)^power, power 1 or 2, exact. */
static hpc_status
sum_targets(const maker *m, double center, int power, double *sum)
{
	hpc_sum exact;

	hpc_sum_init(&exact);
	for (uint32_t row = 0; row < m->frame->nrows; row++)
	{
		double distance = scaled_target(m->design, row) - center;
		double units = hpc_design_units(m->design, row);

		hpc_sum_add_product(&exact, units * distance,
							power == 2 ? distance : 1);
		if (hpc_poll(m->env, row))
			return HPC_CANCELLED;
	}
	*sum = hpc_sum_round(&exact);
	return HPC_OK;
}

static hpc_status
standardise_target(maker *m)
{
	hpc_design *design = m->design;
	double total = (double) design->total_units;
	double largest;
	double sum;
	hpc_status status = hpc_frame_largest_target(m->env, m->frame, &largest);

	if (status != HPC_OK)
		return status;
	design->target_unit = hpc_exponent_above(largest);
	status = sum_targets(m, 0, 1, &sum);
	if (status != HPC_OK || total <= 0)
		return status;
	design->target_center = sum / total;
	status = sum_targets(m, design->target_center, 2, &sum);

	/* the mean of equal targets is one of them but for rounding */
	if (status == HPC_OK && m->frame->ntargets > 1)
		design->target_sd = sqrt(sum / total);
	return status;
}

double
hpc_design_target(const hpc_design *design, uint32_t row)
{
	if (design->target_sd <= 0)
		return 0;
	return (scaled_target(design, row) - design->target_center) /
		   design->target_sd;
}

/* ---------- weights of codes ---------- */

static hpc_status
count_codes(maker *m, const hpc_feature *feature)
{
	memset(m->units_of, 0, (feature->nbins + 1) * sizeof(int64_t));
	for (uint32_t row = 0; row < m->frame->nrows; row++)
	{
		m->units_of[hpc_code(feature, row)] +=
			hpc_design_units(m->design, row);
		if (hpc_poll(m->env, row))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

static void
set_ladder(maker *m)
{
	double units = LEVEL_ROWS * m->design->row_units;

	for (int step = 0; step < LADDER_STEPS; step++)
	{
		m->ladder[step] = units;
		units *= LADDER_RATIO;
	}
}

/* Notes that there could be a flag with so much weight. */
static void
note_flag(maker *m, int64_t units)
{
	for (int step = 0; step < LADDER_STEPS; step++)
	{
		if ((double) units < m->ladder[step])
			break;
		m->at_least[step]++;
	}
}

/* ---------- numbers ---------- */

/* The code from which on the weight, from below, is more than units. */
static uint32_t
code_above(const maker *m, uint32_t nbins, double units)
{
	double sum = 0;
	uint32_t code = 0;

	for (; code + 1 < nbins; code++)
	{
		sum += (double) m->units_of[code];
		if (sum > units)
			break;
	}
	return code;
}

/* The same from above. */
static uint32_t
code_below(const maker *m, uint32_t nbins, double units)
{
	double sum = 0;
	uint32_t code = nbins - 1;

	for (; code > 0; code--)
	{
		sum += (double) m->units_of[code];
		if (sum > units)
			break;
	}
	return code;
}

/* The value that a bin stands for. */
static double
bin_value(const hpc_feature *feature, uint32_t code)
{
	double low = feature->low[code];
	double high = feature->high[code];

	return low == high ? low : low / 2 + high / 2;
}

static double
clip(const hpc_linear_term *term, double x)
{
	/* the middle of an infinite bin need not be a number */
	return !(x > term->low) ? term->low : x > term->high ? term->high : x;
}

/* Between which values a number counts, and what it counts as if missing. */
static void
set_range(const maker *m, const hpc_feature *feature, int64_t known,
		  hpc_linear_term *term)
{
	uint32_t nbins = feature->nbins;
	double beyond = (double) known / CLIP_SHARE;
	double most = CLIP_ROWS * m->design->row_units;
	uint32_t first = 0;
	uint32_t last = nbins - 1;

	if (feature->nvalues > 2)
	{
		beyond = beyond < most ? beyond : most;
		first = code_above(m, nbins, beyond);
		last = code_below(m, nbins, beyond);
	}

	/* of bins with several values the inner end, so that tails are cut off */
	term->low = feature->high[first];
	term->high = feature->low[last];
	if (term->low > term->high)
	{
		term->low = feature->low[first];
		term->high = feature->high[last];
	}
	term->fill =
		clip(term,
			 bin_value(feature, code_above(m, nbins, (double) known / 2)));
}

static double
transformed(const hpc_linear_term *term, double x)
{
	return term->log1p != 0 ? hpc_log1p(clip(term, x)) : clip(term, x);
}

/* Values of all codes, transformed, as shares of the range. */
static void
fill_scores(const hpc_feature *feature, hpc_design_term *to)
{
	hpc_linear_term *term = &to->term;
	double origin = transformed(term, term->low);

	to->exponent = hpc_exponent_above(transformed(term, term->high) - origin);
	for (uint32_t code = 0; code <= feature->nbins; code++)
	{
		double x =
			code < feature->nbins ? bin_value(feature, code) : term->fill;

		to->score[code] =
			hpc_scale(transformed(term, x) - origin, -to->exponent);
	}
}

typedef struct moments
{
	double mean;
	double variance;
	double skewness; /* its size */
} moments;

static moments
measure(const maker *m, const double *score, uint32_t ncodes)
{
	double total = (double) m->design->total_units;
	double sum = 0;
	double squares = 0;
	double cubes = 0;
	moments result;

	for (uint32_t code = 0; code < ncodes; code++)
		sum += (double) m->units_of[code] * score[code];
	result.mean = sum / total;
	for (uint32_t code = 0; code < ncodes; code++)
	{
		double d = score[code] - result.mean;

		squares += (double) m->units_of[code] * d * d;
		cubes += (double) m->units_of[code] * d * d * d;
	}
	result.variance = squares / total;
	result.skewness =
		result.variance > 0
			? fabs(cubes / total / result.variance) / sqrt(result.variance)
			: 0;
	return result;
}

/* Leaves the scores as they are best, and says how they lie. */
static moments
choose_transform(const maker *m, const hpc_feature *feature,
				 hpc_design_term *to)
{
	uint32_t ncodes = feature->nbins + 1;
	moments plain;
	moments logs;

	fill_scores(feature, to);
	plain = measure(m, to->score, ncodes);
	if (feature->kind != HPC_NUMBER || to->term.low < 0 ||
		plain.skewness < LEAST_SKEWNESS)
		return plain;
	to->term.log1p = 1;
	fill_scores(feature, to);
	logs = measure(m, to->score, ncodes);
	if (logs.variance > 0 && logs.skewness < plain.skewness)
		return logs;
	to->term.log1p = 0;
	fill_scores(feature, to);
	return plain;
}

/* A feature of which nothing is known, or that never changes. */
static void
drop_number(hpc_design_term *to)
{
	memset(&to->term, 0, sizeof(to->term));
	to->column = HPC_NO_COLUMN;
}

static void
standardise(hpc_design *design, const hpc_feature *feature,
			hpc_design_term *to, moments lie)
{
	to->sd = sqrt(lie.variance);
	to->term.center = transformed(&to->term, to->term.low) +
					  hpc_scale(lie.mean, to->exponent);
	for (uint32_t code = 0; code <= feature->nbins; code++)
		to->score[code] = (to->score[code] - lie.mean) / to->sd;
	to->column = design->nnumbers++;
}

static hpc_status
prepare_number(maker *m, const hpc_feature *feature, hpc_design_term *to)
{
	int64_t missing = m->units_of[feature->nbins];
	int64_t known = m->design->total_units - missing;
	moments lie;

	to->score = hpc_alloc(m->env, feature->nbins + 1, sizeof(double));
	if (to->score == NULL)
		return HPC_NO_MEMORY;
	drop_number(to);
	if (known <= 0)
		return HPC_OK;
	to->missing_units = missing;
	note_flag(m, missing);
	set_range(m, feature, known, &to->term);

	/* a range may be infinite, or beyond what a double holds */
	if (isfinite(to->term.high - to->term.low))
	{
		lie = choose_transform(m, feature, to);
		if (lie.variance > 0)
		{
			standardise(m->design, feature, to, lie);
			return HPC_OK;
		}
	}
	drop_number(to);
	return HPC_OK;
}

/* ---------- flags ---------- */

static void
note_levels(maker *m, const hpc_feature *feature)
{
	m->ncategories++;
	for (uint32_t code = 0; code <= feature->nbins; code++)
		note_flag(m, m->units_of[code]);
}

/* The weight that a flag needs, so that there are not too many columns. */
static void
choose_level_units(maker *m)
{
	int64_t room = MAX_COLUMNS - m->design->nnumbers - m->ncategories;
	int step = 0;

	while (step < LADDER_STEPS - 1 && (int64_t) m->at_least[step] > room)
		step++;
	m->level_units = m->ladder[step];
}

static void
flag_missing(maker *m, hpc_design_term *to)
{
	double least = MISSING_ROWS * m->design->row_units;

	to->missing = HPC_NO_COLUMN;
	if ((double) to->missing_units >= least &&
		(double) to->missing_units >= m->level_units)
		to->missing = m->design->ncolumns++;
}

/* Frequent levels get columns, the others one together, or none. */
static void
flag_levels(maker *m, const hpc_feature *feature, hpc_design_term *to)
{
	hpc_design *design = m->design;
	int64_t pooled = 0;

	to->pool = HPC_NO_COLUMN;
	for (uint32_t code = 0; code <= feature->nbins; code++)
	{
		bool own = (double) m->units_of[code] >= m->level_units;

		to->level[code] = own ? design->ncolumns++ : HPC_NO_COLUMN;
		if (!own)
			pooled += m->units_of[code];
	}
	if ((double) pooled >= POOL_ROWS * design->row_units)
		to->pool = design->ncolumns++;
	for (uint32_t code = 0; code <= feature->nbins; code++)
	{
		if (to->level[code] == HPC_NO_COLUMN)
			to->level[code] = to->pool;
	}
}

static hpc_status
prepare_flags(maker *m, const hpc_feature *feature, hpc_design_term *to)
{
	hpc_status status;

	to->first_flag = m->design->ncolumns;
	if (feature->kind != HPC_CATEGORY)
	{
		flag_missing(m, to);
		to->nflags = m->design->ncolumns - to->first_flag;
		return HPC_OK;
	}
	to->level = hpc_alloc(m->env, feature->nbins + 1, sizeof(int32_t));
	if (to->level == NULL)
		return HPC_NO_MEMORY;
	status = count_codes(m, feature);
	if (status == HPC_OK)
		flag_levels(m, feature, to);
	to->nflags = m->design->ncolumns - to->first_flag;
	return status;
}

/* ---------- all features ---------- */

static hpc_status
prepare_features(maker *m)
{
	const hpc_frame *frame = m->frame;
	hpc_design *design = m->design;
	hpc_status status = HPC_OK;

	set_ladder(m);
	for (int i = 0; i < frame->nfeatures && status == HPC_OK; i++)
	{
		const hpc_feature *feature = &frame->features[i];

		status = count_codes(m, feature);
		if (status != HPC_OK)
			break;
		if (feature->kind == HPC_CATEGORY)
			note_levels(m, feature);
		else
			status = prepare_number(m, feature, &design->terms[i]);
		if (status == HPC_OK && hpc_cancelled(m->env))
			status = HPC_CANCELLED;
	}
	if (status != HPC_OK)
		return status;
	choose_level_units(m);
	design->ncolumns = design->nnumbers;
	for (int i = 0; i < frame->nfeatures && status == HPC_OK; i++)
		status = prepare_flags(m, &frame->features[i], &design->terms[i]);
	return status;
}

static hpc_status
make(maker *m)
{
	uint32_t ncodes = 1;
	hpc_status status;

	for (int i = 0; i < m->frame->nfeatures; i++)
	{
		uint32_t n = m->frame->features[i].nbins + 1;

		ncodes = n > ncodes ? n : ncodes;
	}
	m->design->terms = hpc_alloc0(m->env, (size_t) m->frame->nfeatures,
								  sizeof(hpc_design_term));
	m->units_of = hpc_alloc(m->env, ncodes, sizeof(int64_t));
	if (m->design->terms == NULL || m->units_of == NULL)
		return HPC_NO_MEMORY;
	status = set_units(m);
	if (status == HPC_OK)
		status = standardise_target(m);
	if (status == HPC_OK)
		status = prepare_features(m);
	return status;
}

hpc_status
hpc_design_create(hpc_env *env, const hpc_frame *frame, hpc_design **design)
{
	maker m = {.env = env, .frame = frame};
	hpc_status status;

	*design = m.design = hpc_alloc0(env, 1, sizeof(hpc_design));
	if (m.design == NULL)
		return HPC_NO_MEMORY;
	m.design->frame = frame;
	status = make(&m);
	hpc_free(env, m.units_of);
	if (status != HPC_OK)
	{
		hpc_design_free(env, *design);
		*design = NULL;
	}
	return status;
}

void
hpc_design_free(hpc_env *env, hpc_design *design)
{
	if (design == NULL)
		return;
	for (int i = 0; design->terms != NULL && i < design->frame->nfeatures; i++)
	{
		hpc_free(env, design->terms[i].score);
		hpc_free(env, design->terms[i].level);
	}
	hpc_free(env, design->terms);
	hpc_free(env, design->units);
	hpc_free(env, design);
}
