/*
 * hpg_tune.c
 *		hp_tune: the best of several parameters, by cross-validation.
 *
 * All candidates are tried on the folds of hpg_folds.c, and compared by the
 * absolute errors of the rows held out, row by row: every candidate predicts
 * the same rows.  The first candidate is the one to be better than.
 *
 * Where candidates are many they are halved (Jamieson and Talwalkar,
 * "Non-stochastic best arm identification and hyperparameter optimization",
 * 2016; Li et al., "Hyperband", 2018, from where the factor 3 is).  The
 * resource is rows to learn from, which suits every algorithm:
 *
 *		rung 0	27 candidates	a ninth of the rows to learn from
 *		rung 1	 9 best			a third
 *		rung 2	 3 best			all
 *
 * A sample of the rows is drawn by their content, and contains the smaller
 * ones; the rows held out are all of their fold in each rung.  No rung learns
 * from fewer than FEWEST_ROWS rows, so a small table has one rung.  The first
 * candidate stays to the end.  Nothing depends on time.
 *
 * Of the last rung the one with the least mean absolute error wins.  Chosen
 * is the simplest of those that it does not beat by more than one standard
 * error of the paired difference (Breiman, Friedman, Olshen and Stone,
 * "Classification and Regression Trees", 1984, section 3.4.3): the first
 * candidate if it is among them, else the one whose models have the fewest
 * nodes.  It is trained anew on all rows.
 *
 * Memory: that of hpg_folds.c; 8 bytes a row for each candidate in the last
 * rung.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "hpg_compat.h"
#include "hpg_folds.h"
#include "hpg_pair.h"

HPG_FUNCTION(hp_tune_final);

/* A third of the candidates goes on, to three times the rows. */
#define FACTOR 3

/* Rows to learn from in the first rung, at least. */
#define FEWEST_ROWS 1000

#define ROWS_PER_CHECK 65536

/* What is known of a candidate. */
typedef struct entrant
{
	int number; /* of the candidate */
	int rung;   /* the last one it was in */
	bool chosen;
	double mae;
	double mae_error; /* standard error */
	double rmse;
	double difference; /* of the absolute errors to the first candidate's */
	double difference_error;
	uint64 nlearned; /* rows, in all folds */
	uint64 nnodes;   /* likewise */
	double *losses;  /* [nrows] absolute errors; NULL: given back */
} entrant;

typedef struct tuning
{
	FunctionCallInfo fcinfo;
	const hpg_folds *folds;
	hpc_fold *fold; /* [nfolds] */
	int nused;      /* folds that have rows to learn from and to hold out */
	uint64 nrows;   /* held out, in all of these */
	int nrungs;
	int nentrants;
	entrant *entrants; /* in the order of the candidates, at first */
	int ndone;         /* trainings */
	int nplanned;
} tuning;

/* ---------- means of rows ---------- */

/* The mean of x[n] - y[n], y NULL: of x[n], and its standard error. */
static void
mean_of(const double *x, const double *y, uint64 n, double *mean,
		double *error)
{
	hpc_sum sum;
	hpc_sum squares;

	hpc_sum_init(&sum);
	hpc_sum_init(&squares);
	for (uint64 i = 0; i < n; i++)
	{
		double value = y != NULL ? x[i] - y[i] : x[i];

		if (i % ROWS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		hpc_sum_add(&sum, value);
		hpc_sum_add_product(&squares, value, value);
	}
	*mean = hpc_sum_round(&sum) / (double) n;
	*error = get_float8_nan();
	if (n > 1)
		*error = sqrt(hpc_sum_deviations(&sum, &squares, n) /
					  ((double) n - 1) / (double) n);
}

static double
root_mean_square(const double *x, uint64 n)
{
	hpc_sum squares;

	hpc_sum_init(&squares);
	for (uint64 i = 0; i < n; i++)
	{
		if (i % ROWS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		hpc_sum_add_product(&squares, x[i], x[i]);
	}
	return sqrt(hpc_sum_round(&squares) / (double) n);
}

/* ---------- one candidate in one rung ---------- */

static void
free_losses(const tuning *t, entrant *e)
{
	hpc_env *env = &t->folds->rows->env;

	if (e->losses != NULL)
		env->resize(env->opaque, e->losses, 0);
	e->losses = NULL;
}

static void
alloc_losses(const tuning *t, entrant *e)
{
	hpc_env *env = &t->folds->rows->env;

	free_losses(t, e);
	e->losses = env->resize(env->opaque, NULL, t->nrows * sizeof(double));
	if (e->losses == NULL)
		hpg_check_status(env, HPC_NO_MEMORY);
}

static void
report_progress(const tuning *t)
{
	hpg_progress_of(&t->folds->rows->env, "hp_tune", "trainings", t->ndone,
					t->nplanned);
}

/* Rungs learn from a third of what the next one does. */
static double
share_of_rung(const tuning *t, int rung)
{
	double share = HPC_FOLD_MARKS;

	for (; rung < t->nrungs - 1; rung++)
		share /= FACTOR;
	return share;
}

/* Which candidate an error is about. */
static void
name_candidate(void *arg)
{
	const entrant *e = arg;

	errcontext("candidate %d of hp_tune", e->number + 1);
}

/* A fold, in a rung. */
static void
try_fold(const tuning *t, entrant *e, const hpc_fold *whole, int rung,
		 hpg_trial *trial)
{
	const hpg_params *candidate = t->folds->candidates[e->number];
	ErrorContextCallback context = {error_context_stack, name_candidate, e};
	hpc_fold fold = *whole;

	error_context_stack = &context;
	fold.share = share_of_rung(t, rung);
	hpg_folds_try(t->fcinfo, t->folds, candidate, &fold, trial);

	/* rows that are all alike are in no sample, or in each */
	if (!trial->trained && fold.share < HPC_FOLD_MARKS)
		hpg_folds_try(t->fcinfo, t->folds, candidate, whole, trial);
	error_context_stack = context.previous;
}

/* The absolute errors of the rows held out in each fold. */
static void
find_losses(tuning *t, entrant *e, int rung)
{
	const hpg_folds *folds = t->folds;
	uint64 n = 0;

	alloc_losses(t, e);
	e->nlearned = 0;
	e->nnodes = 0;
	for (int i = 0; i < folds->nfolds; i++)
	{
		hpg_trial trial;

		report_progress(t);
		try_fold(t, e, &t->fold[i], rung, &trial);
		for (uint64 j = 0; trial.trained && j < trial.nheld; j++)
			e->losses[n++] = fabs(trial.actual[j] - trial.predicted[j]);
		e->nlearned += trial.trained ? trial.nlearned : 0;
		e->nnodes += trial.nnodes;
		hpg_trial_free(folds, &trial);
		t->ndone++;
	}
	if (n != t->nrows)
		elog(ERROR,
			 "folds hold out " UINT64_FORMAT " rows instead of " UINT64_FORMAT,
			 n, t->nrows);
}

static void
try_entrant(tuning *t, entrant *e, int rung)
{
	const entrant *first = &t->entrants[0];

	e->rung = rung;
	find_losses(t, e, rung);
	mean_of(e->losses, NULL, t->nrows, &e->mae, &e->mae_error);
	mean_of(e->losses, first->losses, t->nrows, &e->difference,
			&e->difference_error);
	e->rmse = root_mean_square(e->losses, t->nrows);
	if (rung < t->nrungs - 1 && e != first)
		free_losses(t, e);
}

/* ---------- rungs ---------- */

/* Better first: further up, smaller error, earlier among the candidates. */
static int
compare_entrants(const void *a, const void *b)
{
	const entrant *one = a;
	const entrant *other = b;

	if (one->rung != other->rung)
		return one->rung > other->rung ? -1 : 1;
	if (one->mae != other->mae)
		return one->mae < other->mae ? -1 : 1;
	return one->number - other->number;
}

/* The first candidate back to the front. */
static void
put_first_in_front(entrant *entrants)
{
	int at = 0;
	entrant first;

	while (entrants[at].number != 0)
		at++;
	first = entrants[at];
	memmove(entrants + 1, entrants, at * sizeof(entrant));
	entrants[0] = first;
}

/* How many of n go on. */
static int
survivors(int n)
{
	return (n + FACTOR - 1) / FACTOR;
}

/*
 * Tries the first n entrants and puts the best in front, but behind the first
 * candidate.  Answers how many go on.
 */
static int
climb_rung(tuning *t, int rung, int n)
{
	int ngo = survivors(n);
	bool stays = false;

	for (int i = 0; i < n; i++)
		try_entrant(t, &t->entrants[i], rung);
	if (rung == t->nrungs - 1)
		return n;
	qsort(t->entrants, n, sizeof(entrant), compare_entrants);
	for (int i = 0; i < ngo; i++)
		stays |= t->entrants[i].number == 0;
	put_first_in_front(t->entrants);
	return stays ? ngo : ngo + 1;
}

/* Trainings that are still to come after a rung of which n go on. */
static int
count_planned(const tuning *t, int rung, int n)
{
	int planned = 0;

	for (; rung < t->nrungs; rung++, n = survivors(n))
		planned += n * t->folds->nfolds;
	return planned + 1;
}

static void
climb(tuning *t)
{
	int n = t->nentrants;

	for (int rung = 0; rung < t->nrungs; rung++)
	{
		t->nplanned = t->ndone + count_planned(t, rung, n);
		n = climb_rung(t, rung, n);
	}
}

/* As many as the candidates need, and the rows to learn from allow. */
static int
count_rungs(const tuning *t, uint64 nlearned)
{
	int nrungs = 1;

	for (int64 third = FACTOR;
		 third < t->nentrants && nlearned / third >= FEWEST_ROWS;
		 third *= FACTOR)
		nrungs++;
	return nrungs;
}

static void
begin_tuning(tuning *t, FunctionCallInfo fcinfo, const hpg_folds *folds)
{
	hpc_env *env = &folds->rows->env;
	uint64 nfewest = PG_UINT64_MAX;

	*t = (tuning){.fcinfo = fcinfo,
				  .folds = folds,
				  .fold = hpg_folds_cut(folds),
				  .nentrants = folds->ncandidates};
	t->entrants = palloc0(t->nentrants * sizeof(entrant));
	for (int i = 0; i < t->nentrants; i++)
		t->entrants[i].number = i;
	for (int i = 0; i < folds->nfolds; i++)
	{
		uint64_t nlearn;
		uint64_t nheld;

		hpg_check_status(env, hpc_fold_count(env, folds->rows->dataset,
											 &t->fold[i], &nlearn, &nheld));
		if (nlearn == 0 || nheld == 0)
			continue;
		t->nused++;
		t->nrows += nheld;
		nfewest = Min(nfewest, nlearn);
	}
	if (t->nrows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("all rows are in one fold"),
				 errhint("Use a key with more values.")));
	t->nrungs = count_rungs(t, nfewest);
}

/* ---------- the choice ---------- */

/* Is one simpler than another, of two that are as good? */
static bool
is_simpler(const entrant *one, const entrant *other)
{
	if (one->number == 0 || other->number == 0)
		return one->number == 0;
	if (one->nnodes != other->nnodes)
		return one->nnodes < other->nnodes;
	return compare_entrants(one, other) < 0;
}

/* The simplest within one standard error of the winner, entrants[0]. */
static const entrant *
choose(tuning *t)
{
	const entrant *winner = &t->entrants[0];
	entrant *chosen = &t->entrants[0];

	for (int i = 1; i < t->nentrants; i++)
	{
		entrant *e = &t->entrants[i];
		double behind;
		double error;

		if (e->losses == NULL)
			continue;
		mean_of(e->losses, winner->losses, t->nrows, &behind, &error);
		if (behind <= error && is_simpler(e, chosen))
			chosen = e;
	}
	chosen->chosen = true;
	return chosen;
}

/* ---------- the result ---------- */

/* The columns of hp_tune_score, in their order. */
enum
{
	SCORE_RANK,
	SCORE_CHOSEN,
	SCORE_MAE,
	SCORE_MAE_ERROR,
	SCORE_RMSE,
	SCORE_DIFFERENCE,
	SCORE_DIFFERENCE_ERROR,
	SCORE_TRAIN_ROWS,
	SCORE_NODES,
	SCORE_PARAMS,
	SCORE_COLUMNS
};

static Datum
make_score(const tuning *t, TupleDesc desc, int rank, Datum params)
{
	const entrant *e = &t->entrants[rank - 1];
	uint64 nfolds = (uint64) t->nused;
	Datum values[SCORE_COLUMNS];
	bool nulls[SCORE_COLUMNS] = {false};

	values[SCORE_RANK] = Int32GetDatum(rank);
	values[SCORE_CHOSEN] = BoolGetDatum(e->chosen);
	values[SCORE_MAE] = Float8GetDatum(e->mae);
	values[SCORE_MAE_ERROR] = Float8GetDatum(e->mae_error);
	values[SCORE_RMSE] = Float8GetDatum(e->rmse);
	values[SCORE_DIFFERENCE] = Float8GetDatum(e->difference);
	values[SCORE_DIFFERENCE_ERROR] = Float8GetDatum(e->difference_error);
	values[SCORE_TRAIN_ROWS] = Int64GetDatum((int64) (e->nlearned / nfolds));
	values[SCORE_NODES] = Int64GetDatum((int64) (e->nnodes / nfolds));
	values[SCORE_PARAMS] = params;
	nulls[SCORE_MAE_ERROR] = isnan(e->mae_error);
	nulls[SCORE_DIFFERENCE_ERROR] = isnan(e->difference_error);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

static Datum
make_leaderboard(const tuning *t, Oid type)
{
	TupleDesc desc = hpg_element_desc(type, SCORE_COLUMNS);
	Datum *scores = palloc(t->nentrants * sizeof(Datum));
	Datum *params;
	bool *nulls;
	int n;

	deconstruct_array((ArrayType *) t->folds->given, JSONBOID, -1, false,
					  TYPALIGN_INT, &params, &nulls, &n);
	for (int i = 0; i < t->nentrants; i++)
		scores[i] = make_score(t, desc, i + 1, params[t->entrants[i].number]);
	return hpg_composite_array(type, t->nentrants, scores);
}

static Datum
tune(FunctionCallInfo fcinfo, const hpg_folds *folds, TupleDesc desc)
{
	hpc_env *env = &folds->rows->env;
	const entrant *chosen;
	Datum values[2];
	bool nulls[2] = {false, false};
	void *model;
	Datum result;
	tuning t;

	begin_tuning(&t, fcinfo, folds);
	climb(&t);
	qsort(t.entrants, t.nentrants, sizeof(entrant), compare_entrants);
	chosen = choose(&t);
	for (int i = 0; i < t.nentrants; i++)
		free_losses(&t, &t.entrants[i]);
	report_progress(&t);
	model = hpg_folds_train(fcinfo, folds, folds->candidates[chosen->number]);
	t.ndone++;
	report_progress(&t);
	values[0] = PointerGetDatum(model);
	values[1] = make_leaderboard(&t, TupleDescAttr(desc, 1)->atttypid);
	result = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
	env->resize(env->opaque, model, 0);
	return result;
}

/* hp_tune_final(internal) returns hp_tuning */
Datum
hp_tune_final(PG_FUNCTION_ARGS)
{
	hpg_folds *folds;
	TupleDesc desc;

	hpg_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	folds = (hpg_folds *) PG_GETARG_POINTER(0);
	if (!hpg_collector_has_rows(fcinfo, folds->rows))
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != 2)
		elog(ERROR, "hp_tuning is not what hp_tune returns");
	return tune(fcinfo, folds, BlessTupleDesc(desc));
}
