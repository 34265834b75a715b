--
-- hp_explain(model, row): what each feature adds to a prediction
--
SET client_min_messages = warning;
CREATE TABLE explain_sales AS
SELECT i AS id, 50 + i * 37 % 150 AS area, CASE WHEN i % 7 > 0 THEN (ARRAY['hill','lake','town'])[1 + i % 3] END AS place,
	i % 5 = 0 AS garden, DATE '2020-01-01' + i * 11 % 300 AS sold, 3 AS never_changes,
	1000 * (50 + i * 37 % 150) + CASE i % 3 WHEN 1 THEN 30000 ELSE 0 END + CASE WHEN i % 5 = 0 THEN 9000 ELSE 0 END AS price
FROM generate_series(1, 300) i;
CREATE TABLE explain_models AS
SELECT * FROM (SELECT hp_train(s, 'price', hp_boost(rounds => 60, learning_rate => 0.2, exclude => '{id}', log_target => false, early_stopping => false)) AS boost,
	hp_train(s, 'price', hp_boost(rounds => 60, learning_rate => 0.2, exclude => '{id}', log_target => true, retransform => 'mean', early_stopping => false)) AS logs,
	hp_train(s, 'price', hp_forest(trees => 10, min_leaf => 1, exclude => '{id}')) AS forest,
	hp_train(s, 'price', hp_extra_trees(trees => 10, exclude => '{id}', log_target => true)) AS extra,
	hp_train(s, 'price', hp_linear(exclude => '{id}')) AS linear,
	hp_train(s, 'price', hp_mean()) AS mean,
	hp_train(s, 'price', hp_blend(hp_boost(rounds => 30, exclude => '{id}', log_target => true, early_stopping => false), hp_linear(exclude => '{id}'))) AS blend,
	hp_train(s, 'price', hp_blend(hp_boost(rounds => 30, exclude => '{id}', log_target => true, early_stopping => false), hp_linear(exclude => '{id}', log_target => true))) AS blend_of_logs
FROM explain_sales s) t;
CREATE VIEW explain_each AS
SELECT m.key AS name, m.model FROM explain_models e, LATERAL (VALUES ('boost', boost), ('logs', logs), ('forest', forest), ('extra', extra),
	('linear', linear), ('mean', mean), ('blend', blend), ('blend_of_logs', blend_of_logs)) m(key, model);

-- the base, then the features that the model uses, largest first
SELECT feature, value, round(contribution) AS contribution, factor, bar
FROM explain_models, explain_sales s, hp_explain(boost, s) WHERE id = 10;
-- with logarithms they are factors
SELECT feature, value, round(contribution::numeric, 3) AS contribution, round(factor::numeric, 3) AS factor, bar
FROM explain_models, explain_sales s, hp_explain(logs, s) WHERE id = 10;
-- a missing value is NULL, and has a contribution
SELECT feature, value, contribution <> 0 AS adds FROM explain_models, explain_sales s, hp_explain(boost, s) WHERE id = 7 AND feature = 'place';
-- the mean has a base alone
SELECT feature, value, round(contribution) AS contribution, factor, bar FROM explain_models, explain_sales s, hp_explain(mean, s) WHERE id = 1;
-- of a linear model the terms
SELECT feature, round(contribution) AS contribution FROM explain_models, explain_sales s, hp_explain(linear, s) WHERE id = 10;

-- base and contributions add up to the prediction, factors multiply to it
SELECT name, count(*) AS rows, max(abs(told / predicted - 1)) < 1e-12 AS adds_up
FROM (SELECT name, hp_predict(model, s) AS predicted,
		(SELECT CASE WHEN count(factor) > 0 THEN exp(sum(ln(factor))) ELSE sum(contribution) END FROM hp_explain(model, s)) AS told
	  FROM explain_each, explain_sales s WHERE id <= 40) t
GROUP BY name ORDER BY name;
-- values unlike any of the training
SELECT name, max(abs(told / predicted - 1)) < 1e-12 AS adds_up
FROM (SELECT name, hp_predict(model, s) AS predicted,
		(SELECT CASE WHEN count(factor) > 0 THEN exp(sum(contribution)) ELSE sum(contribution) END FROM hp_explain(model, s)) AS told
	  FROM explain_each, (VALUES ('Infinity'::float8, 'moon', NULL::bool, DATE 'infinity', NULL::int), ('NaN', '', true, '-infinity', 9),
		(NULL, NULL, NULL, NULL, NULL)) s(area, place, garden, sold, never_changes) WHERE name <> 'mean') t
GROUP BY name ORDER BY name;
SELECT feature, value FROM explain_models,
	(VALUES ('Infinity'::float8, 'moon', NULL::bool, DATE 'infinity', 1)) s(area, place, garden, sold, never_changes), hp_explain(boost, s) ORDER BY 1;

-- the fill of the model comes first; what it fills in is shown
SELECT feature, value FROM (SELECT hp_train(s, 'price', hp_boost(rounds => 5, exclude => '{id,sold}', clean => '{"text": "nowhere"}')) AS m FROM explain_sales s) t,
	(SELECT * FROM explain_sales WHERE id = 7) s, hp_explain(m, s) WHERE feature = 'place';

-- the model changes within one call
SELECT feature, count(*), count(DISTINCT contribution) > 1 AS differ
FROM explain_each, (SELECT area, place, garden, sold, never_changes FROM explain_sales WHERE id < 3) s, hp_explain(model, s)
WHERE name IN ('boost', 'forest') AND feature IN ('(base)', 'area') GROUP BY feature ORDER BY 1;

-- by hand: one split by a feature with two values, a third of the rows on one side
SELECT feature, value, round(contribution::numeric, 9) AS contribution FROM
	(SELECT hp_train(s, 'y', hp_forest(trees => 1, min_leaf => 1, bag => false, leak => 'allow')) AS m
	 FROM (SELECT i % 3 = 0 AS a, CASE WHEN i % 3 = 0 THEN 9 ELSE 0 END AS y FROM generate_series(1, 30) i) s) t,
	(VALUES (true), (false)) s(a), hp_explain(m, s);

SELECT count(*) AS none FROM hp_explain(NULL, ROW(1));
SELECT count(*) AS none FROM explain_models, hp_explain(boost, NULL);
-- what cannot be
SELECT hp_explain(boost, s) FROM explain_models, (SELECT area, place, garden, sold FROM explain_sales) s;
SELECT hp_explain(boost, s) FROM explain_models, (SELECT area, 1 AS place, garden, sold, never_changes FROM explain_sales) s;

DROP VIEW explain_each;
DROP TABLE explain_sales, explain_models;
RESET client_min_messages;
