/*
 * hpc_coder.h
 *		Codes of a row: where its values stand among what a model knows.
 *
 * The code of a number is how many thresholds of the feature lie below it, so
 * that x <= threshold k when the code is at most k.  That of a category is its
 * index.  HPC_NO_CODE goes where missing goes: a missing value, NaN, an
 * unknown category, any value of a feature on which no tree splits.
 *
 * A coder holds what makes the search short: for numbers, even buckets between
 * the least and the greatest threshold and how many thresholds lie below each
 * bucket; for categories a hash table.  Codes are the same without it.
 */
#ifndef HPC_CODER_H
#define HPC_CODER_H

#include "hpc_model.h"

#define HPC_NO_CODE UINT32_MAX

typedef struct hpc_coder hpc_coder;

/*
 * HPC_OK, and NULL where memory is short, or HPC_CANCELLED.  The coder does not
 * point into the model.
 */
extern hpc_status
hpc_coder_create(hpc_env *env, const hpc_model_view *view, hpc_coder **coder);
extern void hpc_coder_free(hpc_env *env, hpc_coder *coder);

/*
 * Number of thresholds below x.  Halves without a branch: where a value falls
 * is what no processor can foretell.
 */
static inline uint32_t
hpc_code_number(const double *thresholds, uint32_t n, double x)
{
	uint32_t low = 0;

	while (n > 1)
	{
		uint32_t half = n / 2;

		low += half & -(uint32_t) (thresholds[low + half - 1] < x);
		n -= half;
	}
	return low + (n == 1 && thresholds[low] < x);
}

/* Codes of values[nfeatures].  coder: made of the same model, or NULL. */
extern void hpc_code_row(const hpc_model_view *view, const hpc_coder *coder,
						 const hpc_value *values, uint32_t *codes);

/* The code of a value of a category that is not missing. */
extern uint32_t
hpc_code_category(const hpc_model_view *view, const hpc_coder *coder,
				  uint32_t feature, const hpc_value *value);

#endif /* HPC_CODER_H */
