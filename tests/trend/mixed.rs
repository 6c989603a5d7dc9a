//! The store's mixed resolutions, whose hours are those of UTC, seen from any zone.

use crate::support::{DRAWS, NOW, WINDOWS};
use pve_foresight::model::{DAY, HOUR};
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Direction, Params, Trend, analyze};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::TAU;

/// Distance of samples.
const STEP: i64 = 300;

/// Samples as the store keeps them: two days of them, hours for two weeks, before that means of six hours.
fn stored(now: i64, samples: &[(i64, f64)]) -> Vec<Point> {
    let (single, hourly) =
        ((now - 2 * DAY) / HOUR * HOUR, (now - 14 * DAY) / (6 * HOUR) * 6 * HOUR);
    let width = |time: i64| match time {
        t if t >= single => 1,
        t if t >= hourly => HOUR,
        _ => 6 * HOUR,
    };
    let slots = samples.chunk_by(|a, b| {
        width(a.0) == width(b.0) && a.0.div_euclid(width(a.0)) == b.0.div_euclid(width(b.0))
    });
    let point = |slot: &[(i64, f64)]| {
        let n = slot.len() as i64;
        let seconds = if width(slot[0].0) == 1 { 0 } else { width(slot[0].0) as u32 };
        Point {
            time: slot.iter().map(|s| s.0).sum::<i64>() / n,
            value: slot.iter().map(|s| s.1).sum::<f64>() / n as f64,
            seconds,
            count: n as u32,
            p95: None,
        }
    };
    slots.map(point).collect()
}

/// What is known of a series that `load` says as the store keeps it: of a zone so many hours east of UTC, with little noise.
fn ask(seed: u64, east: f64, days: u32, mut load: impl FnMut(i64, &LocalTime) -> f64) -> Trend {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let local = LocalTime::fixed((east * HOUR as f64) as i32);
    let now = NOW + rng.random_range(0..7 * DAY);
    let (base, sd) = (rng.random_range(10.0..25.0), rng.random_range(0.3..1.2));
    let phi = (-1.0f64 / 36.0).exp();
    let mut noise = 0.0;
    let samples: Vec<(i64, f64)> = ((now - i64::from(days.max(14)) * DAY) / STEP..now / STEP)
        .map(|i| {
            let time = i * STEP + STEP / 2;
            let shock: f64 = StandardNormal.sample(rng);
            noise = phi * noise + sd * (1.0 - phi * phi).sqrt() * shock;
            (time, base + load(time, &local) + noise)
        })
        .collect();
    let share = Params::share(now, 100.0, &local);
    analyze(&stored(now, &samples), &Params { lookback_hours: 24 * days, ..share })
}

fn steady(trend: &Trend) -> bool {
    trend.stability.is_some_and(|s| s >= 85.0)
}

#[test]
fn office_hours_are_steady_in_any_zone() {
    let office = |time: i64, local: &LocalTime| {
        f64::from(u8::from(!local.weekend(time) && (8..18).contains(&local.hour(time)))) * 45.0
    };
    for days in WINDOWS {
        for east in [0.0, 1.0, 2.0, 3.0, -5.0, 5.5, 8.0] {
            let all: Vec<Trend> = (0..DRAWS).map(|seed| ask(seed, east, days, office)).collect();
            let regular = all.iter().filter(|t| t.direction == Direction::Cyclical && steady(t));
            assert_eq!(regular.count(), all.len(), "{days} days, {east} hours east");
            assert!(all.iter().all(|t| t.changes.is_empty()), "{days} days, {east} hours east");
        }
    }
}

#[test]
fn what_repeats_is_steady_whatever_its_period() {
    for days in [14, 30] {
        for hours in [3, 5, 6, 12, 50, 72] {
            let phase = |time: i64| (time % (hours * HOUR)) as f64 / (hours * HOUR) as f64;
            let sine = |time: i64, _: &LocalTime| 15.0 + 15.0 * (phase(time) * TAU).sin();
            let jobs = |time: i64, _: &LocalTime| if phase(time) < 0.35 { 35.0 } else { 0.0 };
            let count = |load: &dyn Fn(i64, &LocalTime) -> f64| {
                (0..DRAWS).filter(|seed| steady(&ask(*seed, 1.0, days, load))).count()
            };
            let counts = [count(&sine), count(&jobs)];
            assert_eq!(counts, [DRAWS as usize; 2], "{days} days, every {hours} hours");
        }
    }
    // The same jobs at random moments are not.
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let runs: Vec<bool> = (0..3_000).map(|_| rng.random_bool(0.35)).collect();
    let start = NOW - 40 * DAY;
    for days in WINDOWS {
        let jobs = |time: i64, _: &LocalTime| {
            if runs[((time - start) / (2 * HOUR)) as usize] { 35.0 } else { 0.0 }
        };
        let steady = |seed| ask(seed, 1.0, days, jobs).stability.is_some_and(|s| s >= 60.0);
        assert_eq!((0..DRAWS).filter(|seed| steady(*seed)).count(), 0, "{days} days");
    }
}

#[test]
fn a_shift_of_yesterday_is_told_where_it_was_whatever_the_window() {
    for days in [30, 90] {
        for hours in [14, 17, 21, 30] {
            let near = (0..DRAWS).filter(|seed| {
                let mut at = 0;
                let trend = ask(*seed, 0.0, days, |time, _| {
                    // The last sample that is asked for is that of now.
                    at = at.max(time);
                    0.0
                });
                assert_eq!(trend.changes, [], "{days} days");
                let since = at - hours * HOUR;
                let stepped =
                    ask(*seed, 0.0, days, |time, _| if time > since { 12.0 } else { 0.0 });
                stepped.changes.len() == 1 && (stepped.changes[0].time - since).abs() <= 2 * HOUR
            });
            let near = near.count();
            assert!(near + 1 >= DRAWS as usize, "{days} days, {hours} hours ago: {near}");
        }
    }
}
