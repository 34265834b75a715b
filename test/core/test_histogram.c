/*
 * test_histogram.c
 *		Cells of a node against a twin that looks through the samples anew
 *		for every bin, on both ways to them.
 */
#include <stdlib.h>
#include <string.h>

#include "hpc_split.h"
#include "hpt.h"

#define MAX_VALUES 70000
#define MAX_SAMPLES 500

static uint32_t ranks[MAX_SAMPLES];
static uint8_t packed[MAX_SAMPLES * 4];
static uint32_t bin_of[MAX_VALUES + 1];
static hpc_sample samples[MAX_SAMPLES];
static hpc_cell cells[MAX_VALUES + 2];
static hpc_cell spare[MAX_VALUES + 2];
static uint64_t keys[MAX_SAMPLES];
static uint64_t spare_keys[MAX_SAMPLES];
static uint32_t pooled[MAX_VALUES + 2];

/* Random ranks, some of them missing, in the width that the values need. */
static hpc_feature
make_feature(hpt_random *random, uint32_t nvalues, uint32_t nbins)
{
	hpc_feature feature = {.kind = HPC_NUMBER, .nvalues = nvalues};

	feature.width = nvalues < 256 ? 1 : nvalues < 65536 ? 2 : 4;
	feature.ranks = packed;
	feature.nbins = nbins;
	for (uint32_t i = 0; i < MAX_SAMPLES; i++)
	{
		ranks[i] = (uint32_t) hpt_random_below(random, nvalues + 1);
		if (hpt_random_below(random, 8) == 0)
			ranks[i] = nvalues;
		/* little-endian: the low bytes come first */
		memcpy(packed + i * (uint32_t) feature.width, &ranks[i],
			   (size_t) feature.width);
	}
	if (nbins < nvalues)
	{
		for (uint32_t rank = 0; rank <= nvalues; rank++)
			bin_of[rank] = (uint32_t) ((uint64_t) rank * nbins / nvalues);
		bin_of[nvalues] = nbins;
		feature.bin_of = bin_of;
	}
	return feature;
}

static void
make_samples(hpt_random *random, uint32_t nsamples)
{
	for (uint32_t i = 0; i < nsamples; i++)
	{
		samples[i].row = (uint32_t) hpt_random_below(random, MAX_SAMPLES);
		samples[i].weight = 1 + (uint32_t) hpt_random_below(random, 5);
		samples[i].target = (int64_t) hpt_random_bits(random) >>
							(2 + hpt_random_below(random, 50));
	}
}

/* Total of the samples in a bin, found the slow way. */
static hpc_total
slow_total(const hpc_feature *feature, uint32_t nsamples, uint32_t bin)
{
	hpc_total total = {0, 0};

	for (uint32_t i = 0; i < nsamples; i++)
	{
		uint32_t rank = ranks[samples[i].row];
		uint32_t its_bin = feature->bin_of != NULL ? bin_of[rank] : rank;

		if (its_bin != bin)
			continue;
		total.weight += samples[i].weight;
		for (uint32_t j = 0; j < samples[i].weight; j++)
			total.sum += samples[i].target;
	}
	return total;
}

static bool
same_total(hpc_total a, hpc_total b)
{
	return a.sum == b.sum && a.weight == b.weight;
}

static bool
cells_are_right(const hpc_split_scratch *scratch, const hpc_feature *feature,
				uint32_t nsamples)
{
	bool passed = scratch->npooled == 0;
	uint32_t cell = 0;

	for (uint32_t bin = 0; bin < feature->nbins; bin++)
	{
		hpc_total total = slow_total(feature, nsamples, bin);

		if (total.weight == 0)
			continue;
		passed &= cell < scratch->ncells && scratch->cells[cell].bin == bin &&
				  same_total(scratch->cells[cell].total, total);
		cell++;
	}
	return passed && cell == scratch->ncells &&
		   same_total(scratch->missing,
					  slow_total(feature, nsamples, feature->nbins));
}

/* Few bins: added up bin by bin.  Many: sorted.  Both around the border. */
static void
check_cells(uint32_t nvalues, uint32_t nbins)
{
	static const uint32_t sizes[] = {1, 2, 10, 32, 33, 100, MAX_SAMPLES};
	hpt_random random = {nvalues + nbins};
	hpc_feature feature = make_feature(&random, nvalues, nbins);
	hpc_split_scratch scratch = {.cells = cells,
								 .spare = spare,
								 .keys = keys,
								 .spare_keys = spare_keys,
								 .pooled = pooled};
	bool passed = true;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		make_samples(&random, sizes[i]);
		memset(cells, 0x55, sizeof(cells));
		scratch.npooled = 7;
		hpc_cells_fill(&scratch, &feature, sizes[i], samples);
		passed &= cells_are_right(&scratch, &feature, sizes[i]);
	}
	hpt_ok(passed, "%u values in %u bins", nvalues, nbins);
}

int
main(void)
{
	check_cells(1, 1);
	check_cells(2, 2);
	check_cells(40, 40);
	check_cells(255, 255);
	check_cells(256, 256);
	check_cells(1000, 1000);
	check_cells(1000, 16);
	check_cells(1000, 255);
	check_cells(2000, 2000);
	check_cells(2100, 2100);
	check_cells(65535, 65535);
	check_cells(65536, 1000);
	check_cells(MAX_VALUES, MAX_VALUES);
	return hpt_done();
}
