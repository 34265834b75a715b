/*
 * hpg_report.c
 *		hp_report(model, source, target): a page about a model.
 *
 * One HTML page that needs nothing else: drawings are inline, there is no
 * script, and the page itself forbids the browser to fetch or run anything.
 * It says in words and pictures how far off the model is on the rows of the
 * source, where, and what it goes by; without a source what the model alone
 * knows.  It is a function of model and rows: no date, no user, no order.
 *
 * The figures come from hpg_study.h, the pictures from hpg_charts.h, tables
 * from hpg_report_tables.c; here is what is said, and in which order.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "hpg_charts.h"
#include "hpg_html.h"
#include "hpg_report.h"
#include "hpg_report_style.h"

HPG_FUNCTION(hp_report);

/* Above this mean error, against that of the mean, it is no better. */
#define NO_BETTER 0.98

static double
metric(const hpg_evaluation *evaluation, hpg_figure which)
{
	return evaluation->nulls[which]
			   ? NAN
			   : DatumGetFloat8(evaluation->values[which]);
}

/* ---------- words ---------- */

static char *
algorithm_in_words(const hpc_model_summary *summary)
{
	switch (summary->algorithm)
	{
		case HPC_MEAN:
			return pstrdup("the mean, whatever the row");
		case HPC_FOREST:
			return psprintf("random forest of %s",
							hpg_html_count(summary->ntrees, "tree", "trees"));
		case HPC_EXTRA_TREES:
			return psprintf("%s",
							hpg_html_count(summary->ntrees,
										   "extremely randomized tree",
										   "extremely randomized trees"));
		case HPC_BOOST:
			return psprintf("gradient boosting, %s",
							hpg_html_count(summary->ntrees, "tree", "trees"));
		case HPC_LINEAR:
			return pstrdup("linear model");
		case HPC_BLEND:
			return psprintf("blend of %d models", summary->nmembers);
	}
	return pstrdup("model");
}

static const char *
target_of(const hpg_page *page)
{
	const char *name =
		page->study != NULL ? page->study->target : page->summary.texts.target;

	return name != NULL ? hpg_html_quote(name) : "the target";
}

static void
put_head(hpg_page *page)
{
	const char *target = target_of(page);

	appendStringInfoString(
		&page->text,
		"<!DOCTYPE html>\n"
		"<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
		"<meta http-equiv=\"Content-Security-Policy\" "
		"content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
		"<meta name=\"viewport\" "
		"content=\"width=device-width, initial-scale=1\"/>\n"
		"<style>\n");
	appendStringInfoString(&page->text, report_style);
	appendStringInfo(
		&page->text,
		"</style>\n<title>Model of %s</title>\n</head>\n<body>\n<main>\n"
		"<p class=\"over\">Report of a model</p>\n<h1>%s</h1>\n"
		"<p class=\"over\">%s, trained on %s with %s</p>\n",
		target, target, algorithm_in_words(&page->summary),
		hpg_html_count(page->summary.nrows, "row", "rows"),
		hpg_html_count(page->summary.nfeatures, "feature", "features"));
}

static void
put_heading(hpg_page *page, const char *heading)
{
	appendStringInfo(&page->text, "<h2>%s</h2>\n", heading);
}

/* ---------- how far off: the lead ---------- */

static void
put_rows_asked(hpg_page *page)
{
	const hpg_study *study = page->study;
	char *n = hpg_html_count(study->n, "row", "rows");

	switch (study->origin)
	{
		case HPG_NEW_ROWS:
			appendStringInfo(&page->text,
							 "On %s other than those of its training", n);
			break;
		case HPG_OUT_OF_BAG:
			appendStringInfo(&page->text,
							 "On the %s of its training, each predicted by "
							 "the trees that have not seen it,",
							 n);
			break;
		case HPG_FROM_MEMORY:
			appendStringInfo(&page->text, "On the very %s of its training", n);
			break;
	}
}

static void
put_lead(hpg_page *page)
{
	const hpg_study *study = page->study;
	double mae = metric(&study->model_says, HPG_FIGURE_MAE);
	double mean_mae = metric(&study->mean_says, HPG_FIGURE_MAE);
	double mdape = metric(&study->model_says, HPG_FIGURE_MDAPE);

	appendStringInfoString(&page->text, "<p class=\"lead\">");
	put_rows_asked(page);
	appendStringInfo(&page->text, " the model is off by <b>%s</b> on average",
					 hpg_html_number(mae));
	if (!isnan(mdape))
		appendStringInfo(&page->text, ", and half the time by less than %s",
						 hpg_html_percent(mdape));
	appendStringInfo(&page->text,
					 ". Always saying the mean would be off by %s%s.</p>\n",
					 hpg_html_number(mean_mae),
					 mae > NO_BETTER * mean_mae
						 ? ": the model is no better than that"
						 : "");
}

static void
put_banner(hpg_page *page)
{
	const hpg_study *study = page->study;

	if (study->origin == HPG_FROM_MEMORY)
		appendStringInfoString(
			&page->text,
			"<p class=\"banner\"><b>These figures are from memory.</b> The "
			"model has learned from these rows, actual values included, and "
			"knows no way to forget them. On rows that it has not seen it "
			"will be off by more. Give other rows as the source, or train a "
			"forest, which can be asked out of bag.</p>\n");
	else if (study->origin == HPG_NEW_ROWS)
		appendStringInfoString(
			&page->text,
			"<p class=\"soft\">They are not the rows of the training. Whether "
			"some of them were among those is not known.</p>\n");
}

static void
put_tile(hpg_page *page, const char *figure, const char *words,
		 const char *beside)
{
	appendStringInfo(&page->text,
					 "<li><b>%s</b><span>%s</span><i>%s</i></li>\n", figure,
					 words, beside);
}

static void
put_tiles(hpg_page *page)
{
	const hpg_evaluation *model = &page->study->model_says;
	const hpg_evaluation *mean = &page->study->mean_says;

	appendStringInfoString(&page->text, "<ul class=\"tiles\">\n");
	put_tile(page, hpg_html_number(metric(model, HPG_FIGURE_MAE)),
			 "mean error",
			 psprintf("the mean: %s",
					  hpg_html_number(metric(mean, HPG_FIGURE_MAE))));
	if (!model->nulls[HPG_FIGURE_MDAPE])
		put_tile(page, hpg_html_percent(metric(model, HPG_FIGURE_MDAPE)),
				 "median error",
				 psprintf("the mean: %s",
						  hpg_html_percent(metric(mean, HPG_FIGURE_MDAPE))));
	put_tile(page, hpg_html_percent(metric(model, HPG_FIGURE_WITHIN_10PCT)),
			 "within 10&#xA0;%",
			 psprintf("the mean: %s",
					  hpg_html_percent(
						  metric(mean, HPG_FIGURE_WITHIN_10PCT))));
	put_tile(page, hpg_html_number(metric(model, HPG_FIGURE_R2)), "R&#xB2;",
			 "share of the variance that is explained");
	appendStringInfoString(&page->text, "</ul>\n");
}

/* Rows that are not among those that the figures are of. */
static void
put_left_out(hpg_page *page, int64 n, const char *which)
{
	if (n > 0)
		appendStringInfo(&page->text,
						 "<p class=\"soft\">%s %s left out.</p>\n",
						 hpg_html_count(n, "row", "rows"),
						 psprintf("%s %s", which, n == 1 ? "is" : "are"));
}

static void
put_all_left_out(hpg_page *page)
{
	const hpg_study *study = page->study;

	put_left_out(page, study->nwithout,
				 psprintf("without a value of %s", target_of(page)));
	put_left_out(page, study->nzero, "of weight 0");
	put_left_out(page, study->nnever, "that every tree has seen");
}

/* ---------- what the rows say ---------- */

static void
put_pairs(hpg_page *page)
{
	const hpg_study *study = page->study;

	put_heading(page, "Predicted against actual");
	appendStringInfo(&page->text, "<p>%s%s</p>\n",
					 study->n > HPG_MOST_DOTS
						 ? "The darker, the more rows. On the dashed line the "
						   "prediction is right"
						 : "A dot is a row. On the dashed line the prediction "
						   "is right",
					 study->relative ? "; in the band it is within 10&#xA0;%."
									 : ".");
	hpg_chart_pairs(&page->text, study);
}

static void
put_thirds(hpg_page *page)
{
	put_heading(page, "Low, middling and high predictions");
	appendStringInfo(
		&page->text,
		"<p>The rows in three parts of equal size, by what is predicted. A box "
		"holds half of a part&#x2019;s misses, its line nine in ten; the bold "
		"stroke is the median. <i>In all</i> is by how much the sum of the "
		"predictions is off%s.</p>\n",
		page->study->relative ? "" : ", per row");
	hpg_chart_thirds(&page->text, page->study);
}

static void
put_spread(hpg_page *page)
{
	const hpg_spread *spread = &page->study->spread;
	StringInfo text = &page->text;

	if (spread->ncolumns == 0)
		return;
	if (spread->column == NULL)
	{
		put_heading(page, "No category stands out");
		appendStringInfo(text,
						 "<p>The categories of none of %s explain more of how "
						 "far predictions are off than chance would.</p>\n",
						 hpg_html_count(spread->ncolumns, "column",
										"columns"));
		return;
	}
	appendStringInfo(text, "<h2>Where it is off: by %s</h2>\n",
					 hpg_html_quote(spread->column));
	appendStringInfo(
		text,
		"<p>Of all columns of categories this one tells most of how far "
		"predictions are off: %s of the variance%s. A dot is a mean; the line "
		"through it is how far chance may have moved it, and an orange one is "
		"off by more than that.</p>\n",
		hpg_html_percent(spread->explained),
		page->study->relative ? " of the logarithms" : "");
	hpg_chart_spread(text, page->study);
}

static void
put_dates(hpg_page *page)
{
	const hpg_dates *dates = &page->study->dates;

	if (dates->column == NULL)
		return;
	appendStringInfo(&page->text, "<h2>As time goes by: %s</h2>\n",
					 hpg_html_quote(dates->column));
	appendStringInfo(&page->text,
					 "<p>A dot is the median of a %s; half of its rows are in "
					 "the shaded area. Small dots stand for fewer than five "
					 "rows.",
					 dates->unit);
	appendStringInfoString(&page->text, "</p>\n");
	hpg_chart_dates(&page->text, page->study);
	put_left_out(page, dates->nmissing, "without a date");
}

static void
put_coverage(hpg_page *page)
{
	const hpg_study *study = page->study;

	if (study->ncovered == 0)
		return;
	put_heading(page, "How sure it is");
	appendStringInfo(
		&page->text,
		"<p>How many actual values lie in the intervals of "
		"<code>hp_predict_interval</code>. The stroke is what was asked for, "
		"the large dot all rows, the pale ones the thirds above.%s",
		study->relative ? " Widths are shares of the prediction." : "");
	if (study->ncovered < study->n)
		appendStringInfo(&page->text, " Measured on %s.",
						 hpg_html_count(study->ncovered, "row", "rows"));
	appendStringInfoString(&page->text, "</p>\n");
	hpg_chart_coverage(&page->text, study);
}

static void
put_curve(hpg_page *page)
{
	const hpg_study *study = page->study;

	if (!study->has_curve || study->nsampled == 0)
		return;
	put_heading(page, "Would more trees help?");
	appendStringInfo(&page->text,
					 "<p>The mean error of the first trees alone%s. Where the "
					 "line is level, more trees of the kind do not help.",
					 study->origin == HPG_OUT_OF_BAG
						 ? ", of those that have not seen the row"
						 : "");
	if (study->nsampled < study->n)
		appendStringInfo(&page->text, " Measured on %s.",
						 hpg_html_count(study->nsampled, "row", "rows"));
	appendStringInfoString(&page->text, "</p>\n");
	hpg_chart_curve(&page->text, study);
}

static void
put_unlike(hpg_page *page)
{
	const hpg_study *study = page->study;

	if (study->origin != HPG_NEW_ROWS)
		return;
	put_heading(page, "Rows unlike the training");
	if (study->nunlike == 0)
	{
		appendStringInfoString(&page->text,
							   "<p>None: every value lies where the training "
							   "had some.</p>\n");
		return;
	}
	appendStringInfo(&page->text,
					 "<p>%s of %s, %s, have a value whose like the training "
					 "did not see. hp_warn says so of each.</p>\n",
					 hpg_html_integer(study->nunlike),
					 hpg_html_integer(study->n),
					 hpg_html_percent((double) study->nunlike /
									  (double) study->n));
	hpg_report_unlike(page);
}

/* ---------- what the model says ---------- */

static void
put_importance(hpg_page *page)
{
	bool linear = page->summary.algorithm == HPC_LINEAR;
	bool blend = page->summary.algorithm == HPC_BLEND;

	if (page->summary.nfeatures == 0 || !(page->ranked[0].share > 0))
		return;
	put_heading(page, "What it goes by");
	appendStringInfo(
		&page->text, "<p>%s</p>\n",
		linear ? "Each feature&#x2019;s share in the sizes of all "
				 "coefficients, columns brought to one scale."
		: blend
			? "Each feature&#x2019;s share in what the members go by, on "
			  "average."
			: "Each feature&#x2019;s share in what the splits of all trees "
			  "explain of the training rows.");
	hpg_chart_importance(&page->text, page->ranked, page->summary.nfeatures);
	put_heading(page, "How predictions depend on it");
	appendStringInfo(
		&page->text,
		"<p>The mean prediction where a feature has a value and the others are "
		"what they were in training%s: lines over the range of the training, "
		"rows for categories. All are drawn to one scale.</p>\n",
		page->summary.log_scale ? " (the mean of logarithms, brought back)"
								: "");
	hpg_chart_dependence(&page->text, page->model, page->ranked,
						 page->summary.nfeatures);
}

/* ---------- without rows to ask about ---------- */

static void
put_oob(hpg_page *page)
{
	const hpc_model_summary *summary = &page->summary;
	double r2 = summary->oob_r2;

	if (summary->oob_rows == 0)
	{
		appendStringInfoString(
			&page->text, "<p class=\"lead\">How far off the model is, its "
						 "training did not measure.</p>\n");
		return;
	}
	appendStringInfo(&page->text,
					 "<p class=\"lead\">On %s that were held out in the "
					 "training the model was off by <b>%s</b> on average.",
					 hpg_html_count(summary->oob_rows, "row", "rows"),
					 hpg_html_number(summary->oob_mae));
	/* of 1 - SSE / SST, the latter about the mean */
	if (r2 < 1)
		appendStringInfo(&page->text,
						 " Its root mean squared error was %s; that of always "
						 "saying the mean would be %s.",
						 hpg_html_number(summary->oob_rmse),
						 hpg_html_number(summary->oob_rmse / sqrt(1 - r2)));
	appendStringInfoString(&page->text, "</p>\n");
}

static void
put_without_rows(hpg_page *page)
{
	put_oob(page);
	appendStringInfoString(
		&page->text,
		"<p class=\"soft\">With rows to ask it about, as in "
		"<code>hp_report(model, 'SELECT ...')</code>, this page shows where "
		"the model is off, and by how much.</p>\n");
}

static void
put_no_rows(hpg_page *page)
{
	put_oob(page);
	appendStringInfo(&page->text,
					 "<p class=\"banner\">The source has no rows with a value "
					 "of %s that the model can be asked about.</p>\n",
					 target_of(page));
}

/* ---------- the page ---------- */

static void
put_study(hpg_page *page)
{
	put_lead(page);
	put_banner(page);
	put_tiles(page);
	put_all_left_out(page);
	put_pairs(page);
	put_thirds(page);
	put_spread(page);
	put_dates(page);
	put_coverage(page);
}

static void
put_page(hpg_page *page)
{
	bool studied = page->study != NULL && page->study->n > 0;

	put_head(page);
	if (studied)
		put_study(page);
	else if (page->study != NULL)
		put_no_rows(page);
	else
		put_without_rows(page);
	put_importance(page);
	if (studied)
	{
		put_curve(page);
		put_unlike(page);
		put_heading(page, "All figures");
		hpg_report_metrics(page);
	}
	put_heading(page, "The record");
	hpg_report_record(page);
	appendStringInfoString(&page->text,
						   "<footer class=\"soft\">Written by houseprice, "
						   "hp_report. Nothing on this page comes from "
						   "elsewhere.</footer>\n</main>\n</body>\n</html>\n");
}

static void
make_page(hpg_page *page, const hpc_model *model, const char *source,
		  const char *target)
{
	page->model = model;
	hpc_model_summarize(model, &page->summary);
	page->ranked = hpg_rank_features(model, &page->summary.nfeatures);
	initStringInfo(&page->text);
	if (source != NULL)
		page->study = hpg_study_make(model, source, target);
	put_page(page);
}

/* The name of the target in UTF-8, or NULL; ERROR: it names nothing. */
static char *
target_arg(FunctionCallInfo fcinfo)
{
	text *name;

	if (PG_ARGISNULL(2))
		return NULL;
	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("target needs a source"),
						errhint("Give the source in which it is a column: "
								"hp_report(model, 'houses', target => "
								"'sale_price').")));
	name = PG_GETARG_TEXT_PP(2);
	return hpg_utf8_copy(VARDATA_ANY(name), (int) VARSIZE_ANY_EXHDR(name));
}

/*
 * hp_report(model hp_model, source text DEFAULT NULL, target text DEFAULT
 * NULL) returns text
 */
Datum
hp_report(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	MemoryContext old;
	hpg_page page = {.study = NULL};
	text *result;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	context = AllocSetContextCreate(CurrentMemoryContext, "hp_report",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	make_page(&page, hpg_arg_model(fcinfo, 0),
			  PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)),
			  target_arg(fcinfo));
	MemoryContextSwitchTo(old);
	result = cstring_to_text_with_len(page.text.data, page.text.len);
	MemoryContextDelete(context);
	PG_RETURN_TEXT_P(result);
}
