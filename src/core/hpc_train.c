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
#include "hpc_calibrate.h"
#include "hpc_drift.h"
#include "hpc_forest.h"
#include "hpc_leak.h"
#include "hpc_linear.h"
#include "hpc_memory.h"
#include "hpc_predict.h"

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

/* A finished model, and what was held out. */
typedef struct trained
{
	void *model;
	size_t nbytes;
	hpc_held held;
} trained;

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
		status = hpc_leak_measure(t->env, frame, HPC_NEAR_LEAK, r2);
	for (int i = 0; i < frame->nfeatures && status == HPC_OK; i++)
	{
		const hpc_feature *feature = &frame->features[i];

		if (hpc_looks_like_key(frame, feature))
			report(t->result, HPC_FOUND_KEY, feature->name, NAN);
		if (guard && r2[i] > HPC_NEAR_LEAK)
			report(t->result, HPC_FOUND_NEAR_LEAK, feature->name, r2[i]);
	}
	hpc_free(t->env, r2);
	t->inspected = true;
	return status;
}

static hpc_status
fit(training *t, hpc_frame *frame, hpc_params *params, hpc_writer *writer,
	hpc_held *held)
{
	if (params->algorithm == HPC_MEAN)
		return HPC_OK;
	if (params->algorithm == HPC_LINEAR)
		return hpc_linear_train(t->env, frame, params, writer, held);
	if (params->algorithm == HPC_BOOST)
		return hpc_boost_train(t->env, frame, params, writer, held);
	return hpc_forest_train(t->env, frame, params, writer, held);
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

/* The predictions of few trees out of bag say little of the forest. */
static bool
is_calibrated(const hpc_params *params)
{
	bool forest = params->algorithm == HPC_FOREST ||
				  params->algorithm == HPC_EXTRA_TREES;

	return !forest || params->trees >= HPC_CALIBRATED_TREES;
}

static hpc_status
add_calibration(training *t, const hpc_frame *frame, const hpc_held *held,
				hpc_writer *writer)
{
	hpc_calibration_record *calibration;
	hpc_status status = hpc_calibrate(t->env, frame, held, &calibration);

	if (status == HPC_OK && calibration != NULL)
		status = hpc_writer_set_calibration(t->env, writer, calibration);
	hpc_free(t->env, calibration);
	return status;
}

/* Fits an algorithm that is no blend to a frame. */
static hpc_status
train_frame(training *t, hpc_frame *frame, hpc_params *params,
			const hpc_texts *texts, trained *made)
{
	hpc_training_record record;
	hpc_oob oob;
	hpc_outcome outcome;
	hpc_writer *writer = hpc_writer_create(t->env, frame);
	hpc_status status;

	if (writer == NULL)
		return HPC_NO_MEMORY;
	status = fit(t, frame, params, writer, &made->held);
	if (status == HPC_OK)
		status = hpc_oob_measure(t->env, frame, &made->held, &oob);
	if (status == HPC_OK && is_calibrated(params))
		status = add_calibration(t, frame, &made->held, writer);
	if (status == HPC_OK)
	{
		fill_record(t, params, &oob, &record);
		status =
			hpc_outcome_measure(t->env, frame, &made->held, &record, &outcome);
	}
	if (status == HPC_OK)
	{
		hpc_writer_set_outcome(writer, &outcome);
		status = hpc_writer_finish(t->env, writer, &record, texts,
								   &made->model, &made->nbytes);
	}
	hpc_writer_free(t->env, writer);
	return status;
}

/*
 * The frame that an algorithm learns from.  Of a member of a blend: the rows
 * stay in the data set, and which they are is noted in the blend.
 */
static hpc_status
make_frame(training *t, hpc_params *params, bool member, hpc_frame **frame)
{
	bool learns = params->algorithm != HPC_MEAN;
	hpc_frame_rules rules = {.max_bins = params->max_bins > 0
											 ? (uint32_t) params->max_bins
											 : HPC_MAX_BINS,
							 .keep = member,
							 .describe = !member,
							 .check_leaks =
								 learns && params->leak == HPC_LEAK_ERROR};
	hpc_status status =
		hpc_frame_create(t->env, t->dataset, &rules, frame, t->unique_text);

	if (status == HPC_OK && learns && !t->inspected)
		status = inspect(t, *frame, params);
	if (status == HPC_OK && learns)
		status = hpc_frame_log_target(t->env, *frame, params->log_target);
	if (status == HPC_OK)
		(*frame)->pinned = member;
	params->log_target = status == HPC_OK && (*frame)->log_target;
	return status;
}

/* A finished model of one algorithm. */
static hpc_status
train_one(training *t, const hpc_params *given, const hpc_texts *texts,
		  bool member, trained *made)
{
	hpc_params params = *given;
	hpc_frame *frame = NULL;
	hpc_status status;

	hpc_params_resolve(&params, t->dataset->nrows);
	status = make_frame(t, &params, member, &frame);
	if (status == HPC_OK)
		status = train_frame(t, frame, &params, texts, made);
	hpc_frame_free(t->env, frame);
	return status;
}

/* ---------- blends ---------- */

/*
 * What the members together predict for rows that each of them was kept from;
 * nothing if one of them never was.  All frames of a data set have the same
 * rows in the same order.
 */
static hpc_status
blend_held(training *t, const trained *members, int nmembers,
		   const hpc_frame *frame, hpc_held *held)
{
	const hpc_training_record blend = {.log_scale = frame->log_target};

	for (int i = 0; i < nmembers; i++)
	{
		if (members[i].held.prediction == NULL)
			return HPC_OK;
	}
	held->prediction = hpc_alloc(t->env, frame->nrows, sizeof(double));
	if (held->prediction == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		hpc_blend_tally tally = {0};

		for (int i = 0; i < nmembers; i++)
		{
			hpc_model_view view;

			hpc_model_open(members[i].model, &view);
			hpc_blend_add(&tally, &blend, view.training,
						  members[i].held.prediction[row]);
		}
		held->prediction[row] = hpc_blend_end(&tally);
		if (hpc_poll(t->env, row))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/* Puts the members together, which have been trained. */
static hpc_status
write_blend(training *t, const hpc_params *params, const trained *members,
			const void *const *models, const hpc_frame *frame)
{
	hpc_training_record record;
	hpc_calibration_record *calibration = NULL;
	hpc_held held = {NULL, NULL, 0};
	hpc_oob oob;
	hpc_outcome outcome;
	hpc_status status = blend_held(t, members, params->nmembers, frame, &held);

	if (status == HPC_OK)
		status = hpc_oob_measure(t->env, frame, &held, &oob);
	if (status == HPC_OK)
		status = hpc_calibrate(t->env, frame, &held, &calibration);
	if (status == HPC_OK)
	{
		oob.smearing = 1; /* the members' is in their predictions */
		fill_record(t, params, &oob, &record);
		status = hpc_outcome_measure(t->env, frame, &held, &record, &outcome);
	}
	if (status == HPC_OK)
		status = hpc_model_blend(t->env, &record, t->texts, frame, models,
								 params->nmembers, calibration, &outcome,
								 &t->result->model, &t->result->nbytes);
	hpc_free(t->env, calibration);
	hpc_held_free(t->env, &held);
	return status;
}

/* The members of a blend, then a frame once more for what they share. */
static hpc_status
train_members(training *t, const hpc_params *params, trained *members,
			  const void **models)
{
	hpc_texts texts = *t->texts;
	hpc_params outer = *params;
	hpc_frame *frame = NULL;
	hpc_status status = HPC_OK;

	/* what was given stands in the blend */
	texts.params = NULL;
	outer.leak = HPC_LEAK_ALLOW;
	outer.log_target = 1;
	for (int i = 0; i < params->nmembers && status == HPC_OK; i++)
	{
		hpc_model_view view;

		status = train_one(t, &params->members[i], &texts, true, &members[i]);
		if (status != HPC_OK)
			break;
		models[i] = members[i].model;
		hpc_model_open(models[i], &view);
		if (view.training->log_scale == 0)
			outer.log_target = 0;
	}
	if (status == HPC_OK)
		status = make_frame(t, &outer, false, &frame);
	if (status == HPC_OK)
		status = write_blend(t, params, members, models, frame);
	hpc_frame_free(t->env, frame);
	return status;
}

static hpc_status
train_blend(training *t, const hpc_params *params)
{
	size_t n = (size_t) params->nmembers;
	trained *members = hpc_alloc0(t->env, n, sizeof(trained));
	const void **models = hpc_alloc0(t->env, n, sizeof(void *));
	hpc_status status = HPC_NO_MEMORY;

	if (members != NULL && models != NULL)
		status = train_members(t, params, members, models);
	for (size_t i = 0; members != NULL && i < n; i++)
	{
		hpc_free(t->env, members[i].model);
		hpc_held_free(t->env, &members[i].held);
	}
	hpc_free(t->env, members);
	hpc_free(t->env, models);
	return status;
}

/* ---------- the whole ---------- */

static hpc_status
train_alone(training *t, const hpc_params *params)
{
	trained made = {0};
	hpc_status status = train_one(t, params, t->texts, false, &made);

	hpc_held_free(t->env, &made.held);
	t->result->model = made.model;
	t->result->nbytes = made.nbytes;
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
		status = train_alone(&t, params);
	hpc_free(env, t.unique_text);
	if (status != HPC_OK)
	{
		hpc_free(env, result->model);
		hpc_free(env, result->findings);
		memset(result, 0, sizeof(*result));
	}
	return status;
}
