/*
 * hpg_split.c
 *		hp_split and hp_fold: which part a row belongs to, by its key.
 *
 * The key's content is hashed (see hpg_hash.c), so a row stays in its part
 * whatever else is in the table, however it is stored, and on every machine.
 * The hash u is a number in [0, 2^64), equally likely anywhere:
 *
 *		0              fraction * 2^64                      2^64
 *		|------ true ------|------------- false --------------|
 *		|-- 0 --|-- 1 --|-- 2 --|-- 3 --|  ...  |-- k - 1 --|
 *
 * Hence hp_split(key, .5) implies hp_split(key, .8) under the same seed.  The
 * two functions hash under different tags: folds cut across splits.
 *
 * Cost: one hash of the key.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "hpg.h"

/* 2^64 */
#define HASH_RANGE 18446744073709551616.0

HPG_FUNCTION(hp_split);
HPG_FUNCTION(hp_fold);

void
hpg_check_key(bool isnull)
{
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("key is NULL, so the row would be in no part"),
				 errhint("Use a key that every row has, or coalesce() it, or "
						 "leave such rows out.")));
}

/* Argument names, for messages; both functions have the same shape. */
static void
check_not_null(FunctionCallInfo fcinfo, const char *second)
{
	hpg_check_key(PG_ARGISNULL(0));
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be NULL",
						PG_ARGISNULL(1) ? second : "seed")));
}

hpc_hash
hpg_split_key(hpc_tag tag, int64 seed)
{
	return (hpc_hash){(uint64) tag, (uint64) seed};
}

static uint64
key_hash(FunctionCallInfo fcinfo, hpc_tag tag)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	hpc_hash key = hpg_split_key(tag, PG_GETARG_INT64(2));

	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_INDETERMINATE_DATATYPE),
				 errmsg("could not determine the type of the key")));
	return hpg_datum_hash(key, PG_GETARG_DATUM(0), false, type).low;
}

/* hash < fraction * 2^64 for real numbers; the product is exact. */
static bool
is_below(uint64 hash, double fraction)
{
	double bound = fraction * HASH_RANGE;
	uint64 whole;

	if (bound >= HASH_RANGE)
		return true;
	whole = (uint64) bound;
	return hash < whole || (hash == whole && (double) whole < bound);
}

/* floor(hash * k / 2^64), by halves because the product takes 96 bits */
int32
hpg_fold_of(uint64 hash, uint32 k)
{
	uint64 high = (hash >> 32) * k;
	uint64 low = (hash & 0xffffffff) * k;

	return (int32) ((high + (low >> 32)) >> 32);
}

/* hp_split(key anyelement, fraction float8, seed bigint) returns boolean */
Datum
hp_split(PG_FUNCTION_ARGS)
{
	double fraction;

	check_not_null(fcinfo, "fraction");
	fraction = PG_GETARG_FLOAT8(1);
	if (!(fraction >= 0 && fraction <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fraction must be between 0 and 1, not %g",
						fraction)));
	PG_RETURN_BOOL(is_below(key_hash(fcinfo, HPC_TAG_SPLIT), fraction));
}

/* hp_fold(key anyelement, k int, seed bigint) returns int */
Datum
hp_fold(PG_FUNCTION_ARGS)
{
	int32 k;

	check_not_null(fcinfo, "k");
	k = PG_GETARG_INT32(1);
	if (k < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of folds must be at least 2, not %d", k)));
	PG_RETURN_INT32(hpg_fold_of(key_hash(fcinfo, HPC_TAG_FOLD), (uint32) k));
}
