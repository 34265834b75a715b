--
-- hp_digest: the content of a table as one short text
--
CREATE TABLE digest_lots (id int, area float8, street text, air boolean);
INSERT INTO digest_lots VALUES (1, 8450, 'Pave', true), (2, NULL, '', NULL),
	(3, 'NaN', 'Grvl', false);
SELECT hp_digest(l) FROM digest_lots l;
SELECT hp_digest(l) AS digest FROM digest_lots l \gset

-- Neither the order of rows nor that of columns matters, nor the types within
-- a kind; names, values and the number of equal rows do.
SELECT hp_digest(l ORDER BY id DESC) = :'digest' AS order_of_rows FROM digest_lots l;
SELECT hp_digest(x) = :'digest' AS order_of_columns
FROM (SELECT air, street, area, id FROM digest_lots) x;
SELECT hp_digest(x) = :'digest' AS types
FROM (SELECT id::numeric(5,2), area::numeric, street::varchar(9), air
	  FROM digest_lots) x;
SELECT hp_digest(x) = :'digest' AS name
FROM (SELECT id, area, street AS road, air FROM digest_lots) x;
SELECT hp_digest(x) = :'digest' AS kind
FROM (SELECT id, area, street, air::int FROM digest_lots) x;
SELECT hp_digest(x) = :'digest' AS value
FROM (SELECT id, area, nullif(street, '') AS street, air FROM digest_lots) x;
SELECT hp_digest(x) = :'digest' AS fewer_columns
FROM (SELECT id, area, street FROM digest_lots) x;
SELECT hp_digest(x) = :'digest' AS copies
FROM (TABLE digest_lots UNION ALL SELECT * FROM digest_lots WHERE id = 1) x;
SELECT hp_digest(a) = hp_digest(b) AS swapped
FROM (VALUES (1, 2)) a(x, y), (VALUES (2, 1)) b(x, y);
SELECT hp_digest(a) = hp_digest(b) AS crossed
FROM (VALUES (1, 2), (3, 4)) a(x, y), (VALUES (1, 4), (3, 2)) b(x, y);

-- no rows, NULL rows, rows of NULLs: all different
SELECT hp_digest(l) FROM digest_lots l WHERE false;
SELECT count(DISTINCT d) FROM (
	SELECT hp_digest(l) AS d FROM digest_lots l WHERE false
	UNION ALL SELECT hp_digest(NULL::digest_lots)
	UNION ALL SELECT hp_digest(ROW(NULL, NULL, NULL, NULL)::digest_lots)
	UNION ALL SELECT hp_digest(n) FROM (VALUES (NULL::digest_lots), (NULL)) v(n)) x;

-- any type: rows within rows, arrays, what has no kind
CREATE TYPE digest_zone AS ENUM ('RL', 'RM');
SELECT hp_digest(a) = hp_digest(b) AS same FROM
	(SELECT '{"a": 1.0}'::jsonb AS js, '{1,2}'::int[] AS arr, 'RL'::digest_zone AS zone,
		ROW(1, 'x'::text) AS inner, '2024-01-01'::date AS day,
		'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS uid) a,
	(SELECT '{"a":1.0}'::jsonb AS js, '{1,2}'::float8[] AS arr, 'RL'::text AS zone,
		ROW(1::numeric, 'x'::varchar) AS inner, '2024-01-01'::timestamp AS day,
		'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid AS uid) b;
SELECT hp_digest(j) = hp_digest(k) AS duplicate_names
FROM (SELECT 1 AS a, 2 AS a) j, (SELECT 1 AS a, 2 AS a) k;

-- dropped, added and generated columns, partitions, views
CREATE TABLE digest_copy (gone text, air boolean, street text, area float8, id int)
	PARTITION BY LIST (id);
ALTER TABLE digest_copy DROP COLUMN gone;
CREATE TABLE digest_copy_1 PARTITION OF digest_copy FOR VALUES IN (1, 3);
CREATE TABLE digest_copy_2 (id int, street text, area float8, air boolean);
ALTER TABLE digest_copy ATTACH PARTITION digest_copy_2 DEFAULT;
INSERT INTO digest_copy SELECT air, street, area, id FROM digest_lots;
CREATE VIEW digest_view AS SELECT street, air, id, area FROM digest_copy;
SELECT hp_digest(c) = :'digest' AS partitioned FROM digest_copy c;
SELECT hp_digest(v) = :'digest' AS view FROM digest_view v;
ALTER TABLE digest_lots ADD COLUMN later int DEFAULT 5;
INSERT INTO digest_copy VALUES (true, 'x', 1, 9);
SELECT hp_digest(l) = hp_digest(x) AS added FROM digest_lots l,
	LATERAL (SELECT l.id, l.area, l.street, l.air, 5 AS later) x;

-- groups, windows, FILTER
SELECT air, hp_digest(l) FROM digest_lots l GROUP BY air ORDER BY air;
SELECT id, hp_digest(l) OVER (ORDER BY id) = hp_digest(l) OVER () AS all_seen
FROM digest_lots l;
SELECT hp_digest(l) FILTER (WHERE false) = hp_digest(l) FILTER (WHERE id > 9) AS empty
FROM digest_lots l;

-- parallel plans
CREATE TABLE digest_many AS SELECT i AS id, i % 100 AS a, md5(i::text) AS t
FROM generate_series(1, 20000) i;
ANALYZE digest_many;
SELECT hp_digest(m) AS digest FROM digest_many m \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT hp_digest(m) FROM digest_many m;
SELECT hp_digest(m) = :'digest' AS same FROM digest_many m;
SELECT hp_digest(m ORDER BY t) = :'digest' AS same FROM digest_many m;
SELECT count(DISTINCT d), count(*) FROM
	(SELECT hp_digest(m) AS d FROM digest_many m GROUP BY a) x;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

SELECT hp_digest(1);

DROP TABLE digest_lots, digest_copy, digest_many CASCADE;
DROP TYPE digest_zone;
