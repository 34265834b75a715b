
# Models and rows of another database, by postgres_fdw: the same digests and
# predictions; what is computed there, if the server is told that it can.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceTest;

my $node = HousepriceTest::new_node('main');
$node->append_conf('postgresql.conf', 'client_min_messages = error');
$node->start;
plan skip_all => 'postgres_fdw is not available'
  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) == 0;

$node->safe_psql('postgres', 'CREATE DATABASE remote');
HousepriceTest::load_houses($node, 'remote');
HousepriceTest::load_houses($node);
my ($host, $port) = ($node->host, $node->port);
$node->safe_psql('remote', q{
	CREATE TABLE models (name text PRIMARY KEY, model hp_model NOT NULL);
	INSERT INTO models SELECT 'forest', hp_train(h, 'sale_price', hp_forest(trees => 5)) FROM houses h;
	INSERT INTO models SELECT 'linear', hp_train(h, 'sale_price', hp_linear()) FROM houses h;
	CREATE VIEW documents AS
	SELECT m.name, m.model, to_jsonb(h) AS house, h.sale_price::float8 AS price, h.lot_area::float8 AS area FROM models m, (SELECT * FROM houses ORDER BY houses LIMIT 100) h});
$node->safe_psql('postgres', qq{
	CREATE EXTENSION postgres_fdw;
	CREATE SERVER remote FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'remote');
	CREATE USER MAPPING FOR CURRENT_USER SERVER remote OPTIONS (user 'postgres');
	CREATE SCHEMA away;
	IMPORT FOREIGN SCHEMA public FROM SERVER remote INTO away;
	CREATE VIEW models AS SELECT * FROM away.models});

sub here
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# ---- models and rows from there ---------------------------------------------

my $models = HousepriceTest::models($node, 'remote');
is(scalar(split /\n/, $models), 2, 'two models are stored');
is(HousepriceTest::models($node), $models, 'they are the same from here, and predict the same');

foreach my $params ('hp_forest(trees => 5)', 'hp_linear()')
{
	my $digest = "SELECT hp_model_info(hp_train(h, 'sale_price', $params)) ->> 'digest' FROM %s h";
	is(here(sprintf($digest, 'away.houses')), here(sprintf($digest, 'houses')), "$params: rows from there train the same");
}
is(here('SELECT hp_digest(h) FROM away.houses h'), here('SELECT hp_digest(h) FROM houses h'), 'rows from there have the same digest');
is(here(q{SELECT sum(prediction::numeric) FROM models m, hp_predict_rows(m.model, NULL::away.houses) WHERE name = 'forest'}),
	here(q{SELECT sum(prediction::numeric) FROM models m, hp_predict_rows(m.model, NULL::houses) WHERE name = 'forest'}),
	'hp_predict_rows of a foreign table');

# written from here
here(q{
	INSERT INTO away.models SELECT 'here', hp_train(h, 'sale_price', hp_forest(trees => 6)) FROM houses h;
	UPDATE away.models SET model = (SELECT hp_train(h, 'sale_price', hp_forest(trees => 7)) FROM houses h) WHERE name = 'forest'});
my $written = HousepriceTest::models($node, 'remote');
isnt($written, $models, 'models are written from here');
is(HousepriceTest::models($node), $written, 'they are the same there, and predict the same');
is($node->safe_psql('remote', q{
		SELECT m.model = t.model FROM models m, (SELECT hp_train(h, 'sale_price', hp_forest(trees => 7)) AS model FROM houses h) t
		WHERE m.name = 'forest'}),
	't', 'and what a training there gives');

# ---- what is computed there -------------------------------------------------

# name, query, and what the remote query has if the server knows the extension
my @shipped = (
	[ 'hp_predict_json', q{SELECT area FROM away.documents WHERE name = 'forest' AND hp_predict_json(model, house) > 150000 ORDER BY area},
		qr/WHERE .*public\.hp_predict_json\(model, house\)/ ],
	[ 'hp_model_info', q{SELECT name FROM away.models WHERE hp_model_info(model) @> '{"algorithm": "linear"}'},
		qr/WHERE .*public\.hp_model_info\(model\)/ ],
	[ 'comparisons', q{SELECT name FROM away.models WHERE model = (SELECT hp_train(h, 'sale_price', hp_linear()) FROM houses h)},
		qr/WHERE .*OPERATOR\(public\.=\)/ ],
	[ 'hp_split', q{SELECT area, price FROM away.documents WHERE hp_split(area, 0.1) ORDER BY 1, 2},
		qr/WHERE .*public\.hp_split\(area/ ],
	[ 'hp_mae', q{SELECT hp_mae(price, area) FROM away.documents}, qr/SELECT public\.hp_mae\(price, area\)/ ]);

# and what stays here in any case: PostgreSQL sends no whole row
my @kept = (
	[ 'hp_predict', q{SELECT lot_area FROM away.houses h
		WHERE hp_predict((SELECT model FROM away.models WHERE name = 'forest'), h) > 300000 ORDER BY lot_area} ],
	[ 'hp_split of a row', q{SELECT lot_area FROM away.houses h WHERE hp_split(h, 0.1) ORDER BY lot_area} ],
	[ 'hp_train', q{SELECT hp_model_info(hp_train(h, 'sale_price', hp_mean())) ->> 'digest' FROM away.houses h} ]);

sub remote_query
{
	my ($sql) = @_;
	my ($remote) = here("EXPLAIN (VERBOSE, COSTS OFF) $sql") =~ /Remote SQL: (.*)/;
	return $remote;
}

my %results;
foreach my $query (@shipped, @kept)
{
	my ($name, $sql) = @$query;

	unlike(remote_query($sql), qr/hp_|OPERATOR/, "$name is not sent to a server that does not list the extension");
	$results{$name} = here($sql);
	isnt($results{$name}, '', "$name has a result");
}
here(q{ALTER SERVER remote OPTIONS (ADD extensions 'houseprice')});
foreach my $query (@shipped)
{
	my ($name, $sql, $pattern) = @$query;

	like(remote_query($sql), $pattern, "$name is sent to a server that lists the extension");
	is(here($sql), $results{$name}, "$name: the same result from there");
}
foreach my $query (@kept)
{
	my ($name, $sql) = @$query;

	unlike(remote_query($sql), qr/hp_|OPERATOR/, "$name stays here");
	is(here($sql), $results{$name}, "$name: the same result");
}

$node->stop;
done_testing();
