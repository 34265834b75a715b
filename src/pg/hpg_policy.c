/*
 * hpg_policy.c
 *		What hp_fit_cleaner is to fit: a policy, by kind and by column.
 *
 *		{"number": "median", "text": "mode", "boolean": "mode",
 *		 "columns": {"alley": {"constant": "no alley"}, "sold": "median"},
 *		 "missing": [-999, "N/A"]}
 *
 * A word is a method, a number or a truth value is a constant, and so is what
 * {"constant": ...} holds: for a text column a bare string could be either.
 * null leaves what is missing NULL.
 *
 *		numbers		"median", "mean", "mode"
 *		text		"mode"; of an enum likewise, if no constant is asked for
 *		boolean		"mode"
 *		times		only by column: "median" (the lower of the middle two),
 *					"mode"
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "hpg_fit.h"

static const char what[] = "policy";

/* ---------- reading ---------- */

static const struct
{
	const char *name;
	hpg_method method;
} methods[] = {
	{"median", HPG_MEDIAN},
	{"mean", HPG_MEAN},
	{"mode", HPG_MODE},
};

static const char *
method_name(hpg_method method)
{
	for (size_t i = 0; i < lengthof(methods); i++)
		if (methods[i].method == method)
			return methods[i].name;
	return "constant";
}

static hpg_method
method_by_name(const JsonbValue *value)
{
	for (size_t i = 0; i < lengthof(methods); i++)
		if (value->val.string.len == (int) strlen(methods[i].name) &&
			memcmp(value->val.string.val, methods[i].name,
				   value->val.string.len) == 0)
			return methods[i].method;
	return HPG_NO_ENTRY;
}

/* The value in {"constant": value}, or NULL when it is anything else. */
static JsonbValue *
constant_of(const JsonbValue *value)
{
	JsonbValue key;
	JsonbValue *constant;

	if (!hpg_json_is_object(value) ||
		JsonContainerSize(value->val.binary.data) != 1)
		return NULL;
	key.type = jbvString;
	key.val.string.val = pstrdup("constant");
	key.val.string.len = (int) strlen("constant");
	constant =
		findJsonbValueFromContainer(value->val.binary.data, JB_FOBJECT, &key);
	if (constant == NULL || constant->type == jbvBinary)
		return NULL;
	return constant;
}

/* False when the value is no rule at all. */
static bool
read_rule(const JsonbValue *value, hpg_rule *rule)
{
	const JsonbValue *constant = value;

	if (value->type == jbvString)
	{
		rule->method = method_by_name(value);
		return rule->method != HPG_NO_ENTRY;
	}
	if (value->type == jbvBinary)
		constant = constant_of(value);
	if (constant == NULL)
		return false;
	rule->method = constant->type == jbvNull ? HPG_LEAVE : HPG_CONSTANT;
	rule->constant = *constant;
	return true;
}

/* A rule for a kind: one of these methods, or a constant of this type. */
static void
read_kind(const char *key, const JsonbValue *value, unsigned allowed,
		  enum jbvType constant, const char *expected, hpg_rule *rule)
{
	if (!read_rule(value, rule) ||
		(rule->method == HPG_CONSTANT && rule->constant.type != constant) ||
		(rule->method != HPG_CONSTANT && rule->method != HPG_LEAVE &&
		 (allowed & (1U << rule->method)) == 0))
		hpg_json_mismatch(what, key, expected, value);
}

static void
read_number(void *target, const char *key, JsonbValue *value)
{
	read_kind(key, value, 1U << HPG_MEDIAN | 1U << HPG_MEAN | 1U << HPG_MODE,
			  jbvNumeric, "\"median\", \"mean\", \"mode\", a number or null",
			  &((hpg_policy *) target)->number);
}

static void
read_text(void *target, const char *key, JsonbValue *value)
{
	read_kind(key, value, 1U << HPG_MODE, jbvString,
			  "\"mode\", {\"constant\": \"...\"} or null",
			  &((hpg_policy *) target)->text);
}

static void
read_boolean(void *target, const char *key, JsonbValue *value)
{
	read_kind(key, value, 1U << HPG_MODE, jbvBool,
			  "\"mode\", true, false or null",
			  &((hpg_policy *) target)->boolean);
}

static void
check_column(void *target, const char *key, JsonbValue *value)
{
	hpg_rule rule;

	if (!read_rule(value, &rule))
		hpg_json_mismatch(
			what, key,
			"\"median\", \"mean\", \"mode\", a number, true, false, {\"constant\": ...} or null",
			value);
}

static void
read_columns(void *target, const char *key, JsonbValue *value)
{
	if (!hpg_json_is_object(value))
		hpg_json_mismatch(what, key, "an object of column names and rules",
						  value);
	((hpg_policy *) target)->columns = value->val.binary.data;
	hpg_json_each(value->val.binary.data, check_column, NULL);
}

static void
read_missing(void *target, const char *key, JsonbValue *value)
{
	hpg_tokens_read(&((hpg_policy *) target)->tokens, what, value);
}

static const hpg_json_key policy_keys[] = {
	{"number", read_number},   {"text", read_text},
	{"boolean", read_boolean}, {"columns", read_columns},
	{"missing", read_missing},
};

void
hpg_policy_read(hpg_policy *policy, Jsonb *json)
{
	memset(policy, 0, sizeof(*policy));
	policy->number.method = HPG_MEDIAN;
	policy->text.method = HPG_MODE;
	policy->boolean.method = HPG_MODE;
	if (json != NULL)
		hpg_json_read(json, what, lengthof(policy_keys), policy_keys, policy);
}

/* ---------- rules for columns ---------- */

/* Methods that a column's own rule may name. */
static unsigned
methods_of(const hpg_column *column)
{
	switch (column->kind)
	{
		case HPC_NUMBER:
			return 1U << HPG_MEDIAN | 1U << HPG_MEAN | 1U << HPG_MODE;
		case HPC_TIME:
			return 1U << HPG_MEDIAN | 1U << HPG_MODE;
		case HPC_CATEGORY:
		case HPC_BOOLEAN:
			return 1U << HPG_MODE;
		default:
			return 0;
	}
}

static void
method_error(const hpg_column *column, hpg_method method)
{
	StringInfoData list;
	unsigned allowed = methods_of(column);

	initStringInfo(&list);
	for (size_t i = 0; i < lengthof(methods); i++)
		if (allowed & (1U << methods[i].method))
			appendStringInfo(&list, "\"%s\", ", methods[i].name);
	appendStringInfoString(&list, "{\"constant\": ...} or null");
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no %s of column \"%s\" of type %s",
					method_name(method), hpg_name(column->name),
					format_type_with_typemod(column->type, column->typmod)),
			 errhint("The policy of this column can be %s.",
					 allowed ? list.data : "null")));
}

/* The column's own rule, checked; HPG_NO_ENTRY when it has none. */
static hpg_rule
own_rule(const hpg_policy *policy, const hpg_column *column)
{
	hpg_rule rule = {.method = HPG_NO_ENTRY};
	char *name = hpg_name(column->name);
	JsonbValue key;
	JsonbValue *json;
	hpg_legality legality;
	Datum value;

	key.type = jbvString;
	key.val.string.val = name;
	key.val.string.len = (int) strlen(name);
	json = policy->columns
			   ? findJsonbValueFromContainer(policy->columns, JB_FOBJECT, &key)
			   : NULL;
	if (json == NULL)
		return rule;
	(void) read_rule(json, &rule);
	if (rule.method == HPG_CONSTANT)
	{
		legality = hpg_legal_value(column, &rule.constant, &value);
		if (legality != HPG_LEGAL)
			hpg_legal_error(column, &rule.constant, legality);
	}
	else if (rule.method != HPG_LEAVE &&
			 (methods_of(column) & (1U << rule.method)) == 0)
		method_error(column, rule.method);
	return rule;
}

static hpg_rule
kind_rule(const hpg_policy *policy, const hpg_column *column)
{
	hpg_rule none = {.method = HPG_NO_ENTRY};

	switch (column->kind)
	{
		case HPC_NUMBER:
			return policy->number;
		case HPC_BOOLEAN:
			return policy->boolean;
		case HPC_CATEGORY:
			if (hpg_is_enum(column) && policy->text.method == HPG_CONSTANT)
				return none;
			return policy->text;
		default:
			return none;
	}
}

hpg_rule
hpg_policy_rule(const hpg_policy *policy, const hpg_column *column)
{
	hpg_rule rule = own_rule(policy, column);
	Datum value;

	if (rule.method != HPG_NO_ENTRY)
		return rule;
	rule = kind_rule(policy, column);
	if (rule.method == HPG_CONSTANT &&
		hpg_legal_value(column, &rule.constant, &value) != HPG_LEGAL)
		rule.method = HPG_LEAVE;
	return rule;
}

void
hpg_policy_check_columns(const hpg_policy *policy, const hpg_rowtype *rowtype)
{
	if (policy->columns != NULL)
		hpg_json_each(policy->columns, hpg_json_check_column,
					  unconstify(hpg_rowtype *, rowtype));
}
