/*
 * hpg_fit.c
 *		hp_fit_cleaner: a fill for hp_clean, learned from rows.
 *
 * One pass over the rows collects per column what its rule needs and nothing
 * else: an exact sum for a mean (hpc_sum), a tally for a median or a mode
 * (hpg_tally.c), two counters for a boolean, nothing for a constant.  All of
 * it is a function of the multiset of rows and adds up between parallel
 * workers, so the fill is the same in every plan.
 *
 * The fill names each fitted column, with a value that the column can hold:
 * means and medians are rounded to whole numbers (half to even) for integer
 * columns and to the scale of a numeric(p, s).  A column without any value,
 * or whose domain refuses the result, gets null.  Columns that were not there
 * are left alone, because the fill sets number, text and boolean to null.
 *
 * The final function answers without using the state up, so the aggregate
 * works as a window function too.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "hpg_compat.h"
#include "hpg_fit.h"

HPG_FUNCTION(hp_fit_cleaner_accum);
HPG_FUNCTION(hp_fit_cleaner_combine);
HPG_FUNCTION(hp_fit_cleaner_serialize);
HPG_FUNCTION(hp_fit_cleaner_deserialize);
HPG_FUNCTION(hp_fit_cleaner_final);

/* What is collected of one column; pointers are NULL where not needed. */
typedef struct fit_column
{
	hpg_column column; /* attnum: in the row type last bound */
	hpg_rule rule;
	bool test; /* values other than NULL can be missing */
	hpc_sum *sum;
	uint64 nsummed;
	uint64 ntimes[2]; /* of false and true */
	hpg_number_tally *numbers;
	hpg_text_tally *texts;
} fit_column;

struct hpg_fit
{
	MemoryContext context; /* of everything here */
	hpc_env env;
	Jsonb *json; /* the policy as given, or NULL */
	hpg_policy policy;
	const hpg_rowtype *bound; /* the row type the columns point into */
	bool has_columns;
	int nrow_columns; /* of the row type, fitted or not */
	int ncolumns;
	fit_column *columns;
};

/* ---------- making ---------- */

hpg_fit *
hpg_fit_create(Jsonb *policy, MemoryContext context)
{
	MemoryContext own = AllocSetContextCreate(context, "hp_fit_cleaner",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);
	hpg_fit *fit = palloc0(sizeof(hpg_fit));

	fit->context = own;
	hpg_env_init(&fit->env, own, 1);
	if (policy != NULL)
	{
		fit->json = palloc(VARSIZE(policy));
		memcpy(fit->json, policy, VARSIZE(policy));
	}
	hpg_policy_read(&fit->policy, fit->json);
	MemoryContextSwitchTo(old);
	return fit;
}

void
hpg_fit_free(hpg_fit *fit)
{
	MemoryContextDelete(fit->context);
}

/* What the rule of a column has to collect. */
static void
prepare_column(hpg_fit *fit, fit_column *column)
{
	hpg_method method = column->rule.method;

	column->test = hpg_can_be_missing(&fit->policy.tokens, &column->column);
	if (method == HPG_MEAN)
	{
		column->sum = palloc(sizeof(hpc_sum));
		hpc_sum_init(column->sum);
	}
	else if (method != HPG_MEDIAN && method != HPG_MODE)
		return;
	else if (column->column.kind == HPC_CATEGORY)
		column->texts = hpg_text_tally_create(&fit->env);
	else if (column->column.kind != HPC_BOOLEAN)
		column->numbers = hpg_number_tally_create(&fit->env);
}

/* Adds a column unless the policy has nothing for it.  In fit->context. */
static void
add_column(hpg_fit *fit, const hpg_column *column)
{
	hpg_rule rule = hpg_policy_rule(&fit->policy, column);
	fit_column *new = &fit->columns[fit->ncolumns];

	if (rule.method == HPG_NO_ENTRY)
		return;
	memset(new, 0, sizeof(*new));
	new->column = *column;
	new->column.name = pstrdup(column->name);
	new->rule = rule;
	prepare_column(fit, new);
	fit->ncolumns++;
}

static void
set_columns(hpg_fit *fit, int nrow_columns)
{
	fit->has_columns = true;
	fit->nrow_columns = nrow_columns;
	fit->columns = palloc(sizeof(fit_column) * Max(nrow_columns, 1));
}

/* ---------- rows ---------- */

static void
check_same_column(const hpg_column *a, const hpg_column *b)
{
	if (a->type == b->type && a->typmod == b->typmod)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" is of type %s in one row and %s in another",
					hpg_name(a->name),
					format_type_with_typemod(a->type, a->typmod),
					format_type_with_typemod(b->type, b->typmod))));
}

static void
check_same_count(int a, int b)
{
	if (a != b)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the rows of a group have different columns"),
				 errdetail("One has %d columns, another %d.", a, b)));
}

/* Finds the columns in a row type, the first time making them. */
static void
bind(hpg_fit *fit, const hpg_rowtype *rowtype)
{
	MemoryContext old = MemoryContextSwitchTo(fit->context);

	if (!fit->has_columns)
	{
		hpg_policy_check_columns(&fit->policy, rowtype);
		set_columns(fit, rowtype->ncolumns);
		for (int i = 0; i < rowtype->ncolumns; i++)
			add_column(fit, &rowtype->columns[i]);
	}
	MemoryContextSwitchTo(old);
	check_same_count(fit->nrow_columns, rowtype->ncolumns);
	for (int i = 0; i < fit->ncolumns; i++)
	{
		hpg_column *column = &fit->columns[i].column;
		const hpg_column *found = hpg_rowtype_find(rowtype, column->name);

		if (found == NULL)
			hpg_column_missing(rowtype, column->name);
		check_same_column(column, found);
		column->attnum = found->attnum;
	}
	fit->bound = rowtype;
}

static void
collect(fit_column *column, const hpc_value *value)
{
	if (column->column.kind == HPC_BOOLEAN)
		column->ntimes[value->number != 0]++;
	else if (column->texts != NULL)
		hpg_text_tally_add(column->texts, value->bytes, value->nbytes, 1);
	else if (!isfinite(value->number))
		return;
	else if (column->numbers != NULL)
		hpg_number_tally_add(column->numbers, value->number, 1);
	else
	{
		hpc_sum_add(column->sum, value->number);
		column->nsummed++;
	}
}

void
hpg_fit_add(hpg_fit *fit, const hpg_rowtype *rowtype)
{
	if (fit->bound != rowtype)
		bind(fit, rowtype);
	for (int i = 0; i < fit->ncolumns; i++)
	{
		fit_column *column = &fit->columns[i];
		int attnum = column->column.attnum;
		hpc_value value;

		if (column->rule.method == HPG_LEAVE ||
			column->rule.method == HPG_CONSTANT || rowtype->nulls[attnum])
			continue;
		if (column->test &&
			hpg_is_missing(&fit->policy.tokens, &column->column,
						   rowtype->values[attnum]))
			continue;
		hpg_row_value(rowtype, &column->column, &value);
		collect(column, &value);
	}
}

/* ---------- results ---------- */

/* Half to even; numbers this large have no fraction. */
static double
round_half_even(double x)
{
	double down = floor(x);
	double rest = x - down;

	if (rest != 0.5)
		return rest < 0.5 ? down : down + 1;
	return floor(down / 2) * 2 == down ? down : down + 1;
}

/* A number as the column would write it. */
static void
number_json(const hpg_column *column, double number, JsonbValue *json)
{
	char digits[64];
	int32 typmod = column->typmod;
	Numeric numeric;

	(void) getBaseTypeAndTypmod(column->type, &typmod);
	if (column->integral)
		number = round_half_even(number);
	if (column->base_type == FLOAT4OID)
		float_to_shortest_decimal_buf((float4) number, digits);
	else
		double_to_shortest_decimal_buf(number, digits);
	numeric = DatumGetNumeric(
		DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
							ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	if (column->base_type == NUMERICOID && typmod >= (int32) VARHDRSZ)
		numeric = DatumGetNumeric(DirectFunctionCall2(
			numeric_round, NumericGetDatum(numeric),
			Int32GetDatum((((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024)));
	json->type = jbvNumeric;
	json->val.numeric = numeric;
}

/* Number or time; false when it is nothing that the column can hold. */
static bool
double_json(const hpg_column *column, double number, JsonbValue *json)
{
	Datum value;

	if (!isfinite(number))
		return false;
	if (column->kind == HPC_TIME)
	{
		json->type = jbvString;
		json->val.string.val = hpg_time_text(column, number);
		if (json->val.string.val == NULL)
			return false;
		json->val.string.len = (int) strlen(json->val.string.val);
	}
	else
		number_json(column, number, json);
	return hpg_legal_value(column, json, &value) == HPG_LEGAL;
}

static bool
median_json(fit_column *column, JsonbValue *json)
{
	double lower;
	double upper;

	if (!hpg_number_tally_median(column->numbers, &lower, &upper))
		return false;
	/* halved first, so that the sum cannot overflow */
	return (column->column.kind == HPC_NUMBER &&
			double_json(&column->column, lower / 2 + upper / 2, json)) ||
		   double_json(&column->column, lower, json);
}

static bool
mean_json(const fit_column *column, JsonbValue *json)
{
	return column->nsummed > 0 &&
		   double_json(&column->column,
					   hpc_sum_round(column->sum) / (double) column->nsummed,
					   json);
}

static bool
mode_json(fit_column *column, JsonbValue *json)
{
	double mode;
	const char *bytes;
	uint32 nbytes;
	Datum value;

	if (column->column.kind == HPC_BOOLEAN)
	{
		json->type = jbvBool;
		json->val.boolean = column->ntimes[1] > column->ntimes[0];
		return column->ntimes[0] + column->ntimes[1] > 0;
	}
	if (column->numbers != NULL)
		return hpg_number_tally_mode(column->numbers, &mode) &&
			   double_json(&column->column, mode, json);
	if (!hpg_text_tally_mode(column->texts, &bytes, &nbytes))
		return false;
	json->type = jbvString;
	json->val.string.val = hpg_from_utf8(bytes, nbytes);
	json->val.string.len = (int) strlen(json->val.string.val);
	return hpg_legal_value(&column->column, json, &value) == HPG_LEGAL;
}

static void
column_json(fit_column *column, JsonbValue *json)
{
	bool found = false;

	switch (column->rule.method)
	{
		case HPG_MEDIAN:
			found = median_json(column, json);
			break;
		case HPG_MEAN:
			found = mean_json(column, json);
			break;
		case HPG_MODE:
			found = mode_json(column, json);
			break;
		case HPG_CONSTANT:
			*json = column->rule.constant;
			found = true;
			break;
		default:
			break;
	}
	if (!found)
		json->type = jbvNull;
}

/* What goes beside the columns: nothing else is to be filled. */
static void
push_rest(JsonbParseState **state, const hpg_fit *fit)
{
	static const char *const kinds[] = {"number", "text", "boolean"};
	JsonbValue value;

	value.type = jbvNull;
	for (size_t i = 0; i < lengthof(kinds); i++)
	{
		hpg_push_key(state, kinds[i]);
		pushJsonbValue(state, WJB_VALUE, &value);
	}
	hpg_push_key(state, "absent");
	value.type = jbvString;
	value.val.string.val = pstrdup("skip");
	value.val.string.len = 4;
	pushJsonbValue(state, WJB_VALUE, &value);
	if (fit->policy.tokens.json == NULL)
		return;
	hpg_push_key(state, "missing");
	value.type = jbvBinary;
	value.val.binary.data = fit->policy.tokens.json;
	value.val.binary.len = 0;
	pushJsonbValue(state, WJB_VALUE, &value);
}

Jsonb *
hpg_fit_result(hpg_fit *fit)
{
	JsonbParseState *state = NULL;
	JsonbValue value;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	hpg_push_key(&state, "columns");
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < fit->ncolumns; i++)
	{
		column_json(&fit->columns[i], &value);
		hpg_push_key(&state, hpg_name(fit->columns[i].column.name));
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	push_rest(&state, fit);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* ---------- parallel workers ---------- */

static void
merge_column(fit_column *column, const fit_column *other)
{
	if (column->sum != NULL)
		hpc_sum_merge(column->sum, other->sum);
	column->nsummed += other->nsummed;
	column->ntimes[0] += other->ntimes[0];
	column->ntimes[1] += other->ntimes[1];
	if (column->numbers != NULL)
		hpg_number_tally_merge(column->numbers, other->numbers);
	if (column->texts != NULL)
		hpg_text_tally_merge(column->texts, other->texts);
}

/* Adds what another fit with an equal policy has collected. */
static void
merge(hpg_fit *fit, const hpg_fit *other)
{
	MemoryContext old = MemoryContextSwitchTo(fit->context);

	if (!fit->has_columns)
	{
		set_columns(fit, other->nrow_columns);
		for (int i = 0; i < other->ncolumns; i++)
			add_column(fit, &other->columns[i].column);
	}
	MemoryContextSwitchTo(old);
	check_same_count(fit->nrow_columns, other->nrow_columns);
	check_same_count(fit->ncolumns, other->ncolumns);
	for (int i = 0; i < fit->ncolumns; i++)
	{
		if (strcmp(fit->columns[i].column.name,
				   other->columns[i].column.name) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the rows of a group have different columns")));
		check_same_column(&fit->columns[i].column, &other->columns[i].column);
		merge_column(&fit->columns[i], &other->columns[i]);
	}
}

static void
send_column(fit_column *column, StringInfo out)
{
	const char *name = column->column.name;

	pq_sendint32(out, (uint32) strlen(name));
	pq_sendbytes(out, name, (int) strlen(name));
	pq_sendint32(out, column->column.type);
	pq_sendint32(out, (uint32) column->column.typmod);
	pq_sendint64(out, column->nsummed);
	pq_sendint64(out, column->ntimes[0]);
	pq_sendint64(out, column->ntimes[1]);
	if (column->sum != NULL)
		pq_sendbytes(out, (const char *) column->sum, sizeof(hpc_sum));
	if (column->numbers != NULL)
		hpg_number_tally_send(column->numbers, out);
	if (column->texts != NULL)
		hpg_text_tally_send(column->texts, out);
}

static void
receive_column(hpg_fit *fit, StringInfo in)
{
	hpg_column described = {0};
	int nbytes = (int) pq_getmsgint(in, 4);
	fit_column *column;

	described.name = pnstrdup(pq_getmsgbytes(in, nbytes), nbytes);
	described.type = pq_getmsgint(in, 4);
	described.typmod = (int32) pq_getmsgint(in, 4);
	described.base_type = getBaseType(described.type);
	described.kind = hpg_type_kind(described.base_type, &described.storage,
								   &described.integral);
	add_column(fit, &described);
	column = &fit->columns[fit->ncolumns - 1];
	column->nsummed = (uint64) pq_getmsgint64(in);
	column->ntimes[0] = (uint64) pq_getmsgint64(in);
	column->ntimes[1] = (uint64) pq_getmsgint64(in);
	if (column->sum != NULL)
		pq_copymsgbytes(in, (char *) column->sum, sizeof(hpc_sum));
	if (column->numbers != NULL)
		hpg_number_tally_receive(column->numbers, in);
	if (column->texts != NULL)
		hpg_text_tally_receive(column->texts, in);
}

/* ---------- SQL ---------- */

/* The state: a fit, and the row type its rows last came in. */
typedef struct fit_state
{
	hpg_fit *fit;
	hpg_rowtype *rowtype;
} fit_state;

static fit_state *
make_state(Jsonb *policy, MemoryContext context)
{
	fit_state *state = MemoryContextAllocZero(context, sizeof(fit_state));

	state->fit = hpg_fit_create(policy, context);
	return state;
}

static void
check_same_policy(const hpg_fit *fit, Jsonb *policy)
{
	if (!hpg_json_equal(fit->json, policy))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("policy must be the same for all rows of a group")));
}

/* hp_fit_cleaner_accum(internal, record [, jsonb]) returns internal */
Datum
hp_fit_cleaner_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	fit_state *state = NULL;
	Jsonb *policy = NULL;
	HeapTupleHeader row;

	if (!PG_ARGISNULL(0))
		state = (fit_state *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(1))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (PG_NARGS() > 2 && !PG_ARGISNULL(2))
		policy = PG_GETARG_JSONB_P(2);
	if (state == NULL)
		state = make_state(policy, context);
	else
		check_same_policy(state->fit, policy);
	row = PG_GETARG_HEAPTUPLEHEADER(1);
	state->rowtype = hpg_rowtype_of(state->rowtype, row, context);
	hpg_row_deform(state->rowtype, row);
	hpg_fit_add(state->fit, state->rowtype);
	PG_RETURN_POINTER(state);
}

/* hp_fit_cleaner_combine(internal, internal) returns internal */
Datum
hp_fit_cleaner_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = hpg_aggregate_context(fcinfo);
	fit_state *state;
	const fit_state *other;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	other = (const fit_state *) PG_GETARG_POINTER(1);
	if (PG_ARGISNULL(0))
		state = make_state(other->fit->json, context);
	else
		state = (fit_state *) PG_GETARG_POINTER(0);
	check_same_policy(state->fit, other->fit->json);
	merge(state->fit, other->fit);
	PG_RETURN_POINTER(state);
}

/* hp_fit_cleaner_serialize(internal) returns bytea */
Datum
hp_fit_cleaner_serialize(PG_FUNCTION_ARGS)
{
	hpg_fit *fit = ((fit_state *) PG_GETARG_POINTER(0))->fit;
	int npolicy = fit->json ? (int) VARSIZE(fit->json) : 0;
	StringInfoData out;

	hpg_aggregate_context(fcinfo);
	pq_begintypsend(&out);
	pq_sendint32(&out, (uint32) npolicy);
	if (npolicy > 0)
		pq_sendbytes(&out, (const char *) fit->json, npolicy);
	pq_sendint32(&out, (uint32) fit->nrow_columns);
	pq_sendint32(&out, (uint32) fit->ncolumns);
	for (int i = 0; i < fit->ncolumns; i++)
		send_column(&fit->columns[i], &out);
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

/* hp_fit_cleaner_deserialize(bytea, internal) returns internal */
Datum
hp_fit_cleaner_deserialize(PG_FUNCTION_ARGS)
{
	MemoryContext old;
	Jsonb *policy = NULL;
	fit_state *state;
	StringInfoData in;
	int npolicy;
	int ncolumns;

	hpg_aggregate_context(fcinfo);
	hpg_read_state(fcinfo, &in);
	npolicy = (int) pq_getmsgint(&in, 4);
	if (npolicy > 0)
	{
		policy = palloc(npolicy);
		pq_copymsgbytes(&in, (char *) policy, npolicy);
	}
	state = make_state(policy, CurrentMemoryContext);
	old = MemoryContextSwitchTo(state->fit->context);
	set_columns(state->fit, (int) pq_getmsgint(&in, 4));
	ncolumns = (int) pq_getmsgint(&in, 4);
	for (int i = 0; i < ncolumns; i++)
		receive_column(state->fit, &in);
	MemoryContextSwitchTo(old);
	pq_getmsgend(&in);
	PG_RETURN_POINTER(state);
}

/* hp_fit_cleaner_final(internal) returns jsonb; NULL when there was no row */
Datum
hp_fit_cleaner_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(
		hpg_fit_result(((fit_state *) PG_GETARG_POINTER(0))->fit));
}
