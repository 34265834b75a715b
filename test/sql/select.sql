--
-- hp_select_features: the named columns of a row, as a record
--
SET DateStyle = ISO;
CREATE TABLE select_lots ("Id" int, "1stFlrSF" int, gone int, area numeric(8,1),
	street varchar(6), air boolean, built date);
ALTER TABLE select_lots DROP COLUMN gone;
INSERT INTO select_lots VALUES
	(1, 856, 8450, 'Pave', true, '2003-01-01'),
	(2, NULL, 9600.5, NULL, false, NULL);

-- in the order asked, with names and types
SELECT hp_select_features(l, 'street', '1stFlrSF', 'area') FROM select_lots l;
SELECT to_jsonb(hp_select_features(l, 'street', '1stFlrSF', 'area'))
FROM select_lots l;
SELECT * FROM hp_select_features((SELECT l FROM select_lots l WHERE "Id" = 1),
	'built', 'area') AS (built date, area numeric(8,1));
-- a name is a value: a list may come as an array
SELECT hp_select_features(l, VARIADIC '{air,Id}') FROM select_lots l;
SELECT hp_select_features(l, VARIADIC array_agg) FROM select_lots l,
	(SELECT array_agg(attname::text ORDER BY attname DESC)
	 FROM pg_attribute WHERE attrelid = 'select_lots'::regclass
		AND attnum > 0 AND NOT attisdropped AND attname < 'b') names;
-- and may differ from row to row
SELECT hp_select_features(l, VARIADIC
	CASE "Id" WHEN 1 THEN ARRAY['area'] ELSE ARRAY['air', 'Id'] END)
FROM select_lots l;

-- it goes into the others, and into itself
SELECT hp_clean(hp_select_features(l, 'street', 'area')) FROM select_lots l;
SELECT hp_select_features(hp_select_features(l, 'street', 'area'), 'area')
FROM select_lots l;
SELECT hp_select_features(hp_clean(l), 'street', 'built') FROM select_lots l;
SELECT count(DISTINCT hp_select_features(l, 'Id')) FROM select_lots l;

-- any row: subquery, CTE, view, ROW, join, generated column, NULL
SELECT hp_select_features(x, 'b') FROM (SELECT 1 AS a, 2 AS b) x;
WITH w AS (VALUES (1, 2)) SELECT hp_select_features(w, 'column2') FROM w;
CREATE VIEW select_view AS SELECT *, area * 2 AS twice FROM select_lots;
SELECT hp_select_features(v, 'twice', 'Id') FROM select_view v;
SELECT hp_select_features(ROW(1, 'x'::text), 'f2');
CREATE TABLE select_more (a int, b int GENERATED ALWAYS AS (a + 1) STORED);
INSERT INTO select_more VALUES (1);
ALTER TABLE select_more ADD COLUMN c text DEFAULT 'later';
SELECT hp_select_features(m, 'c', 'b') FROM select_more m;
SELECT hp_select_features(j, 'x') FROM
	(SELECT a.a, b.a, 7 AS x FROM select_more a, select_more b) j;
SELECT hp_select_features(NULL::select_more, 'a') IS NULL AS null_row;
SELECT hp_select_features(m, 'a') IS NULL AS null_row
FROM (SELECT 1) one LEFT JOIN select_more m ON false;

-- ALTER TABLE between two executions
PREPARE select_again AS
SELECT to_jsonb(hp_select_features(m, 'a', 'c')) FROM select_more m;
EXECUTE select_again;
ALTER TABLE select_more DROP COLUMN b;
ALTER TABLE select_more ALTER a TYPE text;
EXECUTE select_again;
ALTER TABLE select_more RENAME c TO d;
EXECUTE select_again;

-- long values stay as they are stored, and 1,600 columns
CREATE TABLE select_long AS SELECT i AS id, repeat(md5(i::text), 625) AS story
FROM generate_series(1, 3) i;
SELECT sum(length(to_jsonb(hp_select_features(l, 'story')) ->> 'story'))
FROM select_long l;
DO $$
DECLARE
	n int;
BEGIN
	EXECUTE (SELECT format('CREATE TABLE select_1600 (%s)',
		string_agg('c' || i || ' int', ', ' ORDER BY i))
		FROM generate_series(1, 1600) i);
	INSERT INTO select_1600 (c1600) VALUES (7);
	SELECT (to_jsonb(hp_select_features(s, VARIADIC
		(SELECT array_agg('c' || i ORDER BY i DESC)
		 FROM generate_series(1, 1600) i))) ->> 'c1600')::int
	INTO n FROM select_1600 s;
	RAISE NOTICE 'c1600 is %', n;
END
$$;

-- parallel plans: the records of all workers are of one type
CREATE TABLE select_many AS
SELECT i AS id, i % 10 AS a, i % 7 AS b FROM generate_series(1, 20000) i;
ANALYZE select_many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
EXPLAIN (COSTS OFF)
SELECT hp_select_features(m, 'b', 'a') AS s FROM select_many m WHERE id % 5000 = 1;
SELECT hp_select_features(m, 'b', 'a') AS s, to_jsonb(hp_select_features(m, 'id'))
FROM select_many m WHERE id % 5000 = 1 ORDER BY id;
SELECT s, count(*) FROM
	(SELECT hp_select_features(m, 'b') AS s FROM select_many m) q
GROUP BY s ORDER BY s;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
RESET parallel_leader_participation;

-- errors
SELECT hp_select_features(l, 'streat') FROM select_lots l;
SELECT hp_select_features(l, 'id') FROM select_lots l;
SELECT hp_select_features(l, 'something else entirely') FROM select_lots l;
SELECT hp_select_features(l, 'gone') FROM select_lots l;
SELECT hp_select_features(l, 'air', 'Id', 'air') FROM select_lots l;
SELECT hp_select_features(l, 'air', NULL) FROM select_lots l;
SELECT hp_select_features(l, VARIADIC '{}') FROM select_lots l;
SELECT hp_select_features(l, VARIADIC NULL) FROM select_lots l;
SELECT hp_select_features(l, VARIADIC '{{air},{Id}}') FROM select_lots l;
SELECT hp_select_features(1, 'a');
SELECT hp_select_features(j, 'a') FROM
	(SELECT 1 AS a, 2 AS a) j;

DROP TABLE select_lots, select_more, select_long, select_1600, select_many
	CASCADE;
