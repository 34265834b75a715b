/*
 * hpc_writer_inside.h
 *		What the files that build a model share: hpc_writer.c, which collects
 *		its parts, and hpc_layout.c, which puts them side by side.
 */
#ifndef HPC_WRITER_INSIDE_H
#define HPC_WRITER_INSIDE_H

#include "hpc_thresholds.h"
#include "hpc_writer.h"

/* A growing array; element size is the user's business. */
typedef struct hpc_growing
{
	char *bytes;
	size_t nbytes;
	size_t max;
} hpc_growing;

#define HPC_NOPTIONAL (HPC_LAST_OPTIONAL - HPC_FIRST_OPTIONAL + 1)

struct hpc_writer
{
	const hpc_frame *frame;
	hpc_growing trees;          /* uint32: first node of each */
	hpc_growing nodes;          /* hpc_node */
	hpc_growing covers;         /* uint32 */
	hpc_growing sets;           /* uint32 */
	hpc_thresholds *thresholds; /* [nfeatures] */
	double *gain;               /* [nfeatures] */
	uint32_t *nsplits;          /* [nfeatures] */
	int8_t *monotone;           /* [nfeatures] */
	bool has_base;
	double base;
	hpc_growing terms;                   /* hpc_linear_term */
	hpc_growing levels;                  /* doubles */
	hpc_growing optional[HPC_NOPTIONAL]; /* by kind; empty: not there */
	const void *const *members;
	int nmembers;
	hpc_outcome outcome;
	uint32_t version; /* of the learner; 0: the present one */
};

/* What is put together before the block is measured. */
typedef struct hpc_assembly
{
	hpc_training_record training;
	hpc_growing features;   /* hpc_feature_record */
	hpc_growing thresholds; /* doubles */
	hpc_growing categories; /* hpc_string */
	hpc_growing strings;
	int nfeatures;
	uint32_t **place_of; /* [nfeatures]: of the numbers of its thresholds, or
						  * NULL: it has none */
} hpc_assembly;

/* Fails: the model would be larger than it may. */
extern hpc_status hpc_writer_too_large(hpc_env *env, const hpc_writer *writer);

/*
 * The block, which grows from the array of nodes, most of what there is; that
 * array is used up.
 */
extern hpc_status
hpc_layout_write(hpc_env *env, hpc_writer *writer, const hpc_assembly *parts,
				 void **block, size_t *nbytes);

#endif /* HPC_WRITER_INSIDE_H */
