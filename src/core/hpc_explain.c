/*
 * hpc_explain.c
 *		What each feature of a row adds to its prediction.
 *
 *		trees		Shapley values (hpc_shap.c); the base is the mean of the
 *					leaves by their covers
 *		linear		the term of the feature; the base is the intercept
 *		blend		the mean over the members
 *		mean		nothing: the base alone
 *
 * Contributions and base add up to the prediction on the scale that was
 * learned, a logarithm where log_scale is 1; a smearing factor is in the base.
 *
 * A blend of which only some members learned logarithms adds up predictions.
 * What such a member predicts is a product, exp(base) × exp(c_1) × exp(c_2)
 * ..., and its distance from exp(base) is divided as the contributions are:
 *
 *		c_i × (exp(base + sum) - exp(base)) / sum
 *
 * the mean slope of exp between the two.  This is the only division that adds
 * up, is symmetric and does not depend on an order of the factors (the
 * logarithmic mean Divisia index: Ang 2004, "Decomposition analysis for
 * policymaking in energy"; the value of Aumann and Shapley 1974 along the
 * diagonal).
 */
#include <math.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_predict.h"
#include "hpc_shap.h"

struct hpc_explainer
{
	hpc_shap *shap;        /* of a model with trees, or NULL */
	uint32_t *codes;       /* [nfeatures]; likewise */
	double *contributions; /* [nfeatures] of one member, of a blend */
	uint32_t nmembers;
	hpc_explainer *members[]; /* [nmembers] of a blend */
};

/* ---------- on the learned scale ---------- */

static void
explain_terms(const hpc_model_view *view, const hpc_value *values,
			  double *base, double *contributions)
{
	*base = view->training->base;
	for (uint32_t i = 0; i < view->nfeatures; i++)
	{
		double parts[2];
		int nparts = hpc_predict_term(view, NULL, i, &values[i], parts);

		contributions[i] =
			nparts > 1 ? hpc_model_number(parts[0] + parts[1]) : parts[0];
	}
}

static hpc_status
explain_trees(hpc_env *env, hpc_explainer *explainer,
			  const hpc_model_view *view, const hpc_value *values,
			  double *base, double *contributions)
{
	hpc_code_row(view, NULL, values, explainer->codes);
	return hpc_shap_explain(env, explainer->shap, view, explainer->codes, base,
							contributions);
}

/* Mean slope of the way back from logarithms, from base to base + sum. */
static double
mean_slope(const hpc_training_record *member, double base, double sum)
{
	double value = hpc_predict_retransform(member, base);
	double term = 1;
	double series = 1;

	if (fabs(sum) > 0.5)
		return (hpc_predict_retransform(member, base + sum) - value) / sum;

	/* value × (exp(sum) - 1) / sum, which also holds where sum is 0 */
	for (int k = 2; k < 16; k++)
	{
		term *= sum / k;
		series += term;
	}
	return value * series;
}

/* From logarithms to what a blend of members of either kind adds up. */
static void
leave_logarithms(const hpc_training_record *member, uint32_t nfeatures,
				 double *base, double *contributions)
{
	double sum = 0;
	double slope;

	for (uint32_t i = 0; i < nfeatures; i++)
		sum += contributions[i];
	slope = hpc_model_number(mean_slope(member, *base, sum));
	*base = hpc_predict_retransform(member, *base);
	for (uint32_t i = 0; i < nfeatures; i++)
		contributions[i] = hpc_model_number(contributions[i] * slope);
}

/* What retransform => 'mean' multiplies a prediction by. */
static double
log_of_smearing(const hpc_training_record *training)
{
	return training->log_scale != 0 &&
				   training->settings.retransform == HPC_RETRANSFORM_MEAN
			   ? hpc_log(training->smearing)
			   : 0;
}

static hpc_status
explain_blend(hpc_env *env, hpc_explainer *explainer,
			  const hpc_model_view *view, const hpc_value *values,
			  double *base, double *contributions);

static hpc_status
explain_raw(hpc_env *env, hpc_explainer *explainer, const hpc_model_view *view,
			const hpc_value *values, double *base, double *contributions)
{
	if (view->nmember_bytes > 0)
		return explain_blend(env, explainer, view, values, base,
							 contributions);
	if (view->training->ntrees > 0)
		return explain_trees(env, explainer, view, values, base,
							 contributions);
	if (view->nterms > 0)
		explain_terms(view, values, base, contributions);
	else
	{
		*base = view->training->base;
		memset(contributions, 0, view->nfeatures * sizeof(double));
	}
	return HPC_OK;
}

static hpc_status
explain_blend(hpc_env *env, hpc_explainer *explainer,
			  const hpc_model_view *view, const hpc_value *values,
			  double *base, double *contributions)
{
	const char *at = view->members;

	*base = 0;
	memset(contributions, 0, view->nfeatures * sizeof(double));
	for (uint32_t m = 0; m < explainer->nmembers; m++)
	{
		const hpc_model *member = (const hpc_model *) at;
		hpc_model_view its;
		double its_base;
		hpc_status status;

		hpc_model_open(member, &its);
		status = explain_raw(env, explainer->members[m], &its, values,
							 &its_base, explainer->contributions);
		if (status != HPC_OK)
			return status;
		if (view->training->log_scale != 0)
			its_base += log_of_smearing(its.training);
		else if (its.training->log_scale != 0)
			leave_logarithms(its.training, view->nfeatures, &its_base,
							 explainer->contributions);
		*base += its_base / explainer->nmembers;
		for (uint32_t i = 0; i < view->nfeatures; i++)
			contributions[i] +=
				explainer->contributions[i] / explainer->nmembers;
		at += member->nbytes;
	}
	return HPC_OK;
}

hpc_status
hpc_explainer_explain(hpc_env *env, hpc_explainer *explainer,
					  const hpc_model *model, const hpc_value *values,
					  double *base, double *contributions)
{
	hpc_model_view view;
	hpc_status status;

	hpc_model_open(model, &view);
	status = explain_raw(env, explainer, &view, values, base, contributions);
	if (status == HPC_OK)
		*base = hpc_model_number(*base + log_of_smearing(view.training));
	return status;
}

/* ---------- making one ---------- */

static hpc_status
fill_explainer(hpc_env *env, hpc_explainer *explainer, const hpc_model *model,
			   const hpc_model_view *view)
{
	hpc_status status = HPC_OK;

	if (view->training->ntrees > 0)
	{
		explainer->codes = hpc_alloc(env, view->nfeatures, sizeof(uint32_t));
		return explainer->codes != NULL
				   ? hpc_shap_create(env, view, &explainer->shap)
				   : HPC_NO_MEMORY;
	}
	if (explainer->nmembers == 0)
		return HPC_OK;
	explainer->contributions = hpc_alloc(env, view->nfeatures, sizeof(double));
	if (explainer->contributions == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t i = 0; i < explainer->nmembers && status == HPC_OK; i++)
		status = hpc_explainer_create(env, hpc_model_member(model, (int) i),
									  &explainer->members[i]);
	return status;
}

hpc_status
hpc_explainer_create(hpc_env *env, const hpc_model *model,
					 hpc_explainer **explainer)
{
	hpc_model_summary summary;
	hpc_model_view view;
	hpc_explainer *made;
	hpc_status status;

	*explainer = NULL;
	hpc_model_open(model, &view);
	hpc_model_summarize(model, &summary);
	made = hpc_alloc0(env, 1,
					  sizeof(hpc_explainer) +
						  (size_t) summary.nmembers * sizeof(hpc_explainer *));
	if (made == NULL)
		return HPC_NO_MEMORY;
	made->nmembers = (uint32_t) summary.nmembers;
	status = fill_explainer(env, made, model, &view);
	if (status == HPC_OK)
		*explainer = made;
	else
		hpc_explainer_free(env, made);
	return status;
}

void
hpc_explainer_free(hpc_env *env, hpc_explainer *explainer)
{
	if (explainer == NULL)
		return;
	for (uint32_t i = 0; i < explainer->nmembers; i++)
		hpc_explainer_free(env, explainer->members[i]);
	hpc_free(env, explainer->contributions);
	hpc_shap_free(env, explainer->shap);
	hpc_free(env, explainer->codes);
	hpc_free(env, explainer);
}
