/*
 * test_validate.c
 *		Bytes that were changed, cut or made up are refused, or do no harm.
 *
 * The models are made by hand, one of each sort.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hpt_model.h"
#include "hpt_section.h"

/* A model in a block of exactly its size, so that a sanitizer sees more. */
typedef struct victim
{
	hpc_model *model;
	size_t nbytes;
	hpc_model_view view;
} victim;

static victim
copy_of(const hpc_model *model, size_t nbytes)
{
	victim v = {malloc(nbytes), nbytes, {0}};

	memcpy(v.model, model, nbytes);
	hpc_model_open(v.model, &v.view);
	return v;
}

/* ---------- changed bytes ---------- */

/* Any change at all is seen by the digest. */
static void
check_flips(const char *name, const hpc_model *model, size_t nbytes)
{
	victim v = copy_of(model, nbytes);
	uint8_t *bytes = (uint8_t *) v.model;
	size_t naccepted = 0;

	for (size_t at = sizeof(uint32_t); at < nbytes; at++)
	{
		uint8_t bit = (uint8_t) (1 << at % 8);

		bytes[at] ^= bit;
		naccepted += hpt_model_validate(bytes, nbytes) == HPC_OK;
		bytes[at] ^= bit;
	}
	hpt_ok(naccepted == 0, "%s: any changed bit is refused", name);
	free(v.model);
}

/* With a digest that fits, a change is refused or does no harm. */
static void
check_sealed_flips(const char *name, const hpc_model *model, size_t nbytes)
{
	static const uint8_t masks[] = {0x01, 0x10, 0xff, 0x80};
	victim v = copy_of(model, nbytes);
	uint8_t *bytes = (uint8_t *) v.model;
	uint64_t kept_size = v.model->nbytes;
	size_t nrefused = 0;
	size_t naccepted = 0;

	for (size_t at = sizeof(uint32_t); at < nbytes; at++)
	{
		for (size_t i = at % 2; i < sizeof(masks); i += 2)
		{
			bytes[at] ^= masks[i];
			/* the digest covers nbytes bytes, so it must be told the truth */
			if (v.model->nbytes == kept_size)
				hpt_model_seal(v.model);
			if (hpt_model_validate(bytes, nbytes) == HPC_OK)
				naccepted++;
			else
				nrefused++;
			bytes[at] ^= masks[i];
			memcpy(&v.model->digest, &model->digest, sizeof(hpc_digest));
		}
	}
	hpt_ok(memcmp(v.model, model, nbytes) == 0 && naccepted > 0 &&
			   nrefused > nbytes / 2,
		   "%s: with a digest that fits: %d refused, %d harmless", name,
		   (int) nrefused, (int) naccepted);
	free(v.model);
}

static void
check_truncated(const char *name, const hpc_model *model, size_t nbytes)
{
	victim v = copy_of(model, nbytes);
	size_t naccepted = 0;

	for (size_t n = 0; n < nbytes; n++)
	{
		naccepted += hpt_model_validate(model, n) == HPC_OK;
		if (n < sizeof(struct hpc_model))
			continue;
		v.model->nbytes = n;
		hpt_model_seal(v.model);
		naccepted += hpt_model_validate(v.model, n) == HPC_OK;
	}
	hpt_ok(naccepted == 0, "%s: refused when cut off anywhere", name);
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
			model->nsections = (uint32_t) hpt_random_below(&random, 14);
			model->nbytes = nbytes;
			hpt_model_seal(model);
		}
		naccepted += hpt_model_validate(words, nbytes) == HPC_OK;
	}
	hpt_ok(naccepted == 0, "random bytes are refused");
}

/* ---------- the work of an enemy ---------- */

/* The samples of hpt_hand_sample. */
enum
{
	MEAN,
	FOREST,
	EXTRA_TREES,
	BOOST,
	LINEAR,
	LOG_BLEND,
	BLEND,
	MERGED
};

static hpc_model *samples[HPT_HAND_MODELS];
static size_t sample_size[HPT_HAND_MODELS];
static const char *sample_name[HPT_HAND_MODELS];

/* The one that is attacked. */
static const hpc_model *original;
static size_t original_size;

static void
attack(int which)
{
	original = samples[which];
	original_size = sample_size[which];
}

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
	REFUSED("an unknown section", v.model->sections[11].kind = 20);
	REFUSED("no members, but an optional section",
			v.model->sections[11].kind = 20;
			v.model->sections[11].flags = HPC_SECTION_OPTIONAL);
	REFUSED("overlapping sections", v.model->sections[4].offset -= 8);
	REFUSED("a gap between sections", v.model->sections[4].offset += 8);
	REFUSED("a section beyond the end",
			v.model->sections[4].offset = UINT64_MAX - 7);
	REFUSED("a section without end",
			v.model->sections[8].nbytes = UINT64_MAX - 3);
	REFUSED("half an element", v.model->sections[2].nbytes -= 4);
	REFUSED("a section shorter", v.model->sections[5].nbytes -= 24);
	REFUSED("a section longer", v.model->sections[5].nbytes += 24);
	hpt_ok(original->sections[8].nbytes % 8 != 0, "there is padding");
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
	REFUSED("a mean that is not a number", training(&v)->target_mean = NAN);
	REFUSED("a target beyond the strings",
			training(&v)->target.offset = UINT32_MAX);
	REFUSED("a target without end", training(&v)->target.nbytes = UINT32_MAX);
	REFUSED("a target cut short", training(&v)->target.nbytes--);
	REFUSED("two texts in one place",
			training(&v)->params = training(&v)->target);
	REFUSED("a weight in the place of the target",
			training(&v)->weight = training(&v)->target);
}

static void
check_hostile_settings(void)
{
	REFUSED("min_leaf below 1", training(&v)->settings.min_leaf = -5);
	REFUSED("a share that is not a number",
			training(&v)->settings.feature_fraction = NAN);
	REFUSED("a share above 1", training(&v)->settings.row_fraction = 1.5);
	REFUSED("a choice that does not exist", training(&v)->settings.leak = 9);
	REFUSED("a seed beyond 2^53", training(&v)->settings.seed = INT64_C(1)
																<< 60);
	REFUSED("a boolean of 2", training(&v)->settings.bag = 2);
	REFUSED("logarithms in doubt", training(&v)->settings.log_target = -1);
	attack(BOOST);
	REFUSED("a loss that does not exist", training(&v)->settings.loss = 4);
	REFUSED("early stopping of 3", training(&v)->settings.early_stopping = 3);
	attack(LINEAR);
	REFUSED("a penalty below 0", training(&v)->settings.l1 = -0.5);
}

static void
check_hostile_scale(void)
{
	attack(BOOST);
	REFUSED("logarithms only half", training(&v)->log_scale = 0);
	REFUSED("logarithms of 2", training(&v)->log_scale = 2;
			training(&v)->settings.log_target = 2);
	REFUSED("a smearing factor of 0", training(&v)->smearing = 0);
	REFUSED("a smearing factor below 0", training(&v)->smearing = -1);
	REFUSED("no smearing factor", training(&v)->smearing = NAN);
	REFUSED("a smearing factor without end",
			training(&v)->smearing = INFINITY);
	REFUSED("an infinite base", training(&v)->base = INFINITY);
	REFUSED("a base that is not a number", training(&v)->base = NAN);
	REFUSED("a sum that is a mean", training(&v)->combine = HPC_COMBINE_MEAN);
	REFUSED("neither sum nor mean", training(&v)->combine = 2);
	attack(FOREST);
	REFUSED("a smearing factor of no logarithm", training(&v)->smearing = 2);
	REFUSED("a mean with a base", training(&v)->base = 1);
	REFUSED("a mean that is a sum", training(&v)->combine = HPC_COMBINE_SUM);
	attack(MEAN);
	REFUSED("logarithms of the mean", training(&v)->log_scale = 1);
}

/* A model under the name of another algorithm. */
static void
check_hostile_algorithms(void)
{
	int nrefused = 0;

	for (int which = 0; which < HPT_HAND_MODELS; which++)
	{
		for (uint32_t algorithm = HPC_MEAN; algorithm < HPC_NALGORITHMS;
			 algorithm++)
		{
			victim v;

			attack(which);
			v = fresh();
			training(&v)->algorithm = algorithm;
			if (v.view.training->combine != HPC_COMBINE_MEAN)
				training(&v)->combine = algorithm == HPC_FOREST ||
										algorithm == HPC_EXTRA_TREES ||
										algorithm == HPC_BLEND;
			hpt_model_seal(v.model);
			nrefused += hpt_model_validate(v.model, v.nbytes) == HPC_CORRUPT;
			free(v.model);
		}
	}
	/* each has its own; forests and extra trees are alike but for settings */
	hpt_ok(nrefused >= HPT_HAND_MODELS * (HPC_BLEND - 2),
		   "models under another name: %d refused", nrefused);
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
	REFUSED("a gain below 0", number_feature(&v)->gain = -1);
	REFUSED("a gain that is not a number", number_feature(&v)->gain = NAN);
	REFUSED("a sign of 2", number_feature(&v)->monotone = 2);
	REFUSED("a sign of -2", number_feature(&v)->monotone = -2);
	REFUSED("bytes in reserve", number_feature(&v)->reserved[6] = 1);
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

static hpc_node *
nodes(victim *v)
{
	return at(v, v->view.nodes);
}

static void
spoil_leaf(victim *v, double value)
{
	uint32_t i = 0;

	while (nodes(v)[i].left != 0)
		i++;
	memcpy(nodes(v)[i].u.value, &value, sizeof(value));
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
	REFUSED("a threshold as a set",
			split(&v, false)->u.split.flags |= HPC_NODE_SET);
	REFUSED("a set as a threshold",
			split(&v, true)->u.split.flags &= HPC_NODE_MISSING_LEFT);
	REFUSED("a threshold that does not exist",
			split(&v, false)->u.split.cut = number_feature(&v)->nthresholds;
			split(&v, false)->u.split.feature =
				(uint16_t) find_feature(&v, false));
	REFUSED("a set beyond the words",
			split(&v, true)->u.split.cut = UINT32_MAX);
	REFUSED("a set that begins at the last word's end",
			split(&v, true)->u.split.cut = (uint32_t) v.view.nset_words);
	REFUSED("a node with two parents",
			nodes(&v)[0].left = split(&v, false)->left);
	REFUSED("a node with no parent",
			nodes(&v)[find_split(&v, false)] = (hpc_node){.left = 0});
	REFUSED("a pair of children that overlaps another", nodes(&v)[0].left++);
	REFUSED("a leaf that is not a number", spoil_leaf(&v, NAN));
	REFUSED("an infinite leaf", spoil_leaf(&v, -INFINITY));
}

/* ---------- linear terms ---------- */

static hpc_linear_term *
term(victim *v, bool category)
{
	uint32_t i = 0;

	while ((v->view.features[i].kind == HPC_CATEGORY) != category)
		i++;
	return at(v, &v->view.terms[i]);
}

static double *
levels(victim *v)
{
	return at(v, v->view.levels);
}

static void
check_hostile_terms(void)
{
	attack(LINEAR);
	REFUSED("a coefficient that is not a number",
			term(&v, false)->coefficient = NAN);
	REFUSED("an infinite fill", term(&v, false)->fill = INFINITY);
	REFUSED("an infinite center", term(&v, false)->center = -INFINITY);
	REFUSED("no low end", term(&v, false)->low = -INFINITY);
	REFUSED("ends in the wrong order",
			term(&v, false)->low = term(&v, false)->high + 1);
	REFUSED("a logarithm of 0", term(&v, false)->log1p = 1;
			term(&v, false)->low = -1);
	REFUSED("log1p of 2", term(&v, false)->log1p = 2);
	REFUSED("a term that overflows", term(&v, false)->log1p = 0;
			term(&v, false)->high = 1e300;
			term(&v, false)->coefficient = 1e300);
	REFUSED("an infinite missing", term(&v, false)->missing = INFINITY);
	REFUSED("an unknown that is not a number", term(&v, true)->unknown = NAN);
	REFUSED("levels elsewhere", term(&v, true)->first_level++);
	REFUSED("levels of a number", term(&v, false)->first_level = 1);
	REFUSED("a level that is not a number",
			levels(&v)[v.view.nlevels - 1] = NAN);
}

/* ---------- members ---------- */

static hpc_model *
member(victim *v, int i)
{
	return at(v, hpc_model_member(v->model, i));
}

static hpc_feature_record *
member_feature(victim *v)
{
	hpc_model_view view;

	hpc_model_open(member(v, 1), &view);
	return at(v, view.features);
}

static char *
member_name(victim *v)
{
	hpc_model_view view;

	hpc_model_open(member(v, 1), &view);
	return at(v, view.strings + view.features[0].name.offset);
}

static hpc_calibration_record *
calibration(victim *v)
{
	return at(v, v->view.calibration);
}

static hpc_knot *
knots(victim *v)
{
	return at(v, hpc_calibration_knots(v->view.calibration));
}

static double *
scores(victim *v)
{
	return at(v, hpc_calibration_scores(v->view.calibration));
}

static void
check_hostile_calibration(int which)
{
	attack(which);
	REFUSED("no knots", calibration(&v)->nknots = 0);
	REFUSED("no scores", calibration(&v)->nscores = 0;
			calibration(&v)->nknots += 1);
	REFUSED("knots without end", calibration(&v)->nknots = UINT32_MAX);
	REFUSED("scores without end", calibration(&v)->nscores = UINT32_MAX);
	REFUSED("a score more", calibration(&v)->nscores++);
	REFUSED("more scores than rows", calibration(&v)->nrows = 2);
	REFUSED("more rows than there were",
			calibration(&v)->nrows = v.view.training->nrows + 1);
	REFUSED("another difficulty", calibration(&v)->by_spread = 2);
	REFUSED("something reserved", calibration(&v)->reserved = 1);
	REFUSED("a knot nowhere", knots(&v)->at = NAN);
	REFUSED("knots in the wrong order", knots(&v)->at = 1.5);
	REFUSED("a scale of 0", knots(&v)->scale = 0);
	REFUSED("an infinite scale", knots(&v)->scale = INFINITY);
	REFUSED("a score below 0", scores(&v)[0] = -1);
	REFUSED("a score that is not a number", scores(&v)[2] = NAN);
	REFUSED("scores in the wrong order", scores(&v)[1] = 5);
}


static void
check_hostile_members(int which)
{
	attack(which);
	REFUSED("members of another scale", training(&v)->log_scale ^= 1);
	REFUSED("a member of no size", member(&v, 1)->nbytes = 0);
	REFUSED("a member without end", member(&v, 1)->nbytes = UINT64_MAX - 7);
	REFUSED("a member that swallows the next",
			member(&v, 0)->nbytes += member(&v, 1)->nbytes);
	REFUSED("a member with a container", member(&v, 0)->container = 1);
	REFUSED("a member that is not sealed", member(&v, 0)->digest.byte[3] ^= 1);
	REFUSED("a member of a later version", member(&v, 1)->version++;
			hpt_model_seal(member(&v, 1)));
	REFUSED("a member with another feature", member_name(&v)[0]--;
			hpt_model_seal(member(&v, 1)));
	REFUSED("a member with a feature of another kind",
			member_feature(&v)->kind = HPC_TIME;
			hpt_model_seal(member(&v, 1)));
}

/* A blend of any models, be they what they may. */
static hpc_status
validate_blend(const void *const *members, int nmembers, int nfeatures)
{
	const hpc_texts texts = {NULL, NULL, NULL, NULL};
	hpc_training_record record = {.algorithm = HPC_BLEND};
	hpt_hand hand;
	hpc_status status;
	void *model = NULL;
	size_t nbytes = 0;

	hpt_hand_init(&hand, 1);
	hand.frame.nfeatures = nfeatures;
	status = hpc_model_blend(&hand.memory.env, &record, &texts, &hand.frame,
							 members, nmembers, NULL, NULL, &model, &nbytes);
	if (status == HPC_OK)
		status = hpt_model_validate(model, nbytes);
	hpt_hand_release(&hand, model);
	hpt_hand_free(&hand);
	return status;
}

static void
check_members(void)
{
	const void *all[HPC_MAX_MEMBERS + 1];
	const void *nested[2];
	const void *knowing[2];
	hpc_model *bare[LOG_BLEND + 1];

	for (int i = 0; i <= LOG_BLEND; i++)
	{
		size_t ignored;

		bare[i] = hpt_bare(samples[i], &ignored);
	}
	for (int i = 0; i <= HPC_MAX_MEMBERS; i++)
		all[i] = bare[i % LOG_BLEND];
	nested[0] = bare[LOG_BLEND];
	nested[1] = knowing[1] = bare[BOOST];
	knowing[0] = samples[FOREST];
	hpt_ok(validate_blend(all, HPC_MAX_MEMBERS, HPT_HAND_FEATURES) == HPC_OK &&
			   validate_blend(all, 2, HPT_HAND_FEATURES) == HPC_OK,
		   "2 and %d members are accepted", HPC_MAX_MEMBERS);
	hpt_ok(validate_blend(all, HPC_MAX_MEMBERS + 1, HPT_HAND_FEATURES) ==
				   HPC_CORRUPT &&
			   validate_blend(all, 1, HPT_HAND_FEATURES) == HPC_CORRUPT,
		   "other numbers are refused");
	hpt_ok(validate_blend(nested, 2, HPT_HAND_FEATURES) == HPC_CORRUPT,
		   "a blend as a member is refused");
	hpt_ok(validate_blend(all, 2, HPT_HAND_FEATURES - 1) == HPC_CORRUPT,
		   "members with more features are refused");
	hpt_ok(validate_blend(knowing, 2, HPT_HAND_FEATURES) == HPC_CORRUPT,
		   "a member that knows its rows is refused");
	for (int i = 0; i <= LOG_BLEND; i++)
		free(bare[i]);
}

/* ---------- sections of later versions ---------- */

/* The original with a further section, of zeros. */
static hpc_status
with_section(uint32_t kind, uint32_t flags, size_t size)
{
	static const char zeros[1000];
	size_t nbytes;
	hpc_model *model = hpt_with_section(original, kind, zeros, size, &nbytes);
	hpc_status status;

	for (uint32_t i = 0; i < model->nsections; i++)
	{
		if (model->sections[i].kind == kind)
			model->sections[i].flags = flags;
	}
	hpt_model_seal(model);
	status = hpt_model_validate(model, nbytes);
	free(model);
	return status;
}

static void
check_later_sections(void)
{
	hpt_ok(with_section(HPC_LAST_OPTIONAL + 1, HPC_SECTION_OPTIONAL, 8) ==
				   HPC_OK &&
			   with_section(4000000000, HPC_SECTION_OPTIONAL, 8) == HPC_OK,
		   "an optional section of later is skipped");
	hpt_ok(with_section(HPC_LAST_OPTIONAL + 1, 0, 8) == HPC_CORRUPT,
		   "one that is not optional is refused");
}

/* ---------- learner and sketch ---------- */

static hpc_learner_record *
learner(victim *v)
{
	return at(v, v->view.learner);
}

static void
check_hostile_learner(void)
{
	static const hpc_learner_record later = {7, 0};
	hpc_model_summary summary;
	hpc_model *model;
	size_t nbytes;

	attack(BOOST);
	REFUSED("version 0 of a learner", learner(&v)->version = 0);
	REFUSED("bytes of a learner in reserve", learner(&v)->reserved = 1);
	hpt_ok(with_section(HPC_SECTION_LEARNER, HPC_SECTION_OPTIONAL, 16) ==
			   HPC_CORRUPT,
		   "two learners are refused");
	model = hpt_with_section(original, HPC_SECTION_LEARNER, NULL, 0, &nbytes);
	hpc_model_summarize(model, &summary);
	hpt_ok(hpt_model_validate(model, nbytes) == HPC_OK &&
			   summary.algorithm_version == 1,
		   "a model that does not name its learner is of version 1");
	free(model);
	model = hpt_with_section(original, HPC_SECTION_LEARNER, &later,
							 sizeof(later), &nbytes);
	hpc_model_summarize(model, &summary);
	hpt_ok(hpt_model_validate(model, nbytes) == HPC_OK &&
			   summary.algorithm_version == 7,
		   "a learner may be later than this one");
	free(model);
}

/* A sketch: the record's words, then words. */
static hpc_status
with_sketch(uint32_t nwords, uint64_t limit, const uint64_t *words,
			uint32_t nstored)
{
	uint64_t bytes[2 + 6] = {nwords, limit};
	size_t nbytes;
	hpc_status status;
	hpc_model *model;

	for (uint32_t i = 0; i < nstored; i++)
		bytes[2 + i] = words[i];
	model =
		hpt_with_section(original, HPC_SECTION_ROW_SKETCH, bytes,
						 (2 + (size_t) nstored) * sizeof(uint64_t), &nbytes);
	status = hpt_model_validate(model, nbytes);
	free(model);
	return status;
}

static void
check_hostile_sketch(void)
{
	static const uint64_t words[6] = {3, 5, 9, 9, 8, UINT64_MAX};
	static const uint64_t last[1] = {UINT64_MAX};
	const uint64_t all = HPC_SKETCH_COMPLETE;

	attack(FOREST);
	hpt_ok(with_sketch(3, 9, words, 3) == HPC_OK &&
			   with_sketch(3, all, words, 3) == HPC_OK &&
			   with_sketch(1, all, last, 1) == HPC_OK,
		   "sketches are accepted");
	hpt_ok(with_sketch(0, all, words, 0) == HPC_CORRUPT, "not an empty one");
	hpt_ok(with_sketch(3, 10, words, 3) == HPC_CORRUPT &&
			   with_sketch(3, 5, words, 3) == HPC_CORRUPT,
		   "nor one with another limit");
	hpt_ok(with_sketch(4, 9, words, 4) == HPC_CORRUPT &&
			   with_sketch(5, 8, words, 5) == HPC_CORRUPT,
		   "nor one that does not ascend");
	hpt_ok(with_sketch(3, all, words, 2) == HPC_CORRUPT &&
			   with_sketch(2, all, words, 3) == HPC_CORRUPT &&
			   with_sketch(UINT32_MAX, all, words, 3) == HPC_CORRUPT,
		   "nor one with words too many or too few");
	hpt_ok(with_section(HPC_SECTION_ROW_SKETCH, HPC_SECTION_OPTIONAL, 8) ==
			   HPC_CORRUPT,
		   "nor half a record");
	REFUSED("bytes of a sketch in reserve",
			((hpc_sketch_record *) at(&v, v.view.sketch))->reserved = 1);
	REFUSED("more words than different rows", training(&v)->ndistinct = 2);
}

/* ---------- groups of values ---------- */

static hpc_drift_record *
drift(victim *v)
{
	return at(v, v->view.drift);
}

static hpc_drift_entry *
entry(victim *v, uint32_t i)
{
	return at(v, &hpc_drift_entries(v->view.drift)[i]);
}

static hpc_group *
groups(victim *v, uint32_t i)
{
	return at(v, hpc_drift_groups(v->view.drift) + entry(v, i)->first_group);
}

/* The last group of a feature, or of predictions. */
static hpc_group *
last_group(victim *v, uint32_t i)
{
	return groups(v, i) + entry(v, i)->ngroups - 1;
}

/* Features of hpt_hand. */
enum
{
	AREA,
	POOL,
	SOLD,
	STREET,
	VOID,
	ZONE,
	PREDICTIONS
};

static void
swap_groups(hpc_group *a, hpc_group *b)
{
	hpc_group group = *a;

	*a = *b;
	*b = group;
}

static void
check_hostile_section_of_groups(void)
{
	REFUSED("a feature less", drift(&v)->nentries--);
	REFUSED("features without end", drift(&v)->nentries = UINT32_MAX);
	REFUSED("a group less", drift(&v)->ngroups--);
	REFUSED("groups without end", drift(&v)->ngroups = UINT32_MAX);
	REFUSED("groups of the neighbour", entry(&v, AREA)->ngroups++);
	REFUSED("groups elsewhere", entry(&v, SOLD)->first_group--);
	REFUSED("a feature without groups",
			entry(&v, POOL)->first_group += entry(&v, AREA)->ngroups;
			entry(&v, AREA)->ngroups = 0);
	REFUSED("groups from the end on",
			entry(&v, PREDICTIONS)->ngroups = UINT32_MAX);
	hpt_ok(with_section(HPC_SECTION_DRIFT, HPC_SECTION_OPTIONAL, 8) ==
				   HPC_CORRUPT &&
			   with_section(HPC_SECTION_DRIFT, HPC_SECTION_OPTIONAL, 16) ==
				   HPC_CORRUPT,
		   "a record alone is refused");
	REFUSED("a ratio without end", drift(&v)->held_ratio = INFINITY);
	REFUSED("no predictions, but a ratio",
			drift(&v)->ngroups -= entry(&v, PREDICTIONS)->ngroups;
			entry(&v, PREDICTIONS)->ngroups = 0);
}

static void
check_hostile_groups(void)
{
	attack(FOREST);
	check_hostile_section_of_groups();
	REFUSED("a row more", groups(&v, AREA)->rows++);
	REFUSED("a row less", groups(&v, ZONE)->rows--);
	REFUSED("rows without end", groups(&v, AREA)->rows = UINT64_MAX);
	REFUSED("rows that go round", groups(&v, AREA)[0].rows += 1;
			groups(&v, AREA)[1].rows -= 1; groups(&v, AREA)[2].rows = -5);
	REFUSED("a row missing too many", last_group(&v, AREA)->rows++;
			groups(&v, AREA)->rows--);
	REFUSED("a bound of what is missing", last_group(&v, SOLD)->bound = 1);
	REFUSED("bounds in another order",
			swap_groups(&groups(&v, AREA)[0], &groups(&v, AREA)[1]));
	REFUSED("a bound twice",
			groups(&v, AREA)[1].bound = groups(&v, AREA)[0].bound);
	REFUSED("a bound that is not a number", groups(&v, AREA)[1].bound = NAN);
	REFUSED("values that have no group",
			last_group(&v, SOLD)[-1].bound = 1e99);
	REFUSED("values that have no group, of void",
			groups(&v, VOID)->bound = NAN);
	REFUSED("a boolean of another kind", groups(&v, POOL)->bound = 0.25);
	REFUSED("a category that does not exist", groups(&v, ZONE)->bound = 33);
	REFUSED("half a category", groups(&v, ZONE)->bound = 0.5);
	REFUSED("no category", groups(&v, ZONE)->bound = -1);
	REFUSED("a category that is not a number", groups(&v, ZONE)->bound = NAN);
	REFUSED("a category twice",
			groups(&v, ZONE)[8].bound = groups(&v, ZONE)[0].bound);
	REFUSED("frequent categories last",
			swap_groups(&groups(&v, STREET)[0], &groups(&v, STREET)[1]));
	REFUSED("the others as a category", last_group(&v, ZONE)[-1].bound = 3);
	REFUSED("no other rows, but others", groups(&v, PREDICTIONS)->rows = 1001);
	REFUSED("predictions that are missing",
			last_group(&v, PREDICTIONS)->rows = 1);
	REFUSED("predictions of no rows",
			for (uint32_t i = 0; i < entry(&v, PREDICTIONS)->ngroups; i++)
				groups(&v, PREDICTIONS)[i]
					.rows = 0);
	REFUSED("predictions without a group",
			last_group(&v, PREDICTIONS)[-1].bound = 0.5);
}

/* ---------- keys of trees ---------- */

/* The keys are the last section, so that some can be cut off. */
static void
cut_keys(victim *v, size_t nbytes)
{
	v->model->sections[v->model->nsections - 1].nbytes -= nbytes;
	v->model->nbytes -= nbytes;
	v->nbytes -= nbytes;
}

static hpc_tree_key *
tree_keys(victim *v)
{
	return at(v, v->view.tree_keys);
}

/* Are keys accepted that are appended to a model of 4 trees? */
static bool
may_have_keys(int which)
{
	attack(which);
	return with_section(HPC_SECTION_TREE_KEYS, HPC_SECTION_OPTIONAL,
						4 * sizeof(hpc_tree_key)) == HPC_OK;
}

static void
check_hostile_keys(void)
{
	hpt_ok(may_have_keys(FOREST) && may_have_keys(EXTRA_TREES),
		   "forests may have keys of trees");
	hpt_ok(!may_have_keys(BOOST) && !may_have_keys(LINEAR) &&
			   !may_have_keys(MEAN) && !may_have_keys(BLEND),
		   "others may not");
	attack(MERGED);
	hpt_ok(original->sections[original->nsections - 1].kind ==
			   HPC_SECTION_TREE_KEYS,
		   "a merged forest has them");
	REFUSED("a key less", cut_keys(&v, sizeof(hpc_tree_key)));
	REFUSED("half a key less", cut_keys(&v, sizeof(hpc_tree_key) / 2));
	REFUSED("bytes of a key in reserve", tree_keys(&v)[1].reserved = 1);
	REFUSED("keys that are not optional",
			v.model->sections[v.model->nsections - 1].flags = 0);
}

/* 8 more bytes of a section, which nothing owns. */
static hpc_status
with_loose_bytes(uint32_t which)
{
	const hpc_section *section = &original->sections[which];
	size_t end = section->offset + (section->nbytes + 7) / 8 * 8;
	size_t nbytes = original_size + 8;
	char *bytes = calloc(nbytes, 1);
	hpc_model *model = (hpc_model *) bytes;
	hpc_status status;

	memcpy(bytes, original, end);
	memcpy(bytes + end + 8, (const char *) original + end,
		   original_size - end);
	model->sections[which].nbytes += 8;
	for (uint32_t i = which + 1; i < original->nsections; i++)
		model->sections[i].offset += 8;
	model->nbytes = nbytes;
	hpt_model_seal(model);
	status = hpt_model_validate(model, nbytes);
	free(bytes);
	return status;
}

/* Of all sections but those of single elements larger than that, and sets. */
static void
check_loose_bytes(void)
{
	static const hpc_section_kind kinds[] = {
		HPC_SECTION_THRESHOLDS, HPC_SECTION_CATEGORIES, HPC_SECTION_TREES,
		HPC_SECTION_COVERS,     HPC_SECTION_STRINGS,    HPC_SECTION_LEVELS,
		HPC_SECTION_MEMBERS};
	int naccepted = 0;

	for (int which = 0; which < HPT_HAND_MODELS; which++)
	{
		attack(which);
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			naccepted += with_loose_bytes(kinds[i] - 1) != HPC_CORRUPT;
	}
	hpt_ok(naccepted == 0, "bytes that belong to nothing: refused");
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
	for (int which = 0; which < HPT_HAND_MODELS; which++)
	{
		int ncancelled = 0;
		int nwrong = 0;
		hpt_memory memory;
		hpc_status status;

		attack(which);
		do
		{
			hpt_memory_init(&memory, 1);
			memory.cancel_at = ncancelled + 1;
			status = hpc_model_validate(&memory.env, original, original_size);
			nwrong += status == HPC_CANCELLED &&
					  memory.env.error.status != HPC_CANCELLED;
			ncancelled++;
		} while (status == HPC_CANCELLED);
		hpt_ok(status == HPC_OK && ncancelled > 1 && nwrong == 0,
			   "%s: validating can be cancelled", sample_name[which]);
	}
}

int
main(void)
{
	for (int i = 0; i < HPT_HAND_MODELS; i++)
	{
		samples[i] = hpt_hand_sample(i, 7, &sample_size[i], &sample_name[i]);
		hpt_ok(hpt_model_validate(samples[i], sample_size[i]) == HPC_OK,
			   "%s: accepted", sample_name[i]);
		check_flips(sample_name[i], samples[i], sample_size[i]);
		check_sealed_flips(sample_name[i], samples[i], sample_size[i]);
		check_truncated(sample_name[i], samples[i], sample_size[i]);
	}
	check_garbage();
	attack(FOREST);
	check_hostile_header();
	check_hostile_sections();
	check_hostile_training();
	check_hostile_features();
	check_hostile_trees();
	check_later_sections();
	check_hostile_learner();
	check_hostile_sketch();
	check_hostile_groups();
	check_hostile_keys();
	attack(FOREST);
	check_version_message();
	check_hostile_settings();
	check_hostile_scale();
	check_hostile_algorithms();
	check_hostile_terms();
	check_hostile_calibration(FOREST);
	check_hostile_calibration(LINEAR);
	REFUSED("disagreement of trees that are none",
			calibration(&v)->by_spread = 1);
	check_hostile_calibration(BLEND);
	check_hostile_members(LOG_BLEND);
	check_hostile_members(BLEND);
	check_members();
	check_loose_bytes();
	check_cancel();
	for (int i = 0; i < HPT_HAND_MODELS; i++)
		free(samples[i]);
	return hpt_done();
}
