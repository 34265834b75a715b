/*
 * hpg_features.c
 *		Which columns of a row type a training uses, and for what.
 *
 * Target and weight are columns with a part of their own; all others are
 * features, but for the excluded ones.  What a parameter names must be there
 * and be of a type that fits, or else the ERROR says what would.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "hpg.h"
#include "hpg_compat.h"

/* ROW(1, 2) has the names f1, f2: nothing to bind a prediction by. */
static void
refuse_nameless(const hpg_rowtype *rowtype)
{
	if (rowtype->type != RECORDOID || rowtype->ncolumns == 0)
		return;
	for (int i = 0; i < rowtype->ncolumns; i++)
	{
		if (strcmp(rowtype->columns[i].name, psprintf("f%d", i + 1)) != 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the columns of the row have no names"),
			 errdetail("ROW(...) names its columns f1, f2 and so on."),
			 errhint("Use a table's row, hp_select_features(h, ...), or a "
					 "subquery: FROM (SELECT a, b FROM houses) h.")));
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

static void target_missing(const hpg_rowtype *rowtype, const char *target)
	pg_attribute_noreturn();

/* The target's name is no column: maybe it was meant as a value. */
static void
target_missing(const hpg_rowtype *rowtype, const char *target)
{
	const char **names = palloc(Max(rowtype->ncolumns, 1) * sizeof(char *));
	const char *nearest;

	for (int i = 0; i < rowtype->ncolumns; i++)
		names[i] = rowtype->columns[i].name;
	nearest = hpg_nearest_name(target, rowtype->ncolumns, names);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the row has no column \"%s\"",
					hpg_name(target)),
			 errdetail("A second argument of type text names the target "
					   "column."),
			 nearest != NULL
			 ? errhint("Perhaps you meant the column \"%s\".",
					   hpg_name(nearest))
			 : errhint("To train on a text column's values, cast it to "
					   "double precision.")));
}

/* What to write instead of a target column that is no number; or NULL. */
static char *
number_from(const hpg_column *column)
{
	const char *name = quote_identifier(hpg_name(column->name));

	switch (column->base_type)
	{
		case BOOLOID:
			return psprintf("%s::integer", name);
		case CASHOID:
			return psprintf("%s::numeric", name);
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case INTERVALOID:
			return psprintf("extract(epoch FROM %s)", name);
		default:
			if (column->kind == HPC_CATEGORY &&
				!type_is_enum(column->base_type))
				return psprintf("%s::double precision", name);
			return NULL;
	}
}

/* For an ERROR: what would do in place of the column. */
static int
hint_number(const hpg_params *params, const hpg_column *column)
{
	const char *name = hpg_name(column->name);
	char *instead = number_from(column);

	if (instead == NULL)
		return 0;
	if (params->any_type)
		return errhint("Give rows that have a number in its place: %s AS %s.",
					   instead, quote_identifier(name));
	return errhint("Give its value instead, and leave the column out: "
				   "hp_train(..., %s, %s(exclude => ARRAY[%s])).",
				   instead, hpg_params_constructor(params),
				   quote_literal_cstr(name));
}

/* The target column, or an ERROR that says what is wrong with it. */
static const hpg_column *
find_target(const hpg_params *params, const char *target,
			const hpg_rowtype *rowtype)
{
	const hpg_column *column = hpg_rowtype_find(rowtype, target);

	if (column == NULL)
		target_missing(rowtype, target);
	if (column->kind == HPC_NUMBER)
		return column;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("target column \"%s\" has type %s, which is not a number",
					hpg_name(column->name), format_type_be(column->type)),
			 hint_number(params, column)));
	return NULL;
}

static void
check_exclude(const hpg_params *params, const hpg_rowtype *rowtype)
{
	for (int i = 0; i < params->nexclude; i++)
	{
		if (hpg_rowtype_find(rowtype, params->exclude[i]) == NULL)
			hpg_column_missing(rowtype, params->exclude[i]);
	}
}

static void
refuse_type(const hpg_column *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" has type %s, which cannot be a feature",
					hpg_name(column->name), format_type_be(column->type)),
			 errhint("Leave it out with exclude => ARRAY[%s], choose columns "
					 "with hp_select_features, or cast it.",
					 quote_literal_cstr(hpg_name(column->name)))));
}

const hpg_column *
hpg_target_column(const hpg_rowtype *rowtype, const char *name)
{
	const hpg_column *column = hpg_rowtype_find(rowtype, name);

	if (column == NULL)
		hpg_column_missing(rowtype, name);
	if (column->kind != HPC_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("target column \"%s\" has type %s, which is not a "
						"number",
						hpg_name(column->name), format_type_be(column->type)),
				 errhint("Cast the column in the source.")));
	return column;
}

/* ---------- weights ---------- */

const hpg_column *
hpg_weight_column(const hpg_rowtype *rowtype, const char *name)
{
	const hpg_column *column = hpg_rowtype_find(rowtype, name);

	if (column == NULL)
		hpg_column_missing(rowtype, name);
	if (column->kind != HPC_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("weight column \"%s\" has type %s, which is not a "
						"number",
						hpg_name(name), format_type_be(column->type)),
				 errhint("Cast the column.")));
	return column;
}

double
hpg_weight_value(const hpg_column *column, const hpc_value *value)
{
	if (value->missing)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("weight column \"%s\" is NULL in some row",
						hpg_name(column->name)),
				 errhint("Leave such rows out with FILTER (WHERE ...), or "
						 "give them a weight; 0 leaves a row out.")));
	if (value->number != 0 &&
		!(value->number >= HPC_MIN_WEIGHT && value->number <= HPC_MAX_WEIGHT))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("weight column \"%s\" is %g in some row",
						hpg_name(column->name), value->number),
				 errhint("A weight is a number from %g to %g, or 0, which "
						 "leaves a row out.",
						 HPC_MIN_WEIGHT, HPC_MAX_WEIGHT)));
	return value->number;
}

/* The column of weights has a part of its own. */
static const hpg_column *
find_weight(const hpg_params *params, const hpg_rowtype *rowtype,
			const hpg_column *target)
{
	const hpg_column *column;

	if (params->weight == NULL)
		return NULL;
	column = hpg_weight_column(rowtype, params->weight);
	if (column == target)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" cannot be both target and weight",
						hpg_name(column->name))));
	return column;
}

/* ---------- monotone ---------- */

/* What keeps a column from being a feature; NULL: it is one. */
static const char *
other_part(const hpg_params *params, const hpg_features *features,
		   const hpg_column *column)
{
	if (column == features->target)
		return "the target";
	if (column == features->weight)
		return "the weight";
	if (is_excluded(params, column->name))
		return "excluded";
	return NULL;
}

static void
check_monotone(const hpg_params *params, const hpc_params *core,
			   const hpg_features *features, const hpg_rowtype *rowtype)
{
	for (int i = 0; i < core->nmonotone; i++)
	{
		const char *name = core->monotone[i].column;
		const hpg_column *column = hpg_rowtype_find(rowtype, name);
		const char *part;

		if (column == NULL)
			hpg_column_missing(rowtype, name);
		part = other_part(params, features, column);
		if (part != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("monotone column \"%s\" is %s, not a feature",
							hpg_name(name), part)));
		if (column->kind == HPC_CATEGORY)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("monotone column \"%s\" has type %s, which has no "
							"order",
							hpg_name(name), format_type_be(column->type)),
					 errhint("Numbers, booleans, dates and times have "
							 "one.")));
	}
}

/* ---------- features ---------- */

static void
refuse_second(const hpg_features *features, const hpg_column *column)
{
	for (int i = 0; i < features->nfeatures; i++)
	{
		if (strcmp(features->features[i]->name, column->name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("column \"%s\" appears more than once in the row",
							hpg_name(column->name)),
					 errhint("Give the columns different names, or name "
							 "those you want.")));
	}
}

static void
choose(const hpg_params *params, const hpg_rowtype *rowtype,
	   hpg_features *features)
{
	for (int i = 0; i < rowtype->ncolumns; i++)
	{
		const hpg_column *column = &rowtype->columns[i];

		if (other_part(params, features, column) != NULL)
			continue;
		if (column->kind == HPC_NO_KIND && params->any_type)
			continue;
		if (column->kind == HPC_NO_KIND)
			refuse_type(column);
		refuse_second(features, column);
		features->features[features->nfeatures++] = column;
	}
}

hpg_features *
hpg_features_choose(const hpg_params *params, const char *target,
					const hpg_rowtype *rowtype)
{
	hpg_features *features = palloc0(sizeof(hpg_features));

	features->features =
		palloc(Max(rowtype->ncolumns, 1) * sizeof(hpg_column *));
	refuse_nameless(rowtype);
	check_exclude(params, rowtype);
	if (target != NULL)
		features->target = find_target(params, target, rowtype);
	features->weight = find_weight(params, rowtype, features->target);

	/* the mean looks at no feature, so it takes any row */
	if (!params->has_features)
		return features;
	check_monotone(params, &params->core, features, rowtype);
	for (int i = 0; i < params->core.nmembers; i++)
		check_monotone(params, &params->core.members[i], features, rowtype);
	choose(params, rowtype, features);
	return features;
}
