/*
 * hpc_loss.h
 *		What boosting makes small: pseudo-residuals, leaf values, losses.
 *
 * A residual is target minus prediction so far.  Boosting adds, in each
 * round, a tree that is grown on pseudo-residuals: the direction in which
 * the loss of each row falls (Friedman 2001).
 */
#ifndef HPC_LOSS_H
#define HPC_LOSS_H

#include "hpc_grow.h"

typedef struct hpc_loss
{
	int64_t kind;          /* HPC_LOSS_SQUARED ... */
	double quantile;       /* absolute: 0.5 */
	double huber_quantile; /* share of residuals that huber squares */
	double delta;          /* huber: where that ends, in this round */
} hpc_loss;

/* Residuals of the rows of a bag, and who looks at them. */
typedef struct hpc_residuals
{
	const double *residual; /* by row of the frame */
	const hpc_bag *bag;     /* weights */
	uint32_t *spare;        /* for as many rows as are looked at */
	hpc_crew *crew;
	int worker;
} hpc_residuals;

/* Do leaves predict something else than the mean of the pseudo-residuals? */
static inline bool
hpc_loss_renews_leaves(const hpc_loss *loss)
{
	return loss->kind != HPC_LOSS_SQUARED;
}

/* Are pseudo-residuals mere signs, in units of their own? */
static inline bool
hpc_loss_has_signs(const hpc_loss *loss)
{
	return loss->kind == HPC_LOSS_ABSOLUTE || loss->kind == HPC_LOSS_QUANTILE;
}

/* Mean size of a sign where the quantile is found. */
static inline double
hpc_loss_mean_sign(const hpc_loss *loss)
{
	return 2 * loss->quantile * (1 - loss->quantile);
}

/* What a pseudo-residual is cut to, in units of q, so that it is an integer */
#define HPC_MAX_Q_BITS 50

/*
 * Pseudo-residuals of residual[n] in units of 2^step, as integers of at most
 * HPC_MAX_Q_BITS bits.
 */
extern void hpc_loss_gradient(const hpc_loss *loss, int step, uint32_t n,
							  const double *residual, int64_t *q);

/* What a row of weight 1 that was held out adds to the loss. */
extern double hpc_loss_held_out(const hpc_loss *loss, double residual);

/*
 * The least residual among rows[n], which are of the bag, such that it and
 * the smaller ones have share of the weight; absolute: of absolute
 * residuals.  0 of no rows; of no meaning when the crew stopped.
 */
extern double
hpc_residual_quantile(const hpc_residuals *r, const uint32_t *rows, uint32_t n,
					  double share, bool absolute);

/*
 * What a leaf of rows[n] should predict, where leaves are renewed.  l2 is in
 * units of weight.  Of no meaning when the crew stopped.
 */
extern double hpc_loss_leaf_value(const hpc_loss *loss, const hpc_residuals *r,
								  const uint32_t *rows, uint32_t n, double l2);

#endif /* HPC_LOSS_H */
