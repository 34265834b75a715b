/*
 * hpt_case.h
 *		A table and parameters drawn from a seed: any algorithm, any options.
 */
#ifndef HPT_CASE_H
#define HPT_CASE_H

#include "hpt_table.h"

#define HPT_CASE_MEMBERS 3

typedef struct hpt_case
{
	uint64_t seed;
	hpt_table table;
	hpc_params params;
	int nmonotone;
	hpc_monotone monotone[HPT_MAX_COLUMNS];
	hpc_params members[HPT_CASE_MEMBERS];
	char words[400]; /* what it is, for failures */
} hpt_case;

/* nrows 0: as the seed says, 1 to 600. */
extern void hpt_case_init(hpt_case *drawn, uint64_t seed,
						  hpc_algorithm algorithm, uint32_t nrows);
extern void hpt_case_free(hpt_case *drawn);

#endif /* HPT_CASE_H */
