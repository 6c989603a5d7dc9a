package PVE::RESTEnvironment;

# Stand-in for the tests.

use v5.36;

use base 'Exporter';

our @EXPORT_OK = qw(log_warn);

sub log_warn($message) {
    say STDERR "WARN: $message";
}

1;
