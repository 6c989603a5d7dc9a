package PVE::Exception;

# Stand-in for the tests: as much as our modules and their tests use.

use v5.36;

use overload
    '""' => sub ($self, @) { $self->stringify },
    cmp => sub ($one, $other, @) { "$one" cmp "$other" };

use base 'Exporter';

our @EXPORT_OK = qw(raise raise_param_exc raise_perm_exc);

sub raise($message, %more) {
    die bless { msg => $message, %more }, __PACKAGE__;
}

sub raise_param_exc($errors, $usage = undef) {
    raise("Parameter verification failed.\n", code => 400, errors => $errors);
}

sub raise_perm_exc($what = '') {
    raise("Permission check failed ($what)\n", code => 403);
}

sub stringify($self) {
    my $errors = $self->{errors} // {};
    return join('', ($self->{code} ? "$self->{code} " : ''), $self->{msg}, map { "$_: $errors->{$_}\n" } keys %$errors);
}

1;
