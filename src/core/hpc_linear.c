/*
 * hpc_linear.c
 *		Linear regression with an elastic net penalty.
 *
 *		design		features become columns                (hpc_design.c)
 *		gram		products of columns, by fold           (hpc_gram.c)
 *		paths		for each of five folds a path of falling penalties on
 *					the other four                         (hpc_elastic.c)
 *		choose		where the loss of the folds, added up, is least
 *		fit			on all rows
 *		measure		the folds' predictions of their own rows
 *
 * The objective, for columns X of mean 0 and targets of deviation 1, is
 *
 *		mean of w (y - Xb)²/2 + l1 |b| + l2 |b|²/2
 *
 * so the same penalties suit dollars and thousands.  Where both are to be
 * chosen, two paths are tried, one with as much l2 as l1 and one with nine
 * times as much: from the penalty that leaves nothing down to a thousandth.
 * Weaker ones have been no better on any table but those where a line
 * is not to be trusted at all.
 *
 * The loss of a fold needs no row: it is a quadratic form of its products.
 * Rows are read twice: for the products, and for the predictions out of fold.
 * The preparation is learned from all rows, whose targets it does not look
 * at; only means are those of the rows learned from.
 */
#include <math.h>

#include "hpc_elastic.h"
#include "hpc_linear.h"
#include "hpc_memory.h"
#include "hpc_random.h"

#define PATH_STEPS 32
#define PATH_RATIO 0.8
#define MOST_L2 10.0
#define L2_RATIO 0.6
#define NMIXES 2
#define MAX_CANDIDATES (NMIXES * PATH_STEPS)

#define ROWS_PER_TASK 512

/* Of a training, for progress. */
#define NSTEPS 4

/* Share of l1 in the penalty. */
static const double mixes[NMIXES] = {0.5, 0.1};

typedef struct candidate
{
	double l1;
	double l2;
	bool first; /* of its path */
} candidate;

typedef struct linear
{
	hpc_env *env;
	const hpc_frame *frame;
	hpc_params *params;
	hpc_writer *writer;
	hpc_design *design;
	uint8_t *fold; /* [nrows] */
	hpc_gram gram;
	int nworkers;
	hpc_elastic *elastic; /* [nworkers] */
	double **scratch;     /* [nworkers][ncolumns + 2] */

	int ncandidates;
	candidate candidates[MAX_CANDIDATES];
	int chosen;

	/* solutions of the folds; intercept NaN: none */
	double *coefficient; /* [HPC_NFOLDS][ncandidates][ncolumns] */
	double intercept[HPC_NFOLDS][MAX_CANDIDATES];
	double loss[HPC_NFOLDS][MAX_CANDIDATES];
	double *prediction; /* [nrows] by the folds, on the frame's scale */
} linear;

/* ---------- folds ---------- */

static hpc_status
draw_folds(linear *l)
{
	const hpc_frame *frame = l->frame;

	l->fold = hpc_alloc(l->env, frame->nrows, sizeof(uint8_t));
	if (l->fold == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		l->fold[row] = (uint8_t) hpc_inner_fold(l->params->seed,
												frame->key[row], HPC_NFOLDS);
		if (hpc_poll(l->env, row))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/* ---------- penalties to try ---------- */

static void
add_candidate(linear *l, double l1, double l2, bool first)
{
	l->candidates[l->ncandidates++] = (candidate){l1, l2, first};
}

/* The l1 from which on no coefficient differs from 0. */
static double
most_l1(linear *l)
{
	hpc_normal *normal = &l->elastic[0].normal;
	double most = 0;

	if (!hpc_gram_cross(&l->gram, HPC_ALL_ROWS, normal))
		return 1;
	for (int i = 0; i < l->gram.ncolumns; i++)
	{
		double size = fabs(normal->cross[i]);

		most = size > most ? size : most;
	}
	return most > 0 ? most : 1;
}

static void
list_candidates(linear *l)
{
	double l1 = l->params->l1;
	double l2 = l->params->l2;
	double most = most_l1(l);

	if (l1 >= 0 && l2 >= 0)
	{
		add_candidate(l, l1, l2, true);
		return;
	}
	for (int mix = 0; mix < (l1 < 0 && l2 < 0 ? NMIXES : 1); mix++)
	{
		double penalty = l2 < 0 ? most / mixes[mix] : most;
		double square = MOST_L2;

		for (int i = 0; i < PATH_STEPS; i++)
		{
			if (l1 >= 0)
				add_candidate(l, l1, square, i == 0);
			else if (l2 >= 0)
				add_candidate(l, penalty, l2, i == 0);
			else
				add_candidate(l, penalty * mixes[mix],
							  penalty * (1 - mixes[mix]), i == 0);
			penalty *= PATH_RATIO;
			square *= L2_RATIO;
		}
	}
}

/* ---------- paths ---------- */

/*
 * Solves a candidate, after those of its path.  Linear equations that are the
 * only ones are solved like the final ones.  False: stopped.
 */
static bool
solve_candidate(const linear *l, hpc_elastic *elastic, int which,
				hpc_crew *crew, int worker)
{
	const candidate *c = &l->candidates[which];
	bool fine = l->ncandidates == 1 && c->l1 == 0;

	if (c->first)
		hpc_elastic_restart(elastic);
	return hpc_elastic_solve(elastic, c->l1, c->l2, fine, crew, worker);
}

static double *
fold_coefficients(const linear *l, uint64_t fold, int which)
{
	size_t at = fold * (size_t) l->ncandidates + (size_t) which;

	return l->coefficient + at * (size_t) l->gram.ncolumns;
}

static void
follow_path(hpc_crew *crew, int worker, uint64_t fold, void *context)
{
	linear *l = context;
	hpc_elastic *elastic = &l->elastic[worker];

	for (int i = 0; i < l->ncandidates; i++)
	{
		l->intercept[fold][i] = NAN;
		l->loss[fold][i] = 0;
	}
	if (!hpc_gram_normal(&l->gram, (int) fold, &elastic->normal, crew, worker))
		return;
	for (int i = 0; i < l->ncandidates; i++)
	{
		double *coefficient = fold_coefficients(l, fold, i);

		if (!solve_candidate(l, elastic, i, crew, worker))
			return;
		for (int j = 0; j < elastic->n; j++)
			coefficient[j] = elastic->coefficient[j];
		l->intercept[fold][i] = hpc_elastic_intercept(elastic);
		l->loss[fold][i] =
			hpc_gram_loss(&l->gram, (int) fold, coefficient,
						  l->intercept[fold][i], l->scratch[worker]);
	}
}

/* The least loss; of equal ones the strongest penalty. */
static void
choose(linear *l)
{
	double least = INFINITY;

	for (int i = 0; i < l->ncandidates; i++)
	{
		double loss = 0;

		for (int f = 0; f < HPC_NFOLDS; f++)
			loss += l->loss[f][i];
		if (loss < least)
		{
			least = loss;
			l->chosen = i;
		}
	}
	l->params->l1 = l->candidates[l->chosen].l1;
	l->params->l2 = l->candidates[l->chosen].l2;
}

/* The chosen penalties, on all rows; in the elastic of whoever has it. */
static void
fit_all(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	linear *l = context;
	hpc_elastic *elastic = &l->elastic[0];
	const candidate *c = &l->candidates[l->chosen];
	int first = l->chosen;

	(void) task;
	if (!hpc_gram_normal(&l->gram, HPC_ALL_ROWS, &elastic->normal, crew,
						 worker))
	{
		hpc_elastic_restart(elastic);
		return;
	}
	while (!l->candidates[first].first)
		first--;
	for (int i = first; i <= l->chosen; i++)
	{
		if (!solve_candidate(l, elastic, i, crew, worker))
			return;
	}
	if (l->ncandidates > 1 || c->l1 > 0)
		hpc_elastic_solve(elastic, c->l1, c->l2, true, crew, worker);
}

/* ---------- predictions out of fold ---------- */

/* Coefficients of columns as they are, not scaled. */
static void
unscale_folds(linear *l)
{
	for (uint64_t f = 0; f < HPC_NFOLDS; f++)
	{
		double *coefficient = fold_coefficients(l, f, l->chosen);

		for (int j = 0; j < l->gram.ncolumns; j++)
			coefficient[j] *= l->gram.scale[j];
	}
}

/* What the columns of a row add up to. */
static double
sum_columns(const linear *l, const double *coefficient, uint32_t row)
{
	double sum = 0;

	for (int i = 0; i < l->frame->nfeatures; i++)
	{
		const hpc_feature *feature = &l->frame->features[i];
		const hpc_design_term *term = &l->design->terms[i];
		int flag = hpc_design_flag(term, feature, row);

		if (term->level == NULL && term->column != HPC_NO_COLUMN)
			sum += coefficient[term->column] *
				   term->score[hpc_code(feature, row)];
		if (flag != HPC_NO_COLUMN)
			sum += coefficient[flag];
	}
	return sum;
}

static void
predict_rows(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	linear *l = context;
	const hpc_design *design = l->design;
	uint64_t begin = task * ROWS_PER_TASK;
	uint64_t end = begin + ROWS_PER_TASK;

	if (hpc_crew_stopped(crew, worker))
		return;
	for (uint64_t row = begin; row < end && row < l->frame->nrows; row++)
	{
		uint8_t fold = l->fold[row];
		double score = l->intercept[fold][l->chosen];

		l->prediction[row] = NAN;
		if (isnan(score))
			continue;
		score += sum_columns(l, fold_coefficients(l, fold, l->chosen),
							 (uint32_t) row);
		l->prediction[row] = hpc_model_number(
			hpc_scale(design->target_center + design->target_sd * score,
					  design->target_unit));
	}
}

/* ---------- the model ---------- */

/* A difference of scores as a difference of targets. */
static double
target_difference(const hpc_design *design, double score)
{
	return hpc_model_number(
		hpc_scale(design->target_sd * score, design->target_unit));
}

/* Coefficient of a flag as it is, 0 where there is none. */
static double
flag_coefficient(const linear *l, int flag)
{
	return flag != HPC_NO_COLUMN
			   ? l->elastic[0].coefficient[flag] * l->gram.scale[flag]
			   : 0;
}

/*
 * The slope of a number.  One that a double cannot hold belongs to a feature
 * whose whole range is next to nothing.
 */
static void
write_number(const linear *l, const hpc_design_term *from,
			 hpc_linear_term *term)
{
	const hpc_design *design = l->design;

	*term = from->term;
	term->missing =
		target_difference(design, flag_coefficient(l, from->missing));
	if (from->column == HPC_NO_COLUMN)
		return;
	term->coefficient =
		hpc_scale(design->target_sd * l->elastic[0].coefficient[from->column] /
					  from->sd,
				  design->target_unit - from->exponent);
	if (!isfinite(term->coefficient) ||
		!isfinite(hpc_linear_term_of_number(term, term->low)) ||
		!isfinite(hpc_linear_term_of_number(term, term->high)))
		term->coefficient = 0;
}

/* Mean of what a feature's flags add. */
static double
mean_of_flags(const hpc_elastic *elastic, const hpc_design_term *from)
{
	double mean = 0;

	for (int i = 0; i < from->nflags; i++)
		mean += elastic->normal.mean[from->first_flag + i] *
				elastic->coefficient[from->first_flag + i];
	return mean;
}

/* Coefficients of levels, as distances from their mean. */
static void
write_category(const linear *l, const hpc_feature *feature,
			   const hpc_design_term *from, hpc_linear_term *term,
			   double *levels)
{
	const hpc_design *design = l->design;
	double mean = mean_of_flags(&l->elastic[0], from);

	term->unknown =
		target_difference(design, flag_coefficient(l, from->pool) - mean);
	term->missing = target_difference(
		design, flag_coefficient(l, from->level[feature->nbins]) - mean);
	for (uint32_t i = 0; i < feature->nvalues; i++)
	{
		uint32_t code = feature->level_bin != NULL ? feature->level_bin[i] : i;

		levels[i] =
			target_difference(design,
							  flag_coefficient(l, from->level[code]) - mean);
	}
}

/* Columns of a feature: its number, if it has one, then its flags. */
static int
column_of(const hpc_design_term *from, int i)
{
	bool number = from->level == NULL && from->column != HPC_NO_COLUMN;

	if (number && i == 0)
		return from->column;
	i -= number;
	return i < from->nflags ? from->first_flag + i : HPC_NO_COLUMN;
}

/* Standard deviation of what a feature adds, as a share of the target's. */
static double
importance(const hpc_elastic *elastic, const hpc_design_term *from)
{
	double variance = 0;
	int a;
	int b;

	for (int i = 0; (a = column_of(from, i)) != HPC_NO_COLUMN; i++)
	{
		const double *row =
			elastic->normal.matrix + (size_t) a * (size_t) elastic->n;

		for (int j = 0; (b = column_of(from, j)) != HPC_NO_COLUMN; j++)
			variance +=
				elastic->coefficient[a] * elastic->coefficient[b] * row[b];
	}
	return variance > 0 ? sqrt(variance) : 0;
}

static void
write_terms(const linear *l, hpc_linear_term *terms, double *levels,
			double *gain)
{
	const hpc_design *design = l->design;
	const hpc_elastic *elastic = &l->elastic[0];
	double base = hpc_elastic_intercept(elastic);
	uint32_t nlevels = 0;

	for (int i = 0; i < l->frame->nfeatures; i++)
	{
		const hpc_feature *feature = &l->frame->features[i];
		const hpc_design_term *from = &design->terms[i];

		gain[i] = importance(elastic, from);
		if (from->level == NULL)
			write_number(l, from, &terms[i]);
		else
		{
			write_category(l, feature, from, &terms[i], levels + nlevels);
			base += mean_of_flags(elastic, from);
		}
		terms[i].first_level = nlevels;
		nlevels += feature->categories.nentries;
	}
	base = design->target_center + design->target_sd * base;
	hpc_writer_set_base(l->writer, hpc_model_number(
									   hpc_scale(base, design->target_unit)));
}

static hpc_status
write_model(linear *l)
{
	size_t nfeatures = (size_t) l->frame->nfeatures;
	uint32_t nlevels = 0;
	hpc_linear_term *terms =
		hpc_alloc0(l->env, nfeatures, sizeof(hpc_linear_term));
	double *gain = hpc_alloc(l->env, nfeatures, sizeof(double));
	double *levels;
	hpc_status status = HPC_NO_MEMORY;

	for (size_t i = 0; i < nfeatures; i++)
		nlevels += l->frame->features[i].categories.nentries;
	levels = hpc_alloc(l->env, nlevels, sizeof(double));
	if (terms != NULL && gain != NULL && levels != NULL)
	{
		write_terms(l, terms, levels, gain);
		status = hpc_writer_set_linear(l->env, l->writer, terms, levels,
									   nlevels, gain);
	}
	hpc_free(l->env, terms);
	hpc_free(l->env, gain);
	hpc_free(l->env, levels);
	return status;
}

/* ---------- the whole ---------- */

static hpc_status
run(hpc_crew *crew, void *context)
{
	linear *l = context;
	uint64_t ntasks = (l->frame->nrows + ROWS_PER_TASK - 1) / ROWS_PER_TASK;
	size_t nsolutions;
	hpc_status status = hpc_gram_add_rows(&l->gram, crew);

	if (status != HPC_OK)
		return status;
	hpc_progress(l->env, "steps", 1, NSTEPS);
	list_candidates(l);
	nsolutions = HPC_NFOLDS * (size_t) l->ncandidates;
	l->coefficient = hpc_alloc0(l->env, nsolutions * (size_t) l->gram.ncolumns,
								sizeof(double));
	if (l->coefficient == NULL)
		return HPC_NO_MEMORY;
	status = hpc_crew_share(crew, HPC_NFOLDS, follow_path, l);
	if (status != HPC_OK)
		return status;
	hpc_progress(l->env, "steps", 2, NSTEPS);
	choose(l);
	unscale_folds(l);
	status = hpc_crew_share(crew, 1, fit_all, l);
	if (status != HPC_OK)
		return status;
	hpc_progress(l->env, "steps", 3, NSTEPS);
	return hpc_crew_share(crew, ntasks, predict_rows, l);
}

static hpc_status
prepare(linear *l)
{
	size_t nworkers;
	hpc_status status = hpc_design_create(l->env, l->frame, &l->design);

	if (status == HPC_OK)
		status = draw_folds(l);
	if (status == HPC_OK)
		status = hpc_gram_init(l->env, &l->gram, l->design, l->fold);
	if (status != HPC_OK)
		return status;
	l->nworkers = hpc_crew_size(l->env);
	if (l->nworkers > HPC_NFOLDS)
		l->nworkers = HPC_NFOLDS;
	nworkers = (size_t) l->nworkers;
	l->prediction = hpc_alloc(l->env, l->frame->nrows, sizeof(double));
	l->elastic = hpc_alloc0(l->env, nworkers, sizeof(hpc_elastic));
	l->scratch = hpc_alloc0(l->env, nworkers, sizeof(double *));
	if (l->prediction == NULL || l->elastic == NULL || l->scratch == NULL)
		return HPC_NO_MEMORY;
	for (size_t i = 0; i < nworkers && status == HPC_OK; i++)
	{
		status = hpc_elastic_init(l->env, &l->elastic[i], l->gram.ncolumns);
		l->scratch[i] =
			hpc_alloc(l->env, (size_t) l->gram.ncolumns + 2, sizeof(double));
		if (l->scratch[i] == NULL)
			status = HPC_NO_MEMORY;
	}
	return status;
}

static void
clean_up(linear *l)
{
	for (int i = 0; i < l->nworkers; i++)
	{
		if (l->elastic != NULL)
			hpc_elastic_free(l->env, &l->elastic[i]);
		if (l->scratch != NULL)
			hpc_free(l->env, l->scratch[i]);
	}
	hpc_free(l->env, l->elastic);
	hpc_free(l->env, l->scratch);
	hpc_free(l->env, l->coefficient);
	hpc_free(l->env, l->prediction);
	hpc_gram_free(l->env, &l->gram);
	hpc_design_free(l->env, l->design);
	hpc_free(l->env, l->fold);
}

hpc_status
hpc_linear_train(hpc_env *env, const hpc_frame *frame, hpc_params *params,
				 hpc_writer *writer, hpc_held *held)
{
	linear *l = hpc_alloc0(env, 1, sizeof(linear));
	hpc_status status;

	*held = (hpc_held){NULL, NULL, 0};
	if (l == NULL)
		return HPC_NO_MEMORY;
	l->env = env;
	l->frame = frame;
	l->params = params;
	l->writer = writer;
	status = prepare(l);
	if (status == HPC_OK)
		status = hpc_crew_open(env, l->nworkers, run, l);
	if (status == HPC_OK)
		status = write_model(l);
	if (status == HPC_OK)
	{
		held->prediction = l->prediction;
		l->prediction = NULL;
		hpc_progress(l->env, "steps", 4, NSTEPS);
	}
	clean_up(l);
	hpc_free(env, l);
	return status;
}
