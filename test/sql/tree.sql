--
-- hp_tree(model, n), model::jsonb: all that a model has learned, to be read
--
SET client_min_messages = warning;
CREATE TABLE tree_lots AS
SELECT 50 + i % 40 AS area, CASE i % 7 WHEN 0 THEN 'Brook' WHEN 1 THEN 'Cliff' WHEN 2 THEN NULL ELSE 'Alley' END AS street,
	i % 3 = 0 AS corner, DATE '2020-01-01' + i % 50 AS sold,
	(1000 * (50 + i % 40) - CASE WHEN i % 7 < 2 THEN 15000 ELSE 0 END + CASE WHEN i % 3 = 0 THEN 4000 ELSE 0 END + i % 50 * 10)::float8 AS price
FROM generate_series(1, 4200) i;
CREATE TABLE tree_models AS
SELECT 'tree' AS name, hp_train(l, 'price', hp_forest(trees => 1, bag => false, max_leaves => 8, feature_fraction => 1.0, log_target => false)) AS m
FROM tree_lots l;
SELECT n.* FROM tree_models, hp_tree(m, 1) n;

-- the rows that come to a node are those that go on to its children
SELECT bool_and(p.rows = l.rows + r.rows) AS rows_add_up, count(*) AS splits
FROM (SELECT n.* FROM tree_models, hp_tree(m, 1) n) p
	JOIN (SELECT n.* FROM tree_models, hp_tree(m, 1) n) l ON l.node = p.left_child
	JOIN (SELECT n.* FROM tree_models, hp_tree(m, 1) n) r ON r.node = p.right_child;

-- Who follows the rules by hand ends where hp_predict does.
CREATE FUNCTION tree_walk(model hp_model, n int, house jsonb) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	t record;
	at int := 1;
	x jsonb;
BEGIN
	LOOP
		SELECT * INTO t FROM hp_tree(model, n) WHERE node = at;
		IF t.value IS NOT NULL THEN
			RETURN t.value;
		END IF;
		x := house -> t.feature;
		IF jsonb_typeof(x) = 'null' OR t.categories IS NOT NULL AND NOT house ->> t.feature = ANY (
				SELECT c FROM tree_levels WHERE feature = t.feature) THEN
			at := CASE t.missing WHEN 'left' THEN t.left_child ELSE t.right_child END;
		ELSIF t.categories IS NOT NULL THEN
			at := CASE WHEN house ->> t.feature = ANY (t.categories) THEN t.left_child ELSE t.right_child END;
		ELSE
			at := CASE WHEN x::text::float8 <= t.threshold THEN t.left_child ELSE t.right_child END;
		END IF;
	END LOOP;
END
$$;
CREATE VIEW tree_seen AS SELECT * FROM houses h WHERE hp_split(h, 0.8);
CREATE TABLE tree_levels AS
SELECT DISTINCT key AS feature, value AS c FROM tree_seen s, jsonb_each_text(to_jsonb(s));
CREATE TABLE tree_ways AS
SELECT 'forest' AS name, hp_train(h, 'sale_price', hp_forest(trees => 3, log_target => false)) AS m FROM tree_seen h
UNION ALL
SELECT 'boost', hp_train(h, 'sale_price', hp_boost(rounds => 5, early_stopping => false, log_target => true)) FROM tree_seen h;
SELECT name, count(*),
	max(abs(hp_predict(m, h) / CASE name
		WHEN 'forest' THEN (SELECT avg(tree_walk(m, n, to_jsonb(h))) FROM generate_series(1, 3) n)
		ELSE exp((hp_model_info(m) ->> 'base')::float8 + (SELECT sum(tree_walk(m, n, to_jsonb(h))) FROM generate_series(1, 5) n))
		END - 1)) < 1e-12 AS same
FROM tree_ways, (SELECT * FROM houses h WHERE hp_split(h, 0.003, 3) OR h.lot_area > 100000) h GROUP BY name ORDER BY name;

-- as JSON: what hp_model_info says, and "learned"
SELECT jsonb_pretty(m::jsonb -> 'learned' -> 'trees' -> 0 -> 0) AS root FROM tree_models;
SELECT m::jsonb - 'learned' = hp_model_info(m) AS info,
	(SELECT jsonb_agg(CASE WHEN t.value IS NOT NULL THEN jsonb_build_object('rows', t.rows, 'value', t.value)
		ELSE jsonb_strip_nulls(jsonb_build_object('rows', t.rows, 'feature', t.feature, 'threshold', t.threshold, 'categories', to_jsonb(t.categories),
			'missing', t.missing, 'left', t.left_child, 'right', t.right_child)) END ORDER BY t.node)
	 FROM hp_tree(m, 1) t) = m::jsonb -> 'learned' -> 'trees' -> 0 AS nodes
FROM tree_models;
SELECT name, jsonb_array_length(m::jsonb -> 'learned' -> 'trees') AS trees,
	(SELECT sum(jsonb_array_length(t)) FROM jsonb_array_elements(m::jsonb -> 'learned' -> 'trees') t) = (hp_model_info(m) ->> 'nodes')::int AS nodes
FROM tree_ways ORDER BY name;

-- a linear model has terms, from which its predictions can be computed
CREATE TABLE tree_linear AS
SELECT hp_train(l, 'price', hp_linear(log_target => false)) AS m FROM tree_lots l;
SELECT t ->> 'feature' AS feature, array(SELECT jsonb_object_keys(t) ORDER BY 1) AS keys
FROM tree_linear, jsonb_array_elements(m::jsonb -> 'learned' -> 'terms') t;
SELECT count(*), max(abs(hp_predict(m, l) - ((hp_model_info(m) ->> 'base')::float8 + (
	SELECT sum(CASE
		WHEN t ? 'coefficients' THEN CASE WHEN x IS NULL THEN (t ->> 'missing')::float8 ELSE (t -> 'coefficients' ->> x)::float8 END
		WHEN x IS NULL THEN NULL
		ELSE (t ->> 'coefficient')::float8 * (least(greatest(n, (t ->> 'low')::float8), (t ->> 'high')::float8) - (t ->> 'center')::float8) END)
	FROM jsonb_array_elements(m::jsonb -> 'learned' -> 'terms') t,
		LATERAL (SELECT to_jsonb(l) ->> (t ->> 'feature') AS x) v,
		LATERAL (SELECT CASE t ->> 'feature' WHEN 'area' THEN l.area WHEN 'corner' THEN l.corner::int
			WHEN 'sold' THEN extract(epoch FROM l.sold::timestamp - timestamp '2000-01-01') * 1e6 END AS n) w
	WHERE NOT (t ->> 'log1p')::bool IS TRUE)))) < 1e-6 AS same
FROM tree_linear, tree_lots l
WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(m::jsonb -> 'learned' -> 'terms') t WHERE (t ->> 'log1p')::bool);

-- a blend has what each member learned; its trees follow each other
CREATE TABLE tree_blend AS
SELECT hp_train(l, 'price', hp_blend(hp_boost(rounds => 2, early_stopping => false), hp_linear(), hp_forest(trees => 3))) AS m FROM tree_lots l;
SELECT i, array(SELECT jsonb_object_keys(l)) AS learned, jsonb_array_length(l -> 'trees') AS trees
FROM tree_blend, jsonb_array_elements(m::jsonb -> 'learned') WITH ORDINALITY x(l, i);
SELECT bool_and((SELECT jsonb_agg(t.value ORDER BY t.node) FROM hp_tree(m, n) t) =
	(SELECT jsonb_agg(x -> 'value' ORDER BY i) FROM jsonb_array_elements(CASE WHEN n <= 2 THEN m::jsonb -> 'learned' -> 0 -> 'trees' -> n - 1
		ELSE m::jsonb -> 'learned' -> 2 -> 'trees' -> n - 3 END) WITH ORDINALITY y(x, i))) AS same
FROM tree_blend, generate_series(1, 5) n;

-- what cannot be
SELECT * FROM tree_models, hp_tree(m, 0);
SELECT * FROM tree_models, hp_tree(m, 2);
SELECT * FROM tree_blend, hp_tree(m, 6);
SELECT * FROM tree_linear, hp_tree(m, 1);
SELECT count(*) FROM tree_models, hp_tree(NULL, 1);
SELECT (hp_train(s, s.y, hp_forest(trees => 100, min_leaf => 1, leak => 'allow', log_target => false)))::jsonb
FROM (SELECT i AS x, i * 1.0 AS y FROM generate_series(1, 10000) i) s;

DROP FUNCTION tree_walk;
DROP TABLE tree_lots, tree_models, tree_ways, tree_levels, tree_linear, tree_blend;
DROP VIEW tree_seen;
RESET client_min_messages;
