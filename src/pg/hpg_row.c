/*
 * hpg_row.c
 *		Rows by name: row types, their columns, and canonical values.
 *
 * A row is any composite datum.  What it consists of is read from its own
 * header, never from the expression it came out of: that is all a transition
 * function has when a distributed engine calls it.  The description of a row
 * type is kept in a memory context of its own for as long as rows of the type
 * keep coming; the identifier that the type cache gives to each version of a
 * row type tells when ALTER TABLE or ALTER TYPE has made it stale.
 *
 * A canonical value is the same for the same content whatever the column's
 * type within its kind: numbers and times are doubles, categories are UTF-8
 * bytes without bpchar's padding.  Nothing passes through an output function,
 * so no setting (DateStyle, TimeZone, extra_float_digits) can change it.
 *
 * Cost: one comparison of three integers per row for the cache, one
 * heap_deform_tuple per row, detoasting only for the columns asked for.
 */
#include "postgres.h"

#include "access/heaptoast.h"
#include "access/tupdesc.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "hpg.h"
#include "hpg_compat.h"

/* varstr_levenshtein takes no more, and no column name is longer. */
#define MAX_NEAREST_LENGTH 255

/* ---------- text ---------- */

/* The core sees UTF-8; in a UTF-8 database this costs nothing. */
const char *
hpg_to_utf8(const char *text, int nbytes, uint32_t *nbytes_out)
{
	char *utf8;

	if (GetDatabaseEncoding() == PG_UTF8)
	{
		*nbytes_out = (uint32_t) nbytes;
		return text;
	}
	utf8 = pg_server_to_any(text, nbytes, PG_UTF8);
	*nbytes_out = (uint32_t) (utf8 == text ? nbytes : (int) strlen(utf8));
	return utf8;
}

/* A terminated copy in UTF-8. */
char *
hpg_utf8_copy(const char *text, int nbytes)
{
	uint32_t length;
	const char *utf8 = hpg_to_utf8(text, nbytes, &length);

	return pnstrdup(utf8, length);
}

/* A terminated copy in the server's encoding, for messages and results. */
char *
hpg_from_utf8(const char *bytes, uint32_t nbytes)
{
	char *copy = pnstrdup(bytes, nbytes);

	return pg_any_to_server(copy, (int) nbytes, PG_UTF8);
}

char *
hpg_name(const char *utf8)
{
	return hpg_from_utf8(utf8, (uint32_t) strlen(utf8));
}

Datum
hpg_text_array(char **texts, int n)
{
	Datum *elements = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		elements[i] = CStringGetTextDatum(texts[i]);
	return PointerGetDatum(
		construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* ---------- kinds ---------- */

/* Types whose values are text as they lie, possibly under another name. */
static bool
is_text_like(Oid base_type)
{
	switch (base_type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case CHAROID:
		case UNKNOWNOID:
			return true;
		default:
			return TypeCategory(base_type) == TYPCATEGORY_STRING &&
				   IsBinaryCoercible(base_type, TEXTOID);
	}
}

hpc_kind
hpg_type_kind(Oid base_type, hpc_storage *storage, bool *integral)
{
	*integral = false;
	*storage = HPC_STORE_DOUBLE;
	switch (base_type)
	{
		case INT2OID:
			*integral = true;
			*storage = HPC_STORE_INT16;
			return HPC_NUMBER;
		case INT4OID:
			*integral = true;
			*storage = HPC_STORE_INT32;
			return HPC_NUMBER;
		case INT8OID:
			*integral = true;
			return HPC_NUMBER;
		case FLOAT4OID:
			*storage = HPC_STORE_FLOAT;
			return HPC_NUMBER;
		case FLOAT8OID:
		case NUMERICOID:
			return HPC_NUMBER;
		case BOOLOID:
			*storage = HPC_STORE_INT16;
			return HPC_BOOLEAN;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return HPC_TIME;
		default:
			break;
	}
	if (!is_text_like(base_type) && !type_is_enum(base_type))
		return HPC_NO_KIND;
	*storage = HPC_STORE_CODE;
	return HPC_CATEGORY;
}

/* ---------- row types ---------- */

static void
column_init(hpg_column *column, Form_pg_attribute attribute)
{
	uint32_t nbytes;
	const char *name = NameStr(attribute->attname);

	column->attnum = attribute->attnum - 1;
	name = hpg_to_utf8(name, (int) strlen(name), &nbytes);
	column->name = pnstrdup(name, nbytes);
	column->nbytes = nbytes;
	column->type = attribute->atttypid;
	column->typmod = attribute->atttypmod;
	column->base_type = getBaseType(attribute->atttypid);
	column->kind =
		hpg_type_kind(column->base_type, &column->storage, &column->integral);
}

/*
 * The context is a child of the caller's and holds everything, so that the
 * whole is freed with it (see hpg_rowtype_free).
 */
hpg_rowtype *
hpg_rowtype_make(TupleDesc desc, MemoryContext context)
{
	MemoryContext own = AllocSetContextCreate(context, "houseprice row type",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);
	hpg_rowtype *rowtype = palloc0(sizeof(hpg_rowtype));
	int natts = desc->natts;

	/* with constraints, which carry the values of columns added later */
	rowtype->desc = CreateTupleDescCopyConstr(desc);
	rowtype->type = desc->tdtypeid;
	rowtype->typmod = desc->tdtypmod;
	rowtype->columns = palloc0(sizeof(hpg_column) * Max(natts, 1));
	rowtype->values = palloc0(sizeof(Datum) * Max(natts, 1));
	rowtype->nulls = palloc(sizeof(bool) * Max(natts, 1));
	memset(rowtype->nulls, true, natts);
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(rowtype->desc, i);

		if (!attribute->attisdropped)
			column_init(&rowtype->columns[rowtype->ncolumns++], attribute);
	}
	MemoryContextSwitchTo(old);
	return rowtype;
}

void
hpg_rowtype_free(hpg_rowtype *rowtype)
{
	if (rowtype != NULL)
		MemoryContextDelete(GetMemoryChunkContext(rowtype));
}

hpg_rowtype *
hpg_rowtype_of(hpg_rowtype *cached, HeapTupleHeader row, MemoryContext context)
{
	Oid type = HeapTupleHeaderGetTypeId(row);
	int32 typmod = HeapTupleHeaderGetTypMod(row);
	uint64 identifier = assign_record_type_identifier(type, typmod);
	TupleDesc desc;
	hpg_rowtype *rowtype;

	if (cached != NULL && cached->type == type && cached->typmod == typmod &&
		cached->identifier == identifier)
		return cached;

	desc = lookup_rowtype_tupdesc(type, typmod);
	rowtype = hpg_rowtype_make(desc, context);
	ReleaseTupleDesc(desc);
	rowtype->type = type;
	rowtype->typmod = typmod;
	rowtype->identifier = identifier;
	hpg_rowtype_free(cached);
	return rowtype;
}

void
hpg_row_deform(hpg_rowtype *rowtype, HeapTupleHeader row)
{
	HeapTupleData tuple;

	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	heap_deform_tuple(&tuple, rowtype->desc, rowtype->values, rowtype->nulls);
}

HeapTuple
hpg_row_form(const hpg_rowtype *rowtype)
{
	return toast_build_flattened_tuple(rowtype->desc, rowtype->values,
									   rowtype->nulls);
}

/*
 * Each statement binds every feature anew: lengths tell most names apart, and
 * cost a fraction of comparing them.
 */
const hpg_column *
hpg_rowtype_find(const hpg_rowtype *rowtype, const char *name)
{
	size_t nbytes = strlen(name);
	const hpg_column *found = NULL;

	for (int i = 0; i < rowtype->ncolumns; i++)
	{
		const hpg_column *column = &rowtype->columns[i];

		if (column->nbytes != nbytes ||
			memcmp(column->name, name, nbytes) != 0)
			continue;
		if (found != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("the row has more than one column \"%s\"",
							hpg_name(name)),
					 errhint("Give the columns of the subquery different names.")));
		found = column;
	}
	return found;
}

/* ---------- values ---------- */

/* The label's bytes, copied: they outlive no catalog change. */
static void
enum_value(Oid label, hpc_value *value)
{
	HeapTuple tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(label));
	char *name;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid internal value for enum: %u", label)));
	name = pstrdup(NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel));
	ReleaseSysCache(tuple);
	value->bytes = hpg_to_utf8(name, (int) strlen(name), &value->nbytes);
}

/* The type "char" is one byte: printed as PostgreSQL 16 and later do. */
static void
char_value(unsigned char byte, hpc_value *value)
{
	char *text = palloc(5);

	if (byte == 0)
		text[0] = '\0';
	else if (byte < 0x80)
		snprintf(text, 5, "%c", byte);
	else
		snprintf(text, 5, "\\%03o", byte);
	value->bytes = text;
	value->nbytes = (uint32_t) strlen(text);
}

static void
varlena_value(Datum datum, bool trim, hpc_value *value)
{
	text *packed = DatumGetTextPP(datum);
	const char *bytes = VARDATA_ANY(packed);
	int nbytes = (int) VARSIZE_ANY_EXHDR(packed);

	if (trim)
		nbytes = bpchartruelen((char *) bytes, nbytes);
	value->bytes = hpg_to_utf8(bytes, nbytes, &value->nbytes);
}

static void
category_value(Datum datum, Oid base_type, hpc_value *value)
{
	const char *text;

	switch (base_type)
	{
		case TEXTOID:
		case VARCHAROID:
			varlena_value(datum, false, value);
			return;
		case BPCHAROID:
			varlena_value(datum, true, value);
			return;
		case CHAROID:
			char_value((unsigned char) DatumGetChar(datum), value);
			return;
		case NAMEOID:
		case UNKNOWNOID:
			text = DatumGetCString(datum);
			value->bytes =
				hpg_to_utf8(text, (int) strlen(text), &value->nbytes);
			return;
		default:
			if (type_is_enum(base_type))
				enum_value(DatumGetObjectId(datum), value);
			else
				varlena_value(datum, false, value);
	}
}

static double
date_value(DateADT date)
{
	if (DATE_IS_NOBEGIN(date))
		return -get_float8_infinity();
	if (DATE_IS_NOEND(date))
		return get_float8_infinity();
	return (double) date * (double) USECS_PER_DAY;
}

static double
timestamp_value(Timestamp timestamp)
{
	if (TIMESTAMP_IS_NOBEGIN(timestamp))
		return -get_float8_infinity();
	if (TIMESTAMP_IS_NOEND(timestamp))
		return get_float8_infinity();
	return (double) timestamp;
}

static double
number_value(Datum datum, Oid base_type)
{
	switch (base_type)
	{
		case INT2OID:
			return DatumGetInt16(datum);
		case INT4OID:
			return DatumGetInt32(datum);
		case INT8OID:
			return (double) DatumGetInt64(datum);
		case FLOAT4OID:
			return DatumGetFloat4(datum);
		case FLOAT8OID:
			return DatumGetFloat8(datum);
		case NUMERICOID:
			return DatumGetFloat8(
				DirectFunctionCall1(numeric_float8_no_overflow, datum));
		case BOOLOID:
			return DatumGetBool(datum);
		case DATEOID:
			return date_value(DatumGetDateADT(datum));
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return timestamp_value(DatumGetTimestamp(datum));
		default:
			elog(ERROR, "type %u is no number", base_type);
			return 0;
	}
}

/* NaN is passed on as a number: who asks decides whether it is missing. */
void
hpg_datum_value(Datum datum, bool isnull, Oid base_type, hpc_kind kind,
				hpc_value *value)
{
	value->missing = isnull;
	value->bytes = NULL;
	value->nbytes = 0;
	value->number = get_float8_nan();
	if (isnull)
		return;
	if (kind == HPC_CATEGORY)
		category_value(datum, base_type, value);
	else
		value->number = number_value(datum, base_type);
}

void
hpg_row_value(const hpg_rowtype *rowtype, const hpg_column *column,
			  hpc_value *value)
{
	hpg_datum_value(rowtype->values[column->attnum],
					rowtype->nulls[column->attnum], column->base_type,
					column->kind, value);
}

/* ---------- arguments ---------- */

static void
no_row_error(FunctionCallInfo fcinfo, Oid type)
{
	const char *function = get_func_name(fcinfo->flinfo->fn_oid);

	if (function == NULL)
		function = "hp_clean";
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s needs a row, not a value of type %s", function,
					format_type_be(type)),
			 errhint("Pass the row by the table's alias, as in \"SELECT %s(h) FROM houses h\".",
					 function)));
}

/*
 * The declared type is looked at on the first call of a call site only (its
 * fn_extra is still empty): it cannot change afterwards.
 */
void
hpg_check_row_type(FunctionCallInfo fcinfo, int arg)
{
	Oid type;

	if (fcinfo->flinfo->fn_extra != NULL)
		return;
	type = get_fn_expr_argtype(fcinfo->flinfo, arg);
	if (OidIsValid(type) && !type_is_rowtype(type))
		no_row_error(fcinfo, type);
}

/* ---------- names ---------- */

/* A copy with ASCII letters in lower case: case is the likeliest mistake. */
static char *
fold_case(const char *name)
{
	char *copy = pstrdup(name);

	for (char *at = copy; *at != '\0'; at++)
		*at = pg_ascii_tolower((unsigned char) *at);
	return copy;
}

/* Edit distance, or more than limit where it is more. */
static int
name_distance(const char *a, const char *b, int limit)
{
	int alen = (int) strlen(a);
	int blen = (int) strlen(b);

	if (alen > MAX_NEAREST_LENGTH || blen > MAX_NEAREST_LENGTH)
		return limit + 1;
	return varstr_levenshtein_less_equal(a, alen, b, blen, 1, 1, 1, limit,
										 true);
}

/* The first of the nearest, so that the answer does not depend on chance. */
const char *
hpg_nearest_name(const char *name, int ncandidates,
				 const char *const *candidates)
{
	char *wanted = fold_case(hpg_name(name));
	int limit = (int) strlen(wanted) / 2;
	const char *nearest = NULL;

	for (int i = 0; i < ncandidates && limit >= 0; i++)
	{
		char *candidate = fold_case(hpg_name(candidates[i]));
		int distance = name_distance(wanted, candidate, limit);

		if (distance <= limit)
		{
			nearest = candidates[i];
			limit = distance - 1;
		}
		pfree(candidate);
	}
	return nearest;
}

const char *
hpg_nearest_column(const hpg_rowtype *rowtype, const char *name)
{
	const char **names = palloc(sizeof(char *) * Max(rowtype->ncolumns, 1));

	for (int i = 0; i < rowtype->ncolumns; i++)
		names[i] = rowtype->columns[i].name;
	return hpg_nearest_name(name, rowtype->ncolumns, names);
}

void
hpg_column_missing(const hpg_rowtype *rowtype, const char *name)
{
	const char *nearest = hpg_nearest_column(rowtype, name);

	if (nearest != NULL)
		nearest = hpg_name(nearest);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the row has no column \"%s\"",
					hpg_name(name)),
			 nearest ? errhint("Perhaps you meant the column \"%s\".", nearest)
					 : 0));
}
