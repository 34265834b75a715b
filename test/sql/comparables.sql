--
-- hp_comparables(model, row, NULL::t [, source, k]): priced like these sales
--
SET client_min_messages = warning;
CREATE TABLE comp_lots AS
SELECT i AS id, 'House ' || i AS address, CASE WHEN i % 9 > 0 THEN 50 + i * 37 % 101 END AS area,
	(ARRAY['Elm', 'Oak', 'Fir', NULL, ''])[i * 7 % 5 + 1] AS street, i % 3 = 0 AS corner,
	1000 * (CASE WHEN i % 9 > 0 THEN 50 + i * 37 % 101 ELSE 80 END) + i * 7 % 5 * 9000 + i * 31 % 17 * 500 AS price
FROM generate_series(1, 120) i;
CREATE TABLE comp_models AS
SELECT 'forest' AS name, hp_train(l, 'price', hp_forest(trees => 12, exclude => '{id, address}', log_target => false)) AS m FROM comp_lots l
UNION ALL
SELECT 'extra trees', hp_train(l, 'price', hp_extra_trees(trees => 12, exclude => '{id, address}')) FROM comp_lots l
UNION ALL
SELECT 'merged', hp_merge(m) FROM (
	SELECT hp_train(l, 'price', hp_forest(trees => 6, exclude => '{id, address}', log_target => false, min_leaf => 1, seed => id % 2)) AS m FROM comp_lots l GROUP BY id % 2) x
UNION ALL
SELECT 'by value', hp_train(x, l.price * 1.0, hp_forest(trees => 12)) FROM comp_lots l, LATERAL (SELECT l.area, l.street, l.corner) x;

-- the neighbours of house 20; their address came along
SELECT (c.source_row).address, (c.source_row).area, (c.source_row).street, (c.source_row).price,
	round(similarity::numeric, 3) AS similarity, round(share::numeric, 4) AS share
FROM comp_models, comp_lots l, hp_comparables(m, l, NULL::comp_lots, k => 5) c WHERE name = 'forest' AND l.id = 20;

-- Who goes down the trees by hand finds the same: of each tree the deepest
-- node on the way of a house in which 10 rows of the training lay, and which
-- other houses come through it.
CREATE TABLE comp_nodes AS
SELECT name, tree, n.* FROM comp_models, generate_series(1, 12) tree, hp_tree(m, tree) n WHERE n.node = 1 OR n.rows >= 10;
CREATE TABLE comp_ways AS
WITH RECURSIVE way AS (
	SELECT name, tree, 1 AS node, id, to_jsonb(l) AS house FROM comp_nodes n, comp_lots l WHERE node = 1
	UNION ALL
	SELECT name, tree, CASE WHEN is_left THEN left_child ELSE right_child END, id, house
	FROM way JOIN comp_nodes n USING (name, tree, node), LATERAL (SELECT house ->> feature AS x) v,
		LATERAL (SELECT CASE WHEN x IS NULL THEN missing = 'left' WHEN categories IS NOT NULL THEN x = ANY (categories)
			WHEN feature = 'corner' THEN x::boolean::int <= threshold ELSE x::float8 <= threshold END AS is_left) side
	WHERE feature IS NOT NULL)
SELECT name, tree, node, id FROM way JOIN comp_nodes USING (name, tree, node);
CREATE TABLE comp_by_hand AS
WITH beside AS (
	SELECT name, tree, o.asked, w.id, count(*) OVER (PARTITION BY name, tree, o.asked) AS n
	FROM (SELECT name, tree, id AS asked, max(node) AS node FROM comp_ways WHERE id % 15 = 5 GROUP BY name, tree, id) o
		JOIN comp_ways w USING (name, tree, node) WHERE w.id <> o.asked),
speaking AS (SELECT name, asked, count(DISTINCT tree) AS ntrees FROM beside GROUP BY name, asked)
SELECT name, asked, id, count(*) / 12.0 AS similarity, sum(1.0 / n) / min(ntrees) AS share
FROM beside JOIN speaking USING (name, asked) GROUP BY name, asked, id;
SELECT name, count(*) > 300 AS many, bool_and(h.id IS NOT NULL AND c.id IS NOT NULL AND abs(h.similarity - c.similarity) < 1e-12
	AND abs(h.share - c.share) < 1e-12) AS same
FROM comp_by_hand h FULL JOIN (
	SELECT name, l.id AS asked, (c.source_row).id, c.similarity, c.share
	FROM comp_models, comp_lots l, hp_comparables(m, l, NULL::comp_lots, k => NULL) c WHERE l.id % 15 = 5) c USING (name, asked, id)
GROUP BY name ORDER BY name;

-- k NULL: all that have a node in common with it; their shares add up to 1,
-- the row itself is not among them, and they come by similarity
SELECT name, count(*) AS houses, bool_and(abs(sum - 1) < 1e-12) AS add_up, bool_or(itself) AS itself, bool_and(ordered) AS ordered
FROM comp_models, comp_lots l, LATERAL (
	SELECT sum(share), bool_or((source_row).id = l.id) AS itself, array_agg(similarity ORDER BY n) = array_agg(similarity ORDER BY similarity DESC) AS ordered
	FROM hp_comparables(m, l, NULL::comp_lots, k => NULL) WITH ORDINALITY c(source_row, similarity, share, n)) x
WHERE l.id <= 40 GROUP BY name ORDER BY name;
-- the first k of them are those for k, whatever the order of the source
SELECT bool_and(a.rows = b.rows AND a.rows[:7] = c.rows) AS same, count(*) AS houses
FROM comp_models, comp_lots l,
	LATERAL (SELECT array_agg(c) AS rows FROM hp_comparables(m, l, NULL::comp_lots, k => NULL) c) a,
	LATERAL (SELECT array_agg(c) AS rows FROM hp_comparables(m, l, NULL::comp_lots, 'SELECT * FROM comp_lots ORDER BY md5(id::text)', NULL) c) b,
	LATERAL (SELECT array_agg(c) AS rows FROM hp_comparables(m, l, NULL::comp_lots, 'SELECT * FROM comp_lots ORDER BY id DESC', 7) c) c
WHERE name = 'forest' AND l.id <= 40;

-- The prediction is the mean of the prices by their shares, but for the nodes
-- of less than ten rows and the bags.
SELECT round(corr(p, shares)::numeric, 2) > 0.9 AS near
FROM (
	SELECT hp_predict(m, l) AS p, (SELECT sum(share * (source_row).price) FROM hp_comparables(m, l, NULL::comp_lots, k => NULL)) AS shares
	FROM comp_models, comp_lots l WHERE name = 'forest') x;

-- the row itself: one of those with its features and target is left out, so
-- a second sale of the kind is shown
CREATE TABLE comp_twice AS SELECT * FROM comp_lots UNION ALL SELECT 1000 + id, 'Twin ' || id, area, street, corner, price FROM comp_lots WHERE id = 20;
SELECT l.id AS asked, (c.source_row).address AS alike, c.similarity
FROM comp_models, comp_twice l, hp_comparables(m, l, NULL::comp_twice, k => 5) c
WHERE name = 'forest' AND l.id % 1000 = 20 AND (c.source_row).id % 1000 = 20 ORDER BY l.id;
SELECT count(*) AS twice
FROM comp_models, comp_lots l, hp_comparables(m, l, NULL::comp_lots, 'SELECT * FROM comp_lots UNION ALL SELECT * FROM comp_lots', k => 5) c
WHERE name = 'forest' AND l.id = 20 AND c.source_row = l;
-- it is known by features and target, whatever else its row has
SELECT count(*) AS rows, count(*) FILTER (WHERE (source_row).id = 20) AS itself
FROM comp_models, (SELECT price, street, corner, area::numeric, 'x' AS other FROM comp_lots WHERE id = 20) l,
	hp_comparables(m, l, NULL::comp_lots, k => 3) c WHERE name = 'forest';
-- without its price it is a house to be priced, and a sale like it is one
SELECT count(*) AS rows, count(*) FILTER (WHERE (source_row).id = 20) AS itself
FROM comp_models, (SELECT street, corner, area, other FROM comp_lots, (SELECT NULL::int AS price, 1 AS other) x WHERE id = 20) l,
	hp_comparables(m, l, NULL::comp_lots, k => 3) c WHERE name = 'forest';
-- where the model does not name its target, all columns have to be equal
SELECT count(*) FILTER (WHERE (c.source_row).id = 20) AS same_row, (SELECT count(*) FROM hp_comparables(m, x, NULL::comp_lots, k => 3) c WHERE (c.source_row).id = 20) AS features
FROM comp_models, comp_lots l, LATERAL (SELECT l.area, l.street, l.corner) x, hp_comparables(m, l, NULL::comp_lots, k => 3) c
WHERE name = 'by value' AND l.id = 20 GROUP BY m, x;

-- the model's fill is for comparing, the rows come as they are
CREATE TABLE comp_filled AS
SELECT hp_train(l, 'price', hp_forest(trees => 12, exclude => '{id, address}', clean => '{"number": 0, "text": "None"}')) AS m FROM comp_lots l;
SELECT bool_and((c.source_row) = s) AS unchanged, bool_or((c.source_row).area IS NULL) AS gaps, bool_or((c.source_row).id = l.id) AS itself
FROM comp_filled, comp_lots l, hp_comparables(m, l, NULL::comp_lots) c, comp_lots s WHERE s.id = (c.source_row).id AND l.id < 50;

-- sources, as of hp_predict_rows
CREATE VIEW comp_view AS SELECT price, corner, street, area FROM comp_lots WHERE corner;
SELECT count(*), bool_and((source_row).corner) AS corner, abs(sum(share) - 1) < 1e-12 AS add_up
FROM comp_models, comp_lots l, hp_comparables(m, l, NULL::comp_view, k => 1000) c WHERE name = 'forest' AND l.id = 20;
SELECT count(*), min((source_row).id) AS least
FROM comp_models, comp_lots l, hp_comparables(m, l, NULL::comp_lots, 'SELECT * FROM comp_lots WHERE id > 60', 4) c WHERE name = 'forest' AND l.id = 20;
SELECT count(*) FROM comp_models, comp_lots l, hp_comparables(m, l, NULL::comp_lots, 'SELECT * FROM comp_lots WHERE false') c WHERE name = 'forest' AND l.id = 20;
-- rows out of line come whole
CREATE TABLE comp_wide AS SELECT *, repeat(address, 2000) AS note FROM comp_lots;
ALTER TABLE comp_wide ALTER note SET STORAGE EXTERNAL;
UPDATE comp_wide SET note = note || 'x';
SELECT count(*), bool_and((source_row).note = repeat((source_row).address, 2000) || 'x') AS whole
FROM comp_models, comp_lots l, hp_comparables(m, l, NULL::comp_wide, k => 100) c WHERE name = 'forest' AND l.id = 20;

-- nothing to compare
SELECT count(*) FROM comp_lots l, hp_comparables(NULL, l, NULL::comp_lots) c;
SELECT count(*) FROM comp_models, hp_comparables(m, NULL, NULL::comp_lots) c;

-- on the houses of Ames, a forest of full trees
SELECT count(*) AS rows, count(DISTINCT (source_row).neighborhood) <= 3 AS near, round(avg((source_row).sale_price)) BETWEEN 0.85 * l.sale_price AND 1.15 * l.sale_price AS like_it
FROM (SELECT hp_train(h, 'sale_price', hp_forest(trees => 100)) AS m FROM (SELECT lot_area, gr_liv_area, year_built, neighborhood, total_bsmt_sf, sale_price FROM houses) h) t,
	(SELECT * FROM houses ORDER BY lot_area, sale_price OFFSET 1500 LIMIT 1) l, hp_comparables(m, l, NULL::houses) c
GROUP BY l.sale_price;

-- what cannot be
SELECT c.* FROM comp_lots l, (SELECT hp_train(x, 'price', hp_boost(rounds => 5, early_stopping => false)) AS m FROM (SELECT area, street, price FROM comp_lots) x) t, hp_comparables(m, l, NULL::comp_lots) c;
SELECT c.* FROM comp_lots l, (SELECT hp_train(x, 'price', hp_mean()) AS m FROM comp_lots x) t, hp_comparables(m, l, NULL::comp_lots) c;
SELECT c.* FROM comp_models, comp_lots l, hp_comparables(m, l, NULL::comp_lots, k => 0) c;
SELECT c.* FROM comp_models, (SELECT 1 AS area, 'Elm' AS street) x, hp_comparables(m, x, NULL::comp_lots) c;
SELECT c.* FROM comp_models, comp_lots l, hp_comparables(m, l, NULL::comp_twice, 'SELECT 1 AS area') c;
SELECT c.* FROM comp_models, comp_lots l, hp_comparables(m, l, ROW(1)) c;
SELECT c.* FROM comp_models, comp_lots l, hp_comparables(m, l, NULL::comp_lots, 'DELETE FROM comp_lots') c;

DROP VIEW comp_view;
DROP TABLE comp_lots, comp_models, comp_nodes, comp_ways, comp_by_hand, comp_twice, comp_filled, comp_wide;
RESET client_min_messages;
