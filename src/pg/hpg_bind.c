/*
 * hpg_bind.c
 *		Binding the features of a model to the columns of a row, by name.
 *
 * A binding is made once for a model and a row type and used row after row.
 * It holds nothing that points into the model, whose memory may move between
 * calls; the model's fill, if it has one, is compiled into it.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "hpg.h"

struct hpg_binding
{
	MemoryContext context; /* of all but the row type */
	hpc_digest digest;     /* of the model */
	hpg_rowtype *rowtype;
	uint64 identifier; /* of the row type as bound */
	int nfeatures;
	const hpg_column **columns; /* [nfeatures] */
	bool *used;                 /* [nfeatures]: predictions depend on it */
	hpg_fill *fill;             /* NULL: none */
	const hpg_column *target;   /* NULL: not in the row, or not named */
	const hpg_column *weight;   /* likewise */
	hpc_value target_value;     /* of the row last read, before any fill */
	hpc_value weight_value;
	hpc_value *values; /* [nfeatures] */
	uint32_t *codes;   /* [nfeatures] */
};

/* The column for a feature, or an ERROR. */
static const hpg_column *
bind_feature(const hpg_rowtype *rowtype, const hpc_model_feature *feature)
{
	const hpg_column *column = hpg_rowtype_find(rowtype, feature->name);

	if (column == NULL)
		hpg_column_missing(rowtype, feature->name);
	if (column->kind != feature->kind)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has type %s, but the model was trained "
						"on a %s",
						hpg_name(feature->name),
						format_type_be(column->type),
						hpc_kind_name(feature->kind)),
				 errhint("Any type of the same kind will do: cast the "
						 "column.")));
	return column;
}

/* The fill that travels in the model, for this row type. */
static hpg_fill *
bind_fill(const hpc_model_summary *summary, const hpg_rowtype *rowtype,
		  MemoryContext context)
{
	Datum json;
	char *text;

	if (summary->texts.clean == NULL)
		return NULL;
	text = hpg_name(summary->texts.clean);
	json = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
	return hpg_fill_compile(DatumGetJsonbP(json), rowtype, false, context);
}

hpg_binding *
hpg_binding_make(const hpc_model *model, hpg_rowtype *rowtype,
				 MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "houseprice binding",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	hpg_binding *binding = palloc0(sizeof(hpg_binding));
	hpc_model_summary summary;

	hpc_model_summarize(model, &summary);
	binding->context = context;
	binding->digest = hpc_model_digest(model);
	binding->rowtype = rowtype;
	binding->identifier = rowtype->identifier;
	binding->nfeatures = summary.nfeatures;
	binding->columns =
		palloc0(Max(summary.nfeatures, 1) * sizeof(hpg_column *));
	binding->values = palloc0(Max(summary.nfeatures, 1) * sizeof(hpc_value));
	binding->codes = palloc0(Max(summary.nfeatures, 1) * sizeof(uint32_t));
	binding->used = palloc0(Max(summary.nfeatures, 1) * sizeof(bool));
	for (int i = 0; i < summary.nfeatures; i++)
	{
		hpc_model_feature feature;

		hpc_model_feature_at(model, i, &feature);
		binding->columns[i] = bind_feature(rowtype, &feature);
		binding->used[i] = feature.used;
	}
	binding->fill = bind_fill(&summary, rowtype, context);
	if (summary.texts.target != NULL)
		binding->target = hpg_rowtype_find(rowtype, summary.texts.target);
	if (binding->target != NULL && binding->target->kind != HPC_NUMBER)
		binding->target = NULL;
	if (summary.texts.weight != NULL)
		binding->weight = hpg_rowtype_find(rowtype, summary.texts.weight);
	if (binding->weight != NULL && binding->weight->kind != HPC_NUMBER)
		binding->weight = NULL;
	MemoryContextSwitchTo(before);
	return binding;
}

hpg_binding *
hpg_binding_of(hpg_binding **slot, const hpc_model *model, HeapTupleHeader row,
			   MemoryContext context)
{
	hpg_binding *cached = *slot;
	hpc_digest digest = hpc_model_digest(model);
	hpg_rowtype *rowtype =
		hpg_rowtype_of(cached != NULL ? cached->rowtype : NULL, row, context);

	if (cached != NULL)
	{
		if (cached->rowtype == rowtype &&
			cached->identifier == rowtype->identifier &&
			memcmp(&cached->digest, &digest, sizeof(digest)) == 0)
			return cached;
		/* an error from here on must not leave it in the slot */
		*slot = NULL;
		MemoryContextDelete(cached->context);
	}
	*slot = hpg_binding_make(model, rowtype, context);
	return *slot;
}

hpg_binding *
hpg_call_bind(FunctionCallInfo fcinfo, hpg_resolver resolve,
			  hpg_loaded **loaded, HeapTupleHeader *row)
{
	hpg_call *call = hpg_call_of(fcinfo);

	*loaded = resolve(call, PG_GETARG_DATUM(0));
	*row = PG_GETARG_HEAPTUPLEHEADER(1);
	return hpg_binding_of(&call->binding, (*loaded)->model, *row,
						  call->context);
}

/* Values of the features of the row split into columns, or of those used. */
static void
read_features(hpg_binding *binding, bool all)
{
	if (binding->fill != NULL)
		hpg_fill_apply(binding->fill, binding->rowtype);
	for (int i = 0; i < binding->nfeatures; i++)
	{
		if (all || binding->used[i])
			hpg_row_value(binding->rowtype, binding->columns[i],
						  &binding->values[i]);
	}
}

const hpc_value *
hpg_binding_used_values(hpg_binding *binding)
{
	read_features(binding, false);
	return binding->values;
}

const hpc_value *
hpg_binding_all_values(hpg_binding *binding)
{
	hpg_rowtype *rowtype = binding->rowtype;

	if (binding->target != NULL)
		hpg_row_value(rowtype, binding->target, &binding->target_value);
	if (binding->weight != NULL)
		hpg_row_value(rowtype, binding->weight, &binding->weight_value);
	read_features(binding, true);
	return binding->values;
}

const hpc_value *
hpg_binding_values(hpg_binding *binding, HeapTupleHeader row)
{
	hpg_row_deform(binding->rowtype, row);
	return hpg_binding_all_values(binding);
}

/*
 * For one more prediction: the predictor, or NULL.  When it is made, as many
 * rows may follow as there were, so that it has paid by then.
 */
static const hpc_predictor *
next_predictor(hpg_loaded *loaded)
{
	if (loaded->countdown > 0 && --loaded->countdown == 0)
	{
		hpc_env env;

		hpg_env_init(&env, loaded->context, 1);
		hpg_check_status(&env, hpc_predictor_create(&env, loaded->model,
													&loaded->predictor));
	}
	return loaded->predictor;
}

double
hpg_binding_predict_read(hpg_binding *binding, hpg_loaded *loaded)
{
	return hpc_predictor_predict(next_predictor(loaded), loaded->model,
								 binding->values, binding->codes);
}

double
hpg_binding_predict_values(hpg_binding *binding, hpg_loaded *loaded)
{
	read_features(binding, false);
	return hpg_binding_predict_read(binding, loaded);
}

double
hpg_binding_predict(hpg_binding *binding, hpg_loaded *loaded,
					HeapTupleHeader row)
{
	hpg_row_deform(binding->rowtype, row);
	return hpg_binding_predict_values(binding, loaded);
}

bool
hpg_binding_target(const hpg_binding *binding, double *target)
{
	*target = binding->target_value.number;
	return binding->target != NULL && !binding->target_value.missing;
}

bool
hpg_binding_own_target(hpg_binding *binding, const hpc_texts *texts,
					   const char *function, double *target)
{
	if (texts->target == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the model does not name its target"),
				 errdetail("It was trained on a target given by value."),
				 errhint("Give the target as the third argument: "
						 "%s(model, h, h.sale_price).",
						 function)));
	if (hpg_rowtype_find(binding->rowtype, texts->target) == NULL)
		hpg_column_missing(binding->rowtype, texts->target);
	return hpg_binding_target(binding, target);
}

double
hpg_binding_weight(hpg_binding *binding, const char *name)
{
	if (name == NULL)
		return 1;
	return hpg_weight_value(hpg_weight_column(binding->rowtype, name),
							&binding->weight_value);
}

bool
hpg_binding_predict_oob(hpg_binding *binding, const hpc_model *model,
						double target, double weight, double *prediction)
{
	return hpc_model_predict_oob(model, binding->values, target, weight,
								 binding->codes, prediction);
}

void
hpg_binding_interval(hpg_binding *binding, const hpc_model *model,
					 double coverage, hpc_interval *interval)
{
	hpc_model_predict_interval(model, binding->values, coverage,
							   binding->codes, interval);
}

void
hpg_binding_predict_interval(hpg_binding *binding, hpg_loaded *loaded,
							 HeapTupleHeader row, double coverage,
							 hpc_interval *interval)
{
	hpc_outlook outlook;

	hpg_row_deform(binding->rowtype, row);
	read_features(binding, false);
	hpc_model_outlook(next_predictor(loaded), loaded->model, binding->values,
					  binding->codes, &outlook);
	hpc_outlook_interval(loaded->model, &outlook, coverage, interval);
}
