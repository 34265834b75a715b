--
-- hp_residuals(model, NULL::t [, source, target, oob]): outliers and typos
--
SET client_min_messages = warning;
CREATE TABLE res_lots AS
SELECT i AS id, 50 + i * 37 % 101 AS area, (ARRAY['Elm', 'Oak', 'Fir', NULL])[i * 7 % 4 + 1] AS street,
	(1000 * (50 + i * 37 % 101) + i * 7 % 4 * 9000 + (i * 7919 % 1009 - 504) * 10)::float8 AS price
FROM generate_series(1, 400) i;
-- three typos: a digit too many, a digit too few, and no price known
UPDATE res_lots SET price = price * 10 WHERE id = 123;
UPDATE res_lots SET price = round(price / 10) WHERE id = 321;
UPDATE res_lots SET price = NULL WHERE id = 200;
CREATE TABLE res_models AS
SELECT 'forest' AS name, hp_train(l, 'price', hp_forest(trees => 60, exclude => '{id}', log_target => false)) AS m FROM res_lots l
UNION ALL
SELECT 'logarithms', hp_train(l, 'price', hp_forest(trees => 60, exclude => '{id}', log_target => true)) FROM res_lots l
UNION ALL
SELECT 'extra trees', hp_train(l, 'price', hp_extra_trees(trees => 60, exclude => '{id}', bag => true)) FROM res_lots l;

-- A digit too many comes first; to logarithms one too few is as far off. What
-- has no price comes last.
SELECT name, array_agg((source_row).id ORDER BY n) FILTER (WHERE n <= 2) AS typos, array_agg(sign(standardized) ORDER BY n) FILTER (WHERE n <= 2) AS signs,
	array_agg((source_row).id) FILTER (WHERE n = 400) AS last, count(*) AS rows, count(actual) AS actual, count(predicted) AS predicted,
	count(residual) AS residual, count(standardized) AS standardized
FROM res_models, hp_residuals(m, NULL::res_lots) WITH ORDINALITY r(source_row, actual, predicted, residual, standardized, n)
GROUP BY name ORDER BY name;

-- the predictions are those out of bag, standardized by what is usual: 1.4826
-- times the median absolute deviation, on the scale of the model
CREATE TABLE res_found AS
SELECT name, n, source_row AS l, actual, predicted, residual, standardized,
	CASE name WHEN 'logarithms' THEN ln(actual) - ln(predicted) ELSE actual - predicted END AS deviation
FROM res_models, hp_residuals(m, NULL::res_lots) WITH ORDINALITY r(source_row, actual, predicted, residual, standardized, n);
SELECT name, bool_and(actual = (l).price) AS actual, bool_and(predicted = hp_predict_oob(m, l)) AS out_of_bag, bool_and(residual = actual - predicted) AS residual,
	max(abs(standardized * 1.4826022185056018 * mad / deviation - 1)) < 1e-9 AS standardized, bool_and(ordered) AS ordered
FROM (
	SELECT f.*, m, lag(abs(standardized)) OVER (PARTITION BY name ORDER BY n) >= abs(standardized) AS ordered, mad
	FROM res_found f JOIN res_models USING (name) JOIN (
		SELECT name, percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(deviation - middle)) AS mad
		FROM res_found JOIN (SELECT name, percentile_cont(0.5) WITHIN GROUP (ORDER BY deviation) AS middle FROM res_found GROUP BY name) x USING (name)
		GROUP BY name) y USING (name)
	WHERE actual IS NOT NULL) z
GROUP BY name ORDER BY name;
-- the order of the source does not show
SELECT bool_and(a = b) AS same
FROM res_models, LATERAL (SELECT array_agg(r) AS a FROM hp_residuals(m, NULL::res_lots) r) x,
	LATERAL (SELECT array_agg(r) AS b FROM hp_residuals(m, NULL::res_lots, 'SELECT * FROM res_lots ORDER BY md5(id::text)') r) y;

-- prices without a logarithm are beyond all others, NaN is none
CREATE TABLE res_odd AS SELECT * FROM res_lots WHERE id <= 100;
INSERT INTO res_odd VALUES (1001, 100, 'Elm', 0), (1002, 100, 'Elm', -5), (1003, 100, 'Elm', 'Infinity'), (1004, 100, 'Elm', 'NaN');
SELECT name, (source_row).id, actual, predicted IS NOT NULL AS predicted, standardized
FROM res_models, hp_residuals(m, NULL::res_odd) WHERE (source_row).id > 1000 AND name IN ('forest', 'logarithms') AND abs(standardized) > 1e9 IS DISTINCT FROM false
ORDER BY name, (source_row).id;

-- of rows that are none of the training any model tells
CREATE TABLE res_boost AS
SELECT hp_train(l, 'price', hp_boost(rounds => 50, early_stopping => false, exclude => '{id}', log_target => false)) AS m FROM res_lots l WHERE id % 2 = 0;
SELECT (source_row).id, round(actual / predicted) AS times, bool_and(predicted = hp_predict(m, source_row)) OVER () AS ordinary
FROM res_boost, hp_residuals(m, NULL::res_lots, 'SELECT * FROM res_lots WHERE id % 2 = 1', oob => false) ORDER BY abs(standardized) DESC LIMIT 1;
-- with a column of another name, which the rows that come back need not have
SELECT (source_row).id, round(actual) AS actual, round(residual) = round(actual - hp_predict(m, source_row)) AS residual
FROM res_boost, hp_residuals(m, NULL::res_lots, 'SELECT *, 3 * price AS asked FROM res_lots WHERE id % 2 = 1', 'asked', oob => false) LIMIT 2;

-- a target that was given by value is named
CREATE TABLE res_value AS
SELECT hp_train(x, l.price / l.area, hp_forest(trees => 60)) AS m FROM res_lots l, LATERAL (SELECT l.area, l.street) x;
SELECT count(*), (array_agg((source_row).id))[1] AS first,
	bool_and(predicted = hp_predict_oob(m, source_row, actual)) AS out_of_bag
FROM res_value, hp_residuals(m, NULL::res_lots, 'SELECT *, price / area AS per_foot FROM res_lots WHERE price IS NOT NULL', 'per_foot');

-- weights, and a fill in the model: rows come as they are
CREATE TABLE res_weighted AS
SELECT hp_train(l, 'price', hp_forest(trees => 60, weight => 'id', clean => '{"text": "None"}')) AS m FROM res_lots l;
SELECT bool_and(predicted = hp_predict_oob(m, source_row)) AS out_of_bag, bool_or((source_row).street IS NULL) AS gaps, bool_or((source_row).street = 'None') AS filled
FROM res_weighted, hp_residuals(m, NULL::res_lots) WHERE actual IS NOT NULL;

-- a row that every tree has in its bag has no prediction
SELECT count(*) AS rows, count(predicted) BETWEEN 100 AND 200 AS a_third, count(actual) AS actual, bool_and((predicted IS NULL) = (standardized IS NULL)) AS alike
FROM (SELECT hp_train(l, 'price', hp_forest(trees => 1, exclude => '{id}')) AS m FROM res_lots l) t, hp_residuals(m, NULL::res_lots);
-- where most deviations are equal there is no unit, yet an order
SELECT (source_row).id, residual, standardized
FROM (SELECT hp_train(x, 'price', hp_mean()) AS m FROM (VALUES (1, 10), (1, 10)) x(a, price)) t,
	hp_residuals(m, NULL::res_lots, 'SELECT i AS id, 1 AS area, ''Elm''::text AS street, CASE i WHEN 3 THEN 7.0 WHEN 5 THEN 15.0 ELSE 10.0 END::float8 AS price FROM generate_series(1, 6) i', oob => false)
LIMIT 3;

-- nothing to measure
SELECT count(*) FROM hp_residuals(NULL, NULL::res_lots);
SELECT count(*) FROM res_models, hp_residuals(m, NULL::res_lots, 'SELECT * FROM res_lots WHERE false');
SELECT count(*), count(residual) FROM res_models, hp_residuals(m, NULL::res_lots, 'SELECT * FROM res_lots WHERE price IS NULL') WHERE name = 'forest';

-- what cannot be
SELECT r.* FROM res_boost, hp_residuals(m, NULL::res_lots) r;
SELECT r.* FROM res_value, hp_residuals(m, NULL::res_lots) r;
SELECT r.* FROM res_models, hp_residuals(m, NULL::res_lots, target => 'area') r;
SELECT r.* FROM res_models, hp_residuals(m, NULL::res_lots, target => 'prize', oob => false) r;
SELECT r.* FROM res_models, hp_residuals(m, NULL::res_lots, target => 'street', oob => false) r;
SELECT r.* FROM res_weighted, hp_residuals(m, NULL::res_lots, 'SELECT NULL::int AS id, area, street, price FROM res_lots LIMIT 1') r;
SELECT r.* FROM res_models, hp_residuals(m, 7) r;

DROP TABLE res_lots, res_models, res_found, res_odd, res_boost, res_value, res_weighted;
RESET client_min_messages;
