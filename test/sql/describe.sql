-- A table at a glance: a row for each of its columns.

-- the houses: counts, distinct values, the most frequent ones, a histogram
SELECT column_name, type, count, nulls, distinct_values, top_values, histogram
FROM hp_describe(NULL::houses)
WHERE column_name IN ('neighborhood', 'lot_frontage', 'year_built', 'full_bath', 'central_air', 'sale_price');
SELECT column_name, round(mean::numeric, 3) AS mean, round(sd::numeric, 3) AS sd, min, q1, median, q3, max
FROM hp_describe('houses')
WHERE column_name IN ('neighborhood', 'lot_frontage', 'year_built', 'full_bath', 'central_air', 'sale_price');

-- the same numbers in plain SQL
SELECT round(avg(lot_frontage), 3) AS mean, round(stddev(lot_frontage), 3) AS sd, min(lot_frontage),
       percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY lot_frontage) AS quartiles,
       max(lot_frontage), count(lot_frontage), count(*) - count(lot_frontage) AS nulls,
       count(DISTINCT lot_frontage) AS distinct_values
FROM houses;
SELECT count(*) AS columns, sum(count) = 74 * 2930 - sum(nulls) AS adds_up FROM hp_describe(NULL::houses);

-- one of each kind
CREATE TYPE quality AS ENUM ('poor', 'fair', 'good');
CREATE DOMAIN price AS numeric(10, 2) CHECK (VALUE > 0);
CREATE TABLE mixed (
  id bigint, area real, price price, garage boolean, street text, code char(4), quality quality,
  sold date, listed timestamp, seen timestamptz, tags text[], extra json, "1stFlrSF" smallint
);
INSERT INTO mixed VALUES
  (9007199254740992, 80.5, 100.00, true, 'Elm', 'a', 'good', '2010-05-01', '2010-04-01 12:30', '2010-03-01 08:00+00', '{x,y}', '{"a":1}', 1),
  (9007199254740993, 80.5, 250.50, true, 'Elm', 'b', 'fair', '2010-05-01', '2010-04-02', '2010-03-02 08:00+00', '{x,y}', '{"a":1}', 2),
  (9007199254740994, 120, 250.5, false, 'Oak', 'a', 'good', '2011-12-31', NULL, NULL, '{z}', NULL, 4),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SET TimeZone = 'UTC';
SELECT column_name, type, count, nulls, distinct_values, top_values, histogram FROM hp_describe(NULL::mixed);
SELECT column_name, mean, sd, min, q1, median, q3, max FROM hp_describe(NULL::mixed);

-- a source: a relation by name, quoted where needed, or a query
CREATE VIEW "Dear houses" AS SELECT id, street FROM mixed WHERE price > 200;
SELECT column_name, count, min, max FROM hp_describe('"Dear houses"');
SELECT column_name, count, mean FROM hp_describe('SELECT sale_price / gr_liv_area AS per_foot FROM houses');
SELECT column_name, count FROM hp_describe(NULL::mixed, 'SELECT price FROM mixed WHERE garage');
SELECT column_name, count FROM hp_describe(source => 'VALUES (1, 2), (NULL, 3)');
SELECT column_name, mean, histogram FROM hp_describe($$ SELECT hp FROM (VALUES (1, 'x'), (3, 'y')) hp (a, b) $$);

-- no rows, no value, one row, one value
SELECT column_name, count, nulls, distinct_values, mean, min, max, top_values, histogram
FROM hp_describe('SELECT id, street, tags, price FROM mixed WHERE false');
SELECT column_name, count, nulls, distinct_values, mean, min, max, top_values, histogram
FROM hp_describe('SELECT NULL::int AS n, NULL::text AS t FROM mixed');
SELECT column_name, distinct_values, mean, sd, min, q1, median, max, top_values, histogram
FROM hp_describe($$SELECT 7 AS n, 'x' AS t$$);
SELECT column_name, distinct_values, mean, sd, min, q1, median, max, top_values, histogram
FROM hp_describe($$SELECT 0.1 AS n, 'x' AS t FROM generate_series(1, 10)$$);

-- NaN and the infinities are values, shown as min and max in PostgreSQL's order;
-- mean, sd, quartiles and histogram are those of the finite values
SELECT column_name, count, distinct_values, mean, sd, min, q1, median, q3, max, top_values, histogram
FROM hp_describe($$ SELECT * FROM (VALUES (1::float8, '2010-01-01'::date), (2, 'infinity'), (3, '2010-01-11'),
  ('NaN', '-infinity'), ('NaN', NULL), ('-Infinity', NULL), ('-0', NULL), (0, NULL)) v (x, d) $$);
SELECT column_name, count, mean, min, median, max, histogram FROM hp_describe($$SELECT 'NaN'::numeric AS x$$);

-- numbers with the same double, in a column of bigint, are still different
SELECT distinct_values, min, max FROM hp_describe('SELECT id FROM mixed WHERE id IS NOT NULL');

-- exact sums: a mean that cancels, a deviation far from zero
SELECT column_name, mean, sd
FROM hp_describe('SELECT * FROM (VALUES (1e308::float8, 1e15::float8 + 1), (3, 1e15 + 2), (-1e308, 1e15 + 3)) v (cancels, far)');

-- long texts are clipped, ties go by value
SELECT min, max, top_values
FROM hp_describe($$ SELECT t FROM (VALUES (repeat('so ', 20)), (repeat('so ', 20)), ('b'), ('c'), ('b'), ('a'), ('c'), ('c')) v (t) $$);
SELECT top_values, histogram
FROM hp_describe($$ SELECT t FROM (VALUES ('d'), ('b'), ('c'), ('b'), ('a'), ('c'), ('a'), ('d')) v (t) $$);

-- dropped, added and generated columns; a table without columns
CREATE TABLE changed (a int, b text, c int GENERATED ALWAYS AS (a * 2) STORED);
INSERT INTO changed VALUES (1, 'x'), (2, 'y');
ALTER TABLE changed DROP COLUMN b;
ALTER TABLE changed ADD COLUMN d int DEFAULT 5;
SELECT column_name, count, mean FROM hp_describe(NULL::changed);
CREATE TABLE empty ();
SELECT count(*) FROM hp_describe(NULL::empty);

-- Neither the order of the rows nor the memory allowed changes anything.
CREATE TABLE many AS
SELECT i % 1000 AS a, sqrt(i) AS b, md5(i::text) AS c, 'k' || i % 30 AS d, (i % 7)::numeric / 3 AS e
FROM generate_series(1, 20000) i;
CREATE TABLE shuffled AS SELECT * FROM many ORDER BY c;
SET maintenance_work_mem = '1MB';
SELECT count(*) AS differences
FROM (SELECT * FROM hp_describe('many') EXCEPT SELECT * FROM hp_describe('shuffled')) d;
RESET maintenance_work_mem;
SELECT column_name, distinct_values, min, max, top_values, histogram FROM hp_describe('many');

-- errors
SELECT * FROM hp_describe(NULL::int);
SELECT * FROM hp_describe(NULL::text);
SELECT * FROM hp_describe('no_such_table');
SELECT * FROM hp_describe(NULL::record);

RESET TimeZone;
DROP TABLE many, shuffled, changed, empty;
DROP TABLE mixed CASCADE;
DROP DOMAIN price;
DROP TYPE quality;
