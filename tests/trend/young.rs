//! What is younger than the window: leaks of some days, restarts of some hours, windows of a day.

use super::support::*;
use pve_foresight::model::Worse;
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Direction, Nature, Params, Trend, analyze};

fn filled(days: u32, points: &[Point]) -> Trend {
    let local = LocalTime::utc();
    let share = Params::share(NOW, 100.0, &local);
    analyze(points, &Params { lookback_hours: 24 * days, nature: Nature::Fill, ..share })
}

/// The answers to all draws of what fills, with all days in the window.
fn all_filled(days: u32, sd: f64, f: impl Fn(f64, i64) -> f64) -> Vec<Trend> {
    (0..DRAWS).map(|seed| filled(days, &hourly(seed, i64::from(days), sd, &f))).collect()
}

/// How many say when `threshold` is reached, and are off by a third at most.
fn told(trends: &[Trend], threshold: f64, due: f64) -> usize {
    let hours = |t: &Trend| t.projection(threshold, Worse::High)?.level.hours();
    trends.iter().filter_map(hours).filter(|h| (0.67..1.5).contains(&(h / due))).count()
}

#[test]
fn a_leak_of_some_days_is_told_in_every_window() {
    for (rise, since) in [(12.0, 2.5), (30.0, 2.5), (8.0, 4.0), (10.0, 5.0)] {
        for days in [10, 14, 21, 30] {
            let slope = rise / since;
            let young = all_filled(days, 0.5, |t, _| 40.0 + slope * (t + since).max(0.0));
            let rising = count(&young, Direction::SustainedIncrease);
            assert!(rising >= 10, "{rise} in {since} of {days} days: {rising}");
            let told = told(&young, 40.0 + rise + 3.0 * slope, 72.0);
            assert!(told >= 10, "{rise} in {since} of {days} days: {told}");
            let soon = |t: &&Trend| {
                let level = t.projection(40.0 + rise + 3.0 * slope, Worse::High).unwrap().level;
                level.hours().is_some_and(|hours| hours < 40.0)
            };
            assert_eq!(young.iter().filter(soon).count(), 0, "{rise} in {since} of {days} days");
        }
    }
}

#[test]
fn what_was_restarted_hours_ago_starts_there() {
    for (days, ago) in [(7, 2.0), (14, 2.0), (30, 2.0), (90, 2.0), (30, 12.0), (90, 12.0)] {
        let (whole, restart) = (f64::from(days), -ago / 24.0);
        let slope = 40.0 / whole;
        let level = |t: f64| 40.0 + slope * if t < restart { t + whole } else { t - restart };
        let restarted = all_filled(days, 0.5, |t, _| level(t));
        let told = told(&restarted, 85.0, 24.0 * (85.0 - level(0.0)) / slope);
        assert!(told >= 10, "{ago} hours ago, {days} days: {told}");
    }
}

#[test]
fn a_day_that_rises_is_not_surely_stable() {
    for seed in 0..DRAWS {
        let points = hourly(seed, 14, 0.5, |t, _| 35.0 + 20.0 * (t + 1.0).max(0.0));
        let day = filled(1, &points);
        assert!(!day.direction.is_trend(), "{seed}");
        assert!(day.confidence <= 0.5, "{seed}: {}", day.confidence);
        let calm = filled(1, &hourly(seed, 14, 0.5, |_, _| 35.0));
        assert!(calm.confidence >= 0.85, "{seed}: {}", calm.confidence);
    }
}
