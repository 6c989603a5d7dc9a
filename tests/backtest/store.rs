//! Promises of the replay of a store's own history.

use pve_foresight::api::BacktestReply;
use pve_foresight::backtest::{Outcome, Policy};
use pve_foresight::engine::{BacktestRequest, Engine, RecommendRequest, TrendsRequest};
use pve_foresight::model::{DAY, Fraction, HOUR, Inventory, Migration, Tick, UnixTime};
use pve_foresight::settings::{Sensitivity, Stored, get_effective_penalty_config};
use pve_foresight::simulate::{
    Failure, GuestGroup, Move, NodeGroup, Placement, Scenario, Simulation,
};
use pve_foresight::store::{Retention, Writer};
use std::sync::LazyLock;

/// A whole six hours, so that hourly and six-hourly rows end there, too.
const END: UnixTime = 1_789_344_000;
const DAYS: i64 = 17;

/// Seventeen days of a crowded, skewed cluster; a guest moves by hand after 13 days.
fn scenario() -> Scenario {
    Scenario {
        seed: 5,
        end: END,
        days: DAYS as f64,
        interval: 1800,
        nodes: vec![NodeGroup { count: 4, cores: 16, memory_gib: 256.0, ..NodeGroup::default() }],
        guests: vec![GuestGroup {
            count: 28,
            level: Some(0.35),
            cores: Some(4),
            memory_gib: Some(4.0),
            ..GuestGroup::default()
        }],
        placement: Placement::Skewed(2.0),
        migrations: vec![Move { day: 13.0, vmid: 100, to: "pve4".into() }],
        ..Scenario::default()
    }
}

fn ticks(scenario: &Scenario) -> Vec<Tick> {
    Simulation::new(scenario).unwrap().collect()
}

fn store(ticks: &[Tick]) -> (tempfile::TempDir, Engine) {
    let state = tempfile::tempdir().unwrap();
    let engine = Engine::new(state.path());
    engine.append(ticks).unwrap();
    (state, engine)
}

/// The cluster of [`scenario`] and its store, made once for all tests that only look.
struct Usual {
    ticks: Vec<Tick>,
    _state: tempfile::TempDir,
    engine: Engine,
}

static USUAL: LazyLock<Usual> = LazyLock::new(|| {
    let ticks = ticks(&scenario());
    let (state, engine) = store(&ticks);
    Usual { ticks, _state: state, engine }
});

/// The replay of its last five days, which several look at.
static USUAL_REPLY: LazyLock<BacktestReply> =
    LazyLock::new(|| USUAL.engine.backtest(&request(5), None).unwrap());

fn request(days: u32) -> BacktestRequest {
    BacktestRequest {
        now: Some(END),
        days,
        every: 1,
        policies: Policy::ALL.to_vec(),
        sensitivities: Vec::new(),
        inventory: None,
        settings: get_effective_penalty_config(&Stored::default()),
    }
}

fn replay(ticks: &[Tick], days: u32) -> BacktestReply {
    let (_state, engine) = store(ticks);
    engine.backtest(&request(days), None).unwrap()
}

fn of(reply: &BacktestReply, policy: Policy) -> &Outcome {
    reply.report.outcomes.iter().find(|o| o.policy == policy).unwrap()
}

#[test]
fn where_hours_are_kept_for_less_their_six_hours_are_replayed() {
    let state = tempfile::tempdir().unwrap();
    let week = Retention { hourly_days: 7, ..Retention::default() };
    Writer::open(state.path()).unwrap().keep(week).unwrap();
    let engine = Engine::new(state.path());
    engine.append(&USUAL.ticks).unwrap();
    let of = |engine: &Engine| engine.backtest(&request(8), None).unwrap();
    let (coarse, fine) = (of(&engine), of(&USUAL.engine));
    let (coarse, fine) = (coarse.report, fine.report);
    assert_eq!((coarse.judged_hours, fine.coarse_hours), (8 * 24, 0));
    assert!((12..=30).contains(&coarse.coarse_hours), "{}", coarse.coarse_hours);
    assert!((coarse.mean_demand / fine.mean_demand - 1.0).abs() < 0.02, "no hour is missing");
}

#[test]
fn where_hours_are_kept_for_less_trends_reach_back_by_six_hours() {
    let moved = Move { day: 1.0, vmid: 100, to: "pve4".into() };
    let ticks = ticks(&Scenario { migrations: vec![moved], ..scenario() });
    let state = tempfile::tempdir().unwrap();
    let week = Retention { hourly_days: 7, ..Retention::default() };
    Writer::open(state.path()).unwrap().keep(week).unwrap();
    let engine = Engine::new(state.path());
    engine.append(&ticks).unwrap();
    let request = TrendsRequest {
        now: Some(END),
        lookback_hours: 14 * 24,
        node: None,
        guest: Some(100),
        only: None,
        metrics: None,
        config: get_effective_penalty_config(&Stored::default()).config,
    };
    let reply = engine.trends(&request).unwrap();
    let guest = &reply.guests[0];
    assert_eq!((guest.lookback_hours, reply.warnings), (14 * 24, Vec::new()));
    assert_eq!(guest.migrations.len(), 1, "all within retention, not within the window");
    let node = TrendsRequest { node: Some("pve4".into()), guest: None, ..request };
    let vmids = |moves: &[Migration]| moves.iter().map(|m| m.vmid).collect::<Vec<_>>();
    assert_eq!(vmids(&engine.trends(&node).unwrap().nodes[0].migrations), [100]);
}

#[test]
fn where_hours_are_kept_for_longer_they_are_replayed() {
    let ticks = ticks(&Scenario { days: 30.0, ..scenario() });
    let coarse_hours = |retention| {
        let state = tempfile::tempdir().unwrap();
        Writer::open(state.path()).unwrap().keep(retention).unwrap();
        let engine = Engine::new(state.path());
        engine.append(&ticks).unwrap();
        let request = BacktestRequest { policies: vec![Policy::None], ..request(30) };
        engine.backtest(&request, None).unwrap().report.coarse_hours
    };
    assert!(coarse_hours(Retention::default()) >= 24, "sixteen days are judged");
    assert_eq!(coarse_hours(Retention { hourly_days: 30, ..Retention::default() }), 0);
}

#[test]
fn as_it_was_is_what_was_measured() {
    let (ticks, reply) = (&USUAL.ticks, &USUAL_REPLY);
    let was = of(reply, Policy::AsItWas);
    let begun = reply.report.judged_from;
    let mut depth = 0.0;
    for hour in (begun..reply.report.judged_until).step_by(HOUR as usize) {
        let within: Vec<&Tick> =
            ticks.iter().filter(|t| (hour..hour + HOUR).contains(&t.ts)).collect();
        for n in 0..4 {
            let cores = |t: &&Tick| t.nodes[n].cpu.unwrap().0 * t.nodes[n].maxcpu.unwrap().0;
            let mean = within.iter().map(cores).sum::<f64>() / within.len() as f64;
            depth += (mean - 0.8 * 16.0).max(0.0);
        }
    }
    assert!(depth > 5.0, "a calm cluster proves nothing: {depth}");
    assert!((was.core_hours - depth).abs() < 0.03 * depth, "{} {depth}", was.core_hours);
    let first = Simulation::new(&scenario()).unwrap().next().unwrap();
    let home = first.guests.iter().find(|g| g.vmid == 100).unwrap().node.clone();
    let made: Vec<_> =
        was.migrations.iter().map(|m| (m.vmid, m.from.clone(), m.to.clone())).collect();
    assert_eq!(made, [(100, home, "pve4".to_string())]);
    assert_eq!((was.moves, of(reply, Policy::None).moves), (1, 0));
}

#[test]
fn advice_would_have_helped_and_says_so() {
    let reply = USUAL.engine.backtest(&request(7), None).unwrap();
    let (was, ours) = (of(&reply, Policy::AsItWas), of(&reply, Policy::Ours));
    assert!(ours.core_hours < 0.7 * was.core_hours, "{} {}", ours.core_hours, was.core_hours);
    assert!(ours.moves > 0 && ours.gib_moved > 0.0);
    assert_eq!((ours.returns_24h, ours.returns_7d), (0, 0));
    let deep = format!("{:.0} instead of {:.0} core-hours", ours.core_hours, was.core_hours);
    assert!(reply.summary.contains(&deep), "{}", reply.summary);
    for outcome in &reply.report.outcomes {
        assert_eq!(outcome.days.len(), 7);
        let sum: f64 = outcome.days.iter().map(|d| d.core_hours).sum();
        assert!((sum - outcome.core_hours).abs() < 1e-6);
    }
}

#[test]
fn no_policy_sees_the_future_of_a_store() {
    let cut = END - 2 * DAY;
    let mut altered = USUAL.ticks.clone();
    for tick in altered.iter_mut().filter(|t| t.ts >= cut) {
        for (i, guest) in tick.guests.iter_mut().enumerate() {
            guest.cpu = Some(Fraction(if i % 2 == 0 { 1.0 } else { 0.0 }));
        }
    }
    let (one, other) = (&USUAL_REPLY, replay(&altered, 5));
    let mut moves = 0;
    for (a, b) in one.report.outcomes.iter().zip(&other.report.outcomes) {
        let before = |o: &Outcome| -> Vec<_> {
            o.migrations.iter().filter(|m| m.time <= cut).cloned().collect()
        };
        assert_eq!(before(a), before(b), "{}", a.policy.name());
        moves += before(a).len();
    }
    assert!(moves > 1, "a test without moves proves nothing");
    assert_ne!(of(one, Policy::None).core_hours, of(&other, Policy::None).core_hours);
}

#[test]
fn sensitivity_changes_what_comes_of_the_advice_not_what_it_is_judged_by() {
    let sensitivities = Sensitivity::ALL.to_vec();
    let asked = BacktestRequest { policies: vec![Policy::Ours], sensitivities, ..request(7) };
    let reply = USUAL.engine.backtest(&asked, None).unwrap();
    let rows = &reply.report.outcomes;
    let names: Vec<_> = rows.iter().map(|o| o.sensitivity).collect();
    assert_eq!(names, [None, Some("conservative"), Some("balanced"), Some("aggressive")]);
    assert_eq!(reply.report.threshold, 0.8);
    let core_hours: Vec<f64> = rows[1..].iter().map(|o| o.core_hours).collect();
    assert!(core_hours.is_sorted_by(|a, b| a > b), "{core_hours:?}");
}

#[test]
fn guests_of_a_dead_node_are_where_they_really_were() {
    let failure = Failure { node: "pve1".into(), from_day: 14.0, until_day: 15.0 };
    let away = (100..=104).map(|vmid| Move { day: 14.0, vmid, to: "pve4".into() }).collect();
    let groups = vec![
        GuestGroup { count: 5, node: Some("pve1".into()), ..scenario().guests[0].clone() },
        GuestGroup { count: 9, ..scenario().guests[0].clone() },
    ];
    let story =
        Scenario { failures: vec![failure], migrations: away, guests: groups, ..scenario() };
    let reply = replay(&ticks(&story), 5);
    let none = of(&reply, Policy::None);
    let was = of(&reply, Policy::AsItWas);
    assert_eq!((was.moves, none.moves), (5, 0));
    assert_eq!(was.core_hours, none.core_hours, "fled guests stay where they fled");
    for outcome in &reply.report.outcomes {
        let dead = END - 3 * DAY + HOUR..END - 2 * DAY;
        let wrong = outcome.migrations.iter().find(|m| m.to == "pve1" && dead.contains(&m.time));
        assert_eq!(wrong, None, "{}", outcome.policy.name());
    }
}

#[test]
fn what_pve_would_refuse_nobody_does() {
    let mut inventory = Inventory::from_tick(USUAL.ticks.last().unwrap());
    for guest in &mut inventory.guests {
        guest.tags = vec!["pin_pve1".into(), "pin_pve2".into()];
        // Of this moment, not of the time that is replayed.
        guest.lock = Some("backup".into());
    }
    let reply = USUAL.engine.backtest(&request(7), Some(inventory)).unwrap();
    let decided = reply.report.outcomes.iter().filter(|o| o.policy != Policy::AsItWas);
    let all: Vec<&str> = decided.flat_map(|o| &o.migrations).map(|m| m.to.as_str()).collect();
    assert!(!all.is_empty());
    assert!(all.iter().all(|to| ["pve1", "pve2"].contains(to)), "{all:?}");
}

#[test]
fn too_little_is_an_error_and_less_than_asked_for_is_said() {
    let short = Scenario { days: 1.5, migrations: Vec::new(), ..scenario() };
    let (_state, engine) = store(&ticks(&short));
    let message = engine.backtest(&request(7), None).unwrap_err().to_string();
    assert!(message.contains("hours are stored"), "{message}");
    let short = Scenario { days: 8.0, migrations: Vec::new(), ..scenario() };
    let reply = replay(&ticks(&short), 30);
    assert_eq!((reply.report.warm_up_hours, reply.report.judged_hours), (96, 96));
    assert!(
        reply.warnings.iter().any(|w| w.contains("8.0 days are stored")),
        "{:?}",
        reply.warnings
    );
}

#[test]
fn a_guest_that_came_later_counts_from_then_on() {
    let late = GuestGroup {
        from_day: Some(14.0),
        node: Some("pve2".into()),
        ..scenario().guests[0].clone()
    };
    let mut groups = scenario().guests;
    groups.push(GuestGroup { count: 6, ..late });
    let story = Scenario { guests: groups, ..scenario() };
    let reply = replay(&ticks(&story), 5);
    assert_eq!(reply.report.guests, 34);
    let born = END - 3 * DAY;
    for outcome in &reply.report.outcomes {
        let early = outcome.migrations.iter().find(|m| m.vmid > 127 && m.time < born);
        assert_eq!(early, None, "{}", outcome.policy.name());
    }
}

/// Forty days of one node with eight guests that have 95 % of 8 GiB each, and two empty ones; the
/// node measures `memory` GiB of its 64.
fn full_of_memory(memory: f64) -> Vec<Tick> {
    const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
    let node = |name: &str, cpu: f64, gib: f64| serde_json::json!({"name": name, "online": true, "maxcpu": 16, "cpu": cpu, "maxmem": 64.0 * GIB, "mem": gib * GIB});
    let guest = |vmid: u32| {
        serde_json::json!({"vmid": vmid, "type": "qemu", "name": format!("vm{vmid}"), "node": "pve1", "status": "running",
            "maxcpu": 4, "maxmem": 8.0 * GIB, "cpu": 0.1, "mem": 7.6 * GIB})
    };
    let nodes = [node("pve1", 0.25, memory), node("pve2", 0.03, 2.0), node("pve3", 0.03, 2.0)];
    let guests: Vec<_> = (100..108).map(guest).collect();
    let times = (END - 30 * DAY..END).step_by(1_800).map(|t| t + 300);
    let tick = |ts| {
        serde_json::from_value(serde_json::json!({"ts": ts, "nodes": nodes, "guests": guests}))
    };
    times.map(tick).collect::<Result<_, _>>().unwrap()
}

#[test]
fn guests_that_share_memory_take_what_their_node_measured() {
    let (_state, engine) = store(&full_of_memory(50.0));
    let reply = engine.backtest(&request(20), None).unwrap();
    for outcome in &reply.report.outcomes {
        assert_eq!((outcome.node_hours, outcome.gib_hours), (0.0, 0.0), "{:?}", outcome.policy);
    }
    assert_eq!(of(&reply, Policy::Ours).moves, 0);
    let config = get_effective_penalty_config(&Stored::default()).config;
    let request = RecommendRequest { now: Some(END), inventory: None, config };
    let advice = engine.recommend(&request, None).unwrap();
    assert_eq!(advice.recommendations.len(), 0, "{}", advice.summary);
    let state = &advice.nodes.iter().find(|n| n.name == "pve1").unwrap().state;
    assert_eq!(format!("{state:?}"), "Healthy");
}

#[test]
fn overload_of_memory_is_told_in_its_unit() {
    let (_state, engine) = store(&full_of_memory(62.8));
    let reply = engine.backtest(&request(20), None).unwrap();
    let (was, ours) = (of(&reply, Policy::AsItWas), of(&reply, Policy::Ours));
    assert!(
        was.gib_hours > 3_000.0 && was.core_hours == 0.0,
        "{} {}",
        was.gib_hours,
        was.core_hours
    );
    let deep = format!(
        "hours, {:.0} instead of {:.0} GiB-hours of memory deep, with",
        ours.gib_hours, was.gib_hours
    );
    assert!(reply.summary.contains(&deep), "{}", reply.summary);
    assert!(!reply.summary.contains("core-hours"), "{}", reply.summary);
}

#[test]
fn nobody_sees_what_the_mean_of_six_hours_tells_of_the_last_of_them() {
    let known = ticks(&Scenario { days: 30.0, ..scenario() });
    // In the middle of six hours of which the store keeps only the mean.
    let cut = END - 15 * DAY + 2 * HOUR;
    let mut altered = known.clone();
    for tick in altered.iter_mut().filter(|t| (cut..cut + 4 * HOUR).contains(&t.ts)) {
        for guest in &mut tick.guests {
            guest.cpu = Some(Fraction(if guest.node == "pve1" { 1.0 } else { 0.0 }));
        }
    }
    let (one, other) = (replay(&known, 16), replay(&altered, 16));
    assert!(one.report.coarse_hours >= 24, "{}", one.report.coarse_hours);
    let mut later = 0;
    for (a, b) in one.report.outcomes.iter().zip(&other.report.outcomes) {
        let made = |o: &Outcome, until: UnixTime| -> Vec<_> {
            o.migrations.iter().filter(|m| m.time <= until).cloned().collect()
        };
        assert_eq!(made(a, cut), made(b, cut), "{}", a.policy.name());
        later += usize::from(made(a, cut + 5 * HOUR) != made(b, cut + 5 * HOUR));
    }
    assert!(later > 0, "what is seen of it afterwards is acted upon");
}
