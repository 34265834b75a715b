/*
 * hpg_folds.c
 *		Aggregates that hold folds of their rows out from training.
 *
 * Rows are collected once, each with a mark that says which fold it is in
 * (hpc_fold in hpc.h):
 *
 *		hp_cross_validate, hp_tune		the fold that hp_fold(key, k) gives its
 *										key, or the row itself where there is
 *										no key; and for hp_tune a number that
 *										draws it into samples
 *		hp_cross_validate_forward		its time, which is cut into folds when
 *										all rows are there
 *
 * What happens to them then is in hpg_trial.c.  Partial states carry
 * parameters, target and rows like those of hp_train.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "hpg_compat.h"
#include "hpg_folds.h"

HPG_FUNCTION(hp_cross_validate_accum_value);
HPG_FUNCTION(hp_cross_validate_accum_named);
HPG_FUNCTION(hp_cross_validate_forward_accum_value);
HPG_FUNCTION(hp_cross_validate_forward_accum_named);
HPG_FUNCTION(hp_tune_accum_value);
HPG_FUNCTION(hp_tune_accum_named);
HPG_FUNCTION(hp_folds_combine);
HPG_FUNCTION(hp_folds_serialize);
HPG_FUNCTION(hp_folds_deserialize);

#define DEFAULT_FOLDS 5
#define MIN_FOLDS 2
#define MAX_FOLDS 1000

/* Arguments of the transition functions. */
enum
{
	ROW_ARG = 1,
	TARGET_ARG,
	PARAMS_ARG, /* of hp_tune: the candidates */
	FOLDS_ARG,
	KEY_ARG /* or time */
};

static bool
has_arg(FunctionCallInfo fcinfo, int arg)
{
	return PG_NARGS() > arg && !PG_ARGISNULL(arg);
}

/* ---------- candidates ---------- */

static void
read_candidates(hpg_folds *folds, ArrayType *array)
{
	Datum *elements;
	bool *nulls;
	int n;

	deconstruct_array(array, JSONBOID, -1, false, TYPALIGN_INT, &elements,
					  &nulls, &n);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are no candidates"),
				 errhint("Make them with hp_grid, hp_random, or "
						 "ARRAY[hp_boost(), hp_forest()].")));
	folds->candidates = palloc(n * sizeof(hpg_params *));
	folds->ncandidates = n;
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("candidate %d is NULL", i + 1)));
		folds->candidates[i] = hpg_params_parse(DatumGetJsonbP(elements[i]),
												CurrentMemoryContext);
	}
}

/* What all candidates want of the rows. */
static const hpg_params *
read_params(hpg_folds *folds)
{
	if (folds->use == HPG_TUNE)
	{
		read_candidates(folds, (ArrayType *) folds->given);
		return hpg_params_common(folds->candidates, folds->ncandidates,
								 CurrentMemoryContext);
	}
	folds->candidates = palloc(sizeof(hpg_params *));
	folds->candidates[0] =
		hpg_params_parse(folds->given, CurrentMemoryContext);
	folds->ncandidates = 1;
	return folds->candidates[0];
}

/* ---------- the state ---------- */

static hpg_folds *
make_state(MemoryContext parent, hpg_folds_use use, const void *given,
		   int nfolds, const char *target_name)
{
	MemoryContext context = AllocSetContextCreate(parent, "houseprice folds",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	hpg_folds *folds = palloc0(sizeof(hpg_folds));

	folds->use = use;
	folds->given = hpg_copy_varlena(given);
	folds->nfolds = nfolds;
	folds->rows = hpg_collector_make(read_params(folds), target_name, true);
	MemoryContextSwitchTo(before);
	return folds;
}

static int
folds_arg(FunctionCallInfo fcinfo)
{
	int nfolds = DEFAULT_FOLDS;

	if (PG_NARGS() > FOLDS_ARG)
	{
		if (PG_ARGISNULL(FOLDS_ARG))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("the number of folds must not be NULL")));
		nfolds = PG_GETARG_INT32(FOLDS_ARG);
	}
	if (nfolds < MIN_FOLDS || nfolds > MAX_FOLDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of folds must be from %d to %d, not %d",
						MIN_FOLDS, MAX_FOLDS, nfolds)));
	return nfolds;
}

/* Parameters, or the array of candidates; NULL: none. */
static void *
given_arg(FunctionCallInfo fcinfo, hpg_folds_use use)
{
	if (has_arg(fcinfo, PARAMS_ARG))
		return PG_DETOAST_DATUM(PG_GETARG_DATUM(PARAMS_ARG));
	if (use == HPG_TUNE)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("the array of candidates must not be NULL"),
						errhint("Make one with hp_grid or hp_random.")));
	return NULL;
}

static void
check_same_given(const hpg_folds *folds, void *given)
{
	if (folds->use != HPG_TUNE)
		hpg_check_same_params(folds->given, given);
	else if (VARSIZE(given) != VARSIZE(folds->given) ||
			 memcmp(given, folds->given, VARSIZE(given)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("candidates differ between rows"),
				 errhint("Give the same array for all rows of a group.")));
}

static void
check_same_folds(const hpg_folds *folds, int nfolds)
{
	if (nfolds != folds->nfolds)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of folds differs between rows: %d and %d",
						folds->nfolds, nfolds)));
}

/* The state, for one more row. */
static hpg_folds *
state_for_row(FunctionCallInfo fcinfo, hpg_folds_use use,
			  const char *target_name)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	void *given = given_arg(fcinfo, use);
	int nfolds = folds_arg(fcinfo);
	hpg_folds *folds;

	if (PG_ARGISNULL(0))
		return make_state(context, use, given, nfolds, target_name);
	folds = (hpg_folds *) PG_GETARG_POINTER(0);
	check_same_given(folds, given);
	check_same_folds(folds, nfolds);
	if (target_name != NULL)
		hpg_check_same_target(folds->rows, target_name);
	return folds;
}

/* ---------- marks ---------- */

static Oid
key_type(FunctionCallInfo fcinfo)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, KEY_ARG);

	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_INDETERMINATE_DATATYPE),
				 errmsg("could not determine the type of the last "
						"argument")));
	return type;
}

/* The time that a row is of. */
static double
time_mark(FunctionCallInfo fcinfo)
{
	Oid type = getBaseType(key_type(fcinfo));
	hpc_storage storage;
	bool integral;
	hpc_kind kind = hpg_type_kind(type, &storage, &integral);
	hpc_value value;

	if (kind != HPC_TIME && kind != HPC_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("time has type %s, which is neither a time nor a "
						"number",
						format_type_be(type)),
				 errhint("Give a date, a timestamp, or a number such as the "
						 "year.")));
	hpg_datum_value(PG_GETARG_DATUM(KEY_ARG), PG_ARGISNULL(KEY_ARG), type,
					kind, &value);
	if (value.missing || isnan(value.number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("time is NULL, so the row would be in no fold"),
				 errhint("Leave such rows out with FILTER (WHERE ...).")));
	if (isinf(value.number))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("time is infinite in some row"),
				 errhint("Leave such rows out with FILTER (WHERE ...).")));
	return value.number;
}

/* Where the row last read stands in the order in which samples take rows. */
static double
sample_mark(const hpg_folds *folds)
{
	hpc_hash hash =
		hpg_row_key_hash(hpg_split_key(HPC_TAG_TUNE, 0), folds->rows->rowtype);

	return hpg_fold_of(hash.low, HPC_FOLD_MARKS);
}

/* What hp_fold(key, k) answers, or hp_fold(row, k) where there is no key. */
static double
fold_mark(FunctionCallInfo fcinfo, const hpg_folds *folds)
{
	hpc_hash key = hpg_split_key(HPC_TAG_FOLD, 0);
	hpc_hash hash;

	if (PG_NARGS() <= KEY_ARG)
		hash = hpg_row_key_hash(key, folds->rows->rowtype);
	else
	{
		hpg_check_key(PG_ARGISNULL(KEY_ARG));
		hash = hpg_datum_hash(key, PG_GETARG_DATUM(KEY_ARG), false,
							  key_type(fcinfo));
	}
	return (double) hpg_fold_of(hash.low, (uint32) folds->nfolds) *
		   HPC_FOLD_MARKS;
}

static double
mark_of_row(FunctionCallInfo fcinfo, const hpg_folds *folds)
{
	if (folds->use == HPG_CROSS_VALIDATE_FORWARD)
		return time_mark(fcinfo);
	if (folds->use == HPG_CROSS_VALIDATE)
		return fold_mark(fcinfo, folds);
	return fold_mark(fcinfo, folds) + sample_mark(folds);
}

/* ---------- rows ---------- */

static Datum
accum(FunctionCallInfo fcinfo, hpg_folds_use use, bool named)
{
	const char *name = named ? hpg_target_name_arg(fcinfo, TARGET_ARG) : NULL;
	hpg_folds *folds = state_for_row(fcinfo, use, name);
	double target = 0;
	bool has_target;
	double mark;

	hpg_collect_read(folds->rows, hpg_row_arg(fcinfo, ROW_ARG));
	mark = mark_of_row(fcinfo, folds);
	if (named)
		has_target = hpg_collect_target(folds->rows, &target);
	else
	{
		has_target = !PG_ARGISNULL(TARGET_ARG);
		if (has_target)
			target = PG_GETARG_FLOAT8(TARGET_ARG);
	}
	if (has_target)
		hpg_collect_append(folds->rows, target, mark);
	else
		hpg_collect_skip(folds->rows, mark);
	PG_RETURN_POINTER(folds);
}

/*
 * hp_cross_validate_accum_value(internal, record, float8 [, jsonb [, integer
 * [, anyelement]]]) returns internal
 */
Datum
hp_cross_validate_accum_value(PG_FUNCTION_ARGS)
{
	return accum(fcinfo, HPG_CROSS_VALIDATE, false);
}

/* The same for (internal, record, text ...) */
Datum
hp_cross_validate_accum_named(PG_FUNCTION_ARGS)
{
	return accum(fcinfo, HPG_CROSS_VALIDATE, true);
}

/*
 * hp_cross_validate_forward_accum_value(internal, record, float8, jsonb,
 * integer, anyelement) returns internal
 */
Datum
hp_cross_validate_forward_accum_value(PG_FUNCTION_ARGS)
{
	return accum(fcinfo, HPG_CROSS_VALIDATE_FORWARD, false);
}

/* The same for (internal, record, text ...) */
Datum
hp_cross_validate_forward_accum_named(PG_FUNCTION_ARGS)
{
	return accum(fcinfo, HPG_CROSS_VALIDATE_FORWARD, true);
}

/*
 * hp_tune_accum_value(internal, record, float8, jsonb[] [, integer
 * [, anyelement]]) returns internal
 */
Datum
hp_tune_accum_value(PG_FUNCTION_ARGS)
{
	return accum(fcinfo, HPG_TUNE, false);
}

/* The same for (internal, record, text ...) */
Datum
hp_tune_accum_named(PG_FUNCTION_ARGS)
{
	return accum(fcinfo, HPG_TUNE, true);
}

/* ---------- partial states ---------- */

/* hp_folds_combine(internal, internal) returns internal */
Datum
hp_folds_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	hpg_folds *folds;
	hpg_folds *other;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	other = (hpg_folds *) PG_GETARG_POINTER(1);
	if (PG_ARGISNULL(0))
		folds = make_state(context, other->use, other->given, other->nfolds,
						   other->rows->target_name);
	else
	{
		folds = (hpg_folds *) PG_GETARG_POINTER(0);
		check_same_given(folds, other->given);
		check_same_folds(folds, other->nfolds);
		if (folds->rows->target_name != NULL)
			hpg_check_same_target(folds->rows, other->rows->target_name);
	}
	hpg_collector_merge(folds->rows, other->rows);
	PG_RETURN_POINTER(folds);
}

/*
 * hp_folds_serialize(internal) returns bytea
 *
 *		| use | folds | parameters or candidates | target | rows |
 */
Datum
hp_folds_serialize(PG_FUNCTION_ARGS)
{
	hpg_folds *folds = (hpg_folds *) PG_GETARG_POINTER(0);
	StringInfoData message;

	hpg_aggregate_context(fcinfo);
	pq_begintypsend(&message);
	pq_sendint32(&message, folds->use);
	pq_sendint32(&message, folds->nfolds);
	hpg_send_varlena(&message, folds->given);
	hpg_send_name(&message, folds->rows->target_name);
	hpg_collector_send(fcinfo, &message, folds->rows);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* hp_folds_deserialize(bytea, internal) returns internal */
Datum
hp_folds_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData message;
	hpg_folds *folds;
	hpg_folds_use use;
	int nfolds;
	void *given;
	char *name;

	hpg_aggregate_context(fcinfo);
	hpg_read_state(fcinfo, &message);
	use = (hpg_folds_use) pq_getmsgint(&message, 4);
	nfolds = (int) pq_getmsgint(&message, 4);
	given = hpg_receive_varlena(&message);
	name = hpg_receive_name(&message);
	folds = make_state(CurrentMemoryContext, use, given, nfolds, name);
	hpg_collector_receive(fcinfo, &message, folds->rows);
	PG_RETURN_POINTER(folds);
}
