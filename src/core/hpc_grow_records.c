/*
 * hpc_grow_records.c
 *		Trees on rows that move with all that is read of them.
 *
 * Where the rows of a tree are numbers of rows, each look at a row of a small
 * node fetches lines of the cache of which it needs a few bytes: with ten
 * million rows that is most of the time of boosting.  Where a row has one
 * block of codes, it is as cheap to move the row itself: 16 bytes, and all
 * that follows walks memory upwards (hpc_records.c).
 */
#include "hpc_grow_inside.h"

/* ---------- sums ---------- */

static inline __attribute__((always_inline)) void
add_records(const hpc_block_use *use, const hpc_record *records, uint32_t n,
			double per_unit, int bits, hpc_narrow *cells, int nused,
			bool dense)
{
	for (uint32_t i = 0; i < n; i++)
	{
		const unsigned char *code = records[i].code;
		uint64_t q = (uint64_t) hpc_nearest(records[i].residual * per_unit);
		hpc_narrow amount = (hpc_narrow) (q << bits) + 1;

		/* by hand: at -O2 compilers leave a loop of eight as it is */
#define ADD_PLACE(j)                                             \
	if (nused > (j))                                             \
	{                                                            \
		int place = dense ? (j) : use->used[j];                  \
                                                                 \
		cells[place * HPC_NARROW_CELLS + code[place]] += amount; \
	}
		ADD_PLACE(0)
		ADD_PLACE(1)
		ADD_PLACE(2)
		ADD_PLACE(3)
		ADD_PLACE(4)
		ADD_PLACE(5)
		ADD_PLACE(6)
		ADD_PLACE(7)
#undef ADD_PLACE
	}
}

void
hpc_records_fill(const hpc_grower *grower, uint32_t begin, uint32_t n,
				 hpc_narrow *histogram)
{
	const hpc_bag *bag = &grower->bag;
	const hpc_block_use *use = grower->plan.plain.blocks;
	const hpc_record *records = bag->records.rows + begin;
	double per_unit = bag->per_unit;
	int bits = bag->weight_bits;
	hpc_narrow *cells = histogram + use->cells;
	bool dense = use->used[use->nused - 1] == use->nused - 1;

#define CASE(m)                                                            \
	case m:                                                                \
		if (dense)                                                         \
			add_records(use, records, n, per_unit, bits, cells, m, true);  \
		else                                                               \
			add_records(use, records, n, per_unit, bits, cells, m, false); \
		break
	switch (use->nused)
	{
		CASE(1);
		CASE(2);
		CASE(3);
		CASE(4);
		CASE(5);
		CASE(6);
		CASE(7);
		CASE(8);
	}
#undef CASE
}

hpc_squares
hpc_records_squares(const hpc_grower *grower, uint32_t begin, uint32_t n)
{
	const hpc_record *records = grower->bag.records.rows + begin;
	double per_unit = grower->bag.per_unit;
	hpc_squares sum = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		int64_t q = hpc_nearest(records[i].residual * per_unit);

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
	uint32_t n = at->end - at->begin;
	hpc_divider divider = {.place = hpc_record_place(grower->frame, feature)};

	for (uint32_t code = 0; code <= feature->nbins; code++)
		divider.right[code] =
			!hpc_tree_goes_left(&grower->tree, split, feature, code);
	return at->begin +
		   hpc_records_divide(&grower->bag.records, &divider, at->begin, n,
							  grower->crew, grower->worker,
							  hpc_rows_team(grower, n), &grower->stopped);
}
