/*
 * hpc_writer.c
 *		Building a model.
 *
 * Nodes are kept as they will stand in the model, but for thresholds: a node
 * holds the index of its threshold in a list of all thresholds as they came,
 * and is pointed into the sorted, distinct thresholds of its feature when
 * all trees are there.
 */
#include <math.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_sort.h"
#include "hpc_writer.h"

/* Nodes visited between two questions whether to stop. */
#define NODES_PER_POLL 1000000

/* A growing array; element size is the user's business. */
typedef struct growing
{
	char *bytes;
	size_t nbytes;
	size_t max;
} growing;

struct hpc_writer
{
	const hpc_frame *frame;
	growing trees;       /* uint32: first node of each */
	growing nodes;       /* hpc_node */
	growing covers;      /* uint32 */
	growing sets;        /* uint32 */
	growing *thresholds; /* [nfeatures] doubles, as they came */
	double *gain;        /* [nfeatures] */
	uint32_t *nsplits;   /* [nfeatures] */
};

static void *
reserve(hpc_env *env, growing *array, size_t nbytes)
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
	writer->thresholds = hpc_alloc0(env, nfeatures, sizeof(growing));
	writer->gain = hpc_alloc0(env, nfeatures, sizeof(double));
	writer->nsplits = hpc_alloc0(env, nfeatures, sizeof(uint32_t));
	if (writer->thresholds == NULL || writer->gain == NULL ||
		writer->nsplits == NULL)
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
		hpc_free(env, writer->thresholds[i].bytes);
	hpc_free(env, writer->thresholds);
	hpc_free(env, writer->gain);
	hpc_free(env, writer->nsplits);
	hpc_free(env, writer->trees.bytes);
	hpc_free(env, writer->nodes.bytes);
	hpc_free(env, writer->covers.bytes);
	hpc_free(env, writer->sets.bytes);
	hpc_free(env, writer);
}

static hpc_status
check_size(hpc_env *env, const hpc_writer *writer)
{
	uint64_t nbytes =
		writer->nodes.nbytes + writer->covers.nbytes + writer->sets.nbytes;

	for (int i = 0; i < writer->frame->nfeatures; i++)
		nbytes += writer->thresholds[i].nbytes;
	if (nbytes <= HPC_MODEL_MAX_BYTES)
		return HPC_OK;
	hpc_fail(env, HPC_LIMIT, "model would be larger than %d MB",
			 (int) (HPC_MODEL_MAX_BYTES >> 20));
	hpc_fail_detail(env, "%zu trees have %zu nodes.",
					writer->trees.nbytes / sizeof(uint32_t),
					writer->nodes.nbytes / sizeof(hpc_node));
	hpc_fail_hint(env, "Use fewer trees, a larger min_leaf, or max_leaves.");
	return HPC_LIMIT;
}

/* Keeps the split of a node; its threshold is numbered as it came. */
static hpc_status
add_split(hpc_env *env, hpc_writer *writer, const hpc_tree *tree,
		  const hpc_tree_node *node, hpc_node *out)
{
	const hpc_feature *feature = &writer->frame->features[node->feature];

	out->u.split.feature = (uint16_t) node->feature;
	out->u.split.flags = node->missing_left ? HPC_NODE_MISSING_LEFT : 0;
	writer->gain[node->feature] += node->gain;
	writer->nsplits[node->feature]++;
	if (feature->kind == HPC_CATEGORY)
	{
		size_t nbytes = hpc_set_words(feature->nvalues) * sizeof(uint32_t);
		size_t at = writer->sets.nbytes / sizeof(uint32_t);
		void *set = reserve(env, &writer->sets, nbytes);

		if (set == NULL)
			return HPC_NO_MEMORY;
		memcpy(set, tree->sets + node->set, nbytes);
		out->u.split.cut = (uint32_t) at;
	}
	else
	{
		growing *thresholds = &writer->thresholds[node->feature];
		size_t at = thresholds->nbytes / sizeof(double);
		double *threshold = reserve(env, thresholds, sizeof(double));

		if (threshold == NULL)
			return HPC_NO_MEMORY;
		*threshold = node->threshold;
		out->u.split.cut = (uint32_t) at;
	}
	return HPC_OK;
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
	memset(nodes, 0, tree->nnodes * sizeof(hpc_node));
	for (uint32_t i = 0; i < tree->nnodes; i++)
	{
		const hpc_tree_node *node = &tree->nodes[i];

		covers[i] = (uint32_t) node->cover;
		nodes[i].left = node->left;
		if (node->left == 0)
			memcpy(nodes[i].u.value, &node->value, sizeof(double));
		else if (add_split(env, writer, tree, node, &nodes[i]) != HPC_OK)
			return HPC_NO_MEMORY;
	}
	return check_size(env, writer);
}

/* ---------- finishing ---------- */

/*
 * Sorts the thresholds of a feature, drops repeats, and writes to final_of
 * where each one went.  Returns how many are left.
 */
static hpc_status
settle_thresholds(hpc_env *env, growing *thresholds, uint32_t *final_of,
				  uint32_t *ndistinct)
{
	double *values = (double *) thresholds->bytes;
	size_t n = thresholds->nbytes / sizeof(double);
	hpc_pair *pairs = hpc_alloc(env, n, sizeof(hpc_pair));
	hpc_pair *spare = hpc_alloc(env, n, sizeof(hpc_pair));
	hpc_status status = HPC_NO_MEMORY;

	*ndistinct = 0;
	if (pairs != NULL && spare != NULL)
	{
		for (size_t i = 0; i < n; i++)
		{
			pairs[i].key = hpc_sortable(values[i]);
			pairs[i].row = (uint32_t) i;
		}
		status = hpc_sort_pairs(env, n, pairs, spare) ? HPC_OK : HPC_CANCELLED;
	}
	for (size_t i = 0; i < n && status == HPC_OK; i++)
	{
		if (i == 0 || pairs[i].key != pairs[i - 1].key)
			values[(*ndistinct)++] = hpc_from_sortable(pairs[i].key);
		final_of[pairs[i].row] = *ndistinct - 1;
	}
	hpc_free(env, pairs);
	hpc_free(env, spare);
	return status;
}

/* Points each numeric split to where its threshold went. */
static hpc_status
point_nodes(hpc_env *env, hpc_writer *writer, uint32_t *const *final_of)
{
	hpc_node *nodes = (hpc_node *) writer->nodes.bytes;
	size_t nnodes = writer->nodes.nbytes / sizeof(hpc_node);

	for (size_t i = 0; i < nnodes; i++)
	{
		uint32_t *cut = &nodes[i].u.split.cut;

		if (nodes[i].left != 0 && final_of[nodes[i].u.split.feature] != NULL)
			*cut = final_of[nodes[i].u.split.feature][*cut];
		if (i % NODES_PER_POLL == NODES_PER_POLL - 1 && hpc_cancelled(env))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/* Settles the thresholds of all features, then the nodes. */
static hpc_status
settle_features(hpc_env *env, hpc_writer *writer)
{
	int nfeatures = writer->frame->nfeatures;
	uint32_t **final_of =
		hpc_alloc0(env, (size_t) nfeatures, sizeof(uint32_t *));
	hpc_status status = final_of != NULL ? HPC_OK : HPC_NO_MEMORY;

	for (int i = 0; i < nfeatures && status == HPC_OK; i++)
	{
		growing *thresholds = &writer->thresholds[i];
		uint32_t ndistinct;

		if (thresholds->nbytes == 0)
			continue;
		final_of[i] = hpc_alloc(env, thresholds->nbytes / sizeof(double),
								sizeof(uint32_t));
		status =
			final_of[i] == NULL
				? HPC_NO_MEMORY
				: settle_thresholds(env, thresholds, final_of[i], &ndistinct);
		if (status == HPC_OK)
			thresholds->nbytes = ndistinct * sizeof(double);
	}
	if (status == HPC_OK)
		status = point_nodes(env, writer, final_of);
	for (int i = 0; final_of != NULL && i < nfeatures; i++)
		hpc_free(env, final_of[i]);
	hpc_free(env, final_of);
	return status;
}

/* The block while sections are laid out and written. */
typedef struct layout
{
	hpc_model *model; /* NULL: only measure */
	uint64_t nbytes;
	uint32_t nsections;
} layout;

/* Opens a section of nbytes; where to write it, or NULL when measuring. */
static void *
add_section(layout *out, hpc_section_kind kind, uint64_t nbytes)
{
	uint64_t at = out->nbytes;

	out->nbytes += (nbytes + 7) / 8 * 8;
	out->nsections++;
	if (out->model == NULL)
		return NULL;
	out->model->sections[out->nsections - 1] =
		(hpc_section){(uint32_t) kind, 0, at, nbytes};
	return (char *) out->model + at;
}

static void
add_bytes(layout *out, hpc_section_kind kind, const void *bytes,
		  uint64_t nbytes)
{
	void *section = add_section(out, kind, nbytes);

	if (section != NULL && nbytes > 0)
		memcpy(section, bytes, nbytes);
}

/* Appends a 0-ended string; bytes may be NULL for the empty one. */
static hpc_status
add_string(hpc_env *env, growing *strings, const char *bytes, size_t nbytes,
		   hpc_string *string)
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
add_text(hpc_env *env, growing *strings, const char *text, hpc_string *string)
{
	return add_string(env, strings, text, text != NULL ? strlen(text) : 0,
					  string);
}

/* What is put together before the block is measured. */
typedef struct assembly
{
	hpc_training_record training;
	growing features;   /* hpc_feature_record */
	growing thresholds; /* doubles */
	growing categories; /* hpc_string */
	growing strings;
} assembly;

static void
free_assembly(hpc_env *env, assembly *parts)
{
	hpc_free(env, parts->features.bytes);
	hpc_free(env, parts->thresholds.bytes);
	hpc_free(env, parts->categories.bytes);
	hpc_free(env, parts->strings.bytes);
}

static hpc_status
assemble_categories(hpc_env *env, const hpc_feature *feature, assembly *parts)
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
		if (status != HPC_OK)
			return status;
	}
	return HPC_OK;
}

static hpc_status
assemble_feature(hpc_env *env, hpc_writer *writer, int index, assembly *parts)
{
	const hpc_feature *feature = &writer->frame->features[index];
	const growing *thresholds = &writer->thresholds[index];
	bool range = feature->kind != HPC_CATEGORY && feature->nvalues > 0;
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
	record.nthresholds = (uint32_t) (thresholds->nbytes / sizeof(double));
	record.first_category =
		(uint32_t) (parts->categories.nbytes / sizeof(hpc_string));
	record.ncategories = feature->categories.nentries;
	record.nmissing = feature->nmissing;
	record.min = range ? feature->values[0] : NAN;
	record.max = range ? feature->values[feature->nvalues - 1] : NAN;
	record.gain = writer->gain[index];
	place = reserve(env, &parts->thresholds, thresholds->nbytes);
	if (place == NULL)
		return HPC_NO_MEMORY;
	if (thresholds->nbytes > 0)
		memcpy(place, thresholds->bytes, thresholds->nbytes);
	place = reserve(env, &parts->features, sizeof(record));
	if (place == NULL)
		return HPC_NO_MEMORY;
	memcpy(place, &record, sizeof(record));
	return assemble_categories(env, feature, parts);
}

static hpc_status
assemble(hpc_env *env, hpc_writer *writer, const hpc_texts *texts,
		 assembly *parts)
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
	status = add_text(env, &parts->strings, texts->target, &training->target);
	if (status == HPC_OK)
		status =
			add_text(env, &parts->strings, texts->params, &training->params);
	if (status == HPC_OK)
		status =
			add_text(env, &parts->strings, texts->clean, &training->clean);
	if (status == HPC_OK)
		status = settle_features(env, writer);
	for (int i = 0; i < frame->nfeatures && status == HPC_OK; i++)
		status = assemble_feature(env, writer, i, parts);
	return status;
}

static void
lay_out(layout *out, const hpc_writer *writer, const assembly *parts)
{
	out->nsections = 0;
	out->nbytes =
		sizeof(struct hpc_model) + HPC_KNOWN_SECTIONS * sizeof(hpc_section);
	add_bytes(out, HPC_SECTION_TRAINING, &parts->training,
			  sizeof(parts->training));
	add_bytes(out, HPC_SECTION_FEATURES, parts->features.bytes,
			  parts->features.nbytes);
	add_bytes(out, HPC_SECTION_THRESHOLDS, parts->thresholds.bytes,
			  parts->thresholds.nbytes);
	add_bytes(out, HPC_SECTION_CATEGORIES, parts->categories.bytes,
			  parts->categories.nbytes);
	add_bytes(out, HPC_SECTION_TREES, writer->trees.bytes,
			  writer->trees.nbytes);
	add_bytes(out, HPC_SECTION_NODES, writer->nodes.bytes,
			  writer->nodes.nbytes);
	add_bytes(out, HPC_SECTION_COVERS, writer->covers.bytes,
			  writer->covers.nbytes);
	add_bytes(out, HPC_SECTION_SETS, writer->sets.bytes, writer->sets.nbytes);
	add_bytes(out, HPC_SECTION_STRINGS, parts->strings.bytes,
			  parts->strings.nbytes);
}

static hpc_status
write_model(hpc_env *env, const hpc_writer *writer, const assembly *parts,
			void **block, size_t *nbytes)
{
	layout out = {0};
	hpc_model *model;

	lay_out(&out, writer, parts);
	if (out.nbytes > HPC_MODEL_MAX_BYTES)
		return hpc_fail(env, HPC_LIMIT, "model would be larger than %d MB",
						(int) (HPC_MODEL_MAX_BYTES >> 20));
	model = hpc_alloc0(env, 1, out.nbytes);
	if (model == NULL)
		return HPC_NO_MEMORY;
	*block = model;
	*nbytes = out.nbytes;
	out.model = model;
	lay_out(&out, writer, parts);
	model->magic = HPC_MODEL_MAGIC;
	model->version = HPC_MODEL_VERSION;
	model->nsections = out.nsections;
	model->nbytes = out.nbytes;
	return hpc_model_compute_digest(env, model, &model->digest)
			   ? HPC_OK
			   : HPC_CANCELLED;
}

hpc_status
hpc_writer_finish(hpc_env *env, hpc_writer *writer,
				  const hpc_training_record *record, const hpc_texts *texts,
				  void **model, size_t *nbytes)
{
	assembly parts = {.training = *record};
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
			status = write_model(env, writer, &parts, model, nbytes);
		}
	}
	free_assembly(env, &parts);
	return status;
}
