--
-- Tables as they are: whatever PostgreSQL allows, training and prediction take
-- it, or say why not
--
SET client_min_messages = warning;
-- trains on a query by a target's name; says what the model is made of
CREATE FUNCTION edge_train(query text, target text DEFAULT 'y', params jsonb DEFAULT hp_forest(trees => 3))
RETURNS TABLE (rows int, skipped int, features text, mae numeric) LANGUAGE plpgsql AS $$
DECLARE
	m hp_model;
	d hp_model;
BEGIN
	EXECUTE format('SELECT hp_train(the_row, %L, %L), hp_train(the_row, %L, %L ORDER BY random()) FROM (%s) the_row',
		target, params, target, params, query) INTO m, d;
	IF hp_model_info(m) <> hp_model_info(d) THEN
		RAISE 'depends on the order of rows';
	END IF;
	EXECUTE format('SELECT round(hp_mae(the_row.%I, hp_predict($1, the_row))::numeric, 1) FROM (%s) the_row', target, query) INTO mae USING m;
	SELECT (i ->> 'rows')::int, (i ->> 'rows_without_target')::int,
		(SELECT string_agg(concat(f ->> 'name', ':', f ->> 'kind'), ' ' ORDER BY n)
		 FROM jsonb_array_elements(i -> 'features') WITH ORDINALITY f(f, n))
	INTO rows, skipped, features FROM hp_model_info(m) i;
	RETURN NEXT;
END
$$;

-- names that need quotes, of any length and alphabet
CREATE TABLE edge_names ("1stFlrSF" int, "Id" int, "select" int, "größe ""m²""" int, "it's" int, "a.b" int,
	"SELECT 1; --" int, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_" int, y int);
INSERT INTO edge_names SELECT i, i % 7, i % 3, i % 11, i % 2, i % 5, i % 4, i % 6, i % 3 * 10 + i % 11 FROM generate_series(1, 60) i;
SELECT * FROM edge_train('TABLE edge_names');
SELECT rank, feature FROM (SELECT hp_train(e, 'y', hp_forest(exclude => ARRAY['Id', '1stFlrSF', 'größe "m²"', 'a.b'])) AS m FROM edge_names e) t,
	hp_importance(m) WHERE importance > 0.5;
SELECT * FROM edge_train('TABLE edge_names', '1stFlrSF', '{"algorithm": "forest", "trees": 2, "exclude": ["größe \"m²\"", "y"]}');
-- names differ by case
SELECT hp_train(e, '1stflrsf') FROM edge_names e;
SELECT * FROM edge_train('SELECT 1 AS a, 2 AS "A", i AS y FROM generate_series(1, 5) i');

-- few rows, equal rows, nothing to learn
SELECT * FROM edge_train('SELECT 1 AS a, 2 AS y');
SELECT * FROM edge_train('SELECT i AS a, i AS y FROM generate_series(1, 2) i');
SELECT * FROM edge_train('SELECT 1 AS a, 2 AS y FROM generate_series(1, 1000)');
SELECT * FROM edge_train('SELECT 1 AS a, i AS y FROM generate_series(1, 100) i');
SELECT * FROM edge_train('SELECT i AS a, 7 AS y FROM generate_series(1, 100) i');
SELECT * FROM edge_train('SELECT i AS a, 0 AS y FROM generate_series(1, 100) i');
SELECT * FROM edge_train('SELECT NULL::int AS a, NULL::text AS b, NULL::date AS c, NULL::bool AS d, i AS y FROM generate_series(1, 100) i');
SELECT * FROM edge_train('SELECT NULL AS a, i AS y FROM generate_series(1, 100) i');
-- a column that is sometimes known
SELECT * FROM edge_train('SELECT CASE WHEN i % 10 = 0 THEN 1 END AS a, CASE WHEN i % 10 = 0 THEN 5 ELSE 1 END AS y FROM generate_series(1, 200) i');

-- dropped, added and generated columns
CREATE TABLE edge_alter (gone1 text, a int, gone2 int, y float8, gone3 jsonb);
INSERT INTO edge_alter SELECT 'x', i % 9, i, i % 9 * 10, '{}' FROM generate_series(1, 100) i;
ALTER TABLE edge_alter DROP gone1, DROP gone2, DROP gone3;
SELECT * FROM edge_train('TABLE edge_alter');
ALTER TABLE edge_alter ADD later int DEFAULT 5, ADD twice int GENERATED ALWAYS AS (a * 2) STORED;
INSERT INTO edge_alter SELECT i % 9, i % 9 * 10, 6 FROM generate_series(1, 100) i;
SELECT * FROM edge_train('TABLE edge_alter');
SELECT hp_train(e, 'gone2') FROM edge_alter e;
SELECT hp_train(e, '........pg.dropped.1........') FROM edge_alter e;
SELECT hp_train(e, 'ctid') FROM edge_alter e;

-- 1,600 columns
DO $$
BEGIN
	EXECUTE (SELECT format('CREATE TABLE edge_wide (y int, %s)', string_agg('c' || i || ' smallint', ', ' ORDER BY i))
		FROM generate_series(1, 1599) i);
	EXECUTE (SELECT format('INSERT INTO edge_wide SELECT i %% 13, %s FROM generate_series(1, 100) i',
		string_agg(format('(i * %s + 7) %% %s', i, 13 + i % 3), ', ' ORDER BY i)) FROM generate_series(1, 1599) i);
END
$$;
SELECT rows, skipped, length(features) AS features, mae < 5 AS near FROM edge_train('TABLE edge_wide');

-- types of columns
CREATE TYPE edge_quality AS ENUM ('poor', 'fair', 'good');
CREATE DOMAIN edge_area AS numeric(7,1) CHECK (VALUE > 0);
CREATE DOMAIN edge_inner AS edge_quality;
CREATE DOMAIN edge_outer AS edge_inner;
CREATE TABLE edge_types (a2 smallint, a4 int, a8 bigint, f4 real, f8 float8, n numeric, area edge_area, b bool,
	t text, v varchar(5), c char(5), q "char", nm name, e edge_quality, o edge_outer, d date, ts timestamp, tz timestamptz, y numeric);
INSERT INTO edge_types SELECT i % 7, i % 7, i % 7, i % 7, i % 7, i % 7, i % 7 + 0.5, i % 7 = 0, 't' || i % 7, 'v' || i % 7, 'c' || i % 7,
	chr(65 + i % 7)::"char", 'n' || i % 7, (ARRAY['poor', 'fair', 'good'])[i % 3 + 1]::edge_quality, 'good', date '2020-01-01' + i % 7,
	timestamp '2020-01-01' + i % 7 * interval '1 h', timestamptz '2020-01-01 00:00+14' + i % 7 * interval '1 day', i % 7
FROM generate_series(1, 70) i;
INSERT INTO edge_types (y) VALUES (3);
SELECT features, mae < 1 AS near FROM edge_train('TABLE edge_types', 'y', hp_forest(leak => 'allow'));
-- each alone finds what there is
SELECT c, (edge_train(format('SELECT %I, y FROM edge_types WHERE a2 IS NOT NULL', c), 'y', hp_forest(min_leaf => 1, cat_min_rows => 0, leak => 'allow'))).mae < 0.5 AS near
FROM unnest('{a2,a4,a8,f4,f8,n,area,t,v,c,q,nm,d,ts,tz}'::text[]) c;
-- enum labels and char padding count by value
SELECT hp_predict(m, r1) = hp_predict(m, r2) AS label_as_text, hp_predict(m, r1) = hp_predict(m, r3) AS padded
FROM (SELECT hp_train(s, 'y') AS m FROM (SELECT e, c, y FROM edge_types) s) t,
	(SELECT 'fair'::edge_quality AS e, 'c1'::char(5) AS c) r1, (SELECT 'fair'::text AS e, 'c1'::text AS c) r2,
	(SELECT 'fair'::varchar AS e, 'c1'::char(30) AS c) r3;
ALTER TYPE edge_quality RENAME VALUE 'fair' TO 'so-so';
SELECT f ->> 'categories' AS categories
FROM (SELECT hp_train(s, 'y') AS m FROM (SELECT e, y FROM edge_types UNION ALL SELECT 'so-so', 1) s) t,
	jsonb_array_elements(hp_model_info(m) -> 'features') f;
-- any numeric type as target; not money, boolean, time or text: say how
SELECT c, (edge_train(format('SELECT t, %I AS y FROM edge_types', c))).rows
FROM unnest('{a2,a4,a8,f4,f8,n,area}'::text[]) c;
CREATE TABLE edge_targets AS SELECT i % 3 AS a, (i % 3)::int::bool AS "Sold", i::money AS paid, i::text AS said, i * interval '1 s' AS took,
	date '2020-01-01' + i AS day, NULL::edge_quality AS grade, point(i, i) AS place, ARRAY[i] AS list, (NULL::pg_class) AS rec
FROM generate_series(1, 9) i;
SELECT hp_train(e, e.paid) FROM edge_targets e;
SELECT hp_train(e, 'paid') FROM edge_targets e;
SELECT hp_train(e, e."Sold") FROM edge_targets e;
SELECT hp_train(e, 'Sold') FROM edge_targets e;
SELECT hp_train(e, e.said) FROM edge_targets e;
SELECT hp_train(e, 'said') FROM edge_targets e;
SELECT hp_train(e, 'day') FROM edge_targets e;
SELECT hp_train(e, 'took') FROM edge_targets e;
SELECT hp_train(e, 'grade') FROM edge_targets e;
SELECT hp_train(e, e.place) FROM edge_targets e;
-- what the hints say works
SELECT hp_model_info(hp_train(s, e.paid::numeric)) #> '{target,max}' AS paid, hp_model_info(hp_train(s, e."Sold"::integer)) #> '{target,mean}' AS sold,
	hp_model_info(hp_train(s, e.said::double precision)) #> '{target,max}' AS said
FROM edge_targets e, LATERAL (SELECT e.a) s;
-- columns of other types
SELECT hp_train(s, 'a') FROM (SELECT a, took FROM edge_targets) s;
SELECT hp_train(s, 'a') FROM (SELECT a, rec FROM edge_targets) s;
SELECT hp_train(s, 'a') FROM (SELECT a, list AS "the list's" FROM edge_targets) s;
SELECT hp_model_info(hp_train(e, 'a', hp_forest(exclude => '{paid,took,place,list,rec}'))) -> 'rows' AS rows FROM edge_targets e;

-- numbers at the edge
SELECT * FROM edge_train($$SELECT (ARRAY['NaN', 'Infinity', '-Infinity', '0', '-0', '1e308', '-1e308', '5e-324'])[i % 8 + 1]::float8 AS a,
	i % 8 AS y FROM generate_series(1, 800) i$$, 'y', hp_forest(trees => 5, min_leaf => 1));
SELECT * FROM edge_train($$SELECT (ARRAY['NaN', 'Infinity', '-Infinity', '1e400', '-1e400', '1e-400', '0'])[i % 7 + 1]::numeric AS a,
	i % 7 AS y FROM generate_series(1, 700) i$$, 'y', hp_forest(trees => 5, min_leaf => 1));
SELECT * FROM edge_train($$SELECT (ARRAY['infinity', '-infinity', '4713-01-01 BC', '294276-12-31 23:59:59.999999'])[i % 4 + 1]::timestamp AS a,
	i % 4 AS y FROM generate_series(1, 400) i$$, 'y', hp_forest(trees => 5, min_leaf => 1));
SELECT * FROM edge_train($$SELECT CASE i % 2 WHEN 0 THEN 9223372036854775807 ELSE -9223372036854775808 END AS a, i % 2 AS y FROM generate_series(1, 100) i$$);
-- targets: any finite double, of one order of magnitude or another
SELECT * FROM edge_train($$SELECT i % 2 AS a, CASE i % 2 WHEN 0 THEN 1.7e308 ELSE -1.7e308 END AS y FROM generate_series(1, 100) i$$);
SELECT * FROM edge_train($$SELECT i % 5 AS a, i % 5 * 5e-324::float8 AS y FROM generate_series(1, 100) i$$);
SELECT * FROM edge_train($$SELECT i % 5 AS a, CASE i WHEN 7 THEN 1e9 ELSE i % 5 END AS y FROM generate_series(1, 100) i$$);
SELECT hp_train(s, 'y', hp_forest()) FROM (SELECT i % 5 AS a, CASE i WHEN 7 THEN 1e300 ELSE i % 5 END::float8 AS y FROM generate_series(1, 100) i) s;
SELECT hp_train(s, 'y') FROM (SELECT i % 5 AS a, CASE WHEN i = 7 THEN 'NaN' ELSE (i % 5)::text END::float8 AS y FROM generate_series(1, 100) i) s;
SELECT hp_train(s, 'y') FROM (SELECT i % 5 AS a, CASE WHEN i = 7 THEN 'Infinity' ELSE (i % 5)::text END::numeric AS y FROM generate_series(1, 100) i) s;
SELECT hp_train(s, 'y') FROM (SELECT i % 5 AS a, CASE WHEN i = 7 THEN '1e400' ELSE (i % 5)::text END::numeric AS y FROM generate_series(1, 100) i) s;

-- text: empty, long, of any alphabet, 20 kB beside the features
SELECT * FROM edge_train($$SELECT (ARRAY['', ' ', 'ä', 'ẞ', '東京', E'\t', repeat('x', 300)])[i % 7 + 1] AS t, i % 7 AS y FROM generate_series(1, 700) i$$);
CREATE TABLE edge_long AS SELECT i % 9 AS a, (SELECT string_agg(md5((i * 1000 + j)::text), '') FROM generate_series(1, 625) j) AS story, i % 9 AS y
FROM generate_series(1, 100) i;
SELECT * FROM edge_train('TABLE edge_long');
SELECT * FROM edge_train('SELECT a, repeat(left(story, 1), 20000) AS story, y FROM edge_long');

-- rows from joins: names must be clear where they are used
SELECT * FROM edge_train('SELECT l.*, r.area AS other FROM edge_alter l JOIN edge_types r ON r.a2 = l.a', 'y');
SELECT hp_train(j, j.y) FROM (SELECT l.a, r.a, l.y FROM edge_alter l JOIN edge_alter r ON r.a = l.a) j;
SELECT hp_train(j, 'y') FROM (SELECT l.a, l.y, r.y FROM edge_alter l JOIN edge_alter r ON r.a = l.a) j;
SELECT hp_model_info(hp_train(j, 'y', hp_forest(trees => 1, exclude => '{b}'))) -> 'rows' AS rows
FROM (SELECT l.a, 1 AS b, l.y FROM edge_alter l) j;
-- a row that is a column, a composite type, a domain over one
CREATE TYPE edge_row AS (a int, y float8);
CREATE DOMAIN edge_row_domain AS edge_row CHECK ((VALUE).a >= 0);
CREATE TABLE edge_rows (r edge_row, d edge_row_domain);
INSERT INTO edge_rows SELECT r, r FROM (SELECT ROW(i % 5, (i % 5 * 2 + i % 2)::float8)::edge_row AS r FROM generate_series(1, 50) i) x;
SELECT hp_model_info(hp_train(r, 'y')) = hp_model_info(hp_train(d, 'y')) AS same FROM edge_rows;
SELECT hp_train(ROW(a, y), y) FROM edge_alter;
SELECT hp_model_info(hp_train(ROW(a, y)::edge_row, 'y')) -> 'rows' AS rows FROM edge_alter;
-- rows of several types in one training
SELECT hp_model_info(hp_train(CASE WHEN i % 2 = 0 THEN hp_select_features(s, 'a', 'y') ELSE hp_select_features(s, 'y', 'a') END, 'y'))
	-> 'rows' AS rows
FROM (SELECT i, i % 5 AS a, i % 7 AS y FROM generate_series(1, 100) i) s;
SELECT hp_train(CASE WHEN i % 2 = 1 THEN hp_select_features(s, 'a', 'y') ELSE hp_select_features(s, 'y') END, 'y')
FROM (SELECT i, i % 5 AS a, i % 7 AS y FROM generate_series(1, 100) i) s;
SELECT hp_train(CASE WHEN i % 2 = 1 THEN hp_select_features(s, 'a', 'y') ELSE hp_select_features(s, 'y', 'i', 'a') END, 'y')
FROM (SELECT i, i % 5 AS a, i % 7 AS y FROM generate_series(1, 100) i) s;
SELECT hp_train(CASE WHEN i % 2 = 1 THEN hp_select_features(s, 'a', 'y') ELSE hp_select_features(t, 'y', 'a') END, 'y')
FROM (SELECT i, i % 5 AS a, i % 7 AS y FROM generate_series(1, 100) i) s, LATERAL (SELECT s.a::text, s.y) t;
-- ALTER TABLE between two trainings in one session
PREPARE edge_again AS SELECT hp_model_info(hp_train(e, 'y', hp_forest(trees => 1))) #>> '{features,0,name}' AS first FROM edge_alter e;
EXECUTE edge_again;
ALTER TABLE edge_alter RENAME a TO z;
EXECUTE edge_again;
ALTER TABLE edge_alter ALTER later TYPE text;
EXECUTE edge_again;

DROP TABLE edge_names, edge_alter, edge_wide, edge_types, edge_targets, edge_long, edge_rows;
DROP DOMAIN edge_area, edge_outer, edge_inner, edge_row_domain;
DROP TYPE edge_quality, edge_row;
DROP FUNCTION edge_train;
RESET client_min_messages;
