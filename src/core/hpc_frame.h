/*
 * hpc_frame.h
 *		Training rows in their canonical, coded form.
 *
 * A frame is a function of the multiset of rows: features stand in byte
 * order of their names, values are ranks among the sorted distinct values,
 * equal rows are one row with a count, and rows stand in the order of their
 * content hash.
 */
#ifndef HPC_FRAME_H
#define HPC_FRAME_H

#include "hpc_dataset.h"

typedef struct hpc_feature
{
	const char *name; /* in the data set */
	hpc_kind kind;
	bool integral;
	uint64_t name_hash;
	uint32_t nvalues;          /* distinct values, not counting missing */
	double *values;            /* [nvalues] ascending; not for categories */
	hpc_dictionary categories; /* [nvalues] ascending by bytes */
	uint64_t nmissing;         /* rows, copies counted */

	/*
	 * Rank of each row's value in values or categories, nvalues where it is
	 * missing, in width bytes.
	 */
	int width;
	void *ranks;

	/*
	 * What histograms are made over: the ranks themselves, or quantile bins
	 * of neighbouring ranks where there are too many (bin_of not NULL).
	 * Missing is bin nbins.
	 */
	uint32_t nbins;
	uint32_t *bin_of; /* [nvalues + 1], or NULL */
} hpc_feature;

/* Targets in units of 2^target_scale are below 2^HPC_TARGET_BITS. */
#define HPC_TARGET_BITS 62

typedef struct hpc_frame
{
	uint32_t nrows;   /* distinct (features, target) rows */
	uint64_t ncopies; /* rows, copies counted */
	int nfeatures;
	hpc_feature *features;
	uint32_t *count;       /* [nrows] copies of the row */
	uint64_t *key;         /* [nrows] content hash, for random draws */
	int64_t *target;       /* [nrows] in units of 2^target_scale */
	uint32_t *target_rank; /* [nrows] among the distinct targets */
	uint32_t ntargets;     /* distinct targets */
	int target_scale;
	double target_min;
	double target_max;
	double target_mean;
	hpc_digest data_digest;
} hpc_frame;

static inline uint32_t
hpc_feature_rank(const hpc_feature *feature, uint32_t row)
{
	switch (feature->width)
	{
		case 1:
			return ((const uint8_t *) feature->ranks)[row];
		case 2:
			return ((const uint16_t *) feature->ranks)[row];
		default:
			return ((const uint32_t *) feature->ranks)[row];
	}
}

/*
 * Codes a data set, whose columns are emptied on the way.  Text columns that
 * are unique on over half the rows are left out and reported in unique_text
 * [ncolumns] (true at the data set's column).
 */
extern hpc_status
hpc_frame_create(hpc_env *env, hpc_dataset *dataset, uint32_t max_bins,
				 hpc_frame **frame, bool *unique_text);
extern void hpc_frame_free(hpc_env *env, hpc_frame *frame);

/* number × 2^exponent, without overflow on the way. */
extern double hpc_scale(double number, int exponent);

/* number in units of 2^exponent, rounded to the nearest; below 2^63. */
extern int64_t hpc_to_units(double number, int exponent);

/* Sum of weight target units, as the mean of weight targets. */
extern double
hpc_target_mean(const hpc_frame *frame, __int128 sum, uint64_t weight);

#endif /* HPC_FRAME_H */
