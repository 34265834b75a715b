--
-- hp_rank_features, hp_best_features: which columns are worth having
--
-- Sales whose price is mostly area, then quality, then a pool; with columns
-- that say the same again, say nothing, or say too much.
CREATE TABLE rank_sales AS
SELECT id, area, area * 0.092903 AS square_metres, quality, pool,
	CASE WHEN id % 20 = 0 THEN pool END AS heated,
	hp_fold(id, 50, 1) AS noise, 'street ' || hp_fold(id, 20, 2) AS street,
	'deed ' || id AS deed, 'Ames' AS town, NULL::int AS lift,
	point(id, id) AS place,
	DATE '2006-01-01' + hp_fold(id, 1500, 3) AS sold,
	price, round(price / 1000.0, 3) AS thousands, (price + 500) / 1000 AS about
FROM (SELECT id, area, quality, pool,
		100 * area + 20000 * length(quality) + CASE WHEN pool THEN 25000 ELSE 0 END
			+ 100 * hp_fold(id, 101, 4) AS price
	  FROM (SELECT id, 800 + 10 * hp_fold(id, 120, 5) AS area,
				repeat('*', 1 + hp_fold(id, 4, 6)) AS quality,
				hp_fold(id, 5, 7) = 0 AS pool
			FROM generate_series(1, 200) id) raw) s;

-- the most useful first; what should not be a feature last, with a reason.
-- score is what R² on rows held out gains when a column joins those above it,
-- r2 the sum so far
SELECT rank, feature, round(score::numeric, 2) AS score, round(r2::numeric, 2) AS r2, reason
FROM hp_rank_features(NULL::rank_sales, 'price');

-- the source: the table of the row type, or another one, or a query
SELECT rank, feature, reason FROM hp_rank_features('rank_sales', 'price')
EXCEPT SELECT rank, feature, reason FROM hp_rank_features(NULL::rank_sales, 'price');
SELECT rank, feature, reason
FROM hp_rank_features(NULL::rank_sales, 'price', 'SELECT area, pool, price, id FROM rank_sales WHERE id <= 150');
SELECT rank, feature FROM hp_rank_features('SELECT hp_select_features(s, ''pool'', ''quality'', ''price'') FROM rank_sales s', 'price');

-- parameters as for hp_train; those that say which rows and columns count, and
-- how the target is learned
SELECT rank, feature, reason
FROM hp_rank_features('SELECT *, length(quality) AS w FROM rank_sales', 'price',
	params => hp_boost(exclude => '{deed,town,lift,place,about,id,area,noise,sold,street}', weight => 'w'));
SELECT rank, feature, reason
FROM hp_rank_features('SELECT thousands, about, id, price FROM rank_sales', 'price', hp_forest(leak => 'allow'));

-- the same choice in an expression: names that hp_select_features takes
SELECT hp_best_features(s, 'price', 3) FROM rank_sales s;
SELECT hp_best_features(s, s.price, 3, hp_boost(exclude => '{price,area}')) FROM rank_sales s;
SELECT hp_select_features(s, VARIADIC (SELECT hp_best_features(s, 'price', 2) FROM rank_sales s)) AS chosen
FROM rank_sales s WHERE id = 1;
-- never a key, a constant or a copy of the target, however many are asked for
SELECT hp_best_features(s, 'price', 100) FROM rank_sales s;
SELECT hp_best_features(k, 'price', 5) FROM (SELECT id, town, price FROM rank_sales) k;
-- it is an aggregate
SELECT pool, hp_best_features(hp_select_features(s, 'area', 'quality', 'noise', 'price'), 'price', 2) AS best
FROM rank_sales s GROUP BY pool ORDER BY pool;
SELECT id, hp_best_features(hp_select_features(s, 'area', 'quality', 'pool', 'price'), 'price', 1)
	OVER (ORDER BY id) AS best
FROM rank_sales s WHERE id <= 3 ORDER BY id;

-- neither the order of rows nor the plan matters
SELECT count(DISTINCT best) AS answers FROM (
	SELECT hp_best_features(s, 'price', 20) AS best FROM rank_sales s
	UNION ALL SELECT hp_best_features(s, 'price', 20) FROM (SELECT * FROM rank_sales ORDER BY noise, id DESC) s
	UNION ALL SELECT hp_best_features(s, 'price', 20 ORDER BY id % 7, id) FROM rank_sales s) a;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
ANALYZE rank_sales;
EXPLAIN (COSTS OFF) SELECT hp_best_features(s, 'price', 3) FROM rank_sales s;
SELECT hp_best_features(s, 'price', 3), hp_best_features(s, s.price, 3, hp_boost(exclude => '{price}')) FROM rank_sales s;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- nothing to learn from
SELECT hp_best_features(s, 'price', 3) FROM rank_sales s WHERE false;
SELECT * FROM hp_rank_features('SELECT area, NULL::int AS price FROM rank_sales', 'price');
SELECT hp_best_features(s, NULL::float8, 3) FROM rank_sales s;
SELECT * FROM hp_rank_features('SELECT area, 1 AS price FROM rank_sales', 'price');

-- errors
SELECT * FROM hp_rank_features(NULL::rank_sales, 'prize');
SELECT * FROM hp_rank_features(NULL::rank_sales, 'quality');
SELECT * FROM hp_rank_features(NULL::rank_sales, NULL);
SELECT * FROM hp_rank_features(NULL::text, 'price');
SELECT * FROM hp_rank_features(1, 'price');
SELECT * FROM hp_rank_features('rank_sales', 'price', '{"algorithm": "boost", "excluded": []}'::jsonb);
SELECT hp_best_features(s, 'price', 0) FROM rank_sales s;
SELECT hp_best_features(s, 'price', NULL) FROM rank_sales s;
SELECT hp_best_features(s, 'price', s.id) FROM rank_sales s;
SELECT hp_best_features(s, s.quality, 3) FROM rank_sales s;
SELECT hp_best_features(s, NULL::text, 3) FROM rank_sales s;
SELECT hp_best_features(s, 'price', 3, hp_boost(seed => s.id)) FROM rank_sales s;
SELECT hp_best_features(NULL::rank_sales, 'price', 3) FROM rank_sales s;

DROP TABLE rank_sales;
