package PVE::API2::Foresight::Backfill;

# Imports the history that PVE keeps itself, as a task. It runs in the engine and not as a program
# of its own: no output to parse, no PATH, the same errors as everywhere, and a stop between two files
# leaves the store whole.

use v5.36;

use PVE::RESTEnvironment qw(log_warn);
use PVE::RESTHandler;
use PVE::RPCEnvironment;
use PVE::SafeSyslog;

use PVE::Foresight;
use PVE::Foresight::Error;
use PVE::Foresight::Kept;

use base qw(PVE::RESTHandler);

my $ATTEMPTS = 10; # the collector writes for a moment once a minute
my $PAUSE = 3; # seconds
my $MOST_TOLD = 20; # warnings, and notes, in the journal

# Says how far it is, at every tenth.
my sub teller() {
    my ($last_what, $last_tenth) = ('', -1);
    return sub ($what, $done, $total) {
        my $tenth = $total ? int(10 * $done / $total) : 0;
        return if $what eq $last_what && $tenth == $last_tenth;
        ($last_what, $last_tenth) = ($what, $tenth);
        say $total ? "$done of $total $what" : "$done $what";
    };
}

my sub import_patiently($request) {
    for my $attempt (1 .. $ATTEMPTS) {
        my $reply = eval { PVE::Foresight::import_history($request, teller()) };
        my $error = $@ or return $reply;
        die $error if !PVE::Foresight::Error::is($error, 'BUSY') || $attempt == $ATTEMPTS;
        say "somebody else is writing, trying again";
        sleep($PAUSE);
    }
}

# The log can be read by who may not see every guest, and files are called by guests' numbers: what names one is for
# the journal. Returns how many that were, in words.
my sub journal($level, @texts) {
    my $count = @texts or return undef;
    syslog($level, '%s', "foresight backfill: $_") for splice(@texts, 0, $MOST_TOLD);
    syslog($level, '%s', "foresight backfill: " . @texts . " more of the kind") if @texts;
    my $what = $level eq 'warning' ? 'warning' : 'note';
    return "$count $what" . ($count == 1 ? '' : 's');
}

sub run() {
    my ($from, $cluster) = ($PVE::Foresight::RRD_DIR, $PVE::Foresight::CLUSTER_DIR);
    say "importing the history in $from";
    my $reply = import_patiently({ rrd => $from, inventory_path => $cluster });
    say "$reply->{ticks} points in time of $reply->{nodes} nodes stored, from $reply->{files} files";
    say "$reply->{left_out} rows left out: too old, or known already" if $reply->{left_out};
    if (my $notes = journal(info => $reply->{notes}->@*)) {
        say "$notes: see the journal of this node";
    }
    if (my $warnings = journal(warning => $reply->{warnings}->@*)) {
        log_warn("$warnings: see the journal of this node");
    }
    # What is imported stays, marked or not.
    eval { PVE::Foresight::Kept::imported() };
    log_warn("not marked as done, so it is done again: $@") if $@;
    return;
}

__PACKAGE__->register_method({
    name => 'backfill',
    path => '',
    method => 'POST',
    protected => 1,
    description => "Import the history that Proxmox VE keeps itself (RRD). Only fills what is not known yet,"
        . " so it can be stopped and repeated at will.",
    permissions => { check => ['perm', '/', ['Sys.Modify']] },
    parameters => { additionalProperties => 0, properties => {} },
    returns => { type => 'string', description => "The task's UPID." },
    code => sub ($param) {
        my $rpcenv = PVE::RPCEnvironment::get();
        my $user = $rpcenv->get_user();
        return $rpcenv->fork_worker('foresightbackfill', undef, $user, sub ($upid) { run() });
    },
});

1;
