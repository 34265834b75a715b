/*
 * hpc_drift.h
 *		How values and predictions were distributed in training, so that it can
 *		be seen when rows that come later are others: the section of a model.
 */
#ifndef HPC_DRIFT_H
#define HPC_DRIFT_H

#include "hpc_model.h"
#include "hpc_oob.h"

/* What is known of the predictions for rows held out. */
typedef struct hpc_outcome
{
	hpc_groups predictions; /* no groups: no row was held out */
	double ratio;           /* median of prediction / target, where that is
							 * positive; NaN: there is none */
} hpc_outcome;

/*
 * Looks at the rows held out, as a model would predict them that retransforms
 * as the record says (log_scale is not read).  Nothing is known of them where
 * the frame has no groups of values.
 */
extern hpc_status
hpc_outcome_measure(hpc_env *env, const hpc_frame *frame, const hpc_held *held,
					const hpc_training_record *record, hpc_outcome *outcome);

/* Does the section of a model that is else valid keep the rules? */
extern bool hpc_drift_is_valid(const hpc_model_view *view);

#endif /* HPC_DRIFT_H */
