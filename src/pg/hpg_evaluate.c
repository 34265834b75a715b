/*
 * hpg_evaluate.c
 *		hp_evaluate: all metrics of predictions at once, and the measures of
 *		an assessor's ratio study.
 *
 * It needs medians and so keeps the pairs (actual, predicted), 16 bytes each,
 * in chunks: no block grows with the table, so nothing meets the limit of
 * 1 GB.  The final function takes 8 bytes a pair more for a while, and time
 * linear in the pairs; it changes nothing, so a window may ask again after
 * more rows.
 *
 * The sums are exact and medians know no order, so the last bit of a result
 * depends neither on the order of the rows nor on the number of workers.  A
 * metric that the data leave undefined is NULL.
 *
 * Literature: International Association of Assessing Officers, "Standard on
 * Ratio Studies" (2013), sections 5.3 and 5.4 (COD, PRD); Hoare, "Algorithm
 * 65: find" (1961) for the median.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "hpg_compat.h"
#include "hpg_pair.h"

HPG_FUNCTION(hp_evaluate_accum);
HPG_FUNCTION(hp_evaluate_combine);
HPG_FUNCTION(hp_evaluate_serialize);
HPG_FUNCTION(hp_evaluate_deserialize);
HPG_FUNCTION(hp_evaluate_final);

/* ---------- the pairs ---------- */

#define FIRST_CHUNK 32
#define LARGEST_CHUNK 65536   /* 1 MB */
#define PAIRS_PER_CHECK 65536 /* between looks for an interrupt */

/* A worker's state must fit into a tuple, together with some others. */
#define MOST_PAIRS_SENT \
	((int64) ((MaxAllocSize - 64 * 1024) / sizeof(hpg_pair)))

typedef struct pair_chunk
{
	struct pair_chunk *next;
	int64 n;
	int64 size;
	hpg_pair *pairs; /* [size], behind the chunk or somebody else's */
} pair_chunk;

/* Chunks in the order they were filled, each twice the size of the last. */
typedef struct pair_set
{
	int64 n;
	pair_chunk *first;
	pair_chunk *last;
} pair_set;

static pair_set *
pair_set_make(MemoryContext context)
{
	return MemoryContextAllocZero(context, sizeof(pair_set));
}

static void
pair_set_grow(pair_set *set, MemoryContext context)
{
	int64 size = FIRST_CHUNK;
	pair_chunk *chunk;

	if (set->last != NULL)
		size = Min(2 * set->last->size, LARGEST_CHUNK);
	chunk = MemoryContextAlloc(context, MAXALIGN(sizeof(pair_chunk)) +
											size * sizeof(hpg_pair));
	chunk->pairs =
		(hpg_pair *) ((char *) chunk + MAXALIGN(sizeof(pair_chunk)));
	chunk->next = NULL;
	chunk->n = 0;
	chunk->size = size;
	if (set->last == NULL)
		set->first = chunk;
	else
		set->last->next = chunk;
	set->last = chunk;
}

static inline void
pair_set_add(pair_set *set, MemoryContext context, const hpg_pair *p)
{
	if (set->last == NULL || set->last->n == set->last->size)
		pair_set_grow(set, context);
	set->last->pairs[set->last->n++] = *p;
	set->n++;
}

Datum
hp_evaluate_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	pair_set *set;
	hpg_pair p;

	if (!hpg_arg_pair(fcinfo, &p))
		HPG_RETURN_STATE_AS_IT_CAME();
	if (PG_ARGISNULL(0))
		set = pair_set_make(context);
	else
		set = (pair_set *) PG_GETARG_POINTER(0);
	pair_set_add(set, context, &p);
	PG_RETURN_POINTER(set);
}

/* Copies the pairs of another worker. */
Datum
hp_evaluate_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	pair_set *set;
	pair_set *other;
	pair_chunk *chunk;
	int64 i;

	if (PG_ARGISNULL(1))
		HPG_RETURN_STATE_AS_IT_CAME();
	other = (pair_set *) PG_GETARG_POINTER(1);
	if (PG_ARGISNULL(0))
		set = pair_set_make(context);
	else
		set = (pair_set *) PG_GETARG_POINTER(0);
	for (chunk = other->first; chunk != NULL; chunk = chunk->next)
	{
		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < chunk->n; i++)
			pair_set_add(set, context, &chunk->pairs[i]);
	}
	PG_RETURN_POINTER(set);
}

Datum
hp_evaluate_serialize(PG_FUNCTION_ARGS)
{
	pair_set *set = (pair_set *) PG_GETARG_POINTER(0);
	StringInfoData buffer;
	pair_chunk *chunk;
	int64 i;

	hpg_aggregate_context(fcinfo);
	if (set->n > MOST_PAIRS_SENT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows for one parallel worker of "
						"hp_evaluate"),
				 errdetail("A worker hands over at most %lld rows, and has "
						   "%lld.",
						   (long long) MOST_PAIRS_SENT,
						   (long long) set->n),
				 errhint("Set max_parallel_workers_per_gather to 0 for this "
						 "query.")));
	pq_begintypsend(&buffer);
	enlargeStringInfo(&buffer,
					  (int) (sizeof(int64) + set->n * sizeof(hpg_pair)));
	pq_sendint64(&buffer, set->n);
	for (chunk = set->first; chunk != NULL; chunk = chunk->next)
	{
		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < chunk->n; i++)
		{
			pq_sendfloat8(&buffer, chunk->pairs[i].actual);
			pq_sendfloat8(&buffer, chunk->pairs[i].predicted);
		}
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

Datum
hp_evaluate_deserialize(PG_FUNCTION_ARGS)
{
	pair_set *set = pair_set_make(CurrentMemoryContext);
	StringInfoData buffer;
	int64 n;
	int64 i;
	hpg_pair p;

	hpg_aggregate_context(fcinfo);
	hpg_read_state(fcinfo, &buffer);
	n = pq_getmsgint64(&buffer);
	for (i = 0; i < n; i++)
	{
		if (i % PAIRS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		p.actual = pq_getmsgfloat8(&buffer);
		p.predicted = pq_getmsgfloat8(&buffer);
		pair_set_add(set, CurrentMemoryContext, &p);
	}
	pq_getmsgend(&buffer);
	PG_RETURN_POINTER(set);
}

/* ---------- medians ---------- */

/* Pivots are drawn by hash: no order of the rows makes this quadratic. */
void
hpg_select_nth(double *x, int64 n, int64 k)
{
	int64 low = 0;
	int64 high = n - 1;
	uint64 draw = 0;

	while (low < high)
	{
		double pivot;
		int64 i = low;
		int64 j = high;

		CHECK_FOR_INTERRUPTS();
		pivot = x[low + (int64) (hpc_mix(++draw) % (high - low + 1))];
		while (i <= j)
		{
			while (x[i] < pivot)
				i++;
			while (x[j] > pivot)
				j--;
			if (i <= j)
			{
				double held = x[i];

				x[i++] = x[j];
				x[j--] = held;
			}
		}
		if (k <= j)
			high = j;
		else if (k >= i)
			low = i;
		else
			return; /* between the parts all equal the pivot */
	}
}

/*
 * Median of n values, which change places: the middle one, or the mean of the
 * two.  NaN if one of them is NaN.
 */
static double
median_of(double *x, int64 n)
{
	double below;
	double above;
	int64 i;

	for (i = 0; i < n; i++)
	{
		if (isnan(x[i]))
			return get_float8_nan();
	}
	hpg_select_nth(x, n, n / 2);
	above = x[n / 2];
	if (n % 2 == 1)
		return above;
	below = x[0];
	for (i = 1; i < n / 2; i++)
		below = Max(below, x[i]);
	return below == above ? above : below + (above - below) / 2;
}

/* Median of a function of the pairs; values has room for one of each. */
static double
median_over(const pair_set *set, double (*function)(const hpg_pair *),
			double *values)
{
	pair_chunk *chunk;
	int64 n = 0;
	int64 i;

	for (chunk = set->first; chunk != NULL; chunk = chunk->next)
	{
		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < chunk->n; i++)
			values[n++] = function(&chunk->pairs[i]);
	}
	return median_of(values, n);
}

/* ---------- the result ---------- */

static void
set_result(hpg_evaluation *out, int column, double value)
{
	out->values[column] = Float8GetDatum(value);
	out->nulls[column] = false;
}

static void
find_totals(const pair_set *set, hpg_totals *t)
{
	pair_chunk *chunk;
	int64 i;

	hpg_totals_init(t);
	for (chunk = set->first; chunk != NULL; chunk = chunk->next)
	{
		for (i = 0; i < chunk->n; i++)
		{
			if (i % (PAIRS_PER_CHECK / 8) == 0)
				CHECK_FOR_INTERRUPTS();
			hpg_totals_add(t, &chunk->pairs[i]);
		}
	}
}

/* Mean distance of the ratios from their median. */
static double
mean_spread(const pair_set *set, double median)
{
	pair_chunk *chunk;
	hpc_sum sum;
	int64 i;

	hpc_sum_init(&sum);
	for (chunk = set->first; chunk != NULL; chunk = chunk->next)
	{
		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < chunk->n; i++)
			hpc_sum_add(&sum, fabs(hpg_pair_ratio(&chunk->pairs[i]) - median));
	}
	return hpg_mean(&sum, set->n);
}

/*
 * The metrics that divide by actual values.  COD and PRD remain NULL where
 * their own denominators are 0.
 */
static void
evaluate_ratios(const pair_set *set, const hpg_totals *t, hpg_evaluation *out)
{
	double sum_actual = hpc_sum_round(&t->r2[HPG_ACTUALS]);
	double sum_predicted = hpc_sum_round(&t->predicted);
	double median;
	double *values;

	values =
		MemoryContextAllocHuge(CurrentMemoryContext, set->n * sizeof(double));
	set_result(out, HPG_FIGURE_MDAPE,
			   median_over(set, hpg_pair_relative_error, values));
	median = median_over(set, hpg_pair_ratio, values);
	pfree(values);
	set_result(out, HPG_FIGURE_MEDIAN_RATIO, median);
	if (median != 0)
		set_result(out, HPG_FIGURE_COD,
				   100 * mean_spread(set, median) / median);
	if (sum_actual != 0 && sum_predicted != 0)
		set_result(out, HPG_FIGURE_PRD,
				   hpg_mean(&t->ratios, set->n) /
					   (sum_predicted / sum_actual));
}

static void
evaluate(const pair_set *set, hpg_evaluation *out)
{
	hpg_totals t;
	hpg_metric metrics[HPG_METRICS];

	memset(out->nulls, true, sizeof(out->nulls));
	find_totals(set, &t);
	hpg_totals_metrics(&t, metrics);
	out->values[HPG_FIGURE_N] = Int64GetDatum(set->n);
	out->nulls[HPG_FIGURE_N] = false;
	for (int i = 0; i < HPG_METRICS; i++)
	{
		if (metrics[i].defined)
			set_result(out, HPG_FIGURE_MAE + i, metrics[i].value);
	}
	set_result(out, HPG_FIGURE_WITHIN_10PCT,
			   (double) t.nwithin / (double) set->n);
	if (t.has_ratios)
		evaluate_ratios(set, &t, out);
}

void
hpg_evaluate(hpg_pair *pairs, int64 n, hpg_evaluation *out)
{
	pair_chunk chunk = {.n = n, .size = n, .pairs = pairs};
	pair_set set = {n, &chunk, &chunk};

	evaluate(&set, out);
}

Datum
hp_evaluate_final(PG_FUNCTION_ARGS)
{
	pair_set *set = (pair_set *) PG_GETARG_POINTER(0);
	hpg_evaluation out;
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != HPG_FIGURES)
		elog(ERROR, "hp_evaluation is not what hp_evaluate returns");
	evaluate(set, &out);
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), out.values, out.nulls)));
}
