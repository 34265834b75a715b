/*
 * test_random.c
 *		Keyed draws: thresholds against probabilities in long double, and
 *		frequencies of draws against the thresholds.
 */
#include <math.h>
#include <string.h>

#include "hpc_random.h"
#include "hpt.h"

#define TWO_TO_64 0x1p64L
#define NDRAWS 200000

/* ---------- thresholds ---------- */

static void
check_poisson_thresholds(double mean)
{
	hpc_poisson poisson;
	long double term = expl(-(long double) mean);
	long double cumulative = 0;
	bool passed = true;

	hpc_poisson_init(&poisson, mean);
	for (int k = 0; k < HPC_POISSON_MAX; k++)
	{
		long double share = (long double) poisson.threshold[k] / TWO_TO_64;

		cumulative += term;
		term *= (long double) mean / (k + 1);
		passed &= fabsl(share - cumulative) < 1e-15L;
		passed &= k == 0 || poisson.threshold[k] >= poisson.threshold[k - 1];
	}
	hpt_ok(passed, "Poisson thresholds of mean %g", mean);
	hpt_ok(poisson.threshold[HPC_POISSON_MAX - 1] >= UINT64_MAX - 4096,
		   "its tail is next to nothing");
}

/* A draw counts the thresholds that it reaches. */
static void
check_poisson_edges(void)
{
	hpc_poisson poisson;
	bool passed = true;

	hpc_poisson_init(&poisson, 1);
	for (uint32_t k = 0; k < 12; k++)
	{
		passed &= hpc_poisson_draw(&poisson, poisson.threshold[k] - 1) == k;
		passed &= hpc_poisson_draw(&poisson, poisson.threshold[k]) == k + 1;
	}
	hpt_ok(passed && hpc_poisson_draw(&poisson, 0) == 0,
		   "draws change exactly at the thresholds");
	hpc_poisson_init(&poisson, 0);
	hpt_ok(hpc_poisson_draw(&poisson, UINT64_MAX - 1) == 0,
		   "mean 0 draws nothing");
}

static void
check_shares(void)
{
	hpt_random random = {4};
	bool passed = true;

	hpt_ok(hpc_share_threshold(0) == 0 &&
			   hpc_share_threshold(0.5) == UINT64_C(1) << 63 &&
			   hpc_share_threshold(0.25) == UINT64_C(1) << 62 &&
			   hpc_share_threshold(1) == UINT64_MAX &&
			   hpc_share_threshold(1.5) == UINT64_MAX,
		   "thresholds of plain shares");
	hpt_ok(hpc_share_threshold(nextafter(1, 0)) == UINT64_MAX - 2047,
		   "the largest share below 1");
	for (int i = 0; i < 10000; i++)
	{
		double share = hpt_random_unit(&random);
		long double back =
			(long double) hpc_share_threshold(share) / TWO_TO_64;

		passed &= back <= share && share - back < 0x1p-63L;
	}
	hpt_ok(passed, "thresholds of random shares");
}

/* ---------- frequencies ---------- */

/* Is a count of NDRAWS draws within five standard deviations? */
static bool
near_share(uint32_t count, double share)
{
	double sd = sqrt(NDRAWS * share * (1 - share));

	return fabs(count - NDRAWS * share) < 5 * sd + 1;
}

static void
check_poisson_draws(double mean)
{
	uint64_t stream = hpc_stream(HPC_TAG_BAG, 1, 2);
	uint32_t counts[HPC_POISSON_MAX + 1] = {0};
	hpc_poisson poisson;
	double share = exp(-mean);
	bool passed = true;

	hpc_poisson_init(&poisson, mean);
	for (uint64_t i = 0; i < NDRAWS; i++)
		counts[hpc_poisson_draw(&poisson, hpc_draw(stream, i))]++;
	for (int k = 0; k <= HPC_POISSON_MAX; k++)
	{
		passed &= near_share(counts[k], share);
		share *= mean / (k + 1);
	}
	hpt_ok(passed, "draws of mean %g are Poisson", mean);
}

static void
check_share_draws(double share)
{
	uint64_t stream = hpc_stream(HPC_TAG_ROW_SAMPLE, -7, 0);
	uint64_t threshold = hpc_share_threshold(share);
	uint32_t count = 0;

	for (uint64_t i = 0; i < NDRAWS; i++)
		count += hpc_draw(stream, hpc_mix(i)) < threshold;
	hpt_ok(near_share(count, share), "%g of the draws stay below", share);
}

/* Streams of tags, seeds and trees agree no more often than by chance. */
static void
check_streams(void)
{
	uint64_t streams[64];
	uint32_t nsame[64] = {0};
	int nstreams = 0;
	bool passed = true;

	for (int tag = HPC_TAG_CONTENT; tag <= HPC_TAG_LEAK; tag++)
	{
		for (int64_t seed = -1; seed <= 1; seed++)
		{
			streams[nstreams++] = hpc_stream((hpc_tag) tag, seed, 0);
			streams[nstreams++] = hpc_stream((hpc_tag) tag, seed, 1);
		}
	}
	for (int i = 1; i < nstreams; i++)
	{
		for (uint64_t item = 0; item < NDRAWS; item++)
			nsame[i] += (hpc_draw(streams[i], item) >> 63) ==
						(hpc_draw(streams[i - 1], item) >> 63);
		passed &= near_share(nsame[i], 0.5);
	}
	hpt_ok(passed, "%d streams are independent of their neighbours", nstreams);
}

static void
check_copies(void)
{
	uint64_t stream = hpc_stream(HPC_TAG_BAG, 0, 0);
	uint32_t nsame = 0;
	int nwrong = 0;

	for (uint64_t row = 0; row < NDRAWS; row++)
	{
		uint64_t key = hpc_mix(row);

		nwrong += hpc_copy_key(key, 0) != key ||
				  hpc_copy_key(key, 1) == hpc_copy_key(key, 2);
		nsame += (hpc_draw(stream, hpc_copy_key(key, 1)) >> 63) ==
				 (hpc_draw(stream, key) >> 63);
	}
	hpt_ok(nwrong == 0, "copy 0 has the row's key, others keys of their own");
	hpt_ok(near_share(nsame, 0.5), "copies draw independently");
}

int
main(void)
{
	check_poisson_thresholds(1);
	check_poisson_thresholds(0.5);
	check_poisson_thresholds(0.01);
	check_poisson_edges();
	check_shares();
	check_poisson_draws(1);
	check_poisson_draws(0.3);
	check_share_draws(0.5);
	check_share_draws(0.9);
	check_share_draws(0.001);
	check_streams();
	check_copies();
	return hpt_done();
}
