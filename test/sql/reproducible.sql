--
-- Training is a pure function of the set of rows: same rows, same parameters,
-- same seed, the same model byte for byte, however they are stored and read
--
SET client_min_messages = warning;

CREATE FUNCTION repro_digest(m hp_model) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT hp_model_info(m) ->> 'digest' $$;
CREATE TABLE repro AS
SELECT lot_area % 97 AS part, * FROM
	(SELECT lot_frontage, lot_area, neighborhood, year_built, bsmt_exposure, gr_liv_area, central_air = 'Y' AS air,
		make_date(year_sold, mo_sold, 1) AS sold, longitude, sale_price FROM houses
	 UNION ALL
	 SELECT lot_frontage, lot_area, neighborhood, year_built, bsmt_exposure, gr_liv_area, central_air = 'Y',
		make_date(year_sold, mo_sold, 1), longitude, sale_price FROM houses WHERE lot_area % 10 = 3) h;
ANALYZE repro;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) AS expected FROM repro r \gset

-- physical order
CREATE TABLE repro_shuffled AS SELECT * FROM repro ORDER BY hashint4(sale_price), md5(lot_area::text);
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS shuffled FROM repro_shuffled r;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10) ORDER BY sale_price DESC)) = :'expected' AS ordered
FROM repro r;
-- names of tables, order of columns, types of a kind
SELECT repro_digest(hp_train(q, 'sale_price', hp_forest(trees => 10))) = :'expected' AS columns_reversed
FROM (SELECT sale_price, longitude, sold, air, gr_liv_area, bsmt_exposure, year_built, neighborhood,
		lot_area, lot_frontage, part FROM repro) q;
-- (a cast of float8 to numeric keeps 15 digits, which is another value)
SELECT repro_digest(hp_train(q, 'sale_price', hp_forest(trees => 10))) = :'expected' AS types
FROM (SELECT part::numeric, lot_frontage::bigint, lot_area::numeric(12,2), neighborhood::varchar(40), year_built::smallint,
		bsmt_exposure::char(30), gr_liv_area::float4, air, sold::timestamp, longitude::text::numeric, sale_price::float8 FROM repro) q;
-- the target by value is the same data, and another record of what was asked
SELECT hp_model_info(m) -> 'data_digest' = hp_model_info(n) -> 'data_digest' AS data,
	hp_model_info(m) -> 'oob' = hp_model_info(n) -> 'oob' AS trees, repro_digest(m) = repro_digest(n) AS model
FROM (SELECT hp_train(r, 'sale_price', hp_forest(trees => 10, exclude => '{}')) AS m,
		hp_train(r, r.sale_price, hp_forest(trees => 10, exclude => '{sale_price}')) AS n FROM repro r) t;
-- views, CTEs, subqueries, joins, functions
CREATE VIEW repro_view AS SELECT * FROM repro;
CREATE MATERIALIZED VIEW repro_mat AS SELECT * FROM repro_shuffled;
CREATE FUNCTION repro_rows() RETURNS SETOF repro LANGUAGE sql AS 'SELECT * FROM repro';
SELECT repro_digest(hp_train(v, 'sale_price', hp_forest(trees => 10))) = :'expected' AS view FROM repro_view v;
SELECT repro_digest(hp_train(v, 'sale_price', hp_forest(trees => 10))) = :'expected' AS materialized FROM repro_mat v;
SELECT repro_digest(hp_train(v, 'sale_price', hp_forest(trees => 10))) = :'expected' AS function FROM repro_rows() v;
WITH w AS MATERIALIZED (SELECT * FROM repro)
SELECT repro_digest(hp_train(w, 'sale_price', hp_forest(trees => 10))) = :'expected' AS cte FROM w;
SELECT repro_digest(hp_train(u, 'sale_price', hp_forest(trees => 10))) = :'expected' AS union_all
FROM (SELECT * FROM repro WHERE part < 40 UNION ALL SELECT * FROM repro WHERE part >= 40) u;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS joined
FROM repro r JOIN generate_series(0, 96) p ON p = r.part;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))
	FILTER (WHERE part >= 0)) = :'expected' AS filtered FROM repro r;
-- a temporary, an unlogged and a partitioned table
CREATE TEMP TABLE repro_temp AS TABLE repro;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS temporary FROM repro_temp r;
CREATE TABLE repro_parts (LIKE repro) PARTITION BY LIST (air);
CREATE TABLE repro_air PARTITION OF repro_parts FOR VALUES IN (true);
CREATE TABLE repro_no_air (sale_price int, air bool, gone text, part bigint, lot_frontage int, lot_area int, neighborhood text,
	year_built int, bsmt_exposure text, gr_liv_area int, sold date, longitude float8);
ALTER TABLE repro_no_air DROP gone;
ALTER TABLE repro_parts ATTACH PARTITION repro_no_air FOR VALUES IN (false);
INSERT INTO repro_parts TABLE repro;
ANALYZE repro_parts;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS partitioned FROM repro_parts r;
SET enable_partitionwise_aggregate = on;
EXPLAIN (COSTS OFF)
SELECT hp_train(r, 'sale_price', hp_forest(trees => 10)) FROM repro_parts r;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS partitionwise FROM repro_parts r;

-- parallel plans with one, two and three workers, with and without the leader
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 3;
ALTER TABLE repro SET (parallel_workers = 3);
EXPLAIN (COSTS OFF)
SELECT hp_train(r, 'sale_price', hp_forest(trees => 10)) FROM repro r;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS parallel_3 FROM repro r;
SET max_parallel_workers_per_gather = 1;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS parallel_1 FROM repro r;
SET parallel_leader_participation = off;
SET max_parallel_workers_per_gather = 2;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS without_leader FROM repro r;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS parallel_partitions FROM repro_parts r;
-- rows without target, and parameters without value, cross too
SELECT hp_model_info(hp_train(r, nullif(q.price, 155000), NULL)) ->> 'rows_without_target' AS without_target
FROM (SELECT part, lot_area, year_built, sale_price / 1000 * 1000 AS price FROM repro) q,
	LATERAL (SELECT q.lot_area, q.year_built) r;
-- groups in a parallel plan
SELECT count(*) AS groups, count(*) FILTER (WHERE repro_digest(m) = (SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 1)))
	FROM repro_shuffled r WHERE r.neighborhood = g.neighborhood)) AS same
FROM (SELECT neighborhood, hp_train(r, 'sale_price', hp_forest(trees => 1)) AS m FROM repro r GROUP BY neighborhood) g;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
RESET parallel_leader_participation;
RESET enable_partitionwise_aggregate;

-- threads, on a table that is worth some
SELECT repro_digest(hp_train(h, 'sale_price', hp_forest(trees => 5))) AS houses FROM houses h \gset
SET houseprice.threads = 1;
SELECT repro_digest(hp_train(h, 'sale_price', hp_forest(trees => 5))) = :'houses' AS one_thread FROM houses h;
SET houseprice.threads = 2;
SELECT repro_digest(hp_train(h, 'sale_price', hp_forest(trees => 5))) = :'houses' AS two_threads FROM houses h;
SET houseprice.threads = 7;
SELECT repro_digest(hp_train(h, 'sale_price', hp_forest(trees => 5))) = :'houses' AS seven_threads FROM houses h;
RESET houseprice.threads;
-- settings of the session
SET work_mem = '64kB';
SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'Postgres, DMY';
SET extra_float_digits = 0;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS settings FROM repro r;
RESET work_mem;
RESET TimeZone;
RESET DateStyle;
RESET extra_float_digits;
-- -0 is 0, and one NaN is as missing as another, or as NULL
SELECT repro_digest(hp_train(a, 'y', hp_forest(trees => 5))) =
	(SELECT repro_digest(hp_train(b, 'y', hp_forest(trees => 5)))
	 FROM (SELECT nullif(i % 4, 3)::numeric AS x, (i % 5 - 2)::numeric AS y FROM generate_series(1, 90) i) b) AS same
FROM (SELECT CASE i % 4 WHEN 3 THEN 'NaN' WHEN 0 THEN '-0'::float8 ELSE i % 4 END AS x,
		CASE i % 5 WHEN 2 THEN '-0'::float8 ELSE i % 5 - 2 END AS y FROM generate_series(1, 90) i) a;

-- what does change a model: one value, one row less, one row more often, a
-- name, the seed, any parameter
SELECT repro_digest(hp_train(q, 'sale_price', hp_forest(trees => 10))) = :'expected' AS value
FROM (SELECT part, lot_frontage, lot_area, neighborhood, year_built, bsmt_exposure, gr_liv_area, air, sold,
		CASE WHEN row_number() OVER (ORDER BY lot_area, sale_price, longitude, part) = 7 THEN longitude + 1e-9 ELSE longitude END
			AS longitude, sale_price FROM repro) q;
SELECT repro_digest(hp_train(q, 'sale_price', hp_forest(trees => 10))) = :'expected' AS target
FROM (SELECT part, lot_frontage, lot_area, neighborhood, year_built, bsmt_exposure, gr_liv_area, air, sold, longitude,
		sale_price + CASE WHEN row_number() OVER (ORDER BY lot_area, sale_price, longitude, part) = 7 THEN 1 ELSE 0 END
			AS sale_price FROM repro) q;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS row_less
FROM (SELECT * FROM repro ORDER BY lot_area OFFSET 1) r;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS row_twice
FROM (TABLE repro UNION ALL (SELECT * FROM repro ORDER BY lot_area LIMIT 1)) r;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS row_without_target
FROM (TABLE repro UNION ALL SELECT 1, 1, 1, 'x', 1, 'x', 1, true, now()::date, 1, NULL) r;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS name
FROM (SELECT part AS party, lot_frontage, lot_area, neighborhood, year_built, bsmt_exposure, gr_liv_area, air, sold,
		longitude, sale_price FROM repro) r;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10))) = :'expected' AS kind
FROM (SELECT part, lot_frontage, lot_area, neighborhood, year_built, bsmt_exposure, gr_liv_area, air::int, sold,
		longitude, sale_price FROM repro) r;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10, seed => 1))) = :'expected' AS seed FROM repro r;
SELECT repro_digest(hp_train(r, 'sale_price', hp_forest(trees => 10, min_leaf => 3))) = :'expected' AS parameter FROM repro r;

-- the very same on any machine and from any compiler
SELECT :'expected' AS digest;
SELECT hp_predict(hp_train(r, 'sale_price', hp_forest(trees => 10)), (SELECT r FROM repro r ORDER BY lot_area DESC, part LIMIT 1))
	AS prediction FROM repro r;

DROP TABLE repro, repro_shuffled, repro_temp, repro_parts CASCADE;
DROP FUNCTION repro_digest;
RESET client_min_messages;

-- equal parameters are equal however they are written
SELECT count(DISTINCT hp_model_info(m) ->> 'digest') AS models
FROM (SELECT hp_train(h, 'sale_price', p) AS m
	FROM (SELECT lot_area, year_built, sale_price FROM houses LIMIT 200) h,
		(VALUES ('{"algorithm": "forest", "trees": 3, "clean": {"number": 0}}'::jsonb),
			('{"clean": {"number": 0.0}, "trees": 3.0, "algorithm": "forest", "seed": 0}'),
			(hp_forest(trees => 3, clean => '{"number": 0}', exclude => '{}'))) params(p)
	GROUP BY p::text) s;
