package PVE::Foresight::Kept;

# What tasks leave in the state directory: that the history was imported, and the last backtest of this node. A replay
# may take longer than pveproxy waits for an answer, so it is left in a file for whoever asks. The folder belongs to the
# collector's user: root follows no link there, and trusts no byte.

use v5.36;

use Fcntl qw(:DEFAULT :mode);
use JSON;

use PVE::JSONSchema;

use PVE::Foresight;
use PVE::Foresight::Reply;

my $FORMAT = 'pve-foresight-backtest';
my $VERSION = 1;
my $MOST = 2**53; # beyond that, no integer is exact; bytes and seconds of a cluster are far below
my $MAX_BYTES = 4 << 20; # two years and two thousand moves take one MiB

sub file() {
    return "$PVE::Foresight::STATE_DIR/backtest.json";
}

my sub unusable($why) {
    die file() . " $why; another backtest replaces it\n";
}

# Beside, synced, renamed, and the folder's owner's: whole, or not at all. Unlike the engine's files its name may wait
# for the disk: another backtest brings back what a power cut took.
my sub replace($file, $text) {
    my ($folder) = $file =~ m!^(.*)/!;
    my ($uid, $gid) = (stat($folder))[4, 5];
    my $new = "$file.new";
    unlink($new) or $!{ENOENT} or die "$new: $!\n";
    sysopen(my $handle, $new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0640) or die "$new: $!\n";
    my $written = eval {
        $> || chown($uid, $gid, $handle) or die "$new: $!\n";
        print($handle $text) && $handle->flush() && $handle->sync() && close($handle) or die "$new: $!\n";
        rename($new, $file) or die "$file: $!\n";
    };
    my $error = $@;
    return if $written;
    unlink($new);
    die $error;
}

# What each move claimed and brought is for the command line's table of confidence, and most of a reply's bytes.
sub put($reply, $days) {
    delete $_->{judged} for $reply->{outcomes}->@*;
    my $text = encode_json({ format => $FORMAT, version => $VERSION, made => time(), days => int($days), reply => $reply });
    die "the result is too large to be kept (" . length($text) . " bytes, $MAX_BYTES at most): judge fewer days\n"
        if length($text) > $MAX_BYTES;
    replace(file(), $text);
    return;
}

# That Proxmox VE's own history was imported, for the timer that would do it and for `doctor`.
sub imported() {
    replace("$PVE::Foresight::STATE_DIR/.history-imported", '');
    return;
}

my sub content() {
    my $file = file();
    if (!sysopen(my $handle, $file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)) {
        return undef if $!{ENOENT};
        die "$file: $!\n" if !$!{ELOOP};
    } elsif (-f $handle) {
        my $text = '';
        1 while sysread($handle, $text, 1 << 16, length($text)) && length($text) <= $MAX_BYTES;
        return $text;
    }
    die "$file is no regular file; remove what stands there\n";
}

# To check a number makes it text for JSON, and a file may have had it as text: numbers again.
my sub numeric($value, $schema) {
    return $value if !defined($value);
    my $type = $schema->{type};
    if ($type eq 'number' || $type eq 'integer') {
        my $number = $value + 0;
        unusable("is damaged") if !(abs($number) <= $MOST);
        return $number;
    }
    if ($type eq 'array') {
        $_ = __SUB__->($_, $schema->{items}) for @$value;
    } elsif (my $known = $schema->{properties}) {
        $value->{$_} = __SUB__->($value->{$_}, $known->{$_}) for grep { exists($value->{$_}) } keys %$known;
    }
    return $value;
}

# The kept backtest with when it was made and what for, or undef where there is none.
sub get() {
    my $text = content() // return undef;
    unusable("is larger than a backtest can be") if length($text) > $MAX_BYTES;
    my $kept = eval { decode_json($text) };
    unusable("is damaged") if ref($kept) ne 'HASH' || ($kept->{format} // '') ne $FORMAT;
    unusable("was written by another version of pve-foresight") if ($kept->{version} // '') ne $VERSION;
    unusable("is damaged") if ref($kept->{reply}) ne 'HASH';
    my $reply = { $kept->{reply}->%*, days => $kept->{days}, made => $kept->{made}, age => 0, withheld => 0 };
    my $schema = PVE::Foresight::Reply::backtest();
    if (!eval { PVE::JSONSchema::validate($reply, $schema) }) {
        my ($where) = sort keys((ref($@) ? $@->{errors} // {} : {})->%*);
        unusable("is damaged" . (defined($where) ? " at '$where'" : ''));
    }
    $reply = numeric($reply, $schema);
    my $age = time() - $reply->{made};
    $reply->{age} = $age > 0 ? $age : 0;
    return $reply;
}

1;
