/*
 * test_leak.c
 *		The leak guard: copies of the target are refused, near copies and keys
 *		are reported, and honest features are left alone.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_leak.h"
#include "hpt_table.h"

/* Feature number i of a table as a function of target and row. */
typedef double (*shape)(double target, uint32_t row);

static double
rising(double target, uint32_t row)
{
	(void) row;
	return target / 1000;
}

static double
falling(double target, uint32_t row)
{
	(void) row;
	return -target;
}

static double
logarithm(double target, uint32_t row)
{
	(void) row;
	return log(target);
}

/* Two targets share a value. */
static double
rounded(double target, uint32_t row)
{
	(void) row;
	return floor(target / 2000);
}

/* A target has two values. */
static double
finer(double target, uint32_t row)
{
	return target + row % 2;
}

/* One value has two targets now and then. */
static double
nearly(double target, uint32_t row)
{
	return target + (row % 50 == 0 ? 1000 : 0);
}

static double
noise(double target, uint32_t row)
{
	return (double) (hpc_mix((uint64_t) target + row) % 1000);
}

static double
any_noise(double target, uint32_t row)
{
	return (double) (hpc_mix((uint64_t) target + row) >> 11);
}

static double
noisy(double target, uint32_t row)
{
	return target + 1.5 * noise(target, row);
}

static double
key(double target, uint32_t row)
{
	(void) target;
	return 1000 + row;
}

static double
sparse_key(double target, uint32_t row)
{
	(void) target;
	return 1e6 * row;
}

/* nrows rows, ntargets different targets, x by shape, z noise. */
static void
make_table(hpt_table *table, uint32_t nrows, uint32_t ntargets, shape f,
		   hpc_storage storage)
{
	hpt_table_init(table);
	hpt_table_column(table, "x", HPC_NUMBER, storage);
	hpt_table_column(table, "z", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (uint32_t i = 0; i < nrows; i++)
	{
		double target = 1000 * (1 + (double) (hpc_mix(i) % ntargets));
		hpc_value *row = hpt_table_row(table, target);

		row[0] = hpt_number(f(target, i));
		row[1] = hpt_number((double) (i % 100));
	}
}

static hpc_status
guard(const hpt_table *table, hpt_memory *memory)
{
	const hpc_frame_rules rules = {.max_bins = 65534, .check_leaks = true};
	hpt_framed framed;
	hpc_status status;

	hpt_memory_init(memory, 1);
	status = hpt_table_frame_by(&memory->env, table, &rules, &framed);
	hpt_framed_free(&memory->env, &framed);
	if (memory->nblocks != 0)
		hpt_ok(false, "everything is freed");
	return status;
}

/* Whoever asks for copies is told of them, and gets a frame all the same. */
static void
check_told(const char *what, const hpt_table *table, bool expected)
{
	bool copies[2] = {false, false};
	const hpc_frame_rules rules = {.max_bins = 65534,
								   .check_leaks = true,
								   .copies = copies};
	hpt_memory memory;
	hpt_framed framed;
	hpc_status status;

	hpt_memory_init(&memory, 1);
	status = hpt_table_frame_by(&memory.env, table, &rules, &framed);
	hpt_ok(status == HPC_OK && framed.frame->nfeatures == table->ncolumns &&
			   copies[0] == expected && !copies[1],
		   "%s: %s", what, expected ? "told" : "nothing to tell");
	hpt_framed_free(&memory.env, &framed);
}

static void
check_copy(const char *what, shape f, uint32_t ntargets, bool expected)
{
	hpt_memory memory;
	hpt_table table;
	hpc_status status;

	make_table(&table, 500, ntargets, f, HPC_STORE_DOUBLE);
	status = guard(&table, &memory);
	hpt_ok(expected ? status == HPC_LEAK &&
						  strstr(memory.env.error.message, "\"x\"") != NULL &&
						  strstr(memory.env.error.hint, "'x'") != NULL
					: status == HPC_OK,
		   "%s, %u values: %s", what, ntargets,
		   expected ? "refused by name" : "allowed");
	check_told(what, &table, expected);
	hpt_table_free(&table);
}

/* Rows without a value do not hide a copy. */
static void
check_missing(void)
{
	hpt_memory memory;
	hpt_table table;

	make_table(&table, 500, 100, rising, HPC_STORE_DOUBLE);
	for (uint32_t row = 0; row < table.nrows; row += 3)
		table.values[row * 2] = hpt_missing();
	hpt_ok(guard(&table, &memory) == HPC_LEAK,
		   "a copy with missing values is refused");
	hpt_table_free(&table);
}

/* A bijection of numbers out of order is no copy; text has no order. */
static void
check_other_bijections(void)
{
	hpt_memory memory;
	hpt_table table;

	make_table(&table, 500, 100, rising, HPC_STORE_DOUBLE);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.values[row * 2].number =
			(double) (hpc_mix((uint64_t) table.target[row]) >> 11);
	hpt_ok(guard(&table, &memory) == HPC_OK,
		   "one to one but in no order: allowed");
	hpt_table_free(&table);
	hpt_table_init(&table);
	hpt_table_column(&table, "t", HPC_CATEGORY, HPC_STORE_CODE);
	for (uint32_t row = 0; row < 500; row++)
		hpt_table_row(&table, row % 26)[0] = hpt_level(row % 26);
	hpt_ok(guard(&table, &memory) == HPC_LEAK,
		   "text, which has no order: one to one is enough");
	hpt_table_free(&table);
}

/* The target itself needs no 20 values to be known. */
static void
check_target_itself(uint32_t nrows, uint32_t ntargets, bool expected)
{
	hpt_memory memory;
	hpt_table table;
	hpc_status status;

	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_INT16);
	for (uint32_t row = 0; row < nrows; row++)
		hpt_table_row(&table, row % ntargets)[0] =
			row % 5 == 3 ? hpt_missing() : hpt_number(row % ntargets);
	status = guard(&table, &memory);
	hpt_ok(expected ? status == HPC_LEAK &&
						  strstr(memory.env.error.detail, "equals") != NULL
					: status == HPC_OK,
		   "the target itself, %u values on %u rows: %s", ntargets, nrows,
		   expected ? "refused" : "allowed");
	hpt_table_free(&table);
}

/* A name that would end the SQL string in the hint. */
static void
check_names(void)
{
	hpt_memory memory;
	hpt_table table;

	hpt_table_init(&table);
	hpt_table_column(&table, "it's", HPC_NUMBER, HPC_STORE_INT16);
	for (uint32_t row = 0; row < 40; row++)
		hpt_table_row(&table, row)[0] = hpt_number(row);
	hpt_ok(guard(&table, &memory) == HPC_LEAK &&
			   strstr(memory.env.error.message, "\"it's\"") != NULL &&
			   strstr(memory.env.error.hint, "ARRAY['it''s']") != NULL,
		   "a name with a quote");
	hpt_table_free(&table);
}

/* ---------- more values than ranks ---------- */

/* Rows from first on have a value, by shape, and 70,000 of them differ. */
static void
make_many(hpt_table *table, uint32_t first, shape f)
{
	hpt_table_init(table);
	hpt_table_column(table, "x", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (uint32_t row = 0; row < first + 70000; row++)
	{
		double target = (double) (row * 7919 % 70001);
		hpc_value *values = hpt_table_row(table, target);

		if (row >= first)
			values[0] = hpt_number(f(target, row));
	}
}

static void
check_many(const char *what, uint32_t first, shape f, bool expected)
{
	hpt_memory memory;
	hpt_table table;
	bool passed = true;

	make_many(&table, first, f);
	for (int turn = 0; turn < 2; turn++)
	{
		hpc_status status = guard(&table, &memory);

		passed &=
			expected ? status == HPC_LEAK &&
						   strstr(memory.env.error.message, "\"x\"") != NULL &&
						   memory.env.error.detail[0] != '\0'
					 : status == HPC_OK;
		hpt_table_shuffle(&table, 11);
	}
	hpt_ok(passed, "70,000 values, %u rows without, %s: %s", first, what,
		   expected ? "refused in any order" : "allowed");
	check_told(what, &table, expected);
	hpt_table_free(&table);
}

/* ---------- near copies ---------- */

static double
measured_r2(const hpt_table *table, int nthreads)
{
	double r2[HPT_MAX_COLUMNS];
	hpt_memory memory;
	hpt_framed framed;

	hpt_memory_init(&memory, nthreads);
	hpt_table_frame(&memory.env, table, 65534, &framed);
	if (hpc_leak_measure(&memory.env, framed.frame, 0.99, r2) != HPC_OK)
		r2[0] = -1;
	if (!isnan(r2[1]))
		hpt_ok(false, "noise is not measured");
	hpt_framed_free(&memory.env, &framed);
	return r2[0];
}

static void
check_near_copies(void)
{
	hpt_table table;
	double r2;

	make_table(&table, 1000, 300, nearly, HPC_STORE_DOUBLE);
	r2 = measured_r2(&table, 1);
	hpt_ok(r2 > 0.99 && r2 < 1, "a near copy explains %.5f", r2);
	hpt_table_shuffle(&table, 3);
	hpt_same_bits(measured_r2(&table, 2), r2,
				  "the same from shuffled rows and two threads");
	hpt_table_free(&table);
	make_table(&table, 1000, 10, noisy, HPC_STORE_DOUBLE);
	r2 = measured_r2(&table, 1);
	hpt_ok(!(r2 > 0.99), "a noisy one explains less (%.5f)", r2);
	hpt_table_free(&table);
	make_table(&table, 1000, 300, noise, HPC_STORE_DOUBLE);
	hpt_ok(isnan(measured_r2(&table, 1)), "noise is not even measured");
	hpt_table_free(&table);
}

/* More rows than the sample holds. */
static void
check_sampled(void)
{
	hpt_table table;
	double r2;

	make_table(&table, 45000, 20000, nearly, HPC_STORE_DOUBLE);
	r2 = measured_r2(&table, 1);
	hpt_ok(r2 > 0.99 && r2 < 1, "a near copy of 45,000 rows explains %.7f",
		   r2);
	hpt_table_shuffle(&table, 4);
	hpt_same_bits(measured_r2(&table, 1), r2, "the same from shuffled rows");
	hpt_table_free(&table);
}

/* ---------- what training says ---------- */

static bool
has_finding(const hpc_result *result, hpc_finding_kind kind,
			const char *column)
{
	bool found = false;

	for (int i = 0; i < result->nfindings; i++)
		found |= result->findings[i].kind == kind &&
				 strcmp(result->findings[i].column, column) == 0;
	return found;
}

static hpc_status
train(hpt_memory *memory, const hpt_table *table, int64_t leak,
	  hpc_dataset **dataset, hpc_result *result)
{
	const hpc_texts texts = {0};
	hpc_params params = hpt_params(3);

	hpt_memory_init(memory, 1);
	params.leak = leak;
	*dataset = hpt_table_dataset(&memory->env, table);
	return hpc_train(&memory->env, *dataset, &params, &texts, result);
}

static void
done(hpt_memory *memory, hpt_table *table, hpc_dataset *dataset,
	 hpc_result *result)
{
	hpt_release(&memory->env, result->model);
	hpt_release(&memory->env, result->findings);
	hpc_dataset_free(&memory->env, dataset);
	hpt_table_free(table);
	if (memory->nblocks != 0)
		hpt_ok(false, "everything is freed");
}

static void
check_findings(const char *what, shape f, uint32_t nrows, hpc_storage storage,
			   hpc_finding_kind kind, bool expected)
{
	hpt_memory memory;
	hpt_table table;
	hpc_dataset *dataset;
	hpc_result result;

	make_table(&table, nrows, 300, f, storage);
	hpt_ok(train(&memory, &table, HPC_LEAK_ERROR, &dataset, &result) ==
				   HPC_OK &&
			   has_finding(&result, kind, "x") == expected &&
			   !has_finding(&result, kind, "z"),
		   "%s of %u rows is %sreported", what, nrows, expected ? "" : "not ");
	done(&memory, &table, dataset, &result);
}

static void
check_training(void)
{
	hpt_memory memory;
	hpt_table table;
	hpc_dataset *dataset;
	hpc_result result;

	make_table(&table, 500, 300, rising, HPC_STORE_DOUBLE);
	hpt_ok(train(&memory, &table, HPC_LEAK_ERROR, &dataset, &result) ==
				   HPC_LEAK &&
			   result.model == NULL && result.findings == NULL,
		   "training refuses a copy");
	done(&memory, &table, dataset, &result);
	make_table(&table, 500, 300, rising, HPC_STORE_DOUBLE);
	hpt_ok(train(&memory, &table, HPC_LEAK_ALLOW, &dataset, &result) ==
				   HPC_OK &&
			   result.nfindings == 0,
		   "unless it is allowed");
	done(&memory, &table, dataset, &result);
}

static void
check_text_finding(void)
{
	hpt_memory memory;
	hpt_table table;
	hpc_dataset *dataset;
	hpc_result result;
	hpc_model_summary summary;

	hpt_table_init(&table);
	hpt_table_column(&table, "name", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(&table, "other", HPC_CATEGORY, HPC_STORE_CODE);
	for (uint32_t i = 0; i < 100; i++)
	{
		hpc_value *row = hpt_table_row(&table, i % 7);

		row[0] = hpt_level(i);
		row[1] = hpt_level(i % 5);
	}
	hpt_ok(train(&memory, &table, HPC_LEAK_ALLOW, &dataset, &result) ==
				   HPC_OK &&
			   has_finding(&result, HPC_FOUND_UNIQUE_TEXT, "name"),
		   "unique text is reported");
	hpc_model_summarize(result.model, &summary);
	hpt_ok(summary.nfeatures == 1 && result.nfindings == 1,
		   "and is no feature");
	done(&memory, &table, dataset, &result);
}

static void
check_all_findings(void)
{
	check_findings("a near copy", nearly, 1000, HPC_STORE_DOUBLE,
				   HPC_FOUND_NEAR_LEAK, true);
	check_findings("noise", noise, 1000, HPC_STORE_DOUBLE, HPC_FOUND_NEAR_LEAK,
				   false);
	check_findings("a key", key, 20, HPC_STORE_INT32, HPC_FOUND_KEY, true);
	check_findings("a key", key, 19, HPC_STORE_INT32, HPC_FOUND_KEY, false);
	check_findings("a key that is no integer", key, 50, HPC_STORE_DOUBLE,
				   HPC_FOUND_KEY, false);
	check_findings("a key with gaps", sparse_key, 99, HPC_STORE_INT32,
				   HPC_FOUND_KEY, false);
	check_findings("a key with gaps", sparse_key, 100, HPC_STORE_INT32,
				   HPC_FOUND_KEY, true);
}

int
main(void)
{
	check_copy("the target in thousands", rising, 100, true);
	check_copy("its negative", falling, 100, true);
	check_copy("its logarithm", logarithm, 100, true);
	check_copy("a copy", rising, 20, true);
	check_copy("a copy", rising, 19, false);
	check_copy("the target rounded", rounded, 100, false);
	check_copy("a function of the target but not one to one", finer, 100,
			   false);
	check_copy("nearly a copy", nearly, 100, false);
	check_copy("noise", noise, 100, false);
	check_missing();
	check_target_itself(20, 2, true);
	check_target_itself(100, 5, true);
	check_target_itself(19, 5, false);
	check_target_itself(20, 1, false);
	check_names();
	check_many("the target in thousands", 0, rising, true);
	check_many("the target in thousands", 3000, rising, true);
	check_many("its negative", 0, falling, true);
	check_many("nearly a copy", 0, nearly, false);
	check_many("noise", 0, any_noise, false);
	check_other_bijections();
	check_near_copies();
	check_sampled();
	check_training();
	check_all_findings();
	check_text_finding();
	return hpt_done();
}
