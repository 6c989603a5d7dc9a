//! Promises of the replay: nothing is seen ahead, nobody comes back, the same again is the same.

use pve_foresight::backtest::{Bounds, Contestant, Demand, Outcome, Policy, Recording, replay};
use pve_foresight::model::{HOUR, Migration};
use pve_foresight::series::LocalTime;
use pve_foresight::settings::PenaltyConfig;
use pve_foresight::simulate::{GuestGroup, NodeGroup, Placement, Scenario, Simulation};

const BOUNDS: Bounds = Bounds { warm_up: 7 * 24, judged: 5 * 24, every: 1 };
const START: i64 = 1_788_134_400;

/// A crowded, skewed cluster of busy guests over twelve days.
fn recording(seed: u64) -> Recording {
    let scenario = Scenario {
        seed,
        end: START + 12 * 86_400,
        days: 12.0,
        interval: 900,
        nodes: vec![NodeGroup { count: 4, cores: 16, memory_gib: 256.0, ..NodeGroup::default() }],
        guests: vec![GuestGroup {
            count: 28,
            level: Some(0.35),
            cores: Some(4),
            memory_gib: Some(4.0),
            ..GuestGroup::default()
        }],
        placement: Placement::Skewed(2.0),
        ..Scenario::default()
    };
    let cluster = Simulation::new(&scenario).unwrap();
    Recording::of_simulation(cluster, START, 12, 900).unwrap()
}

fn run(recording: &Recording, policies: &[Policy]) -> Vec<Outcome> {
    let config = PenaltyConfig::default();
    let contestants = Contestant::all(policies, &config);
    replay(recording, &contestants, BOUNDS, &config, &LocalTime::utc()).unwrap().outcomes
}

/// Moves before an hour of the recording.
fn before(outcome: &Outcome, recording: &Recording, hour: i64) -> Vec<Migration> {
    let end = recording.start + hour * HOUR;
    outcome.migrations.iter().filter(|m| m.time <= end).cloned().collect()
}

#[test]
fn no_policy_sees_the_future() {
    let known = recording(3);
    let cut = 9 * 24;
    let mut altered = known.clone();
    for (i, guest) in altered.guests.iter_mut().enumerate() {
        let per_hour = known.per_hour();
        let change = |(step, x): (usize, &Option<f32>)| match step >= cut * per_hour {
            true => Some(if i % 2 == 0 { 4.0 } else { 0.0 }),
            false => *x,
        };
        let cpu = guest.demand.cpu.iter().enumerate().map(change).collect();
        let writes = guest.demand.write_hours.clone();
        guest.demand = Demand::of(cpu, guest.demand.memory.clone(), per_hour);
        guest.demand.write_hours = writes;
    }
    let (one, other) = (run(&known, &Policy::ALL), run(&altered, &Policy::ALL));
    let mut moves = 0;
    for (a, b) in one.iter().zip(&other) {
        let (a_moves, b_moves) = (before(a, &known, cut as i64), before(b, &altered, cut as i64));
        assert_eq!(a_moves, b_moves, "{}", a.policy.name());
        moves += a_moves.len();
    }
    assert!(moves > 0, "a test without moves proves nothing");
    assert!(one.iter().zip(&other).any(|(a, b)| a.core_hours != b.core_hours));
}

#[test]
fn the_same_replay_is_the_same() {
    let all = |r: &Recording| format!("{:?}", run(r, &Policy::ALL));
    assert_eq!(all(&recording(4)), all(&recording(4)));
}

#[test]
fn nobody_follows_our_advice_back_within_a_week() {
    for seed in [3, 4, 5] {
        let outcome = &run(&recording(seed), &[Policy::Ours])[0];
        assert_eq!((outcome.returns_24h, outcome.returns_7d), (0, 0), "seed {seed}");
    }
}

#[test]
fn doing_nothing_is_the_recorded_load() {
    let recording = recording(3);
    let outcome = &run(&recording, &[Policy::None])[0];
    let per_hour = recording.per_hour();
    let mut depth = 0.0;
    for step in BOUNDS.warm_up * per_hour..recording.steps {
        for (n, node) in recording.nodes.iter().enumerate() {
            let here = recording.guests.iter().filter(|g| g.host == n).map(|g| &g.demand);
            let used: f64 =
                here.chain([&node.own]).filter_map(|d| d.cpu[step]).map(f64::from).sum();
            depth += (used - 0.8 * node.cores).max(0.0) / per_hour as f64;
        }
    }
    assert!(depth > 0.0);
    assert!((outcome.core_hours - depth).abs() < 1e-6 * depth);
    assert_eq!(outcome.moves, 0);
}

#[test]
fn too_short_a_recording_is_refused_with_the_reason() {
    let bounds = Bounds { warm_up: 30 * 24, ..BOUNDS };
    let config = PenaltyConfig::default();
    let nobody = Contestant::all(&[Policy::None], &config);
    let refused = replay(&recording(3), &nobody, bounds, &config, &LocalTime::utc());
    assert!(refused.unwrap_err().to_string().contains("warm-up"));
}
