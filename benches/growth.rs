//! How the costs grow with the cluster: `make growth`, or `cargo bench --bench growth`. For each size
//! CPU milliseconds of what the engine does, and microseconds of them for each guest: where those
//! stay the same, growth is in proportion. Figures: docs/performance.md.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may stop where it stands")]

use pve_foresight::engine::{Engine, RecommendRequest, TrendsRequest};
use pve_foresight::model::{DAY, GuestMetric, HOUR, Metric, Tick, UnixTime};
use pve_foresight::settings::PenaltyConfig;
use pve_foresight::simulate::{Scenario, Simulation};
use pve_foresight::store::{Detail, Reader, Resolution, Writer};
use std::hint::black_box;
use std::path::Path;

const SIZES: [u32; 4] = [50, 500, 2_000, 10_000];
const END: UnixTime = 1_763_899_200;
/// Hours at the end with a tick a minute; those before have two ticks, which no reader notices.
const FINE: i64 = 4;

/// An operation and what it cost at each size, in CPU milliseconds.
type Line = (&'static str, f64);

/// CPU milliseconds that this process has used.
fn cpu() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec to write to for the length of the call.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(done, 0);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// What `work` costs.
fn cost<T>(work: impl FnOnce() -> T) -> f64 {
    let before = cpu();
    black_box(work());
    cpu() - before
}

fn median(mut costs: Vec<f64>) -> f64 {
    costs.sort_by(f64::total_cmp);
    costs[costs.len() / 2]
}

/// The middle one of `times` costs.
fn usual<T>(times: usize, mut work: impl FnMut() -> T) -> f64 {
    median((0..times).map(|_| cost(&mut work)).collect())
}

/// `hours` of a cluster up to `end`, without what a simulation that starts later would say otherwise.
fn ticks(guests: u32, end: UnixTime, hours: i64, interval: u32) -> impl Iterator<Item = Tick> {
    let nodes = (guests / 60).clamp(3, 64);
    let days = hours as f64 / 24.0;
    let scenario = Scenario { days, interval, ..Scenario::fleet(nodes, guests, 1, end) };
    Simulation::new(&scenario).unwrap().map(|mut tick| {
        tick.guests.iter_mut().for_each(|guest| guest.created = None);
        tick
    })
}

/// Fills a store with seven days, and measures its last hours on the way.
fn write(guests: u32, state: &Path) -> Vec<Line> {
    let mut writer = Writer::open(state).unwrap();
    let fine = END - FINE * HOUR;
    writer.append_all(ticks(guests, fine - 60, 7 * 24 - FINE, 1_800)).unwrap();
    let (mut plain, mut opening) = (Vec::new(), Vec::new());
    for tick in ticks(guests, END, FINE, 60) {
        let opens = tick.ts % HOUR < 60;
        let cost = cost(|| writer.append(&tick).unwrap());
        if opens { &mut opening } else { &mut plain }.push(cost);
    }
    vec![
        ("append a tick", median(plain)),
        ("tick that opens an hour, with the roll", median(opening)),
    ]
}

fn read(guests: u32, state: &Path) -> Vec<Line> {
    let reader = Reader::open(state).unwrap();
    let week = END - 7 * DAY..END;
    let load = || {
        let fleet = reader.fleet(week.clone(), Resolution::Hourly, Detail::Typical).unwrap();
        assert_eq!(fleet.guests.len(), guests as usize);
        fleet.decode(&[], &GuestMetric::ALL[..6]);
        fleet
    };
    let one = || reader.guest_history(100 + guests / 2, week.clone()).unwrap();
    let engine = Engine::new(state);
    let config = PenaltyConfig::default();
    let asked = TrendsRequest {
        now: Some(END),
        lookback_hours: 7 * 24,
        node: None,
        guest: None,
        only: None,
        metrics: None,
        config,
    };
    let advice = RecommendRequest { now: Some(END), inventory: None, config };
    vec![
        ("load 7 days hourly of all, 6 metrics", usual(5, load)),
        ("one guest, 7 days", usual(5, one)),
        ("trends of all", usual(3, || engine.trends(&asked).unwrap())),
        ("recommend, whole call", usual(3, || engine.recommend(&advice, None).unwrap())),
    ]
}

fn main() {
    // As a test, as `cargo test --all-targets` runs it, there is nothing to do.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let measured = SIZES.map(|guests| {
        let dir = tempfile::tempdir().unwrap();
        let mut lines = write(guests, dir.path());
        lines.extend(read(guests, dir.path()));
        lines
    });
    print!("| CPU ms (us a guest) |");
    SIZES.iter().for_each(|guests| print!(" {guests} guests |"));
    println!("\n|---|{}", "---|".repeat(SIZES.len()));
    for (number, (name, _)) in measured[0].iter().enumerate() {
        print!("| {name} |");
        for (lines, guests) in measured.iter().zip(SIZES) {
            let cost = lines[number].1;
            print!(" {cost:.2} ({:.2}) |", cost * 1e3 / f64::from(guests));
        }
        println!();
    }
}
