package PVE::Foresight::Visible;

# Replies as a caller may see them. Entries about a guest or node that the caller may not
# audit go as a whole. Once something is withheld, sentences about the whole cluster go, too, and of the
# remaining entries only what is known to speak of nothing but the entry itself stays: a field that the
# engine learns to give later is withheld until it is listed here.
#
# How many guests there are is for who may audit all of them: others learn the number of withheld entries alone.

use v5.36;

my @WEIGHING = qw(score_improvement source_score target_score benefit cost source_peaks target_peaks);
my @MOVE = (qw(vmid name source target confidence confidence_parts window), @WEIGHING);

# By reply: what remains of the whole, and of the entries of its lists.
my %ADVICE = (
    whole => [qw(now data_until overload_before overload_after horizon_hours trend_hours)],
    lists => {
        recommendations => [
            @MOVE, qw(order type urgency decision_explanation trend_evidence command),
        ],
        considered => [@MOVE, 'reason'],
        skipped => [qw(vmid name node reason blockers)],
        # Without `guests`, a count.
        nodes => [qw(
            name state in_trouble maintenance urgency findings maxcpu maxmem cpu memory iowait
            cpu_trend_per_day cpu_direction mem_trend_per_day mem_direction
            cpu_guests_per_day mem_guests_per_day
            stability_score overload history_days
        )],
    },
);
my %OUTCOMES = (
    whole => [qw(now accuracy calibration)],
    lists => {
        outcomes => [qw(vmid name since source target time seen limits result summary advice windows)],
        guests => [qw(
            vmid name previous_migrations judged improved no_effect worse success_rate last_outcome accuracy
        )],
    },
);

# In place of warnings.
my @UNTOLD = ("warnings may name what you may not audit, and are left out");

# Of what is told about PVE's own balancer: nothing about the guests that it may move.
my @BALANCER = qw(scheduler auto_rebalance threshold margin hold_duration method imbalance will_act);

# Obstacles that consist in another guest, or in PVE's plans for one, with its bare number, and the tag or rule,
# in their text.
my %OTHERS = (
    (map { $_ => "is bound to other guests by a rule or tag" } qw(together apart)),
    'crs-balanced' => "is left to PVE's own balancer",
);
# Obstacles that may name another guest by its bare number.
my %MAY_NAME = ('local-disk' => "has a disk that PVE does not copy");

my sub nodes_of($entry) {
    my @named = map { $entry->{$_} // () } qw(source target node from to);
    return (@named, defined($entry->{vmid}) ? () : $entry->{name} // ());
}

my sub may($rights, $entry) {
    return 0 if defined($entry->{vmid}) && !$rights->guest($entry->{vmid});
    return !grep { !$rights->node($_) } nodes_of($entry);
}

my sub only($entry, @fields) {
    return { map { $_ => $entry->{$_} } grep { exists($entry->{$_}) } @fields };
}

# Who is withheld: as the engine writes a guest in a sentence (`VM 103 'shop'`), a guest's number by itself, and
# nodes. Guests' names alone are no mark: a guest called `memory` would blank every sentence about memory, and
# who may name a guest could try out the names of others.
my sub traces_of($vmids, $names) {
    my $any = sub (@words) { join('|', map { quotemeta } grep { length } @words) || '(?!)' };
    my ($numbers, $nodes) = ($any->(@$vmids), $any->(@$names));
    return {
        named => qr/(?<![\w.-])(?:$nodes)(?![\w-])|\b(?:VM|CT|guest|vm|ct)[ :](?:$numbers)\b/,
        bare => qr/(?<![\w.-])(?:$numbers)(?![\w-]|\.\d)/,
    };
}

# An entry whose obstacles name nobody else, nor its reason, which quotes one of them.
my sub without_others($entry, $traces) {
    my $replaced;
    for my $blocker (($entry->{blockers} // [])->@*) {
        my ($code, $text) = $blocker->@{qw(code text)};
        my $said = $OTHERS{$code} // ($text =~ $traces->{bare} ? $MAY_NAME{$code} : undef) // next;
        $entry->{reason} =~ s/\Q$text\E/$said/g;
        $blocker->{text} = $said;
        $replaced = 1;
    }
    $entry->{reason} = 'withheld' if $replaced && $entry->{reason} =~ $traces->{bare};
    return $entry;
}

# A last check on free text, that is, on what has more than one word: does it mention somebody who is withheld
# after all?
my sub censored($data, $mentions) {
    if (ref($data) eq 'HASH') {
        $data->{$_} = __SUB__->($data->{$_}, $mentions) for keys %$data;
    } elsif (ref($data) eq 'ARRAY') {
        $_ = __SUB__->($_, $mentions) for @$data;
    } elsif (defined($data)) {
        # A copy: to match a number makes it a string for JSON.
        my $text = $data;
        return 'withheld' if $text =~ m/\s/ && $text =~ $mentions;
    }
    return $data;
}

# The reply, and whether anything is withheld from it: entries, or what could name a guest without one.
my sub filtered($reply, $rights, $kind) {
    my (%kept, @withheld);
    for my $list (keys $kind->{lists}->%*) {
        push $kept{$list}->@*, grep { may($rights, $_) } $reply->{$list}->@*;
        push @withheld, grep { !may($rights, $_) } $reply->{$list}->@*;
    }
    my ($guests, $nodes) = ($rights->hidden_guests(), $rights->hidden_nodes());
    return ({ %$reply, withheld => 0 }, 0) if !@withheld && $guests && !@$guests && $nodes && !@$nodes;
    my $visible = only($reply, $kind->{whole}->@*);
    my @vmids = (($guests // [])->@*, map { $_->{vmid} // () } @withheld);
    my @names = (($nodes // [])->@*, grep { !$rights->node($_) } map { nodes_of($_) } @withheld);
    my $traces = traces_of(\@vmids, \@names);
    for my $list (keys $kind->{lists}->%*) {
        my @entries = map { without_others(only($_, $kind->{lists}->{$list}->@*), $traces) } $kept{$list}->@*;
        $visible->{$list} = censored(\@entries, $traces->{named});
    }
    # Not `scalar`, whose 0 of an empty list is a string for JSON.
    $visible->{withheld} = 0 + @withheld;
    $visible->{warnings} = [@UNTOLD];
    return ($visible, 1);
}

sub advice($reply, $rights) {
    my ($visible, $limited) = filtered($reply, $rights, \%ADVICE);
    return $visible if !$limited;
    my $withheld = $visible->{withheld};
    my $moves = $visible->{recommendations}->@*;
    my $s = $moves == 1 ? '' : 's';
    $visible->{summary} = "$moves recommended migration$s may be shown to you; $withheld entries about guests or"
        . " nodes that you may not audit are withheld.";
    $visible->{crs} = only($reply->{crs}, @BALANCER) if $reply->{crs};
    return $visible;
}

# A replay has no sentences about single guests but its warnings; figures are those of all moves.
sub backtest($reply, $rights) {
    my $withheld = 0;
    for my $outcome ($reply->{outcomes}->@*) {
        my $moves = $outcome->{migrations};
        my @kept = grep { may($rights, $_) } @$moves;
        $withheld += @$moves - @kept;
        $outcome->{migrations} = \@kept;
    }
    my $visible = { %$reply, withheld => $withheld, $withheld ? (warnings => [@UNTOLD]) : () };
    return $visible if $rights->every_guest();
    delete $visible->{guests};
    return { %$visible, warnings => [@UNTOLD] };
}

# How a node develops, with its history or without.
sub node($trends, $rights) {
    $rights->prune($trends);
    return $trends if $rights->every_guest();
    my @lists = grep { $trends->{$_} } qw(metrics history);
    return { %$trends, map { ($_ => [grep { $_->{metric} ne 'guest_count' } $trends->{$_}->@*]) } @lists };
}

sub status($reply, $rights) {
    return $reply if !$reply->{size} || $rights->every_guest();
    my %size = $reply->{size}->%*;
    delete @size{qw(guests bytes_per_entity)};
    return { %$reply, size => \%size };
}

sub outcomes($reply, $rights) {
    return (filtered($reply, $rights, \%OUTCOMES))[0];
}

1;
