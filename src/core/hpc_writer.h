/*
 * hpc_writer.h
 *		Building a model: trees come one by one, the bytes at the end.
 */
#ifndef HPC_WRITER_H
#define HPC_WRITER_H

#include "hpc_grow.h"
#include "hpc_model.h"

typedef struct hpc_writer hpc_writer;

extern hpc_writer *hpc_writer_create(hpc_env *env, const hpc_frame *frame);
extern void hpc_writer_free(hpc_env *env, hpc_writer *writer);

/* Keeps a tree.  HPC_LIMIT when the model would become too large. */
extern hpc_status
hpc_writer_add_tree(hpc_env *env, hpc_writer *writer, const hpc_tree *tree);

/*
 * The finished model, a block from env.  record holds what is not known from
 * the trees and the frame: algorithm, counts of rows, OOB metrics, params.
 */
extern hpc_status
hpc_writer_finish(hpc_env *env, hpc_writer *writer,
				  const hpc_training_record *record, const hpc_texts *texts,
				  void **model, size_t *nbytes);

#endif /* HPC_WRITER_H */
