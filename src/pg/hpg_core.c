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
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/guc.h"
#include "utils/memutils.h"

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
 * An interrupt that is a cancel asks the core to stop; it is raised when the
 * core has returned.  Any other (a barrier, a request to log memory) is
 * served here and now.  Should serving one raise an error, as a recovery
 * conflict does, the error is kept until the core is out of the way.
 */
static bool
check_interrupts(void *opaque)
{
	border *here = opaque;

	if (likely(!INTERRUPTS_PENDING_CONDITION()))
		return false;
	if (QueryCancelPending || ProcDiePending || here->caught != NULL)
		return true;
	PG_TRY();
	{
		CHECK_FOR_INTERRUPTS();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(here->context);
		here->caught = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return here->caught != NULL;
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
	return hpg_from_utf8(text, (uint32_t) strlen(text));
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
