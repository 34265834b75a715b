--
-- hp_warn(model, row), hp_check(model, NULL::t): before a prediction is believed
--
SET client_min_messages = warning;
CREATE TABLE warn_lots AS
SELECT 50 + i % 40 AS area, CASE WHEN i % 7 = 0 THEN 'Brook Lane' ELSE 'Alley' END AS street,
	i % 3 = 0 AS corner, CASE WHEN i % 5 > 0 THEN DATE '2020-01-01' + i % 50 END AS sold,
	(1000 * (50 + i % 40) - CASE WHEN i % 7 = 0 THEN 15000 ELSE 0 END + CASE WHEN i % 3 = 0 THEN 9000 ELSE 0 END + i % 50 * 100)::float8 AS price
FROM generate_series(1, 700) i;
CREATE TABLE warn_models AS
SELECT 'forest' AS name, hp_train(l, 'price', hp_forest(trees => 10)) AS m FROM warn_lots l
UNION ALL
SELECT 'blend', hp_train(l, 'price', hp_blend(hp_boost(rounds => 20, early_stopping => false), hp_linear())) FROM warn_lots l
UNION ALL
SELECT 'area only', hp_train(l, 'price', hp_forest(trees => 10, exclude => '{street, corner, sold}')) FROM warn_lots l
UNION ALL
SELECT 'clean', hp_train(l, 'price', hp_forest(trees => 10, clean => '{"number": 60, "text": "Alley", "boolean": false}')) FROM warn_lots l;

-- nothing to say of rows of the training
SELECT name, count(*), sum(cardinality(hp_warn(m, l))) AS warnings FROM warn_models, warn_lots l GROUP BY name ORDER BY name;
-- what training did not see the like of; of columns that predictions depend on
SELECT name, w FROM warn_models,
	(SELECT 5000 AS area, 'Cliff' AS street, NULL::bool AS corner, DATE '2031-05-01' AS sold) x,
	unnest(hp_warn(m, x)) w ORDER BY name, w;
SELECT w FROM warn_models,
	(SELECT 1.5 AS area, repeat('Straße ', 50) AS street, true AS corner, TIMESTAMP '1999-12-31 12:30' AS sold) x,
	unnest(hp_warn(m, x)) w WHERE name = 'forest' ORDER BY w;
SELECT name, hp_warn(m, x) AS missing FROM warn_models,
	(SELECT 'NaN'::float8 AS area, NULL AS street, NULL::bool AS corner, NULL::date AS sold) x ORDER BY name;
SELECT hp_warn(NULL, l) IS NULL AS no_model, hp_warn(m, NULL) IS NULL AS no_row FROM warn_lots l, warn_models LIMIT 1;
-- a month of sales whose streets are new
SELECT w AS warning, count(*) FROM warn_models, (SELECT l.area, l.street || ' North' AS street, l.corner, l.sold FROM warn_lots l LIMIT 30) x,
	unnest(hp_warn(m, x)) w WHERE name = 'forest' GROUP BY w ORDER BY w;

-- a row type that suits, and one that does not
SELECT * FROM warn_models, hp_check(m, NULL::warn_lots) WHERE name = 'forest';
CREATE TYPE warn_changed AS (aera int, street int, "Corner" bool, sold timestamp, more text);
SELECT c.* FROM warn_models, hp_check(m, NULL::warn_changed) c WHERE name = 'forest';
SELECT count(*) FROM hp_check(NULL, NULL::warn_changed);
SELECT name, count(c.problem) AS problems FROM warn_models LEFT JOIN LATERAL hp_check(m, NULL::warn_changed) c ON true GROUP BY name ORDER BY name;
SELECT * FROM warn_models, hp_check(m, ROW(1, 2));
SELECT hp_warn(m, x) FROM warn_models, (SELECT 1 AS area) x WHERE name = 'forest';

DROP TYPE warn_changed;
DROP TABLE warn_lots, warn_models;
RESET client_min_messages;
