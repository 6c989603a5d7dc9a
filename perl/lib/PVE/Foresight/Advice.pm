package PVE::Foresight::Advice;

# Advice as a caller may see it. Entries about a guest or node that the caller may not audit go as a
# whole. Once something is withheld, sentences about the whole cluster go, too, and of the remaining
# entries only what is known to speak of nothing but the entry itself stays: a field that the engine
# learns to give later is withheld until it is listed here.

use v5.36;

# What remains of the whole; `nodes`, the lists of guests and the sentences are made anew.
my @WHOLE = qw(now data_until overload_before overload_after horizon_hours);

my @MOVE = qw(
    vmid name source target confidence
    score_improvement source_score target_score benefit cost source_peaks target_peaks
);

my %FIELDS = (
    recommendations => [
        @MOVE, qw(order type urgency confidence_parts decision_explanation trend_evidence command),
    ],
    considered => [@MOVE, 'reason'],
    skipped => [qw(vmid name node reason blockers)],
    # Without `guests`: how many there are.
    nodes => [qw(
        name state urgency findings maxcpu maxmem cpu memory iowait
        cpu_trend_per_day cpu_direction mem_trend_per_day mem_direction
        stability_score overload history_days
    )],
);

# Obstacles that consist in another guest, whose number is in their text.
my %OTHERS = map { $_ => "is bound to other guests by a rule or tag" } qw(together apart);

my sub may($rights, $entry) {
    return 0 if defined($entry->{vmid}) && !$rights->guest($entry->{vmid});
    my @nodes = map { $entry->{$_} // () } qw(source target node);
    push @nodes, $entry->{name} if !defined($entry->{vmid});
    return !grep { !$rights->node($_) } @nodes;
}

my sub only($entry, @fields) {
    return { map { $_ => $entry->{$_} } grep { exists($entry->{$_}) } @fields };
}

my sub without_others($entry) {
    my $blockers = $entry->{blockers} or return $entry;
    for my $blocker (@$blockers) {
        my $said = $OTHERS{$blocker->{code}} // next;
        $entry->{reason} = $said if $entry->{reason} eq $blocker->{text};
        $blocker->{text} = $said;
    }
    return $entry;
}

# A last check on free text, that is, on what has more than one word: does it mention somebody who is
# withheld after all?
my sub mentions($withheld) {
    my @names = grep { length } map { $_->{name} } @$withheld;
    my $names = join('|', map { quotemeta } @names) || '(?!)';
    my $numbers = join('|', map { $_->{vmid} // () } @$withheld) || '(?!)';
    return qr/(?<![\w.-])(?:$names)(?![\w-])|\b(?:VM|CT|guest|vm|ct)[ :](?:$numbers)\b/;
}

my sub censored($data, $mentions) {
    if (ref($data) eq 'HASH') {
        $data->{$_} = __SUB__->($data->{$_}, $mentions) for keys %$data;
    } elsif (ref($data) eq 'ARRAY') {
        $_ = __SUB__->($_, $mentions) for @$data;
    } elsif (defined($data) && !ref($data) && $data =~ m/\s/ && $data =~ $mentions) {
        return 'withheld';
    }
    return $data;
}

my sub summary($reply, $withheld) {
    my $moves = $reply->{recommendations}->@*;
    my $s = $moves == 1 ? '' : 's';
    return "$moves recommended migration$s may be shown to you; $withheld entries about guests or nodes"
        . " that you may not audit are withheld.";
}

# The advice in `$reply` as the holder of `$rights` may see it.
sub visible($reply, $rights) {
    my (%kept, @withheld);
    for my $list (keys %FIELDS) {
        push $kept{$list}->@*, grep { may($rights, $_) } $reply->{$list}->@*;
        push @withheld, grep { !may($rights, $_) } $reply->{$list}->@*;
    }
    return { %$reply, withheld => 0 } if !@withheld;
    my $visible = only($reply, @WHOLE);
    my $mentions = mentions(\@withheld);
    for my $list (keys %FIELDS) {
        my @entries = map { without_others(only($_, $FIELDS{$list}->@*)) } $kept{$list}->@*;
        $visible->{$list} = censored(\@entries, $mentions);
    }
    $visible->{withheld} = scalar(@withheld);
    $visible->{summary} = summary($visible, scalar(@withheld));
    $visible->{warnings} = ["warnings may name what you may not audit, and are left out"];
    return $visible;
}

1;
