/*
 * hpc_frame.h
 *		Training rows in their coded form.
 *
 * A frame is made from the multiset of rows: features stand in byte order of
 * their names, values are numbered in their own order, equal rows are one
 * row with a count.  Rows stand in the order in which they came, or in any
 * other, so whatever is computed from a frame must not depend on the order of
 * its rows: sums are exact, and draws are keyed by the rows' content.
 */
#ifndef HPC_FRAME_H
#define HPC_FRAME_H

#include "hpc_dataset.h"
#include "hpc_groups.h"
#include "hpc_sketch.h"

/* Codes of a feature fit into 16 bits, the one for missing included. */
#define HPC_MAX_BINS 65534

/* Narrow features whose codes stand side by side. */
#define HPC_BLOCK 8

/*
 * CASE(1) to CASE(HPC_BLOCK), of a switch by how many bytes of a block are
 * read: with constants nothing is asked in the loops.
 */
#define HPC_BLOCK_CASES(CASE) \
	CASE(1);                  \
	CASE(2);                  \
	CASE(3);                  \
	CASE(4);                  \
	CASE(5);                  \
	CASE(6);                  \
	CASE(7);                  \
	CASE(8)

typedef struct hpc_feature
{
	const char *name; /* in the data set */
	int column;       /* of the data set */
	hpc_kind kind;
	bool integral;
	uint64_t name_hash;
	uint32_t nvalues;          /* distinct values, not counting missing */
	hpc_dictionary categories; /* [nvalues] ascending by bytes */
	uint64_t nmissing;         /* rows, copies counted */
	double min;                /* NaN for categories and where none is */
	double max;

	/*
	 * Codes: 0 .. nbins - 1 in ascending order of values, nbins where the
	 * value is missing.  A bin holds one value, or neighbouring ones where
	 * there are more than max_bins.
	 */
	uint32_t nbins;
	double *low;         /* [nbins] least value of each; not for categories */
	double *high;        /* [nbins] greatest; may be low itself */
	uint32_t *level_bin; /* [nvalues] bin of each category; NULL: its own */

	/* Code of row i: width bytes at codes + i * stride. */
	int width; /* 1 or 2 */
	int stride;
	unsigned char *codes;
} hpc_feature;

typedef struct hpc_frame
{
	uint32_t nrows;   /* distinct rows */
	uint64_t ncopies; /* rows, copies counted */
	int nfeatures;
	hpc_feature *features;

	/*
	 * Codes of features of width 1: block b holds features block_feature[b *
	 * HPC_BLOCK ...] (-1: none), HPC_BLOCK bytes a row.  Features of width 2
	 * have arrays of their own.
	 */
	int nblocks;
	unsigned char **blocks; /* [nblocks] */
	int *block_feature;     /* [nblocks * HPC_BLOCK] */

	uint32_t *count;   /* [nrows] copies of the row; NULL: one each */
	uint32_t *source;  /* [nrows] row of the data set; NULL: the same */
	uint64_t *key;     /* [nrows] content hash, for random draws */
	double *target;    /* [nrows] as learned: logarithms where wanted */
	double *weight;    /* [nrows] of one copy; NULL: 1 each */
	bool pinned;       /* rows stay in this order, as others agree in it */
	uint32_t ntargets; /* distinct targets */
	double target_min; /* as given */
	double target_max;
	double target_mean;     /* weighted */
	bool log_target;        /* target holds logarithms */
	hpc_digest data_digest; /* of all rows, weights included */
	hpc_sketch sketch;      /* likewise; where the rules want it */
	hpc_groups *groups;     /* [nfeatures] likewise, else NULL */
} hpc_frame;

static inline uint32_t
hpc_code(const hpc_feature *feature, uint32_t row)
{
	const unsigned char *at = feature->codes + (size_t) row * feature->stride;

	return feature->width == 1 ? *at : *(const uint16_t *) at;
}

static inline uint32_t
hpc_row_count(const hpc_frame *frame, uint32_t row)
{
	return frame->count != NULL ? frame->count[row] : 1;
}

static inline double
hpc_row_weight(const hpc_frame *frame, uint32_t row)
{
	return frame->weight != NULL ? frame->weight[row] : 1;
}

/* Row of the data set with the content of a row of the frame. */
static inline uint32_t
hpc_row_source(const hpc_frame *frame, uint32_t row)
{
	return frame->source != NULL ? frame->source[row] : row;
}

typedef struct hpc_frame_rules
{
	uint32_t max_bins;
	bool keep;        /* leave the data set as it is */
	bool describe;    /* note which rows are there, and groups of values */
	bool check_leaks; /* HPC_LEAK for a feature that is the target ... */
	bool *copies;     /* ... or true for its column here, [ncolumns]; NULL:
					   * the first one is an error */
} hpc_frame_rules;

/*
 * Codes a data set, whose columns are emptied on the way unless it is kept.
 * Text columns that are unique on over half the rows are left out and
 * reported in unique_text[ncolumns] (true at the data set's column).
 */
extern hpc_status hpc_frame_create(hpc_env *env, hpc_dataset *dataset,
								   const hpc_frame_rules *rules,
								   hpc_frame **frame, bool *unique_text);
extern void hpc_frame_free(hpc_env *env, hpc_frame *frame);

/*
 * Replaces the targets by their logarithms: if want is 1, or if it is -1, all
 * are positive and their logarithms less skewed.  HPC_BAD_DATA if want is 1
 * and a target is not positive.
 */
extern hpc_status
hpc_frame_log_target(hpc_env *env, hpc_frame *frame, int64_t want);

/*
 * Keeps about most_rows of more rows, drawn by their content: what learns from
 * a part of them takes any tag of its own.  What features say of themselves
 * (nvalues, nmissing and so on) stays that of all rows.
 */
extern hpc_status hpc_frame_thin(hpc_env *env, hpc_frame *frame, hpc_tag tag,
								 int64_t seed, uint32_t most_rows);

/*
 * Puts row order[i] into place i; order has each row once.  Of no use after an
 * error.
 */
extern hpc_status
hpc_frame_reorder(hpc_env *env, hpc_frame *frame, const uint32_t *order);

/* Least and greatest target, as learned. */
extern void
hpc_frame_target_range(const hpc_frame *frame, double *low, double *high);

/* The size of the largest target. */
extern hpc_status
hpc_frame_largest_target(hpc_env *env, const hpc_frame *frame,
						 double *largest);

/* The sum of all weights, copies counted: exact, then rounded. */
extern hpc_status
hpc_frame_total_weight(hpc_env *env, const hpc_frame *frame, double *total);

/* number × 2^exponent, without overflow on the way. */
extern double hpc_scale(double number, int exponent);

/* number in units of 2^exponent, rounded to the nearest; below 2^63. */
extern int64_t hpc_to_units(double number, int exponent);

/* The e with 2^(e-1) <= magnitude < 2^e; 0 for 0. */
extern int hpc_exponent_above(double magnitude);

#endif /* HPC_FRAME_H */
