/*
 * hpc_masks.c
 *		Trees of up to 64 leaves as bit masks.
 *
 * A feature has a slot per code, and one more for what goes where missing
 * goes.  In a group of trees that splits on the feature, each slot has a row
 * of masks; codes that no tree of the group tells apart share one.
 */
#include <string.h>

#include "hpc_cpu.h"
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
#else
#define and_masks_wide and_masks
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

/* ---------- what the trees of a group ask ---------- */

/* Masks that are being made, and what is known of the group at hand. */
typedef struct maker
{
	hpc_env *env;
	const hpc_model_view *view;
	hpc_masks *masks;
	bool stopped;     /* the environment asked to */
	uint32_t *row_of; /* [nslots] */

	bool *features;     /* [nfeatures]: the group splits on it */
	bool *cuts;         /* [nslots]: it divides a number after this code */
	uint32_t *nclasses; /* [nfeatures]: levels in a class are always on the
						 * same side; row_of holds each level's class */
	uint32_t *next;     /* [2 * nslots]: scratch */
} maker;

static void
take_group(maker *m, uint32_t group)
{
	m->row_of = m->masks->row_of + (size_t) group * m->masks->nslots;
	m->stopped |= hpc_cancelled(m->env);
}

/* Divides the classes of a category by a set: no more of them than levels. */
static void
divide_classes(maker *m, uint32_t feature, const uint32_t *set)
{
	uint32_t first = m->masks->first_slot[feature];
	uint32_t nlevels = missing_slot(m->masks, feature) - first;
	uint32_t *class_of = m->row_of + first;
	uint32_t nclasses = 0;

	memset(m->next, 0xff,
		   2 * (size_t) m->nclasses[feature] * sizeof(uint32_t));
	for (uint32_t level = 0; level < nlevels; level++)
	{
		bool in_set = set[level / 32] >> (level % 32) & 1;
		uint32_t *next = &m->next[2 * class_of[level] + in_set];

		if (*next == UINT32_MAX)
			*next = nclasses++;
		class_of[level] = *next;
	}
	m->nclasses[feature] = nclasses;
	m->stopped |= hpc_cancelled(m->env);
}

static void
collect_questions(maker *m, uint32_t group)
{
	const hpc_masks *masks = m->masks;
	uint64_t end = m->view->trees[first_tree(masks, group + 1)];

	memset(m->features, 0, masks->nfeatures * sizeof(bool));
	memset(m->cuts, 0, masks->nslots * sizeof(bool));
	memset(m->row_of, 0, masks->nslots * sizeof(uint32_t));
	for (uint32_t i = 0; i < masks->nfeatures; i++)
		m->nclasses[i] = 1;
	for (uint64_t i = m->view->trees[first_tree(masks, group)];
		 i < end && !m->stopped; i++)
	{
		const hpc_node *node = &m->view->nodes[i];
		uint32_t feature = node->u.split.feature;
		uint32_t cut = node->u.split.cut;

		if (node->left == 0)
			continue;
		m->features[feature] = true;
		if (node->u.split.flags & HPC_NODE_SET)
			divide_classes(m, feature, m->view->sets + cut);
		else
			m->cuts[masks->first_slot[feature] + cut] = true;
	}
}

/* A row for each class of a category, and for each stretch of a number. */
static void
number_rows(maker *m, uint32_t group)
{
	hpc_masks *masks = m->masks;
	uint32_t nuses = masks->first_use[group];

	for (uint32_t i = 0; i < masks->nfeatures; i++)
	{
		uint32_t missing = missing_slot(masks, i);

		if (!m->features[i])
			continue;
		masks->uses[nuses++] = i;
		for (uint32_t slot = masks->first_slot[i]; slot < missing; slot++)
		{
			m->row_of[slot] += (uint32_t) masks->nrows;
			if (m->cuts[slot])
				masks->nrows++;
		}
		masks->nrows += m->nclasses[i];
		m->row_of[missing] = (uint32_t) masks->nrows++;
	}
	masks->first_use[group + 1] = nuses;
}

/* ---------- masks of a group ---------- */

/* In the row of masks, rules out a tree's leaves whose bits are not set. */
static void
rule_out(const maker *m, uint32_t tree, uint32_t row, uint64_t mask)
{
	const hpc_masks *masks = m->masks;
	unsigned char *at =
		(unsigned char *) (masks->rows + (size_t) row * ROW_LANES) +
		tree % masks->group_size * masks->width;

	for (uint32_t i = 0; i < masks->width; i++)
		at[i] &= (unsigned char) (mask >> 8 * i);
}

/* Classes come in the order of their first levels. */
static void
place_set(maker *m, uint32_t tree, uint32_t feature, const uint32_t *set,
		  uint64_t mask)
{
	uint32_t first = m->masks->first_slot[feature];
	uint32_t nlevels = missing_slot(m->masks, feature) - first;
	uint32_t row = m->row_of[first];

	for (uint32_t level = 0; level < nlevels; level++)
	{
		if (m->row_of[first + level] != row)
			continue;
		if ((set[level / 32] >> (level % 32) & 1) == 0)
			rule_out(m, tree, row, mask);
		row++;
	}
	m->stopped |= hpc_cancelled(m->env);
}

/*
 * Where the split sends a row to the right.  Of a number only at the first
 * code that it does; the codes after it follow in spread_masks.
 */
static void
place_split(maker *m, uint32_t tree, const hpc_node *node, uint64_t mask)
{
	uint32_t feature = node->u.split.feature;
	uint32_t cut = node->u.split.cut;

	if ((node->u.split.flags & HPC_NODE_MISSING_LEFT) == 0)
		rule_out(m, tree, m->row_of[missing_slot(m->masks, feature)], mask);
	if (node->u.split.flags & HPC_NODE_SET)
		place_set(m, tree, feature, m->view->sets + cut, mask);
	else
		rule_out(m, tree, m->row_of[m->masks->first_slot[feature] + cut + 1],
				 mask);
}

/*
 * Places a subtree whose leaves are numbered from leaf on; answers how many it
 * has.  A tree of up to MAX_LEAVES leaves is no deeper.
 */
static uint32_t
place_node(maker *m, uint32_t tree, uint32_t at, uint32_t leaf)
{
	const hpc_masks *masks = m->masks;
	const hpc_node *node = m->view->nodes + m->view->trees[tree] + at;
	uint32_t nleft;

	if (node->left == 0)
	{
		memcpy(&masks->leaves[(size_t) tree * 8 * masks->width + leaf],
			   node->u.value, sizeof(double));
		return 1;
	}
	nleft = place_node(m, tree, node->left, leaf);
	if (!m->stopped)
		place_split(m, tree, node, ~(((UINT64_C(1) << nleft) - 1) << leaf));
	return nleft + place_node(m, tree, node->left + 1, leaf + nleft);
}

/* What a code of a number rules out, greater codes do too. */
static void
spread_masks(const maker *m, uint32_t group)
{
	const hpc_masks *masks = m->masks;

	for (uint32_t i = masks->first_use[group]; i < masks->first_use[group + 1];
		 i++)
	{
		uint32_t feature = masks->uses[i];
		uint32_t begin = m->row_of[masks->first_slot[feature]];
		uint32_t end = m->row_of[missing_slot(masks, feature)];
		lanes *at = masks->rows + (size_t) begin * ROW_LANES;

		if (m->view->features[feature].kind == HPC_CATEGORY)
			continue;
		for (size_t j = ROW_LANES; j < (size_t) (end - begin) * ROW_LANES; j++)
			at[j] &= at[j - ROW_LANES];
	}
}

/* ---------- all groups ---------- */

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

static bool
allocate_tables(hpc_env *env, hpc_masks *masks)
{
	masks->uses = hpc_alloc(env, (size_t) masks->ngroups * masks->nfeatures,
							sizeof(uint32_t));
	masks->first_use =
		hpc_alloc0(env, (size_t) masks->ngroups + 1, sizeof(uint32_t));
	masks->row_of = hpc_alloc(env, (size_t) masks->ngroups * masks->nslots,
							  sizeof(uint32_t));
	masks->leaves = hpc_alloc(env, (size_t) masks->ntrees * 8 * masks->width,
							  sizeof(double));
	return masks->uses != NULL && masks->first_use != NULL &&
		   masks->row_of != NULL && masks->leaves != NULL;
}

/* False: out of memory, not faster than a walk, or stopped. */
static bool
number_all_rows(maker *m)
{
	hpc_env *env = m->env;
	hpc_masks *masks = m->masks;
	bool fits;

	m->features = hpc_alloc(env, masks->nfeatures, sizeof(bool));
	m->cuts = hpc_alloc(env, masks->nslots, sizeof(bool));
	m->nclasses = hpc_alloc(env, masks->nfeatures, sizeof(uint32_t));
	m->next = hpc_alloc(env, 2 * (size_t) masks->nslots, sizeof(uint32_t));
	fits = m->features != NULL && m->cuts != NULL && m->nclasses != NULL &&
		   m->next != NULL;
	for (uint32_t group = 0; group < masks->ngroups && fits; group++)
	{
		take_group(m, group);
		collect_questions(m, group);
		number_rows(m, group);
		fits = !m->stopped && masks->nrows <= MAX_BYTES / ROW_BYTES;
	}
	hpc_free(env, m->next);
	hpc_free(env, m->nclasses);
	hpc_free(env, m->cuts);
	hpc_free(env, m->features);
	return fits && are_faster(masks);
}

static bool
allocate_rows(maker *m)
{
	hpc_masks *masks = m->masks;
	uintptr_t address;

	masks->block = hpc_alloc(m->env, masks->nrows * ROW_BYTES + ROW_BYTES, 1);
	if (masks->block == NULL)
		return false;
	address = (uintptr_t) masks->block;
	masks->rows =
		(lanes *) ((char *) masks->block + (-address & (ROW_BYTES - 1)));
	m->stopped = hpc_fill(m->env, masks->rows, 0xff,
						  masks->nrows * ROW_BYTES) != HPC_OK;
	return !m->stopped;
}

/* Likewise. */
static bool
make_masks(maker *m)
{
	hpc_env *env = m->env;
	hpc_masks *masks = m->masks;

	masks->first_slot =
		hpc_alloc(env, (size_t) masks->nfeatures + 1, sizeof(uint32_t));
	if (masks->first_slot == NULL || !number_slots(masks, m->view) ||
		!allocate_tables(env, masks) || !number_all_rows(m) ||
		!allocate_rows(m))
		return false;
	for (uint32_t group = 0; group < masks->ngroups && !m->stopped; group++)
	{
		take_group(m, group);
		for (uint32_t i = first_tree(masks, group);
			 i < first_tree(masks, group + 1); i++)
			place_node(m, i, 0, 0);
		spread_masks(m, group);
	}
	return !m->stopped;
}

hpc_status
hpc_masks_create(hpc_env *env, const hpc_model_view *view, hpc_masks **masks)
{
	maker m = {.env = env, .view = view};
	uint32_t nleaves = most_leaves(view);

	*masks = NULL;
	if (nleaves == 0 || nleaves > MAX_LEAVES)
		return HPC_OK;
	m.masks = hpc_alloc0(env, 1, sizeof(hpc_masks));
	if (m.masks == NULL)
		return HPC_OK;
	m.masks->ntrees = view->training->ntrees;
	m.masks->nfeatures = view->nfeatures;
	m.masks->wide = hpc_has_wide_registers();
	m.masks->width = width_for(nleaves);
	m.masks->group_size = ROW_BYTES / m.masks->width;
	m.masks->ngroups =
		(m.masks->ntrees + m.masks->group_size - 1) / m.masks->group_size;
	if (make_masks(&m))
		*masks = m.masks;
	else
		hpc_masks_free(env, m.masks);
	return m.stopped ? HPC_CANCELLED : HPC_OK;
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
