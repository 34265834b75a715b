--
-- hp_predict_oob(model, row [, target]): an honest prediction for a row that
-- the model was trained on
--
SET client_min_messages = warning;
CREATE TABLE oob_models AS
SELECT 'forest' AS name, hp_train(h, 'sale_price', hp_forest(trees => 50)) AS m FROM houses h
UNION ALL
SELECT 'logarithms', hp_train(h, 'sale_price', hp_forest(trees => 50, log_target => true)) FROM houses h
UNION ALL
SELECT 'extra trees', hp_train(h, 'sale_price', hp_extra_trees(trees => 50, row_fraction => 0.7)) FROM houses h
UNION ALL
SELECT 'filled', hp_train(h, 'sale_price', hp_forest(trees => 50, clean => '{"number": 0}')) FROM houses h
UNION ALL
SELECT 'other seed', hp_train(h, 'sale_price', hp_forest(trees => 50, seed => 7)) FROM houses h;

-- the errors are those that the training measured
SELECT name, count(p) = (hp_model_info(m) #>> '{oob,rows}')::int AS rows,
	abs(hp_mae(sale_price, p) / (hp_model_info(m) #>> '{oob,mae}')::float8 - 1) < 1e-9 AS mae,
	abs(hp_rmse(sale_price, p) / (hp_model_info(m) #>> '{oob,rmse}')::float8 - 1) < 1e-9 AS rmse,
	hp_mae(sale_price, p) > 2 * hp_mae(sale_price, all_trees) AS honest
FROM (SELECT name, m, h.sale_price, hp_predict_oob(m, h) AS p, hp_predict(m, h) AS all_trees FROM oob_models, houses h) s
GROUP BY name, m ORDER BY name;

-- as hp_predict it answers means of logarithms where the model does
SELECT max(abs(hp_predict_oob(a.m, h) / hp_predict_oob(b.m, h) / (hp_model_info(a.m) ->> 'smearing')::float8 - 1)) < 1e-12 AS same
FROM oob_models b, (SELECT hp_train(h, 'sale_price', hp_forest(trees => 50, log_target => true, retransform => 'mean')) AS m FROM houses h) a,
	(SELECT * FROM houses LIMIT 100) h WHERE b.name = 'logarithms';

-- with the target by value, and with weights
CREATE TABLE oob_houses AS SELECT h.lot_area, h.gr_liv_area, h.year_built, h.neighborhood, h.sale_price, 1 + h.sale_price % 3 AS w FROM houses h;
CREATE TABLE oob_value AS
SELECT hp_train(x, h.sale_price * 1.0, hp_forest(trees => 30)) AS m FROM oob_houses h, LATERAL (SELECT h.lot_area, h.gr_liv_area, h.year_built) x;
SELECT abs(hp_mae(h.sale_price, hp_predict_oob(m, x, h.sale_price)) / (hp_model_info(m) #>> '{oob,mae}')::float8 - 1) < 1e-9 AS same
FROM oob_value, oob_houses h, LATERAL (SELECT h.lot_area, h.gr_liv_area, h.year_built) x GROUP BY m;
CREATE TABLE oob_weighted AS
SELECT hp_train(h, 'sale_price', hp_forest(trees => 30, weight => 'w')) AS m FROM oob_houses h;
SELECT abs(sum(w * abs(sale_price - p)) / sum(w) / (hp_model_info(m) #>> '{oob,mae}')::float8 - 1) < 1e-9 AS same
FROM (SELECT m, h.*, hp_predict_oob(m, h) AS p FROM oob_weighted, oob_houses h) s GROUP BY m;

-- a row that every tree knows has none; a forest of one tree has many of these
SELECT count(*) AS rows, count(p) BETWEEN 1000 AND 1150 AS a_third
FROM (SELECT hp_predict_oob(m, h) AS p FROM houses h, (SELECT hp_train(h, 'sale_price', hp_forest(trees => 1)) AS m FROM houses h) t) s;
SELECT hp_predict_oob(NULL, h) IS NULL AS no_model, hp_predict_oob(m, NULL) IS NULL AS no_row FROM houses h, oob_models LIMIT 1;

-- what cannot be
SELECT hp_predict_oob(m, h) FROM houses h, (SELECT hp_train(h, 'sale_price', hp_boost(rounds => 5)) AS m FROM houses h) t LIMIT 1;
SELECT hp_predict_oob(m, h) FROM oob_houses h, (SELECT hp_train(h, 'sale_price', hp_forest(trees => 2, bag => false)) AS m FROM oob_houses h) t LIMIT 1;
SELECT hp_predict_oob(m, x) FROM oob_value, (SELECT 1 AS lot_area, 2 AS gr_liv_area, 3 AS year_built) x;
SELECT hp_predict_oob(m, x) FROM oob_weighted, (SELECT lot_area, gr_liv_area, year_built, neighborhood, w FROM oob_houses LIMIT 1) x;
SELECT hp_predict_oob(m, x) FROM oob_weighted, (SELECT lot_area, gr_liv_area, year_built, neighborhood, sale_price FROM oob_houses LIMIT 1) x;

DROP TABLE oob_models, oob_houses, oob_value, oob_weighted;
RESET client_min_messages;
