package PVE::API2::Cluster;

# A stand-in for pve-manager's module of this name.

use strict;
use warnings;

use base qw(PVE::RESTHandler);

__PACKAGE__->register_method({
    name => 'index',
    path => '',
    method => 'GET',
    description => 'Cluster index.',
    permissions => { user => 'all' },
    parameters => { additionalProperties => 0, properties => {} },
    returns => { type => 'array' },
    code => sub { return [{ name => 'status' }] },
});

1;
