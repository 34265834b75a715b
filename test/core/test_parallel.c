/*
 * test_parallel.c
 *		Crews of workers: every task once, lists in any number, cancelling
 *		from any of them, signals for the calling thread only, and fewer
 *		threads where there is no room for more.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hpc_memory.h"
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

static void
pause_briefly(void)
{
	const struct timespec pause = {0, 100000};

	nanosleep(&pause, NULL);
}

/* ---------- many lists ---------- */

#define CELLS 64

/*
 * Lists that build on each other: task t of list l makes cell t of generation
 * l from two cells of the generation before.  Whoever reads a cell before it
 * is there, or misses a list, spoils all that come after.
 */
typedef struct generations
{
	int nlists;
	int pause_every; /* lists, so that the others fall asleep; 0: never */
	uint64_t ntasks;
	uint64_t *cells[2];
	int now;
	hpc_env *env;
} generations;

static void
make_cell(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	generations *g = context;
	const uint64_t *old = g->cells[1 - g->now];

	(void) crew;
	(void) worker;
	g->cells[g->now][task] =
		hpc_mix(old[task] + 3 * old[(task + 1) % g->ntasks]);
}

static hpc_status
make_generations(hpc_crew *crew, void *context)
{
	generations *g = context;

	for (int i = 0; i < 2; i++)
		g->cells[i] = hpc_alloc0(g->env, CELLS, sizeof(uint64_t));
	for (uint64_t i = 0; i < CELLS; i++)
		g->cells[1][i] = i + 1;
	for (int i = 0; i < g->nlists; i++)
	{
		hpc_status status;

		g->now = i % 2;
		g->ntasks = i % 7 == 0 ? CELLS : (uint64_t) i % 5 + 1;
		if (g->pause_every > 0 && i % g->pause_every == 0)
			pause_briefly();
		status = hpc_crew_share(crew, g->ntasks, make_cell, g);
		if (status != HPC_OK)
			return status;
	}
	return HPC_OK;
}

/* The last cells, added up. */
static uint64_t
run_generations(int nworkers, int nlists, int pause_every)
{
	hpt_memory memory;
	generations g = {.nlists = nlists, .pause_every = pause_every};
	uint64_t sum = 0;

	hpt_memory_init(&memory, nworkers);
	g.env = &memory.env;
	if (hpc_crew_open(&memory.env, nworkers, make_generations, &g) != HPC_OK)
		return 0;
	for (uint64_t i = 0; i < CELLS; i++)
		sum += g.cells[0][i] * 3 + g.cells[1][i];
	hpc_free(&memory.env, g.cells[0]);
	hpc_free(&memory.env, g.cells[1]);
	return sum;
}

static void
check_lists(int nlists, int pause_every)
{
	uint64_t expected = run_generations(1, nlists, 0);
	bool passed = true;

	for (int nworkers = 2; nworkers <= MAX_WORKERS; nworkers++)
		passed &= run_generations(nworkers, nlists, pause_every) == expected;
	hpt_ok(passed && expected != 0, "%d lists, %s", nlists,
		   pause_every > 0 ? "with pauses" : "without a pause");
}

/* A body that shares nothing, shares no tasks, and gives up for itself. */
static hpc_status
give_up(hpc_crew *crew, void *context)
{
	int *nruns = context;

	(*nruns)++;
	return hpc_crew_share(crew, 0, NULL, NULL) == HPC_OK ? HPC_LIMIT : HPC_OK;
}

/* Crews in the body of a crew. */
static hpc_status
open_more(hpc_crew *crew, void *context)
{
	generations *g = context;

	(void) crew;
	g->ntasks = run_generations(3, 100, 0) + run_generations(1, 100, 0);
	return HPC_OK;
}

static void
check_bodies(void)
{
	generations g = {.nlists = 0};
	hpt_memory memory;
	int nruns = 0;
	bool passed = true;

	hpt_memory_init(&memory, 3);
	for (int nworkers = 0; nworkers <= MAX_WORKERS; nworkers++)
		passed &=
			hpc_crew_open(&memory.env, nworkers, give_up, &nruns) == HPC_LIMIT;
	hpt_ok(passed && nruns == MAX_WORKERS + 1,
		   "the status of a body comes out");
	passed = hpc_crew_open(&memory.env, 3, open_more, &g) == HPC_OK &&
			 g.ntasks == 2 * run_generations(1, 100, 0);
	hpt_ok(passed, "a crew in a crew");
}

/* Processor seconds that this process has used. */
static double
used_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		   (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static hpc_status
idle(hpc_crew *crew, void *context)
{
	double *used = context;

	(void) crew;
	for (int i = 0; i < 30; i++)
		pause_briefly();
	*used = used_seconds();
	for (int i = 0; i < 2000; i++)
		pause_briefly();
	*used = used_seconds() - *used;
	return HPC_OK;
}

/* Two hundred milliseconds, in which three workers have nothing to do. */
static void
check_idle(void)
{
	hpt_memory memory;
	double used;

	hpt_memory_init(&memory, MAX_WORKERS);
	hpc_crew_open(&memory.env, MAX_WORKERS, idle, &used);
	hpt_ok(used < 0.15, "an idle crew sleeps (%.3f s)", used);
}

/* ---------- cancelling ---------- */

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
	if (worker == 0 && hpc_crew_nworkers(crew) > 1)
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

/* Shares on after a cancel: no further task is run. */
static hpc_status
share_on(hpc_crew *crew, void *context)
{
	stubborn *s = context;
	hpc_status first = hpc_crew_share(crew, 10, work_until_stopped, s);
	int nstarted = s->nstarted;

	for (int i = 0; i < 100; i++)
	{
		if (hpc_crew_share(crew, 10, work_until_stopped, s) != HPC_CANCELLED)
			return HPC_LIMIT;
	}
	/* not even if the body does not tell */
	return first == HPC_CANCELLED && s->nstarted == nstarted ? HPC_OK
															 : HPC_LIMIT;
}

static void
check_cancelled_body(void)
{
	bool passed = true;

	for (int nworkers = 1; nworkers <= MAX_WORKERS; nworkers++)
	{
		stubborn s = {0, 0, 0};
		hpt_memory memory;

		hpt_memory_init(&memory, nworkers);
		memory.cancel_at = 3;
		passed &= hpc_crew_open(&memory.env, nworkers, share_on, &s) ==
				  HPC_CANCELLED;
	}
	hpt_ok(passed, "a cancelled crew runs nothing more");
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

/* ---------- no room for threads ---------- */

/* A sanitizer maps address space as it likes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Bytes of address space that this process has mapped. */
static uint64_t
mapped_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long npages = 0;

	if (file != NULL)
	{
		if (fscanf(file, "%lu", &npages) != 1)
			npages = 0;
		fclose(file);
	}
	return (uint64_t) npages * (uint64_t) sysconf(_SC_PAGESIZE);
}

/* In a process of its own: room for some stacks, but not for twenty. */
static bool
works_in_narrow_space(void)
{
	struct rlimit limit;
	tally t = {.caller = pthread_self()};
	hpt_memory memory;
	bool passed;

	hpt_memory_init(&memory, 20);
	if (getrlimit(RLIMIT_STACK, &limit) != 0 ||
		limit.rlim_cur == RLIM_INFINITY)
		limit.rlim_cur = 2 << 20;
	limit.rlim_cur = limit.rlim_max = mapped_bytes() + 7 * limit.rlim_cur / 2;
	if (setrlimit(RLIMIT_AS, &limit) != 0)
		return false;
	t.nworkers = hpc_crew_size(&memory.env);
	passed = t.nworkers >= 1 && t.nworkers <= MAX_WORKERS;
	passed &= hpc_crew_run(&memory.env, t.nworkers, MAX_TASKS, note_task,
						   &t) == HPC_OK;
	for (int i = 0; i < MAX_TASKS; i++)
		passed &= t.done[i] == 1;
	return passed;
}

/* Must come before this process has threads, whose stacks could serve. */
static void
check_few_threads(void)
{
	pid_t child;
	int status = -1;

	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(works_in_narrow_space() ? 0 : 1);
	if (child > 0)
		waitpid(child, &status, 0);
	hpt_ok(status == 0, "fewer threads where memory is short");
}

int
main(void)
{
	if (!SANITIZED)
		check_few_threads();
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
	check_lists(20000, 0);
	check_lists(1000, 10);
	check_lists(200, 1);
	check_bodies();
	check_idle();
	check_waiting();
	check_cancelled_body();
	check_no_hook();
	check_signals("its empty mask", 0);
	check_signals("what it blocked", SIGUSR2);
	check_sizes();
	return hpt_done();
}
