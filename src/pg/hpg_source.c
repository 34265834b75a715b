/*
 * hpg_source.c
 *		Reads what a set-returning function is pointed at.
 *
 * A source is a text: the name of a relation, or one SELECT, WITH, VALUES or
 * TABLE statement.  The two are told apart by their first word, once blanks,
 * comments and opening parentheses are passed over; a relation of such a name
 * has to be quoted, as everywhere in SQL.  Without a source it is the relation
 * whose row type the caller was given.
 *
 * The statement runs through SPI, read-only: as the calling role, under the
 * snapshot of the calling query, with row security.  Its rows go straight
 * into a tuplestore of work_mem, so nothing is held twice.  A query of one
 * composite column stands for the columns of that composite, because the
 * record that hp_select_features answers cannot be starred in SQL.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "tcop/cmdtag.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "hpg.h"
#include "hpg_compat.h"

/* ---------- a name or a statement? ---------- */

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_word_part(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		   (c >= '0' && c <= '9') || c == '_' || c == '$' || IS_HIGHBIT_SET(c);
}

/* Past a block comment (they nest); p is at its opening. */
static const char *
skip_block_comment(const char *p)
{
	int depth = 0;

	do
	{
		if (p[0] == '/' && p[1] == '*')
		{
			depth++;
			p += 2;
		}
		else if (p[0] == '*' && p[1] == '/')
		{
			depth--;
			p += 2;
		}
		else
			p++;
	} while (depth > 0 && *p != '\0');
	return p;
}

/* Past blanks and comments, and opening parentheses if asked. */
static const char *
skip_blanks(const char *p, bool parentheses)
{
	for (;;)
	{
		if (is_blank(*p) || (parentheses && *p == '('))
			p++;
		else if (p[0] == '-' && p[1] == '-')
			p += strcspn(p, "\r\n");
		else if (p[0] == '/' && p[1] == '*')
			p = skip_block_comment(p);
		else
			return p;
	}
}

/* A word that is all there is, or is followed by a dot, is a name. */
static bool
is_statement(const char *source)
{
	static const char *const words[] = {"select", "with", "values", "table"};
	const char *word = skip_blanks(source, true);
	size_t length = 0;
	const char *rest;

	while (is_word_part(word[length]))
		length++;
	rest = skip_blanks(word + length, false);
	if (*rest == '\0' || *rest == '.')
		return false;
	for (size_t i = 0; i < lengthof(words); i++)
		if (strlen(words[i]) == length &&
			pg_strncasecmp(word, words[i], length) == 0)
			return true;
	return false;
}

/* ---------- relations ---------- */

static Oid
relation_by_name(const char *source)
{
	List *names;

	if (!SplitIdentifierString(pstrdup(source), '.', &names) || names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source is neither the name of a relation nor a query"),
				 errdetail("The source is: %s", source),
				 errhint("Give a relation's name, quoted where SQL needs it, or one SELECT, WITH, VALUES or TABLE statement.")));
	for (ListCell *cell = list_head(names); cell; cell = lnext(names, cell))
		lfirst(cell) = makeString(lfirst(cell));
	return RangeVarGetRelid(makeRangeVarFromNameList(names), NoLock, false);
}

static Oid
relation_of_type(Oid row_type)
{
	Oid type = getBaseType(row_type);
	Oid relation = get_typ_typrelid(type);

	if (type == RECORDOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a record does not tell which relation to read"),
				 errhint("Pass NULL::houses for the rows of table houses, or give a source.")));
	if (!OidIsValid(relation) ||
		get_rel_relkind(relation) == RELKIND_COMPOSITE_TYPE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("type %s belongs to no table or view",
						format_type_be(type)),
				 errhint("Give a source: a relation's name or a query.")));
	return relation;
}

static char *
select_all(Oid relation)
{
	char *schema = get_namespace_name(get_rel_namespace(relation));
	char *name = get_rel_name(relation);

	if (schema == NULL || name == NULL)
		elog(ERROR, "cache lookup failed for relation %u", relation);
	return psprintf("SELECT * FROM %s",
					quote_qualified_identifier(schema, name));
}

/* ---------- queries ---------- */

/* Whether a statement only reads: no table to write, no row to lock. */
static bool
is_reading(SPIPlanPtr plan, const CachedPlanSource *source)
{
	const Query *query;

	if (!SPI_is_cursor_plan(plan) || source->commandTag != CMDTAG_SELECT)
		return false;
	query = linitial_node(Query, source->query_list);
	return !query->hasModifyingCTE && query->rowMarks == NIL;
}

/* Exactly one statement that returns rows and changes nothing. */
static void
check_plan(SPIPlanPtr plan, const char *query)
{
	List *sources = SPI_plan_get_plan_sources(plan);

	if (list_length(sources) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source must be one query, not %d statements",
						list_length(sources)),
				 errdetail("The source is: %s", query)));
	if (!is_reading(plan, linitial(sources)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source must be a query that returns rows and neither changes nor locks any"),
				 errdetail("The source is: %s", query)));
}

/* Runs inside an SPI connection; all that stays belongs to context. */
static void
run_query(const char *query, hpg_source *result, MemoryContext context)
{
	SPIExecuteOptions options = {0};
	SPIPlanPtr plan =
		SPI_prepare_cursor(query, 0, NULL, CURSOR_OPT_PARALLEL_OK);
	CachedPlanSource *source;
	MemoryContext old;
	int status;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s",
			 SPI_result_code_string(SPI_result));
	check_plan(plan, query);

	old = MemoryContextSwitchTo(context);
	result->rows = tuplestore_begin_heap(false, false, work_mem);
	tuplestore_set_eflags(result->rows, EXEC_FLAG_REWIND);
	MemoryContextSwitchTo(old);

	options.read_only = true;
	options.must_return_tuples = true;
	options.dest = CreateDestReceiver(DestTuplestore);
	SetTuplestoreDestReceiverParams(options.dest, result->rows, context, false,
									NULL, NULL);
	status = SPI_execute_plan_extended(plan, &options);
	if (status != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan_extended failed: %s",
			 SPI_result_code_string(status));
	result->nrows = (int64) SPI_processed;

	source = linitial(SPI_plan_get_plan_sources(plan));
	old = MemoryContextSwitchTo(context);
	result->desc = CreateTupleDescCopy(source->resultDesc);
	MemoryContextSwitchTo(old);
}

/* ---------- a query of one composite column ---------- */

/* The composite in a row of the source; a NULL one counts as all NULL. */
static void
put_composite(Tuplestorestate *rows, TupleDesc desc, TupleTableSlot *slot)
{
	HeapTupleHeader row;
	HeapTupleData tuple;
	Datum *values;
	bool *nulls;

	if (slot->tts_isnull[0])
	{
		values = palloc0(sizeof(Datum) * Max(desc->natts, 1));
		nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
		memset(nulls, true, desc->natts);
		tuplestore_putvalues(rows, desc, values, nulls);
		return;
	}
	row = DatumGetHeapTupleHeader(slot->tts_values[0]);
	if (HeapTupleHeaderGetTypeId(row) != desc->tdtypeid ||
		HeapTupleHeaderGetTypMod(row) != desc->tdtypmod)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the records of the source have different columns")));
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	tuplestore_puttuple(rows, &tuple);
}

/* Row type of the composites, or NULL when there is none to tell it. */
static TupleDesc
composite_desc(hpg_source *source, TupleTableSlot *slot)
{
	Oid type = getBaseType(TupleDescAttr(source->desc, 0)->atttypid);
	int32 typmod = -1;
	bool known = type != RECORDOID;
	TupleDesc desc;
	TupleDesc copy;

	while (!known && tuplestore_gettupleslot(source->rows, true, false, slot))
	{
		slot_getallattrs(slot);
		if (slot->tts_isnull[0])
			continue;
		typmod = HeapTupleHeaderGetTypMod(
			DatumGetHeapTupleHeader(slot->tts_values[0]));
		type = HeapTupleHeaderGetTypeId(
			DatumGetHeapTupleHeader(slot->tts_values[0]));
		known = true;
	}
	tuplestore_rescan(source->rows);
	if (!known)
		return NULL;
	desc = lookup_rowtype_tupdesc(type, typmod);
	copy = CreateTupleDescCopyConstr(desc);
	ReleaseTupleDesc(desc);
	return copy;
}

static void
unwrap_composite(hpg_source *source)
{
	TupleTableSlot *slot =
		MakeSingleTupleTableSlot(source->desc, &TTSOpsMinimalTuple);
	TupleDesc desc = composite_desc(source, slot);
	MemoryContext per_row =
		AllocSetContextCreate(CurrentMemoryContext, "houseprice source",
							  ALLOCSET_DEFAULT_SIZES);
	Tuplestorestate *rows;

	if (desc != NULL)
	{
		rows = tuplestore_begin_heap(false, false, work_mem);
		tuplestore_set_eflags(rows, EXEC_FLAG_REWIND);
		while (tuplestore_gettupleslot(source->rows, true, false, slot))
		{
			MemoryContext old = MemoryContextSwitchTo(per_row);

			CHECK_FOR_INTERRUPTS();
			slot_getallattrs(slot);
			put_composite(rows, desc, slot);
			MemoryContextSwitchTo(old);
			MemoryContextReset(per_row);
		}
		tuplestore_end(source->rows);
		source->rows = rows;
		source->desc = desc;
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(per_row);
}

/* ---------- the door ---------- */

hpg_source *
hpg_source_read(const char *source, Oid row_type)
{
	MemoryContext context = CurrentMemoryContext;
	hpg_source *result = palloc0(sizeof(hpg_source));
	bool is_query = source != NULL && is_statement(source);
	const char *query = source;

	if (source == NULL)
		query = select_all(relation_of_type(row_type));
	else if (!is_query)
		query = select_all(relation_by_name(source));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	run_query(query, result, context);
	SPI_finish();
	MemoryContextSwitchTo(context);

	if (is_query && result->desc->natts == 1 &&
		type_is_rowtype(TupleDescAttr(result->desc, 0)->atttypid))
		unwrap_composite(result);
	return result;
}
