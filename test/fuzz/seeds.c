/*
 * seeds.c
 *		Writes the first files of a corpus: valid models and rows, small ones.
 *
 *		seeds model|dataset DIRECTORY
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_dataset.h"
#include "hpt_table.h"

static void
write_file(const char *directory, const char *name, const void *bytes,
		   size_t nbytes)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "wb");
	if (file == NULL || fwrite(bytes, 1, nbytes, file) != nbytes ||
		fclose(file) != 0)
	{
		perror(path);
		exit(1);
	}
}

static void
write_model(const char *directory, const char *name, const hpt_table *table,
			const hpc_params *params)
{
	hpt_memory memory;
	size_t nbytes;
	hpc_model *model = hpt_table_model(&memory, table, params, 1, &nbytes);

	write_file(directory, name, model, nbytes);
	hpt_release(&memory.env, model);
}

/* Models of the other algorithms, of few features. */
static void
write_hand_made(const char *directory)
{
	hpc_params members[2];
	hpc_params blend;
	hpt_hand hand;

	hpt_hand_init(&hand, 1);
	hpc_params_init(&members[0], HPC_BOOST);
	hpc_params_init(&members[1], HPC_LINEAR);
	hpc_params_init(&blend, HPC_BLEND);
	members[0].log_target = members[1].log_target = 1;
	blend.nmembers = 2;
	blend.members = members;
	for (int i = 0; i < 3; i++)
	{
		static const char *const names[] = {"boost", "linear", "blend"};
		const hpc_params *params = i < 2 ? &members[i] : &blend;
		size_t nbytes;
		hpc_model *model;

		hand.frame.nfeatures = i < 2 ? 4 : 2;
		model = hpt_hand_model(&hand, params, &nbytes);
		write_file(directory, names[i], model, nbytes);
		hpt_hand_release(&hand, model);
	}
	hand.frame.nfeatures = HPT_HAND_FEATURES;
	hpt_hand_free(&hand);
}

/* The one sort of model that has keys of trees. */
static void
write_merged(const char *directory)
{
	const char *name;
	size_t nbytes;
	hpc_model *model = hpt_hand_sample(HPT_HAND_MERGED, 3, &nbytes, &name);

	write_file(directory, "merged", model, nbytes);
	free(model);
}

static void
write_rows(const char *directory, const char *name, hpc_env *env,
		   hpc_dataset *dataset)
{
	size_t nbytes;
	void *bytes;

	nbytes = hpc_dataset_flat_size(dataset);
	bytes = malloc(nbytes);
	hpc_dataset_to_flat(dataset, bytes);
	write_file(directory, name, bytes, nbytes);
	free(bytes);
	hpc_dataset_free(env, dataset);
}

static void
write_dataset(const char *directory, const char *name, const hpt_table *table)
{
	hpt_memory memory;

	hpt_memory_init(&memory, 1);
	write_rows(directory, name, &memory.env,
			   hpt_table_dataset(&memory.env, table));
}

/* Enough rows for a block; a number for each way of packing; weights. */
static void
write_block(const char *directory)
{
	static const hpc_column_spec columns[] = {
		{"same", HPC_NUMBER, HPC_STORE_INT16, true},
		{"narrow", HPC_NUMBER, HPC_STORE_INT16, true},
		{"wide", HPC_NUMBER, HPC_STORE_DOUBLE, false},
		{"tenths", HPC_NUMBER, HPC_STORE_DOUBLE, false},
		{"single", HPC_NUMBER, HPC_STORE_FLOAT, false},
		{"word", HPC_CATEGORY, HPC_STORE_CODE, false},
	};
	hpc_dataset *dataset;
	hpt_memory memory;

	hpt_memory_init(&memory, 1);
	hpc_dataset_create(&memory.env, 6, columns, &dataset);
	for (uint32_t i = 0; i < 66; i++)
	{
		hpc_value values[] = {hpt_number(7),
							  i % 9 == 1 ? hpt_missing() : hpt_number(i % 9),
							  hpt_number(sqrt(i)),
							  hpt_number(i / 10.0),
							  hpt_number((float) i / 3),
							  i % 5 == 1 ? hpt_missing() : hpt_level(i % 5)};

		hpc_dataset_append(&memory.env, dataset, values, i % 8,
						   1 + (double) (i % 4) / 4);
	}
	write_rows(directory, "block", &memory.env, dataset);
}

/* A table of its own for every seed: houses, numbers, categories, one row. */
static void
make_table(hpt_table *table, int which)
{
	if (which == 0)
		hpt_table_houses(table, 12, 1);
	else if (which == 1)
		hpt_table_numbers(table, 2, 10, 6, 1);
	else if (which == 2)
	{
		hpt_table_init(table);
		hpt_table_column(table, "t", HPC_CATEGORY, HPC_STORE_CODE);
		for (uint32_t i = 0; i < 20; i++)
			hpt_table_row(table, i % 5)[0] =
				i % 6 == 5 ? hpt_missing() : hpt_level(i % 5);
	}
	else
		hpt_table_houses(table, 1, 2);
}

int
main(int argc, char **argv)
{
	static const char *const names[] = {"houses", "numbers", "levels", "row"};
	bool models = argc == 3 && strcmp(argv[1], "model") == 0;

	if (argc != 3)
	{
		fprintf(stderr, "usage: %s model|dataset DIRECTORY\n", argv[0]);
		return 2;
	}
	if (!models)
		write_block(argv[2]);
	for (int i = 0; i < 4; i++)
	{
		hpc_params params = hpt_params(2);
		hpt_table table;

		params.min_leaf = 1;
		params.cat_min_rows = 0;
		make_table(&table, i);
		if (models)
			write_model(argv[2], names[i], &table, &params);
		else
			write_dataset(argv[2], names[i], &table);
		params.algorithm = HPC_MEAN;
		if (models && i == 0)
			write_model(argv[2], "mean", &table, &params);
		hpt_table_free(&table);
	}
	if (models)
	{
		write_hand_made(argv[2]);
		write_merged(argv[2]);
	}
	return 0;
}
