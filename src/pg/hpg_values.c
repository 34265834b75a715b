/*
 * hpg_values.c
 *		Gathers the values of the columns of a table for hp_describe.
 *
 * Numbers, booleans and times become 64-bit integers of the same order:
 * integers and times as they are, the bits of a double turned so that those
 * of negative numbers run the right way.  Sorted, they tell all there is:
 *
 *		-inf -inf | -3  0  0  0  2.5  7 | +inf NaN		(keys of a float)
 *				   finite values
 *
 * Categories, and types that are no feature, are counted by a 128-bit hash of
 * their canonical value.  A text is kept once it comes a second time, and cut
 * to what is shown; besides there are the least and the greatest, by bytes.
 *
 * Cost: 8 bytes a row for a column of keys; 40 to 90 bytes for each distinct
 * value of another.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "executor/tuptable.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/float.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "hpg_compat.h"
#include "hpg_values.h"

#define LABEL_LENGTH 40 /* characters of a text that are shown */

/* ---------- keys ---------- */

/* Kept as sorted keys; else in a hash table. */
bool
hpg_has_keys(const hpg_column *column)
{
	return column->kind == HPC_NUMBER || column->kind == HPC_BOOLEAN ||
		   column->kind == HPC_TIME;
}

/* The key is the value itself, not the bits of a double. */
bool
hpg_has_integer_keys(const hpg_column *column)
{
	return column->integral || column->kind != HPC_NUMBER;
}

/*
 * The bits of a double as an integer of the same order: those of negative
 * numbers run backwards.  -0 counts as 0; NaN comes after all others.
 */
static int64
key_of_double(double x)
{
	union
	{
		double x;
		int64 bits;
	} u;

	if (isnan(x))
		return PG_INT64_MAX;
	u.x = x == 0 ? 0 : x;
	return u.bits >= 0 ? u.bits : PG_INT64_MIN - u.bits;
}

static double
double_of_key(int64 key)
{
	union
	{
		double x;
		int64 bits;
	} u;

	if (key == PG_INT64_MAX)
		return get_float8_nan();
	u.bits = key >= 0 ? key : PG_INT64_MIN - key;
	return u.x;
}

static int64
key_of_datum(Datum datum, const hpg_column *column)
{
	hpc_value value;

	switch (column->base_type)
	{
		case BOOLOID:
			return DatumGetBool(datum);
		case INT2OID:
			return DatumGetInt16(datum);
		case INT4OID:
			return DatumGetInt32(datum);
		case INT8OID:
			return DatumGetInt64(datum);
		case DATEOID:
			return DatumGetDateADT(datum);
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return DatumGetTimestamp(datum);
		default:
			hpg_datum_value(datum, false, column->base_type, column->kind,
							&value);
			return key_of_double(value.number);
	}
}

/* A number to compute with; times in their own units. */
double
hpg_number_of_key(int64 key, const hpg_column *column)
{
	return hpg_has_integer_keys(column) ? (double) key : double_of_key(key);
}

bool
hpg_is_finite_key(int64 key, const hpg_column *column)
{
	switch (column->base_type)
	{
		case DATEOID:
			return !DATE_NOT_FINITE((DateADT) key);
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return !TIMESTAMP_NOT_FINITE(key);
		default:
			return hpg_has_integer_keys(column) ||
				   isfinite(double_of_key(key));
	}
}

/*
 * The value as text, by no setting but, for timestamp with time zone, the
 * session's time zone: ISO dates, the shortest digits that tell a double.
 */
char *
hpg_key_to_text(int64 key, const hpg_column *column)
{
	char buffer[MAXDATELEN + 1];

	switch (column->base_type)
	{
		case BOOLOID:
			return pstrdup(key ? "true" : "false");
		case FLOAT4OID:
			return float_to_shortest_decimal((float4) double_of_key(key));
		case DATEOID:
			return pstrdup(JsonEncodeDateTime(buffer,
											  DateADTGetDatum((DateADT) key),
											  DATEOID, NULL));
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return pstrdup(JsonEncodeDateTime(buffer, TimestampGetDatum(key),
											  column->base_type, NULL));
		default:
			if (hpg_has_integer_keys(column))
				return psprintf("%lld", (long long) key);
			return double_to_shortest_decimal(double_of_key(key));
	}
}

static void
set_extreme(hpg_extreme *e, const char *bytes, uint32 nbytes)
{
	if (nbytes >= e->size)
	{
		if (e->bytes != NULL)
			pfree(e->bytes);
		e->size = nbytes + nbytes / 2 + 1;
		e->bytes = MemoryContextAllocHuge(CurrentMemoryContext, e->size);
	}
	memcpy(e->bytes, bytes, nbytes);
	e->nbytes = nbytes;
}

/* The beginning of a text in the server's encoding, to be shown. */
char *
hpg_clip_text(const char *utf8, uint32 nbytes)
{
	bool is_utf8 = GetDatabaseEncoding() == PG_UTF8;
	char *text = hpg_from_utf8(utf8, nbytes);
	int length = (int) strlen(text);
	int clipped = pg_mbcharcliplen(text, length, LABEL_LENGTH);

	if (clipped == length)
		return text;
	return psprintf("%.*s%s", clipped, text, is_utf8 ? "\u2026" : "...");
}

/* ---------- reading ---------- */

void
hpg_values_begin(hpg_values *values, const hpg_column *column, int64 nrows)
{
	memset(values, 0, sizeof(*values));
	values->column = column;
	if (hpg_has_keys(column))
		values->keys = MemoryContextAllocHuge(CurrentMemoryContext,
											  Max(nrows, 1) * sizeof(int64));
	else
		values->categories =
			hpg_categories_create(CurrentMemoryContext, 64, NULL);
}

/* Where a text stands among those of its column. */
static void
add_extremes(hpg_values *values, const char *bytes, uint32 nbytes)
{
	hpg_extreme *least = &values->least;
	hpg_extreme *greatest = &values->greatest;

	if (least->bytes == NULL ||
		hpc_compare_bytes(bytes, nbytes, least->bytes, least->nbytes) < 0)
		set_extreme(least, bytes, nbytes);
	if (greatest->bytes == NULL ||
		hpc_compare_bytes(bytes, nbytes, greatest->bytes, greatest->nbytes) >
			0)
		set_extreme(greatest, bytes, nbytes);
}

/* Counts a value under its hash; answers its entry. */
static hpg_category *
count_category(hpg_values *values, hpc_hash hash)
{
	bool found;
	hpg_category *entry =
		hpg_categories_insert(values->categories, hash, &found);

	if (!found)
	{
		entry->count = 0;
		entry->label = NULL;
	}
	entry->count++;
	return entry;
}

/*
 * A text that comes once is kept as a hash only; most columns with very many
 * distinct texts have nothing but those.  Runs in per_row, what stays goes to
 * keep.
 */
static void
add_text(hpg_values *values, Datum datum, MemoryContext keep)
{
	const hpg_column *column = values->column;
	const hpc_hash no_key = {0, 0};
	hpc_value value;
	hpg_category *entry;

	hpg_datum_value(datum, false, column->base_type, column->kind, &value);
	entry = count_category(values,
						   hpc_hash_bytes(no_key, value.bytes, value.nbytes));
	if (entry->count == 1)
	{
		MemoryContext old = MemoryContextSwitchTo(keep);

		add_extremes(values, value.bytes, value.nbytes);
		MemoryContextSwitchTo(old);
	}
	if (entry->count == 2)
		entry->label = MemoryContextStrdup(keep, hpg_clip_text(value.bytes,
															   value.nbytes));
}

/* One value of the row being read; current is the context of that row. */
static void
add_value(hpg_values *values, Datum datum, bool isnull, MemoryContext keep)
{
	const hpg_column *column = values->column;
	const hpc_hash no_key = {0, 0};

	if (isnull)
	{
		values->nnulls++;
		return;
	}
	if (hpg_has_keys(column))
		values->keys[values->n] = key_of_datum(datum, column);
	else if (column->kind == HPC_CATEGORY)
		add_text(values, datum, keep);
	else
		count_category(values,
					   hpg_datum_hash(no_key, datum, false, column->type));
	values->n++;
}

/* Reads all rows for a group of columns, which are in attribute order. */
void
hpg_values_read(hpg_source *source, hpg_values *group, int ngroup)
{
	TupleTableSlot *slot =
		MakeSingleTupleTableSlot(source->desc, &TTSOpsMinimalTuple);
	MemoryContext keep = CurrentMemoryContext;
	MemoryContext per_row =
		AllocSetContextCreate(keep, "houseprice describe row",
							  ALLOCSET_DEFAULT_SIZES);
	int i;

	tuplestore_rescan(source->rows);
	while (tuplestore_gettupleslot(source->rows, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getsomeattrs(slot, group[ngroup - 1].column->attnum + 1);
		MemoryContextSwitchTo(per_row);
		for (i = 0; i < ngroup; i++)
		{
			int attnum = group[i].column->attnum;

			add_value(&group[i], slot->tts_values[attnum],
					  slot->tts_isnull[attnum], keep);
		}
		MemoryContextSwitchTo(keep);
		MemoryContextReset(per_row);
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(per_row);
}
