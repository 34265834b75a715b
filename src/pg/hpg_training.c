/*
 * hpg_training.c
 *		Rows, and the parameters that they are to be learned from by.
 *
 * States of parallel workers are data sets too: they are sent as streams of
 * bytes, large ones by a file (hpg_spill.c), and appended to one another.  The
 * order in which rows arrive is no part of what is learned (see the core).
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/memutils.h"

#include "hpg_training.h"

static hpg_training *
make_training(MemoryContext parent, Jsonb *jsonb, const char *target_name)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "hp_train", ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	hpg_training *training = palloc0(sizeof(hpg_training));

	training->context = context;
	training->jsonb = hpg_copy_varlena(jsonb);
	training->params = hpg_params_parse(training->jsonb, context);
	training->rows = hpg_collector_make(training->params, target_name, false);
	MemoryContextSwitchTo(before);
	return training;
}

hpg_training *
hpg_training_of(hpg_training *so_far, MemoryContext context, Jsonb *jsonb,
				const char *target_name)
{
	if (so_far == NULL)
		return make_training(context, jsonb, target_name);
	hpg_check_same_params(so_far->jsonb, jsonb);
	if (target_name != NULL)
		hpg_check_same_target(so_far->rows, target_name);
	return so_far;
}

/* ---------- rows ---------- */

void
hpg_training_add_value(hpg_training *training, FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(2))
		hpg_collect_skip(training->rows, 0);
	else
	{
		hpg_collect_read(training->rows, hpg_row_arg(fcinfo, 1));
		hpg_collect_append(training->rows, PG_GETARG_FLOAT8(2), 0);
	}
}

void
hpg_training_add_named(hpg_training *training, HeapTupleHeader row)
{
	double target;

	hpg_collect_read(training->rows, row);
	if (hpg_collect_target(training->rows, &target))
		hpg_collect_append(training->rows, target, 0);
	else
		hpg_collect_skip(training->rows, 0);
}

/* ---------- partial states ---------- */

hpg_training *
hpg_training_merge(hpg_training *training, MemoryContext context,
				   const hpg_training *other)
{
	training = hpg_training_of(training, context, other->jsonb,
							   other->rows->target_name);
	hpg_collector_merge(training->rows, other->rows);
	return training;
}

/*
 *		| params | target | rows |
 */
void
hpg_training_send(FunctionCallInfo fcinfo, StringInfo message,
				  hpg_training *training)
{
	hpg_send_varlena(message, training->jsonb);
	hpg_send_name(message, training->rows->target_name);
	hpg_collector_send(fcinfo, message, training->rows);
}

hpg_training *
hpg_training_receive(FunctionCallInfo fcinfo, StringInfo message)
{
	Jsonb *jsonb = hpg_receive_varlena(message);
	char *name = hpg_receive_name(message);
	hpg_training *training = make_training(CurrentMemoryContext, jsonb, name);

	hpg_collector_receive(fcinfo, message, training->rows);
	return training;
}

/* ---------- the end ---------- */

hpc_dataset *
hpg_training_rows(FunctionCallInfo fcinfo, hpg_training *training)
{
	hpg_collector *rows = training->rows;
	hpc_dataset *dataset = rows->dataset;

	if (dataset == NULL || hpc_dataset_nrows(dataset) == 0)
		return NULL;
	if (fcinfo == NULL ||
		(AggCheckCallContext(fcinfo, NULL) == AGG_CONTEXT_AGGREGATE &&
		 !AggStateIsShared(fcinfo)))
		rows->dataset = NULL;
	else
	{
		dataset = hpg_dataset_like(&rows->env, rows->dataset);
		hpg_check_status(&rows->env, hpc_dataset_merge(&rows->env, dataset,
													   rows->dataset));
	}
	hpc_dataset_skip(dataset, rows->nskipped);
	return dataset;
}
