/*
 * hpg_border.h
 *		What the files of the border to the core share: hpg_core.c,
 *		hpg_memory.c and hpg_progress.c.
 *
 * The border is what the hooks of one environment know.  It lives in the
 * memory context that the environment's memory comes from, and ends with it.
 */
#ifndef HPG_BORDER_H
#define HPG_BORDER_H

#include "portability/instr_time.h"
#include "utils/palloc.h"

#include "hpg.h"

/* How fast one kind of work has been going. */
typedef struct hpg_pace
{
	const char *unit; /* NULL: none yet */
	instr_time begin;
	uint64 last;      /* done when we last heard of it */
	double shown;     /* seconds from begin to the last line, and what */
	uint64 announced; /* it said was done */

	/* the stretch that is extrapolated begins at the older mark */
	double older_at;
	uint64 older_done;
	double newer_at;
	uint64 newer_done;
} hpg_pace;

typedef struct hpg_border
{
	MemoryContext context;

	/* memory */
	MemoryContextCallback forget; /* when the context is reset or deleted */
	uint64 nbytes;                /* held through this environment */
	size_t failed;                /* size of the request last answered NULL */
	uint64 refused_at;            /* bytes the backend held when the limit
								   * refused it; 0: not the limit */

	ErrorData *caught; /* raised while a hook was at work */
	hpg_pace pace;

	/* a larger work, of which trainings are parts; its unit NULL: none */
	const char *outer_name;
	const char *outer_unit;
	uint64 outer_done;
	uint64 outer_total;
} hpg_border;

/* Keeps the error now being handled, to be raised when the core returns. */
extern void hpg_border_catch(hpg_border *border);

/* hpg_memory.c */
extern void hpg_memory_settings(void);
extern void hpg_memory_begin(hpg_border *border);
extern void *hpg_memory_resize(void *opaque, void *ptr, size_t size);
extern uint64_t hpg_memory_left(void *opaque);

/* The ERROR for the request that was last answered NULL. */
extern void hpg_memory_error(const hpg_border *border) pg_attribute_noreturn();

/* The limit as a sentence, with a blank before it. */
extern char *hpg_memory_words(void);

/* hpg_cache.c */
extern void hpg_cache_settings(void);

/* hpg_progress.c */
extern void hpg_progress_settings(void);
extern void
hpg_progress(void *opaque, const char *unit, uint64_t done, uint64_t total);

#endif /* HPG_BORDER_H */
