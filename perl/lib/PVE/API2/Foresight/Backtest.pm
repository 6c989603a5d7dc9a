package PVE::API2::Foresight::Backtest;

# What following the advice would have made of the stored time: a task replays it, and the last result is kept.

use v5.36;

use Fcntl qw(:DEFAULT :flock);
use HTTP::Status qw(HTTP_NOT_FOUND HTTP_SERVICE_UNAVAILABLE);

use PVE::Exception qw(raise);
use PVE::RESTHandler;
use PVE::RPCEnvironment;

use PVE::Foresight;
use PVE::Foresight::Kept;
use PVE::Foresight::Reply;
use PVE::Foresight::Rights;
use PVE::Foresight::Schema;
use PVE::Foresight::Settings;
use PVE::Foresight::Visible;

use base qw(PVE::RESTHandler);

# One at a time on a node, since a replay keeps several cores busy. The lock is root's alone, and lasts until the last
# process that has it open ends.
my sub lock_node() {
    my $file = "$PVE::Foresight::RUN_DIR/pve-foresight-backtest.lck";
    sysopen(my $lock, $file, O_RDWR | O_CREAT | O_NOFOLLOW, 0600) or die "$file: $!\n";
    flock($lock, LOCK_EX | LOCK_NB)
        or raise("another replay is running on this node; try again when it is done\n", code => HTTP_SERVICE_UNAVAILABLE);
    return $lock;
}

my $USUAL_DAYS = 30; # as the engine has it (tests/generated/header.rs)

my %POLICY = ('as-it-was' => 'as it was', none => 'without any migration', ours => 'advice followed');

# A line of figures, each with its unit: the viewer's letters are of different widths, and so are no columns.
my sub figures($outcome) {
    my $name = $POLICY{ $outcome->{policy} } // $outcome->{policy};
    return sprintf(
        "%-22s %7.1f node-hours, %9.1f core-hours, %9.1f GiB-hours above the thresholds; migrations: %4d, %8.1f GiB moved",
        "$name:", $outcome->@{qw(node_hours core_hours gib_hours moves gib_moved)},
    );
}

# The log can be read by who may not see every guest: what names one, and how many there are, stays out.
my sub tell($reply) {
    say "$reply->{judged_hours} hours of $reply->{nodes} nodes judged, with decisions every $reply->{every_hours} hours";
    my $warnings = $reply->{warnings}->@*;
    say "$warnings warning" . ($warnings == 1 ? '' : 's') . ": see the result" if $warnings;
    say figures($_) for $reply->{outcomes}->@*;
    say $reply->{summary};
}

# The task. Other work of pvedaemon goes first.
sub run($days) {
    setpriority(0, 0, 19);
    say "replaying up to $days days of what is stored in $PVE::Foresight::STATE_DIR";
    my $reply = eval {
        PVE::Foresight::Settings::ask(backtest => {
            inventory_path => $PVE::Foresight::CLUSTER_DIR,
            days => int($days),
        });
    } // die "$@"; # as text: the task's status
    PVE::Foresight::Kept::put($reply, $days);
    tell($reply);
    return;
}

__PACKAGE__->register_method({
    name => 'backtest',
    path => '',
    method => 'GET',
    protected => 1,
    description => "The last backtest that was run on this node: what really happened in the stored time, what would"
        . " have without any migration, and what with those that the advice of each moment named.",
    permissions => {
        description => "Moves of guests without 'VM.Audit' (/vms/<vmid>), or from or to nodes without 'Sys.Audit'"
            . " (/nodes/<node>), are withheld; figures are of all moves.",
        check => ['perm', '/', ['Sys.Audit']],
    },
    parameters => { additionalProperties => 0, properties => {} },
    returns => PVE::Foresight::Reply::backtest(),
    code => sub ($param) {
        my $rights = PVE::Foresight::Rights->of_caller();
        my $reply = PVE::Foresight::Kept::get() // raise(
            "no backtest was run on this node yet; 'pvesh create /cluster/foresight/backtest' runs one\n",
            code => HTTP_NOT_FOUND,
        );
        return PVE::Foresight::Visible::backtest($reply, $rights);
    },
});

__PACKAGE__->register_method({
    name => 'run_backtest',
    path => '',
    method => 'POST',
    protected => 1,
    description => "Replay the stored time, in a task on this node; the result replaces the last one. Takes several"
        . " cores of the node, at the lowest priority, and a while on a large cluster. One at a time on a node.",
    permissions => { check => ['perm', '/', ['Sys.Modify']] },
    parameters => {
        additionalProperties => 0,
        properties => {
            days => {
                type => 'integer',
                description => "Days that are judged, up to now; fewer where less is stored.",
                minimum => 1,
                maximum => PVE::Foresight::Schema::most_kept_days(),
                default => $USUAL_DAYS,
                optional => 1,
            },
        },
    },
    returns => { type => 'string', description => "The task's UPID." },
    code => sub ($param) {
        my $rpcenv = PVE::RPCEnvironment::get();
        my $days = $param->{days} // $USUAL_DAYS;
        # The worker is forked with the lock open, so there is no moment in which nobody has it; here it goes with the
        # return.
        my $lock = lock_node();
        return $rpcenv->fork_worker('foresightbacktest', undef, $rpcenv->get_user(), sub ($upid) { run($days) });
    },
});

1;
