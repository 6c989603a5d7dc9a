//! Series of kinds that admins meet, and their analysis.

use pve_foresight::model::{DAY, HOUR};
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Direction, Params, Trend, analyze};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// A Wednesday, 14:00 UTC.
pub(crate) const NOW: i64 = 1_769_004_000;
/// Draws of each kind.
pub(crate) const DRAWS: u64 = 12;

/// Hourly values of `days` days; `f` gets days before now (negative) and unix seconds; noise of standard deviation `sd`
/// that is forgotten within three hours is added.
pub(crate) fn hourly(seed: u64, days: i64, sd: f64, f: impl Fn(f64, i64) -> f64) -> Vec<Point> {
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

pub(crate) fn look(points: &[Point]) -> Trend {
    look_back(7, points)
}

pub(crate) fn look_back(days: u32, points: &[Point]) -> Trend {
    let (local, lookback_hours) = (LocalTime::utc(), 24 * days);
    let share = Params::share(NOW, 100.0, &local);
    analyze(points, &Params { threshold: Some(98.0), lookback_hours, ..share })
}

/// The answers to all draws of a kind.
pub(crate) fn all(days: i64, sd: f64, f: impl Fn(f64, i64) -> f64) -> Vec<Trend> {
    (0..DRAWS).map(|seed| look(&hourly(seed, days, sd, &f))).collect()
}

/// The same, with all days in the window.
pub(crate) fn all_of(days: u32, sd: f64, f: impl Fn(f64, i64) -> f64) -> Vec<Trend> {
    let points = |seed| hourly(seed, i64::from(days), sd, &f);
    (0..DRAWS).map(|seed| look_back(days, &points(seed))).collect()
}

/// Windows that admins choose.
pub(crate) const WINDOWS: [u32; 3] = [7, 14, 30];

pub(crate) fn count(trends: &[Trend], direction: Direction) -> usize {
    trends.iter().filter(|t| t.direction == direction).count()
}

pub(crate) fn hour(time: i64) -> i64 {
    time.rem_euclid(DAY) / HOUR
}

/// Office hours of a weekday: 1, else 0.
pub(crate) fn at_work(time: i64) -> f64 {
    let weekend = (time - 2 * DAY).rem_euclid(7 * DAY) < 2 * DAY;
    f64::from(u8::from(!weekend && (8..18).contains(&hour(time))))
}
