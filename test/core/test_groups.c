/*
 * test_groups.c
 *		Groups of values and of predictions: against lists of all values, and by
 *		putting each row of a training into its group again.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_drift.h"
#include "hpt_section.h"
#include "hpt_table.h"

/* ---------- groups of numbers, by the list of all rows ---------- */

/* Where the values of rows[n], sorted, that are equal to the first end. */
static uint32_t
end_of_equals(const double *rows, uint32_t n)
{
	uint32_t end = 1;

	while (end < n && rows[end] == rows[0])
		end++;
	return end;
}

static uint32_t
count_different(const double *rows, uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i += end_of_equals(rows + i, n - i))
		count++;
	return count;
}

/* Rows for the first of k groups of the n that are left. */
static uint32_t
first_group(const double *rows, uint32_t n, uint32_t k, bool each)
{
	uint32_t end = end_of_equals(rows, n);
	double share = (double) n / k;

	if (each)
		return end;
	while (k > 1 && end < n && end < share)
	{
		uint32_t next = end + end_of_equals(rows + end, n - end);

		/* rather half a share than one that is overdone by more */
		if (end >= share / 2 && next - share > share - end)
			return end;
		end = next;
	}
	return k > 1 ? end : n;
}

static void
slow_groups(const double *rows, uint32_t n, uint64_t nmissing,
			hpc_groups *groups)
{
	bool each = count_different(rows, n) <= HPC_VALUE_GROUPS;
	uint32_t at = 0;

	groups->ngroups = 0;
	while (at < n || groups->ngroups == 0)
	{
		uint32_t left = n - at;
		uint32_t free_groups = HPC_VALUE_GROUPS - groups->ngroups;
		uint32_t k = n > 0 ? (uint32_t) floor(10.0 * left / n + 0.5) : 1;
		uint32_t rows_here = 0;
		double bound = INFINITY;

		k = k > free_groups ? free_groups : k < 1 ? 1 : k;
		if (left > 0)
			rows_here = first_group(rows + at, left, k, each);
		at += rows_here;
		if (at < n)
			bound = hpc_midpoint(rows[at - 1], rows[at]);
		groups->group[groups->ngroups++] = (hpc_group){rows_here, bound};
	}
	groups->group[groups->ngroups++] = (hpc_group){nmissing, 0};
}

static bool
same_groups(const hpc_groups *a, const hpc_groups *b)
{
	return a->ngroups == b->ngroups &&
		   memcmp(a->group, b->group, a->ngroups * sizeof(hpc_group)) == 0;
}

/* The fast way: different values, and how often they come. */
static void
fast_groups(const double *rows, uint32_t n, uint64_t nmissing,
			hpc_groups *groups)
{
	double *values = malloc((n + 1) * sizeof(double));
	uint32_t *rows_of = malloc((n + 1) * sizeof(uint32_t));
	uint32_t nvalues = 0;

	for (uint32_t i = 0; i < n; i += rows_of[nvalues++])
	{
		values[nvalues] = rows[i];
		rows_of[nvalues] = end_of_equals(rows + i, n - i);
	}
	hpc_group_numbers(groups, HPC_NUMBER, values, rows_of, nvalues, nmissing);
	free(values);
	free(rows_of);
}

static int
compare_numbers(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Random rows: few values or many, some of them frequent. */
static void
check_numbers(void)
{
	static const uint32_t sizes[] = {0, 1, 2, 9, 10, 11, 19, 20, 100, 1000};
	hpt_random random = {1};
	double rows[1000];
	uint32_t nwrong = 0;
	uint32_t nover = 0;

	for (int i = 0; i < 3000; i++)
	{
		uint32_t n = sizes[hpt_random_below(&random, 10)];
		uint64_t nvalues = 1 + hpt_random_below(&random, 30);
		uint64_t often = hpt_random_below(&random, 8);
		hpc_groups fast;
		hpc_groups slow;

		for (uint32_t row = 0; row < n; row++)
		{
			rows[row] = i % 3 == 0
							? hpt_random_normal(&random)
							: (double) hpt_random_below(&random, nvalues);
			if (often < 3 && hpt_random_below(&random, 2 + often) == 0)
				rows[row] = (double) often;
		}
		qsort(rows, n, sizeof(double), compare_numbers);
		fast_groups(rows, n, (uint64_t) i, &fast);
		slow_groups(rows, n, (uint64_t) i, &slow);
		nwrong += !same_groups(&fast, &slow);
		nover += fast.ngroups > HPC_MAX_GROUPS;
	}
	hpt_ok(nwrong == 0 && nover == 0, "groups of numbers are those of a list");
}

static void
check_shares(void)
{
	double rows[1000];
	hpc_groups groups;
	bool tenths = true;

	for (int i = 0; i < 1000; i++)
		rows[i] = i;
	fast_groups(rows, 1000, 5, &groups);
	for (int i = 0; i < 10; i++)
		tenths &= groups.group[i].rows == 100;
	hpt_ok(tenths && groups.ngroups == 11 && groups.group[10].rows == 5 &&
			   groups.group[0].bound == 99.5 &&
			   groups.group[9].bound == INFINITY,
		   "a thousand different values: ten times a hundred");
	for (int i = 0; i < 1000; i++)
		rows[i] = i < 50 ? i - 50 : i < 650 ? 0 : i;
	fast_groups(rows, 1000, 0, &groups);
	hpt_ok(groups.group[0].rows == 50 && groups.group[1].rows == 600 &&
			   groups.ngroups == 2 + 4 + 1 && groups.group[2].rows == 88,
		   "a frequent value stands alone, the others share what is left");
	for (int i = 0; i < 10; i++)
		rows[i] = i < 3 ? -INFINITY : i < 6 ? 7 : INFINITY;
	fast_groups(rows, 10, 0, &groups);
	hpt_ok(groups.ngroups == 4 && groups.group[0].bound == -INFINITY &&
			   groups.group[1].bound == 7 && groups.group[2].rows == 4,
		   "infinite values have groups as well");
}

/* ---------- groups of categories ---------- */

static const uint32_t *compared;

/* The most frequent first, then by number. */
static int
compare_categories(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a;
	uint32_t y = *(const uint32_t *) b;

	if (compared[x] != compared[y])
		return compared[x] > compared[y] ? -1 : 1;
	return (x > y) - (x < y);
}

static void
check_categories(void)
{
	hpt_random random = {4};
	hpt_memory memory;
	uint32_t nwrong = 0;

	hpt_memory_init(&memory, 1);
	for (int i = 0; i < 2000; i++)
	{
		uint32_t n = (uint32_t) hpt_random_below(&random, 25);
		uint32_t rows_of[25];
		uint32_t order[25];
		uint64_t others = 0;
		hpc_groups fast = {0};
		hpc_groups slow = {0};

		for (uint32_t k = 0; k < n; k++)
		{
			rows_of[k] = (uint32_t) hpt_random_below(&random, 6);
			order[k] = k;
		}
		compared = rows_of;
		qsort(order, n, sizeof(uint32_t), compare_categories);
		for (uint32_t k = 0; k < n; k++)
		{
			if (k < 9)
				slow.group[slow.ngroups++] =
					(hpc_group){rows_of[order[k]], order[k]};
			else
				others += rows_of[order[k]];
		}
		slow.group[slow.ngroups++] = (hpc_group){others, -1};
		slow.group[slow.ngroups++] = (hpc_group){3, 0};
		nwrong += !hpc_group_categories(&memory.env, &fast, rows_of, n, 3) ||
				  !same_groups(&fast, &slow);
	}
	hpt_ok(nwrong == 0, "groups of categories are those of a sorted list");
}

/* ---------- groups of a model ---------- */

static int
nfeatures(const hpc_model *model)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	return summary.nfeatures;
}

/* Puts each row into its groups: are there as many as the model says? */
static void
check_features(const char *what, const hpc_model *model,
			   const hpt_table *table)
{
	hpc_model_summary summary;
	hpc_value values[HPT_MAX_COLUMNS];
	uint64_t rows[HPT_MAX_COLUMNS][HPC_MAX_GROUPS] = {{0}};
	int nwrong = 0;

	hpc_model_summarize(model, &summary);
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		hpt_model_values(model, table, row, values);
		for (int i = 0; i < summary.nfeatures && table->weight[row] > 0; i++)
			rows[i][hpc_model_group_of(model, i, &values[i])]++;
	}
	for (int i = 0; i < summary.nfeatures; i++)
	{
		int n = hpc_model_ngroups(model, i);

		nwrong += n < 2 || n > HPC_MAX_GROUPS;
		for (int group = 0; group < n; group++)
		{
			hpc_model_group shown;

			hpc_model_group_at(model, i, group, &shown);
			nwrong += shown.rows != rows[i][group] ||
					  hpc_model_group_rows(model, i, group) != shown.rows ||
					  (shown.kind == HPC_GROUP_MISSING) != (group == n - 1);
		}
	}
	hpt_ok(nwrong == 0, "%s: each row is in its groups", what);
}

/* A value that a group was made for lies in it. */
static void
check_labels(const hpc_model *model)
{
	hpc_model_summary summary;
	int nwrong = 0;

	hpc_model_summarize(model, &summary);
	for (int i = 0; i <= summary.nfeatures; i++)
	{
		int n = hpc_model_ngroups(model, i);

		for (int group = 0; group < n; group++)
		{
			hpc_model_group shown;
			hpc_value value = {0};

			hpc_model_group_at(model, i, group, &shown);
			value.missing = shown.kind == HPC_GROUP_MISSING;
			value.number = shown.upper;
			if (shown.kind == HPC_GROUP_RANGE)
				nwrong += !(shown.lower < shown.upper);
			if (shown.kind == HPC_GROUP_CATEGORY)
				value.bytes = hpc_model_category(model, i, shown.category,
												 &value.nbytes);
			if (shown.kind == HPC_GROUP_OTHERS)
			{
				value.bytes = "nowhere";
				value.nbytes = 7;
			}
			nwrong += hpc_model_group_of(model, i, &value) != group;
		}
	}
	hpt_ok(nwrong == 0, "what a group is called lies in it");
}

/* Rows with a number up to a bound. */
static uint64_t
count_up_to(const double *numbers, uint32_t n, double bound)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += numbers[i] <= bound;
	return count;
}

/*
 * The predictions out of bag of a forest, copies counted, and their ratios; the
 * sums of their trees are rounded otherwise than in training.
 */
static void
check_predictions(const char *what, const hpc_model *model,
				  const hpt_table *table)
{
	double *predictions = malloc(table->nrows * sizeof(double));
	double *ratios = malloc(table->nrows * sizeof(double));
	int at = nfeatures(model);
	int ngroups = hpc_model_ngroups(model, at);
	uint32_t n = 0;
	uint32_t nratios = 0;
	uint64_t rows = 0;
	int nwrong = 0;
	double expected;

	for (uint32_t row = 0; row < table->nrows; row++)
	{
		hpc_value values[HPT_MAX_COLUMNS];
		uint32_t codes[HPT_MAX_COLUMNS];

		hpt_model_values(model, table, row, values);
		if (table->weight[row] == 0 ||
			!hpc_model_predict_oob(model, values, table->target[row],
								   table->weight[row], codes, &predictions[n]))
			continue;
		if (table->target[row] > 0)
			ratios[nratios++] = predictions[n] / table->target[row];
		n++;
	}
	for (int group = 0; group < ngroups - 1; group++)
	{
		hpc_model_group shown;

		hpc_model_group_at(model, at, group, &shown);
		rows += shown.rows;
		nwrong +=
			rows < count_up_to(predictions, n, shown.upper * (1 - 1e-12)) ||
			rows > count_up_to(predictions, n, shown.upper * (1 + 1e-12));
	}
	hpt_ok(nwrong == 0 && ngroups == HPC_MAX_GROUPS && rows == n,
		   "%s: predictions out of bag are in their groups", what);
	qsort(ratios, nratios, sizeof(double), compare_numbers);
	expected = (ratios[(nratios - 1) / 2] + ratios[nratios / 2]) / 2;
	hpt_ok(fabs(hpc_model_held_ratio(model) / expected - 1) < 1e-12,
		   "%s: %.6f is the median ratio", what, expected);
	free(predictions);
	free(ratios);
}

static void
check_forest(const char *what, int log_target, bool mean)
{
	hpc_params params = hpt_params(20);
	hpt_memory memory;
	hpt_table table;
	hpc_model *model;
	size_t nbytes;

	params.log_target = log_target;
	params.retransform = mean ? HPC_RETRANSFORM_MEAN : HPC_RETRANSFORM_MEDIAN;
	hpt_table_houses(&table, 700, 3);
	hpt_table_weigh(&table, 3);
	for (uint32_t row = 0; row < 700; row += 9)
		hpt_table_repeat(&table, row);
	for (uint32_t row = 0; row < 700; row += 13)
		table.weight[row] = 0;
	if (log_target == 0)
		table.target[0] = table.target[1] = 0;
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	check_features(what, model, &table);
	check_labels(model);
	check_predictions(what, model, &table);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* More values than bins: groups follow the bins. */
static void
check_bins(const char *what, uint32_t nrows, int64_t max_bins)
{
	hpc_params params = hpt_params(1);
	hpt_memory memory;
	hpt_table table;
	hpc_model *model;
	size_t nbytes;
	uint64_t least = nrows;
	uint64_t greatest = 0;

	params.max_bins = max_bins;
	params.max_leaves = 10;
	hpt_table_numbers(&table, 2, nrows, UINT32_C(1) << 30, 3);
	for (uint32_t row = 0; row < nrows; row += 11)
		hpt_table_values(&table, row)[0] = hpt_missing();
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	check_features(what, model, &table);
	for (int group = 0; group < hpc_model_ngroups(model, 0) - 1; group++)
	{
		uint64_t rows = hpc_model_group_rows(model, 0, group);

		least = rows < least ? rows : least;
		greatest = rows > greatest ? rows : greatest;
	}
	hpt_ok(hpc_model_ngroups(model, 0) == HPC_MAX_GROUPS &&
			   (double) greatest / (double) least < 1.1,
		   "%s: %d to %d rows a group", what, (int) least, (int) greatest);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* Models that know nothing, or not everything. */
static void
check_unknown(void)
{
	hpc_params params = hpt_params(2);
	hpc_params members[2] = {hpt_params(9), hpt_params(9)};
	hpt_memory memory;
	hpt_table table;
	hpc_model *model;
	hpc_model *bare;
	hpc_value number = hpt_number(1);
	size_t nbytes;

	hpt_table_houses(&table, 300, 1);
	params.bag = false;
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	check_features("no bags", model, &table);
	hpt_ok(hpc_model_ngroups(model, nfeatures(model)) == 0 &&
			   isnan(hpc_model_held_ratio(model)),
		   "no predictions where no row was held out");
	bare = hpt_bare(model, &nbytes);
	hpt_ok(hpc_model_ngroups(bare, 0) == 0 &&
			   hpc_model_group_of(bare, 0, &number) == -1 &&
			   hpc_model_group_of(model, nfeatures(model), &number) == -1 &&
			   isnan(hpc_model_held_ratio(bare)),
		   "a model without the section says nothing");
	free(bare);
	hpt_release(&memory.env, model);

	hpc_params_init(&params, HPC_BLEND);
	params.leak = HPC_LEAK_ALLOW;
	params.members = members;
	params.nmembers = 2;
	members[1].log_target = 1;
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	check_features("a blend", model, &table);
	hpt_ok(hpc_model_ngroups(hpc_model_member(model, 0), 0) == 0 &&
			   hpc_model_ngroups(model, nfeatures(model)) == HPC_MAX_GROUPS &&
			   fabs(hpc_model_held_ratio(model) - 1) < 0.1,
		   "a blend speaks for its members");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- predictions held out ---------- */

/* Groups up to each tenth of rows[n], sorted; the last has no end. */
static void
slow_tenths(const double *rows, uint32_t n, hpc_groups *groups)
{
	uint32_t before = 0;

	groups->ngroups = 0;
	for (uint32_t i = 1; i <= HPC_VALUE_GROUPS; i++)
	{
		uint32_t end = (uint32_t) ceil(i * n / 10.0);

		while (end < n && rows[end] == rows[end - 1])
			end++;
		if (end > before)
			groups->group[groups->ngroups++] =
				(hpc_group){end - before, rows[end - 1]};
		before = end;
	}
	groups->group[groups->ngroups - 1].bound = INFINITY;
	groups->group[groups->ngroups++] = (hpc_group){0, 0};
}

/* A frame of rows, with copies, and what was predicted for some. */
static void
check_outcome(uint32_t few, bool logs)
{
	enum
	{
		N = 3000
	};
	static uint32_t count[N];
	static double target[N];
	static double prediction[N];
	static double rows[4 * N];
	static double ratios[4 * N];
	hpc_groups any[1];
	hpc_frame frame = {.nrows = N,
					   .nfeatures = 1,
					   .count = count,
					   .target = target,
					   .log_target = logs,
					   .groups = any};
	hpc_held held = {prediction, NULL, 0};
	hpc_training_record record = {.smearing = 2};
	hpt_random random = {few + 2 * (uint64_t) logs};
	hpt_memory memory;
	hpc_outcome outcome;
	hpc_groups expected;
	uint32_t n = 0;
	uint32_t nratios = 0;
	double ratio;

	record.settings.retransform = HPC_RETRANSFORM_MEAN;
	for (uint32_t i = 0; i < N; i++)
	{
		double value;

		count[i] = 1 + (uint32_t) hpt_random_below(&random, 4);
		target[i] = hpt_random_normal(&random);
		prediction[i] = few > 0 ? (double) hpt_random_below(&random, few)
								: hpt_random_normal(&random);
		value = logs ? hpc_exp(prediction[i]) * 2 : prediction[i];
		if (i % 5 == 0)
			prediction[i] = NAN;
		for (uint32_t j = 0; j < count[i] && i % 5 > 0; j++)
		{
			rows[n++] = value;
			if (logs || target[i] > 0)
				ratios[nratios++] =
					value / (logs ? hpc_exp(target[i]) : target[i]);
		}
	}
	qsort(rows, n, sizeof(double), compare_numbers);
	qsort(ratios, nratios, sizeof(double), compare_numbers);
	slow_tenths(rows, n, &expected);
	hpt_memory_init(&memory, 1);
	hpt_ok(hpc_outcome_measure(&memory.env, &frame, &held, &record,
							   &outcome) == HPC_OK &&
			   same_groups(&outcome.predictions, &expected),
		   "predictions are grouped as they are given");
	ratio = hpc_midpoint(ratios[(nratios - 1) / 2], ratios[nratios / 2]);
	hpt_ok(logs ? fabs(outcome.ratio / ratio - 1) < 1e-12
				: outcome.ratio == ratio,
		   "their ratio to the targets is %.6f in the middle", outcome.ratio);
	for (int i = 1; i <= 8; i++)
	{
		hpt_memory_init(&memory, 1);
		memory.fail_at = i;
		hpt_ok(hpc_outcome_measure(&memory.env, &frame, &held, &record,
								   &outcome) == HPC_NO_MEMORY &&
				   memory.nblocks == 0,
			   "no memory for block %d", i);
	}
	for (uint32_t i = 0; i < N; i++)
		prediction[i] = i % 2 == 0 ? NAN : -1;
	for (uint32_t i = 0; i < N; i++)
		target[i] = logs ? target[i] : -1;
	hpt_memory_init(&memory, 1);
	hpc_outcome_measure(&memory.env, &frame, &held, &record, &outcome);
	hpt_ok(outcome.predictions.ngroups == 2 && isnan(outcome.ratio) == !logs,
		   "one prediction for all, no ratio to what is not positive");
	for (uint32_t i = 0; i < N; i++)
		prediction[i] = NAN;
	hpc_outcome_measure(&memory.env, &frame, &held, &record, &outcome);
	hpt_ok(outcome.predictions.ngroups == 0 && isnan(outcome.ratio),
		   "nothing was predicted");
}

int
main(void)
{
	check_numbers();
	check_shares();
	check_categories();
	check_forest("a forest", 0, false);
	check_forest("a forest of logarithms", 1, false);
	check_forest("a forest of their means", 1, true);
	check_bins("100 bins", 5000, 100);
	check_bins("very many values", 70000, 0);
	check_unknown();
	for (int i = 0; i < 2; i++)
	{
		check_outcome(0, i == 1);
		check_outcome(1, i == 1);
		check_outcome(4, i == 1);
		check_outcome(40, i == 1);
	}
	return hpt_done();
}
