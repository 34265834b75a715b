/*
 * hpc_parallel.h
 *		Threads of the core: a crew works off a list of tasks.
 *
 * Tasks run in any order on any worker, so their results must not depend on
 * either.  A task must not allocate or call the environment; it asks
 * hpc_crew_stopped often (at least every few milliseconds) and returns early
 * when told to.
 */
#ifndef HPC_PARALLEL_H
#define HPC_PARALLEL_H

#include "hpc.h"

typedef struct hpc_crew
{
	hpc_env *env;
	int nworkers;
	uint64_t next_task; /* atomic */
	int nrunning;       /* atomic: workers at work */
	bool stop;          /* atomic */
} hpc_crew;

typedef void (*hpc_task)(hpc_crew *crew, int worker, uint64_t task,
						 void *context);

/* How many threads can really be started, at most env->nthreads. */
extern int hpc_crew_size(hpc_env *env);

/*
 * Runs tasks 0 .. ntasks - 1 on nworkers threads, the calling one included
 * (worker 0).  HPC_CANCELLED when the environment asked to stop.
 */
extern hpc_status hpc_crew_run(hpc_env *env, int nworkers, uint64_t ntasks,
							   hpc_task task, void *context);

/* Should this worker give up?  Worker 0 asks the environment. */
extern bool hpc_crew_stopped(hpc_crew *crew, int worker);

#endif /* HPC_PARALLEL_H */
