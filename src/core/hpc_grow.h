/*
 * hpc_grow.h
 *		Growing one tree on weighted rows of a frame.
 *
 * The grower fits integers: each row of the bag has a fixed-point target q
 * (a residual, a gradient) and a weight, and splits are those that decrease
 * the weighted sum of squares of q the most.  What the leaves predict is the
 * business of the algorithm, which learns from the tree which rows ended up
 * in which leaf.
 */
#ifndef HPC_GROW_H
#define HPC_GROW_H

#include <string.h>

#include "hpc_records.h"

/*
 * A row of the bag in one integer: weight × q above, weight below.  Fits
 * where the sum of weights is below 2^weight_bits and the sum of |weight × q|
 * below 2^(62 - weight_bits).
 */
typedef int64_t hpc_narrow;

/* The same in two integers, for sums of |weight × q| below 2^62. */
typedef int64_t hpc_wide __attribute__((vector_size(16)));
/* [0]: weight × q; [1]: weight units << 32 | rows (copies counted) */

/* Added to a double below 2^51, it leaves the integer in the last bits. */
#define HPC_ROUNDER 6755399441055744.0 /* 1.5 * 2^52 */
#define HPC_ROUNDER_BITS INT64_C(0x4338000000000000)

/* The integer nearest to a double below 2^51, ties to even. */
static inline int64_t
hpc_nearest(double x)
{
	double shifted = x + HPC_ROUNDER;
	int64_t bits;

	memcpy(&bits, &shifted, sizeof(bits));
	return bits - HPC_ROUNDER_BITS;
}

/*
 * A node as it grows.  Children stand side by side, after their parent:
 * left and left + 1.
 */
typedef struct hpc_tree_node
{
	uint32_t left;    /* 0: a leaf */
	uint32_t cover;   /* rows, copies counted */
	uint32_t weight;  /* in the units of the bag */
	uint16_t feature; /* of a split, like missing_left */
	bool missing_left;
	union
	{
		struct /* a split */
		{
			union
			{
				uint32_t cut; /* numbers: the last code that goes left */
				uint32_t set; /* categories: first word in the tree's sets */
			} at;
			double threshold; /* numbers: values up to this go left */
			double gain;      /* decrease of the sum of squares of q */
		};
		struct /* a leaf */
		{
			uint32_t begin; /* its rows: tree->rows[begin .. end - 1], or
							 * records of the bag */
			uint32_t end;
			int64_t sum;  /* of weight × q */
			double value; /* for the algorithm to fill in */
		};
	};
} hpc_tree_node;

typedef struct hpc_tree
{
	uint32_t nnodes;
	hpc_tree_node *nodes;
	uint32_t *rows; /* of the bag, by leaf; NULL: it has records */
	double *bounds; /* [2 nnodes] least and greatest value of each node in
					 * units of q, as monotone features allow; NULL: no
					 * bounds */
	uint32_t nset_words;
	uint32_t max_set_words;
	uint32_t *sets; /* bit per code of a category: goes left */
} hpc_tree;

/* A value for a node, in units of q, within its bounds. */
static inline double
hpc_tree_bounded(const hpc_tree *tree, uint32_t node, double value)
{
	if (tree->bounds == NULL)
		return value;
	value = value < tree->bounds[2 * node] ? tree->bounds[2 * node] : value;
	return value > tree->bounds[2 * node + 1] ? tree->bounds[2 * node + 1]
											  : value;
}

typedef struct hpc_grow_rules
{
	uint64_t min_leaf; /* rows, copies counted */
	double cat_smooth;
	double cat_min_rows;
	double l2;              /* in rows */
	uint32_t max_depth;     /* 0: no limit */
	uint32_t max_leaves;    /* 0: no limit */
	int nfeatures_tried;    /* features per split */
	bool random_cuts;       /* extra trees: one random division per feature */
	const int8_t *monotone; /* [nfeatures] -1, 0, 1; NULL: all 0 */
	const double *chance;   /* [nfeatures] share of the gain by chance that
							 * categories do without; NULL: all 0 */
	double weight_unit;     /* weight units of one row of weight 1 */
	int nworkers;           /* of the crew that helps with a tree; 1: none */
	uint32_t nrecords;      /* rows of the bag, if it is to have records: best
							 * first, all features tried at each split, packs
							 * alone for lines, narrow cells; 0: it is not */
	int record_packs;       /* bytes of codes in them */
	bool record_keys;       /* and they have keys */
} hpc_grow_rules;

/* Are all features tried at each split? */
static inline bool
hpc_rules_try_all(const hpc_grow_rules *rules, const hpc_frame *frame)
{
	return rules->nfeatures_tried >= frame->nfeatures;
}

/* One worker's workplace, made once and used for tree after tree. */
typedef struct hpc_grower hpc_grower;

/*
 * The bag of the next tree, to be filled by the algorithm: which rows, and
 * what each row holds (by row of the frame; others are not looked at).
 */
typedef struct hpc_bag
{
	uint32_t nrows;
	uint32_t *rows;     /* [frame->nrows] ascending; the grower reorders */
	hpc_narrow *narrow; /* [frame->nrows], or NULL: wide */
	hpc_wide *wide;
	int weight_bits;     /* of narrow */
	int nfeatures;       /* features that the tree may use ... */
	const int *features; /* [nfeatures] ascending; NULL: all */

	/*
	 * In place of rows and cells, if the rules say so: the first nrows of
	 * rules->nrecords.  The weight of each is 1, its q the integer nearest to
	 * residual × per_unit.  The grower divides them in place, in any order, and
	 * so they stay: by leaf.
	 */
	hpc_records records; /* rows NULL: there are none */
	double per_unit;     /* |residual × per_unit| is below 2^51 */
	bool summed;         /* to be set: their cells are in hpc_grower_packs */

	/*
	 * [frame->nrows] of which q is a function: a node whose rows agree here is
	 * pure, any other is split even where that gains nothing.  NULL: no
	 * division without a gain.
	 */
	const double *pure_value;
} hpc_bag;

/*
 * Puts a row of the bag's into its cell: weight, of all copies, in units, and
 * q, which is exact modulo 2^64.
 */
static inline void
hpc_bag_put(hpc_bag *bag, uint32_t row, uint64_t weight, uint32_t copies,
			int64_t q)
{
	uint64_t product = (uint64_t) q * weight;

	if (bag->narrow != NULL)
		bag->narrow[row] = (int64_t) ((product << bag->weight_bits) + weight);
	else
		bag->wide[row] =
			(hpc_wide){(int64_t) product, (int64_t) (weight << 32 | copies)};
}

/* Weight of a row in its bag. */
static inline uint64_t
hpc_bag_weight(const hpc_bag *bag, uint32_t row)
{
	if (bag->narrow != NULL)
		return (uint64_t) bag->narrow[row] &
			   ((UINT64_C(1) << bag->weight_bits) - 1);
	return (uint64_t) bag->wide[row][1] >> 32;
}

/*
 * lines: of the frame, or NULL, which is the same but slower; with records its
 * packs, which must be.  wide: whether the bag holds wide cells.  The data may
 * be filled in anew for each tree.  NULL: out of memory.
 */
extern hpc_grower *
hpc_grower_create(hpc_env *env, const hpc_frame *frame, const hpc_lines *lines,
				  const hpc_grow_rules *rules, bool wide);
extern void hpc_grower_free(hpc_env *env, hpc_grower *grower);

/* No tree has more nodes. */
extern uint64_t
hpc_most_nodes(const hpc_grow_rules *rules, const hpc_frame *frame);

/*
 * Growers, at most *n, that memory allows, where each needs so many bytes more
 * for other things; at least 1, or HPC_NO_MEMORY with advice.
 */
extern hpc_status hpc_grower_count(hpc_env *env, const hpc_frame *frame,
								   const hpc_grow_rules *rules, bool wide,
								   uint64_t more, int *n);
extern hpc_bag *hpc_grower_bag(hpc_grower *grower);

/*
 * What fills a bag of records sums their cells on the way, by packs: each
 * worker in npacks × HPC_NARROW_CELLS of its own, which are cleared first.
 */
extern void hpc_grower_clear_packs(hpc_grower *grower);
extern hpc_narrow *hpc_grower_packs(hpc_grower *grower, int worker);

/*
 * Grows a tree on the bag.  stream: of its random draws.  With team true the
 * calling thread is worker 0 and the whole crew helps; else only this worker
 * works.  NULL when the crew stopped, or when something did not fit: then
 * hpc_grower_wants_room is true, hpc_grower_make_room (which allocates, so
 * not from a worker) helps, and the tree must be grown again from a bag
 * filled anew.
 */
extern hpc_tree *hpc_tree_grow(hpc_grower *grower, hpc_crew *crew, int worker,
							   bool team, uint64_t stream);
extern bool hpc_grower_wants_room(const hpc_grower *grower);
extern hpc_status hpc_grower_make_room(hpc_env *env, hpc_grower *grower);

/* Does a row with this code go left at a node? */
static inline bool
hpc_tree_goes_left(const hpc_tree *tree, const hpc_tree_node *node,
				   const hpc_feature *feature, uint32_t code)
{
	if (code == feature->nbins)
		return node->missing_left;
	if (feature->kind == HPC_CATEGORY)
		return tree->sets[node->at.set + code / 32] >> (code % 32) & 1;
	return code <= node->at.cut;
}

/*
 * The signs of params->monotone by feature, allocated here; NULL where all are
 * 0.  Columns that are no features are passed over.
 */
extern hpc_status hpc_monotone_signs(hpc_env *env, const hpc_frame *frame,
									 const hpc_params *params, int8_t **signs);

/* The leaf that a row of the frame falls into. */
extern uint32_t
hpc_tree_leaf(const hpc_tree *tree, const hpc_frame *frame, uint32_t row);

/* So many rows walk a tree in step, and their cache misses overlap. */
#define HPC_WALKERS 16

/* The leaves that nrows <= HPC_WALKERS rows fall into. */
extern void
hpc_tree_leaves(const hpc_tree *tree, const hpc_frame *frame,
				const uint32_t *rows, uint32_t nrows, uint32_t *leaves);

/* The same of n <= HPC_WALKERS records from the first on. */
extern void
hpc_tree_record_leaves(const hpc_tree *tree, const hpc_frame *frame,
					   const hpc_lines *packs, const hpc_records *records,
					   uint32_t first, uint32_t n, uint32_t *leaves);

#endif /* HPC_GROW_H */
