/*
 * test_arrange.c
 *		Frames whose rows take another order: the same rows, closer to those
 *		that trees treat alike, and the same models.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_arrange.h"
#include "hpc_boost.h"
#include "hpc_forest.h"
#include "hpt_table.h"

/* Two frames of one table: as it is, and arranged. */
typedef struct scene
{
	hpt_memory memory;
	hpt_table table;
	hpt_framed before;
	hpt_framed after;
} scene;

static void
begin(scene *s, uint32_t nrows, uint64_t seed, int nthreads)
{
	hpt_memory_init(&s->memory, nthreads);
	hpt_table_houses(&s->table, nrows, seed);
}

static void
make_frames(scene *s)
{
	hpt_table_frame(&s->memory.env, &s->table, 65534, &s->before);
	hpt_table_frame(&s->memory.env, &s->table, 65534, &s->after);
}

static void
end(scene *s)
{
	hpt_framed_free(&s->memory.env, &s->before);
	hpt_framed_free(&s->memory.env, &s->after);
	hpt_table_free(&s->table);
	if (s->memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
}

/* ---------- the same rows ---------- */

static bool
same_row(const hpc_frame *a, uint32_t i, const hpc_frame *b, uint32_t j)
{
	bool same = hpc_row_source(a, i) == hpc_row_source(b, j) &&
				a->key[i] == b->key[j] && a->target[i] == b->target[j] &&
				hpc_row_count(a, i) == hpc_row_count(b, j) &&
				hpc_row_weight(a, i) == hpc_row_weight(b, j);

	for (int k = 0; k < a->nfeatures && same; k++)
		same = hpc_code(&a->features[k], i) == hpc_code(&b->features[k], j);
	return same;
}

static bool
same_rows(const scene *s)
{
	const hpc_frame *before = s->before.frame;
	const hpc_frame *after = s->after.frame;
	uint32_t *place = malloc(s->table.nrows * sizeof(uint32_t));
	uint32_t nfound = 0;

	/* places of the rows of the table, in the frame as it was */
	memset(place, 0xff, s->table.nrows * sizeof(uint32_t));
	for (uint32_t i = 0; i < before->nrows; i++)
		place[hpc_row_source(before, i)] = i;
	for (uint32_t i = 0; i < after->nrows; i++)
	{
		uint32_t *at = &place[hpc_row_source(after, i)];

		/* each is found once */
		nfound += *at != UINT32_MAX && same_row(after, i, before, *at);
		*at = UINT32_MAX;
	}
	free(place);
	return nfound == before->nrows && after->nrows == before->nrows;
}

/* How much targets of rows that follow each other differ, on average. */
static double
roughness(const hpc_frame *frame)
{
	double sum = 0;

	for (uint32_t i = 1; i < frame->nrows; i++)
		sum += fabs(frame->target[i] - frame->target[i - 1]);
	return sum / frame->nrows;
}

static void
check_rows(uint32_t nrows, bool weights, int nthreads)
{
	scene s;
	hpc_status status;

	begin(&s, nrows, 3, nthreads);
	if (weights)
		hpt_table_weigh(&s.table, 4);
	make_frames(&s);
	status = hpc_arrange(&s.memory.env, s.after.frame);
	hpt_ok(status == HPC_OK && same_rows(&s),
		   "%d rows%s, %d threads: the same rows", (int) nrows,
		   weights ? " with weights" : "", nthreads);
	hpt_ok(roughness(s.after.frame) < 0.6 * roughness(s.before.frame),
		   "neighbours are like each other");
	end(&s);
}

/* Targets may have been replaced by their logarithms. */
static void
check_logarithms(void)
{
	scene s;
	hpc_env *env = &s.memory.env;
	hpc_status status;

	begin(&s, 5000, 9, 1);
	for (uint32_t i = 0; i < s.table.nrows; i++)
		s.table.target[i] = hpc_exp(s.table.target[i] / 1e4);
	make_frames(&s);
	hpc_frame_log_target(env, s.before.frame, 1);
	hpc_frame_log_target(env, s.after.frame, 1);
	status = hpc_arrange(env, s.after.frame);
	hpt_ok(status == HPC_OK && same_rows(&s) &&
			   roughness(s.after.frame) < 0.6 * roughness(s.before.frame),
		   "logarithms");
	end(&s);
}

/* Nothing to divide: the order stays. */
static void
check_equal_targets(void)
{
	scene s;
	hpc_status status;

	begin(&s, 300, 5, 1);
	for (uint32_t i = 0; i < s.table.nrows; i++)
		s.table.target[i] = 1e308;
	make_frames(&s);
	status = hpc_arrange(&s.memory.env, s.after.frame);
	hpt_ok(status == HPC_OK && same_rows(&s), "equal targets");
	end(&s);
}

/* Targets as far apart as doubles can be. */
static void
check_extreme_targets(void)
{
	scene s;
	hpc_status status;

	begin(&s, 300, 6, 1);
	for (uint32_t i = 0; i < s.table.nrows; i++)
		s.table.target[i] = i % 2 == 0 ? 1.7e308 : -1.7e308 + i;
	make_frames(&s);
	status = hpc_arrange(&s.memory.env, s.after.frame);
	hpt_ok(status == HPC_OK && same_rows(&s), "extreme targets");
	end(&s);
}

/* ---------- the same models ---------- */

static hpc_model *
model_of(hpc_env *env, hpc_frame *frame, hpc_params params, size_t *nbytes)
{
	hpc_writer *writer = hpc_writer_create(env, frame);
	hpc_training_record record = {.algorithm = (uint32_t) params.algorithm};
	hpc_texts texts = {0};
	hpc_held held;
	hpc_oob oob;
	hpc_model *model = NULL;
	hpc_status status =
		params.algorithm == HPC_BOOST
			? hpc_boost_train(env, frame, &params, writer, &held)
			: hpc_forest_train(env, frame, &params, writer, &held);

	if (status == HPC_OK)
		status = hpc_oob_measure(env, frame, &held, &oob);
	if (status == HPC_OK)
	{
		hpc_model_record_params(&params, &record);
		record.oob_rows = oob.nrows;
		record.oob_mae = oob.mae;
		record.oob_rmse = oob.rmse;
		status = hpc_writer_finish(env, writer, &record, &texts,
								   (void **) &model, nbytes);
	}
	hpc_held_free(env, &held);
	hpc_writer_free(env, writer);
	return model;
}

/* Of both frames. */
static void
compare_models(scene *s, const char *what, const hpc_params *params)
{
	hpc_env *env = &s->memory.env;
	size_t nbytes[2];
	hpc_model *models[2] = {model_of(env, s->before.frame, *params,
									 &nbytes[0]),
							model_of(env, s->after.frame, *params,
									 &nbytes[1])};

	hpt_ok(models[0] != NULL && models[1] != NULL && nbytes[0] == nbytes[1] &&
			   memcmp(models[0], models[1], nbytes[0]) == 0,
		   "%s: the same bytes", what);
	for (int i = 0; i < 2; i++)
		hpt_release(env, models[i]);
}

static void
check_models(const char *what, const hpc_params *params, bool weights)
{
	scene s;

	begin(&s, 6000, 3, 2);
	if (weights)
		hpt_table_weigh(&s.table, 4);
	make_frames(&s);
	if (hpc_arrange(&s.memory.env, s.after.frame) != HPC_OK)
		hpt_ok(false, "%s: arranged", what);
	compare_models(&s, what, params);
	end(&s);
}

static void
check_all_models(void)
{
	hpc_params params = hpt_params(6);

	check_models("forest", &params, false);
	check_models("forest, weights", &params, true);
	params.bag = false;
	params.row_fraction = 0.5;
	params.max_leaves = 30;
	check_models("forest, half the rows, best first", &params, false);
	params = hpt_params(6);
	params.algorithm = HPC_EXTRA_TREES;
	check_models("extra trees", &params, false);
	hpc_params_init(&params, HPC_BOOST);
	params.rounds = 20;
	params.max_leaves = 15;
	params.learning_rate = 0.1;
	params.max_bins = 65534;
	params.log_target = 0;
	check_models("boosting, early stopping", &params, false);
	params.early_stopping = false;
	params.row_fraction = 0.7;
	check_models("boosting, rows drawn", &params, true);
}

/* ---------- by those who learn ---------- */

static bool
same_order(const scene *s)
{
	const hpc_frame *before = s->before.frame;
	const hpc_frame *after = s->after.frame;
	bool same = before->nrows == after->nrows;

	for (uint32_t i = 0; i < before->nrows && same; i++)
		same = before->key[i] == after->key[i];
	return same;
}

/* So many rows that it pays, unless their order is shared. */
static void
check_learner(const char *what, const hpc_params *params)
{
	scene s;

	hpt_memory_init(&s.memory, 2);
	hpt_table_numbers(&s.table, 8, 350000, 5000, 8);
	make_frames(&s);
	hpt_ok(same_order(&s), "frames of a table have the same order");
	s.before.frame->pinned = true;
	compare_models(&s, what, params);
	hpt_ok(!same_order(&s) && same_rows(&s), "%s arranges its rows", what);
	end(&s);
}

static void
check_learners(void)
{
	hpc_params params = hpt_params(8);

	params.max_depth = 3;
	check_learner("a forest", &params);
	hpc_params_init(&params, HPC_BOOST);
	params.rounds = 40;
	params.max_leaves = 8;
	params.learning_rate = 0.3;
	params.max_bins = 65534;
	params.log_target = 0;
	check_learner("boosting", &params);
}

/* ---------- when, and what may go wrong ---------- */

static uint64_t
little_left(void *opaque)
{
	(void) opaque;
	return 1 << 20;
}

static void
check_when(void)
{
	hpc_feature features[3] = {{.width = 2, .nbins = 1000}};
	hpc_frame frame = {.nrows = 1000000,
					   .ncopies = 1000000,
					   .nfeatures = 3,
					   .nblocks = 1,
					   .features = features};
	hpc_env env = {0};

	hpt_ok(hpc_arrange_pays(&env, &frame, 100, 0), "many rows, many trees");
	hpt_ok(!hpc_arrange_pays(&env, &frame, 5, 0), "not for few trees");
	hpt_ok(!hpc_arrange_pays(&env, &frame, 20, 31),
		   "nor for a few that are small");
	env.memory_left = little_left;
	hpt_ok(!hpc_arrange_pays(&env, &frame, 100, 0),
		   "nor where memory is scarce");
	env.memory_left = NULL;
	frame.pinned = true;
	hpt_ok(!hpc_arrange_pays(&env, &frame, 100, 0),
		   "nor where the order is shared");
	frame.pinned = false;
	frame.nrows = frame.ncopies = 100000;
	hpt_ok(!hpc_arrange_pays(&env, &frame, 100, 0), "nor for few rows");
	frame.nrows = 1000000;
	frame.ncopies = UINT64_C(1) << 32;
	hpt_ok(!hpc_arrange_pays(&env, &frame, 100, 0),
		   "nor where targets had too few bits");
}

static hpc_status
try(int64_t fail_at, int64_t cancel_at, int64_t *nblocks)
{
	scene s;
	hpc_status status;

	begin(&s, 70000, 7, 1);
	hpt_table_frame(&s.memory.env, &s.table, 255, &s.after);
	*nblocks = s.memory.nblocks;
	s.memory.fail_at = fail_at > 0 ? s.memory.nrequests + fail_at : 0;
	s.memory.cancel_at = cancel_at > 0 ? s.memory.nchecks + cancel_at : 0;
	status = hpc_arrange(&s.memory.env, s.after.frame);
	*nblocks = s.memory.nblocks - *nblocks;
	/* the list of sources stays with the frame */
	*nblocks -= s.after.frame->source != NULL;
	hpt_framed_free(&s.memory.env, &s.after);
	hpt_table_free(&s.table);
	return status;
}

static void
check_failures(void)
{
	int64_t nblocks;
	int64_t i = 1;
	int nwrong = 0;

	for (; try(i, 0, &nblocks) == HPC_NO_MEMORY; i += 5)
		nwrong += nblocks > 0;
	hpt_ok(nwrong == 0 && i > 20, "each fifth allocation fails");
	nwrong = 0;
	for (i = 1; try(0, i, &nblocks) == HPC_CANCELLED; i += 3)
		nwrong += nblocks > 0;
	hpt_ok(nwrong == 0 && i > 3, "cancelled at each third look");
}

int
main(void)
{
	check_rows(5000, false, 1);
	check_rows(5000, true, 2);
	check_rows(90000, false, 3);
	check_logarithms();
	check_equal_targets();
	check_extreme_targets();
	check_all_models();
	check_learners();
	check_when();
	check_failures();
	return hpt_done();
}
