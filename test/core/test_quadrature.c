/*
 * test_quadrature.c
 *		Integrals of powers and of products of linear factors, which are known.
 */
#include <math.h>
#include <stdlib.h>

#include "hpc_quadrature.h"
#include "hpt.h"

#define MAX_POINTS 600

/* Greatest error of the integrals of t^k for all degrees that are exact. */
static double
worst_power(uint32_t n)
{
	static double points[MAX_POINTS];
	static double weights[MAX_POINTS];
	double worst = 0;

	hpc_quadrature(n, points, weights);
	for (uint32_t k = 0; k < 2 * n; k++)
	{
		double sum = 0;
		double error;

		for (uint32_t i = 0; i < n; i++)
			sum += weights[i] * pow(points[i], k);
		error = fabs(sum * (k + 1) - 1);
		worst = error > worst ? error : worst;
	}
	return worst;
}

static bool
in_order(uint32_t n)
{
	static double points[MAX_POINTS];
	static double weights[MAX_POINTS];

	hpc_quadrature(n, points, weights);
	for (uint32_t i = 0; i < n; i++)
	{
		if (!(weights[i] > 0) || !(points[i] > (i > 0 ? points[i - 1] : 0)) ||
			!(points[i] < 1))
			return false;
	}
	return true;
}

int
main(void)
{
	static const uint32_t sizes[] = {1, 2, 3, 4, 5, 8, 12, 20, 33, 64, 100};
	double points[3];
	double weights[3];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		double worst = worst_power(sizes[i]);

		hpt_ok(worst < 1e-13, "%u points: powers to %.1e", sizes[i], worst);
	}
	hpt_ok(worst_power(500) < 1e-11, "500 points");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		hpt_ok(in_order(sizes[i]), "%u points in order", sizes[i]);
	hpt_ok(in_order(500), "500 points in order");

	/* Abramowitz, Stegun 1964, table 25.4 */
	hpc_quadrature(3, points, weights);
	hpt_ok(fabs(points[0] - (1 - 0.774596669241483) / 2) < 1e-15 &&
			   fabs(points[1] - 0.5) < 1e-16 &&
			   fabs(weights[0] - 0.555555555555556 / 2) < 1e-15 &&
			   fabs(weights[1] - 0.888888888888889 / 2) < 1e-15,
		   "three points as in the tables");
	return hpt_done();
}
