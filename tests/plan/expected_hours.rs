//! The hours of overload that are expected, against those that came: at whatever hour and on whatever day one asks.

use pve_foresight::engine::{Engine, RecommendRequest};
use pve_foresight::model::{Tick, UnixTime};
use pve_foresight::settings::PenaltyConfig;
use pve_foresight::simulate::{Scenario, Simulation};
use rayon::prelude::*;
use serde_json::{Value, json};

const HOUR: i64 = 3600;
const WEEK_HOURS: i64 = 168;
/// A Monday, 00:00 UTC.
const END: UnixTime = 1_793_577_600;

/// Two weeks to look at, one to ask in and one that comes; `busy` are on a node of 16 cores.
fn scenario(busy: &Value, seed: u64) -> Scenario {
    let guest = |vmid: usize, node: &str, of: &Value| {
        let mut guest = json!({"vmid": vmid, "count": 1, "node": node, "memory_gib": 8, "memory_profile": "plateau"});
        guest.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
        guest
    };
    let calm = json!({"profile": "steady", "cores": 4, "level": 0.3});
    let busy = busy.as_array().unwrap().iter().chain([&calm]).enumerate();
    let mut guests: Vec<Value> = busy.map(|(i, of)| guest(101 + i, "pve1", of)).collect();
    guests.push(guest(201, "pve2", &calm));
    let scenario = json!({
        "seed": seed, "end": END, "days": 28.0, "interval": 1800, "guests": guests,
        "nodes": [{"name": "pve1", "count": 1, "cores": 16, "memory_gib": 64},
                  {"name": "pve2", "count": 1, "cores": 24, "memory_gib": 128}],
    });
    serde_json::from_value(scenario).unwrap()
}

/// Hours above 80 % of the week after `now`.
fn came(ticks: &[Tick], now: UnixTime) -> f64 {
    let used = |tick: &Tick| tick.nodes[0].cpu.unwrap().0;
    let above = (0..WEEK_HOURS).filter(|hour| {
        let from = now + hour * HOUR;
        let of_hour = ticks.iter().filter(|t| t.ts > from && t.ts <= from + HOUR);
        let (sum, count) = of_hour.fold((0.0, 0.0), |(sum, n), tick| (sum + used(tick), n + 1.0));
        sum / count > 0.8
    });
    above.count() as f64
}

/// Mean of what came, and of how far what was expected is from it, in hours, over all seeds and times.
fn judged(busy: &Value) -> (f64, f64) {
    let of_seed = |seed: u64| {
        let ticks: Vec<Tick> = Simulation::new(&scenario(busy, seed)).unwrap().collect();
        let state = tempfile::tempdir().unwrap();
        let engine = Engine::new(state.path());
        let mut stored = 0;
        // Every eleven hours: at each hour of the day, and on each day.
        let asked = (0..15).map(|i| {
            let now = END - 2 * WEEK_HOURS * HOUR + i * 11 * HOUR;
            let known = ticks.partition_point(|tick| tick.ts <= now);
            engine.append(&ticks[stored..known]).unwrap();
            stored = known;
            let config = PenaltyConfig::default();
            let request = RecommendRequest { now: Some(now), inventory: None, config };
            let expected = engine.recommend(&request, None).unwrap().overload_before.node_hours;
            let came = came(&ticks, now);
            (came, (expected - came).abs())
        });
        asked.collect::<Vec<_>>()
    };
    let all: Vec<(f64, f64)> = (1..4u64).into_par_iter().flat_map(of_seed).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    (mean(|x| x.0), mean(|x| x.1))
}

#[test]
fn nightly_jobs_are_expected_by_day_and_not_all_day_by_night() {
    let jobs = json!([{"profile": "night-batch", "cores": 12, "level": 0.2, "peak_hour": 2.0},
                      {"profile": "night-batch", "cores": 8, "level": 0.15, "peak_hour": 3.0}]);
    let (came, off) = judged(&jobs);
    assert!((10.0..30.0).contains(&came), "{came}");
    assert!(off < 6.0, "{off:.1} hours from what came, {came:.1}");
}

#[test]
fn offices_are_expected_on_working_days_whenever_one_asks() {
    let offices = json!([{"profile": "weekly", "cores": 8, "level": 0.5, "peak_hour": 13.0},
                         {"profile": "weekly", "cores": 8, "level": 0.5, "peak_hour": 14.0}]);
    let (came, off) = judged(&offices);
    assert!((25.0..50.0).contains(&came), "{came}");
    assert!(off < 8.0, "{off:.1} hours from what came, {came:.1}");
}
