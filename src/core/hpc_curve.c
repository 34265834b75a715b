/*
 * hpc_curve.c
 *		How far off a model would be with fewer trees.
 *
 * The trees of a row are walked once; after as many of them as a point of the
 * curve has, what they say together is the prediction of a model that ends
 * there:
 *
 *		trees		1	2	3	5	8	13	...		all of them
 *		error		*	*	*	*	*	*			the model's own
 *
 * Out of bag it is what those among them say that did not see the row, as in
 * Breiman (2001), "Random forests", section 3.1: the first points count the
 * rows that have such a tree already.
 *
 * Leaves are added in units so large that nothing overflows: powers of two, so
 * that the last point is the model's own prediction to the bit.
 */
#include <math.h>

#include "hpc_predict.h"
#include "hpc_random.h"

#define UNIT (1 / HPC_LARGE_UNIT)

/* Points at equal steps of the logarithm: the first trees change most. */
static void
choose_points(hpc_curve *curve, uint32_t ntrees)
{
	double step = hpc_log(ntrees) / (HPC_CURVE_POINTS - 1);

	curve->npoints = 0;
	for (int i = 0; i < HPC_CURVE_POINTS; i++)
	{
		uint32_t n = i == HPC_CURVE_POINTS - 1
						 ? ntrees
						 : (uint32_t) (hpc_exp(step * i) + 0.5);

		if (curve->npoints == 0 || n > curve->ntrees[curve->npoints - 1])
			curve->ntrees[curve->npoints++] = n;
	}
}

bool
hpc_curve_init(hpc_curve *curve, const hpc_model *model)
{
	hpc_model_view view;

	hpc_model_open(model, &view);
	if (view.training->ntrees < 2)
		return false;
	choose_points(curve, view.training->ntrees);
	for (int i = 0; i < curve->npoints; i++)
	{
		curve->nrows[i] = 0;
		hpc_sum_init(&curve->absolute[i]);
	}
	return true;
}

/* The trees that count for a row: all, or those whose bag it is not in. */
typedef struct choice
{
	bool outside;
	hpc_bag_rule rule;
	uint64_t row_key;
} choice;

static bool
counts(const choice *c, const hpc_model_view *view, uint32_t tree)
{
	hpc_tree_key key;

	if (!c->outside)
		return true;
	key = hpc_model_tree_key(view, tree);
	return hpc_bag_draw(&c->rule,
						hpc_bag_stream(&c->rule, key.seed, key.number),
						hpc_copy_key(c->row_key, 0)) == 0;
}

/* What the first trees of a row say so far. */
typedef struct progress
{
	hpc_tally tally;
	uint32_t ntrees; /* that count */
} progress;

static void
add_leaf(progress *p, const hpc_training_record *training, double leaf)
{
	if (p->ntrees == 0)
		hpc_tally_begin(&p->tally, training, leaf, UNIT);
	hpc_tally_add(&p->tally, leaf, UNIT);
	p->ntrees++;
}

/* As hpc_tally_end, of fewer trees. */
static double
prediction_of(const progress *p, const hpc_training_record *training)
{
	double raw = training->combine == HPC_COMBINE_MEAN
					 ? p->tally.origin + p->tally.sum / p->ntrees
					 : p->tally.sum;

	return hpc_predict_retransform(training,
								   hpc_model_number(raw * HPC_LARGE_UNIT));
}

static void
add_row(hpc_curve *curve, const hpc_model_view *view, const choice *c,
		double target, const uint32_t *codes)
{
	uint32_t ntrees = view->training->ntrees;
	double leaves[HPC_MASKS_GROUP];
	progress p = {.ntrees = 0};
	int point = 0;

	for (uint32_t tree = 0; tree < ntrees; tree++)
	{
		uint32_t at = tree % HPC_MASKS_GROUP;
		uint32_t left = ntrees - tree;

		if (at == 0)
			hpc_walk(view, tree, 1, codes, 0,
					 left < HPC_MASKS_GROUP ? left : HPC_MASKS_GROUP, leaves);
		if (counts(c, view, tree))
			add_leaf(&p, view->training, leaves[at]);
		if (tree + 1 != curve->ntrees[point])
			continue;
		if (p.ntrees > 0)
		{
			curve->nrows[point]++;
			hpc_sum_add(&curve->absolute[point],
						fabs(target - prediction_of(&p, view->training)));
		}
		point++;
	}
}

void
hpc_curve_add(hpc_curve *curve, const hpc_model *model,
			  const hpc_value *values, double target, uint32_t *codes)
{
	choice c = {.outside = false};
	hpc_model_view view;

	hpc_model_open(model, &view);
	hpc_code_row(&view, NULL, values, codes);
	add_row(curve, &view, &c, target, codes);
}

void
hpc_curve_add_oob(hpc_curve *curve, const hpc_model *model,
				  const hpc_value *values, double target, double weight,
				  uint32_t *codes)
{
	choice c = {.outside = true};
	hpc_params params;
	hpc_model_view view;

	hpc_model_open(model, &view);
	hpc_model_recorded_params(view.training, &params);
	hpc_bag_rule_init(&c.rule, &params);
	c.row_key = hpc_row_key(hpc_model_row_hash(model, values, target, weight));
	hpc_code_row(&view, NULL, values, codes);
	add_row(curve, &view, &c, target, codes);
}

double
hpc_curve_error(const hpc_curve *curve, int point)
{
	if (curve->nrows[point] == 0)
		return NAN;
	return hpc_sum_round(&curve->absolute[point]) /
		   (double) curve->nrows[point];
}
