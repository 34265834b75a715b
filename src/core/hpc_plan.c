/*
 * hpc_plan.c
 *		Where the cells of a tree's features are in a histogram, and what is
 *		read to fill it.
 *
 * The features of a block have HPC_NARROW_CELLS cells each, in the order of
 * their places; those of two bytes follow.
 */
#include "hpc_memory.h"
#include "hpc_scan.h"

/* ---------- memory ---------- */

static hpc_status
create_reading(hpc_env *env, size_t nblocks, size_t nwide,
			   hpc_reading *reading)
{
	reading->blocks = hpc_alloc(env, nblocks, sizeof(hpc_block_use));
	reading->wide = hpc_alloc(env, nwide, sizeof(hpc_wide_use));
	return reading->blocks != NULL && reading->wide != NULL ? HPC_OK
															: HPC_NO_MEMORY;
}

hpc_status
hpc_plan_create(hpc_env *env, const hpc_frame *frame, const hpc_lines *lines,
				hpc_histogram_plan *plan)
{
	size_t nfeatures = (size_t) frame->nfeatures;
	hpc_status status =
		create_reading(env, (size_t) frame->nblocks, nfeatures, &plan->plain);

	plan->frame = frame;
	plan->lines = lines;
	if (status == HPC_OK && lines != NULL)
	{
		int nblocks = lines->npacks / HPC_BLOCK + lines->nlines + 1;

		status =
			create_reading(env, (size_t) nblocks, nfeatures, &plan->packed);
	}
	plan->offset = hpc_alloc(env, nfeatures, sizeof(size_t));
	plan->range_begin = hpc_alloc(env, nfeatures, sizeof(size_t));
	plan->range_end = hpc_alloc(env, nfeatures, sizeof(size_t));
	return plan->offset != NULL && plan->range_begin != NULL &&
				   plan->range_end != NULL
			   ? status
			   : HPC_NO_MEMORY;
}

void
hpc_plan_free(hpc_env *env, hpc_histogram_plan *plan)
{
	hpc_free(env, plan->plain.blocks);
	hpc_free(env, plan->plain.wide);
	hpc_free(env, plan->packed.blocks);
	hpc_free(env, plan->packed.wide);
	hpc_free(env, plan->offset);
	hpc_free(env, plan->range_begin);
	hpc_free(env, plan->range_end);
}

size_t
hpc_plan_cells(const hpc_frame *frame)
{
	size_t ncells = (size_t) frame->nblocks * HPC_BLOCK * HPC_NARROW_CELLS;

	for (int i = 0; i < frame->nfeatures; i++)
	{
		if (frame->features[i].width == 2)
			ncells += (size_t) frame->features[i].nbins + 1;
	}
	return ncells;
}

size_t
hpc_plan_packed_cells(const hpc_lines *lines)
{
	return lines == NULL ? 0 : (size_t) lines->npacks * HPC_NARROW_CELLS;
}

/* ---------- the plan of a tree ---------- */

static inline bool
is_used(const hpc_histogram_plan *plan, int feature)
{
	return plan->offset[feature] != SIZE_MAX;
}

/* Adds the cells of a feature to those in use; neighbours are joined. */
static void
use_cells(hpc_histogram_plan *plan, int feature, size_t begin)
{
	size_t end = begin + plan->frame->features[feature].nbins + 1;

	plan->offset[feature] = begin;
	if (plan->nranges > 0 && plan->range_end[plan->nranges - 1] == begin)
		plan->range_end[plan->nranges - 1] = end;
	else
	{
		plan->range_begin[plan->nranges] = begin;
		plan->range_end[plan->nranges++] = end;
	}
}

static void
read_wide(const hpc_histogram_plan *plan, hpc_reading *reading, int feature,
		  const unsigned char *codes, size_t stride, bool leads)
{
	reading->wide[reading->nwide++] = (hpc_wide_use){
		.codes = codes,
		.stride = stride,
		.leads = leads,
		.cells = plan->offset[feature],
	};
}

/* Blocks, and features of two bytes. */
static void
plan_plain(hpc_histogram_plan *plan)
{
	const hpc_frame *frame = plan->frame;
	hpc_reading *plain = &plan->plain;
	size_t offset = (size_t) frame->nblocks * HPC_BLOCK * HPC_NARROW_CELLS;

	plain->nblocks = plain->nwide = plan->nranges = 0;
	for (int block = 0; block < frame->nblocks; block++)
	{
		size_t cells = (size_t) block * HPC_BLOCK * HPC_NARROW_CELLS;
		hpc_block_use use = {.codes = frame->blocks[block],
							 .stride = HPC_BLOCK,
							 .leads = true,
							 .cells = cells};

		for (int place = 0; place < HPC_BLOCK; place++)
		{
			int feature = frame->block_feature[block * HPC_BLOCK + place];

			if (feature < 0 || !is_used(plan, feature))
				continue;
			use.used[use.nused++] = (uint8_t) place;
			use_cells(plan, feature,
					  cells + (size_t) place * HPC_NARROW_CELLS);
		}
		if (use.nused > 0)
			plain->blocks[plain->nblocks++] = use;
	}
	for (int i = 0; i < frame->nfeatures; i++)
	{
		const hpc_feature *feature = &frame->features[i];

		if (feature->width == 1 || !is_used(plan, i))
			continue;
		use_cells(plan, i, offset);
		offset += (size_t) feature->nbins + 1;
		read_wide(plan, plain, i, feature->codes, sizeof(uint16_t), true);
	}
}

static bool
is_pack_used(const hpc_histogram_plan *plan, const hpc_pack *pack)
{
	for (int i = 0; i < pack->nmembers; i++)
	{
		if (is_used(plan, pack->member[i]))
			return true;
	}
	return false;
}

/* Those of packs first .. end - 1 that are used.  False: none. */
static bool
read_packs(hpc_histogram_plan *plan, hpc_block_use use, int first, int end)
{
	hpc_reading *packed = &plan->packed;

	use.cells = (size_t) first * HPC_NARROW_CELLS;
	for (int i = first; i < end; i++)
	{
		if (is_pack_used(plan, &plan->lines->packs[i]))
			use.used[use.nused++] = (uint8_t) (i - first);
	}
	if (use.nused > 0)
		packed->blocks[packed->nblocks++] = use;
	return use.nused > 0;
}

static void
plan_line(hpc_histogram_plan *plan, const hpc_line *line)
{
	const hpc_lines *lines = plan->lines;
	hpc_reading *packed = &plan->packed;
	const unsigned char *wide = line->codes + line->nblocks * HPC_BLOCK;
	bool leads = true;

	for (int block = 0; block < line->nblocks; block++)
	{
		int first = line->first_pack + block * HPC_BLOCK;
		int end = line->first_pack + line->npacks;
		hpc_block_use use = {.codes = line->codes + block * HPC_BLOCK,
							 .stride = line->stride,
							 .leads = leads};

		if (read_packs(plan, use, first,
					   end < first + HPC_BLOCK ? end : first + HPC_BLOCK))
			leads = false;
	}
	for (int i = 0; i < line->nwide; i++)
	{
		int feature = lines->wide[line->first_wide + i];

		if (!is_used(plan, feature))
			continue;
		read_wide(plan, packed, feature, wide + 2 * i, line->stride, leads);
		leads = false;
	}
}

void
hpc_plan_tree(hpc_histogram_plan *plan, const int *features, int nfeatures)
{
	for (int i = 0; i < plan->frame->nfeatures; i++)
		plan->offset[i] = SIZE_MAX;
	for (int i = 0; i < nfeatures; i++)
		plan->offset[features[i]] = 0;
	plan_plain(plan);
	if (plan->lines == NULL)
		return;
	plan->packed.nblocks = plan->packed.nwide = 0;
	for (int i = 0; i < plan->lines->nlines; i++)
		plan_line(plan, &plan->lines->lines[i]);
	/* rows that move have their packs in one block */
	if (plan->lines->nlines == 0)
		read_packs(plan, (hpc_block_use){0}, 0, plan->lines->npacks);
}
