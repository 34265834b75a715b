--
-- hp_predict_json(model, jsonb): a row as a web service sends it
--
SET client_min_messages = warning;
CREATE TABLE json_lots AS
SELECT 50 + i % 40 AS area, CASE WHEN i % 7 = 0 THEN 'B' WHEN i % 11 = 0 THEN NULL ELSE 'A' END AS street,
	i % 3 = 0 AS corner, DATE '2020-01-01' + i % 50 AS sold, TIMESTAMPTZ '2020-01-01 00:00+00' + i % 50 * interval '7 hours' AS listed,
	(1000 * (50 + i % 40) - CASE WHEN i % 7 = 0 THEN 15000 ELSE 0 END + i % 50 * 100 + i % 13)::float8 AS price
FROM generate_series(1, 700) i;
CREATE TABLE json_models AS
SELECT 'forest' AS name, hp_train(l, 'price', hp_forest(trees => 10)) AS m FROM json_lots l
UNION ALL
SELECT 'blend', hp_train(l, 'price', hp_blend(hp_boost(rounds => 20, early_stopping => false), hp_linear())) FROM json_lots l
UNION ALL
SELECT 'clean', hp_train(l, 'price', hp_forest(trees => 10, clean => '{"text": "A", "number": 0}')) FROM json_lots l;
SET TimeZone = 'Pacific/Kiritimati';
SET DateStyle = 'German';

-- to_jsonb(row) gives what the row gives, to the bit
SELECT name, count(*), bool_and(hp_predict_json(m, to_jsonb(l)) = hp_predict(m, l)) AS same
FROM json_models, json_lots l GROUP BY name ORDER BY name;
CREATE TABLE json_houses AS
SELECT hp_train(h, 'sale_price', hp_boost(rounds => 50, early_stopping => false)) AS m FROM houses h;
SELECT count(*), bool_and(hp_predict_json(m, to_jsonb(h)) = hp_predict(m, h)) AS same FROM json_houses, houses h;

-- keys in any order, others besides; null is unknown; numbers by value
SELECT hp_predict_json(m, '{"area": 60, "street": "A", "corner": true, "sold": "2020-01-09", "listed": "2020-01-03T04:05:06+00:00"}') AS expected
FROM json_models WHERE name = 'forest' \gset
SELECT hp_predict_json(m, '{"note": {"any": [1]}, "listed": "2020-01-03 06:05:06+02", "sold": "2020-01-09T00:00:00", "corner": true, "street": "A", "area": 6.0e1}') = :expected AS same,
	hp_predict_json(m, '{"area": 60, "street": "A", "corner": true, "sold": "2020-01-09T00:00:00Z", "listed": "2020-01-03T04:05:06Z"}') = :expected AS same_too
FROM json_models WHERE name = 'forest';
SELECT name, hp_predict_json(m, '{"area": null, "street": null, "corner": null, "sold": null, "listed": null}') =
	hp_predict(m, ROW(NULL, NULL, NULL, NULL, NULL, NULL)::json_lots) AS same
FROM json_models ORDER BY name;
SELECT hp_predict_json(m, '{"area": 1e308, "street": "unheard-of", "corner": false, "sold": "9999-12-31", "listed": "0001-01-01T00:00:00Z"}') > 0 AS fair
FROM json_models ORDER BY name;
SELECT hp_predict_json(NULL, '{}') IS NULL AS no_model, hp_predict_json(m, NULL) IS NULL AS no_row FROM json_models LIMIT 1;
RESET DateStyle;
RESET TimeZone;

-- several models at one call site
SELECT count(DISTINCT hp_predict_json(m, '{"area": 60, "street": "A", "corner": true, "sold": "2020-01-09", "listed": null}')) AS answers
FROM json_models, generate_series(1, 3);

-- what cannot be
\set row '{"area": 60, "street": "A", "corner": true, "sold": "2020-01-09", "listed": null}'
CREATE TABLE json_one AS SELECT m FROM json_models WHERE name = 'forest';
SELECT hp_predict_json(m, (:'row'::jsonb - 'street') || '{"stret": "A"}') FROM json_one;
SELECT hp_predict_json(m, :'row'::jsonb - 'corner') FROM json_one;
SELECT hp_predict_json(m, :'row'::jsonb || '{"area": "60"}') FROM json_one;
SELECT hp_predict_json(m, :'row'::jsonb || '{"area": 1e400}') FROM json_one;
SELECT hp_predict_json(m, :'row'::jsonb || '{"street": 5}') FROM json_one;
SELECT hp_predict_json(m, :'row'::jsonb || '{"street": ["A"]}') FROM json_one;
SELECT hp_predict_json(m, :'row'::jsonb || '{"corner": 1}') FROM json_one;
SELECT hp_predict_json(m, :'row'::jsonb || '{"sold": "09.01.2020"}') FROM json_one;
SELECT hp_predict_json(m, :'row'::jsonb || '{"sold": 18270}') FROM json_one;
SELECT hp_predict_json(m, '[1, 2]') FROM json_one;
SELECT hp_predict_json(m, '7') FROM json_one;
SELECT hp_predict_json(m, '{}') FROM json_one;

DROP TABLE json_lots, json_models, json_houses, json_one;
RESET client_min_messages;
