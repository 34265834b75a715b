/*
 * hpc_train.c
 *		From collected rows to a model: the road all algorithms share.
 *
 * Rows become a frame, the leak guard looks at it, targets become logarithms
 * where that is wanted, the algorithm fits, the writer puts the model
 * together.  A blend goes this way once for each member, each with a frame of
 * its own from the same rows.
 */
#include <math.h>
#include <string.h>

#include "hpc_boost.h"
#include "hpc_forest.h"
#include "hpc_leak.h"
#include "hpc_linear.h"
#include "hpc_memory.h"

#define NEAR_LEAK 0.99

/* One training, blend or not. */
typedef struct training
{
	hpc_env *env;
	hpc_dataset *dataset;
	const hpc_texts *texts;
	hpc_result *result;
	bool *unique_text; /* [ncolumns] */
	bool inspected;    /* findings are in the result */
} training;

/* Tells the caller something about a column. */
static void
report(hpc_result *result, hpc_finding_kind kind, const char *column,
	   double value)
{
	result->findings[result->nfindings++] = (hpc_finding){kind, column, value};
}

/* Looks for columns that should not be features. */
static hpc_status
inspect(training *t, const hpc_frame *frame, const hpc_params *params)
{
	bool guard = params->leak == HPC_LEAK_ERROR;
	double *r2 = hpc_alloc(t->env, (size_t) frame->nfeatures, sizeof(double));
	hpc_status status = HPC_OK;

	if (r2 == NULL)
		return HPC_NO_MEMORY;
	for (int i = 0; i < t->dataset->ncolumns; i++)
	{
		if (t->unique_text[i])
			report(t->result, HPC_FOUND_UNIQUE_TEXT,
				   t->dataset->columns[i].name, NAN);
	}
	if (guard)
		status = hpc_leak_measure(t->env, frame, NEAR_LEAK, r2);
	for (int i = 0; i < frame->nfeatures && status == HPC_OK; i++)
	{
		const hpc_feature *feature = &frame->features[i];

		if (hpc_looks_like_key(frame, feature))
			report(t->result, HPC_FOUND_KEY, feature->name, NAN);
		if (guard && r2[i] > NEAR_LEAK)
			report(t->result, HPC_FOUND_NEAR_LEAK, feature->name, r2[i]);
	}
	hpc_free(t->env, r2);
	t->inspected = true;
	return status;
}

static hpc_status
fit(training *t, const hpc_frame *frame, hpc_params *params,
	hpc_writer *writer, hpc_oob *oob)
{
	*oob = (hpc_oob){0, NAN, NAN, NAN, 1};
	if (params->algorithm == HPC_MEAN)
		return HPC_OK;
	if (params->algorithm == HPC_LINEAR)
		return hpc_linear_train(t->env, frame, params, writer, oob);
	if (params->algorithm == HPC_BOOST)
		return hpc_boost_train(t->env, frame, params, writer, oob);
	return hpc_forest_train(t->env, frame, params, writer, oob);
}

static void
fill_record(const training *t, const hpc_params *params, const hpc_oob *oob,
			hpc_training_record *record)
{
	memset(record, 0, sizeof(*record));
	hpc_model_record_params(params, record);
	record->nskipped = t->dataset->nskipped;
	record->oob_rows = oob->nrows;
	record->oob_mae = oob->mae;
	record->oob_rmse = oob->rmse;
	record->oob_r2 = oob->r2;
	record->smearing = oob->smearing;
}

/* Fits an algorithm that is no blend to a frame. */
static hpc_status
train_frame(training *t, const hpc_frame *frame, hpc_params *params,
			const hpc_texts *texts, void **model, size_t *nbytes)
{
	hpc_training_record record;
	hpc_oob oob;
	hpc_writer *writer = hpc_writer_create(t->env, frame);
	hpc_status status;

	if (writer == NULL)
		return HPC_NO_MEMORY;
	status = fit(t, frame, params, writer, &oob);
	fill_record(t, params, &oob, &record);
	if (status == HPC_OK)
		status =
			hpc_writer_finish(t->env, writer, &record, texts, model, nbytes);
	hpc_writer_free(t->env, writer);
	return status;
}

/* The frame that an algorithm learns from. */
static hpc_status
make_frame(training *t, hpc_params *params, bool keep, hpc_frame **frame)
{
	bool learns = params->algorithm != HPC_MEAN;
	hpc_frame_rules rules = {.max_bins = params->max_bins > 0
											 ? (uint32_t) params->max_bins
											 : HPC_MAX_BINS,
							 .keep = keep,
							 .check_leaks =
								 learns && params->leak == HPC_LEAK_ERROR};
	hpc_status status =
		hpc_frame_create(t->env, t->dataset, &rules, frame, t->unique_text);

	if (status == HPC_OK && learns && !t->inspected)
		status = inspect(t, *frame, params);
	if (status == HPC_OK && learns)
		status = hpc_frame_log_target(t->env, *frame, params->log_target);
	params->log_target = status == HPC_OK && (*frame)->log_target;
	return status;
}

/* A finished model of one algorithm. */
static hpc_status
train_one(training *t, const hpc_params *given, const hpc_texts *texts,
		  bool keep, void **model, size_t *nbytes)
{
	hpc_params params = *given;
	hpc_frame *frame = NULL;
	hpc_status status;

	hpc_params_resolve(&params, t->dataset->nrows);
	status = make_frame(t, &params, keep, &frame);
	if (status == HPC_OK)
		status = train_frame(t, frame, &params, texts, model, nbytes);
	hpc_frame_free(t->env, frame);
	return status;
}

/* The members of a blend, then a frame once more for the names around. */
static hpc_status
train_members(training *t, const hpc_params *params, void **members)
{
	hpc_texts texts = *t->texts;
	hpc_oob none = {0, NAN, NAN, NAN, 1};
	hpc_params outer = *params;
	hpc_training_record record;
	hpc_frame *frame = NULL;
	hpc_status status = HPC_OK;
	size_t nbytes;

	/* what was given stands in the blend */
	texts.params = NULL;
	for (int i = 0; i < params->nmembers && status == HPC_OK; i++)
		status = train_one(t, &params->members[i], &texts, true, &members[i],
						   &nbytes);
	outer.leak = HPC_LEAK_ALLOW;
	outer.log_target = 0;
	if (status == HPC_OK)
		status = make_frame(t, &outer, false, &frame);
	fill_record(t, params, &none, &record);
	if (status == HPC_OK)
		status =
			hpc_model_blend(t->env, &record, t->texts, frame,
							(const void *const *) members, params->nmembers,
							&t->result->model, &t->result->nbytes);
	hpc_frame_free(t->env, frame);
	return status;
}

static hpc_status
train_blend(training *t, const hpc_params *params)
{
	void **members =
		hpc_alloc0(t->env, (size_t) params->nmembers, sizeof(void *));
	hpc_status status;

	if (members == NULL)
		return HPC_NO_MEMORY;
	status = train_members(t, params, members);
	for (int i = 0; i < params->nmembers; i++)
		hpc_free(t->env, members[i]);
	hpc_free(t->env, members);
	return status;
}

hpc_status
hpc_train(hpc_env *env, hpc_dataset *dataset, const hpc_params *params,
		  const hpc_texts *texts, hpc_result *result)
{
	size_t ncolumns = (size_t) dataset->ncolumns;
	training t = {.env = env,
				  .dataset = dataset,
				  .texts = texts,
				  .result = result};
	hpc_status status;

	memset(result, 0, sizeof(*result));
	t.unique_text = hpc_alloc0(env, ncolumns, sizeof(bool));
	/* a column can be a key and a near leak at once */
	result->findings = hpc_alloc(env, 2 * ncolumns, sizeof(hpc_finding));
	if (t.unique_text == NULL || result->findings == NULL)
		status = HPC_NO_MEMORY;
	else if (params->algorithm == HPC_BLEND)
		status = train_blend(&t, params);
	else
		status = train_one(&t, params, texts, false, &result->model,
						   &result->nbytes);
	hpc_free(env, t.unique_text);
	if (status != HPC_OK)
	{
		hpc_free(env, result->model);
		hpc_free(env, result->findings);
		memset(result, 0, sizeof(*result));
	}
	return status;
}
