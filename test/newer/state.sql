-- test/newer/state.sql: what a database of make.sql says, to be compared
--
-- Everything that was kept, computed anew, and trained anew; the same to the
-- bit in every PostgreSQL.  Leaves nothing behind.

\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;
SET TimeZone = 'UTC';
\set ON_ERROR_STOP on
BEGIN;

\qecho models: digest, bytes, text, JSON
SELECT name, hp_model_info(model) ->> 'digest', md5(model::bytea), md5(model::text), md5(model::jsonb::text), md5(hp_model_info(model)::text)
FROM models ORDER BY name;

\qecho their trees and features
SELECT name, count(t), md5(string_agg(t::text, ',' ORDER BY n, t.node))
FROM models, generate_series(1, (hp_model_info(model) ->> 'trees')::int) n, hp_tree(model, n) t GROUP BY name ORDER BY name;
SELECT name, md5(string_agg(i::text, ',' ORDER BY i::text COLLATE "C")) FROM models, hp_importance(model) i GROUP BY name ORDER BY name;

-- bits of doubles, in an order that is the same everywhere
CREATE TEMP VIEW in_order AS SELECT h, row_number() OVER (ORDER BY h::text COLLATE "C") AS n FROM houses h;

\qecho predictions: one by one, out of bag
SELECT name, count(*), md5(string_agg(encode(float8send(hp_predict(model, h)), 'hex'), ',' ORDER BY n)) FROM models, in_order GROUP BY name ORDER BY name;
SELECT name, count(*), md5(string_agg(encode(float8send(hp_predict_oob(model, h)), 'hex'), ',' ORDER BY n))
FROM models, in_order WHERE name IN ('forest', 'prepared', 'merged') GROUP BY name ORDER BY name;

\qecho the data
SELECT count(*), hp_digest(h) FROM houses h;
SELECT name, hp_digest(model, h) = hp_model_info(model) ->> 'data_digest' FROM models, houses h WHERE name <> 'merged' GROUP BY name ORDER BY name;

\qecho trained anew, in the order of the table and in another
SELECT name, hp_model_info(hp_train(h, 'sale_price', params)) ->> 'digest',
    hp_train(h, 'sale_price', params) = (SELECT model FROM models m WHERE m.name = r.name)
FROM recipes r, houses h GROUP BY name ORDER BY name;
SELECT name, hp_train(h, 'sale_price', params ORDER BY md5(h::text)) = (SELECT model FROM models m WHERE m.name = r.name)
FROM recipes r, houses h GROUP BY name ORDER BY name;
SELECT hp_merge(m) = (SELECT model FROM models WHERE name = 'merged')
FROM (SELECT hp_train(h, 'sale_price', params) AS m FROM recipes, houses h WHERE name IN ('one', 'two') GROUP BY name) s;

\qecho published and released
SELECT * FROM hp_models ORDER BY name, version;
SELECT * FROM hp_releases ORDER BY name, release;
SELECT count(*) FILTER (WHERE hp_predict('ames', h) = hp_predict(model, h)), count(*) FROM houses h, models WHERE name = 'forest';
SELECT hp_publish('ames', model) FROM models WHERE name IN ('linear', 'mean') ORDER BY name;
SELECT hp_release('ames', 4);
SELECT count(*) FILTER (WHERE hp_predict('ames', h) = hp_predict(model, h)), count(*) FROM houses h, models WHERE name = 'mean';

\qecho models in other places
SELECT (SELECT md5(string_agg(m::text, ',' ORDER BY n)) FROM unnest(list) WITH ORDINALITY u(m, n)), hp_model_info((release).model) ->> 'digest',
    hp_predict(checked, h)
FROM places, houses h WHERE h.lot_area = (SELECT min(lot_area) FROM houses);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT m.name, (SELECT note FROM kinds k WHERE k.model = m.model) FROM models m ORDER BY name;
SELECT count(*) FROM means a WHERE a.neighborhood = (SELECT neighborhood FROM means b WHERE b.model = a.model);
SELECT count(*) FROM houses h WHERE EXISTS (SELECT 1 FROM means m WHERE m.model = (SELECT hp_train(s, 'sale_price', hp_mean()) FROM houses s WHERE s.neighborhood = h.neighborhood))
    AND h.lot_area % 100 = 0;
RESET enable_seqscan;
RESET enable_bitmapscan;

\qecho kept predictions, and those that differ from new ones
SELECT count(*), count(*) FILTER (WHERE predicted IS DISTINCT FROM hp_predict(model, k)),
    md5(string_agg(encode(float8send(predicted), 'hex'), ',' ORDER BY k::text COLLATE "C"))
FROM kept k, fixed_model;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*) = (SELECT count(*) FROM kept WHERE predicted > 200000) FROM kept WHERE a_fixed(lot_area, year_built, neighborhood) > 200000;
RESET enable_seqscan;
RESET enable_bitmapscan;
CREATE TEMP VIEW views AS
SELECT name, (SELECT count(*) FROM houses) AS houses, count(*) FILTER (WHERE o.predicted = p.predicted AND t.predicted = p.predicted) AS same,
    md5(string_agg(encode(float8send(o.predicted), 'hex'), ',' ORDER BY house::text COLLATE "C")) AS bits
FROM priced p JOIN priced_once o USING (name, house) JOIN priced_together t USING (name, house) GROUP BY name;
SELECT * FROM views ORDER BY name;
SELECT md5(model::bytea), times FROM groups ORDER BY model;

\qecho it goes on
REFRESH MATERIALIZED VIEW priced_once;
REFRESH MATERIALIZED VIEW priced_together;
REFRESH MATERIALIZED VIEW groups;
SELECT * FROM views ORDER BY name;
SELECT md5(model::bytea), times FROM groups ORDER BY model;
INSERT INTO kinds SELECT model, 'again' FROM models ON CONFLICT DO NOTHING;
INSERT INTO means SELECT model, 'again' FROM models WHERE name = 'mean' ON CONFLICT DO NOTHING;
SELECT note, count(*) FROM kinds WHERE note = 'again' GROUP BY note;
SELECT count(*) FROM means;
ROLLBACK;
