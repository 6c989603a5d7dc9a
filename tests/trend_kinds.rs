//! Kinds of series that admins meet and benchmarks of trend engines leave out: curves, restarts, odd clocks and gaps.

#![allow(clippy::unwrap_used)]

use pve_foresight::model::{DAY, HOUR, Worse};
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Crossing, Direction, Params, Trend, analyze};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// A Wednesday, 14:00 UTC.
const NOW: i64 = 1_769_004_000;
/// Draws of each kind.
const DRAWS: u64 = 12;

/// Hourly values of `days` days; `f` gets days before now (negative) and unix seconds; noise of standard deviation `sd`
/// that is forgotten within three hours is added.
fn hourly(seed: u64, days: i64, sd: f64, f: impl Fn(f64, i64) -> f64) -> Vec<Point> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let phi = (-1.0f64 / 3.0).exp();
    let mut noise = 0.0;
    (0..days * 24)
        .map(|h| {
            let time = NOW - (days * 24 - h) * HOUR + HOUR / 2;
            let shock: f64 = StandardNormal.sample(rng);
            noise = phi * noise + sd * (1.0 - phi * phi).sqrt() * shock;
            let value = f((time - NOW) as f64 / DAY as f64, time) + noise;
            Point::sample(time, value.clamp(0.0, 100.0))
        })
        .collect()
}

fn look(points: &[Point]) -> Trend {
    let local = LocalTime::utc();
    analyze(points, &Params { threshold: Some(98.0), ..Params::share(NOW, 100.0, &local) })
}

/// The answers to all draws of a kind.
fn all(days: i64, sd: f64, f: impl Fn(f64, i64) -> f64) -> Vec<Trend> {
    (0..DRAWS).map(|seed| look(&hourly(seed, days, sd, &f))).collect()
}

fn count(trends: &[Trend], direction: Direction) -> usize {
    trends.iter().filter(|t| t.direction == direction).count()
}

fn hour(time: i64) -> i64 {
    time.rem_euclid(DAY) / HOUR
}

/// Office hours of a weekday: 1, else 0.
fn at_work(time: i64) -> f64 {
    let weekend = (time - 2 * DAY).rem_euclid(7 * DAY) < 2 * DAY;
    f64::from(u8::from(!weekend && (8..18).contains(&hour(time))))
}

#[test]
fn growth_that_has_ended_is_no_trend() {
    let stopped = all(7, 0.7, |t, _| 30.0 + 7.0 * (t + 7.0).min(4.0));
    assert_eq!(count(&stopped, Direction::Stable), stopped.len());
    let cache = all(7, 0.4, |t, _| 90.0 - 60.0 * (-1.2 * (t + 7.0)).exp());
    assert_eq!(count(&cache, Direction::SustainedIncrease), 0, "a page cache that has filled");
}

#[test]
fn a_curve_is_not_taken_for_a_line() {
    let saturated = all(7, 0.4, |t, _| 30.0 + 65.0 / (1.0 + (-1.6 * (t + 4.0)).exp()));
    assert_eq!(count(&saturated, Direction::SustainedIncrease), 0);
    let above = |t: &&Trend| t.projection.unwrap().level == Crossing::Already;
    assert!(saturated.iter().filter(above).count() <= 1, "it stands at 95 of 98");
    let rising = all(7, 0.4, |t, _| 30.0 + 65.0 / (1.0 + (-0.8 * (t + 1.0)).exp()));
    assert_eq!(count(&rising, Direction::SustainedIncrease), rising.len());
    let exponential = all(7, 1.0, |t, _| 10.0 * (0.25 * (t + 7.0)).exp());
    assert_eq!(count(&exponential, Direction::SustainedIncrease), exponential.len());
}

#[test]
fn leaks_are_told_from_their_restarts() {
    let often = all(7, 0.7, |t, _| 30.0 + 12.0 * (t + 7.7).rem_euclid(2.3));
    assert_eq!(count(&often, Direction::Cyclical), often.len());
    let once = all(7, 0.7, |t, _| 30.0 + 4.0 * if t < -3.4 { t + 7.0 } else { t + 3.4 });
    assert_eq!(count(&once, Direction::SustainedIncrease), once.len());
}

#[test]
fn storage_that_fills_in_steps_fills() {
    let backups = all(7, 0.05, |t, _| 40.0 + 1.5 * (t + 7.5).floor());
    assert_eq!(count(&backups, Direction::SustainedIncrease), backups.len());
    assert!(backups.iter().all(|t| (t.slope_per_day.unwrap() - 1.5).abs() < 0.15));
    let pruned = all(14, 0.05, |t, _| 50.0 + 4.0 * (t + 14.5).rem_euclid(3.5).floor());
    assert_eq!(count(&pruned, Direction::SustainedIncrease), 0);
}

#[test]
fn one_week_of_office_hours_is_regular() {
    let office = all(7, 1.5, |_, time| 10.0 + 40.0 * at_work(time));
    assert_eq!(count(&office, Direction::Cyclical), office.len());
    assert!(office.iter().all(|t| t.stability.unwrap() >= 85.0));
    assert!(office.iter().all(|t| t.peak_hours == (8..18).collect::<Vec<u8>>()));
    let campaign = all(7, 1.5, |t, _| 30.0 + if (-2.3..-0.9).contains(&t) { 20.0 } else { 0.0 });
    assert_eq!(count(&campaign, Direction::SustainedIncrease), 0);
    assert!(campaign.iter().all(|t| t.changes.iter().any(|c| c.size > 10.0)), "up and down again");
}

#[test]
fn a_holiday_is_no_decrease() {
    let week = all(14, 1.5, |t, time| 30.0 + if t < -5.0 { 25.0 * at_work(time) } else { 0.0 });
    assert_eq!(week.iter().filter(|t| t.direction.is_trend()).count(), 0);
}

#[test]
fn nights_without_data_hide_neither_rhythm_nor_growth() {
    let daylight = |slope: f64, seed: u64| {
        let shape = |time: i64| (std::f64::consts::PI * (hour(time) - 7) as f64 / 13.0).sin();
        let mut points =
            hourly(seed, 14, 1.0, |t, time| 20.0 + slope * (t + 14.0) + 15.0 * shape(time));
        points.retain(|p| (7..20).contains(&hour(p.time)));
        look(&points)
    };
    for seed in 0..DRAWS {
        assert_eq!(daylight(0.0, seed).direction, Direction::Cyclical);
        assert_eq!(daylight(2.0, seed).direction, Direction::SustainedIncrease, "{seed}");
    }
}

#[test]
fn a_change_of_the_sampling_rate_is_no_change() {
    let level = |time: i64| 30.0 + 12.0 * (hour(time) as f64 / 24.0 * std::f64::consts::TAU).sin();
    let times = (0..64)
        .map(|i| NOW - 30 * DAY + i * 6 * HOUR + 3 * HOUR)
        .chain((0..288).map(|i| NOW - 14 * DAY + i * HOUR + HOUR / 2))
        .chain((0..2_880).map(|i| NOW - 2 * DAY + i * 60));
    let points: Vec<Point> = times.map(|time| Point::sample(time, level(time))).collect();
    let trend = look(&points);
    assert_eq!(trend.direction, Direction::Cyclical);
    assert!(trend.changes.is_empty());
}

#[test]
fn too_little_for_a_trend_says_what_would_be_enough() {
    let young = look(&hourly(1, 7, 0.5, |_, _| 40.0)[168 - 14..]);
    let why = young.not_enough.clone().unwrap();
    assert!(why.reason.contains("14 values over 13 hours") && why.needed.contains("46 hours"));
    assert_eq!(young.projection, None, "never is more than half a day can tell");
    assert_eq!(young.projection(30.0, Worse::High).unwrap().level, Crossing::Already);
    let local = LocalTime::utc();
    let params = Params { lookback_hours: 24, ..Params::share(NOW, 100.0, &local) };
    let short = analyze(&hourly(1, 7, 0.5, |_, _| 40.0), &params);
    assert!(short.not_enough.unwrap().needed.contains("lookback of 2 days"));
}

#[test]
fn nothing_is_expected_above_the_whole() {
    let full = look(&hourly(1, 7, 0.3, |t, _| (60.0 + 8.0 * (t + 7.0)).min(100.0)));
    assert!(full.saturated);
    assert!(full.baseline.unwrap().expected <= 100.0);
    assert!(!full.anomaly.unwrap().flag, "{:?}", full.anomaly);
}
