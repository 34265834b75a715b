/*
 * hpc_predict_oob.c
 *		Predicting a row that a forest was trained on by the trees that did not
 *		have it in their bag.
 *
 * The model need not remember the bags: they are drawn from the content of the
 * rows (hpc_random.h), and can be drawn again.
 */
#include <math.h>

#include "hpc_predict.h"
#include "hpc_random.h"

#define TREES_AT_ONCE 128

bool
hpc_model_has_bags(const hpc_model *model)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	return (summary.algorithm == HPC_FOREST ||
			summary.algorithm == HPC_EXTRA_TREES) &&
		   (summary.params.bag || summary.params.row_fraction < 1);
}

/* The leaves of a row, of trees that wait to be walked together. */
typedef struct outside
{
	const hpc_model_view *view;
	const uint32_t *codes;
	double unit;
	uint32_t nwaiting;
	uint32_t roots[TREES_AT_ONCE];
	uint32_t ntrees; /* walked */
	hpc_tally tally; /* of their leaves */
} outside;

static void
walk_waiting(outside *out)
{
	double leaves[TREES_AT_ONCE];

	hpc_walk_trees(out->view, out->roots, out->codes, out->nwaiting, leaves);
	for (uint32_t i = 0; i < out->nwaiting; i++)
	{
		if (out->ntrees == 0)
			hpc_tally_begin(&out->tally, out->view->training, leaves[i],
							out->unit);
		hpc_tally_add(&out->tally, leaves[i], out->unit);
		out->ntrees++;
	}
	out->nwaiting = 0;
}

/* The mean leaf of the trees outside whose bag the row is, in units. */
static bool
mean_outside(const hpc_model_view *view, const hpc_bag_rule *rule,
			 uint64_t row_key, const uint32_t *codes, double unit,
			 double *mean)
{
	outside out = {.view = view, .codes = codes, .unit = unit};

	for (uint32_t tree = 0; tree < view->training->ntrees; tree++)
	{
		hpc_tree_key key = hpc_model_tree_key(view, tree);

		if (hpc_bag_draw(rule, hpc_bag_stream(rule, key.seed, key.number),
						 hpc_copy_key(row_key, 0)) > 0)
			continue;
		out.roots[out.nwaiting++] = view->trees[tree];
		if (out.nwaiting == TREES_AT_ONCE)
			walk_waiting(&out);
	}
	walk_waiting(&out);
	if (out.ntrees == 0)
		return false;
	*mean = out.tally.origin + out.tally.sum / out.ntrees;
	return true;
}

bool
hpc_predict_outside(const hpc_model_view *view, const hpc_bag_rule *rule,
					uint64_t row_key, const uint32_t *codes, double *raw)
{
	if (!mean_outside(view, rule, row_key, codes, 1, raw))
		return false;
	if (!isfinite(*raw))
	{
		mean_outside(view, rule, row_key, codes, 1 / HPC_LARGE_UNIT, raw);
		*raw = hpc_model_number(*raw * HPC_LARGE_UNIT);
	}
	return true;
}

bool
hpc_model_predict_oob(const hpc_model *model, const hpc_value *values,
					  double target, double weight, uint32_t *codes,
					  double *prediction)
{
	hpc_hash hash = hpc_model_row_hash(model, values, target, weight);
	hpc_params params;
	hpc_bag_rule rule;
	hpc_model_view view;
	double raw;

	hpc_model_open(model, &view);
	hpc_model_recorded_params(view.training, &params);
	hpc_bag_rule_init(&rule, &params);
	hpc_code_row(&view, NULL, values, codes);
	if (!hpc_predict_outside(&view, &rule, hpc_row_key(hash), codes, &raw))
		return false;
	*prediction = hpc_predict_retransform(view.training, raw);
	return true;
}
