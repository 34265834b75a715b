/*
 * hpt_slow_boost.h
 *		Boosting as the books have it: slow, obvious, in doubles.
 */
#ifndef HPT_SLOW_BOOST_H
#define HPT_SLOW_BOOST_H

#include "hpt_table.h"

typedef struct slow_boost
{
	uint64_t rounds;    /* of the model */
	double *prediction; /* [frame->nrows] of the model */
	double oob_mae;     /* of the folds, with early stopping */
} slow_boost;

/*
 * Boosts a frame made from a table of numbers without missing values and
 * without equal gains.  Ends the program when memory does.
 */
extern void slow_boost_train(const hpc_frame *frame, const hpt_table *table,
							 const hpc_params *params, slow_boost *result);
extern void slow_boost_free(slow_boost *result);

#endif /* HPT_SLOW_BOOST_H */
