/*
 * hpc_dependence.c
 *		How predictions depend on one feature: partial dependence.
 *
 * The mean prediction where a feature has a value, over what the others were
 * in training.  Of a tree it is found without the rows (Friedman 2001, "Greedy
 * function approximation", section 8.2; the method 'recursion' of
 * scikit-learn): at a split on the feature go the value's way, at any other
 * both ways, by the covers.  All values take the walk together, each in the
 * list of those that have come to the node:
 *
 *		            area <= 900				3 1 4 2
 *		           /            \			weights .4 and .6
 *		   rooms <= 5          rooms <= 3	3 1 4 2
 *		   /        \
 *		 3 1 2       4
 *
 * and the walk ends where no split on the feature is below: the mean of those
 * leaves is known.
 *
 * Of a linear model it is the intercept and the feature's term; of a blend the
 * mean over its members.
 */
#include <math.h>

#include "hpc_cover.h"
#include "hpc_predict.h"

/* Values that a list has, times lists, between two questions to stop. */
#define WORK_PER_POLL (1 << 18)

/* Values that have come to a node, and the weight with which they did. */
typedef struct arrival
{
	uint32_t node;
	uint32_t begin;
	uint32_t end;
	double weight;
} arrival;

typedef struct dependence
{
	hpc_env *env;
	int feature;
	const hpc_value *values;
	uint32_t nvalues;

	/* of the model at hand, which is no blend */
	hpc_model_view view;
	uint32_t *codes;  /* [nvalues] of the feature */
	double *raw;      /* [nvalues] */
	uint32_t *order;  /* [nvalues]: lists of values, side by side */
	uint32_t *row;    /* [nfeatures] codes, of which one is looked at */
	double *means;    /* [most nodes of a tree] */
	uint32_t *depths; /* likewise */
	bool *splits;     /* likewise: on the feature, there or below */
	arrival *waiting; /* likewise */
} dependence;

/* ---------- trees ---------- */

/* Which nodes have a split on the feature below, or are one. */
static hpc_status
find_splits(dependence *d, const hpc_cover_tree *tree)
{
	for (uint32_t i = tree->nnodes; i-- > 0;)
	{
		const hpc_node *node = &tree->nodes[i];

		if (hpc_poll(d->env, i))
			return HPC_CANCELLED;
		d->splits[i] = node->left != 0 &&
					   (node->u.split.feature == d->feature ||
						d->splits[node->left] || d->splits[node->left + 1]);
	}
	return HPC_OK;
}

/* Brings those of a list that go left to its front; answers where they end. */
static uint32_t
divide(dependence *d, const hpc_node *node, uint32_t begin, uint32_t end)
{
	uint32_t *order = d->order;
	uint32_t middle = begin;

	for (uint32_t i = begin; i < end; i++)
	{
		uint32_t value = order[i];

		d->row[d->feature] = d->codes[value];
		if (hpc_goes_right(&d->view, node, d->row))
			continue;
		order[i] = order[middle];
		order[middle++] = value;
	}
	return middle;
}

static void
wait_at(dependence *d, uint32_t *nwaiting, arrival at)
{
	if (at.begin < at.end && at.weight > 0)
		d->waiting[(*nwaiting)++] = at;
}

/* Adds the tree's answers to raw, in units. */
static hpc_status
walk_tree(dependence *d, const hpc_cover_tree *tree, double unit)
{
	uint32_t nwaiting = 0;
	uint64_t work = 0;

	wait_at(d, &nwaiting, (arrival){0, 0, d->nvalues, 1});
	while (nwaiting > 0)
	{
		arrival at = d->waiting[--nwaiting];
		const hpc_node *node = &tree->nodes[at.node];
		uint32_t left = node->left;

		work += at.end - at.begin;
		if (work > WORK_PER_POLL)
		{
			if (hpc_cancelled(d->env))
				return HPC_CANCELLED;
			work = 0;
		}
		if (!d->splits[at.node])
		{
			double answer = at.weight * (d->means[at.node] * unit);

			for (uint32_t i = at.begin; i < at.end; i++)
				d->raw[d->order[i]] += answer;
		}
		else if (node->u.split.feature == d->feature)
		{
			uint32_t middle = divide(d, node, at.begin, at.end);

			wait_at(d, &nwaiting,
					(arrival){left + 1, middle, at.end, at.weight});
			wait_at(d, &nwaiting,
					(arrival){left, at.begin, middle, at.weight});
		}
		else
			for (uint32_t child = left + 1; child >= left; child--)
				wait_at(d, &nwaiting,
						(arrival){child, at.begin, at.end,
								  at.weight *
									  hpc_cover_share(tree, left, child)});
	}
	return HPC_OK;
}

static hpc_status
walk_trees(dependence *d, double unit)
{
	const hpc_training_record *training = d->view.training;

	for (uint32_t i = 0; i < d->nvalues; i++)
	{
		d->order[i] = i;
		d->raw[i] = 0;
	}
	for (uint32_t i = 0; i < training->ntrees; i++)
	{
		hpc_cover_tree tree = hpc_cover_tree_of(&d->view, i);
		uint32_t deepest;
		hpc_status status =
			hpc_cover_depths(d->env, &tree, d->depths, &deepest);

		if (status == HPC_OK)
			status = hpc_cover_means(d->env, &tree, d->means);
		if (status == HPC_OK)
			status = find_splits(d, &tree);
		if (status == HPC_OK)
			status = walk_tree(d, &tree, unit);
		if (status != HPC_OK)
			return status;
	}
	for (uint32_t i = 0; i < d->nvalues; i++)
	{
		if (training->combine == HPC_COMBINE_MEAN)
			d->raw[i] /= training->ntrees;
		else
			d->raw[i] += training->base * unit;
	}
	return HPC_OK;
}

static bool
overflows(const dependence *d)
{
	for (uint32_t i = 0; i < d->nvalues; i++)
	{
		if (!isfinite(d->raw[i]))
			return true;
	}
	return false;
}

static hpc_status
depend_on_trees(dependence *d)
{
	hpc_status status = walk_trees(d, 1);

	if (status != HPC_OK || !overflows(d))
		return status;
	status = walk_trees(d, 1 / HPC_LARGE_UNIT);
	for (uint32_t i = 0; i < d->nvalues; i++)
		d->raw[i] = hpc_model_number(d->raw[i] * HPC_LARGE_UNIT);
	return status;
}

/* ---------- the parts of a model ---------- */

/* Codes of the values; row is scratch. */
static void
code_values(dependence *d)
{
	const hpc_feature_record *feature = &d->view.features[d->feature];
	hpc_model_view alone = d->view;

	/* as if there were no other feature */
	alone.features = feature;
	alone.nfeatures = 1;
	for (uint32_t i = 0; i < d->nvalues; i++)
		hpc_code_row(&alone, NULL, &d->values[i], &d->codes[i]);
}

static void
depend_on_term(dependence *d)
{
	for (uint32_t i = 0; i < d->nvalues; i++)
	{
		double parts[2];
		int nparts = hpc_predict_term(&d->view, NULL, (uint32_t) d->feature,
									  &d->values[i], parts);

		d->raw[i] = d->view.training->base + parts[0];
		if (nparts > 1)
			d->raw[i] += parts[1];
		d->raw[i] = hpc_model_number(d->raw[i]);
	}
}

/* Room for the trees of the model at hand. */
static hpc_status
make_room(dependence *d)
{
	uint32_t most_nodes = hpc_cover_most_nodes(&d->view);

	d->codes = hpc_alloc(d->env, d->nvalues, sizeof(uint32_t));
	d->order = hpc_alloc(d->env, d->nvalues, sizeof(uint32_t));
	d->row = hpc_alloc(d->env, d->view.nfeatures, sizeof(uint32_t));
	d->means = hpc_alloc(d->env, most_nodes, sizeof(double));
	d->depths = hpc_alloc(d->env, most_nodes, sizeof(uint32_t));
	d->splits = hpc_alloc(d->env, most_nodes, sizeof(bool));
	d->waiting = hpc_alloc(d->env, most_nodes, sizeof(arrival));
	return d->codes != NULL && d->order != NULL && d->row != NULL &&
				   d->means != NULL && d->depths != NULL &&
				   d->splits != NULL && d->waiting != NULL
			   ? HPC_OK
			   : HPC_NO_MEMORY;
}

static void
free_room(dependence *d)
{
	hpc_free(d->env, d->waiting);
	hpc_free(d->env, d->splits);
	hpc_free(d->env, d->depths);
	hpc_free(d->env, d->means);
	hpc_free(d->env, d->row);
	hpc_free(d->env, d->order);
	hpc_free(d->env, d->codes);
}

/* Fills raw, on the learned scale, of a model that is no blend. */
static hpc_status
depend_on_model(const dependence *all, const hpc_model *model)
{
	dependence d = *all;
	hpc_status status;

	hpc_model_open(model, &d.view);
	if (d.view.training->ntrees == 0)
	{
		if (d.view.nterms > 0)
			depend_on_term(&d);
		else
			for (uint32_t i = 0; i < d.nvalues; i++)
				d.raw[i] = d.view.training->base;
		return HPC_OK;
	}
	status = make_room(&d);
	if (status == HPC_OK)
	{
		code_values(&d);
		status = depend_on_trees(&d);
	}
	free_room(&d);
	return status;
}

static hpc_status
depend_on_blend(const dependence *d, const hpc_model *model, int nmembers)
{
	hpc_blend_tally *tallies =
		hpc_alloc0(d->env, d->nvalues, sizeof(hpc_blend_tally));
	hpc_status status = tallies != NULL ? HPC_OK : HPC_NO_MEMORY;
	hpc_model_view blend;

	hpc_model_open(model, &blend);
	for (int m = 0; m < nmembers && status == HPC_OK; m++)
	{
		const hpc_model *member = hpc_model_member(model, m);
		hpc_model_view its;

		hpc_model_open(member, &its);
		status = depend_on_model(d, member);
		for (uint32_t i = 0; i < d->nvalues && status == HPC_OK; i++)
			hpc_blend_add(&tallies[i], blend.training, its.training,
						  d->raw[i]);
	}
	for (uint32_t i = 0; i < d->nvalues && status == HPC_OK; i++)
		d->raw[i] = hpc_blend_end(&tallies[i]);
	hpc_free(d->env, tallies);
	return status;
}

hpc_status
hpc_model_dependence(hpc_env *env, const hpc_model *model, int feature,
					 const hpc_value *values, uint32_t nvalues,
					 double *predictions)
{
	dependence d = {.env = env,
					.feature = feature,
					.values = values,
					.nvalues = nvalues,
					.raw = predictions};
	hpc_model_summary summary;
	hpc_model_view view;
	hpc_status status;

	hpc_model_summarize(model, &summary);
	status = summary.nmembers > 0
				 ? depend_on_blend(&d, model, summary.nmembers)
				 : depend_on_model(&d, model);
	hpc_model_open(model, &view);
	for (uint32_t i = 0; i < nvalues && status == HPC_OK; i++)
		predictions[i] =
			hpc_predict_retransform(view.training, predictions[i]);
	return status;
}
