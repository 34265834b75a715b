--
-- Weights: how much each training row counts
--
SET client_min_messages = warning;

CREATE TABLE weight_lots AS
SELECT i AS id, 50 + i % 40 AS area, CASE WHEN i % 7 = 0 THEN 'B' ELSE 'A' END AS street,
	(1000 * (50 + i % 40) - CASE WHEN i % 7 = 0 THEN 15000 ELSE 0 END + 500 * (i * i % 11))::float8 AS price,
	i % 4 AS w
FROM generate_series(1, 400) i;
CREATE FUNCTION weight_digest(m hp_model) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT hp_model_info(m) ->> 'digest' $$;
-- each algorithm, with weights and without; nothing is drawn by rows here
CREATE TABLE weight_params (name text, weighted jsonb, plain jsonb);
INSERT INTO weight_params
SELECT p ->> 'algorithm', p || '{"weight": "w"}', p
FROM unnest(ARRAY[hp_forest(trees => 10, bag => false), hp_extra_trees(trees => 10),
	hp_boost(rounds => 40, early_stopping => false, row_fraction => 1), hp_linear(l1 => 0.001, l2 => 0.01)]) p;
INSERT INTO weight_params VALUES ('blend', hp_blend(hp_linear(l1 => 0, l2 => 0, weight => 'w'), hp_mean()),
	hp_blend(hp_linear(l1 => 0, l2 => 0), hp_mean()));

-- the column is no feature, and the rows to predict need not have it; a model
-- says which it was
SELECT name, hp_model_info(m) -> 'rows' AS rows, hp_model_info(m) -> 'given' ->> 'weight' AS weight,
	(SELECT string_agg(f ->> 'name', ' ') FROM jsonb_array_elements(hp_model_info(m) -> 'features') f) AS features,
	(SELECT hp_mae(l.price, hp_predict(m, s)) < 9000
	 FROM weight_lots l, LATERAL (SELECT l.id, l.area, l.street) s) AS near
FROM (SELECT name, hp_train(l, 'price', weighted) AS m FROM weight_lots l, weight_params GROUP BY name) t
ORDER BY name;

-- weights that are all equal are as none; a weight of 0 is as if the row were
-- not there
SELECT name,
	abs(hp_predict(twos, r) / hp_predict(plain, r) - 1) < 1e-9 AS twos,
	hp_predict(ones, r) = hp_predict(plain, r) AS ones,
	hp_model_info(ones) -> 'data_digest' = hp_model_info(plain) -> 'data_digest' AS data
FROM (SELECT name, hp_train(o, 'price', weighted) AS ones, hp_train(t, 'price', weighted) AS twos
	  FROM weight_params, weight_lots l, LATERAL (SELECT l.id, l.area, l.street, l.price, 1 AS w) o,
		LATERAL (SELECT l.id, l.area, l.street, l.price, 2.0::float8 AS w) t GROUP BY name) a
JOIN (SELECT name, hp_train(p, 'price', plain) AS plain
	  FROM weight_params, weight_lots l, LATERAL (SELECT l.id, l.area, l.street, l.price) p GROUP BY name) b USING (name),
	(SELECT id, area, street FROM weight_lots WHERE id = 77) r
ORDER BY name;
SELECT name, weight_digest(hp_train(l, 'price', weighted)) =
	weight_digest(hp_train(l, 'price', weighted) FILTER (WHERE w > 0)) AS zero_is_left_out
FROM weight_lots l, weight_params GROUP BY name ORDER BY name;

-- they do count: the mean is the weighted one, and a tree's leaf is
SELECT hp_predict(hp_train(s, 'price', hp_blend(hp_mean(), hp_forest(trees => 1, bag => false, weight => 'w', min_leaf => 400,
	log_target => false))), (SELECT r FROM (SELECT 1 AS area) r)) AS weighted,
	sum(w * price) / sum(w) AS expected
FROM (SELECT area, price, w FROM weight_lots) s;
SELECT hp_predict(hp_train(s, 'price', hp_boost(loss => 'quantile', quantile => 0.5, weight => 'w', rounds => 1, learning_rate => 1,
	early_stopping => false, row_fraction => 1, feature_fraction => 1, log_target => false)), (SELECT r FROM (SELECT 1 AS same) r)) AS median
FROM (VALUES (1, 10.0, 1), (1, 20.0, 1), (1, 30.0, 5)) s(same, price, w);

-- the largest and the smallest there can be, alone and beside others
SELECT name, string_agg(CASE WHEN abs(hp_predict(m, r) / 70000 - 1) < 0.5 THEN 'near' ELSE hp_predict(m, r)::text END, ', '
	ORDER BY x, rest) AS predictions
FROM (SELECT name, x, rest, hp_train(s, 'price', weighted) AS m
	  FROM weight_params, (VALUES (1e100, 1), (1e100, 0), (1e-100, 1), (1e-100, 0)) v(x, rest), weight_lots l,
		LATERAL (SELECT l.id, l.area, l.street, l.price, CASE WHEN id = 20 OR rest = 0 THEN x ELSE rest END AS w) s
	  GROUP BY name, x, rest) t, (SELECT id, area, street FROM weight_lots WHERE id = 20) r
GROUP BY name ORDER BY name;

-- rows in any order, in a parallel plan, in a window: the same model
SELECT weight_digest(hp_train(l, 'price', hp_forest(trees => 5, weight => 'w'))) AS expected FROM weight_lots l \gset
SELECT weight_digest(hp_train(l, 'price', hp_forest(trees => 5, weight => 'w') ORDER BY price, id DESC)) = :'expected' AS ordered
FROM weight_lots l;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
ALTER TABLE weight_lots SET (parallel_workers = 2);
SELECT weight_digest(hp_train(l, 'price', hp_forest(trees => 5, weight => 'w'))) = :'expected' AS parallel FROM weight_lots l;
SELECT hp_train(l, 'price', hp_forest(trees => 5, weight => 'zero')) IS NULL AS none
FROM (SELECT area, price, 0 AS zero FROM weight_lots) l;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
ALTER TABLE weight_lots RESET (parallel_workers);
SELECT count(DISTINCT digest) AS models, bool_and(digest = :'expected') FILTER (WHERE id = 400) AS last_is_all
FROM (SELECT id, weight_digest(hp_train(l, 'price', hp_forest(trees => 5, weight => 'w'))
		OVER (ORDER BY id > 390)) AS digest FROM weight_lots l) t;

-- hp_digest(model, row) counts rows as the training did
SELECT name, hp_digest(m, l) = hp_model_info(m) ->> 'data_digest' AS same,
	hp_digest(m, l) FILTER (WHERE l.w > 0) = hp_model_info(m) ->> 'data_digest' AS zero_is_left_out,
	hp_digest(m, x) = hp_model_info(m) ->> 'data_digest' AS another_weight
FROM (SELECT name, hp_train(l, 'price', weighted) AS m FROM weight_lots l, weight_params GROUP BY name) t,
	weight_lots l, LATERAL (SELECT l.id, l.area, l.street, l.price, l.w + (l.id = 5)::int AS w) x
GROUP BY name, hp_model_info(m) ORDER BY name;
SELECT hp_digest(m, s, s.price) = hp_model_info(m) ->> 'data_digest' AS by_value
FROM (SELECT hp_train(l, l.price, hp_forest(trees => 1, weight => 'w', exclude => '{price}')) AS m FROM weight_lots l) t,
	LATERAL (SELECT area, id, street, w, price FROM weight_lots) s GROUP BY hp_model_info(m);
-- the target comes first: a row without one is counted, whatever its weight
SELECT hp_model_info(m) -> 'rows' AS rows, hp_model_info(m) -> 'rows_without_target' AS without_target
FROM (SELECT hp_train(s, 'price', hp_forest(trees => 1, weight => 'w')) AS m
	  FROM (SELECT area, nullif(price, 52500) AS price, CASE WHEN price <> 52500 THEN w END AS w FROM weight_lots) s) t;
-- a fill does not invent a weight
SELECT hp_train(s, 'price', hp_forest(trees => 1, weight => 'w', clean => '{"number": 1}'))
FROM (SELECT area, price, nullif(w, 3) AS w FROM weight_lots) s;

-- what cannot be
SELECT hp_train(l, 'price', hp_forest(weight => 'v')) FROM weight_lots l;
SELECT hp_train(l, 'price', hp_forest(weight => 'street')) FROM weight_lots l;
SELECT hp_train(l, 'price', hp_forest(weight => 'price')) FROM weight_lots l;
SELECT hp_train(s, 'price', hp_forest(weight => 'w')) FROM (SELECT area, price, -w AS w FROM weight_lots) s;
SELECT hp_train(s, 'price', hp_forest(weight => 'w')) FROM (SELECT area, price, 'NaN'::float4 AS w FROM weight_lots) s;
SELECT hp_train(s, 'price', hp_forest(weight => 'w')) FROM (SELECT area, price, 'Infinity'::float8 AS w FROM weight_lots) s;
SELECT hp_train(s, 'price', hp_forest(weight => 'w')) FROM (SELECT area, price, 1e101 AS w FROM weight_lots) s;
SELECT hp_train(s, 'price', hp_forest(weight => 'w')) FROM (SELECT area, price, 5e-324::float8 AS w FROM weight_lots) s;
SELECT hp_train(s, 'price', hp_forest(weight => 'w')) FROM (SELECT price, w FROM weight_lots) s;
SELECT hp_train(s, 'price', hp_forest(weight => 'w')) IS NULL AS none FROM (SELECT area, price, 0 AS w FROM weight_lots) s;
SELECT hp_train(s, 'price', hp_forest(weight => 'w')) IS NULL AS none FROM (SELECT 1 AS area, 2 AS price, 0 AS w) s;
CREATE TABLE weight_model AS SELECT hp_train(l, 'price', hp_forest(trees => 1, weight => 'w')) AS m FROM weight_lots l;
SELECT hp_digest(m, s) FROM weight_model, LATERAL (SELECT id, area, street, price FROM weight_lots) s;
SELECT hp_digest(m, s) FROM weight_model, LATERAL (SELECT id, area, street, price, NULL::int AS w FROM weight_lots) s;
SELECT hp_digest(m, s) FROM weight_model, LATERAL (SELECT id, area, street, price, 'x' AS w FROM weight_lots) s;

DROP TABLE weight_lots, weight_params, weight_model;
DROP FUNCTION weight_digest;
RESET client_min_messages;
