-- test/newer/make.sql: a database that is taken to a newer PostgreSQL
--
-- Table houses is there.  A model of every algorithm, and every way in which a
-- database keeps models and predictions.  state.sql says what is in it.

SET client_min_messages = error;

-- ---- models -----------------------------------------------------------------

CREATE TABLE recipes (name text PRIMARY KEY, params jsonb NOT NULL);
INSERT INTO recipes VALUES
    ('forest', hp_forest(trees => 20)),
    ('extra_trees', hp_extra_trees(trees => 20)),
    ('boost', hp_boost(rounds => 50)),
    ('stopped', hp_boost(rounds => 60, early_stopping => true, row_fraction => 0.7)),
    ('linear', hp_linear()),
    ('mean', hp_mean()),
    ('blend', hp_blend(hp_boost(rounds => 30), hp_linear())),
    ('prepared', hp_forest(trees => 10, clean => '{"number": 0, "text": "None"}', weight => 'year_sold')),
    ('one', hp_forest(trees => 10, seed => 1)),
    ('two', hp_forest(trees => 10, seed => 2));

CREATE TABLE models (name text PRIMARY KEY, model hp_model NOT NULL);
INSERT INTO models
SELECT name, hp_train(h, 'sale_price', params) FROM recipes, houses h GROUP BY name;
INSERT INTO models
SELECT 'merged', hp_merge(model) FROM models WHERE name IN ('one', 'two');

-- ---- models that were published, and a release that was taken back ----------

SELECT hp_publish('ames', model, name) FROM models WHERE name IN ('boost', 'forest', 'linear') ORDER BY name;
SELECT hp_release('ames', 2);
SELECT hp_release('ames', 3);
SELECT hp_rollback('ames');

-- ---- models in other places -------------------------------------------------

CREATE TYPE released AS (version int, model hp_model);
CREATE DOMAIN any_model AS hp_model CHECK (hp_model_info(VALUE) ->> 'rows' > '0');
CREATE TABLE places (list hp_model[], release released, checked any_model);
INSERT INTO places
SELECT array_agg(model ORDER BY name), (SELECT ROW(1, model)::released FROM models WHERE name = 'boost'),
    (SELECT model FROM models WHERE name = 'linear')
FROM models;

-- equal models: unique by a hash index, and by a btree where they are small
CREATE TABLE kinds (model hp_model, note text, EXCLUDE USING hash (model WITH =));
INSERT INTO kinds SELECT model, name FROM models;
CREATE TABLE means (model hp_model PRIMARY KEY, neighborhood text);
INSERT INTO means
SELECT hp_train(h, 'sale_price', hp_mean()), neighborhood FROM houses h GROUP BY neighborhood;
CREATE MATERIALIZED VIEW groups AS
SELECT model, count(*) AS times FROM (TABLE models UNION ALL TABLE models UNION ALL SELECT note, model FROM kinds WHERE note < 'k') m
GROUP BY model;

-- ---- predictions that are kept ----------------------------------------------

CREATE TYPE house AS (lot_area int, year_built int, neighborhood text);
CREATE TABLE fixed_model AS
SELECT hp_train(hp_select_features(h, 'lot_area', 'year_built', 'neighborhood'), h.sale_price, hp_forest(trees => 5)) AS model FROM houses h;
SELECT format('CREATE FUNCTION a_fixed(lot_area int, year_built int, neighborhood text) RETURNS float8
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = public AS %L',
    format('BEGIN RETURN hp_predict(%L::hp_model, ROW(lot_area, year_built, neighborhood)::house); END', model))
FROM fixed_model \gexec
CREATE TABLE kept (LIKE houses,
    predicted float8 GENERATED ALWAYS AS (a_fixed(lot_area, year_built, neighborhood)) STORED,
    CHECK (sale_price < 9 * a_fixed(lot_area, year_built, neighborhood)));
CREATE INDEX ON kept (a_fixed(lot_area, year_built, neighborhood));
INSERT INTO kept SELECT * FROM houses;

CREATE VIEW priced AS
SELECT m.name, h AS house, hp_predict(m.model, h) AS predicted FROM models m, houses h;
CREATE MATERIALIZED VIEW priced_once AS
SELECT m.name, h AS house, hp_predict(m.model, h) AS predicted FROM models m, houses h;
CREATE MATERIALIZED VIEW priced_together AS
SELECT m.name, p.source_row AS house, p.prediction AS predicted
FROM models m, hp_predict_rows(m.model, NULL::houses, 'SELECT * FROM public.houses') p;
