-- examples/engineered.sql: nine columns made of others, in views
--
--   psql -f examples/engineered.sql
--
--   houses_engineered   over table houses        (data/houses.sql)
--   kaggle_engineered   over table kaggle_train  (data/kaggle.sql)
--
-- A tree splits one column at a time: a sum or a difference of several is what
-- it needs many splits for, and what a view hands to it.  Each view has the
-- columns of its table, then the nine; a table that is not there gets no view.
-- docs/engineered.md says what they are and what they are worth.

SELECT to_regclass('houses') IS NOT NULL AS has_houses,
       to_regclass('kaggle_train') IS NOT NULL AS has_kaggle \gset

\if :has_houses
CREATE OR REPLACE VIEW houses_engineered AS
SELECT h.*,
       total_bsmt_sf + first_flr_sf + second_flr_sf                      AS total_area,
       gr_liv_area + total_bsmt_sf - bsmt_unf_sf                         AS finished_area,
       full_bath + bsmt_full_bath + 0.5 * (half_bath + bsmt_half_bath)   AS total_baths,
       wood_deck_sf + open_porch_sf + enclosed_porch + three_season_porch + screen_porch
                                                                         AS total_porch,
       lot_area - first_flr_sf - garage_area                             AS open_ground,
       year_sold - year_built                                            AS house_age,
       year_sold - year_remod_add                                        AS remodel_age,
       gr_liv_area
       * array_position('{Very_Poor,Poor,Fair,Below_Average,Average,Above_Average,Good,Very_Good,'
                        'Excellent,Very_Excellent}', overall_cond)       AS condition_area,
       (SELECT sum(array_position('{Poor,Fair,Typical,Good,Excellent}', word))
        FROM unnest(ARRAY[exter_cond, bsmt_cond, heating_qc, garage_cond]) word)
                                                                         AS condition_points
FROM houses h;
\endif

\if :has_kaggle
CREATE OR REPLACE VIEW kaggle_engineered AS
SELECT k.*,
       "TotalBsmtSF" + "1stFlrSF" + "2ndFlrSF"                           AS total_area,
       "GrLivArea" + "TotalBsmtSF" - "BsmtUnfSF"                         AS finished_area,
       "FullBath" + "BsmtFullBath" + 0.5 * ("HalfBath" + "BsmtHalfBath") AS total_baths,
       "WoodDeckSF" + "OpenPorchSF" + "EnclosedPorch" + "3SsnPorch" + "ScreenPorch"
                                                                         AS total_porch,
       "YrSold" - "YearBuilt"                                            AS house_age,
       "YrSold" - "YearRemodAdd"                                         AS remodel_age,
       "YrSold" - "GarageYrBlt"                                          AS garage_age,
       "OverallQual" * "GrLivArea"                                       AS quality_area,
       (SELECT sum(array_position('{Po,Fa,TA,Gd,Ex}', word))
        FROM unnest(ARRAY["ExterQual", "BsmtQual", "KitchenQual", "HeatingQC", "FireplaceQu",
                          "GarageQual"]) word)                           AS quality_points
FROM kaggle_train k;
\endif
