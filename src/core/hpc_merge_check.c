/*
 * hpc_merge_check.c
 *		May these models become one forest?
 */
#include <stdio.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_merge.h"

bool
hpc_merge_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* NULL stands for nothing. */
static hpc_status
differ(hpc_env *env, const char *what, const char *a, const char *b)
{
	hpc_fail(env, HPC_BAD_PARAMETER, "models to be merged differ in %s", what);
	hpc_fail_detail(env, "One has %s, another %s.", a != NULL ? a : "none",
					b != NULL ? b : "none");
	hpc_fail_hint(env, "Train them alike, but for their rows and seeds; "
					   "name parameters whose defaults depend on the "
					   "rows.");
	return HPC_BAD_PARAMETER;
}

static hpc_status
compare_parameters(hpc_env *env, const hpc_params *a, const hpc_params *b)
{
	int nparameters;
	const hpc_parameter *table = hpc_parameter_table(&nparameters);

	for (int i = 0; i < nparameters; i++)
	{
		char what[100];
		char one[40];
		char other[40];

		if ((table[i].algorithms & 1u << a->algorithm) == 0 ||
			!hpc_parameter_is_scalar(&table[i]) ||
			strcmp(table[i].name, "trees") == 0 ||
			strcmp(table[i].name, "seed") == 0 ||
			hpc_params_get(a, &table[i]) == hpc_params_get(b, &table[i]))
			continue;
		snprintf(what, sizeof(what), "parameter %s", table[i].name);
		snprintf(one, sizeof(one), "%g", hpc_params_get(a, &table[i]));
		snprintf(other, sizeof(other), "%g", hpc_params_get(b, &table[i]));
		return differ(env, what, one, other);
	}
	return HPC_OK;
}

static hpc_status
compare_features(hpc_env *env, const hpc_model *a, const hpc_model *b, int n)
{
	static const char *const signs[] = {"-1", "0", "1"};

	for (int i = 0; i < n; i++)
	{
		hpc_model_feature one;
		hpc_model_feature other;
		char what[200];

		hpc_model_feature_at(a, i, &one);
		hpc_model_feature_at(b, i, &other);
		if (strcmp(one.name, other.name) != 0)
			return differ(env, "their features", one.name, other.name);
		snprintf(what, sizeof(what), "the kind of feature \"%s\"", one.name);
		if (one.kind != other.kind)
			return differ(env, what, hpc_kind_name(one.kind),
						  hpc_kind_name(other.kind));
		snprintf(what, sizeof(what), "the sign of feature \"%s\"", one.name);
		if (one.monotone != other.monotone)
			return differ(env, what, signs[one.monotone + 1],
						  signs[other.monotone + 1]);
	}
	return HPC_OK;
}

static hpc_status
compare_summaries(hpc_env *env, const hpc_model_summary *a,
				  const hpc_model_summary *b)
{
	char one[20];
	char other[20];

	snprintf(one, sizeof(one), "version %u", a->algorithm_version);
	snprintf(other, sizeof(other), "version %u", b->algorithm_version);
	if (a->algorithm != b->algorithm)
		return differ(env, "their algorithm", hpc_algorithm_name(a->algorithm),
					  hpc_algorithm_name(b->algorithm));
	if (a->algorithm_version != b->algorithm_version)
		return differ(env, "the version of their algorithm", one, other);
	if (!hpc_merge_same_text(a->texts.target, b->texts.target))
		return differ(env, "their target", a->texts.target, b->texts.target);
	if (!hpc_merge_same_text(a->texts.weight, b->texts.weight))
		return differ(env, "their weight", a->texts.weight, b->texts.weight);
	if (!hpc_merge_same_text(a->texts.clean, b->texts.clean))
		return differ(env, "what they clean", a->texts.clean, b->texts.clean);
	snprintf(one, sizeof(one), "%d", a->nfeatures);
	snprintf(other, sizeof(other), "%d", b->nfeatures);
	if (a->nfeatures != b->nfeatures)
		return differ(env, "the number of their features", one, other);
	return HPC_OK;
}

static hpc_status
refuse_algorithm(hpc_env *env, hpc_algorithm algorithm)
{
	hpc_fail(env, HPC_BAD_PARAMETER, "only forests can be merged");
	hpc_fail_detail(env, "One of the models is of algorithm %s.",
					hpc_algorithm_name(algorithm));
	hpc_fail_hint(env, "To average predictions of other models train them as "
					   "one with hp_blend().");
	return HPC_BAD_PARAMETER;
}

hpc_status
hpc_merge_check(hpc_env *env, const hpc_model *const *models,
				const hpc_model_summary *summaries, int nmodels)
{
	hpc_status status = HPC_OK;

	for (int i = 0; i < nmodels && status == HPC_OK; i++)
	{
		hpc_algorithm algorithm = summaries[i].algorithm;

		if (algorithm != HPC_FOREST && algorithm != HPC_EXTRA_TREES)
			return refuse_algorithm(env, algorithm);
		status = compare_summaries(env, &summaries[0], &summaries[i]);
		if (status == HPC_OK)
			status = compare_features(env, models[0], models[i],
									  summaries[0].nfeatures);
		if (status == HPC_OK)
			status = compare_parameters(env, &summaries[0].params,
										&summaries[i].params);
	}
	return status;
}
