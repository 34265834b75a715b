/*
 * hpg_comparables.c
 *		hp_comparables(model, row, NULL::t, source): the rows of a source that a
 *		forest treats most like a given one.
 *
 * The source is read once.  Of each row the core tells in which trees it lies
 * beside the row asked about (hpc_proximity); the rows that do in most of them
 * are kept, twice as many as are wanted, and now and then the worse half goes.
 * What share of the prediction a row has can only be said in the end, since it
 * depends on how many rows lie in the same node: so the trees are kept with the
 * row.
 *
 * The row asked about is usually in the source itself, and is not comparable
 * to itself: one row of its content is left out.  It lies beside it in all
 * trees, so it is among the first, and only rows that do are looked at closely.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "hpg.h"

HPG_FUNCTION(hp_comparables);

#define FEWEST_PLACES 64

/* A row of the source, or one that is looked at. */
typedef struct comparable
{
	uint32 ntrees;  /* in which it lies beside the row asked about */
	bool is_same;   /* all columns are equal */
	bool is_itself; /* that, or all features and the target are */
	hpc_hash hash;  /* of all columns */
	uint64_t *trees;
	HeapTupleHeader row;
} comparable;

typedef struct compare_job
{
	ReturnSetInfo *info; /* result and its descriptor */
	hpc_env env;
	const hpc_model *model;
	uint32 ntrees; /* of the model */

	/* the row asked about */
	hpc_proximity *proximity;
	hpc_hash hash;    /* of all its columns */
	hpc_hash content; /* of features and target ... */
	bool has_target;  /* ... if it has one */

	/* the source */
	hpg_rowtype *rowtype;
	int *attnums; /* see hpg_source_columns */
	hpg_binding *binding;
	uint64_t *trees; /* scratch for those of a row */
	bool found_itself;

	/* what is kept */
	uint64 most; /* wanted, and one for the row itself */
	uint64 nkept;
	uint64 nplaces;
	comparable **kept; /* [nplaces] */
	comparable *worst; /* of the best ones so far: what is not before it is
						* of no interest; NULL: not so many yet */
} compare_job;

/* ---------- order ---------- */

static bool
is_equal(hpc_hash a, hpc_hash b)
{
	return a.low == b.low && a.high == b.high;
}

/*
 * More trees come first, then what is equal in all columns, then by hash: an
 * order that knows nothing of that in which the rows came.
 */
static int
compare(const comparable *a, const comparable *b)
{
	if (a->ntrees != b->ntrees)
		return a->ntrees > b->ntrees ? -1 : 1;
	if (a->is_same != b->is_same)
		return a->is_same ? -1 : 1;
	if (a->hash.low != b->hash.low)
		return a->hash.low < b->hash.low ? -1 : 1;
	if (a->hash.high != b->hash.high)
		return a->hash.high < b->hash.high ? -1 : 1;
	return 0;
}

static int
compare_places(const void *a, const void *b, void *arg)
{
	return compare(*(comparable *const *) a, *(comparable *const *) b);
}

static void
sort_kept(compare_job *job)
{
	qsort_interruptible(job->kept, job->nkept, sizeof(comparable *),
						compare_places, NULL);
}

/* ---------- what is kept ---------- */

static void
drop_worse_half(compare_job *job)
{
	sort_kept(job);
	while (job->nkept > job->most)
		hpg_resize(&job->env, job->kept[--job->nkept], 0);
	job->worst = job->kept[job->nkept - 1];
}

/* One block holds the row, its trees and what is known of it. */
static void
keep(compare_job *job, const comparable *found)
{
	size_t trees_size =
		hpc_proximity_nwords(job->proximity) * sizeof(uint64_t);
	size_t row_at = MAXALIGN(sizeof(comparable) + trees_size);
	HeapTuple tuple = hpg_row_form(job->rowtype);
	comparable *kept;

	if (job->nkept == job->nplaces && job->nplaces / 2 >= job->most)
		drop_worse_half(job);
	else if (job->nkept == job->nplaces)
	{
		job->nplaces = Max(2 * job->nplaces, FEWEST_PLACES);
		job->kept = hpg_resize(&job->env, job->kept,
							   job->nplaces * sizeof(comparable *));
	}
	kept = hpg_resize(&job->env, NULL, row_at + tuple->t_len);
	*kept = *found;
	kept->trees = (uint64_t *) (kept + 1);
	memcpy(kept->trees, found->trees, trees_size);
	kept->row = (HeapTupleHeader) ((char *) kept + row_at);
	memcpy(kept->row, tuple->t_data, tuple->t_len);
	job->kept[job->nkept++] = kept;
}

/* ---------- rows of the source ---------- */

static void
begin_rows(void *opaque, TupleDesc desc)
{
	compare_job *job = opaque;

	job->attnums = hpg_source_columns(desc, job->rowtype);
}

/* Are features and target of the row in rowtype those of the row asked about? */
static bool
has_its_content(compare_job *job)
{
	const hpc_value *values;
	double target;

	if (!job->has_target)
		return false;
	values = hpg_binding_all_values(job->binding);
	return hpg_binding_target(job->binding, &target) &&
		   is_equal(hpc_model_row_hash(job->model, values, target, 1),
					job->content);
}

static void
look_at_row(void *opaque, TupleTableSlot *slot)
{
	compare_job *job = opaque;
	comparable found = {.trees = job->trees};
	bool is_beside_in_all;

	hpg_source_row(slot, job->attnums, job->rowtype);
	found.ntrees =
		hpc_proximity_trees(job->proximity,
							hpg_binding_used_values(job->binding), job->trees);
	if (found.ntrees == 0)
		return;
	hpc_proximity_count(job->proximity, job->trees, 1);
	if (job->worst != NULL && found.ntrees < job->worst->ntrees)
		return;

	/* the model's fill changes what is read: each time anew */
	is_beside_in_all = found.ntrees == job->ntrees;
	hpg_source_row(slot, job->attnums, job->rowtype);
	found.hash = hpg_row_hash(job->rowtype);
	found.is_same = is_beside_in_all && is_equal(found.hash, job->hash);
	found.is_itself =
		found.is_same || (is_beside_in_all && has_its_content(job));
	job->found_itself |= found.is_itself;
	if (job->worst != NULL && compare(&found, job->worst) >= 0)
		return;
	hpg_source_row(slot, job->attnums, job->rowtype);
	keep(job, &found);
}

/* ---------- the call ---------- */

static void
put_row(compare_job *job, const comparable *kept)
{
	bool nulls[3] = {false};
	Datum values[3];

	values[0] = HeapTupleHeaderGetDatum(kept->row);
	values[1] = Float8GetDatum((double) kept->ntrees / job->ntrees);
	values[2] =
		Float8GetDatum(hpc_proximity_share(job->proximity, kept->trees));
	tuplestore_putvalues(job->info->setResult, job->info->setDesc, values,
						 nulls);
}

/*
 * The row itself is not shown, nor counted in the nodes: all of those that the
 * first row, which is as near, is counted in.
 */
static void
put_rows(compare_job *job)
{
	bool leave_out = job->found_itself;
	uint64 nleft = job->most - 1;

	sort_kept(job);
	if (job->found_itself)
		hpc_proximity_count(job->proximity, job->kept[0]->trees, -1);
	for (uint64 i = 0; i < job->nkept && nleft > 0; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (leave_out && job->kept[i]->is_itself)
			leave_out = false;
		else
		{
			put_row(job, job->kept[i]);
			nleft--;
		}
	}
}

static void
check_model(const hpc_model_summary *summary)
{
	if (summary->algorithm != HPC_FOREST &&
		summary->algorithm != HPC_EXTRA_TREES)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a model of algorithm %s has no comparables",
						hpc_algorithm_name(summary->algorithm)),
				 errdetail("Rows are compared by the nodes of a forest in "
						   "which they lie together."),
				 errhint("Train a forest on the same rows: hp_forest() or "
						 "hp_extra_trees().")));
}

static void
ask_about(compare_job *job, HeapTupleHeader row, MemoryContext context)
{
	hpg_rowtype *rowtype = hpg_rowtype_of(NULL, row, context);
	hpg_binding *binding = hpg_binding_make(job->model, rowtype, context);
	const hpc_value *values;
	double target;

	hpg_row_deform(rowtype, row);
	job->hash = hpg_row_hash(rowtype);
	values = hpg_binding_values(binding, row);
	job->has_target = hpg_binding_target(binding, &target);
	if (job->has_target)
		job->content = hpc_model_row_hash(job->model, values, target, 1);
	hpg_check_status(&job->env, hpc_proximity_create(&job->env, job->model,
													 values, &job->proximity));
}

static void
begin_job(compare_job *job, FunctionCallInfo fcinfo, MemoryContext context)
{
	hpg_call *call = palloc(sizeof(hpg_call));
	hpc_model_summary summary;

	hpg_call_init(call, context);
	job->model = hpg_call_model(call, PG_GETARG_DATUM(0))->model;
	hpc_model_summarize(job->model, &summary);
	check_model(&summary);
	job->ntrees = summary.ntrees;
	hpg_env_init(&job->env, context, 1);
	ask_about(job, PG_GETARG_HEAPTUPLEHEADER(1), context);
	job->binding = hpg_binding_make(job->model, job->rowtype, context);
	job->trees =
		palloc(hpc_proximity_nwords(job->proximity) * sizeof(uint64_t));
}

/* How many are wanted, and one more; NULL: all there are. */
static uint64
most_rows(FunctionCallInfo fcinfo, int arg)
{
	int32 k;

	if (PG_ARGISNULL(arg))
		return PG_UINT64_MAX;
	k = PG_GETARG_INT32(arg);
	if (k < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k must be at least 1, not %d", k)));
	return (uint64) k + 1;
}

/*
 * hp_comparables(model hp_model, r record, t anyelement, source text DEFAULT
 * NULL, k integer DEFAULT 10) returns TABLE (source_row anyelement,
 * similarity float8, share float8)
 */
Datum
hp_comparables(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "hp_comparables",
							  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	compare_job job = {.info = (ReturnSetInfo *) fcinfo->resultinfo};
	hpg_sink sink = {begin_rows, look_at_row, &job};

	job.rowtype = hpg_source_rowtype(fcinfo, 2, "hp_comparables", context);
	InitMaterializedSRF(fcinfo, 0);
	job.most = most_rows(fcinfo, 4);
	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1))
	{
		begin_job(&job, fcinfo, context);
		hpg_source_stream(PG_ARGISNULL(3)
							  ? NULL
							  : text_to_cstring(PG_GETARG_TEXT_PP(3)),
						  job.rowtype->type, &sink);
		put_rows(&job);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
