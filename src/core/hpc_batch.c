/*
 * hpc_batch.c
 *		Predicting many rows together.
 *
 * A row waits as codes.  When they are many, tree by tree (or group by group
 * of masks) is taken through all of them, so that what is read of a tree
 * serves many rows: of a forest of 100 MB one row alone finds next to nothing
 * in the cache.  Each worker has a share of the rows.  A row's leaves are
 * added in the order of the trees, as hpc_predict.c does.
 */
#include <math.h>
#include <string.h>

#include "hpc_memory.h"
#include "hpc_parallel.h"
#include "hpc_predict.h"

/* Rows of a batch, and bytes of all their codes. */
#define MIN_ROWS ((uint64_t) 1024)
#define MAX_ROWS ((uint64_t) 65536)
#define CODE_BYTES ((uint64_t) 8 << 20)

/* Rows that go through a group of masks: their sums stay in the cache. */
#define ROWS_AT_ONCE 256

/* Rows times trees from which on it pays to start a thread. */
#define WORK_PER_THREAD 100000

/* The rows, as one model sees them that is no blend. */
typedef struct part
{
	hpc_model_view view;
	const hpc_predictor *predictor; /* or NULL */
	uint32_t *codes;                /* [size][nfeatures]; NULL: no trees */
	double *leaves;                 /* [size]; likewise */
	hpc_tally *tallies;             /* [size]; likewise */
	double *raw;                    /* [size]: on the learned scale */
} part;

struct hpc_batch
{
	const hpc_model *model;
	hpc_model_view view;
	uint32_t size;
	uint32_t nrows;
	uint64_t countdown; /* rows until a predictor is made */
	hpc_predictor *predictor;
	uint32_t share; /* rows of a task */
	uint32_t nshares;
	uint32_t nparts;
	part parts[]; /* one, or one for each member of a blend */
};

/* ---------- one share of the rows ---------- */

static const hpc_masks *
masks_of(const part *p)
{
	return p->predictor != NULL ? p->predictor->masks : NULL;
}

/* Leaves of the rows first .. end - 1 in one tree are to be added. */
static void
add_leaves(part *p, uint32_t tree, uint32_t first, uint32_t end)
{
	hpc_tally *tallies = p->tallies;
	const double *leaves = p->leaves;

	if (tree == 0)
		for (uint32_t i = first; i < end; i++)
			hpc_tally_begin(&tallies[i], p->view.training, leaves[i], 1);
	for (uint32_t i = first; i < end; i++)
		hpc_tally_add(&tallies[i], leaves[i], 1);
}

static void
walk_trees(hpc_crew *crew, int worker, part *p, uint32_t first, uint32_t end)
{
	size_t width = p->view.nfeatures;

	for (uint32_t tree = 0; tree < p->view.training->ntrees; tree++)
	{
		if (hpc_crew_stopped(crew, worker))
			return;
		hpc_walk(&p->view, tree, 0, p->codes + first * width, width,
				 end - first, p->leaves + first);
		add_leaves(p, tree, first, end);
	}
}

/* The rows first .. end - 1, through one group of masks after the other. */
static void
look_up_leaves(part *p, const hpc_masks *masks, uint32_t first, uint32_t end)
{
	uint32_t *codes = p->codes;
	size_t width = p->view.nfeatures;
	double leaves[HPC_MASKS_GROUP];
	uint32_t nleaves = 1;

	for (uint32_t i = first; i < end; i++)
		hpc_masks_slots(masks, codes + i * width);
	for (uint32_t group = 0; nleaves > 0; group++)
	{
		for (uint32_t i = first; i < end; i++)
		{
			hpc_tally *tally = &p->tallies[i];

			nleaves =
				hpc_masks_leaves(masks, codes + i * width, group, leaves);
			if (group == 0)
				hpc_tally_begin(tally, p->view.training, leaves[0], 1);
			for (uint32_t j = 0; j < nleaves; j++)
				hpc_tally_add(tally, leaves[j], 1);
		}
	}
}

static void
predict_share(hpc_crew *crew, int worker, uint64_t task, void *context)
{
	hpc_batch *batch = context;
	part *p = &batch->parts[task / batch->nshares];
	uint32_t first = (uint32_t) (task % batch->nshares) * batch->share;
	uint32_t end = first + batch->share;
	const hpc_masks *masks = masks_of(p);

	if (p->codes == NULL)
		return;
	if (end > batch->nrows)
		end = batch->nrows;
	if (masks == NULL)
		walk_trees(crew, worker, p, first, end);
	else
		for (uint32_t i = first; i < end; i += ROWS_AT_ONCE)
		{
			if (hpc_crew_stopped(crew, worker))
				return;
			look_up_leaves(p, masks, i,
						   end - i < ROWS_AT_ONCE ? end : i + ROWS_AT_ONCE);
		}
	for (uint32_t i = first; i < end; i++)
	{
		p->raw[i] = hpc_tally_end(&p->tallies[i], p->view.training);
		if (!isfinite(p->raw[i]))
			p->raw[i] =
				hpc_predict_trees(&p->view, masks,
								  p->codes + (size_t) i * p->view.nfeatures);
	}
}

/* ---------- all of them ---------- */

static uint64_t
count_trees(const hpc_batch *batch)
{
	uint64_t ntrees = 0;

	for (uint32_t i = 0; i < batch->nparts; i++)
		ntrees += batch->parts[i].view.training->ntrees;
	return ntrees;
}

static double
combine_parts(const hpc_batch *batch, uint32_t row)
{
	const hpc_training_record *training = batch->view.training;
	hpc_blend_tally tally = {0};

	if (batch->view.nmember_bytes == 0)
		return batch->parts[0].raw[row];
	for (uint32_t i = 0; i < batch->nparts; i++)
		hpc_blend_add(&tally, training, batch->parts[i].view.training,
					  batch->parts[i].raw[row]);
	return hpc_blend_end(&tally);
}

hpc_status
hpc_batch_predict(hpc_env *env, hpc_batch *batch, double *predictions)
{
	uint64_t wanted = batch->nrows * count_trees(batch) / WORK_PER_THREAD;
	int nworkers = wanted > 1 ? hpc_crew_size(env) : 1;
	hpc_status status;

	if (batch->nrows == 0)
		return HPC_OK;
	if (wanted > 1 && (uint64_t) nworkers > wanted)
		nworkers = (int) wanted;
	batch->share = (batch->nrows - 1) / (uint32_t) nworkers + 1;
	batch->nshares = (batch->nrows - 1) / batch->share + 1;
	status =
		hpc_crew_run(env, nworkers, (uint64_t) batch->nparts * batch->nshares,
					 predict_share, batch);
	if (status != HPC_OK)
		return status;
	for (uint32_t i = 0; i < batch->nrows; i++)
		predictions[i] = hpc_predict_retransform(batch->view.training,
												 combine_parts(batch, i));
	batch->nrows = 0;
	return HPC_OK;
}

/* ---------- rows on their way in ---------- */

static hpc_status
make_predictor(hpc_env *env, hpc_batch *batch)
{
	hpc_status status =
		hpc_predictor_create(env, batch->model, &batch->predictor);

	if (batch->predictor == NULL)
		return status;
	batch->parts[0].predictor = batch->predictor;
	for (uint32_t i = 0; i < batch->predictor->nmembers; i++)
		batch->parts[i].predictor = batch->predictor->members[i];
	return HPC_OK;
}

hpc_status
hpc_batch_add(hpc_env *env, hpc_batch *batch, const hpc_value *values)
{
	uint32_t row = batch->nrows;

	if (batch->countdown > 0 && --batch->countdown == 0)
	{
		hpc_status status = make_predictor(env, batch);

		if (status != HPC_OK)
			return status;
	}
	for (uint32_t i = 0; i < batch->nparts; i++)
	{
		part *p = &batch->parts[i];
		const hpc_coder *coder =
			p->predictor != NULL ? p->predictor->coder : NULL;

		if (p->codes != NULL)
			hpc_code_row(&p->view, coder, values,
						 p->codes + (size_t) row * p->view.nfeatures);
		else if (p->view.nterms > 0)
			p->raw[row] = hpc_predict_terms(&p->view, coder, values);
		else
			p->raw[row] = p->view.training->base;
	}
	batch->nrows++;
	return HPC_OK;
}

/* ---------- making one ---------- */

static uint32_t
choose_size(const hpc_batch *batch, uint32_t most_rows)
{
	uint64_t row_bytes =
		(uint64_t) batch->view.nfeatures * sizeof(uint32_t) * batch->nparts;
	uint64_t rows = CODE_BYTES / (row_bytes > 0 ? row_bytes : 1);

	if (most_rows > 0 && most_rows < MIN_ROWS)
		return most_rows;
	return (uint32_t) (rows < MIN_ROWS   ? MIN_ROWS
					   : rows > MAX_ROWS ? MAX_ROWS
										 : rows);
}

static bool
allocate_part(hpc_env *env, part *p, uint32_t size)
{
	p->raw = hpc_alloc(env, size, sizeof(double));
	if (p->raw == NULL || p->view.training->ntrees == 0)
		return p->raw != NULL;
	p->codes =
		hpc_alloc(env, (size_t) size * p->view.nfeatures, sizeof(uint32_t));
	p->leaves = hpc_alloc(env, size, sizeof(double));
	p->tallies = hpc_alloc(env, size, sizeof(hpc_tally));
	return p->codes != NULL && p->leaves != NULL && p->tallies != NULL;
}

hpc_status
hpc_batch_create(hpc_env *env, const hpc_model *model, uint32_t most_rows,
				 hpc_batch **batch)
{
	hpc_model_summary summary;
	uint32_t nparts;
	hpc_batch *made;

	*batch = NULL;
	hpc_model_summarize(model, &summary);
	nparts = summary.nmembers > 0 ? (uint32_t) summary.nmembers : 1;
	made = hpc_alloc0(env, 1, sizeof(hpc_batch) + nparts * sizeof(part));
	if (made == NULL)
		return HPC_NO_MEMORY;
	made->model = model;
	made->nparts = nparts;
	made->countdown = hpc_predictor_rows(model);
	hpc_model_open(model, &made->view);
	made->size = choose_size(made, most_rows);
	for (uint32_t i = 0; i < nparts; i++)
	{
		hpc_model_open(summary.nmembers > 0 ? hpc_model_member(model, (int) i)
											: model,
					   &made->parts[i].view);
		if (!allocate_part(env, &made->parts[i], made->size))
		{
			hpc_batch_free(env, made);
			return HPC_NO_MEMORY;
		}
	}
	*batch = made;
	return HPC_OK;
}

uint32_t
hpc_batch_room(const hpc_batch *batch)
{
	return batch->size - batch->nrows;
}

uint32_t
hpc_batch_nrows(const hpc_batch *batch)
{
	return batch->nrows;
}

void
hpc_batch_free(hpc_env *env, hpc_batch *batch)
{
	if (batch == NULL)
		return;
	for (uint32_t i = 0; i < batch->nparts; i++)
	{
		part *p = &batch->parts[i];

		hpc_free(env, p->tallies);
		hpc_free(env, p->leaves);
		hpc_free(env, p->codes);
		hpc_free(env, p->raw);
	}
	hpc_predictor_free(env, batch->predictor);
	hpc_free(env, batch);
}
