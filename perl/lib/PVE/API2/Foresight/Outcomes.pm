package PVE::API2::Foresight::Outcomes;

# What became of migrations, and how good the advice about them was.

use v5.36;

use PVE::RESTHandler;

use PVE::Foresight::Error;
use PVE::Foresight::Reply;
use PVE::Foresight::Rights;
use PVE::Foresight::Settings;
use PVE::Foresight::Visible;

use base qw(PVE::RESTHandler);

__PACKAGE__->register_method({
    name => 'outcomes',
    path => '',
    method => 'GET',
    protected => 1,
    description => "Migrations that were seen, judged after five minutes, an hour and a day, and how far"
        . " predictions came true.",
    permissions => {
        description => "Entries about guests without 'VM.Audit' (/vms/<vmid>) or nodes without 'Sys.Audit'"
            . " (/nodes/<node>) are withheld.",
        check => ['perm', '/', ['Sys.Audit']],
    },
    parameters => { additionalProperties => 0, properties => {} },
    returns => PVE::Foresight::Reply::outcomes(),
    code => sub ($param) {
        my $rights = PVE::Foresight::Rights->of_caller();
        return PVE::Foresight::Error::translate(sub {
            return PVE::Foresight::Visible::outcomes(PVE::Foresight::Settings::ask('outcomes'), $rights);
        });
    },
});

1;
