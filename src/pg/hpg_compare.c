/*
 * hpg_compare.c
 *		Comparing models: by their digests, which stand in the first bytes.
 *
 * Equal digests mean equal models.  The order is that of the digests' bytes,
 * and means nothing else.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "hpg.h"

HPG_FUNCTION(hp_model_eq);
HPG_FUNCTION(hp_model_ne);
HPG_FUNCTION(hp_model_lt);
HPG_FUNCTION(hp_model_le);
HPG_FUNCTION(hp_model_gt);
HPG_FUNCTION(hp_model_ge);
HPG_FUNCTION(hp_model_cmp);
HPG_FUNCTION(hp_model_hash);
HPG_FUNCTION(hp_model_hash_extended);

static int
compare_models(FunctionCallInfo fcinfo)
{
	hpc_digest a = hpg_datum_digest(PG_GETARG_DATUM(0));
	hpc_digest b = hpg_datum_digest(PG_GETARG_DATUM(1));

	return memcmp(&a, &b, sizeof(a));
}

/* hp_model_eq(hp_model, hp_model) returns boolean, and its kin */
#define COMPARISON(name, op)                         \
	Datum name(PG_FUNCTION_ARGS)                     \
	{                                                \
		PG_RETURN_BOOL(compare_models(fcinfo) op 0); \
	}

COMPARISON(hp_model_eq, ==)
COMPARISON(hp_model_ne, !=)
COMPARISON(hp_model_lt, <)
COMPARISON(hp_model_le, <=)
COMPARISON(hp_model_gt, >)
COMPARISON(hp_model_ge, >=)

/* hp_model_cmp(hp_model, hp_model) returns integer */
Datum
hp_model_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_models(fcinfo));
}

/* hp_model_hash(hp_model) returns integer */
Datum
hp_model_hash(PG_FUNCTION_ARGS)
{
	hpc_digest digest = hpg_datum_digest(PG_GETARG_DATUM(0));

	return hash_any((const unsigned char *) &digest, sizeof(digest));
}

/* hp_model_hash_extended(hp_model, bigint) returns bigint */
Datum
hp_model_hash_extended(PG_FUNCTION_ARGS)
{
	hpc_digest digest = hpg_datum_digest(PG_GETARG_DATUM(0));

	return hash_any_extended((const unsigned char *) &digest, sizeof(digest),
							 PG_GETARG_INT64(1));
}
