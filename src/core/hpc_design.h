/*
 * hpc_design.h
 *		The columns of a linear model, made from the features of a frame.
 */
#ifndef HPC_DESIGN_H
#define HPC_DESIGN_H

#include "hpc_frame.h"
#include "hpc_model.h"

#define HPC_NO_COLUMN (-1)

/* What a feature becomes. */
typedef struct hpc_design_term
{
	/* a number, boolean or time; its term, but for the coefficients */
	hpc_linear_term term;
	int column;    /* in the design; HPC_NO_COLUMN: it says nothing */
	int missing;   /* its flag for missing values, likewise */
	double *score; /* [nbins + 1] standardised value of each code */
	double sd;     /* a score of 1 is sd × 2^exponent of t(x) */
	int exponent;
	int64_t missing_units;

	/* a category */
	int32_t *level; /* [nbins + 1] the flag of each code, likewise */
	int pool;       /* the flag of rare levels, likewise */

	/* its flags, of either kind */
	int first_flag;
	int nflags;
} hpc_design_term;

/*
 * Columns 0 .. nnumbers - 1 are scores of numbers, with mean 0 and standard
 * deviation 1.  The others are flags, 0 or 1: a level of a category, its rare
 * levels together, a missing number.  Flags ascend with their features, and of
 * the flags of a feature a row has one at most.
 */
typedef struct hpc_design
{
	const hpc_frame *frame;
	hpc_design_term *terms; /* [nfeatures] */
	int nnumbers;
	int ncolumns;

	/*
	 * How much a row counts, its copies together: units[row], in sum
	 * total_units and on average row_units a copy.  NULL: 1 each.
	 */
	uint32_t *units;
	int64_t total_units;
	uint32_t most_units;
	double row_units;

	/* the target is (center + sd × its score) × 2^unit */
	double target_center;
	double target_sd; /* 0: constant */
	int target_unit;
} hpc_design;

extern hpc_status
hpc_design_create(hpc_env *env, const hpc_frame *frame, hpc_design **design);
extern void hpc_design_free(hpc_env *env, hpc_design *design);

static inline uint32_t
hpc_design_units(const hpc_design *design, uint32_t row)
{
	return design->units != NULL ? design->units[row] : 1;
}

/* The flag that a row has of a feature, or HPC_NO_COLUMN. */
static inline int
hpc_design_flag(const hpc_design_term *term, const hpc_feature *feature,
				uint32_t row)
{
	uint32_t code = hpc_code(feature, row);

	if (term->level != NULL)
		return term->level[code];
	return code == feature->nbins ? term->missing : HPC_NO_COLUMN;
}

/* The score of a row's target; 0 where all are equal. */
extern double hpc_design_target(const hpc_design *design, uint32_t row);

#endif /* HPC_DESIGN_H */
