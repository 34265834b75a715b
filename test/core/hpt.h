/*
 * hpt.h
 *		What the unit tests of the core share.
 *
 * A test program calls hpt_ok and its kin, each of which prints one line of
 * the Test Anything Protocol, and returns hpt_done().  Checks of thousands of
 * points count their failures and report once.
 */
#ifndef HPT_H
#define HPT_H

#include "hpc.h"

/* ---------- reporting ---------- */

/* One check.  Answers passed, so that a caller can say more on failure. */
extern bool hpt_ok(bool passed, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A line of explanation, after a check that failed. */
extern void
hpt_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Two doubles have the same bits (so NaN is NaN, and 0 is not -0). */
extern bool hpt_same_bits(double actual, double expected, const char *name);
extern bool
hpt_is_string(const char *actual, const char *expected, const char *name);

/* Prints the plan; answers the exit status. */
extern int hpt_done(void);

/* ---------- an environment that can run out of memory ---------- */

typedef struct hpt_memory
{
	hpc_env env;       /* pass &memory.env to the core */
	int64_t nblocks;   /* blocks that live now */
	int64_t nrequests; /* allocations and growths so far */
	int64_t fail_at;   /* number of the request to refuse, from 1;
								 * 0: none */
	int64_t nchecks;   /* calls of the check hook */
	int64_t cancel_at; /* number of the check to cancel; 0: none */
} hpt_memory;

extern void hpt_memory_init(hpt_memory *memory, int nthreads);

/* ---------- seeded random numbers ---------- */

typedef struct hpt_random
{
	uint64_t state;
} hpt_random;

extern uint64_t hpt_random_bits(hpt_random *random);

/* Uniform on 0 .. n - 1 (n far below 2^64). */
extern uint64_t hpt_random_below(hpt_random *random, uint64_t n);

/* Uniform on [0, 1). */
extern double hpt_random_unit(hpt_random *random);

/* Standard normal, near enough for test data. */
extern double hpt_random_normal(hpt_random *random);

/* A finite double with an exponent between those of 2^low and 2^high. */
extern double hpt_random_double(hpt_random *random, int low, int high);

/* Shuffles n items of size bytes each. */
extern void
hpt_shuffle(hpt_random *random, void *items, size_t n, size_t size);

#endif /* HPT_H */
