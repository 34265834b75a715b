--
-- Models of each format there ever was: to be read, and to predict what they
-- predicted, for ever.  test/golden/models/keep.sql made them.
--
SET client_min_messages = warning;
CREATE TABLE kept (name text, digest text, model hp_model, rows json, predictions json, nodes bigint);
\copy kept FROM PROGRAM 'cat "$PG_ABS_SRCDIR/golden/models/1.csv"' (FORMAT csv, HEADER match)

-- they are what they were
SELECT name, hp_model_info(model) ->> 'digest' = digest AS same_digest,
	model::bytea::hp_model = model AND model::text::hp_model = model AS same_value,
	model::jsonb -> 'rows' AS trained_on,
	(SELECT count(t.node) FROM generate_series(1, (hp_model_info(model) ->> 'trees')::int) i, hp_tree(model, i) t) = nodes AS same_nodes
FROM kept ORDER BY name;

-- and predict it, one by one and together, as doubles that are equal
CREATE TABLE kept_rows AS
SELECT k.name, n, r, p::float8 AS prediction
FROM kept k, json_array_elements(rows) WITH ORDINALITY AS r(r, n), json_array_elements_text(predictions) WITH ORDINALITY AS p(p, m)
WHERE n = m;
SELECT name, count(*) AS rows, count(*) FILTER (WHERE hp_predict_json(model, r::jsonb) = prediction) AS same
FROM kept JOIN kept_rows USING (name) GROUP BY name ORDER BY name;
CREATE TABLE kept_lots (n bigint, area float8, ratio float4, street text, zone text, corner boolean, sold date, amount float8);
SELECT name, count(*) AS rows, count(*) FILTER (WHERE hp_predict(model, l) = prediction) AS same
FROM kept JOIN kept_rows USING (name), json_populate_record(NULL::kept_lots, r) l GROUP BY name ORDER BY name;

DROP TABLE kept, kept_rows, kept_lots;
RESET client_min_messages;
