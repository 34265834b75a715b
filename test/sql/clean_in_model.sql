--
-- A fill in the model: predict(m, h) = predict(m, hp_clean(h, fill))
--
SET client_min_messages = warning;
SET DateStyle = ISO;

CREATE TABLE fills (name text, fill jsonb);
INSERT INTO fills VALUES
	('default', '{}'),
	('zero', '{"number": 0, "text": "None", "boolean": false}'),
	('unusual', '{"number": -1, "text": "?", "boolean": true}'),
	('nothing', '{"number": null, "text": null, "boolean": null}'),
	('columns', '{"columns": {"lot_frontage": 70, "alley": "No_Alley_Access"}}'),
	('tokens', '{"missing": ["None", "", "No_Fence"], "text": "none"}');
INSERT INTO fills
SELECT 'fitted', hp_fit_cleaner(h) FROM houses h;

-- houses with holes of every sort
CREATE TABLE fills_houses AS
SELECT sale_price,
	CASE WHEN lot_area % 7 > 0 THEN lot_frontage END AS lot_frontage,
	CASE WHEN lot_area % 5 > 0 THEN gr_liv_area::float8 ELSE 'NaN' END AS gr_liv_area,
	CASE WHEN lot_area % 11 = 0 THEN 'Infinity' WHEN lot_area % 3 > 0 THEN lot_area::numeric END AS lot_area,
	CASE WHEN lot_area % 4 > 0 THEN alley ELSE ' ' END AS alley,
	nullif(fence, 'Minimum_Privacy') AS fence,
	CASE WHEN lot_area % 6 > 0 THEN central_air = 'Y' END AS air,
	CASE WHEN lot_area % 9 > 0 THEN make_date(year_sold, mo_sold, 1) END AS sold
FROM houses;
-- what a model sees of a row is the row cleaned: same predictions, and the
-- same digest as a model trained on cleaned rows, but for the record
CREATE TABLE fills_models AS
SELECT f.*, (SELECT hp_train(h, 'sale_price', hp_forest(trees => 5) || jsonb_build_object('clean', fill))
		FROM fills_houses h) AS inside,
	(SELECT hp_train(c, h.sale_price, hp_forest(trees => 5, exclude => '{sale_price}'))
		FROM fills_houses h, LATERAL hp_clean(h, fill) c) AS outside
FROM fills f;
SELECT name, c.*
FROM fills_models, LATERAL
	(SELECT count(*) AS rows,
		count(*) FILTER (WHERE hp_predict(inside, h) = hp_predict(inside, hp_clean(h, fill))) AS itself_cleaned,
		count(*) FILTER (WHERE hp_predict(inside, h) = hp_predict(outside, hp_clean(h, fill))) AS as_outside,
		count(*) FILTER (WHERE hp_predict(inside, h) <> hp_predict(outside, h)) > 0 AS outside_needs_it
	 FROM fills_houses h) c
ORDER BY name;
SELECT name, hp_model_info(inside) -> 'data_digest' = hp_model_info(outside) -> 'data_digest' AS data,
	hp_model_info(inside) -> 'oob' = hp_model_info(outside) -> 'oob' AS oob,
	hp_model_info(inside) -> 'clean' = fill AS recorded
FROM fills_models ORDER BY name;

-- rows of other shapes: fewer columns, other types of the kind, another order
SELECT name, c.*
FROM fills_models, LATERAL
	(SELECT count(*) FILTER (WHERE hp_predict(inside, h) = hp_predict(inside, s)) AS without_target,
		count(*) FILTER (WHERE hp_predict(inside, h) = hp_predict(inside, t)) AS other_types
	 FROM fills_houses h,
		LATERAL (SELECT h.sold, h.air, h.fence, h.alley, h.lot_area, h.gr_liv_area, h.lot_frontage) s,
		LATERAL (SELECT h.lot_frontage::numeric, h.gr_liv_area, h.lot_area::float8, h.alley::varchar(40),
			h.fence::varchar, h.air, h.sold::timestamp) t) c
ORDER BY name;

-- the target is not filled: its NULL is a row without target
SELECT hp_model_info(m) -> 'rows' AS rows, hp_model_info(m) -> 'rows_without_target' AS without,
	hp_model_info(m) #> '{target,min}' AS lowest
FROM (SELECT hp_train(s, 'sale_price', hp_forest(trees => 1, clean => '{"number": 0}')) AS m
	  FROM (SELECT nullif(sale_price, 160000) AS sale_price, lot_area FROM fills_houses) s) t;

CREATE TYPE fills_two AS (sold date, lot_area int);
-- a fitted fill travels too: fitted on one half, used on the other
SELECT count(*) FILTER (WHERE hp_predict(m, h) = hp_predict(m, hp_clean(h, fill))) = count(*) AS same
FROM fills_houses h,
	(SELECT fill, hp_train(h, 'sale_price', hp_forest(trees => 5) || jsonb_build_object('clean', fill)) AS m
	 FROM fills_houses h, (SELECT hp_fit_cleaner(h) AS fill FROM fills_houses h WHERE hp_split(h.sale_price, 0.5)) f
	 WHERE hp_split(h.sale_price, 0.5) GROUP BY fill) t
WHERE NOT hp_split(h.sale_price, 0.5);

-- a fill that a column cannot take is an ERROR, in training as in prediction
SELECT hp_train(h, 'sale_price', hp_forest(clean => '{"columns": {"air": 3}}')) IS NULL FROM fills_houses h;
SELECT hp_train(h, 'sale_price', hp_forest(clean => '{"columns": {"alley": 3}}')) IS NULL FROM fills_houses h;
SELECT hp_predict(m, s) FROM
	(SELECT hp_train(h, 'sale_price', hp_forest(trees => 1, clean => '{"columns": {"alley": "No_Alley_Access"}}')) AS m
	 FROM fills_houses h) t,
	(SELECT lot_frontage, gr_liv_area, lot_area, NULL::varchar(3) AS alley, fence, air, sold FROM fills_houses LIMIT 1) s;
-- one for a column that is not there too; in prediction the model needs only
-- its features
SELECT hp_train(h, 'sale_price', hp_forest(clean => '{"columns": {"aley": "x"}}')) IS NULL FROM fills_houses h;
SELECT hp_predict(m, s) = hp_predict(m, ROW(NULL, 5)::fills_two) AS same FROM
	(SELECT hp_train(h, 'sale_price', hp_forest(trees => 1, exclude => '{fence,sold}',
		clean => '{"columns": {"fence": "x", "sale_price": 7, "lot_area": 5}}')) AS m
	 FROM (SELECT fence, sold, lot_area, sale_price FROM fills_houses) h) t,
	(SELECT NULL::int AS lot_area) s;

DROP TABLE fills, fills_houses, fills_models;
DROP TYPE fills_two;
RESET client_min_messages;
RESET DateStyle;
