
# A training tells how far it is, to whom it was asked to, and now and then.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use HousepriceTest;

my $node = HousepriceTest::new_node('main');
$node->start;
HousepriceTest::load_houses($node);

my $endless = q{SELECT hp_train(h, 'sale_price', %s) FROM houses h};
my $line = qr/hp_train: (\d+) of (\d+) (\w+), ([\d.]+) s(?:, about (?:(\d+) h )?(?:(\d+) min ?)?(?:([\d.]+) s)? left)?(?m:$)/;

# What a training of some seconds says.
sub lines_of
{
	my ($settings, $params, $seconds) = @_;
	my $log_start = -s $node->logfile;
	my ($status, $stdout, $stderr) = $node->psql('postgres',
		"$settings; SET statement_timeout = '${seconds}s'; " . sprintf($endless, $params));

	like($stderr, qr/canceling statement due to statement timeout/, 'ends in time');
	my @notices = grep { /NOTICE: .*hp_train: / } split /\n/, $stderr;
	my @logged = grep { /hp_train: / } split /\n/, slurp_file($node->logfile, $log_start);
	return (\@notices, \@logged);
}

my %units = (
	'hp_forest(trees => 50000)' => 'trees',
	'hp_extra_trees(trees => 50000)' => 'trees',
	'hp_boost(rounds => 50000, early_stopping => false)' => 'rounds');

foreach my $params (sort keys %units)
{
	my ($notices, $logged) = lines_of('SET houseprice.progress = on', $params, 6);
	my @done;
	my @seconds;

	# after a second or so, then every other second
	cmp_ok(scalar @$notices, '>=', 2, "$params tells how far it is");
	cmp_ok(scalar @$notices, '<=', 5, 'now and then');
	is(scalar @$logged, 0, 'not in the log');
	foreach (@$notices)
	{
		like($_, $line, 'a line') or next;
		my ($done, $total, $unit, $elapsed) = $_ =~ $line;
		is($total, 50000, 'of so many');
		is($unit, $units{$params}, 'units');
		like($_, qr/about .* left$/, 'with an estimate');
		push @done, $done;
		push @seconds, $elapsed;
	}
	is_deeply(\@done, [ sort { $a <=> $b } @done ], 'going on');
	is_deeply(\@seconds, [ sort { $a <=> $b } @seconds ], 'in time');
	cmp_ok($seconds[0], '>=', 1, 'not before a second');
}

my ($notices, $logged) = lines_of('SET houseprice.progress = log', 'hp_forest(trees => 50000)', 4);
is(scalar @$notices, 0, 'to the log: the client sees nothing');
cmp_ok(scalar @$logged, '>=', 1, 'the log does');
like($logged->[0], qr/LOG:  $line/, 'the same lines');

($notices, $logged) = lines_of('SET client_min_messages = warning; SET houseprice.progress = notice', 'hp_forest(trees => 50000)', 3);
is(@$notices + @$logged, 0, 'a client that wants no notices gets none');

($notices, $logged) = lines_of('SELECT 1', 'hp_forest(trees => 50000)', 3);
is(@$notices + @$logged, 0, 'off by default');

# Short trainings say nothing.
my ($status, $stdout, $stderr) = $node->psql('postgres',
	"SET houseprice.progress = on; SELECT hp_train(h, 'sale_price', hp_forest(trees => 2)) IS NULL FROM houses h");
unlike($stderr, qr/hp_train: /, 'a short training says nothing');

# Of many trainings together the whole is told.
my %wholes = (
	q{hp_cross_validate(h, 'sale_price', hp_forest(trees => 10), 1000)} => qr/hp_cross_validate: \d+ of 1000 folds, [\d.]+ s, about .* left$/,
	q{hp_tune(h, 'sale_price', ARRAY[hp_forest(trees => 10), hp_forest(trees => 20)], 1000)} => qr/hp_tune: \d+ of 2001 trainings, [\d.]+ s, about .* left$/);
foreach my $whole (sort keys %wholes)
{
	my ($psql_status, $psql_stdout, $psql_stderr) = $node->psql('postgres',
		"SET houseprice.progress = on; SET statement_timeout = '3s'; SELECT $whole FROM houses h");
	like((split /\n/, $psql_stderr)[0], $wholes{$whole}, 'of all of them');
}

# The model does not depend on being watched.
my $digest = q{SELECT hp_model_info(hp_train(h, 'sale_price', hp_forest(trees => 100))) ->> 'digest' FROM houses h};
is( $node->safe_psql('postgres', "SET houseprice.progress = log; $digest"),
	$node->safe_psql('postgres', $digest), 'the model is the same');

# In PL/pgSQL too, and a training can be stopped while it is talking.
my $query = HousepriceTest::begin_query($node, 'talking',
	q{SET houseprice.progress = on; DO $$ BEGIN PERFORM hp_train(h, 'sale_price', hp_forest(trees => 50000)) FROM houses h; END $$}, 3);
HousepriceTest::of_backend($query, 'pg_terminate_backend');
my ($err) = HousepriceTest::end_query($query);
like($err, qr/^NOTICE:  $line/m, 'lines from within a function');
like($err, qr/terminating connection due to administrator command/, 'a talking training is stopped');

# One whose client does not listen goes on, and is stopped as any other.
$query = HousepriceTest::begin_query($node, 'deaf', 'SET houseprice.progress = on; ' . sprintf($endless, 'hp_forest(trees => 50000)'));
$query->{run}->signal('STOP');
sleep 3;
is(HousepriceTest::of_backend($query, 'pg_terminate_backend'), 't', 'a client that does not listen');
ok( $node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'deaf'"),
	'its training is stopped');
$query->{run}->signal('CONT');
HousepriceTest::end_query($query);

($status, $stdout, $stderr) = $node->psql('postgres', 'SELECT hp_forest(); SET houseprice.progress = loud');
like($stderr, qr/invalid value for parameter "houseprice.progress": "loud"\nHINT:  Available values: off, notice, log\./, 'a wrong value');

unlike(slurp_file($node->logfile), qr/server process .* was terminated by signal|PANIC/, 'no process crashed');
$node->stop;
done_testing();
