/*
 * hpg_params.c
 *		Training parameters: constructors, and reading them back.
 *
 * hp_forest(trees => 500) is a jsonb with the algorithm's name and what was
 * given; nothing else, so that it reads like the call.  Both directions go by
 * the core's table of parameters: a constructor's arguments carry the names
 * that the table knows, their number and order do not matter here.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/syscache.h"

#include "hpg.h"
#include "hpg_compat.h"
#include "hpg_fill.h"

HPG_FUNCTION(hp_forest);
HPG_FUNCTION(hp_mean);

#define ALGORITHM_KEY "algorithm"

/* Bytes of what the user wrote that a message repeats. */
#define MAX_ECHO 80

/* ---------- messages ---------- */

/* A terminated copy in UTF-8. */
static char *
utf8_copy(const char *text, int nbytes)
{
	uint32_t length;
	const char *utf8 = hpg_to_utf8(text, nbytes, &length);

	return pnstrdup(utf8, length);
}

static bool
belongs_to(const hpc_parameter *which, hpc_algorithm algorithm)
{
	return (which->algorithms & 1u << algorithm) != 0;
}

/* The parameter of this name, or NULL. */
static const hpc_parameter *
find_parameter(hpc_algorithm algorithm, const char *name)
{
	int n;
	const hpc_parameter *table = hpc_parameter_table(&n);

	for (int i = 0; i < n; i++)
	{
		if (belongs_to(&table[i], algorithm) &&
			strcmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

/* What the user wrote, cut where it would fill the screen. */
static const char *
clipped(const char *text)
{
	int length = (int) strlen(text);

	if (length <= MAX_ECHO)
		return text;
	return psprintf("%.*s...", pg_mbcliplen(text, length, MAX_ECHO), text);
}

static void
unknown_parameter(hpc_algorithm algorithm, const char *name)
{
	int n;
	const hpc_parameter *table = hpc_parameter_table(&n);
	const char **names = palloc(n * sizeof(char *));
	int nnames = 0;
	const char *nearest;

	for (int i = 0; i < n; i++)
	{
		if (belongs_to(&table[i], algorithm))
			names[nnames++] = table[i].name;
	}
	nearest =
		hpg_nearest_name(utf8_copy(name, (int) strlen(name)), nnames, names);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("algorithm \"%s\" has no parameter \"%s\"",
					hpc_algorithm_name(algorithm), clipped(name)),
			 nearest != NULL
			 ? errhint("Perhaps you meant \"%s\".", nearest) : 0));
}

static const char *
expected_value(const hpc_parameter *which)
{
	switch (which->type)
	{
		case HPC_INTEGER:
			return psprintf("an integer from %.0f to %.0f", which->min,
							which->max);
		case HPC_REAL:
			return psprintf("a number from %g to %g", which->min, which->max);
		case HPC_BOOL:
			return "true or false";
		case HPC_CHOICE:
			return psprintf("'%s' or '%s'", which->choices[0],
							which->choices[1]);
		case HPC_NAMES:
			return "a list of column names";
		case HPC_OBJECT:
			return "a fill as hp_clean takes it";
	}
	return "";
}

static void
bad_value(const hpc_parameter *which, const char *given)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"%s\" cannot be %s", which->name,
					clipped(given)),
			 errhint("It takes %s.", expected_value(which))));
}

/* ---------- parts of JSON objects ---------- */

void
hpg_push_key(JsonbParseState **state, const char *key)
{
	JsonbValue value;

	value.type = jbvString;
	value.val.string.val = pstrdup(key);
	value.val.string.len = (int) strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
}

void
hpg_push_string(JsonbParseState **state, const char *string)
{
	JsonbValue value;

	value.type = jbvString;
	value.val.string.val = pstrdup(string);
	value.val.string.len = (int) strlen(string);
	pushJsonbValue(state, WJB_VALUE, &value);
}

static void
push_numeric(JsonbParseState **state, Datum numeric)
{
	JsonbValue value;

	value.type = jbvNumeric;
	value.val.numeric = DatumGetNumeric(numeric);
	pushJsonbValue(state, WJB_VALUE, &value);
}

/*
 * Every digit that tells the number from its neighbours.  Infinities, which
 * JSON lacks, become strings as in to_jsonb(); NaN, which stands for none
 * here, becomes null.
 */
void
hpg_push_number(JsonbParseState **state, double number)
{
	JsonbValue null = {.type = jbvNull};
	char digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (isnan(number))
		pushJsonbValue(state, WJB_VALUE, &null);
	else if (isinf(number))
		hpg_push_string(state, number > 0 ? "Infinity" : "-Infinity");
	else
	{
		double_to_shortest_decimal_buf(number, digits);
		push_numeric(state,
					 DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
										 ObjectIdGetDatum(InvalidOid),
										 Int32GetDatum(-1)));
	}
}

void
hpg_push_integer(JsonbParseState **state, int64 number)
{
	push_numeric(state, NumericGetDatum(int64_to_numeric(number)));
}

static void
push_bool(JsonbParseState **state, bool boolean)
{
	JsonbValue value = {.type = jbvBool};

	value.val.boolean = boolean;
	pushJsonbValue(state, WJB_VALUE, &value);
}

static void
push_jsonb(JsonbParseState **state, Jsonb *jsonb)
{
	JsonbIterator *iterator = JsonbIteratorInit(&jsonb->root);
	JsonbIteratorToken token;
	JsonbValue value;

	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
		pushJsonbValue(state, token, token < WJB_BEGIN_ARRAY ? &value : NULL);
}

void
hpg_push_jsonb(JsonbParseState **state, const char *utf8)
{
	char *text = hpg_name(utf8);

	push_jsonb(state,
			   DatumGetJsonbP(
				   DirectFunctionCall1(jsonb_in, CStringGetDatum(text))));
}

void
hpg_push_parameter(JsonbParseState **state, const hpc_params *params,
				   const hpc_parameter *which)
{
	double number = hpc_params_get(params, which);

	hpg_push_key(state, which->name);
	if (which->unset != NULL && number == which->fallback)
		hpg_push_number(state, NAN);
	else if (which->type == HPC_BOOL)
		push_bool(state, number != 0);
	else if (which->type == HPC_CHOICE)
		hpg_push_string(state, which->choices[(int) number]);
	else
		hpg_push_number(state, number);
}

/* ---------- constructors ---------- */

/* NaN, which fits no parameter, where a double would not be the integer. */
static double
exact_double(int64 integer)
{
	const int64 limit = INT64CONST(1) << 53;

	return integer >= -limit && integer <= limit ? (double) integer : NAN;
}

/* The same for JSON's numbers. */
static double
exact_integer(Numeric numeric)
{
	double number =
		DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
										   NumericGetDatum(numeric)));
	Numeric back;

	if (number != floor(number) || fabs(number) > 9007199254740992.0)
		return NAN;
	back = int64_to_numeric((int64) number);
	return DatumGetBool(DirectFunctionCall2(numeric_eq,
											NumericGetDatum(numeric),
											NumericGetDatum(back)))
			   ? number
			   : NAN;
}

/* A number, boolean or choice given to a constructor, checked. */
static void
push_scalar(JsonbParseState **state, const hpc_parameter *which, Oid type,
			Datum datum)
{
	hpc_params scratch;
	double number;
	char *given;

	switch (type)
	{
		case INT4OID:
			number = DatumGetInt32(datum);
			given = psprintf("%d", DatumGetInt32(datum));
			break;
		case INT8OID:
			number = exact_double(DatumGetInt64(datum));
			given = psprintf(INT64_FORMAT, DatumGetInt64(datum));
			break;
		case FLOAT8OID:
			number = DatumGetFloat8(datum);
			given = psprintf("%g", number);
			break;
		default:
			number = DatumGetBool(datum);
			given = "";
	}
	if (!hpc_params_set(&scratch, which, number))
		bad_value(which, given);
	if (type == BOOLOID)
		push_bool(state, number != 0);
	else
		hpg_push_number(state, number);
}

/* Index of a word among the choices of a parameter. */
static int
choice_index(const hpc_parameter *which, const char *word)
{
	for (int i = 0; which->choices[i] != NULL; i++)
	{
		if (strcmp(which->choices[i], word) == 0)
			return i;
	}
	bad_value(which, psprintf("'%s'", word));
	return -1;
}

/* Adds a string to the array at hand. */
static void
push_element(JsonbParseState **state, char *string)
{
	JsonbValue value;

	value.type = jbvString;
	value.val.string.val = string;
	value.val.string.len = (int) strlen(string);
	pushJsonbValue(state, WJB_ELEM, &value);
}

static void
push_names(JsonbParseState **state, const hpc_parameter *which,
		   ArrayType *array)
{
	Datum *names;
	bool *nulls;
	int nnames;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls,
					  &nnames);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < nnames; i++)
	{
		if (nulls[i])
			bad_value(which, "a list with a NULL");
		push_element(state, TextDatumGetCString(names[i]));
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
push_argument(JsonbParseState **state, const hpc_parameter *which, Oid type,
			  Datum datum)
{
	hpg_push_key(state, which->name);
	if (type == TEXTOID)
	{
		char *word = TextDatumGetCString(datum);

		choice_index(which, word);
		hpg_push_string(state, word);
	}
	else if (type == TEXTARRAYOID)
		push_names(state, which, DatumGetArrayTypeP(datum));
	else if (type == JSONBOID)
	{
		hpg_fill_check(DatumGetJsonbP(datum));
		push_jsonb(state, DatumGetJsonbP(datum));
	}
	else
		push_scalar(state, which, type, datum);
}

/* The jsonb of a constructor call: what was given, by the arguments' names. */
static Datum
construct(FunctionCallInfo fcinfo, hpc_algorithm algorithm)
{
	HeapTuple function =
		SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	JsonbParseState *state = NULL;
	JsonbValue *result;
	Oid *types;
	char **names;
	char *modes;

	if (!HeapTupleIsValid(function))
		elog(ERROR, "cache lookup failed for function %u",
			 fcinfo->flinfo->fn_oid);
	get_func_arg_info(function, &types, &names, &modes);
	ReleaseSysCache(function);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	hpg_push_key(&state, ALGORITHM_KEY);
	hpg_push_string(&state, hpc_algorithm_name(algorithm));
	for (int i = 0; i < PG_NARGS(); i++)
	{
		const hpc_parameter *which;

		if (PG_ARGISNULL(i))
			continue;
		which = find_parameter(algorithm, names[i]);
		if (which == NULL)
			elog(ERROR,
				 "constructor has an argument \"%s\" that is no "
				 "parameter",
				 names[i]);
		push_argument(&state, which, types[i], PG_GETARG_DATUM(i));
	}
	result = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(result));
}

/* hp_forest(trees integer, ...) returns jsonb */
Datum
hp_forest(PG_FUNCTION_ARGS)
{
	return construct(fcinfo, HPC_FOREST);
}

/* hp_mean() returns jsonb */
Datum
hp_mean(PG_FUNCTION_ARGS)
{
	return construct(fcinfo, HPC_MEAN);
}

/* ---------- reading ---------- */

/* The algorithm that an object of parameters names. */
static hpc_algorithm
read_algorithm(Jsonb *jsonb)
{
	JsonbValue buffer;
	JsonbValue *value = NULL;
	hpc_algorithm algorithm;
	char *name;

	if (JB_ROOT_IS_OBJECT(jsonb))
		value = getKeyJsonValueFromContainer(&jsonb->root, ALGORITHM_KEY,
											 strlen(ALGORITHM_KEY), &buffer);
	if (value == NULL || value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("training parameters name no algorithm"),
				 errhint("Make them with a constructor such as "
						 "hp_forest(trees => 500).")));
	name = pnstrdup(value->val.string.val, value->val.string.len);
	algorithm = hpc_algorithm_by_name(name);
	if (algorithm == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown algorithm \"%s\"", clipped(name)),
				 errhint("Make the parameters with a constructor such as "
						 "hp_forest(trees => 500).")));
	return algorithm;
}

static void
read_names(hpg_params *params, const hpc_parameter *which, JsonbValue *value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue element;

	if (!hpg_json_is_array(value))
		bad_value(which, hpg_json_text(value));
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_BEGIN_ARRAY)
			params->exclude =
				palloc(Max(element.val.array.nElems, 1) * sizeof(char *));
		if (token != WJB_ELEM)
			continue;
		if (element.type != jbvString)
			bad_value(which, hpg_json_text(value));
		params->exclude[params->nexclude++] =
			utf8_copy(element.val.string.val, element.val.string.len);
	}
}

/* UTF-8 text of a jsonb. */
static char *
jsonb_text(Jsonb *jsonb)
{
	char *text = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));

	return utf8_copy(text, (int) strlen(text));
}

/* The same JSON with each number in its shortest form. */
static Jsonb *
canonical_jsonb(Jsonb *jsonb)
{
	JsonbIterator *iterator = JsonbIteratorInit(&jsonb->root);
	JsonbParseState *state = NULL;
	JsonbValue *result = NULL;
	JsonbIteratorToken token;
	JsonbValue value;

	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
	{
		bool scalar = token < WJB_BEGIN_ARRAY;

		if (scalar && value.type == jbvNumeric)
			value.val.numeric = DatumGetNumeric(
				DirectFunctionCall1(numeric_trim_scale,
									NumericGetDatum(value.val.numeric)));
		result = pushJsonbValue(&state, token, scalar ? &value : NULL);
	}
	return JsonbValueToJsonb(result);
}

static void
read_object(hpg_params *params, const hpc_parameter *which, JsonbValue *value)
{
	if (!hpg_json_is_object(value))
		bad_value(which, hpg_json_text(value));
	params->clean = canonical_jsonb(JsonbValueToJsonb(value));
	params->clean_text = jsonb_text(params->clean);
	hpg_fill_check(params->clean);
}

static void
read_scalar(hpg_params *params, const hpc_parameter *which, JsonbValue *value)
{
	double number = NAN;

	if (which->type == HPC_BOOL && value->type == jbvBool)
		number = value->val.boolean;
	else if (which->type == HPC_CHOICE && value->type == jbvString)
		number = choice_index(which, pnstrdup(value->val.string.val,
											  value->val.string.len));
	else if (which->type == HPC_INTEGER && value->type == jbvNumeric)
		number = exact_integer(value->val.numeric);
	else if (which->type == HPC_REAL && value->type == jbvNumeric)
		number = DatumGetFloat8(
			DirectFunctionCall1(numeric_float8_no_overflow,
								NumericGetDatum(value->val.numeric)));
	if (!hpc_params_set(&params->core, which, number))
		bad_value(which, hpg_json_text(value));
}

/* Reads one key of the object of parameters. */
static void
read_parameter(void *target, const char *key, JsonbValue *value)
{
	hpg_params *params = target;
	const hpc_parameter *which;

	if (strcmp(key, ALGORITHM_KEY) == 0)
		return;
	which = find_parameter(params->core.algorithm, key);
	if (which == NULL)
		unknown_parameter(params->core.algorithm, key);
	else if (which->type == HPC_NAMES)
		read_names(params, which, value);
	else if (which->type == HPC_OBJECT)
		read_object(params, which, value);
	else
		read_scalar(params, which, value);
}

/* Order of names, for lists whose order does not count. */
static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static void
push_exclude(JsonbParseState **state, hpg_params *params)
{
	qsort(params->exclude, params->nexclude, sizeof(char *), compare_names);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < params->nexclude; i++)
		push_element(state, hpg_name(params->exclude[i]));
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* Does a parameter have another value than its default? */
static bool
is_given(const hpg_params *params, const hpc_parameter *which)
{
	if (which->type == HPC_NAMES)
		return params->nexclude > 0;
	if (which->type == HPC_OBJECT)
		return params->clean != NULL;
	return hpc_params_get(&params->core, which) != which->fallback;
}

/*
 * The parameters as text: what differs from the defaults, so that equal
 * parameters have equal texts however they were written.
 */
static char *
canonical_text(hpg_params *params)
{
	JsonbParseState *state = NULL;
	int n;
	const hpc_parameter *table = hpc_parameter_table(&n);

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	hpg_push_key(&state, ALGORITHM_KEY);
	hpg_push_string(&state, hpc_algorithm_name(params->core.algorithm));
	for (int i = 0; i < n; i++)
	{
		if (!belongs_to(&table[i], params->core.algorithm) ||
			!is_given(params, &table[i]))
			continue;
		if (table[i].type != HPC_NAMES && table[i].type != HPC_OBJECT)
		{
			hpg_push_parameter(&state, &params->core, &table[i]);
			continue;
		}
		hpg_push_key(&state, table[i].name);
		if (table[i].type == HPC_NAMES)
			push_exclude(&state, params);
		else
			push_jsonb(&state, params->clean);
	}
	return jsonb_text(
		JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

hpg_params *
hpg_params_parse(Jsonb *jsonb, MemoryContext context)
{
	MemoryContext before = MemoryContextSwitchTo(context);
	hpg_params *params = palloc0(sizeof(hpg_params));

	if (jsonb == NULL)
		hpc_params_init(&params->core, HPC_FOREST);
	else
	{
		hpc_params_init(&params->core, read_algorithm(jsonb));
		hpg_json_each(&jsonb->root, read_parameter, params);
	}
	params->text = canonical_text(params);
	MemoryContextSwitchTo(before);
	return params;
}
