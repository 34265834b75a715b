/*
 * hpc_train.c
 *		From collected rows to a model: the road all algorithms share.
 */
#include <math.h>
#include <string.h>

#include "hpc_forest.h"
#include "hpc_leak.h"
#include "hpc_memory.h"

#define NEAR_LEAK 0.99

/* Tells the caller something about a column. */
static void
report(hpc_result *result, hpc_finding_kind kind, const char *column,
	   double value)
{
	result->findings[result->nfindings++] = (hpc_finding){kind, column, value};
}

/* Looks for columns that should not be features. */
static hpc_status
inspect(hpc_env *env, const hpc_frame *frame, const hpc_params *params,
		hpc_result *result)
{
	double *r2 = hpc_alloc(env, (size_t) frame->nfeatures, sizeof(double));
	hpc_status status = HPC_OK;

	if (r2 == NULL)
		return HPC_NO_MEMORY;
	if (params->leak == HPC_LEAK_ERROR)
	{
		status = hpc_leak_check(env, frame);
		if (status == HPC_OK)
			status = hpc_leak_measure(env, frame, NEAR_LEAK, r2);
	}
	for (int i = 0; i < frame->nfeatures && status == HPC_OK; i++)
	{
		const hpc_feature *feature = &frame->features[i];

		if (hpc_looks_like_key(frame, feature))
			report(result, HPC_FOUND_KEY, feature->name, NAN);
		if (params->leak == HPC_LEAK_ERROR && r2[i] > NEAR_LEAK)
			report(result, HPC_FOUND_NEAR_LEAK, feature->name, r2[i]);
	}
	hpc_free(env, r2);
	return status;
}

static void
record_params(const hpc_params *params, hpc_training_record *record)
{
	record->algorithm = params->algorithm;
	record->trees = params->trees;
	record->features = params->features;
	record->feature_fraction = params->feature_fraction;
	record->max_depth = params->max_depth;
	record->min_leaf = params->min_leaf;
	record->max_leaves = params->max_leaves;
	record->max_bins = params->max_bins;
	record->bag = params->bag;
	record->row_fraction = params->row_fraction;
	record->cat_smooth = params->cat_smooth;
	record->cat_min_rows = params->cat_min_rows;
	record->leak = params->leak;
	record->seed = params->seed;
}

static hpc_status
fit(hpc_env *env, const hpc_frame *frame, const hpc_params *params,
	hpc_training_record *record, hpc_writer *writer)
{
	hpc_oob oob = {0, NAN, NAN, NAN};
	hpc_status status = HPC_OK;

	if (params->algorithm == HPC_FOREST)
		status = hpc_forest_train(env, frame, params, writer, &oob);
	record->oob_rows = oob.nrows;
	record->oob_mae = oob.mae;
	record->oob_rmse = oob.rmse;
	record->oob_r2 = oob.r2;
	return status;
}

static hpc_status
train_frame(hpc_env *env, const hpc_frame *frame, const hpc_params *params,
			const hpc_texts *texts, uint64_t nskipped, hpc_result *result)
{
	hpc_training_record record = {0};
	hpc_writer *writer = hpc_writer_create(env, frame);
	hpc_status status;

	if (writer == NULL)
		return HPC_NO_MEMORY;
	record_params(params, &record);
	record.nskipped = nskipped;
	status = fit(env, frame, params, &record, writer);
	if (status == HPC_OK)
		status = hpc_writer_finish(env, writer, &record, texts, &result->model,
								   &result->nbytes);
	hpc_writer_free(env, writer);
	return status;
}

hpc_status
hpc_train(hpc_env *env, hpc_dataset *dataset, const hpc_params *params,
		  const hpc_texts *texts, hpc_result *result)
{
	size_t ncolumns = (size_t) dataset->ncolumns;
	bool *unique_text = hpc_alloc0(env, ncolumns, sizeof(bool));
	hpc_frame *frame = NULL;
	hpc_status status;

	memset(result, 0, sizeof(*result));
	/* a column can be a key and a near leak at once */
	result->findings = hpc_alloc(env, 2 * ncolumns, sizeof(hpc_finding));
	if (unique_text == NULL || result->findings == NULL)
		status = HPC_NO_MEMORY;
	else
		status = hpc_frame_create(env, dataset, (uint32_t) params->max_bins,
								  &frame, unique_text);
	for (int i = 0; status == HPC_OK && i < dataset->ncolumns; i++)
	{
		if (unique_text[i])
			report(result, HPC_FOUND_UNIQUE_TEXT, dataset->columns[i].name,
				   NAN);
	}
	if (status == HPC_OK && params->algorithm != HPC_MEAN)
		status = inspect(env, frame, params, result);
	if (status == HPC_OK)
		status =
			train_frame(env, frame, params, texts, dataset->nskipped, result);
	if (frame != NULL)
		hpc_frame_free(env, frame);
	hpc_free(env, unique_text);
	if (status != HPC_OK)
	{
		hpc_free(env, result->model);
		hpc_free(env, result->findings);
		memset(result, 0, sizeof(*result));
	}
	return status;
}
