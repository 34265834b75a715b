--
-- The source of a set-returning function: what it may be, and as whom it runs.
-- Shown with hp_clean_rows, which returns the rows themselves.
--
CREATE SCHEMA source_a;
CREATE SCHEMA "Source B";
CREATE TABLE source_a.lots (id int, area float8);
CREATE TABLE "Source B"."The lots" (id int, area float8);
INSERT INTO source_a.lots VALUES (1, 100), (2, NULL);
INSERT INTO "Source B"."The lots" VALUES (7, 700), (8, NULL);

-- without a source: the table of the row type
SELECT * FROM hp_clean_rows(NULL::source_a.lots);
SELECT * FROM hp_clean_rows(NULL::"Source B"."The lots");

-- a relation's name, found and quoted as in SQL
SELECT * FROM hp_clean_rows(NULL::source_a.lots, '"Source B"."The lots"');
SELECT * FROM hp_clean_rows(NULL::source_a.lots, ' SOURCE_A.Lots ');
SET search_path = source_a, public;
SELECT * FROM hp_clean_rows(NULL::lots, 'lots');
CREATE TABLE "values" (id int, area float8);
CREATE TABLE "select" (id int, area float8);
INSERT INTO "values" VALUES (3, 33);
INSERT INTO "select" VALUES (4, 44);
SELECT * FROM hp_clean_rows(NULL::lots, 'values');
SELECT * FROM hp_clean_rows(NULL::lots, '"select"');
SELECT * FROM hp_clean_rows(NULL::lots, 'source_a."select"');

-- or one query
SELECT * FROM hp_clean_rows(NULL::lots, 'SELECT * FROM lots WHERE id = 1;');
SELECT * FROM hp_clean_rows(NULL::lots, $$
	-- a comment /* not closed
	/* another /* nested */ SELECT */ ( (select 5 AS id, 50::float8 AS area) )$$);
SELECT * FROM hp_clean_rows(NULL::lots,
	'WITH w(id, area) AS (VALUES (6, 60::float8)) TABLE w');
SELECT * FROM hp_clean_rows(NULL::lots, 'TABLE lots');
CREATE TYPE source_pair AS (column1 int, column2 text);
SELECT * FROM hp_clean_rows(NULL::source_pair, 'VALUES(1, ''x''), (NULL, '''')');
-- of one composite column: its columns, also those of a record
SELECT * FROM hp_clean_rows(NULL::lots, 'SELECT l FROM lots l');
SELECT * FROM hp_clean_rows(NULL::lots,
	'SELECT hp_select_features(l, ''area'', ''id'') FROM lots l');
SELECT * FROM hp_clean_rows(NULL::lots,
	'SELECT hp_clean(l) FROM (SELECT) one LEFT JOIN lots l ON false');
SELECT * FROM hp_clean_rows(NULL::lots,
	'SELECT hp_select_features(l, CASE id WHEN 1 THEN ''id'' ELSE ''area'' END) FROM lots l');

-- partitions, foreign and materialized relations are relations too
CREATE MATERIALIZED VIEW source_mat AS SELECT id * 10 AS id, area FROM lots;
SELECT * FROM hp_clean_rows(NULL::source_mat);
CREATE TEMP TABLE source_temp (id int, area float8);
INSERT INTO source_temp VALUES (9, NULL);
SELECT * FROM hp_clean_rows(NULL::source_temp);

-- many rows go through a file, not through memory
SET work_mem = '64kB';
SELECT count(*), sum(area), count(area) FROM hp_clean_rows(NULL::lots,
	'SELECT i AS id, nullif(i % 3, 0)::float8 AS area FROM generate_series(1, 50000) i',
	'{"number": 1}');
RESET work_mem;

-- it sees what the calling query sees
BEGIN;
DELETE FROM lots WHERE id = 2;
SELECT count(*) FROM hp_clean_rows(NULL::lots);
ROLLBACK;

-- as the caller: permissions and row security
CREATE ROLE regress_houseprice_reader;
GRANT USAGE ON SCHEMA source_a TO regress_houseprice_reader;
GRANT SELECT ON "values", "select" TO regress_houseprice_reader;
ALTER TABLE "select" ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON "select" USING (id > 100);
SET ROLE regress_houseprice_reader;
SELECT * FROM hp_clean_rows(NULL::lots);
SELECT * FROM hp_clean_rows(NULL::lots, 'SELECT * FROM lots');
SELECT count(*) FROM hp_clean_rows(NULL::"values");
SELECT count(*) FROM hp_clean_rows(NULL::"select");
RESET ROLE;

-- errors
SELECT * FROM hp_clean_rows(NULL::lots, 'lotz');
SELECT * FROM hp_clean_rows(NULL::lots, '');
SELECT * FROM hp_clean_rows(NULL::lots, 'DELETE FROM lots');
SELECT * FROM hp_clean_rows(NULL::lots, 'lots l');
SELECT * FROM hp_clean_rows(NULL::lots, 'SELECT 1; SELECT 2');
SELECT * FROM hp_clean_rows(NULL::lots, 'SELECT FROM FROM');
SELECT * FROM hp_clean_rows(NULL::lots, 'SELECT nothing FROM lots');
SELECT * FROM hp_clean_rows(NULL::lots, 'SELECT $1');
SELECT * FROM hp_clean_rows(NULL::lots, 'SELECT * INTO lots2 FROM lots');
SELECT * FROM hp_clean_rows(NULL::lots,
	'WITH d AS (DELETE FROM lots RETURNING *) SELECT * FROM d');
SELECT * FROM hp_clean_rows(NULL::lots,
	'WITH d AS (SELECT 1) DELETE FROM lots RETURNING *');
SELECT * FROM hp_clean_rows(NULL::lots, 'SELECT * FROM lots FOR UPDATE');
SELECT * FROM hp_clean_rows(NULL::source_pair);
SELECT * FROM hp_clean_rows(NULL::lots, 'SELECT id FROM lots');
SELECT * FROM hp_clean_rows(NULL::lots, 'SELECT 1 AS id, 2 AS id, 3::float8 AS area');
SELECT count(*) FROM lots;

RESET search_path;
DROP SCHEMA source_a, "Source B" CASCADE;
DROP ROLE regress_houseprice_reader;
