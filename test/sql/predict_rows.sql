--
-- hp_predict_rows: the rows of a source, each with its prediction
--
SET client_min_messages = warning;
CREATE TABLE rows_models AS
SELECT 'boosting' AS name, hp_train(h, 'sale_price', hp_boost(rounds => 40, early_stopping => false)) AS model FROM houses h
UNION ALL
SELECT 'full trees', hp_train(h, 'sale_price', hp_forest(trees => 60)) FROM houses h
UNION ALL
SELECT 'linear', hp_train(h, 'sale_price', hp_linear()) FROM houses h
UNION ALL
SELECT 'blend', hp_train(h, 'sale_price', hp_blend(hp_boost(rounds => 20, early_stopping => false), hp_linear())) FROM houses h
UNION ALL
SELECT 'mean', hp_train(h, 'sale_price', hp_mean()) FROM houses h
UNION ALL
SELECT 'clean', hp_train(h, 'sale_price', hp_forest(trees => 5, clean => '{"number": 7}')) FROM houses h;

-- what hp_predict says of each row, to the bit; the rows as they were
SELECT m.name, count(*), bool_and(p.prediction = hp_predict(m.model, p.source_row)) AS same,
	count(*) FILTER (WHERE (p.source_row).lot_frontage IS NULL) AS unknown
FROM rows_models m, hp_predict_rows(m.model, NULL::houses) p
GROUP BY m.name ORDER BY m.name;
SELECT count(*) AS changed FROM (
	SELECT h FROM houses h EXCEPT ALL
	SELECT p.source_row FROM rows_models m, hp_predict_rows(m.model, NULL::houses) p WHERE m.name = 'clean') x;

-- by one thread and by two, with little work_mem and with much
CREATE FUNCTION rows_same() RETURNS TABLE (rows bigint, same boolean) LANGUAGE sql AS $$
	SELECT count(*), bool_and(prediction = hp_predict(model, source_row))
	FROM rows_models, hp_predict_rows(model, NULL::houses, 'SELECT h.* FROM houses h, generate_series(1, 10)')
	WHERE name = 'full trees'
$$;
SET houseprice.threads = 1;
SET work_mem = '64kB';
SELECT * FROM rows_same();
SET houseprice.threads = 2;
RESET work_mem;
SELECT * FROM rows_same();
RESET houseprice.threads;
DROP FUNCTION rows_same;

-- a source is what it is for hp_clean_rows: a name, a query, a composite
CREATE TABLE rows_lots (street text, gone int, area int, price float8);
ALTER TABLE rows_lots DROP gone;
INSERT INTO rows_lots SELECT CASE WHEN i % 7 = 0 THEN 'B' ELSE 'A' END, 50 + i % 40, 1000 * (i % 40) + i % 11
FROM generate_series(1, 400) i;
CREATE TABLE rows_model AS
SELECT hp_train(l, 'price', hp_forest(trees => 20, leak => 'allow')) AS m FROM rows_lots l;
SELECT count(*), bool_and(prediction = hp_predict(m, source_row)) AS same
FROM rows_model, hp_predict_rows(m, NULL::rows_lots);
CREATE VIEW rows_view AS SELECT area, 'a note' AS note, street, price FROM rows_lots WHERE area < 60;
SELECT count(*), max((source_row).area), bool_and(prediction = hp_predict(m, source_row)) AS same
FROM rows_model, hp_predict_rows(m, NULL::rows_lots, 'rows_view');
SELECT count(*), bool_and(prediction = hp_predict(m, source_row)) AS same
FROM rows_model, hp_predict_rows(m, NULL::rows_view);
SELECT source_row, prediction > 0 AS predicted
FROM rows_model, hp_predict_rows(m, NULL::rows_lots, 'SELECT 60 AS area, NULL::text AS street, 5::float8 AS price');
SELECT source_row, prediction > 0 AS predicted
FROM rows_model, hp_predict_rows(m, NULL::rows_lots,
	'SELECT hp_select_features(l, ''price'', ''area'', ''street'') FROM (SELECT) s LEFT JOIN rows_lots l ON l.area = 89 LIMIT 1');
-- a NULL composite, before and after others: all its columns are NULL
SELECT source_row, prediction > 0 AS predicted
FROM rows_model, hp_predict_rows(m, NULL::rows_lots,
	'SELECT CASE WHEN i = 2 THEN hp_select_features(l, ''price'', ''area'', ''street'') END
	FROM generate_series(1, 3) i, (SELECT * FROM rows_lots WHERE area = 89 LIMIT 1) l');
SELECT source_row, prediction > 0 AS predicted
FROM rows_model, hp_predict_rows(m, NULL::rows_lots, 'SELECT NULL::rows_lots');
SELECT count(*) FROM rows_model, hp_predict_rows(m, NULL::rows_lots, 'SELECT * FROM rows_lots WHERE false');

-- without a model there is no prediction
SELECT count(*), count(source_row), count(prediction) FROM hp_predict_rows(NULL, NULL::rows_lots);
SELECT count(*), count(source_row), count(prediction) FROM hp_predict_rows(NULL, NULL::rows_lots, source_rows => false);

-- wide rows, stored out of line, wait in smaller batches
CREATE TABLE rows_wide (area int, note text);
ALTER TABLE rows_wide ALTER note SET STORAGE EXTERNAL;
INSERT INTO rows_wide SELECT i, repeat(chr(65 + i % 26), 100000) FROM generate_series(1, 400) i;
SELECT count(*), sum(length((source_row).note)) AS length,
	bool_and((source_row).note = repeat(chr(65 + (source_row).area % 26), 100000)) AS same,
	bool_and(prediction = hp_predict(w, source_row)) AS predicted
FROM (SELECT hp_train(s, s.area * 2.0, hp_forest(trees => 3, leak => 'allow')) AS w FROM (SELECT area FROM rows_wide) s) t,
	hp_predict_rows(w, NULL::rows_wide);

-- rows that a query does not look at are left out by the planner ...
CREATE FUNCTION rows_plan(query text, pattern text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON, VERBOSE) ' || query INTO plan;
	RETURN (regexp_match(plan::text, pattern))[1];
END
$$;
CREATE FUNCTION rows_call(query text) RETURNS text LANGUAGE sql
	RETURN rows_plan(query, '"Function Call": "([^"]*)"');
SELECT rows_call('SELECT sum(prediction) FROM rows_model, hp_predict_rows(m, NULL::rows_lots)');
SELECT rows_call('SELECT sum(p.prediction) FROM rows_model CROSS JOIN hp_predict_rows(m, NULL::rows_lots) p');
SELECT rows_call('SELECT j.prediction FROM (rows_model CROSS JOIN hp_predict_rows(m, NULL::rows_lots)) j');
SELECT rows_call('SELECT (SELECT sum(prediction) FROM hp_predict_rows(m, NULL::rows_lots)) FROM rows_model');
SELECT (SELECT sum(prediction) FROM hp_predict_rows(m, NULL::rows_lots)) = (SELECT sum(hp_predict(m, l)) FROM rows_lots l) AS same
FROM rows_model;
-- ... and others are not
SELECT rows_call('SELECT prediction FROM rows_model, hp_predict_rows(m, NULL::rows_lots) WHERE source_row IS NOT NULL');
SELECT rows_call('SELECT p FROM rows_model, hp_predict_rows(m, NULL::rows_lots) p');
SELECT rows_call('SELECT j.source_row FROM (rows_model CROSS JOIN hp_predict_rows(m, NULL::rows_lots)) j');
SELECT rows_call('SELECT j FROM (rows_model CROSS JOIN hp_predict_rows(m, NULL::rows_lots)) j');
SELECT rows_call('SELECT (SELECT source_row) FROM rows_model, hp_predict_rows(m, NULL::rows_lots)');
SELECT rows_call('SELECT prediction FROM rows_model, hp_predict_rows(m, NULL::rows_lots) ORDER BY source_row');
SELECT rows_call('SELECT a FROM (rows_model CROSS JOIN hp_predict_rows(m, NULL::rows_lots) q(a, b))');
SELECT rows_call('SELECT prediction FROM rows_model, hp_predict_rows(m, NULL::rows_lots) JOIN (SELECT l AS source_row FROM rows_lots l) n USING (source_row)');
SELECT (p).source_row IS NULL AS missing, count(*)
FROM (SELECT hp_predict_rows(m, NULL::rows_lots) AS p FROM rows_model) s GROUP BY 1;
-- or by hand
SELECT count(source_row), count(prediction) FROM rows_model, hp_predict_rows(m, NULL::rows_lots, source_rows => false);

-- the planner expects as many rows as the table has
ANALYZE rows_lots;
CREATE FUNCTION rows_expected(query text) RETURNS text LANGUAGE sql
	RETURN rows_plan(query, '"Plan Rows": (\d+)');
SELECT rows_expected('SELECT * FROM hp_predict_rows(NULL, NULL::rows_lots)'),
	rows_expected('SELECT * FROM hp_predict_rows(NULL, NULL::rows_lots, ''rows_view'')');

-- a prepared statement survives ALTER TABLE
PREPARE rows_again AS
SELECT count(*), bool_and(prediction = hp_predict(m, source_row)) AS same
FROM rows_model, hp_predict_rows(m, NULL::rows_lots, 'SELECT * FROM rows_lots');
EXECUTE rows_again;
ALTER TABLE rows_lots ADD COLUMN garden int DEFAULT 5;
EXECUTE rows_again;

-- what cannot be
SELECT * FROM rows_model, hp_predict_rows(m, NULL::rows_wide);
SELECT * FROM rows_model, hp_predict_rows(m, NULL::rows_lots, 'SELECT 1 AS area');
SELECT * FROM rows_model, hp_predict_rows(m, NULL::rows_lots, 'SELECT 1::float8 AS area, 2 AS garden, ''A'' AS street, 0::float8 AS price');
SELECT * FROM rows_model, hp_predict_rows(m, ROW(1, 2));
SELECT * FROM rows_model, hp_predict_rows(m, 7);
SELECT * FROM rows_model, hp_predict_rows(m, NULL::rows_lots, 'DELETE FROM rows_lots');
SELECT * FROM rows_model, hp_predict_rows(m, NULL::rows_lots,
	'SELECT hp_select_features(l, CASE area WHEN 60 THEN ''area'' ELSE ''street'' END) FROM rows_lots l');

DROP FUNCTION rows_call, rows_expected, rows_plan;
DROP VIEW rows_view;
DROP TABLE rows_lots, rows_wide, rows_model, rows_models;
RESET client_min_messages;
