-- bench/synthetic.sql: houses that never stood, as many as you like
--
--   SELECT * FROM synthetic_houses(100000);
--
-- House number id is always the same: unit() depends on nothing but its
-- arguments, and all else is sums, products and square roots, the same on
-- every machine.  The columns have about as many different values, ties and
-- tails as those of the Ames houses, and the price has noise that keeps a tree
-- growing to the end.

-- uniform in [0, 1)
CREATE FUNCTION unit(id bigint, draw bigint) RETURNS float8
    LANGUAGE sql IMMUTABLE
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
LANGUAGE sql IMMUTABLE AS $$
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
