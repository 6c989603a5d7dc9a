package PVE::SafeSyslog;

# Stand-in for the tests: keeps what would be logged.

use v5.36;

use base 'Exporter';

our @EXPORT = qw(syslog);
our @LOGGED;

sub syslog($level, @message) {
    push @LOGGED, "$level: " . (@message > 1 ? sprintf($message[0], @message[1 .. $#message]) : $message[0]);
}

1;
