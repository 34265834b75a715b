/*
 * fuzz_server.c
 *		libFuzzer in a backend.
 *
 *		hp_fuzz(target text, arguments text[])
 *
 * is a function of builds for fuzzing only (tools/fuzz.sh); arguments are
 * those of libFuzzer, with which it ends the backend.  An input may raise any
 * ERROR that a user could have meant to get, but none that is internal, and
 * leaves no memory behind.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "../../../src/pg/hpg.h"
#include "hpf_server.h"

HPG_FUNCTION(hp_fuzz);

extern int LLVMFuzzerRunDriver(int *argc, char ***argv,
							   int (*feed)(const uint8_t *, size_t));
extern size_t LLVMFuzzerMutate(uint8_t *bytes, size_t nbytes, size_t max);
extern size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t nbytes,
									  size_t max, unsigned seed);

static const hpf_server_target *const targets[] = {&hpf_params, &hpf_fill,
												   &hpf_policy, &hpf_value};

static const hpf_server_target *target;
static MemoryContext input_context;
static MemoryContext kept_context;

/* ---------- promises that all of them keep ---------- */

static int
check_error(MemoryContext context)
{
	ErrorData *error;
	int code;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	code = error->sqlerrcode;
	if (code == ERRCODE_INTERNAL_ERROR || code == ERRCODE_OUT_OF_MEMORY)
	{
		write_stderr("internal error: %s\n", error->message);
		abort();
	}
	FreeErrorData(error);
	return code;
}

int
hpf_attempt(void (*act)(void *argument), void *argument)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile int code = 0;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		act(argument);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		code = check_error(context);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return code;
}

/* Inputs after which caches are as large as they get, and what may be added. */
#define WARM_INPUTS 10000
#define CHECK_EVERY 1000
#define MAX_LEAKED ((Size) 16 << 20)

/* What an input leaves behind adds up. */
static void
check_leaks(void)
{
	static uint64 ninputs = 0;
	static Size warm = 0;
	Size now;

	if (++ninputs % CHECK_EVERY != 0)
		return;
	now = MemoryContextMemAllocated(TopMemoryContext, true);
	if (ninputs <= WARM_INPUTS)
		warm = Max(warm, now);
	else if (now > warm + MAX_LEAKED)
	{
		write_stderr("internal error: %zu bytes leaked\n", now - warm);
		MemoryContextStats(TopMemoryContext);
		abort();
	}
}

/* ---------- what libFuzzer calls ---------- */

static int
feed(const uint8_t *bytes, size_t nbytes)
{
	bool said;

	MemoryContextSwitchTo(input_context);
	said = target->use(bytes, nbytes);
	MemoryContextSwitchTo(kept_context);
	MemoryContextReset(input_context);
	check_leaks();
	return said ? 0 : -1;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *bytes, size_t nbytes, size_t max,
						unsigned seed)
{
	if (target->mutate == NULL)
		return LLVMFuzzerMutate(bytes, nbytes, max);
	return target->mutate(bytes, nbytes, max, seed, LLVMFuzzerMutate);
}

/* ---------- the function ---------- */

static void
find_target(const char *name)
{
	for (size_t i = 0; i < lengthof(targets); i++)
		if (strcmp(targets[i]->name, name) == 0)
			target = targets[i];
	if (target == NULL)
		elog(ERROR, "no such target: %s", name);
}

/* hp_fuzz(text, text[]) returns void */
Datum
hp_fuzz(PG_FUNCTION_ARGS)
{
	Datum *elements;
	int nelements;
	char **argv;
	int argc = 1;

	find_target(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	kept_context = CurrentMemoryContext;
	input_context = AllocSetContextCreate(kept_context, "fuzz input",
										  ALLOCSET_DEFAULT_SIZES);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &nelements);
	argv = palloc0((nelements + 2) * sizeof(char *));
	argv[0] = pstrdup("hp_fuzz");
	for (int i = 0; i < nelements; i++)
		argv[argc++] = TextDatumGetCString(elements[i]);
	SPI_connect();
	MemoryContextSwitchTo(kept_context);
	if (target->begin != NULL)
		target->begin();
	LLVMFuzzerRunDriver(&argc, &argv, feed);
	SPI_finish();
	PG_RETURN_VOID();
}
