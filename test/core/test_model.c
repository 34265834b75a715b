/*
 * test_model.c
 *		Models as bytes: what training writes is accepted and tells the truth;
 *		bytes that were changed, cut or made up are refused, or do no harm.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpc_model.h"
#include "hpt_table.h"

/* A model in a block of exactly its size, so that a sanitizer sees more. */
typedef struct victim
{
	hpc_model *model;
	size_t nbytes;
	hpc_model_view view;
} victim;

static hpc_status
validate(const void *bytes, size_t nbytes)
{
	hpt_memory memory;
	void *exact = malloc(nbytes > 0 ? nbytes : 1);
	hpc_status status;

	memcpy(exact, bytes, nbytes);
	hpt_memory_init(&memory, 1);
	status = hpc_model_validate(&memory.env, exact, nbytes);
	if (status == HPC_OK)
		hpt_model_exercise(exact);
	free(exact);
	return status;
}

static victim
copy_of(const hpc_model *model, size_t nbytes)
{
	victim v = {malloc(nbytes), nbytes, {0}};

	memcpy(v.model, model, nbytes);
	hpc_model_open(v.model, &v.view);
	return v;
}

static hpc_model *
train(uint32_t nrows, int64_t trees, size_t *nbytes)
{
	hpc_params params = hpt_params(trees);
	hpt_memory memory;
	hpt_table table;
	hpc_model *trained;
	hpc_model *model;

	params.min_leaf = 1;
	hpt_table_houses(&table, nrows, 1);
	trained = hpt_table_model(&memory, &table, &params, 1, nbytes);
	model = copy_of(trained, *nbytes).model;
	hpt_release(&memory.env, trained);
	hpt_table_free(&table);
	return model;
}

/* ---------- what was written ---------- */

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

/* Splits and gains of the features are those of the nodes. */
static void
check_counts(const hpc_model *model)
{
	hpc_model_view view;
	uint32_t nsplits[HPT_MAX_COLUMNS] = {0};
	uint32_t nwrong = 0;

	hpc_model_open(model, &view);
	for (uint64_t i = 0; i < view.nnodes; i++)
	{
		if (view.nodes[i].left != 0)
			nsplits[view.nodes[i].u.split.feature]++;
	}
	for (uint32_t i = 0; i < view.nfeatures; i++)
		nwrong += view.features[i].nsplits != nsplits[i] ||
				  (nsplits[i] == 0) != (view.features[i].gain == 0);
	for (uint32_t tree = 0; tree < view.training->ntrees; tree++)
	{
		for (uint32_t i = view.trees[tree]; i < view.trees[tree + 1]; i++)
		{
			uint32_t left = view.nodes[i].left + view.trees[tree];

			nwrong +=
				view.nodes[i].left != 0 &&
				view.covers[i] != view.covers[left] + view.covers[left + 1];
		}
	}
	hpt_ok(nwrong == 0, "covers add up, splits are counted");
}

static void
check_written(void)
{
	hpc_params params = hpt_params(4);
	hpt_memory memory;
	hpt_table table;
	hpc_model_summary summary;
	size_t nbytes;
	hpc_model *model;

	hpt_table_houses(&table, 200, 2);
	model = hpt_table_model(&memory, &table, &params, 1, &nbytes);
	hpt_ok(validate(model, nbytes) == HPC_OK, "what was written is accepted");
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
	check_counts(model);
	hpt_release(&memory.env, model);
	hpt_table_free(&table);
}

/* The length word of the container may be anything. */
static void
check_container(const hpc_model *model, size_t nbytes)
{
	victim v = copy_of(model, nbytes);

	v.model->container = 0xdeadbeef;
	hpt_ok(validate(v.model, nbytes) == HPC_OK &&
			   strcmp(hpt_digest(v.model), hpt_digest(model)) == 0,
		   "the container's word is not the model's");
	free(v.model);
}

/* ---------- changed bytes ---------- */

/* Any change at all is seen by the digest. */
static void
check_flips(const hpc_model *model, size_t nbytes)
{
	victim v = copy_of(model, nbytes);
	uint8_t *bytes = (uint8_t *) v.model;
	size_t naccepted = 0;

	for (size_t at = sizeof(uint32_t); at < nbytes; at++)
	{
		for (int bit = 0; bit < 8; bit += 3)
		{
			bytes[at] ^= (uint8_t) (1 << bit);
			naccepted += validate(bytes, nbytes) == HPC_OK;
			bytes[at] ^= (uint8_t) (1 << bit);
		}
	}
	hpt_ok(naccepted == 0, "any changed bit is refused");
	free(v.model);
}

/* With a digest that fits, a change is refused or does no harm. */
static void
check_sealed_flips(const hpc_model *model, size_t nbytes)
{
	static const uint8_t masks[] = {0x01, 0x80, 0xff, 0x10};
	victim v = copy_of(model, nbytes);
	uint8_t *bytes = (uint8_t *) v.model;
	uint64_t kept_size = v.model->nbytes;
	size_t nrefused = 0;
	size_t naccepted = 0;

	for (size_t at = sizeof(uint32_t); at < nbytes; at++)
	{
		for (size_t i = 0; i < sizeof(masks); i++)
		{
			bytes[at] ^= masks[i];
			/* the digest covers nbytes bytes, so it must be told the truth */
			if (v.model->nbytes == kept_size)
				hpt_model_seal(v.model);
			if (validate(bytes, nbytes) == HPC_OK)
				naccepted++;
			else
				nrefused++;
			bytes[at] ^= masks[i];
			memcpy(&v.model->digest, &model->digest, sizeof(hpc_digest));
		}
	}
	hpt_ok(memcmp(v.model, model, nbytes) == 0 && naccepted > 0 &&
			   nrefused > nbytes / 2,
		   "with a digest that fits: %d refused, %d harmless", (int) nrefused,
		   (int) naccepted);
	free(v.model);
}

static void
check_truncated(const hpc_model *model, size_t nbytes)
{
	victim v = copy_of(model, nbytes);
	size_t naccepted = 0;

	for (size_t n = 0; n < nbytes; n++)
	{
		naccepted += validate(model, n) == HPC_OK;
		if (n < sizeof(struct hpc_model))
			continue;
		v.model->nbytes = n;
		hpt_model_seal(v.model);
		naccepted += validate(v.model, n) == HPC_OK;
	}
	hpt_ok(naccepted == 0, "refused when cut off anywhere");
	free(v.model);
}

static void
check_garbage(void)
{
	hpt_random random = {99};
	uint64_t words[64];
	hpc_model *model = (hpc_model *) words;
	size_t naccepted = 0;

	for (int i = 0; i < 20000; i++)
	{
		size_t nbytes = 8 * hpt_random_below(&random, 65);

		for (int j = 0; j < 64; j++)
			words[j] =
				hpt_random_bits(&random) >> hpt_random_below(&random, 64);
		if (i % 2 == 0 && nbytes >= sizeof(struct hpc_model))
		{
			model->magic = HPC_MODEL_MAGIC;
			model->version = HPC_MODEL_VERSION;
			model->nsections = (uint32_t) hpt_random_below(&random, 12);
			model->nbytes = nbytes;
			hpt_model_seal(model);
		}
		naccepted += validate(words, nbytes) == HPC_OK;
	}
	hpt_ok(naccepted == 0, "random bytes are refused");
}

/* ---------- the work of an enemy ---------- */

static const hpc_model *original;
static size_t original_size;

/* Where in the copy a part of its view can be written. */
static void *
at(victim *v, const void *part)
{
	return (char *) v->model + ((const char *) part - (const char *) v->model);
}

static victim
fresh(void)
{
	return copy_of(original, original_size);
}

/* Seals and validates the victim, whose changes must be found. */
static void
expect_refused(victim *v, const char *what)
{
	hpt_memory memory;
	hpc_status status;

	if (v->model->nbytes == v->nbytes)
		hpt_model_seal(v->model);
	hpt_memory_init(&memory, 1);
	status = hpc_model_validate(&memory.env, v->model, v->nbytes);
	hpt_ok(status == HPC_CORRUPT && memory.env.error.status == HPC_CORRUPT &&
			   memory.env.error.message[0] != '\0',
		   "%s: refused", what);
	free(v->model);
}

#define REFUSED(what, ...)        \
	do                            \
	{                             \
		victim v = fresh();       \
		__VA_ARGS__;              \
		expect_refused(&v, what); \
	} while (0)

static void
check_hostile_header(void)
{
	REFUSED("another magic", v.model->magic++);
	REFUSED("a later version", v.model->version++);
	REFUSED("version 0", v.model->version = 0);
	REFUSED("no sections", v.model->nsections = 0);
	REFUSED("a section less", v.model->nsections--);
	REFUSED("a section more", v.model->nsections++);
	REFUSED("65 sections", v.model->nsections = 65);
	REFUSED("sections without end", v.model->nsections = UINT32_MAX);
	REFUSED("a size of 0", v.model->nbytes = 0);
	REFUSED("a size without end", v.model->nbytes = UINT64_MAX);
	REFUSED("a size 8 too small", v.model->nbytes -= 8);
}

static void
swap_sections(hpc_section *a, hpc_section *b)
{
	hpc_section section = *a;

	*a = *b;
	*b = section;
}

static void
check_hostile_sections(void)
{
	REFUSED("sections in another order",
			swap_sections(&v.model->sections[2], &v.model->sections[3]));
	REFUSED("a section twice", v.model->sections[3].kind = 3);
	REFUSED("kind 0", v.model->sections[0].kind = 0);
	REFUSED("an unknown section", v.model->sections[8].kind = 40);
	REFUSED("no strings, but an optional section",
			v.model->sections[8].kind = 40;
			v.model->sections[8].flags = HPC_SECTION_OPTIONAL);
	REFUSED("overlapping sections", v.model->sections[4].offset -= 8);
	REFUSED("a gap between sections", v.model->sections[4].offset += 8);
	REFUSED("a section beyond the end",
			v.model->sections[4].offset = UINT64_MAX - 7);
	REFUSED("a section without end",
			v.model->sections[8].nbytes = UINT64_MAX - 3);
	REFUSED("half an element", v.model->sections[2].nbytes -= 4);
	REFUSED("a section shorter", v.model->sections[5].nbytes -= 24);
	REFUSED("a section longer", v.model->sections[5].nbytes += 24);
	REFUSED("padding that is not zero",
			((char *) v.model)[v.model->sections[8].offset +
							   v.model->sections[8].nbytes] = 1);
}

static hpc_training_record *
training(victim *v)
{
	return at(v, v->view.training);
}

static void
check_hostile_training(void)
{
	REFUSED("an unknown algorithm", training(&v)->algorithm = 77);
	REFUSED("no algorithm", training(&v)->algorithm = 0);
	REFUSED("a tree more", training(&v)->ntrees++);
	REFUSED("trees without end", training(&v)->ntrees = UINT32_MAX);
	REFUSED("no trees", training(&v)->ntrees = 0);
	REFUSED("no rows", training(&v)->nrows = 0);
	REFUSED("a target beyond the strings",
			training(&v)->target.offset = UINT32_MAX);
	REFUSED("a target without end", training(&v)->target.nbytes = UINT32_MAX);
	REFUSED("a target cut short", training(&v)->target.nbytes--);
	REFUSED("two texts in one place",
			training(&v)->params = training(&v)->target);
	REFUSED("min_leaf below 1", training(&v)->min_leaf = -5);
	REFUSED("a share that is not a number",
			training(&v)->feature_fraction = NAN);
	REFUSED("a share above 1", training(&v)->row_fraction = 1.5);
	REFUSED("a choice that does not exist", training(&v)->leak = 9);
	REFUSED("a seed beyond 2^53", training(&v)->seed = INT64_C(1) << 60);
}

static hpc_feature_record *
feature(victim *v, uint32_t i)
{
	return at(v, &v->view.features[i]);
}

/* The first feature of (or not of) categories that splits use. */
static uint32_t
find_feature(const victim *v, bool category)
{
	uint32_t i = 0;

	while (((v->view.features[i].kind == HPC_CATEGORY) != category) ||
		   v->view.features[i].nsplits == 0)
		i++;
	return i;
}

static hpc_feature_record *
number_feature(victim *v)
{
	return feature(v, find_feature(v, false));
}

static hpc_feature_record *
category_feature(victim *v)
{
	return feature(v, find_feature(v, true));
}

static double *
thresholds(victim *v)
{
	return at(v, v->view.thresholds + number_feature(v)->first_threshold);
}

static hpc_string *
categories(victim *v)
{
	return at(v, v->view.categories + category_feature(v)->first_category);
}

static char *
strings(victim *v, uint32_t offset)
{
	return at(v, v->view.strings + offset);
}

static void
check_hostile_features(void)
{
	REFUSED("an unknown kind", number_feature(&v)->kind = 5);
	REFUSED("no kind", number_feature(&v)->kind = HPC_NO_KIND);
	REFUSED("a number as category", number_feature(&v)->kind = HPC_CATEGORY);
	REFUSED("a category as number", category_feature(&v)->kind = HPC_NUMBER);
	REFUSED("thresholds without end",
			number_feature(&v)->nthresholds = UINT32_MAX);
	REFUSED("thresholds elsewhere", number_feature(&v)->first_threshold++);
	REFUSED("a threshold less", number_feature(&v)->nthresholds--);
	REFUSED("categories without end",
			category_feature(&v)->ncategories = UINT32_MAX);
	REFUSED("categories elsewhere", category_feature(&v)->first_category++);
	REFUSED("a category less", category_feature(&v)->ncategories--);
	REFUSED("a name elsewhere", feature(&v, 1)->name.offset--);
	REFUSED("a name cut short", feature(&v, 1)->name.nbytes--);
	REFUSED("a name too long", feature(&v, 1)->name.nbytes++);
	REFUSED("the name of its neighbour",
			feature(&v, 1)->name = feature(&v, 0)->name);
	REFUSED("names in another order",
			strings(&v, feature(&v, 1)->name.offset)[0] = '\x01');
	REFUSED("a zero byte in a name",
			strings(&v, feature(&v, 1)->name.offset)[1] = '\0');
	REFUSED("a name that does not end",
			strings(&v, feature(&v, 1)->name.offset +
							feature(&v, 1)->name.nbytes)[0] = 'x');
	REFUSED("a threshold that is not a number", thresholds(&v)[0] = NAN);
	REFUSED("thresholds in another order", thresholds(&v)[0] = INFINITY);
	REFUSED("a threshold twice", thresholds(&v)[0] = thresholds(&v)[1]);
	REFUSED("overlapping categories",
			categories(&v)[1].offset = categories(&v)[0].offset);
	REFUSED("a category beyond the strings",
			categories(&v)[1].nbytes = 0x7fffffff);
	REFUSED("categories in another order",
			strings(&v, categories(&v)[0].offset)[0] = '\xff');
}

static uint32_t *
tree_starts(victim *v)
{
	return at(v, v->view.trees);
}

/* The first split on a number (or category) with a node before it. */
static uint32_t
find_split(const victim *v, bool category)
{
	uint32_t i = 1;

	while (v->view.nodes[i].left == 0 ||
		   (v->view.features[v->view.nodes[i].u.split.feature].kind ==
			HPC_CATEGORY) != category)
		i++;
	return i;
}

static hpc_node *
split(victim *v, bool category)
{
	return at(v, &v->view.nodes[find_split(v, category)]);
}

static void
spoil_leaf(victim *v, double value)
{
	hpc_node *nodes = at(v, v->view.nodes);
	uint32_t i = 0;

	while (nodes[i].left != 0)
		i++;
	memcpy(nodes[i].u.value, &value, sizeof(value));
}

static void
check_hostile_trees(void)
{
	REFUSED("a first tree that does not come first", tree_starts(&v)[0] = 1);
	REFUSED("trees that begin together", tree_starts(&v)[1] = 0);
	REFUSED("a tree beyond the nodes", tree_starts(&v)[1] = UINT32_MAX);
	REFUSED("trees that end early", tree_starts(&v)[training(&v)->ntrees]--);
	REFUSED("a node that is its own child",
			split(&v, false)->left = find_split(&v, false));
	REFUSED("a child before its parent", split(&v, false)->left = 1);
	REFUSED("a right child beyond the tree",
			split(&v, false)->left = tree_starts(&v)[1] - 1);
	REFUSED("a child beyond all trees", split(&v, false)->left = UINT32_MAX);
	REFUSED("a split on no feature", split(&v, false)->u.split.feature = 1000);
	REFUSED("a flag that does not exist",
			split(&v, false)->u.split.flags |= 0x8000);
	REFUSED("a threshold that does not exist",
			split(&v, false)->u.split.cut = number_feature(&v)->nthresholds;
			split(&v, false)->u.split.feature =
				(uint16_t) find_feature(&v, false));
	REFUSED("a set beyond the words",
			split(&v, true)->u.split.cut = UINT32_MAX);
	REFUSED("a set that begins at the last word's end",
			split(&v, true)->u.split.cut = (uint32_t) v.view.nset_words);
	REFUSED("a leaf that is not a number", spoil_leaf(&v, NAN));
	REFUSED("an infinite leaf", spoil_leaf(&v, -INFINITY));
}

/* ---------- sections of later versions ---------- */

/* The model with one more section, of 8 bytes, after the others. */
static hpc_status
with_section(uint32_t kind, uint32_t flags)
{
	size_t table_end =
		sizeof(struct hpc_model) + HPC_KNOWN_SECTIONS * sizeof(hpc_section);
	size_t nbytes = original_size + sizeof(hpc_section) + 8;
	char *bytes = calloc(nbytes, 1);
	hpc_model *model = (hpc_model *) bytes;
	hpc_status status;

	memcpy(bytes, original, table_end);
	memcpy(bytes + table_end + sizeof(hpc_section),
		   (const char *) original + table_end, original_size - table_end);
	for (int i = 0; i < HPC_KNOWN_SECTIONS; i++)
		model->sections[i].offset += sizeof(hpc_section);
	model->sections[HPC_KNOWN_SECTIONS] =
		(hpc_section){kind, flags, nbytes - 8, 8};
	model->nsections++;
	model->nbytes = nbytes;
	hpt_model_seal(model);
	status = validate(model, nbytes);
	free(bytes);
	return status;
}

static void
check_later_sections(void)
{
	hpt_ok(with_section(HPC_SECTION_CALIBRATION, HPC_SECTION_OPTIONAL) ==
				   HPC_OK &&
			   with_section(4000000000, HPC_SECTION_OPTIONAL) == HPC_OK,
		   "an optional section of later is skipped");
	hpt_ok(with_section(HPC_SECTION_CALIBRATION, 0) == HPC_CORRUPT,
		   "one that is not optional is refused");
}

/* Bytes behind the last string, which no string owns. */
static void
check_loose_strings(void)
{
	size_t nbytes = original_size + 8;
	hpc_model *model = calloc(nbytes, 1);
	hpc_section *last;

	memcpy(model, original, original_size);
	last = &model->sections[HPC_KNOWN_SECTIONS - 1];
	last->nbytes += 8;
	model->nbytes = nbytes;
	hpt_model_seal(model);
	hpt_ok(validate(model, nbytes) == HPC_CORRUPT,
		   "strings that belong to nothing: refused");
	free(model);
}

static void
check_version_message(void)
{
	victim v = fresh();
	hpt_memory memory;

	hpt_memory_init(&memory, 1);
	v.model->version = 2;
	hpc_model_validate(&memory.env, v.model, v.nbytes);
	hpt_ok(strstr(memory.env.error.message, "version 2") != NULL &&
			   memory.env.error.hint[0] != '\0',
		   "a later version is named, with a hint");
	free(v.model);
}

/* A cancel in the middle of validating is told apart from bad bytes. */
static void
check_cancel(void)
{
	hpt_memory memory;

	hpt_memory_init(&memory, 1);
	memory.cancel_at = 1;
	hpt_ok(hpc_model_validate(&memory.env, original, original_size) ==
				   HPC_CANCELLED &&
			   memory.env.error.status == HPC_CANCELLED,
		   "validating can be cancelled");
}

int
main(void)
{
	size_t nbytes;
	hpc_model *model = train(30, 2, &nbytes);
	hpc_model *larger = train(150, 3, &original_size);

	original = larger;
	check_written();
	check_container(model, nbytes);
	check_flips(model, nbytes);
	check_sealed_flips(model, nbytes);
	check_truncated(model, nbytes);
	check_garbage();
	check_hostile_header();
	check_hostile_sections();
	check_hostile_training();
	check_hostile_features();
	check_hostile_trees();
	check_later_sections();
	check_loose_strings();
	check_version_message();
	check_cancel();
	free(model);
	free(larger);
	return hpt_done();
}
