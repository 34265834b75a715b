/*
 * hpg_gate.c
 *		hp_gate(name, candidate, holdout): may a candidate take the place of the
 *		released model?
 *
 * The rows of the holdout are read once.  Each is given to both models, as it
 * came: a binding fills what is missing in place, so each has a copy of its
 * own.  Predictions are made many together; what is kept of a row is its
 * losses, in sums (hpc_gate.c), and its hashes.  Memory does not grow with the
 * holdout, and neither the order of its rows nor threads change the answer.
 *
 * A model is good on the rows it was trained on, whatever it is worth.  So the
 * hash of each row, as either model would have seen it in training, is looked
 * up in what that model keeps of its training rows (hpc_model_sighting); where
 * more than one in a hundred was there, the gate refuses to judge.
 *
 * Where no model of the name is released, the candidate has to be better than
 * the mean of its training's targets; there is no tolerance for that.
 *
 * Rows count alike, also where a training had weights: what the gate measures
 * is what hp_mae and its kin measure.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "hpg.h"
#include "hpg_compat.h"
#include "hpg_gate.h"
#include "hpg_registry.h"

HPG_FUNCTION(hp_gate);
HPG_FUNCTION(hp_gate_version);

/* The least and the greatest tolerance. */
#define MIN_TOLERANCE (-0.99)
#define MAX_TOLERANCE 10.0

/* The columns of hp_gate_result, in their order. */
enum
{
	COLUMN_VERDICT,
	COLUMN_METRIC,
	COLUMN_TOLERANCE,
	COLUMN_CANDIDATE,
	COLUMN_RELEASED,
	COLUMN_DIFFERENCE,
	COLUMN_UPPER_BOUND,
	COLUMN_SMALLEST_DETECTABLE,
	COLUMN_ROWS,
	COLUMN_ROWS_NEEDED,
	COLUMN_SKIPPED,
	COLUMN_RELEASED_VERSION,
	COLUMN_CANDIDATE_OVERLAP,
	COLUMN_RELEASED_OVERLAP,
	COLUMN_HOLDOUT_DIGEST,
	NCOLUMNS
};

/* The arguments, in their order. */
enum
{
	ARG_NAME,
	ARG_CANDIDATE,
	ARG_HOLDOUT,
	ARG_METRIC,
	ARG_TOLERANCE,
	ARG_TARGET,
	ARG_UNDECIDED,
	ARG_OVERLAP,
	NARGS
};

/* ---------- arguments ---------- */

/* A NULL must not let anything through. */
static void
check_no_nulls(FunctionCallInfo fcinfo)
{
	static const char *const names[NARGS] = {
		[ARG_HOLDOUT] = "holdout",     [ARG_METRIC] = "metric",
		[ARG_TOLERANCE] = "tolerance", [ARG_UNDECIDED] = "undecided",
		[ARG_OVERLAP] = "overlap",
	};

	if (PG_ARGISNULL(ARG_CANDIDATE))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("candidate must not be NULL"),
				 errhint("A training without rows gives no model.")));
	for (int i = 0; i < NARGS; i++)
		if (names[i] != NULL)
			hpg_check_given(fcinfo, i, names[i]);
}

static char *
text_arg(FunctionCallInfo fcinfo, int arg)
{
	return text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

/* Does an argument that is one of two words say yes? */
static bool
says_yes(FunctionCallInfo fcinfo, int arg, const char *name, const char *yes)
{
	char *word = text_arg(fcinfo, arg);

	if (strcmp(word, yes) != 0 && strcmp(word, "fail") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s cannot be \"%s\"", name, word),
				 errhint("It is 'fail' or '%s'.", yes)));
	return strcmp(word, yes) == 0;
}

static hpc_metric
metric_arg(FunctionCallInfo fcinfo)
{
	char *name = text_arg(fcinfo, ARG_METRIC);
	hpc_metric metric;

	if (!hpc_metric_by_name(name, &metric))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("metric cannot be \"%s\"", name),
				 errdetail("It is mae, rmse, rmsle or mape."),
				 strcmp(name, "r2") == 0
					 ? errhint("On the same rows, the model with the smaller "
							   "rmse has the greater r2: use rmse.")
					 : 0));
	return metric;
}

static double
tolerance_arg(FunctionCallInfo fcinfo)
{
	double tolerance = PG_GETARG_FLOAT8(ARG_TOLERANCE);

	if (!(tolerance >= MIN_TOLERANCE && tolerance <= MAX_TOLERANCE))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tolerance must be between %g and %g", MIN_TOLERANCE,
						MAX_TOLERANCE),
				 errdetail("It is %g.", tolerance),
				 errhint("0.05 lets a candidate be off by 5 %% more than the "
						 "released model; one of -0.05 has to be better by "
						 "5 %%.")));
	if (tolerance > 1)
		ereport(WARNING,
				(errmsg("a tolerance of %g is %g %%", tolerance,
						100 * tolerance),
				 errhint("5 %% is 0.05.")));
	return tolerance;
}

static void
read_options(FunctionCallInfo fcinfo, hpg_gate *gate)
{
	gate->name = hpg_arg_name(fcinfo, ARG_NAME);
	check_no_nulls(fcinfo);
	gate->metric = metric_arg(fcinfo);
	gate->tolerance = tolerance_arg(fcinfo);
	gate->undecided_passes =
		says_yes(fcinfo, ARG_UNDECIDED, "undecided", "pass");
	gate->overlap_allowed = says_yes(fcinfo, ARG_OVERLAP, "overlap", "allow");
}

/* ---------- the two models ---------- */

static void
load_model(hpg_gate *gate, hpg_gate_side *side, Datum model)
{
	hpg_call_init(&side->call, gate->context);
	side->model = hpg_call_model(&side->call, model)->model;
	side->digest = hpc_model_digest(side->model);
	hpc_model_summarize(side->model, &side->summary);
}

/* The version of the name, as of now: the statement may have published it. */
static void
load_candidate(hpg_gate *gate, int32 version)
{
	int32 found;

	PushActiveSnapshot(GetTransactionSnapshot());
	load_model(gate, &gate->candidate,
			   hpg_registry_model(gate->name, version, &found));
	PopActiveSnapshot();
}

/* The same for the released one.  False: there is none. */
static bool
load_current(hpg_gate *gate)
{
	Datum model;
	bool is_released;

	PushActiveSnapshot(GetTransactionSnapshot());
	is_released =
		hpg_registry_released(gate->name, &gate->released_version, &model);
	if (is_released)
		load_model(gate, &gate->released, model);
	PopActiveSnapshot();
	return is_released;
}

/* A slip in the name would be a gate that almost anything passes. */
static void
note_unreleased(const hpg_gate *gate)
{
	hpg_version_range range;
	const char *nearest = NULL;

	PushActiveSnapshot(GetTransactionSnapshot());
	hpg_registry_versions(gate->name, NULL, GetActiveSnapshot(), &range);
	if (range.greatest == 0)
		nearest = hpg_registry_nearest(gate->name, GetActiveSnapshot());
	PopActiveSnapshot();
	ereport(NOTICE,
			(errmsg("no version of model \"%s\" is released", gate->name),
			 errdetail("The candidate has to be better than the mean of the "
					   "targets of its training, %g.",
					   gate->released.constant),
			 nearest != NULL
				 ? errhint("Perhaps you meant the model \"%s\".",
						   hpg_name(nearest))
				 : 0));
}

/* The released model, or what is compared with where there is none. */
static void
load_released(hpg_gate *gate)
{
	gate->candidate.who = "candidate";
	gate->released.who = "released model";
	if (load_current(gate))
	{
		gate->same = memcmp(&gate->candidate.digest, &gate->released.digest,
							sizeof(hpc_digest)) == 0;
		return;
	}
	gate->released_version = 0;
	gate->released.constant = gate->candidate.summary.target_mean;
	gate->tolerance = 0;
	note_unreleased(gate);
}

/* The target column: as the caller says, or as the models do. */
static const char *
find_target(FunctionCallInfo fcinfo, const hpg_gate *gate)
{
	const char *one = gate->candidate.summary.texts.target;
	const char *other = gate->released.model != NULL
							? gate->released.summary.texts.target
							: NULL;

	if (!PG_ARGISNULL(ARG_TARGET))
	{
		text *name = PG_GETARG_TEXT_PP(ARG_TARGET);

		return hpg_utf8_copy(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	}
	if (one == NULL && other == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the candidate does not name its target"),
				 errdetail("It was trained on a target given by value."),
				 errhint("Name the column: target => 'sale_price'.")));
	if (one != NULL && other != NULL && strcmp(one, other) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the candidate predicts \"%s\", but the released "
						"model \"%s\"",
						hpg_name(one), hpg_name(other)),
				 errhint("If both stand for the same, name the column of the "
						 "holdout: target => '...'.")));
	return one != NULL ? one : other;
}

/* ---------- the holdout ---------- */

/* Whether rows can be looked up in the training of a model. */
static hpg_sketch
find_sketch(hpg_gate_side *side)
{
	const char *weight = side->summary.texts.weight;

	if (side->summary.nfeatures == 0)
		return HPG_NO_FEATURES;
	if (!hpc_model_has_sketch(side->model))
		return HPG_NO_SKETCH;
	if (weight == NULL)
		return HPG_SKETCHED;
	side->weight = hpg_rowtype_find(side->rowtype, weight);
	if (side->weight == NULL || side->weight->kind != HPC_NUMBER)
		return HPG_WEIGHTS_MISSING;
	return HPG_SKETCHED;
}

static void
begin_side(hpg_gate *gate, hpg_gate_side *side, TupleDesc desc)
{
	side->rowtype = hpg_rowtype_make(desc, gate->context);
	if (side->model == NULL)
	{
		side->sketch = HPG_NO_FEATURES;
		return;
	}
	side->binding =
		hpg_binding_make(side->model, side->rowtype, gate->context);
	side->sketch = find_sketch(side);
	hpg_check_status(&gate->env, hpc_batch_create(&gate->env, side->model, 0,
												  &side->batch));
	gate->room = Min(gate->room, hpc_batch_room(side->batch));
}

static void
begin_holdout(void *opaque, TupleDesc desc)
{
	hpg_gate *gate = opaque;

	gate->room = PG_INT32_MAX;
	begin_side(gate, &gate->candidate, desc);
	begin_side(gate, &gate->released, desc);
	gate->target_column =
		hpg_target_column(gate->candidate.rowtype, gate->target);
	gate->actual =
		palloc_extended(gate->room * sizeof(double), MCXT_ALLOC_HUGE);
	gate->candidate.predictions =
		palloc_extended(gate->room * sizeof(double), MCXT_ALLOC_HUGE);
	gate->released.predictions =
		palloc_extended(gate->room * sizeof(double), MCXT_ALLOC_HUGE);
	hpc_gate_init(&gate->sums, gate->metric, gate->tolerance);
}

static void
predict_side(hpg_gate *gate, hpg_gate_side *side)
{
	if (side->model != NULL)
		hpg_check_status(&gate->env, hpc_batch_predict(&gate->env, side->batch,
													   side->predictions));
	else
		for (uint32 i = 0; i < gate->nwaiting; i++)
			side->predictions[i] = side->constant;
}

/* Rows that wait are predicted and weighed. */
static void
weigh_rows(hpg_gate *gate)
{
	predict_side(gate, &gate->candidate);
	predict_side(gate, &gate->released);
	for (uint32 i = 0; i < gate->nwaiting; i++)
	{
		double candidate = gate->candidate.predictions[i];
		double released = gate->released.predictions[i];

		if (!hpc_gate_add(&gate->sums, gate->actual[i], candidate, released))
			hpg_gate_undefined(gate, gate->actual[i], candidate, released);
	}
	gate->nwaiting = 0;
}

/* Weight that the row has in a training; 0: it has no place there. */
static double
weight_of(const hpg_gate_side *side)
{
	hpc_value value;

	if (side->weight == NULL)
		return 1;
	hpg_row_value(side->rowtype, side->weight, &value);
	if (value.missing ||
		!(value.number >= HPC_MIN_WEIGHT && value.number <= HPC_MAX_WEIGHT))
		return 0;
	return value.number;
}

static void
look_up(hpg_gate_side *side, const hpc_value *values, double target,
		double weight)
{
	hpc_hash row;

	if (side->sketch != HPG_SKETCHED || weight == 0)
		return;
	row = hpc_model_row_hash(side->model, values, target, weight);
	switch (hpc_model_sighting(side->model, row))
	{
		case HPC_SEEN:
			side->nseen++;
			break;
		case HPC_UNSEEN:
			side->nunseen++;
			break;
		case HPC_NOT_SAMPLED:
			break;
	}
}

/* The row in the side's row type, as it came; the fill is applied to it. */
static void
take_row(hpg_gate *gate, hpg_gate_side *side, double target)
{
	const hpc_value *values;
	double weight;

	if (side->model == NULL)
		return;
	weight = weight_of(side);
	values = hpg_binding_all_values(side->binding);
	look_up(side, values, target, weight);
	hpg_check_status(&gate->env,
					 hpc_batch_add(&gate->env, side->batch, values));
}

static void
copy_row(hpg_rowtype *rowtype, const TupleTableSlot *slot)
{
	memcpy(rowtype->values, slot->tts_values,
		   rowtype->desc->natts * sizeof(Datum));
	memcpy(rowtype->nulls, slot->tts_isnull,
		   rowtype->desc->natts * sizeof(bool));
}

static void
add_row(void *opaque, TupleTableSlot *slot)
{
	hpg_gate *gate = opaque;
	hpc_value target;

	slot_getallattrs(slot);
	copy_row(gate->candidate.rowtype, slot);
	copy_row(gate->released.rowtype, slot);
	hpc_set_digest_add(&gate->rows, hpg_row_hash(gate->candidate.rowtype));
	hpg_row_value(gate->candidate.rowtype, gate->target_column, &target);
	if (target.missing || !isfinite(target.number))
	{
		gate->nskipped++;
		return;
	}
	gate->actual[gate->nwaiting++] = target.number;
	take_row(gate, &gate->candidate, target.number);
	take_row(gate, &gate->released, target.number);
	if (gate->nwaiting == gate->room)
		weigh_rows(gate);
}

static void
read_holdout(hpg_gate *gate, const char *holdout)
{
	hpg_sink sink = {begin_holdout, add_row, gate};

	hpg_env_init(&gate->env, gate->context, hpg_threads());
	hpg_source_stream(holdout, InvalidOid, &sink);
	if (gate->nwaiting > 0)
		weigh_rows(gate);
}

/* ---------- the result ---------- */

static void
put_float(Datum *values, bool *nulls, int column, double value)
{
	values[column] = Float8GetDatum(value);
	nulls[column] = isnan(value);
}

/* Share of the rows that were in a training, of those that tell. */
static double
overlap_of(const hpg_gate_side *side)
{
	int64 n = side->nseen + side->nunseen;

	return n > 0 ? (double) side->nseen / (double) n : NAN;
}

static void
put_counts(const hpg_gate *gate, const hpc_gate_result *result, Datum *values,
		   bool *nulls)
{
	values[COLUMN_ROWS] = Int64GetDatum((int64) gate->sums.nrows);
	values[COLUMN_SKIPPED] = Int64GetDatum(gate->nskipped);
	values[COLUMN_RELEASED_VERSION] = Int32GetDatum(gate->released_version);
	nulls[COLUMN_RELEASED_VERSION] = gate->released_version == 0;
	nulls[COLUMN_ROWS_NEEDED] = !(result->rows_needed < 1e18);
	if (!nulls[COLUMN_ROWS_NEEDED])
		values[COLUMN_ROWS_NEEDED] =
			Int64GetDatum((int64) result->rows_needed);
}

static HeapTuple
form_result(TupleDesc desc, const hpg_gate *gate,
			const hpc_gate_result *result)
{
	bool passed = gate->same || result->verdict == HPC_GATE_PASSED;
	hpc_digest digest = hpc_set_digest_end(&gate->rows);
	Datum values[NCOLUMNS] = {0};
	bool nulls[NCOLUMNS] = {false};
	char hex[2 * HPC_DIGEST_SIZE + 1];

	values[COLUMN_VERDICT] =
		CStringGetTextDatum(passed ? "passed" : "undecided");
	values[COLUMN_METRIC] = CStringGetTextDatum(hpc_metric_name(gate->metric));
	put_float(values, nulls, COLUMN_TOLERANCE, gate->tolerance);
	put_float(values, nulls, COLUMN_CANDIDATE, result->candidate);
	put_float(values, nulls, COLUMN_RELEASED, result->released);
	put_float(values, nulls, COLUMN_DIFFERENCE, result->difference);
	put_float(values, nulls, COLUMN_UPPER_BOUND, result->upper);
	put_float(values, nulls, COLUMN_SMALLEST_DETECTABLE, result->detectable);
	put_counts(gate, result, values, nulls);
	put_float(values, nulls, COLUMN_CANDIDATE_OVERLAP,
			  overlap_of(&gate->candidate));
	put_float(values, nulls, COLUMN_RELEASED_OVERLAP,
			  overlap_of(&gate->released));
	hpc_digest_to_hex(&digest, hex);
	values[COLUMN_HOLDOUT_DIGEST] = CStringGetTextDatum(hex);
	return heap_form_tuple(desc, values, nulls);
}

/* ---------- the call ---------- */

/* The candidate is loaded. */
static Datum
judge(FunctionCallInfo fcinfo, hpg_gate *gate, MemoryContext caller)
{
	hpc_gate_result result;
	TupleDesc desc;
	Datum answer;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != NCOLUMNS)
		elog(ERROR, "unexpected result type of hp_gate");
	load_released(gate);
	gate->target = find_target(fcinfo, gate);
	read_holdout(gate, text_arg(fcinfo, ARG_HOLDOUT));
	hpg_gate_check_overlap(gate);
	if (!hpc_gate_end(&gate->sums, &result))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("errors of the models are out of range"),
				 errdetail("Their powers are too large for double "
						   "precision.")));
	hpg_gate_check_verdict(gate, &result);
	MemoryContextSwitchTo(caller);
	answer =
		HeapTupleGetDatum(form_result(BlessTupleDesc(desc), gate, &result));
	MemoryContextDelete(gate->context);
	return answer;
}

static hpg_gate *
make_gate(FunctionCallInfo fcinfo, MemoryContext *caller)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "hp_gate",
							  ALLOCSET_DEFAULT_SIZES);
	hpg_gate *gate;

	*caller = MemoryContextSwitchTo(context);
	gate = palloc0(sizeof(hpg_gate));
	gate->context = context;
	read_options(fcinfo, gate);
	return gate;
}

/*
 * hp_gate(name text, candidate hp_model, holdout text, metric text DEFAULT
 * 'mae', tolerance float8 DEFAULT 0.05, target text DEFAULT NULL, undecided
 * text DEFAULT 'fail', overlap text DEFAULT 'fail') returns hp_gate_result
 */
Datum
hp_gate(PG_FUNCTION_ARGS)
{
	MemoryContext caller;
	hpg_gate *gate = make_gate(fcinfo, &caller);

	load_model(gate, &gate->candidate, PG_GETARG_DATUM(ARG_CANDIDATE));
	return judge(fcinfo, gate, caller);
}

/* The same for a candidate that is published: its version */
Datum
hp_gate_version(PG_FUNCTION_ARGS)
{
	MemoryContext caller;
	hpg_gate *gate = make_gate(fcinfo, &caller);

	load_candidate(gate, hpg_arg_version(fcinfo, ARG_CANDIDATE));
	return judge(fcinfo, gate, caller);
}
