/*
 * hpc_shap.c
 *		Shapley values of the features of a row, for trees.
 *
 * The game is that of path-dependent TreeSHAP (Lundberg, Erion, Lee 2018,
 * "Consistent individualized feature attribution for tree ensembles", section
 * 3): of a set of features that are known, a tree answers the mean of the
 * leaves that the row may come to, going the row's way where the feature of a
 * split is known and to both children by their covers where it is not.
 *
 * A leaf of value v adds v × the product over the features i on its path of
 *
 *		o_i	if i is known: 1 if the row goes the path's way at all splits on i
 *			that the path has, else 0
 *		z_i	if not: the product of the shares of the path's way there
 *
 * If each feature is known with probability t, independently, the mean of
 * that is a polynomial in t (the multilinear extension of the game), and the
 * Shapley value of i is its derivative by i's probability, integrated along
 * the diagonal (Owen 1972, "Multilinear extensions of games"):
 *
 *		phi_i = v × ∫ (o_i - z_i) × Π_{j≠i} (o_j t + z_j (1 - t)) dt
 *
 * Gauss-Legendre quadrature with half as many points as there are features on
 * the path gives the integral exactly.  The products are of factors between 0
 * and 1, so that however deep the tree, and however small a share, the error
 * is that of a few multiplications.  (Algorithm 2 of the paper, which adds and
 * removes features one by one, divides differences by the shares.)
 *
 * For each point t one walk through the tree serves all features.  On the way
 * down the product is carried along; on the way up the sum of v × product over
 * the leaves below.  At an edge on which feature i is decided this sum, times
 *
 *		pull = (o_i - z_i) / (o_i t + z_i (1 - t))
 *
 * is what the edge's leaves add to phi_i.  Where the same feature is decided
 * again further down, o_i and z_i change: the pull of the upper edge is taken
 * back for the leaves below.  (The idea of one walk is that of Yu, Xu, Bifet,
 * Read 2022, "Linear TreeShap", who carry polynomials by their coefficients.)
 *
 * Leaves count as distances from the mean of their tree, which has no
 * contributions of its own.  Cost: nodes × points.
 */
#include <math.h>

#include "hpc_cover.h"
#include "hpc_predict.h"
#include "hpc_quadrature.h"
#include "hpc_shap.h"

/* Points come in bunches that the compiler makes vector operations of. */
#define BUNCH 4

/* Points times nodes between two questions whether to stop. */
#define WORK_PER_POLL (1 << 19)

/* A split on the way from the root to where the walk is. */
typedef struct step
{
	uint32_t left; /* its left child */
	uint32_t feature;
	uint32_t way;  /* the child that the row goes to */
	uint32_t next; /* children that have had their turn */

	/* the edge that leads here, and those above of the same feature */
	uint32_t by;    /* that feature */
	uint32_t outer; /* level of the edge before, 0: there is none */
	bool agrees;    /* o */
	double share;   /* z */
} step;

/* What a level has for each point. */
enum
{
	PRODUCT, /* times the weight of the point */
	INVERSE, /* of the factor of the edge's feature, where the row agrees */
	PULL,
	SUM, /* over the leaves below */
	NVECTORS
};

struct hpc_shap
{
	uint32_t npoints; /* a multiple of BUNCH */
	double *points;   /* [npoints] t ... */
	double *rests;    /* ... 1 - t ... */
	double *pushes;   /* ... and the pull where the row disagrees */
	double *means;    /* [ntrees] */
	step *steps;      /* [levels] */
	double *vectors;  /* [levels][NVECTORS][npoints] */
	uint32_t *latest; /* [nfeatures]: level of the last edge of a feature */
};

/* A walk through one tree. */
typedef struct walk
{
	hpc_shap *shap;
	const hpc_model_view *view;
	hpc_cover_tree tree;
	const uint32_t *codes;
	double mean; /* of the tree */
	double unit; /* 1, or less where leaves overflow */
	double *contributions;
} walk;

/* ---------- the walk ---------- */

static inline double *
vector(const hpc_shap *shap, uint32_t level, int which)
{
	return shap->vectors +
		   ((size_t) level * NVECTORS + (size_t) which) * shap->npoints;
}

/* Comes to a split, the node of a level. */
static void
arrive(walk *w, uint32_t level, uint32_t node)
{
	hpc_shap *shap = w->shap;
	step *at = &shap->steps[level];
	const hpc_node *split = &w->tree.nodes[node];

	at->left = split->left;
	at->feature = split->u.split.feature;
	at->way = split->left + hpc_goes_right(w->view, split, w->codes);
	at->next = 0;
	memset(vector(shap, level, SUM), 0, shap->npoints * sizeof(double));
}

/* The edge's vectors where the row goes its way, and did so above. */
static void
agree(const hpc_shap *shap, uint32_t level, const step *edge)
{
	const double *restrict t = shap->points;
	const double *restrict rest = shap->rests;
	const double *restrict above = vector(shap, level - 1, PRODUCT);
	const double *restrict undo = vector(shap, edge->outer, INVERSE);
	double *restrict product = vector(shap, level, PRODUCT);
	double *restrict inverse = vector(shap, level, INVERSE);
	double *restrict pull = vector(shap, level, PULL);

	for (uint32_t i = 0; i < shap->npoints; i += BUNCH)
		for (uint32_t j = i; j < i + BUNCH; j++)
		{
			double factor = t[j] + edge->share * rest[j];

			product[j] = above[j] * undo[j] * factor;
			inverse[j] = 1 / factor;
			pull[j] = (1 - edge->share) * inverse[j];
		}
}

/* Where it does not, but did so above. */
static void
part_ways(const hpc_shap *shap, uint32_t level, const step *edge)
{
	const double *restrict rest = shap->rests;
	const double *restrict above = vector(shap, level - 1, PRODUCT);
	const double *restrict undo = vector(shap, edge->outer, INVERSE);
	const double *restrict push = shap->pushes;
	double *restrict product = vector(shap, level, PRODUCT);
	double *restrict pull = vector(shap, level, PULL);

	for (uint32_t i = 0; i < shap->npoints; i += BUNCH)
		for (uint32_t j = i; j < i + BUNCH; j++)
		{
			product[j] = above[j] * undo[j] * (edge->share * rest[j]);
			pull[j] = push[j];
		}
}

/* Where it did not above: nothing changes but the share. */
static void
stay_apart(const hpc_shap *shap, uint32_t level, double share)
{
	const double *restrict above = vector(shap, level - 1, PRODUCT);
	double *restrict product = vector(shap, level, PRODUCT);

	for (uint32_t i = 0; i < shap->npoints; i += BUNCH)
		for (uint32_t j = i; j < i + BUNCH; j++)
			product[j] = above[j] * share;
}

/*
 * From the node of a level to a child that is a split too, a level down.
 * False: neither the row nor any of the training came that way, so that its
 * leaves count for nothing.
 */
static bool
descend(walk *w, uint32_t level, uint32_t child)
{
	hpc_shap *shap = w->shap;
	const step *from = &shap->steps[level];
	step *to = &shap->steps[level + 1];
	const step *outer = &shap->steps[shap->latest[from->feature]];
	double share = hpc_cover_share(&w->tree, from->left, child);

	to->by = from->feature;
	to->outer = shap->latest[from->feature];
	to->agrees = outer->agrees && child == from->way;
	to->share = outer->share * share;
	if (!to->agrees && to->share == 0)
		return false;
	if (to->agrees)
		agree(shap, level + 1, to);
	else if (outer->agrees)
		part_ways(shap, level + 1, to);
	else
		stay_apart(shap, level + 1, share);
	shap->latest[to->by] = level + 1;
	arrive(w, level + 1, child);
	return true;
}

/* Back from the node of a level, with the sum over its leaves. */
static void
ascend(walk *w, uint32_t level)
{
	hpc_shap *shap = w->shap;
	const step *from = &shap->steps[level];
	const double *restrict sum = vector(shap, level, SUM);
	double *restrict above = vector(shap, level - 1, SUM);

	for (uint32_t i = 0; i < shap->npoints; i += BUNCH)
		for (uint32_t j = i; j < i + BUNCH; j++)
			above[j] += sum[j];
	shap->latest[from->by] = from->outer;

	/* from where the row parts with the path, the pull is the same */
	if (from->agrees || shap->steps[from->outer].agrees)
	{
		const double *restrict pull = vector(shap, level, PULL);
		const double *restrict undo = vector(shap, from->outer, PULL);
		double lane[BUNCH] = {0};

		for (uint32_t i = 0; i < shap->npoints; i += BUNCH)
			for (uint32_t j = 0; j < BUNCH; j++)
				lane[j] += sum[i + j] * (pull[i + j] - undo[i + j]);
		w->contributions[from->by] +=
			(lane[0] + lane[1]) + (lane[2] + lane[3]);
	}
}

/*
 * A child that is a leaf: down and up again at once, without a division, as
 * the factor and the pull together are o - z.
 */
static void
take_leaf(walk *w, uint32_t level, uint32_t child)
{
	hpc_shap *shap = w->shap;
	const step *from = &shap->steps[level];
	const step *outer = &shap->steps[shap->latest[from->feature]];
	const double *restrict t = shap->points;
	const double *restrict rest = shap->rests;
	const double *restrict product = vector(shap, level, PRODUCT);
	const double *restrict undo =
		vector(shap, shap->latest[from->feature], INVERSE);
	const double *restrict pull =
		vector(shap, shap->latest[from->feature], PULL);
	double *restrict sum = vector(shap, level, SUM);
	double value =
		hpc_leaf_value(&w->tree.nodes[child]) * w->unit - w->mean * w->unit;
	double share = hpc_cover_share(&w->tree, from->left, child);
	double o = child == from->way;
	double z = outer->share * share;
	double lane[BUNCH] = {0};

	if (!outer->agrees)
	{
		for (uint32_t i = 0; i < shap->npoints; i += BUNCH)
			for (uint32_t j = i; j < i + BUNCH; j++)
				sum[j] += product[j] * (share * value);
		return;
	}
	for (uint32_t i = 0; i < shap->npoints; i += BUNCH)
		for (uint32_t j = 0; j < BUNCH; j++)
		{
			double others = product[i + j] * undo[i + j] * value;
			double all = others * (o * t[i + j] + z * rest[i + j]);

			sum[i + j] += all;
			lane[j] += others * (o - z) - all * pull[i + j];
		}
	w->contributions[from->feature] +=
		(lane[0] + lane[1]) + (lane[2] + lane[3]);
}

static hpc_status
walk_tree(hpc_env *env, walk *w)
{
	hpc_shap *shap = w->shap;
	uint32_t level = 0;
	uint64_t work = 0;

	if (w->tree.nodes[0].left == 0)
		return HPC_OK;
	arrive(w, 0, 0);
	for (;;)
	{
		step *at = &shap->steps[level];

		if (at->next < 2)
		{
			uint32_t child = at->left + at->next++;

			if (w->tree.nodes[child].left == 0)
				take_leaf(w, level, child);
			else if (descend(w, level, child))
				level++;
		}
		else if (level > 0)
			ascend(w, level--);
		else
			return HPC_OK;
		work += shap->npoints;
		if (work > WORK_PER_POLL)
		{
			if (hpc_cancelled(env))
				return HPC_CANCELLED;
			work = 0;
		}
	}
}

/* ---------- all trees ---------- */

/* The mean of the trees, or the base and their sum, in units. */
static double
base_of(const hpc_shap *shap, const hpc_training_record *training, double unit)
{
	hpc_tally tally;

	hpc_tally_begin(&tally, training, shap->means[0], unit);
	for (uint32_t tree = 0; tree < training->ntrees; tree++)
		hpc_tally_add(&tally, shap->means[tree], unit);
	return hpc_tally_end(&tally, training);
}

/* Contributions in units.  HPC_OK or HPC_CANCELLED. */
static hpc_status
explain_trees(hpc_env *env, hpc_shap *shap, const hpc_model_view *view,
			  const uint32_t *codes, double unit, double *contributions)
{
	walk w = {.shap = shap,
			  .view = view,
			  .codes = codes,
			  .unit = unit,
			  .contributions = contributions};
	uint32_t ntrees = view->training->ntrees;

	memset(shap->latest, 0, view->nfeatures * sizeof(uint32_t));
	memset(contributions, 0, view->nfeatures * sizeof(double));
	for (uint32_t tree = 0; tree < ntrees; tree++)
	{
		hpc_status status;

		w.tree = hpc_cover_tree_of(view, tree);
		w.mean = shap->means[tree];
		status = walk_tree(env, &w);
		if (status == HPC_OK && tree % 64 == 63 && hpc_cancelled(env))
			status = HPC_CANCELLED;
		if (status != HPC_OK)
			return status;
	}
	if (view->training->combine == HPC_COMBINE_MEAN)
		for (uint32_t i = 0; i < view->nfeatures; i++)
			contributions[i] /= ntrees;
	return HPC_OK;
}

static bool
all_finite(const double *numbers, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		if (!isfinite(numbers[i]))
			return false;
	}
	return true;
}

hpc_status
hpc_shap_explain(hpc_env *env, hpc_shap *shap, const hpc_model_view *view,
				 const uint32_t *codes, double *base, double *contributions)
{
	hpc_status status =
		explain_trees(env, shap, view, codes, 1, contributions);

	*base = base_of(shap, view->training, 1);
	if (status != HPC_OK ||
		(isfinite(*base) && all_finite(contributions, view->nfeatures)))
		return status;
	status = explain_trees(env, shap, view, codes, 1 / HPC_LARGE_UNIT,
						   contributions);
	*base = hpc_model_number(
		base_of(shap, view->training, 1 / HPC_LARGE_UNIT) * HPC_LARGE_UNIT);
	for (uint32_t i = 0; i < view->nfeatures; i++)
		contributions[i] = hpc_model_number(contributions[i] * HPC_LARGE_UNIT);
	return status;
}

/* ---------- making one ---------- */

/* Means of the trees, and how deep the deepest is. */
static hpc_status
measure_trees(hpc_env *env, hpc_shap *shap, const hpc_model_view *view,
			  uint32_t *deepest)
{
	uint32_t most_nodes = hpc_cover_most_nodes(view);
	uint32_t *depths = hpc_alloc(env, most_nodes, sizeof(uint32_t));
	double *means = hpc_alloc(env, most_nodes, sizeof(double));
	hpc_status status =
		depths != NULL && means != NULL ? HPC_OK : HPC_NO_MEMORY;

	*deepest = 0;
	for (uint32_t tree = 0; tree < view->training->ntrees && status == HPC_OK;
		 tree++)
	{
		hpc_cover_tree its = hpc_cover_tree_of(view, tree);
		uint32_t depth;

		status = hpc_cover_depths(env, &its, depths, &depth);
		if (status == HPC_OK)
			status = hpc_cover_means(env, &its, means);
		if (status == HPC_OK)
			shap->means[tree] = means[0];
		*deepest = depth > *deepest ? depth : *deepest;
	}
	hpc_free(env, means);
	hpc_free(env, depths);
	return status;
}

/* A path has no more features than splits, and no more than are used. */
static uint32_t
choose_points(const hpc_model_view *view, uint32_t deepest)
{
	uint32_t most = 0;
	uint32_t npoints;

	for (uint32_t i = 0; i < view->nfeatures; i++)
		most += view->features[i].nsplits > 0;
	if (most > deepest)
		most = deepest;
	npoints = (most + 1) / 2;
	return npoints > 0 ? (npoints + BUNCH - 1) / BUNCH * BUNCH : BUNCH;
}

static void
prepare_points(hpc_shap *shap)
{
	double *product = vector(shap, 0, PRODUCT);
	double *inverse = vector(shap, 0, INVERSE);
	double *pull = vector(shap, 0, PULL);

	/* before the first edge nothing is decided */
	shap->steps[0] = (step){.agrees = true, .share = 1};
	hpc_quadrature(shap->npoints, shap->points, product);
	for (uint32_t i = 0; i < shap->npoints; i++)
	{
		shap->rests[i] = 1 - shap->points[i];
		shap->pushes[i] = -1 / shap->rests[i];
		inverse[i] = 1;
		pull[i] = 0;
	}
}

static hpc_status
make_room(hpc_env *env, hpc_shap *shap, const hpc_model_view *view,
		  uint32_t deepest)
{
	size_t nlevels = (size_t) deepest + 1;

	shap->npoints = choose_points(view, deepest);
	shap->points = hpc_alloc(env, shap->npoints, sizeof(double));
	shap->rests = hpc_alloc(env, shap->npoints, sizeof(double));
	shap->pushes = hpc_alloc(env, shap->npoints, sizeof(double));
	shap->steps = hpc_alloc(env, nlevels, sizeof(step));
	shap->vectors =
		hpc_alloc(env, nlevels * NVECTORS * shap->npoints, sizeof(double));
	shap->latest = hpc_alloc(env, view->nfeatures, sizeof(uint32_t));
	if (shap->points == NULL || shap->rests == NULL || shap->pushes == NULL ||
		shap->steps == NULL || shap->vectors == NULL || shap->latest == NULL)
		return HPC_NO_MEMORY;
	prepare_points(shap);
	return HPC_OK;
}

hpc_status
hpc_shap_create(hpc_env *env, const hpc_model_view *view, hpc_shap **shap)
{
	hpc_shap *made = hpc_alloc0(env, 1, sizeof(hpc_shap));
	hpc_status status = HPC_NO_MEMORY;
	uint32_t deepest;

	*shap = NULL;
	if (made == NULL)
		return HPC_NO_MEMORY;
	made->means = hpc_alloc(env, view->training->ntrees, sizeof(double));
	if (made->means != NULL)
		status = measure_trees(env, made, view, &deepest);
	if (status == HPC_OK)
		status = make_room(env, made, view, deepest);
	if (status == HPC_OK)
		*shap = made;
	else
		hpc_shap_free(env, made);
	return status;
}

void
hpc_shap_free(hpc_env *env, hpc_shap *shap)
{
	if (shap == NULL)
		return;
	hpc_free(env, shap->latest);
	hpc_free(env, shap->vectors);
	hpc_free(env, shap->steps);
	hpc_free(env, shap->pushes);
	hpc_free(env, shap->rests);
	hpc_free(env, shap->points);
	hpc_free(env, shap->means);
	hpc_free(env, shap);
}
