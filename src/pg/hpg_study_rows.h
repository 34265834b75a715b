/*
 * hpg_study_rows.h
 *		The rows of a source that hp_report can learn from: those with a target.
 *
 * They lie in a tuplestore of work_mem and are read as often as need be,
 * always in the same order.
 */
#ifndef HPG_STUDY_ROWS_H
#define HPG_STUDY_ROWS_H

#include "hpg.h"

typedef struct hpg_rows
{
	hpg_source *source;
	hpg_rowtype *rowtype;
	const hpg_column *target;
	const hpg_column *weight_column; /* NULL: rows count alike, or unknown */
	bool weighted;                   /* the model's training was */
	hpg_binding *binding;
	TupleTableSlot *slot;
	MemoryContext per_row; /* of the values of the row at hand */

	/* since the last rewind */
	int64 nread;    /* rows that can be learned from */
	int64 nwithout; /* rows without a target */
	int64 nzero;    /* rows of weight 0 */

	/* of the row at hand */
	double actual;
	double weight; /* NaN: none that a row of the training can have */
} hpg_rows;

/*
 * Reads a source for a model.  target (in UTF-8) names the column of actual
 * values; NULL: as the model does.  ERROR where rows and model do not suit.
 */
extern void hpg_rows_open(hpg_rows *rows, const hpc_model *model,
						  const char *source, const char *target);
extern void hpg_rows_close(hpg_rows *rows);

/* Begins anew; goes to the next row that can be learned from, if any. */
extern void hpg_rows_rewind(hpg_rows *rows);
extern bool hpg_rows_next(hpg_rows *rows);

/* A value of the row at hand, as it is in the source. */
extern void
hpg_rows_value(hpg_rows *rows, const hpg_column *column, hpc_value *value);

/*
 * Values of all features of the row at hand, in the model's order.  The
 * model's fill is applied to the row, once: ask for others before.
 */
extern const hpc_value *hpg_rows_features(hpg_rows *rows);

#endif /* HPG_STUDY_ROWS_H */
