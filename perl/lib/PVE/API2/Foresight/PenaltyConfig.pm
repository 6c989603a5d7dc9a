package PVE::API2::Foresight::PenaltyConfig;

# Expert values: each overrides its own key and no other.

use v5.36;

use PVE::RESTHandler;

use PVE::Foresight::Schema;
use PVE::Foresight::Settings;

use PVE::API2::Foresight::Section;

use base qw(PVE::RESTHandler);

my $SECTION = 'penalty-config';

__PACKAGE__->register_method(PVE::API2::Foresight::Section::read_method(
    $SECTION, "Every key that decisions read, with its value and where that comes from.",
));

__PACKAGE__->register_method(PVE::API2::Foresight::Section::update_method(
    $SECTION, "Change expert values. What is not named stays as it is.",
));

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
