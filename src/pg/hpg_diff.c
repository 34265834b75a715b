/*
 * hpg_diff.c
 *		hp_diff(old, new): what two models differ in, a row for each difference.
 *
 * Rows come in the order in which one asks: another algorithm or parameters,
 * other rows, how far off, other features, and what is known of each feature
 * that both have.  Figures are compared as they are shown, errors to six digits
 * and shares to whole percents, so that a retrained model is not all
 * differences.  The digest comes first, and tells models apart in which all
 * that is shown is equal.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "hpg.h"

HPG_FUNCTION(hp_diff);

/* Names of categories that are shown, and bytes of each. */
#define MAX_NAMES 5
#define MAX_NAME_BYTES 40

/* A feature that one or both models have. */
typedef struct paired
{
	const char *name; /* UTF-8 */
	const hpg_ranked *old;
	const hpg_ranked *new; /* NULL: it has not, as above */
} paired;

typedef struct differ
{
	ReturnSetInfo *result;
	const hpc_model *old;
	const hpc_model *new;
	hpc_model_summary was;
	hpc_model_summary is;
	int npaired;
	paired *paired; /* in byte order of the names */
} differ;

/* ---------- rows ---------- */

/* Unless both are the same.  NULL: there is no such thing. */
static void
put(const differ *d, const char *aspect, const char *item, const char *old,
	const char *new)
{
	bool nulls[4] = {false, item == NULL, old == NULL, new == NULL};
	Datum values[4];

	if (old == NULL ? new == NULL : new != NULL && strcmp(old, new) == 0)
		return;
	values[0] = CStringGetTextDatum(aspect);
	values[1] = item != NULL ? CStringGetTextDatum(item) : (Datum) 0;
	values[2] = old != NULL ? CStringGetTextDatum(old) : (Datum) 0;
	values[3] = new != NULL ? CStringGetTextDatum(new) : (Datum) 0;
	tuplestore_putvalues(d->result->setResult, d->result->setDesc, values,
						 nulls);
}

static char *
count_text(uint64 count)
{
	return psprintf(UINT64_FORMAT, count);
}

static void
put_counts(const differ *d, const char *aspect, const char *item, uint64 old,
		   uint64 new)
{
	put(d, aspect, item, count_text(old), count_text(new));
}

/* NaN: none. */
static char *
figure_text(double figure)
{
	return isnan(figure) ? NULL : psprintf("%.6g", figure);
}

static void
put_figures(const differ *d, const char *aspect, const char *item, double old,
			double new)
{
	put(d, aspect, item, figure_text(old), figure_text(new));
}

static char *
digest_text(const hpc_digest *digest)
{
	char hex[2 * HPC_DIGEST_SIZE + 1];

	hpc_digest_to_hex(digest, hex);
	return pstrdup(hex);
}

/* A text in UTF-8, or NULL. */
static char *
utf8_text(const char *utf8)
{
	return utf8 != NULL ? hpg_name(utf8) : NULL;
}

/* ---------- how it was trained ---------- */

/* The value of a parameter; NULL: the algorithm has none of this name. */
static char *
parameter_text(const hpc_model_summary *summary, const char *name)
{
	const hpc_parameter *which = hpc_parameter_find(summary->algorithm, name);
	double value;

	if (which == NULL)
		return NULL;
	value = hpc_params_get(&summary->params, which);
	if (which->unset != NULL && value == which->fallback)
		return pstrdup(which->unset);
	if (which->type == HPC_BOOL || which->type == HPC_SWITCH)
		return pstrdup(value != 0 ? "true" : "false");
	if (which->type == HPC_CHOICE)
		return pstrdup(which->choices[(int) value]);
	return value == floor(value) ? psprintf("%.0f", value)
								 : figure_text(value);
}

/* Algorithms may have one of the same name each. */
static bool
is_first_of_name(const hpc_parameter *table, int i)
{
	for (int j = 0; j < i; j++)
		if (strcmp(table[j].name, table[i].name) == 0)
			return false;
	return true;
}

/* "boost, linear"; NULL: it is no blend. */
static char *
members_text(const hpc_model *model, int nmembers)
{
	StringInfoData text;

	if (nmembers == 0)
		return NULL;
	initStringInfo(&text);
	for (int i = 0; i < nmembers; i++)
	{
		hpc_model_summary member;

		hpc_model_summarize(hpc_model_member(model, i), &member);
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "",
						 hpc_algorithm_name(member.algorithm));
	}
	return text.data;
}

/* prefix: says of which member of a blend, or is empty. */
static void
put_training(const differ *d, const char *prefix, const hpc_model_summary *was,
			 const hpc_model_summary *is)
{
	int n;
	const hpc_parameter *table = hpc_parameter_table(&n);

	put(d, "algorithm", psprintf("%sname", prefix),
		hpc_algorithm_name(was->algorithm), hpc_algorithm_name(is->algorithm));
	put_counts(d, "algorithm", psprintf("%sversion", prefix),
			   was->algorithm_version, is->algorithm_version);
	put(d, "algorithm", psprintf("%smerged", prefix),
		was->merged ? "true" : "false", is->merged ? "true" : "false");
	for (int i = 0; i < n; i++)
		if (hpc_parameter_is_scalar(&table[i]) && is_first_of_name(table, i))
			put(d, "parameter", psprintf("%s%s", prefix, table[i].name),
				parameter_text(was, table[i].name),
				parameter_text(is, table[i].name));
}

static void
put_members(const differ *d)
{
	put(d, "algorithm", "members", members_text(d->old, d->was.nmembers),
		members_text(d->new, d->is.nmembers));
	for (int i = 0; i < Min(d->was.nmembers, d->is.nmembers); i++)
	{
		hpc_model_summary was;
		hpc_model_summary is;

		hpc_model_summarize(hpc_model_member(d->old, i), &was);
		hpc_model_summarize(hpc_model_member(d->new, i), &is);
		put_training(d, psprintf("member %d ", i + 1), &was, &is);
	}
}

static const char *
sign_text(int sign)
{
	return sign > 0 ? "rising" : sign < 0 ? "falling" : NULL;
}

static void
put_monotone(const differ *d)
{
	for (int i = 0; i < d->npaired; i++)
	{
		const paired *p = &d->paired[i];

		put(d, "parameter", psprintf("monotone %s", hpg_name(p->name)),
			p->old != NULL ? sign_text(p->old->feature.monotone) : NULL,
			p->new != NULL ? sign_text(p->new->feature.monotone) : NULL);
	}
}

/* ---------- on which rows, and how well ---------- */

static void
put_target(const differ *d)
{
	put(d, "target", "name", utf8_text(d->was.texts.target),
		utf8_text(d->is.texts.target));
	put(d, "target", "learned as", d->was.log_scale ? "logarithms" : "values",
		d->is.log_scale ? "logarithms" : "values");
	put_figures(d, "target", "min", d->was.target_min, d->is.target_min);
	put_figures(d, "target", "mean", d->was.target_mean, d->is.target_mean);
	put_figures(d, "target", "max", d->was.target_max, d->is.target_max);
}

static void
put_rows(const differ *d)
{
	put_counts(d, "rows", "trained on", d->was.nrows, d->is.nrows);
	put_counts(d, "rows", "different ones", d->was.ndistinct, d->is.ndistinct);
	put_counts(d, "rows", "without target", d->was.nskipped, d->is.nskipped);
	put(d, "rows", "digest", digest_text(&d->was.data_digest),
		digest_text(&d->is.data_digest));
}

static void
put_errors(const differ *d)
{
	put_counts(d, "held out", "rows", d->was.oob_rows, d->is.oob_rows);
	put_figures(d, "held out", "mae", d->was.oob_mae, d->is.oob_mae);
	put_figures(d, "held out", "rmse", d->was.oob_rmse, d->is.oob_rmse);
	put_figures(d, "held out", "r2", d->was.oob_r2, d->is.oob_r2);
}

/* ---------- features ---------- */

static int
compare_names(const void *a, const void *b)
{
	const hpg_ranked *one = a;
	const hpg_ranked *other = b;

	return strcmp(one->feature.name, other->feature.name);
}

/* All features of a model, in byte order of their names. */
static const hpg_ranked *
named_features(const hpc_model *model, int *n)
{
	hpg_ranked *features = hpg_rank_features(model, n);

	qsort(features, *n, sizeof(hpg_ranked), compare_names);
	return features;
}

static void
pair_features(differ *d)
{
	int nold;
	int nnew;
	const hpg_ranked *old = named_features(d->old, &nold);
	const hpg_ranked *new = named_features(d->new, &nnew);
	int i = 0;
	int j = 0;

	d->paired = palloc(Max(nold + nnew, 1) * sizeof(paired));
	while (i < nold || j < nnew)
	{
		int order = i == nold ? 1
					: j == nnew
						? -1
						: strcmp(old[i].feature.name, new[j].feature.name);
		paired *p = &d->paired[d->npaired++];

		*p = (paired){0};
		if (order <= 0)
		{
			p->old = &old[i++];
			p->name = p->old->feature.name;
		}
		if (order >= 0)
		{
			p->new = &new[j++];
			p->name = p->new->feature.name;
		}
	}
}

/* Added, removed, or of another kind. */
static void
put_features(const differ *d)
{
	for (int i = 0; i < d->npaired; i++)
	{
		const paired *p = &d->paired[i];

		put(d, "feature", hpg_name(p->name),
			p->old != NULL ? hpc_kind_name(p->old->feature.kind) : NULL,
			p->new != NULL ? hpc_kind_name(p->new->feature.kind) : NULL);
	}
}

static bool
is_comparable(const paired *p)
{
	return p->old != NULL && p->new != NULL &&
		   p->old->feature.kind == p->new->feature.kind;
}

static double
share_of(const hpg_ranked *feature)
{
	return feature != NULL ? feature->share : 0;
}

static double
change_of(const paired *p)
{
	return fabs(share_of(p->new) - share_of(p->old));
}

/* The largest change first, then by name. */
static int
compare_changes(const void *a, const void *b)
{
	double change = change_of(a);
	double others = change_of(b);

	if (change != others)
		return change > others ? -1 : 1;
	return strcmp(((const paired *) a)->name, ((const paired *) b)->name);
}

static char *
share_text(const hpg_ranked *feature)
{
	return feature != NULL ? psprintf("%.0f %%", 100 * feature->share) : NULL;
}

/* Of changes by a percent of the importance of all features, and more. */
static void
put_importance(const differ *d)
{
	paired *list = palloc(Max(d->npaired, 1) * sizeof(paired));

	memcpy(list, d->paired, d->npaired * sizeof(paired));
	qsort(list, d->npaired, sizeof(paired), compare_changes);
	for (int i = 0; i < d->npaired && change_of(&list[i]) >= 0.01; i++)
		put(d, "importance", hpg_name(list[i].name), share_text(list[i].old),
			share_text(list[i].new));
}

/* ---------- categories ---------- */

typedef struct category_list
{
	const hpc_model *model;
	const hpg_ranked *feature;
	uint32_t nown; /* that the other does not have */
	StringInfoData names;
} category_list;

static void
add_category(category_list *list, uint32_t index)
{
	uint32_t nbytes;
	const char *bytes =
		hpc_model_category(list->model, list->feature->index, index, &nbytes);
	char *name;
	int length;

	if (list->nown++ >= MAX_NAMES)
		return;
	name = hpg_from_utf8(bytes, nbytes);
	length = (int) strlen(name);
	appendStringInfo(&list->names, "%s\"", list->nown > 1 ? ", " : "");
	appendBinaryStringInfo(&list->names, name,
						   pg_mbcliplen(name, length, MAX_NAME_BYTES));
	appendStringInfo(&list->names, "%s\"",
					 length > MAX_NAME_BYTES ? "..." : "");
}

/* How many there are, and of those that are not in both some names. */
static char *
categories_text(const category_list *list)
{
	uint32_t n = list->feature->feature.ncategories;

	if (list->nown == 0)
		return psprintf("%u", n);
	return psprintf("%u, %u only here: %s%s", n, list->nown, list->names.data,
					list->nown > MAX_NAMES ? ", ..." : "");
}

/* Both are in byte order. */
static void
part_categories(category_list *old, category_list *new)
{
	uint32_t nold = old->feature->feature.ncategories;
	uint32_t nnew = new->feature->feature.ncategories;
	uint32_t i = 0;
	uint32_t j = 0;

	while (i < nold || j < nnew)
	{
		int order = i == nold ? 1 : -1;

		CHECK_FOR_INTERRUPTS();
		if (i < nold && j < nnew)
		{
			uint32_t na;
			uint32_t nb;
			const char *a =
				hpc_model_category(old->model, old->feature->index, i, &na);
			const char *b =
				hpc_model_category(new->model, new->feature->index, j, &nb);

			order = hpc_compare_bytes(a, na, b, nb);
		}
		if (order < 0)
			add_category(old, i);
		if (order > 0)
			add_category(new, j);
		i += order <= 0;
		j += order >= 0;
	}
}

static void
put_categories(const differ *d)
{
	for (int i = 0; i < d->npaired; i++)
	{
		const paired *p = &d->paired[i];
		category_list old = {.model = d->old, .feature = p->old};
		category_list new = {.model = d->new, .feature = p->new};

		if (!is_comparable(p) || p->old->feature.kind != HPC_CATEGORY)
			continue;
		initStringInfo(&old.names);
		initStringInfo(&new.names);
		part_categories(&old, &new);
		put(d, "categories", hpg_name(p->name), categories_text(&old),
			categories_text(&new));
	}
}

/* ---------- what values were like ---------- */

/* "1872 .. 2010"; NULL: all were missing. */
static char *
range_text(const hpc_model_feature *feature)
{
	if (isnan(feature->min))
		return NULL;
	return psprintf("%s .. %s", hpg_number_text(feature->kind, feature->min),
					hpg_number_text(feature->kind, feature->max));
}

static void
put_ranges(const differ *d)
{
	for (int i = 0; i < d->npaired; i++)
	{
		const paired *p = &d->paired[i];

		if (is_comparable(p) && p->old->feature.kind != HPC_CATEGORY)
			put(d, "range", hpg_name(p->name), range_text(&p->old->feature),
				range_text(&p->new->feature));
	}
}

/* Rows without a value, of all, in whole percents but for none and few. */
static char *
missing_text(const hpc_model_feature *feature, uint64 nrows)
{
	double share = nrows > 0 ? (double) feature->nmissing / (double) nrows : 0;

	if (feature->nmissing == 0)
		return pstrdup("none");
	return share < 0.01 ? pstrdup("below 1 %")
						: psprintf("%.0f %%", floor(100 * share + 0.5));
}

static void
put_missing(const differ *d)
{
	for (int i = 0; i < d->npaired; i++)
	{
		const paired *p = &d->paired[i];

		if (is_comparable(p))
			put(d, "missing", hpg_name(p->name),
				missing_text(&p->old->feature, d->was.nrows),
				missing_text(&p->new->feature, d->is.nrows));
	}
}

static void
put_sizes(const differ *d)
{
	put_counts(d, "size", "trees", d->was.ntrees, d->is.ntrees);
	put_counts(d, "size", "nodes", d->was.nnodes, d->is.nnodes);
	put_counts(d, "size", "bytes", d->was.nbytes, d->is.nbytes);
}

/* ---------- the call ---------- */

static void
put_all(differ *d)
{
	hpc_digest was = hpc_model_digest(d->old);
	hpc_digest is = hpc_model_digest(d->new);

	put(d, "model", "digest", digest_text(&was), digest_text(&is));
	put_training(d, "", &d->was, &d->is);
	put_members(d);
	put_monotone(d);
	put(d, "parameter", "weight", utf8_text(d->was.texts.weight),
		utf8_text(d->is.texts.weight));
	put(d, "parameter", "clean", utf8_text(d->was.texts.clean),
		utf8_text(d->is.texts.clean));
	put_rows(d);
	put_target(d);
	put_errors(d);
	put_features(d);
	put_importance(d);
	put_categories(d);
	put_ranges(d);
	put_missing(d);
	put_sizes(d);
}

/*
 * hp_diff(old_model hp_model, new_model hp_model) returns table (aspect text,
 * item text, old text, new text)
 */
Datum
hp_diff(PG_FUNCTION_ARGS)
{
	differ d = {.result = (ReturnSetInfo *) fcinfo->resultinfo};

	InitMaterializedSRF(fcinfo, 0);
	d.old = hpg_arg_model(fcinfo, 0);
	d.new = hpg_arg_model(fcinfo, 1);
	hpc_model_summarize(d.old, &d.was);
	hpc_model_summarize(d.new, &d.is);
	pair_features(&d);
	put_all(&d);
	return (Datum) 0;
}
