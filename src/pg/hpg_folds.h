/*
 * hpg_folds.h
 *		Training on some folds and predicting others: what hp_cross_validate
 *		and hp_tune share.  Rows get their folds in hpg_folds.c; trainings
 *		are in hpg_trial.c.
 */
#ifndef HPG_FOLDS_H
#define HPG_FOLDS_H

#include "hpg_collect.h"

typedef enum hpg_folds_use
{
	HPG_CROSS_VALIDATE,
	HPG_CROSS_VALIDATE_FORWARD, /* folds in time */
	HPG_TUNE
} hpg_folds_use;

/* The state of these aggregates. */
typedef struct hpg_folds
{
	hpg_folds_use use;
	void *given; /* parameters, or array of them, as given; or NULL */
	int nfolds;
	int ncandidates;
	const hpg_params **candidates; /* [ncandidates] */
	hpg_collector *rows;
} hpg_folds;

/* A training with a fold held out, and what became of it. */
typedef struct hpg_trial
{
	uint64 nlearned; /* rows */
	uint64 nheld;
	bool trained; /* there were rows of both kinds */
	hpc_digest digest;
	uint64 nnodes;     /* of the model */
	double *actual;    /* [nheld], in one order for all candidates */
	double *predicted; /* [nheld] */
} hpg_trial;

/* folds[nfolds], in the current memory context. */
extern hpc_fold *hpg_folds_cut(const hpg_folds *folds);

extern void hpg_folds_try(FunctionCallInfo fcinfo, const hpg_folds *folds,
						  const hpg_params *candidate, const hpc_fold *fold,
						  hpg_trial *trial);
extern void hpg_trial_free(const hpg_folds *folds, hpg_trial *trial);

/* The model of all rows, as hp_train would make it. */
extern void *hpg_folds_train(FunctionCallInfo fcinfo, const hpg_folds *folds,
							 const hpg_params *candidate);

/* An array of type array_type with these composites of its element type. */
extern Datum hpg_composite_array(Oid array_type, int n, const Datum *elements);

/* The descriptor of the elements of an array type. */
extern TupleDesc hpg_element_desc(Oid array_type, int natts);

#endif /* HPG_FOLDS_H */
