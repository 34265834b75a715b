/*
 * hpg_grid.c
 *		hp_grid, hp_random: candidates for hp_tune, varied from a base.
 *
 * Both answer an array of parameters whose first element is the base, which
 * the others are compared with.  What the base may be varied in, and between
 * which ends, the core's table of parameters says.
 *
 * hp_grid makes all combinations of the values listed.  hp_random draws each
 * parameter by itself, by a hash of the seed, the number of the draw and the
 * parameter's name: the same draws wherever and whenever, and the same of a
 * parameter whatever else is drawn.
 *
 * Literature: Bergstra and Bengio, "Random search for hyper-parameter
 * optimization" (2012), section 2 for drawing scales by their logarithms.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "hpg_compat.h"
#include "hpg_fill.h"

HPG_FUNCTION(hp_grid);
HPG_FUNCTION(hp_random);

#define MAX_CANDIDATES 10000

/* A range whose ends are so far apart is drawn by its logarithm. */
#define WIDE_RATIO 10.0

/* Draws for each candidate that may come out as one that is there. */
#define MAX_REDRAWS 10

/* A parameter that varies. */
typedef struct axis
{
	char *key;
	const hpc_parameter *which;
	int n;
	JsonbValue *values; /* [n] */
	bool range;         /* anything between values[0] and [1] */
	double low;
	double high;
} axis;

typedef struct variation
{
	Jsonb *base;
	hpg_params *params; /* of the base */
	bool ranges;        /* two numbers are the ends of a range */
	int naxes;
	axis *axes;
	int ncandidates;
	Datum *candidates; /* [MAX_CANDIDATES] jsonb */
	char **texts;      /* [MAX_CANDIDATES] canonical */
} variation;

/* ---------- what varies ---------- */

static void
not_a_list(const char *key, JsonbValue *value)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("values of parameter \"%s\" cannot be %s", key,
					hpg_json_text(value)),
			 errhint("Give a list of values, such as [8, 16, 31].")));
}

/* Both ends must be values that the parameter takes. */
static double
range_end(const hpc_parameter *which, JsonbValue *value)
{
	double end = DatumGetFloat8(
		DirectFunctionCall1(numeric_float8_no_overflow,
							NumericGetDatum(value->val.numeric)));
	hpc_params scratch;

	memset(&scratch, 0, sizeof(scratch));
	if (!hpc_params_set(&scratch, which, end))
		hpg_params_bad_value(which, hpg_json_text(value));
	return end;
}

static void
read_range(axis *a)
{
	if (a->n != 2 ||
		(a->which->type != HPC_INTEGER && a->which->type != HPC_REAL) ||
		a->values[0].type != jbvNumeric || a->values[1].type != jbvNumeric)
		return;
	a->range = true;
	a->low = range_end(a->which, &a->values[0]);
	a->high = range_end(a->which, &a->values[1]);
	if (a->low > a->high)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range of parameter \"%s\" ends below its beginning",
						a->key),
				 errhint("Give the lower end first.")));
}

/* Parameters of one algorithm mean nothing to another. */
static void
refuse_algorithm(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the algorithm cannot vary with its parameters"),
			 errhint("Put candidates of several algorithms together: "
					 "hp_grid(...) || hp_grid(...).")));
}

static void
read_axis(void *target, const char *key, JsonbValue *value)
{
	variation *v = target;
	axis *a = &v->axes[v->naxes++];
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue element;

	*a = (axis){.key = pstrdup(key)};
	if (strcmp(key, HPG_ALGORITHM_KEY) == 0)
		refuse_algorithm();
	a->which = hpc_parameter_find(v->params->core.algorithm, key);
	if (a->which == NULL)
		hpg_params_unknown(v->params->core.algorithm, key);
	if (!hpg_json_is_array(value) ||
		JsonContainerSize(value->val.binary.data) == 0)
		not_a_list(key, value);
	a->values =
		palloc(JsonContainerSize(value->val.binary.data) * sizeof(JsonbValue));
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			a->values[a->n++] = element;
	}
	if (v->ranges)
		read_range(a);
}

/* ---------- candidates ---------- */

static char *
canonical_text(Jsonb *candidate)
{
	return hpg_params_parse(candidate, CurrentMemoryContext)->text;
}

/* Adds a candidate, unless it is one of the first ncompared. */
static bool
add_candidate(variation *v, Jsonb *candidate, int ncompared)
{
	char *text = canonical_text(candidate);

	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < ncompared; i++)
	{
		if (strcmp(text, v->texts[i]) == 0)
			return false;
	}
	v->texts[v->ncandidates] = text;
	v->candidates[v->ncandidates++] = JsonbPGetDatum(candidate);
	return true;
}

static void
begin_variation(variation *v, Jsonb *base, Jsonb *lists, bool ranges)
{
	*v = (variation){.base = base, .ranges = ranges};
	v->params = hpg_params_parse(base, CurrentMemoryContext);
	if (!JB_ROOT_IS_OBJECT(lists))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("what varies must be a JSON object"),
				 errhint("For example '{\"max_leaves\": [8, 16, 31]}'.")));
	v->axes = palloc((JB_ROOT_COUNT(lists) + 1) * sizeof(axis));
	hpg_json_each(&lists->root, read_axis, v);
	v->candidates = palloc(MAX_CANDIDATES * sizeof(Datum));
	v->texts = palloc(MAX_CANDIDATES * sizeof(char *));
	add_candidate(v, base, 0);
}

/* Parameters with another value of one of them. */
static Jsonb *
with_value(Jsonb *params, const char *key, JsonbValue *value)
{
	JsonbParseState *state = NULL;
	Jsonb *change;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	hpg_push_key(&state, key);
	pushJsonbValue(&state, WJB_VALUE, value);
	change = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat,
											  JsonbPGetDatum(params),
											  JsonbPGetDatum(change)));
}

static Datum
all_candidates(const variation *v)
{
	return PointerGetDatum(construct_array(v->candidates, v->ncandidates,
										   JSONBOID, -1, false, TYPALIGN_INT));
}

static void
refuse_number(int64 n)
{
	if (n < 1 || n >= MAX_CANDIDATES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of candidates must be from 1 to %d",
						MAX_CANDIDATES - 1)));
}

/* ---------- the grid ---------- */

static int64
count_cells(const variation *v)
{
	int64 ncells = 1;

	for (int i = 0; i < v->naxes && ncells < MAX_CANDIDATES; i++)
		ncells *= v->axes[i].n;
	return ncells;
}

/* A cell: the values of the last parameter change fastest. */
static Jsonb *
grid_cell(const variation *v, int64 cell)
{
	Jsonb *candidate = v->base;

	for (int i = v->naxes - 1; i >= 0; i--)
	{
		const axis *a = &v->axes[i];

		candidate = with_value(candidate, a->key, &a->values[cell % a->n]);
		cell /= a->n;
	}
	return candidate;
}

/* hp_grid(base jsonb, lists jsonb) returns jsonb[] */
Datum
hp_grid(PG_FUNCTION_ARGS)
{
	variation v;
	int64 ncells;

	begin_variation(&v, PG_GETARG_JSONB_P(0), PG_GETARG_JSONB_P(1), false);
	ncells = count_cells(&v);
	refuse_number(ncells);
	for (int64 cell = 0; cell < ncells; cell++)
		add_candidate(&v, grid_cell(&v, cell), 1);
	return all_candidates(&v);
}

/* ---------- draws ---------- */

/* Uniform on [0, 1), of a parameter in a draw. */
static double
draw_unit(const axis *a, int64 seed, int64 draw)
{
	hpc_hash key = {HPC_TAG_CANDIDATE, (uint64) seed};
	hpc_hash hash = hpc_hash_bytes(key, a->key, strlen(a->key));
	uint64 bits = hpc_mix(hash.low ^ hpc_mix(hash.high + (uint64) draw));

	return (double) (bits >> 11) / 9007199254740992.0;
}

/* Between low and high; of a range that is wide, evenly in logarithms. */
static double
draw_between(const axis *a, double low, double high, double unit)
{
	if (a->low > 0 && a->high >= WIDE_RATIO * a->low)
		return hpc_exp(hpc_log(low) + unit * (hpc_log(high) - hpc_log(low)));
	return low + unit * (high - low);
}

static JsonbValue
numeric_value(char *digits)
{
	JsonbValue value = {.type = jbvNumeric};

	value.val.numeric = DatumGetNumeric(
		DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
							ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	return value;
}

/* Each whole number has a unit of the range; others have four digits. */
static JsonbValue
draw_number(const axis *a, double unit)
{
	double number;
	double rounded;
	char *digits;

	if (a->which->type == HPC_INTEGER)
	{
		number = draw_between(a, a->low, a->high + 1, unit);
		return numeric_value(psprintf("%.0f", fmin(floor(number), a->high)));
	}
	number = draw_between(a, a->low, a->high, unit);
	digits = psprintf("%.4g", number);
	rounded = strtod(digits, NULL);
	if (rounded <= a->low)
		return a->values[0];
	if (rounded >= a->high)
		return a->values[1];
	return numeric_value(digits);
}

static Jsonb *
draw_candidate(const variation *v, int64 seed, int64 draw)
{
	Jsonb *candidate = v->base;

	for (int i = 0; i < v->naxes; i++)
	{
		const axis *a = &v->axes[i];
		double unit = draw_unit(a, seed, draw);
		JsonbValue value;

		if (a->range)
			value = draw_number(a, unit);
		else
			value = a->values[(int) (unit * a->n)];
		candidate = with_value(candidate, a->key, &value);
	}
	return candidate;
}

/* hp_random(base jsonb, ranges jsonb, n integer, seed bigint) returns jsonb[] */
Datum
hp_random(PG_FUNCTION_ARGS)
{
	int64 n = PG_GETARG_INT32(2);
	int64 seed = PG_GETARG_INT64(3);
	variation v;

	refuse_number(n);
	begin_variation(&v, PG_GETARG_JSONB_P(0), PG_GETARG_JSONB_P(1), true);
	for (int64 draw = 0; draw < n * MAX_REDRAWS && v.ncandidates <= n; draw++)
		add_candidate(&v, draw_candidate(&v, seed, draw), v.ncandidates);
	return all_candidates(&v);
}
