package PVE::API2::Foresight::Trends;

# How nodes and guests develop.

use v5.36;

use PVE::JSONSchema qw(get_standard_option);
use PVE::RESTHandler;
use PVE::Tools qw(split_list);

use PVE::Foresight;
use PVE::Foresight::Error;
use PVE::Foresight::Reply;
use PVE::Foresight::Rights;
use PVE::Foresight::Schema;
use PVE::Foresight::Settings;
use PVE::Foresight::Visible;

use PVE::API2::Foresight::Index;

use base qw(PVE::RESTHandler);

my %LOOKBACK = (
    'lookback-hours' => {
        type => 'integer',
        description => "Window that is analysed and plotted, as far as the store reaches. Defaults to the settings' own.",
        minimum => 1,
        maximum => 24 * PVE::Foresight::Schema::most_kept_days(),
        optional => 1,
    },
);

my %METRICS = (
    metrics => {
        type => 'string',
        format => 'pve-configid-list',
        description => "A list of names of metrics to answer with; usually all. The rest of the answer stays the same.",
        optional => 1,
    },
);

my %POINTS = (
    points => {
        type => 'integer',
        description => "Most values of each metric's history.",
        minimum => 2,
        maximum => 2000,
        default => 300,
        optional => 1,
    },
);

# Lists have no place for warnings: of the settings file the status tells them.
my sub trends($param, %whose) {
    my ($hours, $metrics) = $param->@{qw(lookback-hours metrics)};
    return PVE::Foresight::Settings::ask(trends => {
        %whose,
        defined($hours) ? (lookback_hours => int($hours)) : (),
        defined($metrics) ? (metrics => [split_list($metrics)]) : (),
    });
}

# So few guests are asked about one by one. Each costs what is loaded of all: with 2,000 guests a tenth of an analysis
# of all, with 60 a quarter.
my $FEW = 4;

# Trends of some guests, as a list of all has them.
my sub trends_of($param, @vmids) {
    my @found;
    for my $vmid (@vmids) {
        my $reply = eval { trends($param, guest => int($vmid)) };
        die $@ if $@ && !PVE::Foresight::Error::is($@, 'NOT_FOUND'); # no sample of it yet
        my $guest = $reply->{guests}->[0] // next;
        delete $guest->{effects};
        push @found, $guest;
    }
    return \@found;
}

# One node or guest with its history. `$which` is `nodes` or `guests`, `%whose` names it.
my sub detail($param, $which, %whose) {
    my $reply = trends($param, %whose);
    my $trends = $reply->{$which}->[0];
    my $history = eval {
        PVE::Foresight::ask(history => {
            %whose,
            hours => $trends->{lookback_hours},
            defined($param->{points}) ? (points => int($param->{points})) : (),
        })->{metrics};
    };
    die $@ if $@ && !PVE::Foresight::Error::is($@, 'NOT_FOUND'); # nothing within this window
    return {
        %$trends,
        now => $reply->{now},
        history => $history // [],
        quality => PVE::Foresight::ask(quality => {%whose})->{entities}->[0],
    };
}

__PACKAGE__->register_method(
    PVE::API2::Foresight::Index::method("Index of the trends.", 'guests', 'nodes'),
);

__PACKAGE__->register_method({
    name => 'nodes',
    path => 'nodes',
    method => 'GET',
    protected => 1,
    description => "How the nodes develop.",
    permissions => {
        description => "Lists the nodes on which you have 'Sys.Audit' (/nodes/<node>).",
        user => 'all',
    },
    parameters => { additionalProperties => 0, properties => {%LOOKBACK, %METRICS} },
    returns => {
        type => 'array',
        items => PVE::Foresight::Reply::node_trends(),
        links => [{ rel => 'child', href => "{node}" }],
    },
    code => sub ($param) {
        my $rights = PVE::Foresight::Rights->of_caller();
        return [] if !$rights->any_node(); # whom nothing is shown, nothing is computed for
        return PVE::Foresight::Error::translate(sub {
            my @nodes = grep { $rights->node($_->{node}) } trends($param, only => 'nodes')->{nodes}->@*;
            return [map { PVE::Foresight::Visible::node($_, $rights) } @nodes];
        });
    },
});

__PACKAGE__->register_method({
    name => 'node',
    path => 'nodes/{node}',
    method => 'GET',
    protected => 1,
    description => "How a node develops, with its history for a plot.",
    permissions => { check => ['perm', '/nodes/{node}', ['Sys.Audit']] },
    parameters => {
        additionalProperties => 0,
        properties => { node => get_standard_option('pve-node'), %LOOKBACK, %POINTS },
    },
    returns => PVE::Foresight::Reply::node_detail(),
    code => sub ($param) {
        my $node = $param->{node};
        my $rights = PVE::Foresight::Rights->of_caller();
        return PVE::Foresight::Error::translate(
            sub { return PVE::Foresight::Visible::node(detail($param, 'nodes', node => $node), $rights) },
            "nothing is known of a node '$node'",
        );
    },
});

__PACKAGE__->register_method({
    name => 'guests',
    path => 'guests',
    method => 'GET',
    protected => 1,
    description => "How the guests develop.",
    permissions => {
        description => "Lists the guests on which you have 'VM.Audit' (/vms/<vmid>).",
        user => 'all',
    },
    parameters => { additionalProperties => 0, properties => {%LOOKBACK, %METRICS} },
    returns => {
        type => 'array',
        items => PVE::Foresight::Reply::guest_trends(),
        links => [{ rel => 'child', href => "{vmid}" }],
    },
    code => sub ($param) {
        my $rights = PVE::Foresight::Rights->of_caller();
        return PVE::Foresight::Error::translate(sub {
            # Whom nothing is shown, nothing is computed for, and not everything for whom little is.
            my $few = $rights->few_guests($FEW);
            return trends_of($param, @$few) if $few;
            my $guests = trends($param, only => 'guests')->{guests};
            $rights->prune($guests);
            return $guests;
        });
    },
});

__PACKAGE__->register_method({
    name => 'guest',
    path => 'guests/{vmid}',
    method => 'GET',
    protected => 1,
    description => "How a guest develops, with its history for a plot.",
    permissions => { check => ['perm', '/vms/{vmid}', ['VM.Audit']] },
    parameters => {
        additionalProperties => 0,
        properties => { vmid => get_standard_option('pve-vmid'), %LOOKBACK, %POINTS },
    },
    returns => PVE::Foresight::Reply::guest_detail(),
    code => sub ($param) {
        my $vmid = $param->{vmid};
        return PVE::Foresight::Error::translate(
            sub { return detail($param, 'guests', guest => int($vmid)) },
            "nothing is known of a guest $vmid",
        );
    },
});

1;
