#!/usr/bin/perl -T

# Who sees what. The guests' names are unlike anything else, so that a leak anywhere is found.

use v5.36;

use Test::More;

use lib 't/lib';
use ForesightTest;

use JSON;

require PVE::API2::Foresight;

cluster();
log_of(sub { PVE::API2::Foresight::Backtest::run(30) });

my $ALL = [100 .. 111];

# By user: result of each path, `-` for 403; and the guests and nodes that lists show.
my %MATRIX = (
    'root@pam' => { read => 1, change => 1, guests => $ALL, nodes => ['pve1', 'pve2', 'pve3'] },
    'admin@pve' => { read => 1, change => 1, guests => $ALL, nodes => ['pve1', 'pve2', 'pve3'] },
    'auditor@pve' => { read => 1, change => 0, guests => $ALL, nodes => ['pve1', 'pve2', 'pve3'] },
    'auditor@pve!full' => { read => 1, change => 0, guests => $ALL, nodes => ['pve1', 'pve2', 'pve3'] },
    'auditor@pve!mon' => { read => 1, change => 0, guests => [100], nodes => ['pve1', 'pve2', 'pve3'] },
    'mixed@pve' => { read => 1, change => 0, guests => [100], nodes => ['pve1', 'pve2', 'pve3'] },
    'hidden@pve' => { read => 1, change => 0, guests => [grep { $_ != 103 } @$ALL], nodes => ['pve1', 'pve3'] },
    'one@pve' => { read => 0, change => 0, guests => [100], nodes => [] },
    'two@pve' => { read => 0, change => 0, guests => [104, 105], nodes => [] },
    'none@pve' => { read => 0, change => 0, guests => [], nodes => [] },
);

{
    no warnings qw(redefine once);
    *PVE::RPCEnvironment::fork_worker = sub { 'UPID' };
}

my sub may($user, $method, $path, %param) {
    my $error = error_of(sub { as($user, $method, $path, %param) });
    return 1 if !$error;
    return 0 if ref($error) && ($error->{code} // 0) == 403;
    die "$user $method $path: $error";
}

# Names and numbers of guests anywhere in an answer.
my sub told($answer) {
    my $text = JSON->new->canonical->encode($answer);
    my %seen = map { (100 + $_ => 1) } $text =~ m/zz-secret-(\d+)/g;
    $seen{$_} = 1 for $text =~ m/"vmid":"?(\d+)/g, $text =~ m/\b(?:VM|CT|guest|vm:|ct:|keeps it with|apart from)\s*(1\d\d)\b/g;
    return [sort { $a <=> $b } keys %seen];
}

for my $user (sort keys %MATRIX) {
    my ($wanted) = $MATRIX{$user};
    subtest $user => sub {
        ok(may($user, 'GET', $_), "index /$_") for '', 'trends';
        is(may($user, 'GET', $_), $wanted->{read}, "GET /$_")
            for qw(status recommendations outcomes backtest migration-settings penalty-config);
        is(may($user, 'PUT', 'migration-settings', 'trend-weight' => 60), $wanted->{change}, 'PUT settings');
        is(may($user, 'PUT', 'penalty-config', cpu_threshold => 80), $wanted->{change}, 'PUT expert values');
        is(may($user, 'DELETE', 'penalty-config'), $wanted->{change}, 'DELETE expert values');
        is(may($user, 'POST', $_), $wanted->{change}, "POST $_") for qw(backfill backtest);

        my $guests = as($user, 'GET', 'trends/guests');
        is_deeply([map { $_->{vmid} } @$guests], $wanted->{guests}, 'list of guests');
        my $nodes = as($user, 'GET', 'trends/nodes');
        is_deeply([map { $_->{node} } @$nodes], $wanted->{nodes}, 'list of nodes');
        my %visible = map { ($_ => 1) } $wanted->{guests}->@*, $wanted->{nodes}->@*;
        is(may($user, 'GET', "trends/guests/$_"), $visible{$_} // 0, "guest $_") for 100, 102, 103;
        is(may($user, 'GET', "trends/nodes/$_"), $visible{$_} // 0, "node $_") for 'pve1', 'pve2';
        # Whether it exists is nobody's business who may not see it.
        is(may($user, 'GET', 'trends/guests/4711'), 0, 'an unknown guest') if $user =~ m/^(one|none)/;

        return if !$wanted->{read};
        for my $path ('status', 'recommendations', 'outcomes', 'backtest', 'migration-settings') {
            my $answer = as($user, 'GET', $path);
            my @leaked = grep { !$visible{$_} } told($answer)->@*;
            is_deeply(\@leaked, [], "/$path tells of no other guest");
        }
    };
}

subtest 'advice for who may not see everything' => sub {
    my $whole = call('GET', 'recommendations');
    my $limited = as('mixed@pve', 'GET', 'recommendations');
    my $entries = sub ($reply) { map { scalar($reply->{$_}->@*) } qw(nodes recommendations considered skipped) };
    my $gone = eval { my $n = 0; $n += $_ for $entries->($whole); $n -= $_ for $entries->($limited); $n };
    is($limited->{withheld}, $gone, 'says how many entries are withheld');
    cmp_ok($limited->{withheld}, '>', 0, 'which are some');
    my @own = grep { ($_->{vmid} // 0) == 100 } map { $limited->{$_}->@* } qw(recommendations considered skipped);
    is(scalar(@own), 1, 'the own guest is in it');
    like(encode_json([$own[0]->{vmid}]), qr/\A\[\d+\]\z/, 'whose number is still a number');
    isnt($limited->{summary}, $whole->{summary}, 'the summary is about the rest');
    is_deeply([grep { exists($_->{guests}) } $limited->{nodes}->@*], [], 'nor are guests counted');
    is_deeply($limited->{overload_before}, $whole->{overload_before}, 'figures of the cluster stay');
    my ($blocked) = grep { $_->{vmid} == 100 } $whole->{skipped}->@*;
    my $hidden = as('hidden@pve', 'GET', 'recommendations');
    is_deeply([grep { ($_->{source} // '') eq 'pve2' || ($_->{target} // '') eq 'pve2' }
            map { $hidden->{$_}->@* } qw(recommendations considered)], [], 'no move from or to a hidden node');
    is_deeply([map { $_->{name} } $hidden->{nodes}->@*], ['pve1', 'pve3'], 'nor the node itself');
};

subtest 'outcomes for who may not see everything' => sub {
    my $limited = as('mixed@pve', 'GET', 'outcomes');
    is_deeply([$limited->@{qw(outcomes guests)}], [[], []], 'no move of others, nor are they counted by guest');
    is($limited->{withheld}, 2, 'but that there are some');
    my $replay = as('mixed@pve', 'GET', 'backtest');
    my @told = map { $_->{migrations}->@* } $replay->{outcomes}->@*;
    is_deeply([grep { $_->{vmid} != 100 } @told], [], 'nor in a replay');
    cmp_ok($replay->{withheld}, '>', 0, 'which says so');
    is($replay->{outcomes}->[0]->{moves}, 1, 'but its figures are those of all');
    ok(exists($limited->{accuracy}->{'24h'}), 'how good advice is concerns everybody');
    is_deeply(as('hidden@pve', 'GET', 'outcomes')->{outcomes}, [], 'no move to a hidden node');
};

subtest 'a guest may be named without an entry of its own' => sub {
    require PVE::Foresight::Visible;
    my $told = sub ($user) {
        PVE::RPCEnvironment::get()->set_user($user);
        my $reply = {
            now => 1, summary => 'zz-secret-1 holds it', warnings => ['101.conf is odd'], nodes => [], skipped => [],
            recommendations => [], considered => [{ vmid => 100, name => 'zz-secret-0', reason => 'stays with VM 101' }],
        };
        return PVE::Foresight::Visible::advice($reply, PVE::Foresight::Rights->of_caller());
    };
    is_deeply(told($told->('mixed@pve')), [100], 'not to who may not see it');
    is($told->('auditor@pve')->{summary}, 'zz-secret-1 holds it', 'but to who may');
    local $PVE::Foresight::CLUSTER_DIR = '/nonexistent';
    isnt($told->('auditor@pve')->{summary}, 'zz-secret-1 holds it', 'nor to anybody while it is not known who there is');
};

subtest 'what an engine of tomorrow adds stays in until it is known to be harmless' => sub {
    require PVE::Foresight::Visible;
    PVE::RPCEnvironment::get()->set_user('mixed@pve');
    my $rights = PVE::Foresight::Rights->of_caller();
    my $reply = {
        now => 1, summary => 'zz-secret-1 is hot', warnings => ['101.conf is odd'], novelty => 'zz-secret-1',
        crs => { scheduler => 'dynamic', ha_guests => 2, next_move => { vmid => 101 }, text => 'moves zz-secret-1' },
        nodes => [{ name => 'pve1', guests => 2, loudest => 'zz-secret-1' }],
        recommendations => [{ order => 1, vmid => 101, name => 'zz-secret-1', source => 'pve1', target => 'pve2' }],
        considered => [{
            vmid => 100, name => 'zz-secret-0', source => 'pve1', target => 'pve2',
            reason => 'would meet zz-secret-1 there', partner => 101,
        }],
        skipped => [{
            vmid => 100, name => 'zz-secret-0', node => 'pve1', reason => 'is kept with 101',
            blockers => [
                { code => 'together', text => 'is kept with 101' },
                { code => 'crs-balanced', text => "is HA's to move: next it moves 101 from pve1 to pve2" },
            ],
        }],
    };
    is_deeply(
        PVE::Foresight::Visible::advice($reply, $rights),
        {
            now => 1, withheld => 1, crs => { scheduler => 'dynamic' },
            summary => '0 recommended migrations may be shown to you; 1 entries about guests or nodes that you'
                . ' may not audit are withheld.',
            warnings => ['warnings may name what you may not audit, and are left out'],
            nodes => [{ name => 'pve1' }],
            recommendations => [],
            considered => [{
                vmid => 100, name => 'zz-secret-0', source => 'pve1', target => 'pve2', reason => 'withheld',
            }],
            skipped => [{
                vmid => 100, name => 'zz-secret-0', node => 'pve1',
                reason => 'is bound to other guests by a rule or tag',
                blockers => [
                    { code => 'together', text => 'is bound to other guests by a rule or tag' },
                    { code => 'crs-balanced', text => "is left to PVE's own balancer" },
                ],
            }],
        },
    );
    my $parts = { node => 'pve1', growth => { guests => [{ vmid => 100 }, { vmid => 101 }] } };
    is($rights->prune($parts), 1, 'lists of guests within an answer are pruned');
    is_deeply($parts, { node => 'pve1', growth => { guests => [{ vmid => 100 }] } });
};

subtest 'nothing is computed for whom nothing is shown' => sub {
    no warnings qw(redefine once);
    my @asked;
    my $ask = \&PVE::Foresight::ask;
    local *PVE::Foresight::ask = sub ($verb, $request) { push @asked, $request; $ask->($verb, $request) };
    my sub whose() { return [map { my $request = $_; [map { $request->{$_} // () } qw(only guest)] } splice(@asked)] }
    is_deeply(as('none@pve', 'GET', 'trends/guests'), [], 'an empty list of guests');
    is_deeply(as('one@pve', 'GET', 'trends/nodes'), [], 'and of nodes');
    is_deeply(whose(), [], 'without a question to the engine');
    is_deeply([map { $_->{vmid} } as('two@pve', 'GET', 'trends/guests')->@*], [104, 105], 'who may see two guests');
    is_deeply(whose(), [[104], [105]], 'has them asked about alone');
    as('hidden@pve', 'GET', 'trends/nodes');
    is_deeply(whose(), [['nodes']], 'one who may see a node has all asked about');
    my $all = as('auditor@pve', 'GET', 'trends/guests');
    is_deeply(whose(), [['guests']], 'and so has he who may see all guests');
    # What is asked about alone looks no different.
    my ($alone) = grep { $_->{vmid} == 105 } as('two@pve', 'GET', 'trends/guests')->@*;
    my ($among) = grep { $_->{vmid} == 105 } @$all;
    is_deeply([sort keys %$alone], [sort keys %$among], 'fields');
    is_deeply($alone->{migrations}, $among->{migrations}, 'and moves');
    is(scalar($alone->{migrations}->@*), 1, 'of which there is one');
    local $PVE::Foresight::CLUSTER_DIR = '/nonexistent';
    is_deeply(as('none@pve', 'GET', "trends/$_"), [], "nobody's list of $_ while it is not known who there is")
        for 'nodes', 'guests';
};

subtest 'a node that stands alone' => sub {
    no warnings qw(redefine once);
    my $members = "$PVE::Foresight::CLUSTER_DIR/.members";
    my $whole = PVE::Tools::file_get_contents($members);
    write_file($members, '{"nodename":"pve2","version":1}');
    my $asked = 0;
    my $ask = \&PVE::Foresight::ask;
    local *PVE::Foresight::ask = sub { $asked++; $ask->(@_) };
    is_deeply(as('one@pve', 'GET', 'trends/nodes'), [], 'has no list');
    is($asked, 0, 'and is known all the same');
    as('hidden@pve', 'GET', 'trends/nodes');
    is($asked, 0, 'also to be the one that may not be seen');
    write_file($members, $whole);
};

done_testing();
