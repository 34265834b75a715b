/*
 * hpg_study_rows.c
 *		The rows of a source that hp_report can learn from: those with a target.
 *
 * Rows without a target, or of weight 0, are left out, as a training leaves
 * them out.
 */
#include "postgres.h"

#include <math.h>

#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "hpg_study_rows.h"

/* ---------- what to read ---------- */

static const hpg_column *
find_target(const hpg_rowtype *rowtype, const char *name)
{
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the model does not name its target"),
				 errdetail("It was trained on a target given by value."),
				 errhint("Name the column with the actual values: "
						 "hp_report(model, source, target => "
						 "'sale_price').")));
	return hpg_target_column(rowtype, name);
}

/* The column of weights, where new rows need not have one. */
static const hpg_column *
find_weight(const hpg_rowtype *rowtype, const char *name)
{
	const hpg_column *column =
		name != NULL ? hpg_rowtype_find(rowtype, name) : NULL;

	return column != NULL && column->kind == HPC_NUMBER ? column : NULL;
}

void
hpg_rows_open(hpg_rows *rows, const hpc_model *model, const char *source,
			  const char *target)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	memset(rows, 0, sizeof(*rows));
	rows->source = hpg_source_read(source, InvalidOid);
	rows->rowtype = hpg_rowtype_make(rows->source->desc, CurrentMemoryContext);
	rows->target = find_target(rows->rowtype,
							   target != NULL ? target : summary.texts.target);
	rows->weighted = summary.texts.weight != NULL;
	rows->weight_column = find_weight(rows->rowtype, summary.texts.weight);
	rows->binding =
		hpg_binding_make(model, rows->rowtype, CurrentMemoryContext);
	rows->slot =
		MakeSingleTupleTableSlot(rows->source->desc, &TTSOpsMinimalTuple);
	rows->per_row =
		AllocSetContextCreate(CurrentMemoryContext, "hp_report row",
							  ALLOCSET_DEFAULT_SIZES);
}

void
hpg_rows_close(hpg_rows *rows)
{
	ExecDropSingleTupleTableSlot(rows->slot);
	tuplestore_end(rows->source->rows);
}

/* ---------- reading ---------- */

void
hpg_rows_value(hpg_rows *rows, const hpg_column *column, hpc_value *value)
{
	MemoryContext old = MemoryContextSwitchTo(rows->per_row);

	hpg_row_value(rows->rowtype, column, value);
	MemoryContextSwitchTo(old);
}

const hpc_value *
hpg_rows_features(hpg_rows *rows)
{
	MemoryContext old = MemoryContextSwitchTo(rows->per_row);
	const hpc_value *values = hpg_binding_all_values(rows->binding);

	MemoryContextSwitchTo(old);
	return values;
}

static double
read_weight(hpg_rows *rows)
{
	hpc_value value;

	if (!rows->weighted)
		return 1;
	if (rows->weight_column == NULL)
		return get_float8_nan();
	hpg_rows_value(rows, rows->weight_column, &value);
	return value.missing ||
				   (value.number != 0 && !(value.number >= HPC_MIN_WEIGHT &&
										   value.number <= HPC_MAX_WEIGHT))
			   ? get_float8_nan()
			   : value.number;
}

/* Takes over the row in the slot.  False: it is one to leave out. */
static bool
take_row(hpg_rows *rows)
{
	int natts = rows->source->desc->natts;
	hpc_value target;

	slot_getallattrs(rows->slot);
	memcpy(rows->rowtype->values, rows->slot->tts_values,
		   natts * sizeof(Datum));
	memcpy(rows->rowtype->nulls, rows->slot->tts_isnull, natts * sizeof(bool));
	hpg_rows_value(rows, rows->target, &target);
	if (target.missing || !isfinite(target.number))
	{
		rows->nwithout++;
		return false;
	}
	rows->actual = target.number;
	rows->weight = read_weight(rows);
	if (rows->weight == 0)
	{
		rows->nzero++;
		return false;
	}
	rows->nread++;
	return true;
}

void
hpg_rows_rewind(hpg_rows *rows)
{
	tuplestore_rescan(rows->source->rows);
	rows->nread = 0;
	rows->nwithout = 0;
	rows->nzero = 0;
}

bool
hpg_rows_next(hpg_rows *rows)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(rows->per_row);
		if (!tuplestore_gettupleslot(rows->source->rows, true, false,
									 rows->slot))
			return false;
		if (take_row(rows))
			return true;
	}
}
