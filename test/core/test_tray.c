/*
 * test_tray.c
 *		Trees that wait: they leave in the order in which they came, whole,
 *		and a tray that is full says so.
 */
#include <stdlib.h>
#include <string.h>

#include "hpc_tray.h"
#include "hpt_table.h"

#define MAX_NODES 9

/* A tree of the number's own shape: a chain of splits on feature 0. */
static void
make_tree(hpc_tree *tree, hpc_tree_node *nodes, uint32_t number)
{
	uint32_t nsplits = number % 5;

	memset(nodes, 0, MAX_NODES * sizeof(hpc_tree_node));
	*tree = (hpc_tree){.nnodes = 2 * nsplits + 1, .nodes = nodes};
	for (uint32_t i = 0; i < tree->nnodes; i++)
	{
		nodes[i].cover = 1;
		nodes[i].value = number * 100 + i;
	}
	for (uint32_t i = 0; i < nsplits; i++)
	{
		nodes[2 * i].left = 2 * i + 1;
		nodes[2 * i].threshold = 0.5 + i;
		/* the right child goes on, and the left one is a leaf */
	}
}

/* Puts a tree, with room made where there is none.  Answers refusals. */
static int
put(hpc_env *env, hpc_tray *tray, uint32_t number, hpc_status *status)
{
	hpc_tree_node nodes[MAX_NODES];
	hpc_tree tree;
	int nrefused = 0;

	make_tree(&tree, nodes, number);
	while (!hpc_tray_put(tray, &tree))
	{
		nrefused++;
		if (!tray->full)
			*status = HPC_CORRUPT;
		else
			*status = hpc_tray_make_room(env, tray);
		if (*status != HPC_OK)
			break;
	}
	return nrefused;
}

/* Puts trees 0 .. n - 1, writing some now and then.  The model, or NULL. */
static void *
fill_and_write(hpt_memory *memory, const hpt_framed *framed, uint32_t n,
			   int *nrefused)
{
	hpc_env *env = &memory->env;
	hpc_tray tray = {0};
	hpc_training_record record = {.algorithm = HPC_BOOST};
	hpc_params params;
	hpc_texts texts = {0};
	hpc_writer *writer = hpc_writer_create(env, framed->frame);
	hpc_status status = writer != NULL ? HPC_OK : HPC_NO_MEMORY;
	void *model = NULL;
	size_t nbytes;

	*nrefused = 0;
	for (uint32_t i = 0; i < n && status == HPC_OK; i++)
	{
		*nrefused += put(env, &tray, i, &status);
		if (status == HPC_OK && i % 700 == 699)
			status = hpc_tray_write(env, &tray, tray.ntrees / 2, writer);
	}
	if (status == HPC_OK)
		status = hpc_tray_write(env, &tray, tray.ntrees, writer);
	if (status == HPC_OK)
	{
		hpc_writer_set_base(writer, 0);
		hpc_params_init(&params, HPC_BOOST);
		hpc_params_resolve(&params, 50);
		hpc_model_record_params(&params, &record);
		status =
			hpc_writer_finish(env, writer, &record, &texts, &model, &nbytes);
	}
	hpc_writer_free(env, writer);
	hpc_tray_free(env, &tray);
	return model;
}

static void
check_order(const hpt_framed *framed)
{
	uint32_t n = 2000;
	hpt_memory memory;
	hpc_model_view view;
	int nrefused;
	int nwrong = 0;
	hpc_model *model;

	hpt_memory_init(&memory, 1);
	model = fill_and_write(&memory, framed, n, &nrefused);
	hpc_model_open(model, &view);
	hpt_ok(view.training->ntrees == n, "all trees arrive");
	for (uint32_t tree = 0; tree < n; tree++)
	{
		uint32_t first = view.trees[tree];
		uint32_t last = view.trees[tree + 1] - 1;
		double value;

		memcpy(&value, view.nodes[last].u.value, sizeof(value));
		nwrong += last - first != 2 * (tree % 5) ||
				  value != tree * 100 + 2 * (tree % 5);
	}
	hpt_ok(nwrong == 0, "in their order, and whole");
	hpt_ok(nrefused > 1 && nrefused < 40, "room was made %d times", nrefused);
	hpt_release(&memory.env, model);
	hpt_ok(memory.nblocks == 0, "nothing is left behind");
}

/* Trees can be looked at while they wait, and dropped together. */
static void
check_waiting(void)
{
	hpt_memory memory;
	hpc_tray tray = {0};
	hpc_status status = HPC_OK;
	int nwrong = 0;

	hpt_memory_init(&memory, 1);
	for (int round = 0; round < 2; round++)
	{
		int64_t before = memory.nrequests;

		for (uint32_t i = 0; i < 100; i++)
			put(&memory.env, &tray, i, &status);
		for (uint32_t i = 0; i < 100; i++)
		{
			hpc_tree tree = hpc_tray_tree_at(&tray, i);

			nwrong += tree.nnodes != 2 * (i % 5) + 1 ||
					  tree.nodes[0].value != i * 100;
		}
		hpt_ok(round == 0 || memory.nrequests == before,
			   "a cleared tray keeps its room");
		hpc_tray_clear(&tray);
	}
	hpt_ok(nwrong == 0 && tray.ntrees == 0, "trees can be seen waiting");
	hpc_tray_free(&memory.env, &tray);
}

static void
check_no_memory(const hpt_framed *framed)
{
	void *model = NULL;
	int64_t n = 0;
	int nwrong = 0;

	while (model == NULL)
	{
		hpt_memory memory;
		int nrefused;

		hpt_memory_init(&memory, 1);
		memory.fail_at = ++n;
		model = fill_and_write(&memory, framed, 1500, &nrefused);
		if (model != NULL)
			hpt_release(&memory.env, model);
		nwrong += memory.nblocks != 0;
	}
	hpt_ok(nwrong == 0 && n > 10, "each of %d allocations can fail",
		   (int) n - 1);
}

int
main(void)
{
	hpt_memory memory;
	hpt_framed framed;
	hpt_table table;

	hpt_memory_init(&memory, 1);
	hpt_table_numbers(&table, 1, 50, 400, 1);
	hpt_table_frame(&memory.env, &table, 255, &framed);
	check_order(&framed);
	check_waiting();
	check_no_memory(&framed);
	hpt_framed_free(&memory.env, &framed);
	hpt_table_free(&table);
	return hpt_done();
}
