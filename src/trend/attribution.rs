//! Whose growth is a node's growth?
//!
//! A least-squares slope is a weighted sum of the values, so the slope of a sum is the sum of the
//! slopes: guests, arrivals and departures, and the rest add up to the node's slope exactly.

use super::Params;
use crate::model::DAY;
use crate::series::{Bins, Grid, Point, stats};
use serde::Serialize;
use std::collections::BTreeMap;

/// Hours at the edge of a stay that say what a guest would have used before or after it.
const EDGE: usize = 24;
/// Gaps in a guest's series up to this many hours are bridged; longer ones are absences.
const BRIDGE: i64 = 3;

/// A node's slope in parts, per day, in the unit of the series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attribution {
    /// Slope of the node's load over the window: hour effects taken out, steps left in.
    pub slope_per_day: f64,
    /// What each guest's own growth adds, in the order given.
    pub guests: Vec<f64>,
    /// What arrivals and departures add.
    pub moves: f64,
    /// What no guest explains: the host itself.
    pub rest: f64,
}

/// Splits the slope of a node's load into the growth of its guests, their coming and going, and
/// the rest; all series in one unit of the host (cores, bytes).
///
/// A guest's points cover only its time on this node. Where it was absent, its own growth is
/// figured with the mean of the nearest day of its stay; the difference to zero counts as a move. The
/// slope is that of the hour-effects model (Frisch & Waugh 1933) on hourly means. `None` with less than two
/// hours of the same hour of the day, that is, without two days. O(points).
pub fn attribute(node: &[Point], guests: &[&[Point]], params: &Params<'_>) -> Option<Attribution> {
    let bins = hourly(node, params);
    let weight = slope_weights(&bins)?;
    let slope = |y: &[f64]| y.iter().zip(&weight).map(|(y, w)| y * w).sum::<f64>();
    let slope_per_day = slope(&bins.y);
    let (mut own, mut moves) = (Vec::with_capacity(guests.len()), 0.0);
    for guest in guests {
        let (there, anyway) = presence(&bins.key, &hourly(guest, params));
        let growth = slope(&anyway);
        own.push(growth);
        moves += slope(&there) - growth;
    }
    let rest = slope_per_day - own.iter().sum::<f64>() - moves;
    Some(Attribution { slope_per_day, guests: own, moves, rest })
}

/// Hourly means of the lookback window.
fn hourly(points: &[Point], params: &Params<'_>) -> Bins {
    let from = params.now.saturating_sub((params.lookback_days() * DAY as f64) as i64);
    let inside =
        points.iter().filter(|p| p.value.is_finite() && (from..=params.now).contains(&p.time));
    let mut kept: Vec<Point> = inside.copied().collect();
    kept.sort_by_key(|p| p.time);
    Bins::of(&kept, Grid::Hour, params.now, params.local)
}

/// Weights w with slope = sum of w y: w = t~ / sum t~², t~ = t less its mean over the same hour.
fn slope_weights(bins: &Bins) -> Option<Vec<f64>> {
    let (mut sum, mut count) = ([0.0; 24], [0.0; 24]);
    for (t, slot) in bins.t.iter().zip(bins.slot.iter()) {
        sum[usize::from(*slot)] += t;
        count[usize::from(*slot)] += 1.0;
    }
    let inner = |(t, slot): (&f64, &u8)| t - sum[usize::from(*slot)] / count[usize::from(*slot)];
    let inner: Vec<f64> = bins.t.iter().zip(bins.slot.iter()).map(inner).collect();
    let square: f64 = inner.iter().map(|v| v * v).sum();
    (square > 1e-9).then(|| inner.iter().map(|v| v / square).collect())
}

/// A guest's load at the node's hours: as it was (0 while absent), and as if it had always been there.
fn presence(keys: &[i64], guest: &Bins) -> (Vec<f64>, Vec<f64>) {
    let known: BTreeMap<i64, f64> =
        guest.key.iter().copied().zip(guest.y.iter().copied()).collect();
    let (mut there, mut anyway) = (Vec::with_capacity(keys.len()), Vec::with_capacity(keys.len()));
    for key in keys {
        let before = known.range(..=*key).next_back();
        let after = known.range(*key..).next();
        let bridged = match (before, after) {
            (Some((a, x)), Some((b, y))) if b - a <= BRIDGE => {
                let part = if a == b { 0.0 } else { (key - a) as f64 / (b - a) as f64 };
                Some(x + part * (y - x))
            }
            _ => None,
        };
        let near = || match (before, after) {
            (Some((a, _)), Some((b, _))) if key - a > b - key => edge(known.range(*key..)),
            (Some(_), _) => edge(known.range(..=*key).rev()),
            _ => edge(known.range(*key..)),
        };
        there.push(bridged.unwrap_or(0.0));
        anyway.push(bridged.unwrap_or_else(near));
    }
    (there, anyway)
}

/// Mean of the first day of `hours`; 0 without any.
fn edge<'a>(hours: impl Iterator<Item = (&'a i64, &'a f64)>) -> f64 {
    stats::mean(&hours.take(EDGE).map(|(_, v)| *v).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HOUR;
    use crate::series::LocalTime;
    use proptest::prelude::*;

    const NOW: i64 = 168 * HOUR;

    fn series(hours: std::ops::Range<i64>, f: impl Fn(f64) -> f64) -> Vec<Point> {
        hours.map(|h| Point::sample(h * HOUR, f(h as f64 / 24.0))).collect()
    }

    fn sum(parts: &[&[Point]], host: impl Fn(f64) -> f64) -> Vec<Point> {
        series(0..168, |day| {
            let time = (day * 24.0).round() as i64 * HOUR;
            let at = |p: &&[Point]| p.iter().find(|p| p.time == time).map_or(0.0, |p| p.value);
            host(day) + parts.iter().map(at).sum::<f64>()
        })
    }

    #[test]
    fn the_growing_guest_is_named() {
        let local = LocalTime::utc();
        let grows = series(0..168, |day| 1.0 + 0.5 * day);
        let cycles = series(0..168, |day| 2.0 + (day * std::f64::consts::TAU).sin());
        let node = sum(&[&grows, &cycles], |_| 0.3);
        let a = attribute(&node, &[&grows, &cycles], &Params::share(NOW, 8.0, &local)).unwrap();
        assert!((a.guests[0] - 0.5).abs() < 1e-9 && a.guests[1].abs() < 1e-3, "{a:?}");
        assert!(a.moves.abs() < 1e-9 && a.rest.abs() < 1e-9);
        assert!((a.slope_per_day - 0.5).abs() < 1e-3);
    }

    #[test]
    fn an_arrival_is_a_move_and_no_growth() {
        let local = LocalTime::utc();
        let comes = series(100..168, |_| 3.0);
        let node = sum(&[&comes], |_| 1.0);
        let a = attribute(&node, &[&comes], &Params::share(NOW, 8.0, &local)).unwrap();
        assert!(a.guests[0].abs() < 1e-9 && a.rest.abs() < 1e-9, "{a:?}");
        assert!(a.moves > 0.3 && (a.moves - a.slope_per_day).abs() < 1e-9);
    }

    #[test]
    fn too_short_a_window_has_no_slope() {
        let local = LocalTime::utc();
        let day = series(150..168, |_| 1.0);
        assert_eq!(attribute(&day, &[], &Params::share(NOW, 8.0, &local)), None);
        assert_eq!(attribute(&[], &[], &Params::share(NOW, 8.0, &local)), None);
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole(
            loads in prop::collection::vec((0i64..120, 20i64..168, -1.0f64..1.0, 0.0f64..9.0), 0..6),
            host in -1.0f64..1.0,
        ) {
            let local = LocalTime::utc();
            let guests: Vec<Vec<Point>> = loads
                .iter()
                .map(|(from, length, slope, level)| series(*from..(from + length).min(168), |d| level + slope * d))
                .collect();
            let guests: Vec<&[Point]> = guests.iter().map(Vec::as_slice).collect();
            let node = sum(&guests, |d| 1.0 + host * d);
            let a = attribute(&node, &guests, &Params::share(NOW, 100.0, &local)).unwrap();
            let reversed: Vec<&[Point]> = guests.iter().rev().copied().collect();
            let again = attribute(&node, &reversed, &Params::share(NOW, 100.0, &local)).unwrap();
            let mirrored: Vec<f64> = again.guests.iter().rev().copied().collect();
            prop_assert_eq!(&mirrored, &a.guests, "the order of guests does not matter");
            let parts = a.guests.iter().sum::<f64>() + a.moves + a.rest;
            prop_assert!((parts - a.slope_per_day).abs() < 1e-9);
            prop_assert!((a.rest - host).abs() < 1e-6, "{a:?}");
        }
    }
}
