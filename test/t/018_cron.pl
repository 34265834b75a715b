
# Nightly retraining as docs/recipes.md has it: settings, procedure and job are
# taken from there word for word.  A night whose candidate is worse leaves the
# release as it was, and a reason; one with new sales releases.
#
# A job that is due "@reboot" runs when the server starts, which spares this
# test to wait for a minute of the clock.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceDocs;
use HousepriceTest;

my $node = HousepriceTest::new_node('main');
my $library = $node->config_data('--pkglibdir') . '/pg_cron.so';
plan skip_all => "no pg_cron ($library)" unless -e $library;

my $recipes = slurp_file(HousepriceTest::top() . '/docs/recipes.md');
my ($settings) = $recipes =~ /^```ini\n(.*?cron.*?)^```$/ms;
my @blocks = HousepriceDocs::blocks($recipes);

# To the last one with pg_cron, which looks at the log of a night.
pop @blocks until $blocks[-1]{cron};
my $look = pop @blocks;
like($look->{sql}, qr/job_run_details/, 'the recipe ends with a look at the log');

$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE market');
HousepriceTest::load_houses($node, 'market');
$node->append_conf('postgresql.conf', $settings);
$node->restart;

HousepriceDocs::run($node->connstr('market'), \@blocks, cron => 1);
foreach my $block (grep { $_->{cron} || $_->{sql} =~ /retrain/ } @blocks)
{
	is(HousepriceDocs::problem($block), undef, "docs/recipes.md, example in line $block->{line}");
}
is($node->safe_psql('market', 'SELECT jobname, schedule, command, active, username FROM cron.job'),
	'retrain ames|30 3 * * *|CALL retrain()|t|release_manager', 'the job is there');

# Lets a night pass; returns what the log says of it.
my $nights = 0;
sub next_night
{
	$node->restart;
	$nights++;
	$node->poll_query_until('market', qq{SELECT count(*) = $nights FROM cron.job_run_details WHERE end_time IS NOT NULL})
	  or die 'the job was not run';
	return $node->safe_psql('market', 'SELECT status, return_message FROM cron.job_run_details ORDER BY start_time DESC LIMIT 1');
}

# What is released, and predicted.
sub service
{
	return $node->safe_psql('market', q{
		SELECT version, rows, note, released_by FROM hp_models WHERE released;
		SELECT count(*) FROM hp_releases; SELECT count(*) FROM hp_versions;
		SELECT sum(hp_predict('ames', h)::numeric) FROM holdout h});
}

$node->safe_psql('market', q{
	SELECT cron.alter_job(jobid, schedule => '@reboot') FROM cron.job;
	CREATE TABLE right_ones AS TABLE houses;
	UPDATE houses SET sale_price = sale_price / 10 WHERE year_sold = 2010});
my $before = service();
like($before, qr/^2\|\d+\|nightly: /, 'a version is released');

like(next_night(), qr/^failed\|ERROR: .*worse/, 'the gate stops a worse candidate');
is(service(), $before, 'nothing has changed');
HousepriceDocs::run($node->connstr('market'), [$look], cron => 1);
is(HousepriceDocs::problem($look), undef, 'the reason is in the log, as in docs/recipes.md');

$node->safe_psql('market', q{
	TRUNCATE houses;
	INSERT INTO houses TABLE right_ones});
like(next_night(), qr/^succeeded\|CALL/, 'all prices are right again');
is(service(), $before, 'which is nothing new');

# sales like others, some of which are to learn from
$node->safe_psql('market', q{
	INSERT INTO houses
	SELECT (jsonb_populate_record(h, jsonb_build_object('lot_area', lot_area + 1, 'year_sold', 2011))).* FROM right_ones h WHERE year_sold = 2010});
like(next_night(), qr/^succeeded\|CALL/, 'new sales have come');
my ($version, $rows, $note) = split /\|/, service();
is($version, 3, 'and a new version is released');
is($rows, $node->safe_psql('market', 'SELECT count(*) FROM training'), 'trained on all of them');
isnt(service(), $before, 'it is what is predicted by');

$node->stop;
done_testing();
