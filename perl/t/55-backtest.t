#!/usr/bin/perl -T

# The backtest: a task that keeps its result in a file, one at a time, and a file that nobody has to trust.

use v5.36;

use Fcntl qw(:mode);
use JSON;
use POSIX ();
use Test::More;

use lib 't/lib';
use ForesightTest;

require PVE::API2::Foresight;

cluster(hours => 360); # a replay judges what comes after two weeks of warm-up

my $FILE = "$PVE::Foresight::STATE_DIR/backtest.json";
my $run = sub { PVE::API2::Foresight::Backtest::run(30) };

# Forks as PVE does, but the worker starts on a line of its input, and its code is `$work`.
my sub forking($work) {
    pipe(my $wait, my $start) or die "pipe: $!\n";
    my @workers;
    my $fork = sub ($self, $type, $id, $user, $code) {
        my $worker = fork() // die "fork: $!\n";
        if (!$worker) {
            close($start);
            readline($wait);
            POSIX::_exit(eval { $work->($code); 1 } ? 0 : 1);
        }
        push @workers, $worker;
        return "UPID:$type:$user";
    };
    return ($fork, $start, \@workers);
}

subtest 'before the first one' => sub {
    my $error = error_of(sub { call('GET', 'backtest') });
    is($error->{code}, 404, 'there is none');
    like("$error", qr/no backtest was run on this node yet; 'pvesh create/, 'and the remedy is told');
};

subtest 'a task replays, tells what came of it and keeps it' => sub {
    my ($status, $log) = log_of(sub { $run->(); say 'priority ', getpriority(0, 0) });
    is($status, 0, 'goes through') or diag($log);
    like($log, qr/^replaying up to 30 days of what is stored in /, 'says what it does');
    like($log, qr/^\d+ hours of 3 nodes judged, with decisions every \d+ hours$/m, 'and what is judged');
    for my $policy ('as it was', 'without any migration', 'advice followed') {
        my $figures = qr/[\d.]+ node-hours, +[\d.]+ core-hours, +[\d.]+ GiB-hours above the thresholds; migrations: +\d+, +[\d.]+ GiB moved/;
        like($log, qr/^$policy: +$figures$/m, "$policy, with units");
    }
    like($log, qr/^1 warning: see the result$/m, 'warnings are counted');
    my $reply = call('GET', 'backtest');
    like($log, qr/\Q$reply->{summary}\E\npriority 19\n\z/, 'ends with the summary; all else goes first');
    is($reply->{days}, 30, 'what was asked for is kept');
    cmp_ok($reply->{made}, '>=', $reply->{now}, 'and when it was made');
    is(scalar($reply->{warnings}->@*), 1, 'and its warning');
    cmp_ok($reply->{age}, '>=', 0, 'which was a while ago');
    like(encode_json([$reply->@{qw(made age days now judged_hours)}]), qr/^\[\d+(?:,\d+)+\]$/, 'numbers are numbers');
    like(encode_json([$reply->{outcomes}->[0]->@{qw(moves core_hours)}]), qr/^\[\d+,[\d.]+\]$/, 'at any depth');
};

subtest 'what could name a guest is not in the log' => sub {
    my $ask = \&PVE::Foresight::ask;
    no warnings 'redefine';
    local *PVE::Foresight::ask = sub ($verb, @more) {
        my $reply = $ask->($verb, @more);
        push $reply->{warnings}->@*, "zz-secret-7 is odd";
        return $reply;
    };
    my ($status, $log) = log_of($run);
    is($status, 0, 'goes through');
    like($log, qr/^2 warnings: see the result$/m, 'but that there is something');
    unlike($log, qr/zz-secret|vmid/, 'names stay out');
    is(call('GET', 'backtest')->{warnings}->[1], 'zz-secret-7 is odd', 'and are with the result');
    unlike(encode_json(as('mixed@pve', 'GET', 'backtest')), qr/zz-secret/, 'for who may see it');
};

subtest 'a result by the default settings says why' => sub {
    my ($status, $log) = log_of(sub { with_fleeting_settings($run) });
    is($status, 0, 'goes through') or diag($log);
    like($log, qr/^2 warnings: see the result$/m, 'one more warning');
    like(call('GET', 'backtest')->{warnings}->[0], qr/: fleeting; the defaults hold/, 'of the file that was read, once');
};

subtest 'the file is of the owner of its folder, for nobody else, and replaced as a whole' => sub {
    my ($before, $folder) = ((stat($FILE))[1], $PVE::Foresight::STATE_DIR);
    is($> ? 0 : chown(4321, 4322, $folder), $> ? 0 : 1, 'a folder of another user');
    my ($victim, $new) = ("$ForesightTest::DIR/victim", "$FILE.new");
    write_file($victim, 'precious');
    symlink($victim, $new) or die "$new: $!\n";
    is((log_of($run))[0], 0, 'another run');
    my @found = stat($FILE);
    isnt($found[1], $before, 'makes a new file');
    is_deeply([@found[4, 5]], [(stat($folder))[4, 5]], 'of the owner of the folder');
    is(S_IMODE($found[2]) & ~0640, 0, 'that others cannot read');
    is(do { local (@ARGV, $/) = $victim; <> }, 'precious', 'a link that lay in wait leads nowhere');
    ok(!-e $new && !-l $new, 'and nothing stays beside it');
    chown(0, 0, $folder) if !$>;
};

subtest 'what cannot be replayed is the error of the task, and the last result stays' => sub {
    my $kept = call('GET', 'backtest')->{made};
    local $PVE::Foresight::CLUSTER_DIR = '/nonexistent';
    my ($status, $log) = log_of($run);
    is($status, 1, 'the task fails');
    like($log, qr/^TASK ERROR: \/nonexistent: /m, 'and says why') or diag($log);
    is(PVE::Foresight::Kept::get()->{made}, $kept, 'the last result is still there');
    mkdir("$FILE.new") or die "$FILE.new: $!\n";
    ($status, $log) = log_of(sub { PVE::Foresight::Kept::put({}, 1) });
    like($log, qr/^TASK ERROR: \Q$FILE\E\.new: /m, 'a file that cannot be written is named');
    rmdir("$FILE.new");
    is(PVE::Foresight::Kept::get()->{made}, $kept, 'and the last result is still there');
};

subtest 'POST starts a task, one at a time' => sub {
    my ($fork, $start, $workers) = forking(sub ($code) { });
    no warnings qw(redefine once);
    local *PVE::RPCEnvironment::fork_worker = $fork;
    is(as('admin@pve', 'POST', 'backtest', days => 1), 'UPID:foresightbacktest:admin@pve', 'of the caller');
    for my $attempt (1, 2) {
        my $error = error_of(sub { call('POST', 'backtest') });
        is($error->{code}, 503, "another one has to wait ($attempt)");
        like("$error", qr/another replay is running on this node; try again when it is done/, 'and is told why');
    }
    is(scalar(@$workers), 1, 'no second task is started');
    close($start); # the worker ends
    waitpid($workers->[0], 0);
    ($fork, $start, $workers) = forking(sub ($code) { $code->('UPID') });
    *PVE::RPCEnvironment::fork_worker = $fork;
    open(my $out, '>&', \*STDOUT) or die "$!\n";
    open(STDOUT, '>', '/dev/null') or die "$!\n"; # what the worker prints
    my $upid = eval { call('POST', 'backtest', days => 3) };
    open(STDOUT, '>&', $out) or die "$!\n";
    like($upid, qr/^UPID:/, 'then it is its turn');
    close($start);
    waitpid($workers->[0], 0);
    is($?, 0, 'its worker goes through');
    is(call('GET', 'backtest')->{days}, 3, 'and the result is of what it asked for');
    local *PVE::RPCEnvironment::fork_worker = sub { die "unable to fork worker\n" };
    like(error_of(sub { call('POST', 'backtest') }), qr/unable to fork/, 'a task that cannot be started') for 1, 2;
};

subtest 'a file that is not as it was written is refused by name, with the remedy' => sub {
    my $good = do { local (@ARGV, $/) = $FILE; <> };
    my $changed = sub ($change) {
        my $kept = decode_json($good);
        $change->($kept);
        return encode_json($kept);
    };
    my %bad = (
        empty => '',
        truncated => substr($good, 0, length($good) / 2),
        'not JSON' => "\x{0}\xff",
        deep => '[' x 100_000,
        'a list' => '[]',
        'of something else' => '{"format":"pve-foresight-outcomes","version":1}',
        'without a reply' => $changed->(sub ($kept) { $kept->{reply} = [] }),
        'without a time' => $changed->(sub ($kept) { delete $kept->{made} }),
        'of before the epoch' => $changed->(sub ($kept) { $kept->{made} = -1 }),
        'with infinite figures' => $good =~ s/"core_hours":[\d.e-]+/"core_hours":1e999/r,
        'with infinite figures as text' => $changed->(sub ($kept) { $kept->{reply}->{outcomes}->[0]->{gib_hours} = '1e999' }),
        'with a time that no clock has' => $changed->(sub ($kept) { $kept->{made} = '9' x 23 }),
        'with words for figures' => $changed->(sub ($kept) { $kept->{reply}->{outcomes}->[0]->{gib_hours} = 'many' }),
        'with a word for outcomes' => $changed->(sub ($kept) { $kept->{reply}->{outcomes} = 'good' }),
        'without the summary' => $changed->(sub ($kept) { $kept->{reply}->{summary} = undef }),
        'of days without figures' => $changed->(sub ($kept) { $kept->{reply}->{outcomes}->[0]->{days} = [{}] }),
    );
    for my $case (sort keys %bad) {
        write_file($FILE, $bad{$case});
        my $error = error_of(sub { call('GET', 'backtest') });
        like("$error", qr/^\Q$FILE\E is damaged(?: at '[\w.\[\]]+')?; another backtest replaces it\n\z/, $case);
        isnt(ref($error) && $error->{code}, 400, 'which is not the fault of the caller');
    }
    write_file($FILE, $changed->(sub ($kept) { $kept->{version} = 2 }));
    like(error_of(sub { call('GET', 'backtest') }), qr/^\Q$FILE\E was written by another version.*; another backtest/, 'newer');
    write_file($FILE, $good . ' ' x (16 << 20));
    like(error_of(sub { call('GET', 'backtest') }), qr/^\Q$FILE\E is larger than a backtest can be; another/, 'huge');
    write_file($FILE, $changed->(sub ($kept) { $kept->{made} = time() + 3600; $_ .= '' for $kept->{reply}->{nodes} }));
    my $reply = call('GET', 'backtest');
    is(encode_json([$reply->@{qw(age nodes)}]), '[0,3]', 'made ahead of the clock, and a number as text');
    is((log_of($run))[0], 0, 'another backtest');
    is(call('GET', 'backtest')->{days}, 30, 'replaces it');
};

subtest 'what is no file is not read' => sub {
    unlink($FILE);
    my %odd = (
        'a link' => sub { symlink('/etc/passwd', $FILE) },
        'a pipe' => sub { POSIX::mkfifo($FILE, 0600) },
        'a folder' => sub { mkdir($FILE) },
    );
    for my $kind (sort keys %odd) {
        $odd{$kind}->() or die "$FILE: $!\n";
        like(error_of(sub { call('GET', 'backtest') }), qr/^\Q$FILE\E is no regular file; remove/, $kind);
        $kind eq 'a folder' ? rmdir($FILE) : unlink($FILE);
    }
};

subtest 'before the first sample' => sub {
    cluster(hours => 0);
    my ($status, $log) = log_of($run);
    is($status, 1, 'the task fails');
    like($log, qr/^TASK ERROR: \S/m, 'and says why') or diag($log);
    is(error_of(sub { call('GET', 'backtest') })->{code}, 404, 'nothing is kept');
};

subtest 'settings that cannot be read are told' => sub {
    cluster();
    my $file = "$PVE::Foresight::CLUSTER_DIR/foresight.cfg";
    unlink($file);
    mkdir($file) or die "$file: $!\n";
    my ($status, $log) = log_of($run);
    is($status, 0, 'a replay with the defaults') or diag($log);
    like(call('GET', 'backtest')->{warnings}->[0], qr/foresight\.cfg/, 'says so');
    ok(!(grep { exists($_->{judged}) } call('GET', 'backtest')->{outcomes}->@*), 'what nobody reads is not kept');
    rmdir($file);
};

done_testing();
