/*
 * hpc_params.c
 *		The table of training parameters, the only place that knows them.
 *
 * Parser, messages, constructors and reference are made from this table.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hpc.h"

#define BIT(algorithm) (1u << (algorithm))
#define FOREST BIT(HPC_FOREST)
#define EXTRA BIT(HPC_EXTRA_TREES)
#define BOOST BIT(HPC_BOOST)
#define LINEAR BIT(HPC_LINEAR)
#define BLEND BIT(HPC_BLEND)
#define BAGGED (FOREST | EXTRA)
#define TREES (FOREST | EXTRA | BOOST)
#define LEARNERS (TREES | LINEAR)
#define OFFSET(field) offsetof(hpc_params, field)

static const char *const algorithm_names[HPC_NALGORITHMS] = {
	[HPC_MEAN] = "mean",
	[HPC_FOREST] = "forest",
	[HPC_EXTRA_TREES] = "extra_trees",
	[HPC_BOOST] = "boost",
	[HPC_LINEAR] = "linear",
	[HPC_BLEND] = "blend",
};

/*
 * Goes up by one whenever the same rows, parameters and seed give a model that
 * predicts otherwise, or another number of it: then a stored model cannot be
 * made again by this version, and says so.  What is said of a model beside
 * that (new sections) does not count.
 */
static const uint32_t algorithm_versions[HPC_NALGORITHMS] = {
	[HPC_MEAN] = 1,  [HPC_FOREST] = 1, [HPC_EXTRA_TREES] = 1,
	[HPC_BOOST] = 1, [HPC_LINEAR] = 1, [HPC_BLEND] = 1,
};

static const char *const leak_choices[] = {"error", "allow", NULL};
static const char *const loss_choices[] = {"squared", "absolute", "quantile",
										   "huber", NULL};
static const char *const retransform_choices[] = {"median", "mean", NULL};

/* 2^53: every integer up to here is a double. */
#define MAX_SEED 9007199254740992.0

/* From this many rows on hpc_boost's trees are larger ... */
#define MANY_ROWS 10000

/* ... and from this many on there are bins and faster learning. */
#define LARGE_ROWS 50000

/*
 * A parameter whose range or default differs between algorithms has a row
 * for each; no algorithm has two rows of one name.  Those of one algorithm
 * are in the order of its constructor's arguments.
 */
static const hpc_parameter table[] = {
	{"trees", HPC_INTEGER, BAGGED, 1, 100000, 100, NULL, NULL, OFFSET(trees),
	 "number of trees"},
	{"rounds", HPC_INTEGER, BOOST, 1, 100000, 1000, NULL, NULL, OFFSET(rounds),
	 "number of trees; with early_stopping the most there can be"},
	{"learning_rate", HPC_REAL, BOOST, 1e-6, 1, 0,
	 "0.03; 0.1 from 50,000 rows on", NULL, OFFSET(learning_rate),
	 "share of each tree's prediction that is added"},
	{"features", HPC_INTEGER, BAGGED, 1, 1600, 0, "by feature_fraction", NULL,
	 OFFSET(features),
	 "features tried per split, a count; wins over feature_fraction"},
	{"feature_fraction", HPC_REAL, FOREST, 0.0001, 1, 0.4, NULL, NULL,
	 OFFSET(feature_fraction),
	 "features tried per split, as a share of all; at least one is tried"},
	{"feature_fraction", HPC_REAL, EXTRA, 0.0001, 1, 1, NULL, NULL,
	 OFFSET(feature_fraction),
	 "features tried per split, as a share of all; at least one is tried"},
	{"max_leaves", HPC_INTEGER, BOOST, 2, 1000000, 0,
	 "8; 31 from 10,000 rows on", NULL, OFFSET(max_leaves),
	 "leaves per tree, grown best first"},
	{"max_depth", HPC_INTEGER, TREES, 1, 1000000000, 0, "no limit", NULL,
	 OFFSET(max_depth), "splits between the root and any leaf"},
	{"min_leaf", HPC_INTEGER, BAGGED, 1, 1000000000, 2, NULL, NULL,
	 OFFSET(min_leaf), "least rows in a leaf, bag copies counted"},
	{"min_leaf", HPC_INTEGER, BOOST, 1, 1000000000, 5, NULL, NULL,
	 OFFSET(min_leaf), "least rows in a leaf"},
	{"max_leaves", HPC_INTEGER, BAGGED, 1, 1000000000, 0, "no limit", NULL,
	 OFFSET(max_leaves), "leaves per tree, grown best first"},
	{"l1", HPC_REAL, LINEAR, 0, 1e9, -1, "chosen by inner folds", NULL,
	 OFFSET(l1), "penalty on the absolute size of coefficients"},
	{"l2", HPC_REAL, LINEAR, 0, 1e9, -1, "chosen by inner folds", NULL,
	 OFFSET(l2), "penalty on the square of coefficients"},
	{"l2", HPC_REAL, BOOST, 0, 1e9, 0, NULL, NULL, OFFSET(l2),
	 "rows of residual zero added to each leaf"},
	{"row_fraction", HPC_REAL, BOOST, 0.0001, 1, 0.7, NULL, NULL,
	 OFFSET(row_fraction), "rows drawn for each tree, as a share of all"},
	{"feature_fraction", HPC_REAL, BOOST, 0.0001, 1, 0,
	 "0.25, but at least 4 features", NULL, OFFSET(feature_fraction),
	 "features drawn for each tree, as a share of all; at least one is drawn"},
	{"max_bins", HPC_INTEGER, BAGGED, 2, 65534, 65534, NULL, NULL,
	 OFFSET(max_bins),
	 "distinct values of a number up to which every one is a candidate for "
	 "a threshold; beyond, quantile bins of them"},
	{"max_bins", HPC_INTEGER, BOOST, 2, 65534, 0,
	 "65534; 255 from 50,000 rows on", NULL, OFFSET(max_bins),
	 "distinct values of a number up to which every one is a candidate for "
	 "a threshold; beyond, quantile bins of them"},
	{"bag", HPC_BOOL, FOREST, 0, 1, 1, NULL, NULL, OFFSET(bag),
	 "draw rows with replacement for each tree (Poisson bootstrap)"},
	{"bag", HPC_BOOL, EXTRA, 0, 1, 0, NULL, NULL, OFFSET(bag),
	 "draw rows with replacement for each tree (Poisson bootstrap)"},
	{"row_fraction", HPC_REAL, BAGGED, 0.0001, 1, 1, NULL, NULL,
	 OFFSET(row_fraction), "rows drawn for each tree, as a share of all"},
	{"loss", HPC_CHOICE, BOOST, 0, 3, HPC_LOSS_SQUARED, NULL, loss_choices,
	 OFFSET(loss), "what is made small"},
	{"quantile", HPC_REAL, BOOST, 0.0001, 0.9999, 0.5, NULL, NULL,
	 OFFSET(quantile), "the quantile that loss 'quantile' predicts"},
	{"huber_quantile", HPC_REAL, BOOST, 0.0001, 1, 0.9, NULL, NULL,
	 OFFSET(huber_quantile),
	 "share of the residuals that loss 'huber' squares; the rest count by "
	 "their absolute size"},
	{"early_stopping", HPC_BOOL, BOOST, 0, 1, 1, NULL, NULL,
	 OFFSET(early_stopping),
	 "stop at the round that predicts rows held out best"},
	{"cat_smooth", HPC_REAL, TREES, 0, 1e9, 10, NULL, NULL, OFFSET(cat_smooth),
	 "rows by which the mean of a category is shrunk towards its node's"},
	{"cat_min_rows", HPC_REAL, TREES, 0, 1e9, 5, NULL, NULL,
	 OFFSET(cat_min_rows),
	 "categories with fewer rows in a node are treated as one"},
	{"log_target", HPC_SWITCH, BAGGED, 0, 1, 0, NULL, NULL, OFFSET(log_target),
	 "learn the logarithm of the target"},
	{"log_target", HPC_SWITCH, BOOST | LINEAR, 0, 1, -1,
	 "where all targets are positive and their logarithms less skewed", NULL,
	 OFFSET(log_target), "learn the logarithm of the target"},
	{"retransform", HPC_CHOICE, LEARNERS, 0, 1, HPC_RETRANSFORM_MEDIAN, NULL,
	 retransform_choices, OFFSET(retransform),
	 "what a prediction made on the log scale stands for"},
	{"monotone", HPC_SIGNS, TREES, 0, 0, 0, "none", NULL, 0,
	 "columns with which predictions may only rise (1) or only fall (-1)"},
	{"weight", HPC_NAME, LEARNERS, 0, 0, 0, "none", NULL, 0,
	 "column that says how much each row counts; it is no feature"},
	{"members", HPC_MEMBERS, BLEND, 0, 0, 0, "required", NULL, 0,
	 "parameters of the models whose predictions are averaged"},
	{"exclude", HPC_NAMES, LEARNERS, 0, 0, 0, "none", NULL, 0,
	 "columns that are not features"},
	{"leak", HPC_CHOICE, LEARNERS, 0, 1, HPC_LEAK_ERROR, NULL, leak_choices,
	 OFFSET(leak), "what to do about a feature that gives the target away"},
	{"clean", HPC_OBJECT, LEARNERS, 0, 0, 0, "none", NULL, 0,
	 "fill of hp_clean, applied in training and in every prediction"},
	{"seed", HPC_INTEGER, LEARNERS, -MAX_SEED, MAX_SEED, 0, NULL, NULL,
	 OFFSET(seed), "seed of all random choices"},
};

const hpc_parameter *
hpc_parameter_table(int *nparameters)
{
	*nparameters = (int) (sizeof(table) / sizeof(table[0]));
	return table;
}

const hpc_parameter *
hpc_parameter_find(hpc_algorithm algorithm, const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		if ((table[i].algorithms & BIT(algorithm)) &&
			strcmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

bool
hpc_parameter_is_scalar(const hpc_parameter *which)
{
	return which->type <= HPC_CHOICE;
}

/* 'a', 'b' or 'c' */
static void
list_choices(const char *const *choices, char *words, size_t size)
{
	size_t length = 0;

	words[0] = '\0';
	for (int i = 0; choices[i] != NULL && length < size; i++)
		length += (size_t) snprintf(words + length, size - length, "%s'%s'",
									i == 0                   ? ""
									: choices[i + 1] != NULL ? ", "
															 : " or ",
									choices[i]);
}

void
hpc_parameter_takes(const hpc_parameter *which, char *words, size_t size)
{
	switch (which->type)
	{
		case HPC_INTEGER:
			snprintf(words, size, "an integer from %.0f to %.0f", which->min,
					 which->max);
			break;
		case HPC_REAL:
			snprintf(words, size, "a number from %g to %g", which->min,
					 which->max);
			break;
		case HPC_BOOL:
		case HPC_SWITCH:
			snprintf(words, size, "true or false");
			break;
		case HPC_CHOICE:
			list_choices(which->choices, words, size);
			break;
		case HPC_NAME:
			snprintf(words, size, "a column name");
			break;
		case HPC_NAMES:
			snprintf(words, size, "a list of column names");
			break;
		case HPC_SIGNS:
			snprintf(words, size,
					 "column names with 1 or -1 each, such as "
					 "'{\"lot_area\": 1}'");
			break;
		case HPC_OBJECT:
			snprintf(words, size,
					 "a JSON object, a fill as hp_clean takes it");
			break;
		case HPC_MEMBERS:
			snprintf(words, size,
					 "%d to %d objects of parameters, such as hp_boost()",
					 HPC_MIN_MEMBERS, HPC_MAX_MEMBERS);
			break;
	}
}

const char *
hpc_algorithm_name(hpc_algorithm algorithm)
{
	return algorithm_names[algorithm];
}

uint32_t
hpc_algorithm_version(hpc_algorithm algorithm)
{
	return algorithm_versions[algorithm];
}

hpc_algorithm
hpc_algorithm_by_name(const char *name)
{
	for (int i = HPC_MEAN; i < HPC_NALGORITHMS; i++)
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
		case HPC_SWITCH:
		case HPC_CHOICE:
			*(int64_t *) field(params, which) = (int64_t) value;
			break;
		case HPC_REAL:
			*(double *) field(params, which) = value;
			break;
		case HPC_BOOL:
			*(bool *) field(params, which) = value != 0;
			break;
		case HPC_NAME:
		case HPC_NAMES:
		case HPC_SIGNS:
		case HPC_OBJECT:
		case HPC_MEMBERS:
			break;
	}
}

void
hpc_params_init(hpc_params *params, hpc_algorithm algorithm)
{
	memset(params, 0, sizeof(*params));
	params->algorithm = algorithm;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		if (table[i].algorithms & BIT(algorithm))
			store(params, &table[i], table[i].fallback);
	}
}

void
hpc_params_resolve(hpc_params *params, uint64_t nrows)
{
	if (params->algorithm != HPC_BOOST)
		return;
	if (params->max_leaves == 0)
		params->max_leaves = nrows < MANY_ROWS ? 8 : 31;
	if (params->learning_rate == 0)
		params->learning_rate = nrows < LARGE_ROWS ? 0.03 : 0.1;
	if (params->max_bins == 0)
		params->max_bins = nrows < LARGE_ROWS ? 65534 : 255;
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
		case HPC_SWITCH:
		case HPC_CHOICE:
			return (double) *(const int64_t *) at;
		case HPC_REAL:
			return *(const double *) at;
		case HPC_BOOL:
			return *(const bool *) at;
		case HPC_NAME:
		case HPC_NAMES:
		case HPC_SIGNS:
		case HPC_OBJECT:
		case HPC_MEMBERS:
			break;
	}
	return NAN;
}
