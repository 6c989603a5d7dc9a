#!/usr/bin/perl -T

# docs/api.md is made from the modules: UPDATE=1 rewrites it, otherwise it must be current.

use v5.36;

use Test::More;

use lib 't/lib';
use ForesightTest;

require PVE::API2::Foresight;

plan(skip_all => 'standard options are worded by the stand-ins') if $ForesightTest::REAL;

my $PAGE = "$ForesightTest::ROOT/../docs/api.md";

my $HEAD = <<'MD';
# The API

<!-- Generated from perl/lib/PVE/API2/Foresight: change the modules, then run UPDATE=1 prove t/90-docs.t in perl/. -->

Below `/cluster/foresight`, for `pvesh`, REST clients and the web interface alike. Replies are those of `src/api/`, and the
`returns` schemas describe them in full (`pvesh usage /cluster/foresight/status --returns`). What is not known is `null`. Times are unix
seconds, shares are fractions.

Nothing here moves a guest: applying advice uses Proxmox VE's own calls with the user's own rights.

- Lists show only what the caller may audit: nodes with `Sys.Audit` on `/nodes/{node}`, guests with `VM.Audit` on `/vms/{vmid}`.
- Advice is filtered in the same way. An entry about a withheld guest or node goes as a whole, `withheld` counts them, and
  sentences about the whole cluster (summary, warnings, obstacles that consist in another guest) are replaced. Names of *nodes* that a
  visible guest came from stay, as in Proxmox VE's own task lists.
- How many guests there are is told to who may audit all of them: to others `guest_count`, `guests` and `bytes_per_entity` are absent,
  and only `withheld` counts.
- A wrong parameter is an error 400 that names it; what is not there is 404; 503 means that somebody else is writing, or replaying.
- A backtest takes longer than a request may: `POST` starts it as a task and `GET` answers with what the last one on the same node
  brought. Starting one needs `Sys.Modify`, as Proxmox VE asks for tasks that concern a whole node, such as `apt update`: a replay
  takes several of its cores, and its result replaces the one that everybody sees. The task's log, which everybody with `Sys.Audit` on the
  node can read, has figures of the whole cluster, but names and counts no guest.
- `digest` refuses a change when somebody else changed the settings since they were read. A settings file that cannot be used
  gives the defaults and says why in `refused`; it is never overwritten.

MD

my sub permission($permissions) {
    my @parts = ($permissions->{description} // ());
    if (my $check = $permissions->{check}) {
        unshift @parts, join(', ', map { "`$_`" } $check->[2]->@*) . " on `$check->[1]`.";
    }
    return @parts ? join(' ', @parts) : 'Any user.';
}

my sub allowed($schema) {
    return join(', ', map { "`$_`" } $schema->{enum}->@*) if $schema->{enum};
    return "$schema->{type}, $schema->{minimum} to $schema->{maximum}" if defined($schema->{maximum});
    return $schema->{type};
}

my sub parameters($properties) {
    return "See [Settings](settings.md) for the keys; and `delete`, a list of keys; and `digest`.\n\n"
        if keys(%$properties) > 20;
    my @rows = map {
        my $schema = $properties->{$_};
        my $default = $schema->{default} // '';
        "| `$_` | " . allowed($schema) . " | $default | $schema->{description} |\n"
    } sort keys %$properties;
    return '' if !@rows;
    return join('', "| parameter | allowed | default | what it is |\n|---|---|---|---|\n", @rows, "\n");
}

my sub fields($returns) {
    my ($schema, $each) = $returns->{type} eq 'array' ? ($returns->{items}, 'A list of') : ($returns, 'Answers');
    my $properties = $schema->{properties} // {};
    return "Answers " . lcfirst($returns->{description}) . "\n\n" if !%$properties && $returns->{description};
    return '' if !%$properties;
    return "$each " . join(', ', map { "`$_`" } sort keys %$properties) . ".\n\n";
}

my sub section($class, $prefix) {
    my $page = '';
    for my $info ($class->method_attributes()->@*) {
        my $path = join('/', $prefix, grep { length } $info->{path});
        $page .= __SUB__->($info->{subclass}, $path) if $info->{subclass};
        next if $info->{subclass};
        $page .= "## $info->{method} $path\n\n$info->{description}\n\n";
        $page .= "Permission: " . permission($info->{permissions}) . "\n\n";
        $page .= parameters($info->{parameters}->{properties}) . fields($info->{returns});
    }
    return $page;
}

my $wanted = ($HEAD . section('PVE::API2::Foresight', '/cluster/foresight')) =~ s/\n+\z/\n/r;
write_file($PAGE, $wanted) if $ENV{UPDATE};
my $found = -e $PAGE ? do { local (@ARGV, $/) = $PAGE; <> } : '';
ok($found eq $wanted, 'docs/api.md is current') or diag("run UPDATE=1 prove t/90-docs.t in perl/");

done_testing();
