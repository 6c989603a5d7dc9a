package PVE::JSONSchema;

# Stand-in for the tests: the schema words that we use.

use v5.36;

use JSON;

use PVE::Exception qw(raise_param_exc);

use base 'Exporter';

our @EXPORT_OK = qw(get_standard_option);

my %STANDARD = (
    'pve-node' => { type => 'string', description => "The cluster node name.", pattern => '[a-zA-Z0-9-]+' },
    'pve-vmid' => { type => 'integer', description => "The ID of the VM.", minimum => 100, maximum => 999999999 },
);

sub get_standard_option($name, $base = {}) {
    return { ($STANDARD{$name} // die "no such standard schema '$name'\n")->%*, %$base };
}

my %LOOKS_LIKE = (
    string => sub ($value) { !ref($value) },
    boolean => sub ($value) { JSON::is_bool($value) || $value =~ m/^[01]$/ },
    integer => sub ($value) { !ref($value) && $value =~ m/^[+-]?\d+$/ },
    number => sub ($value) { !ref($value) && $value =~ m/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/ },
    array => sub ($value) { ref($value) eq 'ARRAY' },
    object => sub ($value) { ref($value) eq 'HASH' },
    any => sub ($value) { 1 },
);

my sub check($value, $schema, $path, $errors) {
    my $type = $schema->{type} // 'any';
    if (!defined($value)) {
        $errors->{$path} = "property is missing and it is not optional" if !$schema->{optional} && $type ne 'null';
        return;
    }
    my $good = $LOOKS_LIKE{$type} // sub ($value) { 0 };
    return $errors->{$path} = "type check ('$type') failed - got '$value'" if !$good->($value);
    if ($type eq 'array') {
        __SUB__->($value->[$_], $schema->{items}, "$path\[$_]", $errors) for 0 .. $#$value;
    } elsif ($schema->{properties}) {
        my $known = $schema->{properties};
        __SUB__->($value->{$_}, $known->{$_}, length($path) ? "$path.$_" : $_, $errors) for sort keys %$known;
        return if $schema->{additionalProperties} // 1;
        $errors->{"$path.$_"} = "property is not defined in schema" for grep { !$known->{$_} } keys %$value;
    }
    my $enum = $schema->{enum};
    $errors->{$path} = "value '$value' is not one of @$enum" if $enum && !grep { $_ eq $value } @$enum;
    $errors->{$path} = "too small" if defined($schema->{minimum}) && $value < $schema->{minimum};
    $errors->{$path} = "too large" if defined($schema->{maximum}) && $value > $schema->{maximum};
    $errors->{$path} = "too long" if defined($schema->{maxLength}) && length($value) > $schema->{maxLength};
}

sub validate($instance, $schema, $message = undef) {
    my $errors = {};
    check($instance, $schema, '', $errors);
    raise_param_exc($errors) if %$errors;
    return 1;
}

my %WORDS = map { $_ => 1 } qw(
    type description verbose_description optional default enum minimum maximum maxLength pattern format
    properties additionalProperties items links
);

my sub known_words($schema, $where) {
    my ($odd) = grep { !$WORDS{$_} } keys %$schema;
    die "$where: unknown schema word '$odd'\n" if defined($odd);
    my $properties = $schema->{properties} // {};
    __SUB__->($properties->{$_}, "$where.$_") for keys %$properties;
    __SUB__->($schema->{items}, "$where\[]") if $schema->{items};
}

sub validate_method_info($info) {
    known_words($info->{$_}, "$info->{name}.$_") for qw(parameters returns);
}

1;
