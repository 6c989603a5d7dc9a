//! Steps that are no level shifts: a level is what lasts, and a slow change is one.

use super::explain::Explained;
use super::finding::Change;
use super::structure;
use crate::model::{DAY, HOUR, UnixTime};
use crate::series::{Buffer, Grid, stats};

/// What does not last this long is a burst or a dip, or not yet to be told from one, seconds.
const LASTS: i64 = 12 * HOUR;
/// The same where six hours are one value: the search keeps steps a day apart, so that a burst may seem as long.
const LASTS_COARSE: i64 = 30 * HOUR;
/// What a step leaves and leads to is looked at for so long, days, in slots of an hour and of six; and the part of its size
/// by which the medians must differ.
const BESIDE: f64 = 1.0;
const BESIDE_COARSE: f64 = 2.5;
const HALF: f64 = 0.5;
/// Changes younger than this are not where slots of six hours tell them, seconds.
const YOUNG: i64 = 2 * DAY;
/// Found steps the same way that are no further apart than this many times what the search allows are one change.
const ONE: f64 = 1.2;

/// Takes out of the found `changes` of a window (ascending) those with a level that does not last on either side: half a
/// day from its start, and from its end, where the anomaly flag tells of them, and pairs that cancel; parts of one change
/// become one.
pub(super) fn lasting(
    changes: Vec<Change>,
    (from, to): (UnixTime, UnixTime),
    grid: Grid,
) -> Vec<Change> {
    let lasts = if grid == Grid::Hour { LASTS } else { LASTS_COARSE };
    let brief = |a: &Change, b: &Change| {
        b.time.saturating_sub(a.time) < lasts && (0.5..=2.0).contains(&(-b.size / a.size))
    };
    let mut kept: Vec<Change> = Vec::with_capacity(changes.len());
    // The ends of a window are known to the hour, by the times of what is in their slots.
    let inside =
        |c: &Change| c.time.saturating_sub(from) >= LASTS && to.saturating_sub(c.time) >= LASTS;
    for change in joined(changes, grid) {
        let found = |c: &Change| !c.known;
        match kept.last() {
            Some(last) if found(last) && found(&change) && brief(last, &change) => {
                kept.pop();
            }
            _ => kept.push(change),
        }
    }
    kept.retain(|c| c.known || inside(c));
    kept
}

/// Whether most of the time beside a found step stands on its levels: the edge of a burst whose other edge was not found
/// has a level on one side that is soon left. `step` is its time in days and its size in points.
pub(super) fn is_level(explained: &Explained, grid: Grid, (at, size, _): (f64, f64, bool)) -> bool {
    let (bins, x, slope) = (&explained.window, &explained.adjusted, explained.slope.average);
    let beside = if grid == Grid::Hour { BESIDE } else { BESIDE_COARSE };
    let others = || explained.structure.steps().map(|step| step.0);
    let from = others().filter(|t| *t < at).fold(at - beside, f64::max);
    let to = others().filter(|t| *t > at).fold(at + beside, f64::min);
    let place = |time: f64| bins.t.partition_point(|t| *t < time);
    let level = |from: usize, to: usize| {
        let mut rest: Buffer = (from..to).map(|i| x[i] - slope * bins.t[i]).collect();
        stats::median(&mut rest)
    };
    let rise = level(place(at), place(to)) - level(place(from), place(at));
    rise * size.signum() >= HALF * size.abs()
}

/// Slots of six hours put a change of the last day where the search may have one, a day before their end: its moment is
/// that of the nearest like it that was found in slots of an hour, `near`.
pub(super) fn tell_hours(changes: &mut [Change], near: &[Change], now: UnixTime) {
    let young = |c: &Change| now.saturating_sub(c.time) < YOUNG;
    for change in changes.iter_mut().filter(|c| !c.known) {
        let away = |n: &&Change| n.time.saturating_sub(change.time).abs();
        let like = |n: &&Change| young(n) && n.size * change.size > 0.0 && away(n) <= DAY;
        if let Some(nearest) = near.iter().filter(like).min_by_key(away) {
            change.time = nearest.time;
        }
    }
}

/// A change over some hours is found as steps as close as the search allows: told as one, in their middle by size.
fn joined(changes: Vec<Change>, grid: Grid) -> Vec<Change> {
    let near = ONE * structure::apart(grid) * DAY as f64;
    let mut joined: Vec<Change> = Vec::with_capacity(changes.len());
    let mut last = UnixTime::MIN;
    for change in changes {
        let gap = change.time.saturating_sub(last) as f64;
        last = change.time;
        match joined.last_mut() {
            Some(one)
                if !one.known && !change.known && one.size * change.size > 0.0 && gap <= near =>
            {
                let share = change.size / (one.size + change.size);
                one.time += (change.time.saturating_sub(one.time) as f64 * share).round() as i64;
                one.size += change.size;
            }
            _ => joined.push(change),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift(hour: i64, size: f64) -> Change {
        Change { time: hour * HOUR, size, known: false }
    }

    #[test]
    fn a_level_lasts_half_a_day() {
        let told = |changes: &[Change]| -> Vec<i64> {
            let kept = lasting(changes.to_vec(), (0, 168 * HOUR), Grid::Hour);
            kept.iter().map(|c| c.time / HOUR).collect()
        };
        assert_eq!(told(&[shift(60, 9.0), shift(100, -9.0)]), [60, 100], "up, and down days later");
        assert_eq!(told(&[shift(60, 9.0), shift(68, -8.0)]), [0; 0], "a burst");
        assert_eq!(told(&[shift(40, 5.0), shift(60, 9.0), shift(68, -8.0)]), [40]);
        assert_eq!(told(&[shift(60, 9.0), shift(68, 8.0)]), [60, 68], "two arrivals");
        assert_eq!(told(&[shift(60, 9.0), shift(66, 9.0)]), [63], "one that took its time");
        assert_eq!(told(&[shift(60, 3.0), shift(66, 9.0), shift(73, 3.0)]), [66], "or three parts");
        assert_eq!(told(&[shift(60, 20.0), shift(68, -8.0)]), [60, 68], "it settles higher");
        assert_eq!(told(&[shift(8, 9.0), shift(160, 9.0)]), [0; 0], "the ends of the window");
        let known = Change { known: true, ..shift(160, 9.0) };
        assert_eq!(told(&[known]), [160], "a move is known at once");
        let coarse =
            lasting(vec![shift(60, 9.0), shift(84, -9.0)], (0, 720 * HOUR), Grid::SixHours);
        assert_eq!(coarse, [], "a burst in slots of six hours");
    }
}
