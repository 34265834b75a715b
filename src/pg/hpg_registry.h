/*
 * hpg_registry.h
 *		Models by name: the tables hp_versions and hp_releases.
 *
 * Names and texts are in the server's encoding.
 */
#ifndef HPG_REGISTRY_H
#define HPG_REGISTRY_H

#include "fmgr.h"
#include "utils/snapshot.h"

/* ---------- hpg_registry.c: reading ---------- */

/*
 * The stored model of a name: version 0 is the released one.  Read with the
 * active snapshot by a direct index scan, without the caller's rights: what
 * calls it has to be what the caller may execute.  ERROR where there is none.
 * The datum is in the current memory context, and may be a TOAST pointer.
 */
extern Datum hpg_registry_model(const char *name, int32 version, int32 *found);

/* The same of the released one, but false where nothing is released. */
extern bool
hpg_registry_released(const char *name, int32 *version, Datum *model);

/* The published name that is nearest to one, in UTF-8; NULL: none is near. */
extern const char *hpg_registry_nearest(const char *name, Snapshot snapshot);

/* Another number than before: what was read may not hold any more. */
extern uint64 hpg_registry_generation(void);

/* The two tables. */
typedef enum hpg_registry_table
{
	HPG_VERSIONS,
	HPG_RELEASES,
	HPG_REGISTRY_TABLES
} hpg_registry_table;

extern Oid hpg_registry_oid(hpg_registry_table table);

/* The extension's type hp_model. */
extern Oid hpg_registry_model_type(void);

/* A release of a name: the current one is that of the greatest number. */
typedef struct hpg_release
{
	int32 number;
	int32 version;
	int32
		previous; /* number of the release that a rollback returns to, or 0 */
} hpg_release;

/* The release of this number, 0: the current one.  False: there is none. */
extern bool hpg_registry_release(const char *name, int32 number,
								 Snapshot snapshot, hpg_release *release);

/* Is there this version? */
extern bool
hpg_registry_has_version(const char *name, int32 version, Snapshot snapshot);

/* The versions of a name: 0, 0, 0 where there are none. */
typedef struct hpg_version_range
{
	int32 least;
	int32 greatest;
	int32 same; /* the one of the digest, or 0 */
} hpg_version_range;

extern void hpg_registry_versions(const char *name, const char *digest,
								  Snapshot snapshot, hpg_version_range *range);

/*
 * The ERROR for what is not there.  version 0: there is no such name, or no
 * release of it.
 */
extern void hpg_registry_missing(const char *name, int32 version,
								 Snapshot snapshot) pg_attribute_noreturn();

/* The ERROR where the owner has changed a table beyond recognition. */
extern void hpg_registry_altered(hpg_registry_table table, const char *detail)
	pg_attribute_noreturn();

/* ---------- hpg_registry_write.c: writing ---------- */

/* No row that is written has more values. */
#define HPG_MAX_CELLS 20

/* A value of a row that is written. */
typedef struct hpg_cell
{
	const char *column;
	Oid type;
	Datum value;
	bool isnull;
} hpg_cell;

/* ERROR where nothing can be written now; function: that asks. */
extern void hpg_registry_check_writable(const char *function);

/*
 * Waits for others that write under the name, and holds it until the end of
 * the transaction.
 */
extern void hpg_registry_lock(const char *name);

/* Inserts a row, as the owner of the table. */
extern void
hpg_registry_insert(hpg_registry_table table, const hpg_cell *cells, int n);

extern void hpg_cell_value(hpg_cell *cell, const char *column, Oid type,
						   Datum value, bool isnull);

/* text NULL, number 0: NULL */
extern void
hpg_cell_text(hpg_cell *cell, const char *column, const char *text);
extern void hpg_cell_integer(hpg_cell *cell, const char *column, int32 number);

/* The caller, and the time. */
extern void hpg_cell_caller(hpg_cell *cell, const char *column);
extern void hpg_cell_now(hpg_cell *cell, const char *column);

/* ---------- hpg_named.c: arguments ---------- */

/* ERROR where the argument is NULL; what: it is. */
extern void
hpg_check_given(FunctionCallInfo fcinfo, int arg, const char *what);

/* The argument as the name of a model; ERROR: NULL. */
extern char *hpg_arg_name(FunctionCallInfo fcinfo, int arg);

/* The argument, not NULL, as a version; ERROR: less than 1. */
extern int32 hpg_arg_version(FunctionCallInfo fcinfo, int arg);

#endif /* HPG_REGISTRY_H */
