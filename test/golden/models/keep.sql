-- keep.sql: models of the present version, to be read for ever
--
--   psql -X -q -f test/golden/models/keep.sql > test/golden/models/VERSION.csv
--
-- in a database that has the extension, from the top level.  Once a version is
-- released its file is never written again: a later one must read these
-- models, and predict what they predicted.  test/sql/kept.sql does so.
--
-- A line has the model's name, its digest, its text form, rows as JSON, what
-- it predicted for them, and how many nodes its trees have.
\set ON_ERROR_STOP
SET client_min_messages = warning;
SET extra_float_digits = 1;
BEGIN;
CREATE TEMP TABLE lots AS
SELECT i AS id, CASE WHEN i % 9 > 0 THEN i * 7919 % 1000 END AS area, (i * 31 % 7)::float4 / 3 AS ratio,
	(ARRAY['Elm', 'Oak', 'Fir', NULL, 'Ümläut', ''])[i % 6 + 1] AS street, 'zone ' || i % 40 AS zone, i % 10 = 0 AS corner,
	DATE '2000-01-01' + i * 13 % 4000 AS sold, 1 + i % 3 AS amount,
	100000 + i * 7919 % 1000 * 90 + i % 7 * 5000 + i * i % 101 * 10 AS price
FROM generate_series(1, 150) i;
CREATE TEMP TABLE kept (name text, model hp_model);
INSERT INTO kept SELECT 'mean', hp_train(l, 'price', hp_mean()) FROM lots l;
INSERT INTO kept SELECT 'forest', hp_train(l, 'price', hp_forest(trees => 4, exclude => '{id}')) FROM lots l;
INSERT INTO kept SELECT 'forest, seed 1', hp_train(l, 'price', hp_forest(trees => 4, seed => 1, exclude => '{id}')) FROM lots l;
INSERT INTO kept
SELECT 'forest, cleaned', hp_train(l, 'price', hp_forest(trees => 2, exclude => '{id}',
	clean => '{"number": 0, "text": "None"}', min_leaf => 5)) FROM lots l;
INSERT INTO kept
SELECT 'extra_trees', hp_train(l, 'price', hp_extra_trees(trees => 3, exclude => '{id}', min_leaf => 4)) FROM lots l;
INSERT INTO kept
SELECT 'boost', hp_train(l, 'price', hp_boost(rounds => 12, early_stopping => false, exclude => '{id}')) FROM lots l;
INSERT INTO kept
SELECT 'boost, bent', hp_train(l, 'price', hp_boost(rounds => 9, loss => 'huber', early_stopping => false, weight => 'amount',
	log_target => true, retransform => 'mean', monotone => '{"area": 1}', exclude => '{id}')) FROM lots l;
INSERT INTO kept SELECT 'linear', hp_train(l, 'price', hp_linear(exclude => '{id}')) FROM lots l;
INSERT INTO kept
SELECT 'blend', hp_train(l, 'price', hp_blend(hp_boost(rounds => 5, early_stopping => false, exclude => '{id}'),
	hp_linear(exclude => '{id}'))) FROM lots l;

-- rows as they were trained on, one with nothing in it, one beyond all that
-- was seen
CREATE TEMP TABLE asked AS
SELECT row_number() OVER (ORDER BY id) AS n, to_jsonb(l) AS r FROM lots l WHERE id % 12 = 0
UNION ALL SELECT 100, '{"area": null, "ratio": null, "street": null, "zone": null, "corner": null, "sold": null, "amount": null}'
UNION ALL SELECT 101, '{"area": 1e9, "ratio": -1e30, "street": "Nowhere", "zone": "zone 99", "corner": true, "sold": "9999-12-31", "amount": 0}';

COPY (
	SELECT name, hp_model_info(model) ->> 'digest' AS digest, model,
		(SELECT json_agg(r ORDER BY n) FROM asked) AS rows,
		(SELECT json_agg(hp_predict_json(model, r) ORDER BY n) FROM asked) AS predictions,
		(SELECT count(t.node) FROM generate_series(1, (hp_model_info(model) ->> 'trees')::int) i, hp_tree(model, i) t) AS nodes
	FROM kept ORDER BY name
) TO STDOUT (FORMAT csv, HEADER);
ROLLBACK;
