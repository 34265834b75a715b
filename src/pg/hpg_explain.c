/*
 * hpg_explain.c
 *		What a model knows of itself: hp_importance, hp_model_info.
 *
 * Importance is a share.  Of trees: the part of the total decrease of the sum
 * of squares that the splits on a feature bring, over all trees (Breiman et
 * al. 1984, section 5.3; scikit-learn's feature_importances_ without its
 * per-tree normalisation).  It is measured on the training rows and favours
 * features with many values.  Of a linear model: the part of the sizes of all
 * standardised coefficients.  Of a blend: the mean of its members' shares.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "hpg.h"

HPG_FUNCTION(hp_importance);
HPG_FUNCTION(hp_model_info);

#define BAR_WIDTH 40

/* ---------- importance ---------- */

/* Larger share first, then by name. */
static int
compare_ranked(const void *a, const void *b)
{
	const hpg_ranked *one = a;
	const hpg_ranked *other = b;

	if (one->share != other->share)
		return one->share > other->share ? -1 : 1;
	return strcmp(one->feature.name, other->feature.name);
}

hpg_ranked *
hpg_rank_features(const hpc_model *model, int *nfeatures)
{
	hpc_model_summary summary;
	hpg_ranked *ranked;
	double total = 0;

	hpc_model_summarize(model, &summary);
	*nfeatures = summary.nfeatures;
	ranked = palloc(Max(summary.nfeatures, 1) * sizeof(hpg_ranked));
	for (int i = 0; i < summary.nfeatures; i++)
	{
		ranked[i].index = i;
		hpc_model_feature_at(model, i, &ranked[i].feature);
		total += ranked[i].feature.gain;
	}
	for (int i = 0; i < summary.nfeatures; i++)
		ranked[i].share = total > 0 ? ranked[i].feature.gain / total : 0;
	qsort(ranked, summary.nfeatures, sizeof(hpg_ranked), compare_ranked);
	return ranked;
}

/*
 * hp_importance(hp_model) returns table (rank, feature, importance, bar)
 */
Datum
hp_importance(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const hpc_model *model = hpg_arg_model(fcinfo, 0);
	int nfeatures;
	hpg_ranked *ranked = hpg_rank_features(model, &nfeatures);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < nfeatures; i++)
	{
		const char *name = ranked[i].feature.name;
		bool nulls[4] = {false};
		Datum values[4];

		values[0] = Int32GetDatum(i + 1);
		values[1] = CStringGetTextDatum(hpg_name(name));
		values[2] = Float8GetDatum(ranked[i].share);
		values[3] = CStringGetTextDatum(hpg_bar(ranked[i].share, BAR_WIDTH));
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}

/* ---------- model info ---------- */

static void
push_text(JsonbParseState **state, const char *key, const char *utf8)
{
	hpg_push_named_string(state, key, hpg_name(utf8));
}

static void
push_digest(JsonbParseState **state, const char *key, const hpc_digest *digest)
{
	char hex[2 * HPC_DIGEST_SIZE + 1];

	hpc_digest_to_hex(digest, hex);
	push_text(state, key, hex);
}

/* A text that is JSON, as JSON; null where there is none. */
static void
push_json(JsonbParseState **state, const char *key, const char *utf8)
{
	hpg_push_key(state, key);
	if (utf8 == NULL)
		hpg_push_number(state, NAN);
	else
		hpg_push_jsonb(state, utf8);
}

/* Columns with a sign, as in the parameter; null where there are none. */
static void
push_monotone(JsonbParseState **state, const hpc_model *model,
			  const hpc_model_summary *summary)
{
	bool any = false;

	for (int i = 0; i < summary->nfeatures; i++)
	{
		hpc_model_feature feature;

		hpc_model_feature_at(model, i, &feature);
		if (feature.monotone == 0)
			continue;
		if (!any)
			pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		any = true;
		hpg_push_key(state, hpg_name(feature.name));
		hpg_push_integer(state, feature.monotone);
	}
	if (any)
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	else
		hpg_push_number(state, NAN);
}

/* A name, or null. */
static void
push_name(JsonbParseState **state, const char *key, const char *utf8)
{
	if (utf8 != NULL)
		push_text(state, key, utf8);
	else
		hpg_push_named_number(state, key, NAN);
}

/*
 * Parameters as resolved.  The model does not keep what was excluded; its fill
 * and its members are shown beside the parameters.
 */
static void
push_params(JsonbParseState **state, const hpc_model *model,
			const hpc_model_summary *summary)
{
	int n;
	const hpc_parameter *table = hpc_parameter_table(&n);

	hpg_push_key(state, "parameters");
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < n; i++)
	{
		if ((table[i].algorithms & 1u << summary->algorithm) == 0)
			continue;
		if (hpc_parameter_is_scalar(&table[i]))
			hpg_push_parameter(state, &summary->params, &table[i]);
		else if (table[i].type == HPC_NAME)
			push_name(state, table[i].name, summary->texts.weight);
		else if (table[i].type == HPC_SIGNS)
		{
			hpg_push_key(state, table[i].name);
			push_monotone(state, model, summary);
		}
	}
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

char *
hpg_time_json(double time)
{
	char text[MAXDATELEN + 1];

	if (!(time >= MIN_TIMESTAMP) || !(time < END_TIMESTAMP))
		return NULL;
	JsonEncodeDateTime(text, TimestampGetDatum((Timestamp) time), TIMESTAMPOID,
					   NULL);
	return pstrdup(text);
}

/* An end of a feature's range. */
static void
push_end(JsonbParseState **state, const char *key, hpc_kind kind,
		 double number)
{
	char *time = kind == HPC_TIME ? hpg_time_json(number) : NULL;

	hpg_push_key(state, key);
	if (time != NULL)
		hpg_push_string(state, time);
	else
		hpg_push_number(state, number);
}

static void
push_feature(JsonbParseState **state, const hpc_model_feature *feature)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_text(state, "name", feature->name);
	push_text(state, "kind", hpc_kind_name(feature->kind));
	hpg_push_named_integer(state, "missing", feature->nmissing);
	hpg_push_named_integer(state, "splits", feature->nsplits);
	if (feature->kind == HPC_CATEGORY)
		hpg_push_named_integer(state, "categories", feature->ncategories);
	else
	{
		push_end(state, "min", feature->kind, feature->min);
		push_end(state, "max", feature->kind, feature->max);
	}
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static void
push_features(JsonbParseState **state, const hpc_model *model, int nfeatures)
{
	hpg_push_key(state, "features");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < nfeatures; i++)
	{
		hpc_model_feature feature;

		hpc_model_feature_at(model, i, &feature);
		push_feature(state, &feature);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* The target: its name, or null where it came by value, and its range. */
static void
push_target(JsonbParseState **state, const hpc_model_summary *summary)
{
	hpg_push_key(state, "target");
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_name(state, "name", summary->texts.target);
	hpg_push_named_number(state, "min", summary->target_min);
	hpg_push_named_number(state, "mean", summary->target_mean);
	hpg_push_named_number(state, "max", summary->target_max);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static void
push_oob(JsonbParseState **state, const hpc_model_summary *summary)
{
	hpg_push_key(state, "oob");
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	hpg_push_named_integer(state, "rows", summary->oob_rows);
	hpg_push_named_number(state, "mae", summary->oob_mae);
	hpg_push_named_number(state, "rmse", summary->oob_rmse);
	hpg_push_named_number(state, "r2", summary->oob_r2);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/*
 * What a model is made of: of a blend its members, each with its own.  Null
 * is the smearing factor of a model that did not learn logarithms.
 */
static void
push_parts(JsonbParseState **state, const hpc_model *model,
		   const hpc_model_summary *summary)
{
	if (summary->merged)
	{
		hpg_push_key(state, "merged");
		hpg_push_bool(state, true);
	}
	hpg_push_named_integer(state, "trees", summary->ntrees);
	hpg_push_named_integer(state, "nodes", summary->nnodes);
	hpg_push_named_integer(state, "bytes", summary->nbytes);
	hpg_push_named_number(state, "base", summary->base);
	hpg_push_named_number(state, "smearing",
						  summary->log_scale ? summary->smearing : NAN);
	push_oob(state, summary);
	push_params(state, model, summary);
}

static void
push_members(JsonbParseState **state, const hpc_model *model, int nmembers)
{
	hpg_push_key(state, "members");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < nmembers; i++)
	{
		const hpc_model *member = hpc_model_member(model, i);
		hpc_digest digest = hpc_model_digest(member);
		hpc_model_summary summary;

		hpc_model_summarize(member, &summary);
		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		push_text(state, "algorithm", hpc_algorithm_name(summary.algorithm));
		hpg_push_named_integer(state, "algorithm_version",
							   summary.algorithm_version);
		push_digest(state, "digest", &digest);
		push_parts(state, member, &summary);
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

void
hpg_push_info(JsonbParseState **state, const hpc_model *model)
{
	hpc_digest digest = hpc_model_digest(model);
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	push_text(state, "algorithm", hpc_algorithm_name(summary.algorithm));
	hpg_push_named_integer(state, "algorithm_version",
						   summary.algorithm_version);
	push_digest(state, "digest", &digest);
	push_digest(state, "data_digest", &summary.data_digest);
	hpg_push_named_integer(state, "rows", summary.nrows);
	hpg_push_named_integer(state, "rows_without_target", summary.nskipped);
	hpg_push_named_integer(state, "distinct_rows", summary.ndistinct);
	push_target(state, &summary);
	push_parts(state, model, &summary);
	if (summary.nmembers > 0)
		push_members(state, model, summary.nmembers);
	push_json(state, "given", summary.texts.params);
	push_json(state, "clean", summary.texts.clean);
	push_features(state, model, summary.nfeatures);
}

/* hp_model_info(hp_model) returns jsonb */
Datum
hp_model_info(PG_FUNCTION_ARGS)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	hpg_push_info(&state, hpg_arg_model(fcinfo, 0));
	PG_RETURN_JSONB_P(
		JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}
