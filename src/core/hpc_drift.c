/*
 * hpc_drift.c
 *		How values and predictions were distributed in training, as a model
 *		has it.
 */
#include <math.h>
#include <string.h>

#include "hpc_drift.h"

/* Groups of one feature, or of predictions. */
typedef struct span
{
	const hpc_group *groups; /* [n], the last is of what is missing */
	uint32_t n;              /* 0: nothing is known */
} span;

static span
groups_of(const hpc_model_view *view, int feature)
{
	const hpc_drift_entry *entry;

	if (view->drift == NULL)
		return (span){NULL, 0};
	entry = &hpc_drift_entries(view->drift)[feature];
	return (span){hpc_drift_groups(view->drift) + entry->first_group,
				  entry->ngroups};
}

/* ---------- is it valid? ---------- */

/* Bounds ascend to infinity; not for NaN. */
static bool
bounds_are_valid(span values)
{
	for (uint32_t i = 1; i < values.n; i++)
	{
		if (!(values.groups[i - 1].bound < values.groups[i].bound))
			return false;
	}
	return values.n > 0 && values.n <= HPC_VALUE_GROUPS &&
		   values.groups[values.n - 1].bound == INFINITY;
}

/* Different categories, the most frequent first, then the others. */
static bool
categories_are_valid(span values, uint32_t ncategories)
{
	uint32_t nown = ncategories < HPC_VALUE_GROUPS - 1 ? ncategories
													   : HPC_VALUE_GROUPS - 1;

	if (values.n != nown + 1 || values.groups[nown].bound != -1 ||
		(nown == ncategories && values.groups[nown].rows > 0))
		return false;
	for (uint32_t i = 0; i < nown; i++)
	{
		const hpc_group *group = &values.groups[i];

		if (!(group->bound >= 0 && group->bound < ncategories) ||
			group->bound != floor(group->bound))
			return false;
		if (i > 0 && (group[-1].rows < group->rows ||
					  (group[-1].rows == group->rows &&
					   group[-1].bound >= group->bound)))
			return false;
		for (uint32_t j = 0; j < i; j++)
		{
			if (values.groups[j].bound == group->bound)
				return false;
		}
	}
	return true;
}

/* Do the groups hold so many rows, not more? */
static bool
rows_add_up(span all, uint64_t nrows)
{
	for (uint32_t i = 0; i < all.n; i++)
	{
		if (all.groups[i].rows > nrows)
			return false;
		nrows -= all.groups[i].rows;
	}
	return nrows == 0;
}

static bool
feature_is_valid(const hpc_model_view *view, int index)
{
	const hpc_feature_record *feature = &view->features[index];
	span all = groups_of(view, index);
	span values = {all.groups, all.n - 1};

	if (all.n < 2 || all.n > HPC_MAX_GROUPS ||
		all.groups[values.n].bound != 0 ||
		all.groups[values.n].rows != feature->nmissing ||
		!rows_add_up(all, view->training->nrows))
		return false;
	if (feature->kind == HPC_CATEGORY)
		return categories_are_valid(values, feature->ncategories);
	return bounds_are_valid(values) &&
		   (feature->kind != HPC_BOOLEAN ||
			(values.n == 2 && values.groups[0].bound == 0.5));
}

static bool
predictions_are_valid(const hpc_model_view *view)
{
	span all = groups_of(view, (int) view->nfeatures);
	span values = {all.groups, all.n - 1};
	double ratio = view->drift->held_ratio;
	uint64_t nheld = 0;

	if (all.n == 0)
		return isnan(ratio);
	if (all.n < 2 || all.n > HPC_MAX_GROUPS || isinf(ratio) ||
		all.groups[values.n].bound != 0 || all.groups[values.n].rows != 0 ||
		!bounds_are_valid(values))
		return false;
	for (uint32_t i = 0; i < values.n; i++)
	{
		/* the sum cannot overflow */
		if (values.groups[i].rows > view->training->nrows - nheld)
			return false;
		nheld += values.groups[i].rows;
	}
	return nheld > 0;
}

/* The section is as large as it says, and entries own adjacent groups. */
static bool
entries_are_valid(const hpc_model_view *view)
{
	const hpc_drift_record *drift = view->drift;
	uint64_t nbytes = sizeof(hpc_drift_record);
	uint64_t group = 0;

	if (view->ndrift_bytes < nbytes || view->nfeatures == 0 ||
		drift->nentries != view->nfeatures + 1)
		return false;
	nbytes += drift->nentries * sizeof(hpc_drift_entry) +
			  drift->ngroups * sizeof(hpc_group);
	if (view->ndrift_bytes != nbytes)
		return false;
	for (uint32_t i = 0; i < drift->nentries; i++)
	{
		const hpc_drift_entry *entry = &hpc_drift_entries(drift)[i];

		if (entry->first_group != group)
			return false;
		group += entry->ngroups;
	}
	return group == drift->ngroups;
}

bool
hpc_drift_is_valid(const hpc_model_view *view)
{
	if (view->drift == NULL)
		return true;
	if (!entries_are_valid(view))
		return false;
	for (uint32_t i = 0; i < view->nfeatures; i++)
	{
		if (!feature_is_valid(view, (int) i))
			return false;
	}
	return predictions_are_valid(view);
}

/* ---------- reading ---------- */

int
hpc_model_ngroups(const hpc_model *model, int feature)
{
	hpc_model_view view;

	hpc_model_open(model, &view);
	return (int) groups_of(&view, feature).n;
}

static bool
is_category(const hpc_model_view *view, int feature)
{
	return (uint32_t) feature < view->nfeatures &&
		   view->features[feature].kind == HPC_CATEGORY;
}

void
hpc_model_group_at(const hpc_model *model, int feature, int group,
				   hpc_model_group *out)
{
	hpc_model_view view;
	span all;

	hpc_model_open(model, &view);
	all = groups_of(&view, feature);
	memset(out, 0, sizeof(*out));
	out->kind = HPC_GROUP_MISSING;
	out->lower = out->upper = NAN;
	if (all.n == 0)
		return;
	out->rows = all.groups[group].rows;
	if (group == (int) all.n - 1)
		return;
	if (!is_category(&view, feature))
	{
		out->kind = HPC_GROUP_RANGE;
		out->lower = group > 0 ? all.groups[group - 1].bound : -INFINITY;
		out->upper = all.groups[group].bound;
	}
	else if (all.groups[group].bound < 0)
		out->kind = HPC_GROUP_OTHERS;
	else
	{
		out->kind = HPC_GROUP_CATEGORY;
		out->category = (uint32_t) all.groups[group].bound;
	}
}

uint64_t
hpc_model_group_rows(const hpc_model *model, int feature, int group)
{
	hpc_model_view view;
	span all;

	hpc_model_open(model, &view);
	all = groups_of(&view, feature);
	return all.n > 0 ? all.groups[group].rows : 0;
}

/* The group of a category, or that of the others. */
static int
find_category(const hpc_model_view *view, int feature, span all,
			  const hpc_value *value)
{
	const hpc_string *names =
		view->categories + view->features[feature].first_category;
	int others = (int) all.n - 2;

	for (int i = 0; i < others; i++)
	{
		hpc_string name = names[(uint32_t) all.groups[i].bound];

		if (name.nbytes == value->nbytes &&
			memcmp(view->strings + name.offset, value->bytes, name.nbytes) ==
				0)
			return i;
	}
	return others;
}

int
hpc_model_group_of(const hpc_model *model, int feature, const hpc_value *value)
{
	hpc_model_view view;
	bool category;
	int group = 0;
	span all;

	hpc_model_open(model, &view);
	all = groups_of(&view, feature);
	if (all.n == 0)
		return -1;
	category = is_category(&view, feature);
	if (value->missing || (!category && isnan(value->number)))
		return (int) all.n - 1;
	if (category)
		return find_category(&view, feature, all, value);
	while (all.groups[group].bound < value->number)
		group++;
	return group;
}

double
hpc_model_held_ratio(const hpc_model *model)
{
	hpc_model_view view;

	hpc_model_open(model, &view);
	return view.drift != NULL ? view.drift->held_ratio : NAN;
}
