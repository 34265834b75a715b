/*
 * hpg_bar.c
 *		Bars of text, and the numbers beside them.
 *
 * Bars are made of block elements of Unicode, or of number signs where the
 * server's encoding may lack these.
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "hpg.h"

#define FULL_BLOCK "\xe2\x96\x88"
#define LEFT_HALF "\xe2\x96\x8c"
#define RIGHT_HALF "\xe2\x96\x90"

/* Parts of a cell that a share, 0 to 1, of width cells is. */
static int
parts_of(double share, int width, int parts)
{
	/* a model from elsewhere may claim any share */
	if (!(share > 0))
		return 0;
	return (int) floor(Min(share, 1) * width * parts + 0.5);
}

static void
append_times(StringInfo text, int n, const char *what)
{
	for (int i = 0; i < n; i++)
		appendStringInfoString(text, what);
}

char *
hpg_bar(double share, int width)
{
	static const char *const eighths[] = {
		"",        "\xe2\x96\x8f", "\xe2\x96\x8e", "\xe2\x96\x8d",
		LEFT_HALF, "\xe2\x96\x8b", "\xe2\x96\x8a", "\xe2\x96\x89"};
	bool blocks = GetDatabaseEncoding() == PG_UTF8;
	int length = parts_of(share, width, 8);
	StringInfoData text;

	initStringInfo(&text);
	append_times(&text, length / 8, blocks ? FULL_BLOCK : "#");
	if (blocks)
		appendStringInfoString(&text, eighths[length % 8]);
	return text.data;
}

char *
hpg_bar_about_line(double share, int width)
{
	bool blocks = GetDatabaseEncoding() == PG_UTF8;
	int left = parts_of(-share, width, 2);
	int right = parts_of(share, width, 2);
	StringInfoData text;

	if (!blocks)
	{
		left -= left % 2;
		right -= right % 2;
	}
	initStringInfo(&text);
	append_times(&text, width - (left + 1) / 2, " ");
	append_times(&text, left % 2, RIGHT_HALF);
	append_times(&text, left / 2, blocks ? FULL_BLOCK : "#");
	appendStringInfoChar(&text, '|');
	append_times(&text, right / 2, blocks ? FULL_BLOCK : "#");
	append_times(&text, right % 2, LEFT_HALF);
	return text.data;
}

char *
hpg_skyline(const double *shares, int n, double largest)
{
	bool blocks = GetDatabaseEncoding() == PG_UTF8;
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < n; i++)
	{
		int height = (int) ceil(8 * Min(shares[i] / largest, 1));

		if (!(height > 0))
			appendStringInfoChar(&text, '.');
		else if (blocks)
			appendStringInfo(&text, "\xe2\x96%c", 0x80 + height);
		else
			appendStringInfoChar(&text, (char) ('0' + height));
	}
	return text.data;
}

char *
hpg_number_text(hpc_kind kind, double number)
{
	char *time = kind == HPC_TIME ? hpg_time_json(number) : NULL;

	if (time != NULL)
		return time;
	if (kind == HPC_BOOLEAN)
		return pstrdup(number != 0 ? "true" : "false");
	return float8out_internal(number);
}
