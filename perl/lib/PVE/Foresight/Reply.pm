package PVE::Foresight::Reply;

# The engine's replies in PVE's schema words: what src/api/ declares. Absent values are null, so
# whatever may be unknown is optional. Fields are only ever added.

use v5.36;

my sub of($type, $description, @more) {
    return { type => $type, description => $description, @more };
}

my sub number($description, @more) { return of('number', $description, @more) }
my sub integer($description, @more) { return of('integer', $description, @more) }
my sub string($description, @more) { return of('string', $description, @more) }
my sub boolean($description, @more) { return of('boolean', $description, @more) }
my sub word($description, @words) { return of('string', $description, enum => [@words]) }
my sub object($description, %properties) { return of('object', $description, properties => \%properties) }
my sub list($description, $items) { return of('array', $description, items => $items) }
my sub maybe($schema) { return { %$schema, optional => 1 } }

my sub texts($description) { return list($description, string("One of them.")) }
my sub time_of($description) { return integer("$description (unix seconds)", minimum => 0) }
my sub node_name($description) { return string($description) }
my sub vmid() { return integer("Number of the guest.", minimum => 1) }

my $COUNTED = 'left out where you may not audit every guest';

my @DIRECTIONS = qw(sustained_increase sustained_decrease stable volatile cyclical unknown);
my @URGENCIES = qw(none low medium high);
my @STATES = qw(healthy stable_but_hot trending_toward_overload overloaded offline silent unknown);
my @UNITS = qw(fraction bytes_per_second number);

my sub crossing($description) {
    return object(
        $description,
        answer => word("Whether and when.", qw(already in never)),
        hours => maybe(number("Hours from now.")),
        earliest => maybe(number("Lower end of the 80 % interval.")),
        latest => maybe(number("Upper end; null where the trend may stop short of it.")),
        horizon => maybe(number("Hours that were looked ahead.")),
    );
}

my sub expected($description) {
    return list($description, object(
        "A moment.",
        time => time_of("When"),
        expected => number("Expected value."),
        low => number("Lower end."),
        high => number("Upper end."),
    ));
}

my sub moves($description) {
    return list($description, object(
        "A move.",
        time => time_of("When it was first seen on the new host"),
        vmid => vmid(),
        from => node_name("Host before."),
        to => node_name("Host after."),
    ));
}

my sub trend() {
    return object(
        "Trend of one metric.",
        metric => string("Name of the metric."),
        unit => word("Unit of the values.", @UNITS),
        direction => word("Where it is going.", @DIRECTIONS),
        not_enough => maybe(object(
            "Why nothing can be said.",
            reason => string("What is there."),
            needed => string("What would be enough."),
        )),
        slope_per_day => maybe(number("Change per day that holds now.")),
        slope_ci => maybe(list("95 % interval of the change.", number("One end."))),
        r2 => maybe(number("Share of the variance that the trend explains.")),
        points => integer("Points that were used."),
        confidence => number("Chance that the direction is right, 0 to 1."),
        level => maybe(number("Level now, without season and noise.")),
        current => maybe(number("Mean of the last hour with data.")),
        baseline => maybe(object(
            "What is normal at this hour of this weekday.",
            expected => number("Expected value."),
            spread => number("Standard deviation around it."),
        )),
        anomaly => maybe(object(
            "How far from normal it is.",
            sigma => number("Deviation in standard deviations."),
            flag => boolean("Whether it is worth a word."),
            side => word("Direction of the deviation.", qw(above below)),
        )),
        projection => maybe(object(
            "When the threshold is reached if the trend goes on.",
            threshold => number("The threshold."),
            level => crossing("When the level without daily and weekly swing reaches it."),
            peak => crossing("When the swing first touches it."),
        )),
        projection_basis => maybe(word("What a projection stands on.", qw(persistent new cpu_like))),
        saturated => boolean("Whether it has run into the end of its scale."),
        stability => maybe(number("0 (erratic) to 100 (each hour as foretold).")),
        behavior => maybe(word("How it behaves.", qw(growing bursty cyclical stable idle))),
        peak_hours => list("Local hours of the day's peak.", integer("Hour, 0 to 23.")),
        peak_multiplier => maybe(number("Level in the peak hours over the mean level.")),
        changes => list("Level shifts in the window, oldest first.", object(
            "A level shift.",
            time => time_of("When"),
            size => number("By how much."),
            known => boolean("Whether it was known beforehand (a migration) or found."),
        )),
        seasonal_strength => number("Share of the variance that the daily or weekly rhythm foretells."),
        p95_7d => maybe(number("95th percentile of the samples of the last 7 days.")),
        plot => maybe(object(
            "Curves for a plot; of one node or guest only.",
            baseline => expected("What was normal over the window, with two standard deviations."),
            forecast => expected("The next three days, with the 80 % interval."),
        )),
    );
}

my sub history() {
    return list("What is stored, thinned to what a plot can show.", object(
        "A metric.",
        metric => string("Name of the metric."),
        unit => word("Unit of the values.", @UNITS),
        help => string("What it is."),
        buckets => list("Values, oldest first.", object(
            "A span of time.",
            start => time_of("First second"),
            seconds => integer("Length; 0 for a single sample."),
            count => integer("Number of samples."),
            min => number("Smallest of them."),
            max => number("Largest of them."),
            avg => number("Mean of them."),
            p95 => number("95th percentile of them."),
        )),
    ));
}

my sub quality() {
    return (
        total_samples => integer("Samples behind what is stored."),
        oldest_sample_age => maybe(integer("Seconds since the first of them.")),
        last_sample_age => maybe(integer("Seconds since the last of them.")),
        largest_gap => maybe(integer("Longest stretch without samples, in seconds.")),
        interval => maybe(integer("Seconds usually between two samples.")),
        coverage => list("Share of the time that has samples, by tier, finest first.", number("Share.")),
    );
}

my sub detail() {
    return (
        now => time_of("Moment of the analysis"),
        history => history(),
        quality => maybe(object("How complete its data is.", entity => string("Whose data."), quality())),
    );
}

my sub before_after($what) {
    return object(
        "$what, medians of a day.", before => number("Before the move."), after => number("After it."),
    );
}

sub node_trends(%more) {
    return object(
        "How a node develops.",
        node => node_name("The node."),
        lookback_hours => integer("Window that was analysed: the one asked for, as far as the store reaches."),
        metrics => list("By metric; what the node does not give is absent, and so is guest_count to who may not audit every guest.", trend()),
        stability_score => maybe(number("0 (erratic) to 100 (predictable): the least of CPU, memory and IO wait.")),
        migrations => maybe(moves("Guests that came or went; of one node only, those you may audit.")),
        growth => maybe(list("Whose growth its growth is, of CPU and memory where they have a trend; of one node only.", object(
            "Growth of a load over the window, in parts that sum to it.",
            metric => string("Name of the metric."),
            unit => word("Of the figures, per day.", qw(cores bytes)),
            slope_per_day => number("Growth of the whole."),
            guests => list("The guests' own growth, largest first; those you may audit.", object(
                "A guest.",
                vmid => vmid(),
                name => string("Its name."),
                slope_per_day => number("Its growth."),
            )),
            moves => number("What arrivals and departures add."),
            rest => number("What no guest explains: the host itself."),
        ))),
        %more,
    );
}

sub node_detail() { return node_trends(detail()) }

sub guest_trends(%more) {
    return object(
        "How a guest develops.",
        vmid => vmid(),
        name => string("Its name."),
        node => node_name("Its host."),
        lookback_hours => integer("Window that was analysed: the one asked for, as far as the store reaches."),
        metrics => list("By metric; what the guest does not give is absent.", trend()),
        behavior => maybe(word("How it behaves, from the CPU.", qw(growing bursty cyclical stable idle))),
        peak_hours => list("Busy hours of the day, local time.", integer("Hour, 0 to 23.")),
        migrations => moves("Its moves within retention; a list of guests may lack those of more than 14 days ago."),
        effects => maybe(list("What the moves of the last 14 days did to it; of one guest only.", object(
            "A move.",
            time => time_of("When it moved"),
            cpu => maybe(before_after("Share of its cores")),
            memory => maybe(before_after("Share of its memory")),
        ))),
        %more,
    );
}

sub guest_detail() { return guest_trends(detail()) }

my sub overload($description) {
    return object(
        $description,
        node_hours => number("Hours in which a node is above a threshold."),
        core_hours => number("Core-hours above the threshold; memory as the same share of the cores."),
    );
}

my sub readings($description) {
    return object(
        $description,
        map { $_->[0] => maybe(number($_->[1])) } (
            ['current', "Mean of the last samples."],
            ['mean_24h', "Mean of the last 24 hours."],
            ['high_24h', "95th percentile of the hourly means of the last 24 hours."],
            ['mean_7d', "Mean of the last 7 days."],
            ['high_7d', "95th percentile of the hourly means of the last 7 days."],
        ),
    );
}

my sub score($description) {
    return list($description, object(
        "One term.",
        term => string("Term of the settings table."),
        key => string("Expert key that weighs most in it."),
        points => number("What it added; negative for a bonus."),
        observed => number("What was seen, in the unit of the limit."),
        limit => number("Where its curve has the knee that was reached."),
    ));
}

my sub peaks($description) {
    return object(
        $description,
        cpu_before => number("CPU before, as a share."),
        cpu_after => number("CPU after."),
        memory_before => number("Memory before."),
        memory_after => number("Memory after."),
    );
}

my sub weighing() {
    return (
        score_improvement => number("Penalty points that the guest's place loses."),
        source_score => score("Penalties of the source, by term."),
        target_score => score("Penalties of the target with the guest, by term."),
        benefit => overload("Overload that it avoids."),
        cost => object(
            "What it costs.",
            points => number("All of it, in points."),
            memory => number("Bytes of memory to transfer."),
            local_disks => number("Bytes of disks to copy."),
            restart => boolean("Whether the guest is down while it moves."),
        ),
        source_peaks => peaks("Busy hours of the source."),
        target_peaks => peaks("Busy hours of the target."),
        window => maybe(object(
            "When it disturbs least; null where any hour is as good.",
            start => time_of("Next beginning"),
            end => time_of("Next end"),
            start_hour => integer("Local hour, 0 to 23."),
            end_hour => integer("Local hour, exclusive."),
            why => string("Why then."),
        )),
    );
}

my sub move() {
    return (
        vmid => vmid(),
        name => string("Its name."),
        source => node_name("Node that it leaves."),
        target => node_name("Node that it goes to."),
        confidence => number("0 to 100."),
        confidence_parts => object(
            "What the confidence consists of.",
            percent => number("0 to 100."),
            parts => list("Its parts.", object(
                "A part.",
                name => string("Which one."),
                value => number("0 to 1."),
                weight => number("Its share of the whole."),
                why => string("What it rests on."),
            )),
        ),
        weighing(),
    );
}

my sub node_evidence($description) {
    return object(
        $description,
        cpu_trend => string("CPU change in points of capacity per day."),
        cpu_direction => word("Direction of the CPU.", @DIRECTIONS),
        mem_trend => string("Memory change in points of capacity per day."),
        mem_direction => word("Direction of the memory use.", @DIRECTIONS),
        stability_score => maybe(integer("0 (erratic) to 100 (predictable).")),
        above_baseline => boolean("Whether the CPU is above what is normal at this hour."),
        below_baseline => boolean("Whether it is as far below."),
        baseline_deviation_sigma => maybe(number("How far, in standard deviations.")),
    );
}

my sub evidence() {
    return object(
        "What the decision rests on.",
        source_node_trend => node_evidence("The node that the guest leaves."),
        target_node_trend => node_evidence("The node that the guest goes to."),
        guest_trend => object(
            "The guest.",
            cpu_growth_rate => string("CPU growth in points of the guest's own cores per day."),
            cpu_growth_cores => number("The same in host cores per day."),
            mem_growth_rate => string("Memory growth in points of the guest's own memory per day."),
            mem_growth_bytes => number("The same in bytes per day."),
            behavior => maybe(word("How it behaves.", qw(growing bursty cyclical stable idle))),
            peak_hours => list("Busy hours of the day, local time.", integer("Hour, 0 to 23.")),
            previous_migrations => integer("Moves within retention."),
            success_rate => maybe(number("Share of judged moves that helped.")),
            last_outcome => maybe(string("Verdict on the last judged move.")),
        ),
        decision_factors => list("What spoke for and against, strongest first.", object(
            "A factor.",
            factor => string("What it is, with its number."),
            weight => word("How much it counted.", qw(high medium low)),
            type => word("Which way it pointed.", qw(problem positive concern info)),
        )),
        data_quality => object(
            "How much history it rests on.",
            node_history_days => number("Days of the node with less of it."),
            guest_history_days => number("Days of the guest."),
            confidence_note => string("One line for people."),
        ),
    );
}

my sub node_advice() {
    return object(
        "A node's part in the advice.",
        name => node_name("The node."),
        state => word("Its state.", @STATES),
        in_trouble => boolean(
            "Whether it is overloaded or heading there by CPU, memory or IO wait; a storage alone is none of its load.",
        ),
        maintenance => boolean("Whether HA has it in maintenance, or was asked to."),
        urgency => word("How soon somebody should look.", @URGENCIES),
        findings => list("What it is about, the worst metric first.", object(
            "A metric.",
            metric => string("CPU, memory, IO wait or storage."),
            state => word("State by this metric alone.", @STATES),
            current => maybe(number("Level now, as a share.")),
            high_7d => maybe(number("95th percentile of the hourly means of the last 7 days.")),
            threshold => number("Threshold of the settings."),
            hours_to_threshold => maybe(number("Hours until its busy hours cross it if the trend goes on.")),
            peak_hours => list(
                "Local hours in which it is expected above the threshold, of CPU, where these are the same each day.",
                integer("Hour of the day."),
            ),
        )),
        maxcpu => number("Cores."),
        maxmem => number("Bytes of memory."),
        guests => maybe(integer("Running guests, of an offline node those that were left there; $COUNTED.")),
        cpu => readings("CPU as a share: now as measured, before as if today's guests had always been there."),
        memory => readings("Memory as a share, likewise."),
        iowait => readings("Wait for disks as a share."),
        cpu_trend_per_day => maybe(number("CPU change per day, where a trend is claimed.")),
        cpu_direction => word("Direction of the CPU.", @DIRECTIONS),
        mem_trend_per_day => maybe(number("Memory change per day.")),
        mem_direction => word("Direction of the memory use.", @DIRECTIONS),
        cpu_guests_per_day => number("CPU change per day that is claimed of its guests, as a share of the node."),
        mem_guests_per_day => number("Memory change per day of its guests, likewise."),
        stability_score => maybe(number("0 (erratic) to 100 (predictable).")),
        overload => overload("Expected overload without moves."),
        history_days => number("Days of history."),
    );
}

sub recommend() {
    return object(
        "Advice.",
        now => time_of("Moment of the analysis"),
        data_until => time_of("Newest sample behind it"),
        nodes => list("Nodes by name.", node_advice()),
        recommendations => list("Moves in the order in which to make them.", object(
            "A move that is recommended.",
            move(),
            order => integer("Position in the plan, from 1."),
            type => word("VM or container.", qw(qemu lxc)),
            urgency => word("How soon.", @URGENCIES),
            decision_explanation => string("Why, in two sentences."),
            trend_evidence => evidence(),
            concerns => maybe(texts("What to look at before; left out where something is withheld.")),
            command => string("Command for a shell on the source node; nothing runs it for you."),
        )),
        considered => list("Moves that were weighed and rejected.", object(
            "A move.",
            move(),
            reason => string("Why it was rejected."),
        )),
        skipped => list("Guests that were not candidates.", object(
            "A guest.",
            vmid => vmid(),
            name => string("Its name."),
            node => node_name("Its host."),
            reason => string("Why, in one clause."),
            blockers => list("What keeps it where it is, or from the node that would be best, then from the others.", object(
                "An obstacle.",
                code => string("Stable word for programs."),
                text => string("One clause for people."),
            )),
        )),
        overload_before => overload("Expected overload without the moves."),
        overload_after => overload("Expected overload with them."),
        horizon_hours => number("Hours ahead that 'expected' looks."),
        trend_hours => number("Hours of history from which a trend may be claimed."),
        crs => object(
            "PVE's own balancer.",
            scheduler => string("How it counts: basic, static or dynamic."),
            auto_rebalance => boolean("Whether it moves HA guests by itself."),
            threshold => number("Imbalance at which it acts."),
            hold_duration => integer("How long the imbalance must last."),
            margin => number("What a move must gain."),
            method => string("How it chooses."),
            imbalance => maybe(number("Imbalance now.")),
            will_act => boolean("Whether it is about to act."),
            ha_guests => maybe(integer("Guests that it may move; left out where something is withheld.")),
            next_move => maybe(object(
                "The move that it would make.",
                vmid => vmid(),
                source => node_name("Node that the guest leaves."),
                target => node_name("Node that it goes to."),
                imbalance_after => number("Imbalance after it."),
            )),
            text => maybe(string("One sentence.")),
        ),
        summary => string("What to do, or why there is nothing to do."),
        warnings => texts("What was odd or not known."),
        withheld => integer("Entries that are left out because you may not audit their guest or node."),
    );
}

my sub effect($description) {
    return maybe(object(
        $description,
        measured => number("Mean of the window."),
        expected => number("The same without the move."),
        low => number("Lower end of its 90 % interval."),
        high => number("Upper end."),
        difference => number("Measured less expected."),
        basis => word("What the expectation rests on.", qw(guest_load forecast both)),
    ));
}

my @VERDICTS = qw(pending improved no_effect worse interrupted unknown);

my sub window_outcome() {
    return object(
        "A window after the move.",
        window => word("Which one.", qw(5min 1h 24h)),
        due => time_of("When it is over"),
        judged => maybe(time_of("When it was judged")),
        result => word("The verdict.", @VERDICTS),
        reason => string("Why, in one clause."),
        resource => maybe(word("The one that was nearest to its threshold.", qw(cpu memory))),
        needed => maybe(boolean("Whether a node is near its threshold in it, with the move or without.")),
        predicted => maybe(number("Relief of the fuller node in its busy quarter, as forecast; a share.")),
        actual => maybe(number("The same as it came.")),
        uncertainty => maybe(number("Half width of its 90 % interval.")),
        source => object("The node that the guest left.", cpu => effect("CPU."), memory => effect("Memory.")),
        target => object("The node that it went to.", cpu => effect("CPU."), memory => effect("Memory.")),
        guest => object("The guest.", cpu => effect("CPU."), pressure => effect("Time it had to wait.")),
        controls => integer("Nodes that showed the common swing."),
        common_swing => maybe(number("What they did beyond their own forecasts.")),
    );
}

my sub accuracy() {
    my @of = map {
        ($_ => maybe(object(
            "After that time.",
            moves => integer("Moves that count."),
            bias => maybe(number("Mean of actual less predicted relief.")),
            mean_abs_error => maybe(number("Mean of their distance.")),
            hit_rate => maybe(number("Share of which it was foreseen whether they help, harm or do neither.")),
        )))
    } '1h', '24h';
    return object("Predicted against actual relief.", @of);
}

sub outcomes() {
    return object(
        "What became of migrations.",
        now => time_of("Moment of the question"),
        outcomes => list("Newest move first.", object(
            "A move.",
            vmid => vmid(),
            name => string("Its name then."),
            since => time_of("First sample of this guest"),
            source => node_name("Node that it left."),
            target => node_name("Node that it went to."),
            time => time_of("First sample on the new host"),
            seen => time_of("When it was taken note of"),
            limits => of('object', "Thresholds that held then.", properties => {}),
            result => word("Verdict of the longest window that is judged.", @VERDICTS),
            summary => string("Why, in one clause."),
            advice => maybe(object(
                "Our advice before the move.",
                recommended => boolean("Whether it named this guest, source and target."),
                as_of => time_of("Its moment"),
                confidence => maybe(number("What was stated then, 0 to 100.")),
                decision_explanation => maybe(string("Why, in two sentences.")),
                trend_evidence => maybe(of('object', "The evidence.", properties => {})),
                settings => of('object', "The five settings that held.", properties => {}),
            )),
            windows => list("The three windows, shortest first.", window_outcome()),
        )),
        guests => list("Guests that moved.", object(
            "A guest.",
            vmid => vmid(),
            name => string("Its newest name."),
            previous_migrations => integer("Moves within retention."),
            judged => integer("Those that are judged."),
            improved => integer("Those that helped."),
            no_effect => integer("Those that changed nothing."),
            worse => integer("Those that did harm."),
            success_rate => maybe(number("Share of the judged that helped.")),
            last_outcome => maybe(word("Verdict on the last judged.", @VERDICTS)),
            accuracy => accuracy(),
        )),
        accuracy => accuracy(),
        calibration => list("Stated confidence against what came, ten deciles.", object(
            "A decile.",
            from => number("Lower end of the stated confidence."),
            to => number("Upper end."),
            moves => integer("Moves in it."),
            stated => maybe(number("Mean of the stated confidence.")),
            improved => maybe(number("Share that helped.")),
        )),
        warnings => texts("What was odd."),
        withheld => integer("Entries that are left out because you may not audit their guest or node."),
    );
}

my @REPLAYED = (
    node_hours => number("Hours that nodes were above a threshold."),
    core_hours => number("Core-hours above the CPU threshold: the main figure."),
    unmet_core_hours => number("Core-hours that guests wanted and their nodes did not have."),
    gib_hours => number("GiB-hours above the memory threshold."),
    moves => integer("Migrations made."),
);

sub backtest() {
    return object(
        "What other moves, or none, would have made of the stored time.",
        made => time_of("When this was computed"),
        age => integer("Seconds since then."),
        days => integer("Days that were asked for."),
        now => time_of("End of the time that was asked for"),
        summary => string("One sentence."),
        nodes => integer("Nodes of the cluster."),
        guests => maybe(integer("Its guests; $COUNTED.")),
        cores => number("All its cores."),
        threshold => number("CPU load at which overload begins, as a share."),
        memory_threshold => number("Memory use at which overload begins, as a share."),
        judged_from => time_of("First second that was judged"),
        judged_until => time_of("End of what was judged"),
        judged_hours => integer("Hours judged."),
        warm_up_hours => integer("Hours before the first decision."),
        every_hours => integer("Hours between decisions."),
        coarse_hours => integer("Judged hours of which only the mean of six hours is known."),
        mean_demand => number("Mean demand of all guests, as a share of all cores."),
        unavoidable_core_hours => number("Overload that no placement could avoid."),
        outcomes => list("What really happened, then what came of each policy.", object(
            "A policy.",
            policy => string("Its name."),
            sensitivity => maybe(string("Sensitivity it decided by, where several are compared.")),
            @REPLAYED,
            gib_moved => number("Memory moved."),
            returns_24h => integer("Moves back to a node left less than a day before."),
            returns_7d => integer("Moves back to a node left less than a week before."),
            days => list("Day by day.", object("A day.", start => time_of("When it began"), @REPLAYED)),
            migrations => moves("Its moves."),
        )),
        warnings => texts("What makes the figures less than they seem, and what was odd."),
        withheld => integer("Moves that are left out because you may not audit their guest or nodes."),
    );
}

sub settings() {
    return object(
        "Settings as they hold.",
        settings => of('object', "The five, chosen or default, by name.", properties => {}),
        chosen => texts("Names of those of the five that were chosen."),
        effective => list("Every expert key with its value.", object(
            "A key.",
            key => string("Its name."),
            value => of('any', "Value that holds."),
            origin => word("Where it comes from.", qw(default knob expert)),
            reset => of('any', "Value that would hold without the expert's."),
            default => of('any', "Default of the table."),
            unit => string("Sign of its unit."),
            term => string("Part of the decision it feeds."),
        )),
        warnings => texts("What is odd about the file."),
        refused => maybe(string("Why the file could not be used: the defaults hold, changes are refused.")),
        digest => string("SHA-1 digest of the settings file, for a change."),
        schema => object(
            "What may be set by a PUT on this path.",
            order => texts("Names in the order of the table."),
            properties => of('object', "The schema of each.", properties => {}),
            details => of('object', "Its unit and what it feeds or moves.", properties => {}),
        ),
    );
}

sub status() {
    return object(
        "How the engine and its store are.",
        version => string("Version of the engine."),
        now => time_of("Moment of the question"),
        store => boolean("Whether there is a store; the first collector run makes it."),
        last_sample => maybe(time_of("Newest sample")),
        last_sample_age => maybe(integer("Seconds since then.")),
        size => maybe(object(
            "How large the store is.",
            tiers => list("By resolution, finest first.", object(
                "A tier.",
                tier => word("Which one.", qw(raw hourly six-hourly)),
                files => integer("Segment files."),
                bytes => integer("Bytes of them."),
                rows => integer("Rows in them."),
                oldest => maybe(time_of("Oldest row")),
                newest => maybe(time_of("Newest row")),
            )),
            bytes => integer("Bytes of all files."),
            nodes => integer("Nodes in the newest row."),
            guests => maybe(integer("Guests in the newest row; $COUNTED.")),
            bytes_per_entity => maybe(number("Bytes for each node or guest; $COUNTED.")),
            bytes_written_today => integer("Bytes written since midnight UTC."),
            retention => object(
                "How long each tier is kept.",
                raw_hours => integer("Hours of samples."),
                hourly_days => integer("Days of hourly values."),
                six_hourly_days => integer("Days of six-hourly values."),
            ),
        )),
        quality => maybe(object("How complete the collector's work is, whoever was in its runs.", quality())),
        collector => maybe(object(
            "How the collector does.",
            last_run => time_of("Newest run that stored something"),
            interval => maybe(integer("Seconds usually between two runs.")),
            runs_last_hour => integer("Runs in the last hour."),
            missed_last_hour => maybe(integer("Runs that it lacks.")),
            late => boolean("Whether the next run is overdue."),
        )),
        warnings => texts("What an admin should know, each with its remedy."),
        settings => object(
            "The settings file.",
            refused => maybe(string("Why it could not be used: the defaults hold.")),
            warnings => texts("What is odd about it."),
        ),
    );
}

1;
