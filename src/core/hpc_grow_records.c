/*
 * hpc_grow_records.c
 *		Trees on rows that move with all that is read of them.
 *
 * Where the rows of a tree are numbers of rows, each look at a row of a small
 * node fetches lines of the cache of which it needs a few bytes: with ten
 * million rows that is most of the time of boosting.  Where a row has few bytes
 * of codes, it is as cheap to move the row itself, and all that follows walks
 * memory upwards (hpc_records.c).
 */
#include "hpc_grow_inside.h"

/* ---------- sums ---------- */

static inline __attribute__((always_inline)) void
add_records(const hpc_bag *bag, const unsigned char *record, size_t size,
			uint32_t n, hpc_narrow *packs, const uint8_t *used, int nused)
{
	double per_unit = bag->per_unit;
	int bits = bag->weight_bits;

	for (uint32_t i = 0; i < n; i++, record += size)
	{
		int64_t q = hpc_nearest(hpc_record_residual(record) * per_unit);

		hpc_record_add(record, (hpc_narrow) ((uint64_t) q << bits) + 1, packs,
					   used, nused);
	}
}

void
hpc_records_fill(const hpc_grower *grower, uint32_t begin, uint32_t n,
				 hpc_narrow *packs)
{
	const hpc_bag *bag = &grower->bag;
	const hpc_block_use *use = grower->plan.packed.blocks;
	const unsigned char *record = hpc_record(&bag->records, begin);
	bool all = use->nused == grower->plan.lines->npacks;

#define CASE(m)                                                              \
	case m:                                                                  \
		if (all)                                                             \
			add_records(bag, record, hpc_record_size(m), n, packs, NULL, m); \
		else                                                                 \
			add_records(bag, record, bag->records.size, n, packs, use->used, \
						m);                                                  \
		break
	switch (use->nused)
	{
		HPC_BLOCK_CASES(CASE);
	}
#undef CASE
}

hpc_narrow
hpc_records_sum(hpc_grower *grower)
{
	int nworkers = grower->rules->nworkers > 1 ? grower->rules->nworkers : 1;
	hpc_narrow sum = 0;

	for (int worker = 0; worker < nworkers; worker++)
	{
		/* each record is in one cell of the first pack */
		const hpc_narrow *cells = hpc_grower_packs(grower, worker);

		for (uint32_t i = 0; i < HPC_NARROW_CELLS; i++)
			sum += cells[i];
	}
	return sum;
}

hpc_squares
hpc_records_squares(const hpc_grower *grower, uint32_t begin, uint32_t n)
{
	const hpc_bag *bag = &grower->bag;
	hpc_squares sum = 0;

	for (uint32_t i = begin; i < begin + n; i++)
	{
		double residual = hpc_record_residual(hpc_record(&bag->records, i));
		int64_t q = hpc_nearest(residual * bag->per_unit);

		sum += (hpc_squares) (q * (__int128) q);
	}
	return sum;
}

/* ---------- division ---------- */

uint32_t
hpc_records_partition(hpc_grower *grower, const hpc_pending *at)
{
	const hpc_tree_node *split = &grower->tree.nodes[at->node];
	const hpc_feature *feature = &grower->frame->features[split->feature];
	const hpc_lines *packs = grower->plan.lines;
	const hpc_member *member = &packs->members[split->feature];
	uint32_t n = at->end - at->begin;
	uint32_t nleft = (uint32_t) at->split.left.count;
	hpc_divider divider = {.pack = member->pack};

	for (uint32_t byte = 0; byte < packs->packs[member->pack].ncells; byte++)
	{
		if (!hpc_tree_goes_left(&grower->tree, split, feature,
								member->code[byte]))
			divider.right[byte / 32] |= UINT32_C(1) << (byte % 32);
	}
	if (!hpc_records_divide(&grower->bag.records, &divider, at->begin, n,
							nleft, grower->crew, grower->worker,
							hpc_rows_team(grower, n)))
		grower->stopped = true;
	return at->begin + nleft;
}
