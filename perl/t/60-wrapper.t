#!/usr/bin/perl -T

# The wrapper around PVE::API2::Cluster, installed as a package installs it. Whatever is broken of
# ours, the original is whole.

use v5.36;

use File::Temp qw(tempdir);
use Test::More;

use lib 't/lib';
use ForesightTest;

my ($ROOT) = $ForesightTest::ROOT =~ m/^(.*)$/;
my ($DIR) = tempdir(CLEANUP => 1) =~ m/^(.*)$/;
my ($PERL) = $^X =~ m/^(.*)$/;
my ($ARCH, $PERLDIR, $SHARE, $LIB) = map { "$DIR/$_" } qw(arch perl share lib);
my @PVE = $ForesightTest::REAL ? split(/:/, $ForesightTest::REAL) : "$ROOT/t/stubs";

my sub run(@command) {
    my $child = open(my $output, '-|') // die "fork: $!\n";
    if (!$child) {
        open(STDERR, '>&', \*STDOUT) or die "$!\n";
        exec { $command[0] } @command or die "$command[0]: $!\n";
    }
    my $text = join('', <$output>);
    close($output);
    return ($? >> 8, $text);
}

# The library that the bridge was built with.
my ($RUNPATH) = (run('/usr/bin/readelf', '-d', "$ROOT/build/auto/PVE/Foresight/Foresight.so"))[1] =~ m/runpath: \[(.*)\]/;
my $LIBRARY = "$RUNPATH/libpve_foresight.so";

my ($status, $said) = run(
    '/usr/bin/make', '-s', '-C', $ROOT, 'install', 'DESTDIR=',
    "ARCHDIR=$ARCH", "PERLDIR=$PERLDIR", "SHAREDIR=$SHARE", "LIBDIR=$LIB", "LIBRARY=$LIBRARY",
);
is($status, 0, 'installed') or BAIL_OUT($said);
write_file("$PERLDIR/PVE/API2/Cluster.pm", do { local (@ARGV, $/) = "$ROOT/wrappers/Cluster.pm"; <> });

my $ORIGINAL = <<'PERL';
package PVE::API2::Cluster;
use strict; use warnings;
use PVE::RESTHandler;
use base qw(PVE::RESTHandler);
__PACKAGE__->register_method({ name => 'index', path => '', method => 'GET', permissions => { user => 'all' },
    parameters => { additionalProperties => 0, properties => {} }, returns => { type => 'array' },
    code => sub { return [{ name => 'status' }] } });
__PACKAGE__->register_method({ name => 'get_status', path => 'status', method => 'GET',
    parameters => { additionalProperties => 0, properties => {} }, returns => { type => 'string' },
    code => sub { return 'fine' } });
1;
PERL

# Loads the wrapper in a Perl of its own, as a daemon does, and tells what the API is like then.
my $PROBE = <<'PERL';
use v5.36;
use PVE::RPCEnvironment;
use PVE::SafeSyslog;
my @logged;
{ no warnings qw(redefine); *PVE::SafeSyslog::syslog = sub { push @logged, sprintf($_[1], @_[2 .. $#_]) }; }
require PVE::Foresight if !$ENV{NO_FACADE};
{ no warnings 'once'; $PVE::Foresight::SHARE_DIR = shift(@ARGV) =~ s/^(.*)$/$1/r;
  ($PVE::Foresight::SHARE_DIR) = $PVE::Foresight::SHARE_DIR =~ m/^(.*)$/; }
my $environment = PVE::RPCEnvironment->init('cli');
$environment->set_user('root@pam');
require PVE::API2::Cluster;
my sub get($path) {
    my $param = {};
    my ($class, $info) = PVE::API2::Cluster->find_handler('GET', $path, $param);
    return 'no such path' if !$info;
    my $answer = eval { $class->handle($info, $param) };
    return $@ ? "error: $@" =~ s/\n.*//sr : ref($answer) eq 'ARRAY' ? join(' ', map { $_->{name} } @$answer) : $answer;
}
say "index: ", get('');
say "status: ", get('status');
say "foresight: ", get('foresight');
say "ours: ", get('foresight/status') =~ s/^HASH.*/answers/r;
say "log: $_" for @logged;
PERL

my sub probe(%options) {
    write_file("$DIR/probe", $PROBE);
    write_file("$PERLDIR/PVE/API2/Cluster.distrib.pm", $options{original} // $ORIGINAL);
    my @include = map { "-I$_" } $PERLDIR, $ARCH, @PVE;
    my ($status, $text) = run($PERL, '-T', @include, "$DIR/probe", $options{share} // $SHARE);
    my @lines = grep { !m/^ipcc_send_rec/ } split(/\n/, $text);
    return { exit => $status, text => join("\n", @lines), map({ m/^(\w+): (.*)/ ? ($1 => $2) : () } @lines) };
}

my sub whole($seen, $name) {
    is($seen->{exit}, 0, "$name: the API loads") or diag($seen->{text});
    is($seen->{status}, 'fine', "$name: its methods work");
    like($seen->{index} // '', qr/^status\b/, "$name: so does its index");
}

my sub away($seen, $name, $why) {
    whole($seen, $name);
    is($seen->{index}, 'status', "$name: ours is not listed");
    is($seen->{foresight}, 'no such path', "$name: nor there");
    like($seen->{log}, qr/^pve-foresight stays away from the API: .*$why/, "$name: the log says why");
}

# Built with the same header as the bridge, but a stranger.
my sub stranger() {
    open(my $header, '<', "$ROOT/../include/pve_foresight.h") or die "$!\n";
    my %functions = map { ($_ => 1) } join('', <$header>) =~ m/\b(foresight_\w+)\(/g;
    delete @functions{qw(foresight_abi_version foresight_version)};
    my $code = join('', map { "int $_(void) { return 7; }\n" } sort keys %functions);
    write_file("$DIR/stranger.c", "unsigned foresight_abi_version(void) { return 999; }\n"
            . "const char *foresight_version(void) { return \"9\"; }\n$code");
    my ($status, $text) = run('/usr/bin/cc', '-w', '-shared', '-fPIC', '-o', "$LIB/libpve_foresight.so", "$DIR/stranger.c");
    is($status, 0, 'a library of another ABI') or diag($text);
}

mkdir($LIB);

subtest 'all is well' => sub {
    symlink($LIBRARY, "$LIB/libpve_foresight.so") or die "$!\n";
    my $seen = probe();
    whole($seen, 'well');
    is($seen->{index}, 'status foresight', 'ours is listed');
    like($seen->{foresight}, qr/\brecommendations\b/, 'and browsable');
    is($seen->{ours}, 'answers', 'and answers');
    is($seen->{log}, undef, 'nothing is logged');
};

subtest 'the library is missing, garbage, or another' => sub {
    unlink("$LIB/libpve_foresight.so");
    my %broken = (
        missing => sub { },
        garbage => sub { write_file("$LIB/libpve_foresight.so", "\x7fELF garbage") },
        stranger => \&stranger,
    );
    my %why = (missing => 'libpve_foresight', garbage => 'libpve_foresight', stranger => 'ABI 999');
    for my $kind (sort keys %broken) {
        $broken{$kind}->();
        my $seen = probe();
        whole($seen, $kind);
        like($seen->{foresight}, qr/recommendations/, "$kind: our index needs no library");
        like($seen->{ours}, qr/^error: .*$why{$kind}/, "$kind: our methods say what is wrong");
        unlink("$LIB/libpve_foresight.so");
    }
};

subtest 'the bridge is missing or garbage' => sub {
    my $bridge = "$ARCH/auto/PVE/Foresight/Foresight.so";
    rename($bridge, "$bridge.away") or die "$!\n";
    my $seen = probe();
    whole($seen, 'missing');
    like($seen->{ours}, qr/^error: .*Foresight/, 'our methods say what is wrong');
    write_file($bridge, 'garbage');
    $seen = probe();
    whole($seen, 'garbage');
    like($seen->{ours}, qr/^error: .*Foresight/, 'our methods say what is wrong');
    rename("$bridge.away", $bridge) or die "$!\n";
};

subtest 'the schema of the settings is missing or garbage' => sub {
    away(probe(share => "$DIR/none"), 'missing', 'settings\.json');
    write_file("$DIR/odd/settings.json", '{"version":');
    away(probe(share => "$DIR/odd"), 'garbage', '\w');
    write_file("$DIR/odd/settings.json", '{"version":1}');
    away(probe(share => "$DIR/odd"), 'empty', 'no section');
};

subtest 'our modules are missing or do not compile' => sub {
    my $module = "$PERLDIR/PVE/API2/Foresight.pm";
    rename($module, "$module.away") or die "$!\n";
    away(probe(), 'missing', "Can't locate PVE/API2/Foresight.pm");
    write_file($module, "package PVE::API2::Foresight;\nuse v5.99;\n1;\n");
    away(probe(), 'of another Perl', 'Perl');
    rename("$module.away", $module) or die "$!\n";
};

subtest 'PVE has changed' => sub {
    my $seen = probe(original => $ORIGINAL =~ s/name => 'index'/name => 'directory'/r);
    whole($seen, 'no index by that name');
    like($seen->{log}, qr/no such method.*index/, 'the log says so');
    like($seen->{foresight}, qr/recommendations/, 'ours can be called all the same');
    $seen = probe(original => $ORIGINAL =~ s/path => 'status'/path => 'foresight'/r);
    is($seen->{foresight}, 'fine', 'a path that PVE took itself stays PVE\'s');
    # PVE 8 logs the call below a method itself, too.
    like($seen->{text}, qr/^log: pve-foresight stays away/m, 'and the log says so');
    $seen = probe(original => "package PVE::API2::Cluster;\ndie qq(broken by itself\\n);\n");
    isnt($seen->{exit}, 0, 'an original that fails');
    like($seen->{text}, qr/broken by itself/, 'fails as it would without us');
};

done_testing();
