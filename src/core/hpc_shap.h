/*
 * hpc_shap.h
 *		Shapley values of the features of a row, for trees.
 */
#ifndef HPC_SHAP_H
#define HPC_SHAP_H

#include "hpc_memory.h"
#include "hpc_model.h"

typedef struct hpc_shap hpc_shap;

/* For the trees of a model, which has some; it does not point into it. */
extern hpc_status
hpc_shap_create(hpc_env *env, const hpc_model_view *view, hpc_shap **shap);
extern void hpc_shap_free(hpc_env *env, hpc_shap *shap);

/*
 * Contributions[nfeatures] of the row with these codes, and the base, which
 * with them adds up to what the trees predict, on the learned scale.
 */
extern hpc_status
hpc_shap_explain(hpc_env *env, hpc_shap *shap, const hpc_model_view *view,
				 const uint32_t *codes, double *base, double *contributions);

#endif /* HPC_SHAP_H */
