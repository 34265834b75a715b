
# Predictions that a database keeps, in generated columns, materialized views,
# indexes, constraints and by triggers, come back from a dump, and go on.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceTest;

my $node = HousepriceTest::new_node('main');
$node->append_conf('postgresql.conf', q{
client_min_messages = error
jit = off
});
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE market');
HousepriceTest::load_houses($node, 'market');

# Names are such that what depends on a table comes before it in the alphabet.
$node->safe_psql('market', q{
	CREATE TABLE models (name text PRIMARY KEY, model hp_model NOT NULL);
	INSERT INTO models
	SELECT name, hp_train(hp_select_features(h, 'lot_area', 'year_built', 'neighborhood'), h.sale_price * factor, hp_forest(trees => 5))
	FROM houses h, (VALUES ('used', 1), ('next', 2)) v(name, factor) GROUP BY name;

	-- the model inside, as docs/reference/predict.md has it
	CREATE TYPE house AS (lot_area int, year_built int, neighborhood text);
	CREATE FUNCTION fix(model hp_model) RETURNS void LANGUAGE plpgsql SET search_path = public AS $$
	BEGIN
		EXECUTE format('CREATE OR REPLACE FUNCTION a_fixed(lot_area int, year_built int, neighborhood text) RETURNS float8
			LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = public AS %L',
			format('BEGIN RETURN hp_predict(%L::hp_model, ROW(lot_area, year_built, neighborhood)::house); END', model));
		EXECUTE format('ALTER TABLE generated DROP CONSTRAINT IF EXISTS whole,
			ADD CONSTRAINT whole CHECK (sale_price < 9 * hp_predict(%L::hp_model, generated))', model);
	END
	$$;
	CREATE TABLE generated (LIKE houses);
	SELECT fix(model) FROM models WHERE name = 'used';
	ALTER TABLE generated ADD predicted float8 GENERATED ALWAYS AS (a_fixed(lot_area, year_built, neighborhood)) STORED,
		ADD CONSTRAINT fixed CHECK (sale_price < 9 * a_fixed(lot_area, year_built, neighborhood));
	CREATE INDEX expression ON generated (a_fixed(lot_area, year_built, neighborhood));
	INSERT INTO generated SELECT * FROM houses;

	-- the model of the table
	CREATE FUNCTION a_price(h houses) RETURNS float8 LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = public AS $$
	BEGIN
		RETURN hp_predict(m.model, h) FROM models m WHERE m.name = 'used';
	END
	$$;
	CREATE MATERIALIZED VIEW a_called AS SELECT h.*, a_price(h) AS predicted FROM houses h;
	CREATE MATERIALIZED VIEW a_joined AS SELECT h.*, hp_predict(m.model, h) AS predicted FROM houses h, models m WHERE m.name = 'used';
	CREATE MATERIALIZED VIEW a_rows AS SELECT (p.source_row).*, p.prediction AS predicted
	FROM models m, hp_predict_rows(m.model, NULL::houses, 'SELECT * FROM public.houses') p WHERE m.name = 'used';
	CREATE MATERIALIZED VIEW a_second AS SELECT * FROM a_joined;
	CREATE FUNCTION a_predict() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
	BEGIN
		NEW.predicted := (SELECT hp_predict(m.model, NEW) FROM models m WHERE m.name = 'used');
		RETURN NEW;
	END
	$$;
	CREATE TABLE a_triggered (LIKE houses, predicted float8);
	CREATE TRIGGER a_predict BEFORE INSERT OR UPDATE ON a_triggered FOR EACH ROW EXECUTE FUNCTION a_predict();
	INSERT INTO a_triggered SELECT * FROM houses;
});

my @relations = qw(a_called a_joined a_rows a_second a_triggered generated);

# For each relation how many rows, and how many that do not have the prediction
# of the model in use; and what the index finds.
sub state_of
{
	my ($dbname) = @_;
	my $wrong = join ' UNION ALL ', map {
		"SELECT '$_', count(*), count(*) FILTER (WHERE r.predicted IS DISTINCT FROM hp_predict(m.model, r))
		FROM $_ r, models m WHERE m.name = 'used'"
	} @relations;

	return $node->safe_psql($dbname, qq{
		SET enable_seqscan = off; SET enable_bitmapscan = off;
		$wrong ORDER BY 1;
		SELECT count(*) = (SELECT count(*) FROM a_joined WHERE predicted > 200000)
		FROM generated WHERE a_fixed(lot_area, year_built, neighborhood) > 200000});
}

my $right = join("\n", (map { "$_|2930|0" } @relations), 't');
is(state_of('market'), $right, 'all are stored');
like($node->safe_psql('market', q{
		SET enable_seqscan = off; SET enable_bitmapscan = off;
		EXPLAIN SELECT count(*) FROM generated WHERE a_fixed(lot_area, year_built, neighborhood) > 200000}),
	qr/Index.*Scan using expression/, 'by the index');

# A dump as text, without the keys that psql is locked with.
sub dump_of
{
	my ($dbname) = @_;
	my ($stdout, $stderr) = run_command([ 'pg_dump', '-d', $node->connstr($dbname) ]);

	return $stdout =~ s/^\\(un)?restrict .*$//mgr;
}

my $dump = dump_of('market');
my $file = $node->data_dir . '/../market.dump';
like($dump, qr/predicted double precision GENERATED ALWAYS AS \(public\.a_fixed\(/, 'a dump has the generated column');
$node->command_ok([ 'pg_dump', '--format=custom', '-f', $file, 'market' ], 'dumped');
foreach my $jobs (1, 2)
{
	my $restored = "restored_$jobs";

	$node->safe_psql('postgres', "CREATE DATABASE $restored");
	$node->command_ok([ 'pg_restore', '--exit-on-error', "--jobs=$jobs", '-d', $restored, $file ], "$jobs jobs: restored");
	is(state_of($restored), $right, "$jobs jobs: all is as it was");
	ok(dump_of($restored) eq $dump, "$jobs jobs: a dump of it is the same");
}

# The restored database goes on: another model for all of them.
my $db = 'restored_2';
$node->safe_psql($db, q{
	UPDATE models SET model = (SELECT model FROM models WHERE name = 'next') WHERE name = 'used';
	INSERT INTO generated (lot_area) VALUES (-1);
	INSERT INTO a_triggered (lot_area) VALUES (-1)});
is(state_of($db),
	join("\n", (map { "$_|2930|2930" } qw(a_called a_joined a_rows a_second)), 'a_triggered|2931|2930', 'generated|2931|2931', 't'),
	'the next model is used by what is written from then on, unless it has another inside');
$node->safe_psql($db, q{
	DELETE FROM generated WHERE lot_area = -1;
	DELETE FROM a_triggered WHERE lot_area = -1;
	SELECT fix(model) FROM models WHERE name = 'used';
	UPDATE generated SET lot_area = lot_area;
	REINDEX TABLE generated;
	UPDATE a_triggered SET lot_area = lot_area});
$node->safe_psql($db, "REFRESH MATERIALIZED VIEW $_") foreach grep { /called|joined|rows|second/ } @relations;
is(state_of($db), $right, 'all go over to it');
foreach my $constraint ('fixed', 'whole')
{
	my $other = $constraint eq 'fixed' ? 'whole' : 'fixed';
	my ($status, $stdout, $stderr) = $node->psql($db, qq{
		BEGIN;
		ALTER TABLE generated DROP CONSTRAINT "$other";
		UPDATE generated SET sale_price = 9 * predicted + 1});
	like($stderr, qr/violates check constraint "$constraint"/, "the constraint $constraint is there");
}

$node->stop;
done_testing();
