/*
 * hpg_study_dates.c
 *		How the misses of a model change with time.
 *
 * The dates are those of the column of dates or times that most rows have a
 * value of; of equal ones the first name.  It need be no feature.  Periods are
 * of the smallest unit of which there are not too many to look at.  Times with
 * a time zone count by UTC: no setting changes the page.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/float.h"
#include "utils/timestamp.h"

#include "hpg_study.h"
#include "hpg_study_rows.h"

#define NO_PERIOD PG_INT32_MIN

/* ---------- units ---------- */

typedef struct unit
{
	const char *name;
	int months;   /* 0: days */
	int max_span; /* periods that are not too many */
} unit;

static const unit units[] = {{"day", 0, 31},
							 {"month", 1, 24},
							 {"quarter", 3, 24},
							 {"year", 12, 40},
							 {"decade", 120, 40},
							 {"century", 1200, 40},
							 {"1,000 years", 12000, PG_INT32_MAX}};

static bool
is_date(double time)
{
	return time >= MIN_TIMESTAMP && time < END_TIMESTAMP;
}

static int32
floor_divide(int64 number, int64 by)
{
	return (int32) (number / by - (number % by < 0));
}

static void
split_time(double time, struct pg_tm *tm)
{
	fsec_t fsec;

	if (timestamp2tm((Timestamp) time, NULL, tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("timestamp out of range")));
}

/* The number of the period that a time lies in. */
static int32
period_of(const unit *u, double time)
{
	struct pg_tm tm;

	if (u->months == 0)
		return floor_divide((int64) time, USECS_PER_DAY);
	split_time(time, &tm);
	return floor_divide((int64) tm.tm_year * 12 + tm.tm_mon - 1, u->months);
}

static char *
label_of(const unit *u, int32 period)
{
	int64 month = (int64) period * u->months;
	int32 year = floor_divide(month, 12);
	int of_year = (int) (month - (int64) year * 12);
	struct pg_tm tm;

	switch (u->months)
	{
		case 0:
			split_time((double) period * (double) USECS_PER_DAY, &tm);
			return psprintf("%04d-%02d-%02d", tm.tm_year, tm.tm_mon,
							tm.tm_mday);
		case 1:
			return psprintf("%04d-%02d", year, of_year + 1);
		case 3:
			return psprintf("%04d Q%d", year, of_year / 3 + 1);
		case 12:
			return psprintf("%d", year);
		default:
			return psprintf("%ds", year);
	}
}

static const unit *
choose_unit(double first, double last)
{
	for (int i = 0;; i++)
	{
		const unit *u = &units[i];

		if (period_of(u, last) - period_of(u, first) < u->max_span)
			return u;
	}
}

/* ---------- the column ---------- */

typedef struct calendar
{
	const hpg_column *column;
	int64 n;
	double first;
	double last;
} calendar;

/* The value of the row at hand; false: it has none. */
static bool
date_of_row(hpg_rows *rows, const hpg_column *column, double *time)
{
	hpc_value value;

	hpg_rows_value(rows, column, &value);
	*time = value.number;
	return !value.missing && is_date(value.number);
}

static void
look_at_row(hpg_rows *rows, calendar *calendars, int ncalendars)
{
	for (int i = 0; i < ncalendars; i++)
	{
		calendar *c = &calendars[i];
		double time;

		if (!date_of_row(rows, c->column, &time))
			continue;
		c->first = c->n == 0 ? time : Min(c->first, time);
		c->last = c->n == 0 ? time : Max(c->last, time);
		c->n++;
	}
}

/* False: there is no column of dates with a value. */
static bool
choose_column(const hpg_study *study, hpg_rows *rows, calendar *chosen)
{
	const hpg_rowtype *rowtype = rows->rowtype;
	calendar *calendars =
		palloc0(Max(rowtype->ncolumns, 1) * sizeof(calendar));
	int n = 0;

	for (int i = 0; i < rowtype->ncolumns; i++)
	{
		if (rowtype->columns[i].kind == HPC_TIME)
			calendars[n++].column = &rowtype->columns[i];
	}
	hpg_rows_rewind(rows);
	while (n > 0 && hpg_rows_next(rows))
	{
		if (!isnan(study->misses[rows->nread - 1]))
			look_at_row(rows, calendars, n);
	}
	memset(chosen, 0, sizeof(*chosen));
	for (int i = 0; i < n; i++)
	{
		calendar *c = &calendars[i];

		if (c->n > chosen->n ||
			(c->n > 0 && c->n == chosen->n &&
			 strcmp(c->column->name, chosen->column->name) < 0))
			*chosen = *c;
	}
	return chosen->n > 0;
}

/* ---------- periods ---------- */

/* Misses of the rows, side by side for each period. */
typedef struct shelf
{
	int32 first; /* period */
	int nperiods;
	int64 *begin; /* [nperiods + 1] */
	double *misses;
} shelf;

/* The period of each row, and how many rows each has. */
static int32 *
read_periods(hpg_study *study, hpg_rows *rows, const calendar *c,
			 const unit *u, shelf *s)
{
	int32 *periods = hpg_study_alloc(study, rows->nread * sizeof(int32));

	hpg_rows_rewind(rows);
	while (hpg_rows_next(rows))
	{
		int64 row = rows->nread - 1;
		double time;

		periods[row] = NO_PERIOD;
		if (isnan(study->misses[row]))
			continue;
		if (date_of_row(rows, c->column, &time))
		{
			periods[row] = period_of(u, time);
			s->begin[periods[row] - s->first + 1]++;
		}
		else
			study->dates.nmissing++;
	}
	return periods;
}

static void
fill_shelf(const hpg_study *study, const int32 *periods, int64 nrows, shelf *s)
{
	int64 *next = palloc(s->nperiods * sizeof(int64));

	for (int i = 0; i < s->nperiods; i++)
	{
		s->begin[i + 1] += s->begin[i];
		next[i] = s->begin[i];
	}
	for (int64 row = 0; row < nrows; row++)
	{
		if (periods[row] != NO_PERIOD)
			s->misses[next[periods[row] - s->first]++] = study->misses[row];
	}
}

static void
measure_periods(hpg_dates *dates, const unit *u, const shelf *s)
{
	dates->periods = palloc0(s->nperiods * sizeof(hpg_period));
	for (int i = 0; i < s->nperiods; i++)
	{
		hpg_period *period = &dates->periods[dates->nperiods];

		period->n = s->begin[i + 1] - s->begin[i];
		if (period->n == 0)
			continue;
		period->label = label_of(u, s->first + i);
		period->number = i;
		hpg_quantiles(s->misses + s->begin[i], period->n, period->at);
		dates->nperiods++;
	}
}

void
hpg_study_dates(hpg_study *study, hpg_rows *rows)
{
	const unit *u;
	int32 *periods;
	calendar c;
	shelf s;

	if (!choose_column(study, rows, &c))
		return;
	u = choose_unit(c.first, c.last);
	s.first = period_of(u, c.first);
	s.nperiods = period_of(u, c.last) - s.first + 1;
	if (s.nperiods < 2)
		return;
	s.begin = palloc0((s.nperiods + 1) * sizeof(int64));
	s.misses = hpg_study_alloc(study, c.n * sizeof(double));
	periods = read_periods(study, rows, &c, u, &s);
	fill_shelf(study, periods, rows->nread, &s);
	study->dates.column = c.column->name;
	study->dates.unit = u->name;
	measure_periods(&study->dates, u, &s);
}
