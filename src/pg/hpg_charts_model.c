/*
 * hpg_charts_model.c
 *		The charts of hp_report that show what a model says of itself.
 */
#include "postgres.h"

#include <math.h>

#include "utils/float.h"

#include "hpg_charts.h"
#include "hpg_html.h"
#include "hpg_svg.h"

#define WIDTH 640
#define RIGHT 628
#define ROW 30
#define LABELS 200
#define LABEL_LENGTH 16
#define FIGURES 72
#define MOST_BARS 15

/* of the small ones */
#define MOST_DEPENDENCES 6
#define MOST_POINTS 40  /* of a line */
#define TAIL 8          /* middle values that a long tail is long */
#define SMALL_WIDTH 320 /* on telephones too, so letters need not grow */
#define SMALL_HEIGHT 200
#define SMALL_LEFT 48
#define SMALL_ROW 22
#define SMALL_TICK_WIDTH 52
#define SMALL_TICK_HEIGHT 36
#define SMALL_LABELS 122
#define SMALL_LABEL_LENGTH 16
#define TITLE_LENGTH 80
#define MOST_ROWS 9

/* ---------- importance ---------- */

static void
draw_bar(const hpg_drawing *d, double top, const char *name, double share,
		 double most)
{
	double length = most > 0 ? share / most * (RIGHT - FIGURES - LABELS) : 0;

	hpg_svg_text(d, "label", "start", 0, top + 20, name);
	hpg_svg_rect(d, "bar", LABELS, top + 5, Max(length, 1), ROW - 10);
	hpg_svg_text(d, "figure", "start", LABELS + Max(length, 1) + 8, top + 20,
				 hpg_html_percent(share));
}

void
hpg_chart_importance(StringInfo page, const hpg_ranked *ranked, int nfeatures)
{
	int nbars = 0;
	hpg_drawing d;

	while (nbars < Min(nfeatures, MOST_BARS) && ranked[nbars].share > 0)
		nbars++;
	d = hpg_svg_begin(page, "wide", WIDTH, nbars * ROW,
					  "Importance of the features");
	for (int i = 0; i < nbars; i++)
	{
		const char *name = ranked[i].feature.name;
		StringInfoData label;

		initStringInfo(&label);
		hpg_html_clipped(&label, name, (uint32) strlen(name), LABEL_LENGTH);
		hpg_svg_begin_titled(&d, hpg_html_quote(name));
		draw_bar(&d, i * ROW, label.data, ranked[i].share, ranked[0].share);
		hpg_svg_end_group(&d);
	}
	hpg_svg_end(&d);
}

/* ---------- dependence ---------- */

/* Mean predictions where a feature has values, over what others were. */
typedef struct dependence
{
	const hpg_ranked *of;
	uint32 n;
	hpc_value *values;   /* [n + 1] */
	double *predictions; /* [n + 1] */
	bool has_missing;    /* the last of them, beyond the n */
} dependence;

/* Numbers and times: where predictions change; booleans: both. */
static void
choose_numbers(hpc_env *env, const hpc_model *model, dependence *d)
{
	double grid[MOST_POINTS] = {0, 1};

	d->n = 2;
	if (d->of->feature.kind != HPC_BOOLEAN)
		hpg_check_status(env, hpc_model_grid(env, model, d->of->index,
											 MOST_POINTS, grid, &d->n));
	d->values = palloc0((d->n + 1) * sizeof(hpc_value));
	for (uint32 i = 0; i < d->n; i++)
		d->values[i].number = grid[i];
}

static void
choose_categories(const hpc_model *model, dependence *d)
{
	d->n = d->of->feature.ncategories;
	d->values = palloc_extended(((Size) d->n + 1) * sizeof(hpc_value),
								MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 i = 0; i < d->n; i++)
		d->values[i].bytes =
			hpc_model_category(model, d->of->index, i, &d->values[i].nbytes);
}

static void
find_dependence(hpc_env *env, const hpc_model *model, dependence *d)
{
	if (d->of->feature.kind == HPC_CATEGORY)
		choose_categories(model, d);
	else
		choose_numbers(env, model, d);
	d->has_missing = d->of->feature.nmissing > 0;
	d->values[d->n].missing = true;
	d->values[d->n].number = get_float8_nan();
	d->predictions =
		palloc_extended(((Size) d->n + 1) * sizeof(double), MCXT_ALLOC_HUGE);
	hpg_check_status(env,
					 hpc_model_dependence(env, model, d->of->index, d->values,
										  d->n + d->has_missing,
										  d->predictions));
}

/* ---------- of numbers: a line ---------- */

/* Of a long tail to the right the logarithm. */
static hpg_axis
axis_of_values(const dependence *d)
{
	double least = d->values[0].number;
	double greatest = d->values[d->n - 1].number;
	bool log = d->of->feature.kind == HPC_NUMBER && least > 0 &&
			   greatest > TAIL * d->values[d->n / 2].number;
	hpg_axis x = hpg_axis_make(log, SMALL_LEFT + 6, SMALL_WIDTH - 18);

	hpg_axis_cover(&x, least);
	hpg_axis_cover(&x, greatest);
	hpg_axis_pad(&x, 0);
	return x;
}

static void
draw_ticks_of_values(const hpg_drawing *drawing, const dependence *d,
					 const hpg_axis *x)
{
	hpc_kind kind = d->of->feature.kind;
	double bottom = SMALL_HEIGHT - 22;
	double ticks[HPG_MAX_TICKS];
	int n;

	if (kind == HPC_TIME)
	{
		hpg_svg_text(drawing, "tick", "start", x->from, SMALL_HEIGHT - 4,
					 hpg_html_value(kind, x->min));
		hpg_svg_text(drawing, "tick", "end", x->to, SMALL_HEIGHT - 4,
					 hpg_html_value(kind, x->max));
		return;
	}
	n = hpg_axis_ticks(x, SMALL_TICK_WIDTH, ticks);
	for (int i = 0; i < n; i++)
	{
		double at = hpg_axis_at(x, ticks[i]);

		hpg_svg_line(drawing, "grid", at, bottom, at, bottom + 4);
		hpg_svg_text(drawing, "tick", "middle", at, SMALL_HEIGHT - 4,
					 hpg_html_short(ticks[i]));
	}
}

static void
draw_line(const hpg_drawing *drawing, const dependence *d, const hpg_axis *y)
{
	hpg_axis x = axis_of_values(d);
	double at[MOST_POINTS];
	double heights[MOST_POINTS];

	draw_ticks_of_values(drawing, d, &x);
	for (uint32 i = 0; i < d->n; i++)
	{
		at[i] = hpg_axis_at(&x, d->values[i].number);
		heights[i] = hpg_axis_at(y, d->predictions[i]);
	}
	hpg_svg_path(drawing, "line", at, heights, (int) d->n, false);
	hpg_svg_begin_group(drawing, "marks");
	for (uint32 i = 0; i < d->n; i++)
		hpg_svg_dot(drawing, at[i], heights[i], 2,
					psprintf("%s: %s",
							 hpg_html_value(d->of->feature.kind,
											d->values[i].number),
							 hpg_html_number(d->predictions[i])));
	hpg_svg_end_group(drawing);
}

static void
draw_missing(const hpg_drawing *drawing, const dependence *d,
			 const hpg_axis *y)
{
	double at = hpg_axis_at(y, d->predictions[d->n]);

	hpg_svg_begin_titled(drawing,
						 psprintf("missing: %s",
								  hpg_html_number(d->predictions[d->n])));
	hpg_svg_line(drawing, "gone", SMALL_LEFT, at, SMALL_WIDTH - 4, at);
	hpg_svg_text(drawing, "tick", "end", SMALL_WIDTH - 4, at - 5, "missing");
	hpg_svg_end_group(drawing);
}

static void
draw_numbers(StringInfo page, const dependence *d, hpg_axis axis)
{
	double bottom = SMALL_HEIGHT - 22;
	double ticks[HPG_MAX_TICKS];
	int n;
	hpg_drawing drawing =
		hpg_svg_begin(page, "little", SMALL_WIDTH, SMALL_HEIGHT,
					  psprintf("Predictions against %s",
							   hpg_html_quote(d->of->feature.name)));

	axis.from = bottom;
	axis.to = 10;
	n = hpg_axis_ticks(&axis, SMALL_TICK_HEIGHT, ticks);
	for (int i = 0; i < n; i++)
	{
		double at = hpg_axis_at(&axis, ticks[i]);

		hpg_svg_line(&drawing, "grid", SMALL_LEFT, at, SMALL_WIDTH - 4, at);
		hpg_svg_text(&drawing, "tick", "end", SMALL_LEFT - 6, at + 4,
					 hpg_html_short(ticks[i]));
	}
	if (d->n > 0)
		draw_line(&drawing, d, &axis);
	if (d->has_missing)
		draw_missing(&drawing, d, &axis);
	hpg_svg_end(&drawing);
}

/* ---------- of categories: a row each ---------- */

/* A category, with its prediction. */
typedef struct row
{
	const hpc_value *value;
	double prediction;
} row;

/* The highest prediction first, then by name. */
static int
compare_rows(const void *a, const void *b)
{
	const row *one = a;
	const row *other = b;

	if (one->prediction != other->prediction)
		return one->prediction > other->prediction ? -1 : 1;
	if (one->value->missing || other->value->missing)
		return one->value->missing - other->value->missing;
	return hpc_compare_bytes(one->value->bytes, one->value->nbytes,
							 other->value->bytes, other->value->nbytes);
}

static void
put_category(StringInfo text, hpc_kind kind, const hpc_value *value,
			 int max_characters)
{
	if (value->missing)
		appendStringInfoString(text, "(missing)");
	else if (kind == HPC_BOOLEAN)
		appendStringInfoString(text, value->number != 0 ? "true" : "false");
	else
		hpg_html_clipped(text, value->bytes, value->nbytes, max_characters);
}

static void
draw_row(const hpg_drawing *drawing, hpc_kind kind, const hpg_axis *x,
		 const row *r, double middle)
{
	double at = hpg_axis_at(x, r->prediction);
	StringInfoData label;
	StringInfoData title;

	initStringInfo(&label);
	put_category(&label, kind, r->value, SMALL_LABEL_LENGTH);
	initStringInfo(&title);
	put_category(&title, kind, r->value, TITLE_LENGTH);
	appendStringInfo(&title, ": %s", hpg_html_number(r->prediction));
	hpg_svg_begin_titled(drawing, title.data);
	hpg_svg_text(drawing, r->value->missing ? "label aside" : "label", "start",
				 0, middle + 4, label.data);
	hpg_svg_line(drawing, "stem", x->from, middle, at, middle);
	hpg_svg_circle(drawing, "mark", at, middle, 4);
	hpg_svg_end_group(drawing);
}

/* Of many the first and the last ones; between them how many there are. */
static void
draw_rows(const hpg_drawing *drawing, hpc_kind kind, const hpg_axis *x,
		  const row *rows, int n)
{
	int shown = n > MOST_ROWS ? MOST_ROWS - 1 : n;
	double middle = SMALL_ROW / 2.0;

	for (int i = 0; i < shown; i++)
	{
		if (n > shown && i == MOST_ROWS / 2)
		{
			hpg_svg_text(drawing, "label aside", "start", 0, middle + 4,
						 psprintf("%d others", n - shown));
			middle += SMALL_ROW;
		}
		draw_row(drawing, kind, x,
				 &rows[i < MOST_ROWS / 2 ? i : n - shown + i], middle);
		middle += SMALL_ROW;
	}
}

static void
draw_categories(StringInfo page, const dependence *d, hpg_axis axis)
{
	int n = (int) d->n + d->has_missing;
	row *rows = palloc_extended(Max(n, 1) * sizeof(row), MCXT_ALLOC_HUGE);
	double bottom = Min(n, MOST_ROWS) * SMALL_ROW;
	double ticks[HPG_MAX_TICKS];
	int nticks;
	hpg_drawing drawing =
		hpg_svg_begin(page, "little", SMALL_WIDTH, bottom + 22,
					  psprintf("Predictions by %s",
							   hpg_html_quote(d->of->feature.name)));

	for (int i = 0; i < n; i++)
	{
		rows[i].value = &d->values[i];
		rows[i].prediction = d->predictions[i];
	}
	qsort(rows, n, sizeof(row), compare_rows);
	axis.from = SMALL_LABELS;
	axis.to = SMALL_WIDTH - 20;
	nticks = hpg_axis_ticks(&axis, SMALL_TICK_WIDTH, ticks);
	for (int i = 0; i < nticks; i++)
	{
		double at = hpg_axis_at(&axis, ticks[i]);

		hpg_svg_line(&drawing, "grid", at, 0, at, bottom);
		hpg_svg_text(&drawing, "tick", "middle", at, bottom + 18,
					 hpg_html_short(ticks[i]));
	}
	draw_rows(&drawing, d->of->feature.kind, &axis, rows, n);
	hpg_svg_end(&drawing);
}

/* ---------- all of them, on one scale ---------- */

static void
put_dependence(StringInfo page, const dependence *d, const hpg_axis *axis)
{
	appendStringInfoString(page, "<div><h3>");
	hpg_html_text(page, d->of->feature.name);
	appendStringInfoString(page, "</h3>\n");
	if (d->of->feature.kind == HPC_CATEGORY ||
		d->of->feature.kind == HPC_BOOLEAN)
		draw_categories(page, d, *axis);
	else
		draw_numbers(page, d, *axis);
	appendStringInfoString(page, "</div>\n");
}

void
hpg_chart_dependence(StringInfo page, const hpc_model *model,
					 const hpg_ranked *ranked, int nfeatures)
{
	dependence dependences[MOST_DEPENDENCES];
	hpc_model_summary summary;
	hpg_axis axis;
	hpc_env env;
	int n = 0;

	hpc_model_summarize(model, &summary);
	axis = hpg_axis_make(summary.log_scale, 0, 1);
	hpg_env_init(&env, CurrentMemoryContext, 1);
	while (n < Min(nfeatures, MOST_DEPENDENCES) && ranked[n].share > 0)
	{
		dependence *d = &dependences[n];

		d->of = &ranked[n++];
		find_dependence(&env, model, d);
		for (uint32 i = 0; i < d->n + d->has_missing; i++)
			hpg_axis_cover(&axis, d->predictions[i]);
	}
	hpg_axis_pad(&axis, 0.05);
	appendStringInfoString(page, "<div class=\"small\">\n");
	for (int i = 0; i < n; i++)
		put_dependence(page, &dependences[i], &axis);
	appendStringInfoString(page, "</div>\n");
}
