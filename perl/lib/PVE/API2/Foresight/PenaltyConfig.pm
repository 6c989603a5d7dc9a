package PVE::API2::Foresight::PenaltyConfig;

# Expert values: each overrides its own key and no other.

use v5.36;

use PVE::RESTHandler;
use PVE::Tools qw(extract_param);

use PVE::Foresight::Error;
use PVE::Foresight::Reply;
use PVE::Foresight::Schema;
use PVE::Foresight::Settings;

use base qw(PVE::RESTHandler);

my $SECTION = 'penalty-config';

__PACKAGE__->register_method({
    name => 'read',
    path => '',
    method => 'GET',
    protected => 1,
    description => "Every key that decisions read, with its value and where that comes from.",
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
    description => "Change expert values. What is not named stays as it is.",
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

__PACKAGE__->register_method({
    name => 'delete',
    path => '',
    method => 'DELETE',
    protected => 1,
    description => "Drop all expert values: every key follows the five settings again.",
    permissions => { check => ['perm', '/', ['Sys.Modify']] },
    parameters => {
        additionalProperties => 0,
        properties => { digest => PVE::Foresight::Schema::digest() },
    },
    returns => { type => 'null' },
    code => sub ($param) {
        return PVE::Foresight::Settings::change('delete-penalty-config', $param->{digest});
    },
});

1;
