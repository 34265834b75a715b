/*
 * hpg_select.c
 *		hp_select_features: the columns of a row that are asked for, by name.
 *
 * The answer is a record with the names, types and typmods of the columns, in
 * the order asked, so it can be passed to any other function of houseprice.
 * Its type is registered with the server once per call site and row type;
 * equal column lists share one registration, also between parallel workers.
 *
 * Cost: one deform and one form of the row; nothing is detoasted.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "hpg.h"
#include "hpg_compat.h"

/* What a call site remembers: the row type and the list it has last seen. */
typedef struct select_cache
{
	hpg_rowtype *rowtype;
	hpg_rowtype *bound;    /* the one that attnums belong to */
	struct varlena *names; /* the text[], as it came */
	MemoryContext context; /* of names, attnums, desc, values, nulls */
	int ncolumns;
	int *attnums;
	TupleDesc desc; /* of the result, blessed */
	Datum *values;
	bool *nulls;
} select_cache;

HPG_FUNCTION(hp_select_features);

/* ---------- the list of names ---------- */

static void
check_names(ArrayType *array, const bool *nulls, int n)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("the names of features must be a one-dimensional array")));
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no features are selected"),
				 errhint("Name at least one column.")));
	for (int i = 0; i < n; i++)
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("name %d of the features is NULL", i + 1)));
}

static const hpg_column *
find_feature(const hpg_rowtype *rowtype, Datum name)
{
	text *packed = DatumGetTextPP(name);
	uint32_t nbytes;
	const char *utf8 = hpg_to_utf8(VARDATA_ANY(packed),
								   (int) VARSIZE_ANY_EXHDR(packed), &nbytes);
	char *terminated = pnstrdup(utf8, nbytes);
	const hpg_column *column = hpg_rowtype_find(rowtype, terminated);

	if (column == NULL)
		hpg_column_missing(rowtype, terminated);
	return column;
}

static void
check_duplicate(const select_cache *cache, int n)
{
	for (int i = 0; i < n; i++)
		if (cache->attnums[i] == cache->attnums[n])
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("feature \"%s\" is selected twice",
							NameStr(TupleDescAttr(cache->rowtype->desc,
												  cache->attnums[n])
										->attname))));
}

/* The result's descriptor: the attributes as they are in the row. */
static TupleDesc
result_desc(const select_cache *cache)
{
	TupleDesc desc = CreateTemplateTupleDesc(cache->ncolumns);

	for (int i = 0; i < cache->ncolumns; i++)
	{
		Form_pg_attribute attribute =
			TupleDescAttr(cache->rowtype->desc, cache->attnums[i]);
		AttrNumber number = (AttrNumber) (i + 1);

		TupleDescInitEntry(desc, number, NameStr(attribute->attname),
						   attribute->atttypid, attribute->atttypmod, 0);
		TupleDescInitEntryCollation(desc, number, attribute->attcollation);
	}
	return BlessTupleDesc(desc);
}

/* Finds the columns, for the first row or when row type or names change. */
static void
bind_features(select_cache *cache, Datum names)
{
	MemoryContext old;
	ArrayType *array;
	Datum *elements;
	bool *nulls;
	int n;

	MemoryContextReset(cache->context);
	cache->bound = NULL;
	old = MemoryContextSwitchTo(cache->context);
	cache->names = PG_DETOAST_DATUM_COPY(names);
	array = (ArrayType *) cache->names;
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  &nulls, &n);
	check_names(array, nulls, n);
	cache->ncolumns = n;
	cache->attnums = palloc(sizeof(int) * n);
	cache->values = palloc(sizeof(Datum) * n);
	cache->nulls = palloc(sizeof(bool) * n);
	for (int i = 0; i < n; i++)
	{
		cache->attnums[i] = find_feature(cache->rowtype, elements[i])->attnum;
		check_duplicate(cache, i);
	}
	cache->desc = result_desc(cache);
	cache->bound = cache->rowtype;
	MemoryContextSwitchTo(old);
}

/* Whether the list is, byte for byte, the one bound before. */
static bool
same_names(const select_cache *cache, Datum names)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(names);

	return cache->bound == cache->rowtype &&
		   VARSIZE_ANY_EXHDR(packed) == VARSIZE_ANY_EXHDR(cache->names) &&
		   memcmp(VARDATA_ANY(packed), VARDATA_ANY(cache->names),
				  VARSIZE_ANY_EXHDR(packed)) == 0;
}

/* ---------- SQL ---------- */

static select_cache *
call_cache(FunctionCallInfo fcinfo)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	select_cache *cache = fcinfo->flinfo->fn_extra;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(context, sizeof(select_cache));
		cache->context = AllocSetContextCreate(context, "hp_select_features",
											   ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	return cache;
}

/* hp_select_features(r record, VARIADIC features text[]) returns record */
Datum
hp_select_features(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row;
	select_cache *cache;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the array of features is NULL")));
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	row = PG_GETARG_HEAPTUPLEHEADER(0);
	cache = call_cache(fcinfo);
	cache->rowtype =
		hpg_rowtype_of(cache->rowtype, row, fcinfo->flinfo->fn_mcxt);
	if (!same_names(cache, PG_GETARG_DATUM(1)))
		bind_features(cache, PG_GETARG_DATUM(1));

	hpg_row_deform(cache->rowtype, row);
	for (int i = 0; i < cache->ncolumns; i++)
	{
		cache->values[i] = cache->rowtype->values[cache->attnums[i]];
		cache->nulls[i] = cache->rowtype->nulls[cache->attnums[i]];
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(cache->desc, cache->values, cache->nulls)));
}
