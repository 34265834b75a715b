/*
 * hpc_fold.c
 *		Rows held out from a training, and predicted by its model.
 *
 * Each row of the data set carries a mark, the last of its columns, and a
 * fold is a range of marks:
 *
 *		marks    0 ... 65535 | 65536 ... 131071 | 131072 ... 196607
 *		         fold 0        fold 1             fold 2
 *		held out               |<-------------->|
 *		learn    <----------->                    <-------------->
 *		forward  <----------->
 *
 * Marks are a column like any other and so travel with their rows wherever
 * those go: into blocks, through merges, to other processes.
 *
 * The rows to learn from are copied, value by value, into a data set of their
 * own.  It holds what it would if only they had been collected, dictionaries
 * included, so that its model is the one of a training that saw no others.
 *
 * Literature: Stone, "Cross-validatory choice and assessment of statistical
 * predictions" (1974); for forward folds Tashman, "Out-of-sample tests of
 * forecasting accuracy" (2000).
 *
 * Memory: the rows to learn from, packed; a batch of rows to predict.
 */
#include <math.h>
#include <string.h>

#include "hpc_dataset.h"
#include "hpc_memory.h"
#include "hpc_sort.h"

/* Rows that are unpacked together. */
#define PIECE 256

/* ---------- which rows ---------- */

/* Which rows of a data set are wanted. */
typedef enum part
{
	ALL_ROWS,
	TO_LEARN,
	HELD_OUT
} part;

static bool
is_held_out(const hpc_fold *fold, double mark)
{
	return mark >= fold->low && mark < fold->high;
}

static bool
is_sampled(const hpc_fold *fold, double mark)
{
	if (fold->share >= HPC_FOLD_MARKS)
		return true;
	return mark - floor(mark / HPC_FOLD_MARKS) * HPC_FOLD_MARKS < fold->share;
}

static bool
is_wanted(const hpc_fold *fold, part which, double mark)
{
	if (which == ALL_ROWS)
		return true;
	if (which == HELD_OUT)
		return is_held_out(fold, mark);
	return (fold->forward ? mark < fold->low : !is_held_out(fold, mark)) &&
		   is_sampled(fold, mark);
}

static const hpc_column *
marks_of(const hpc_dataset *dataset)
{
	return &dataset->columns[dataset->ncolumns - 1];
}

static uint32_t
piece_rows(const hpc_dataset *dataset, uint64_t first)
{
	uint64_t left = dataset->nrows - first;

	return left < PIECE ? (uint32_t) left : PIECE;
}

hpc_status
hpc_fold_count(hpc_env *env, const hpc_dataset *dataset, const hpc_fold *fold,
			   uint64_t *nlearn, uint64_t *nheld)
{
	const hpc_chunked *marks = &marks_of(dataset)->values;
	double mark[PIECE];

	*nlearn = 0;
	*nheld = 0;
	for (uint64_t first = 0; first < dataset->nrows; first += PIECE)
	{
		uint32_t n = piece_rows(dataset, first);

		if (hpc_poll(env, first / PIECE))
			return HPC_CANCELLED;
		hpc_dataset_read(dataset, marks, first, n, mark);
		for (uint32_t i = 0; i < n; i++)
		{
			*nlearn += is_wanted(fold, TO_LEARN, mark[i]);
			*nheld += is_wanted(fold, HELD_OUT, mark[i]);
		}
	}
	return HPC_OK;
}

/* ---------- walking over them ---------- */

/* What is read of a row besides the wanted columns. */
enum
{
	MARK,
	TARGET,
	WEIGHT,
	NEXTRAS
};

typedef struct walk
{
	hpc_env *env;
	const hpc_dataset *dataset;
	const hpc_fold *fold;
	part which;
	int ncolumns;
	const hpc_column **columns; /* [ncolumns] whose values are wanted */
	double *cells;              /* [NEXTRAS + ncolumns][PIECE] */
	hpc_value *values;          /* [ncolumns] of the row at hand */
} walk;

/* What is done with a row. */
typedef hpc_status (*visit)(walk *w, void *opaque, double target,
							double weight);

static hpc_status
walk_init(walk *w, hpc_env *env, const hpc_dataset *dataset,
		  const hpc_fold *fold, part which, int ncolumns)
{
	size_t n = (size_t) ncolumns;

	*w = (walk){.env = env,
				.dataset = dataset,
				.fold = fold,
				.which = which,
				.ncolumns = ncolumns};
	w->columns = hpc_alloc(env, n, sizeof(hpc_column *));
	w->cells = hpc_alloc(env, (n + NEXTRAS) * PIECE, sizeof(double));
	w->values = hpc_alloc(env, n, sizeof(hpc_value));
	return w->columns != NULL && w->cells != NULL && w->values != NULL
			   ? HPC_OK
			   : HPC_NO_MEMORY;
}

static void
walk_end(walk *w)
{
	hpc_free(w->env, w->values);
	hpc_free(w->env, w->cells);
	hpc_free(w->env, w->columns);
}

/* Is one of these rows wanted? */
static bool
any_is_wanted(const walk *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		if (is_wanted(w->fold, w->which, w->cells[MARK * PIECE + i]))
			return true;
	}
	return false;
}

static void
unpack_piece(const walk *w, uint64_t first, uint32_t n)
{
	const hpc_dataset *dataset = w->dataset;

	hpc_dataset_read(dataset, &dataset->target, first, n,
					 w->cells + TARGET * PIECE);
	hpc_dataset_read(dataset, &dataset->weight, first, n,
					 w->cells + WEIGHT * PIECE);
	for (int i = 0; i < w->ncolumns; i++)
		hpc_dataset_read(dataset, &w->columns[i]->values, first, n,
						 w->cells + (size_t) (NEXTRAS + i) * PIECE);
}

/* The value that a cell of a column stands for. */
static hpc_value
value_of(const hpc_column *column, double cell)
{
	hpc_value value = {isnan(cell), cell, NULL, 0};

	if (!value.missing && column->kind == HPC_CATEGORY)
		value.bytes = hpc_dictionary_entry(&column->dictionary,
										   (uint32_t) cell, &value.nbytes);
	return value;
}

static hpc_status
visit_piece(walk *w, uint32_t n, visit function, void *opaque)
{
	const double *cells = w->cells;

	for (uint32_t i = 0; i < n; i++)
	{
		hpc_status status;

		if (!is_wanted(w->fold, w->which, cells[MARK * PIECE + i]))
			continue;
		for (int j = 0; j < w->ncolumns; j++)
			w->values[j] = value_of(w->columns[j],
									cells[(size_t) (NEXTRAS + j) * PIECE + i]);
		status = function(w, opaque, cells[TARGET * PIECE + i],
						  cells[WEIGHT * PIECE + i]);
		if (status != HPC_OK)
			return status;
	}
	return HPC_OK;
}

/* Visits the wanted rows, in the order of the data set. */
static hpc_status
walk_rows(walk *w, visit function, void *opaque)
{
	const hpc_chunked *marks = &marks_of(w->dataset)->values;
	hpc_status status = HPC_OK;

	for (uint64_t first = 0; status == HPC_OK && first < w->dataset->nrows;
		 first += PIECE)
	{
		uint32_t n = piece_rows(w->dataset, first);

		if (hpc_cancelled(w->env))
			return HPC_CANCELLED;
		hpc_dataset_read(w->dataset, marks, first, n, w->cells + MARK * PIECE);
		if (!any_is_wanted(w, n))
			continue;
		unpack_piece(w, first, n);
		status = visit_piece(w, n, function, opaque);
	}
	return status;
}

/* ---------- rows to learn from ---------- */

static hpc_status
append(walk *w, void *opaque, double target, double weight)
{
	return hpc_dataset_append(w->env, opaque, w->values, target, weight);
}

/* An empty data set of the first columns of another. */
static hpc_status
create_like(hpc_env *env, const hpc_dataset *dataset, int ncolumns,
			hpc_dataset **made)
{
	hpc_column_spec *specs =
		hpc_alloc(env, (size_t) ncolumns, sizeof(hpc_column_spec));
	hpc_status status;

	*made = NULL;
	if (specs == NULL)
		return HPC_NO_MEMORY;
	for (int i = 0; i < ncolumns; i++)
		specs[i] = hpc_dataset_column(dataset, i);
	status = hpc_dataset_create(env, ncolumns, specs, made);
	hpc_free(env, specs);
	return status;
}

hpc_status
hpc_fold_rows(hpc_env *env, const hpc_dataset *dataset, const hpc_fold *fold,
			  int ncolumns, hpc_dataset **rows)
{
	walk w;
	hpc_status status =
		walk_init(&w, env, dataset, fold, fold != NULL ? TO_LEARN : ALL_ROWS,
				  ncolumns);

	*rows = NULL;
	for (int i = 0; status == HPC_OK && i < ncolumns; i++)
		w.columns[i] = &dataset->columns[i];
	if (status == HPC_OK)
		status = create_like(env, dataset, ncolumns, rows);
	if (status == HPC_OK)
		status = walk_rows(&w, append, *rows);
	walk_end(&w);
	if (status != HPC_OK)
	{
		hpc_dataset_free(env, *rows);
		*rows = NULL;
	}
	return status;
}

/* ---------- rows held out ---------- */

typedef struct predicting
{
	hpc_batch *batch;
	double *actual;
	double *predicted;
	uint64_t n;     /* rows met */
	uint64_t ndone; /* rows predicted */
} predicting;

static hpc_status
predict_waiting(hpc_env *env, predicting *p)
{
	hpc_status status =
		hpc_batch_predict(env, p->batch, p->predicted + p->ndone);

	p->ndone = p->n;
	return status;
}

static hpc_status
add_to_batch(walk *w, void *opaque, double target, double weight)
{
	predicting *p = opaque;
	hpc_status status = hpc_batch_add(w->env, p->batch, w->values);

	(void) weight;
	p->actual[p->n++] = target;
	if (status == HPC_OK && hpc_batch_room(p->batch) == 0)
		status = predict_waiting(w->env, p);
	return status;
}

/* The columns that the features of the model were. */
static void
find_features(walk *w, const hpc_model *model)
{
	for (int i = 0; i < w->ncolumns; i++)
	{
		hpc_model_feature feature;
		int column = 0;

		hpc_model_feature_at(model, i, &feature);
		while (strcmp(w->dataset->columns[column].name, feature.name) != 0)
			column++;
		w->columns[i] = &w->dataset->columns[column];
	}
}

hpc_status
hpc_fold_predict(hpc_env *env, const hpc_dataset *dataset,
				 const hpc_fold *fold, const hpc_model *model, double *actual,
				 double *predicted)
{
	predicting p = {.actual = actual, .predicted = predicted};
	hpc_model_summary summary;
	walk w;
	hpc_status status;

	hpc_model_summarize(model, &summary);
	status = walk_init(&w, env, dataset, fold, HELD_OUT, summary.nfeatures);
	if (status == HPC_OK)
	{
		find_features(&w, model);
		status = hpc_batch_create(env, model, 0, &p.batch);
	}
	if (status == HPC_OK)
		status = walk_rows(&w, add_to_batch, &p);
	if (status == HPC_OK)
		status = predict_waiting(env, &p);
	hpc_batch_free(env, p.batch);
	walk_end(&w);
	return status;
}

/* ---------- cutting ---------- */

/* The marks of all rows, in order, as hpc_sortable. */
static hpc_status
sort_marks(hpc_env *env, const hpc_dataset *dataset, uint64_t *keys,
		   uint64_t *spare)
{
	double mark[PIECE];

	for (uint64_t first = 0; first < dataset->nrows; first += PIECE)
	{
		uint32_t n = piece_rows(dataset, first);

		if (hpc_poll(env, first / PIECE))
			return HPC_CANCELLED;
		hpc_dataset_read(dataset, &marks_of(dataset)->values, first, n, mark);
		for (uint32_t i = 0; i < n; i++)
			keys[first + i] = hpc_sortable(mark[i]);
	}
	return hpc_sort_keys(env, dataset->nrows, keys, spare) ? HPC_OK
														   : HPC_CANCELLED;
}

static uint64_t
count_distinct(const uint64_t *keys, uint64_t n)
{
	uint64_t ndistinct = n > 0;

	for (uint64_t i = 1; i < n; i++)
		ndistinct += keys[i] != keys[i - 1];
	return ndistinct;
}

/*
 * Cuts where enough rows lie below, and always where there are just as many
 * places left as cuts.
 */
static hpc_status
place_cuts(hpc_env *env, const uint64_t *keys, uint64_t n, int ncuts,
		   double *cuts)
{
	uint64_t wanted = (uint64_t) ncuts;
	uint64_t nplaces = count_distinct(keys, n);
	uint64_t ncut = 0;

	if (nplaces <= wanted)
		return hpc_fail(env, HPC_BAD_PARAMETER,
						"cannot cut the rows into %d blocks by %llu distinct "
						"times",
						ncuts + 1, (unsigned long long) nplaces);
	nplaces--;
	for (uint64_t i = 1; i < n && ncut < wanted; i++)
	{
		if (keys[i] == keys[i - 1])
			continue;
		if (i * (wanted + 1) >= (ncut + 1) * n || nplaces <= wanted - ncut)
			cuts[ncut++] = hpc_from_sortable(keys[i]);
		nplaces--;
	}
	return HPC_OK;
}

hpc_status
hpc_fold_cut(hpc_env *env, const hpc_dataset *dataset, int ncuts, double *cuts)
{
	uint64_t n = dataset->nrows;
	uint64_t *keys = hpc_alloc(env, n, sizeof(uint64_t));
	uint64_t *spare = hpc_alloc(env, n, sizeof(uint64_t));
	hpc_status status = HPC_NO_MEMORY;

	if (keys != NULL && spare != NULL)
		status = sort_marks(env, dataset, keys, spare);
	if (status == HPC_OK)
		status = place_cuts(env, keys, n, ncuts, cuts);
	hpc_free(env, spare);
	hpc_free(env, keys);
	return status;
}
