/*
 * hpg_fill.c
 *		A fill, compiled for one row type and applied to its rows.
 *
 * A fill says what takes the place of missing values:
 *
 *		{"number": 0, "text": "None", "boolean": false,
 *		 "columns": {"year_built": 1970, "alley": "no alley"},
 *		 "missing": [-999, "N/A"], "absent": "error"}
 *
 * number, text and boolean hold for all columns of the kind; the values above
 * are the defaults, null leaves NULL.  columns is for single columns, missing
 * names further values that are missing, and absent says what happens when
 * the row lacks a column named: "error", or "skip" to pass it over.
 *
 * Compiling turns this into one value of the column's own type per column.
 * A value for a whole kind that a column cannot hold leaves NULL there; a
 * value for the column itself that it cannot hold is an ERROR.  What is
 * filled in depends on the column alone, so filling twice is filling once.
 *
 * Cost: one test per column and row; columns that can only be NULL or not,
 * such as integers, cost one byte compare.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "hpg_fill.h"

/* One column of the row type that is looked at. */
typedef struct column_fill
{
	hpg_column column;
	bool test;         /* values other than NULL can be missing */
	bool filled;       /* else what is missing becomes NULL */
	bool null_illegal; /* and the column's domain forbids that */
	Datum value;
} column_fill;

struct hpg_fill
{
	hpg_tokens tokens;
	int ncolumns;
	column_fill *columns;
};

/* A fill as read, before any row type is known. */
typedef struct fill_spec
{
	JsonbValue number;
	JsonbValue text;
	JsonbValue boolean;
	JsonbContainer *columns;
	hpg_tokens tokens;
	bool skip_absent;
} fill_spec;

/* ---------- reading ---------- */

static const char what[] = "fill";

static void
read_number(void *target, const char *key, JsonbValue *value)
{
	if (value->type != jbvNumeric && value->type != jbvNull)
		hpg_json_mismatch(what, key, "a number or null", value);
	((fill_spec *) target)->number = *value;
}

static void
read_text(void *target, const char *key, JsonbValue *value)
{
	if (value->type != jbvString && value->type != jbvNull)
		hpg_json_mismatch(what, key, "a string or null", value);
	((fill_spec *) target)->text = *value;
}

static void
read_boolean(void *target, const char *key, JsonbValue *value)
{
	if (value->type != jbvBool && value->type != jbvNull)
		hpg_json_mismatch(what, key, "true, false or null", value);
	((fill_spec *) target)->boolean = *value;
}

static void
check_column(void *target, const char *key, JsonbValue *value)
{
	if (value->type == jbvBinary)
		hpg_json_mismatch(what, key, "a number, a string, true, false or null",
						  value);
}

static void
read_columns(void *target, const char *key, JsonbValue *value)
{
	if (!hpg_json_is_object(value))
		hpg_json_mismatch(what, key, "an object of column names and values",
						  value);
	((fill_spec *) target)->columns = value->val.binary.data;
	hpg_json_each(value->val.binary.data, check_column, NULL);
}

static void
read_missing(void *target, const char *key, JsonbValue *value)
{
	hpg_tokens_read(&((fill_spec *) target)->tokens, what, value);
}

static bool
string_is(const JsonbValue *value, const char *string)
{
	return value->type == jbvString &&
		   value->val.string.len == (int) strlen(string) &&
		   memcmp(value->val.string.val, string, strlen(string)) == 0;
}

static void
read_absent(void *target, const char *key, JsonbValue *value)
{
	if (!string_is(value, "error") && !string_is(value, "skip"))
		hpg_json_mismatch(what, key, "\"error\" or \"skip\"", value);
	((fill_spec *) target)->skip_absent = string_is(value, "skip");
}

static const hpg_json_key fill_keys[] = {
	{"number", read_number},   {"text", read_text},
	{"boolean", read_boolean}, {"columns", read_columns},
	{"missing", read_missing}, {"absent", read_absent},
};

/* The defaults, then what the fill says. */
static void
read_fill(Jsonb *fill, fill_spec *spec)
{
	memset(spec, 0, sizeof(*spec));
	spec->number.type = jbvNumeric;
	spec->number.val.numeric = int64_to_numeric(0);
	spec->text.type = jbvString;
	spec->text.val.string.val = "None";
	spec->text.val.string.len = 4;
	spec->boolean.type = jbvBool;
	if (fill != NULL)
		hpg_json_read(fill, what, lengthof(fill_keys), fill_keys, spec);
}

void
hpg_fill_check(Jsonb *fill)
{
	fill_spec spec;

	read_fill(fill, &spec);
}

/* ---------- compiling ---------- */

/* What the fill says of the column itself, or NULL. */
static JsonbValue *
explicit_value(const fill_spec *spec, const hpg_column *column)
{
	char *name = hpg_name(column->name);
	JsonbValue key;

	if (spec->columns == NULL)
		return NULL;
	key.type = jbvString;
	key.val.string.val = name;
	key.val.string.len = (int) strlen(name);
	return findJsonbValueFromContainer(spec->columns, JB_FOBJECT, &key);
}

/* What the fill says of the column's kind, or NULL. */
static const JsonbValue *
kind_value(const fill_spec *spec, const hpg_column *column)
{
	switch (column->kind)
	{
		case HPC_NUMBER:
			return &spec->number;
		case HPC_BOOLEAN:
			return &spec->boolean;
		case HPC_CATEGORY:
			return hpg_is_enum(column) ? NULL : &spec->text;
		default:
			return NULL;
	}
}

/* The value outlives the statement's temporary memory. */
static void
keep_value(column_fill *fill, Datum value)
{
	int16 length;
	bool byval;

	get_typlenbyval(fill->column.base_type, &length, &byval);
	fill->value = datumCopy(value, byval, length);
	fill->filled = true;
}

/* False: the fill has nothing to do with the column. */
static bool
compile_column(const fill_spec *spec, const hpg_column *column,
			   column_fill *fill)
{
	const JsonbValue *own = explicit_value(spec, column);
	const JsonbValue *json = own ? own : kind_value(spec, column);
	Datum value = (Datum) 0;
	hpg_legality legality;

	memset(fill, 0, sizeof(*fill));
	if (json == NULL)
		return false;
	fill->column = *column;
	fill->column.name = pstrdup(column->name);
	fill->test = hpg_can_be_missing(&spec->tokens, column);
	if (json->type != jbvNull)
	{
		legality = hpg_legal_value(column, json, &value);
		if (legality == HPG_LEGAL)
			keep_value(fill, value);
		else if (own != NULL)
			hpg_legal_error(column, json, legality);
	}
	if (!fill->filled)
		fill->null_illegal = fill->test && !hpg_legal_null(column);
	return fill->filled || fill->test;
}

hpg_fill *
hpg_fill_compile(Jsonb *json, const hpg_rowtype *rowtype, bool strict_columns,
				 MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	hpg_fill *fill = palloc0(sizeof(hpg_fill));
	fill_spec spec;

	read_fill(json, &spec);
	if (strict_columns && !spec.skip_absent && spec.columns != NULL)
		hpg_json_each(spec.columns, hpg_json_check_column,
					  unconstify(hpg_rowtype *, rowtype));
	fill->tokens = spec.tokens;
	fill->columns = palloc(sizeof(column_fill) * Max(rowtype->ncolumns, 1));
	for (int i = 0; i < rowtype->ncolumns; i++)
		if (compile_column(&spec, &rowtype->columns[i],
						   &fill->columns[fill->ncolumns]))
			fill->ncolumns++;
	MemoryContextSwitchTo(old);
	return fill;
}

/* ---------- applying ---------- */

static void
null_error(const column_fill *fill)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("missing value of column \"%s\" cannot be left NULL",
					hpg_name(fill->column.name)),
			 errdetail("Type %s does not take NULL, and the fill has no value for it.",
					   format_type_be(fill->column.type)),
			 errhint("Give a value for the column under \"columns\" of the fill.")));
}

bool
hpg_fill_apply(hpg_fill *fill, hpg_rowtype *rowtype)
{
	bool changed = false;

	for (int i = 0; i < fill->ncolumns; i++)
	{
		const column_fill *column = &fill->columns[i];
		int attnum = column->column.attnum;
		bool isnull = rowtype->nulls[attnum];

		if (isnull ? !column->filled
				   : !(column->test &&
					   hpg_is_missing(&fill->tokens, &column->column,
									  rowtype->values[attnum])))
			continue;
		if (!column->filled && column->null_illegal)
			null_error(column);
		rowtype->values[attnum] = column->value;
		rowtype->nulls[attnum] = !column->filled;
		changed = true;
	}
	return changed;
}
