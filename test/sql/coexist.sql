--
-- Predictions in what PostgreSQL keeps up to date by itself
--
SET client_min_messages = warning;
SET jit = off;
CREATE TABLE coexist_models (name text PRIMARY KEY, model hp_model NOT NULL);
INSERT INTO coexist_models
SELECT name, hp_train(hp_select_features(h, 'lot_area', 'year_built', 'neighborhood'), h.sale_price * factor, hp_forest(trees => 5))
FROM houses h, (VALUES ('used', 1), ('next', 2)) v(name, factor) GROUP BY name;
CREATE FUNCTION coexist_use_next() RETURNS void LANGUAGE sql AS $$
	UPDATE coexist_models m SET model = n.model
	FROM coexist_models n WHERE (m.name, n.name) IN (('used', 'next'), ('next', 'used'))
$$;
CREATE TABLE coexist_houses AS
SELECT row_number() OVER (ORDER BY h) AS id, lot_area, year_built, neighborhood, sale_price FROM houses h;
-- what the model in use says of each house
CREATE VIEW coexist_now AS
SELECT c.id, hp_predict(m.model, c) AS predicted FROM coexist_houses c, coexist_models m WHERE m.name = 'used';

-- materialized views: as they were, until they are refreshed
CREATE MATERIALIZED VIEW coexist_priced AS
SELECT c.id, m.model, hp_predict(m.model, c) AS predicted
FROM coexist_houses c, coexist_models m WHERE m.name = 'used' AND c.id <= 100;
CREATE UNIQUE INDEX ON coexist_priced (id);
CREATE MATERIALIZED VIEW coexist_rows AS
SELECT (p.source_row).id, p.prediction AS predicted
FROM coexist_models m, hp_predict_rows(m.model, NULL::coexist_houses) p WHERE m.name = 'used';
CREATE FUNCTION coexist_compare(relation regclass, OUT same bigint, OUT other bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT count(*) FILTER (WHERE r.predicted = n.predicted), count(*) FILTER (WHERE r.predicted <> n.predicted)
		FROM %s r JOIN coexist_now n USING (id)', relation) INTO same, other;
END
$$;
SELECT * FROM coexist_compare('coexist_priced');
SELECT * FROM coexist_compare('coexist_rows');
SELECT coexist_use_next();
SELECT * FROM coexist_compare('coexist_priced');
REFRESH MATERIALIZED VIEW CONCURRENTLY coexist_priced;
REFRESH MATERIALIZED VIEW coexist_rows;
SELECT * FROM coexist_compare('coexist_priced');
SELECT * FROM coexist_compare('coexist_rows');
SELECT count(*) AS models_of_the_next FROM coexist_priced p, coexist_models m WHERE m.name = 'used' AND p.model = m.model;
-- nothing to do: no row is written again
SELECT array_agg(ctid ORDER BY id) AS before FROM coexist_priced \gset
REFRESH MATERIALIZED VIEW CONCURRENTLY coexist_priced;
SELECT array_agg(ctid ORDER BY id) = :'before' AS untouched FROM coexist_priced;

-- a function that looks the model up: as it is at each call, also in a session that has planned it
CREATE FUNCTION coexist_price(house coexist_houses) RETURNS float8 LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
	RETURN hp_predict(m.model, house) FROM coexist_models m WHERE m.name = 'used';
END
$$;
CREATE VIEW coexist_function AS SELECT id, coexist_price(c) AS predicted FROM coexist_houses c;
SELECT * FROM coexist_compare('coexist_function');
SELECT coexist_use_next();
SELECT * FROM coexist_compare('coexist_function');

-- a function that has the model inside is immutable in truth
CREATE TYPE coexist_house AS (lot_area int, year_built int, neighborhood text);
CREATE FUNCTION coexist_fix(model hp_model) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION coexist_fixed(lot_area int, year_built int, neighborhood text) RETURNS float8
		LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = public AS %L',
		format('BEGIN RETURN hp_predict(%L::hp_model, ROW(lot_area, year_built, neighborhood)::coexist_house); END', model));
END
$$;
SELECT coexist_fix(model) FROM coexist_models WHERE name = 'used';

-- a generated column
CREATE TABLE coexist_generated (LIKE coexist_houses,
	predicted float8 GENERATED ALWAYS AS (coexist_fixed(lot_area, year_built, neighborhood)) STORED);
INSERT INTO coexist_generated SELECT * FROM coexist_houses;
CREATE INDEX coexist_generated_predicted ON coexist_generated (predicted);
SELECT * FROM coexist_compare('coexist_generated');
UPDATE coexist_generated SET year_built = year_built - 40 WHERE id <= 1000;
SELECT count(*) AS changed FROM coexist_generated g, coexist_models m
WHERE m.name = 'used' AND g.predicted <> hp_predict(m.model, g);
SELECT other > 500 AS other FROM coexist_compare('coexist_generated');
UPDATE coexist_generated SET year_built = year_built + 40 WHERE id <= 1000;
SELECT * FROM coexist_compare('coexist_generated');
-- the next model: for rows that are written from then on
SELECT coexist_use_next();
SELECT coexist_fix(model) FROM coexist_models WHERE name = 'used';
SELECT * FROM coexist_compare('coexist_generated');
UPDATE coexist_generated SET lot_area = lot_area;
SELECT * FROM coexist_compare('coexist_generated');
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM coexist_generated WHERE predicted > 600000;
SELECT array_agg(id ORDER BY id) AS dear FROM coexist_generated WHERE predicted > 600000 \gset
RESET enable_seqscan;
RESET enable_bitmapscan;
SELECT array_agg(id ORDER BY id) = :'dear' AS same, count(*) > 100 AS many FROM coexist_now WHERE predicted > 600000;
-- the model itself in the definition; whole rows PostgreSQL does not allow
SELECT model AS literal FROM coexist_models WHERE name = 'used' \gset
CREATE TABLE coexist_literal (LIKE coexist_houses,
	predicted float8 GENERATED ALWAYS AS (hp_predict(:'literal'::hp_model, ROW(lot_area, year_built, neighborhood)::coexist_house)) STORED);
INSERT INTO coexist_literal SELECT * FROM coexist_houses;
SELECT * FROM coexist_compare('coexist_literal');
CREATE TABLE coexist_wrong (LIKE coexist_houses, predicted float8 GENERATED ALWAYS AS (hp_predict(NULL, coexist_wrong)) STORED);
-- nor a function that reads the table of models
CREATE TABLE coexist_wrong (LIKE coexist_houses,
	predicted float8 GENERATED ALWAYS AS (coexist_price(ROW(id, lot_area, year_built, neighborhood, sale_price))) STORED);

-- a trigger: the model in use when the row is written, and the whole row will do
CREATE TABLE coexist_trigger (LIKE coexist_houses, predicted float8);
CREATE FUNCTION coexist_predict() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.predicted := (SELECT hp_predict(m.model, NEW) FROM coexist_models m WHERE m.name = 'used');
	RETURN NEW;
END
$$;
CREATE TRIGGER predict BEFORE INSERT OR UPDATE ON coexist_trigger FOR EACH ROW EXECUTE FUNCTION coexist_predict();
INSERT INTO coexist_trigger SELECT * FROM coexist_houses WHERE id <= 1000;
SELECT coexist_use_next();
INSERT INTO coexist_trigger SELECT * FROM coexist_houses WHERE id > 1000;
SELECT * FROM coexist_compare('coexist_trigger');
UPDATE coexist_trigger SET sale_price = sale_price;
SELECT * FROM coexist_compare('coexist_trigger');

-- statements that write what they predict
ALTER TABLE coexist_trigger DISABLE TRIGGER predict;
SELECT coexist_use_next();
UPDATE coexist_trigger t SET predicted = hp_predict(m.model, t) FROM coexist_models m WHERE m.name = 'used';
SELECT * FROM coexist_compare('coexist_trigger');
SELECT coexist_use_next();
MERGE INTO coexist_trigger t USING coexist_models m ON m.name = 'used'
WHEN MATCHED AND t.id <= 2000 THEN UPDATE SET predicted = hp_predict(m.model, t)
WHEN MATCHED THEN DELETE;
SELECT * FROM coexist_compare('coexist_trigger');
INSERT INTO coexist_trigger (id, lot_area, year_built, neighborhood) VALUES (0, 9000, 1995, 'Gilbert')
RETURNING (SELECT hp_predict(m.model, coexist_trigger) > 0 FROM coexist_models m WHERE m.name = 'used') AS predicted;

-- an index on the expression
CREATE TABLE coexist_indexed AS SELECT * FROM coexist_houses;
SELECT coexist_fix(model) FROM coexist_models WHERE name = 'used';
CREATE INDEX coexist_index ON coexist_indexed (coexist_fixed(lot_area, year_built, neighborhood));
CREATE FUNCTION coexist_dear() RETURNS TABLE (id bigint) LANGUAGE sql AS $$
	SELECT id FROM coexist_indexed WHERE coexist_fixed(lot_area, year_built, neighborhood) > 300000
$$;
CREATE FUNCTION coexist_wrong_by_index() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	by_index bigint[];
BEGIN
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_bitmapscan = off;
	by_index := ARRAY(SELECT coexist_dear());
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_indexscan = off;
	RETURN count(*) FROM coexist_indexed c
	WHERE (c.id IN (SELECT coexist_dear())) <> (c.id = ANY (by_index));
END
$$;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM coexist_indexed WHERE coexist_fixed(lot_area, year_built, neighborhood) > 300000;
RESET enable_seqscan;
RESET enable_bitmapscan;
SELECT coexist_wrong_by_index() AS wrong;
SELECT coexist_use_next();
SELECT coexist_fix(model) FROM coexist_models WHERE name = 'used';
SELECT coexist_wrong_by_index() > 100 AS wrong_until_reindex;
REINDEX INDEX coexist_index;
SELECT coexist_wrong_by_index() AS wrong;

-- a constraint
ALTER TABLE coexist_indexed ADD CONSTRAINT fair
	CHECK (sale_price < 4 * coexist_fixed(lot_area, year_built, neighborhood)) NOT VALID;
INSERT INTO coexist_indexed VALUES (0, 9000, 1995, 'Gilbert', 180000);
INSERT INTO coexist_indexed VALUES (-1, 9000, 1995, 'Gilbert', 18000000);
-- over whole rows, later columns and all
ALTER TABLE coexist_indexed ADD CONSTRAINT whole CHECK (sale_price < 4 * hp_predict(:'literal'::hp_model, coexist_indexed)) NOT VALID;
ALTER TABLE coexist_indexed DROP CONSTRAINT fair, ADD garden boolean;
INSERT INTO coexist_indexed VALUES (-2, 9000, 1995, 'Gilbert', 180000, true);
INSERT INTO coexist_indexed VALUES (-3, 9000, 1995, 'Gilbert', 18000000, true);

-- partitions: columns in another order, generated columns and triggers
CREATE TABLE coexist_parts (LIKE coexist_houses,
	predicted float8 GENERATED ALWAYS AS (coexist_fixed(lot_area, year_built, neighborhood)) STORED) PARTITION BY RANGE (year_built);
CREATE TABLE coexist_new (neighborhood text, gone text, sale_price int, year_built int, lot_area int,
	predicted float8 GENERATED ALWAYS AS (coexist_fixed(lot_area, year_built, neighborhood)) STORED, id bigint);
ALTER TABLE coexist_new DROP gone;
ALTER TABLE coexist_parts ATTACH PARTITION coexist_new FOR VALUES FROM (1980) TO (MAXVALUE);
CREATE TABLE coexist_old PARTITION OF coexist_parts FOR VALUES FROM (MINVALUE) TO (1980);
CREATE INDEX ON coexist_parts (coexist_fixed(lot_area, year_built, neighborhood));
INSERT INTO coexist_parts SELECT * FROM coexist_houses;
SELECT count(*) > 1000 AS rows FROM coexist_new;
SELECT * FROM coexist_compare('coexist_parts');
SELECT count(*), count(*) FILTER (WHERE p.predicted <> hp_predict(m.model, p)) AS wrong
FROM coexist_parts p, coexist_models m WHERE m.name = 'used';
-- from one to the other
UPDATE coexist_parts SET year_built = 1979 WHERE year_built >= 1980;
SELECT count(*), count(*) FILTER (WHERE p.predicted <> hp_predict(m.model, p)) AS wrong
FROM coexist_old p, coexist_models m WHERE m.name = 'used';
CREATE TABLE coexist_parts_trigger (LIKE coexist_houses, predicted float8) PARTITION BY RANGE (year_built);
CREATE TABLE coexist_parts_new (predicted float8, neighborhood text, sale_price int, year_built int, lot_area int, id bigint);
ALTER TABLE coexist_parts_trigger ATTACH PARTITION coexist_parts_new FOR VALUES FROM (1980) TO (MAXVALUE);
CREATE TABLE coexist_parts_old PARTITION OF coexist_parts_trigger FOR VALUES FROM (MINVALUE) TO (1980);
CREATE TRIGGER predict BEFORE INSERT OR UPDATE ON coexist_parts_trigger FOR EACH ROW EXECUTE FUNCTION coexist_predict();
INSERT INTO coexist_parts_trigger SELECT * FROM coexist_houses;
SELECT * FROM coexist_compare('coexist_parts_trigger');

-- parallel plans
CREATE TABLE coexist_many WITH (parallel_workers = 2) AS
SELECT g * 10000 + id AS id, lot_area, year_built, neighborhood FROM coexist_houses, generate_series(0, 9) g;
ANALYZE coexist_many;
CREATE FUNCTION coexist_workers(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN coalesce((regexp_match(plan::text, '"Workers Planned": (\d+)'))[1], '0');
END
$$;
CREATE FUNCTION coexist_parallel(query text, OUT workers int, OUT rows bigint, OUT other bigint) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL max_parallel_workers_per_gather = 0;
	EXECUTE 'CREATE TEMP TABLE serial AS ' || query;
	SET LOCAL max_parallel_workers_per_gather = 2;
	SET LOCAL parallel_setup_cost = 0;
	SET LOCAL parallel_tuple_cost = 0;
	SET LOCAL min_parallel_table_scan_size = 0;
	SET LOCAL parallel_leader_participation = off;
	workers := coexist_workers(query);
	EXECUTE 'CREATE TEMP TABLE parallel AS ' || query;
	SELECT count(*) INTO rows FROM parallel;
	SELECT count(*) INTO other FROM ((TABLE serial EXCEPT ALL TABLE parallel) UNION ALL (TABLE parallel EXCEPT ALL TABLE serial)) x;
	DROP TABLE serial, parallel;
END
$$;
SELECT * FROM coexist_parallel($$SELECT c.id, hp_predict(m.model, c) FROM coexist_many c, coexist_models m WHERE m.name = 'used'$$);
SELECT * FROM coexist_parallel($$SELECT m.name, sum(hp_predict(m.model, c)::numeric) FROM coexist_many c, coexist_models m GROUP BY m.name$$);
SELECT * FROM coexist_parallel($$SELECT id, coexist_fixed(lot_area, year_built, neighborhood) FROM coexist_many c$$);
SELECT * FROM coexist_parallel($$SELECT id FROM coexist_many c WHERE coexist_price((id, lot_area, year_built, neighborhood, 0)) > 300000$$);
-- an index built by workers
SET max_parallel_maintenance_workers = 2;
SET min_parallel_table_scan_size = 0;
CREATE INDEX coexist_many_index ON coexist_many (coexist_fixed(lot_area, year_built, neighborhood));
RESET max_parallel_maintenance_workers;
RESET min_parallel_table_scan_size;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT array_agg(id ORDER BY id) AS dear FROM coexist_many WHERE coexist_fixed(lot_area, year_built, neighborhood) > 600000 \gset
RESET enable_indexscan;
SET enable_seqscan = off;
SELECT array_agg(id ORDER BY id) = :'dear' AS same FROM coexist_many WHERE coexist_fixed(lot_area, year_built, neighborhood) > 600000;
RESET enable_bitmapscan;
RESET enable_seqscan;

DROP MATERIALIZED VIEW coexist_priced, coexist_rows;
DROP VIEW coexist_function, coexist_now;
DROP TABLE coexist_generated, coexist_literal, coexist_trigger, coexist_indexed, coexist_parts, coexist_parts_trigger, coexist_many;
DROP FUNCTION coexist_compare, coexist_dear, coexist_fix, coexist_fixed, coexist_parallel, coexist_predict, coexist_price,
	coexist_use_next, coexist_workers, coexist_wrong_by_index;
DROP TYPE coexist_house;
DROP TABLE coexist_houses, coexist_models;
RESET client_min_messages;
RESET jit;
