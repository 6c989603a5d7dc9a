//! Planted moves with a known effect, over many seeds: the verdict must be the planted one.

use proptest::prelude::*;
use pve_foresight::model::{
    GuestMetric, GuestSample, HOUR, Metric, Migration, NodeMetric, NodeSample, Tick, UnixTime, Vmid,
};
use pve_foresight::outcome::{GuestRecord, NodeRecord, Scene, Span, Verdict, WindowOutcome, judge};
use pve_foresight::outlook::Limits;
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::simulate::{Growth, GuestGroup, Move, NodeGroup, Profile, Scenario, Simulation};
use pve_foresight::trend::before_after;

const LIMITS: Limits = Limits { cpu: 0.80, memory: 0.85 };
/// Days of history before the move.
const BEFORE: f64 = 8.0;
const MOVED: Vmid = 100;
/// `SEEDS=200 cargo test --test outcome planted` is the campaign of docs/outcomes.md.
fn seeds() -> u64 {
    std::env::var("SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

/// Uniform number in a range, by seed and purpose.
fn draw(seed: u64, purpose: u64, from: f64, to: f64) -> f64 {
    let mut x =
        seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ purpose.wrapping_mul(0xD1B5_4A32_D192_ED03);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 31;
    from + (to - from) * (x >> 11) as f64 / (1u64 << 53) as f64
}

/// Loads as shares of 16-core nodes: the moved guest, the rest of its source, the target.
struct Plant {
    guest: f64,
    source: f64,
    target: f64,
    profile: Profile,
    growth: Vec<Growth>,
    hour: f64,
}

impl Plant {
    fn scenario(&self, seed: u64) -> Scenario {
        // A daily guest at its peak takes about twice its mean: shares are those of busy hours.
        let scale = if self.profile == Profile::Daily { 0.5 } else { 1.0 };
        let group = |vmid, count: u32, share: f64, node: &str| GuestGroup {
            vmid: Some(vmid),
            count,
            profile: Some(self.profile),
            cores: Some(16),
            memory_gib: Some(6.0),
            memory_level: Some(0.5),
            level: Some(scale * share / f64::from(count)),
            unrest: Some(0.25),
            peak_hour: Some(13.0 + draw(seed, vmid.into(), -2.0, 2.0)),
            weekend: Some(0.9),
            node: Some(node.into()),
            kind: Some(pve_foresight::model::GuestKind::Qemu),
            ..GuestGroup::default()
        };
        Scenario {
            seed,
            days: BEFORE + 1.2,
            interval: 300,
            nodes: vec![NodeGroup {
                count: 5,
                cores: 16,
                memory_gib: 64.0,
                ..NodeGroup::default()
            }],
            guests: vec![
                group(MOVED, 1, self.guest, "pve1"),
                group(200, 5, self.source, "pve1"),
                group(300, 4, self.target, "pve2"),
                group(400, 4, draw(seed, 4, 0.2, 0.6), "pve3"),
                group(500, 4, draw(seed, 5, 0.2, 0.6), "pve4"),
                group(600, 4, draw(seed, 6, 0.2, 0.6), "pve5"),
            ],
            growth: self.growth.clone(),
            migrations: vec![Move {
                day: BEFORE + self.hour / 24.0,
                vmid: MOVED,
                to: "pve2".into(),
            }],
            ..Scenario::default()
        }
    }
}

fn points<M: Metric>(samples: &[(UnixTime, &M::Sample)], metric: M) -> Vec<Point> {
    let point =
        |(time, sample): &(UnixTime, &M::Sample)| Some(Point::sample(*time, metric.of(sample)?));
    samples.iter().filter_map(point).collect()
}

fn node(ticks: &[Tick], name: &str) -> NodeRecord {
    let find = |t: &Tick| t.nodes.iter().position(|n| n.name == name);
    let samples: Vec<(UnixTime, &NodeSample)> =
        ticks.iter().filter_map(|t| Some((t.ts, &t.nodes[find(t)?]))).collect();
    NodeRecord {
        name: name.into(),
        cores: samples[0].1.maxcpu.unwrap().0,
        memory: samples[0].1.maxmem.unwrap().0,
        cpu: points(&samples, NodeMetric::Cpu),
        mem: points(&samples, NodeMetric::Memory),
        pressure: Vec::new(),
        shifts: Vec::new(),
    }
}

fn scene(ticks: &[Tick]) -> Scene {
    let find = |t: &Tick| t.guests.iter().position(|g| g.vmid == MOVED);
    let samples: Vec<(UnixTime, &GuestSample)> =
        ticks.iter().filter_map(|t| Some((t.ts, &t.guests[find(t)?]))).collect();
    let time = samples.iter().find(|(_, g)| g.node == "pve2").unwrap().0;
    Scene {
        migration: Migration { time, vmid: MOVED, from: "pve1".into(), to: "pve2".into() },
        source: node(ticks, "pve1"),
        target: node(ticks, "pve2"),
        guest: GuestRecord {
            cores: samples[0].1.maxcpu.unwrap().0,
            memory: samples[0].1.maxmem.unwrap().0,
            cpu: points(&samples, GuestMetric::Cpu),
            mem: points(&samples, GuestMetric::MemoryHost),
            pressure: points(&samples, GuestMetric::PsiCpuSome),
        },
        controls: ["pve3", "pve4", "pve5"].map(|n| node(ticks, n)).to_vec(),
        next_move: None,
        rows: ticks.iter().map(|t| t.ts).filter(|t| *t > time).collect(),
    }
}

fn planted(plant: &Plant, seed: u64) -> Scene {
    let ticks: Vec<Tick> = Simulation::new(&plant.scenario(seed)).unwrap().collect();
    scene(&ticks)
}

fn judged(plant: &Plant, seed: u64, change: fn(&mut Scene)) -> [WindowOutcome; 3] {
    let mut scene = planted(plant, seed);
    change(&mut scene);
    let now = scene.migration.time + 26 * HOUR;
    Span::ALL.map(|span| judge(&scene, span, LIMITS, &LocalTime::utc(), now))
}

/// At least nine of ten seeds must read as planted after the first day.
fn nine_of_ten(wanted: Verdict, plant: impl Fn(u64) -> Plant) {
    let wrong = |seed| {
        let [_, hour, day] = judged(&plant(seed), seed, |_| {});
        let said =
            format!("seed {seed}: {:?} (hour {:?}): {}", day.result, hour.result, day.reason);
        (day.result != wanted).then_some(said)
    };
    let wrong: Vec<String> = (0..seeds()).filter_map(wrong).collect();
    let (all, right) = (seeds(), seeds() - wrong.len() as u64);
    assert!(10 * right >= 9 * all, "{right} of {all} read {wanted:?}\n{}", wrong.join("\n"));
}

/// The cluster's own figures alone: nothing is known of the guest.
fn guest_unknown(scene: &mut Scene) {
    scene.guest.cores = 0.0;
    scene.guest.memory = 0.0;
}

fn profile(seed: u64) -> Profile {
    if seed.is_multiple_of(2) { Profile::Daily } else { Profile::Steady }
}

/// A busy source that is relieved by a guest of real size.
fn helpful(seed: u64) -> Plant {
    Plant {
        guest: draw(seed, 1, 0.12, 0.25),
        source: draw(seed, 2, 0.62, 0.72),
        target: draw(seed, 3, 0.15, 0.35),
        profile: profile(seed),
        growth: Vec::new(),
        hour: draw(seed, 9, 0.0, 4.0),
    }
}

/// The load of each of `guests` falls by itself, from an hour relative to the move's day on.
fn falling(guests: &[Vmid], cores_per_day: f64, hours: f64, from_hour: f64) -> Growth {
    Growth {
        guests: guests.to_vec(),
        cpu_cores_per_day: -cores_per_day,
        from_day: BEFORE + from_hour / 24.0,
        for_days: Some(hours / 24.0),
        ..Growth::default()
    }
}

const REST: [Vmid; 5] = [200, 201, 202, 203, 204];

#[test]
fn helpful_moves_read_improved() {
    nine_of_ten(Verdict::Improved, helpful);
}

/// All wait for a third of their time from the move on: a storage that all share has become slow.
fn all_wait(scene: &mut Scene, controls: bool) {
    let time = scene.migration.time;
    let waits = |points: &[Point]| -> Vec<Point> {
        let at = |p: &Point| Point { value: if p.time < time { 0.03 } else { 0.3 }, ..*p };
        points.iter().map(at).collect()
    };
    scene.guest.pressure = waits(&scene.guest.cpu);
    for node in scene.controls.iter_mut().filter(|_| controls) {
        node.pressure = waits(&node.cpu);
    }
}

#[test]
fn a_guest_that_waits_because_all_do_was_not_harmed_by_its_move() {
    let day = |change| judged(&helpful(1), 1, change)[2].clone();
    assert_eq!(day(|scene| all_wait(scene, false)).result, Verdict::Worse, "it alone waits");
    let with_all = day(|scene| all_wait(scene, true));
    assert_eq!(with_all.result, Verdict::Improved, "{}", with_all.reason);
    let waits = with_all.guest.pressure.unwrap();
    assert!(waits.difference.abs() < 0.1, "{waits:?}");
}

/// An idle guest leaves a source whose load has been falling for a day and goes on falling.
fn idle(seed: u64) -> Plant {
    Plant {
        guest: 0.004,
        source: draw(seed, 2, 0.75, 0.88),
        growth: vec![falling(&REST, draw(seed, 8, 0.5, 0.9), draw(seed, 7, 40.0, 54.0), -30.0)],
        ..helpful(seed)
    }
}

#[test]
fn an_idle_guest_that_leaves_a_falling_source_has_no_effect() {
    nine_of_ten(Verdict::NoEffect, idle);
}

/// Why all this: the same moves by the medians of a day before and after.
#[test]
fn a_difference_of_before_and_after_would_call_most_idle_moves_a_success() {
    let flattered = |seed: &u64| {
        let scene = planted(&idle(*seed), *seed);
        let both = before_after(&scene.source.cpu, scene.migration.time, 24).unwrap();
        both.before - both.after >= 0.03
    };
    let flattered = (0..seeds()).filter(flattered).count() as u64;
    assert!(2 * flattered > seeds(), "{flattered} of {}", seeds());
}

#[test]
fn a_guest_whose_own_peak_ends_by_itself_has_no_effect() {
    let plant = |seed| {
        let hour = helpful(seed).hour;
        Plant { growth: vec![falling(&[MOVED], 4_000.0, 0.1, hour)], ..helpful(seed) }
    };
    nine_of_ten(Verdict::NoEffect, plant);
}

#[test]
fn a_peak_of_others_that_ends_by_itself_leaves_nothing_to_improve() {
    let plant = |seed| {
        let hour = helpful(seed).hour;
        Plant {
            source: draw(seed, 2, 0.65, 0.75),
            guest: draw(seed, 1, 0.05, 0.12),
            growth: vec![falling(&REST, 48.0, draw(seed, 7, 0.6, 0.8), hour)],
            ..helpful(seed)
        }
    };
    nine_of_ten(Verdict::NoEffect, plant);
}

#[test]
fn a_move_that_overloads_its_target_reads_worse() {
    let plant = |seed| Plant {
        guest: draw(seed, 1, 0.18, 0.28),
        source: draw(seed, 2, 0.30, 0.45),
        target: draw(seed, 3, 0.66, 0.72),
        ..helpful(seed)
    };
    nine_of_ten(Verdict::Worse, plant);
}

/// Without the guest's own load only forecast and controls are left: less sure, but not wrong.
#[test]
fn by_forecast_alone_helpful_moves_never_read_worse() {
    for seed in 0..seeds() {
        let [_, _, day] = judged(&helpful(seed), seed, guest_unknown);
        assert_ne!(day.result, Verdict::Worse, "{seed}: {}", day.reason);
    }
}

/// A move during an outage is seen when that is over: the first minutes may be hours old.
#[test]
fn a_window_shorter_than_the_outage_that_hid_the_move_is_unknown() {
    let outage = |scene: &mut Scene| {
        let hidden = scene.migration.time - 2 * HOUR..scene.migration.time;
        for node in [&mut scene.source, &mut scene.target] {
            node.cpu.retain(|p| !hidden.contains(&p.time));
        }
    };
    let [minutes, hour, day] = judged(&helpful(0), 0, outage);
    for window in [minutes, hour] {
        assert_eq!(window.result, Verdict::Unknown, "{}", window.reason);
        assert!(window.reason.contains("older than it was seen"), "{}", window.reason);
    }
    assert_ne!(day.result, Verdict::Unknown, "{}", day.reason);
}

/// All nodes lose half of their load at the move: what unaffected nodes show is no relief.
#[test]
fn a_common_swing_is_not_taken_for_an_effect() {
    let all: Vec<Vmid> = [200, 300, 400, 500, 600].iter().flat_map(|v| *v..v + 4).collect();
    let mut improved = 0;
    for seed in 0..seeds() {
        let hour = helpful(seed).hour;
        let plant =
            Plant { guest: 0.004, growth: vec![falling(&all, 96.0, 0.25, hour)], ..helpful(seed) };
        let [_, _, day] = judged(&plant, seed, guest_unknown);
        improved += u64::from(day.result == Verdict::Improved);
        assert!(day.common_swing.is_none_or(|s| s < 0.0) && day.controls == 3);
    }
    assert!(10 * improved <= seeds(), "{improved} read improved");
}

/// Predictions are about the same quantity as what came, so they can be compared.
#[test]
fn predicted_and_actual_relief_of_steady_clusters_agree() {
    let mut errors = Vec::new();
    for seed in 0..seeds() {
        let [_, _, day] = judged(&helpful(seed), seed, |_| {});
        errors.push((day.predicted.unwrap() - day.actual.unwrap()).abs());
    }
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    assert!(mean < 0.05, "{mean}: {errors:?}");
}

fn absurd() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => 0.0..1.0f64,
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(-1e300),
        1 => Just(1e300),
    ]
}

fn series() -> impl Strategy<Value = Vec<Point>> {
    let time = -200 * HOUR..30 * HOUR;
    prop::collection::vec((time, absurd()), 0..400).prop_map(|all| {
        all.into_iter().map(|(time, value)| Point::sample(1_750_000_000 + time, value)).collect()
    })
}

proptest! {
    #[test]
    fn whatever_was_recorded_there_is_a_verdict_with_finite_figures(
        all in prop::collection::vec(series(), 8), sizes in prop::collection::vec(absurd(), 6)
    ) {
        let node = |name: &str, i: usize| NodeRecord {
            name: name.into(), cores: sizes[i], memory: sizes[i + 1],
            cpu: all[i].clone(), mem: all[i + 1].clone(), pressure: Vec::new(), shifts: Vec::new(),
        };
        let time = 1_750_000_000;
        let scene = Scene {
            migration: Migration { time, vmid: MOVED, from: "a".into(), to: "b".into() },
            source: node("a", 0), target: node("b", 2), controls: vec![node("c", 3)],
            guest: GuestRecord {
                cores: sizes[5], memory: sizes[0],
                cpu: all[5].clone(), mem: all[6].clone(), pressure: all[7].clone(),
            },
            next_move: None,
            rows: (0..1440).map(|m| time + 60 * m).collect(),
        };
        for span in Span::ALL {
            let window = judge(&scene, span, LIMITS, &LocalTime::utc(), time + 30 * HOUR);
            prop_assert!(!window.reason.is_empty() && window.result != Verdict::Pending);
            for figure in [window.predicted, window.actual, window.uncertainty] {
                prop_assert!(figure.is_none_or(f64::is_finite), "{window:?}");
            }
            let text = serde_json::to_string(&window).unwrap();
            let again: WindowOutcome = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(again.result, window.result);
        }
    }
}
