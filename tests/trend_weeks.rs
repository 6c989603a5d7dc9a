//! What the days of the week do to a series.

#![allow(clippy::unwrap_used)]

mod trend_support;

use pve_foresight::model::{DAY, HOUR};
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::trend::{Direction, Nature, Params, Scale, Trend, analyze};
use trend_support::*;

/// What fills, seen on another day of the week.
fn filled(days: u32, later: i64, seed: u64, sd: f64, f: impl Fn(f64, i64) -> f64) -> Trend {
    let local = LocalTime::utc();
    let mut points = hourly(seed, i64::from(days), sd, |t, time| f(t, time + later));
    points.iter_mut().for_each(|p| p.time += later);
    let share = Params::share(NOW + later, 100.0, &local);
    analyze(&points, &Params { lookback_hours: 24 * days, nature: Nature::Fill, ..share })
}

#[test]
fn office_hours_that_grew_by_a_third_are_no_trend() {
    for days in [14, 30, 60] {
        for more in [0.7, 0.8, 1.3, 1.4] {
            let size = |t: f64| if t < -0.5 * f64::from(days) { 30.0 } else { 30.0 * more };
            let office = all_of(days, 1.5, |t, u| 10.0 + size(t) * at_work(u));
            let regular = count(&office, Direction::Cyclical);
            assert!(regular >= 11, "{more}, {days} days: {regular}");
        }
    }
}
