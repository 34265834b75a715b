
# Models are data: they survive pg_dump and restore, and belong to whoever has
# the right to create an extension that is marked trusted.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceTest;

my $node = HousepriceTest::new_node('main');
$node->start;

# An ordinary user with CREATE on a database does everything.
$node->safe_psql('postgres', 'CREATE ROLE seller LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE market');
$node->safe_psql('postgres', 'GRANT CREATE ON DATABASE market TO seller');

sub run_as_seller
{
	my ($sql) = @_;
	return $node->safe_psql('market', $sql,
		extra_params => [ '-U', 'seller' ]);
}

run_as_seller(q{
	CREATE EXTENSION houseprice;
	CREATE SCHEMA seller;
	CREATE TABLE seller.lots AS
	SELECT i % 37 + 50 AS area, 'street ' || i % 5 AS street, i % 7 = 0 AS corner,
		date '2020-01-01' + i % 90 AS sold, (i % 37) * 1000 + i * i % 100 * 300 AS price
	FROM generate_series(1, 1000) i;
	CREATE TABLE seller.models (name text PRIMARY KEY, model hp_model NOT NULL);
	SET client_min_messages = error;
	INSERT INTO seller.models
	SELECT 'forest', hp_train(l, 'price', hp_forest(trees => 20)) FROM seller.lots l;
	INSERT INTO seller.models
	SELECT 'clean', hp_train(l, 'price', hp_forest(trees => 2, clean => '{"number": 0}')) FROM seller.lots l;
	INSERT INTO seller.models
	SELECT 'mean', hp_train(l, 'price', hp_mean()) FROM seller.lots l;
	CREATE VIEW seller.priced AS
	SELECT l.*, hp_predict(m.model, l) AS prediction
	FROM seller.lots l, seller.models m WHERE m.name = 'forest';
});

my $digests = q{
	SELECT name, hp_model_info(model) ->> 'digest', md5(hp_model_send(model))
	FROM seller.models ORDER BY name;
	SELECT md5(string_agg(prediction::text, ',' ORDER BY prediction)) FROM seller.priced;
	SELECT hp_model_info(hp_train(l, 'price', hp_forest(trees => 20))) ->> 'digest' FROM seller.lots l;
};
my $before = run_as_seller($digests);
is(scalar(split /\n/, $before), 5, 'an ordinary user creates, trains and predicts');
is(run_as_seller(q{
	SELECT rolname FROM pg_extension JOIN pg_roles r ON r.oid = extowner
	WHERE extname = 'houseprice'}), 'seller', 'the extension is the user\'s');

# by the superuser and by the owner; plain and custom format; COPY and INSERT
my $dir = $node->data_dir . '/..';
my @ways = (
	[ 'plain', 'postgres', [], undef ],
	[ 'owner', 'seller', [ '--no-privileges' ], undef ],
	[ 'inserts', 'postgres', ['--inserts'], undef ],
	[ 'custom', 'postgres', ['--format=custom'], 'pg_restore' ]);

foreach my $way (@ways)
{
	my ($name, $user, $options, $restore) = @$way;
	my $file = "$dir/$name.dump";

	$node->command_ok(
		[ 'pg_dump', '-U', $user, @$options, '-f', $file, 'market' ],
		"$name: dumped by $user");
	$node->safe_psql('postgres', "CREATE DATABASE restored_$name OWNER seller");
	if ($restore)
	{
		$node->command_ok(
			[ 'pg_restore', '--exit-on-error', '-d', "restored_$name", $file ],
			"$name: restored");
	}
	else
	{
		$node->command_ok(
			[
				'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', $user,
				'-d', "restored_$name", '-f', $file
			],
			"$name: restored");
	}
	is( $node->safe_psql(
			"restored_$name", $digests, extra_params => [ '-U', 'seller' ]),
		$before,
		"$name: same models, predictions, and training");
}

# What the dump holds of the extension is its name alone.
my $dump = slurp_file("$dir/plain.dump");
unlike($dump, qr/CREATE (FUNCTION|AGGREGATE|TYPE)/,
	'the dump does not spell the extension out');
like($dump, qr/^clean\thouseprice model 1: forest, 2 trees, 4 features/m,
	'a model begins with a line to read');

# Dropping the extension asks about what depends on it, then takes it.
my ($status, $stdout, $stderr) =
  $node->psql('market', 'DROP EXTENSION houseprice');
like($stderr, qr/column model of table seller\.models depends on type hp_model/,
	'a table of models is not dropped in passing');
$node->safe_psql('market', 'DROP EXTENSION houseprice CASCADE');
is( $node->safe_psql('market', "SELECT count(*) FROM pg_proc WHERE proname LIKE 'hp\\_%'"),
	'0', 'nothing is left of a dropped extension');

# A user without CREATE on the database cannot create it.
$node->safe_psql('postgres', 'CREATE DATABASE closed');
($status, $stdout, $stderr) = $node->psql('closed',
	'CREATE EXTENSION houseprice', extra_params => [ '-U', 'seller' ]);
like($stderr, qr/permission denied to create extension "houseprice"/,
	'without the right to, no extension');

$node->stop;
done_testing();
