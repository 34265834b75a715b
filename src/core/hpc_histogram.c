/*
 * hpc_histogram.c
 *		The rows of a node, summed by the bins of a feature.
 *
 * Two ways to the same cells.  A node with many rows for its bins adds each
 * row to its bin's cell and then drops the empty cells; a node with few
 * sorts its rows by bin and sums the runs.  Sums are exact integers, so the
 * way does not show in the result, and neither does the order of rows.
 */
#include <string.h>

#include "hpc_sort.h"
#include "hpc_split.h"

/* Sorting costs about as much as clearing this many cells per row. */
#define CELLS_PER_ROW 4

static inline void
add_sample(hpc_total *total, const hpc_sample *sample)
{
	total->sum += (__int128) sample->target * sample->weight;
	total->weight += sample->weight;
}

static inline uint32_t
sample_bin(const hpc_feature *feature, const hpc_sample *sample)
{
	uint32_t rank = hpc_feature_rank(feature, sample->row);

	return feature->bin_of != NULL ? feature->bin_of[rank] : rank;
}

static void
fill_by_bin(hpc_split_scratch *scratch, const hpc_feature *feature,
			uint32_t nsamples, const hpc_sample *samples)
{
	hpc_cell *cells = scratch->cells;
	uint32_t n = 0;

	memset(cells, 0, ((size_t) feature->nbins + 1) * sizeof(hpc_cell));
	for (uint32_t i = 0; i < nsamples; i++)
		add_sample(&cells[sample_bin(feature, &samples[i])].total,
				   &samples[i]);
	scratch->missing = cells[feature->nbins].total;
	for (uint32_t bin = 0; bin < feature->nbins; bin++)
	{
		if (cells[bin].total.weight == 0)
			continue;
		cells[n] = cells[bin];
		cells[n++].bin = bin;
	}
	scratch->ncells = n;
}

static void
fill_by_sorting(hpc_split_scratch *scratch, const hpc_feature *feature,
				uint32_t nsamples, const hpc_sample *samples)
{
	uint32_t n = 0;

	memset(&scratch->missing, 0, sizeof(scratch->missing));
	for (uint32_t i = 0; i < nsamples; i++)
		scratch->keys[i] =
			(uint64_t) sample_bin(feature, &samples[i]) << 32 | i;
	hpc_sort_upper(nsamples, scratch->keys, scratch->spare_keys,
				   feature->width);
	for (uint32_t i = 0; i < nsamples; i++)
	{
		uint32_t bin = (uint32_t) (scratch->keys[i] >> 32);
		const hpc_sample *sample = &samples[(uint32_t) scratch->keys[i]];

		if (bin == feature->nbins)
		{
			add_sample(&scratch->missing, sample);
			continue;
		}
		if (n == 0 || scratch->cells[n - 1].bin != bin)
		{
			memset(&scratch->cells[n], 0, sizeof(hpc_cell));
			scratch->cells[n++].bin = bin;
		}
		add_sample(&scratch->cells[n - 1].total, sample);
	}
	scratch->ncells = n;
}

void
hpc_cells_fill(hpc_split_scratch *scratch, const hpc_feature *feature,
			   uint32_t nsamples, const hpc_sample *samples)
{
	scratch->npooled = 0;
	if (feature->nbins / CELLS_PER_ROW < nsamples)
		fill_by_bin(scratch, feature, nsamples, samples);
	else
		fill_by_sorting(scratch, feature, nsamples, samples);
}
