/*
 * hpc_proximity.c
 *		Which rows a forest treats as it treats a given one.
 *
 * Two rows are alike for a tree where they end in the same node, and for a
 * forest in the share of its trees for which they are (Breiman 2001, "Random
 * forests"; the proximities of his programs).  Shared among the rows that lie
 * in the node, and averaged over the trees, that becomes the weight that a row
 * has in the prediction (Meinshausen 2006, "Quantile regression forests",
 * section 2).  The leaves of full trees hold a row or two, with which nothing
 * could be compared: here a node is the deepest on the way down in which at
 * least HPC_PROXIMITY_COVER rows of the training lay.
 *
 * The way to such a node is a handful of splits, and where a value falls among
 * those of all trees says in which trees it takes the same side as the row
 * asked about.  So for each feature there is a set of trees, a bit each, per
 * stretch of numbers between two thresholds, or per category, and one more for
 * what is missing; the sets of a row's values, ANDed, are the trees for which
 * it is alike.  (The masks of hpc_masks.h, turned around: there a row against
 * all leaves, here against one node of each tree.)
 *
 *		lot_area	up to 8100		 | 1101...	trees 0, 1, 3 ...
 *					8100 to 9450	 | 1111...
 *					beyond 9450		 | 0111...
 *					missing			 | 0010...
 *
 * Trees come in blocks, whose sets are a line of the cache each.  What this
 * takes grows with the trees, not with their size: for a row, an AND per
 * feature and block and a search among some dozens of thresholds.
 */
#include <math.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_predict.h"
#include "hpc_sort.h"

#define BLOCK_WORDS 8
#define BLOCK_TREES (64 * BLOCK_WORDS)

/* Some trees of a block, a bit each. */
typedef struct tree_set
{
	uint64_t words[BLOCK_WORDS];
} tree_set;

/* What a block's ways down ask of a feature. */
typedef struct question
{
	uint32_t feature;
	uint32_t nanswers; /* stretches of a number, or categories */
	double *cuts;      /* [nanswers - 1] of a number: its thresholds */
	tree_set *sets;    /* [nanswers + 1]: per answer, and for missing */
} question;

typedef struct block
{
	tree_set all; /* the trees that there are */
	uint32_t nquestions;
	question *questions;
	double *cuts; /* of all questions */
	tree_set *sets;
} block;

struct hpc_proximity
{
	hpc_model_view view;
	uint32_t ntrees;
	uint32_t nblocks;
	uint64_t *counts; /* [ntrees]: rows counted in the node */
	block blocks[];   /* [nblocks] */
};

/* ---------- rows ---------- */

static const tree_set *
answer(const hpc_model_view *view, const question *q, const hpc_value *value)
{
	const tree_set *missing = &q->sets[q->nanswers];

	/* as in hpc_code_row */
	if (value->missing || view->features[q->feature].nsplits == 0)
		return missing;
	if (view->features[q->feature].kind == HPC_CATEGORY)
	{
		uint32_t code = hpc_code_category(view, NULL, q->feature, value);

		return code != HPC_NO_CODE ? &q->sets[code] : missing;
	}
	if (isnan(value->number))
		return missing;
	return &q->sets[hpc_code_number(q->cuts, q->nanswers - 1, value->number)];
}

uint32_t
hpc_proximity_nwords(const hpc_proximity *proximity)
{
	return proximity->nblocks * BLOCK_WORDS;
}

uint32_t
hpc_proximity_trees(const hpc_proximity *proximity, const hpc_value *values,
					uint64_t *trees)
{
	uint32_t ntrees = 0;

	for (uint32_t i = 0; i < proximity->nblocks; i++)
	{
		const block *b = &proximity->blocks[i];
		tree_set found = b->all;

		for (uint32_t j = 0; j < b->nquestions; j++)
		{
			const question *q = &b->questions[j];
			const tree_set *set =
				answer(&proximity->view, q, &values[q->feature]);

			for (int word = 0; word < BLOCK_WORDS; word++)
				found.words[word] &= set->words[word];
		}
		for (int word = 0; word < BLOCK_WORDS; word++)
			ntrees += (uint32_t) __builtin_popcountll(found.words[word]);
		memcpy(trees + (size_t) i * BLOCK_WORDS, found.words,
			   sizeof(found.words));
	}
	return ntrees;
}

void
hpc_proximity_count(hpc_proximity *proximity, const uint64_t *trees, int rows)
{
	for (uint32_t i = 0; i < hpc_proximity_nwords(proximity); i++)
	{
		for (uint64_t word = trees[i]; word != 0; word &= word - 1)
			proximity->counts[64 * i + (uint32_t) __builtin_ctzll(word)] +=
				(uint64_t) (int64_t) rows;
	}
}

/* Where no row lies in a tree's node, the tree says nothing. */
double
hpc_proximity_share(const hpc_proximity *proximity, const uint64_t *trees)
{
	uint32_t nspeaking = 0;
	double sum = 0;

	for (uint32_t tree = 0; tree < proximity->ntrees; tree++)
	{
		uint64_t count = proximity->counts[tree];

		if (count == 0)
			continue;
		nspeaking++;
		if (trees[tree / 64] >> (tree % 64) & 1)
			sum += 1 / (double) count;
	}
	return nspeaking > 0 ? sum / nspeaking : 0;
}

/* ---------- the ways down ---------- */

/* A split on the way down, and the side that the row asked about takes. */
typedef struct step
{
	uint32_t tree; /* in the block */
	uint32_t feature;
	uint32_t cut; /* as in the node */
	bool left;
	bool missing_left;
} step;

/* A block that is being made. */
typedef struct maker
{
	hpc_env *env;
	const hpc_model_view *view;
	const uint32_t *codes; /* of the row asked about */
	bool stopped;          /* the environment asked to */
	uint32_t first_tree;   /* of the block */
	uint32_t ntrees;
	block *block;
	uint32_t nsteps;
	step *steps;     /* [nsteps] */
	hpc_pair *order; /* [nsteps]: by feature and cut; then as much scratch */

	/* [BLOCK_TREES]: the answers to the question at hand that lead where the
	 * row is */
	uint32_t least[BLOCK_TREES];
	uint32_t greatest[BLOCK_TREES];
} maker;

/* Answers how many steps the way down in a tree has; steps may be NULL. */
static uint32_t
walk_down(maker *m, uint32_t tree, step *steps)
{
	uint32_t first = m->view->trees[m->first_tree + tree];
	const hpc_node *nodes = m->view->nodes + first;
	const uint32_t *covers = m->view->covers + first;
	uint32_t nsteps = 0;
	uint32_t at = 0;

	while (nodes[at].left != 0 && !m->stopped)
	{
		const hpc_node *node = &nodes[at];
		uint32_t right = hpc_goes_right(m->view, node, m->codes);

		at = node->left + right;
		if (covers[at] < HPC_PROXIMITY_COVER)
			break;
		if (steps != NULL)
			steps[nsteps] = (step){.tree = tree,
								   .feature = node->u.split.feature,
								   .cut = node->u.split.cut,
								   .left = right == 0,
								   .missing_left = node->u.split.flags &
												   HPC_NODE_MISSING_LEFT};
		m->stopped |= hpc_poll(m->env, nsteps);
		nsteps++;
	}
	m->stopped |= hpc_cancelled(m->env);
	return nsteps;
}

/* The step that is in this place of the order. */
static const step *
step_at(const maker *m, uint32_t place)
{
	return &m->steps[m->order[place].row];
}

static hpc_status
collect_steps(maker *m)
{
	uint32_t n = 0;

	m->nsteps = 0;
	for (uint32_t tree = 0; tree < m->ntrees; tree++)
		m->nsteps += walk_down(m, tree, NULL);
	m->steps = hpc_alloc(m->env, m->nsteps, sizeof(step));
	m->order = hpc_alloc(m->env, 2 * (size_t) m->nsteps, sizeof(hpc_pair));
	if (m->steps == NULL || m->order == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t tree = 0; tree < m->ntrees && !m->stopped; tree++)
		n += walk_down(m, tree, m->steps + n);
	if (m->stopped)
		return HPC_CANCELLED;
	for (uint32_t i = 0; i < m->nsteps; i++)
		m->order[i] = (hpc_pair){.key = (uint64_t) m->steps[i].feature << 32 |
										m->steps[i].cut,
								 .row = i};
	return hpc_sort_pairs(m->env, m->nsteps, m->order, m->order + m->nsteps)
			   ? HPC_OK
			   : HPC_CANCELLED;
}

/* ---------- sets of trees ---------- */

static void
flip(tree_set *set, uint32_t tree)
{
	set->words[tree / 64] ^= UINT64_C(1) << (tree % 64);
}

static void
drop(tree_set *set, uint32_t tree)
{
	set->words[tree / 64] &= ~(UINT64_C(1) << (tree % 64));
}

static bool
is_category(const maker *m, const question *q)
{
	return m->view->features[q->feature].kind == HPC_CATEGORY;
}

/* Narrows for each tree the stretch of numbers in which the row is. */
static void
narrow_stretches(maker *m, question *q, uint32_t first, uint32_t end)
{
	const double *thresholds =
		m->view->thresholds + m->view->features[q->feature].first_threshold;
	uint32_t cut = 0; /* among those of the question */

	for (uint32_t tree = 0; tree < m->ntrees; tree++)
	{
		m->least[tree] = 0;
		m->greatest[tree] = q->nanswers - 1;
	}
	for (uint32_t i = first; i < end && !m->stopped; i++)
	{
		const step *s = step_at(m, i);

		if (i > first && s->cut != step_at(m, i - 1)->cut)
			cut++;
		q->cuts[cut] = thresholds[s->cut];
		if (!s->left)
			m->least[s->tree] = cut + 1;
		else if (cut < m->greatest[s->tree])
			m->greatest[s->tree] = cut;
		m->stopped |= hpc_poll(m->env, i);
	}
}

/*
 * A tree is in the sets least .. greatest: it is noted where that begins and
 * where it ends, and each set then takes over what is not noted from the one
 * before.  A way down that no number takes has its least above its greatest.
 */
static void
place_number(maker *m, question *q, uint32_t first, uint32_t end)
{
	narrow_stretches(m, q, first, end);
	m->stopped |=
		hpc_fill(m->env, q->sets, 0, q->nanswers * sizeof(tree_set)) != HPC_OK;
	for (uint32_t tree = 0; tree < m->ntrees; tree++)
	{
		if (m->least[tree] > m->greatest[tree])
			continue;
		flip(&q->sets[m->least[tree]], tree);
		if (m->greatest[tree] + 1 < q->nanswers)
			flip(&q->sets[m->greatest[tree] + 1], tree);
	}
	for (uint32_t i = 1; i < q->nanswers && !m->stopped; i++)
	{
		for (int word = 0; word < BLOCK_WORDS; word++)
			q->sets[i].words[word] ^= q->sets[i - 1].words[word];
		m->stopped |= hpc_poll(m->env, i);
	}
}

static void
place_category(maker *m, question *q, uint32_t first, uint32_t end)
{
	for (uint32_t i = 0; i < q->nanswers && !m->stopped; i++)
	{
		q->sets[i] = m->block->all;
		m->stopped |= hpc_poll(m->env, i);
	}
	for (uint32_t i = first; i < end && !m->stopped; i++)
	{
		const step *s = step_at(m, i);
		const uint32_t *set = m->view->sets + s->cut;

		for (uint32_t code = 0; code < q->nanswers; code++)
		{
			if ((set[code / 32] >> (code % 32) & 1) != s->left)
				drop(&q->sets[code], s->tree);
		}
		m->stopped |= hpc_cancelled(m->env);
	}
}

static void
place_missing(maker *m, question *q, uint32_t first, uint32_t end)
{
	tree_set *missing = &q->sets[q->nanswers];

	*missing = m->block->all;
	for (uint32_t i = first; i < end && !m->stopped; i++)
	{
		const step *s = step_at(m, i);

		if (s->left != s->missing_left)
			drop(missing, s->tree);
		m->stopped |= hpc_poll(m->env, i);
	}
}

/* ---------- blocks ---------- */

/* The end of the steps on the same feature, of which that is the first. */
static uint32_t
end_of_question(maker *m, uint32_t first, uint32_t *ncuts)
{
	uint32_t end = first + 1;

	*ncuts = 1;
	while (end < m->nsteps &&
		   step_at(m, end)->feature == step_at(m, first)->feature)
	{
		*ncuts += step_at(m, end)->cut != step_at(m, end - 1)->cut;
		m->stopped |= hpc_poll(m->env, end);
		end++;
	}
	return end;
}

static uint32_t
count_answers(const maker *m, uint32_t feature, uint32_t ncuts)
{
	const hpc_feature_record *record = &m->view->features[feature];

	return record->kind == HPC_CATEGORY ? record->ncategories : ncuts + 1;
}

static hpc_status
allocate_questions(maker *m)
{
	block *b = m->block;
	size_t nsets = 0;
	uint32_t ncuts;
	uint32_t end;

	for (uint32_t first = 0; first < m->nsteps; first = end)
	{
		end = end_of_question(m, first, &ncuts);
		nsets +=
			(size_t) count_answers(m, step_at(m, first)->feature, ncuts) + 1;
		b->nquestions++;
	}
	b->questions = hpc_alloc(m->env, b->nquestions, sizeof(question));
	b->cuts = hpc_alloc(m->env, m->nsteps, sizeof(double));
	b->sets = hpc_alloc(m->env, nsets, sizeof(tree_set));
	return b->questions != NULL && b->cuts != NULL && b->sets != NULL
			   ? HPC_OK
			   : HPC_NO_MEMORY;
}

static void
place_questions(maker *m)
{
	tree_set *sets = m->block->sets;
	double *cuts = m->block->cuts;
	question *q = m->block->questions;
	uint32_t ncuts;
	uint32_t end;

	for (uint32_t first = 0; first < m->nsteps && !m->stopped; first = end)
	{
		end = end_of_question(m, first, &ncuts);
		q->feature = step_at(m, first)->feature;
		q->nanswers = count_answers(m, q->feature, ncuts);
		q->cuts = cuts;
		q->sets = sets;
		if (is_category(m, q))
			place_category(m, q, first, end);
		else
			place_number(m, q, first, end);
		place_missing(m, q, first, end);
		cuts += ncuts;
		sets += (size_t) q->nanswers + 1;
		q++;
	}
}

static hpc_status
make_block(maker *m)
{
	hpc_status status;

	memset(&m->block->all, 0, sizeof(m->block->all));
	for (uint32_t tree = 0; tree < m->ntrees; tree++)
		flip(&m->block->all, tree);
	m->steps = NULL;
	m->order = NULL;
	status = collect_steps(m);
	if (status == HPC_OK)
		status = allocate_questions(m);
	if (status == HPC_OK)
		place_questions(m);
	hpc_free(m->env, m->order);
	hpc_free(m->env, m->steps);
	return status == HPC_OK && m->stopped ? HPC_CANCELLED : status;
}

static hpc_status
make_blocks(hpc_env *env, hpc_proximity *proximity, const uint32_t *codes)
{
	maker m = {.env = env, .view = &proximity->view, .codes = codes};
	hpc_status status = HPC_OK;

	for (uint32_t i = 0; i < proximity->nblocks && status == HPC_OK; i++)
	{
		uint32_t left = proximity->ntrees - i * BLOCK_TREES;

		m.block = &proximity->blocks[i];
		m.first_tree = i * BLOCK_TREES;
		m.ntrees = left < BLOCK_TREES ? left : BLOCK_TREES;
		status = make_block(&m);
	}
	return status;
}

hpc_status
hpc_proximity_create(hpc_env *env, const hpc_model *model,
					 const hpc_value *values, hpc_proximity **proximity)
{
	hpc_model_view view;
	uint32_t nblocks;
	uint32_t *codes;
	hpc_proximity *made;
	hpc_status status = HPC_NO_MEMORY;

	*proximity = NULL;
	hpc_model_open(model, &view);
	nblocks = (view.training->ntrees + BLOCK_TREES - 1) / BLOCK_TREES;
	made = hpc_alloc0(env, 1, sizeof(hpc_proximity) + nblocks * sizeof(block));
	if (made == NULL)
		return HPC_NO_MEMORY;
	made->view = view;
	made->ntrees = view.training->ntrees;
	made->nblocks = nblocks;
	made->counts = hpc_alloc0(env, made->ntrees, sizeof(uint64_t));
	codes = hpc_alloc(env, view.nfeatures, sizeof(uint32_t));
	if (made->counts != NULL && codes != NULL)
	{
		hpc_code_row(&view, NULL, values, codes);
		status = make_blocks(env, made, codes);
	}
	hpc_free(env, codes);
	if (status == HPC_OK)
		*proximity = made;
	else
		hpc_proximity_free(env, made);
	return status;
}

void
hpc_proximity_free(hpc_env *env, hpc_proximity *proximity)
{
	if (proximity == NULL)
		return;
	for (uint32_t i = 0; i < proximity->nblocks; i++)
	{
		hpc_free(env, proximity->blocks[i].sets);
		hpc_free(env, proximity->blocks[i].cuts);
		hpc_free(env, proximity->blocks[i].questions);
	}
	hpc_free(env, proximity->counts);
	hpc_free(env, proximity);
}
