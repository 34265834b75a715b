/*
 * hpg_params.c
 *		Training parameters: reading the jsonb that a constructor makes.
 *
 * All goes by the core's table of parameters: which keys an algorithm has,
 * what each takes, and the words of the errors.  What the table calls scalar
 * is stored in hpc_params by the core; columns, signs, fills and the members
 * of a blend are kept here.
 *
 * A model keeps the canonical text of its parameters: what differs from the
 * defaults, in one order, so that equal parameters make equal models however
 * they were written.
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "hpg.h"
#include "hpg_compat.h"
#include "hpg_fill.h"

/* What hp_train uses when it is given no parameters. */
#define DEFAULT_ALGORITHM HPC_BOOST

/* Bytes of what the user wrote that a message repeats. */
#define MAX_ECHO 80

/* ---------- messages ---------- */

static bool
belongs_to(const hpc_parameter *which, hpc_algorithm algorithm)
{
	return (which->algorithms & 1u << algorithm) != 0;
}

/* What the user wrote, cut where it would fill the screen. */
static const char *
clipped(const char *text)
{
	int length = (int) strlen(text);

	if (length <= MAX_ECHO)
		return text;
	return psprintf("%.*s...", pg_mbcliplen(text, length, MAX_ECHO), text);
}

void
hpg_params_unknown(hpc_algorithm algorithm, const char *name)
{
	int n;
	const hpc_parameter *table = hpc_parameter_table(&n);
	const char **names = palloc(n * sizeof(char *));
	int nnames = 0;
	const char *nearest;

	for (int i = 0; i < n; i++)
	{
		if (belongs_to(&table[i], algorithm))
			names[nnames++] = table[i].name;
	}
	nearest = hpg_nearest_name(hpg_utf8_copy(name, (int) strlen(name)), nnames,
							   names);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("algorithm \"%s\" has no parameter \"%s\"",
					hpc_algorithm_name(algorithm), clipped(name)),
			 nearest != NULL
			 ? errhint("Perhaps you meant \"%s\".", nearest)
			 : algorithm == HPC_BLEND
			 ? errhint("Give it to the members.") : 0));
}

void
hpg_params_bad_value(const hpc_parameter *which, const char *given)
{
	char takes[256];

	hpc_parameter_takes(which, takes, sizeof(takes));
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("parameter \"%s\" cannot be %s", which->name,
						   clipped(given)),
					errhint("It takes %s.", takes)));
}

const char *
hpg_params_constructor(const hpg_params *params)
{
	hpc_algorithm algorithm = params->core.algorithm;

	if (hpc_parameter_find(algorithm, "exclude") == NULL)
		algorithm = DEFAULT_ALGORITHM;
	return psprintf("hp_%s", hpc_algorithm_name(algorithm));
}

/* ---------- scalars ---------- */

/* NaN, which fits no parameter, where a double would not be the integer. */
static double
exact_integer(Numeric numeric)
{
	double number =
		DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
										   NumericGetDatum(numeric)));
	Numeric back;

	if (number != floor(number) || fabs(number) > 9007199254740992.0)
		return NAN;
	back = int64_to_numeric((int64) number);
	return DatumGetBool(DirectFunctionCall2(numeric_eq,
											NumericGetDatum(numeric),
											NumericGetDatum(back)))
			   ? number
			   : NAN;
}

/* Index of a word among the choices of a parameter. */
static int
choice_index(const hpc_parameter *which, const char *word)
{
	for (int i = 0; which->choices[i] != NULL; i++)
	{
		if (strcmp(which->choices[i], word) == 0)
			return i;
	}
	hpg_params_bad_value(which, psprintf("'%s'", word));
}

static void
read_scalar(hpc_params *params, const hpc_parameter *which, JsonbValue *value)
{
	bool is_switch = which->type == HPC_BOOL || which->type == HPC_SWITCH;
	double number = NAN;

	if (is_switch && value->type == jbvBool)
		number = value->val.boolean;
	else if (which->type == HPC_CHOICE && value->type == jbvString)
		number = choice_index(which, pnstrdup(value->val.string.val,
											  value->val.string.len));
	else if (which->type == HPC_INTEGER && value->type == jbvNumeric)
		number = exact_integer(value->val.numeric);
	else if (which->type == HPC_REAL && value->type == jbvNumeric)
		number = DatumGetFloat8(
			DirectFunctionCall1(numeric_float8_no_overflow,
								NumericGetDatum(value->val.numeric)));
	if (!hpc_params_set(params, which, number))
		hpg_params_bad_value(which, hpg_json_text(value));
}

/* ---------- columns, signs and fills ---------- */

static void
read_name(hpg_params *params, const hpc_parameter *which, JsonbValue *value)
{
	if (value->type != jbvString)
		hpg_params_bad_value(which, hpg_json_text(value));
	params->weight =
		hpg_utf8_copy(value->val.string.val, value->val.string.len);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* A set of names: in order, each once. */
static int
unique_names(const char **names, int n)
{
	int nunique = 0;

	qsort(names, n, sizeof(char *), compare_names);
	for (int i = 0; i < n; i++)
	{
		if (i == 0 || strcmp(names[i], names[nunique - 1]) != 0)
			names[nunique++] = names[i];
	}
	return nunique;
}

static void
read_names(hpg_params *params, const hpc_parameter *which, JsonbValue *value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue element;
	int n = 0;

	if (!hpg_json_is_array(value))
		hpg_params_bad_value(which, hpg_json_text(value));
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_BEGIN_ARRAY)
			params->exclude =
				palloc(Max(element.val.array.nElems, 1) * sizeof(char *));
		if (token != WJB_ELEM)
			continue;
		if (element.type != jbvString)
			hpg_params_bad_value(which, hpg_json_text(value));
		params->exclude[n++] =
			hpg_utf8_copy(element.val.string.val, element.val.string.len);
	}
	params->nexclude = unique_names(params->exclude, n);
}

/* -1, 0 or 1; NaN for all else. */
static double
sign_of(const JsonbValue *value)
{
	double number = NAN;

	if (value->type == jbvNumeric)
		number = exact_integer(value->val.numeric);
	return number == -1 || number == 0 || number == 1 ? number : NAN;
}

static int
compare_monotone(const void *a, const void *b)
{
	return strcmp(((const hpc_monotone *) a)->column,
				  ((const hpc_monotone *) b)->column);
}

/* Signs of columns, in byte order of their names; 0 is as if not there. */
static void
read_signs(hpc_params *params, const hpc_parameter *which, JsonbValue *value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue item;
	hpc_monotone *monotone;
	const char *column = NULL;
	int n = 0;

	if (!hpg_json_is_object(value))
		hpg_params_bad_value(which, hpg_json_text(value));
	monotone = palloc((JsonContainerSize(value->val.binary.data) + 1) *
					  sizeof(hpc_monotone));
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			column = hpg_utf8_copy(item.val.string.val, item.val.string.len);
		else if (token == WJB_VALUE)
		{
			double sign = sign_of(&item);

			if (isnan(sign))
				hpg_params_bad_value(which, hpg_json_text(value));
			if (sign != 0)
				monotone[n++] = (hpc_monotone){column, (int) sign};
		}
	}
	qsort(monotone, n, sizeof(hpc_monotone), compare_monotone);
	params->monotone = monotone;
	params->nmonotone = n;
}

static void
read_object(hpg_params *params, const hpc_parameter *which, JsonbValue *value)
{
	if (!hpg_json_is_object(value))
		hpg_params_bad_value(which, hpg_json_text(value));
	params->clean_text = hpg_json_canonical(JsonbValueToJsonb(value));
	params->clean = hpg_json_parse(params->clean_text);
	hpg_fill_check(params->clean);
}

/* ---------- several that learn from the same rows ---------- */

static void
members_differ(const char *members, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s differ in \"%s\"", members, name),
			 errdetail("They learn from the same rows and columns."),
			 errhint("Give all of them the same \"%s\".", name)));
}

static bool
same_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

static bool
same_exclude(const hpg_params *a, const hpg_params *b)
{
	if (a->nexclude != b->nexclude)
		return false;
	for (int i = 0; i < a->nexclude; i++)
	{
		if (strcmp(a->exclude[i], b->exclude[i]) != 0)
			return false;
	}
	return true;
}

/*
 * A blend has what its members agree in, and so have candidates.  The mean
 * has no say: it looks at no column.  members: what they are called.
 */
static void
agree(hpg_params *blend, const hpg_params *member, const char *members)
{
	if (!member->has_features)
		return;
	if (!blend->has_features)
	{
		blend->has_features = true;
		blend->nexclude = member->nexclude;
		blend->exclude = member->exclude;
		blend->weight = member->weight;
		blend->clean = member->clean;
		blend->clean_text = member->clean_text;
		blend->core.leak = member->core.leak;
		return;
	}
	if (!same_exclude(blend, member))
		members_differ(members, "exclude");
	if (!same_text(blend->weight, member->weight))
		members_differ(members, "weight");
	if (!same_text(blend->clean_text, member->clean_text))
		members_differ(members, "clean");
	if (blend->core.leak != member->core.leak)
		members_differ(members, "leak");
}

/* ---------- members of a blend ---------- */

/* One member; its canonical text goes into that of the blend. */
static hpc_params
read_member(hpg_params *blend, const hpc_parameter *which, JsonbValue *value,
			JsonbParseState **texts)
{
	hpg_params *member;

	if (!hpg_json_is_object(value))
		hpg_params_bad_value(which,
							 psprintf("a list with %s", hpg_json_text(value)));
	member = hpg_params_parse(JsonbValueToJsonb(value), CurrentMemoryContext);
	if (member->core.algorithm == HPC_BLEND)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a blend cannot be a member of a blend"),
						errhint("Give its members to the outer one.")));
	agree(blend, member, "members of a blend");
	hpg_push_container(texts, WJB_ELEM, hpg_json_parse(member->text));
	return member->core;
}

/* The members, and the list of their canonical texts. */
static Jsonb *
read_members(hpg_params *blend, const hpc_parameter *which, JsonbValue *value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue element;
	JsonbParseState *texts = NULL;
	hpc_params *members;
	int n;

	if (!hpg_json_is_array(value))
		hpg_params_bad_value(which, hpg_json_text(value));
	n = (int) JsonContainerSize(value->val.binary.data);
	if (n < HPC_MIN_MEMBERS || n > HPC_MAX_MEMBERS)
		hpg_params_bad_value(which, psprintf("a list of %d", n));
	members = palloc(n * sizeof(hpc_params));
	blend->core.members = members;
	pushJsonbValue(&texts, WJB_BEGIN_ARRAY, NULL);
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			members[blend->core.nmembers++] =
				read_member(blend, which, &element, &texts);
	}
	return JsonbValueToJsonb(pushJsonbValue(&texts, WJB_END_ARRAY, NULL));
}

/* ---------- the whole ---------- */

/* While an object is read. */
typedef struct params_reader
{
	hpg_params *params;
	Jsonb *members; /* canonical, of a blend */
} params_reader;

/* The algorithm that an object of parameters names. */
static hpc_algorithm
read_algorithm(Jsonb *jsonb)
{
	JsonbValue buffer;
	JsonbValue *value = NULL;
	hpc_algorithm algorithm;
	char *name;

	if (JB_ROOT_IS_OBJECT(jsonb))
		value =
			getKeyJsonValueFromContainer(&jsonb->root, HPG_ALGORITHM_KEY,
										 strlen(HPG_ALGORITHM_KEY), &buffer);
	if (value == NULL || value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("training parameters name no algorithm"),
				 errhint("Make them with a constructor such as "
						 "hp_forest(trees => 500).")));
	name = pnstrdup(value->val.string.val, value->val.string.len);
	algorithm = hpc_algorithm_by_name(name);
	if (algorithm == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown algorithm \"%s\"", clipped(name)),
				 errhint("Make the parameters with a constructor such as "
						 "hp_forest(trees => 500).")));
	return algorithm;
}

/* Reads one key of the object of parameters. */
static void
read_parameter(void *target, const char *key, JsonbValue *value)
{
	params_reader *reader = target;
	hpg_params *params = reader->params;
	const hpc_parameter *which;

	if (strcmp(key, HPG_ALGORITHM_KEY) == 0)
		return;
	which = hpc_parameter_find(params->core.algorithm, key);
	if (which == NULL)
		hpg_params_unknown(params->core.algorithm, key);
	else if (hpc_parameter_is_scalar(which))
		read_scalar(&params->core, which, value);
	else if (which->type == HPC_NAME)
		read_name(params, which, value);
	else if (which->type == HPC_NAMES)
		read_names(params, which, value);
	else if (which->type == HPC_SIGNS)
		read_signs(&params->core, which, value);
	else if (which->type == HPC_OBJECT)
		read_object(params, which, value);
	else
		reader->members = read_members(params, which, value);
}

/* A parameter of one loss says nothing under another one. */
static void
check_loss(const hpc_params *params, const char *name, int64 loss)
{
	const hpc_parameter *which = hpc_parameter_find(params->algorithm, name);
	const hpc_parameter *choice =
		hpc_parameter_find(params->algorithm, "loss");

	if (which == NULL || params->loss == loss ||
		hpc_params_get(params, which) == which->fallback)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"%s\" has no effect on loss '%s'", name,
					choice->choices[params->loss]),
			 errhint("Give it with loss => '%s'.", choice->choices[loss])));
}

static void
check_whole(const params_reader *reader)
{
	const hpc_params *params = &reader->params->core;

	check_loss(params, "quantile", HPC_LOSS_QUANTILE);
	check_loss(params, "huber_quantile", HPC_LOSS_HUBER);
	if (params->algorithm == HPC_BLEND && params->nmembers == 0)
		hpg_params_bad_value(hpc_parameter_find(HPC_BLEND, "members"),
							 "missing");
}

/* ---------- canonical text ---------- */

void
hpg_push_parameter(JsonbParseState **state, const hpc_params *params,
				   const hpc_parameter *which)
{
	double number = hpc_params_get(params, which);

	hpg_push_key(state, which->name);
	if (which->unset != NULL && number == which->fallback)
		hpg_push_number(state, NAN);
	else if (which->type == HPC_BOOL || which->type == HPC_SWITCH)
		hpg_push_bool(state, number != 0);
	else if (which->type == HPC_CHOICE)
		hpg_push_string(state, which->choices[(int) number]);
	else
		hpg_push_number(state, number);
}

static void
push_exclude(JsonbParseState **state, const hpg_params *params)
{
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < params->nexclude; i++)
		hpg_push_element(state, hpg_name(params->exclude[i]));
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
push_monotone(JsonbParseState **state, const hpc_params *params)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < params->nmonotone; i++)
	{
		hpg_push_key(state, hpg_name(params->monotone[i].column));
		hpg_push_integer(state, params->monotone[i].sign);
	}
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* Pushes a parameter if it has another value than its default. */
static void
push_given(JsonbParseState **state, const params_reader *reader,
		   const hpc_parameter *which)
{
	const hpg_params *params = reader->params;

	if (hpc_parameter_is_scalar(which))
	{
		if (hpc_params_get(&params->core, which) != which->fallback)
			hpg_push_parameter(state, &params->core, which);
	}
	else if (which->type == HPC_NAME && params->weight != NULL)
	{
		hpg_push_key(state, which->name);
		hpg_push_string(state, hpg_name(params->weight));
	}
	else if (which->type == HPC_NAMES && params->nexclude > 0)
	{
		hpg_push_key(state, which->name);
		push_exclude(state, params);
	}
	else if (which->type == HPC_SIGNS && params->core.nmonotone > 0)
	{
		hpg_push_key(state, which->name);
		push_monotone(state, &params->core);
	}
	else if (which->type == HPC_OBJECT && params->clean != NULL)
	{
		hpg_push_key(state, which->name);
		hpg_push_container(state, WJB_VALUE, params->clean);
	}
	else if (which->type == HPC_MEMBERS)
	{
		hpg_push_key(state, which->name);
		hpg_push_container(state, WJB_VALUE, reader->members);
	}
}

static char *
canonical_text(const params_reader *reader)
{
	hpc_algorithm algorithm = reader->params->core.algorithm;
	JsonbParseState *state = NULL;
	int n;
	const hpc_parameter *table = hpc_parameter_table(&n);

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	hpg_push_key(&state, HPG_ALGORITHM_KEY);
	hpg_push_string(&state, hpc_algorithm_name(algorithm));
	for (int i = 0; i < n; i++)
	{
		if (belongs_to(&table[i], algorithm))
			push_given(&state, reader, &table[i]);
	}
	return hpg_json_canonical(
		JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* Reads parameters; what they are made of is in the current context. */
static hpg_params *
read_params(Jsonb *jsonb)
{
	params_reader reader = {.params = palloc0(sizeof(hpg_params))};
	hpc_algorithm algorithm =
		jsonb != NULL ? read_algorithm(jsonb) : DEFAULT_ALGORITHM;

	hpc_params_init(&reader.params->core, algorithm);
	reader.params->has_features =
		algorithm != HPC_MEAN && algorithm != HPC_BLEND;
	if (jsonb != NULL)
		hpg_json_each(&jsonb->root, read_parameter, &reader);
	check_whole(&reader);
	reader.params->text = canonical_text(&reader);
	return reader.params;
}

/* ---------- to stay ---------- */

static char *
kept_text(const char *text)
{
	return text != NULL ? pstrdup(text) : NULL;
}

static void
keep_monotone(hpc_params *params)
{
	hpc_monotone *kept = palloc((params->nmonotone + 1) * sizeof(*kept));

	for (int i = 0; i < params->nmonotone; i++)
		kept[i] = (hpc_monotone){kept_text(params->monotone[i].column),
								 params->monotone[i].sign};
	params->monotone = kept;
}

static void
keep_members(hpc_params *params)
{
	hpc_params *kept = palloc((params->nmembers + 1) * sizeof(*kept));

	for (int i = 0; i < params->nmembers; i++)
	{
		kept[i] = params->members[i];
		keep_monotone(&kept[i]);
	}
	params->members = kept;
}

static hpg_params *
keep_params(const hpg_params *read)
{
	hpg_params *params = palloc(sizeof(hpg_params));

	*params = *read;
	params->exclude = palloc((read->nexclude + 1) * sizeof(char *));
	for (int i = 0; i < read->nexclude; i++)
		params->exclude[i] = kept_text(read->exclude[i]);
	params->weight = kept_text(read->weight);
	params->clean_text = kept_text(read->clean_text);
	params->text = kept_text(read->text);
	if (read->clean != NULL)
	{
		params->clean = palloc(VARSIZE(read->clean));
		memcpy(params->clean, read->clean, VARSIZE(read->clean));
	}
	keep_monotone(&params->core);
	keep_members(&params->core);
	return params;
}

/*
 * Reading leaves much behind, and an aggregate has as many parameters as
 * there are groups: what they are made of is copied into the context.
 */
hpg_params *
hpg_params_parse(Jsonb *jsonb, MemoryContext context)
{
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "houseprice parameters",
							  ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(scratch);
	hpg_params *read = read_params(jsonb);
	hpg_params *params;

	MemoryContextSwitchTo(context);
	params = keep_params(read);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
	return params;
}

/* Adds a candidate, or its members where it is a blend. */
static void
add_members(hpc_params *common, const hpc_params *candidate)
{
	hpc_params *members = unconstify(hpc_params *, common->members);

	if (candidate->algorithm != HPC_BLEND)
		members[common->nmembers++] = *candidate;
	for (int i = 0; i < candidate->nmembers; i++)
		members[common->nmembers++] = candidate->members[i];
}

/* A blend of all of them, as far as rows and columns are concerned. */
hpg_params *
hpg_params_common(const hpg_params *const *candidates, int n,
				  MemoryContext context)
{
	MemoryContext before = MemoryContextSwitchTo(context);
	hpg_params *common = palloc0(sizeof(hpg_params));

	common->core.algorithm = HPC_BLEND;
	common->core.members = palloc(n * HPC_MAX_MEMBERS * sizeof(hpc_params));
	for (int i = 0; i < n; i++)
	{
		agree(common, candidates[i], "candidates");
		add_members(&common->core, &candidates[i]->core);
	}
	MemoryContextSwitchTo(before);
	return common;
}
