/*
 * test_masks.c
 *		Leaves by masks of bits: those of a walk by value, whatever the number
 *		of leaves and trees; and what becomes of models that have no masks.
 */
#include <stdlib.h>
#include <string.h>

#include "hpc_coder.h"
#include "hpc_masks.h"
#include "hpt_table.h"

#define MAX_TREES 300

/* Rows on which a tree has another leaf by masks than by value. */
static int
count_wrong(const hpc_model *model, const hpc_masks *masks,
			const hpc_value *values)
{
	hpc_model_view view;
	uint32_t codes[HPT_MAX_COLUMNS];
	double leaves[HPC_MASKS_GROUP];
	uint32_t tree = 0;
	uint32_t nleaves;
	int nwrong = 0;

	hpc_model_open(model, &view);
	hpc_code_row(&view, NULL, values, codes);
	hpc_masks_slots(masks, codes);
	for (uint32_t group = 0;
		 (nleaves = hpc_masks_leaves(masks, codes, group, leaves)) > 0;
		 group++)
	{
		for (uint32_t i = 0; i < nleaves && tree < view.training->ntrees; i++)
			nwrong += leaves[i] != hpt_model_tree_value(model, tree++, values);
	}
	return nwrong + (tree != view.training->ntrees);
}

/* On the rows of the table and on as many strange ones. */
static int
count_all_wrong(const hpc_model *model, const hpc_masks *masks,
				const hpt_table *table)
{
	hpt_random random = {29};
	hpc_value values[HPT_MAX_COLUMNS];
	hpc_model_summary summary;
	int nwrong = 0;

	hpc_model_summarize(model, &summary);
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		hpt_model_values(model, table, row, values);
		nwrong += count_wrong(model, masks, values);
		for (int i = 0; i < summary.nfeatures; i++)
		{
			hpc_model_feature feature;

			hpc_model_feature_at(model, i, &feature);
			values[i] = hpt_strange_value(&random, &feature);
		}
		nwrong += count_wrong(model, masks, values);
	}
	return nwrong;
}

static void
check_leaves(int64_t max_leaves, int64_t ntrees)
{
	hpt_memory memory;
	hpt_memory scratch;
	hpt_table table;
	hpc_model_view view;
	hpc_params params;
	hpc_masks *masks;
	hpc_model *model;
	size_t nbytes;

	hpc_params_init(&params, HPC_BOOST);
	params.early_stopping = false;
	params.rounds = ntrees;
	params.max_leaves = max_leaves;
	params.min_leaf = 1;
	params.cat_min_rows = 0;
	hpt_table_houses(&table, 300, 21);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpt_memory_init(&scratch, 1);
	hpc_model_open(model, &view);
	if (hpt_ok(hpc_masks_create(&scratch.env, &view, &masks) == HPC_OK &&
				   masks != NULL,
			   "%d trees of %d leaves have masks", (int) ntrees,
			   (int) max_leaves))
	{
		hpt_ok(count_all_wrong(model, masks, &table) == 0,
			   "they lead to the leaves of a walk");
		hpc_masks_make_narrow(masks);
		hpt_ok(count_all_wrong(model, masks, &table) == 0,
			   "so they do without the widest registers");
	}
	hpc_masks_free(&scratch.env, masks);
	hpt_ok(scratch.nblocks == 0, "and leave no memory behind");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

static void
check_none(const char *what, const hpc_params *params)
{
	hpt_memory memory;
	hpt_memory scratch;
	hpt_table table;
	hpc_model_view view;
	hpc_masks *masks;
	hpc_model *model;
	size_t nbytes;

	hpt_table_houses(&table, 300, 21);
	model = hpt_table_model(&memory, &table, params, 1, &nbytes);
	hpt_memory_init(&scratch, 1);
	hpc_model_open(model, &view);
	hpt_ok(hpc_masks_create(&scratch.env, &view, &masks) == HPC_OK &&
			   masks == NULL && scratch.nblocks == 0,
		   "no masks of %s", what);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

static void
check_without(void)
{
	hpc_params params = hpt_params(3);

	params.min_leaf = 1;
	check_none("full trees", &params);
	params.max_leaves = 65;
	check_none("trees of 65 leaves", &params);
	hpc_params_init(&params, HPC_MEAN);
	check_none("a mean", &params);
	hpc_params_init(&params, HPC_LINEAR);
	check_none("a linear model", &params);
}

/*
 * Whatever request is refused, what is left predicts the same; whenever asked
 * to stop, there is nothing left.
 */
static void
check_short_memory(void)
{
	hpc_params params;
	hpt_memory memory;
	hpt_memory scratch;
	hpt_table table;
	hpc_value values[HPT_MAX_COLUMNS];
	uint32_t codes[HPT_MAX_COLUMNS];
	hpc_predictor *predictor;
	hpc_model *model;
	size_t nbytes;
	int64_t nrequests;
	int64_t nchecks;
	int nwrong = 0;

	hpc_params_init(&params, HPC_BOOST);
	params.early_stopping = false;
	params.rounds = 20;
	hpt_table_houses(&table, 300, 22);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpt_model_values(model, &table, 7, values);
	hpt_memory_init(&scratch, 1);
	nwrong += hpc_predictor_create(&scratch.env, model, &predictor) != HPC_OK;
	hpc_predictor_free(&scratch.env, predictor);
	nrequests = scratch.nrequests;
	nchecks = scratch.nchecks;
	for (int64_t i = 1; i <= nrequests; i++)
	{
		hpt_memory_init(&scratch, 1);
		scratch.fail_at = i;
		nwrong +=
			hpc_predictor_create(&scratch.env, model, &predictor) != HPC_OK;
		nwrong += hpc_predictor_predict(predictor, model, values, codes) !=
				  hpc_model_predict(model, values, codes);
		hpc_predictor_free(&scratch.env, predictor);
		nwrong += scratch.nblocks != 0;
	}
	hpt_ok(nrequests > 10 && nwrong == 0,
		   "with memory refused at any time, predictions are the same");
	for (int64_t i = 1; i <= nchecks; i++)
	{
		hpt_memory_init(&scratch, 1);
		scratch.cancel_at = i;
		nwrong += hpc_predictor_create(&scratch.env, model, &predictor) !=
				  HPC_CANCELLED;
		nwrong += predictor != NULL || scratch.nblocks != 0;
	}
	hpt_ok(nchecks > 10 && nwrong == 0,
		   "cancelled at any time, it leaves nothing behind");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

int
main(void)
{
	static const int64_t max_leaves[] = {2, 8, 9, 16, 17, 32, 33, 64};

	for (size_t i = 0; i < sizeof(max_leaves) / sizeof(max_leaves[0]); i++)
		check_leaves(max_leaves[i], 70);
	check_leaves(8, 1);
	check_leaves(8, MAX_TREES);
	check_without();
	check_short_memory();
	return hpt_done();
}
