
# Models are replicated with their tables: by the first copy and by changes, as
# text and in binary.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceTest;

my $publisher = HousepriceTest::new_node('publisher', allows_streaming => 'logical');
my $subscriber = HousepriceTest::new_node('subscriber');
$_->append_conf('postgresql.conf', 'client_min_messages = error'), $_->start foreach $publisher, $subscriber;
HousepriceTest::load_houses($publisher);

# tables with a key, and without: there, whole rows are compared, models too
my $tables = q{
	CREATE TABLE models (name text PRIMARY KEY, model hp_model NOT NULL, note text);
	CREATE TABLE keyless (name text, model hp_model, note text)};
my $train = q{(SELECT hp_train(h, 'sale_price', hp_forest(trees => %d)) FROM houses h)};
my $five = sprintf($train, 5);
my $six = sprintf($train, 6);
$publisher->safe_psql('postgres', qq{
	$tables;
	ALTER TABLE keyless REPLICA IDENTITY FULL;
	CREATE PUBLICATION models FOR TABLE models, keyless;
	INSERT INTO models VALUES ('copied', $five);
	INSERT INTO models SELECT 'linear', hp_train(h, 'sale_price', hp_linear()) FROM houses h;
	INSERT INTO keyless SELECT name, model FROM models;
	INSERT INTO keyless SELECT 'mean', hp_train(h, 'sale_price', hp_mean()) FROM houses h});

my %options = (text => 'false', binary => 'true');
foreach my $format (sort keys %options)
{
	my $connection = $publisher->connstr('postgres') =~ s/'/''/gr;

	$subscriber->safe_psql('postgres', "CREATE DATABASE \"$format\"");
	HousepriceTest::load_houses($subscriber, $format);
	$subscriber->safe_psql($format, $tables);
	$subscriber->safe_psql($format, qq{
		CREATE SUBSCRIPTION "by_$format" CONNECTION '$connection' PUBLICATION models WITH (binary = $options{$format})});
}

my $keyless = q{SELECT name, md5(hp_model_send(model)), note FROM keyless ORDER BY name, note};
my $notes = q{SELECT name, note FROM models ORDER BY name};

sub same_everywhere
{
	my ($what, $rows) = @_;
	my $models = HousepriceTest::models($publisher);

	is(scalar(split /\n/, $models), $rows, "$what: so many models");
	foreach my $format (sort keys %options)
	{
		$publisher->wait_for_catchup("by_$format");
		is(HousepriceTest::models($subscriber, $format), $models, "$what, $format: models are the same, and predict the same");
		is($subscriber->safe_psql($format, $_), $publisher->safe_psql('postgres', $_), "$what, $format: $_") foreach $keyless, $notes;
	}
	return;
}

foreach my $format (sort keys %options)
{
	$subscriber->wait_for_subscription_sync($publisher, "by_$format", $format);
}
same_everywhere('copied', 2);

# a session that has used a model
my $price = q{SELECT hp_predict(model, h) FROM models, (SELECT * FROM houses ORDER BY houses LIMIT 1) h WHERE name = 'copied'};
my $session = $subscriber->background_psql('binary');
my $before = $session->query_safe($price);
is($before, $publisher->safe_psql('postgres', $price), 'a session predicts');

$publisher->safe_psql('postgres', qq{INSERT INTO models VALUES ('inserted', $six); INSERT INTO keyless SELECT name, model FROM models WHERE name = 'inserted'});
same_everywhere('inserted', 3);

$publisher->safe_psql('postgres', qq{UPDATE models SET model = $six WHERE name = 'copied'; UPDATE keyless SET model = $six WHERE name = 'copied'});
same_everywhere('updated', 3);
isnt($session->query_safe($price), $before, 'the session predicts by another model');
is($session->query_safe($price), $publisher->safe_psql('postgres', $price), 'by the new one');
$session->quit;

# the stored model itself does not travel then
$publisher->safe_psql('postgres', q{UPDATE models SET note = 'checked'; UPDATE keyless SET note = 'checked'});
same_everywhere('updated beside the model', 3);

$publisher->safe_psql('postgres', q{
	DELETE FROM models WHERE name = 'copied'; DELETE FROM keyless WHERE name = 'copied';
	UPDATE models SET name = 'renamed' WHERE name = 'inserted'});
same_everywhere('deleted and renamed', 2);

# a training in the middle of other work, rolled back in part
$publisher->safe_psql('postgres', qq{
	BEGIN;
	INSERT INTO models VALUES ('seventh', } . sprintf($train, 7) . qq{);
	SAVEPOINT s;
	UPDATE models SET model = $five WHERE name = 'seventh';
	ROLLBACK TO s;
	UPDATE models SET note = 'kept' WHERE name = 'seventh';
	COMMIT});
same_everywhere('a transaction', 3);

# what has arrived is trained again
foreach my $format (sort keys %options)
{
	is($subscriber->safe_psql($format, qq{
			SELECT hp_model_info($six) ->> 'digest' = hp_model_info(model) ->> 'digest' FROM models WHERE name = 'renamed'}),
		't', "$format: the same training gives the model that was replicated");
	$subscriber->safe_psql($format, "DROP SUBSCRIPTION \"by_$format\"");
}
unlike(slurp_file($subscriber->logfile), qr/ERROR:/, 'no change was refused');

$_->stop foreach $subscriber, $publisher;
done_testing();
