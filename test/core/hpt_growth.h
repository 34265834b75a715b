/*
 * hpt_growth.h
 *		Growing one tree on a sample of a table's rows.
 */
#ifndef HPT_GROWTH_H
#define HPT_GROWTH_H

#include "hpc_grow_inside.h"
#include "hpt_table.h"
#include "hpt_twin.h"

/* A frame, a sample of its rows, and rules to grow a tree by. */
typedef struct hpt_growth
{
	hpt_memory memory;
	hpt_framed framed;
	const hpc_frame *frame;
	hpc_lines *lines; /* NULL where there are few rows */
	hpc_lines *packs; /* of records */
	hpc_grow_rules rules;
	hpt_sample sample;
	uint64_t stream;
	bool wide;
	bool team;
	bool narrow_registers; /* no wider ones than every machine has */
	int nworkers;

	/* how it went */
	hpc_grower *grower;
	hpc_tree *tree;
	int nrooms; /* times that it wanted room */
} hpt_growth;

/* All levels of any size, shrunk by 10 rows, pooled below 5. */
extern hpc_grow_rules
hpt_rules(uint64_t min_leaf, uint32_t max_leaves, int tried);

/* The frame of a table and an empty sample; full trees of all features. */
extern void
hpt_growth_begin(hpt_growth *g, const hpt_table *table, uint32_t max_bins);
extern void hpt_growth_end(hpt_growth *g);

/* Grows a tree, which lives until the next one. */
extern hpc_status hpt_growth_grow(hpt_growth *g);

/* The same, and compares it with the twin's, of which nnodes is told. */
extern bool hpt_growth_is_as_twin(hpt_growth *g, uint32_t *nnodes);

/* The sample is every row as often as it is there, q its target. */
extern void hpt_growth_take_all(hpt_growth *g);

#endif /* HPT_GROWTH_H */
