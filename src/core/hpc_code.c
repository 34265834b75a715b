/*
 * hpc_code.c
 *		Coding one column: its values as numbers of one or two bytes.
 *
 * The steps are those that hpc_frame.c lists.  The values of a column are
 * ranked among its distinct ones where these are at most HPC_MAX_BINS (for
 * texts: always); else all of them are sorted, and a row's bin is found by
 * binary search.
 */
#include <math.h>
#include <string.h>

#include "hpc_frame_inside.h"
#include "hpc_leak.h"
#include "hpc_rank.h"

/* Below this many rows a unique text says nothing about the column. */
#define MIN_ROWS_FOR_UNIQUE 20

/* ---------- content ---------- */

static void
value_of_rank(const hpc_feature *feature, const double *values, uint32_t rank,
			  hpc_value *value)
{
	memset(value, 0, sizeof(*value));
	if (rank == feature->nvalues)
		value->missing = true;
	else if (feature->kind == HPC_CATEGORY)
		value->bytes =
			hpc_dictionary_entry(&feature->categories, rank, &value->nbytes);
	else if (values != NULL)
		value->number = values[rank];
}

/* Folds the values of a column, as ranks, into the row hashes. */
static hpc_status
hash_ranks(hpc_frame_maker *maker, const hpc_feature *feature,
		   const double *values)
{
	hpc_hash key = hpc_column_key(feature->name, feature->kind);
	hpc_hash *hashes =
		hpc_alloc(maker->env, (size_t) feature->nvalues + 1, sizeof(hpc_hash));
	bool cancelled = false;

	if (hashes == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t rank = 0; rank <= feature->nvalues && !cancelled; rank++)
	{
		hpc_value value;

		value_of_rank(feature, values, rank, &value);
		hashes[rank] = hpc_value_hash(key, feature->kind, &value);
		cancelled = hpc_poll_texts(maker->env, rank);
	}
	for (uint32_t row = 0; row < maker->nraw && !cancelled; row++)
	{
		maker->row_hash[row] =
			hpc_hash_combine(maker->row_hash[row], hashes[maker->ranks[row]]);
		cancelled = hpc_poll(maker->env, row);
	}
	hpc_free(maker->env, hashes);
	return cancelled ? HPC_CANCELLED : HPC_OK;
}

/* ---------- codes ---------- */

/*
 * Quantile bins of values that occur rows_of times each: values are taken in
 * order, and a bin is closed as soon as it holds its share of the rows that
 * are left.  bin_of[nvalues + 1]; answers how many bins there are.
 */
static uint32_t
quantile_bins(const uint32_t *rows_of, uint32_t nvalues, uint64_t nrows,
			  uint32_t max_bins, uint32_t *bin_of)
{
	uint64_t left = nrows;
	uint64_t here = 0;
	uint32_t bin = 0;

	for (uint32_t rank = 0; rank < nvalues; rank++)
	{
		bin_of[rank] = bin;
		here += rows_of[rank];
		if (here * (max_bins - bin) >= left && bin < max_bins - 1)
		{
			left -= here;
			here = 0;
			bin++;
		}
	}
	return nvalues > 0 ? bin_of[nvalues - 1] + 1 : 0;
}

/*
 * Categories beyond HPC_MAX_BINS: the most frequent keep a bin of their own,
 * in byte order, the others share the last one.
 */
static hpc_status
pool_levels(hpc_env *env, const uint32_t *rows_of, uint32_t nvalues,
			uint32_t *bin_of, uint32_t *nbins)
{
	uint32_t least = 1; /* rows of a level with a bin */
	uint32_t at_least = 0;
	uint32_t bin = 0;
	uint64_t step = UINT64_C(1) << 31;

	/* the smallest count that not too many levels reach */
	for (least = 0; step > 0; step /= 2)
	{
		at_least = 0;
		for (uint32_t rank = 0; rank < nvalues; rank++)
			at_least += rows_of[rank] >= least + step;
		if (hpc_cancelled(env))
			return HPC_CANCELLED;
		if (at_least >= HPC_MAX_BINS)
			least += (uint32_t) step;
	}
	for (uint32_t rank = 0; rank < nvalues; rank++)
		bin_of[rank] = rows_of[rank] > least ? bin++ : HPC_MAX_BINS - 1;
	for (uint32_t rank = 0; rank < nvalues; rank++)
	{
		if (bin_of[rank] == HPC_MAX_BINS - 1)
			bin_of[rank] = bin;
	}
	*nbins = bin + 1;
	return HPC_OK;
}

/* Puts a narrow feature's codes into the next free place of a block. */
static hpc_status
place_in_block(hpc_frame_maker *maker, hpc_feature *feature)
{
	hpc_frame *frame = maker->frame;
	int place = maker->nnarrow % HPC_BLOCK;
	int block = maker->nnarrow / HPC_BLOCK;

	if (place == 0)
	{
		frame->blocks[block] = hpc_alloc(maker->env, maker->nraw, HPC_BLOCK);
		if (frame->blocks[block] == NULL)
			return HPC_NO_MEMORY;
		frame->nblocks = block + 1;
		if (hpc_fill(maker->env, frame->blocks[block], 0,
					 (size_t) maker->nraw * HPC_BLOCK) != HPC_OK)
			return HPC_CANCELLED;
		for (int i = 0; i < HPC_BLOCK; i++)
			frame->block_feature[block * HPC_BLOCK + i] = -1;
	}
	frame->block_feature[maker->nnarrow] = (int) (feature - frame->features);
	maker->nnarrow++;
	feature->width = 1;
	feature->stride = HPC_BLOCK;
	feature->codes = frame->blocks[block] + place;
	return HPC_OK;
}

/* Room for the codes of a feature whose nbins is known. */
static hpc_status
allocate_codes(hpc_frame_maker *maker, hpc_feature *feature)
{
	if (feature->nbins <= UINT8_MAX)
		return place_in_block(maker, feature);
	feature->width = feature->stride = 2;
	feature->codes = hpc_alloc(maker->env, maker->nraw, sizeof(uint16_t));
	return feature->codes != NULL ? HPC_OK : HPC_NO_MEMORY;
}

static inline void
set_code(hpc_feature *feature, uint32_t row, uint32_t code)
{
	unsigned char *at = feature->codes + (size_t) row * feature->stride;

	if (feature->width == 1)
		*at = (unsigned char) code;
	else
		*(uint16_t *) at = (uint16_t) code;
}

/* Writes codes from ranks, by way of bins where bin_of is not NULL. */
static hpc_status
write_codes(hpc_frame_maker *maker, hpc_feature *feature,
			const uint32_t *bin_of)
{
	hpc_status status = allocate_codes(maker, feature);

	for (uint32_t row = 0; row < maker->nraw && status == HPC_OK; row++)
	{
		uint32_t rank = maker->ranks[row];

		if (rank == feature->nvalues)
			set_code(feature, row, feature->nbins);
		else
			set_code(feature, row, bin_of != NULL ? bin_of[rank] : rank);
		if (hpc_poll(maker->env, row))
			status = HPC_CANCELLED;
	}
	return status;
}

/* Least and greatest value of each bin; takes over values. */
static hpc_status
set_bounds(hpc_frame_maker *maker, hpc_feature *feature, double *values,
		   const uint32_t *bin_of)
{
	if (feature->nvalues > 0)
	{
		feature->min = values[0];
		feature->max = values[feature->nvalues - 1];
	}
	feature->low = feature->high = values;
	if (bin_of == NULL)
		return HPC_OK;
	feature->high = hpc_alloc(maker->env, feature->nbins, sizeof(double));
	if (feature->high == NULL)
	{
		feature->high = feature->low;
		return HPC_NO_MEMORY;
	}
	for (uint32_t rank = 0; rank < feature->nvalues; rank++)
	{
		uint32_t bin = bin_of[rank];

		/* values are moved to lower places only */
		feature->high[bin] = values[rank];
		if (rank == 0 || bin_of[rank - 1] != bin)
			feature->low[bin] = values[rank];
	}
	return HPC_OK;
}

/* How often each rank occurs; rows_of[nvalues + 1] is allocated here. */
static hpc_status
count_ranks(hpc_frame_maker *maker, hpc_feature *feature, uint32_t **rows_of)
{
	size_t n = (size_t) feature->nvalues + 1;
	hpc_status status;

	*rows_of = hpc_alloc(maker->env, n, sizeof(uint32_t));
	if (*rows_of == NULL)
		return HPC_NO_MEMORY;
	status = hpc_fill(maker->env, *rows_of, 0, n * sizeof(uint32_t));
	for (uint32_t row = 0; row < maker->nraw && status == HPC_OK; row++)
	{
		(*rows_of)[maker->ranks[row]]++;
		if (hpc_poll(maker->env, row))
			status = HPC_CANCELLED;
	}
	if (status == HPC_OK)
		feature->nmissing = (*rows_of)[feature->nvalues];
	return status;
}

/* Bins for the ranks at hand, where they are needed; NULL where not. */
static hpc_status
bin_ranks(hpc_frame_maker *maker, hpc_feature *feature,
		  const uint32_t *rows_of, uint32_t **bin_of)
{
	bool category = feature->kind == HPC_CATEGORY;
	uint32_t most = category ? HPC_MAX_BINS : maker->rules->max_bins;

	*bin_of = NULL;
	feature->nbins = feature->nvalues;
	if (feature->nvalues <= most)
		return HPC_OK;
	*bin_of = hpc_alloc(maker->env, feature->nvalues, sizeof(uint32_t));
	if (*bin_of == NULL)
		return HPC_NO_MEMORY;
	if (category)
		return pool_levels(maker->env, rows_of, feature->nvalues, *bin_of,
						   &feature->nbins);
	feature->nbins =
		quantile_bins(rows_of, feature->nvalues,
					  maker->nraw - feature->nmissing, most, *bin_of);
	return HPC_OK;
}

/* ---------- columns ---------- */

/* A copy of the target is an error, unless it is only to be told of. */
static hpc_status
judge_leak(const hpc_frame_maker *maker, const hpc_feature *feature,
		   hpc_status found)
{
	if (found != HPC_LEAK || maker->rules->copies == NULL)
		return found;
	maker->rules->copies[feature->column] = true;
	return HPC_OK;
}

/* Notes how often values came, where that is wanted. */
static hpc_status
group_ranks(hpc_frame_maker *maker, const hpc_feature *feature,
			const double *values, const uint32_t *rows_of)
{
	hpc_groups *groups = maker->frame->groups;

	if (groups == NULL)
		return HPC_OK;
	groups += maker->frame->nfeatures;
	if (feature->kind == HPC_CATEGORY)
		return hpc_group_categories(maker->env, groups, rows_of,
									feature->nvalues, feature->nmissing)
				   ? HPC_OK
				   : HPC_CANCELLED;
	hpc_group_numbers(groups, feature->kind, values, rows_of, feature->nvalues,
					  feature->nmissing);
	return HPC_OK;
}

/* Do more than half of the rows have a text that no other row has? */
static bool
is_unique_text(const hpc_frame_maker *maker, const hpc_feature *feature,
			   const uint32_t *rows_of)
{
	uint32_t nunique = 0;

	if (feature->kind != HPC_CATEGORY || maker->nraw < MIN_ROWS_FOR_UNIQUE)
		return false;
	for (uint32_t rank = 0; rank < feature->nvalues; rank++)
		nunique += rows_of[rank] == 1;
	return nunique > maker->nraw / 2;
}

void
hpc_feature_free(hpc_env *env, hpc_feature *feature)
{
	if (feature->high != feature->low)
		hpc_free(env, feature->high);
	hpc_free(env, feature->low);
	if (feature->width == 2)
		hpc_free(env, feature->codes);
	hpc_free(env, feature->level_bin);
	hpc_dictionary_free(env, &feature->categories);
	memset(feature, 0, sizeof(*feature));
}

/*
 * Codes a column whose ranks are known; values[nvalues] (NULL for categories)
 * belong to the feature from now on.
 */
static hpc_status
code_ranks(hpc_frame_maker *maker, hpc_feature *feature, double *values,
		   bool *unique_text)
{
	uint32_t *rows_of;
	uint32_t *bin_of = NULL;
	hpc_status status = count_ranks(maker, feature, &rows_of);

	feature->low = feature->high = values;
	*unique_text = status == HPC_OK && is_unique_text(maker, feature, rows_of);
	if (status == HPC_OK && !*unique_text)
	{
		if (maker->rules->check_leaks)
			status =
				judge_leak(maker, feature,
						   hpc_leak_check(maker->env, maker->frame, feature,
										  maker->nraw, maker->ranks));
		if (status == HPC_OK)
			status = hash_ranks(maker, feature, values);
		if (status == HPC_OK)
			status = group_ranks(maker, feature, values, rows_of);
		if (status == HPC_OK)
			status = bin_ranks(maker, feature, rows_of, &bin_of);
		if (status == HPC_OK)
			status = write_codes(maker, feature, bin_of);
		if (status == HPC_OK && values != NULL)
			status = set_bounds(maker, feature, values, bin_of);
		if (feature->kind == HPC_CATEGORY)
		{
			feature->level_bin = bin_of;
			bin_of = NULL;
		}
	}
	hpc_free(maker->env, bin_of);
	hpc_free(maker->env, rows_of);
	return status;
}

static hpc_status
code_category_column(hpc_frame_maker *maker, hpc_column *column,
					 hpc_feature *feature, bool *unique_text)
{
	hpc_status status;

	for (uint32_t row = 0; row < maker->nraw; row += HPC_FRAME_ROWS)
	{
		hpc_dataset_read_codes(maker->dataset, &column->values, row,
							   hpc_frame_rows(maker, row), maker->ranks + row);
		if (hpc_frame_poll(maker, row))
			return HPC_CANCELLED;
	}
	feature->nvalues = column->dictionary.nentries;
	status = hpc_rank_categories(maker->env, &column->dictionary, maker->nraw,
								 maker->ranks, &feature->categories);
	if (status == HPC_OK)
		status = code_ranks(maker, feature, NULL, unique_text);
	return status;
}

/* ---------- columns of very many numbers ---------- */

/*
 * Turns keys[n], sorted, into the bounds of quantile bins, and bins into groups
 * of values.  Sets nvalues, nbins, low, high.
 */
static hpc_status
bin_keys(hpc_frame_maker *maker, hpc_feature *feature, const uint64_t *keys,
		 uint32_t n)
{
	uint32_t max_bins = maker->rules->max_bins;
	uint64_t left = n;
	uint64_t here = 0;
	uint32_t bin = 0;
	hpc_groups unwanted = {0};
	hpc_groups *groups = maker->frame->groups != NULL
							 ? &maker->frame->groups[maker->frame->nfeatures]
							 : &unwanted;
	hpc_grouper grouper;

	hpc_grouper_begin(&grouper, groups, n, n);
	feature->low = hpc_alloc(maker->env, max_bins, sizeof(double));
	feature->high = hpc_alloc(maker->env, max_bins, sizeof(double));
	if (feature->low == NULL || feature->high == NULL)
		return HPC_NO_MEMORY;
	feature->low[0] = hpc_from_sortable(keys[0]);
	for (uint32_t i = 0; i < n; i++)
	{
		here++;
		if (i + 1 < n && keys[i + 1] == keys[i])
			continue;
		feature->nvalues++;
		feature->high[bin] = hpc_from_sortable(keys[i]);
		if (i + 1 < n && here * (max_bins - bin) >= left && bin < max_bins - 1)
		{
			hpc_grouper_add(&grouper, feature->low[bin], feature->high[bin],
							here);
			left -= here;
			here = 0;
			feature->low[++bin] = hpc_from_sortable(keys[i + 1]);
		}
		if (hpc_poll(maker->env, i))
			return HPC_CANCELLED;
	}
	hpc_grouper_add(&grouper, feature->low[bin], feature->high[bin], here);
	hpc_grouper_end(&grouper, maker->nraw - n);
	feature->nbins = bin + 1;
	feature->min = feature->low[0];
	feature->max = feature->high[bin];
	return HPC_OK;
}

/* The bin that holds x: the first whose greatest value is not below. */
static inline uint32_t
find_bin(const hpc_feature *feature, double x)
{
	const double *high = feature->high;
	uint32_t low = 0;

	for (uint32_t n = feature->nbins; n > 1;)
	{
		uint32_t half = n / 2;

		low += high[low + half - 1] < x ? half : 0;
		n -= half;
	}
	return low;
}

/* Codes and hashes the values of a block of rows. */
static void
code_block(hpc_frame_maker *maker, hpc_feature *feature, hpc_hash key,
		   uint32_t first, uint32_t n, const double *numbers)
{
	for (uint32_t i = 0; i < n; i++)
	{
		bool missing = isnan(numbers[i]);
		hpc_value value = {.missing = missing, .number = numbers[i]};

		set_code(feature, first + i,
				 missing ? feature->nbins : find_bin(feature, numbers[i]));
		feature->nmissing += missing;
		maker->row_hash[first + i] =
			hpc_hash_combine(maker->row_hash[first + i],
							 hpc_value_hash(key, feature->kind, &value));
	}
}

/* Codes a column of more than HPC_MAX_BINS distinct numbers. */
static hpc_status
code_many_numbers(hpc_frame_maker *maker, hpc_column *column,
				  hpc_feature *feature)
{
	hpc_env *env = maker->env;
	hpc_hash key = hpc_column_key(feature->name, feature->kind);
	double *numbers = hpc_alloc(env, HPC_FRAME_ROWS, sizeof(double));
	uint64_t *keys = NULL;
	uint32_t nkeys = 0;
	hpc_status status = numbers != NULL ? HPC_OK : HPC_NO_MEMORY;

	/* sorting needs the room */
	hpc_free(env, maker->ranks);
	maker->ranks = NULL;
	if (status == HPC_OK && maker->rules->check_leaks)
		status =
			judge_leak(maker, feature,
					   hpc_leak_check_many(env, maker->frame, feature,
										   maker->dataset, &column->values));
	if (status == HPC_OK)
		status = hpc_sorted_keys(env, maker->dataset, &column->values, &keys,
								 &nkeys);
	if (status == HPC_OK)
		status = bin_keys(maker, feature, keys, nkeys);
	hpc_free(env, keys);
	if (status == HPC_OK)
		status = allocate_codes(maker, feature);
	for (uint32_t row = 0; row < maker->nraw && status == HPC_OK;
		 row += HPC_FRAME_ROWS)
	{
		uint32_t n = hpc_frame_rows(maker, row);

		hpc_dataset_read(maker->dataset, &column->values, row, n, numbers);
		code_block(maker, feature, key, row, n, numbers);
		if (hpc_frame_poll(maker, row))
			status = HPC_CANCELLED;
	}
	hpc_free(env, numbers);
	return status;
}

static hpc_status
code_number_column(hpc_frame_maker *maker, hpc_column *column,
				   hpc_feature *feature)
{
	double *values = NULL;
	bool too_many = false;
	bool unique_text;
	hpc_status status =
		hpc_rank_numbers(maker->env, maker->dataset, &column->values,
						 HPC_MAX_BINS, maker->ranks, &values,
						 &feature->nvalues, &too_many);

	if (status == HPC_OK && too_many)
		return code_many_numbers(maker, column, feature);
	feature->low = feature->high = values;
	if (status == HPC_OK)
		status = code_ranks(maker, feature, values, &unique_text);
	return status;
}

hpc_status
hpc_code_column(hpc_frame_maker *maker, int column_index, bool *unique_text)
{
	hpc_env *env = maker->env;
	hpc_frame *frame = maker->frame;
	hpc_column *column = &maker->dataset->columns[column_index];
	hpc_feature *feature = &frame->features[frame->nfeatures];
	hpc_status status;

	if (maker->ranks == NULL)
		maker->ranks = hpc_alloc(env, maker->nraw, sizeof(uint32_t));
	if (maker->ranks == NULL)
		return HPC_NO_MEMORY;
	feature->name = column->name;
	feature->column = column_index;
	feature->kind = column->kind;
	feature->integral = column->integral;
	feature->min = feature->max = NAN;
	feature->name_hash = hpc_hash_bytes((hpc_hash){HPC_TAG_FEATURE, 0},
										column->name, strlen(column->name))
							 .low;
	status = column->kind == HPC_CATEGORY
				 ? code_category_column(maker, column, feature, unique_text)
				 : code_number_column(maker, column, feature);
	if (!maker->rules->keep)
		hpc_chunked_free(env, &column->values);
	if (status != HPC_OK || *unique_text)
		hpc_feature_free(env, feature);
	else
		frame->nfeatures++;
	return status;
}
