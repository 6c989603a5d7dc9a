#!/usr/bin/perl -T

# The page's wrapper, with the template module that pveproxy uses: PVE's page, and our script in its head.

use v5.36;

use File::Temp qw(tempdir);
use Test::More;

use lib 't/lib';
use ForesightTest;

lacking('Template') if !eval { require Template };

my ($DIR) = tempdir(CLEANUP => 1) =~ m/^(.*)$/;
my $WRAPPER = do { local (@ARGV, $/) = "$ForesightTest::ROOT/../ui/index.html.tpl"; <> };
my ($DISTRIB) = $WRAPPER =~ m!INCLUDE '([^']+)'!;

my sub page($original) {
    write_file("$DIR/original", $original);
    write_file("$DIR/wrapper", $WRAPPER =~ s/\Q$DISTRIB\E/$DIR\/original/r =~ s/\@VERSION\@/1.2.3/r);
    my $page = '';
    my $template = Template->new({ ABSOLUTE => 1 });
    $template->process("$DIR/wrapper", { nodename => 'pve1', version => '9.2' }, \$page) or die $template->error(), "\n";
    return $page;
}

is($DISTRIB, '/usr/share/pve-manager/index.html.tpl.distrib', 'wraps the diverted page');

my $page = page("<html>\n  <head>\n    <script>one</script>\n  </head>\n  <body>[% nodename %] [% version %] \$1</body>\n</html>\n");
is(
    $page,
    "<html>\n  <head>\n    <script>one</script>\n  "
        . "<script type=\"text/javascript\" src=\"/pve2/js/pve-foresight.js?ver=1.2.3\"></script>\n"
        . "  </head>\n  <body>pve1 9.2 \$1</body>\n</html>\n",
    'our script is the last of the head, and nothing else changed',
);
is(page("<html>no head</html>\n"), "<html>no head</html>\n", 'a page without a head is served as it is');

done_testing();
