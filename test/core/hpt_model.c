/*
 * hpt_model.c
 *		Models for tests: made by hand, read the slow way, of doubtful origin.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_calibrate.h"
#include "hpc_memory.h"
#include "hpt_model.h"
#include "hpt_section.h"
#include "hpt_table.h"

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

/* ---------- made by hand ---------- */

#define HAND_LEVELS 100

hpc_value
hpt_hand_level(uint32_t i)
{
	static char labels[HAND_LEVELS][8];
	char *label = labels[i % HAND_LEVELS];

	snprintf(label, sizeof(labels[0]), "l%02u", i % HAND_LEVELS);
	return (hpc_value){.bytes = label, .nbytes = 3};
}

/* Numbers need a name, a kind and a range. */
static void
add_number(hpt_hand *hand, const char *name, hpc_kind kind, double min,
		   double max)
{
	hpc_feature *feature = &hand->features[hand->frame.nfeatures++];

	feature->name = name;
	feature->kind = kind;
	feature->nvalues = isnan(min) ? 0 : 50;
	feature->nbins = feature->nvalues;
	feature->nmissing = isnan(min) ? hand->frame.ncopies : 7;
	feature->min = min;
	feature->max = max;
}

/* Categories have levels, in as many bins or in fewer. */
static void
add_category(hpt_hand *hand, const char *name, uint32_t nlevels,
			 uint32_t nbins)
{
	hpc_feature *feature = &hand->features[hand->frame.nfeatures++];
	hpc_env *env = &hand->memory.env;

	feature->name = name;
	feature->kind = HPC_CATEGORY;
	feature->nvalues = nlevels;
	feature->nbins = nbins;
	feature->min = feature->max = NAN;
	if (nbins < nlevels)
		feature->level_bin = hpc_alloc(env, nlevels, sizeof(uint32_t));
	for (uint32_t i = 0; i < nlevels; i++)
	{
		hpc_value level = hpt_hand_level(i);
		uint32_t code;

		hpc_dictionary_code(env, &feature->categories, level.bytes,
							level.nbytes, &code);
		if (feature->level_bin != NULL)
			feature->level_bin[i] = i * 7 % nbins;
	}
}

/* Groups of the hand's 1000 rows, of a feature that has nmissing. */
static void
group_feature(hpt_hand *hand, int index)
{
	const hpc_feature *feature = &hand->features[index];
	hpc_groups *groups = &hand->groups[index];
	uint32_t rows_of[HAND_LEVELS];
	double values[HAND_LEVELS];
	uint64_t left = hand->frame.ncopies - feature->nmissing;

	for (uint32_t i = 0; i < feature->nvalues; i++)
	{
		bool last = i + 1 == feature->nvalues;

		values[i] = feature->min + i;
		rows_of[i] = last ? (uint32_t) left : 10 + i * 7 % 5;
		left -= rows_of[i];
	}
	if (feature->kind == HPC_CATEGORY)
		hpc_group_categories(&hand->memory.env, groups, rows_of,
							 feature->nvalues, feature->nmissing);
	else
		hpc_group_numbers(groups, feature->kind, values, rows_of,
						  feature->nvalues, feature->nmissing);
}

void
hpt_hand_init(hpt_hand *hand, uint64_t seed)
{
	memset(hand, 0, sizeof(*hand));
	hpt_memory_init(&hand->memory, 1);
	hand->random.state = seed;
	hand->frame.features = hand->features;
	hand->frame.nrows = 900;
	hand->frame.ncopies = 1000;
	hand->frame.target_min = 1;
	hand->frame.target_max = 30;
	hand->frame.target_mean = 12.5;
	for (uint64_t i = 0; i < 5; i++)
		hand->words[i] = i * i + seed;
	hand->frame.sketch = (hpc_sketch){hand->words, 5, hand->words[4]};
	add_number(hand, "area", HPC_NUMBER, 0, 500);
	add_number(hand, "pool", HPC_BOOLEAN, 0, 1);
	add_number(hand, "sold", HPC_TIME, 1e14, 8e14);
	add_category(hand, "street", 40, 6);
	add_number(hand, "void", HPC_NUMBER, NAN, NAN);
	add_category(hand, "zone", 33, 33);
	hand->frame.groups = hand->groups;
	for (int i = 0; i < HPT_HAND_FEATURES; i++)
		group_feature(hand, i);
}

void
hpt_hand_free(hpt_hand *hand)
{
	for (int i = 0; i < HPT_HAND_FEATURES; i++)
	{
		hpc_dictionary_free(&hand->memory.env, &hand->features[i].categories);
		hpc_free(&hand->memory.env, hand->features[i].level_bin);
	}
}

static double
random_within(hpt_hand *hand, const hpc_feature *feature)
{
	double part = (double) hpt_random_below(&hand->random, 21) / 20;

	if (isnan(feature->min))
		return part;
	return feature->min + part * (feature->max - feature->min);
}

/* Splits a node: any feature, any cut, bits set where no code is. */
static void
split_node(hpt_hand *hand, hpc_tree_node *node)
{
	hpc_tree *tree = &hand->tree;
	uint64_t draw =
		hpt_random_below(&hand->random, (uint64_t) hand->frame.nfeatures);
	const hpc_feature *feature = &hand->features[draw];

	node->feature = (uint16_t) draw;
	node->missing_left = hpt_random_below(&hand->random, 2) == 1;
	node->gain = hpt_random_unit(&hand->random);
	node->left = tree->nnodes;
	node->threshold = random_within(hand, feature);
	node->at.set = tree->nset_words;
	for (int i = 0; i < HPT_HAND_WORDS; i++)
		tree->sets[tree->nset_words++] =
			(uint32_t) hpt_random_bits(&hand->random);
	for (uint32_t i = 0; i < 2; i++)
		tree->nodes[tree->nnodes++] =
			(hpc_tree_node){.value = hpt_random_normal(&hand->random)};
}

/* Rows of a node: one per leaf below. */
static void
count_covers(hpc_tree *tree)
{
	for (uint32_t i = tree->nnodes; i-- > 0;)
	{
		hpc_tree_node *node = &tree->nodes[i];

		node->cover = node->left == 0 ? 1
									  : tree->nodes[node->left].cover +
											tree->nodes[node->left + 1].cover;
	}
}

void
hpt_hand_grow(hpt_hand *hand, uint32_t nleaves)
{
	hpc_tree *tree = &hand->tree;

	tree->nodes = hand->nodes;
	tree->sets = hand->sets;
	tree->nset_words = 0;
	tree->nnodes = 1;
	tree->nodes[0] =
		(hpc_tree_node){.value = hpt_random_normal(&hand->random)};
	while (tree->nnodes < 2 * nleaves - 1)
	{
		uint64_t draw = hpt_random_below(&hand->random, tree->nnodes);

		if (tree->nodes[draw].left == 0)
			split_node(hand, &tree->nodes[draw]);
	}
	count_covers(tree);
}

static hpc_linear_term
random_term(hpt_hand *hand, const hpc_feature *feature)
{
	hpt_random *random = &hand->random;
	hpc_linear_term term = {.missing = hpt_random_normal(random),
							.unknown = hpt_random_normal(random)};

	if (feature->kind == HPC_CATEGORY)
		return term;
	term.log1p = feature->min >= 0 && hpt_random_below(random, 2) == 0;
	term.low = isnan(feature->min) ? 0 : feature->min;
	term.high = isnan(feature->max) ? 0 : feature->max;
	term.fill = (term.low + term.high) / 2;
	term.center = term.log1p != 0 ? hpc_log1p(term.fill) : term.fill;
	term.coefficient = hpt_random_normal(random) / (1 + fabs(term.center));
	return term;
}

/* Terms, with the levels of later features first. */
static hpc_status
write_terms(hpt_hand *hand, hpc_writer *writer)
{
	hpc_linear_term terms[HPT_HAND_FEATURES];
	double gain[HPT_HAND_FEATURES];
	double levels[2 * HAND_LEVELS];
	uint32_t nlevels = 0;

	for (int i = hand->frame.nfeatures; i-- > 0;)
	{
		const hpc_feature *feature = &hand->features[i];
		uint32_t n = feature->categories.nentries;

		terms[i] = random_term(hand, feature);
		terms[i].first_level = nlevels;
		gain[i] = i;
		while (n-- > 0)
			levels[nlevels++] = hpt_random_normal(&hand->random);
	}
	return hpc_writer_set_linear(&hand->memory.env, writer, terms, levels,
								 nlevels, gain);
}

/* Of 11 rows; in a buffer of its own. */
static const hpc_calibration_record *
hand_calibration(bool by_spread)
{
	static union
	{
		hpc_calibration_record record;
		char bytes[sizeof(hpc_calibration_record) + 2 * sizeof(hpc_knot) +
				   3 * sizeof(double)];
	} place;
	hpc_calibration_record *made = &place.record;
	hpc_knot *knots = (hpc_knot *) (made + 1);
	double *scores = (double *) (knots + 2);

	*made = (hpc_calibration_record){by_spread, 2, 3, 0, 11};
	knots[0] = (hpc_knot){-0.5, 1};
	knots[1] = (hpc_knot){1.5, 2};
	for (int i = 0; i < 3; i++)
		scores[i] = i;
	return made;
}

/* Of 11 rows, likewise. */
static const hpc_outcome *
hand_outcome(void)
{
	static hpc_outcome outcome;
	hpc_grouper grouper;

	hpc_grouper_begin(&grouper, &outcome.predictions, 11, 3);
	for (int i = 0; i < 3; i++)
		hpc_grouper_add(&grouper, i, i, i < 2 ? 4 : 3);
	hpc_grouper_end(&grouper, 0);
	outcome.ratio = 1.0625;
	return &outcome;
}

static hpc_status
write_parts(hpt_hand *hand, hpc_writer *writer, hpc_algorithm algorithm)
{
	static const int8_t signs[HPT_HAND_FEATURES] = {1, -1};
	bool trees = algorithm != HPC_MEAN && algorithm != HPC_LINEAR;
	hpc_status status = HPC_OK;

	if (algorithm == HPC_BOOST)
		hpc_writer_set_monotone(writer, signs);
	if (algorithm != HPC_MEAN)
		hpc_writer_set_outcome(writer, hand_outcome());
	if (algorithm == HPC_BOOST || algorithm == HPC_LINEAR)
		hpc_writer_set_base(writer, 2.5);
	if (algorithm == HPC_LINEAR)
		status = write_terms(hand, writer);
	for (uint32_t i = 0; i < 4 && trees && status == HPC_OK; i++)
	{
		hpt_hand_grow(hand, 13 - 4 * i);
		status = hpc_writer_add_tree(&hand->memory.env, writer, &hand->tree);
	}
	if (status == HPC_OK && algorithm != HPC_MEAN)
		status = hpc_writer_set_calibration(&hand->memory.env, writer,
											hand_calibration(algorithm ==
															 HPC_FOREST));
	return status;
}

static void
give_up(const hpt_hand *hand)
{
	printf("Bail out! %s\n", hand->memory.env.error.message);
	exit(1);
}

static const hpc_texts hand_texts = {"price", "{\"trees\": 3}", NULL, "sure"};

static hpc_model *
hand_blend(hpt_hand *hand, const hpc_params *params,
		   const hpc_training_record *record, size_t *nbytes)
{
	void *members[HPC_MAX_MEMBERS];
	void *model = NULL;
	const hpc_sketch sketch = hand->frame.sketch;

	hand->frame.sketch = (hpc_sketch){0};
	hand->frame.groups = NULL;
	for (int i = 0; i < params->nmembers; i++)
	{
		size_t ignored;

		members[i] = hpt_hand_model(hand, &params->members[i], &ignored);
	}
	hand->frame.sketch = sketch;
	hand->frame.groups = hand->groups;
	if (hpc_model_blend(&hand->memory.env, record, &hand_texts, &hand->frame,
						(const void *const *) members, params->nmembers,
						hand_calibration(false), hand_outcome(), &model,
						nbytes) != HPC_OK)
		give_up(hand);
	for (int i = 0; i < params->nmembers; i++)
		hpt_hand_release(hand, members[i]);
	return model;
}

hpc_model *
hpt_hand_model(hpt_hand *hand, const hpc_params *params, size_t *nbytes)
{
	hpc_env *env = &hand->memory.env;
	hpc_training_record record = {.nskipped = 3,
								  .smearing = 1.25,
								  .oob_rows = 11,
								  .oob_mae = 1,
								  .oob_rmse = 2,
								  .oob_r2 = NAN};
	hpc_writer *writer;
	void *model = NULL;

	hpc_model_record_params(params, &record);
	if (params->algorithm == HPC_BLEND)
		return hand_blend(hand, params, &record, nbytes);
	hand->frame.log_target = params->log_target == 1;
	writer = hpc_writer_create(env, &hand->frame);
	if (writer == NULL ||
		write_parts(hand, writer, params->algorithm) != HPC_OK ||
		hpc_writer_finish(env, writer, &record, &hand_texts, &model, nbytes) !=
			HPC_OK)
		give_up(hand);
	hpc_writer_free(env, writer);
	return model;
}

void
hpt_hand_release(hpt_hand *hand, void *model)
{
	hpc_free(&hand->memory.env, model);
}

/* One of two forests. */
static hpc_model *
merged_model(hpt_hand *hand, hpc_params *params, size_t *nbytes)
{
	hpc_env *env = &hand->memory.env;
	hpc_model *models[2];
	void *merged = NULL;

	for (int i = 0; i < 2; i++)
	{
		params->seed = 5 - i;
		models[i] = hpt_hand_model(hand, params, nbytes);
	}
	if (hpc_model_merge(env, (const hpc_model *const *) models, 2, &merged,
						nbytes) != HPC_OK)
		give_up(hand);
	for (int i = 0; i < 2; i++)
		hpt_hand_release(hand, models[i]);
	return merged;
}

hpc_model *
hpt_hand_sample(int which, uint64_t seed, size_t *nbytes, const char **name)
{
	static const struct
	{
		const char *name;
		hpc_algorithm algorithm;
		int log_target; /* of a blend: in how many members */
		int retransform;
	} samples[HPT_HAND_MODELS] = {
		{"mean", HPC_MEAN, 0, HPC_RETRANSFORM_MEDIAN},
		{"forest", HPC_FOREST, 0, HPC_RETRANSFORM_MEDIAN},
		{"extra trees", HPC_EXTRA_TREES, 1, HPC_RETRANSFORM_MEDIAN},
		{"boost", HPC_BOOST, 1, HPC_RETRANSFORM_MEAN},
		{"linear", HPC_LINEAR, 0, HPC_RETRANSFORM_MEAN},
		{"blend of logarithms", HPC_BLEND, 2, HPC_RETRANSFORM_MEAN},
		{"blend", HPC_BLEND, 1, HPC_RETRANSFORM_MEDIAN},
		{"merged forest", HPC_FOREST, 0, HPC_RETRANSFORM_MEDIAN},
	};
	hpc_params params;
	hpc_params members[2];
	hpt_hand hand;
	hpc_model *model;
	void *copy;

	for (int i = 0; i < 2; i++)
	{
		hpc_params_init(&members[i], i == 0 ? HPC_BOOST : HPC_LINEAR);
		members[i].log_target = i < samples[which].log_target;
		members[i].retransform = samples[which].retransform;
	}
	hpc_params_init(&params, samples[which].algorithm);
	params.log_target = samples[which].log_target;
	params.retransform = samples[which].retransform;
	if (params.algorithm == HPC_BLEND)
	{
		params.nmembers = 2;
		params.members = members;
	}
	hpt_hand_init(&hand, seed);
	model = which == HPT_HAND_MERGED ? merged_model(&hand, &params, nbytes)
									 : hpt_hand_model(&hand, &params, nbytes);
	copy = malloc(*nbytes);
	memcpy(copy, model, *nbytes);
	hpt_hand_release(&hand, model);
	hpt_hand_free(&hand);
	*name = samples[which].name;
	return copy;
}

hpc_value
hpt_strange_value(hpt_random *random, const hpc_model_feature *feature)
{
	static const double numbers[] = {0,       -0.0,   1,        -1e300,
									 DBL_MAX, 5e-324, INFINITY, -INFINITY,
									 NAN,     -NAN};
	static const char text[] = "\xff\xfe never seen, and rather long";
	hpc_value value = hpt_missing();

	if (hpt_random_below(random, 5) == 0)
		return value;
	value.missing = false;
	if (feature->kind == HPC_CATEGORY)
	{
		uint32_t label = (uint32_t) hpt_random_below(random, HAND_LEVELS);

		switch (hpt_random_below(random, 3))
		{
			case 0:
				return hpt_level(label);
			case 1:
				return hpt_hand_level(label);
			default:
				value.bytes = text;
				value.nbytes =
					(uint32_t) hpt_random_below(random, sizeof(text));
		}
	}
	else if (hpt_random_below(random, 2) == 0)
		value.number = numbers[hpt_random_below(random, 10)];
	else
		value.number = feature->min + (feature->max - feature->min) * 1.2 *
										  hpt_random_unit(random);
	return value;
}

void
hpt_strange_row(hpt_random *random, const hpc_model *model, hpc_value *values)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	for (int i = 0; i < summary.nfeatures; i++)
	{
		hpc_model_feature feature;

		hpc_model_feature_at(model, i, &feature);
		values[i] = hpt_strange_value(random, &feature);
	}
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

/* The child to which the row goes, or 0 from a leaf. */
static uint32_t
next_node(const hpc_model_view *view, uint32_t tree, uint32_t at,
		  const hpc_value *values)
{
	const hpc_node *node = view->nodes + view->trees[tree] + at;

	if (node->left == 0)
		return 0;
	return node->left + (goes_left(view, node, values) ? 0 : 1);
}

uint32_t
hpt_model_node(const hpc_model *model, uint32_t tree, const hpc_value *values,
			   uint32_t cover)
{
	hpc_model_view view;
	uint32_t at = 0;
	uint32_t next;

	hpc_model_open(model, &view);
	while ((next = next_node(&view, tree, at, values)) != 0 &&
		   view.covers[view.trees[tree] + next] >= cover)
		at = next;
	return at;
}

bool
hpt_model_passes(const hpc_model *model, uint32_t tree,
				 const hpc_value *values, uint32_t node)
{
	hpc_model_view view;
	uint32_t at = 0;
	bool passes = node == 0;

	hpc_model_open(model, &view);
	while ((at = next_node(&view, tree, at, values)) != 0)
		passes |= at == node;
	return passes;
}

bool
hpt_model_goes_left(const hpc_model *model, uint32_t tree, uint32_t node,
					const hpc_value *values)
{
	hpc_model_view view;

	hpc_model_open(model, &view);
	return goes_left(&view, &view.nodes[view.trees[tree] + node], values);
}

uint32_t
hpt_model_leaf(const hpc_model *model, uint32_t tree, const hpc_value *values)
{
	return hpt_model_node(model, tree, values, 0);
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

/* Mean of the trees, as distances from the first, or base and their sum. */
static double
slow_trees(const hpc_model *model, const hpc_model_view *view,
		   const hpc_value *values)
{
	double sum = view->training->base;
	double first;

	if (view->training->combine == HPC_COMBINE_SUM)
	{
		for (uint32_t tree = 0; tree < view->training->ntrees; tree++)
			sum += hpt_model_tree_value(model, tree, values);
		return sum;
	}
	first = hpt_model_tree_value(model, 0, values);
	for (uint32_t tree = 1; tree < view->training->ntrees; tree++)
		sum += hpt_model_tree_value(model, tree, values) - first;
	return first + sum / view->training->ntrees;
}

static double
slow_level(const hpc_model *model, const hpc_model_view *view, uint32_t i,
		   const hpc_value *value)
{
	const hpc_linear_term *term = &view->terms[i];

	if (value->missing)
		return term->missing;
	for (uint32_t j = 0; j < view->features[i].ncategories; j++)
	{
		uint32_t nbytes;
		const char *bytes = hpc_model_category(model, (int) i, j, &nbytes);

		if (nbytes == value->nbytes &&
			(nbytes == 0 || memcmp(bytes, value->bytes, nbytes) == 0))
			return view->levels[term->first_level + j];
	}
	return term->unknown;
}

static double
slow_terms(const hpc_model *model, const hpc_model_view *view,
		   const hpc_value *values)
{
	double sum = view->training->base;

	for (uint32_t i = 0; i < view->nfeatures; i++)
	{
		const hpc_linear_term *term = &view->terms[i];
		bool missing = values[i].missing || isnan(values[i].number);
		double x = missing ? term->fill : values[i].number;

		if (view->features[i].kind == HPC_CATEGORY)
		{
			sum += slow_level(model, view, i, &values[i]);
			continue;
		}
		x = fmin(fmax(x, term->low), term->high);
		if (term->log1p != 0)
			x = hpc_log1p(x);
		sum += term->coefficient * (x - term->center);
		sum += missing ? term->missing : 0;
	}
	return sum;
}

/* The mean of two or more, on the scale that the blend has. */
static double
slow_blend(const hpc_model *model, const hpc_model_summary *summary,
		   const hpc_value *values)
{
	double first = 0;
	double sum = 0;

	for (int i = 0; i < summary->nmembers; i++)
	{
		const hpc_model *member = hpc_model_member(model, i);
		double x = hpt_model_slow_predict(member, values);

		if (summary->log_scale)
			x = hpc_log(x);
		first = i == 0 ? x : first;
		sum += x - first;
	}
	return first + sum / summary->nmembers;
}

double
hpt_model_slow_predict(const hpc_model *model, const hpc_value *values)
{
	hpc_model_summary summary;
	hpc_model_view view;
	double raw;

	hpc_model_summarize(model, &summary);
	hpc_model_open(model, &view);
	if (summary.algorithm == HPC_BLEND)
		raw = slow_blend(model, &summary, values);
	else if (summary.algorithm == HPC_LINEAR)
		raw = slow_terms(model, &view, values);
	else
		raw = slow_trees(model, &view, values);
	if (!summary.log_scale)
		return raw;
	raw = hpc_exp(raw);
	return summary.params.retransform == HPC_RETRANSFORM_MEAN
			   ? raw * summary.smearing
			   : raw;
}

/* ---------- models of doubtful origin ---------- */

/* Every name, category and text from its first byte to its last. */
static uint64_t
read_strings(const hpc_model *model, const hpc_model_summary *summary)
{
	const char *const texts[] = {summary->texts.target, summary->texts.params,
								 summary->texts.clean, summary->texts.weight};
	uint64_t sum = 0;

	for (int i = 0; i < 4; i++)
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

/* Reads every node, term and level through the door. */
static uint64_t
read_learned(const hpc_model *model, const hpc_model_summary *summary)
{
	uint64_t sum = 0;

	for (uint32_t tree = 0; tree < summary->ntrees; tree++)
		for (uint32_t i = 0; i < hpc_model_tree_size(model, tree); i++)
		{
			hpc_model_node node;
			hpc_model_feature feature;

			hpc_model_node_at(model, tree, i, &node);
			sum += node.cover;
			if (node.left == 0)
				continue;
			hpc_model_feature_at(model, node.feature, &feature);
			for (uint32_t k = 0; node.set != NULL && k < feature.ncategories;
				 k++)
				sum += node.set[k / 32] >> (k % 32) & 1;
		}
	for (int i = 0; summary->algorithm == HPC_LINEAR && i < summary->nfeatures;
		 i++)
	{
		hpc_model_term term;
		hpc_model_feature feature;

		hpc_model_term_at(model, i, &term);
		hpc_model_feature_at(model, i, &feature);
		for (uint32_t k = 0;
			 feature.kind == HPC_CATEGORY && k < feature.ncategories; k++)
			sum += isfinite(term.levels[k]);
		sum += isfinite(term.coefficient);
	}
	return sum;
}

/* Intervals have the prediction inside, and grow with the coverage. */
static void
predict_intervals(const hpc_model *model, const hpc_predictor *predictor,
				  const hpc_value *values, uint32_t *codes, double predicted)
{
	static const double coverages[] = {1e-9, 0.3, 0.5, 0.9, 1 - 1e-9};
	hpc_interval last = {0, INFINITY, -INFINITY};

	for (int i = 0; i < 5 && hpc_model_has_intervals(model); i++)
	{
		hpc_interval interval;
		hpc_interval again;
		hpc_outlook outlook;

		hpc_model_predict_interval(model, values, coverages[i], codes,
								   &interval);
		hpc_model_outlook(predictor, model, values, codes, &outlook);
		hpc_outlook_interval(model, &outlook, coverages[i], &again);
		if (memcmp(&again, &interval, sizeof(again)) != 0)
			abort();
		if (interval.prediction != predicted || isnan(interval.lower) ||
			isnan(interval.upper) || !(interval.lower <= interval.upper) ||
			interval.lower > last.lower || interval.upper < last.upper)
			abort();
		last = interval;
	}
}

/* The first rows are likely, the others strange. */
static void
fill_row(const hpc_model *model, uint32_t turn, hpt_random *random,
		 hpc_value *values)
{
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	for (int i = 0; i < summary.nfeatures; i++)
	{
		hpc_model_feature feature;

		hpc_model_feature_at(model, i, &feature);
		values[i] = turn < 6 ? likely_value(model, i, turn)
							 : hpt_strange_value(random, &feature);
	}
}

/* Compares rows; each is like itself in all trees. */
static uint64_t
compare_rows(const hpc_model *model, const hpc_model_summary *summary)
{
	hpc_value *values =
		calloc((size_t) summary->nfeatures + 1, sizeof(hpc_value));
	hpt_random random = {6};
	hpt_memory memory;
	uint64_t sum = 0;

	hpt_memory_init(&memory, 1);
	for (uint32_t turn = 0; turn < 12; turn++)
	{
		hpc_proximity *proximity;
		uint64_t *trees;

		fill_row(model, turn, &random, values);
		if (hpc_proximity_create(&memory.env, model, values, &proximity) !=
			HPC_OK)
			abort();
		trees = calloc(hpc_proximity_nwords(proximity) + 1, sizeof(uint64_t));
		if (hpc_proximity_trees(proximity, values, trees) != summary->ntrees)
			abort();
		hpc_proximity_count(proximity, trees, 1);
		fill_row(model, turn + 1, &random, values);
		sum += hpc_proximity_trees(proximity, values, trees);
		if (hpc_proximity_share(proximity, trees) > 1)
			abort();
		free(trees);
		hpc_proximity_free(&memory.env, proximity);
	}
	free(values);
	return sum;
}

/*
 * Predicts rows, likely and strange ones; each has a finite prediction, and a
 * predictor agrees.
 */
static uint64_t
predict_rows(const hpc_model *model, const hpc_model_summary *summary)
{
	size_t nfeatures = (size_t) summary->nfeatures;
	hpc_value *values = calloc(nfeatures + 1, sizeof(hpc_value));
	uint32_t *codes = calloc(nfeatures + 1, sizeof(uint32_t));
	hpt_random random = {5};
	uint64_t sum = 0;
	hpt_memory memory;
	hpc_predictor *predictor;
	hpc_batch *batch;
	double alone[12];
	double together[12];

	hpt_memory_init(&memory, 1);
	if (hpc_predictor_create(&memory.env, model, &predictor) != HPC_OK ||
		hpc_batch_create(&memory.env, model, 12, &batch) != HPC_OK)
		abort();
	for (uint32_t turn = 0; turn < 12; turn++)
	{
		double predicted;
		double outside;

		fill_row(model, turn, &random, values);
		predicted = hpc_model_predict(model, values, codes);
		if (!isfinite(predicted) ||
			hpc_predictor_predict(predictor, model, values, codes) !=
				predicted)
			abort();
		alone[turn] = predicted;
		predict_intervals(model, predictor, values, codes, predicted);
		hpc_batch_add(&memory.env, batch, values);
		if (hpc_model_has_bags(model) &&
			hpc_model_predict_oob(model, values, turn, 1, codes, &outside) &&
			!isfinite(outside))
			abort();
		for (int i = 0; i < summary->nfeatures; i++)
			if (values[i].bytes != NULL && !values[i].missing)
				sum += hpc_model_knows(model, i, &values[i]);
		sum += hpc_model_row_hash(model, values, turn, 1).low;
		for (uint32_t tree = 0; tree < summary->ntrees; tree++)
			sum += hpt_model_leaf(model, tree, values);
	}
	if (hpc_batch_predict(&memory.env, batch, together) != HPC_OK ||
		memcmp(alone, together, sizeof(alone)) != 0)
		abort();
	hpc_batch_free(&memory.env, batch);
	hpc_predictor_free(&memory.env, predictor);
	free(values);
	free(codes);
	return sum;
}

/*
 * Explains rows by what is missing and what is not, and how predictions depend
 * on each feature: all of it is finite.  Trees that are none may be refused.
 */
static void
explain_rows(const hpc_model *model, const hpc_model_summary *summary)
{
	size_t nfeatures = (size_t) summary->nfeatures;
	hpc_value *values = calloc(nfeatures + 1, sizeof(hpc_value));
	double *contributions = calloc(nfeatures + 1, sizeof(double));
	hpt_memory memory;
	hpc_explainer *explainer;
	hpc_status status;

	hpt_memory_init(&memory, 1);
	status = hpc_explainer_create(&memory.env, model, &explainer);
	if (status != HPC_OK && status != HPC_CORRUPT)
		abort();
	for (uint32_t turn = 0; turn < 6; turn++)
	{
		double number = 0;

		for (int i = 0; i < summary->nfeatures; i++)
			values[i] = likely_value(model, i, turn);
		if (status == HPC_OK &&
			hpc_explainer_explain(&memory.env, explainer, model, values,
								  &number, contributions) != HPC_OK)
			abort();
		for (int i = 0; i < summary->nfeatures; i++)
		{
			if (!isfinite(number) || !isfinite(contributions[i]))
				abort();
			if (status == HPC_OK &&
				hpc_model_dependence(&memory.env, model, i, &values[i], 1,
									 &number) != HPC_OK)
				abort();
		}
	}
	hpc_explainer_free(&memory.env, explainer);
	if (memory.nblocks != 0)
		abort();
	free(contributions);
	free(values);
}

/* Grids of all features ascend. */
static void
read_grids(const hpc_model *model, const hpc_model_summary *summary)
{
	hpt_memory memory;

	hpt_memory_init(&memory, 1);
	for (int i = 0; i < summary->nfeatures; i++)
	{
		double grid[7];
		uint32_t n;

		if (hpc_model_grid(&memory.env, model, i, 7, grid, &n) != HPC_OK ||
			n > 7)
			abort();
		for (uint32_t j = 1; j < n; j++)
			if (!(grid[j - 1] <= grid[j]))
				abort();
	}
}

uint64_t
hpt_model_exercise(const hpc_model *model)
{
	hpc_model_summary summary;
	uint64_t sum;

	hpc_model_summarize(model, &summary);
	sum = read_strings(model, &summary);
	sum += strlen(hpc_algorithm_name(summary.algorithm));
	sum += read_learned(model, &summary);
	sum += predict_rows(model, &summary);
	sum += compare_rows(model, &summary);
	explain_rows(model, &summary);
	read_grids(model, &summary);
	sum += hpt_read_sections(model);
	for (int i = 0; i < summary.nmembers; i++)
		sum += hpt_model_exercise(hpc_model_member(model, i));
	return sum;
}

hpc_status
hpt_model_validate(const void *bytes, size_t nbytes)
{
	hpt_memory memory;
	void *exact = malloc(nbytes > 0 ? nbytes : 1);
	hpc_status status;

	memcpy(exact, bytes, nbytes);
	hpt_memory_init(&memory, 1);
	status = hpc_model_validate(&memory.env, exact, nbytes);
	if (status == HPC_OK)
		hpt_model_exercise(exact);
	free(exact);
	return status;
}

void
hpt_model_seal(hpc_model *model)
{
	hpc_env never_stops = {0};

	hpc_model_compute_digest(&never_stops, model, &model->digest);
}
