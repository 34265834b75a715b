/*
 * hpc_frame_inside.h
 *		What the files that make a frame share: hpc_frame.c, which has the
 *		steps, and hpc_code.c, which codes one column.
 */
#ifndef HPC_FRAME_INSIDE_H
#define HPC_FRAME_INSIDE_H

#include "hpc_frame.h"
#include "hpc_memory.h"

/* Rows read at a time. */
#define HPC_FRAME_ROWS 4096

typedef struct hpc_frame_maker
{
	hpc_env *env;
	hpc_dataset *dataset;
	const hpc_frame_rules *rules;
	hpc_frame *frame;
	uint32_t nraw;      /* rows of the data set */
	uint32_t *ranks;    /* [nraw] of the column at hand */
	hpc_hash *row_hash; /* [nraw] */
	int nnarrow;        /* features in blocks so far */
} hpc_frame_maker;

/* Rows from this one on that are read at a time. */
static inline uint32_t
hpc_frame_rows(const hpc_frame_maker *maker, uint32_t row)
{
	uint32_t left = maker->nraw - row;

	return left < HPC_FRAME_ROWS ? left : HPC_FRAME_ROWS;
}

/* Has the caller asked to stop?  In a loop over such stretches of rows. */
static inline bool
hpc_frame_poll(const hpc_frame_maker *maker, uint32_t row)
{
	return row / HPC_FRAME_ROWS % 16 == 15 && hpc_cancelled(maker->env);
}

/*
 * Codes one column into the frame's next feature, or leaves it out; folds its
 * values into the row hashes.
 */
extern hpc_status
hpc_code_column(hpc_frame_maker *maker, int column_index, bool *unique_text);
extern void hpc_feature_free(hpc_env *env, hpc_feature *feature);

#endif /* HPC_FRAME_INSIDE_H */
