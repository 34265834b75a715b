/*
 * hpg_svg.h
 *		Charts as inline SVG: axes and the shapes of a drawing.
 *
 * Lengths are in units of the drawing, x to the right and y down.  Colours and
 * sizes of letters are the style sheet's (hpg_report_style.h), by class.  A
 * text is markup: see hpg_html.h.
 */
#ifndef HPG_SVG_H
#define HPG_SVG_H

#include "lib/stringinfo.h"

/* ---------- axes ---------- */

/* How values become places along one direction of a chart. */
typedef struct hpg_axis
{
	double min; /* of the values; min < max */
	double max;
	bool log;    /* of the logarithms of values, all of them positive */
	double from; /* where min is, in units */
	double to;   /* where max is */
} hpg_axis;

/* An axis that knows no value yet. */
extern hpg_axis hpg_axis_make(bool log, double from, double to);

/* Makes it long enough for a value, if that is finite. */
extern void hpg_axis_cover(hpg_axis *axis, double value);

/* Leaves a share of its length free at both ends; never empty then. */
extern void hpg_axis_pad(hpg_axis *axis, double share);

/* The place of a value; beyond the ends it is the end's. */
extern double hpg_axis_at(const hpg_axis *axis, double value);

/*
 * Round values on the axis (1, 2 or 5 times a power of ten, or multiples of
 * such a number), as many as can be gap units apart.
 */
#define HPG_MAX_TICKS 12

extern int
hpg_axis_ticks(const hpg_axis *axis, double gap, double ticks[HPG_MAX_TICKS]);

/* ---------- a drawing ---------- */

typedef struct hpg_drawing
{
	StringInfo page;
	double width;
	double height;
} hpg_drawing;

/* label: what the drawing shows, for those who cannot see it. */
extern hpg_drawing
hpg_svg_begin(StringInfo page, const char *classes, double width,
			  double height, const char *label);
extern void hpg_svg_end(const hpg_drawing *drawing);

/* What is drawn between has the classes, and a title beside the pointer. */
extern void
hpg_svg_begin_group(const hpg_drawing *drawing, const char *classes);
extern void
hpg_svg_begin_titled(const hpg_drawing *drawing, const char *title);
extern void hpg_svg_end_group(const hpg_drawing *drawing);

extern void hpg_svg_line(const hpg_drawing *drawing, const char *classes,
						 double x1, double y1, double x2, double y2);
extern void hpg_svg_rect(const hpg_drawing *drawing, const char *classes,
						 double x, double y, double width, double height);
extern void hpg_svg_circle(const hpg_drawing *drawing, const char *classes,
						   double x, double y, double radius);

/* One of thousands: short, and with a title of its own. */
extern void hpg_svg_dot(const hpg_drawing *drawing, double x, double y,
						double radius, const char *title);

/* anchor: "start", "middle" or "end" of the text is at x. */
extern void
hpg_svg_text(const hpg_drawing *drawing, const char *classes,
			 const char *anchor, double x, double y, const char *text);

/* A line through n points, or the area that they enclose. */
extern void hpg_svg_path(const hpg_drawing *drawing, const char *classes,
						 const double *x, const double *y, int n, bool closed);

/* A coordinate inside an attribute. */
extern void hpg_svg_number(StringInfo page, double x);

#endif /* HPG_SVG_H */
