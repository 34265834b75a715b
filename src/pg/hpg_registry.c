/*
 * hpg_registry.c
 *		Reading the registry: which models have which name, and which of them
 *		is released.
 *
 *		hp_versions		name, version, digest, model, ...
 *		hp_releases		name, release, version, action, previous, ...
 *
 * A version is a model that was published under a name.  A release says that
 * from now on the name means this version: the current release is the one of
 * the greatest number, and the rest is history.
 *
 * Who may predict by name need not have a right to read models, so the tables
 * are not read by SQL as the caller, nor as somebody else: each question is a
 * scan of the primary key, backwards where the greatest number is asked for,
 * and takes some microseconds.  The right is that to execute the function.
 *
 * The tables belong to whoever made the extension, who need not be trusted
 * by those that predict.  He can alter them, and what is read from the column
 * of models is used as a model without further checks.  So each scan looks for
 * the columns by name and wants their types to be those that the extension
 * gave them, and a table of the name that is no part of the extension is none
 * of ours.  No code of the owner's runs in a scan of the key.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class_d.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_opfamily_d.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "hpg.h"
#include "hpg_compat.h"
#include "hpg_registry.h"

#define EXTENSION "houseprice"

/* Names that a hint is looked for among. */
#define MAX_NAMES 10000

/* What a name in a message is cut to. */
#define SHOWN_NAME 64

/* ---------- the tables as the extension made them ---------- */

/* Columns: the first two are the key. */
enum
{
	NAME,
	NUMBER, /* version or release */
	DIGEST,
	MODEL,
	VERSION = DIGEST, /* of a release */
	PREVIOUS = MODEL,
	NCOLUMNS
};

typedef struct table_shape
{
	const char *name;
	struct
	{
		const char *name;
		Oid type; /* InvalidOid: hp_model */
	} columns[NCOLUMNS];
} table_shape;

static const table_shape shapes[HPG_REGISTRY_TABLES] = {
	[HPG_VERSIONS] = {"hp_versions",
					  {[NAME] = {"name", TEXTOID},
					   [NUMBER] = {"version", INT4OID},
					   [DIGEST] = {"digest", TEXTOID},
					   [MODEL] = {"model", InvalidOid}}},
	[HPG_RELEASES] = {"hp_releases",
					  {[NAME] = {"name", TEXTOID},
					   [NUMBER] = {"release", INT4OID},
					   [VERSION] = {"version", INT4OID},
					   [PREVIOUS] = {"previous", INT4OID}}},
};

/* Where they are. */
static struct
{
	bool valid;
	Oid tables[HPG_REGISTRY_TABLES];
	Oid model_type;
} located;

static uint64 generation = 0;

static void
forget(Datum arg, Oid relation)
{
	if (relation == InvalidOid || relation == located.tables[HPG_VERSIONS] ||
		relation == located.tables[HPG_RELEASES])
	{
		located.valid = false;
		generation++;
	}
}

/* What a subtransaction wrote may be taken back under the same snapshot. */
static void
forget_aborted(SubXactEvent event, SubTransactionId self,
			   SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		generation++;
}

static void
listen_once(void)
{
	static bool listening = false;

	if (listening)
		return;
	CacheRegisterRelcacheCallback(forget, (Datum) 0);
	RegisterSubXactCallback(forget_aborted, NULL);
	listening = true;
}

uint64
hpg_registry_generation(void)
{
	return generation;
}

void
hpg_registry_altered(hpg_registry_table table, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table %s is not as extension " EXTENSION " made it",
					shapes[table].name),
			 errdetail("%s", detail)));
}

/* The extension and its schema. */
static Oid
find_extension(Oid *schema)
{
	Relation relation = table_open(ExtensionRelationId, AccessShareLock);
	Oid extension = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(EXTENSION));
	scan = systable_beginscan(relation, ExtensionNameIndexId, true, NULL, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		extension = ((Form_pg_extension) GETSTRUCT(tuple))->oid;
		*schema = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	if (!OidIsValid(extension))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension " EXTENSION " does not exist here"),
				 errhint("CREATE EXTENSION " EXTENSION " makes it.")));
	return extension;
}

static void
locate(void)
{
	Oid schema = InvalidOid;
	Oid extension;

	listen_once();
	if (located.valid)
		return;
	extension = find_extension(&schema);
	for (int i = 0; i < HPG_REGISTRY_TABLES; i++)
	{
		Oid table = get_relname_relid(shapes[i].name, schema);

		if (!OidIsValid(table) ||
			getExtensionOfObject(RelationRelationId, table) != extension)
			hpg_registry_altered(i, "There is no such table in the schema of "
									"the extension, as a part of it.");
		located.tables[i] = table;
	}
	located.model_type =
		GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
						CStringGetDatum("hp_model"), ObjectIdGetDatum(schema));
	if (getExtensionOfObject(TypeRelationId, located.model_type) != extension)
		elog(ERROR, "the type hp_model is no part of its extension");
	located.valid = true;
}

Oid
hpg_registry_oid(hpg_registry_table table)
{
	locate();
	return located.tables[table];
}

Oid
hpg_registry_model_type(void)
{
	locate();
	return located.model_type;
}

/* ---------- scans ---------- */

typedef struct key_scan
{
	Relation relation;
	Relation index;
	AttrNumber columns[NCOLUMNS];
	IndexScanDesc scan;
	TupleTableSlot *slot;
} key_scan;

/* Opens a table where it is now, which may not be where it was. */
static Relation
open_located(hpg_registry_table table)
{
	for (;;)
	{
		Relation relation;
		Oid oid;

		locate();
		oid = located.tables[table];
		relation = try_relation_open(oid, AccessShareLock);
		if (relation != NULL)
		{
			/* it may have been dropped or renamed until we had the lock */
			locate();
			if (located.tables[table] == oid)
				return relation;
			relation_close(relation, AccessShareLock);
		}
		else
			located.valid = false;
	}
}

static AttrNumber
find_column(hpg_registry_table table, int column, TupleDesc desc)
{
	const char *name = shapes[table].columns[column].name;
	Oid type = shapes[table].columns[column].type;

	if (!OidIsValid(type))
		type = located.model_type;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped &&
			strcmp(NameStr(attribute->attname), name) == 0 &&
			attribute->atttypid == type &&
			(column != NAME || attribute->attcollation == C_COLLATION_OID))
			return attribute->attnum;
	}
	hpg_registry_altered(table,
						 psprintf("It has no column \"%s\" of type %s%s.",
								  name, format_type_be(type),
								  column == NAME ? " with collation \"C\""
												 : ""));
}

/* The primary key, as it was. */
static Relation
open_key(hpg_registry_table table, const key_scan *s)
{
	Relation index;

	list_free(RelationGetIndexList(s->relation));
	if (!OidIsValid(s->relation->rd_pkindex))
		hpg_registry_altered(table, "It has no primary key.");
	index = index_open(s->relation->rd_pkindex, AccessShareLock);
	if (index->rd_rel->relam != BTREE_AM_OID ||
		index->rd_index->indnkeyatts != 2 ||
		index->rd_index->indkey.values[0] != s->columns[NAME] ||
		index->rd_index->indkey.values[1] != s->columns[NUMBER] ||
		index->rd_opfamily[0] != TEXT_BTREE_FAM_OID ||
		index->rd_opfamily[1] != INTEGER_BTREE_FAM_OID)
		hpg_registry_altered(table, "Its primary key is another.");
	return index;
}

static void
open_scan(key_scan *s, hpg_registry_table table, Snapshot snapshot, int nkeys)
{
	s->relation = open_located(table);
	if (s->relation->rd_rel->relkind != RELKIND_RELATION)
		hpg_registry_altered(table, "It is no table.");
	for (int i = 0; i < NCOLUMNS; i++)
		s->columns[i] = find_column(table, i, RelationGetDescr(s->relation));
	s->index = open_key(table, s);
	s->slot = table_slot_create(s->relation, NULL);
	s->scan = hpg_index_beginscan(s->relation, s->index, snapshot, nkeys);
}

static void
name_key(ScanKey key, StrategyNumber strategy, RegProcedure procedure,
		 const char *name)
{
	ScanKeyEntryInitialize(key, 0, 1, strategy, InvalidOid, C_COLLATION_OID,
						   procedure, CStringGetTextDatum(name));
}

/* Rows of a name, of this number if it is not 0. */
static void
begin_scan(key_scan *s, hpg_registry_table table, const char *name,
		   int32 number, Snapshot snapshot)
{
	ScanKeyData keys[2];
	int nkeys = number != 0 ? 2 : 1;

	open_scan(s, table, snapshot, nkeys);
	name_key(&keys[0], BTEqualStrategyNumber, F_TEXTEQ, name);
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(number));
	index_rescan(s->scan, keys, nkeys, NULL, 0);
}

/* The one of the greatest number comes first. */
static bool
next_row(key_scan *s)
{
	CHECK_FOR_INTERRUPTS();
	return index_getnext_slot(s->scan, BackwardScanDirection, s->slot);
}

/* The locks stay, as those of any query do. */
static void
end_scan(key_scan *s)
{
	index_endscan(s->scan);
	ExecDropSingleTupleTableSlot(s->slot);
	index_close(s->index, NoLock);
	table_close(s->relation, NoLock);
}

/* 0 where it is NULL: no number is. */
static int32
integer_of(const key_scan *s, int column)
{
	bool isnull;
	Datum value = slot_getattr(s->slot, s->columns[column], &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

/* ---------- questions ---------- */

bool
hpg_registry_release(const char *name, int32 number, Snapshot snapshot,
					 hpg_release *release)
{
	key_scan s;
	bool found;

	begin_scan(&s, HPG_RELEASES, name, number, snapshot);
	found = next_row(&s);
	if (found)
	{
		release->number = integer_of(&s, NUMBER);
		release->version = integer_of(&s, VERSION);
		release->previous = integer_of(&s, PREVIOUS);
	}
	end_scan(&s);
	return found;
}

/* The model of a version, if model is not NULL. */
static bool
find_version(const char *name, int32 version, Snapshot snapshot, Datum *model)
{
	key_scan s;
	bool found;

	begin_scan(&s, HPG_VERSIONS, name, version, snapshot);
	found = next_row(&s);
	if (found && model != NULL)
	{
		bool isnull;
		Datum value = slot_getattr(s.slot, s.columns[MODEL], &isnull);

		if (isnull)
			hpg_registry_altered(HPG_VERSIONS, "A model is NULL.");
		*model = datumCopy(value, false, -1);
	}
	end_scan(&s);
	return found;
}

bool
hpg_registry_has_version(const char *name, int32 version, Snapshot snapshot)
{
	return version > 0 && find_version(name, version, snapshot, NULL);
}

static bool
is_digest(const key_scan *s, const char *digest)
{
	bool isnull;
	Datum value = slot_getattr(s->slot, s->columns[DIGEST], &isnull);
	char *stored;
	bool is_same;

	if (isnull)
		return false;
	stored = TextDatumGetCString(value);
	is_same = strcmp(stored, digest) == 0;
	pfree(stored);
	return is_same;
}

void
hpg_registry_versions(const char *name, const char *digest, Snapshot snapshot,
					  hpg_version_range *range)
{
	key_scan s;

	memset(range, 0, sizeof(*range));
	begin_scan(&s, HPG_VERSIONS, name, 0, snapshot);
	while (next_row(&s))
	{
		range->least = integer_of(&s, NUMBER);
		if (range->greatest == 0)
			range->greatest = range->least;
		if (digest != NULL && is_digest(&s, digest))
			range->same = range->least;
	}
	end_scan(&s);
}

bool
hpg_registry_released(const char *name, int32 *version, Datum *model)
{
	Snapshot snapshot = GetActiveSnapshot();
	hpg_release release;

	if (!hpg_registry_release(name, 0, snapshot, &release))
		return false;
	*version = release.version;
	if (!find_version(name, release.version, snapshot, model))
		hpg_registry_altered(HPG_VERSIONS, "A version that is released is "
										   "not there.");
	return true;
}

Datum
hpg_registry_model(const char *name, int32 version, int32 *found)
{
	Datum model = (Datum) 0;

	*found = version;
	if (version == 0
			? !hpg_registry_released(name, found, &model)
			: !find_version(name, version, GetActiveSnapshot(), &model))
		hpg_registry_missing(name, version, GetActiveSnapshot());
	return model;
}

/* ---------- what is not there ---------- */

/* All names, from one to the next by the key; in UTF-8. */
static const char **
read_names(Snapshot snapshot, int *nnames)
{
	const char **names = palloc(MAX_NAMES * sizeof(char *));
	ScanKeyData key;
	key_scan s;
	int n = 0;

	open_scan(&s, HPG_VERSIONS, snapshot, 1);
	name_key(&key, BTGreaterStrategyNumber, F_TEXT_GT, "");
	index_rescan(s.scan, &key, 1, NULL, 0);
	while (n < MAX_NAMES &&
		   index_getnext_slot(s.scan, ForwardScanDirection, s.slot))
	{
		bool isnull;
		Datum value = slot_getattr(s.slot, s.columns[NAME], &isnull);
		char *name = TextDatumGetCString(value);

		CHECK_FOR_INTERRUPTS();
		names[n++] = hpg_utf8_copy(name, (int) strlen(name));
		name_key(&key, BTGreaterStrategyNumber, F_TEXT_GT, name);
		index_rescan(s.scan, &key, 1, NULL, 0);
	}
	end_scan(&s);
	*nnames = n;
	return names;
}

/* A name in a message, which may be anything that was typed. */
static const char *
shown(const char *name)
{
	int length = (int) strlen(name);
	int kept = pg_mbcliplen(name, length, SHOWN_NAME);

	return kept == length ? name : psprintf("%.*s...", kept, name);
}

const char *
hpg_registry_nearest(const char *name, Snapshot snapshot)
{
	int nnames;
	const char **names = read_names(snapshot, &nnames);

	return hpg_nearest_name(hpg_utf8_copy(name, (int) strlen(name)), nnames,
							names);
}

static void
name_missing(const char *name, Snapshot snapshot)
{
	bool is_model = strncmp(name, "houseprice model ", 17) == 0;
	const char *nearest = hpg_registry_nearest(name, snapshot);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" does not exist", shown(name)),
			 is_model ? errhint("A text is taken for the name of a model: "
								"cast it, '...'::hp_model.")
			 : nearest ? errhint("Perhaps you meant the model \"%s\".",
								 hpg_name(nearest))
					   : errhint("hp_publish makes one; view hp_models lists "
								 "those that there are.")));
}

void
hpg_registry_missing(const char *name, int32 version, Snapshot snapshot)
{
	hpg_version_range range;

	hpg_registry_versions(name, NULL, snapshot, &range);
	if (range.greatest == 0)
		name_missing(name, snapshot);
	if (version == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no version of model \"%s\" is released", name),
				 errhint("hp_release(%s, %d) releases the latest one.",
						 quote_literal_cstr(name), range.greatest)));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" has no version %d", name, version),
			 range.least == range.greatest
			 ? errhint("Its only version is %d.", range.least)
			 : errhint("Its versions are %d to %d.", range.least,
					   range.greatest)));
}
