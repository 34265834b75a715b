/*
 * hpc_parallel.c
 *		Threads of the core, the one file that names OpenMP.
 *
 * The process may be a database backend: signal handlers must run on the
 * calling thread only, so all signals are blocked while threads start (they
 * inherit the mask) and the calling thread takes its own mask back as soon
 * as it is inside.  libgomp ends the process when a thread cannot be
 * created, so the threads are tried out with pthread_create first.
 *
 * The calling thread is worker 0.  It polls the environment while it works,
 * and when its own tasks are done it goes on polling until the others are:
 * waiting in OpenMP's barrier would be deaf.
 *
 * Without OpenMP everything runs on the calling thread, with equal results.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "hpc_memory.h"
#include "hpc_parallel.h"

#define WAIT_NANOSECONDS 1000000

#ifdef _OPENMP
static void *
do_nothing(void *arg)
{
	return arg;
}

int
hpc_crew_size(hpc_env *env)
{
	pthread_t threads[64];
	sigset_t all;
	sigset_t before;
	int wanted = env->nthreads < 1 ? 1 : env->nthreads;
	int started = 0;

	if (wanted > 64)
		wanted = 64;
	if (wanted == 1)
		return 1;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started < wanted - 1 &&
		   pthread_create(&threads[started], NULL, do_nothing, NULL) == 0)
		started++;
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started + 1;
}
#else
int
hpc_crew_size(hpc_env *env)
{
	(void) env;
	return 1;
}
#endif

bool
hpc_crew_stopped(hpc_crew *crew, int worker)
{
	if (worker == 0 && !__atomic_load_n(&crew->stop, __ATOMIC_RELAXED) &&
		hpc_cancelled(crew->env))
		__atomic_store_n(&crew->stop, true, __ATOMIC_RELAXED);
	return __atomic_load_n(&crew->stop, __ATOMIC_RELAXED);
}

static void
work(hpc_crew *crew, int worker, uint64_t ntasks, hpc_task task, void *context)
{
	__atomic_fetch_add(&crew->nrunning, 1, __ATOMIC_RELAXED);
	for (;;)
	{
		uint64_t mine;

		if (hpc_crew_stopped(crew, worker))
			break;
		mine = __atomic_fetch_add(&crew->next_task, 1, __ATOMIC_RELAXED);
		if (mine >= ntasks)
			break;
		task(crew, worker, mine, context);
	}
	__atomic_fetch_sub(&crew->nrunning, 1, __ATOMIC_RELEASE);
}

#ifdef _OPENMP
/*
 * Keeps the environment heard while other workers finish.  One that has not
 * even begun need not be waited for: the tasks are all taken.
 */
static void
wait_for_others(hpc_crew *crew)
{
	const struct timespec pause = {0, WAIT_NANOSECONDS};

	while (__atomic_load_n(&crew->nrunning, __ATOMIC_ACQUIRE) > 0)
	{
		hpc_crew_stopped(crew, 0);
		nanosleep(&pause, NULL);
	}
}

static void
run_threads(hpc_crew *crew, uint64_t ntasks, hpc_task task, void *context)
{
	sigset_t all;
	sigset_t before;
	int next_worker = 1;
	pthread_t caller = pthread_self();

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
#pragma omp parallel num_threads(crew->nworkers) default(none) \
	shared(crew, ntasks, task, context, before, next_worker, caller)
	{
		if (pthread_equal(pthread_self(), caller))
		{
			pthread_sigmask(SIG_SETMASK, &before, NULL);
			work(crew, 0, ntasks, task, context);
			wait_for_others(crew);
		}
		else
		{
			int worker = __atomic_fetch_add(&next_worker, 1, __ATOMIC_RELAXED);

			work(crew, worker, ntasks, task, context);
		}
	}
}
#endif

hpc_status
hpc_crew_run(hpc_env *env, int nworkers, uint64_t ntasks, hpc_task task,
			 void *context)
{
	hpc_crew crew = {env, nworkers, 0, 0, false};

#ifdef _OPENMP
	if (nworkers > 1)
		run_threads(&crew, ntasks, task, context);
	else
#endif
		work(&crew, 0, ntasks, task, context);
	return crew.stop ? HPC_CANCELLED : HPC_OK;
}
