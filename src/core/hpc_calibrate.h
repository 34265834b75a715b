/*
 * hpc_calibrate.h
 *		How far off a model's predictions are, for intervals around them.
 *
 * Split conformal prediction with locally weighted residuals (Lei, G'Sell,
 * Rinaldo, Tibshirani, Wasserman 2018, "Distribution-free predictive inference
 * for regression", sections 2.2 and 5.2) on rows held out: predictions out of
 * bag (Johansson, Boström, Löfström, Linusson 2014) or out of fold.  The score
 * of a row is its residual in units of what is usual for a row as difficult;
 * an interval of coverage c reaches as many units to both sides as the
 * ceil(c (n + 1))-th smallest of the n scores.  If the rows to come are
 * exchangeable with those of the training, it holds the target with
 * probability c, on average over all rows.
 *
 * Out of bag a row is predicted by a third of the trees, whose mean varies more
 * than the forest's: the scores of a forest are smaller by what follows from the
 * disagreement of its trees.
 *
 * How difficult a row is: with a forest how far its trees disagree, else how
 * large the prediction is.  What is usual there is a line through knots.
 */
#ifndef HPC_CALIBRATE_H
#define HPC_CALIBRATE_H

#include "hpc_model.h"
#include "hpc_oob.h"

/* Fewer trees leave most rows with a handful of predictions out of bag. */
#define HPC_CALIBRATED_TREES 50

/*
 * The calibration of a model whose rows were held out so, a block of env; NULL
 * where they are too few.  A row counts as often as it is there, whatever its
 * weight.
 */
extern hpc_status
hpc_calibrate(hpc_env *env, const hpc_frame *frame, const hpc_held *held,
			  hpc_calibration_record **calibration);

/* Bytes of the section. */
extern uint64_t
hpc_calibration_bytes(const hpc_calibration_record *calibration);

/* What an error is usually like at this difficulty; positive. */
extern double hpc_calibration_scale(const hpc_calibration_record *calibration,
									double difficulty);

/*
 * The score that a share of the rows, 0 < coverage < 1, does not exceed;
 * infinite where there are too few rows to say.
 */
extern double hpc_calibration_score(const hpc_calibration_record *calibration,
									double coverage);

#endif /* HPC_CALIBRATE_H */
