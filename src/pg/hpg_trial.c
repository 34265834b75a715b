/*
 * hpg_trial.c
 *		Trainings with a fold held out.
 *
 * The core copies the rows to learn from into a data set of their own and
 * trains on it, as hp_train would do with FILTER (WHERE hp_fold(key, k) <> i);
 * its model then predicts the fold.  The state of the aggregate stays as it
 * is, so a final function may be called again after more rows.
 *
 * Memory: the rows, packed; in turn, those to learn from and what a training
 * takes; 16 bytes for each row that is held out.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/array.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "hpg_compat.h"
#include "hpg_folds.h"

/* ---------- folds ---------- */

/* Folds in time: each block but the first is predicted by all before it. */
static void
cut_time(const hpg_folds *folds, hpc_fold *fold)
{
	hpc_env *env = &folds->rows->env;
	int n = folds->nfolds;
	double *cuts = palloc(n * sizeof(double));
	hpc_status status = hpc_fold_cut(env, folds->rows->dataset, n, cuts);

	if (status == HPC_BAD_PARAMETER)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s", env->error.message),
				 errhint("Rows of one time are in one block, and there is a "
						 "block more than folds: use fewer folds.")));
	hpg_check_status(env, status);
	for (int i = 0; i < n; i++)
		fold[i] =
			(hpc_fold){.low = cuts[i],
					   .high = i + 1 < n ? cuts[i + 1] : get_float8_infinity(),
					   .forward = true,
					   .share = HPC_FOLD_MARKS};
	pfree(cuts);
}

hpc_fold *
hpg_folds_cut(const hpg_folds *folds)
{
	hpc_fold *fold = palloc(folds->nfolds * sizeof(hpc_fold));

	if (folds->use == HPG_CROSS_VALIDATE_FORWARD)
		cut_time(folds, fold);
	else
		for (int i = 0; i < folds->nfolds; i++)
			fold[i] = (hpc_fold){.low = (double) i * HPC_FOLD_MARKS,
								 .high = (double) (i + 1) * HPC_FOLD_MARKS,
								 .share = HPC_FOLD_MARKS};
	return fold;
}

/* ---------- trials ---------- */

/* Columns that a candidate learns from: the mean has no feature. */
static int
count_features(const hpg_folds *folds, const hpg_params *candidate)
{
	return candidate->has_features ? hpg_collector_nfeatures(folds->rows) : 0;
}

/* The rows that hp_train would have got. */
static hpc_dataset *
rows_to_learn(const hpg_folds *folds, const hpg_params *candidate,
			  const hpc_fold *fold)
{
	hpg_collector *rows = folds->rows;
	uint64_t nskipped = rows->nskipped;
	uint64_t nheld;
	hpc_dataset *dataset;

	if (fold != NULL && rows->skipped != NULL)
		hpg_check_status(&rows->env, hpc_fold_count(&rows->env, rows->skipped,
													fold, &nskipped, &nheld));
	hpg_check_status(&rows->env,
					 hpc_fold_rows(&rows->env, rows->dataset, fold,
								   count_features(folds, candidate),
								   &dataset));
	hpc_dataset_skip(dataset, nskipped);
	return dataset;
}

static void *
train(FunctionCallInfo fcinfo, const hpg_folds *folds,
	  const hpg_params *candidate, const hpc_fold *fold)
{
	hpc_dataset *dataset = rows_to_learn(folds, candidate, fold);
	hpc_result result;

	hpg_collector_train(fcinfo, folds->rows, dataset, candidate, &result);
	hpc_dataset_free(&folds->rows->env, dataset);
	return result.model;
}

void *
hpg_folds_train(FunctionCallInfo fcinfo, const hpg_folds *folds,
				const hpg_params *candidate)
{
	return train(fcinfo, folds, candidate, NULL);
}

static double *
alloc_doubles(hpc_env *env, uint64 n)
{
	double *doubles = env->resize(env->opaque, NULL, n * sizeof(double));

	if (doubles == NULL)
		hpg_check_status(env, HPC_NO_MEMORY);
	return doubles;
}

/* Of all trees, those of members included. */
static uint64
count_nodes(const hpc_model *model)
{
	hpc_model_summary summary;
	uint64 nnodes;

	hpc_model_summarize(model, &summary);
	nnodes = summary.nnodes;
	for (int i = 0; i < summary.nmembers; i++)
		nnodes += count_nodes(hpc_model_member(model, i));
	return nnodes;
}

void
hpg_folds_try(FunctionCallInfo fcinfo, const hpg_folds *folds,
			  const hpg_params *candidate, const hpc_fold *fold,
			  hpg_trial *trial)
{
	hpg_collector *rows = folds->rows;
	hpc_env *env = &rows->env;
	void *model;

	memset(trial, 0, sizeof(*trial));
	hpg_check_status(env, hpc_fold_count(env, rows->dataset, fold,
										 &trial->nlearned, &trial->nheld));
	if (trial->nlearned == 0 || trial->nheld == 0)
		return;
	model = train(fcinfo, folds, candidate, fold);
	trial->trained = true;
	trial->digest = hpc_model_digest(model);
	trial->nnodes = count_nodes(model);
	trial->actual = alloc_doubles(env, trial->nheld);
	trial->predicted = alloc_doubles(env, trial->nheld);
	hpg_check_status(env, hpc_fold_predict(env, rows->dataset, fold, model,
										   trial->actual, trial->predicted));
	env->resize(env->opaque, model, 0);
}

void
hpg_trial_free(const hpg_folds *folds, hpg_trial *trial)
{
	hpc_env *env = &folds->rows->env;

	if (!trial->trained)
		return;
	env->resize(env->opaque, trial->actual, 0);
	env->resize(env->opaque, trial->predicted, 0);
}

/* ---------- results ---------- */

TupleDesc
hpg_element_desc(Oid array_type, int natts)
{
	TupleDesc desc =
		lookup_rowtype_tupdesc_copy(get_element_type(array_type), -1);

	if (desc->natts != natts)
		elog(ERROR, "type %u has %d columns instead of %d", array_type,
			 desc->natts, natts);
	return BlessTupleDesc(desc);
}

Datum
hpg_composite_array(Oid array_type, int n, const Datum *elements)
{
	return PointerGetDatum(construct_array(unconstify(Datum *, elements), n,
										   get_element_type(array_type), -1,
										   false, TYPALIGN_DOUBLE));
}
