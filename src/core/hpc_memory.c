/*
 * hpc_memory.c
 *		Status, errors and memory of the core.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hpc_memory.h"

hpc_status
hpc_fail(hpc_env *env, hpc_status status, const char *format, ...)
{
	va_list args;

	env->error.status = status;
	env->error.detail[0] = '\0';
	env->error.hint[0] = '\0';
	va_start(args, format);
	vsnprintf(env->error.message, sizeof(env->error.message), format, args);
	va_end(args);
	return status;
}

void
hpc_fail_detail(hpc_env *env, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(env->error.detail, sizeof(env->error.detail), format, args);
	va_end(args);
}

void
hpc_fail_hint(hpc_env *env, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(env->error.hint, sizeof(env->error.hint), format, args);
	va_end(args);
}

void *
hpc_resize(hpc_env *env, void *ptr, size_t count, size_t size)
{
	void *block = NULL;

	if (size == 0 || count <= SIZE_MAX / 2 / size)
	{
		size_t nbytes = count * size;

		block = env->resize(env->opaque, ptr, nbytes > 0 ? nbytes : 1);
	}
	if (block == NULL)
		hpc_fail(env, HPC_NO_MEMORY, "out of memory in training");
	return block;
}

hpc_status
hpc_need(hpc_env *env, uint64_t nbytes, const char *what, const char *hint)
{
	uint64_t left;

	if (env->memory_left == NULL)
		return HPC_OK;
	left = env->memory_left(env->opaque);
	if (nbytes <= left)
		return HPC_OK;
	hpc_fail(env, HPC_NO_MEMORY, "not enough memory to %s", what);
	hpc_fail_detail(env, "It takes about %.0f MB, and %.0f MB are left.",
					(double) nbytes / 1048576, (double) left / 1048576);
	hpc_fail_hint(env, "%s", hint);
	return HPC_NO_MEMORY;
}

void *
hpc_alloc(hpc_env *env, size_t count, size_t size)
{
	return hpc_resize(env, NULL, count, size);
}

void *
hpc_alloc0(hpc_env *env, size_t count, size_t size)
{
	void *block = hpc_alloc(env, count, size);

	if (block != NULL)
		memset(block, 0, count * size);
	return block;
}

void
hpc_free(hpc_env *env, void *ptr)
{
	if (ptr != NULL)
		env->resize(env->opaque, ptr, 0);
}

#define ARENA_ALIGNMENT 16
#define MAX_ARENA_BLOCK ((size_t) 1 << 20)

static bool
add_arena_block(hpc_env *env, hpc_arena *arena, size_t nbytes)
{
	size_t size = arena->total / 4;
	char *block;

	if (size > MAX_ARENA_BLOCK)
		size = MAX_ARENA_BLOCK;
	if (size < ARENA_ALIGNMENT + nbytes)
		size = ARENA_ALIGNMENT + nbytes;
	block = hpc_alloc(env, size, 1);
	if (block == NULL)
		return false;
	memcpy(block, &arena->block, sizeof(arena->block));
	arena->block = block;
	arena->size = size;
	arena->used = ARENA_ALIGNMENT;
	arena->total += size;
	return true;
}

void *
hpc_arena_alloc(hpc_env *env, hpc_arena *arena, size_t nbytes)
{
	void *piece;

	nbytes =
		(nbytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
	if (arena->size - arena->used < nbytes &&
		!add_arena_block(env, arena, nbytes))
		return NULL;
	piece = arena->block + arena->used;
	arena->used += nbytes;
	return piece;
}

void
hpc_arena_free(hpc_env *env, hpc_arena *arena)
{
	while (arena->block != NULL)
	{
		char *block = arena->block;

		memcpy(&arena->block, block, sizeof(arena->block));
		hpc_free(env, block);
	}
	memset(arena, 0, sizeof(*arena));
}

void
hpc_progress(hpc_env *env, const char *unit, uint64_t done, uint64_t total)
{
	if (env->progress != NULL)
		env->progress(env->opaque, unit, done, total);
}

bool
hpc_cancelled(hpc_env *env)
{
	if (env->check == NULL || !env->check(env->opaque))
		return false;
	hpc_fail(env, HPC_CANCELLED, "training was cancelled");
	return true;
}

/* Bytes to take at a time. */
static size_t
next_piece(size_t left)
{
	return left < HPC_BYTES_PER_POLL ? left : HPC_BYTES_PER_POLL;
}

hpc_status
hpc_fill(hpc_env *env, void *block, int byte, size_t nbytes)
{
	for (size_t at = 0; at < nbytes; at += HPC_BYTES_PER_POLL)
	{
		if (at > 0 && hpc_cancelled(env))
			return HPC_CANCELLED;
		memset((char *) block + at, byte, next_piece(nbytes - at));
	}
	return HPC_OK;
}

hpc_status
hpc_copy(hpc_env *env, void *to, const void *from, size_t nbytes)
{
	for (size_t at = 0; at < nbytes; at += HPC_BYTES_PER_POLL)
	{
		if (at > 0 && hpc_cancelled(env))
			return HPC_CANCELLED;
		memcpy((char *) to + at, (const char *) from + at,
			   next_piece(nbytes - at));
	}
	return HPC_OK;
}
