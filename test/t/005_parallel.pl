
# Large parallel trainings: states of workers cross to the leader whole, and
# the model is that of the serial plan.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceTest;

my $node = HousepriceTest::new_node('main');
$node->append_conf('postgresql.conf', q{
max_worker_processes = 16
max_parallel_workers = 8
parallel_setup_cost = 0
parallel_tuple_cost = 0
min_parallel_table_scan_size = 0
work_mem = '1MB'
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION houseprice;
	CREATE TABLE many WITH (parallel_workers = 4) AS
	SELECT i % 1009 AS area, (i * 7919 % 10007)::float8 / 7 AS frontage, 'street ' || i % 211 AS street,
		CASE WHEN i % 13 > 0 THEN i % 5 END AS rooms, i % 401 AS part,
		CASE WHEN i % 1000 > 0 THEN i % 1009 * 100 + i % 211 * 50 + i * 31 % 977 END AS price
	FROM generate_series(1, 200000) i;
	ANALYZE many;
});

sub digest
{
	my ($settings, $query) = @_;
	return $node->safe_psql('postgres', "SET client_min_messages = error; $settings; $query");
}

my $whole = q{SELECT hp_model_info(m) ->> 'digest', hp_model_info(m) ->> 'rows', hp_model_info(m) ->> 'rows_without_target'
	FROM (SELECT hp_train(x, 'price', hp_forest(trees => 2, max_leaves => 200)) AS m FROM many x) t};
my $groups = q{SELECT count(*), md5(string_agg(hp_model_info(m) ->> 'digest', ',' ORDER BY part))
	FROM (SELECT part, hp_train(x, 'price', hp_forest(trees => 1)) AS m FROM many x GROUP BY part) t};
my $serial = 'SET max_parallel_workers_per_gather = 0';

my $expected = digest($serial, $whole);
like($expected, qr/^[0-9a-f]{32}\|199800\|200$/, 'serial');
my $plan = digest('SET max_parallel_workers_per_gather = 4', "EXPLAIN (COSTS OFF) $whole");
like($plan, qr/Workers Planned: 4.*Partial Aggregate/s, 'the plan is parallel');
foreach my $workers (1, 2, 4)
{
	is(digest("SET max_parallel_workers_per_gather = $workers", $whole), $expected, "$workers workers");
	is(digest("SET max_parallel_workers_per_gather = $workers; SET parallel_leader_participation = off", $whole),
		$expected, "$workers workers, the leader waits");
}
is(digest('SET max_parallel_workers_per_gather = 4; SET houseprice.threads = 3', $whole), $expected, 'and threads');

$expected = digest("$serial; SET enable_hashagg = off", $groups);
is(digest($serial, $groups), $expected, '401 groups, hashed');
is(digest('SET max_parallel_workers_per_gather = 4', $groups), $expected, '401 groups, in parallel');
is(digest('SET max_parallel_workers_per_gather = 4; SET enable_hashagg = off', $groups), $expected,
	'401 groups, in parallel, sorted');

# states without any row, and rows without any target
is(digest('SET max_parallel_workers_per_gather = 4',
		q{SELECT hp_train(x, 'price') IS NULL FROM many x WHERE area < 0}), 't', 'no row anywhere');
is(digest('SET max_parallel_workers_per_gather = 4',
		q{SELECT hp_train(x, 'price') IS NULL FROM many x WHERE price IS NULL}), 't', 'no target anywhere');
is(digest('SET max_parallel_workers_per_gather = 4',
		q{SELECT hp_model_info(hp_train(x, 'price', hp_forest(trees => 1))) ->> 'rows' FROM many x WHERE part = 7 AND area < 3}),
	digest($serial,
		q{SELECT hp_model_info(hp_train(x, 'price', hp_forest(trees => 1))) ->> 'rows' FROM many x WHERE part = 7 AND area < 3}),
	'most workers find nothing');
# errors in a worker are errors
my ($status, $stdout, $stderr) = $node->psql('postgres',
	q{SET max_parallel_workers_per_gather = 4; SELECT hp_train(x, 'prise') FROM many x});
like($stderr, qr/the row has no column "prise"/, 'an error in a worker');
($status, $stdout, $stderr) = $node->psql('postgres',
	q{SET max_parallel_workers_per_gather = 4; SELECT hp_train(x, 'price', hp_forest(trees => part % 2 + 1)) FROM many x});
like($stderr, qr/training parameters differ between rows/, 'parameters that differ');

# debugging aids of the planner send every plan through a worker
my $forcing = $node->safe_psql('postgres', q{SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')});
is(digest("$serial; SET $forcing = regress", q{SELECT hp_model_info(hp_train(x, 'price', hp_forest(trees => 1))) ->> 'digest' FROM many x WHERE part < 20}),
	digest($serial, q{SELECT hp_model_info(hp_train(x, 'price', hp_forest(trees => 1))) ->> 'digest' FROM many x WHERE part < 20}),
	'the training itself inside a worker');

$node->stop;
done_testing();
