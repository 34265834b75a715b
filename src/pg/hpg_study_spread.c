/*
 * hpg_study_spread.c
 *		By which category of the rows the misses differ most.
 *
 * Any column of texts, enums or booleans will do, whether the model knows it
 * or not: what it does not know may be what it misses.  Columns are compared
 * by the share of the misses' variance that their categories explain, with
 * what chance would explain taken off (omega squared, Hays 1963, "Statistics",
 * section 12.18):
 *
 *		s_w^2   = SS within / (N - k)
 *		omega^2 = (SS between - (k - 1) s_w^2) / (SS total + s_w^2)
 *
 * A category counts by its rows: three of them that are far off do not make a
 * column win.  A column of more than MOST_DISTINCT categories
 * is no division of the rows, and is let go.
 */
#include "postgres.h"

#include <math.h>

#include "hpg_study.h"
#include "hpg_study_rows.h"

#define MOST_DISTINCT 256
#define LABEL_BYTES 1000 /* of a label that are kept */

/* A category on its way. */
typedef struct category
{
	hpg_level level;
	hpc_sum sum; /* of misses */
} category;

typedef struct category_entry
{
	hpc_hash hash;
	category *category;
	char status;
} category_entry;

#define SH_PREFIX spread
#define SH_ELEMENT_TYPE category_entry
#define SH_KEY_TYPE hpc_hash
#define SH_KEY hash
#define SH_HASH_KEY(table, key) ((uint32) (key).low)
#define SH_EQUAL(table, a, b) ((a).low == (b).low && (a).high == (b).high)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct grouping
{
	const hpg_column *column;
	hpc_hash key;
	spread_hash *by_hash; /* NULL: let go */
	int n;
	category *categories[MOST_DISTINCT];
} grouping;

/* ---------- gathering ---------- */

static category *
add_category(hpg_study *study, grouping *g, const hpc_value *value,
			 hpc_hash hash)
{
	static const char *const booleans[] = {"false", "true"};
	category *made = hpg_study_alloc(study, sizeof(category));
	hpg_level *level = &made->level;

	memset(made, 0, sizeof(*made));
	level->hash = hash;
	if (g->column->kind == HPC_BOOLEAN && !value->missing)
	{
		level->label = booleans[value->number != 0];
		level->nbytes = (uint32) strlen(level->label);
	}
	else if (!value->missing)
	{
		char *copy = hpg_study_alloc(study, LABEL_BYTES);

		level->nbytes = Min(value->nbytes, LABEL_BYTES);
		memcpy(copy, value->bytes, level->nbytes);
		level->label = copy;
	}
	hpc_sum_init(&made->sum);
	g->categories[g->n++] = made;
	return made;
}

static void
add_row(hpg_study *study, grouping *g, const hpc_value *value, double miss)
{
	hpc_hash hash = hpc_value_hash(g->key, g->column->kind, value);
	category_entry *entry;
	bool found;

	if (g->by_hash == NULL)
		return;
	entry = spread_insert(g->by_hash, hash, &found);
	if (!found && g->n == MOST_DISTINCT)
	{
		spread_destroy(g->by_hash);
		g->by_hash = NULL;
		return;
	}
	if (!found)
		entry->category = add_category(study, g, value, hash);
	entry->category->level.n++;
	hpc_sum_add(&entry->category->sum, miss);
}

static bool
is_category(const hpg_rows *rows, const hpg_column *column)
{
	return column != rows->target &&
		   (column->kind == HPC_CATEGORY || column->kind == HPC_BOOLEAN);
}

static grouping *
begin_groupings(hpg_study *study, const hpg_rows *rows, int *ngroupings)
{
	const hpg_rowtype *rowtype = rows->rowtype;
	grouping *groupings =
		hpg_study_alloc(study, Max(rowtype->ncolumns, 1) * sizeof(grouping));

	*ngroupings = 0;
	for (int i = 0; i < rowtype->ncolumns; i++)
	{
		grouping *g = &groupings[*ngroupings];

		if (!is_category(rows, &rowtype->columns[i]))
			continue;
		g->column = &rowtype->columns[i];
		g->key = hpc_column_key("", g->column->kind);
		g->by_hash = spread_create(CurrentMemoryContext, 16, NULL);
		g->n = 0;
		(*ngroupings)++;
	}
	return groupings;
}

/* ---------- judging ---------- */

/* Missing comes last; of labels that begin alike some order. */
static int
compare_labels(const hpg_level *a, const hpg_level *b)
{
	int order;

	if (a->label == NULL || b->label == NULL)
		return (a->label == NULL) - (b->label == NULL);
	order = hpc_compare_bytes(a->label, a->nbytes, b->label, b->nbytes);
	if (order == 0 && a->hash.low != b->hash.low)
		order = a->hash.low < b->hash.low ? -1 : 1;
	return order;
}

/* The most rows first, then by label. */
static int
compare_sizes(const void *a, const void *b)
{
	const hpg_level *one = &(*(category *const *) a)->level;
	const hpg_level *other = &(*(category *const *) b)->level;

	if (one->n != other->n)
		return one->n > other->n ? -1 : 1;
	return compare_labels(one, other);
}

/* The highest mean first, then by label. */
static int
compare_means(const void *a, const void *b)
{
	const hpg_level *one = a;
	const hpg_level *other = b;

	if (one->mean != other->mean)
		return one->mean > other->mean ? -1 : 1;
	return compare_labels(one, other);
}

/* Of the misses of all rows, which each grouping divides. */
typedef struct whole
{
	int64 n;
	double mean;
	double squares; /* sum of squared distances from the mean */
} whole;

static whole
sum_misses(const hpg_study *study, int64 nrows)
{
	whole all = {0, 0, 0};
	hpc_sum sum;
	hpc_sum squares;

	hpc_sum_init(&sum);
	hpc_sum_init(&squares);
	for (int64 i = 0; i < nrows; i++)
	{
		if (isnan(study->misses[i]))
			continue;
		all.n++;
		hpc_sum_add(&sum, study->misses[i]);
		hpc_sum_add_product(&squares, study->misses[i], study->misses[i]);
	}
	if (all.n > 0)
	{
		all.mean = hpg_mean(&sum, all.n);
		all.squares = hpc_sum_deviations(&sum, &squares, all.n);
	}
	return all;
}

/*
 * Omega squared, and the variance within the categories, which are put in the
 * order of their sizes, so that what is added is added in one order.
 */
static double
judge(grouping *g, const whole *all, double *within)
{
	double between = 0;

	*within = 0;
	if (g->n < 2 || all->n <= g->n || !(all->squares > 0))
		return 0;
	qsort(g->categories, g->n, sizeof(category *), compare_sizes);
	for (int i = 0; i < g->n; i++)
	{
		hpg_level *level = &g->categories[i]->level;

		level->mean = hpg_mean(&g->categories[i]->sum, level->n);
		between += (double) level->n * (level->mean - all->mean) *
				   (level->mean - all->mean);
	}
	*within = Max(all->squares - between, 0) / (double) (all->n - g->n);
	return (between - (g->n - 1) * *within) / (all->squares + *within);
}

static void
keep(hpg_spread *spread, const grouping *g, double explained, double within)
{
	hpc_sum others;

	spread->column = g->column->name;
	spread->explained = explained;
	spread->within = sqrt(within);
	spread->nlevels = Min(g->n, HPG_MOST_LEVELS);
	for (int i = 0; i < spread->nlevels; i++)
		spread->levels[i] = g->categories[i]->level;
	qsort(spread->levels, spread->nlevels, sizeof(hpg_level), compare_means);
	spread->nothers = g->n - spread->nlevels;
	spread->nother_rows = 0;
	hpc_sum_init(&others);
	for (int i = spread->nlevels; i < g->n; i++)
	{
		spread->nother_rows += g->categories[i]->level.n;
		hpc_sum_merge(&others, &g->categories[i]->sum);
	}
	if (spread->nothers > 0)
		spread->other_mean = hpg_mean(&others, spread->nother_rows);
}

/* The column that explains most, more than nothing; of equals the first name. */
static void
choose(hpg_study *study, grouping *groupings, int ngroupings, const whole *all)
{
	hpg_spread *spread = &study->spread;

	for (int i = 0; i < ngroupings; i++)
	{
		grouping *g = &groupings[i];
		double explained;
		double within;

		if (g->by_hash == NULL)
			continue;
		spread->ncolumns++;
		explained = judge(g, all, &within);
		if (explained > spread->explained ||
			(spread->column != NULL && explained == spread->explained &&
			 strcmp(g->column->name, spread->column) < 0))
			keep(spread, g, explained, within);
	}
}

void
hpg_study_spread(hpg_study *study, hpg_rows *rows)
{
	int ngroupings;
	grouping *groupings = begin_groupings(study, rows, &ngroupings);
	whole all;

	hpg_rows_rewind(rows);
	while (ngroupings > 0 && hpg_rows_next(rows))
	{
		double miss = study->misses[rows->nread - 1];

		for (int i = 0; i < ngroupings && !isnan(miss); i++)
		{
			hpc_value value;

			hpg_rows_value(rows, groupings[i].column, &value);
			add_row(study, &groupings[i], &value, miss);
		}
	}
	all = sum_misses(study, rows->nread);
	choose(study, groupings, ngroupings, &all);
}
