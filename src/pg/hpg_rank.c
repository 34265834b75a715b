/*
 * hpg_rank.c
 *		hp_rank_features: a row for each column of a table that may be a feature,
 *		the most useful ones first.
 *
 * Rows are collected as for a training (hpg_training.c), with the same parameters,
 * and ranked by the core (hpc_select.c).  Columns that should not be features
 * come last, without a rank, and the reason says what is wrong with them: a
 * table is looked at here before anything is known of it, so nothing in it is
 * an error.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "hpg_compat.h"
#include "hpg_training.h"

HPG_FUNCTION(hp_rank_features);
HPG_FUNCTION(hp_rank_features_source);

/* From this share of missing values on the reason says so. */
#define MOSTLY_MISSING 0.9

/* The columns of the result, in their order. */
enum
{
	OUT_RANK,
	OUT_FEATURE,
	OUT_SCORE,
	OUT_R2,
	OUT_REASON,
	OUT_COLUMNS
};

typedef struct rank_job
{
	ReturnSetInfo *result;
	hpg_training *training;
	TupleDesc desc; /* of the source's rows, blessed */
} rank_job;

/* ---------- ranking ---------- */

/*
 * The training's parameters as the core's selection wants them.  Those of
 * blends do not say how the target is learned: the targets decide.
 */
static hpc_params
selection_params(hpg_training *training)
{
	const hpg_params *params = training->params;
	hpc_params core = params->core;

	if (hpc_parameter_find(core.algorithm, "log_target") == NULL)
		core.log_target = -1;
	return core;
}

hpc_candidate *
hpg_rank_columns(hpg_training *training, hpc_dataset *dataset)
{
	hpc_env *env = &training->rows->env;
	hpc_params params = selection_params(training);
	int ncolumns = hpc_dataset_ncolumns(dataset);
	hpc_candidate *candidates =
		palloc(Max(ncolumns, 1) * sizeof(hpc_candidate));

	hpg_check_status(env, hpc_select(env, dataset, &params, candidates));
	return candidates;
}

/* ---------- reasons ---------- */

/* What is to be said of a column that has a rank; NULL: nothing. */
static const char *
remark(const hpc_candidate *candidate)
{
	StringInfoData text;

	initStringInfo(&text);
	if (candidate->missing >= MOSTLY_MISSING)
		appendStringInfo(&text, "missing in %d %% of the rows",
						 (int) (100 * candidate->missing));
	if (candidate->same != NULL)
		appendStringInfo(&text, "%ssays much the same as %s",
						 text.len > 0 ? "; " : "", hpg_name(candidate->same));
	return text.len > 0 ? text.data : NULL;
}

static const char *
reason(const hpc_candidate *candidate)
{
	switch (candidate->verdict)
	{
		case HPC_RANKED:
			return remark(candidate);
		case HPC_IS_CONSTANT:
			return candidate->missing == 1 ? "missing in every row"
										   : "constant";
		case HPC_IS_KEY:
			return "key: different in every row";
		case HPC_IS_UNIQUE_TEXT:
			return "text that is different in more than half of the rows";
		case HPC_IS_TARGET:
			return "copy of the target";
		case HPC_IS_NEAR_TARGET:
			return psprintf("nearly the target: alone explains %.1f %% of it",
							floor(1000 * candidate->score) / 10);
	}
	return NULL;
}

/* ---------- results ---------- */

static void
set_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	if (text != NULL)
		values[column] = CStringGetTextDatum(text);
}

static void
set_number(Datum *values, bool *nulls, int column, double number)
{
	nulls[column] = isnan(number);
	values[column] = Float8GetDatum(number);
}

/* rank: from 1 on, or 0: none.  r2: with all above. */
static void
put_row(const rank_job *job, int rank, const char *feature, double score,
		double r2, const char *why)
{
	Datum values[OUT_COLUMNS];
	bool nulls[OUT_COLUMNS] = {false};

	nulls[OUT_RANK] = rank == 0;
	values[OUT_RANK] = Int32GetDatum(rank);
	set_text(values, nulls, OUT_FEATURE, hpg_name(feature));
	set_number(values, nulls, OUT_SCORE, rank > 0 ? score : NAN);
	set_number(values, nulls, OUT_R2, rank > 0 ? r2 : NAN);
	set_text(values, nulls, OUT_REASON, why);
	tuplestore_putvalues(job->result->setResult, job->result->setDesc, values,
						 nulls);
}

static void
put_candidates(const rank_job *job, const hpc_candidate *candidates, int n)
{
	double r2 = 0;

	for (int i = 0; i < n; i++)
	{
		const hpc_candidate *candidate = &candidates[i];
		bool ranked = candidate->verdict == HPC_RANKED;

		if (ranked)
			r2 += candidate->score;
		put_row(job, ranked ? i + 1 : 0, candidate->column, candidate->score,
				r2, reason(candidate));
	}
}

static bool
is_excluded(const hpg_params *params, const char *name)
{
	for (int i = 0; i < params->nexclude; i++)
	{
		if (strcmp(params->exclude[i], name) == 0)
			return true;
	}
	return false;
}

/* Columns whose type keeps them from being features. */
static void
put_unfit(const rank_job *job)
{
	const hpg_params *params = job->training->params;
	hpg_rowtype *rowtype = hpg_rowtype_make(job->desc, CurrentMemoryContext);

	for (int i = 0; i < rowtype->ncolumns; i++)
	{
		const hpg_column *column = &rowtype->columns[i];

		if (column->kind == HPC_NO_KIND && !is_excluded(params, column->name))
			put_row(job, 0, column->name, NAN, NAN,
					psprintf("type %s cannot be a feature",
							 format_type_be(column->type)));
	}
}

/* ---------- rows ---------- */

static void
begin_rows(void *opaque, TupleDesc desc)
{
	rank_job *job = opaque;

	job->desc = BlessTupleDesc(CreateTupleDescCopy(desc));
}

static void
add_row(void *opaque, TupleTableSlot *slot)
{
	rank_job *job = opaque;
	HeapTuple tuple;

	slot_getallattrs(slot);
	tuple = heap_form_tuple(job->desc, slot->tts_values, slot->tts_isnull);
	hpg_training_add_named(job->training, tuple->t_data);
}

static void
rank_source(rank_job *job, const char *source, Oid row_type)
{
	hpg_sink sink = {begin_rows, add_row, job};
	hpc_dataset *dataset;

	hpg_source_stream(source, row_type, &sink);
	dataset = hpg_training_rows(NULL, job->training);
	if (dataset != NULL)
	{
		int n = hpc_dataset_ncolumns(dataset);

		put_candidates(job, hpg_rank_columns(job->training, dataset), n);
		hpc_dataset_free(&job->training->rows->env, dataset);
	}
	put_unfit(job);
}

/* ---------- SQL ---------- */

/* Target and parameters are arguments 1 and params_arg. */
static Datum
rank(FunctionCallInfo fcinfo, const char *source, Oid row_type, int params_arg)
{
	Jsonb *params = NULL;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "hp_rank_features",
							  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	rank_job job = {.result = (ReturnSetInfo *) fcinfo->resultinfo};

	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(params_arg))
		params = PG_GETARG_JSONB_P(params_arg);
	job.training =
		hpg_training_of(NULL, context, params, hpg_target_name_arg(fcinfo, 1));
	job.training->params->any_type = true;
	rank_source(&job, source, row_type);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/*
 * hp_rank_features(r anyelement, target text, source text DEFAULT NULL,
 * params jsonb DEFAULT NULL) returns table (rank, feature, score, r2, reason)
 */
Datum
hp_rank_features(PG_FUNCTION_ARGS)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	char *source = NULL;

	if (!OidIsValid(type) || !type_is_rowtype(getBaseType(type)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("type %s is not a row type",
						OidIsValid(type) ? format_type_be(type) : "unknown"),
				 errhint("Pass NULL::houses for table houses, or a table's "
						 "name or a query as text.")));
	if (!PG_ARGISNULL(2))
		source = text_to_cstring(PG_GETARG_TEXT_PP(2));
	return rank(fcinfo, source, type, 3);
}

/* hp_rank_features(source text, target text, params jsonb DEFAULT NULL) */
Datum
hp_rank_features_source(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("source must not be null")));
	return rank(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)), InvalidOid, 2);
}
