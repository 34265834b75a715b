/*
 * hpc_series.h
 *		A series of boosted trees, each grown on what those before it left.
 */
#ifndef HPC_SERIES_H
#define HPC_SERIES_H

#include "hpc_loss.h"
#include "hpc_tray.h"

#define HPC_NO_FOLD (-1)

/* What the series of one boosting share. */
typedef struct hpc_series_rules
{
	const hpc_frame *frame;
	const hpc_params *params;
	const uint8_t *fold; /* [nrows] that a row is in, or NULL */
	uint64_t batch;      /* rounds of which losses are kept */
	hpc_loss loss;
	hpc_grow_rules grow;
	const hpc_lines *packs; /* of the frame, where rows are records */
	int8_t *monotone;       /* [nfeatures], or NULL */
	double *chance;         /* [nfeatures], or NULL */
	int unit;               /* residuals are in units of 2^unit */
	int nusable;
	int *usable; /* [nusable] features with more than one code */
	int ndrawn;  /* of them, per tree */
	uint64_t row_threshold;

	/* cells of the bag */
	bool wide;
	int weight_bits; /* weights of the bag add up to less than 2^this */
	int sum_bits;    /* and |weight × q| must, to less than 2^this */
	int weight_step; /* weights are in units of 2^this */
} hpc_series_rules;

/* What a worker counts in a pass over rows; exact, in any order. */
typedef struct hpc_series_tally hpc_series_tally;

typedef struct hpc_series
{
	const hpc_series_rules *rules;
	int nteam;    /* workers that share each step; 0: one does it all */
	int held_out; /* fold that it does not learn from, or HPC_NO_FOLD */
	bool started;
	bool idle;      /* it has no rows to learn from, and no trees */
	uint64_t round; /* trees so far */
	double base;    /* the prediction before any tree */
	hpc_loss loss;
	double *residual;  /* [nrows] in units of 2^unit; [nheld] of those held
					   * out where rows are records */
	uint32_t nrecords; /* rows to learn from, where they are records */

	/* the bag of the next tree */
	hpc_grower *grower; /* of the caller, who may lend another one each time */
	hpc_bag *bag;       /* the grower's */
	bool filled;
	uint64_t nbegun;      /* rounds that a bag has been filled for */
	bool takes_all;       /* every row but those held out */
	int step;             /* q is in units of 2^(unit + step) */
	int next_step;        /* and in the next bag */
	bool settled;         /* step suits the residuals */
	uint32_t *chunk_rows; /* [chunks] rows of the bag in each */
	int *features;        /* [ndrawn] of the tree */
	uint64_t *draws;      /* [nusable] */

	/* the last tree */
	hpc_tree *tree;  /* NULL: residuals know it */
	uint16_t *place; /* [nrows] node that a row is in */
	double *value;   /* [max_nodes] what leaves add, in units of 2^unit */
	double *mean;    /* [max_nodes] scratch of monotone leaves, or NULL */
	uint32_t *spare; /* [nrows] scratch of quantiles, or NULL */
	hpc_tray *tray;  /* where trees go, or NULL */

	/* rows held out */
	uint32_t nheld;
	uint32_t *held;   /* [nheld] */
	double *held_now; /* [batch][nheld] their residuals after each round */
	double *loss_now; /* [batch] sums of their losses */
	uint64_t first;   /* the batch: the rounds after this one */

	hpc_series_tally *tallies; /* [workers] of the pass at hand */
} hpc_series;

/* fold and batch are left to the caller. */
extern hpc_status
hpc_series_rules_init(hpc_env *env, hpc_series_rules *rules,
					  const hpc_frame *frame, const hpc_params *params);
extern void hpc_series_rules_free(hpc_env *env, hpc_series_rules *rules);

/*
 * nteam: workers of the crew that all work on this series, or 0.  The series
 * is to be freed even after a failure.
 */
extern hpc_status hpc_series_init(hpc_env *env, hpc_series *series,
								  const hpc_series_rules *rules, int nteam,
								  int held_out, hpc_tray *tray);
extern void hpc_series_free(hpc_env *env, hpc_series *series);

/*
 * Grows trees with a grower until there are goal.  False: the crew stopped,
 * or the grower or the tray wants room and must be given it before the next
 * try.
 */
extern bool hpc_series_advance(hpc_series *series, hpc_grower *grower,
							   hpc_crew *crew, int worker, uint64_t goal);

/* Another series has used the grower, and the bag is no longer what it was. */
extern void hpc_series_lose_bag(hpc_series *series);

#endif /* HPC_SERIES_H */
