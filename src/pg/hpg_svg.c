/*
 * hpg_svg.c
 *		Charts as inline SVG: axes and the shapes of a drawing.
 *
 * Logarithms are the core's own, so that a page is the same on every machine.
 */
#include "postgres.h"

#include <math.h>

#include "utils/float.h"

#include "hpg.h"
#include "hpg_svg.h"

/* ---------- axes ---------- */

hpg_axis
hpg_axis_make(bool log, double from, double to)
{
	hpg_axis axis = {.min = get_float8_infinity(),
					 .max = -get_float8_infinity(),
					 .log = log,
					 .from = from,
					 .to = to};

	return axis;
}

/*
 * Values beyond these are drawn as if they were these, so that no place and no
 * tick overflows, or is denormal.
 */
#define GREATEST 1e290
#define LEAST 1e-290

void
hpg_axis_cover(hpg_axis *axis, double value)
{
	if (!isfinite(value) || (axis->log && value <= 0))
		return;
	value = Max(Min(value, GREATEST), axis->log ? LEAST : -GREATEST);
	axis->min = Min(axis->min, value);
	axis->max = Max(axis->max, value);
}

/* To the scale on which an axis is even, and back. */
static double
to_even(const hpg_axis *axis, double value)
{
	return axis->log ? hpc_log(value) : value;
}

static double
from_even(const hpg_axis *axis, double even)
{
	return axis->log ? hpc_exp(even) : even;
}

void
hpg_axis_pad(hpg_axis *axis, double share)
{
	double low;
	double high;
	double room;

	if (axis->min > axis->max)
		axis->min = axis->max = axis->log ? 1 : 0;
	low = to_even(axis, axis->min);
	high = to_even(axis, axis->max);
	room = (high - low) * share;

	/* of one value, or values that differ in their last digits only */
	if (high - low <= Max(1e-9 * Max(fabs(low), fabs(high)), LEAST))
		room = axis->log ? 0.5 : Max(fabs(high) / 10, 1e-9);
	axis->min = from_even(axis, low - room);
	axis->max = from_even(axis, high + room);
}

double
hpg_axis_at(const hpg_axis *axis, double value)
{
	double low = to_even(axis, axis->min);
	double high = to_even(axis, axis->max);
	double share;

	if (!(value > axis->min))
		return axis->from;
	if (value >= axis->max)
		return axis->to;
	share = (to_even(axis, value) - low) / (high - low);
	return axis->from + share * (axis->to - axis->from);
}

/* The power of ten not above a positive number. */
static double
decade_of(double x)
{
	double power = 1;

	while (power <= x / 10)
		power *= 10;
	while (power > x)
		power /= 10;
	return power;
}

/* The least of 1, 2, 5 times a power of ten that is above x > 0, or x itself. */
static double
round_step(double x)
{
	double power = decade_of(x);
	double digits = x / power;

	return digits <= 1   ? power
		   : digits <= 2 ? 2 * power
		   : digits <= 5 ? 5 * power
						 : 10 * power;
}

static int
ticks_at_steps(const hpg_axis *axis, double step, double *ticks)
{
	double first = floor(axis->min / step);
	int n = 0;

	for (int i = 0; i < 2 * HPG_MAX_TICKS && n < HPG_MAX_TICKS; i++)
	{
		double tick = (first + i) * step;

		if (tick >= axis->min && tick <= axis->max)
			ticks[n++] = tick;
	}
	return n;
}

/* Every skip-th power of ten, times 1, or 1 and 5, or 1, 2 and 5. */
static int
ticks_at_decades(const hpg_axis *axis, int skip, int nfactors, double *ticks)
{
	static const double factors[][3] = {{1}, {1, 5}, {1, 2, 5}};
	double power = decade_of(axis->min);
	int n = 0;

	while (power <= axis->max)
	{
		for (int i = 0; i < nfactors; i++)
		{
			double tick = power * factors[nfactors - 1][i];

			if (tick < axis->min || tick > axis->max)
				continue;
			if (n == HPG_MAX_TICKS)
				return n;
			ticks[n++] = tick;
		}
		for (int i = 0; i < skip; i++)
			power *= 10;
	}
	return n;
}

/* The least distance of two ticks that follow each other. */
static double
least_gap(const hpg_axis *axis, const double *ticks, int n)
{
	double least = get_float8_infinity();

	for (int i = 1; i < n; i++)
		least = Min(least, fabs(hpg_axis_at(axis, ticks[i]) -
								hpg_axis_at(axis, ticks[i - 1])));
	return least;
}

/* Denser ticks before sparser ones, until they are far enough apart. */
static int
even_ticks(const hpg_axis *axis, double gap, double *ticks)
{
	double step = (axis->max - axis->min) / HPG_MAX_TICKS;
	int n;

	do
	{
		step = round_step(step);
		n = ticks_at_steps(axis, step, ticks);
		step *= 1.1;
	} while (n > 1 && least_gap(axis, ticks, n) < gap);
	return n;
}

static int
log_ticks(const hpg_axis *axis, double gap, double *ticks)
{
	double ndecades = (hpc_log(axis->max) - hpc_log(axis->min)) / hpc_log(10);
	int n = 0;

	/* within a decade, steps of values are as good, and rounder */
	if (ndecades < 0.8)
		return even_ticks(axis, gap, ticks);
	for (int nfactors = 3; nfactors > 0; nfactors--)
	{
		n = ticks_at_decades(axis, 1, nfactors, ticks);
		if (n < HPG_MAX_TICKS && least_gap(axis, ticks, n) >= gap)
			return n;
	}
	for (int skip = 2;
		 n == HPG_MAX_TICKS || (n > 1 && least_gap(axis, ticks, n) < gap);
		 skip++)
		n = ticks_at_decades(axis, skip, 1, ticks);
	return n;
}

int
hpg_axis_ticks(const hpg_axis *axis, double gap, double ticks[HPG_MAX_TICKS])
{
	return axis->log ? log_ticks(axis, gap, ticks)
					 : even_ticks(axis, gap, ticks);
}

/* ---------- a drawing ---------- */

/* A tenth of a unit is less than a pixel. */
void
hpg_svg_number(StringInfo page, double x)
{
	int tenths = isfinite(x) ? (int) floor(x * 10 + 0.5) : 0;

	appendStringInfo(page, "%s%d", tenths < 0 ? "-" : "", abs(tenths) / 10);
	if (tenths % 10 != 0)
		appendStringInfo(page, ".%d", abs(tenths) % 10);
}

static void
put_attribute(const hpg_drawing *drawing, const char *name, double x)
{
	appendStringInfo(drawing->page, " %s=\"", name);
	hpg_svg_number(drawing->page, x);
	appendStringInfoChar(drawing->page, '"');
}

static void
open_shape(const hpg_drawing *drawing, const char *shape, const char *classes)
{
	appendStringInfo(drawing->page, "<%s class=\"%s\"", shape, classes);
}

hpg_drawing
hpg_svg_begin(StringInfo page, const char *classes, double width,
			  double height, const char *label)
{
	hpg_drawing drawing = {page, width, height};

	appendStringInfo(page,
					 "<svg class=\"%s\" viewBox=\"0 0 %d %d\" role=\"img\" "
					 "aria-label=\"%s\">\n",
					 classes, (int) width, (int) height, label);
	return drawing;
}

void
hpg_svg_end(const hpg_drawing *drawing)
{
	appendStringInfoString(drawing->page, "</svg>\n");
}

void
hpg_svg_begin_titled(const hpg_drawing *drawing, const char *title)
{
	appendStringInfo(drawing->page, "<g><title>%s</title>", title);
}

void
hpg_svg_begin_group(const hpg_drawing *drawing, const char *classes)
{
	appendStringInfo(drawing->page, "<g class=\"%s\">\n", classes);
}

void
hpg_svg_end_group(const hpg_drawing *drawing)
{
	appendStringInfoString(drawing->page, "</g>\n");
}

void
hpg_svg_line(const hpg_drawing *drawing, const char *classes, double x1,
			 double y1, double x2, double y2)
{
	open_shape(drawing, "line", classes);
	put_attribute(drawing, "x1", x1);
	put_attribute(drawing, "y1", y1);
	put_attribute(drawing, "x2", x2);
	put_attribute(drawing, "y2", y2);
	appendStringInfoString(drawing->page, "/>");
}

void
hpg_svg_rect(const hpg_drawing *drawing, const char *classes, double x,
			 double y, double width, double height)
{
	open_shape(drawing, "rect", classes);
	put_attribute(drawing, "x", x);
	put_attribute(drawing, "y", y);
	put_attribute(drawing, "width", Max(width, 0));
	put_attribute(drawing, "height", Max(height, 0));
	appendStringInfoString(drawing->page, "/>");
}

void
hpg_svg_circle(const hpg_drawing *drawing, const char *classes, double x,
			   double y, double radius)
{
	open_shape(drawing, "circle", classes);
	put_attribute(drawing, "cx", x);
	put_attribute(drawing, "cy", y);
	put_attribute(drawing, "r", radius);
	appendStringInfoString(drawing->page, "/>");
}

void
hpg_svg_dot(const hpg_drawing *drawing, double x, double y, double radius,
			const char *title)
{
	appendStringInfoString(drawing->page, "<circle");
	put_attribute(drawing, "cx", x);
	put_attribute(drawing, "cy", y);
	put_attribute(drawing, "r", radius);
	appendStringInfo(drawing->page, "><title>%s</title></circle>\n", title);
}

void
hpg_svg_text(const hpg_drawing *drawing, const char *classes,
			 const char *anchor, double x, double y, const char *text)
{
	open_shape(drawing, "text", classes);
	put_attribute(drawing, "x", x);
	put_attribute(drawing, "y", y);
	appendStringInfo(drawing->page, " text-anchor=\"%s\">%s</text>\n", anchor,
					 text);
}

void
hpg_svg_path(const hpg_drawing *drawing, const char *classes, const double *x,
			 const double *y, int n, bool closed)
{
	open_shape(drawing, "path", classes);
	appendStringInfoString(drawing->page, " d=\"");
	for (int i = 0; i < n; i++)
	{
		appendStringInfoChar(drawing->page, i == 0 ? 'M' : 'L');
		hpg_svg_number(drawing->page, x[i]);
		appendStringInfoChar(drawing->page, ' ');
		hpg_svg_number(drawing->page, y[i]);
	}
	appendStringInfoString(drawing->page, closed ? "Z\"/>\n" : "\"/>\n");
}
