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
 * unknown category.
 */
#include <math.h>
#include <string.h>

#include "hpc_dictionary.h"
#include "hpc_model.h"

#define NO_CODE UINT32_MAX
#define TREES_AT_ONCE 16

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

static inline bool
goes_left(const hpc_model_view *view, const hpc_node *node,
		  const uint32_t *codes)
{
	uint32_t feature = node->u.split.feature;
	uint32_t code = codes[feature];

	if (code == NO_CODE)
		return node->u.split.flags & HPC_NODE_MISSING_LEFT;
	if (view->features[feature].kind == HPC_CATEGORY)
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

double
hpc_model_predict(const hpc_model *model, const hpc_value *values,
				  uint32_t *codes)
{
	hpc_model_view view;
	double mean;

	hpc_model_open(model, &view);
	if (view.training->ntrees == 0)
		return view.training->target_mean;
	code_row(&view, values, codes);
	mean = mean_leaf(&view, codes, 1);
	/* leaves near the largest double: a sum overflows, the mean does not */
	return isfinite(mean) ? mean : mean_leaf(&view, codes, 0x1p-20) * 0x1p20;
}

hpc_hash
hpc_model_row_hash(const hpc_model *model, const hpc_value *values,
				   double target)
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
	return hpc_hash_combine(hash,
							hpc_value_hash(hpc_column_key("", HPC_NUMBER),
										   HPC_NUMBER, &target_value));
}
