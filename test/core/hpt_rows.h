/*
 * hpt_rows.h
 *		Rows that are a function of their number, for tests of data sets.
 */
#ifndef HPT_ROWS_H
#define HPT_ROWS_H

#include "hpc_dataset.h"
#include "hpt.h"

#define HPT_ROW_COLUMNS 7
#define HPT_ROW_WORD 6 /* the column of words */

/* Numbers of every kind, and words. */
extern const hpc_column_spec hpt_row_columns[HPT_ROW_COLUMNS];

/* Rows from here on have weights that are not 1. */
#define HPT_ROW_WEIGHTY 2000000

extern hpc_status
hpt_rows_append(hpc_env *env, hpc_dataset *dataset, uint64_t row);

/* A data set of rows begin .. end - 1; NULL: no memory. */
extern hpc_dataset *
hpt_rows_dataset(hpc_env *env, uint64_t begin, uint64_t end);

/* Does it hold the rows first .. first + nrows - 1, in any order? */
extern bool
hpt_rows_hold(const hpc_dataset *dataset, uint64_t first, uint64_t nrows);

/* How many numbers of a column are not those of their rows? */
extern uint64_t hpt_rows_wrong_numbers(const hpc_dataset *dataset, int column);

#endif /* HPT_ROWS_H */
