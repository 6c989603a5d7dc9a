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

# Whether texts anywhere in an answer have one of these words.
my sub worded($answer, @words) {
    my $text = JSON->new->canonical->encode($answer);
    return [grep { $text =~ m/(?<![\w.-])\Q$_\E(?![\w-])/ } @words];
}

# The test's cluster, with other lines for the configurations of some guests and with HA rules.
my sub bound($tags, $rules, $code) {
    my $dir = $PVE::Foresight::CLUSTER_DIR;
    my %before;
    my $put = sub ($file, $change) {
        my $path = "$dir/$file";
        $before{$path} = -e $path ? PVE::Tools::file_get_contents($path) : undef;
        my $text = $change->($before{$path} // '');
        write_file($path, $text);
    };
    for my $i (keys %$tags) {
        my $node = 'pve' . (1 + $i % 3);
        $put->("nodes/$node/qemu-server/" . (100 + $i) . '.conf', sub ($text) { $text =~ s/^tags:.*\n//mr . "tags: $tags->{$i}\n" });
    }
    $put->('ha/rules.cfg', sub { $rules }) if $rules;
    $put->('ha/resources.cfg', sub { join('', map { "vm: $_\n\tstate started\n\n" } 100 .. 102) }) if $rules;
    $code->();
    for my $path (keys %before) {
        defined($before{$path}) ? write_file($path, $before{$path}) : unlink($path);
    }
}

subtest 'who keeps a guest where it is, is told to who may see them alone' => sub {
    # Each of the other two nodes has one of those that 100 is bound to; 103, just as busy, is left out of it.
    my $rule = "resource-affinity: payroll\n\tresources vm:100,vm:101,vm:102\n\taffinity negative\n";
    my @cases = (
        ['apart by a tag', { (map { ($_ => 'exclude_payroll') } 0 .. 2), 3 => 'ignore' }, undef, 'apart'],
        ['apart by a rule', { (map { ($_ => 'other') } 0, 2), 3 => 'ignore' }, $rule, 'apart'],
        ['together by tags',
            { 0 => 'affinity_payroll;affinity_payroll2', 1 => 'affinity_payroll', 2 => 'affinity_payroll2', 3 => 'ignore' },
            undef, 'together'],
    );
    for my $case (@cases) {
        my ($name, $tags, $rules, $code) = @$case;
        bound($tags, $rules, sub {
            my $own = sub ($user) {
                my ($found) = grep { $_->{vmid} == 100 } as($user, 'GET', 'recommendations')->{skipped}->@*;
                return $found;
            };
            my ($whole, $limited) = ($own->('root@pam'), $own->('mixed@pve'));
            my @nodes = map { $_->{code} eq $code ? 1 : () } $whole->{blockers}->@*;
            cmp_ok(scalar(@nodes), '>', 1, "$name: each other node stands in the way");
            like($whole->{reason}, qr/payroll.* 10[12]/, "$name: by whom, is told to root");
            is_deeply(worded($limited, 101 .. 111, map { ("payroll$_", "affinity_payroll$_", "exclude_payroll$_") } '', 2), [], "$name: to others not");
            like($limited->{reason}, qr/^is bound to other guests by a rule or tag[;,:] \S/, "$name: but that there is something");
        });
    }
};

subtest 'a bare number in the words of an obstacle' => sub {
    require PVE::Foresight::Visible;
    PVE::RPCEnvironment::get()->set_user('mixed@pve');
    my $told = sub ($code, $text, $reason) {
        my $reply = {
            recommendations => [], considered => [], nodes => [],
            skipped => [{ vmid => 100, name => 'a', reason => $reason, blockers => [{ code => $code, text => $text }] }],
        };
        my $entry = PVE::Foresight::Visible::advice($reply, PVE::Foresight::Rights->of_caller())->{skipped}->[0];
        return [$entry->{reason}, $entry->{blockers}->[0]->{text}];
    };
    my ($clone, $own) = ('scsi0 is what 101 is a linked clone of', 'scsi0 is a linked clone of base-101-disk-0');
    is_deeply($told->('local-disk', $clone, "$clone; no other"),
        ['has a disk that PVE does not copy; no other', 'has a disk that PVE does not copy'], 'of a disk');
    is_deeply($told->('local-disk', $own, $own), [$own, $own], 'a name that the own configuration has stays');
    is_deeply($told->('overload', 'has 101 cores', 'has 101 cores'), ['has 101 cores', 'has 101 cores'], 'as do figures');
    is($told->('together', 'x', 'stays with 101')->[0], 'withheld', 'a reason in other words is not told at all');
};

subtest 'words of others beside one entry' => sub {
    require PVE::Foresight::Visible;
    my $told = sub ($user, $kind, $entry) {
        PVE::RPCEnvironment::get()->set_user($user);
        my $reply = { map { ($_ => []) } qw(recommendations considered skipped nodes outcomes guests) };
        $reply->{$kind} = [$entry];
        my $filter = PVE::Foresight::Visible->can($reply->{outcomes}->@* ? 'outcomes' : 'advice');
        my $visible = $filter->($reply, PVE::Foresight::Rights->of_caller());
        like(JSON->new->encode($visible), qr/"withheld":0[,}]/, 'nothing is withheld, which is a number');
        return $visible->{$kind}->[0];
    };
    my $behind = 'is in its daily peak, and of those that are, guest 103 relieves pve1 better';
    is($told->('mixed@pve', considered => { vmid => 100, reason => $behind })->{reason}, 'withheld', 'of a guest that goes first');
    my $parts = { parts => [{ name => 'need', why => 'by the present alone, but because of guest 103, of which no day is known' }] };
    my $move = $told->('mixed@pve', recommendations => { vmid => 100, confidence_parts => $parts });
    is($move->{confidence_parts}->{parts}->[0]->{why}, 'withheld', 'of a newcomer');
    my $leaving = 'guest 103 is being moved off pve1; ask again when it has arrived';
    my $skipped = { vmid => 100, node => 'pve1', reason => $leaving, blockers => [{ code => 'locked', text => $leaving }] };
    my $locked = $told->('mixed@pve', skipped => $skipped);
    is_deeply([$locked->{reason}, $locked->{blockers}->[0]->{text}], ['withheld', 'withheld'], 'of one that leaves');
    my $moved = { vmid => 100, source => 'pve1', target => 'pve3', windows => [{ reason => 'it moved on to pve2 after 5 minutes' }] };
    my $outcome = $told->('hidden@pve', outcomes => $moved);
    is($outcome->{windows}->[0]->{reason}, 'withheld', 'of a node that may not be seen');
};

subtest 'names of others are no mark' => sub {
    require PVE::Foresight::Visible;
    PVE::RPCEnvironment::get()->set_user('mixed@pve');
    my $told = sub ($text) {
        my $reply = {
            recommendations => [], nodes => [], skipped => [{ vmid => 101, name => 'memory', reason => '' }],
            considered => [{ vmid => 100, name => 'a', reason => $text }],
        };
        return PVE::Foresight::Visible::advice($reply, PVE::Foresight::Rights->of_caller())->{considered}->[0]->{reason};
    };
    my $harmless = "pve1 has no memory left for VM 100 'memory'";
    is($told->($harmless), $harmless, 'a word that is the name of a hidden guest stays, so that nobody can try names out');
    is($told->("pve1 has none left beside VM 101 'memory'"), 'withheld', 'the guest itself does not');
};

subtest 'how many guests there are is for who may audit all of them' => sub {
    my $counts = sub ($user) {
        my $counted = sub ($key, $list) { grep { $_->{metric} eq 'guest_count' } map { ($_->{$key} // [])->@* } @$list };
        my ($one, $status, $replay) = map { as($user, 'GET', $_) } qw(trends/nodes/pve1 status backtest);
        return [
            scalar($counted->(metrics => as($user, 'GET', 'trends/nodes'))), scalar($counted->(metrics => [$one])),
            scalar($counted->(history => [$one])), $status->{size}->@{qw(guests bytes_per_entity)}, $replay->{guests},
        ];
    };
    my $whole = $counts->('auditor@pve');
    is_deeply([$whole->@[0 .. 3, 5]], [3, 1, 1, 12, 12], 'all of it');
    is_deeply($counts->($_), [0, 0, 0, undef, undef, undef], "nothing of it for $_") for 'mixed@pve', 'hidden@pve';
};

subtest 'moves between nodes that may not be seen' => sub {
    require PVE::Foresight::Visible;
    my $told = sub ($user) {
        PVE::RPCEnvironment::get()->set_user($user);
        my @moves = map { { vmid => 100, from => $_->[0], to => $_->[1] } } ['pve1', 'pve2'], ['pve2', 'pve3'], ['pve3', 'pve1'];
        my $reply = { outcomes => [{ migrations => \@moves }], warnings => [] };
        my $visible = PVE::Foresight::Visible::backtest($reply, PVE::Foresight::Rights->of_caller());
        return [$visible->{withheld}, map { "$_->{from} $_->{to}" } $visible->{outcomes}->[0]->{migrations}->@*];
    };
    is_deeply($told->('auditor@pve'), [0, 'pve1 pve2', 'pve2 pve3', 'pve3 pve1'], 'all of them for who may see the nodes');
    is_deeply($told->('hidden@pve'), [2, 'pve3 pve1'], 'for others those between nodes that they see');
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
            reason => "would meet VM 101 'zz-secret-1' there", partner => 101,
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
