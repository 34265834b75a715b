/*
 * test_design.c
 *		What features become in a linear model: numbers, against a slow twin;
 *		flags for categories and for missing values; bins of several values;
 *		weights.
 */
#include <math.h>
#include <stdlib.h>

#include "hpt_linear.h"

/* ---------- a slow twin of the preparation ---------- */

typedef struct weighed
{
	double value;
	double weight;
} weighed;

static int
compare_weighed(const void *a, const void *b)
{
	const weighed *one = a;
	const weighed *other = b;

	return (one->value > other->value) - (one->value < other->value);
}

/* The values of a column that are there, sorted; answers how many. */
static uint32_t
sorted_values(const hpt_table *table, int column, weighed *values)
{
	uint32_t n = 0;

	for (uint32_t row = 0; row < table->nrows; row++)
	{
		const hpc_value *value = &hpt_table_values(table, row)[column];

		if (!value->missing)
			values[n++] = (weighed){value->number, table->weight[row]};
	}
	qsort(values, n, sizeof(weighed), compare_weighed);
	return n;
}

/* The value beyond which, from one end, there is no more than so much. */
static double
value_at(const weighed *values, uint32_t n, double weight, bool from_above)
{
	double sum = 0;
	uint32_t i = 0;

	for (; i + 1 < n; i++)
	{
		sum += values[from_above ? n - 1 - i : i].weight;
		if (sum > weight)
			break;
	}
	return values[from_above ? n - 1 - i : i].value;
}

/* Skewness of the clipped values of a column. */
static double
skewness(const hpt_table *table, int column, hpc_linear_term term,
		 uint32_t logs)
{
	double total = hpt_sum_weights(table);
	double mean = 0;
	double squares = 0;
	double cubes = 0;

	term.log1p = logs;
	for (uint32_t row = 0; row < table->nrows; row++)
		mean += table->weight[row] / total *
				hpt_transformed(&term, &hpt_table_values(table, row)[column]);
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		double d =
			hpt_transformed(&term, &hpt_table_values(table, row)[column]) -
			mean;

		squares += table->weight[row] / total * d * d;
		cubes += table->weight[row] / total * d * d * d;
	}
	return fabs(cubes / pow(squares, 1.5));
}

/* Checks the term of a number; two: it has two values. */
static bool
number_is_prepared(const hpt_table *table, const hpc_model_view *view,
				   int column, bool two)
{
	const hpc_linear_term *term = &view->terms[column];
	weighed *values = malloc(table->nrows * sizeof(weighed));
	uint32_t n = sorted_values(table, column, values);
	double known = 0;
	double beyond;
	bool right;

	for (uint32_t i = 0; i < n; i++)
		known += values[i].weight;
	beyond = fmin(known / 64, 16 * hpt_sum_weights(table) / table->nrows);
	if (two)
		beyond = 0;
	right = term->low == value_at(values, n, beyond, false) &&
			term->high == value_at(values, n, beyond, true) &&
			term->fill == value_at(values, n, known / 2, false);
	if (term->low < 0 || table->columns[column].kind != HPC_NUMBER)
		right = right && term->log1p == 0;
	else
		right = right && (term->log1p != 0) ==
							 (skewness(table, column, *term, 0) >= 0.3 &&
							  skewness(table, column, *term, 1) <
								  skewness(table, column, *term, 0));
	free(values);
	return right;
}

static void
check_preparation(const char *what, uint32_t nrows, bool weighted)
{
	hpc_params params = hpt_linear_params(0.001, 0.001);
	hpt_table table;
	hpt_trained t;
	int nright = 0;

	hpt_table_mixed(&table, nrows, 5, weighted);
	hpt_train(&table, &params, 1, &t);
	for (int column = 0; column < HPT_MIXED; column++)
		nright +=
			column == HPT_SORT ||
			number_is_prepared(&table, &t.view, column, column == HPT_YES);
	hpt_ok(nright == HPT_MIXED,
		   "%s: numbers are clipped, filled and transformed as a twin does",
		   what);
	hpt_ok(t.view.terms[HPT_SKEWED].log1p == 1 &&
			   t.view.terms[HPT_EVEN].log1p == 0 &&
			   t.view.terms[HPT_WHEN].log1p == 0 &&
			   t.view.terms[HPT_EVEN].high < 5,
		   "%s: the skewed one as logarithm, the outlier clipped", what);
	hpt_trained_free(&t);
	hpt_table_free(&table);
}

/* ---------- flags ---------- */

static void
check_rare_levels(void)
{
	hpc_params params = hpt_linear_params(0.0001, 0.0001);
	hpt_random random = {6};
	hpt_table table;
	hpt_trained t;
	const hpc_linear_term *term;
	int ndifferent = 0;

	/* 10 levels of 20 rows, one of 3, six of 2 */
	hpt_table_init(&table);
	hpt_table_column(&table, "level", HPC_CATEGORY, HPC_STORE_CODE);
	for (uint32_t i = 0; i < 215; i++)
	{
		uint32_t level = i < 200 ? i / 20 : i < 203 ? 10 : 11 + (i - 203) / 2;
		double effect = level < 10 ? level : level == 10 ? 50 : 100;

		*hpt_table_row(&table, effect + hpt_random_unit(&random)) =
			hpt_level(level);
	}
	hpt_train(&table, &params, 1, &t);
	term = &t.view.terms[0];
	for (uint32_t i = 0; i < t.view.nlevels; i++)
		ndifferent += t.view.levels[i] != term->unknown;
	hpt_ok(t.view.nlevels == 17 && ndifferent == 11 &&
			   term->missing == term->unknown,
		   "levels of two rows are one with unknown ones");
	hpt_ok(term->unknown - t.view.levels[0] > 90, "which have a coefficient");
	hpt_trained_free(&t);
	hpt_table_free(&table);
}

/* A flag for missing values from five rows on. */
static void
check_missing_flag(void)
{
	for (int nmissing = 4; nmissing <= 5; nmissing++)
	{
		hpc_params params = hpt_linear_params(0.0001, 0.0001);
		hpt_table table;
		hpt_trained t;

		hpt_table_numbers(&table, 1, 100, 10, 7);
		for (int i = 0; i < nmissing; i++)
		{
			*hpt_table_values(&table, (uint32_t) i) = hpt_missing();
			table.target[i] = 50 + i;
		}
		hpt_train(&table, &params, 1, &t);
		hpt_ok((t.view.terms[0].missing > 10) == (nmissing == 5),
			   "%d missing values", nmissing);
		hpt_trained_free(&t);
		hpt_table_free(&table);
	}
}

/* Where there are too many levels the rarest have no columns. */
static void
check_many_levels(void)
{
	hpc_params params = hpt_linear_params(1e-5, 0.01);
	hpt_random random = {8};
	hpt_table table;
	hpt_trained t;
	uint32_t ndifferent = 0;

	hpt_table_init(&table);
	hpt_table_column(&table, "a", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(&table, "b", HPC_CATEGORY, HPC_STORE_CODE);
	for (int i = 0; i < 30000; i++)
	{
		uint32_t a = (uint32_t) (3000 * hpt_random_unit(&random) *
								 hpt_random_unit(&random));
		uint32_t b = (uint32_t) hpt_random_below(&random, 3);
		hpc_value *row = hpt_table_row(&table, a % 10 + b);

		row[0] = hpt_level(a);
		row[1] = hpt_level(b);
	}
	hpt_train(&table, &params, 2, &t);
	for (uint32_t i = 0; i + 3 < t.view.nlevels; i++)
		ndifferent += t.view.levels[i] != t.view.terms[0].unknown;
	hpt_ok(t.view.nlevels > 2500 && ndifferent <= 2000 && ndifferent > 1000,
		   "of %d levels %u have columns", (int) t.view.nlevels, ndifferent);
	hpt_ok(t.summary.oob_r2 > 0.5, "R2 %.3f", t.summary.oob_r2);
	hpt_trained_free(&t);
	hpt_table_free(&table);
}

/* ---------- bins and weights ---------- */

/* More distinct values than bins: slopes come from the middles of bins. */
static void
check_many_values(void)
{
	hpc_params params = hpt_linear_params(0, 0);
	hpt_random random = {4};
	hpt_table table;
	hpt_trained t;

	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (int i = 0; i < 150000; i++)
	{
		double x = hpt_random_normal(&random);

		*hpt_table_row(&table, 2 * x) = hpt_number(x);
	}
	hpt_train(&table, &params, 2, &t);
	hpt_ok(fabs(t.view.terms[0].coefficient - 2) < 1e-3 &&
			   t.view.terms[0].high < 4 && t.view.terms[0].low > -4,
		   "150,000 distinct values: slope %.6f", t.view.terms[0].coefficient);
	hpt_trained_free(&t);
	hpt_table_free(&table);
}

static double
predict(const hpc_model *model, const hpt_table *table, uint32_t row)
{
	hpc_value values[HPT_MAX_COLUMNS];
	uint32_t codes[HPT_MAX_COLUMNS];

	hpt_model_values(model, table, row, values);
	return hpc_model_predict(model, values, codes);
}

/* A weight of 3 is like three copies. */
static void
check_weight(void)
{
	hpc_params params = hpt_linear_params(0.01, 0.01);
	hpt_table table;
	hpt_trained one;
	hpt_trained other;
	uint32_t n;
	double most = 0;

	hpt_table_mixed(&table, 300, 12, false);
	n = table.nrows;
	for (uint32_t row = 0; row < n; row++)
	{
		if (row % 4 == 0)
			table.weight[row] = 3;
	}
	hpt_train(&table, &params, 1, &one);
	for (uint32_t row = 0; row < n; row += 4)
	{
		table.weight[row] = 1;
		hpt_table_repeat(&table, row);
		hpt_table_repeat(&table, row);
	}
	hpt_train(&table, &params, 1, &other);
	for (uint32_t row = 0; row < n; row++)
		most = fmax(most, fabs(predict(one.model, &table, row) -
							   predict(other.model, &table, row)));
	hpt_ok(most < 1e-5, "weights and copies do the same, but for %.2g", most);
	hpt_trained_free(&one);
	hpt_trained_free(&other);
	hpt_table_free(&table);
}

int
main(void)
{
	check_preparation("300 rows", 300, false);
	check_preparation("2000 rows, weighted", 2000, true);
	check_rare_levels();
	check_missing_flag();
	check_many_levels();
	check_many_values();
	check_weight();
	return hpt_done();
}
