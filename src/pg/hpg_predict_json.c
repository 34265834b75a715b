/*
 * hpg_predict_json.c
 *		hp_predict_json(model or name, jsonb): the prediction for a row as a web
 *		service sends it.
 *
 * A row type is made of the model's features, and the object's values become
 * values of its columns; from there on it is a row like any other.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "hpg.h"
#include "hpg_fill.h"

HPG_FUNCTION(hp_predict_json);
HPG_FUNCTION(hp_predict_json_name);

/* What a call site remembers. */
typedef struct json_cache
{
	hpg_call call;
	MemoryContext context; /* of what was made for the model, or NULL */
	hpc_digest digest;     /* of the model */
	hpg_rowtype *rowtype;
	hpg_binding *binding;
} json_cache;

/* ---------- the row type ---------- */

static Oid
type_for(hpc_kind kind)
{
	switch (kind)
	{
		case HPC_BOOLEAN:
			return BOOLOID;
		case HPC_CATEGORY:
			return TEXTOID;
		case HPC_TIME:
			return TIMESTAMPOID;
		default:
			return FLOAT8OID;
	}
}

static hpg_rowtype *
make_rowtype(const hpc_model *model, MemoryContext context)
{
	hpc_model_summary summary;
	TupleDesc desc;

	hpc_model_summarize(model, &summary);
	desc = CreateTemplateTupleDesc(summary.nfeatures);
	for (int i = 0; i < summary.nfeatures; i++)
	{
		hpc_model_feature feature;

		hpc_model_feature_at(model, i, &feature);
		TupleDescInitEntry(desc, (AttrNumber) (i + 1), hpg_name(feature.name),
						   type_for(feature.kind), -1, 0);
	}
	return hpg_rowtype_make(desc, context);
}

static json_cache *
cache_for(FunctionCallInfo fcinfo, hpg_resolver resolve, hpg_loaded **loaded)
{
	json_cache *cache = fcinfo->flinfo->fn_extra;
	MemoryContext context = fcinfo->flinfo->fn_mcxt;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(context, sizeof(json_cache));
		hpg_call_init(&cache->call, context);
		fcinfo->flinfo->fn_extra = cache;
	}
	*loaded = resolve(&cache->call, PG_GETARG_DATUM(0));
	if (cache->context != NULL &&
		memcmp(&cache->digest, &(*loaded)->digest, sizeof(hpc_digest)) == 0)
		return cache;
	if (cache->context != NULL)
		MemoryContextDelete(cache->context);
	cache->context = NULL;
	context = AllocSetContextCreate(context, "hp_predict_json",
									ALLOCSET_SMALL_SIZES);
	cache->rowtype = make_rowtype((*loaded)->model, context);
	cache->binding =
		hpg_binding_make((*loaded)->model, cache->rowtype, context);
	cache->digest = (*loaded)->digest;
	cache->context = context;
	return cache;
}

/* ---------- values ---------- */

static void
key_missing(Jsonb *row, const hpg_column *column)
{
	JsonbIterator *it = JsonbIteratorInit(&row->root);
	const char **names = palloc(sizeof(char *) * Max(JB_ROOT_COUNT(row), 1));
	const char *nearest;
	JsonbIteratorToken token;
	JsonbValue key;
	int n = 0;

	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
		if (token == WJB_KEY)
			names[n++] = hpg_utf8_copy(key.val.string.val, key.val.string.len);
	nearest = hpg_nearest_name(column->name, n, names);
	if (nearest != NULL)
		nearest = hpg_name(nearest);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the row has no key \"%s\"", hpg_name(column->name)),
			 nearest ? errhint("Perhaps you meant the key \"%s\".", nearest)
					 : errhint("null says that it is unknown.")));
}

/* What a feature of the kind may be in JSON. */
static const char *
expected_json(hpc_kind kind)
{
	switch (kind)
	{
		case HPC_BOOLEAN:
			return "true, false or null";
		case HPC_CATEGORY:
			return "a string or null";
		case HPC_TIME:
			return "a date or time as a string, such as "
				   "\"2010-05-01\" or \"2010-05-01T12:00:00Z\", or null";
		default:
			return "a number or null";
	}
}

/* A time may have an offset from UTC, as timestamptz has it in JSON. */
static bool
take_value(const hpg_column *column, const JsonbValue *json, Datum *value)
{
	hpg_column with_offset = *column;

	if (hpg_legal_value(column, json, value) == HPG_LEGAL)
		return true;
	if (column->kind != HPC_TIME)
		return false;
	with_offset.type = with_offset.base_type = TIMESTAMPTZOID;
	return hpg_legal_value(&with_offset, json, value) == HPG_LEGAL;
}

/* Brings the object into rowtype->values and nulls. */
static void
read_row(Jsonb *row, hpg_rowtype *rowtype)
{
	if (!JB_ROOT_IS_OBJECT(row))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the row must be a JSON object"),
				 errhint("It has a key for each feature of the model.")));
	for (int i = 0; i < rowtype->ncolumns; i++)
	{
		const hpg_column *column = &rowtype->columns[i];
		const char *name =
			NameStr(TupleDescAttr(rowtype->desc, column->attnum)->attname);
		JsonbValue json;

		if (getKeyJsonValueFromContainer(&row->root, name, (int) strlen(name),
										 &json) == NULL)
			key_missing(row, column);
		rowtype->nulls[column->attnum] = json.type == jbvNull;
		if (json.type != jbvNull &&
			!take_value(column, &json, &rowtype->values[column->attnum]))
			hpg_json_mismatch("row", name, expected_json(column->kind), &json);
	}
}

static double
predict_json(FunctionCallInfo fcinfo, hpg_resolver resolve)
{
	hpg_loaded *loaded;
	json_cache *cache = cache_for(fcinfo, resolve, &loaded);

	read_row(PG_GETARG_JSONB_P(1), cache->rowtype);
	return hpg_binding_predict_values(cache->binding, loaded);
}

/* hp_predict_json(model hp_model, r jsonb) returns double precision */
Datum
hp_predict_json(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(predict_json(fcinfo, hpg_call_model));
}

/* hp_predict_json(name text, r jsonb) returns double precision */
Datum
hp_predict_json_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(predict_json(fcinfo, hpg_call_named));
}
