package PVE::API2::Foresight::Recommendations;

# The moves that are worth it, with their evidence.

use v5.36;

use PVE::RESTHandler;

use PVE::Foresight;
use PVE::Foresight::Error;
use PVE::Foresight::Reply;
use PVE::Foresight::Rights;
use PVE::Foresight::Settings;
use PVE::Foresight::Visible;

use base qw(PVE::RESTHandler);

__PACKAGE__->register_method({
    name => 'recommendations',
    path => '',
    method => 'GET',
    protected => 1,
    description => "Migrations that are worth it, with evidence; what was weighed and rejected; who was"
        . " skipped and why. Nothing is executed.",
    permissions => {
        description => "Entries about guests without 'VM.Audit' (/vms/<vmid>) or nodes without 'Sys.Audit'"
            . " (/nodes/<node>) are withheld.",
        check => ['perm', '/', ['Sys.Audit']],
    },
    parameters => { additionalProperties => 0, properties => {} },
    returns => PVE::Foresight::Reply::recommend(),
    code => sub ($param) {
        my $rights = PVE::Foresight::Rights->of_caller();
        return PVE::Foresight::Error::translate(sub {
            my $reply = PVE::Foresight::Settings::ask(recommend => { inventory_path => $PVE::Foresight::CLUSTER_DIR });
            return PVE::Foresight::Visible::advice($reply, $rights);
        });
    },
});

1;
