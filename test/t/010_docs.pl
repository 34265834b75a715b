
# The manual says what the product does: every SQL example in README.md and
# docs runs and prints what stands below it, every function and setting has an
# entry in the reference, parameters have the defaults and ranges that it
# says, and links lead somewhere.  (Examples with pg_cron are run by 018_cron.pl.)
#
# tools/docs-refresh.sh writes the present output into the manual.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../perl";

use HousepriceDocs;
use HousepriceTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = HousepriceTest::top();
my $reference = slurp_file("$top/docs/reference.md");
my $node = HousepriceTest::new_node('docs');
my $has_kaggle;

$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE manual');
HousepriceTest::load_houses($node, 'manual');
$has_kaggle = HousepriceDocs::load_kaggle($top, $node->connstr('manual'));

check_examples($_) foreach HousepriceDocs::files($top);
check_links($_)
  foreach HousepriceDocs::files($top), HousepriceDocs::other_files($top);
check_functions();
check_settings();
check_parameters($_)
  foreach qw(forest extra_trees boost linear blend mean);
$node->stop;
done_testing();

# ---- examples ---------------------------------------------------------------

# Each file has a database of its own: table houses and nothing else.
sub check_examples
{
	my ($file) = @_;
	my @blocks = HousepriceDocs::blocks(slurp_file("$top/$file"));

	return unless @blocks;
	$node->safe_psql('postgres', 'CREATE DATABASE example TEMPLATE manual');
	HousepriceDocs::run($node->connstr('example'), \@blocks, kaggle => $has_kaggle);
	$node->safe_psql('postgres', 'DROP DATABASE example');
	foreach my $block (grep { !$_->{cron} } @blocks)
	{
	  SKIP:
		{
			my $name = "$file, example in line $block->{line}";
			skip "$name: no Kaggle train.csv", 1
			  unless defined $block->{output};
			my $problem = HousepriceDocs::problem($block);
			ok(!defined $problem, $name);
			diag("$problem\nIf that is right: tools/docs-refresh.sh")
			  if defined $problem;
		}
	}
	return;
}

sub check_links
{
	my ($file) = @_;

	is(join(', ', HousepriceDocs::dead_links($top, $file)),
		'', "$file: links lead somewhere");
	return;
}

# ---- the reference ----------------------------------------------------------

# All functions but the support functions of aggregates, types, operators and
# casts have an entry in the index, which links to a heading with the
# function's name.
sub check_functions
{
	my $names = $node->safe_psql(
		'manual', q{
		SELECT DISTINCT proname FROM pg_proc p
		JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
		JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'houseprice'
		WHERE d.deptype = 'e' AND prorettype <> 'internal'::regtype
		AND NOT 'internal'::regtype = ANY (proargtypes)
		AND NOT EXISTS (SELECT FROM pg_type t
			WHERE p.oid IN (typinput, typoutput, typreceive, typsend))
		AND NOT EXISTS (SELECT FROM pg_operator WHERE oprcode = p.oid)
		AND NOT EXISTS (SELECT FROM pg_amproc WHERE amproc = p.oid)
		AND NOT EXISTS (SELECT FROM pg_cast WHERE castfunc = p.oid)
		AND NOT EXISTS (SELECT FROM pg_aggregate
			WHERE p.oid IN (aggtransfn, aggfinalfn, aggcombinefn))
		ORDER BY 1});

	foreach my $name (split /\n/, $names)
	{
		my ($link) = $reference =~ /\[`\Q$name\E\b.*?\]\(([^)]+)\)/;
		ok(defined $link && has_heading($link, $name),
			"docs/reference.md links to a chapter on $name");
	}
	return;
}

# Does the file that a link leads to have a heading with this name?
sub has_heading
{
	my ($link, $name) = @_;
	my ($path) = split /#/, $link;

	return -e "$top/docs/$path"
	  && slurp_file("$top/docs/$path") =~ /^#+ .*\b\Q$name\E\b/m;
}

sub check_settings
{
	my $names = $node->safe_psql('manual',
		q{DO 'BEGIN PERFORM hp_forest(); END';
		SELECT name FROM pg_settings WHERE name LIKE 'houseprice.%'});

	ok($names ne '', 'there are settings');
	like($reference, qr/\[`\Q$_\E`\]/, "docs/reference.md tells of $_")
	  foreach split /\n/, $names;
	return;
}

# ---- parameters -------------------------------------------------------------

# The table of an algorithm's parameters is that of the core, and the core's
# is what training goes by.
sub check_parameters
{
	my ($algorithm) = @_;
	my $text = slurp_file("$top/docs/reference/params.md");
	my $table = HousepriceDocs::parameter_table($text, $algorithm);
	my @arguments = split /\n/, $node->safe_psql('manual',
		"SELECT unnest(proargnames) FROM pg_proc WHERE proname = 'hp_$algorithm'");
	my @names;

	is($table, HousepriceDocs::core_parameters($top, $algorithm),
		"table of hp_$algorithm is as the core's");
	foreach my $row (split /\n/, $table)
	{
		my ($name, $takes, $default) = $row =~ /^\| `(\w+)` \| (.*?) \| (.*?) \|/;
		push @names, $name;
		is(range_of($algorithm, $name), $takes, "what $name takes");
		is(default_of($algorithm, $name), $default, "default of $name")
		  unless is_decided($algorithm, $name);
	}
	is("@names", "@arguments", "hp_$algorithm has these arguments");
	return;
}

# What an error message says that a parameter takes.
sub range_of
{
	my ($algorithm, $name) = @_;
	my (undef, undef, $stderr) = $node->psql('manual',
		qq{SELECT hp_train(h, 'sale_price', '{"algorithm": "$algorithm", "$name": 1e300}')
		FROM houses h});

	return $stderr =~ /HINT:  It takes (.*)\.$/m ? $1 : $stderr;
}

# Has no default that a model could show: the data decide, or the caller.
sub is_decided
{
	my ($algorithm, $name) = @_;
	my %decided = (
		boost => 'rounds learning_rate feature_fraction max_leaves max_bins log_target',
		linear => 'l1 l2 log_target',
		blend => 'members');

	return ($decided{$algorithm} // '') =~ /\b$name\b/;
}

# What a model says that it used; in words where that is nothing.
sub default_of
{
	my ($algorithm, $name) = @_;
	my %words = (
		features => 'by feature_fraction',
		monotone => 'none',
		weight => 'none',
		exclude => 'none',
		clean => 'none');
	my $info = $node->safe_psql('manual',
		qq{SELECT hp_model_info(hp_train(h, 'sale_price',
			hp_$algorithm())) -> 'parameters' -> '$name'
		FROM (SELECT lot_area, sale_price FROM houses LIMIT 1) h});

	$info =~ s/^"(.*)"$/'$1'/;
	return $words{$name} // 'no limit' if $info eq 'null' || $info eq '';
	return $info;
}
