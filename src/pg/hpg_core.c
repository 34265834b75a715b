/*
 * hpg_core.c
 *		The border to the core: settings, threads, cancel, errors.
 *
 * The core allocates through a hook that never raises an error, asks through
 * another whether to stop, and reports by status; here that status becomes
 * an ereport, the only place where it does.  The hook for memory is in
 * hpg_memory.c, that for progress in hpg_progress.c.
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

#include "hpg_border.h"
#include "hpg_compat.h"

PG_MODULE_MAGIC;

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
							&houseprice_threads, 0, 0, HPC_MAX_THREADS,
							PGC_USERSET, 0, NULL, NULL, NULL);
	hpg_memory_settings();
	hpg_cache_settings();
	hpg_progress_settings();
	hpg_spill_init();
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

/* ---------- cancel ---------- */

/*
 * Is there an interrupt that ends the query, or even the process?  Threads
 * are at work: such a one must not be served before they have come to rest.
 */
static bool
must_stop(const hpg_border *border)
{
	return QueryCancelPending || ProcDiePending || ClientConnectionLost ||
		   TransactionTimeoutPending || border->caught != NULL;
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

void
hpg_border_catch(hpg_border *border)
{
	MemoryContext before = MemoryContextSwitchTo(border->context);

	border->caught = CopyErrorData();
	FlushErrorState();
	MemoryContextSwitchTo(before);
}

/*
 * Serves what is pending and harmless; an error that it raises is kept.
 * Whatever logs a line looks for interrupts afterwards: they are held, as a
 * terminate would end the process with the threads still at work.
 */
static void
serve_interrupts(hpg_border *border)
{
	MemoryContext before = CurrentMemoryContext;
	uint32 holdoff = InterruptHoldoffCount;

	InterruptPending = false;
	PG_TRY();
	{
		HOLD_INTERRUPTS();
		if (ProcSignalBarrierPending)
			ProcessProcSignalBarrier();
		if (LogMemoryContextPending)
			ProcessLogMemoryContextInterrupt();
		if (CheckClientConnectionPending)
			look_for_client();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(before);
		hpg_border_catch(border);
	}
	PG_END_TRY();
	InterruptHoldoffCount = holdoff;

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
	hpg_border *border = opaque;

	if (likely(!INTERRUPTS_PENDING_CONDITION()))
		return false;
	if (must_stop(border))
		return true;
	if (ProcSignalBarrierPending || LogMemoryContextPending ||
		CheckClientConnectionPending)
		serve_interrupts(border);
	else if (!ParallelMessagePending && RecoveryInProgress())
		return true;
	return must_stop(border);
}

void
hpg_env_init(hpc_env *env, MemoryContext context, int nthreads)
{
	hpg_border *border = MemoryContextAllocZero(context, sizeof(hpg_border));

	border->context = context;
	hpg_memory_begin(border);
	memset(env, 0, sizeof(*env));
	env->resize = hpg_memory_resize;
	env->memory_left = hpg_memory_left;
	env->check = check_interrupts;
	env->progress = hpg_progress;
	env->opaque = border;
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
	const hpg_border *border = env->opaque;

	if (status == HPC_OK)
		return;
	if (border->caught != NULL)
		ReThrowError(border->caught);
	CHECK_FOR_INTERRUPTS();
	if (status == HPC_CANCELLED)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("training was cancelled")));

	/* unless the core knows better what to do about it */
	if (status == HPC_NO_MEMORY && env->error.hint[0] == '\0')
		hpg_memory_error(border);
	ereport(ERROR,
			(errcode(sqlstate_of(status)),
			 errmsg("%s", server_text(env->error.message)),
			 env->error.detail[0] != '\0'
			 ? errdetail("%s%s", server_text(env->error.detail),
						 status == HPC_NO_MEMORY ? hpg_memory_words() : "")
			 : 0,
			 env->error.hint[0] != '\0'
			 ? errhint("%s", server_text(env->error.hint)) : 0));
}

void *
hpg_resize(hpc_env *env, void *ptr, size_t size)
{
	void *block = env->resize(env->opaque, ptr, size);

	if (block == NULL && size > 0)
		hpg_check_status(env, HPC_NO_MEMORY);
	return block;
}
