--
-- hp_train: rows in, one model out
--
SET client_min_messages = warning;	-- key notices: see leak.sql

-- a table to see through: price = 1000 * area, 15000 less in street 'B', and
-- some hundreds that nothing explains
CREATE TABLE train_lots AS
SELECT i AS id, 50 + i % 40 AS area,
	CASE WHEN i % 7 = 0 THEN 'B' ELSE 'A' END AS street,
	(1000 * (50 + i % 40) - CASE WHEN i % 7 = 0 THEN 15000 ELSE 0 END
		+ 500 * (i * i % 11))::float8 AS price
FROM generate_series(1, 400) i;

-- The target is a value, or the name of a column.  By value, every column is
-- a feature, the price too; by name that column is not.
CREATE TABLE train_models AS
SELECT hp_train(l, 'price') AS by_name,
	hp_train(l, l.price, hp_boost(exclude => '{price}')) AS by_value,
	hp_train(l, l.price / l.area, hp_forest(exclude => '{price, id}')) AS composed
FROM train_lots l;
SELECT hp_model_info(by_name) #> '{target,name}' AS by_name,
	hp_model_info(by_value) #> '{target,name}' AS by_value
FROM train_models;
SELECT f ->> 'name' AS feature, f ->> 'kind' AS kind
FROM train_models, jsonb_array_elements(hp_model_info(by_name) -> 'features') f;
-- what was learned is the same either way
SELECT count(*) FILTER (WHERE hp_predict(by_name, l) = hp_predict(by_value, l)) AS same,
	count(*) AS rows, hp_mae(price, hp_predict(by_name, l)) < 2500 AS near,
	hp_mae(price / area, hp_predict(composed, l)) < 20 AS composed
FROM train_models, train_lots l;

-- the columns come from whatever makes a row
SELECT hp_model_info(hp_train(s, 'price')) -> 'features' -> 0 ->> 'name' AS feature
FROM (SELECT area, price FROM train_lots) s;
SELECT hp_model_info(hp_train(hp_select_features(l, 'area'), l.price))
	-> 'features' -> 0 ->> 'name' AS feature
FROM train_lots l;
WITH s AS (SELECT street, price FROM train_lots)
SELECT hp_model_info(hp_train(s, 'price')) -> 'features' -> 0 ->> 'name' AS feature
FROM s;

-- hp_mean is the baseline to beat: it takes any row, even one with columns of
-- types that cannot be features
SELECT hp_predict(hp_train(s, 'price', hp_mean()), ROW(1)) AS mean, avg(price)
FROM (SELECT *, '{}'::jsonb AS notes FROM train_lots) s;
SELECT hp_model_info(hp_train(l, 'price', hp_mean())) - 'digest' - 'data_digest' AS info
FROM train_lots l;

-- an aggregate like any other: GROUP BY, HAVING, FILTER, ROLLUP, OVER
SELECT street, (hp_model_info(hp_train(l, 'price')) ->> 'rows')::int AS rows
FROM train_lots l GROUP BY street ORDER BY street;
SELECT street, (hp_model_info(hp_train(l, 'price')) ->> 'rows')::int AS rows
FROM train_lots l GROUP BY ROLLUP (street) ORDER BY street;
SELECT hp_model_info(hp_train(l, 'price') FILTER (WHERE area < 60)) ->> 'rows' AS rows
FROM train_lots l;
SELECT street FROM train_lots l GROUP BY street
HAVING hp_predict(hp_train(l, 'price', hp_mean()), ROW(1)) < 69000;
SELECT street, count(DISTINCT digest) AS models, min(rows) AS rows FROM
	(SELECT street, hp_model_info(m) ->> 'digest' AS digest,
		hp_model_info(m) ->> 'rows' AS rows
	 FROM (SELECT street, hp_train(l, 'price', hp_forest(trees => 3))
				OVER (PARTITION BY street) AS m
		   FROM train_lots l WHERE id <= 80) w) d
GROUP BY street ORDER BY street;
-- a frame that grows: each row's model knows the rows up to it, and is the
-- one that plain aggregation makes of them
SELECT count(*) AS rows, count(DISTINCT digest) AS models,
	bool_and(digest = (SELECT hp_model_info(hp_train(p, 'price', hp_forest(trees => 3)))
			->> 'digest' FROM train_lots p WHERE p.id <= d.id)) AS as_plain
FROM (SELECT id, hp_model_info(hp_train(l, 'price', hp_forest(trees => 3))
			OVER (ORDER BY id)) ->> 'digest' AS digest
	  FROM train_lots l WHERE id <= 15) d;
-- many groups, hashed and sorted
SET enable_sort = off;
CREATE TABLE train_hashed AS
SELECT g, hp_train(s, 'price', hp_forest(trees => 2)) AS m
FROM train_lots l, generate_series(1, 300) g,
	LATERAL (SELECT area, street, price + g AS price) s
WHERE l.id <= 30 GROUP BY g;
SET enable_sort = on;
SET enable_hashagg = off;
CREATE TABLE train_sorted AS
SELECT g, hp_train(s, 'price', hp_forest(trees => 2)) AS m
FROM train_lots l, generate_series(1, 300) g,
	LATERAL (SELECT area, street, price + g AS price) s
WHERE l.id <= 30 GROUP BY g;
RESET enable_hashagg;
RESET enable_sort;
SELECT count(*) AS groups, count(DISTINCT hp_model_info(h.m) ->> 'digest') AS models,
	bool_and(hp_model_info(h.m) = hp_model_info(s.m)) AS same
FROM train_hashed h JOIN train_sorted s USING (g);

-- rows without a target are left out, and counted; a fill does not invent one
SELECT hp_model_info(m) -> 'rows' AS rows,
	hp_model_info(m) -> 'rows_without_target' AS without,
	hp_model_info(m) #>> '{target,min}' AS lowest
FROM (SELECT hp_train(s, 'price', hp_forest(trees => 2, clean => '{"number": 0}')) AS m
	  FROM (SELECT area, nullif(price, 52500) AS price FROM train_lots) s) t;
SELECT hp_model_info(hp_train(s, nullif(l.price, 52500))) -> 'rows_without_target' AS without
FROM train_lots l, LATERAL (SELECT l.area) s;

-- no rows: NULL; no row with a target: NULL, and a warning
SELECT hp_train(l, 'price') IS NULL AS none FROM train_lots l WHERE false;
SELECT hp_train(l, NULL::float8) IS NULL AS none FROM train_lots l;
SELECT hp_train(l, NULL::float8) IS NULL AS none FROM train_lots l WHERE id = 1;

-- one row and equal rows
SELECT hp_predict(hp_train(l, 'price'), (SELECT x FROM train_lots x WHERE id = 9)) AS its_price
FROM train_lots l WHERE id = 1;
SELECT hp_model_info(m) -> 'rows' AS rows, hp_model_info(m) -> 'distinct_rows' AS different
FROM (SELECT hp_train(s, 'price') AS m
	  FROM (SELECT area, street, price FROM train_lots) s) t;

-- in PL/pgSQL, in a prepared statement, in a view, in CREATE TABLE AS
DO $$
DECLARE
	m hp_model;
BEGIN
	SELECT hp_train(l, 'price', hp_mean()) INTO m FROM train_lots l;
	RAISE INFO 'the mean is %', hp_predict(m, ROW(1));
	FOR i IN 1..3 LOOP
		SELECT hp_train(l, 'price', hp_mean()) INTO m FROM train_lots l WHERE id = i;
		RAISE INFO 'lot % sold for %', i, hp_predict(m, ROW(1));
	END LOOP;
END
$$;
PREPARE train_street(text, jsonb) AS
SELECT hp_model_info(hp_train(l, $1, $2)) ->> 'algorithm' AS algorithm FROM train_lots l;
EXECUTE train_street('price', hp_mean());
EXECUTE train_street('area', hp_forest(trees => 1, exclude => '{price}'));
CREATE VIEW train_view AS SELECT hp_train(l, 'price', hp_mean()) AS m FROM train_lots l;
SELECT hp_predict(m, ROW(1)) FROM train_view;

-- what cannot be
SELECT hp_train(l, 'prise') FROM train_lots l;
SELECT hp_train(l, 'something else entirely') FROM train_lots l;
-- a column of type text is taken for a name
SELECT hp_train(l, street) FROM train_lots l;
SELECT hp_train(l, 'street') FROM train_lots l;
SELECT hp_train(l, NULL) FROM train_lots l;
SELECT hp_train(l, CASE WHEN id < 200 THEN 'price' ELSE 'area' END) FROM train_lots l;
SELECT hp_train(l, 'price', hp_forest(trees => id % 2 + 1)) FROM train_lots l;
SELECT hp_train(l, 'price', CASE WHEN id < 200 THEN hp_forest() END) FROM train_lots l;
SELECT hp_train(l, 'price', hp_forest(exclude => '{aera}')) FROM train_lots l;
SELECT hp_train(l, 'price', hp_forest(exclude => '{area, street, id}')) FROM train_lots l;
SELECT hp_train(l, l.price / (l.area - 50)) FROM train_lots l;
SELECT hp_train(l, 'NaN'::float8) FROM train_lots l;
SELECT hp_train(l, -'Infinity'::float8) FROM train_lots l;
SELECT hp_train(NULL::train_lots, 1);
SELECT hp_train(n, 'price') FROM (SELECT 1) one LEFT JOIN train_lots n ON false;
SELECT hp_train(NULL::train_lots, 'price');
SELECT hp_train(n, 'price') FILTER (WHERE n IS DISTINCT FROM NULL) IS NULL AS none
FROM (SELECT 1) one LEFT JOIN train_lots n ON false;
SELECT hp_train(1, 2);
SELECT hp_train(ROW(1, 2), 2);
SELECT hp_train(s, 'price') FROM (SELECT *, '{}'::jsonb AS notes FROM train_lots) s;
SELECT hp_train(s, 'price') FROM (SELECT *, ARRAY[1] AS list, NULL::money AS fee FROM train_lots) s;

-- the same parameters are the same JSON value, however they are written
SELECT hp_model_info(hp_train(l, 'price',
	CASE WHEN id % 2 = 0 THEN '{"algorithm": "forest", "trees": 2, "leak": "error"}'
	ELSE '{"leak": "error", "trees": 2.0, "algorithm": "forest"}' END::jsonb)) -> 'trees' AS trees
FROM train_lots l;

DROP TABLE train_lots, train_models, train_hashed, train_sorted CASCADE;
RESET client_min_messages;
