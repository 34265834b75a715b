
# ALTER EXTENSION UPDATE, from the first version: a database that 0.1.0 made
# has afterwards what a new one has, to the last privilege and comment, whoever
# updates; and all that was stored in it stays and predicts the same.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceCatalog;
use HousepriceTest;

my $node = HousepriceTest::new_node('main');
my $top = HousepriceTest::top();
$node->append_conf('postgresql.conf', 'client_min_messages = error');
$node->start;
$node->safe_psql('postgres', q{
	CREATE ROLE seller LOGIN;
	CREATE ROLE dba LOGIN SUPERUSER;
	CREATE ROLE reader LOGIN});

# A database of seller's, with the extension made by somebody.
sub new_database
{
	my ($dbname, $user, $version, $schema) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $dbname OWNER seller");
	$node->safe_psql($dbname, 'CREATE SCHEMA other; GRANT ALL ON SCHEMA public, other TO PUBLIC');
	as($user, $dbname, 'CREATE EXTENSION houseprice'
		  . ($version ? " VERSION '$version'" : '')
		  . ($schema ? " SCHEMA $schema" : ''));
	return;
}

sub as
{
	my ($user, $dbname, $sql) = @_;

	return $node->safe_psql($dbname, $sql, extra_params => [ '-U', $user ]);
}

# ---- what people have made of it --------------------------------------------

# Models that 0.1.0 wrote, and what it predicted; models trained with its
# script; and every kind of object that can use a function of the extension.
my $use = qq{
	CREATE TABLE kept (name text, digest text, model hp_model, rows json, predictions json, nodes bigint);
	\\copy kept FROM '$top/test/golden/models/0.1.0.csv' (FORMAT csv, HEADER match)
	} . q{
	CREATE TABLE lots AS
	SELECT i AS id, i % 37 + 50 AS area, 'street ' || i % 5 AS street, i % 7 = 0 AS corner,
		(i % 37) * 1000 + i * i % 100 * 300 AS price
	FROM generate_series(1, 500) i;
	CREATE TABLE models (name text PRIMARY KEY, model hp_model NOT NULL);
	INSERT INTO models
	SELECT name, hp_train(l, 'price', params)
	FROM (VALUES ('forest', hp_forest(trees => 5, exclude => '{id}')), ('mean', hp_mean()), ('linear', hp_linear(exclude => '{id}'))) v(name, params), lots l
	GROUP BY name;

	CREATE VIEW priced AS
	SELECT l.*, hp_predict(m.model, l) AS predicted, hp_predict_interval(m.model, l) AS range, hp_warn(m.model, l) AS warnings
	FROM lots l, models m WHERE m.name = 'linear';
	CREATE VIEW scores AS
	SELECT m.name, hp_evaluate(l.price, hp_predict(m.model, l)) AS scores, hp_digest(m.model, l) FROM lots l, models m GROUP BY m.name;
	CREATE MATERIALIZED VIEW trained AS
	SELECT street, hp_train(l, 'price', hp_mean()) AS model FROM lots l GROUP BY street;
	CREATE UNIQUE INDEX ON trained (model);
	CREATE INDEX ON models USING hash (model);

	CREATE TYPE lot AS (area int, street text, corner boolean);
	CREATE TABLE params (params jsonb DEFAULT hp_forest(trees => 7), fold int GENERATED ALWAYS AS (hp_fold(1, 5)) STORED);
	INSERT INTO params DEFAULT VALUES;
	SELECT format('CREATE FUNCTION fixed(area int, street text, corner boolean) RETURNS float8 IMMUTABLE LANGUAGE sql
		RETURN hp_predict(%L::hp_model, ROW(area, street, corner)::lot)', model) FROM models WHERE name = 'forest' \gexec
	CREATE TABLE generated (area int, street text, corner boolean,
		predicted float8 GENERATED ALWAYS AS (fixed(area, street, corner)) STORED, CHECK (fixed(area, street, corner) > -1e9));
	INSERT INTO generated SELECT area, street, corner FROM lots;
	CREATE FUNCTION price(l lots) RETURNS float8 STABLE LANGUAGE plpgsql AS
	'BEGIN RETURN (SELECT hp_predict(m.model, l) FROM models m WHERE name = ''forest''); END';
	CREATE DOMAIN any_model AS hp_model CHECK (hp_model_info(VALUE) ->> 'rows' > '0');
	CREATE TABLE checked (model any_model);
	INSERT INTO checked SELECT model FROM models;
};

# What all that says.
my $say = q{
	SET extra_float_digits = 1;
	SELECT name, hp_model_info(model) ->> 'digest' = digest, md5(hp_model_send(model)), md5(model::text), md5(hp_model_info(model)::text),
		(SELECT json_agg(hp_predict_json(model, r::jsonb) ORDER BY n) FROM json_array_elements(rows) WITH ORDINALITY u(r, n))::text = predictions::text
	FROM kept ORDER BY name;
	SELECT name, hp_model_info(model) ->> 'digest', md5(hp_model_send(model)) FROM models ORDER BY name;
	SELECT md5(string_agg(p::text, ',' ORDER BY id)) FROM priced p;
	TABLE scores ORDER BY name;
	SELECT street, md5(hp_model_send(model)) FROM trained ORDER BY street;
	TABLE params;
	SELECT count(*), md5(string_agg(g::text, ',' ORDER BY g)), count(*) FILTER (WHERE predicted <> fixed(area, street, corner)) FROM generated g;
	SELECT md5(string_agg(price(l)::text, ',' ORDER BY id)) FROM lots l;
	SELECT hp_mae(price, predicted) FROM priced;
	SELECT count(*) FROM checked;
	SELECT hp_model_info(hp_train(l, 'price', hp_forest(trees => 5, exclude => '{id}'))) ->> 'digest' FROM lots l;
};

my ($default) = slurp_file("$top/houseprice.control") =~ /^default_version = '(.*)'/m;
my $versions = q{SELECT extversion, rolname, nspname FROM pg_extension JOIN pg_roles r ON r.oid = extowner
	JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'houseprice'};
isnt($default, '0.1.0', 'there is a newer version than the first');

# ---- whoever creates, whoever updates ---------------------------------------

foreach my $case (
	[ 'by_superuser', 'postgres', 'postgres', 'public' ],
	[ 'by_owner', 'seller', 'seller', 'public' ],
	[ 'by_another', 'seller', 'dba', 'public' ],
	[ 'elsewhere', 'seller', 'seller', 'other' ])
{
	my ($dbname, $owner, $updater, $schema) = @$case;
	my $in_path = "SET search_path = public, other;";

	new_database($dbname, $owner, '0.1.0', $schema);
	new_database("${dbname}_new", $owner, undef, $schema);
	is(as($owner, $dbname, $versions), "0.1.0|$owner|$schema", "$dbname: the first version");
	as($owner, $dbname, "$in_path $use");
	my $said = as($owner, $dbname, "$in_path $say");
	unlike($said, qr/^[^|\n]+\|f\|/m, "$dbname: models are what they were");
	like($said, qr/^(?:[^|\n]+\|t\|(?:\w+\|){3}t\n){8}/, "$dbname: and predict what they predicted");

	# a session that was there before
	my $session = $node->background_psql($dbname, extra_params => [ '-U', $owner ]);
	$session->query_safe($in_path);
	my $price = q{SELECT hp_predict(m.model, l) FROM models m, lots l WHERE m.name = 'forest' AND l.id = 1};
	my $answer = $session->query_safe($price);

	as($updater, $dbname, 'ALTER EXTENSION houseprice UPDATE');
	is(as($owner, $dbname, $versions), "$default|$owner|$schema", "$dbname: updated by $updater");
	is(as($owner, $dbname, "$in_path $say"), $said, "$dbname: all is and predicts as before");
	is($session->query_safe($price), $answer, "$dbname: also in a session that was there");
	$session->quit;

	# the same as a new one; who made a function is a superuser in any case
	my ($old, $new) = map {
		HousepriceCatalog::state_of($node, $_) =~ s/\brole (postgres|dba)\b/role SUPER/gr =~ s/^.* depends on (postgres|dba), o\n//gmr
	} $dbname, "${dbname}_new";
	cmp_ok(scalar(() = $new =~ /^/mg), '>', 1000, "$dbname: there is something to compare");
	ok($old eq $new, "$dbname: what it has is what a new one has")
	  or diag(HousepriceCatalog::difference($old, $new));
	is(as('postgres', $dbname, q{
			SELECT relname, pg_get_userbyid(relowner) FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
			WHERE relkind IN ('r', 'v') AND pg_get_userbyid(relowner) <> (SELECT pg_get_userbyid(extowner) FROM pg_extension WHERE extname = 'houseprice')}),
		'', "$dbname: its tables are $owner\'s");

	# and so is its dump, once people have made the same of it
	as($owner, "${dbname}_new", "$in_path $use");
	is(as($owner, "${dbname}_new", "$in_path $say"), $said, "$dbname: a new one says the same");
	my ($old_dump, $new_dump) = map { HousepriceCatalog::dump_of($node, $_) } $dbname, "${dbname}_new";
	like($new_dump, qr/^CREATE EXTENSION IF NOT EXISTS houseprice WITH SCHEMA $schema;/m, "$dbname: dumped");
	ok($old_dump eq $new_dump, "$dbname: its dump is that of a new one")
	  or diag(HousepriceCatalog::difference($old_dump, $new_dump));
}

# ---- a schema of any name ----------------------------------------------------

$node->safe_psql('postgres', 'CREATE DATABASE "named" OWNER seller');
my $odd = q{"50% off: it's $1 \\ %I"};
as('seller', 'named', qq{
	CREATE SCHEMA $odd;
	CREATE EXTENSION houseprice VERSION '0.1.0' SCHEMA $odd;
	ALTER EXTENSION houseprice UPDATE;
	SET search_path = $odd;
	SELECT hp_release('lots', hp_publish('lots', hp_train(l, 'price', hp_mean()))) FROM (SELECT i AS price FROM generate_series(1, 9) i) l});
is(as('seller', 'named', qq{SELECT $odd.hp_predict_json('lots', '{}')}), '5', 'a schema may have any name');
as('seller', 'named', 'DROP EXTENSION houseprice CASCADE; ' . qq{CREATE EXTENSION houseprice SCHEMA $odd});

# ---- the comparison sees what it should -------------------------------------

$node->safe_psql('postgres', 'CREATE DATABASE changed TEMPLATE by_owner');
my $state = HousepriceCatalog::state_of($node, 'changed');
ok($state eq HousepriceCatalog::state_of($node, 'by_owner'), 'a copy is the same');
foreach my $change (
	'ALTER FUNCTION hp_forest COST 99',
	'ALTER FUNCTION hp_predict(hp_model, record) OWNER TO dba',
	q{COMMENT ON TYPE hp_model IS 'changed'},
	'REVOKE EXECUTE ON FUNCTION hp_mean FROM PUBLIC',
	'ALTER EXTENSION houseprice DROP FUNCTION hp_mean()',
	'ALTER TYPE hp_interval ADD ATTRIBUTE more int CASCADE',
	'ALTER OPERATOR = (hp_model, hp_model) SET (RESTRICT = NONE)')
{
	$node->safe_psql('changed', $change);
	my $changed = HousepriceCatalog::state_of($node, 'changed');
	isnt($changed, $state, "it is seen: $change");
	$state = $changed;
}

# ---- who may not ------------------------------------------------------------

new_database('guarded', 'seller', '0.1.0', 'other');
my ($status, $stdout, $stderr) = $node->psql('guarded', 'ALTER EXTENSION houseprice UPDATE', extra_params => [ '-U', 'reader' ]);
like($stderr, qr/must be owner of extension houseprice/, 'nobody updates what is not theirs');

# The script runs as a superuser, in a schema where others may create.
as('reader', 'guarded', q{
	SET search_path = other;
	CREATE FUNCTION trap() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped''; END';
	CREATE FUNCTION format(text, name) RETURNS text LANGUAGE sql AS 'SELECT other.trap()::text';
	CREATE FUNCTION pg_get_userbyid(oid) RETURNS name LANGUAGE sql AS 'SELECT other.trap()::text::name';
	CREATE FUNCTION pg_extension_config_dump(tbl regclass, condition text) RETURNS void LANGUAGE sql AS 'SELECT other.trap()';
	CREATE FUNCTION equal(name, text) RETURNS boolean LANGUAGE sql AS 'SELECT other.trap()';
	CREATE FUNCTION equal(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT other.trap()';
	CREATE OPERATOR = (LEFTARG = name, RIGHTARG = text, FUNCTION = equal);
	CREATE OPERATOR = (LEFTARG = name, RIGHTARG = name, FUNCTION = equal);
	CREATE TABLE pg_extension (extname name, extowner oid);
	INSERT INTO other.pg_extension VALUES ('houseprice', 10);
	CREATE TABLE hp_versions (trap int)});
my $state_before = HousepriceCatalog::state_of($node, 'guarded');
($status, $stdout, $stderr) = $node->psql('guarded', 'ALTER EXTENSION houseprice UPDATE', extra_params => [ '-U', 'seller' ]);
like($stderr, qr/relation "hp_versions" already exists/, 'a table of somebody else is not taken over');
ok(HousepriceCatalog::state_of($node, 'guarded') eq $state_before, 'and nothing has changed');
as('reader', 'guarded', 'DROP TABLE other.hp_versions');
as('seller', 'guarded', 'ALTER EXTENSION houseprice UPDATE');
ok(HousepriceCatalog::state_of($node, 'guarded') eq HousepriceCatalog::state_of($node, 'elsewhere'), 'what else is there is not used');

($status, $stdout, $stderr) = $node->psql('by_owner', q{ALTER EXTENSION houseprice UPDATE TO '0.1.0'});
like($stderr, qr/no update path/, 'there is no way back');
($status, $stdout, $stderr) = $node->psql('by_owner', "\\i $top/sql/houseprice--0.1.0--$default.sql");
unlike($stderr, qr/ERROR/, 'nor is the script run by hand');

$node->stop;
done_testing();
