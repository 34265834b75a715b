-- A column of noise, with half as many different texts as there are rows, costs
-- trees at most 2 % of their error: levels seen a few times are treated as one,
-- and the means of the others are shrunk.
SET client_min_messages = error; -- the notice about keys is another test's
CREATE TEMP TABLE noisy AS
SELECT h.*, 'level ' || abs(hashint4((row_number() OVER (ORDER BY h.*))::int)) % 1465 AS noise
FROM houses h;
SELECT count(DISTINCT noise) > 1200 AS "many levels" FROM noisy;

SELECT params ->> 'algorithm' AS algorithm, noisy < 1.02 * plain AS "costs at most 2 %"
FROM (SELECT params,
             (hp_model_info(hp_train(n, 'sale_price', params)) #>> '{oob,mae}')::float8 AS noisy,
             (hp_model_info(hp_train(n, 'sale_price', params || '{"exclude": ["noise"]}')) #>> '{oob,mae}')::float8 AS plain
      FROM noisy n,
           unnest(ARRAY[hp_forest(), hp_extra_trees(bag => true), hp_boost(rounds => 200)]) params
      GROUP BY params) measured
ORDER BY algorithm;
