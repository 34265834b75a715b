/*
 * hpc_grower.c
 *		The workplace in which trees grow: made once, used for tree after tree.
 *
 * All memory that a tree needs is allocated here, by the calling thread, for
 * the largest tree that the frame and the rules allow; threads then grow
 * without allocating.  Only the sets of categorical splits may turn out to
 * need more room.
 */
#include <string.h>

#include "hpc_cpu.h"
#include "hpc_grow_inside.h"
#include "hpc_memory.h"

#define FIRST_SET_WORDS 4096

/* Memory for histograms that are kept with their nodes. */
#define MAX_HISTOGRAM_BYTES (UINT64_C(64) << 20)

/* Memory for lists. */
#define MAX_LIST_ENTRIES (UINT64_C(32) << 20)

/* Depth first fewer nodes than this wait: each is larger than the next. */
#define MAX_STACK 66

/* No tree has more leaves than rows, whatever max_leaves says. */
static uint32_t
most_leaves(const hpc_grow_rules *rules, uint32_t nrows)
{
	return rules->max_leaves > 0 && rules->max_leaves < nrows
			   ? rules->max_leaves
			   : nrows;
}

static uint32_t
most_bins(const hpc_frame *frame)
{
	uint32_t most = 1;

	for (int i = 0; i < frame->nfeatures; i++)
	{
		if (frame->features[i].nbins > most)
			most = frame->features[i].nbins;
	}
	return most;
}

/* How many histograms are kept with nodes; without any, one for all. */
static int
count_histograms(const hpc_grower *grower)
{
	uint64_t nbytes = grower->max_cells * grower->cell_size;
	uint64_t wanted =
		grower->rules->max_leaves > 0 ? grower->rules->max_leaves : MAX_STACK;
	uint64_t fit = MAX_HISTOGRAM_BYTES / (nbytes > 0 ? nbytes : 1);

	if (!hpc_rules_try_all(grower->rules, grower->frame))
		return 0;
	if (fit < 4)
		fit = 4;
	return (int) (wanted < fit ? wanted + 1 : fit);
}

static bool
allocate_histograms(hpc_env *env, hpc_grower *grower, const hpc_lines *lines)
{
	const hpc_frame *frame = grower->frame;
	int nworkers = grower->rules->nworkers > 1 ? grower->rules->nworkers : 1;

	grower->max_cells = hpc_plan_cells(frame);
	grower->nhistograms = count_histograms(grower);
	grower->histograms =
		hpc_alloc(env, (size_t) grower->nhistograms + (size_t) nworkers,
				  grower->max_cells * grower->cell_size);
	grower->unused = hpc_alloc(env, (size_t) grower->nhistograms, sizeof(int));
	grower->squares =
		hpc_alloc(env, (size_t) grower->nhistograms + (size_t) nworkers,
				  sizeof(hpc_squares));
	grower->max_packed = hpc_plan_packed_cells(lines);
	grower->packs = hpc_alloc(env, (size_t) nworkers,
							  grower->max_packed * grower->cell_size);
	return grower->histograms != NULL && grower->unused != NULL &&
		   grower->squares != NULL && grower->packs != NULL &&
		   hpc_plan_create(env, frame, lines, &grower->plan) == HPC_OK;
}

/* Rows that the lists hold; 0 where nodes wait whose rows would not fit. */
static uint32_t
list_rows(const hpc_grower *grower)
{
	uint32_t nrows = grower->frame->nrows;
	uint64_t fit =
		MAX_LIST_ENTRIES / ((uint64_t) grower->frame->nfeatures + 1);

	if (fit > HPC_LIST_ROWS)
		fit = HPC_LIST_ROWS;
	if (grower->rules->nrecords > 0)
		return 0;
	if (nrows <= fit)
		return nrows;
	return grower->rules->max_leaves > 0 ? 0 : (uint32_t) fit;
}

static bool
allocate_lists(hpc_env *env, hpc_grower *grower)
{
	size_t nfeatures = (size_t) grower->frame->nfeatures;
	size_t nrows = grower->frame->nrows;
	size_t max;

	grower->max_list = list_rows(grower);
	max = grower->max_list;
	grower->lists = hpc_alloc(env, nfeatures * max, sizeof(uint32_t));
	grower->slot_row = hpc_alloc(env, max, sizeof(uint32_t));
	grower->slot_cell = hpc_alloc(env, max, grower->cell_size);
	grower->side = hpc_alloc(env, max, 1);
	grower->spare = hpc_alloc(env, grower->rules->nrecords > 0 ? 0 : nrows,
							  sizeof(uint32_t));
	return grower->lists != NULL && grower->slot_row != NULL &&
		   grower->slot_cell != NULL && grower->side != NULL &&
		   grower->spare != NULL;
}

static bool
allocate_search(hpc_env *env, hpc_grower *grower)
{
	size_t nfeatures = (size_t) grower->frame->nfeatures;
	size_t nbins = most_bins(grower->frame);

	grower->feature_hash = hpc_alloc(env, nfeatures, sizeof(uint64_t));
	grower->order = hpc_alloc(env, nfeatures, sizeof(int));
	grower->all_features = hpc_alloc(env, nfeatures, sizeof(int));
	grower->levels = hpc_alloc(env, nbins + 1, sizeof(hpc_level));
	grower->spare_levels = hpc_alloc(env, nbins + 1, sizeof(hpc_level));
	grower->pooled = hpc_alloc(env, nbins, sizeof(uint32_t));
	grower->shorts = hpc_short_create(env, grower->frame->nfeatures);
	grower->best_set =
		hpc_alloc(env, hpc_set_words((uint32_t) nbins), sizeof(uint32_t));
	if (grower->feature_hash == NULL || grower->order == NULL ||
		grower->all_features == NULL || grower->levels == NULL ||
		grower->spare_levels == NULL || grower->pooled == NULL ||
		grower->best_set == NULL || grower->shorts == NULL)
		return false;
	for (int i = 0; i < grower->frame->nfeatures; i++)
		grower->all_features[i] = i;
	return true;
}

uint64_t
hpc_most_nodes(const hpc_grow_rules *rules, const hpc_frame *frame)
{
	return 2 * (uint64_t) most_leaves(rules, frame->nrows);
}

static bool
allocate_bag(hpc_env *env, hpc_grower *grower)
{
	size_t nrows = grower->frame->nrows;
	uint32_t nrecords = grower->rules->nrecords;
	hpc_bag *bag = &grower->bag;

	if (nrecords > 0)
	{
		hpc_records *records = &bag->records;

		records->size = hpc_record_size(grower->rules->record_packs);
		records->wide = hpc_has_wide_registers();
		records->rows = hpc_alloc(env, nrecords, records->size);
		if (grower->rules->record_keys)
			records->keys = hpc_alloc(env, nrecords, sizeof(uint64_t));
		return records->rows != NULL &&
			   (records->keys != NULL || !grower->rules->record_keys);
	}
	bag->rows = grower->tree.rows = hpc_alloc(env, nrows, sizeof(uint32_t));
	if (grower->wide)
		bag->wide = hpc_alloc(env, nrows, sizeof(hpc_wide));
	else
		bag->narrow = hpc_alloc(env, nrows, sizeof(hpc_narrow));
	return bag->rows != NULL && (bag->wide != NULL || bag->narrow != NULL);
}

static bool
allocate_tree(hpc_env *env, hpc_grower *grower)
{
	size_t leaves = most_leaves(grower->rules, grower->frame->nrows);
	hpc_tree *tree = &grower->tree;

	tree->max_set_words = FIRST_SET_WORDS;
	tree->sets = hpc_alloc(env, FIRST_SET_WORDS, sizeof(uint32_t));
	tree->nodes = hpc_alloc(env, hpc_most_nodes(grower->rules, grower->frame),
							sizeof(hpc_tree_node));
	if (grower->rules->monotone != NULL)
	{
		tree->bounds = hpc_alloc(env, 4 * leaves, sizeof(double));
		if (tree->bounds == NULL)
			return false;
	}
	grower->waiting =
		hpc_alloc(env, grower->rules->max_leaves > 0 ? leaves + 1 : MAX_STACK,
				  sizeof(hpc_pending));
	return tree->sets != NULL && tree->nodes != NULL &&
		   grower->waiting != NULL && allocate_bag(env, grower);
}

/* About what a grower takes. */
static uint64_t
grower_bytes(const hpc_frame *frame, const hpc_grow_rules *rules, bool wide)
{
	hpc_grower grower = {.frame = frame, .rules = rules};
	uint64_t leaves = most_leaves(rules, frame->nrows);
	uint64_t nrows = frame->nrows;
	uint64_t nworkers = rules->nworkers > 1 ? (uint64_t) rules->nworkers : 1;
	uint64_t max_list;

	grower.cell_size = wide ? sizeof(hpc_wide) : sizeof(hpc_narrow);
	grower.max_cells = hpc_plan_cells(frame);
	max_list = list_rows(&grower);
	return leaves * (2 * sizeof(hpc_tree_node) +
					 (rules->monotone != NULL ? 4 * sizeof(double) : 0)) +
		   (rules->nrecords > 0
				? rules->nrecords *
					  (hpc_record_size(rules->record_packs) +
					   (rules->record_keys ? sizeof(uint64_t) : 0))
				: nrows * (2 * sizeof(uint32_t) + grower.cell_size)) +
		   ((uint64_t) count_histograms(&grower) + nworkers) *
			   grower.max_cells * grower.cell_size +
		   max_list * ((uint64_t) frame->nfeatures * sizeof(uint32_t) +
					   sizeof(uint32_t) + grower.cell_size + 1) +
		   (uint64_t) most_bins(frame) * 2 * sizeof(hpc_level);
}

hpc_status
hpc_grower_count(hpc_env *env, const hpc_frame *frame,
				 const hpc_grow_rules *rules, bool wide, uint64_t more, int *n)
{
	uint64_t nbytes = grower_bytes(frame, rules, wide) + more;

	while (*n > 1 && env->memory_left != NULL &&
		   nbytes * (uint64_t) *n > env->memory_left(env->opaque))
		(*n)--;
	return hpc_need(env, nbytes, "grow trees",
					rules->max_leaves == 0
						? "Trees are smaller with max_leaves or max_depth, "
						  "histograms with max_bins => 255; or choose fewer "
						  "columns or rows."
						: "Histograms are smaller with max_bins => 255; or "
						  "choose fewer columns or rows.");
}

hpc_grower *
hpc_grower_create(hpc_env *env, const hpc_frame *frame, const hpc_lines *lines,
				  const hpc_grow_rules *rules, bool wide)
{
	hpc_grower *grower = hpc_alloc0(env, 1, sizeof(hpc_grower));

	if (grower == NULL)
		return NULL;
	grower->frame = frame;
	grower->rules = rules;
	grower->wide = wide;
	grower->wide_registers = hpc_has_wide_registers();
	grower->cell_size = wide ? sizeof(hpc_wide) : sizeof(hpc_narrow);
	if (!allocate_tree(env, grower) ||
		!allocate_histograms(env, grower, lines) ||
		!allocate_lists(env, grower) || !allocate_search(env, grower))
	{
		hpc_grower_free(env, grower);
		return NULL;
	}
	return grower;
}

void
hpc_grower_free(hpc_env *env, hpc_grower *grower)
{
	if (grower == NULL)
		return;
	hpc_free(env, grower->tree.sets);
	hpc_free(env, grower->tree.nodes);
	hpc_free(env, grower->tree.bounds);
	hpc_free(env, grower->waiting);
	hpc_free(env, grower->bag.rows);
	hpc_free(env, grower->bag.wide);
	hpc_free(env, grower->bag.narrow);
	hpc_free(env, grower->bag.records.rows);
	hpc_free(env, grower->bag.records.keys);
	hpc_free(env, grower->histograms);
	hpc_free(env, grower->unused);
	hpc_free(env, grower->squares);
	hpc_free(env, grower->packs);
	hpc_plan_free(env, &grower->plan);
	hpc_free(env, grower->lists);
	hpc_free(env, grower->slot_row);
	hpc_free(env, grower->slot_cell);
	hpc_free(env, grower->side);
	hpc_free(env, grower->spare);
	hpc_free(env, grower->feature_hash);
	hpc_free(env, grower->order);
	hpc_free(env, grower->all_features);
	hpc_free(env, grower->levels);
	hpc_free(env, grower->spare_levels);
	hpc_free(env, grower->pooled);
	hpc_free(env, grower->best_set);
	hpc_short_free(env, grower->shorts);
	hpc_free(env, grower);
}

hpc_bag *
hpc_grower_bag(hpc_grower *grower)
{
	return &grower->bag;
}

void
hpc_grower_clear_packs(hpc_grower *grower)
{
	int nworkers = grower->rules->nworkers > 1 ? grower->rules->nworkers : 1;

	memset(grower->packs, 0,
		   (size_t) nworkers * grower->max_packed * grower->cell_size);
}

hpc_narrow *
hpc_grower_packs(hpc_grower *grower, int worker)
{
	return (hpc_narrow *) (void *) grower->packs +
		   (size_t) worker * grower->max_packed;
}

bool
hpc_grower_wants_room(const hpc_grower *grower)
{
	return grower->wants_room;
}

hpc_status
hpc_grower_make_room(hpc_env *env, hpc_grower *grower)
{
	uint64_t words = (uint64_t) grower->tree.max_set_words * 4;
	uint32_t *sets;

	if (words > UINT32_MAX)
		return hpc_fail(env, HPC_LIMIT,
						"a tree has too many splits by category");
	/* the tree will be grown again, so nothing needs to be copied */
	sets = hpc_alloc(env, words, sizeof(uint32_t));
	if (sets == NULL)
		return HPC_NO_MEMORY;
	hpc_free(env, grower->tree.sets);
	grower->tree.sets = sets;
	grower->tree.max_set_words = (uint32_t) words;
	grower->wants_room = false;
	return HPC_OK;
}

hpc_status
hpc_monotone_signs(hpc_env *env, const hpc_frame *frame,
				   const hpc_params *params, int8_t **signs)
{
	bool any = false;

	*signs = NULL;
	if (params->nmonotone == 0)
		return HPC_OK;
	*signs = hpc_alloc0(env, (size_t) frame->nfeatures, sizeof(int8_t));
	if (*signs == NULL)
		return HPC_NO_MEMORY;
	for (int i = 0; i < params->nmonotone; i++)
	{
		for (int j = 0; j < frame->nfeatures; j++)
		{
			if (strcmp(frame->features[j].name, params->monotone[i].column) !=
				0)
				continue;
			(*signs)[j] = (int8_t) params->monotone[i].sign;
			any |= params->monotone[i].sign != 0;
		}
	}
	if (!any)
	{
		hpc_free(env, *signs);
		*signs = NULL;
	}
	return HPC_OK;
}
