/*
 * hpg_aggregate.c
 *		What all aggregates need: their memory, and states as bytes.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "hpg.h"
#include "hpg_compat.h"

MemoryContext
hpg_aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate support function called outside an aggregate");
	return context;
}

void
hpg_read_state(FunctionCallInfo fcinfo, StringInfo buffer)
{
	bytea *bytes = PG_GETARG_BYTEA_PP(0);

	memset(buffer, 0, sizeof(*buffer));
	buffer->data = VARDATA_ANY(bytes);
	buffer->len = VARSIZE_ANY_EXHDR(bytes);
	buffer->maxlen = buffer->len;
}
