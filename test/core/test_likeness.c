/*
 * test_likeness.c
 *		Features that say the same of the target, and those that do not.
 */
#include <math.h>

#include "hpc_likeness.h"
#include "hpt_table.h"

/* In byte order, so that features have these numbers. */
enum
{
	A_AREA,    /* 0 .. 29, half of the target */
	B_INVERSE, /* 1 / (1 + area) */
	C_LEVEL,   /* a level for each area */
	D_ROUGH,   /* area in steps of three */
	E_OTHER,   /* the other half of the target */
	F_NOISE,
	G_DOUBTFUL, /* area, seen through much noise */
	NFEATURES
};

static void
make_table(hpt_table *table, uint32_t nrows)
{
	static const char *const names[NFEATURES] = {"a_area",    "b_inverse",
												 "c_level",   "d_rough",
												 "e_other",   "f_noise",
												 "g_doubtful"};
	hpt_random random = {17};

	hpt_table_init(table);
	for (int i = 0; i < NFEATURES; i++)
		hpt_table_column(table, names[i],
						 i == C_LEVEL ? HPC_CATEGORY : HPC_NUMBER,
						 i == C_LEVEL ? HPC_STORE_CODE : HPC_STORE_DOUBLE);
	for (uint32_t i = 0; i < nrows; i++)
	{
		double area = (double) hpt_random_below(&random, 30);
		double other = (double) hpt_random_below(&random, 30);
		hpc_value *row = hpt_table_row(table, 1e6 + area + other);

		row[A_AREA] = hpt_number(area);
		row[B_INVERSE] = hpt_number(1 / (1 + area));
		row[C_LEVEL] = hpt_level(((uint32_t) area * 7 + 3) % 30);
		row[D_ROUGH] = hpt_number(floor(area / 3));
		row[E_OTHER] = hpt_number(other);
		row[F_NOISE] = hpt_number((double) hpt_random_below(&random, 30));
		row[G_DOUBTFUL] =
			hpt_number(floor(area + 15 * hpt_random_normal(&random)));
	}
}

static void
find_same(const hpt_table *table, const int *order, int n, int *same)
{
	hpt_memory memory;
	hpt_framed framed;
	hpc_status status;

	hpt_memory_init(&memory, 1);
	hpt_table_frame(&memory.env, table, 255, &framed);
	status = hpc_likeness_find(&memory.env, framed.frame, order, n, same);
	hpt_framed_free(&memory.env, &framed);
	hpt_ok(status == HPC_OK && memory.nblocks == 0, "likeness is looked for");
}

int
main(void)
{
	const int rising[NFEATURES] = {0, 1, 2, 3, 4, 5, 6};
	const int rough[4] = {D_ROUGH, A_AREA, F_NOISE, E_OTHER};
	int same[NFEATURES];
	int again[NFEATURES];
	hpt_table table;
	int nwrong = 0;

	make_table(&table, 3000);
	hpt_table_repeat(&table, 0);
	find_same(&table, rising, NFEATURES, same);
	hpt_ok(same[A_AREA] == -1, "the first says nothing that was said before");
	hpt_ok(same[B_INVERSE] == A_AREA, "a function of it says the same");
	hpt_ok(same[C_LEVEL] == A_AREA || same[C_LEVEL] == B_INVERSE,
		   "and so do levels");
	hpt_ok(same[D_ROUGH] >= 0 && same[D_ROUGH] <= C_LEVEL,
		   "and what is coarser");
	hpt_ok(same[E_OTHER] == -1, "another part of the target is another");
	hpt_ok(same[F_NOISE] == -1, "noise says nothing");
	hpt_ok(same[G_DOUBTFUL] == -1 || same[G_DOUBTFUL] < E_OTHER,
		   "a doubtful copy is like none that it is no copy of");
	find_same(&table, rough, 4, again);
	hpt_ok(again[1] == D_ROUGH, "most of it is enough");
	hpt_table_shuffle(&table, 4);
	find_same(&table, rising, NFEATURES, again);
	for (int i = 0; i < NFEATURES; i++)
		nwrong += same[i] != again[i];
	hpt_ok(nwrong == 0, "the order of rows does not matter");
	hpt_table_free(&table);
	return hpt_done();
}
