/*
 * test_records.c
 *		Division of rows that move: what goes left stands before what goes right,
 *		and none is lost; whatever the order, the size of a record, the number
 *		of workers and the registers.
 */
#include <stdlib.h>

#include "hpc_cpu.h"
#include "hpc_records.h"
#include "hpt.h"

/* Where the rows that go right stand before the division. */
typedef enum order
{
	RANDOM,
	ASCENDING, /* those that go right last */
	DESCENDING,
	SAWTOOTH,
	NORDERS
} order;

typedef struct scene
{
	hpc_records records;
	hpc_divider divider;
	uint32_t n;
	uint32_t first;
	uint32_t nleft;
	bool done;
} scene;

/* The residual is the number of the record, the key a function of it. */
static void
make_record(scene *s, uint32_t i, uint8_t byte)
{
	unsigned char *record = hpc_record(&s->records, i);

	memset(record, 0x5a, s->records.size);
	hpc_record_set_residual(record, i);
	record[HPC_RECORD_CODES + s->divider.pack] = byte;
	if (s->records.keys != NULL)
		s->records.keys[i] = hpc_mix(i);
}

static uint8_t
choose_byte(hpt_random *random, order how, uint32_t i, uint32_t n)
{
	switch (how)
	{
		case ASCENDING:
			return (uint8_t) ((uint64_t) i * 256 / n);
		case DESCENDING:
			return (uint8_t) (255 - (uint64_t) i * 256 / n);
		case SAWTOOTH:
			return (uint8_t) (i / 40);
		default:
			return (uint8_t) hpt_random_bits(random);
	}
}

static void
make_scene(scene *s, hpt_random *random, uint32_t n, uint32_t share, order how,
		   int npacks, bool keys)
{
	s->n = n;
	s->first = (uint32_t) hpt_random_below(random, 5);
	s->records.size = hpc_record_size(npacks);
	s->records.rows = malloc((s->first + n + 1) * s->records.size);
	if (keys)
		s->records.keys = malloc((s->first + n + 1) * sizeof(uint64_t));
	s->divider.pack =
		(int) hpt_random_below(random, (uint64_t) (uint32_t) npacks);
	for (uint32_t byte = 256 - share; byte < 256; byte++)
		s->divider.right[byte / 32] |= UINT32_C(1) << (byte % 32);
	for (uint32_t i = 0; i < s->first + n; i++)
	{
		make_record(s, i, choose_byte(random, how, i, s->first + n));
		s->nleft += i >= s->first &&
					!hpc_record_goes_right(&s->records, &s->divider, i);
	}
}

static void
free_scene(scene *s)
{
	free(s->records.rows);
	free(s->records.keys);
}

static hpc_status
divide_in_crew(hpc_crew *crew, void *context)
{
	scene *s = context;
	int nworkers = hpc_crew_nworkers(crew);

	s->done = hpc_records_divide(&s->records, &s->divider, s->first, s->n,
								 s->nleft, crew, 0, nworkers);
	return HPC_OK;
}

/* Each record is there once, with its key. */
static bool
all_there(const scene *s)
{
	uint32_t n = s->first + s->n;
	uint8_t *seen = calloc(n + 1, 1);
	bool right = true;

	for (uint32_t i = 0; i < n; i++)
	{
		double number = hpc_record_residual(hpc_record(&s->records, i));

		right &= number >= 0 && number < n && !seen[(uint32_t) number] &&
				 (i >= s->first || number == i) &&
				 (s->records.keys == NULL ||
				  s->records.keys[i] == hpc_mix((uint32_t) number));
		if (right)
			seen[(uint32_t) number] = 1;
	}
	free(seen);
	return right;
}

static bool
is_divided(const scene *s)
{
	for (uint32_t i = 0; i < s->n; i++)
	{
		if (hpc_record_goes_right(&s->records, &s->divider, s->first + i) !=
			(i >= s->nleft))
			return false;
	}
	return true;
}

static void
check_divisions(int nworkers, int nscenes, uint32_t most)
{
	hpt_random random = {(uint64_t) nworkers};
	hpt_memory memory;
	int nwrong = 0;

	hpt_memory_init(&memory, nworkers);
	for (int i = 0; i < nscenes; i++)
	{
		scene s = {.records.wide = i % 2 == 0 && hpc_has_wide_registers()};
		uint32_t n = (uint32_t) hpt_random_below(&random, most);
		uint32_t share = (uint32_t) hpt_random_below(&random, 257);

		make_scene(&s, &random, n, share, (order) (i % NORDERS),
				   1 + i % HPC_RECORD_PACKS, i % 3 == 0);
		hpc_crew_open(&memory.env, nworkers, divide_in_crew, &s);
		nwrong += !s.done || !all_there(&s) || !is_divided(&s);
		free_scene(&s);
	}
	hpt_ok(nwrong == 0, "%d workers: %d divisions of up to %d rows", nworkers,
		   nscenes, (int) most);
}

static void
check_draws(void)
{
	hpt_random random = {9};
	hpt_memory memory;
	int nwrong = 0;

	hpt_memory_init(&memory, 3);
	for (int i = 0; i < 40; i++)
	{
		scene s = {.records.wide = hpc_has_wide_registers()};

		make_scene(&s, &random, 20000, 0, RANDOM, 3, true);
		s.divider.by_draw = true;
		s.divider.stream = hpt_random_bits(&random);
		s.divider.threshold = hpt_random_bits(&random);
		s.nleft = 0;
		for (uint32_t j = s.first; j < s.first + s.n; j++)
			s.nleft += !hpc_record_goes_right(&s.records, &s.divider, j);
		hpc_crew_open(&memory.env, 1 + i % 3, divide_in_crew, &s);
		nwrong += !s.done || !all_there(&s) || !is_divided(&s);
		free_scene(&s);
	}
	hpt_ok(nwrong == 0, "40 divisions by draw");
}

/* Stopped at each check: no record is lost. */
static void
check_stops(void)
{
	hpt_random random = {11};
	hpt_memory memory;
	int nstopped = 0;
	int nwrong = 0;

	for (int n = 1; n <= 12; n++)
	{
		scene s = {.records.wide = hpc_has_wide_registers()};

		make_scene(&s, &random, 400000, 128, RANDOM, 5, true);
		hpt_memory_init(&memory, 2);
		memory.cancel_at = n;
		hpc_crew_open(&memory.env, 1 + n % 2, divide_in_crew, &s);
		nstopped += !s.done;
		nwrong += !all_there(&s) || (s.done && !is_divided(&s));
		free_scene(&s);
	}
	hpt_ok(nwrong == 0 && nstopped >= 4, "stopped %d times, nothing lost",
		   nstopped);
}

int
main(void)
{
	check_divisions(1, 1000, 700);
	check_divisions(1, 100, 20000);
	check_divisions(2, 200, 30000);
	check_divisions(5, 100, 60000);
	check_draws();
	check_stops();
	return hpt_done();
}
