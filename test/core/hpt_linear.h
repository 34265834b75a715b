/*
 * hpt_linear.h
 *		Linear models for tests, and a table of every kind of column.
 */
#ifndef HPT_LINEAR_H
#define HPT_LINEAR_H

#include "hpt_table.h"

/* Columns of the table, in the order of their names. */
enum
{
	HPT_SKEWED, /* positive, a few large */
	HPT_EVEN,   /* of both signs, one far off */
	HPT_GAPPY,  /* missing in some rows, with a meaning */
	HPT_YES,    /* a rare boolean */
	HPT_SORT,   /* a category, missing in some rows */
	HPT_WHEN,   /* a time */
	HPT_MIXED
};

#define HPT_SORTS 5


extern void hpt_table_mixed(hpt_table *table, uint32_t nrows, uint64_t seed,
							bool weighted);
extern double hpt_sum_weights(const hpt_table *table);

/* No logarithms of targets, leaks allowed. */
extern hpc_params hpt_linear_params(double l1, double l2);

/* A model that is used and then released. */
typedef struct hpt_trained
{
	hpt_memory memory;
	hpc_model *model;
	size_t nbytes;
	hpc_model_view view;
	hpc_model_summary summary;
} hpt_trained;

extern void hpt_train(const hpt_table *table, const hpc_params *params,
					  int nthreads, hpt_trained *trained);
extern void hpt_trained_free(hpt_trained *trained);

/* What a number of a column is in the regression, by the model's term. */
extern double
hpt_transformed(const hpc_linear_term *term, const hpc_value *value);

#endif /* HPT_LINEAR_H */
