/*
 * hpt_slow_boost.c
 *		Boosting as the books have it: slow, obvious, in doubles.
 *
 * A twin for the tests.  Rows are listed copy by copy; a leaf is a number per
 * row; a split is looked for by trying every row's value of every feature;
 * quantiles come from sorting.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_random.h"
#include "hpt_slow_boost.h"

#define NFOLDS 5
#define ABSENT UINT32_MAX

/* A copy of a row. */
typedef struct slow_row
{
	double x[HPT_MAX_COLUMNS]; /* by feature of the frame */
	double y;
	double weight;
	uint32_t row; /* of the frame */
	uint64_t key; /* of the copy */

	/* as boosting goes */
	double prediction;
	double q;
	bool in_bag;
	uint32_t leaf;
} slow_row;

typedef struct slow_table
{
	const hpc_frame *frame;
	const hpc_params *params;
	size_t n;
	slow_row *rows;
	bool used[HPT_MAX_COLUMNS]; /* features of the round */
} slow_table;

typedef struct slow_split
{
	double gain;
	int feature;
	double threshold;
} slow_split;

static void *
claim(size_t count, size_t size)
{
	void *block = calloc(count > 0 ? count : 1, size);

	if (block == NULL)
	{
		printf("Bail out! out of memory\n");
		exit(1);
	}
	return block;
}

static double
residual(const slow_row *row)
{
	return row->y - row->prediction;
}

/* ---------- quantiles ---------- */

typedef struct weighted
{
	double value;
	double weight;
} weighted;

static int
compare_weighted(const void *a, const void *b)
{
	double x = ((const weighted *) a)->value;
	double y = ((const weighted *) b)->value;

	return (x > y) - (x < y);
}

/* The least value such that share of the weight is not above it. */
static double
lower_quantile(weighted *items, size_t n, double share)
{
	double total = 0;
	double sum = 0;

	qsort(items, n, sizeof(weighted), compare_weighted);
	for (size_t i = 0; i < n; i++)
		total += items[i].weight;
	for (size_t i = 0; i < n; i++)
	{
		sum += items[i].weight;
		if (sum >= share * total - 1e-9)
			return items[i].value;
	}
	return 0;
}

/* Of the residuals in a leaf (ABSENT: of the whole bag). */
static double
bag_quantile(const slow_table *t, uint32_t leaf, double share, bool absolute)
{
	weighted *items = claim(t->n, sizeof(weighted));
	size_t n = 0;
	double value;

	for (size_t i = 0; i < t->n; i++)
	{
		const slow_row *row = &t->rows[i];
		double r = residual(row);

		if (row->in_bag && (leaf == ABSENT || row->leaf == leaf))
			items[n++] = (weighted){absolute ? fabs(r) : r, row->weight};
	}
	value = lower_quantile(items, n, share);
	free(items);
	return value;
}

/* ---------- the bag ---------- */

static double
share_below(const slow_table *t)
{
	return t->params->loss == HPC_LOSS_QUANTILE ? t->params->quantile : 0.5;
}

static void
draw_bag(slow_table *t, int held_out, const int *fold, uint64_t round)
{
	uint64_t stream = hpc_stream(HPC_TAG_ROW_SAMPLE, t->params->seed, round);
	uint64_t threshold = hpc_share_threshold(t->params->row_fraction);

	for (size_t i = 0; i < t->n; i++)
	{
		slow_row *row = &t->rows[i];

		row->in_bag = fold[row->row] != held_out &&
					  (t->params->row_fraction >= 1 ||
					   hpc_draw(stream, row->key) < threshold);
		row->leaf = 0;
	}
}

/* The wanted number of features with the smallest draws, one by one. */
static void
draw_features(slow_table *t, uint64_t round)
{
	const hpc_frame *frame = t->frame;
	uint64_t stream = hpc_stream(HPC_TAG_FEATURE, t->params->seed, round);
	int wanted =
		(int) floor(t->params->feature_fraction * frame->nfeatures + 0.5);

	memset(t->used, 0, sizeof(t->used));
	for (int k = 0; k < wanted || k == 0; k++)
	{
		int best = -1;

		for (int i = 0; i < frame->nfeatures; i++)
		{
			if (!t->used[i] &&
				(best < 0 ||
				 hpc_draw(stream, frame->features[i].name_hash) <
					 hpc_draw(stream, frame->features[best].name_hash)))
				best = i;
		}
		t->used[best] = true;
	}
}

static void
set_gradients(slow_table *t)
{
	double delta = bag_quantile(t, ABSENT, t->params->huber_quantile, true);

	for (size_t i = 0; i < t->n; i++)
	{
		slow_row *row = &t->rows[i];
		double r = residual(row);

		if (t->params->loss == HPC_LOSS_HUBER)
			row->q = fmax(-delta, fmin(delta, r));
		else if (t->params->loss == HPC_LOSS_SQUARED)
			row->q = r;
		else
			row->q = r > 0 ? share_below(t) : r < 0 ? share_below(t) - 1 : 0;
	}
}

/* ---------- a tree ---------- */

static double
score(const slow_table *t, double sum, double weight)
{
	return sum * sum / (weight + t->params->l2);
}

/* What rows of a leaf up to a threshold add up to. */
static double
gain_of(const slow_table *t, uint32_t leaf, int feature, double threshold)
{
	double sum[2] = {0, 0};
	double weight[2] = {0, 0};
	int64_t count[2] = {0, 0};

	for (size_t i = 0; i < t->n; i++)
	{
		const slow_row *row = &t->rows[i];
		bool right = row->x[feature] > threshold;

		if (!row->in_bag || row->leaf != leaf)
			continue;
		sum[right] += row->weight * row->q;
		weight[right] += row->weight;
		count[right]++;
	}
	if (count[0] < t->params->min_leaf || count[1] < t->params->min_leaf)
		return -1;
	return score(t, sum[0], weight[0]) + score(t, sum[1], weight[1]) -
		   score(t, sum[0] + sum[1], weight[0] + weight[1]);
}

/* The least value in the leaf above x. */
static double
next_value(const slow_table *t, uint32_t leaf, int feature, double x)
{
	double next = INFINITY;

	for (size_t i = 0; i < t->n; i++)
	{
		const slow_row *row = &t->rows[i];

		if (row->in_bag && row->leaf == leaf && row->x[feature] > x)
			next = fmin(next, row->x[feature]);
	}
	return next;
}

static slow_split
find_split(const slow_table *t, uint32_t leaf)
{
	slow_split best = {0, -1, 0};

	for (int feature = 0; feature < t->frame->nfeatures; feature++)
	{
		double x = -INFINITY;

		if (!t->used[feature])
			continue;
		while ((x = next_value(t, leaf, feature, x)) < INFINITY)
		{
			double gain = gain_of(t, leaf, feature, x);

			if (gain > best.gain + 1e-9)
				best = (slow_split){gain, feature,
									(x + next_value(t, leaf, feature, x)) / 2};
		}
	}
	return best;
}

/* Grows a tree best first; answers how many leaves it has. */
static uint32_t
grow(slow_table *t)
{
	slow_split *splits =
		claim((size_t) t->params->max_leaves, sizeof(slow_split));
	uint32_t nleaves = 1;

	splits[0] = find_split(t, 0);
	while (nleaves < (uint32_t) t->params->max_leaves)
	{
		uint32_t best = 0;

		for (uint32_t leaf = 1; leaf < nleaves; leaf++)
		{
			if (splits[leaf].gain > splits[best].gain)
				best = leaf;
		}
		if (splits[best].feature < 0)
			break;
		for (size_t i = 0; i < t->n; i++)
		{
			slow_row *row = &t->rows[i];

			if (row->leaf == best &&
				row->x[splits[best].feature] > splits[best].threshold)
				row->leaf = nleaves;
		}
		splits[best] = find_split(t, best);
		splits[nleaves] = find_split(t, nleaves);
		nleaves++;
	}
	free(splits);
	return nleaves;
}

/* ---------- leaves ---------- */

/* Mean of residuals about center, cut to +-delta, times the weight. */
static double
leaf_mean(const slow_table *t, uint32_t leaf, double center, double delta)
{
	double sum = 0;
	double weight = 0;

	for (size_t i = 0; i < t->n; i++)
	{
		const slow_row *row = &t->rows[i];
		double r = residual(row) - center;

		if (!row->in_bag || row->leaf != leaf)
			continue;
		sum += row->weight * (center + fmax(-delta, fmin(delta, r)));
		weight += row->weight;
	}
	return sum / (weight + t->params->l2);
}

static double
leaf_value(const slow_table *t, uint32_t leaf, double delta)
{
	if (t->params->loss == HPC_LOSS_SQUARED)
		return leaf_mean(t, leaf, 0, INFINITY);
	if (t->params->loss == HPC_LOSS_HUBER)
		return leaf_mean(t, leaf, bag_quantile(t, leaf, 0.5, false), delta);
	return bag_quantile(t, leaf, share_below(t), false);
}

static void
run_round(slow_table *t, int held_out, const int *fold, uint64_t round)
{
	double *values;
	double delta;
	uint32_t nleaves;

	draw_bag(t, held_out, fold, round);
	draw_features(t, round);
	set_gradients(t);
	nleaves = grow(t);
	delta = bag_quantile(t, ABSENT, t->params->huber_quantile, true);
	values = claim(nleaves, sizeof(double));
	for (uint32_t leaf = 0; leaf < nleaves; leaf++)
		values[leaf] = leaf_value(t, leaf, delta) * t->params->learning_rate;
	for (size_t i = 0; i < t->n; i++)
		t->rows[i].prediction += values[t->rows[i].leaf];
	free(values);
}

static double
bag_mean(const slow_table *t)
{
	double sum = 0;
	double weight = 0;

	for (size_t i = 0; i < t->n; i++)
	{
		if (!t->rows[i].in_bag)
			continue;
		sum += t->rows[i].weight * t->rows[i].y;
		weight += t->rows[i].weight;
	}
	return sum / weight;
}

static void
set_base(slow_table *t, int held_out, const int *fold)
{
	double base;

	for (size_t i = 0; i < t->n; i++)
	{
		t->rows[i].prediction = 0;
		t->rows[i].in_bag = fold[t->rows[i].row] != held_out;
		t->rows[i].leaf = 0;
	}
	if (t->params->loss == HPC_LOSS_SQUARED)
		base = bag_mean(t);
	else
		base = bag_quantile(t, ABSENT, share_below(t), false);
	for (size_t i = 0; i < t->n; i++)
		t->rows[i].prediction = base;
}

/* ---------- early stopping ---------- */

static double
held_out_loss(const slow_table *t, double r)
{
	if (t->params->loss == HPC_LOSS_SQUARED)
		return r * r;
	if (t->params->loss == HPC_LOSS_QUANTILE)
		return r > 0 ? t->params->quantile * r : (t->params->quantile - 1) * r;
	return fabs(r);
}

/* Loss of each round, and absolute error, over the rows of each fold. */
static void
run_folds(slow_table *t, const int *fold, double *loss, double *error)
{
	uint64_t rounds = (uint64_t) t->params->rounds;

	for (int held_out = 0; held_out < NFOLDS; held_out++)
	{
		set_base(t, held_out, fold);
		for (uint64_t round = 0; round < rounds; round++)
		{
			run_round(t, held_out, fold, round);
			for (size_t i = 0; i < t->n; i++)
			{
				const slow_row *row = &t->rows[i];

				if (fold[row->row] != held_out)
					continue;
				loss[round] += row->weight * held_out_loss(t, residual(row));
				error[round] += row->weight * fabs(residual(row));
			}
		}
	}
}

static uint64_t
choose_rounds(slow_table *t, const int *fold, double *oob_mae)
{
	uint64_t rounds = (uint64_t) t->params->rounds;
	double *loss = claim(rounds, sizeof(double));
	double *error = claim(rounds, sizeof(double));
	double weight = 0;
	uint64_t best = 0;

	run_folds(t, fold, loss, error);
	for (uint64_t round = 1; round < rounds; round++)
	{
		if (loss[round] < loss[best])
			best = round;
	}
	for (size_t i = 0; i < t->n; i++)
		weight += t->rows[i].weight;
	*oob_mae = error[best] / weight;
	free(loss);
	free(error);
	return best + 1;
}

/* ---------- the whole ---------- */

static void
list_rows(slow_table *t, const hpt_table *table)
{
	const hpc_frame *frame = t->frame;

	t->rows = claim((size_t) frame->ncopies, sizeof(slow_row));
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		const hpc_value *values =
			table->values +
			(size_t) hpc_row_source(frame, row) * (size_t) table->ncolumns;

		for (uint32_t copy = 0; copy < hpc_row_count(frame, row); copy++)
		{
			slow_row *out = &t->rows[t->n++];

			for (int i = 0; i < frame->nfeatures; i++)
				out->x[i] = values[frame->features[i].column].number;
			out->y = frame->target[row];
			out->weight = hpc_row_weight(frame, row);
			out->row = row;
			out->key = hpc_copy_key(frame->key[row], copy);
		}
	}
}

void
slow_boost_train(const hpc_frame *frame, const hpt_table *table,
				 const hpc_params *params, slow_boost *result)
{
	slow_table t = {.frame = frame, .params = params};
	uint64_t stream = hpc_stream(HPC_TAG_INNER_FOLD, params->seed, 0);
	int *fold = claim(frame->nrows, sizeof(int));

	list_rows(&t, table);
	for (uint32_t row = 0; row < frame->nrows; row++)
		fold[row] =
			(int) ((hpc_draw(stream, frame->key[row]) >> 32) * NFOLDS >> 32);
	result->oob_mae = NAN;
	result->rounds = (uint64_t) params->rounds;
	if (params->early_stopping)
		result->rounds = choose_rounds(&t, fold, &result->oob_mae);
	set_base(&t, -1, fold);
	for (uint64_t round = 0; round < result->rounds; round++)
		run_round(&t, -1, fold, round);
	result->prediction = claim(frame->nrows, sizeof(double));
	for (size_t i = 0; i < t.n; i++)
		result->prediction[t.rows[i].row] = t.rows[i].prediction;
	free(t.rows);
	free(fold);
}

void
slow_boost_free(slow_boost *result)
{
	free(result->prediction);
}
