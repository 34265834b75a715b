/*
 * hpc_model.c
 *		Reading a valid model in place.
 */
#include <stddef.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_model.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the model format is little-endian and used in place"
#endif

/* No padding in what is written as it stands. */
_Static_assert(sizeof(hpc_settings) == 23 * 8, "settings have no padding");
_Static_assert(sizeof(hpc_training_record) == 160 + sizeof(hpc_settings),
			   "the training record has no padding");
_Static_assert(sizeof(hpc_feature_record) == 72, "nor has a feature");
_Static_assert(sizeof(hpc_linear_term) == 64, "nor has a term");
_Static_assert(sizeof(hpc_node) == 12, "nor has a node");
_Static_assert(sizeof(hpc_tree_key) == 16, "nor has a key");
_Static_assert(sizeof(hpc_calibration_record) == 24, "nor a calibration");
_Static_assert(sizeof(hpc_learner_record) == 8, "nor a learner");
_Static_assert(sizeof(hpc_drift_record) == 16, "nor groups");
_Static_assert(sizeof(hpc_drift_entry) == 8, "nor where they are");
_Static_assert(sizeof(hpc_group) == 16, "nor one of them");
_Static_assert(sizeof(hpc_sketch_record) == 16, "nor a sketch");
_Static_assert(HPC_MODEL_MAX_NODES *(sizeof(hpc_node) + sizeof(uint32_t)) ==
				   HPC_MODEL_MAX_BYTES,
			   "a node, and its cover");

/* Bytes hashed between two questions whether to stop. */
#define BYTES_PER_POLL (1 << 20)

/* Of a constant kind a constant, so that counting elements divides nothing. */
static inline size_t
element_size(hpc_section_kind kind)
{
	static const size_t size[HPC_KNOWN_SECTIONS + 1] = {
		[HPC_SECTION_TRAINING] = sizeof(hpc_training_record),
		[HPC_SECTION_FEATURES] = sizeof(hpc_feature_record),
		[HPC_SECTION_THRESHOLDS] = sizeof(double),
		[HPC_SECTION_CATEGORIES] = sizeof(hpc_string),
		[HPC_SECTION_TREES] = sizeof(uint32_t),
		[HPC_SECTION_NODES] = sizeof(hpc_node),
		[HPC_SECTION_COVERS] = sizeof(uint32_t),
		[HPC_SECTION_SETS] = sizeof(uint32_t),
		[HPC_SECTION_STRINGS] = 1,
		[HPC_SECTION_LINEAR] = sizeof(hpc_linear_term),
		[HPC_SECTION_LEVELS] = sizeof(double),
		[HPC_SECTION_MEMBERS] = 8,
	};

	return size[kind];
}

size_t
hpc_section_element(hpc_section_kind kind)
{
	return element_size(kind);
}

/* Known sections come first, in the order of their kinds, without a gap. */
static inline const void *
section_start(const hpc_model *model, hpc_section_kind kind, uint64_t *count)
{
	const hpc_section *section = &model->sections[kind - 1];

	*count = section->nbytes / element_size(kind);
	return (const char *) model + section->offset;
}

/* Those behind the known ones; unknown ones are skipped. */
static void
open_optional(const hpc_model *model, hpc_model_view *view)
{
	view->tree_keys = NULL;
	view->ntree_keys = 0;
	view->calibration = NULL;
	view->ncalibration_bytes = 0;
	view->learner = NULL;
	view->sketch = NULL;
	view->nsketch_bytes = 0;
	view->drift = NULL;
	view->ndrift_bytes = 0;
	for (uint32_t i = HPC_KNOWN_SECTIONS; i < model->nsections; i++)
	{
		const hpc_section *section = &model->sections[i];
		const void *start = (const char *) model + section->offset;

		switch (section->kind)
		{
			case HPC_SECTION_TREE_KEYS:
				view->tree_keys = start;
				view->ntree_keys = section->nbytes / sizeof(hpc_tree_key);
				break;
			case HPC_SECTION_CALIBRATION:
				view->calibration = start;
				view->ncalibration_bytes = section->nbytes;
				break;
			case HPC_SECTION_LEARNER:
				view->learner = start;
				break;
			case HPC_SECTION_DRIFT:
				view->drift = start;
				view->ndrift_bytes = section->nbytes;
				break;
			case HPC_SECTION_ROW_SKETCH:
				view->sketch = start;
				view->nsketch_bytes = section->nbytes;
				break;
			default:
				break;
		}
	}
}

void
hpc_model_open(const hpc_model *model, hpc_model_view *view)
{
	uint64_t count;

	view->training = section_start(model, HPC_SECTION_TRAINING, &count);
	view->features = section_start(model, HPC_SECTION_FEATURES, &count);
	view->nfeatures = (uint32_t) count;
	view->thresholds =
		section_start(model, HPC_SECTION_THRESHOLDS, &view->nthresholds);
	view->categories =
		section_start(model, HPC_SECTION_CATEGORIES, &view->ncategories);
	view->trees = section_start(model, HPC_SECTION_TREES, &count);
	view->nodes = section_start(model, HPC_SECTION_NODES, &view->nnodes);
	view->covers = section_start(model, HPC_SECTION_COVERS, &count);
	view->sets = section_start(model, HPC_SECTION_SETS, &view->nset_words);
	view->strings =
		section_start(model, HPC_SECTION_STRINGS, &view->nstring_bytes);
	view->terms = section_start(model, HPC_SECTION_LINEAR, &view->nterms);
	view->levels = section_start(model, HPC_SECTION_LEVELS, &view->nlevels);
	view->members = section_start(model, HPC_SECTION_MEMBERS, &count);
	view->nmember_bytes = count * element_size(HPC_SECTION_MEMBERS);
	open_optional(model, view);
}

hpc_tree_key
hpc_model_tree_key(const hpc_model_view *view, uint32_t tree)
{
	if (view->tree_keys != NULL)
		return view->tree_keys[tree];
	return (hpc_tree_key){view->training->settings.seed, tree, 0};
}

bool
hpc_model_compute_digest(hpc_env *env, const hpc_model *model,
						 hpc_digest *digest)
{
	static const hpc_digest zero;
	const char *bytes = (const char *) model;
	size_t at = offsetof(struct hpc_model, digest);
	hpc_sha256 sha;

	hpc_sha256_begin(&sha);
	hpc_sha256_add(&sha, bytes + sizeof(uint32_t), at - sizeof(uint32_t));
	hpc_sha256_add(&sha, &zero, sizeof(zero));
	at += sizeof(hpc_digest);
	while (at < model->nbytes)
	{
		size_t left = model->nbytes - at;
		size_t piece = left < BYTES_PER_POLL ? left : BYTES_PER_POLL;

		hpc_sha256_add(&sha, bytes + at, piece);
		at += piece;
		if (hpc_cancelled(env))
			return false;
	}
	*digest = hpc_sha256_end(&sha);
	return true;
}

_Static_assert(offsetof(struct hpc_model, digest) + sizeof(hpc_digest) ==
				   HPC_MODEL_HEAD,
			   "the head ends with the digest");

hpc_digest
hpc_model_digest(const hpc_model *model)
{
	return model->digest;
}

/* ---------- parameters ---------- */

void
hpc_model_record_params(const hpc_params *params, hpc_training_record *record)
{
	hpc_settings *settings = &record->settings;

	record->algorithm = params->algorithm;
#define RECORD(type, name) settings->name = params->name;
	HPC_SETTINGS(RECORD)
#undef RECORD
}

void
hpc_model_recorded_params(const hpc_training_record *record,
						  hpc_params *params)
{
	const hpc_settings *settings = &record->settings;

	memset(params, 0, sizeof(*params));
	params->algorithm = (hpc_algorithm) record->algorithm;
#define RECALL(type, name) params->name = settings->name;
	HPC_SETTINGS(RECALL)
#undef RECALL
}

/* ---------- summary ---------- */

static const char *
text_of(const hpc_model_view *view, hpc_string string)
{
	return string.nbytes > 0 ? view->strings + string.offset : NULL;
}

const hpc_model *
hpc_model_member(const hpc_model *model, int member)
{
	hpc_model_view view;
	const char *at;

	hpc_model_open(model, &view);
	at = view.members;
	while (member-- > 0)
		at += ((const hpc_model *) at)->nbytes;
	return (const hpc_model *) at;
}

static int
count_members(const hpc_model_view *view)
{
	int nmembers = 0;

	for (uint64_t at = 0; at < view->nmember_bytes; nmembers++)
		at += ((const hpc_model *) (view->members + at))->nbytes;
	return nmembers;
}

void
hpc_model_summarize(const hpc_model *model, hpc_model_summary *summary)
{
	hpc_model_view view;
	const hpc_training_record *training;

	hpc_model_open(model, &view);
	training = view.training;
	memset(summary, 0, sizeof(*summary));
	summary->algorithm = (hpc_algorithm) training->algorithm;
	summary->algorithm_version =
		view.learner != NULL ? view.learner->version : 1;
	summary->nfeatures = (int) view.nfeatures;
	summary->ntrees = training->ntrees;
	summary->nnodes = view.nnodes;
	summary->nbytes = model->nbytes;
	summary->nrows = training->nrows;
	summary->nskipped = training->nskipped;
	summary->ndistinct = training->ndistinct;
	summary->data_digest = training->data_digest;
	summary->seed = training->settings.seed;
	summary->target_min = training->target_min;
	summary->target_max = training->target_max;
	summary->target_mean = training->target_mean;
	summary->oob_rows = training->oob_rows;
	summary->oob_mae = training->oob_mae;
	summary->oob_rmse = training->oob_rmse;
	summary->oob_r2 = training->oob_r2;
	summary->log_scale = training->log_scale != 0;
	summary->base = training->base;
	summary->smearing = training->smearing;
	summary->nmembers = count_members(&view);
	summary->merged = view.tree_keys != NULL;
	hpc_model_recorded_params(training, &summary->params);
	summary->texts.target = text_of(&view, training->target);
	summary->texts.params = text_of(&view, training->params);
	summary->texts.clean = text_of(&view, training->clean);
	summary->texts.weight = text_of(&view, training->weight);
}

/* Of a blend by what its members read. */
static bool
feature_is_used(const hpc_model *model, int feature)
{
	hpc_model_view view;
	int nmembers;
	bool used;

	hpc_model_open(model, &view);
	nmembers = count_members(&view);
	used = nmembers == 0 &&
		   (view.nterms > 0 || view.features[feature].nsplits > 0);
	for (int i = 0; i < nmembers && !used; i++)
		used = feature_is_used(hpc_model_member(model, i), feature);
	return used;
}

void
hpc_model_feature_at(const hpc_model *model, int feature,
					 hpc_model_feature *out)
{
	hpc_model_view view;
	const hpc_feature_record *record;

	hpc_model_open(model, &view);
	record = &view.features[feature];
	out->name = view.strings + record->name.offset;
	out->kind = (hpc_kind) record->kind;
	out->ncategories = record->ncategories;
	out->nmissing = record->nmissing;
	out->min = record->min;
	out->max = record->max;
	out->gain = record->gain;
	out->nsplits = record->nsplits;
	out->used = feature_is_used(model, feature);
	out->monotone = record->monotone;
}

const char *
hpc_model_category(const hpc_model *model, int feature, uint32_t index,
				   uint32_t *nbytes)
{
	hpc_model_view view;
	hpc_string string;

	hpc_model_open(model, &view);
	string = view.categories[view.features[feature].first_category + index];
	*nbytes = string.nbytes;
	return view.strings + string.offset;
}

/* ---------- what was learned ---------- */

uint32_t
hpc_model_tree_size(const hpc_model *model, uint32_t tree)
{
	hpc_model_view view;

	hpc_model_open(model, &view);
	return view.trees[tree + 1] - view.trees[tree];
}

void
hpc_model_node_at(const hpc_model *model, uint32_t tree, uint32_t node,
				  hpc_model_node *out)
{
	hpc_model_view view;
	const hpc_feature_record *feature;
	const hpc_node *from;

	hpc_model_open(model, &view);
	from = &view.nodes[view.trees[tree] + node];
	memset(out, 0, sizeof(*out));
	out->left = from->left;
	out->cover = view.covers[view.trees[tree] + node];
	if (from->left == 0)
	{
		memcpy(&out->value, from->u.value, sizeof(double));
		return;
	}
	feature = &view.features[from->u.split.feature];
	out->feature = from->u.split.feature;
	out->missing_left = from->u.split.flags & HPC_NODE_MISSING_LEFT;
	if (from->u.split.flags & HPC_NODE_SET)
		out->set = view.sets + from->u.split.cut;
	else
		out->threshold =
			view.thresholds[feature->first_threshold + from->u.split.cut];
}

void
hpc_model_term_at(const hpc_model *model, int feature, hpc_model_term *out)
{
	hpc_model_view view;
	const hpc_linear_term *term;

	hpc_model_open(model, &view);
	term = &view.terms[feature];
	*out = (hpc_model_term){.log1p = term->log1p != 0,
							.fill = term->fill,
							.low = term->low,
							.high = term->high,
							.center = term->center,
							.coefficient = term->coefficient,
							.missing = term->missing,
							.unknown = term->unknown,
							.levels = view.levels + term->first_level};
}

/* ---------- the rows that it has seen ---------- */

bool
hpc_model_has_sketch(const hpc_model *model)
{
	hpc_model_view view;

	hpc_model_open(model, &view);
	return view.sketch != NULL;
}

hpc_sighting
hpc_model_sighting(const hpc_model *model, hpc_hash row)
{
	uint64_t word = hpc_sketch_word(row);
	uint32_t low = 0;
	uint32_t high;
	hpc_model_view view;
	const uint64_t *words;

	hpc_model_open(model, &view);
	if (view.sketch == NULL || word > view.sketch->limit)
		return HPC_NOT_SAMPLED;
	words = hpc_sketch_record_words(view.sketch);
	high = view.sketch->nwords;
	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (words[middle] < word)
			low = middle + 1;
		else
			high = middle;
	}
	return low < view.sketch->nwords && words[low] == word ? HPC_SEEN
														   : HPC_UNSEEN;
}
