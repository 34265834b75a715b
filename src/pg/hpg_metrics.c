/*
 * hpg_metrics.c
 *		The metrics of predictions that need nothing but sums: hp_mae, hp_rmse,
 *		hp_rmsle, hp_mape, hp_r2.
 *
 * Each is an aggregate over pairs (actual, predicted).  A pair with a NULL on
 * either side is passed over, as the regr_ aggregates of SQL do.  Everything
 * summed over rows goes through hpc_sum, so that the last bit of a result
 * depends neither on the order of the rows nor on the number of workers.
 *
 * A state is a count and one to three sums of half a kilobyte.  The five
 * aggregates differ in their transition function; the other functions serve
 * several.  Final functions change nothing: a window may ask again after more
 * rows.
 */
#include "postgres.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "hpg_compat.h"
#include "hpg_pair.h"

HPG_FUNCTION(hp_mae_accum);
HPG_FUNCTION(hp_rmse_accum);
HPG_FUNCTION(hp_rmsle_accum);
HPG_FUNCTION(hp_mape_accum);
HPG_FUNCTION(hp_r2_accum);
HPG_FUNCTION(hp_error_combine);
HPG_FUNCTION(hp_error_serialize);
HPG_FUNCTION(hp_error_deserialize);
HPG_FUNCTION(hp_error_mean);
HPG_FUNCTION(hp_error_root_mean);
HPG_FUNCTION(hp_error_r2);

/* ---------- what hpg_evaluate.c uses too ---------- */

bool
hpg_arg_pair(FunctionCallInfo fcinfo, hpg_pair *p)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return false;
	p->actual = PG_GETARG_FLOAT8(1);
	p->predicted = PG_GETARG_FLOAT8(2);
	return true;
}

double
hpg_mean(const hpc_sum *sum, int64 n)
{
	return hpc_sum_round(sum) / (double) n;
}

bool
hpg_r2(const hpc_sum sum[HPG_R2_SUMS], int64 n, double *r2)
{
	double total =
		hpc_sum_deviations(&sum[HPG_ACTUALS], &sum[HPG_SQUARED_ACTUALS], n);

	*r2 = 1 - hpc_sum_round(&sum[HPG_SQUARED_ERRORS]) / total;
	return total != 0;
}

/* ---------- all of them in one pass ---------- */

void
hpg_totals_init(hpg_totals *t)
{
	memset(t, 0, sizeof(*t));
	t->has_logs = true;
	t->has_ratios = true;
}

void
hpg_totals_add(hpg_totals *t, const hpg_pair *p)
{
	double error = p->actual - p->predicted;

	t->n++;
	hpc_sum_add(&t->absolute, fabs(error));
	hpc_sum_add_product(&t->r2[HPG_SQUARED_ERRORS], error, error);
	hpc_sum_add(&t->r2[HPG_ACTUALS], p->actual);
	hpc_sum_add_product(&t->r2[HPG_SQUARED_ACTUALS], p->actual, p->actual);
	hpc_sum_add(&t->predicted, p->predicted);
	if (fabs(error) <= 0.1 * fabs(p->actual))
		t->nwithin++;
	t->has_logs = t->has_logs && hpg_pair_has_logs(p);
	t->has_ratios = t->has_ratios && p->actual != 0;
	if (t->has_logs)
	{
		double log = hpg_pair_log_error(p);

		hpc_sum_add_product(&t->logs, log, log);
	}
	if (t->has_ratios)
	{
		hpc_sum_add(&t->relative, hpg_pair_relative_error(p));
		hpc_sum_add(&t->ratios, hpg_pair_ratio(p));
	}
}

static hpg_metric
metric(bool defined, double value)
{
	return (hpg_metric){defined, value};
}

void
hpg_totals_metrics(const hpg_totals *t, hpg_metric *metrics)
{
	bool any = t->n > 0;
	double r2 = 0;
	bool varies = any && hpg_r2(t->r2, t->n, &r2);

	metrics[HPG_MAE] = metric(any, hpg_mean(&t->absolute, t->n));
	metrics[HPG_RMSE] =
		metric(any, sqrt(hpg_mean(&t->r2[HPG_SQUARED_ERRORS], t->n)));
	metrics[HPG_RMSLE] =
		metric(any && t->has_logs, sqrt(hpg_mean(&t->logs, t->n)));
	metrics[HPG_MAPE] =
		metric(any && t->has_ratios, hpg_mean(&t->relative, t->n));
	metrics[HPG_R2] = metric(varies, r2);
}

/* ---------- the single metrics ---------- */

/* Enough for hp_r2; the others leave the end of it unused and unallocated. */
typedef struct error_state
{
	int64 n;
	int32 nsums;
	hpc_sum sum[FLEXIBLE_ARRAY_MEMBER];
} error_state;

static error_state *
error_state_make(MemoryContext context, int nsums)
{
	error_state *state;

	state = MemoryContextAllocZero(context, offsetof(error_state, sum) +
												nsums * sizeof(hpc_sum));
	state->nsums = nsums;
	return state;
}

/* The state of a transition, made when the first pair arrives. */
static error_state *
arg_error_state(FunctionCallInfo fcinfo, int nsums)
{
	if (PG_ARGISNULL(0))
		return error_state_make(hpg_aggregate_context(fcinfo), nsums);
	return (error_state *) PG_GETARG_POINTER(0);
}

Datum
hp_mae_accum(PG_FUNCTION_ARGS)
{
	error_state *state;
	hpg_pair p;

	if (!hpg_arg_pair(fcinfo, &p))
		HPG_RETURN_STATE_AS_IT_CAME();
	state = arg_error_state(fcinfo, 1);
	state->n++;
	hpc_sum_add(&state->sum[0], hpg_pair_error(&p));
	PG_RETURN_POINTER(state);
}

Datum
hp_rmse_accum(PG_FUNCTION_ARGS)
{
	error_state *state;
	double error;
	hpg_pair p;

	if (!hpg_arg_pair(fcinfo, &p))
		HPG_RETURN_STATE_AS_IT_CAME();
	state = arg_error_state(fcinfo, 1);
	state->n++;
	error = p.actual - p.predicted;
	hpc_sum_add_product(&state->sum[HPG_SQUARED_ERRORS], error, error);
	PG_RETURN_POINTER(state);
}

/* Says which value has no logarithm after 1 is added; never returns. */
static void
refuse_negative(const hpg_pair *p)
{
	bool actual = p->actual < 0;

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_ARGUMENT_FOR_LOG),
			 errmsg("hp_rmsle is undefined for negative values"),
			 errdetail("The %s value is %s.", actual ? "actual" : "predicted",
					   float8out_internal(actual ? p->actual : p->predicted)),
			 errhint("Leave such rows out with FILTER (WHERE ...), or use "
					 "hp_rmse.")));
}

Datum
hp_rmsle_accum(PG_FUNCTION_ARGS)
{
	error_state *state;
	double error;
	hpg_pair p;

	if (!hpg_arg_pair(fcinfo, &p))
		HPG_RETURN_STATE_AS_IT_CAME();
	if (!hpg_pair_has_logs(&p))
		refuse_negative(&p);
	state = arg_error_state(fcinfo, 1);
	state->n++;
	error = hpg_pair_log_error(&p);
	hpc_sum_add_product(&state->sum[HPG_SQUARED_ERRORS], error, error);
	PG_RETURN_POINTER(state);
}

Datum
hp_mape_accum(PG_FUNCTION_ARGS)
{
	error_state *state;
	hpg_pair p;

	if (!hpg_arg_pair(fcinfo, &p))
		HPG_RETURN_STATE_AS_IT_CAME();
	if (p.actual == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DIVISION_BY_ZERO),
				 errmsg("hp_mape is undefined where the actual value is 0"),
				 errdetail("The predicted value there is %s.",
						   float8out_internal(p.predicted)),
				 errhint("Leave such rows out with FILTER (WHERE actual <> "
						 "0), or use hp_mae.")));
	state = arg_error_state(fcinfo, 1);
	state->n++;
	hpc_sum_add(&state->sum[0], hpg_pair_relative_error(&p));
	PG_RETURN_POINTER(state);
}

Datum
hp_r2_accum(PG_FUNCTION_ARGS)
{
	error_state *state;
	double error;
	hpg_pair p;

	if (!hpg_arg_pair(fcinfo, &p))
		HPG_RETURN_STATE_AS_IT_CAME();
	state = arg_error_state(fcinfo, HPG_R2_SUMS);
	state->n++;
	error = p.actual - p.predicted;
	hpc_sum_add_product(&state->sum[HPG_SQUARED_ERRORS], error, error);
	hpc_sum_add(&state->sum[HPG_ACTUALS], p.actual);
	hpc_sum_add_product(&state->sum[HPG_SQUARED_ACTUALS], p.actual, p.actual);
	PG_RETURN_POINTER(state);
}

/* Adds the state of another worker; leaves that state as it is. */
Datum
hp_error_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	error_state *state;
	error_state *other;
	int i;

	if (PG_ARGISNULL(1))
		HPG_RETURN_STATE_AS_IT_CAME();
	other = (error_state *) PG_GETARG_POINTER(1);
	if (PG_ARGISNULL(0))
		state = error_state_make(context, other->nsums);
	else
		state = (error_state *) PG_GETARG_POINTER(0);
	state->n += other->n;
	for (i = 0; i < state->nsums; i++)
		hpc_sum_merge(&state->sum[i], &other->sum[i]);
	PG_RETURN_POINTER(state);
}

static void
send_sum(StringInfo buffer, const hpc_sum *sum)
{
	int i;

	for (i = 0; i < HPC_SUM_CHUNKS; i++)
		pq_sendint64(buffer, sum->chunk[i]);
	pq_sendint32(buffer, sum->nadds);
	pq_sendint32(buffer, sum->nonfinite);
}

static void
receive_sum(StringInfo buffer, hpc_sum *sum)
{
	int i;

	for (i = 0; i < HPC_SUM_CHUNKS; i++)
		sum->chunk[i] = pq_getmsgint64(buffer);
	sum->nadds = pq_getmsgint(buffer, 4);
	sum->nonfinite = pq_getmsgint(buffer, 4);
}

Datum
hp_error_serialize(PG_FUNCTION_ARGS)
{
	error_state *state = (error_state *) PG_GETARG_POINTER(0);
	StringInfoData buffer;
	int i;

	hpg_aggregate_context(fcinfo);
	pq_begintypsend(&buffer);
	pq_sendint64(&buffer, state->n);
	pq_sendint32(&buffer, state->nsums);
	for (i = 0; i < state->nsums; i++)
		send_sum(&buffer, &state->sum[i]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

Datum
hp_error_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData buffer;
	error_state *state;
	int64 n;
	int nsums;
	int i;

	hpg_aggregate_context(fcinfo);
	hpg_read_state(fcinfo, &buffer);
	n = pq_getmsgint64(&buffer);
	nsums = pq_getmsgint(&buffer, 4);
	state = error_state_make(CurrentMemoryContext, nsums);
	state->n = n;
	for (i = 0; i < nsums; i++)
		receive_sum(&buffer, &state->sum[i]);
	pq_getmsgend(&buffer);
	PG_RETURN_POINTER(state);
}

/* Final function of hp_mae and hp_mape. */
Datum
hp_error_mean(PG_FUNCTION_ARGS)
{
	error_state *state = (error_state *) PG_GETARG_POINTER(0);

	PG_RETURN_FLOAT8(hpg_mean(&state->sum[0], state->n));
}

/* Final function of hp_rmse and hp_rmsle. */
Datum
hp_error_root_mean(PG_FUNCTION_ARGS)
{
	error_state *state = (error_state *) PG_GETARG_POINTER(0);

	PG_RETURN_FLOAT8(
		sqrt(hpg_mean(&state->sum[HPG_SQUARED_ERRORS], state->n)));
}

/* Final function of hp_r2. */
Datum
hp_error_r2(PG_FUNCTION_ARGS)
{
	error_state *state = (error_state *) PG_GETARG_POINTER(0);
	double r2;

	if (!hpg_r2(state->sum, state->n, &r2))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(r2);
}
