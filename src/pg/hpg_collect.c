/*
 * hpg_collect.c
 *		Collecting rows for trainings, as an aggregate gets them.
 *
 * Each row is appended to a data set of the core, column by column.  Which
 * columns are features is settled by the first row (hpg_features.c).  Rows
 * without a target are counted, and rows of weight 0 are left out.
 *
 * Where rows are to be held out, each has a mark, in a last column without a
 * name.  The marks of rows without a target are kept too, in a data set of
 * their own: a training counts the ones it would have met.
 *
 * Memory: that of the data sets, which pack their rows (hpc_dataset.c).
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "hpg_collect.h"
#include "hpg_compat.h"

static const hpc_column_spec mark_column = {"", HPC_NUMBER, HPC_STORE_DOUBLE,
											false};

hpg_collector *
hpg_collector_make(const hpg_params *params, const char *target_name,
				   bool marked)
{
	hpg_collector *c = palloc0(sizeof(hpg_collector));

	c->context = CurrentMemoryContext;
	hpg_env_init(&c->env, c->context, hpg_threads());
	c->params = params;
	c->target_name = target_name != NULL ? pstrdup(target_name) : NULL;
	c->marked = marked;
	return c;
}

int
hpg_collector_nfeatures(const hpg_collector *c)
{
	return hpc_dataset_ncolumns(c->dataset) - c->marked;
}

/* ---------- binding the columns of a row type ---------- */

/* A data set with a column for each feature, and one for marks. */
static void
create_dataset(hpg_collector *c)
{
	int n = c->features->nfeatures;
	hpc_column_spec *specs = palloc((n + 1) * sizeof(hpc_column_spec));

	if (n == 0 && c->params->has_features)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the row has no column to learn from"),
				 errdetail("The target, the weight and excluded columns are "
						   "no features.")));
	for (int i = 0; i < n; i++)
	{
		const hpg_column *column = c->features->features[i];

		specs[i] = (hpc_column_spec){column->name, column->kind,
									 column->storage, column->integral};
	}
	specs[n] = mark_column;
	hpg_check_status(&c->env, hpc_dataset_create(&c->env, n + c->marked, specs,
												 &c->dataset));
	c->columns = c->features->features;
	pfree(specs);
}

/* The feature for a column of the data set, made from another row type. */
static const hpg_column *
rebind_feature(const hpg_collector *c, const hpc_column_spec *spec)
{
	const hpg_features *features = c->features;
	const hpg_column *column = NULL;

	for (int i = 0; i < features->nfeatures && column == NULL; i++)
	{
		if (strcmp(features->features[i]->name, spec->name) == 0)
			column = features->features[i];
	}
	if (column == NULL)
		hpg_column_missing(c->rowtype, spec->name);
	if (column->kind != spec->kind || column->storage != spec->storage)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has different types in the rows of one "
						"training",
						hpg_name(spec->name))));
	return column;
}

static void
rebind_features(hpg_collector *c)
{
	int nfeatures = hpg_collector_nfeatures(c);

	c->columns = palloc(Max(nfeatures, 1) * sizeof(hpg_column *));
	for (int i = 0; i < nfeatures; i++)
	{
		hpc_column_spec spec = hpc_dataset_column(c->dataset, i);

		c->columns[i] = rebind_feature(c, &spec);
	}
	if (c->features->nfeatures != nfeatures)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("rows of one training have different columns")));
}

/* Settles features, target and weight for the row type at hand. */
static void
bind_rowtype(hpg_collector *c)
{
	MemoryContext before = CurrentMemoryContext;

	if (c->bound != NULL)
		MemoryContextReset(c->bound);
	else
		c->bound =
			AllocSetContextCreate(c->context, "houseprice binding of rows",
								  ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(c->bound);
	c->features = hpg_features_choose(c->params, c->target_name, c->rowtype);
	if (c->dataset == NULL)
		create_dataset(c);
	else
		rebind_features(c);
	c->values = palloc((c->features->nfeatures + 1) * sizeof(hpc_value));
	if (c->params->clean != NULL)
		c->fill =
			hpg_fill_compile(c->params->clean, c->rowtype, true, c->bound);
	c->identifier = c->rowtype->identifier;
	MemoryContextSwitchTo(before);
}

/* ---------- rows ---------- */

void
hpg_collect_read(hpg_collector *c, HeapTupleHeader row)
{
	hpg_rowtype *rowtype;

	if (row == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("cannot train on a NULL row"),
				 errhint("Leave such rows out with FILTER (WHERE h IS "
						 "DISTINCT FROM NULL).")));
	rowtype = hpg_rowtype_of(c->rowtype, row, c->context);
	if (rowtype != c->rowtype || rowtype->identifier != c->identifier)
	{
		c->rowtype = rowtype;
		bind_rowtype(c);
	}
	hpg_row_deform(rowtype, row);
}

/* A filled target would be an invented price. */
bool
hpg_collect_target(const hpg_collector *c, double *target)
{
	hpc_value value;

	hpg_row_value(c->rowtype, c->features->target, &value);
	*target = value.number;
	return !value.missing;
}

/* Of the row last split: before any fill, which would invent one. */
static double
weight_of_row(const hpg_collector *c)
{
	const hpg_column *column = c->features->weight;
	hpc_value value;

	if (column == NULL)
		return 1;
	hpg_row_value(c->rowtype, column, &value);
	return hpg_weight_value(column, &value);
}

static void
set_mark(hpc_value *value, double mark)
{
	*value = (hpc_value){false, mark, NULL, 0};
}

void
hpg_collect_append(hpg_collector *c, double target, double mark)
{
	int nfeatures = hpg_collector_nfeatures(c);
	double weight = weight_of_row(c);

	if (weight == 0)
	{
		c->nweightless++;
		return;
	}
	if (!isfinite(target))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("target is %s in some row",
						isnan(target) ? "NaN" : "infinite"),
				 errhint("Leave such rows out with FILTER (WHERE ...); rows "
						 "whose target is NULL are skipped.")));
	if (c->fill != NULL)
		hpg_fill_apply(c->fill, c->rowtype);
	for (int i = 0; i < nfeatures; i++)
		hpg_row_value(c->rowtype, c->columns[i], &c->values[i]);
	if (c->marked)
		set_mark(&c->values[nfeatures], mark);
	hpg_check_status(&c->env, hpc_dataset_append(&c->env, c->dataset,
												 c->values, target, weight));
}

void
hpg_collect_skip(hpg_collector *c, double mark)
{
	hpc_value value;

	c->nskipped++;
	if (!c->marked)
		return;
	set_mark(&value, mark);
	if (c->skipped == NULL)
		hpg_check_status(&c->env, hpc_dataset_create(&c->env, 1, &mark_column,
													 &c->skipped));
	hpg_check_status(&c->env,
					 hpc_dataset_append(&c->env, c->skipped, &value, 0, 1));
}

/* ---------- partial states ---------- */

hpc_dataset *
hpg_dataset_like(hpc_env *env, const hpc_dataset *dataset)
{
	int ncolumns = hpc_dataset_ncolumns(dataset);
	hpc_column_spec *specs =
		palloc(Max(ncolumns, 1) * sizeof(hpc_column_spec));
	hpc_dataset *made;

	for (int i = 0; i < ncolumns; i++)
		specs[i] = hpc_dataset_column(dataset, i);
	hpg_check_status(env, hpc_dataset_create(env, ncolumns, specs, &made));
	pfree(specs);
	return made;
}

static void
merge_dataset(hpc_env *env, hpc_dataset **to, const hpc_dataset *from)
{
	if (from == NULL)
		return;
	if (*to == NULL)
		*to = hpg_dataset_like(env, from);
	hpg_check_status(env, hpc_dataset_merge(env, *to, from));
}

void
hpg_collector_merge(hpg_collector *c, const hpg_collector *other)
{
	c->nskipped += other->nskipped;
	c->nweightless += other->nweightless;
	merge_dataset(&c->env, &c->dataset, other->dataset);
	merge_dataset(&c->env, &c->skipped, other->skipped);
}

/* | rows without a target | rows of weight 0 | data set | marks of the former | */
void
hpg_collector_send(FunctionCallInfo fcinfo, StringInfo message,
				   hpg_collector *c)
{
	pq_sendint64(message, c->nskipped);
	pq_sendint64(message, c->nweightless);
	hpg_send_dataset(fcinfo, message, &c->env, c->dataset);
	hpg_send_dataset(fcinfo, message, &c->env, c->skipped);
}

void
hpg_collector_receive(FunctionCallInfo fcinfo, StringInfo message,
					  hpg_collector *c)
{
	c->nskipped = (uint64) pq_getmsgint64(message);
	c->nweightless = (uint64) pq_getmsgint64(message);
	c->dataset = hpg_receive_dataset(fcinfo, message, &c->env);
	c->skipped = hpg_receive_dataset(fcinfo, message, &c->env);
}

static void
send_bytes(StringInfo message, const void *bytes, int size)
{
	pq_sendint32(message, size);
	pq_sendbytes(message, bytes, size);
}

/* A copy of the next bytes of a message, aligned; NULL for none. */
static void *
receive_bytes(StringInfo message)
{
	int size = (int) pq_getmsgint(message, 4);
	void *copy = NULL;

	if (size > 0)
	{
		copy = palloc(size);
		pq_copymsgbytes(message, copy, size);
	}
	return copy;
}

void
hpg_send_varlena(StringInfo message, const void *value)
{
	send_bytes(message, value, value != NULL ? (int) VARSIZE(value) : 0);
}

void *
hpg_receive_varlena(StringInfo message)
{
	return receive_bytes(message);
}

void
hpg_send_name(StringInfo message, const char *name)
{
	send_bytes(message, name, name != NULL ? (int) strlen(name) + 1 : 0);
}

char *
hpg_receive_name(StringInfo message)
{
	return receive_bytes(message);
}

/* ---------- arguments ---------- */

void *
hpg_copy_varlena(const void *value)
{
	void *copy;

	if (value == NULL)
		return NULL;
	copy = palloc(VARSIZE(value));
	memcpy(copy, value, VARSIZE(value));
	return copy;
}

/*
 * 5 and 5.0 are the same parameter: what the model keeps of either is its
 * canonical text.
 */
static bool
same_params(Jsonb *a, Jsonb *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return hpg_json_equal(a, b) ||
		   compareJsonbContainers(&a->root, &b->root) == 0;
}

void
hpg_check_same_params(Jsonb *a, Jsonb *b)
{
	if (!same_params(a, b))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("training parameters differ between rows"),
				 errhint("Give the same parameters for all rows of a group, "
						 "or GROUP BY them.")));
}

void
hpg_check_same_target(const hpg_collector *c, const char *name)
{
	if (strcmp(c->target_name, name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("target name differs between rows: \"%s\" and \"%s\"",
						hpg_name(c->target_name), hpg_name(name)),
				 errhint("A second argument of type text names the target "
						 "column. To train on a text column's values, cast it "
						 "to double precision.")));
}

HeapTupleHeader
hpg_row_arg(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : PG_GETARG_HEAPTUPLEHEADER(arg);
}

const char *
hpg_target_name_arg(FunctionCallInfo fcinfo, int arg)
{
	uint32_t nbytes;
	char *name;

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the target column must not be NULL"),
				 errhint("A second argument of type text names the target "
						 "column. To train on a text column's values, cast it "
						 "to double precision.")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	return hpg_to_utf8(name, (int) strlen(name), &nbytes);
}

/* ---------- the end ---------- */

/* No row had both a target and a weight. */
static void
warn_no_rows(const hpg_collector *c)
{
	uint64 nrows = c->nskipped + c->nweightless;

	if (c->nweightless > 0)
		ereport(WARNING,
				(errmsg_plural("no model was trained: the target is NULL or "
							   "the weight 0 in the " UINT64_FORMAT " row",
							   "no model was trained: the target is NULL or "
							   "the weight 0 in all " UINT64_FORMAT " rows",
							   nrows, nrows)));
	else
		ereport(WARNING,
				(errmsg_plural("no model was trained: the target is NULL in "
							   "the " UINT64_FORMAT " row",
							   "no model was trained: the target is NULL in "
							   "all " UINT64_FORMAT " rows",
							   nrows, nrows)));
}

bool
hpg_collector_has_rows(FunctionCallInfo fcinfo, const hpg_collector *c)
{
	if (c->dataset != NULL && hpc_dataset_nrows(c->dataset) > 0)
		return true;
	if (!hpg_is_repeated(fcinfo, -1, ""))
		warn_no_rows(c);
	return false;
}

void
hpg_collector_train(FunctionCallInfo fcinfo, hpg_collector *c,
					hpc_dataset *dataset, const hpg_params *params,
					hpc_result *result)
{
	hpc_texts texts = {.target = c->target_name,
					   .params = params->text,
					   .clean = params->clean_text,
					   .weight = params->weight};

	hpg_check_status(&c->env, hpc_train(&c->env, dataset, &params->core,
										&texts, result));
	hpg_report_findings(fcinfo, result);
	c->env.resize(c->env.opaque, result->findings, 0);
	result->findings = NULL;
	SET_VARSIZE(result->model, result->nbytes);
}
