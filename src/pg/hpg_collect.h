/*
 * hpg_collect.h
 *		Collecting rows for trainings: what all aggregates that learn have in
 *		common.
 */
#ifndef HPG_COLLECT_H
#define HPG_COLLECT_H

#include "hpg.h"
#include "hpg_fill.h"

typedef struct hpg_collector
{
	MemoryContext context; /* of this and all it points to */
	hpc_env env;
	const hpg_params *params;
	char *target_name; /* UTF-8; NULL: the target comes by value */
	bool marked;       /* rows have marks (see hpc_fold in hpc.h) */

	hpc_dataset *dataset; /* NULL: no row with a target yet */
	uint64 nskipped;      /* rows without a target */
	hpc_dataset *skipped; /* their marks; NULL: none, or not marked */
	uint64 nweightless;   /* rows of weight 0 */

	/* the row type at hand; rebound by name when another one comes */
	MemoryContext bound; /* of what follows but the row type */
	hpg_rowtype *rowtype;
	uint64 identifier;
	hpg_features *features;
	const hpg_column **columns; /* of the data set's features */
	hpg_fill *fill;
	hpc_value *values; /* of the data set's columns */
} hpg_collector;

/* A collector in the current memory context, which is its own. */
extern hpg_collector *hpg_collector_make(const hpg_params *params,
										 const char *target_name, bool marked);

/* The features among the columns of the data set. */
extern int hpg_collector_nfeatures(const hpg_collector *collector);

/* Splits a row and binds its type.  NULL is an ERROR. */
extern void hpg_collect_read(hpg_collector *collector, HeapTupleHeader row);

/* The named target of the row last read, before any fill; false: NULL. */
extern bool hpg_collect_target(const hpg_collector *collector, double *target);

/* Appends the row last read; or counts it, as it has no target. */
extern void
hpg_collect_append(hpg_collector *collector, double target, double mark);
extern void hpg_collect_skip(hpg_collector *collector, double mark);

/* A new, empty data set with the columns of another. */
extern hpc_dataset *hpg_dataset_like(hpc_env *env, const hpc_dataset *dataset);

/* ---------- partial states ---------- */

/* Adds the rows of another collector with the same parameters and target. */
extern void
hpg_collector_merge(hpg_collector *collector, const hpg_collector *other);
extern void hpg_collector_send(FunctionCallInfo fcinfo, StringInfo message,
							   hpg_collector *collector);

/* Into a collector that is new. */
extern void hpg_collector_receive(FunctionCallInfo fcinfo, StringInfo message,
								  hpg_collector *collector);

/* A value of variable length, or none, in a message. */
extern void hpg_send_varlena(StringInfo message, const void *value);
extern void *hpg_receive_varlena(StringInfo message);
extern void hpg_send_name(StringInfo message, const char *name);
extern char *hpg_receive_name(StringInfo message);

/* ---------- arguments ---------- */

/* A row, or NULL. */
extern HeapTupleHeader hpg_row_arg(FunctionCallInfo fcinfo, int arg);

/* The target's name in UTF-8; NULL is an ERROR. */
extern const char *hpg_target_name_arg(FunctionCallInfo fcinfo, int arg);
extern void
hpg_check_same_target(const hpg_collector *collector, const char *name);

/* ERROR unless two arguments that are constant in a group agree. */
extern void hpg_check_same_params(Jsonb *a, Jsonb *b);

/* A copy in the current memory context; NULL of NULL. */
extern void *hpg_copy_varlena(const void *value);

/* ---------- the end ---------- */

/*
 * Trains on a data set of the collector's columns, which is used up, and tells
 * the user what it finds.  The model is a datum in the collector's memory.
 */
extern void hpg_collector_train(FunctionCallInfo fcinfo,
								hpg_collector *collector, hpc_dataset *dataset,
								const hpg_params *params, hpc_result *result);

/* Are there rows to learn from?  If not, a WARNING says so, once. */
extern bool hpg_collector_has_rows(FunctionCallInfo fcinfo,
								   const hpg_collector *collector);

#endif /* HPG_COLLECT_H */
