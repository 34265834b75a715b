/*
 * hpc_writer.c
 *		Building a model.
 *
 * Nodes are kept as they will stand in the model, but for thresholds: a node
 * holds the number that its threshold got when it came first, and is pointed
 * into the sorted thresholds of its feature when all trees are there.
 *
 * Trees know the codes of the frame, of which a category with very many
 * levels has fewer than levels; a model's sets have a bit for every level.
 */
#include <math.h>
#include <string.h>

#include "hpc_calibrate.h"
#include "hpc_memory.h"
#include "hpc_writer_inside.h"

static void *
reserve(hpc_env *env, hpc_growing *array, size_t nbytes)
{
	void *place;

	if (array->bytes == NULL || array->nbytes + nbytes > array->max)
	{
		size_t max = array->max + array->max / 2 + nbytes + 64;
		char *bytes = hpc_resize(env, array->bytes, max, 1);

		if (bytes == NULL)
			return NULL;
		array->bytes = bytes;
		array->max = max;
	}
	place = array->bytes + array->nbytes;
	array->nbytes += nbytes;
	return place;
}

hpc_writer *
hpc_writer_create(hpc_env *env, const hpc_frame *frame)
{
	hpc_writer *writer = hpc_alloc0(env, 1, sizeof(hpc_writer));
	size_t nfeatures = (size_t) frame->nfeatures;

	if (writer == NULL)
		return NULL;
	writer->frame = frame;
	writer->outcome.ratio = NAN;
	writer->thresholds = hpc_alloc0(env, nfeatures, sizeof(hpc_thresholds));
	writer->gain = hpc_alloc0(env, nfeatures, sizeof(double));
	writer->nsplits = hpc_alloc0(env, nfeatures, sizeof(uint32_t));
	writer->monotone = hpc_alloc0(env, nfeatures, sizeof(int8_t));
	if (writer->thresholds == NULL || writer->gain == NULL ||
		writer->nsplits == NULL || writer->monotone == NULL)
	{
		hpc_writer_free(env, writer);
		return NULL;
	}
	return writer;
}

void
hpc_writer_free(hpc_env *env, hpc_writer *writer)
{
	if (writer == NULL)
		return;
	for (int i = 0; writer->thresholds != NULL && i < writer->frame->nfeatures;
		 i++)
		hpc_thresholds_free(env, &writer->thresholds[i]);
	hpc_free(env, writer->thresholds);
	hpc_free(env, writer->gain);
	hpc_free(env, writer->nsplits);
	hpc_free(env, writer->monotone);
	hpc_free(env, writer->terms.bytes);
	hpc_free(env, writer->levels.bytes);
	hpc_free(env, writer->trees.bytes);
	hpc_free(env, writer->nodes.bytes);
	hpc_free(env, writer->covers.bytes);
	hpc_free(env, writer->sets.bytes);
	for (int i = 0; i < HPC_NOPTIONAL; i++)
		hpc_free(env, writer->optional[i].bytes);
	hpc_free(env, writer);
}

/* Appends to an optional section, which there is then. */
static hpc_status
add_optional(hpc_env *env, hpc_writer *writer, hpc_section_kind kind,
			 const void *bytes, size_t nbytes)
{
	void *place =
		reserve(env, &writer->optional[kind - HPC_FIRST_OPTIONAL], nbytes);

	if (place == NULL)
		return HPC_NO_MEMORY;
	memcpy(place, bytes, nbytes);
	return HPC_OK;
}

/* ---------- trees ---------- */

hpc_status
hpc_writer_too_large(hpc_env *env, const hpc_writer *writer)
{
	hpc_fail(env, HPC_LIMIT, "model would be larger than %d MB",
			 (int) (HPC_MODEL_MAX_BYTES >> 20));
	if (writer->nodes.nbytes == 0)
		return HPC_LIMIT;
	hpc_fail_detail(env, "%zu trees have %zu nodes.",
					writer->trees.nbytes / sizeof(uint32_t),
					writer->nodes.nbytes / sizeof(hpc_node));
	hpc_fail_hint(env, "Use fewer trees, a larger min_leaf, or max_leaves.");
	return HPC_LIMIT;
}

static hpc_status
check_size(hpc_env *env, const hpc_writer *writer)
{
	uint64_t nbytes =
		writer->nodes.nbytes + writer->covers.nbytes + writer->sets.nbytes;

	for (int i = 0; i < writer->frame->nfeatures; i++)
		nbytes += writer->thresholds[i].n * sizeof(double);
	return nbytes <= HPC_MODEL_MAX_BYTES ? HPC_OK
										 : hpc_writer_too_large(env, writer);
}

static inline bool
in_set(const uint32_t *set, uint32_t code)
{
	return set[code / 32] >> (code % 32) & 1;
}

/* The levels whose bins are in a set of codes. */
static void
expand_set(const hpc_feature *feature, const uint32_t *codes, uint32_t *set)
{
	memset(set, 0, hpc_set_words(feature->nvalues) * sizeof(uint32_t));
	for (uint32_t level = 0; level < feature->nvalues; level++)
		set[level / 32] |= (uint32_t) in_set(codes, feature->level_bin[level])
						   << level % 32;
}

/* Keeps a set of codes as a set of levels; no bit is set behind them. */
static hpc_status
add_set(hpc_env *env, hpc_writer *writer, const hpc_feature *feature,
		const uint32_t *codes, uint32_t *cut)
{
	size_t nwords = hpc_set_words(feature->nvalues);
	size_t at = writer->sets.nbytes / sizeof(uint32_t);
	uint32_t *set = reserve(env, &writer->sets, nwords * sizeof(uint32_t));

	if (set == NULL)
		return HPC_NO_MEMORY;
	*cut = (uint32_t) at;
	/* a tree may have millions of sets of kilobytes */
	if (writer->sets.nbytes > HPC_MODEL_MAX_BYTES)
		return hpc_writer_too_large(env, writer);
	if (feature->level_bin != NULL)
	{
		expand_set(feature, codes, set);
		return hpc_cancelled(env) ? HPC_CANCELLED : HPC_OK;
	}
	memcpy(set, codes, nwords * sizeof(uint32_t));
	set[nwords - 1] &= (UINT32_C(1) << feature->nvalues % 32) - 1;
	return HPC_OK;
}

static hpc_status
add_split(hpc_env *env, hpc_writer *writer, const hpc_tree *tree,
		  const hpc_tree_node *node, hpc_node *out)
{
	const hpc_feature *feature = &writer->frame->features[node->feature];

	out->u.split.feature = (uint16_t) node->feature;
	out->u.split.flags = node->missing_left ? HPC_NODE_MISSING_LEFT : 0;
	writer->gain[node->feature] += node->gain;
	writer->nsplits[node->feature]++;
	if (feature->kind != HPC_CATEGORY)
		return hpc_thresholds_add(env, &writer->thresholds[node->feature],
								  node->threshold, &out->u.split.cut);
	out->u.split.flags |= HPC_NODE_SET;
	return add_set(env, writer, feature, tree->sets + node->at.set,
				   &out->u.split.cut);
}

/* Room in an array for so many bytes beyond what it holds. */
static hpc_status
expect(hpc_env *env, hpc_growing *array, size_t nbytes)
{
	size_t before = array->nbytes;

	if (reserve(env, array, nbytes) == NULL)
		return HPC_NO_MEMORY;
	array->nbytes = before;
	return HPC_OK;
}

hpc_status
hpc_writer_expect(hpc_env *env, hpc_writer *writer, const hpc_tree *tree,
				  uint64_t ntrees)
{
	uint64_t nnodes = (uint64_t) tree->nnodes * ntrees;

	nnodes += nnodes / 16;
	if (nnodes > HPC_MODEL_MAX_BYTES / sizeof(hpc_node))
		nnodes = HPC_MODEL_MAX_BYTES / sizeof(hpc_node);
	if (expect(env, &writer->nodes, nnodes * sizeof(hpc_node)) != HPC_OK)
		return HPC_NO_MEMORY;
	return expect(env, &writer->covers, nnodes * sizeof(uint32_t));
}

/* Nodes ahead of their turn that thresholds are looked up. */
#define AHEAD 16

static inline void
fetch_ahead(const hpc_writer *writer, const hpc_tree *tree, uint32_t i)
{
	const hpc_tree_node *node = &tree->nodes[i];

	if (node->left != 0 &&
		writer->frame->features[node->feature].kind != HPC_CATEGORY)
		hpc_thresholds_fetch(&writer->thresholds[node->feature],
							 node->threshold);
}

hpc_status
hpc_writer_add_tree(hpc_env *env, hpc_writer *writer, const hpc_tree *tree)
{
	size_t first = writer->nodes.nbytes / sizeof(hpc_node);
	uint32_t *start = reserve(env, &writer->trees, sizeof(uint32_t));
	hpc_node *nodes =
		reserve(env, &writer->nodes, tree->nnodes * sizeof(hpc_node));
	uint32_t *covers =
		reserve(env, &writer->covers, tree->nnodes * sizeof(uint32_t));

	if (start == NULL || nodes == NULL || covers == NULL)
		return HPC_NO_MEMORY;
	*start = (uint32_t) first;
	for (uint32_t i = 0; i < tree->nnodes; i++)
	{
		const hpc_tree_node *node = &tree->nodes[i];
		hpc_status status = HPC_OK;

		if (i + AHEAD < tree->nnodes)
			fetch_ahead(writer, tree, i + AHEAD);
		covers[i] = node->cover;
		nodes[i] = (hpc_node){.left = node->left};
		if (node->left == 0)
			memcpy(nodes[i].u.value, &node->value, sizeof(double));
		else
			status = add_split(env, writer, tree, node, &nodes[i]);
		if (status == HPC_OK && hpc_poll(env, i))
			status = HPC_CANCELLED;
		if (status != HPC_OK)
			return status;
	}
	return check_size(env, writer);
}

hpc_status
hpc_writer_add_key(hpc_env *env, hpc_writer *writer, hpc_tree_key key)
{
	return add_optional(env, writer, HPC_SECTION_TREE_KEYS, &key, sizeof(key));
}

/* ---------- what is not a tree ---------- */

void
hpc_writer_set_base(hpc_writer *writer, double base)
{
	writer->has_base = true;
	writer->base = base;
}

void
hpc_writer_set_outcome(hpc_writer *writer, const hpc_outcome *outcome)
{
	writer->outcome = *outcome;
}

void
hpc_writer_set_version(hpc_writer *writer, uint32_t version)
{
	writer->version = version;
}

void
hpc_writer_set_monotone(hpc_writer *writer, const int8_t *signs)
{
	for (int i = 0; signs != NULL && i < writer->frame->nfeatures; i++)
		writer->monotone[i] = signs[i];
}

void
hpc_writer_add_gain(hpc_writer *writer, const double *gain)
{
	for (int i = 0; i < writer->frame->nfeatures; i++)
		writer->gain[i] += gain[i];
}

hpc_status
hpc_writer_set_linear(hpc_env *env, hpc_writer *writer,
					  const hpc_linear_term *terms, const double *levels,
					  uint32_t nlevels, const double *gain)
{
	size_t nfeatures = (size_t) writer->frame->nfeatures;
	hpc_linear_term *own_terms =
		reserve(env, &writer->terms, nfeatures * sizeof(hpc_linear_term));
	double *own_levels =
		reserve(env, &writer->levels, nlevels * sizeof(double));
	uint32_t level = 0;

	if (own_terms == NULL || own_levels == NULL)
		return HPC_NO_MEMORY;
	for (size_t i = 0; i < nfeatures; i++)
	{
		uint32_t ncategories = writer->frame->features[i].categories.nentries;

		own_terms[i] = terms[i];
		own_terms[i].first_level = level;
		if (ncategories > 0)
			memcpy(own_levels + level, levels + terms[i].first_level,
				   ncategories * sizeof(double));
		level += ncategories;
		writer->gain[i] = gain[i];
	}
	return HPC_OK;
}

hpc_status
hpc_writer_set_calibration(hpc_env *env, hpc_writer *writer,
						   const hpc_calibration_record *calibration)
{
	return add_optional(env, writer, HPC_SECTION_CALIBRATION, calibration,
						hpc_calibration_bytes(calibration));
}

/* ---------- features and texts ---------- */

/* Appends a 0-ended string; bytes may be NULL for the empty one. */
static hpc_status
add_string(hpc_env *env, hpc_growing *strings, const char *bytes,
		   size_t nbytes, hpc_string *string)
{
	char *place;

	if (strings->nbytes + nbytes + 1 > HPC_MODEL_MAX_BYTES)
		return hpc_fail(env, HPC_LIMIT,
						"names and categories of the model exceed %d MB",
						(int) (HPC_MODEL_MAX_BYTES >> 20));
	string->offset = (uint32_t) strings->nbytes;
	string->nbytes = (uint32_t) nbytes;
	place = reserve(env, strings, nbytes + 1);
	if (place == NULL)
		return HPC_NO_MEMORY;
	if (nbytes > 0)
		memcpy(place, bytes, nbytes);
	place[nbytes] = '\0';
	return HPC_OK;
}

static hpc_status
add_text(hpc_env *env, hpc_growing *strings, const char *text,
		 hpc_string *string)
{
	return add_string(env, strings, text, text != NULL ? strlen(text) : 0,
					  string);
}

static void
free_assembly(hpc_env *env, hpc_assembly *parts)
{
	for (int i = 0; parts->place_of != NULL && i < parts->nfeatures; i++)
		hpc_free(env, parts->place_of[i]);
	hpc_free(env, parts->place_of);
	hpc_free(env, parts->features.bytes);
	hpc_free(env, parts->thresholds.bytes);
	hpc_free(env, parts->categories.bytes);
	hpc_free(env, parts->strings.bytes);
}

static hpc_status
assemble_categories(hpc_env *env, const hpc_feature *feature,
					hpc_assembly *parts)
{
	for (uint32_t i = 0; i < feature->categories.nentries; i++)
	{
		uint32_t nbytes;
		const char *bytes =
			hpc_dictionary_entry(&feature->categories, i, &nbytes);
		hpc_string *string =
			reserve(env, &parts->categories, sizeof(hpc_string));
		hpc_status status;

		if (string == NULL)
			return HPC_NO_MEMORY;
		status = add_string(env, &parts->strings, bytes, nbytes, string);
		if (status == HPC_OK && hpc_poll(env, i))
			status = HPC_CANCELLED;
		if (status != HPC_OK)
			return status;
	}
	return HPC_OK;
}

static hpc_status
assemble_thresholds(hpc_env *env, const hpc_thresholds *thresholds,
					uint32_t **place_of, hpc_assembly *parts, uint32_t *n)
{
	size_t before = parts->thresholds.nbytes;
	double *sorted = reserve(env, &parts->thresholds,
							 (size_t) thresholds->n * sizeof(double));
	hpc_status status;

	*n = 0;
	if (sorted == NULL)
		return HPC_NO_MEMORY;
	if (thresholds->n == 0)
		return HPC_OK;
	*place_of = hpc_alloc(env, thresholds->n, sizeof(uint32_t));
	if (*place_of == NULL)
		return HPC_NO_MEMORY;
	status = hpc_thresholds_sort(env, thresholds, sorted, n, *place_of);
	parts->thresholds.nbytes = before + *n * sizeof(double);
	return status;
}

static hpc_status
assemble_feature(hpc_env *env, hpc_writer *writer, int index,
				 hpc_assembly *parts)
{
	const hpc_feature *feature = &writer->frame->features[index];
	hpc_feature_record record = {0};
	hpc_status status;
	void *place;

	status = add_text(env, &parts->strings, feature->name, &record.name);
	if (status != HPC_OK)
		return status;
	record.kind = feature->kind;
	record.nsplits = writer->nsplits[index];
	record.first_threshold =
		(uint32_t) (parts->thresholds.nbytes / sizeof(double));
	record.first_category =
		(uint32_t) (parts->categories.nbytes / sizeof(hpc_string));
	record.ncategories = feature->categories.nentries;
	record.nmissing = feature->nmissing;
	record.min = feature->min;
	record.max = feature->max;
	record.gain = writer->gain[index];
	record.monotone = writer->monotone[index];
	status = assemble_thresholds(env, &writer->thresholds[index],
								 &parts->place_of[index], parts,
								 &record.nthresholds);
	if (status != HPC_OK)
		return status;
	place = reserve(env, &parts->features, sizeof(record));
	if (place == NULL)
		return HPC_NO_MEMORY;
	memcpy(place, &record, sizeof(record));
	return assemble_categories(env, feature, parts);
}

/* Points each split by a number to where its threshold is. */
static hpc_status
point_nodes(hpc_env *env, hpc_writer *writer, uint32_t *const *place_of)
{
	hpc_node *nodes = (hpc_node *) writer->nodes.bytes;
	size_t nnodes = writer->nodes.nbytes / sizeof(hpc_node);

	for (size_t i = 0; i < nnodes; i++)
	{
		uint32_t *cut = &nodes[i].u.split.cut;

		if (nodes[i].left != 0 && place_of[nodes[i].u.split.feature] != NULL)
			*cut = place_of[nodes[i].u.split.feature][*cut];
		if (hpc_poll(env, i))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

static hpc_status
assemble_texts(hpc_env *env, const hpc_texts *texts, hpc_assembly *parts)
{
	hpc_training_record *training = &parts->training;
	hpc_growing *strings = &parts->strings;
	hpc_status status =
		add_text(env, strings, texts->target, &training->target);

	if (status == HPC_OK)
		status = add_text(env, strings, texts->params, &training->params);
	if (status == HPC_OK)
		status = add_text(env, strings, texts->clean, &training->clean);
	if (status == HPC_OK)
		status = add_text(env, strings, texts->weight, &training->weight);
	return status;
}

/* The scale on which the model predicts, and what its parts add to. */
static void
assemble_scale(const hpc_writer *writer, hpc_training_record *training)
{
	bool blend = writer->nmembers > 0;
	bool averages = !writer->has_base && (training->ntrees > 0 || blend);

	training->combine = averages ? HPC_COMBINE_MEAN : HPC_COMBINE_SUM;
	training->base = writer->has_base ? writer->base
					 : averages       ? 0
									  : training->target_mean;
	if (!blend)
	{
		training->log_scale = writer->frame->log_target;
		training->settings.log_target = training->log_scale;
	}
	training->smearing =
		training->log_scale != 0 ? hpc_model_smearing(training->smearing) : 1;
}

/* Where models come from: what made them, and of which rows. */
static hpc_status
assemble_origin(hpc_env *env, hpc_writer *writer, uint32_t algorithm)
{
	const hpc_sketch *sketch = &writer->frame->sketch;
	hpc_learner_record learner = {
		.version = writer->version > 0
					   ? writer->version
					   : hpc_algorithm_version((hpc_algorithm) algorithm)};
	hpc_sketch_record record = {.nwords = sketch->nwords,
								.limit = sketch->limit};
	hpc_status status = add_optional(env, writer, HPC_SECTION_LEARNER,
									 &learner, sizeof(learner));

	/* without features there are no rows to tell apart, but targets */
	if (sketch->words == NULL || writer->frame->nfeatures == 0)
		return status;
	if (status == HPC_OK)
		status = add_optional(env, writer, HPC_SECTION_ROW_SKETCH, &record,
							  sizeof(record));
	if (status == HPC_OK)
		status =
			add_optional(env, writer, HPC_SECTION_ROW_SKETCH, sketch->words,
						 sketch->nwords * sizeof(uint64_t));
	return status;
}

/* Groups of the features, which the frame has, and of predictions. */
static hpc_status
assemble_drift(hpc_env *env, hpc_writer *writer)
{
	const hpc_groups *groups = writer->frame->groups;
	const hpc_groups *predictions = &writer->outcome.predictions;
	uint32_t nfeatures = (uint32_t) writer->frame->nfeatures;
	hpc_drift_record record = {writer->outcome.ratio, nfeatures + 1, 0};
	uint32_t group = 0;
	hpc_status status;

	if (groups == NULL || nfeatures == 0)
		return HPC_OK;
	for (uint32_t i = 0; i < nfeatures; i++)
		record.ngroups += groups[i].ngroups;
	record.ngroups += predictions->ngroups;
	status =
		add_optional(env, writer, HPC_SECTION_DRIFT, &record, sizeof(record));
	for (uint32_t i = 0; i <= nfeatures && status == HPC_OK; i++)
	{
		const hpc_groups *own = i < nfeatures ? &groups[i] : predictions;
		hpc_drift_entry entry = {group, own->ngroups};

		group += own->ngroups;
		status = add_optional(env, writer, HPC_SECTION_DRIFT, &entry,
							  sizeof(entry));
	}
	for (uint32_t i = 0; i <= nfeatures && status == HPC_OK; i++)
	{
		const hpc_groups *own = i < nfeatures ? &groups[i] : predictions;

		status = add_optional(env, writer, HPC_SECTION_DRIFT, own->group,
							  own->ngroups * sizeof(hpc_group));
	}
	return status;
}

static hpc_status
assemble(hpc_env *env, hpc_writer *writer, const hpc_texts *texts,
		 hpc_assembly *parts)
{
	const hpc_frame *frame = writer->frame;
	hpc_training_record *training = &parts->training;
	hpc_status status;

	training->ntrees = (uint32_t) (writer->trees.nbytes / sizeof(uint32_t));
	training->nrows = frame->ncopies;
	training->ndistinct = frame->nrows;
	training->data_digest = frame->data_digest;
	training->target_min = frame->target_min;
	training->target_max = frame->target_max;
	training->target_mean = frame->target_mean;
	assemble_scale(writer, training);
	parts->nfeatures = frame->nfeatures;
	parts->place_of =
		hpc_alloc0(env, (size_t) frame->nfeatures, sizeof(uint32_t *));
	if (parts->place_of == NULL)
		return HPC_NO_MEMORY;
	status = assemble_texts(env, texts, parts);
	for (int i = 0; i < frame->nfeatures && status == HPC_OK; i++)
		status = assemble_feature(env, writer, i, parts);
	if (status == HPC_OK)
		status = point_nodes(env, writer, parts->place_of);
	if (status == HPC_OK)
		status = assemble_origin(env, writer, training->algorithm);
	if (status == HPC_OK)
		status = assemble_drift(env, writer);
	return status;
}

hpc_status
hpc_writer_finish(hpc_env *env, hpc_writer *writer,
				  const hpc_training_record *record, const hpc_texts *texts,
				  void **model, size_t *nbytes)
{
	hpc_assembly parts = {.training = *record};
	hpc_status status = assemble(env, writer, texts, &parts);
	uint32_t *end;

	if (status == HPC_OK)
	{
		end = reserve(env, &writer->trees, sizeof(uint32_t));
		if (end == NULL)
			status = HPC_NO_MEMORY;
		else
		{
			*end = (uint32_t) (writer->nodes.nbytes / sizeof(hpc_node));
			status = hpc_layout_write(env, writer, &parts, model, nbytes);
		}
	}
	free_assembly(env, &parts);
	return status;
}

/* ---------- blends ---------- */

/*
 * What a blend says of a feature: the mean share of its gain, all its splits,
 * and a sign if no member lacks it.
 */
static void
blend_features(hpc_writer *writer, const hpc_model *member)
{
	int nfeatures = writer->frame->nfeatures;
	bool first = member == writer->members[0];
	hpc_model_view view;
	double total = 0;

	hpc_model_open(member, &view);
	for (int i = 0; i < nfeatures; i++)
		total += view.features[i].gain;
	for (int i = 0; i < nfeatures; i++)
	{
		const hpc_feature_record *feature = &view.features[i];

		if (total > 0 && isfinite(total))
			writer->gain[i] += feature->gain / total / writer->nmembers;
		writer->nsplits[i] += feature->nsplits;
		if (first)
			writer->monotone[i] = feature->monotone;
		else if (writer->monotone[i] != feature->monotone)
			writer->monotone[i] = 0;
	}
}

hpc_status
hpc_model_blend(hpc_env *env, const hpc_training_record *record,
				const hpc_texts *texts, const hpc_frame *frame,
				const void *const *members, int nmembers,
				const hpc_calibration_record *calibration,
				const hpc_outcome *outcome, void **model, size_t *nbytes)
{
	hpc_training_record own = *record;
	hpc_writer *writer = hpc_writer_create(env, frame);
	hpc_status status;

	if (writer == NULL)
		return HPC_NO_MEMORY;
	writer->members = members;
	writer->nmembers = nmembers;
	if (outcome != NULL)
		hpc_writer_set_outcome(writer, outcome);
	own.log_scale = 1;
	for (int i = 0; i < nmembers; i++)
	{
		hpc_model_view view;

		blend_features(writer, members[i]);
		hpc_model_open(members[i], &view);
		own.log_scale &= view.training->log_scale;
	}
	status = calibration != NULL
				 ? hpc_writer_set_calibration(env, writer, calibration)
				 : HPC_OK;
	if (status == HPC_OK)
		status = hpc_writer_finish(env, writer, &own, texts, model, nbytes);
	hpc_writer_free(env, writer);
	return status;
}
