/*
 * hpc_predict.c
 *		Predicting one row with a model, in place.
 *
 * The values of the row become codes once, by binary search among the
 * thresholds (or categories) that the model's splits use; the trees then
 * compare integers.  A value x goes left of threshold t_k when x <= t_k,
 * that is when the number of thresholds below x is at most k.
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

#include "hpc_dictionary.h"
#include "hpc_model.h"

#define NO_CODE UINT32_MAX
#define TREES_AT_ONCE 16

/* Adds up whatever fits into a model without overflow. */
#define LARGE_UNIT 0x1p40

/* ---------- codes ---------- */

/* Number of thresholds below x. */
static uint32_t
code_number(const double *thresholds, uint32_t n, double x)
{
	uint32_t low = 0;

	while (n > 0)
	{
		uint32_t half = n / 2;

		if (thresholds[low + half] < x)
		{
			low += half + 1;
			n -= half + 1;
		}
		else
			n = half;
	}
	return low;
}

/* Index of the category, or NO_CODE. */
static uint32_t
code_category(const hpc_model_view *view, const hpc_feature_record *feature,
			  const hpc_value *value)
{
	const hpc_string *categories = view->categories + feature->first_category;
	uint32_t low = 0;
	uint32_t high = feature->ncategories;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;
		int order =
			hpc_compare_bytes(view->strings + categories[middle].offset,
							  categories[middle].nbytes, value->bytes,
							  value->nbytes);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NO_CODE;
}

static void
code_row(const hpc_model_view *view, const hpc_value *values, uint32_t *codes)
{
	for (uint32_t i = 0; i < view->nfeatures; i++)
	{
		const hpc_feature_record *feature = &view->features[i];
		const hpc_value *value = &values[i];

		if (feature->nsplits == 0 || value->missing)
			codes[i] = NO_CODE;
		else if (feature->kind == HPC_CATEGORY)
			codes[i] = code_category(view, feature, value);
		else if (isnan(value->number))
			codes[i] = NO_CODE;
		else
			codes[i] = code_number(view->thresholds + feature->first_threshold,
								   feature->nthresholds, value->number);
	}
}

/* ---------- trees ---------- */

static inline bool
goes_left(const hpc_model_view *view, const hpc_node *node,
		  const uint32_t *codes)
{
	uint32_t code = codes[node->u.split.feature];

	if (code == NO_CODE)
		return node->u.split.flags & HPC_NODE_MISSING_LEFT;
	if (node->u.split.flags & HPC_NODE_SET)
		return view->sets[node->u.split.cut + code / 32] >> (code % 32) & 1;
	return code <= node->u.split.cut;
}

/*
 * Leaves of ntrees <= TREES_AT_ONCE trees from the first one on.  They are
 * walked in step, so that their misses of the cache overlap.
 */
static void
walk(const hpc_model_view *view, uint32_t first, uint32_t ntrees,
	 const uint32_t *codes, double *leaves)
{
	const hpc_node *at[TREES_AT_ONCE];
	uint32_t nwalking = ntrees;

	for (uint32_t i = 0; i < ntrees; i++)
		at[i] = view->nodes + view->trees[first + i];
	while (nwalking > 0)
	{
		nwalking = 0;
		for (uint32_t i = 0; i < ntrees; i++)
		{
			const hpc_node *tree = view->nodes + view->trees[first + i];

			if (at[i]->left == 0)
				continue;
			at[i] = tree + at[i]->left + !goes_left(view, at[i], codes);
			__builtin_prefetch(at[i]);
			nwalking++;
		}
	}
	for (uint32_t i = 0; i < ntrees; i++)
		memcpy(&leaves[i], at[i]->u.value, sizeof(double));
}

/*
 * Mean of the leaves times unit, added in the order of the trees as distances
 * from the first: the mean of equal leaves is that leaf, and no mean lies
 * beyond the leaves.
 */
static double
mean_leaf(const hpc_model_view *view, const uint32_t *codes, double unit)
{
	uint32_t ntrees = view->training->ntrees;
	double leaves[TREES_AT_ONCE];
	double origin = 0;
	double sum = 0;

	for (uint32_t first = 0; first < ntrees; first += TREES_AT_ONCE)
	{
		uint32_t n =
			ntrees - first < TREES_AT_ONCE ? ntrees - first : TREES_AT_ONCE;

		walk(view, first, n, codes, leaves);
		if (first == 0)
			origin = leaves[0] * unit;
		for (uint32_t i = 0; i < n; i++)
			sum += leaves[i] * unit - origin;
	}
	return origin + sum / ntrees;
}

/* Base plus the leaves times unit, added in the order of the trees. */
static double
sum_leaves(const hpc_model_view *view, const uint32_t *codes, double unit)
{
	uint32_t ntrees = view->training->ntrees;
	double leaves[TREES_AT_ONCE];
	double sum = view->training->base * unit;

	for (uint32_t first = 0; first < ntrees; first += TREES_AT_ONCE)
	{
		uint32_t n =
			ntrees - first < TREES_AT_ONCE ? ntrees - first : TREES_AT_ONCE;

		walk(view, first, n, codes, leaves);
		for (uint32_t i = 0; i < n; i++)
			sum += leaves[i] * unit;
	}
	return sum;
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
term_of_category(const hpc_model_view *view, uint32_t feature,
				 const hpc_value *value)
{
	const hpc_linear_term *term = &view->terms[feature];
	uint32_t code;

	if (value->missing)
		return term->missing;
	code = code_category(view, &view->features[feature], value);
	return code != NO_CODE ? view->levels[term->first_level + code]
						   : term->unknown;
}

/* Base plus the terms times unit, added in the order of the features. */
static double
sum_terms(const hpc_model_view *view, const hpc_value *values, double unit)
{
	double sum = view->training->base * unit;

	for (uint32_t i = 0; i < view->nfeatures; i++)
	{
		const hpc_linear_term *term = &view->terms[i];
		const hpc_value *value = &values[i];

		if (view->features[i].kind == HPC_CATEGORY)
			sum += term_of_category(view, i, value) * unit;
		else if (value->missing || isnan(value->number))
		{
			sum +=
				hpc_model_number(hpc_linear_term_of_number(term, term->fill)) *
				unit;
			sum += term->missing * unit;
		}
		else
			sum += hpc_model_number(
					   hpc_linear_term_of_number(term, value->number)) *
				   unit;
	}
	return sum;
}

/* ---------- the whole model ---------- */

/* What was learned, combined, times unit. */
static double
combine(const hpc_model_view *view, const hpc_value *values,
		const uint32_t *codes, double unit)
{
	if (view->nterms > 0)
		return sum_terms(view, values, unit);
	if (view->training->combine == HPC_COMBINE_MEAN)
		return mean_leaf(view, codes, unit);
	return sum_leaves(view, codes, unit);
}

/* From the learned scale to that of the target. */
static double
retransform(const hpc_training_record *training, double raw)
{
	double value;

	if (training->log_scale == 0)
		return raw;
	value = hpc_exp(raw);
	if (training->settings.retransform == HPC_RETRANSFORM_MEAN)
		value *= training->smearing;
	return hpc_model_number(value);
}

/* A member's prediction on the scale of its blend. */
static double
predict_member(const hpc_model *member, bool log_scale,
			   const hpc_value *values, uint32_t *codes)
{
	double raw = hpc_model_predict_raw(member, values, codes);
	hpc_model_view view;

	hpc_model_open(member, &view);
	if (!log_scale)
		return retransform(view.training, raw);
	if (view.training->settings.retransform == HPC_RETRANSFORM_MEAN)
		raw += hpc_log(view.training->smearing);
	return raw;
}

/*
 * Mean of the members, added as distances from the first: the mean of equal
 * predictions is that prediction.  Where distances overflow, shares do not.
 */
static double
mean_member(const hpc_model_view *view, const hpc_value *values,
			uint32_t *codes)
{
	bool log_scale = view->training->log_scale != 0;
	uint64_t at = 0;
	uint32_t nmembers = 0;
	double origin = 0;
	double sum = 0;
	double scaled = 0;

	while (at < view->nmember_bytes)
	{
		const hpc_model *member = (const hpc_model *) (view->members + at);
		double x = predict_member(member, log_scale, values, codes);

		if (nmembers == 0)
			origin = x;
		sum += x - origin;
		scaled += x / LARGE_UNIT;
		nmembers++;
		at += member->nbytes;
	}
	return isfinite(sum) ? origin + sum / nmembers
						 : hpc_model_number(scaled / nmembers * LARGE_UNIT);
}

double
hpc_model_predict_raw(const hpc_model *model, const hpc_value *values,
					  uint32_t *codes)
{
	hpc_model_view view;
	double raw;

	hpc_model_open(model, &view);
	if (view.nmember_bytes > 0)
		return mean_member(&view, values, codes);
	if (view.training->ntrees > 0)
		code_row(&view, values, codes);
	raw = combine(&view, values, codes, 1);
	if (isfinite(raw))
		return raw;
	return hpc_model_number(combine(&view, values, codes, 1 / LARGE_UNIT) *
							LARGE_UNIT);
}

double
hpc_model_predict(const hpc_model *model, const hpc_value *values,
				  uint32_t *codes)
{
	double raw = hpc_model_predict_raw(model, values, codes);
	hpc_model_view view;

	hpc_model_open(model, &view);
	return retransform(view.training, raw);
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
