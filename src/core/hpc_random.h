/*
 * hpc_random.h
 *		Randomness that is keyed, not drawn.
 *
 * A draw is a hash of what it is for (a tag), the seed, the tree and the
 * content of a row or the place of a node: the same wherever, whenever and
 * in whatever order it is asked for.
 */
#ifndef HPC_RANDOM_H
#define HPC_RANDOM_H

#include "hpc.h"

/* Key of one stream of draws. */
static inline uint64_t
hpc_stream(hpc_tag tag, int64_t seed, uint64_t tree)
{
	return hpc_mix(hpc_mix(hpc_mix((uint64_t) tag) ^ (uint64_t) seed) + tree);
}

/* The draw of a stream for an item: 64 uniform bits. */
static inline uint64_t
hpc_draw(uint64_t stream, uint64_t item)
{
	return hpc_mix(hpc_mix(stream ^ item) + stream);
}

/* Key of a row for draws, of the hash of its content. */
static inline uint64_t
hpc_row_key(hpc_hash hash)
{
	return hpc_mix(hash.low ^ hpc_mix(hash.high));
}

/* Key of the c-th copy of a row. */
static inline uint64_t
hpc_copy_key(uint64_t row_key, uint64_t copy)
{
	return copy == 0 ? row_key : hpc_mix(row_key + copy);
}

/*
 * Thresholds of a Poisson distribution: a draw is the number of thresholds
 * that it reaches.  The tail beyond the last has probability below 2^-64.
 */
#define HPC_POISSON_MAX 24

typedef struct hpc_poisson
{
	uint64_t threshold[HPC_POISSON_MAX];
} hpc_poisson;

extern void hpc_poisson_init(hpc_poisson *poisson, double mean);

static inline uint32_t
hpc_poisson_draw(const hpc_poisson *poisson, uint64_t bits)
{
	const uint64_t *threshold = poisson->threshold;
	uint32_t count = (bits >= threshold[0]) + (bits >= threshold[1]) +
					 (bits >= threshold[2]) + (bits >= threshold[3]);

	/* seldom, unlike branches that no processor could foretell */
	if (count == 4)
	{
		while (count < HPC_POISSON_MAX && bits >= threshold[count])
			count++;
	}
	return count;
}

/* Folds inside a training, of the rows that it learns from. */
#define HPC_NFOLDS 5

/*
 * The one of nfolds inner folds that a row is in, all of its copies included:
 * the same for every algorithm of the same seed.
 */
static inline uint32_t
hpc_inner_fold(int64_t seed, uint64_t row_key, uint32_t nfolds)
{
	uint64_t draw = hpc_draw(hpc_stream(HPC_TAG_INNER_FOLD, seed, 0), row_key);

	return (uint32_t) ((draw >> 32) * nfolds >> 32);
}

/* Threshold below which a uniform draw falls with probability share. */
extern uint64_t hpc_share_threshold(double share);

/*
 * How often the copies of rows are in the bag of a tree of a forest: by a
 * Poisson distribution, or, without bags, once with a probability.
 */
typedef struct hpc_bag_rule
{
	bool bag;
	bool takes_all; /* without bags */
	uint64_t threshold;
	hpc_poisson poisson;
} hpc_bag_rule;

extern void hpc_bag_rule_init(hpc_bag_rule *rule, const hpc_params *params);

static inline uint64_t
hpc_bag_stream(const hpc_bag_rule *rule, int64_t seed, uint64_t tree)
{
	return hpc_stream(rule->bag ? HPC_TAG_BAG : HPC_TAG_ROW_SAMPLE, seed,
					  tree);
}

/* copy: its key (hpc_copy_key). */
static inline uint32_t
hpc_bag_draw(const hpc_bag_rule *rule, uint64_t stream, uint64_t copy)
{
	uint64_t bits = hpc_draw(stream, copy);

	if (rule->bag)
		return hpc_poisson_draw(&rule->poisson, bits);
	return bits < rule->threshold || rule->takes_all;
}

#endif /* HPC_RANDOM_H */
