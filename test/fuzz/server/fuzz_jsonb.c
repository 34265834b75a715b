/*
 * fuzz_jsonb.c
 *		libFuzzer in a backend: JSON of any origin as parameters, as a fill, as
 *		a policy.
 *
 *		hp_fuzz(target text, arguments text[])
 *
 * is a function of builds for fuzzing only (tools/fuzz.sh); arguments are
 * those of libFuzzer, with which it ends the backend.  An input may raise any
 * ERROR that a user could have meant to get, but none that is internal.  What
 * is accepted must also work: parameters come back from their own text, a
 * fill fills rows of its type, what a policy finds is a fill.
 *
 * Input that begins like JSON is taken as it is.  Any other is a list of
 * choices, a byte each, by which JSON is made of the words that matter: few
 * random changes of JSON leave JSON.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/typcache.h"

#include "../../../src/pg/hpg.h"
#include "../../../src/pg/hpg_fit.h"

HPG_FUNCTION(hp_fuzz);

extern int LLVMFuzzerRunDriver(int *argc, char ***argv,
							   int (*feed)(const uint8_t *, size_t));

static void (*use_json)(Jsonb *json);
static MemoryContext input_context;
static MemoryContext kept_context;
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

/* ---------- targets ---------- */

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

/* ---------- one input ---------- */

static void
check_error(const char *text)
{
	ErrorData *error;

	MemoryContextSwitchTo(input_context);
	error = CopyErrorData();
	FlushErrorState();
	if (error->sqlerrcode != ERRCODE_INTERNAL_ERROR)
		return;
	write_stderr("internal error for %s: %s\n", text, error->message);
	abort();
}

static int
feed(const uint8_t *bytes, size_t nbytes)
{
	ResourceOwner owner = CurrentResourceOwner;
	char *text;

	MemoryContextSwitchTo(input_context);
	text = make_json(bytes, nbytes);
	if (text == NULL)
		return -1; /* not for the corpus */
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		MemoryContextSwitchTo(input_context);
		use_json(parse_json(text));
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		check_error(text);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(kept_context);
	MemoryContextReset(input_context);
	return 0;
}

/* ---------- the function ---------- */

static const struct
{
	const char *name;
	void (*use)(Jsonb *json);
} targets[] = {{"params", use_params},
			   {"fill", use_fill},
			   {"policy", use_policy}};

static void
make_rowtype(void)
{
	Oid type = DatumGetObjectId(
		DirectFunctionCall1(regtypein, CStringGetDatum("fuzz_rows")));

	rowtype =
		hpg_rowtype_make(lookup_rowtype_tupdesc_copy(type, -1), kept_context);
}

/* hp_fuzz(text, text[]) returns void */
Datum
hp_fuzz(PG_FUNCTION_ARGS)
{
	char *target = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum *elements;
	int nelements;
	char **argv;
	int argc = 1;

	kept_context = CurrentMemoryContext;
	input_context = AllocSetContextCreate(kept_context, "fuzz input",
										  ALLOCSET_DEFAULT_SIZES);
	make_rowtype();
	for (size_t i = 0; i < lengthof(targets); i++)
		if (strcmp(targets[i].name, target) == 0)
			use_json = targets[i].use;
	if (use_json == NULL)
		elog(ERROR, "no such target: %s", target);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &nelements);
	argv = palloc0((nelements + 2) * sizeof(char *));
	argv[0] = pstrdup("hp_fuzz");
	for (int i = 0; i < nelements; i++)
		argv[argc++] = TextDatumGetCString(elements[i]);
	LLVMFuzzerRunDriver(&argc, &argv, feed);
	PG_RETURN_VOID();
}
