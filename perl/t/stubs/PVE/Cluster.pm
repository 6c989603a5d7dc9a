package PVE::Cluster;

# Stand-in for the tests, which bring their own cfs_lock_domain.

use v5.36;

sub cfs_lock_domain { die "not on a node\n" }

1;
