/*
 * hpc_frame.c
 *		From collected rows to the canonical, coded form.
 *
 * The steps, each a function of the multiset of rows:
 *
 *	1	every column: sort its values, number the distinct ones (ranks);
 *		categories are numbered in byte order
 *	2	put the features in byte order of their names
 *	3	hash each row: the hashes of its (name, value) pairs in that order,
 *		then the target; the sum of these hashes is the data digest
 *	4	sort rows by hash, fold equal rows into one with a count
 *	5	write ranks in that order, in as few bytes as they need
 *	6	quantise targets to integers: q = round(y / 2^scale), |q| < 2^62
 *	7	group ranks into quantile bins where there are more than max_bins
 *
 * Step 6 loses nothing unless targets span more than 2^9 times their own
 * precision.  Sums of weight × q are then exact in 128 bits.
 *
 * Time is that of the radix sorts, O(rows × columns); memory beyond the data
 * set is 24 bytes a row while sorting and the ranks, one to four bytes a
 * value.
 */
#include <math.h>
#include <string.h>

#include "hpc_frame.h"
#include "hpc_memory.h"
#include "hpc_rank.h"

/* Below this many rows a unique text says nothing about the column. */
#define MIN_ROWS_FOR_UNIQUE 20

/* Targets closer than this, relatively, may be merged by quantising. */
#define MERGE_TOLERANCE 1e-12

/* What the steps share while a frame is made. */
typedef struct frame_maker
{
	hpc_env *env;
	hpc_dataset *dataset;
	hpc_frame *frame;
	uint32_t nraw;            /* rows of the data set */
	uint32_t **raw_ranks;     /* [nfeatures][nraw], until step 5 */
	hpc_hash *row_hash;       /* [nraw] */
	uint32_t *target_rank;    /* [nraw] */
	double *target_values;    /* [ntargets] ascending */
	hpc_rank_scratch scratch; /* its pairs are the row order in the end */
} frame_maker;

/* ---------- step 1: ranks ---------- */

static hpc_status
rank_number_column(frame_maker *maker, hpc_chunked *column,
				   hpc_feature *feature, uint32_t *ranks)
{
	double *numbers = hpc_alloc(maker->env, maker->nraw, sizeof(double));
	hpc_status status;

	if (numbers == NULL)
		return HPC_NO_MEMORY;
	hpc_dataset_doubles(maker->dataset, column, numbers);
	status = hpc_rank_numbers(maker->env, &maker->scratch, numbers, ranks,
							  &feature->values, &feature->nvalues);
	hpc_free(maker->env, numbers);
	return status;
}

static hpc_status
rank_category_column(frame_maker *maker, hpc_column *column,
					 hpc_feature *feature, uint32_t *ranks)
{
	hpc_dataset_codes(maker->dataset, &column->values, ranks);
	feature->nvalues = column->dictionary.nentries;
	return hpc_rank_categories(maker->env, &column->dictionary, maker->nraw,
							   ranks, &feature->categories);
}

/* Do more than half of the rows have a text that no other row has? */
static hpc_status
is_unique_text(frame_maker *maker, const hpc_feature *feature,
			   const uint32_t *ranks, bool *unique)
{
	uint32_t *seen;
	uint32_t nunique = 0;

	*unique = false;
	if (feature->kind != HPC_CATEGORY || maker->nraw < MIN_ROWS_FOR_UNIQUE)
		return HPC_OK;
	seen = hpc_alloc0(maker->env, (size_t) feature->nvalues + 1,
					  sizeof(uint32_t));
	if (seen == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < maker->nraw; row++)
		seen[ranks[row]]++;
	for (uint32_t rank = 0; rank < feature->nvalues; rank++)
		nunique += seen[rank] == 1;
	*unique = nunique > maker->nraw / 2;
	hpc_free(maker->env, seen);
	return HPC_OK;
}

static void
free_feature(hpc_env *env, hpc_feature *feature)
{
	hpc_free(env, feature->values);
	hpc_free(env, feature->ranks);
	hpc_free(env, feature->bin_of);
	hpc_dictionary_free(env, &feature->categories);
	memset(feature, 0, sizeof(*feature));
}

/* Ranks one column into the next feature, or leaves it out. */
static hpc_status
rank_column(frame_maker *maker, int column_index, bool *unique_text)
{
	hpc_env *env = maker->env;
	hpc_frame *frame = maker->frame;
	hpc_column *column = &maker->dataset->columns[column_index];
	hpc_feature *feature = &frame->features[frame->nfeatures];
	uint32_t *ranks = hpc_alloc(env, maker->nraw, sizeof(uint32_t));
	hpc_status status;

	if (ranks == NULL)
		return HPC_NO_MEMORY;
	feature->name = column->name;
	feature->kind = column->kind;
	feature->integral = column->integral;
	feature->name_hash = hpc_hash_bytes((hpc_hash){HPC_TAG_FEATURE, 0},
										column->name, strlen(column->name))
							 .low;
	status = column->kind == HPC_CATEGORY
				 ? rank_category_column(maker, column, feature, ranks)
				 : rank_number_column(maker, &column->values, feature, ranks);
	hpc_chunked_free(env, &column->values);
	if (status == HPC_OK)
		status = is_unique_text(maker, feature, ranks, unique_text);
	if (status != HPC_OK || *unique_text)
	{
		hpc_free(env, ranks);
		free_feature(env, feature);
		return status;
	}
	maker->raw_ranks[frame->nfeatures] = ranks;
	frame->nfeatures++;
	return HPC_OK;
}

static hpc_status
rank_target(frame_maker *maker)
{
	hpc_env *env = maker->env;
	double *numbers = hpc_alloc(env, maker->nraw, sizeof(double));
	hpc_status status;

	maker->target_rank = hpc_alloc(env, maker->nraw, sizeof(uint32_t));
	if (numbers == NULL || maker->target_rank == NULL)
		status = HPC_NO_MEMORY;
	else
	{
		hpc_dataset_doubles(maker->dataset, &maker->dataset->target, numbers);
		status = hpc_rank_numbers(maker->env, &maker->scratch, numbers,
								  maker->target_rank, &maker->target_values,
								  &maker->frame->ntargets);
	}
	hpc_chunked_free(env, &maker->dataset->target);
	hpc_free(env, numbers);
	return status;
}

/* ---------- step 2: the order of features ---------- */

/* Columns of the data set in byte order of their names. */
static void
order_columns(const hpc_dataset *dataset, int *order)
{
	for (int i = 0; i < dataset->ncolumns; i++)
	{
		int place = i;

		for (; place > 0 && strcmp(dataset->columns[order[place - 1]].name,
								   dataset->columns[i].name) > 0;
			 place--)
			order[place] = order[place - 1];
		order[place] = i;
	}
}

static hpc_status
rank_all(frame_maker *maker, bool *unique_text)
{
	int ncolumns = maker->dataset->ncolumns;
	int *order = hpc_alloc(maker->env, (size_t) ncolumns, sizeof(int));
	hpc_status status;

	if (order == NULL)
		return HPC_NO_MEMORY;
	order_columns(maker->dataset, order);
	status = rank_target(maker);
	for (int i = 0; i < ncolumns && status == HPC_OK; i++)
		status = rank_column(maker, order[i], &unique_text[order[i]]);
	hpc_free(maker->env, order);
	return status;
}

/* ---------- step 3: content ---------- */

static void
value_of_rank(const hpc_feature *feature, uint32_t rank, hpc_value *value)
{
	memset(value, 0, sizeof(*value));
	if (rank == feature->nvalues)
		value->missing = true;
	else if (feature->kind == HPC_CATEGORY)
		value->bytes =
			hpc_dictionary_entry(&feature->categories, rank, &value->nbytes);
	else
		value->number = feature->values[rank];
}

/* Folds the values of a feature into the row hashes. */
static hpc_status
hash_feature(frame_maker *maker, const hpc_feature *feature,
			 const uint32_t *ranks)
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

		value_of_rank(feature, rank, &value);
		hashes[rank] = hpc_value_hash(key, feature->kind, &value);
		cancelled = hpc_poll(maker->env, rank);
	}
	for (uint32_t row = 0; row < maker->nraw && !cancelled; row++)
	{
		maker->row_hash[row] =
			hpc_hash_combine(maker->row_hash[row], hashes[ranks[row]]);
		cancelled = hpc_poll(maker->env, row);
	}
	hpc_free(maker->env, hashes);
	return cancelled ? HPC_CANCELLED : HPC_OK;
}

static hpc_status
hash_rows(frame_maker *maker)
{
	hpc_frame *frame = maker->frame;
	hpc_feature target = {.name = "",
						  .kind = HPC_NUMBER,
						  .nvalues = frame->ntargets,
						  .values = maker->target_values};
	hpc_set_digest set = {0};
	hpc_status status;

	maker->row_hash = hpc_alloc0(maker->env, maker->nraw, sizeof(hpc_hash));
	if (maker->row_hash == NULL)
		return HPC_NO_MEMORY;
	for (int i = 0; i < frame->nfeatures; i++)
	{
		status = hash_feature(maker, &frame->features[i], maker->raw_ranks[i]);
		if (status != HPC_OK)
			return status;
	}
	status = hash_feature(maker, &target, maker->target_rank);
	for (uint32_t row = 0; row < maker->nraw; row++)
		hpc_set_digest_add(&set, maker->row_hash[row]);
	frame->data_digest = hpc_set_digest_end(&set);
	return status;
}

/* ---------- step 4: rows in order, equal ones folded ---------- */

/* Total order of rows with the same low half of the hash; 0 means equal. */
static int
compare_rows(const frame_maker *maker, uint32_t a, uint32_t b)
{
	uint64_t high_a = maker->row_hash[a].high;
	uint64_t high_b = maker->row_hash[b].high;

	if (high_a != high_b)
		return high_a < high_b ? -1 : 1;
	for (int i = 0; i < maker->frame->nfeatures; i++)
	{
		uint32_t rank_a = maker->raw_ranks[i][a];
		uint32_t rank_b = maker->raw_ranks[i][b];

		if (rank_a != rank_b)
			return rank_a < rank_b ? -1 : 1;
	}
	if (maker->target_rank[a] == maker->target_rank[b])
		return 0;
	return maker->target_rank[a] < maker->target_rank[b] ? -1 : 1;
}

/* Sorts pairs by row hash, then by content should hashes collide. */
static bool
order_rows(frame_maker *maker)
{
	hpc_pair *pairs = maker->scratch.pairs;

	for (uint32_t row = 0; row < maker->nraw; row++)
	{
		pairs[row].key = maker->row_hash[row].low;
		pairs[row].row = row;
	}
	if (!hpc_sort_pairs(maker->env, maker->nraw, pairs, maker->scratch.spare))
		return false;
	for (uint32_t i = 1; i < maker->nraw; i++)
	{
		hpc_pair pair = pairs[i];
		uint32_t place = i;

		for (; place > 0 && pairs[place - 1].key == pair.key &&
			   compare_rows(maker, pairs[place - 1].row, pair.row) > 0;
			 place--)
			pairs[place] = pairs[place - 1];
		pairs[place] = pair;
		if (hpc_poll(maker->env, i))
			return false;
	}
	return true;
}

/*
 * Folds equal neighbours: afterwards pairs[i].row is a representative of
 * distinct row i.
 */
static hpc_status
fold_rows(frame_maker *maker)
{
	hpc_frame *frame = maker->frame;
	hpc_pair *pairs = maker->scratch.pairs;
	uint32_t n = 0;

	frame->count = hpc_alloc(maker->env, maker->nraw, sizeof(uint32_t));
	frame->key = hpc_alloc(maker->env, maker->nraw, sizeof(uint64_t));
	if (frame->count == NULL || frame->key == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t i = 0; i < maker->nraw; i++)
	{
		if (hpc_poll(maker->env, i))
			return HPC_CANCELLED;
		if (n > 0 && pairs[n - 1].key == pairs[i].key &&
			compare_rows(maker, pairs[n - 1].row, pairs[i].row) == 0)
		{
			frame->count[n - 1]++;
			continue;
		}
		pairs[n] = pairs[i];
		frame->count[n] = 1;
		frame->key[n] = hpc_mix(maker->row_hash[pairs[n].row].low ^
								hpc_mix(maker->row_hash[pairs[n].row].high));
		n++;
	}
	frame->nrows = n;
	frame->ncopies = maker->nraw;
	return HPC_OK;
}

/* ---------- step 5: ranks in order and packed ---------- */

static int
width_for(uint32_t max)
{
	return max <= UINT8_MAX ? 1 : max <= UINT16_MAX ? 2 : 4;
}

static hpc_status
pack_feature(frame_maker *maker, hpc_feature *feature, const uint32_t *ranks)
{
	hpc_frame *frame = maker->frame;

	feature->width = width_for(feature->nvalues);
	feature->ranks =
		hpc_alloc(maker->env, frame->nrows, (size_t) feature->width);
	if (feature->ranks == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t rank = ranks[maker->scratch.pairs[row].row];

		if (hpc_poll(maker->env, row))
			return HPC_CANCELLED;
		if (rank == feature->nvalues)
			feature->nmissing += frame->count[row];
		switch (feature->width)
		{
			case 1:
				((uint8_t *) feature->ranks)[row] = (uint8_t) rank;
				break;
			case 2:
				((uint16_t *) feature->ranks)[row] = (uint16_t) rank;
				break;
			default:
				((uint32_t *) feature->ranks)[row] = rank;
				break;
		}
	}
	return HPC_OK;
}

static hpc_status
pack_features(frame_maker *maker)
{
	for (int i = 0; i < maker->frame->nfeatures; i++)
	{
		hpc_status status = pack_feature(maker, &maker->frame->features[i],
										 maker->raw_ranks[i]);

		hpc_free(maker->env, maker->raw_ranks[i]);
		maker->raw_ranks[i] = NULL;
		if (status != HPC_OK)
			return status;
		if (hpc_cancelled(maker->env))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/* ---------- step 6: targets as integers ---------- */

double
hpc_scale(double number, int exponent)
{
	/* at most three factors, each a power of two in range */
	while (exponent != 0)
	{
		int step = exponent > 1000    ? 1000
				   : exponent < -1000 ? -1000
									  : exponent;
		uint64_t bits = (uint64_t) (1023 + step) << 52;
		double factor;

		memcpy(&factor, &bits, sizeof(factor));
		number *= factor;
		exponent -= step;
	}
	return number;
}

int64_t
hpc_to_units(double number, int exponent)
{
	double scaled = hpc_scale(number, -exponent);
	double whole = floor(scaled);

	/* floor(scaled + 0.5) would move odd numbers above 2^52 */
	return (int64_t) whole + (scaled - whole >= 0.5);
}

/* The e with 2^(e-1) <= magnitude < 2^e. */
static int
exponent_above(double magnitude)
{
	uint64_t bits;
	int exponent;

	if (magnitude == 0)
		return 0;
	memcpy(&bits, &magnitude, sizeof(bits));
	exponent = (int) (bits >> 52 & 2047);
	if (exponent == 0) /* denormal */
		return exponent_above(hpc_scale(magnitude, 64)) - 64;
	return exponent - 1022;
}

double
hpc_target_mean(const hpc_frame *frame, __int128 sum, uint64_t weight)
{
	__int128 whole = sum / (__int128) weight;
	__int128 rest = sum % (__int128) weight;

	/* a pure node has no rest: its mean is the target itself, to the bit */
	return hpc_scale((double) whole + (double) rest / (double) weight,
					 frame->target_scale);
}

static double
larger(double a, double b)
{
	return a > b ? a : b;
}

/* ERROR: targets that differ would become one. */
static hpc_status
fail_merged(frame_maker *maker, double a, double b)
{
	hpc_frame *frame = maker->frame;
	double outlier = fabs(frame->target_max) >= fabs(frame->target_min)
						 ? frame->target_max
						 : frame->target_min;

	hpc_fail(maker->env, HPC_BAD_DATA,
			 "target value %.15g is too far from the others", outlier);
	hpc_fail_detail(maker->env,
					"Beside it the targets %.17g and %.17g cannot be told "
					"apart.",
					a, b);
	hpc_fail_hint(maker->env,
				  "Correct the row or leave it out with FILTER (WHERE ...).");
	return HPC_BAD_DATA;
}

/* Integer targets of the distinct values, in ascending order. */
static hpc_status
quantise_values(frame_maker *maker, int64_t *units)
{
	hpc_frame *frame = maker->frame;
	const double *values = maker->target_values;
	double magnitude;

	frame->target_min = values[0];
	frame->target_max = values[frame->ntargets - 1];
	magnitude = larger(fabs(frame->target_min), fabs(frame->target_max));
	frame->target_scale = exponent_above(magnitude) - HPC_TARGET_BITS;
	for (uint32_t i = 0; i < frame->ntargets; i++)
	{
		units[i] = hpc_to_units(values[i], frame->target_scale);
		if (i > 0 && units[i] == units[i - 1] &&
			values[i] - values[i - 1] >
				MERGE_TOLERANCE * larger(fabs(values[i]), fabs(values[i - 1])))
			return fail_merged(maker, values[i - 1], values[i]);
	}
	return HPC_OK;
}

static hpc_status
quantise_targets(frame_maker *maker)
{
	hpc_frame *frame = maker->frame;
	int64_t *units = hpc_alloc(maker->env, frame->ntargets, sizeof(int64_t));
	hpc_status status = HPC_NO_MEMORY;
	__int128 sum = 0;

	frame->target = hpc_alloc(maker->env, frame->nrows, sizeof(int64_t));
	frame->target_rank = hpc_alloc(maker->env, frame->nrows, sizeof(uint32_t));
	if (units != NULL && frame->target != NULL && frame->target_rank != NULL)
		status = quantise_values(maker, units);
	for (uint32_t row = 0; row < frame->nrows && status == HPC_OK; row++)
	{
		uint32_t rank = maker->target_rank[maker->scratch.pairs[row].row];

		frame->target_rank[row] = rank;
		frame->target[row] = units[rank];
		sum += (__int128) units[rank] * frame->count[row];
		if (hpc_poll(maker->env, row))
			status = HPC_CANCELLED;
	}
	if (status == HPC_OK)
		frame->target_mean = hpc_target_mean(frame, sum, frame->ncopies);
	hpc_free(maker->env, units);
	return status;
}

/* ---------- step 7: bins ---------- */

/*
 * Quantile bins: ranks are taken in order, and a bin is closed as soon as it
 * holds its share of the rows that are left.
 */
static hpc_status
bin_feature(hpc_env *env, const hpc_frame *frame, hpc_feature *feature,
			uint32_t max_bins)
{
	uint64_t *rows_of;
	uint64_t left = frame->ncopies - feature->nmissing;
	uint64_t here = 0;
	uint32_t bin = 0;

	feature->nbins = feature->nvalues;
	if (feature->kind == HPC_CATEGORY || feature->nvalues <= max_bins)
		return HPC_OK;
	rows_of = hpc_alloc0(env, (size_t) feature->nvalues + 1, sizeof(uint64_t));
	feature->bin_of =
		hpc_alloc(env, (size_t) feature->nvalues + 1, sizeof(uint32_t));
	if (rows_of == NULL || feature->bin_of == NULL)
	{
		hpc_free(env, rows_of);
		return HPC_NO_MEMORY;
	}
	for (uint32_t row = 0; row < frame->nrows; row++)
		rows_of[hpc_feature_rank(feature, row)] += frame->count[row];
	for (uint32_t rank = 0; rank < feature->nvalues; rank++)
	{
		feature->bin_of[rank] = bin;
		here += rows_of[rank];
		if (here * (max_bins - bin) >= left && bin < max_bins - 1)
		{
			left -= here;
			here = 0;
			bin++;
		}
	}
	feature->nbins = feature->bin_of[feature->nvalues - 1] + 1;
	feature->bin_of[feature->nvalues] = feature->nbins;
	hpc_free(env, rows_of);
	return HPC_OK;
}

/* ---------- putting it together ---------- */

static hpc_status
make_frame(frame_maker *maker, uint32_t max_bins, bool *unique_text)
{
	hpc_status status = rank_all(maker, unique_text);

	if (status == HPC_OK)
		status = hash_rows(maker);
	if (status == HPC_OK && !order_rows(maker))
		status = HPC_CANCELLED;
	if (status == HPC_OK)
		status = fold_rows(maker);
	if (status == HPC_OK)
		status = pack_features(maker);
	if (status == HPC_OK)
		status = quantise_targets(maker);
	for (int i = 0; i < maker->frame->nfeatures && status == HPC_OK; i++)
		status = bin_feature(maker->env, maker->frame,
							 &maker->frame->features[i], max_bins);
	return status;
}

static hpc_status
allocate_maker(frame_maker *maker)
{
	hpc_env *env = maker->env;
	size_t ncolumns = (size_t) maker->dataset->ncolumns;

	maker->frame = hpc_alloc0(env, 1, sizeof(hpc_frame));
	if (maker->frame == NULL)
		return HPC_NO_MEMORY;
	maker->frame->features = hpc_alloc0(env, ncolumns, sizeof(hpc_feature));
	maker->raw_ranks = hpc_alloc0(env, ncolumns, sizeof(uint32_t *));
	maker->scratch.pairs = hpc_alloc(env, maker->nraw, sizeof(hpc_pair));
	maker->scratch.spare = hpc_alloc(env, maker->nraw, sizeof(hpc_pair));
	if (maker->frame->features == NULL || maker->raw_ranks == NULL ||
		maker->scratch.pairs == NULL || maker->scratch.spare == NULL)
		return HPC_NO_MEMORY;
	return HPC_OK;
}

static void
free_maker(frame_maker *maker)
{
	hpc_env *env = maker->env;

	for (int i = 0; maker->raw_ranks != NULL && i < maker->dataset->ncolumns;
		 i++)
		hpc_free(env, maker->raw_ranks[i]);
	hpc_free(env, maker->raw_ranks);
	hpc_free(env, maker->row_hash);
	hpc_free(env, maker->target_rank);
	hpc_free(env, maker->target_values);
	hpc_free(env, maker->scratch.pairs);
	hpc_free(env, maker->scratch.spare);
}

hpc_status
hpc_frame_create(hpc_env *env, hpc_dataset *dataset, uint32_t max_bins,
				 hpc_frame **frame, bool *unique_text)
{
	frame_maker maker = {0};
	hpc_status status;

	maker.env = env;
	maker.dataset = dataset;
	maker.nraw = maker.scratch.nrows = (uint32_t) dataset->nrows;
	status = allocate_maker(&maker);
	if (status == HPC_OK)
		status = make_frame(&maker, max_bins, unique_text);
	free_maker(&maker);
	if (status != HPC_OK && maker.frame != NULL)
	{
		hpc_frame_free(env, maker.frame);
		maker.frame = NULL;
	}
	*frame = maker.frame;
	return status;
}

void
hpc_frame_free(hpc_env *env, hpc_frame *frame)
{
	for (int i = 0; frame->features != NULL && i < frame->nfeatures; i++)
		free_feature(env, &frame->features[i]);
	hpc_free(env, frame->features);
	hpc_free(env, frame->count);
	hpc_free(env, frame->key);
	hpc_free(env, frame->target);
	hpc_free(env, frame->target_rank);
	hpc_free(env, frame);
}
