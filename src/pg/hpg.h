/*
 * hpg.h
 *		What the files of the PostgreSQL side share.
 *
 * A file per SQL family, and beneath them the files that have a section here.
 * README.md in this folder lists them all.
 */
#ifndef HPG_H
#define HPG_H

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "../core/hpc.h"

/* Entry points are the only exported symbols. */
#define HPG_FUNCTION(name)                           \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)

/* ---------- hpg_row.c: rows by name ---------- */

/* What houseprice knows of one live column of a row type. */
typedef struct hpg_column
{
	int attnum;       /* 0-based index into values and nulls */
	const char *name; /* in UTF-8, as the core sees it */
	size_t nbytes;    /* of the name */
	Oid type;         /* as declared, maybe a domain */
	int32 typmod;
	Oid base_type;       /* below any domains */
	hpc_kind kind;       /* HPC_NO_KIND: not usable as a feature */
	hpc_storage storage; /* where kind is one */
	bool integral;
} hpg_column;

/* A row type, kept as long as its rows keep coming. */
typedef struct hpg_rowtype
{
	Oid type;
	int32 typmod;
	uint64 identifier; /* assign_record_type_identifier */
	TupleDesc desc;
	int ncolumns; /* live ones, in attribute order */
	hpg_column *columns;
	Datum *values; /* desc->natts, of the row last deformed */
	bool *nulls;
	int *by_name;   /* columns in byte order of names, and the */
	hpc_hash *keys; /* keys of their hashes; see hpg_row_hash */
} hpg_rowtype;

/*
 * The row type of a row: cached when it still fits, else a new one made in
 * context (the old one is freed).  cached may be NULL.
 */
extern hpg_rowtype *hpg_rowtype_of(hpg_rowtype *cached, HeapTupleHeader row,
								   MemoryContext context);

/* The same from a descriptor, without rows (hpg_source, hp_describe). */
extern hpg_rowtype *hpg_rowtype_make(TupleDesc desc, MemoryContext context);
extern void hpg_rowtype_free(hpg_rowtype *rowtype);

/* Splits a row into rowtype->values and nulls. */
extern void hpg_row_deform(hpg_rowtype *rowtype, HeapTupleHeader row);

/* What is in values and nulls as a row, of which nothing lies elsewhere. */
extern HeapTuple hpg_row_form(const hpg_rowtype *rowtype);

/* Column by name (in UTF-8), or NULL; ERROR when two have this name. */
extern const hpg_column *
hpg_rowtype_find(const hpg_rowtype *rowtype, const char *name);

/*
 * The canonical value of a column in the row last deformed.  Bytes of a
 * category live in the current memory context or in the row itself.
 * The column must have a kind.
 */
extern void hpg_row_value(const hpg_rowtype *rowtype, const hpg_column *column,
						  hpc_value *value);

/* The same for a lone datum of base type (hp_split, fills). */
extern void hpg_datum_value(Datum datum, bool isnull, Oid base_type,
							hpc_kind kind, hpc_value *value);

/* Kind and storage of a base type; HPC_NO_KIND where it cannot be one. */
extern hpc_kind
hpg_type_kind(Oid base_type, hpc_storage *storage, bool *integral);

/* Hash of any value of any type: canonical by kind, else by its bytes. */
extern hpc_hash
hpg_datum_hash(hpc_hash key, Datum datum, bool isnull, Oid type);

/* Hash of the row last deformed: its columns by name, whatever their order. */
extern hpc_hash hpg_row_hash(hpg_rowtype *rowtype);

/* The same under a key: what hpg_datum_hash answers for the row. */
extern hpc_hash hpg_row_key_hash(hpc_hash key, hpg_rowtype *rowtype);

/* The ERROR alone, for an anyelement argument that may be NULL. */
extern void hpg_check_row_type(FunctionCallInfo fcinfo, int arg);

/*
 * Names for messages and hints: the candidate nearest to name by edit
 * distance, or NULL when none is near (more than half of it would change).
 */
extern const char *hpg_nearest_name(const char *name, int ncandidates,
									const char *const *candidates);

/* The same for columns. */
extern const char *
hpg_nearest_column(const hpg_rowtype *rowtype, const char *name);

/* ERROR undefined_column naming it, with the nearest column as a HINT. */
extern void hpg_column_missing(const hpg_rowtype *rowtype, const char *name)
	pg_attribute_noreturn();

/* Text in the server's encoding to UTF-8 and back (palloc'd if changed). */
extern const char *
hpg_to_utf8(const char *text, int nbytes, uint32_t *nbytes_out);
extern char *hpg_utf8_copy(const char *text, int nbytes);
extern char *hpg_from_utf8(const char *bytes, uint32_t nbytes);

/* A terminated name of the core's, in the server's encoding. */
extern char *hpg_name(const char *utf8);

/* A text[] of texts in the server's encoding. */
extern Datum hpg_text_array(char **texts, int n);

/* ---------- hpg_source.c: reading what a SETOF function is pointed at ---------- */

/* Where the rows of a source go. */
typedef struct hpg_sink
{
	/* once, before any row, in the caller's memory context */
	void (*begin)(void *opaque, TupleDesc desc);
	/* in a memory context that the next row clears */
	void (*row)(void *opaque, TupleTableSlot *slot);
	void *opaque;
} hpg_sink;

/*
 * source: a relation's name (as the search path finds it, quoted where
 * needed), or one SELECT, WITH, VALUES or TABLE statement, run as the caller
 * with the caller's snapshot.  NULL: the relation that row_type belongs to.
 */
extern void
hpg_source_stream(const char *source, Oid row_type, const hpg_sink *sink);

/* The same rows in a tuplestore of the caller's memory context. */
typedef struct hpg_source
{
	TupleDesc desc;
	struct Tuplestorestate *rows;
	int64 nrows;
} hpg_source;

extern hpg_source *hpg_source_read(const char *source, Oid row_type);

/*
 * For functions that answer rows of the type of an argument: the row type, or
 * an ERROR where it is not a named one.
 */
extern hpg_rowtype *
hpg_source_rowtype(FunctionCallInfo fcinfo, int arg, const char *function,
				   MemoryContext context);

/*
 * Per column of the row type the index of that name in a source's rows; ERROR
 * where there is none or the type differs.  More columns may be there.
 */
extern int *hpg_source_columns(TupleDesc desc, const hpg_rowtype *rowtype);

/* Brings a row of a source into rowtype->values and nulls. */
extern void
hpg_source_row(TupleTableSlot *slot, const int *attnums, hpg_rowtype *rowtype);

/* ---------- hpg_fill.c: a fill, compiled for one row type ---------- */

typedef struct hpg_fill hpg_fill;

/*
 * Compiles a fill (NULL: the default one) for a row type.  Errors name the
 * key, or the column and value that cannot be.  strict_columns: a column
 * named in the fill that the row lacks is an ERROR (else it is passed over,
 * as in prediction rows that carry no target).
 */
extern hpg_fill *hpg_fill_compile(Jsonb *fill, const hpg_rowtype *rowtype,
								  bool strict_columns, MemoryContext context);

/* Checks the shape of a fill without a row type (for clean => ...). */
extern void hpg_fill_check(Jsonb *fill);

/*
 * Replaces what is missing in rowtype->values and nulls, in place.  True when
 * something was.  The row type must be the one it was compiled for.
 */
extern bool hpg_fill_apply(hpg_fill *fill, hpg_rowtype *rowtype);

/* ---------- hpg_split.c ---------- */

/* ERROR where a key that puts rows into parts is NULL. */
extern void hpg_check_key(bool isnull);

/* The key under which hp_split and hp_fold hash; the fold of such a hash. */
extern hpc_hash hpg_split_key(hpc_tag tag, int64 seed);
extern int32 hpg_fold_of(uint64 hash, uint32 k);

/* ---------- hpg_params.c, hpg_constructors.c ---------- */

/*
 * Parameters of one training, parsed once.  A blend has what its members
 * agree in.
 */
typedef struct hpg_params
{
	hpc_params core;
	bool has_features; /* false: the mean alone, which takes any row */
	bool any_type;     /* columns that cannot be features are passed over */
	int nexclude;
	const char **exclude; /* column names, UTF-8, ascending */
	const char *weight;   /* column name, UTF-8; NULL: none */
	Jsonb *clean;         /* NULL: none */
	char *clean_text;     /* the same as text, UTF-8 */
	char *text;           /* what is not as by default, JSON, UTF-8 */
} hpg_params;

#define HPG_ALGORITHM_KEY "algorithm"

/* NULL jsonb: the default algorithm with its defaults. */
extern hpg_params *hpg_params_parse(Jsonb *jsonb, MemoryContext context);

/*
 * What several candidates for one training agree in; ERROR where they differ
 * in the rows and columns to learn from.
 */
extern hpg_params *hpg_params_common(const hpg_params *const *candidates,
									 int n, MemoryContext context);

/* ERROR: the algorithm has no parameter of this name. */
extern void hpg_params_unknown(hpc_algorithm algorithm, const char *name)
	pg_attribute_noreturn();

/* ERROR: the parameter cannot be what was given; the HINT says what it can. */
extern void hpg_params_bad_value(const hpc_parameter *which, const char *given)
	pg_attribute_noreturn();

/* A constructor for hints: the one of these parameters, if it has exclude. */
extern const char *hpg_params_constructor(const hpg_params *params);

/* A parameter as resolved, for hp_model_info. */
extern void
hpg_push_parameter(JsonbParseState **state, const hpc_params *params,
				   const hpc_parameter *which);

/* ---------- hpg_features.c: the columns that a training uses ---------- */

typedef struct hpg_features
{
	const hpg_column *target; /* NULL: given by value */
	const hpg_column *weight; /* NULL: none */
	int nfeatures;
	const hpg_column **features; /* in the order of the row type */
} hpg_features;

/*
 * What a training with these parameters uses of a row type; ERROR where that
 * cannot be.  target (UTF-8) may be NULL.
 */
extern hpg_features *
hpg_features_choose(const hpg_params *params, const char *target,
					const hpg_rowtype *rowtype);

/* The column of weights, or an ERROR that says what is wrong with it. */
extern const hpg_column *
hpg_weight_column(const hpg_rowtype *rowtype, const char *name);

/* The column of a source with the actual values, or an ERROR, likewise. */
extern const hpg_column *
hpg_target_column(const hpg_rowtype *rowtype, const char *name);

/* The weight that a value of the column is; ERROR if it cannot be one. */
extern double
hpg_weight_value(const hpg_column *column, const hpc_value *value);

/* ---------- hpg_predict.c ---------- */

/* ERROR where the model has no predictions out of bag; hint: what to do. */
extern void hpg_check_bags(const hpc_model *model, const char *hint);

/* ---------- hpg_bar.c: pictures in text ---------- */

/* A bar of width cells for a share of 1: of eighths, or of number signs. */
extern char *hpg_bar(double share, int width);

/* The same to the right of a line for shares above 0, to the left below. */
extern char *hpg_bar_about_line(double share, int width);

/*
 * Shares of n groups as a row of characters, the higher the larger: the largest
 * of all, or more, is as high as a character gets.
 */
extern char *hpg_skyline(const double *shares, int n, double largest);

/* A value of a number, boolean or time, as text. */
extern char *hpg_number_text(hpc_kind kind, double number);

/* ---------- hpg_json.c: making JSON ---------- */

/* A key or value of the object, or an element of the array, at hand. */
extern void hpg_push_key(JsonbParseState **state, const char *key);
extern void hpg_push_string(JsonbParseState **state, const char *string);
extern void hpg_push_number(JsonbParseState **state, double number);
extern void hpg_push_integer(JsonbParseState **state, int64 number);
extern void hpg_push_bool(JsonbParseState **state, bool boolean);
extern void hpg_push_element(JsonbParseState **state, const char *string);

/* A key and its value. */
extern void hpg_push_named_string(JsonbParseState **state, const char *key,
								  const char *string);
extern void
hpg_push_named_number(JsonbParseState **state, const char *key, double number);
extern void
hpg_push_named_integer(JsonbParseState **state, const char *key, int64 number);

/* The same for any JSON; as: WJB_VALUE or WJB_ELEM. */
extern void hpg_push_container(JsonbParseState **state, JsonbIteratorToken as,
							   Jsonb *jsonb);

/* The JSON in a text in UTF-8. */
extern Jsonb *hpg_json_parse(const char *utf8);
extern void hpg_push_jsonb(JsonbParseState **state, const char *utf8);

/* A time in microseconds as to_jsonb() writes it; NULL: it is out of range. */
extern char *hpg_time_json(double time);

/* The keys and values of hp_model_info, into an object that is open. */
extern void hpg_push_info(JsonbParseState **state, const hpc_model *model);

/*
 * Text in UTF-8 that is the same for equal values in every database: keys in
 * one order, numbers without trailing zeros.
 */
extern char *hpg_json_canonical(Jsonb *jsonb);

/* ---------- hpg_core.c: the border ---------- */

/* An environment whose memory lives in context. */
extern void hpg_env_init(hpc_env *env, MemoryContext context, int nthreads);

/*
 * Raises what the core reported, through one table; returns on HPC_OK.
 * HPC_NO_MEMORY may be reported for a request to env->resize as well.
 */
extern void hpg_check_status(hpc_env *env, hpc_status status);

/* env->resize, with an ERROR in place of NULL where size is not 0. */
extern void *hpg_resize(hpc_env *env, void *ptr, size_t size);

/* Threads a training may use here: houseprice.threads and its surroundings. */
extern int hpg_threads(void);

/*
 * From now on progress is that of a larger work, of which trainings are parts:
 * done of total units.  what: the function that does it.
 */
extern void hpg_progress_of(hpc_env *env, const char *what, const char *unit,
							uint64 done, uint64 total);

/* ---------- hpg_spill.c: states of parallel workers ---------- */

/*
 * Appends a data set, or none (NULL), to a message that the deserial function
 * of the same aggregate will read.  Where there are many bytes they go to a
 * temporary file, and the message gets its name.  For the serial function.
 */
extern void hpg_send_dataset(FunctionCallInfo fcinfo, StringInfo message,
							 hpc_env *env, const hpc_dataset *dataset);

/* The data set that comes next in a message, or NULL. */
extern hpc_dataset *
hpg_receive_dataset(FunctionCallInfo fcinfo, StringInfo message, hpc_env *env);

/* Settings and callbacks, once per backend. */
extern void hpg_spill_init(void);

/* ---------- hpg_findings.c ---------- */

/* Reports what hpc_train found; for the final function of an aggregate. */
extern void
hpg_report_findings(FunctionCallInfo fcinfo, const hpc_result *result);

/* Has this call site said so before?  kind: of the finding, or < 0. */
extern bool
hpg_is_repeated(FunctionCallInfo fcinfo, int kind, const char *column);

/* ---------- hpg_aggregate.c ---------- */

/* The memory of the aggregate that calls; nothing else may. */
extern MemoryContext hpg_aggregate_context(FunctionCallInfo fcinfo);

/* What a support function returns that has nothing to add. */
#define HPG_RETURN_STATE_AS_IT_CAME()        \
	do                                       \
	{                                        \
		if (PG_ARGISNULL(0))                 \
			PG_RETURN_NULL();                \
		PG_RETURN_DATUM(PG_GETARG_DATUM(0)); \
	} while (0)

/* Points buffer at the bytes of a serialised state, argument 0. */
extern void hpg_read_state(FunctionCallInfo fcinfo, StringInfo buffer);

/* ---------- hpg_model.c, hpg_cache.c, hpg_bind.c, hpg_named.c: models ---------- */

/* A model in memory, and what its predictions need. */
typedef struct hpg_loaded
{
	const hpc_model *model; /* aligned */
	hpc_digest digest;
	MemoryContext context;    /* of the predictor, and of what was fetched */
	uint64 countdown;         /* predictions until a predictor is made */
	hpc_predictor *predictor; /* or NULL */
} hpg_loaded;

/*
 * The stored model of this digest, fetched from value if need be.  pinned: it
 * is in the cache, and stays there until it is let go; else it is the
 * caller's, in the current memory context.
 */
extern hpg_loaded *
hpg_cache_get(struct varlena *value, const hpc_digest *digest, bool *pinned);
extern void hpg_cache_unpin(hpg_loaded *loaded);

/* How the features of a model bind to the columns of a row type. */
typedef struct hpg_binding hpg_binding;

/* What one call site remembers from row to row, in its fn_extra. */
typedef struct hpg_call
{
	MemoryContext context;
	MemoryContextCallback end;
	Oid toast_relation; /* the stored value that was loaded, or invalid */
	Oid toast_value;
	hpg_loaded *loaded; /* or NULL */
	bool pinned;        /* it is in the cache */
	bool passing;       /* it lies in a row: the model is valid for one call */
	hpg_binding *binding;
	TupleDesc result;        /* of hp_predict_interval */
	struct hpg_named *named; /* where the model is given by name */
} hpg_call;

extern hpg_call *hpg_call_of(FunctionCallInfo fcinfo);

/* The same for what keeps a call elsewhere; zeroed, it begins anew. */
extern void hpg_call_init(hpg_call *call, MemoryContext context);

/*
 * The model in a datum.  A stored model is fetched once, for as long as it is
 * used here or stays in the cache.  Valid for this call.
 */
extern hpg_loaded *hpg_call_model(hpg_call *call, Datum datum);

/*
 * The released model of the name in a datum, a text (hpg_named.c).  Looked up
 * once, for as long as it means the same.  Valid for this call.
 */
extern hpg_loaded *hpg_call_named(hpg_call *call, Datum datum);

/* One of the two: how argument 0 says which model. */
typedef hpg_loaded *(*hpg_resolver)(hpg_call *call, Datum datum);

/*
 * The argument of an aggregate that takes one model for all rows of a
 * group.  The call is that of its state, zeroed at first; ERROR where the model
 * is NULL, or not that of digest, from the last row.
 */
extern hpg_loaded *
hpg_call_same_model(FunctionCallInfo fcinfo, int arg, hpg_resolver resolve,
					hpg_call *call, MemoryContext context, hpc_digest *digest);

/* The ERROR for another one. */
extern void hpg_models_differ(void) pg_attribute_noreturn();

/* Its row argument; ERROR where that is NULL. */
extern HeapTupleHeader hpg_arg_row(FunctionCallInfo fcinfo, int arg);

/* The digest of the model in a datum, of which it reads the first bytes. */
extern hpc_digest hpg_datum_digest(Datum datum);

/* The model argument of a function that is called once. */
extern const hpc_model *hpg_arg_model(FunctionCallInfo fcinfo, int arg);

/*
 * Binds by name; ERROR on a missing column or one of another kind.  The
 * binding applies the model's fill.  What is in the slot is kept while it
 * fits.
 */
extern hpg_binding *hpg_binding_of(hpg_binding **slot, const hpc_model *model,
								   HeapTupleHeader row, MemoryContext context);

/*
 * Of a function whose arguments begin with a model, or its name, and a row:
 * both, and the call's binding of them.
 */
extern hpg_binding *
hpg_call_bind(FunctionCallInfo fcinfo, hpg_resolver resolve,
			  hpg_loaded **loaded, HeapTupleHeader *row);

/* The same for a row type; the binding stays in context. */
extern hpg_binding *
hpg_binding_make(const hpc_model *model, hpg_rowtype *rowtype,
				 MemoryContext context);

/*
 * Values, of the features on which predictions depend, of the row that is in
 * rowtype->values and nulls; the model's fill is applied there.
 */
extern const hpc_value *hpg_binding_used_values(hpg_binding *binding);

/* The same of all features. */
extern const hpc_value *hpg_binding_all_values(hpg_binding *binding);

/* Values of a row in the model's order of features. */
extern const hpc_value *
hpg_binding_values(hpg_binding *binding, HeapTupleHeader row);

/*
 * The prediction for a row by the model that the binding was made for; and
 * for what is in rowtype->values and nulls.
 */
extern double hpg_binding_predict(hpg_binding *binding, hpg_loaded *loaded,
								  HeapTupleHeader row);
extern double
hpg_binding_predict_values(hpg_binding *binding, hpg_loaded *loaded);

/* The same for the values that were read last. */
extern double
hpg_binding_predict_read(hpg_binding *binding, hpg_loaded *loaded);

/*
 * The prediction out of bag for the row whose values hpg_binding_values, or
 * hpg_binding_all_values, answered last.  False: every tree has it in its bag.
 */
extern bool
hpg_binding_predict_oob(hpg_binding *binding, const hpc_model *model,
						double target, double weight, double *prediction);

/* The interval for a row; only for a model that has intervals. */
extern void
hpg_binding_predict_interval(hpg_binding *binding, hpg_loaded *loaded,
							 HeapTupleHeader row, double coverage,
							 hpc_interval *interval);

/* The same for the values that were read last. */
extern void hpg_binding_interval(hpg_binding *binding, const hpc_model *model,
								 double coverage, hpc_interval *interval);

/*
 * The value of the target column that the model names in the row last read
 * whole, before any fill.  False: NULL, or there is no such number.
 */
extern bool hpg_binding_target(const hpg_binding *binding, double *target);

/*
 * The same where there has to be one.  False: NULL.  ERROR: the model names none
 * (the HINT shows the function with a target), or there is no such column.
 */
extern bool
hpg_binding_own_target(hpg_binding *binding, const hpc_texts *texts,
					   const char *function, double *target);

/* Its weight, likewise; name: of the model's column of weights, or NULL. */
extern double hpg_binding_weight(hpg_binding *binding, const char *name);

/* ---------- hpg_interval.c ---------- */

/* ERROR: it is no coverage, or the model has no intervals. */
extern void hpg_check_interval(const hpc_model *model, double coverage);

/* ---------- hpg_warn.c ---------- */

/* What of a row is unlike the training: a text[]. */
extern Datum hpg_warnings(const hpc_model *model, const hpc_value *values);

/* A category in quotes, shortened where it is long. */
extern char *hpg_quoted(const char *bytes, uint32_t nbytes);

/* How a value is unlike all of the training. */
typedef enum hpg_warning
{
	HPG_NO_WARNING,
	HPG_WARN_MISSING, /* it never was */
	HPG_WARN_ABOVE,   /* the greatest, or after the latest */
	HPG_WARN_BELOW,   /* the least, or before the earliest */
	HPG_WARN_UNSEEN,  /* category */
	HPG_WARNINGS
} hpg_warning;

/* feature: what hpc_model_feature_at says of the one of this index. */
extern hpg_warning
hpg_warning_of(const hpc_model *model, int index,
			   const hpc_model_feature *feature, const hpc_value *value);

/* ---------- hpg_explain.c ---------- */

/* A feature and its share in the importance of all. */
typedef struct hpg_ranked
{
	int index; /* in the model */
	hpc_model_feature feature;
	double share;
} hpg_ranked;

/* All features of the model, the largest share first, then by name. */
extern hpg_ranked *hpg_rank_features(const hpc_model *model, int *nfeatures);

#endif /* HPG_H */
