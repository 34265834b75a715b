--
-- hp_importance(model, NULL::t [, source, target, oob]): what a model loses on
-- rows where a feature tells it nothing
--
SET client_min_messages = warning;
CREATE TABLE permute_sales AS
SELECT i, i * 37 % 101 AS area, i % 7 AS noise, (ARRAY['hill','lake','town'])[1 + i % 3] AS place, 3 AS never_changes, 1 + i % 2 AS w,
	1000 * (i * 37 % 101) + CASE i % 3 WHEN 1 THEN 30000 ELSE 0 END AS price
FROM generate_series(1, 400) i;
CREATE TABLE permute_models AS
SELECT hp_train(s, 'price', hp_forest(trees => 30, exclude => '{i,w}')) AS forest,
	hp_train(s, 'price', hp_boost(rounds => 50, exclude => '{i,w}', early_stopping => false)) AS boost,
	hp_train(s, 'price', hp_blend(hp_boost(rounds => 20, exclude => '{i,w}', early_stopping => false), hp_linear(exclude => '{i,w}'))) AS blend,
	hp_train(s, s.price, hp_forest(trees => 5, exclude => '{i,w,price}')) AS by_value,
	hp_train(s, 'price', hp_forest(trees => 30, exclude => '{i}', weight => 'w')) AS weighted,
	hp_train(s, 'price', hp_mean()) AS mean
FROM permute_sales s WHERE i <= 300;

-- in units of the target; features that are not used cost nothing
SELECT rank, feature, round(importance) AS importance, bar FROM permute_models, hp_importance(boost, NULL::permute_sales);
-- on rows held out, as a table, a query, or by name
SELECT rank, feature, round(importance) AS importance FROM permute_models, hp_importance(boost, 'SELECT * FROM permute_sales WHERE i > 300');
SELECT count(*) AS same FROM permute_models, hp_importance(boost, NULL::permute_sales) a, hp_importance(boost, 'permute_sales') b,
	hp_importance(boost, NULL::houses, 'TABLE permute_sales') c
WHERE a = b AND b = c;
-- for rows of the training out of bag; with weights
SELECT rank, feature, round(importance) AS importance FROM permute_models, hp_importance(forest, 'SELECT * FROM permute_sales WHERE i <= 300', oob => true);
SELECT rank, feature, round(importance) AS importance FROM permute_models, hp_importance(weighted, 'SELECT * FROM permute_sales WHERE i <= 300', oob => true);
-- the order of the rows does not matter, columns that the model does not know neither
SELECT count(*) AS same FROM permute_models, hp_importance(blend, 'SELECT * FROM permute_sales') a,
	hp_importance(blend, 'SELECT 1 AS one, price, place, noise, never_changes, area FROM permute_sales ORDER BY i % 17, i') b
WHERE a = b;
-- the target by another name
SELECT rank, feature, importance > 0 AS matters FROM permute_models,
	hp_importance(by_value, 'SELECT area, noise, place, never_changes, price AS paid FROM permute_sales', target => 'paid');
-- rows without a target do not count, and without rows there is nothing to say
SELECT count(*) AS same FROM permute_models, hp_importance(boost, 'SELECT * FROM permute_sales') a,
	hp_importance(boost, 'SELECT area, noise, place, never_changes, price FROM permute_sales UNION ALL SELECT 1, 2, NULL, 4, NULL FROM generate_series(1, 9)') b
WHERE a = b;
SELECT rank, feature, importance, bar FROM permute_models, hp_importance(boost, 'SELECT * FROM permute_sales WHERE false');
SELECT count(*) AS none FROM permute_models, hp_importance(mean, NULL::permute_sales);
SELECT count(*) AS none FROM hp_importance(NULL, NULL::permute_sales);

-- what cannot be
SELECT * FROM permute_models, hp_importance(by_value, NULL::permute_sales);
SELECT * FROM permute_models, hp_importance(boost, NULL::permute_sales, target => 'prize');
SELECT * FROM permute_models, hp_importance(boost, NULL::permute_sales, target => 'place');
SELECT * FROM permute_models, hp_importance(boost, NULL::permute_sales, oob => true);
SELECT * FROM permute_models, hp_importance(boost, NULL::text);
SELECT * FROM permute_models, hp_importance(boost, 1);
SELECT * FROM permute_models, hp_importance(boost, 'SELECT area, noise, place, price FROM permute_sales');
SELECT * FROM permute_models, hp_importance(weighted, 'SELECT area, noise, place, never_changes, price FROM permute_sales');

DROP TABLE permute_sales, permute_models;
RESET client_min_messages;
