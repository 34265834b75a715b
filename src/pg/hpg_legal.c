/*
 * hpg_legal.c
 *		What a column can hold: JSON values as values of a column's type.
 *
 * A fill must be a value that an INSERT into the column would take: within
 * the range of the type, its typmod and the constraints of its domains.  The
 * answer has to be a status and no error, because a default that does not fit
 * is passed over, so the ranges are compared here before the server's own
 * conversion is called, and the expressions of a domain are evaluated one by
 * one.  Dates are read by a parser of our own that knows ISO 8601 and nothing
 * else: hp_clean is IMMUTABLE and may not look at DateStyle or TimeZone.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "hpg_compat.h"
#include "hpg_fill.h"

/* ---------- numbers ---------- */

static int
compare(Numeric a, Numeric b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(a),
											 NumericGetDatum(b)));
}

static Numeric
round_to(Numeric number, int scale)
{
	return DatumGetNumeric(DirectFunctionCall2(numeric_round,
											   NumericGetDatum(number),
											   Int32GetDatum(scale)));
}

/* An integer type takes whole numbers within its range. */
static hpg_legality
legal_integer(Numeric number, int64 min, int64 max, int64 *value)
{
	if (compare(number, round_to(number, 0)) != 0 ||
		compare(number, int64_to_numeric(min)) < 0 ||
		compare(number, int64_to_numeric(max)) > 0)
		return HPG_ILLEGAL;
	*value = DatumGetInt64(
		DirectFunctionCall1(numeric_int8, NumericGetDatum(number)));
	return HPG_LEGAL;
}

static hpg_legality
legal_float(Numeric number, double max, double *value)
{
	*value = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												NumericGetDatum(number)));
	return fabs(*value) <= max ? HPG_LEGAL : HPG_ILLEGAL;
}

/* 10^exponent */
static Numeric
power_of_ten(int exponent)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "1e%d", exponent);
	return DatumGetNumeric(
		DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
							ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/* numeric(precision, scale) rounds, but does not overflow. */
static hpg_legality
legal_numeric(Numeric number, int32 typmod, Datum *value)
{
	int precision;
	int scale;
	Numeric rounded;

	*value = NumericGetDatum(number);
	if (typmod < (int32) VARHDRSZ)
		return HPG_LEGAL;
	precision = ((typmod - VARHDRSZ) >> 16) & 0xffff;
	scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
	rounded = round_to(number, scale);
	if (compare(DatumGetNumeric(DirectFunctionCall1(numeric_abs,
													NumericGetDatum(rounded))),
				power_of_ten(precision - scale)) >= 0)
		return HPG_ILLEGAL;
	*value = DirectFunctionCall2(numeric, NumericGetDatum(number),
								 Int32GetDatum(typmod));
	return HPG_LEGAL;
}

static hpg_legality
legal_number(Oid base_type, int32 typmod, Numeric number, Datum *value)
{
	int64 integer = 0;
	double real = 0;
	hpg_legality legality;

	switch (base_type)
	{
		case INT2OID:
			legality =
				legal_integer(number, PG_INT16_MIN, PG_INT16_MAX, &integer);
			*value = Int16GetDatum((int16) integer);
			return legality;
		case INT4OID:
			legality =
				legal_integer(number, PG_INT32_MIN, PG_INT32_MAX, &integer);
			*value = Int32GetDatum((int32) integer);
			return legality;
		case INT8OID:
			legality =
				legal_integer(number, PG_INT64_MIN, PG_INT64_MAX, &integer);
			*value = Int64GetDatum(integer);
			return legality;
		case FLOAT4OID:
			legality = legal_float(number, FLT_MAX, &real);
			*value = Float4GetDatum((float4) real);
			return legality;
		case FLOAT8OID:
			legality = legal_float(number, DBL_MAX, &real);
			*value = Float8GetDatum(real);
			return legality;
		default:
			return legal_numeric(number, typmod, value);
	}
}

/* ---------- text and labels ---------- */

static hpg_legality
legal_text(Oid base_type, int32 typmod, const char *text, Datum *value)
{
	int length = (int) strlen(text);
	bool limited = typmod >= (int32) VARHDRSZ &&
				   (base_type == VARCHAROID || base_type == BPCHAROID);

	if (limited && pg_mbstrlen(text) > typmod - (int32) VARHDRSZ)
		return HPG_ILLEGAL;
	switch (base_type)
	{
		case BPCHAROID:
			*value = DirectFunctionCall3(bpcharin, CStringGetDatum(text),
										 ObjectIdGetDatum(InvalidOid),
										 Int32GetDatum(typmod));
			return HPG_LEGAL;
		case NAMEOID:
			if (length >= NAMEDATALEN)
				return HPG_ILLEGAL;
			*value = DirectFunctionCall1(namein, CStringGetDatum(text));
			return HPG_LEGAL;
		case CHAROID:
			if (length > 1)
				return HPG_ILLEGAL;
			*value = CharGetDatum(text[0]);
			return HPG_LEGAL;
		case UNKNOWNOID:
			*value = CStringGetDatum(pstrdup(text));
			return HPG_LEGAL;
		default:
			*value = CStringGetTextDatum(text);
			return HPG_LEGAL;
	}
}

static hpg_legality
legal_label(Oid base_type, const char *label, Datum *value)
{
	if (strlen(label) >= NAMEDATALEN ||
		!SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(base_type),
							   CStringGetDatum(label)))
		return HPG_ILLEGAL;
	*value = DirectFunctionCall2(enum_in, CStringGetDatum(label),
								 ObjectIdGetDatum(base_type));
	return HPG_LEGAL;
}

/* ---------- ISO 8601 dates and times ---------- */

/* Takes ndigits digits from *p; false when there are fewer. */
static bool
take_digits(const char **p, int ndigits, int *number)
{
	*number = 0;
	for (int i = 0; i < ndigits; i++)
	{
		if (**p < '0' || **p > '9')
			return false;
		*number = *number * 10 + (*(*p)++ - '0');
	}
	return true;
}

static bool
take_char(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* yyyy-mm-dd as days since 2000-01-01 */
static bool
take_date(const char **p, int *ndays)
{
	int year;
	int month;
	int day;

	if (!take_digits(p, 4, &year) || !take_char(p, '-') ||
		!take_digits(p, 2, &month) || !take_char(p, '-') ||
		!take_digits(p, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 ||
		day > day_tab[isleap(year)][month - 1])
		return false;
	*ndays = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	return true;
}

/* hh:mm[:ss[.ffffff]] as microseconds */
static bool
take_time(const char **p, int64 *microseconds)
{
	int hour;
	int minute;
	int second = 0;
	int64 fraction = 0;
	int64 unit = USECS_PER_SEC / 10;

	if (!take_digits(p, 2, &hour) || !take_char(p, ':') ||
		!take_digits(p, 2, &minute))
		return false;
	if (take_char(p, ':') && !take_digits(p, 2, &second))
		return false;
	if (take_char(p, '.'))
		for (; **p >= '0' && **p <= '9' && unit > 0; unit /= 10)
			fraction += unit * (*(*p)++ - '0');
	if (hour > 23 || minute > 59 || second > 59)
		return false;
	*microseconds =
		((hour * INT64CONST(60) + minute) * 60 + second) * USECS_PER_SEC +
		fraction;
	return true;
}

/* Z, +hh, +hhmm or +hh:mm, as microseconds east of Greenwich */
static bool
take_offset(const char **p, int64 *microseconds)
{
	int hour;
	int minute = 0;
	int sign;

	*microseconds = 0;
	if (take_char(p, 'Z') || take_char(p, 'z'))
		return true;
	if (**p != '+' && **p != '-')
		return false;
	sign = *(*p)++ == '-' ? -1 : 1;
	if (!take_digits(p, 2, &hour))
		return false;
	if (take_char(p, ':') || (**p >= '0' && **p <= '9'))
		if (!take_digits(p, 2, &minute))
			return false;
	if (hour > 15 || minute > 59)
		return false;
	*microseconds = sign * (hour * USECS_PER_HOUR + minute * USECS_PER_MINUTE);
	return true;
}

static hpg_legality
legal_time(Oid base_type, const char *text, Datum *value)
{
	const char *p = text;
	int ndays;
	int64 time = 0;
	int64 offset = 0;
	bool has_time;

	if (!take_date(&p, &ndays))
		return HPG_ILLEGAL;
	if (base_type == DATEOID)
	{
		*value = DateADTGetDatum(ndays);
		return *p == '\0' ? HPG_LEGAL : HPG_ILLEGAL;
	}
	has_time = take_char(&p, 'T') || take_char(&p, ' ');
	if (has_time && !take_time(&p, &time))
		return HPG_ILLEGAL;
	if (base_type == TIMESTAMPTZOID &&
		(!has_time || !take_offset(&p, &offset)))
		return HPG_ILLEGAL;
	*value = Int64GetDatum(ndays * USECS_PER_DAY + time - offset);
	return *p == '\0' ? HPG_LEGAL : HPG_ILLEGAL;
}

char *
hpg_time_text(const hpg_column *column, double microseconds)
{
	double ndays = floor(microseconds / USECS_PER_DAY);
	int64 rest = (int64) (microseconds - ndays * USECS_PER_DAY);
	int year;
	int month;
	int day;
	StringInfoData text;

	/* within years 1 to 9999, which four digits can write */
	if (!(ndays >= -730119 && ndays <= 2921939))
		return NULL;
	j2date((int) ndays + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	initStringInfo(&text);
	appendStringInfo(&text, "%04d-%02d-%02d", year, month, day);
	if (column->base_type == DATEOID)
		return text.data;
	appendStringInfo(&text, "T%02d:%02d:%02d", (int) (rest / USECS_PER_HOUR),
					 (int) (rest / USECS_PER_MINUTE % 60),
					 (int) (rest / USECS_PER_SEC % 60));
	if (rest % USECS_PER_SEC != 0)
	{
		appendStringInfo(&text, ".%06d", (int) (rest % USECS_PER_SEC));
		while (text.data[text.len - 1] == '0')
			text.data[--text.len] = '\0';
	}
	if (column->base_type == TIMESTAMPTZOID)
		appendStringInfoChar(&text, 'Z');
	return text.data;
}

/* timestamp(p) and timestamptz(p) hold no finer fractions of a second. */
static hpg_legality
legal_time_typmod(Oid base_type, int32 typmod, Datum *value)
{
	Datum scaled;

	if (base_type == DATEOID || typmod < 0)
		return HPG_LEGAL;
	scaled =
		DirectFunctionCall2(timestamp_scale, *value, Int32GetDatum(typmod));
	*value = scaled;
	return HPG_LEGAL;
}

/* ---------- domains ---------- */

/* Evaluates the constraints one by one, where domain_check would raise. */
static bool
domain_accepts(Oid domain, Datum value, bool isnull)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "houseprice domain",
							  ALLOCSET_SMALL_SIZES);
	ExprContext *econtext = CreateStandaloneExprContext();
	DomainConstraintRef *ref =
		MemoryContextAllocZero(context, sizeof(DomainConstraintRef));
	ListCell *cell;
	bool accepts = true;

	InitDomainConstraintRef(domain, ref, context, true);
	econtext->domainValue_datum = value;
	econtext->domainValue_isNull = isnull;
	foreach(cell, ref->constraints)
	{
		DomainConstraintState *constraint = lfirst(cell);

		if (constraint->constrainttype == DOM_CONSTRAINT_NOTNULL)
			accepts = !isnull;
		else
			accepts = ExecCheck(constraint->check_exprstate, econtext);
		if (!accepts)
			break;
	}
	FreeExprContext(econtext, true);
	MemoryContextDelete(context);
	return accepts;
}

bool
hpg_legal_null(const hpg_column *column)
{
	return column->type == column->base_type ||
		   domain_accepts(column->type, (Datum) 0, true);
}

/* ---------- the door ---------- */

static hpg_legality
legal_string(const hpg_column *column, int32 typmod, const JsonbValue *json,
			 Datum *value)
{
	Oid base_type = column->base_type;
	hpg_legality legality;
	char *text;

	if (json->type != jbvString)
		return HPG_WRONG_JSON;
	text = pnstrdup(json->val.string.val, json->val.string.len);
	if (column->kind == HPC_TIME)
	{
		legality = legal_time(base_type, text, value);
		if (legality == HPG_LEGAL)
			legality = legal_time_typmod(base_type, typmod, value);
		return legality;
	}
	if (hpg_is_enum(column))
		return legal_label(base_type, text, value);
	return legal_text(base_type, typmod, text, value);
}

hpg_legality
hpg_legal_value(const hpg_column *column, const JsonbValue *json, Datum *value)
{
	int32 typmod = column->typmod;
	Oid base_type = getBaseTypeAndTypmod(column->type, &typmod);
	hpg_legality legality = HPG_LEGAL;

	switch (column->kind)
	{
		case HPC_NUMBER:
			if (json->type != jbvNumeric)
				return HPG_WRONG_JSON;
			legality =
				legal_number(base_type, typmod, json->val.numeric, value);
			break;
		case HPC_BOOLEAN:
			if (json->type != jbvBool)
				return HPG_WRONG_JSON;
			*value = BoolGetDatum(json->val.boolean);
			break;
		case HPC_CATEGORY:
		case HPC_TIME:
			legality = legal_string(column, typmod, json, value);
			break;
		default:
			return HPG_NO_FILL;
	}
	if (legality == HPG_LEGAL && column->type != base_type &&
		!domain_accepts(column->type, *value, false))
		return HPG_AGAINST_DOMAIN;
	return legality;
}

/* ---------- errors ---------- */

/* What to write for a column, where a word can say it. */
static const char *
expected_json(const hpg_column *column)
{
	switch (column->base_type)
	{
		case DATEOID:
			return "a date as a string \"yyyy-mm-dd\"";
		case TIMESTAMPOID:
			return "a time as a string \"yyyy-mm-dd hh:mm:ss\"";
		case TIMESTAMPTZOID:
			return "a time as a string \"yyyy-mm-dd hh:mm:ss+hh:mm\" (or Z)";
		default:
			break;
	}
	switch (column->kind)
	{
		case HPC_NUMBER:
			return "a number";
		case HPC_BOOLEAN:
			return "true or false";
		default:
			return hpg_is_enum(column) ? "one of its labels as a string"
									   : "a string";
	}
}

/* The label that was perhaps meant, or NULL. */
static const char *
nearest_label(const hpg_column *column, const JsonbValue *json)
{
	CatCList *list = SearchSysCacheList1(ENUMTYPOIDNAME,
										 ObjectIdGetDatum(column->base_type));
	const char **labels = palloc(sizeof(char *) * Max(list->n_members, 1));
	const char *nearest;
	uint32_t nbytes;

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_enum label =
			(Form_pg_enum) GETSTRUCT(&list->members[i]->tuple);
		char *name = pstrdup(NameStr(label->enumlabel));

		labels[i] = hpg_to_utf8(name, (int) strlen(name), &nbytes);
	}
	nearest = hpg_nearest_name(hpg_to_utf8(json->val.string.val,
										   json->val.string.len, &nbytes),
							   list->n_members, labels);
	ReleaseSysCacheList(list);
	return nearest ? hpg_name(nearest) : NULL;
}

static void
illegal_label_error(const hpg_column *column, const JsonbValue *json)
{
	JsonbValue label = *json;
	const char *nearest;

	label.val.string.val =
		pnstrdup(json->val.string.val, json->val.string.len);
	nearest = nearest_label(column, &label);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is not a label of column \"%s\"",
					hpg_json_text(json), hpg_name(column->name)),
			 errdetail("The column is of type %s.",
					   format_type_be(column->type)),
			 nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0));
}

void
hpg_legal_error(const hpg_column *column, const JsonbValue *json,
				hpg_legality legality)
{
	const char *name = hpg_name(column->name);
	const char *type = format_type_with_typemod(column->type, column->typmod);

	if (legality == HPG_NO_FILL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" of type %s cannot be filled", name,
						type),
				 errhint("Use null to leave it as it is, or coalesce() in the query.")));
	if (legality == HPG_ILLEGAL && hpg_is_enum(column))
		illegal_label_error(column, json);
	if (legality == HPG_WRONG_JSON ||
		(legality == HPG_ILLEGAL && column->kind == HPC_TIME))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fill %s does not suit column \"%s\" of type %s",
						hpg_json_text(json), name, type),
				 errhint("The column takes %s.", expected_json(column))));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("column \"%s\" of type %s cannot hold the fill %s", name,
					type, hpg_json_text(json)),
			 legality == HPG_AGAINST_DOMAIN
				 ? errdetail("It violates a constraint of the domain.")
				 : 0));
}
