/*
 * hpg_json.c
 *		Reading a JSON object key by key, with errors that help; making JSON.
 *
 * Fills, policies and parameters are jsonb: readable, storable, folded to
 * constants by the planner.  Fills and policies know their keys as tables of
 * names and readers; what is not in the table is an ERROR that suggests the
 * nearest name.
 *
 * The canonical text of a JSON value is the same in every database: UTF-8,
 * keys in one order whatever the server's encoding, numbers without zeros
 * that add nothing.
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "hpg_compat.h"
#include "hpg_fill.h"

/* ---------- values ---------- */

bool
hpg_json_is_object(const JsonbValue *value)
{
	return value->type == jbvBinary &&
		   JsonContainerIsObject(value->val.binary.data);
}

bool
hpg_json_is_array(const JsonbValue *value)
{
	return value->type == jbvBinary &&
		   JsonContainerIsArray(value->val.binary.data);
}

char *
hpg_json_text(const JsonbValue *value)
{
	JsonbValue copy = *value;
	Jsonb *json = JsonbValueToJsonb(&copy);

	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

bool
hpg_json_equal(Jsonb *a, Jsonb *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

/* ---------- errors ---------- */

void
hpg_json_mismatch(const char *what, const char *key, const char *expected,
				  const JsonbValue *value)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" of the %s must be %s", key, what, expected),
			 errdetail("It is %s.", hpg_json_text(value))));
}

/* Names the nearest key, or all of them when none is near. */
static void
unknown_key(const char *what, const char *key, int nkeys,
			const hpg_json_key *keys)
{
	const char **names = palloc(sizeof(char *) * nkeys);
	const char *nearest;
	uint32_t nbytes;
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < nkeys; i++)
	{
		names[i] = keys[i].name;
		appendStringInfo(&list, "%s\"%s\"", i ? ", " : "", names[i]);
	}
	nearest = hpg_nearest_name(hpg_to_utf8(key, (int) strlen(key), &nbytes),
							   nkeys, names);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown key \"%s\" in the %s", key, what),
			 nearest ? errhint("Perhaps you meant \"%s\".", nearest)
					 : errhint("The keys are %s.", list.data)));
}

/* ---------- objects ---------- */

void
hpg_json_each(JsonbContainer *object,
			  void (*read)(void *target, const char *key, JsonbValue *value),
			  void *target)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbValue item;
	JsonbIteratorToken token;
	const char *key = "";

	while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(item.val.string.val, item.val.string.len);
		else if (token == WJB_VALUE)
			read(target, key, &item);
		/* nested containers come whole, so only the outer one begins */
	}
}

/* What hpg_json_read passes to its own reader. */
typedef struct json_dispatch
{
	const char *what;
	int nkeys;
	const hpg_json_key *keys;
	void *target;
} json_dispatch;

static void
read_known_key(void *target, const char *key, JsonbValue *value)
{
	json_dispatch *dispatch = target;

	for (int i = 0; i < dispatch->nkeys; i++)
	{
		if (strcmp(dispatch->keys[i].name, key) != 0)
			continue;
		dispatch->keys[i].read(dispatch->target, key, value);
		return;
	}
	unknown_key(dispatch->what, key, dispatch->nkeys, dispatch->keys);
}

void
hpg_json_read(Jsonb *json, const char *what, int nkeys,
			  const hpg_json_key *keys, void *target)
{
	json_dispatch dispatch = {what, nkeys, keys, target};

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the %s must be a JSON object", what),
				 errdetail("It is %s.",
						   JsonbToCString(NULL, &json->root, VARSIZE(json))),
				 errhint("For example '{\"%s\": ...}'.", keys[0].name)));
	hpg_json_each(&json->root, read_known_key, &dispatch);
}

void
hpg_json_check_column(void *target, const char *key, JsonbValue *value)
{
	const hpg_rowtype *rowtype = target;
	uint32_t nbytes;
	const char *name = hpg_to_utf8(key, (int) strlen(key), &nbytes);

	if (hpg_rowtype_find(rowtype, name) == NULL)
		hpg_column_missing(rowtype, name);
}

/* ---------- making JSON ---------- */

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

void
hpg_push_bool(JsonbParseState **state, bool boolean)
{
	JsonbValue value = {.type = jbvBool};

	value.val.boolean = boolean;
	pushJsonbValue(state, WJB_VALUE, &value);
}

void
hpg_push_named_string(JsonbParseState **state, const char *key,
					  const char *string)
{
	hpg_push_key(state, key);
	hpg_push_string(state, string);
}

void
hpg_push_named_number(JsonbParseState **state, const char *key, double number)
{
	hpg_push_key(state, key);
	hpg_push_number(state, number);
}

void
hpg_push_named_integer(JsonbParseState **state, const char *key, int64 number)
{
	hpg_push_key(state, key);
	hpg_push_integer(state, number);
}

void
hpg_push_element(JsonbParseState **state, const char *string)
{
	JsonbValue value = {.type = jbvNull};

	if (string != NULL)
	{
		value.type = jbvString;
		value.val.string.val = pstrdup(string);
		value.val.string.len = (int) strlen(string);
	}
	pushJsonbValue(state, WJB_ELEM, &value);
}

void
hpg_push_container(JsonbParseState **state, JsonbIteratorToken as,
				   Jsonb *jsonb)
{
	JsonbValue value = {.type = jbvBinary};

	value.val.binary.data = &jsonb->root;
	value.val.binary.len = VARSIZE(jsonb) - VARHDRSZ;
	pushJsonbValue(state, as, &value);
}

Jsonb *
hpg_json_parse(const char *utf8)
{
	return DatumGetJsonbP(
		DirectFunctionCall1(jsonb_in, CStringGetDatum(hpg_name(utf8))));
}

void
hpg_push_jsonb(JsonbParseState **state, const char *utf8)
{
	hpg_push_container(state, WJB_VALUE, hpg_json_parse(utf8));
}

/* ---------- canonical text ---------- */

typedef struct json_pair
{
	const char *key; /* in UTF-8 */
	JsonbValue value;
} json_pair;

/* jsonb's own order of keys, but by their length and bytes in UTF-8. */
static int
compare_pairs(const void *a, const void *b)
{
	const char *one = ((const json_pair *) a)->key;
	const char *other = ((const json_pair *) b)->key;
	size_t length = strlen(one);
	size_t other_length = strlen(other);

	if (length != other_length)
		return length < other_length ? -1 : 1;
	return memcmp(one, other, length);
}

static void write_value(StringInfo text, const JsonbValue *value);

static void
write_object(StringInfo text, JsonbContainer *object)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	json_pair *pairs =
		palloc(Max(JsonContainerSize(object), 1) * sizeof(json_pair));
	JsonbIteratorToken token;
	JsonbValue item;
	int n = 0;

	while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			pairs[n].key =
				hpg_utf8_copy(item.val.string.val, item.val.string.len);
		else if (token == WJB_VALUE)
			pairs[n++].value = item;
	}
	qsort(pairs, n, sizeof(json_pair), compare_pairs);
	appendStringInfoChar(text, '{');
	for (int i = 0; i < n; i++)
	{
		appendStringInfoString(text, i > 0 ? ", " : "");
		escape_json(text, pairs[i].key);
		appendStringInfoString(text, ": ");
		write_value(text, &pairs[i].value);
	}
	appendStringInfoChar(text, '}');
}

static void
write_array(StringInfo text, JsonbContainer *array)
{
	JsonbIterator *iterator = JsonbIteratorInit(array);
	JsonbIteratorToken token;
	JsonbValue item;
	int n = 0;

	appendStringInfoChar(text, '[');
	while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		appendStringInfoString(text, n++ > 0 ? ", " : "");
		write_value(text, &item);
	}
	appendStringInfoChar(text, ']');
}

static void
write_value(StringInfo text, const JsonbValue *value)
{
	check_stack_depth();
	switch (value->type)
	{
		case jbvString:
			escape_json(text, hpg_utf8_copy(value->val.string.val,
											value->val.string.len));
			break;
		case jbvNumeric:
			appendStringInfoString(
				text, DatumGetCString(DirectFunctionCall1(
						  numeric_out,
						  DirectFunctionCall1(numeric_trim_scale,
											  NumericGetDatum(
												  value->val.numeric)))));
			break;
		case jbvBool:
			appendStringInfoString(text,
								   value->val.boolean ? "true" : "false");
			break;
		case jbvBinary:
			if (JsonContainerIsObject(value->val.binary.data))
				write_object(text, value->val.binary.data);
			else
				write_array(text, value->val.binary.data);
			break;
		default:
			appendStringInfoString(text, "null");
	}
}

char *
hpg_json_canonical(Jsonb *jsonb)
{
	JsonbValue value = {.type = jbvBinary};
	StringInfoData text;

	value.val.binary.data = &jsonb->root;
	value.val.binary.len = VARSIZE(jsonb) - VARHDRSZ;
	initStringInfo(&text);
	write_value(&text, &value);
	return text.data;
}
