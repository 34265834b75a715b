/*
 * hpc_select.c
 *		Which features are worth having: a ranking in which each feature is
 *		judged beside others.
 *
 * Useful is what predicts rows held out (hpc_trial.c).  Three steps:
 *
 *	many	From all features the least useful ones are taken away, a few at a
 *			time, until FEW are left: those whose values can be shuffled at the
 *			least cost.  Costs are measured anew each time, since a feature
 *			is worth more once another that says the same has gone (recursive
 *			feature elimination: Guyon, Weston, Barnhill, Vapnik 2002; with
 *			permutation importance: Gregorutti, Michel, Saint-Pierre 2017).
 *			Before that features that say the same share what they are worth,
 *			so this is too rough to go on with to the end.
 *	first	Of these the one that predicts best alone, then the one that gains
 *			most beside it, and so on, up to NFIRST: where little is chosen
 *			gains are large, and it matters most what goes together.  Trials
 *			of few features cost little, and are made with other folds, too.
 *	few		Of the others the one that is missed least is taken away, until
 *			none is left: gains are small now, and a feature that helps
 *			together with others only would not be found one by one.
 *
 * First ones stand first, in their order, then the others in the opposite
 * order of their going.  A copy gains nothing beside what it is a copy of, and
 * is not missed: it comes late.
 *
 * In the second and third step each candidate costs a trial.  Gains shrink as
 * features join, and what a feature is missed grows as others go, as a rule;
 * so what was seen before is taken for a bound, and only the most promising
 * candidate is tried again, until it stays the most promising (lazy
 * evaluation: Minoux 1978).
 *
 * The score of a feature is what R² gains when it joins those ranked above it.
 * Features that went together share what went with them, by their costs.
 *
 * Columns that are no features are told of and not ranked: constants, keys,
 * copies of the target.
 *
 * Of a table of more than MAX_ROWS rows a part is looked at, drawn by content,
 * so the cost is bounded: some 130 trials.
 */
#include <math.h>
#include <string.h>

#include "hpc_leak.h"
#include "hpc_likeness.h"
#include "hpc_memory.h"
#include "hpc_trial.h"

#define MAX_ROWS 5000
#define MAX_BINS 255

/* Features that are tried one by one, and the first of them. */
#define FEW 24
#define NFIRST 8

/* Trials of a set that is to go first, with folds of their own each. */
#define NTRIALS 2

/* R² that a weak feature may seem to gain less while much is unexplained. */
#define DOUBT 0.01

/* While there are more, one in so many goes at a time. */
#define SHARE_THAT_GOES 6

typedef struct selection
{
	hpc_env *env;
	const hpc_frame *frame;
	hpc_trial *trials[NTRIALS];
	int nfeatures; /* that are ranked */
	int nleft;
	int *left;   /* [nleft] ascending */
	double r2;   /* with those that are left */
	bool *first; /* [frame->nfeatures] they stay */
	int nfirst;
	double *gain;  /* [frame->nfeatures] of R² with it, as last seen ... */
	bool *current; /* [frame->nfeatures] ... with those that are there now */
	int *some;     /* [nleft] scratch */
	double *costs; /* [nleft] scratch */
	int *order;    /* [nfeatures] the best first */
	double *score; /* [frame->nfeatures] */
} selection;

/* ---------- taking features away ---------- */

/* The features that are left but for one, as s->some. */
static const int *
all_but(selection *s, int feature)
{
	int n = 0;

	for (int i = 0; i < s->nleft; i++)
	{
		if (s->left[i] != feature)
			s->some[n++] = s->left[i];
	}
	return s->some;
}

/* So many features have their place. */
static void
tell_progress(const selection *s)
{
	int placed = s->nfeatures - s->nleft + s->nfirst;

	hpc_progress(s->env, "features", (uint64_t) placed,
				 (uint64_t) s->nfeatures);
}

/* It goes to the end of the order that is still free. */
static void
take_away(selection *s, int feature)
{
	memcpy(s->left, all_but(s, feature),
		   (size_t) (s->nleft - 1) * sizeof(int));
	s->order[--s->nleft] = feature;
	tell_progress(s);
}

/*
 * The feature that is missed the least, and is not first; of equal ones the
 * last by name.
 */
static int
least_missed(const selection *s)
{
	int least = -1;

	for (int i = 0; i < s->nleft; i++)
	{
		int feature = s->left[i];

		if (!s->first[feature] &&
			(least < 0 || !(s->gain[feature] > s->gain[least])))
			least = feature;
	}
	return least;
}

/* Other features are left now. */
static void
forget_gains(selection *s)
{
	memset(s->current, 0, (size_t) s->frame->nfeatures * sizeof(bool));
}

/* ---------- while there are many ---------- */

/* Shares the R² that went with features among them, by their costs. */
static void
share_score(selection *s, int first, int end, double gone)
{
	double total = 0;

	for (int i = first; i < end; i++)
		total += fmax(s->gain[s->order[i]], 0);
	for (int i = first; i < end; i++)
	{
		double share = total > 0 ? fmax(s->gain[s->order[i]], 0) / total
								 : 1.0 / (end - first);

		s->score[s->order[i]] = gone * share;
	}
}

/* How many go at a time. */
static int
how_many(const selection *s)
{
	int n = s->nleft / SHARE_THAT_GOES;

	return n < s->nleft - FEW ? n : s->nleft - FEW;
}

/* Leaves FEW features, and their R². */
static hpc_status
take_many(selection *s, hpc_crew *crew)
{
	hpc_status status;
	int end = s->nleft; /* of those that went last */
	double before = NAN;

	while (s->nleft > FEW)
	{
		int first = s->nleft;

		status = hpc_trial_shuffle(s->trials[0], crew, s->left, s->nleft,
								   &s->r2, s->costs);
		if (status != HPC_OK)
			return status;
		share_score(s, first, end, before - s->r2);
		for (int i = 0; i < s->nleft; i++)
			s->gain[s->left[i]] = s->costs[i];
		for (int n = how_many(s); n > 0; n--)
			take_away(s, least_missed(s));
		end = first;
		before = s->r2;
	}
	status = hpc_trial_run(s->trials[0], crew, s->left, s->nleft, &s->r2);
	share_score(s, s->nleft, end, before - s->r2);
	return status;
}

/* ---------- the first ones ---------- */

/* Features that are first, and one that is not, ascending, as s->some. */
static int
first_and(selection *s, int feature)
{
	int n = 0;

	for (int i = 0; i < s->nleft; i++)
	{
		if (s->first[s->left[i]] || s->left[i] == feature)
			s->some[n++] = s->left[i];
	}
	return n;
}

/* What R² gains when a feature joins those that are first. */
static hpc_status
try_with(selection *s, hpc_crew *crew, int feature, double before)
{
	int n = first_and(s, feature);
	double sum = 0;
	hpc_status status = HPC_OK;

	for (int i = 0; i < NTRIALS && status == HPC_OK; i++)
	{
		double r2;

		status = hpc_trial_run(s->trials[i], crew, s->some, n, &r2);
		sum += r2;
	}
	s->gain[feature] = sum / NTRIALS - before;
	s->current[feature] = true;
	return status;
}

/* What a feature may gain: what seemed to be nothing may be something. */
static double
bound(const selection *s, int feature)
{
	return s->gain[feature] + (s->current[feature] ? 0 : DOUBT);
}

/* The feature that may gain the most; of equal ones the first by name. */
static int
most_gaining(const selection *s)
{
	int most = -1;

	for (int i = 0; i < s->nleft; i++)
	{
		int feature = s->left[i];

		if (!s->first[feature] &&
			(most < 0 || bound(s, feature) > bound(s, most)))
			most = feature;
	}
	return most;
}

/* It is known to gain the most. */
static void
put_first(selection *s, int most)
{
	s->score[most] = s->gain[most];
	s->first[most] = true;
	s->order[s->nfirst++] = most;
	forget_gains(s);
	tell_progress(s);
}

static hpc_status
choose_first(selection *s, hpc_crew *crew)
{
	hpc_status status = HPC_OK;
	double r2 = 0; /* with the first ones */

	for (int i = 0; i < s->nleft; i++)
		s->gain[s->left[i]] = INFINITY;
	while (s->nfirst < NFIRST && s->nfirst < s->nleft && status == HPC_OK)
	{
		int most = most_gaining(s);

		if (!s->current[most])
			status = try_with(s, crew, most, r2);
		else
		{
			put_first(s, most);
			r2 += s->score[most];
		}
	}
	return status;
}

/* ---------- when few are left ---------- */

static hpc_status
try_without(selection *s, hpc_crew *crew, int feature)
{
	double r2;
	hpc_status status = hpc_trial_run(s->trials[0], crew, all_but(s, feature),
									  s->nleft - 1, &r2);

	s->gain[feature] = s->r2 - r2;
	s->current[feature] = true;
	return status;
}

/* Takes the one away that is missed the least, and is known to be. */
static void
take_least(selection *s, int least)
{
	s->score[least] = s->gain[least];
	s->r2 -= s->gain[least];
	take_away(s, least);
	forget_gains(s);
}

/* Leaves those that are first. */
static hpc_status
take_few(selection *s, hpc_crew *crew)
{
	hpc_status status = HPC_OK;

	for (int i = 0; i < s->nleft && status == HPC_OK; i++)
	{
		if (!s->first[s->left[i]])
			status = try_without(s, crew, s->left[i]);
	}
	while (s->nleft > s->nfirst && status == HPC_OK)
	{
		int least = least_missed(s);

		if (s->current[least])
			take_least(s, least);
		else
			status = try_without(s, crew, least);
	}
	return status;
}

/* The body of the crew. */
static hpc_status
eliminate(hpc_crew *crew, void *context)
{
	selection *s = context;
	hpc_status status;

	hpc_progress(s->env, "features", 0, (uint64_t) s->nfeatures);
	status = take_many(s, crew);
	if (status == HPC_OK)
		status = choose_first(s, crew);
	return status == HPC_OK ? take_few(s, crew) : status;
}

static bool
allocate(selection *s)
{
	size_t n = (size_t) s->frame->nfeatures;

	s->left = hpc_alloc(s->env, n, sizeof(int));
	s->some = hpc_alloc(s->env, n, sizeof(int));
	s->order = hpc_alloc(s->env, n, sizeof(int));
	s->costs = hpc_alloc(s->env, n, sizeof(double));
	s->gain = hpc_alloc0(s->env, n, sizeof(double));
	s->score = hpc_alloc0(s->env, n, sizeof(double));
	s->current = hpc_alloc0(s->env, n, sizeof(bool));
	s->first = hpc_alloc0(s->env, n, sizeof(bool));
	return s->left != NULL && s->some != NULL && s->order != NULL &&
		   s->costs != NULL && s->gain != NULL && s->score != NULL &&
		   s->current != NULL && s->first != NULL;
}

static void
release(selection *s)
{
	for (int i = 0; i < NTRIALS; i++)
		hpc_trial_free(s->env, s->trials[i]);
	hpc_free(s->env, s->left);
	hpc_free(s->env, s->some);
	hpc_free(s->env, s->order);
	hpc_free(s->env, s->costs);
	hpc_free(s->env, s->gain);
	hpc_free(s->env, s->score);
	hpc_free(s->env, s->current);
	hpc_free(s->env, s->first);
}

/* ---------- who takes part ---------- */

static bool
is_constant(const hpc_feature *feature)
{
	return feature->nbins + (feature->nmissing > 0) <= 1;
}

/* What is known of a column before any trial; by column of the data set. */
static hpc_status
judge_columns(hpc_env *env, const hpc_dataset *dataset, const hpc_frame *frame,
			  const hpc_frame_rules *rules, const bool *unique_text,
			  hpc_candidate *columns)
{
	double *r2 = hpc_alloc(env, (size_t) frame->nfeatures, sizeof(double));
	hpc_status status = HPC_OK;

	if (r2 == NULL)
		return HPC_NO_MEMORY;
	for (int i = 0; i < dataset->ncolumns; i++)
		columns[i] =
			(hpc_candidate){.column = dataset->columns[i].name,
							.verdict = unique_text[i] ? HPC_IS_UNIQUE_TEXT
													  : HPC_RANKED,
							.missing = NAN,
							.score = NAN};
	if (rules->check_leaks)
		status = hpc_leak_measure(env, frame, HPC_NEAR_LEAK, r2);
	for (int i = 0; i < frame->nfeatures && status == HPC_OK; i++)
	{
		const hpc_feature *feature = &frame->features[i];
		hpc_candidate *its = &columns[feature->column];

		its->missing = (double) feature->nmissing / (double) frame->ncopies;
		if (rules->copies[feature->column])
			its->verdict = HPC_IS_TARGET;
		else if (is_constant(feature))
			its->verdict = HPC_IS_CONSTANT;
		else if (hpc_looks_like_key(frame, feature))
			its->verdict = HPC_IS_KEY;
		else if (rules->check_leaks && r2[i] > HPC_NEAR_LEAK)
		{
			its->verdict = HPC_IS_NEAR_TARGET;
			its->score = r2[i];
		}
	}
	hpc_free(env, r2);
	return status;
}

/* nworkers: that all of them can do with. */
static hpc_status
create_trials(selection *s, int64_t seed, int *nworkers)
{
	*nworkers = HPC_MAX_THREADS;
	for (int i = 0; i < NTRIALS; i++)
	{
		hpc_status status =
			hpc_trial_create(s->env, s->frame, seed + i, &s->trials[i]);
		int n;

		if (status != HPC_OK)
			return status;
		n = hpc_trial_nworkers(s->trials[i]);
		*nworkers = n < *nworkers ? n : *nworkers;
	}
	return HPC_OK;
}

/* Ranks the features that may be ranked: s->order and s->score. */
static hpc_status
rank(selection *s, const hpc_candidate *columns, int64_t seed)
{
	int nworkers;
	hpc_status status;

	if (!allocate(s))
		return HPC_NO_MEMORY;
	for (int i = 0; i < s->frame->nfeatures; i++)
	{
		if (columns[s->frame->features[i].column].verdict == HPC_RANKED)
			s->left[s->nleft++] = i;
	}
	s->nfeatures = s->nleft;
	if (s->nfeatures == 0)
		return HPC_OK;
	status = create_trials(s, seed, &nworkers);
	if (status == HPC_OK)
		status = hpc_crew_open(s->env, nworkers, eliminate, s);
	return status;
}

/* ---------- the answer ---------- */

/* The ranked ones in their order, with what they have in common. */
static hpc_status
put_ranked(const selection *s, const hpc_candidate *columns,
		   hpc_candidate *candidates)
{
	int *same = hpc_alloc(s->env, (size_t) s->nfeatures, sizeof(int));
	hpc_status status;

	if (same == NULL)
		return HPC_NO_MEMORY;
	status = hpc_likeness_find(s->env, s->frame, s->order, s->nfeatures, same);
	for (int i = 0; i < s->nfeatures && status == HPC_OK; i++)
	{
		const hpc_feature *feature = &s->frame->features[s->order[i]];

		candidates[i] = columns[feature->column];
		candidates[i].score = s->score[s->order[i]];
		if (same[i] >= 0)
			candidates[i].same = s->frame->features[same[i]].name;
	}
	hpc_free(s->env, same);
	return status;
}

/* All others by verdict, then as they came. */
static void
put_others(const hpc_candidate *columns, int ncolumns,
		   hpc_candidate *candidates)
{
	int n = 0;

	for (hpc_verdict verdict = HPC_IS_CONSTANT; verdict <= HPC_IS_NEAR_TARGET;
		 verdict++)
	{
		for (int i = 0; i < ncolumns; i++)
		{
			if (columns[i].verdict == verdict)
				candidates[n++] = columns[i];
		}
	}
}

static hpc_status
select_from(hpc_env *env, const hpc_dataset *dataset, hpc_frame *frame,
			const hpc_params *params, const hpc_candidate *columns,
			hpc_candidate *candidates)
{
	selection s = {.env = env, .frame = frame};
	hpc_status status =
		hpc_frame_thin(env, frame, HPC_TAG_SELECT, params->seed, MAX_ROWS);

	if (status == HPC_OK)
		status = hpc_frame_log_target(env, frame, params->log_target);
	if (status == HPC_OK)
		status = rank(&s, columns, params->seed);
	if (status == HPC_OK)
		status = put_ranked(&s, columns, candidates);
	if (status == HPC_OK)
		put_others(columns, dataset->ncolumns, candidates + s.nfeatures);
	release(&s);
	return status;
}

hpc_status
hpc_select(hpc_env *env, hpc_dataset *dataset, const hpc_params *params,
		   hpc_candidate *candidates)
{
	size_t n = (size_t) dataset->ncolumns;
	bool *copies = hpc_alloc0(env, n, sizeof(bool));
	bool *unique_text = hpc_alloc0(env, n, sizeof(bool));
	hpc_candidate *columns = hpc_alloc(env, n, sizeof(hpc_candidate));
	hpc_frame_rules rules = {.max_bins = MAX_BINS,
							 .check_leaks = params->leak == HPC_LEAK_ERROR,
							 .copies = copies};
	hpc_frame *frame = NULL;
	hpc_status status = HPC_NO_MEMORY;

	if (copies != NULL && unique_text != NULL && columns != NULL)
		status = hpc_frame_create(env, dataset, &rules, &frame, unique_text);
	if (status == HPC_OK)
		status =
			judge_columns(env, dataset, frame, &rules, unique_text, columns);
	if (status == HPC_OK)
		status = select_from(env, dataset, frame, params, columns, candidates);
	hpc_frame_free(env, frame);
	hpc_free(env, columns);
	hpc_free(env, unique_text);
	hpc_free(env, copies);
	return status;
}
