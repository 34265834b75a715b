--
-- hp_partial_dependence(model, feature [, points]): how predictions depend on a
-- feature
--
SET client_min_messages = warning;
CREATE TABLE dependence_sales AS
SELECT CASE WHEN i % 11 > 0 THEN i * 37 % 40 END AS area, (ARRAY['hill','lake','town'])[1 + i % 3] AS place,
	i % 5 = 0 AS garden, DATE '2020-01-01' + i * 11 % 300 AS sold, 3 AS never_changes,
	1000 * (i * 37 % 40) + CASE i % 3 WHEN 1 THEN 30000 ELSE 0 END + CASE WHEN i % 5 = 0 THEN 9000 ELSE 0 END + i * 11 % 300 * 100 AS price
FROM generate_series(1, 600) i;
CREATE TABLE dependence_models AS
SELECT hp_train(s, 'price', hp_boost(rounds => 80, learning_rate => 0.2, log_target => false, early_stopping => false)) AS boost,
	hp_train(s, 'price', hp_forest(trees => 10)) AS forest,
	hp_train(s, 'price', hp_linear()) AS linear,
	hp_train(s, 'price', hp_blend(hp_boost(rounds => 30, log_target => false, early_stopping => false), hp_linear())) AS blend,
	hp_train(s, 'price', hp_mean()) AS mean,
	hp_train(s, 'price', hp_boost(rounds => 30, log_target => true, early_stopping => false)) AS logs
FROM dependence_sales s;

-- numbers, and the row for missing values where training had some
SELECT value, label, round(prediction) AS prediction, bar FROM dependence_models, hp_partial_dependence(boost, 'area', 8);
-- categories, the highest first
SELECT value, label, round(prediction) AS prediction, bar FROM dependence_models, hp_partial_dependence(boost, 'place');
-- booleans
SELECT value, label, round(prediction) AS prediction, bar FROM dependence_models, hp_partial_dependence(boost, 'garden');
-- times: the value is that of extract(epoch), the label can be cast
SELECT value, label, to_timestamp(value) AT TIME ZONE 'UTC' = label::timestamp AS same, round(prediction) AS prediction
FROM dependence_models, hp_partial_dependence(boost, 'sold', 4);
-- a linear model has no thresholds
SELECT value, label, round(prediction) AS prediction, bar FROM dependence_models, hp_partial_dependence(linear, 'area', 7);
-- one value, as many points as there are cells, no influence
SELECT value, label, bar FROM dependence_models, hp_partial_dependence(boost, 'never_changes');
SELECT count(*) AS cells FROM dependence_models, hp_partial_dependence(boost, 'area', 10000);
SELECT count(*) AS two FROM dependence_models, hp_partial_dependence(boost, 'sold', 2);

-- a blend has the mean of its members
SELECT max(abs(b.prediction * 2 - f.prediction - l.prediction)) < 1e-6 AS mean
FROM dependence_models, hp_partial_dependence(blend, 'place') b, hp_partial_dependence(linear, 'place') l,
	hp_partial_dependence((SELECT hp_train(s, 'price', hp_boost(rounds => 30, log_target => false, early_stopping => false)) FROM dependence_sales s), 'place') f
WHERE b.label = f.label AND b.label = l.label;
-- logarithms: brought back, near the median
SELECT min(prediction) > 30000 AND max(prediction) < 90000 AS prices FROM dependence_models, hp_partial_dependence(logs, 'area');
-- near the mean prediction over the rows with this value for all
SELECT max(abs(d.prediction / p.mean - 1)) < 0.02 AS near
FROM dependence_models, hp_partial_dependence(boost, 'area', 6) d,
	LATERAL (SELECT avg(hp_predict(boost, x)) AS mean FROM (SELECT d.value AS area, place, garden, sold, never_changes FROM dependence_sales) x) p
WHERE d.value IS NOT NULL;

SELECT count(*) AS none FROM hp_partial_dependence(NULL, 'area');
-- what cannot be
SELECT * FROM dependence_models, hp_partial_dependence(boost, 'aera');
SELECT * FROM dependence_models, hp_partial_dependence(boost, 'zzz');
SELECT * FROM dependence_models, hp_partial_dependence(mean, 'area');
SELECT * FROM dependence_models, hp_partial_dependence(boost, 'area', 1);
SELECT * FROM dependence_models, hp_partial_dependence(boost, 'area', 10001);

DROP TABLE dependence_sales, dependence_models;
RESET client_min_messages;
