/*
 * hpg_warn.c
 *		hp_warn(model, row): what of a row the model has never seen the like of;
 *		hp_check(model, NULL::t): why rows of a type do not suit a model.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/tuplestore.h"

#include "hpg.h"

HPG_FUNCTION(hp_warn);
HPG_FUNCTION(hp_check);

/* Bytes of a category that a message quotes. */
#define QUOTED_BYTES 60

/* ---------- one row ---------- */

static char *
end_text(hpc_kind kind, double number)
{
	char *time = kind == HPC_TIME ? hpg_time_json(number) : NULL;

	return time != NULL ? time : float8out_internal(number);
}

char *
hpg_quoted(const char *bytes, uint32_t nbytes)
{
	char *text = hpg_from_utf8(bytes, nbytes);
	int length = (int) strlen(text);

	if (length <= QUOTED_BYTES)
		return psprintf("\"%s\"", text);
	length = pg_mbcliplen(text, length, QUOTED_BYTES);
	return psprintf("\"%.*s...\"", length, text);
}

hpg_warning
hpg_warning_of(const hpc_model *model, int index,
			   const hpc_model_feature *feature, const hpc_value *value)
{
	if (!feature->used)
		return HPG_NO_WARNING;
	if (value->missing ||
		(feature->kind != HPC_CATEGORY && isnan(value->number)))
		return feature->nmissing > 0 ? HPG_NO_WARNING : HPG_WARN_MISSING;
	if (feature->kind == HPC_CATEGORY)
		return hpc_model_knows(model, index, value) ? HPG_NO_WARNING
													: HPG_WARN_UNSEEN;
	if (value->number > feature->max)
		return HPG_WARN_ABOVE;
	return value->number < feature->min ? HPG_WARN_BELOW : HPG_NO_WARNING;
}

static char *
number_warning(const hpc_model_feature *feature, double number,
			   const char *compared, double end, const char *most)
{
	return psprintf("%s is %s, %s than %s, the %s in training",
					hpg_name(feature->name), end_text(feature->kind, number),
					compared, end_text(feature->kind, end), most);
}

/* A warning, or NULL. */
static char *
warn_of(const hpc_model *model, int index, const hpc_value *value)
{
	hpc_model_feature feature;
	bool is_time;

	hpc_model_feature_at(model, index, &feature);
	is_time = feature.kind == HPC_TIME;
	switch (hpg_warning_of(model, index, &feature, value))
	{
		case HPG_WARN_MISSING:
			return psprintf("%s is missing, which it never was in training",
							hpg_name(feature.name));
		case HPG_WARN_ABOVE:
			return number_warning(&feature, value->number,
								  is_time ? "later" : "more", feature.max,
								  is_time ? "latest" : "greatest");
		case HPG_WARN_BELOW:
			return number_warning(&feature, value->number,
								  is_time ? "earlier" : "less", feature.min,
								  is_time ? "earliest" : "least");
		case HPG_WARN_UNSEEN:
			return psprintf("%s is %s, which training did not see",
							hpg_name(feature.name),
							hpg_quoted(value->bytes, value->nbytes));
		default:
			return NULL;
	}
}

Datum
hpg_warnings(const hpc_model *model, const hpc_value *values)
{
	hpc_model_summary summary;
	char **warnings;
	int n = 0;

	hpc_model_summarize(model, &summary);
	warnings = palloc(sizeof(char *) * Max(summary.nfeatures, 1));
	for (int i = 0; i < summary.nfeatures; i++)
	{
		char *warning = warn_of(model, i, &values[i]);

		if (warning != NULL)
			warnings[n++] = warning;
	}
	return hpg_text_array(warnings, n);
}

/* hp_warn(model hp_model, r record) returns text[] */
Datum
hp_warn(PG_FUNCTION_ARGS)
{
	hpg_loaded *loaded;
	HeapTupleHeader row;
	hpg_binding *binding =
		hpg_call_bind(fcinfo, hpg_call_model, &loaded, &row);

	PG_RETURN_DATUM(
		hpg_warnings(loaded->model, hpg_binding_values(binding, row)));
}

/* ---------- a row type ---------- */

static bool
is_ambiguous(const hpg_rowtype *rowtype, const char *name)
{
	int n = 0;

	for (int i = 0; i < rowtype->ncolumns; i++)
		n += strcmp(rowtype->columns[i].name, name) == 0;
	return n > 1;
}

/* Why a feature cannot be read from rows of the type, or NULL. */
static char *
problem_with(const hpg_rowtype *rowtype, const hpc_model_feature *feature)
{
	const hpg_column *column;

	if (is_ambiguous(rowtype, feature->name))
		return pstrdup("there is more than one column of the name");
	column = hpg_rowtype_find(rowtype, feature->name);
	if (column == NULL)
	{
		const char *nearest = hpg_nearest_column(rowtype, feature->name);

		return nearest == NULL
				   ? pstrdup("there is no such column")
				   : psprintf("there is no such column; perhaps it is \"%s\"",
							  hpg_name(nearest));
	}
	if (column->kind == feature->kind)
		return NULL;
	return psprintf("it has type %s, but the model was trained on a %s",
					format_type_be(column->type),
					hpc_kind_name(feature->kind));
}

/*
 * hp_check(model hp_model, r anyelement) returns table (column_name text,
 * problem text)
 */
Datum
hp_check(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	hpg_rowtype *rowtype =
		hpg_source_rowtype(fcinfo, 1, "hp_check", CurrentMemoryContext);
	const hpc_model *model;
	hpc_model_summary summary;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	model = hpg_arg_model(fcinfo, 0);
	hpc_model_summarize(model, &summary);
	for (int i = 0; i < summary.nfeatures; i++)
	{
		hpc_model_feature feature;
		bool nulls[2] = {false};
		Datum values[2];
		char *problem;

		hpc_model_feature_at(model, i, &feature);
		problem = problem_with(rowtype, &feature);
		if (problem == NULL)
			continue;
		values[0] = CStringGetTextDatum(hpg_name(feature.name));
		values[1] = CStringGetTextDatum(problem);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}
