/*
 * hpg_study.h
 *		What the rows of a source say of a model: all the figures of hp_report.
 *
 * A row's miss is by how much its prediction misses the actual value: the
 * logarithm of predicted / actual where all of both are positive, so that a
 * factor counts the same up and down; else predicted - actual.  Above 0 the
 * prediction is too high.
 *
 * Nothing here depends on the order of the rows.
 */
#ifndef HPG_STUDY_H
#define HPG_STUDY_H

#include "hpg_pair.h"

/* Where the predictions come from. */
typedef enum hpg_origin
{
	HPG_NEW_ROWS,   /* other rows than those of the training */
	HPG_OUT_OF_BAG, /* those of the training, by trees that did not see them */
	HPG_FROM_MEMORY /* those of the training, and no way to be honest */
} hpg_origin;

/* Order statistics of misses: 5 %, quartiles, 95 %. */
#define HPG_QUANTILES 5

typedef struct hpg_box
{
	int64 n;
	double at[HPG_QUANTILES];
	double bias; /* sum of predicted / sum of actual - 1, or mean miss */
} hpg_box;

/* A third of the rows, by prediction: cheap, middling, dear. */
#define HPG_THIRDS 3

/* ---------- by category ---------- */

typedef struct hpg_level
{
	const char *label; /* in UTF-8, or its beginning; NULL: missing */
	uint32 nbytes;
	hpc_hash hash; /* of all of it */
	int64 n;
	double mean; /* miss */
} hpg_level;

#define HPG_MOST_LEVELS 12

/* The column whose categories explain most of how misses vary. */
typedef struct hpg_spread
{
	int ncolumns;       /* that were compared */
	const char *column; /* NULL: none explains more than chance would */
	double explained;   /* share of the variance */
	double within;      /* standard deviation of the misses in a category */
	int nlevels;
	hpg_level levels[HPG_MOST_LEVELS]; /* the largest, by mean miss */
	int nothers;                       /* categories that are not among them */
	int64 nother_rows;
	double other_mean;
} hpg_spread;

/* ---------- by date ---------- */

typedef struct hpg_period
{
	char *label;
	int number; /* from 0, those without rows counted */
	int64 n;
	double at[HPG_QUANTILES]; /* of misses */
} hpg_period;

typedef struct hpg_dates
{
	const char *column; /* NULL: there is none with two periods */
	const char *unit;   /* "month" */
	int64 nmissing;
	int nperiods;
	hpg_period *periods; /* those with rows, ascending */
} hpg_dates;

/* ---------- rows unlike the training ---------- */

typedef struct hpg_unlike
{
	int feature; /* of the model */
	int64 nrows; /* with any of the warnings, and with each */
	int64 by[HPG_WARNINGS];
} hpg_unlike;

/* ---------- intervals ---------- */

#define HPG_COVERAGES 4

typedef struct hpg_coverage
{
	double nominal;
	double held;                /* share of the rows */
	double held_by[HPG_THIRDS]; /* of the thirds; NaN: no rows */
	double width;               /* mean, as a share of the prediction where
									* misses are logarithms */
} hpg_coverage;

/* ---------- all of it ---------- */

typedef struct hpg_study
{
	const hpc_model *model;
	hpc_model_summary summary;
	hpc_env env; /* its memory is counted */

	hpg_origin origin;
	hpc_digest digest; /* of the rows as the model consumes them */
	const char *target;
	int64 nwithout; /* rows without a target */
	int64 nzero;    /* rows of weight 0 */
	int64 nnever;   /* rows that every tree has seen */

	int64 n; /* rows with both; if none, nothing below is set */
	hpg_pair *pairs;
	bool relative; /* misses are logarithms */
	double *misses;

	hpg_evaluation model_says;
	hpg_evaluation mean_says; /* always the mean of the training */
	double cuts[HPG_THIRDS - 1];
	hpg_box thirds[HPG_THIRDS];
	hpg_spread spread;
	hpg_dates dates;

	int64 nsampled; /* rows that the following are measured on */
	bool has_curve;
	hpc_curve curve;
	bool has_intervals;
	int64 ncovered; /* rows whose intervals were looked at */
	int64 covered_size;
	struct hpg_covered *covered;
	hpg_coverage coverage[HPG_COVERAGES];

	int64 nunlike;      /* rows with a warning */
	hpg_unlike *unlike; /* [nunlike_features], most rows first */
	int nunlike_features;
} hpg_study;

/*
 * Studies the rows of a source; see hpg_rows_open.  The model must stay, and
 * so must the current memory context.
 */
extern hpg_study *
hpg_study_make(const hpc_model *model, const char *source, const char *target);

/* A miss as it is shown: a share, or in units of the target. */
extern double hpg_shown_miss(const hpg_study *study, double miss);

/* The third that a prediction belongs to. */
extern int hpg_third_of(const hpg_study *study, double predicted);

/* ---------- what the files of the study share ---------- */

/* Counted memory, which goes with the study's context. */
extern void *hpg_study_alloc(hpg_study *study, size_t nbytes);
extern void *hpg_study_resize(hpg_study *study, void *old, size_t nbytes);

/* Order statistics of n > 0 values, which change places. */
extern void hpg_quantiles(double *values, int64 n, double at[HPG_QUANTILES]);

/*
 * hpg_study_coverage.c: looks at the intervals of a row, and, when thirds are
 * known, sums them up.
 */
extern void hpg_study_cover(hpg_study *study, const hpc_value *values,
							double actual, uint32_t *codes);
extern void hpg_study_coverage(hpg_study *study);

/*
 * hpg_study_spread.c, hpg_study_dates.c: by category, and by date.  They read
 * the rows again; misses[] are in the order of these, NaN where a row has no
 * prediction.
 */
struct hpg_rows;
extern void hpg_study_spread(hpg_study *study, struct hpg_rows *rows);
extern void hpg_study_dates(hpg_study *study, struct hpg_rows *rows);

#endif /* HPG_STUDY_H */
