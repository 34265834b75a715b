/*
 * hpc_boost.c
 *		Gradient boosting (Friedman 2001): how many trees, and by whom.
 *
 * hpc_series.c grows the trees; this file decides when to stop.
 *
 * Early stopping.  Tables below MANY_ROWS are boosted six times in lock step:
 * without each of five folds, and with all rows.  The losses of the folds,
 * added up, say after which round to stop; the sixth series is the model.
 * Larger tables hold out one tenth and are boosted once.  Trees wait in a
 * tray until a loss is seen that is better than all before.
 *
 * Folds are drawn by the rows' keys: all copies of a row are in one.  Losses
 * are exact sums, and ties go to the fewer trees.
 *
 * Threads.  The one series of a large table lets the whole crew help with
 * each step.  Series in lock step are shared out for a batch of rounds, each
 * to a worker, who has one grower for all.  Workers cannot allocate: a series
 * that wants more room stands still before its round until the caller has
 * made some.
 */
#include <math.h>
#include <string.h>

#include "hpc_arrange.h"
#include "hpc_boost.h"
#include "hpc_memory.h"
#include "hpc_random.h"
#include "hpc_series.h"

/* From this many rows on one tenth is held out, not each of five folds. */
#define MANY_ROWS 50000
#define NTENTHS 10

/* Rounds without a better loss until boosting stops. */
#define PATIENCE_FOLDS 100
#define PATIENCE_TENTH 50

/* Rounds between two looks at the losses of series in lock step. */
#define BATCH 25

/* From this many values on the crew works on one tree. */
#define TEAM_VALUES 70000

typedef struct boosting
{
	hpc_env *env;
	hpc_frame *frame;
	const hpc_params *params;
	hpc_writer *writer;
	hpc_series_rules rules;
	uint8_t *fold; /* [nrows], or NULL */
	int nworkers;
	bool team;
	hpc_lines *lines;
	int ngrowers;
	hpc_grower **growers; /* [ngrowers] */
	int nseries;
	hpc_series series[HPC_NFOLDS + 1]; /* the last one is the model */
	hpc_tray tray;
	uint64_t nwritten; /* trees that the writer has */
	uint64_t goal;     /* rounds, at the end of the batch */

	/* early stopping */
	uint64_t patience;
	uint64_t best_round; /* 0: none yet */
	double best_loss;
	bool is_over;
	double *held_best[HPC_NFOLDS + 1]; /* [nheld] of each series */
} boosting;

static hpc_series *
model_series(boosting *b)
{
	return &b->series[b->nseries - 1];
}

/* ---------- a batch of rounds ---------- */

static void
advance_series(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	boosting *b = context;

	hpc_series_advance(&b->series[task], b->growers[worker], crew, worker,
					   b->goal);
}

/* For growers and trays that have asked for it. */
static hpc_status
make_room(boosting *b)
{
	hpc_status status = HPC_OK;

	for (int i = 0; i < b->ngrowers && status == HPC_OK; i++)
	{
		if (hpc_grower_wants_room(b->growers[i]))
			status = hpc_grower_make_room(b->env, b->growers[i]);
	}
	if (status == HPC_OK && b->tray.full)
		status = hpc_tray_make_room(b->env, &b->tray);
	return status;
}

static bool
all_there(const boosting *b)
{
	for (int i = 0; i < b->nseries; i++)
	{
		if (b->series[i].round < b->goal)
			return false;
	}
	return true;
}

/* Lets all series grow the trees of a batch. */
static hpc_status
run_batch(boosting *b, hpc_crew *crew)
{
	hpc_status status = HPC_OK;

	for (int i = 0; i < b->nseries; i++)
		b->series[i].first = b->series[i].round;
	while (status == HPC_OK && !all_there(b))
	{
		status = make_room(b);
		if (status == HPC_OK && b->team)
			hpc_series_advance(&b->series[0], b->growers[0], crew, 0, b->goal);
		else if (status == HPC_OK)
			status =
				hpc_crew_share(crew, (uint64_t) b->nseries, advance_series, b);
		if (hpc_crew_stopped(crew, 0))
			status = HPC_CANCELLED;
	}
	for (int i = 0; i < b->nseries && b->nseries > 1; i++)
		hpc_series_lose_bag(&b->series[i]);
	return status;
}

/* ---------- when to stop ---------- */

/* Loss after a round of the batch, over all series.  False: there is none. */
static bool
add_losses(const boosting *b, uint64_t at, double *loss)
{
	bool any = false;

	*loss = 0;
	for (int i = 0; i < b->nseries; i++)
	{
		const hpc_series *s = &b->series[i];

		if (s->nheld == 0 || s->idle)
			continue;
		*loss += s->loss_now[at];
		any = true;
	}
	return any;
}

/* Keeps what the rows held out were off after the best round so far. */
static void
remember(boosting *b, uint64_t at)
{
	for (int i = 0; i < b->nseries; i++)
	{
		const hpc_series *s = &b->series[i];

		if (s->nheld > 0 && !s->idle)
			memcpy(b->held_best[i], s->held_now + at * s->nheld,
				   s->nheld * sizeof(double));
	}
}

/*
 * Looks for better losses in the batch, round by round, so that it does not
 * matter how many there are.  Where there are no losses, with a row or two,
 * one tree is enough.
 */
static void
judge_batch(boosting *b)
{
	uint64_t first = model_series(b)->first;
	uint64_t best = b->best_round;

	for (uint64_t round = first + 1; round <= b->goal && !b->is_over; round++)
	{
		double loss;

		if (!add_losses(b, round - first - 1, &loss))
			b->is_over = true;
		if (b->best_round == 0 || loss < b->best_loss)
		{
			b->best_round = round;
			b->best_loss = loss;
		}
		b->is_over |= round - b->best_round >= b->patience;
	}
	if (b->best_round > best)
		remember(b, b->best_round - first - 1);
}

/* Trees that the model wants for sure. */
static uint64_t
sure_trees(const boosting *b)
{
	return b->params->early_stopping ? b->best_round : b->goal;
}

/* The body of the crew. */
static hpc_status
boost(hpc_crew *crew, void *context)
{
	boosting *b = context;
	hpc_status status;
	uint64_t rounds = (uint64_t) b->params->rounds;

	hpc_progress(b->env, "rounds", 0, rounds);
	do
	{
		uint64_t sure;

		b->goal += b->rules.batch;
		if (b->goal > rounds)
			b->goal = rounds;
		status = run_batch(b, crew);
		if (status != HPC_OK)
			break;
		if (b->params->early_stopping)
			judge_batch(b);
		sure = sure_trees(b) - b->nwritten;
		status = hpc_tray_write(b->env, &b->tray, sure, b->writer);
		b->nwritten += sure;
		if (status == HPC_OK)
			hpc_progress(b->env, "rounds", b->goal, rounds);
		b->is_over |= b->goal == rounds;
	} while (status == HPC_OK && !b->is_over);
	return status;
}

/* ---------- preparing ---------- */

/* Fold 0 .. HPC_NFOLDS - 1; or 0 with one tenth of the rows, 1 with the others. */
static hpc_status
draw_folds(boosting *b, bool tenth)
{
	const hpc_frame *frame = b->frame;
	uint32_t n = tenth ? NTENTHS : HPC_NFOLDS;

	b->fold = hpc_alloc(b->env, frame->nrows, sizeof(uint8_t));
	if (b->fold == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t fold = hpc_inner_fold(b->params->seed, frame->key[row], n);

		b->fold[row] = (uint8_t) (tenth && fold > 1 ? 1 : fold);
		if (hpc_poll(b->env, row))
			return HPC_CANCELLED;
	}
	b->rules.fold = b->fold;
	return HPC_OK;
}

static bool
is_large(const hpc_frame *frame)
{
	return (uint64_t) frame->nrows * (uint64_t) (frame->nfeatures + 1) >=
		   TEAM_VALUES;
}

/* With fewer rows most nodes have few for their codes, which lists suit. */
#define RECORD_ROWS 4096

static bool
is_narrow(const hpc_frame *frame)
{
	for (int i = 0; i < frame->nfeatures; i++)
	{
		if (frame->features[i].width != 1)
			return false;
	}
	return true;
}

/*
 * Can rows be records?  Each weighs 1, its q is its residual, and all of its
 * codes are in packs; and there are not many copies, which would all be moved.
 */
static bool
suits_records(const boosting *b)
{
	const hpc_frame *frame = b->frame;

	return b->nseries == 1 && b->params->max_leaves > 0 &&
		   b->rules.loss.kind == HPC_LOSS_SQUARED && !b->rules.wide &&
		   frame->nrows >= RECORD_ROWS &&
		   frame->ncopies <= (uint64_t) frame->nrows + frame->nrows / 4 &&
		   frame->ncopies <= UINT32_MAX && is_narrow(frame) &&
		   b->rules.nusable > 0;
}

/* The packs of records, or none where there are too many to move. */
static hpc_status
choose_packs(boosting *b)
{
	hpc_status status = hpc_packs_create(b->env, b->frame, &b->lines);

	if (status == HPC_OK && b->lines->npacks > HPC_RECORD_PACKS)
	{
		hpc_lines_free(b->env, b->lines);
		b->lines = NULL;
	}
	return status;
}

/* Makes records of the rows to learn from. */
static hpc_status
choose_records(boosting *b)
{
	const hpc_frame *frame = b->frame;
	uint32_t n = 0;

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		if (b->fold == NULL || b->fold[row] != 0)
			n += hpc_row_count(frame, row);
		if (hpc_poll(b->env, row))
			return HPC_CANCELLED;
	}
	b->rules.packs = b->lines;
	b->rules.grow.nrecords = n;
	b->rules.grow.record_packs = b->lines->npacks;
	b->rules.grow.record_keys = b->params->row_fraction < 1;
	return HPC_OK;
}

/* As many workers as have something to do, and as memory has growers for. */
static hpc_status
choose_workers(boosting *b)
{
	bool team = b->nseries == 1 && is_large(b->frame);
	int n = team || b->nseries > 1 ? hpc_crew_size(b->env) : 1;
	hpc_status status;

	b->nworkers = team || n < b->nseries ? n : b->nseries;
	b->team = team && n > 1;
	b->rules.grow.nworkers = b->team ? b->nworkers : 1;
	b->rules.batch = b->team ? 1 : BATCH;
	b->ngrowers = b->team ? 1 : b->nworkers;
	status = hpc_grower_count(b->env, b->frame, &b->rules.grow, b->rules.wide,
							  0, &b->ngrowers);
	if (!b->team)
		b->nworkers = b->ngrowers;
	return status;
}

static hpc_status
make_growers(boosting *b)
{
	hpc_status status = HPC_OK;

	if (b->lines == NULL)
		status = hpc_lines_create(b->env, b->frame, &b->lines);
	if (status != HPC_OK)
		return status;
	b->growers =
		hpc_alloc0(b->env, (size_t) b->ngrowers, sizeof(hpc_grower *));
	for (int i = 0; i < b->ngrowers && b->growers != NULL; i++)
	{
		b->growers[i] = hpc_grower_create(b->env, b->frame, b->lines,
										  &b->rules.grow, b->rules.wide);
		if (b->growers[i] == NULL)
			return HPC_NO_MEMORY;
	}
	return b->growers != NULL ? HPC_OK : HPC_NO_MEMORY;
}

static hpc_status
make_series(boosting *b, int i, int held_out)
{
	hpc_series *s = &b->series[i];
	hpc_status status =
		hpc_series_init(b->env, s, &b->rules, b->team ? b->nworkers : 0,
						held_out, i == b->nseries - 1 ? &b->tray : NULL);

	if (status != HPC_OK || s->nheld == 0)
		return status;
	b->held_best[i] = hpc_alloc(b->env, s->nheld, sizeof(double));
	return b->held_best[i] != NULL ? HPC_OK : HPC_NO_MEMORY;
}

static hpc_status
prepare(boosting *b)
{
	bool stops = b->params->early_stopping;
	bool tenth = stops && b->frame->ncopies >= MANY_ROWS;
	hpc_status status =
		hpc_series_rules_init(b->env, &b->rules, b->frame, b->params);

	if (status != HPC_OK)
		return status;
	hpc_writer_set_monotone(b->writer, b->rules.monotone);
	b->nseries = stops && !tenth ? HPC_NFOLDS + 1 : 1;
	b->patience = tenth ? PATIENCE_TENTH : PATIENCE_FOLDS;
	if (suits_records(b))
		status = choose_packs(b);
	if (status == HPC_OK && b->lines == NULL)
		status =
			hpc_arrange_for(b->env, b->frame, (uint64_t) b->params->rounds,
							(uint32_t) b->params->max_leaves);
	if (status == HPC_OK && stops)
		status = draw_folds(b, tenth);
	if (status == HPC_OK && b->lines != NULL)
		status = choose_records(b);
	if (status == HPC_OK)
		status = choose_workers(b);
	if (status == HPC_OK)
		status = make_growers(b);
	for (int i = 0; i < b->nseries && status == HPC_OK; i++)
		status = make_series(b, i, i < HPC_NFOLDS && stops ? i : HPC_NO_FOLD);
	return status;
}

/* ---------- afterwards ---------- */

static void
release_growers(boosting *b)
{
	for (int i = 0; i < b->ngrowers && b->growers != NULL; i++)
		hpc_grower_free(b->env, b->growers[i]);
	hpc_free(b->env, b->growers);
	b->growers = NULL;
	hpc_lines_free(b->env, b->lines);
	b->lines = NULL;
}

/* What the best round predicts for rows held out; NaN for the others. */
static hpc_status
predict_held(const boosting *b, double *prediction)
{
	const hpc_frame *frame = b->frame;
	int unit = b->rules.unit;

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		prediction[row] = NAN;
		if (hpc_poll(b->env, row))
			return HPC_CANCELLED;
	}
	for (int i = 0; i < b->nseries; i++)
	{
		const hpc_series *s = &b->series[i];

		for (uint32_t j = 0; j < s->nheld && !s->idle; j++)
		{
			uint32_t row = s->held[j];
			double target = hpc_scale(frame->target[row], -unit);

			prediction[row] = hpc_scale(target - b->held_best[i][j], unit);
			if (hpc_poll(b->env, j))
				return HPC_CANCELLED;
		}
	}
	return HPC_OK;
}

static hpc_status
hand_over_held(boosting *b, hpc_held *held)
{
	release_growers(b); /* what is left to do does not need them */
	held->prediction = hpc_alloc(b->env, b->frame->nrows, sizeof(double));
	return held->prediction != NULL ? predict_held(b, held->prediction)
									: HPC_NO_MEMORY;
}

static void
release(boosting *b)
{
	release_growers(b);
	for (int i = 0; i < b->nseries; i++)
	{
		hpc_series_free(b->env, &b->series[i]);
		hpc_free(b->env, b->held_best[i]);
	}
	hpc_tray_free(b->env, &b->tray);
	hpc_series_rules_free(b->env, &b->rules);
	hpc_free(b->env, b->fold);
}

hpc_status
hpc_boost_train(hpc_env *env, hpc_frame *frame, hpc_params *params,
				hpc_writer *writer, hpc_held *held)
{
	boosting *b = hpc_alloc0(env, 1, sizeof(boosting));
	hpc_status status;

	*held = (hpc_held){NULL, NULL, 0};
	if (b == NULL)
		return HPC_NO_MEMORY;
	b->env = env;
	b->frame = frame;
	b->params = params;
	b->writer = writer;
	status = prepare(b);
	if (status == HPC_OK)
		status = hpc_crew_open(env, b->nworkers, boost, b);
	if (status == HPC_OK && params->early_stopping)
		status = hand_over_held(b, held);
	if (status == HPC_OK)
	{
		hpc_writer_set_base(writer, model_series(b)->base);
		params->rounds = (int64_t) b->nwritten;
		if (params->feature_fraction == 0)
			params->feature_fraction =
				fmax(b->rules.ndrawn, 1) / fmax(b->rules.nusable, 1);
	}
	release(b);
	hpc_free(env, b);
	return status;
}
