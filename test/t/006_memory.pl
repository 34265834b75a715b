
# Memory: bounded by a setting, by the machine, and given back whatever
# happens.  Training raises an error, the session and the server live.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceTest;

my $node = HousepriceTest::new_node('main');
$node->append_conf('postgresql.conf', q{
max_parallel_workers_per_gather = 0
client_min_messages = error
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION houseprice;
	CREATE TABLE many AS
	SELECT i % 1009 AS a, i % 1013 AS b, (i % 1019)::float8 / 3 AS c, i % 1021 AS d, 'street ' || i % 97 AS e,
		(i * 1999 % 10007)::float8 AS price, i % 1000 AS part
	FROM generate_series(1, 400000) i;
	CREATE TABLE few AS SELECT * FROM many LIMIT 300;
});

my %params = (
	'forest' => 'hp_forest(trees => 3)',
	'extra trees' => 'hp_extra_trees(trees => 3)',
	'boost' => 'hp_boost(rounds => 20)',
	'linear' => 'hp_linear()',
	'blend' => 'hp_blend(hp_boost(rounds => 5), hp_linear())');

# A training as a statement that shows nothing but its model's digest.
sub train
{
	my ($algorithm, $table) = @_;

	return "SELECT hp_model_info(hp_train(m, 'price', $params{$algorithm})) ->> 'digest' FROM $table m";
}

my $small = train('forest', 'few');
my $expected = $node->safe_psql('postgres', $small);

# ---- the setting ------------------------------------------------------------

my ($status, $stdout, $stderr) = $node->psql('postgres', '\set VERBOSITY verbose' . "\nSET houseprice.max_memory = '5MB'; " . train('forest', 'many'));
like($stderr, qr/ERROR:  53200: houseprice needs more than houseprice\.max_memory \(5120 kB\)/, 'beyond the limit');
like($stderr, qr/DETAIL:  .*\d+ [kM]B/, 'what was held and asked for');
like($stderr, qr/HINT:  .*max_bins.*trees.*min_leaf/, 'what would fit');

foreach my $algorithm (sort keys %params)
{
	# refused at any moment of the training, and in the end not at all
	my $refused = 0;
	my $limits = join '', map { 'SELECT set_config(\'houseprice.max_memory\', \'' . int(64 * 1.3**$_) . "kB', false) \\g /dev/null\n" . train($algorithm, 'many') . ";\n" } 0 .. 30;
	($status, $stdout, $stderr) = $node->psql('postgres', "$limits;\nRESET houseprice.max_memory; $small", on_error_stop => 0);
	my @errors = $stderr =~ /ERROR:  (.*)/g;
	my @models = split /\n/, $stdout;

	is(scalar(@errors) + scalar(@models), 32, "$algorithm: one answer for each limit");
	cmp_ok(scalar @errors, '>=', 10, 'many are too low');
	cmp_ok(scalar @models, '>=', 2, 'some are high enough');
	is_deeply([ grep { !/houseprice needs more than houseprice\.max_memory|not enough memory to/ } @errors ], [], 'and say so');
	is(pop @models, $expected, 'after which the session trains');
	is(scalar(keys %{ { map { $_ => 1 } @models } }), 1, 'all models are the same');
}

# pages count what they keep of the rows
($status, $stdout, $stderr) = $node->psql('postgres', '\set VERBOSITY verbose' . q{
	CREATE TEMP TABLE t AS SELECT hp_train(m, 'price', hp_forest(trees => 3)) AS model FROM few m;
	SET houseprice.max_memory = '4MB'; SELECT hp_report(model, 'few') IS NULL FROM t; SELECT hp_report(model, 'many') IS NULL FROM t});
is($stdout, 'f', 'a page within the limit');
like($stderr, qr/ERROR:  53200: not enough memory to study the rows of the source.*The limit, houseprice\.max_memory, is 4096 kB/s, 'and one beyond');

($status, $stdout, $stderr) = $node->psql('postgres', "$small; SET SESSION AUTHORIZATION pg_monitor; SET houseprice.max_memory = 0");
like($stderr, qr/permission denied to set parameter "houseprice.max_memory"/, 'the limit is the administrator\'s');
($status, $stdout, $stderr) = $node->psql('postgres',
	"SET SESSION AUTHORIZATION pg_monitor; SET houseprice.max_memory = '1kB'; SET client_min_messages = warning; SELECT hp_forest() IS NULL; SHOW houseprice.max_memory");
like($stderr, qr/permission denied to set parameter "houseprice.max_memory"/, 'before the library is loaded too');
like($stdout, qr/^0$/m, 'and has no effect');

# ---- folds ------------------------------------------------------------------

# One after another: ten of them take the memory of one training, and of the
# rows once more.  Copies of the rows for all of them would take 30 MB.
is( $node->safe_psql('postgres', q{
		SET houseprice.max_memory = '12MB';
		SELECT (hp_summary(hp_cross_validate(m, 'price', hp_forest(trees => 1, max_leaves => 31), 10))).folds FROM many m WHERE part < 250}),
	10, 'folds are trained one after another');
($status, $stdout, $stderr) = $node->psql('postgres', qq{
	SET houseprice.max_memory = '6MB';
	SELECT hp_tune(m, 'price', ARRAY[hp_mean(), hp_forest(trees => 1)]) FROM many m WHERE part < 250;
	RESET houseprice.max_memory; $small}, on_error_stop => 0);
like($stderr, qr/ERROR:  (houseprice needs more than|not enough memory)/, 'beyond the limit too');
is($stdout, $expected, 'after which the session trains');

# ---- given back -------------------------------------------------------------

# The least limit with which a training succeeds, in MB, before and after a
# thousand trainings that ended in some other way.
my $least = q{
	CREATE OR REPLACE FUNCTION pg_temp.least() RETURNS integer LANGUAGE plpgsql AS $$
	DECLARE
		low integer := 0;
		high integer := 256;
		middle integer;
	BEGIN
		WHILE high - low > 1 LOOP
			middle := (low + high) / 2;
			PERFORM set_config('houseprice.max_memory', middle || 'MB', false);
			BEGIN
				PERFORM hp_train(m, 'price', hp_forest(trees => 1, max_leaves => 31)) FROM many m;
				high := middle;
			EXCEPTION WHEN out_of_memory THEN
				low := middle;
			END;
		END LOOP;
		RESET houseprice.max_memory;
		RETURN high;
	END $$;
};
my $fail = q{
	CREATE OR REPLACE FUNCTION pg_temp.fail(times integer) RETURNS integer LANGUAGE plpgsql AS $$
	DECLARE
		queries text[] := ARRAY[
			-- while rows are collected
			'SELECT hp_train(m, CASE WHEN d < 298 THEN price ELSE ''NaN'' END) FROM few m',
			'SELECT hp_train(m, ''price'', CASE WHEN d < 298 THEN hp_forest() ELSE hp_boost() END) FROM few m',
			'SELECT hp_train(m, 1 / (d - 298)::numeric) FROM few m',
			-- in training
			'SELECT hp_train(m, price) FROM few m',
			'SELECT hp_train(m, ln(price + 1), hp_boost()) FROM few m',
			-- with a fold held out
			'SELECT hp_cross_validate(m, price, hp_forest(trees => 1), 3) FROM few m',
			-- without memory
			'SELECT hp_train(m, ''price'') FROM few m'];
		failures integer := 0;
	BEGIN
		FOR i IN 1 .. times LOOP
			BEGIN
				IF i % 7 = 6 THEN
					SET LOCAL houseprice.max_memory = '60kB';
				END IF;
				EXECUTE queries[i % 7 + 1];
			EXCEPTION WHEN OTHERS THEN
				failures := failures + 1;
			END;
		END LOOP;
		RETURN failures;
	END $$;
};

# Trainings that a timeout stops: in the middle, at the beginning, at the end.
my $cancels = join '', map { 'SET statement_timeout = ' . (1 + $_ % 40) . ";\nSELECT hp_train(m, 'price', hp_forest(trees => 1000)) IS NULL FROM few m;\n" } 1 .. 200;
my $rss = 'SELECT ' . HousepriceTest::process_sql('VmRSS');

($status, $stdout, $stderr) = $node->psql('postgres', qq{
	$least $fail
	SELECT pg_temp.least();
	SELECT pg_temp.fail(100);
	$cancels
	RESET statement_timeout;
	$rss;
	SELECT pg_temp.fail(1000);
	$cancels
	$cancels
	RESET statement_timeout;
	$rss;
	SELECT pg_temp.least();
	$small;}, on_error_stop => 0);
my ($least_before, $failures_before, $rss_before, $failures, $rss_after, $least_after, $digest) = grep { !/^[tf]$/ } split /\n/, $stdout;
my $ncancels = () = $stderr =~ /canceling statement due to statement timeout/g;

is($failures_before, 100, 'a hundred failed trainings');
is($failures, 1000, 'a thousand more');
cmp_ok($ncancels, '>=', 300, 'and hundreds of cancelled ones');
cmp_ok($rss_after - $rss_before, '<', 4096, 'need no more memory') or diag "from $rss_before to $rss_after kB";
cmp_ok($least_before, '>', 1, 'a training needs memory');
is($least_after, $least_before, 'which is all there again');
is($digest, $expected, 'the session trains');

# ---- many groups ------------------------------------------------------------

# A thousand states at once, whose memory the executor counts as well.
my $groups = q{
	SET work_mem = '1GB'; SET enable_sort = off;
	SELECT count(hp_model_info(m)) FROM (SELECT hp_train(m, 'price', hp_forest(trees => 1)) AS m FROM many m WHERE a < 100 GROUP BY part) t};
$node->safe_psql('postgres', 'ANALYZE many');
like($node->safe_psql('postgres', "SET work_mem = '1GB'; SET enable_sort = off; EXPLAIN SELECT hp_train(m, 'price') FROM many m WHERE a < 100 GROUP BY part"),
	qr/HashAggregate/, 'groups are hashed');
($status, $stdout, $stderr) = $node->psql('postgres', qq{
	$small; $rss;
	SET houseprice.max_memory = '32MB'; $groups;
	SELECT } . HousepriceTest::process_sql('VmHWM'));
(undef, $rss_before, my $models, my $peak) = split /\n/, $stdout;
is($stderr, '', 'a thousand groups fit 32 MB');
is($models, 1000, 'a thousand models');
cmp_ok($peak - $rss_before, '<', 100 * 1024, 'in less than 100 kB each');

# ---- a machine without memory -----------------------------------------------

SKIP:
{
	skip 'needs prlimit', 1 if system('prlimit --version >/dev/null 2>&1') != 0;

	# one session, whose address space ends some megabytes from where it is now
	my $limit = q{
		CREATE TEMP TABLE room (mb bigint);
		DO $do$
		BEGIN
			EXECUTE format('COPY room FROM PROGRAM %L', format('awk ''/VmSize/ {print int($2 / 1024) + %s}'' /proc/%s/status', MB, pg_backend_pid()));
			EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', format('cat >/dev/null; prlimit --pid %s --as=%s', pg_backend_pid(), (SELECT mb FROM room) << 20));
		END
		$do$;
	};
	my $errors = 0;

	foreach my $algorithm (sort keys %params)
	{
		foreach my $megabytes (4, 12, 25, 50, 2000)
		{
			my $session = $limit =~ s/MB/$megabytes/r;

			($status, $stdout, $stderr) = $node->psql('postgres', "SET houseprice.threads = 2; $small; $session; "
				  . train($algorithm, 'many') . ";\nSELECT 'alive';\n$small;", on_error_stop => 0);
			if ($stderr eq '') { pass("$algorithm: $megabytes MB are enough") }
			else
			{
				like($stderr, qr/out of memory|could not create|Cannot allocate/, "$algorithm: $megabytes MB: an error");
				$errors++;
			}
			like($stdout, qr/alive\n\Q$expected\E/, 'after which the session trains');
		}
	}
	cmp_ok($errors, '>=', 5, 'some were errors');
}

# ---- a machine without threads ----------------------------------------------

# Each thread reserves its stack: with stacks of 8 GB in 6 GB of addresses none
# can be created.  The stack's size is taken from the postmaster's limit.
SKIP:
{
	my $stack = 8 << 30;
	my ($soft) = split ' ', `prlimit --pid $$ --stack --noheadings --raw --output SOFT 2>/dev/null` || '';

	skip 'cannot set limits', 1 if !$soft || system("prlimit --pid $$ --stack=$stack: 2>/dev/null") != 0;
	$node->restart;
	system("prlimit --pid $$ --stack=$soft:");

	my $session = q{
		DO $do$
		BEGIN
			EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', format('cat >/dev/null; prlimit --pid %s --as=6442450944', pg_backend_pid()));
		END
		$do$;};
	my $threads = 'SELECT ' . HousepriceTest::process_sql('Threads');

	foreach my $algorithm (sort keys %params)
	{
		my $train = train($algorithm, 'many');

		($status, $stdout, $stderr) = $node->psql('postgres',
			"SET houseprice.threads = 2; $session $train; $threads; SET houseprice.threads = 1; $train");
		is($stderr, '', "$algorithm: no thread can be created");
		my ($two, $nthreads, $one) = split /\n/, $stdout;
		is($nthreads, 1, 'and none is');
		is($two, $one, 'the training goes on without');
	}
	$node->restart;
	($status, $stdout, $stderr) = $node->psql('postgres', "SET houseprice.threads = 2; " . train('forest', 'many') . "; $threads");
	like($stdout, qr/\n2$/, 'elsewhere it had threads');
}

is($node->safe_psql('postgres', $small), $expected, 'the server lives');
unlike(slurp_file($node->logfile), qr/was terminated by signal|PANIC/, 'no process crashed');

$node->stop;
done_testing();
