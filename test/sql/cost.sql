--
-- What the planner knows of a prediction: its cost, where it knows the model
--
SET client_min_messages = warning;
CREATE TABLE cost_lots AS SELECT i AS area, i * 7919 % 1000 AS noise, i * 7919 % 1000 * 10 + i % 7 * 100 AS price FROM generate_series(1, 1000) i;
ANALYZE cost_lots;
CREATE TABLE cost_models AS
SELECT 'mean' AS name, hp_train(l, 'price', hp_mean()) AS m FROM cost_lots l
UNION ALL SELECT 'linear', hp_train(l, 'price', hp_linear()) FROM cost_lots l
UNION ALL SELECT 'boost', hp_train(l, 'price', hp_boost(rounds => 100, early_stopping => false)) FROM cost_lots l
UNION ALL SELECT 'forest', hp_train(l, 'price', hp_forest(trees => 500, min_leaf => 1, feature_fraction => 1)) FROM cost_lots l;
CREATE FUNCTION cost_of_200(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 200 AS 'BEGIN RETURN true; END';

-- The plan of a query over the lots by a model that the planner sees: its
-- cost, its uppermost node, and that one's filter without the model.
CREATE FUNCTION plan_of(query text, model hp_model, OUT cost float8, OUT node text, OUT filter text) LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT json) ' || query, quote_literal(model) || '::hp_model') INTO plan;
	cost := plan -> 0 -> 'Plan' -> 'Total Cost';
	node := plan -> 0 -> 'Plan' ->> 'Node Type';
	filter := replace(plan -> 0 -> 'Plan' ->> 'Filter', quote_literal(model), 'model');
END
$$;

-- a larger model costs more; one that is not known, as COST of the function says
SELECT name, cost > lag(cost) OVER (ORDER BY cost) AS costs_more
FROM cost_models, plan_of('SELECT hp_predict(%s, l) FROM cost_lots l', m) ORDER BY cost;
SELECT name, round(cost / (SELECT cost FROM plan_of('SELECT l FROM cost_lots l', NULL))) AS times_the_scan
FROM cost_models, plan_of('SELECT hp_predict(%s, l) FROM cost_lots l', m) WHERE name IN ('mean', 'boost') ORDER BY cost;

-- the cheaper of two conditions comes first
SELECT name, filter FROM cost_models, plan_of('SELECT FROM cost_lots l WHERE hp_predict(%s, l) > 0 AND cost_of_200(area)', m)
ORDER BY cost;
SELECT name, filter FROM cost_models, plan_of('SELECT FROM cost_lots l WHERE cost_of_200(area) AND hp_predict_json(%s, to_jsonb(l)) > 0', m)
WHERE name IN ('mean', 'forest') ORDER BY cost;
-- and workers are asked to help with the dear one
SET max_parallel_workers_per_gather = 2;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 200;
SELECT name, node FROM cost_models, plan_of('SELECT FROM cost_lots l WHERE hp_predict(%s, l) > 1e9', m)
WHERE name IN ('mean', 'forest') ORDER BY name;

-- a prepared statement that is planned with its values knows, too
SET plan_cache_mode = force_custom_plan;
PREPARE dear (hp_model) AS SELECT count(*) FROM cost_lots l WHERE hp_predict($1, l) > 1e9;
DO $$
DECLARE
	dear jsonb;
	cheap jsonb;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT json) EXECUTE dear (%L)', (SELECT m FROM cost_models WHERE name = 'forest')) INTO dear;
	EXECUTE format('EXPLAIN (FORMAT json) EXECUTE dear (%L)', (SELECT m FROM cost_models WHERE name = 'mean')) INTO cheap;
	ASSERT (dear -> 0 -> 'Plan' ->> 'Total Cost')::float8 > 2 * (cheap -> 0 -> 'Plan' ->> 'Total Cost')::float8;
END
$$;
DEALLOCATE dear;

DROP TABLE cost_lots, cost_models;
DROP FUNCTION cost_of_200, plan_of;
RESET client_min_messages;
