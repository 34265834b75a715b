/*
 * hpg_drift.h
 *		What newer rows are like, beside the training of a model.
 */
#ifndef HPG_DRIFT_H
#define HPG_DRIFT_H

#include "hpg.h"

/* A feature, or the predictions. */
typedef struct hpg_drift_line
{
	int index; /* of the feature in the model */
	hpc_kind kind;
	char *name;            /* in the server's encoding */
	uint64 missing_before; /* rows without a value, and */
	uint64 rows_before;    /* all of the training */
	uint64 missing;        /* rows now without a value */
	bool never_missing;    /* in training, and no group says so */
	hpc_drift_counts counts;
	char **groups; /* what to call them; [counts.ngroups] */
	int others; /* the group of categories without one of their own, or -1 */
} hpg_drift_line;

/*
 * Ratios prediction / actual, counted in cells: so many in each power of two,
 * from 2^-8 to 2^8.
 */
#define HPG_RATIO_BITS 10
#define HPG_RATIO_CELLS (1 << HPG_RATIO_BITS)
#define HPG_RATIO_OCTAVES 16

typedef struct hpg_ratio_counts
{
	double before; /* the median that is to be expected */
	uint64 nbefore;
	uint64 n;
	uint64 nabove;
	uint64 nbelow;
	uint64 *octaves[HPG_RATIO_OCTAVES]; /* [HPG_RATIO_CELLS], or NULL */
} hpg_ratio_counts;

/* The state of the aggregate. */
typedef struct hpg_drift
{
	MemoryContext context;
	hpc_digest digest; /* of the model */
	uint64 n;          /* rows */
	int nlines;
	hpg_drift_line *lines; /* the first: of predictions */
	hpg_ratio_counts ratios;

	/* of transition functions alone */
	hpg_call call;
	hpc_model_feature *features; /* [nlines], or NULL */
} hpg_drift;

/* ---------- hpg_drift_state.c ---------- */

/* A state without rows, with room for what a model says of its training. */
extern void hpg_drift_begin(hpg_drift *drift, const hpc_model *model);

/*
 * A row: all values of the model's features, and the prediction.  actual: NaN
 * where it is not known.
 */
extern void
hpg_drift_add(hpg_drift *drift, const hpc_model *model,
			  const hpc_value *values, double prediction, double actual);

/* The rows of another state. */
extern void hpg_drift_merge(hpg_drift *drift, const hpg_drift *other);

extern void hpg_drift_send(const hpg_drift *drift, StringInfo message);

/* What was sent, in the current memory context. */
extern hpg_drift *hpg_drift_receive(StringInfo message);

/* Median of the ratios, within 0.05 %; NaN: there are none. */
extern double hpg_drift_median_ratio(const hpg_ratio_counts *ratios);

/* ---------- hpg_drift_report.c ---------- */

/* The report as an array of this type. */
extern Datum hpg_drift_report(const hpg_drift *drift, Oid array_type);

#endif /* HPG_DRIFT_H */
