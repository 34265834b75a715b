/*
 * hpg_html.h
 *		What may stand in a page of HTML, and how numbers are written there.
 *
 * Markup is put together by hand, from constants and from what comes out of
 * this file.  Whatever comes from the database goes through hpg_html_text or
 * hpg_html_clipped, also in attributes (which are in double quotes).
 *
 * A page is pure ASCII, all else being character references: so it is right
 * in whatever encoding a server keeps it and a browser reads it.
 */
#ifndef HPG_HTML_H
#define HPG_HTML_H

#include "hpg.h"

/* Appends a text in UTF-8. */
extern void hpg_html_text(StringInfo page, const char *utf8);

/*
 * The same of bytes, as far as it is not wider than so many letters; an
 * ellipsis stands for the rest.
 */
extern void
hpg_html_clipped(StringInfo page, const char *utf8, uint32 nbytes, int width);

/* A text of its own, as markup. */
extern char *hpg_html_quote(const char *utf8);

/*
 * Numbers as markup.  number: three digits at least, and all before the
 * point: 13,293 and 0.926.  short: as few as tell, 150k.  percent: of a share.
 * Four digits are not grouped, for they may be a year.
 */
extern char *hpg_html_number(double x);
extern char *hpg_html_integer(uint64 n);
extern char *hpg_html_short(double x);
extern char *hpg_html_percent(double share);

/* The same with a sign, + too. */
extern char *hpg_html_signed_number(double x);
extern char *hpg_html_signed_percent(double share);

/* A value of a number, boolean or time. */
extern char *hpg_html_value(hpc_kind kind, double x);

/* "1 row", "12,345 rows". */
extern char *hpg_html_count(uint64 n, const char *one, const char *many);

#endif /* HPG_HTML_H */
