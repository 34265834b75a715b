--
-- Monotone columns: predictions may only rise, or only fall, with them
--
SET client_min_messages = warning;

-- prices rise with the area and fall with the age, but for noise that a model
-- without the promise follows
CREATE TABLE mono_lots AS
SELECT (i * 37 % 101)::int AS area, (i * 53 % 61)::float8 AS age, i % 3 = 0 AS corner, 'zone ' || i % 5 AS zone,
	'2001-01-01'::date + i * 7 % 365 AS sold,
	50000 + (i * 37 % 101) * 900 - (i * 53 % 61) * 400 + i % 5 * 5000 + hashint4(i) % 20000 AS price
FROM generate_series(1, 500) i;
CREATE TABLE mono_params (name text, params jsonb);
INSERT INTO mono_params
SELECT p ->> 'algorithm', p FROM unnest(ARRAY[hp_forest(trees => 20), hp_extra_trees(trees => 20),
	hp_boost(rounds => 60, learning_rate => 0.2, early_stopping => false)]) p;
INSERT INTO mono_params
SELECT loss, hp_boost(rounds => 60, learning_rate => 0.2, early_stopping => false, loss => loss, log_target => false)
FROM unnest('{absolute, quantile, huber}'::text[]) loss;

-- rows that differ in one column only: where predictions fall as it rises
CREATE FUNCTION mono_falls(m hp_model, VARIADIC columns text[]) RETURNS bigint[] LANGUAGE sql AS $$
	SELECT array_agg((SELECT count(*) FROM
		(SELECT p < lag(p) OVER (PARTITION BY l.ctid ORDER BY v) AS falls
		 FROM (SELECT ctid, * FROM mono_lots LIMIT 60) l, generate_series(-5, 105, 2) v,
			LATERAL (SELECT CASE c WHEN 'area' THEN v ELSE l.area END AS area, CASE c WHEN 'age' THEN v ELSE l.age END AS age,
				CASE c WHEN 'corner' THEN v > 50 ELSE l.corner END AS corner, l.zone,
				CASE c WHEN 'sold' THEN '2001-01-01'::date + v * 4 ELSE l.sold END AS sold) r,
			LATERAL (SELECT hp_predict(m, r) AS p) q) s
		WHERE falls) ORDER BY i)
	FROM unnest(columns) WITH ORDINALITY c(c, i) $$;
CREATE FUNCTION mono_rises(m hp_model, VARIADIC columns text[]) RETURNS bigint[] LANGUAGE sql AS $$
	SELECT array_agg((SELECT count(*) FROM
		(SELECT p > lag(p) OVER (PARTITION BY l.ctid ORDER BY v) AS rises
		 FROM (SELECT ctid, * FROM mono_lots LIMIT 60) l, generate_series(-5, 105, 2) v,
			LATERAL (SELECT l.area, CASE c WHEN 'age' THEN v ELSE l.age END AS age, l.corner, l.zone, l.sold) r,
			LATERAL (SELECT hp_predict(m, r) AS p) q) s
		WHERE rises) ORDER BY i)
	FROM unnest(columns) WITH ORDINALITY c(c, i) $$;
SELECT name, mono_falls(held, 'area', 'corner', 'sold') AS falls, mono_rises(held, 'age') AS rises,
	mono_falls(free, 'area') <> '{0}' AND mono_rises(free, 'age') <> '{0}' AS would_without
FROM (SELECT name,
		hp_train(l, 'price', params || '{"monotone": {"area": 1, "age": -1, "corner": 1, "sold": 1}}') AS held,
		hp_train(l, 'price', params) AS free
	  FROM mono_lots l, mono_params GROUP BY name) t
ORDER BY name;
-- the model says so
SELECT hp_model_info(m) #> '{given,monotone}' AS given, hp_model_info(m) #> '{parameters,monotone}' AS parameters
FROM (SELECT hp_train(l, 'price', hp_forest(trees => 2, monotone => '{"area": 1, "age": -1, "corner": 0}')) AS m FROM mono_lots l) t;
-- a member of a blend keeps its own promise
SELECT mono_falls(m, 'area') AS falls
FROM (SELECT hp_train(l, 'price', hp_blend(hp_boost(rounds => 40, early_stopping => false, monotone => '{"area": 1}'),
		hp_forest(trees => 10, monotone => '{"area": 1}'), hp_mean())) AS m FROM mono_lots l) t;
-- a sign of 0 is none
SELECT hp_model_info(hp_train(l, 'price', hp_forest(trees => 2, monotone => '{"area": 0, "nothing": 0}'))) -> 'digest' =
	hp_model_info(hp_train(l, 'price', hp_forest(trees => 2))) -> 'digest' AS same
FROM mono_lots l;
-- a missing value is neither more nor less: NULL may go anywhere, all else
-- keeps its order
SELECT mono_falls(hp_train(s, 'price', hp_boost(rounds => 40, early_stopping => false, monotone => '{"area": 1}')), 'area') AS falls
FROM (SELECT nullif(area, area / 10 * 10) AS area, age, corner, zone, sold, price FROM mono_lots) s;

-- what cannot be
SELECT hp_train(l, 'price', hp_forest(monotone => '{"aera": 1}')) FROM mono_lots l;
SELECT hp_train(l, 'price', hp_forest(monotone => '{"zone": 1}')) FROM mono_lots l;
SELECT hp_train(l, 'price', hp_forest(monotone => '{"price": 1}')) FROM mono_lots l;
SELECT hp_train(l, 'price', hp_forest(monotone => '{"age": -1}', exclude => '{age}')) FROM mono_lots l;
SELECT hp_train(l, 'price', hp_forest(monotone => '{"age": -1}', weight => 'age')) FROM mono_lots l;
SELECT hp_train(l, 'price', hp_blend(hp_linear(), hp_boost(monotone => '{"zone": -1}'))) FROM mono_lots l;

DROP TABLE mono_lots, mono_params;
DROP FUNCTION mono_falls, mono_rises;
RESET client_min_messages;
