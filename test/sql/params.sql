--
-- Parameters: constructors, and what hp_train makes of JSON
--
SET client_min_messages = warning;

-- a constructor keeps what it is given, and nothing else
SELECT hp_forest();
SELECT hp_forest(500);
SELECT hp_forest(trees => 500, min_leaf => 3, feature_fraction => 0.5, bag => false);
SELECT hp_forest(seed => 42, exclude => '{id,"1stFlrSF"}', leak => 'allow');
SELECT hp_forest(clean => '{"number": 0, "columns": {"alley": "None"}}');
SELECT hp_forest(trees => NULL) = hp_forest() AS null_is_not_given;
SELECT hp_forest(features => 3, max_depth => 8, max_leaves => 64, max_bins => 255,
	row_fraction => 0.6, cat_smooth => 2, cat_min_rows => 5);
-- every digit of a number
SELECT hp_forest(cat_smooth => 0.1::float8 + 0.2::float8) -> 'cat_smooth' AS cat_smooth;
SELECT hp_mean();
SELECT hp_extra_trees(trees => 50, bag => true, monotone => '{"area": 1, "age": -1, "id": 0}', weight => 'w');
SELECT hp_boost(rounds => 200, learning_rate => 0.1, max_leaves => 16, max_depth => 6, min_leaf => 10, l2 => 1,
	row_fraction => 0.5, feature_fraction => 0.5, max_bins => 255, early_stopping => false);
SELECT hp_boost(100, 0.05);
SELECT hp_boost(loss => 'quantile', quantile => 0.9, cat_smooth => 3, cat_min_rows => 4);
SELECT hp_boost(loss => 'huber', huber_quantile => 0.8, log_target => true, retransform => 'mean');
SELECT hp_linear(l1 => 0, l2 => 0.5, log_target => false, exclude => '{id}', leak => 'allow', clean => '{}', seed => 1);
SELECT hp_blend(hp_boost(rounds => 50), hp_linear());
SELECT hp_blend(VARIADIC ARRAY[hp_boost(), hp_forest(), hp_mean()]);
-- it is a value: stored, compared, changed as any other
CREATE TABLE params_variants (name text, params jsonb);
INSERT INTO params_variants VALUES ('defaults', hp_forest()), ('deep', hp_forest(min_leaf => 1)),
	('mean', hp_mean());
SELECT name, params || '{"trees": 10}' AS params FROM params_variants
WHERE params ->> 'algorithm' = 'forest' ORDER BY name;

-- the planner computes it once
EXPLAIN (VERBOSE, COSTS OFF)
SELECT hp_train(h, 'sale_price', hp_forest(trees => 10)) FROM houses h;

-- the model records what it was told and what that meant
CREATE TABLE params_lots AS
SELECT i AS id, i % 5 AS rooms, i % 7 * 10 + i % 3 AS price FROM generate_series(1, 60) i;
SELECT jsonb_pretty(hp_model_info(m) -> 'given') AS given,
	jsonb_pretty(hp_model_info(m) -> 'parameters') AS parameters
FROM (SELECT hp_train(l, 'price', hp_forest(trees => 3, seed => -7, features => 1, exclude => '{id}')) AS m
	  FROM params_lots l) t;
SELECT hp_model_info(hp_train(l, 'price')) -> 'given' AS given FROM params_lots l;
-- no parameters and NULL are the default algorithm's; what differs is the
-- record of what was given
SELECT hp_model_info(a) = hp_model_info(b) AS as_null,
	hp_model_info(a) -> 'parameters' = hp_model_info(c) -> 'parameters' AS as_default,
	hp_model_info(a) -> 'oob' = hp_model_info(c) -> 'oob' AS same_trees
FROM (SELECT hp_train(l, 'price') AS a, hp_train(l, 'price', NULL) AS b,
		hp_train(l, 'price', hp_boost()) AS c FROM params_lots l) t;

-- a constructor refuses what cannot be, and says what can
SELECT hp_forest(trees => 0);
SELECT hp_forest(trees => 100001);
SELECT hp_forest(feature_fraction => 1.01);
SELECT hp_forest(feature_fraction => 'NaN');
SELECT hp_forest(row_fraction => -0.1);
SELECT hp_forest(max_bins => 1);
SELECT hp_forest(features => 0);
SELECT hp_forest(seed => 9007199254740993);
SELECT hp_forest(leak => 'maybe');
SELECT hp_forest(exclude => ARRAY['id', NULL]);
SELECT hp_forest(clean => '[]');
SELECT hp_forest(clean => '{"nubmer": 0}');
SELECT hp_forest(clean => '{"number": "none"}');
SELECT hp_forest(tree => 500);
SELECT hp_mean(trees => 500);

SELECT hp_boost(learning_rate => 0);
SELECT hp_boost(max_leaves => 1);
SELECT hp_boost(l2 => 'Infinity');
SELECT hp_boost(loss => 'log');
SELECT hp_boost(quantile => 1, loss => 'quantile');
SELECT hp_linear(l1 => -0.5);
SELECT hp_linear(monotone => '{}');
-- what would have no effect
SELECT hp_boost(quantile => 0.9);
SELECT hp_boost(loss => 'absolute', huber_quantile => 0.8);
SELECT hp_boost(loss => 'absolute', quantile => 0.5);
-- signs of columns
SELECT hp_forest(monotone => '[]');
SELECT hp_forest(monotone => '1');
SELECT hp_forest(monotone => '{"area": 2}');
SELECT hp_forest(monotone => '{"area": 0.5}');
SELECT hp_forest(monotone => '{"area": "up"}');
SELECT hp_forest(monotone => '{"area": [1]}');
-- members of a blend learn from the same rows and columns
SELECT hp_blend(hp_forest(exclude => '{id}'), hp_mean(), hp_boost(exclude => '{id, id}')) IS NOT NULL AS agree;
SELECT hp_blend(hp_forest(exclude => '{id}'), hp_forest());
SELECT hp_blend(hp_mean(), hp_forest(weight => 'w'), hp_boost());
SELECT hp_blend(hp_forest(clean => '{"number": 0}'), hp_forest(clean => '{"number": 1}'));
SELECT hp_blend(hp_forest(leak => 'allow'), hp_linear());
-- and there are 2 to 16 of them, which are no blends
SELECT hp_blend();
SELECT hp_blend(hp_forest());
SELECT hp_blend(hp_forest(), NULL);
SELECT hp_blend(VARIADIC NULL);
SELECT hp_blend(VARIADIC array_fill(hp_mean(), ARRAY[16])) -> 'members' -> 15 AS sixteenth;
SELECT hp_blend(VARIADIC array_fill(hp_mean(), ARRAY[17]));
SELECT hp_blend(hp_forest(), '1');
SELECT hp_blend(hp_forest(), '{}');
SELECT hp_blend(hp_forest(), hp_blend(hp_linear(), hp_mean()));

-- hp_train reads JSON of any origin as strictly
SELECT hp_train(l, 'price', '{}') FROM params_lots l;
SELECT hp_train(l, 'price', '[]') FROM params_lots l;
SELECT hp_train(l, 'price', '"forest"') FROM params_lots l;
SELECT hp_train(l, 'price', 'null') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": null}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forrest"}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "tree": 1}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "n_estimators": 1}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "mean", "trees": 1}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "trees": "1"}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "trees": 1.5}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "seed": 9007199254740993}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "trees": null}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "trees": {"a": [1]}}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "cat_smooth": 1e400}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "bag": 1}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "leak": "maybe"}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "exclude": "id"}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "exclude": [1]}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "exclude": [["id"]]}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "exclude": [null]}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "clean": 0}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "forest", "clean": {"x": 0}}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "boost", "log_target": null}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "boost", "log_target": 1}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "boost", "weight": 1}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "boost", "monotone": null}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "blend"}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "blend", "members": {}}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "blend", "members": [1, 2]}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "blend", "trees": 5}') FROM params_lots l;
SELECT hp_train(l, 'price', '{"algorithm": "blend", "members": [{"algorithm": "mean", "trees": 5}, {"algorithm": "mean"}]}') FROM params_lots l;
SELECT hp_model_info(hp_train(l, 'price', '{"algorithm": "forest", "exclude": [], "clean": {}, "trees": 1e0}'))
	-> 'given' AS given
FROM params_lots l;

-- what is the same but for how it is written makes the same model, and the
-- model says what it was given in one way
SELECT count(DISTINCT hp_model_info(m) -> 'digest') AS models, min(hp_model_info(m) ->> 'given') AS given
FROM (SELECT hp_train(l, 'price', p) AS m
	FROM params_lots l, unnest(ARRAY[
		hp_forest(trees => 2, monotone => '{"rooms": 1}', exclude => '{id, price}', clean => '{"number": 5}'),
		hp_forest(trees => 2, monotone => '{"rooms": 1, "nothing": 0}', exclude => '{price, id, price}', clean => '{"number": 5.00}'),
		'{"clean": {"number": 5.0}, "monotone": {"rooms": 1.0}, "exclude": ["price", "id"], "trees": 2e0,
			"algorithm": "forest", "bag": true, "retransform": "median"}']) p
	GROUP BY p::text) t;
SELECT count(DISTINCT hp_model_info(m) -> 'digest') AS models, min(hp_model_info(m) ->> 'given') AS given
FROM (SELECT hp_train(l, 'price', p) AS m
	FROM params_lots l, unnest(ARRAY[
		hp_blend(hp_forest(trees => 2, weight => 'id'), hp_mean()),
		hp_blend(hp_forest(trees => 2, weight => 'id', bag => true, monotone => '{"rooms": 0}'), '{"algorithm": "mean"}')]) p
	GROUP BY p::text) t;

-- what each parameter does, on 600 houses
CREATE TABLE params_houses AS
SELECT lot_area, year_built, gr_liv_area, neighborhood, sale_price FROM houses
WHERE hp_split(longitude, 0.2) LIMIT 600;
CREATE FUNCTION params_try(params jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT hp_model_info(hp_train(h, 'sale_price', params)) FROM params_houses h $$;
SELECT params_try(hp_forest(trees => 7)) -> 'trees' AS trees;
SELECT (params_try(hp_forest(trees => 7, max_leaves => 5)) -> 'nodes')::int <= 7 * 9 AS max_leaves,
	(params_try(hp_forest(trees => 7, max_leaves => 1)) -> 'nodes') AS stumps,
	(params_try(hp_forest(trees => 7, max_depth => 2)) -> 'nodes')::int <= 7 * 7 AS max_depth,
	(params_try(hp_forest(trees => 7, min_leaf => 100)) -> 'nodes')::int < 7 * 13 AS min_leaf,
	(params_try(hp_forest(trees => 7, bag => false)) #> '{oob,rows}') AS oob_without_bag;
SELECT params_try(hp_forest(trees => 7, seed => 1)) -> 'digest' <>
	params_try(hp_forest(trees => 7, seed => 2)) -> 'digest' AS seeds_differ;
-- a bag, or fewer rows, or fewer features make trees differ; without any of
-- them all trees are equal but where gains tie
SELECT abs(hp_predict(ten, h) / hp_predict(one, h) - 1) < 0.01 AS same, count(*)
FROM params_houses h,
	(SELECT hp_train(x, 'sale_price', hp_forest(trees => 10, bag => false, feature_fraction => 1)) AS ten,
		hp_train(x, 'sale_price', hp_forest(trees => 1, bag => false, feature_fraction => 1)) AS one
	 FROM params_houses x) m
GROUP BY same;
-- two bins leave one threshold per number
SELECT max(thresholds) AS thresholds FROM
	(SELECT count(DISTINCT p) - 1 AS thresholds FROM
		(SELECT hp_predict(m, s) AS p FROM
			(SELECT hp_train(f, 'sale_price', hp_forest(trees => 1, max_bins => 2, min_leaf => 1)) AS m
			 FROM (SELECT lot_area, sale_price FROM params_houses) f) t,
			(SELECT lot_area FROM params_houses) s) q) r;

DROP TABLE params_variants, params_lots, params_houses;
DROP FUNCTION params_try;
RESET client_min_messages;
