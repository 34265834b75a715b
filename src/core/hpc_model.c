/*
 * hpc_model.c
 *		Reading a model in place, and validating bytes of unknown origin.
 *
 * Validation is linear in the size of the model: every string, threshold,
 * node and set is looked at once.  What it accepts, prediction may follow
 * without a check.
 */
#include <math.h>
#include <string.h>

#include "hpc_dictionary.h"
#include "hpc_memory.h"
#include "hpc_model.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the model format is little-endian and used in place"
#endif

/* Bytes hashed between two questions whether to stop. */
#define BYTES_PER_POLL (1 << 20)

static const size_t element_size[HPC_KNOWN_SECTIONS + 1] = {
	[HPC_SECTION_TRAINING] = sizeof(hpc_training_record),
	[HPC_SECTION_FEATURES] = sizeof(hpc_feature_record),
	[HPC_SECTION_THRESHOLDS] = sizeof(double),
	[HPC_SECTION_CATEGORIES] = sizeof(hpc_string),
	[HPC_SECTION_TREES] = sizeof(uint32_t),
	[HPC_SECTION_NODES] = sizeof(hpc_node),
	[HPC_SECTION_COVERS] = sizeof(uint32_t),
	[HPC_SECTION_SETS] = sizeof(uint32_t),
	[HPC_SECTION_STRINGS] = 1,
};

static const void *
section_start(const hpc_model *model, hpc_section_kind kind, uint64_t *count)
{
	*count = 0;
	for (uint32_t i = 0; i < model->nsections; i++)
	{
		const hpc_section *section = &model->sections[i];

		if (section->kind != (uint32_t) kind)
			continue;
		*count = section->nbytes / element_size[kind];
		return (const char *) model + section->offset;
	}
	return NULL;
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

/* ---------- validation ---------- */

static hpc_status
corrupt(hpc_env *env, const char *what)
{
	hpc_fail(env, HPC_CORRUPT, "invalid model value");
	hpc_fail_detail(env, "Its %s.", what);
	return HPC_CORRUPT;
}

static bool
header_is_valid(const hpc_model *model, size_t nbytes)
{
	return nbytes >= sizeof(struct hpc_model) &&
		   model->magic == HPC_MODEL_MAGIC && model->nbytes == nbytes &&
		   nbytes % 8 == 0 && model->nsections <= HPC_MAX_SECTIONS &&
		   nbytes >= sizeof(struct hpc_model) +
						 model->nsections * sizeof(hpc_section);
}

/* Sections in order, side by side, of whole elements, known or optional. */
static bool
sections_are_valid(const hpc_model *model)
{
	uint64_t at =
		sizeof(struct hpc_model) + model->nsections * sizeof(hpc_section);
	uint32_t last_kind = 0;
	uint32_t nknown = 0;

	for (uint32_t i = 0; i < model->nsections; i++)
	{
		const hpc_section *section = &model->sections[i];
		bool known = section->kind <= HPC_KNOWN_SECTIONS;

		if (section->kind <= last_kind || section->offset != at ||
			section->nbytes > model->nbytes - at)
			return false;
		if (known ? section->nbytes % element_size[section->kind] != 0
				  : !(section->flags & HPC_SECTION_OPTIONAL))
			return false;
		nknown += known;
		last_kind = section->kind;
		at += (section->nbytes + 7) / 8 * 8;
		if (at > model->nbytes)
			return false;
	}
	return nknown == HPC_KNOWN_SECTIONS && at == model->nbytes;
}

/*
 * Is this the string that follows in STRINGS?  Strings lie side by side, in
 * the order in which they are checked, so that each byte is looked at once.
 */
static bool
next_string(const hpc_model_view *view, hpc_string string, uint64_t *at)
{
	const char *bytes = view->strings + *at;

	if (string.offset != *at || *at >= view->nstring_bytes ||
		string.nbytes >= view->nstring_bytes - *at ||
		bytes[string.nbytes] != '\0' ||
		memchr(bytes, '\0', string.nbytes) != NULL)
		return false;
	*at += (uint64_t) string.nbytes + 1;
	return true;
}

static bool
training_is_valid(const hpc_model *model, const hpc_model_view *view,
				  uint64_t *string_at)
{
	const hpc_training_record *training = view->training;
	uint64_t count;
	hpc_params params;
	hpc_model_summary summary;
	int nparameters;
	const hpc_parameter *table = hpc_parameter_table(&nparameters);

	section_start(model, HPC_SECTION_TRAINING, &count);
	if (count != 1 ||
		(training->algorithm != HPC_MEAN && training->algorithm != HPC_FOREST))
		return false;
	section_start(model, HPC_SECTION_TREES, &count);
	if (count != (uint64_t) training->ntrees + 1)
		return false;
	section_start(model, HPC_SECTION_COVERS, &count);
	if (count != view->nnodes || training->nrows == 0 ||
		!isfinite(training->target_min) || !isfinite(training->target_mean) ||
		!isfinite(training->target_max) ||
		!next_string(view, training->target, string_at) ||
		!next_string(view, training->params, string_at) ||
		!next_string(view, training->clean, string_at))
		return false;
	hpc_model_summarize(model, &summary);
	hpc_params_init(&params, summary.algorithm);
	for (int i = 0; i < nparameters; i++)
	{
		if ((table[i].type == HPC_NAMES || table[i].type == HPC_OBJECT) ||
			!(table[i].algorithms & 1u << summary.algorithm))
			continue;
		if (!hpc_params_set(&params, &table[i],
							hpc_params_get(&summary.params, &table[i])) &&
			hpc_params_get(&summary.params, &table[i]) != table[i].fallback)
			return false;
	}
	return true;
}

/* Do names and categories ascend strictly? */
static bool
strings_ascend(const hpc_model_view *view, hpc_string a, hpc_string b)
{
	return hpc_compare_bytes(view->strings + a.offset, a.nbytes,
							 view->strings + b.offset, b.nbytes) < 0;
}

static bool
thresholds_are_valid(const hpc_model_view *view,
					 const hpc_feature_record *feature)
{
	const double *thresholds = view->thresholds + feature->first_threshold;

	for (uint32_t i = 0; i < feature->nthresholds; i++)
	{
		if (isnan(thresholds[i]) ||
			(i > 0 && thresholds[i - 1] >= thresholds[i]))
			return false;
	}
	return true;
}

static bool
categories_are_valid(const hpc_model_view *view,
					 const hpc_feature_record *feature, uint64_t *string_at)
{
	const hpc_string *categories = view->categories + feature->first_category;

	for (uint32_t i = 0; i < feature->ncategories; i++)
	{
		if (!next_string(view, categories[i], string_at) ||
			(i > 0 && !strings_ascend(view, categories[i - 1], categories[i])))
			return false;
	}
	return true;
}

static bool
feature_is_valid(const hpc_model_view *view, const hpc_feature_record *feature,
				 uint64_t *string_at)
{
	bool category = feature->kind == HPC_CATEGORY;

	return feature->kind >= HPC_NUMBER && feature->kind <= HPC_TIME &&
		   feature->gain >= 0 && isfinite(feature->gain) &&
		   (category ? feature->nthresholds : feature->ncategories) == 0 &&
		   feature->nthresholds <=
			   view->nthresholds - feature->first_threshold &&
		   feature->ncategories <=
			   view->ncategories - feature->first_category &&
		   next_string(view, feature->name, string_at) &&
		   feature->name.nbytes > 0 && thresholds_are_valid(view, feature) &&
		   categories_are_valid(view, feature, string_at);
}

/* Features own adjacent ranges of thresholds, categories and strings. */
static bool
features_are_valid(const hpc_model_view *view, uint64_t *string_at)
{
	uint64_t threshold = 0;
	uint64_t category = 0;

	for (uint32_t i = 0; i < view->nfeatures; i++)
	{
		const hpc_feature_record *feature = &view->features[i];

		if (feature->first_threshold != threshold ||
			feature->first_category != category ||
			!feature_is_valid(view, feature, string_at))
			return false;
		if (i > 0 && !strings_ascend(view, feature[-1].name, feature->name))
			return false;
		threshold += feature->nthresholds;
		category += feature->ncategories;
	}
	return view->nfeatures <= UINT16_MAX && threshold == view->nthresholds &&
		   category == view->ncategories && *string_at == view->nstring_bytes;
}

static bool
node_is_valid(const hpc_model_view *view, const hpc_node *node, uint32_t place,
			  uint32_t nnodes)
{
	const hpc_feature_record *feature;

	if (node->left == 0)
	{
		double value;

		memcpy(&value, node->u.value, sizeof(value));
		return isfinite(value);
	}
	if (node->left <= place || node->left >= nnodes - 1 ||
		node->u.split.feature >= view->nfeatures ||
		(node->u.split.flags & ~HPC_NODE_MISSING_LEFT) != 0)
		return false;
	feature = &view->features[node->u.split.feature];
	if (feature->kind != HPC_CATEGORY)
		return node->u.split.cut < feature->nthresholds;
	return hpc_set_words(feature->ncategories) <= view->nset_words &&
		   node->u.split.cut <=
			   view->nset_words - hpc_set_words(feature->ncategories);
}

static bool
trees_are_valid(hpc_env *env, const hpc_model_view *view, bool *cancelled)
{
	uint32_t ntrees = view->training->ntrees;

	if (view->trees[0] != 0 || view->trees[ntrees] != view->nnodes)
		return false;
	for (uint32_t tree = 0; tree < ntrees; tree++)
	{
		uint32_t first = view->trees[tree];
		uint32_t nnodes = view->trees[tree + 1] - first;

		if (view->trees[tree + 1] <= first ||
			view->trees[tree + 1] > view->nnodes)
			return false;
		for (uint32_t i = 0; i < nnodes; i++)
		{
			if (!node_is_valid(view, &view->nodes[first + i], i, nnodes))
				return false;
		}
		*cancelled = hpc_cancelled(env);
		if (*cancelled)
			return false;
	}
	return true;
}

/* Are the bytes between the sections zero? */
static bool
padding_is_zero(const hpc_model *model)
{
	for (uint32_t i = 0; i < model->nsections; i++)
	{
		const char *end = (const char *) model + model->sections[i].offset +
						  model->sections[i].nbytes;
		size_t npadding = (size_t) (-(int64_t) model->sections[i].nbytes & 7);

		for (size_t j = 0; j < npadding; j++)
		{
			if (end[j] != 0)
				return false;
		}
	}
	return true;
}

hpc_status
hpc_model_validate(hpc_env *env, const void *bytes, size_t nbytes)
{
	const hpc_model *model = bytes;
	hpc_model_view view;
	hpc_digest digest;
	uint64_t string_at = 0;
	bool cancelled = false;

	if (!header_is_valid(model, nbytes))
		return corrupt(env, "header cannot be read");
	if (nbytes > HPC_MODEL_MAX_BYTES)
		return hpc_fail(env, HPC_LIMIT, "model is larger than %d MB",
						(int) (HPC_MODEL_MAX_BYTES >> 20));
	if (model->version != HPC_MODEL_VERSION)
	{
		hpc_fail(env, HPC_CORRUPT, "unknown model format version %u",
				 model->version);
		hpc_fail_hint(env, "The model was written by a newer version of "
						   "houseprice.");
		return HPC_CORRUPT;
	}
	if (!sections_are_valid(model) || !padding_is_zero(model))
		return corrupt(env, "section table cannot be read");
	if (!hpc_model_compute_digest(env, model, &digest))
		return HPC_CANCELLED;
	if (memcmp(&digest, &model->digest, sizeof(digest)) != 0)
		return corrupt(env, "digest does not match its content");
	hpc_model_open(model, &view);
	if (!training_is_valid(model, &view, &string_at))
		return corrupt(env, "training record is inconsistent");
	if (!features_are_valid(&view, &string_at))
		return corrupt(env, "list of features is inconsistent");
	if (!trees_are_valid(env, &view, &cancelled))
		return cancelled ? HPC_CANCELLED
						 : corrupt(env, "list of trees is inconsistent");
	return HPC_OK;
}

/* ---------- reading ---------- */

hpc_digest
hpc_model_digest(const hpc_model *model)
{
	return model->digest;
}

static const char *
text_of(const hpc_model_view *view, hpc_string string)
{
	return string.nbytes > 0 ? view->strings + string.offset : NULL;
}

static void
get_params(const hpc_training_record *training, hpc_params *params)
{
	memset(params, 0, sizeof(*params));
	params->algorithm = (hpc_algorithm) training->algorithm;
	params->trees = training->trees;
	params->features = training->features;
	params->feature_fraction = training->feature_fraction;
	params->max_depth = training->max_depth;
	params->min_leaf = training->min_leaf;
	params->max_leaves = training->max_leaves;
	params->max_bins = training->max_bins;
	params->bag = training->bag != 0;
	params->row_fraction = training->row_fraction;
	params->cat_smooth = training->cat_smooth;
	params->cat_min_rows = training->cat_min_rows;
	params->leak = training->leak;
	params->seed = training->seed;
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
	summary->nfeatures = (int) view.nfeatures;
	summary->ntrees = training->ntrees;
	summary->nnodes = view.nnodes;
	summary->nbytes = model->nbytes;
	summary->nrows = training->nrows;
	summary->nskipped = training->nskipped;
	summary->ndistinct = training->ndistinct;
	summary->data_digest = training->data_digest;
	summary->seed = training->seed;
	summary->target_min = training->target_min;
	summary->target_max = training->target_max;
	summary->target_mean = training->target_mean;
	summary->oob_rows = training->oob_rows;
	summary->oob_mae = training->oob_mae;
	summary->oob_rmse = training->oob_rmse;
	summary->oob_r2 = training->oob_r2;
	get_params(training, &summary->params);
	summary->texts.target = text_of(&view, training->target);
	summary->texts.params = text_of(&view, training->params);
	summary->texts.clean = text_of(&view, training->clean);
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
