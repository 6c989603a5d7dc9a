package PVE::Foresight::Schema;

# The settings in PVE's schema words, as the engine's own table has them.

use v5.36;

use JSON;

use PVE::Tools qw(file_get_contents);

use PVE::Foresight;

# `properties` in PVE's words, `details` with ours (unit, term, what moves what), `order` of the table.
sub section($name) {
    state $schema = decode_json(file_get_contents("$PVE::Foresight::SHARE_DIR/settings.json"));
    return $schema->{$name} // die "no section '$name' in the settings' schema\n";
}

# Most days that a store can be told to keep anything: no question about the past reaches further.
sub most_kept_days() {
    return section('penalty-config')->{properties}->{keep_six_hourly_days}->{maximum};
}

# Parameters of a change.
sub parameters($name) {
    return {
        section($name)->{properties}->%*,
        delete => {
            type => 'string',
            format => 'pve-configid-list',
            description => "A list of settings that shall follow their defaults again.",
            optional => 1,
        },
        digest => digest(),
    };
}

sub digest() {
    return {
        type => 'string',
        description => "Refuse the change if the current settings file has a different SHA-1 digest:"
            . " somebody else changed it meanwhile.",
        maxLength => 64,
        optional => 1,
    };
}

1;
