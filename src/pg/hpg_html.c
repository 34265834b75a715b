/*
 * hpg_html.c
 *		What may stand in a page of HTML, and how numbers are written there.
 *
 * The page is also well-formed XML, so that it can be checked and taken apart
 * by xmlparse and xpath.  XML knows no way to write most control characters;
 * browsers take references to others for what Windows once meant by them; and
 * those that turn the direction of writing could make a name look like another
 * one.  Each of them, and each byte that is no UTF-8, becomes U+FFFD.
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "mb/pg_wchar.h"

#include "hpg_html.h"

#define REPLACEMENT 0xFFFD
#define MINUS "&#x2212;"
#define PERCENT "&#xA0;%%" /* in a format */

/* ---------- text ---------- */

/* The character at *at, which moves behind it. */
static pg_wchar
next_character(const unsigned char **at, const unsigned char *end)
{
	int length = pg_utf_mblen(*at);
	pg_wchar c = REPLACEMENT;

	if (length <= end - *at && pg_utf8_islegal(*at, length))
		c = utf8_to_unicode(*at);
	else
		length = 1;
	*at += length;
	return c;
}

static bool
is_between(pg_wchar c, pg_wchar first, pg_wchar last)
{
	return c >= first && c <= last;
}

/* What stands for a character where it cannot. */
static pg_wchar
shown_as(pg_wchar c)
{
	if (c == '\t' || c == '\n' || c == '\r')
		return ' ';
	if (c < ' ' || is_between(c, 0x7F, 0x9F) || /* control */
		is_between(c, 0x202A, 0x202E) ||        /* direction of writing */
		is_between(c, 0x2066, 0x2069) ||        /* likewise */
		is_between(c, 0xD800, 0xDFFF) ||        /* surrogates */
		is_between(c, 0xFDD0, 0xFDEF) ||        /* no characters */
		(c & 0xFFFE) == 0xFFFE)                 /* likewise */
		return REPLACEMENT;
	return c;
}

static void
put_character(StringInfo page, pg_wchar c)
{
	switch (c)
	{
		case '<':
			appendStringInfoString(page, "&lt;");
			break;
		case '>':
			appendStringInfoString(page, "&gt;");
			break;
		case '&':
			appendStringInfoString(page, "&amp;");
			break;
		case '"':
			appendStringInfoString(page, "&quot;");
			break;
		case '\'':
			appendStringInfoString(page, "&#39;");
			break;
		default:
			if (c < 0x7F)
				appendStringInfoChar(page, (char) c);
			else
				appendStringInfo(page, "&#x%X;", c);
	}
}

/* Columns that a character takes; of what has no width there can be too many. */
static int
width_of(const unsigned char *at, const unsigned char *end)
{
	int length = pg_utf_mblen(at);
	int width = length <= end - at && pg_utf8_islegal(at, length)
					? pg_encoding_dsplen(PG_UTF8, (const char *) at)
					: 1;

	return Max(2 * width, 1);
}

void
hpg_html_clipped(StringInfo page, const char *utf8, uint32 nbytes, int width)
{
	const unsigned char *at = (const unsigned char *) utf8;
	const unsigned char *end = at + nbytes;
	int64 left = 2 * (int64) width;
	StringInfoData last; /* character, which an ellipsis may replace */

	initStringInfo(&last);
	while (at < end && left >= width_of(at, end))
	{
		appendBinaryStringInfo(page, last.data, last.len);
		resetStringInfo(&last);
		left -= width_of(at, end);
		put_character(&last, shown_as(next_character(&at, end)));
	}
	appendStringInfoString(page, at < end ? "&#x2026;" : last.data);
	pfree(last.data);
}

void
hpg_html_text(StringInfo page, const char *utf8)
{
	hpg_html_clipped(page, utf8, (uint32) strlen(utf8), INT_MAX);
}

char *
hpg_html_quote(const char *utf8)
{
	StringInfoData markup;

	initStringInfo(&markup);
	hpg_html_text(&markup, utf8);
	return markup.data;
}

/* ---------- numbers ---------- */

/* With a comma before every three digits before the point, if more than four. */
static char *
group_digits(const char *digits)
{
	int whole = (int) strspn(digits, "0123456789");
	StringInfoData grouped;

	initStringInfo(&grouped);
	for (int i = 0; i < whole; i++)
	{
		if (i > 0 && whole > 4 && (whole - i) % 3 == 0)
			appendStringInfoChar(&grouped, ',');
		appendStringInfoChar(&grouped, digits[i]);
	}
	appendStringInfoString(&grouped, digits + whole);
	return grouped.data;
}

static const char *
sign_of(double x)
{
	return x < 0 ? MINUS : "";
}

/* Words for what is no number to write down, or NULL. */
static const char *
instead_of_digits(double x)
{
	if (isnan(x))
		return "&#x2013;";
	if (isinf(x))
		return x > 0 ? "&#x221E;" : MINUS "&#x221E;";
	return NULL;
}

/* Digits behind the point, for three in all; whole numbers need none. */
static int
decimals_of(double size)
{
	int decimals = 0;

	if (size == floor(size))
		return 0;
	while (size < 100 && decimals < 6)
	{
		size *= 10;
		decimals++;
	}
	return decimals;
}

char *
hpg_html_number(double x)
{
	const char *word = instead_of_digits(x);
	double size = fabs(x);

	if (word != NULL)
		return pstrdup(word);
	if (size >= 1e15 || (size < 1e-4 && size > 0))
		return psprintf("%s%.2e", sign_of(x), size);
	return psprintf("%s%s", sign_of(x),
					group_digits(psprintf("%.*f", decimals_of(size), size)));
}

char *
hpg_html_integer(uint64 n)
{
	return group_digits(psprintf(UINT64_FORMAT, n));
}

char *
hpg_html_short(double x)
{
	static const struct
	{
		double size;
		const char *suffix;
	} units[] = {{1e9, "bn"}, {1e6, "M"}, {1e3, "k"}};
	const char *word = instead_of_digits(x);
	double size = fabs(x);

	if (word != NULL)
		return pstrdup(word);
	/* years, too, are numbers below ten thousand */
	if (size >= 1e4 && size < 1e13)
	{
		for (int i = 0; i < (int) lengthof(units); i++)
		{
			if (size >= units[i].size)
				return psprintf("%s%.8g%s", sign_of(x), size / units[i].size,
								units[i].suffix);
		}
	}
	return psprintf("%s%.8g", sign_of(x), size);
}

char *
hpg_html_percent(double share)
{
	const char *word = instead_of_digits(share);
	double size = fabs(share) * 100;

	if (word != NULL)
		return pstrdup(word);
	if (size >= 1e6)
		return psprintf("%s%.2e" PERCENT, sign_of(share), size);
	return psprintf("%s%s" PERCENT, size < 0.05 ? "" : sign_of(share),
					group_digits(
						psprintf("%.*f", size < 99.95 ? 1 : 0, size)));
}

static char *
with_plus(double x, const char *markup)
{
	return psprintf("%s%s", x > 0 ? "+" : "", markup);
}

char *
hpg_html_signed_number(double x)
{
	return with_plus(x, hpg_html_number(x));
}

char *
hpg_html_signed_percent(double share)
{
	return with_plus(share, hpg_html_percent(share));
}

char *
hpg_html_value(hpc_kind kind, double x)
{
	static const char midnight[] = "T00:00:00";
	char *time = kind == HPC_TIME ? hpg_time_json(x) : NULL;
	char *found;

	if (time == NULL)
		return hpg_html_number(x);
	found = strstr(time, midnight);
	if (found != NULL && found[strlen(midnight)] == '\0')
		*found = '\0';
	return hpg_html_quote(time);
}

char *
hpg_html_count(uint64 n, const char *one, const char *many)
{
	return psprintf("%s %s", hpg_html_integer(n), n == 1 ? one : many);
}
