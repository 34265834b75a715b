
# HousepriceTest: nodes for the TAP tests in test/t
#
#   use lib 'test/perl';
#   use HousepriceTest;
#   my $node = HousepriceTest::new_node('main');   # initialised, not started
#   $node->start;
#
# "make test" installs the extension under a staging directory and names it in
# HOUSEPRICE_STAGE_CONF: a file of settings that make a server look there.
# Without it (make installcheck) the installed extension is tested.

package HousepriceTest;

use strict;
use warnings;

use Cwd qw(realpath);
use File::Basename;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes;

# The superuser of all nodes, whoever runs the tests.
$ENV{PGUSER} = 'postgres';

# A new node; further arguments go to its init().  Locale and encoding are the
# same wherever the tests run.
sub new_node
{
	my ($name, %init_arguments) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$init_arguments{extra} //= ['--encoding=UTF8', '--locale=C.UTF-8'];
	push @{ $init_arguments{extra} }, "--username=$ENV{PGUSER}";
	$node->init(%init_arguments);
	stage($node);
	return $node;
}

# Lets a node find the staged extension; for nodes that are made otherwise,
# such as by init_from_backup().
sub stage
{
	my ($node) = @_;
	my $settings = $ENV{HOUSEPRICE_STAGE_CONF};

	$node->append_conf('postgresql.conf', slurp_file($settings))
	  if defined $settings;
	return;
}

# The project's top level, for data files.
sub top
{
	return realpath(dirname(__FILE__) . '/../..');
}

# Creates the extension and table houses.
sub load_houses
{
	my ($node, $dbname) = @_;
	my $data = top() . '/data';

	$dbname //= 'postgres';
	$node->safe_psql($dbname, 'CREATE EXTENSION IF NOT EXISTS houseprice');
	PostgreSQL::Test::Utils::system_or_bail(
		'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1',
		'-v', "data_dir=$data",
		'-d', $node->connstr($dbname),
		'-f', "$data/houses.sql");
	return;
}

# What table models holds and says: for each name the digest, the bytes, and the
# predictions of some houses.
sub models
{
	my ($node, $dbname) = @_;

	return $node->safe_psql($dbname // 'postgres', q{
		SELECT name, hp_model_info(model) ->> 'digest', md5(hp_model_send(model)),
			(SELECT md5(string_agg(p::text, ',' ORDER BY p)) FROM (SELECT hp_predict(model, h) AS p FROM houses h WHERE lot_area % 5 = 0) s)
		FROM models ORDER BY name});
}

# ---- queries in the background ----------------------------------------------

# Starts a query and waits until it has been at work for some seconds (1).
# Returns what the functions below need; the session goes by the name.
sub begin_query
{
	my ($node, $name, $sql, $seconds) = @_;
	my %query = (node => $node, name => $name, in => '', out => '', err => '');

	$seconds //= 1;
	$query{run} = IPC::Run::start(
		[
			'psql', '-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d',
			$node->connstr('postgres') . " application_name='$name'", '-c', $sql
		],
		\$query{in}, \$query{out}, \$query{err});
	my $active = qq{
		SELECT count(*) FROM pg_stat_activity
		WHERE application_name = '$name' AND state = 'active'
			AND backend_type = 'client backend'
			AND query_start < clock_timestamp() - interval '$seconds s'};
	until ($node->safe_psql('postgres', $active) == 1)
	{
		Time::HiRes::usleep(100_000);
		$query{run}->pump_nb if $query{run}->pumpable;
		die "$name is over: $query{err}" unless $query{run}->pumpable;
	}
	return \%query;
}

# Waits for its end; returns its standard error and the seconds that it took.
sub end_query
{
	my ($query) = @_;
	my $start = Time::HiRes::time();

	$query->{run}->finish;
	return ($query->{err}, Time::HiRes::time() - $start);
}

# Calls a function of the query's process id.
sub of_backend
{
	my ($query, $function) = @_;

	return $query->{node}->safe_psql('postgres',
		"SELECT $function(pid) FROM pg_stat_activity WHERE application_name = '$query->{name}' AND backend_type = 'client backend'");
}

# A line of the kernel's account of a session, such as VmRSS, in kB.
sub process_sql
{
	my ($key) = @_;

	return qq{(SELECT (regexp_match(pg_read_file('/proc/self/status'), '$key:\\s+(\\d+)'))[1]::bigint)};
}

1;
