-- bench/synthetic.sql: houses that never stood, as many as you like
--
--   SELECT * FROM synthetic_houses(100000);       7 features
--   SELECT * FROM synthetic_houses_80(100000);    the same houses, 80 features
--
-- House number id is always the same: unit() depends on nothing but its
-- arguments, and all else is sums, products and square roots, the same on
-- every machine.  The columns have about as many different values, ties,
-- missing values and tails as those of the Ames houses, and the price has noise
-- that keeps a tree growing to the end.

-- uniform in [0, 1)
CREATE FUNCTION unit(id bigint, draw bigint) RETURNS float8
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT (hashint8extended($1, $2) & 4294967295) / 4294967296.0::float8';

CREATE FUNCTION synthetic_houses(nrows bigint)
RETURNS TABLE (
    id              bigint,
    lot_area        integer,
    year_built      integer,
    first_flr_sf    integer,
    second_flr_sf   integer,
    full_bath       integer,
    bedroom_abv_gr  integer,
    tot_rms_abv_grd integer,
    price           integer
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT id, lot_area, year_built, first_flr_sf, second_flr_sf, full_bath,
           bedroom_abv_gr, bedroom_abv_gr + 2 + extra_rooms,
           (100 * floor((20000 + 60 * (first_flr_sf + second_flr_sf)
                         + 3 * least(lot_area, 20000) + 9000 * full_bath
                         + 4 * (year_built - 1872) * (year_built - 1872))
                        * (0.7 + 0.2 * (unit(id, 1) + unit(id, 2) + unit(id, 3)))
                        / 100))::integer
    FROM generate_series(1, nrows) id,
         LATERAL (SELECT 1 + floor(2.5 * (unit(id, 4) + unit(id, 5)))::integer
                      AS bedroom_abv_gr) a,
         LATERAL (SELECT (1300 + 6000 * (unit(id, 6) + unit(id, 7))
                          + 800 * unit(id, 8) / (1.005 - unit(id, 8)))::integer
                      AS lot_area,
                         1872 + floor(139 * sqrt(unit(id, 9)))::integer
                      AS year_built,
                         (400 + 150 * bedroom_abv_gr
                          + 900 * (unit(id, 10) + unit(id, 11)))::integer
                      AS first_flr_sf,
                         greatest(0, 2400 * unit(id, 12) - 1300)::integer
                      AS second_flr_sf,
                         floor(0.3 + 3 * unit(id, 13))::integer
                      AS full_bath,
                         floor(4 * unit(id, 14))::integer
                      AS extra_rooms) b
$$;

-- One of the words; more than half of all get the first, few the last.
CREATE FUNCTION word_of(words text[], u float8) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT words[1 + floor(cardinality(words) * u * u * (0.2 + 0.8 * u))::integer]';

-- Best to worst, for a quality from 0 to 1 that is seen with an error.
CREATE FUNCTION grade(quality float8, u float8) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT (ARRAY['Poor', 'Fair', 'Typical', 'Good', 'Excellent'])
                    [1 + floor(4.999 * (0.8 * quality + 0.2 * u))::integer]$$;

-- Each OFFSET 0 keeps what is below it from being computed once per use.
CREATE FUNCTION synthetic_houses_80(nrows bigint)
RETURNS TABLE (
    id                bigint,
    neighborhood      text,
    school_district   text,
    street_name       text,
    zoning            text,
    latitude          float8,
    longitude         float8,
    elevation         real,
    distance_center   float8,
    distance_school   float8,
    distance_station  float8,
    crime_rate        real,
    noise_level       smallint,
    waterfront        boolean,
    near              text,
    lot_area          integer,
    lot_frontage      integer,
    lot_shape         text,
    lot_config        text,
    land_contour      text,
    fence             text,
    bldg_type         text,
    house_style       text,
    year_built        integer,
    year_remodeled    integer,
    overall_quality   smallint,
    overall_condition smallint,
    roof_style        text,
    roof_material     text,
    new_roof          boolean,
    exterior_1st      text,
    exterior_2nd      text,
    exterior_quality  text,
    masonry_type      text,
    masonry_area      integer,
    foundation        text,
    basement_quality  text,
    basement_exposure text,
    basement_area     integer,
    basement_finished integer,
    basement_bath     integer,
    first_flr_sf      integer,
    second_flr_sf     integer,
    full_bath         integer,
    half_bath         integer,
    bedroom_abv_gr    integer,
    tot_rms_abv_grd   integer,
    kitchens          smallint,
    kitchen_quality   text,
    fireplaces        integer,
    fireplace_quality text,
    window_count      integer,
    heating           text,
    heating_quality   text,
    central_air       boolean,
    energy_use        float8,
    insulation        integer,
    garage_type       text,
    garage_finish     text,
    garage_year       integer,
    garage_cars       integer,
    garage_area       integer,
    deck_area         integer,
    porch_area        integer,
    screen_porch      integer,
    pool_area         integer,
    misc_value        integer,
    tax_rate          numeric(6,4),
    pets_allowed      boolean,
    owners_before     integer,
    agent             text,
    listing_code      text,
    photographed      boolean,
    listed_at         timestamp,
    days_listed       integer,
    inspected_on      date,
    sold_on           date,
    year_sold         integer,
    month_sold        integer,
    sale_type         text,
    sale_condition    text,
    price             integer
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT
        h.id,
        -- where it stands
        (ARRAY['Abbey Fields', 'Alder Bank', 'Bell Hill', 'Birch Hill', 'Bridge End', 'Brookside',
               'Canal Quarter', 'Castle Rise', 'Cedar Grove', 'Chapel Green', 'Clay Pits', 'College Court',
               'Copper Mill', 'East Village', 'Elm Park', 'Fair Oaks', 'Ferry Lane', 'Foxglove', 'Garden City',
               'Glass Works', 'Harbour', 'Heath Side', 'High Meadow', 'Iron Gate', 'Juniper', 'Kings Reach',
               'Lake View', 'Lime Walk', 'Market Town', 'Mill Pond', 'New Common', 'North Bank', 'Old Town',
               'Orchard', 'Park Lane', 'Quarry', 'River Bend', 'South Shore', 'Station', 'West Gate'])[1 + place],
        'District ' || 1 + district,
        'Street ' || floor(1000 * unit(h.id, 30))::integer,
        word_of('{Residential Low,Residential Medium,Residential High,Floating Village,Commercial,Agricultural}',
                unit(h.id, 31)),
        42 + 0.01 * (place / 8) + 0.01 * unit(h.id, 32),
        -93.7 + 0.01 * (place % 8) + 0.01 * unit(h.id, 33),
        (250 + 3 * (place % 8) + 20 * unit(h.id, 34))::real,
        distance,
        0.1 + 3 * unit(h.id, 36) * unit(h.id, 37),
        CASE WHEN unit(h.id, 38) < 0.7 THEN 0.2 + 6 * unit(h.id, 39) END,
        (crime + unit(h.id, 40))::real,
        CASE WHEN unit(h.id, 41) < 0.8 THEN 35 + floor(40 * unit(h.id, 42)) END::smallint,
        waterfront,
        word_of('{Nothing,Feeder,Artery,Railway,Park,Airport,School,Church,Factory}', unit(h.id, 44)),
        -- the ground
        h.lot_area,
        CASE WHEN unit(h.id, 45) < 0.83
             THEN (15 + sqrt(h.lot_area) * (0.4 + 0.5 * unit(h.id, 46)))::integer END,
        word_of('{Regular,Slightly Irregular,Moderately Irregular,Irregular}', unit(h.id, 47)),
        word_of('{Inside,Corner,Cul de Sac,Two Sides,Three Sides}', unit(h.id, 48)),
        word_of('{Level,Bank,Hillside,Low}', unit(h.id, 49)),
        CASE WHEN unit(h.id, 50) < 0.2
             THEN word_of('{Minimum Privacy,Good Privacy,Good Wood,Wire}', unit(h.id, 51)) END,
        -- the building
        word_of('{One Family,Townhouse End,Duplex,Townhouse,Two Family}', unit(h.id, 52)),
        CASE WHEN h.second_flr_sf = 0
             THEN word_of('{One Story,Split Foyer,Split Level}', unit(h.id, 53))
             ELSE word_of('{Two Story,One and a Half,Two and a Half,Two Unfinished}', unit(h.id, 53)) END,
        h.year_built,
        remodeled,
        overall::smallint,
        condition::smallint,
        word_of('{Gable,Hip,Flat,Gambrel,Mansard,Shed}', unit(h.id, 55)),
        word_of('{Shingle,Tar and Gravel,Shake,Wood,Metal,Membrane,Tile}', unit(h.id, 56)),
        CASE WHEN unit(h.id, 57) < 0.9 THEN unit(h.id, 58) < 0.15 END,
        word_of(exteriors, unit(h.id, 59)),
        word_of(exteriors, CASE WHEN unit(h.id, 60) < 0.8 THEN unit(h.id, 59) ELSE unit(h.id, 61) END),
        grade(quality, unit(h.id, 62)),
        CASE WHEN masonry THEN word_of('{Brick Face,Stone,Common Brick,Block}', unit(h.id, 64)) END,
        CASE WHEN masonry THEN (20 + 900 * unit(h.id, 65) * unit(h.id, 66))::integer
             WHEN unit(h.id, 67) < 0.98 THEN 0 END,
        CASE WHEN h.year_built < 1945 THEN word_of('{Brick,Block,Stone,Wood}', unit(h.id, 68))
             ELSE word_of('{Concrete,Block,Slab}', unit(h.id, 68)) END,
        CASE WHEN basement > 0 THEN grade(quality, unit(h.id, 69)) END,
        CASE WHEN basement > 0 THEN exposure END,
        basement,
        finished,
        CASE WHEN finished > 300 THEN floor(2 * unit(h.id, 71))::integer ELSE 0 END,
        h.first_flr_sf,
        h.second_flr_sf,
        h.full_bath,
        half_bath,
        h.bedroom_abv_gr,
        h.tot_rms_abv_grd,
        (1 + (unit(h.id, 73) < 0.04)::integer)::smallint,
        kitchen,
        fireplaces,
        CASE WHEN fireplaces > 0 THEN grade(quality, unit(h.id, 76)) END,
        h.tot_rms_abv_grd + floor(8 * unit(h.id, 77))::integer,
        word_of('{Gas Air,Gas Water,Gravity,Floor,Wall}', unit(h.id, 78)),
        grade(quality, unit(h.id, 79)),
        air,
        energy,
        CASE WHEN unit(h.id, 82) < 0.6 THEN 20 * floor(20 * unit(h.id, 83))::integer END,
        -- what belongs to it
        CASE WHEN cars > 0 THEN word_of('{Attached,Detached,Built In,Basement,Carport}', unit(h.id, 84)) END,
        CASE WHEN cars > 0 THEN word_of('{Unfinished,Roughly Finished,Finished}', 1 - quality) END,
        CASE WHEN cars > 0
             THEN least(2010, h.year_built + floor(30 * greatest(0, unit(h.id, 85) - 0.6))::integer) END,
        cars,
        CASE WHEN cars > 0 THEN (80 + 210 * cars + 150 * unit(h.id, 86))::integer ELSE 0 END,
        deck,
        greatest(0, 250 * unit(h.id, 88) - 100)::integer,
        greatest(0, 3000 * unit(h.id, 89) - 2750)::integer,
        CASE WHEN unit(h.id, 90) < 0.01 THEN (300 + 500 * unit(h.id, 91))::integer ELSE 0 END,
        CASE WHEN unit(h.id, 92) < 0.04 THEN 100 * floor(50 * unit(h.id, 93))::integer ELSE 0 END,
        (0.8 + 0.02 * (district % 20) + 0.01 * floor(10 * unit(h.id, 94)))::numeric(6,4),
        unit(h.id, 95) < 0.5,
        floor(6 * unit(h.id, 96) * unit(h.id, 97))::integer,
        -- how it was sold
        'Agent ' || floor(1000 * unit(h.id, 98))::integer,
        'L' || 1000 + floor(1000 * unit(h.id, 99))::integer,
        unit(h.id, 100) < 0.9,
        sold - days + time '08:00' + interval '1 minute' * floor(600 * unit(h.id, 101)),
        days,
        CASE WHEN unit(h.id, 102) < 0.75 THEN sold - floor(90 * unit(h.id, 103))::integer END,
        sold,
        extract(year FROM sold)::integer,
        extract(month FROM sold)::integer,
        word_of('{Warranty,New,Court,Contract,Cash,Other}', unit(h.id, 104)),
        sale_condition,
        (100 * floor((h.price * (0.55 + 0.045 * overall + 0.3 * (place * 17 % 40) / 40.0 + 0.01 * (district * 7 % 20))
                      * (1.15 - 0.02 * distance) * (1.05 - 0.02 * crime)
                      * (0.97 + 0.00002 * (sold - date '2005-01-01'))
                      * CASE WHEN waterfront THEN 1.3 ELSE 1 END
                      * CASE sale_condition WHEN 'Normal' THEN 1 WHEN 'Abnormal' THEN 0.85
                                            WHEN 'Family' THEN 0.9 ELSE 1.03 END
                      * CASE WHEN air THEN 1.03 ELSE 0.95 END
                      + 20 * basement + 15 * finished + 8000 * cars + 6000 * fireplaces + 4000 * half_bath
                      + 30 * deck + 200 * (remodeled - 1950) + 2500 * (condition - 5)
                      + CASE exposure WHEN 'Good' THEN 9000 WHEN 'Average' THEN 3000 ELSE 0 END
                      + CASE kitchen WHEN 'Excellent' THEN 25000 WHEN 'Good' THEN 9000 ELSE 0 END
                      - 40 * least(coalesce(energy, 150), 300))
                     / 100))::integer
    FROM synthetic_houses(nrows) h,
         LATERAL (SELECT floor(40 * unit(h.id, 20) * (0.5 + 0.5 * unit(h.id, 21)))::integer AS place,
                         (unit(h.id, 22) + unit(h.id, 23) + unit(h.id, 24)) / 3 AS taste,
                         '{Vinyl,Metal,Hard Board,Wood,Plywood,Cement,Brick,Shingle,Stucco,Asbestos,Imitation,'
                         'Stone,Block,Asphalt,Panel}'::text[] AS exteriors
                  OFFSET 0) a,
         LATERAL (SELECT 0.5 * taste + 0.3 * (h.year_built - 1872) / 139.0::float8
                         + 0.2 * (place * 17 % 40) / 40.0::float8 AS quality,
                         place + floor(20 * unit(h.id, 29))::integer AS district,
                         greatest(h.year_built, 1950 + floor(60 * sqrt(unit(h.id, 25)))::integer) AS remodeled,
                         (0.2 + 12 * unit(h.id, 35) * unit(h.id, 28))::float8 AS distance,
                         (place * 23 % 40) / 10.0::float8 AS crime,
                         unit(h.id, 43) < 0.02 AS waterfront,
                         unit(h.id, 63) < 0.4 AS masonry,
                         CASE WHEN unit(h.id, 26) < 0.96
                              THEN (h.first_flr_sf * (0.6 + 0.4 * unit(h.id, 27)))::integer ELSE 0 END AS basement,
                         word_of('{No,Average,Good,Minimum}', unit(h.id, 70)) AS exposure,
                         floor(0.4 + 1.2 * unit(h.id, 72))::integer AS half_bath,
                         floor(0.5 + 1.8 * unit(h.id, 75))::integer AS fireplaces,
                         floor(0.2 + 2.4 * unit(h.id, 54) + 0.8 * taste)::integer AS cars,
                         greatest(0, 600 * unit(h.id, 87) - 250)::integer AS deck,
                         floor(400 * unit(h.id, 105) * unit(h.id, 106))::integer AS days,
                         date '2006-01-01' + floor(1826 * unit(h.id, 107))::integer AS sold,
                         word_of('{Normal,Partial,Abnormal,Family,Allocation}', unit(h.id, 108))
                      AS sale_condition
                  OFFSET 0) b,
         LATERAL (SELECT 1 + floor(9.99 * quality)::integer AS overall,
                         3 + floor(3 * (unit(h.id, 109) + unit(h.id, 110)))::integer AS condition,
                         (basement * greatest(0, 1.2 * unit(h.id, 111) - 0.3))::integer AS finished,
                         grade(quality, unit(h.id, 74)) AS kitchen,
                         unit(h.id, 80) < 0.5 + 0.5 * (remodeled - 1950) / 60.0::float8 AS air,
                         CASE WHEN unit(h.id, 81) < 0.7
                              THEN 60 + 2 * (2010 - remodeled) + 80 * unit(h.id, 112) END AS energy
                  OFFSET 0) c
$$;
