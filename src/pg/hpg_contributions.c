/*
 * hpg_contributions.c
 *		hp_explain(model, row): what each feature adds to a prediction.
 *
 * The explainer of the core is made once per call site and model, as long as
 * rows with the same model keep coming.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "hpg.h"

HPG_FUNCTION(hp_explain);

#define BAR_WIDTH 20
#define BASE_NAME "(base)"

/* What a call site remembers. */
typedef struct explain_cache
{
	hpg_call call;
	MemoryContext context; /* of what was made for the model, or NULL */
	hpc_digest digest;     /* of the model */
	hpc_env env;
	hpc_explainer *explainer;
	double *contributions; /* [nfeatures] */
} explain_cache;

/* A feature that the model uses, for one row. */
typedef struct explained
{
	hpc_model_feature feature;
	const hpc_value *value;
	double contribution;
} explained;

/* ---------- the explainer ---------- */

static void
make_explainer(explain_cache *cache, const hpg_loaded *loaded)
{
	hpc_model_summary summary;

	hpc_model_summarize(loaded->model, &summary);
	hpg_env_init(&cache->env, cache->context, 1);
	cache->contributions =
		MemoryContextAlloc(cache->context,
						   Max(summary.nfeatures, 1) * sizeof(double));
	hpg_check_status(&cache->env,
					 hpc_explainer_create(&cache->env, loaded->model,
										  &cache->explainer));
	cache->digest = loaded->digest;
}

static explain_cache *
cache_for(FunctionCallInfo fcinfo, hpg_loaded **loaded)
{
	explain_cache *cache = fcinfo->flinfo->fn_extra;
	MemoryContext context = fcinfo->flinfo->fn_mcxt;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(context, sizeof(explain_cache));
		hpg_call_init(&cache->call, context);
		fcinfo->flinfo->fn_extra = cache;
	}
	*loaded = hpg_call_model(&cache->call, PG_GETARG_DATUM(0));
	if (cache->explainer != NULL &&
		memcmp(&cache->digest, &(*loaded)->digest, sizeof(hpc_digest)) == 0)
		return cache;
	cache->explainer = NULL;
	if (cache->context != NULL)
		MemoryContextReset(cache->context);
	else
		cache->context =
			AllocSetContextCreate(context, "hp_explain", ALLOCSET_SMALL_SIZES);
	make_explainer(cache, *loaded);
	return cache;
}

/* ---------- rows ---------- */

/* The largest contribution first, then by name. */
static int
compare_explained(const void *a, const void *b)
{
	const explained *one = a;
	const explained *other = b;

	if (fabs(one->contribution) != fabs(other->contribution))
		return fabs(one->contribution) > fabs(other->contribution) ? -1 : 1;
	return strcmp(one->feature.name, other->feature.name);
}

/* The features on which predictions depend, in the order of the result. */
static explained *
list_features(const hpc_model *model, const hpc_value *values,
			  const double *contributions, int *n)
{
	hpc_model_summary summary;
	explained *list;

	hpc_model_summarize(model, &summary);
	list = palloc(Max(summary.nfeatures, 1) * sizeof(explained));
	*n = 0;
	for (int i = 0; i < summary.nfeatures; i++)
	{
		explained *next = &list[*n];

		hpc_model_feature_at(model, i, &next->feature);
		next->value = &values[i];
		next->contribution = contributions[i];
		*n += next->feature.used;
	}
	qsort(list, *n, sizeof(explained), compare_explained);
	return list;
}

/* NULL: it is missing. */
static char *
value_text(hpc_kind kind, const hpc_value *value)
{
	if (value->missing || (kind != HPC_CATEGORY && isnan(value->number)))
		return NULL;
	if (kind == HPC_CATEGORY)
		return hpg_from_utf8(value->bytes, value->nbytes);
	return hpg_number_text(kind, value->number);
}

/* bar: NULL for none. */
static void
put_line(ReturnSetInfo *result, char *feature, const char *value,
		 double contribution, bool log_scale, const char *bar)
{
	bool nulls[5] = {false, value == NULL, false, !log_scale, bar == NULL};
	Datum values[5] = {0};

	values[0] = CStringGetTextDatum(feature);
	if (value != NULL)
		values[1] = CStringGetTextDatum(value);
	values[2] = Float8GetDatum(contribution);
	values[3] = Float8GetDatum(hpc_exp(contribution));
	if (bar != NULL)
		values[4] = CStringGetTextDatum(bar);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_features(ReturnSetInfo *result, const hpc_model *model,
			 const hpc_value *values, const double *contributions,
			 bool log_scale)
{
	int n;
	explained *list = list_features(model, values, contributions, &n);
	double largest = n > 0 ? fabs(list[0].contribution) : 0;

	for (int i = 0; i < n; i++)
	{
		double share = largest > 0 ? list[i].contribution / largest : 0;

		put_line(result, hpg_name(list[i].feature.name),
				 value_text(list[i].feature.kind, list[i].value),
				 list[i].contribution, log_scale,
				 hpg_bar_about_line(share, BAR_WIDTH));
	}
}

/*
 * hp_explain(model hp_model, r record) returns table (feature text,
 * value text, contribution float8, factor float8, bar text)
 */
Datum
hp_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	hpg_loaded *loaded;
	explain_cache *cache = cache_for(fcinfo, &loaded);
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(1);
	hpg_binding *binding = hpg_binding_of(&cache->call.binding, loaded->model,
										  row, cache->call.context);
	const hpc_value *values = hpg_binding_values(binding, row);
	hpc_model_summary summary;
	double base;

	InitMaterializedSRF(fcinfo, 0);
	hpc_model_summarize(loaded->model, &summary);
	hpg_check_status(&cache->env,
					 hpc_explainer_explain(&cache->env, cache->explainer,
										   loaded->model, values, &base,
										   cache->contributions));
	put_line(result, BASE_NAME, NULL, base, summary.log_scale, NULL);
	put_features(result, loaded->model, values, cache->contributions,
				 summary.log_scale);
	return (Datum) 0;
}
