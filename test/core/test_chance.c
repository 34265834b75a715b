/*
 * test_chance.c
 *		The share of noise in what categories say: of noise, of effects, with
 *		weights, and of tables where there is nothing to compare.
 */
#include <math.h>

#include "hpc_chance.h"
#include "hpc_memory.h"
#include "hpt_table.h"

#define NROWS 3000
#define NFEW 200

/*
 * Columns: a number, a category of noise, one with an effect of this size, in
 * standard deviations of the noise.
 */
static void
make_table(hpt_table *table, uint32_t nrows, uint32_t nlevels, double effect,
		   double offset)
{
	hpt_random random = {nlevels};

	hpt_table_init(table);
	hpt_table_column(table, "a", HPC_NUMBER, HPC_STORE_DOUBLE);
	hpt_table_column(table, "b", HPC_CATEGORY, HPC_STORE_CODE);
	hpt_table_column(table, "c", HPC_CATEGORY, HPC_STORE_CODE);
	for (uint32_t i = 0; i < nrows; i++)
	{
		uint32_t level = (uint32_t) hpt_random_below(&random, nlevels);
		hpt_random own = {level + 1000};
		double shift = effect * hpt_random_normal(&own);
		hpc_value *row =
			hpt_table_row(table, offset + shift + hpt_random_normal(&random));

		row[0] = hpt_number(i);
		row[1] = hpt_level((uint32_t) hpt_random_below(&random, nlevels));
		row[2] = hpt_level(level);
	}
}

/* The shares of a table's features. */
static void
shares_of(const hpt_table *table, double weight, double shares[3])
{
	hpt_memory memory;
	hpt_framed framed;
	double *found;
	double *weights = NULL;

	hpt_memory_init(&memory, 1);
	hpt_table_frame(&memory.env, table, 65534, &framed);
	if (weight > 0)
	{
		weights = hpc_alloc(&memory.env, framed.frame->nrows, sizeof(double));
		for (uint32_t row = 0; row < framed.frame->nrows; row++)
			weights[row] = weight;
		framed.frame->weight = weights;
	}
	if (hpc_chance_shares(&memory.env, framed.frame, &found) != HPC_OK)
		hpt_ok(false, "shares are found");
	for (int i = 0; i < 3; i++)
		shares[i] = found[i];
	hpc_free(&memory.env, found);
	hpc_free(&memory.env, weights);
	if (weight > 0)
		framed.frame->weight = NULL;
	hpt_framed_free(&memory.env, &framed);
	if (memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
}

static void
check_effects(uint32_t nlevels, double effect, double offset)
{
	double rows = (double) NROWS / nlevels;
	double expected = 1 / sqrt(1 + rows * effect * effect);
	hpt_table table;
	double shares[3];
	double weighted[3];

	make_table(&table, NROWS, nlevels, effect, offset);
	shares_of(&table, 0, shares);
	hpt_ok(shares[0] == 0 && shares[1] > 0.85 && shares[1] <= 1,
		   "%u levels of noise: %.2f", nlevels, shares[1]);
	hpt_ok(fabs(shares[2] / expected - 1) < 0.3,
		   "effect %g from %g: %.3f, expected %.3f", effect, offset, shares[2],
		   expected);
	shares_of(&table, 1, weighted);
	hpt_ok(fabs(weighted[2] - shares[2]) < 1e-9, "rows of weight 1 are rows");
	shares_of(&table, 4, weighted);
	hpt_ok(weighted[2] < shares[2], "heavier rows say more");
	shares_of(&table, 0.001, weighted);
	hpt_ok(weighted[1] == 1 && weighted[2] == 1, "light ones nothing");
	hpt_table_free(&table);
}

static void
check_nothing(void)
{
	hpt_table table;
	double shares[3];

	make_table(&table, NFEW, 50, 0, 0);
	for (uint32_t row = 0; row < NFEW; row++)
		table.target[row] = 7;
	shares_of(&table, 0, shares);
	hpt_ok(shares[1] == 1 && shares[2] == 1, "of equal targets, all");
	for (uint32_t row = 0; row < NFEW; row++)
	{
		table.target[row] = row;
		hpt_table_values(&table, row)[2] = hpt_level(1);
	}
	shares_of(&table, 0, shares);
	hpt_ok(shares[2] == 1, "and of a single level");
	hpt_table_free(&table);
}

int
main(void)
{
	check_effects(20, 0.5, 0);
	check_effects(150, 1, 1e6);
	check_effects(300, 0.5, -1e3);
	check_nothing();
	return hpt_done();
}
