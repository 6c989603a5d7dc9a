package PVE::Foresight::Error;

# What the engine dies with: the class of the result, and a message for people. The bridge makes it.

use v5.36;

use overload
    '""' => sub ($self, @) { "$self->{message}\n" },
    'bool' => sub { 1 },
    fallback => 1;

use HTTP::Status qw(HTTP_NOT_FOUND HTTP_SERVICE_UNAVAILABLE);
use Scalar::Util qw(blessed);

use PVE::Exception qw(raise raise_param_exc);

# The engine's names of fields that the API calls otherwise.
my %PARAMETER = (lookback_hours => 'lookback-hours', hours => 'lookback-hours');

my %CODE = (NOT_FOUND => HTTP_NOT_FOUND, BUSY => HTTP_SERVICE_UNAVAILABLE);

sub is($error, $result) {
    return blessed($error) && $error->isa(__PACKAGE__) && $error->{result} eq $result;
}

sub message($self) {
    return $self->{message};
}

# Runs code and turns the engine's errors into those of the API: a wrong field into a parameter
# exception, what is not there into 404. `$message` replaces that of NOT_FOUND, which lists names.
sub translate($code, $message = undef) {
    my $result = eval { $code->() };
    my $error = $@ or return $result;
    die $error if !(blessed($error) && $error->isa(__PACKAGE__));
    if ($error->{result} eq 'INVALID' && $error->{message} =~ m/^([a-z][a-z0-9_-]*): (.+)\z/s) {
        raise_param_exc({ ($PARAMETER{$1} // $1) => $2 });
    }
    my $text = $error->{result} eq 'NOT_FOUND' && defined($message) ? "$message\n" : "$error";
    raise($text, code => $CODE{$error->{result}}) if $CODE{$error->{result}};
    die $text;
}

1;
