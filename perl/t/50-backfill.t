#!/usr/bin/perl -T

# Backfill: a task that says how far it is, can be stopped, and can be repeated.

use v5.36;

use Test::More;

use lib 't/lib';
use ForesightTest;

require PVE::API2::Foresight;

lacking('rrdtool') if !-x '/usr/bin/rrdtool';

my @NODE = qw(
    loadavg maxcpu cpu iowait memtotal memused swaptotal swapused roottotal rootused netin netout memavailable
    arcsize pressurecpusome pressureiosome pressureiofull pressurememorysome pressurememoryfull
);
my @GUEST = qw(
    maxcpu cpu maxmem mem maxdisk disk netin netout diskread diskwrite memhost pressurecpusome pressurecpufull
    pressureiosome pressureiofull pressurememorysome pressurememoryfull
);
my %VALUE = (maxcpu => 16, cpu => 0.5, memtotal => 64 << 30, memused => 20 << 30, maxmem => 1 << 30, mem => 1 << 28);

# A file as PVE 9 makes it, with two days of the same values.
my sub rrd($file, @sources) {
    my ($dir) = $file =~ m!^(.*)/!;
    File::Path::make_path($dir);
    my $end = 60 * int(time() / 60);
    my $start = $end - 2 * 86400;
    my @types = map { "DS:$_:" . (m/^(net|disk)(in|out|read|write)$/ ? 'DERIVE' : 'GAUGE') . ':120:0:U' } @sources;
    my @archives = map { ("RRA:AVERAGE:0.5:$_", "RRA:MAX:0.5:$_") } '1:1440', '30:1440', '360:1440', '10080:570';
    system('rrdtool', 'create', $file, '--start', $start, '--step', 60, @types, @archives) == 0 or die "rrdtool\n";
    my $values = join(':', map { $VALUE{$_} // 0 } @sources);
    my @updates = map { ($start + 60 * $_) . ":$values" } 1 .. 2880;
    while (my @some = splice(@updates, 0, 500)) {
        system('rrdtool', 'update', $file, @some) == 0 or die "rrdtool\n";
    }
}

cluster(guests => 6, hours => 0);
rrd("$PVE::Foresight::RRD_DIR/pve-node-9.0/pve$_", @NODE) for 1 .. 3;
rrd("$PVE::Foresight::RRD_DIR/pve-vm-9.0/10$_", @GUEST) for 0 .. 5;

subtest 'POST starts a task' => sub {
    my @started;
    no warnings qw(redefine once);
    local *PVE::RPCEnvironment::fork_worker = sub ($self, @task) { @started = @task; 'UPID:x' };
    is(as('admin@pve', 'POST', 'backfill'), 'UPID:x', 'and answers its UPID');
    is_deeply([@started[0 .. 2]], ['foresightbackfill', undef, 'admin@pve'], 'of the caller');
    is(ref($started[3]), 'CODE', 'with code to run');
};

subtest 'a task that is stopped leaves a whole store' => sub {
    my $stopped = sub {
        no warnings 'redefine';
        my $import = \&PVE::Foresight::import_history;
        local *PVE::Foresight::import_history = sub ($request, $progress) {
            return $import->($request, sub (@at) { $progress->(@at); kill(TERM => $$) if $at[0] =~ m/stored/ });
        };
        PVE::API2::Foresight::Backfill::run();
    };
    my $marker = "$PVE::Foresight::STATE_DIR/.history-imported";
    my ($status, $log) = log_of($stopped);
    is($status, 1, 'fails');
    like($log, qr/TASK ERROR: received interrupt/, 'with the interrupt') or diag($log);
    ok(!-e $marker, 'and is not marked as done');
    my ($again) = log_of(sub { PVE::API2::Foresight::Backfill::run() });
    is($again, 0, 'another run goes through');
    ok(-e $marker, 'and is marked as done, so that the timer has nothing to do');
    ok(call('GET', 'status')->{store}, 'there is a store');
};

subtest 'a task tells how far it is and what it did, and can be repeated' => sub {
    my $before = call('GET', 'status')->{size}->{tiers}->[0]->{rows};
    cmp_ok($before, '>', 100, 'history is there');
    my ($status, $log) = log_of(sub { PVE::API2::Foresight::Backfill::run() });
    is($status, 0, 'goes through');
    like($log, qr/^\d+ of \d+ files looked at$/m, 'progress');
    like($log, qr/points in time of \d+ nodes stored, from 9 files$/m, 'outcome') or diag($log);
    cmp_ok(() = $log =~ m/looked at/g, '<=', 11, 'a line each tenth');
    is(call('GET', 'status')->{size}->{tiers}->[0]->{rows}, $before, 'a second run adds nothing');
    cmp_ok(scalar(call('GET', 'trends/nodes')->@*), '==', 3, 'nodes have trends on day one');
};

subtest 'somebody else who writes is waited for' => sub {
    my $tries = 0;
    no warnings qw(redefine once);
    local *PVE::Foresight::import_history = sub {
        die bless({ result => 'BUSY', message => 'busy' }, 'PVE::Foresight::Error') if !$tries++;
        return { map({ ($_ => 0) } qw(ticks nodes guests files left_out)), warnings => ['odd'], notes => [] };
    };
    my ($status, $log) = log_of(sub { PVE::API2::Foresight::Backfill::run() });
    is($status, 0, 'goes through');
    like($log, qr/trying again/, 'says so');
};

subtest 'what may name a guest is for the journal' => sub {
    no warnings qw(redefine once);
    local *PVE::Foresight::import_history = sub {
        my @warnings = map { "$_: odd" } 101 .. 125;
        return { map({ ($_ => 0) } qw(ticks nodes guests files left_out)), warnings => \@warnings, notes => ['left out: 126'] };
    };
    my @logged;
    local *PVE::API2::Foresight::Backfill::syslog = sub ($level, $format, $text) { push @logged, "$level: $text" };
    my ($status, $log) = log_of(sub {
        PVE::API2::Foresight::Backfill::run();
        say "JOURNAL $_" for @logged;
    });
    my ($told, $journal) = $log =~ m/\A(.*?)(JOURNAL .*)\z/s;
    is($status, 0, 'goes through');
    like($told, qr/^1 note: see the journal of this node$/m, 'a note of the task');
    like($told, qr/^WARN: 25 warnings: see the journal of this node$/m, 'a warning of the task');
    unlike($told, qr/\b1[012]\d\b/, 'without a number of a guest');
    like($journal, qr/^JOURNAL info: foresight backfill: left out: 126$/m, 'there is the note');
    like($journal, qr/^JOURNAL warning: foresight backfill: 101: odd$/m, 'and each warning');
    like($journal, qr/: 120: odd\nJOURNAL warning: foresight backfill: 5 more of the kind$/m, 'up to twenty');
};

done_testing();
