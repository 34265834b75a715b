/*
 * hpt_table.h
 *		Tables for the tests of the learner, and the models made from them.
 */
#ifndef HPT_TABLE_H
#define HPT_TABLE_H

#include "hpc_frame.h"
#include "hpt_model.h"

#define HPT_MAX_COLUMNS 80
#define HPT_LABELS 4096

/* Rows in the order in which they will be appended. */
typedef struct hpt_table
{
	int ncolumns;
	hpc_column_spec columns[HPT_MAX_COLUMNS];
	uint32_t nrows;
	uint32_t max_rows;
	hpc_value *values; /* [nrows][ncolumns] */
	double *target;    /* [nrows] */
	double *weight;    /* [nrows] 1 each, unless changed */
} hpt_table;

extern void hpt_table_init(hpt_table *table);
extern void hpt_table_free(hpt_table *table);

/* Only while there are no rows. */
extern void hpt_table_column(hpt_table *table, const char *name, hpc_kind kind,
							 hpc_storage storage);

/* Appends a row, all missing, of weight 1; answers its values[ncolumns]. */
extern hpc_value *hpt_table_row(hpt_table *table, double target);

extern hpc_value hpt_number(double number);
extern hpc_value hpt_missing(void);

/* Level i < HPT_LABELS of a category: a, b, ... z, aa, ... */
extern hpc_value hpt_level(uint32_t i);

/*
 * Sales of houses that never were: every kind and storage, missing values,
 * rare levels, equal rows, a target that depends on most columns.
 */
extern void hpt_table_houses(hpt_table *table, uint32_t nrows, uint64_t seed);

/* Up to 12 columns of numbers x0, x1, ... with nvalues values each, and a noisy sum. */
extern void hpt_table_numbers(hpt_table *table, int ncolumns, uint32_t nrows,
							  uint32_t nvalues, uint64_t seed);

/* Weights between a half and 20, half of them 1. */
extern void hpt_table_weigh(hpt_table *table, uint64_t seed);

/* The values of a row. */
extern hpc_value *hpt_table_values(const hpt_table *table, uint32_t row);

/* Appends a copy of a row. */
extern void hpt_table_repeat(hpt_table *table, uint32_t row);

extern void hpt_table_shuffle(hpt_table *table, uint64_t seed);

/* Puts the columns in the opposite order. */
extern void hpt_table_reverse_columns(hpt_table *table);

/* ---------- into the core ---------- */

/* NULL: env->error says why. */
extern hpc_dataset *hpt_table_dataset(hpc_env *env, const hpt_table *table);

/* A frame, and the data set whose names it uses. */
typedef struct hpt_framed
{
	hpc_dataset *dataset;
	hpc_frame *frame;
	bool unique_text[HPT_MAX_COLUMNS];
} hpt_framed;

extern hpc_status hpt_table_frame(hpc_env *env, const hpt_table *table,
								  uint32_t max_bins, hpt_framed *framed);
extern hpc_status
hpt_table_frame_by(hpc_env *env, const hpt_table *table,
				   const hpc_frame_rules *rules, hpt_framed *framed);
extern void hpt_framed_free(hpc_env *env, hpt_framed *framed);

/* Defaults, but few trees, leak allowed and settings that do not change. */
extern hpc_params hpt_params(int64_t trees);

/* Trains; the result has no findings.  Release it with hpt_release. */
extern hpc_status
hpt_table_train(hpc_env *env, const hpt_table *table, const hpc_params *params,
				hpc_result *result);
/*
 * Trains with request number fail_at refused and check number cancel_at
 * cancelled (0: none); nblocks: what was left behind.
 */
extern hpc_status
hpt_table_try(const hpt_table *table, const hpc_params *params,
			  int64_t fail_at, int64_t cancel_at, int64_t *nblocks);

/* Checks that each allocation of a training can fail, and leaves nothing. */
extern void hpt_table_fails(const char *what, const hpt_table *table,
							const hpc_params *params);

extern void hpt_release(hpc_env *env, void *block);

/* One model of a table, trained with nthreads; memory is ready for use. */
extern hpc_model *
hpt_table_model(hpt_memory *memory, const hpt_table *table,
				const hpc_params *params, int nthreads, size_t *nbytes);

/* values[nfeatures], in the model's order, of a row of the table. */
extern void hpt_model_values(const hpc_model *model, const hpt_table *table,
							 uint32_t row, hpc_value *values);

#endif /* HPT_TABLE_H */
