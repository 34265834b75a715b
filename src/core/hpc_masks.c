/*
 * hpc_masks.c
 *		Trees of up to 64 leaves as bit masks.
 *
 * A feature has a slot per code, and one more for what goes where missing
 * goes.  In a group of trees that splits on the feature, each slot has a row
 * of masks; codes that no tree of the group tells apart share one.
 */
#include <string.h>

#include "hpc_masks.h"
#include "hpc_memory.h"

#define MAX_LEAVES 64

/* A vector of bits, as every 64-bit machine has them. */
typedef uint64_t lanes __attribute__((vector_size(16)));

/* The masks of a group's trees for one slot. */
#define ROW_LANES 8
#define ROW_BYTES (ROW_LANES * sizeof(lanes))

/* Bounds of the memory for masks, and for the tables that lead there. */
#define MAX_BYTES ((uint64_t) 64 << 20)
#define MAX_TABLE_BYTES ((uint64_t) 16 << 20)

/*
 * Bytes of masks that a tree may cost per row predicted until a walk is as
 * fast, where all rows of masks fit into a cache of so many bytes, and where
 * they do not.
 */
#define CACHE_BYTES ((uint64_t) 4 << 20)
#define BYTES_IN_CACHE 640
#define BYTES_BEYOND 160

struct hpc_masks
{
	uint32_t ntrees;
	uint32_t nfeatures;
	uint32_t ngroups;
	uint32_t width;      /* bytes of a mask: 1, 2, 4, 8; its bits are the most
					 * leaves of a tree */
	uint32_t group_size; /* trees in a group: ROW_BYTES / width */
	uint32_t nslots;
	bool wide;            /* by and_masks_wide */
	uint32_t *first_slot; /* [nfeatures + 1] */
	uint32_t *uses;       /* features that a group splits on ... */
	uint32_t *first_use;  /* [ngroups + 1] ... which begin here */
	uint32_t *row_of;     /* [ngroups][nslots]: where in rows, in ROW_BYTES */
	uint64_t nrows;
	void *block;    /* of the rows, which are aligned in it */
	lanes *rows;    /* [nrows][ROW_LANES] */
	double *leaves; /* [ntrees][8 * width] */
};

/* ---------- making them ---------- */

/* Leaves of a tree, or MAX_LEAVES + 1 where there are more. */
static uint32_t
count_leaves(const hpc_node *tree)
{
	uint32_t waiting[MAX_LEAVES + 1] = {0};
	uint32_t nwaiting = 1;
	uint32_t nleaves = 0;

	while (nwaiting > 0)
	{
		const hpc_node *node = tree + waiting[--nwaiting];

		/* each that waits has a leaf at least */
		if (nleaves + nwaiting >= MAX_LEAVES)
			return MAX_LEAVES + 1;
		if (node->left == 0)
			nleaves++;
		else
		{
			waiting[nwaiting++] = node->left + 1;
			waiting[nwaiting++] = node->left;
		}
	}
	return nleaves;
}

static uint32_t
most_leaves(const hpc_model_view *view)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < view->training->ntrees && most <= MAX_LEAVES; i++)
	{
		uint32_t nleaves = count_leaves(view->nodes + view->trees[i]);

		if (nleaves > most)
			most = nleaves;
	}
	return most;
}

/* ---------- rows of a group ---------- */

static uint32_t
missing_slot(const hpc_masks *masks, uint32_t feature)
{
	return masks->first_slot[feature + 1] - 1;
}

static uint32_t
first_tree(const hpc_masks *masks, uint32_t group)
{
	uint32_t tree = group * masks->group_size;

	return tree < masks->ntrees ? tree : masks->ntrees;
}

/*
 * What the trees of a group ask: on which features they split, after which
 * codes of a number, and which levels of a category they tell apart.
 */
typedef struct questions
{
	bool *features;     /* [nfeatures] */
	bool *cuts;         /* [nslots] */
	uint32_t *nclasses; /* [nfeatures]: levels in a class are always on the
						 * same side; row_of holds each level's class */
	uint32_t *next;     /* [2 * nslots]: scratch */
} questions;

/* Divides the classes of a category by a set: no more of them than levels. */
static void
divide_classes(questions *asked, uint32_t feature, uint32_t nlevels,
			   const uint32_t *set, uint32_t *class_of)
{
	uint32_t nclasses = 0;

	memset(asked->next, 0xff,
		   2 * (size_t) asked->nclasses[feature] * sizeof(uint32_t));
	for (uint32_t level = 0; level < nlevels; level++)
	{
		bool in_set = set[level / 32] >> (level % 32) & 1;
		uint32_t *next = &asked->next[2 * class_of[level] + in_set];

		if (*next == UINT32_MAX)
			*next = nclasses++;
		class_of[level] = *next;
	}
	asked->nclasses[feature] = nclasses;
}

static void
collect_questions(const hpc_masks *masks, const hpc_model_view *view,
				  uint32_t group, questions *asked)
{
	uint32_t *row_of = masks->row_of + (size_t) group * masks->nslots;
	uint64_t begin = view->trees[first_tree(masks, group)];
	uint64_t end = view->trees[first_tree(masks, group + 1)];

	memset(asked->features, 0, masks->nfeatures * sizeof(bool));
	memset(asked->cuts, 0, masks->nslots * sizeof(bool));
	memset(row_of, 0, masks->nslots * sizeof(uint32_t));
	for (uint32_t i = 0; i < masks->nfeatures; i++)
		asked->nclasses[i] = 1;
	for (uint64_t i = begin; i < end; i++)
	{
		const hpc_node *node = &view->nodes[i];
		uint32_t feature = node->u.split.feature;
		uint32_t first;

		if (node->left == 0)
			continue;
		first = masks->first_slot[feature];
		asked->features[feature] = true;
		if (node->u.split.flags & HPC_NODE_SET)
			divide_classes(asked, feature,
						   missing_slot(masks, feature) - first,
						   view->sets + node->u.split.cut, row_of + first);
		else
			asked->cuts[first + node->u.split.cut] = true;
	}
}

/* A row for each class of a category, and for each stretch of a number. */
static void
number_rows(hpc_masks *masks, uint32_t group, const questions *asked)
{
	uint32_t *row_of = masks->row_of + (size_t) group * masks->nslots;
	uint32_t nuses = masks->first_use[group];

	for (uint32_t i = 0; i < masks->nfeatures; i++)
	{
		uint32_t missing = missing_slot(masks, i);

		if (!asked->features[i])
			continue;
		masks->uses[nuses++] = i;
		for (uint32_t slot = masks->first_slot[i]; slot < missing; slot++)
		{
			row_of[slot] += (uint32_t) masks->nrows;
			if (asked->cuts[slot])
				masks->nrows++;
		}
		masks->nrows += asked->nclasses[i];
		row_of[missing] = (uint32_t) masks->nrows++;
	}
	masks->first_use[group + 1] = nuses;
}

/* ---------- masks of a group ---------- */

typedef struct placing
{
	hpc_masks *masks;
	const hpc_model_view *view;
	const hpc_node *tree;
	const uint32_t *row_of; /* [nslots] of the group */
	uint32_t number;        /* of the tree */
} placing;

/* Rules out the leaves whose bits are not set. */
static void
rule_out(const placing *p, uint32_t row, uint64_t mask)
{
	const hpc_masks *masks = p->masks;
	unsigned char *at =
		(unsigned char *) (masks->rows + (size_t) row * ROW_LANES) +
		p->number % masks->group_size * masks->width;

	for (uint32_t i = 0; i < masks->width; i++)
		at[i] &= (unsigned char) (mask >> 8 * i);
}

/*
 * Where the split sends a row to the right.  Of a number only at the first
 * code that it does; the codes after it follow in spread_masks.
 */
static void
place_split(const placing *p, const hpc_node *node, uint64_t mask)
{
	uint32_t feature = node->u.split.feature;
	uint32_t first = p->masks->first_slot[feature];
	uint32_t missing = missing_slot(p->masks, feature);
	const uint32_t *set = p->view->sets + node->u.split.cut;
	uint32_t row;

	if ((node->u.split.flags & HPC_NODE_MISSING_LEFT) == 0)
		rule_out(p, p->row_of[missing], mask);
	if ((node->u.split.flags & HPC_NODE_SET) == 0)
	{
		rule_out(p, p->row_of[first + node->u.split.cut + 1], mask);
		return;
	}

	/* classes come in the order of their first levels */
	row = p->row_of[first];
	for (uint32_t level = 0; level < missing - first; level++)
	{
		if (p->row_of[first + level] != row)
			continue;
		if ((set[level / 32] >> (level % 32) & 1) == 0)
			rule_out(p, row, mask);
		row++;
	}
}

/*
 * Places a subtree whose leaves are numbered from leaf on; answers how many it
 * has.  A tree of up to MAX_LEAVES leaves is no deeper.
 */
static uint32_t
place_node(const placing *p, uint32_t at, uint32_t leaf)
{
	const hpc_masks *masks = p->masks;
	const hpc_node *node = p->tree + at;
	uint32_t nleft;

	if (node->left == 0)
	{
		memcpy(&masks->leaves[p->number * 8 * masks->width + leaf],
			   node->u.value, sizeof(double));
		return 1;
	}
	nleft = place_node(p, node->left, leaf);
	place_split(p, node, ~(((UINT64_C(1) << nleft) - 1) << leaf));
	return nleft + place_node(p, node->left + 1, leaf + nleft);
}

/* What a code of a number rules out, greater codes do too. */
static void
spread_masks(const hpc_masks *masks, const hpc_model_view *view,
			 uint32_t group)
{
	const uint32_t *row_of = masks->row_of + (size_t) group * masks->nslots;

	for (uint32_t i = masks->first_use[group]; i < masks->first_use[group + 1];
		 i++)
	{
		uint32_t feature = masks->uses[i];
		uint32_t begin = row_of[masks->first_slot[feature]];
		uint32_t end = row_of[missing_slot(masks, feature)];
		lanes *at = masks->rows + (size_t) begin * ROW_LANES;

		if (view->features[feature].kind == HPC_CATEGORY)
			continue;
		for (size_t j = ROW_LANES; j < (size_t) (end - begin) * ROW_LANES; j++)
			at[j] &= at[j - ROW_LANES];
	}
}

static void
fill_group(hpc_masks *masks, const hpc_model_view *view, uint32_t group)
{
	placing p = {.masks = masks, .view = view};

	p.row_of = masks->row_of + (size_t) group * masks->nslots;
	for (uint32_t i = first_tree(masks, group);
		 i < first_tree(masks, group + 1); i++)
	{
		p.tree = view->nodes + view->trees[i];
		p.number = i;
		place_node(&p, 0, 0);
	}
	spread_masks(masks, view, group);
}

/* ---------- using them ---------- */

void
hpc_masks_slots(const hpc_masks *masks, uint32_t *codes)
{
	for (uint32_t i = 0; i < masks->nfeatures; i++)
	{
		uint32_t missing = missing_slot(masks, i);
		uint32_t first = masks->first_slot[i];

		codes[i] = codes[i] < missing - first ? first + codes[i] : missing;
	}
}

/* The masks of a group's trees for a row. */
static void
and_masks(const hpc_masks *masks, const uint32_t *slots, uint32_t group,
		  lanes *found)
{
	const uint32_t *row_of = masks->row_of + (size_t) group * masks->nslots;
	const lanes all = {UINT64_MAX, UINT64_MAX};
	lanes a = all, b = all, c = all, d = all;
	lanes e = all, f = all, g = all, h = all;

	_Static_assert(ROW_LANES == 8, "as many variables as a row has lanes");
	for (uint32_t i = masks->first_use[group]; i < masks->first_use[group + 1];
		 i++)
	{
		uint32_t row = row_of[slots[masks->uses[i]]];
		const lanes *at = masks->rows + (size_t) row * ROW_LANES;

		a &= at[0];
		b &= at[1];
		c &= at[2];
		d &= at[3];
		e &= at[4];
		f &= at[5];
		g &= at[6];
		h &= at[7];
	}
	found[0] = a;
	found[1] = b;
	found[2] = c;
	found[3] = d;
	found[4] = e;
	found[5] = f;
	found[6] = g;
	found[7] = h;
}

/* The same in half as many steps, where the processor has the registers. */
#ifdef __x86_64__
#define WIDE_TARGET __attribute__((target("avx2")))
typedef uint64_t wide __attribute__((vector_size(32)));

WIDE_TARGET static void
and_masks_wide(const hpc_masks *masks, const uint32_t *slots, uint32_t group,
			   lanes *found)
{
	const uint32_t *row_of = masks->row_of + (size_t) group * masks->nslots;
	const wide all = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	wide a = all, b = all, c = all, d = all;
	wide *out = (wide *) found;

	for (uint32_t i = masks->first_use[group]; i < masks->first_use[group + 1];
		 i++)
	{
		uint32_t row = row_of[slots[masks->uses[i]]];
		const wide *at =
			(const wide *) (masks->rows + (size_t) row * ROW_LANES);

		a &= at[0];
		b &= at[1];
		c &= at[2];
		d &= at[3];
	}
	out[0] = a;
	out[1] = b;
	out[2] = c;
	out[3] = d;
}

static bool
has_wide(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
#define and_masks_wide and_masks

static bool
has_wide(void)
{
	return false;
}
#endif

#define FIND_LEAVES(type, count_zeros)                                        \
	for (uint32_t i = 0; i < ntrees; i++)                                     \
	{                                                                         \
		type mask;                                                            \
                                                                              \
		memcpy(&mask, (const char *) found + i * sizeof(type), sizeof(type)); \
		leaves[i] =                                                           \
			values[i * 8 * sizeof(type) + (uint32_t) count_zeros(mask)];      \
	}

uint32_t
hpc_masks_leaves(const hpc_masks *masks, const uint32_t *slots, uint32_t group,
				 double *leaves)
{
	uint32_t first = first_tree(masks, group);
	uint32_t ntrees = first_tree(masks, group + 1) - first;
	const double *values = masks->leaves + (size_t) first * 8 * masks->width;
	_Alignas(ROW_BYTES) lanes found[ROW_LANES];

	if (group >= masks->ngroups)
		return 0;
	if (masks->wide)
		and_masks_wide(masks, slots, group, found);
	else
		and_masks(masks, slots, group, found);
	switch (masks->width)
	{
		case 1:
			FIND_LEAVES(uint8_t, __builtin_ctz);
			break;
		case 2:
			FIND_LEAVES(uint16_t, __builtin_ctz);
			break;
		case 4:
			FIND_LEAVES(uint32_t, __builtin_ctz);
			break;
		default:
			FIND_LEAVES(uint64_t, __builtin_ctzll);
	}
	return ntrees;
}

/* ---------- all groups ---------- */

static uint32_t
width_for(uint32_t nleaves)
{
	return nleaves <= 8 ? 1 : nleaves <= 16 ? 2 : nleaves <= 32 ? 4 : 8;
}

/* False: the tables would take too much. */
static bool
number_slots(hpc_masks *masks, const hpc_model_view *view)
{
	uint64_t nslots = 0;

	for (uint32_t i = 0; i < masks->nfeatures; i++)
	{
		const hpc_feature_record *feature = &view->features[i];

		masks->first_slot[i] = (uint32_t) nslots;
		nslots += feature->kind == HPC_CATEGORY
					  ? (uint64_t) feature->ncategories + 1
					  : (uint64_t) feature->nthresholds + 2;
	}
	masks->first_slot[masks->nfeatures] = masks->nslots = (uint32_t) nslots;
	return nslots * masks->ngroups <= MAX_TABLE_BYTES / sizeof(uint32_t);
}

static bool
are_faster(const hpc_masks *masks)
{
	uint64_t nuses = masks->first_use[masks->ngroups];
	uint64_t bytes = masks->nrows * ROW_BYTES <= CACHE_BYTES ? BYTES_IN_CACHE
															 : BYTES_BEYOND;

	return nuses * ROW_BYTES <= masks->ntrees * bytes + ROW_BYTES;
}

/* False: out of memory, or they would take too much. */
static bool
number_all_rows(hpc_env *env, hpc_masks *masks, const hpc_model_view *view)
{
	questions asked;
	bool fits;

	asked.features = hpc_alloc(env, masks->nfeatures, sizeof(bool));
	asked.cuts = hpc_alloc(env, masks->nslots, sizeof(bool));
	asked.nclasses = hpc_alloc(env, masks->nfeatures, sizeof(uint32_t));
	asked.next = hpc_alloc(env, 2 * (size_t) masks->nslots, sizeof(uint32_t));
	fits = asked.features != NULL && asked.cuts != NULL &&
		   asked.nclasses != NULL && asked.next != NULL;
	for (uint32_t group = 0; group < masks->ngroups && fits; group++)
	{
		collect_questions(masks, view, group, &asked);
		number_rows(masks, group, &asked);
		fits = masks->nrows <= MAX_BYTES / ROW_BYTES;
	}
	hpc_free(env, asked.next);
	hpc_free(env, asked.nclasses);
	hpc_free(env, asked.cuts);
	hpc_free(env, asked.features);
	return fits && are_faster(masks);
}

static bool
allocate_rows(hpc_env *env, hpc_masks *masks)
{
	uintptr_t address;

	masks->block = hpc_alloc(env, masks->nrows * ROW_BYTES + ROW_BYTES, 1);
	if (masks->block == NULL)
		return false;
	address = (uintptr_t) masks->block;
	masks->rows =
		(lanes *) ((char *) masks->block + (-address & (ROW_BYTES - 1)));
	memset(masks->rows, 0xff, masks->nrows * ROW_BYTES);
	return true;
}

static bool
make_masks(hpc_env *env, hpc_masks *masks, const hpc_model_view *view)
{
	masks->first_slot =
		hpc_alloc(env, (size_t) masks->nfeatures + 1, sizeof(uint32_t));
	if (masks->first_slot == NULL || !number_slots(masks, view))
		return false;
	masks->uses = hpc_alloc(env, (size_t) masks->ngroups * masks->nfeatures,
							sizeof(uint32_t));
	masks->first_use =
		hpc_alloc0(env, (size_t) masks->ngroups + 1, sizeof(uint32_t));
	masks->row_of = hpc_alloc(env, (size_t) masks->ngroups * masks->nslots,
							  sizeof(uint32_t));
	masks->leaves = hpc_alloc(env, (size_t) masks->ntrees * 8 * masks->width,
							  sizeof(double));
	if (masks->uses == NULL || masks->first_use == NULL ||
		masks->row_of == NULL || masks->leaves == NULL ||
		!number_all_rows(env, masks, view) || !allocate_rows(env, masks))
		return false;
	for (uint32_t group = 0; group < masks->ngroups; group++)
		fill_group(masks, view, group);
	return true;
}

hpc_masks *
hpc_masks_create(hpc_env *env, const hpc_model_view *view)
{
	uint32_t nleaves = most_leaves(view);
	hpc_masks *masks;

	if (nleaves == 0 || nleaves > MAX_LEAVES)
		return NULL;
	masks = hpc_alloc0(env, 1, sizeof(hpc_masks));
	if (masks == NULL)
		return NULL;
	masks->ntrees = view->training->ntrees;
	masks->nfeatures = view->nfeatures;
	masks->wide = has_wide();
	masks->width = width_for(nleaves);
	masks->group_size = ROW_BYTES / masks->width;
	masks->ngroups =
		(masks->ntrees + masks->group_size - 1) / masks->group_size;
	if (make_masks(env, masks, view))
		return masks;
	hpc_masks_free(env, masks);
	return NULL;
}

void
hpc_masks_make_narrow(hpc_masks *masks)
{
	masks->wide = false;
}

void
hpc_masks_free(hpc_env *env, hpc_masks *masks)
{
	if (masks == NULL)
		return;
	hpc_free(env, masks->block);
	hpc_free(env, masks->leaves);
	hpc_free(env, masks->row_of);
	hpc_free(env, masks->first_use);
	hpc_free(env, masks->uses);
	hpc_free(env, masks->first_slot);
	hpc_free(env, masks);
}
