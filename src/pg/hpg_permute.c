/*
 * hpg_permute.c
 *		hp_importance(model, NULL::t, source): what a model loses on the rows of
 *		a source where a feature tells it nothing.
 *
 * Rows go into the core as they come (hpc_permute.c), which keeps of each what
 * predicting needs; the source is read once.
 */
#include "postgres.h"

#include <math.h>

#include "executor/tuptable.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "hpg.h"

HPG_FUNCTION(hp_importance_rows);
HPG_FUNCTION(hp_importance_source);

#define BAR_WIDTH 40

typedef struct permute_job
{
	MemoryContext context;
	const hpc_model *model;
	const char *target_name; /* UTF-8 */
	const char *weight_name; /* UTF-8, or NULL */
	hpc_permuter *permuter;
	hpc_env env;

	/* of the source, once its columns are known */
	hpg_rowtype *rowtype;
	hpg_binding *binding;
	const hpg_column *target;
	const hpg_column *weight; /* or NULL */
	uint64 nrows;             /* that count */
} permute_job;

/* What the loss of a feature costs. */
typedef struct measured
{
	const char *name; /* UTF-8 */
	double increase;
} measured;

/* ---------- rows of the source ---------- */

static const hpg_column *
find_target(const permute_job *job)
{
	const hpg_column *column =
		hpg_rowtype_find(job->rowtype, job->target_name);

	if (column == NULL)
		hpg_column_missing(job->rowtype, job->target_name);
	if (column->kind != HPC_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("target column \"%s\" is of type %s, not a number",
						hpg_name(column->name), format_type_be(column->type))));
	return column;
}

static void
begin_rows(void *opaque, TupleDesc desc)
{
	permute_job *job = opaque;

	job->rowtype = hpg_rowtype_make(desc, job->context);
	job->binding = hpg_binding_make(job->model, job->rowtype, job->context);
	job->target = find_target(job);
	if (job->weight_name != NULL)
		job->weight = hpg_weight_column(job->rowtype, job->weight_name);
}

/* Rows without a target, or of weight 0, do not count. */
static void
take_row(void *opaque, TupleTableSlot *slot)
{
	permute_job *job = opaque;
	hpg_rowtype *rowtype = job->rowtype;
	hpc_value target;
	hpc_value weight_value;
	double weight = 1;

	slot_getallattrs(slot);
	memcpy(rowtype->values, slot->tts_values,
		   rowtype->desc->natts * sizeof(Datum));
	memcpy(rowtype->nulls, slot->tts_isnull,
		   rowtype->desc->natts * sizeof(bool));

	/* before the model's fill touches them */
	hpg_row_value(rowtype, job->target, &target);
	if (job->weight != NULL)
	{
		hpg_row_value(rowtype, job->weight, &weight_value);
		weight = hpg_weight_value(job->weight, &weight_value);
	}
	if (target.missing || !isfinite(target.number) || weight == 0)
		return;
	hpg_check_status(&job->env,
					 hpc_permuter_add(&job->env, job->permuter,
									  hpg_binding_all_values(job->binding),
									  target.number, weight));
	job->nrows++;
}

/* ---------- the result ---------- */

/* The greatest first, then by name. */
static int
compare_measured(const void *a, const void *b)
{
	const measured *one = a;
	const measured *other = b;

	if (one->increase > other->increase)
		return -1;
	if (one->increase < other->increase)
		return 1;
	return strcmp(one->name, other->name);
}

/*
 * NaN for all where there are no rows.  Features on which predictions do not
 * depend lose nothing, which need not be measured.
 */
static measured *
measure_features(permute_job *job, int nfeatures)
{
	measured *list = palloc(Max(nfeatures, 1) * sizeof(measured));

	for (int i = 0; i < nfeatures; i++)
	{
		hpc_model_feature feature;

		hpc_model_feature_at(job->model, i, &feature);
		list[i] = (measured){feature.name, job->nrows > 0 ? 0 : NAN};
		if (feature.used && job->nrows > 0)
			hpg_check_status(&job->env,
							 hpc_permuter_measure(&job->env, job->permuter, i,
												  &list[i].increase));
	}
	qsort(list, nfeatures, sizeof(measured), compare_measured);
	return list;
}

/* Without rows there is nothing to say: NULL. */
static void
put_features(ReturnSetInfo *result, const measured *list, int nfeatures)
{
	double most = nfeatures > 0 ? list[0].increase : 0;

	for (int i = 0; i < nfeatures; i++)
	{
		double increase = list[i].increase;
		bool nulls[4] = {false, false, isnan(increase), isnan(increase)};
		Datum values[4];

		values[0] = Int32GetDatum(i + 1);
		values[1] = CStringGetTextDatum(hpg_name(list[i].name));
		values[2] = Float8GetDatum(increase);
		values[3] = CStringGetTextDatum(
			hpg_bar(most > 0 ? increase / most : 0, BAR_WIDTH));
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
}

/* ---------- the call ---------- */

/* Argument arg, or the name that the model has; UTF-8. */
static const char *
choose_target(FunctionCallInfo fcinfo, int arg,
			  const hpc_model_summary *summary)
{
	if (!PG_ARGISNULL(arg))
	{
		text *name = PG_GETARG_TEXT_PP(arg);

		return hpg_utf8_copy(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	}
	if (summary->texts.target == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the model does not name its target"),
				 errdetail("It was trained on a target given by value."),
				 errhint("Name the column: target => 'sale_price'.")));
	return summary->texts.target;
}

/*
 * The arguments from arg on are source (or the caller's), target and oob.
 * row_type: of the relation to read where there is no source.
 */
static Datum
measure_importance(FunctionCallInfo fcinfo, int arg, Oid row_type)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "hp_importance",
							  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	permute_job job = {.context = context};
	hpg_sink sink = {begin_rows, take_row, &job};
	hpc_model_summary summary;
	bool outside = !PG_ARGISNULL(arg + 2) && PG_GETARG_BOOL(arg + 2);

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	old = MemoryContextSwitchTo(context);
	job.model = hpg_arg_model(fcinfo, 0);
	if (outside)
		hpg_check_bags(job.model,
					   "Leave oob out, and give rows that the model "
					   "was not trained on.");
	hpc_model_summarize(job.model, &summary);
	job.target_name = choose_target(fcinfo, arg + 1, &summary);
	job.weight_name = summary.texts.weight;
	hpg_env_init(&job.env, context, hpg_threads());
	hpg_check_status(&job.env, hpc_permuter_create(&job.env, job.model,
												   outside, &job.permuter));
	hpg_source_stream(PG_ARGISNULL(arg)
						  ? NULL
						  : text_to_cstring(PG_GETARG_TEXT_PP(arg)),
					  row_type, &sink);
	put_features(result, measure_features(&job, summary.nfeatures),
				 summary.nfeatures);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/*
 * hp_importance(model hp_model, r anyelement, source text DEFAULT NULL,
 * target text DEFAULT NULL, oob boolean DEFAULT false) returns table
 * (rank integer, feature text, importance float8, bar text)
 */
Datum
hp_importance_rows(PG_FUNCTION_ARGS)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, 1);

	if (!type_is_rowtype(getBaseType(type)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("type %s is not a row type", format_type_be(type)),
				 errhint("Pass NULL::houses for table houses, or a table's "
						 "name or a query as text.")));
	return measure_importance(fcinfo, 2, type);
}

/*
 * hp_importance(model hp_model, source text, target text DEFAULT NULL,
 * oob boolean DEFAULT false), the same
 */
Datum
hp_importance_source(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("source must not be null")));
	return measure_importance(fcinfo, 1, InvalidOid);
}
