/*
 * hpc_quadrature.c
 *		Gauss-Legendre quadrature: points and weights.
 *
 * The points on -1 .. 1 are the roots of the Legendre polynomial P of degree
 * n, found by Newton's method from where they nearly are,
 *
 *		cos(pi (i + 3/4) / (n + 1/2)),		i = 0 .. n - 1
 *
 * and the weight of root x is 2 / ((1 - x²) P'(x)²) (Davis, Rabinowitz,
 * "Methods of Numerical Integration", 2nd ed. 1984, section 2.7).  They lie
 * symmetrically about 0, so half of them is enough.
 *
 * Cosines of equal steps are rotations of a vector: libm is not asked.
 */
#include "hpc_quadrature.h"

#define PI 3.14159265358979323846

/* Each doubles the digits, of which the first guess has some two. */
#define NEWTON_STEPS 6

/* Enough for angles up to 2.1. */
#define TAYLOR_TERMS 12

static void
cosine_and_sine(double angle, double *cosine, double *sine)
{
	double c = 1;
	double s = angle;

	*cosine = 0;
	*sine = 0;
	for (int k = 1; k <= TAYLOR_TERMS; k++)
	{
		*cosine += c;
		*sine += s;
		c *= -angle * angle / ((2 * k - 1) * (2 * k));
		s *= -angle * angle / ((2 * k) * (2 * k + 1));
	}
}

/* P(x) of degree n, n > 0, by Bonnet's recursion, and its slope. */
static double
legendre(uint32_t n, double x, double *slope)
{
	double before = 1;
	double value = x;

	for (uint32_t k = 2; k <= n; k++)
	{
		double next = ((2.0 * k - 1) * x * value - (k - 1.0) * before) / k;

		before = value;
		value = next;
	}
	*slope = n * (before - x * value) / ((1 - x) * (1 + x));
	return value;
}

void
hpc_quadrature(uint32_t npoints, double *points, double *weights)
{
	double step = PI / (npoints + 0.5);
	double turn_cosine;
	double turn_sine;
	double cosine;
	double sine;

	cosine_and_sine(step, &turn_cosine, &turn_sine);
	cosine_and_sine(0.75 * step, &cosine, &sine);
	for (uint32_t i = 0; i < (npoints + 1) / 2; i++)
	{
		double x = cosine;
		double slope;
		double next;

		for (int k = 0; k < NEWTON_STEPS; k++)
		{
			double value = legendre(npoints, x, &slope);

			x -= value / slope;
		}
		legendre(npoints, x, &slope);

		/* -1 .. 1 is twice as wide as 0 .. 1 */
		points[i] = (1 - x) / 2;
		points[npoints - 1 - i] = (1 + x) / 2;
		weights[i] = weights[npoints - 1 - i] =
			1 / ((1 - x) * (1 + x) * slope * slope);
		next = cosine * turn_cosine - sine * turn_sine;
		sine = sine * turn_cosine + cosine * turn_sine;
		cosine = next;
	}
}
