/*
 * test_boost.c
 *		Boosting: against a slow twin, for each loss; the same bytes whatever
 *		the order of rows and the number of threads; early stopping; monotone
 *		constraints; quantiles; tables at the edge; cancelling, and running
 *		out of memory.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_boost.h"
#include "hpc_random.h"
#include "hpt_slow_boost.h"
#include "hpt_table.h"

/* Everything settled, so that a default that changes does not matter. */
static hpc_params
boost_params(int64_t rounds)
{
	hpc_params params;

	hpc_params_init(&params, HPC_BOOST);
	params.rounds = rounds;
	params.learning_rate = 0.1;
	params.max_leaves = 5;
	params.min_leaf = 2;
	params.max_bins = 255;
	params.row_fraction = 1;
	params.feature_fraction = 1;
	params.loss = HPC_LOSS_SQUARED;
	params.early_stopping = false;
	params.log_target = 0;
	params.l2 = 0;
	params.leak = HPC_LEAK_ALLOW;
	return params;
}

static const char *
loss_name(int64_t loss)
{
	static const char *const names[] = {"squared", "absolute", "quantile",
										"huber"};

	return names[loss];
}

static double
predict(const hpc_model *model, const hpt_table *table, uint32_t row)
{
	hpc_value values[HPT_MAX_COLUMNS];
	uint32_t codes[HPT_MAX_COLUMNS];

	hpt_model_values(model, table, row, values);
	return hpc_model_predict(model, values, codes);
}

static hpc_model_summary
summary_of(const hpt_table *table, const hpc_params *params)
{
	hpt_memory memory;
	hpc_model_summary summary;
	size_t nbytes;
	hpc_model *model = hpt_table_model(&memory, table, params, 2, &nbytes);

	hpc_model_summarize(model, &summary);
	hpt_release(&memory.env, model);
	return summary;
}

/* ---------- the slow twin ---------- */

/* Trains on a frame, so that weights can be put into it. */
static hpc_status
train_frame(hpc_env *env, hpc_frame *frame, hpc_params *params,
			hpc_model **model, hpc_oob *oob)
{
	hpc_training_record record = {0};
	hpc_texts texts = {0};
	hpc_held held;
	hpc_writer *writer = hpc_writer_create(env, frame);
	hpc_status status = hpc_boost_train(env, frame, params, writer, &held);
	size_t nbytes;
	void *bytes = NULL;

	if (status == HPC_OK)
		status = hpc_oob_measure(env, frame, &held, oob);
	hpc_held_free(env, &held);
	hpc_model_record_params(params, &record);
	if (status == HPC_OK)
		status =
			hpc_writer_finish(env, writer, &record, &texts, &bytes, &nbytes);
	hpc_writer_free(env, writer);
	*model = bytes;
	return status;
}

static void
add_weights(hpc_env *env, hpc_frame *frame)
{
	hpt_random random = {77};

	frame->weight =
		env->resize(env->opaque, NULL, frame->nrows * sizeof(double));
	for (uint32_t row = 0; row < frame->nrows; row++)
		frame->weight[row] =
			(double) (1000 + hpt_random_below(&random, 4000)) / 1024;
}

/*
 * Predictions of the model and of the twin must agree but for the units of
 * residuals, which are fine for so few rows.  Signs need weights: without,
 * gains are often equal, and a hash decides.
 */
static void
check_twin(const char *what, const hpt_table *table, const hpc_params *given,
		   bool weighted)
{
	hpc_params params = *given;
	hpt_memory memory;
	hpt_framed framed;
	hpc_model *model;
	hpc_oob oob;
	slow_boost slow;
	double most = 0;

	hpt_memory_init(&memory, 2);
	hpt_table_frame(&memory.env, table, 65534, &framed);
	if (weighted)
		add_weights(&memory.env, framed.frame);
	if (train_frame(&memory.env, framed.frame, &params, &model, &oob) !=
		HPC_OK)
		hpt_note("%s", memory.env.error.message);
	slow_boost_train(framed.frame, table, given, &slow);
	for (uint32_t row = 0; row < framed.frame->nrows; row++)
	{
		uint32_t source = hpc_row_source(framed.frame, row);
		double off = predict(model, table, source) - slow.prediction[row];

		most = fmax(most, fabs(off));
	}
	hpt_ok(most < 1e-6 && params.rounds == (int64_t) slow.rounds,
		   "%s: the same predictions from a slow twin, %d trees", what,
		   (int) slow.rounds);
	if (most >= 1e-6 || params.rounds != (int64_t) slow.rounds)
		hpt_note("off by %g, %d trees", most, (int) params.rounds);
	if (given->early_stopping &&
		!hpt_ok(fabs(oob.mae - slow.oob_mae) < 1e-6,
				"%s: MAE %.4g of rows held out", what, oob.mae))
		hpt_note("expected %.17g", slow.oob_mae);
	slow_boost_free(&slow);
	hpt_release(&memory.env, model);
	hpt_framed_free(&memory.env, &framed);
}

/* Numbers that leave no ties, and some rows twice. */
static void
make_smooth(hpt_table *table, uint32_t nrows, uint64_t seed)
{
	hpt_random random = {seed};

	hpt_table_init(table);
	hpt_table_column(table, "a", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "b", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "c", HPC_NUMBER, HPC_STORE_DOUBLE);
	while (table->nrows < nrows)
	{
		double a = 10 * hpt_random_unit(&random);
		double b = 10 * hpt_random_unit(&random);
		double c = 10 * hpt_random_unit(&random);
		double y = 5 * a + (b > 5 ? 20 : 0) + a * c / 3 +
				   2 * hpt_random_normal(&random);
		int copies = hpt_random_below(&random, 8) == 0 ? 2 : 1;

		while (copies-- > 0 && table->nrows < nrows)
		{
			hpc_value *row = hpt_table_row(table, y);

			row[0] = hpt_number(a);
			row[1] = hpt_number(b);
			row[2] = hpt_number(c);
		}
	}
}

static void
check_twins(void)
{
	hpt_table table;
	char what[64];

	make_smooth(&table, 200, 5);
	for (int64_t loss = HPC_LOSS_SQUARED; loss <= HPC_LOSS_HUBER; loss++)
	{
		bool signs = loss == HPC_LOSS_ABSOLUTE || loss == HPC_LOSS_QUANTILE;
		hpc_params params = boost_params(12);

		params.loss = loss;
		params.quantile = 0.8;
		params.min_leaf = 10;
		snprintf(what, sizeof(what), "%s", loss_name(loss));
		check_twin(what, &table, &params, signs);
		params.row_fraction = 0.6;
		params.feature_fraction = 0.7;
		params.l2 = 3;
		params.max_leaves = 8;
		snprintf(what, sizeof(what), "%s, sampled", loss_name(loss));
		check_twin(what, &table, &params, signs);
		snprintf(what, sizeof(what), "%s, sampled, weighted", loss_name(loss));
		check_twin(what, &table, &params, true);
		params.early_stopping = true;
		params.rounds = 40;
		snprintf(what, sizeof(what), "%s, stopped", loss_name(loss));
		check_twin(what, &table, &params, signs);
	}
	hpt_table_free(&table);
}

/* ---------- rows that are records ---------- */

/* Whole numbers and a category, of few values each, some rows twice. */
static void
make_narrow(hpt_table *table, uint32_t nrows)
{
	hpt_random random = {nrows};

	hpt_table_init(table);
	hpt_table_column(table, "area", HPC_NUMBER, HPC_STORE_INT16);
	hpt_table_column(table, "rooms", HPC_NUMBER, HPC_STORE_INT16);
	hpt_table_column(table, "street", HPC_CATEGORY, HPC_STORE_CODE);
	while (table->nrows < nrows)
	{
		uint32_t area = (uint32_t) hpt_random_below(&random, 250);
		uint32_t rooms = (uint32_t) hpt_random_below(&random, 9);
		uint32_t street = (uint32_t) hpt_random_below(&random, 40);
		double y = 3 * area + 40 * rooms + hpc_mix(street) % 200 +
				   30 * hpt_random_normal(&random);
		int copies = hpt_random_below(&random, 20) == 0 ? 2 : 1;

		while (copies-- > 0 && table->nrows < nrows)
		{
			hpc_value *row = hpt_table_row(table, y);

			row[0] = hpt_number(area);
			row[1] = area % 11 == 0 ? hpt_missing() : hpt_number(rooms);
			row[2] = hpt_level(street);
		}
	}
}

/*
 * Where rows have weights they are no records, and weights of 1 change nothing
 * but the units of residuals.
 */
static void
check_records(const char *what, uint32_t nrows, const hpc_params *given)
{
	hpt_table table;
	hpt_memory memory;
	hpc_model *models[2];
	hpc_oob oob[2];
	hpc_params params[2] = {*given, *given};
	double most = 0;

	make_narrow(&table, nrows);
	hpt_memory_init(&memory, 2);
	for (int weighted = 0; weighted < 2; weighted++)
	{
		hpt_framed framed;

		hpt_table_frame(&memory.env, &table, 255, &framed);
		if (weighted)
		{
			add_weights(&memory.env, framed.frame);
			for (uint32_t row = 0; row < framed.frame->nrows; row++)
				framed.frame->weight[row] = 1;
		}
		if (train_frame(&memory.env, framed.frame, &params[weighted],
						&models[weighted], &oob[weighted]) != HPC_OK)
			hpt_note("%s", memory.env.error.message);
		hpt_framed_free(&memory.env, &framed);
	}
	for (uint32_t row = 0; row < nrows; row += 7)
		most = fmax(most, fabs(predict(models[0], &table, row) -
							   predict(models[1], &table, row)));
	if (!hpt_ok(most < 1e-5 && params[0].rounds == params[1].rounds,
				"%s: records make no difference, %d trees", what,
				(int) params[0].rounds))
		hpt_note("off by %g, %d trees", most, (int) params[1].rounds);
	if (given->early_stopping &&
		!hpt_ok(oob[0].nrows == oob[1].nrows &&
					fabs(oob[0].mae - oob[1].mae) < 1e-5,
				"%s: MAE %.4g of rows held out", what, oob[0].mae))
		hpt_note("expected %.17g", oob[1].mae);
	hpt_release(&memory.env, models[0]);
	hpt_release(&memory.env, models[1]);
	hpt_table_free(&table);
}

static void
check_all_records(void)
{
	hpc_params params = boost_params(10);

	params.max_leaves = 20;
	check_records("all rows", 9000, &params);
	params.row_fraction = 0.6;
	params.feature_fraction = 0.7;
	check_records("rows drawn", 9000, &params);
	params.row_fraction = 0.0001;
	check_records("a row or none drawn", 5000, &params);
	params.row_fraction = 1;
	params.early_stopping = true;
	check_records("a tenth held out", 52000, &params);
	params.row_fraction = 0.7;
	check_records("a tenth held out, rows drawn", 52000, &params);
}

/* ---------- the same bytes ---------- */

static bool
same_model(const hpt_table *table, const hpc_params *params, int nthreads,
		   const hpc_model *expected, size_t nbytes)
{
	hpt_memory memory;
	size_t n;
	hpc_model *model = hpt_table_model(&memory, table, params, nthreads, &n);
	bool same = n == nbytes && memcmp(model, expected, n) == 0;

	hpt_release(&memory.env, model);
	return same && memory.nblocks == 0;
}

static void
check_same_bytes(const char *what, const hpt_table *given,
				 const hpc_params *params)
{
	hpt_memory memory;
	hpt_table table = *given;
	size_t nbytes;
	hpc_model *model = hpt_table_model(&memory, &table, params, 1, &nbytes);

	hpt_ok(hpc_model_validate(&memory.env, model, nbytes) == HPC_OK,
		   "%s: a valid model of %d bytes", what, (int) nbytes);
	hpt_ok(same_model(&table, params, 2, model, nbytes) &&
			   same_model(&table, params, 3, model, nbytes),
		   "%s: the same bytes from 2 and 3 threads", what);
	hpt_table_shuffle(&table, 5);
	hpt_ok(same_model(&table, params, 2, model, nbytes),
		   "%s: the same bytes from shuffled rows", what);
	hpt_release(&memory.env, model);
}

static void
check_all_same_bytes(void)
{
	hpt_table table;
	hpc_params params = boost_params(40);
	char what[64];

	hpt_table_houses(&table, 500, 1);
	params.row_fraction = 0.7;
	params.feature_fraction = 0.5;
	for (params.loss = 0; params.loss <= HPC_LOSS_HUBER; params.loss++)
	{
		params.early_stopping = params.loss % 2 == 0;
		snprintf(what, sizeof(what), "500 rows, %s", loss_name(params.loss));
		check_same_bytes(what, &table, &params);
	}
	hpt_table_free(&table);

	/* enough for a crew to work on one tree */
	hpt_table_houses(&table, 9000, 2);
	params = boost_params(5);
	params.max_leaves = 31;
	for (params.loss = 0; params.loss <= HPC_LOSS_HUBER; params.loss++)
	{
		params.row_fraction = params.loss % 2 == 0 ? 1 : 0.7;
		snprintf(what, sizeof(what), "9000 rows, %s", loss_name(params.loss));
		check_same_bytes(what, &table, &params);
	}
	hpt_table_free(&table);

	/* the same of rows that are records */
	make_narrow(&table, 40000);
	for (int drawn = 0; drawn < 2; drawn++)
	{
		params = boost_params(8);
		params.max_leaves = 31;
		params.row_fraction = drawn ? 0.6 : 1;
		check_same_bytes(drawn ? "40000 records, drawn" : "40000 records",
						 &table, &params);
	}
	hpt_table_free(&table);

	/* one tenth held out; a crew looks at losses more often than one worker */
	make_smooth(&table, 52000, 3);
	params = boost_params(400);
	params.early_stopping = true;
	params.learning_rate = 0.6;
	params.max_leaves = 31;
	check_same_bytes("52000 rows, stopped", &table, &params);
	hpt_ok(summary_of(&table, &params).ntrees < 300, "and it was stopped");
	hpt_table_free(&table);
}

/* ---------- early stopping ---------- */

static void
check_stopping(void)
{
	hpc_params params = boost_params(2000);
	hpc_model_summary summary;
	hpt_table table;
	hpt_random random = {3};

	params.early_stopping = true;
	make_smooth(&table, 600, 7);
	summary = summary_of(&table, &params);
	hpt_ok(summary.ntrees > 20 && summary.ntrees < 1000 &&
			   summary.params.rounds == summary.ntrees,
		   "a signal takes %u trees", summary.ntrees);
	hpt_ok(summary.oob_rows == 600 && summary.oob_r2 > 0.9,
		   "the five folds predict all rows, R2 %.3f", summary.oob_r2);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = hpt_random_normal(&random);
	summary = summary_of(&table, &params);
	hpt_ok(summary.ntrees < 30, "noise takes %u", summary.ntrees);
	hpt_ok(summary.oob_r2 < 0.05, "and is not predicted, R2 %.3f",
		   summary.oob_r2);
	hpt_table_free(&table);

	make_smooth(&table, 50000, 8);
	params.learning_rate = 0.5;
	params.max_leaves = 31;
	summary = summary_of(&table, &params);
	hpt_ok(summary.oob_rows > 4500 && summary.oob_rows < 5500 &&
			   summary.oob_r2 > 0.95,
		   "of 50,000 rows %d are held out, R2 %.3f", (int) summary.oob_rows,
		   summary.oob_r2);
	hpt_ok(summary.ntrees > 5 && summary.ntrees < 400, "%u trees",
		   summary.ntrees);
	params.early_stopping = false;
	params.rounds = 7;
	summary = summary_of(&table, &params);
	hpt_ok(summary.ntrees == 7 && summary.oob_rows == 0 &&
			   isnan(summary.oob_mae),
		   "without early stopping as many trees as asked for");
	hpt_table_free(&table);
}

/* ---------- monotone features ---------- */

/* Sine waves that only a constraint makes monotone. */
static void
make_waves(hpt_table *table)
{
	hpt_random random = {9};

	hpt_table_init(table);
	hpt_table_column(table, "down", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "free", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "up", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (int i = 0; i < 800; i++)
	{
		double down = 10 * hpt_random_unit(&random);
		double other = 10 * hpt_random_unit(&random);
		double up = 10 * hpt_random_unit(&random);
		double y = up + 3 * sin(2 * up) - down + 3 * cos(2 * down) +
				   5 * sin(other) + hpt_random_normal(&random);
		hpc_value *row = hpt_table_row(table, y);

		row[0] = hpt_number(down);
		row[1] = hpt_number(other);
		if (i % 10 != 0)
			row[2] = hpt_number(up);
	}
}

/* Steps of a walk along a feature that go against the sign. */
static int
count_wrong_steps(const hpc_model *model, int feature, int sign)
{
	int nwrong = 0;
	hpt_random random = {10};

	for (int walk = 0; walk < 30; walk++)
	{
		hpc_value values[3];
		uint32_t codes[3];
		double before = -sign * INFINITY;

		for (int i = 0; i < 3; i++)
			values[i] = hpt_number(10 * hpt_random_unit(&random));
		for (int step = 0; step <= 200; step++)
		{
			double now;

			values[feature].number = step / 20.0;
			now = hpc_model_predict(model, values, codes);
			nwrong += sign * (now - before) < -1e-9;
			before = now;
		}
	}
	return nwrong;
}

static void
check_monotone(void)
{
	static const hpc_monotone signs[] = {{"up", 1}, {"down", -1}};
	hpt_table table;

	make_waves(&table);
	for (int64_t loss = 0; loss <= HPC_LOSS_HUBER; loss++)
	{
		hpc_params params = boost_params(60);
		hpt_memory memory;
		size_t nbytes;
		hpc_model *model;

		params.loss = loss;
		params.max_leaves = 8;
		model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
		hpt_ok(count_wrong_steps(model, 2, 1) > 100 &&
				   count_wrong_steps(model, 0, -1) > 100,
			   "%s: waves as they are", loss_name(loss));
		hpt_release(&memory.env, model);
		params.nmonotone = 2;
		params.monotone = signs;
		model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
		hpt_ok(count_wrong_steps(model, 2, 1) == 0 &&
				   count_wrong_steps(model, 0, -1) == 0,
			   "%s: waves made monotone", loss_name(loss));
		hpt_ok(count_wrong_steps(model, 1, 1) > 100,
			   "%s: but only where asked for", loss_name(loss));
		hpt_release(&memory.env, model);
	}
	hpt_table_free(&table);
}

/* ---------- quantiles and outliers ---------- */

/* Share of the rows of a table that lie below the prediction. */
static double
coverage(const hpt_table *table, const hpc_params *params,
		 const hpt_table *test)
{
	hpt_memory memory;
	size_t nbytes;
	hpc_model *model = hpt_table_model(&memory, table, params, 2, &nbytes);
	uint32_t below = 0;

	for (uint32_t row = 0; row < test->nrows; row++)
		below += test->target[row] <= predict(model, test, row);
	hpt_release(&memory.env, model);
	return (double) below / test->nrows;
}

static void
check_quantiles(void)
{
	static const double quantiles[] = {0.1, 0.5, 0.9};
	hpc_params params = boost_params(100);
	hpt_table table;
	hpt_table test;

	make_smooth(&table, 3000, 11);
	make_smooth(&test, 3000, 12);
	params.loss = HPC_LOSS_QUANTILE;
	params.min_leaf = 20;
	for (int i = 0; i < 3; i++)
	{
		double share;

		params.quantile = quantiles[i];
		share = coverage(&table, &params, &test);
		hpt_ok(fabs(share - quantiles[i]) < 0.04,
			   "quantile %g covers %.3f of new rows", quantiles[i], share);
	}
	hpt_table_free(&table);
	hpt_table_free(&test);
}

static double
mean_error(const hpt_table *table, const hpc_params *params,
		   const hpt_table *test)
{
	hpt_memory memory;
	size_t nbytes;
	hpc_model *model = hpt_table_model(&memory, table, params, 2, &nbytes);
	double sum = 0;

	for (uint32_t row = 0; row < test->nrows; row++)
		sum += fabs(test->target[row] - predict(model, test, row));
	hpt_release(&memory.env, model);
	return sum / test->nrows;
}

/* One row in fifty is off by a thousand. */
static void
check_outliers(void)
{
	hpc_params params = boost_params(100);
	double error[HPC_LOSS_HUBER + 1];
	hpt_table table;
	hpt_table test;

	make_smooth(&table, 1500, 13);
	make_smooth(&test, 1000, 14);
	for (uint32_t row = 0; row < table.nrows; row += 50)
		table.target[row] += 1000;
	params.quantile = 0.5;
	for (params.loss = 0; params.loss <= HPC_LOSS_HUBER; params.loss++)
		error[params.loss] = mean_error(&table, &params, &test);
	for (int64_t loss = HPC_LOSS_ABSOLUTE; loss <= HPC_LOSS_HUBER; loss++)
		hpt_ok(error[loss] < error[HPC_LOSS_SQUARED] / 3 && error[loss] < 4,
			   "%s: outliers do little harm, MAE %.2f, not %.2f",
			   loss_name(loss), error[loss], error[HPC_LOSS_SQUARED]);
	hpt_table_free(&table);
	hpt_table_free(&test);
}

/* ---------- tables at the edge ---------- */

/* A model whose predictions lie near the targets. */
static void
check_edge(const char *what, const hpt_table *table, hpc_params params)
{
	for (params.loss = 0; params.loss <= HPC_LOSS_HUBER; params.loss++)
	{
		hpt_memory memory;
		size_t nbytes;
		hpc_model *model =
			hpt_table_model(&memory, table, &params, 1, &nbytes);
		hpc_model_summary summary;
		double room;
		int nwrong = 0;

		hpc_model_summarize(model, &summary);
		room = summary.target_max / 4 - summary.target_min / 4;
		for (uint32_t row = 0; row < table->nrows; row++)
		{
			double predicted = predict(model, table, row);

			nwrong += !(isfinite(predicted) &&
						predicted / 2 >= summary.target_min / 2 - room &&
						predicted / 2 <= summary.target_max / 2 + room);
		}
		hpt_ok(nwrong == 0 &&
				   hpc_model_validate(&memory.env, model, nbytes) == HPC_OK,
			   "%s, %s", what, loss_name(params.loss));
		hpt_release(&memory.env, model);
	}
}

static void
set_targets(hpt_table *table, double unit, double start)
{
	for (uint32_t row = 0; row < table->nrows; row++)
		table->target[row] = 2 * (start / 2 + (row % 7) * (unit / 2));
}

static void
check_edges(void)
{
	hpc_params params = boost_params(30);
	hpt_table table;
	char what[64];

	params.min_leaf = 1;
	params.early_stopping = true;
	for (uint32_t nrows = 1; nrows <= 5; nrows++)
	{
		hpt_table_houses(&table, nrows, 4);
		snprintf(what, sizeof(what), "%u rows", nrows);
		check_edge(what, &table, params);
		hpt_table_free(&table);
	}
	hpt_table_houses(&table, 200, 4);
	set_targets(&table, 0, 7);
	check_edge("a constant target", &table, params);
	set_targets(&table, 2.5e307, 0);
	check_edge("targets near the largest double", &table, params);
	set_targets(&table, 5e307, -1.7e308);
	check_edge("from end to end of the doubles", &table, params);
	set_targets(&table, 5e-324, 0);
	check_edge("the smallest doubles", &table, params);
	set_targets(&table, 1e-3, 1e9);
	check_edge("small steps far from zero", &table, params);
	table.target[0] = 1e300;
	check_edge("an outlier", &table, params);
	for (uint32_t i = 0; i < 200u * (uint32_t) table.ncolumns; i++)
		table.values[i] = hpt_missing();
	set_targets(&table, 1, 0);
	check_edge("nothing but missing values", &table, params);
	hpt_table_free(&table);
}

/* All but the constant target of an edge are told apart. */
static void
check_fine_targets(void)
{
	hpc_params params = boost_params(300);
	hpt_table table;
	hpt_memory memory;
	size_t nbytes;
	hpc_model *model;
	double most = 0;

	hpt_table_numbers(&table, 1, 70, 1000, 3);
	set_targets(&table, 1e-3, 1e9);
	params.min_leaf = 1;
	params.max_leaves = 70;
	params.learning_rate = 0.5;
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	for (uint32_t row = 0; row < table.nrows; row++)
		most =
			fmax(most, fabs(predict(model, &table, row) - table.target[row]));
	hpt_ok(most < 3e-4, "targets of twelve digits are learned, off by %g",
		   most);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- cancelling and running out of memory ---------- */

static void
check_cancel(const char *what, const hpt_table *table,
			 const hpc_params *params)
{
	int64_t nwrong = 0;
	int64_t n = 0;
	int64_t nblocks;
	hpc_status status = HPC_CANCELLED;

	for (int64_t at = 1; status == HPC_CANCELLED && n < 400;
		 at += at < 300 ? 1 : at / 50)
	{
		n++;
		status = hpt_table_try(table, params, 0, at, &nblocks);
		nwrong += nblocks != 0;
	}
	hpt_ok(nwrong == 0 && (status == HPC_CANCELLED || status == HPC_OK) &&
			   n > 10,
		   "%s: cancelled at each of %d checks", what, (int) n);
}

static void
check_failures(void)
{
	static const hpc_monotone signs[] = {{"rooms", 1}};
	hpc_params params = boost_params(30);
	hpt_table table;

	hpt_table_houses(&table, 300, 6);
	hpt_table_fails("without early stopping", &table, &params);
	check_cancel("without early stopping", &table, &params);
	params.early_stopping = true;
	params.loss = HPC_LOSS_HUBER;
	params.nmonotone = 1;
	params.monotone = signs;
	hpt_table_fails("with early stopping", &table, &params);
	check_cancel("with early stopping", &table, &params);
	hpt_table_free(&table);
	hpt_table_houses(&table, 9000, 6);
	params.early_stopping = false;
	params.rounds = 3;
	check_cancel("with a crew for one tree", &table, &params);
	hpt_table_free(&table);
}

int
main(void)
{
	check_twins();
	check_all_records();
	check_all_same_bytes();
	check_stopping();
	check_monotone();
	check_quantiles();
	check_outliers();
	check_edges();
	check_fine_targets();
	check_failures();
	return hpt_done();
}
