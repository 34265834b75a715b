/*
 * test_trial.c
 *		Trials of sets of features: R² is that of boosting, shuffling takes away
 *		what a feature is worth, and nothing depends on order or threads.
 */
#include <math.h>
#include <string.h>

#include "hpc_trial.h"
#include "hpt_table.h"

#define MAX_FEATURES 12

/* What is asked of a trial, and its answers. */
typedef struct question
{
	hpc_trial *trial;
	int features[MAX_FEATURES];
	int n;
	double r2;
	double shuffled_r2;
	double losses[MAX_FEATURES];
} question;

static hpc_status
ask(hpc_crew *crew, void *context)
{
	question *q = context;
	hpc_status status =
		hpc_trial_run(q->trial, crew, q->features, q->n, &q->r2);

	if (status == HPC_OK)
		status = hpc_trial_shuffle(q->trial, crew, q->features, q->n,
								   &q->shuffled_r2, q->losses);
	return status;
}

static hpc_status
try_features(hpt_memory *memory, const hpt_table *table, int nthreads,
			 question *q)
{
	hpt_framed framed;
	hpc_status status;

	hpt_memory_init(memory, nthreads);
	status = hpt_table_frame(&memory->env, table, 65534, &framed);
	if (status != HPC_OK)
		return status;
	status = hpc_trial_create(&memory->env, framed.frame, 0, &q->trial);
	if (status == HPC_OK)
		status =
			hpc_crew_open(&memory->env, hpc_trial_nworkers(q->trial), ask, q);
	hpc_trial_free(&memory->env, q->trial);
	hpt_framed_free(&memory->env, &framed);
	return status;
}

static question
all_features(int n)
{
	question q = {.n = n};

	for (int i = 0; i < n; i++)
		q.features[i] = i;
	return q;
}

/* Boosting with the settings of trials, early stopping and all. */
static double
boosted_r2(const hpt_table *table)
{
	hpt_memory memory;
	hpc_params params;
	hpc_model_summary summary;
	hpc_model *model;
	size_t nbytes;

	hpc_params_init(&params, HPC_BOOST);
	params.rounds = 60;
	params.learning_rate = 0.16;
	params.max_leaves = 8;
	params.row_fraction = 1;
	params.feature_fraction = 0.5;
	params.log_target = 0;
	params.leak = HPC_LEAK_ALLOW;
	model = hpt_table_model(&memory, table, &params, 1, &nbytes);
	hpc_model_summarize(model, &summary);
	hpt_release(&memory.env, model);
	return summary.oob_r2;
}

static void
check_against_boosting(const char *what, const hpt_table *table)
{
	hpt_memory memory;
	question q = all_features(table->ncolumns);
	hpc_status status = try_features(&memory, table, 1, &q);
	double r2 = boosted_r2(table);

	hpt_ok(status == HPC_OK && memory.nblocks == 0, "%s: a trial", what);
	hpt_ok(fabs(q.r2 - r2) < 1e-9, "%s: R² %.9f is that of boosting, %.9f",
		   what, q.r2, r2);
	hpt_ok(q.shuffled_r2 == q.r2, "%s: also where trees are kept", what);
}

/* x0 .. x7, of which the target is a weighted sum: x7 counts for most. */
static void
check_losses(void)
{
	hpt_table table;
	hpt_memory memory;
	question all = all_features(8);
	question few = {.features = {5, 7}, .n = 2};
	int nrising = 0;

	hpt_table_numbers(&table, 8, 800, 30, 3);
	try_features(&memory, &table, 1, &all);
	for (int i = 1; i < 8; i++)
		nrising += all.losses[i] > all.losses[i - 1];
	hpt_ok(nrising >= 6 && all.losses[0] < 0.05 && all.losses[7] > 0.4,
		   "shuffling takes away what a feature is worth");
	try_features(&memory, &table, 1, &few);
	hpt_ok(few.r2 > 0.3 && few.r2 < all.r2, "fewer features predict less");
	hpt_ok(few.losses[1] > few.losses[0] && few.losses[0] > 0,
		   "losses stand where their features do");
	hpt_table_free(&table);
}

/* Expected R² of noise is not above 0 by more than chance. */
static void
check_noise(void)
{
	hpt_table table;
	hpt_memory memory;
	hpt_random random = {5};
	question q = all_features(4);

	hpt_table_numbers(&table, 4, 500, 30, 4);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = hpt_random_normal(&random);
	try_features(&memory, &table, 1, &q);
	hpt_ok(q.r2 < 0.02, "noise predicts nothing: %.3f", q.r2);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = 3;
	try_features(&memory, &table, 1, &q);
	hpt_ok(isnan(q.r2), "where targets are equal there is no R²");
	hpt_table_free(&table);
}

static void
check_order(const char *what, hpt_table *table)
{
	hpt_memory memory;
	question one = all_features(table->ncolumns);
	question other = one;

	try_features(&memory, table, 1, &one);
	hpt_table_shuffle(table, 9);
	try_features(&memory, table, 3, &other);
	hpt_ok(memcmp(&one.r2, &other.r2, sizeof(double)) == 0 &&
			   memcmp(one.losses, other.losses,
					  (size_t) one.n * sizeof(double)) == 0,
		   "%s: neither the order of rows nor threads matter", what);
}

static void
check_failures(void)
{
	hpt_table table;
	hpc_status status = HPC_NO_MEMORY;
	int64_t n = 0;
	int64_t nwrong = 0;

	hpt_table_houses(&table, 40, 2);
	for (; status == HPC_NO_MEMORY; n++)
	{
		hpt_memory memory;
		hpt_framed framed;
		question q = all_features(8);

		hpt_memory_init(&memory, 1);
		hpt_table_frame(&memory.env, &table, 255, &framed);
		memory.fail_at = memory.nrequests + n + 1;
		status = hpc_trial_create(&memory.env, framed.frame, 0, &q.trial);
		if (status == HPC_OK)
			status = hpc_crew_open(&memory.env, 1, ask, &q);
		hpc_trial_free(&memory.env, q.trial);
		hpt_framed_free(&memory.env, &framed);
		nwrong += memory.nblocks != 0;
	}
	hpt_ok(nwrong == 0 && status == HPC_OK && n > 50,
		   "each of %d allocations can fail", (int) n - 1);
	hpt_table_free(&table);
}

int
main(void)
{
	hpt_table table;

	hpt_table_houses(&table, 500, 1);
	check_against_boosting("houses", &table);
	check_order("houses", &table);
	hpt_table_weigh(&table, 6);
	check_against_boosting("weights", &table);
	check_order("weights", &table);
	hpt_table_free(&table);
	check_losses();
	check_noise();
	check_failures();
	return hpt_done();
}
