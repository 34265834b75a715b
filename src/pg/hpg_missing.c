/*
 * hpg_missing.c
 *		What counts as missing, besides NULL.
 *
 *		numbers		NaN, Infinity, -Infinity, and the number tokens
 *		text		nothing but white space, and the string tokens; both are
 *					compared without white space at their ends
 *		the rest	nothing: false, an enum's label, a date are values
 *
 * White space is what ASCII calls so, whatever the locale.  A long text that
 * lies compressed or out of line is read only as far as it takes to see that
 * it is longer than any token.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "hpg_compat.h"
#include "hpg_fill.h"

/* How much of a toasted text is looked at beyond the longest token. */
#define PROBE_BYTES 256

/* ---------- tokens ---------- */

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
trim(const char **text, int *length)
{
	while (*length > 0 && is_blank(**text))
	{
		(*text)++;
		(*length)--;
	}
	while (*length > 0 && is_blank((*text)[*length - 1]))
		(*length)--;
}

static void
add_text(hpg_tokens *tokens, const JsonbValue *value)
{
	const char *text = value->val.string.val;
	int length = value->val.string.len;
	int n = tokens->ntexts++;

	trim(&text, &length);
	tokens->texts[n] = pnstrdup(text, length);
	tokens->lengths[n] = length;
	tokens->longest = Max(tokens->longest, length);
}

static void
add_number(hpg_tokens *tokens, const JsonbValue *value)
{
	tokens->numbers[tokens->nnumbers++] =
		DatumGetNumericCopy(NumericGetDatum(value->val.numeric));
}

void
hpg_tokens_read(hpg_tokens *tokens, const char *what, JsonbValue *value)
{
	static const char expected[] = "an array of strings and numbers";
	JsonbContainer *array;
	int n;

	if (!hpg_json_is_array(value))
		hpg_json_mismatch(what, "missing", expected, value);
	array = value->val.binary.data;
	n = Max((int) JsonContainerSize(array), 1);
	tokens->json = array;
	tokens->texts = palloc(sizeof(char *) * n);
	tokens->lengths = palloc(sizeof(int) * n);
	tokens->numbers = palloc(sizeof(Numeric) * n);
	for (uint32 i = 0; i < JsonContainerSize(array); i++)
	{
		JsonbValue *token = getIthJsonbValueFromContainer(array, i);

		if (token->type == jbvString)
			add_text(tokens, token);
		else if (token->type == jbvNumeric)
			add_number(tokens, token);
		else
			hpg_json_mismatch(what, "missing", expected, value);
	}
}

/* ---------- text ---------- */

static bool
text_is_token(const hpg_tokens *tokens, const char *text, int length)
{
	trim(&text, &length);
	if (length == 0)
		return true;
	for (int i = 0; i < tokens->ntexts; i++)
		if (tokens->lengths[i] == length &&
			memcmp(tokens->texts[i], text, length) == 0)
			return true;
	return false;
}

/* Whether the beginning of a toasted text shows it too long for a token. */
static bool
is_long_text(const hpg_tokens *tokens, Datum datum)
{
	int probe = tokens->longest + PROBE_BYTES;
	struct varlena *slice = PG_DETOAST_DATUM_SLICE(datum, 0, probe);
	const char *text = VARDATA_ANY(slice);
	int length = (int) VARSIZE_ANY_EXHDR(slice);

	trim(&text, &length);
	return length > tokens->longest;
}

static bool
varlena_is_missing(const hpg_tokens *tokens, Datum datum)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(datum);

	if ((VARATT_IS_EXTERNAL_ONDISK(value) || VARATT_IS_COMPRESSED(value)) &&
		is_long_text(tokens, datum))
		return false;
	value = PG_DETOAST_DATUM_PACKED(datum);
	return text_is_token(tokens, VARDATA_ANY(value),
						 (int) VARSIZE_ANY_EXHDR(value));
}

static bool
category_is_missing(const hpg_tokens *tokens, Oid base_type, Datum datum)
{
	const char *text;
	char byte;

	switch (base_type)
	{
		case NAMEOID:
		case UNKNOWNOID:
			text = DatumGetCString(datum);
			return text_is_token(tokens, text, (int) strlen(text));
		case CHAROID:
			byte = DatumGetChar(datum);
			return text_is_token(tokens, &byte, byte != '\0');
		default:
			return varlena_is_missing(tokens, datum);
	}
}

/* ---------- numbers ---------- */

static bool
integer_is_token(const hpg_tokens *tokens, int64 integer)
{
	Datum number;

	if (tokens->nnumbers == 0)
		return false;
	number = NumericGetDatum(int64_to_numeric(integer));
	for (int i = 0; i < tokens->nnumbers; i++)
		if (DatumGetBool(
				DirectFunctionCall2(numeric_eq, number,
									NumericGetDatum(tokens->numbers[i]))))
			return true;
	return false;
}

/* A token is what it would be as a value of the column. */
static bool
double_is_token(const hpg_tokens *tokens, double number, bool single)
{
	for (int i = 0; i < tokens->nnumbers; i++)
	{
		double token = DatumGetFloat8(
			DirectFunctionCall1(numeric_float8_no_overflow,
								NumericGetDatum(tokens->numbers[i])));

		if (number == token || (single && fabs(token) <= FLT_MAX &&
								(float4) number == (float4) token))
			return true;
	}
	return false;
}

static bool
numeric_is_missing(const hpg_tokens *tokens, Numeric number)
{
	if (numeric_is_nan(number) || numeric_is_inf(number))
		return true;
	for (int i = 0; i < tokens->nnumbers; i++)
		if (DatumGetBool(
				DirectFunctionCall2(numeric_eq, NumericGetDatum(number),
									NumericGetDatum(tokens->numbers[i]))))
			return true;
	return false;
}

static bool
float_is_missing(const hpg_tokens *tokens, double number, bool single)
{
	return !isfinite(number) || double_is_token(tokens, number, single);
}

static bool
number_is_missing(const hpg_tokens *tokens, Oid base_type, Datum datum)
{
	switch (base_type)
	{
		case INT2OID:
			return integer_is_token(tokens, DatumGetInt16(datum));
		case INT4OID:
			return integer_is_token(tokens, DatumGetInt32(datum));
		case INT8OID:
			return integer_is_token(tokens, DatumGetInt64(datum));
		case FLOAT4OID:
			return float_is_missing(tokens, DatumGetFloat4(datum), true);
		case FLOAT8OID:
			return float_is_missing(tokens, DatumGetFloat8(datum), false);
		default:
			return numeric_is_missing(tokens, DatumGetNumeric(datum));
	}
}

/* ---------- the question itself ---------- */

bool
hpg_is_enum(const hpg_column *column)
{
	return column->kind == HPC_CATEGORY && type_is_enum(column->base_type);
}

/* Is asked when a row type is new, so that hpg_is_missing need not be. */
bool
hpg_can_be_missing(const hpg_tokens *tokens, const hpg_column *column)
{
	switch (column->kind)
	{
		case HPC_NUMBER:
			return !column->integral || tokens->nnumbers > 0;
		case HPC_CATEGORY:
			return !hpg_is_enum(column);
		default:
			return false;
	}
}

/* Only for columns that hpg_can_be_missing. */
bool
hpg_is_missing(const hpg_tokens *tokens, const hpg_column *column, Datum datum)
{
	if (column->kind == HPC_NUMBER)
		return number_is_missing(tokens, column->base_type, datum);
	return category_is_missing(tokens, column->base_type, datum);
}
