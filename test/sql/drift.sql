--
-- hp_drift: do newer rows differ from those that a model was trained on?
--
-- A report has a line for each feature, and comes as an array; here to three
-- digits, and what is not quite 0 is at least 0.0001.
CREATE FUNCTION drift_round(float8) RETURNS numeric LANGUAGE sql IMMUTABLE
RETURN CASE WHEN abs($1) < 1e-4 AND $1 <> 0 THEN sign($1)::numeric * 0.0001 ELSE round($1::numeric, 3) END;
CREATE FUNCTION drift_lines(hp_drift_line[])
RETURNS TABLE (feature text, verdict text, n bigint, psi numeric, p numeric, nulls_before numeric,
	nulls numeric, unseen numeric, outside numeric, change text)
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
	SELECT feature, verdict, n, drift_round(psi), drift_round(p_value), drift_round(nulls_before),
		drift_round(nulls), drift_round(unseen), drift_round(out_of_range), change
	FROM unnest($1);
END;
CREATE VIEW drift_houses AS
SELECT lot_area, lot_frontage, neighborhood, house_style, year_built, gr_liv_area, central_air,
	sale_price, year_sold, row_number() OVER (ORDER BY longitude, latitude, sale_price) AS id
FROM houses;
CREATE TABLE drift_models (name text, model hp_model);
INSERT INTO drift_models
SELECT 'half', hp_train(x, 'sale_price', hp_boost(rounds => 100))
FROM (SELECT lot_area, lot_frontage, neighborhood, house_style, year_built, gr_liv_area,
	central_air, sale_price FROM drift_houses WHERE hp_split(id, 0.5)) x;
ANALYZE drift_models;

-- The other half of all houses is like the first.
SELECT l.* FROM drift_models, LATERAL (SELECT hp_drift(model, h) FROM drift_houses h
	WHERE NOT hp_split(h.id, 0.5)) d (report), drift_lines(report) l;

-- Houses of some neighborhoods are not.
SELECT l.feature, l.verdict, l.psi, l.p, l.change
FROM drift_models, LATERAL (SELECT hp_drift(model, h) FROM drift_houses h
	WHERE NOT hp_split(h.id, 0.5) AND neighborhood IN ('Gilbert', 'Northridge_Heights')) d (report),
	drift_lines(report) l;
SELECT feature, picture FROM drift_models, unnest((SELECT hp_drift(model, h) FROM drift_houses h
	WHERE neighborhood IN ('Gilbert', 'Northridge_Heights'))) LIMIT 4;

-- Twenty houses look different by chance, and are no reason for an alarm; of
-- twenty in one neighborhood something can be said.
SELECT l.feature, l.verdict, l.psi, l.p
FROM drift_models, LATERAL (SELECT hp_drift(model, h) FROM
	(SELECT * FROM drift_houses WHERE NOT hp_split(id, 0.5) ORDER BY hp_split(id, 0.5, 7), id * 7919 % 2930 LIMIT 20) h) d (report),
	drift_lines(report) l;
SELECT count(*) AS reports, count(*) FILTER (WHERE drifts > 0) AS alarms FROM
	(SELECT part, (SELECT count(*) FROM unnest(hp_drift(model, h)) WHERE verdict = 'drift') AS drifts
	 FROM drift_models, (SELECT *, hp_fold(id, 50) AS part FROM drift_houses WHERE NOT hp_split(id, 0.5)) h
	 GROUP BY part) x;
SELECT l.feature, l.verdict
FROM drift_models, LATERAL (SELECT hp_drift(model, h) FROM
	(SELECT * FROM drift_houses WHERE neighborhood = 'Old_Town' ORDER BY id LIMIT 20) h) d (report),
	drift_lines(report) l ORDER BY l.verdict, l.feature;

-- The median of prediction / actual comes first, where actual values are
-- known: here prices rise by a fifth in the last year.
SELECT year_sold, (l).verdict, (l).n, drift_round((l).p_value) AS p, (l).change
FROM (SELECT year_sold, unnest(hp_drift(model, h)) AS l FROM drift_models,
		(SELECT lot_area, lot_frontage, neighborhood, house_style, year_built, gr_liv_area, central_air, year_sold,
			CASE year_sold WHEN 2010 THEN 1.2 ELSE 1 END * sale_price AS sale_price
		 FROM drift_houses WHERE NOT hp_split(id, 0.5)) h
	  GROUP BY year_sold) x
WHERE (l).feature = '(ratio)' ORDER BY year_sold;

--
-- What is unlike all of the training
--
CREATE TABLE drift_old AS
SELECT i, (i * 7919) % 500 AS area, (ARRAY['brick', 'wood'])[1 + i % 2] AS wall, i % 3 = 0 AS garage,
	NULLIF(i % 10, 0) AS rooms, 1000 + (i * 7919) % 500 + 100 * (i % 2) + 7 * (i % 13) AS price
FROM generate_series(1, 600) i;
CREATE TABLE drift_new AS
SELECT i, (i * 7919) % 500 + CASE WHEN i % 10 = 0 THEN 600 ELSE 0 END AS area,
	CASE WHEN i % 5 = 0 THEN 'straw' ELSE (ARRAY['brick', 'wood'])[1 + i % 2] END AS wall,
	CASE WHEN i % 4 > 0 THEN i % 3 = 0 END AS garage, NULLIF(i % 10, 0) AS rooms,
	1000 + (i * 7919) % 500 + 100 * (i % 2) + 7 * (i % 13) AS price
FROM generate_series(601, 900) i;
INSERT INTO drift_models
SELECT 'walls', hp_train(x, 'price', hp_forest(trees => 20))
FROM (SELECT area, wall, garage, rooms, price FROM drift_old) x;
SELECT l.* FROM drift_models m, LATERAL (SELECT hp_drift(m.model, n) FROM drift_new n) d (report),
	drift_lines(report) l WHERE m.name = 'walls';

-- A merged forest has no groups to compare with; new categories, values out of
-- range and missing ones that never were missing still tell.
INSERT INTO drift_models
SELECT 'merged', hp_merge(part) FROM
	(SELECT hp_train(x, 'price', hp_forest(trees => 10, exclude => '{half}')) AS part
	 FROM (SELECT area, wall, garage, rooms, price, i % 4 / 2 AS half FROM drift_old) x GROUP BY half) y;
SELECT l.* FROM drift_models m, LATERAL (SELECT hp_drift(m.model, n) FROM drift_new n) d (report),
	drift_lines(report) l WHERE m.name = 'merged';

-- A model without features has predictions alone.
SELECT l.* FROM (SELECT hp_train(o, 'price', hp_mean()) AS model FROM drift_old o) m,
	LATERAL (SELECT hp_drift(m.model, n) FROM drift_new n) d (report), drift_lines(report) l;

-- The fill in a model comes first: it has never seen a missing value.
SELECT l.* FROM (SELECT hp_train(o, 'price', hp_forest(trees => 10, clean => '{}', exclude => '{i}')) AS model FROM drift_old o) m,
	LATERAL (SELECT hp_drift(m.model, n) FROM drift_new n) d (report), drift_lines(report) l WHERE feature IN ('garage', 'rooms');

--
-- Actual values
--
-- by value; NULL, 0 and what is below or infinite say nothing
SELECT l.feature, l.verdict, l.n, round(median_ratio::numeric, 2) AS median_ratio
FROM drift_models m, unnest((SELECT hp_drift(m.model, n, 2.0 * n.price) FROM drift_new n)) l
WHERE m.name = 'walls' AND feature = '(ratio)';
SELECT l.feature, l.n FROM drift_models m, unnest((SELECT hp_drift(m.model, n,
		CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN 0 WHEN 2 THEN -1 WHEN 3 THEN 'Infinity'::float8 ELSE n.price END)
	FROM drift_new n)) l
WHERE m.name = 'walls' AND feature IN ('(ratio)', '(prediction)');
-- a row without the target has none, and neither has a model trained by value
SELECT count(*) AS ratios FROM drift_models m, unnest((SELECT hp_drift(m.model, n) FROM
	(SELECT area, wall, garage, rooms FROM drift_new) n)) l WHERE m.name = 'walls' AND feature = '(ratio)';
SELECT count(*) AS ratios FROM (SELECT hp_train(o, o.price::float8, hp_forest(trees => 5, exclude => '{i,price}')) AS model FROM drift_old o) m,
	unnest((SELECT hp_drift(m.model, n) FROM drift_new n)) l WHERE feature = '(ratio)';
-- ratios beyond those that are counted apart
SELECT round(median_ratio::numeric, 4) AS median_ratio, verdict FROM drift_models m,
	LATERAL (VALUES (1e9), (1e-9)) f (factor),
	unnest((SELECT hp_drift(m.model, n, factor * n.price) FROM drift_new n)) l
WHERE m.name = 'walls' AND feature = '(ratio)' ORDER BY 1;

--
-- By name: the released model, without a right to its weights
--
SELECT hp_publish('drift walls', model) AS version FROM drift_models WHERE name = 'walls';
SELECT hp_drift('drift walls', n) FROM drift_new n;
SELECT hp_release('drift walls', 1);
SELECT hp_drift('drift walls', n) = hp_drift(m.model, n) AS same,
	hp_drift('drift walls', n, n.price) = hp_drift(m.model, n, n.price) AS same_of_value
FROM drift_models m, drift_new n WHERE m.name = 'walls';
CREATE ROLE regress_drift_watcher;
GRANT SELECT ON drift_new TO regress_drift_watcher;
SET ROLE regress_drift_watcher;
SELECT feature, verdict FROM unnest((SELECT hp_drift('drift walls', n) FROM drift_new n)) WHERE verdict = 'drift';
SELECT hp_get_model('drift walls');
RESET ROLE;

--
-- The same in any plan
--
SELECT hp_drift(m.model, n) IS NULL AS no_rows FROM drift_models m, drift_new n WHERE false;
SELECT i, cardinality(hp_drift(m.model, n) OVER (ORDER BY i)) AS lines, (hp_drift(m.model, n) OVER (ORDER BY i))[2].n
FROM drift_models m, drift_new n WHERE m.name = 'walls' AND i < 604 ORDER BY i;
SELECT count(DISTINCT hp_drift) FROM drift_models m, LATERAL (
	SELECT hp_drift(m.model, n ORDER BY i) FROM drift_new n
	UNION ALL SELECT hp_drift(m.model, n ORDER BY i DESC) FROM drift_new n
	UNION ALL SELECT hp_drift(m.model, n) FILTER (WHERE i > 0) FROM drift_new n
	UNION ALL SELECT hp_drift(m.model, n) FROM (SELECT price, rooms, garage, wall, area FROM drift_new) n) x
WHERE m.name = 'walls';

CREATE TABLE drift_many AS SELECT n.* FROM drift_new n, generate_series(1, 100);
ANALYZE drift_many;
CREATE TABLE drift_serial AS
SELECT wall, hp_drift(m.model, n) AS report FROM drift_models m, drift_many n WHERE m.name = 'walls' GROUP BY ROLLUP (wall);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT hp_drift('drift walls', n) FROM drift_many n;
SELECT hp_drift('drift walls', n) = report AS same
FROM drift_many n, drift_serial s WHERE s.wall IS NULL GROUP BY report;
SELECT hp_drift((SELECT model FROM drift_models WHERE name = 'walls'), n) = (SELECT report FROM drift_serial WHERE wall IS NULL) AS same
FROM drift_many n;
SELECT count(*) AS groups, count(*) FILTER (WHERE p.report = s.report) AS same
FROM (SELECT wall, hp_drift('drift walls', n) AS report FROM drift_many n GROUP BY wall) p JOIN drift_serial s USING (wall);
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

--
-- Errors
--
SELECT hp_drift(NULL::hp_model, n) FROM drift_new n;
SELECT hp_drift(NULL::text, n) FROM drift_new n;
SELECT hp_drift(model, NULL::drift_new) FROM drift_models;
SELECT hp_drift(model, n) FROM drift_models, drift_new n WHERE name IN ('walls', 'merged');
SELECT hp_drift(model, n) FROM drift_models, (SELECT area, wall, garage AS garages, rooms FROM drift_new) n WHERE name = 'walls';
SELECT hp_drift(model, n) FROM drift_models, (SELECT area, wall::bytea, garage, rooms FROM drift_new) n WHERE name = 'walls';
SELECT hp_drift('drift wall', n) FROM drift_new n;

DELETE FROM hp_releases WHERE name = 'drift walls';
DELETE FROM hp_versions WHERE name = 'drift walls';
DROP TABLE drift_old, drift_new, drift_many, drift_models, drift_serial;
DROP VIEW drift_houses;
DROP FUNCTION drift_lines;
DROP FUNCTION drift_round;
DROP OWNED BY regress_drift_watcher;
DROP ROLE regress_drift_watcher;
