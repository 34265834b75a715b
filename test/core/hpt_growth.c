/*
 * hpt_growth.c
 *		Growing one tree on a sample of a table's rows.
 */
#include <stdlib.h>
#include <string.h>

#include "hpt_growth.h"

hpc_grow_rules
hpt_rules(uint64_t min_leaf, uint32_t max_leaves, int tried)
{
	return (hpc_grow_rules){.min_leaf = min_leaf,
							.cat_smooth = 10,
							.cat_min_rows = 5,
							.max_leaves = max_leaves,
							.nfeatures_tried = tried,
							.weight_unit = 1,
							.nworkers = 1};
}

void
hpt_growth_begin(hpt_growth *g, const hpt_table *table, uint32_t max_bins)
{
	memset(g, 0, sizeof(*g));
	hpt_memory_init(&g->memory, 1);
	hpt_table_frame(&g->memory.env, table, max_bins, &g->framed);
	g->frame = g->framed.frame;
	hpc_lines_create(&g->memory.env, g->frame, &g->lines);
	g->rules = hpt_rules(1, 0, g->frame->nfeatures);
	g->nworkers = 1;
	g->stream = 12345;
	hpt_sample_init(&g->sample, g->frame);
}

void
hpt_growth_end(hpt_growth *g)
{
	hpc_grower_free(&g->memory.env, g->grower);
	hpt_sample_free(&g->sample);
	hpc_lines_free(&g->memory.env, g->lines);
	hpc_lines_free(&g->memory.env, g->packs);
	hpt_framed_free(&g->memory.env, &g->framed);
	if (g->memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
}

/* The body of the crew: grows until nothing is wanted. */
static hpc_status
grow_in_crew(hpc_crew *crew, void *context)
{
	hpt_growth *g = context;

	for (;;)
	{
		hpt_sample_fill(&g->sample, g->frame, g->packs, g->grower);
		g->tree = hpc_tree_grow(g->grower, crew, 0, g->team, g->stream);
		if (g->tree != NULL || !hpc_grower_wants_room(g->grower))
			return HPC_OK;
		g->nrooms++;
		if (hpc_grower_make_room(&g->memory.env, g->grower) != HPC_OK)
			return HPC_NO_MEMORY;
	}
}

hpc_status
hpt_growth_grow(hpt_growth *g)
{
	bool records = g->rules.nrecords > 0;

	hpc_grower_free(&g->memory.env, g->grower);
	g->memory.env.nthreads = g->nworkers;
	g->rules.nworkers = g->team ? g->nworkers : 1;
	if (records && g->packs == NULL)
		hpc_packs_create(&g->memory.env, g->frame, &g->packs);
	if (records)
		g->rules.record_packs = g->packs->npacks;
	g->grower =
		hpc_grower_create(&g->memory.env, g->frame,
						  records ? g->packs : g->lines, &g->rules, g->wide);
	if (g->grower == NULL)
		return HPC_NO_MEMORY;
	if (g->narrow_registers)
	{
		hpc_short_make_narrow(g->grower->shorts);
		g->grower->wide_registers = false;
		g->grower->bag.records.wide = false;
	}
	return hpc_crew_open(&g->memory.env, g->nworkers, grow_in_crew, g);
}

/* Grows the tree and compares it with the twin's. */
bool
hpt_growth_is_as_twin(hpt_growth *g, uint32_t *nnodes)
{
	hpt_twin twin;
	uint32_t ndifferences;
	hpc_status status = hpt_growth_grow(g);

	hpt_twin_grow(&twin, g->frame, &g->rules, &g->sample, g->stream);
	ndifferences = status == HPC_OK ? hpt_twin_differences(&twin, g->tree) : 1;
	if (nnodes != NULL)
		*nnodes = twin.nnodes;
	hpt_twin_free(&twin);
	return ndifferences == 0;
}

void
hpt_growth_take_all(hpt_growth *g)
{
	g->sample.nrows = 0;
	for (uint32_t row = 0; row < g->frame->nrows; row++)
	{
		uint64_t count = hpc_row_count(g->frame, row);

		g->sample.held[row] =
			(hpc_total){(int64_t) g->frame->target[row] * (int64_t) count,
						count, count};
		g->sample.rows[g->sample.nrows++] = row;
	}
	g->sample.weight_bits = 20;
	g->sample.pure_value = g->frame->target;
}
