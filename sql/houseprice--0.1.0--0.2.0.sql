/* houseprice 0.2.0: lifecycle: versions, gates, releases, drift */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION houseprice UPDATE TO '0.2.0'" to load this file. \quit

---------------------------------------------------------------------------
-- lifecycle: versions and releases
---------------------------------------------------------------------------

CREATE TABLE hp_versions
(
	name text COLLATE "C" NOT NULL,
	version integer NOT NULL CHECK (version > 0),
	digest text COLLATE "C" NOT NULL,
	model hp_model NOT NULL,
	algorithm text NOT NULL,
	algorithm_version integer NOT NULL,
	target text,
	features integer NOT NULL,
	rows bigint NOT NULL,
	data_digest text NOT NULL,
	params jsonb,
	mae float8,
	nbytes bigint NOT NULL,
	note text,
	published_at timestamptz NOT NULL,
	published_by name NOT NULL,
	PRIMARY KEY (name, version),
	UNIQUE (name, digest)
);
COMMENT ON TABLE hp_versions IS
	'models that were published, by name and version; hp_publish writes it';
SELECT pg_catalog.pg_extension_config_dump('hp_versions', '');

CREATE TABLE hp_releases
(
	name text COLLATE "C" NOT NULL,
	release integer NOT NULL CHECK (release > 0),
	version integer NOT NULL,
	action text NOT NULL CHECK (action IN ('release', 'rollback')),
	previous integer,
	released_at timestamptz NOT NULL,
	released_by name NOT NULL,
	PRIMARY KEY (name, release),
	FOREIGN KEY (name, version) REFERENCES hp_versions
);
COMMENT ON TABLE hp_releases IS
	'which version each name has meant since when; hp_release and hp_rollback write it';
-- hp_models asks for each version when it was released last; so does DELETE
CREATE INDEX hp_releases_version_idx ON hp_releases (name, version, release);
SELECT pg_catalog.pg_extension_config_dump('hp_releases', '');

CREATE VIEW hp_models AS
SELECT v.name, v.version, coalesce(v.version = current.version, false) AS released,
	v.digest, v.algorithm, v.algorithm_version, v.features, v.rows, v.target, v.params,
	v.data_digest, v.mae, v.nbytes, v.note, v.published_at, v.published_by,
	latest.released_at, latest.released_by
FROM hp_versions v
LEFT JOIN LATERAL (SELECT r.version FROM hp_releases r
	WHERE r.name = v.name
	ORDER BY r.release DESC LIMIT 1) current ON true
LEFT JOIN LATERAL (SELECT r.released_at, r.released_by FROM hp_releases r
	WHERE r.name = v.name AND r.version = v.version
	ORDER BY r.release DESC LIMIT 1) latest ON true;
COMMENT ON VIEW hp_models IS
	'the versions of all models and which of them are released, without the models themselves';

CREATE FUNCTION hp_publish(name text, model hp_model, note text DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION hp_publish(text, hp_model, text) IS
	'makes a model the next version of a name, and returns its number';

CREATE FUNCTION hp_release(name text, version integer) RETURNS integer
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION hp_release(text, integer) IS
	'from now on the name means this version';

CREATE FUNCTION hp_rollback(name text) RETURNS integer
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION hp_rollback(text) IS
	'takes the latest release of a name back, and returns the version that it means now';

CREATE FUNCTION hp_get_model(name text, version integer DEFAULT NULL)
RETURNS hp_model
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION hp_get_model(text, integer) IS
	'the model that is released under a name, or a version of it';

-- no planner support: it reads a model in argument 1
CREATE FUNCTION hp_predict(name text, r record) RETURNS float8
AS 'MODULE_PATHNAME', 'hp_predict_name'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION hp_predict(text, record) IS
	'prediction of the model that is released under a name';

CREATE FUNCTION hp_predict_json(name text, r jsonb) RETURNS float8
AS 'MODULE_PATHNAME', 'hp_predict_json_name'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION hp_predict_json(text, jsonb) IS
	'the same for a row as a JSON object';

CREATE FUNCTION hp_predict_interval(name text, r record,
	coverage float8 DEFAULT 0.9) RETURNS hp_interval
AS 'MODULE_PATHNAME', 'hp_predict_interval_name'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 150;
COMMENT ON FUNCTION hp_predict_interval(text, record, float8) IS
	'the same with an interval that holds the target with a given probability';

-- All of it is for the owner of the extension: who need not be who updates it,
-- and where the extension is trusted it is not who runs this script.  The owner
-- owns the functions as well as the tables, and privileges are granted after
-- that: then a dump has just what the owner has granted or revoked, by nobody
-- else's name, and whoever restores it can do the same.
DO $$
DECLARE
	owner name;
BEGIN
	SELECT pg_catalog.pg_get_userbyid(e.extowner) INTO STRICT owner
	FROM pg_catalog.pg_extension e
	WHERE e.extname OPERATOR(pg_catalog.=) 'houseprice';
	EXECUTE pg_catalog.format('ALTER TABLE hp_versions OWNER TO %I', owner);
	EXECUTE pg_catalog.format('ALTER TABLE hp_releases OWNER TO %I', owner);
	EXECUTE pg_catalog.format('ALTER VIEW hp_models OWNER TO %I', owner);
	EXECUTE pg_catalog.format('ALTER FUNCTION hp_publish(pg_catalog.text, hp_model, pg_catalog.text) OWNER TO %I', owner);
	EXECUTE pg_catalog.format('ALTER FUNCTION hp_release(pg_catalog.text, pg_catalog.int4) OWNER TO %I', owner);
	EXECUTE pg_catalog.format('ALTER FUNCTION hp_rollback(pg_catalog.text) OWNER TO %I', owner);
	EXECUTE pg_catalog.format('ALTER FUNCTION hp_get_model(pg_catalog.text, pg_catalog.int4) OWNER TO %I', owner);
	GRANT SELECT ON hp_releases, hp_models TO PUBLIC;
	REVOKE ALL ON FUNCTION
		hp_publish(pg_catalog.text, hp_model, pg_catalog.text),
		hp_release(pg_catalog.text, pg_catalog.int4),
		hp_rollback(pg_catalog.text),
		hp_get_model(pg_catalog.text, pg_catalog.int4)
		FROM PUBLIC;
END
$$;

---------------------------------------------------------------------------
-- lifecycle: gates
---------------------------------------------------------------------------

CREATE TYPE hp_gate_result AS
(
	verdict text,
	metric text,
	tolerance float8,
	candidate float8,
	released float8,
	difference float8,
	upper_bound float8,
	smallest_detectable float8,
	rows bigint,
	rows_needed bigint,
	skipped bigint,
	released_version integer,
	candidate_overlap float8,
	released_overlap float8,
	holdout_digest text
);
COMMENT ON TYPE hp_gate_result IS
	'what hp_gate returns: how a candidate and the released model do on the same rows';

-- volatile and parallel unsafe as query_to_xml() is: holdout may be any query
CREATE FUNCTION hp_gate(name text, candidate hp_model, holdout text,
	metric text DEFAULT 'mae', tolerance float8 DEFAULT 0.05,
	target text DEFAULT NULL, undecided text DEFAULT 'fail',
	overlap text DEFAULT 'fail')
RETURNS hp_gate_result
	AS 'MODULE_PATHNAME'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION hp_gate(text, hp_model, text, text, float8, text, text, text) IS
	'an error unless a model does as well as the released one of a name, on rows that neither was trained on';

CREATE FUNCTION hp_gate(name text, candidate integer, holdout text,
	metric text DEFAULT 'mae', tolerance float8 DEFAULT 0.05,
	target text DEFAULT NULL, undecided text DEFAULT 'fail',
	overlap text DEFAULT 'fail')
RETURNS hp_gate_result
	AS 'MODULE_PATHNAME', 'hp_gate_version'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION hp_gate(text, integer, text, text, float8, text, text, text) IS
	'the same for a published version of the name';

CREATE FUNCTION hp_diff(old_model hp_model, new_model hp_model,
	OUT aspect text, OUT item text, OUT old text, OUT new text)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 50;
COMMENT ON FUNCTION hp_diff(hp_model, hp_model) IS
	'what two models differ in, a row for each difference';

---------------------------------------------------------------------------
-- drift
---------------------------------------------------------------------------

CREATE TYPE hp_drift_line AS
(
	feature text,
	verdict text,
	n bigint,
	psi float8,
	p_value float8,
	nulls_before float8,
	nulls float8,
	unseen float8,
	out_of_range float8,
	median_ratio float8,
	change text,
	picture text
);
COMMENT ON TYPE hp_drift_line IS
	'what hp_drift returns for each feature: how newer rows differ from those of the training';

CREATE FUNCTION hp_drift_accum(internal, hp_model, record) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 150;
COMMENT ON FUNCTION hp_drift_accum(internal, hp_model, record) IS
	'transition function of hp_drift';

CREATE FUNCTION hp_drift_accum(internal, hp_model, record, float8) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 150;
COMMENT ON FUNCTION hp_drift_accum(internal, hp_model, record, float8) IS
	'transition function of hp_drift';

CREATE FUNCTION hp_drift_accum(internal, text, record) RETURNS internal
AS 'MODULE_PATHNAME', 'hp_drift_accum_name'
LANGUAGE C STABLE PARALLEL SAFE COST 150;
COMMENT ON FUNCTION hp_drift_accum(internal, text, record) IS
	'transition function of hp_drift';

CREATE FUNCTION hp_drift_accum(internal, text, record, float8) RETURNS internal
AS 'MODULE_PATHNAME', 'hp_drift_accum_name'
LANGUAGE C STABLE PARALLEL SAFE COST 150;
COMMENT ON FUNCTION hp_drift_accum(internal, text, record, float8) IS
	'transition function of hp_drift';

CREATE FUNCTION hp_drift_combine(internal, internal) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_drift_combine(internal, internal) IS
	'combine function of hp_drift';

CREATE FUNCTION hp_drift_serialize(internal) RETURNS bytea
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_drift_serialize(internal) IS
	'serial function of hp_drift';

CREATE FUNCTION hp_drift_deserialize(bytea, internal) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hp_drift_deserialize(bytea, internal) IS
	'deserial function of hp_drift';

CREATE FUNCTION hp_drift_final(internal) RETURNS hp_drift_line[]
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION hp_drift_final(internal) IS
	'final function of hp_drift';

CREATE AGGREGATE hp_drift(model hp_model, r record)
(
	SFUNC = hp_drift_accum,
	STYPE = internal,
	FINALFUNC = hp_drift_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_drift_combine,
	SERIALFUNC = hp_drift_serialize,
	DESERIALFUNC = hp_drift_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_drift(hp_model, record) IS
	'how rows differ from those of the training of a model';

CREATE AGGREGATE hp_drift(model hp_model, r record, actual float8)
(
	SFUNC = hp_drift_accum,
	STYPE = internal,
	FINALFUNC = hp_drift_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_drift_combine,
	SERIALFUNC = hp_drift_serialize,
	DESERIALFUNC = hp_drift_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_drift(hp_model, record, float8) IS
	'how rows differ from those of the training of a model; the actual value being a value';

CREATE AGGREGATE hp_drift(name text, r record)
(
	SFUNC = hp_drift_accum,
	STYPE = internal,
	FINALFUNC = hp_drift_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_drift_combine,
	SERIALFUNC = hp_drift_serialize,
	DESERIALFUNC = hp_drift_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_drift(text, record) IS
	'how rows differ from those of the training of the model that is released under a name';

CREATE AGGREGATE hp_drift(name text, r record, actual float8)
(
	SFUNC = hp_drift_accum,
	STYPE = internal,
	FINALFUNC = hp_drift_final,
	FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = hp_drift_combine,
	SERIALFUNC = hp_drift_serialize,
	DESERIALFUNC = hp_drift_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hp_drift(text, record, float8) IS
	'how rows differ from those of the training of the model that is released under a name; the actual value being a value';
