/*
 * hpg_values.h
 *		The values of the columns of a table, gathered for hp_describe.
 *
 * A column of numbers, booleans or times keeps all its values, as keys:
 * integers whose order is that of the values.  Any other keeps its distinct
 * values and how often they come.
 */
#ifndef HPG_VALUES_H
#define HPG_VALUES_H

#include "hpg.h"

/* A distinct value, known by its hash: hpg_categories_hash holds them. */
typedef struct hpg_category
{
	hpc_hash hash;
	int64 count;
	const char *label; /* kept from the second occurrence on */
	char status;
} hpg_category;

#define SH_PREFIX hpg_categories
#define SH_ELEMENT_TYPE hpg_category
#define SH_KEY_TYPE hpc_hash
#define SH_KEY hash
#define SH_HASH_KEY(table, key) ((uint32) (key).low)
#define SH_EQUAL(table, a, b) ((a).low == (b).low && (a).high == (b).high)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* A text of the column: its least or greatest so far. */
typedef struct hpg_extreme
{
	char *bytes; /* NULL: none yet */
	uint32 nbytes;
	uint32 size; /* room at bytes */
} hpg_extreme;

/* What is gathered of one column while the rows are read. */
typedef struct hpg_values
{
	const hpg_column *column;
	int64 nnulls;
	int64 n;                         /* values that are not NULL */
	int64 *keys;                     /* of a column of numbers */
	hpg_categories_hash *categories; /* of another */
	hpg_extreme least;
	hpg_extreme greatest;
} hpg_values;

/* ---------- gathering ---------- */

/* An empty set of values; nrows is how many there may be. */
extern void
hpg_values_begin(hpg_values *values, const hpg_column *column, int64 nrows);

/* Reads all rows for a group of columns, which are in attribute order. */
extern void hpg_values_read(hpg_source *source, hpg_values *group, int ngroup);

/* ---------- keys ---------- */

/* Kept as keys; else in a hash table. */
extern bool hpg_has_keys(const hpg_column *column);

/* The key is the value itself, not the bits of a double. */
extern bool hpg_has_integer_keys(const hpg_column *column);

/* A number to compute with; times in their own units. */
extern double hpg_number_of_key(int64 key, const hpg_column *column);
extern bool hpg_is_finite_key(int64 key, const hpg_column *column);

/*
 * The value as text, by no setting but, for timestamp with time zone, the
 * session's time zone: ISO dates, the shortest digits that tell a double.
 */
extern char *hpg_key_to_text(int64 key, const hpg_column *column);

/* The beginning of a text in the server's encoding, to be shown. */
extern char *hpg_clip_text(const char *utf8, uint32 nbytes);

#endif /* HPG_VALUES_H */
