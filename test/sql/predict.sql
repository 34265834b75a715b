--
-- hp_predict: a model and a row, whose columns bind to features by name
--
SET client_min_messages = warning;

CREATE TABLE predict_lots AS
SELECT i % 40 + 50 AS area, CASE WHEN i % 7 = 0 THEN 'B' ELSE 'A' END AS street,
	i % 3 = 0 AS corner, DATE '2020-01-01' + i % 50 AS sold,
	(1000 * (50 + i % 40) - CASE WHEN i % 7 = 0 THEN 15000 ELSE 0 END
		+ 500 * (i * i % 11))::float8 AS price
FROM generate_series(1, 400) i;
CREATE TABLE predict_models AS
SELECT hp_train(l, 'price', hp_forest(trees => 20)) AS m FROM predict_lots l;
SELECT m FROM predict_models \gset predict_

-- close to what it has seen
SELECT hp_r2(price, hp_predict(m, l)) > 0.9 AS close FROM predict_lots l, predict_models;

-- any order of columns, any further columns, any type of a column's kind, with
-- or without the target
SELECT hp_predict(m, l) AS expected FROM predict_models,
	(SELECT * FROM predict_lots WHERE area = 60 AND street = 'A' ORDER BY sold LIMIT 1) l \gset
SELECT hp_predict(m, a) = :expected AS other_order, hp_predict(m, b) = :expected AS other_types,
	hp_predict(m, c) = :expected AS more_types
FROM predict_models, (SELECT * FROM predict_lots WHERE area = 60 AND street = 'A' ORDER BY sold LIMIT 1) l,
	LATERAL (SELECT l.sold, 'anything' AS note, l.street, l.corner, l.area) a,
	LATERAL (SELECT l.area::numeric(9,3), l.street::varchar(20), l.corner, l.sold::timestamp) b,
	LATERAL (SELECT l.area::float4, l.street::char(12), l.corner, l.sold::timestamp AT TIME ZONE 'UTC' AS sold) c;
-- the settings that change how dates and numbers look are nothing to it
SET DateStyle = 'German';
SET TimeZone = 'Pacific/Kiritimati';
SET extra_float_digits = -10;
SELECT hp_predict(m, l) = :expected AS same FROM predict_models,
	(SELECT * FROM predict_lots WHERE area = 60 AND street = 'A' ORDER BY sold LIMIT 1) l;
RESET DateStyle;
RESET TimeZone;
RESET extra_float_digits;

-- what it has never seen gets an answer: NULL, a new category, other ranges
SELECT hp_predict(m, x) BETWEEN 35000 AND 95000 AS fair
FROM predict_models, (VALUES (NULL::int, NULL::text, NULL::bool, NULL::date),
	(60, 'unheard-of', true, '2020-01-01'), (60, '', NULL, 'infinity'),
	(-2147483648, 'A', true, '-infinity'), (2147483647, 'A', false, '4713-01-01 BC')) x(area, street, corner, sold);
SELECT hp_predict(m, x) = hp_predict(m, y) AS nan_is_missing
FROM predict_models, (SELECT 'NaN'::float8 AS area, 'A' AS street, true AS corner, DATE '2020-01-09' AS sold) x,
	(SELECT NULL::int AS area, 'A' AS street, true AS corner, DATE '2020-01-09' AS sold) y;

-- NULL in, NULL out
SELECT hp_predict(NULL, l) IS NULL AS no_model FROM predict_lots l LIMIT 1;
SELECT hp_predict(m, NULL) IS NULL AS no_row FROM predict_models;
SELECT hp_predict(m, l) IS NULL AS no_row FROM predict_models LEFT JOIN predict_lots l ON false;

-- rows of all sorts: views, CTEs, joins, generated columns, partitions
CREATE VIEW predict_view AS SELECT street, area, corner, sold FROM predict_lots;
SELECT count(*) FILTER (WHERE hp_predict(m, v) IS NOT NULL) AS rows FROM predict_view v, predict_models;
WITH w AS (SELECT * FROM predict_lots LIMIT 3)
SELECT count(hp_predict(m, w)) AS rows FROM w, predict_models;
SELECT count(hp_predict(m, j)) AS rows FROM predict_models,
	(SELECT * FROM (SELECT area, street FROM predict_lots LIMIT 2) a, (SELECT corner, sold FROM predict_lots LIMIT 2) b) j;
CREATE TABLE predict_parts (LIKE predict_lots) PARTITION BY LIST (street);
CREATE TABLE predict_part_a (sold date, price float8, street text, corner bool, area int);
ALTER TABLE predict_parts ATTACH PARTITION predict_part_a FOR VALUES IN ('A');
CREATE TABLE predict_part_b PARTITION OF predict_parts FOR VALUES IN ('B');
INSERT INTO predict_parts SELECT * FROM predict_lots;
SELECT array_agg(hp_predict(m, p) ORDER BY hp_predict(m, p)) = (SELECT array_agg(hp_predict(m, l) ORDER BY hp_predict(m, l))
	FROM predict_lots l, predict_models) AS same
FROM predict_parts p, predict_models;
SELECT count(hp_predict(m, p)) FROM predict_part_a p, predict_models;

-- several models at one call site, as a gate or a blend needs it
SELECT count(DISTINCT hp_predict(m, l)) AS answers
FROM (SELECT area FROM predict_lots WHERE area = 60 LIMIT 1) a, LATERAL (SELECT a.area) l,
	(SELECT hp_train(s, s.price * g, hp_forest(trees => 2, exclude => '{price}')) AS m
	 FROM generate_series(1, 5) g, (SELECT area, price FROM predict_lots) s GROUP BY g) t;

-- in parallel, the same
CREATE TABLE predict_many AS
SELECT l.* FROM predict_lots l, generate_series(1, 50);
ANALYZE predict_many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE FUNCTION predict_workers(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN (regexp_match(plan::text, '.*"Workers Planned": (\d+)'))[1];
END
$$;
SELECT predict_workers('SELECT count(*) FROM predict_many x WHERE hp_predict((SELECT m FROM predict_models), x) > 70000') AS workers;
SELECT count(*) AS parallel FROM predict_many x
WHERE hp_predict((SELECT m FROM predict_models), x) > 70000 \gset
SET max_parallel_workers_per_gather = 0;
SELECT count(*) = :parallel AS same FROM predict_many x
WHERE hp_predict((SELECT m FROM predict_models), x) > 70000;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- a constant row is computed by the planner
EXPLAIN (VERBOSE, COSTS OFF)
SELECT hp_predict(:'predict_m'::hp_model, ROW(60, 'A', true, '2020-01-09', 0)::predict_lots) = 0;

DROP VIEW predict_view;
-- ALTER TABLE between two executions of a prepared statement
PREPARE predict_again AS
SELECT count(hp_predict(m, l)) FROM predict_lots l, predict_models;
EXECUTE predict_again;
ALTER TABLE predict_lots ADD COLUMN garden int DEFAULT 5;
ALTER TABLE predict_lots ALTER area TYPE numeric;
EXECUTE predict_again;
ALTER TABLE predict_lots DROP COLUMN corner;
EXECUTE predict_again;
ALTER TABLE predict_lots ADD COLUMN corner bool;
EXECUTE predict_again;

-- PL/pgSQL keeps the expression: another model, an error between, the first
DO $$
DECLARE
	a hp_model;
	b hp_model;
	x record;
BEGIN
	SELECT hp_train(s, s.price, hp_forest(trees => 1, exclude => '{price}')) INTO a
	FROM (SELECT area, price FROM predict_lots) s;
	SELECT hp_train(s, 1, hp_forest(trees => 1)) INTO b FROM (SELECT street FROM predict_lots) s;
	FOR i IN 1..6 LOOP
		BEGIN
			SELECT area INTO x FROM predict_lots WHERE area = 60 LIMIT 1;
			RAISE INFO '% %', i, hp_predict(CASE i % 3 WHEN 2 THEN b ELSE a END, x) > 0;
		EXCEPTION WHEN undefined_column THEN
			RAISE INFO '% %', i, SQLERRM;
		END;
	END LOOP;
END
$$;

-- what cannot be
SELECT hp_predict(m, x) FROM predict_models, (SELECT 60 AS aera, 'A' AS street, true AS corner, now() AS sold) x;
SELECT hp_predict(m, x) FROM predict_models, (SELECT 60 AS q, 'A' AS street, true AS corner, now() AS sold) x;
SELECT hp_predict(m, x) FROM predict_models, (SELECT '60' AS area, 'A' AS street, true AS corner, now() AS sold) x;
SELECT hp_predict(m, x) FROM predict_models, (SELECT 60 AS area, 'A' AS street, 1 AS corner, now() AS sold) x;
SELECT hp_predict(m, x) FROM predict_models, (SELECT 60 AS area, 'A' AS street, true AS corner, 8036 AS sold) x;
SELECT hp_predict(m, x) FROM predict_models, (SELECT 60::money AS area, 'A' AS street, true AS corner, now() AS sold) x;
SELECT hp_predict(m, x) FROM predict_models,
	(SELECT 60 AS area, 61 AS area, 'A' AS street, true AS corner, now() AS sold) x;
SELECT hp_predict(m, ROW(60, 'A')) FROM predict_models;
SELECT hp_predict(m, 60) FROM predict_models;
SELECT hp_predict('ames'::hp_model, l) FROM predict_lots l LIMIT 1;

DROP FUNCTION predict_workers;
DROP TABLE predict_lots, predict_models, predict_parts, predict_many CASCADE;
RESET client_min_messages;

-- models stored in different ways at one call site, each fetched once: out of
-- line, compressed in line, in line
CREATE TABLE stored (id integer, model hp_model);
CREATE TABLE packed (id integer, model hp_model);
ALTER TABLE packed ALTER model SET STORAGE MAIN;
INSERT INTO stored
SELECT 1, hp_train(s, s.a * 10.0, hp_forest(trees => 20, leak => 'allow'))
FROM (SELECT a FROM generate_series(1, 100) a) s;
INSERT INTO packed
SELECT 2, hp_train(s, s.a * -10.0, hp_forest(trees => 3, leak => 'allow'))
FROM (SELECT a FROM generate_series(1, 100) a) s;
INSERT INTO packed
SELECT 3, hp_train(s, 7, hp_mean())
FROM (SELECT a FROM generate_series(1, 100) a) s;
SELECT id, pg_column_compression(model) IS NOT NULL AS compressed,
       sign(hp_predict(model, s)) AS sign, hp_predict(model, s) = 7 AS seven
FROM (SELECT 50 AS a) s,
     LATERAL (SELECT 1 AS step, * FROM stored
              UNION ALL SELECT 2, * FROM packed
              UNION ALL SELECT 3, * FROM stored
              UNION ALL SELECT 4, * FROM packed
              UNION ALL SELECT 5, * FROM stored) m
ORDER BY step, id;
DROP TABLE stored, packed;

-- A query over many rows predicts them in another way than one over a row.
-- Nobody can tell: the same bits, for small trees, full ones, and blends.
CREATE FUNCTION predict_alone(m hp_model, h houses) RETURNS float8 LANGUAGE plpgsql AS
$$ DECLARE p float8; BEGIN EXECUTE 'SELECT hp_predict($1, $2)' INTO p USING m, h; RETURN p; END $$;
CREATE TABLE predict_ways AS
SELECT 'boosting' AS name, hp_train(h, 'sale_price', hp_boost(rounds => 40, early_stopping => false)) AS model FROM houses h
UNION ALL
SELECT 'small trees', hp_train(h, 'sale_price', hp_forest(trees => 150, max_leaves => 40)) FROM houses h
UNION ALL
SELECT 'full trees', hp_train(h, 'sale_price', hp_forest(trees => 60)) FROM houses h
UNION ALL
SELECT 'blend', hp_train(h, 'sale_price', hp_blend(hp_boost(rounds => 20, early_stopping => false), hp_linear())) FROM houses h;
CREATE TABLE predict_together (name text, house houses, together float8);
SELECT format('INSERT INTO predict_together SELECT %L, h, hp_predict((SELECT model FROM predict_ways WHERE name = %1$L), h) FROM houses h', name)
FROM predict_ways ORDER BY name
\gexec
SELECT name, count(*) > 40 AS some, bool_and(together = predict_alone(model, house)) AS same
FROM predict_together JOIN predict_ways USING (name)
WHERE hp_split(house, 0.03) GROUP BY name ORDER BY name;
DROP TABLE predict_together, predict_ways;
DROP FUNCTION predict_alone;
