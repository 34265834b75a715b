
# Content is text, not bytes of an encoding: a LATIN1 database gives the model
# that a UTF8 database gives, byte for byte.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceTest;

my $node = HousepriceTest::new_node('main');
$node->start;

my %digest;
my %page;
my $model;
my $setup = qq{
	CREATE EXTENSION houseprice;
	CREATE TYPE zustand AS ENUM ('m\xc3\xa4\xc3\x9fig', 'gut');
	CREATE TABLE h\xc3\xa4user AS
	SELECT 20 + i % 41 AS "gr\xc3\xb6\xc3\x9fe", 1 + i % 5 AS zimmer,
		(ARRAY['Stra\xc3\x9fe', 'All\xc3\xa9e', 'Weg', 'Zo\xc3\xab'])[i % 4 + 1] AS lage,
		(ARRAY['m\xc3\xa4\xc3\x9fig', 'gut'])[i % 2 + 1]::zustand AS zustand,
		(20 + i % 41) * 1000 + i % 4 * 5000 + i * i % 97 * 100 AS "prei\xc3\x9f"
	FROM generate_series(1, 500) i;
};
my $train = qq{hp_train(h, 'prei\xc3\x9f', hp_forest(trees => 5, monotone => '{"gr\xc3\xb6\xc3\x9fe": 1, "zimmer": 1}',
	clean => '{"columns": {"lage": "\xc3\xbcberall"}}'))};

foreach my $encoding ('UTF8', 'LATIN1', 'SQL_ASCII')
{
	my $db = lc $encoding;

	$node->safe_psql('postgres',
		"CREATE DATABASE $db ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	# SQL_ASCII converts nothing: its bytes are taken for UTF8
	my $client = $encoding eq 'SQL_ASCII' ? '' : "SET client_encoding = 'UTF8';";
	$node->safe_psql($db, $client . $setup);
	$digest{$encoding} = $node->safe_psql($db, $client . qq{
		SELECT hp_model_info(m) ->> 'digest', hp_model_info(m) ->> 'data_digest',
			(SELECT md5(string_agg(hp_predict(m, h)::text, ',' ORDER BY hp_predict(m, h), lage)) FROM h\xc3\xa4user h)
		FROM (SELECT $train AS m FROM h\xc3\xa4user h) t});
	$model = $node->safe_psql($db, $client . "SELECT $train FROM h\xc3\xa4user h") if $encoding eq 'UTF8';

	# names and text come back as the client wants them
	is( $node->safe_psql($db, $client . qq{
			SELECT string_agg(feature, ',' ORDER BY feature)
			FROM (SELECT $train AS m FROM h\xc3\xa4user h) t, hp_importance(m)}),
		"gr\xc3\xb6\xc3\x9fe,lage,zimmer,zustand", "$encoding: names of features");
	is( $node->safe_psql($db, $client . qq{
			SELECT hp_model_info(m) #>> '{clean,columns,lage}', hp_model_info(m) #>> '{target,name}'
			FROM (SELECT $train AS m FROM h\xc3\xa4user h) t}),
		"\xc3\xbcberall|prei\xc3\x9f", "$encoding: texts in the model");
	my ($status, $stdout, $stderr) = $node->psql($db, $client . qq{
		SELECT hp_train(h, 'preis\xc3\x9f') FROM h\xc3\xa4user h});
	like($stderr, qr/the row has no column "preis\xc3\x9f".*Perhaps you meant the column "prei\xc3\x9f"/s,
		"$encoding: names in messages");
	isnt($node->safe_psql($db, $client . "SELECT max(bar) FROM (SELECT $train AS m FROM h\xc3\xa4user h) t, hp_importance(m)"),
		'', "$encoding: bars");
	like($node->safe_psql($db, $client . qq{
			SELECT string_agg(feature || '=' || value, ',' ORDER BY feature) FROM (SELECT $train AS m FROM h\xc3\xa4user h) t,
				(SELECT * FROM h\xc3\xa4user WHERE lage IS NOT NULL LIMIT 1) h, hp_explain(m, h)}),
		qr/^gr\xc3\xb6\xc3\x9fe=\d/, "$encoding: an explanation");
	is( $node->safe_psql($db, $client . qq{
			SELECT count(DISTINCT bar) > 1 FROM (SELECT $train AS m FROM h\xc3\xa4user h) t, hp_partial_dependence(m, 'gr\xc3\xb6\xc3\x9fe')}),
		't', "$encoding: a feature by its name");
	$page{$encoding} = $node->safe_psql($db, $client . "SELECT hp_report(m, 'h\xc3\xa4user') FROM (SELECT $train AS m FROM h\xc3\xa4user h) t");
}
like($page{UTF8}, qr/<h1>prei&#xDF;<\/h1>/, 'a page with names');
is($page{LATIN1}, $page{UTF8}, 'the same in LATIN1');
is($page{SQL_ASCII}, $page{UTF8}, 'and in SQL_ASCII');
is($digest{LATIN1}, $digest{UTF8}, 'LATIN1 and UTF8: the same model and predictions');
is($digest{SQL_ASCII}, $digest{UTF8}, 'SQL_ASCII with bytes of UTF8 too');

# A model moves between them as text.
is( $node->safe_psql('latin1', qq{SET client_encoding = 'UTF8';
		SELECT hp_model_info('$model') ->> 'digest', count(hp_predict('$model'::hp_model, h)) FROM h\xc3\xa4user h}),
	(split /\|/, $digest{UTF8})[0] . '|500', 'from UTF8 to LATIN1');

# Text that the encoding lacks cannot be shown, but nothing breaks.
$node->safe_psql('utf8', qq{
	CREATE TABLE tokio AS SELECT i % 9 AS "\xe6\x9d\xb1\xe4\xba\xac", i % 9 AS y FROM generate_series(1, 50) i});
my $tokio = $node->safe_psql('utf8', "SELECT hp_train(t, 'y', hp_forest(trees => 1, leak => 'allow')) FROM tokio t");
my ($status, $stdout, $stderr) = $node->psql('latin1', "SELECT hp_model_info('$tokio')");
like($stderr, qr/has no equivalent in encoding "LATIN1"/, 'a name that LATIN1 lacks');
is($node->safe_psql('latin1', "SELECT length(hp_model_send('$tokio')) > 0"), 't', 'is carried along all the same');

$node->stop;
done_testing();
