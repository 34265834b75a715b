/*
 * hpc_validate.c
 *		Is this a model?  Bytes of unknown origin, looked at once.
 *
 * Validation is linear in the size of the model: every string, threshold,
 * node, set and term is looked at once, and the bytes of a blend's members
 * are hashed twice, for their own digest and for the blend's.  What it
 * accepts, prediction may follow without a check.  The invariants are listed
 * in hpc_model.h.
 */
#include <math.h>
#include <string.h>

#include "hpc_dictionary.h"
#include "hpc_drift.h"
#include "hpc_memory.h"

/* A model that is being looked at. */
typedef struct checker
{
	hpc_env *env;
	const hpc_model *model;
	hpc_model_view view;
	uint64_t string_at; /* strings up to here are owned */
	bool cancelled;     /* a check failed because env asked to stop */
	uint64_t *claimed;  /* bit per pair of nodes: it has a parent */
} checker;

static hpc_status
corrupt(hpc_env *env, const char *what)
{
	hpc_fail(env, HPC_CORRUPT, "invalid model value");
	hpc_fail_detail(env, "Its %s.", what);
	return HPC_CORRUPT;
}

/* In a loop over i: asked to stop? */
static bool
stopped(checker *check, uint64_t i)
{
	check->cancelled = hpc_poll(check->env, i);
	return check->cancelled;
}

/* ---------- header and sections ---------- */

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
		if (known ? section->nbytes % hpc_section_element(section->kind) != 0
				  : !(section->flags & HPC_SECTION_OPTIONAL))
			return false;
		if ((section->kind == HPC_SECTION_TREE_KEYS &&
			 section->nbytes % sizeof(hpc_tree_key) != 0) ||
			(section->kind == HPC_SECTION_LEARNER &&
			 section->nbytes != sizeof(hpc_learner_record)))
			return false;
		nknown += known;
		last_kind = section->kind;
		at += (section->nbytes + 7) / 8 * 8;
		if (at > model->nbytes)
			return false;
	}
	return nknown == HPC_KNOWN_SECTIONS && at == model->nbytes;
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

/*
 * Is this the string that follows in STRINGS?  Strings lie side by side, in
 * the order in which they are checked, so that each byte is looked at once.
 */
static bool
next_string(checker *check, hpc_string string)
{
	uint64_t at = check->string_at;
	uint64_t end = check->view.nstring_bytes;
	const char *bytes = check->view.strings + at;

	if (string.offset != at || at >= end || string.nbytes >= end - at ||
		bytes[string.nbytes] != '\0' ||
		memchr(bytes, '\0', string.nbytes) != NULL)
		return false;
	check->string_at += (uint64_t) string.nbytes + 1;
	return true;
}

/* ---------- the training record ---------- */

static bool
has_section(const hpc_model *model, hpc_section_kind kind, uint64_t count)
{
	return model->sections[kind - 1].nbytes ==
		   count * hpc_section_element(kind);
}

/* All trees have keys, or none. */
static bool
keys_are_valid(const hpc_model_view *view)
{
	uint32_t algorithm = view->training->algorithm;

	if (view->tree_keys == NULL)
		return true;
	if ((algorithm != HPC_FOREST && algorithm != HPC_EXTRA_TREES) ||
		view->ntree_keys != view->training->ntrees)
		return false;
	for (uint64_t i = 0; i < view->ntree_keys; i++)
	{
		if (view->tree_keys[i].reserved != 0)
			return false;
	}
	return true;
}

static bool
learner_is_valid(const hpc_learner_record *learner)
{
	return learner == NULL || (learner->version > 0 && learner->reserved == 0);
}

static bool
knots_are_valid(const hpc_calibration_record *calibration)
{
	const hpc_knot *knots = hpc_calibration_knots(calibration);

	for (uint32_t i = 0; i < calibration->nknots; i++)
	{
		if (!isfinite(knots[i].at) || !isfinite(knots[i].scale) ||
			knots[i].scale <= 0 || (i > 0 && knots[i].at <= knots[i - 1].at))
			return false;
	}
	return calibration->nknots > 0;
}

static bool
scores_are_valid(checker *check, const hpc_calibration_record *calibration)
{
	const double *scores = hpc_calibration_scores(calibration);

	for (uint32_t i = 0; i < calibration->nscores; i++)
	{
		if (!isfinite(scores[i]) || scores[i] < (i > 0 ? scores[i - 1] : 0) ||
			stopped(check, i))
			return false;
	}
	return calibration->nscores > 0 &&
		   calibration->nscores <= calibration->nrows;
}

static bool
calibration_is_valid(checker *check)
{
	const hpc_model_view *view = &check->view;
	const hpc_calibration_record *calibration = view->calibration;
	uint64_t nbytes = sizeof(hpc_calibration_record);

	if (calibration == NULL)
		return true;
	if (view->ncalibration_bytes < nbytes)
		return false;
	nbytes += calibration->nknots * (uint64_t) sizeof(hpc_knot) +
			  calibration->nscores * (uint64_t) sizeof(double);
	return view->ncalibration_bytes == nbytes && calibration->reserved == 0 &&
		   calibration->nrows <= view->training->nrows &&
		   calibration->by_spread <=
			   (view->training->algorithm == HPC_FOREST ||
				view->training->algorithm == HPC_EXTRA_TREES) &&
		   knots_are_valid(calibration) &&
		   scores_are_valid(check, calibration);
}

static bool
sketch_is_valid(const hpc_model_view *view)
{
	const hpc_sketch_record *sketch = view->sketch;
	const uint64_t *words;
	uint64_t nbytes = sizeof(hpc_sketch_record);

	if (sketch == NULL)
		return true;
	if (view->nsketch_bytes < nbytes || sketch->nwords == 0 ||
		sketch->nwords > HPC_SKETCH_WORDS ||
		view->nsketch_bytes != nbytes + sketch->nwords * sizeof(uint64_t))
		return false;
	words = hpc_sketch_record_words(sketch);
	for (uint32_t i = 1; i < sketch->nwords; i++)
	{
		if (words[i] <= words[i - 1])
			return false;
	}
	return view->nfeatures > 0 && sketch->reserved == 0 &&
		   sketch->nwords <= view->training->ndistinct &&
		   (sketch->limit == HPC_SKETCH_COMPLETE ||
			sketch->limit == words[sketch->nwords - 1]);
}

/* Does the model hold what its algorithm has, and nothing else? */
static bool
parts_are_valid(const checker *check)
{
	const hpc_model_view *view = &check->view;
	const hpc_training_record *training = view->training;
	bool linear = training->algorithm == HPC_LINEAR;
	bool blend = training->algorithm == HPC_BLEND;
	bool mean_of_trees = training->algorithm == HPC_FOREST ||
						 training->algorithm == HPC_EXTRA_TREES;
	bool no_trees = training->algorithm == HPC_MEAN || linear || blend;

	return (no_trees ? training->ntrees == 0
					 : training->ntrees > 0 || !mean_of_trees) &&
		   has_section(check->model, HPC_SECTION_TREES,
					   (uint64_t) training->ntrees + 1) &&
		   has_section(check->model, HPC_SECTION_COVERS, view->nnodes) &&
		   view->nterms == (linear ? view->nfeatures : 0) &&
		   (linear || view->nlevels == 0) &&
		   (view->nmember_bytes > 0) == blend && keys_are_valid(view) &&
		   learner_is_valid(view->learner) &&
		   training->combine ==
			   (mean_of_trees || blend ? HPC_COMBINE_MEAN : HPC_COMBINE_SUM);
}

static bool
settings_are_valid(const hpc_training_record *training)
{
	hpc_training_record again = *training;
	hpc_params recorded;
	hpc_params params;
	int nparameters;
	const hpc_parameter *table = hpc_parameter_table(&nparameters);

	hpc_model_recorded_params(training, &recorded);
	hpc_params_init(&params, recorded.algorithm);
	for (int i = 0; i < nparameters; i++)
	{
		double value;

		if ((table[i].algorithms & 1u << training->algorithm) == 0 ||
			!hpc_parameter_is_scalar(&table[i]))
			continue;
		value = hpc_params_get(&recorded, &table[i]);
		if (!hpc_params_set(&params, &table[i], value) &&
			value != table[i].fallback)
			return false;
	}

	/* booleans are 0 or 1 */
	hpc_model_record_params(&recorded, &again);

	/* bit for bit: minus zero is not zero; 8 bytes each, so no padding */
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	return memcmp(&again.settings, &training->settings,
				  sizeof(hpc_settings)) == 0;
}

static bool
scale_is_valid(const hpc_training_record *training)
{
	if (training->log_scale > 1 ||
		(training->combine == HPC_COMBINE_MEAN && training->base != 0))
		return false;
	if (training->algorithm == HPC_MEAN && training->log_scale != 0)
		return false;
	if (training->algorithm != HPC_MEAN && training->algorithm != HPC_BLEND &&
		training->settings.log_target != (int64_t) training->log_scale)
		return false;
	return isfinite(training->base) && isfinite(training->smearing) &&
		   training->smearing > 0 &&
		   (training->log_scale != 0 || training->smearing == 1);
}

static bool
training_is_valid(checker *check)
{
	const hpc_training_record *training = check->view.training;

	return has_section(check->model, HPC_SECTION_TRAINING, 1) &&
		   training->algorithm >= HPC_MEAN &&
		   training->algorithm < HPC_NALGORITHMS && training->nrows > 0 &&
		   isfinite(training->target_min) && isfinite(training->target_mean) &&
		   isfinite(training->target_max) && parts_are_valid(check) &&
		   settings_are_valid(training) && scale_is_valid(training) &&
		   next_string(check, training->target) &&
		   next_string(check, training->params) &&
		   next_string(check, training->clean) &&
		   next_string(check, training->weight);
}

/* ---------- features ---------- */

/* Do names and categories ascend strictly? */
static bool
strings_ascend(const hpc_model_view *view, hpc_string a, hpc_string b)
{
	return hpc_compare_bytes(view->strings + a.offset, a.nbytes,
							 view->strings + b.offset, b.nbytes) < 0;
}

static bool
thresholds_are_valid(checker *check, const hpc_feature_record *feature)
{
	const double *thresholds =
		check->view.thresholds + feature->first_threshold;

	for (uint32_t i = 0; i < feature->nthresholds; i++)
	{
		if (isnan(thresholds[i]) ||
			(i > 0 && thresholds[i - 1] >= thresholds[i]) || stopped(check, i))
			return false;
	}
	return true;
}

static bool
categories_are_valid(checker *check, const hpc_feature_record *feature)
{
	const hpc_string *categories =
		check->view.categories + feature->first_category;

	for (uint32_t i = 0; i < feature->ncategories; i++)
	{
		if (!next_string(check, categories[i]) ||
			(i > 0 && !strings_ascend(&check->view, categories[i - 1],
									  categories[i])) ||
			stopped(check, i))
			return false;
	}
	return true;
}

static bool
feature_is_valid(checker *check, const hpc_feature_record *feature)
{
	static const uint8_t zeros[sizeof(feature->reserved)];
	const hpc_model_view *view = &check->view;
	bool category = feature->kind == HPC_CATEGORY;

	return feature->kind >= HPC_NUMBER && feature->kind <= HPC_TIME &&
		   feature->gain >= 0 && isfinite(feature->gain) &&
		   feature->monotone >= -1 && feature->monotone <= 1 &&
		   memcmp(feature->reserved, zeros, sizeof(zeros)) == 0 &&
		   (category ? feature->nthresholds : feature->ncategories) == 0 &&
		   feature->nthresholds <=
			   view->nthresholds - feature->first_threshold &&
		   feature->ncategories <=
			   view->ncategories - feature->first_category &&
		   next_string(check, feature->name) && feature->name.nbytes > 0 &&
		   thresholds_are_valid(check, feature) &&
		   categories_are_valid(check, feature);
}

/* Features own adjacent ranges of thresholds, categories and strings. */
static bool
features_are_valid(checker *check)
{
	const hpc_model_view *view = &check->view;
	uint64_t threshold = 0;
	uint64_t category = 0;

	for (uint32_t i = 0; i < view->nfeatures; i++)
	{
		const hpc_feature_record *feature = &view->features[i];

		if (feature->first_threshold != threshold ||
			feature->first_category != category ||
			!feature_is_valid(check, feature))
			return false;
		if (i > 0 && !strings_ascend(view, feature[-1].name, feature->name))
			return false;
		threshold += feature->nthresholds;
		category += feature->ncategories;
	}
	return view->nfeatures <= UINT16_MAX && threshold == view->nthresholds &&
		   category == view->ncategories &&
		   check->string_at == view->nstring_bytes;
}

/* ---------- trees ---------- */

static bool
split_is_valid(const hpc_model_view *view, const hpc_node *node)
{
	const hpc_feature_record *feature;
	uint32_t words;

	if (node->u.split.feature >= view->nfeatures ||
		(node->u.split.flags & ~(HPC_NODE_MISSING_LEFT | HPC_NODE_SET)) != 0)
		return false;
	feature = &view->features[node->u.split.feature];
	if ((feature->kind == HPC_CATEGORY) !=
		((node->u.split.flags & HPC_NODE_SET) != 0))
		return false;
	if (feature->kind != HPC_CATEGORY)
		return node->u.split.cut < feature->nthresholds;
	words = hpc_set_words(feature->ncategories);
	return words <= view->nset_words &&
		   node->u.split.cut <= view->nset_words - words;
}

/* Notes the parent of the nodes at at and at + 1.  False: they have one. */
static bool
claim(checker *check, uint64_t at)
{
	uint64_t bit = UINT64_C(1) << at / 2 % 64;
	uint64_t *word = &check->claimed[at / 128];
	bool is_free = (*word & bit) == 0;

	*word |= bit;
	return is_free;
}

/*
 * Pairs of children begin at odd places: so they neither overlap nor leave
 * one out, if there are as many as there have to be.
 */
static bool
node_is_valid(checker *check, uint32_t first, uint32_t place, uint32_t nnodes)
{
	const hpc_node *node = &check->view.nodes[first + place];
	double value;

	if (node->left != 0)
		return node->left > place && node->left < nnodes - 1 &&
			   node->left % 2 == 1 &&
			   claim(check, (uint64_t) first + node->left) &&
			   split_is_valid(&check->view, node);
	memcpy(&value, node->u.value, sizeof(value));
	return isfinite(value);
}

static bool
tree_is_valid(checker *check, uint32_t tree)
{
	const hpc_model_view *view = &check->view;
	uint32_t first = view->trees[tree];
	uint32_t nnodes = view->trees[tree + 1] - first;
	uint32_t nsplits = 0;

	if (view->trees[tree + 1] <= first || view->trees[tree + 1] > view->nnodes)
		return false;
	for (uint32_t i = 0; i < nnodes; i++)
	{
		if (!node_is_valid(check, first, i, nnodes) ||
			stopped(check, (uint64_t) first + i))
			return false;
		nsplits += view->nodes[first + i].left != 0;
	}
	return nnodes == 2 * nsplits + 1;
}

static bool
trees_are_valid(checker *check)
{
	const hpc_model_view *view = &check->view;
	uint32_t ntrees = view->training->ntrees;

	if (view->trees[0] != 0 || view->trees[ntrees] != view->nnodes)
		return false;
	for (uint32_t tree = 0; tree < ntrees; tree++)
	{
		if (!tree_is_valid(check, tree))
			return false;
	}
	return true;
}

/* ---------- terms of a linear model ---------- */

static bool
term_is_valid(const hpc_linear_term *term, bool category)
{
	if (term->log1p > 1 || !isfinite(term->fill) || !isfinite(term->low) ||
		!isfinite(term->high) || !isfinite(term->center) ||
		!isfinite(term->coefficient) || !isfinite(term->missing) ||
		!isfinite(term->unknown))
		return false;
	if (category)
		return true;

	/* between finite ends the term is finite */
	return term->low <= term->high && (term->log1p == 0 || term->low > -1) &&
		   isfinite(hpc_linear_term_of_number(term, term->low)) &&
		   isfinite(hpc_linear_term_of_number(term, term->high));
}

/* Features own adjacent ranges of levels. */
static bool
terms_are_valid(checker *check)
{
	const hpc_model_view *view = &check->view;
	uint64_t level = 0;

	for (uint64_t i = 0; i < view->nterms; i++)
	{
		const hpc_feature_record *feature = &view->features[i];

		if (view->terms[i].first_level != level ||
			!term_is_valid(&view->terms[i], feature->kind == HPC_CATEGORY))
			return false;
		level += feature->ncategories;
	}
	if (level != view->nlevels)
		return false;
	for (uint64_t i = 0; i < view->nlevels; i++)
	{
		if (!isfinite(view->levels[i]) || stopped(check, i))
			return false;
	}
	return true;
}

/* ---------- members of a blend ---------- */

/* The same features by name and kind? */
static bool
same_features(const hpc_model_view *a, const hpc_model_view *b)
{
	if (a->nfeatures != b->nfeatures)
		return false;
	for (uint32_t i = 0; i < a->nfeatures; i++)
	{
		hpc_string one = a->features[i].name;
		hpc_string other = b->features[i].name;

		if (a->features[i].kind != b->features[i].kind ||
			one.nbytes != other.nbytes ||
			memcmp(a->strings + one.offset, b->strings + other.offset,
				   one.nbytes) != 0)
			return false;
	}
	return true;
}

static hpc_status
validate_model(hpc_env *env, const hpc_model *model, size_t nbytes);

/* A member; its logarithms are noted in log_scale. */
static hpc_status
validate_member(checker *check, const hpc_model *member, uint64_t left,
				uint32_t *log_scale)
{
	hpc_model_view view;
	hpc_status status;

	if (left < sizeof(struct hpc_model) || member->nbytes > left ||
		member->container != 0)
		return corrupt(check->env, "list of members cannot be read");
	status = validate_model(check->env, member, member->nbytes);
	if (status != HPC_OK)
		return status;
	hpc_model_open(member, &view);
	if (view.training->algorithm == HPC_BLEND)
		return corrupt(check->env, "members are blends themselves");
	if (view.sketch != NULL || view.drift != NULL)
		return corrupt(check->env, "members say what the blend has to");
	if (!same_features(&check->view, &view))
		return corrupt(check->env, "members have other features");
	*log_scale &= view.training->log_scale;
	return HPC_OK;
}

static hpc_status
validate_members(checker *check)
{
	const hpc_model_view *view = &check->view;
	uint32_t log_scale = 1;
	int nmembers = 0;

	for (uint64_t at = 0;
		 at < view->nmember_bytes && nmembers <= HPC_MAX_MEMBERS; nmembers++)
	{
		const hpc_model *member = (const hpc_model *) (view->members + at);
		hpc_status status =
			validate_member(check, member, view->nmember_bytes - at,
							&log_scale);

		if (status != HPC_OK)
			return status;
		at += member->nbytes;
	}
	if (nmembers < HPC_MIN_MEMBERS || nmembers > HPC_MAX_MEMBERS)
		return corrupt(check->env, "number of members is out of range");
	return log_scale == view->training->log_scale
			   ? HPC_OK
			   : corrupt(check->env, "scale is not that of its members");
}

/* ---------- all of it ---------- */

static hpc_status
validate_bytes(hpc_env *env, const hpc_model *model, size_t nbytes)
{
	hpc_digest digest;

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
	return HPC_OK;
}

/* All but the members. */
static hpc_status
validate_model(hpc_env *env, const hpc_model *model, size_t nbytes)
{
	checker check = {.env = env, .model = model};
	const char *wrong = NULL;
	hpc_status status = validate_bytes(env, model, nbytes);

	if (status != HPC_OK)
		return status;
	hpc_model_open(model, &check.view);
	check.claimed =
		hpc_alloc0(env, check.view.nnodes / 128 + 1, sizeof(uint64_t));
	if (check.claimed == NULL)
		return HPC_NO_MEMORY;
	if (!training_is_valid(&check))
		wrong = "training record is inconsistent";
	else if (!features_are_valid(&check))
		wrong = "list of features is inconsistent";
	else if (!trees_are_valid(&check))
		wrong = "list of trees is inconsistent";
	else if (!terms_are_valid(&check))
		wrong = "list of linear terms is inconsistent";
	else if (!calibration_is_valid(&check))
		wrong = "calibration is inconsistent";
	else if (!sketch_is_valid(&check.view))
		wrong = "sketch of the rows is inconsistent";
	else if (!hpc_drift_is_valid(&check.view))
		wrong = "groups of values are inconsistent";
	hpc_free(env, check.claimed);
	if (check.cancelled)
		return HPC_CANCELLED;
	return wrong != NULL ? corrupt(env, wrong) : HPC_OK;
}

hpc_status
hpc_model_validate(hpc_env *env, const void *bytes, size_t nbytes)
{
	checker check = {.env = env, .model = bytes};
	hpc_status status = validate_model(env, bytes, nbytes);

	if (status != HPC_OK)
		return status;
	hpc_model_open(bytes, &check.view);
	return check.view.nmember_bytes > 0 ? validate_members(&check) : HPC_OK;
}
