/*
 * test_lines.c
 *		Codes of a row side by side: what is in lines is what is in the blocks.
 */
#include <stdint.h>

#include "hpc_lines.h"
#include "hpt_table.h"

/* Columns whose codes are as many as spread allows; missing: every third. */
static void
make_table(hpt_table *table, int ncolumns, uint32_t nrows, uint64_t spread)
{
	static char names[HPT_MAX_COLUMNS][3]; /* the table keeps them */
	hpt_random random = {spread};

	hpt_table_init(table);
	for (int i = 0; i < ncolumns; i++)
	{
		names[i][0] = (char) ('a' + i / 26);
		names[i][1] = (char) ('a' + i % 26);
		hpt_table_column(table, names[i], HPC_NUMBER, HPC_STORE_DOUBLE);
	}
	while (table->nrows < nrows)
	{
		hpc_value *row = hpt_table_row(table, table->nrows);

		for (int i = 0; i < ncolumns; i++)
		{
			uint64_t nvalues = 1 + (uint64_t) i * (uint64_t) i % (spread + 1);

			if (i % 3 == 1 && hpt_random_below(&random, 8) == 0)
				continue;
			row[i] = hpt_number((double) hpt_random_below(&random, nvalues));
		}
	}
}

/* Rows in which the byte of a pack is not made of its members' codes. */
static int
count_wrong_bytes(const hpc_frame *frame, const hpc_pack *pack,
				  const unsigned char *codes, size_t stride)
{
	int nwrong = 0;

	for (uint32_t row = 0; row < frame->nrows; row++)
	{
		uint32_t byte = codes[row * stride];

		for (int i = 0; i < pack->nmembers; i++)
		{
			const hpc_feature *feature = &frame->features[pack->member[i]];
			uint32_t ncodes = hpc_codes_in_use(feature);

			nwrong += byte % ncodes != hpc_code(feature, row);
			byte /= ncodes;
		}
		nwrong += byte != 0;
	}
	return nwrong;
}

/* Each feature must be found once, with its codes. */
static int
count_wrong(const hpc_frame *frame, const hpc_lines *lines)
{
	int found[HPT_MAX_COLUMNS] = {0};
	int nwrong = 0;

	for (int i = 0; i < lines->nlines; i++)
	{
		const hpc_line *line = &lines->lines[i];

		nwrong += (uintptr_t) line->codes % 64 != 0 || line->stride > 64 ||
				  64 % line->stride != 0;
		for (int j = 0; j < line->npacks; j++)
		{
			const hpc_pack *pack = &lines->packs[line->first_pack + j];
			uint32_t ncells = 1;

			for (int k = 0; k < pack->nmembers; k++)
			{
				const hpc_feature *feature = &frame->features[pack->member[k]];

				found[pack->member[k]]++;
				nwrong += feature->width != 1;
				ncells *= hpc_codes_in_use(feature);
			}
			nwrong += ncells != pack->ncells || ncells > HPC_NARROW_CELLS;
			nwrong +=
				count_wrong_bytes(frame, pack, line->codes + j, line->stride);
		}
		for (int j = 0; j < line->nwide; j++)
		{
			int index = lines->wide[line->first_wide + j];
			const unsigned char *codes =
				line->codes + line->nblocks * HPC_BLOCK + 2 * j;

			found[index]++;
			for (uint32_t row = 0; row < frame->nrows; row++)
				nwrong += *(const uint16_t *) (codes + row * line->stride) !=
						  hpc_code(&frame->features[index], row);
		}
	}
	for (int i = 0; i < frame->nfeatures; i++)
		nwrong += found[i] != 1;
	return nwrong;
}

static void
check_lines(const char *what, int ncolumns, uint32_t nrows, uint64_t spread,
			bool wanted)
{
	hpt_memory memory;
	hpt_table table;
	hpt_framed framed;
	hpc_lines *lines;

	hpt_memory_init(&memory, 1);
	make_table(&table, ncolumns, nrows, spread);
	hpt_table_frame(&memory.env, &table, 65534, &framed);
	hpt_ok(hpc_lines_create(&memory.env, framed.frame, &lines) == HPC_OK &&
			   (lines != NULL) == wanted &&
			   (lines == NULL || count_wrong(framed.frame, lines) == 0),
		   "%s", what);
	hpc_lines_free(&memory.env, lines);
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
	if (memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
}

/* Packs without lines: each row's bytes hold the codes of all features. */
static void
check_packs(int ncolumns, uint64_t spread)
{
	hpt_memory memory;
	hpt_table table;
	hpt_framed framed;
	hpc_lines *packs;
	int nwrong = 0;

	hpt_memory_init(&memory, 1);
	make_table(&table, ncolumns, 500, spread);
	hpt_table_frame(&memory.env, &table, 255, &framed);
	if (hpc_packs_create(&memory.env, framed.frame, &packs) != HPC_OK)
		nwrong++;
	for (int i = 0; i < framed.frame->nfeatures && nwrong == 0; i++)
	{
		const hpc_feature *feature = &framed.frame->features[i];
		const hpc_member *member = &packs->members[i];
		const hpc_pack *pack = &packs->packs[member->pack];

		for (uint32_t row = 0; row < framed.frame->nrows; row++)
			nwrong += member->code[hpc_pack_byte(framed.frame, pack, row)] !=
					  hpc_code(feature, row);
	}
	hpt_ok(nwrong == 0 && packs->npacks <= ncolumns, "%d columns in %d packs",
		   ncolumns, packs->npacks);
	hpc_lines_free(&memory.env, packs);
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
	if (memory.nblocks != 0)
		hpt_ok(false, "everything is freed");
}

static uint64_t
little_left(void *opaque)
{
	(void) opaque;
	return 100000;
}

/* Without memory there are no lines; an allocation that fails is an error. */
static void
check_memory(void)
{
	hpt_memory memory;
	hpt_table table;
	hpt_framed framed;
	hpc_lines *lines;
	int64_t nblocks;
	int64_t n = 0;
	int nwrong = 0;

	hpt_memory_init(&memory, 1);
	make_table(&table, 40, 3000, 300);
	hpt_table_frame(&memory.env, &table, 65534, &framed);
	nblocks = memory.nblocks;
	for (;; n++)
	{
		memory.nrequests = 0;
		memory.fail_at = n + 1;
		if (hpc_lines_create(&memory.env, framed.frame, &lines) == HPC_OK)
			break;
		nwrong += memory.nblocks != nblocks || lines != NULL;
	}
	hpt_ok(nwrong == 0 && n > 3, "each of %d allocations can fail", (int) n);
	hpc_lines_free(&memory.env, lines);
	memory.fail_at = 0;
	memory.env.memory_left = little_left;
	hpt_ok(hpc_lines_create(&memory.env, framed.frame, &lines) == HPC_OK &&
			   lines == NULL,
		   "no lines where memory is scarce");
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
	hpt_ok(memory.nblocks == 0, "everything is freed");
}

int
main(void)
{
	check_lines("few codes", 40, 2000, 5, true);
	check_lines("up to 255 codes", 40, 2000, 254, true);
	check_lines("more than a line of bytes", 80, 2000, 254, true);
	check_lines("one and two bytes", 40, 5000, 1600, true);
	check_lines("nothing for few rows", 40, 1000, 254, false);
	check_lines("nothing for a single block", 8, 2000, 254, false);
	check_packs(30, 5);
	check_packs(12, 254);
	check_memory();
	return hpt_done();
}
