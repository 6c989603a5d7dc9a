package PVE::RPCEnvironment;

# Stand-in for the tests: users, tokens, roles and access lists of a user.cfg as PVE reads it; no groups
# and no pools.

use v5.36;

use PVE::Exception qw(raise_perm_exc);

use base 'PVE::RESTEnvironment';

my $environment;

my %ROLES = (
    Administrator => [qw(Sys.Audit Sys.Modify VM.Audit VM.Migrate)],
    PVEAuditor => [qw(Sys.Audit VM.Audit)],
    NoAccess => [],
);

sub init($class, $type, %params) {
    die "already initialized\n" if $environment;
    return $environment = bless { type => $type }, $class;
}

sub get() {
    return $environment // die "no environment\n";
}

sub init_request($self, %params) {
    open(my $file, '<', $params{userconfig}) or die "$params{userconfig}: $!\n";
    $self->{roles} = {%ROLES};
    for my $line (<$file>) {
        chomp $line;
        my ($type, @fields) = split(/:/, $line);
        $self->{roles}->{$fields[0]} = [split(/,/, $fields[1])] if $type eq 'role';
        $self->{tokens}->{$fields[0]} = $fields[2] if $type eq 'token'; # its own rights or its user's
        push $self->{acl}->{$fields[1]}->{$fields[2]}->@*, [@fields[0, 3]] if $type eq 'acl';
    }
}

sub set_user($self, $user) { $self->{user} = $user }

sub get_user($self, $no_error = 0) { return $self->{user} // die "user name not set\n" }

my sub has($self, $user, $path, $privilege) {
    my ($at, @roles) = ('');
    my @steps = split(m!/!, $path);
    for my $i (0 .. ($path eq '/' ? 0 : $#steps)) {
        $at = $i == 0 ? '/' : $i == 1 ? "/$steps[1]" : "$at/$steps[$i]";
        my @here = ($self->{acl}->{$at}->{$user} // [])->@*;
        @here = grep { $_->[0] } @here if $at ne $path; # those that propagate
        @roles = map { $_->[1] } @here if @here;
    }
    return 0 if grep { $_ eq 'NoAccess' } @roles;
    return scalar grep { $_ eq $privilege } map { ($self->{roles}->{$_} // [])->@* } @roles;
}

sub check($self, $user, $path, $privileges, $no_error = 0) {
    return 1 if $user eq 'root@pam';
    my ($owner) = $user =~ m/^(.*)!/;
    my @who = !$owner ? $user : $self->{tokens}->{$user} ? ($owner, $user) : $owner;
    for my $privilege (@$privileges) {
        next if !grep { !has($self, $_, $path, $privilege) } grep { $_ ne 'root@pam' } @who;
        return 0 if $no_error;
        raise_perm_exc("$path, $privilege");
    }
    return 1;
}

sub check_api2_permissions($self, $permissions, $user, $param) {
    return 1 if $user eq 'root@pam';
    raise_perm_exc("user != root\@pam") if !$permissions;
    my (undef, $path, $privileges) = ($permissions->{check} // return $permissions->{user} eq 'all')->@*;
    $path =~ s/\{(\w+)\}/$param->{$1}/g;
    return $self->check($user, $path, $privileges);
}

1;
