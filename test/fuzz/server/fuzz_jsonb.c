/*
 * fuzz_jsonb.c
 *		JSON of any origin as parameters, as a fill, as a policy.
 *
 * What is accepted must also work: parameters come back from their own text,
 * a fill fills rows of its type, what a policy finds is a fill.
 *
 * Input that begins like JSON is taken as it is.  Any other is a list of
 * choices, a byte each, by which JSON is made of the words that matter: few
 * random changes of JSON leave JSON.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/typcache.h"

#include "../../../src/pg/hpg.h"
#include "../../../src/pg/hpg_fit.h"
#include "hpf_server.h"

static hpg_rowtype *rowtype; /* of table fuzz_rows */

/* ---------- JSON from choices ---------- */

/* Keys and words of parameters, fills and policies; columns of fuzz_rows. */
static const char *const words[] = {"algorithm",
									"forest",
									"extra_trees",
									"boost",
									"linear",
									"blend",
									"mean",
									"members",
									"trees",
									"rounds",
									"features",
									"feature_fraction",
									"max_depth",
									"min_leaf",
									"max_leaves",
									"max_bins",
									"bag",
									"row_fraction",
									"cat_smooth",
									"cat_min_rows",
									"learning_rate",
									"l1",
									"l2",
									"loss",
									"squared",
									"absolute",
									"quantile",
									"huber",
									"huber_quantile",
									"early_stopping",
									"log_target",
									"retransform",
									"median",
									"monotone",
									"exclude",
									"weight",
									"leak",
									"error",
									"allow",
									"seed",
									"clean",
									"number",
									"text",
									"boolean",
									"columns",
									"missing",
									"absent",
									"mode",
									"constant",
									"leave",
									"skip",
									"a",
									"b",
									"c",
									"d",
									"e",
									"f",
									"g",
									"h",
									"i",
									"j",
									"k",
									"l",
									"m",
									"n",
									"",
									"NA",
									"None",
									"good",
									"2020-02-30",
									"infinity",
									"-1",
									"\\u00e4",
									"\\ud83d\\ude00"};

static const char *const numbers[] = {"0",
									  "1",
									  "-1",
									  "2",
									  "16",
									  "0.5",
									  "-0",
									  "1.0",
									  "0.1",
									  "100",
									  "1000",
									  "65535",
									  "1e9",
									  "999.99",
									  "1e308",
									  "1e-320",
									  "9223372036854775807",
									  "-9223372036854775808",
									  "1e400",
									  "0.30000000000000004"};

typedef struct choices
{
	const uint8_t *at;
	const uint8_t *end;
	StringInfoData json;
} choices;

static uint8_t
choose(choices *c, size_t n)
{
	return c->at < c->end ? *c->at++ % n : 0;
}

static void
put_word(choices *c)
{
	appendStringInfo(&c->json, "\"%s\"", words[choose(c, lengthof(words))]);
}

static void
put_value(choices *c, int depth)
{
	int kind = choose(c, depth > 4 ? 4 : 8);
	int n;

	switch (kind)
	{
		case 0:
			appendStringInfoString(&c->json,
								   numbers[choose(c, lengthof(numbers))]);
			break;
		case 1:
			put_word(c);
			break;
		case 2:
			appendStringInfoString(&c->json, choose(c, 2) ? "true" : "false");
			break;
		case 3:
			appendStringInfoString(&c->json, "null");
			break;
		case 4:
			appendStringInfoChar(&c->json, '[');
			n = choose(c, 5);
			for (int i = 0; i < n; i++)
			{
				appendStringInfoString(&c->json, i > 0 ? "," : "");
				put_value(c, depth + 1);
			}
			appendStringInfoChar(&c->json, ']');
			break;
		default:
			appendStringInfoChar(&c->json, '{');
			n = choose(c, 7);
			for (int i = 0; i < n; i++)
			{
				appendStringInfoString(&c->json, i > 0 ? "," : "");
				put_word(c);
				appendStringInfoChar(&c->json, ':');
				put_value(c, depth + 1);
			}
			appendStringInfoChar(&c->json, '}');
	}
}

/* In the current memory context; NULL: no text. */
static char *
make_json(const uint8_t *bytes, size_t nbytes)
{
	choices c = {.at = bytes, .end = bytes + nbytes};

	if (nbytes > 0 && strchr("{[\"", bytes[0]) != NULL)
	{
		if (memchr(bytes, '\0', nbytes) != NULL ||
			!pg_verify_mbstr(PG_UTF8, (const char *) bytes, (int) nbytes,
							 true))
			return NULL;
		return pnstrdup((const char *) bytes, nbytes);
	}
	initStringInfo(&c.json);
	put_value(&c, 0);
	return c.json.data;
}

/* ---------- what is done with it ---------- */

static Jsonb *
parse_json(const char *text)
{
	return DatumGetJsonbP(
		DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

static void
use_params(Jsonb *json)
{
	hpg_params *params = hpg_params_parse(json, CurrentMemoryContext);
	hpg_params *again;

	if (params->text == NULL)
		return;
	again = hpg_params_parse(parse_json(params->text), CurrentMemoryContext);
	if (again->text == NULL || strcmp(again->text, params->text) != 0 ||
		again->core.algorithm != params->core.algorithm ||
		again->nexclude != params->nexclude)
		abort();
}

/* A row without a value, or one of zeros and empty texts, as far as it goes. */
static void
set_row(bool zeros)
{
	for (int i = 0; i < rowtype->desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(rowtype->desc, i);
		bool text = column->atttypid == TEXTOID;

		rowtype->nulls[i] = !zeros || (!column->attbyval && !text);
		rowtype->values[i] = text ? CStringGetTextDatum("") : (Datum) 0;
	}
}

static void
use_fill(Jsonb *json)
{
	hpg_fill *fill =
		hpg_fill_compile(json, rowtype, true, CurrentMemoryContext);

	for (int turn = 0; turn < 2; turn++)
	{
		set_row(turn == 1);
		hpg_fill_apply(fill, rowtype);
		for (int i = 0; i < rowtype->ncolumns; i++)
		{
			hpc_value value;

			if (rowtype->columns[i].kind != HPC_NO_KIND)
				hpg_row_value(rowtype, &rowtype->columns[i], &value);
		}
	}
}

/* What a policy finds is a fill. */
static void
use_policy(Jsonb *json)
{
	hpg_policy policy;
	hpg_fit *fit;

	hpg_policy_read(&policy, json);
	hpg_policy_check_columns(&policy, rowtype);
	fit = hpg_fit_create(json, CurrentMemoryContext);
	for (int turn = 0; turn < 2; turn++)
	{
		set_row(turn == 1);
		hpg_fit_add(fit, rowtype);
	}
	use_fill(hpg_fit_result(fit));
}

/* ---------- the targets ---------- */

static void
find_rowtype(void)
{
	Oid type = DatumGetObjectId(
		DirectFunctionCall1(regtypein, CStringGetDatum("fuzz_rows")));

	rowtype = hpg_rowtype_make(lookup_rowtype_tupdesc_copy(type, -1),
							   CurrentMemoryContext);
}

typedef struct attempt
{
	void (*use)(Jsonb *json);
	const char *text;
} attempt;

static void
use_text(void *argument)
{
	attempt *a = argument;

	a->use(parse_json(a->text));
}

static bool
use_as(void (*use)(Jsonb *json), const uint8_t *bytes, size_t nbytes)
{
	attempt a = {use, make_json(bytes, nbytes)};

	if (a.text == NULL)
		return false;
	hpf_attempt(use_text, &a);
	return true;
}

/* A target that hands JSON to a function. */
#define TARGET(what)                                                          \
	static bool use_as_##what(const uint8_t *bytes, size_t nbytes)            \
	{                                                                         \
		return use_as(use_##what, bytes, nbytes);                             \
	}                                                                         \
	const hpf_server_target hpf_##what = {#what, find_rowtype, use_as_##what, \
										  NULL}

TARGET(params);
TARGET(fill);
TARGET(policy);
