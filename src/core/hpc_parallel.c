/*
 * hpc_parallel.c
 *		Threads of the core, the one file that names OpenMP.
 *
 * A crew is one OpenMP parallel region.  The calling thread, worker 0, runs
 * the body in it; the others serve the lists of tasks that the body shares,
 * and leave the region when the crew closes:
 *
 *		caller    body ── share ─────────────── share ───── close
 *		                  │ tasks │ wait │       │ ...      │
 *		worker 1  ........│ tasks │..............│ ...  │...│ leaves
 *		worker 2  ........│ tasks    │ ..zz......│ ...      │ leaves
 *
 * Lists are numbered by rounds: an odd round is open, an even one is not.  A
 * worker that sees an open round counts itself among the running and looks
 * again; the caller ends the round and then looks whether anybody runs.
 * Whichever comes second sees the other (both are sequentially consistent),
 * so the caller never changes a list that somebody reads, and a worker that
 * comes late simply misses the round: the tasks were all taken.
 *
 * Who waits turns on the spot for some microseconds, since a grower shares
 * one list after the other, and then sleeps: an idle crew costs nothing.
 *
 * The process may be a database backend: signal handlers must run on the
 * calling thread only, so all signals are blocked while threads start (they
 * inherit the mask) and the calling thread takes its own mask back as soon
 * as it is inside.  It polls the environment while it works, and when its own
 * tasks are done it goes on polling until the others are: waiting in OpenMP's
 * barrier would be deaf.  libgomp ends the process when it cannot create a
 * thread or allocate, so both are tried out first.
 *
 * Without OpenMP everything runs on the calling thread, with equal results.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "hpc_parallel.h"

#define CACHE_LINE 64
#define CREW_CLOSED (UINT64_MAX - 1)

struct hpc_crew
{
	hpc_env *env;
	int nworkers;

	/* the list of the round */
	hpc_task task;
	void *context;
	uint64_t ntasks;

	/* atomic, each on a line of its own */
	_Alignas(CACHE_LINE) uint64_t next_task;
	_Alignas(CACHE_LINE) uint64_t round;
	_Alignas(CACHE_LINE) int nrunning; /* workers in the round, but 0 */
	_Alignas(CACHE_LINE) bool stop;
	bool caller_sleeps;
	int nsleeping;

	/* for those who sleep */
	pthread_mutex_t mutex;
	pthread_cond_t opened; /* a round, or the crew is closed */
	pthread_cond_t done;   /* nobody is running */
};

int
hpc_crew_nworkers(const hpc_crew *crew)
{
	return crew->nworkers;
}

bool
hpc_crew_stopped(hpc_crew *crew, int worker)
{
	if (worker == 0 && !__atomic_load_n(&crew->stop, __ATOMIC_RELAXED) &&
		hpc_cancelled(crew->env))
		__atomic_store_n(&crew->stop, true, __ATOMIC_RELAXED);
	return __atomic_load_n(&crew->stop, __ATOMIC_RELAXED);
}

static void
work(hpc_crew *crew, int worker)
{
	while (!hpc_crew_stopped(crew, worker))
	{
		uint64_t mine =
			__atomic_fetch_add(&crew->next_task, 1, __ATOMIC_RELAXED);

		if (mine >= crew->ntasks)
			break;
		crew->task(crew, worker, mine, crew->context);
	}
}

#ifdef _OPENMP

/* ---------- trying out ---------- */

static void *
do_nothing(void *arg)
{
	return arg;
}

/* How many of the wanted threads, the calling one included, can there be? */
static int
count_startable(int wanted)
{
	pthread_t threads[HPC_MAX_THREADS];
	sigset_t all;
	sigset_t before;
	int started = 0;

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

int
hpc_crew_size(hpc_env *env)
{
	int wanted =
		env->nthreads < HPC_MAX_THREADS ? env->nthreads : HPC_MAX_THREADS;

	return wanted > 1 ? count_startable(wanted) : 1;
}

/* ---------- waiting ---------- */

#define SPIN_NANOSECONDS 30000
#define PAUSES_PER_LOOK 64
#define POLL_NANOSECONDS 1000000

static inline void
pause_a_moment(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static int64_t
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* Something that a thread waits for; answers whether it is so. */
typedef bool (*condition)(hpc_crew *crew, uint64_t served);

/* Waits on the spot for a while.  False: in vain. */
static bool
spin_until(condition holds, hpc_crew *crew, uint64_t served)
{
	int64_t end = 0;

	for (uint32_t i = 0;; i++)
	{
		if (holds(crew, served))
			return true;
		pause_a_moment();
		if (i % PAUSES_PER_LOOK != PAUSES_PER_LOOK - 1)
			continue;
		if (end == 0)
			end = now() + SPIN_NANOSECONDS;
		else if (now() > end)
			return false;
	}
}

static bool
nobody_runs(hpc_crew *crew, uint64_t served)
{
	(void) served;
	return __atomic_load_n(&crew->nrunning, __ATOMIC_SEQ_CST) == 0;
}

/* Is there a round that the worker has not served, or is the crew closed? */
static bool
has_news(hpc_crew *crew, uint64_t served)
{
	uint64_t round = __atomic_load_n(&crew->round, __ATOMIC_SEQ_CST);

	return round % 2 == 1 ? round != served : round == CREW_CLOSED;
}

static void
await_news(hpc_crew *crew, uint64_t served)
{
	if (spin_until(has_news, crew, served))
		return;
	pthread_mutex_lock(&crew->mutex);
	__atomic_fetch_add(&crew->nsleeping, 1, __ATOMIC_SEQ_CST);
	while (!has_news(crew, served))
		pthread_cond_wait(&crew->opened, &crew->mutex);
	__atomic_fetch_sub(&crew->nsleeping, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&crew->mutex);
}

/* Keeps the environment heard while other workers finish. */
static void
await_others(hpc_crew *crew)
{
	while (!spin_until(nobody_runs, crew, 0))
	{
		int64_t end = now() + POLL_NANOSECONDS;
		struct timespec until = {end / 1000000000, end % 1000000000};

		hpc_crew_stopped(crew, 0);
		pthread_mutex_lock(&crew->mutex);
		__atomic_store_n(&crew->caller_sleeps, true, __ATOMIC_SEQ_CST);
		if (!nobody_runs(crew, 0))
			pthread_cond_timedwait(&crew->done, &crew->mutex, &until);
		__atomic_store_n(&crew->caller_sleeps, false, __ATOMIC_SEQ_CST);
		pthread_mutex_unlock(&crew->mutex);
	}
}

/* ---------- rounds ---------- */

static void
set_round(hpc_crew *crew, uint64_t round)
{
	__atomic_store_n(&crew->round, round, __ATOMIC_SEQ_CST);
	if (round % 2 == 0 && round != CREW_CLOSED)
		return;
	if (__atomic_load_n(&crew->nsleeping, __ATOMIC_SEQ_CST) == 0)
		return;
	/* whoever has looked in vain is in its wait, once the mutex is free */
	pthread_mutex_lock(&crew->mutex);
	pthread_mutex_unlock(&crew->mutex);
	pthread_cond_broadcast(&crew->opened);
}

static void
leave_round(hpc_crew *crew)
{
	if (__atomic_sub_fetch(&crew->nrunning, 1, __ATOMIC_SEQ_CST) > 0 ||
		!__atomic_load_n(&crew->caller_sleeps, __ATOMIC_SEQ_CST))
		return;
	pthread_mutex_lock(&crew->mutex);
	pthread_cond_signal(&crew->done);
	pthread_mutex_unlock(&crew->mutex);
}

/* What a worker other than the caller does, until the crew closes. */
static void
serve(hpc_crew *crew, int worker)
{
	uint64_t round = 0;

	for (;;)
	{
		await_news(crew, round);
		__atomic_fetch_add(&crew->nrunning, 1, __ATOMIC_SEQ_CST);
		round = __atomic_load_n(&crew->round, __ATOMIC_SEQ_CST);
		if (round % 2 == 1)
			work(crew, worker);
		leave_round(crew);
		if (round == CREW_CLOSED)
			return;
	}
}

static void
share_round(hpc_crew *crew)
{
	uint64_t round = crew->round;

	set_round(crew, round + 1);
	work(crew, 0);
	set_round(crew, round + 2);
	await_others(crew);
}

/* ---------- the region ---------- */

/*
 * Malloc keeps a small freed block at hand.  libgomp's own blocks are
 * smaller than this, and it would exit without them.
 */
#define LIBGOMP_BYTES 32768

static bool
libgomp_has_room(void)
{
	void *volatile block = malloc(LIBGOMP_BYTES);

	free(block);
	return block != NULL;
}

static bool
init_sleep(hpc_crew *crew)
{
	pthread_condattr_t monotonic;

	if (pthread_condattr_init(&monotonic) != 0)
		return false;
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&crew->mutex, NULL);
	pthread_cond_init(&crew->opened, NULL);
	pthread_cond_init(&crew->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return true;
}

static void
destroy_sleep(hpc_crew *crew)
{
	pthread_cond_destroy(&crew->done);
	pthread_cond_destroy(&crew->opened);
	pthread_mutex_destroy(&crew->mutex);
}

static hpc_status
open_region(hpc_crew *crew, hpc_body body, void *context)
{
	sigset_t all;
	sigset_t before;
	int next_worker = 1;
	hpc_status status = HPC_OK;
	pthread_t caller = pthread_self();

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
#pragma omp parallel num_threads(crew->nworkers) default(none) \
	shared(crew, body, context, all, before, next_worker, status, caller)
	{
		if (pthread_equal(pthread_self(), caller))
		{
			pthread_sigmask(SIG_SETMASK, &before, NULL);
			status = body(crew, context);
			set_round(crew, CREW_CLOSED);
		}
		else
		{
			int worker = __atomic_fetch_add(&next_worker, 1, __ATOMIC_RELAXED);

			/* a thread that others have started may not block them */
			pthread_sigmask(SIG_SETMASK, &all, NULL);
			serve(crew, worker);
		}
	}
	return status;
}

static hpc_status
open_crew(hpc_crew *crew, hpc_body body, void *context)
{
	hpc_status status;

	if (crew->nworkers == 1 || !libgomp_has_room() || !init_sleep(crew))
	{
		crew->nworkers = 1;
		return body(crew, context);
	}
	status = open_region(crew, body, context);
	destroy_sleep(crew);
	return status;
}

#else

int
hpc_crew_size(hpc_env *env)
{
	(void) env;
	return 1;
}

static void
share_round(hpc_crew *crew)
{
	work(crew, 0);
}

static hpc_status
open_crew(hpc_crew *crew, hpc_body body, void *context)
{
	crew->nworkers = 1;
	return body(crew, context);
}

#endif

/* ---------- with and without OpenMP ---------- */

hpc_status
hpc_crew_open(hpc_env *env, int nworkers, hpc_body body, void *context)
{
	hpc_crew crew = {.env = env};
	hpc_status status;

	crew.nworkers = nworkers < 1 ? 1 : nworkers;
	if (crew.nworkers > HPC_MAX_THREADS)
		crew.nworkers = HPC_MAX_THREADS;
	status = open_crew(&crew, body, context);
	return status == HPC_OK && crew.stop ? HPC_CANCELLED : status;
}

hpc_status
hpc_crew_share(hpc_crew *crew, uint64_t ntasks, hpc_task task, void *context)
{
	crew->task = task;
	crew->context = context;
	crew->ntasks = ntasks;
	__atomic_store_n(&crew->next_task, 0, __ATOMIC_RELAXED);
	if (crew->nworkers == 1 || ntasks < 2)
		work(crew, 0);
	else
		share_round(crew);
	return crew->stop ? HPC_CANCELLED : HPC_OK;
}

/* One list of tasks, as a body. */
typedef struct list
{
	uint64_t ntasks;
	hpc_task task;
	void *context;
} list;

static hpc_status
share_list(hpc_crew *crew, void *context)
{
	const list *tasks = context;

	return hpc_crew_share(crew, tasks->ntasks, tasks->task, tasks->context);
}

hpc_status
hpc_crew_run(hpc_env *env, int nworkers, uint64_t ntasks, hpc_task task,
			 void *context)
{
	list tasks = {ntasks, task, context};

	return hpc_crew_open(env, nworkers, share_list, &tasks);
}
