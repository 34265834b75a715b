/*
 * hpg_named.c
 *		Models by name: hp_get_model, and the call sites of hp_predict(name,
 *		row) and its kin.
 *
 * A name means the version that is released under the active snapshot.  A
 * call site looks it up once and then stays with it while it is asked for the
 * same name under the same snapshot, which is some comparisons per row.
 * Statements have snapshots of their own; but PL/pgSQL keeps the call sites of
 * simple expressions from one to the next, and those look again.
 *
 * Two snapshots are the same where they see the same: the same transactions
 * in progress, the same commands of our own.  Between two snapshots with equal
 * xmin and xmax those in progress can only have become less, so it is enough
 * to compare their number.  What a subtransaction wrote and took back has the
 * registry's generation change.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "hpg.h"
#include "hpg_registry.h"

HPG_FUNCTION(hp_get_model);

/* ---------- call sites ---------- */

/* What a snapshot sees. */
typedef struct sight
{
	TransactionId xmin;
	TransactionId xmax;
	uint32 xcnt;
	int32 subxcnt;
	CommandId curcid;
	bool suboverflowed;
	bool in_recovery;
} sight;

typedef struct hpg_named
{
	bool valid;
	MemoryContext context; /* of name and model */
	text *name;            /* or NULL */
	Datum model;
	uint64 generation; /* of the registry */
	sight sight;
} hpg_named;

static void
take_sight(sight *s)
{
	Snapshot snapshot = GetActiveSnapshot();

	s->xmin = snapshot->xmin;
	s->xmax = snapshot->xmax;
	s->xcnt = snapshot->xcnt;
	s->subxcnt = snapshot->subxcnt;
	s->curcid = snapshot->curcid;
	s->suboverflowed = snapshot->suboverflowed;
	s->in_recovery = snapshot->takenDuringRecovery;
}

static bool
is_same_sight(const sight *s)
{
	Snapshot snapshot = GetActiveSnapshot();

	return s->xmin == snapshot->xmin && s->xmax == snapshot->xmax &&
		   s->xcnt == snapshot->xcnt && s->subxcnt == snapshot->subxcnt &&
		   s->curcid == snapshot->curcid &&
		   s->suboverflowed == snapshot->suboverflowed &&
		   s->in_recovery == snapshot->takenDuringRecovery;
}

static bool
is_current(const hpg_named *named, const text *name)
{
	return named != NULL && named->valid &&
		   VARSIZE_ANY_EXHDR(named->name) == VARSIZE_ANY_EXHDR(name) &&
		   memcmp(VARDATA_ANY(named->name), VARDATA_ANY(name),
				  VARSIZE_ANY_EXHDR(name)) == 0 &&
		   named->generation == hpg_registry_generation() &&
		   is_same_sight(&named->sight);
}

/* A model that is not stored out of line, whole and aligned. */
static Datum
kept_model(Datum model)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(model);

	if (VARATT_IS_EXTERNAL_ONDISK(value))
		return datumCopy(model, false, -1);
	return PointerGetDatum(PG_DETOAST_DATUM_COPY(model));
}

static hpg_named *
named_of(hpg_call *call)
{
	if (call->named == NULL)
	{
		MemoryContext context =
			AllocSetContextCreate(call->context, "houseprice name",
								  ALLOCSET_SMALL_SIZES);
		hpg_named *named =
			MemoryContextAllocZero(call->context, sizeof(hpg_named));

		named->context = context;
		call->named = named;
	}
	return call->named;
}

/* An error leaves a call site that looks again. */
static void
look_up(hpg_call *call, text *name)
{
	hpg_named *named = named_of(call);
	MemoryContext before;
	int32 version;
	Datum model;

	named->valid = false;
	named->generation = hpg_registry_generation();
	take_sight(&named->sight);
	model = hpg_registry_model(text_to_cstring(name), 0, &version);

	MemoryContextReset(named->context);
	before = MemoryContextSwitchTo(named->context);
	named->name =
		(text *) DatumGetPointer(datumCopy(PointerGetDatum(name), false, -1));
	named->model = kept_model(model);
	MemoryContextSwitchTo(before);
	named->valid = true;
}

hpg_loaded *
hpg_call_named(hpg_call *call, Datum argument)
{
	text *name = DatumGetTextPP(argument);

	if (unlikely(!is_current(call->named, name)))
		look_up(call, name);
	return hpg_call_model(call, call->named->model);
}

/* ---------- arguments ---------- */

void
hpg_check_given(FunctionCallInfo fcinfo, int arg, const char *what)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("%s must not be NULL", what)));
}

char *
hpg_arg_name(FunctionCallInfo fcinfo, int arg)
{
	hpg_check_given(fcinfo, arg, "name of a model");
	return text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

int32
hpg_arg_version(FunctionCallInfo fcinfo, int arg)
{
	int32 version = PG_GETARG_INT32(arg);

	if (version < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("version must be 1 or more, not %d", version)));
	return version;
}

/* hp_get_model(name text, version integer) returns hp_model */
Datum
hp_get_model(PG_FUNCTION_ARGS)
{
	int32 version = PG_ARGISNULL(1) ? 0 : hpg_arg_version(fcinfo, 1);

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(hpg_registry_model(text_to_cstring(PG_GETARG_TEXT_PP(0)),
									   version, &version));
}
