
# Killed processes and servers: what was committed is there byte for byte, what
# was not is not, no file is left, and trainings give what they gave.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceTest;

# shared memory as files that can be seen
my $node = HousepriceTest::new_node('main');
$node->append_conf('postgresql.conf', q{
restart_after_crash = on
client_min_messages = error
dynamic_shared_memory_type = mmap
max_worker_processes = 16
max_parallel_workers_per_gather = 0
min_parallel_table_scan_size = 0
parallel_setup_cost = 0
parallel_tuple_cost = 0
parallel_leader_participation = off
houseprice.spill_threshold = 0
work_mem = 64kB
});
$node->start;
HousepriceTest::load_houses($node);
$node->safe_psql('postgres', q{
	ALTER TABLE houses SET (parallel_workers = 2);
	CREATE TABLE models (name text PRIMARY KEY, model hp_model NOT NULL);
	INSERT INTO models SELECT 'forest', hp_train(h, 'sale_price', hp_forest(trees => 20)) FROM houses h;
	INSERT INTO models SELECT 'linear', hp_train(h, 'sale_price', hp_linear()) FROM houses h;
});

sub files
{
	my ($folder) = @_;
	return glob($node->data_dir . "/$folder/*");
}

my $train = q{SELECT hp_model_info(hp_train(h, 'sale_price', hp_forest(trees => 2))) ->> 'digest' FROM houses h};
my $endless = q{SELECT hp_train(h, 'sale_price', hp_forest(trees => 50000)) IS NULL FROM houses h};
my $workers = 'SET max_parallel_workers_per_gather = 2';
my %queries = (
	'training' => "SET houseprice.threads = 2; $endless",
	'training on the states of workers' => "$workers; $endless",
	'collecting in workers' => "$workers; SELECT hp_train(h, 'sale_price') IS NULL FROM houses h, generate_series(1, 100000)",
	'hp_predict' => q{SELECT sum(hp_predict(m.model, h)) FROM models m, houses h, generate_series(1, 100000) WHERE m.name = 'forest'},
	'hp_predict_rows' => q{SELECT sum(prediction) FROM models m,
		hp_predict_rows(m.model, NULL::houses, 'SELECT h.* FROM houses h, generate_series(1, 100000)') WHERE m.name = 'forest'});
my %leaves_files = map { $_ => 1 } 'training on the states of workers', 'hp_predict_rows';

my $models = HousepriceTest::models($node);
is(scalar(split /\n/, $models), 2, 'two models are stored');
my $digest = $node->safe_psql('postgres', $train);

# Whatever happened before, this is how it must be.
sub check_all
{
	my ($name) = @_;

	is($node->safe_psql('postgres', "SELECT name FROM models WHERE name = 'uncommitted'"), '', "$name: what was not committed is not there");
	is(HousepriceTest::models($node), $models, "$name: stored models are the same, and predict the same");
	is($node->safe_psql('postgres', $train), $digest, "$name: a training gives what it gave");
	is($node->safe_psql('postgres', "$workers; $train"), $digest, "$name: and in parallel");
	is(join(' ', files('base/pgsql_tmp')), '', "$name: no temporary file is left");
	return;
}

# ---- processes --------------------------------------------------------------

check_all('before');
foreach my $what (sort keys %queries)
{
	my $writer = HousepriceTest::begin_query($node, 'writer',
		q{INSERT INTO models SELECT 'uncommitted', model FROM models WHERE name = 'forest'; SELECT pg_sleep(1000)}, 0.2);
	my $query = HousepriceTest::begin_query($node, 'victim', $queries{$what});
	my $log_start = -s $node->logfile;
	my $victim = $node->safe_psql('postgres', $what =~ /^collecting/
		? q{SELECT max(pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}
		: q{SELECT pid FROM pg_stat_activity WHERE application_name = 'victim' AND backend_type = 'client backend'});

	my @shared = files('pg_dynshmem');

	isnt(join(' ', files('base/pgsql_tmp')), '', "$what: there are temporary files") if $leaves_files{$what};
	is(kill('KILL', $victim), 1, "$what: killed");
	my ($err) = HousepriceTest::end_query($query);
	like($err, qr/connection to server was lost|server closed the connection|terminating connection/, "$what: the client hears of it");
	HousepriceTest::end_query($writer);
	ok($node->poll_query_until('postgres', 'SELECT 1', '1'), "$what: the server starts again by itself");
	like(slurp_file($node->logfile, $log_start), qr/\(PID $victim\) was terminated by signal 9/, "$what: the server has noticed");
	is(join(' ', grep { -e } @shared), '', "$what: no shared memory is left");
	check_all($what);
}

# ---- the server -------------------------------------------------------------

foreach my $what ('training', 'collecting in workers')
{
	my $query = HousepriceTest::begin_query($node, 'victim', $queries{$what});
	my $log_start = -s $node->logfile;

	$node->safe_psql('postgres', q{
		UPDATE models SET model = (SELECT hp_train(h, 'sale_price', hp_forest(trees => 21)) FROM houses h) WHERE name = 'forest'});
	$models = HousepriceTest::models($node);
	$node->stop('immediate');
	HousepriceTest::end_query($query);
	unlike(slurp_file($node->logfile, $log_start), qr/SIGKILL/, "$what: an immediate shutdown has not to use force");
	$node->start;
	check_all("$what, stopped at once");
}

$node->stop;
done_testing();
