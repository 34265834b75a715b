-- How good are predictions?  Metrics as aggregates over pairs.

CREATE TABLE sales (id int, street text, actual float8, predicted float8);
INSERT INTO sales VALUES
  (1, 'Elm', 100000, 110000),
  (2, 'Elm', 200000, 190000),
  (3, 'Oak', 300000, 330000),
  (4, 'Oak', 400000, 400000),
  (5, 'Oak', 250000, 215000);

-- each metric, and the same in plain SQL
SELECT hp_mae(actual, predicted), avg(abs(actual - predicted)) FROM sales;
SELECT hp_rmse(actual, predicted), sqrt(avg((actual - predicted) ^ 2)) FROM sales;
SELECT round(hp_rmsle(actual, predicted)::numeric, 12) AS hp_rmsle,
       round(sqrt(avg(ln((1 + predicted) / (1 + actual)) ^ 2))::numeric, 12) AS by_hand
FROM sales;
SELECT hp_mape(actual, predicted), avg(abs(actual - predicted) / actual) FROM sales;
SELECT hp_r2(actual, predicted),
       1 - sum((actual - predicted) ^ 2) / (var_pop(actual) * count(*)) AS by_hand
FROM sales;

-- all of them at once
\x
SELECT (hp_evaluate(actual, predicted)).* FROM sales;

-- the ratio study in plain SQL, whose sums may round otherwise
WITH ratios AS (
  SELECT *, predicted / actual AS ratio FROM sales
), medians AS (
  SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(actual - predicted) / actual) AS mdape,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY ratio) AS median_ratio
  FROM ratios
)
SELECT mdape,
       avg((abs(actual - predicted) <= 0.1 * actual)::int)::float8 AS within_10pct,
       median_ratio,
       100 * avg(abs(ratio - median_ratio)) / median_ratio AS cod,
       avg(ratio) / (sum(predicted) / sum(actual)) AS prd
FROM ratios, medians GROUP BY mdape, median_ratio;
\x

-- groups, totals, filters
SELECT street, hp_mae(actual, predicted), hp_r2(actual, predicted),
       hp_mae(actual, predicted) FILTER (WHERE actual > 200000) AS mae_dear
FROM sales GROUP BY ROLLUP (street) ORDER BY street;

-- as window functions: asked again after each row, they answer for all so far
SELECT id, hp_mae(actual, predicted) OVER w AS mae,
       round(hp_r2(actual, predicted) OVER w::numeric, 4) AS r2,
       (hp_evaluate(actual, predicted) OVER w).median_ratio
FROM sales WINDOW w AS (ORDER BY id);

-- integers and numerics are taken as they come
SELECT hp_mae(1, 2), hp_rmse(1.5, 1), hp_evaluate(10::smallint, 11::bigint);

-- a pair with a NULL does not count; no pair, no answer
SELECT hp_mae(a, p), hp_rmse(a, p), hp_rmsle(a, p), hp_mape(a, p), hp_r2(a, p), hp_evaluate(a, p)
FROM (VALUES (1, 2), (2, 2), (NULL, 5), (7, NULL), (NULL, NULL)) v (a, p);
SELECT hp_mae(a, p), hp_rmse(a, p), hp_rmsle(a, p), hp_mape(a, p), hp_r2(a, p), hp_evaluate(a, p) IS NULL AS evaluate
FROM (VALUES (NULL::float8, 5::float8)) v (a, p);
SELECT hp_mae(actual, predicted), hp_evaluate(actual, predicted) FROM sales WHERE false;

-- what the data leave undefined is an error for a metric asked for alone ...
SELECT hp_mape(a, p) FROM (VALUES (10, 11), (0, 3)) v (a, p);
SELECT hp_rmsle(a, p) FROM (VALUES (10, 11), (2, -0.5)) v (a, p);
SELECT hp_rmsle(a, p) FROM (VALUES (10, 11), (-3, -4)) v (a, p);

-- ... and NULL in hp_evaluate
SELECT v.what, mae, rmsle, mape, r2, mdape, within_10pct, median_ratio, cod, prd
FROM (SELECT what, (hp_evaluate(a, p)).*
      FROM (VALUES ('actual 0', 0, 1), ('actual 0', 2, 2),
                   ('negative', 4, 4), ('negative', 8, -2),
                   ('actual constant', 4, 4), ('actual constant', 4, 6),
                   ('median ratio 0', 1, 0), ('median ratio 0', 2, 0), ('median ratio 0', 3, 6),
                   ('actual sum 0', -2, 1), ('actual sum 0', 2, 1)) v (what, a, p)
      GROUP BY what) v
ORDER BY what;

-- an even number of pairs: the median lies between the two in the middle
SELECT (hp_evaluate(a, p)).mdape, (hp_evaluate(a, p)).median_ratio
FROM (VALUES (10, 10), (10, 12), (10, 14), (10, 18)) v (a, p);

-- R squared where the mean is large beside the deviations, and a constant
SELECT hp_r2(1e9 + i, 1e9 + i + (i % 2)) AS far, hp_r2(i, i + (i % 2)) AS near,
       hp_r2(0.1, i) AS constant
FROM generate_series(1, 10) i;

-- NaN and infinity go through as in arithmetic
SELECT what, hp_mae(a, p), hp_rmse(a, p), hp_mape(a, p), hp_r2(a, p), hp_evaluate(a, p)
FROM (VALUES ('NaN', 1, 'NaN'::float8), ('NaN', 2, 2), ('NaN', 4, 'Infinity'),
             ('infinity', 1, 'Infinity'), ('infinity', 2, 2)) v (what, a, p)
GROUP BY what ORDER BY what;

-- The same bits in any order.  Errors from 1e-8 to 1e8, summed to the end.
CREATE TABLE predictions AS
SELECT i, hp.actual, hp.actual + (CASE WHEN i % 3 = 0 THEN -1 ELSE 1 END) * 10 ^ (i % 17 - 8) / 7 AS predicted
FROM generate_series(1, 20000) i, LATERAL (SELECT 1e8 + i::bigint * 1013904223 % 99991 AS actual) hp;
CREATE TABLE answers (plan text, answer bytea);
CREATE FUNCTION answer(a float8, b float8, c float8, d float8, e float8, f hp_evaluation)
RETURNS bytea LANGUAGE sql RETURN
  float8send(a) || float8send(b) || float8send(c) || float8send(d) || float8send(e) || record_send(f);
INSERT INTO answers
SELECT 'as stored', answer(hp_mae(actual, predicted), hp_rmse(actual, predicted), hp_rmsle(actual, predicted),
                           hp_mape(actual, predicted), hp_r2(actual, predicted), hp_evaluate(actual, predicted))
FROM predictions;
INSERT INTO answers
SELECT 'by error', answer(hp_mae(actual, predicted), hp_rmse(actual, predicted), hp_rmsle(actual, predicted),
                          hp_mape(actual, predicted), hp_r2(actual, predicted), hp_evaluate(actual, predicted))
FROM (SELECT * FROM predictions ORDER BY abs(actual - predicted), i DESC) p;

-- a parallel plan
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF)
SELECT hp_mae(actual, predicted), hp_evaluate(actual, predicted) FROM predictions;
WITH parallel AS (
  SELECT hp_mae(actual, predicted), hp_rmse(actual, predicted), hp_rmsle(actual, predicted),
         hp_mape(actual, predicted), hp_r2(actual, predicted), hp_evaluate(actual, predicted)
  FROM predictions)
SELECT count(DISTINCT answer) AS answers
FROM (SELECT answer(hp_mae, hp_rmse, hp_rmsle, hp_mape, hp_r2, hp_evaluate) FROM parallel
      UNION ALL SELECT answer FROM answers) a;

-- groups that only some of the workers see
SELECT i % 7 AS day, count(*) = (hp_evaluate(actual, predicted)).n AS all_rows,
       hp_mae(actual, predicted) = (hp_evaluate(actual, predicted)).mae AS same
FROM predictions WHERE i < 30 OR i > 19990 GROUP BY 1 ORDER BY 1;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

DROP FUNCTION answer;
DROP TABLE sales, predictions, answers;
