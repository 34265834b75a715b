/*
 * hpg_cache.c
 *		Stored models that this backend has used, ready to be used again.
 *
 * A model that is stored out of line has to be fetched, 200 MB of it in a
 * second, and what speeds up its predictions (hpc_predictor) has to be made.
 * Both are kept here from one statement to the next.
 *
 * A model is known by its digest, which stands in its first bytes: so what is
 * in the cache is right whatever happened to the row that it came from.  Call
 * sites pin what they use, and let go of it when their memory context ends.
 * Models that nobody uses leave, the one that was not used for longest first,
 * when another needs their place.
 */
#include "postgres.h"

#include <limits.h>

#include "access/detoast.h"
#include "lib/ilist.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "hpg_border.h"
#include "hpg_compat.h"

static int model_cache = 64 * 1024; /* kB */

typedef struct cached_model
{
	hpg_loaded loaded; /* first: what call sites see */
	int npins;
	dlist_node node;
} cached_model;

/* The one used last comes first.  Few: a search from the front is short. */
static dlist_head models = DLIST_STATIC_INIT(models);
static uint64 total_bytes = 0;

void
hpg_cache_settings(void)
{
	DefineCustomIntVariable("houseprice.model_cache",
							"Memory for models that a session has used.",
							"Stored models up to this size stay in memory "
							"from one statement to the next. 0 keeps none.",
							&model_cache, 64 * 1024, 0, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
}

static cached_model *
find_model(const hpc_digest *digest)
{
	dlist_iter iter;

	dlist_foreach(iter, &models)
	{
		cached_model *m = dlist_container(cached_model, node, iter.cur);

		if (memcmp(&m->loaded.digest, digest, sizeof(*digest)) == 0)
			return m;
	}
	return NULL;
}

/* Lets unused models go until so many bytes fit.  False: they do not. */
static bool
make_room(uint64 nbytes)
{
	uint64 limit = (uint64) model_cache * 1024;
	dlist_node *node =
		dlist_is_empty(&models) ? NULL : dlist_tail_node(&models);

	while (total_bytes + nbytes > limit && node != NULL)
	{
		cached_model *m = dlist_container(cached_model, node, node);

		node = dlist_has_prev(&models, node) ? dlist_prev_node(&models, node)
											 : NULL;
		if (m->npins > 0)
			continue;
		dlist_delete(&m->node);
		total_bytes -= VARSIZE(m->loaded.model);
		MemoryContextDelete(m->loaded.context);
	}
	return total_bytes + nbytes <= limit;
}

/* The whole of a stored value, in memory of its own. */
static cached_model *
fetch_model(struct varlena *value, const hpc_digest *digest)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "houseprice model",
							  ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	cached_model *m = palloc0(sizeof(cached_model));

	m->loaded.context = context;
	m->loaded.digest = *digest;
	m->loaded.model = (const hpc_model *) detoast_attr(value);
	m->loaded.countdown = hpc_predictor_rows(m->loaded.model);
	MemoryContextSwitchTo(before);
	return m;
}

hpg_loaded *
hpg_cache_get(struct varlena *value, const hpc_digest *digest, bool *pinned)
{
	cached_model *m;

	/* the limit may have been lowered */
	make_room(0);
	m = find_model(digest);
	if (m != NULL)
		dlist_move_head(&models, &m->node);
	else
	{
		m = fetch_model(value, digest);
		*pinned = make_room(VARSIZE(m->loaded.model));
		if (!*pinned)
			return &m->loaded;
		MemoryContextSetParent(m->loaded.context, TopMemoryContext);
		MemoryContextSetIdentifier(m->loaded.context, "cached");
		dlist_push_head(&models, &m->node);
		total_bytes += VARSIZE(m->loaded.model);
	}
	m->npins++;
	*pinned = true;
	return &m->loaded;
}

void
hpg_cache_unpin(hpg_loaded *loaded)
{
	cached_model *m = (cached_model *) loaded;

	Assert(m->npins > 0);
	m->npins--;
}
