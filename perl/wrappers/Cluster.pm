package PVE::API2::Cluster;

# Proxmox VE's own module, diverted to Cluster.distrib.pm, and below it /cluster/foresight. Whatever is
# wrong with our part, the original is whole: then ours stays away and the log says why.

use strict;
use warnings;

require 'PVE/API2/Cluster.distrib.pm';

my $joined = eval {
    require PVE::API2::Foresight;
    __PACKAGE__->register_method({ subclass => 'PVE::API2::Foresight', path => 'foresight' });

    # The index is a list in the original's code, so ours is put behind what it answers.
    my $index = __PACKAGE__->map_method_by_name('index');
    my $original = $index->{code};
    $index->{code} = sub {
        my $entries = $original->(@_);
        push @$entries, { name => 'foresight' } if ref($entries) eq 'ARRAY';
        return $entries;
    };
    1;
};
if (!$joined) {
    my $why = $@ || 'unknown error';
    chomp $why;
    eval {
        require PVE::SafeSyslog;
        PVE::SafeSyslog::syslog('err', '%s', "pve-foresight stays away from the API: $why");
    };
}

1;
