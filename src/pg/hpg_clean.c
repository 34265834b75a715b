/*
 * hpg_clean.c
 *		hp_clean: a row in, the same row with its gaps filled out.
 *
 * The fill is compiled on the first row and again only when the fill or the
 * row type changes (see hpg_fill.c).  A row without gaps is answered as it
 * came, without a copy.
 *
 * hp_clean_rows is the same for a whole source, with the fill fitted on the
 * rows themselves: three passes over a tuplestore, so it needs work_mem and
 * disk rather than memory.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "hpg.h"
#include "hpg_compat.h"
#include "hpg_fill.h"
#include "hpg_fit.h"

HPG_FUNCTION(hp_clean);
HPG_FUNCTION(hp_clean_rows);

/* ---------- hp_clean ---------- */

/* What a call site remembers. */
typedef struct clean_cache
{
	hpg_rowtype *rowtype;
	hpg_rowtype *compiled_for; /* the row type of fill, or NULL */
	MemoryContext context;     /* of fill and json */
	Jsonb *json;               /* the fill as given, or NULL */
	hpg_fill *fill;
	Oid domain; /* over the row type, if the argument is one */
	void *domain_extra;
} clean_cache;

static clean_cache *
call_cache(FunctionCallInfo fcinfo)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	clean_cache *cache = fcinfo->flinfo->fn_extra;
	Oid type;

	if (cache != NULL)
		return cache;
	cache = MemoryContextAllocZero(context, sizeof(clean_cache));
	cache->context =
		AllocSetContextCreate(context, "hp_clean", ALLOCSET_SMALL_SIZES);
	type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	if (OidIsValid(type) && getBaseType(type) != type)
		cache->domain = type;
	fcinfo->flinfo->fn_extra = cache;
	return cache;
}

/* Whether the fill is, byte for byte, the one compiled. */
static bool
same_fill(const clean_cache *cache, FunctionCallInfo fcinfo)
{
	struct varlena *packed;

	if (PG_ARGISNULL(1) || cache->json == NULL)
		return PG_ARGISNULL(1) && cache->json == NULL;
	packed = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(1));
	return VARSIZE_ANY_EXHDR(packed) == VARSIZE_ANY_EXHDR(cache->json) &&
		   memcmp(VARDATA_ANY(packed), VARDATA_ANY(cache->json),
				  VARSIZE_ANY_EXHDR(packed)) == 0;
}

static void
compile_fill(clean_cache *cache, FunctionCallInfo fcinfo)
{
	MemoryContext old;

	cache->compiled_for = NULL;
	cache->json = NULL;
	MemoryContextReset(cache->context);
	old = MemoryContextSwitchTo(cache->context);
	if (!PG_ARGISNULL(1))
		cache->json = PG_GETARG_JSONB_P_COPY(1);
	MemoryContextSwitchTo(old);
	cache->fill =
		hpg_fill_compile(cache->json, cache->rowtype, true, cache->context);
	cache->compiled_for = cache->rowtype;
}

/* hp_clean(r anyelement, fill jsonb DEFAULT NULL) returns anyelement */
Datum
hp_clean(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row;
	clean_cache *cache;
	hpg_rowtype *rowtype;
	Datum result;

	hpg_check_row_type(fcinfo, 0);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	row = PG_GETARG_HEAPTUPLEHEADER(0);
	cache = call_cache(fcinfo);
	rowtype = hpg_rowtype_of(cache->rowtype, row, fcinfo->flinfo->fn_mcxt);
	cache->rowtype = rowtype;
	if (cache->compiled_for != rowtype || !same_fill(cache, fcinfo))
		compile_fill(cache, fcinfo);

	hpg_row_deform(rowtype, row);
	if (!hpg_fill_apply(cache->fill, rowtype))
		PG_RETURN_HEAPTUPLEHEADER(row);
	result = HeapTupleGetDatum(
		heap_form_tuple(rowtype->desc, rowtype->values, rowtype->nulls));
	if (OidIsValid(cache->domain))
		domain_check(result, false, cache->domain, &cache->domain_extra,
					 fcinfo->flinfo->fn_mcxt);
	PG_RETURN_DATUM(result);
}

/* ---------- hp_clean_rows ---------- */

/* The rows of a source as rows of the type asked for. */
typedef struct clean_job
{
	hpg_rowtype *rowtype; /* of the result */
	hpg_source *source;
	TupleTableSlot *slot; /* for the rows of the source */
	int *attnums;         /* per column of rowtype: index in the slot */
	MemoryContext per_row;
} clean_job;

/*
 * Brings the next row of the source into the result's row type.  The memory
 * of the row before is released, so the caller works in per_row.
 */
static bool
next_row(clean_job *job)
{
	CHECK_FOR_INTERRUPTS();
	/* the slot may own a tuple there */
	ExecClearTuple(job->slot);
	MemoryContextReset(job->per_row);
	if (!tuplestore_gettupleslot(job->source->rows, true, false, job->slot))
		return false;
	hpg_source_row(job->slot, job->attnums, job->rowtype);
	return true;
}

/* First pass: what to fill in. */
static Jsonb *
fit_rows(clean_job *job, Jsonb *policy)
{
	MemoryContext context = CurrentMemoryContext;
	hpg_fit *fit = hpg_fit_create(policy, context);
	Jsonb *fill;

	MemoryContextSwitchTo(job->per_row);
	while (next_row(job))
		hpg_fit_add(fit, job->rowtype);
	MemoryContextSwitchTo(context);
	tuplestore_rescan(job->source->rows);
	fill = hpg_fit_result(fit);
	hpg_fit_free(fit);
	return fill;
}

/* Second pass: the rows with it filled in. */
static void
clean_rows(clean_job *job, Jsonb *json, Tuplestorestate *result)
{
	MemoryContext context = CurrentMemoryContext;
	hpg_fill *fill = hpg_fill_compile(json, job->rowtype, true, context);

	MemoryContextSwitchTo(job->per_row);
	while (next_row(job))
	{
		hpg_fill_apply(fill, job->rowtype);
		tuplestore_putvalues(result, job->rowtype->desc, job->rowtype->values,
							 job->rowtype->nulls);
	}
	MemoryContextSwitchTo(context);
}

/* The result's tuplestore, handed to the executor. */
static Tuplestorestate *
begin_result(FunctionCallInfo fcinfo, TupleDesc desc)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (info == NULL || !IsA(info, ReturnSetInfo) ||
		!(info->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	old = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	info->returnMode = SFRM_Materialize;
	info->setDesc = CreateTupleDescCopy(desc);
	info->setResult = tuplestore_begin_heap((info->allowedModes &
											 SFRM_Materialize_Random) != 0,
											false, work_mem);
	MemoryContextSwitchTo(old);
	return info->setResult;
}

/*
 * hp_clean_rows(r anyelement, source text DEFAULT NULL, policy jsonb DEFAULT
 * NULL) returns SETOF anyelement
 */
Datum
hp_clean_rows(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "hp_clean_rows",
							  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	clean_job job;
	Tuplestorestate *result;
	Jsonb *fill;

	job.rowtype = hpg_source_rowtype(fcinfo, 0, "hp_clean_rows", context);
	result = begin_result(fcinfo, job.rowtype->desc);
	job.source = hpg_source_read(PG_ARGISNULL(1)
									 ? NULL
									 : text_to_cstring(PG_GETARG_TEXT_PP(1)),
								 job.rowtype->type);
	job.attnums = hpg_source_columns(job.source->desc, job.rowtype);
	job.slot = MakeSingleTupleTableSlot(job.source->desc, &TTSOpsMinimalTuple);
	job.per_row = AllocSetContextCreate(context, "hp_clean_rows row",
										ALLOCSET_DEFAULT_SIZES);

	fill = fit_rows(&job, PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2));
	clean_rows(&job, fill, result);

	ExecDropSingleTupleTableSlot(job.slot);
	tuplestore_end(job.source->rows);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
