-- data/houses.sql: table houses, 2,930 sales in Ames, Iowa, 2006 to 2010
--
--   psql -f data/houses.sql                  from the project's top level
--   psql -v data_dir=... -f .../houses.sql   from elsewhere
--
-- Regression tests reach it as :abs_srcdir/../data/houses.sql.  Columns and
-- units are described in data/README.md.

\if :{?data_dir}
\else
\getenv abs_srcdir PG_ABS_SRCDIR
\if :{?abs_srcdir}
\set data_dir :abs_srcdir '/../data'
\else
\set data_dir data
\endif
\endif

CREATE TABLE houses (
    ms_sub_class       text,
    ms_zoning          text,
    lot_frontage       integer,
    lot_area           integer,
    street             text,
    alley              text,
    lot_shape          text,
    land_contour       text,
    utilities          text,
    lot_config         text,
    land_slope         text,
    neighborhood       text,
    condition_1        text,
    condition_2        text,
    bldg_type          text,
    house_style        text,
    overall_cond       text,
    year_built         integer,
    year_remod_add     integer,
    roof_style         text,
    roof_matl          text,
    exterior_1st       text,
    exterior_2nd       text,
    mas_vnr_type       text,
    mas_vnr_area       integer,
    exter_cond         text,
    foundation         text,
    bsmt_cond          text,
    bsmt_exposure      text,
    bsmt_fin_type_1    text,
    bsmt_fin_sf_1      integer,
    bsmt_fin_type_2    text,
    bsmt_fin_sf_2      integer,
    bsmt_unf_sf        integer,
    total_bsmt_sf      integer,
    heating            text,
    heating_qc         text,
    central_air        text,
    electrical         text,
    first_flr_sf       integer,
    second_flr_sf      integer,
    gr_liv_area        integer,
    bsmt_full_bath     integer,
    bsmt_half_bath     integer,
    full_bath          integer,
    half_bath          integer,
    bedroom_abv_gr     integer,
    kitchen_abv_gr     integer,
    tot_rms_abv_grd    integer,
    functional         text,
    fireplaces         integer,
    garage_type        text,
    garage_finish      text,
    garage_cars        integer,
    garage_area        integer,
    garage_cond        text,
    paved_drive        text,
    wood_deck_sf       integer,
    open_porch_sf      integer,
    enclosed_porch     integer,
    three_season_porch integer,
    screen_porch       integer,
    pool_area          integer,
    pool_qc            text,
    fence              text,
    misc_feature       text,
    misc_val           integer,
    mo_sold            integer,
    year_sold          integer,
    sale_type          text,
    sale_condition     text,
    sale_price         integer,
    longitude          double precision,
    latitude           double precision
);

COMMENT ON TABLE houses IS
    'house sales in Ames, Iowa, 2006 to 2010 (De Cock 2011, R package modeldata)';

-- psql's \copy takes no variables, the shell does
\setenv HOUSEPRICE_DATA_DIR :data_dir
\copy houses FROM PROGRAM 'cat "$HOUSEPRICE_DATA_DIR/ames_houses.csv"' WITH (FORMAT csv, HEADER match)

ANALYZE houses;
