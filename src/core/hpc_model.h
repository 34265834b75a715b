/*
 * hpc_model.h
 *		Layout of a model: one flat block of bytes, used in place.
 *
 *		| header | section table | section | section | ...
 *
 * All integers are little-endian, all offsets count from the first byte of
 * the block, every section starts at a multiple of 8, and padding is zero.
 * A reader skips sections that it does not know and that are marked
 * optional; it refuses other unknown ones.
 *
 * Invariants (hpc_model_validate checks each):
 *	- the digest is SHA-256, truncated to 128 bits, of all bytes from magic
 *	  on, with the digest itself as zeros
 *	- section kinds ascend, sections do not overlap and end at nbytes
 *	- feature names ascend in byte order, the categories of a feature too;
 *	  thresholds of a feature ascend
 *	- in a tree the children of a node stand after it, so walks end
 *	- strings lie side by side: the training record's, then per feature its
 *	  name and its categories
 *	- a split names a feature, and a threshold or set of that feature
 *	- the sections hold what the algorithm has, and nothing else:
 *
 *		mean				nothing: it predicts its base
 *		forest, extra_trees	at least one tree; the mean of their leaves
 *		boost				trees; base + the sum of their leaves
 *		linear				a term per feature; base + the sum of the terms
 *		blend				2 to 16 members; the mean of their predictions
 *
 *	- base, leaves, terms and levels are finite, and so are the least and the
 *	  greatest value of each term: no prediction is NaN or infinite
 *	- settings lie within the ranges of their algorithm's parameters
 *	- log_scale is 0 or 1 and the setting log_target where the algorithm has
 *	  one; of a blend it is 1 if it is 1 in all members
 *	- smearing is positive and finite, and 1 where log_scale is 0
 *	- a calibration has knots and scores, finite and in order, scales are
 *	  positive, and there are not more scores than rows; only a forest's is by
 *	  spread
 *	- a sketch of the rows has words, strictly ascending, not more than there
 *	  are different rows; its limit is the last of them, or none is left out;
 *	  a model without features has none, nor has a member
 *	- groups of values are those of all features, and hold all rows; of numbers
 *	  they ascend to infinity, of categories each is another one and they are
 *	  as many as there may be; a model without features has none, nor has a
 *	  member
 *	- members are whole models, each valid on its own and no blend, with the
 *	  container's word 0 and the blend's features by name and kind, in the
 *	  same order; categories and ranges are each one's own business
 */
#ifndef HPC_MODEL_H
#define HPC_MODEL_H

#include <float.h>

#include "hpc_dictionary.h"
#include "hpc_groups.h"
#include "hpc_sketch.h"

#define HPC_MODEL_MAGIC UINT32_C(0x4d506801) /* 01 'h' 'P' 'M' */
#define HPC_MODEL_VERSION 1

/*
 * The text form of a model must fit into one COPY field of 1 GB, and lengths
 * on the way there into an int.
 */
#define HPC_MODEL_MAX_BYTES (UINT64_C(500) << 20)

typedef enum hpc_section_kind
{
	HPC_SECTION_TRAINING = 1, /* one hpc_training_record */
	HPC_SECTION_FEATURES,     /* hpc_feature_record each */
	HPC_SECTION_THRESHOLDS,   /* doubles, ascending per feature */
	HPC_SECTION_CATEGORIES,   /* hpc_string each, ascending per feature */
	HPC_SECTION_TREES,        /* uint32: first node of each tree, and end */
	HPC_SECTION_NODES,        /* hpc_node each */
	HPC_SECTION_COVERS,       /* uint32 per node: weighted rows */
	HPC_SECTION_SETS,         /* uint32 words, a bit per category */
	HPC_SECTION_STRINGS,      /* names, categories, texts; each 0-ended */
	HPC_SECTION_LINEAR,       /* hpc_linear_term per feature, or empty */
	HPC_SECTION_LEVELS,       /* doubles: coefficients of categories */
	HPC_SECTION_MEMBERS,      /* of a blend: models, side by side */

	/* optional */
	HPC_SECTION_CALIBRATION = 32, /* one hpc_calibration_record */
	HPC_SECTION_LEARNER,          /* one hpc_learner_record */
	HPC_SECTION_DRIFT,            /* one hpc_drift_record */
	HPC_SECTION_ROW_SKETCH,       /* one hpc_sketch_record */
	HPC_SECTION_TREE_KEYS /* of a merged forest: hpc_tree_key per tree */
} hpc_section_kind;

#define HPC_KNOWN_SECTIONS 12 /* kinds 1 .. 12 */
#define HPC_FIRST_OPTIONAL HPC_SECTION_CALIBRATION
#define HPC_LAST_OPTIONAL HPC_SECTION_TREE_KEYS
#define HPC_MAX_SECTIONS 64

enum
{
	HPC_SECTION_OPTIONAL = 1 /* flag: may be skipped when unknown */
};

typedef struct hpc_section
{
	uint32_t kind;
	uint32_t flags;
	uint64_t offset;
	uint64_t nbytes;
} hpc_section;

struct hpc_model
{
	uint32_t container; /* PostgreSQL's length word; not hashed */
	uint32_t magic;
	uint32_t version;
	uint32_t nsections;
	uint64_t nbytes; /* of the whole block */
	hpc_digest digest;
	hpc_section sections[]; /* [nsections] */
};

/* A string in the STRINGS section: offset from its start. */
typedef struct hpc_string
{
	uint32_t offset;
	uint32_t nbytes; /* without the terminating zero */
} hpc_string;

/*
 * Parameters that are kept in the model, as resolved: X(type here, field of
 * hpc_params).  Those of other algorithms are whatever hpc_params has.
 */
#define HPC_SETTINGS(X)         \
	X(int64_t, trees)           \
	X(int64_t, rounds)          \
	X(double, learning_rate)    \
	X(double, l1)               \
	X(double, l2)               \
	X(int64_t, loss)            \
	X(double, quantile)         \
	X(double, huber_quantile)   \
	X(int64_t, early_stopping)  \
	X(int64_t, log_target)      \
	X(int64_t, retransform)     \
	X(int64_t, features)        \
	X(double, feature_fraction) \
	X(int64_t, max_depth)       \
	X(int64_t, min_leaf)        \
	X(int64_t, max_leaves)      \
	X(int64_t, max_bins)        \
	X(int64_t, bag)             \
	X(double, row_fraction)     \
	X(double, cat_smooth)       \
	X(double, cat_min_rows)     \
	X(int64_t, leak)            \
	X(int64_t, seed)

#define HPC_SETTING(type, name) type name;

typedef struct hpc_settings
{
	HPC_SETTINGS(HPC_SETTING)
} hpc_settings;

#undef HPC_SETTING

typedef enum hpc_combine
{
	HPC_COMBINE_MEAN = 0, /* of trees or members */
	HPC_COMBINE_SUM       /* base plus trees or terms */
} hpc_combine;

typedef struct hpc_training_record
{
	uint32_t algorithm;
	uint32_t ntrees;
	uint32_t combine;
	uint32_t log_scale; /* 1: learned, and combined, as logarithms */
	uint64_t nrows;
	uint64_t nskipped;
	uint64_t ndistinct;
	hpc_digest data_digest;
	double target_min; /* as given, not as learned */
	double target_max;
	double target_mean;
	double base;     /* on the learned scale; 0 where combine is the mean */
	double smearing; /* mean of exp(residual) (Duan 1983); 1 where none */
	uint64_t oob_rows;
	double oob_mae;
	double oob_rmse;
	double oob_r2;
	hpc_string target; /* nbytes 0: by value, without a name */
	hpc_string params; /* nbytes 0: none given */
	hpc_string clean;  /* nbytes 0: none */
	hpc_string weight; /* nbytes 0: all rows count alike */
	hpc_settings settings;
} hpc_training_record;

typedef struct hpc_feature_record
{
	hpc_string name;
	uint32_t kind;
	uint32_t nsplits;
	uint32_t first_threshold; /* in THRESHOLDS */
	uint32_t nthresholds;
	uint32_t first_category; /* in CATEGORIES */
	uint32_t ncategories;
	uint64_t nmissing;
	double min; /* NaN where there is none */
	double max;
	double gain;     /* for shares: of trees, the total decrease of the sum of
				  * squares, in units of the model; of a linear model, the
				  * size of the standardised coefficients; of a blend, the
				  * mean of the members' shares */
	int8_t monotone; /* -1, 0, 1: predictions fall, do as they like, rise */
	uint8_t reserved[7];
} hpc_feature_record;

/*
 * What a feature adds to the prediction of a linear model.  Number, boolean
 * and time: coefficient × (t(x) - center), x clipped to low .. high, t the
 * identity or log1p (then low > -1); a missing x counts as fill, and adds
 * missing.  Category: its level's coefficient, missing, or unknown.
 *
 * The levels of features stand side by side, in the order of the features.
 */
typedef struct hpc_linear_term
{
	uint32_t log1p;       /* 0 or 1 */
	uint32_t first_level; /* in LEVELS, one per category of the feature */
	double fill;
	double low;
	double high;
	double center;
	double coefficient;
	double missing;
	double unknown;
} hpc_linear_term;

/*
 * A node, 12 bytes.  left == 0 marks a leaf, whose value stands in what a
 * split uses for cut, feature and flags.
 */
typedef struct hpc_node
{
	uint32_t left; /* in the tree; the right child is left + 1 */
	union
	{
		struct
		{
			uint32_t cut; /* threshold of the feature, or first word
								 * of its set in SETS */
			uint16_t feature;
			uint16_t flags;
		} split;
		unsigned char value[8]; /* a double */
	} u;
} hpc_node;

enum
{
	HPC_NODE_MISSING_LEFT = 1,
	HPC_NODE_SET = 2 /* cut is a set: the feature is a category */
};

/* Where the bag of a tree is drawn from: the training that grew it. */
typedef struct hpc_tree_key
{
	int64_t seed;
	uint32_t number; /* of the tree there */
	uint32_t reserved;
} hpc_tree_key;

/* Without the section the learner is of version 1. */
typedef struct hpc_learner_record
{
	uint32_t version; /* hpc_algorithm_version */
	uint32_t reserved;
} hpc_learner_record;

/* Which rows were there (hpc_sketch.h): the record, then words[nwords]. */
typedef struct hpc_sketch_record
{
	uint32_t nwords;
	uint32_t reserved;
	uint64_t limit; /* HPC_SKETCH_COMPLETE, or the last word */
} hpc_sketch_record;

static inline const uint64_t *
hpc_sketch_record_words(const hpc_sketch_record *sketch)
{
	return (const uint64_t *) (sketch + 1);
}

/*
 * How values were distributed (hpc_groups.h): the record, then entries
 * [nentries], then groups[ngroups].
 */
typedef struct hpc_drift_record
{
	double held_ratio; /* median of prediction / target of the rows held out
						* whose target is positive; NaN: there are none */
	uint32_t nentries; /* of each feature, then of predictions held out */
	uint32_t ngroups;
} hpc_drift_record;

typedef struct hpc_drift_entry
{
	uint32_t first_group;
	uint32_t ngroups; /* 0: nothing is known, of predictions only */
} hpc_drift_entry;

static inline const hpc_drift_entry *
hpc_drift_entries(const hpc_drift_record *drift)
{
	return (const hpc_drift_entry *) (drift + 1);
}

static inline const hpc_group *
hpc_drift_groups(const hpc_drift_record *drift)
{
	return (const hpc_group *) (hpc_drift_entries(drift) + drift->nentries);
}

/*
 * How far off predictions are (hpc_calibrate.h): the record, then knots
 * [nknots], then scores[nscores], which ascend.
 */
typedef struct hpc_knot
{
	double at; /* difficulty of a row; ascends */
	double scale;
} hpc_knot;

typedef struct hpc_calibration_record
{
	uint32_t by_spread; /* 1: difficulty is how far trees disagree; 0: the
						 * prediction; both on the learned scale */
	uint32_t nknots;
	uint32_t nscores;
	uint32_t reserved;
	uint64_t nrows; /* rows held out, of which the scores are */
} hpc_calibration_record;

static inline const hpc_knot *
hpc_calibration_knots(const hpc_calibration_record *calibration)
{
	return (const hpc_knot *) (calibration + 1);
}

static inline const double *
hpc_calibration_scores(const hpc_calibration_record *calibration)
{
	return (const double *) (hpc_calibration_knots(calibration) +
							 calibration->nknots);
}

/* The sections of a valid model, resolved. */
typedef struct hpc_model_view
{
	const hpc_training_record *training;
	const hpc_feature_record *features;
	uint32_t nfeatures;
	const double *thresholds;
	uint64_t nthresholds;
	const hpc_string *categories;
	uint64_t ncategories;
	const uint32_t *trees; /* [ntrees + 1] */
	const hpc_node *nodes;
	uint64_t nnodes;
	const uint32_t *covers;
	const uint32_t *sets;
	uint64_t nset_words;
	const char *strings;
	uint64_t nstring_bytes;
	const hpc_linear_term *terms; /* [nfeatures] of a linear model */
	uint64_t nterms;
	const double *levels;
	uint64_t nlevels;
	const char *members;
	uint64_t nmember_bytes;
	const hpc_tree_key *tree_keys; /* [ntrees], or NULL: seed and place */
	uint64_t ntree_keys;
	const hpc_calibration_record *calibration; /* or NULL */
	uint64_t ncalibration_bytes;
	const hpc_learner_record *learner; /* or NULL */
	const hpc_sketch_record *sketch;   /* or NULL */
	uint64_t nsketch_bytes;
	const hpc_drift_record *drift; /* or NULL */
	uint64_t ndrift_bytes;
} hpc_model_view;

/* The nearest number that a model may hold, or answer: none is infinite. */
static inline double
hpc_model_number(double x)
{
	return x > DBL_MAX ? DBL_MAX : x < -DBL_MAX ? -DBL_MAX : x;
}

/* A smearing factor that a model may have, or 1. */
static inline double
hpc_model_smearing(double smearing)
{
	return smearing > 0 && smearing <= DBL_MAX ? smearing : 1;
}

extern void hpc_model_open(const hpc_model *model, hpc_model_view *view);

/* Bytes of an element of a section that this version knows. */
extern size_t hpc_section_element(hpc_section_kind kind);

/* Algorithm and settings of a record from params, and back. */
extern void
hpc_model_record_params(const hpc_params *params, hpc_training_record *record);
extern void hpc_model_recorded_params(const hpc_training_record *record,
									  hpc_params *params);

extern hpc_tree_key
hpc_model_tree_key(const hpc_model_view *view, uint32_t tree);

/* What the term of a number, boolean or time adds for a value, not NaN. */
extern double
hpc_linear_term_of_number(const hpc_linear_term *term, double number);

/* SHA-256 as the header wants it.  False: asked to stop. */
extern bool hpc_model_compute_digest(hpc_env *env, const hpc_model *model,
									 hpc_digest *digest);

#endif /* HPC_MODEL_H */
