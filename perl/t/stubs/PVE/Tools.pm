package PVE::Tools;

# Stand-in for the tests.

use v5.36;

use base 'Exporter';

our @EXPORT_OK = qw(extract_param file_get_contents file_set_contents split_list);

sub extract_param($param, $name) {
    return delete $param->{$name};
}

sub file_get_contents($file, $max = undef) {
    open(my $handle, '<:raw', $file) or die "can't open '$file' - $!\n";
    local $/;
    return readline($handle) // die "unable to read '$file' - $!\n";
}

sub file_set_contents($file, $data, $perm = 0644) {
    open(my $handle, '>:raw', "$file.tmp.$$") or die "unable to open file '$file.tmp.$$' - $!\n";
    print $handle $data;
    close($handle) or die "unable to write '$file' - $!\n";
    rename("$file.tmp.$$", $file) or die "close (rename) atomic file '$file' failed: $!\n";
}

sub split_list($text) {
    return grep { length } split(/[,;\s\0]+/, $text);
}

sub assert_if_modified($one, $other) {
    die "detected modified configuration - file changed by other user? Try again.\n"
        if $one && $other && $one ne $other;
}

1;
