#!/usr/bin/perl -T

# Workers as pvedaemon has them: forked from one parent, asking while the collector writes; and one
# that answers a thousand times and grows no more.

use v5.36;

use POSIX ();
use Test::More;

use lib 't/lib';
use ForesightTest;

my ($WORKERS, $ROUNDS, $REQUESTS) = (8, 12, 1000);
my $GROWTH = 4 << 10; # KiB that a thousand answers may add: fragmentation, not a leak of each

my sub resident() {
    open(my $handle, '<', '/proc/self/status') or die "/proc/self/status: $!\n";
    my ($kib) = join('', <$handle>) =~ m/^VmRSS:\s+(\d+) kB$/m;
    return $kib;
}

subtest 'a pool of workers asks while the collector writes' => sub {
    my $last = cluster(guests => 12, hours => 96);
    call('GET', 'status'); # the parent has an engine of its own before it forks
    my @workers;
    for my $worker (1 .. $WORKERS) {
        my $child = fork() // die "fork: $!\n";
        if (!$child) {
            my $good = eval {
                for my $round (1 .. $ROUNDS) {
                    my $guest = 100 + ($worker + $round) % 12;
                    die "another guest\n" if call('GET', "trends/guests/$guest")->{vmid} != $guest;
                    my $advice = call('GET', 'recommendations');
                    my %told = map { ($_->{vmid} => 1) }
                        map { $advice->{$_}->@* } qw(recommendations considered skipped);
                    die "half a tick\n" if keys(%told) != 12;
                }
                1;
            };
            print STDERR "worker $worker: $@" if !$good;
            POSIX::_exit($good ? 0 : 1);
        }
        push @workers, $child;
    }
    my ($stored, %left) = (0, map { ($_ => 1) } @workers);
    my $failed = 0;
    while (%left) {
        $stored += ForesightTest::append(tick($last + 1 + $stored, 12))->{appended} if $stored < 20;
        while ((my $child = waitpid(-1, POSIX::WNOHANG())) > 0) {
            delete $left{$child};
            $failed++ if $?;
        }
        select(undef, undef, undef, 0.02);
    }
    is($failed, 0, "$WORKERS workers, $ROUNDS rounds each, all answers right");
    cmp_ok($stored, '>', 0, "and the collector stored $stored ticks meanwhile");
    is(call('GET', 'status')->{last_sample}, $last + $stored, 'the newest is there');
};

subtest 'a thousand requests do not grow the worker' => sub {
    cluster(guests => 6, hours => 48);
    my @paths = ('status', 'recommendations', 'trends/nodes', 'trends/guests/100', 'trends/guests/999', 'penalty-config');
    my $ask = sub ($n) { eval { call('GET', $paths[$n % @paths]) } };
    $ask->($_) for 1 .. 100;
    my $before = resident();
    $ask->($_) for 1 .. $REQUESTS;
    my $growth = resident() - $before;
    cmp_ok($growth, '<', $GROWTH, "$growth KiB more after $REQUESTS requests");
};

done_testing();
