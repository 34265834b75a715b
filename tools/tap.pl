#!/usr/bin/perl
#
# tools/tap.pl: runs test programs that speak TAP, and counts
#
#   tools/tap.pl [--tally FILE] [--jobs N] [--under COMMAND] [-I DIR]... PROGRAM...
#
# A *.pl program runs under this perl, any other by itself or as the last word
# of COMMAND; N at a time.
# Prints a line per program and the whole output of those that fail.  A program
# that crashes, or runs another number of tests than planned, counts as one
# more failure.  Ends with a summary line, or with --tally appends "passed
# failed" to FILE.

use strict;
use warnings;

use File::Temp qw(tempfile);
use Getopt::Long;
use POSIX ();
use TAP::Parser;
use Time::HiRes qw(time);

my ($tally, $under, @include);
my $jobs = 1;
GetOptions('tally=s' => \$tally, 'jobs=i' => \$jobs, 'under=s' => \$under, 'I=s' => \@include)
  or die "usage: $0 [--tally FILE] [--jobs N] [--under COMMAND] [-I DIR]... PROGRAM...\n";

$| = 1;
my ($passed, $failed) = (0, 0);

my @waiting = @ARGV;
my %running;    # process => where it writes
while (@waiting || %running)
{
	while (@waiting && keys %running < $jobs)
	{
		my ($process, $file) = start_program(shift @waiting);
		$running{$process} = $file;
	}
	my $process = wait;
	my ($ok, $bad, @output) = read_result(delete $running{$process});
	print @output;
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

# Runs a program in a process of its own, which writes how many of its tests
# passed and failed, and then what there is to say.
sub start_program
{
	my ($program) = @_;
	my ($file, $name) = tempfile(UNLINK => 0);
	my $process = fork // die "could not fork: $!\n";

	return ($process, $name) if $process;
	my ($ok, $bad, $output) = run_program($program);
	print $file "$ok $bad\n$output";
	close($file);
	POSIX::_exit(0);
}

sub read_result
{
	my ($name) = @_;
	open(my $file, '<', $name) or die "could not open $name: $!\n";
	my ($counts, @output) = <$file>;
	close($file);
	unlink($name);
	return (0, 1, "FAILED  a program was not run to its end\n")
	  unless defined $counts;
	return (split(' ', $counts), @output);
}

# Runs one program; returns how many of its tests passed and failed, and a line
# on it, with its whole output if it failed.
sub run_program
{
	my ($program) = @_;
	my @command =
	  $program =~ /\.pl$/
	  ? ($^X, (map { "-I$_" } @include), $program)
	  : (split(' ', $under // ''), $program =~ m{/} ? $program : "./$program");
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
	my $line = sprintf "%-8s%-32s %4d tests %6.1f s%s%s\n", $bad ? 'FAILED' : 'ok', $name,
	  $ok + $bad, time - $start,
	  $skipped ? ", $skipped skipped" : '',
	  @problems ? ' (' . join('; ', @problems) . ')' : '';
	return ($ok, $bad, $bad ? $line . $output . server_log($name) : $line);
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
