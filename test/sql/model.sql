--
-- hp_model: a value that can be stored, dumped and sent, and bytes that claim
-- to be one
--
SET client_min_messages = warning;

CREATE TABLE model_lots AS
SELECT CASE WHEN i % 9 > 0 THEN i % 23 END AS area, CASE i % 4 WHEN 0 THEN 'Elm' WHEN 1 THEN 'Oak' WHEN 2 THEN 'Fir' END AS street,
	i % 10 = 0 AS corner, DATE '2000-01-01' + i % 3 AS sold, 1000 * (i % 13) + i % 23 * 10 AS price
FROM generate_series(1, 200) i;
CREATE TABLE models (name text, m hp_model);
INSERT INTO models
SELECT 'forest', hp_train(l, 'price', hp_forest(trees => 3)) FROM model_lots l;
INSERT INTO models
SELECT 'cleaned', hp_train(l, 'price', hp_forest(trees => 2, clean => '{"number": 0, "text": "None"}')) FROM model_lots l;
INSERT INTO models
SELECT 'mean', hp_train(l, 'price', hp_mean()) FROM model_lots l;
INSERT INTO models
SELECT 'one', hp_train(s, 1, hp_forest(trees => 1)) FROM (SELECT 1 AS area) s;

-- the text form begins with a line to read
SELECT name, regexp_replace(split_part(m::text, E'\n', 1), '[0-9a-f]{32}', '...') AS line,
	array_length(string_to_array(m::text, E'\n'), 1) AS lines
FROM models ORDER BY name;
-- a null model is stored as any null is
INSERT INTO models VALUES ('none', NULL);

-- out and in again, as text and in binary, is the same value to the last byte
SELECT name, m::text::hp_model::text = m::text AS text_same,
	hp_model_send(m::text::hp_model) = hp_model_send(m) AS bytes_same
FROM models ORDER BY name;
CREATE TABLE models_copied (LIKE models);
\set file `mktemp`
\setenv HOUSEPRICE_FILE :file
\copy models TO PROGRAM 'cat >"$HOUSEPRICE_FILE"'
\copy models_copied FROM PROGRAM 'cat "$HOUSEPRICE_FILE"'
SELECT count(*) AS models, bool_and(a.m IS NULL OR hp_model_send(a.m) = hp_model_send(b.m)) AS same
FROM models a JOIN models_copied b USING (name);
TRUNCATE models_copied;
\copy models TO PROGRAM 'cat >"$HOUSEPRICE_FILE"' WITH (FORMAT csv)
\copy models_copied FROM PROGRAM 'cat "$HOUSEPRICE_FILE"' WITH (FORMAT csv)
SELECT count(*) AS models, bool_and(a.m IS NULL OR hp_model_send(a.m) = hp_model_send(b.m)) AS same
FROM models a JOIN models_copied b USING (name);
TRUNCATE models_copied;
\copy models TO PROGRAM 'cat >"$HOUSEPRICE_FILE"' WITH (FORMAT binary)
\copy models_copied FROM PROGRAM 'cat "$HOUSEPRICE_FILE"' WITH (FORMAT binary)
SELECT count(*) AS models, bool_and(a.m IS NULL OR hp_model_send(a.m) = hp_model_send(b.m)) AS same
FROM models a JOIN models_copied b USING (name);
-- binary input checks as text input does
\! head -c 600 "$HOUSEPRICE_FILE" >"$HOUSEPRICE_FILE.cut"; printf 'PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\2\0\0\0\1a\0\0\0\0\377\377' >"$HOUSEPRICE_FILE"
\copy models_copied FROM PROGRAM 'cat "$HOUSEPRICE_FILE.cut"' WITH (FORMAT binary)
\copy models_copied FROM PROGRAM 'cat "$HOUSEPRICE_FILE"' WITH (FORMAT binary)
\! printf 'PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\2\0\0\0\1a\0\0\0\100AhQM0123456789012345678901234567890123456789012345678901234567890123\377\377' >"$HOUSEPRICE_FILE"
\copy models_copied FROM PROGRAM 'cat "$HOUSEPRICE_FILE"' WITH (FORMAT binary)
\! rm "$HOUSEPRICE_FILE" "$HOUSEPRICE_FILE.cut"

-- stored in line, compressed, out of line, in arrays, records, cursors: it
-- predicts the same
CREATE TABLE models_main (m hp_model);
ALTER TABLE models_main ALTER m SET STORAGE MAIN;
INSERT INTO models_main SELECT m FROM models WHERE name = 'forest';
CREATE TABLE models_plain (m hp_model);
ALTER TABLE models_plain ALTER m SET STORAGE PLAIN;
INSERT INTO models_plain SELECT m FROM models WHERE name = 'one';
CREATE TABLE models_packed (pad "char", ms hp_model[], pair models);
INSERT INTO models_packed SELECT 'x', array_agg(m ORDER BY name), (SELECT f FROM models f WHERE name = 'forest')
FROM models WHERE name <> 'none';
SELECT count(*) FILTER (WHERE hp_predict(a.m, l) = hp_predict(b.m, l)) AS compressed,
	count(*) FILTER (WHERE hp_predict(a.m, l) = hp_predict(c.ms[2], l)) AS in_array,
	count(*) FILTER (WHERE hp_predict(a.m, l) = hp_predict((c.pair).m, l)) AS in_record,
	count(*) AS rows
FROM models a, models_main b, models_packed c, model_lots l WHERE a.name = 'forest';
SELECT hp_predict(m, s) FROM models_plain, (SELECT 5 AS area) s;
-- the value is used as it is: a plan that mixes models asks the right one
SELECT name, count(DISTINCT hp_predict(m, l)) > 1 AS varies, count(*) AS rows
FROM models JOIN model_lots l ON name IN ('forest', 'cleaned') AND price < 2000 GROUP BY name ORDER BY name;

-- texts that are none
SELECT ''::hp_model;
SELECT 'ames'::hp_model;
SELECT 'houseprice model 1: '::hp_model;
SELECT 'houseprice model 2: forest, 1 tree'::hp_model;
SELECT E'houseprice model 1: \n'::hp_model;
SELECT E'houseprice model 1: anything\nnot base64!'::hp_model;
SELECT E'houseprice model 1: anything\nAAAA'::hp_model;
SELECT left(m::text, 1000)::hp_model IS NULL FROM models WHERE name = 'forest';
SELECT left(m::text, -4)::hp_model IS NULL FROM models WHERE name = 'forest';
SELECT (m::text || 'AAAA')::hp_model IS NULL FROM models WHERE name = 'forest';
SELECT (m::text || E'\n')::hp_model IS NULL FROM models WHERE name = 'forest';
SELECT overlay(m::text PLACING 'x' FROM 2000)::hp_model IS NULL FROM models WHERE name = 'forest';
-- the line to read is not looked at
SELECT hp_model_send(regexp_replace(m::text, '^.*\n', E'houseprice model 1: mine\n')::hp_model) = hp_model_send(m) AS same
FROM models WHERE name = 'forest';

--
-- Bytes of an enemy, who can sign: the layout is that of src/core/hpc_model.h,
-- less the four bytes of the length word
--
CREATE FUNCTION model_le(b bytea, at int, n int) RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(get_byte(b, at + i)::bigint << (8 * i))::bigint FROM generate_series(0, n - 1) i $$;
CREATE FUNCTION model_put(b bytea, at int, hex text) RETURNS bytea LANGUAGE sql AS $$
	SELECT overlay(b PLACING decode(hex, 'hex') FROM at + 1 FOR length(hex) / 2) $$;
-- where in the bytes a section starts
CREATE FUNCTION model_section(b bytea, kind int) RETURNS int LANGUAGE sql AS $$
	SELECT model_le(b, 36 + 24 * i + 8, 8)::int - 4 FROM generate_series(0, model_le(b, 8, 4)::int - 1) i
	WHERE model_le(b, 36 + 24 * i, 4) = kind $$;
CREATE FUNCTION model_sign(b bytea) RETURNS bytea LANGUAGE sql AS $$
	SELECT overlay(b PLACING substr(sha256(overlay(b PLACING decode(repeat('00', 16), 'hex') FROM 21)), 1, 16) FROM 21) $$;
CREATE FUNCTION model_of(b bytea) RETURNS hp_model LANGUAGE sql AS $$
	SELECT (E'houseprice model 1: alien\n' || replace(encode(b, 'base64'), E'\n', ''))::hp_model $$;
-- what becomes of a model with some bytes changed and signed anew
CREATE FUNCTION model_try(b bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM model_of(model_sign(b));
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ': ' || SQLERRM || coalesce('. ' || nullif(detail, ''), '');
END
$$;
SELECT hp_model_send(m) AS b FROM models WHERE name = 'forest' \gset
SELECT model_try(:'b') AS unchanged;

-- unsigned changes are found whatever they are
SELECT (E'houseprice model 1: alien\n' || replace(encode(model_put(:'b', length(:'b'::bytea) - 9, '41'), 'base64'), E'\n', ''))::hp_model IS NULL;
-- the header: magic, version, sections, length
SELECT what, model_try(model_put(:'b', at, hex)) AS answer
FROM (VALUES (1, 'magic', 0, '02'), (2, 'version 0', 4, '00'), (3, 'version 2', 4, '02'),
	(4, '65 sections', 8, '41000000'), (5, '2^32 sections', 8, 'ffffffff'), (6, 'no sections', 8, '00000000'),
	(7, 'length + 8', 12, lpad(to_hex((length(:'b'::bytea) + 12) % 256), 2, '0')), (8, 'length 2^64 - 1', 12, 'ffffffffffffffff')) c(n, what, at, hex)
ORDER BY n;
SELECT model_try(:'b'::bytea || '\x0000000000000000') AS longer, model_try(substr(:'b'::bytea, 1, 20)) AS shorter;
-- the section table
SELECT what, model_try(model_put(:'b', 36 + at, hex)) AS answer
FROM (VALUES (1, 'kind twice', 24, '01000000'), (2, 'unknown kind', 8 * 24, '28000000'), (3, 'kind 0', 0, '00000000'),
	(4, 'offset 0', 8, '0000000000000000'), (5, 'offset 2^63', 24 + 8, '0000000000000080'),
	(6, 'odd length', 16, '0100000000000000'), (7, 'length 0', 16, '0000000000000000'),
	(8, 'length 2^64 - 8', 8 * 24 + 16, 'f8ffffffffffffff')) c(n, what, at, hex)
ORDER BY n;
-- a section of a later version: skipped if it is optional
CREATE FUNCTION model_hex(n bigint) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(lpad(to_hex(n >> (8 * i) & 255), 2, '0'), '' ORDER BY i) FROM generate_series(0, 7) i $$;
CREATE FUNCTION model_append(b bytea, flags text) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	n int := length(b) + 4;
	nsections int := model_le(b, 8, 4);
BEGIN
	FOR i IN 0..nsections - 1 LOOP
		b := model_put(b, 44 + 24 * i, model_hex(model_le(b, 44 + 24 * i, 8) + 24));
	END LOOP;
	b := overlay(b PLACING decode('28000000' || flags || model_hex(n + 24) || model_hex(16), 'hex') FROM 37 + 24 * nsections FOR 0);
	RETURN model_put(model_put(b || '\x000102030405060708090a0b0c0d0e0f', 8, left(model_hex(nsections + 1), 8)), 12, model_hex(n + 40));
END
$$;
SELECT model_try(model_append(:'b', '01000000')) AS optional, model_try(model_append(:'b', '00000000')) AS required;
SELECT bool_and(hp_predict(model_of(model_sign(model_append(:'b', '01000000'))), l) = hp_predict(m, l)) AS predicts_the_same
FROM model_lots l, models WHERE name = 'forest';
-- the training record
SELECT what, model_try(model_put(:'b', model_section(:'b', 1) + at, hex)) AS answer
FROM (VALUES (1, 'algorithm', 0, '07000000'), (2, 'trees', 4, '04000000'), (3, 'no rows', 16, '0000000000000000'),
	(4, 'target name', 128, 'ffffffff'), (5, 'length of the target name', 132, 'ffffffff'),
	(6, 'trees, as a parameter', 160, '0000000000000080'), (7, 'feature_fraction', 256, '000000000000f87f'),
	(8, 'leak', 328, '0200000000000000'), (9, 'combine', 8, '02000000'), (10, 'log_scale', 12, '02000000'),
	(11, 'smearing', 88, '000000000000f87f'), (12, 'weight name', 152, 'ffffffff')) c(n, what, at, hex)
ORDER BY n;
-- features: 4 of 72 bytes, area, corner, sold, street
SELECT what, model_try(model_put(:'b', model_section(:'b', 2) + at, hex)) AS answer
FROM (VALUES (1, 'kind', 8, '05000000'), (2, 'kind 0', 8, '00000000'), (3, 'name elsewhere', 0, '00000000'),
	(4, 'empty name', 4, '00000000'), (5, 'first threshold', 16, '01000000'), (6, 'thresholds', 20, 'ffffffff'),
	(7, 'categories of a number', 28, '01000000'), (8, 'categories', 3 * 72 + 28, 'ffffff7f'),
	(9, 'monotone', 64, '02')) c(n, what, at, hex)
ORDER BY n;
SELECT model_try(model_put(:'b', model_section(:'b', 3), '000000000000f87f')) AS threshold_nan,
	model_try(model_put(:'b', model_section(:'b', 3), '000000000000f07f')) AS thresholds_descend,
	model_try(model_put(:'b', model_section(:'b', 4), '00000000')) AS category_elsewhere,
	model_try(model_put(:'b', position('Elm'::bytea IN :'b'::bytea) - 1, '5a')) AS categories_descend,
	model_try(model_put(:'b', position('area'::bytea IN :'b'::bytea) - 1, '7a')) AS names_descend,
	model_try(model_put(:'b', position('Elm'::bytea IN :'b'::bytea), '00')) AS category_cut,
	model_try(model_put(:'b', position('Elm'::bytea IN :'b'::bytea), 'ff')) AS not_utf8;
-- trees: children stand after their parent and inside the tree
SELECT what, model_try(model_put(:'b', model_section(:'b', kind) + at, hex)) AS answer
FROM (VALUES (1, 'first tree', 5, 0, '01000000'), (2, 'end of the last tree', 5, 12, '00000000'),
	(3, 'trees descend', 5, 4, 'ffffffff'), (4, 'left child', 6, 0, 'ffffffff'), (5, 'a loop', 6, 12, '01000000'),
	(6, 'feature', 6, 8, 'ffff'), (7, 'threshold', 6, 4, 'ffffffff'), (8, 'flags', 6, 10, 'ffff')) c(n, what, kind, at, hex)
ORDER BY n;

-- what is accepted is harmless: every byte of a model changed in turn, signed,
-- and used
CREATE FUNCTION model_use(b bytea, OUT accepted int, OUT refused int, OUT crashed text) LANGUAGE plpgsql AS $$
DECLARE
	m hp_model;
BEGIN
	accepted := 0;
	refused := 0;
	FOR i IN 0..length(b) - 1 LOOP
		BEGIN
			m := model_of(model_sign(set_byte(b, i, get_byte(b, i) # (1 << i % 8))));
			accepted := accepted + 1;
			PERFORM hp_predict(m, l) FROM model_lots l LIMIT 5;
			PERFORM * FROM hp_importance(m);
			PERFORM hp_model_info(m), m::text;
		EXCEPTION
			WHEN data_corrupted THEN
				refused := refused + 1;
			WHEN undefined_column OR datatype_mismatch OR data_exception THEN
				NULL;	-- another name, kind, or text
			WHEN OTHERS THEN
				crashed := concat_ws(', ', crashed, SQLSTATE || ' ' || SQLERRM || ' at ' || i);
		END;
	END LOOP;
END
$$;
SELECT accepted > 100 AS accepted, refused > 300 AS refused, crashed
FROM (SELECT hp_train(s, s.price, hp_forest(trees => 1, max_leaves => 4, clean => '{"number": 0}', exclude => '{price}')) AS m
	  FROM model_lots s) t, model_use(hp_model_send(m));

DROP FUNCTION model_le, model_put, model_section, model_sign, model_of, model_try, model_hex, model_append, model_use;
DROP TABLE model_lots, models, models_copied, models_main, models_plain, models_packed;
RESET client_min_messages;
