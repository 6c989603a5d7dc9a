package PVE::Foresight::Settings;

# The cluster-wide settings file. The engine alone knows what is in it; here it is read, locked and
# written as a whole.

use v5.36;

use Digest::SHA qw(sha1_hex);
use Encode qw(decode encode FB_CROAK LEAVE_SRC);

use PVE::Cluster;
use PVE::Tools qw(file_get_contents file_set_contents);

use PVE::Foresight;
use PVE::Foresight::Error;

my $MAX_BYTES = 1 << 20; # pmxcfs has no larger files
my $KEPT = 'but for how long metrics are kept, which stays as it is'; # the collector sees to that

sub file() {
    return "$PVE::Foresight::CLUSTER_DIR/foresight.cfg";
}

# Characters of the file. What is not UTF-8 is marked, so that the engine refuses it and nobody
# writes it back in other bytes.
my sub characters($bytes) {
    return eval { decode('UTF-8', $bytes, FB_CROAK | LEAVE_SRC) } // "\x{FFFD}" . decode('UTF-8', $bytes);
}

# What the engine says of the file. It calls the content `settings`: where that lies only we know.
my sub named($text) {
    return $text =~ s/^settings: /file() . ': '/er;
}

# Content, digest and, if it is there but cannot be read, why.
my sub current() {
    my $file = file();
    return { digest => sha1_hex('') } if !-e $file && $!{ENOENT};
    my $bytes = eval { file_get_contents($file, $MAX_BYTES) };
    if (my $error = $@) {
        chomp $error;
        return { digest => '', refused => "$error; the defaults hold until the file can be read, $KEPT" };
    }
    return { digest => sha1_hex($bytes), content => characters($bytes) };
}

# Asks what decides by the settings. The file is read once, so that what the warnings say of it is true of what the
# reply rests on: what is wrong in it is told by the engine, and here that it could not even be read.
sub ask($verb, $request = {}) {
    my $current = current();
    my $content = $current->{content};
    my $reply = PVE::Foresight::ask($verb => { %$request, defined($content) ? (settings => $content) : () });
    $_ = named($_) for $reply->{warnings}->@*;
    unshift $reply->{warnings}->@*, $current->{refused} // ();
    return $reply;
}

# What holds, and where it comes from. A file that cannot be used gives the defaults and says so.
sub effective() {
    my $current = current();
    my $content = $current->{content};
    my $reply = PVE::Foresight::ask(settings => defined($content) ? { content => $content } : {});
    $_ = named($_) for grep { defined } $reply->{refused}, $reply->{warnings}->@*;
    if (my $refused = $current->{refused}) {
        $reply->{refused} = $refused;
        push $reply->{warnings}->@*, $refused;
    }
    $reply->{digest} = $current->{digest};
    return $reply;
}

# Changes the file, or dies and leaves it as it is.
sub change($change, $digest) {
    my $code = sub {
        my $current = current();
        die "$current->{refused}\n" if $current->{refused};
        PVE::Tools::assert_if_modified($digest, $current->{digest});
        my $content = $current->{content};
        my $request = defined($content) ? { content => $content } : {};
        my $refused = PVE::Foresight::ask(settings => $request)->{refused};
        die named($refused) . "\n" if $refused;
        my $reply = PVE::Foresight::ask(settings => { %$request, change => $change });
        file_set_contents(file(), encode('UTF-8', $reply->{content}), 0640);
    };
    PVE::Foresight::Error::translate(
        sub {
            PVE::Cluster::cfs_lock_domain('foresight', undef, $code);
            die $@ if $@;
        },
    );
    return;
}

1;
