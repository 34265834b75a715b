#!/usr/bin/perl
#
# tools/docs-refresh.pl: writes the output of the examples into the manual
#
#   perl -I test/perl tools/docs-refresh.pl [FILE...]
#
# Runs from the project's top level against the server that PGHOST and so on
# name, whose database manual has the extension and table houses.  See
# tools/docs-refresh.sh, which makes one.  Says what it changed; the exit
# status is 1 if an example fails.

use strict;
use warnings;

use HousepriceDocs;

my @files = @ARGV ? @ARGV : HousepriceDocs::files('.');
my $has_kaggle = HousepriceDocs::load_kaggle('.', 'dbname=manual');
my $status = 0;

print "without the examples that need Kaggle's train.csv\n"
  unless $has_kaggle;
refresh($_) foreach @files;
exit $status;

sub refresh
{
	my ($file) = @_;
	my $text = HousepriceDocs::slurp($file);
	my @blocks = HousepriceDocs::blocks($text);
	my $new;

	if (@blocks)
	{
		sql('CREATE DATABASE example TEMPLATE manual');
		HousepriceDocs::run('dbname=example', \@blocks, kaggle => $has_kaggle);
		sql('DROP DATABASE example');
	}
	$new = HousepriceDocs::rewrite($text, @blocks);
	$new = HousepriceDocs::rewrite_parameters($new, '.');
	foreach my $block (@blocks)
	{
		next unless defined $block->{output};
		$block->{expected} = $block->{output} if defined $block->{expected};
		my $problem = HousepriceDocs::problem($block);
		next unless defined $problem;
		print "$file, example in line $block->{line}: $problem\n";
		$status = 1;
	}
	return if $new eq $text;
	print "$file\n";
	open(my $fh, '>', $file) or die "could not write $file: $!\n";
	print $fh $new;
	close($fh) or die "could not write $file: $!\n";
	return;
}

sub sql
{
	my ($statement) = @_;

	system('psql', '-X', '-q', '-d', 'postgres', '-c', $statement) == 0
	  or die "failed: $statement\n";
	return;
}
