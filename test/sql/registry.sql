--
-- The registry: hp_publish, hp_release, hp_rollback, and models by name
--
SET client_min_messages = warning;
CREATE TABLE reg_lots AS SELECT i AS area, i * 7919 % 100 AS age, i * 7919 % 1000 * 10 + i % 7 * 100 AS price FROM generate_series(1, 500) i;
-- models that tell 100, 200, ..., and one with more to tell
CREATE TABLE reg_trained AS
SELECT step, hp_train(l, step * 100.0, hp_linear(exclude => '{price}')) AS model FROM reg_lots l, generate_series(1, 7) step GROUP BY step;
CREATE TABLE reg_forest AS SELECT hp_train(l, 'price', hp_forest()) AS model FROM reg_lots l;
RESET client_min_messages;
CREATE VIEW reg_price AS SELECT hp_predict('lots', l) AS price FROM (SELECT 50 AS area, 7 AS age) l;

-- published: numbers from 1
SELECT hp_publish('lots', model, 'the first') FROM reg_trained WHERE step = 1;
SELECT hp_publish('lots', model) FROM reg_trained WHERE step = 2;
SELECT hp_publish(name => 'lots', note => 'the third', model => model) FROM reg_trained WHERE step = 3;
SELECT hp_publish('other lots', model) FROM reg_trained WHERE step = 3;
-- the same model under the same name is the same version
SELECT hp_publish('lots', model) FROM reg_trained WHERE step = 2;
SELECT hp_publish('lots', model, 'again') FROM reg_trained WHERE step = 1;
SELECT name, version, note FROM hp_models ORDER BY name, version;
-- what is taken back does not use a number up
BEGIN;
SELECT hp_publish('lots', model) FROM reg_forest;
ROLLBACK;
SELECT hp_publish('lots', model) FROM reg_forest;
-- what cannot be
SELECT hp_publish(NULL, model) FROM reg_forest;
SELECT hp_publish('lots', NULL);
SELECT hp_publish('', model) FROM reg_forest;
SELECT hp_publish('   ', model) FROM reg_forest;
SELECT hp_publish(E'lots\n', model) FROM reg_forest;
SELECT hp_publish(E'\x7f', model) FROM reg_forest;
SELECT hp_publish(repeat('l', 201), model) FROM reg_forest;
BEGIN;
SELECT hp_publish(repeat('ö', 100), model) FROM reg_forest;
SELECT hp_publish('it''s "quoted" %s $1', model) FROM reg_forest;
ROLLBACK;
SELECT count(*) AS versions FROM hp_versions;

-- not yet released
SELECT * FROM reg_price;
SELECT hp_get_model('lots') IS NULL;
SELECT hp_rollback('lots');

-- released: the name means this version
SELECT hp_release('lots', 2);
SELECT * FROM reg_price;
SELECT hp_release('lots', 1);
SELECT * FROM reg_price;
SELECT hp_release('lots', 3);
SELECT * FROM reg_price;
SELECT hp_release('lots', 3);
-- a rollback returns to what was released before, a second one further
SELECT hp_rollback('lots');
SELECT * FROM reg_price;
SELECT hp_rollback('lots');
SELECT * FROM reg_price;
SELECT hp_rollback('lots');
-- and what is released after a rollback, returns to where that led
SELECT hp_release('lots', 3);
SELECT hp_rollback('lots');
SELECT * FROM reg_price;
SELECT release, version, action, previous, released_by = current_user AS mine, released_at > lag(released_at) OVER (ORDER BY release) AS later
FROM hp_releases WHERE name = 'lots' ORDER BY release;
-- in one statement
SELECT hp_release('at once', hp_publish('at once', model)) FROM reg_trained WHERE step = 1;
SELECT name, version, released, algorithm, algorithm_version = (hp_model_info(hp_get_model(name, version)) -> 'algorithm_version')::int AS learner, features, rows, target, params, data_digest = hp_model_info(hp_get_model(name, version)) ->> 'data_digest' AS data,
	mae::text = hp_model_info(hp_get_model(name, version)) #>> '{oob,mae}' AS mae, nbytes = (hp_model_info(hp_get_model(name, version)) ->> 'bytes')::bigint AS nbytes,
	digest = hp_model_info(hp_get_model(name, version)) ->> 'digest' AS digest, published_by = current_user AS mine, released_at IS NOT NULL AS was_released
FROM hp_models ORDER BY name, version;
-- what cannot be
SELECT hp_release('lots', 9);
SELECT hp_release('at once', 9);
SELECT hp_release('lots', 0);
SELECT hp_release('lots', NULL);
SELECT hp_release(NULL, 1);
SELECT hp_release('lost', 1);
SELECT hp_rollback(NULL);
SELECT hp_rollback('quite another');
BEGIN READ ONLY;
SELECT hp_publish('lots', model) FROM reg_forest;
ROLLBACK;
BEGIN READ ONLY;
SELECT hp_release('lots', 1);
ROLLBACK;
BEGIN READ ONLY;
SELECT hp_rollback('lots');
ROLLBACK;

-- hp_get_model: the released one, or any
SELECT step, hp_get_model('lots', step) = model AS same, hp_get_model('lots') = model AS released FROM reg_trained WHERE step <= 3 ORDER BY step;
SELECT hp_get_model(NULL) IS NULL AS no_name;
SELECT hp_get_model('lots', 9);
SELECT hp_get_model('lots', -1);
SELECT hp_get_model('Lots');

-- the same answers by name as by model
SELECT hp_release('lots', 4);
SELECT count(*), bool_and(hp_predict('lots', l) = hp_predict(model, l)) AS predict,
	bool_and(hp_predict_json('lots', to_jsonb(l)) = hp_predict(model, l)) AS json,
	bool_and(hp_predict_interval('lots', l) = hp_predict_interval(model, l)) AS interval,
	bool_and(hp_predict_interval('lots', l, 0.5) = hp_predict_interval(model, l, 0.5)) AS half
FROM reg_forest, reg_lots l;
SELECT hp_rollback('lots');
-- several names at one call site, some of them long
SELECT hp_release('other lots', 1) AS other, hp_release(n, hp_publish(n, model)) AS long FROM reg_trained, repeat('n', 200) n WHERE step = 3;
SELECT left(name, 10) AS name, hp_predict(name, l) AS price, hp_predict_json(name, '{"area": 7, "age": 8}') AS json
FROM reg_lots l, (SELECT name FROM hp_models WHERE released UNION ALL SELECT 'lots') n WHERE area <= 2 ORDER BY n.name, area;
SELECT hp_predict(NULL::text, l) IS NULL AS no_name, hp_predict('lots', NULL::reg_lots) IS NULL AS no_row FROM reg_lots l LIMIT 1;
-- what cannot be
SELECT hp_predict('lot', l) FROM reg_lots l;
SELECT hp_predict('something else altogether', l) FROM reg_lots l;
SELECT hp_predict(E'houseprice model 1: linear, 2 features, 500 rows, digest 0123456789abcdef0123456789abcdef\nAAAA', l) FROM reg_lots l;
SELECT hp_predict_json('lost', '{}');
SELECT hp_predict_interval('lost', l) FROM reg_lots l;
SELECT hp_predict('lots', l) FROM (SELECT 50 AS area, 7 AS ages) l;
SELECT hp_predict_interval('at once', l, 2) FROM reg_lots l;

-- an open session sees a release with its next statement: prepared ones,
SET plan_cache_mode = force_generic_plan;
PREPARE price AS SELECT hp_predict('lots', l) FROM (SELECT 50 AS area, 7 AS age) l;
EXECUTE price;
SELECT hp_release('lots', 1);
EXECUTE price;
DEALLOCATE price;
RESET plan_cache_mode;
-- and functions, the call sites of which live on
CREATE FUNCTION reg_price(lot reg_lots) RETURNS float8 LANGUAGE plpgsql AS 'BEGIN RETURN hp_predict(''lots'', lot); END';
SELECT reg_price((50, 7, 0));
SELECT hp_release('lots', 3);
SELECT reg_price((50, 7, 0));
DO $$
DECLARE
	lot reg_lots;
BEGIN
	lot := (50, 7, 0);
	FOR version IN 1..3 LOOP
		RAISE INFO 'before: %', reg_price(lot);
		BEGIN
			PERFORM hp_release('lots', version);
			RAISE INFO 'version %: %', version, reg_price(lot);
			RAISE EXCEPTION 'taken back';
		EXCEPTION WHEN raise_exception THEN
			RAISE INFO 'after: %', reg_price(lot);
		END;
	END LOOP;
	PERFORM hp_release('lots', 2);
	RAISE INFO 'version 2: %', reg_price(lot);
END
$$;
-- also where the snapshot stays, and somebody writes the table by hand
BEGIN ISOLATION LEVEL REPEATABLE READ;
DO $$
DECLARE
	lot reg_lots;
BEGIN
	lot := (50, 7, 0);
	RAISE INFO 'before: %', reg_price(lot);
	BEGIN
		INSERT INTO hp_releases SELECT name, 1000, 1, 'release', NULL, now(), current_user FROM hp_releases WHERE name = 'lots' LIMIT 1;
		RAISE INFO 'version 1: %', reg_price(lot);
		RAISE EXCEPTION 'taken back';
	EXCEPTION WHEN raise_exception THEN
		RAISE INFO 'after: %', reg_price(lot);
	END;
END
$$;
COMMIT;
-- and where transactions end inside of it
DO $$
DECLARE
	lot reg_lots;
	price float8;
BEGIN
	lot := (50, 7, 0);
	FOR version IN 1..3 LOOP
		PERFORM hp_release('lots', version);
		COMMIT;
		price := hp_predict('lots', lot);
		ROLLBACK;
		RAISE INFO 'version %: %, %', version, price, hp_predict('lots', lot);
	END LOOP;
	PERFORM hp_release('lots', 2);
END
$$;
-- a cursor stays with what there was when it was opened
BEGIN;
DECLARE prices CURSOR FOR SELECT hp_predict('lots', l) FROM reg_lots l;
FETCH 1 FROM prices;
SELECT hp_release('lots', 1);
FETCH 1 FROM prices;
SELECT * FROM reg_price;
ROLLBACK;
SELECT * FROM reg_price;
-- the savepoint of a client
BEGIN;
SAVEPOINT s;
SELECT hp_release('lots', hp_publish('lots', model)) FROM reg_trained WHERE step = 5;
SELECT * FROM reg_price;
ROLLBACK TO s;
SELECT * FROM reg_price;
SELECT hp_release('lots', 5);
ROLLBACK;

-- in a view a prediction by name is computed by parallel workers
CREATE VIEW reg_priced AS SELECT *, hp_predict('lots', l) AS predicted FROM reg_lots l;
BEGIN;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM reg_priced;
SELECT count(*), sum(predicted) FROM reg_priced;
EXPLAIN (COSTS OFF) SELECT count(*) FROM reg_lots l WHERE (hp_predict_interval('lots', l)).upper > 0 AND hp_predict_json('lots', to_jsonb(l)) > 0;
ROLLBACK;

-- hp_models is light: no model is in it, and none is fetched
SELECT attname FROM pg_attribute WHERE attrelid = 'hp_models'::regclass AND atttypid = 'hp_model'::regtype;
SELECT nbytes > 500000 AS large FROM hp_models WHERE name = 'lots' AND version = 4;
DO $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON, TIMING OFF) SELECT * FROM hp_models' INTO plan;
	ASSERT (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::int + (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::int < 60;
END
$$;

-- neither the caller's search_path nor tables of that name matter
CREATE SCHEMA reg_elsewhere;
CREATE TABLE reg_elsewhere.hp_versions (name text, version int, model bytea);
CREATE TABLE reg_elsewhere.hp_releases (name text);
CREATE FUNCTION reg_elsewhere.greatest_one(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT 1 / 0 = 1';
CREATE OPERATOR reg_elsewhere.= (FUNCTION = reg_elsewhere.greatest_one, LEFTARG = text, RIGHTARG = text);
SET search_path = reg_elsewhere, pg_catalog, public;
SELECT * FROM public.reg_price;
SELECT public.hp_release('lots', public.hp_publish('lots', model)) FROM public.reg_trained WHERE step = 6;
SELECT * FROM public.reg_price;
SELECT public.hp_rollback('lots');
RESET search_path;
-- what the owner has put on the tables runs as the owner, with a path of its own
CREATE FUNCTION reg_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE INFO '% into %, search_path %', TG_OP, TG_RELNAME, current_setting('search_path');
	RETURN NEW;
END
$$;
BEGIN;
CREATE TRIGGER told BEFORE INSERT ON hp_versions FOR EACH ROW EXECUTE FUNCTION reg_trigger();
CREATE TRIGGER told BEFORE INSERT ON hp_releases FOR EACH ROW EXECUTE FUNCTION reg_trigger();
ALTER TABLE hp_versions ADD COLUMN reviewed boolean DEFAULT false;
SELECT hp_release('lots', hp_publish('lots', model)) FROM reg_trained WHERE step = 7;
SELECT * FROM reg_price;
SHOW search_path;
ROLLBACK;

-- tables that the owner has altered: what can be read is read, what cannot is
-- an error, and the next transaction is as if nothing had been
SELECT * FROM reg_price;
BEGIN;
ALTER TABLE hp_versions RENAME TO reg_renamed;
SELECT * FROM reg_price;
ROLLBACK;
SELECT * FROM reg_price;
BEGIN;
ALTER TABLE hp_releases RENAME TO reg_renamed;
CREATE VIEW hp_releases AS SELECT * FROM reg_renamed;
SELECT * FROM reg_price;
ROLLBACK;
BEGIN;
ALTER EXTENSION houseprice DROP VIEW hp_models;
ALTER EXTENSION houseprice DROP TABLE hp_releases;
SELECT hp_get_model('lots');
ROLLBACK;
BEGIN;
ALTER EXTENSION houseprice DROP VIEW hp_models;
ALTER EXTENSION houseprice DROP TABLE hp_releases;
ALTER TABLE hp_releases RENAME TO reg_renamed;
CREATE VIEW hp_releases AS SELECT * FROM reg_renamed;
ALTER EXTENSION houseprice ADD VIEW hp_releases;
SELECT * FROM reg_price;
ROLLBACK;
BEGIN;
ALTER TABLE hp_versions RENAME model TO models;
ALTER TABLE hp_versions ADD COLUMN model bytea DEFAULT 'not a model';
SELECT * FROM reg_price;
ROLLBACK;
BEGIN;
CREATE DOMAIN reg_model AS hp_model;
ALTER TABLE hp_versions ALTER model TYPE reg_model;
SELECT * FROM reg_price;
ROLLBACK;
BEGIN;
ALTER EXTENSION houseprice DROP VIEW hp_models;
DROP VIEW hp_models;
ALTER TABLE hp_releases DROP CONSTRAINT hp_releases_name_version_fkey, ALTER name TYPE text COLLATE "default";
SELECT * FROM reg_price;
ROLLBACK;
BEGIN;
ALTER TABLE hp_releases DROP CONSTRAINT hp_releases_pkey;
SELECT * FROM reg_price;
ROLLBACK;
BEGIN;
ALTER TABLE hp_releases DROP CONSTRAINT hp_releases_pkey, ADD PRIMARY KEY (release, name);
SELECT * FROM reg_price;
ROLLBACK;
BEGIN;
ALTER TABLE hp_versions ALTER model DROP NOT NULL;
UPDATE hp_versions SET model = NULL;
SELECT * FROM reg_price;
ROLLBACK;
BEGIN;
DELETE FROM hp_versions WHERE name = 'lots' AND version = 1;
ROLLBACK;
BEGIN;
ALTER TABLE hp_releases DROP CONSTRAINT hp_releases_name_version_fkey;
DELETE FROM hp_versions WHERE name = 'lots' AND version < 4;
SELECT * FROM reg_price;
ROLLBACK;
BEGIN;
CREATE RULE nothing AS ON INSERT TO hp_versions DO INSTEAD NOTHING;
SELECT hp_publish('nothing', model) FROM reg_forest;
ROLLBACK;
BEGIN;
DELETE FROM hp_releases WHERE name = 'lots' AND release < 3;
SELECT * FROM reg_price;
ALTER TABLE hp_versions ADD CHECK (features < 3);
SELECT * FROM reg_price;
\set VERBOSITY terse
SELECT hp_publish('too many features', model) FROM (SELECT hp_train(l, 1) AS model FROM (SELECT 1 AS a, 2 AS b, 3 AS c FROM reg_lots) l) m;
ROLLBACK;
SELECT * FROM reg_price;
BEGIN;
INSERT INTO hp_versions (name, version, digest, model, algorithm, algorithm_version, features, rows, data_digest, nbytes, published_at, published_by)
SELECT 'full', 2147483647, digest, model, algorithm, algorithm_version, features, rows, data_digest, nbytes, published_at, published_by
FROM hp_versions WHERE name = 'lots' AND version = 1;
INSERT INTO hp_releases VALUES ('lots', 2147483647, 1, 'release', NULL, now(), current_user);
SAVEPOINT s;
SELECT hp_publish('full', model) FROM reg_forest;
ROLLBACK TO s;
SELECT hp_release('lots', 2);
ROLLBACK;
-- the extension is gone, but for a function
BEGIN;
SET LOCAL client_min_messages = error;
ALTER EXTENSION houseprice DROP FUNCTION hp_predict(text, record);
DROP EXTENSION houseprice CASCADE;
SELECT hp_predict('lots', l) FROM (SELECT 50 AS area, 7 AS age) l;
ROLLBACK;
SELECT * FROM reg_price;

-- what hp_models says of a version is found by an index, however many there are
BEGIN;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_sort = off;
DO $$
DECLARE
	line text;
BEGIN
	FOR line IN EXPLAIN (COSTS OFF) SELECT * FROM hp_models LOOP
		IF line ~ 'hp_releases' THEN
			RAISE NOTICE '%', substring(line FROM 'Index.*');
		END IF;
	END LOOP;
END
$$;
ROLLBACK;

DROP SCHEMA reg_elsewhere CASCADE;
\set VERBOSITY default
DROP VIEW reg_price, reg_priced;
DROP FUNCTION reg_price, reg_trigger;
DROP TABLE reg_lots, reg_trained, reg_forest;
DELETE FROM hp_releases;
DELETE FROM hp_versions;
