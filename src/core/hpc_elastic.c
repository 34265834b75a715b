/*
 * hpc_elastic.c
 *		Coefficients that minimise a quadratic form with an elastic net
 *		penalty.
 *
 * Coordinate descent with covariance updates: a coefficient moves to where
 * the objective is least while the others stay, which has a closed form, the
 * soft threshold,
 *
 *		b_j = S(g_j + G_jj b_j, l1) / (G_jj + l2),	g = c - G b
 *
 * and the gradient g follows by a row of G.  A sweep goes through all
 * coefficients; those that are not 0 are then swept until they rest, and a
 * sweep through all must find nothing to do.  Along a path of falling
 * penalties each solution starts from the last, and a few sweeps do.
 *
 * Without l1 the minimum is the solution of linear equations.  Where it must
 * be exact these are solved by Cholesky's factors instead; a column that
 * the ones before it determine gets the coefficient 0, so columns may be as
 * many and as dependent as they like.
 *
 * All is one fixed sequence of operations.  The work of one solution is
 * bounded; a solution that has not come to rest by then is still one along
 * which all sweeps have reduced the objective.
 *
 * Literature: Zou and Hastie (2005), "Regularization and variable selection
 * via the elastic net"; Friedman, Hastie and Tibshirani (2010),
 * "Regularization paths for generalized linear models via coordinate descent".
 */
#include <math.h>
#include <string.h>

#include "hpc_elastic.h"
#include "hpc_memory.h"

/* A column of a smaller variance is constant. */
#define LEAST_VARIANCE 1e-10

/* A column is determined by others if so little of its variance is left. */
#define LEAST_PIVOT 1e-8

/* At rest: no step changes a prediction's mean square by more. */
#define COARSE_STEP 1e-7
#define FINE_STEP 1e-16

/* Bounds of sweeps and of multiplications in one solution. */
#define COARSE_SWEEPS 500
#define FINE_SWEEPS 10000
#define COARSE_WORK 2e8
#define FINE_WORK 2e9

/* One descent. */
typedef struct descent
{
	hpc_elastic *elastic;
	double l1;
	double l2;
	double rest; /* steps below this are none */
	int nsweeps; /* that are left */
	double work; /* likewise */
	hpc_crew *crew;
	int worker;
} descent;

hpc_status
hpc_elastic_init(hpc_env *env, hpc_elastic *elastic, int n)
{
	size_t size = (size_t) n;

	elastic->n = n;
	elastic->coefficient = hpc_alloc(env, size, sizeof(double));
	elastic->gradient = hpc_alloc(env, size, sizeof(double));
	elastic->pivot = hpc_alloc(env, size, sizeof(double));
	elastic->active = hpc_alloc(env, size, sizeof(int));
	if (elastic->coefficient == NULL || elastic->gradient == NULL ||
		elastic->pivot == NULL || elastic->active == NULL)
		return HPC_NO_MEMORY;
	return hpc_normal_init(env, &elastic->normal, n);
}

void
hpc_elastic_free(hpc_env *env, hpc_elastic *elastic)
{
	hpc_free(env, elastic->coefficient);
	hpc_free(env, elastic->gradient);
	hpc_free(env, elastic->pivot);
	hpc_free(env, elastic->active);
	hpc_normal_free(env, &elastic->normal);
}

void
hpc_elastic_restart(hpc_elastic *elastic)
{
	size_t size = (size_t) elastic->n * sizeof(double);

	memset(elastic->coefficient, 0, size);
	memcpy(elastic->gradient, elastic->normal.cross, size);
}

double
hpc_elastic_intercept(const hpc_elastic *elastic)
{
	double intercept = elastic->normal.target_mean;

	for (int j = 0; j < elastic->n; j++)
		intercept -= elastic->normal.mean[j] * elastic->coefficient[j];
	return intercept;
}

/* ---------- coordinate descent ---------- */

static inline double
soft_threshold(double x, double l1)
{
	return x > l1 ? x - l1 : x < -l1 ? x + l1 : 0;
}

/* Moves one coefficient; answers how much that changes predictions. */
static double
move(descent *d, int j)
{
	hpc_elastic *e = d->elastic;
	const double *row = e->normal.matrix + (size_t) j * (size_t) e->n;
	double variance = row[j];
	double old = e->coefficient[j];
	double now;
	double step;

	if (variance <= LEAST_VARIANCE)
		return 0;
	now = soft_threshold(e->gradient[j] + variance * old, d->l1) /
		  (variance + d->l2);
	step = now - old;
	if (step == 0)
		return 0;
	e->coefficient[j] = now;
	for (int k = 0; k < e->n; k++)
		e->gradient[k] -= step * row[k];
	d->work -= e->n;
	return step * step * variance;
}

/* True: nothing is left to do, or to do it with. */
static bool
is_over(descent *d, double largest)
{
	d->nsweeps--;
	return largest < d->rest || d->nsweeps <= 0 || d->work <= 0;
}

/* Sweeps through the coefficients that are not 0.  False: stopped. */
static bool
settle_active(descent *d)
{
	hpc_elastic *e = d->elastic;
	int nactive = 0;
	double largest;

	for (int j = 0; j < e->n; j++)
	{
		if (e->coefficient[j] != 0)
			e->active[nactive++] = j;
	}
	do
	{
		largest = 0;
		for (int i = 0; i < nactive; i++)
		{
			double change = move(d, e->active[i]);

			largest = change > largest ? change : largest;
		}
		if (hpc_crew_stopped(d->crew, d->worker))
			return false;
	} while (!is_over(d, largest));
	return true;
}

static bool
descend(descent *d)
{
	for (;;)
	{
		double largest = 0;

		for (int j = 0; j < d->elastic->n; j++)
		{
			double change = move(d, j);

			largest = change > largest ? change : largest;
		}
		if (hpc_crew_stopped(d->crew, d->worker))
			return false;
		if (is_over(d, largest))
			return true;
		if (!settle_active(d))
			return false;
	}
}

/* ---------- linear equations ---------- */

/* Sum of products, in four parts that a processor adds at a time. */
static double
dot(const double *a, const double *b, int n)
{
	double sum[4] = {0, 0, 0, 0};
	int i = 0;

	for (; i + 4 <= n; i += 4)
	{
		for (int k = 0; k < 4; k++)
			sum[k] += a[i + k] * b[i + k];
	}
	for (; i < n; i++)
		sum[0] += a[i] * b[i];
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/*
 * Cholesky's factor of G + l2, in the lower triangle of G below the diagonal;
 * pivot has the inverses of its diagonal, 0 for a column left out.  False:
 * stopped.
 */
static bool
factorise(descent *d)
{
	hpc_elastic *e = d->elastic;
	size_t n = (size_t) e->n;

	for (int i = 0; i < e->n; i++)
	{
		double *row = e->normal.matrix + (size_t) i * n;
		double diagonal = row[i] + d->l2;
		double rest;

		for (int j = 0; j < i; j++)
		{
			const double *above = e->normal.matrix + (size_t) j * n;

			row[j] = (row[j] - dot(row, above, j)) * e->pivot[j];
		}
		rest = diagonal - dot(row, row, i);
		e->pivot[i] = row[i] > LEAST_VARIANCE && rest > diagonal * LEAST_PIVOT
						  ? 1 / sqrt(rest)
						  : 0;
		if (hpc_crew_stopped(d->crew, d->worker))
			return false;
	}
	return true;
}

/* Coefficients from the factor. */
static void
substitute(hpc_elastic *e)
{
	size_t n = (size_t) e->n;
	double *b = e->coefficient;

	for (int i = 0; i < e->n; i++)
		b[i] = (e->normal.cross[i] -
				dot(e->normal.matrix + (size_t) i * n, b, i)) *
			   e->pivot[i];
	for (int i = e->n - 1; i >= 0; i--)
	{
		const double *row = e->normal.matrix + (size_t) i * n;

		b[i] *= e->pivot[i];
		for (int j = 0; j < i; j++)
			b[j] -= row[j] * b[i];
	}
}

/* Puts the lower triangle back, and the gradient in order. */
static void
restore(hpc_elastic *e)
{
	size_t n = (size_t) e->n;

	for (size_t i = 0; i < n; i++)
	{
		for (size_t j = 0; j < i; j++)
			e->normal.matrix[i * n + j] = e->normal.matrix[j * n + i];
	}
	for (size_t i = 0; i < n; i++)
		e->gradient[i] = e->normal.cross[i] -
						 dot(e->normal.matrix + i * n, e->coefficient, e->n);
}

static bool
solve_equations(descent *d)
{
	if (!factorise(d))
		return false;
	substitute(d->elastic);
	restore(d->elastic);
	return true;
}

bool
hpc_elastic_solve(hpc_elastic *elastic, double l1, double l2, bool fine,
				  hpc_crew *crew, int worker)
{
	descent d = {.elastic = elastic,
				 .l1 = l1,
				 .l2 = l2,
				 .rest = fine ? FINE_STEP : COARSE_STEP,
				 .nsweeps = fine ? FINE_SWEEPS : COARSE_SWEEPS,
				 .work = fine ? FINE_WORK : COARSE_WORK,
				 .crew = crew,
				 .worker = worker};

	if (fine && l1 == 0)
		return solve_equations(&d);
	return descend(&d);
}
