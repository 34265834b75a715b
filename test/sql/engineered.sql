--
-- examples/engineered.sql: nine more columns, of the houses and of Kaggle's
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set script :abs_srcdir '/../examples/engineered.sql'
BEGIN;
\set ECHO none
\i :script
\set ECHO all

SELECT has_houses.n - no_view.n AS more_columns
FROM (SELECT count(*) AS n FROM pg_attribute WHERE attrelid = 'houses_engineered'::regclass AND attnum > 0) has_houses,
	(SELECT count(*) AS n FROM pg_attribute WHERE attrelid = 'houses'::regclass AND attnum > 0) no_view;

-- one house, by hand
SELECT total_area, finished_area, total_baths, total_porch, open_ground, house_age, remodel_age,
	condition_area, condition_points
FROM houses_engineered
WHERE sale_price = 215000 AND lot_area = 31770;
SELECT total_bsmt_sf, bsmt_unf_sf, first_flr_sf, second_flr_sf, gr_liv_area, wood_deck_sf, open_porch_sf,
	enclosed_porch, three_season_porch, screen_porch, garage_area, year_sold, year_built, year_remod_add
FROM houses
WHERE sale_price = 215000 AND lot_area = 31770;
SELECT bsmt_full_bath, bsmt_half_bath, full_bath, half_bath, overall_cond, exter_cond, bsmt_cond, heating_qc, garage_cond
FROM houses
WHERE sale_price = 215000 AND lot_area = 31770;

-- nothing gets lost, no word of the assessor is unknown, and it is worth something
SELECT count(*) AS houses,
	count(*) FILTER (WHERE condition_area IS NULL OR total_area IS NULL OR total_baths IS NULL) AS incomplete
FROM houses_engineered;
SELECT e.error < h.error AS lower_error
FROM (SELECT (hp_model_info(hp_train(h, 'sale_price', hp_forest(trees => 50))) #>> '{oob,mae}')::float8 AS error
		FROM houses_engineered h) e,
	(SELECT (hp_model_info(hp_train(h, 'sale_price', hp_forest(trees => 50))) #>> '{oob,mae}')::float8 AS error
		FROM houses h) h;

-- Kaggle's file is not ours to ship: a table with the columns that are used
CREATE TABLE kaggle_train ("TotalBsmtSF" int, "1stFlrSF" int, "2ndFlrSF" int, "GrLivArea" int, "BsmtUnfSF" int,
	"FullBath" int, "BsmtFullBath" int, "HalfBath" int, "BsmtHalfBath" int, "WoodDeckSF" int, "OpenPorchSF" int,
	"EnclosedPorch" int, "3SsnPorch" int, "ScreenPorch" int, "YrSold" int, "YearBuilt" int, "YearRemodAdd" int,
	"GarageYrBlt" int, "OverallQual" int, "ExterQual" text, "BsmtQual" text, "KitchenQual" text, "HeatingQC" text,
	"FireplaceQu" text, "GarageQual" text);
INSERT INTO kaggle_train VALUES (800, 900, 500, 1400, 300, 2, 1, 1, 1, 100, 10, 20, 30, 40, 2008, 1990, 2000,
	NULL, 7, 'Gd', NULL, 'Ex', 'TA', NULL, 'Po');
\set ECHO none
\i :script
\set ECHO all
SELECT total_area, finished_area, total_baths, total_porch, house_age, remodel_age, garage_age, quality_area,
	quality_points
FROM kaggle_engineered;
ROLLBACK;
