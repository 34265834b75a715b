/*
 * hpg_json.c
 *		Reading a JSON object key by key, with errors that help.
 *
 * Fills and policies are jsonb: readable, storable, folded to constants by
 * the planner.  Each knows its keys as a table of names and readers; what is
 * not in the table is an ERROR that suggests the nearest name.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

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
