--
-- hp_model: comparing models, which goes by their digests; and as bytea
--
SET client_min_messages = warning;
CREATE TABLE compare_lots AS SELECT i % 10 AS a, i % 3 AS b, i % 10 * 7 + i % 3 + 0.5 AS price FROM generate_series(1, 300) i;
CREATE TABLE compare_models (id int, model hp_model);
INSERT INTO compare_models
SELECT 10 * g + s, hp_train(l, 'price', hp_forest(trees => 10 * s, seed => s)) FROM compare_lots l, generate_series(1, 2) g, generate_series(1, 3) s
GROUP BY g, s;
INSERT INTO compare_models VALUES (99, NULL);

-- the same rows, parameters and seed give equal models
SELECT a.id, b.id, a.model = b.model AS equal, a.model <> b.model AS unequal
FROM compare_models a, compare_models b WHERE a.id = 11 AND b.id <> 99 ORDER BY b.id;
SELECT count(*), count(DISTINCT model) FROM compare_models;
SELECT array_agg(id ORDER BY id) AS ids FROM compare_models GROUP BY model ORDER BY min(id);
SELECT count(*) FROM (SELECT model FROM compare_models UNION SELECT model FROM compare_models) u;
SELECT a.id FROM compare_models a WHERE a.model IN (SELECT model FROM compare_models WHERE id = 23) ORDER BY 1;

-- an order there is, for sorting, merging and indexes
SELECT count(*) AS pairs, bool_and((a.model < b.model) = (hp_model_info(a.model) ->> 'digest' < (hp_model_info(b.model) ->> 'digest') COLLATE "C")) AS by_digest,
	bool_and((a.model <= b.model) = (a.model < b.model OR a.model = b.model)) AS le, bool_and((a.model > b.model) = (b.model < a.model)) AS gt,
	bool_and((a.model >= b.model) = NOT a.model < b.model) AS ge
FROM compare_models a, compare_models b WHERE a.id <> 99 AND b.id <> 99;
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT count(*) AS by_merge FROM compare_models a JOIN compare_models b USING (model);
SET enable_hashjoin = on;
SET enable_mergejoin = off;
SELECT count(*) AS by_hash FROM compare_models a JOIN compare_models b USING (model);
RESET enable_mergejoin;
RESET enable_nestloop;
RESET enable_hashjoin;
-- a btree index holds whole models, so small ones only; a hash index any
CREATE TABLE compare_few (model hp_model UNIQUE, note text);
INSERT INTO compare_few SELECT hp_train(l, 7, hp_mean()), 'the first' FROM compare_lots l WHERE a < 5;
INSERT INTO compare_few SELECT hp_train(l, 7, hp_mean()), 'the first again' FROM compare_lots l WHERE a < 5
ON CONFLICT (model) DO NOTHING;
INSERT INTO compare_few SELECT hp_train(l, 8, hp_mean()), 'another' FROM compare_lots l WHERE a < 5
ON CONFLICT (model) DO NOTHING;
SELECT note FROM compare_few ORDER BY 1;
CREATE TABLE compare_some (model hp_model, note text, EXCLUDE USING hash (model WITH =));
INSERT INTO compare_some SELECT model, 'model ' || id FROM compare_models WHERE id <> 99 ORDER BY id ON CONFLICT DO NOTHING;
SELECT note FROM compare_some ORDER BY 1;

-- stored in any way they are compared alike
CREATE TABLE compare_packed (model hp_model);
ALTER TABLE compare_packed ALTER model SET STORAGE MAIN;
INSERT INTO compare_packed SELECT model FROM compare_models WHERE id = 11;
SELECT pg_column_compression(p.model) IS NOT NULL AS compressed, m.id FROM compare_packed p JOIN compare_models m ON p.model = m.model ORDER BY m.id;
SELECT m.id FROM compare_models m WHERE m.model = (SELECT hp_train(l, 'price', hp_forest(trees => 20, seed => 2)) FROM compare_lots l) ORDER BY 1;

-- as bytea, and back, with every byte checked
SELECT bool_and(model::bytea::hp_model = model) AS same, bool_and(length(model::bytea) = pg_column_size(model::text::hp_model) - 4) AS length
FROM compare_models;
SELECT bool_and(model::bytea = hp_model_send(model)) AS as_sent FROM compare_models;
SELECT model::bytea::hp_model IS NULL AS none FROM compare_models WHERE id = 99;
CREATE FUNCTION compare_try(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM bytes::hp_model;
	RETURN 'a model';
EXCEPTION WHEN data_corrupted THEN
	RETURN 'refused';
END
$$;
SELECT compare_try(model::bytea) AS whole, compare_try(substr(model::bytea, 1, 100)) AS cut, compare_try(model::bytea || '\x00') AS longer,
	compare_try(set_bit(model::bytea, 5000, 1 - get_bit(model::bytea, 5000))) AS changed, compare_try('') AS empty
FROM compare_models WHERE id = 11;
SELECT '\x0123'::bytea::hp_model;
SELECT 'not a bytea'::hp_model;

DROP FUNCTION compare_try;
DROP TABLE compare_lots, compare_models, compare_few, compare_some, compare_packed;
RESET client_min_messages;
