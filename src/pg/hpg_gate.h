/*
 * hpg_gate.h
 *		What hp_gate finds out (hpg_gate.c), and what it says of it
 *		(hpg_gate_words.c).
 */
#ifndef HPG_GATE_H
#define HPG_GATE_H

#include "hpg.h"

/* SQLSTATEs of our own; the standard leaves classes from I on to us. */
#define HPG_ERRCODE_GATE_WORSE MAKE_SQLSTATE('Z', 'G', '0', '0', '1')
#define HPG_ERRCODE_GATE_UNDECIDED MAKE_SQLSTATE('Z', 'G', '0', '0', '2')
#define HPG_ERRCODE_GATE_OVERLAP MAKE_SQLSTATE('Z', 'G', '0', '0', '3')

/* Why nothing is known of rows that were in a training. */
typedef enum hpg_sketch
{
	HPG_SKETCHED,
	HPG_NO_SKETCH,      /* the model does not keep its rows */
	HPG_NO_FEATURES,    /* it is the same for all rows */
	HPG_WEIGHTS_MISSING /* without them rows cannot be told */
} hpg_sketch;

/* One of the two that are compared. */
typedef struct hpg_gate_side
{
	const char *who;        /* "candidate" or "released model" */
	const hpc_model *model; /* NULL: predicts a constant */
	double constant;
	hpc_digest digest;
	hpc_model_summary summary;
	hpg_call call;

	/* of the holdout, once its columns are known */
	hpg_rowtype *rowtype;
	hpg_binding *binding;
	const hpg_column *weight; /* or NULL */
	hpc_batch *batch;
	double *predictions;

	/* rows that were in its training, and rows that were not */
	hpg_sketch sketch;
	int64 nseen;
	int64 nunseen;
} hpg_gate_side;

typedef struct hpg_gate
{
	const char *name; /* of the model */
	hpg_gate_side candidate;
	hpg_gate_side released;
	int32 released_version; /* 0: none is */
	bool same;              /* the candidate is the released model */
	hpc_metric metric;
	double tolerance;
	const char *target; /* UTF-8 */
	bool undecided_passes;
	bool overlap_allowed;

	hpc_env env;
	MemoryContext context;
	const hpg_column *target_column; /* of the candidate's row type */
	double *actual;                  /* of rows that wait for predictions */
	uint32 nwaiting;
	uint32 room;
	int64 nskipped; /* rows without a target */
	hpc_set_digest rows;
	hpc_gate sums;
} hpg_gate;

/* ERROR: a row has no such metric. */
extern void
hpg_gate_undefined(const hpg_gate *gate, double actual, double candidate,
				   double released) pg_attribute_noreturn();

/* ERROR where the holdout was trained on; else what is not known of that. */
extern void hpg_gate_check_overlap(const hpg_gate *gate);

/* ERROR unless the candidate passes. */
extern void
hpg_gate_check_verdict(const hpg_gate *gate, const hpc_gate_result *result);

#endif /* HPG_GATE_H */
