/*
 * hpt_table.c
 *		Tables for the tests of the learner, and the models made from them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_model.h"
#include "hpt_table.h"

/* ---------- tables ---------- */

/* Memory of the tests themselves: running out ends the program. */
static void *
grab(void *ptr, size_t nbytes)
{
	void *block = realloc(ptr, nbytes > 0 ? nbytes : 1);

	if (block == NULL)
	{
		printf("Bail out! out of memory\n");
		exit(1);
	}
	return block;
}

void
hpt_table_init(hpt_table *table)
{
	memset(table, 0, sizeof(*table));
}

void
hpt_table_free(hpt_table *table)
{
	free(table->values);
	free(table->target);
	hpt_table_init(table);
}

void
hpt_table_column(hpt_table *table, const char *name, hpc_kind kind,
				 hpc_storage storage)
{
	table->columns[table->ncolumns++] =
		(hpc_column_spec){name, kind, storage,
						  kind == HPC_NUMBER && (storage == HPC_STORE_INT16 ||
												 storage == HPC_STORE_INT32)};
}

hpc_value
hpt_number(double number)
{
	return (hpc_value){.number = number};
}

hpc_value
hpt_missing(void)
{
	return (hpc_value){.missing = true};
}

hpc_value
hpt_level(uint32_t i)
{
	static char labels[HPT_LABELS][4];
	char *label = labels[i];
	hpc_value value = {.bytes = label};

	if (label[0] == '\0')
	{
		char reversed[4];
		uint32_t n = 0;
		uint32_t rest = i + 1;

		for (; rest > 0; rest = (rest - 1) / 26)
			reversed[n++] = (char) ('a' + (rest - 1) % 26);
		for (uint32_t j = 0; j < n; j++)
			label[j] = reversed[n - 1 - j];
	}
	value.nbytes = (uint32_t) strlen(label);
	return value;
}

hpc_value *
hpt_table_row(hpt_table *table, double target)
{
	size_t ncolumns = (size_t) table->ncolumns;
	hpc_value *row;

	if (table->nrows == table->max_rows)
	{
		table->max_rows = table->max_rows * 2 + 64;
		table->values = grab(table->values,
							 table->max_rows * ncolumns * sizeof(hpc_value));
		table->target = grab(table->target, table->max_rows * sizeof(double));
	}
	row = table->values + table->nrows * ncolumns;
	for (size_t i = 0; i < ncolumns; i++)
		row[i] = hpt_missing();
	table->target[table->nrows++] = target;
	return row;
}

/* Columns in an order that is not that of their names. */
static void
add_house_columns(hpt_table *table)
{
	hpt_table_init(table);
	hpt_table_column(table, "rooms", HPC_NUMBER, HPC_STORE_INT16);
	hpt_table_column(table, "area", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "zone", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(table, "street", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(table, "pool", HPC_BOOLEAN, HPC_STORE_INT16);
	hpt_table_column(table, "sold", HPC_TIME, HPC_STORE_DOUBLE);
	hpt_table_column(table, "ratio", HPC_NUMBER, HPC_STORE_FLOAT);
	hpt_table_column(table, "lot", HPC_NUMBER, HPC_STORE_INT32);
}

void
hpt_table_houses(hpt_table *table, uint32_t nrows, uint64_t seed)
{
	hpt_random random = {seed};

	add_house_columns(table);
	while (table->nrows < nrows)
	{
		double rooms = 1 + (double) hpt_random_below(&random, 9);
		double area = floor(30000 * hpt_random_unit(&random)) / 100;
		double lot = (double) hpt_random_below(&random, 100000);
		uint32_t zone = (uint32_t) hpt_random_below(&random, 7);
		uint32_t street = (uint32_t) (60 * hpt_random_unit(&random) *
									  hpt_random_unit(&random));
		bool pool = hpt_random_below(&random, 20) == 0;
		double price = 20000 + 9000 * rooms + 700 * area + 0.1 * lot +
					   15000 * (zone % 3) + (pool ? 30000 : 0) +
					   5000 * hpt_random_normal(&random);
		uint32_t copies = hpt_random_below(&random, 10) == 0 ? 3 : 1;
		hpc_value ratio = hpt_random_below(&random, 3) == 0
							  ? hpt_missing()
							  : hpt_number((float) hpt_random_unit(&random));
		hpc_value sold =
			hpt_number(floor(1e6 * hpt_random_unit(&random)) * 8.64e10);

		while (copies-- > 0 && table->nrows < nrows)
		{
			hpc_value *row = hpt_table_row(table, floor(price / 100) * 100);

			row[0] = hpt_number(rooms);
			row[1] = hpt_number(area);
			row[2] = zone == 6 ? hpt_missing() : hpt_level(zone);
			row[3] = hpt_level(street);
			row[4] = hpt_number(pool);
			row[5] = sold;
			row[6] = ratio;
			row[7] = hpt_number(lot);
		}
	}
}

void
hpt_table_numbers(hpt_table *table, int ncolumns, uint32_t nrows,
				  uint32_t nvalues, uint64_t seed)
{
	static const char *const names[] = {"x0", "x1", "x2", "x3", "x4", "x5"};
	hpt_random random = {seed};

	hpt_table_init(table);
	for (int i = 0; i < ncolumns; i++)
		hpt_table_column(table, names[i], HPC_NUMBER, HPC_STORE_DOUBLE);
	while (table->nrows < nrows)
	{
		hpc_value *row = hpt_table_row(table, 0);
		double sum = hpt_random_normal(&random);

		for (int i = 0; i < ncolumns; i++)
		{
			double x = (double) hpt_random_below(&random, nvalues) / 8;

			row[i] = hpt_number(x);
			sum += (i + 1) * x;
		}
		table->target[table->nrows - 1] = floor(sum * 1000) / 1000;
	}
}

void
hpt_table_shuffle(hpt_table *table, uint64_t seed)
{
	size_t row_size = (size_t) table->ncolumns * sizeof(hpc_value);
	hpt_random random = {seed};

	/* the same seed puts both in the same order */
	hpt_shuffle(&random, table->values, table->nrows, row_size);
	random.state = seed;
	hpt_shuffle(&random, table->target, table->nrows, sizeof(double));
}

void
hpt_table_reverse_columns(hpt_table *table)
{
	int n = table->ncolumns;

	for (int i = 0; i < n / 2; i++)
	{
		hpc_column_spec column = table->columns[i];

		table->columns[i] = table->columns[n - 1 - i];
		table->columns[n - 1 - i] = column;
	}
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		hpc_value *values = table->values + (size_t) row * (size_t) n;

		for (int i = 0; i < n / 2; i++)
		{
			hpc_value value = values[i];

			values[i] = values[n - 1 - i];
			values[n - 1 - i] = value;
		}
	}
}

/* ---------- into the core ---------- */

hpc_dataset *
hpt_table_dataset(hpc_env *env, const hpt_table *table)
{
	hpc_dataset *dataset;

	if (hpc_dataset_create(env, table->ncolumns, table->columns, &dataset) !=
		HPC_OK)
		return NULL;
	for (uint32_t row = 0; row < table->nrows; row++)
	{
		const hpc_value *values =
			table->values + (size_t) row * (size_t) table->ncolumns;

		if (hpc_dataset_append(env, dataset, values, table->target[row]) !=
			HPC_OK)
		{
			hpc_dataset_free(env, dataset);
			return NULL;
		}
	}
	return dataset;
}

hpc_status
hpt_table_frame(hpc_env *env, const hpt_table *table, uint32_t max_bins,
				hpt_framed *framed)
{
	hpc_status status;

	memset(framed, 0, sizeof(*framed));
	framed->dataset = hpt_table_dataset(env, table);
	if (framed->dataset == NULL)
		return env->error.status;
	status = hpc_frame_create(env, framed->dataset, max_bins, &framed->frame,
							  framed->unique_text);
	if (status != HPC_OK)
		hpt_framed_free(env, framed);
	return status;
}

void
hpt_framed_free(hpc_env *env, hpt_framed *framed)
{
	if (framed->frame != NULL)
		hpc_frame_free(env, framed->frame);
	hpc_dataset_free(env, framed->dataset);
	memset(framed, 0, sizeof(*framed));
}

hpc_params
hpt_params(int64_t trees)
{
	hpc_params params;

	hpc_params_init(&params, HPC_FOREST);
	params.trees = trees;
	params.feature_fraction = 0.5;
	params.min_leaf = 2;
	params.cat_smooth = 10;
	params.cat_min_rows = 5;
	params.leak = HPC_LEAK_ALLOW;
	params.seed = 42;
	return params;
}

hpc_status
hpt_table_train(hpc_env *env, const hpt_table *table, const hpc_params *params,
				hpc_result *result)
{
	const hpc_texts texts = {"price", "{\"trees\": 3}", NULL};
	hpc_dataset *dataset = hpt_table_dataset(env, table);
	hpc_status status;

	memset(result, 0, sizeof(*result));
	if (dataset == NULL)
		return env->error.status;
	status = hpc_train(env, dataset, params, &texts, result);
	hpt_release(env, result->findings);
	result->findings = NULL;
	result->nfindings = 0;
	hpc_dataset_free(env, dataset);
	return status;
}

void
hpt_release(hpc_env *env, void *block)
{
	hpc_free(env, block);
}

hpc_model *
hpt_table_model(hpt_memory *memory, const hpt_table *table,
				const hpc_params *params, int nthreads, size_t *nbytes)
{
	hpc_result result;
	hpc_status status;

	hpt_memory_init(memory, nthreads);
	status = hpt_table_train(&memory->env, table, params, &result);
	if (status != HPC_OK)
	{
		printf("Bail out! training failed: %s\n", memory->env.error.message);
		exit(1);
	}
	*nbytes = result.nbytes;
	return result.model;
}

const char *
hpt_digest(const hpc_model *model)
{
	static char hex[4][33];
	static int next;
	hpc_digest digest = hpc_model_digest(model);
	char *here = hex[next++ % 4];

	hpc_digest_to_hex(&digest, here);
	return here;
}

/* ---------- slow twins ---------- */

/* Is the value among the categories whose bit is set? */
static bool
in_set(const hpc_model_view *view, const hpc_feature_record *feature,
	   uint32_t set, const hpc_value *value, bool *found)
{
	*found = false;
	for (uint32_t i = 0; i < feature->ncategories; i++)
	{
		hpc_string category = view->categories[feature->first_category + i];

		if (category.nbytes != value->nbytes ||
			(value->nbytes > 0 && memcmp(view->strings + category.offset,
										 value->bytes, value->nbytes) != 0))
			continue;
		*found = true;
		return (view->sets[set + i / 32] & UINT32_C(1) << i % 32) != 0;
	}
	return false;
}

static bool
goes_left(const hpc_model_view *view, const hpc_node *node,
		  const hpc_value *values)
{
	const hpc_feature_record *feature = &view->features[node->u.split.feature];
	const hpc_value *value = &values[node->u.split.feature];
	bool missing_left = (node->u.split.flags & HPC_NODE_MISSING_LEFT) != 0;
	bool left;
	bool found;

	if (value->missing)
		return missing_left;
	if (feature->kind == HPC_CATEGORY)
	{
		left = in_set(view, feature, node->u.split.cut, value, &found);
		return found ? left : missing_left;
	}
	if (isnan(value->number))
		return missing_left;
	return value->number <=
		   view->thresholds[feature->first_threshold + node->u.split.cut];
}

uint32_t
hpt_model_leaf(const hpc_model *model, uint32_t tree, const hpc_value *values)
{
	hpc_model_view view;
	const hpc_node *nodes;
	uint32_t at = 0;

	hpc_model_open(model, &view);
	nodes = view.nodes + view.trees[tree];
	while (nodes[at].left != 0)
		at = nodes[at].left + (goes_left(&view, &nodes[at], values) ? 0 : 1);
	return at;
}

double
hpt_model_tree_value(const hpc_model *model, uint32_t tree,
					 const hpc_value *values)
{
	uint32_t leaf = hpt_model_leaf(model, tree, values);
	hpc_model_view view;
	double value;

	hpc_model_open(model, &view);
	memcpy(&value, view.nodes[view.trees[tree] + leaf].u.value, sizeof(value));
	return value;
}

void
hpt_model_values(const hpc_model *model, const hpt_table *table, uint32_t row,
				 hpc_value *values)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	for (int i = 0; i < summary.nfeatures; i++)
	{
		hpc_model_feature feature;
		int column = 0;

		hpc_model_feature_at(model, i, &feature);
		while (strcmp(table->columns[column].name, feature.name) != 0)
			column++;
		values[i] = table->values[(size_t) row * (size_t) table->ncolumns +
								  (size_t) column];
	}
}

/* ---------- models of doubtful origin ---------- */

/* Every name, category and text from its first byte to its last. */
static uint64_t
read_strings(const hpc_model *model, const hpc_model_summary *summary)
{
	const char *const texts[] = {summary->texts.target, summary->texts.params,
								 summary->texts.clean};
	uint64_t sum = 0;

	for (int i = 0; i < 3; i++)
		sum += texts[i] != NULL ? strlen(texts[i]) : 0;
	for (int i = 0; i < summary->nfeatures; i++)
	{
		hpc_model_feature feature;

		hpc_model_feature_at(model, i, &feature);
		sum += strlen(feature.name) + strlen(hpc_kind_name(feature.kind));
		for (uint32_t j = 0; j < feature.ncategories; j++)
		{
			uint32_t nbytes;
			const char *bytes = hpc_model_category(model, i, j, &nbytes);

			for (uint32_t k = 0; k <= nbytes; k++)
				sum += (uint8_t) bytes[k];
		}
	}
	return sum;
}

/* A value from the model's own range, or missing. */
static hpc_value
likely_value(const hpc_model *model, int index, uint32_t turn)
{
	hpc_model_feature feature;
	hpc_value value = hpt_missing();

	hpc_model_feature_at(model, index, &feature);
	if (turn == 0)
		return value;
	value.missing = false;
	if (feature.kind != HPC_CATEGORY)
		value.number = turn == 1   ? feature.min
					   : turn == 2 ? feature.max
								   : feature.min * 0.5 + feature.max * 0.5;
	else if (feature.ncategories > 0)
		value.bytes =
			hpc_model_category(model, index, turn % feature.ncategories,
							   &value.nbytes);
	else
		value.bytes = "";
	return value;
}

uint64_t
hpt_model_exercise(const hpc_model *model)
{
	hpc_model_summary summary;
	hpc_value *values;
	uint32_t *codes;
	uint64_t sum;

	hpc_model_summarize(model, &summary);
	sum = read_strings(model, &summary);
	sum += strlen(hpc_algorithm_name(summary.algorithm));
	values = grab(NULL, (size_t) summary.nfeatures * sizeof(hpc_value));
	codes = grab(NULL, (size_t) summary.nfeatures * sizeof(uint32_t));
	for (uint32_t turn = 0; turn < 6; turn++)
	{
		for (int i = 0; i < summary.nfeatures; i++)
			values[i] = likely_value(model, i, turn);
		sum += hpc_model_predict(model, values, codes) > 0;
		sum += hpc_model_row_hash(model, values, turn).low;
		for (uint32_t tree = 0; tree < summary.ntrees; tree++)
			sum += hpt_model_leaf(model, tree, values);
	}
	free(values);
	free(codes);
	return sum;
}

void
hpt_model_seal(hpc_model *model)
{
	hpc_env never_stops = {0};

	hpc_model_compute_digest(&never_stops, model, &model->digest);
}
