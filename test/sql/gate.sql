--
-- hp_gate: may a candidate take the place of the released model?
--
SET client_min_messages = warning;
-- sales: a house of an area, somewhere, and noise of which no model can know
CREATE FUNCTION gate_noise(i integer, what text) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$SELECT ('x' || substr(md5(i || what), 1, 8))::bit(32)::integer / 2147483648.0$$;
CREATE TABLE gate_sales AS
SELECT i, area, age, place, 1 + i % 3 AS w,
	(1000 * area - 700 * age + CASE place WHEN 'lake' THEN 30000 ELSE 0 END + 20000 * (gate_noise(i, 'x') + gate_noise(i, 'y')))::integer AS price
FROM (SELECT i, 40 + i * 37 % 161 AS area, i * 7919 % 50 AS age, (ARRAY['hill', 'lake', 'town', NULL])[1 + i * 13 % 4] AS place
	FROM generate_series(1, 2000) i) s;
CREATE TABLE gate_models (name text, model hp_model);
INSERT INTO gate_models
SELECT x.name, hp_train(s, 'price', x.params || hp_linear(exclude => x.left_out))
FROM gate_sales s, (VALUES ('first', hp_linear(), '{i,w,place}'::text[]), ('equal', hp_linear(l2 => 0.001), '{i,w,place}'),
	('better', hp_linear(), '{i,w}'), ('worse', hp_linear(), '{i,w,age,place}'), ('much worse', hp_linear(), '{i,w,area}')) AS x (name, params, left_out)
WHERE hp_split(s.i, 0.6) GROUP BY x.name, x.params, x.left_out;
INSERT INTO gate_models SELECT 'leaky', hp_train(s, 'price', hp_linear(exclude => '{i,w}')) FROM gate_sales s;
INSERT INTO gate_models SELECT 'mean', hp_train(s, 'price', hp_mean()) FROM gate_sales s WHERE hp_split(s.i, 0.6);
CREATE VIEW gate_holdout AS SELECT * FROM gate_sales s WHERE NOT hp_split(s.i, 0.6);
RESET client_min_messages;

CREATE FUNCTION gate(name text, holdout text DEFAULT 'gate_holdout', metric text DEFAULT 'mae', tolerance float8 DEFAULT 0.05,
	target text DEFAULT NULL, undecided text DEFAULT 'fail', overlap text DEFAULT 'fail') RETURNS hp_gate_result LANGUAGE sql AS
$$SELECT hp_gate('gate sales', (SELECT model FROM gate_models m WHERE m.name = $1), $2, $3, $4, $5, $6, $7)$$;
CREATE FUNCTION gate_release(name text) RETURNS integer LANGUAGE sql AS
$$SELECT hp_release('gate sales', hp_publish('gate sales', model)) FROM gate_models m WHERE m.name = $1$$;

-- the first of its name has to be better than the mean
SELECT verdict, metric, tolerance, round(candidate) AS candidate, round(released) AS released, round(difference::numeric, 3) AS difference,
	upper_bound < 0 AS surely, rows, rows_needed, skipped, released_version, candidate_overlap, released_overlap
FROM gate('first');
SELECT verdict FROM gate('mean');
\echo :LAST_ERROR_SQLSTATE
SELECT gate_release('first');

-- an equal candidate, and a better one
SELECT verdict, metric, tolerance, round(candidate) AS candidate, round(released) AS released, round(difference::numeric, 3) AS difference,
	round(upper_bound::numeric, 3) AS upper_bound, round(smallest_detectable::numeric, 3) AS smallest_detectable,
	rows, rows_needed, skipped, released_version, candidate_overlap, released_overlap
FROM gate('equal');
SELECT verdict, round(candidate) AS candidate, round(released) AS released, round(difference::numeric, 3) AS difference,
	round(upper_bound::numeric, 3) AS upper_bound, round(smallest_detectable::numeric, 3) AS smallest_detectable, rows_needed
FROM gate('better');
-- the holdout as a query; the digest says which rows they were
SELECT verdict, holdout_digest = (SELECT hp_digest(h) FROM gate_holdout h) AS of_these_rows FROM gate('better', 'SELECT * FROM gate_holdout');
-- a worse one
SELECT verdict FROM gate('worse');
\echo :LAST_ERROR_SQLSTATE
SELECT verdict FROM gate('much worse', metric => 'rmse');
\echo :LAST_ERROR_SQLSTATE
-- ... is let pass by who tolerates that much, and a better one is not good enough for who wants more
SELECT verdict, round(difference::numeric, 3) AS difference FROM gate('worse', tolerance => 0.8);
SELECT verdict FROM gate('better', tolerance => -0.4);
-- on few rows it may be lucky, and be off by less than the released model:
-- that is no verdict
SELECT k FROM generate_series(0, 19) k, gate('worse', format('SELECT * FROM gate_holdout WHERE i %% 20 = %s', k), tolerance => 1) g
WHERE candidate < released;
SELECT verdict FROM gate('worse', 'SELECT * FROM gate_holdout WHERE i % 20 = 13');
\echo :LAST_ERROR_SQLSTATE
SELECT k, verdict, difference < 0 AS looks_better, upper_bound > tolerance AS may_be_worse, rows, rows < rows_needed AS too_few
FROM unnest('{1,13,15}'::int[]) k, gate('worse', format('SELECT * FROM gate_holdout WHERE i %% 20 = %s', k), undecided => 'pass');
-- less than 30 rows never are one
SELECT verdict FROM gate('better', 'SELECT * FROM gate_holdout ORDER BY i LIMIT 29', tolerance => 1);
SELECT verdict, rows FROM gate('better', 'SELECT * FROM gate_holdout ORDER BY i LIMIT 29', tolerance => 1, undecided => 'pass');
SELECT verdict, rows FROM gate('better', 'SELECT * FROM gate_holdout ORDER BY i LIMIT 30', tolerance => 1);
-- no rows at all are a mistake
SELECT verdict FROM gate('better', 'SELECT * FROM gate_holdout LIMIT 0', undecided => 'pass');
\echo :LAST_ERROR_SQLSTATE
SELECT verdict FROM gate('better', 'SELECT i, area, age, place, w, NULL::float8 AS price FROM gate_holdout', undecided => 'pass');

-- by version, which no right to read models takes; the released one is as good as itself on any rows
SELECT hp_publish('gate sales', model) FROM gate_models WHERE name = 'better';
SELECT verdict, released_version FROM hp_gate('gate sales', 2, 'gate_holdout');
-- that the same statement publishes
BEGIN;
SELECT (hp_gate('gate sales', hp_publish('gate sales', model), 'gate_holdout', tolerance => 1, undecided => 'pass')).verdict
FROM gate_models WHERE name = 'worse';
ROLLBACK;
SELECT verdict, rows, difference, released_version FROM hp_gate('gate sales', 1, 'SELECT * FROM gate_holdout ORDER BY i LIMIT 3');
SELECT verdict FROM hp_gate('gate sales', 3, 'gate_holdout');
SELECT verdict FROM hp_gate('gate sales', 0, 'gate_holdout');
-- a slip in the name: nothing is released under it
SELECT verdict, released_version FROM gate_models, hp_gate('gate sale', model, 'gate_holdout') WHERE name = 'better';
SELECT verdict FROM hp_gate('gate sails', 1, 'gate_holdout');

-- the figures are those of the aggregates, to the bit
CREATE VIEW gate_pairs AS
SELECT h.price AS p, hp_predict(c.model, h) AS c, hp_predict(r.model, h) AS r
FROM gate_holdout h, gate_models c, gate_models r WHERE c.name = 'better' AND r.name = 'first' AND h.area > 100;
SELECT m.metric, g.candidate = m.c AND g.released = m.r AS same, round(g.difference::numeric, 9) = round((m.c / m.r - 1)::numeric, 9) AS relative
FROM (SELECT 'mae' AS metric, hp_mae(p, c) AS c, hp_mae(p, r) AS r FROM gate_pairs
	UNION ALL SELECT 'rmse', hp_rmse(p, c), hp_rmse(p, r) FROM gate_pairs
	UNION ALL SELECT 'rmsle', hp_rmsle(p, c), hp_rmsle(p, r) FROM gate_pairs
	UNION ALL SELECT 'mape', hp_mape(p, c), hp_mape(p, r) FROM gate_pairs) m,
	gate('better', 'SELECT * FROM gate_holdout WHERE area > 100', metric => m.metric, tolerance => 1) g;
-- the order of the rows and threads change nothing
SET houseprice.threads = 1;
CREATE TABLE gate_before AS SELECT * FROM gate('better', metric => 'rmse');
SET houseprice.threads = 3;
SELECT count(*) AS same FROM gate_before b, gate('better', 'SELECT * FROM gate_holdout ORDER BY md5(i::text)', metric => 'rmse') g WHERE b = g;
RESET houseprice.threads;
-- rows without a target are passed over
SELECT rows, skipped, candidate = (SELECT candidate FROM gate('better')) AS same
FROM gate('better', $$SELECT i, area, age, place, w, price::float8 FROM gate_holdout
	UNION ALL SELECT -i, area, age, place, w, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN float8 'NaN' ELSE 'Infinity' END FROM gate_holdout WHERE i <= 100$$);

-- each model sees a row as it came, and applies its own fill
SET client_min_messages = warning;
INSERT INTO gate_models
SELECT 'filled ' || fill, hp_train(s, 'price', hp_boost(rounds => 30, early_stopping => false, exclude => '{i,w}', clean => jsonb_build_object('columns', jsonb_build_object('area', fill))))
FROM gate_sales s, unnest('{0, 500}'::int[]) fill WHERE hp_split(s.i, 0.6) GROUP BY fill;
SELECT hp_release('gate gaps', hp_publish('gate gaps', model)) FROM gate_models WHERE name = 'filled 0';
CREATE VIEW gate_gaps AS SELECT i, CASE WHEN i % 3 > 0 THEN area END AS area, age, place, w, price FROM gate_holdout;
SELECT g.candidate = hp_mae(h.price, hp_predict(c.model, h)) AS candidate, g.released = hp_mae(h.price, hp_predict(r.model, h)) AS released,
	g.holdout_digest = hp_digest(h) AS digest
FROM gate_gaps h, gate_models c, gate_models r,
	(SELECT (hp_gate('gate gaps', model, 'gate_gaps', tolerance => 1)).* FROM gate_models WHERE name = 'filled 500') g
WHERE c.name = 'filled 500' AND r.name = 'filled 0'
GROUP BY g.candidate, g.released, g.holdout_digest;
RESET client_min_messages;

-- rows that one of both was trained on
SELECT verdict FROM gate('leaky');
\echo :LAST_ERROR_SQLSTATE
SELECT verdict, candidate_overlap, released_overlap FROM gate('leaky', overlap => 'allow');
SELECT verdict FROM gate('better', 'gate_sales');
\echo :LAST_ERROR_SQLSTATE
SELECT round(candidate_overlap::numeric, 4) AS candidate_overlap, round(released_overlap::numeric, 4) AS released_overlap
FROM gate('better', 'SELECT * FROM gate_holdout UNION ALL (SELECT * FROM gate_sales s WHERE hp_split(s.i, 0.6) ORDER BY i LIMIT 8)');
SELECT 1 FROM gate('better', 'SELECT * FROM gate_holdout UNION ALL (SELECT * FROM gate_sales s WHERE hp_split(s.i, 0.6) ORDER BY i LIMIT 9)');
-- before there is a release
SELECT 1 FROM gate_models, hp_gate('gate nothing', model, 'gate_sales') WHERE name = 'better';
-- weights belong to the rows of a training, by which they are known; a row of weight 0 was not there
SET client_min_messages = warning;
INSERT INTO gate_models
SELECT 'weighted', hp_train(s, 'price', hp_linear(exclude => '{i}', weight => 'w'))
FROM (SELECT i, area, age, place, price, CASE WHEN hp_split(i, 0.6) THEN w ELSE 0 END AS w FROM gate_sales) s;
SELECT g.* FROM unnest(ARRAY['gate_holdout', 'SELECT i, area, age, place, price, 0 AS w FROM gate_holdout', 'SELECT i, area, age, place, price, NULL::int AS w FROM gate_holdout']) h,
	LATERAL (SELECT verdict, candidate_overlap FROM gate('weighted', h)) g;
SELECT 1 FROM gate('weighted', 'SELECT * FROM gate_sales s WHERE hp_split(s.i, 0.6)', overlap => 'fail');
SELECT verdict, candidate_overlap FROM gate('weighted', 'SELECT i, area, age, place, price FROM gate_holdout');
-- models of 0.1.0 do not know their rows
CREATE TABLE gate_kept (name text, digest text, model hp_model, rows json, predictions json, nodes bigint);
\copy gate_kept FROM PROGRAM 'cat "$PG_ABS_SRCDIR/golden/models/0.1.0.csv"' (FORMAT csv, HEADER match)
CREATE TABLE gate_lots AS
SELECT CASE WHEN i % 9 > 0 THEN i * 7919 % 1000 END AS area, (i * 31 % 7)::float4 / 3 AS ratio, (ARRAY['Elm', 'Oak', 'Fir', NULL, 'Ümläut', ''])[i % 6 + 1] AS street,
	'zone ' || i % 40 AS zone, i % 10 = 0 AS corner, DATE '2000-01-01' + i * 13 % 4000 AS sold, 1 + i % 3 AS amount,
	100000 + i * 7919 % 1000 * 90 + i % 7 * 5000 + i * i % 101 * 10 AS price
FROM generate_series(151, 250) i;
SELECT verdict, candidate_overlap FROM gate_kept, hp_gate('gate nothing', model, 'gate_lots') WHERE name = 'linear';
SELECT verdict, candidate_overlap FROM gate_kept, hp_gate('gate nothing', model, 'gate_lots', overlap => 'allow') WHERE name = 'linear';
-- of large trainings a sample is known, with which a few rows may have nothing to do
CREATE TABLE gate_many AS SELECT i % 5000 AS a, i * 37 % 1009 AS b, i % 5000 + i * 37 % 1009 + i % 7 AS price FROM generate_series(1, 30000) i;
INSERT INTO gate_models SELECT 'many', hp_train(s, 'price', hp_linear()) FROM gate_many s;
RESET client_min_messages;
SELECT verdict, rows, candidate_overlap FROM gate_models, hp_gate('gate nothing', model, 'SELECT * FROM gate_many ORDER BY a, b LIMIT 2', undecided => 'pass') WHERE name = 'many';
SELECT 1 FROM gate_models, hp_gate('gate nothing', model, 'SELECT * FROM gate_many ORDER BY a, b LIMIT 100') WHERE name = 'many';

-- the target: as the models name it, or as the caller does
SET client_min_messages = warning;
INSERT INTO gate_models SELECT 'by value', hp_train(s, s.price, hp_linear(exclude => '{i,w,price}')) FROM gate_sales s WHERE hp_split(s.i, 0.6);
INSERT INTO gate_models SELECT 'negative', hp_train(s, -s.price, hp_linear(exclude => '{i,w,price}')) FROM gate_sales s WHERE hp_split(s.i, 0.6);
INSERT INTO gate_models SELECT 'area', hp_train(s, 'area', hp_linear(exclude => '{i,w}')) FROM gate_sales s WHERE hp_split(s.i, 0.6);
RESET client_min_messages;
SELECT verdict, candidate_overlap FROM gate('by value');
SELECT verdict FROM gate('better', 'SELECT i, area, age, place, w, price AS paid FROM gate_holdout', target => 'paid');
SELECT verdict FROM gate('area');
SELECT verdict FROM gate_models, hp_gate('gate nothing', model, 'gate_holdout') WHERE name = 'by value';
SELECT verdict FROM gate('better', target => 'prize');
SELECT verdict FROM gate('better', target => 'place');

-- a NULL lets nothing pass
SELECT verdict FROM hp_gate(NULL, 1, 'gate_holdout');
SELECT verdict FROM hp_gate('gate sales', (SELECT hp_train(s, 'price') FROM gate_sales s WHERE false), 'gate_holdout');
SELECT verdict FROM hp_gate('gate sales', 2, NULL);
SELECT verdict FROM hp_gate('gate sales', 2, 'gate_holdout', NULL);
SELECT verdict FROM hp_gate('gate sales', 2, 'gate_holdout', tolerance => NULL);
SELECT verdict FROM hp_gate('gate sales', 2, 'gate_holdout', undecided => NULL);
SELECT verdict FROM hp_gate('gate sales', 2, 'gate_holdout', overlap => NULL);
-- what cannot be
SELECT verdict FROM hp_gate('gate sales', 2, 'gate_holdout', 'r2');
SELECT verdict FROM hp_gate('gate sales', 2, 'gate_holdout', 'MAE');
SELECT verdict FROM hp_gate('gate sales', 2, 'gate_holdout', tolerance => 'NaN');
SELECT verdict FROM hp_gate('gate sales', 2, 'gate_holdout', tolerance => 50);
-- a percentage, it seems
SELECT verdict FROM hp_gate('gate sales', 2, 'gate_holdout', tolerance => 5);
SELECT verdict FROM hp_gate('gate sales', 2, 'gate_holdout', undecided => 'passed');
SELECT verdict FROM hp_gate('gate sales', 2, 'gate_holdout', overlap => 'pass');
SELECT verdict FROM hp_gate('gate sales', 2, 'gate_hold_out');
SELECT verdict FROM hp_gate('gate sales', 2, 'DELETE FROM gate_sales RETURNING *');
SELECT verdict FROM hp_gate('gate sales', 2, 'SELECT area, age, price FROM gate_holdout');
SELECT verdict FROM hp_gate('gate sales', 2, 'SELECT i, area, age, place, 0 AS price FROM gate_holdout', 'mape');
SELECT verdict FROM hp_gate('gate sales', 2, 'SELECT i, area, age, place, -1 AS price FROM gate_holdout', 'rmsle');
SELECT verdict FROM gate('negative', metric => 'rmsle');
SELECT verdict FROM hp_gate('gate sales', 2, 'SELECT i, area, age, place, 1e200 AS price FROM gate_holdout', 'rmse');

DROP FUNCTION gate, gate_release;
DROP VIEW gate_pairs, gate_gaps, gate_holdout;
DROP TABLE gate_sales, gate_models, gate_before, gate_kept, gate_lots, gate_many;
DROP FUNCTION gate_noise;
DELETE FROM hp_releases WHERE name LIKE 'gate %';
DELETE FROM hp_versions WHERE name LIKE 'gate %';
