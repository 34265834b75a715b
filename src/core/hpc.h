/*
 * hpc.h
 *		The door of the core: everything the PostgreSQL side may use of it.
 *
 * The core is plain C11.  It includes no PostgreSQL header, does no I/O, has
 * no global state and never jumps out: a function that can fail returns an
 * hpc_status and leaves the particulars in env->error.  Memory comes from
 * env->resize, which may answer NULL.  Only the calling thread calls the hooks
 * of the environment; worker threads compute and nothing else.
 *
 * Everything that depends on training rows is a function of their multiset:
 * sums over rows are exact integers or superaccumulators, randomness is a
 * hash of content, ties are decided by hash.  See README.md in this folder.
 */
#ifndef HPC_H
#define HPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---------- status and environment ---------- */

typedef enum hpc_status
{
	HPC_OK = 0,
	HPC_CANCELLED,     /* env->check asked to stop */
	HPC_NO_MEMORY,     /* env->resize answered NULL */
	HPC_BAD_PARAMETER, /* a training parameter is out of range */
	HPC_BAD_DATA,      /* training rows that cannot be learned from */
	HPC_LEAK,          /* a feature gives the target away */
	HPC_CORRUPT,       /* model bytes that no version has written */
	HPC_LIMIT          /* a size beyond what the format holds */
} hpc_status;

typedef struct hpc_error
{
	hpc_status status;
	char message[512]; /* primary message, PostgreSQL style */
	char detail[512];  /* empty: none */
	char hint[512];    /* empty: none */
} hpc_error;

#define HPC_MAX_THREADS 64

typedef struct hpc_env
{
	/*
	 * Allocate (ptr NULL), resize, or release (size 0), aligned to 16 bytes.
	 * NULL for a non-zero size means out of memory; the old block then stays
	 * valid.
	 */
	void *(*resize)(void *opaque, void *ptr, size_t size);

	/*
	 * Called from the calling thread every few milliseconds while the core
	 * works, at worst once per pass over the rows.  True asks the core to
	 * stop; it joins its threads and returns HPC_CANCELLED.  May be NULL.
	 */
	bool (*check)(void *opaque);

	/*
	 * Told from the calling thread how far the work is: done of total units
	 * of one kind (for instance "trees").  May be NULL.
	 */
	void (*progress)(void *opaque, const char *unit, uint64_t done,
					 uint64_t total);

	/*
	 * Bytes that resize would still grant; asked before large work, so that
	 * it is refused early and with advice.  NULL: no limit is known.
	 */
	uint64_t (*memory_left)(void *opaque);
	void *opaque;
	int nthreads; /* threads the core may use, 1 .. HPC_MAX_THREADS */
	hpc_error error;
} hpc_env;

/* ---------- values ---------- */

/* A feature binds to any column type of its kind. */
typedef enum hpc_kind
{
	HPC_NO_KIND = 0, /* a type that cannot be a feature */
	HPC_NUMBER,      /* integers, floats, numeric */
	HPC_BOOLEAN,     /* false 0, true 1 */
	HPC_CATEGORY,    /* text and enum labels, as UTF-8 bytes */
	HPC_TIME         /* microseconds since 2000-01-01 00:00 UTC */
} hpc_kind;

extern const char *hpc_kind_name(hpc_kind kind);

/*
 * One cell of a row.  Numbers, booleans and times use number; categories use
 * bytes, which need not be terminated.  NaN is a missing number.
 */
typedef struct hpc_value
{
	bool missing;
	double number;
	const char *bytes;
	uint32_t nbytes;
} hpc_value;

/* Order of byte strings: memcmp, then the shorter first. */
extern int
hpc_compare_bytes(const char *a, uint32_t na, const char *b, uint32_t nb);

/* ---------- hashing and digests ---------- */

#define HPC_DIGEST_SIZE 16

typedef struct hpc_digest
{
	uint8_t byte[HPC_DIGEST_SIZE];
} hpc_digest;

typedef struct hpc_hash
{
	uint64_t low;
	uint64_t high;
} hpc_hash;

/* SHA-256 (FIPS 180-4) in pieces; hpc_sha256_end truncates to 128 bits. */
typedef struct hpc_sha256
{
	uint32_t state[8];
	uint64_t nbytes;
	uint8_t block[64];
} hpc_sha256;

extern void hpc_sha256_begin(hpc_sha256 *sha);
extern void hpc_sha256_add(hpc_sha256 *sha, const void *bytes, size_t nbytes);
extern void hpc_sha256_full(hpc_sha256 *sha, uint8_t digest[32]);
extern hpc_digest hpc_sha256_end(hpc_sha256 *sha);

/* Writes 32 lower-case hex digits and a terminating zero. */
extern void hpc_digest_to_hex(const hpc_digest *digest, char hex[33]);

/* SipHash-2-4 with 128-bit output (Aumasson, Bernstein 2012) under key. */
extern hpc_hash hpc_hash_bytes(hpc_hash key, const void *bytes, size_t nbytes);

/* Finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection. */
static inline uint64_t
hpc_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/*
 * What a hash is used for.  Each use has its own tag so that, for instance,
 * the rows of a fold are not the rows of a bag.
 */
typedef enum hpc_tag
{
	HPC_TAG_CONTENT = 1, /* row content */
	HPC_TAG_BAG,         /* bag weights */
	HPC_TAG_FEATURE,     /* features tried in a node, and ties */
	HPC_TAG_ROW_SAMPLE,  /* rows kept by row_fraction */
	HPC_TAG_FOLD,        /* hp_fold */
	HPC_TAG_INNER_FOLD,  /* folds inside a training */
	HPC_TAG_SPLIT,       /* hp_split */
	HPC_TAG_LEAK,        /* sample of the leak guard */
	HPC_TAG_PERMUTE,     /* which row lends its value to which */
	HPC_TAG_TUNE,        /* rows that hp_tune tries candidates on first */
	HPC_TAG_CANDIDATE,   /* hp_random */
	HPC_TAG_SELECT,      /* sample of feature selection */
	HPC_TAG_SHUFFLE      /* rows that lend each other their values */
} hpc_tag;

/* The key under which values of one named column are hashed. */
extern hpc_hash hpc_column_key(const char *name, hpc_kind kind);

/*
 * Hash of a canonical value: numbers by value (-0 is 0, one NaN), categories
 * by bytes; missing has a hash of its own.
 */
extern hpc_hash
hpc_value_hash(hpc_hash column_key, hpc_kind kind, const hpc_value *value);

/* Folds the hash of the next column into that of the row (order counts). */
extern hpc_hash hpc_hash_combine(hpc_hash row, hpc_hash value);

/*
 * Folds the weight of a training row into the hash of its features and
 * target.  A weight of 1 changes nothing: such a row is one without a weight.
 */
extern hpc_hash hpc_hash_weight(hpc_hash row, double weight);

/* Digest of a multiset of row hashes: add in any order, merge in any order. */
typedef struct hpc_set_digest
{
	uint64_t nrows;
	uint64_t low; /* sums modulo 2^64 */
	uint64_t high;
} hpc_set_digest;

extern void hpc_set_digest_add(hpc_set_digest *set, hpc_hash row);
extern void
hpc_set_digest_merge(hpc_set_digest *set, const hpc_set_digest *other);
extern hpc_digest hpc_set_digest_end(const hpc_set_digest *set);

/* ---------- exact sums and portable functions ---------- */

/*
 * Superaccumulator for doubles (Neal 2015, "Fast exact summation using small
 * and large superaccumulators", section 2): the sum of any doubles in any
 * order, rounded once at the end.  A NaN or an infinity among the addends
 * gives what IEEE addition would, whatever the order.
 */
#define HPC_SUM_CHUNKS 67

typedef struct hpc_sum
{
	int64_t chunk[HPC_SUM_CHUNKS]; /* weight 2^(32 i - 1074) */
	uint32_t nadds;                /* since the last carry */
	uint32_t nonfinite;            /* bits: 1 NaN, 2 +Inf, 4 -Inf */
} hpc_sum;

extern void hpc_sum_init(hpc_sum *sum);
extern void hpc_sum_add(hpc_sum *sum, double x);
extern void hpc_sum_add_times(hpc_sum *sum, double x, uint32_t times);
extern void hpc_sum_add_product(hpc_sum *sum, double x, double y);
extern void hpc_sum_merge(hpc_sum *sum, const hpc_sum *other);

/* The sum, rounded to nearest, ties to even. */
extern double hpc_sum_round(const hpc_sum *sum);

/*
 * The sum as high + low, low being the rounded rest: twice the precision of
 * a double, for differences of large sums.
 */
extern void hpc_sum_round2(const hpc_sum *sum, double *high, double *low);

/*
 * Sum of squared deviations from the mean, of n values whose exact sum and
 * exact sum of squares (hpc_sum_add_product(x, x)) are given.  Accurate
 * however far the mean lies from 0, and 0 exactly where all values are equal.
 */
extern double
hpc_sum_deviations(const hpc_sum *values, const hpc_sum *squares, uint64_t n);

/*
 * exp, log and log1p as fixed sequences of IEEE operations: the same bits on
 * every machine, error below 2 ulp.  Special cases as in C99.
 */
extern double hpc_exp(double x);
extern double hpc_log(double x);
extern double hpc_log1p(double x);

/* ---------- parameters ---------- */

typedef enum hpc_algorithm
{
	HPC_MEAN = 1,
	HPC_FOREST,
	HPC_EXTRA_TREES,
	HPC_BOOST,
	HPC_LINEAR,
	HPC_BLEND
} hpc_algorithm;

#define HPC_NALGORITHMS (HPC_BLEND + 1)

typedef enum hpc_parameter_type
{
	HPC_INTEGER,
	HPC_REAL,
	HPC_BOOL,
	HPC_SWITCH, /* true, false, or unset: -1, decided by the data */
	HPC_CHOICE, /* one of the words in choices; last of the scalars */
	HPC_NAME,   /* a column's name, kept by the caller */
	HPC_NAMES,  /* list of column names, kept by the caller */
	HPC_SIGNS,  /* column names with -1, 0 or 1, kept by the caller */
	HPC_OBJECT, /* a JSON object, kept by the caller */
	HPC_MEMBERS /* parameters of other algorithms, kept by the caller */
} hpc_parameter_type;

/* Members that a blend has. */
#define HPC_MIN_MEMBERS 2
#define HPC_MAX_MEMBERS 16

/* Predictions may only rise (sign 1) or only fall (-1) with the column. */
typedef struct hpc_monotone
{
	const char *column;
	int sign;
} hpc_monotone;

/*
 * Values of the parameters.  Those of the table's types NAME, NAMES and
 * OBJECT stay outside; the caller fills in monotone (in byte order of the
 * columns, no sign 0) and members, which must live as long as the parameters
 * do.  Members of a blend agree in leak, which the blend has too.
 */
typedef struct hpc_params
{
	hpc_algorithm algorithm;
	int64_t trees;
	int64_t rounds;
	double learning_rate; /* 0: by the number of rows */
	double l1;            /* hpc_linear: negative: chosen by inner folds */
	double l2;
	int64_t loss;
	double quantile;
	double huber_quantile;
	bool early_stopping;
	int64_t log_target;  /* -1: decided by the targets */
	int64_t retransform; /* what exp(prediction) stands for */
	int64_t features;    /* 0: by feature_fraction */
	double feature_fraction;
	int64_t max_depth; /* 0: no limit */
	int64_t min_leaf;
	int64_t max_leaves; /* 0: no limit */
	int64_t max_bins;
	bool bag;
	double row_fraction;
	double cat_smooth;
	double cat_min_rows;
	int64_t leak; /* index into choices: error, allow */
	int64_t seed;
	int nmonotone;
	const hpc_monotone *monotone;
	int nmembers; /* of a blend */
	const struct hpc_params *members;
} hpc_params;

/* Indexes into the choices of parameters. */
enum
{
	HPC_LEAK_ERROR = 0,
	HPC_LEAK_ALLOW,

	HPC_LOSS_SQUARED = 0,
	HPC_LOSS_ABSOLUTE,
	HPC_LOSS_QUANTILE,
	HPC_LOSS_HUBER,

	HPC_RETRANSFORM_MEDIAN = 0,
	HPC_RETRANSFORM_MEAN
};

/* One row of the table of parameters, the only place that knows them. */
typedef struct hpc_parameter
{
	const char *name;
	hpc_parameter_type type;
	unsigned algorithms; /* bit 1 << algorithm: belongs to it */
	double min;
	double max;
	double fallback;            /* default; for HPC_CHOICE an index */
	const char *unset;          /* default in words where it is no number */
	const char *const *choices; /* NULL-terminated, for HPC_CHOICE */
	size_t offset;              /* in hpc_params */
	const char *help;
} hpc_parameter;

extern const hpc_parameter *hpc_parameter_table(int *nparameters);

/* Does hpc_params hold its value?  The caller keeps those of other types. */
extern bool hpc_parameter_is_scalar(const hpc_parameter *which);

/* What the parameter takes, in words that continue "It takes ...". */
extern void
hpc_parameter_takes(const hpc_parameter *which, char *words, size_t size);

/* The parameter of this name that an algorithm has, or NULL. */
extern const hpc_parameter *
hpc_parameter_find(hpc_algorithm algorithm, const char *name);
extern const char *hpc_algorithm_name(hpc_algorithm algorithm);

/*
 * Version of the learner: the same rows, parameters and version give the same
 * model.  Of a blend, how its members are put together; each has its own.
 */
extern uint32_t hpc_algorithm_version(hpc_algorithm algorithm);

/* Zero when no algorithm has this name. */
extern hpc_algorithm hpc_algorithm_by_name(const char *name);
extern void hpc_params_init(hpc_params *params, hpc_algorithm algorithm);

/*
 * Settles what was left to the number of training rows (max_leaves,
 * learning_rate, max_bins).
 */
extern void hpc_params_resolve(hpc_params *params, uint64_t nrows);

/*
 * Sets a number, boolean (0 or 1) or choice (index).  False: out of range
 * (the caller words the message from the table's row).
 */
extern bool
hpc_params_set(hpc_params *params, const hpc_parameter *which, double value);
extern double
hpc_params_get(const hpc_params *params, const hpc_parameter *which);

/* ---------- training rows ---------- */

/*
 * The declared type of a column's values.  Rows of one training agree in it;
 * how wide values are kept depends on themselves (hpc_chunk.c).
 */
typedef enum hpc_storage
{
	HPC_STORE_INT16,
	HPC_STORE_INT32,
	HPC_STORE_FLOAT,
	HPC_STORE_DOUBLE,
	HPC_STORE_CODE /* dictionary code of a category */
} hpc_storage;

/* Rows collected for training: columns in chunks, text in dictionaries. */
typedef struct hpc_dataset hpc_dataset;

typedef struct hpc_column_spec
{
	const char *name;
	hpc_kind kind;
	hpc_storage storage;
	bool integral; /* an integer type (for the key notice) */
} hpc_column_spec;

/*
 * An empty data set of ncolumns features.  Names must differ.  The data set
 * copies what it is given and is released by hpc_dataset_free, or by the
 * caller throwing away the memory behind env.
 */
extern hpc_status
hpc_dataset_create(hpc_env *env, int ncolumns, const hpc_column_spec *columns,
				   hpc_dataset **dataset);
extern void hpc_dataset_free(hpc_env *env, hpc_dataset *dataset);

/*
 * values[ncolumns]; target must be finite, weight 0 or in the range below.
 * A row of weight 0 counts for nothing.  Weights that are all 1 cost nothing.
 */
#define HPC_MIN_WEIGHT 1e-100
#define HPC_MAX_WEIGHT 1e100

extern hpc_status
hpc_dataset_append(hpc_env *env, hpc_dataset *dataset, const hpc_value *values,
				   double target, double weight);

/* Counts rows left out because their target is NULL. */
extern void hpc_dataset_skip(hpc_dataset *dataset, uint64_t nrows);
extern uint64_t hpc_dataset_nrows(const hpc_dataset *dataset);
extern uint64_t hpc_dataset_nskipped(const hpc_dataset *dataset);
extern int hpc_dataset_ncolumns(const hpc_dataset *dataset);
extern hpc_column_spec
hpc_dataset_column(const hpc_dataset *dataset, int column);
extern size_t hpc_dataset_nbytes(const hpc_dataset *dataset);

/*
 * Appends all rows of another data set, which must have the same columns by
 * name, kind and storage (else HPC_BAD_DATA).
 */
extern hpc_status
hpc_dataset_merge(hpc_env *env, hpc_dataset *to, const hpc_dataset *from);

/*
 * A data set as a stream of bytes, in pieces of up to HPC_MAX_PIECE bytes,
 * for processes of the same server version.  The functions write, or read,
 * exactly nbytes bytes, or answer another status than HPC_OK, which ends the
 * work and is passed on (with the words already in env->error).
 */
#define HPC_MAX_PIECE 1048576

typedef hpc_status (*hpc_write_piece)(void *opaque, const void *bytes,
									  size_t nbytes);
typedef hpc_status (*hpc_read_piece)(void *opaque, void *bytes, size_t nbytes);

extern hpc_status hpc_dataset_to_stream(const hpc_dataset *dataset,
										hpc_write_piece write, void *opaque);
extern hpc_status hpc_dataset_from_stream(hpc_env *env, hpc_read_piece read,
										  void *opaque, hpc_dataset **dataset);

/* The stream in one block. */
extern size_t hpc_dataset_flat_size(const hpc_dataset *dataset);
extern void hpc_dataset_to_flat(const hpc_dataset *dataset, void *bytes);
extern hpc_status hpc_dataset_from_flat(hpc_env *env, const void *bytes,
										size_t nbytes, hpc_dataset **dataset);

/* ---------- training ---------- */

typedef enum hpc_finding_kind
{
	HPC_FOUND_UNIQUE_TEXT, /* left out: unique on over half the rows */
	HPC_FOUND_KEY,         /* looks like a key; kept */
	HPC_FOUND_NEAR_LEAK    /* alone explains over 99 % out of bag */
} hpc_finding_kind;

/* Something about the data that the user should be told. */
typedef struct hpc_finding
{
	hpc_finding_kind kind;
	const char *column; /* points into the data set's names */
	double value;       /* NEAR_LEAK: R squared out of bag */
} hpc_finding;

/* Texts that travel in the model without the core reading them. */
typedef struct hpc_texts
{
	const char *target; /* target's name, or NULL */
	const char *params; /* parameters as given, JSON, or NULL */
	const char *clean;  /* fill of hp_clean, JSON, or NULL */
	const char *weight; /* name of the column of weights, or NULL */
} hpc_texts;

typedef struct hpc_result
{
	void *model; /* block from env->resize; caller releases */
	size_t nbytes;
	hpc_finding *findings; /* likewise; may be NULL */
	int nfindings;
} hpc_result;

/*
 * Trains a model on the rows of the data set, which is used up (emptied
 * column by column) and must then only be freed.  At least one row.
 */
extern hpc_status
hpc_train(hpc_env *env, hpc_dataset *dataset, const hpc_params *params,
		  const hpc_texts *texts, hpc_result *result);

/* ---------- selection ---------- */

typedef enum hpc_verdict
{
	HPC_RANKED = 0,
	HPC_IS_CONSTANT,    /* the same on every row */
	HPC_IS_KEY,         /* an integer that is different on every row */
	HPC_IS_UNIQUE_TEXT, /* unique on over half the rows */
	HPC_IS_TARGET,      /* it gives the target away */
	HPC_IS_NEAR_TARGET  /* alone explains over 99 % out of bag */
} hpc_verdict;

/* What a column is worth as a feature. */
typedef struct hpc_candidate
{
	const char *column; /* points into the data set's names */
	hpc_verdict verdict;
	double missing; /* share of the rows; NaN: not looked at */
	double score;   /* of ranked ones: what R² on rows held out gains when the
					 * column joins those ranked above; NaN where there is no
					 * R².  NEAR_TARGET: R² out of bag */
	const char *same; /* of ranked ones: the column above it from which most of
					   * what it says of the target is known; NULL: none */
} hpc_candidate;

/*
 * Ranks the columns of a data set, which is used up, by their use for the
 * target: candidates[ncolumns], ranked ones first, the best of them first.  Of
 * the parameters only leak, log_target and seed count.
 */
extern hpc_status
hpc_select(hpc_env *env, hpc_dataset *dataset, const hpc_params *params,
		   hpc_candidate *candidates);

/* ---------- the model ---------- */

/*
 * A model is one flat block of bytes, aligned to 8, whose first four bytes
 * belong to the container (PostgreSQL's length word).  docs/DESIGN.md and
 * hpc_model.h describe the layout.
 */
typedef struct hpc_model hpc_model;

/*
 * Checks every offset, index and order in linear time and recomputes the
 * digest.  Bytes that pass can be used in place for ever, without a check.
 */
extern hpc_status
hpc_model_validate(hpc_env *env, const void *bytes, size_t nbytes);

/* Equal digests mean equal models.  Reads no more than HPC_MODEL_HEAD bytes. */
#define HPC_MODEL_HEAD 40
extern hpc_digest hpc_model_digest(const hpc_model *model);

/* No model has more nodes. */
#define HPC_MODEL_MAX_NODES ((UINT64_C(500) << 20) / 16)

/*
 * The trees of models[nmodels] in one forest, whatever the order of the
 * models: a block from env, as from hpc_train.  One model stays what it is.
 * They must be valid, and stay until then.  HPC_BAD_PARAMETER: they do not fit
 * together; HPC_LIMIT: there are too many trees.
 */
extern hpc_status hpc_model_merge(hpc_env *env, const hpc_model *const *models,
								  int nmodels, void **model, size_t *nbytes);

typedef struct hpc_model_summary
{
	hpc_algorithm algorithm;
	uint32_t algorithm_version; /* hpc_algorithm_version, of its training */
	int nfeatures;
	uint32_t ntrees;
	uint64_t nnodes;
	uint64_t nbytes;
	uint64_t nrows;     /* rows trained on */
	uint64_t nskipped;  /* rows with NULL target */
	uint64_t ndistinct; /* different rows among them */
	hpc_digest data_digest;
	int64_t seed;
	double target_min;
	double target_max;
	double target_mean;
	uint64_t oob_rows; /* rows with an out-of-bag prediction */
	double oob_mae;    /* NaN where there is none */
	double oob_rmse;
	double oob_r2;
	bool log_scale;    /* learned as logarithms; a blend: all members */
	double base;       /* what trees or terms add to; 0 where they do not */
	double smearing;   /* 1 where there is none */
	int nmembers;      /* of a blend */
	bool merged;       /* by hpc_model_merge, of several trainings */
	hpc_params params; /* as resolved, without monotone and members */
	hpc_texts texts;   /* point into the model */
} hpc_model_summary;

extern void
hpc_model_summarize(const hpc_model *model, hpc_model_summary *summary);

typedef struct hpc_model_feature
{
	const char *name; /* terminated; points into the model */
	hpc_kind kind;
	uint32_t ncategories;
	uint64_t nmissing; /* rows trained on without a value */
	double min;        /* NaN where there is none */
	double max;
	double gain; /* for shares, not for its size: of trees, the decrease of
				  * the sum of squares; of a linear model, the size of its
				  * standardised coefficients; of a blend, the mean share */
	uint32_t nsplits; /* in all trees, a blend: of all members */
	bool used;        /* predictions depend on it */
	int monotone;     /* sign, as in hpc_monotone */
} hpc_model_feature;

/* Features are in byte order of their names. */
extern void hpc_model_feature_at(const hpc_model *model, int feature,
								 hpc_model_feature *out);

/* The bytes of a category (not terminated); index < ncategories. */
extern const char *hpc_model_category(const hpc_model *model, int feature,
									  uint32_t index, uint32_t *nbytes);

/* Is the value, not missing, one of the categories of the feature? */
extern bool
hpc_model_knows(const hpc_model *model, int feature, const hpc_value *value);

/* Member 0 .. nmembers - 1 of a blend, a model of its own. */
extern const hpc_model *hpc_model_member(const hpc_model *model, int member);

/* A node of a tree.  Children stand side by side, after their parent. */
typedef struct hpc_model_node
{
	uint32_t left;       /* the right child is left + 1; 0: a leaf */
	uint32_t cover;      /* weighted rows of the training that came here */
	double value;        /* of a leaf, on the learned scale */
	int feature;         /* of a split, like what follows */
	bool missing_left;   /* otherwise missing goes right */
	double threshold;    /* numbers: values up to this go left */
	const uint32_t *set; /* categories: a bit for each that goes left; points
						  * into the model; or NULL */
} hpc_model_node;

/* Nodes of tree 0 .. ntrees - 1, of a model that is no blend. */
extern uint32_t hpc_model_tree_size(const hpc_model *model, uint32_t tree);
extern void hpc_model_node_at(const hpc_model *model, uint32_t tree,
							  uint32_t node, hpc_model_node *out);

/*
 * What a feature adds to the prediction of a linear model.  Numbers, booleans
 * and times: coefficient × (t(x) - center), x clipped to low .. high, t the
 * logarithm of 1 + x or the identity; a missing x counts as fill, and adds
 * missing.  Categories: that of levels[ncategories], missing, or unknown.
 */
typedef struct hpc_model_term
{
	bool log1p;
	double fill;
	double low;
	double high;
	double center;
	double coefficient;
	double missing;
	double unknown;
	const double *levels; /* points into the model */
} hpc_model_term;

extern void
hpc_model_term_at(const hpc_model *model, int feature, hpc_model_term *out);

/*
 * Prediction for values[nfeatures], in the model's order of features; codes
 * is scratch for as many.  Values of features that are not used are not read.
 * Always finite: what overflows is the largest double.
 */
extern double hpc_model_predict(const hpc_model *model,
								const hpc_value *values, uint32_t *codes);

/* Is there an answer to hpc_model_predict_oob? */
extern bool hpc_model_has_bags(const hpc_model *model);

/*
 * Prediction for a row that the model was trained on, by the trees that did
 * not have its first copy in their bag: values and codes as above, all values
 * read; target and weight (1 where there is none) as they were in training.
 * For other rows it is by trees drawn by chance.  False: there is no such
 * tree.
 */
extern bool
hpc_model_predict_oob(const hpc_model *model, const hpc_value *values,
					  double target, double weight, uint32_t *codes,
					  double *prediction);

/*
 * Mean absolute error of the first trees of a model, for up to this many
 * numbers of trees, of which the last is all.  Sums are exact.
 */
#define HPC_CURVE_POINTS 24

typedef struct hpc_curve
{
	int npoints;
	uint32_t ntrees[HPC_CURVE_POINTS]; /* ascending */
	uint64_t nrows[HPC_CURVE_POINTS];
	hpc_sum absolute[HPC_CURVE_POINTS];
} hpc_curve;

/* False: the model has no series of trees (a blend's is its members'). */
extern bool hpc_curve_init(hpc_curve *curve, const hpc_model *model);

/* A row: values and codes as for hpc_model_predict. */
extern void
hpc_curve_add(hpc_curve *curve, const hpc_model *model,
			  const hpc_value *values, double target, uint32_t *codes);

/* A row of the training, out of bag: as for hpc_model_predict_oob. */
extern void hpc_curve_add_oob(hpc_curve *curve, const hpc_model *model,
							  const hpc_value *values, double target,
							  double weight, uint32_t *codes);

/* NaN: no row has a prediction by so few trees. */
extern double hpc_curve_error(const hpc_curve *curve, int point);

/*
 * What is made of a model once to predict many rows: the same predictions to
 * the bit, and where trees have up to 64 leaves several times as fast.  It
 * does not point into the model.
 */
typedef struct hpc_predictor hpc_predictor;

/*
 * About what a prediction takes, in nanoseconds of a processor of 2020: for
 * planners, which compare it with other work.
 */
extern double hpc_predict_time(const hpc_model *model);

/* Rows to predict from which on making one pays. */
extern uint64_t hpc_predictor_rows(const hpc_model *model);

/* HPC_OK, with less or NULL where memory is short, or HPC_CANCELLED. */
extern hpc_status hpc_predictor_create(hpc_env *env, const hpc_model *model,
									   hpc_predictor **predictor);
extern void hpc_predictor_free(hpc_env *env, hpc_predictor *predictor);

/* predictor: made of the model, or NULL: hpc_model_predict. */
extern double
hpc_predictor_predict(const hpc_predictor *predictor, const hpc_model *model,
					  const hpc_value *values, uint32_t *codes);

/*
 * Prediction for a row that the model was not trained on, and an interval that
 * holds such a row's target with a probability of coverage (0 < coverage < 1),
 * on average over all rows.  Its ends are infinite (of logarithms 0 and
 * infinite) where the training had too few rows to say.  Only for a model that
 * has intervals.
 */
typedef struct hpc_interval
{
	double prediction; /* hpc_model_predict */
	double lower;
	double upper;
} hpc_interval;

extern bool hpc_model_has_intervals(const hpc_model *model);
extern void
hpc_model_predict_interval(const hpc_model *model, const hpc_value *values,
						   double coverage, uint32_t *codes,
						   hpc_interval *interval);

/*
 * The same in two steps, the first of which takes as long as a prediction: what
 * the model says of a row, and an interval of any coverage.
 */
typedef struct hpc_outlook
{
	double raw;   /* prediction on the learned scale */
	double scale; /* what an error is usually like there */
} hpc_outlook;

extern void hpc_model_outlook(const hpc_predictor *predictor,
							  const hpc_model *model, const hpc_value *values,
							  uint32_t *codes, hpc_outlook *outlook);
extern void
hpc_outlook_interval(const hpc_model *model, const hpc_outlook *outlook,
					 double coverage, hpc_interval *interval);

/*
 * Many rows predicted together: the same predictions to the bit, by up to
 * env->nthreads threads, and where trees are large several times as fast.  The
 * model must stay where it is.
 *
 * Rows are added while there is room; then all are predicted, in the order in
 * which they came, and there is room again.
 */
typedef struct hpc_batch hpc_batch;

/* most_rows: there will never be more; 0: who knows. */
extern hpc_status hpc_batch_create(hpc_env *env, const hpc_model *model,
								   uint32_t most_rows, hpc_batch **batch);
extern void hpc_batch_free(hpc_env *env, hpc_batch *batch);

/* Rows that there is room for: of a new batch most_rows, or a thousand at least. */
extern uint32_t hpc_batch_room(const hpc_batch *batch);

/* Rows that wait. */
extern uint32_t hpc_batch_nrows(const hpc_batch *batch);

/* values[nfeatures], as for hpc_model_predict; not needed afterwards. */
extern hpc_status
hpc_batch_add(hpc_env *env, hpc_batch *batch, const hpc_value *values);

/* predictions[nrows].  On failure the batch is of no use any more. */
extern hpc_status
hpc_batch_predict(hpc_env *env, hpc_batch *batch, double *predictions);

/* ---------- explanations ---------- */

/*
 * What is made of a model once to explain rows, one at a time.  It does not
 * point into the model.
 */
typedef struct hpc_explainer hpc_explainer;

extern hpc_status hpc_explainer_create(hpc_env *env, const hpc_model *model,
									   hpc_explainer **explainer);
extern void hpc_explainer_free(hpc_env *env, hpc_explainer *explainer);

/*
 * What each feature adds to the prediction for values[nfeatures], and what it
 * adds to: base + the sum of contributions[nfeatures] is the prediction, or
 * its logarithm where the model's log_scale is set.
 */
extern hpc_status
hpc_explainer_explain(hpc_env *env, hpc_explainer *explainer,
					  const hpc_model *model, const hpc_value *values,
					  double *base, double *contributions);

/*
 * Mean predictions[nvalues] where a feature has these values, over what the
 * other features were in training, by the covers of the trees (Friedman 2001,
 * "Greedy function approximation", section 8.2).  Where the model learned
 * logarithms it is the mean of those, brought back.
 */
extern hpc_status hpc_model_dependence(hpc_env *env, const hpc_model *model,
									   int feature, const hpc_value *values,
									   uint32_t nvalues, double *predictions);

/*
 * Values of a number or a time, ascending, between the least and the greatest
 * of the training, that show how predictions depend on it: one between any two
 * thresholds, or, where these are more than max_points (at least 2), some of
 * them, the more where thresholds are dense.  grid[max_points].
 */
extern hpc_status
hpc_model_grid(hpc_env *env, const hpc_model *model, int feature,
			   uint32_t max_points, double *grid, uint32_t *npoints);

/*
 * Rows on which to measure what a model loses where a feature tells it
 * nothing.  outside: rows of the training, predicted as by
 * hpc_model_predict_oob; those without such a prediction do not count.  The
 * model must stay where it is.
 */
typedef struct hpc_permuter hpc_permuter;

extern hpc_status hpc_permuter_create(hpc_env *env, const hpc_model *model,
									  bool outside, hpc_permuter **permuter);
extern void hpc_permuter_free(hpc_env *env, hpc_permuter *permuter);

/* values[nfeatures], all of them; target finite, weight not negative. */
extern hpc_status
hpc_permuter_add(hpc_env *env, hpc_permuter *permuter, const hpc_value *values,
				 double target, double weight);

/*
 * By how much the weighted mean absolute error grows when the values of a
 * feature change places between the rows.  No rows may follow.
 */
extern hpc_status hpc_permuter_measure(hpc_env *env, hpc_permuter *permuter,
									   int feature, double *increase);

/* ---------- hashes of rows ---------- */

/*
 * What rows have in common with a given one, in the trees of a forest.  In each
 * of them the row given has a node: the deepest on its way down in which at
 * least so many rows of the training lay, as they were in the bag of the tree;
 * the root where there were fewer.  Points into the model.
 */
#define HPC_PROXIMITY_COVER 10

typedef struct hpc_proximity hpc_proximity;

/* values[nfeatures], as for hpc_model_predict; not needed afterwards. */
extern hpc_status
hpc_proximity_create(hpc_env *env, const hpc_model *model,
					 const hpc_value *values, hpc_proximity **proximity);
extern void hpc_proximity_free(hpc_env *env, hpc_proximity *proximity);

/* Words in which each tree of the model has a bit. */
extern uint32_t hpc_proximity_nwords(const hpc_proximity *proximity);

/*
 * The trees in which the row of values[nfeatures] lies in the node of the row
 * given, in trees[nwords]; answers how many.
 */
extern uint32_t hpc_proximity_trees(const hpc_proximity *proximity,
									const hpc_value *values, uint64_t *trees);

/* Counts so many rows more in the nodes of these trees; -1: one less. */
extern void
hpc_proximity_count(hpc_proximity *proximity, const uint64_t *trees, int rows);

/*
 * The weight of a counted row: each tree spreads its own evenly over the rows
 * counted in the node.  Those of all counted rows add up to 1, or to 0 where
 * none lies in any node.
 */
extern double
hpc_proximity_share(const hpc_proximity *proximity, const uint64_t *trees);

/*
 * Hash of a training row as the model's data digest saw it: values in the
 * model's order of features, then the target, then the weight (1 where there
 * is none; see hpc_hash_weight).  Rows of weight 0 are not in the digest.
 */
extern hpc_hash
hpc_model_row_hash(const hpc_model *model, const hpc_value *values,
				   double target, double weight);

/*
 * Was a row, by this hash, in the training of a model?  A model keeps the
 * hashes of all different rows, or where these are many the smallest of them.
 * NOT_SAMPLED: the hash is above those that it keeps, or it keeps none
 * (without features rows would be the same by right); nothing is known.
 */
typedef enum hpc_sighting
{
	HPC_NOT_SAMPLED,
	HPC_UNSEEN,
	HPC_SEEN
} hpc_sighting;

extern bool hpc_model_has_sketch(const hpc_model *model);
extern hpc_sighting hpc_model_sighting(const hpc_model *model, hpc_hash row);

/* ---------- how values were distributed in training ---------- */

/*
 * Groups of the values of a feature, 2 to 11 of them, or 0 where the model does
 * not say: numbers and times about ten that are as large as each other, or one
 * for each different value; false and true; the most frequent categories and
 * one of all others, those included that the training did not meet.  The last
 * group is that of missing values.
 *
 * feature == nfeatures: groups of predictions, on the scale of
 * hpc_model_predict, for the rows that were held out (0 where none was); no
 * prediction is missing.
 */
extern int hpc_model_ngroups(const hpc_model *model, int feature);

typedef enum hpc_group_kind
{
	HPC_GROUP_RANGE, /* lower < value <= upper; booleans: of two, the second
					  * is true */
	HPC_GROUP_CATEGORY,
	HPC_GROUP_OTHERS,
	HPC_GROUP_MISSING
} hpc_group_kind;

typedef struct hpc_model_group
{
	hpc_group_kind kind;
	uint32_t category; /* of CATEGORY: for hpc_model_category */
	uint64_t rows;     /* of the training, copies counted */
	double lower;      /* of RANGE; infinite in the first ... */
	double upper;      /* ... and in the last; else NaN */
} hpc_model_group;

/* A group 0 .. ngroups - 1, to be shown. */
extern void hpc_model_group_at(const hpc_model *model, int feature, int group,
							   hpc_model_group *out);
extern uint64_t
hpc_model_group_rows(const hpc_model *model, int feature, int group);

/* The group of any value; -1: the feature has none. */
extern int hpc_model_group_of(const hpc_model *model, int feature,
							  const hpc_value *value);

/*
 * Median of prediction / target over the rows held out whose target is
 * positive; NaN where there are none.
 */
extern double hpc_model_held_ratio(const hpc_model *model);

/* ---------- rows held out ---------- */

/*
 * A data set whose rows are held out from trainings in turn has one column
 * more, the last one: the mark of each row, a number that is never missing.
 * A fold is a range of marks.  Row marks of k folds are fold *
 * HPC_FOLD_MARKS + s, s from 0 to HPC_FOLD_MARKS - 1 for a sample of the
 * rows; those of folds in time are times.
 */
#define HPC_FOLD_MARKS 65536

typedef struct hpc_fold
{
	double low; /* held out are rows with low <= mark < high */
	double high;
	bool forward; /* learn from marks below low; else from all not held out */
	double share; /* of those, the ones with s below; HPC_FOLD_MARKS: all */
} hpc_fold;

extern hpc_status
hpc_fold_count(hpc_env *env, const hpc_dataset *dataset, const hpc_fold *fold,
			   uint64_t *nlearn, uint64_t *nheld);

/*
 * The rows to learn from (fold NULL: all) as a data set of the first ncolumns
 * columns: the same, but for its order, as if no others had been collected.
 * It counts no row as skipped.
 */
extern hpc_status
hpc_fold_rows(hpc_env *env, const hpc_dataset *dataset, const hpc_fold *fold,
			  int ncolumns, hpc_dataset **rows);

/*
 * The targets of the rows held out, and their predictions by a model of such
 * rows to learn from: actual[nheld], predicted[nheld].  The order is that of
 * the data set, the same for each model.
 */
extern hpc_status
hpc_fold_predict(hpc_env *env, const hpc_dataset *dataset,
				 const hpc_fold *fold, const hpc_model *model, double *actual,
				 double *predicted);

/*
 * Marks cuts[ncuts], rising, that divide the rows into ncuts + 1 blocks of
 * about the same size: a cut is the least mark of its block, so that rows of
 * one mark are in one block.  HPC_BAD_PARAMETER: the rows have too few marks.
 */
extern hpc_status hpc_fold_cut(hpc_env *env, const hpc_dataset *dataset,
							   int ncuts, double *cuts);

/* ---------- is a candidate good enough? ---------- */

/* What is measured of predictions; of the roots, losses are the squares. */
typedef enum hpc_metric
{
	HPC_METRIC_MAE,
	HPC_METRIC_RMSE,
	HPC_METRIC_RMSLE, /* negative values have no loss */
	HPC_METRIC_MAPE   /* an actual value of 0 has none */
} hpc_metric;

#define HPC_NMETRICS (HPC_METRIC_MAPE + 1)

extern const char *hpc_metric_name(hpc_metric metric);

/* False: there is no metric of this name. */
extern bool hpc_metric_by_name(const char *name, hpc_metric *metric);

/* Values of which the mean is asked for, as exact sums. */
typedef struct hpc_mean
{
	hpc_sum powers[3]; /* of the values, their squares and cubes */
	double least;
	double most;
} hpc_mean;

/* The losses of two models for the same rows. */
typedef struct hpc_gate
{
	hpc_metric metric;
	double factor; /* candidate's mean loss to released one's, at most */
	uint64_t nrows;
	hpc_sum candidate;
	hpc_sum released;
	hpc_mean over;   /* candidate's loss - factor * released one's */
	hpc_mean change; /* candidate's loss - released one's */
} hpc_gate;

/* tolerance: relative, of the metric; above -1. */
extern void hpc_gate_init(hpc_gate *gate, hpc_metric metric, double tolerance);
/* A row and what two models say of it.  False: the metric is not defined. */
extern bool
hpc_gate_add(hpc_gate *gate, double actual, double candidate, double released);

typedef enum hpc_gate_verdict
{
	HPC_GATE_UNDECIDED,
	HPC_GATE_PASSED,
	HPC_GATE_WORSE
} hpc_gate_verdict;

/* Fewer rows decide nothing. */
#define HPC_GATE_MIN_ROWS 30

/*
 * Differences are relative, of the metric: 0.1 is a candidate that is off by
 * 10 % more.  NaN: where there is none (the released model is never off, or
 * there are fewer than two rows).
 */
typedef struct hpc_gate_result
{
	hpc_gate_verdict verdict;
	double candidate; /* the metric */
	double released;
	double difference;
	double lower; /* bounds of it, each of 95 %; passed and worse are upper */
	double upper; /* <= tolerance and lower > tolerance */
	double detectable;  /* the least tolerance with which a candidate that
						  * does as well as the released model on the rows
						  * would have passed */
	double rows_needed; /* such rows with which one that does as well in
						  * truth would pass four times out of five; NaN:
						  * with no number of them */
} hpc_gate_result;

/* False: losses, or powers of them, are beyond the range of doubles. */
extern bool hpc_gate_end(const hpc_gate *gate, hpc_gate_result *result);

/* ---------- drift ---------- */

/*
 * A feature, or the predictions, of the training (before) and of newer rows
 * (now): rows by group, of which the last is that of missing values.
 */
#define HPC_DRIFT_GROUPS 12
#define HPC_DRIFT_NEVER 3
#define HPC_DRIFT_FAR_PSI 0.1 /* an index above it matters */

typedef struct hpc_drift_counts
{
	int ngroups; /* 0: nothing is known of the training */
	uint64_t before[HPC_DRIFT_GROUPS];
	uint64_t now[HPC_DRIFT_GROUPS];
	uint64_t nbefore; /* rows */
	uint64_t nnow;
	int nnever; /* ways to be unlike all of the training */
	uint64_t never[HPC_DRIFT_NEVER]; /* rows now that are */

	/* rows of the training that, by chance, may have been the only such ones */
	uint64_t singles[HPC_DRIFT_NEVER];
} hpc_drift_counts;

/* Ratios prediction / actual. */
typedef struct hpc_drift_ratios
{
	double before;    /* their median over rows held out of the training */
	uint64_t nbefore; /* those rows; 0: none, before is what should be */
	double now;       /* their median now; NaN: there are none */
	uint64_t nabove;  /* ratios now above before */
	uint64_t nbelow;
} hpc_drift_ratios;

typedef enum hpc_drift_verdict
{
	HPC_DRIFT_UNKNOWN = 0, /* there is nothing to compare with */
	HPC_DRIFT_STABLE,
	HPC_DRIFT_TOO_FEW, /* far off, as so few rows may be by chance */
	HPC_DRIFT_FOUND
} hpc_drift_verdict;

typedef struct hpc_drift
{
	hpc_drift_verdict verdict;
	bool known;     /* there is something to compare with */
	bool far;       /* enough to matter, whatever the chance */
	double psi;     /* population stability index; NaN: unknown */
	double p_value; /* NaN: unknown; adjusted by hpc_drift_judge */
	int most;       /* the group whose gain adds most to psi, or -1 */
} hpc_drift;

/* What differs, and by which chance; no verdict yet. */
extern void
hpc_drift_compare(const hpc_drift_counts *counts, hpc_drift *drift);
extern void
hpc_drift_compare_ratios(const hpc_drift_ratios *ratios, hpc_drift *drift);

/* The verdicts of a report of n lines, all at once. */
extern hpc_status hpc_drift_judge(hpc_env *env, hpc_drift *drifts, int n);

#endif /* HPC_H */
