
# States of parallel workers that go by a temporary file: the model is that of
# a serial plan, and no file is left however the query ends.

use strict;
use warnings;

use Cwd;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use HousepriceTest;

my $node = HousepriceTest::new_node('main');
$node->append_conf('postgresql.conf', q{
max_worker_processes = 16
max_parallel_workers = 8
max_parallel_workers_per_gather = 3
parallel_setup_cost = 0
parallel_tuple_cost = 0
min_parallel_table_scan_size = 0
restart_after_crash = on
client_min_messages = error
houseprice.spill_threshold = 0
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION houseprice;
	CREATE TABLE many WITH (parallel_workers = 3) AS
	SELECT i % 1009 AS area, (i * 7919 % 10007)::float8 / 7 AS frontage, 'street ' || i % 211 AS street,
		CASE WHEN i % 13 > 0 THEN i % 5 END AS rooms, i % 3 AS part,
		CASE WHEN i % 1000 > 0 THEN i % 1009 * 100 + i % 211 * 50 + i * 31 % 977 END AS price
	FROM generate_series(1, 100000) i;
	CREATE TABLE parts (LIKE many) PARTITION BY LIST (part);
	CREATE TABLE parts0 PARTITION OF parts FOR VALUES IN (0);
	CREATE TABLE parts1 PARTITION OF parts FOR VALUES IN (1, 2);
	INSERT INTO parts SELECT * FROM many;
	ANALYZE many, parts;
});

# Everything in the directories for temporary files.
sub leftovers
{
	my $data = $node->data_dir;

	return join ' ', sort glob("$data/base/pgsql_tmp/* $data/pg_tblspc/*/*/pgsql_tmp/* $data/base/pgsql_tmp/*/*");
}

sub is_clean
{
	my ($name) = @_;

	is(leftovers(), '', "no file is left after $name");
	return;
}

sub run
{
	my ($settings, $query) = @_;
	return $node->safe_psql('postgres', "$settings; $query");
}

# The database sees so many temporary files more than before; the counts arrive
# with a delay.
sub more_files
{
	my ($before, $more) = @_;

	return $node->poll_query_until('postgres',
		"SELECT temp_files >= $before + $more FROM pg_stat_database WHERE datname = 'postgres'");
}

# How many temporary files the database has seen.
sub files_seen
{
	my $seen;

	# the counts arrive with a delay
	foreach (1 .. 20)
	{
		my $now = $node->safe_psql('postgres', "SELECT temp_files FROM pg_stat_database WHERE datname = 'postgres'");
		return $now if defined $seen && $seen == $now;
		$seen = $now;
		usleep(300_000);
	}
	return $seen;
}

my $serial = 'SET max_parallel_workers_per_gather = 0';
my $whole = q{SELECT hp_model_info(m) ->> 'digest', hp_model_info(m) ->> 'rows_without_target'
	FROM (SELECT hp_train(x, 'price', hp_forest(trees => 2, max_leaves => 100)) AS m FROM many x) t};
my $groups = q{SELECT part, hp_model_info(m) ->> 'digest'
	FROM (SELECT part, hp_train(x, 'price', hp_forest(trees => 1, max_leaves => 10)) AS m FROM many x GROUP BY part) t ORDER BY part};
my $endless = q{SELECT hp_train(x, 'price', hp_forest(trees => 50000)) IS NULL FROM many x};

# ---- the same models --------------------------------------------------------

my $before = files_seen();
my $expected = run($serial, $whole);
like($expected, qr/^[0-9a-f]{32}\|100$/, 'serial');
is(run('SET houseprice.spill_threshold = 65536', $whole), $expected, 'small states in parallel');
is(files_seen(), $before, 'without a file');
is(run('SET parallel_leader_participation = off', $whole), $expected, 'states by file');
ok(more_files($before, 3), 'with files');
is_clean('a query');
is(run('SET parallel_leader_participation = on', $whole), $expected, 'one of them the leader\'s own');
is_clean('a query');

my $expected_groups = run($serial, $groups);
is(run('SET enable_hashagg = on', $groups), $expected_groups, 'groups, hashed');
is(run('SET enable_hashagg = off', $groups), $expected_groups, 'groups, merged');
is_clean('groups');

# The inner side of this join reads the same states twice, from a sort.
my $twice = $groups =~ s/SELECT part, hp_model_info/SELECT g, part, hp_model_info/r =~ s/FROM \(/FROM generate_series(1, 2) g LEFT JOIN (/r
  =~ s/\) t ORDER BY part/) t ON true ORDER BY 1, 2/r;
my $nested = join '; ', map { "SET $_ = off" } qw(enable_material enable_hashagg enable_hashjoin enable_mergejoin enable_gathermerge);
like(run($nested, "EXPLAIN (COSTS OFF) $twice"), qr/Finalize GroupAggregate.*Sort.*Gather/s, 'a plan with a rescan');
is(run($nested, $twice), join("\n", map { my $g = $_; map { "$g|$_" } split /\n/, $expected_groups } 1, 2), 'states that are read twice');
is_clean('a rescan');

# States that pass from node to node of one process.
my $partwise = 'SET enable_partitionwise_aggregate = on';
my $of_parts = $whole =~ s/FROM many/FROM parts/r;
like(run("$serial; $partwise", "EXPLAIN (COSTS OFF) $of_parts"), qr/Finalize Aggregate.*Append.*Partial Aggregate/s, 'partition by partition');
is(run("$serial; $partwise", $of_parts), $expected, 'the same model');
is(run($partwise, $of_parts), $expected, 'and in parallel');
is_clean('partitions');

# Not all groups are read.
is(run('BEGIN', "$groups LIMIT 1; COMMIT"), (split /\n/, $expected_groups)[0], 'LIMIT');
is_clean('LIMIT');

# Elsewhere, if the administrator wants temporary files elsewhere.
my $elsewhere = Cwd::realpath(PostgreSQL::Test::Utils::tempdir());
$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION '$elsewhere'");
my $query = HousepriceTest::begin_query($node, 'elsewhere', "SET temp_tablespaces = elsewhere; $endless");
like(leftovers(), qr{pg_tblspc/.*/pgsql_tmp/pgsql_tmp\d+}, 'files are in temp_tablespaces');
HousepriceTest::of_backend($query, 'pg_cancel_backend');
HousepriceTest::end_query($query);
is_clean('a cancel');
is(run('SET temp_tablespaces = elsewhere', $whole), $expected, 'the same model');
is_clean('a query');

# ---- whatever the end -------------------------------------------------------

foreach my $how (qw(pg_cancel_backend pg_terminate_backend))
{
	$query = HousepriceTest::begin_query($node, $how, $endless);
	like(leftovers(), qr{pgsql_tmp/pgsql_tmp\d+}, 'there are files');
	HousepriceTest::of_backend($query, $how);
	my ($err) = HousepriceTest::end_query($query);
	like($err, qr/cancel|terminating/, $how);

	# the client hears of the end before the process has cleaned up
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = '$how'");
	is_clean($how);
}

# One process waits until another has left a file, which the leader has not
# heard of yet, and fails.
$node->safe_psql('postgres', q{
	CREATE FUNCTION files() RETURNS bigint LANGUAGE sql PARALLEL SAFE AS
	$$SELECT count(*) FROM pg_ls_dir('base/pgsql_tmp', true, false) d, pg_ls_dir('base/pgsql_tmp/' || d, true, false)$$;
	CREATE FUNCTION wait_and_fail(price float8, leader integer, who text) RETURNS float8 LANGUAGE plpgsql PARALLEL SAFE AS
	$$BEGIN
		IF who = 'leader' AND pg_backend_pid() = leader OR
			who = 'worker' AND pg_backend_pid() = (SELECT max(pid) FROM pg_stat_activity WHERE leader_pid = leader) THEN
			FOR i IN 1..100 LOOP
				IF files() > 0 THEN
					RAISE 'failed with files';
				END IF;
				PERFORM pg_sleep(0.1);
			END LOOP;
			RAISE 'failed without files';
		END IF;
		RETURN price;
	END$$;
});
foreach my $who ('leader', 'worker')
{
	my $on = $who eq 'leader' ? 'on' : 'off';
	my ($status, $stdout, $stderr) = $node->psql('postgres', qq{
		SET client_min_messages = notice;
		SET parallel_leader_participation = $on;
		BEGIN;
		DO \$do\$
		BEGIN
			FOR i IN 1..3 LOOP
				BEGIN
					EXECUTE format(\$q\$SELECT hp_train(x, CASE WHEN area %% 20 = 0 THEN wait_and_fail(price, %s, '$who') ELSE price END,
						hp_forest(trees => 1, leak => 'allow')) IS NULL FROM many x\$q\$, pg_backend_pid());
					RAISE NOTICE 'no failure';
				EXCEPTION WHEN raise_exception THEN
					RAISE NOTICE '%, % left', sqlerrm, files();
				END;
			END LOOP;
		END \$do\$;
		SELECT 'goes on';
		COMMIT;});
	my @notices = $stderr =~ /NOTICE:  (.*)/g;
	is_deeply(\@notices, [ ('failed with files, 0 left') x 3 ], "the $who fails in subtransactions") or diag $stderr;
	like($stdout, qr/goes on/, 'and the transaction goes on');
	is_clean("a failure of the $who");
}

# Limits of the server hold.
my ($status, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET temp_file_limit = '64kB'; $whole");
like($stderr, qr/ERROR:  53400: temporary file size exceeds temp_file_limit \(64kB\)/, 'temp_file_limit');
is_clean('too large a file');
($status, $stdout, $stderr) = $node->psql('postgres', "SELECT hp_forest(); SET SESSION AUTHORIZATION pg_monitor; SET houseprice.spill_threshold = 1");
like($stderr, qr/permission denied to set parameter "houseprice.spill_threshold"/, 'the threshold is the administrator\'s');

# ---- a crash ----------------------------------------------------------------

$query = HousepriceTest::begin_query($node, 'killed', $endless);
like(leftovers(), qr{pgsql_tmp/pgsql_tmp\d+}, 'there are files');
my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'killed' AND backend_type = 'client backend'");
kill 'KILL', $pid;
HousepriceTest::end_query($query);
$node->poll_query_until('postgres', 'SELECT 1', '1');
is_clean('a crash');

is(run('SET work_mem = 64', $whole), $expected, 'the server goes on');
$node->stop;
is_clean('everything');
done_testing();
