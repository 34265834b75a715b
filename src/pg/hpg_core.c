/*
 * hpg_core.c
 *		The border to the core: settings, memory, cancel, errors, threads.
 *
 * The core allocates through a hook that never raises an error, asks through
 * another whether to stop, and reports by status; here that status becomes
 * an ereport, the only place where it does.
 */
#include "postgres.h"

#ifdef __linux__
#include <sched.h>
#endif

#include "access/parallel.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "hpg.h"
#include "hpg_compat.h"

PG_MODULE_MAGIC;

#define MAX_THREADS 64

static int houseprice_threads = 0;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	DefineCustomIntVariable("houseprice.threads",
							"Threads that one training may use.",
							"0 means as many as max_parallel_maintenance_"
							"workers plus the backend itself, and no more "
							"than there are processors. Models do not depend "
							"on it.",
							&houseprice_threads, 0, 0, MAX_THREADS,
							PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("houseprice");
}

/* Processors that this process may run on. */
static int
available_processors(void)
{
#ifdef __linux__
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return CPU_COUNT(&set);
#endif
	return 1;
}

int
hpg_threads(void)
{
	int threads = houseprice_threads;

	/* a parallel worker already is one of several processes at work */
	if (IsParallelWorker())
		return 1;
	if (threads == 0)
		threads =
			Min(max_parallel_maintenance_workers + 1, available_processors());
	return Max(threads, 1);
}

/* What the hooks of an environment need; lives as long as its memory. */
typedef struct border
{
	MemoryContext context;
	ErrorData *caught; /* raised while serving an interrupt */
} border;

/* ---------- memory ---------- */

/*
 * palloc aligns to 8, the core wants 16: the block proper starts at the next
 * multiple of 16 that leaves room for this.
 */
typedef struct block_header
{
	void *palloced;
	size_t size;
} block_header;

#define BLOCK_ALIGNMENT 16

static void *
allocate_block(MemoryContext context, size_t size)
{
	size_t overhead = sizeof(block_header) + BLOCK_ALIGNMENT;
	char *palloced;
	block_header *block;

	if (size > MaxAllocHugeSize - overhead)
		return NULL;
	palloced = MemoryContextAllocExtended(context, size + overhead,
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
	if (palloced == NULL)
		return NULL;
	block = (block_header *) TYPEALIGN(BLOCK_ALIGNMENT,
									   palloced + sizeof(block_header));
	block[-1].palloced = palloced;
	block[-1].size = size;
	return block;
}

static void *
resize_in_context(void *opaque, void *ptr, size_t size)
{
	MemoryContext context = ((border *) opaque)->context;
	void *block = NULL;

	if (size > 0)
	{
		block = allocate_block(context, size);
		if (block == NULL)
			return NULL;
	}
	if (ptr != NULL)
	{
		block_header *old = (block_header *) ptr - 1;

		if (block != NULL)
			memcpy(block, ptr, Min(size, old->size));
		pfree(old->palloced);
	}
	return block;
}

/* ---------- cancel ---------- */

/*
 * Is there an interrupt that ends the query, or even the process?  Threads
 * are at work: such a one must not be served before they have come to rest.
 */
static bool
must_stop(const border *here)
{
	return QueryCancelPending || ProcDiePending || ClientConnectionLost ||
		   TransactionTimeoutPending || here->caught != NULL;
}

/* As ProcessInterrupts() does, but without its FATAL. */
static void
look_for_client(void)
{
	CheckClientConnectionPending = false;
	if (client_connection_check_interval <= 0)
		return;
	if (pq_check_connection())
		enable_timeout_after(CLIENT_CONNECTION_CHECK_TIMEOUT,
							 client_connection_check_interval);
	else
	{
		ClientConnectionLost = true;
		InterruptPending = true;
	}
}

/* Serves what is pending and harmless; an error that it raises is kept. */
static void
serve_interrupts(border *here)
{
	MemoryContext before = CurrentMemoryContext;

	InterruptPending = false;
	PG_TRY();
	{
		if (ProcSignalBarrierPending)
			ProcessProcSignalBarrier();
		if (LogMemoryContextPending)
			ProcessLogMemoryContextInterrupt();
		if (CheckClientConnectionPending)
			look_for_client();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(here->context);
		here->caught = CopyErrorData();
		FlushErrorState();
		MemoryContextSwitchTo(before);
	}
	PG_END_TRY();

	/* not ours to read, but not to be lost either */
	if (ParallelMessagePending)
		InterruptPending = true;
}

/*
 * CHECK_FOR_INTERRUPTS() may end the process there and then, with threads at
 * work in its memory, so it waits until the core has returned.  An interrupt
 * that ends the query asks the core to stop; a barrier, or a request to log
 * memory contexts, is served here and now; messages of parallel workers can
 * wait.  Of others we do not know: on a standby they may be a conflict with
 * recovery, which must not wait.
 */
static bool
check_interrupts(void *opaque)
{
	border *here = opaque;

	if (likely(!INTERRUPTS_PENDING_CONDITION()))
		return false;
	if (must_stop(here))
		return true;
	if (ProcSignalBarrierPending || LogMemoryContextPending ||
		CheckClientConnectionPending)
		serve_interrupts(here);
	else if (!ParallelMessagePending && RecoveryInProgress())
		return true;
	return must_stop(here);
}

void
hpg_env_init(hpc_env *env, MemoryContext context, int nthreads)
{
	border *here = MemoryContextAllocZero(context, sizeof(border));

	here->context = context;
	memset(env, 0, sizeof(*env));
	env->resize = resize_in_context;
	env->check = check_interrupts;
	env->opaque = here;
	env->nthreads = nthreads;
}

/* ---------- errors ---------- */

/* What each status of the core is to SQL. */
static int
sqlstate_of(hpc_status status)
{
	switch (status)
	{
		case HPC_NO_MEMORY:
			return ERRCODE_OUT_OF_MEMORY;
		case HPC_BAD_PARAMETER:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case HPC_BAD_DATA:
			return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
		case HPC_LEAK:
			return ERRCODE_DATA_EXCEPTION;
		case HPC_CORRUPT:
			return ERRCODE_DATA_CORRUPTED;
		case HPC_LIMIT:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case HPC_CANCELLED:
			return ERRCODE_QUERY_CANCELED;
		case HPC_OK:
			break;
	}
	return ERRCODE_INTERNAL_ERROR;
}

/* Core texts are in UTF-8, and so are the names within. */
static char *
server_text(const char *text)
{
	return hpg_name(text);
}

void
hpg_check_status(hpc_env *env, hpc_status status)
{
	if (status == HPC_OK)
		return;
	if (status == HPC_CANCELLED)
	{
		ErrorData *caught = ((border *) env->opaque)->caught;

		if (caught != NULL)
			ReThrowError(caught);
		CHECK_FOR_INTERRUPTS();
	}
	ereport(ERROR,
			(errcode(sqlstate_of(status)),
			 errmsg("%s", server_text(env->error.message)),
			 env->error.detail[0] != '\0'
			 ? errdetail("%s", server_text(env->error.detail)) : 0,
			 env->error.hint[0] != '\0'
			 ? errhint("%s", server_text(env->error.hint)) : 0));
}
