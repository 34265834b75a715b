--
-- hp_cross_validate: models scored on rows that they were not trained on
--
SET client_min_messages = warning;	-- key notices: see leak.sql

-- sales of which every tenth has no price yet, and some do not count
CREATE TABLE cv_sales AS
SELECT id, lot_area, gr_liv_area, year_built, lot_frontage, neighborhood, year_sold,
	CASE WHEN id % 10 = 0 THEN NULL ELSE sale_price END AS price,
	(id % 4) / 2.0 AS weight
FROM (SELECT row_number() OVER (ORDER BY longitude, latitude, sale_price, lot_area) AS id, * FROM houses) h
WHERE id <= 600;

-- the plain way: a training with FILTER for each fold
CREATE FUNCTION cv_plain(params jsonb, folds int) RETURNS SETOF hp_fold_score
LANGUAGE sql AS $$
	SELECT i, (hp_model_info(model) ->> 'rows')::bigint, n, hp_mae, hp_rmse, hp_rmsle, hp_mape, hp_r2,
		hp_model_info(model) ->> 'digest'
	FROM (SELECT i, hp_train(s, 'price', params) FILTER (WHERE hp_fold(id, folds) <> i) AS model
		  FROM cv_sales s, generate_series(0, folds - 1) i GROUP BY i) trained,
		LATERAL (SELECT count(price) AS n, hp_mae(price, hp_predict(model, s)), hp_rmse(price, hp_predict(model, s)),
					hp_rmsle(price, hp_predict(model, s)), hp_mape(price, hp_predict(model, s)), hp_r2(price, hp_predict(model, s))
				 FROM cv_sales s
				 WHERE hp_fold(id, folds) = i AND (weight > 0 OR params::text NOT LIKE '%weight%')) tested
$$;

-- figures and models are the same, to the bit, for all algorithms; the models
-- count the rows without a price that they would have met
CREATE TABLE cv_params AS
SELECT * FROM (VALUES
	(1, hp_mean()),
	(2, hp_forest(trees => 5, exclude => '{id}')),
	(3, hp_forest(trees => 5, exclude => '{id}', weight => 'weight', clean => '{"number": 0}')),
	(4, hp_boost(rounds => 30, exclude => '{id}')),
	(5, hp_linear(exclude => '{id}', clean => '{"text": "None"}')),
	(6, hp_blend(hp_forest(trees => 3, weight => 'weight'), hp_linear(l1 => 0, l2 => 1, weight => 'weight'), hp_mean()))) p (n, params);
SELECT n, params ->> 'algorithm' AS algorithm, count(*) AS folds,
	count(*) FILTER (WHERE cv = plain) AS same
FROM cv_params,
	LATERAL (SELECT unnest(hp_cross_validate(s, 'price', params, 4, s.id)) AS cv FROM cv_sales s) one
	JOIN LATERAL cv_plain(params, 4) plain ON (cv).fold = plain.fold
GROUP BY 1, 2 ORDER BY 1;
SELECT fold, train_rows, test_rows, round(mae) AS mae, round(r2::numeric, 3) AS r2
FROM (SELECT (unnest(hp_cross_validate(s, 'price', hp_forest(trees => 5), 4, s.id))).* FROM cv_sales s) scores;

-- without a key a row is folded by all that it holds, the target by value too
SELECT bool_and(model_digest = plain) AS same FROM
	(SELECT (unnest(hp_cross_validate(s, s.price, hp_forest(trees => 2, exclude => '{price}')))).* FROM cv_sales s) scores
	JOIN (SELECT i AS fold, hp_model_info(hp_train(s, s.price, hp_forest(trees => 2, exclude => '{price}'))
			FILTER (WHERE hp_fold(s, 5) <> i)) ->> 'digest' AS plain
		  FROM cv_sales s, generate_series(0, 4) i GROUP BY i) trained USING (fold);
SELECT hp_cross_validate(s, 'price', NULL) = hp_cross_validate(s, 'price') AS default_params,
	hp_cross_validate(s, 'price') = hp_cross_validate(s, 'price', hp_boost(), 5) AS default_folds
FROM (SELECT gr_liv_area, price FROM cv_sales WHERE id <= 50) s;

-- whole neighborhoods held out: an honest answer about a new one
SELECT sum(test_rows) AS tested, min(train_rows) AS least,
	bool_and(model_digest = plain) AS same
FROM (SELECT (unnest(hp_cross_validate(s, 'price', hp_forest(trees => 2), 3, s.neighborhood))).* FROM cv_sales s) scores
	JOIN (SELECT i AS fold, hp_model_info(hp_train(s, 'price', hp_forest(trees => 2))
			FILTER (WHERE hp_fold(neighborhood, 3) <> i)) ->> 'digest' AS plain
		  FROM cv_sales s, generate_series(0, 2) i GROUP BY i) trained USING (fold);

-- later sales predicted from earlier ones: each year from those before it
SELECT fold, train_rows, test_rows, round(mae) AS mae, mae = plain_mae AS same_mae, model_digest = plain AS same_model
FROM (SELECT (unnest(hp_cross_validate_forward(s, 'price', hp_forest(trees => 5, exclude => '{id}'), 4, s.year_sold))).*
	  FROM cv_sales s) scores
	JOIN (SELECT y - 2007 AS fold, hp_model_info(model) ->> 'digest' AS plain, plain_mae
		  FROM (SELECT y, hp_train(s, 'price', hp_forest(trees => 5, exclude => '{id}')) FILTER (WHERE year_sold < y) AS model
				FROM cv_sales s, generate_series(2007, 2010) y GROUP BY y) trained,
			LATERAL (SELECT hp_mae(price, hp_predict(model, s)) AS plain_mae FROM cv_sales s WHERE year_sold = y) tested) plain
	USING (fold);
-- numbers and times alike; blocks of about the same size
SELECT a = b AS same, ARRAY(SELECT test_rows FROM unnest(a)) AS tested
FROM (SELECT hp_cross_validate_forward(s, s.price::float8, hp_mean(), 5, s.id) AS a,
		hp_cross_validate_forward(s, s.price::float8, hp_mean(), 5, '2000-01-01'::date + s.id::int) AS b
	  FROM cv_sales s) c;

-- the mean over folds, and the standard deviation
SELECT (hp_summary(scores)).folds, (hp_summary(scores)).test_rows,
	abs((hp_summary(scores)).mae - (SELECT avg(mae) FROM unnest(scores))) < 1e-9 AS mae,
	abs((hp_summary(scores)).mae_sd - (SELECT stddev(mae) FROM unnest(scores))) < 1e-9 AS mae_sd,
	abs((hp_summary(scores)).r2_sd - (SELECT stddev(r2) FROM unnest(scores))) < 1e-12 AS r2_sd
FROM (SELECT hp_cross_validate(s, 'price', hp_forest(trees => 2), 7, s.id) AS scores FROM cv_sales s) c;
SELECT * FROM hp_summary(ARRAY[(0, 9, 1, 5, 6, NULL, NULL, NULL, NULL), (1, 9, 2, 7, 8, 0.5, NULL, NULL, NULL), NULL]::hp_fold_score[]);
SELECT * FROM hp_summary('{}');
SELECT hp_summary(NULL) IS NULL AS null;

-- any plan, any order: the same scores
SELECT hp_cross_validate(s, 'price', hp_forest(trees => 2, weight => 'weight'), 3, s.id) AS scores,
	hp_cross_validate_forward(s, 'price', hp_forest(trees => 2), 2, s.year_sold) AS forward
FROM cv_sales s \gset
SELECT hp_cross_validate(s, 'price', hp_forest(trees => 2, weight => 'weight'), 3, s.id) = :'scores' AS ordered
FROM (SELECT * FROM cv_sales ORDER BY lot_area) s;
ALTER TABLE cv_sales SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT hp_cross_validate(s, 'price', hp_forest(trees => 2), 3, s.id) FROM cv_sales s;
SELECT hp_cross_validate(s, 'price', hp_forest(trees => 2, weight => 'weight'), 3, s.id) = :'scores' AS scores,
	hp_cross_validate_forward(s, 'price', hp_forest(trees => 2), 2, s.year_sold) = :'forward' AS forward
FROM cv_sales s;
SET houseprice.spill_threshold = 0;
SELECT hp_cross_validate(s, 'price', hp_forest(trees => 2, weight => 'weight'), 3, s.id) = :'scores' AS spilled
FROM cv_sales s;
RESET houseprice.spill_threshold;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- an aggregate like any other
SELECT year_sold, (hp_summary(hp_cross_validate(s, 'price', hp_mean(), 2, s.id))).test_rows
FROM cv_sales s GROUP BY ROLLUP (year_sold) ORDER BY year_sold;
SELECT id, (hp_summary(hp_cross_validate(s, 'price', hp_mean(), 2) OVER (ORDER BY id))).test_rows
FROM cv_sales s WHERE id <= 5 ORDER BY id;
SELECT hp_cross_validate(s, 'price') IS NULL AS no_rows FROM cv_sales s WHERE false;

-- findings are told once, not for each fold
SET client_min_messages = notice;
SELECT hp_cross_validate(s, 'price', hp_forest(trees => 1), 4) IS NULL AS null
FROM (SELECT id, gr_liv_area, 'house ' || id AS address, price FROM cv_sales) s;
-- folds without rows, and no rows at all
SELECT fold, train_rows, test_rows, mae, model_digest IS NULL AS no_model
FROM (SELECT (unnest(hp_cross_validate(s, 'price', hp_mean(), 3, 1))).* FROM cv_sales s) scores;
SELECT (hp_summary(hp_cross_validate(s, 'price', hp_mean(), 3, 1))).* FROM cv_sales s;
SELECT hp_cross_validate(s, 'price', hp_mean(), 3, s.id) FROM cv_sales s WHERE price IS NULL;
SET client_min_messages = warning;

-- errors
SELECT hp_cross_validate(s, 'price', hp_mean(), 1) FROM cv_sales s;
SELECT hp_cross_validate(s, 'price', hp_mean(), 1001) FROM cv_sales s;
SELECT hp_cross_validate(s, 'price', hp_mean(), NULL) FROM cv_sales s;
SELECT hp_cross_validate(s, 'price', hp_mean(), 2 + s.id::int % 2) FROM cv_sales s;
SELECT hp_cross_validate(s, 'price', hp_forest(trees => 1 + s.id::int)) FROM cv_sales s;
SELECT hp_cross_validate(s, 'price', hp_mean(), 2, NULLIF(s.id, 7)) FROM cv_sales s;
SELECT hp_cross_validate(s, 'pricee', hp_mean()) FROM cv_sales s;
SELECT hp_cross_validate(s, NULL::text, hp_mean()) FROM cv_sales s;
SELECT hp_cross_validate(s, 'price', hp_mean()) FROM (SELECT NULL::cv_sales AS s) n;
SELECT hp_cross_validate(s, 'price', hp_forest(trees => 1), 2, s.id)
FROM (SELECT id, gr_liv_area, price / 1000.0 AS thousands, price FROM cv_sales) s;
SELECT hp_cross_validate_forward(s, 'price', hp_mean(), 5, s.year_sold) FROM cv_sales s;
SELECT hp_cross_validate_forward(s, 'price', hp_mean(), 2, s.neighborhood) FROM cv_sales s;
SELECT hp_cross_validate_forward(s, 'price', hp_mean(), 2, NULLIF(s.id, 7)) FROM cv_sales s;
SELECT hp_cross_validate_forward(s, 'price', hp_mean(), 2, 'infinity'::date) FROM cv_sales s;

DROP FUNCTION cv_plain;
DROP TABLE cv_sales, cv_params;
