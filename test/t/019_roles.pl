
# Who may do what: an owner who is no superuser, a publisher, a predictor, a
# superuser who passes by.  And who may not, also by a search_path full of
# look-alikes, a trigger on the registry, a registry of another shape, or a
# function that reads tables.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceTest;

my $node = HousepriceTest::new_node('main');
$node->append_conf('postgresql.conf', q{
client_min_messages = error
max_worker_processes = 16
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE ROLE owner LOGIN;
	CREATE ROLE publisher LOGIN;
	CREATE ROLE predictor LOGIN;
	CREATE ROLE auditor LOGIN;
	CREATE ROLE dba LOGIN SUPERUSER;
	CREATE ROLE anna LOGIN;
	CREATE ROLE bert LOGIN;
	CREATE DATABASE market OWNER owner;
});

sub as
{
	my ($user, $sql, $dbname) = @_;

	return $node->safe_psql($dbname // 'market', $sql, extra_params => [ '-U', $user ]);
}

sub error_of
{
	my ($user, $sql, $dbname) = @_;
	my (undef, undef, $stderr) = $node->psql($dbname // 'market', $sql, extra_params => [ '-U', $user, '-v', 'VERBOSITY=verbose' ]);

	return $stderr;
}

sub denied
{
	my ($user, $sql, $what, $name) = @_;

	like(error_of($user, $sql), qr/ERROR:  42501: permission denied for $what\b/, $name // "$user may not: $sql");
	return;
}

as('owner', q{
	CREATE EXTENSION houseprice;
	CREATE TABLE lots AS
	SELECT i AS id, i % 37 + 50 AS area, 'street ' || i % 5 AS street, CASE WHEN i % 3 = 0 THEN 'n' ELSE 's' END AS side,
		((i % 37) * 1000 + i * i % 100 * 300)::float8 AS price
	FROM generate_series(1, 600) i;
	CREATE TABLE candidates AS
	SELECT trees, hp_train(l, 'price', hp_forest(trees => trees, exclude => '{id}')) AS model
	FROM lots l, generate_series(1, 9) trees GROUP BY trees;
	GRANT SELECT ON lots, candidates TO PUBLIC;
	GRANT EXECUTE ON FUNCTION hp_publish, hp_release, hp_rollback TO publisher;
	GRANT EXECUTE ON FUNCTION hp_get_model TO auditor;
});
sub publish { return "SELECT hp_publish('lots', model) FROM candidates WHERE trees = $_[0]"; }

# ---- the publisher ----------------------------------------------------------

is(as('publisher', publish(1)), '1', 'a publisher publishes');
is(as('publisher', publish(1)), '1', 'the same again');
is(as('owner', publish(2)), '2', 'so does the owner');
is(as('dba', publish(3)), '3', 'and a superuser');
is(as('publisher', "SELECT hp_release('lots', 1); SELECT hp_release('lots', 2); SELECT hp_rollback('lots'); SELECT hp_release('lots', 2)"),
	"1\n2\n1\n2", 'a publisher releases');
is(as('predictor', 'SELECT name, version, published_by FROM hp_models ORDER BY version'),
	"lots|1|publisher\nlots|2|owner\nlots|3|dba", 'it is known who published');
is(as('predictor', 'SELECT release, version, action, released_by FROM hp_releases ORDER BY release'),
	"1|1|release|publisher\n2|2|release|publisher\n3|1|rollback|publisher\n4|2|release|publisher", 'and who released');
is(as('dba', "SET ROLE publisher; " . publish(4) . "; RESET ROLE; SELECT published_by FROM hp_models WHERE version = 4"),
	"4\npublisher", 'whoever SET ROLE names has done it');
denied('publisher', 'SELECT model FROM hp_versions', 'table hp_versions');
denied('publisher', "SELECT hp_get_model('lots')", 'function hp_get_model');
denied('publisher', "DELETE FROM hp_releases", 'table hp_releases');
is(as('publisher', q{GRANT EXECUTE ON FUNCTION hp_publish TO predictor; SELECT has_function_privilege('predictor', 'hp_publish(text, hp_model, text)', 'EXECUTE')}),
	'f', 'nor grant what was granted to it');

# ---- the predictor ----------------------------------------------------------

my $price = "SELECT md5(string_agg(hp_predict('lots', l)::text, ',' ORDER BY id)) FROM lots l";
my $right = as('owner', q{SELECT md5(string_agg(hp_predict(model, l)::text, ',' ORDER BY id)) FROM lots l, hp_versions v WHERE v.version = 2});
is(as('predictor', $price), $right, 'a predictor predicts by name');
is(as('predictor', q{SELECT bool_and(hp_predict_json('lots', to_jsonb(l)) = hp_predict('lots', l)) FROM lots l}), 't', 'also JSON');
as('owner', q{SELECT hp_release('wide', hp_publish('wide', hp_train(l, 'price', hp_forest(trees => 60)))) FROM lots l});
is(as('predictor', q{SELECT bool_and((hp_predict_interval('wide', l)).prediction = hp_predict('wide', l)) FROM lots l}), 't', 'and intervals');
as('owner', q{DELETE FROM hp_releases WHERE name = 'wide'; DELETE FROM hp_versions WHERE name = 'wide'});
as('owner', q{CREATE VIEW priced AS SELECT l.*, hp_predict('lots', l) AS predicted FROM lots l; GRANT SELECT ON priced TO PUBLIC});
is(as('predictor', q{SELECT md5(string_agg(predicted::text, ',' ORDER BY id)) FROM priced}), $right, 'in the owner\'s view');
as('owner', 'GRANT CREATE ON SCHEMA public TO predictor');
as('predictor', q{CREATE VIEW mine AS SELECT l.*, hp_predict('lots', l) AS predicted FROM lots l; GRANT SELECT ON mine TO PUBLIC});
as('owner', 'REVOKE CREATE ON SCHEMA public FROM predictor');
is(as('auditor', q{SELECT md5(string_agg(predicted::text, ',' ORDER BY id)) FROM mine}), $right, 'in a view of one\'s own, for others');
my $parallel = join ';', map { "SET $_" } 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0', 'min_parallel_table_scan_size = 0',
  'parallel_leader_participation = off', 'max_parallel_workers_per_gather = 2';
like(as('predictor', "$parallel; EXPLAIN $price"), qr/Workers Planned: \d/, 'workers are planned');
is(as('predictor', "$parallel; $price"), $right, 'and predict the same');
is(as('predictor', q{SELECT count(*) FROM hp_models; SELECT count(*) FROM hp_releases}), "4\n4", 'a predictor reads what was published and released');

denied('predictor', $_, 'table hp_versions')
  foreach 'SELECT model FROM hp_versions', 'SELECT count(*) FROM hp_versions', q{INSERT INTO hp_versions (name, version) VALUES ('lots', 9)},
  'UPDATE hp_versions SET version = 9', 'DELETE FROM hp_versions', 'TRUNCATE hp_versions', 'BEGIN; LOCK hp_versions; COMMIT';
denied('predictor', $_, 'table hp_releases')
  foreach q{INSERT INTO hp_releases (name, release, version) VALUES ('lots', 9, 1)}, 'UPDATE hp_releases SET version = 1',
  'DELETE FROM hp_releases', 'TRUNCATE hp_releases';
like(error_of('predictor', $_), qr/ERROR:  55000: cannot \w+ \w+ view "hp_models"/, "nobody may: $_") foreach q{INSERT INTO hp_models (name) VALUES ('lots')}, 'DELETE FROM hp_models';
denied('predictor', publish(5), 'function hp_publish', 'a predictor may not publish');
denied('predictor', "SELECT hp_release('lots', 1)", 'function hp_release');
denied('predictor', "SELECT hp_rollback('lots')", 'function hp_rollback');
denied('predictor', "SELECT hp_get_model('lots')", 'function hp_get_model');
denied('predictor', "SELECT hp_get_model('lots', 1)", 'function hp_get_model');
is(as('auditor', q{SELECT hp_model_info(hp_get_model('lots')) -> 'trees', hp_model_info(hp_get_model('lots', 1)) -> 'trees'}), '2|1',
	'an auditor, who may read weights, does');
denied('auditor', publish(5), 'function hp_publish', 'but may not publish');
like(error_of('predictor', q{SELECT hp_predict('lost', l) FROM lots l}), qr/ERROR:  42704: .*"lost".*lots/s, 'a wrong name is an error that knows the right one');

# ---- a search_path of look-alikes -------------------------------------------

# Schema evil, and temporary tables, have all operators, functions and relations
# that SQL within the extension could mean; each raises an error when touched.
as('owner', 'GRANT CREATE ON DATABASE market TO publisher');
my $evil = q{
	CREATE SCHEMA evil;
	SET search_path = pg_catalog;
	DO $do$
	DECLARE
		o record;
		n int := 0;
	BEGIN
		FOR o IN SELECT p.oid, p.proname, p.oid::regprocedure AS signature, format_type(p.prorettype, NULL) AS result, p.proretset,
				(SELECT string_agg(format_type(t, NULL), ', ' ORDER BY i) FROM unnest(p.proargtypes) WITH ORDINALITY u(t, i)) AS arguments
			FROM pg_proc p
			WHERE (pronamespace = 'public'::regnamespace AND prokind = 'f'
					OR pronamespace = 'pg_catalog'::regnamespace AND prokind IN ('f', 'a') AND provariadic = 0
					AND proname !~ '^(RI_|pg_stat|has_|binary_upgrade|ts_|tsvector|tsquery|inet|box|circle|path|poly|point|lseg|line|range|multirange)')
				AND NOT EXISTS (SELECT FROM unnest(proargtypes) t JOIN pg_type y ON y.oid = t WHERE typtype = 'p' AND typname NOT IN ('record', 'anyelement'))
				AND (SELECT typtype <> 'p' OR typname IN ('void', 'record') FROM pg_type y WHERE y.oid = prorettype)
		LOOP
			EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %L', o.proname, o.arguments,
				CASE WHEN o.proretset THEN 'SETOF' END, o.result,
				format('BEGIN RAISE EXCEPTION ''captured %s''; END', replace(o.signature::text, '''', '')));
			n := n + 1;
		END LOOP;
		FOR o IN SELECT p.oid, oprname, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS result FROM pg_operator p
			WHERE oprnamespace IN ('pg_catalog'::regnamespace, 'public'::regnamespace) AND oprkind = 'b'
				AND NOT EXISTS (SELECT FROM pg_type WHERE oid IN (oprleft, oprright, oprresult) AND typtype = 'p')
		LOOP
			EXECUTE format('CREATE FUNCTION evil.operator_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', o.oid, o.l, o.r, o.result,
				'BEGIN RAISE EXCEPTION ''captured an operator''; END');
			EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.operator_%s)', o.oprname, o.l, o.r, o.oid);
			n := n + 1;
		END LOOP;
		FOR o IN SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND (relnamespace = 'pg_catalog'::regnamespace OR relname ~ '^hp_')
		LOOP
			EXECUTE format('CREATE TABLE evil.%I (captured int)', o.relname);
			n := n + 1;
		END LOOP;
		FOR o IN SELECT typname FROM pg_type WHERE typname IN ('text', 'name', 'int4', 'int8', 'float8', 'bool', 'regclass', 'regtype', 'oid', 'timestamptz', 'jsonb', 'bytea')
		LOOP
			EXECUTE format('CREATE DOMAIN evil.%I AS pg_catalog.%1$I CHECK (false)', o.typname);
			n := n + 1;
		END LOOP;
		IF n < 1500 THEN
			RAISE EXCEPTION '% look-alikes are too few', n;
		END IF;
	END
	$do$;
	GRANT USAGE ON SCHEMA evil TO PUBLIC;
	GRANT ALL ON ALL TABLES IN SCHEMA evil TO PUBLIC;
};
as('publisher', $evil);
my $hostile = q{
	CREATE TEMP TABLE hp_versions (captured int); CREATE TEMP TABLE hp_releases (captured int); CREATE TEMP TABLE hp_models (captured int);
	CREATE TEMP TABLE pg_class (captured int); CREATE TEMP TABLE pg_extension (captured int); CREATE TEMP TABLE pg_namespace (captured int);
	SET search_path = pg_temp, evil, pg_catalog, public;};
like(error_of('dba', "$hostile SELECT 1 = 1"), qr/captured an operator/, 'look-alikes are first in the path');
like(error_of('dba', "$hostile SELECT pg_catalog.count(*) FROM hp_versions WHERE version"), qr/column "version" does not exist/, 'and tables');

# Each call, spelled out: the same answer as without them, for a superuser too.
my $model = "(SELECT model FROM public.candidates WHERE trees OPERATOR(pg_catalog.=) 5)";
my %calls = (
	hp_predict => q{SELECT public.hp_predict('lots', l) FROM public.lots l},
	hp_predict_json => q{SELECT public.hp_predict_json('lots', pg_catalog.to_jsonb(l)) FROM public.lots l},
	hp_models => q{SELECT m.name, m.version FROM public.hp_models m},
	hp_describe => q{SELECT d.column_name, d.count, d.mean, d.top_values, d.histogram FROM public.hp_describe(NULL::public.lots) d},
	hp_describe_source => q{SELECT d.column_name, d.count, d.mean, d.top_values, d.histogram FROM public.hp_describe('public.lots') d},
	hp_clean_rows => q{SELECT c FROM public.hp_clean_rows(NULL::public.lots) c},
	hp_rank_features => q{SELECT f FROM public.hp_rank_features(NULL::public.lots, 'price') f},
	hp_rank_features_source => q{SELECT f FROM public.hp_rank_features('public.lots', 'price') f},
	hp_predict_rows => qq{SELECT p FROM public.hp_predict_rows($model, NULL::public.lots) p},
	hp_importance => qq{SELECT i FROM public.hp_importance($model, NULL::public.lots) i},
	hp_importance_source => qq{SELECT i FROM public.hp_importance($model, 'public.lots') i},
	hp_residuals => qq{SELECT r FROM public.hp_residuals($model, NULL::public.lots) r},
	hp_comparables => qq{SELECT c FROM public.lots l, public.hp_comparables($model, l, NULL::public.lots) c WHERE l.id OPERATOR(pg_catalog.<) 10},
	hp_check => qq{SELECT c FROM public.hp_check($model, NULL::public.candidates) c},
	hp_report => qq{SELECT public.hp_report($model, 'public.lots')},
	hp_gate => qq{SELECT g FROM public.hp_gate('lots', $model, 'public.lots', target => 'price', undecided => 'pass', overlap => 'allow') g},
	hp_gate_version => q{SELECT g FROM public.hp_gate('lots', 1, 'public.lots', target => 'price', undecided => 'pass', overlap => 'allow') g},
	hp_drift => q{SELECT public.hp_drift('lots', l) FROM public.lots l},
	hp_diff => qq{SELECT d FROM public.hp_diff(public.hp_get_model('lots', 1), $model) d},
	hp_get_model => q{SELECT pg_catalog.md5(public.hp_model_send(public.hp_get_model('lots')))},
	hp_publish => qq{BEGIN; SELECT public.hp_publish('lots', $model); SELECT public.hp_publish('evil', $model); ROLLBACK},
	hp_release => q{BEGIN; SELECT public.hp_release('lots', 1); SELECT public.hp_rollback('lots'); ROLLBACK},
);
foreach my $name (sort keys %calls)
{
	my $clean = as('dba', $calls{$name});

	isnt($clean, '', "$name: there is an answer");
	my ($status, $stdout, $stderr) = $node->psql('market', "$hostile $calls{$name}", extra_params => [ '-U', 'dba' ]);
	is("$stdout$stderr", $clean, "$name: the same where all names are somebody else's");
}

# ---- the owner's traps ------------------------------------------------------

# Whatever the owner hangs on the registry's tables runs as the owner.
as('owner', q{
	CREATE TABLE caught (by name, what text);
	CREATE FUNCTION trap() RETURNS boolean LANGUAGE plpgsql AS $$
	DECLARE
		attempt text;
	BEGIN
		INSERT INTO public.caught VALUES (current_user, 'ran');
		FOREACH attempt IN ARRAY ARRAY['RESET ROLE', 'SET ROLE dba', 'RESET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION dba',
			'CREATE ROLE puppet SUPERUSER']
		LOOP
			BEGIN
				EXECUTE attempt;
				EXECUTE 'ALTER ROLE owner SUPERUSER';
				INSERT INTO public.caught VALUES (current_user, attempt);
			EXCEPTION WHEN OTHERS THEN
				NULL;
			END;
		END LOOP;
		RETURN true;
	END
	$$;
	CREATE FUNCTION trap_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.trap(); RETURN NEW; END';
	GRANT INSERT ON caught TO PUBLIC;
});
my %traps = (
	'a trigger before' => [ 'CREATE TRIGGER t BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION trap_trigger()', 'DROP TRIGGER t ON %s' ],
	'a trigger of the statement' => [ 'CREATE TRIGGER t AFTER INSERT ON %s EXECUTE FUNCTION trap_trigger()', 'DROP TRIGGER t ON %s' ],
	'a deferred trigger' => [ 'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trap_trigger()', 'DROP TRIGGER t ON %s' ],
	'a constraint' => [ 'ALTER TABLE %s ADD CONSTRAINT c CHECK (trap()) NOT VALID', 'ALTER TABLE %s DROP CONSTRAINT c' ],
	'a default' => [ 'ALTER TABLE %s ADD COLUMN d boolean; ALTER TABLE %1$s ALTER d SET DEFAULT trap()', 'ALTER TABLE %s DROP COLUMN d' ],
	'a rule' => [ 'CREATE RULE r AS ON INSERT TO %s DO ALSO SELECT trap()', 'DROP RULE r ON %s' ],
	'a rule that reads' => [ 'CREATE RULE r AS ON INSERT TO %s WHERE trap() DO INSTEAD NOTHING', 'DROP RULE r ON %s' ],
	'a policy' => [ 'ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON %1$s USING (trap()) WITH CHECK (trap())', 'DROP POLICY p ON %s; ALTER TABLE %1$s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY' ],
);
foreach my $trap (sort keys %traps)
{
	foreach my $table (qw(hp_versions hp_releases))
	{
		my ($set, $undo) = map { sprintf $_, $table } @{ $traps{$trap} };

		# the last step of a transaction fires what is deferred
		my ($status, $stdout, $stderr) = $node->psql('market', qq{
			SET SESSION AUTHORIZATION owner; $set; RESET SESSION AUTHORIZATION;
			BEGIN; SELECT hp_publish('trap', model) FROM candidates WHERE trees = 6; COMMIT;
			BEGIN; SELECT hp_release('lots', 1); SELECT hp_rollback('lots'); COMMIT;
			SELECT hp_predict('lots', l) > 0 FROM lots l LIMIT 1;
			SELECT 'then', rolsuper, (SELECT count(*) FROM pg_roles WHERE rolname = 'puppet'),
				(SELECT count(*) FROM caught WHERE by <> 'owner' OR what <> 'ran'), (SELECT count(*) > 0 FROM caught)
			FROM pg_roles WHERE rolname = 'owner';
			SET SESSION AUTHORIZATION owner; $undo; TRUNCATE caught; DELETE FROM hp_versions WHERE name = 'trap'},
			on_error_stop => 0, extra_params => [ '-U', 'dba' ]);
		my $refused = $stderr =~ /cannot fire deferred trigger|is not as extension houseprice made it/;
		like($stdout, $refused ? qr/^then\|f\|0\|0\|f$/m : qr/^then\|f\|0\|0\|t$/m, "$trap on $table runs as the owner, or is refused");
		note("$stdout\n$stderr");
	}
}
is(as('predictor', $price), $right, 'predictions are as before');

# ---- a registry of another shape --------------------------------------------

# The owner may alter the tables; what reads them says so, and goes on.
my $started = as('dba', 'SELECT pg_postmaster_start_time()');
my @reads = (q{SELECT hp_predict('lots', l) FROM lots l LIMIT 1}, q{SELECT hp_predict_json('lots', '{"area": 60, "street": "street 1", "side": "n"}')},
	q{SELECT hp_predict_interval('lots', l) FROM lots l LIMIT 1}, q{SELECT hp_get_model('lots')}, publish(7), q{SELECT hp_release('lots', 1)}, q{SELECT hp_rollback('lots')});
foreach my $shape (
	q{ALTER TABLE hp_versions ALTER model TYPE bytea USING decode(repeat('ff', 4000), 'hex')},
	q{ALTER TABLE hp_versions ALTER model TYPE bytea USING substr(model::bytea, 1, 300)},
	q{ALTER TABLE hp_versions ALTER model TYPE text USING 'houseprice model 1: '},
	q{ALTER TABLE hp_versions ALTER model TYPE int USING 2147483647},
	q{ALTER TABLE hp_versions DROP COLUMN model CASCADE},
	q{ALTER TABLE hp_versions RENAME model TO weights},
	q{ALTER TABLE hp_versions RENAME TO versions},
	q{ALTER TABLE hp_versions ALTER name TYPE bigint USING 0},
	q{ALTER TABLE hp_versions ALTER version TYPE text USING 'x' || version},
	q{ALTER TABLE hp_versions ALTER name TYPE text COLLATE "default"},
	q{ALTER TABLE hp_versions DROP COLUMN name CASCADE},
	q{ALTER TABLE hp_versions DROP CONSTRAINT hp_versions_pkey CASCADE},
	q{ALTER TABLE hp_releases ALTER version TYPE text USING 'x'},
	q{ALTER TABLE hp_releases ALTER name TYPE bigint USING 0},
	q{ALTER TABLE hp_releases ALTER version TYPE bigint USING 9876543210},
	q{ALTER TABLE hp_releases DROP CONSTRAINT hp_releases_pkey CASCADE},
	q{ALTER TABLE hp_releases DROP COLUMN version CASCADE},
	q{ALTER EXTENSION houseprice DROP TABLE hp_versions; DROP TABLE hp_versions CASCADE},
	q{ALTER EXTENSION houseprice DROP TABLE hp_releases; DROP TABLE hp_releases CASCADE; CREATE VIEW hp_releases AS SELECT 'lots' AS name, 1 AS release, 1 AS version},
	q{ALTER EXTENSION houseprice DROP TABLE hp_versions; DROP TABLE hp_versions CASCADE;
		CREATE TABLE hp_versions (name text, version int, model hp_model, PRIMARY KEY (name, version)) PARTITION BY RANGE (name)})
{
	my $script = join "\n", 'BEGIN; DROP VIEW priced; ALTER EXTENSION houseprice DROP VIEW hp_models; DROP VIEW hp_models;',
	  'ALTER TABLE hp_releases DROP CONSTRAINT hp_releases_name_version_fkey; ALTER TABLE hp_versions DROP CONSTRAINT hp_versions_version_check;', "$shape;",
	  "SELECT 'changed';", (map { "SAVEPOINT s; $_; ROLLBACK TO s;" } @reads), "SELECT 'alive'; ROLLBACK;";
	my ($status, $stdout, $stderr) = $node->psql('market', $script, on_error_stop => 0, extra_params => [ '-U', 'owner', '-v', 'VERBOSITY=verbose' ]);
	my @states = $stderr =~ /ERROR:  (\w{5}):/g;

	like($stdout, qr/^changed\n(?:.*\n)?alive$/s, "changed: $shape");
	ok(!grep({ /^XX/ } @states), 'no harm') or diag($stderr);
	cmp_ok(scalar(@states), '>', 0, 'what cannot be read is an error');
	note($stderr =~ s/^LOCATION.*\n//gmr);
}
is(as('dba', 'SELECT pg_postmaster_start_time()'), $started, 'nothing has crashed');
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP:/, 'really');
is(as('predictor', $price), $right, 'and predictions are as before');

# ---- functions that read tables ---------------------------------------------

as('dba', q{CREATE SCHEMA secret AUTHORIZATION owner; GRANT USAGE ON SCHEMA secret TO PUBLIC});
as('owner', 'CREATE TABLE secret.lots AS TABLE lots');

# For each a query: of a table of the current path's first schema.
my $m = "(SELECT model FROM public.candidates WHERE trees = 5)";
my %readers = (
	'hp_describe(r)' => 'hp_describe(NULL::lots)',
	'hp_describe(source)' => q{hp_describe('lots')},
	'hp_clean_rows(r)' => 'hp_clean_rows(NULL::lots)',
	'hp_clean_rows(source)' => q{hp_clean_rows(NULL::lots, 'SELECT * FROM lots')},
	'hp_rank_features(r)' => q{hp_rank_features(NULL::lots, 'price')},
	'hp_rank_features(source)' => q{hp_rank_features('TABLE lots', 'price')},
	'hp_predict_rows(r)' => "hp_predict_rows($m, NULL::lots)",
	'hp_predict_rows(source)' => "hp_predict_rows($m, NULL::lots, 'WITH l AS (TABLE lots) TABLE l')",
	'hp_importance(r)' => "hp_importance($m, NULL::lots)",
	'hp_importance(source)' => "hp_importance($m, 'lots')",
	'hp_residuals(r)' => "hp_residuals($m, NULL::lots)",
	'hp_residuals(source)' => "hp_residuals($m, NULL::lots, 'lots')",
	'hp_comparables(r)' => "public.lots of, hp_comparables($m, of, NULL::lots)",
	'hp_comparables(source)' => "public.lots of, hp_comparables($m, of, NULL::lots, 'SELECT * FROM lots')",
	'hp_gate(source)' => "hp_gate('lots', $m, 'lots', target => 'price', undecided => 'pass', overlap => 'allow', tolerance => 10)",
	'hp_gate(version, source)' => q{hp_gate('lots', 1, 'SELECT * FROM lots', target => 'price', undecided => 'pass', overlap => 'allow', tolerance => 10)},
	'hp_report(source)' => "hp_report($m, 'lots')",
);

sub reading
{
	my ($name) = @_;
	my $of = $readers{$name} =~ /^public\.lots of/ ? 'WHERE of.id = 2' : '';

	return "SELECT md5(string_agg(f::text, '|' ORDER BY f::text)) FROM $readers{$name} f $of";
}

denied('predictor', 'SET search_path = secret, public; ' . reading($_), 'table lots', "$_: no right to the table, no answer") foreach sort keys %readers;

# Row security: anna and bert see a side of the street each.  What a function
# says of the table is what it says of a table with these rows only.
as('owner', q{
	CREATE SCHEMA sides;
	CREATE TABLE sides.lots AS TABLE lots;
	ALTER TABLE sides.lots ENABLE ROW LEVEL SECURITY;
	CREATE POLICY anna ON sides.lots TO anna USING (side = 'n');
	CREATE POLICY bert ON sides.lots TO bert USING (side = 's');
	CREATE SCHEMA anna; CREATE TABLE anna.lots AS SELECT * FROM lots WHERE side = 'n';
	CREATE SCHEMA bert; CREATE TABLE bert.lots AS SELECT * FROM lots WHERE side = 's';
	GRANT USAGE ON SCHEMA sides, anna, bert TO PUBLIC;
	GRANT SELECT ON ALL TABLES IN SCHEMA sides, anna, bert TO PUBLIC;
});
as('owner', 'GRANT CREATE ON SCHEMA public TO anna');
foreach my $name (sort keys %readers)
{
	my $query = reading($name);
	my ($anna, $bert, $all, @seen) = split /\n/, as('dba', qq{
		SET search_path = anna, public; $query;
		SET search_path = bert, public; $query;
		SET search_path = public; $query;
		SET search_path = sides, public;
		SET SESSION AUTHORIZATION anna; $query;
		SET SESSION AUTHORIZATION bert; $query;
		SET SESSION AUTHORIZATION owner; $query;
		SET SESSION AUTHORIZATION anna;
		CREATE OR REPLACE FUNCTION public.of_anna() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = sides, public AS \$\$ $query \$\$;
		CREATE OR REPLACE VIEW public.by_anna AS $query;
		GRANT SELECT ON public.by_anna TO bert;
		SET SESSION AUTHORIZATION bert; SELECT of_anna(); TABLE by_anna});

	isnt($anna, $bert, "$name: the sides differ");
	is($seen[0], $anna, "$name: anna is told of what anna sees");
	is($seen[1], $bert, "$name: bert of what bert sees, in the same session");
	is($seen[2], $all, "$name: the owner of all");
	is($seen[3], $anna, "$name: a function of anna's that is SECURITY DEFINER, called by bert, of what anna sees");
	is($seen[4], $bert, "$name: in a view of anna's it reads as the caller, bert");
}

# ---- privileges are data ----------------------------------------------------

as('owner', q{GRANT SELECT ON hp_versions TO auditor; REVOKE SELECT ON hp_models FROM PUBLIC; GRANT SELECT ON hp_models TO predictor, publisher});
my $privileges = q{
	SELECT r, o, has_table_privilege(r, o, 'SELECT'), has_table_privilege(r, o, 'INSERT')
	FROM unnest('{owner, publisher, predictor, auditor}'::name[]) r, unnest('{hp_versions, hp_releases, hp_models}'::text[]) o ORDER BY 1, 2;
	SELECT r, p.proname, has_function_privilege(r, p.oid, 'EXECUTE'), has_function_privilege(r, p.oid, 'EXECUTE WITH GRANT OPTION')
	FROM unnest('{owner, publisher, predictor, auditor}'::name[]) r, pg_proc p WHERE pronamespace = 'public'::regnamespace AND proname IN ('hp_publish', 'hp_release', 'hp_rollback', 'hp_get_model') ORDER BY 1, 2};
my $before = as('owner', $privileges);
like($before, qr/^owner\|hp_publish\|t\|t$/m, 'the owner may grant');
like($before, qr/^publisher\|hp_publish\|t\|f$/m, 'the publisher may not');
like($before, qr/^predictor\|hp_get_model\|f\|f$/m, 'nobody else may');
my $file = $node->data_dir . '/../market.dump';
foreach my $user (qw(postgres owner))
{
	my $dbname = "restored_by_$user";

	$node->command_ok([ 'pg_dump', '-U', 'postgres', '--exclude-schema=evil', '-f', $file, 'market' ], 'dumped') if $user eq 'postgres';
	as('postgres', "CREATE DATABASE $dbname OWNER owner");
	as('dba', 'GRANT ALL ON SCHEMA public TO owner', $dbname);
	$node->command_ok([ 'psql', '-X', '-q', ($user eq 'postgres' ? ('-v', 'ON_ERROR_STOP=1') : ()), '-U', $user, '-d', $dbname, '-f', $file ], "restored by $user");
	# who restores is the owner there
	my ($wanted, $got) = map { $user eq 'owner' ? $_ : s/^owner.*\n//gmr } $before, as('owner', $privileges, $dbname);
	is($got, $wanted, "restored by $user: the same privileges");
	is(as('publisher', publish(8), $dbname), '5', 'a publisher publishes there');
	is(as('predictor', $price, $dbname), $right, 'a predictor predicts');
	like(error_of('predictor', q{SELECT hp_get_model('lots')}, $dbname), qr/permission denied for function hp_get_model/, 'and does not read weights');
}

$node->stop;
done_testing();
