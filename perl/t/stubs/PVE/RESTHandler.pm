package PVE::RESTHandler;

# Stand-in for the tests: registers methods and finds them by path.

use v5.36;

use PVE::Exception;
use PVE::JSONSchema;

my (%methods, %tree);

sub register_method($class, $info) {
    my @steps = grep { length } split(m!/!, $info->{path});
    my $place = $tree{$class} //= {};
    $place = $place->{m/^\{(.*)\}$/ ? '{}' : $_} //= {} for @steps;
    my $verb = $info->{subclass} ? ' subclass' : ' ' . ($info->{method} //= 'GET');
    die "duplicate method definition\n" if $info->{subclass} ? %$place : $place->{$verb};
    $info->{match_name} = [map { m/^\{(.*)\}$/ ? $1 : undef } @steps];
    $place->{$verb} = $info;
    push $methods{$class}->@*, $info;
}

sub method_attributes($class) {
    return $methods{$class};
}

sub map_method_by_name($class, $name) {
    my ($info) = grep { ($_->{name} // '') eq $name } $methods{$class}->@*;
    return $info // die "no such method '${class}::$name'\n";
}

sub find_handler($class, $method, $path, $param, $match = undef) {
    my ($place, @caught) = ($tree{$class});
    for my $step (grep { length } split(m!/!, $path)) {
        push @caught, $step if !$place->{$step} && $place->{'{}'};
        $place = $place->{$step} // $place->{'{}'} // return undef;
        my $below = $place->{' subclass'} // next;
        ($class, $place) = ($below->{subclass}, $tree{$below->{subclass}});
    }
    my $info = $place->{" $method"} // return undef;
    $param->{$_} = shift @caught for grep { defined } $info->{match_name}->@*;
    return ($class, $info);
}

sub handle($class, $info, $param, $verify = 0) {
    PVE::JSONSchema::validate($param, $info->{parameters});
    my $result = $info->{code}->($param);
    PVE::JSONSchema::validate($result, $info->{returns}, "Result verification failed\n") if $verify;
    return $result;
}

1;
