#!/usr/bin/perl -T

# Every method is as PVE wants it, and answers as it declares.

use v5.36;

use Test::More;

use lib 't/lib';
use ForesightTest;

use JSON;

use PVE::JSONSchema;

require PVE::API2::Foresight;

my @CLASSES = ('PVE::API2::Foresight', map { "PVE::API2::Foresight::$_" }
        qw(Backfill Backtest MigrationSettings Outcomes PenaltyConfig Recommendations Trends));

# The same schema, but what it does not name is an error.
my sub strict($schema) {
    my %copy = %$schema;
    $copy{items} = __SUB__->($schema->{items}) if $schema->{items};
    if (my $properties = $schema->{properties}) {
        $copy{properties} = { map { ($_ => __SUB__->($properties->{$_})) } keys %$properties };
        $copy{additionalProperties} = 0 if %$properties;
    }
    return \%copy;
}

my sub info($method, $path) {
    my ($class, $info) = PVE::API2::Foresight->find_handler($method, $path, {});
    return $info;
}

my sub declared($method, $path, $answer) {
    my $good = eval { PVE::JSONSchema::validate($answer, strict(info($method, $path)->{returns})) };
    ok($good, "$method /$path answers as it declares") or diag($@);
}

# What no schema may lack, at any depth.
my sub described($schema, $where) {
    my @missing = $schema->{description} ? () : ($where);
    my $properties = $schema->{properties} // {};
    push @missing, __SUB__->($properties->{$_}, "$where.$_") for sort keys %$properties;
    push @missing, __SUB__->($schema->{items}, "$where\[]") if ($schema->{items} // {})->{properties};
    return @missing;
}

subtest 'schemas verify' => sub {
    for my $class (@CLASSES) {
        for my $info ($class->method_attributes()->@*) {
            next if $info->{subclass};
            my $name = "$class $info->{name}";
            ok(eval { PVE::JSONSchema::validate_method_info($info); 1 }, "$name: schema") or diag($@);
            ok($info->{description} && $info->{permissions}, "$name: description and permissions");
            is($info->{parameters}->{additionalProperties}, 0, "$name: no other parameters");
            ok($info->{protected} || $info->{name} eq 'index', "$name: protected");
            my %parameters = $info->{parameters}->{properties}->%*;
            is_deeply([grep { !m/^[a-z][a-z0-9_-]*$/ } keys %parameters], [], "$name: names of parameters");
            my @missing = map { described($parameters{$_}, $_) } sort keys %parameters;
            is_deeply(\@missing, [], "$name: parameters are described");
            next if $info->{returns}->{type} =~ m/^(null|array)$/;
            is_deeply([described($info->{returns}, 'returns')], [], "$name: the answer is described");
        }
    }
};

cluster(hours => 360); # a replay judges what comes after two weeks of warm-up
log_of(sub { PVE::API2::Foresight::Backtest::run(30) });

subtest 'indexes list what is there' => sub {
    my %children = map { ($_->{name} => 1) } call('GET', '')->@*;
    is_deeply(
        [sort keys %children],
        [qw(backfill backtest migration-settings outcomes penalty-config recommendations status trends)], 'all subtrees',
    );
    for my $child (sort keys %children) {
        ok(info('GET', $child) || info('POST', $child), "$child is a path");
    }
    is_deeply([map { $_->{name} } call('GET', 'trends')->@*], ['guests', 'nodes'], 'trends');
    for my $path ('', 'trends', 'trends/nodes', 'trends/guests') {
        my $links = info('GET', $path)->{returns}->{links};
        my ($key) = $links->[0]->{href} =~ m/^\{(\w+)\}$/;
        is($links->[0]->{rel}, 'child', "/$path has children");
        my @nameless = grep { !defined($_->{$key}) } call('GET', $path)->@*;
        is_deeply(\@nameless, [], "each with a $key");
    }
};

subtest 'answers are as declared' => sub {
    my @paths = (
        'status', 'recommendations', 'outcomes', 'backtest', 'migration-settings', 'penalty-config', 'trends/nodes', 'trends/guests',
        'trends/nodes/pve1', 'trends/guests/100',
    );
    declared('GET', $_, call('GET', $_)) for @paths;
};

subtest 'lists answer with the metrics that are asked for' => sub {
    my $names = sub ($list) { my %seen = map { $_->{metric} => 1 } map { $_->{metrics}->@* } @$list; [sort keys %seen] };
    # A second may pass between two calls, and moves the last digit of what depends on the time.
    my $rest = sub ($entry) {
        my %rest = %$entry;
        delete $rest{metrics};
        $rest{stability_score} = sprintf('%.6f', $rest{stability_score}) if defined($rest{stability_score});
        return \%rest;
    };
    my %all = map { ($_ => { map { $_->{vmid} // $_->{node} => $_ } call('GET', "trends/$_")->@* }) } qw(guests nodes);
    for my $which (qw(guests nodes)) {
        my $some = call('GET', "trends/$which", metrics => 'memory, cpu');
        is_deeply($names->($some), ['cpu', 'memory'], "of $which");
        my $other = call('GET', "trends/$which", metrics => 'memory');
        my @without = map { $rest->($all{$which}->{ $_->{vmid} // $_->{node} }) } @$other;
        is_deeply([map { $rest->($_) } @$other], \@without, 'and all else stays');
    }
    is_deeply($names->(as('two@pve', 'GET', 'trends/guests', metrics => 'memory')), ['memory'], 'also of few guests');
    my $error = error_of(sub { call('GET', 'trends/guests', metrics => 'cpu,cpus') });
    is_deeply([map { s/^\.//r } keys $error->{errors}->%*], ['metrics'], 'a name that is none is refused');
    like("$error", qr/there is no metric "cpus"/, 'and told');
};

subtest 'answers say what they should' => sub {
    my $advice = call('GET', 'recommendations');
    is($advice->{withheld}, 0, 'nothing is withheld from root');
    my ($move) = $advice->{recommendations}->@*;
    like($move->{name} // '', qr/^zz-secret-[03]$/, 'a busy guest is to move') or diag(explain($advice));
    is($move->{source}, 'pve1', 'off the busy node');
    my $json = PVE::Foresight::Visible::advice($advice, PVE::Foresight::Rights->of_caller());
    unlike(encode_json($json), qr/"(vmid|order|confidence|now)":"/, 'numbers are numbers');
    is(scalar(call('GET', 'trends/nodes')->@*), 3, 'all nodes');
    is(scalar(call('GET', 'trends/guests')->@*), 12, 'all guests');
    my $guest = call('GET', 'trends/guests/100', 'lookback-hours' => '72', points => '20');
    is($guest->{lookback_hours}, 72, 'the window asked for');
    my $all = call('GET', 'trends/guests/100', 'lookback-hours' => 17520);
    # The oldest day is kept in slots of six hours, which may begin before the first sample.
    my $beyond = $all->{lookback_hours} - 360;
    ok($beyond >= -1 && $beyond <= 6, "a longer one than the store has: as far as it reaches ($beyond)");
    my ($cpu) = grep { $_->{metric} eq 'cpu' } $guest->{history}->@*;
    cmp_ok(scalar($cpu->{buckets}->@*), '<=', 20, 'thinned');
    is($guest->{quality}->{entity}, 'guest 100', 'its quality');
    ok(call('GET', 'status')->{store}, 'there is a store');
    my $outcomes = call('GET', 'outcomes');
    is_deeply([map { $_->{vmid} } $outcomes->{outcomes}->@*], [105], 'the guest that moved');
    is(scalar($outcomes->{outcomes}->[0]->{windows}->@*), 3, 'judged after three windows');
    is($outcomes->{guests}->[0]->{previous_migrations}, 1, 'and counted');
};

subtest 'mistakes are told where they belong' => sub {
    my %wrong = (
        'lookback-hours' => sub { call('GET', 'trends/nodes', 'lookback-hours' => 0) },
        points => sub { call('GET', 'trends/nodes/pve1', points => 1) },
        days => sub { call('POST', 'backtest', days => 731) },
        vmid => sub { call('GET', 'trends/guests/x') },
        nonsense => sub { call('GET', 'status', nonsense => 1) },
    );
    for my $field (sort keys %wrong) {
        my $error = error_of($wrong{$field});
        isa_ok($error, 'PVE::Exception', $field);
        my @fields = map { s/^\.//r } keys(($error->{errors} // {})->%*);
        is_deeply(\@fields, [$field], 'names the parameter');
    }
    for my $path ('trends/nodes/pve9', 'trends/guests/999') {
        my $error = error_of(sub { call('GET', $path) });
        is($error->{code}, 404, "$path is not found");
        unlike("$error", qr/pve1|zz-secret/, 'and nobody else is named');
        like("$error", qr/\n\z/, 'a line');
    }
};

subtest 'before the first sample' => sub {
    cluster(hours => 0);
    declared('GET', 'status', call('GET', 'status'));
    ok(!call('GET', 'status')->{store}, 'there is no store yet');
    is(error_of(sub { call('GET', 'recommendations') })->{code}, 404, 'no advice yet');
    declared('GET', 'migration-settings', call('GET', 'migration-settings'));
};

done_testing();
