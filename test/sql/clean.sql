--
-- hp_clean, hp_fit_cleaner, hp_clean_rows
--
SET DateStyle = ISO;
CREATE TABLE clean_lots
(
	id int,
	area float8,
	price numeric(9,2),
	rooms smallint,
	street text,
	air boolean,
	sold date
);
INSERT INTO clean_lots VALUES
	(1, 8450, 208500, 8, 'Pave', true, '2008-02-01'),
	(2, NULL, NULL, NULL, NULL, NULL, NULL),
	(3, 'NaN', 'NaN', 6, '', false, '2007-05-01'),
	(4, 'Infinity', 140000, -999, E' \t\n', NULL, 'infinity'),
	(5, '-Infinity', 250000.50, 7, ' N/A ', true, '2009-01-01');

-- What is missing becomes 0, 'None' and false.  Dates have no default.
SELECT c.* FROM clean_lots l, LATERAL hp_clean(l) c ORDER BY id;

-- A fill says otherwise: by kind, by column, and what else is missing.
SELECT c.* FROM clean_lots l, LATERAL hp_clean(l,
	'{"number": 1, "text": "unknown", "boolean": true,
	  "columns": {"area": 7500.5, "sold": "2010-06-30"},
	  "missing": [-999, "N/A"]}') c ORDER BY id;

-- null is no value: what is missing becomes or stays NULL.
SELECT c.* FROM clean_lots l, LATERAL hp_clean(l,
	'{"number": null, "text": null, "columns": {"air": null, "rooms": 5}}') c
ORDER BY id;

-- The fill may be different in each row, or NULL for the default one.
SELECT hp_clean(l, CASE WHEN id = 3 THEN '{"number": 3}'
						WHEN id > 3 THEN '{"number": 4}' END::jsonb)
FROM clean_lots l ORDER BY id;

-- A NULL row stays NULL; a row of NULLs is a row.
SELECT hp_clean(NULL::clean_lots) IS NULL AS null_row,
	hp_clean(ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL)::clean_lots)
		AS row_of_nulls;

-- Cleaning twice is cleaning once, whatever the fill.
SELECT fill, bool_and(hp_clean(hp_clean(l, fill), fill) IS NOT DISTINCT FROM
					  hp_clean(l, fill)) AS idempotent
FROM clean_lots l, (VALUES
	(NULL::jsonb), ('{}'), ('{"number": null, "text": null}'),
	('{"number": -999, "text": "", "missing": [-999]}'),
	('{"number": 1.5, "text": "N/A", "missing": ["N/A"]}')) f(fill)
GROUP BY fill ORDER BY fill;

-- A row without gaps comes back as it went in, and so does what is no gap.
SELECT hp_clean(l) = l AS same FROM clean_lots l WHERE id = 1;
SELECT hp_clean(x) FROM (SELECT 0 AS zero, '0' AS text_zero, false AS no,
	'NaN' AS text_nan, '-infinity'::timestamp AS ever) x;

--
-- Any row will do
--
-- subquery, join with two columns of one name, CTE, view, ROW, nested row
SELECT hp_clean(x) FROM (SELECT area, street FROM clean_lots) x
ORDER BY 1 LIMIT 2;
SELECT hp_clean(j) FROM (SELECT a.id, a.air, b.id, b.air FROM clean_lots a
	JOIN clean_lots b ON b.id = a.id + 1) j ORDER BY 1;
WITH w AS (SELECT id, street FROM clean_lots WHERE id = 2)
SELECT hp_clean(w) FROM w;
CREATE VIEW clean_view AS SELECT id, rooms, area FROM clean_lots;
SELECT c.* FROM clean_view v, LATERAL hp_clean(v) c WHERE v.id = 2;
SELECT hp_clean(ROW(1, NULL::int, ''::text, NULL::bool));
SELECT hp_clean(outside) FROM (SELECT 1 AS n, ROW(NULL::int, '') AS inside,
	NULL::int AS gap) outside;
-- the output of hp_select_features, and that of hp_clean
SELECT hp_clean(hp_select_features(l, 'street', 'rooms'), '{"text": "?"}')
FROM clean_lots l ORDER BY id;

-- types of each kind; an enum and a date only where they are named
CREATE TYPE clean_grade AS ENUM ('poor', 'fair', 'good');
CREATE TABLE clean_types
(
	i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, num numeric,
	num32 numeric(3,2), num3m1 numeric(2,-2),
	txt text, vc2 varchar(2), vc9 varchar(9), ch6 char(6), nam name,
	chr "char", yes boolean, grade clean_grade,
	day date, at timestamp, at0 timestamp(0), atz timestamptz,
	uid uuid, js jsonb, cash money, arr int[]
);
INSERT INTO clean_types DEFAULT VALUES;
SELECT to_jsonb(hp_clean(t)) FROM clean_types t;
SET TimeZone = 'America/Chicago';
SET DateStyle = 'German';
SELECT jsonb_pretty(jsonb_strip_nulls(to_jsonb(hp_clean(t, '{"number": 1234567,
	"text": "null", "columns": {"i2": -32768, "i8": 9007199254740993,
	"f4": 0.1, "num32": 9.994, "num3m1": 5678, "vc2": "ab", "chr": "x",
	"grade": "fair", "day": "2024-02-29", "at": "2024-01-02T03:04:05.678",
	"at0": "2024-01-02 03:04:05.678", "atz": "2024-01-02 03:04+05:30"}}'))))
FROM clean_types t;
SELECT (hp_clean(t, '{"columns": {"atz": "2024-01-02T00:00:00Z"}}')).atz
	= '2024-01-02 00:00:00 UTC' AS same FROM clean_types t;
RESET TimeZone;
SET DateStyle = ISO;

-- domains: a default they refuse leaves NULL, if they take NULL
CREATE DOMAIN clean_year AS int CHECK (VALUE BETWEEN 1800 AND 2100);
CREATE DOMAIN clean_recent AS clean_year CHECK (VALUE > 2000);
CREATE DOMAIN clean_size AS float8 NOT NULL CHECK (VALUE > 0);
CREATE TABLE clean_domains (id int, built clean_recent, size clean_size);
INSERT INTO clean_domains VALUES (1, NULL, 5), (2, 2005, 'NaN');
SELECT hp_clean(d) FROM clean_domains d WHERE id = 1;
SELECT hp_clean(d, '{"columns": {"built": 2010, "size": 9}}')
FROM clean_domains d ORDER BY id;
SELECT hp_clean(d) FROM clean_domains d WHERE id = 2;
SELECT hp_clean(d, '{"columns": {"built": 1999}}') FROM clean_domains d;

-- a domain over a row type
CREATE TYPE clean_pair AS (a int, b int);
CREATE DOMAIN clean_ordered AS clean_pair
	CHECK ((VALUE).a < (VALUE).b OR (VALUE).a IS NULL);
SELECT hp_clean(ROW(NULL, 3)::clean_ordered) AS r,
	pg_typeof(hp_clean(ROW(NULL, 3)::clean_ordered));
SELECT hp_clean(ROW(NULL, -3)::clean_ordered);

-- quoted names, generated and dropped columns, later columns with defaults
CREATE TABLE clean_wide ("1stFlrSF" int, gone text, "Über ""x""" text,
	twice int GENERATED ALWAYS AS ("1stFlrSF" * 2) STORED);
INSERT INTO clean_wide VALUES (856, 'x', ''), (NULL, 'y', 'z');
ALTER TABLE clean_wide DROP COLUMN gone;
ALTER TABLE clean_wide ADD COLUMN later text DEFAULT ' ';
ALTER TABLE clean_wide ADD COLUMN last numeric DEFAULT 12.5;
SELECT hp_clean(w) FROM clean_wide w;
SELECT hp_clean(w, '{"columns": {"1stFlrSF": 1, "Über \"x\"": "!"}}')
FROM clean_wide w;

-- partitions, of the parent's and of their own row type
CREATE TABLE clean_parts (id int, street text) PARTITION BY RANGE (id);
CREATE TABLE clean_parts_1 PARTITION OF clean_parts
	FOR VALUES FROM (0) TO (10);
CREATE TABLE clean_parts_2 (street text, extra int, id int);
ALTER TABLE clean_parts_2 DROP COLUMN extra;
ALTER TABLE clean_parts ATTACH PARTITION clean_parts_2
	FOR VALUES FROM (10) TO (20);
INSERT INTO clean_parts VALUES (1, NULL), (11, '');
SELECT hp_clean(p), pg_typeof(hp_clean(p)) FROM clean_parts p ORDER BY id;
SELECT hp_clean(p), pg_typeof(hp_clean(p)) FROM clean_parts_2 p;

-- a prepared statement notices ALTER TABLE, and so does a loop
PREPARE clean_all AS SELECT hp_clean(p) FROM clean_parts_1 p;
EXECUTE clean_all;
DROP TABLE clean_parts CASCADE;
CREATE TABLE clean_change (a int, b int);
INSERT INTO clean_change VALUES (1, NULL);
PREPARE clean_changed AS SELECT to_jsonb(hp_clean(r)) FROM clean_change r;
EXECUTE clean_changed;
ALTER TABLE clean_change ALTER b TYPE text;
ALTER TABLE clean_change ADD c boolean;
EXECUTE clean_changed;
DO $$
DECLARE
	r clean_change;
BEGIN
	FOR i IN 1..3 LOOP
		SELECT * INTO r FROM clean_change;
		RAISE NOTICE '%', hp_clean(r);
		IF i = 1 THEN
			EXECUTE 'ALTER TYPE clean_grade RENAME VALUE ''fair'' TO ''so-so''';
		END IF;
	END LOOP;
END
$$;

-- 1,600 columns, and a long text that is only looked at where it must be
DO $$
BEGIN
	EXECUTE (SELECT format('CREATE TABLE clean_1600 (%s)',
		string_agg(format('c%s %s', i, CASE WHEN i % 2 = 0 THEN 'float4'
											ELSE 'bool' END), ', '))
		FROM generate_series(1, 1600) i);
END
$$;
INSERT INTO clean_1600 (c2) VALUES ('NaN');
SELECT md5(hp_clean(c)::text) =
	md5('(' || string_agg(CASE WHEN i % 2 = 0 THEN '0' ELSE 'f' END, ','
						  ORDER BY i) || ')') AS filled
FROM clean_1600 c, generate_series(1, 1600) i GROUP BY c.*;
CREATE TABLE clean_long (id int, story text, junk text);
ALTER TABLE clean_long ALTER story SET STORAGE external;
INSERT INTO clean_long VALUES (1, repeat('x', 20000), repeat(' ', 20000)),
	(2, repeat(' ', 20000), repeat(' ', 9999) || 'N/A' || repeat(' ', 9999)),
	(3, repeat(' ', 300) || 'N/A', repeat('N/A', 7000));
SELECT id, length((hp_clean(l)).story), left((hp_clean(l)).junk, 4) AS junk,
	left((hp_clean(l, '{"missing": ["N/A"]}')).junk, 4) AS junk_token,
	left((hp_clean(l, '{"missing": ["N/A"]}')).story, 4) AS story_token
FROM clean_long l ORDER BY id;

-- tokens are values of the column's own type, compared without blanks
SELECT hp_clean(x, '{"number": 0, "text": "?",
	"missing": [0.1, 12345678901234567890, " n/a", -1]}')
FROM (VALUES (0.1::float4, 0.1::float8, 0.10::numeric, -1::int2, 'n/a  '::char(9)),
	(0.2, 12345678901234567890, 12345678901234567890, 1, 'N/A')) x;

--
-- Errors
--
SELECT hp_clean(1);
SELECT hp_clean(NULL::text, '{}');
SELECT hp_clean(l, '[1]') FROM clean_lots l;
SELECT hp_clean(l, '{"numbers": 1}') FROM clean_lots l;
SELECT hp_clean(l, '{"x": 1}') FROM clean_lots l;
SELECT hp_clean(l, '{"number": "1"}') FROM clean_lots l;
SELECT hp_clean(l, '{"text": 1}') FROM clean_lots l;
SELECT hp_clean(l, '{"boolean": 0}') FROM clean_lots l;
SELECT hp_clean(l, '{"columns": ["area"]}') FROM clean_lots l;
SELECT hp_clean(l, '{"columns": {"area": [1]}}') FROM clean_lots l;
SELECT hp_clean(l, '{"missing": "N/A"}') FROM clean_lots l;
SELECT hp_clean(l, '{"missing": [null]}') FROM clean_lots l;
SELECT hp_clean(l, '{"absent": "ignore"}') FROM clean_lots l;
-- a column that the row lacks; "absent" passes it over
SELECT hp_clean(l, '{"columns": {"aera": 1}}') FROM clean_lots l;
SELECT hp_clean(l, '{"columns": {"aera": 1}, "absent": "skip"}') FROM clean_lots l
WHERE id = 2;
SELECT hp_clean(j, '{"columns": {"id": 1}}')
FROM (SELECT a.id, b.id FROM clean_lots a, clean_lots b) j;
-- values that the column cannot hold
SELECT hp_clean(t, '{"columns": {"i2": 32768}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"i4": 0.5}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"i8": 9223372036854775808}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"f4": 1e39}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"f8": 2e308}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"num32": 9.995}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"vc2": "abc"}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"chr": "xy"}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"nam": "A name cannot be longer than sixty-three bytes, and this one is."}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"yes": "true"}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"i4": "1"}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"grade": "poors"}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"grade": 1}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"day": "29.02.2024"}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"day": "2023-02-29"}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"at": "2024-01-02 25:00"}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"atz": "2024-01-02 03:04"}}') FROM clean_types t;
SELECT hp_clean(t, '{"columns": {"uid": "x"}}') FROM clean_types t;

--
-- hp_fit_cleaner: a fill learned from rows
--
SELECT jsonb_pretty(hp_fit_cleaner(l)) FROM clean_lots l;
SELECT hp_fit_cleaner(l, '{"number": "mean", "text": {"constant": "None"},
	"boolean": false, "columns": {"rooms": 6, "sold": "median", "id": null},
	"missing": [-999, "N/A"]}') FROM clean_lots l;
SELECT hp_fit_cleaner(l, '{"number": "mode", "text": null, "boolean": null,
	"columns": {"sold": "mode", "street": {"constant": "?"}}}')
FROM clean_lots l;

-- fitted on the training rows, applied to the others
SELECT c.* FROM clean_lots l, LATERAL hp_clean(l,
	(SELECT hp_fit_cleaner(t) FROM clean_lots t WHERE id IN (1, 3, 5))) c
WHERE l.id = 2;
-- a column that is not there any more is passed over, a new one is left alone
SELECT hp_clean(x, (SELECT hp_fit_cleaner(t) FROM clean_lots t))
FROM (SELECT area, street, NULL::int AS new FROM clean_lots WHERE id = 2) x;

-- medians of two, ties (the smallest, the first), whole numbers half to even
SELECT hp_fit_cleaner(x, '{"columns": {"d": "median", "t": "median",
	"tz": "mode"}}') -> 'columns' AS fitted
FROM (VALUES
	(1, 69, 1.5::numeric(5,1), 0.1::float4, 'b', true, 1e18::float8,
	 '2024-01-01'::date, '2024-01-01 12:00:00.25'::timestamp,
	 '2024-06-01 12:00+02'::timestamptz),
	(2, 70, 1.6::numeric(5,1), 0.1, 'a', false, 3e18,
	 '2024-01-04', '2024-01-02', '2024-06-01 11:00+02'))
	x(i, rooms, n, f, c, b, big, d, t, tz);
SELECT hp_fit_cleaner(x, '{"number": "mean"}') -> 'columns' AS fitted
FROM (VALUES (1, 1.25::numeric(5,1), 1e300, 2.5::float8),
	(2, 1.2::numeric(5,1), -1e300, 1), (2, 1.2::numeric(5,1), 1, 1),
	(3, 1.5::numeric(5,1), 1, 0)) x(i, n, big, f);
-- enums by label, all NULL, nothing but missing values, domains
SELECT hp_fit_cleaner(x) -> 'columns' AS fitted
FROM (VALUES ('poor'::clean_grade, NULL::int, 'NaN'::float8, ' ',
			  2004::clean_recent),
	('good', NULL, 'Infinity', '', 2005), ('good', NULL, NULL, NULL, 2007))
	x(g, n, f, t, y);
CREATE DOMAIN clean_even AS int CHECK (VALUE % 2 = 0);
SELECT hp_fit_cleaner(x) -> 'columns' AS lower_of_the_two,
	hp_fit_cleaner(x, '{"number": "mean"}') -> 'columns' AS none,
	hp_fit_cleaner(x, '{"number": 3}') -> 'columns' AS none_either
FROM (VALUES (4::clean_even), (6::clean_even)) x(even);
-- other types have no entry
SELECT hp_fit_cleaner(t) -> 'columns' ?| '{uid,js,cash,arr,day,at}'
FROM clean_types t;

-- no rows, NULL rows, groups, windows, DISTINCT rows
SELECT hp_fit_cleaner(l) FROM clean_lots l WHERE false;
SELECT hp_fit_cleaner(NULL::clean_lots);
SELECT air, hp_fit_cleaner(x) -> 'columns' AS fitted
FROM (SELECT air, rooms FROM clean_lots) x GROUP BY ROLLUP (air) ORDER BY air;
SELECT id, hp_fit_cleaner(x) OVER (ORDER BY id) -> 'columns' AS fitted
FROM (SELECT id, price FROM clean_lots) x;

-- what is fitted does not depend on the order of rows or on the plan
CREATE TABLE clean_many AS
SELECT i AS id, (i * 7919 % 1000) / 8.0 AS x, i * 31 % 17 AS small,
	chr(97 + i * 13 % 26) || CASE WHEN i % 9 = 0 THEN ' ' ELSE '' END AS c,
	i % 3 = 0 AS b, sqrt(i::float8) AS root
FROM generate_series(1, 20000) i;
INSERT INTO clean_many SELECT NULL, 'NaN', -1, '', NULL, NULL
FROM generate_series(1, 1000);
ANALYZE clean_many;
SELECT hp_fit_cleaner(m, '{"columns": {"x": "mean", "root": "mean"},
	"missing": [-1]}') AS fill FROM clean_many m \gset
SELECT hp_fit_cleaner(m, '{"columns": {"x": "mean", "root": "mean"},
	"missing": [-1]}' ORDER BY md5(m::text)) = :'fill' AS same
FROM clean_many m;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT hp_fit_cleaner(m) FROM clean_many m;
SELECT hp_fit_cleaner(m, '{"columns": {"x": "mean", "root": "mean"},
	"missing": [-1]}') = :'fill' AS same FROM clean_many m;
SELECT hp_fit_cleaner(m) = hp_fit_cleaner(m, '{}') AS same FROM clean_many m;
EXPLAIN (COSTS OFF) SELECT count(*) FROM clean_many m
WHERE (hp_clean(m)).c = 'None';
SELECT count(*) FROM clean_many m WHERE (hp_clean(m)).c = 'None';
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- errors
SELECT hp_fit_cleaner(l, '{"number": "median", "txt": 1}') FROM clean_lots l;
SELECT hp_fit_cleaner(l, '"median"') FROM clean_lots l;
SELECT hp_fit_cleaner(l, '{"number": "average"}') FROM clean_lots l;
SELECT hp_fit_cleaner(l, '{"number": {"constant": "x"}}') FROM clean_lots l;
SELECT hp_fit_cleaner(l, '{"text": "median"}') FROM clean_lots l;
SELECT hp_fit_cleaner(l, '{"text": "None"}') FROM clean_lots l;
SELECT hp_fit_cleaner(l, '{"boolean": "mean"}') FROM clean_lots l;
SELECT hp_fit_cleaner(l, '{"columns": 1}') FROM clean_lots l;
SELECT hp_fit_cleaner(l, '{"columns": {"street": "None"}}') FROM clean_lots l;
SELECT hp_fit_cleaner(l, '{"columns": {"street": "mean"}}') FROM clean_lots l;
SELECT hp_fit_cleaner(l, '{"columns": {"sold": "mean"}}') FROM clean_lots l;
SELECT hp_fit_cleaner(l, '{"columns": {"rooms": 1.5}}') FROM clean_lots l;
SELECT hp_fit_cleaner(l, '{"columns": {"stret": "mode"}}') FROM clean_lots l;
SELECT hp_fit_cleaner(t, '{"columns": {"uid": "mode"}}') FROM clean_types t;
SELECT hp_fit_cleaner(l, CASE id WHEN 1 THEN NULL ELSE '{}'::jsonb END)
FROM clean_lots l;
SELECT hp_fit_cleaner(r) FROM (VALUES (ROW(1, 2)), (ROW(1))) v(r);
SELECT hp_fit_cleaner(r) FROM (VALUES (ROW(1)), (ROW('a'::text))) v(r);
SELECT hp_fit_cleaner(j) FROM (SELECT a.id, b.id FROM clean_lots a, clean_lots b) j;

--
-- hp_clean_rows: fitted and applied in one call
--
SELECT * FROM hp_clean_rows(NULL::clean_lots);
SELECT * FROM hp_clean_rows(NULL::clean_lots,
	'SELECT * FROM clean_lots WHERE id <> 4', '{"number": 0}');
SELECT * FROM hp_clean_rows(NULL::clean_lots, policy => '{"missing": [-999]}')
WHERE id = 4;
-- columns are matched by name, whatever the order; others are left out
SELECT * FROM hp_clean_rows(NULL::clean_change,
	'SELECT true AS c, 7 AS x, ''''::text AS b, i AS a FROM generate_series(1, 2) i');
SELECT * FROM hp_clean_rows(NULL::clean_lots, 'clean_lots', '{}') LIMIT 0;
SELECT * FROM hp_clean_rows(NULL::clean_wide);
SELECT hp_clean_rows(NULL::clean_change);
SELECT * FROM hp_clean_rows(1);
SELECT * FROM hp_clean_rows(NULL::record) AS (a int);
SELECT * FROM hp_clean_rows(NULL::clean_change, 'SELECT 1 AS a, ''''::text AS b');
SELECT * FROM hp_clean_rows(NULL::clean_change,
	'SELECT 1 AS a, 2 AS b, true AS c');
SELECT * FROM hp_clean_rows(NULL::clean_lots,
	'SELECT id, area, price * 2 AS price, rooms, street, air, sold FROM clean_lots');
SELECT * FROM hp_clean_rows(NULL::clean_change, policy => '{"number": "max"}');

DROP TABLE clean_lots, clean_types, clean_domains, clean_wide, clean_change,
	clean_1600, clean_long, clean_many CASCADE;
DROP DOMAIN clean_ordered, clean_recent, clean_year, clean_size, clean_even;
DROP TYPE clean_pair, clean_grade;
