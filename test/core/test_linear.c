/*
 * test_linear.c
 *		Linear models: the conditions of a minimum; least squares; penalties
 *		chosen; the same bytes whatever the order of rows and the number of
 *		threads; tables at the edge; cancelling, and running out of memory.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_linear.h"

static double
predict(const hpc_model *model, const hpt_table *table, uint32_t row)
{
	hpc_value values[HPT_MAX_COLUMNS];
	uint32_t codes[HPT_MAX_COLUMNS];

	hpt_model_values(model, table, row, values);
	return hpc_model_predict(model, values, codes);
}

/* ---------- the conditions of a minimum ---------- */

/* A column of the regression: values of all rows, centred. */
typedef struct regressor
{
	double *x;          /* [nrows] */
	double coefficient; /* as if x had deviation 1, and so the target */
} regressor;

/* The target's deviation, weighted. */
static double
deviation(const hpt_table *table, const double *x, bool scale)
{
	double total = hpt_sum_weights(table);
	double mean = 0;
	double squares = 0;

	for (uint32_t row = 0; row < table->nrows; row++)
		mean += table->weight[row] / total * x[row];
	for (uint32_t row = 0; row < table->nrows; row++)
		squares +=
			table->weight[row] / total * (x[row] - mean) * (x[row] - mean);
	return scale ? sqrt(sqrt(squares)) * sqrt(sqrt(sqrt(squares)))
				 : sqrt(squares);
}

/*
 * How far a regressor is from the condition of a minimum: its correlation with
 * the residual is l1 × the sign of its coefficient + l2 × the coefficient, or
 * for a coefficient of 0 at most l1.
 */
static double
distance_from_minimum(const hpt_table *table, const double *residual,
					  const double *x, double coefficient, bool flag,
					  const hpc_params *params)
{
	double target_sd = deviation(table, table->target, false);
	double sd = deviation(table, x, flag);
	double b = coefficient * sd / target_sd;
	double total = hpt_sum_weights(table);
	double gradient = 0;

	for (uint32_t row = 0; row < table->nrows; row++)
		gradient += table->weight[row] / total * x[row] / sd * residual[row] /
					target_sd;
	if (fabs(b) < 1e-12)
		return fmax(fabs(gradient) - params->l1, 0);
	return fabs(gradient - (b > 0 ? params->l1 : -params->l1) -
				params->l2 * b);
}

/* The largest distance over the columns of one feature. */
static double
feature_distance(const hpt_table *table, const hpc_model_view *view,
				 int column, const double *residual, const hpc_params *params)
{
	const hpc_linear_term *term = &view->terms[column];
	double *x = malloc(table->nrows * sizeof(double));
	int nflags = column == HPT_SORT    ? HPT_SORTS + 1
				 : column == HPT_GAPPY ? 1
									   : 0;
	double most = 0;

	for (uint32_t row = 0; column != HPT_SORT && row < table->nrows; row++)
		x[row] = hpt_transformed(term, &hpt_table_values(table, row)[column]);
	if (column != HPT_SORT)
		most = distance_from_minimum(table, residual, x, term->coefficient,
									 false, params);
	for (int flag = 0; flag < nflags; flag++)
	{
		bool missing = column == HPT_GAPPY || flag == HPT_SORTS;
		double level =
			missing ? term->missing : view->levels[term->first_level + flag];

		for (uint32_t row = 0; row < table->nrows; row++)
		{
			const hpc_value *value = &hpt_table_values(table, row)[column];

			x[row] = missing
						 ? value->missing
						 : !value->missing && value->bytes[0] == 'a' + flag;
		}

		/* no level is rare, so an unknown one is where all flags are 0 */
		most = fmax(most, distance_from_minimum(table, residual, x,
												column == HPT_SORT
													? level - term->unknown
													: level,
												true, params));
	}
	free(x);
	return most;
}

static void
check_minimum(const char *what, double l1, double l2, bool weighted)
{
	hpc_params params = hpt_linear_params(l1, l2);
	hpt_table table;
	hpt_trained t;
	double *residual;
	double most = 0;
	double sum = 0;

	hpt_table_mixed(&table, 400, 8, weighted);
	residual = malloc(table.nrows * sizeof(double));
	hpt_train(&table, &params, 2, &t);
	for (uint32_t row = 0; row < table.nrows; row++)
	{
		residual[row] = table.target[row] - predict(t.model, &table, row);
		sum += table.weight[row] * residual[row];
	}
	for (int column = 0; column < HPT_MIXED; column++)
		most = fmax(most, feature_distance(&table, &t.view, column, residual,
										   &params));
	if (!hpt_ok(most < 1e-6 && fabs(sum) < 1e-4 * hpt_sum_weights(&table),
				"%s: the objective is at its minimum", what))
		hpt_note("off by %g, mean residual %g", most,
				 sum / hpt_sum_weights(&table));
	hpt_trained_free(&t);
	free(residual);
	hpt_table_free(&table);
}

static void
check_minima(void)
{
	check_minimum("both penalties", 0.02, 0.03, false);
	check_minimum("both, weighted", 0.02, 0.03, true);
	check_minimum("l1 alone", 0.05, 0, false);
	check_minimum("l2 alone", 0, 0.1, false);
	check_minimum("l2 alone, weighted", 0, 0.1, true);
	check_minimum("none", 0, 0, false);
	check_minimum("none, weighted", 0, 0, true);
}

/* ---------- least squares ---------- */

/* A plane through points, one column twice, one constant. */
static void
check_plane(void)
{
	hpc_params params = hpt_linear_params(0, 0);
	hpt_random random = {3};
	hpt_table table;
	hpt_trained t;
	double most = 0;

	hpt_table_init(&table);
	hpt_table_column(&table, "again", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(&table, "one", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(&table, "y", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (int i = 0; i < 60; i++)
	{
		double x = 4 * hpt_random_unit(&random) - 2;
		double y = 2 * hpt_random_unit(&random) - 1;
		hpc_value *row = hpt_table_row(&table, 7 + 3 * x - 5 * y);

		row[0] = row[2] = hpt_number(x);
		row[1] = hpt_number(1);
		row[3] = hpt_number(y);
	}
	hpt_train(&table, &params, 1, &t);
	for (uint32_t row = 0; row < table.nrows; row++)
		most = fmax(most,
					fabs(predict(t.model, &table, row) - table.target[row]));
	hpt_ok(most < 1e-6, "a plane is found, off by %.1g", most);
	hpt_ok(fabs(t.view.terms[0].coefficient + t.view.terms[2].coefficient -
				3) < 1e-6 &&
			   t.view.terms[1].coefficient == 0 &&
			   fabs(t.view.terms[3].coefficient + 5) < 1e-6,
		   "with its slopes, in spite of a copy and a constant");
	hpt_ok(t.summary.oob_rows == 60 && t.summary.oob_r2 > 1 - 1e-9,
		   "and by each fold");
	hpt_trained_free(&t);
	hpt_table_free(&table);
}

/* ---------- penalties chosen ---------- */

static void
check_choice(void)
{
	hpc_params params = hpt_linear_params(-1, -1);
	hpt_random random = {9};
	hpt_table table;
	hpt_trained t;
	double l2;
	int nzero = 0;

	hpt_table_mixed(&table, 600, 10, false);
	hpt_train(&table, &params, 2, &t);
	hpt_ok(t.summary.params.l1 > 0 && t.summary.params.l2 > 0 &&
			   t.summary.params.l1 < 0.05 && t.summary.oob_rows == 600 &&
			   t.summary.oob_r2 > 0.9,
		   "a signal: l1 %.2g, l2 %.2g, R2 %.3f out of fold",
		   t.summary.params.l1, t.summary.params.l2, t.summary.oob_r2);
	l2 = t.summary.params.l2;
	hpt_trained_free(&t);
	params.l1 = 0.25;
	hpt_train(&table, &params, 2, &t);
	hpt_ok(t.summary.params.l1 == 0.25 && t.summary.params.l2 < 1e-3 && l2 > 0,
		   "l1 given, too strong: as little l2 as there is");
	hpt_trained_free(&t);
	params.l1 = -1;
	params.l2 = 1;
	hpt_train(&table, &params, 2, &t);
	hpt_ok(t.summary.params.l2 == 1 && t.summary.params.l1 < 0.05,
		   "l2 given: l1 %.2g", t.summary.params.l1);
	hpt_trained_free(&t);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = hpt_random_normal(&random);
	params.l2 = -1;
	hpt_train(&table, &params, 2, &t);
	for (uint32_t i = 0; i < t.view.nfeatures; i++)
		nzero += t.view.terms[i].coefficient == 0;
	hpt_ok(nzero >= HPT_MIXED - 1 && t.summary.oob_r2 < 0.02,
		   "noise: %d of %d without coefficient, R2 %.3f", nzero, HPT_MIXED,
		   t.summary.oob_r2);
	hpt_trained_free(&t);
	hpt_table_free(&table);
}

/* Penalties do not know the unit of the target. */
static void
check_scale(void)
{
	hpc_params params = hpt_linear_params(0.01, 0.01);
	hpt_table table;
	hpt_trained one;
	hpt_trained other;
	uint32_t nsame = 0;

	hpt_table_mixed(&table, 300, 11, false);
	hpt_train(&table, &params, 1, &one);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] *= 1024;
	hpt_train(&table, &params, 1, &other);
	for (uint32_t row = 0; row < table.nrows; row++)
		nsame += fabs(predict(one.model, &table, row) * 1024 -
					  predict(other.model, &table, row)) < 1e-5;
	hpt_ok(nsame == table.nrows, "targets in another unit");
	hpt_trained_free(&one);
	hpt_trained_free(&other);
	hpt_table_free(&table);
}

/* Features count by how far they move predictions. */
static void
check_importance(void)
{
	hpc_params params = hpt_linear_params(-1, -1);
	hpt_table table;
	hpt_trained t;
	hpc_model_feature feature[3];

	hpt_table_numbers(&table, 3, 2000, 100, 13);
	hpt_train(&table, &params, 1, &t);
	for (int i = 0; i < 3; i++)
		hpc_model_feature_at(t.model, i, &feature[i]);
	hpt_ok(fabs(feature[1].gain / feature[0].gain - 2) < 0.2 &&
			   fabs(feature[2].gain / feature[0].gain - 3) < 0.3,
		   "gains are %.2f, %.2f, %.2f", feature[0].gain, feature[1].gain,
		   feature[2].gain);
	hpt_trained_free(&t);
	hpt_table_free(&table);
}

/* ---------- the same bytes ---------- */

static bool
same_model(const hpt_table *table, const hpc_params *params, int nthreads,
		   const hpt_trained *expected)
{
	hpt_trained t;
	bool same;

	hpt_train(table, params, nthreads, &t);
	same = t.nbytes == expected->nbytes &&
		   memcmp(t.model, expected->model, t.nbytes) == 0;
	hpt_trained_free(&t);
	return same && t.memory.nblocks == 0;
}

static void
check_same_bytes(const char *what, hpt_table *table)
{
	hpc_params params = hpt_linear_params(-1, -1);
	hpt_trained t;

	hpt_train(table, &params, 1, &t);
	hpt_ok(hpc_model_validate(&t.memory.env, t.model, t.nbytes) == HPC_OK,
		   "%s: a valid model of %d bytes", what, (int) t.nbytes);
	hpt_ok(same_model(table, &params, 2, &t) &&
			   same_model(table, &params, 3, &t),
		   "%s: the same bytes from 2 and 3 threads", what);
	hpt_table_shuffle(table, 5);
	hpt_ok(same_model(table, &params, 2, &t),
		   "%s: the same bytes from shuffled rows", what);
	hpt_table_reverse_columns(table);
	hpt_ok(same_model(table, &params, 1, &t),
		   "%s: the same bytes from columns in another order", what);
	hpt_trained_free(&t);
	hpt_table_free(table);
}

static void
check_all_same_bytes(void)
{
	hpt_table table;

	hpt_table_houses(&table, 700, 1);
	check_same_bytes("700 houses", &table);
	hpt_table_mixed(&table, 1000, 2, true);
	check_same_bytes("1000 rows with weights", &table);
	hpt_table_numbers(&table, 2, 70000, 1000000, 3);
	check_same_bytes("70,000 rows", &table);
}

/* ---------- tables at the edge ---------- */

static void
check_edge(const char *what, const hpt_table *table)
{
	static const double penalties[][2] = {{-1, -1}, {0, 0}, {0, -1}, {1, 1}};

	for (int i = 0; i < 4; i++)
	{
		hpc_params params =
			hpt_linear_params(penalties[i][0], penalties[i][1]);
		hpt_trained t;
		int nwrong = 0;

		hpt_train(table, &params, 1, &t);
		for (uint32_t row = 0; row < table->nrows; row++)
			nwrong += !isfinite(predict(t.model, table, row));
		hpt_ok(nwrong == 0 && hpc_model_validate(&t.memory.env, t.model,
												 t.nbytes) == HPC_OK,
			   "%s, penalties %g and %g", what, params.l1, params.l2);
		hpt_trained_free(&t);
	}
}

static void
set_targets(hpt_table *table, double unit, double start)
{
	for (uint32_t row = 0; row < table->nrows; row++)
		table->target[row] = 2 * (start / 2 + (row % 7) * (unit / 2));
}

static void
check_target_edges(void)
{
	hpt_table table;

	hpt_table_houses(&table, 200, 4);
	set_targets(&table, 0, 7);
	check_edge("a constant target", &table);
	set_targets(&table, 2.5e307, 0);
	check_edge("targets near the largest double", &table);
	set_targets(&table, 5e307, -1.7e308);
	check_edge("from end to end of the doubles", &table);
	set_targets(&table, 5e-324, 0);
	check_edge("the smallest doubles", &table);
	table.target[0] = 1e300;
	check_edge("an outlier", &table);
	for (uint32_t i = 0; i < 200u * (uint32_t) table.ncolumns; i++)
		table.values[i] = hpt_missing();
	set_targets(&table, 1, 0);
	check_edge("nothing but missing values", &table);
	hpt_table_free(&table);
}

/* Numbers of any size, even infinite. */
static void
check_number_edges(void)
{
	static const double units[] = {5e-324, 1e-300, 1e300, 4e306, INFINITY};
	hpt_table table;
	char what[64];

	for (int i = 0; i < 5; i++)
	{
		hpt_table_numbers(&table, 3, 120, 50, 5);
		for (uint32_t row = 0; row < table.nrows; row++)
			hpt_table_values(&table, row)[row % 3].number *=
				row % 2 ? -units[i] : units[i];
		for (uint32_t row = 0; row < table.nrows; row++)
		{
			hpc_value *value = &hpt_table_values(&table, row)[row % 3];

			if (isnan(value->number))
				*value = hpt_missing();
		}
		snprintf(what, sizeof(what), "numbers times %g", units[i]);
		check_edge(what, &table);
		hpt_table_free(&table);
	}
}

static void
check_edges(void)
{
	hpt_table table;
	char what[64];

	for (uint32_t nrows = 1; nrows <= 5; nrows++)
	{
		hpt_table_houses(&table, nrows, 4);
		snprintf(what, sizeof(what), "%u rows", nrows);
		check_edge(what, &table);
		hpt_table_free(&table);
	}
	hpt_table_mixed(&table, 300, 3, true);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.weight[row] *= row % 3 == 0 ? 1e90 : 1e-90;
	check_edge("weights from end to end", &table);
	hpt_table_free(&table);
	check_target_edges();
	check_number_edges();
}

/* ---------- cancelling and running out of memory ---------- */

static void
check_failures(void)
{
	hpc_params params = hpt_linear_params(-1, -1);
	hpt_table table;
	int64_t nwrong = 0;
	int64_t n = 0;
	int64_t nblocks;
	hpc_status status = HPC_CANCELLED;

	hpt_table_mixed(&table, 300, 6, true);
	hpt_table_fails("a table of all kinds", &table, &params);
	for (int64_t at = 1; status == HPC_CANCELLED && n < 400;
		 at += at < 200 ? 1 : at / 20)
	{
		n++;
		status = hpt_table_try(&table, &params, 0, at, &nblocks);
		nwrong += nblocks != 0;
	}
	hpt_ok(nwrong == 0 && status == HPC_OK && n > 50,
		   "cancelled at each of %d checks", (int) n);
	hpt_table_free(&table);
}

int
main(void)
{
	check_minima();
	check_plane();
	check_choice();
	check_scale();
	check_importance();
	check_all_same_bytes();
	check_edges();
	check_failures();
	return hpt_done();
}
