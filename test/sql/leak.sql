--
-- The leak guard: features that give the target away, and keys
--
-- notices and warnings are what is tested here
CREATE TABLE leak_lots AS
SELECT 1000 + i * 7 % 300 AS area, 1 + i % 4 AS rooms,
	(1000 + i * 7 % 300) * 100 + i * i % 977 * 37 + 1000 AS price
FROM generate_series(1, 500) i;

-- nothing to say about honest columns
SELECT hp_model_info(hp_train(l, 'price', hp_forest(trees => 1))) ->> 'rows' AS rows FROM leak_lots l;

-- any strictly rising or falling function of the target is an ERROR: itself,
-- its logarithm, its negative, thousands, ranks, a date that goes with it
SELECT hp_train(l, l.price) FROM leak_lots l;
SELECT hp_train(s, 'price') FROM (SELECT *, ln(price) AS log_price FROM leak_lots) s;
SELECT hp_train(s, 'price') FROM (SELECT *, -price AS owed FROM leak_lots) s;
SELECT hp_train(s, 'price') FROM (SELECT *, price / 1000.0 AS thousands FROM leak_lots) s;
SELECT hp_train(s, 'price') FROM (SELECT *, rank() OVER (ORDER BY price) AS place FROM leak_lots) s;
SELECT hp_train(s, 'price') FROM (SELECT *, DATE '2000-01-01' + price AS paid_on FROM leak_lots) s;
SELECT hp_train(s, 'price') FROM (SELECT *, price + 0.0 AS "it's price" FROM leak_lots) s;
-- NULL hides nothing
SELECT hp_train(s, 'price') FROM (SELECT *, CASE WHEN rooms > 1 THEN price END AS known FROM leak_lots) s;
-- nor does repetition
SELECT hp_train(s, 'price') FROM (SELECT l.*, price * 2 AS twice FROM leak_lots l, generate_series(1, 3)) s;

-- its two ways out
SELECT hp_model_info(hp_train(l, l.price, hp_forest(trees => 1, exclude => '{price}'))) ->> 'rows' AS rows FROM leak_lots l;
SELECT hp_model_info(hp_train(l, l.price, hp_forest(trees => 1, leak => 'allow'))) #>> '{parameters,leak}' AS leak FROM leak_lots l;
-- the baseline looks at no feature
SELECT hp_predict(hp_train(l, l.price, hp_mean()), ROW(1)) > 0 AS mean FROM leak_lots l;

-- a column that alone explains over 99 % is a WARNING
SELECT hp_model_info(hp_train(s, 'price', hp_forest(trees => 1))) ->> 'rows' AS rows
FROM (SELECT *, price + rooms * 50 AS asked FROM leak_lots) s;
SELECT hp_model_info(hp_train(s, 'price', hp_forest(trees => 1))) ->> 'rows' AS rows
FROM (SELECT *, round(price, -3) AS about FROM leak_lots) s;
SELECT hp_model_info(hp_train(s, 'price', hp_forest(trees => 1, leak => 'allow'))) ->> 'rows' AS rows
FROM (SELECT *, price + rooms * 50 AS asked FROM leak_lots) s;
-- one that explains 95 % is none
SELECT hp_model_info(hp_train(s, 'price', hp_forest(trees => 1))) ->> 'rows' AS rows
FROM (SELECT *, price + (rooms * rooms - 7) * 1200 AS guess FROM leak_lots) s;

-- text that differs on most rows is left out, with a NOTICE
SELECT hp_model_info(m) ->> 'rows' AS rows, f ->> 'name' AS feature
FROM (SELECT hp_train(s, 'price', hp_forest(trees => 1)) AS m
	  FROM (SELECT *, md5(price::text) AS deed, 'street ' || rooms AS street FROM leak_lots) s) t,
	jsonb_array_elements(hp_model_info(m) -> 'features') f;
-- also the only one: what is left is a forest that looks at nothing
SELECT hp_model_info(m) ->> 'rows' AS rows, hp_model_info(m) -> 'features' AS features,
	round(hp_predict(m, ROW(1))) BETWEEN 100000 AND 200000 AS near_the_mean
FROM (SELECT hp_train(s, l.price, hp_forest(trees => 20)) AS m
	  FROM leak_lots l, LATERAL (SELECT md5(price::text) AS deed) s) t;

-- an integer that is different on every row gets a NOTICE, and stays
SELECT hp_model_info(m) ->> 'rows' AS rows, f ->> 'name' AS feature
FROM (SELECT hp_train(s, 'price', hp_forest(trees => 1)) AS m
	  FROM (SELECT row_number() OVER (ORDER BY area * 31 % 17, price) AS id, * FROM leak_lots) s) t,
	jsonb_array_elements(hp_model_info(m) -> 'features') f;
-- a measurement of that sort does not
SELECT hp_model_info(hp_train(s, 'price', hp_forest(trees => 1))) ->> 'rows' AS rows
FROM (SELECT *, (price * 31 % 1009)::float8 + area / 7.0 AS width FROM leak_lots) s;

-- once per column and statement, not per group, row or tree
SELECT rooms, hp_model_info(hp_train(s, 'price', hp_forest(trees => 5))) ->> 'rows' AS rows
FROM (SELECT md5(price::text) AS deed, * FROM leak_lots) s GROUP BY rooms ORDER BY rooms;

-- fewer than 20 distinct values prove nothing: small tables pass
SELECT hp_model_info(hp_train(s, 'price', hp_forest(trees => 1))) ->> 'rows' AS rows
FROM (SELECT i AS size, i * 10 AS price FROM generate_series(1, 19) i) s;
SELECT hp_model_info(hp_train(s, 'price', hp_forest(trees => 1))) ->> 'rows' AS rows
FROM (SELECT i AS size, i * 10 AS price, 'lot ' || i AS lot FROM generate_series(1, 19) i) s;
SELECT hp_train(s, 'price', hp_forest(trees => 1))
FROM (SELECT i AS size, i * 10 AS price FROM generate_series(1, 20) i) s;
SELECT hp_model_info(hp_train(s, 'price', hp_forest(trees => 1))) ->> 'rows' AS rows
FROM (SELECT i % 10 AS grade, i % 10 * 1000 AS price FROM generate_series(1, 1000) i) s;

-- real houses: no false alarm
SELECT hp_model_info(hp_train(h, 'sale_price', hp_forest(trees => 1))) ->> 'rows' AS rows FROM houses h;
SELECT hp_train(h, h.sale_price) FROM houses h;

DROP TABLE leak_lots;

-- few distinct values: the target itself is still found, as a value, ...
CREATE TABLE leak_ratings AS
SELECT i * 7 % 31 AS noise, i % 5 AS stars, i % 3 = 0 AS sold, 'n' || i % 31 * i % 31 AS code
FROM generate_series(1, 620) i;
SELECT hp_train(r, r.stars) FROM leak_ratings r;
SELECT hp_train(r, r.sold::int) FROM leak_ratings r;
-- ... as a text that stands for it, ...
SELECT hp_train(s, s.price) FROM (SELECT noise, 'lot ' || noise AS deed, noise * 1000 AS price FROM leak_ratings) s;
SELECT hp_train(s, s.price, hp_forest(exclude => '{noise}'))
FROM (SELECT noise, 'lot ' || noise AS deed, noise * 1000 AS price FROM leak_ratings) s;
-- ... and as other values
SELECT hp_train(s, 'stars', hp_forest(trees => 1)) IS NOT NULL AS trained
FROM (SELECT noise, 100 - stars * stars AS shadow, stars FROM leak_ratings) s;
DROP TABLE leak_ratings;
