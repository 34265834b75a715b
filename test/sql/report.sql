--
-- hp_report: a page about a model
--
SET client_min_messages = warning;
CREATE VIEW report_houses AS
SELECT lot_area, year_built, gr_liv_area, full_bath, neighborhood, central_air, sale_price, make_date(year_sold, mo_sold, 1) AS sold
FROM houses;
CREATE VIEW report_known AS SELECT * FROM report_houses h WHERE hp_split(h, 0.3);
CREATE VIEW report_rest AS SELECT * FROM report_houses h WHERE NOT hp_split(h, 0.8);
CREATE TABLE report_models AS
SELECT name, hp_train(k, 'sale_price', params) AS model
FROM report_known k, (VALUES ('forest', hp_forest(trees => 50)), ('boost', hp_boost(rounds => 60, early_stopping => false)),
	('linear', hp_linear(l1 => 0.01, l2 => 0.01)), ('blend', hp_blend(hp_forest(trees => 5), hp_linear(l1 => 0.01, l2 => 0.01))),
	('mean', hp_mean())) p (name, params)
GROUP BY name;

-- what stands at a path of a page, which is well-formed XML too
CREATE FUNCTION report_says(page text, path text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT array_to_string(xpath('.//text()', element), '')
	FROM unnest(xpath(path, xmlparse(document page))) element
$$;
-- nothing that is fetched, nothing that runs, and no byte but ASCII
CREATE FUNCTION report_safe(page text) RETURNS boolean LANGUAGE sql AS $$
	SELECT cardinality(xpath('//script | //link | //img | //iframe | //object | //embed | //@src | //@*[contains(name(), "href")]
			| //@*[starts-with(name(), "on")] | //@style', xmlparse(document page))) = 0
		AND page ~ '^[\x01-\x7e]*$' AND page !~ 'url\(|@import'
$$;

-- rows that the model has not seen
SELECT r.* FROM report_models, hp_report(model, 'report_rest') page, report_says(page, '//h2') r WHERE name = 'forest';
SELECT r.* FROM report_models, hp_report(model, 'report_rest') page, report_says(page, '//h1 | //p[@class="lead"]') r WHERE name = 'forest';
-- what hp_evaluate says of them
SELECT round(e.mae) AS mae, round(100 * e.mdape::numeric, 1) AS mdape, round(b.mae) AS mean_mae
FROM report_models, LATERAL (SELECT (hp_evaluate(sale_price, hp_predict(model, r))).* FROM report_rest r) e,
	LATERAL (SELECT (hp_evaluate(sale_price, (hp_model_info(model) #>> '{target,mean}')::float8)).* FROM report_rest r) b
WHERE name = 'forest';
SELECT r.* FROM report_models, hp_report(model, 'report_rest') page, report_says(page, '//tr[td = "MAE" or td = "MdAPE"]') r WHERE name = 'forest';

-- every algorithm has a page, of which nothing comes from elsewhere
SELECT name, report_safe(hp_report(model)) AS alone, report_safe(hp_report(model, 'report_rest')) AS with_rows,
	(SELECT count(*) FROM report_says(hp_report(model, 'report_rest'), '//svg')) AS charts
FROM report_models ORDER BY name;

-- without rows: what the training measured, and what the model knows of itself
SELECT name, lead FROM report_models, report_says(hp_report(model), '//p[@class="lead"]') lead ORDER BY name;
SELECT r.* FROM report_models, report_says(hp_report(model), '//h2') r WHERE name = 'linear';

-- the rows of the training: predicted out of bag, or, where that cannot be, with a warning
SELECT name, lead || coalesce(' ' || banner, '') AS says
FROM report_models, hp_report(model, 'report_known') page, report_says(page, '//p[@class="lead"]') lead
LEFT JOIN report_says(page, '//p[@class="banner"]') banner ON true
WHERE name IN ('forest', 'boost') ORDER BY name DESC;
SELECT round(hp_mae(sale_price, hp_predict_oob(model, h))) AS oob, round(hp_mae(sale_price, hp_predict(model, h))) AS from_memory
FROM report_models, report_known h WHERE name = 'forest';

-- a function of model and rows: not of their order, the plan, settings, other columns' order
SELECT name, count(DISTINCT page) AS pages
FROM report_models, (VALUES ('report_rest'), ('SELECT * FROM report_rest ORDER BY sale_price DESC'),
	('SELECT * FROM report_rest WHERE central_air = ''N'' UNION ALL SELECT * FROM report_rest WHERE central_air <> ''N''')) s (source),
	hp_report(model, source) page
GROUP BY name ORDER BY name;
CREATE TABLE report_pages AS SELECT name, hp_report(model, 'report_rest') AS page FROM report_models;
SET DateStyle = 'German'; SET TimeZone = 'Asia/Tokyo'; SET extra_float_digits = -5; SET houseprice.threads = 1; SET work_mem = '64kB';
SELECT count(*) FROM report_pages p JOIN report_models m USING (name) WHERE p.page = hp_report(m.model, 'report_rest');
RESET DateStyle; RESET TimeZone; RESET extra_float_digits; RESET houseprice.threads; RESET work_mem;
DROP TABLE report_pages;

-- names and values that would rather be something else
CREATE TABLE report_hostile ("<script>alert(1)</script>" text, "a""b'&c" int, "&lt;" boolean, "-->" timestamptz, "]]>" float8, price int);
INSERT INTO report_hostile
SELECT CASE i % 4 WHEN 0 THEN '<img src=x onerror=alert(1)>' WHEN 1 THEN '&amp;' WHEN 2 THEN E'\x01\x1b[31m\u0085\u202e\ufffe' ELSE '🏠"''' END,
	i % 17, i % 3 = 0, '2020-01-01Z'::timestamptz + i * '1 day'::interval, i % 29, 1000 + 100 * (i % 4) + i % 17 * 3 + i % 13
FROM generate_series(1, 300) i;
CREATE TABLE report_hostile_model AS
SELECT hp_train(t, 'price', hp_forest(trees => 20, log_target => false)) AS m FROM report_hostile t WHERE "]]>" > 9;
SELECT report_safe(hp_report(m, 'SELECT * FROM report_hostile WHERE "]]>" <= 9')) AS safe FROM report_hostile_model;
SELECT r.* FROM report_hostile_model, report_says(hp_report(m, 'SELECT * FROM report_hostile WHERE "]]>" <= 9'), '//h2') r;
-- as text (escaped by xpath) they are all there: names in full, categories, but for what may not stand in a page
SELECT DISTINCT r.* FROM report_hostile_model, hp_report(m, 'SELECT * FROM report_hostile WHERE "]]>" <= 9') page,
	report_says(page, '//h3 | //*[@class="label"]') r ORDER BY 1;

-- dates in periods that are not too many; those of the column that most rows have
CREATE FUNCTION report_dates(step interval, n int) RETURNS TABLE (heading text, words text, first text, last text) LANGUAGE sql AS $$
	SELECT (xpath('//h2[starts-with(., "As time")]/text()', x))[1]::text,
		(regexp_match((xpath('//p[starts-with(., "A dot is the median")]/text()', x))[1]::text, 'median of a (.*); half'))[1],
		(regexp_match(page, '<title>([^,<]*), [0-9]+ rows?: [^<]* at the median'))[1],
		(regexp_match(page, '.*<title>([^,<]*), [0-9]+ rows?: [^<]* at the median'))[1]
	FROM report_hostile_model,
		hp_report(m, format('SELECT t.*, (timestamp ''2019-11-05 12:00'' + i * interval %L)::timestamp AS moment, NULL::date AS never
			FROM report_hostile t, generate_series(0, %s) i WHERE "]]>" = 3 AND "a""b''&c" < 9', step, n - 1)) page, xmlparse(document page) x
$$;
ALTER TABLE report_hostile RENAME "-->" TO when_;
SELECT hp_train(t, 'price', hp_forest(trees => 20, exclude => '{when_}')) AS m INTO report_dateless FROM report_hostile t WHERE "]]>" > 9;
UPDATE report_hostile_model SET m = (SELECT m FROM report_dateless);
ALTER TABLE report_hostile DROP when_;
SELECT d.* FROM (VALUES ('1 day', 31), ('1 day', 32), ('1 month', 24), ('1 month', 25), ('3 months', 24), ('3 months', 25),
	('1 year', 40), ('1 year', 41), ('10 years', 41), ('100 years', 41), ('1 day', 1)) s (step, n), report_dates(step::interval, n) d;

-- targets that have no logarithm; one row; rows without a target; none
CREATE TABLE report_signs AS SELECT i % 50 AS x, CASE WHEN i % 7 > 3 THEN 'high' ELSE 'low' END AS y,
	(i % 7 - 3) * 10 + (i % 50) / 10.0 AS gain FROM generate_series(1, 400) i;
CREATE TABLE report_sign_model AS SELECT hp_train(s, s.gain, hp_forest(trees => 20, exclude => '{gain}')) AS m FROM report_signs s WHERE x > 9;
SELECT r.* FROM report_sign_model, hp_report(m, 'SELECT * FROM report_signs WHERE x <= 9', 'gain') page,
	report_says(page, '//p[@class="lead"] | //ul[@class="tiles"]/li/span') r;
SELECT report_safe(page) AS safe, r.* FROM report_sign_model, hp_report(m, 'SELECT 3 AS x, NULL::text AS y, 5::float8 AS gain', 'gain') page,
	report_says(page, '//p[@class="lead"]') r;
SELECT report_safe(page) AS safe, r.* FROM report_sign_model, hp_report(m,
	'SELECT x, y, CASE WHEN x < 3 THEN gain WHEN x = 4 THEN ''NaN'' END AS gain FROM report_signs WHERE x <= 9', 'gain') page,
	report_says(page, '//p[contains(., "left out")]') r;
SELECT report_safe(page) AS safe, r.* FROM report_sign_model, hp_report(m, 'SELECT * FROM report_signs WHERE false', 'gain') page,
	report_says(page, '//p[@class="banner"]') r;
SELECT report_safe(page) AS safe, r.* FROM report_sign_model, hp_report(m,
	'SELECT 3 AS x, ''low'' AS y, gain::float8 FROM (VALUES (1e308), (-1e308), (1e-308)) v (gain)', 'gain') page,
	report_says(page, '//p[@class="lead"]') r;

-- targets of any size, and what axes make of them
CREATE TABLE report_sizes AS SELECT name, i % 13 AS a, i, (1 + i % 7) * factor + shift AS y
FROM generate_series(1, 200) i, (VALUES ('denormal', 5e-324, 0), ('tiny', 1e-300, 0), ('huge', 2e307, 0), ('one value', 0, 7),
	('last digits', 1e-12, 1), ('years', 1, 1990), ('large integers', 1e9, 1e15)) s (name, factor, shift);
SELECT name, bool_and(report_safe(page)) AS safe, bool_or(page ~ '="[^"]*(nan|inf)') AS bad_places, min(ticks) AS ticks
FROM (SELECT name, hp_train(s, s.y, hp_forest(trees => 10, log_target => logs, exclude => '{name, i, y}')) AS m
		FROM report_sizes s, (VALUES (true), (false)) l (logs) WHERE i % 4 > 0 GROUP BY name, logs) t,
	hp_report(m, format('SELECT a, y FROM report_sizes WHERE i %% 4 = 0 AND name = %L', name), 'y') page,
	LATERAL (SELECT string_agg(r, ' ') AS ticks FROM report_says(page, '(//svg)[1]//*[@class="tick" and @text-anchor="middle"]') r) x
GROUP BY name ORDER BY name;

-- weights: rows of weight 0 are no rows; those of the training are known by theirs
CREATE TABLE report_weights AS SELECT s.*, i % 3 AS w FROM report_signs s, generate_series(1, 2) i;
CREATE TABLE report_weight_model AS SELECT hp_train(s, 'gain', hp_forest(trees => 20, weight => 'w')) AS m FROM report_weights s;
INSERT INTO report_weights VALUES (1, 'low', 7, 0);
SELECT r.* FROM report_weight_model, hp_report(m, 'report_weights') page, report_says(page, '//p[@class="lead"]') r
UNION ALL
SELECT r.* FROM report_weight_model, hp_report(m, 'report_weights') page, report_says(page, '//p[contains(., "left out")]') r;
SELECT left(r, 40) FROM report_weight_model, hp_report(m, 'SELECT x, y, gain FROM report_weights') page, report_says(page, '//p[@class="lead"]') r;

-- many rows: squares for dots, and a sample for what takes long
SELECT report_safe(page) AS safe, (SELECT count(*) FROM report_says(page, '(//svg)[1]//circle')) AS dots,
	(SELECT count(*) > 100 FROM report_says(page, '(//svg)[1]//rect')) AS tiles, length(page) < 500000 AS short, r.*
FROM report_sign_model, hp_report(m, 'SELECT s.x, s.y, s.gain + i % 70 AS gain FROM report_signs s, generate_series(1, 100) i', 'gain') page,
	report_says(page, '//p[contains(., "Measured on")]') r;

-- what a row is unlike; features that are always missing, times, what no split uses
CREATE TABLE report_kinds AS SELECT i % 11 AS n, i % 2 = 0 AS b, date '2020-01-01' + i % 30 AS d, chr(65 + i % 3) AS c, NULL::int AS never,
	7 AS same, CASE WHEN i % 5 > 0 THEN i % 19 END AS gaps, (i % 11 * 5 + i % 2 * 20 + i % 3 * 9 + i % 7)::float8 AS y
FROM generate_series(1, 400) i;
CREATE TABLE report_kinds_model AS
SELECT hp_train(k, 'y', hp_forest(trees => 20, feature_fraction => 1, monotone => '{"n": 1}')) AS m FROM report_kinds k;
SELECT report_safe(page) AS safe, r.* FROM report_kinds_model,
	hp_report(m, 'SELECT CASE WHEN n > 9 THEN 99 ELSE n - 1 END AS n, NULLIF(b, n = 3) AS b, d + 10 AS d, lower(c) AS c, never, same, gaps, y FROM report_kinds') page,
	report_says(page, '//h2[starts-with(., "Rows unlike")]/following::table[1]/tbody/tr') r;
SELECT r.* FROM report_kinds_model, hp_report(m) page, report_says(page, '//details[last()]//tbody/tr') r;

-- the fill of the model is applied to predict, and shown is what the source has
CREATE VIEW report_gaps AS SELECT n, NULLIF(c, 'A') AS c, y FROM report_kinds WHERE n < 5;
SELECT r.* FROM (SELECT hp_train(k, 'y', hp_forest(trees => 5, clean => '{"text": "A", "columns": {"n": 3}}')) AS m
		FROM (SELECT n, c, y FROM report_kinds) k) t, hp_report(m, 'report_gaps') page, report_says(page, '//*[@class="label aside"] | //tr[td = "MAE"]') r
UNION ALL
SELECT to_char(hp_mae(y, hp_predict(m, k)), '"MAE by hp_predict: "FM990.00')
FROM (SELECT hp_train(k, 'y', hp_forest(trees => 5, clean => '{"text": "A", "columns": {"n": 3}}')) AS m
	FROM (SELECT n, c, y FROM report_kinds) k) t, report_gaps k;

-- no model, no page
SELECT hp_report(NULL) IS NULL AS alone, hp_report(NULL, 'nowhere') IS NULL AS with_rows;

-- what cannot be
SELECT hp_report(m, 'report_signs') FROM report_sign_model;
SELECT hp_report(m, 'report_signs', 'gein') FROM report_sign_model;
SELECT hp_report(m, 'report_signs', 'y') FROM report_sign_model;
SELECT hp_report(m, NULL, 'gain') FROM report_sign_model;
SELECT hp_report(m, 'SELECT x, gain FROM report_signs', 'gain') FROM report_sign_model;
SELECT hp_report(m, 'SELECT x::text, y, gain FROM report_signs', 'gain') FROM report_sign_model;
SELECT hp_report(m, 'DELETE FROM report_signs', 'gain') FROM report_sign_model;
SELECT hp_report(m, 'report_nowhere', 'gain') FROM report_sign_model;

DROP FUNCTION report_dates, report_says, report_safe;
DROP VIEW report_gaps;
DROP TABLE report_models, report_hostile, report_hostile_model, report_dateless, report_signs, report_sign_model, report_sizes, report_weights,
	report_weight_model, report_kinds, report_kinds_model;
DROP VIEW report_known, report_rest, report_houses;
RESET client_min_messages;
