package PVE::Foresight;

use v5.36;

use JSON;
use XSLoader;

use PVE::Foresight::Error;

our $VERSION = '0.1.0'; # that of Cargo.toml: the bridge checks it when it is loaded

# Where things are on a node. Tests set others.
our $STATE_DIR = '/var/lib/pve-foresight';
our $CLUSTER_DIR = '/etc/pve';
our $RRD_DIR = '/var/lib/rrdcached/db';
our $SHARE_DIR = '/usr/share/pve-foresight';
our $RUN_DIR = '/run';

my ($engine, $owner, $state);

# The bridge is loaded on first use: pveproxy, which runs as www-data and hands our calls on to
# pvedaemon, never maps it, and without it all else still works.
my sub bridge() {
    state $loaded = XSLoader::load(__PACKAGE__, $VERSION);
}

# That of the library. Dies where bridge or library cannot be loaded, or are not of one ABI.
sub version() {
    bridge();
    return PVE::Foresight::Engine::version();
}

# The engine of this process.
my sub engine() {
    bridge();
    if (!$engine || $owner != $$ || $state ne $STATE_DIR) { # a forked worker opens its own
        $engine = PVE::Foresight::Engine->open(encode_json({ state => $STATE_DIR }));
        ($owner, $state) = ($$, $STATE_DIR);
    }
    return $engine;
}

sub ask($verb, $request = {}) {
    return decode_json(engine()->$verb(encode_json($request)));
}

sub import_history($request, $progress) {
    return decode_json(engine()->import_history(encode_json($request), $progress));
}

1;

__END__

=encoding utf8

=head1 NAME

PVE::Foresight - what the metrics of a Proxmox VE cluster foretell

=head1 SYNOPSIS

    use PVE::Foresight;

    my $status = PVE::Foresight::ask('status');
    say "newest sample: $status->{last_sample_age} s ago" if $status->{store};

    my $advice = PVE::Foresight::ask(recommend => { inventory_path => '/etc/pve' });
    say $advice->{summary};
    say "$_->{name}: $_->{command}" for $advice->{recommendations}->@*;

    my $trends = eval { PVE::Foresight::ask(trends => { node => 'pve1', lookback_hours => 72 }) };
    if (my $error = $@) {
        die $error if !PVE::Foresight::Error::is($error, 'NOT_FOUND');
        warn $error->message;
    }

=head1 DESCRIPTION

The engine is a library, F<libpve_foresight.so>, that this module calls through a bridge. It is loaded
when the first question is asked. Every process has one engine; a forked child opens its own.

Questions and answers are Perl structures. They cross the bridge as JSON in bytes, so that text is
characters on both sides, numbers stay numbers and C<true> and C<false> are JSON's booleans. What each
question may contain says F<include/pve_foresight.h>; the answers are described by the C<returns> schemas
of L<PVE::API2::Foresight>.

=head1 FUNCTIONS

=head2 ask($verb, \%request)

Asks the engine: C<append>, C<backtest>, C<collect>, C<compress>, C<drain>,
C<explain>, C<history>, C<outcomes>, C<quality>, C<recommend>, C<settings>,
C<status>, C<trends>. Dies with a L<PVE::Foresight::Error>.

=head2 version()

The version of the library. Dies where bridge or library cannot be loaded, or are not of one ABI.

=head2 import_history(\%request, sub ($what, $done, $total) { ... })

Imports history that was recorded before. The code is told how far it is; when it dies, the import ends
with that error, and what is stored by then stays.

=head1 FILES

The package variables C<$STATE_DIR>, C<$CLUSTER_DIR>, C<$RRD_DIR>, C<$SHARE_DIR> and C<$RUN_DIR> say where the metrics,
the cluster's file system, PVE's own history, the settings' schema and the lock of a running backtest are.

=head1 SEE ALSO

L<pve-foresight(1)>

=cut
