--
-- hp_merge: one forest of several, trained apart
--
SET client_min_messages = warning;
CREATE TABLE merge_lots AS
SELECT i AS id, i % 4 AS office, CASE WHEN i % 9 > 0 THEN i * 7919 % 1000 END AS area,
	(ARRAY['Elm', 'Oak', 'Fir', NULL, '', 'Office ' || i % 4])[i % 6 + 1] AS street, i % 7 AS rooms,
	100000 + i * 7919 % 1000 * 90 + i % 7 * 5000 + i * i % 101 * 10 AS price
FROM generate_series(1, 800) i;

-- a model per office, on rows that the others never see, some of whose
-- streets are its own; together they predict as their mean
CREATE TABLE merge_models AS
SELECT office, hp_train(l, 'price', hp_forest(trees => 5, exclude => '{id, office}', log_target => false)) AS m
FROM merge_lots l GROUP BY office;
CREATE TABLE merge_pooled AS SELECT hp_merge(m) AS m FROM merge_models;
SELECT hp_model_info(m) ->> 'merged' AS merged, hp_model_info(m) ->> 'trees' AS trees, hp_model_info(m) ->> 'rows' AS rows,
	hp_model_info(m) -> 'oob' ->> 'rows' AS oob_rows, hp_model_info(m) ->> 'given' AS given
FROM merge_pooled;
SELECT count(*) AS rows, bool_and(abs(hp_predict(p.m, l) - (SELECT avg(hp_predict(m, l)) FROM merge_models)) < 1e-6) AS mean_of_all
FROM merge_lots l, merge_pooled p;
-- the order of the models, and how they are grouped, do not show
SELECT hp_merge(m ORDER BY office DESC) = (SELECT m FROM merge_pooled) AS same FROM merge_models;
-- NULL is no model, one model is itself, none are NULL
SELECT hp_merge(m) = (SELECT m FROM merge_pooled) AS same FROM (SELECT m FROM merge_models UNION ALL SELECT NULL) x;
SELECT office, hp_merge(m) = (array_agg(m))[1] AS same, hp_model_info(hp_merge(m)) ? 'merged' AS merged FROM merge_models GROUP BY office ORDER BY office;
SELECT hp_merge(m) IS NULL AS none FROM merge_models WHERE false;
-- it is a model as any other
SELECT m::text::hp_model = m AND m::bytea::hp_model = m AS same, (SELECT count(*) FROM hp_tree(m, 20)) > 10 AS has_tree_20 FROM merge_pooled;
SELECT hp_predict_json(m, '{"area": 500, "street": "Office 3", "rooms": 2}') BETWEEN 130000 AND 170000 AS plausible FROM merge_pooled;

-- other seeds on the same rows: more trees.  Each knows its bag: trees alone
-- predict out of bag what their forest predicts
CREATE TABLE merge_seeds AS
SELECT seed, hp_train(l, 'price', hp_forest(trees => 1, seed => seed, exclude => '{id, office}', log_target => false)) AS m
FROM merge_lots l, generate_series(-2, 6) seed GROUP BY seed;
SELECT hp_model_info(m) ->> 'trees' AS trees, hp_model_info(m) ->> 'rows' AS rows,
	hp_model_info(m) -> 'parameters' ->> 'seed' AS seed,
	hp_model_info(m) ->> 'data_digest' = (SELECT hp_digest(m, l) FROM merge_lots l) AS of_these_rows
FROM (SELECT hp_merge(m) AS m FROM merge_seeds) x;
SELECT count(*) AS rows, count(p) AS predicted, bool_and(p IS NOT DISTINCT FROM q OR abs(p - q) < 1e-6) AS same
FROM (SELECT hp_predict_oob(f.m, l) AS p, (SELECT avg(hp_predict_oob(s.m, l)) FROM merge_seeds s) AS q
	FROM merge_lots l, (SELECT hp_merge(m) AS m FROM merge_seeds) f) x;

-- what does not fit together
SELECT hp_merge(m) FROM (SELECT m FROM merge_models UNION ALL SELECT m FROM merge_models WHERE office = 2) x;
SELECT hp_merge(m) FROM (SELECT hp_train(l, 'price', hp_forest(min_leaf => n, trees => 1)) AS m FROM merge_lots l, generate_series(1, 2) n GROUP BY n) x;
SELECT hp_merge(m) FROM (SELECT hp_train(l, 'price', hp_boost(rounds => 3)) AS m FROM merge_lots l) x;
SELECT hp_merge(m) FROM (SELECT hp_train(hp_select_features(l, 'rooms', CASE n WHEN 1 THEN 'area' ELSE 'street' END), l.price, hp_forest(trees => 1)) AS m
	FROM merge_lots l, generate_series(1, 2) n GROUP BY n) x;

DROP TABLE merge_lots, merge_models, merge_pooled, merge_seeds;
RESET client_min_messages;
