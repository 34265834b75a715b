/*
 * hpc_params.c
 *		The table of training parameters, the only place that knows them.
 *
 * Parser, messages, constructors and reference are made from this table.
 */
#include <math.h>
#include <string.h>

#include "hpc.h"

#define FOREST (1u << HPC_FOREST)
#define OFFSET(field) offsetof(hpc_params, field)

static const char *const algorithm_names[] = {
	[HPC_MEAN] = "mean",
	[HPC_FOREST] = "forest",
};

#define NALGORITHMS (HPC_FOREST + 1)

static const char *const leak_choices[] = {"error", "allow", NULL};

/* 2^53: every integer up to here is a double. */
#define MAX_SEED 9007199254740992.0

static const hpc_parameter table[] = {
	{"trees", HPC_INTEGER, FOREST, 1, 100000, 100, NULL, NULL, OFFSET(trees),
	 "number of trees"},
	{"features", HPC_INTEGER, FOREST, 1, 1600, 0, "by feature_fraction", NULL,
	 OFFSET(features),
	 "features tried per split, a count; wins over feature_fraction"},
	{"feature_fraction", HPC_REAL, FOREST, 0.0001, 1, 0.4, NULL, NULL,
	 OFFSET(feature_fraction),
	 "features tried per split, as a share of all; at least one is tried"},
	{"max_depth", HPC_INTEGER, FOREST, 1, 1000000000, 0, "no limit", NULL,
	 OFFSET(max_depth), "splits between the root and any leaf"},
	{"min_leaf", HPC_INTEGER, FOREST, 1, 1000000000, 2, NULL, NULL,
	 OFFSET(min_leaf), "least rows in a leaf, bag copies counted"},
	{"max_leaves", HPC_INTEGER, FOREST, 1, 1000000000, 0, "no limit", NULL,
	 OFFSET(max_leaves), "leaves per tree, grown best first"},
	{"max_bins", HPC_INTEGER, FOREST, 2, 65535, 65535, NULL, NULL,
	 OFFSET(max_bins),
	 "distinct values of a number up to which every one is a candidate for "
	 "a threshold; beyond, quantile bins of them"},
	{"bag", HPC_BOOL, FOREST, 0, 1, 1, NULL, NULL, OFFSET(bag),
	 "draw rows with replacement for each tree (Poisson bootstrap)"},
	{"row_fraction", HPC_REAL, FOREST, 0.0001, 1, 1, NULL, NULL,
	 OFFSET(row_fraction), "rows drawn for each tree, as a share of all"},
	{"cat_smooth", HPC_REAL, FOREST, 0, 1e9, 10, NULL, NULL,
	 OFFSET(cat_smooth),
	 "rows by which the mean of a category is shrunk towards its node's"},
	{"cat_min_rows", HPC_REAL, FOREST, 0, 1e9, 5, NULL, NULL,
	 OFFSET(cat_min_rows),
	 "categories with fewer rows in a node are treated as one"},
	{"exclude", HPC_NAMES, FOREST, 0, 0, 0, "none", NULL, 0,
	 "columns that are not features"},
	{"leak", HPC_CHOICE, FOREST, 0, 1, HPC_LEAK_ERROR, NULL, leak_choices,
	 OFFSET(leak), "what to do about a feature that gives the target away"},
	{"clean", HPC_OBJECT, FOREST, 0, 0, 0, "none", NULL, 0,
	 "fill of hp_clean, applied in training and in every prediction"},
	{"seed", HPC_INTEGER, FOREST, -MAX_SEED, MAX_SEED, 0, NULL, NULL,
	 OFFSET(seed), "seed of all random choices"},
};

const hpc_parameter *
hpc_parameter_table(int *nparameters)
{
	*nparameters = (int) (sizeof(table) / sizeof(table[0]));
	return table;
}

const char *
hpc_algorithm_name(hpc_algorithm algorithm)
{
	return algorithm_names[algorithm];
}

hpc_algorithm
hpc_algorithm_by_name(const char *name)
{
	for (int i = HPC_MEAN; i < NALGORITHMS; i++)
	{
		if (strcmp(algorithm_names[i], name) == 0)
			return (hpc_algorithm) i;
	}
	return (hpc_algorithm) 0;
}

/* The parameter's place in params. */
static void *
field(hpc_params *params, const hpc_parameter *which)
{
	return (char *) params + which->offset;
}

static void
store(hpc_params *params, const hpc_parameter *which, double value)
{
	switch (which->type)
	{
		case HPC_INTEGER:
		case HPC_CHOICE:
			*(int64_t *) field(params, which) = (int64_t) value;
			break;
		case HPC_REAL:
			*(double *) field(params, which) = value;
			break;
		case HPC_BOOL:
			*(bool *) field(params, which) = value != 0;
			break;
		case HPC_NAMES:
		case HPC_OBJECT:
			break;
	}
}

void
hpc_params_init(hpc_params *params, hpc_algorithm algorithm)
{
	memset(params, 0, sizeof(*params));
	params->algorithm = algorithm;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		store(params, &table[i], table[i].fallback);
}

bool
hpc_params_set(hpc_params *params, const hpc_parameter *which, double value)
{
	bool whole = which->type != HPC_REAL;

	/* also false for NaN */
	if (!(value >= which->min && value <= which->max) ||
		(whole && value != floor(value)))
		return false;
	store(params, which, value);
	return true;
}

double
hpc_params_get(const hpc_params *params, const hpc_parameter *which)
{
	const void *at = (const char *) params + which->offset;

	switch (which->type)
	{
		case HPC_INTEGER:
		case HPC_CHOICE:
			return (double) *(const int64_t *) at;
		case HPC_REAL:
			return *(const double *) at;
		case HPC_BOOL:
			return *(const bool *) at;
		case HPC_NAMES:
		case HPC_OBJECT:
			break;
	}
	return NAN;
}
