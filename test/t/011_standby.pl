
# A hot standby predicts and trains as its primary does, notices new models,
# and goes on as a primary.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceTest;

my $primary = HousepriceTest::new_node('primary', allows_streaming => 1);
$primary->append_conf('postgresql.conf', q{
client_min_messages = error
max_worker_processes = 16
});
$primary->start;
HousepriceTest::load_houses($primary);
$primary->backup('backup');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
HousepriceTest::stage($standby);
# what a snapshot on the standby needs, the primary keeps
$standby->append_conf('postgresql.conf', 'hot_standby_feedback = on');
$standby->start;

sub catch_up
{
	$primary->wait_for_catchup($standby);
	return;
}

sub on_both
{
	my ($sql, $name) = @_;
	my $expected = $primary->safe_psql('postgres', $sql);

	isnt($expected, '', "$name: there is something to compare");
	is($standby->safe_psql('postgres', $sql), $expected, "$name: the same on the standby");
	return;
}

# ---- models of the primary --------------------------------------------------

my %params = (
	boost => 'hp_boost(rounds => 30, early_stopping => false)',
	forest => 'hp_forest(trees => 20)',
	linear => 'hp_linear()',
	mean => 'hp_mean()');
$primary->safe_psql('postgres', join ';',
	'CREATE TABLE models (name text PRIMARY KEY, model hp_model NOT NULL)',
	map { "INSERT INTO models SELECT '$_', hp_train(h, 'sale_price', $params{$_}) FROM houses h" } sort keys %params);
catch_up();

my $models = HousepriceTest::models($primary);
is(scalar(split /\n/, $models), 4, 'four models are stored');
is(HousepriceTest::models($standby), $models, 'they are the same on the standby, and predict the same');

my $of_forest = "FROM models m, houses h WHERE m.name = 'forest'";
on_both('SELECT name, hp_model_info(model) FROM models ORDER BY name', 'hp_model_info');
on_both(q{SELECT name, md5(string_agg(p::text, ',' ORDER BY p))
	FROM models m, LATERAL (SELECT prediction AS p FROM hp_predict_rows(m.model, NULL::houses)) s GROUP BY name ORDER BY name}, 'hp_predict_rows');
on_both("SELECT sum(hp_predict_oob(m.model, h)::numeric) $of_forest", 'hp_predict_oob');
on_both("SELECT sum(hp_predict_json(m.model, to_jsonb(h))::numeric) $of_forest", 'hp_predict_json');
on_both("SELECT hp_evaluate(h.sale_price, hp_predict(m.model, h)) $of_forest", 'hp_evaluate');
on_both("SELECT hp_warn(m.model, x) FROM models m, (SELECT (hp_clean(h)).* FROM houses h LIMIT 1) x WHERE m.name = 'forest'", 'hp_warn');
on_both("SELECT count(*) FROM models m, hp_check(m.model, NULL::houses)", 'hp_check');
on_both("SELECT i.* FROM models m, hp_importance(m.model) i WHERE name = 'boost'", 'hp_importance');
on_both("SELECT t.* FROM models m, hp_tree(m.model, 1) t WHERE name = 'boost'", 'hp_tree');
on_both("SELECT hp_digest(m.model, h) $of_forest", 'hp_digest');
on_both("SELECT * FROM hp_describe('houses')", 'hp_describe');
on_both('SELECT md5(string_agg(c::text, NULL ORDER BY c)) FROM hp_clean_rows(NULL::houses) c', 'hp_clean_rows');

# ---- trainings on the standby -----------------------------------------------

foreach my $name (sort keys %params)
{
	on_both("SELECT hp_model_info(hp_train(h, 'sale_price', $params{$name})) ->> 'digest' FROM houses h", "training of $name");
}

# also with temporary files, and in parallel
my $train = "SELECT hp_model_info(hp_train(h, 'sale_price', $params{forest})) ->> 'digest' FROM houses h";
my $parallel = join ';', map { "SET $_" } 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0',
  'min_parallel_table_scan_size = 0', 'parallel_leader_participation = off', 'houseprice.spill_threshold = 0';
like($standby->safe_psql('postgres', "$parallel; EXPLAIN $train"), qr/Workers Planned: \d/, 'workers are planned');
is($standby->safe_psql('postgres', "$parallel; $train"), $primary->safe_psql('postgres', $train),
	'training in parallel and by files: the same on the standby');

my ($status, $stdout, $stderr) = $standby->psql('postgres',
	"INSERT INTO models SELECT 'mine', hp_train(h, 'sale_price', hp_mean()) FROM houses h");
like($stderr, qr/cannot execute INSERT in a read-only transaction/, 'it cannot be stored there');
is($standby->safe_psql('postgres', q{
		SELECT hp_model_info(m) ->> 'digest' = hp_model_info(model) ->> 'digest', sum(hp_predict(m, h)) = sum(hp_predict(model, h))
		FROM (SELECT hp_train(h, 'sale_price', hp_mean()) AS m FROM houses h) t, models, houses h
		WHERE name = 'mean' GROUP BY m, model}),
	't|t', 'but used');

# ---- a session that stays ---------------------------------------------------

my $session = $standby->background_psql('postgres');
my $cached = q{SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'houseprice model' AND ident = 'cached'};
my $price = q{SELECT hp_predict(model, h) FROM models, (SELECT * FROM houses ORDER BY houses LIMIT 1) h WHERE name = 'forest'};
my $update = q{UPDATE models SET model = (SELECT hp_train(h, 'sale_price', hp_forest(trees => %d)) FROM houses h) WHERE name = 'forest'};

is($session->query_safe($cached), 0, 'a new session has no model in memory');
my $first = $session->query_safe($price);
is($first, $primary->safe_psql('postgres', $price), 'a session predicts');
is($session->query_safe($cached), 1, 'and keeps the model');
is($session->query_safe("SET houseprice.model_cache = 0; $price; $cached; RESET houseprice.model_cache"), "$first\n0", 'unless it is told not to');
is($session->query_safe($price), $first, 'it predicts the same again');

$primary->safe_psql('postgres', sprintf($update, 21));
my $second = $primary->safe_psql('postgres', $price);
isnt($second, $first, 'another model predicts something else');
catch_up();
is($session->query_safe($price), $second, 'the session predicts by the model that is there now');
is($session->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; $price"), $second, 'a snapshot is taken');
$primary->safe_psql('postgres', sprintf($update, 22));
my $third = $primary->safe_psql('postgres', $price);
isnt($third, $second, 'a third model predicts something else');
catch_up();
is($session->query_safe($price), $second, 'the snapshot has the model that was there');
is($session->query_safe("COMMIT; $price"), $third, 'and after it the one that is there now');

# ---- the standby becomes a primary ------------------------------------------

$models = HousepriceTest::models($primary);
$primary->stop;
$standby->promote;
is($session->query_safe($price), $third, 'the session goes on when the standby is promoted');
$session->query_safe(sprintf($update, 20));
is($session->query_safe($price), $first, 'and stores a model of its own');
$session->quit;

my $after = HousepriceTest::models($standby);
isnt($after, $models, 'a model has been replaced');
$standby->safe_psql('postgres', sprintf($update, 22));
is(HousepriceTest::models($standby), $models, 'the same training gives the model that the primary had');
$standby->stop;
done_testing();
