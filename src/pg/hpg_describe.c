/*
 * hpg_describe.c
 *		hp_describe: a table at a glance, a row for each of its columns.
 *
 * The rows of the source lie in a tuplestore.  They are read once for each
 * group of columns whose values (hpg_values.c) fit into maintenance_work_mem
 * together, most often once in all.  Of sorted numbers, distinct and frequent
 * values are runs, quartiles are positions, infinities and NaN stand at the
 * ends.
 *
 * NaN and the infinities are values: they count, they can be frequent, and
 * they show as min or max in PostgreSQL's order, where NaN is greatest.  Mean,
 * deviation, quartiles and histogram are those of the finite values, or one
 * bad value would hide all others.
 *
 * Sums are exact and all ties are decided by value, so the answer does not
 * depend on the order of the rows.
 *
 * Cost: for each group a pass over the rows, and a sort of each column of
 * numbers.
 *
 * Literature: Hyndman, Fan, "Sample quantiles in statistical packages" (1996),
 * type 7 for the quartiles.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "hpg_compat.h"
#include "hpg_values.h"

HPG_FUNCTION(hp_describe);
HPG_FUNCTION(hp_describe_source);

#define NTOP 3   /* frequent values named */
#define NBARS 10 /* bars of a histogram at most */

/* What a category may take per row, were all its values different. */
#define CATEGORY_BYTES 90

/* The columns of the result, in their order. */
enum
{
	OUT_NAME,
	OUT_TYPE,
	OUT_COUNT,
	OUT_NULLS,
	OUT_DISTINCT,
	OUT_MEAN,
	OUT_SD,
	OUT_MIN,
	OUT_Q1,
	OUT_MEDIAN,
	OUT_Q3,
	OUT_MAX,
	OUT_TOP,
	OUT_HISTOGRAM,
	OUT_COLUMNS
};

/* A value and how often it occurs, for lists of the most frequent. */
typedef struct frequent
{
	int64 count;                  /* 0: no value */
	int64 key;                    /* of a number */
	const hpg_category *category; /* else */
} frequent;

#define ST_SORT sort_keys
#define ST_ELEMENT_TYPE int64
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* ---------- results ---------- */

/* A result row in the making; what is not set stays NULL. */
typedef struct description
{
	Datum values[OUT_COLUMNS];
	bool nulls[OUT_COLUMNS];
} description;

static void
set_count(description *out, int column, int64 count)
{
	out->values[column] = Int64GetDatum(count);
	out->nulls[column] = false;
}

static void
set_number(description *out, int column, double number)
{
	out->values[column] = Float8GetDatum(number);
	out->nulls[column] = false;
}

static void
set_text(description *out, int column, const char *string)
{
	out->values[column] = CStringGetTextDatum(string);
	out->nulls[column] = false;
}

/*
 * A bar for each count, as high as its share of the greatest: a blank for
 * none, else one of eight.  Encodings other than UTF-8 have no such blocks
 * and get characters of rising blackness.
 */
static char *
draw_bars(const int64 *counts, int n)
{
	static const char *const blocks[9] = {
		" ",      "\u2581", "\u2582", "\u2583", "\u2584",
		"\u2585", "\u2586", "\u2587", "\u2588",
	};
	static const char *const marks[9] = {
		" ", ".", ":", "-", "=", "+", "*", "#", "@",
	};
	bool is_utf8 = GetDatabaseEncoding() == PG_UTF8;
	StringInfoData line;
	int64 greatest = 1;
	int i;

	for (i = 0; i < n; i++)
		greatest = Max(greatest, counts[i]);
	initStringInfo(&line);
	for (i = 0; i < n; i++)
	{
		int height = (int) ((counts[i] * 8 + greatest - 1) / greatest);

		appendStringInfoString(&line, (is_utf8 ? blocks : marks)[height]);
	}
	return line.data;
}

/*
 * Order of a list of the most frequent values: by count, then by value.
 */
static bool
goes_before(const frequent *a, const frequent *b)
{
	int order;

	if (a->count != b->count)
		return a->count > b->count;
	if (a->category == NULL || b->category == NULL)
		return a->key < b->key;
	if (a->category->label != NULL && b->category->label != NULL)
	{
		order = strcmp(a->category->label, b->category->label);
		if (order != 0)
			return order < 0;
	}
	return a->category->hash.low < b->category->hash.low;
}

/* Puts a value into its place among the n most frequent, if it has one. */
static void
insert_frequent(frequent *list, int n, const frequent *value)
{
	int i;

	if (!goes_before(value, &list[n - 1]))
		return;
	for (i = n - 1; i > 0 && goes_before(value, &list[i - 1]); i--)
		list[i] = list[i - 1];
	list[i] = *value;
}

/* "NAmes (443), CollgCr (267), OldTown (239)": what occurs at least twice */
static void
set_top_values(description *out, const frequent *list,
			   const hpg_column *column)
{
	StringInfoData line;
	int i;

	initStringInfo(&line);
	for (i = 0; i < NTOP && list[i].count >= 2; i++)
		appendStringInfo(&line, "%s%s (%lld)", i > 0 ? ", " : "",
						 list[i].category != NULL
							 ? list[i].category->label
							 : hpg_key_to_text(list[i].key, column),
						 (long long) list[i].count);
	if (i > 0)
		set_text(out, OUT_TOP, line.data);
}

/* Bars for the most frequent values, unless none comes twice. */
static void
set_shares(description *out, const frequent *list)
{
	int64 counts[NBARS];
	int n;

	if (list[0].count < 2)
		return;
	for (n = 0; n < NBARS && list[n].count > 0; n++)
		counts[n] = list[n].count;
	set_text(out, OUT_HISTOGRAM, draw_bars(counts, n));
}

/* ---------- describing categories ---------- */

static void
describe_categories(const hpg_values *values, description *out)
{
	frequent list[NBARS] = {0};
	hpg_categories_iterator iterator;
	hpg_category *entry;

	set_count(out, OUT_DISTINCT, values->categories->members);
	if (values->column->kind != HPC_CATEGORY || values->n == 0)
		return;
	hpg_categories_start_iterate(values->categories, &iterator);
	while ((entry = hpg_categories_iterate(values->categories, &iterator)) !=
		   NULL)
	{
		frequent value = {entry->count, 0, entry};

		insert_frequent(list, NBARS, &value);
	}
	set_text(out, OUT_MIN,
			 hpg_clip_text(values->least.bytes, values->least.nbytes));
	set_text(out, OUT_MAX,
			 hpg_clip_text(values->greatest.bytes, values->greatest.nbytes));
	set_top_values(out, list, values->column);
	set_shares(out, list);
}

/* ---------- describing numbers ---------- */

/* Distinct and frequent values: runs of equal keys. */
static void
describe_runs(const hpg_values *values, description *out)
{
	frequent list[NBARS] = {0};
	int64 ndistinct = 0;
	int64 i;
	int64 j;

	for (i = 0; i < values->n; i = j)
	{
		frequent value = {0, values->keys[i], NULL};

		for (j = i + 1; j < values->n && values->keys[j] == value.key; j++)
			;
		ndistinct++;
		value.count = j - i;
		insert_frequent(list, NBARS, &value);
	}
	set_count(out, OUT_DISTINCT, ndistinct);
	set_top_values(out, list, values->column);
	if (values->column->kind == HPC_BOOLEAN)
		set_shares(out, list);
}

/* The finite values of a column of numbers, sorted. */
typedef struct finite_values
{
	const hpg_column *column;
	const int64 *keys;
	int64 n;
} finite_values;

static double
nth_number(const finite_values *finite, int64 i)
{
	return hpg_number_of_key(finite->keys[i], finite->column);
}

/* Linear between the two nearest of n - 1 equal steps. */
static double
quantile(const finite_values *finite, double share)
{
	double at = (double) (finite->n - 1) * share;
	int64 below = (int64) floor(at);
	double rest = at - (double) below;
	double low = nth_number(finite, below);

	if (rest == 0)
		return low;
	return low + rest * (nth_number(finite, below + 1) - low);
}

static void
set_moments(description *out, const finite_values *finite)
{
	hpc_sum sum;
	hpc_sum squares;
	double deviations;
	int64 i;

	hpc_sum_init(&sum);
	hpc_sum_init(&squares);
	for (i = 0; i < finite->n; i++)
	{
		double x = nth_number(finite, i);

		if (i % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		hpc_sum_add(&sum, x);
		hpc_sum_add_product(&squares, x, x);
	}
	set_number(out, OUT_MEAN, hpc_sum_round(&sum) / (double) finite->n);
	if (finite->n < 2)
		return;
	deviations = hpc_sum_deviations(&sum, &squares, finite->n);
	set_number(out, OUT_SD, sqrt(deviations / (double) (finite->n - 1)));
}

/*
 * Bins of equal width from the least to the greatest value; integers that
 * span less than NBARS get a bin each.
 */
static void
set_histogram(description *out, const finite_values *finite)
{
	int64 counts[NBARS] = {0};
	double low = nth_number(finite, 0) / 2;
	double span = nth_number(finite, finite->n - 1) / 2 - low;
	int nbins = NBARS;
	int64 i;

	if (hpg_has_integer_keys(finite->column) && 2 * span < NBARS)
	{
		nbins = (int) (2 * span) + 1;
		span = nbins / 2.0;
	}
	else if (span == 0)
		nbins = 1;
	for (i = 0; i < finite->n; i++)
	{
		double share = nth_number(finite, i) / 2 - low;
		int bin = 0;

		if (span > 0)
			bin = (int) (share / span * nbins);
		counts[Min(bin, nbins - 1)]++;
	}
	set_text(out, OUT_HISTOGRAM, draw_bars(counts, nbins));
}

static void
describe_finite(const finite_values *finite, description *out)
{
	if (finite->n == 0)
		return;
	if (finite->column->kind != HPC_TIME)
		set_moments(out, finite);
	if (finite->column->kind == HPC_NUMBER)
	{
		set_number(out, OUT_Q1, quantile(finite, 0.25));
		set_number(out, OUT_MEDIAN, quantile(finite, 0.5));
		set_number(out, OUT_Q3, quantile(finite, 0.75));
	}
	if (finite->column->kind != HPC_BOOLEAN)
		set_histogram(out, finite);
}

static void
describe_numbers(const hpg_values *values, description *out)
{
	const hpg_column *column = values->column;
	int64 first = 0;
	int64 last = values->n - 1;
	finite_values finite;

	sort_keys(values->keys, values->n);
	describe_runs(values, out);
	if (values->n == 0)
		return;
	set_text(out, OUT_MIN, hpg_key_to_text(values->keys[0], column));
	set_text(out, OUT_MAX, hpg_key_to_text(values->keys[last], column));
	while (first <= last && !hpg_is_finite_key(values->keys[first], column))
		first++;
	while (last > first && !hpg_is_finite_key(values->keys[last], column))
		last--;
	finite.column = column;
	finite.keys = values->keys + first;
	finite.n = last - first + 1;
	describe_finite(&finite, out);
}

/* ---------- the whole ---------- */

static void
describe_column(const hpg_values *values, ReturnSetInfo *result)
{
	const hpg_column *column = values->column;
	description out;

	memset(out.nulls, true, sizeof(out.nulls));
	set_text(&out, OUT_NAME,
			 hpg_from_utf8(column->name, (uint32) strlen(column->name)));
	set_text(&out, OUT_TYPE,
			 format_type_with_typemod(column->type, column->typmod));
	set_count(&out, OUT_COUNT, values->n);
	set_count(&out, OUT_NULLS, values->nnulls);
	if (values->keys != NULL)
		describe_numbers(values, &out);
	else
		describe_categories(values, &out);
	tuplestore_putvalues(result->setResult, result->setDesc, out.values,
						 out.nulls);
}

/*
 * How many columns from first on are read together: as many as may be kept
 * at once, but one at least.
 */
static int
group_size(const hpg_rowtype *rowtype, int first, int64 nrows)
{
	double room = (double) maintenance_work_mem * 1024;
	int n = 0;

	while (first + n < rowtype->ncolumns)
	{
		const hpg_column *column = &rowtype->columns[first + n];

		room -= (double) nrows *
				(hpg_has_keys(column) ? sizeof(int64) : CATEGORY_BYTES);
		if (n > 0 && room < 0)
			break;
		n++;
	}
	return n;
}

static void
describe_group(hpg_source *source, const hpg_column *columns, int ncolumns,
			   ReturnSetInfo *result)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "houseprice describe",
							  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	hpg_values *group = palloc(ncolumns * sizeof(hpg_values));
	int i;

	for (i = 0; i < ncolumns; i++)
		hpg_values_begin(&group[i], &columns[i], source->nrows);
	hpg_values_read(source, group, ncolumns);
	for (i = 0; i < ncolumns; i++)
		describe_column(&group[i], result);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static Datum
describe(FunctionCallInfo fcinfo, const char *query, Oid row_type)
{
	hpg_source *source;
	hpg_rowtype *rowtype;
	int i;
	int n;

	InitMaterializedSRF(fcinfo, 0);
	source = hpg_source_read(query, row_type);
	rowtype = hpg_rowtype_make(source->desc, CurrentMemoryContext);
	for (i = 0; i < rowtype->ncolumns; i += n)
	{
		n = group_size(rowtype, i, source->nrows);
		describe_group(source, rowtype->columns + i, n,
					   (ReturnSetInfo *) fcinfo->resultinfo);
	}
	tuplestore_end(source->rows);
	return (Datum) 0;
}

/* hp_describe(anyelement [, source]) */
Datum
hp_describe(PG_FUNCTION_ARGS)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	char *query = NULL;

	if (!type_is_rowtype(getBaseType(type)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("type %s is not a row type", format_type_be(type)),
				 errhint("Pass NULL::houses for table houses, or a table's "
						 "name or a query as text.")));
	if (!PG_ARGISNULL(1))
		query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	return describe(fcinfo, query, type);
}

/* hp_describe(source) */
Datum
hp_describe_source(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("source must not be null")));
	return describe(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)), InvalidOid);
}
