package PVE::API2::Foresight::Backtest;

# What following the advice would have made of the stored time.

use v5.36;

use Fcntl qw(:flock);
use HTTP::Status qw(HTTP_SERVICE_UNAVAILABLE);

use PVE::Exception qw(raise);
use PVE::RESTHandler;

use PVE::Foresight;
use PVE::Foresight::Error;
use PVE::Foresight::Reply;
use PVE::Foresight::Rights;
use PVE::Foresight::Schema;
use PVE::Foresight::Settings;
use PVE::Foresight::Visible;

use base qw(PVE::RESTHandler);

# One at a time on a node: a replay keeps all cores busy, and pvedaemon has but a few workers. Any file of ours will do
# to hold the lock, which ends with the process.
my sub alone($code) {
    my $file = "$PVE::Foresight::SHARE_DIR/settings.json";
    open(my $lock, '<', $file) or die "$file: $!\n";
    flock($lock, LOCK_EX | LOCK_NB)
        or raise("another replay is running on this node; try again when it is done\n", code => HTTP_SERVICE_UNAVAILABLE);
    return $code->();
}

__PACKAGE__->register_method({
    name => 'backtest',
    path => '',
    method => 'GET',
    protected => 1,
    description => "Replays the stored time: what really happened, what would have without any migration, and what"
        . " with those that the advice of each moment named. Takes a while on a large cluster, and only"
        . " one runs on a node at a time.",
    permissions => {
        description => "Moves of guests without 'VM.Audit' (/vms/<vmid>) are withheld; figures are of all moves.",
        check => ['perm', '/', ['Sys.Audit']],
    },
    parameters => {
        additionalProperties => 0,
        properties => {
            days => {
                type => 'integer',
                description => "Days that are judged, up to now; fewer where less is stored.",
                minimum => 1,
                maximum => PVE::Foresight::Schema::most_kept_days(),
                default => 30,
                optional => 1,
            },
        },
    },
    returns => PVE::Foresight::Reply::backtest(),
    code => sub ($param) {
        my $rights = PVE::Foresight::Rights->of_caller();
        return PVE::Foresight::Error::translate(sub {
            my $reply = alone(sub {
                return PVE::Foresight::ask(backtest => {
                    PVE::Foresight::Settings::request()->%*,
                    inventory_path => $PVE::Foresight::CLUSTER_DIR,
                    days => int($param->{days} // 30),
                });
            });
            return PVE::Foresight::Visible::backtest($reply, $rights);
        });
    },
});

1;
