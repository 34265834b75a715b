/*
 * hpc_permute.c
 *		What a model loses where a feature tells it nothing: permutation
 *		importance (Breiman 2001, "Random forests", section 10; Fisher, Rudin,
 *		Dominici 2019, "All models are wrong, but many are useful", section 3).
 *
 * The values of a feature change places between the rows, all else stays, and
 * the error grows by what the feature told.  Rows stand in a circle, in the
 * order of a keyed hash of their content, another one for each feature, and
 * each takes the value of the next.  That is a random permutation, but a
 * function of the multiset of rows: equal rows stand side by side, and it does
 * not matter which of them is which.
 *
 * A row is kept as what predicting needs: codes for trees (slots where there
 * are masks), terms for linear models.  Then changing a value is copying a
 * number, and each feature costs one prediction a row.
 */
#include <math.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_parallel.h"
#include "hpc_predict.h"
#include "hpc_random.h"
#include "hpc_sort.h"

#define ROWS_PER_BLOCK 1024
#define ROWS_PER_TASK 32

/* What a row begins with; its codes and terms follow. */
typedef struct kept_row
{
	double target;
	double weight;
	uint64_t key; /* of its content */
	double error; /* as it is, NaN: it does not count */
} kept_row;

/* What the rows are to one model that is no blend. */
typedef struct part
{
	hpc_model_view view;
	const hpc_masks *masks; /* or NULL */
	size_t offset;          /* of its codes or terms in a row */
	size_t nbytes;          /* of them */
} part;

struct hpc_permuter
{
	const hpc_model *model;
	hpc_model_view view;
	hpc_predictor *predictor; /* or NULL */
	bool outside;
	hpc_bag_rule rule;

	size_t row_bytes;
	char **blocks; /* [nblocks], ROWS_PER_BLOCK rows each */
	uint32_t nblocks;
	uint32_t nrows;

	bool measured;     /* the rows have their errors */
	uint32_t *scratch; /* [nthreads][nfeatures] */
	hpc_pair *order;   /* [nrows] */
	double *errors;    /* [nrows] with the values of a feature moved */
	int moved;         /* that feature, or -1 */

	uint32_t nparts;
	part parts[]; /* one, or one for each member of a blend */
};

static inline kept_row *
row_at(const hpc_permuter *p, uint32_t row)
{
	return (kept_row *) (p->blocks[row / ROWS_PER_BLOCK] +
						 row % ROWS_PER_BLOCK * p->row_bytes);
}

static inline const void *
of_row(const kept_row *row, const part *its)
{
	return (const char *) row + its->offset;
}

/* ---------- predicting ---------- */

/* The base and the terms, of which that of a feature is the lender's. */
static double
predict_terms(const part *its, const kept_row *row, const kept_row *lender,
			  int moved)
{
	const double *terms = of_row(row, its);
	const double *lent = of_row(lender, its);
	double sum = its->view.training->base / HPC_LARGE_UNIT;

	for (uint32_t i = 0; i < its->view.nterms; i++)
		sum += ((int) i == moved ? lent : terms)[i] / HPC_LARGE_UNIT;
	return hpc_model_number(sum * HPC_LARGE_UNIT);
}

static bool
predict_part(const hpc_permuter *p, const part *its, const kept_row *row,
			 const kept_row *lender, uint32_t *codes, double *raw)
{
	if (its->view.training->ntrees == 0)
	{
		*raw = predict_terms(its, row, lender, p->moved);
		return true;
	}
	memcpy(codes, of_row(row, its), its->nbytes);
	if (p->moved >= 0)
		codes[p->moved] = ((const uint32_t *) of_row(lender, its))[p->moved];
	if (p->outside)
		return hpc_predict_outside(&its->view, &p->rule, row->key, codes, raw);
	*raw = hpc_predict_trees(&its->view, its->masks, codes);
	return true;
}

/* NaN: there is no prediction. */
static double
error_of(const hpc_permuter *p, const kept_row *row, const kept_row *lender,
		 uint32_t *codes)
{
	hpc_blend_tally tally = {0};
	double raw = 0;

	for (uint32_t i = 0; i < p->nparts; i++)
	{
		const part *its = &p->parts[i];

		if (!predict_part(p, its, row, lender, codes, &raw))
			return NAN;
		if (p->view.nmember_bytes > 0)
			hpc_blend_add(&tally, p->view.training, its->view.training, raw);
	}
	if (p->view.nmember_bytes > 0)
		raw = hpc_blend_end(&tally);
	return hpc_model_number(
		fabs(row->target - hpc_predict_retransform(p->view.training, raw)));
}

/* A task: the errors of some rows, each with the value of the next. */
static void
predict_rows(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	hpc_permuter *p = context;
	uint32_t *codes = p->scratch + (size_t) worker * p->view.nfeatures;
	uint32_t first = (uint32_t) task * ROWS_PER_TASK;
	uint32_t end =
		p->nrows - first > ROWS_PER_TASK ? first + ROWS_PER_TASK : p->nrows;

	for (uint32_t i = first; i < end; i++)
	{
		uint32_t next = i + 1 < p->nrows ? i + 1 : 0;

		if (hpc_crew_stopped(crew, worker))
			return;
		p->errors[i] = error_of(p, row_at(p, p->order[i].row),
								row_at(p, p->order[next].row), codes);
	}
}

/* ---------- measuring ---------- */

/* Orders the rows for a feature. */
static hpc_status
order_rows(hpc_env *env, hpc_permuter *p, int feature)
{
	const hpc_feature_record *record = &p->view.features[feature];
	hpc_hash name = hpc_column_key(p->view.strings + record->name.offset,
								   (hpc_kind) record->kind);
	uint64_t stream = hpc_stream(HPC_TAG_PERMUTE, (int64_t) name.low, 0);
	hpc_pair *spare = hpc_alloc(env, p->nrows, sizeof(hpc_pair));
	bool sorted;

	if (spare == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t i = 0; i < p->nrows; i++)
		p->order[i] = (hpc_pair){hpc_draw(stream, row_at(p, i)->key), i};
	sorted = hpc_sort_pairs(env, p->nrows, p->order, spare);
	hpc_free(env, spare);
	return sorted ? HPC_OK : HPC_CANCELLED;
}

static hpc_status
predict_all(hpc_env *env, hpc_permuter *p)
{
	int nworkers = p->nrows > ROWS_PER_TASK ? hpc_crew_size(env) : 1;

	return hpc_crew_run(env, nworkers,
						(p->nrows + ROWS_PER_TASK - 1) / ROWS_PER_TASK,
						predict_rows, p);
}

/* Room for the work, and the errors of the rows as they are. */
static hpc_status
prepare(hpc_env *env, hpc_permuter *p)
{
	hpc_status status;

	p->scratch = hpc_alloc(env, (size_t) env->nthreads * p->view.nfeatures,
						   sizeof(uint32_t));
	p->order = hpc_alloc(env, p->nrows, sizeof(hpc_pair));
	p->errors = hpc_alloc(env, p->nrows, sizeof(double));
	if (p->scratch == NULL || p->order == NULL || p->errors == NULL)
		return HPC_NO_MEMORY;
	for (uint32_t i = 0; i < p->nrows; i++)
		p->order[i].row = i;
	p->moved = -1;
	status = predict_all(env, p);
	if (status != HPC_OK)
		return status;
	for (uint32_t i = 0; i < p->nrows; i++)
		row_at(p, i)->error = p->errors[i];
	p->measured = true;
	return HPC_OK;
}

/* By exact sums over the rows that count; without any by nothing. */
static hpc_status
sum_up(hpc_env *env, const hpc_permuter *p, double *increase)
{
	hpc_sum weights;
	hpc_sum grown;
	double total;

	hpc_sum_init(&weights);
	hpc_sum_init(&grown);
	for (uint32_t i = 0; i < p->nrows; i++)
	{
		const kept_row *row = row_at(p, p->order[i].row);

		if (hpc_poll(env, i))
			return HPC_CANCELLED;
		if (isnan(row->error))
			continue;
		hpc_sum_add(&weights, row->weight);
		hpc_sum_add_product(&grown, p->errors[i], row->weight);
		hpc_sum_add_product(&grown, -row->error, row->weight);
	}
	total = hpc_sum_round(&weights);
	*increase =
		total > 0 ? hpc_model_number(hpc_sum_round(&grown) / total) : 0;
	return HPC_OK;
}

hpc_status
hpc_permuter_measure(hpc_env *env, hpc_permuter *p, int feature,
					 double *increase)
{
	hpc_status status = p->measured ? HPC_OK : prepare(env, p);

	if (status == HPC_OK)
		status = order_rows(env, p, feature);
	p->moved = feature;
	if (status == HPC_OK)
		status = predict_all(env, p);
	if (status == HPC_OK)
		status = sum_up(env, p, increase);
	return status;
}

/* ---------- rows ---------- */

static hpc_status
add_block(hpc_env *env, hpc_permuter *p)
{
	char **blocks =
		hpc_resize(env, p->blocks, (size_t) p->nblocks + 1, sizeof(char *));

	if (blocks == NULL)
		return HPC_NO_MEMORY;
	p->blocks = blocks;
	blocks[p->nblocks] = hpc_alloc(env, ROWS_PER_BLOCK, p->row_bytes);
	if (blocks[p->nblocks] == NULL)
	{
		hpc_fail(env, HPC_NO_MEMORY, "the rows do not fit into memory");
		hpc_fail_detail(env, "There are more than %u.", p->nrows);
		hpc_fail_hint(env, "A part of them is enough to tell which features "
						   "matter.");
		return HPC_NO_MEMORY;
	}
	p->nblocks++;
	return HPC_OK;
}

static void
keep_part(const part *its, const hpc_value *values, void *to)
{
	const hpc_model_view *view = &its->view;

	if (view->training->ntrees > 0)
	{
		hpc_code_row(view, NULL, values, to);
		if (its->masks != NULL)
			hpc_masks_slots(its->masks, to);
		return;
	}
	for (uint32_t i = 0; i < view->nterms; i++)
	{
		double parts[2];
		int nparts = hpc_predict_term(view, NULL, i, &values[i], parts);

		((double *) to)[i] =
			nparts > 1 ? hpc_model_number(parts[0] + parts[1]) : parts[0];
	}
}

hpc_status
hpc_permuter_add(hpc_env *env, hpc_permuter *p, const hpc_value *values,
				 double target, double weight)
{
	kept_row *row;

	if (p->nrows == UINT32_MAX)
		return hpc_fail(env, HPC_LIMIT, "there are too many rows");
	if (p->nrows % ROWS_PER_BLOCK == 0 &&
		p->nrows / ROWS_PER_BLOCK == p->nblocks)
	{
		hpc_status status = add_block(env, p);

		if (status != HPC_OK)
			return status;
	}
	row = row_at(p, p->nrows);
	row->target = target;
	row->weight = weight;
	row->key =
		hpc_row_key(hpc_model_row_hash(p->model, values, target, weight));
	for (uint32_t i = 0; i < p->nparts; i++)
		keep_part(&p->parts[i], values, (char *) row + p->parts[i].offset);
	p->nrows++;
	return HPC_OK;
}

/* ---------- making one ---------- */

/* The models, and where their codes and terms stand in a row. */
static void
lay_out(hpc_permuter *p, int nmembers)
{
	p->row_bytes = sizeof(kept_row);
	for (uint32_t i = 0; i < p->nparts; i++)
	{
		part *its = &p->parts[i];
		const hpc_predictor *predictor = p->predictor;

		hpc_model_open(nmembers > 0 ? hpc_model_member(p->model, (int) i)
									: p->model,
					   &its->view);
		if (predictor != NULL && nmembers > 0)
			predictor = predictor->members[i];
		if (predictor != NULL && !p->outside)
			its->masks = predictor->masks;
		its->offset = p->row_bytes;
		its->nbytes = its->view.training->ntrees > 0
						  ? its->view.nfeatures * sizeof(uint32_t)
						  : its->view.nterms * sizeof(double);
		p->row_bytes += (its->nbytes + 7) / 8 * 8;
	}
}

hpc_status
hpc_permuter_create(hpc_env *env, const hpc_model *model, bool outside,
					hpc_permuter **permuter)
{
	hpc_model_summary summary;
	uint32_t nparts;
	hpc_permuter *made;
	hpc_status status;

	*permuter = NULL;
	hpc_model_summarize(model, &summary);
	nparts = summary.nmembers > 0 ? (uint32_t) summary.nmembers : 1;
	made = hpc_alloc0(env, 1, sizeof(hpc_permuter) + nparts * sizeof(part));
	if (made == NULL)
		return HPC_NO_MEMORY;
	made->model = model;
	made->outside = outside;
	made->nparts = nparts;
	hpc_model_open(model, &made->view);
	hpc_bag_rule_init(&made->rule, &summary.params);
	status = hpc_predictor_create(env, model, &made->predictor);
	lay_out(made, summary.nmembers);
	if (status == HPC_OK)
		*permuter = made;
	else
		hpc_permuter_free(env, made);
	return status;
}

void
hpc_permuter_free(hpc_env *env, hpc_permuter *p)
{
	if (p == NULL)
		return;
	for (uint32_t i = 0; i < p->nblocks; i++)
		hpc_free(env, p->blocks[i]);
	hpc_free(env, p->blocks);
	hpc_free(env, p->errors);
	hpc_free(env, p->order);
	hpc_free(env, p->scratch);
	hpc_predictor_free(env, p->predictor);
	hpc_free(env, p);
}
