-- examples/demo.sql: what "make demo" shows, from the data to a prediction
--
-- Expects extension houseprice and table houses (data/houses.sql).  With the
-- variable report, the name of a file, it writes a page about the model there.

\pset pager off
\pset footer off
\pset null '(none)'
\set QUIET on

\echo
\echo '== The data: 2,930 house sales in Ames, Iowa, 74 columns; seven of them and the price'
\echo
SELECT column_name, type, min, median, max, histogram
FROM hp_describe('SELECT lot_area, year_built, first_flr_sf, second_flr_sf, full_bath,
                         bedroom_abv_gr, tot_rms_abv_grd, sale_price FROM houses');

\echo '== Missing values'
\echo
SELECT column_name, nulls AS missing, round(100.0 * nulls / (count + nulls), 1) AS percent
FROM hp_describe(NULL::houses)
WHERE nulls > 0
ORDER BY nulls DESC;

\echo '== Clean, select and train: one expression, three quarters of the houses'
\echo
\set ECHO queries
CREATE TEMP TABLE seven AS
SELECT hp_train(
           hp_select_features(hp_clean(h),
               'lot_area', 'year_built', 'first_flr_sf', 'second_flr_sf',
               'full_bath', 'bedroom_abv_gr', 'tot_rms_abv_grd'),
           h.sale_price) AS model
FROM houses h
WHERE hp_split(h, 0.75);
\set ECHO none
\echo
\echo '== ... and on every column as it is, text and missing values included'
\echo
\set ECHO queries
CREATE TEMP TABLE everything AS
SELECT hp_train(h, 'sale_price') AS model FROM houses h WHERE hp_split(h, 0.75);
\set ECHO none

\echo
\echo '== How far off, on the quarter that no model has seen: mean absolute error in dollars'
\echo
CREATE TEMP TABLE baseline AS
SELECT hp_train(h, 'sale_price', hp_mean()) AS model FROM houses h WHERE hp_split(h, 0.75);

WITH predicted AS (
    SELECT sale_price AS actual,
           hp_predict(baseline.model, h) AS baseline,
           hp_predict(seven.model, hp_clean(h)) AS seven,
           hp_predict(everything.model, h) AS everything
    FROM houses h, baseline, seven, everything
    WHERE NOT hp_split(h, 0.75)
), errors AS (
    SELECT 'the mean price, always' AS model, hp_evaluate(actual, baseline) AS e FROM predicted
    UNION ALL
    SELECT 'boosting, seven columns', hp_evaluate(actual, seven) FROM predicted
    UNION ALL
    SELECT 'boosting, all columns', hp_evaluate(actual, everything) FROM predicted
)
SELECT model,
       to_char((e).mae, '999,999') AS error,
       repeat('█', round((e).mae / 2000)::int) AS "█ = $2,000",
       to_char(100 * (e).within_10pct, '990 %') AS "within 10 %"
FROM errors;

\echo '== What the prices hang on: the ten first of all columns'
\echo
SELECT rank, feature, round(importance::numeric, 3) AS importance, bar
FROM everything, hp_importance(model)
WHERE rank <= 10
ORDER BY rank;

\echo '== Five houses that the model has not seen'
\echo
SELECT neighborhood, year_built AS built, gr_liv_area AS "sq ft",
       to_char(sale_price, '999,999') AS actual,
       to_char(hp_predict(model, h), '999,999') AS predicted,
       round(100 * (hp_predict(model, h) / sale_price - 1))::int AS "off by %"
FROM everything, houses h
WHERE NOT hp_split(h, 0.75)
ORDER BY hp_fold(h, 1000), sale_price
LIMIT 5;

\echo '== A name for the model that is in use; the better one has to pass the gate'
\echo
\set ECHO queries
SELECT hp_release('ames', hp_publish('ames', model)) AS version FROM seven;
SELECT g.verdict, round(g.released) AS before, round(g.candidate) AS candidate, g.rows
FROM everything, hp_gate('ames', model, 'SELECT * FROM houses h WHERE NOT hp_split(h, 0.75)') g;
SELECT hp_release('ames', hp_publish('ames', model)) AS version FROM everything;
SELECT version, released, algorithm, features, rows, left(digest, 8) AS digest FROM hp_models;
SELECT round(avg(hp_predict('ames', h))) AS "mean price, by name" FROM houses h;
\set ECHO none

\if :{?report}
\echo '== All of it as a page, to be opened in a browser: hp_report(model, source)'
\echo
\pset tuples_only on
\pset format unaligned
\o :report
SELECT hp_report(model, 'SELECT h.*, make_date(year_sold, mo_sold, 1) AS sold FROM houses h WHERE NOT hp_split(h, 0.75)')
FROM everything;
\o
\pset tuples_only off
\pset format aligned
\echo '    ' :report
\echo
\endif

\echo '== Next, type'
\echo
\echo '    make demo-psql'
\echo '    CREATE TABLE m AS SELECT hp_train(h, ''sale_price'', hp_forest(trees => 500)) AS model FROM houses h WHERE hp_split(h, 0.75);'
\echo '    SELECT h.sale_price, hp_predict(m.model, h) FROM m, houses h WHERE NOT hp_split(h, 0.75) LIMIT 10;'
\echo
