//! Rhythms that change their shape, growth that is taken back in part, traffic in bursts, levels that wander: none of it is
//! what it looks like at first.

use super::support::*;
use pve_foresight::model::HOUR;
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Direction, Params, Scale, Trend, analyze};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

fn trends(all: &[Trend]) -> usize {
    all.iter().filter(|t| t.direction.is_trend()).count()
}

/// Points that a job of some hours adds.
fn job(time: i64, hours: std::ops::Range<i64>, points: f64) -> f64 {
    if hours.contains(&hour(time)) { points } else { 0.0 }
}

#[test]
fn hours_that_are_added_to_a_rhythm_or_taken_from_it_are_no_trend() {
    for days in [14, 30, 90] {
        let since = |t: f64| t > -0.45 * f64::from(days);
        let second = all_of(days, 1.5, |t, time| {
            15.0 + job(time, 1..4, 40.0) + if since(t) { job(time, 20..23, 40.0) } else { 0.0 }
        });
        let ended = all_of(days, 1.5, |t, time| {
            15.0 + job(time, 1..4, 40.0) + if since(t) { 0.0 } else { job(time, 20..23, 40.0) }
        });
        let longer = all_of(days, 1.5, |t, time| {
            let works = at_work(time) > 0.0;
            let evening = works_late(time) && since(t);
            15.0 + if works || evening { 30.0 } else { 0.0 }
        });
        for (kind, all) in [("a second job", second), ("one less", ended), ("evenings", longer)] {
            assert_eq!(trends(&all), 0, "{kind}, {days} days");
            assert!(count(&all, Direction::Cyclical) >= 11, "{kind}, {days} days");
        }
    }
}

/// The hours after office hours, on the same days.
fn works_late(time: i64) -> bool {
    (18..22).contains(&hour(time)) && at_work(time - 8 * HOUR) > 0.0
}

#[test]
fn growth_beside_a_rhythm_that_changed_its_shape_is_still_growth() {
    for days in [14, 30] {
        let all = all_of(days, 1.5, |t, time| {
            let second = if t > -0.45 * f64::from(days) { job(time, 20..23, 40.0) } else { 0.0 };
            15.0 + job(time, 1..4, 20.0) + 1.2 * (t + f64::from(days)) + second
        });
        assert!(count(&all, Direction::SustainedIncrease) >= 11, "{days} days");
    }
}

#[test]
fn growth_that_two_reductions_take_back_in_part_goes_on() {
    for days in [14, 30, 90] {
        let window = f64::from(days);
        let all = all_of(days, 1.0, |t, _| {
            let gone = |share: f64| if t > -share * window { 8.0 } else { 0.0 };
            30.0 + 30.0 * (t + window) / window - gone(0.7) - gone(0.3)
        });
        assert!(count(&all, Direction::SustainedIncrease) >= 11, "{days} days");
    }
}

#[test]
fn transfers_now_and_then_are_no_glitches() {
    let local = LocalTime::utc();
    let look = |seed| {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut rate = || {
            let size: f64 = StandardNormal.sample(rng);
            if rng.random_bool(0.1) { 5e6 * size.exp() } else { 0.0 }
        };
        // Hourly means of twelve samples, and the samples of the last two days, as a store has them.
        let hourly = (48..168).rev().map(|h| Point {
            value: (0..12).map(|_| rate()).sum::<f64>() / 12.0,
            seconds: 3_600,
            count: 12,
            ..Point::sample(NOW - h * HOUR - HOUR / 2, 0.0)
        });
        let mut points: Vec<Point> = hourly.collect();
        points.extend((0..576).rev().map(|i| Point::sample(NOW - i * 300, rate())));
        let params = Params {
            lookback_hours: 168,
            threshold: None,
            scale: Scale::Relative { floor: 1.0 },
            ..Params::share(NOW, 1.0, &local)
        };
        analyze(&points, &params)
    };
    let all: Vec<Trend> = (0..100).map(look).collect();
    assert!(trends(&all) <= 6, "{}", trends(&all));
    let slopes: f64 = all.iter().filter_map(|t| t.slope_per_day).sum();
    // A tenth of the samples, e to the half of a normal deviation as large on average.
    let usual = 0.1 * 5e6 * 0.5f64.exp();
    let moved = 7.0 * slopes / 100.0 / usual;
    assert!(moved.abs() < 0.15, "by {moved:.2} of what is usual in a week");
}

#[test]
fn work_in_phases_is_no_sure_trend() {
    // A guest that computes at one level for half a day to three days, then at another.
    let phases = |seed: u64, days: u32| {
        let rng = &mut ChaCha8Rng::seed_from_u64(7_000 + seed);
        let (mut level, mut until) = (0.0, f64::NEG_INFINITY);
        let levels: Vec<f64> = (0..24 * i64::from(days))
            .map(|h| {
                if h as f64 >= until {
                    (level, until) =
                        (rng.random_range(10.0..60.0), h as f64 + rng.random_range(12.0..72.0));
                }
                level
            })
            .collect();
        let points = hourly(seed, i64::from(days), 1.0, |t, _| {
            levels[((t + f64::from(days)) * 24.0).max(0.0) as usize]
        });
        look_back(days, &points)
    };
    let all = |days| (0..600).map(move |seed| phases(seed, days));
    let claims: Vec<Trend> = all(7).chain(all(14)).filter(|t| t.direction.is_trend()).collect();
    let sure = claims.iter().filter(|t| t.confidence >= 0.9).count();
    assert!(claims.len() <= 24, "{} of 1,200", claims.len());
    assert!(2 * sure <= claims.len(), "{sure} of {}", claims.len());
    // What grows beside noise is as sure as before.
    for days in [7, 14, 30] {
        let all = all_of(days, 1.5, |t, _| 30.0 + 1.0 * (t + f64::from(days)));
        let sure = |t: &&Trend| t.direction.is_trend() && t.confidence >= 0.9;
        assert!(all.iter().filter(sure).count() >= 11, "{days} days");
    }
}
