/*
 * hpc_grow_inside.h
 *		What the files of the grower share: hpc_grower.c (the workplace),
 *		hpc_grow.c (nodes), hpc_choose.c (splits), hpc_grow_rows.c (rows),
 *		hpc_grow_short.c (subtrees of few rows).
 */
#ifndef HPC_GROW_INSIDE_H
#define HPC_GROW_INSIDE_H

#include "hpc_scan.h"

/* Features that nodes remember to be constant: the first so many words. */
#define HPC_CONSTANT_WORDS 2

__extension__ typedef unsigned __int128 hpc_squares;

/* A node on the way: waiting to be looked at, or to be split. */
typedef struct hpc_pending
{
	uint32_t node;
	uint32_t begin; /* its rows: begin .. end - 1 */
	uint32_t end;
	uint32_t depth;
	uint64_t path; /* hash of the way from the root */
	hpc_total total;
	double lower; /* bounds on its value */
	double upper;
	int histogram; /* of the pool, or -1 */
	bool in_list;  /* its rows are in the lists */
	int list;      /* the feature whose list is sure to hold its rows */

	/* features known to be constant here: their lists are left behind */
	uint64_t constant[HPC_CONSTANT_WORDS];
	int feature; /* that split divides */
	hpc_split split;
} hpc_pending;

typedef struct hpc_short hpc_short;

struct hpc_grower
{
	const hpc_frame *frame;
	const hpc_grow_rules *rules;
	bool wide;
	bool wide_registers; /* the processor has them */
	size_t cell_size;
	hpc_bag bag;
	hpc_tree tree;
	bool wants_room;

	/* nodes under way: a stack, or a heap by gain */
	hpc_pending *waiting; /* [max_waiting] */
	uint32_t nwaiting;

	/* histograms */
	hpc_histogram_plan plan;
	size_t max_cells; /* of all features */
	int nhistograms;
	/* [nhistograms + max(1, nworkers)] × max_cells cells; last ones scratch */
	char *histograms;
	size_t max_packed; /* cells of all packs */
	char *packs;       /* [max(1, nworkers)] × max_packed cells: scratch, or
						* what the bag has been summed in */
	int *unused;       /* [nhistograms] stack of those free */
	int nunused;

	/* sums of weight × q² over the rows of each histogram, if wanted */
	bool wants_squares;
	hpc_squares *squares; /* [nhistograms + max(1, nworkers)] */

	/* lists */
	uint32_t max_list;  /* rows in them; 0: no lists */
	uint32_t list_base; /* row of bag.rows that is slot 0 */
	uint32_t *lists;    /* [nfeatures][max_list] */
	uint32_t *spare;    /* [max(max_list, rows)] also for partitions */
	uint32_t *slot_row; /* [max_list] */
	char *slot_cell;    /* [max_list] cells */
	uint8_t *side;      /* [max_list] 1: goes left */

	/* subtrees of few rows */
	hpc_short *shorts;
	bool suits_short; /* of the tree at hand */

	/* the search */
	uint64_t *feature_hash; /* [nfeatures] of what is untried */
	double variance;        /* of its q; below 0: not known yet */
	int *order;             /* [nfeatures] heap of what is untried */
	hpc_level *levels;      /* [most bins + 1] */
	hpc_level *spare_levels;
	uint32_t *pooled;   /* [most bins] codes in the pool */
	uint32_t *best_set; /* [most words of a set] */
	int *all_features;  /* [nfeatures] 0, 1, 2 ... */
	int nfeatures;      /* of the tree at hand */
	const int *features;
	uint64_t nbins; /* of these features, together */
	bool sampled;   /* features are drawn for each split */

	/* of the tree at hand */
	hpc_crew *crew;
	int worker;
	bool team;
	uint64_t stream;
	uint64_t work_since_poll;
	bool stopped;
};

static inline bool
hpc_is_constant(const hpc_pending *at, int feature)
{
	return feature < 64 * HPC_CONSTANT_WORDS &&
		   (at->constant[feature / 64] >> (feature % 64) & 1);
}

/* What is constant in a node is so in all below it. */
static inline void
hpc_set_constant(hpc_pending *at, int feature)
{
	if (feature < 64 * HPC_CONSTANT_WORDS)
		at->constant[feature / 64] |= UINT64_C(1) << (feature % 64);
}

static inline uint32_t *
hpc_grower_list(const hpc_grower *grower, int feature)
{
	return grower->lists + (size_t) feature * grower->max_list;
}

static inline void *
hpc_grower_histogram(const hpc_grower *grower, int histogram)
{
	return grower->histograms +
		   (size_t) histogram * grower->max_cells * grower->cell_size;
}

/* Counts work, in rows or cells; now and then asks whether to go on. */
static inline bool
hpc_grower_goes_on(hpc_grower *grower, uint64_t work)
{
	grower->work_since_poll += work + 16;
	if (grower->work_since_poll >= HPC_CELLS_PER_POLL / 4)
	{
		grower->work_since_poll = 0;
		if (hpc_crew_stopped(grower->crew, grower->worker))
			grower->stopped = true;
	}
	return !grower->stopped;
}

/*
 * Is q different in two rows that hold weight × q?  What one holds times the
 * other's weight differs, even modulo 2^64, only if q does.
 */
static inline bool
hpc_targets_differ(int64_t a, uint64_t weight_a, int64_t b, uint64_t weight_b)
{
	return (uint64_t) a * weight_b != (uint64_t) b * weight_a;
}

static inline int
hpc_grower_take(hpc_grower *grower)
{
	return grower->nunused > 0 ? grower->unused[--grower->nunused] : -1;
}

static inline void
hpc_grower_give(hpc_grower *grower, int *histogram)
{
	if (*histogram >= 0)
		grower->unused[grower->nunused++] = *histogram;
	*histogram = -1;
}

/* Do lists suit a node of so many rows better than a histogram? */
static inline bool
hpc_grower_suits_lists(const hpc_grower *grower, uint32_t nrows)
{
	return nrows <= grower->max_list &&
		   grower->nbins > (uint64_t) nrows * (uint64_t) grower->nfeatures;
}

/* ---------- hpc_choose.c ---------- */

/*
 * Looks for the best split among nfeatures_tried features that are not
 * constant in the node, and puts it into at and its node.  Gain < 0: there is
 * none, or the crew stopped.
 */
extern void hpc_choose_split(hpc_grower *grower, hpc_pending *at);

/*
 * Makes a heap of grower->order[nuntried], the smallest feature_hash of an
 * item first; then takes the first of nuntried items off it.
 */
extern void hpc_order_untried(hpc_grower *grower, int nuntried);
extern int hpc_next_untried(hpc_grower *grower, int nuntried);

/*
 * Puts into a node what divides a number halfway between the nearest codes
 * that the node has, of which cut goes left and above goes right.
 */
extern void hpc_settle_threshold(const hpc_feature *feature, uint32_t cut,
								 uint32_t above, hpc_tree_node *node);

/* ---------- hpc_grow_short.c ---------- */

extern hpc_short *hpc_short_create(hpc_env *env, int nfeatures);
extern void hpc_short_free(hpc_env *env, hpc_short *work);
extern void hpc_short_begin_tree(hpc_grower *grower);

/* No wider registers than every machine of the kind has: for tests. */
extern void hpc_short_make_narrow(hpc_short *work);

/*
 * Grows all that is below a node which it suits, and which waits to be split;
 * less, when the crew stopped.
 */
extern bool hpc_short_suits(const hpc_grower *grower, const hpc_pending *at);
extern void hpc_short_grow(hpc_grower *grower, const hpc_pending *at);

/* ---------- hpc_grow_records.c: where the bag has records ---------- */

/* Adds records begin .. begin + n - 1 to the cells of packs. */
extern void hpc_records_fill(const hpc_grower *grower, uint32_t begin,
							 uint32_t n, hpc_narrow *packs);

/* The sum of the cells of the bag's records, which are in packs. */
extern hpc_narrow hpc_records_sum(hpc_grower *grower);

/* The sum of q² over so many records: exact. */
extern hpc_squares
hpc_records_squares(const hpc_grower *grower, uint32_t begin, uint32_t n);

/* Divides the records of a node by its split; the first that goes right. */
extern uint32_t
hpc_records_partition(hpc_grower *grower, const hpc_pending *at);

/* ---------- hpc_grow_rows.c ---------- */

/* Workers that share the work on so many rows. */
extern int hpc_rows_team(const hpc_grower *grower, uint32_t nrows);

/* Puts the cells of all the tree's features into a histogram. */
extern void
hpc_rows_fill(hpc_grower *grower, uint32_t begin, uint32_t end, int histogram);

/* The histogram of the larger child, in place of its parent's. */
extern void hpc_rows_subtract(hpc_grower *grower, int from, int less);

/* Sums of all rows of the bag. */
extern hpc_total hpc_rows_total(hpc_grower *grower);

/* Sorts the node's rows into the lists, where they stay. */
extern void hpc_rows_to_lists(hpc_grower *grower, hpc_pending *at);

/*
 * Partitions the rows of a node by its split; returns the middle.  In lists,
 * only that of the node's feature is divided at first; hpc_lists_divide does
 * the rest, which childless children can do without.
 */
extern uint32_t hpc_rows_partition(hpc_grower *grower, const hpc_pending *at);
extern void hpc_lists_divide(hpc_grower *grower, const hpc_pending *at);

/*
 * The sum of weight × q² over the rows of a node: exact, then rounded.  Where
 * the node has a histogram, only if wants_squares.
 */
extern double hpc_rows_squares(hpc_grower *grower, const hpc_pending *at);

/* Do all rows have the same target, by the bag's pure_value? */
extern bool hpc_rows_are_pure(const hpc_grower *grower, const hpc_pending *at);

/* Puts the rows of a leaf in lists where the tree wants them. */
extern void hpc_lists_to_rows(hpc_grower *grower, const hpc_pending *at);

#endif /* HPC_GROW_INSIDE_H */
