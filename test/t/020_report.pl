
# The page of hp_report in a browser: on a desktop and on a telephone
# everything has its place, nothing is logged, fetched or run, and hostile
# names are text.

use strict;
use warnings;

use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use HousepriceTest;

my ($chromium) = grep { -x $_ }
  map { ("$_/chromium", "$_/chromium-browser", "$_/google-chrome") } split /:/, $ENV{PATH};
plan skip_all => 'no Chromium (Debian: apt-get install chromium)'
  unless defined $chromium;

my $dir = PostgreSQL::Test::Utils::tempdir();
my @widths = (1280, 390);

# ---- a browser ---------------------------------------------------------------

# Put into a copy of a page, it looks at what the browser has made of it: how
# much wider it is than the window; texts of drawings that stick out of them or
# meet another; elements and attributes that fetch or run.
my $look = <<'END';
<script>
(() => {
	const out = [], met = [];
	const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top + 3 < b.bottom - 3 && b.top + 3 < a.bottom - 3;
	for (const svg of document.querySelectorAll('svg')) {
		const frame = svg.getBoundingClientRect();
		const texts = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
		texts.forEach(([text, box], i) => {
			if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
				out.push(text);
			for (const [other, its] of texts.slice(i + 1))
				if (overlap(box, its)) met.push(text + ' / ' + other);
		});
	}
	const active = document.querySelectorAll('script, img, image, link, iframe, object, embed, base, form, [src], [href], [style]').length - 2;
	const handlers = [...document.querySelectorAll('*')].filter(e => e.getAttributeNames().some(a => a.startsWith('on'))).length;
	parent.tell(name, {wider: document.documentElement.scrollWidth - innerWidth, out, met, active, handlers,
		drawings: document.querySelectorAll('svg').length, title: document.title,
		names: [...document.querySelectorAll('details:last-of-type td:first-child')].map(td => td.textContent)});
})();
</script>
END

sub attribute
{
	my ($text) = @_;

	$text =~ s/&/&amp;/g;
	$text =~ s/"/&quot;/g;
	return $text;
}

# Pages in one browser, each as it is and, in every width, as a copy to look
# at.  Returns what was seen, and what was logged.
sub browse
{
	my (%pages) = @_;
	my ($dom, $log) = ('', '');
	my $all = '<!DOCTYPE html><meta charset="utf-8"><title></title><script>const seen = {};'
	  . 'function tell(name, what) { seen[name] = what; document.title = JSON.stringify(seen); }</script>';

	foreach my $name (sort keys %pages)
	{
		PostgreSQL::Test::Utils::append_to_file("$dir/$name.html", $pages{$name});
		$all .= qq(<iframe src="$name.html" width="1280" height="900"></iframe>);
		foreach my $width (@widths)
		{
			my $copy = $pages{$name};

			$copy =~ s/<meta http-equiv[^>]*>//;
			$copy =~ s/$/<script>const name = '$name $width';<\/script>$look/;
			$all .= sprintf '<iframe srcdoc="%s" width="%d" height="900" style="border: 0"></iframe>', attribute($copy), $width;
		}
	}
	PostgreSQL::Test::Utils::append_to_file("$dir/all.html", $all);
	local @ENV{qw(HOME XDG_CONFIG_HOME XDG_CACHE_HOME)} = ($dir, $dir, $dir);
	IPC::Run::run(
		[
			$chromium, qw(--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars --no-first-run
			  --disable-extensions --disable-background-networking --enable-logging=stderr --virtual-time-budget=10000 --dump-dom),
			"--user-data-dir=$dir/profile", "file://$dir/all.html"
		],
		'>', \$dom, '2>', \$log, IPC::Run::timeout(300)) or die "chromium failed: $log";
	unlink glob "$dir/*.html";
	$dom =~ /<title>(.*?)<\/title>/s or die "no title: $log";
	$dom = $1;
	$dom =~ s/&lt;/</g;
	$dom =~ s/&gt;/>/g;
	$dom =~ s/&nbsp;/ /g;
	$dom =~ s/&amp;/&/g;
	return (JSON::PP::decode_json($dom), join "\n", grep { /CONSOLE/ } split /\n/, $log);
}

# ---- pages that are not as they should be ----------------------------------------

my ($seen, $log) = browse(
	bad => '<!DOCTYPE html><title>bad</title><meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
	  . '<div style="width: 1500px" onclick="x()">x</div><img src="x.png"><svg width="50" height="20"><text x="40" y="12">out</text>'
	  . '<text x="41" y="12">met</text></svg>');
like($log, qr/Content Security Policy.*x\.png/s, 'what a page would fetch is logged');
is_deeply([ @{ $seen->{'bad 390'} }{qw(out met handlers)} ], [ [ 'out', 'met' ], ['out / met'], 1 ], 'what does not fit is seen');
cmp_ok($seen->{'bad 390'}{wider}, '>', 1000, 'what is too wide is seen');
cmp_ok($seen->{'bad 390'}{active}, '>', 0, 'what fetches is seen');

# ---- the pages -------------------------------------------------------------------

my $node = HousepriceTest::new_node('main');
$node->start;
HousepriceTest::load_houses($node);

# Values and names that would rather be markup; one without a place to break.
my $long = 'x' x 60;
my $script = q{<script>document.title='run'</script>};
$node->safe_psql('postgres', qq{
	CREATE TABLE models (name text, model hp_model);
	INSERT INTO models SELECT 'forest', hp_train(h, 'sale_price', hp_forest(trees => 50)) FROM houses h WHERE hp_split(h, 0.75);
	CREATE TABLE hostile ("$script" text, "a""b'&c" int, "$long" int, "</style>" date, price int);
	INSERT INTO hostile
	SELECT CASE i % 4 WHEN 0 THEN '<img src="https://example.com/x" onerror="document.title=1">' WHEN 1 THEN '</svg><h1>&amp;'
			WHEN 2 THEN E'\\x01\\u0085\\u202e' ELSE repeat(E'\\U0001F3E0', 30) END,
		i % 17, i * 7919 % 100003, date '2020-01-01' + i, 1000 + 100 * (i % 4) + i % 17 * 3 + i % 13
	FROM generate_series(1, 400) i;
	INSERT INTO models SELECT 'hostile', hp_train(t, 'price', hp_forest(trees => 50)) FROM hostile t WHERE "a""b'&c" > 4;
});
my %sources = (
	others => q{SELECT h.*, make_date(year_sold, mo_sold, 1) AS sold FROM houses h WHERE NOT hp_split(h, 0.75)},
	training => q{SELECT * FROM houses h WHERE hp_split(h, 0.75)},
	alone => undef,
	hostile => q{SELECT * FROM hostile WHERE "a""b'&c" <= 4});
my %pages;
foreach my $name (keys %sources)
{
	my $source = defined $sources{$name} ? "\$\$$sources{$name}\$\$" : 'NULL';

	$pages{$name} = $node->safe_psql('postgres', "SELECT hp_report(model, $source) FROM models WHERE (name = 'hostile') = ('$name' = 'hostile')");
	unlike($pages{$name}, qr/[^\x01-\x7e]/, "$name: nothing but ASCII");
	unlike($pages{$name}, qr/url\(|\@import/, "$name: no style that fetches");
}
($seen, $log) = browse(%pages);
is($log, '', 'nothing is logged');
foreach my $name (sort keys %pages)
{
	foreach my $width (@widths)
	{
		my $it = $seen->{"$name $width"};

		is_deeply({ map { $_ => $it->{$_} } qw(wider out met active handlers title drawings) },
			{ wider => 0, out => [], met => [], active => 0, handlers => 0, title => 'Model of ' . ($name eq 'hostile' ? 'price' : 'sale_price'),
				drawings => scalar(() = $pages{$name} =~ /<svg/g) },
			"$name: as it should be on $width pixels");
	}
}
is_deeply([ sort @{ $seen->{'hostile 1280'}{names} } ], [ sort '</style>', $script, q{a"b'&c}, $long ], 'names are text');

done_testing();
