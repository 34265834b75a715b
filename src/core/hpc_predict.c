/*
 * hpc_predict.c
 *		Predicting one row with a model, in place.
 *
 * The values of the row become codes once (hpc_coder.h); the trees then
 * compare integers.  Trees are walked, or, by a predictor, looked up in masks
 * (hpc_masks.h).
 *
 * What training never saw goes where missing goes: a missing value, NaN, an
 * unknown category.  (A linear model has a coefficient for each.)
 *
 * Predictions are finite.  A sum that overflows is taken again in units so
 * large that it does not, and what still lies beyond the largest double, as
 * the exponential of a logarithm may, is the largest double.
 */
#include <math.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_predict.h"

/* Pairs walked at a time; leaves that are looked for before they are added. */
#define WALKERS 48
#define MAX_LEAVES_AT_ONCE HPC_MASKS_GROUP

/* ---------- trees ---------- */

/* A walk that is under way. */
typedef struct walker
{
	const hpc_node *tree;
	const hpc_node *at;
	const uint32_t *codes;
	double *leaf; /* for where it ends */
} walker;

/* The pairs whose walk has not begun. */
typedef struct pairs
{
	const uint32_t *tree; /* of the next: its first node */
	uint32_t tree_step;
	const uint32_t *codes;
	size_t code_step;
	double *leaf;
	const double *end; /* of the leaves */
} pairs;

static inline void
begin_walk(walker *w, pairs *next, const hpc_node *nodes)
{
	w->tree = w->at = nodes + *next->tree;
	w->codes = next->codes;
	w->leaf = next->leaf++;
	next->tree += next->tree_step;
	next->codes += next->code_step;
}

/*
 * Many pairs are walked at a time, in step, so that their misses of the cache
 * overlap: where one ends, the next begins.
 */
static void
walk_pairs(const hpc_model_view *view, pairs next)
{
	walker walkers[WALKERS];
	uint32_t nwalkers = next.end - next.leaf < WALKERS
							? (uint32_t) (next.end - next.leaf)
							: WALKERS;

	for (uint32_t i = 0; i < nwalkers; i++)
		begin_walk(&walkers[i], &next, view->nodes);
	while (nwalkers > 0)
	{
		for (uint32_t i = 0; i < nwalkers; i++)
		{
			walker *w = &walkers[i];
			const hpc_node *node = w->at;

			if (node->left != 0)
				w->at = w->tree + node->left +
						hpc_goes_right(view, node, w->codes);
			else
			{
				memcpy(w->leaf, node->u.value, sizeof(double));
				if (next.leaf < next.end)
					begin_walk(w, &next, view->nodes);
				else
					*w = walkers[--nwalkers];
			}
			__builtin_prefetch(w->at);
		}
	}
}

void
hpc_walk(const hpc_model_view *view, uint32_t first_tree, uint32_t tree_step,
		 const uint32_t *codes, size_t code_step, uint32_t n, double *leaves)
{
	walk_pairs(view, (pairs){view->trees + first_tree, tree_step, codes,
							 code_step, leaves, leaves + n});
}

void
hpc_walk_trees(const hpc_model_view *view, const uint32_t *roots,
			   const uint32_t *codes, uint32_t n, double *leaves)
{
	walk_pairs(view, (pairs){roots, 1, codes, 0, leaves, leaves + n});
}

/*
 * Leaves of the n-th bunch of trees: each but the last has as many, at most
 * MAX_LEAVES_AT_ONCE.  Answers how many, 0 beyond the last.
 */
static uint32_t
bunch_of_leaves(const hpc_model_view *view, const hpc_masks *masks,
				const uint32_t *codes, uint32_t n, double *leaves)
{
	uint32_t ntrees = view->training->ntrees;
	uint64_t first = (uint64_t) n * MAX_LEAVES_AT_ONCE;

	if (masks != NULL)
		return hpc_masks_leaves(masks, codes, n, leaves);
	if (first >= ntrees)
		return 0;
	if (ntrees - first > MAX_LEAVES_AT_ONCE)
		ntrees = (uint32_t) first + MAX_LEAVES_AT_ONCE;
	hpc_walk(view, (uint32_t) first, 1, codes, 0, ntrees - (uint32_t) first,
			 leaves);
	return ntrees - (uint32_t) first;
}

static double
combine_leaves(const hpc_model_view *view, const hpc_masks *masks,
			   const uint32_t *codes, double unit)
{
	double leaves[MAX_LEAVES_AT_ONCE];
	uint32_t nleaves = bunch_of_leaves(view, masks, codes, 0, leaves);
	hpc_tally tally;

	hpc_tally_begin(&tally, view->training, nleaves > 0 ? leaves[0] : 0, unit);
	for (uint32_t n = 1; nleaves > 0; n++)
	{
		for (uint32_t i = 0; i < nleaves; i++)
		{
			/* nleaves are written; NOLINTNEXTLINE(clang-analyzer-core.*) */
			hpc_tally_add(&tally, leaves[i], unit);
		}
		nleaves = bunch_of_leaves(view, masks, codes, n, leaves);
	}
	return hpc_tally_end(&tally, view->training);
}

double
hpc_predict_trees(const hpc_model_view *view, const hpc_masks *masks,
				  const uint32_t *codes)
{
	double raw = combine_leaves(view, masks, codes, 1);

	if (isfinite(raw))
		return raw;
	return hpc_model_number(
		combine_leaves(view, masks, codes, 1 / HPC_LARGE_UNIT) *
		HPC_LARGE_UNIT);
}

/* ---------- linear terms ---------- */

double
hpc_linear_term_of_number(const hpc_linear_term *term, double number)
{
	double x = number < term->low    ? term->low
			   : number > term->high ? term->high
									 : number;

	return term->coefficient *
		   ((term->log1p != 0 ? hpc_log1p(x) : x) - term->center);
}

static double
term_of_category(const hpc_model_view *view, const hpc_coder *coder,
				 uint32_t feature, const hpc_value *value)
{
	const hpc_linear_term *term = &view->terms[feature];
	uint32_t code;

	if (value->missing)
		return term->missing;
	code = hpc_code_category(view, coder, feature, value);
	return code != HPC_NO_CODE ? view->levels[term->first_level + code]
							   : term->unknown;
}

int
hpc_predict_term(const hpc_model_view *view, const hpc_coder *coder,
				 uint32_t feature, const hpc_value *value, double parts[2])
{
	const hpc_linear_term *term = &view->terms[feature];
	bool missing;

	if (view->features[feature].kind == HPC_CATEGORY)
	{
		parts[0] = term_of_category(view, coder, feature, value);
		return 1;
	}
	missing = value->missing || isnan(value->number);
	parts[0] = hpc_model_number(
		hpc_linear_term_of_number(term, missing ? term->fill : value->number));
	parts[1] = term->missing;
	return missing ? 2 : 1;
}

/* Base plus the terms times unit, added in the order of the features. */
static double
sum_terms(const hpc_model_view *view, const hpc_coder *coder,
		  const hpc_value *values, double unit)
{
	double sum = view->training->base * unit;

	for (uint32_t i = 0; i < view->nfeatures; i++)
	{
		double parts[2];
		int nparts = hpc_predict_term(view, coder, i, &values[i], parts);

		for (int j = 0; j < nparts; j++)
			sum += parts[j] * unit;
	}
	return sum;
}

double
hpc_predict_terms(const hpc_model_view *view, const hpc_coder *coder,
				  const hpc_value *values)
{
	double raw = sum_terms(view, coder, values, 1);

	if (isfinite(raw))
		return raw;
	return hpc_model_number(
		sum_terms(view, coder, values, 1 / HPC_LARGE_UNIT) * HPC_LARGE_UNIT);
}

/* ---------- blends ---------- */

void
hpc_blend_add(hpc_blend_tally *tally, const hpc_training_record *blend,
			  const hpc_training_record *member, double raw)
{
	double x = raw;

	if (blend->log_scale == 0)
		x = hpc_predict_retransform(member, raw);
	else if (member->settings.retransform == HPC_RETRANSFORM_MEAN)
		x += hpc_log(member->smearing);
	if (tally->nmembers == 0)
		tally->origin = x;
	tally->sum += x - tally->origin;
	tally->scaled += x / HPC_LARGE_UNIT;
	tally->nmembers++;
}

double
hpc_blend_end(const hpc_blend_tally *tally)
{
	return isfinite(tally->sum)
			   ? tally->origin + tally->sum / tally->nmembers
			   : hpc_model_number(tally->scaled / tally->nmembers *
								  HPC_LARGE_UNIT);
}

/* ---------- the whole model ---------- */

double
hpc_predict_retransform(const hpc_training_record *training, double raw)
{
	double value;

	if (training->log_scale == 0)
		return raw;
	value = hpc_exp(raw);
	if (training->settings.retransform == HPC_RETRANSFORM_MEAN)
		value *= training->smearing;
	return hpc_model_number(value);
}

static double
predict_blend(const hpc_model_view *view, const hpc_predictor *predictor,
			  const hpc_value *values, uint32_t *codes)
{
	hpc_blend_tally tally = {0};
	uint64_t at = 0;

	while (at < view->nmember_bytes)
	{
		const hpc_model *member = (const hpc_model *) (view->members + at);
		const hpc_predictor *its =
			predictor != NULL ? predictor->members[tally.nmembers] : NULL;
		hpc_model_view inner;

		hpc_model_open(member, &inner);
		hpc_blend_add(&tally, view->training, inner.training,
					  hpc_predict_raw(&inner, its, values, codes));
		at += member->nbytes;
	}
	return hpc_blend_end(&tally);
}

double
hpc_predict_raw(const hpc_model_view *view, const hpc_predictor *predictor,
				const hpc_value *values, uint32_t *codes)
{
	const hpc_coder *coder = predictor != NULL ? predictor->coder : NULL;
	const hpc_masks *masks = predictor != NULL ? predictor->masks : NULL;

	if (view->nmember_bytes > 0)
		return predict_blend(view, predictor, values, codes);
	if (view->nterms > 0)
		return hpc_predict_terms(view, coder, values);
	if (view->training->ntrees > 0)
		hpc_code_row(view, coder, values, codes);
	if (masks != NULL)
		hpc_masks_slots(masks, codes);
	return hpc_predict_trees(view, masks, codes);
}

double
hpc_predictor_predict(const hpc_predictor *predictor, const hpc_model *model,
					  const hpc_value *values, uint32_t *codes)
{
	hpc_model_view view;

	hpc_model_open(model, &view);
	return hpc_predict_retransform(view.training,
								   hpc_predict_raw(&view, predictor, values,
												   codes));
}

double
hpc_model_predict(const hpc_model *model, const hpc_value *values,
				  uint32_t *codes)
{
	return hpc_predictor_predict(NULL, model, values, codes);
}

/*
 * A node or a word of a set takes about as long to put into masks as masks
 * save in one tree and row; a threshold or category is put into a table in a
 * small part of what tables save in one row.
 */
/*
 * Measured: a feature is bound and coded, a small tree looked up in masks, a
 * level of a large one waited for where the model is larger than the caches.
 */
#define FEATURE_TIME 10
#define SMALL_TREE_TIME 3
#define LEVEL_TIME 3
#define FAR_LEVEL_TIME 10
#define SMALL_TREE_LEVELS 7 /* up to 127 nodes */
#define CACHED_BYTES ((uint64_t) 4 << 20)

double
hpc_predict_time(const hpc_model *model)
{
	hpc_model_summary summary;
	double time;

	hpc_model_summarize(model, &summary);
	time = FEATURE_TIME * (1 + (double) summary.nfeatures);
	for (int i = 0; i < summary.nmembers; i++)
		time += hpc_predict_time(hpc_model_member(model, i));
	if (summary.ntrees > 0)
	{
		double level =
			model->nbytes > CACHED_BYTES ? FAR_LEVEL_TIME : LEVEL_TIME;
		int nlevels = 0;

		while (summary.nnodes / summary.ntrees >> nlevels > 0)
			nlevels++;
		time +=
			summary.ntrees *
			(nlevels <= SMALL_TREE_LEVELS ? SMALL_TREE_TIME : level * nlevels);
	}
	return time;
}

uint64_t
hpc_predictor_rows(const hpc_model *model)
{
	hpc_model_view view;
	hpc_model_summary summary;
	uint64_t rows = 32;

	hpc_model_open(model, &view);
	hpc_model_summarize(model, &summary);
	rows += (view.nthresholds + view.ncategories) / 16;
	if (summary.ntrees > 0)
		rows += (view.nnodes + view.nset_words) / summary.ntrees;
	for (int i = 0; i < summary.nmembers; i++)
	{
		uint64_t wanted = hpc_predictor_rows(hpc_model_member(model, i));

		if (wanted > rows)
			rows = wanted;
	}
	return rows;
}

hpc_status
hpc_predictor_create(hpc_env *env, const hpc_model *model,
					 hpc_predictor **predictor)
{
	hpc_model_view view;
	hpc_model_summary summary;
	hpc_predictor *made;
	hpc_status status;

	*predictor = NULL;
	hpc_model_open(model, &view);
	hpc_model_summarize(model, &summary);
	made = hpc_alloc0(env, 1,
					  sizeof(hpc_predictor) +
						  (size_t) summary.nmembers * sizeof(hpc_predictor *));
	if (made == NULL)
		return HPC_OK;
	made->nmembers = (uint32_t) summary.nmembers;
	status = hpc_coder_create(env, &view, &made->coder);
	if (status == HPC_OK)
		status = hpc_masks_create(env, &view, &made->masks);
	for (int i = 0; i < summary.nmembers && status == HPC_OK; i++)
		status = hpc_predictor_create(env, hpc_model_member(model, i),
									  &made->members[i]);
	if (status == HPC_OK)
		*predictor = made;
	else
		hpc_predictor_free(env, made);
	return status;
}

void
hpc_predictor_free(hpc_env *env, hpc_predictor *predictor)
{
	if (predictor == NULL)
		return;
	for (uint32_t i = 0; i < predictor->nmembers; i++)
		hpc_predictor_free(env, predictor->members[i]);
	hpc_masks_free(env, predictor->masks);
	hpc_coder_free(env, predictor->coder);
	hpc_free(env, predictor);
}

/* ---------- hashes ---------- */

hpc_hash
hpc_model_row_hash(const hpc_model *model, const hpc_value *values,
				   double target, double weight)
{
	hpc_model_view view;
	hpc_value target_value = {.number = target};
	hpc_hash hash = {0, 0};

	hpc_model_open(model, &view);
	for (uint32_t i = 0; i < view.nfeatures; i++)
	{
		const hpc_feature_record *feature = &view.features[i];
		hpc_kind kind = (hpc_kind) feature->kind;
		hpc_value value = values[i];

		/* to a model NaN is a missing value */
		if (kind != HPC_CATEGORY && !value.missing && isnan(value.number))
			value.missing = true;
		hash = hpc_hash_combine(
			hash,
			hpc_value_hash(hpc_column_key(view.strings + feature->name.offset,
										  kind),
						   kind, &value));
	}
	hash =
		hpc_hash_combine(hash, hpc_value_hash(hpc_column_key("", HPC_NUMBER),
											  HPC_NUMBER, &target_value));
	return hpc_hash_weight(hash, weight);
}
