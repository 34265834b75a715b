/*
 * hpg_findings.c
 *		Telling the user what a training found in the data.
 *
 * Once per column and call site, whatever the number of groups or frames, and
 * a few columns at the most.
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/builtins.h"

#include "hpg.h"

/* Columns of one kind of finding that are named. */
#define MAX_REPORTED 5

/*
 * Has this call site said so before?  Groups and frames of one query would
 * else say the same a thousand times.
 */
bool
hpg_is_repeated(FunctionCallInfo fcinfo, int kind, const char *column)
{
	MemoryContext before = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	char *message = psprintf("%d %s", kind, column);
	List *said = fcinfo->flinfo->fn_extra;
	ListCell *cell;
	bool repeated = false;

	foreach(cell, said)
		repeated |= strcmp(lfirst(cell), message) == 0;
	if (repeated)
		pfree(message);
	else
		fcinfo->flinfo->fn_extra = lappend(said, message);
	MemoryContextSwitchTo(before);
	return repeated;
}

/* Tells the user what the core found in the data. */
static void
report_finding(const hpc_finding *finding)
{
	char *column = hpg_name(finding->column);

	switch (finding->kind)
	{
		case HPC_FOUND_UNIQUE_TEXT:
			ereport(NOTICE,
					(errmsg("column \"%s\" is left out: its text is different "
							"on more than half of the rows",
							column)));
			break;
		case HPC_FOUND_KEY:
			ereport(NOTICE,
					(errmsg("column \"%s\" looks like a key: it is different "
							"on every row",
							column),
					 errhint("Leave it out with exclude => ARRAY[%s].",
							 quote_literal_cstr(column))));
			break;
		case HPC_FOUND_NEAR_LEAK:
			ereport(WARNING,
					(errmsg("column \"%s\" alone explains %.1f %% of the "
							"target out of bag",
							column, 100 * finding->value),
					 errhint("If it is not known before the target is, leave "
							 "it out with exclude => ARRAY[%s].",
							 quote_literal_cstr(column))));
			break;
	}
}

/* A few of each kind in full, the others by their number. */
void
hpg_report_findings(FunctionCallInfo fcinfo, const hpc_result *result)
{
	int count[HPC_FOUND_NEAR_LEAK + 1] = {0};

	for (int i = 0; i < result->nfindings; i++)
	{
		const hpc_finding *finding = &result->findings[i];

		if (++count[finding->kind] <= MAX_REPORTED &&
			!hpg_is_repeated(fcinfo, finding->kind, finding->column))
			report_finding(finding);
	}
	for (int kind = 0; kind <= HPC_FOUND_NEAR_LEAK; kind++)
	{
		int more = count[kind] - MAX_REPORTED;

		if (more > 0 && !hpg_is_repeated(fcinfo, kind, ""))
			ereport(kind == HPC_FOUND_NEAR_LEAK ? WARNING : NOTICE,
					(errmsg_plural("%d more column is like these",
								   "%d more columns are like these", more,
								   more)));
	}
}
