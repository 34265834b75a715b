/*
 * test_parallel.c
 *		Crews of workers: every task once, cancelling from any of them, and
 *		signals for the calling thread only.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "hpc_parallel.h"
#include "hpt.h"

#define MAX_TASKS 1000
#define MAX_WORKERS 4

typedef struct tally
{
	int done[MAX_TASKS];        /* times each task was run */
	int of_worker[MAX_WORKERS]; /* tasks of each worker */
	int bad_worker;             /* worker numbers out of range */
	pthread_t thread[MAX_WORKERS];
	bool known[MAX_WORKERS]; /* thread is set */
	int two_threads;         /* one worker number, two threads */
	pthread_t caller;
	int nworkers;
} tally;

/* Notes who ran a task.  A worker's number is its own, so no locks. */
static void
note_task(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	tally *t = context;

	(void) crew;
	__atomic_fetch_add(&t->done[task], 1, __ATOMIC_RELAXED);
	if (worker < 0 || worker >= t->nworkers)
	{
		__atomic_fetch_add(&t->bad_worker, 1, __ATOMIC_RELAXED);
		return;
	}
	t->of_worker[worker]++;
	if (t->known[worker] && !pthread_equal(t->thread[worker], pthread_self()))
		__atomic_fetch_add(&t->two_threads, 1, __ATOMIC_RELAXED);
	t->thread[worker] = pthread_self();
	t->known[worker] = true;
	if ((worker == 0) != (pthread_equal(pthread_self(), t->caller) != 0))
		__atomic_fetch_add(&t->bad_worker, 1, __ATOMIC_RELAXED);
}

static void
check_once(int nworkers, uint64_t ntasks)
{
	tally t = {.nworkers = nworkers, .caller = pthread_self()};
	hpt_memory memory;
	int nwrong = 0;

	hpt_memory_init(&memory, nworkers);
	nwrong +=
		hpc_crew_run(&memory.env, nworkers, ntasks, note_task, &t) != HPC_OK;
	for (uint64_t i = 0; i < MAX_TASKS; i++)
		nwrong += t.done[i] != (i < ntasks);
	hpt_ok(nwrong == 0, "%d workers run %d tasks, each once", nworkers,
		   (int) ntasks);
	hpt_ok(t.bad_worker == 0 && t.two_threads == 0,
		   "each worker is one thread, the caller worker 0");
}

/* ---------- cancelling ---------- */

static void
pause_briefly(void)
{
	const struct timespec pause = {0, 100000};

	nanosleep(&pause, NULL);
}

/* Works until told to stop, but for the tasks below patience. */
typedef struct stubborn
{
	uint64_t patience;
	int nstarted;
	int nstopped;
} stubborn;

static void
work_until_stopped(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	stubborn *s = context;

	__atomic_fetch_add(&s->nstarted, 1, __ATOMIC_RELAXED);
	if (task < s->patience)
		return;
	while (!hpc_crew_stopped(crew, worker))
		pause_briefly();
	__atomic_fetch_add(&s->nstopped, 1, __ATOMIC_RELAXED);
}

/*
 * No task from patience on ends by itself, so this only comes back if a
 * cancel reaches the workers.
 */
static void
check_cancel(int nworkers, uint64_t patience, int64_t cancel_at)
{
	stubborn s = {patience, 0, 0};
	hpt_memory memory;
	hpc_status status;

	hpt_memory_init(&memory, nworkers);
	memory.cancel_at = cancel_at;
	status = hpc_crew_run(&memory.env, nworkers, 100, work_until_stopped, &s);
	hpt_ok(status == HPC_CANCELLED && s.nstarted < 100 &&
			   memory.env.error.status == HPC_CANCELLED,
		   "%d workers are cancelled by check %d", nworkers, (int) cancel_at);
}

/*
 * The caller's task ends when another worker has one, which only a cancel
 * ends.
 */
static void
leave_to_others(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	int *nothers = context;

	(void) task;
	if (worker == 0 && crew->nworkers > 1)
	{
		for (int i = 0; i < 10000; i++)
		{
			if (__atomic_load_n(nothers, __ATOMIC_RELAXED) > 0)
				return;
			pause_briefly();
		}
	}
	__atomic_fetch_add(nothers, 1, __ATOMIC_RELAXED);
	while (!hpc_crew_stopped(crew, worker))
		pause_briefly();
}

static void
check_waiting(void)
{
	hpt_memory memory;
	int nothers = 0;

	hpt_memory_init(&memory, 2);
	memory.cancel_at = 20;
	hpt_ok(hpc_crew_run(&memory.env, hpc_crew_size(&memory.env), 2,
						leave_to_others, &nothers) == HPC_CANCELLED,
		   "a cancel is heard while waiting for others");
}

static void
check_no_hook(void)
{
	tally t = {.nworkers = 2, .caller = pthread_self()};
	hpt_memory memory;

	hpt_memory_init(&memory, 2);
	memory.env.check = NULL;
	hpt_ok(hpc_crew_run(&memory.env, 2, 50, note_task, &t) == HPC_OK,
		   "an environment without a check is never cancelled");
}

/* ---------- signals ---------- */

typedef struct masks
{
	sigset_t caller; /* as before the run */
	int nwrong;
	int nothers; /* tasks run by other threads */
} masks;

static bool
same_mask(const sigset_t *a, const sigset_t *b)
{
	for (int number = 1; number < 32; number++)
	{
		if (sigismember(a, number) != sigismember(b, number))
			return false;
	}
	return true;
}

static void
look_at_mask(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	static const int numbers[] = {SIGINT,  SIGTERM, SIGHUP,  SIGUSR1,
								  SIGUSR2, SIGALRM, SIGQUIT, SIGCHLD};
	masks *m = context;
	sigset_t mine;

	(void) crew;
	(void) task;
	pthread_sigmask(SIG_BLOCK, NULL, &mine);
	if (worker == 0)
	{
		if (!same_mask(&mine, &m->caller))
			__atomic_fetch_add(&m->nwrong, 1, __ATOMIC_RELAXED);
		/* leave some tasks to the others */
		pause_briefly();
		return;
	}
	__atomic_fetch_add(&m->nothers, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
	{
		if (!sigismember(&mine, numbers[i]))
			__atomic_fetch_add(&m->nwrong, 1, __ATOMIC_RELAXED);
	}
}

static void
check_signals(const char *what, int blocked)
{
	masks m = {.nwrong = 0};
	sigset_t after;
	sigset_t set;
	hpt_memory memory;

	hpt_memory_init(&memory, 3);
	sigemptyset(&set);
	if (blocked != 0)
		sigaddset(&set, blocked);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	pthread_sigmask(SIG_BLOCK, NULL, &m.caller);
	hpc_crew_run(&memory.env, hpc_crew_size(&memory.env), 300, look_at_mask,
				 &m);
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	hpt_ok(m.nwrong == 0 && same_mask(&after, &m.caller),
		   "workers block signals, the caller keeps %s", what);
#ifdef _OPENMP
	hpt_ok(m.nothers > 0, "%d tasks ran on other threads", m.nothers);
#endif
}

static void
check_sizes(void)
{
	hpt_memory memory;
	bool passed = true;

	for (int n = 0; n <= 4; n++)
	{
		int size;

		hpt_memory_init(&memory, n);
		size = hpc_crew_size(&memory.env);
#ifdef _OPENMP
		passed &= size == (n < 1 ? 1 : n);
#else
		passed &= size == 1;
#endif
	}
	hpt_memory_init(&memory, 100000);
	passed &= hpc_crew_size(&memory.env) <= 64;
	hpt_ok(passed, "size of a crew");
}

int
main(void)
{
	for (int nworkers = 1; nworkers <= MAX_WORKERS; nworkers++)
	{
		check_once(nworkers, 0);
		check_once(nworkers, 1);
		check_once(nworkers, 3);
		check_once(nworkers, MAX_TASKS);
		check_cancel(nworkers, 0, 1);
		check_cancel(nworkers, 0, 2);
		check_cancel(nworkers, 0, 30);
		check_cancel(nworkers, 10, 30);
	}
	check_waiting();
	check_no_hook();
	check_signals("its empty mask", 0);
	check_signals("what it blocked", SIGUSR2);
	check_sizes();
	return hpt_done();
}
