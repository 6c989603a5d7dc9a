#!/usr/bin/perl -T

# The bridge: bytes in, bytes out, the library's message and class on failure.

use v5.36;

use Test::More;

use lib 't/lib';
use ForesightTest;

use JSON;

cluster(guests => 6, hours => 48);
my $engine = do {
    PVE::Foresight::ask('status');
    PVE::Foresight::Engine->open(encode_json({ state => $PVE::Foresight::STATE_DIR }));
};

subtest 'the version is that of the library, which is loaded for it' => sub {
    is(PVE::Foresight::version(), $PVE::Foresight::VERSION, 'and is ours');
};

subtest 'an answer is JSON in bytes' => sub {
    my $answer = $engine->trends('{"guest":100}');
    ok(!utf8::is_utf8($answer), 'bytes');
    is(decode_json($answer)->{guests}->[0]->{vmid}, 100, 'of the guest asked for');
};

subtest 'numbers stay numbers, and booleans booleans' => sub {
    my $status = PVE::Foresight::ask('status');
    ok(JSON::is_bool($status->{store}), 'a boolean');
    like(encode_json([$status->{last_sample}]), qr/^\[\d+\]$/, 'a number');
};

subtest 'text is characters on both sides' => sub {
    my $error = error_of(sub { PVE::Foresight::ask(trends => { node => "n\x{fc}rnberg" }) });
    like($error->message, qr/'n\x{fc}rnberg'/, 'there and back');
};

subtest 'what fails says why and of which class it is' => sub {
    my %cases = (
        'INVALID' => ['trends', '{"lookback_hours":0}', qr/^lookback_hours: /],
        'NOT_FOUND' => ['history', '{"guest":999}', qr/guest 999/],
        'CORRUPT' => ['settings', '{"content":"x","change":"delete-penalty-config"}', qr/^settings: /],
    );
    for my $result (sort keys %cases) {
        my ($verb, $request, $message) = $cases{$result}->@*;
        my $error = error_of(sub { $engine->$verb($request) });
        isa_ok($error, 'PVE::Foresight::Error');
        ok(PVE::Foresight::Error::is($error, $result), $result);
        like($error->message, $message, 'with the reason');
        like("$error", qr/\n\z/, 'as text it ends in a newline');
    }
};

subtest 'misuse dies and does not crash' => sub {
    like(error_of(sub { $engine->trends("\x{263a}") }), qr/wide character/i, 'characters are no bytes');
    like(error_of(sub { $engine->trends() }), qr/Usage/, 'no request');
    like(error_of(sub { PVE::Foresight::Engine::trends('x', '{}') }), qr/not an open/, 'no engine');
    like(error_of(sub { PVE::Foresight::Engine::trends(\7, '{}') }), qr/not an open/, 'another reference');
    like(error_of(sub { PVE::Foresight::Engine->open('{"state":"x"}') }), qr/absolute/, 'a relative path');
    my $closed = PVE::Foresight::Engine->open(encode_json({ state => '/nonexistent' }));
    $closed->DESTROY();
    like(error_of(sub { $closed->status('{}') }), qr/not an open/, 'a closed engine');
};

subtest 'a tainted request is fine' => sub {
    my $tainted = substr($ENV{HOME} // $0, 0, 0);
    ok(eval { $engine->status("{}$tainted"); 1 }, 'answered') or diag($@);
};

subtest 'a forked child has an engine of its own' => sub {
    my $parent = PVE::Foresight::ask('status')->{last_sample};
    my $child = fork() // die "fork: $!\n";
    if (!$child) {
        require POSIX;
        my $same = eval { PVE::Foresight::ask('status')->{last_sample} == $parent };
        undef $engine;
        POSIX::_exit($same ? 0 : 1);
    }
    waitpid($child, 0);
    is($?, 0, 'the child answers and closes');
    is(PVE::Foresight::ask('status')->{last_sample}, $parent, 'the parent goes on');
    ok($engine->status('{}'), 'and its engine is open');
};

subtest 'an import tells how far it is, and stops when its listener dies' => sub {
    my $missing = error_of(sub {
        PVE::Foresight::import_history({ rrd => '/nonexistent' }, sub ($what, $done, $total) { });
    });
    ok(PVE::Foresight::Error::is($missing, 'NOT_FOUND') || $missing eq '', 'no such folder') or diag($missing);
    like(error_of(sub { $engine->import_history('{}', 'x') }), qr/not code/, 'a listener is code');
    like(
        error_of(sub { $engine->import_history('{"now":1}', sub { }) })->message,
        qr/^rrd: name what/, 'a request without a source',
    );
};

subtest 'the version is the same everywhere' => sub {
    is(PVE::Foresight::Engine::version(), $PVE::Foresight::VERSION, 'library and module');
};

done_testing();
