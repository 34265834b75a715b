/*
 * hpc_merge.c
 *		One forest of the trees of several, trained apart.
 *
 * Trees are put into one order whatever the order of the models: by seed,
 * number and content.  Each keeps seed and number as its key, from which the
 * rows in its bag can be drawn again.  Categories are those of all models; one
 * that a tree has not been trained on goes where it went before: to the side
 * of what is missing.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_merge.h"
#include "hpc_sort.h"
#include "hpc_writer.h"

/* A tree on its way. */
typedef struct pooled_tree
{
	hpc_tree_key key;
	hpc_digest content;
	int model;
	uint32_t tree; /* of that model */
} pooled_tree;

typedef struct merger
{
	hpc_env *env;
	const hpc_model **models; /* [nmodels] by digest */
	int nmodels;
	hpc_model_summary *summaries; /* [nmodels] */
	hpc_frame frame;
	hpc_feature *features; /* [frame.nfeatures] */
	int8_t *monotone;      /* [frame.nfeatures] */
	double *gain;          /* [frame.nfeatures] */
	uint32_t ***level_of;  /* [nmodels][nfeatures][ncategories]: what a model's
							* category is among all; NULL: a number */
	uint32_t ntrees;
	pooled_tree *trees; /* [ntrees] */
	uint32_t *order;    /* [ntrees] of them */
	hpc_tree tree;      /* the one at hand; room for the largest */
} merger;

/* ---------- order ---------- */

/* What sorts an item: its words, the first one first. */
typedef struct sort_key
{
	uint64_t word[4];
} sort_key;

/* The n items in ascending order of their keys. */
static hpc_status
sort_items(hpc_env *env, uint32_t n, const sort_key *keys, uint32_t *order)
{
	hpc_pair *pairs = hpc_alloc(env, 2 * (size_t) n, sizeof(hpc_pair));
	bool sorted = true;

	if (pairs == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	for (int word = 3; word >= 0 && sorted; word--)
	{
		for (uint32_t i = 0; i < n; i++)
			pairs[i] = (hpc_pair){keys[order[i]].word[word], order[i]};
		sorted = hpc_sort_pairs(env, n, pairs, pairs + n);
		for (uint32_t i = 0; i < n; i++)
			order[i] = pairs[i].row;
	}
	hpc_free(env, pairs);
	return sorted ? HPC_OK : HPC_CANCELLED;
}

/* ---------- what is known of the data ---------- */

static bool
is_digest(hpc_digest a, hpc_digest b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

/* Is this the first model of its data? */
static bool
has_own_data(const merger *m, int which)
{
	for (int i = 0; i < which; i++)
	{
		if (is_digest(m->summaries[i].data_digest,
					  m->summaries[which].data_digest))
			return false;
	}
	return true;
}

/*
 * Rows that several models were trained on count once.  Of several data sets
 * the digest is that of their digests.
 */
static hpc_status
pool_data(merger *m, hpc_training_record *record)
{
	hpc_frame *frame = &m->frame;
	hpc_set_digest data = {0, 0, 0};
	hpc_sum *sum = hpc_alloc(m->env, 1, sizeof(hpc_sum));
	uint64_t ndistinct = 0;
	int ndata = 0;

	if (sum == NULL)
		return HPC_NO_MEMORY;
	hpc_sum_init(sum);
	for (int i = 0; i < m->nmodels; i++)
	{
		const hpc_model_summary *summary = &m->summaries[i];

		if (i == 0 || summary->target_min < frame->target_min)
			frame->target_min = summary->target_min;
		if (i == 0 || summary->target_max > frame->target_max)
			frame->target_max = summary->target_max;
		if (!has_own_data(m, i))
			continue;
		hpc_set_digest_add(&data, hpc_hash_bytes((hpc_hash){0, 0},
												 &summary->data_digest,
												 sizeof(hpc_digest)));
		frame->ncopies += summary->nrows;
		ndistinct += summary->ndistinct;
		record->nskipped += summary->nskipped;
		hpc_sum_add_product(sum, (double) summary->nrows,
							summary->target_mean);
		ndata++;
	}
	frame->nrows = ndistinct < UINT32_MAX ? (uint32_t) ndistinct : UINT32_MAX;
	frame->target_mean =
		hpc_model_number(hpc_sum_round(sum) / (double) frame->ncopies);
	hpc_free(m->env, sum);
	frame->data_digest =
		ndata == 1 ? m->summaries[0].data_digest : hpc_set_digest_end(&data);
	return HPC_OK;
}

/* Rows that any of the models was trained on, if all know theirs. */
static hpc_status
pool_sketches(merger *m)
{
	hpc_status status = HPC_OK;

	for (int i = 0; i < m->nmodels; i++)
	{
		if (!hpc_model_has_sketch(m->models[i]))
			return HPC_OK;
	}
	for (int i = 0; i < m->nmodels && status == HPC_OK; i++)
	{
		hpc_model_view view;

		hpc_model_open(m->models[i], &view);
		status = hpc_sketch_unite(m->env, &m->frame.sketch,
								  hpc_sketch_record_words(view.sketch),
								  view.sketch->nwords, view.sketch->limit);
		if (status == HPC_OK && hpc_cancelled(m->env))
			status = HPC_CANCELLED;
	}
	return status;
}

/* ---------- features ---------- */

/* Adds to values[n], ascending, the categories of a model; answers how many. */
static uint64_t
unite(const hpc_model *model, int feature, const hpc_value *values, uint64_t n,
	  hpc_value *united)
{
	hpc_model_feature own;
	uint64_t i = 0;
	uint64_t count = 0;

	hpc_model_feature_at(model, feature, &own);
	for (uint32_t k = 0; k < own.ncategories; k++)
	{
		hpc_value level = {0};
		int order = -1;

		level.bytes = hpc_model_category(model, feature, k, &level.nbytes);
		while (i < n &&
			   (order = hpc_compare_bytes(values[i].bytes, values[i].nbytes,
										  level.bytes, level.nbytes)) < 0)
			united[count++] = values[i++];
		united[count++] = level;
		i += i < n && order == 0;
	}
	while (i < n)
		united[count++] = values[i++];
	return count;
}

/* All categories of a feature, ascending, into its dictionary. */
static hpc_status
unite_all(merger *m, int feature, uint64_t most)
{
	hpc_value *values = hpc_alloc(m->env, 2 * most, sizeof(hpc_value));
	hpc_value *spare;
	hpc_status status = HPC_OK;
	uint64_t n = 0;

	if (values == NULL)
		return HPC_NO_MEMORY;
	spare = values + most;
	for (int i = 0; i < m->nmodels && status == HPC_OK; i++)
	{
		n = unite(m->models[i], feature, values, n, spare);
		memcpy(values, spare, n * sizeof(hpc_value));
		if (hpc_cancelled(m->env))
			status = HPC_CANCELLED;
	}
	for (uint64_t i = 0; i < n && status == HPC_OK; i++)
	{
		uint32_t code;

		status = hpc_dictionary_code(m->env, &m->features[feature].categories,
									 values[i].bytes, values[i].nbytes, &code);
		if (status == HPC_OK && hpc_poll(m->env, i))
			status = HPC_CANCELLED;
	}
	hpc_free(m->env, values);
	m->features[feature].nvalues = m->features[feature].nbins = (uint32_t) n;
	return status;
}

/* What the categories of a model are among all. */
static hpc_status
place_levels(merger *m, int model, int feature)
{
	hpc_model_feature own;
	hpc_status status = HPC_OK;
	uint32_t *level_of;

	hpc_model_feature_at(m->models[model], feature, &own);
	level_of = hpc_alloc(m->env, own.ncategories, sizeof(uint32_t));
	m->level_of[model][feature] = level_of;
	if (level_of == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t k = 0; k < own.ncategories && status == HPC_OK; k++)
	{
		uint32_t nbytes;
		const char *bytes =
			hpc_model_category(m->models[model], feature, k, &nbytes);

		status = hpc_dictionary_code(m->env, &m->features[feature].categories,
									 bytes, nbytes, &level_of[k]);
		if (status == HPC_OK && hpc_poll(m->env, k))
			status = HPC_CANCELLED;
	}
	return status;
}

static hpc_status
pool_categories(merger *m, int feature)
{
	uint64_t most = 0;
	hpc_status status;

	for (int i = 0; i < m->nmodels; i++)
	{
		hpc_model_feature own;

		hpc_model_feature_at(m->models[i], feature, &own);
		most += own.ncategories;
	}
	status = unite_all(m, feature, most);
	for (int i = 0; i < m->nmodels && status == HPC_OK; i++)
		status = place_levels(m, i, feature);
	return status;
}

static hpc_status
pool_feature(merger *m, int index)
{
	hpc_feature *feature = &m->features[index];

	feature->min = feature->max = NAN;
	for (int i = 0; i < m->nmodels; i++)
	{
		hpc_model_feature own;

		hpc_model_feature_at(m->models[i], index, &own);
		feature->name = own.name;
		feature->kind = own.kind;
		feature->min = fmin(feature->min, own.min);
		feature->max = fmax(feature->max, own.max);
		if (has_own_data(m, i))
			feature->nmissing += own.nmissing;
		m->monotone[index] = (int8_t) own.monotone;
		m->gain[index] = hpc_model_number(m->gain[index] + own.gain);
	}
	return feature->kind == HPC_CATEGORY ? pool_categories(m, index) : HPC_OK;
}

/* ---------- trees ---------- */

/* Words of sets that a tree needs among the categories of all models. */
static uint64_t
count_words(const merger *m, int model, uint32_t tree)
{
	uint32_t nnodes = hpc_model_tree_size(m->models[model], tree);
	uint64_t nwords = 0;

	for (uint32_t i = 0; i < nnodes; i++)
	{
		hpc_model_node node;

		hpc_model_node_at(m->models[model], tree, i, &node);
		if (node.set != NULL)
			nwords += hpc_set_words(m->features[node.feature].nvalues);
	}
	return nwords;
}

/* A set of a model's categories as one of all categories. */
static void
translate_set(const merger *m, int model, const hpc_model_node *node,
			  uint32_t *set)
{
	const uint32_t *level_of = m->level_of[model][node->feature];
	uint32_t nvalues = m->features[node->feature].nvalues;
	uint32_t nwords = hpc_set_words(nvalues);
	hpc_model_feature own;

	hpc_model_feature_at(m->models[model], node->feature, &own);
	memset(set, node->missing_left ? 0xff : 0, nwords * sizeof(uint32_t));
	set[nwords - 1] &= (UINT32_C(1) << nvalues % 32) - 1;
	for (uint32_t k = 0; k < own.ncategories; k++)
	{
		uint32_t bit = UINT32_C(1) << level_of[k] % 32;

		if (node->set[k / 32] >> k % 32 & 1)
			set[level_of[k] / 32] |= bit;
		else
			set[level_of[k] / 32] &= ~bit;
	}
}

/* Brings a tree of a model into the form that the writer takes. */
static hpc_status
translate_tree(merger *m, int model, uint32_t which)
{
	hpc_tree *tree = &m->tree;

	tree->nnodes = hpc_model_tree_size(m->models[model], which);
	tree->nset_words = 0;
	memset(tree->nodes, 0, tree->nnodes * sizeof(hpc_tree_node));
	for (uint32_t i = 0; i < tree->nnodes; i++)
	{
		hpc_tree_node *node = &tree->nodes[i];
		hpc_model_node from;

		hpc_model_node_at(m->models[model], which, i, &from);
		node->left = from.left;
		node->cover = from.cover;
		if (from.left == 0)
		{
			node->value = from.value;
			continue;
		}
		node->feature = (uint16_t) from.feature;
		node->missing_left = from.missing_left;
		node->threshold = from.threshold;
		if (from.set != NULL)
		{
			node->at.set = tree->nset_words;
			translate_set(m, model, &from, tree->sets + tree->nset_words);
			tree->nset_words +=
				hpc_set_words(m->features[from.feature].nvalues);
		}
		if (hpc_poll(m->env, i))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

static hpc_digest
digest_of_tree(const hpc_tree *tree)
{
	hpc_sha256 sha;

	hpc_sha256_begin(&sha);
	hpc_sha256_add(&sha, tree->nodes, tree->nnodes * sizeof(hpc_tree_node));
	hpc_sha256_add(&sha, tree->sets, tree->nset_words * sizeof(uint32_t));
	return hpc_sha256_end(&sha);
}

static hpc_status
count_trees(merger *m)
{
	const hpc_parameter *trees =
		hpc_parameter_find(m->summaries[0].algorithm, "trees");
	uint64_t n = 0;

	for (int i = 0; i < m->nmodels; i++)
		n += m->summaries[i].ntrees;
	if ((double) n > trees->max)
		return hpc_fail(m->env, HPC_LIMIT,
						"merged forest would have %llu trees, and may have "
						"%.0f",
						(unsigned long long) n, trees->max);
	m->ntrees = (uint32_t) n;
	return HPC_OK;
}

/* Room for the largest tree, and for what is known of each. */
static hpc_status
make_room_for_trees(merger *m)
{
	uint32_t most_nodes = 1;
	uint64_t most_words = 1;

	for (int i = 0; i < m->nmodels; i++)
	{
		for (uint32_t tree = 0; tree < m->summaries[i].ntrees; tree++)
		{
			uint32_t nnodes = hpc_model_tree_size(m->models[i], tree);
			uint64_t nwords = count_words(m, i, tree);

			most_nodes = nnodes > most_nodes ? nnodes : most_nodes;
			most_words = nwords > most_words ? nwords : most_words;
			if (hpc_cancelled(m->env))
				return HPC_CANCELLED;
		}
	}
	if (most_words > HPC_MODEL_MAX_BYTES / sizeof(uint32_t))
		return hpc_fail(m->env, HPC_LIMIT,
						"a tree has too many splits by category");
	m->tree.nodes = hpc_alloc(m->env, most_nodes, sizeof(hpc_tree_node));
	m->tree.sets = hpc_alloc(m->env, most_words, sizeof(uint32_t));
	m->trees = hpc_alloc(m->env, m->ntrees, sizeof(pooled_tree));
	m->order = hpc_alloc(m->env, m->ntrees, sizeof(uint32_t));
	if (m->tree.nodes == NULL || m->tree.sets == NULL || m->trees == NULL ||
		m->order == NULL)
		return HPC_NO_MEMORY;
	return HPC_OK;
}

static hpc_status
refuse_common(merger *m, const pooled_tree *tree)
{
	hpc_fail(m->env, HPC_BAD_PARAMETER,
			 "models to be merged have a tree in common");
	hpc_fail_detail(m->env, "It is tree %u of seed %lld.", tree->key.number,
					(long long) tree->key.seed);
	hpc_fail_hint(m->env, "Train them with different seeds, or on different "
						  "rows.");
	return HPC_BAD_PARAMETER;
}

/* By seed, number and content; no two are the same. */
static hpc_status
sort_trees(merger *m)
{
	sort_key *keys = hpc_alloc(m->env, m->ntrees, sizeof(sort_key));
	hpc_status status;

	if (keys == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t i = 0; i < m->ntrees; i++)
	{
		keys[i].word[0] = (uint64_t) m->trees[i].key.seed ^ UINT64_C(1) << 63;
		keys[i].word[1] = m->trees[i].key.number;
		memcpy(&keys[i].word[2], &m->trees[i].content, sizeof(hpc_digest));
	}
	status = sort_items(m->env, m->ntrees, keys, m->order);
	for (uint32_t i = 1; i < m->ntrees && status == HPC_OK; i++)
	{
		if (memcmp(&keys[m->order[i - 1]], &keys[m->order[i]],
				   sizeof(sort_key)) == 0)
			status = refuse_common(m, &m->trees[m->order[i]]);
	}
	hpc_free(m->env, keys);
	return status;
}

static hpc_status
order_trees(merger *m)
{
	uint32_t n = 0;

	for (int i = 0; i < m->nmodels; i++)
	{
		hpc_model_view view;

		hpc_model_open(m->models[i], &view);
		for (uint32_t tree = 0; tree < m->summaries[i].ntrees; tree++, n++)
		{
			hpc_status status = translate_tree(m, i, tree);

			if (status != HPC_OK)
				return status;
			m->trees[n] = (pooled_tree){.key = hpc_model_tree_key(&view, tree),
										.content = digest_of_tree(&m->tree),
										.model = i,
										.tree = tree};
		}
	}
	return sort_trees(m);
}

static hpc_status
write_trees(merger *m, hpc_writer *writer)
{
	hpc_status status = HPC_OK;

	for (uint32_t i = 0; i < m->ntrees && status == HPC_OK; i++)
	{
		const pooled_tree *tree = &m->trees[m->order[i]];

		status = translate_tree(m, tree->model, tree->tree);
		if (status == HPC_OK)
			status = hpc_writer_add_tree(m->env, writer, &m->tree);
		if (status == HPC_OK)
			status = hpc_writer_add_key(m->env, writer, tree->key);
	}
	return status;
}

/* ---------- the model ---------- */

/* Trees carry their model's mean of exp(residual) into the pool. */
static double
pool_smearing(const merger *m)
{
	double sum = 0;

	for (int i = 0; i < m->nmodels; i++)
		sum += m->summaries[i].smearing * (double) m->summaries[i].ntrees /
			   (double) m->ntrees;
	return sum;
}

static hpc_status
write_merged(merger *m, hpc_training_record *record, void **model,
			 size_t *nbytes)
{
	hpc_params params = m->summaries[0].params;
	hpc_texts texts = m->summaries[0].texts;
	hpc_writer *writer;
	hpc_status status;

	params.trees = m->ntrees;
	params.seed = m->trees[m->order[0]].key.seed;
	for (int i = 1; i < m->nmodels; i++)
	{
		if (!hpc_merge_same_text(texts.params, m->summaries[i].texts.params))
			texts.params = NULL;
	}
	hpc_model_record_params(&params, record);
	record->smearing = pool_smearing(m);
	record->oob_mae = record->oob_rmse = record->oob_r2 = NAN;
	writer = hpc_writer_create(m->env, &m->frame);
	if (writer == NULL)
		return HPC_NO_MEMORY;
	hpc_writer_set_version(writer, m->summaries[0].algorithm_version);
	hpc_writer_set_monotone(writer, m->monotone);
	hpc_writer_add_gain(writer, m->gain);
	status = write_trees(m, writer);
	if (status == HPC_OK)
		status =
			hpc_writer_finish(m->env, writer, record, &texts, model, nbytes);
	hpc_writer_free(m->env, writer);
	return status;
}

/* The models by their digests, whatever order they came in. */
static hpc_status
sort_models(merger *m, const hpc_model *const *models)
{
	uint32_t n = (uint32_t) m->nmodels;
	sort_key *keys = hpc_alloc0(m->env, n, sizeof(sort_key));
	uint32_t *order = hpc_alloc(m->env, n, sizeof(uint32_t));
	hpc_status status = HPC_NO_MEMORY;

	if (keys != NULL && order != NULL)
	{
		for (uint32_t i = 0; i < n; i++)
			memcpy(keys[i].word, &models[i]->digest, sizeof(hpc_digest));
		status = sort_items(m->env, n, keys, order);
	}
	for (uint32_t i = 0; i < n && status == HPC_OK; i++)
	{
		m->models[i] = models[order[i]];
		hpc_model_summarize(m->models[i], &m->summaries[i]);
	}
	hpc_free(m->env, keys);
	hpc_free(m->env, order);
	return status;
}

static hpc_status
begin_merger(merger *m, const hpc_model *const *models)
{
	size_t nmodels = (size_t) m->nmodels;
	size_t nfeatures;
	hpc_status status;

	m->models = hpc_alloc(m->env, nmodels, sizeof(hpc_model *));
	m->summaries = hpc_alloc(m->env, nmodels, sizeof(hpc_model_summary));
	m->level_of = hpc_alloc0(m->env, nmodels, sizeof(uint32_t **));
	if (m->models == NULL || m->summaries == NULL || m->level_of == NULL)
		return HPC_NO_MEMORY;
	status = sort_models(m, models);
	if (status != HPC_OK)
		return status;
	nfeatures = (size_t) m->summaries[0].nfeatures;
	m->frame.nfeatures = (int) nfeatures;
	m->frame.log_target = m->summaries[0].log_scale;
	m->frame.features = m->features =
		hpc_alloc0(m->env, nfeatures, sizeof(hpc_feature));
	m->monotone = hpc_alloc0(m->env, nfeatures, sizeof(int8_t));
	m->gain = hpc_alloc0(m->env, nfeatures, sizeof(double));
	if (m->features == NULL || m->monotone == NULL || m->gain == NULL)
		return HPC_NO_MEMORY;
	for (int i = 0; i < m->nmodels; i++)
	{
		m->level_of[i] = hpc_alloc0(m->env, nfeatures, sizeof(uint32_t *));
		if (m->level_of[i] == NULL)
			return HPC_NO_MEMORY;
	}
	return HPC_OK;
}

static void
end_merger(merger *m)
{
	hpc_env *env = m->env;
	int nfeatures = m->frame.nfeatures;

	for (int i = 0; m->level_of != NULL && i < m->nmodels; i++)
	{
		for (int k = 0; m->level_of[i] != NULL && k < nfeatures; k++)
			hpc_free(env, m->level_of[i][k]);
		hpc_free(env, m->level_of[i]);
	}
	for (int k = 0; m->features != NULL && k < nfeatures; k++)
		hpc_dictionary_free(env, &m->features[k].categories);
	hpc_sketch_free(env, &m->frame.sketch);
	hpc_free(env, m->level_of);
	hpc_free(env, m->models);
	hpc_free(env, m->summaries);
	hpc_free(env, m->features);
	hpc_free(env, m->monotone);
	hpc_free(env, m->gain);
	hpc_free(env, m->trees);
	hpc_free(env, m->order);
	hpc_free(env, m->tree.nodes);
	hpc_free(env, m->tree.sets);
}

static hpc_status
copy_model(hpc_env *env, const hpc_model *model, void **copy, size_t *nbytes)
{
	*nbytes = model->nbytes;
	*copy = hpc_alloc(env, 1, model->nbytes);
	if (*copy == NULL)
		return HPC_NO_MEMORY;
	if (hpc_copy(env, *copy, model, model->nbytes) == HPC_OK)
		return HPC_OK;
	hpc_free(env, *copy);
	return HPC_CANCELLED;
}

hpc_status
hpc_model_merge(hpc_env *env, const hpc_model *const *models, int nmodels,
				void **model, size_t *nbytes)
{
	merger m = {.env = env, .nmodels = nmodels};
	hpc_training_record record = {0};
	hpc_status status = begin_merger(&m, models);

	if (status == HPC_OK)
		status = hpc_merge_check(env, m.models, m.summaries, nmodels);
	if (status == HPC_OK && nmodels == 1)
	{
		end_merger(&m);
		return copy_model(env, models[0], model, nbytes);
	}
	if (status == HPC_OK)
		status = count_trees(&m);
	if (status == HPC_OK)
		status = pool_data(&m, &record);
	if (status == HPC_OK)
		status = pool_sketches(&m);
	for (int i = 0; i < m.frame.nfeatures && status == HPC_OK; i++)
		status = pool_feature(&m, i);
	if (status == HPC_OK)
		status = make_room_for_trees(&m);
	if (status == HPC_OK)
		status = order_trees(&m);
	if (status == HPC_OK)
		status = write_merged(&m, &record, model, nbytes);
	end_merger(&m);
	return status;
}
