/*
 * hpc_elastic.h
 *		Coefficients that minimise a quadratic form with an elastic net
 *		penalty.
 */
#ifndef HPC_ELASTIC_H
#define HPC_ELASTIC_H

#include "hpc_gram.h"

/* Room to solve the normal equations of one regression after the other. */
typedef struct hpc_elastic
{
	int n;
	hpc_normal normal;
	double *coefficient; /* [n] */
	double *gradient;    /* [n] cross - matrix × coefficient */
	double *pivot;       /* [n] scratch */
	int *active;         /* [n] scratch */
} hpc_elastic;

extern hpc_status hpc_elastic_init(hpc_env *env, hpc_elastic *elastic, int n);
extern void hpc_elastic_free(hpc_env *env, hpc_elastic *elastic);

/* Sets all coefficients to 0. */
extern void hpc_elastic_restart(hpc_elastic *elastic);

/*
 * Minimises b'Gb/2 - c'b + l1 |b| + l2 |b|²/2 from the coefficients that are
 * there.  fine: as well as it can be done, with its price.  False: stopped.
 */
extern bool hpc_elastic_solve(hpc_elastic *elastic, double l1, double l2,
							  bool fine, hpc_crew *crew, int worker);

/* The intercept that goes with the coefficients. */
extern double hpc_elastic_intercept(const hpc_elastic *elastic);

#endif /* HPC_ELASTIC_H */
