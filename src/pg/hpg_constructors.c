/*
 * hpg_constructors.c
 *		hp_forest, hp_boost and so on: training parameters as jsonb.
 *
 * hp_forest(trees => 500) is a jsonb with the algorithm's name and what was
 * given; nothing else, so that it reads like the call.  Its arguments carry
 * the names that the core's table of parameters knows; their number and
 * order do not matter here.  What was made is then read as hp_train reads it,
 * so that a constructor refuses what hp_train would.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "hpg.h"
#include "hpg_compat.h"

HPG_FUNCTION(hp_forest);
HPG_FUNCTION(hp_extra_trees);
HPG_FUNCTION(hp_boost);
HPG_FUNCTION(hp_linear);
HPG_FUNCTION(hp_blend);
HPG_FUNCTION(hp_mean);

/* JSON has no NaN and no infinity to be refused later. */
static void
push_real(JsonbParseState **state, const hpc_parameter *which, double number)
{
	if (!isfinite(number))
		hpg_params_bad_value(which, psprintf("%g", number));
	hpg_push_number(state, number);
}

static void
push_names(JsonbParseState **state, ArrayType *array)
{
	Datum *names;
	bool *nulls;
	int n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls,
					  &n);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
		hpg_push_element(state,
						 nulls[i] ? NULL : TextDatumGetCString(names[i]));
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
push_objects(JsonbParseState **state, ArrayType *array)
{
	Datum *objects;
	bool *nulls;
	int n;

	deconstruct_array(array, JSONBOID, -1, false, TYPALIGN_INT, &objects,
					  &nulls, &n);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			hpg_push_element(state, NULL);
		else
			hpg_push_container(state, WJB_ELEM, DatumGetJsonbP(objects[i]));
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
push_argument(JsonbParseState **state, const hpc_parameter *which, Oid type,
			  Datum datum)
{
	hpg_push_key(state, which->name);
	switch (type)
	{
		case BOOLOID:
			hpg_push_bool(state, DatumGetBool(datum));
			break;
		case INT4OID:
			hpg_push_integer(state, DatumGetInt32(datum));
			break;
		case INT8OID:
			hpg_push_integer(state, DatumGetInt64(datum));
			break;
		case FLOAT8OID:
			push_real(state, which, DatumGetFloat8(datum));
			break;
		case TEXTOID:
			hpg_push_string(state, TextDatumGetCString(datum));
			break;
		case TEXTARRAYOID:
			push_names(state, DatumGetArrayTypeP(datum));
			break;
		case JSONBOID:
			hpg_push_container(state, WJB_VALUE, DatumGetJsonbP(datum));
			break;
		case JSONBARRAYOID:
			push_objects(state, DatumGetArrayTypeP(datum));
			break;
		default:
			elog(ERROR, "constructor has an argument of type %u", type);
	}
}

/* Pushes the arguments that are not NULL, by their names. */
static void
push_arguments(FunctionCallInfo fcinfo, hpc_algorithm algorithm,
			   JsonbParseState **state)
{
	Oid function = fcinfo->flinfo->fn_oid;
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid *types;
	char **names;
	char *modes;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	get_func_arg_info(tuple, &types, &names, &modes);
	ReleaseSysCache(tuple);
	for (int i = 0; i < PG_NARGS(); i++)
	{
		const hpc_parameter *which;

		if (PG_ARGISNULL(i))
			continue;
		which = hpc_parameter_find(algorithm, names[i]);
		if (which == NULL)
			elog(ERROR,
				 "constructor has an argument \"%s\" that is no parameter",
				 names[i]);
		push_argument(state, which, types[i], PG_GETARG_DATUM(i));
	}
}

/* The jsonb of a constructor call, checked. */
static Datum
construct(FunctionCallInfo fcinfo, hpc_algorithm algorithm)
{
	JsonbParseState *state = NULL;
	Jsonb *made;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	hpg_push_key(&state, HPG_ALGORITHM_KEY);
	hpg_push_string(&state, hpc_algorithm_name(algorithm));
	push_arguments(fcinfo, algorithm, &state);
	made = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	hpg_params_parse(made, CurrentMemoryContext);
	PG_RETURN_JSONB_P(made);
}

/* hp_forest(trees integer, ...) returns jsonb */
Datum
hp_forest(PG_FUNCTION_ARGS)
{
	return construct(fcinfo, HPC_FOREST);
}

/* hp_extra_trees(trees integer, ...) returns jsonb */
Datum
hp_extra_trees(PG_FUNCTION_ARGS)
{
	return construct(fcinfo, HPC_EXTRA_TREES);
}

/* hp_boost(rounds integer, ...) returns jsonb */
Datum
hp_boost(PG_FUNCTION_ARGS)
{
	return construct(fcinfo, HPC_BOOST);
}

/* hp_linear(l1 float8, ...) returns jsonb */
Datum
hp_linear(PG_FUNCTION_ARGS)
{
	return construct(fcinfo, HPC_LINEAR);
}

/* hp_blend(VARIADIC members jsonb[]) returns jsonb */
Datum
hp_blend(PG_FUNCTION_ARGS)
{
	return construct(fcinfo, HPC_BLEND);
}

/* hp_mean() returns jsonb */
Datum
hp_mean(PG_FUNCTION_ARGS)
{
	return construct(fcinfo, HPC_MEAN);
}
