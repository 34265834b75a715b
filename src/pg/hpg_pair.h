/*
 * hpg_pair.h
 *		What the aggregates over pairs (actual, predicted) share.
 *
 * hpg_metrics.c has those that need sums only, hpg_evaluate.c the one that
 * keeps the pairs.
 */
#ifndef HPG_PAIR_H
#define HPG_PAIR_H

#include <math.h>

#include "lib/stringinfo.h"

#include "hpg.h"

typedef struct hpg_pair
{
	double actual;
	double predicted;
} hpg_pair;

/* ---------- errors of one pair ---------- */

static inline double
hpg_pair_error(const hpg_pair *p)
{
	return fabs(p->actual - p->predicted);
}

/* Of a pair whose actual value is not 0. */
static inline double
hpg_pair_relative_error(const hpg_pair *p)
{
	return hpg_pair_error(p) / fabs(p->actual);
}

static inline double
hpg_pair_ratio(const hpg_pair *p)
{
	return p->predicted / p->actual;
}

static inline double
hpg_pair_log_error(const hpg_pair *p)
{
	return hpc_log1p(p->predicted) - hpc_log1p(p->actual);
}

static inline bool
hpg_pair_has_logs(const hpg_pair *p)
{
	return !(p->actual < 0 || p->predicted < 0);
}

/* ---------- aggregate support ---------- */

/*
 * The pair among the arguments of a transition function; false where one side
 * is NULL.
 */
extern bool hpg_arg_pair(FunctionCallInfo fcinfo, hpg_pair *p);

/* ---------- metrics from sums ---------- */

/* The sums that R squared is made of. */
enum
{
	HPG_SQUARED_ERRORS = 0,
	HPG_ACTUALS = 1,
	HPG_SQUARED_ACTUALS = 2,
	HPG_R2_SUMS = 3
};

extern double hpg_mean(const hpc_sum *sum, int64 n);

/*
 * 1 - SSE / SST; false where all actual values are equal, so that there is
 * nothing to explain.
 */
extern bool hpg_r2(const hpc_sum sum[HPG_R2_SUMS], int64 n, double *r2);

/* ---------- all metrics together ---------- */

/* What one pass over the pairs finds. */
typedef struct hpg_totals
{
	int64 n;
	hpc_sum absolute;
	hpc_sum r2[HPG_R2_SUMS];
	hpc_sum logs; /* squared errors of logarithms */
	hpc_sum relative;
	hpc_sum ratios;
	hpc_sum predicted;
	int64 nwithin;   /* errors of at most a tenth */
	bool has_logs;   /* no value is negative */
	bool has_ratios; /* no actual value is 0 */
} hpg_totals;

extern void hpg_totals_init(hpg_totals *totals);
extern void hpg_totals_add(hpg_totals *totals, const hpg_pair *p);

/* The metrics, in the order of the columns of our row types. */
enum
{
	HPG_MAE,
	HPG_RMSE,
	HPG_RMSLE,
	HPG_MAPE,
	HPG_R2,
	HPG_METRICS
};

typedef struct hpg_metric
{
	bool defined; /* the data may leave it undefined */
	double value;
} hpg_metric;

/* metrics[HPG_METRICS], to the bit what the aggregates of that name answer. */
extern void hpg_totals_metrics(const hpg_totals *totals, hpg_metric *metrics);

/* ---------- hpg_evaluate.c ---------- */

/* The columns of hp_evaluation, in their order; see HPG_METRICS. */
typedef enum hpg_figure
{
	HPG_FIGURE_N,
	HPG_FIGURE_MAE,
	HPG_FIGURE_RMSE,
	HPG_FIGURE_RMSLE,
	HPG_FIGURE_MAPE,
	HPG_FIGURE_R2,
	HPG_FIGURE_MDAPE,
	HPG_FIGURE_WITHIN_10PCT,
	HPG_FIGURE_MEDIAN_RATIO,
	HPG_FIGURE_COD,
	HPG_FIGURE_PRD,
	HPG_FIGURES
} hpg_figure;

/* N is an int8, all others are float8; NULL: the data leave it undefined. */
typedef struct hpg_evaluation
{
	Datum values[HPG_FIGURES];
	bool nulls[HPG_FIGURES];
} hpg_evaluation;

/* What hp_evaluate says of n > 0 pairs. */
extern void hpg_evaluate(hpg_pair *pairs, int64 n, hpg_evaluation *out);

/*
 * Moves the values so that x[k] is what it would be if they were sorted, and
 * none before it is greater.  There must be no NaN.
 */
extern void hpg_select_nth(double *x, int64 n, int64 k);

#endif /* HPG_PAIR_H */
