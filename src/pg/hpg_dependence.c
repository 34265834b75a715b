/*
 * hpg_dependence.c
 *		hp_partial_dependence(model, feature): how predictions depend on one
 *		feature, as rows with text bars.
 */
#include "postgres.h"

#include <math.h>

#include "datatype/timestamp.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "hpg.h"

HPG_FUNCTION(hp_partial_dependence);

#define BAR_WIDTH 40
#define MISSING_LABEL "(missing)"
#define MIN_POINTS 2
#define MAX_POINTS 10000

/* Seconds from 1970, where SQL counts from, to 2000. */
#define EPOCH_SECONDS \
	((double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* A value of the feature, and what the model predicts there. */
typedef struct dependence_point
{
	hpc_value value;
	double prediction;
} dependence_point;

/* ---------- arguments ---------- */

/* Index of the feature of this name, or an ERROR. */
static int
find_feature(const hpc_model *model, const char *name)
{
	hpc_model_summary summary;
	const char **names;
	const char *nearest;

	hpc_model_summarize(model, &summary);
	names = palloc(Max(summary.nfeatures, 1) * sizeof(char *));
	for (int i = 0; i < summary.nfeatures; i++)
	{
		hpc_model_feature feature;

		hpc_model_feature_at(model, i, &feature);
		if (strcmp(feature.name, name) == 0)
			return i;
		names[i] = feature.name;
	}
	nearest = hpg_nearest_name(name, summary.nfeatures, names);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the model has no feature \"%s\"", hpg_name(name)),
			 nearest ? errhint("Perhaps you meant the feature \"%s\".",
							   hpg_name(nearest))
					 : errhint("hp_importance(model) lists the features.")));
}

static void
check_points(int points)
{
	if (points < MIN_POINTS || points > MAX_POINTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("points must be between %d and %d, not %d", MIN_POINTS,
						MAX_POINTS, points)));
}

/* ---------- values to look at ---------- */

static int
list_numbers(const hpc_model *model, int feature, int max_points,
			 dependence_point *list)
{
	double *grid = palloc(max_points * sizeof(double));
	uint32_t n;
	hpc_env env;

	hpg_env_init(&env, CurrentMemoryContext, 1);
	hpg_check_status(&env, hpc_model_grid(&env, model, feature,
										  (uint32_t) max_points, grid, &n));
	for (uint32_t i = 0; i < n; i++)
		list[i].value = (hpc_value){.number = grid[i]};
	return (int) n;
}

static int
list_categories(const hpc_model *model, int feature, uint32_t ncategories,
				dependence_point *list)
{
	for (uint32_t i = 0; i < ncategories; i++)
	{
		hpc_value *value = &list[i].value;

		*value = (hpc_value){.missing = false};
		value->bytes = hpc_model_category(model, feature, i, &value->nbytes);
	}
	return (int) ncategories;
}

/* Values as they will be shown, missing last if training met it. */
static dependence_point *
list_points(const hpc_model *model, int feature,
			const hpc_model_feature *record, int max_points, int *n)
{
	Size room = Max((Size) max_points, record->ncategories) + 1;
	dependence_point *list =
		palloc_extended(room * sizeof(dependence_point), MCXT_ALLOC_HUGE);

	switch (record->kind)
	{
		case HPC_CATEGORY:
			*n = list_categories(model, feature, record->ncategories, list);
			break;
		case HPC_BOOLEAN:
			list[0].value = (hpc_value){.number = 0};
			list[1].value = (hpc_value){.number = 1};
			*n = 2;
			break;
		default:
			*n = list_numbers(model, feature, max_points, list);
	}
	if (record->nmissing > 0)
		list[(*n)++].value = (hpc_value){.missing = true};
	return list;
}

static void
predict_points(const hpc_model *model, int feature, dependence_point *list,
			   int n)
{
	hpc_value *values =
		palloc_extended(Max(n, 1) * sizeof(hpc_value), MCXT_ALLOC_HUGE);
	double *predictions =
		palloc_extended(Max(n, 1) * sizeof(double), MCXT_ALLOC_HUGE);
	hpc_env env;

	for (int i = 0; i < n; i++)
		values[i] = list[i].value;
	hpg_env_init(&env, CurrentMemoryContext, 1);
	hpg_check_status(&env, hpc_model_dependence(&env, model, feature, values,
												(uint32_t) n, predictions));
	for (int i = 0; i < n; i++)
		list[i].prediction = predictions[i];
}

/* ---------- rows ---------- */

/* Categories: the greatest prediction first, then by name; missing last. */
static int
compare_points(const void *a, const void *b)
{
	const dependence_point *one = a;
	const dependence_point *other = b;

	if (one->value.missing != other->value.missing)
		return one->value.missing ? 1 : -1;
	if (one->prediction != other->prediction)
		return one->prediction > other->prediction ? -1 : 1;
	return hpc_compare_bytes(one->value.bytes, one->value.nbytes,
							 other->value.bytes, other->value.nbytes);
}

static void
put_point(ReturnSetInfo *result, hpc_kind kind, const dependence_point *point,
		  double share)
{
	bool is_number = !point->value.missing && kind != HPC_CATEGORY;
	double number = point->value.number;
	bool nulls[4] = {!is_number};
	Datum values[4] = {0};
	char *label;

	if (point->value.missing)
		label = MISSING_LABEL;
	else if (kind == HPC_CATEGORY)
		label = hpg_from_utf8(point->value.bytes, point->value.nbytes);
	else
		label = hpg_number_text(kind, number);
	if (kind == HPC_TIME)
		number = number / USECS_PER_SEC + EPOCH_SECONDS;
	values[0] = Float8GetDatum(is_number ? number : 0);
	values[1] = CStringGetTextDatum(label);
	values[2] = Float8GetDatum(point->prediction);
	values[3] = CStringGetTextDatum(hpg_bar(share, BAR_WIDTH));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Bars reach from the least prediction to the greatest. */
static void
put_points(ReturnSetInfo *result, hpc_kind kind, const dependence_point *list,
		   int n)
{
	double least = INFINITY;
	double greatest = -INFINITY;

	for (int i = 0; i < n; i++)
	{
		least = Min(least, list[i].prediction);
		greatest = Max(greatest, list[i].prediction);
	}
	for (int i = 0; i < n; i++)
	{
		/* halves, so that nothing overflows */
		double width = greatest / 2 - least / 2;
		double distance = list[i].prediction / 2 - least / 2;

		CHECK_FOR_INTERRUPTS();
		put_point(result, kind, &list[i], width > 0 ? distance / width : 0);
	}
}

/*
 * hp_partial_dependence(model hp_model, feature text, points integer) returns
 * table (value float8, label text, prediction float8, bar text)
 */
Datum
hp_partial_dependence(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const hpc_model *model = hpg_arg_model(fcinfo, 0);
	text *name = PG_GETARG_TEXT_PP(1);
	int points = PG_GETARG_INT32(2);
	int feature = find_feature(model, hpg_utf8_copy(VARDATA_ANY(name),
													VARSIZE_ANY_EXHDR(name)));
	hpc_model_feature record;
	dependence_point *list;
	int n;

	check_points(points);
	InitMaterializedSRF(fcinfo, 0);
	hpc_model_feature_at(model, feature, &record);
	list = list_points(model, feature, &record, points, &n);
	predict_points(model, feature, list, n);
	if (record.kind == HPC_CATEGORY)
		qsort(list, n, sizeof(dependence_point), compare_points);
	put_points(result, record.kind, list, n);
	return (Datum) 0;
}
