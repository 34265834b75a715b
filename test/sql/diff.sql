--
-- hp_diff: what two models differ in
--
SET client_min_messages = warning;
CREATE TABLE diff_lots AS
SELECT i, 10 + i % 40 AS area, CASE WHEN i % 8 > 0 THEN i % 6 END AS rooms, (ARRAY['Elm', 'Fir', 'Oak', 'Yew'])[1 + i * 3 % 4] AS street,
	DATE '2020-01-01' + i % 100 AS sold, i % 2 = 0 AS corner, 1 + i % 3 AS w, 100 * (10 + i % 40) + 50 * (i * 3 % 4) + i * 7919 % 97 * 9 AS price
FROM generate_series(1, 400) i;
CREATE FUNCTION diff_model(params jsonb, upto integer DEFAULT 300) RETURNS hp_model LANGUAGE sql AS
$$SELECT hp_train(s, 'price', params) FROM (SELECT area, rooms, street, sold, corner, w, price FROM diff_lots WHERE i <= upto) s$$;
CREATE TABLE diff_models AS
SELECT diff_model(hp_boost(rounds => 20, early_stopping => false)) AS a, diff_model(hp_boost(rounds => 20, early_stopping => false)) AS same,
	diff_model(hp_boost(rounds => 30, early_stopping => false, seed => 7, monotone => '{"area": 1}', weight => 'w', clean => '{"number": 0}')) AS b,
	diff_model(hp_forest(trees => 10)) AS forest,
	diff_model(hp_blend(hp_boost(rounds => 10, early_stopping => false), hp_linear())) AS blend,
	diff_model(hp_blend(hp_boost(rounds => 10, l2 => 3, early_stopping => false), hp_forest(trees => 2))) AS other_blend,
	diff_model(hp_mean()) AS mean;

-- equal models do not
SELECT count(*) AS differences FROM diff_models, hp_diff(a, same);
-- how it was trained
SELECT aspect, item, old, new FROM diff_models, hp_diff(a, b) WHERE aspect IN ('algorithm', 'parameter', 'rows', 'feature');
SELECT aspect, item, old, new FROM diff_models, hp_diff(a, forest) WHERE aspect IN ('algorithm', 'parameter') AND item IN ('name', 'version', 'trees', 'rounds', 'min_leaf', 'seed');
SELECT item, old IS NULL AS none_before, new::float8 > 0 AS now FROM diff_models, hp_diff(a, forest) WHERE aspect = 'held out' AND item LIKE '%e';
SELECT aspect, item, old, new FROM diff_models, hp_diff(blend, other_blend) WHERE aspect IN ('algorithm', 'parameter') AND item ~ '^(members|member . (name|l1|l2|trees))$';
SELECT aspect, item, old, new FROM diff_models, hp_diff(blend, mean) WHERE aspect IN ('algorithm', 'feature');
-- on which rows: of the same parameters
CREATE TABLE diff_rows AS
SELECT (SELECT hp_train(s, 'price', hp_linear(exclude => '{i}')) FROM diff_lots s WHERE i <= 200) AS was,
	(SELECT hp_train(s, 'cost', hp_linear(exclude => '{i}'))
	FROM (SELECT i, area * 2 AS area, CASE WHEN i % 4 > 0 THEN rooms END AS rooms, CASE street WHEN 'Elm' THEN 'Ash' WHEN 'Oak' THEN 'Pine' ELSE street END AS street,
			sold + 10 AS sold, corner, w::text AS w, sold AS listed, CASE WHEN i % 10 > 0 THEN price * 2 END AS cost
		FROM diff_lots WHERE i > 100) s) AS became;
SELECT aspect, item, CASE WHEN item = 'digest' THEN '...' ELSE old END AS old, CASE WHEN item = 'digest' THEN '...' ELSE new END AS new
FROM diff_rows, hp_diff(was, became) WHERE aspect NOT IN ('importance', 'size');
-- which features matter: the largest change first
SELECT item, old, new FROM diff_models, hp_diff(a, diff_model(hp_boost(rounds => 20, early_stopping => false, exclude => '{area}'))) WHERE aspect = 'importance';
-- the other way round it is the same
SELECT count(*) = count(*) FILTER (WHERE x.old IS NOT DISTINCT FROM y.new AND x.new IS NOT DISTINCT FROM y.old) AS mirrored
FROM (SELECT x.* FROM diff_rows d, hp_diff(was, became) x) x FULL JOIN (SELECT y.* FROM diff_rows d, hp_diff(became, was) y) y USING (aspect, item);
-- of many categories, and of long ones, the beginning
SELECT item, old, new FROM hp_diff(
	(SELECT hp_train(s, 'p', hp_linear()) FROM (SELECT 'way ' || i % 20 AS street, i AS p FROM generate_series(1, 100) i) s),
	(SELECT hp_train(s, 'p', hp_linear()) FROM (SELECT repeat(chr(228 + i % 2), 50) AS street, i AS p FROM generate_series(1, 100) i) s)) WHERE aspect = 'categories';
-- the order in which one asks
SELECT array_agg(aspect) AS aspects FROM (SELECT aspect, min(n) AS n FROM diff_rows, hp_diff(was, became) WITH ORDINALITY AS d(aspect, item, old, new, n) GROUP BY aspect ORDER BY 2) s;
SELECT count(*) AS none FROM hp_diff(NULL, NULL);

DROP TABLE diff_lots, diff_models, diff_rows;
DROP FUNCTION diff_model;
RESET client_min_messages;
