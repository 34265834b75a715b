
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

# Larger tables show delays that small ones hide.
my $rows = $ENV{HOUSEPRICE_CANCEL_ROWS} || 20000;

my $node = HousepriceTest::new_node('main');
$node->append_conf('postgresql.conf', q{
log_min_messages = log
client_min_messages = error
max_parallel_workers_per_gather = 0
});
$node->start;
HousepriceTest::load_houses($node);
$node->safe_psql('postgres', qq{
	CREATE TABLE many AS
	SELECT i % 1009 AS a, (i::bigint * 7919 % 100003)::float8 / 7 AS b, 'street ' || i % 2003 AS c, CASE WHEN i % 13 > 0 THEN i % 5 END AS d,
		(i::bigint * 104729 % 1000003)::float8 AS e, date '2000-01-01' + i % 9001 AS f,
		i % 1009 * 100 + i % 211 * 50 + i::bigint * 31 % 97777 AS price
	FROM generate_series(1, $rows) i;
	ANALYZE many;
});

# Trainings that take minutes: nobody waits for their end.
my %endless = (
	'forest' => 'hp_forest(trees => 50000)',
	'extra trees' => 'hp_extra_trees(trees => 50000)',
	'boost' => 'hp_boost(rounds => 50000, early_stopping => false)',
	'boost with folds' => 'hp_boost(rounds => 50000, learning_rate => 0.001)',
	'blend' => 'hp_blend(hp_linear(), hp_boost(rounds => 50000, early_stopping => false))');
sub endless
{
	my ($algorithm) = @_;
	return "SELECT hp_train(h, 'sale_price', $endless{$algorithm}) IS NULL FROM houses h";
}

# Trainings of a second or so, to be stopped at every moment.
my %short = (
	'forest' => 'hp_forest(trees => 4)',
	'extra trees' => 'hp_extra_trees(trees => 4)',
	'boost' => 'hp_boost(rounds => 40)',
	'linear' => 'hp_linear()',
	'blend' => 'hp_blend(hp_linear(), hp_boost(rounds => 10))',
	'mean' => 'hp_mean()');
sub short
{
	my ($algorithm) = @_;
	return "SELECT hp_model_info(hp_train(m, 'price', $short{$algorithm})) ->> 'digest' FROM many m";
}

# ---- at every moment --------------------------------------------------------

# The milliseconds that psql's \timing gives for each statement.
sub timings
{
	my ($stdout) = @_;
	return $stdout =~ /^Time: ([\d.]+) ms/mg;
}

foreach my $algorithm (sort keys %short)
{
	foreach my $threads (1, 2)
	{
		my $train = short($algorithm);
		my $settings = "SET houseprice.threads = $threads;";
		my ($status, $stdout, $stderr) = $node->psql('postgres', "$settings $train;\n\\timing on\n$train;\n$train");
		my ($digest) = $stdout =~ /^([0-9a-f]{32})$/m;
		my ($whole) = sort { $a <=> $b } timings($stdout);
		my @timeouts = map { 1 + int($whole * $_ / 16) } 1 .. 15;
		my $script = join '', map { "SET statement_timeout = $_;\n\\timing on\n$train;\n\\timing off\n" } @timeouts;

		($status, $stdout, $stderr) = $node->psql('postgres', "$settings $script RESET statement_timeout; $train", on_error_stop => 0);
		my @took = timings($stdout);
		my $cancelled = () = $stderr =~ /canceling statement due to statement timeout/g;
		my ($worst) = sort { $b <=> $a } map { $took[$_] - $timeouts[$_] } 0 .. $#timeouts;

		is(scalar @took, 15, "$algorithm, $threads threads: stopped at fifteen moments of it");
		cmp_ok($cancelled, '>=', 8, 'most before it was over');
		cmp_ok($worst, '<', 1000 * $patience, 'soon');
		like($stdout, qr/^$digest$/m, 'and then it is trained');
		note sprintf('%s, %d threads: %.0f ms, stopped at worst after %.1f ms', $algorithm, $threads, $whole, $worst);
	}
}

# ---- by all means -----------------------------------------------------------

# Rows that come slowly, to be stopped while they are collected.
my $slow_rows = q{SELECT hp_train(h, 'sale_price') IS NULL FROM houses h, generate_series(1, 100000)};
$node->safe_psql('postgres', q{CREATE TABLE forest AS SELECT hp_train(h, 'sale_price', hp_forest(trees => 300)) AS model FROM houses h});
my $many_predictions = q{SELECT sum(prediction) FROM forest, hp_predict_rows(model, NULL::houses,
	'SELECT h.* FROM houses h, generate_series(1, 100000)')};
my $many_explanations = q{SELECT sum(contribution) FROM forest, houses h, generate_series(1, 100000), LATERAL hp_explain(model, h)};
my $many_rows_disturbed = q{SELECT sum(importance) FROM forest, hp_importance(model, NULL::houses,
	'SELECT h.* FROM houses h, generate_series(1, 20)', oob => true)};
my %queries = (
	'collecting' => $slow_rows,
	'predicting' => $many_predictions,
	'comparing' => q{SELECT count(*) FROM forest, (SELECT * FROM houses LIMIT 1) r, hp_comparables(model, r, NULL::houses,
		'SELECT h.* FROM houses h, generate_series(1, 100000)')},
	'gating' => q{SELECT hp_gate('forest', model, 'SELECT h.* FROM houses h, generate_series(1, 100000)', overlap => 'allow') IS NULL FROM forest},
	'explaining' => $many_explanations,
	'importance' => $many_rows_disturbed,
	'folds' => q{SELECT hp_cross_validate(m, 'price', hp_forest(trees => 3), 1000) IS NULL FROM many m},
	'tuning' => q{SELECT hp_tune(m, 'price', hp_grid(hp_forest(trees => 2), '{"min_leaf": [1, 3, 5, 7]}'), 1000) IS NULL FROM many m},
	'selecting' => q{SELECT hp_best_features(h, 'sale_price', 7) FROM houses h, generate_series(1, 100) i GROUP BY i},
	'reporting' => q{SELECT length(hp_report(model, 'SELECT h.* FROM houses h, generate_series(1, 40)')) FROM forest},
	map { $_ => endless($_) } keys %endless);

foreach my $what (sort keys %queries)
{
	foreach my $threads (1, 2)
	{
		next if $what eq 'explaining' && $threads > 1;    # it has one

		my $query = HousepriceTest::begin_query($node, "cancel $what", "SET houseprice.threads = $threads; $queries{$what}");
		is(HousepriceTest::of_backend($query, 'pg_cancel_backend'), 't', "cancel $what, $threads threads");
		my ($err, $seconds) = HousepriceTest::end_query($query);
		like($err, qr/canceling statement due to user request/, 'is obeyed');
		cmp_ok($seconds, '<', $patience, 'soon');

		$query = HousepriceTest::begin_query($node, "terminate $what", "SET houseprice.threads = $threads; $queries{$what}");
		is(HousepriceTest::of_backend($query, 'pg_terminate_backend'), 't', "terminate $what, $threads threads");
		($err, $seconds) = HousepriceTest::end_query($query);
		like($err, qr/terminating connection due to administrator command/, 'is obeyed');
		cmp_ok($seconds, '<', $patience, 'soon');
	}
}

# A client that is gone is noticed, if the server was told to look.  Its backend
# ends there and then: no thread may be at work in it any more.
foreach my $algorithm ('forest', 'boost')
{
	foreach my $round (1 .. 4)
	{
		my $query = HousepriceTest::begin_query($node, "gone $algorithm $round",
			"SET houseprice.threads = 2; SET client_connection_check_interval = '100ms'; " . endless($algorithm));
		$query->{run}->kill_kill(grace => 0);
		ok( $node->poll_query_until('postgres',
				"SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'gone $algorithm $round'"),
			'a client that is gone ends its training');
	}
}

# ---- but not by any ---------------------------------------------------------

# What is not a cancel does not abort: a request to log memory contexts, and
# the barrier that DROP DATABASE waits for.
foreach my $algorithm ('forest', 'boost', 'boost with folds')
{
	foreach my $threads (1, 2)
	{
		my $query = HousepriceTest::begin_query($node, 'undisturbed', "SET houseprice.threads = $threads; " . endless($algorithm));
		my $log_start = -s $node->logfile;
		my $logged = 0;

		is(HousepriceTest::of_backend($query, 'pg_log_backend_memory_contexts'), 't', "$algorithm, $threads threads: memory contexts asked for");
		foreach (1 .. 10 * $patience)
		{
			$logged = slurp_file($node->logfile, $log_start) =~ /LOG:  Grand total: \d+ bytes/;
			last if $logged;
			usleep(100_000);
		}
		ok($logged, 'and logged while it runs');

		my $start = time;
		$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');
		$node->safe_psql('postgres', 'DROP DATABASE elsewhere');
		cmp_ok(time - $start, '<', 2 * $patience, 'DROP DATABASE elsewhere does not wait for it');
		is( $node->safe_psql('postgres', "SELECT state FROM pg_stat_activity WHERE application_name = 'undisturbed'"),
			'active', 'and it goes on');

		# a terminate that comes while contexts are logged, many times over
		HousepriceTest::of_backend($query, 'pg_log_backend_memory_contexts') foreach 1 .. 5;
		HousepriceTest::of_backend($query, 'pg_terminate_backend');
		my ($err) = HousepriceTest::end_query($query);
		like($err, qr/terminating connection due to administrator command/, 'until it is stopped');
	}
}

# ---- as if nothing had been -------------------------------------------------

# An interrupted query inside a transaction is an error as any other: what
# follows in the same session trains as if nothing had been.
my $digest = q{SELECT hp_model_info(hp_train(h, 'sale_price', hp_forest(trees => 3))) ->> 'digest' FROM houses h};
my $expected = $node->safe_psql('postgres', $digest);
foreach my $algorithm (sort keys %endless)
{
	my $perform = endless($algorithm) =~ s/^SELECT/PERFORM/r;

	is( $node->safe_psql('postgres', qq{
			SET statement_timeout = '300ms';
			DO \$\$
			BEGIN
				$perform;
			EXCEPTION WHEN query_canceled THEN
				SET LOCAL statement_timeout = 0;
			END
			\$\$;
			SET statement_timeout = 0;
			$digest}),
		$expected, "after a cancel of $algorithm the same session trains the same");
}

# Parallel workers are stopped too.
my $query = HousepriceTest::begin_query($node, 'parallel', qq{
	SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	ALTER TABLE many SET (parallel_workers = 2);
	SELECT hp_train(m, 'price') IS NULL FROM many m, generate_series(1, 100000)});
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'"), 2, 'workers collect');
HousepriceTest::of_backend($query, 'pg_cancel_backend');
my ($err, $seconds) = HousepriceTest::end_query($query);
like($err, qr/canceling statement due to user request/, 'a parallel training is stopped');
cmp_ok($seconds, '<', $patience, 'soon');
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'"),
	'and its workers');

unlike(slurp_file($node->logfile), qr/server process .* was terminated by signal|PANIC/,
	'no process crashed');

$node->stop;
done_testing();
