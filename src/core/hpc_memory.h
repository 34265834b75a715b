/*
 * hpc_memory.h
 *		Status, errors and memory of the core.
 *
 * All memory comes from env->resize.  A failed allocation sets env->error
 * and answers NULL; nothing else happens, so that the caller can unwind.
 */
#ifndef HPC_MEMORY_H
#define HPC_MEMORY_H

#include "hpc.h"

/* Records an error and answers its status, for "return hpc_fail(...)". */
extern hpc_status hpc_fail(hpc_env *env, hpc_status status, const char *format,
						   ...) __attribute__((format(printf, 3, 4)));
extern void hpc_fail_detail(hpc_env *env, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
extern void hpc_fail_hint(hpc_env *env, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * HPC_NO_MEMORY, with the advice in hint, when resize would not grant so many
 * bytes more: better than to find out after minutes of work.  what: "hold the
 * rows".
 */
extern hpc_status
hpc_need(hpc_env *env, uint64_t nbytes, const char *what, const char *hint);

/* count × size bytes, not cleared; zero bytes answer a valid pointer. */
extern void *hpc_alloc(hpc_env *env, size_t count, size_t size);

/* The same, cleared; for what does not grow with the rows (hpc_fill). */
extern void *hpc_alloc0(hpc_env *env, size_t count, size_t size);

/* Resizes ptr (or allocates); on failure NULL, ptr stays valid. */
extern void *hpc_resize(hpc_env *env, void *ptr, size_t count, size_t size);

/* Releases ptr; NULL is allowed. */
extern void hpc_free(hpc_env *env, void *ptr);

/*
 * Memory that is given back all at once.  Its blocks grow with it, so that
 * there are few of them, and at most a quarter of it is not used.
 */
typedef struct hpc_arena
{
	char *block;  /* the last one; it begins with the address of the others */
	size_t size;  /* its bytes ... */
	size_t used;  /* ... and how many are taken */
	size_t total; /* bytes of all blocks */
} hpc_arena;

/* nbytes > 0, aligned for any type. */
extern void *hpc_arena_alloc(hpc_env *env, hpc_arena *arena, size_t nbytes);
extern void hpc_arena_free(hpc_env *env, hpc_arena *arena);

/*
 * Tells the caller how far the work is; done is 0 when work of a kind begins.
 * Only from the calling thread.
 */
extern void
hpc_progress(hpc_env *env, const char *unit, uint64_t done, uint64_t total);

/* Has the caller asked to stop?  Only from the calling thread. */
extern bool hpc_cancelled(hpc_env *env);

/* The same in a loop over i = 0, 1, 2 ...: asks now and then. */
#define HPC_ITEMS_PER_POLL 65536

static inline bool
hpc_poll(hpc_env *env, uint64_t i)
{
	return i % HPC_ITEMS_PER_POLL == HPC_ITEMS_PER_POLL - 1 &&
		   hpc_cancelled(env);
}

/* In a loop whose items may be long, texts for instance. */
#define HPC_TEXTS_PER_POLL 1024

static inline bool
hpc_poll_texts(hpc_env *env, uint64_t i)
{
	return i % HPC_TEXTS_PER_POLL == HPC_TEXTS_PER_POLL - 1 &&
		   hpc_cancelled(env);
}

/*
 * memset and memcpy that ask between pieces of HPC_BYTES_PER_POLL: memory that
 * is touched for the first time may come at a few hundred MB a second.
 */
#define HPC_BYTES_PER_POLL ((size_t) 1 << 20)

extern hpc_status hpc_fill(hpc_env *env, void *block, int byte, size_t nbytes);
extern hpc_status
hpc_copy(hpc_env *env, void *to, const void *from, size_t nbytes);

#endif /* HPC_MEMORY_H */
