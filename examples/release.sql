-- examples/release.sql: a job that trains a model, judges it, and releases it
--
--   psql -X -f examples/release.sql
--
-- Part of the rows is learned from, the rest decides: the candidate is released
-- if hp_gate finds it as good there as the model released now.  Otherwise psql
-- says why and exits with 3, and nothing has happened: all of it is one
-- transaction, on one snapshot of the data, in which nobody else may release or
-- take back a version of the name.
--
-- Variables (psql -v name=value), and what they are where they are not given:
--
--   model      ames         name of the model
--   table      houses       table or view with the rows, known below as h
--   target     sale_price   column to predict
--   params     hp_boost()   an expression: how to train
--   key        h            an expression: rows of one value stay together
--   fraction   0.75         share of the rows to learn from
--   metric     mae          mae, rmse, rmsle or mape
--   tolerance  0.05         by how much more the candidate may be off
--   undecided  fail         pass: also release what the rows do not decide
--   data                    digest of the table; with another one nothing runs
--   note                    for the version; default: the digest of the table
--
-- The role needs to read the table, to make temporary tables, and EXECUTE on
-- hp_publish and hp_release; with EXECUTE on hp_get_model it also sees what
-- has changed.  No model leaves the server.

\set ON_ERROR_STOP on
\set QUIET on
\set SHOW_CONTEXT never
\pset pager off
\pset footer off
\pset null '-'

\if :{?model} \else
\set model ames
\endif
\if :{?table} \else
\set table houses
\endif
\if :{?target} \else
\set target sale_price
\endif
\if :{?params} \else
\set params 'hp_boost()'
\endif
\if :{?key} \else
\set key h
\endif
\if :{?fraction} \else
\set fraction 0.75
\endif
\if :{?metric} \else
\set metric mae
\endif
\if :{?tolerance} \else
\set tolerance 0.05
\endif
\if :{?undecided} \else
\set undecided fail
\endif

-- one job of a name at a time, before the snapshot is taken
SELECT pg_advisory_lock(hashtext('release of ' || :'model')) IS NULL AS lock_taken \gset
BEGIN ISOLATION LEVEL REPEATABLE READ;

-- ---- the data ---------------------------------------------------------------

SELECT count(*) AS data_rows, hp_digest(h) AS data_digest FROM :table h \gset
\echo
\echo == Data: :data_rows rows of :table, digest :data_digest
\if :{?data}
SELECT :'data' <> :'data_digest' AS data_differs,
       set_config('release.reason', format('table %s has digest %s, not %s', :'table', :'data_digest', :'data'), true) AS reason \gset
\if :data_differs
DO $$BEGIN RAISE EXCEPTION '%', current_setting('release.reason'); END$$;
\endif
\endif
\if :{?note} \else
\set note 'data ' :data_digest
\endif

-- ---- the candidate ----------------------------------------------------------

CREATE TEMPORARY TABLE release_candidate ON COMMIT DROP AS
SELECT hp_train(h, :'target', :params) AS model FROM :table h WHERE hp_split(:key, :fraction);

\echo
\echo == Candidate
SELECT info ->> 'algorithm' AS algorithm, info ->> 'rows' AS rows, jsonb_array_length(info -> 'features') AS features,
       info ->> 'digest' AS digest
FROM (SELECT hp_model_info(model) AS info FROM release_candidate) c;

-- ---- the gate ---------------------------------------------------------------

SELECT format('SELECT h.* FROM %s h WHERE NOT hp_split(%s, %s)', :'table', :'key', :'fraction') AS holdout \gset
\echo == Gate
\x on
-- verbose: with the SQLSTATE.  ZG001 worse, ZG002 undecided, ZG003 rows of the holdout were learned from
\set VERBOSITY verbose
SELECT g.verdict, g.metric, round(g.candidate::numeric, 6) AS candidate, round(g.released::numeric, 6) AS released,
       round(100 * g.difference::numeric, 1) AS "difference, %", round(100 * g.upper_bound::numeric, 1) AS "at most, %",
       round(100 * g.tolerance::numeric, 1) AS "tolerance, %", g.rows, g.skipped, g.released_version,
       g.candidate_overlap, g.released_overlap, g.holdout_digest
FROM release_candidate c,
     hp_gate(:'model', c.model, :'holdout', metric => :'metric', tolerance => :tolerance, undecided => :'undecided') g;
\set VERBOSITY default
\x off

-- ---- what has changed -------------------------------------------------------

SELECT EXISTS (SELECT FROM hp_models WHERE name = :'model' AND released) AND has_function_privilege('hp_get_model(text, integer)', 'EXECUTE') AS has_predecessor \gset
\if :has_predecessor
\echo == Changes to the model released now
SELECT d.* FROM release_candidate c, hp_diff(hp_get_model(:'model'), c.model) d;
\endif

-- ---- the release ------------------------------------------------------------

SELECT hp_publish(:'model', model, :'note') AS version FROM release_candidate \gset
SELECT hp_release(:'model', :version) AS released \gset
COMMIT;
SELECT pg_advisory_unlock(hashtext('release of ' || :'model')) AS unlocked \gset
\echo == Released: version :version of model :model
