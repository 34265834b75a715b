
# A training can be stopped at any moment, does not stop for what is none of
# its business, and leaves the server as it was.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use HousepriceTest;

# The promise is 0.1 s; on a busy machine let it be this many.
my $patience = 5;

my $node = HousepriceTest::new_node('main');
$node->append_conf('postgresql.conf', "log_min_messages = log\n");
$node->start;
HousepriceTest::load_houses($node);

# A training that takes minutes: nobody waits for its end.
my $endless = q{SELECT hp_model_info(hp_train(h, 'sale_price', hp_forest(trees => 50000))) ->> 'rows' FROM houses h};
# One whose rows come slowly, to be stopped while they are collected.
my $slow_rows = q{SELECT hp_model_info(hp_train(h, 'sale_price')) ->> 'rows' FROM houses h, generate_series(1, 100000)};

# statement_timeout
foreach my $query ($endless, $slow_rows)
{
	my $start = time;
	my ($status, $stdout, $stderr) = $node->psql('postgres',
		"SET statement_timeout = '500ms'; $query");
	like($stderr, qr/canceling statement due to statement timeout/,
		'a timeout stops a training');
	cmp_ok(time - $start, '<', $patience, 'soon');
}

# Starts a query in the background; returns what is needed to watch it.
sub begin_query
{
	my ($name, $sql) = @_;
	my ($in, $out, $err) = ('', '', '');
	my $run = IPC::Run::start(
		[
			'psql', '-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d',
			$node->connstr('postgres') . " application_name=$name", '-c', $sql
		],
		\$in, \$out, \$err);

	$node->poll_query_until('postgres', qq{
		SELECT count(*) = 1 FROM pg_stat_activity
		WHERE application_name = '$name' AND state = 'active'
			AND query_start < clock_timestamp() - interval '1 s'});
	return { run => $run, out => \$out, err => \$err, name => $name };
}

# Waits for the end of a query; returns its standard error and the seconds.
sub end_query
{
	my ($query) = @_;
	my $start = time;

	$query->{run}->finish;
	return (${ $query->{err} }, time - $start);
}

sub of_backend
{
	my ($query, $function) = @_;
	return $node->safe_psql('postgres',
		"SELECT $function(pid) FROM pg_stat_activity WHERE application_name = '$query->{name}'");
}

# pg_cancel_backend and pg_terminate_backend, with one thread and with two
foreach my $threads (1, 2)
{
	my $query = begin_query("cancel$threads", "SET houseprice.threads = $threads; $endless");
	is(of_backend($query, 'pg_cancel_backend'), 't', "cancel, $threads threads");
	my ($err, $seconds) = end_query($query);
	like($err, qr/canceling statement due to user request/, 'is obeyed');
	cmp_ok($seconds, '<', $patience, 'soon');

	$query = begin_query("terminate$threads", "SET houseprice.threads = $threads; $endless");
	is(of_backend($query, 'pg_terminate_backend'), 't', "terminate, $threads threads");
	($err, $seconds) = end_query($query);
	like($err, qr/terminating connection due to administrator command/, 'is obeyed');
	cmp_ok($seconds, '<', $patience, 'soon');
}

# A client that is gone is noticed, if the server was told to look.  Its backend
# ends there and then: no thread may be at work in it any more.
foreach my $round (1 .. 8)
{
	my $query = begin_query("gone$round",
		"SET houseprice.threads = 2; SET client_connection_check_interval = '100ms'; $endless");
	$query->{run}->kill_kill(grace => 0);
	ok( $node->poll_query_until('postgres',
			"SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'gone$round'"),
		'a client that is gone ends its training');
}

# What is not a cancel does not abort: a request to log memory contexts, and
# the barrier that DROP DATABASE waits for.
my $query = begin_query('undisturbed', $endless);
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');
my $log_start = -s $node->logfile;
is(of_backend($query, 'pg_log_backend_memory_contexts'), 't', 'memory contexts asked for');
my $logged = 0;
foreach (1 .. 100)
{
	$logged = slurp_file($node->logfile, $log_start) =~ /LOG:  Grand total: \d+ bytes/;
	last if $logged;
	usleep(100_000);
}
ok($logged, 'a training logs its memory contexts while it runs');
my $start = time;
$node->safe_psql('postgres', 'DROP DATABASE elsewhere');
cmp_ok(time - $start, '<', $patience, 'DROP DATABASE elsewhere does not wait for a training');
is( $node->safe_psql('postgres',
		"SELECT state FROM pg_stat_activity WHERE application_name = 'undisturbed'"),
	'active', 'which goes on');
of_backend($query, 'pg_cancel_backend');
end_query($query);

# An interrupted query inside a transaction is an error as any other: what
# follows in the same session trains as if nothing had been.
my $digest = q{SELECT hp_model_info(hp_train(h, 'sale_price', hp_forest(trees => 3))) ->> 'digest' FROM houses h};
my $expected = $node->safe_psql('postgres', $digest);
is( $node->safe_psql('postgres', qq{
		SET statement_timeout = '300ms';
		DO \$\$
		BEGIN
			FOR i IN 1..3 LOOP
				BEGIN
					PERFORM hp_train(h, 'sale_price', hp_forest(trees => 50000)) FROM houses h;
				EXCEPTION WHEN query_canceled THEN
					SET LOCAL statement_timeout = 0;
				END;
				EXIT;
			END LOOP;
		END
		\$\$;
		SET statement_timeout = 0;
		$digest}),
	$expected, 'after a cancel the same session trains the same');

# Parallel workers are stopped too.
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'"),
	'0', 'no worker is left');
unlike(slurp_file($node->logfile), qr/server process .* was terminated by signal|PANIC/,
	'no process crashed');

$node->stop;
done_testing();
