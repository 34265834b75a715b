/*
 * hpg_predict.c
 *		hp_predict(model or name, row): the prediction for one row;
 *		hp_predict_oob: the honest one for a row that the model was trained on.
 *
 * The model is fetched once per call site, if it is not in the cache, and the
 * row's columns are bound once per model and row type (hpg_model.c,
 * hpg_bind.c); what is left per row is splitting it into columns and walking
 * the trees.
 */
#include "postgres.h"

#include "hpg.h"

HPG_FUNCTION(hp_predict);
HPG_FUNCTION(hp_predict_name);
HPG_FUNCTION(hp_predict_oob);

static inline double
predict(FunctionCallInfo fcinfo, hpg_resolver resolve)
{
	hpg_loaded *loaded;
	HeapTupleHeader row;
	hpg_binding *binding = hpg_call_bind(fcinfo, resolve, &loaded, &row);

	return hpg_binding_predict(binding, loaded, row);
}

/* hp_predict(hp_model, record) returns double precision */
Datum
hp_predict(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(predict(fcinfo, hpg_call_model));
}

/* hp_predict(name text, record) returns double precision */
Datum
hp_predict_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(predict(fcinfo, hpg_call_named));
}

void
hpg_check_bags(const hpc_model *model, const char *hint)
{
	if (!hpc_model_has_bags(model))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the model has no predictions out of bag"),
				 errdetail("Only forests and extra trees with bag or "
						   "row_fraction leave rows out of their trees."),
				 errhint("%s", hint)));
}

/*
 * hp_predict_oob(model hp_model, r record [, target double precision]) returns
 * double precision
 */
Datum
hp_predict_oob(PG_FUNCTION_ARGS)
{
	hpg_loaded *loaded;
	HeapTupleHeader row;
	hpg_binding *binding =
		hpg_call_bind(fcinfo, hpg_call_model, &loaded, &row);
	hpc_model_summary summary;
	double target;
	double prediction;

	hpg_check_bags(loaded->model, "Train on some rows and predict others: "
								  "hp_split(h, 0.75), hp_fold(h, 5).");
	hpc_model_summarize(loaded->model, &summary);
	hpg_binding_values(binding, row);
	if (PG_NARGS() > 2)
		target = PG_GETARG_FLOAT8(2);
	else if (!hpg_binding_own_target(binding, &summary.texts, "hp_predict_oob",
									 &target))
		PG_RETURN_NULL();
	if (!hpg_binding_predict_oob(binding, loaded->model, target,
								 hpg_binding_weight(binding,
													summary.texts.weight),
								 &prediction))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(prediction);
}
