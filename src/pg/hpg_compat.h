/*
 * hpg_compat.h
 *		The only place that knows what differs between PostgreSQL majors.
 *
 * Include it after postgres.h in place of headers that have moved.
 */
#ifndef HPG_COMPAT_H
#define HPG_COMPAT_H

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
 * From libpq/libpq.h, which cannot be included without the headers of the
 * libraries that the server was built with.
 */
extern bool pq_check_connection(void);

#endif /* HPG_COMPAT_H */
