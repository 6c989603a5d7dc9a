# A stand-in for pve-manager's module of this name.
package PVE::API2::Cluster;

use strict;
use warnings;

my @methods;

sub register_method {
    my ($class, $method) = @_;
    push @methods, $method;
}

__PACKAGE__->register_method({
    name => 'index',
    path => '',
    method => 'GET',
    code => sub { return [{ name => 'status' }] },
});

1;
