--
-- hp_grid, hp_random: candidates; hp_tune: the best of them
--
SET client_min_messages = warning;

-- the base, then all combinations but the base itself; the last parameter (by
-- length and alphabet, as jsonb orders keys) varies fastest
SELECT unnest(hp_grid(hp_boost(), '{"max_leaves": [4, 8], "learning_rate": [0.03, 0.1]}')) AS candidate;
SELECT unnest(hp_grid(hp_forest(trees => 50), '{"trees": [20, 50.0], "exclude": [["id"], []]}')) AS candidate;
SELECT array_length(hp_grid(hp_boost(), '{"min_leaf": [1, 5]}') || hp_grid(hp_linear(), '{}'), 1) AS together;
SELECT hp_grid(hp_mean(), NULL) IS NULL AS null;

-- two numbers are the ends of a range, anything else is a list of choices
SELECT unnest(hp_random(hp_boost(rounds => 300), '{"max_leaves": [4, 64], "learning_rate": [0.01, 0.3], "row_fraction": [0.5, 0.8], "loss": ["squared", "absolute"], "min_leaf": [1, 5, 20]}', 4)) AS candidate;
-- by the seed; what is drawn of one parameter does not depend on the others
SELECT hp_random(hp_boost(), '{"max_leaves": [4, 64]}', 5, 1) = hp_random(hp_boost(), '{"max_leaves": [4, 64]}', 5, 1) AS same,
	hp_random(hp_boost(), '{"max_leaves": [4, 64]}', 5, 1) = hp_random(hp_boost(), '{"max_leaves": [4, 64]}', 5, 2) AS other;
SELECT bool_and(a ->> 'learning_rate' = b ->> 'learning_rate') AS alone
FROM unnest(hp_random(hp_boost(), '{"learning_rate": [0.01, 0.3]}', 20),
	hp_random(hp_boost(), '{"learning_rate": [0.01, 0.3], "row_fraction": [0.5, 1]}', 20)) WITH ORDINALITY u (a, b, i)
WHERE i > 1;
-- wide ranges by their logarithm: half the draws lie below the geometric
-- mean of the ends; others evenly
SELECT count(*) AS n, min(rate) >= 0.001 AND max(rate) <= 1 AS inside,
	count(*) FILTER (WHERE rate < 0.0316) BETWEEN 450 AND 550 AS wide,
	count(*) FILTER (WHERE fraction < 0.75) BETWEEN 450 AND 550 AS narrow,
	min(leaves) AS least, max(leaves) AS most, count(DISTINCT leaves) AS kinds
FROM (SELECT (c ->> 'learning_rate')::float8 AS rate, (c ->> 'row_fraction')::float8 AS fraction, (c ->> 'max_leaves')::int AS leaves
	FROM unnest(hp_random(hp_boost(), '{"learning_rate": [0.001, 1], "row_fraction": [0.5, 1], "max_leaves": [4, 8]}', 1000)) WITH ORDINALITY u (c, i)
	WHERE i > 1) d;
-- no more than there are
SELECT hp_random(hp_forest(trees => 3), '{"min_leaf": [1, 3]}', 100);

-- errors
SELECT hp_grid('{}', '{}');
SELECT hp_grid(hp_boost(), '[]');
SELECT hp_grid(hp_boost(), '{"max_leafs": [4, 8]}');
SELECT hp_grid(hp_boost(), '{"max_leaves": 4}');
SELECT hp_grid(hp_boost(), '{"max_leaves": []}');
SELECT hp_grid(hp_boost(), '{"max_leaves": [1, 4]}');
SELECT hp_grid(hp_boost(), '{"algorithm": ["forest"]}');
SELECT hp_grid(hp_boost(), jsonb_build_object('seed', (SELECT jsonb_agg(i) FROM generate_series(1, 200) i),
	'rounds', (SELECT jsonb_agg(i) FROM generate_series(1, 200) i)));
SELECT hp_random(hp_boost(), '{"max_leaves": [1, 4]}', 5);
SELECT hp_random(hp_boost(), '{"max_leaves": [4, 8.5]}', 5);
SELECT hp_random(hp_boost(), '{"max_leaves": [8, 4]}', 5);
SELECT hp_random(hp_boost(), '{"loss": ["squared", "cubed"]}', 5);
SELECT hp_random(hp_boost(), '{}', 0);

-- Prices that only a model with enough leaves can tell
CREATE TABLE tune_lots AS
SELECT i AS id, i % 40 AS area, i * 7 % 97 AS age, CASE WHEN i % 3 = 0 THEN 'B' ELSE 'A' END AS street,
	CASE WHEN i % 50 = 0 THEN NULL ELSE (1000 * (i % 40) - 200 * (i * 7 % 97) * (i % 3) + 500 * (i * i % 11))::float8 END AS price,
	1 + i % 2 AS weight
FROM generate_series(1, 400) i;
CREATE TABLE tune_candidates AS
SELECT hp_grid(hp_forest(trees => 3, max_leaves => 2, exclude => '{id}'), '{"max_leaves": [4, 16]}') AS candidates;

SELECT (tuning).model AS model, (tuning).leaderboard AS leaderboard
FROM (SELECT hp_tune(l, 'price', candidates, 4, l.id) AS tuning FROM tune_lots l, tune_candidates) t \gset
SELECT rank, chosen, round(mae) AS mae, round(difference) AS difference, train_rows, nodes, params - 'exclude' AS params
FROM unnest(:'leaderboard'::hp_tune_score[]) s;
-- the model is the one that hp_train makes with the chosen parameters
SELECT :'model'::hp_model = hp_train(l, 'price', (SELECT params FROM unnest(:'leaderboard'::hp_tune_score[]) WHERE chosen)) AS same
FROM tune_lots l;
-- figures are those of the rows held out, all folds together
SELECT rank, s.mae = p.mae AS mae, s.rmse = p.rmse AS rmse,
	abs(s.mae_se - p.mae_se) < 1e-9 AS mae_se,
	abs(s.difference - p.difference) < 1e-9 AS difference,
	coalesce(abs(s.difference_se - p.difference_se) < 1e-9, false) AS difference_se
FROM unnest(:'leaderboard'::hp_tune_score[]) s,
	LATERAL (SELECT hp_mae(price, predicted) AS mae, hp_rmse(price, predicted) AS rmse,
				stddev(abs(price - predicted)) / sqrt(count(price)) AS mae_se,
				avg(abs(price - predicted) - abs(price - first)) AS difference,
				stddev(abs(price - predicted) - abs(price - first)) / sqrt(count(price)) AS difference_se
			 FROM (SELECT price, hp_predict(m.model, l) AS predicted, hp_predict(m.first, l) AS first
				   FROM tune_lots l JOIN (SELECT i, hp_train(l, 'price', s.params) FILTER (WHERE hp_fold(id, 4) <> i) AS model,
							hp_train(l, 'price', candidates[1]) FILTER (WHERE hp_fold(id, 4) <> i) AS first
						FROM tune_lots l, tune_candidates, generate_series(0, 3) i GROUP BY i) m
					ON hp_fold(id, 4) = i) r) p;

-- The simplest is chosen that is no further behind the best than chance may
-- have it: the first candidate, or the one with the fewest nodes.
SELECT base, rank, chosen, round(mae) AS mae, round(difference) AS difference, round(difference_se) AS difference_se, nodes,
	params ->> 'min_leaf' AS min_leaf
FROM (SELECT base, (hp_tune(l, 'price', hp_grid(hp_forest(trees => 5, min_leaf => base, exclude => '{id}'), '{"min_leaf": [1, 2, 3, 4]}'), 2)).leaderboard
		FROM tune_lots l, (VALUES (1), (12)) b (base) GROUP BY base) t, unnest(leaderboard) s
ORDER BY base, rank;

-- any algorithms together, the baseline and blends too
SELECT rank, chosen, nodes > 0 AS trees, params ->> 'algorithm' AS algorithm
FROM (SELECT (hp_tune(l, l.price, hp_grid(hp_mean(), '{}') || hp_linear(exclude => '{id,price}')
			|| hp_boost(rounds => 20, exclude => '{id,price}')
			|| hp_blend(hp_mean(), hp_forest(trees => 3, exclude => '{id,price}')), 3)).leaderboard
	  FROM tune_lots l) t, unnest(leaderboard) s;
-- weights and fills are those of the candidates
SELECT (tuning).model = hp_train(l, 'price', hp_forest(trees => 3, weight => 'weight', clean => '{"number": 0}')) AS same
FROM (SELECT hp_tune(l, 'price', ARRAY[hp_forest(trees => 3, weight => 'weight', clean => '{"number": 0}')], 2) AS tuning FROM tune_lots l) t,
	tune_lots l GROUP BY tuning;

-- Many candidates: a third of them goes on, to three times the rows.  The
-- first one stays, however bad it is.
CREATE TABLE tune_many AS
SELECT i % 60 AS area, i % 7 AS street, (1000 * (i % 60) + 3000 * (i % 7) + 500 * (i * i % 11))::float8 AS price
FROM generate_series(1, 6600) i;
SELECT rank, chosen, round(mae) AS mae, train_rows, params - 'algorithm' - 'bag' AS params
FROM (SELECT (hp_tune(m, 'price', hp_grid(hp_forest(trees => 1, max_leaves => 2, bag => false),
		'{"max_leaves": [3, 6, 12, 25, 50, 100], "min_leaf": [1, 20]}'), 2)).leaderboard FROM tune_many m) t,
	unnest(leaderboard) s;
-- rows that are all alike are in no sample
SELECT count(DISTINCT mae) AS kinds
FROM (SELECT (hp_tune(m, 'price', hp_grid(hp_mean(), '{}') || hp_grid(hp_forest(trees => 1), '{"seed": [1, 2, 3]}'), 2, i)).leaderboard
	  FROM generate_series(1, 6600) i, (SELECT 1 AS area, 2.0 AS price) m) t,
	unnest(leaderboard) s;

-- any plan, any order: the same model and leaderboard
SELECT hp_tune(l, 'price', candidates, 2, l.id) AS tuning FROM tune_lots l, tune_candidates \gset
SELECT hp_tune(l, 'price', candidates, 2, l.id) = :'tuning'::hp_tuning AS ordered
FROM (SELECT * FROM tune_lots ORDER BY age) l, tune_candidates;
ALTER TABLE tune_lots SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT hp_tune(l, 'price', hp_grid(hp_forest(trees => 3, max_leaves => 2, exclude => '{id}'), '{"max_leaves": [4, 16]}'), 2, l.id) = :'tuning'::hp_tuning AS parallel
FROM tune_lots l;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
-- the state of one row, and of none
SELECT hp_tune(l, 'price', candidates) IS NULL AS no_rows FROM tune_lots l, tune_candidates WHERE false;
SELECT hp_tune(l, 'price', candidates) IS NULL AS no_price FROM tune_lots l, tune_candidates WHERE price IS NULL;

-- errors
SELECT hp_tune(l, 'price', NULL) FROM tune_lots l;
SELECT hp_tune(l, 'price', '{}') FROM tune_lots l;
SELECT hp_tune(l, 'price', ARRAY[hp_mean(), NULL]) FROM tune_lots l;
SELECT hp_tune(l, 'price', ARRAY[hp_mean(), '{"algorithm": "magic"}']) FROM tune_lots l;
SELECT hp_tune(l, 'price', ARRAY[hp_boost(), hp_boost(exclude => '{id}')]) FROM tune_lots l;
SELECT hp_tune(l, 'price', ARRAY[hp_forest(seed => l.id)]) FROM tune_lots l;
SELECT hp_tune(l, 'price', ARRAY[hp_mean(), hp_boost(monotone => '{"aera": 1}')]) FROM tune_lots l;
SELECT hp_tune(l, 'price', ARRAY[hp_mean()], 0) FROM tune_lots l;
SELECT hp_tune(l, 'price', ARRAY[hp_mean()], 2, 1) FROM tune_lots l;
SELECT hp_tune(l, l.price, ARRAY[hp_mean(), hp_linear(log_target => true, exclude => '{price}')]) FROM tune_lots l;

DROP TABLE tune_lots, tune_candidates, tune_many;
