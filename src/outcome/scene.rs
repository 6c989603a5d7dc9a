//! What is known around a move: histories of both nodes, the guest and unaffected nodes.

use crate::model::{Migration, UnixTime};
use crate::series::Point;
use std::ops::{Range, RangeInclusive};

/// A node before and after a move; shares of its capacity.
#[derive(Clone, Debug, Default)]
pub struct NodeRecord {
    /// Name in the cluster.
    pub name: String,
    /// Host cores at the move.
    pub cores: f64,
    /// Memory in bytes at the move.
    pub memory: f64,
    /// CPU in use: up to two weeks before the move, and after it.
    pub cpu: Vec<Point>,
    /// Memory in use, likewise.
    pub mem: Vec<Point>,
    /// Share of time in which some task waited for CPU, memory or disks (the worst of the three), where it is known.
    pub pressure: Vec<Point>,
    /// Times at which another guest came to this node or left it since the move, or in the day before it.
    pub shifts: Vec<UnixTime>,
}

/// The guest before and after its move; shares of its own cores and memory.
#[derive(Clone, Debug, Default)]
pub struct GuestRecord {
    /// Its cores.
    pub cores: f64,
    /// Its configured memory in bytes.
    pub memory: f64,
    /// CPU in use.
    pub cpu: Vec<Point>,
    /// Memory it takes on its host; its own view where the host's is not known.
    pub mem: Vec<Point>,
    /// Share of time in which it waited for CPU, memory or disks (the worst of the three),
    /// where the source gives it.
    pub pressure: Vec<Point>,
}

/// A move with everything that it is judged from.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The move.
    pub migration: Migration,
    /// Node that the guest left.
    pub source: NodeRecord,
    /// Node that it went to.
    pub target: NodeRecord,
    /// The guest.
    pub guest: GuestRecord,
    /// Nodes that no guest came to or left since the day before the move: they show the common swing.
    pub controls: Vec<NodeRecord>,
    /// Next move of the guest, if any.
    pub next_move: Option<Migration>,
    /// Middle of every stored row since the move: when the collector was at work.
    pub rows: Vec<UnixTime>,
}

/// The points before a moment.
pub(super) fn before(points: &[Point], time: UnixTime) -> Vec<Point> {
    points.iter().filter(|p| p.time < time).copied().collect()
}

/// Shares that can have been measured: a little above 1 happens, more is no reading.
const PLAUSIBLE: RangeInclusive<f64> = 0.0..=2.0;

/// Whether a share can have been measured.
pub(super) fn is_plausible(share: &f64) -> bool {
    PLAUSIBLE.contains(share)
}

/// Mean of each slot by number of samples; `None` where there are none.
pub(super) fn means(points: &[Point], slots: &[Range<UnixTime>]) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0.0); slots.len()];
    for point in points.iter().filter(|p| is_plausible(&p.value)) {
        let slot = slots.partition_point(|s| s.end <= point.time);
        if let (Some(range), Some(sum)) = (slots.get(slot), sums.get_mut(slot))
            && range.contains(&point.time)
        {
            let weight = f64::from(point.count.max(1));
            sum.0 += point.value * weight;
            sum.1 += weight;
        }
    }
    sums.into_iter().map(|(sum, weight)| (weight > 0.0).then(|| sum / weight)).collect()
}

/// Which slots hold a row at all.
pub(super) fn covered(rows: &[UnixTime], slots: &[Range<UnixTime>]) -> Vec<bool> {
    let mut seen = vec![false; slots.len()];
    for time in rows {
        let slot = slots.partition_point(|s| s.end <= *time);
        if slots.get(slot).is_some_and(|range| range.contains(time)) {
            seen[slot] = true;
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_weigh_by_samples_and_leave_gaps() {
        let row = |time, value, count| Point { time, value, seconds: 60, count, p95: None };
        let slots = [10..20, 20..30, 40..50];
        let points =
            [row(9, 0.9, 1), row(10, 0.25, 1), row(19, 1.0, 2), row(30, 0.9, 1), row(45, 0.7, 0)];
        assert_eq!(means(&points, &slots), [Some(0.75), None, Some(0.7)]);
        for absurd in [f64::NAN, f64::INFINITY, -0.1, 99.0] {
            assert_eq!(means(&[row(12, absurd, 1)], &slots), [None, None, None]);
        }
        assert_eq!(covered(&[5, 15, 35, 49, 50], &slots), [true, false, true]);
    }
}
