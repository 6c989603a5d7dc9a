#!/usr/bin/perl -T

# What the schemas say of the engine's replies is what its sources say: names, words, and what may be null.

use v5.36;

use Test::More;

use lib 't/lib';
use ForesightTest;

use JSON;

use PVE::Tools qw(file_get_contents);

require PVE::Foresight::Reply;

my $REPLIES = decode_json(file_get_contents("$ForesightTest::ROOT/../tests/reference/replies.json"))->{replies};

# What the API adds to the engine's own.
my @ADDED = (
    qw(backtest.made backtest.age backtest.days backtest.withheld),
    qw(outcomes.withheld recommend.withheld settings.digest settings.schema status.settings),
);
# What the engine is never asked for here, and what is taken away before anybody sees it.
my @WITHOUT = qw(recommend.changes settings.content backtest.outcomes[].judged);
# Words that the engine has in texts, as no type of its own.
my @TEXTS = qw(node_trends.growth[].unit);
my %EXCEPTED = map { ($_ => 1) } @ADDED, @WITHOUT, @TEXTS;

# Names only on one side, and differences of those on both.
my sub differences($engine, $declared, $where) {
    my $compare = __SUB__;
    my @found;
    push @found, "$where may be null" if $engine->{optional} && !$declared->{optional};
    if (my $words = $declared->{enum}) {
        my @engines = sort @{ $engine->{enum} // [] };
        push @found, "$where is one of @engines" if !$EXCEPTED{$where} && "@engines" ne join(' ', sort @$words);
    }
    push @found, "$where is a list, or none" if !!$engine->{items} ne !!$declared->{items};
    push @found, $compare->($engine->{items}, $declared->{items}, "$where\[]") if $engine->{items} && $declared->{items};

    my $properties = $declared->{properties} // {};
    return @found if !%$properties && $declared->{type} eq 'object'; # of which no more is declared
    my $engines = $engine->{properties} // {};
    if (my $each = $engine->{each}) { # names that are data: any may be absent
        $engines = { map { ($_ => { %$each, optional => 1 }) } keys %$properties };
    }
    my $only = sub ($here, $there) { grep { !$EXCEPTED{$_} } map { "$where.$_" } grep { !$there->{$_} } sort keys %$here };
    push @found, map { "$_ is not declared" } $only->($engines, $properties);
    push @found, map { "$_ is not of the engine" } $only->($properties, $engines);
    push @found, map { $compare->($engines->{$_}, $properties->{$_}, "$where.$_") }
        grep { $engines->{$_} } sort keys %$properties;
    return @found;
}

my sub agrees($name, $declared) {
    is_deeply([differences($REPLIES->{$name}, $declared, $name)], [], "$name is declared as it is");
}

agrees($_, PVE::Foresight::Reply->can($_)->())
    for qw(backtest guest_trends node_trends outcomes recommend settings status);
my $detail = PVE::Foresight::Reply::node_detail()->{properties};
agrees('history', $detail->{history}->{items});
agrees('quality', $detail->{quality});

done_testing();
