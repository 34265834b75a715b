/*
 * test_params.c
 *		The table of parameters is sound, and setting keeps to its ranges.
 */
#include <math.h>
#include <string.h>

#include "hpt.h"

/* Some algorithm that a row of the table belongs to. */
static hpc_algorithm
algorithm_of(const hpc_parameter *which)
{
	int algorithm = HPC_MEAN;

	while ((which->algorithms & 1u << algorithm) == 0)
		algorithm++;
	return (hpc_algorithm) algorithm;
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
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_0123456789";

	return name[0] >= 'a' && name[0] <= 'z' &&
		   strspn(name, letters) == strlen(name);
}

static void
check_row(const hpc_parameter *which)
{
	hpt_ok(name_is_sound(which->name) && which->algorithms != 0 &&
			   which->help != NULL && which->help[0] != '\0',
		   "%s: name, algorithms, help", which->name);
	if (!hpc_parameter_is_scalar(which))
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

/* Two rows of one name: one parameter, as two algorithms have it. */
static bool
same_parameter(const hpc_parameter *a, const hpc_parameter *b)
{
	return a->type == b->type && a->offset == b->offset &&
		   (a->algorithms & b->algorithms) == 0;
}

static bool
overlap(const hpc_parameter *a, const hpc_parameter *b)
{
	return hpc_parameter_is_scalar(a) && hpc_parameter_is_scalar(b) &&
		   a->offset < b->offset + field_size(b) &&
		   b->offset < a->offset + field_size(a);
}

static void
check_pairs(const hpc_parameter *table, int n)
{
	int ntwice = 0;
	int noverlapping = 0;

	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < i; j++)
		{
			if (strcmp(table[i].name, table[j].name) == 0)
				ntwice += !same_parameter(&table[i], &table[j]);
			else
				noverlapping += overlap(&table[i], &table[j]);
		}
	}
	hpt_ok(ntwice == 0, "no algorithm has two parameters of one name");
	hpt_ok(noverlapping == 0, "fields do not overlap");
}

static void
check_takes(const hpc_parameter *which)
{
	char words[256];
	char few[8];

	hpc_parameter_takes(which, words, sizeof(words));
	hpt_ok(words[0] != '\0' && strlen(words) < 100, "%s: takes %s",
		   which->name, words);
	memset(few, 'x', sizeof(few));
	hpc_parameter_takes(which, few, sizeof(few));
	hpt_ok(strlen(few) < sizeof(few) && strncmp(few, words, strlen(few)) == 0,
		   "%s: no more words than fit", which->name);
}

/* A parameter is found under the algorithms that have it, and no others. */
static void
check_find(const hpc_parameter *which)
{
	bool passed = true;

	for (int a = HPC_MEAN; a < HPC_NALGORITHMS; a++)
	{
		const hpc_parameter *found =
			hpc_parameter_find((hpc_algorithm) a, which->name);

		if (which->algorithms & 1u << a)
			passed &= found == which;
		else
			passed &= found == NULL || (found != which &&
										strcmp(found->name, which->name) == 0);
	}
	hpt_ok(passed, "%s: found by name", which->name);
}

/* Ends of the range go in and come out, what is beyond does not. */
static void
check_setting(const hpc_parameter *which)
{
	hpc_params params;
	hpc_params before;
	bool passed;

	hpc_params_init(&params, algorithm_of(which));
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

/* What was left to the number of rows is settled, what was given stays. */
static void
check_resolve(void)
{
	hpc_params small;
	hpc_params large;
	hpc_params given;
	hpc_params forest;
	hpc_params as_is;

	hpc_params_init(&small, HPC_BOOST);
	large = given = small;
	given.max_leaves = 5;
	given.learning_rate = 0.5;
	given.max_bins = 2;
	hpc_params_resolve(&small, 1000);
	hpc_params_resolve(&large, 1000000);
	hpc_params_resolve(&given, 1000000);
	hpt_ok(small.max_leaves > 1 && small.max_leaves < large.max_leaves &&
			   small.learning_rate > 0 &&
			   small.learning_rate < large.learning_rate &&
			   small.max_bins > large.max_bins && large.max_bins > 1,
		   "resolve: by the number of rows");
	hpt_ok(given.max_leaves == 5 && given.learning_rate == 0.5 &&
			   given.max_bins == 2,
		   "resolve: what was given stays");
	hpc_params_init(&forest, HPC_FOREST);
	as_is = forest;
	hpc_params_resolve(&forest, 1000000);
	hpt_ok(memcmp(&forest, &as_is, sizeof(forest)) == 0,
		   "resolve: nothing to settle for a forest");
}

static void
check_algorithms(void)
{
	bool passed = true;

	for (int a = HPC_MEAN; a < HPC_NALGORITHMS; a++)
	{
		const char *name = hpc_algorithm_name((hpc_algorithm) a);

		passed &=
			name_is_sound(name) && (int) hpc_algorithm_by_name(name) == a;
	}
	hpt_ok(passed, "algorithms by name, and names of algorithms");
	hpt_ok(hpc_algorithm_by_name("Forest") == 0 &&
			   hpc_algorithm_by_name("") == 0,
		   "no algorithm of another name");
	hpt_is_string(hpc_algorithm_name(HPC_EXTRA_TREES), "extra_trees",
				  "name of an algorithm");
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
		check_takes(&table[i]);
		check_find(&table[i]);
		if (hpc_parameter_is_scalar(&table[i]))
			check_setting(&table[i]);
	}
	check_pairs(table, n);
	check_resolve();
	check_algorithms();
	return hpt_done();
}
