
# HousepriceDocs: the examples in the manual, run and compared
#
#   my @blocks = HousepriceDocs::blocks($text);
#   HousepriceDocs::run($connstr, \@blocks, kaggle => $has_kaggle);
#   my $problem = HousepriceDocs::problem($block);    # undef: as written
#   my $new = HousepriceDocs::rewrite($text, @blocks);
#
# A block that begins with ```sql is run.  The ```text block right behind it,
# if there is one, is what psql prints for it.  Further words behind sql:
#
#   error     a statement may fail; the text shows the message
#   kaggle    needs table kaggle_train; left out where it is not there
#   cron      needs pg_cron; run by test/t/018_cron.pl alone
#
# The blocks of a file share one psql session.  Used by test/t/010_docs.pl and
# tools/docs-refresh.pl, and so free of the server's test modules.

package HousepriceDocs;

use strict;
use warnings;

use File::Find;
use File::Temp;

my $marker = '== end of block';

# The files of the manual below the project's top level.
sub files
{
	my ($top) = @_;
	my @files = ('README.md');

	find(
		{
			no_chdir => 1,
			wanted => sub {
				push @files, substr($_, length($top) + 1) if /\.md$/;
			}
		},
		"$top/docs");
	return sort @files;
}

# And the texts for developers, which have links but no examples.
sub other_files
{
	my ($top) = @_;

	return map { substr($_, length($top) + 1) }
	  grep { $_ ne "$top/README.md" }
	  glob("$top/*.md $top/data/*.md $top/src/*/*.md $top/bench/*.md");
}

sub slurp
{
	my ($path) = @_;

	open(my $fh, '<', $path) or die "could not read $path: $!\n";
	local $/;
	return <$fh>;
}

# The sql blocks of a text.  Line numbers count from 0; text_first to
# text_last are the lines of the output within their fences.
sub blocks
{
	my ($text) = @_;
	my @lines = split /\n/, $text;
	my @blocks;

	for (my $i = 0; $i < @lines; $i++)
	{
		next unless $lines[$i] =~ /^```(\w*)\s*(.*?)\s*$/;
		my ($language, $words) = ($1, $2);
		my $first = ++$i;
		$i++ until $i >= @lines || $lines[$i] =~ /^```\s*$/;
		die "line $first: block without an end\n" if $i >= @lines;
		next unless $language eq 'sql';

		my %block = (
			line => $first,
			sql => join("\n", @lines[ $first .. $i - 1 ]),
			map { $_ => 1 } split ' ', $words);
		my $next = $i + 1;
		$next++ while $next < @lines && $lines[$next] eq '';
		if ($next < @lines && $lines[$next] =~ /^```text\s*$/)
		{
			$i = $next;
			$i++ until $i + 1 >= @lines || $lines[ $i + 1 ] =~ /^```\s*$/;
			@block{qw(text_first text_last)} = ($next + 1, $i);
			$block{expected} = tidy(join("\n", @lines[ $next + 1 .. $i ]));
			$i++;
		}
		push @blocks, \%block;
	}
	return @blocks;
}

# Without blanks at the ends of lines, and empty lines at the end.
sub tidy
{
	my ($text) = @_;

	$text =~ s/[ \t]+$//mg;
	$text =~ s/\n+\z//;
	return $text;
}

# Runs the blocks in one session; each gets its output.  Those that need what
# is not there are left out.
sub run
{
	my ($connstr, $blocks, %has) = @_;
	my @run = grep {
		my $block = $_;
		!grep { $block->{$_} && !$has{$_} } qw(kaggle cron)
	} @$blocks;
	my $script = File::Temp->new;
	my $output = File::Temp->new;

	print $script "\\echo $marker\n";
	print $script "$_->{sql}\n\\echo $marker\n" foreach @run;
	close($script);

	local $ENV{LC_ALL} = 'C';
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	local $ENV{PGOPTIONS} = '-c statement_timeout=300s -c lc_messages=C';
	local $ENV{PAGER} = 'cat';
	system(qq{psql -X -d "$connstr" <"$script" >"$output" 2>&1});

	my (undef, @outputs) = split /^\Q$marker\E\n/m, slurp("$output"), -1;
	foreach my $block (@run)
	{
		$block->{output} =
		  @outputs ? tidy(shift @outputs) : 'the session ended';
	}
	return;
}

# What is wrong with a block that was run, or undef.
sub problem
{
	my ($block) = @_;
	my $output = $block->{output};

	return "the last statement has no end:\n$block->{sql}"
	  unless $block->{sql} =~ /(;|\\\w.*)\s*\z/;
	return "an error:\n$output"
	  if !$block->{error} && $output =~ /^(ERROR|FATAL|PANIC):/m;
	return "no error:\n$output"
	  if $block->{error} && $output !~ /^ERROR:/m;
	return if !defined $block->{expected} || $output eq $block->{expected};
	return difference($block->{expected}, $output);
}

sub difference
{
	my @files = map {
		my $file = File::Temp->new;
		print $file "$_\n";
		close($file);
		$file;
	} @_;

	return scalar
	  `diff -U 100 --label manual --label psql "$files[0]" "$files[1]"`;
}

# The text with the output of all blocks that were run.
sub rewrite
{
	my ($text, @blocks) = @_;
	my @lines = split /\n/, $text, -1;

	foreach my $block (reverse @blocks)
	{
		next unless defined $block->{expected} && defined $block->{output};
		next if $block->{expected} eq $block->{output};
		splice @lines, $block->{text_first},
		  $block->{text_last} - $block->{text_first} + 1,
		  split(/\n/, $block->{output});
	}
	return join "\n", @lines;
}

# ---- parameters -------------------------------------------------------------

# Rows of the table between "<!-- parameters of X -->" and "<!-- end -->".
sub parameter_table
{
	my ($text, $algorithm) = @_;

	return $text =~ /^<!-- parameters of $algorithm -->\n\n[^\n]*\n[^\n]*\n(.*?)\n<!-- end -->$/ms
	  ? $1
	  : '';
}

# The same rows as the core's table of parameters has them.
sub core_parameters
{
	my ($top, $algorithm) = @_;
	my $folder = File::Temp->newdir;
	my $cc = $ENV{CC} // 'cc';
	my $rows;

	system("$cc -o $folder/table -I $top/src/core $top/tools/params-table.c"
		  . " $top/src/core/hpc_params.c -lm") == 0
	  or die "could not build tools/params-table.c\n";
	$rows = `$folder/table $algorithm`;
	return $rows;
}

sub rewrite_parameters
{
	my ($text, $top) = @_;

	foreach my $algorithm ($text =~ /^<!-- parameters of (\w+) -->$/mg)
	{
		my $rows = core_parameters($top, $algorithm);
		$text =~
		  s/^(<!-- parameters of $algorithm -->\n\n[^\n]*\n[^\n]*\n).*?(\n<!-- end -->)$/$1$rows$2/ms;
	}
	return $text;
}

# ---- Kaggle's file ----------------------------------------------------------

# Loads kaggle_train, and the notebook's validation rows, where they are to
# be had: in the folder of HOUSEPRICE_TRAIN_CSV, or beside the project.
sub load_kaggle
{
	my ($top, $connstr) = @_;
	my $train = $ENV{HOUSEPRICE_TRAIN_CSV}
	  // "$top/../shared/data/ames/train.csv";
	my $ids = $train =~ s/[^\/]*$/notebook_validation_ids.csv/r;

	return 0 unless -r $train && -r $ids;
	system('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v',
		"train_csv=$train", '-d', $connstr, '-f', "$top/data/kaggle.sql",
		'-c', 'CREATE TABLE validation (id integer PRIMARY KEY)',
		'-c', "\\copy validation FROM '$ids' (FORMAT csv, HEADER)") == 0
	  or die "could not load $train\n";
	return 1;
}

# ---- links ------------------------------------------------------------------

# The anchors of a text's headings, as GitHub makes them.
sub anchors
{
	my ($text) = @_;
	my %anchors;

	$text =~ s/^```.*?^```//msg;
	while ($text =~ /^#+ +(.*?) *$/mg)
	{
		my $anchor = lc $1;

		$anchor =~ s/[^\w\- ]//g;
		$anchor =~ s/ /-/g;
		$anchors{$anchor} = 1;
	}
	return %anchors;
}

# The links of a file that lead nowhere; web addresses are not looked at.
sub dead_links
{
	my ($top, $file) = @_;
	my $text = slurp("$top/$file");
	my ($folder) = "$top/$file" =~ m{^(.*)/};
	my @dead;

	$text =~ s/^```.*?^```//msg;
	while ($text =~ /\]\(([^)\s]+)\)/g)
	{
		my ($path, $anchor) = split /#/, $1, 2;

		next if $path =~ /^\w+:/;
		$path = $path eq '' ? "$top/$file" : "$folder/$path";
		if (!-e $path)
		{
			push @dead, $1;
		}
		elsif (defined $anchor)
		{
			my %anchors = anchors(slurp($path));
			push @dead, $1 unless $anchors{$anchor};
		}
	}
	return @dead;
}

1;
