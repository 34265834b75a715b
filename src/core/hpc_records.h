/*
 * hpc_records.h
 *		Rows that move with all that is read of them.
 */
#ifndef HPC_RECORDS_H
#define HPC_RECORDS_H

#include "hpc_lines.h"
#include "hpc_parallel.h"

/* A row: its residual, and its codes in the frame's only block. */
typedef struct hpc_record
{
	double residual;
	unsigned char code[HPC_BLOCK];
} hpc_record;

typedef struct hpc_records
{
	hpc_record *rows;
	uint64_t *keys; /* for random draws, by row; NULL: there are none */
} hpc_records;

/* What goes left and what goes right. */
typedef struct hpc_divider
{
	bool by_draw;

	/* left: hpc_draw(stream, key) is below */
	uint64_t stream;
	uint64_t threshold;

	/* right: the row's byte at the place has a 1 here */
	int place;
	uint8_t right[HPC_NARROW_CELLS];
} hpc_divider;

/*
 * Divides rows first .. first + n - 1 in place, what goes left before what goes
 * right, in no order; answers how many go left.  nworkers of the crew share
 * the work; 1: only this one works.  When the crew stopped, *stopped is set, and
 * all rows are there, but not divided.
 */
extern uint32_t
hpc_records_divide(const hpc_records *records, const hpc_divider *divider,
				   uint32_t first, uint32_t n, hpc_crew *crew, int worker,
				   int nworkers, bool *stopped);

#endif /* HPC_RECORDS_H */
