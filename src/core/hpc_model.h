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
 */
#ifndef HPC_MODEL_H
#define HPC_MODEL_H

#include "hpc_dictionary.h"

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

	/* numbers kept for what later versions store; all optional */
	HPC_SECTION_CALIBRATION = 32,
	HPC_SECTION_SMEARING,
	HPC_SECTION_DRIFT_GROUPS,
	HPC_SECTION_ROW_SKETCH,
	HPC_SECTION_TREE_KEYS,
	HPC_SECTION_MEMBERS
} hpc_section_kind;

#define HPC_KNOWN_SECTIONS 9 /* kinds 1 .. 9 */
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

typedef struct hpc_training_record
{
	uint32_t algorithm;
	uint32_t ntrees;
	uint64_t nrows;
	uint64_t nskipped;
	uint64_t ndistinct;
	hpc_digest data_digest;
	double target_min;
	double target_max;
	double target_mean;
	uint64_t oob_rows;
	double oob_mae;
	double oob_rmse;
	double oob_r2;
	hpc_string target; /* nbytes 0: by value, without a name */
	hpc_string params; /* nbytes 0: none given */
	hpc_string clean;  /* nbytes 0: none */
	int64_t trees;     /* parameters, as resolved */
	int64_t features;
	double feature_fraction;
	int64_t max_depth;
	int64_t min_leaf;
	int64_t max_leaves;
	int64_t max_bins;
	int64_t bag;
	double row_fraction;
	double cat_smooth;
	double cat_min_rows;
	int64_t leak;
	int64_t seed;
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
	double gain; /* total over the trees, in units of the square of the
				  * power of two above the largest target */
} hpc_feature_record;

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
	HPC_NODE_MISSING_LEFT = 1
};

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
} hpc_model_view;

extern void hpc_model_open(const hpc_model *model, hpc_model_view *view);

/* SHA-256 as the header wants it.  False: asked to stop. */
extern bool hpc_model_compute_digest(hpc_env *env, const hpc_model *model,
									 hpc_digest *digest);

#endif /* HPC_MODEL_H */
