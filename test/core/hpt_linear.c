/*
 * hpt_linear.c
 *		Linear models for tests, and a table of every kind of column.
 */
#include <math.h>

#include "hpt_linear.h"

static void
add_mixed_row(hpt_table *table, hpt_random *random)
{
	double skewed = floor(exp(5 + hpt_random_normal(random)));
	double even = hpt_random_normal(random);
	double gappy = floor(20 * hpt_random_unit(random));
	bool yes = hpt_random_below(random, 40) == 0;
	bool gap = hpt_random_below(random, 6) == 0;
	uint32_t sort = (uint32_t) hpt_random_below(random, HPT_SORTS + 1);
	double when = floor(1000 * hpt_random_unit(random)) * 8.64e10;
	double target = 30 * log(1 + skewed) + 20 * even + (gap ? 25 : gappy) +
					40 * yes + 10 * sort + 10 * hpt_random_normal(random);
	hpc_value *row = hpt_table_row(table, target);

	row[HPT_SKEWED] = hpt_number(skewed);
	row[HPT_EVEN] = hpt_number(even);
	row[HPT_GAPPY] = gap ? hpt_missing() : hpt_number(gappy);
	row[HPT_YES] = hpt_number(yes);
	row[HPT_SORT] = sort == HPT_SORTS ? hpt_missing() : hpt_level(sort);
	row[HPT_WHEN] = hpt_number(when);
}

void
hpt_table_mixed(hpt_table *table, uint32_t nrows, uint64_t seed, bool weighted)
{
	hpt_random random = {seed};

	hpt_table_init(table);
	hpt_table_column(table, "a", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "b", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "c", HPC_NUMBER, HPC_STORE_INT16);
	hpt_table_column(table, "d", HPC_BOOLEAN, HPC_STORE_INT16);
	hpt_table_column(table, "e", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(table, "f", HPC_TIME, HPC_STORE_DOUBLE);
	while (table->nrows < nrows)
	{
		if (table->nrows % 9 == 8)
			hpt_table_repeat(table, table->nrows - 1);
		else
			add_mixed_row(table, &random);
	}
	hpt_table_values(table, 3)[HPT_EVEN] = hpt_number(1e6);
	for (uint32_t row = 0; weighted && row < nrows; row++)
		table->weight[row] = 0.25 + (double) hpt_random_below(&random, 100);
}

double
hpt_sum_weights(const hpt_table *table)
{
	double sum = 0;

	for (uint32_t row = 0; row < table->nrows; row++)
		sum += table->weight[row];
	return sum;
}

hpc_params
hpt_linear_params(double l1, double l2)
{
	hpc_params params;

	hpc_params_init(&params, HPC_LINEAR);
	params.l1 = l1;
	params.l2 = l2;
	params.log_target = 0;
	params.leak = HPC_LEAK_ALLOW;
	return params;
}

void
hpt_train(const hpt_table *table, const hpc_params *params, int nthreads,
		  hpt_trained *trained)
{
	trained->model = hpt_table_model(&trained->memory, table, params, nthreads,
									 &trained->nbytes);
	hpc_model_open(trained->model, &trained->view);
	hpc_model_summarize(trained->model, &trained->summary);
}

void
hpt_trained_free(hpt_trained *trained)
{
	hpt_release(&trained->memory.env, trained->model);
}

double
hpt_transformed(const hpc_linear_term *term, const hpc_value *value)
{
	double x = value->missing ? term->fill : value->number;

	x = fmin(fmax(x, term->low), term->high);
	return term->log1p ? log1p(x) : x;
}
