/*
 * hpg_progress.c
 *		Telling how far a training is, and how long it will take.
 *
 *		hp_train: 40 of 100 trees, 3.1 s, about 4.6 s left
 *
 * What is left is extrapolated from the pace of the last stretch: at least
 * the last half of the time so far, so that it neither jumps with every tree
 * nor remembers a slow or quick beginning for ever.  The time is that spent
 * on this kind of work.
 *
 * Where trainings are parts of a larger work, a cross-validation for
 * instance, the lines tell how far that is:
 *
 *		hp_cross_validate: 2 of 5 folds, 12.0 s, about 17.9 s left
 *
 * The core calls from the main thread, but other threads may be at work in
 * this process's memory.  So nothing here may leave by a jump, let alone end
 * the process, and nothing may wait: interrupts are held while a line is
 * sent, errors are kept until the core has returned, and a line that the
 * client's connection would not take at once is not sent.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/elog.h"
#include "utils/guc.h"

#include "hpg_border.h"
#include "hpg_compat.h"

#define FIRST_LINE 1.0 /* seconds */
#define NEXT_LINE 2.0
#define LATER_LINE 10.0 /* when it has lasted more than a minute */

enum
{
	PROGRESS_OFF,
	PROGRESS_NOTICE,
	PROGRESS_LOG
};

static int progress = PROGRESS_OFF;

void
hpg_progress_settings(void)
{
	static const struct config_enum_entry choices[] = {
		{"off", PROGRESS_OFF, false},
		{"notice", PROGRESS_NOTICE, false},
		{"log", PROGRESS_LOG, false},
		{"on", PROGRESS_NOTICE, true},
		{"true", PROGRESS_NOTICE, true},
		{"yes", PROGRESS_NOTICE, true},
		{"1", PROGRESS_NOTICE, true},
		{"false", PROGRESS_OFF, true},
		{"no", PROGRESS_OFF, true},
		{"0", PROGRESS_OFF, true},
		{NULL, 0, false}};

	DefineCustomEnumVariable("houseprice.progress",
							 "Whether trainings tell how far they are.",
							 "As notices to the client, or as lines in the "
							 "server's log.",
							 &progress, PROGRESS_OFF, choices, PGC_USERSET, 0,
							 NULL, NULL, NULL);
}

/* ---------- the pace ---------- */

static double
seconds_since(instr_time begin)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, begin);
	return INSTR_TIME_GET_DOUBLE(now);
}

static void
begin_pace(hpg_pace *pace, const char *unit, uint64 done)
{
	memset(pace, 0, sizeof(*pace));
	INSTR_TIME_SET_CURRENT(pace->begin);
	pace->unit = unit;
	pace->last = done;
	pace->older_done = done;
	pace->newer_done = done;
}

/* Moves the marks on, so that the stretch since the older one stays long. */
static void
mark(hpg_pace *pace, double now, uint64 done)
{
	if (now < 2 * pace->newer_at || now < FIRST_LINE / 2)
		return;
	pace->older_at = pace->newer_at;
	pace->older_done = pace->newer_done;
	pace->newer_at = now;
	pace->newer_done = done;
}

/* Seconds left, or less than 0 where nothing can be said. */
static double
time_left(const hpg_pace *pace, double now, uint64 done, uint64 total)
{
	if (done >= total || done <= pace->older_done || now <= pace->older_at)
		return -1;
	return (now - pace->older_at) / (double) (done - pace->older_done) *
		   (double) (total - done);
}

static bool
is_due(hpg_pace *pace, double now, uint64 done, uint64 total)
{
	double interval = pace->shown == 0   ? FIRST_LINE
					  : pace->shown < 60 ? NEXT_LINE
										 : LATER_LINE;

	/* the last line of those that have been shown */
	if (done == total && pace->shown > 0 && done > pace->announced)
		return true;
	return now - pace->shown >= interval;
}

/* ---------- lines ---------- */

static void
append_time(StringInfo line, double seconds)
{
	uint64 whole = (uint64) (seconds + 0.5);

	if (seconds < 60)
		appendStringInfo(line, "%.1f s", seconds);
	else if (whole < 3600)
		appendStringInfo(line, "%d min %d s", (int) (whole / 60),
						 (int) (whole % 60));
	else
		appendStringInfo(line, UINT64_FORMAT " h %d min", whole / 3600,
						 (int) (whole % 3600 / 60));
}

static void
compose(StringInfo line, const hpg_border *border, double now, uint64 done,
		uint64 total)
{
	const hpg_pace *pace = &border->pace;
	double left = time_left(pace, now, done, total);

	appendStringInfo(line, "%s: " UINT64_FORMAT,
					 border->outer_unit != NULL ? border->outer_name
												: "hp_train",
					 done);
	if (total > 0)
		appendStringInfo(line, " of " UINT64_FORMAT, total);
	appendStringInfo(line, " %s, ", pace->unit);
	append_time(line, now);
	if (left >= 0)
	{
		appendStringInfoString(line, ", about ");
		append_time(line, left);
		appendStringInfoString(line, " left");
	}
}

/* Would the client's connection take a line at once? */
static bool
client_is_ready(void)
{
	WaitEvent events[HPG_CLIENT_EVENTS];
	int nevents;
	bool latch_was_set;

	if (whereToSendOutput != DestRemote || FeBeWaitSet == NULL)
		return true;
	ModifyWaitEvent(FeBeWaitSet, HPG_CLIENT_SOCKET, WL_SOCKET_WRITEABLE, NULL);
	do
	{
		latch_was_set = false;
		nevents =
			WaitEventSetWait(FeBeWaitSet, 0, events, HPG_CLIENT_EVENTS, 0);
		for (int i = 0; i < nevents; i++)
		{
			if (events[i].events & WL_SOCKET_WRITEABLE)
				return true;
			latch_was_set |= (events[i].events & WL_LATCH_SET) != 0;
		}

		/* a latch that is set may hide the socket; nobody needs it here */
		if (latch_was_set)
			ResetLatch(MyLatch);
	} while (latch_was_set);
	return false;
}

static void
send_line(hpg_border *border, double now, uint64 done, uint64 total)
{
	MemoryContext before = CurrentMemoryContext;
	uint32 holdoff = InterruptHoldoffCount;

	PG_TRY();
	{
		StringInfoData line;

		HOLD_INTERRUPTS();
		error_context_stack = NULL; /* until PG_END_TRY: code of others */
		MemoryContextSwitchTo(border->context);
		initStringInfo(&line);
		compose(&line, border, now, done, total);
		if (progress == PROGRESS_LOG || client_is_ready())
			ereport(progress == PROGRESS_LOG ? LOG_SERVER_ONLY : NOTICE,
					(errmsg_internal("%s", line.data),
					 errhidestmt(true),
					 errhidecontext(true)));
		pfree(line.data);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(before);
		hpg_border_catch(border);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(before);
	InterruptHoldoffCount = holdoff;
}

static void
tell(hpg_border *border, const char *unit, uint64 done, uint64 total)
{
	hpg_pace *pace = &border->pace;
	double now;

	/* a parallel worker's notices go through a queue that may be full */
	if (progress == PROGRESS_OFF ||
		(progress == PROGRESS_NOTICE && IsParallelWorker()))
		return;
	if (pace->unit == NULL || strcmp(pace->unit, unit) != 0 ||
		done < pace->last)
		begin_pace(pace, unit, done);
	pace->last = done;
	now = seconds_since(pace->begin);
	if (is_due(pace, now, done, total))
	{
		send_line(border, now, done, total);
		pace->shown = now;
		pace->announced = done;
	}
	mark(pace, now, done);
}

void
hpg_progress(void *opaque, const char *unit, uint64_t done, uint64_t total)
{
	hpg_border *border = opaque;

	if (border->outer_unit != NULL)
		tell(border, border->outer_unit, border->outer_done,
			 border->outer_total);
	else
		tell(border, unit, done, total);
}

void
hpg_progress_of(hpc_env *env, const char *what, const char *unit, uint64 done,
				uint64 total)
{
	hpg_border *border = env->opaque;

	border->outer_name = what;
	border->outer_unit = unit;
	border->outer_done = done;
	border->outer_total = total;
	tell(border, unit, done, total);
}
