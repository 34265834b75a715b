/*
 * hpc_quadrature.h
 *		Integrals over 0 .. 1 of polynomials, exactly.
 */
#ifndef HPC_QUADRATURE_H
#define HPC_QUADRATURE_H

#include "hpc.h"

/*
 * Points and weights, npoints each, such that the sum of weight × f(point) is
 * the integral of f over 0 .. 1 where f is a polynomial of degree up to
 * 2 npoints - 1.  Points ascend, and all weights are positive.
 */
extern void hpc_quadrature(uint32_t npoints, double *points, double *weights);

#endif /* HPC_QUADRATURE_H */
