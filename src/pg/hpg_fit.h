/*
 * hpg_fit.h
 *		Fitting a fill: see hpg_fit.c, hpg_policy.c and hpg_tally.c.
 */
#ifndef HPG_FIT_H
#define HPG_FIT_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "hpg.h"
#include "hpg_fill.h"

/* ---------- hpg_tally.c: how often each value occurs ---------- */

typedef struct hpg_number_tally hpg_number_tally;
typedef struct hpg_text_tally hpg_text_tally;

/* Memory comes from env; what is out of it raises. */
extern hpg_number_tally *hpg_number_tally_create(hpc_env *env);
extern void
hpg_number_tally_add(hpg_number_tally *tally, double value, uint64 times);

/* All three: false when the tally is empty.  lower: of the middle pair. */
extern bool hpg_number_tally_mode(hpg_number_tally *tally, double *mode);
extern bool
hpg_number_tally_median(hpg_number_tally *tally, double *lower, double *upper);
extern void
hpg_number_tally_merge(hpg_number_tally *tally, hpg_number_tally *other);

extern hpg_text_tally *hpg_text_tally_create(hpc_env *env);
extern void hpg_text_tally_add(hpg_text_tally *tally, const char *bytes,
							   uint32 nbytes, uint64 times);
extern bool hpg_text_tally_mode(const hpg_text_tally *tally,
								const char **bytes, uint32 *nbytes);
extern void
hpg_text_tally_merge(hpg_text_tally *tally, const hpg_text_tally *other);

/* For parallel workers; reading adds to what the tally holds. */
extern void hpg_number_tally_send(hpg_number_tally *tally, StringInfo out);
extern void hpg_number_tally_receive(hpg_number_tally *tally, StringInfo in);
extern void hpg_text_tally_send(const hpg_text_tally *tally, StringInfo out);
extern void hpg_text_tally_receive(hpg_text_tally *tally, StringInfo in);

/* ---------- hpg_policy.c: what to fit ---------- */

typedef enum hpg_method
{
	HPG_NO_ENTRY = 0, /* the column does not appear in the fill */
	HPG_LEAVE,        /* appears with null */
	HPG_MEDIAN,
	HPG_MEAN,
	HPG_MODE,
	HPG_CONSTANT
} hpg_method;

/* What a policy says of one kind or one column. */
typedef struct hpg_rule
{
	hpg_method method;
	JsonbValue constant; /* points into the policy */
} hpg_rule;

typedef struct hpg_policy
{
	hpg_rule number;
	hpg_rule text;
	hpg_rule boolean;
	JsonbContainer *columns; /* or NULL */
	hpg_tokens tokens;
} hpg_policy;

/* Reads a policy (NULL: the default one), which must stay where it is. */
extern void hpg_policy_read(hpg_policy *policy, Jsonb *json);

/*
 * The rule for a column.  ERROR when the column's own rule cannot be; a rule
 * of the kind that does not suit the column is HPG_LEAVE.
 */
extern hpg_rule
hpg_policy_rule(const hpg_policy *policy, const hpg_column *column);

/* ERROR when the policy names a column that the row lacks. */
extern void
hpg_policy_check_columns(const hpg_policy *policy, const hpg_rowtype *rowtype);

/* ---------- hpg_fit.c ---------- */

typedef struct hpg_fit hpg_fit;

/* All memory is in a child of context; policy is copied. */
extern hpg_fit *hpg_fit_create(Jsonb *policy, MemoryContext context);
extern void hpg_fit_free(hpg_fit *fit);

/* Counts in the row last deformed into rowtype. */
extern void hpg_fit_add(hpg_fit *fit, const hpg_rowtype *rowtype);

/* The fill; the fit stays usable. */
extern Jsonb *hpg_fit_result(hpg_fit *fit);

#endif /* HPG_FIT_H */
