/*
 * hpc_gram.h
 *		Sums of products of the columns of a design, exact, fold by fold.
 */
#ifndef HPC_GRAM_H
#define HPC_GRAM_H

#include "hpc_design.h"
#include "hpc_parallel.h"
#include "hpc_random.h"

#define HPC_ALL_ROWS (-1)

/*
 * sum[f]: the lower triangle, row by row, of the products of 1, the target
 * and the columns, over the rows of fold f; in units of 2^(-2 bits).
 */
typedef struct hpc_gram
{
	const hpc_design *design;
	const uint8_t *fold; /* [nrows] */
	int ncolumns;        /* of the design */
	int bits;
	int64_t *sum[HPC_NFOLDS];
	void *scratch[HPC_NFOLDS];
	double *scale; /* [ncolumns] factor of the column in regressions */
} hpc_gram;

/*
 * Products over all rows, from the body of a crew.  To be freed even after a
 * failure.
 */
extern hpc_status hpc_gram_init(hpc_env *env, hpc_gram *gram,
								const hpc_design *design, const uint8_t *fold);
extern hpc_status hpc_gram_add_rows(hpc_gram *gram, hpc_crew *crew);
extern void hpc_gram_free(hpc_env *env, hpc_gram *gram);

/* What a regression needs, of columns that are centred and scaled. */
typedef struct hpc_normal
{
	double *matrix; /* [ncolumns][ncolumns] covariances */
	double *cross;  /* [ncolumns] those with the target */
	double *mean;   /* [ncolumns] before centring */
	double target_mean;
} hpc_normal;

extern hpc_status
hpc_normal_init(hpc_env *env, hpc_normal *normal, int ncolumns);
extern void hpc_normal_free(hpc_env *env, hpc_normal *normal);

/*
 * The normal equations of all rows but those of one fold (or HPC_ALL_ROWS).
 * False: there are none, or the crew stopped.
 */
extern bool hpc_gram_normal(const hpc_gram *gram, int held_out,
							hpc_normal *normal, hpc_crew *crew, int worker);

/* The same, but for the matrix. */
extern bool
hpc_gram_cross(const hpc_gram *gram, int held_out, hpc_normal *normal);

/*
 * Sum of squared residuals over the rows of a fold, for coefficients of
 * scaled columns.  scratch[ncolumns + 2]
 */
extern double
hpc_gram_loss(const hpc_gram *gram, int fold, const double *coefficient,
			  double intercept, double *scratch);

#endif /* HPC_GRAM_H */
