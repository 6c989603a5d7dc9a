#!/usr/bin/perl -T

# The settings file: changed as a whole under a lock, never lost, never overwritten when it is not
# understood.

use v5.36;

use Digest::SHA qw(sha1_hex);
use POSIX ();
use Test::More;

use lib 't/lib';
use ForesightTest;

use JSON;

use PVE::Tools qw(file_get_contents);

cluster(hours => 96); # longer than the lookback that is chosen
my $FILE = "$PVE::Foresight::CLUSTER_DIR/foresight.cfg";

my sub content() { return -e $FILE ? file_get_contents($FILE) : undef }
my sub get($path = 'migration-settings') { return call('GET', $path) }
my sub put(%param) { return call('PUT', 'migration-settings', %param) }
my sub put_expert(%param) { return call('PUT', 'penalty-config', %param) }

my sub wrong_field($field, $code, $name) {
    my $before = content();
    my $error = error_of($code);
    my @fields = map { s/^\.//r } ref($error) ? keys(($error->{errors} // {})->%*) : ();
    is_deeply(\@fields, [$field], $name) or diag($error);
    is(content(), $before, 'and the file is as it was');
}

subtest 'without a file the defaults hold' => sub {
    my $reply = get();
    is($reply->{settings}->{'trend-weight'}, 60, 'a default');
    is_deeply($reply->{chosen}, [], 'nothing is chosen');
    is($reply->{refused}, undef, 'nothing is wrong');
    is($reply->{digest}, sha1_hex(''), 'the digest of nothing');
    is(get('penalty-config')->{schema}->{properties}->{cpu_threshold}->{type}, 'number', 'the schema is told');
};

subtest 'changes are written, and only what was chosen' => sub {
    is(put('trend-weight' => '80', 'protect-running-workloads' => '0'), undef, 'null');
    is(get()->{settings}->{'trend-weight'}, 80, 'a number from a string');
    is_deeply([sort { $a cmp $b } get()->{chosen}->@*], ['protect-running-workloads', 'trend-weight'], 'what was chosen');
    put_expert(cpu_threshold => '75');
    my ($entry) = grep { $_->{key} eq 'cpu_threshold' } get('penalty-config')->{effective}->@*;
    is_deeply([$entry->@{qw(value origin reset)}], [75, 'expert', 80], 'an expert value');
    is(get()->{settings}->{'trend-weight'}, 80, 'the others stay');
    is(get()->{digest}, sha1_hex(content()), 'the digest is that of the file');
    put(delete => 'trend-weight,protect-running-workloads');
    is_deeply(get()->{chosen}, [], 'deleted: defaults again');
    call('DELETE', 'penalty-config');
    unlike(content(), qr/cpu_threshold/, 'no expert values any more');
    is_deeply([glob("$FILE*")], [$FILE], 'nothing else is left behind');
};

subtest 'a wrong change names its field' => sub {
    wrong_field('trend-weight', sub { put('trend-weight' => 101) }, 'out of range');
    wrong_field('analysis-lookback', sub { put('analysis-lookback' => 2) }, 'not among the choices');
    wrong_field('trend-wait', sub { put('trend-wait' => 1) }, 'unknown');
    wrong_field('trend-weight', sub { put('trend-weight' => 10, delete => 'trend-weight') }, 'set and deleted');
    wrong_field('delete', sub { put(delete => 'trend-wait') }, 'deletes what there is not');
    wrong_field(
        'cpu_threshold_offset_2',
        sub { put_expert(cpu_threshold_offset_1 => 20, cpu_threshold_offset_2 => 10) }, 'two that do not fit',
    );
};

subtest 'concurrent edits are refused, not lost' => sub {
    my $digest = get()->{digest};
    put('trend-weight' => 70, digest => $digest);
    my $before = content();
    like(error_of(sub { put('trend-weight' => 10, digest => $digest) }), qr/modified configuration/, 'PUT');
    like(error_of(sub { put_expert(cpu_threshold => 70, digest => $digest) }), qr/modified conf/, 'PUT expert');
    like(error_of(sub { call('DELETE', 'penalty-config', digest => $digest) }), qr/modified conf/, 'DELETE');
    is(content(), $before, 'the first edit stands');

    # Without a digest nobody insists on a state, and every change survives.
    my @keys = (qw(cpu_threshold mem_threshold iowait_threshold storage_threshold), 'cooldown_hours', 'min_benefit');
    my @children;
    for my $key (@keys) {
        my $child = fork() // die "fork: $!\n";
        if (!$child) {
            my $done = eval { put_expert($key => get('penalty-config')->{schema}->{properties}->{$key}->{maximum}); 1 };
            print STDERR $@ if !$done;
            POSIX::_exit($done ? 0 : 1);
        }
        push @children, $child;
    }
    my $failed = 0;
    for my $child (@children) {
        waitpid($child, 0);
        $failed++ if $?;
    }
    is($failed, 0, 'all are done');
    my %expert = map { ($_->{key} => 1) } grep { $_->{origin} eq 'expert' } get('penalty-config')->{effective}->@*;
    is_deeply([sort keys %expert], [sort @keys], 'and none is lost');
};

subtest 'a file that cannot be used gives the defaults, a warning, and stays as it is' => sub {
    my %files = (
        garbage => "not a settings file\n",
        'not UTF-8' => "{\"version\": 1, \"settings\": {\"x\": \"\xff\"}}",
        newer => '{"version": 2}',
        'wrong value' => '{"version": 1, "settings": {"trend-weight": 140}}',
        empty => '',
        'another version of JSON' => "{version: 1}",
    );
    for my $kind (sort keys %files) {
        write_file($FILE, $files{$kind});
        my $reply = get();
        is($reply->{settings}->{'trend-weight'}, 60, "$kind: the defaults hold");
        like($reply->{refused}, qr/^\Q$FILE\E: \w/, "$kind: says of which file, and why");
        like($reply->{warnings}->[0], qr/^\Q$FILE\E: .*; the defaults hold .* how long metrics are kept/, 'and warns');
        is(call('GET', 'status')->{settings}->{refused}, $reply->{refused}, "$kind: so does the status");
        like(join("\n", call('GET', 'recommendations')->{warnings}->@*), qr/^\Q$FILE\E: /m, "$kind: so does the advice");
        for my $change (
            sub { put('trend-weight' => 10) },
            sub { put_expert(cpu_threshold => 70) },
            sub { call('DELETE', 'penalty-config') },
        ) {
            my $error = error_of($change);
            is("$error", "$reply->{refused}\n", "$kind: a change is refused with the reason");
        }
        is(content(), $files{$kind}, "$kind: the file is untouched");
    }
    unlink($FILE);
    mkdir($FILE);
    like(get()->{refused}, qr/foresight\.cfg/, 'unreadable: says which file');
    like(call('GET', $_)->{warnings}->[0], qr/foresight\.cfg/, "unreadable: so does /$_")
        for qw(recommendations outcomes);
    like(error_of(sub { put('trend-weight' => 10) }), qr/foresight\.cfg/, 'unreadable: a change is refused');
    rmdir($FILE);
};

subtest 'the warning is of the file that the answer rests on' => sub {
    like(with_fleeting_settings(sub { call('GET', $_) })->{warnings}->[0], qr/: fleeting; the defaults hold/, "/$_ reads once")
        for qw(recommendations outcomes);
};

subtest 'names of a newer version survive a change' => sub {
    write_file($FILE, '{"version": 1, "settings": {"mood": "good"}}');
    like(get()->{warnings}->[0], qr/mood/, 'a warning');
    put('trend-weight' => 10);
    is(decode_json(content())->{settings}->{mood}, 'good', 'kept');
};

subtest 'decisions follow the file' => sub {
    write_file($FILE, '{"version": 1, "settings": {"analysis-lookback": 3}}');
    is(call('GET', 'trends/nodes/pve1')->{lookback_hours}, 72, 'the lookback is the one chosen');
};

subtest 'a lock that is not to be had' => sub {
    no warnings 'redefine';
    local *PVE::Cluster::cfs_lock_domain = sub { $@ = "cfs-lock 'domain-foresight' error: no quorum!\n"; undef };
    my $before = content();
    like(error_of(sub { put('trend-weight' => 10) }), qr/no quorum/, 'says so');
    is(content(), $before, 'and nothing is written');
};

done_testing();
