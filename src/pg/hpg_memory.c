/*
 * hpg_memory.c
 *		The core's memory: from a memory context, counted and bounded.
 *
 * A container that outgrows its limit is not told: the kernel kills a process
 * in it, and PostgreSQL restarts.  So all memory that the core asks for is
 * counted, over all environments of the backend, and a request that would
 * pass houseprice.max_memory is answered NULL, which the core turns into an
 * orderly end.
 *
 * Each environment counts what it holds; the backend's total is the sum.
 * Errors and cancels do not release block by block: the memory context goes,
 * and a callback of that context gives back what its environment held.
 * Nothing is counted twice, because releasing a block and losing the context
 * both go through the environment's own count.
 *
 * The hook never raises an error: core frames must not be jumped over.
 */
#include "postgres.h"

#include <limits.h>
#include <unistd.h>

#include "storage/fd.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "hpg_border.h"
#include "hpg_compat.h"

static int max_memory = 0; /* kB; 0: half of what the machine has */

static uint64 limit_bytes = 0; /* as of the newest environment */
static uint64 total_bytes = 0; /* of all environments */

void
hpg_memory_settings(void)
{
	DefineCustomIntVariable(
		"houseprice.max_memory",
		"Memory that the trainings of one backend may use.",
		"0 means half of the machine's memory, or of what "
		"its control group allows where that is less.",
		&max_memory, 0, 0, MAX_KILOBYTES, PGC_SUSET, GUC_UNIT_KB, NULL, NULL,
		NULL);
}

/* ---------- what the machine has ---------- */

#define NO_LIMIT PG_UINT64_MAX

/* The number in a file, or no limit ("max", or no such file). */
static uint64
limit_in_file(const char *path)
{
	FILE *file = AllocateFile(path, "r");
	unsigned long long number;
	uint64 limit = NO_LIMIT;

	if (file == NULL)
		return NO_LIMIT;
	if (fscanf(file, "%llu", &number) == 1)
		limit = number;
	FreeFile(file);
	return limit;
}

/*
 * The least limit of a control group and those above it.  Inside a container
 * the group's path may not exist below the mount point, but the mount point
 * itself then is the container's group.
 */
static uint64
limit_of_group(const char *mount, char *group, const char *const *files)
{
	char path[MAXPGPATH];
	uint64 limit = NO_LIMIT;

	for (;;)
	{
		char *slash = strrchr(group, '/');

		for (int i = 0; files[i] != NULL; i++)
		{
			snprintf(path, sizeof(path), "%s%s/%s", mount, group, files[i]);
			limit = Min(limit, limit_in_file(path));
		}
		if (slash == NULL)
			return limit;
		*slash = '\0';
	}
}

/* Is memory among the controllers of a line such as "4:cpu,memory:/a/b"? */
static bool
names_memory(const char *controllers)
{
	const char *found = strstr(controllers, "memory");

	return found != NULL && (found == controllers || found[-1] == ',') &&
		   (found[6] == '\0' || found[6] == ',');
}

/* The limit that control groups of either version set on this process. */
static uint64
group_limit(void)
{
	static const char *const files1[] = {"memory.limit_in_bytes", NULL};
	static const char *const files2[] = {"memory.max", "memory.high", NULL};
	FILE *file = AllocateFile("/proc/self/cgroup", "r");
	char line[MAXPGPATH];
	uint64 limit = NO_LIMIT;

	if (file == NULL)
		return NO_LIMIT;
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char *controllers = strchr(line, ':');
		char *group = controllers ? strchr(controllers + 1, ':') : NULL;

		if (group == NULL)
			continue;
		*controllers++ = '\0';
		*group++ = '\0';
		group[strcspn(group, "\n")] = '\0';
		if (*controllers == '\0')
			limit =
				Min(limit, limit_of_group("/sys/fs/cgroup", group, files2));
		else if (names_memory(controllers))
			limit = Min(limit, limit_of_group("/sys/fs/cgroup/memory", group,
											  files1));
	}
	FreeFile(file);
	return limit;
}

/* Half of what this process can hope for. */
static uint64
default_limit(void)
{
	static uint64 known = 0;

	if (known == 0)
	{
		long npages = sysconf(_SC_PHYS_PAGES);
		long page = sysconf(_SC_PAGESIZE);
		uint64 limit = group_limit();

		if (npages > 0 && page > 0)
			limit = Min(limit, (uint64) npages * (uint64) page);
		known = Max(limit / 2, 1);
	}
	return known;
}

/* ---------- counting ---------- */

static void
count(hpg_border *border, size_t before, size_t after)
{
	Assert(border->nbytes >= before && total_bytes >= before);
	border->nbytes = border->nbytes - before + after;
	total_bytes = total_bytes - before + after;
}

/* The memory context is going, and all that the environment holds with it. */
static void
forget(void *arg)
{
	hpg_border *border = arg;

	count(border, border->nbytes, 0);
}

void
hpg_memory_begin(hpg_border *border)
{
	limit_bytes =
		max_memory > 0 ? (uint64) max_memory * 1024 : default_limit();
	border->forget.func = forget;
	border->forget.arg = border;
	MemoryContextRegisterResetCallback(border->context, &border->forget);
}

uint64_t
hpg_memory_left(void *opaque)
{
	return limit_bytes > total_bytes ? limit_bytes - total_bytes : 0;
}

/* May this many bytes be added?  If not, that is remembered. */
static bool
within_limit(hpg_border *border, size_t nbytes)
{
	if (nbytes <= hpg_memory_left(border))
		return true;
	border->failed = nbytes;
	border->refused_at = Max(total_bytes, 1);
	return false;
}

/* The machine has no more; also remembered. */
static void *
out_of_memory(hpg_border *border, size_t nbytes)
{
	border->failed = nbytes;
	border->refused_at = 0;
	return NULL;
}

/* ---------- blocks ---------- */

/*
 * palloc aligns to 8, the core wants 16: the block proper starts at the next
 * multiple of 16 that leaves room for this.
 */
typedef struct block_header
{
	void *palloced;
	size_t size;
} block_header;

#define BLOCK_ALIGNMENT 16
#define BLOCK_OVERHEAD (sizeof(block_header) + BLOCK_ALIGNMENT)

/* From this size on the C library can move a block without copying it. */
#define LARGE_BLOCK ((size_t) 1 << 20)

static char *
align_block(char *palloced)
{
	return (char *) TYPEALIGN(BLOCK_ALIGNMENT,
							  palloced + sizeof(block_header));
}

static void *
finish_block(char *palloced, size_t size)
{
	block_header *block = (block_header *) align_block(palloced);

	block[-1].palloced = palloced;
	block[-1].size = size;
	return block;
}

static void *
allocate_block(hpg_border *border, size_t size)
{
	char *palloced;

	if (!within_limit(border, size + BLOCK_OVERHEAD))
		return NULL;
	palloced =
		MemoryContextAllocExtended(border->context, size + BLOCK_OVERHEAD,
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
	if (palloced == NULL)
		return out_of_memory(border, size);
	count(border, 0, GetMemoryChunkSpace(palloced));
	return finish_block(palloced, size);
}

static void
release_block(hpg_border *border, void *ptr)
{
	void *palloced = ((block_header *) ptr)[-1].palloced;

	count(border, GetMemoryChunkSpace(palloced), 0);
	pfree(palloced);
}

/* Resizes a large block where it is; NULL: it stays as it was. */
static void *
resize_in_place(hpg_border *border, void *ptr, size_t size)
{
	block_header old = ((block_header *) ptr)[-1];
	size_t offset = (size_t) ((char *) ptr - (char *) old.palloced);
	size_t space = GetMemoryChunkSpace(old.palloced);
	char *palloced;
	char *aligned;

	if (size > old.size && !within_limit(border, size - old.size))
		return NULL;
	palloced = hpg_repalloc_no_oom(old.palloced, size + BLOCK_OVERHEAD);
	if (palloced == NULL)
		return out_of_memory(border, size);
	count(border, space, GetMemoryChunkSpace(palloced));
	aligned = align_block(palloced);
	if (aligned != palloced + offset)
		memmove(aligned, palloced + offset, Min(size, old.size));
	return finish_block(palloced, size);
}

void *
hpg_memory_resize(void *opaque, void *ptr, size_t size)
{
	hpg_border *border = opaque;
	size_t old_size = ptr != NULL ? ((block_header *) ptr)[-1].size : 0;
	void *block = NULL;

	if (size > MaxAllocHugeSize - BLOCK_OVERHEAD)
		return out_of_memory(border, size);
	if (size >= LARGE_BLOCK && old_size >= LARGE_BLOCK)
		return resize_in_place(border, ptr, size);
	if (size > 0)
	{
		block = allocate_block(border, size);
		if (block == NULL)
			return NULL;
	}
	if (ptr != NULL)
	{
		if (block != NULL)
			memcpy(block, ptr, Min(size, old_size));
		release_block(border, ptr);
	}
	return block;
}

/* ---------- errors ---------- */

static char *
readable(uint64 nbytes)
{
	if (nbytes < 10 << 20)
		return psprintf(UINT64_FORMAT " kB", (nbytes + 1023) >> 10);
	return psprintf(UINT64_FORMAT " MB", (nbytes + (1 << 20) - 1) >> 20);
}

char *
hpg_memory_words(void)
{
	return psprintf(" The limit, houseprice.max_memory, is %s.",
					readable(limit_bytes));
}

void
hpg_memory_error(const hpg_border *border)
{
	if (border->refused_at > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("houseprice needs more than houseprice.max_memory "
						"(%s)",
						readable(limit_bytes)),
				 errdetail("This session's trainings hold %s and asked for "
						   "%s more.",
						   readable(border->refused_at),
						   readable(border->failed)),
				 errhint("Train on fewer rows or columns, with smaller "
						 "max_bins, fewer trees or larger min_leaf, or let "
						 "the administrator raise houseprice.max_memory.")));
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory"),
			 errdetail("Failed on request of size %zu.", border->failed)));
}
