/*
 * hpc_parallel.h
 *		Threads of the core: a crew works off lists of tasks.
 *
 * A crew is opened once for a piece of work and then given one list of tasks
 * after the other.  Tasks run in any order on any worker, so their results
 * must not depend on either.  A task must not allocate or call the
 * environment; it asks hpc_crew_stopped often (at least every few
 * milliseconds) and returns early when told to.
 */
#ifndef HPC_PARALLEL_H
#define HPC_PARALLEL_H

#include "hpc_memory.h"

typedef struct hpc_crew hpc_crew;

typedef void (*hpc_task)(hpc_crew *crew, int worker, uint64_t task,
						 void *context);

/* What the calling thread does while the crew is open. */
typedef hpc_status (*hpc_body)(hpc_crew *crew, void *context);

/*
 * How many threads can really be started, at most env->nthreads: to be asked
 * just before a crew is opened, since OpenMP ends the process when it cannot
 * start what it was told to.  Takes some 30 microseconds a thread.
 */
extern int hpc_crew_size(hpc_env *env);

/*
 * Opens a crew of nworkers threads, of which the calling one is worker 0,
 * runs body on the calling thread, and closes the crew.  Body may allocate
 * and call the environment.  Answers what body does, or HPC_CANCELLED.  A
 * crew opened in the body of another works, but as a rule on one thread;
 * tasks open none.
 */
extern hpc_status
hpc_crew_open(hpc_env *env, int nworkers, hpc_body body, void *context);

/* At least the number of any worker + 1: for what each worker needs. */
extern int hpc_crew_nworkers(const hpc_crew *crew);

/*
 * From body, not from a task: runs tasks 0 .. ntasks - 1 on all workers, the
 * calling one included, and returns when all are done.  HPC_CANCELLED, at
 * once, from when the environment asked to stop.  Less than a microsecond
 * where lists follow each other without pause, some 50 where others sleep.
 */
extern hpc_status
hpc_crew_share(hpc_crew *crew, uint64_t ntasks, hpc_task task, void *context);

/* Opens a crew for one list of tasks. */
extern hpc_status hpc_crew_run(hpc_env *env, int nworkers, uint64_t ntasks,
							   hpc_task task, void *context);

/* Should this worker give up?  Worker 0 asks the environment. */
extern bool hpc_crew_stopped(hpc_crew *crew, int worker);

/* The same in a loop over i = 0, 1, 2 ...: asks now and then, as hpc_poll. */
static inline bool
hpc_crew_poll(hpc_crew *crew, int worker, uint64_t i)
{
	return i % HPC_ITEMS_PER_POLL == HPC_ITEMS_PER_POLL - 1 &&
		   hpc_crew_stopped(crew, worker);
}

#endif /* HPC_PARALLEL_H */
