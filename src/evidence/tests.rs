//! What cards say, on a cluster of three nodes made by hand.

use super::*;
use crate::model::{Bytes, Cores, Fraction, GIB, Inventory, Points};
use crate::outcome::Experience;
use crate::outlook::{Load, NodeOutlook, Outlook, Readings};
use crate::recommend::{
    Confidence, Constraints, Cost, Details, Finding, NodeState, Overload, Peaks, Recent, State,
};
use crate::score::Contribution;
use crate::series::LocalTime;
use crate::settings::{PenaltyConfig, Term};
use crate::trend::{Anomaly, Params, Side, analyze};

/// The coming hours of the outlook; a case stands for each.
const HOURS: usize = 168;

/// Three nodes of 10 cores and 100 bytes, and one guest on the first. `cpu` and `memory` are what
/// the first carries besides the guest.
fn outlook(cpu: fn(usize) -> f64, memory: f64) -> Outlook {
    let trend = analyze(&[], &Params::share(0, 0.8, &LocalTime::utc()));
    let load = |cpu: fn(usize) -> f64, memory: f64| Load {
        cpu: (0..HOURS).map(cpu).collect(),
        memory: vec![memory; HOURS],
    };
    let node = |name: &str, base: Load| NodeOutlook {
        cpu: Readings { current: Some(Fraction(0.95)), ..Readings::default() },
        base,
        history_hours: 336.0,
        ..NodeOutlook::idle(name, Cores(10.0), Bytes(100.0), &trend)
    };
    Outlook {
        now: 0,
        weights: vec![1.0; HOURS],
        nodes: vec![
            node("pve1", load(cpu, memory)),
            node("pve2", load(|_| 1.0, 10.0)),
            node("pve3", load(|_| 1.0, 10.0)),
        ],
        guests: vec![GuestOutlook {
            name: "web".into(),
            load: load(|_| 2.0, 1.0),
            cpu_now: Cores(2.0),
            memory_now: Bytes(1.0),
            history_hours: 336.0,
            ..GuestOutlook::idle(100, 0, Cores(4.0), Bytes(5.0), &trend)
        }],
    }
}

/// The guest goes from the first node to the second.
fn step(outlook: &Outlook, target_peaks: (f64, f64)) -> Step {
    let mut source_load = outlook.nodes[0].base.clone();
    source_load.add(&outlook.guests[0].load, 1.0);
    let peaks = |cpu_before, cpu_after, memory| Peaks {
        cpu_before,
        cpu_after,
        memory_before: memory,
        memory_after: memory,
    };
    Step {
        guest: 0,
        source: 0,
        target: 1,
        benefit: Overload::default(),
        gain: Points(50.0),
        source_score: Vec::new(),
        target_score: Vec::new(),
        cost: Cost::default(),
        confidence: Confidence { percent: 90.0, parts: Vec::new() },
        details: Details {
            source_load,
            target_load: outlook.nodes[1].base.clone(),
            source_peaks: peaks(0.95, 0.75, 0.9),
            target_peaks: peaks(target_peaks.0, target_peaks.1, 0.1),
            window: None,
            concerns: Vec::new(),
        },
    }
}

fn asked<T>(outlook: &Outlook, answer: impl FnOnce(&Question) -> T) -> T {
    let inventory = Inventory::default();
    answer(&Question {
        outlook,
        states: &[],
        inventory: &inventory,
        constraints: &Constraints::new(&inventory),
        config: &PenaltyConfig::default(),
        experience: &Experience::default(),
        local: &LocalTime::utc(),
        recent: Recent::whole(),
    })
}

/// Above 80 % with the guest in 20 of the hours, without it in 5.
fn busy(hour: usize) -> f64 {
    match hour {
        0..5 => 9.0,
        5..20 => 7.0,
        _ => 1.0,
    }
}

#[test]
fn the_hours_are_those_of_the_resource_that_is_named() {
    // Memory is above its threshold all the time, but it is not what the guest can change.
    let outlook = outlook(busy, 89.0);
    let step = step(&outlook, (0.1, 0.3));
    let text = asked(&outlook, |q| explanation(q, &step, &[]));
    assert_eq!(
        text,
        "pve1 CPU was at 95 % in the last hour, and is expected above 80 % for 20 of the next 168 hours, 5 \
         without VM 100 'web'; its busy hours fall from 95 % to 75 %; those of its memory stay at 90 %. pve2 is \
         at 95 % CPU with little history and would reach 30 % instead of 10 % CPU in its busy hours."
    );
    let factors = asked(&outlook, |q| TrendEvidence::of(q, &step)).decision_factors;
    // 5 hours of 3 cores and 15 of 1; without the guest 5 of 1.
    let told = "pve1 is expected 5 instead of 30 core-hours above its CPU threshold";
    assert_eq!(factors[1].factor, told);
    assert_eq!(factors[1].kind, Kind::Positive);
}

#[test]
fn what_the_guest_adds_to_the_overload_of_the_target_is_told() {
    let told = |there: fn(usize) -> f64| {
        let mut outlook = outlook(busy, 0.0);
        outlook.nodes[1].base.cpu = (0..HOURS).map(there).collect();
        let step = step(&outlook, (0.1, 0.3));
        let factors = asked(&outlook, |q| TrendEvidence::of(q, &step)).decision_factors;
        let of_target = |f: &&Factor| f.factor.contains("pve2 would be");
        factors.iter().find(of_target).map(|f| (f.factor.clone(), f.kind))
    };
    // Three hours of 7 and 2 cores, and one that is above it anyway.
    let some = told(|h| if h < 3 { 7.0 } else { f64::from(u8::from(h == 9)) * 9.0 });
    let text = "pve2 would be 6 core-hours above its CPU threshold instead of 1";
    assert_eq!(some.map_or("".into(), |(text, _)| text), text.to_string());
    assert_eq!(told(|_| 5.0), None);
}

#[test]
fn a_node_that_has_trouble_with_both_resources_is_told_what_becomes_of_both() {
    let told = |memory: f64| {
        let mut outlook = outlook(busy, 0.0);
        outlook.nodes[..2].iter_mut().for_each(|node| node.memory = Bytes(100.0 * GIB));
        outlook.nodes[0].base.memory = vec![memory * GIB; HOURS];
        outlook.guests[0].load.memory = vec![GIB; HOURS];
        let step = step(&outlook, (0.1, 0.3));
        asked(&outlook, |q| {
            let factors = TrendEvidence::of(q, &step).decision_factors;
            let factor = factors.into_iter().find(|f| f.factor.contains("memory threshold"));
            let text = explanation(q, &step, &[]);
            (factor.map(|f| (f.factor, f.kind)), text.contains("those of its memory"))
        })
    };
    let factor = |text: &str, kind| Some((text.to_string(), kind));
    // 83 GiB with the guest of 100, and 85 is the threshold.
    assert_eq!(told(82.0), (None, false));
    let eased = "pve1 is expected 168 instead of 336 GiB-hours above its memory threshold";
    assert_eq!(told(86.0), (factor(eased, Kind::Positive), true));
}

#[test]
fn what_earlier_steps_leave_is_expected_not_measured() {
    let outlook = outlook(busy, 10.0);
    let step = step(&outlook, (0.1, 0.1));
    let text = asked(&outlook, |q| explanation(q, &step, &[step.clone(), step.clone()]));
    assert_eq!(
        text,
        "After steps 1 and 2, pve1 CPU is expected above 80 % for 20 of the next 168 hours, 5 without \
         VM 100 'web'; its busy hours fall from 95 % to 75 %. pve2 is at 95 % CPU with little history and \
         would after steps 1 and 2 stay at 10 % CPU in its busy hours."
    );
}

#[test]
fn a_target_above_its_threshold_speaks_against_the_move() {
    let outlook = outlook(busy, 10.0);
    let target = |after| {
        let step = step(&outlook, (0.7, after));
        let all = asked(&outlook, |q| TrendEvidence::of(q, &step)).decision_factors;
        all.into_iter().find(|f| f.factor.starts_with("pve2")).unwrap()
    };
    let below = target(0.79);
    assert_eq!(below.kind, Kind::Positive);
    assert!(
        below.factor.starts_with("pve2 stays below its thresholds in its busy hours: 79 % CPU")
    );
    let near = target(0.796).factor;
    assert!(
        near.starts_with("pve2 stays below its thresholds in its busy hours: 79.6 % CPU"),
        "{near}"
    );
    let over = target(0.81);
    assert_eq!(over.kind, Kind::Concern);
    assert!(
        over.factor.starts_with("pve2 would pass a threshold in its busy hours: 81 % CPU"),
        "{}",
        over.factor
    );
}

#[test]
fn a_target_that_is_above_its_threshold_without_the_move_does_not_pass_it() {
    let outlook = outlook(busy, 10.0);
    let target = |before, after| {
        let step = step(&outlook, (before, after));
        let all = asked(&outlook, |q| TrendEvidence::of(q, &step)).decision_factors;
        let told = all.into_iter().find(|f| f.factor.starts_with("pve2")).unwrap();
        (told.factor, told.weight, told.kind)
    };
    let told = |cpu: &str, weight| {
        let text =
            format!("pve2 stays above a threshold in its busy hours: {cpu} CPU and 10 % memory");
        (text, weight, Kind::Concern)
    };
    assert_eq!(target(0.83, 0.86), told("86 % instead of 83 %", Weight::High));
    assert_eq!(target(0.826, 0.83), told("83 %", Weight::Medium), "the move has no part in it");
    let passed = "pve2 would pass a threshold in its busy hours: 83 % CPU and 10 % memory";
    assert_eq!(target(0.79, 0.83), (passed.into(), Weight::High, Kind::Concern));
}

#[test]
fn a_node_that_rises_is_not_called_stable() {
    let mut outlook = outlook(busy, 10.0);
    let step = step(&outlook, (0.1, 0.3));
    let told = |outlook: &Outlook| {
        let all = asked(outlook, |q| TrendEvidence::of(q, &step)).decision_factors;
        all.iter().any(|f| f.factor.starts_with("pve2 is predictable"))
    };
    outlook.nodes[1].cpu_trend.stability = Some(90.0);
    outlook.nodes[1].mem_trend.stability = Some(90.0);
    outlook.nodes[1].iowait_trend.stability = Some(90.0);
    assert!(told(&outlook));
    outlook.nodes[1].cpu_trend.direction = Direction::SustainedIncrease;
    assert!(!told(&outlook));
}

fn told(outlook: &Outlook, step: &Step) -> Vec<String> {
    let all = asked(outlook, |q| TrendEvidence::of(q, step)).decision_factors;
    all.into_iter().map(|f| f.factor).collect()
}

#[test]
fn what_a_move_costs_is_never_left_out() {
    let outlook = outlook(busy, 89.0);
    let mut step = step(&outlook, (0.1, 0.3));
    let problem =
        |term, observed| Contribution { term, key: "", points: Points(50.0), observed, limit: 0.8 };
    step.source_score = vec![
        problem(Term::CpuCurrent, 0.95),
        problem(Term::MemCurrent, 0.95),
        problem(Term::MemSustained, 1.03),
        problem(Term::MemOvercommit, 1.5),
        problem(Term::IowaitSustained, 0.3),
        problem(Term::Baseline, 4.0),
        problem(Term::Maintenance, 1.0),
    ];
    step.cost = Cost { restart: true, local_disks: Bytes(8.0 * GIB), ..Cost::default() };
    let all = told(&outlook, &step);
    assert_eq!(all.len(), 8, "{all:?}");
    assert!(all.iter().any(|f| f.starts_with("The container restarts")), "{all:?}");
    assert!(all.iter().any(|f| f.ends_with("of local disks must be copied")), "{all:?}");
    assert!(all[0].starts_with("Busy hours of pve1 fall from 95 % to 75 %"), "{all:?}");
    // What is expected is told as such, and no more than there is.
    let memory = "pve1 memory is expected at 100 % on average over the next 168 hours";
    assert!(all.iter().any(|f| f == memory), "{all:?}");
}

#[test]
fn what_the_target_promises_to_guests_is_told() {
    let outlook = outlook(busy, 10.0);
    let mut step = step(&outlook, (0.1, 0.3));
    let promised = |points, observed| Contribution {
        term: Term::MemOvercommit,
        key: "",
        points: Points(points),
        observed,
        limit: 1.2,
    };
    step.target_score = vec![promised(40.9, 2.75)];
    let all = asked(&outlook, |q| TrendEvidence::of(q, &step)).decision_factors;
    let told = all.iter().find(|f| f.factor.contains("promised")).unwrap();
    assert_eq!(told.factor, "pve2 would have 2.75 times its memory promised to guests");
    assert_eq!((told.weight, told.kind), (Weight::High, Kind::Concern));
    step.target_score = vec![promised(0.5, 1.1)];
    assert!(!self::told(&outlook, &step).iter().any(|f| f.contains("promised")), "hardly counted");
}

#[test]
fn recent_gaps_stand_where_plenty_of_data_is_praised() {
    let outlook = outlook(busy, 10.0);
    let step = step(&outlook, (0.1, 0.3));
    let note = |recent| {
        asked(&outlook, |q| TrendEvidence::of(&Question { recent, ..*q }, &step))
            .data_quality
            .confidence_note
    };
    assert_eq!(note(Recent::whole()), "High data availability");
    let gaps = Recent { missing: 27, ..Recent::whole() };
    assert_eq!(note(gaps), "Gaps in the data: 27 of the last 48 hours are missing");
}

#[test]
fn busy_hours_that_stay_are_no_fall() {
    let outlook = outlook(busy, 10.0);
    let mut step = step(&outlook, (0.1, 0.3));
    step.details.source_peaks.cpu_after = 0.949;
    assert!(!told(&outlook, &step).iter().any(|f| f.starts_with("Busy hours")));
}

#[test]
fn a_daily_peak_is_not_a_burst_that_goes_by_itself() {
    let mut outlook = outlook(busy, 10.0);
    let step = step(&outlook, (0.1, 0.3));
    let bursty = |outlook: &Outlook| told(outlook, &step).iter().any(|f| f.contains("is bursty"));
    outlook.guests[0].cpu_trend.behavior = Some(Behaviour::Bursty);
    assert!(!bursty(&outlook), "it uses what it always does");
    outlook.guests[0].load.cpu[0] = 2.5;
    assert!(bursty(&outlook));
    outlook.guests[0].cpu_trend.peak_hours = vec![9, 10];
    assert!(!bursty(&outlook));
}

#[test]
fn a_slope_is_told_only_where_a_trend_is_claimed_and_with_what_it_rests_on() {
    let mut outlook = outlook(busy, 10.0);
    let mut step = step(&outlook, (0.1, 0.3));
    let growth = Contribution {
        term: Term::CpuTrend,
        key: "",
        points: Points(50.0),
        observed: 0.01,
        limit: 0.0,
    };
    step.source_score = vec![growth];
    let rate = |outlook: &Outlook| {
        asked(outlook, |q| TrendEvidence::of(q, &step)).source_node_trend.cpu_trend
    };
    outlook.nodes[0].cpu_trend.slope_per_day = Some(0.073);
    outlook.nodes[0].cpu_trend.direction = Direction::Volatile;
    assert_eq!(rate(&outlook), "none");
    outlook.nodes[0].cpu_trend.direction = Direction::SustainedIncrease;
    assert_eq!(rate(&outlook), "+7.3%/day");
    let change = crate::trend::Change { time: 0, size: 0.1, known: false };
    outlook.nodes[0].cpu_trend.changes = vec![change];
    let rises = "pve1 CPU is trending up +7.3 %/day, judged by its last 7 days, steps left aside";
    assert!(told(&outlook, &step).iter().any(|f| f == rises));
}

#[test]
fn maintenance_is_not_what_earlier_steps_did() {
    let mut outlook = outlook(busy, 10.0);
    outlook.nodes[0].maintenance = true;
    let step = step(&outlook, (0.1, 0.3));
    let text = asked(&outlook, |q| explanation(q, &step, std::slice::from_ref(&step)));
    let told = "pve1 is in maintenance; after step 1, without VM 100 'web', its busy hours fall";
    assert!(text.starts_with(told), "{text}");
}

#[test]
fn a_state_names_what_the_table_does_not_show() {
    let finding = |metric, state, high| Finding {
        metric,
        state,
        current: Some(Fraction(0.1)),
        high_7d: Some(Fraction(high)),
        threshold: Fraction(0.3),
        hours_to_threshold: None,
        peak_hours: Vec::new(),
    };
    let waits =
        [finding("IO wait", State::Overloaded, 0.41), finding("CPU", State::StableButHot, 0.8)];
    assert_eq!(state_told(State::Overloaded, &waits, false), "overloaded: IO wait p95 41 %");
    assert_eq!(state_told(State::StableButHot, &waits, false), "hot");
    assert_eq!(state_told(State::Healthy, &[], false), "healthy");
    assert_eq!(state_told(State::Healthy, &[], true), "healthy, in maintenance");
}

#[test]
fn a_state_that_comes_at_the_same_hours_each_day_says_at_which() {
    let finding = |metric, state, peak_hours: &[u8]| Finding {
        metric,
        state,
        current: Some(Fraction(0.1)),
        high_7d: Some(Fraction(0.9)),
        threshold: Fraction(0.8),
        hours_to_threshold: None,
        peak_hours: peak_hours.to_vec(),
    };
    let nightly = finding("CPU", State::Overloaded, &[2, 3, 4]);
    let told = |state, findings: &[Finding]| state_told(state, findings, false);
    assert_eq!(told(State::Overloaded, std::slice::from_ref(&nightly)), "overloaded (02-05)");
    let both = [nightly.clone(), finding("memory", State::Overloaded, &[])];
    assert_eq!(told(State::Overloaded, &both), "overloaded: CPU (02-05), memory p95 90 %");
    let expected = finding("CPU", State::Healthy, &[2, 3, 4]);
    assert_eq!(told(State::StableButHot, &[expected]), "hot (02-05)");
    let outlook = outlook(busy, 10.0);
    let step = step(&outlook, (0.1, 0.3));
    let states = [NodeState::of(vec![nightly])];
    let text = asked(&outlook, |q| explanation(&Question { states: &states, ..*q }, &step, &[]));
    let hours = "for 20 of the next 168 hours (mostly 02-05 local time), 5 without VM 100 'web'";
    assert!(text.contains(hours), "{text}");
}

#[test]
fn what_the_guests_of_a_node_grow_by_is_told_where_it_shows_no_rise_itself() {
    let told = |direction, per_day| guests_told(direction, per_day);
    assert_eq!(told(Direction::Stable, 0.022).as_deref(), Some("guests +2.2 %/day"));
    assert_eq!(told(Direction::SustainedIncrease, 0.022), None, "it tells its own");
    assert_eq!(told(Direction::Stable, 0.004), None, "hardly any");
}

#[test]
fn above_and_below_usual_go_by_the_same_setting() {
    let mut outlook = outlook(busy, 10.0);
    let step = step(&outlook, (0.1, 0.3));
    let limit = PenaltyConfig::default().baseline_sigma_threshold.0;
    for (sigma, above, below) in [
        (Some(limit + 0.1), true, false),
        (Some(limit), false, false),
        (Some(-limit), false, false),
        (Some(-limit - 0.1), false, true),
        (None, false, false),
    ] {
        outlook.nodes[0].cpu_trend.anomaly =
            sigma.map(|sigma| Anomaly { sigma, flag: false, side: Side::Below });
        let found = asked(&outlook, |q| TrendEvidence::of(q, &step)).source_node_trend;
        assert_eq!((found.above_baseline, found.below_baseline), (above, below), "{sigma:?}");
    }
}

/// A rise of the guest's memory by 5 % of its 5 bytes a day.
fn leaks(outlook: &mut Outlook) {
    let trend = &mut outlook.guests[0].mem_trend;
    trend.direction = Direction::SustainedIncrease;
    (trend.slope_per_day, trend.confidence) = (Some(0.05), 0.9);
}

#[test]
fn a_guest_whose_memory_grows_is_told_as_one_whose_cpu_does() {
    let mut outlook = outlook(|_| 1.0, 89.0);
    leaks(&mut outlook);
    let mut step = step(&outlook, (0.1, 0.3));
    step.details.source_peaks.memory_after = 0.89;
    let told_all = told(&outlook, &step);
    // 4 of its 5 bytes are free.
    let growth =
        "VM 100 'web' grows by 0 B of memory per day, 0.2 % of pve1; its 5 B are full in 16 days";
    assert!(told_all.iter().any(|f| f == growth), "{told_all:?}");
    let text = asked(&outlook, |q| explanation(q, &step, &[]));
    assert!(text.contains("VM 100 'web', which grows by 0 B of memory per day;"), "{text}");
    let guest = asked(&outlook, |q| TrendEvidence::of(q, &step)).guest_trend;
    assert_eq!((guest.mem_growth_rate.as_str(), guest.mem_growth_bytes), ("+5.0%/day", 0.0));
    // However much there is to tell, what it brings to the target is told; what others brought is not its doing.
    let growth =
        |term, observed| Contribution { term, key: "", points: Points(30.0), observed, limit: 0.0 };
    step.target_score = vec![growth(Term::CpuTrend, 0.019), growth(Term::MemTrend, 0.005)];
    let all = asked(&outlook, |q| TrendEvidence::of(q, &step)).decision_factors;
    let there: Vec<_> = all.iter().filter(|f| f.factor.contains("would grow")).collect();
    let concern = "pve2 memory would grow by 0.2 % more per day";
    assert_eq!(there.iter().map(|f| f.factor.as_str()).collect::<Vec<_>>(), [concern]);
    assert_eq!(there[0].weight, Weight::Medium, "half of the 30 points are its own");
}

#[test]
fn memory_is_said_to_be_full_where_its_guests_can_fill_it() {
    let full = |maxmem: f64| {
        let mut outlook = outlook(|_| 1.0, 89.0);
        leaks(&mut outlook);
        outlook.guests[0].maxmem = Bytes(maxmem);
        let node = &mut outlook.nodes[0];
        node.mem.current = Some(Fraction(0.9));
        node.mem_trend.direction = Direction::SustainedIncrease;
        (node.mem_trend.slope_per_day, node.mem_trend.confidence) = (Some(0.02), 0.9);
        let mut step = step(&outlook, (0.1, 0.3));
        let (term, points) = (Term::MemTrend, Points(15.0));
        step.source_score =
            vec![Contribution { term, key: "", points, observed: 0.02, limit: 0.0 }];
        let all = told(&outlook, &step);
        all.into_iter().find(|f| f.contains("memory is trending up")).expect("a rise")
    };
    assert!(full(50.0).ends_with("; full in 5 days"), "{}", full(50.0));
    assert!(full(1.2).ends_with("days"), "{}", full(1.2));
}

#[test]
fn hours_that_are_not_among_the_busy_ones_are_told_themselves() {
    // Above its threshold in 5 of 168 hours, of which the 95th percentile knows nothing.
    let outlook = outlook(|hour| if hour < 5 { 7.0 } else { 1.0 }, 10.0);
    let mut step = step(&outlook, (0.1, 0.3));
    (step.details.source_peaks.cpu_before, step.details.source_peaks.cpu_after) = (0.16, 0.14);
    let all = told(&outlook, &step);
    assert_eq!(all[0], "pve1 is expected above 80 % CPU for 0 instead of 5 hours", "{all:?}");
    let text = asked(&outlook, |q| explanation(q, &step, &[]));
    assert!(
        text.contains("none without VM 100 'web'; its core-hours above that fall from 5 to 0."),
        "{text}"
    );
}

#[test]
fn where_as_many_hours_stay_above_the_excess_is_told() {
    let outlook = outlook(|_| 9.0, 10.0);
    let step = step(&outlook, (0.1, 0.3));
    let text = asked(&outlook, |q| explanation(q, &step, &[]));
    let want = "as many without VM 100 'web'; its core-hours above that fall from 504 to 168.";
    assert!(text.contains(want), "{text}");
}

#[test]
fn words_fit_what_they_tell() {
    let outlook = |current: f64| {
        let mut outlook = outlook(busy, 10.0);
        outlook.nodes[0].cpu.current = Some(Fraction(current));
        outlook
    };
    let below = outlook(0.24);
    let step = step(&below, (0.1, 0.802));
    let told =
        |outlook: &Outlook, earlier: &[Step]| asked(outlook, |q| explanation(q, &step, earlier));
    let text = told(&below, &[]);
    assert!(text.contains("was at 24 % in the last hour, but is expected above 80 %"), "{text}");
    assert!(text.contains("would reach 80.2 % instead of 10 % CPU"), "{text}");
    assert!(told(&outlook(0.9), &[]).contains("last hour, and is expected"));
    let three = vec![step.clone(); 3];
    assert!(told(&below, &three).starts_with("After steps 1 to 3, pve1"));
    // One of them has nothing to do with it.
    let mut gap = three.clone();
    (gap[1].source, gap[1].target) = (2, 2);
    assert!(told(&below, &gap).starts_with("After steps 1 and 3, pve1"));
}
