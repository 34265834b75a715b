/*
 * hpc_merge.h
 *		May these models become one forest?
 */
#ifndef HPC_MERGE_H
#define HPC_MERGE_H

#include "hpc.h"

/*
 * Are models[nmodels], whose summaries are given, forests that were trained
 * alike, but for rows, seed and number of trees?  HPC_BAD_PARAMETER says where
 * they differ.
 */
extern hpc_status
hpc_merge_check(hpc_env *env, const hpc_model *const *models,
				const hpc_model_summary *summaries, int nmodels);

/* Are these the same; NULL stands for no text. */
extern bool hpc_merge_same_text(const char *a, const char *b);

#endif /* HPC_MERGE_H */
