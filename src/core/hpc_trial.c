/*
 * hpc_trial.c
 *		Tries sets of features: how well boosted trees on them predict rows held
 *		out, and what each of the features does for that.
 *
 * A trial boosts five times, each time without one inner fold, ROUNDS short
 * rounds with large steps: not the best model of these features, but one that
 * ranks sets as the best would.  Folds and draws are the same in every trial,
 * so that sets that differ in one feature differ by little else.  The loss is
 * that of all folds after the round where it is least.
 *
 * Permutation importance (Breiman 2001, section 10; on rows held out).  The
 * values of one feature are shuffled among the rows of a fold, and the loss is
 * measured again; trees that do not use the feature are not looked at.  A
 * shuffle is a cycle through the rows in the order of keyed draws: a function
 * of their set.
 *
 * Losses are exact sums, weighted.  Tasks are folds, so threads do not show.
 *
 * Cost: 5 × ROUNDS trees; 2 × 5 × ROUNDS walks a feature and row for shuffles.
 * Memory: the grower's, and 8 × (ROUNDS + features) bytes a row.
 */
#include <math.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_random.h"
#include "hpc_series.h"
#include "hpc_sort.h"
#include "hpc_trial.h"

#define ROUNDS 60
#define LEARNING_RATE 0.16
#define MAX_LEAVES 8
#define FEATURE_FRACTION 0.5
#define LEAST_FEATURES 4 /* drawn per tree */

/* One fold of a trial. */
typedef struct fold
{
	hpc_series series;
	hpc_tray tray;
	uint32_t *lender; /* [nheld] row whose values a row held out borrows */
	double *shift;    /* [features of the trial][nheld] of predictions */
	hpc_sum *losses;  /* [features of the trial] with it shuffled */
} fold;

struct hpc_trial
{
	hpc_env *env;
	const hpc_frame *frame;
	hpc_params params;
	hpc_series_rules rules;
	uint8_t *fold_of; /* [nrows] */
	double spread;    /* of the targets, in the units of residuals */
	hpc_lines *lines;
	int ngrowers;
	hpc_grower **growers; /* [ngrowers] one a worker */
	fold folds[HPC_NFOLDS];

	/* the trial at hand */
	int *place_of; /* [nfeatures] in it, or -1 */
	int nfeatures;
};

/* ---------- boosting ---------- */

static void
advance_fold(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	hpc_trial *t = context;

	hpc_series_advance(&t->folds[task].series, t->growers[worker], crew,
					   worker, ROUNDS);
}

/* For growers and trays that have asked for it. */
static hpc_status
make_room(hpc_trial *t)
{
	hpc_status status = HPC_OK;

	for (int i = 0; i < t->ngrowers && status == HPC_OK; i++)
	{
		if (hpc_grower_wants_room(t->growers[i]))
			status = hpc_grower_make_room(t->env, t->growers[i]);
	}
	for (int i = 0; i < HPC_NFOLDS && status == HPC_OK; i++)
	{
		if (t->folds[i].tray.full)
			status = hpc_tray_make_room(t->env, &t->folds[i].tray);
	}
	return status;
}

static bool
all_there(const hpc_trial *t)
{
	for (int i = 0; i < HPC_NFOLDS; i++)
	{
		if (t->folds[i].series.round < ROUNDS)
			return false;
	}
	return true;
}

/* Settles what the trees of this trial may use, and how many of it each. */
static void
set_features(hpc_trial *t, const int *features, int n)
{
	hpc_series_rules *rules = &t->rules;
	double share = fmax(FEATURE_FRACTION * n, LEAST_FEATURES);

	for (int i = 0; i < t->frame->nfeatures; i++)
		t->place_of[i] = -1;
	for (int i = 0; i < n; i++)
		t->place_of[features[i]] = i;
	memcpy(rules->usable, features, (size_t) n * sizeof(int));
	rules->nusable = n;
	rules->ndrawn = (int) fmin(floor(share + 0.5), n);
	t->nfeatures = n;
}

static hpc_status
begin_folds(hpc_trial *t, bool keep_trees)
{
	hpc_status status = HPC_OK;

	for (int i = 0; i < HPC_NFOLDS && status == HPC_OK; i++)
	{
		fold *f = &t->folds[i];

		hpc_series_free(t->env, &f->series);
		hpc_tray_clear(&f->tray);
		status = hpc_series_init(t->env, &f->series, &t->rules, 0, i,
								 keep_trees ? &f->tray : NULL);
	}
	return status;
}

static hpc_status
boost(hpc_trial *t, hpc_crew *crew, bool keep_trees)
{
	hpc_status status = begin_folds(t, keep_trees);

	while (status == HPC_OK && !all_there(t))
	{
		status = make_room(t);
		if (status == HPC_OK)
			status = hpc_crew_share(crew, HPC_NFOLDS, advance_fold, t);
	}
	return status;
}

/* ---------- losses ---------- */

static bool
is_judged(const fold *f)
{
	return f->series.nheld > 0 && !f->series.idle;
}

/* R² that leaves this loss; NaN where there is nothing to explain. */
static double
r2_of(const hpc_trial *t, double loss)
{
	return t->spread > 0 ? 1 - loss / t->spread : NAN;
}

/* The least loss of all folds after any round; NaN without rows. */
static double
least_loss(const hpc_trial *t)
{
	double least = NAN;

	for (int round = 0; round < ROUNDS; round++)
	{
		double loss = 0;
		bool any = false;

		for (int i = 0; i < HPC_NFOLDS; i++)
		{
			if (!is_judged(&t->folds[i]))
				continue;
			loss += t->folds[i].series.loss_now[round];
			any = true;
		}
		if (any && !(loss >= least))
			least = loss;
	}
	return least;
}

hpc_status
hpc_trial_run(hpc_trial *t, hpc_crew *crew, const int *features, int n,
			  double *r2)
{
	hpc_status status;

	set_features(t, features, n);
	status = boost(t, crew, false);
	*r2 = status == HPC_OK ? r2_of(t, least_loss(t)) : NAN;
	return status;
}

/* ---------- shuffling ---------- */

/* The leaf of a row that has another one's value of one feature. */
static double
borrowed_leaf(const hpc_tree *tree, const hpc_frame *frame, uint32_t row,
			  int borrowed, uint32_t lender)
{
	uint32_t at = 0;

	while (tree->nodes[at].left != 0)
	{
		const hpc_tree_node *node = &tree->nodes[at];
		const hpc_feature *feature = &frame->features[node->feature];
		uint32_t code =
			hpc_code(feature, node->feature == borrowed ? lender : row);

		at = node->left + !hpc_tree_goes_left(tree, node, feature, code);
	}
	return tree->nodes[at].value;
}

/* Has a node before this one the same feature? */
static bool
is_known(const hpc_tree *tree, uint32_t node)
{
	for (uint32_t i = 0; i < node; i++)
	{
		if (tree->nodes[i].left != 0 &&
			tree->nodes[i].feature == tree->nodes[node].feature)
			return true;
	}
	return false;
}

/* By how much a tree's predictions change when a feature is shuffled. */
static void
shift_predictions(const hpc_trial *t, fold *f, const hpc_tree *tree,
				  int feature)
{
	const hpc_series *s = &f->series;
	double *shift = f->shift + (size_t) t->place_of[feature] * s->nheld;

	for (uint32_t i = 0; i < s->nheld; i++)
	{
		uint32_t row = s->held[i];

		/* no value is borrowed from oneself */
		shift[i] += borrowed_leaf(tree, t->frame, row, feature, f->lender[i]) -
					borrowed_leaf(tree, t->frame, row, feature, row);
	}
}

static void
sum_losses(const hpc_trial *t, fold *f)
{
	const hpc_series *s = &f->series;

	for (int i = 0; i < t->nfeatures; i++)
	{
		const double *shift = f->shift + (size_t) i * s->nheld;

		hpc_sum_init(&f->losses[i]);
		for (uint32_t j = 0; j < s->nheld; j++)
		{
			uint32_t row = s->held[j];
			double residual =
				s->residual[row] - hpc_scale(shift[j], -t->rules.unit);

			hpc_sum_add_product(&f->losses[i], residual * residual,
								hpc_row_weight(t->frame, row) *
									hpc_row_count(t->frame, row));
		}
	}
}

/* The task of a fold: all of its trees, all of their features. */
static void
shuffle_fold(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	hpc_trial *t = context;
	fold *f = &t->folds[task];

	if (!is_judged(f))
		return;
	for (uint64_t i = 0; i < f->tray.ntrees; i++)
	{
		hpc_tree tree = hpc_tray_tree_at(&f->tray, i);

		for (uint32_t node = 0; node < tree.nnodes; node++)
		{
			if (hpc_crew_stopped(crew, worker))
				return;
			if (tree.nodes[node].left != 0 && !is_known(&tree, node))
				shift_predictions(t, f, &tree, tree.nodes[node].feature);
		}
	}
	sum_losses(t, f);
}

static hpc_status
allocate_shuffles(hpc_trial *t)
{
	for (int i = 0; i < HPC_NFOLDS; i++)
	{
		fold *f = &t->folds[i];
		size_t n = (size_t) t->nfeatures;

		hpc_free(t->env, f->shift);
		hpc_free(t->env, f->losses);
		f->losses = NULL;
		f->shift = hpc_alloc(t->env, n * f->series.nheld, sizeof(double));
		if (f->shift == NULL)
			return HPC_NO_MEMORY;
		f->losses = hpc_alloc(t->env, n, sizeof(hpc_sum));
		if (f->losses == NULL)
			return HPC_NO_MEMORY;
		if (hpc_fill(t->env, f->shift, 0,
					 n * f->series.nheld * sizeof(double)) != HPC_OK)
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/* Loss after the last round, over all folds. */
static double
last_loss(const hpc_trial *t)
{
	double loss = 0;

	for (int i = 0; i < HPC_NFOLDS; i++)
	{
		if (is_judged(&t->folds[i]))
			loss += t->folds[i].series.loss_now[ROUNDS - 1];
	}
	return loss;
}

static double
shuffled_loss(const hpc_trial *t, int feature)
{
	double loss = 0;

	for (int i = 0; i < HPC_NFOLDS; i++)
	{
		if (is_judged(&t->folds[i]))
			loss += hpc_sum_round(&t->folds[i].losses[feature]);
	}
	return loss;
}

hpc_status
hpc_trial_shuffle(hpc_trial *t, hpc_crew *crew, const int *features, int n,
				  double *r2, double *losses)
{
	hpc_status status;

	set_features(t, features, n);
	status = boost(t, crew, true);
	if (status == HPC_OK)
		status = allocate_shuffles(t);
	if (status == HPC_OK)
		status = hpc_crew_share(crew, HPC_NFOLDS, shuffle_fold, t);
	if (status != HPC_OK)
		return status;
	*r2 = r2_of(t, least_loss(t));
	for (int i = 0; i < n; i++)
		losses[i] = r2_of(t, last_loss(t)) - r2_of(t, shuffled_loss(t, i));
	return HPC_OK;
}

/* ---------- the workplace ---------- */

static hpc_status
draw_folds(hpc_trial *t)
{
	const hpc_frame *frame = t->frame;

	t->fold_of = hpc_alloc(t->env, frame->nrows, sizeof(uint8_t));
	if (t->fold_of == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		t->fold_of[row] =
			(uint8_t) hpc_inner_fold(t->params.seed, frame->key[row],
									 HPC_NFOLDS);
		if (hpc_poll(t->env, row))
			return HPC_CANCELLED;
	}
	t->rules.fold = t->fold_of;
	return HPC_OK;
}

/* Weighted sum of squared distances of the targets from their mean. */
static hpc_status
measure_spread(hpc_trial *t)
{
	const hpc_frame *frame = t->frame;
	hpc_sum sum;
	hpc_sum squares;
	double weight;
	double mean;
	hpc_status status = hpc_frame_total_weight(t->env, frame, &weight);

	hpc_sum_init(&sum);
	hpc_sum_init(&squares);
	for (uint32_t row = 0; row < frame->nrows && status == HPC_OK; row++)
	{
		hpc_sum_add_product(&sum,
							hpc_scale(frame->target[row], -t->rules.unit),
							hpc_row_weight(frame, row) *
								hpc_row_count(frame, row));
		if (hpc_poll(t->env, row))
			status = HPC_CANCELLED;
	}
	mean = hpc_sum_round(&sum) / weight;
	for (uint32_t row = 0; row < frame->nrows && status == HPC_OK; row++)
	{
		double off = hpc_scale(frame->target[row], -t->rules.unit) - mean;

		hpc_sum_add_product(&squares, off * off,
							hpc_row_weight(frame, row) *
								hpc_row_count(frame, row));
		if (hpc_poll(t->env, row))
			status = HPC_CANCELLED;
	}
	t->spread = hpc_sum_round(&squares);
	return status;
}

static hpc_status
make_growers(hpc_trial *t)
{
	hpc_status status = hpc_lines_create(t->env, t->frame, &t->lines);

	t->ngrowers = hpc_crew_size(t->env);
	if (t->ngrowers > HPC_NFOLDS)
		t->ngrowers = HPC_NFOLDS;
	if (status == HPC_OK)
		status = hpc_grower_count(t->env, t->frame, &t->rules.grow,
								  t->rules.wide, 0, &t->ngrowers);
	if (status != HPC_OK)
		return status;
	t->growers =
		hpc_alloc0(t->env, (size_t) t->ngrowers, sizeof(hpc_grower *));
	for (int i = 0; i < t->ngrowers && t->growers != NULL; i++)
	{
		t->growers[i] = hpc_grower_create(t->env, t->frame, t->lines,
										  &t->rules.grow, t->rules.wide);
		if (t->growers[i] == NULL)
			return HPC_NO_MEMORY;
	}
	return t->growers != NULL ? HPC_OK : HPC_NO_MEMORY;
}

/* A row held out and its draw. */
static hpc_status
list_held(hpc_trial *t, int held_out, hpc_pair *pairs, uint32_t *n)
{
	uint64_t stream = hpc_stream(HPC_TAG_SHUFFLE, t->params.seed, 0);

	*n = 0;
	for (uint32_t row = 0; row < t->frame->nrows; row++)
	{
		if (t->fold_of[row] == held_out)
			pairs[(*n)++] =
				(hpc_pair){hpc_draw(stream, t->frame->key[row]), row};
		if (hpc_poll(t->env, row))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/*
 * Whose values the rows of a fold borrow: each those of the next in the order
 * of draws, the last one those of the first.  lender_of[nrows] is scratch.
 */
static hpc_status
draw_lenders(hpc_trial *t, int held_out, hpc_pair *pairs, hpc_pair *spare,
			 uint32_t *lender_of)
{
	fold *f = &t->folds[held_out];
	uint32_t n;
	uint32_t at = 0;
	hpc_status status = list_held(t, held_out, pairs, &n);

	if (status != HPC_OK)
		return status;
	f->lender = hpc_alloc(t->env, n, sizeof(uint32_t));
	if (f->lender == NULL)
		return HPC_NO_MEMORY;
	if (!hpc_sort_pairs(t->env, n, pairs, spare))
		return HPC_CANCELLED;
	for (uint32_t i = 0; i < n; i++)
		lender_of[pairs[i].row] = pairs[i + 1 < n ? i + 1 : 0].row;
	for (uint32_t row = 0; row < t->frame->nrows; row++)
	{
		if (t->fold_of[row] == held_out)
			f->lender[at++] = lender_of[row];
	}
	return HPC_OK;
}

static hpc_status
draw_all_lenders(hpc_trial *t)
{
	size_t nrows = t->frame->nrows;
	hpc_pair *pairs = hpc_alloc(t->env, nrows, sizeof(hpc_pair));
	hpc_pair *spare = hpc_alloc(t->env, nrows, sizeof(hpc_pair));
	uint32_t *lender_of = hpc_alloc(t->env, nrows, sizeof(uint32_t));
	hpc_status status = pairs != NULL && spare != NULL && lender_of != NULL
							? HPC_OK
							: HPC_NO_MEMORY;

	for (int i = 0; i < HPC_NFOLDS && status == HPC_OK; i++)
		status = draw_lenders(t, i, pairs, spare, lender_of);
	hpc_free(t->env, pairs);
	hpc_free(t->env, spare);
	hpc_free(t->env, lender_of);
	return status;
}

static void
set_params(hpc_params *params, int64_t seed)
{
	hpc_params_init(params, HPC_BOOST);
	params->rounds = ROUNDS;
	params->learning_rate = LEARNING_RATE;
	params->max_leaves = MAX_LEAVES;
	params->feature_fraction = FEATURE_FRACTION;
	params->row_fraction = 1;
	params->seed = seed;
}

hpc_status
hpc_trial_create(hpc_env *env, const hpc_frame *frame, int64_t seed,
				 hpc_trial **trial)
{
	hpc_trial *t = hpc_alloc0(env, 1, sizeof(hpc_trial));
	hpc_status status;

	*trial = t;
	if (t == NULL)
		return HPC_NO_MEMORY;
	t->env = env;
	t->frame = frame;
	set_params(&t->params, seed);
	status = hpc_series_rules_init(env, &t->rules, frame, &t->params);
	t->rules.batch = ROUNDS;
	if (status == HPC_OK)
		status = draw_folds(t);
	if (status == HPC_OK)
		status = measure_spread(t);
	if (status == HPC_OK)
		status = draw_all_lenders(t);
	if (status == HPC_OK)
		status = make_growers(t);
	if (status != HPC_OK)
		return status;
	t->place_of = hpc_alloc(env, (size_t) frame->nfeatures, sizeof(int));
	return t->place_of != NULL ? HPC_OK : HPC_NO_MEMORY;
}

int
hpc_trial_nworkers(const hpc_trial *t)
{
	return t->ngrowers;
}

void
hpc_trial_free(hpc_env *env, hpc_trial *t)
{
	if (t == NULL)
		return;
	for (int i = 0; i < t->ngrowers && t->growers != NULL; i++)
		hpc_grower_free(env, t->growers[i]);
	for (int i = 0; i < HPC_NFOLDS; i++)
	{
		fold *f = &t->folds[i];

		hpc_series_free(env, &f->series);
		hpc_tray_free(env, &f->tray);
		hpc_free(env, f->lender);
		hpc_free(env, f->shift);
		hpc_free(env, f->losses);
	}
	hpc_free(env, t->growers);
	hpc_lines_free(env, t->lines);
	hpc_series_rules_free(env, &t->rules);
	hpc_free(env, t->fold_of);
	hpc_free(env, t->place_of);
	hpc_free(env, t);
}
