package PVE::API2::Foresight::MigrationSettings;

# The five settings.

use v5.36;

use PVE::RESTHandler;
use PVE::Tools qw(extract_param);

use PVE::Foresight::Error;
use PVE::Foresight::Reply;
use PVE::Foresight::Schema;
use PVE::Foresight::Settings;

use base qw(PVE::RESTHandler);

my $SECTION = 'migration-settings';

__PACKAGE__->register_method({
    name => 'read',
    path => '',
    method => 'GET',
    protected => 1,
    description => "The five settings and the configuration that follows from them.",
    permissions => { check => ['perm', '/', ['Sys.Audit']] },
    parameters => { additionalProperties => 0, properties => {} },
    returns => PVE::Foresight::Reply::settings($SECTION),
    code => sub ($param) {
        return PVE::Foresight::Error::translate(sub {
            return {
                PVE::Foresight::Settings::effective()->%*,
                schema => PVE::Foresight::Schema::section($SECTION),
            };
        });
    },
});

__PACKAGE__->register_method({
    name => 'update',
    path => '',
    method => 'PUT',
    protected => 1,
    description => "Change the five settings. What is not named stays as it is.",
    permissions => { check => ['perm', '/', ['Sys.Modify']] },
    parameters => {
        additionalProperties => 0,
        properties => PVE::Foresight::Schema::parameters($SECTION),
    },
    returns => { type => 'null' },
    code => sub ($param) {
        my $digest = extract_param($param, 'digest');
        return PVE::Foresight::Settings::change({ $SECTION => $param }, $digest);
    },
});

1;
