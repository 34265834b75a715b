/*
 * hpc_coder.c
 *		Codes of a row: where its values stand among what a model knows.
 */
#include <math.h>
#include <string.h>

#include "hpc_coder.h"
#include "hpc_dictionary.h"
#include "hpc_memory.h"
#include "hpc_text.h"

/* Buckets of a number: so many per threshold, and no more than a cache holds. */
#define BUCKETS_PER_THRESHOLD 16
#define MAX_BUCKETS 16384

/* Places of a hash table that are looked at; beyond, a search by halves. */
#define MAX_PROBES 8

/*
 * A finite x falls into bucket (x - low) × factor, clipped to 0 .. top.  That
 * grows with x however it is rounded: a threshold in an earlier bucket than x
 * is below it, one in a later bucket is not.
 */
typedef struct buckets
{
	double low;
	double factor;
	double top;
	uint32_t *below; /* [top + 2]: thresholds in earlier buckets */
} buckets;

/* A hash table with open addresses: index + 1 of a category, 0: none. */
typedef struct categories
{
	uint32_t mask; /* places - 1, a power of two less one */
	uint32_t *places;
} categories;

struct hpc_coder
{
	uint32_t *block; /* of all tables */
	union
	{
		buckets number;
		categories category;
	} features[]; /* [nfeatures]; cleared where there is nothing to find */
};

/* ---------- numbers ---------- */

static uint32_t
bucket_of(const buckets *b, double x)
{
	double bucket = (x - b->low) * b->factor;

	/* also where infinite times zero is no number */
	bucket = bucket > 0 ? bucket : 0;
	return (uint32_t) (bucket < b->top ? bucket : b->top);
}

static uint32_t
nbuckets_of(const hpc_feature_record *feature)
{
	return feature->nthresholds < MAX_BUCKETS / BUCKETS_PER_THRESHOLD
			   ? feature->nthresholds * BUCKETS_PER_THRESHOLD
			   : MAX_BUCKETS;
}

/* One bucket where the thresholds are too close, or too far apart. */
static void
make_buckets(buckets *b, const double *thresholds,
			 const hpc_feature_record *feature)
{
	uint32_t n = feature->nthresholds;
	uint32_t at = 0;

	b->low = thresholds[0];
	b->top = nbuckets_of(feature) - 1;
	b->factor = b->top / (thresholds[n - 1] - thresholds[0]);
	if (!isnormal(b->factor))
		b->factor = b->top = 0;
	for (uint32_t bucket = 0; bucket <= b->top; bucket++)
	{
		while (at < n && bucket_of(b, thresholds[at]) < bucket)
			at++;
		b->below[bucket] = at;
	}
	b->below[(uint32_t) b->top + 1] = n;
}

static inline uint32_t
code_in_bucket(const buckets *b, const double *thresholds, double x)
{
	uint32_t bucket = bucket_of(b, x);
	uint32_t low = b->below[bucket];

	return low +
		   hpc_code_number(thresholds + low, b->below[bucket + 1] - low, x);
}

/* ---------- categories ---------- */

static uint32_t
nplaces_of(const hpc_feature_record *feature)
{
	uint32_t nplaces = MAX_PROBES;

	while (nplaces < UINT32_MAX / 4 && nplaces < 2 * feature->ncategories)
		nplaces *= 2;
	return nplaces;
}

/* A category that finds no place is found by halves.  False: stopped. */
static bool
make_places(hpc_env *env, categories *c, const hpc_model_view *view,
			const hpc_feature_record *feature)
{
	const hpc_string *strings = view->categories + feature->first_category;

	c->mask = nplaces_of(feature) - 1;
	if (hpc_fill(env, c->places, 0,
				 ((size_t) c->mask + 1) * sizeof(uint32_t)) != HPC_OK)
		return false;
	for (uint32_t i = 0; i < feature->ncategories; i++)
	{
		uint32_t at =
			hpc_text_hash(c->places, view->strings + strings[i].offset,
						  strings[i].nbytes);

		if (hpc_poll_texts(env, i))
			return false;
		for (uint32_t probe = 0; probe < MAX_PROBES; probe++)
		{
			uint32_t *place = &c->places[(at + probe) & c->mask];

			if (*place == 0)
			{
				*place = i + 1;
				break;
			}
		}
	}
	return true;
}

static uint32_t
search_category(const hpc_model_view *view, const hpc_feature_record *feature,
				const hpc_value *value)
{
	const hpc_string *strings = view->categories + feature->first_category;
	uint32_t low = 0;
	uint32_t high = feature->ncategories;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;
		int order = hpc_compare_bytes(view->strings + strings[middle].offset,
									  strings[middle].nbytes, value->bytes,
									  value->nbytes);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return HPC_NO_CODE;
}

static uint32_t
find_category(const categories *c, const hpc_model_view *view,
			  const hpc_feature_record *feature, const hpc_value *value)
{
	const hpc_string *strings = view->categories + feature->first_category;
	uint32_t at = hpc_text_hash(c->places, value->bytes, value->nbytes);

	for (uint32_t probe = 0; probe < MAX_PROBES; probe++)
	{
		uint32_t place = c->places[(at + probe) & c->mask];

		if (place == 0)
			return HPC_NO_CODE;
		if (strings[place - 1].nbytes == value->nbytes &&
			hpc_text_is_same(view->strings + strings[place - 1].offset,
							 value->bytes, value->nbytes))
			return place - 1;
	}
	return search_category(view, feature, value);
}

uint32_t
hpc_code_category(const hpc_model_view *view, const hpc_coder *coder,
				  uint32_t feature, const hpc_value *value)
{
	const hpc_feature_record *record = &view->features[feature];

	if (coder == NULL || record->ncategories == 0)
		return search_category(view, record, value);
	return find_category(&coder->features[feature].category, view, record,
						 value);
}

bool
hpc_model_knows(const hpc_model *model, int feature, const hpc_value *value)
{
	hpc_model_view view;

	hpc_model_open(model, &view);
	return search_category(&view, &view.features[feature], value) !=
		   HPC_NO_CODE;
}

/* ---------- rows ---------- */

void
hpc_code_row(const hpc_model_view *view, const hpc_coder *coder,
			 const hpc_value *values, uint32_t *codes)
{
	for (uint32_t i = 0; i < view->nfeatures; i++)
	{
		const hpc_feature_record *feature = &view->features[i];
		const hpc_value *value = &values[i];
		const double *thresholds = view->thresholds + feature->first_threshold;

		if (feature->nsplits == 0 || value->missing)
			codes[i] = HPC_NO_CODE;
		else if (feature->kind == HPC_CATEGORY)
			codes[i] = hpc_code_category(view, coder, i, value);
		else if (isnan(value->number))
			codes[i] = HPC_NO_CODE;
		else if (coder != NULL && feature->nthresholds > 0)
			codes[i] = code_in_bucket(&coder->features[i].number, thresholds,
									  value->number);
		else
			codes[i] = hpc_code_number(thresholds, feature->nthresholds,
									   value->number);
	}
}

/* ---------- coders ---------- */

/* Words that the table of a feature takes. */
static size_t
table_size(const hpc_feature_record *feature)
{
	if (feature->kind == HPC_CATEGORY)
		return feature->ncategories > 0 ? nplaces_of(feature) : 0;
	return feature->nthresholds > 0 ? (size_t) nbuckets_of(feature) + 1 : 0;
}

static hpc_status
fill_tables(hpc_env *env, hpc_coder *coder, const hpc_model_view *view)
{
	uint32_t *table = coder->block;

	for (uint32_t i = 0; i < view->nfeatures; i++)
	{
		const hpc_feature_record *feature = &view->features[i];
		size_t size = table_size(feature);

		if (size > 0 && feature->kind == HPC_CATEGORY)
		{
			coder->features[i].category.places = table;
			if (!make_places(env, &coder->features[i].category, view, feature))
				return HPC_CANCELLED;
		}
		else if (size > 0)
		{
			coder->features[i].number.below = table;
			make_buckets(&coder->features[i].number,
						 view->thresholds + feature->first_threshold, feature);
		}
		table += size;
		if (hpc_cancelled(env))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

hpc_status
hpc_coder_create(hpc_env *env, const hpc_model_view *view, hpc_coder **coder)
{
	hpc_coder *made =
		hpc_alloc0(env, 1,
				   sizeof(hpc_coder) +
					   view->nfeatures * sizeof(made->features[0]));
	size_t nwords = 0;
	hpc_status status = HPC_OK;

	*coder = NULL;
	if (made == NULL)
		return HPC_OK;
	for (uint32_t i = 0; i < view->nfeatures; i++)
		nwords += table_size(&view->features[i]);
	made->block = hpc_alloc(env, nwords, sizeof(uint32_t));
	if (made->block != NULL)
		status = fill_tables(env, made, view);
	if (made->block != NULL && status == HPC_OK)
		*coder = made;
	else
		hpc_coder_free(env, made);
	return status;
}

void
hpc_coder_free(hpc_env *env, hpc_coder *coder)
{
	if (coder == NULL)
		return;
	hpc_free(env, coder->block);
	hpc_free(env, coder);
}
