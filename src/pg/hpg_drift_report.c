/*
 * hpg_drift_report.c
 *		The report of hp_drift: a line for each feature, after those of the
 *		ratios and of the predictions.
 *
 * What a verdict takes is in hpc_judge.c.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "hpg_drift.h"
#include "hpg_folds.h"

/* The columns of hp_drift_line, in their order. */
enum
{
	LINE_FEATURE,
	LINE_VERDICT,
	LINE_N,
	LINE_PSI,
	LINE_P_VALUE,
	LINE_NULLS_BEFORE,
	LINE_NULLS,
	LINE_UNSEEN,
	LINE_OUT_OF_RANGE,
	LINE_MEDIAN_RATIO,
	LINE_CHANGE,
	LINE_PICTURE,
	LINE_COLUMNS
};

static const char *const verdicts[] = {"unknown", "stable", "too few rows",
									   "drift"};

/* A line of the report; of ratios: line is NULL. */
typedef struct report_line
{
	const hpg_drift_line *line;
	hpc_drift result;
} report_line;

/* ---------- columns ---------- */

typedef struct columns
{
	Datum values[LINE_COLUMNS];
	bool nulls[LINE_COLUMNS];
} columns;

static void
set_column(columns *out, int column, Datum value)
{
	out->values[column] = value;
	out->nulls[column] = false;
}

/* NaN: NULL */
static void
set_number(columns *out, int column, double value)
{
	if (!isnan(value))
		set_column(out, column, Float8GetDatum(value));
}

static void
set_text(columns *out, int column, const char *text)
{
	set_column(out, column, CStringGetTextDatum(text));
}

static double
share(uint64 part, uint64 all)
{
	return all > 0 ? (double) part / (double) all : get_float8_nan();
}

/* Rows now with a value that training never had. */
static uint64
count_never(const hpg_drift_line *line)
{
	const uint64_t *never = line->counts.never;

	return line->kind == HPC_CATEGORY ? never[0] : never[0] + never[1];
}

/* A group, or what is like one, with its share before and now. */
static void
set_shares(columns *out, const char *name, double before, double now)
{
	set_text(out, LINE_CHANGE,
			 psprintf("%s: %.1f %% -> %.1f %%", name, 100 * before,
					  100 * now));
}

/*
 * What there is more of: values that training never had where these alone make
 * a drift, else a group.
 */
static void
set_change(columns *out, const hpg_drift_line *line, const hpc_drift *result)
{
	const hpc_drift_counts *counts = &line->counts;
	uint64 never = count_never(line);
	int group = result->most;

	if (result->far && !(result->psi > HPC_DRIFT_FAR_PSI))
	{
		if (line->never_missing && line->missing > never)
			set_shares(out, "NULL", 0, share(line->missing, counts->nnow));
		else
			set_shares(out,
					   line->kind == HPC_CATEGORY ? "unseen" : "out of range",
					   0, share(never, counts->nnow));
	}
	else if (group >= 0)
		set_shares(out, line->groups[group],
				   share(counts->before[group], counts->nbefore),
				   share(counts->now[group], counts->nnow));
}

/* The shares of all groups: of the training, and now. */
static void
set_picture(columns *out, const hpc_drift_counts *counts)
{
	double before[HPC_DRIFT_GROUPS];
	double now[HPC_DRIFT_GROUPS];
	double largest = 0;

	if (counts->ngroups == 0)
		return;
	for (int i = 0; i < counts->ngroups; i++)
	{
		before[i] = share(counts->before[i], counts->nbefore);
		now[i] = share(counts->now[i], counts->nnow);
		largest = Max(largest, Max(before[i], now[i]));
	}
	set_text(out, LINE_PICTURE,
			 psprintf("%s %s", hpg_skyline(before, counts->ngroups, largest),
					  hpg_skyline(now, counts->ngroups, largest)));
}

static void
set_feature(columns *out, const hpg_drift_line *line, uint64 n)
{
	set_number(out, LINE_NULLS_BEFORE,
			   share(line->missing_before, line->rows_before));
	set_number(out, LINE_NULLS, share(line->missing, n));
	set_number(out,
			   line->kind == HPC_CATEGORY ? LINE_UNSEEN : LINE_OUT_OF_RANGE,
			   share(count_never(line), n));
}

static void
set_ratios(columns *out, const hpg_ratio_counts *ratios)
{
	double median = hpg_drift_median_ratio(ratios);

	set_number(out, LINE_MEDIAN_RATIO, median);
	set_text(out, LINE_CHANGE,
			 psprintf("%.3f -> %.3f", ratios->before, median));
}

static Datum
make_line(TupleDesc desc, const hpg_drift *drift, const report_line *report)
{
	const hpg_drift_line *line = report->line;
	columns out = {{0}, {0}};

	memset(out.nulls, true, sizeof(out.nulls));
	set_text(&out, LINE_FEATURE, line == NULL ? "(ratio)" : line->name);
	set_text(&out, LINE_VERDICT, verdicts[report->result.verdict]);
	set_column(&out, LINE_N,
			   Int64GetDatum(line == NULL ? drift->ratios.n : drift->n));
	set_number(&out, LINE_PSI, report->result.psi);
	set_number(&out, LINE_P_VALUE, report->result.p_value);
	if (line == NULL)
		set_ratios(&out, &drift->ratios);
	else
	{
		if (line != drift->lines)
			set_feature(&out, line, drift->n);
		set_change(&out, line, &report->result);
		set_picture(&out, &line->counts);
	}
	return HeapTupleGetDatum(heap_form_tuple(desc, out.values, out.nulls));
}

/* ---------- all lines ---------- */

/* Of features: what drifts first, then by the index, then by name. */
static int
compare_lines(const void *a, const void *b)
{
	const report_line *x = a;
	const report_line *y = b;
	bool x_drifts = x->result.verdict == HPC_DRIFT_FOUND;
	bool y_drifts = y->result.verdict == HPC_DRIFT_FOUND;
	double x_psi = isnan(x->result.psi) ? -1 : x->result.psi;
	double y_psi = isnan(y->result.psi) ? -1 : y->result.psi;

	if (x_drifts != y_drifts)
		return x_drifts ? -1 : 1;
	if (x_psi != y_psi)
		return x_psi > y_psi ? -1 : 1;
	return x->line->index < y->line->index ? -1 : 1;
}

static void
compare_ratios(const hpg_ratio_counts *ratios, hpc_drift *result)
{
	hpc_drift_ratios r = {ratios->before, ratios->nbefore,
						  hpg_drift_median_ratio(ratios), ratios->nabove,
						  ratios->nbelow};

	hpc_drift_compare_ratios(&r, result);
}

/* The lines with their verdicts, in the order of the report. */
static int
judge(const hpg_drift *drift, report_line *lines)
{
	hpc_drift *results = palloc((drift->nlines + 1) * sizeof(hpc_drift));
	bool has_ratios = drift->ratios.n > 0;
	int n = 0;
	hpc_env env;

	if (has_ratios)
	{
		compare_ratios(&drift->ratios, &results[n]);
		lines[n++].line = NULL;
	}
	for (int i = 0; i < drift->nlines; i++)
	{
		hpc_drift_compare(&drift->lines[i].counts, &results[n]);
		lines[n++].line = &drift->lines[i];
	}
	hpg_env_init(&env, CurrentMemoryContext, 1);
	hpg_check_status(&env, hpc_drift_judge(&env, results, n));
	for (int i = 0; i < n; i++)
		lines[i].result = results[i];
	qsort(lines + has_ratios + 1, n - has_ratios - 1, sizeof(report_line),
		  compare_lines);
	return n;
}

Datum
hpg_drift_report(const hpg_drift *drift, Oid array_type)
{
	TupleDesc desc = hpg_element_desc(array_type, LINE_COLUMNS);
	report_line *lines = palloc0((drift->nlines + 1) * sizeof(report_line));
	int n = judge(drift, lines);
	Datum *datums = palloc(n * sizeof(Datum));

	for (int i = 0; i < n; i++)
		datums[i] = make_line(desc, drift, &lines[i]);
	return hpg_composite_array(array_type, n, datums);
}
