/*
 * hpg_compat.h
 *		The only place that knows what differs between PostgreSQL majors.
 *
 * Include it after postgres.h in place of headers that have moved.
 */
#ifndef HPG_COMPAT_H
#define HPG_COMPAT_H

#include "access/genam.h"
#include "miscadmin.h"

#if PG_VERSION_NUM < 150000
#error "houseprice needs PostgreSQL 15 or newer"
#endif

/* VARDATA_ANY and its kin left postgres.h in 16. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* transaction_timeout came with 17. */
#if PG_VERSION_NUM < 170000
#define TransactionTimeoutPending false
#endif

/*
 * repalloc_extended came with 16: before, being out of memory can only be
 * heard of as an error.
 */
static inline void *
hpg_repalloc_no_oom(void *ptr, size_t size)
{
#if PG_VERSION_NUM >= 160000
	return repalloc_extended(ptr, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
#else
	MemoryContext before = CurrentMemoryContext;
	uint32 holdoff = InterruptHoldoffCount;
	void *volatile result = NULL;

	PG_TRY();
	{
		result = repalloc_huge(ptr, size);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(before);
		FlushErrorState();
		InterruptHoldoffCount = holdoff;
	}
	PG_END_TRY();
	return result;
#endif
}

/* Instrumentation became an argument with 18. */
static inline IndexScanDesc
hpg_index_beginscan(Relation relation, Relation index, Snapshot snapshot,
					int nkeys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(relation, index, snapshot, NULL, nkeys, 0);
#else
	return index_beginscan(relation, index, snapshot, nkeys, 0);
#endif
}

/*
 * From libpq/libpq.h, which cannot be included without the headers of the
 * libraries that the server was built with.
 */
extern bool pq_check_connection(void);
extern PGDLLIMPORT struct WaitEventSet *FeBeWaitSet;
#define HPG_CLIENT_SOCKET 0 /* its place in FeBeWaitSet */
#define HPG_CLIENT_EVENTS 3 /* the size of that set */

#endif /* HPG_COMPAT_H */
