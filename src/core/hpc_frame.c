/*
 * hpc_frame.c
 *		From collected rows to the coded form.
 *
 * Columns are taken one after the other, in byte order of their names, and
 * their memory is given back as soon as they are coded:
 *
 *	1	number the distinct values in ascending order; where there are more
 *		than HPC_MAX_BINS of them, sort all values instead
 *	2	look whether the column is the target in disguise (hpc_leak.c)
 *	3	fold the value's hash into each row's; the sum of the row hashes, the
 *		target's and the weight's included, is the data digest
 *	4	group neighbouring values into quantile bins where there are more than
 *		max_bins, and write each row's bin as a code of one or two bytes
 *
 * Then equal rows, by their 128-bit hashes, become one row with a count, and
 * the smallest hashes are noted where that is wanted (hpc_sketch.h), as are
 * groups of values while their column is coded (hpc_groups.h).
 *
 * Rows stay in the order in which they came, until trees ask for another
 * (hpc_arrange.h).  Nothing else here depends on it: values are ordered by themselves, counts and hash sums are integers, and
 * which of several equal rows is kept does not show.
 *
 * Time is O(rows × columns), about 20 ns a value.  Memory beyond the data set
 * is a byte or two a value, 16 bytes a row for hashes, 8 for the target, and
 * 4 while a column is coded (16 where its values have to be sorted).
 */
#include <math.h>
#include <string.h>

#include "hpc_frame_inside.h"
#include "hpc_random.h"

/* Distinct targets are counted up to here: more is enough. */
#define MAX_TARGETS_COUNTED 64

/* ---------- targets and weights ---------- */

/* Counts distinct targets, up to MAX_TARGETS_COUNTED. */
static hpc_status
count_targets(hpc_frame_maker *maker)
{
	hpc_frame *frame = maker->frame;
	double seen[MAX_TARGETS_COUNTED];
	uint32_t n = 0;

	for (uint32_t row = 0; row < maker->nraw && n < MAX_TARGETS_COUNTED; row++)
	{
		uint32_t i = 0;

		while (i < n && seen[i] != frame->target[row])
			i++;
		if (i == n)
			seen[n++] = frame->target[row];
		if (hpc_poll(maker->env, row))
			return HPC_CANCELLED;
	}
	frame->ntargets = n;
	return HPC_OK;
}

/*
 * Mean of the targets, weighted: exact sums, in units of the power of two
 * above the largest target, so that they cannot overflow.
 */
static hpc_status
average_target(hpc_frame_maker *maker)
{
	hpc_frame *frame = maker->frame;
	int unit = hpc_exponent_above(
		fmax(fabs(frame->target_min), fabs(frame->target_max)));
	hpc_sum sum;
	hpc_sum weights;

	hpc_sum_init(&sum);
	hpc_sum_init(&weights);
	for (uint32_t row = 0; row < maker->nraw; row++)
	{
		double target = hpc_scale(frame->target[row], -unit);

		if (frame->weight == NULL)
			hpc_sum_add(&sum, target);
		else
		{
			hpc_sum_add_product(&sum, target, frame->weight[row]);
			hpc_sum_add(&weights, frame->weight[row]);
		}
		if (hpc_poll(maker->env, row))
			return HPC_CANCELLED;
	}
	frame->target_mean =
		hpc_scale(hpc_sum_round(&sum) / (frame->weight == NULL
											 ? (double) maker->nraw
											 : hpc_sum_round(&weights)),
				  unit);
	return HPC_OK;
}

/* Copies a column of doubles, and gives its memory back. */
static hpc_status
take_doubles(hpc_frame_maker *maker, hpc_chunked *column, double **out)
{
	*out = hpc_alloc(maker->env, maker->nraw, sizeof(double));
	if (*out == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < maker->nraw; row += HPC_FRAME_ROWS)
	{
		hpc_dataset_read(maker->dataset, column, row,
						 hpc_frame_rows(maker, row), *out + row);
		if (hpc_frame_poll(maker, row))
			return HPC_CANCELLED;
	}
	if (!maker->rules->keep)
		hpc_chunked_free(maker->env, column);
	return HPC_OK;
}

/* Sums of these over any rows, and their inverses, are finite. */
#define LEAST_WEIGHT 1e-100
#define GREATEST_WEIGHT 1e100

static hpc_status
fail_weight(hpc_env *env, double weight)
{
	hpc_fail(env, HPC_BAD_DATA, "weight %.15g is out of range", weight);
	hpc_fail_detail(env, "Weights that are not 0 must be from %g to %g.",
					LEAST_WEIGHT, GREATEST_WEIGHT);
	hpc_fail_hint(env, "Divide all weights by the same number.");
	return HPC_BAD_DATA;
}

static hpc_status
take_weights(hpc_frame_maker *maker)
{
	hpc_frame *frame = maker->frame;
	hpc_status status =
		take_doubles(maker, &maker->dataset->weight, &frame->weight);
	double least = INFINITY;
	double greatest = 0;

	for (uint32_t row = 0; row < maker->nraw && status == HPC_OK; row++)
	{
		least = fmin(least, frame->weight[row]);
		greatest = fmax(greatest, frame->weight[row]);
		if (hpc_poll(maker->env, row))
			status = HPC_CANCELLED;
	}
	if (status == HPC_OK && greatest > GREATEST_WEIGHT)
		status = fail_weight(maker->env, greatest);
	if (status == HPC_OK && least < LEAST_WEIGHT)
		status = fail_weight(maker->env, least);
	return status;
}

static hpc_status
take_targets(hpc_frame_maker *maker)
{
	hpc_frame *frame = maker->frame;
	hpc_dataset *dataset = maker->dataset;
	hpc_status status = take_doubles(maker, &dataset->target, &frame->target);

	if (status == HPC_OK && hpc_dataset_has_weights(dataset))
		status = take_weights(maker);
	if (status != HPC_OK)
		return status;
	frame->target_min = INFINITY;
	frame->target_max = -INFINITY;
	for (uint32_t row = 0; row < maker->nraw; row++)
	{
		double target = frame->target[row] + 0.0; /* -0 + 0 is 0 */

		frame->target[row] = target;
		if (target < frame->target_min)
			frame->target_min = target;
		if (target > frame->target_max)
			frame->target_max = target;
		if (hpc_poll(maker->env, row))
			return HPC_CANCELLED;
	}
	status = count_targets(maker);
	return status == HPC_OK ? average_target(maker) : status;
}

/* ---------- content ---------- */

static hpc_status
start_hashes(hpc_frame_maker *maker)
{
	maker->row_hash = hpc_alloc(maker->env, maker->nraw, sizeof(hpc_hash));
	if (maker->row_hash == NULL)
		return HPC_NO_MEMORY;
	return hpc_fill(maker->env, maker->row_hash, 0,
					maker->nraw * sizeof(hpc_hash));
}

static hpc_status
hash_targets(hpc_frame_maker *maker)
{
	hpc_hash key = hpc_column_key("", HPC_NUMBER);

	for (uint32_t row = 0; row < maker->nraw; row++)
	{
		hpc_value value = {.number = maker->frame->target[row]};

		maker->row_hash[row] =
			hpc_hash_combine(maker->row_hash[row],
							 hpc_value_hash(key, HPC_NUMBER, &value));
		if (hpc_poll(maker->env, row))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

static hpc_status
hash_weights(hpc_frame_maker *maker)
{
	for (uint32_t row = 0; row < maker->nraw; row++)
	{
		maker->row_hash[row] =
			hpc_hash_weight(maker->row_hash[row], maker->frame->weight[row]);
		if (hpc_poll(maker->env, row))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/* ---------- columns ---------- */

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
code_all(hpc_frame_maker *maker, bool *unique_text)
{
	int ncolumns = maker->dataset->ncolumns;
	int *order = hpc_alloc(maker->env, (size_t) ncolumns, sizeof(int));
	hpc_status status = order != NULL ? HPC_OK : HPC_NO_MEMORY;

	if (status == HPC_OK)
		order_columns(maker->dataset, order);
	for (int i = 0; i < ncolumns && status == HPC_OK; i++)
		status = hpc_code_column(maker, order[i], &unique_text[order[i]]);
	hpc_free(maker->env, order);
	hpc_free(maker->env, maker->ranks);
	maker->ranks = NULL;
	if (status == HPC_OK)
		status = hash_targets(maker);
	if (status == HPC_OK && maker->frame->weight != NULL)
		status = hash_weights(maker);
	return status;
}

/* ---------- equal rows ---------- */

static hpc_status
digest_rows(hpc_frame_maker *maker)
{
	hpc_set_digest set = {0};

	for (uint32_t row = 0; row < maker->nraw; row++)
	{
		hpc_set_digest_add(&set, maker->row_hash[row]);
		if (hpc_poll(maker->env, row))
			return HPC_CANCELLED;
	}
	maker->frame->data_digest = hpc_set_digest_end(&set);
	return HPC_OK;
}

static inline bool
same_hash(hpc_hash a, hpc_hash b)
{
	return a.low == b.low && a.high == b.high;
}

/* The row is a further copy of first: counts it there. */
static hpc_status
count_copy(hpc_frame_maker *maker, uint32_t first, uint32_t row)
{
	hpc_frame *frame = maker->frame;

	if (frame->count == NULL)
	{
		frame->count = hpc_alloc(maker->env, maker->nraw, sizeof(uint32_t));
		if (frame->count == NULL)
			return HPC_NO_MEMORY;
		for (uint32_t i = 0; i < maker->nraw; i++)
		{
			frame->count[i] = 1;
			if (hpc_poll(maker->env, i))
				return HPC_CANCELLED;
		}
	}
	frame->count[first]++;
	frame->count[row] = 0;
	return HPC_OK;
}

/*
 * Finds equal rows by a table of row numbers, in the order of their hashes'
 * low bits.  The table is far larger than a cache, so rows are looked up
 * AHEAD of time.
 */
#define AHEAD 16

static hpc_status
find_copies(hpc_frame_maker *maker)
{
	const hpc_hash *hash = maker->row_hash;
	uint32_t nraw = maker->nraw;
	uint64_t nslots = 2;
	uint32_t *slots;
	uint64_t mask;
	hpc_status status;

	while (nslots < nraw + nraw / 2)
		nslots *= 2;
	mask = nslots - 1;
	slots = hpc_alloc(maker->env, nslots, sizeof(uint32_t));
	if (slots == NULL)
		return HPC_NO_MEMORY;
	status = hpc_fill(maker->env, slots, 0xff, nslots * sizeof(uint32_t));
	for (uint32_t row = 0; row < nraw && status == HPC_OK; row++)
	{
		uint64_t slot = hash[row].low & mask;

		if (row + AHEAD < nraw)
			__builtin_prefetch(&slots[hash[row + AHEAD].low & mask], 1);
		while (slots[slot] != UINT32_MAX &&
			   !same_hash(hash[slots[slot]], hash[row]))
			slot = (slot + 1) & mask;
		if (slots[slot] == UINT32_MAX)
			slots[slot] = row;
		else
			status = count_copy(maker, slots[slot], row);
		if (status == HPC_OK && hpc_poll(maker->env, row))
			status = HPC_CANCELLED;
	}
	hpc_free(maker->env, slots);
	return status;
}

/* Moves a row of the frame to a lower place. */
static void
move_row(hpc_frame *frame, uint32_t from, uint32_t to)
{
	if (frame->count != NULL)
		frame->count[to] = frame->count[from];
	if (frame->key != NULL)
		frame->key[to] = frame->key[from];
	frame->source[to] = hpc_row_source(frame, from);
	frame->target[to] = frame->target[from];
	if (frame->weight != NULL)
		frame->weight[to] = frame->weight[from];
	for (int i = 0; i < frame->nblocks; i++)
		memcpy(frame->blocks[i] + (size_t) to * HPC_BLOCK,
			   frame->blocks[i] + (size_t) from * HPC_BLOCK, HPC_BLOCK);
	for (int i = 0; i < frame->nfeatures; i++)
	{
		hpc_feature *feature = &frame->features[i];

		if (feature->width == 2)
			((uint16_t *) feature->codes)[to] =
				((uint16_t *) feature->codes)[from];
	}
}

/* Lists the rows of the data set, where they are still all there. */
static hpc_status
list_sources(hpc_env *env, hpc_frame *frame)
{
	if (frame->source != NULL)
		return HPC_OK;
	frame->source = hpc_alloc(env, frame->nrows, sizeof(uint32_t));
	if (frame->source == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		frame->source[row] = row;
		if (hpc_poll(env, row))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/* Leaves one of each set of equal rows. */
static hpc_status
fold_rows(hpc_frame_maker *maker)
{
	hpc_frame *frame = maker->frame;
	hpc_status status = find_copies(maker);
	uint32_t n = 0;

	frame->nrows = maker->nraw;
	frame->ncopies = maker->nraw;
	if (status != HPC_OK || frame->count == NULL)
		return status;
	status = list_sources(maker->env, frame);
	for (uint32_t row = 0; row < maker->nraw && status == HPC_OK; row++)
	{
		if (frame->count[row] > 0)
		{
			maker->row_hash[n] = maker->row_hash[row];
			move_row(frame, row, n++);
		}
		if (hpc_poll(maker->env, row))
			status = HPC_CANCELLED;
	}
	frame->nrows = n;
	return status;
}

static hpc_status
make_keys(hpc_frame_maker *maker)
{
	hpc_frame *frame = maker->frame;

	frame->key = hpc_alloc(maker->env, frame->nrows, sizeof(uint64_t));
	if (frame->key == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		frame->key[row] = hpc_row_key(maker->row_hash[row]);
		if (hpc_poll(maker->env, row))
			return HPC_CANCELLED;
	}
	return HPC_OK;
}

/* ---------- putting it together ---------- */

static hpc_status
make_frame(hpc_frame_maker *maker, bool *unique_text)
{
	hpc_env *env = maker->env;
	hpc_status status = take_targets(maker);

	if (status == HPC_OK)
		status = start_hashes(maker);
	if (status == HPC_OK)
		status = code_all(maker, unique_text);
	if (status == HPC_OK)
		status = digest_rows(maker);
	if (status == HPC_OK)
		status = fold_rows(maker);
	if (status == HPC_OK && maker->rules->describe)
		status = hpc_sketch_rows(env, maker->row_hash, maker->frame->nrows,
								 &maker->frame->sketch);
	if (status == HPC_OK)
		status = make_keys(maker);
	hpc_free(env, maker->ranks);
	hpc_free(env, maker->row_hash);
	return status;
}

static hpc_frame *
allocate_frame(hpc_env *env, int ncolumns)
{
	hpc_frame *frame = hpc_alloc0(env, 1, sizeof(hpc_frame));
	size_t nblocks = (size_t) ncolumns / HPC_BLOCK + 1;

	if (frame == NULL)
		return NULL;
	frame->features = hpc_alloc0(env, (size_t) ncolumns, sizeof(hpc_feature));
	frame->blocks = hpc_alloc0(env, nblocks, sizeof(unsigned char *));
	frame->block_feature = hpc_alloc(env, nblocks * HPC_BLOCK, sizeof(int));
	if (frame->features == NULL || frame->blocks == NULL ||
		frame->block_feature == NULL)
	{
		hpc_frame_free(env, frame);
		return NULL;
	}
	return frame;
}

/* About what a frame takes while it is made, beyond the data set. */
static uint64_t
frame_bytes(const hpc_dataset *dataset)
{
	return dataset->nrows *
		   (sizeof(hpc_hash) + sizeof(double) + sizeof(uint32_t) +
			(uint64_t) dataset->ncolumns * 3 / 2);
}

hpc_status
hpc_frame_create(hpc_env *env, hpc_dataset *dataset,
				 const hpc_frame_rules *rules, hpc_frame **frame,
				 bool *unique_text)
{
	hpc_frame_maker maker = {.env = env,
							 .dataset = dataset,
							 .rules = rules,
							 .nraw = (uint32_t) dataset->nrows};
	hpc_status status;

	*frame = NULL;
	status = hpc_need(env, frame_bytes(dataset), "code the rows",
					  "Choose fewer columns or rows.");
	if (status != HPC_OK)
		return status;
	maker.frame = allocate_frame(env, dataset->ncolumns);
	if (maker.frame == NULL)
		return HPC_NO_MEMORY;
	if (rules->describe)
		maker.frame->groups =
			hpc_alloc(env, (size_t) dataset->ncolumns, sizeof(hpc_groups));
	status = rules->describe && maker.frame->groups == NULL
				 ? HPC_NO_MEMORY
				 : make_frame(&maker, unique_text);
	if (status == HPC_OK)
		*frame = maker.frame;
	else
		hpc_frame_free(env, maker.frame);
	return status;
}

/* ---------- fewer rows ---------- */

hpc_status
hpc_frame_thin(hpc_env *env, hpc_frame *frame, hpc_tag tag, int64_t seed,
			   uint32_t most_rows)
{
	uint64_t stream = hpc_stream(tag, seed, 0);
	uint64_t threshold =
		hpc_share_threshold((double) most_rows / frame->nrows);
	uint32_t n = 0;
	hpc_status status;

	if (frame->nrows <= most_rows)
		return HPC_OK;
	status = list_sources(env, frame);
	for (uint32_t row = 0; row < frame->nrows && status == HPC_OK; row++)
	{
		if (hpc_draw(stream, frame->key[row]) < threshold)
			move_row(frame, row, n++);
		else
			frame->ncopies -= hpc_row_count(frame, row);
		if (hpc_poll(env, row))
			status = HPC_CANCELLED;
	}
	frame->nrows = n;
	return status;
}

/* ---------- another order ---------- */

/* items[n] of width bytes; spare[n] is scratch. */
static inline __attribute__((always_inline)) hpc_status
reorder(hpc_env *env, void *items, size_t width, uint32_t n,
		const uint32_t *order, void *spare)
{
	const char *from = items;
	char *to = spare;

	if (items == NULL)
		return HPC_OK;
	for (uint32_t i = 0; i < n; i++)
	{
		memcpy(to + i * width, from + order[i] * width, width);
		if (hpc_poll(env, i))
			return HPC_CANCELLED;
	}
	return hpc_copy(env, items, spare, n * width);
}

static hpc_status
reorder_codes(hpc_env *env, hpc_frame *frame, const uint32_t *order,
			  void *spare)
{
	hpc_status status = HPC_OK;

	for (int i = 0; i < frame->nblocks && status == HPC_OK; i++)
		status = reorder(env, frame->blocks[i], HPC_BLOCK, frame->nrows, order,
						 spare);
	for (int i = 0; i < frame->nfeatures && status == HPC_OK; i++)
	{
		if (frame->features[i].width == 2)
			status = reorder(env, frame->features[i].codes, sizeof(uint16_t),
							 frame->nrows, order, spare);
	}
	return status;
}

hpc_status
hpc_frame_reorder(hpc_env *env, hpc_frame *frame, const uint32_t *order)
{
	uint32_t n = frame->nrows;
	void *spare = hpc_alloc(env, n, sizeof(uint64_t));
	hpc_status status = HPC_NO_MEMORY;

	if (spare != NULL)
		status = list_sources(env, frame);
	if (status == HPC_OK)
		status = reorder_codes(env, frame, order, spare);
#define REORDER(items)    \
	if (status == HPC_OK) \
	status = reorder(env, frame->items, sizeof(*frame->items), n, order, spare)
	REORDER(count);
	REORDER(source);
	REORDER(key);
	REORDER(target);
	REORDER(weight);
#undef REORDER
	hpc_free(env, spare);
	return status;
}

void
hpc_frame_free(hpc_env *env, hpc_frame *frame)
{
	if (frame == NULL)
		return;
	for (int i = 0; i < frame->nfeatures; i++)
		hpc_feature_free(env, &frame->features[i]);
	for (int i = 0; frame->blocks != NULL && i < frame->nblocks; i++)
		hpc_free(env, frame->blocks[i]);
	hpc_free(env, frame->features);
	hpc_free(env, frame->blocks);
	hpc_free(env, frame->block_feature);
	hpc_free(env, frame->count);
	hpc_free(env, frame->source);
	hpc_free(env, frame->key);
	hpc_free(env, frame->target);
	hpc_free(env, frame->weight);
	hpc_sketch_free(env, &frame->sketch);
	hpc_free(env, frame->groups);
	hpc_free(env, frame);
}
