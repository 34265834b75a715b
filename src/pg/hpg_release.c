/*
 * hpg_release.c
 *		hp_release(name, version), hp_rollback(name): which version a name
 *		means.
 *
 * The releases of a name are a stack that nothing is taken off: each says
 * which one a rollback returns to.
 *
 *		release		version		action		previous
 *		1			1			release
 *		2			2			release		1
 *		3			3			release		2
 *		4			2			rollback	1
 *		5			4			release		4
 *
 * So two rollbacks go two back, and the table is the whole history.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"

#include "hpg.h"
#include "hpg_registry.h"

HPG_FUNCTION(hp_release);
HPG_FUNCTION(hp_rollback);

/*
 * Everybody's call sites look again: a release is seen at once, even where
 * one of them would not have looked for another reason.
 */
static void
insert_release(const char *name, const hpg_release *release,
			   const char *action)
{
	hpg_cell cells[7];
	int n = 0;

	hpg_cell_text(&cells[n++], "name", name);
	hpg_cell_integer(&cells[n++], "release", release->number);
	hpg_cell_integer(&cells[n++], "version", release->version);
	hpg_cell_text(&cells[n++], "action", action);
	hpg_cell_integer(&cells[n++], "previous", release->previous);
	hpg_cell_now(&cells[n++], "released_at");
	hpg_cell_caller(&cells[n++], "released_by");
	hpg_registry_insert(HPG_RELEASES, cells, n);
	CacheInvalidateRelcacheByRelid(hpg_registry_oid(HPG_RELEASES));
}

static int32
number_after(const char *name, int32 number)
{
	int32 next;

	if (pg_add_s32_overflow(number, 1, &next))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("model \"%s\" has too many releases", name)));
	return next;
}

static void
not_visible(const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					errmsg("could not serialize access due to concurrent "
						   "update"),
					errdetail("%s", detail)));
}

/*
 * Where the snapshot is that of the transaction, what has led to this call was
 * seen with it: a gate may have judged by the release that was current then.
 * So a later one is not passed over, as an UPDATE would not.  The version has
 * to be visible too, for the foreign key, which is checked with that snapshot.
 */
static void
check_visible(const char *name, const hpg_release *current, int32 version)
{
	hpg_release seen;

	if (!IsolationUsesXactSnapshot())
		return;
	if (current->number != 0 &&
		!hpg_registry_release(name, current->number, GetTransactionSnapshot(),
							  &seen))
		not_visible(psprintf("Version %d of model \"%s\" was released after "
							 "the transaction began.",
							 current->version, name));
	if (!hpg_registry_has_version(name, version, GetTransactionSnapshot()))
		not_visible(psprintf("Version %d of model \"%s\" was published after "
							 "the transaction began.",
							 version, name));
}

static void
release_version(const char *name, int32 version, Snapshot snapshot)
{
	hpg_release current = {0};
	hpg_release next;

	if (!hpg_registry_has_version(name, version, snapshot))
		hpg_registry_missing(name, version, snapshot);
	if (hpg_registry_release(name, 0, snapshot, &current) &&
		current.version == version)
	{
		ereport(NOTICE, (errmsg("version %d of model \"%s\" is released "
								"already",
								version, name)));
		return;
	}
	check_visible(name, &current, version);
	next.number = number_after(name, current.number);
	next.version = version;
	next.previous = current.number;
	insert_release(name, &next, "release");
}

/* hp_release(name text, version integer) returns integer */
Datum
hp_release(PG_FUNCTION_ARGS)
{
	char *name;
	int32 version;
	Snapshot snapshot;

	hpg_registry_check_writable("hp_release()");
	name = hpg_arg_name(fcinfo, 0);
	hpg_check_given(fcinfo, 1, "version");
	version = hpg_arg_version(fcinfo, 1);
	hpg_registry_lock(name);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	release_version(name, version, snapshot);
	UnregisterSnapshot(snapshot);
	PG_RETURN_INT32(version);
}

static int32
roll_back(const char *name, Snapshot snapshot)
{
	hpg_release current;
	hpg_release target = {0};
	hpg_release next;

	if (!hpg_registry_release(name, 0, snapshot, &current))
		hpg_registry_missing(name, 0, snapshot);
	if (current.previous == 0 ||
		!hpg_registry_release(name, current.previous, snapshot, &target))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no earlier release of model \"%s\"", name),
				 errdetail("Version %d is the first one that was released.",
						   current.version)));
	check_visible(name, &current, target.version);
	next.number = number_after(name, current.number);
	next.version = target.version;
	next.previous = target.previous;
	insert_release(name, &next, "rollback");
	return next.version;
}

/* hp_rollback(name text) returns integer */
Datum
hp_rollback(PG_FUNCTION_ARGS)
{
	char *name;
	Snapshot snapshot;
	int32 version;

	hpg_registry_check_writable("hp_rollback()");
	name = hpg_arg_name(fcinfo, 0);
	hpg_registry_lock(name);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	version = roll_back(name, snapshot);
	UnregisterSnapshot(snapshot);
	PG_RETURN_INT32(version);
}
