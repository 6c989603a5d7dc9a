package PVE::API2::Foresight::Section;

# What the two sections of the settings have in common: they are read and changed alike.

use v5.36;

use PVE::Tools qw(extract_param);

use PVE::Foresight::Error;
use PVE::Foresight::Reply;
use PVE::Foresight::Schema;
use PVE::Foresight::Settings;

sub read_method($section, $description) {
    return {
        name => 'read',
        path => '',
        method => 'GET',
        protected => 1,
        description => $description,
        permissions => { check => ['perm', '/', ['Sys.Audit']] },
        parameters => { additionalProperties => 0, properties => {} },
        returns => PVE::Foresight::Reply::settings(),
        code => sub ($param) {
            return PVE::Foresight::Error::translate(sub {
                my $effective = PVE::Foresight::Settings::effective();
                return { %$effective, schema => PVE::Foresight::Schema::section($section) };
            });
        },
    };
}

sub update_method($section, $description) {
    return {
        name => 'update',
        path => '',
        method => 'PUT',
        protected => 1,
        description => $description,
        permissions => { check => ['perm', '/', ['Sys.Modify']] },
        parameters => {
            additionalProperties => 0,
            properties => PVE::Foresight::Schema::parameters($section),
        },
        returns => { type => 'null' },
        code => sub ($param) {
            my $digest = extract_param($param, 'digest');
            return PVE::Foresight::Settings::change({ $section => $param }, $digest);
        },
    };
}

1;
