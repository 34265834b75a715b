/*
 * hpg_fill.h
 *		What the files behind hp_clean share: hpg_missing.c says what is
 *		missing, hpg_legal.c what a column can hold, hpg_fill.c puts the two
 *		together, hpg_policy.c and hpg_fit.c find out what to fill in.
 */
#ifndef HPG_FILL_H
#define HPG_FILL_H

#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "hpg.h"

/* ---------- hpg_json.c: reading a JSON object key by key ---------- */

/* A key that an object may have, and what takes its value. */
typedef struct hpg_json_key
{
	const char *name;
	void (*read)(void *target, const char *key, JsonbValue *value);
} hpg_json_key;

/*
 * Calls the reader of each key; an unknown key is an ERROR with the nearest
 * one as a HINT.  what names the object in messages ("fill", "policy").
 */
extern void hpg_json_read(Jsonb *json, const char *what, int nkeys,
						  const hpg_json_key *keys, void *target);

/* Calls read for each key of an object, whatever its name. */
extern void
hpg_json_each(JsonbContainer *object,
			  void (*read)(void *target, const char *key, JsonbValue *value),
			  void *target);

/* For hpg_json_each: ERROR unless the target, a row type, has the column. */
extern void
hpg_json_check_column(void *target, const char *key, JsonbValue *value);

/* ERROR: what must be expected, not what value is. */
extern void
hpg_json_mismatch(const char *what, const char *key, const char *expected,
				  const JsonbValue *value) pg_attribute_noreturn();

/* A value as it looks in JSON, for messages. */
extern char *hpg_json_text(const JsonbValue *value);

extern bool hpg_json_is_object(const JsonbValue *value);
extern bool hpg_json_is_array(const JsonbValue *value);

/*
 * Whether two arguments are the same JSON to the byte, unlike = for jsonb, to
 * which 5 and 5.0 are equal: they would read differently in a result.  Either
 * may be NULL.
 */
extern bool hpg_json_equal(Jsonb *a, Jsonb *b);

/* ---------- hpg_missing.c ---------- */

/* Values that stand for "unknown" besides the obvious ones. */
typedef struct hpg_tokens
{
	JsonbContainer *json; /* the array they came from, or NULL */
	int ntexts;
	const char **texts; /* trimmed, in the server's encoding */
	int *lengths;
	int longest;
	int nnumbers;
	Numeric *numbers;
} hpg_tokens;

/* Reads the value of the key "missing" of a fill or a policy. */
extern void
hpg_tokens_read(hpg_tokens *tokens, const char *what, JsonbValue *value);

/* Whether a value that is not NULL is missing all the same. */
extern bool hpg_is_missing(const hpg_tokens *tokens, const hpg_column *column,
						   Datum datum);

/* Whether such a value can exist at all: if not, only NULL is missing. */
extern bool
hpg_can_be_missing(const hpg_tokens *tokens, const hpg_column *column);

/* ---------- hpg_legal.c ---------- */

typedef enum hpg_legality
{
	HPG_LEGAL,
	HPG_WRONG_JSON,     /* a string for a number, and so on */
	HPG_ILLEGAL,        /* the type cannot hold it */
	HPG_AGAINST_DOMAIN, /* a constraint of the domain forbids it */
	HPG_NO_FILL         /* values of the type cannot be filled in */
} hpg_legality;

/*
 * The value that a JSON value means in a column.  No setting has a say in
 * it, and nothing is raised but what a domain's own expression raises.
 */
extern hpg_legality hpg_legal_value(const hpg_column *column,
									const JsonbValue *json, Datum *value);

/* Whether the column's domain, if it is one, takes a NULL. */
extern bool hpg_legal_null(const hpg_column *column);

/* ERROR that words what hpg_legal_value found. */
extern void hpg_legal_error(const hpg_column *column, const JsonbValue *json,
							hpg_legality legality) pg_attribute_noreturn();

/* Enums are categories, but only their labels can be filled in. */
extern bool hpg_is_enum(const hpg_column *column);

/* Microseconds since 2000 as the text that hpg_legal_value reads, or NULL. */
extern char *hpg_time_text(const hpg_column *column, double microseconds);

#endif /* HPG_FILL_H */
