#!/usr/bin/perl
#
# tools/tap.pl: runs test programs that speak TAP, and counts
#
#   tools/tap.pl [--tally FILE] [-I DIR]... PROGRAM...
#
# A *.pl program runs under this perl, any other by itself.  Prints a line per
# program and the whole output of those that fail.  A program that crashes, or
# runs another number of tests than planned, counts as one more failure.  Ends
# with a summary line, or with --tally appends "passed failed" to FILE.

use strict;
use warnings;

use Getopt::Long;
use TAP::Parser;
use Time::HiRes qw(time);

my ($tally, @include);
GetOptions('tally=s' => \$tally, 'I=s' => \@include)
  or die "usage: $0 [--tally FILE] [-I DIR]... PROGRAM...\n";

$| = 1;
my ($passed, $failed) = (0, 0);

foreach my $program (@ARGV)
{
	my ($ok, $bad, $skipped) = run_program($program);
	$passed += $ok;
	$failed += $bad;
}

if (defined $tally)
{
	open(my $fh, '>>', $tally) or die "could not open $tally: $!\n";
	print $fh "$passed $failed\n";
	close($fh);
}
else
{
	print "$passed passed, $failed failed\n";
}
exit(($failed > 0 || $passed == 0) ? 1 : 0);

# Runs one program; returns how many of its tests passed and failed.
sub run_program
{
	my ($program) = @_;
	my @command =
	  $program =~ /\.pl$/
	  ? ($^X, (map { "-I$_" } @include), $program)
	  : ($program =~ m{/} ? $program : "./$program");
	my $start = time;
	my $output = '';
	my ($ok, $bad, $skipped) = (0, 0, 0);

	my $parser = TAP::Parser->new({ exec => \@command, merge => 1 });
	while (my $result = $parser->next)
	{
		$output .= '    ' . $result->as_string . "\n";
		next unless $result->is_test;
		if ($result->has_skip) { $skipped++ }
		elsif ($result->is_ok) { $ok++ }
		else                   { $bad++ }
	}

	my @problems = $parser->parse_errors;
	push @problems, 'signal ' . ($parser->wait & 127) if $parser->wait & 127;
	push @problems, 'exit status ' . $parser->exit if $parser->exit && !$bad;
	@problems = () if $parser->skip_all && !$parser->exit;
	$bad++ if @problems && !$bad;
	push @problems, 'skipped: ' . $parser->skip_all if $parser->skip_all;

	(my $name = $program) =~ s{.*/}{};
	printf "%-8s%-32s %4d tests %6.1f s%s%s\n", $bad ? 'FAILED' : 'ok', $name,
	  $ok + $bad, time - $start,
	  $skipped ? ", $skipped skipped" : '',
	  @problems ? ' (' . join('; ', @problems) . ')' : '';
	print $output, server_log($name) if $bad;
	return ($ok, $bad);
}

# The end of the log in which PostgreSQL's TAP modules put all that a test
# does, and the message it died with.
sub server_log
{
	my ($name) = @_;
	my $directory = $ENV{TESTDIR} // '.';

	$name =~ s/\.pl$//;
	open(my $log, '<', "$directory/tmp_check/log/regress_log_$name")
	  or return '';
	my @lines = <$log>;
	splice(@lines, 0, -20) if @lines > 20;
	return join('', "    ... regress_log_$name:\n", map { "    $_" } @lines);
}
