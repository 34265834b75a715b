/*
 * hpg_report_tables.c
 *		The tables of hp_report: figures, parameters, features.
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "utils/float.h"

#include "hpg_html.h"
#include "hpg_report.h"

#define MOST_FEATURES 200 /* that are listed */
#define MOST_UNLIKE 10

/* ---------- metrics ---------- */

static const struct
{
	hpg_figure metric;
	bool percent;
	const char *name;
	const char *help;
} metrics[] = {
	{HPG_FIGURE_MAE, false, "MAE", "mean absolute error"},
	{HPG_FIGURE_RMSE, false, "RMSE", "root mean squared error"},
	{HPG_FIGURE_RMSLE, false, "RMSLE", "the same of logarithms"},
	{HPG_FIGURE_MAPE, true, "MAPE",
	 "mean absolute error, of the actual value"},
	{HPG_FIGURE_MDAPE, true, "MdAPE", "its median"},
	{HPG_FIGURE_WITHIN_10PCT, true, "Within 10&#xA0;%",
	 "share of the rows off by no more"},
	{HPG_FIGURE_R2, false, "R&#xB2;",
	 "share of the variance that is explained"},
	{HPG_FIGURE_MEDIAN_RATIO, false, "Median ratio",
	 "of predicted to actual; 0.90 to 1.10 is usual"},
	{HPG_FIGURE_COD, false, "COD",
	 "spread of the ratios about their median, in %; 5 to 15 is usual"},
	{HPG_FIGURE_PRD, false, "PRD",
	 "above 1.03 high values are predicted too low beside low ones"}};

static void
put_metric(StringInfo text, const hpg_evaluation *evaluation,
		   hpg_figure metric, bool percent)
{
	double value = evaluation->nulls[metric]
					   ? get_float8_nan()
					   : DatumGetFloat8(evaluation->values[metric]);

	appendStringInfo(text, "<td class=\"n\">%s</td>",
					 percent ? hpg_html_percent(value)
							 : hpg_html_number(value));
}

void
hpg_report_metrics(hpg_page *page)
{
	StringInfo text = &page->text;

	appendStringInfoString(
		text, "<table>\n<thead><tr><th>Figure</th>"
			  "<th class=\"help\">is the</th>"
			  "<th class=\"n\">model</th>"
			  "<th class=\"n\">always the mean</th></tr></thead>\n"
			  "<tbody>\n");
	for (int i = 0; i < (int) lengthof(metrics); i++)
	{
		appendStringInfo(text,
						 "<tr><td>%s</td><td class=\"help soft\">%s</td>",
						 metrics[i].name, metrics[i].help);
		put_metric(text, &page->study->model_says, metrics[i].metric,
				   metrics[i].percent);
		put_metric(text, &page->study->mean_says, metrics[i].metric,
				   metrics[i].percent);
		appendStringInfoString(text, "</tr>\n");
	}
	appendStringInfoString(text, "</tbody>\n</table>\n");
}

/* ---------- rows unlike the training ---------- */

/* What a number of rows has; of times, before and after. */
static const char *
words_of(hpg_warning warning, hpc_kind kind)
{
	bool is_time = kind == HPC_TIME;

	switch (warning)
	{
		case HPG_WARN_ABOVE:
			return is_time ? "after the latest" : "above the greatest";
		case HPG_WARN_BELOW:
			return is_time ? "before the earliest" : "below the least";
		case HPG_WARN_MISSING:
			return "missing, as none was";
		default:
			return "an unseen category";
	}
}

static void
put_unlike(StringInfo text, const hpc_model *model, const hpg_unlike *unlike)
{
	hpc_model_feature feature;
	const char *separator = "";

	hpc_model_feature_at(model, unlike->feature, &feature);
	appendStringInfoString(text, "<tr><td>");
	hpg_html_text(text, feature.name);
	appendStringInfoString(text, "</td><td>");
	for (int i = HPG_NO_WARNING + 1; i < HPG_WARNINGS; i++)
	{
		if (unlike->by[i] == 0)
			continue;
		appendStringInfo(text, "%s%s %s", separator,
						 hpg_html_integer(unlike->by[i]),
						 words_of((hpg_warning) i, feature.kind));
		separator = ", ";
	}
	appendStringInfoString(text, "</td></tr>\n");
}

void
hpg_report_unlike(hpg_page *page)
{
	const hpg_study *study = page->study;
	StringInfo text = &page->text;
	int shown = Min(study->nunlike_features, MOST_UNLIKE);

	appendStringInfoString(text, "<table>\n<thead><tr><th>Column</th>"
								 "<th>rows in which it is</th></tr></thead>\n"
								 "<tbody>\n");
	for (int i = 0; i < shown; i++)
		put_unlike(text, page->model, &study->unlike[i]);
	appendStringInfoString(text, "</tbody>\n</table>\n");
	if (study->nunlike_features > shown)
		appendStringInfo(text, "<p class=\"soft\">And %s.</p>\n",
						 hpg_html_count(study->nunlike_features - shown,
										"more column", "more columns"));
}

/* ---------- the record ---------- */

static void
put_entry(StringInfo text, const char *name, const char *value)
{
	appendStringInfo(text, "<tr><td>%s</td><td class=\"n\">%s</td></tr>\n",
					 name, value);
}

static char *
digest_text(const hpc_digest *digest)
{
	char hex[2 * HPC_DIGEST_SIZE + 1];

	hpc_digest_to_hex(digest, hex);
	return psprintf("<code>%s</code>", hex);
}

static void
put_training(hpg_page *page)
{
	const hpc_model_summary *summary = &page->summary;
	StringInfo text = &page->text;
	hpc_digest digest = hpc_model_digest(page->model);

	appendStringInfoString(text, "<table class=\"record\">\n<tbody>\n");
	put_entry(text, "Digest of the model", digest_text(&digest));
	put_entry(text, "Digest of its training rows",
			  digest_text(&summary->data_digest));
	if (page->study != NULL)
		put_entry(text, "Digest of the rows above",
				  digest_text(&page->study->digest));
	put_entry(text, "Training rows", hpg_html_integer(summary->nrows));
	put_entry(text, "Different ones among them",
			  hpg_html_integer(summary->ndistinct));
	if (summary->nskipped > 0)
		put_entry(text, "Rows without a target, left out",
				  hpg_html_integer(summary->nskipped));
	put_entry(text, "Target in training",
			  psprintf("%s to %s, mean %s",
					   hpg_html_number(summary->target_min),
					   hpg_html_number(summary->target_max),
					   hpg_html_number(summary->target_mean)));
	put_entry(text, "Learned",
			  summary->log_scale ? "the logarithm of the target"
								 : "the target itself");
	if (summary->oob_rows > 0)
		put_entry(text, "Measured in training, on rows held out",
				  psprintf("MAE %s, RMSE %s, R&#xB2; %s (%s)",
						   hpg_html_number(summary->oob_mae),
						   hpg_html_number(summary->oob_rmse),
						   hpg_html_number(summary->oob_r2),
						   hpg_html_count(summary->oob_rows, "row", "rows")));
	if (summary->nnodes > 0)
		put_entry(text, "Trees",
				  psprintf("%s of %s in all",
						   hpg_html_integer(summary->ntrees),
						   hpg_html_count(summary->nnodes, "node", "nodes")));
	put_entry(text, "Size", hpg_html_count(summary->nbytes, "byte", "bytes"));
	appendStringInfoString(text, "</tbody>\n</table>\n");
}

/* ---------- parameters ---------- */

static char *
parameter_value(const hpc_params *params, const hpc_parameter *which)
{
	double number = hpc_params_get(params, which);
	char digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (which->unset != NULL && number == which->fallback)
		return hpg_html_quote(which->unset);
	if (which->type == HPC_BOOL || which->type == HPC_SWITCH)
		return pstrdup(number != 0 ? "true" : "false");
	if (which->type == HPC_CHOICE)
		return hpg_html_quote(which->choices[(int) number]);
	double_to_shortest_decimal_buf(number, digits);
	return pstrdup(digits);
}

static void
put_parameters_of(StringInfo text, const hpc_model_summary *summary)
{
	int n;
	const hpc_parameter *table = hpc_parameter_table(&n);

	appendStringInfo(text,
					 "<details><summary>Parameters of %s</summary>\n"
					 "<table>\n<tbody>\n",
					 hpc_algorithm_name(summary->algorithm));
	for (int i = 0; i < n; i++)
	{
		if ((table[i].algorithms & 1u << summary->algorithm) == 0 ||
			!hpc_parameter_is_scalar(&table[i]))
			continue;
		appendStringInfo(text,
						 "<tr><td>%s</td><td class=\"help soft\">%s</td>"
						 "<td class=\"n\">%s</td></tr>\n",
						 table[i].name, hpg_html_quote(table[i].help),
						 parameter_value(&summary->params, &table[i]));
	}
	appendStringInfoString(text, "</tbody>\n</table>\n</details>\n");
}

static void
put_parameters(hpg_page *page)
{
	if (page->summary.nmembers == 0)
	{
		put_parameters_of(&page->text, &page->summary);
		return;
	}
	for (int i = 0; i < page->summary.nmembers; i++)
	{
		hpc_model_summary member;

		hpc_model_summarize(hpc_model_member(page->model, i), &member);
		put_parameters_of(&page->text, &member);
	}
}

/* ---------- features ---------- */

static char *
range_of(const hpc_model_feature *feature)
{
	switch (feature->kind)
	{
		case HPC_CATEGORY:
			return hpg_html_count(feature->ncategories, "category",
								  "categories");
		case HPC_BOOLEAN:
			return pstrdup("");
		default:
			if (isnan(feature->min))
				return pstrdup("");
			return psprintf("%s to %s",
							hpg_html_value(feature->kind, feature->min),
							hpg_html_value(feature->kind, feature->max));
	}
}

static void
put_feature(StringInfo text, const hpg_ranked *ranked)
{
	const hpc_model_feature *feature = &ranked->feature;

	appendStringInfoString(text, "<tr><td>");
	hpg_html_text(text, feature->name);
	if (feature->monotone != 0)
		appendStringInfo(text, " <span class=\"soft\">(%s)</span>",
						 feature->monotone > 0 ? "only rising"
											   : "only falling");
	appendStringInfo(
		text,
		"</td><td class=\"help\">%s</td><td>%s</td>"
		"<td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n",
		hpc_kind_name(feature->kind), range_of(feature),
		feature->nmissing > 0 ? hpg_html_integer(feature->nmissing) : "",
		feature->used ? hpg_html_percent(ranked->share) : "unused");
}

static void
put_features(hpg_page *page)
{
	StringInfo text = &page->text;
	int n = page->summary.nfeatures;
	int shown = Min(n, MOST_FEATURES);

	if (n == 0)
		return;
	appendStringInfo(text,
					 "<details><summary>%s</summary>\n<table>\n"
					 "<thead><tr><th>Feature</th><th class=\"help\">kind</th>"
					 "<th>range</th><th class=\"n\">missing</th>"
					 "<th class=\"n\">importance</th></tr></thead>\n<tbody>\n",
					 hpg_html_count(n, "feature", "features"));
	for (int i = 0; i < shown; i++)
		put_feature(text, &page->ranked[i]);
	appendStringInfoString(text, "</tbody>\n</table>\n");
	if (n > shown)
		appendStringInfo(text, "<p class=\"soft\">And %s.</p>\n",
						 hpg_html_count(n - shown, "more", "more"));
	appendStringInfoString(text, "</details>\n");
}

void
hpg_report_record(hpg_page *page)
{
	put_training(page);
	put_parameters(page);
	put_features(page);
}
