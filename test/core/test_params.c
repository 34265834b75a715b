/*
 * test_params.c
 *		The table of parameters is sound, and setting keeps to its ranges.
 */
#include <math.h>
#include <string.h>

#include "hpt.h"

static bool
is_scalar(const hpc_parameter *which)
{
	return which->type != HPC_NAMES && which->type != HPC_OBJECT;
}

static size_t
field_size(const hpc_parameter *which)
{
	return which->type == HPC_BOOL   ? sizeof(bool)
		   : which->type == HPC_REAL ? sizeof(double)
									 : sizeof(int64_t);
}

static bool
name_is_sound(const char *name)
{
	return name[0] != '\0' &&
		   strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name);
}

static void
check_row(const hpc_parameter *which)
{
	hpt_ok(name_is_sound(which->name) && which->algorithms != 0 &&
			   which->help != NULL && which->help[0] != '\0',
		   "%s: name, algorithms, help", which->name);
	if (!is_scalar(which))
	{
		hpt_ok(which->unset != NULL, "%s: default in words", which->name);
		return;
	}
	hpt_ok(which->offset + field_size(which) <= sizeof(hpc_params) &&
			   which->offset % field_size(which) == 0,
		   "%s: offset", which->name);
	hpt_ok(which->min <= which->max, "%s: range", which->name);
	hpt_ok(which->unset != NULL || (which->fallback >= which->min &&
									which->fallback <= which->max),
		   "%s: default in range, or in words", which->name);
	if (which->type == HPC_REAL)
		return;
	hpt_ok(which->fallback == floor(which->fallback) &&
			   which->min == floor(which->min) &&
			   which->max == floor(which->max) && which->max <= 0x1p53,
		   "%s: whole numbers that a double holds", which->name);
}

static void
check_choices(const hpc_parameter *which)
{
	int n = 0;

	if (which->type != HPC_CHOICE)
	{
		hpt_ok(which->choices == NULL, "%s: no choices", which->name);
		return;
	}
	while (which->choices[n] != NULL)
		n++;
	hpt_ok(n > 0 && which->min == 0 && which->max == n - 1,
		   "%s: choices and range agree", which->name);
}

/* Names differ, fields do not overlap. */
static void
check_pairs(const hpc_parameter *table, int n)
{
	int nsame = 0;
	int noverlapping = 0;

	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < i; j++)
		{
			size_t a = table[i].offset;
			size_t b = table[j].offset;

			nsame += strcmp(table[i].name, table[j].name) == 0;
			if (is_scalar(&table[i]) && is_scalar(&table[j]))
				noverlapping += a < b + field_size(&table[j]) &&
								b < a + field_size(&table[i]);
		}
	}
	hpt_ok(nsame == 0, "names differ");
	hpt_ok(noverlapping == 0, "fields do not overlap");
}

/* Ends of the range go in and come out, what is beyond does not. */
static void
check_setting(const hpc_parameter *which)
{
	hpc_params params;
	hpc_params before;
	bool passed;

	hpc_params_init(&params, HPC_FOREST);
	passed = hpc_params_get(&params, which) == which->fallback;
	passed &= hpc_params_set(&params, which, which->min) &&
			  hpc_params_get(&params, which) == which->min;
	passed &= hpc_params_set(&params, which, which->max) &&
			  hpc_params_get(&params, which) == which->max;
	before = params;
	passed &=
		!hpc_params_set(&params, which, nextafter(which->min, -INFINITY)) &&
		!hpc_params_set(&params, which, nextafter(which->max, INFINITY)) &&
		!hpc_params_set(&params, which, NAN) &&
		!hpc_params_set(&params, which, INFINITY) &&
		!hpc_params_set(&params, which, -INFINITY);
	if (which->type != HPC_REAL)
		passed &= !hpc_params_set(&params, which,
								  floor((which->min + which->max) / 2) + 0.5);
	passed &= memcmp(&params, &before, sizeof(params)) == 0;
	hpt_ok(passed, "%s: set and get within the range only", which->name);
}

static void
check_algorithms(void)
{
	hpt_ok(hpc_algorithm_by_name("mean") == HPC_MEAN &&
			   hpc_algorithm_by_name("forest") == HPC_FOREST &&
			   hpc_algorithm_by_name("Forest") == 0 &&
			   hpc_algorithm_by_name("") == 0,
		   "algorithms by name");
	hpt_ok(strcmp(hpc_algorithm_name(HPC_MEAN), "mean") == 0 &&
			   strcmp(hpc_algorithm_name(HPC_FOREST), "forest") == 0,
		   "names of algorithms");
	hpt_is_string(hpc_kind_name(HPC_TIME), "time", "name of a kind");
}

int
main(void)
{
	int n;
	const hpc_parameter *table = hpc_parameter_table(&n);

	for (int i = 0; i < n; i++)
	{
		check_row(&table[i]);
		check_choices(&table[i]);
		if (is_scalar(&table[i]))
			check_setting(&table[i]);
	}
	check_pairs(table, n);
	check_algorithms();
	return hpt_done();
}
