/*
 * test_model.c
 *		Models as they are written: they are accepted and tell the truth.
 *		(test_validate.c has what is refused.)
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_section.h"
#include "hpt_table.h"

/* ---------- what training wrote ---------- */

static void
check_features(const hpc_model *model, const hpt_table *table)
{
	hpc_model_summary summary;
	int nwrong = 0;

	hpc_model_summarize(model, &summary);
	for (int i = 0; i < summary.nfeatures; i++)
	{
		hpc_model_feature feature;
		int column = 0;
		uint64_t nmissing = 0;
		double min = INFINITY;
		double max = -INFINITY;

		hpc_model_feature_at(model, i, &feature);
		while (strcmp(table->columns[column].name, feature.name) != 0)
			column++;
		for (uint32_t row = 0; row < table->nrows; row++)
		{
			hpc_value value =
				table->values[(int) row * table->ncolumns + column];

			nmissing += value.missing;
			if (value.missing)
				continue;
			min = fmin(min, value.number);
			max = fmax(max, value.number);
		}
		nwrong += feature.kind != table->columns[column].kind ||
				  feature.nmissing != nmissing || feature.gain < 0;
		if (feature.kind != HPC_CATEGORY)
			nwrong += feature.min != min || feature.max != max ||
					  feature.ncategories != 0;
		else
			nwrong += !isnan(feature.min) || !isnan(feature.max) ||
					  feature.ncategories < 2;
	}
	hpt_ok(nwrong == 0 && summary.nfeatures == table->ncolumns,
		   "features tell kind, range and missing values");
}

/* Splits and gains of the features are those of the nodes; covers add up. */
static void
check_counts_of(const hpc_model *model, uint32_t *nwrong)
{
	hpc_model_view view;
	uint32_t nsplits[HPT_MAX_COLUMNS] = {0};

	hpc_model_open(model, &view);
	for (uint64_t i = 0; i < view.nnodes; i++)
	{
		if (view.nodes[i].left != 0)
			nsplits[view.nodes[i].u.split.feature]++;
	}
	for (uint32_t i = 0; i < view.nfeatures; i++)
		*nwrong += view.features[i].nsplits != nsplits[i] ||
				   (nsplits[i] == 0) != (view.features[i].gain == 0);
	for (uint32_t tree = 0; tree < view.training->ntrees; tree++)
	{
		for (uint32_t i = view.trees[tree]; i < view.trees[tree + 1]; i++)
		{
			uint32_t left = view.nodes[i].left + view.trees[tree];

			*nwrong +=
				view.nodes[i].left != 0 &&
				view.covers[i] != view.covers[left] + view.covers[left + 1];
		}
	}
}

static void
check_written(void)
{
	hpc_params params = hpt_params(4);
	hpt_memory memory;
	hpt_table table;
	hpc_model_summary summary;
	uint32_t nwrong = 0;
	size_t nbytes;
	hpc_model *model;

	hpt_table_houses(&table, 200, 2);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpt_ok(hpt_model_validate(model, nbytes) == HPC_OK,
		   "what was written is accepted");
	hpc_model_summarize(model, &summary);
	hpt_ok(summary.algorithm == HPC_FOREST && summary.ntrees == 4 &&
			   summary.nrows == 200 && summary.nskipped == 0 &&
			   summary.ndistinct < 200 && summary.nbytes == nbytes &&
			   summary.seed == 42,
		   "the summary tells rows, trees and bytes");
	hpt_ok(strcmp(summary.texts.target, "price") == 0 &&
			   strcmp(summary.texts.params, "{\"trees\": 3}") == 0 &&
			   summary.texts.clean == NULL,
		   "texts come back");
	hpt_ok(memcmp(&summary.params.trees, &params.trees, sizeof(int64_t)) ==
				   0 &&
			   summary.params.feature_fraction == params.feature_fraction &&
			   summary.params.bag && summary.params.leak == HPC_LEAK_ALLOW &&
			   summary.params.max_bins == params.max_bins &&
			   summary.params.cat_min_rows == params.cat_min_rows,
		   "parameters come back");
	check_features(model, &table);
	check_counts_of(model, &nwrong);
	hpt_ok(nwrong == 0, "covers add up, splits are counted");
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* ---------- parameters ---------- */

/* A value of the parameter that is not its default. */
static double
other_value(const hpc_parameter *which)
{
	if (which->type == HPC_REAL)
		return which->min + (which->max - which->min) / 3;
	return which->fallback == which->min ? which->max : which->min;
}

/* Every parameter of every algorithm comes back from the record. */
static void
check_settings(void)
{
	int n;
	const hpc_parameter *table = hpc_parameter_table(&n);

	for (int algorithm = HPC_MEAN; algorithm < HPC_NALGORITHMS; algorithm++)
	{
		hpc_params params;
		hpc_params back;
		hpc_training_record record = {0};
		int nwrong = 0;

		hpc_params_init(&params, (hpc_algorithm) algorithm);
		for (int i = 0; i < n; i++)
		{
			if ((table[i].algorithms & 1u << algorithm) != 0 &&
				hpc_parameter_is_scalar(&table[i]))
				nwrong += !hpc_params_set(&params, &table[i],
										  other_value(&table[i]));
		}
		hpc_model_record_params(&params, &record);
		hpc_model_recorded_params(&record, &back);
		for (int i = 0; i < n; i++)
			nwrong += hpc_parameter_is_scalar(&table[i]) &&
					  hpc_params_get(&params, &table[i]) !=
						  hpc_params_get(&back, &table[i]);
		hpt_ok(nwrong == 0 && back.algorithm == params.algorithm,
			   "%s: parameters come back",
			   hpc_algorithm_name(params.algorithm));
	}
}

/* ---------- made by hand ---------- */

/* The length word of the container may be anything. */
static void
check_container(void)
{
	const char *name;
	size_t nbytes;
	hpc_model *model = hpt_hand_sample(1, 1, &nbytes, &name);
	hpc_digest before = model->digest;

	model->container = 0xdeadbeef;
	hpt_model_seal(model);
	hpt_ok(hpt_model_validate(model, nbytes) == HPC_OK &&
			   memcmp(&before, &model->digest, sizeof(before)) == 0,
		   "the container's word is not the model's");
	free(model);
}

static void
check_summaries(void)
{
	for (int which = 0; which < HPT_HAND_MODELS; which++)
	{
		const char *name;
		size_t nbytes;
		hpc_model *model = hpt_hand_sample(which, 3, &nbytes, &name);
		hpc_model *again = hpt_hand_sample(which, 3, &nbytes, &name);
		hpc_model_summary summary;
		bool blend;
		bool adds;

		hpc_model_summarize(model, &summary);
		blend = summary.algorithm == HPC_BLEND;
		adds =
			summary.algorithm == HPC_BOOST || summary.algorithm == HPC_LINEAR;
		hpt_ok(hpt_model_validate(model, nbytes) == HPC_OK &&
				   memcmp(model, again, nbytes) == 0,
			   "%s: accepted, and the same again", name);
		hpt_ok(summary.nrows == 1000 && summary.ndistinct == 900 &&
				   summary.nskipped == 3 && summary.nbytes == nbytes &&
				   summary.nfeatures == HPT_HAND_FEATURES &&
				   summary.nmembers == (blend ? 2 : 0) &&
				   summary.merged == (which == HPT_HAND_MERGED) &&
				   (summary.merged
						? summary.oob_rows == 0 && isnan(summary.oob_rmse)
						: summary.oob_rows == 11 && summary.oob_rmse == 2) &&
				   isnan(summary.oob_r2),
			   "%s: the summary counts", name);
		hpt_ok(summary.base == (summary.algorithm == HPC_MEAN ? 12.5
								: adds                        ? 2.5
															  : 0) &&
				   summary.smearing == (summary.log_scale ? 1.25 : 1),
			   "%s: base and smearing", name);
		hpt_ok(strcmp(summary.texts.target, "price") == 0 &&
				   strcmp(summary.texts.weight, "sure") == 0 &&
				   summary.texts.clean == NULL,
			   "%s: texts", name);
		free(model);
		free(again);
	}
}

/* A tree of the model against the tree that was grown. */
static uint32_t
count_wrong_nodes(const hpt_hand *hand, const hpc_model_view *view)
{
	uint32_t nwrong = 0;

	for (uint32_t i = 0; i < hand->tree.nnodes; i++)
	{
		const hpc_tree_node *grown = &hand->tree.nodes[i];
		const hpc_feature *feature = &hand->features[grown->feature];
		const hpc_node *node = &view->nodes[i];

		nwrong += node->left != grown->left || view->covers[i] != grown->cover;
		if (grown->left == 0)
		{
			nwrong += memcmp(node->u.value, &grown->value, 8) != 0;
			continue;
		}
		nwrong += node->u.split.feature != grown->feature;
		if (feature->kind != HPC_CATEGORY)
		{
			nwrong += view->thresholds[view->features[grown->feature]
										   .first_threshold +
									   node->u.split.cut] != grown->threshold;
			continue;
		}
		for (uint32_t j = 0; j < hpc_set_words(feature->nvalues) * 32; j++)
		{
			const uint32_t *set = hand->tree.sets + grown->at.set;
			uint32_t code = feature->level_bin == NULL || j >= feature->nvalues
								? j
								: feature->level_bin[j];
			bool left = (set[code / 32] >> code % 32 & 1) != 0;

			nwrong += (view->sets[node->u.split.cut + j / 32] >> j % 32 & 1) !=
					  (left && j < feature->nvalues);
		}
	}
	return nwrong;
}

/* Sets have a bit per level, also where a tree has one per bin. */
static void
check_nodes(void)
{
	const hpc_texts texts = {NULL, NULL, NULL, NULL};
	hpc_training_record record = {0};
	uint32_t nwrong = 0;
	hpc_params params;

	hpc_params_init(&params, HPC_FOREST);
	hpc_model_record_params(&params, &record);
	for (uint64_t seed = 0; seed < 200; seed++)
	{
		hpt_hand hand;
		hpc_writer *writer;
		hpc_model_view view;
		void *model;
		size_t nbytes;

		hpt_hand_init(&hand, seed);
		hpt_hand_grow(&hand, HPT_HAND_LEAVES);
		writer = hpc_writer_create(&hand.memory.env, &hand.frame);
		hpc_writer_add_tree(&hand.memory.env, writer, &hand.tree);
		hpc_writer_finish(&hand.memory.env, writer, &record, &texts, &model,
						  &nbytes);
		hpc_writer_free(&hand.memory.env, writer);
		nwrong += hpt_model_validate(model, nbytes) != HPC_OK;
		hpc_model_open(model, &view);
		nwrong += count_wrong_nodes(&hand, &view);
		check_counts_of(model, &nwrong);
		hpt_hand_release(&hand, model);
		hpt_hand_free(&hand);
		nwrong += hand.memory.nblocks != 0;
	}
	hpt_ok(nwrong == 0, "nodes are as they were grown");
}

/* ---------- blends ---------- */

/* Members come back to the byte, but for the word of the container. */
static void
check_members(void)
{
	const hpc_texts texts = {NULL, NULL, NULL, NULL};
	hpc_training_record record = {.algorithm = HPC_BLEND};
	const char *name;
	hpc_model *members[3];
	size_t sizes[3];
	hpt_hand hand;
	void *model = NULL;
	size_t nbytes;
	int nwrong = 0;

	for (int i = 0; i < 3; i++)
	{
		hpc_model *sample = hpt_hand_sample(2 + i, 5, &sizes[i], &name);

		members[i] = hpt_bare(sample, &sizes[i]);
		members[i]->container = 77;
		free(sample);
	}
	hpt_hand_init(&hand, 1);
	hpc_model_blend(&hand.memory.env, &record, &texts, &hand.frame,
					(const void *const *) members, 3, NULL, NULL, &model,
					&nbytes);
	for (int i = 0; i < 3; i++)
	{
		const hpc_model *member = hpc_model_member(model, i);

		nwrong += member->container != 0;
		members[i]->container = 0;
		nwrong += memcmp(member, members[i], sizes[i]) != 0;
		free(members[i]);
	}
	hpt_ok(nwrong == 0 && hpt_model_validate(model, nbytes) == HPC_OK,
		   "members come back as they were");
	hpt_hand_release(&hand, model);
	hpt_hand_free(&hand);
}

/* Gains are mean shares, splits add up, signs are those of all members. */
static void
check_blended_features(void)
{
	const char *name;
	size_t nbytes;
	hpc_model *model = hpt_hand_sample(5, 9, &nbytes, &name);
	double total[2] = {0, 0};
	hpc_model_feature feature[3];
	int nwrong = 0;

	for (int i = 0; i < HPT_HAND_FEATURES; i++)
	{
		for (int j = 0; j < 2; j++)
		{
			hpc_model_feature_at(hpc_model_member(model, j), i, &feature[j]);
			total[j] += feature[j].gain;
		}
	}
	for (int i = 0; i < HPT_HAND_FEATURES; i++)
	{
		double share = 0;

		for (int j = 0; j < 2; j++)
		{
			hpc_model_feature_at(hpc_model_member(model, j), i, &feature[j]);
			share += feature[j].gain / total[j] / 2;
		}
		hpc_model_feature_at(model, i, &feature[2]);
		nwrong += fabs(feature[2].gain - share) > 1e-15 ||
				  feature[2].nsplits != feature[0].nsplits;
		/* the linear member has no signs */
		nwrong += feature[2].monotone != 0 || feature[1].monotone != 0 ||
				  (feature[0].monotone != 0) != (i < 2);
	}
	hpt_ok(nwrong == 0, "a blend's features sum up its members'");
	free(model);
}

/* ---------- when things go wrong ---------- */

/* Levels beyond what a model holds are told before they are written. */
static void
check_limit(void)
{
	hpt_hand hand;
	hpc_writer *writer;
	hpc_status status = HPC_OK;

	hpt_hand_init(&hand, 4);
	hpt_hand_grow(&hand, HPT_HAND_LEAVES);
	for (int i = 0; i < HPT_HAND_FEATURES; i++)
		hand.features[i].nvalues = UINT32_MAX;
	writer = hpc_writer_create(&hand.memory.env, &hand.frame);
	status = hpc_writer_add_tree(&hand.memory.env, writer, &hand.tree);
	hpt_ok(status == HPC_LIMIT && hand.memory.env.error.hint[0] != '\0',
		   "a model too large is refused, with a hint");
	hpc_writer_free(&hand.memory.env, writer);
	hpt_hand_free(&hand);
	hpt_ok(hand.memory.nblocks == 0, "and leaves nothing behind");
}

/* A blend of two terms' worth: allocation number N fails, for all N. */
static void
check_out_of_memory(void)
{
	const hpc_texts texts = {"price", NULL, NULL, NULL};
	hpc_training_record record = {.algorithm = HPC_BLEND};
	const char *name;
	void *members[2];
	size_t nbytes;
	hpc_status status;
	int64_t nrefused = 0;
	int nwrong = 0;
	hpt_hand hand;

	for (int i = 0; i < 2; i++)
		members[i] = hpt_hand_sample(3 + i, 1, &nbytes, &name);
	hpt_hand_init(&hand, 1);
	do
	{
		int64_t nblocks = hand.memory.nblocks;
		void *model = NULL;

		hand.memory.nrequests = 0;
		hand.memory.fail_at = ++nrefused;
		status = hpc_model_blend(&hand.memory.env, &record, &texts,
								 &hand.frame, (const void *const *) members, 2,
								 NULL, NULL, &model, &nbytes);
		nwrong +=
			status != HPC_OK && (status != HPC_NO_MEMORY || model != NULL);
		hpt_hand_release(&hand, model);
		nwrong += hand.memory.nblocks != nblocks;
	} while (status != HPC_OK);
	hand.memory.fail_at = 0;
	hpt_ok(nrefused > 5 && nwrong == 0,
		   "a blend survives each of %d failing allocations",
		   (int) nrefused - 1);
	hpt_hand_free(&hand);
	free(members[0]);
	free(members[1]);
}

int
main(void)
{
	check_written();
	check_settings();
	check_container();
	check_summaries();
	check_nodes();
	check_members();
	check_blended_features();
	check_limit();
	check_out_of_memory();
	return hpt_done();
}
