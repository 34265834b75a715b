/*
 * hpg_registry_write.c
 *		Writing the registry.
 *
 * Whoever may execute hp_publish or hp_release may write what these write, and
 * nothing else: rows go in through fixed INSERTs, as the owner of the table.
 * What the owner may have put on his table, triggers, rules and defaults, then
 * has the owner's rights and not those of, say, a superuser who publishes; nor
 * does it meet the caller's search_path.
 *
 * Numbers are the greatest + 1, not those of a sequence, so that there are no
 * gaps and a dump has all.  For that, writers of one name wait for each other,
 * until the end of the transaction, and then look with the latest snapshot,
 * whatever the isolation level.  Readers wait for nobody.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "hpg.h"
#include "hpg_compat.h"
#include "hpg_registry.h"

void
hpg_registry_check_writable(const char *function)
{
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	PreventCommandDuringRecovery(function);
}

/* Two names of one hash wait for each other too, which does no harm. */
void
hpg_registry_lock(const char *name)
{
	uint32 hash = hash_bytes((const unsigned char *) name, (int) strlen(name));

	LockDatabaseObject(hpg_registry_oid(HPG_VERSIONS), hash, 0, ExclusiveLock);
}

/* ---------- as the owner ---------- */

typedef struct identity
{
	Oid user;
	int security;
	int settings; /* nesting level */
} identity;

static void
become_owner(Relation relation, identity *before)
{
	GetUserIdAndSecContext(&before->user, &before->security);
	SetUserIdAndSecContext(relation->rd_rel->relowner,
						   before->security | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);
	before->settings = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* After an error the end of the (sub)transaction does this. */
static void
become_caller(const identity *before)
{
	AtEOXact_GUC(false, before->settings);
	SetUserIdAndSecContext(before->user, before->security);
}

/* ---------- rows ---------- */

void
hpg_cell_value(hpg_cell *cell, const char *column, Oid type, Datum value,
			   bool isnull)
{
	cell->column = column;
	cell->type = type;
	cell->value = value;
	cell->isnull = isnull;
}

void
hpg_cell_text(hpg_cell *cell, const char *column, const char *text)
{
	hpg_cell_value(cell, column, TEXTOID,
				   text != NULL ? CStringGetTextDatum(text) : (Datum) 0,
				   text == NULL);
}

void
hpg_cell_integer(hpg_cell *cell, const char *column, int32 number)
{
	hpg_cell_value(cell, column, INT4OID, Int32GetDatum(number), number == 0);
}

void
hpg_cell_caller(hpg_cell *cell, const char *column)
{
	const char *user = GetUserNameFromId(GetUserId(), false);

	hpg_cell_value(cell, column, NAMEOID,
				   DirectFunctionCall1(namein, CStringGetDatum(user)), false);
}

/* The clock's, so that numbers and times agree. */
void
hpg_cell_now(hpg_cell *cell, const char *column)
{
	hpg_cell_value(cell, column, TIMESTAMPTZOID,
				   TimestampTzGetDatum(GetCurrentTimestamp()), false);
}

/* INSERT INTO schema.table (a, b) VALUES ($1, $2) */
static char *
insert_command(Relation relation, const hpg_cell *cells, int n)
{
	StringInfoData command;

	initStringInfo(&command);
	appendStringInfo(&command, "INSERT INTO %s (",
					 quote_qualified_identifier(
						 get_namespace_name(RelationGetNamespace(relation)),
						 RelationGetRelationName(relation)));
	for (int i = 0; i < n; i++)
		appendStringInfo(&command, "%s%s", i > 0 ? ", " : "", cells[i].column);
	appendStringInfoString(&command, ") VALUES (");
	for (int i = 0; i < n; i++)
		appendStringInfo(&command, "%s$%d", i > 0 ? ", " : "", i + 1);
	appendStringInfoChar(&command, ')');
	return command.data;
}

/* Rules and triggers of the owner's may have made something else of it. */
static bool
insert_one(const char *command, const hpg_cell *cells, int n)
{
	Oid types[HPG_MAX_CELLS];
	Datum values[HPG_MAX_CELLS];
	char nulls[HPG_MAX_CELLS];
	bool is_done;

	Assert(n <= HPG_MAX_CELLS);
	for (int i = 0; i < n; i++)
	{
		types[i] = cells[i].type;
		values[i] = cells[i].value;
		nulls[i] = cells[i].isnull ? 'n' : ' ';
	}
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	is_done = SPI_execute_with_args(command, n, types, values, nulls, false,
									0) == SPI_OK_INSERT &&
			  SPI_processed == 1;
	SPI_finish();
	return is_done;
}

void
hpg_registry_insert(hpg_registry_table table, const hpg_cell *cells, int n)
{
	Relation relation = table_open(hpg_registry_oid(table), RowExclusiveLock);
	char *command = insert_command(relation, cells, n);
	identity before;
	bool is_done;

	become_owner(relation, &before);
	is_done = insert_one(command, cells, n);
	become_caller(&before);
	if (!is_done)
		hpg_registry_altered(table, "It did not take a new row.");
	table_close(relation, NoLock);
}
