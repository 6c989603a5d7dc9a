//! Comparing findings: stability of nodes, before and after a move.

use super::Trend;
use crate::model::{HOUR, UnixTime};
use crate::series::{Point, stats};
use serde::Serialize;

/// Stability scores closer than this are alike: the noise of a week says no more.
const ALIKE: f64 = 5.0;

/// Which of two nodes is steadier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Steadier {
    /// The first.
    First,
    /// The second.
    Second,
    /// They differ by less than noise.
    Alike,
}

/// Stability of two nodes side by side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StabilityComparison {
    /// Score of the first, 0-100.
    pub first: f64,
    /// Score of the second, 0-100.
    pub second: f64,
    /// Which is steadier.
    pub steadier: Steadier,
}

/// Stability of a node, 0-100, from the trends of its metrics: the least of them, since a node is as
/// steady as what is least steady on it. `None` where none is known.
pub fn node_stability<'a>(metrics: impl IntoIterator<Item = &'a Trend>) -> Option<f64> {
    metrics.into_iter().filter_map(|t| t.stability).min_by(f64::total_cmp)
}

/// Compares two nodes by the trends of their metrics; `None` where one has no known stability.
pub fn compare_node_stability<'a>(
    first: impl IntoIterator<Item = &'a Trend>,
    second: impl IntoIterator<Item = &'a Trend>,
) -> Option<StabilityComparison> {
    let (first, second) = (node_stability(first)?, node_stability(second)?);
    let steadier = match first - second {
        d if d.abs() < ALIKE => Steadier::Alike,
        d if d > 0.0 => Steadier::First,
        _ => Steadier::Second,
    };
    Some(StabilityComparison { first, second, steadier })
}

/// A value before and after a moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BeforeAfter {
    /// Median of the hours before.
    pub before: f64,
    /// Median of the hours after.
    pub after: f64,
}

/// Medians of the `hours` before and after `time` (a migration); `None` without points on both sides.
/// Whole days compare like with like: a multiple of 24 keeps the daily cycle out.
pub fn before_after(points: &[Point], time: UnixTime, hours: u32) -> Option<BeforeAfter> {
    let span = i64::from(hours) * HOUR;
    let middle = |from: UnixTime, to: UnixTime| {
        let inside = points.iter().filter(|p| (from..to).contains(&p.time) && p.value.is_finite());
        let mut values: Vec<f64> = inside.map(|p| p.value).collect();
        stats::quantile(&mut values, 0.5)
    };
    Some(BeforeAfter {
        before: middle(time.saturating_sub(span), time)?,
        after: middle(time, time.saturating_add(span))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(stability: Option<f64>) -> Trend {
        Trend { stability, ..Trend::unknown(0, String::new(), "") }
    }

    #[test]
    fn the_least_steady_metric_counts() {
        let (a, b) = ([with(Some(90.0)), with(Some(40.0))], [with(Some(60.0)), with(None)]);
        let c = compare_node_stability(&a, &b).unwrap();
        assert_eq!((c.first, c.second, c.steadier), (40.0, 60.0, Steadier::Second));
        assert_eq!(compare_node_stability(&b, &a).unwrap().steadier, Steadier::First);
        assert_eq!(compare_node_stability(&a, &a).unwrap().steadier, Steadier::Alike);
        assert_eq!(compare_node_stability(&a, &[with(None)]), None);
    }

    #[test]
    fn a_move_has_two_sides() {
        let points: Vec<Point> =
            (0..48).map(|h| Point::sample(h * HOUR, if h < 24 { 5.0 } else { 9.0 })).collect();
        let both = before_after(&points, 24 * HOUR, 24).unwrap();
        assert_eq!((both.before, both.after), (5.0, 9.0));
        assert_eq!(before_after(&points, 0, 24), None);
        assert_eq!(before_after(&[], 5, 24), None);
    }
}
