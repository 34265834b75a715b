/*
 * hpt_rows.c
 *		Rows that are a function of their number, for tests of data sets.
 */
#include <math.h>
#include <stdlib.h>

#include "hpt_rows.h"
#include "hpt_table.h"

const hpc_column_spec hpt_row_columns[HPT_ROW_COLUMNS] = {
	{"small", HPC_NUMBER, HPC_STORE_INT16, true},
	{"medium", HPC_NUMBER, HPC_STORE_INT32, true},
	{"single", HPC_NUMBER, HPC_STORE_FLOAT, false},
	{"wide", HPC_TIME, HPC_STORE_DOUBLE, false},
	{"year", HPC_NUMBER, HPC_STORE_INT32, true},
	{"pool", HPC_BOOLEAN, HPC_STORE_INT16, false},
	{"word", HPC_CATEGORY, HPC_STORE_CODE, false},
};

static bool
missing_at(uint64_t row, int column)
{
	return column != 4 &&
		   hpc_mix(row * HPT_ROW_COLUMNS + (uint64_t) column) % 5 == 0;
}

static double
number_at(uint64_t row, int column)
{
	uint64_t bits = hpc_mix(row + 1000 * (uint64_t) column);

	switch (column)
	{
		case 0:
			return (int16_t) bits;
		case 1:
			return (int32_t) bits;
		case 2:
			return (float) (int32_t) bits / 3;
		case 3:
			return (double) (int64_t) bits / 7;
		case 4:
			return (double) (1900 + bits % 120);
		default:
			return (double) (bits % 2);
	}
}

/* Later rows have words that earlier ones do not have. */
static uint32_t
level_at(uint64_t row)
{
	return (uint32_t) (hpc_mix(row) % (row < 1000 ? 200 : 500));
}

/* A target tells its row. */
static double
target_at(uint64_t row)
{
	return (double) row / 3;
}

static uint64_t
row_of(double target)
{
	return (uint64_t) (target * 3 + 0.5);
}

static double
weight_at(uint64_t row)
{
	return row < HPT_ROW_WEIGHTY ? 1 : (double) (row % 7 + 1) / 2;
}

hpc_status
hpt_rows_append(hpc_env *env, hpc_dataset *dataset, uint64_t row)
{
	hpc_value values[HPT_ROW_COLUMNS];

	for (int i = 0; i < HPT_ROW_WORD; i++)
	{
		values[i] = hpt_number(number_at(row, i));
		values[i].missing = missing_at(row, i);
	}
	/* NaN counts as missing too */
	if (missing_at(row, 3))
		values[3] = hpt_number(NAN);
	values[HPT_ROW_WORD] = hpt_level(level_at(row));
	values[HPT_ROW_WORD].missing = missing_at(row, HPT_ROW_WORD);
	return hpc_dataset_append(env, dataset, values, target_at(row),
							  weight_at(row));
}

hpc_dataset *
hpt_rows_dataset(hpc_env *env, uint64_t begin, uint64_t end)
{
	hpc_dataset *dataset = NULL;

	if (hpc_dataset_create(env, HPT_ROW_COLUMNS, hpt_row_columns, &dataset) !=
		HPC_OK)
		return NULL;
	for (uint64_t row = begin; row < end; row++)
	{
		if (hpt_rows_append(env, dataset, row) != HPC_OK)
		{
			hpc_dataset_free(env, dataset);
			return NULL;
		}
	}
	return dataset;
}

/* ---------- looking at them ---------- */

/* Reads a column in pieces of n rows. */
static double *
read_column(const hpc_dataset *dataset, const hpc_chunked *column, uint32_t n)
{
	double *numbers = malloc((dataset->nrows + 1) * sizeof(double));

	for (uint64_t row = 0; row < dataset->nrows; row += n)
	{
		uint64_t left = dataset->nrows - row;

		hpc_dataset_read(dataset, column, row, left < n ? (uint32_t) left : n,
						 numbers + row);
	}
	return numbers;
}

/* Values of a column that are not as they should be. */
static uint64_t
count_wrong_numbers(const hpc_dataset *dataset, int column,
					const double *targets)
{
	double *numbers = read_column(dataset, &dataset->columns[column].values,
								  1000 + (uint32_t) column);
	uint64_t nwrong = 0;

	for (uint64_t i = 0; i < dataset->nrows; i++)
	{
		uint64_t row = row_of(targets[i]);

		nwrong += missing_at(row, column)
					  ? !isnan(numbers[i])
					  : numbers[i] != number_at(row, column);
	}
	free(numbers);
	return nwrong;
}

static uint64_t
count_wrong_words(const hpc_dataset *dataset, const double *targets)
{
	const hpc_column *column = &dataset->columns[HPT_ROW_WORD];
	uint64_t nwrong = 0;

	for (uint64_t i = 0; i < dataset->nrows; i++)
	{
		uint64_t row = row_of(targets[i]);
		hpc_value expected = hpt_level(level_at(row));
		const char *bytes;
		uint32_t nbytes;
		uint32_t code;

		hpc_dataset_read_codes(dataset, &column->values, i, 1, &code);
		if (missing_at(row, HPT_ROW_WORD) || code == HPC_MISSING_CODE)
		{
			nwrong +=
				!missing_at(row, HPT_ROW_WORD) || code != HPC_MISSING_CODE;
			continue;
		}
		bytes = hpc_dictionary_entry(&column->dictionary, code, &nbytes);
		nwrong += hpc_compare_bytes(bytes, nbytes, expected.bytes,
									expected.nbytes) != 0;
	}
	return nwrong;
}

/* Rows among targets[n] that are not first .. first + n - 1, each once. */
static uint64_t
count_strangers(const double *targets, uint64_t first, uint64_t n)
{
	bool *seen = calloc(n + 1, sizeof(bool));
	uint64_t nwrong = 0;

	for (uint64_t i = 0; i < n; i++)
	{
		uint64_t row = row_of(targets[i]);

		if (targets[i] != target_at(row) || row < first || row >= first + n ||
			seen[row - first])
			nwrong++;
		else
			seen[row - first] = true;
	}
	free(seen);
	return nwrong;
}

bool
hpt_rows_hold(const hpc_dataset *dataset, uint64_t first, uint64_t nrows)
{
	double *targets = read_column(dataset, &dataset->target, 777);
	double *weights = read_column(dataset, &dataset->weight, 5000);
	uint64_t nwrong = hpc_dataset_nrows(dataset) != nrows;

	if (nwrong == 0)
		nwrong = count_strangers(targets, first, nrows);
	for (uint64_t i = 0; nwrong == 0 && i < nrows; i++)
		nwrong += weights[i] != weight_at(row_of(targets[i]));
	for (int i = 0; nwrong == 0 && i < HPT_ROW_WORD; i++)
		nwrong += count_wrong_numbers(dataset, i, targets);
	if (nwrong == 0)
		nwrong += count_wrong_words(dataset, targets);
	nwrong +=
		hpc_dataset_has_weights(dataset) != (first + nrows > HPT_ROW_WEIGHTY);
	free(targets);
	free(weights);
	return nwrong == 0;
}

uint64_t
hpt_rows_wrong_numbers(const hpc_dataset *dataset, int column)
{
	double *targets = read_column(dataset, &dataset->target, 100);
	uint64_t nwrong = count_wrong_numbers(dataset, column, targets);

	free(targets);
	return nwrong;
}
