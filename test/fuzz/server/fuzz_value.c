/*
 * fuzz_value.c
 *		Models of any origin, by each of the ways into SQL: as text, as a
 *		message, as bytea; and all that SQL does with a model.
 *
 * An input is a block as the core's target takes it (fuzz_model.c).  Its
 * first word, which no digest covers, chooses the way.  The block is refused
 * as corrupt, or else:
 *
 *	- the value has these bytes and no others
 *	- with any bit changed it is refused, by the same way
 *	- the text form with any character changed is refused, or means the same
 *	- each statement below raises no ERROR but one that a user could have
 *	  meant to get, and does not answer false
 *
 * A block that is refused is sealed and tried again.
 */
#include "postgres.h"

#include "access/toast_internals.h"
#include "common/base64.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "hpf_server.h"

#define TEXT_LINE "houseprice model 1: of any origin\n"

typedef enum way
{
	BY_TEXT,
	BY_MESSAGE,
	BY_BYTEA,
	NWAYS
} way;

/* A block on its way in. */
typedef struct entry
{
	way by;
	const char *bytes; /* behind the length word */
	int nbytes;
	char *text; /* instead of bytes, of BY_TEXT; or NULL */
	Datum value;
} entry;

static FmgrInfo inputs[NWAYS];
static Oid model_type;

/* ---------- ways in ---------- */

static char *
text_of(const char *bytes, int nbytes)
{
	int room = pg_b64_enc_len(nbytes);
	char *text = palloc(strlen(TEXT_LINE) + room + 1);
	int length;

	strcpy(text, TEXT_LINE);
	length = pg_b64_encode(bytes, nbytes, text + strlen(TEXT_LINE), room);
	text[strlen(TEXT_LINE) + length] = '\0';
	return text;
}

static Datum
by_message(const entry *e)
{
	StringInfoData message;
	Datum value;

	initStringInfo(&message);
	appendBinaryStringInfo(&message, e->bytes, e->nbytes);
	value = ReceiveFunctionCall(&inputs[BY_MESSAGE], &message, model_type, -1);
	if (message.cursor != message.len)
		abort();
	return value;
}

static void
enter(void *argument)
{
	entry *e = argument;
	bytea *bytes;

	switch (e->by)
	{
		case BY_TEXT:
			e->value = InputFunctionCall(&inputs[BY_TEXT],
										 e->text != NULL
											 ? e->text
											 : text_of(e->bytes, e->nbytes),
										 model_type, -1);
			break;
		case BY_MESSAGE:
			e->value = by_message(e);
			break;
		default:
			bytes = palloc(e->nbytes + VARHDRSZ);
			SET_VARSIZE(bytes, e->nbytes + VARHDRSZ);
			memcpy(VARDATA(bytes), e->bytes, e->nbytes);
			e->value =
				FunctionCall1(&inputs[BY_BYTEA], PointerGetDatum(bytes));
	}
}

/* False: it is refused, for the one reason there is. */
static bool
is_accepted(entry *e)
{
	int code = hpf_attempt(enter, e);

	if (code != 0 && code != ERRCODE_DATA_CORRUPTED)
		abort();
	return code == 0;
}

/* ---------- values that came in ---------- */

static bool
is_same(const entry *e, const char *bytes)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(e->value);

	return VARSIZE(value) == e->nbytes + VARHDRSZ &&
		   memcmp(VARDATA(value), bytes, e->nbytes) == 0;
}

static void
check_changed_bit(const entry *e, uint32 hash)
{
	char *changed = palloc(e->nbytes);
	entry other = {e->by, changed, e->nbytes, NULL, 0};

	memcpy(changed, e->bytes, e->nbytes);
	changed[hash / 8 % e->nbytes] ^= 1 << hash % 8;
	if (is_accepted(&other))
		abort();
}

/* Base64 has white space, and bits that mean nothing. */
static void
check_changed_text(const entry *e, uint32 hash)
{
	char *text = text_of(e->bytes, e->nbytes);
	size_t start = strlen(TEXT_LINE);
	entry other = {BY_TEXT, e->bytes, e->nbytes, text, 0};
	char *changed = &text[start + hash / 256 % (strlen(text) - start)];
	int code;

	*changed = (char) (*changed ^ hash);
	if (*changed == '\0')
		*changed = 'A';
	code = hpf_attempt(enter, &other);
	if (code == 0 ? !is_same(&other, e->bytes)
				  : code != ERRCODE_DATA_CORRUPTED &&
						code != ERRCODE_INVALID_TEXT_REPRESENTATION)
		abort();
}

/* ---------- what is done with a model ---------- */

/* Each answers a boolean, which is not false; $2 is $1 with another seed. */
static const char *const statements[] = {
	"SELECT bool_and(abs(hp_predict($1, l)) < 'infinity') FROM fuzz_lots l",
	"SELECT bool_and(p.prediction = hp_predict($1, p.source_row)) "
	"FROM hp_predict_rows($1, NULL::fuzz_lots) p",
	"SELECT bool_and(abs(hp_predict_json($1, to_jsonb(l))) < 'infinity') "
	"FROM fuzz_lots l WHERE rooms = 4",
	"SELECT bool_and(abs(hp_predict_oob($1, l, 100)) < 'infinity') "
	"FROM fuzz_lots l",
	"SELECT bool_and(hp_warn($1, l) IS NOT NULL) FROM fuzz_lots l",
	"SELECT count(*) >= 0 FROM hp_check($1, NULL::fuzz_lots)",
	"SELECT hp_digest($1, l, 100) <> '' FROM fuzz_lots l",
	"SELECT hp_model_info($1) ->> 'digest' <> ''",
	"SELECT $1::jsonb ->> 'digest' <> ''",
	"SELECT count(t) > 0 FROM hp_tree($1, 1) t",
	"SELECT count(i) >= 0 FROM hp_importance($1) i",
	"SELECT hp_merge(m) = $1 FROM (VALUES ($1), (NULL)) v(m)",
	"SELECT hp_merge(m) IS NOT NULL FROM (VALUES ($1), ($1)) v(m)",
	"SELECT hp_merge(m) = hp_merge(m ORDER BY m) "
	"FROM (VALUES ($1), ($2)) v(m)",
	"SELECT $1::text::hp_model = $1 AND $1::bytea::hp_model = $1",
};

static SPIPlanPtr plans[lengthof(statements)];

typedef struct statement
{
	SPIPlanPtr plan;
	Datum models[2];
} statement;

static void
execute(void *argument)
{
	statement *s = argument;
	bool isnull;

	if (SPI_execute_plan(s->plan, s->models, NULL, false, 0) !=
			SPI_OK_SELECT ||
		SPI_processed != 1)
		abort();
	if (!DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
									SPI_tuptable->tupdesc, 1, &isnull)) &&
		!isnull)
		abort();
	SPI_freetuptable(SPI_tuptable);
}

/* The model with another seed. */
static Datum
reseeded(const entry *e)
{
	char *block = palloc0(e->nbytes + VARHDRSZ);
	entry other = {BY_BYTEA, block + VARHDRSZ, e->nbytes, NULL, 0};

	memcpy(block + VARHDRSZ, e->bytes, e->nbytes);
	hpf_reseed(block);
	if (!is_accepted(&other))
		abort();
	return other.value;
}

/* As it is, or compressed, which goes by the cache of models. */
static void
use_model(const entry *e, uint32 hash)
{
	Datum other = reseeded(e);
	Datum packed = 0;

	if (hash % 2 == 0)
		packed = toast_compress_datum(e->value, TOAST_PGLZ_COMPRESSION);
	for (size_t i = 0; i < lengthof(statements); i++)
	{
		statement s = {plans[i], {packed != 0 ? packed : e->value, other}};

		hpf_attempt(execute, &s);
	}
}

/* ---------- the target ---------- */

static void
find_inputs(void)
{
	static const char *const names[NWAYS] = {"hp_model_in(cstring)",
											 "hp_model_recv(internal)",
											 "hp_model_from_bytea(bytea)"};

	model_type = DatumGetObjectId(
		DirectFunctionCall1(regtypein, CStringGetDatum("hp_model")));
	for (int i = 0; i < NWAYS; i++)
		fmgr_info_cxt(DatumGetObjectId(
						  DirectFunctionCall1(regprocedurein,
											  CStringGetDatum(names[i]))),
					  &inputs[i], CurrentMemoryContext);
}

static void
begin(void)
{
	find_inputs();
	for (size_t i = 0; i < lengthof(statements); i++)
	{
		Oid types[] = {model_type, model_type};

		/* the planner looks at the model of the first, a prediction */
		plans[i] = SPI_prepare_cursor(statements[i], 2, types,
									  i == 0 ? CURSOR_OPT_CUSTOM_PLAN
											 : CURSOR_OPT_GENERIC_PLAN);
		if (plans[i] == NULL || SPI_keepplan(plans[i]) != 0)
			elog(ERROR, "could not prepare: %s", statements[i]);
	}
}

/* Accepted as it is, or where that is for the digest alone, once sealed? */
static bool
is_accepted_sealed(entry *e, char *block, const uint8_t *bytes, size_t nbytes)
{
	if (is_accepted(e))
		return true;
	hpf_seal(block, nbytes);
	return memcmp(block, bytes, nbytes) != 0 && is_accepted(e);
}

static bool
use(const uint8_t *bytes, size_t nbytes)
{
	char *block = palloc(nbytes);
	uint32 hash = hash_bytes(bytes, (int) nbytes);
	entry e;

	if (nbytes < VARHDRSZ)
		return false;
	memcpy(block, bytes, nbytes);
	e = (entry){bytes[0] % NWAYS, block + VARHDRSZ, (int) nbytes - VARHDRSZ,
				NULL, 0};
	if (!is_accepted_sealed(&e, block, bytes, nbytes))
		return true;
	if (!is_same(&e, e.bytes))
		abort();
	check_changed_bit(&e, hash);
	check_changed_text(&e, hash);
	use_model(&e, hash);
	return true;
}

const hpf_server_target hpf_value = {"value", begin, use, hpf_mutate_model};
