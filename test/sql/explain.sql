--
-- hp_importance and hp_model_info: what a model knows of itself
--
SET client_min_messages = warning;

CREATE TABLE explain_models AS
SELECT hp_train(h, 'sale_price', hp_forest(trees => 20)) AS ames FROM houses h;

-- shares of what the splits explain: they sum to one, every feature has one
SELECT rank, feature, round(importance::numeric, 2) AS importance, bar
FROM explain_models, hp_importance(ames) WHERE importance > 0.05;
SELECT count(*) AS features, round(sum(importance)::numeric, 12) AS all_of_it,
	bool_and(importance >= 0) AS none_below_0,
	array_agg(rank ORDER BY importance DESC, feature COLLATE "C") = array_agg(rank ORDER BY rank) AS ranked
FROM explain_models, hp_importance(ames);
-- a planted signal is found; noise gets little, a constant nothing
SELECT feature, round(importance::numeric, 1) AS importance, bar FROM
	(SELECT hp_train(s, 1000 * s.signal + s.signal % 3, hp_forest(trees => 20, feature_fraction => 1)) AS m
	 FROM (SELECT i % 19 AS signal, hp_fold(i, 13) AS noise, 7 AS constant FROM generate_series(1, 2000) i) s) t,
	hp_importance(m);
-- a constant target: nothing to explain; no features: no rows
SELECT rank, feature, importance, '"' || bar || '"' AS bar
FROM (SELECT hp_train(s, 5) AS m FROM (SELECT i AS b, -i AS a FROM generate_series(1, 9) i) s) t, hp_importance(m);
SELECT hp_importance(hp_train(h, 'sale_price', hp_mean())) FROM houses h;
SELECT hp_importance(NULL);

-- everything about a model, as JSON
SELECT jsonb_pretty(info - '{digest,data_digest,oob,nodes,bytes}'::text[]) AS info
FROM (SELECT hp_model_info(hp_train(s, 'price', hp_forest(trees => 5, clean => '{"number": 0}'))) AS info
	  FROM (SELECT CASE WHEN i % 9 > 0 THEN i % 23 END AS area, i % 10 = 0 AS corner,
				CASE WHEN i % 4 > 0 THEN 'way ' || i % 5 END AS street,
				DATE '2000-01-01' + i % 3 AS sold, i % 13 AS price
			FROM generate_series(1, 100) i
			UNION ALL SELECT 1, NULL, NULL, NULL, NULL) s) t;
SELECT key, jsonb_typeof(value) AS type FROM explain_models, jsonb_each(hp_model_info(ames)) ORDER BY key;
SELECT hp_model_info(NULL) IS NULL AS null_in;

-- the out-of-bag measures are honest: above those of the rows it was grown
-- on, and near those of rows it has not seen
SELECT seen < oob AS above_seen, abs(oob / unseen - 1) < 0.15 AS near_unseen
FROM (SELECT (hp_model_info(m) #>> '{oob,mae}')::float8 AS oob,
		(SELECT hp_mae(sale_price, hp_predict(m, h)) FROM houses h WHERE NOT hp_split(h.longitude, 0.7)) AS unseen,
		(SELECT hp_mae(sale_price, hp_predict(m, h)) FROM houses h WHERE hp_split(h.longitude, 0.7)) AS seen
	  FROM (SELECT hp_train(h, 'sale_price', hp_forest(trees => 100)) AS m
			FROM houses h WHERE hp_split(h.longitude, 0.7)) t) q;

-- infinities show as to_jsonb() shows them
SELECT hp_model_info(hp_train(s, 1)) -> 'features' AS features
FROM (VALUES ('-Infinity'::float8, NULL::int), ('Infinity', NULL), (1, NULL), ('NaN', NULL)) s(a, b);

-- sizes and digests agree with the value itself
SELECT (hp_model_info(ames) ->> 'bytes')::int - 4 = length(hp_model_send(ames)) AS bytes,
	split_part(split_part(ames::text, E'\n', 1), 'digest ', 2) = hp_model_info(ames) ->> 'digest' AS digest,
	pg_column_size(ames) = (hp_model_info(ames) ->> 'bytes')::int - 4 AS as_stored
FROM explain_models;

DROP TABLE explain_models;
RESET client_min_messages;
