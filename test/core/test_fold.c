/*
 * test_fold.c
 *		Rows held out: the others learn as if they had come alone, marks go
 *		where their rows go, and time is cut between moments.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_dataset.h"
#include "hpt_table.h"

#define NFOLDS 3
#define NROWS 500
#define NALGORITHMS 5

static const hpc_texts texts = {"price", "{\"trees\": 3}", NULL, NULL};

/* ---------- rows with marks ---------- */

/* The mark of a row of a table: a fold, and a place among samples. */
static double
mark_of(uint32_t row)
{
	uint64_t hash = hpc_mix(row + 1);

	return (double) (hash % NFOLDS) * HPC_FOLD_MARKS +
		   (double) ((hash >> 20) % HPC_FOLD_MARKS);
}

static hpc_fold
fold_of(int i)
{
	return (hpc_fold){.low = (double) i * HPC_FOLD_MARKS,
					  .high = (double) (i + 1) * HPC_FOLD_MARKS,
					  .share = HPC_FOLD_MARKS};
}

/* The rows first .. end - 1 of a table, with their marks; NULL: no memory. */
static hpc_dataset *
marked_rows(hpc_env *env, const hpt_table *table, uint32_t first, uint32_t end)
{
	int n = table->ncolumns;
	hpc_column_spec specs[HPT_MAX_COLUMNS + 1];
	hpc_value values[HPT_MAX_COLUMNS + 1];
	hpc_dataset *dataset;

	memcpy(specs, table->columns, (size_t) n * sizeof(*specs));
	specs[n] = (hpc_column_spec){"", HPC_NUMBER, HPC_STORE_DOUBLE, false};
	if (hpc_dataset_create(env, n + 1, specs, &dataset) != HPC_OK)
		return NULL;
	for (uint32_t row = first; row < end; row++)
	{
		memcpy(values, hpt_table_values(table, row),
			   (size_t) n * sizeof(*values));
		values[n] = hpt_number(mark_of(row));
		if (hpc_dataset_append(env, dataset, values, table->target[row],
							   table->weight[row]) != HPC_OK)
		{
			hpc_dataset_free(env, dataset);
			return NULL;
		}
	}
	return dataset;
}

/* ---------- the slow way ---------- */

/* Does a fold hold the mark out; else, does it learn from it? */
static bool
holds_out(const hpc_fold *fold, double mark)
{
	return fold->low <= mark && mark < fold->high;
}

static bool
learns(const hpc_fold *fold, double mark)
{
	if (holds_out(fold, mark) || fmod(mark, HPC_FOLD_MARKS) >= fold->share)
		return false;
	return !fold->forward || mark < fold->low;
}

/* The rows of a table to learn from, and no others. */
static void
table_to_learn(const hpt_table *table, const hpc_fold *fold, hpt_table *made)
{
	hpt_table_init(made);
	for (int i = 0; i < table->ncolumns; i++)
		hpt_table_column(made, table->columns[i].name, table->columns[i].kind,
						 table->columns[i].storage);
	for (int i = 0; i < table->ncolumns; i++)
		made->columns[i] = table->columns[i];
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		if (!learns(fold, mark_of(row)))
			continue;
		memcpy(hpt_table_row(made, table->target[row]),
			   hpt_table_values(table, row),
			   (size_t) table->ncolumns * sizeof(hpc_value));
		made->weight[made->nrows - 1] = table->weight[row];
	}
}

/* ---------- models of folds ---------- */

/* The model of a data set's rows to learn from. */
static hpc_status
train_fold(hpc_env *env, const hpc_dataset *dataset, const hpc_fold *fold,
		   const hpc_params *params, hpc_result *result)
{
	hpc_dataset *rows;
	hpc_status status =
		hpc_fold_rows(env, dataset, fold, hpc_dataset_ncolumns(dataset) - 1,
					  &rows);

	memset(result, 0, sizeof(*result));
	if (status == HPC_OK)
		status = hpc_train(env, rows, params, &texts, result);
	hpt_release(env, result->findings);
	hpc_dataset_free(env, rows);
	return status;
}

static bool
same_model(const hpc_result *result, const hpc_model *model, size_t nbytes)
{
	/* the first bytes are the container's */
	return result->model != NULL && result->nbytes == nbytes &&
		   memcmp((char *) result->model + 4, (const char *) model + 4,
				  nbytes - 4) == 0;
}

/* Rows whose actual value or prediction is not that of the slow way. */
static int
wrong_predictions(hpc_env *env, const hpc_dataset *dataset,
				  const hpt_table *table, const hpc_fold *fold,
				  const hpc_model *model)
{
	double actual[NROWS];
	double predicted[NROWS];
	hpc_value values[HPT_MAX_COLUMNS];
	uint32_t codes[HPT_MAX_COLUMNS];
	int nwrong = 0;
	int n = 0;

	if (hpc_fold_predict(env, dataset, fold, model, actual, predicted) !=
		HPC_OK)
		return NROWS;
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		if (!holds_out(fold, mark_of(row)))
			continue;
		hpt_model_values(model, table, row, values);
		nwrong += actual[n] != table->target[row] ||
				  predicted[n] != hpc_model_predict(model, values, codes);
		n++;
	}
	return nwrong;
}

static void
check_fold(const char *what, const hpt_table *table, const hpc_fold *fold,
		   const hpc_params *params)
{
	hpt_memory memory;
	hpt_memory alone;
	hpt_table others;
	hpc_result result;
	hpc_dataset *dataset;
	hpc_model *model;
	uint64_t nlearn;
	uint64_t nheld;
	size_t nbytes;

	hpt_memory_init(&memory, 1);
	dataset = marked_rows(&memory.env, table, 0, table->nrows);
	table_to_learn(table, fold, &others);
	model = hpt_table_model(&alone, &others, params, 2, &nbytes);
	train_fold(&memory.env, dataset, fold, params, &result);
	hpt_ok(same_model(&result, model, nbytes),
		   "%s: the model of %u rows alone", what, others.nrows);
	hpc_fold_count(&memory.env, dataset, fold, &nlearn, &nheld);
	hpt_ok(nlearn == others.nrows && nheld > 0 &&
			   wrong_predictions(&memory.env, dataset, table, fold, model) ==
				   0,
		   "%d predictions of rows held out", (int) nheld);
	hpt_release(&memory.env, result.model);
	hpc_dataset_free(&memory.env, dataset);
	hpt_release(&alone.env, model);
	hpt_table_free(&others);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

static void
check_folds(void)
{
	static const hpc_algorithm algorithms[NALGORITHMS] = {HPC_MEAN, HPC_FOREST,
														  HPC_EXTRA_TREES,
														  HPC_BOOST,
														  HPC_LINEAR};
	hpc_params members[2];
	hpc_params params;
	hpt_table table;

	hpt_table_houses(&table, NROWS, 5);
	hpt_table_weigh(&table, 6);
	for (int i = 0; i < NALGORITHMS; i++)
	{
		hpc_fold fold = fold_of(i % NFOLDS);

		hpc_params_init(&params, algorithms[i]);
		params.trees = 5;
		params.rounds = 40;
		params.leak = HPC_LEAK_ALLOW;
		check_fold(hpc_algorithm_name(algorithms[i]), &table, &fold, &params);
		members[i % 2] = params;
	}
	hpc_params_init(&params, HPC_BLEND);
	params.leak = HPC_LEAK_ALLOW;
	params.nmembers = 2;
	params.members = members;
	check_fold("blend", &table, &(hpc_fold){0, HPC_FOLD_MARKS, false, 20000},
			   &params);
	hpt_table_free(&table);
}

static void
check_kinds(void)
{
	hpc_params params = hpt_params(5);
	hpc_fold fold = fold_of(1);
	hpt_table table;

	hpt_table_houses(&table, NROWS, 7);
	fold.forward = true;
	check_fold("forward", &table, &fold, &params);
	fold.forward = false;
	fold.share = HPC_FOLD_MARKS / 9.0;
	check_fold("a sample", &table, &fold, &params);
	hpt_table_free(&table);
}

/* Rows that come in two parts, in either order, are the same rows. */
static void
check_merged(void)
{
	hpc_params params = hpt_params(5);
	hpc_fold fold = fold_of(2);
	hpt_memory memory;
	hpt_table table;
	hpc_result whole;
	hpc_result merged;
	hpc_dataset *parts[2];

	hpt_table_houses(&table, NROWS, 8);
	hpt_memory_init(&memory, 1);
	parts[0] = marked_rows(&memory.env, &table, 0, NROWS);
	train_fold(&memory.env, parts[0], &fold, &params, &whole);
	hpc_dataset_free(&memory.env, parts[0]);

	parts[0] = marked_rows(&memory.env, &table, 190, NROWS);
	parts[1] = marked_rows(&memory.env, &table, 0, 190);
	hpc_dataset_merge(&memory.env, parts[0], parts[1]);
	train_fold(&memory.env, parts[0], &fold, &params, &merged);
	hpt_ok(same_model(&merged, whole.model, whole.nbytes),
		   "merged rows keep their marks");
	hpc_dataset_free(&memory.env, parts[0]);
	hpc_dataset_free(&memory.env, parts[1]);
	hpt_release(&memory.env, whole.model);
	hpt_release(&memory.env, merged.model);
	hpt_table_free(&table);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

/* ---------- all rows, no columns ---------- */

static void
check_all_rows(void)
{
	hpc_params params;
	hpt_memory memory;
	hpt_memory alone;
	hpt_table table;
	hpc_result result;
	hpc_dataset *dataset;
	hpc_dataset *rows;
	hpc_model *model;
	size_t nbytes;

	hpt_table_houses(&table, NROWS, 9);
	hpt_memory_init(&memory, 1);
	dataset = marked_rows(&memory.env, &table, 0, NROWS);
	table.ncolumns = 0;
	hpc_params_init(&params, HPC_MEAN);
	model = hpt_table_model(&alone, &table, &params, 1, &nbytes);
	hpc_fold_rows(&memory.env, dataset, NULL, 0, &rows);
	hpt_ok(hpc_dataset_nrows(rows) == NROWS && hpc_dataset_ncolumns(rows) == 0,
		   "all rows, without a column");
	hpc_train(&memory.env, rows, &params, &texts, &result);
	hpt_ok(same_model(&result, model, nbytes), "their mean");
	hpt_release(&memory.env, result.findings);
	hpt_release(&memory.env, result.model);
	hpc_dataset_free(&memory.env, rows);
	hpc_dataset_free(&memory.env, dataset);
	hpt_release(&alone.env, model);
	hpt_table_free(&table);
}

/* ---------- cutting ---------- */

/* A data set of nothing but marks. */
static hpc_dataset *
only_marks(hpc_env *env, const double *marks, uint32_t n)
{
	hpc_column_spec spec = {"", HPC_NUMBER, HPC_STORE_DOUBLE, false};
	hpc_dataset *dataset;

	hpc_dataset_create(env, 1, &spec, &dataset);
	for (uint32_t i = 0; i < n; i++)
	{
		hpc_value mark = hpt_number(marks[i]);

		hpc_dataset_append(env, dataset, &mark, 0, 1);
	}
	return dataset;
}

/* Checks cuts against those expected; ncuts < 0: there are none. */
static void
check_cuts(const char *what, const double *marks, uint32_t n, int ncuts,
		   const double *expected)
{
	hpt_memory memory;
	hpc_dataset *dataset;
	hpc_status status;
	double cuts[16];
	bool same = true;

	hpt_memory_init(&memory, 1);
	dataset = only_marks(&memory.env, marks, n);
	status = hpc_fold_cut(&memory.env, dataset, ncuts, cuts);
	for (int i = 0; expected != NULL && i < ncuts; i++)
		same &= cuts[i] == expected[i];
	hpt_ok(expected != NULL ? status == HPC_OK && same
							: status == HPC_BAD_PARAMETER,
		   "%s", what);
	hpc_dataset_free(&memory.env, dataset);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

static void
check_cutting(void)
{
	static const double even[] = {7, -3, 5, 1, 9, 3, -1, 11};
	static const double tied[] = {1, 1, 1, 1, 1, 1, 2, 3, 4, 4};
	static const double back[] = {1, 2, 3, 4, 4, 4, 4, 4, 4, 4};
	static const double zeros[] = {0.0, -0.0, 0.0};
	static const double between[] = {1, 5, 9};
	static const double all[] = {2, 3, 4};
	static const double late[] = {2};
	static const double half[] = {4};

	check_cuts("four blocks of two", even, 8, 3, between);
	check_cuts("ties are in one block, and each block has rows", tied, 10, 3,
			   all);
	check_cuts("as few rows before as there have to be", back, 10, 3, all);
	check_cuts("a cut after most rows", tied, 10, 1, late);
	check_cuts("a cut at a half", back + 1, 4, 1, half);
	check_cuts("too few marks", tied, 10, 4, NULL);
	check_cuts("0 and -0 are one mark", zeros, 3, 1, NULL);
	check_cuts("no rows", zeros, 0, 1, NULL);
}

/* ---------- memory and cancel ---------- */

/* Holds a fold out, with a request refused or a check cancelled. */
static hpc_status
try_fold(const hpt_table *table, int64_t fail_at, int64_t cancel_at,
		 int64_t *nblocks, int64_t *nchecks)
{
	hpc_params params = hpt_params(2);
	hpc_fold fold = fold_of(0);
	hpc_result result = {0};
	hpt_memory memory;
	double actual[NROWS];
	double predicted[NROWS];
	double cut;
	hpc_dataset *dataset;
	hpc_status status;

	hpt_memory_init(&memory, 1);
	dataset = marked_rows(&memory.env, table, 0, table->nrows);
	memory.nrequests = 0;
	memory.nchecks = 0;
	memory.fail_at = fail_at;
	memory.cancel_at = cancel_at;
	status = hpc_fold_cut(&memory.env, dataset, 1, &cut);
	if (status == HPC_OK)
		status = train_fold(&memory.env, dataset, &fold, &params, &result);
	if (status == HPC_OK)
		status = hpc_fold_predict(&memory.env, dataset, &fold, result.model,
								  actual, predicted);
	hpt_release(&memory.env, result.model);
	hpc_dataset_free(&memory.env, dataset);
	*nblocks = memory.nblocks;
	*nchecks = memory.nchecks;
	return status;
}

static void
check_failures(void)
{
	hpc_status status = HPC_NO_MEMORY;
	hpt_table table;
	int64_t nwrong = 0;
	int64_t nblocks;
	int64_t nchecks;
	int64_t n = 0;

	hpt_table_houses(&table, 90, 10);
	for (; status == HPC_NO_MEMORY; n++)
	{
		status = try_fold(&table, n + 1, 0, &nblocks, &nchecks);
		nwrong += nblocks != 0;
	}
	hpt_ok(nwrong == 0 && status == HPC_OK && n > 100,
		   "each of %d allocations can fail", (int) n - 1);
	for (int64_t i = 1; i <= nchecks; i++)
	{
		int64_t nasked;

		nwrong += try_fold(&table, 0, i, &nblocks, &nasked) != HPC_CANCELLED ||
				  nblocks != 0;
	}
	hpt_ok(nwrong == 0 && nchecks > 5, "each of %d questions can cancel",
		   (int) nchecks);
	hpt_table_free(&table);
}

int
main(void)
{
	check_folds();
	check_kinds();
	check_merged();
	check_all_rows();
	check_cutting();
	check_failures();
	return hpt_done();
}
