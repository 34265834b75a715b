/*
 * test_dependence.c
 *		Partial dependence against its definition, node by node and value by
 *		value, and against the mean over rows where both are the same; grids.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_table.h"

#define MAX_VALUES 128

/* ---------- the definition ---------- */

/* A tree's answer if only one feature is known. */
static double
answer(const hpc_model *model, uint32_t tree, uint32_t at, int feature,
	   const hpc_value *values)
{
	hpc_model_node node;
	hpc_model_node left;
	hpc_model_node right;
	double total;

	hpc_model_node_at(model, tree, at, &node);
	if (node.left == 0)
		return node.value;
	if (node.feature == feature)
		return answer(model, tree,
					  node.left + (hpt_model_goes_left(model, tree, at, values)
									   ? 0
									   : 1),
					  feature, values);
	hpc_model_node_at(model, tree, node.left, &left);
	hpc_model_node_at(model, tree, node.left + 1, &right);
	total = (double) left.cover + right.cover;
	return answer(model, tree, node.left, feature, values) * left.cover /
			   total +
		   answer(model, tree, node.left + 1, feature, values) * right.cover /
			   total;
}

/* Of the term alone, by predictions, which know nothing of means. */
static double
answer_of_terms(const hpc_model *model, int feature, const hpc_value *values)
{
	hpc_model_feature record;
	hpc_model_term term;
	double x = values[feature].number;
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	hpc_model_feature_at(model, feature, &record);
	hpc_model_term_at(model, feature, &term);
	if (record.kind != HPC_CATEGORY)
	{
		bool missing = values[feature].missing || isnan(x);

		x = missing ? term.fill : fmin(fmax(x, term.low), term.high);
		x = term.log1p ? hpc_log1p(x) : x;
		return summary.base + term.coefficient * (x - term.center) +
			   (missing ? term.missing : 0);
	}
	if (values[feature].missing)
		return summary.base + term.missing;
	for (uint32_t i = 0; i < record.ncategories; i++)
	{
		uint32_t nbytes;
		const char *bytes = hpc_model_category(model, feature, i, &nbytes);

		if (nbytes == values[feature].nbytes &&
			memcmp(bytes, values[feature].bytes, nbytes) == 0)
			return summary.base + term.levels[i];
	}
	return summary.base + term.unknown;
}

static double
back(const hpc_model_summary *summary, double raw)
{
	if (!summary->log_scale)
		return raw;
	raw = hpc_exp(raw);
	return summary->params.retransform == HPC_RETRANSFORM_MEAN
			   ? raw * summary->smearing
			   : raw;
}

static double
define(const hpc_model *model, int feature, const hpc_value *values)
{
	hpc_model_summary summary;
	double sum = 0;

	hpc_model_summarize(model, &summary);
	for (int i = 0; i < summary.nmembers; i++)
	{
		double its = define(hpc_model_member(model, i), feature, values);

		sum += summary.log_scale ? hpc_log(its) : its;
	}
	if (summary.nmembers > 0)
		return back(&summary, sum / summary.nmembers);
	if (summary.algorithm == HPC_LINEAR)
		return back(&summary, answer_of_terms(model, feature, values));
	for (uint32_t tree = 0; tree < summary.ntrees; tree++)
		sum += answer(model, tree, 0, feature, values);
	if (summary.algorithm == HPC_FOREST ||
		summary.algorithm == HPC_EXTRA_TREES)
		return back(&summary, sum / summary.ntrees);
	return back(&summary, summary.base + sum);
}

static double
distance(const hpc_model *model, int feature, const hpc_value *list, int n)
{
	hpt_memory memory;
	double found[MAX_VALUES];
	double worst = 0;

	hpt_memory_init(&memory, 1);
	if (hpc_model_dependence(&memory.env, model, feature, list, (uint32_t) n,
							 found) != HPC_OK ||
		memory.nblocks != 0)
		abort();
	for (int i = 0; i < n; i++)
	{
		hpc_value values[HPT_MAX_COLUMNS] = {{0}};
		double defined;
		double error;

		values[feature] = list[i];
		defined = define(model, feature, values);
		error = fabs(found[i] - defined) / (fabs(defined) + 1e-3);
		worst = error > worst ? error : worst;
	}
	return worst;
}

static double
worst_of_features(const hpc_model *model, hpt_random *random)
{
	hpc_model_summary summary;
	double worst = 0;

	hpc_model_summarize(model, &summary);
	for (int i = 0; i < summary.nfeatures; i++)
	{
		hpc_value list[MAX_VALUES];
		hpc_model_feature feature;
		double error;

		hpc_model_feature_at(model, i, &feature);
		for (int j = 0; j < MAX_VALUES; j++)
			list[j] = hpt_strange_value(random, &feature);
		error = distance(model, i, list, MAX_VALUES);
		worst = error > worst ? error : worst;
	}
	return worst;
}

static void
check_hand_made(void)
{
	hpt_random random = {61};

	for (int which = 0; which < HPT_HAND_MODELS; which++)
	{
		const char *name = NULL;
		double worst = 0;

		for (uint64_t seed = 0; seed < 20; seed++)
		{
			size_t nbytes;
			hpc_model *model = hpt_hand_sample(which, seed, &nbytes, &name);
			double error = worst_of_features(model, &random);

			worst = error > worst ? error : worst;
			free(model);
		}
		hpt_ok(worst < 1e-12, "%s: as defined, to %.1e", name, worst);
	}
}

static void
check_trained(void)
{
	hpc_params params = hpt_params(10);
	hpt_random random = {67};
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	double worst;

	params.min_leaf = 1;
	hpt_table_houses(&table, 300, 71);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	worst = worst_of_features(model, &random);
	hpt_ok(worst < 1e-12, "full trees of a training: as defined, to %.1e",
		   worst);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/*
 * One tree on every combination of two features: covers and rows say the same,
 * so that it is the mean prediction over the rows.
 */
static void
check_against_rows(void)
{
	hpc_params params = hpt_params(1);
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	hpc_value list[8];
	double found[8];
	double worst = 0;

	params.bag = false;
	params.min_leaf = 1;
	params.feature_fraction = 1;
	hpt_table_init(&table);
	hpt_table_column(&table, "a", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(&table, "b", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (int i = 0; i < 64; i++)
	{
		int a = i / 8;
		int b = i % 8;
		hpc_value *values = hpt_table_row(&table, a * a + 10 * b + a * b);

		values[0] = hpt_number(a);
		values[1] = hpt_number(b);
	}
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	for (int a = 0; a < 8; a++)
		list[a] = hpt_number(a);
	hpc_model_dependence(&memory.env, model, 0, list, 8, found);
	for (int a = 0; a < 8; a++)
	{
		double error = fabs(found[a] - (a * a + 10 * 3.5 + a * 3.5));

		worst = error > worst ? error : worst;
	}
	hpt_ok(worst < 1e-12, "as the mean over the rows");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

static void
check_huge(void)
{
	hpc_params params = hpt_params(7);
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	hpc_value value = hpt_number(1);
	double found;

	params.min_leaf = 1;
	hpt_table_numbers(&table, 2, 20, 20, 14);
	for (uint32_t row = 0; row < table.nrows; row++)
		table.target[row] = DBL_MAX;
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpc_model_dependence(&memory.env, model, 0, &value, 1, &found);
	hpt_ok(isfinite(found) && found > DBL_MAX * 0.999,
		   "leaves of the size of the largest double");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- grids ---------- */

/* Values ascend within the range, and no two are in the same cell. */
static bool
grid_is_good(const hpc_model *model, int feature, uint32_t max_points,
			 const double *grid, uint32_t n)
{
	hpc_model_feature record;
	hpc_model_view view;
	const hpc_feature_record *its;

	hpc_model_feature_at(model, feature, &record);
	hpc_model_open(model, &view);
	its = &view.features[feature];
	if (n > max_points || grid[0] != record.min || grid[n - 1] != record.max)
		return false;
	for (uint32_t i = 1; i < n; i++)
	{
		uint32_t nbetween = 0;

		for (uint32_t j = 0; j < its->nthresholds; j++)
		{
			double threshold = view.thresholds[its->first_threshold + j];

			nbetween += threshold >= grid[i - 1] && threshold < grid[i];
		}
		if (nbetween == 0 || !(grid[i] > grid[i - 1]) ||
			(n < max_points && nbetween != 1))
			return false;
	}
	return true;
}

static void
check_grids(void)
{
	static const uint32_t sizes[] = {2, 3, 20, 1000};
	hpc_params params = hpt_params(10);
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	hpc_model_summary summary;
	int nwrong = 0;
	int nchecked = 0;

	hpt_table_houses(&table, 300, 73);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpc_model_summarize(model, &summary);
	for (int i = 0; i < summary.nfeatures; i++)
	{
		hpc_model_feature feature;

		hpc_model_feature_at(model, i, &feature);
		if (feature.kind == HPC_CATEGORY || feature.nsplits == 0)
			continue;
		for (int j = 0; j < 4; j++, nchecked++)
		{
			double grid[1000];
			uint32_t n;

			if (hpc_model_grid(&memory.env, model, i, sizes[j], grid, &n) !=
				HPC_OK)
				abort();
			nwrong += !grid_is_good(model, i, sizes[j], grid, n);
		}
	}
	hpt_ok(nwrong == 0 && nchecked > 12, "%d grids", nchecked);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* Round numbers, where thresholds let them be; even steps without any. */
static void
check_round(void)
{
	hpc_params params = hpt_params(1);
	hpt_memory memory;
	hpt_table table;
	size_t nbytes;
	hpc_model *model;
	double grid[10];
	uint32_t n;

	params.bag = false;
	params.min_leaf = 1;
	hpt_table_init(&table);
	hpt_table_column(&table, "x", HPC_NUMBER, HPC_STORE_DOUBLE);
	for (int i = 0; i < 4; i++)
	{
		static const double x[] = {917, 1141, 1323, 2077.5};

		hpt_table_row(&table, i)[0] = hpt_number(x[i]);
	}
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpc_model_grid(&memory.env, model, 0, 10, grid, &n);
	hpt_ok(n == 4 && grid[0] == 917 && grid[1] == 1100 && grid[2] == 1500 &&
			   grid[3] == 2077.5,
		   "round numbers between thresholds");
	hpt_release(&memory.env, model);
	hpc_params_init(&params, HPC_LINEAR);
	params.leak = HPC_LEAK_ALLOW;
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpc_model_grid(&memory.env, model, 0, 5, grid, &n);
	hpt_ok(n == 5 && grid[0] == 917 && grid[1] == 1000 && grid[2] == 1500 &&
			   grid[3] == 2000 && grid[4] == 2077.5,
		   "round numbers at even steps");
	hpt_release(&memory.env, model);
	for (int i = 0; i < 4; i++)
		hpt_table_values(&table, (uint32_t) i)[0].number /= 10000;
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpc_model_grid(&memory.env, model, 0, 6, grid, &n);
	hpt_ok(n == 5 && grid[0] == 0.0917 && grid[1] == 0.1 && grid[2] == 0.15 &&
			   grid[3] == 0.2 && grid[4] == 0.20775,
		   "round parts of one");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- memory ---------- */

static void
check_memory(void)
{
	for (int which = 0; which < HPT_HAND_MODELS; which++)
	{
		const char *name;
		size_t nbytes;
		hpc_model *model = hpt_hand_sample(which, 1, &nbytes, &name);
		hpc_value value = hpt_number(3);
		hpc_status status = HPC_NO_MEMORY;
		int nwrong = 0;

		for (int64_t n = 1; status == HPC_NO_MEMORY; n++)
		{
			hpt_memory memory;
			double found;
			double grid[20];
			uint32_t npoints;

			hpt_memory_init(&memory, 1);
			memory.fail_at = n;
			status = hpc_model_grid(&memory.env, model, 0, 20, grid, &npoints);
			if (status == HPC_OK)
				status = hpc_model_dependence(&memory.env, model, 0, &value, 1,
											  &found);
			nwrong += memory.nblocks != 0;
		}
		hpt_ok(nwrong == 0 && status == HPC_OK, "%s: each allocation may fail",
			   name);
		free(model);
	}
}

int
main(void)
{
	check_hand_made();
	check_trained();
	check_against_rows();
	check_huge();
	check_grids();
	check_round();
	check_memory();
	return hpt_done();
}
