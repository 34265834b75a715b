
# Published models through dumps, on a replica, and as a dashboard meets them:
# sessions that stay open see each release, whatever they have prepared.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceCatalog;
use HousepriceTest;

my $primary = HousepriceTest::new_node('primary', allows_streaming => 1);
$primary->append_conf('postgresql.conf', q{
client_min_messages = error
max_worker_processes = 16
max_connections = 40
});
$primary->start;
$primary->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE publisher LOGIN; CREATE DATABASE market OWNER owner');
$primary->safe_psql('market', q{
	SET ROLE owner;
	CREATE EXTENSION houseprice;
	GRANT EXECUTE ON FUNCTION hp_publish, hp_release TO publisher});
HousepriceTest::load_houses($primary, 'market');
$primary->safe_psql('market', q{
	ALTER TABLE houses OWNER TO owner;
	GRANT SELECT ON houses TO publisher;
	SET ROLE owner;
	CREATE TABLE candidates AS
	SELECT i, hp_train(hp_select_features(h, 'lot_area', 'year_built', 'neighborhood', 'gr_liv_area'), h.sale_price * i, hp_forest(trees => 5)) AS model
	FROM houses h, generate_series(1, 6) i GROUP BY i;
	GRANT SELECT ON candidates TO publisher;
	SELECT hp_publish('ames', model, 'number ' || i) FROM candidates WHERE i < 4 ORDER BY i;
	SELECT hp_publish('boston', model) FROM candidates WHERE i = 5;
	SELECT hp_release('ames', 1);
	SELECT hp_release('ames', 3);
	SELECT hp_rollback('ames');
	SELECT hp_release('ames', 2);
	SET ROLE publisher;
	SELECT hp_publish('chicago', model) FROM candidates WHERE i = 6;
	SELECT hp_release('chicago', 1);
	SET ROLE owner;
	CREATE VIEW priced AS SELECT h.*, hp_predict('ames', h) AS predicted FROM houses h;
});

# What a database says of its registry, and predicts by it.
my $registry = q{
	SELECT v.name, v.version, md5(hp_model_send(v.model)), md5(v::text) FROM hp_versions v ORDER BY 1, 2;
	SELECT r FROM hp_releases r ORDER BY r;
	SELECT m FROM hp_models m ORDER BY m.name, m.version;
	SELECT sum(hp_predict('ames', h)::numeric), sum(hp_predict('chicago', h)::numeric) FROM houses h;
	SELECT sum(predicted::numeric) FROM priced;
};
my $said = $primary->safe_psql('market', $registry);

# ---- dumps ------------------------------------------------------------------

# The publisher has left by then.
$primary->safe_psql('market', 'SET ROLE owner; REVOKE ALL ON FUNCTION hp_publish, hp_release FROM publisher; REVOKE ALL ON houses, candidates FROM publisher; RESET ROLE; DROP ROLE publisher');
is($primary->safe_psql('market', $registry), $said, 'who published is known when the role is gone');

my $dir = $primary->data_dir . '/..';
my $dump = HousepriceCatalog::dump_of($primary, 'market');

# restored(name, user, dump options, undef or options of pg_restore)
sub restored
{
	my ($name, $user, $dump_options, $restore_options) = @_;
	my $file = "$dir/$name.dump";

	$primary->command_ok([ 'pg_dump', '-U', $user, @$dump_options, '-f', $file, 'market' ], "$name: dumped");
	$primary->safe_psql('postgres', "CREATE DATABASE $name OWNER owner");
	$primary->command_ok(
		$restore_options
		? [ 'pg_restore', '--exit-on-error', '-U', $user, @$restore_options, '-d', $name, $file ]
		: [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', $user, '-d', $name, '-f', $file ],
		"$name: restored");
	return;
}

# Whoever restores it owns the extension, and goes on.
sub check_restored
{
	my ($name, $user) = @_;

	is($primary->safe_psql($name, $registry), $said, "$name: the registry is as it was, and predicts the same");
	is($primary->safe_psql($name, q{
			SELECT hp_publish('ames', model) FROM candidates WHERE i = 2;
			SELECT hp_publish('ames', model) FROM candidates WHERE i = 4;
			SELECT hp_rollback('ames');
			SELECT hp_release('ames', 4);
			SELECT version, action, previous FROM hp_releases WHERE name = 'ames' ORDER BY release DESC LIMIT 1},
			extra_params => [ '-U', $user ]),
		"2\n4\n1\n4\n4|release|5", "$name: $user goes on with the next number");
	return;
}

restored('plain', 'postgres', [], undef);
ok(HousepriceCatalog::dump_of($primary, 'plain') eq $dump, 'plain: a dump of it is the same')
  or diag(HousepriceCatalog::difference($dump, HousepriceCatalog::dump_of($primary, 'plain')));
check_restored('plain', 'postgres');
restored('plain_owner', 'owner', [], undef);
check_restored('plain_owner', 'owner');
restored('custom', 'postgres', ['--format=custom'], ['--jobs=2']);
check_restored('custom', 'postgres');
restored('custom_role', 'postgres', ['--format=custom'], ['--role=owner']);
check_restored('custom_role', 'owner');
restored('inserts', 'owner', ['--inserts', '--no-privileges'], undef);
check_restored('inserts', 'owner');

# The data alone, into a database that has the tables and the extension.
$primary->command_ok([ 'pg_dump', '-U', 'owner', '--schema-only', '-f', "$dir/schema.dump", 'market' ], 'dumped: the schema');
$primary->command_ok([ 'pg_dump', '-U', 'owner', '--data-only', '-f', "$dir/data.dump", 'market' ], 'dumped: the data');
$primary->safe_psql('postgres', 'CREATE DATABASE in_two OWNER owner');
foreach my $part (qw(schema data))
{
	$primary->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', 'owner', '-d', 'in_two', '-f', "$dir/$part.dump" ], "restored: the $part");
	is($primary->safe_psql('in_two', 'SELECT count(*) FROM hp_versions'), $part eq 'schema' ? 0 : 5, "$part: the models come with the data");
}
check_restored('in_two', 'owner');

# The owner leaves.
is($primary->safe_psql('plain_owner', q{
		CREATE ROLE heir LOGIN;
		REASSIGN OWNED BY owner TO heir;
		SET SESSION AUTHORIZATION heir;
		SELECT hp_release('ames', hp_publish('ames', model)) FROM candidates WHERE i = 6;
		SELECT version, published_by FROM hp_models WHERE name = 'ames' AND released;
		GRANT EXECUTE ON FUNCTION hp_publish, hp_get_model TO owner;
		DELETE FROM hp_releases WHERE name = 'chicago'}), "5\n5|heir", 'who inherits all of the owner\'s goes on');

# ---- a dashboard ------------------------------------------------------------

my $sum = 'SELECT sum(predicted::numeric) FROM priced';
my $parallel = join ';', map { "SET $_" } 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0', 'min_parallel_table_scan_size = 0',
  'parallel_leader_participation = off', 'max_parallel_workers_per_gather = 2';
my %of = map { $_ => $primary->safe_psql('market', "SELECT sum(hp_predict(model, h)::numeric) FROM houses h, candidates WHERE i = $_") } 1 .. 6;
like($primary->safe_psql('market', "$parallel; EXPLAIN $sum"), qr/Workers Planned: 2/, 'the view is read in parallel');
is($primary->safe_psql('market', "$parallel; $sum"), $of{2}, 'by the released version');
is($primary->safe_psql('market', "$parallel; SELECT count(*) FROM priced p WHERE p.predicted IS NULL"), 0, 'every row');

# Sessions that stay, each with its own way of asking.
my %ways = (
	'plain' => [ '', $sum ],
	'parallel' => [ $parallel, $sum ],
	'prepared' => [ "PREPARE p AS $sum; SET plan_cache_mode = force_generic_plan", 'EXECUTE p' ],
	'prepared, with the name as a parameter' => [ q{PREPARE p(text) AS SELECT sum(hp_predict($1, h)::numeric) FROM houses h}, q{EXECUTE p('ames')} ],
	'in PL/pgSQL' => [
		q{CREATE FUNCTION pg_temp.price(h houses) RETURNS float8 LANGUAGE plpgsql AS 'DECLARE p float8; BEGIN p := hp_predict(''ames'', h); RETURN p; END'},
		'SELECT sum(pg_temp.price(h)::numeric) FROM houses h' ],
	'in a loop of PL/pgSQL' => [
		q{CREATE FUNCTION pg_temp.loop() RETURNS numeric LANGUAGE plpgsql AS 'DECLARE h houses; s numeric := 0; BEGIN FOR h IN SELECT * FROM houses LOOP s := s + hp_predict(''ames'', h)::numeric; END LOOP; RETURN s; END'},
		'SELECT pg_temp.loop()' ],
	'without a cache' => [ 'SET houseprice.model_cache = 0', $sum ],
	'as JSON' => [ '', q{SELECT sum(hp_predict_json('ames', to_jsonb(h))::numeric) FROM houses h} ],
	'within a transaction' => [ 'BEGIN', $sum ],
);
my %session;
foreach my $way (sort keys %ways)
{
	$session{$way} = $primary->background_psql('market');
	$session{$way}->query_safe("$ways{$way}[0];");
}
my $snapshot = $primary->background_psql('market');
$snapshot->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; $sum");

sub all_see
{
	my ($sum_expected, $what) = @_;

	is($session{$_}->query_safe($ways{$_}[1]), $sum_expected, "$_: sees $what") foreach sort keys %ways;
	return;
}

all_see($of{2}, 'what is released');
$primary->safe_psql('market', q{SELECT hp_release('ames', 3)});
all_see($of{3}, 'a release at once');
$primary->safe_psql('market', q{SELECT hp_rollback('ames')});
all_see($of{2}, 'that it is taken back');
$primary->safe_psql('market', q{BEGIN; SELECT hp_release('ames', hp_publish('ames', model)) FROM candidates WHERE i = 5; ROLLBACK});
all_see($of{2}, 'nothing of what was rolled back');
$primary->safe_psql('market', q{SELECT hp_release('ames', hp_publish('ames', model)) FROM candidates WHERE i = 5});
all_see($of{5}, 'a version that is new');
is($snapshot->query_safe($sum), $of{2}, 'a snapshot sees what was there when it was taken');
$snapshot->quit;
$_->quit foreach values %session;

# ---- a replica --------------------------------------------------------------

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
HousepriceTest::stage($standby);
$standby->start;
$primary->wait_for_catchup($standby);

is($standby->safe_psql('market', $registry), $primary->safe_psql('market', $registry), 'a standby has the registry, and predicts by name');
my $open = $standby->background_psql('market');
my $prepared = $standby->background_psql('market');
$prepared->query_safe("PREPARE p AS $sum; SET plan_cache_mode = force_generic_plan");
is($open->query_safe($sum), $of{5}, 'a session there');
is($prepared->query_safe('EXECUTE p'), $of{5}, 'and one with a prepared statement');
$primary->safe_psql('market', q{SELECT hp_release('ames', 1)});
$primary->wait_for_catchup($standby);
is($open->query_safe($sum), $of{1}, 'see a release once it is replayed');
is($prepared->query_safe('EXECUTE p'), $of{1}, 'both');

my $count = $primary->safe_psql('market', 'SELECT count(*) FROM hp_releases');
foreach my $write (q{SELECT hp_publish('ames', model) FROM candidates WHERE i = 6}, q{SELECT hp_publish('ames', model) FROM candidates WHERE i = 1},
	q{SELECT hp_release('ames', 2)}, q{SELECT hp_rollback('ames')})
{
	my ($status, $stdout, $stderr) = $standby->psql('market', $write, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	like($stderr, qr/ERROR:  25006: cannot execute \w+(\(\))? (in a read-only transaction|during recovery)/, "read-only: $write");
	($status, $stdout, $stderr) = $primary->psql('market', "SET default_transaction_read_only = on; $write", extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	like($stderr, qr/ERROR:  25006: cannot execute \w+(\(\))? in a read-only transaction/, "as in a read-only transaction: $write");
}
is($primary->safe_psql('market', 'SELECT count(*) FROM hp_releases'), $count, 'nothing was released by that');

$primary->stop;
$standby->promote;
is($open->query_safe($sum), $of{1}, 'promoted: the session goes on');
is($open->query_safe(q{SELECT hp_publish('ames', model) FROM candidates WHERE i = 6}), '5', 'publishes');
$open->query_safe(q{SELECT hp_release('ames', 5)});
is($open->query_safe($sum), $of{6}, 'and predicts by that');
is($prepared->query_safe('EXECUTE p'), $of{6}, 'as the other does');
$_->quit foreach $open, $prepared;
$standby->stop;
done_testing();
