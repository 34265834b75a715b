/*
 * test_permute.c
 *		Permutation importance: by its definition, whatever the order of the
 *		rows and the number of threads, and on what is known to matter or not.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_random.h"
#include "hpt_table.h"

/* ---------- measuring ---------- */

static void
measure(const hpc_model *model, const hpt_table *table, bool outside,
		int nthreads, double *increases)
{
	hpt_memory memory;
	hpc_model_summary summary;
	hpc_permuter *permuter;

	hpt_memory_init(&memory, nthreads);
	hpc_model_summarize(model, &summary);
	if (hpc_permuter_create(&memory.env, model, outside, &permuter) != HPC_OK)
		abort();
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		hpc_value values[HPT_MAX_COLUMNS];

		hpt_model_values(model, table, row, values);
		if (hpc_permuter_add(&memory.env, permuter, values, table->target[row],
							 table->weight[row]) != HPC_OK)
			abort();
	}
	for (int i = 0; i < summary.nfeatures; i++)
		if (hpc_permuter_measure(&memory.env, permuter, i, &increases[i]) !=
			HPC_OK)
			abort();
	hpc_permuter_free(&memory.env, permuter);
	if (memory.nblocks != 0)
		abort();
}

/* ---------- the definition ---------- */

typedef struct place
{
	uint64_t draw;
	uint32_t row;
} place;

static int
compare_places(const void *a, const void *b)
{
	uint64_t one = ((const place *) a)->draw;
	uint64_t other = ((const place *) b)->draw;

	return one < other ? -1 : one > other;
}

/* The circle of rows for a feature. */
static void
order_rows(const hpc_model *model, const hpt_table *table, int feature,
		   place *places)
{
	hpc_model_feature record;
	uint64_t stream;

	hpc_model_feature_at(model, feature, &record);
	stream =
		hpc_stream(HPC_TAG_PERMUTE,
				   (int64_t) hpc_column_key(record.name, record.kind).low, 0);
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		hpc_value values[HPT_MAX_COLUMNS];

		hpt_model_values(model, table, row, values);
		places[row].draw =
			hpc_draw(stream,
					 hpc_row_key(hpc_model_row_hash(model, values,
													table->target[row],
													table->weight[row])));
		places[row].row = row;
	}
	qsort(places, table->nrows, sizeof(place), compare_places);
}

/* The error of a row with a value of another; lender == row: of its own. */
static bool
error_of(const hpc_model *model, const hpt_table *table, uint32_t row,
		 uint32_t lender, int feature, bool outside, double *error)
{
	hpc_value values[HPT_MAX_COLUMNS];
	hpc_value lent[HPT_MAX_COLUMNS];
	hpc_model_summary summary;
	double sum = 0;
	int ntrees = 0;

	hpc_model_summarize(model, &summary);
	hpt_model_values(model, table, row, values);
	hpt_model_values(model, table, lender, lent);
	if (!outside)
	{
		values[feature] = lent[feature];
		*error =
			fabs(hpt_model_slow_predict(model, values) - table->target[row]);
		return true;
	}
	for (uint32_t tree = 0; tree < summary.ntrees; tree++)
	{
		hpc_bag_rule rule;
		uint64_t key;

		hpt_model_values(model, table, row, values);
		key = hpc_row_key(hpc_model_row_hash(model, values, table->target[row],
											 table->weight[row]));
		hpc_bag_rule_init(&rule, &summary.params);
		if (hpc_bag_draw(&rule, hpc_bag_stream(&rule, summary.seed, tree),
						 key) > 0)
			continue;
		values[feature] = lent[feature];
		sum += hpt_model_tree_value(model, tree, values);
		ntrees++;
	}
	*error = fabs(sum / ntrees - table->target[row]);
	return ntrees > 0;
}

static double
define(const hpc_model *model, const hpt_table *table, int feature,
	   bool outside)
{
	place *places = malloc(table->nrows * sizeof(place));
	double sum = 0;
	double weights = 0;

	order_rows(model, table, feature, places);
	for (uint32_t i = 0; i < table->nrows; i++)
	{
		uint32_t row = places[i].row;
		uint32_t lender = places[(i + 1) % table->nrows].row;
		double before;
		double after;

		if (!error_of(model, table, row, row, feature, outside, &before) ||
			!error_of(model, table, row, lender, feature, outside, &after))
			continue;
		sum += table->weight[row] * (after - before);
		weights += table->weight[row];
	}
	free(places);
	return sum / weights;
}

static void
check_definition(const char *what, const hpc_params *params, bool weighted,
				 bool outside)
{
	hpt_memory memory;
	hpt_table table;
	double increases[HPT_MAX_COLUMNS];
	size_t nbytes;
	hpc_model *model;
	hpc_model_summary summary;
	double worst = 0;

	hpt_table_houses(&table, 150, 79);
	if (weighted)
		hpt_table_weigh(&table, 5);
	model = hpt_table_model(&memory, &table, params, 1, &nbytes);
	hpc_model_summarize(model, &summary);
	measure(model, &table, outside, 1, increases);
	for (int i = 0; i < summary.nfeatures; i++)
	{
		double error = fabs(increases[i] - define(model, &table, i, outside));

		worst = error > worst ? error : worst;
	}
	hpt_ok(worst < 1e-9 * summary.target_max, "%s: as defined, to %.1e", what,
		   worst);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

static void
check_definitions(void)
{
	hpc_params params = hpt_params(8);
	hpc_params members[2];

	check_definition("forest", &params, false, false);
	check_definition("forest, weights", &params, true, false);
	check_definition("forest, out of bag", &params, true, true);
	hpc_params_init(&members[0], HPC_BOOST);
	members[0].rounds = 20;
	members[0].early_stopping = 0;
	members[0].log_target = 1;
	members[0].leak = HPC_LEAK_ALLOW;
	check_definition("boosting of logarithms", &members[0], false, false);
	hpc_params_init(&members[1], HPC_LINEAR);
	members[1].leak = HPC_LEAK_ALLOW;
	check_definition("linear", &members[1], false, false);
	hpc_params_init(&params, HPC_BLEND);
	params.leak = HPC_LEAK_ALLOW;
	params.nmembers = 2;
	params.members = members;
	check_definition("blend", &params, false, false);
}

/* ---------- order, copies, threads ---------- */

static void
check_order(void)
{
	hpc_params params = hpt_params(10);
	hpt_memory memory;
	hpt_table table;
	double first[HPT_MAX_COLUMNS];
	double again[HPT_MAX_COLUMNS];
	size_t nbytes;
	hpc_model *model;
	hpc_model_summary summary;

	hpt_table_houses(&table, 400, 83);
	for (uint32_t row = 0; row < 100; row++)
		hpt_table_repeat(&table, row % 30);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpc_model_summarize(model, &summary);
	for (int outside = 0; outside < 2; outside++)
	{
		measure(model, &table, outside == 1, 1, first);
		hpt_table_shuffle(&table, 89);
		hpt_table_reverse_columns(&table);
		measure(model, &table, outside == 1, 2, again);
		hpt_ok(memcmp(first, again,
					  (size_t) summary.nfeatures * sizeof(double)) == 0,
			   "rows in another order, other threads: the same to the bit");
	}
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* A feature that tells all, one that tells nothing, one that never changes. */
static void
check_known(void)
{
	hpc_params params = hpt_params(30);
	hpt_memory memory;
	hpt_table table;
	hpt_random random = {97};
	double increases[3];
	size_t nbytes;
	hpc_model *model;

	params.feature_fraction = 1;
	hpt_table_init(&table);
	hpt_table_column(&table, "all", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(&table, "nothing", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(&table, "same", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (int i = 0; i < 1000; i++)
	{
		double x = hpt_random_unit(&random);
		hpc_value *values =
			hpt_table_row(&table, 100 * x + hpt_random_normal(&random));

		values[0] = hpt_number(x);
		values[1] = hpt_number(hpt_random_unit(&random));
		values[2] = hpt_number(7);
	}
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	measure(model, &table, true, 1, increases);

	/* two uniform values are a third apart */
	hpt_ok(fabs(increases[0] - 100.0 / 3) < 3, "what tells all costs %.1f",
		   increases[0]);
	hpt_ok(fabs(increases[1]) < 0.3, "what tells nothing %.2f", increases[1]);
	hpt_ok(increases[2] == 0, "what never changes 0");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- cancel and memory ---------- */

/* One row at least; fails or stops where memory is told to. */
static hpc_status
try_all(hpt_memory *memory, const hpc_model *model, const hpt_table *table)
{
	hpc_permuter *permuter;
	double increase;
	hpc_status status =
		hpc_permuter_create(&memory->env, model, false, &permuter);

	for (uint32_t row = 0; row < table->nrows && status == HPC_OK; row++)
	{
		hpc_value values[HPT_MAX_COLUMNS];

		hpt_model_values(model, table, row, values);
		status = hpc_permuter_add(&memory->env, permuter, values, 1, 1);
	}
	if (status == HPC_OK)
		status = hpc_permuter_measure(&memory->env, permuter, 0, &increase);
	hpc_permuter_free(&memory->env, permuter);
	return status;
}

static void
check_ends(void)
{
	hpc_params params = hpt_params(10);
	hpt_memory memory;
	hpt_memory of_model;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	hpc_status status = HPC_NO_MEMORY;
	int nwrong = 0;
	int nrefused = 0;

	hpt_table_houses(&table, 60, 101);
	model = hpt_table_model(&of_model, &table, &params, 1, &nbytes);
	for (int64_t n = 1; n < 200; n++)
	{
		hpt_memory_init(&memory, 1);
		memory.fail_at = n;
		status = try_all(&memory, model, &table);
		nrefused += status == HPC_NO_MEMORY;
		nwrong += (status != HPC_OK && status != HPC_NO_MEMORY) ||
				  memory.nblocks != 0;
	}
	hpt_ok(nwrong == 0 && nrefused >= 6 && status == HPC_OK,
		   "each allocation may fail, and %d are missed", nrefused);
	hpt_memory_init(&memory, 1);
	memory.cancel_at = 1;
	hpt_ok(try_all(&memory, model, &table) == HPC_CANCELLED &&
			   memory.nblocks == 0,
		   "measuring can be cancelled");
	hpt_release(&of_model.env, model);
	hpt_table_free(&table);
}

int
main(void)
{
	check_definitions();
	check_order();
	check_known();
	check_ends();
	return hpt_done();
}
