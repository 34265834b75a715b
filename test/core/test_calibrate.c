/*
 * test_calibrate.c
 *		Intervals around predictions: against a twin that sorts, and by how many
 *		targets of new rows they hold.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_calibrate.h"
#include "hpc_memory.h"
#include "hpt_table.h"

/* ---------- scores ---------- */

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

/* A frame of so many rows, without features, of which predictions are 0. */
typedef struct residuals
{
	hpt_memory memory;
	hpc_frame frame;
	hpc_held held;
	uint32_t n;
} residuals;

static void
make_residuals(residuals *r, uint32_t n, uint64_t seed)
{
	hpt_random random = {seed};

	memset(r, 0, sizeof(*r));
	hpt_memory_init(&r->memory, 1);
	r->n = n;
	r->frame.nrows = n;
	r->frame.target = calloc(n, sizeof(double));
	r->held.prediction = calloc(n, sizeof(double));
	for (uint32_t i = 0; i < n; i++)
		r->frame.target[i] = hpt_random_normal(&random);
}

static void
free_residuals(residuals *r)
{
	free(r->frame.target);
	free(r->frame.count);
	free(r->held.prediction);
	free(r->held.spread);
}

static hpc_calibration_record *
calibrate(residuals *r)
{
	hpc_calibration_record *calibration = NULL;

	if (hpc_calibrate(&r->memory.env, &r->frame, &r->held, &calibration) !=
		HPC_OK)
		hpt_note("%s", r->memory.env.error.message);
	return calibration;
}

/*
 * All predictions are 0, so rows are equally difficult, and the interval of
 * coverage c ends at the ceil(c (n + 1))-th smallest error, or where there are
 * more rows than scores, not far beyond.
 */
static void
check_ranks(uint32_t n)
{
	residuals r;
	hpc_calibration_record *calibration;
	double *errors = malloc(n * sizeof(double));
	uint32_t nwrong = 0;

	make_residuals(&r, n, n);
	calibration = calibrate(&r);
	for (uint32_t i = 0; i < n; i++)
		errors[i] = fabs(r.frame.target[i]);
	qsort(errors, n, sizeof(double), compare_doubles);
	for (uint32_t percent = 1; percent < 100; percent++)
	{
		uint64_t rank = (percent * (uint64_t) (n + 1) + 99) / 100;
		uint64_t slack = n / calibration->nscores + 1;
		double reach = hpc_calibration_score(calibration, percent / 100.0) *
					   hpc_calibration_scale(calibration, 0);

		if (rank > n)
			nwrong += reach != INFINITY;
		else
		{
			double least = errors[rank - 1] * (1 - 1e-12);
			uint64_t last = rank - 1 + slack < n ? rank - 1 + slack : n - 1;

			nwrong += !(reach >= least && reach <= errors[last] * (1 + 1e-12));
		}
	}
	hpt_ok(nwrong == 0 && calibration->nrows == n,
		   "%d rows: intervals end at the right ranks", (int) n);
	hpc_free(&r.memory.env, calibration);
	free_residuals(&r);
	free(errors);
}

/* A row that is there twice counts as two rows. */
static void
check_copies(void)
{
	residuals once;
	residuals twice;
	hpc_calibration_record *a;
	hpc_calibration_record *b;

	make_residuals(&once, 300, 5);
	make_residuals(&twice, 150, 5);
	twice.frame.count = calloc(150, sizeof(uint32_t));
	for (uint32_t i = 0; i < 150; i++)
		twice.frame.count[i] = 2;
	for (uint32_t i = 0; i < 150; i++)
		once.frame.target[150 + i] = once.frame.target[i];
	a = calibrate(&once);
	b = calibrate(&twice);
	hpt_ok(hpc_calibration_bytes(a) == hpc_calibration_bytes(b) &&
			   memcmp(a, b, hpc_calibration_bytes(a)) == 0,
		   "copies count");
	hpc_free(&once.memory.env, a);
	hpc_free(&twice.memory.env, b);
	free_residuals(&once);
	free_residuals(&twice);
}

/* Errors that grow with the difficulty are small where it is small. */
static void
check_difficulty(bool by_spread)
{
	residuals r;
	hpc_calibration_record *calibration;
	double low;
	double high;

	make_residuals(&r, 5000, 6);
	if (by_spread)
		r.held.spread = calloc(r.n, sizeof(double));
	for (uint32_t i = 0; i < r.n; i++)
	{
		double difficulty = 1 + i % 100;

		r.held.prediction[i] = by_spread ? 50 : difficulty;
		r.frame.target[i] =
			r.held.prediction[i] + difficulty * r.frame.target[i];
		if (by_spread)
			r.held.spread[i] = difficulty;
	}
	calibration = calibrate(&r);
	low = hpc_calibration_scale(calibration, 10);
	high = hpc_calibration_scale(calibration, 90);
	hpt_ok(high / low > 7 && high / low < 11 &&
			   calibration->by_spread == by_spread,
		   "%s: nine times the difficulty, %.1f times the scale",
		   by_spread ? "spread" : "prediction", high / low);
	hpt_ok(hpc_calibration_scale(calibration, -1e308) ==
				   hpc_calibration_scale(calibration, 0) &&
			   hpc_calibration_scale(calibration, 1e308) ==
				   hpc_calibration_scale(calibration, 100),
		   "beyond the knots the scale stays as it is");
	hpc_free(&r.memory.env, calibration);
	free_residuals(&r);
}

static void
check_edges(void)
{
	residuals r;
	hpc_calibration_record *calibration;

	make_residuals(&r, 19, 7);
	hpt_ok(calibrate(&r) == NULL, "19 rows are too few");
	free_residuals(&r);

	make_residuals(&r, 100, 8);
	memset(r.frame.target, 0, 100 * sizeof(double));
	calibration = calibrate(&r);
	hpt_ok(hpc_calibration_score(calibration, 0.99) == 0 &&
			   hpc_calibration_scale(calibration, 0) > 0,
		   "errors of 0 are intervals of one point");
	hpc_free(&r.memory.env, calibration);
	for (uint32_t i = 0; i < 100; i++)
	{
		r.frame.target[i] = i % 2 == 0 ? 1.7e308 : -1.7e308;
		r.held.prediction[i] = -r.frame.target[i];
	}
	calibration = calibrate(&r);
	hpt_ok(isfinite(hpc_calibration_score(calibration, 0.9) *
					hpc_calibration_scale(calibration, 0)),
		   "errors that overflow are the largest double");
	hpc_free(&r.memory.env, calibration);
	for (uint32_t i = 0; i < 90; i++)
		r.held.prediction[i] = NAN;
	hpt_ok(calibrate(&r) == NULL, "rows without a prediction do not count");
	free_residuals(&r);
}

/* ---------- models ---------- */

/* Of new rows, how many have their target in the interval? */
static double
coverage_of(const hpc_model *model, const hpt_table *table, double coverage)
{
	uint32_t ninside = 0;

	for (uint32_t row = 0; row < table->nrows; row++)
	{
		hpc_value values[HPT_MAX_COLUMNS];
		uint32_t codes[HPT_MAX_COLUMNS];
		hpc_interval interval;

		hpt_model_values(model, table, row, values);
		hpc_model_predict_interval(model, values, coverage, codes, &interval);
		ninside += table->target[row] >= interval.lower &&
				   table->target[row] <= interval.upper;
	}
	return (double) ninside / table->nrows;
}

/*
 * Rows of the training and new ones, from one distribution: 1,000 of each, so
 * that a coverage of .5 is off by .022 (one standard deviation of both draws).
 * The folds had four fifths of the rows to learn from, so that it is rather
 * more than less.
 */
static void
check_model(const char *what, const hpc_params *params)
{
	hpt_table all;
	hpt_table old;
	hpt_memory memory;
	hpc_model *model;
	size_t nbytes;

	hpt_table_houses(&all, 2000, 21);
	hpt_table_houses(&old, 2000, 21);
	hpt_table_shuffle(&all, 22);
	hpt_table_shuffle(&old, 22);
	old.nrows = 1000;
	model = hpt_table_model(&memory, &old, params, 2, &nbytes);
	hpt_ok(hpc_model_has_intervals(model), "%s: has intervals", what);
	memmove(all.target, all.target + 1000, 1000 * sizeof(double));
	memmove(all.values, all.values + 1000 * (size_t) all.ncolumns,
			1000 * (size_t) all.ncolumns * sizeof(hpc_value));
	all.nrows = 1000;
	for (int i = 0; i < 3; i++)
	{
		static const double wanted[] = {0.5, 0.8, 0.9};
		double coverage = coverage_of(model, &all, wanted[i]);

		hpt_ok(coverage > wanted[i] - 0.05 && coverage < wanted[i] + 0.08,
			   "%s: %.0f %% hold %.1f %%", what, 100 * wanted[i],
			   100 * coverage);
	}
	hpt_release(&memory.env, model);
	old.nrows = 2000;
	all.nrows = 2000;
	hpt_table_free(&old);
	hpt_table_free(&all);
}

static bool
has_intervals(const hpc_params *params, uint32_t nrows)
{
	hpt_table table;
	hpt_memory memory;
	size_t nbytes;
	hpc_model *model;
	bool has;

	hpt_table_houses(&table, nrows, 22);
	model = hpt_table_model(&memory, &table, params, 1, &nbytes);
	has = hpc_model_has_intervals(model);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
	return has;
}

static void
check_models(void)
{
	hpc_params forest = hpt_params(100);
	hpc_params few = hpt_params(49);
	hpc_params boost;
	hpc_params linear;
	hpc_params mean;
	hpc_params members[2];
	hpc_params blend;

	hpc_params_init(&boost, HPC_BOOST);
	hpc_params_init(&linear, HPC_LINEAR);
	hpc_params_init(&mean, HPC_MEAN);
	hpc_params_init(&blend, HPC_BLEND);
	boost.rounds = 100;
	boost.learning_rate = 0.1;
	boost.leak = linear.leak = blend.leak = HPC_LEAK_ALLOW;
	members[0] = boost;
	members[1] = linear;
	blend.nmembers = 2;
	blend.members = members;
	check_model("forest", &forest);
	forest.algorithm = HPC_EXTRA_TREES;
	check_model("extra trees", &forest);
	check_model("boosting", &boost);
	check_model("linear", &linear);
	check_model("blend", &blend);
	members[0].log_target = members[1].log_target = 1;
	check_model("blend of logarithms", &blend);
	members[1].log_target = 0;
	check_model("blend of both", &blend);
	boost.early_stopping = false;
	hpt_ok(!has_intervals(&few, 300) && !has_intervals(&boost, 300) &&
			   !has_intervals(&mean, 300) && !has_intervals(&forest, 15),
		   "few trees, no rows held out, few rows: no intervals");
}

int
main(void)
{
	check_ranks(20);
	check_ranks(99);
	check_ranks(500);
	check_ranks(501);
	check_ranks(7321);
	check_copies();
	check_difficulty(false);
	check_difficulty(true);
	check_edges();
	check_models();
	return hpt_done();
}
