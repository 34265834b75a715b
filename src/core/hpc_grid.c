/*
 * hpc_grid.c
 *		At which values of a feature to look at predictions.
 *
 * Trees change their answer at thresholds only: between two of them any value
 * does, and a round one is the best to read.  Where there are more thresholds
 * than points, cells between them are taken at equal steps of their number:
 * thresholds are dense where the rows of the training are and where the answer
 * changes.  Even steps of the value would waste most points on the tail of a
 * skewed feature.
 *
 * Without thresholds, as in a linear model, it is even and round steps, over
 * the range to which the model clips the feature.
 */
#include <math.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_model.h"
#include "hpc_sort.h"

#define DAY 86400e6 /* microseconds */
#define MAX_STEPS 400

/* ---------- thresholds ---------- */

typedef struct grid
{
	hpc_env *env;
	int feature;
	double min; /* of the training */
	double max;
	uint64_t *keys; /* thresholds between them (hpc_sortable), distinct */
	uint64_t nkeys;
} grid;

static uint64_t
count_thresholds(const hpc_model *model, int feature)
{
	hpc_model_summary summary;
	hpc_model_view view;
	uint64_t n;

	hpc_model_open(model, &view);
	hpc_model_summarize(model, &summary);
	n = view.features[feature].nthresholds;
	for (int i = 0; i < summary.nmembers; i++)
		n += count_thresholds(hpc_model_member(model, i), feature);
	return n;
}

/* Takes those within the range of the training. */
static void
take_thresholds(grid *g, const hpc_model *model)
{
	hpc_model_summary summary;
	hpc_model_view view;
	const hpc_feature_record *feature;

	hpc_model_open(model, &view);
	hpc_model_summarize(model, &summary);
	feature = &view.features[g->feature];
	for (uint32_t i = 0; i < feature->nthresholds; i++)
	{
		double threshold = view.thresholds[feature->first_threshold + i];

		if (threshold >= g->min && threshold < g->max)
			g->keys[g->nkeys++] = hpc_sortable(threshold);
	}
	for (int i = 0; i < summary.nmembers; i++)
		take_thresholds(g, hpc_model_member(model, i));
}

/* Those of all members of a blend, each once, ascending. */
static hpc_status
find_thresholds(grid *g, const hpc_model *model)
{
	uint64_t most = count_thresholds(model, g->feature);
	uint64_t *spare = hpc_alloc(g->env, most, sizeof(uint64_t));
	hpc_status status = HPC_NO_MEMORY;
	uint64_t nkeys = 0;

	g->keys = hpc_alloc(g->env, most, sizeof(uint64_t));
	if (g->keys != NULL && spare != NULL)
	{
		take_thresholds(g, model);
		status = hpc_sort_keys(g->env, g->nkeys, g->keys, spare)
					 ? HPC_OK
					 : HPC_CANCELLED;
	}
	for (uint64_t i = 0; i < g->nkeys && status == HPC_OK; i++)
	{
		if (i == 0 || g->keys[i] != g->keys[i - 1])
			g->keys[nkeys++] = g->keys[i];
	}
	g->nkeys = nkeys;
	hpc_free(g->env, spare);
	return status;
}

/* ---------- round numbers ---------- */

/* The multiple of step that is nearest to the middle, if between. */
static bool
multiple_between(double low, double high, double step, double *multiple)
{
	*multiple = floor((low / 2 + high / 2) / step + 0.5) * step;
	return *multiple > low && *multiple <= high;
}

/*
 * A number above low, up to high, with as few digits as possible; of the
 * fewest, near the middle.
 */
static double
round_number(double low, double high)
{
	double width = high - low;
	double middle = low / 2 + high / 2;
	double step = 1;
	double scale = 1;
	double found;

	if (!isfinite(width))
		return middle;
	for (int i = 0; i < MAX_STEPS && step < width; i++)
		step *= 10;
	while (step >= 1)
	{
		if (multiple_between(low, high, step, &found))
			return found;
		step /= 10;
	}

	/* parts of one: dividing by a power of ten gives the nearest double */
	for (int digits = 1; digits < 15; digits++)
	{
		scale *= 10;
		found = floor(middle * scale + 0.5) / scale;
		if (found > low && found <= high)
			return found;
	}
	return middle > low ? middle : high;
}

static double
round_value(hpc_kind kind, double low, double high)
{
	double found;

	if (kind != HPC_TIME)
		return round_number(low, high);
	if (multiple_between(low, high, DAY, &found) ||
		multiple_between(low, high, 1, &found))
		return found;
	return high;
}

/* ---------- the grid ---------- */

/* Cell i of the nkeys + 1 between thresholds: above low, up to high. */
static double
value_in_cell(const grid *g, hpc_kind kind, uint64_t i)
{
	if (i == 0)
		return g->min;
	if (i == g->nkeys)
		return g->max;
	return round_value(kind, hpc_from_sortable(g->keys[i - 1]),
					   hpc_from_sortable(g->keys[i]));
}

static uint32_t
cells_to_grid(const grid *g, hpc_kind kind, uint32_t max_points,
			  double *points)
{
	uint64_t last = g->nkeys;
	uint32_t n = last < max_points ? (uint32_t) last + 1 : max_points;

	points[0] = g->min;
	for (uint32_t i = 1; i < n; i++)
		points[i] = value_in_cell(g, kind, last * i / (n - 1));
	return n;
}

/* 1, 2 or 5 times a power of ten, at least the width. */
static double
round_step(double width)
{
	static const double factors[] = {2, 2.5, 2}; /* 1, 2, 5, 10 */
	double step = 1;

	while (step > width)
		step /= 10;
	for (int i = 0; step < width; i++)
		step *= factors[i % 3];
	return step;
}

/* The widest range to which terms of the model, or its members, clip it. */
static void
find_clip(const hpc_model *model, int feature, double *low, double *high)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	for (int i = 0; i < summary.nmembers; i++)
		find_clip(hpc_model_member(model, i), feature, low, high);
	if (summary.algorithm == HPC_LINEAR)
	{
		hpc_model_term term;

		hpc_model_term_at(model, feature, &term);
		*low = term.low < *low ? term.low : *low;
		*high = term.high > *high ? term.high : *high;
	}
}

/* The ends, and multiples of a step between them that is not too short. */
static uint32_t
even_steps(const grid *g, const hpc_model *model, hpc_kind kind,
		   uint32_t max_points, double *points)
{
	double low = INFINITY;
	double high = -INFINITY;
	double unit = 1;
	double width;
	uint32_t n = 0;

	find_clip(model, g->feature, &low, &high);
	low = low > g->min ? low : g->min;
	high = high < g->max ? high : g->max;
	points[n++] = g->min;
	width = (high - low) / (max_points > 2 ? max_points - 2 : 1);
	if (isfinite(width) && width > 0)
	{
		if (kind == HPC_TIME && width > DAY)
			unit = DAY;
		width = round_step(width / unit) * unit;
		for (uint32_t i = 1; i < max_points && n + 1 < max_points; i++)
		{
			double at = floor(low / width) + i;

			/* parts of one are no doubles, but quotients are the nearest */
			double value =
				width < 1 ? at / floor(1 / width + 0.5) : at * width;

			if (value > points[n - 1] && value < high)
				points[n++] = value;
		}
	}
	points[n++] = g->max;
	return n;
}

hpc_status
hpc_model_grid(hpc_env *env, const hpc_model *model, int feature,
			   uint32_t max_points, double *points, uint32_t *npoints)
{
	hpc_model_feature record;
	grid g = {.env = env, .feature = feature};
	hpc_status status;

	*npoints = 0;
	hpc_model_feature_at(model, feature, &record);
	g.min = record.min;
	g.max = record.max;
	if (!(g.min < g.max))
	{
		if (g.min == g.max)
			points[(*npoints)++] = g.min;
		return HPC_OK;
	}
	status = find_thresholds(&g, model);
	if (status == HPC_OK && g.nkeys > 0)
		*npoints = cells_to_grid(&g, record.kind, max_points, points);
	else if (status == HPC_OK)
		*npoints = even_steps(&g, model, record.kind, max_points, points);
	hpc_free(env, g.keys);
	return status;
}
