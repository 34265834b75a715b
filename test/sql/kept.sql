--
-- Models of each version that wrote others than the one before: to be read,
-- and to predict what they predicted, for ever.  test/golden/models/keep.sql
-- made them.
--
SET client_min_messages = warning;
CREATE TABLE kept (name text, digest text, model hp_model, rows json, predictions json, nodes bigint, version text);
ALTER TABLE kept ALTER version SET DEFAULT '0.1.0';
\copy kept (name, digest, model, rows, predictions, nodes) FROM PROGRAM 'cat "$PG_ABS_SRCDIR/golden/models/0.1.0.csv"' (FORMAT csv, HEADER match)
ALTER TABLE kept ALTER version SET DEFAULT '0.2.0';
\copy kept (name, digest, model, rows, predictions, nodes) FROM PROGRAM 'cat "$PG_ABS_SRCDIR/golden/models/0.2.0.csv"' (FORMAT csv, HEADER match)

-- they are what they were
SELECT version, name, hp_model_info(model) ->> 'digest' = digest AS same_digest,
	model::bytea::hp_model = model AND model::text::hp_model = model AS same_value,
	model::jsonb -> 'rows' AS trained_on,
	(SELECT count(t.node) FROM generate_series(1, (hp_model_info(model) ->> 'trees')::int) i, hp_tree(model, i) t) = nodes AS same_nodes
FROM kept ORDER BY version, name;

-- and predict it, one by one and together, as doubles that are equal
CREATE TABLE kept_rows AS
SELECT k.version, k.name, n, r, p::float8 AS prediction
FROM kept k, json_array_elements(rows) WITH ORDINALITY AS r(r, n), json_array_elements_text(predictions) WITH ORDINALITY AS p(p, m)
WHERE n = m;
SELECT version, name, count(*) AS rows, count(*) FILTER (WHERE hp_predict_json(model, r::jsonb) = prediction) AS same
FROM kept JOIN kept_rows USING (version, name) GROUP BY version, name ORDER BY version, name;
CREATE TABLE kept_lots (n bigint, area float8, ratio float4, street text, zone text, corner boolean, sold date, amount float8);
SELECT version, name, count(*) AS rows, count(*) FILTER (WHERE hp_predict(model, l) = prediction) AS same
FROM kept JOIN kept_rows USING (version, name), json_populate_record(NULL::kept_lots, r) l
GROUP BY version, name ORDER BY version, name;

-- as long as algorithms are of version 1 they are one model, and predict the same
SELECT DISTINCT hp_model_info(model) -> 'algorithm_version' AS algorithm_version FROM kept;
SELECT count(*) AS rows, count(*) FILTER (WHERE a.prediction = b.prediction) AS same
FROM kept_rows a JOIN kept_rows b USING (name, n) WHERE a.version = '0.1.0' AND b.version = '0.2.0';

-- forests of two versions can be merged
SELECT hp_model_info(hp_merge(model)) -> 'trees' AS trees FROM kept
WHERE (name, version) IN (('forest', '0.1.0'), ('forest, seed 1', '0.2.0'));

DROP TABLE kept, kept_rows, kept_lots;
RESET client_min_messages;
