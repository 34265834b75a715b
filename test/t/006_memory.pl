
# A machine without memory left: training raises an error, the server lives
# and trains again.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceTest;

plan skip_all => 'needs prlimit' if system('prlimit --version >/dev/null 2>&1') != 0;

my $node = HousepriceTest::new_node('main');
$node->append_conf('postgresql.conf', "max_parallel_workers_per_gather = 0\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION houseprice;
	CREATE TABLE many AS
	SELECT i % 1009 AS a, i % 1013 AS b, (i % 1019)::float8 AS c, i % 1021 AS d, (i * 1999 % 10007)::float8 AS price
	FROM generate_series(1, 1000000) i;
});

# one session, whose address space ends some megabytes from where it is now
my $train = q{SELECT hp_model_info(hp_train(m, 'price', hp_forest(trees => %d))) ->> 'rows' FROM many m};
my $small = q{SELECT hp_model_info(hp_train(m, 'price', hp_forest(trees => 2))) ->> 'digest' FROM many m WHERE a = 7};
my $expected = $node->safe_psql('postgres', "SET client_min_messages = error; $small");
my $limit = q{
	CREATE TEMP TABLE room (mb bigint);
	DO $do$
	BEGIN
		EXECUTE format('COPY room FROM PROGRAM %L', format('awk ''/VmSize/ {print int($2 / 1024) + %s}'' /proc/%s/status', MB, pg_backend_pid()));
		EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', format('cat >/dev/null; prlimit --pid %s --as=%s', pg_backend_pid(), (SELECT mb FROM room) << 20));
	END
	$do$;
};

foreach my $megabytes (8, 30, 60, 100, 180, 2000)
{
	my $session = $limit =~ s/MB/$megabytes/r;
	my ($status, $stdout, $stderr) = $node->psql('postgres', "SET client_min_messages = error; SET houseprice.threads = 2; $small; $session; "
		  . sprintf($train, 2) . ";\nSELECT 'alive';\n$small;", on_error_stop => 0);
	if ($stderr eq '') { pass("$megabytes MB are enough") }
	else { like($stderr, qr/out of memory|could not create|Cannot allocate/, "$megabytes MB: an error") }
	like($stdout, qr/alive\n\Q$expected\E/, 'after which the session trains');
}

is($node->safe_psql('postgres', "SET client_min_messages = error; $small"), $expected, 'the server lives');
unlike(slurp_file($node->logfile), qr/was terminated by signal|PANIC/, 'no process crashed');

$node->stop;
done_testing();
