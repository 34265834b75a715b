/*
 * hpc_forest.h
 *		Bagged trees over one frame.
 */
#ifndef HPC_FOREST_H
#define HPC_FOREST_H

#include "hpc_model.h"
#include "hpc_writer.h"

/* Prediction of every row from the trees that did not see it. */
typedef struct hpc_oob
{
	uint64_t nrows; /* rows with at least one such tree, copies
								 * counted */
	double mae;     /* NaN where there are none */
	double rmse;
	double r2; /* NaN where the target is constant */
} hpc_oob;

/*
 * Grows params->trees trees into the writer (NULL: only the OOB losses are
 * wanted) and measures them out of bag.
 */
extern hpc_status
hpc_forest_train(hpc_env *env, const hpc_frame *frame,
				 const hpc_params *params, hpc_writer *writer, hpc_oob *oob);

#endif /* HPC_FOREST_H */
