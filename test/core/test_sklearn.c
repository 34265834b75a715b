/*
 * test_sklearn.c
 *		A single tree on all rows against scikit-learn's DecisionTreeRegressor:
 *		the same partitions of the training rows, the same predictions for
 *		rows held out.
 *
 * test/golden/sklearn_trees.py has made the vectors, tables on which no two
 * splits are equally good, and says what is in the file.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_table.h"

#define VECTORS "test/golden/sklearn_trees.txt"
#define MAX_ROWS 1000
#define MAX_FEATURES 8

/* One tree, and what it should say. */
typedef struct vector
{
	char name[64];
	hpc_params params;
	hpt_table table; /* training rows */
	unsigned leaf[MAX_ROWS];
	unsigned nheld;
	double held[MAX_ROWS][MAX_FEATURES];
	double prediction[MAX_ROWS];
} vector;

static void
give_up(const char *why)
{
	printf("Bail out! " VECTORS ": %s\n", why);
	exit(1);
}

static double
read_number(FILE *file)
{
	double number;

	if (fscanf(file, "%lf", &number) != 1)
		give_up("a number is missing");
	return number;
}

static void
read_rows(FILE *file, vector *v, unsigned nrows, unsigned nfeatures)
{
	static const char *const names[MAX_FEATURES] = {"a", "b", "c", "d",
													"e", "f", "g", "h"};

	hpt_table_init(&v->table);
	for (unsigned i = 0; i < nfeatures; i++)
		hpt_table_column(&v->table, names[i], HPC_NUMBER, HPC_STORE_DOUBLE);
	for (unsigned row = 0; row < nrows; row++)
	{
		hpc_value *values = hpt_table_row(&v->table, 0);

		for (unsigned i = 0; i < nfeatures; i++)
			values[i] = hpt_number(read_number(file));
		v->table.target[row] = read_number(file);
		v->leaf[row] = (unsigned) read_number(file);
	}
	for (unsigned row = 0; row < v->nheld; row++)
	{
		for (unsigned i = 0; i < nfeatures; i++)
			v->held[row][i] = read_number(file);
		v->prediction[row] = read_number(file);
	}
}

/* False: there is no further one. */
static bool
read_vector(FILE *file, vector *v)
{
	long min_leaf;
	long max_depth;
	long max_leaves;
	unsigned nrows;
	unsigned nfeatures;

	if (fscanf(file, " tree %63s %ld %ld %ld", v->name, &min_leaf, &max_depth,
			   &max_leaves) != 4)
		return false;
	if (fscanf(file, " size %u %u %u", &nrows, &v->nheld, &nfeatures) != 3 ||
		nrows > MAX_ROWS || v->nheld > MAX_ROWS || nfeatures > MAX_FEATURES)
		give_up("no size");
	hpc_params_init(&v->params, HPC_FOREST);
	v->params.trees = 1;
	v->params.bag = false;
	v->params.feature_fraction = 1;
	v->params.log_target = 0;
	v->params.leak = HPC_LEAK_ALLOW;
	v->params.min_leaf = min_leaf;
	v->params.max_depth = max_depth;
	v->params.max_leaves = max_leaves;
	read_rows(file, v, nrows, nfeatures);
	return true;
}

/* Leaves are numbered as training rows meet them, here and in the file. */
static unsigned
count_wrong_leaves(const vector *v, const hpc_model *model)
{
	uint32_t met[MAX_ROWS]; /* leaves of the model, by number */
	unsigned nmet = 0;
	unsigned nwrong = 0;

	for (uint32_t row = 0; row < v->table.nrows; row++)
	{
		uint32_t leaf =
			hpt_model_leaf(model, 0, hpt_table_values(&v->table, row));
		unsigned number = 0;

		while (number < nmet && met[number] != leaf)
			number++;
		if (number == nmet)
			met[nmet++] = leaf;
		nwrong += number != v->leaf[row];
	}
	return nwrong;
}

static unsigned
count_wrong_predictions(const vector *v, const hpc_model *model)
{
	unsigned nwrong = 0;

	for (unsigned row = 0; row < v->nheld; row++)
	{
		hpc_value values[MAX_FEATURES];
		uint32_t codes[MAX_FEATURES];
		double found;

		for (int i = 0; i < v->table.ncolumns; i++)
			values[i] = hpt_number(v->held[row][i]);
		found = hpc_model_predict(model, values, codes);
		nwrong += !(fabs(found - v->prediction[row]) <=
					1e-11 * fabs(v->prediction[row]));
	}
	return nwrong;
}

static void
check_vector(const vector *v)
{
	hpt_memory memory;
	size_t nbytes;
	hpc_model *model =
		hpt_table_model(&memory, &v->table, &v->params, 1, &nbytes);

	/* columns stand in the order of their names, as the model has them */
	hpt_ok(count_wrong_leaves(v, model) == 0, "%s: %u rows, the same leaves",
		   v->name, v->table.nrows);
	hpt_ok(count_wrong_predictions(v, model) == 0,
		   "%s: the same predictions of %u others", v->name, v->nheld);
	hpt_release(&memory.env, model);
}

int
main(void)
{
	static vector v;
	FILE *file = fopen(VECTORS, "r");
	int n = 0;

	if (file == NULL)
		give_up("could not be opened");
	if (fscanf(file, "# scikit-learn %*s") == EOF)
		give_up("is empty");
	for (; read_vector(file, &v); n++)
	{
		check_vector(&v);
		hpt_table_free(&v.table);
	}
	if (!feof(file))
		give_up("something else than a tree");
	fclose(file);
	hpt_ok(n >= 30, "%d trees", n);
	return hpt_done();
}
