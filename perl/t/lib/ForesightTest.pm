package ForesightTest;

# What the tests share: modules to test with, a small cluster with history, users, and calls as
# pvesh makes them.
#
# PVE_PERL5LIB names folders with Proxmox VE's own modules; without it those of t/stubs stand in.

use v5.36;

use Cwd qw(abs_path);
use Fcntl qw(:flock);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use JSON;
use POSIX ();
use Test::More ();

use base 'Exporter';

our @EXPORT = qw(as call cluster error_of lacking log_of tick with_fleeting_settings write_file);
our ($ROOT, $REAL, $DIR);

BEGIN {
    ($ROOT) = abs_path(__FILE__) =~ m!^(/.+)/t/lib/ForesightTest\.pm$!;
    ($REAL) = ($ENV{PVE_PERL5LIB} // '') =~ m/^(.+)$/;
    ($ENV{PATH}) = '/usr/bin:/bin';
    delete @ENV{qw(IFS CDPATH ENV BASH_ENV)};
    unshift @INC, "$ROOT/lib", "$ROOT/build", $REAL ? split(/:/, $REAL) : "$ROOT/t/stubs";
}

use PVE::Cluster;
use PVE::RPCEnvironment;

use PVE::Foresight;

$PVE::Foresight::SHARE_DIR = abs_path("$ROOT/../share") =~ s/^(.*)$/$1/r;
($PVE::Foresight::SHARE_DIR) = $PVE::Foresight::SHARE_DIR =~ m/^(.*)$/;

# Names that must never be told to who may not see them.
our @NAMES = map { "zz-secret-$_" } 0 .. 999;

# A test file ends here for want of $what, one word. Once TESTS_MAY_LACK says what may be missing, all else must be there.
sub lacking($what) {
    my $allowed = $ENV{TESTS_MAY_LACK};
    die "$what must be there (TESTS_MAY_LACK)\n" if defined($allowed) && !grep { $_ eq $what } split(' ', $allowed);
    Test::More::plan(skip_all => "$what is absent");
}

sub write_file($file, $content) {
    make_path($1) if $file =~ m!^(.*)/!;
    open(my $handle, '>:raw', $file) or die "$file: $!\n";
    print $handle $content;
    close($handle) or die "$file: $!\n";
}

my sub node($i) {
    return {
        name => "pve$i",
        online => JSON::true,
        maxcpu => 16,
        cpu => $i == 1 ? 0.93 : 0.2,
        iowait => 0.01,
        maxmem => 64 << 30,
        mem => 20 << 30,
        guest_count => 4,
    };
}

# Guests live on pve1, pve2, pve3 in turn, but one moved four days ago.
my $MOVED = 5;

my sub host($i, $hours_ago = 0) {
    return $i == $MOVED && $hours_ago < 96 ? 'pve2' : 'pve' . (1 + $i % 3);
}

# Two guests keep pve1 busy.
my sub guest($i, $hours_ago) {
    return {
        vmid => 100 + $i,
        type => 'qemu',
        name => $NAMES[$i],
        node => host($i, $hours_ago),
        status => 'running',
        maxcpu => 8,
        cpu => { 0 => 0.9, 3 => 0.7 }->{$i} // 0.004,
        maxmem => 1 << 30,
        mem => 100 << 20,
    };
}

sub tick($time, $guests, $hours_ago = 0) {
    my @nodes = map { node($_) } 1 .. 3;
    my @guests = map { guest($_, $hours_ago) } 0 .. $guests - 1;
    return encode_json({ ts => $time, nodes => \@nodes, guests => \@guests }) . "\n";
}

my sub tree($dir, $guests) {
    my %ids = map { (100 + $_ => { node => host($_), type => 'qemu', version => 1 }) } 0 .. $guests - 1;
    my %nodes = map { ("pve$_" => { id => $_, online => 1, ip => "192.0.2.$_" }) } 1 .. 3;
    write_file("$dir/.vmlist", encode_json({ version => 1, ids => \%ids }));
    write_file("$dir/.members", encode_json({
        nodename => 'pve1', version => 1,
        cluster => { name => 'c', version => 1, nodes => 3, quorate => 1 },
        nodelist => \%nodes,
    }));
    write_file("$dir/storage.cfg", "rbd: ceph\n\tpool p\n\tcontent images\n");
    for my $i (0 .. $guests - 1) {
        # 102 lives on the one, 100 and 103 on the other node: they must stay apart.
        my $tags = (grep { $i == $_ } 0, 2, 3) ? "tags: exclude_db\n" : '';
        write_file(
            "$dir/nodes/" . host($i) . "/qemu-server/" . (100 + $i) . ".conf",
            "name: $NAMES[$i]\ncores: 8\nmemory: 1024\nscsi0: ceph:vm-disk-0,size=8G\n$tags",
        );
    }
}

my $USERS = <<'USERS';
user:root@pam:1:0:::::
user:admin@pve:1:0:::::
user:auditor@pve:1:0:::::
user:mixed@pve:1:0:::::
user:hidden@pve:1:0:::::
user:one@pve:1:0:::::
user:two@pve:1:0:::::
user:none@pve:1:0:::::
token:auditor@pve!mon:0:1::
token:auditor@pve!full:0:0::
role:NodeAudit:Sys.Audit:
role:GuestAudit:VM.Audit:
acl:1:/:admin@pve:Administrator:
acl:1:/:auditor@pve:PVEAuditor:
acl:1:/:auditor@pve!mon:NodeAudit:
acl:1:/vms/100:auditor@pve!mon:PVEAuditor:
acl:1:/:mixed@pve:NodeAudit:
acl:1:/vms/100:mixed@pve:GuestAudit:
acl:1:/:hidden@pve:PVEAuditor:
acl:1:/vms/103:hidden@pve:NoAccess:
acl:1:/nodes/pve2:hidden@pve:NoAccess:
acl:1:/vms/100:one@pve:GuestAudit:
acl:1:/vms/104:two@pve:GuestAudit:
acl:1:/vms/105:two@pve:GuestAudit:
USERS

# A cluster with eight days of history up to now. Returns the time of its newest tick.
sub cluster(%options) {
    my ($guests, $hours) = ($options{guests} // 12, $options{hours} // 192);
    ($DIR) = tempdir(CLEANUP => 1) =~ m/^(.*)$/;
    $PVE::Foresight::STATE_DIR = "$DIR/state";
    $PVE::Foresight::CLUSTER_DIR = "$DIR/pve";
    $PVE::Foresight::RRD_DIR = "$DIR/rrd";
    $PVE::Foresight::RUN_DIR = $DIR;
    tree("$DIR/pve", $guests);
    write_file("$DIR/user.cfg", $USERS);
    state $environment = PVE::RPCEnvironment->init('cli');
    $environment->init_request(userconfig => "$DIR/user.cfg");
    my $last = time() - 30;
    append(join('', map { tick($last - 3600 * $_, $guests, $_) } reverse 0 .. $hours - 1)) if $hours;
    return $last;
}

# Ticks are JSON lines and not one JSON text: past the facade.
sub append($lines) {
    PVE::Foresight::ask('status');
    my $engine = PVE::Foresight::Engine->open(encode_json({ state => $PVE::Foresight::STATE_DIR }));
    return decode_json($engine->append($lines));
}

# A lock among processes of this machine, where the cluster's is not to be had.
my $lock = sub ($domain, $timeout, $code, @param) {
    my $result = eval {
        open(my $handle, '>', "$DIR/lock-$domain") or die "lock: $!\n";
        flock($handle, LOCK_EX) or die "lock: $!\n";
        $code->(@param);
    };
    return $@ ? undef : $result;
};

{
    no warnings qw(redefine prototype);
    *PVE::Cluster::cfs_lock_domain = $lock;
}

# Calls a method as `user`, with all checks and with verification of the result.
sub as($user, $method, $path, %param) {
    require PVE::API2::Foresight;
    my $environment = PVE::RPCEnvironment::get();
    $environment->set_user($user);
    my ($class, $info) = PVE::API2::Foresight->find_handler($method, $path, \%param);
    die "no method '$method $path'\n" if !$info;
    $environment->check_api2_permissions($info->{permissions}, $user, \%param);
    return $class->handle($info, \%param, 1);
}

sub call($method, $path, %param) {
    return as('root@pam', $method, $path, %param);
}

# What the code of a task prints, and its exit status; it dies as the task would.
sub log_of($code) {
    my $log = "$DIR/log";
    my $child = fork() // die "fork: $!\n";
    if (!$child) {
        open(STDOUT, '>', $log) or die "$log: $!\n";
        open(STDERR, '>&', \*STDOUT) or die "$log: $!\n";
        STDOUT->autoflush(1);
        $SIG{TERM} = sub { die "received interrupt\n" }; # as PVE's worker has it
        my $done = eval { $code->(); 1 };
        print "TASK ERROR: $@" if !$done;
        POSIX::_exit($done ? 0 : 1);
    }
    waitpid($child, 0);
    open(my $handle, '<', $log) or die "$log: $!\n";
    return ($? >> 8, join('', <$handle>));
}

# Runs the code where the settings file cannot be read the first time that somebody tries, and is gone the next.
sub with_fleeting_settings($code) {
    write_file("$PVE::Foresight::CLUSTER_DIR/foresight.cfg", '{"version": 1}');
    no warnings 'redefine';
    local *PVE::Foresight::Settings::file_get_contents = sub ($file, $max) {
        unlink($file);
        die "$file: fleeting\n";
    };
    return $code->();
}

# What the code dies with.
sub error_of($code) {
    eval { $code->() };
    return $@;
}

1;
