--
-- What every other test starts from: the extension, and the houses of Ames
--
CREATE EXTENSION houseprice;
\getenv abs_srcdir PG_ABS_SRCDIR
\set loader :abs_srcdir '/../data/houses.sql'
\set ECHO none
\i :loader
\set ECHO all
SELECT count(*) AS houses FROM houses;
