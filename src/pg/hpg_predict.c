/*
 * hpg_predict.c
 *		hp_predict(model, row): the prediction for one row.
 *
 * The model is fetched once per call site, if it is not in the cache, and the
 * row's columns are bound once per model and row type (hpg_model.c, hpg_bind.c); what is left per row
 * is splitting it into columns and walking the trees.
 */
#include "postgres.h"

#include "hpg.h"

HPG_FUNCTION(hp_predict);

/* hp_predict(hp_model, record) returns double precision */
Datum
hp_predict(PG_FUNCTION_ARGS)
{
	hpg_call *call = hpg_call_of(fcinfo);
	hpg_loaded *loaded = hpg_call_model(call, PG_GETARG_DATUM(0));
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(1);
	hpg_binding *binding =
		hpg_binding_of(&call->binding, loaded->model, row, call->context);

	PG_RETURN_FLOAT8(hpg_binding_predict(binding, loaded, row));
}
