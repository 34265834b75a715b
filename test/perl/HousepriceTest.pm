
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
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

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

1;
