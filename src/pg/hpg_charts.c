/*
 * hpg_charts.c
 *		The charts of hp_report that show what the rows of a source say.
 *
 * Colours mean the same in all of them: blue is what the model does, orange
 * what it should not do, grey the ground on which both are seen.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "hpg_charts.h"
#include "hpg_html.h"
#include "hpg_svg.h"

#define WIDTH 640
#define LEFT 62         /* of the plot, beside the labels of an axis */
#define RIGHT 628       /* of it */
#define TOP 38          /* of it, below the name of the axis */
#define FOOT 52         /* below the plot: labels, and a name */
#define LABELS 200      /* of rows of a chart, beside their names */
#define LABEL_LENGTH 16 /* characters of a name that are shown */
#define FIGURES 72      /* right of rows, for a figure each */
#define ROW 34          /* from a row to the next */

/* from a tick to the next, on a telephone with room between their labels */
#define TICK_WIDTH 78
#define PERCENT_WIDTH 76
#define TICK_HEIGHT 44

#define TILE 8   /* side of what is drawn of many rows */
#define SHADES 5 /* of tiles */

/* ---------- what charts share ---------- */

static char *
shown_miss(const hpg_study *study, double miss)
{
	double shown = hpg_shown_miss(study, miss);

	return study->relative ? hpg_html_signed_percent(shown)
						   : hpg_html_signed_number(shown);
}

/* The ticks of an axis of misses are round as they are shown. */
static char *
tick_of_miss(const hpg_study *study, double shown)
{
	if (study->relative)
		return psprintf("%s%s&#xA0;%%", shown > 0 ? "+" : "",
						hpg_html_short(shown * 100));
	return psprintf("%s%s", shown > 0 ? "+" : "", hpg_html_short(shown));
}

static void
draw_ticks_below(const hpg_drawing *d, const hpg_axis *x, double top,
				 double bottom)
{
	double ticks[HPG_MAX_TICKS];
	int n = hpg_axis_ticks(x, TICK_WIDTH, ticks);

	for (int i = 0; i < n; i++)
	{
		double at = hpg_axis_at(x, ticks[i]);

		hpg_svg_line(d, "grid", at, top, at, bottom);
		hpg_svg_text(d, "tick", "middle", at, bottom + 22,
					 hpg_html_short(ticks[i]));
	}
}

static void
draw_ticks_left(const hpg_drawing *d, const hpg_axis *y, double left,
				double right)
{
	double ticks[HPG_MAX_TICKS];
	int n = hpg_axis_ticks(y, TICK_HEIGHT, ticks);

	for (int i = 0; i < n; i++)
	{
		double at = hpg_axis_at(y, ticks[i]);

		hpg_svg_line(d, "grid", left, at, right, at);
		hpg_svg_text(d, "tick", "end", left - 8, at + 5,
					 hpg_html_short(ticks[i]));
	}
}

/* Names of the axes: of y above its upper end, of x below its right one. */
static void
draw_names(const hpg_drawing *d, const char *x, const char *y)
{
	hpg_svg_text(d, "name", "start", 0, 18, y);
	hpg_svg_text(d, "name", "end", RIGHT, d->height - 6, x);
}

/* Names, and the axis of misses, of a chart of rows. */
static void
draw_miss_axis(const hpg_drawing *d, const hpg_study *study, const hpg_axis *x)
{
	double bottom = d->height - FOOT;
	double ticks[HPG_MAX_TICKS];
	int n = hpg_axis_ticks(x, PERCENT_WIDTH, ticks);

	for (int i = 0; i < n; i++)
	{
		double at = hpg_axis_at(x, ticks[i]);

		hpg_svg_line(d, ticks[i] == 0 ? "zero" : "grid", at, TOP, at, bottom);
		hpg_svg_text(d, "tick", "middle", at, bottom + 22,
					 tick_of_miss(study, ticks[i]));
	}
	hpg_svg_text(d, "name", "start", LABELS, d->height - 6,
				 "&#x2190; predicted too low");
	hpg_svg_text(d, "name", "end", RIGHT - FIGURES, d->height - 6,
				 "too high &#x2192;");
}

/* ---------- predicted against actual ---------- */

typedef struct cloud
{
	const hpg_study *study;
	hpg_drawing drawing;
	hpg_axis x; /* actual */
	hpg_axis y; /* predicted: the same values */
} cloud;

/* Predictions within a tenth of the actual values: cut off at two corners. */
static void
draw_band(const cloud *c)
{
	double min = c->x.min;
	double max = c->x.max;
	const double corners[][2] = {{min, min},       {min, 1.1 * min},
								 {max / 1.1, max}, {max, max},
								 {max, 0.9 * max}, {min / 0.9, min}};
	double x[lengthof(corners)];
	double y[lengthof(corners)];

	for (int i = 0; i < (int) lengthof(corners); i++)
	{
		x[i] = hpg_axis_at(&c->x, corners[i][0]);
		y[i] = hpg_axis_at(&c->y, corners[i][1]);
	}
	hpg_svg_path(&c->drawing, "band", x, y, lengthof(x), true);
}

static int
compare_pairs(const void *a, const void *b)
{
	const hpg_pair *one = a;
	const hpg_pair *other = b;

	if (one->actual != other->actual)
		return one->actual < other->actual ? -1 : 1;
	if (one->predicted != other->predicted)
		return one->predicted < other->predicted ? -1 : 1;
	return 0;
}

/* In an order of their own: the rows came in none. */
static void
draw_dots(const cloud *c)
{
	int64 n = c->study->n;
	hpg_pair *pairs = palloc(n * sizeof(hpg_pair));

	memcpy(pairs, c->study->pairs, n * sizeof(hpg_pair));
	qsort(pairs, n, sizeof(hpg_pair), compare_pairs);
	hpg_svg_begin_group(&c->drawing, "dots");
	for (int64 i = 0; i < n; i++)
		hpg_svg_dot(&c->drawing, hpg_axis_at(&c->x, pairs[i].actual),
					hpg_axis_at(&c->y, pairs[i].predicted), 2.5,
					psprintf("actual %s, predicted %s",
							 hpg_html_number(pairs[i].actual),
							 hpg_html_number(pairs[i].predicted)));
	hpg_svg_end_group(&c->drawing);
	pfree(pairs);
}

typedef struct tiles
{
	int ncolumns;
	int nrows;
	int64 most; /* rows in a tile */
	int64 *n;   /* [nrows][ncolumns] */
} tiles;

static tiles
count_tiles(const cloud *c)
{
	tiles t = {.ncolumns = (int) (c->x.to - c->x.from) / TILE + 1,
			   .nrows = (int) (c->y.from - c->y.to) / TILE + 1};

	t.n = palloc0((size_t) t.ncolumns * t.nrows * sizeof(int64));
	for (int64 i = 0; i < c->study->n; i++)
	{
		const hpg_pair *pair = &c->study->pairs[i];
		int column =
			(int) (hpg_axis_at(&c->x, pair->actual) - c->x.from) / TILE;
		int row = (int) (hpg_axis_at(&c->y, pair->predicted) - c->y.to) / TILE;
		int64 *n = &t.n[row * t.ncolumns + column];

		if (i % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		++*n;
		t.most = Max(t.most, *n);
	}
	return t;
}

/* By the logarithm of the number of rows in a tile. */
static int
shade_of(const tiles *t, int64 n)
{
	double share = hpc_log((double) n) / hpc_log((double) t->most + 1);

	return 1 + (int) (share * SHADES);
}

static void
draw_tiles(const cloud *c)
{
	tiles t = count_tiles(c);

	for (int i = 0; i < t.ncolumns * t.nrows; i++)
	{
		int column = i % t.ncolumns;
		int row = i / t.ncolumns;

		if (t.n[i] == 0)
			continue;
		hpg_svg_begin_titled(&c->drawing,
							 hpg_html_count(t.n[i], "row", "rows"));
		hpg_svg_rect(&c->drawing, psprintf("tile t%d", shade_of(&t, t.n[i])),
					 c->x.from + TILE * column, c->y.to + TILE * row, TILE,
					 TILE);
		hpg_svg_end_group(&c->drawing);
	}
}

static void
scale_cloud(cloud *c, double bottom)
{
	bool log = c->study->summary.log_scale && c->study->relative;

	c->x = hpg_axis_make(log, LEFT, RIGHT);
	for (int64 i = 0; i < c->study->n; i++)
	{
		hpg_axis_cover(&c->x, c->study->pairs[i].actual);
		hpg_axis_cover(&c->x, c->study->pairs[i].predicted);
	}
	hpg_axis_pad(&c->x, 0.02);
	if (c->study->relative && !log)
		c->x.min = Max(c->x.min, 0);
	c->y = c->x;
	c->y.from = bottom;
	c->y.to = TOP;
}

void
hpg_chart_pairs(StringInfo page, const hpg_study *study)
{
	double height = RIGHT - LEFT + TOP + FOOT;
	double bottom = height - FOOT;
	cloud c = {.study = study};

	scale_cloud(&c, bottom);
	c.drawing =
		hpg_svg_begin(page, "wide", WIDTH, height,
					  psprintf("Predicted against actual values of %s",
							   hpg_html_count(study->n, "row", "rows")));
	draw_ticks_below(&c.drawing, &c.x, TOP, bottom);
	draw_ticks_left(&c.drawing, &c.y, LEFT, RIGHT);
	if (study->relative)
		draw_band(&c);
	hpg_svg_line(&c.drawing, "ideal", LEFT, bottom, RIGHT, TOP);
	if (study->n > HPG_MOST_DOTS)
		draw_tiles(&c);
	else
		draw_dots(&c);
	draw_names(&c.drawing, "actual &#x2192;", "&#x2191; predicted");
	hpg_svg_end(&c.drawing);
}

/* ---------- by third ---------- */

static const char *
range_of_third(const hpg_study *study, int third)
{
	if (third == 0)
		return psprintf("below %s", hpg_html_number(study->cuts[0]));
	if (third == HPG_THIRDS - 1)
		return psprintf("from %s", hpg_html_number(study->cuts[third - 1]));
	return psprintf("%s to %s", hpg_html_number(study->cuts[third - 1]),
					hpg_html_number(study->cuts[third]));
}

static void
draw_box(const hpg_drawing *d, const hpg_axis *x, const hpg_study *study,
		 const hpg_box *box, double middle)
{
	double at[HPG_QUANTILES];

	for (int i = 0; i < HPG_QUANTILES; i++)
		at[i] = hpg_axis_at(x, hpg_shown_miss(study, box->at[i]));
	hpg_svg_begin_titled(
		d,
		psprintf("%s: half of them between %s and %s, nine in ten between "
				 "%s and %s",
				 hpg_html_count(box->n, "row", "rows"),
				 shown_miss(study, box->at[1]), shown_miss(study, box->at[3]),
				 shown_miss(study, box->at[0]),
				 shown_miss(study, box->at[4])));
	hpg_svg_line(d, "whisker", at[0], middle, at[4], middle);
	hpg_svg_rect(d, "box", at[1], middle - 11, at[3] - at[1], 22);
	hpg_svg_line(d, "median", at[2], middle - 11, at[2], middle + 11);
	hpg_svg_end_group(d);
}

void
hpg_chart_thirds(StringInfo page, const hpg_study *study)
{
	static const char *const names[] = {"lowest third", "middle third",
										"highest third"};
	hpg_axis x = hpg_axis_make(false, LABELS, RIGHT - FIGURES);
	double height = TOP + HPG_THIRDS * 56 + FOOT;
	hpg_drawing d = hpg_svg_begin(
		page, "wide", WIDTH, height,
		"How far predictions are off, by third of the predicted value");

	hpg_axis_cover(&x, 0);
	for (int i = 0; i < HPG_THIRDS; i++)
	{
		for (int j = 0; j < HPG_QUANTILES && study->thirds[i].n > 0; j++)
			hpg_axis_cover(&x, hpg_shown_miss(study, study->thirds[i].at[j]));
	}
	hpg_axis_pad(&x, 0.03);
	draw_miss_axis(&d, study, &x);
	hpg_svg_text(&d, "name", "end", RIGHT, 18, "in all");
	for (int i = 0; i < HPG_THIRDS; i++)
	{
		const hpg_box *box = &study->thirds[i];
		double middle = TOP + 28 + i * 56;

		hpg_svg_text(&d, "label", "start", 0, middle - 4, names[i]);
		hpg_svg_text(&d, "tick", "start", 0, middle + 18,
					 range_of_third(study, i));
		if (box->n == 0)
			continue;
		draw_box(&d, &x, study, box, middle);
		hpg_svg_text(&d, "figure", "end", RIGHT, middle + 5,
					 study->relative ? hpg_html_signed_percent(box->bias)
									 : hpg_html_signed_number(box->bias));
	}
	hpg_svg_end(&d);
}

/* ---------- by category ---------- */

/* Ends of a mean's interval of 95 %, if misses vary as they do in all. */
static void
ends_of(const hpg_study *study, double mean, int64 n, double *low,
		double *high)
{
	double reach = 1.96 * study->spread.within / sqrt((double) n);

	*low = hpg_shown_miss(study, mean - reach);
	*high = hpg_shown_miss(study, mean + reach);
}

static void
draw_mean(const hpg_drawing *d, const hpg_axis *x, const hpg_study *study,
		  double mean, int64 n, double middle)
{
	double low;
	double high;

	ends_of(study, mean, n, &low, &high);
	hpg_svg_begin_titled(d, psprintf("%s: %s on average",
									 hpg_html_count(n, "row", "rows"),
									 shown_miss(study, mean)));
	hpg_svg_line(d, "whisker", hpg_axis_at(x, low), middle,
				 hpg_axis_at(x, high), middle);
	hpg_svg_circle(d, low > 0 || high < 0 ? "mark off" : "mark",
				   hpg_axis_at(x, hpg_shown_miss(study, mean)), middle, 6);
	hpg_svg_end_group(d);
	hpg_svg_text(d, "figure", "end", RIGHT, middle + 5, hpg_html_integer(n));
}

static void
draw_level(const hpg_drawing *d, const hpg_axis *x, const hpg_study *study,
		   const hpg_level *level, double middle)
{
	StringInfoData name;

	initStringInfo(&name);
	if (level->label == NULL)
		appendStringInfoString(&name, "(missing)");
	else
		hpg_html_clipped(&name, level->label, level->nbytes, LABEL_LENGTH);
	hpg_svg_text(d, level->label == NULL ? "label aside" : "label", "start", 0,
				 middle + 5, name.data);
	draw_mean(d, x, study, level->mean, level->n, middle);
}

static void
cover_mean(hpg_axis *x, const hpg_study *study, double mean, int64 n)
{
	double low;
	double high;

	ends_of(study, mean, n, &low, &high);
	hpg_axis_cover(x, low);
	hpg_axis_cover(x, high);
}

void
hpg_chart_spread(StringInfo page, const hpg_study *study)
{
	const hpg_spread *spread = &study->spread;
	int nrows = spread->nlevels + (spread->nothers > 0);
	hpg_axis x = hpg_axis_make(false, LABELS, RIGHT - FIGURES);
	hpg_drawing d =
		hpg_svg_begin(page, "wide", WIDTH, TOP + nrows * ROW + FOOT,
					  psprintf("How far predictions are off on average, by %s",
							   hpg_html_quote(spread->column)));

	hpg_axis_cover(&x, 0);
	for (int i = 0; i < spread->nlevels; i++)
		cover_mean(&x, study, spread->levels[i].mean, spread->levels[i].n);
	if (spread->nothers > 0)
		cover_mean(&x, study, spread->other_mean, spread->nother_rows);
	hpg_axis_pad(&x, 0.03);
	draw_miss_axis(&d, study, &x);
	hpg_svg_text(&d, "name", "end", RIGHT, 18, "rows");
	for (int i = 0; i < spread->nlevels; i++)
		draw_level(&d, &x, study, &spread->levels[i], TOP + ROW * (i + 0.5));
	if (spread->nothers > 0)
	{
		double middle = TOP + ROW * (spread->nlevels + 0.5);

		hpg_svg_text(&d, "label aside", "start", 0, middle + 5,
					 hpg_html_count(spread->nothers, "other", "others"));
		draw_mean(&d, &x, study, spread->other_mean, spread->nother_rows,
				  middle);
	}
	hpg_svg_end(&d);
}

/* ---------- by date ---------- */

/* The quartiles as an area, the medians as a line and a dot each. */
static void
draw_periods(const hpg_drawing *d, const hpg_study *study, const hpg_axis *x,
			 const hpg_axis *y)
{
	int n = study->dates.nperiods;
	const hpg_period *periods = study->dates.periods;
	double *at = palloc(2 * n * sizeof(double));
	double *quartiles = palloc(2 * n * sizeof(double));
	double *medians = palloc(n * sizeof(double));

	for (int i = 0; i < n; i++)
	{
		const hpg_period *p = &periods[i];
		int back = 2 * n - 1 - i;

		at[i] = at[back] = hpg_axis_at(x, p->number);
		quartiles[i] = hpg_axis_at(y, hpg_shown_miss(study, p->at[1]));
		quartiles[back] = hpg_axis_at(y, hpg_shown_miss(study, p->at[3]));
		medians[i] = hpg_axis_at(y, hpg_shown_miss(study, p->at[2]));
	}
	hpg_svg_path(d, "area", at, quartiles, 2 * n, true);
	hpg_svg_path(d, "line", at, medians, n, false);
	hpg_svg_begin_group(d, "marks");
	for (int i = 0; i < n; i++)
		hpg_svg_dot(d, at[i], medians[i], periods[i].n < 5 ? 2.5 : 5,
					psprintf("%s, %s: %s at the median", periods[i].label,
							 hpg_html_count(periods[i].n, "row", "rows"),
							 shown_miss(study, periods[i].at[2])));
	hpg_svg_end_group(d);
}

/* A few of the periods, the first and the last among them. */
static void
label_periods(const hpg_drawing *d, const hpg_dates *dates, const hpg_axis *x,
			  double y)
{
	int last = Min(dates->nperiods, 4) - 1;

	for (int i = 0; i <= last && last > 0; i++)
	{
		const hpg_period *p =
			&dates->periods[i * (dates->nperiods - 1) / last];
		const char *anchor = i == 0 ? "start" : i == last ? "end" : "middle";

		hpg_svg_text(d, "tick", anchor, hpg_axis_at(x, p->number), y,
					 p->label);
	}
}

void
hpg_chart_dates(StringInfo page, const hpg_study *study)
{
	const hpg_dates *dates = &study->dates;
	double height = 300;
	double bottom = height - 34;
	double left = LEFT + 24;
	hpg_axis x = hpg_axis_make(false, left + 8, RIGHT - 8);
	hpg_axis y = hpg_axis_make(false, bottom, TOP);
	double ticks[HPG_MAX_TICKS];
	int nticks;
	hpg_drawing d =
		hpg_svg_begin(page, "wide", WIDTH, height,
					  psprintf("How far predictions are off, by %s of %s",
							   dates->unit, hpg_html_quote(dates->column)));

	hpg_axis_cover(&y, 0);
	for (int i = 0; i < dates->nperiods; i++)
	{
		hpg_axis_cover(&x, dates->periods[i].number);
		for (int j = 1; j <= 3; j++)
			hpg_axis_cover(&y, hpg_shown_miss(study, dates->periods[i].at[j]));
	}
	hpg_axis_pad(&x, 0);
	hpg_axis_pad(&y, 0.05);
	nticks = hpg_axis_ticks(&y, TICK_HEIGHT, ticks);
	for (int i = 0; i < nticks; i++)
	{
		double at = hpg_axis_at(&y, ticks[i]);

		hpg_svg_line(&d, ticks[i] == 0 ? "zero" : "grid", left, at, RIGHT, at);
		hpg_svg_text(&d, "tick", "end", left - 8, at + 5,
					 tick_of_miss(study, ticks[i]));
	}
	draw_periods(&d, study, &x, &y);
	label_periods(&d, dates, &x, bottom + 24);
	hpg_svg_text(&d, "name", "start", 0, 18, "&#x2191; predicted too high");
	hpg_svg_end(&d);
}

/* ---------- intervals ---------- */

static void
draw_coverage(const hpg_drawing *d, const hpg_axis *x,
			  const hpg_coverage *coverage, double middle)
{
	static const char *const names[HPG_THIRDS] = {"lowest", "middle",
												  "highest"};
	double held = hpg_axis_at(x, coverage->held);
	double wanted = hpg_axis_at(x, coverage->nominal);

	hpg_svg_text(d, "label", "start", 0, middle + 5,
				 psprintf("asked for %s&#xA0;%%",
						  hpg_html_short(coverage->nominal * 100)));
	hpg_svg_line(d, "wanted", wanted, middle - 13, wanted, middle + 13);
	hpg_svg_begin_group(d, "part");
	for (int i = 0; i < HPG_THIRDS; i++)
	{
		if (!isnan(coverage->held_by[i]))
			hpg_svg_dot(d, hpg_axis_at(x, coverage->held_by[i]), middle, 4,
						psprintf("%s of the %s third",
								 hpg_html_percent(coverage->held_by[i]),
								 names[i]));
	}
	hpg_svg_end_group(d);
	hpg_svg_begin_titled(d, psprintf("%s in all",
									 hpg_html_percent(coverage->held)));
	hpg_svg_circle(d, "mark", held, middle, 6.5);
	hpg_svg_end_group(d);
}

void
hpg_chart_coverage(StringInfo page, const hpg_study *study)
{
	double height = TOP + HPG_COVERAGES * ROW + FOOT;
	double bottom = height - FOOT;
	hpg_axis x = hpg_axis_make(false, LABELS, RIGHT - FIGURES);
	double ticks[HPG_MAX_TICKS];
	int nticks;
	hpg_drawing d = hpg_svg_begin(
		page, "wide", WIDTH, height,
		"How many actual values lie in their intervals, against how many "
		"should");

	hpg_axis_cover(&x, 1);
	for (int i = 0; i < HPG_COVERAGES; i++)
	{
		hpg_axis_cover(&x, study->coverage[i].nominal);
		hpg_axis_cover(&x, study->coverage[i].held);
		for (int j = 0; j < HPG_THIRDS; j++)
			hpg_axis_cover(&x, study->coverage[i].held_by[j]);
	}
	hpg_axis_pad(&x, 0.03);
	nticks = hpg_axis_ticks(&x, PERCENT_WIDTH, ticks);
	for (int i = 0; i < nticks; i++)
	{
		double at = hpg_axis_at(&x, ticks[i]);

		hpg_svg_line(&d, "grid", at, TOP, at, bottom);
		hpg_svg_text(&d, "tick", "middle", at, bottom + 22,
					 psprintf("%s&#xA0;%%", hpg_html_short(ticks[i] * 100)));
	}
	hpg_svg_text(&d, "name", "end", RIGHT, 18, "mean width");
	hpg_svg_text(&d, "name", "end", RIGHT - FIGURES, height - 6,
				 "actual values inside &#x2192;");
	for (int i = 0; i < HPG_COVERAGES; i++)
	{
		double middle = TOP + ROW * (i + 0.5);

		draw_coverage(&d, &x, &study->coverage[i], middle);
		hpg_svg_text(&d, "figure", "end", RIGHT, middle + 5,
					 study->relative
						 ? hpg_html_percent(study->coverage[i].width)
						 : hpg_html_number(study->coverage[i].width));
	}
	hpg_svg_end(&d);
}

/* ---------- by number of trees ---------- */

/* The points of a curve that have an error. */
typedef struct errors
{
	int n;
	uint32 ntrees[HPC_CURVE_POINTS];
	double error[HPC_CURVE_POINTS];
} errors;

static errors
find_errors(const hpc_curve *curve)
{
	errors found = {.n = 0};

	for (int i = 0; i < curve->npoints; i++)
	{
		double error = hpc_curve_error(curve, i);

		if (isnan(error))
			continue;
		found.ntrees[found.n] = curve->ntrees[i];
		found.error[found.n++] = error;
	}
	return found;
}

static void
draw_curve(const hpg_drawing *d, const errors *points, const hpg_axis *x,
		   const hpg_axis *y)
{
	double at[HPC_CURVE_POINTS];
	double heights[HPC_CURVE_POINTS];

	for (int i = 0; i < points->n; i++)
	{
		at[i] = hpg_axis_at(x, points->ntrees[i]);
		heights[i] = hpg_axis_at(y, points->error[i]);
	}
	hpg_svg_path(d, "line", at, heights, points->n, false);
	hpg_svg_begin_group(d, "marks");
	for (int i = 0; i < points->n; i++)
		hpg_svg_dot(d, at[i], heights[i], 4,
					psprintf("%s: off by %s",
							 hpg_html_count(points->ntrees[i], "tree",
											"trees"),
							 hpg_html_number(points->error[i])));
	hpg_svg_end_group(d);
}

void
hpg_chart_curve(StringInfo page, const hpg_study *study)
{
	errors points = find_errors(&study->curve);
	double height = 300;
	double bottom = height - FOOT;
	hpg_axis x = hpg_axis_make(true, LEFT + 8, RIGHT - 8);
	hpg_axis y = hpg_axis_make(false, bottom, TOP);
	hpg_drawing d = hpg_svg_begin(page, "wide", WIDTH, height,
								  "Mean error against the number of trees");

	for (int i = 0; i < points.n; i++)
	{
		hpg_axis_cover(&x, points.ntrees[i]);
		hpg_axis_cover(&y, points.error[i]);
	}
	hpg_axis_pad(&x, 0);
	hpg_axis_pad(&y, 0.05);
	draw_ticks_below(&d, &x, TOP, bottom);
	draw_ticks_left(&d, &y, LEFT, RIGHT);
	draw_curve(&d, &points, &x, &y);
	draw_names(&d, "trees &#x2192;", "&#x2191; mean error");
	hpg_svg_end(&d);
}
