/*
 * hpg_training.h
 *		Rows, and the parameters that they are to be learned from by: the part
 *		that hp_train and hp_best_features have in common, and hp_rank_features.
 */
#ifndef HPG_TRAINING_H
#define HPG_TRAINING_H

#include "hpg_collect.h"

typedef struct hpg_training
{
	MemoryContext context; /* of this and all it points to */
	Jsonb *jsonb;          /* parameters as given, or NULL */
	hpg_params *params;
	hpg_collector *rows;
} hpg_training;

/*
 * What the rows collected so far are in, or, for the first one (NULL), a new
 * one below context.  ERROR where parameters or target name (UTF-8; NULL: the
 * target comes by value) are not those of the rows before.
 */
extern hpg_training *
hpg_training_of(hpg_training *so_far, MemoryContext context, Jsonb *jsonb,
				const char *target_name);

/*
 * Adds the row, or ERROR: of arguments 1 and 2, a row and its target; or of a
 * row (NULL is an ERROR) that has its target.
 */
extern void
hpg_training_add_value(hpg_training *training, FunctionCallInfo fcinfo);
extern void
hpg_training_add_named(hpg_training *training, HeapTupleHeader row);

/* For combine, serial and deserial functions; training may be NULL. */
extern hpg_training *
hpg_training_merge(hpg_training *training, MemoryContext context,
				   const hpg_training *other);
extern void hpg_training_send(FunctionCallInfo fcinfo, StringInfo message,
							  hpg_training *training);
extern hpg_training *
hpg_training_receive(FunctionCallInfo fcinfo, StringInfo message);

/*
 * The rows, to be used up and freed.  For a final function: a copy of them
 * where more may come, or another aggregate wants them; fcinfo is NULL outside
 * of aggregates.  NULL: there are none.
 */
extern hpc_dataset *
hpg_training_rows(FunctionCallInfo fcinfo, hpg_training *training);

/* ---------- hpg_rank.c ---------- */

/*
 * Ranks the columns of rows, which are used up and then only to be freed; as
 * the parameters of the training say.  For hp_best_features.
 */
extern hpc_candidate *
hpg_rank_columns(hpg_training *training, hpc_dataset *dataset);

#endif /* HPG_TRAINING_H */
