/* houseprice 0.1.0: clean -> select -> train -> predict, in SQL */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION houseprice" to load this file. \quit

---------------------------------------------------------------------------
-- model: the type
---------------------------------------------------------------------------

CREATE TYPE hp_model;

CREATE FUNCTION hp_model_in(cstring) RETURNS hp_model
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_in(cstring) IS
	'text input of hp_model: validates every byte';

CREATE FUNCTION hp_model_out(hp_model) RETURNS cstring
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_out(hp_model) IS
	'text output of hp_model: a line to read, then base64';

CREATE FUNCTION hp_model_recv(internal) RETURNS hp_model
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_recv(internal) IS
	'binary input of hp_model: validates every byte';

CREATE FUNCTION hp_model_send(hp_model) RETURNS bytea
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_send(hp_model) IS 'binary output of hp_model';

-- external: models do not compress, and are used as they are
CREATE TYPE hp_model (
	INPUT = hp_model_in,
	OUTPUT = hp_model_out,
	RECEIVE = hp_model_recv,
	SEND = hp_model_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE hp_model IS 'a trained model: one value, used in place';

CREATE FUNCTION hp_model_info(model hp_model) RETURNS jsonb
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_info(hp_model) IS
	'algorithm, parameters, features, rows, digests, out-of-bag metrics, size';

---------------------------------------------------------------------------
-- model: comparing, by digest
---------------------------------------------------------------------------

CREATE FUNCTION hp_model_eq(hp_model, hp_model) RETURNS boolean
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_eq(hp_model, hp_model) IS
	'implementation of = operator';

CREATE FUNCTION hp_model_ne(hp_model, hp_model) RETURNS boolean
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_ne(hp_model, hp_model) IS
	'implementation of <> operator';

CREATE FUNCTION hp_model_lt(hp_model, hp_model) RETURNS boolean
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_lt(hp_model, hp_model) IS
	'implementation of < operator';

CREATE FUNCTION hp_model_le(hp_model, hp_model) RETURNS boolean
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_le(hp_model, hp_model) IS
	'implementation of <= operator';

CREATE FUNCTION hp_model_gt(hp_model, hp_model) RETURNS boolean
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_gt(hp_model, hp_model) IS
	'implementation of > operator';

CREATE FUNCTION hp_model_ge(hp_model, hp_model) RETURNS boolean
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_ge(hp_model, hp_model) IS
	'implementation of >= operator';

CREATE OPERATOR = (
	LEFTARG = hp_model, RIGHTARG = hp_model, FUNCTION = hp_model_eq,
	COMMUTATOR = =, NEGATOR = <>,
	RESTRICT = eqsel, JOIN = eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR = (hp_model, hp_model) IS 'equal, by digest';

CREATE OPERATOR <> (
	LEFTARG = hp_model, RIGHTARG = hp_model, FUNCTION = hp_model_ne,
	COMMUTATOR = <>, NEGATOR = =,
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (hp_model, hp_model) IS 'not equal, by digest';

CREATE OPERATOR < (
	LEFTARG = hp_model, RIGHTARG = hp_model, FUNCTION = hp_model_lt,
	COMMUTATOR = >, NEGATOR = >=,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (hp_model, hp_model) IS 'less than, by digest';

CREATE OPERATOR <= (
	LEFTARG = hp_model, RIGHTARG = hp_model, FUNCTION = hp_model_le,
	COMMUTATOR = >=, NEGATOR = >,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (hp_model, hp_model) IS 'less than or equal, by digest';

CREATE OPERATOR > (
	LEFTARG = hp_model, RIGHTARG = hp_model, FUNCTION = hp_model_gt,
	COMMUTATOR = <, NEGATOR = <=,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (hp_model, hp_model) IS 'greater than, by digest';

CREATE OPERATOR >= (
	LEFTARG = hp_model, RIGHTARG = hp_model, FUNCTION = hp_model_ge,
	COMMUTATOR = <=, NEGATOR = <,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (hp_model, hp_model) IS 'greater than or equal, by digest';

CREATE FUNCTION hp_model_cmp(hp_model, hp_model) RETURNS integer
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_cmp(hp_model, hp_model) IS
	'less-equal-greater, by digest';

CREATE FUNCTION hp_model_hash(hp_model) RETURNS integer
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_hash(hp_model) IS 'hash';

CREATE FUNCTION hp_model_hash_extended(hp_model, bigint) RETURNS bigint
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_hash_extended(hp_model, bigint) IS 'hash';

CREATE OPERATOR CLASS hp_model_ops DEFAULT FOR TYPE hp_model USING btree AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
	FUNCTION 1 hp_model_cmp(hp_model, hp_model);
COMMENT ON OPERATOR FAMILY hp_model_ops USING btree IS 'models by digest';
COMMENT ON OPERATOR CLASS hp_model_ops USING btree IS 'models by digest';

CREATE OPERATOR CLASS hp_model_ops DEFAULT FOR TYPE hp_model USING hash AS
	OPERATOR 1 =,
	FUNCTION 1 hp_model_hash(hp_model),
	FUNCTION 2 hp_model_hash_extended(hp_model, bigint);
COMMENT ON OPERATOR FAMILY hp_model_ops USING hash IS 'models by digest';
COMMENT ON OPERATOR CLASS hp_model_ops USING hash IS 'models by digest';

---------------------------------------------------------------------------
-- model: as something else
---------------------------------------------------------------------------

CREATE FUNCTION hp_model_from_bytea(bytea) RETURNS hp_model
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_from_bytea(bytea) IS
	'cast to hp_model: validates every byte';

CREATE FUNCTION hp_model_to_bytea(hp_model) RETURNS bytea
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_model_to_bytea(hp_model) IS 'cast to bytea';

CREATE FUNCTION hp_model_to_jsonb(hp_model) RETURNS jsonb
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION hp_model_to_jsonb(hp_model) IS
	'cast to jsonb: all that a model says and has learned';

CREATE CAST (bytea AS hp_model) WITH FUNCTION hp_model_from_bytea(bytea);
CREATE CAST (hp_model AS bytea) WITH FUNCTION hp_model_to_bytea(hp_model);
CREATE CAST (hp_model AS jsonb) WITH FUNCTION hp_model_to_jsonb(hp_model);
COMMENT ON CAST (bytea AS hp_model) IS 'the bytes of a model, validated';
COMMENT ON CAST (hp_model AS bytea) IS 'the bytes of a model';
COMMENT ON CAST (hp_model AS jsonb) IS
	'all that a model says and has learned';

CREATE FUNCTION hp_tree(model hp_model, n integer)
RETURNS TABLE
(
	node integer,
	parent integer,
	depth integer,
	rule text,
	feature text,
	threshold float8,
	categories text[],
	missing text,
	left_child integer,
	right_child integer,
	rows bigint,
	value float8
)
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_tree(hp_model, integer) IS
	'the nodes of one tree of a model, numbered from 1';

---------------------------------------------------------------------------
-- clean
---------------------------------------------------------------------------

CREATE FUNCTION hp_clean(r anyelement, fill jsonb DEFAULT NULL)
RETURNS anyelement
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION hp_clean(anyelement, jsonb) IS
	'the row with what is missing filled in';

CREATE FUNCTION hp_fit_cleaner_accum(internal, record) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_fit_cleaner_accum(internal, record) IS
	'transition function of hp_fit_cleaner';

CREATE FUNCTION hp_fit_cleaner_accum(internal, record, jsonb) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_fit_cleaner_accum(internal, record, jsonb) IS
	'transition function of hp_fit_cleaner';

CREATE FUNCTION hp_fit_cleaner_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_fit_cleaner_combine(internal, internal) IS
	'combine function of hp_fit_cleaner';

CREATE FUNCTION hp_fit_cleaner_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_fit_cleaner_serialize(internal) IS
	'serialization function of hp_fit_cleaner';

CREATE FUNCTION hp_fit_cleaner_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_fit_cleaner_deserialize(bytea, internal) IS
	'deserialization function of hp_fit_cleaner';

CREATE FUNCTION hp_fit_cleaner_final(internal) RETURNS jsonb
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_fit_cleaner_final(internal) IS
	'final function of hp_fit_cleaner';

CREATE AGGREGATE hp_fit_cleaner(r record)
(
	SFUNC = hp_fit_cleaner_accum,
	STYPE = internal,
	FINALFUNC = hp_fit_cleaner_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_fit_cleaner_combine,
	SERIALFUNC = hp_fit_cleaner_serialize,
	DESERIALFUNC = hp_fit_cleaner_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_fit_cleaner(record) IS
	'a fill for hp_clean: medians and modes of the rows';

CREATE AGGREGATE hp_fit_cleaner(r record, policy jsonb)
(
	SFUNC = hp_fit_cleaner_accum,
	STYPE = internal,
	FINALFUNC = hp_fit_cleaner_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_fit_cleaner_combine,
	SERIALFUNC = hp_fit_cleaner_serialize,
	DESERIALFUNC = hp_fit_cleaner_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_fit_cleaner(record, jsonb) IS
	'a fill for hp_clean, fitted on the rows by a policy';

-- volatile and parallel unsafe as query_to_xml() is: source may be any query
CREATE FUNCTION hp_clean_rows(r anyelement, source text DEFAULT NULL,
	policy jsonb DEFAULT NULL)
RETURNS SETOF anyelement
	AS 'MODULE_PATHNAME'
	LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION hp_clean_rows(anyelement, text, jsonb) IS
	'the rows of a source, cleaned with a fill fitted on them';

---------------------------------------------------------------------------
-- describe
---------------------------------------------------------------------------

CREATE FUNCTION hp_describe(r anyelement, source text DEFAULT NULL)
RETURNS TABLE
(
	column_name text,
	type text,
	count bigint,
	nulls bigint,
	distinct_values bigint,
	mean float8,
	sd float8,
	min text,
	q1 float8,
	median float8,
	q3 float8,
	max text,
	top_values text,
	histogram text
)
	AS 'MODULE_PATHNAME'
	LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 50;
COMMENT ON FUNCTION hp_describe(anyelement, text) IS
	'describes the columns of the table of a row type, or of another source';

CREATE FUNCTION hp_describe(source text)
RETURNS TABLE
(
	column_name text,
	type text,
	count bigint,
	nulls bigint,
	distinct_values bigint,
	mean float8,
	sd float8,
	min text,
	q1 float8,
	median float8,
	q3 float8,
	max text,
	top_values text,
	histogram text
)
	AS 'MODULE_PATHNAME', 'hp_describe_source'
	LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 50;
COMMENT ON FUNCTION hp_describe(text) IS
	'describes the columns of a table or query';

---------------------------------------------------------------------------
-- select
---------------------------------------------------------------------------

CREATE FUNCTION hp_select_features(r record, VARIADIC features text[])
RETURNS record
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION hp_select_features(record, text[]) IS
	'the named columns of a row, as a record';

-- volatile and parallel unsafe as query_to_xml() is: source may be any query
CREATE FUNCTION hp_rank_features(r anyelement, target text,
	source text DEFAULT NULL, params jsonb DEFAULT NULL)
RETURNS TABLE (rank int, feature text, score float8, r2 float8, reason text)
	AS 'MODULE_PATHNAME'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 50;
COMMENT ON FUNCTION hp_rank_features(anyelement, text, text, jsonb) IS
	'the columns of the table of a row type, or of another source, by their use for predicting a target';

CREATE FUNCTION hp_rank_features(source text, target text,
	params jsonb DEFAULT NULL)
RETURNS TABLE (rank int, feature text, score float8, r2 float8, reason text)
	AS 'MODULE_PATHNAME', 'hp_rank_features_source'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 50;
COMMENT ON FUNCTION hp_rank_features(text, text, jsonb) IS
	'the columns of a table or query by their use for predicting a target';

CREATE FUNCTION hp_best_features_accum_value(internal, record, float8, int)
RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_best_features_accum_value(internal, record, float8, int) IS
	'transition function of hp_best_features';

CREATE FUNCTION hp_best_features_accum_value(internal, record, float8, int, jsonb)
RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_best_features_accum_value(internal, record, float8, int, jsonb) IS
	'transition function of hp_best_features';

CREATE FUNCTION hp_best_features_accum_named(internal, record, text, int)
RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_best_features_accum_named(internal, record, text, int) IS
	'transition function of hp_best_features';

CREATE FUNCTION hp_best_features_accum_named(internal, record, text, int, jsonb)
RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_best_features_accum_named(internal, record, text, int, jsonb) IS
	'transition function of hp_best_features';

CREATE FUNCTION hp_best_features_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_best_features_combine(internal, internal) IS
	'combine function of hp_best_features';

CREATE FUNCTION hp_best_features_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_best_features_serialize(internal) IS
	'serial function of hp_best_features';

CREATE FUNCTION hp_best_features_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_best_features_deserialize(bytea, internal) IS
	'deserial function of hp_best_features';

CREATE FUNCTION hp_best_features_final(internal) RETURNS text[]
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_best_features_final(internal) IS
	'final function of hp_best_features';

CREATE AGGREGATE hp_best_features(r record, target float8, k int) (
	SFUNC = hp_best_features_accum_value,
	STYPE = internal,
	FINALFUNC = hp_best_features_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_best_features_combine,
	SERIALFUNC = hp_best_features_serialize,
	DESERIALFUNC = hp_best_features_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_best_features(record, float8, int) IS
	'the names of the k columns that are the most useful for predicting a target';

CREATE AGGREGATE hp_best_features(r record, target float8, k int, params jsonb) (
	SFUNC = hp_best_features_accum_value,
	STYPE = internal,
	FINALFUNC = hp_best_features_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_best_features_combine,
	SERIALFUNC = hp_best_features_serialize,
	DESERIALFUNC = hp_best_features_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_best_features(record, float8, int, jsonb) IS
	'the names of the k columns that are the most useful for predicting a target';

CREATE AGGREGATE hp_best_features(r record, target text, k int) (
	SFUNC = hp_best_features_accum_named,
	STYPE = internal,
	FINALFUNC = hp_best_features_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_best_features_combine,
	SERIALFUNC = hp_best_features_serialize,
	DESERIALFUNC = hp_best_features_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_best_features(record, text, int) IS
	'the names of the k columns that are the most useful for predicting a target';

CREATE AGGREGATE hp_best_features(r record, target text, k int, params jsonb) (
	SFUNC = hp_best_features_accum_named,
	STYPE = internal,
	FINALFUNC = hp_best_features_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_best_features_combine,
	SERIALFUNC = hp_best_features_serialize,
	DESERIALFUNC = hp_best_features_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_best_features(record, text, int, jsonb) IS
	'the names of the k columns that are the most useful for predicting a target';

---------------------------------------------------------------------------
-- split
---------------------------------------------------------------------------

CREATE FUNCTION hp_split(key anyelement, fraction float8, seed bigint DEFAULT 0)
RETURNS boolean
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_split(anyelement, float8, bigint) IS
	'true for a share of all keys, the same ones every time';

CREATE FUNCTION hp_split(key text, fraction float8, seed bigint DEFAULT 0)
RETURNS boolean
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_split(text, float8, bigint) IS
	'true for a share of all keys, the same ones every time';

CREATE FUNCTION hp_fold(key anyelement, k int, seed bigint DEFAULT 0)
RETURNS int
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_fold(anyelement, int, bigint) IS
	'one of k parts for a key, from 0, the same one every time';

CREATE FUNCTION hp_fold(key text, k int, seed bigint DEFAULT 0)
RETURNS int
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_fold(text, int, bigint) IS
	'one of k parts for a key, from 0, the same one every time';

---------------------------------------------------------------------------
-- train: parameters, then the aggregates
---------------------------------------------------------------------------

CREATE FUNCTION hp_forest(
	trees integer DEFAULT NULL,
	features integer DEFAULT NULL,
	feature_fraction float8 DEFAULT NULL,
	max_depth integer DEFAULT NULL,
	min_leaf integer DEFAULT NULL,
	max_leaves integer DEFAULT NULL,
	max_bins integer DEFAULT NULL,
	bag boolean DEFAULT NULL,
	row_fraction float8 DEFAULT NULL,
	cat_smooth float8 DEFAULT NULL,
	cat_min_rows float8 DEFAULT NULL,
	log_target boolean DEFAULT NULL,
	retransform text DEFAULT NULL,
	monotone jsonb DEFAULT NULL,
	weight text DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	leak text DEFAULT NULL,
	clean jsonb DEFAULT NULL,
	seed bigint DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_forest IS 'parameters of a random forest for hp_train';

CREATE FUNCTION hp_extra_trees(
	trees integer DEFAULT NULL,
	features integer DEFAULT NULL,
	feature_fraction float8 DEFAULT NULL,
	max_depth integer DEFAULT NULL,
	min_leaf integer DEFAULT NULL,
	max_leaves integer DEFAULT NULL,
	max_bins integer DEFAULT NULL,
	bag boolean DEFAULT NULL,
	row_fraction float8 DEFAULT NULL,
	cat_smooth float8 DEFAULT NULL,
	cat_min_rows float8 DEFAULT NULL,
	log_target boolean DEFAULT NULL,
	retransform text DEFAULT NULL,
	monotone jsonb DEFAULT NULL,
	weight text DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	leak text DEFAULT NULL,
	clean jsonb DEFAULT NULL,
	seed bigint DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_extra_trees IS
	'parameters of extremely randomized trees for hp_train';

CREATE FUNCTION hp_boost(
	rounds integer DEFAULT NULL,
	learning_rate float8 DEFAULT NULL,
	max_leaves integer DEFAULT NULL,
	max_depth integer DEFAULT NULL,
	min_leaf integer DEFAULT NULL,
	l2 float8 DEFAULT NULL,
	row_fraction float8 DEFAULT NULL,
	feature_fraction float8 DEFAULT NULL,
	max_bins integer DEFAULT NULL,
	loss text DEFAULT NULL,
	quantile float8 DEFAULT NULL,
	huber_quantile float8 DEFAULT NULL,
	early_stopping boolean DEFAULT NULL,
	cat_smooth float8 DEFAULT NULL,
	cat_min_rows float8 DEFAULT NULL,
	log_target boolean DEFAULT NULL,
	retransform text DEFAULT NULL,
	monotone jsonb DEFAULT NULL,
	weight text DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	leak text DEFAULT NULL,
	clean jsonb DEFAULT NULL,
	seed bigint DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_boost IS 'parameters of gradient boosting for hp_train';

CREATE FUNCTION hp_linear(
	l1 float8 DEFAULT NULL,
	l2 float8 DEFAULT NULL,
	log_target boolean DEFAULT NULL,
	retransform text DEFAULT NULL,
	weight text DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	leak text DEFAULT NULL,
	clean jsonb DEFAULT NULL,
	seed bigint DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_linear IS
	'parameters of a linear model with an elastic net penalty for hp_train';

CREATE FUNCTION hp_blend(VARIADIC members jsonb[])
RETURNS jsonb
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_blend IS
	'parameters of several models for hp_train, whose predictions are averaged';

CREATE FUNCTION hp_mean()
RETURNS jsonb
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_mean IS
	'parameters of the baseline model for hp_train: the mean of the target';

CREATE FUNCTION hp_train_accum_value(internal, record, float8) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_train_accum_value(internal, record, float8) IS
	'transition function of hp_train';

CREATE FUNCTION hp_train_accum_value(internal, record, float8, jsonb) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_train_accum_value(internal, record, float8, jsonb) IS
	'transition function of hp_train';

CREATE FUNCTION hp_train_accum_named(internal, record, text) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_train_accum_named(internal, record, text) IS
	'transition function of hp_train';

CREATE FUNCTION hp_train_accum_named(internal, record, text, jsonb) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_train_accum_named(internal, record, text, jsonb) IS
	'transition function of hp_train';

CREATE FUNCTION hp_train_combine(internal, internal) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_train_combine(internal, internal) IS
	'combine function of hp_train';

CREATE FUNCTION hp_train_serialize(internal) RETURNS bytea
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_train_serialize(internal) IS
	'serial function of hp_train';

CREATE FUNCTION hp_train_deserialize(bytea, internal) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_train_deserialize(bytea, internal) IS
	'deserial function of hp_train';

CREATE FUNCTION hp_train_final(internal) RETURNS hp_model
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_train_final(internal) IS
	'final function of hp_train';

CREATE AGGREGATE hp_train(r record, target float8) (
	SFUNC = hp_train_accum_value,
	STYPE = internal,
	FINALFUNC = hp_train_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_train_combine,
	SERIALFUNC = hp_train_serialize,
	DESERIALFUNC = hp_train_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_train(record, float8) IS
	'trains a model on rows, the target being a value, with the default parameters';

CREATE AGGREGATE hp_train(r record, target float8, params jsonb) (
	SFUNC = hp_train_accum_value,
	STYPE = internal,
	FINALFUNC = hp_train_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_train_combine,
	SERIALFUNC = hp_train_serialize,
	DESERIALFUNC = hp_train_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_train(record, float8, jsonb) IS
	'trains a model on rows, the target being a value';

CREATE AGGREGATE hp_train(r record, target text) (
	SFUNC = hp_train_accum_named,
	STYPE = internal,
	FINALFUNC = hp_train_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_train_combine,
	SERIALFUNC = hp_train_serialize,
	DESERIALFUNC = hp_train_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_train(record, text) IS
	'trains a model on rows, the target being the column of that name, with the default parameters';

CREATE AGGREGATE hp_train(r record, target text, params jsonb) (
	SFUNC = hp_train_accum_named,
	STYPE = internal,
	FINALFUNC = hp_train_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_train_combine,
	SERIALFUNC = hp_train_serialize,
	DESERIALFUNC = hp_train_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_train(record, text, jsonb) IS
	'trains a model on rows, the target being the column of that name';

CREATE FUNCTION hp_merge_accum(internal, hp_model) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_merge_accum(internal, hp_model) IS
	'transition function of hp_merge';

CREATE FUNCTION hp_merge_final(internal) RETURNS hp_model
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_merge_final(internal) IS
	'final function of hp_merge';

CREATE AGGREGATE hp_merge(model hp_model) (
	SFUNC = hp_merge_accum,
	STYPE = internal,
	FINALFUNC = hp_merge_final,
	FINALFUNC_MODIFY = READ_ONLY,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_merge(hp_model) IS
	'one forest of the trees of several, trained apart';

---------------------------------------------------------------------------
-- predict
---------------------------------------------------------------------------

CREATE FUNCTION hp_predict_support(internal) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_predict_support(internal) IS
	'planner support for hp_predict and its kin';

CREATE FUNCTION hp_predict(model hp_model, r record) RETURNS float8
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
SUPPORT hp_predict_support;
COMMENT ON FUNCTION hp_predict(hp_model, record) IS
	'prediction of a model for a row, whose columns bind to features by name';

CREATE FUNCTION hp_predict_json(model hp_model, r jsonb) RETURNS float8
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200
SUPPORT hp_predict_support;
COMMENT ON FUNCTION hp_predict_json(hp_model, jsonb) IS
	'prediction of a model for a row as a JSON object';

CREATE FUNCTION hp_predict_oob(model hp_model, r record) RETURNS float8
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
SUPPORT hp_predict_support;
COMMENT ON FUNCTION hp_predict_oob(hp_model, record) IS
	'prediction for a row of the training by the trees that did not see it';

CREATE FUNCTION hp_predict_oob(model hp_model, r record, target float8)
RETURNS float8
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
SUPPORT hp_predict_support;
COMMENT ON FUNCTION hp_predict_oob(hp_model, record, float8) IS
	'the same for a model whose target was given by value';

CREATE TYPE hp_interval AS
(
	prediction float8,
	lower float8,
	upper float8
);
COMMENT ON TYPE hp_interval IS
	'what hp_predict_interval returns: a prediction, and an interval around it';

CREATE FUNCTION hp_predict_interval(model hp_model, r record,
	coverage float8 DEFAULT 0.9) RETURNS hp_interval
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 150
SUPPORT hp_predict_support;
COMMENT ON FUNCTION hp_predict_interval(hp_model, record, float8) IS
	'the prediction of a model for a row, and an interval that holds the target with a given probability';

CREATE FUNCTION hp_warn(model hp_model, r record) RETURNS text[]
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION hp_warn(hp_model, record) IS
	'what of a row is unlike all that a model was trained on';

CREATE FUNCTION hp_check(model hp_model, r anyelement)
RETURNS TABLE (column_name text, problem text)
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION hp_check(hp_model, anyelement) IS
	'why rows of a type do not suit a model; no rows: they do';

CREATE FUNCTION hp_predict_rows_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_predict_rows_support(internal) IS
	'planner support for hp_predict_rows';

-- volatile and parallel unsafe as query_to_xml() is: source may be any query
CREATE FUNCTION hp_predict_rows(model hp_model, r anyelement,
	source text DEFAULT NULL, source_rows boolean DEFAULT true,
	coverage float8 DEFAULT NULL, warnings boolean DEFAULT false)
RETURNS TABLE (source_row anyelement, prediction float8, lower float8,
	upper float8, warnings text[])
	AS 'MODULE_PATHNAME'
	LANGUAGE C VOLATILE PARALLEL UNSAFE SUPPORT hp_predict_rows_support;
COMMENT ON FUNCTION hp_predict_rows(hp_model, anyelement, text, boolean, float8, boolean) IS
	'the rows of a source, each with its prediction: many together, by several threads';

---------------------------------------------------------------------------
-- evaluate
---------------------------------------------------------------------------

CREATE FUNCTION hp_mae_accum(internal, float8, float8) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_mae_accum(internal, float8, float8) IS
	'transition function of hp_mae';

CREATE FUNCTION hp_rmse_accum(internal, float8, float8) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_rmse_accum(internal, float8, float8) IS
	'transition function of hp_rmse';

CREATE FUNCTION hp_rmsle_accum(internal, float8, float8) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_rmsle_accum(internal, float8, float8) IS
	'transition function of hp_rmsle';

CREATE FUNCTION hp_mape_accum(internal, float8, float8) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_mape_accum(internal, float8, float8) IS
	'transition function of hp_mape';

CREATE FUNCTION hp_r2_accum(internal, float8, float8) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_r2_accum(internal, float8, float8) IS
	'transition function of hp_r2';

CREATE FUNCTION hp_error_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_error_combine(internal, internal) IS
	'combine function of the error metrics';

CREATE FUNCTION hp_error_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_error_serialize(internal) IS
	'serialization function of the error metrics';

CREATE FUNCTION hp_error_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_error_deserialize(bytea, internal) IS
	'deserialization function of the error metrics';

CREATE FUNCTION hp_error_mean(internal) RETURNS float8
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_error_mean(internal) IS
	'final function of hp_mae and hp_mape';

CREATE FUNCTION hp_error_root_mean(internal) RETURNS float8
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_error_root_mean(internal) IS
	'final function of hp_rmse and hp_rmsle';

CREATE FUNCTION hp_error_r2(internal) RETURNS float8
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_error_r2(internal) IS
	'final function of hp_r2';

CREATE AGGREGATE hp_mae(actual float8, predicted float8)
(
	SFUNC = hp_mae_accum,
	STYPE = internal,
	FINALFUNC = hp_error_mean,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_error_combine,
	SERIALFUNC = hp_error_serialize,
	DESERIALFUNC = hp_error_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_mae(float8, float8) IS
	'mean absolute error of predictions';

CREATE AGGREGATE hp_rmse(actual float8, predicted float8)
(
	SFUNC = hp_rmse_accum,
	STYPE = internal,
	FINALFUNC = hp_error_root_mean,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_error_combine,
	SERIALFUNC = hp_error_serialize,
	DESERIALFUNC = hp_error_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_rmse(float8, float8) IS
	'root mean squared error of predictions';

CREATE AGGREGATE hp_rmsle(actual float8, predicted float8)
(
	SFUNC = hp_rmsle_accum,
	STYPE = internal,
	FINALFUNC = hp_error_root_mean,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_error_combine,
	SERIALFUNC = hp_error_serialize,
	DESERIALFUNC = hp_error_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_rmsle(float8, float8) IS
	'root mean squared error of the logarithms of 1 + value';

CREATE AGGREGATE hp_mape(actual float8, predicted float8)
(
	SFUNC = hp_mape_accum,
	STYPE = internal,
	FINALFUNC = hp_error_mean,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_error_combine,
	SERIALFUNC = hp_error_serialize,
	DESERIALFUNC = hp_error_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_mape(float8, float8) IS
	'mean absolute error as a fraction of the actual value';

CREATE AGGREGATE hp_r2(actual float8, predicted float8)
(
	SFUNC = hp_r2_accum,
	STYPE = internal,
	FINALFUNC = hp_error_r2,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_error_combine,
	SERIALFUNC = hp_error_serialize,
	DESERIALFUNC = hp_error_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_r2(float8, float8) IS
	'share of the variance of the actual values that predictions explain';

CREATE TYPE hp_evaluation AS
(
	n bigint,
	mae float8,
	rmse float8,
	rmsle float8,
	mape float8,
	r2 float8,
	mdape float8,
	within_10pct float8,
	median_ratio float8,
	cod float8,
	prd float8
);
COMMENT ON TYPE hp_evaluation IS
	'what hp_evaluate returns: metrics of predictions';

CREATE FUNCTION hp_coverage_accum(bigint[], float8, float8, float8)
RETURNS bigint[]
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_coverage_accum(bigint[], float8, float8, float8) IS
	'transition function of hp_coverage';

CREATE FUNCTION hp_coverage_combine(bigint[], bigint[]) RETURNS bigint[]
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_coverage_combine(bigint[], bigint[]) IS
	'combine function of hp_coverage';

CREATE FUNCTION hp_coverage_final(bigint[]) RETURNS float8
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_coverage_final(bigint[]) IS
	'final function of hp_coverage';

CREATE AGGREGATE hp_coverage(actual float8, lower float8, upper float8)
(
	SFUNC = hp_coverage_accum,
	STYPE = bigint[],
	INITCOND = '{0,0}',
	FINALFUNC = hp_coverage_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_coverage_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_coverage(float8, float8, float8) IS
	'share of the actual values that lie between a lower and an upper one';

CREATE FUNCTION hp_evaluate_accum(internal, float8, float8) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_evaluate_accum(internal, float8, float8) IS
	'transition function of hp_evaluate';

CREATE FUNCTION hp_evaluate_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_evaluate_combine(internal, internal) IS
	'combine function of hp_evaluate';

CREATE FUNCTION hp_evaluate_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_evaluate_serialize(internal) IS
	'serialization function of hp_evaluate';

CREATE FUNCTION hp_evaluate_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_evaluate_deserialize(bytea, internal) IS
	'deserialization function of hp_evaluate';

CREATE FUNCTION hp_evaluate_final(internal) RETURNS hp_evaluation
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_evaluate_final(internal) IS
	'final function of hp_evaluate';

CREATE AGGREGATE hp_evaluate(actual float8, predicted float8)
(
	SFUNC = hp_evaluate_accum,
	STYPE = internal,
	FINALFUNC = hp_evaluate_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_evaluate_combine,
	SERIALFUNC = hp_evaluate_serialize,
	DESERIALFUNC = hp_evaluate_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_evaluate(float8, float8) IS
	'all metrics of predictions, and the measures of a ratio study';

CREATE TYPE hp_fold_score AS
(
	fold integer,
	train_rows bigint,
	test_rows bigint,
	mae float8,
	rmse float8,
	rmsle float8,
	mape float8,
	r2 float8,
	model_digest text
);
COMMENT ON TYPE hp_fold_score IS
	'what hp_cross_validate returns for each fold: metrics of a model for rows it was not trained on';

CREATE TYPE hp_score_summary AS
(
	folds integer,
	test_rows bigint,
	mae float8,
	mae_sd float8,
	rmse float8,
	rmse_sd float8,
	rmsle float8,
	rmsle_sd float8,
	mape float8,
	mape_sd float8,
	r2 float8,
	r2_sd float8
);
COMMENT ON TYPE hp_score_summary IS
	'what hp_summary returns: means and standard deviations over folds';

CREATE TYPE hp_tune_score AS
(
	rank integer,
	chosen boolean,
	mae float8,
	mae_se float8,
	rmse float8,
	difference float8,
	difference_se float8,
	train_rows bigint,
	nodes bigint,
	params jsonb
);
COMMENT ON TYPE hp_tune_score IS
	'a line of the leaderboard of hp_tune';

CREATE TYPE hp_tuning AS
(
	model hp_model,
	leaderboard hp_tune_score[]
);
COMMENT ON TYPE hp_tuning IS
	'what hp_tune returns: the chosen model, trained on all rows, and how the candidates compare';

CREATE FUNCTION hp_summary(scores hp_fold_score[]) RETURNS hp_score_summary
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_summary(hp_fold_score[]) IS
	'means and standard deviations of the scores of folds';

CREATE FUNCTION hp_cross_validate_accum_value(internal, record, float8) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_cross_validate_accum_value(internal, record, float8) IS
	'transition function of hp_cross_validate';

CREATE FUNCTION hp_cross_validate_accum_value(internal, record, float8, jsonb) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_cross_validate_accum_value(internal, record, float8, jsonb) IS
	'transition function of hp_cross_validate';

CREATE FUNCTION hp_cross_validate_accum_value(internal, record, float8, jsonb, integer) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_cross_validate_accum_value(internal, record, float8, jsonb, integer) IS
	'transition function of hp_cross_validate';

CREATE FUNCTION hp_cross_validate_accum_value(internal, record, float8, jsonb, integer, anyelement) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_cross_validate_accum_value(internal, record, float8, jsonb, integer, anyelement) IS
	'transition function of hp_cross_validate';

CREATE FUNCTION hp_cross_validate_accum_named(internal, record, text) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_cross_validate_accum_named(internal, record, text) IS
	'transition function of hp_cross_validate';

CREATE FUNCTION hp_cross_validate_accum_named(internal, record, text, jsonb) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_cross_validate_accum_named(internal, record, text, jsonb) IS
	'transition function of hp_cross_validate';

CREATE FUNCTION hp_cross_validate_accum_named(internal, record, text, jsonb, integer) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_cross_validate_accum_named(internal, record, text, jsonb, integer) IS
	'transition function of hp_cross_validate';

CREATE FUNCTION hp_cross_validate_accum_named(internal, record, text, jsonb, integer, anyelement) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_cross_validate_accum_named(internal, record, text, jsonb, integer, anyelement) IS
	'transition function of hp_cross_validate';

CREATE FUNCTION hp_cross_validate_forward_accum_value(internal, record, float8, jsonb, integer, anyelement) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_cross_validate_forward_accum_value(internal, record, float8, jsonb, integer, anyelement) IS
	'transition function of hp_cross_validate_forward';

CREATE FUNCTION hp_cross_validate_forward_accum_named(internal, record, text, jsonb, integer, anyelement) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_cross_validate_forward_accum_named(internal, record, text, jsonb, integer, anyelement) IS
	'transition function of hp_cross_validate_forward';

CREATE FUNCTION hp_tune_accum_value(internal, record, float8, jsonb[]) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_tune_accum_value(internal, record, float8, jsonb[]) IS
	'transition function of hp_tune';

CREATE FUNCTION hp_tune_accum_value(internal, record, float8, jsonb[], integer) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_tune_accum_value(internal, record, float8, jsonb[], integer) IS
	'transition function of hp_tune';

CREATE FUNCTION hp_tune_accum_value(internal, record, float8, jsonb[], integer, anyelement) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_tune_accum_value(internal, record, float8, jsonb[], integer, anyelement) IS
	'transition function of hp_tune';

CREATE FUNCTION hp_tune_accum_named(internal, record, text, jsonb[]) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_tune_accum_named(internal, record, text, jsonb[]) IS
	'transition function of hp_tune';

CREATE FUNCTION hp_tune_accum_named(internal, record, text, jsonb[], integer) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_tune_accum_named(internal, record, text, jsonb[], integer) IS
	'transition function of hp_tune';

CREATE FUNCTION hp_tune_accum_named(internal, record, text, jsonb[], integer, anyelement) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_tune_accum_named(internal, record, text, jsonb[], integer, anyelement) IS
	'transition function of hp_tune';

CREATE FUNCTION hp_folds_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_folds_combine(internal, internal) IS
	'combine function of hp_cross_validate and hp_tune';

CREATE FUNCTION hp_folds_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_folds_serialize(internal) IS
	'serial function of hp_cross_validate and hp_tune';

CREATE FUNCTION hp_folds_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_folds_deserialize(bytea, internal) IS
	'deserial function of hp_cross_validate and hp_tune';

CREATE FUNCTION hp_cross_validate_final(internal) RETURNS hp_fold_score[]
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_cross_validate_final(internal) IS
	'final function of hp_cross_validate';

CREATE FUNCTION hp_tune_final(internal) RETURNS hp_tuning
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_tune_final(internal) IS
	'final function of hp_tune';

CREATE AGGREGATE hp_cross_validate(r record, target float8) (
	SFUNC = hp_cross_validate_accum_value,
	STYPE = internal,
	FINALFUNC = hp_cross_validate_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_cross_validate(record, float8) IS
	'scores of models for folds they were not trained on, with 5 folds and the default parameters';

CREATE AGGREGATE hp_cross_validate(r record, target float8, params jsonb) (
	SFUNC = hp_cross_validate_accum_value,
	STYPE = internal,
	FINALFUNC = hp_cross_validate_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_cross_validate(record, float8, jsonb) IS
	'scores of models for folds they were not trained on, with 5 folds';

CREATE AGGREGATE hp_cross_validate(r record, target float8, params jsonb, folds integer) (
	SFUNC = hp_cross_validate_accum_value,
	STYPE = internal,
	FINALFUNC = hp_cross_validate_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_cross_validate(record, float8, jsonb, integer) IS
	'scores of models for folds they were not trained on, rows being folded by all they hold';

CREATE AGGREGATE hp_cross_validate(r record, target float8, params jsonb, folds integer, key anyelement) (
	SFUNC = hp_cross_validate_accum_value,
	STYPE = internal,
	FINALFUNC = hp_cross_validate_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_cross_validate(record, float8, jsonb, integer, anyelement) IS
	'scores of models for folds they were not trained on, rows being folded by a key';

CREATE AGGREGATE hp_cross_validate(r record, target text) (
	SFUNC = hp_cross_validate_accum_named,
	STYPE = internal,
	FINALFUNC = hp_cross_validate_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_cross_validate(record, text) IS
	'scores of models for folds they were not trained on, with 5 folds and the default parameters';

CREATE AGGREGATE hp_cross_validate(r record, target text, params jsonb) (
	SFUNC = hp_cross_validate_accum_named,
	STYPE = internal,
	FINALFUNC = hp_cross_validate_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_cross_validate(record, text, jsonb) IS
	'scores of models for folds they were not trained on, with 5 folds';

CREATE AGGREGATE hp_cross_validate(r record, target text, params jsonb, folds integer) (
	SFUNC = hp_cross_validate_accum_named,
	STYPE = internal,
	FINALFUNC = hp_cross_validate_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_cross_validate(record, text, jsonb, integer) IS
	'scores of models for folds they were not trained on, rows being folded by all they hold';

CREATE AGGREGATE hp_cross_validate(r record, target text, params jsonb, folds integer, key anyelement) (
	SFUNC = hp_cross_validate_accum_named,
	STYPE = internal,
	FINALFUNC = hp_cross_validate_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_cross_validate(record, text, jsonb, integer, anyelement) IS
	'scores of models for folds they were not trained on, rows being folded by a key';

CREATE AGGREGATE hp_cross_validate_forward(r record, target float8, params jsonb, folds integer, "time" anyelement) (
	SFUNC = hp_cross_validate_forward_accum_value,
	STYPE = internal,
	FINALFUNC = hp_cross_validate_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_cross_validate_forward(record, float8, jsonb, integer, anyelement) IS
	'scores of models for rows later than those they were trained on';

CREATE AGGREGATE hp_cross_validate_forward(r record, target text, params jsonb, folds integer, "time" anyelement) (
	SFUNC = hp_cross_validate_forward_accum_named,
	STYPE = internal,
	FINALFUNC = hp_cross_validate_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_cross_validate_forward(record, text, jsonb, integer, anyelement) IS
	'scores of models for rows later than those they were trained on';

CREATE AGGREGATE hp_tune(r record, target float8, candidates jsonb[]) (
	SFUNC = hp_tune_accum_value,
	STYPE = internal,
	FINALFUNC = hp_tune_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_tune(record, float8, jsonb[]) IS
	'the best of several parameters by cross-validation, and its model, with 5 folds';

CREATE AGGREGATE hp_tune(r record, target float8, candidates jsonb[], folds integer) (
	SFUNC = hp_tune_accum_value,
	STYPE = internal,
	FINALFUNC = hp_tune_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_tune(record, float8, jsonb[], integer) IS
	'the best of several parameters by cross-validation, and its model, rows being folded by all they hold';

CREATE AGGREGATE hp_tune(r record, target float8, candidates jsonb[], folds integer, key anyelement) (
	SFUNC = hp_tune_accum_value,
	STYPE = internal,
	FINALFUNC = hp_tune_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_tune(record, float8, jsonb[], integer, anyelement) IS
	'the best of several parameters by cross-validation, and its model, rows being folded by a key';

CREATE AGGREGATE hp_tune(r record, target text, candidates jsonb[]) (
	SFUNC = hp_tune_accum_named,
	STYPE = internal,
	FINALFUNC = hp_tune_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_tune(record, text, jsonb[]) IS
	'the best of several parameters by cross-validation, and its model, with 5 folds';

CREATE AGGREGATE hp_tune(r record, target text, candidates jsonb[], folds integer) (
	SFUNC = hp_tune_accum_named,
	STYPE = internal,
	FINALFUNC = hp_tune_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_tune(record, text, jsonb[], integer) IS
	'the best of several parameters by cross-validation, and its model, rows being folded by all they hold';

CREATE AGGREGATE hp_tune(r record, target text, candidates jsonb[], folds integer, key anyelement) (
	SFUNC = hp_tune_accum_named,
	STYPE = internal,
	FINALFUNC = hp_tune_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_folds_combine,
	SERIALFUNC = hp_folds_serialize,
	DESERIALFUNC = hp_folds_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_tune(record, text, jsonb[], integer, anyelement) IS
	'the best of several parameters by cross-validation, and its model, rows being folded by a key';

CREATE FUNCTION hp_grid(base jsonb, lists jsonb) RETURNS jsonb[]
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_grid(jsonb, jsonb) IS
	'candidates for hp_tune: parameters, and all combinations of other values of some of them';

CREATE FUNCTION hp_random(base jsonb, ranges jsonb, n integer, seed bigint DEFAULT 0)
RETURNS jsonb[]
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_random(jsonb, jsonb, integer, bigint) IS
	'candidates for hp_tune: parameters, and n draws of others between ends';

---------------------------------------------------------------------------
-- explain
---------------------------------------------------------------------------

CREATE FUNCTION hp_importance(
	model hp_model,
	OUT rank integer,
	OUT feature text,
	OUT importance float8,
	OUT bar text)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 50;
COMMENT ON FUNCTION hp_importance(hp_model) IS
	'share of each feature in what the splits of the trees gain';

-- volatile and parallel unsafe as query_to_xml() is: source may be any query
CREATE FUNCTION hp_comparables(model hp_model, r record, t anyelement,
	source text DEFAULT NULL, k integer DEFAULT 10)
RETURNS TABLE (source_row anyelement, similarity float8, share float8)
	AS 'MODULE_PATHNAME'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION hp_comparables(hp_model, record, anyelement, text, integer) IS
	'the rows of a source that a forest treats most like a given row';

CREATE FUNCTION hp_residuals(model hp_model, r anyelement,
	source text DEFAULT NULL, target text DEFAULT NULL, oob boolean DEFAULT true)
RETURNS TABLE (source_row anyelement, actual float8, predicted float8,
	residual float8, standardized float8)
	AS 'MODULE_PATHNAME'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION hp_residuals(hp_model, anyelement, text, text, boolean) IS
	'the rows of a source, those first whose target is furthest from what the model says';

CREATE FUNCTION hp_importance(model hp_model, r anyelement,
	source text DEFAULT NULL, target text DEFAULT NULL,
	oob boolean DEFAULT false)
RETURNS TABLE (rank integer, feature text, importance float8, bar text)
	AS 'MODULE_PATHNAME', 'hp_importance_rows'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 50;
COMMENT ON FUNCTION hp_importance(hp_model, anyelement, text, text, boolean) IS
	'by how much the error of a model grows, on rows of a source, when a feature tells it nothing';

CREATE FUNCTION hp_importance(model hp_model, source text,
	target text DEFAULT NULL, oob boolean DEFAULT false)
RETURNS TABLE (rank integer, feature text, importance float8, bar text)
	AS 'MODULE_PATHNAME', 'hp_importance_source'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 50;
COMMENT ON FUNCTION hp_importance(hp_model, text, text, boolean) IS
	'the same for a table or query given as text';

CREATE FUNCTION hp_explain(
	model hp_model,
	r record,
	OUT feature text,
	OUT value text,
	OUT contribution float8,
	OUT factor float8,
	OUT bar text)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
COST 10000 ROWS 50;
COMMENT ON FUNCTION hp_explain(hp_model, record) IS
	'what each feature of a row adds to its prediction';

CREATE FUNCTION hp_partial_dependence(
	model hp_model,
	feature text,
	points integer DEFAULT 20,
	OUT value float8,
	OUT label text,
	OUT prediction float8,
	OUT bar text)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
COST 100000 ROWS 20;
COMMENT ON FUNCTION hp_partial_dependence(hp_model, text, integer) IS
	'mean predictions of a model for values of one feature';

---------------------------------------------------------------------------
-- report
---------------------------------------------------------------------------

-- volatile and parallel unsafe as query_to_xml() is: source may be any query
CREATE FUNCTION hp_report(model hp_model, source text DEFAULT NULL,
	target text DEFAULT NULL)
RETURNS text
	AS 'MODULE_PATHNAME'
	LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION hp_report(hp_model, text, text) IS
	'a page of HTML about a model, and about how it does on the rows of a source';

---------------------------------------------------------------------------
-- digest
---------------------------------------------------------------------------

CREATE FUNCTION hp_digest_accum(internal, record) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_digest_accum(internal, record) IS
	'transition function of hp_digest';

CREATE FUNCTION hp_digest_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_digest_combine(internal, internal) IS
	'combine function of hp_digest';

CREATE FUNCTION hp_digest_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_digest_serialize(internal) IS
	'serialization function of hp_digest';

CREATE FUNCTION hp_digest_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_digest_deserialize(bytea, internal) IS
	'deserialization function of hp_digest';

CREATE FUNCTION hp_digest_final(internal) RETURNS text
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_digest_final(internal) IS
	'final function of hp_digest';

CREATE AGGREGATE hp_digest(r record)
(
	SFUNC = hp_digest_accum,
	STYPE = internal,
	FINALFUNC = hp_digest_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_digest_combine,
	SERIALFUNC = hp_digest_serialize,
	DESERIALFUNC = hp_digest_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_digest(record) IS
	'digest of the rows, whatever their order';

CREATE FUNCTION hp_digest_accum_model(internal, hp_model, record) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_digest_accum_model(internal, hp_model, record) IS
	'transition function of hp_digest';

CREATE FUNCTION hp_digest_accum_model(internal, hp_model, record, float8) RETURNS internal
	AS 'MODULE_PATHNAME'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_digest_accum_model(internal, hp_model, record, float8) IS
	'transition function of hp_digest';

CREATE AGGREGATE hp_digest(model hp_model, r record)
(
	SFUNC = hp_digest_accum_model,
	STYPE = internal,
	FINALFUNC = hp_digest_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_digest_combine,
	SERIALFUNC = hp_digest_serialize,
	DESERIALFUNC = hp_digest_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_digest(hp_model, record) IS
	'digest of what the model consumes of the rows; the model names its target';

CREATE AGGREGATE hp_digest(model hp_model, r record, target float8)
(
	SFUNC = hp_digest_accum_model,
	STYPE = internal,
	FINALFUNC = hp_digest_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_digest_combine,
	SERIALFUNC = hp_digest_serialize,
	DESERIALFUNC = hp_digest_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_digest(hp_model, record, float8) IS
	'digest of what the model consumes of the rows; the target being a value';
