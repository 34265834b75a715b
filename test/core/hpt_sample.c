/*
 * hpt_sample.c
 *		Rows in bags: drawn at random, and drawn as the forest should.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_random.h"
#include "hpt_sample.h"

/* ---------- samples ---------- */

void
hpt_sample_init(hpt_sample *sample, const hpc_frame *frame)
{
	memset(sample, 0, sizeof(*sample));
	sample->rows = malloc((frame->nrows + 1) * sizeof(uint32_t));
	sample->held = calloc(frame->nrows + 1, sizeof(hpc_total));
}

void
hpt_sample_free(hpt_sample *sample)
{
	free(sample->rows);
	free(sample->held);
	memset(sample, 0, sizeof(*sample));
}

void
hpt_sample_draw(hpt_sample *sample, const hpc_frame *frame, hpt_random *random,
				uint64_t max_weight, int bits)
{
	uint64_t weights = 0;

	sample->nrows = 0;
	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint64_t count = hpt_random_below(random, 4);
		uint64_t weight = count * (1 + hpt_random_below(random, max_weight));
		int64_t q = bits > 0 ? (int64_t) hpt_random_bits(random) >> (63 - bits)
							 : (int64_t) frame->target[row];

		if (row == 0 && count == 0)
			count = weight = 1;
		sample->held[row] = (hpc_total){q * (int64_t) weight, weight, count};
		weights += weight;
		if (count > 0)
			sample->rows[sample->nrows++] = row;
	}
	sample->weight_bits = hpc_exponent_above((double) weights + 1);
}

double
hpt_sample_variance(const hpt_sample *sample, const uint32_t *rows,
					uint32_t nrows, hpc_total total)
{
	double weight = (double) total.weight;
	double mean = (double) total.sum / weight;
	__extension__ unsigned __int128 squares = 0;

	for (uint32_t i = 0; i < nrows; i++)
	{
		hpc_total held = sample->held[rows[i]];
		__int128 q = held.sum / (int64_t) held.weight;

		squares += (unsigned __int128) (q * q) * held.weight;
	}
	return fmax(0, (double) squares / weight - mean * mean);
}

/* Each copy of a row as a record, with its q for a residual. */
static void
fill_records(const hpt_sample *sample, const hpc_frame *frame,
			 const hpc_lines *packs, hpc_grower *grower)
{
	hpc_bag *bag = hpc_grower_bag(grower);

	hpc_grower_clear_packs(grower);
	bag->nrows = 0;
	bag->per_unit = 1;
	bag->summed = true;
	for (uint32_t i = 0; i < sample->nrows; i++)
	{
		uint32_t row = sample->rows[i];
		hpc_total held = sample->held[row];
		int64_t q = held.sum / (int64_t) held.count;

		for (uint64_t copy = 0; copy < held.count; copy++)
		{
			unsigned char *record = hpc_record(&bag->records, bag->nrows++);

			hpc_record_make(record, (double) q, frame, packs, row);
			hpc_record_add(record, q * (INT64_C(1) << sample->weight_bits) + 1,
						   hpc_grower_packs(grower, 0), NULL, packs->npacks);
		}
	}
}

void
hpt_sample_fill(const hpt_sample *sample, const hpc_frame *frame,
				const hpc_lines *lines, hpc_grower *grower)
{
	hpc_bag *bag = hpc_grower_bag(grower);

	bag->nrows = sample->nrows;
	bag->weight_bits = sample->weight_bits;
	bag->pure_value = sample->pure_value;
	bag->nfeatures = sample->nfeatures;
	bag->features = sample->features;
	if (bag->records.rows != NULL)
	{
		fill_records(sample, frame, lines, grower);
		return;
	}
	memcpy(bag->rows, sample->rows, sample->nrows * sizeof(uint32_t));
	for (uint32_t i = 0; i < sample->nrows; i++)
	{
		uint32_t row = sample->rows[i];
		hpc_total held = sample->held[row];

		if (bag->wide != NULL)
			bag->wide[row] =
				(hpc_wide){held.sum,
						   (int64_t) (held.weight << 32 | held.count)};
		else
			bag->narrow[row] = held.sum * (INT64_C(1) << sample->weight_bits) +
							   (int64_t) held.weight;
	}
}

uint32_t
hpt_sample_copies(const hpt_sample *sample)
{
	uint32_t ncopies = 0;

	for (uint32_t i = 0; i < sample->nrows; i++)
		ncopies += (uint32_t) sample->held[sample->rows[i]].count;
	return ncopies;
}

/* ---------- bags, the slow way ---------- */

uint32_t
hpt_bag_draw(const hpc_frame *frame, const hpc_params *params, uint64_t tree,
			 uint32_t row, uint32_t copy)
{
	uint64_t stream =
		hpc_stream(params->bag ? HPC_TAG_BAG : HPC_TAG_ROW_SAMPLE,
				   params->seed, tree);
	uint64_t bits = hpc_draw(stream, hpc_copy_key(frame->key[row], copy));
	hpc_poisson poisson;

	if (!params->bag)
		return params->row_fraction >= 1 ||
			   bits < hpc_share_threshold(params->row_fraction);
	hpc_poisson_init(&poisson, params->row_fraction);
	return hpc_poisson_draw(&poisson, bits);
}

/* Copies of a row that are in the bag of a tree. */
uint32_t
hpt_bag_count(const hpc_frame *frame, const hpc_params *params, uint64_t tree,
			  uint32_t row)
{
	uint32_t n = 0;

	for (uint32_t copy = 0; copy < hpc_row_count(frame, row); copy++)
		n += hpt_bag_draw(frame, params, tree, row, copy);
	return n;
}

/* A tree that draws nothing at all, or far too much, takes every row. */
bool
hpt_bag_is_unfit(const hpc_frame *frame, const hpc_params *params,
				 uint64_t tree)
{
	uint64_t n = 0;

	for (uint32_t row = 0; row < frame->nrows; row++)
		n += hpt_bag_count(frame, params, tree, row);
	return n == 0 || n > 2 * frame->ncopies + HPC_POISSON_MAX;
}
