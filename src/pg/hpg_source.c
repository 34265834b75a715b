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
 * snapshot of the calling query, with row security.  Its rows are handed on as
 * they come, or kept in a tuplestore of work_mem; nothing is held twice.  A
 * query of one composite column stands for the columns of that composite,
 * because the record that hp_select_features answers cannot be starred in SQL.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "tcop/cmdtag.h"
#include "tcop/dest.h"
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

/* ---------- rows on their way ---------- */

/*
 * Receives the rows of a query and hands them on: as they are, or, of a query
 * of one composite column, as the composites.
 */
typedef struct stream
{
	DestReceiver receiver;
	const hpg_sink *sink;
	MemoryContext context; /* of the caller */
	MemoryContext per_row;
	bool unwrap;
	TupleDesc outer; /* of the query's rows, while it runs */
	TupleTableSlot
		*inner;    /* for composites, or NULL: of a type not known yet */
	uint64 nnulls; /* NULLs that came before it was */
} stream;

static void
begin_sink(stream *s, TupleDesc desc)
{
	MemoryContext old = MemoryContextSwitchTo(s->context);

	s->sink->begin(s->sink->opaque, desc);
	MemoryContextSwitchTo(old);
}

/* A NULL composite counts as one whose columns are all NULL.  In per_row. */
static void
pass_nulls_on(stream *s, TupleTableSlot *slot)
{
	for (; s->nnulls > 0; s->nnulls--)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(s->per_row);
		ExecStoreAllNullTuple(slot);
		s->sink->row(s->sink->opaque, slot);
	}
}

static void
begin_composites(stream *s, Oid type, int32 typmod)
{
	TupleDesc desc = lookup_rowtype_tupdesc(type, typmod);
	MemoryContext old = MemoryContextSwitchTo(s->context);

	s->inner = MakeSingleTupleTableSlot(CreateTupleDescCopyConstr(desc),
										&TTSOpsHeapTuple);
	MemoryContextSwitchTo(old);
	ReleaseTupleDesc(desc);
	begin_sink(s, s->inner->tts_tupleDescriptor);
	pass_nulls_on(s, s->inner);
}

static void
pass_composite_on(stream *s, HeapTupleHeader row)
{
	Oid type = HeapTupleHeaderGetTypeId(row);
	int32 typmod = HeapTupleHeaderGetTypMod(row);
	HeapTupleData tuple;

	if (s->inner == NULL)
		begin_composites(s, type, typmod);
	if (type != s->inner->tts_tupleDescriptor->tdtypeid ||
		typmod != s->inner->tts_tupleDescriptor->tdtypmod)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the records of the source have different columns")));
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	ExecStoreHeapTuple(&tuple, s->inner, false);
	s->sink->row(s->sink->opaque, s->inner);
	ExecClearTuple(s->inner);
}

static void
start_stream(DestReceiver *receiver, int operation, TupleDesc desc)
{
	stream *s = (stream *) receiver;
	Oid type;

	if (desc->natts != 1)
		s->unwrap = false;
	if (!s->unwrap)
	{
		begin_sink(s, desc);
		return;
	}
	type = getBaseType(TupleDescAttr(desc, 0)->atttypid);
	s->unwrap = type_is_rowtype(type);
	s->outer = desc;
	if (!s->unwrap)
		begin_sink(s, desc);
	else if (type != RECORDOID)
		begin_composites(s, type, -1);
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *receiver)
{
	stream *s = (stream *) receiver;
	MemoryContext old = MemoryContextSwitchTo(s->per_row);

	MemoryContextReset(s->per_row);
	if (!s->unwrap)
		s->sink->row(s->sink->opaque, slot);
	else
	{
		bool isnull;
		Datum composite = slot_getattr(slot, 1, &isnull);

		if (!isnull)
			pass_composite_on(s, DatumGetHeapTupleHeader(composite));
		else
		{
			s->nnulls++;
			if (s->inner != NULL)
				pass_nulls_on(s, s->inner);
		}
	}
	MemoryContextSwitchTo(old);
	return true;
}

/* Records of which not one told its columns stay what they are. */
static void
end_stream(DestReceiver *receiver)
{
	stream *s = (stream *) receiver;

	if (s->unwrap && s->inner == NULL)
	{
		TupleTableSlot *slot =
			MakeSingleTupleTableSlot(s->outer, &TTSOpsVirtual);
		MemoryContext old;

		begin_sink(s, s->outer);
		old = MemoryContextSwitchTo(s->per_row);
		pass_nulls_on(s, slot);
		MemoryContextSwitchTo(old);
		ExecDropSingleTupleTableSlot(slot);
	}
	if (s->inner != NULL)
		ExecDropSingleTupleTableSlot(s->inner);
}

static void
destroy_stream(DestReceiver *receiver)
{
}

/* Inside an SPI connection. */
static void
run_query(const char *query, stream *s)
{
	SPIExecuteOptions options = {0};
	SPIPlanPtr plan =
		SPI_prepare_cursor(query, 0, NULL, CURSOR_OPT_PARALLEL_OK);
	int status;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s",
			 SPI_result_code_string(SPI_result));
	check_plan(plan, query);
	options.read_only = true;
	options.must_return_tuples = true;
	options.dest = &s->receiver;
	status = SPI_execute_plan_extended(plan, &options);
	if (status != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan_extended failed: %s",
			 SPI_result_code_string(status));
}

void
hpg_source_stream(const char *source, Oid row_type, const hpg_sink *sink)
{
	bool is_query = source != NULL && is_statement(source);
	const char *query = source;
	stream s = {.sink = sink,
				.context = CurrentMemoryContext,
				.unwrap = is_query};

	s.receiver.mydest = DestTuplestore;
	s.receiver.rStartup = start_stream;
	s.receiver.receiveSlot = receive_row;
	s.receiver.rShutdown = end_stream;
	s.receiver.rDestroy = destroy_stream;
	s.per_row =
		AllocSetContextCreate(CurrentMemoryContext, "houseprice source row",
							  ALLOCSET_DEFAULT_SIZES);
	if (source == NULL)
		query = select_all(relation_of_type(row_type));
	else if (!is_query)
		query = select_all(relation_by_name(source));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	run_query(query, &s);
	SPI_finish();
	MemoryContextSwitchTo(s.context);
	MemoryContextDelete(s.per_row);
}

/* ---------- rows that are read more than once ---------- */

static void
begin_store(void *opaque, TupleDesc desc)
{
	hpg_source *source = opaque;

	source->desc = CreateTupleDescCopyConstr(desc);
	source->rows = tuplestore_begin_heap(false, false, work_mem);
	tuplestore_set_eflags(source->rows, EXEC_FLAG_REWIND);
}

static void
store_row(void *opaque, TupleTableSlot *slot)
{
	hpg_source *source = opaque;

	tuplestore_puttupleslot(source->rows, slot);
	source->nrows++;
}

hpg_source *
hpg_source_read(const char *source, Oid row_type)
{
	hpg_source *result = palloc0(sizeof(hpg_source));
	hpg_sink sink = {begin_store, store_row, result};

	hpg_source_stream(source, row_type, &sink);
	return result;
}

/* ---------- rows of a type that is asked for ---------- */

hpg_rowtype *
hpg_source_rowtype(FunctionCallInfo fcinfo, int arg, const char *function,
				   MemoryContext context)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, arg);
	TupleDesc desc;
	hpg_rowtype *rowtype;

	if (!OidIsValid(type) || !type_is_rowtype(type) || type == RECORDOID ||
		getBaseType(type) != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s needs a named row type, not %s", function,
						OidIsValid(type) ? format_type_be(type) : "a value of unknown type"),
				 errhint("Say which rows to return: NULL::houses stands for those of table houses.")));
	desc = lookup_rowtype_tupdesc(type, -1);
	rowtype = hpg_rowtype_make(desc, context);
	ReleaseTupleDesc(desc);
	return rowtype;
}

static void
check_type(const hpg_column *column, const hpg_column *given)
{
	if (given->type == column->type &&
		(given->typmod == column->typmod || column->typmod < 0))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of the source is of type %s, not %s",
					hpg_name(column->name),
					format_type_with_typemod(given->type, given->typmod),
					format_type_with_typemod(column->type, column->typmod)),
			 errhint("Cast the column in the source.")));
}

int *
hpg_source_columns(TupleDesc desc, const hpg_rowtype *rowtype)
{
	hpg_rowtype *given = hpg_rowtype_make(desc, CurrentMemoryContext);
	int *attnums = palloc(sizeof(int) * Max(rowtype->ncolumns, 1));

	for (int i = 0; i < rowtype->ncolumns; i++)
	{
		const hpg_column *column = &rowtype->columns[i];
		const hpg_column *found = hpg_rowtype_find(given, column->name);

		if (found == NULL)
			hpg_column_missing(given, column->name);
		check_type(column, found);
		attnums[i] = found->attnum;
	}
	hpg_rowtype_free(given);
	return attnums;
}

void
hpg_source_row(TupleTableSlot *slot, const int *attnums, hpg_rowtype *rowtype)
{
	slot_getallattrs(slot);
	for (int i = 0; i < rowtype->ncolumns; i++)
	{
		int attnum = rowtype->columns[i].attnum;

		rowtype->values[attnum] = slot->tts_values[attnums[i]];
		rowtype->nulls[attnum] = slot->tts_isnull[attnums[i]];
	}
}
