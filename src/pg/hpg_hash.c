/*
 * hpg_hash.c
 *		Hash of any value by its content, for hp_digest, hp_split, hp_fold.
 *
 * Equal content hashes alike whatever type carries it: 1::int, 1::numeric and
 * 1.0::float8, 'a'::text and 'a'::varchar, a row and the same row with its
 * columns in another order.  Different content hashes differently, so what a
 * double cannot hold hashes by its exact decimal digits instead:
 *
 *		int8		a double's number when that is exactly the integer
 *		numeric		likewise; a number with a fraction counts as the double
 *					that prints as it (0.1::numeric is 0.1::float8)
 *		times		a double's microseconds when those are exact
 *		arrays		dimensions, then the elements in order
 *		rows		the columns in byte order of their names, by (name, value)
 *		others		the bytes of the value, detoasted
 *
 * The map from doubles to the decimals they stand for is one to one, hence so
 * is the union.  Cost: a few dozen ns for a number, one pass over the bytes
 * for anything else.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "hpg.h"
#include "hpg_compat.h"

/* Integers up to here are doubles, every one of them. */
#define EXACT_INTEGER_MAX (INT64CONST(1) << 53)

/* Doubles below this bound convert to int64 without overflow. */
#define INT64_BOUND 9223372036854775808.0

static hpc_hash base_hash(hpc_hash key, Datum datum, bool isnull,
						  Oid base_type, hpc_kind kind);

/* ---------- numbers ---------- */

static hpc_hash
double_hash(hpc_hash key, hpc_kind kind, double number)
{
	hpc_value value = {false, number, NULL, 0};

	return hpc_value_hash(key, kind, &value);
}

/* Decimal digits, under a key that no double's hash uses. */
static hpc_hash
decimal_hash(hpc_hash key, const char *digits)
{
	static const char tag[] = "decimal";

	key = hpc_hash_bytes(key, tag, sizeof(tag));
	return hpc_hash_bytes(key, digits, strlen(digits));
}

static hpc_hash
int64_hash(hpc_hash key, hpc_kind kind, int64 integer)
{
	double number = (double) integer;
	char digits[MAXINT8LEN + 1];

	if ((integer >= -EXACT_INTEGER_MAX && integer <= EXACT_INTEGER_MAX) ||
		(fabs(number) < INT64_BOUND && (int64) number == integer))
		return double_hash(key, kind, number);
	pg_lltoa(integer, digits);
	return decimal_hash(key, digits);
}

/* The decimal number that a finite double stands for here. */
static Numeric
double_decimal(double number)
{
	char digits[512];

	if (number == floor(number))
	{
		if (fabs(number) < INT64_BOUND)
			return int64_to_numeric((int64) number);
		snprintf(digits, sizeof(digits), "%.0f", number);
	}
	else
		double_to_shortest_decimal_buf(number, digits);
	return DatumGetNumeric(
		DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
							ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static hpc_hash
numeric_hash(hpc_hash key, Datum datum)
{
	double number =
		DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, datum));
	Numeric numeric = DatumGetNumeric(datum);
	Datum trimmed;

	if (numeric_is_nan(numeric) || numeric_is_inf(numeric))
		return double_hash(key, HPC_NUMBER, number);
	if (!isinf(number) &&
		DatumGetBool(
			DirectFunctionCall2(numeric_eq, NumericGetDatum(numeric),
								NumericGetDatum(double_decimal(number)))))
		return double_hash(key, HPC_NUMBER, number);
	trimmed =
		DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(numeric));
	return decimal_hash(key, DatumGetCString(
								 DirectFunctionCall1(numeric_out, trimmed)));
}

/* Values of a kind: by the double where that loses nothing. */
static hpc_hash
kind_hash(hpc_hash key, Datum datum, Oid base_type, hpc_kind kind)
{
	hpc_value value;

	switch (base_type)
	{
		case INT8OID:
			return int64_hash(key, kind, DatumGetInt64(datum));
		case NUMERICOID:
			return numeric_hash(key, datum);
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			if (!TIMESTAMP_NOT_FINITE(DatumGetTimestamp(datum)))
				return int64_hash(key, kind, DatumGetTimestamp(datum));
			break;
		default:
			break;
	}
	hpg_datum_value(datum, false, base_type, kind, &value);
	return hpc_value_hash(key, kind, &value);
}

/* ---------- arrays, rows, bytes ---------- */

static void
put_uint64(uint8_t *bytes, uint64 x)
{
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t) (x >> (8 * i));
}

static hpc_hash
integers_hash(hpc_hash key, const int *integers, int n)
{
	uint8_t bytes[8];

	for (int i = 0; i < n; i++)
	{
		put_uint64(bytes, (uint64) (int64) integers[i]);
		key = hpc_hash_bytes(key, bytes, sizeof(bytes));
	}
	return key;
}

static hpc_hash
array_hash(hpc_hash key, Datum datum, Oid element_type)
{
	ArrayType *array = DatumGetArrayTypeP(datum);
	Oid base_type = getBaseType(element_type);
	hpc_storage storage;
	bool integral;
	hpc_kind kind = hpg_type_kind(base_type, &storage, &integral);
	hpc_hash hash = integers_hash(key, ARR_DIMS(array), ARR_NDIM(array));
	Datum *elements;
	bool *nulls;
	int nelements;
	int16 length;
	bool byval;
	char align;

	hash = integers_hash(hash, ARR_LBOUND(array), ARR_NDIM(array));
	get_typlenbyvalalign(element_type, &length, &byval, &align);
	deconstruct_array(array, element_type, length, byval, align, &elements,
					  &nulls, &nelements);
	for (int i = 0; i < nelements; i++)
	{
		hpc_hash element =
			base_hash(key, elements[i], nulls[i], base_type, kind);

		CHECK_FOR_INTERRUPTS();
		hash = hpc_hash_combine(hash, element);
	}
	return hash;
}

static hpc_hash
composite_hash(hpc_hash key, Datum datum)
{
	HeapTupleHeader row = DatumGetHeapTupleHeader(datum);
	hpg_rowtype *rowtype = hpg_rowtype_of(NULL, row, CurrentMemoryContext);
	hpc_hash hash;

	hpg_row_deform(rowtype, row);
	hash = hpg_row_key_hash(key, rowtype);
	hpg_rowtype_free(rowtype);
	return hash;
}

/* Of a type that means nothing to us: its bytes are its value. */
static hpc_hash
bytes_hash(hpc_hash key, Datum datum, Oid type)
{
	int16 length;
	bool byval;
	uint8_t bytes[8];
	struct varlena *packed;

	get_typlenbyval(type, &length, &byval);
	if (byval)
	{
		uint64 mask =
			length < 8 ? (UINT64CONST(1) << (8 * length)) - 1 : PG_UINT64_MAX;

		put_uint64(bytes, (uint64) datum & mask);
		return hpc_hash_bytes(key, bytes, sizeof(bytes));
	}
	if (length > 0)
		return hpc_hash_bytes(key, DatumGetPointer(datum), (size_t) length);
	if (length == -2)
		return hpc_hash_bytes(key, DatumGetPointer(datum),
							  strlen(DatumGetCString(datum)));
	packed = PG_DETOAST_DATUM_PACKED(datum);
	return hpc_hash_bytes(key, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
}

/* base_type is below any domains; kind is what hpg_type_kind says of it. */
static hpc_hash
base_hash(hpc_hash key, Datum datum, bool isnull, Oid base_type, hpc_kind kind)
{
	static const char missing[] = "missing";
	hpc_value value = {true, 0, NULL, 0};
	Oid element_type;

	if (isnull)
		return kind == HPC_NO_KIND
				   ? hpc_hash_bytes(key, missing, sizeof(missing))
				   : hpc_value_hash(key, kind, &value);
	if (kind != HPC_NO_KIND)
		return kind_hash(key, datum, base_type, kind);
	check_stack_depth();
	element_type = get_element_type(base_type);
	if (OidIsValid(element_type))
		return array_hash(key, datum, element_type);
	if (type_is_rowtype(base_type))
		return composite_hash(key, datum);
	return bytes_hash(key, datum, base_type);
}

hpc_hash
hpg_datum_hash(hpc_hash key, Datum datum, bool isnull, Oid type)
{
	Oid base_type = getBaseType(type);
	hpc_storage storage;
	bool integral;
	hpc_kind kind = hpg_type_kind(base_type, &storage, &integral);

	return base_hash(key, datum, isnull, base_type, kind);
}

/* ---------- whole rows ---------- */

/* qsort_arg comparison: by name, columns of one name by position. */
static int
compare_names(const void *a, const void *b, void *columns)
{
	int i = *(const int *) a;
	int j = *(const int *) b;
	int order = strcmp(((hpg_column *) columns)[i].name,
					   ((hpg_column *) columns)[j].name);

	return order != 0 ? order : i - j;
}

/* Made once per row type, in its own memory. */
static void
order_columns(hpg_rowtype *rowtype)
{
	MemoryContext own = GetMemoryChunkContext(rowtype);
	int n = rowtype->ncolumns;
	int *by_name = MemoryContextAlloc(own, sizeof(int) * Max(n, 1));
	hpc_hash *keys = MemoryContextAlloc(own, sizeof(hpc_hash) * Max(n, 1));

	for (int i = 0; i < n; i++)
		by_name[i] = i;
	qsort_arg(by_name, n, sizeof(int), compare_names, rowtype->columns);
	for (int i = 0; i < n; i++)
	{
		hpg_column *column = &rowtype->columns[by_name[i]];

		keys[i] = hpc_column_key(column->name, column->kind);
	}
	rowtype->keys = keys;
	rowtype->by_name = by_name;
}

hpc_hash
hpg_row_hash(hpg_rowtype *rowtype)
{
	hpc_hash hash = {0, 0};

	if (rowtype->by_name == NULL)
		order_columns(rowtype);
	for (int i = 0; i < rowtype->ncolumns; i++)
	{
		hpg_column *column = &rowtype->columns[rowtype->by_name[i]];
		hpc_hash value =
			base_hash(rowtype->keys[i], rowtype->values[column->attnum],
					  rowtype->nulls[column->attnum], column->base_type,
					  column->kind);

		hash = hpc_hash_combine(hash, value);
	}
	return hash;
}

hpc_hash
hpg_row_key_hash(hpc_hash key, hpg_rowtype *rowtype)
{
	return hpc_hash_combine(key, hpg_row_hash(rowtype));
}
