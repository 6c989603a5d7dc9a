package PVE::API2::Foresight::MigrationSettings;

# The five settings.

use v5.36;

use PVE::RESTHandler;

use PVE::API2::Foresight::Section;

use base qw(PVE::RESTHandler);

my $SECTION = 'migration-settings';

__PACKAGE__->register_method(PVE::API2::Foresight::Section::read_method(
    $SECTION, "The five settings and the configuration that follows from them.",
));

__PACKAGE__->register_method(PVE::API2::Foresight::Section::update_method(
    $SECTION, "Change the five settings. What is not named stays as it is.",
));

1;
