--
-- Every algorithm, by its constructor
--
SET client_min_messages = warning;

-- what all must do, on 700 houses with text and NULLs; the last fifth is new
-- to the model
CREATE TABLE algo_houses AS
SELECT lot_frontage, lot_area, neighborhood, year_built, bsmt_exposure, gr_liv_area, full_bath, garage_cars,
	central_air = 'Y' AS air, make_date(year_sold, mo_sold, 1) AS sold, sale_price, hp_split(longitude, 0.8, 1) AS train
FROM houses WHERE hp_split(longitude, 0.25);
CREATE TABLE algo_params (name text, params jsonb);
INSERT INTO algo_params VALUES
	('boost', hp_boost(rounds => 150, learning_rate => 0.1)),
	('boost absolute', hp_boost(rounds => 100, learning_rate => 0.1, loss => 'absolute')),
	('boost huber', hp_boost(rounds => 100, learning_rate => 0.1, loss => 'huber')),
	('boost quantile', hp_boost(rounds => 100, learning_rate => 0.1, loss => 'quantile')),
	('extra trees', hp_extra_trees(trees => 40)),
	('forest', hp_forest(trees => 40)),
	('linear', hp_linear()),
	('blend', hp_blend(hp_boost(rounds => 100, learning_rate => 0.1), hp_linear()));
CREATE FUNCTION algo_digest(m hp_model) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT hp_model_info(m) ->> 'digest' $$;
CREATE TABLE algo_models AS
SELECT name, hp_train(f, 'sale_price', params) FILTER (WHERE h.train) AS model
FROM algo_params, algo_houses h,
	LATERAL (SELECT h.lot_frontage, h.lot_area, h.neighborhood, h.year_built, h.bsmt_exposure, h.gr_liv_area, h.full_bath,
		h.garage_cars, h.air, h.sold, h.sale_price) f
GROUP BY name;

-- each predicts far better than the mean, and is what it was asked to be
SELECT name, hp_model_info(model) ->> 'algorithm' AS algorithm,
	hp_mae(sale_price, hp_predict(model, h)) < 0.45 * hp_mae(sale_price, mean) AS better_than_mean,
	hp_r2(sale_price, hp_predict(model, h)) > 0.7 AS r2
FROM algo_models, algo_houses h, (SELECT avg(sale_price) AS mean FROM algo_houses WHERE train) m
WHERE NOT train GROUP BY name, hp_model_info(model) ORDER BY name;

-- the same rows, the same model: in any order, on any number of threads, in
-- a parallel plan
CREATE TABLE algo_shuffled AS
SELECT sale_price, sold, air, garage_cars, full_bath, gr_liv_area, bsmt_exposure, year_built, neighborhood, lot_area, lot_frontage
FROM algo_houses WHERE train ORDER BY hashint4(sale_price), md5(lot_area::text);
ANALYZE algo_shuffled;
SET houseprice.threads = 3;
SELECT name, algo_digest(hp_train(h, 'sale_price', params)) = algo_digest(min_model) AS shuffled_threads
FROM (SELECT name, params, (SELECT model FROM algo_models m WHERE m.name = p.name) AS min_model FROM algo_params p) p, algo_shuffled h
GROUP BY name, algo_digest(min_model) ORDER BY name;
RESET houseprice.threads;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
ALTER TABLE algo_shuffled SET (parallel_workers = 2);
CREATE FUNCTION algo_parallel(params jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	digest text;
BEGIN
	EXECUTE format('SELECT algo_digest(hp_train(h, %L, %L::jsonb)) FROM algo_shuffled h', 'sale_price', params) INTO digest;
	RETURN digest;
END $$;
SELECT name, algo_parallel(params) = algo_digest(model) AS parallel
FROM algo_params JOIN algo_models USING (name) ORDER BY name;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- aggregates like any other: groups, FILTER and windows give what plain
-- training gives
CREATE TABLE algo_quick (name text, params jsonb);
INSERT INTO algo_quick
SELECT p ->> 'algorithm', p FROM unnest(ARRAY[hp_forest(trees => 3), hp_extra_trees(trees => 3),
	hp_boost(rounds => 10, learning_rate => 0.3), hp_linear(), hp_mean(), hp_blend(hp_linear(), hp_extra_trees(trees => 2))]) p;
CREATE VIEW algo_small AS SELECT air, lot_area, neighborhood, year_built, sale_price FROM algo_shuffled;
SELECT name, count(*) AS groups, bool_and(algo_digest(m) = algo_digest(plain)) AS as_filtered
FROM (SELECT name, air, hp_train(s, 'sale_price', params) AS m FROM algo_quick, algo_small s
	  GROUP BY GROUPING SETS ((name, air), (name))) g
JOIN (SELECT name, hp_train(s, 'sale_price', params) FILTER (WHERE air) AS with_air,
		hp_train(s, 'sale_price', params) FILTER (WHERE NOT air) AS without_air, hp_train(s, 'sale_price', params) AS of_all
	  FROM algo_quick, algo_small s GROUP BY name) f USING (name),
	LATERAL (SELECT CASE air WHEN true THEN with_air WHEN false THEN without_air ELSE of_all END AS plain) p
GROUP BY name ORDER BY name;
SELECT name, count(*) AS frames, count(DISTINCT digest) AS models,
	bool_and(digest = (SELECT algo_digest(hp_train(f, 'sale_price', params)) FROM algo_small f, algo_quick q
		WHERE q.name = w.name AND f.year_built <= w.year_built)) AS as_plain
FROM (SELECT name, year_built, algo_digest(hp_train(s, 'sale_price', params) OVER (PARTITION BY name ORDER BY year_built)) AS digest
	  FROM algo_quick, (SELECT * FROM algo_small WHERE year_built < 1915) s) w
GROUP BY name ORDER BY name;

-- the target by value, and a preparation that travels in the model
SELECT name, bool_and(hp_predict(by_value, h) = hp_predict(by_value, c)) AS as_cleaned
FROM (SELECT name, hp_train(s, s.sale_price::float8 / s.lot_area,
		CASE name WHEN 'blend' THEN hp_blend(hp_linear(exclude => '{sale_price}', clean => '{}'),
			hp_forest(trees => 2, exclude => '{sale_price}', clean => '{}'))
		WHEN 'mean' THEN hp_mean() ELSE params || '{"exclude": ["sale_price"], "clean": {}}' END) AS by_value
	  FROM algo_quick, algo_shuffled s GROUP BY name) m,
	algo_shuffled h, LATERAL hp_clean(h) c
GROUP BY name ORDER BY name;

-- one row, equal rows, a constant column, a column of NULLs, rows that differ
-- in nothing but the target: a model, and a finite prediction
SELECT name,
	(SELECT hp_predict(hp_train(s, 'y', params), (SELECT r FROM (SELECT 3 AS x) r)) FROM (SELECT 3 AS x, 7.5 AS y) s) AS one_row,
	(SELECT hp_predict(hp_train(s, 'y', params), (SELECT r FROM (SELECT 3 AS x) r))
	 FROM (SELECT 3 AS x, 7.5 AS y FROM generate_series(1, 30)) s) AS equal_rows,
	(SELECT round(hp_predict(hp_train(s, 'y', params), (SELECT r FROM (SELECT 3 AS x, NULL::text AS z) r))::numeric, 6)
	 FROM (SELECT 3 AS x, NULL::text AS z, i % 3 + 1.0 AS y FROM generate_series(1, 30) i) s) AS nothing_to_learn
FROM algo_quick ORDER BY name;

-- what an algorithm is told does something
CREATE FUNCTION algo_info(params jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT hp_model_info(hp_train(h, 'sale_price', params)) FROM algo_shuffled h $$;
SELECT algo_info(hp_boost(rounds => 12, early_stopping => false)) -> 'trees' AS rounds,
	(algo_info(hp_boost(rounds => 500, learning_rate => 0.3)) -> 'trees')::int < 400 AS stops_early,
	(algo_info(hp_boost(rounds => 500, learning_rate => 0.3)) #> '{oob,rows}') AS held_out,
	(algo_info(hp_boost(rounds => 10, early_stopping => false, max_leaves => 2)) -> 'nodes') AS stumps,
	(algo_info(hp_boost(rounds => 10, early_stopping => false, max_depth => 1, max_leaves => 31)) -> 'nodes') AS depth_1;
SELECT algo_info(hp_linear()) #> '{parameters,l1}' <> 'null' AS l1_chosen, algo_info(hp_linear(l1 => 0.01, l2 => 1)) -> 'parameters' AS parameters;
SELECT algo_info(hp_extra_trees(trees => 5)) -> 'digest' <> algo_info(hp_forest(trees => 5, bag => false, feature_fraction => 1)) -> 'digest'
	AS thresholds_are_drawn;
SELECT count(DISTINCT algo_info(p) -> 'digest') AS different FROM unnest(ARRAY[hp_boost(rounds => 20), hp_boost(rounds => 20, l2 => 5),
	hp_boost(rounds => 20, seed => 1), hp_boost(rounds => 20, row_fraction => 1), hp_boost(rounds => 20, feature_fraction => 1),
	hp_boost(rounds => 20, loss => 'absolute'), hp_boost(rounds => 20, loss => 'huber'), hp_boost(rounds => 20, max_bins => 4),
	hp_boost(rounds => 20, loss => 'quantile', quantile => 0.6)]) p;

-- quantiles: about as many rows below as they say
SELECT quantile, abs(avg((h.sale_price < hp_predict(m, h))::int) - quantile) < 0.08 AS share_below
FROM (SELECT quantile, hp_train(h, 'sale_price', hp_boost(rounds => 200, loss => 'quantile', quantile => quantile)) AS m
	  FROM algo_shuffled h, unnest('{0.1, 0.5, 0.9}'::float8[]) quantile GROUP BY quantile) t, algo_shuffled h
GROUP BY quantile ORDER BY quantile;

-- logarithms: decided by the targets, the median by default; with the mean
-- sums come out right
SELECT name, algo_info(p || '{"log_target": true}') #> '{parameters,log_target}' AS logs,
	algo_info(p) #> '{parameters,log_target}' AS by_itself,
	(SELECT hp_model_info(hp_train(s, 'y', p)) #> '{parameters,log_target}'
	 FROM (SELECT lot_area, 1000000 - sale_price AS y FROM algo_shuffled) s) AS skewed_the_other_way,
	(SELECT hp_model_info(hp_train(s, 'y', p)) #> '{parameters,log_target}'
	 FROM (SELECT lot_area, sale_price - 100000 AS y FROM algo_shuffled) s) AS not_positive
FROM algo_quick, LATERAL (SELECT params AS p) p WHERE name NOT IN ('mean', 'blend') ORDER BY name;
SELECT abs(sum(hp_predict(mean, h)) / sum(sale_price) - 1) < abs(sum(hp_predict(median, h)) / sum(sale_price) - 1) AS nearer
FROM (SELECT hp_train(h, 'sale_price', hp_linear(log_target => true)) AS median,
		hp_train(h, 'sale_price', hp_linear(log_target => true, retransform => 'mean')) AS mean FROM algo_shuffled h) m,
	algo_shuffled h;
SELECT hp_train(s, 'y', hp_boost(log_target => true)) FROM (SELECT lot_area, sale_price - 100000 AS y FROM algo_shuffled) s;

-- a blend is the mean of its members: of their logarithms where all have them
SELECT max(abs(hp_predict(logs, h) / exp((ln(hp_predict(a, h)) + ln(hp_predict(b, h))) / 2) - 1)) < 1e-12 AS logs,
	max(abs(hp_predict(mixed, h) / ((hp_predict(c, h) + hp_predict(b, h)) / 2) - 1)) < 1e-12 AS mixed
FROM (SELECT hp_train(h, 'sale_price', hp_blend(hp_linear(log_target => true), hp_forest(trees => 5, log_target => true))) AS logs,
		hp_train(h, 'sale_price', hp_blend(hp_linear(log_target => false), hp_forest(trees => 5, log_target => true))) AS mixed,
		hp_train(h, 'sale_price', hp_linear(log_target => true)) AS a,
		hp_train(h, 'sale_price', hp_forest(trees => 5, log_target => true)) AS b,
		hp_train(h, 'sale_price', hp_linear(log_target => false)) AS c FROM algo_shuffled h) m, algo_shuffled h;

-- a model is a value: out and in, it is the same and predicts the same
SELECT name, algo_digest(model::text::hp_model) = algo_digest(model) AS same,
	hp_predict(model::text::hp_model, h) = hp_predict(model, h) AS predicts
FROM algo_models, (SELECT * FROM algo_houses WHERE NOT train ORDER BY lot_area LIMIT 1) h ORDER BY name;

-- the leak guard, and what it says, are the same for all
SELECT hp_train(s, 'sale_price', hp_boost()) FROM (SELECT lot_area, ln(sale_price) AS logged, sale_price FROM algo_shuffled) s;
SELECT hp_train(s, 'sale_price', hp_linear()) FROM (SELECT lot_area, -sale_price AS negative, sale_price FROM algo_shuffled) s;
SELECT hp_train(s, 'sale_price', hp_blend(hp_mean(), hp_linear()))
FROM (SELECT lot_area, sale_price / 1000.0 AS thousands, sale_price FROM algo_shuffled) s;
SELECT hp_r2(sale_price, hp_predict(m, h)) > 0.95 AS allowed
FROM (SELECT hp_train(s, 'sale_price', hp_linear(leak => 'allow')) AS m
	  FROM (SELECT lot_area, sale_price / 1000.0 AS thousands, sale_price FROM algo_shuffled) s) t,
	(SELECT *, sale_price / 1000.0 AS thousands FROM algo_shuffled) h;

DROP TABLE algo_houses, algo_params, algo_models, algo_shuffled, algo_quick CASCADE;
DROP FUNCTION algo_digest, algo_info, algo_parallel;
RESET client_min_messages;
