--
-- hp_split and hp_fold: a stable part for each key
--
-- a share of the keys, the same ones every time, nested under one seed
SELECT id, hp_split(id, 0.5) AS half, hp_split(id, 0.8) AS most,
	hp_split(id, 0.5, seed => 1) AS other, hp_fold(id, 3) AS fold
FROM generate_series(1, 10) id;
SELECT count(*) FILTER (WHERE hp_split(i, 0.8)) AS train,
	count(*) FILTER (WHERE NOT hp_split(i, 0.8)) AS test,
	count(*) FILTER (WHERE hp_split(i, 0.5) AND NOT hp_split(i, 0.8)) AS lost
FROM generate_series(1, 10000) i;
SELECT hp_fold(i, 5) AS fold, count(*), min(i), max(i)
FROM generate_series(1, 10000) i GROUP BY fold ORDER BY fold;
-- splits and folds, and seeds, cut across each other: near 250 in each cell
SELECT hp_split(i, 0.5) AS split, hp_fold(i, 2) AS fold,
	hp_split(i, 0.5, 1) AS other_seed, count(*)
FROM generate_series(1, 2000) i GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- all or nothing
SELECT bool_and(hp_split(i, 1)) AS all, bool_or(hp_split(i, 0)) AS none,
	bool_or(hp_split(i, 1e-12)) AS hardly
FROM generate_series(1, 10000) i;
SELECT min(hp_fold(i, 2147483647)) >= 0 AS above,
	max(hp_fold(i, 2147483647)) > 2140000000 AS wide
FROM generate_series(1, 10000) i;

-- what counts is the value, not its type
SELECT count(DISTINCT f) FROM (VALUES
	(hp_fold(1::int2, 1000000)), (hp_fold(1, 1000000)),
	(hp_fold(1::int8, 1000000)), (hp_fold(1::float4, 1000000)),
	(hp_fold(1.0::float8, 1000000)), (hp_fold(1.00, 1000000))) v(f);
SELECT count(DISTINCT f) FROM (VALUES
	(hp_fold('Oak', 1000000)), (hp_fold('Oak'::text, 1000000)),
	(hp_fold('Oak'::varchar(9), 1000000)), (hp_fold('Oak'::char(9), 1000000)),
	(hp_fold('Oak'::name, 1000000))) v(f);
SELECT hp_fold(0.1::numeric, 1000000) = hp_fold(0.1::float8, 1000000) AS tenth,
	hp_fold(0::float8, 1000000) = hp_fold('-0'::float8, 1000000) AS zero,
	hp_fold('NaN'::numeric, 1000000) = hp_fold('NaN'::float4, 1000000) AS nan,
	hp_fold('Infinity'::numeric, 1000000) = hp_fold('Infinity'::float8, 1000000) AS infinity,
	hp_fold(1e20, 1000000) = hp_fold(1e20::float8, 1000000) AS large,
	hp_fold(2::numeric ^ 100, 1000000) = hp_fold(2::float8 ^ 100, 1000000) AS power,
	hp_fold('2024-01-01'::date, 1000000)
		= hp_fold('2024-01-01'::timestamp, 1000000) AS day;
-- integers beyond 2^53 keep apart, also from the double they are nearest to
SELECT hp_fold(9007199254740993, 1000000) <> hp_fold(9007199254740992, 1000000) AS apart,
	hp_fold(9007199254740993, 1000000) = hp_fold(9007199254740993.0, 1000000) AS same,
	hp_fold(9007199254740993, 1000000) <> hp_fold(9007199254740993::float8, 1000000) AS lossy,
	hp_fold(9223372036854775807, 1000000) <> hp_fold(9223372036854775807::float8, 1000000) AS largest;

-- keys of any type; rows by name and value, whatever the order of columns
SELECT hp_fold('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, 1000) AS uuid,
	hp_fold(true, 1000) AS boolean, hp_fold('{1,NULL,3}'::int[], 1000) AS array,
	hp_fold('x'::bytea, 1000) AS bytea, hp_fold('[1,2)'::int4range, 1000) AS range,
	hp_fold('1 month'::interval, 1000) AS interval, hp_fold('12'::money, 1000) AS money;
CREATE TABLE split_a (id int, name text, pair int[]);
CREATE TABLE split_b (gone int, pair bigint[], name varchar(9), id numeric);
ALTER TABLE split_b DROP COLUMN gone;
INSERT INTO split_a SELECT i, 'n' || i, ARRAY[i, i] FROM generate_series(1, 50) i;
INSERT INTO split_b SELECT pair, name, id FROM split_a;
SELECT count(*) FROM split_a a JOIN split_b b USING (id)
WHERE hp_fold(a, 1000000) = hp_fold(b, 1000000);
SELECT hp_fold(ROW(1, 2), 1000000) <> hp_fold(ROW(2, 1), 1000000) AS differ,
	hp_fold('{{1,2}}'::int[], 1000000) <> hp_fold('{1,2}'::int[], 1000000) AS shape,
	hp_fold(ROW(NULL), 1000000) <> hp_fold(ROW(''::text), 1000000) AS null_or_empty;
-- several columns as one key
SELECT sum(hp_fold((id, name), 10)) > 0 AS pair FROM split_a;
-- an enum is its label, a domain its value
CREATE TYPE split_zone AS ENUM ('RL', 'RM');
CREATE DOMAIN split_key AS int;
CREATE DOMAIN split_pair AS int[];
SELECT hp_fold('RM'::split_zone, 1000000) = hp_fold('RM', 1000000) AS label,
	hp_fold(7::split_key, 1000000) = hp_fold(7, 1000000) AS domain,
	hp_fold('{1,2}'::split_pair, 1000000) = hp_fold('{1,2}'::bigint[], 1000000) AS elements;
-- a long key, stored compressed or out of line
CREATE TABLE split_long (plain text, packed text, outside text);
ALTER TABLE split_long ALTER plain SET STORAGE plain,
	ALTER outside SET STORAGE external;
INSERT INTO split_long VALUES (repeat('x', 5000), repeat('x', 5000), repeat('x', 5000));
SELECT hp_fold(plain, 1000000) = hp_fold(packed, 1000000) AS packed,
	hp_fold(plain, 1000000) = hp_fold(outside, 1000000) AS outside FROM split_long;

-- nothing can change it: settings, plans
SET TimeZone = 'Asia/Tokyo';
SELECT hp_fold('2024-01-01 00:00+00'::timestamptz, 1000000) AS tokyo \gset
SET TimeZone = 'UTC';
SELECT hp_fold('2024-01-01 00:00+00'::timestamptz, 1000000) = :tokyo AS same;
RESET TimeZone;
-- an index on it
CREATE INDEX ON split_a (hp_split(id, 0.8)) WHERE hp_fold(name, 5) = 0;

-- errors
SELECT hp_split(NULL::int, 0.5);
SELECT hp_split(NULL, 0.5);
SELECT hp_fold(NULL::text, 5);
SELECT hp_split(1, NULL);
SELECT hp_split(1, 0.5, NULL);
SELECT hp_fold(1, NULL);
SELECT hp_split(1, 1.5);
SELECT hp_split(1, -0.1);
SELECT hp_split(1, 'NaN');
SELECT hp_fold(1, 1);
SELECT hp_fold(1, -5);

DROP TABLE split_a, split_b, split_long;
DROP TYPE split_zone;
DROP DOMAIN split_key, split_pair;
