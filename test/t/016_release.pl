
# examples/release.sql, the job that trains, judges and releases: it releases
# what is as good as before, and else says why, exits with 3, and leaves nothing
# behind.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceTest;

my $node = HousepriceTest::new_node('main');
$node->start;
HousepriceTest::load_houses($node);
$node->safe_psql('postgres', q{
	CREATE ROLE job LOGIN;
	GRANT SELECT ON houses TO job;
	GRANT EXECUTE ON FUNCTION hp_publish, hp_release TO job;
	CREATE ROLE reader LOGIN;
	GRANT SELECT ON houses TO reader;
});
my $script = HousepriceTest::top() . '/examples/release.sql';

# Runs the job as a role; returns exit code, standard output and error.
sub job
{
	my ($role, %variables) = @_;
	my ($out, $err) = ('', '');
	my @command = ('psql', '-X', '-U', $role, '-d', $node->connstr('postgres'), '-f', $script);

	push @command, '-v', "$_=$variables{$_}" foreach sort keys %variables;
	IPC::Run::run(\@command, '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

sub boost
{
	my ($rounds, $seed) = @_;

	return "hp_boost(rounds => $rounds, early_stopping => false, seed => $seed)";
}

# What there is: versions, releases, the released version.
sub registry
{
	return $node->safe_psql('postgres', q{
		SELECT (SELECT count(*) FROM hp_versions), (SELECT count(*) FROM hp_releases), (SELECT version FROM hp_models WHERE released)});
}

# A job that fails, with this state and a reason like this.
sub refuses
{
	my ($what, $role, $state, $reason, %variables) = @_;
	my $before = registry();
	my ($exit, $out, $err) = job($role, %variables);

	is($exit, 3, "$what: exit code");
	like($err, qr/ERROR:  $state: $reason/, "$what: reason");
	unlike($out, qr/== Released/, "$what: nothing is said to be released");
	is(registry(), $before, "$what: and nothing is");
	return $err;
}

# ---- it releases -------------------------------------------------------------

my ($exit, $out, $err) = job('job', params => boost(60, 0));
is($exit, 0, 'the first release') or diag($err);
like($out, qr/verdict +\| passed.*== Released: version 1 of model ames/s, 'says so');
like($err, qr/no version of model "ames" is released/, 'which was compared with the mean');
is(registry(), '1|1|1', 'and there it is');
my ($digest) = $out =~ /2930 rows of houses, digest (\w+)/;
is($digest, $node->safe_psql('postgres', 'SELECT hp_digest(h) FROM houses h'), 'the data has a digest');
is($node->safe_psql('postgres', 'SELECT note FROM hp_models'), "data $digest", 'which the version bears');
my ($holdout) = $out =~ /holdout_digest +\| (\w+)/;
is($holdout, $node->safe_psql('postgres', 'SELECT hp_digest(h) FROM houses h WHERE NOT hp_split(h, 0.75)'), 'and so has the holdout');

($exit, $out, $err) = job('job', params => boost(60, 0), data => $digest);
is($exit, 0, 'the same again') or diag($err);
is(registry(), '1|1|1', 'is the same version');
like($err, qr/the candidate is version 1 of model "ames", which is released/, 'as it says');

($exit, $out, $err) = job('job', params => boost(60, 1), note => 'as good');
is($exit, 0, 'an equal candidate') or diag($err);
is(registry(), '2|2|2', 'is released');
unlike($out, qr/== Changes/, 'who may not read models does not see what has changed');

($exit, $out, $err) = job('postgres', params => boost(300, 0));
is($exit, 0, 'a better one') or diag($err);
is(registry(), '3|3|3', 'is released');
like($out, qr/== Changes.*parameter +\| rounds +\| 60 +\| 300\b/s, 'who may sees it');
like($out, qr/difference, % +\| -\d/, 'and by how much it is better');

# ---- whose rights ------------------------------------------------------------

# A version is judged without a right to read models, on rows that the caller sees.
$node->safe_psql('postgres', q{
	CREATE VIEW held_out AS SELECT * FROM houses h WHERE NOT hp_split(h, 0.75);
	CREATE TABLE guarded AS SELECT * FROM held_out;
	ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
	CREATE POLICY dear ON guarded USING (sale_price > 200000);
	GRANT SELECT ON guarded TO reader;
});
my $as_reader = [ '-U', 'reader' ];
is($node->safe_psql('postgres', q{SELECT rows, released_version FROM hp_gate('ames', 2, 'guarded', tolerance => 1)}, extra_params => $as_reader),
	$node->safe_psql('postgres', 'SELECT count(*), 3 FROM guarded WHERE sale_price > 200000'),
	'row security holds for the holdout');
($exit, $out, $err) = $node->psql('postgres', q{SELECT hp_gate('ames', 2, 'held_out')}, extra_params => $as_reader);
like($err, qr/permission denied for view held_out/, 'and so do rights');
($exit, $out, $err) = $node->psql('postgres', q{SELECT hp_gate('ames', hp_get_model('ames', 2), 'guarded')}, extra_params => $as_reader);
like($err, qr/permission denied for function hp_get_model/, 'models are not read');

# ---- it refuses --------------------------------------------------------------

refuses('a worse one', 'job', 'ZG001',
	qr/the candidate is worse than version 3 of model "ames": mae \d+(\.\d)? against \d+(\.\d)? \(\+\d+\.\d %\)/,
	params => 'hp_forest(trees => 2, features => 1)');
refuses('few rows', 'job', 'ZG002',
	qr/\d\d rows do not decide whether the candidate is as good as version 3 of model "ames"/,
	params => boost(120, 0), fraction => 0.985);
refuses('less than 30 rows', 'job', 'ZG002', qr/\d\d? rows do not decide/,
	params => boost(60, 0), fraction => 0.997);
refuses('rows that were learned from', 'job', 'ZG003',
	qr/\d+ of \d+ comparable rows of the holdout \(\d+\.\d %\) were in the training of the released model/,
	params => boost(60, 0), key => 'h.lot_area');
refuses('a metric that does not exist', 'job', '22023', qr/metric cannot be "mse"/,
	params => boost(60, 0), metric => 'mse');

my $before = registry();
($exit, $out, $err) = job('job', params => boost(60, 0), data => 'of yesterday');
is($exit, 3, 'other data than was meant');
like($err, qr/ERROR:  table houses has digest $digest, not of yesterday/, 'is said to be');
($exit, $out, $err) = job('reader', params => boost(300, 2));
is($exit, 3, 'who may not publish');
like($err, qr/ERROR:  permission denied for function hp_publish/, 'is told so');
($exit, $out, $err) = job('job', table => '(SELECT * FROM houses WHERE false)', params => boost(60, 0));
is($exit, 3, 'without rows');
like($err, qr/ERROR: .*candidate must not be NULL/, 'there is no candidate');
is(registry(), $before, 'nothing of this was released');

# what the rows do not decide is released where that is wanted
($exit, $out, $err) = job('job', params => boost(120, 0), fraction => 0.985, undecided => 'pass');
is($exit, 0, 'undecided may pass') or diag($err);
like($out, qr/verdict +\| undecided/, 'and is said to be');
is(registry(), '4|4|4', 'and is released');

done_testing();
