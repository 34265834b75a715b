--
-- houseprice.model_cache: models that a session has used stay in memory
--
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE cache_models (name text PRIMARY KEY, model hp_model);
INSERT INTO cache_models
SELECT name, hp_train(h, sale_price * factor, hp_forest(trees => 15, exclude => '{sale_price}'))
FROM houses h, (VALUES ('one', 1), ('two', 2), ('three', 3)) v(name, factor) GROUP BY name, factor;
SELECT name, pg_column_size(model) BETWEEN 600000 AND 800000 AS half_to_one_megabyte FROM cache_models ORDER BY name;
CREATE VIEW cached AS
SELECT count(*) FILTER (WHERE ident = 'cached') AS kept, count(*) FILTER (WHERE ident IS NULL) AS others
FROM pg_backend_memory_contexts WHERE name = 'houseprice model';
CREATE FUNCTION cache_price(model_name text) RETURNS numeric LANGUAGE sql AS $$
	SELECT round(hp_predict(model, h)::numeric / 1000) FROM cache_models, houses h
	WHERE name = model_name AND h.lot_area = 8450 AND h.year_built = 2003
$$;
-- pages that a statement looks at
CREATE FUNCTION cache_pages(model_name text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON, TIMING OFF)
		SELECT hp_predict(model, h) FROM cache_models, (SELECT * FROM houses LIMIT 1) h WHERE name = %L', model_name) INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::int + (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::int;
END
$$;

-- fetched once, and from then on there
SELECT * FROM cached;
SELECT cache_pages('one') > 60 AS fetched;
SELECT * FROM cached;
SELECT cache_pages('one') < 20 AS there;
SELECT cache_pages('two') > 60 AS fetched;
SELECT cache_pages('one') < 20 AS one, cache_pages('two') < 20 AS two;
SELECT * FROM cached;

-- what a row holds now is what counts
SELECT cache_price('one') AS one, cache_price('two') AS two, cache_price('three') AS three;
BEGIN;
UPDATE cache_models SET model = (SELECT model FROM cache_models WHERE name = 'two') WHERE name = 'one';
SELECT cache_price('one') AS two;
SAVEPOINT s;
UPDATE cache_models SET model = (SELECT model FROM cache_models WHERE name = 'three') WHERE name = 'one';
SELECT cache_price('one') AS three;
ROLLBACK TO s;
SELECT cache_price('one') AS two;
ROLLBACK;
SELECT cache_price('one') AS one;
CREATE TABLE cache_copy AS SELECT * FROM cache_models;
DROP TABLE cache_models;
ALTER TABLE cache_copy RENAME TO cache_models;
SELECT cache_price('one') AS one, cache_price('two') AS two, cache_price('three') AS three;

-- an error in between
DO $$
BEGIN
	PERFORM hp_predict(model, x) FROM cache_models, (SELECT 1 AS a) x;
EXCEPTION WHEN undefined_column THEN
	RAISE INFO '%', SQLERRM;
END
$$;
SELECT cache_price('three') AS three;

-- room for one only: the one that was not used for longest leaves
SET houseprice.model_cache = '1MB';
SELECT cache_price('one') AS one;
SELECT cache_price('two') AS two;
SELECT * FROM cached;
SELECT cache_pages('two') < 20 AS there, cache_pages('one') > 60 AS fetched;
-- several at one call site, and none in the way of another
SELECT name, count(*), round(avg(hp_predict(model, h))::numeric / 100000, 2) AS mean
FROM (SELECT * FROM houses LIMIT 5) h, cache_models GROUP BY name ORDER BY name;
-- one in use stays; the other is used without a place in the cache
BEGIN;
DECLARE using_one CURSOR FOR
SELECT round(hp_predict(model, h)) > 0 AS predicted FROM cache_models, (SELECT * FROM houses LIMIT 10) h WHERE name = 'one';
FETCH 2 FROM using_one;
SELECT cache_pages('two') > 60 AS fetched;
SELECT cache_pages('one') < 20 AS there;
FETCH 1 FROM using_one;
CLOSE using_one;
COMMIT;
SELECT cache_pages('two') > 60 AS fetched;
SELECT cache_pages('two') < 20 AS there;
SELECT * FROM cached;
-- none at all
SET houseprice.model_cache = 0;
SELECT cache_price('one') AS one, cache_price('two') AS two, cache_price('three') AS three;
SELECT * FROM cached;
RESET houseprice.model_cache;

-- compressed in the row, and in the row as it is
ALTER TABLE cache_models ALTER model SET STORAGE MAIN;
CREATE TABLE cache_small (name text, model hp_model);
ALTER TABLE cache_small ALTER model SET STORAGE MAIN;
INSERT INTO cache_small
SELECT 'compressed', hp_train(s, s.a * 1.0, hp_forest(trees => 3, leak => 'allow')) FROM (SELECT a FROM generate_series(1, 100) a) s
UNION ALL
SELECT 'plain', hp_train(s, 7) FROM (SELECT 1 AS a) s;
SELECT name, pg_column_compression(model) IS NOT NULL AS compressed, count(DISTINCT hp_predict(model, s)) AS predictions
FROM cache_small, (SELECT a FROM generate_series(1, 100) a) s GROUP BY name, 2 ORDER BY name;

-- as an aggregate's argument, in a set-returning function, in PL/pgSQL
SELECT count(DISTINCT hp_digest) FROM (SELECT hp_digest(model, h, h.sale_price) FROM cache_models, houses h WHERE name = 'one' GROUP BY h.ms_zoning) d;
SELECT count(prediction) FROM cache_models, hp_predict_rows(model, NULL::houses) WHERE name = 'one';
DO $$
DECLARE
	m hp_model;
	x houses;
BEGIN
	SELECT * INTO x FROM houses LIMIT 1;
	FOR i IN 1..3 LOOP
		SELECT model INTO m FROM cache_models WHERE name = CASE i WHEN 2 THEN 'two' ELSE 'one' END;
		RAISE INFO '%', hp_predict(m, x) > 0;
	END LOOP;
END
$$;

DROP FUNCTION cache_pages, cache_price;
DROP VIEW cached;
DROP TABLE cache_models, cache_small;
RESET max_parallel_workers_per_gather;
RESET client_min_messages;
