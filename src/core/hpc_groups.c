/*
 * hpc_groups.c
 *		Groups of the values of a feature, with their rows.
 *
 * A group of numbers is closed before the value that would carry it further
 * beyond its share than it is below, if it has half of it: frequent values
 * stand alone.  Its share is that of the rows left, so that those above a
 * frequent value are divided again.
 */
#include <math.h>

#include "hpc_groups.h"
#include "hpc_memory.h"

static void
add_group(hpc_groups *groups, uint64_t rows, double bound)
{
	groups->group[groups->ngroups++] = (hpc_group){rows, bound};
}

/* ---------- numbers ---------- */

/* Groups for the rows left, each of about a tenth of all. */
static uint32_t
groups_left(const hpc_grouper *g)
{
	uint64_t wanted =
		g->total > 0
			? (2 * HPC_VALUE_GROUPS * g->left + g->total) / (2 * g->total)
			: 1;
	uint64_t most = HPC_VALUE_GROUPS - g->groups->ngroups;

	if (wanted > most)
		wanted = most;
	return wanted > 0 ? (uint32_t) wanted : 1;
}

void
hpc_grouper_begin(hpc_grouper *grouper, hpc_groups *groups, uint64_t nrows,
				  uint32_t nvalues)
{
	groups->ngroups = 0;
	*grouper = (hpc_grouper){.groups = groups,
							 .total = nrows,
							 .left = nrows,
							 .each = nvalues <= HPC_VALUE_GROUPS};
	grouper->more = groups_left(grouper);
}

static void
close_group(hpc_grouper *g, double bound)
{
	add_group(g->groups, g->here, bound);
	g->left -= g->here;
	g->here = 0;
	g->more = groups_left(g);
}

/* Is the open group as it should be, before so many rows more? */
static bool
is_full(const hpc_grouper *g, uint64_t rows)
{
	uint64_t part = g->here * g->more;

	if (g->each)
		return true;
	return g->more > 1 &&
		   (part >= g->left ||
			(2 * part >= g->left && 2 * part + rows * g->more > 2 * g->left));
}

void
hpc_grouper_add(hpc_grouper *grouper, double low, double high, uint64_t rows)
{
	if (grouper->here > 0 && is_full(grouper, rows))
		close_group(grouper, hpc_midpoint(grouper->last, low));
	grouper->here += rows;
	grouper->last = high;
}

void
hpc_grouper_end(hpc_grouper *grouper, uint64_t nmissing)
{
	close_group(grouper, INFINITY);
	add_group(grouper->groups, nmissing, 0);
}

/* One group each, be there such rows or not. */
static void
group_booleans(hpc_groups *groups, const double *values,
			   const uint32_t *rows_of, uint32_t nvalues)
{
	uint64_t rows[2] = {0, 0};

	for (uint32_t rank = 0; rank < nvalues; rank++)
		rows[values[rank] > 0.5] += rows_of[rank];
	groups->ngroups = 0;
	add_group(groups, rows[0], 0.5);
	add_group(groups, rows[1], INFINITY);
}

void
hpc_group_numbers(hpc_groups *groups, hpc_kind kind, const double *values,
				  const uint32_t *rows_of, uint32_t nvalues, uint64_t nmissing)
{
	hpc_grouper grouper;
	uint64_t nrows = 0;

	if (kind == HPC_BOOLEAN)
	{
		group_booleans(groups, values, rows_of, nvalues);
		add_group(groups, nmissing, 0);
		return;
	}
	for (uint32_t rank = 0; rank < nvalues; rank++)
		nrows += rows_of[rank];
	hpc_grouper_begin(&grouper, groups, nrows, nvalues);
	for (uint32_t rank = 0; rank < nvalues; rank++)
		hpc_grouper_add(&grouper, values[rank], values[rank], rows_of[rank]);
	hpc_grouper_end(&grouper, nmissing);
}

/* ---------- categories ---------- */

/* Room for all but the group of the others. */
#define OWN_GROUPS (HPC_VALUE_GROUPS - 1)

/* Puts a category among the most frequent ones, behind those as frequent. */
static void
place_category(hpc_groups *groups, uint32_t category, uint32_t rows)
{
	uint32_t place = groups->ngroups;

	if (place == OWN_GROUPS && groups->group[place - 1].rows >= rows)
		return;
	if (place < OWN_GROUPS)
		groups->ngroups++;
	else
		place--;
	for (; place > 0 && groups->group[place - 1].rows < rows; place--)
		groups->group[place] = groups->group[place - 1];
	groups->group[place] = (hpc_group){rows, category};
}

bool
hpc_group_categories(hpc_env *env, hpc_groups *groups, const uint32_t *rows_of,
					 uint32_t nvalues, uint64_t nmissing)
{
	uint64_t others = 0;

	groups->ngroups = 0;
	for (uint32_t rank = 0; rank < nvalues; rank++)
	{
		others += rows_of[rank];
		place_category(groups, rank, rows_of[rank]);
		if (hpc_poll(env, rank))
			return false;
	}
	for (uint32_t i = 0; i < groups->ngroups; i++)
		others -= groups->group[i].rows;
	add_group(groups, others, -1);
	add_group(groups, nmissing, 0);
	return true;
}
