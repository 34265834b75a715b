/*
 * test_explain.c
 *		Explanations of whole models: contributions and base add up to the
 *		prediction, whatever the model is and whatever the row.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_table.h"

/* ---------- one row ---------- */

typedef struct explained
{
	double base;
	double contributions[HPT_MAX_COLUMNS];
	double sum;
} explained;

static hpc_explainer *
make_explainer(hpt_memory *memory, const hpc_model *model)
{
	hpc_explainer *explainer;

	hpt_memory_init(memory, 1);
	if (hpc_explainer_create(&memory->env, model, &explainer) != HPC_OK)
		abort();
	return explainer;
}

static void
explain(hpt_memory *memory, hpc_explainer *explainer, const hpc_model *model,
		const hpc_value *values, explained *out)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	if (hpc_explainer_explain(&memory->env, explainer, model, values,
							  &out->base, out->contributions) != HPC_OK)
		abort();
	out->sum = out->base;
	for (int i = 0; i < summary.nfeatures; i++)
		out->sum += out->contributions[i];
}

/* How far the explanation of a row is from its prediction, relatively. */
static double
distance(hpt_memory *memory, hpc_explainer *explainer, const hpc_model *model,
		 const hpc_value *values)
{
	uint32_t codes[HPT_MAX_COLUMNS];
	double predicted = hpc_model_predict(model, values, codes);
	hpc_model_summary summary;
	explained out;
	double told;

	hpc_model_summarize(model, &summary);
	explain(memory, explainer, model, values, &out);
	told = summary.log_scale ? hpc_exp(out.sum) : out.sum;
	return fabs(told - predicted) /
		   (fabs(predicted) + fabs(out.base) + 1e-300);
}

/* ---------- any model ---------- */

static void
check_hand_made(void)
{
	hpt_random random = {43};

	for (int which = 0; which < HPT_HAND_MODELS; which++)
	{
		const char *name = NULL;
		double worst = 0;

		for (uint64_t seed = 0; seed < 20; seed++)
		{
			size_t nbytes;
			hpc_model *model = hpt_hand_sample(which, seed, &nbytes, &name);
			hpt_memory memory;
			hpc_explainer *explainer = make_explainer(&memory, model);

			for (int i = 0; i < 100; i++)
			{
				hpc_value values[HPT_HAND_FEATURES];
				double error;

				hpt_strange_row(&random, model, values);
				error = distance(&memory, explainer, model, values);
				worst = error > worst ? error : worst;
			}
			hpc_explainer_free(&memory.env, explainer);
			free(model);
		}
		hpt_ok(worst < 1e-12, "%s: adds up to the prediction, to %.1e", name,
			   worst);
	}
}

static void
check_trained(const char *what, const hpc_params *params)
{
	hpt_memory of_model;
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	hpc_explainer *explainer;
	double worst = 0;

	hpt_table_houses(&table, 300, 47);
	model = hpt_table_model(&of_model, &table, params, 1, &nbytes);
	explainer = make_explainer(&memory, model);
	for (uint32_t row = 0; row < table.nrows; row += 3)
	{
		hpc_value values[HPT_MAX_COLUMNS];
		double error;

		hpt_model_values(model, &table, row, values);
		error = distance(&memory, explainer, model, values);
		worst = error > worst ? error : worst;
	}
	hpt_ok(worst < 1e-12, "%s: adds up to the prediction, to %.1e", what,
		   worst);
	hpc_explainer_free(&memory.env, explainer);
	hpt_ok(memory.nblocks == 0, "%s: nothing is left behind", what);
	hpt_release(&of_model.env, model);
	hpt_table_free(&table);
}

static hpc_params
params_of(hpc_algorithm algorithm, bool log_target)
{
	hpc_params params;

	hpc_params_init(&params, algorithm);
	params.leak = HPC_LEAK_ALLOW;
	params.trees = 20;
	params.rounds = 60;
	params.early_stopping = 0;
	params.log_target = log_target;
	if (log_target)
		params.retransform = HPC_RETRANSFORM_MEAN;
	return params;
}

static void
check_algorithms(void)
{
	hpc_params params = params_of(HPC_FOREST, false);
	hpc_params members[2];

	params.min_leaf = 1;
	check_trained("forest", &params);
	params = params_of(HPC_EXTRA_TREES, true);
	check_trained("extra trees of logarithms", &params);
	params = params_of(HPC_BOOST, true);
	check_trained("boosting of logarithms", &params);
	params = params_of(HPC_LINEAR, false);
	check_trained("linear", &params);
	params = params_of(HPC_MEAN, false);
	check_trained("mean", &params);
	hpc_params_init(&params, HPC_BLEND);
	params.leak = HPC_LEAK_ALLOW;
	params.nmembers = 2;
	params.members = members;
	members[0] = params_of(HPC_BOOST, true);
	members[1] = params_of(HPC_LINEAR, true);
	check_trained("blend of logarithms", &params);
	members[1] = params_of(HPC_LINEAR, false);
	check_trained("blend of both", &params);
}

/* ---------- what is known besides ---------- */

/* The blend of a model with itself is that model. */
static void
check_blend_of_one(void)
{
	hpc_params params;
	hpc_params alone = params_of(HPC_FOREST, false);
	hpc_params members[2];
	hpt_memory of_models;
	hpt_memory memories[2];
	hpt_table table;
	size_t nbytes;
	hpc_model *one;
	hpc_model *blend;
	hpc_explainer *explainers[2];
	double worst = 0;

	hpc_params_init(&params, HPC_BLEND);
	params.leak = HPC_LEAK_ALLOW;
	params.nmembers = 2;
	params.members = members;
	members[0] = members[1] = alone;
	hpt_table_houses(&table, 200, 53);
	blend = hpt_table_model(&of_models, &table, &params, 1, &nbytes);
	one = hpt_table_model(&of_models, &table, &alone, 1, &nbytes);
	explainers[0] = make_explainer(&memories[0], one);
	explainers[1] = make_explainer(&memories[1], blend);
	for (uint32_t row = 0; row < table.nrows; row += 10)
	{
		hpc_value values[HPT_MAX_COLUMNS];
		explained a;
		explained b;

		hpt_model_values(one, &table, row, values);
		explain(&memories[0], explainers[0], one, values, &a);
		explain(&memories[1], explainers[1], blend, values, &b);
		for (int i = 0; i < table.ncolumns; i++)
		{
			double error = fabs(a.contributions[i] - b.contributions[i]);

			worst = error > worst ? error : worst;
		}
	}
	hpt_ok(worst < 1e-9, "a blend of equal models is explained as they are");
	hpc_explainer_free(&memories[0].env, explainers[0]);
	hpc_explainer_free(&memories[1].env, explainers[1]);
	hpt_release(&of_models.env, one);
	hpt_release(&of_models.env, blend);
	hpt_table_free(&table);
}

/* Rows, models, and what they add up to, beyond what doubles hold. */
static void
check_huge(void)
{
	hpc_params params;
	hpc_params members[2];
	hpt_memory of_model;
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	hpc_explainer *explainer;
	int nwrong = 0;

	hpc_params_init(&params, HPC_BLEND);
	params.leak = HPC_LEAK_ALLOW;
	params.nmembers = 2;
	params.members = members;
	members[0] = params_of(HPC_BOOST, true);
	members[1] = params_of(HPC_LINEAR, false);
	hpt_table_numbers(&table, 3, 60, 30, 59);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = row % 3 == 0 ? DBL_MAX : 5e-324 + row;
	model = hpt_table_model(&of_model, &table, &params, 1, &nbytes);
	explainer = make_explainer(&memory, model);
	for (uint32_t row = 0; row < table.nrows; row++)
	{
		hpc_value values[HPT_MAX_COLUMNS];
		explained out;

		hpt_model_values(model, &table, row, values);
		explain(&memory, explainer, model, values, &out);
		nwrong += !isfinite(out.base);
		for (int i = 0; i < table.ncolumns; i++)
			nwrong += !isfinite(out.contributions[i]);
	}
	hpt_ok(nwrong == 0, "explanations are finite");
	hpc_explainer_free(&memory.env, explainer);
	hpt_release(&of_model.env, model);
	hpt_table_free(&table);
}

/* Each allocation may fail, and leaves nothing. */
static void
check_memory(void)
{
	for (int which = 0; which < HPT_HAND_MODELS; which++)
	{
		const char *name;
		size_t nbytes;
		hpc_model *model = hpt_hand_sample(which, 1, &nbytes, &name);
		hpc_status status = HPC_NO_MEMORY;
		int nwrong = 0;

		for (int64_t n = 1; status == HPC_NO_MEMORY; n++)
		{
			hpt_memory memory;
			hpc_explainer *explainer;

			hpt_memory_init(&memory, 1);
			memory.fail_at = n;
			status = hpc_explainer_create(&memory.env, model, &explainer);
			nwrong += (status == HPC_OK) != (explainer != NULL);
			hpc_explainer_free(&memory.env, explainer);
			nwrong += memory.nblocks != 0;
		}
		hpt_ok(nwrong == 0 && status == HPC_OK, "%s: each allocation may fail",
			   name);
		free(model);
	}
}

int
main(void)
{
	check_hand_made();
	check_algorithms();
	check_blend_of_one();
	check_huge();
	check_memory();
	return hpt_done();
}
