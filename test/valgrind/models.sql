-- test/valgrind/models.sql: a little of everything, for a server under memcheck
--
-- Where each instruction costs fifty, tables are small.  What it has to print
-- stands in models.out.

\set ON_ERROR_STOP on
SET client_min_messages = error;

CREATE TABLE lots AS
SELECT i, CASE WHEN i % 9 > 0 THEN i * 37 % 41 END AS area, (ARRAY['Elm', 'Oak', 'Fir', NULL, ''])[i % 5 + 1] AS street,
    i % 7 = 0 AS corner, DATE '2020-01-01' + i % 30 AS sold, (i % 11 / 4.0)::numeric(4, 2) AS ratio, (i % 3 + 1)::float4 AS weight,
    1000.0 + i * 37 % 41 * 25 + i % 5 * 100 + i * i % 17 AS price
FROM generate_series(1, 60) i;
CREATE TABLE recipes (name text, params jsonb);
INSERT INTO recipes VALUES
    ('forest', hp_forest(trees => 3, exclude => '{i}', weight => 'weight', clean => '{"number": 1, "text": "None"}')),
    ('extra_trees', hp_extra_trees(trees => 3, exclude => '{i}')),
    ('boost', hp_boost(rounds => 5, min_leaf => 2, exclude => '{i}', early_stopping => false)),
    ('stopped', hp_boost(rounds => 3, max_leaves => 3, min_leaf => 3, exclude => '{i}', early_stopping => true, loss => 'huber')),
    ('quantile', hp_boost(rounds => 3, max_leaves => 3, exclude => '{i}', early_stopping => false, loss => 'quantile', quantile => 0.9, monotone => '{"area": 1}')),
    ('linear', hp_linear(l1 => 0.01, l2 => 0.01, exclude => '{i}')),
    ('mean', hp_mean()),
    ('blend', hp_blend(hp_boost(rounds => 2, early_stopping => false, exclude => '{i}'), hp_linear(l1 => 0, l2 => 0.1, exclude => '{i}')));

-- ---- training: alone, by threads, by parallel workers ------------------------

CREATE TABLE models (name text, model hp_model);
SET houseprice.threads = 1;
INSERT INTO models SELECT name, hp_train(l, 'price', params) FROM recipes, lots l GROUP BY name;
INSERT INTO models
SELECT 'merged', hp_merge(m) FROM (SELECT hp_train(l, 'price', hp_forest(trees => 1, seed => s, exclude => '{i}')) AS m FROM lots l, generate_series(1, 2) s GROUP BY s) t;
DO $$
DECLARE
    plan text;
BEGIN
    SET LOCAL houseprice.threads = 2;
    ASSERT (SELECT hp_train(l, 'price', params) = (SELECT model FROM models WHERE name = 'forest') FROM lots l, recipes WHERE name = 'forest' GROUP BY name), 'threads';
    SET LOCAL parallel_setup_cost = 0;
    SET LOCAL parallel_tuple_cost = 0;
    SET LOCAL min_parallel_table_scan_size = 0;
    ALTER TABLE lots SET (parallel_workers = 1);
    SET LOCAL max_parallel_workers_per_gather = 1;
    FOR plan IN EXPLAIN SELECT hp_train(l, l.price) FROM lots l LOOP
        EXIT WHEN plan ~ 'Partial Aggregate';
    END LOOP;
    ASSERT plan ~ 'Partial Aggregate', 'a parallel plan';
    ASSERT (SELECT hp_train(l, 'price', hp_extra_trees(trees => 3, exclude => '{i}')) FROM lots l) = (SELECT model FROM models WHERE name = 'extra_trees'), 'workers';
END
$$;

-- ---- all that is done with models --------------------------------------------

SELECT name, hp_model_info(model) ->> 'digest' <> '' AS info, length(model::jsonb::text) > 0 AS json,
    model::text::hp_model = model AND model::bytea::hp_model = model AS same, hp_model_hash(model) IS NOT NULL AS hash
FROM models ORDER BY name;
SELECT name, sum(hp_predict(model, l)) > 0 AS predicted, sum(hp_predict_json(model, to_jsonb(l))) > 0 AS json, count(hp_warn(model, l)) AS warned
FROM models, lots l GROUP BY name ORDER BY name;
SELECT name, count(p.prediction) AS together FROM models, hp_predict_rows(model, NULL::lots) p GROUP BY name ORDER BY name;
SELECT name, count(hp_predict_oob(model, l)) > 0 AS out_of_bag FROM models, lots l WHERE name IN ('forest', 'merged') GROUP BY name ORDER BY name;
SELECT name, count(t) AS nodes FROM models, hp_tree(model, 2) t WHERE name NOT IN ('mean', 'linear') GROUP BY name ORDER BY name;
SELECT count(i) AS importances FROM models, hp_importance(model) i;
SELECT count(c) AS problems FROM models, hp_check(model, NULL::lots) c;
SELECT hp_digest(l) = hp_digest(l ORDER BY i DESC) AS digest FROM lots l;
SELECT hp_digest(model, l) = hp_model_info(model) ->> 'data_digest' AS digest FROM models, lots l WHERE name = 'boost' GROUP BY model;
-- by way of the cache, and compressed
CREATE TABLE packed (model hp_model);
ALTER TABLE packed ALTER model SET STORAGE MAIN;
INSERT INTO packed SELECT model FROM models;
SELECT count(hp_predict(model, l)) AS predicted FROM packed, lots l WHERE i < 5;
SELECT count(DISTINCT model) AS different FROM packed;

SELECT count(hp_clean(l)) AS cleaned FROM lots l;
SELECT hp_fit_cleaner(l) IS NOT NULL AS fitted FROM lots l;
SELECT count(*) AS cleaned FROM hp_clean_rows(NULL::lots, policy => '{"number": "median", "text": "mode"}');
SELECT count(*) AS described FROM hp_describe(NULL::lots);
SELECT (hp_evaluate(price::float8, hp_predict(model, l))).rmse > 0 AS evaluated FROM models, lots l WHERE name = 'linear';
SELECT count(*) FILTER (WHERE hp_split(i, 0.5)) > 0 AS split, count(DISTINCT hp_fold(i, 3)) AS folds FROM lots;

-- ---- broken bytes ------------------------------------------------------------

-- every 23rd bit of each model changed; then signed, to go on behind the digest
CREATE FUNCTION seal(b bytea) RETURNS bytea LANGUAGE sql AS $$
    SELECT overlay(b PLACING substr(sha256(overlay(b PLACING decode(repeat('00', 16), 'hex') FROM 21)), 1, 16) FROM 21) $$;
DO $$
DECLARE
    m record;
    bad bytea;
    made hp_model;
    refused int := 0;
    accepted int := 0;
BEGIN
    FOR m IN SELECT name, model::bytea AS bytes FROM models LOOP
        FOR i IN 0 .. length(m.bytes) * 8 - 1 BY 997 LOOP
            bad := set_bit(m.bytes, i, 1 - get_bit(m.bytes, i));
            BEGIN
                made := bad::hp_model;
                RAISE 'bit % of % was not missed', i, m.name;
            EXCEPTION WHEN data_corrupted THEN
                refused := refused + 1;
            END;
            CONTINUE WHEN i % 4 <> 0;
            BEGIN
                made := seal(bad)::hp_model;
                accepted := accepted + 1;
                PERFORM hp_predict(made, l) FROM lots l LIMIT 3;
                PERFORM hp_model_info(made);
            EXCEPTION WHEN data_corrupted OR undefined_column OR datatype_mismatch OR data_exception THEN
                refused := refused + 1;
            END;
        END LOOP;
        FOREACH bad IN ARRAY ARRAY['', substr(m.bytes, 1, 30), substr(m.bytes, 1, length(m.bytes) - 8), m.bytes || '\x00'] LOOP
            BEGIN
                made := bad::hp_model;
                RAISE 'a model of another length';
            EXCEPTION WHEN data_corrupted THEN
                refused := refused + 1;
            END;
        END LOOP;
    END LOOP;
    ASSERT refused > 100 AND accepted > 10, format('%s refused, %s accepted', refused, accepted);
END
$$;
DO $$
BEGIN
    PERFORM E'houseprice model 1: x\n!'::hp_model;
    RAISE 'accepted';
EXCEPTION WHEN invalid_text_representation THEN
    NULL;
END
$$;

-- ---- broken off --------------------------------------------------------------

-- tests whether a statement ends with this error
CREATE FUNCTION ends_with(statement text, state text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN false;
EXCEPTION
    WHEN query_canceled OR out_of_memory OR undefined_column OR invalid_parameter_value OR data_exception THEN
        RETURN SQLSTATE = state;
END
$$;
SET houseprice.threads = 2;
SET statement_timeout = '1s';
\set ON_ERROR_STOP off
SELECT hp_train(l, 'price', hp_forest(trees => 10000)) FROM lots l;
\set ON_ERROR_STOP on
RESET statement_timeout;
SET houseprice.max_memory = '100kB';
SELECT ends_with('SELECT hp_train(l, ''price'', hp_forest(trees => 50)) FROM lots l', '53200') AS out_of_memory;
RESET houseprice.max_memory;
SELECT ends_with('SELECT hp_predict(model, s) FROM models, (SELECT 1 AS area) s WHERE name = ''boost''', '42703') AS no_column,
    ends_with('SELECT hp_forest(trees => 0)', '22023') AS no_trees;
